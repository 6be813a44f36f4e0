/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Who may have which address, by the configuration. */
#ifndef OCKAMD_NAMES_H
#define OCKAMD_NAMES_H

#include <stdbool.h>

#include <ockam/ockam.h>

struct asker;
struct config;

/* Does it give an address to something that is no listener? */
bool config_gives(const struct config *c, const struct ockam_path *address);

/*
 * @any_name: whether the right to reserved names goes with it; else the kernel
 * has the last word.
 */
bool may_listen(const struct config *c, const struct ockam_path *address,
		const struct asker *who, bool *any_name);

/* Names of our own services. */
bool address_is_reserved(const struct ockam_path *address);

#endif /* OCKAMD_NAMES_H */
