/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Links, hops and switches of the configuration. */
#ifndef OCKAMD_LINKS_H
#define OCKAMD_LINKS_H

#include <stdbool.h>

#include "config/config.h"
#include "nl.h"

/* Those that are not named any more. */
void links_release(const struct config *c);
void links_apply(const struct config *c);
void links_event(const struct ockam_nl_event *ev);
void links_end(void);
/* Who had the address before does not take the hop away that has it now. */
bool links_has_hop(const struct config *c, const struct ockam_path *address);

#endif /* OCKAMD_LINKS_H */
