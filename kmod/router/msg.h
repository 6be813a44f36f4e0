/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A message inside the node: an sk_buff whose data is the payload, with a
 * struct ockam_msg at skb->head that holds routes and origin.
 *
 *	head					     data	    tail
 *	| struct ockam_msg | return | onward | headroom | payload | tailroom |
 *
 * Each route lies in a region with room in front, because routes change at
 * the front.  Headroom and tailroom take what the codec and the channels put
 * around the payload; ockam_msg_reserve() makes room before anything that
 * cannot be undone.  Payloads beyond OCKAM_LINEAR_MAX continue in linear skbs
 * on the frag_list.
 *
 * One context owns a message at a time; nothing here locks.
 */
#ifndef _OCKAM_MSG_H
#define _OCKAM_MSG_H

#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <uapi/linux/ockam.h>

#include "ground/route.h"

struct ockam_node;
struct ockam_sink;
struct ockam_source;

/* Decryptions, and encryptions, of one message inside one node. */
#define OCKAM_DECRYPT_MAX	8
/*
 * Payload bytes in the first skb, and the most that softirq takes on: 16 KiB
 * and what channels put around.
 */
#define OCKAM_LINEAR_MAX	17408
/*
 * What channels put around a payload at most, however deep they are nested: so
 * much larger than max-msg may be what a link carries (channel.h has the check).
 */
#define OCKAM_SEALED_MAX	(OCKAM_DECRYPT_MAX * 9216)
/* Bytes to grow in front of a route. */
#define OCKAM_ROUTE_SLACK	64

/**
 * struct ockam_ident - what a channel vouches for; shared with its messages
 * @ref: references
 * @channel: the channel's id
 * @flags: enum ockam_peer_flags that the channel adds
 * @identifier: the peer's verified identifier
 */
struct ockam_ident {
	refcount_t	ref;
	u32		channel;
	u32		flags;
	u8		identifier[OCKAM_IDENTIFIER_LEN];
};

static inline struct ockam_ident *ockam_ident_get(struct ockam_ident *id)
{
	refcount_inc(&id->ref);
	return id;
}

void ockam_ident_put(struct ockam_ident *id);

/**
 * struct ockam_from - a message's origin (kernel-architecture.rst: Origin)
 * @kind: enum ockam_origin
 * @flags: enum ockam_peer_flags
 * @nident: channels it came through
 * @link: id of the link it arrived on, or 0
 * @peer: which of that link's peers sent it (ockam_endpoint_print()), 0 if it
 *	has one only
 * @uid: local sender's effective uid
 * @gid: local sender's effective gid
 * @pid: local sender's thread group, with a reference, or NULL
 * @ident: channels it came through, outermost first, with references
 */
struct ockam_from {
	u8			kind;
	u8			flags;
	u8			nident;
	u32			link;
	u64			peer;
	kuid_t			uid;
	kgid_t			gid;
	struct pid		*pid;
	struct ockam_ident	*ident[OCKAM_DECRYPT_MAX];
};

void ockam_from_copy(struct ockam_from *to, const struct ockam_from *from);
void ockam_from_release(struct ockam_from *from);

/* The innermost channel, which speaks for the message. */
static inline struct ockam_ident *ockam_from_ident(const struct ockam_from *f)
{
	return f->nident ? f->ident[f->nident - 1] : NULL;
}

/* Which account carries the message's memory (see ockam_msg_charge_*). */
enum ockam_charge {
	OCKAM_CHARGE_NONE,
	OCKAM_CHARGE_SENDER,	/* skb->sk, sk_wmem_alloc */
	OCKAM_CHARGE_READER,	/* skb->sk, sk_rmem_alloc */
	OCKAM_CHARGE_SOURCE,	/* the link it came from, sink.h */
};

/**
 * struct ockam_region - where a route lies, offsets from skb->head
 * @base: first byte the route may use
 * @start: its first byte
 * @end: behind its last byte
 * @limit: behind the last byte it may use
 * @hops: number of hops
 */
struct ockam_region {
	u16	base;
	u16	start;
	u16	end;
	u16	limit;
	u16	hops;
};

/**
 * struct ockam_msg - at the head of every skb that is a message
 * @onward: route still to go, first hop is the next address
 * @ret: route back
 * @from: origin
 * @source: with OCKAM_CHARGE_SOURCE, who pays; holds a reference
 * @node: with @mem, whose account
 * @mem: bytes that the node counts as held for others, see mem.h
 * @charged: bytes it pays; on a link's way out, what its user is charged for
 * @charge: enum ockam_charge
 * @mem_kind: enum ockam_mem_kind, the account that @mem is on
 * @decrypts: decryptions so far in this node
 * @steps: steps so far in this node
 * @seen: empty, and a reader with a peek offset has seen it; under its queue's
 *	lock
 * @unparked: the sink it was parked at and now has its turn; for comparison
 *	only
 * @sealed: what an encryptor of this node has made: who may use its channel was
 *	asked, and no link's list of senders is
 * @class: what it may be kept for when it is free, if it still has the size
 * @more: its sender says that another one follows at once
 * @mark: SO_MARK of the sender, for the carrier
 * @priority: SO_PRIORITY likewise
 */
struct ockam_msg {
	struct ockam_region	onward;
	struct ockam_region	ret;
	struct ockam_from	from;
	struct ockam_source	*source;
	const struct ockam_sink	*unparked;
	struct ockam_node	*node;
	u32			mem;
	u32			charged;
	u8			charge;
	u8			mem_kind;
	u8			decrypts;
	u8			steps;
	bool			seen;
	bool			sealed;
	bool			more;
	u8			class;
	u32			mark;
	u32			priority;
};

static inline struct ockam_msg *ockam_msg(const struct sk_buff *skb)
{
	return (struct ockam_msg *)skb->head;
}

static inline u8 *ockam_onward(const struct sk_buff *skb)
{
	return skb->head + ockam_msg(skb)->onward.start;
}

static inline u32 ockam_onward_len(const struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);

	return m->onward.end - m->onward.start;
}

static inline u8 *ockam_return(const struct sk_buff *skb)
{
	return skb->head + ockam_msg(skb)->ret.start;
}

static inline u32 ockam_return_len(const struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);

	return m->ret.end - m->ret.start;
}

/* Bytes the codec may put in front of the payload. */
static inline u32 ockam_msg_headroom(const struct sk_buff *skb)
{
	return skb->data - skb->head - ockam_msg(skb)->onward.limit;
}

/**
 * struct ockam_room - what to lay out around a payload
 * @onward: bytes of onward route, slack comes on top
 * @ret: bytes of return route, likewise
 * @head: bytes in front of the payload
 * @tail: bytes behind it
 */
struct ockam_room {
	u32	onward;
	u32	ret;
	u32	head;
	u32	tail;
};

/*
 * A message for @len bytes of payload, of which none are there yet (skb->len
 * is 0; up to OCKAM_LINEAR_MAX, skb_put() adds them; ockam_msg_put() adds all,
 * through the frag_list, for the caller to fill).  Origin, routes and charge
 * are empty, the destructor is set: kfree_skb() releases whatever the message
 * holds.  NULL: no memory.
 */
struct sk_buff *ockam_msg_alloc(u32 len, const struct ockam_room *room,
				gfp_t gfp);

/*
 * Frees a message that was delivered, or of which others have a reference as well:
 * as consume_skb(), but its memory may be kept for the next ockam_msg_alloc() on
 * this processor (spare.h).  Any context.
 */
void ockam_msg_free(struct sk_buff *skb);

/* Makes skb->len what was given to ockam_msg_alloc(). */
void ockam_msg_put(struct sk_buff *skb, u32 len);

/* Takes the first hop off the onward route, which must have one. */
void ockam_msg_pop(struct sk_buff *skb);

/*
 * 0, -EMSGSIZE (64 hops, 4096 bytes) or -ENOMEM, and then nothing changed.
 * @hop and @route must not lie in @skb.
 */
int ockam_msg_push_return(struct sk_buff *skb, const u8 *hop);
int ockam_msg_prepend(struct sk_buff *skb, const u8 *route, u32 len, u32 hops);
int ockam_msg_set_onward(struct sk_buff *skb, const u8 *route, u32 len,
			 u32 hops);
int ockam_msg_set_return(struct sk_buff *skb, const u8 *route, u32 len,
			 u32 hops);

/* No way back.  Cannot fail. */
static inline void ockam_msg_clear_return(struct sk_buff *skb)
{
	struct ockam_region *r = &ockam_msg(skb)->ret;

	r->start = r->limit;
	r->end = r->limit;
	r->hops = 0;
}

/*
 * Make sure of @room->head and @room->tail around the payload, and that
 * routes of @room->onward and @room->ret bytes can be set: 0 or -ENOMEM.
 * After it, that much cannot fail.
 */
int ockam_msg_reserve(struct sk_buff *skb, const struct ockam_room *room);

/* Appends @len bytes behind the payload, wherever its last skb is. */
u8 *ockam_msg_append(struct sk_buff *skb, u32 len);

/*
 * Move the memory to another account.  charge_reader adds skb->truesize to the
 * socket's rmem; charge_source takes a reference on the source.  charge_sender is
 * for a new message, of which its socket's wmem has @claim already.
 */
void ockam_msg_charge_none(struct sk_buff *skb);
void ockam_msg_charge_sender(struct sk_buff *skb, struct sock *sk, u32 claim);
void ockam_msg_charge_reader(struct sk_buff *skb, struct sock *sk);
void ockam_msg_charge_source(struct sk_buff *skb, struct ockam_source *src);

/*
 * Besides, and until it is freed: the node holds it for somebody outside.  It is
 * on the account of links until ockam_msg_queued() says that a worker has it, and
 * again if ockam_msg_unqueued() says that a channel has it instead.
 */
void ockam_msg_hold(struct sk_buff *skb, struct ockam_node *node);
void ockam_msg_queued(struct sk_buff *skb);
void ockam_msg_unqueued(struct sk_buff *skb);

/*
 * A message no more: routes, origin and charges are released, and @skb is a plain
 * one with the payload in it, for whatever comes behind.
 */
void ockam_msg_strip(struct sk_buff *skb);

#endif /* _OCKAM_MSG_H */
