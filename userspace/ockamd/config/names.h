/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Who may have which address, by the configuration. */
#ifndef OCKAMD_NAMES_H
#define OCKAMD_NAMES_H

#include <stdbool.h>

#include <ockam/ockam.h>

struct asker;
struct conf_channel;
struct conf_listener;
struct config;

#define RESERVED_MAX	64	/* names that a node reserves: the kernel's limit */

/**
 * struct named_address - an address that a section gives
 * @address: it
 * @name: the section's title
 * @line: of the section
 */
struct named_address {
	const struct ockam_path *address;
	const char *name;
	int line;
};

/*
 * All of them, the listeners' first, until @fn says true: whether it did.  Not the
 * prekey service's, which has no title.
 */
bool config_each_address(const struct config *c,
			 bool (*fn)(void *ctx, const struct named_address *a),
			 void *ctx);

/* Does it give an address to something, or to something that is no listener? */
bool config_has(const struct config *c, const struct ockam_path *address);
bool config_gives(const struct config *c, const struct ockam_path *address);

/* The section whose address it is, or NULL. */
const struct conf_listener *config_listener(const struct config *c,
					    const struct ockam_path *address);
const struct conf_channel *config_channel(const struct config *c,
					  const struct ockam_path *address);

/*
 * @any_name: whether the right to reserved names goes with it; else the kernel
 * has the last word.
 */
bool may_listen(const struct config *c, const struct ockam_path *address,
		const struct asker *who, bool *any_name);

/* Names of our own services. */
bool address_is_reserved(const struct ockam_path *address);

#endif /* OCKAMD_NAMES_H */
