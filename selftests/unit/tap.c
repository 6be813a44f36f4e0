// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static unsigned int count, failures;
static uint64_t state;

/* ---- results ---- */

bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	count++;
	printf("%sok %u ", good ? "" : "not ", count);
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
	printf("1..%u\n", count);
	if (failures)
		printf("# %u of %u failed\n", failures, count);
	return failures || !count;
}

int tap_main(const struct tap_test *tests, unsigned int n)
{
	unsigned int i, failed = 0;
	uint64_t seed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", n);
	tap_seed();
	seed = state;
	for (i = 0; i < n; i++) {
		bool ok;

		state = seed + i;
		ok = tests[i].run();
		printf("%s %u %s\n", ok ? "ok" : "not ok", i + 1,
		       tests[i].name);
		failed += !ok;
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- chance ---- */

void tap_seed(void)
{
	const char *env = getenv("OCKAM_SEED");

	state = env ? strtoull(env, NULL, 0) :
		      (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	tap_note("OCKAM_SEED=%llu", (unsigned long long)state);
}

/* splitmix64 */
uint64_t tap_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* ---- bytes as text ---- */

size_t tap_unhex(const char *hex, uint8_t *out)
{
	unsigned int byte;
	size_t n = 0;

	while (sscanf(hex, "%2x", &byte) == 1) {
		out[n++] = (uint8_t)byte;
		hex += 2;
	}
	return n;
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
