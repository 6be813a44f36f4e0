/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Names that programs cannot have. */
#ifndef OCKAMD_RESERVE_H
#define OCKAMD_RESERVE_H

#include "config/config.h"
#include "nl.h"

/* Reserves the names that the configuration uses, and no others of its own. */
void reserve_apply(const struct config *c);
int reserve_init(void);
void reserve_event(const struct ockam_nl_event *ev);

/*
 * The kernel keeps a name that was given up for the uid that had it, which is ours for
 * each listener.  So whose it was we have to know, as long as the kernel would.
 */
void reserve_hold(const struct ockam_path *address, uid_t uid);
/* Is it kept for another uid? */
bool reserve_is_held(const struct ockam_path *address, uid_t uid);

#endif /* OCKAMD_RESERVE_H */
