/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the node shall have, and whether it has it.  Whatever changes, the network, a
 * name, the configuration, the answer is the same: see what is there and make it
 * what it shall be; if that fails, try again, later each time.
 */
#ifndef OCKAMD_WANTED_H
#define OCKAMD_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#define WANTED_ERROR_MAX	160

struct wanted;

/**
 * struct wanted_kind - what objects of a kind have in common
 * @word: for the kind: "link"
 * @make: compares the object with what there is, and makes or replaces it; 0, or
 *        a negative errno when it is not as it shall be: wanted_fail() may have
 *        said why.  NULL: who looks after it says how it is with wanted_is()
 */
struct wanted_kind {
	const char *word;
	int (*make)(struct wanted *w);
};

/**
 * struct wanted - an object that the node shall have
 * @entry: list of all
 * @kind: its kind
 * @name: as written; who adds it keeps it
 * @there: it is as it shall be
 * @since: when it became so, or ceased to be, in ms
 * @fails: attempts in a row that failed
 * @next_try: when it is tried again, in ms; if it is there, looked at again;
 *            0: not before something happens
 * @again_ms: it is looked at again after so long, 0: not without a reason
 * @error: why the last attempt failed, "" if it did not
 */
struct wanted {
	TAILQ_ENTRY(wanted) entry;
	const struct wanted_kind *kind;
	const char *name;
	bool there;
	uint64_t since;
	unsigned int fails;
	uint64_t next_try;
	uint64_t again_ms;
	char error[WANTED_ERROR_MAX];
};

/* The first attempt is made with the next call of wanted_now(), or tick. */
void wanted_add(struct wanted *w, const struct wanted_kind *kind,
		const char *name);
void wanted_remove(struct wanted *w);
/* Looks at it at once: something about it has changed. */
void wanted_now(struct wanted *w);
/* Those that are not there yet, soon: something else has changed. */
void wanted_retry(void);
/* Of one that is made elsewhere; @next_try is 0 if nothing is tried. */
void wanted_is(struct wanted *w, bool there, unsigned int fails,
	       uint64_t next_try);
/* In words, for who asks about the attempt that is being made. */
void wanted_fail(struct wanted *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void wanted_tick(void);
/* All of them: events were lost. */
int wanted_check(void);
/* A line for each, those that are not there first. */
void wanted_list(FILE *f);

#endif /* OCKAMD_WANTED_H */
