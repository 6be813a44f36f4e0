/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Sources: whom to charge for what strangers make us hold and compute.  That is what
 * costs something: an address outside, not the connections from there, nor the
 * channels inside those.
 */
#ifndef OCKAMD_SOURCE_H
#define OCKAMD_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <ockam/ockam.h>

enum source_kind {
	SOURCE_SELF,		/* ourselves */
	SOURCE_USER,		/* a uid of this node */
	SOURCE_PASSED_ON,	/* programs of this node, nobody knows whose */
	SOURCE_LINK,		/* a link, if its address is not known */
	SOURCE_CHANNEL,		/* a channel that leads to this node itself */
	SOURCE_ADDRESS,		/* an IP address, or the network of an IPv6 one */
};

/**
 * struct source - who is charged
 * @kind: enum source_kind
 * @id: link, uid or channel
 * @ip: SOURCE_ADDRESS: IPv6, or IPv4 as such
 * @link: the link at the end, 0: none
 * @channel: the channel inside the link, 0: none
 *
 * @link and @channel are for shares within the source: they cost nothing.
 */
struct source {
	uint8_t kind;
	uint32_t id;
	uint8_t ip[16];
	uint32_t link;
	uint32_t channel;
};

void source_of(const struct ockam_info *info, struct source *src);
void source_of_user(uid_t uid, struct source *src);
/* Of what comes over a link, or a channel, by id. */
void source_of_link(uint32_t link, struct source *src);
void source_of_channel(uint32_t channel, struct source *src);

bool source_same(const struct source *a, const struct source *b);
/* The same link and channel, too? */
bool source_same_way(const struct source *a, const struct source *b);

/* For one log line; four may be in use at once. */
const char *source_text(const struct source *src);

#endif /* OCKAMD_SOURCE_H */
