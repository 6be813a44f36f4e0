/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where messages end inside the node (a sink: a worker's socket, a link's way
 * out), and who brings them in (a source: a link's way in).  This is the
 * whole of backpressure:
 *
 *  - a local sender waits until the sink has room, or gets EAGAIN;
 *  - what a source brings for a full sink is parked at the sink and charged
 *    to the source; a source over its limit, or with a full share at some sink
 *    (share.h), stops reading until enough has been taken off;
 *  - a sink that takes nothing for stall_ms loses what is parked; one that takes
 *    less than fills a source's share loses that share.  Then the source does
 *    not stop for it any more, until the sink has caught up: what finds it full
 *    is dropped.
 *
 * sink->lock (spinlock, bh) protects what is parked; nests inside nothing but a
 * carrier's slock, and the receive queue's lock when a socket is taken over.
 */
#ifndef _OCKAM_SINK_H
#define _OCKAM_SINK_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "router/share.h"

struct ockam_limit;
struct ockam_msg;
struct ockam_node;
struct ockam_policy;
struct ockam_sink;
struct ockam_sock;
struct ockam_source;

/**
 * struct ockam_sink_ops - a kind of sink
 * @check: may a message of this origin end here?  0 or a negative errno, with
 *	*reason set for the counter (enum ockam_drop).  @m is NULL for a
 *	ciphertext of this node's own making: only ask whether the sink works.
 *	@from is the socket by which the current task sends, NULL for what
 *	came in or had to wait.  Under RCU
 * @room: is there room for one more message?  Any context
 * @admits: is there also room for one more of this node's own, if those that
 *	are coming (@coming, but for @own bytes of it) are there?  With @serial
 *	only; less than what @room gives to messages passing through
 * @deliver: takes the message; the front hop of its onward route is the
 *	sink's own address.  0; -ESTALE with the message untouched: the
 *	address belongs to somebody else now, look again; or another errno
 *	with the message already counted and freed.  Called under RCU in any
 *	context when @serial is NULL, else in process context with the serial
 *	mutex held
 * @passes: with @serial only: could it take a message of at most so many bytes, with
 *	the head that it will get, without that and in any context?  NULL: never
 * @pass: takes such a message, as @deliver does, after a @passes of the same RCU
 *	section; false: not now, and it is as it was
 * @route: what was parked goes on from here: the router, in the context that
 *	ockam_sink_unpark() is called in for this kind.  Consumes the message
 * @kick: messages were parked, or one waits that needs process context:
 *	see to it that ockam_sink_unpark() is called when there is room
 * @idle: has all of it been taken?  Any context
 * @id: the link's id; not used for workers
 * @peer: which peer of the link a message goes to whose next hop behind the
 *	link's own is @hop, or NULL; 0 if it has one only.  Not used for workers
 * @stranger: has it come by itself, nobody of this node having chosen its peer?  Then
 *	*taken is how many bytes that has taken so far.  Not used for workers
 * @hold: take a reference, false when the last one is gone
 * @put: drop it
 */
struct ockam_sink_ops {
	int	(*check)(struct ockam_sink *sink, const struct ockam_msg *m,
			 const struct ockam_sock *from, u32 *reason);
	bool	(*room)(const struct ockam_sink *sink);
	bool	(*admits)(const struct ockam_sink *sink, u32 own);
	int	(*deliver)(struct ockam_sink *sink, struct sk_buff *skb);
	bool	(*passes)(const struct ockam_sink *sink, u32 bytes);
	bool	(*pass)(struct ockam_sink *sink, struct sk_buff *skb);
	void	(*route)(struct ockam_node *node, struct sk_buff *skb);
	void	(*kick)(struct ockam_sink *sink);
	bool	(*idle)(const struct ockam_sink *sink);
	u32	(*id)(const struct ockam_sink *sink);
	u64	(*peer)(const struct ockam_sink *sink, const u8 *hop);
	bool	(*stranger)(const struct ockam_sink *sink, u64 *taken);
	bool	(*hold)(struct ockam_sink *sink);
	void	(*put)(struct ockam_sink *sink);
};

/**
 * struct ockam_sink - embedded in a worker's socket or a link
 * @ops: its kind
 * @node: its node
 * @policy: program that is asked before something is delivered, policy.h
 * @lock: protects @parked, @stalled and @dead
 * @parked: messages to be routed again
 * @wait: local senders that wait for room, and pollers: all of them exclusive, in
 *	the order of coming, and out of it once they are called
 * @serial: order of sends in process context; NULL for workers
 * @coming: bytes that local senders are encrypting for it
 * @stall: looks after what is parked, whether it goes
 * @progress: jiffies of the last message taken off
 * @epoch: never the same again, by which sources know who was too slow for them
 * @slow: there are such
 * @unparking: parked messages are being routed; later ones queue up behind
 * @stalled: nothing is parked until something is taken off again
 * @dead: nothing is parked any more, waiters shall look again
 * @stall_reason: enum ockam_drop, what counts messages for a stalled sink
 */
struct ockam_sink {
	const struct ockam_sink_ops	*ops;
	struct ockam_node		*node;
	struct ockam_policy __rcu	*policy;
	spinlock_t			lock;
	struct ockam_shares		parked;
	wait_queue_head_t		wait;
	struct mutex			*serial;
	atomic_t			coming;
	struct timer_list		stall;
	unsigned long			progress;
	u32				epoch;
	bool				slow;
	bool				unparking;
	bool				stalled;
	bool				dead;
	u8				stall_reason;
};

void ockam_sink_init(struct ockam_sink *sink, struct ockam_node *node,
		     const struct ockam_sink_ops *ops, struct mutex *serial);

/* No more parking; frees what is parked, wakes all who wait.  May sleep. */
void ockam_sink_kill(struct ockam_sink *sink);

/* Is anything parked?  May be out of date. */
static inline bool ockam_sink_has_parked(const struct ockam_sink *sink)
{
	return READ_ONCE(sink->parked.msgs);
}

/* Room, and nobody before us? */
static inline bool ockam_sink_ready(const struct ockam_sink *sink)
{
	if (unlikely(ockam_sink_has_parked(sink)))
		return false;
	/* These two pair with those in ockam_sink_unpark(). */
	smp_rmb();
	if (unlikely(READ_ONCE(sink->unparking)))
		return false;
	/* What was there before is counted in what @room looks at. */
	smp_rmb();
	return sink->ops->room(sink);
}

/*
 * May a local sender go on?  On its way out, what others send through this
 * node goes first, and has room that local senders never fill: so a ring of
 * relays that is full of messages under way always has room left to move them
 * (a store-and-forward deadlock needs every buffer of the ring full).
 */
static inline bool ockam_sink_admits(const struct ockam_sink *sink)
{
	if (!sink->serial)
		return sink->ops->room(sink);
	return ockam_sink_ready(sink) && sink->ops->admits(sink, 0);
}

/*
 * The same, and for who encrypts before he has the sink's lock: from here on to
 * ockam_sink_came() the room is his.  So however many do that at the same time, they
 * exceed it by one message.
 */
static inline bool ockam_sink_claim(struct ockam_sink *sink, u32 bytes)
{
	/* Of two at the same time each sees the other one, or is seen. */
	atomic_add_return(bytes, &sink->coming);
	if (likely(ockam_sink_ready(sink) && sink->ops->admits(sink, bytes)))
		return true;
	atomic_sub(bytes, &sink->coming);
	return false;
}

/* Who has found no room meanwhile is to be woken. */
static inline void ockam_sink_came(struct ockam_sink *sink, u32 bytes)
{
	atomic_sub(bytes, &sink->coming);
}

/* Would a send go on at once?  Nobody else is at it, either. */
static inline bool ockam_sink_open(const struct ockam_sink *sink)
{
	return ockam_sink_admits(sink) &&
	       !(sink->serial && mutex_is_locked(sink->serial));
}

/*
 * Keep a message until the sink has room; it is routed again then, from the
 * state it has now.  Consumes the message: it is dropped and counted when the
 * sink is dead or stalled.  Messages without a source stay charged to their
 * sender.  Any context.
 */
void ockam_sink_park(struct ockam_sink *sink, struct sk_buff *skb);

/*
 * Route parked messages while there is room, wake local senders.  For a
 * worker in any context, for a link in process context with nothing locked.
 */
void ockam_sink_unpark(struct ockam_sink *sink);

/* Something was taken off the sink: note progress, wake local senders. */
void ockam_sink_progress(struct ockam_sink *sink);

/*
 * If there is room, call whoever waits.  However many there are, that is one
 * sender that sleeps, who calls the next one when he is through, and before him
 * some pollers: what the room has to do with the rest is done later, and ends
 * when the room is taken.  Any context.
 */
void ockam_sink_wake(struct ockam_sink *sink);

#define OCKAM_SLOW_MAX		8

/**
 * struct ockam_slow - a sink that was too slow for a source
 * @sink: for comparison only
 * @epoch: the sink's then
 */
struct ockam_slow {
	const struct ockam_sink	*sink;
	u32			epoch;
};

/**
 * struct ockam_calls - key of the wait queue's functions, or NULL: all are called
 * @left: so many more pollers
 */
struct ockam_calls {
	unsigned int left;
};

/**
 * struct ockam_source - embedded in a link
 * @ref: references of messages charged to it, plus the link's own
 * @parked: bytes charged now
 * @nfull: shares of it that are full
 * @stopped: it was full, and @resume is due
 * @lossy: it does not stop: what is too much is dropped
 * @nslow: marks in @slow so far
 * @slow: the last sinks that were too slow; one that has been pushed out of here is
 *	waited for once more
 * @limit: bytes
 * @node: its node
 * @user: limits over the user (limit.h), or NULL
 * @release: last reference gone, any context
 * @resume: parked fell well below the limit after ockam_source_full() had
 *	said yes; any context, must not sleep nor take a carrier's lock
 */
struct ockam_source {
	refcount_t	ref;
	atomic_t	parked;
	atomic_t	nfull;
	bool		stopped;
	bool		lossy;
	u32		nslow;
	struct ockam_slow slow[OCKAM_SLOW_MAX];
	u32		limit;
	struct ockam_node *node;
	struct ockam_limit *user;
	void		(*release)(struct ockam_source *src);
	void		(*resume)(struct ockam_source *src);
};

/*
 * A source that is full stays so until this much is free again (or half its
 * limit).  Room that is withheld so must be less than what links reserve for
 * messages passing through.
 */
#define OCKAM_SOURCE_SLACK	(64 * 1024)

void ockam_source_init(struct ockam_source *src, struct ockam_node *node,
		       u32 limit,
		       void (*release)(struct ockam_source *src),
		       void (*resume)(struct ockam_source *src));
void ockam_source_get(struct ockam_source *src);
void ockam_source_put(struct ockam_source *src);

/* Over the limit?  Then reading stops, and @resume will be called. */
bool ockam_source_full(struct ockam_source *src);

/* For share.c: bytes that are left of the limit, and those in between. */
unsigned long ockam_source_room(const struct ockam_source *src);
unsigned long ockam_source_slack(const struct ockam_source *src);

/* A share of it is full, and is not any more.  Any context. */
void ockam_source_hold(struct ockam_source *src);
void ockam_source_release(struct ockam_source *src);

/* @sink is too slow for it.  Under the sink's lock. */
void ockam_source_mark(struct ockam_source *src, const struct ockam_sink *sink);

/* For msg.c: account for a message, or take it off again. */
void ockam_source_charge(struct ockam_source *src, u32 bytes);
void ockam_source_uncharge(struct ockam_source *src, u32 bytes);

#endif /* _OCKAM_SINK_H */
