// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "tap.h"

#ifndef VECTORS_DIR
#define VECTORS_DIR "../vectors"
#endif

static unsigned int tests, failures;
static uint64_t rnd_state;

bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	tests++;
	printf("%sok %u ", good ? "" : "not ", tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		failures++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

void tap_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void tap_die(const char *file, int line, const char *what)
{
	printf("Bail out! %s:%d: %s\n", file, line, what);
	exit(1);
}

int tap_done(void)
{
	printf("1..%u\n", tests);
	if (failures)
		printf("# %u of %u failed\n", failures, tests);
	return failures || !tests;
}

void rnd_init(void)
{
	const char *env = getenv("SEED");

	rnd_state = env ? strtoull(env, NULL, 0) :
			  (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	tap_note("SEED=%llu", (unsigned long long)rnd_state);
}

/* splitmix64 */
uint64_t rnd(void)
{
	uint64_t z = rnd_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

size_t unhex(const char *hex, void *out, size_t cap)
{
	size_t len = strlen(hex), i;
	unsigned int byte;
	uint8_t *p = out;

	MUST(len % 2 == 0 && len / 2 <= cap);
	for (i = 0; i < len / 2; i++) {
		MUST(sscanf(hex + 2 * i, "%2x", &byte) == 1);
		p[i] = (uint8_t)byte;
	}
	return len / 2;
}

bool hex_is(const void *data, size_t len, const char *hex)
{
	uint8_t *want = malloc(strlen(hex) / 2 + 1);
	bool same;

	MUST(want);
	same = unhex(hex, want, strlen(hex) / 2) == len &&
	       !memcmp(want, data, len);
	free(want);
	return same;
}

struct json_t *load_vectors(const char *name)
{
	const char *dir = getenv("VECTORS_DIR");
	char path[4096];
	json_t *root;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : VECTORS_DIR, name);
	root = json_load_file(path, 0, NULL);
	MUST(root);
	return root;
}
