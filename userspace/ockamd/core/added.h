/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The file with the sections that were made at run time, a line each. */
#ifndef OCKAMD_ADDED_H
#define OCKAMD_ADDED_H

#include <stdbool.h>

/*
 * A copy with one more section, "inlet 'name' { ... }", or with one less, "inlet 'name'
 * {".  0, or a negative errno with words in @why.
 */
int added_try_add(const char *section, const char **why);
int added_try_delete(const char *section, const char **why);
/*
 * At once, and on the disk: the section that begins with @head is another one.  0, or a
 * negative errno; -ENOENT: it is not there.
 */
int added_replace(const char *head, const char *section);
/* Has that been done since the copy was made?  Then it is worthless. */
bool added_is_stale(void);
/* Is there something that no configuration in force has?  Until it is seen. */
bool added_is_new(void);
void added_seen(void);
void added_unseen(void);
/* The copy is what there is from now on, or not; 0, or a negative errno. */
int added_take(void);
void added_drop(void);

#endif /* OCKAMD_ADDED_H */
