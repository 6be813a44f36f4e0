/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Who is charged for what strangers make us do. */
#ifndef OCKAMD_RATE_H
#define OCKAMD_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <ockam/ockam.h>

/**
 * struct source - who is charged for what strangers make us do
 * @kind: enum ockam_origin
 * @id: link, or uid, or the channel if it leads to this node itself
 * @channel: the one inside the link, 0: none; channels cost nothing
 */
struct source {
	uint8_t kind;
	uint32_t id;
	uint32_t channel;
};

void charge_to(const struct ockam_info *info, struct source *src);

/*
 * May it make us compute something?  @cost: 1 is about as much as a Diffie-Hellman
 * handshake.
 */
bool rate_allows(const struct source *src, unsigned int cost);

#endif /* OCKAMD_RATE_H */
