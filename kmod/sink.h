/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where messages end inside the node (a sink: a worker's socket, a link's way
 * out), and who brings them in (a source: a link's way in).  This is the
 * whole of backpressure:
 *
 *  - a local sender waits until the sink has room, or gets EAGAIN;
 *  - what a source brings for a full sink is parked at the sink and charged
 *    to the source; a source over its limit stops reading until enough has
 *    been taken off;
 *  - a sink that takes nothing for stall_ms loses what is parked.
 *
 * sink->lock (spinlock, bh) protects parked; nests inside nothing but a
 * carrier's slock, and the receive queue's lock when a socket is taken over.
 */
#ifndef _OCKAM_SINK_H
#define _OCKAM_SINK_H

#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>

struct mutex;
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
 * @admits: is there also room for one more of this node's own?  With @serial
 *	only; less than what @room gives to messages passing through
 * @deliver: takes the message; the front hop of its onward route is the
 *	sink's own address.  0; -ESTALE with the message untouched: the
 *	address belongs to somebody else now, look again; or another errno
 *	with the message already counted and freed.  Called under RCU in any
 *	context when @serial is NULL, else in process context with the serial
 *	mutex held
 * @route: what was parked goes on from here: the router, in the context that
 *	ockam_sink_unpark() is called in for this kind.  Consumes the message
 * @kick: messages were parked, or one waits that needs process context:
 *	see to it that ockam_sink_unpark() is called when there is room
 * @id: the link's id; not used for workers
 * @peer: which peer of the link a message goes to whose next hop behind the
 *	link's own is @hop, or NULL; 0 if it has one only.  Not used for workers
 * @hold: take a reference, false when the last one is gone
 * @put: drop it
 */
struct ockam_sink_ops {
	int	(*check)(struct ockam_sink *sink, const struct ockam_msg *m,
			 const struct ockam_sock *from, u32 *reason);
	bool	(*room)(const struct ockam_sink *sink);
	bool	(*admits)(const struct ockam_sink *sink);
	int	(*deliver)(struct ockam_sink *sink, struct sk_buff *skb);
	void	(*route)(struct ockam_node *node, struct sk_buff *skb);
	void	(*kick)(struct ockam_sink *sink);
	u32	(*id)(const struct ockam_sink *sink);
	u64	(*peer)(const struct ockam_sink *sink, const u8 *hop);
	bool	(*hold)(struct ockam_sink *sink);
	void	(*put)(struct ockam_sink *sink);
};

/**
 * struct ockam_sink - embedded in a worker's socket or a link
 * @ops: its kind
 * @node: its node
 * @policy: program that is asked before something is delivered, policy.h
 * @lock: protects @parked
 * @parked: messages as they arrived, in order, to be routed again
 * @wait: local senders that wait for room, and pollers
 * @serial: order of sends in process context; NULL for workers
 * @stall: fires stall_ms after parking began without progress
 * @progress: jiffies of the last message taken off
 * @unparking: parked messages are being routed; later ones queue up behind
 * @stalled: nothing is parked until something is taken off again
 * @dead: nothing is parked any more, waiters shall look again
 * @stall_reason: enum ockam_drop, what counts messages for a stalled sink
 * @lossless: whether to park (true), or drop when full (UDP)
 */
struct ockam_sink {
	const struct ockam_sink_ops	*ops;
	struct ockam_node		*node;
	struct ockam_policy __rcu	*policy;
	spinlock_t			lock;
	struct sk_buff_head		parked;
	wait_queue_head_t		wait;
	struct mutex			*serial;
	struct timer_list		stall;
	unsigned long			progress;
	bool				unparking;
	bool				stalled;
	bool				dead;
	bool				lossless;
	u8				stall_reason;
};

void ockam_sink_init(struct ockam_sink *sink, struct ockam_node *node,
		     const struct ockam_sink_ops *ops, struct mutex *serial);

/* No more parking; frees what is parked, wakes all who wait.  May sleep. */
void ockam_sink_kill(struct ockam_sink *sink);

/* Room, and nobody before us? */
static inline bool ockam_sink_ready(const struct ockam_sink *sink)
{
	return skb_queue_empty_lockless(&sink->parked) &&
	       !READ_ONCE(sink->unparking) && sink->ops->room(sink);
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
	return ockam_sink_ready(sink) && sink->ops->admits(sink);
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

/* Wake local senders and pollers without that: to look again. */
void ockam_sink_wake(struct ockam_sink *sink);

/**
 * struct ockam_source - embedded in a link
 * @ref: references of messages charged to it, plus the link's own
 * @parked: bytes charged now
 * @stopped: it was full, and @resume is due
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
	bool		stopped;
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

/* For msg.c: account for a message, or take it off again. */
void ockam_source_charge(struct ockam_source *src, u32 bytes);
void ockam_source_uncharge(struct ockam_source *src, u32 bytes);

#endif /* _OCKAM_SINK_H */
