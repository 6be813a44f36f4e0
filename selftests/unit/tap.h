/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * TAP for the unit tests, in two ways: a table of functions, each of which ends at
 * the first thing that is wrong (TAP_MAIN(), CHECK()); or a result for each OK(),
 * and tap_done() at the end of main().
 */
#ifndef OCKAM_TAP_H
#define OCKAM_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table ---- */

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

int tap_main(const struct tap_test *tests, unsigned int n);

#define TAP_MAIN(tests) \
	int main(void) \
	{ \
		return tap_main(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

/* ---- results one by one ---- */

bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the plan.  Failures, and no test at all, are a status that is not 0. */
int tap_done(void);

#define OK(cond, ...)	tap_check((cond), __FILE__, __LINE__, __VA_ARGS__)
/* Setup that everything after it needs. */
#define MUST(cond)							\
	do {								\
		if (!(cond))						\
			tap_die(__FILE__, __LINE__, #cond);		\
	} while (0)
void tap_die(const char *file, int line, const char *what)
	__attribute__((noreturn));

/* ---- chance ---- */

/*
 * The same everywhere for the same seed, which is printed: OCKAM_SEED of the
 * environment, or the clock.  tap_main() does it, for each function anew.
 */
void tap_seed(void);
uint64_t tap_random(void);

static inline uint32_t tap_below(uint32_t n)
{
	return tap_random() % n;
}

/* ---- bytes as text ---- */

/* As many as there are. */
size_t tap_unhex(const char *hex, uint8_t *out);
/* At most @cap; dies on bad text. */
size_t unhex(const char *hex, void *out, size_t cap);
bool hex_is(const void *data, size_t len, const char *hex);

#endif /* OCKAM_TAP_H */
