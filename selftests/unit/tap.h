/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Just enough TAP for the unit tests of the ground rooms.  Each test is a
 * function; CHECK() ends it at the first thing that is wrong.
 */
#ifndef OCKAM_TAP_H
#define OCKAM_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			return false;					\
		}							\
	} while (0)

struct tap_test {
	const char *name;
	bool (*run)(void);
};

static uint64_t tap_state;

/* splitmix64: good enough here and the same everywhere */
static inline uint64_t tap_random(void)
{
	uint64_t z = tap_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint32_t tap_below(uint32_t n)
{
	return tap_random() % n;
}

/* The seed comes from TAP_SEED or the clock and is always printed. */
static inline int tap_main(const struct tap_test *tests, unsigned int n)
{
	const char *env = getenv("TAP_SEED");
	unsigned int failed = 0;
	uint64_t seed;
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 1000003;
	printf("TAP version 13\n1..%u\n# seed %llu\n", n,
	       (unsigned long long)seed);
	for (i = 0; i < n; i++) {
		bool ok;

		tap_state = seed + i;
		ok = tests[i].run();
		printf("%s %u %s\n", ok ? "ok" : "not ok", i + 1,
		       tests[i].name);
		failed += !ok;
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define TAP_MAIN(tests) \
	int main(void) \
	{ \
		return tap_main(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

static inline size_t tap_unhex(const char *hex, uint8_t *out)
{
	unsigned int byte;
	size_t n = 0;

	while (sscanf(hex, "%2x", &byte) == 1) {
		out[n++] = (uint8_t)byte;
		hex += 2;
	}
	return n;
}

#endif /* OCKAM_TAP_H */
