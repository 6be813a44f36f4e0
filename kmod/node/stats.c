// SPDX-License-Identifier: GPL-2.0
/* Counters and tracepoints of a node. */
#include <linux/percpu.h>
#include <linux/skbuff.h>

#include "node/node.h"
#include "node/stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * Several counters a message: where a word is wide enough, no more than the
 * one instruction each that nothing can interrupt.
 */
#if BITS_PER_LONG == 64
#define stats_add(stats, what, n)	this_cpu_add((stats)->what, n)
#else
#define stats_add(stats, what, n)					\
do {									\
	struct ockam_stats *__s;					\
									\
	local_bh_disable();						\
	__s = this_cpu_ptr(stats);					\
	u64_stats_update_begin(&__s->sync);				\
	__s->what += (n);						\
	u64_stats_update_end(&__s->sync);				\
	local_bh_enable();						\
} while (0)
#endif

void ockam_stat_add(struct ockam_node *node, enum ockam_stat what, u64 n)
{
	stats_add(node->stats, count[what], n);
}

void ockam_refuse(struct ockam_node *node, enum ockam_drop reason)
{
	stats_add(node->stats, drop[reason], 1);
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
		const u64 *p = (const void *)s + offset;
		u64 v;

		do {
			start = u64_stats_fetch_begin(&s->sync);
			v = READ_ONCE(*p);
		} while (u64_stats_fetch_retry(&s->sync, start));
		sum += v;
	}
	return sum;
}

u64 ockam_stat_read(const struct ockam_node *node, enum ockam_stat what)
{
	return stat_sum(node, offsetof(struct ockam_stats, count) +
			what * sizeof(u64));
}

u64 ockam_drop_read(const struct ockam_node *node, enum ockam_drop reason)
{
	return stat_sum(node, offsetof(struct ockam_stats, drop) +
			reason * sizeof(u64));
}
