// SPDX-License-Identifier: GPL-2.0
/* Counters and tracepoints of a node. */
#include <linux/percpu.h>
#include <linux/skbuff.h>

#include "node.h"
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void ockam_stat_add(struct ockam_node *node, enum ockam_stat what, u64 n)
{
	struct ockam_stats *s;

	local_bh_disable();
	s = this_cpu_ptr(node->stats);
	u64_stats_update_begin(&s->sync);
	u64_stats_add(&s->count[what], n);
	u64_stats_update_end(&s->sync);
	local_bh_enable();
}

void ockam_refuse(struct ockam_node *node, enum ockam_drop reason)
{
	struct ockam_stats *s;

	local_bh_disable();
	s = this_cpu_ptr(node->stats);
	u64_stats_update_begin(&s->sync);
	u64_stats_inc(&s->drop[reason]);
	u64_stats_update_end(&s->sync);
	local_bh_enable();
}

void ockam_drop(struct ockam_node *node, struct sk_buff *skb,
		enum ockam_drop reason)
{
	trace_ockam_drop(node, skb, reason);
	ockam_refuse(node, reason);
	kfree_skb(skb);
}

static u64 stat_sum(const struct ockam_node *node, size_t offset)
{
	unsigned int start;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct ockam_stats *s = per_cpu_ptr(node->stats, cpu);
		const u64_stats_t *p = (const void *)s + offset;
		u64 v;

		do {
			start = u64_stats_fetch_begin(&s->sync);
			v = u64_stats_read(p);
		} while (u64_stats_fetch_retry(&s->sync, start));
		sum += v;
	}
	return sum;
}

u64 ockam_stat_read(const struct ockam_node *node, enum ockam_stat what)
{
	return stat_sum(node, offsetof(struct ockam_stats, count) +
			what * sizeof(u64_stats_t));
}

u64 ockam_drop_read(const struct ockam_node *node, enum ockam_drop reason)
{
	return stat_sum(node, offsetof(struct ockam_stats, drop) +
			reason * sizeof(u64_stats_t));
}
