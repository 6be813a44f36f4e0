/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Files in the state directory. */
#ifndef OCKAMD_STATE_H
#define OCKAMD_STATE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Files in the state directory, NULL if there is none: reading one; a new one,
 * which has the name only after state_commit(), and in its first line of which start
 * of the machine and which network namespace it speaks.
 */
FILE *state_read(const char *name);
FILE *state_write(const char *name);
void state_commit(FILE *f, const char *name);
/* Does not wait for the disk; more can be written to it.  NULL: it failed. */
FILE *state_swap(FILE *f, const char *name);
void state_remove(const char *name);

/*
 * The same by hand, for a file without that line: an empty one of that name, all of it
 * on the disk and closed, and in the place of another one, for good.  NULL, or a
 * negative errno.
 */
FILE *state_create(const char *name);
int state_finish(FILE *f);
int state_replace(const char *from, const char *to);

/* Reads that line: is it about here and now?  Else the file is worthless. */
bool state_same_boot(FILE *f);

#endif /* OCKAMD_STATE_H */
