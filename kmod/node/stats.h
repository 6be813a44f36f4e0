/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a node, per CPU: what was carried, and each drop by reason.
 * The reasons are uapi (enum ockam_drop), generated from the netlink spec.
 */
#ifndef _OCKAM_STATS_H
#define _OCKAM_STATS_H

#include <linux/types.h>
#include <linux/u64_stats_sync.h>
#include <uapi/linux/ockam_netlink.h>

#include "node/mem.h"

struct ockam_node;
struct sk_buff;

/**
 * struct ockam_stats - one CPU's counters
 * @count: indexed by enum ockam_stat
 * @drop: indexed by enum ockam_drop
 * @mem: bytes that are not yet on the node's accounts, see mem.h
 * @sync: for readers on 32-bit machines
 */
struct ockam_stats {
	u64			count[__OCKAM_STAT_MAX];
	u64			drop[__OCKAM_DROP_MAX];
	int			mem[__OCKAM_MEM_MAX];
	struct u64_stats_sync	sync;
};

void ockam_stat_add(struct ockam_node *node, enum ockam_stat what, u64 n);

static inline void ockam_stat_inc(struct ockam_node *node,
				  enum ockam_stat what)
{
	ockam_stat_add(node, what, 1);
}

/* Count and trace a refusal without a message to free. */
void ockam_refuse(struct ockam_node *node, enum ockam_drop reason);

/* Count, trace and free a message.  Any context. */
void ockam_drop(struct ockam_node *node, struct sk_buff *skb,
		enum ockam_drop reason);

/* Sum over the CPUs, for netlink. */
u64 ockam_stat_read(const struct ockam_node *node, enum ockam_stat what);
u64 ockam_drop_read(const struct ockam_node *node, enum ockam_drop reason);

#endif /* _OCKAM_STATS_H */
