// SPDX-License-Identifier: GPL-2.0
/* Backpressure: sinks, sources and what is parked between them. */
#include <linux/jiffies.h>
#include <linux/poll.h>

#include "limit.h"
#include "msg.h"
#include "node.h"
#include "sink.h"

#define UNPARK_BUDGET	64

static void sink_purge(struct ockam_sink *sink, enum ockam_drop reason)
{
	struct sk_buff_head gone;
	struct sk_buff *skb;

	__skb_queue_head_init(&gone);
	spin_lock_bh(&sink->lock);
	skb_queue_splice_init(&sink->parked, &gone);
	spin_unlock_bh(&sink->lock);
	while ((skb = __skb_dequeue(&gone)))
		ockam_drop(sink->node, skb, reason);
}

static unsigned long sink_patience(const struct ockam_sink *sink)
{
	return msecs_to_jiffies(READ_ONCE(sink->node->conf.stall_ms));
}

static void sink_stall(struct timer_list *t)
{
	struct ockam_sink *sink = container_of(t, struct ockam_sink, stall);
	unsigned long due;

	if (skb_queue_empty_lockless(&sink->parked))
		return;

	due = READ_ONCE(sink->progress) + sink_patience(sink);
	if (time_before(jiffies, due)) {
		mod_timer(&sink->stall, due);
		return;
	}
	WRITE_ONCE(sink->stalled, true);
	sink_purge(sink, READ_ONCE(sink->stall_reason));
}

void ockam_sink_init(struct ockam_sink *sink, struct ockam_node *node,
		     const struct ockam_sink_ops *ops, struct mutex *serial)
{
	sink->ops = ops;
	sink->node = node;
	RCU_INIT_POINTER(sink->policy, NULL);
	sink->serial = serial;
	spin_lock_init(&sink->lock);
	__skb_queue_head_init(&sink->parked);
	init_waitqueue_head(&sink->wait);
	timer_setup(&sink->stall, sink_stall, 0);
	sink->progress = jiffies;
	sink->unparking = false;
	sink->stalled = false;
	sink->dead = false;
	sink->lossless = true;
	sink->stall_reason = OCKAM_DROP_STALLED;
}

void ockam_sink_kill(struct ockam_sink *sink)
{
	spin_lock_bh(&sink->lock);
	WRITE_ONCE(sink->dead, true);
	spin_unlock_bh(&sink->lock);
	timer_shutdown_sync(&sink->stall);
	sink_purge(sink, OCKAM_DROP_NAME_GONE);
	wake_up_interruptible_poll(&sink->wait, EPOLLOUT | EPOLLHUP);
	wake_up_all(&sink->wait);
}

void ockam_sink_park(struct ockam_sink *sink, struct sk_buff *skb)
{
	enum ockam_drop reason;
	struct ockam_msg *m = ockam_msg(skb);

	spin_lock_bh(&sink->lock);
	if (sink->dead) {
		reason = OCKAM_DROP_NAME_GONE;
		goto drop;
	}
	if (sink->stalled) {
		reason = READ_ONCE(sink->stall_reason);
		goto drop;
	}
	if (skb_queue_empty(&sink->parked)) {
		if (!sink->unparking)
			WRITE_ONCE(sink->progress, jiffies);
		mod_timer(&sink->stall, jiffies + sink_patience(sink));
	}
	if (m->unparked == sink)
		__skb_queue_head(&sink->parked, skb);
	else
		__skb_queue_tail(&sink->parked, skb);
	m->unparked = NULL;
	spin_unlock_bh(&sink->lock);

	ockam_stat_inc(sink->node, OCKAM_STAT_PARKED);
	sink->ops->kick(sink);
	return;

drop:
	spin_unlock_bh(&sink->lock);
	ockam_drop(sink->node, skb, reason);
}

void ockam_sink_wake(struct ockam_sink *sink)
{
	if (wq_has_sleeper(&sink->wait))
		wake_up_interruptible_poll(&sink->wait, EPOLLOUT |
					   EPOLLWRNORM | EPOLLWRBAND);
}

void ockam_sink_unpark(struct ockam_sink *sink)
{
	unsigned int budget = UNPARK_BUDGET;
	struct sk_buff *skb;

	spin_lock_bh(&sink->lock);
	if (sink->unparking) {
		spin_unlock_bh(&sink->lock);
		return;
	}
	WRITE_ONCE(sink->unparking, true);
	while (sink->ops->room(sink) && budget--) {
		skb = __skb_dequeue(&sink->parked);
		if (!skb)
			break;
		spin_unlock_bh(&sink->lock);
		ockam_msg(skb)->unparked = sink;
		sink->ops->route(sink->node, skb);
		spin_lock_bh(&sink->lock);
	}
	WRITE_ONCE(sink->unparking, false);
	spin_unlock_bh(&sink->lock);

	/* Out of budget, or room came while the flag kept others out. */
	if (!skb_queue_empty_lockless(&sink->parked))
		sink->ops->kick(sink);
	else if (sink->serial)
		ockam_sink_wake(sink);
}

void ockam_sink_progress(struct ockam_sink *sink)
{
	WRITE_ONCE(sink->progress, jiffies);
	if (unlikely(READ_ONCE(sink->stalled)))
		WRITE_ONCE(sink->stalled, false);
	ockam_sink_wake(sink);
}

void ockam_source_init(struct ockam_source *src, struct ockam_node *node,
		       u32 limit,
		       void (*release)(struct ockam_source *src),
		       void (*resume)(struct ockam_source *src))
{
	refcount_set(&src->ref, 1);
	atomic_set(&src->parked, 0);
	src->stopped = false;
	src->limit = limit;
	src->node = node;
	src->user = NULL;
	src->release = release;
	src->resume = resume;
}

void ockam_source_get(struct ockam_source *src)
{
	refcount_inc(&src->ref);
}

void ockam_source_put(struct ockam_source *src)
{
	if (refcount_dec_and_test(&src->ref))
		src->release(src);
}

/*
 * Its own limit; less while memory is short, or its user over his limit; nothing
 * but a message at a time when there is none.
 */
static int source_limit(const struct ockam_source *src)
{
	u8 level = ockam_mem_level(src->node, OCKAM_MEM_LINKS);

	if (likely(level == OCKAM_MEM_FREE && !ockam_limit_over(src->user)))
		return src->limit;
	if (level >= OCKAM_MEM_FULL)
		return 1;
	return min_t(u32, src->limit, OCKAM_MEM_LEAST);
}

/* Below this a source that was full goes on. */
static int source_low(const struct ockam_source *src)
{
	int limit = source_limit(src);

	return limit - min_t(int, limit / 2, OCKAM_SOURCE_SLACK);
}

bool ockam_source_full(struct ockam_source *src)
{
	if (likely(atomic_read(&src->parked) < source_limit(src)))
		return false;

	if (ockam_limit_over(src->user))
		ockam_stat_inc(src->node, OCKAM_STAT_USER_LIMIT);
	else if (ockam_mem_level(src->node, OCKAM_MEM_LINKS))
		ockam_stat_inc(src->node, OCKAM_STAT_MEM_LIMIT);
	WRITE_ONCE(src->stopped, true);
	smp_mb(); /* pairs with the one in ockam_source_uncharge() */
	if (atomic_read(&src->parked) >= source_low(src))
		return true;
	/* It drained meanwhile; whoever clears the flag goes on. */
	return !xchg(&src->stopped, false);
}

void ockam_source_charge(struct ockam_source *src, u32 bytes)
{
	atomic_add(bytes, &src->parked);
	ockam_limit_add(src->user, bytes);
}

void ockam_source_uncharge(struct ockam_source *src, u32 bytes)
{
	int left;

	ockam_limit_add(src->user, -(long)bytes);
	left = atomic_sub_return(bytes, &src->parked);
	/* The atomic above is a full barrier, see ockam_source_full(). */
	if (unlikely(READ_ONCE(src->stopped)) && left < source_low(src) &&
	    xchg(&src->stopped, false))
		src->resume(src);
}
