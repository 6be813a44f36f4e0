/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The configuration anew, with sections that are made at run time. */
#ifndef OCKAMD_RELOAD_H
#define OCKAMD_RELOAD_H

#include <stdbool.h>

struct ask;
struct config;

int reload_init(const char *path);
/* Files that may be open with this configuration. */
void reload_allow_files(const struct config *c);
/* From now on: somebody has sent a signal. */
void reload(void);
/* The same if what was made at run time has changed by itself. */
void reload_tick(void);
/* Likewise, and who asked is answered when that is done. */
void reload_asked(const struct ask *ask);
/*
 * One more section, "inlet 'name' { ... }", or one less, "inlet 'name' {": it is in the
 * configuration, and in the file for the next process, or nothing has changed.
 */
void change_asked(const struct ask *ask, const char *section, bool add);

#endif /* OCKAMD_RELOAD_H */
