/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hop: an address that forwards inside the kernel.  Without a route of its
 * own it removes its address from the onward route and puts it in front of
 * the return route; with one, it is a relay: it puts the stored route in front
 * of the onward route and leaves the return route (Documentation/protocol.rst:
 * What each hop does to the routes).
 */
#ifndef _OCKAM_HOP_H
#define _OCKAM_HOP_H

#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include "router/name.h"

struct netlink_ext_ack;
struct ockam_node;

/**
 * struct ockam_hop - a forwarding address
 * @name: its entry
 * @rcu: for freeing
 * @ref: the node's reference, and those of paths being applied
 * @id: for netlink
 * @scope: enum ockam_accept_scope: whose messages it forwards
 * @msgs: messages forwarded
 * @route_len: bytes of @route, 0 for a plain hop
 * @route_hops: hops in it
 * @key: its address, flat form
 * @route: prepended to the onward route
 */
struct ockam_hop {
	struct ockam_name	name;
	struct rcu_head		rcu;
	refcount_t		ref;
	u32			id;
	u32			scope;
	atomic64_t		msgs;
	u16			route_len;
	u16			route_hops;
	u8			key[2 + OCKAM_ADDR_MAX];
	u8			route[];
};

/* @key and @route in checked flat form.  node->lock held by the caller. */
struct ockam_hop *ockam_hop_new(struct ockam_node *node, const u8 *key,
				u32 scope, const u8 *route, u32 len, u32 hops,
				struct netlink_ext_ack *extack);
/*
 * Puts another one with the same address and id in the place of @old, which is
 * freed when the last message has left it.  As above; 0 or -ENOMEM.
 */
int ockam_hop_set(struct ockam_node *node, struct ockam_hop *old, u32 scope,
		  const u8 *route, u32 len, u32 hops);
void ockam_hop_del(struct ockam_node *node, struct ockam_hop *hop);
void ockam_hop_put(struct ockam_hop *hop);
void ockam_hop_flush(struct ockam_node *node);

#endif /* _OCKAM_HOP_H */
