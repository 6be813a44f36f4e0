/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Listeners that programs have asked for, also for the next process. */
#ifndef OCKAMD_ASKED_H
#define OCKAMD_ASKED_H

/*
 * Those that programs have asked for: to a file, at once or, if that was just done,
 * a little later; and from the one of an earlier process.
 */
void asked_save(void);
void asked_load(void);
void asked_tick(void);
void asked_end(void);

#endif /* OCKAMD_ASKED_H */
