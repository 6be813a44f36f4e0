// SPDX-License-Identifier: GPL-2.0
/* Backpressure: sinks, sources and what is parked between them. */
#include <linux/jiffies.h>

#include "node/limit.h"
#include "router/msg.h"
#include "node/node.h"
#include "router/sink.h"

#define UNPARK_BUDGET	64
#define SINK_PARKED	-1	/* no enum ockam_drop */
#define SINK_CALLS	8	/* pollers, by who makes room */
/* Who takes messages that soon one after the other has caught up. */
#define SINK_SOON	(HZ / 10)

/* So that a sink is never taken for another one, or for what it was. */
static atomic_t sink_epochs;

static void sink_drop(struct ockam_sink *sink, struct sk_buff_head *gone,
		      enum ockam_drop reason)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(gone)))
		ockam_drop(sink->node, skb, reason);
}

static unsigned long sink_patience(const struct ockam_sink *sink)
{
	return msecs_to_jiffies(READ_ONCE(sink->node->conf.stall_ms));
}

/* Lock held. */
static void sink_give_up(struct ockam_sink *sink, struct sk_buff_head *gone,
			 bool all)
{
	if (ockam_shares_give_up(&sink->parked, sink, gone, all,
				 sink_patience(sink)))
		WRITE_ONCE(sink->slow, true);
}

static void sink_stall(struct timer_list *t)
{
	struct ockam_sink *sink = container_of(t, struct ockam_sink, stall);
	unsigned long due;
	struct sk_buff_head gone;

	__skb_queue_head_init(&gone);
	spin_lock_bh(&sink->lock);
	if (!sink->parked.msgs)
		goto unlock;
	due = READ_ONCE(sink->progress) + sink_patience(sink);
	if (time_before(jiffies, due)) {
		sink_give_up(sink, &gone, false);
		if (!sink->dead)
			mod_timer(&sink->stall, due);
	} else {
		WRITE_ONCE(sink->stalled, true);
		sink_give_up(sink, &gone, true);
	}
unlock:
	spin_unlock_bh(&sink->lock);
	sink_drop(sink, &gone, READ_ONCE(sink->stall_reason));
}

void ockam_sink_init(struct ockam_sink *sink, struct ockam_node *node,
		     const struct ockam_sink_ops *ops, struct mutex *serial)
{
	sink->ops = ops;
	sink->node = node;
	RCU_INIT_POINTER(sink->policy, NULL);
	sink->serial = serial;
	atomic_set(&sink->coming, 0);
	spin_lock_init(&sink->lock);
	ockam_shares_init(&sink->parked);
	init_waitqueue_head(&sink->wait);
	timer_setup(&sink->stall, sink_stall, 0);
	sink->progress = jiffies;
	sink->epoch = atomic_inc_return(&sink_epochs);
	sink->slow = false;
	sink->unparking = false;
	sink->stalled = false;
	sink->dead = false;
	sink->stall_reason = OCKAM_DROP_STALLED;
}

void ockam_sink_kill(struct ockam_sink *sink)
{
	struct sk_buff_head gone;

	__skb_queue_head_init(&gone);
	spin_lock_bh(&sink->lock);
	WRITE_ONCE(sink->dead, true);
	sink_give_up(sink, &gone, true);
	spin_unlock_bh(&sink->lock);
	timer_shutdown_sync(&sink->stall);
	sink_drop(sink, &gone, OCKAM_DROP_NAME_GONE);
	wake_up_all(&sink->wait);
}

static bool source_finds_slow(const struct ockam_source *src,
			      const struct ockam_sink *sink)
{
	unsigned int i;

	for (i = 0; i < OCKAM_SLOW_MAX; i++)
		if (READ_ONCE(src->slow[i].sink) == sink &&
		    READ_ONCE(src->slow[i].epoch) == sink->epoch)
			return true;
	return false;
}

/* Lock held: was it too slow for whoever brought this, and is full still? */
static bool sink_is_slow(const struct ockam_sink *sink,
			 const struct ockam_msg *m)
{
	if (likely(!sink->slow || m->charge != OCKAM_CHARGE_SOURCE))
		return false;
	return source_finds_slow(m->source, sink) &&
	       (sink->parked.msgs || !sink->ops->room(sink));
}

/* Lock held: parked, or why not. */
static int sink_put(struct ockam_sink *sink, struct sk_buff *skb)
{
	struct ockam_msg *m = ockam_msg(skb);
	bool first = !sink->parked.msgs;
	int err;

	if (sink->dead)
		return OCKAM_DROP_NAME_GONE;
	if (sink->stalled || sink_is_slow(sink, m))
		return READ_ONCE(sink->stall_reason);
	err = ockam_shares_put(&sink->parked, skb, m->unparked == sink);
	if (unlikely(err))
		return err == -ENOSPC ? OCKAM_DROP_QUEUE_FULL :
					OCKAM_DROP_NO_MEMORY;
	m->unparked = NULL;
	if (first) {
		if (!sink->unparking)
			WRITE_ONCE(sink->progress, jiffies);
		mod_timer(&sink->stall, jiffies + sink_patience(sink));
	}
	return SINK_PARKED;
}

void ockam_sink_park(struct ockam_sink *sink, struct sk_buff *skb)
{
	int reason;

	spin_lock_bh(&sink->lock);
	reason = sink_put(sink, skb);
	spin_unlock_bh(&sink->lock);
	if (unlikely(reason != SINK_PARKED)) {
		ockam_drop(sink->node, skb, reason);
		return;
	}
	ockam_stat_inc(sink->node, OCKAM_STAT_PARKED);
	sink->ops->kick(sink);
}

static void sink_call(struct ockam_sink *sink, unsigned int pollers)
{
	struct ockam_calls calls = { .left = pollers };

	/* Its barrier is that of who made room, see ockam_sock_block(). */
	if (likely(!wq_has_sleeper(&sink->wait)) || !ockam_sink_admits(sink))
		return;
	__wake_up(&sink->wait, TASK_INTERRUPTIBLE, 1, &calls);
	/* They may not want it any more, and whoever is behind them might. */
	if (unlikely(!calls.left))
		sink->ops->kick(sink);
}

void ockam_sink_wake(struct ockam_sink *sink)
{
	sink_call(sink, SINK_CALLS);
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
	/* Before nothing is parked any more. */
	smp_wmb();
	while (sink->ops->room(sink) && budget--) {
		skb = ockam_shares_take(&sink->parked);
		if (!skb)
			break;
		spin_unlock_bh(&sink->lock);
		ockam_msg(skb)->unparked = sink;
		sink->ops->route(sink->node, skb);
		spin_lock_bh(&sink->lock);
	}
	/* What was parked is where it is behind what comes now. */
	smp_wmb();
	WRITE_ONCE(sink->unparking, false);
	spin_unlock_bh(&sink->lock);

	/* Out of budget, or room came while the flag kept others out. */
	if (ockam_sink_has_parked(sink))
		sink->ops->kick(sink);
	else
		sink_call(sink, UNPARK_BUDGET);
}

/*
 * All was taken, and not just one message after a long time: those who had found
 * it too slow shall wait for it again.
 */
static void sink_caught_up(struct ockam_sink *sink)
{
	if (time_after(jiffies, READ_ONCE(sink->progress) + SINK_SOON) ||
	    ockam_sink_has_parked(sink) || !sink->ops->idle(sink))
		return;
	spin_lock_bh(&sink->lock);
	sink->epoch = atomic_inc_return(&sink_epochs);
	WRITE_ONCE(sink->slow, false);
	spin_unlock_bh(&sink->lock);
}

void ockam_sink_progress(struct ockam_sink *sink)
{
	if (unlikely(READ_ONCE(sink->slow)))
		sink_caught_up(sink);
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
	atomic_set(&src->nfull, 0);
	src->stopped = false;
	src->lossy = false;
	src->nslow = 0;
	memset(src->slow, 0, sizeof(src->slow));
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

unsigned long ockam_source_slack(const struct ockam_source *src)
{
	return min_t(u32, source_limit(src) / 4, OCKAM_SOURCE_SLACK);
}

unsigned long ockam_source_room(const struct ockam_source *src)
{
	return max(source_limit(src) - atomic_read(&src->parked), 0);
}

/* Both of its own accord and for the sake of its shares. */
static bool source_goes_on(const struct ockam_source *src, int limit)
{
	return atomic_read(&src->parked) < limit && !atomic_read(&src->nfull);
}

static void source_resume(struct ockam_source *src)
{
	if (source_goes_on(src, source_low(src)) && xchg(&src->stopped, false))
		src->resume(src);
}

bool ockam_source_full(struct ockam_source *src)
{
	if (likely(source_goes_on(src, source_limit(src))))
		return false;

	if (ockam_limit_over(src->user))
		ockam_stat_inc(src->node, OCKAM_STAT_USER_LIMIT);
	else if (ockam_mem_level(src->node, OCKAM_MEM_LINKS))
		ockam_stat_inc(src->node, OCKAM_STAT_MEM_LIMIT);
	WRITE_ONCE(src->stopped, true);
	smp_mb(); /* pairs with those of who takes something off */
	if (!source_goes_on(src, source_low(src)))
		return true;
	/* It drained meanwhile; whoever clears the flag goes on. */
	return !xchg(&src->stopped, false);
}

void ockam_source_hold(struct ockam_source *src)
{
	atomic_inc(&src->nfull);
}

void ockam_source_release(struct ockam_source *src)
{
	atomic_dec(&src->nfull);
	smp_mb__after_atomic(); /* see ockam_source_full() */
	if (READ_ONCE(src->stopped))
		source_resume(src);
}

void ockam_source_mark(struct ockam_source *src, const struct ockam_sink *sink)
{
	u32 n = READ_ONCE(src->nslow);
	struct ockam_slow *slow = &src->slow[n % OCKAM_SLOW_MAX];

	/* Other sinks may do so at the same time: then one mark is lost. */
	WRITE_ONCE(src->nslow, n + 1);
	WRITE_ONCE(slow->sink, NULL);
	WRITE_ONCE(slow->epoch, sink->epoch);
	WRITE_ONCE(slow->sink, sink);
}

void ockam_source_charge(struct ockam_source *src, u32 bytes)
{
	atomic_add(bytes, &src->parked);
	ockam_limit_add(src->user, bytes);
}

void ockam_source_uncharge(struct ockam_source *src, u32 bytes)
{
	ockam_limit_add(src->user, -(long)bytes);
	atomic_sub(bytes, &src->parked);
	smp_mb__after_atomic(); /* see ockam_source_full() */
	if (unlikely(READ_ONCE(src->stopped)))
		source_resume(src);
}
