/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef UNIT_USER_TAP_H
#define UNIT_USER_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One TAP test per call; the plan is printed by tap_done(). */
bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Exit status for main(): failures, and no test at all, are failures. */
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

/* Random numbers of a seed that is printed; SEED in the environment sets it. */
void rnd_init(void);
uint64_t rnd(void);

/* Hexadecimal into a buffer of at most @cap bytes; dies on bad text. */
size_t unhex(const char *hex, void *out, size_t cap);
bool hex_is(const void *data, size_t len, const char *hex);

/* A file of the vectors directory, parsed; dies if it is not there. */
struct json_t;
struct json_t *load_vectors(const char *name);

#endif
