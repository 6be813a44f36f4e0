// SPDX-License-Identifier: GPL-2.0
/* Channels: lifetime, routes, who may use them, and what goes in and out. */
#include <linux/capability.h>
#include <linux/jiffies.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "node/base.h"
#include "channel/channel.h"
#include "ground/codec.h"
#include "channel/crypt.h"
#include "router/hop.h"
#include "node/limit.h"
#include "link/link.h"
#include "node/node.h"
#include "node/notify.h"
#include "router/policy.h"
#include "socket/sock.h"
#include "node/stats.h"
#include "trace.h"

#define CARRIER_STEPS	16	/* hops of this node in front of a carrier */
#define NAME_TRIES	4
#define REFRESH_EVERY	HZ	/* events about a peer's new credentials */

/* ---- routes ---- */

/**
 * struct ockam_carrier_info - what a route's ciphertexts travel by
 * @kind: as carrier_kind of a route
 * @id: of the link or the outer channel
 * @ordered: a single carrier that keeps the order
 */
struct ockam_carrier_info {
	u8	kind;
	u32	id;
	bool	ordered;
};

static void carrier_link(const struct ockam_name *name, bool last,
			 struct ockam_carrier_info *c)
{
	const struct ockam_link *link = ockam_sink_link(name->sink);

	c->kind = OCKAM_ORIGIN_LINK;
	c->id = link->id;
	c->ordered = last && link->config.kind == OCKAM_LINK_KIND_TCP;
}

/*
 * Where a route leaves this node.  Hops inside the kernel are looked through;
 * what a program does with a message cannot be known.  Under RCU.
 */
static void carrier_find(struct ockam_node *node, const u8 *p, u32 len,
			 struct ockam_carrier_info *c)
{
	const struct ockam_channel *outer;
	const struct ockam_hop *hop;
	struct ockam_name *name;
	u32 rest = 0, steps;

	c->kind = OCKAM_CARRIER_UNKNOWN;
	c->id = 0;
	c->ordered = false;

	for (steps = 0; steps < CARRIER_STEPS && len; steps++) {
		name = ockam_name_lookup(node, p);
		if (!name)
			return;

		/* What follows the first hop: one more is the decryptor. */
		rest = len - ockam_key_size(p);
		switch (name->kind) {
		case OCKAM_NAME_LINK:
			carrier_link(name, rest &&
				     rest == ockam_key_size(p + len - rest),
				     c);
			return;
		case OCKAM_NAME_ENCRYPTOR:
			outer = container_of(name, struct ockam_channel, enc);
			c->kind = OCKAM_ORIGIN_CHANNEL;
			/* As messages have it: @id may just be changing. */
			c->id = outer->ident->channel;
			return;
		case OCKAM_NAME_HOP:
			hop = container_of(name, struct ockam_hop, name);
			if (hop->route_len) {
				p = hop->route;
				len = hop->route_len;
			} else {
				p += len - rest;
				len = rest;
			}
			break;
		default:
			c->kind = rest ? OCKAM_CARRIER_PROGRAM :
					 OCKAM_ORIGIN_LOCAL;
			c->ordered = !rest && !steps;
			return;
		}
	}
}

static void carrier_refresh(struct ockam_node *node,
			    struct ockam_channel_route *route)
{
	struct ockam_carrier_info c;

	carrier_find(node, route->data, route->len, &c);
	WRITE_ONCE(route->carrier_kind, c.kind);
	WRITE_ONCE(route->carrier, c.id);
	WRITE_ONCE(route->ordered, c.ordered);
}

static u16 route_prefix(const u8 *p, u32 len)
{
	u32 at = 0;

	while (at + ockam_key_size(p + at) < len)
		at += ockam_key_size(p + at);
	return at;
}

/* @head and @tail together are the route; @tail may be empty. */
static struct ockam_channel_route *route_new(struct ockam_node *node,
					     const u8 *head, u32 head_len,
					     const u8 *tail, u32 tail_len,
					     gfp_t gfp)
{
	struct ockam_channel_route *route;
	int hops;

	route = kzalloc(struct_size(route, data, head_len + tail_len), gfp);
	if (!route)
		return NULL;

	memcpy(route->data, head, head_len);
	memcpy(route->data + head_len, tail, tail_len);
	route->len = head_len + tail_len;
	hops = ockam_route_count(route->data, route->len);
	if (hops <= 0) {
		kfree(route);
		return NULL;
	}
	refcount_set(&route->ref, 1);
	route->hops = hops;
	route->prefix = route_prefix(route->data, route->len);

	rcu_read_lock();
	carrier_refresh(node, route);
	rcu_read_unlock();
	return route;
}

static void route_free(struct rcu_head *rcu)
{
	struct ockam_channel_route *route;

	route = container_of(rcu, struct ockam_channel_route, rcu);
	ockam_late_add(-(long)struct_size(route, data, route->len));
	kfree(route);
}

void ockam_channel_route_put(struct ockam_channel_route *route)
{
	if (!refcount_dec_and_test(&route->ref))
		return;
	ockam_late_add(struct_size(route, data, route->len));
	call_rcu(&route->rcu, route_free);
}

/* route_lock held. */
static void route_replace(struct ockam_channel *ch,
			  struct ockam_channel_route *route)
{
	struct ockam_channel_route *old;

	old = rcu_replace_pointer(ch->route, route,
				  lockdep_is_held(&ch->route_lock));
	if (old)
		ockam_channel_route_put(old);
}

/* A channel whose route begins with itself would encrypt for ever. */
static int route_check(const u8 *enc_key, const u8 *route, u32 len, u32 hops,
		       struct netlink_ext_ack *extack)
{
	int err;

	err = hops ? ockam_route_check(route, len, hops) : -EINVAL;
	if (!err && enc_key &&
	    !memcmp(route, enc_key, min(len, ockam_key_size(enc_key))))
		err = -ELOOP;
	if (err == -ELOOP)
		NL_SET_ERR_MSG(extack, "the route begins with the channel itself");
	else if (err)
		NL_SET_ERR_MSG(extack, "not a route to a decryptor");
	return err;
}

int ockam_channel_set_route(struct ockam_channel *ch, const u8 *route, u32 len,
			    u32 hops, struct netlink_ext_ack *extack)
{
	struct ockam_channel_route *new;
	int err;

	lockdep_assert_held(&ch->node->lock);

	err = route_check(ch->enc_key, route, len, hops, extack);
	if (err)
		return err;

	ockam_late_wait();
	new = route_new(ch->node, route, len, NULL, 0, GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;

	spin_lock_bh(&ch->route_lock);
	route_replace(ch, new);
	spin_unlock_bh(&ch->route_lock);
	return 0;
}

/* ---- learning the route ---- */

#define LEARN_FACTOR	3	/* for an address that may be anybody's */

/* Is the hop the carrier on which this message really came?  Under RCU. */
static bool learn_is_carrier(struct ockam_node *node,
			     const struct ockam_msg *m, const u8 *hop)
{
	const struct ockam_ident *ident = ockam_from_ident(&m->from);
	struct ockam_name *name = ockam_name_lookup(node, hop);
	const struct ockam_channel *ch;

	if (!name)
		return false;
	if (m->from.kind == OCKAM_ORIGIN_LINK && !ident)
		return name->kind == OCKAM_NAME_LINK &&
		       ockam_sink_link(name->sink)->id == m->from.link;
	if (m->from.kind == OCKAM_ORIGIN_CHANNEL && ident &&
	    name->kind == OCKAM_NAME_ENCRYPTOR) {
		ch = container_of(name, struct ockam_channel, enc);
		return ch->ident->channel == ident->channel;
	}
	return false;
}

/* Did it come from where its return route begins? */
static bool learn_is_real(const struct ockam_channel *ch,
			  const struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);

	return !(m->from.flags & OCKAM_PEER_FORWARDED) &&
	       learn_is_carrier(ch->node, m, ockam_return(skb));
}

/* Does the route lead to a UDP address behind a link? */
static bool learn_is_address(const struct ockam_channel_route *route)
{
	u32 at = ockam_key_size(route->data);

	return at < route->prefix && route->data[at] == OCKAM_TYPE_UDP;
}

/*
 * Whoever is on the way may send a copy with a forged source, whose owner asked for
 * nothing: until a second, newer message comes from there it gets no more than so
 * many times what came.
 */
static void learn_mistrust(struct ockam_channel_route *route,
			   const struct sk_buff *skb)
{
	if (!learn_is_address(route))
		return;
	route->unproven = true;
	atomic_set(&route->budget, LEARN_FACTOR *
		   (skb->len + OCKAM_NONCE_LEN + OCKAM_TAG_LEN));
}

/* May these many bytes go there? */
static bool learn_charge(struct ockam_channel_route *route, u32 len)
{
	if (likely(!READ_ONCE(route->unproven)))
		return true;
	if (atomic_sub_return(len, &route->budget) >= 0)
		return true;
	atomic_add(len, &route->budget);
	return false;
}

/* The outer channel that brought it, 0: none. */
static u32 learn_via(const struct ockam_msg *m)
{
	return m->from.kind == OCKAM_ORIGIN_CHANNEL && m->from.nident ?
	       ockam_from_ident(&m->from)->channel : 0;
}

/* It came the known way, which may be no more than what was asked for. */
static void learn_confirm(struct ockam_channel *ch,
			  struct ockam_channel_route *cur,
			  const struct sk_buff *skb)
{
	u32 via = learn_via(ockam_msg(skb));

	if (likely(!READ_ONCE(cur->unproven) && READ_ONCE(cur->via) == via))
		return;
	if (!learn_is_real(ch, skb))
		return;
	WRITE_ONCE(cur->unproven, false);
	WRITE_ONCE(cur->via, via);
}

/* The route as this message has it, or NULL to leave things as they are. */
static struct ockam_channel_route *
learn_new_route(struct ockam_channel *ch, const struct sk_buff *skb,
		const struct ockam_channel_route *cur)
{
	const struct ockam_msg *m = ockam_msg(skb);
	const u8 *ret = ockam_return(skb);
	struct ockam_channel_route *new;
	u32 len = ockam_return_len(skb);

	if (!learn_is_real(ch, skb) ||
	    m->ret.hops + 1 > OCKAM_HOPS_MAX ||
	    len + cur->len - cur->prefix > OCKAM_ROUTE_MAX)
		return NULL;
	new = route_new(ch->node, ret, len, cur->data + cur->prefix,
			cur->len - cur->prefix, GFP_ATOMIC);
	if (new) {
		learn_mistrust(new, skb);
		new->via = learn_via(m);
	}
	return new;
}

/*
 * Look at the outer return route, before decoding overwrites it.  Nearly
 * always it is what is known already.
 */
static struct ockam_channel_route *
learn_look(struct ockam_channel *ch, const struct sk_buff *skb,
	   const struct ockam_opened *how)
{
	struct ockam_channel_route *new = NULL;
	struct ockam_channel_route *cur;
	u32 len = ockam_return_len(skb);

	if (ch->role != OCKAM_ROLE_RESPONDER || !how->newest || !len ||
	    READ_ONCE(ch->pinned))
		return NULL;

	rcu_read_lock();
	cur = rcu_dereference(ch->route);
	if (unlikely(cur->prefix != len ||
		     memcmp(cur->data, ockam_return(skb), len)))
		new = learn_new_route(ch, skb, cur);
	else
		learn_confirm(ch, cur, skb);
	rcu_read_unlock();
	return new;
}

static void learn_apply(struct ockam_channel *ch,
			struct ockam_channel_route *new, u64 nonce)
{
	bool late;

	spin_lock_bh(&ch->route_lock);
	late = nonce < ch->learned;
	if (!late) {
		ch->learned = nonce;
		route_replace(ch, new);
	}
	spin_unlock_bh(&ch->route_lock);
	if (late)
		kfree(new);
	else
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED,
				     false);
}

/* ---- who may use it ---- */

/*
 * A send counts for the uid that both writes and opened the socket, so that a
 * helper with more rights, which was handed the socket, lends none; a socket
 * that was opened with the right to everything may be passed down.
 */
static bool sender_is_owner(const struct ockam_channel *ch,
			    const struct ockam_msg *m,
			    const struct ockam_sock *from)
{
	struct user_namespace *ns = ch->node->net->user_ns;
	kuid_t owner = READ_ONCE(ch->owner);
	kuid_t uid = m->from.kind == OCKAM_ORIGIN_LOCAL ? m->from.uid :
							   current_euid();
	kuid_t opener;

	if (!uid_eq(uid, owner))
		return false;
	opener = READ_ONCE(from->sk.sk_uid);
	return uid_eq(opener, owner) ||
	       ockam_sock_opener_capable(from, ns, CAP_NET_ADMIN);
}

static bool sender_may(struct ockam_channel *ch, const struct ockam_msg *m,
		       struct ockam_sock *from)
{
	struct user_namespace *ns = ch->node->net->user_ns;

	if (READ_ONCE(ch->mode) & 0002)
		return true;

	/*
	 * The kernel's own, or a message that had to wait: its sender was
	 * asked when it was sent, and is not here any more.
	 */
	if (!from)
		return !(m->from.flags & OCKAM_PEER_LENT) &&
		       (uid_eq(m->from.uid, READ_ONCE(ch->owner)) ||
			uid_eq(m->from.uid, make_kuid(ns, 0)) ||
			uid_eq(m->from.uid, GLOBAL_ROOT_UID));

	return sender_is_owner(ch, m, from) ||
	       ockam_rights_has(&from->through, OCKAM_ORIGIN_CHANNEL,
				ch->ident->channel, 0) ||
	       ockam_sock_capable(from, ns, CAP_NET_ADMIN);
}

int ockam_channel_may_send(struct ockam_channel *ch, const struct ockam_msg *m,
			   struct ockam_sock *from, u32 *reason)
{
	u32 fwd = READ_ONCE(ch->node->conf.fwd);

	switch (m->from.kind) {
	case OCKAM_ORIGIN_LOCAL:
		break;
	case OCKAM_ORIGIN_LINK:
		*reason = OCKAM_DROP_FORWARD_LINK_CHANNEL;
		if (!(fwd & 1U << OCKAM_FORWARD_LINK_CHANNEL))
			return -EACCES;
		break;
	case OCKAM_ORIGIN_CHANNEL:
		*reason = OCKAM_DROP_FORWARD_CHANNEL_CHANNEL;
		if (!(fwd & 1U << OCKAM_FORWARD_CHANNEL_CHANNEL))
			return -EACCES;
		break;
	default:
		*reason = OCKAM_DROP_SCOPE_ENCRYPTOR;
		return -EACCES;
	}

	/* Who passes a message on must be entitled to the channel as well. */
	if ((m->from.kind == OCKAM_ORIGIN_LOCAL || from) &&
	    !sender_may(ch, m, from)) {
		*reason = OCKAM_DROP_SCOPE_ENCRYPTOR;
		return -EACCES;
	}
	return 0;
}

bool ockam_channel_may_nest(const struct ockam_channel *inner, u32 via,
			    const struct ockam_channel *outer)
{
	struct user_namespace *ns = inner->node->net->user_ns;
	kuid_t owner = READ_ONCE(inner->owner);

	return READ_ONCE(inner->trusted) || READ_ONCE(outer->mode) & 0002 ||
	       uid_eq(owner, READ_ONCE(outer->owner)) ||
	       uid_eq(owner, make_kuid(ns, 0)) ||
	       uid_eq(owner, GLOBAL_ROOT_UID) ||
	       (via && via == outer->ident->channel);
}

/*
 * Did it come out of this very channel, or as its early data?  What a peer
 * packs twice would teach the channel a route through itself.
 */
static bool is_own_carrier(const struct ockam_channel *ch,
			   const struct ockam_msg *m)
{
	unsigned int i;

	for (i = 0; i < m->from.nident; i++)
		if (m->from.ident[i]->channel == ch->ident->channel)
			return true;
	return false;
}

/* @m NULL: an encryptor of this node made the ciphertext. */
static bool carrier_fits(const struct ockam_channel_route *route,
			 const struct ockam_msg *m, bool roams)
{
	u8 kind = READ_ONCE(route->carrier_kind);
	u32 id = READ_ONCE(route->carrier);

	if (kind == OCKAM_CARRIER_PROGRAM)
		return true;
	if (!m || m->from.kind == OCKAM_ORIGIN_LOCAL)
		return kind == OCKAM_ORIGIN_LOCAL;
	if (roams)
		return true;
	if (m->from.kind != kind)
		return false;
	if (kind == OCKAM_ORIGIN_LINK)
		return m->from.link == id;
	return m->from.nident && ockam_from_ident(&m->from)->channel == id;
}

int ockam_channel_may_receive(struct ockam_channel *ch,
			      const struct ockam_msg *m, u32 *reason)
{
	struct ockam_channel_route *route;
	bool roams;
	bool fits;

	if (m && unlikely(m->from.flags & OCKAM_PEER_FORWARDED)) {
		*reason = OCKAM_DROP_SCOPE_FORWARDED;
		return -EACCES;
	}
	if (m && unlikely(is_own_carrier(ch, m)))
		goto refuse;

	roams = ch->role == OCKAM_ROLE_RESPONDER && !READ_ONCE(ch->pinned);
	rcu_read_lock();
	route = rcu_dereference(ch->route);
	fits = carrier_fits(route, m, roams);
	if (unlikely(!fits)) {
		/* Names may have changed hands since. */
		carrier_refresh(ch->node, route);
		fits = carrier_fits(route, m, roams);
	}
	rcu_read_unlock();
	if (likely(fits))
		return 0;
refuse:
	*reason = OCKAM_DROP_SCOPE_DECRYPTOR;
	return -EACCES;
}

int ockam_channel_can_encrypt(const struct ockam_channel *ch)
{
	u8 state = READ_ONCE(ch->state);

	/* A direction that stalled says nothing of the other one. */
	return state == OCKAM_CHANNEL_STATE_UP ||
	       state == OCKAM_CHANNEL_STATE_STALLED ? 0 : -EKEYEXPIRED;
}

/* ---- encrypting ---- */

/* The plaintext, but for its payload; the routes go inside. */
static int encrypt_pack(struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);
	u32 onward_len = ockam_onward_len(skb);
	u32 ret_len = ockam_return_len(skb);
	u32 head, len = skb->len;

	head = OCKAM_CHAN_PREFIX +
	       ockam_wire_head_size(ockam_onward(skb), onward_len,
				    m->onward.hops, ockam_return(skb), ret_len,
				    m->ret.hops, len);
	if (WARN_ON_ONCE(ockam_msg_headroom(skb) < head + OCKAM_NONCE_LEN))
		return -ENOMEM;

	*ockam_msg_append(skb, OCKAM_CHAN_TRAILER_LEN) = OCKAM_CHAN_TRAILER;
	ockam_chan_head_put(skb_push(skb, head), ockam_onward(skb), onward_len,
			    m->onward.hops, ockam_return(skb), ret_len,
			    m->ret.hops, len);
	return 0;
}

/* At most what a ciphertext and its routes take on the wire. */
static u32 encrypted_len(const struct sk_buff *skb,
			 const struct ockam_channel_route *route)
{
	return skb->len + ockam_onward_len(skb) + ockam_return_len(skb) +
	       OCKAM_ENCRYPT_HEAD + OCKAM_ENCRYPT_TAIL + route->len;
}

int ockam_channel_encrypt(struct ockam_channel *ch, struct sk_buff *skb,
			  struct ockam_channel_route *route)
{
	int err;

	trace_ockam_encrypt(ch->node, skb, ch->id);
	if (unlikely(!learn_charge(route, encrypted_len(skb, route))))
		return -ENOBUFS;
	err = ockam_crypt_begin(ch);
	if (unlikely(err))
		return err;

	ockam_msg_pop(skb);
	err = encrypt_pack(skb);
	ockam_msg_clear_return(skb);
	if (likely(!err))
		err = ockam_msg_set_onward(skb, route->data, route->len,
					   route->hops);
	if (likely(!err))
		err = ockam_crypt_seal(ch, skb);
	ockam_crypt_end(ch);
	ockam_msg(skb)->sealed = true;
	return err;
}

/* ---- decrypting ---- */

static int decode_fetch(void *ctx, u32 off, u8 *to, u32 len)
{
	return skb_copy_bits(ctx, off, to, len);
}

/*
 * Where the inner routes go: at the beginning of the onward region, since that
 * one shrinks, and in the return region behind room for our own address.
 */
static void decode_targets(struct sk_buff *skb, u32 front,
			   struct ockam_wire *w)
{
	const struct ockam_msg *m = ockam_msg(skb);
	u32 size = m->ret.limit - m->ret.base;

	w->onward = skb->head + m->onward.base;
	w->onward_cap = m->onward.limit - m->onward.base;
	w->ret = skb->head + m->ret.base + front;
	w->ret_cap = size > front ? size - front : 0;
	w->fetch = decode_fetch;
	w->fetch_ctx = skb;
}

/* Routes as long as the plaintext itself could hold them. */
static int decode_grow(struct sk_buff *skb, u32 front)
{
	u32 len = min_t(u32, skb->len, OCKAM_ROUTE_MAX);
	struct ockam_room room = { .onward = len, .ret = len + front };

	return ockam_msg_reserve(skb, &room);
}

static int channel_decode(struct ockam_channel *ch, struct sk_buff *skb,
			  struct ockam_wire *w, enum ockam_chan_kind *kind)
{
	u32 front = ockam_key_size(ch->enc_key);
	unsigned int tries = 0;
	int err;

	for (;;) {
		decode_targets(skb, front, w);
		err = ockam_chan_decode(skb->data, skb_headlen(skb), skb->len,
					w, kind);
		if (likely(err != -ENOSPC && err != -ENODATA))
			return err;
		if (++tries > 2)
			return -EBADMSG;
		if (err == -ENOSPC)
			err = decode_grow(skb, front);
		else if (!pskb_may_pull(skb, min_t(u32, skb->len,
						   OCKAM_WIRE_HEAD_MAX)))
			err = -ENOMEM;
		else
			err = 0;
		if (err)
			return -ENOMEM;
	}
}

/* The skb becomes the inner message. */
static int channel_unpack(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_wire *w)
{
	struct ockam_msg *m = ockam_msg(skb);

	m->onward.start = m->onward.base;
	m->onward.end = m->onward.start + w->onward_len;
	m->onward.hops = w->onward_hops;
	m->ret.start = m->ret.base + ockam_key_size(ch->enc_key);
	m->ret.end = m->ret.start + w->ret_len;
	m->ret.hops = w->ret_hops;

	/* In this order the payload's end is counted from the old start. */
	if (pskb_trim(skb, w->payload_off + w->payload_len) ||
	    !pskb_pull(skb, w->payload_off))
		return -ENOMEM;
	return ockam_msg_push_return(skb, ch->enc_key);
}

static void add_origin(struct ockam_channel *ch, struct ockam_msg *m)
{
	m->from.kind = OCKAM_ORIGIN_CHANNEL;
	/* What carried the ciphertext says nothing of what was in it. */
	m->from.flags = (m->from.flags & ~(OCKAM_PEER_FORWARDED |
					   OCKAM_PEER_EARLY |
					   OCKAM_PEER_PASSED_ON)) |
			ch->ident->flags;
	m->from.ident[m->from.nident++] = ockam_ident_get(ch->ident);
	m->decrypts++;
	m->sealed = false;
}

static void peer_closed(struct ockam_channel *ch)
{
	u32 from = 1U << OCKAM_CHANNEL_STATE_UP |
		   1U << OCKAM_CHANNEL_STATE_STALLED |
		   1U << OCKAM_CHANNEL_STATE_EXHAUSTED;

	if (ockam_crypt_set_state(ch, from, OCKAM_CHANNEL_STATE_CLOSED,
				  OCKAM_CHANNEL_REASON_PEER_CLOSED))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_CLOSE_RECEIVED,
				     false);
}

/* Whoever looks at credentials is the worker of this name. */
static const u8 channel_refresh_to[] =
	"\0\22" OCKAM_CREDENTIALS_WORKER;

/* The peer sends as many of them as it likes; listeners hear of some. */
static void peer_refreshed(struct ockam_channel *ch)
{
	unsigned long last = READ_ONCE(ch->refreshed);

	if (last && time_before(jiffies, last + REFRESH_EVERY))
		return;
	WRITE_ONCE(ch->refreshed, jiffies ?: 1);
	ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS,
			     false);
}

/* New credentials become a message for that worker, as if the peer had sent one. */
static int refresh_unpack(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_wire *w)
{
	u32 len = sizeof(channel_refresh_to) - 1;
	int err;

	BUILD_BUG_ON(sizeof(channel_refresh_to) - 1 != 2 + 022);
	if (pskb_trim(skb, w->payload_off + w->payload_len) ||
	    !pskb_pull(skb, w->payload_off))
		return -ENOMEM;
	err = ockam_msg_set_onward(skb, channel_refresh_to, len, 1);
	if (err)
		return err;
	return ockam_msg_set_return(skb, ch->enc_key,
				    ockam_key_size(ch->enc_key), 1);
}

static enum ockam_drop opened_reason(int err)
{
	switch (err) {
	case -EBADMSG:
		return OCKAM_DROP_BAD_PLAINTEXT;
	case -EMSGSIZE:
		return OCKAM_DROP_ROUTE_TOO_LONG;
	default:
		return OCKAM_DROP_NO_MEMORY;
	}
}

/* No room for one more channel in its origin? */
static bool is_too_deep(const struct ockam_msg *m)
{
	return m->decrypts >= OCKAM_DECRYPT_MAX ||
	       m->from.nident >= OCKAM_DECRYPT_MAX;
}

/* Early data is the other channel's, whose program it has to pass as well. */
static int early_policy(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_channel *main;
	int err;

	rcu_read_lock();
	main = rcu_dereference(ch->early_of);
	if (main) {
		err = ockam_policy_input(&main->policy, skb);
	} else {
		ockam_drop(ch->node, skb, OCKAM_DROP_CHANNEL_CLOSED);
		err = -EKEYEXPIRED;
	}
	rcu_read_unlock();
	return err;
}

/* What is no Payload; -ESHUTDOWN: it was consumed. Early data brings none. */
static int opened_control(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_wire *w, enum ockam_chan_kind kind)
{
	if (kind != OCKAM_CHAN_REFRESH) {
		peer_closed(ch);
	} else {
		peer_refreshed(ch);
		if (!(ch->ident->flags & OCKAM_PEER_EARLY))
			return refresh_unpack(ch, skb, w);
	}
	consume_skb(skb);
	return -ESHUTDOWN;
}

/* A verified plaintext: 0 if a message came out, else it was consumed. */
static int channel_opened(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_opened *how)
{
	struct ockam_channel_route *learned;
	enum ockam_chan_kind kind;
	struct ockam_wire w __uninitialized;
	int err;

	if (unlikely(how->first))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_FIRST_MESSAGE,
				     false);

	learned = learn_look(ch, skb, how);
	err = channel_decode(ch, skb, &w, &kind);
	if (unlikely(err))
		goto drop;

	if (unlikely(kind != OCKAM_CHAN_PAYLOAD)) {
		/* No way is learned from those. */
		kfree(learned);
		learned = NULL;
		err = opened_control(ch, skb, &w, kind);
		if (err == -ESHUTDOWN)
			return err;
	} else {
		err = channel_unpack(ch, skb, &w);
	}
	if (unlikely(err))
		goto drop;
	if (unlikely(learned))
		learn_apply(ch, learned, how->nonce);

	add_origin(ch, ockam_msg(skb));
	trace_ockam_decrypt(ch->node, skb, ch->id);
	err = ockam_policy_input(&ch->policy, skb);
	if (unlikely(ch->ident->flags & OCKAM_PEER_EARLY) && !err)
		err = early_policy(ch, skb);
	return err;

drop:
	kfree(learned);
	ockam_drop(ch->node, skb, opened_reason(err));
	return err;
}

int ockam_channel_decrypt(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_opened how;
	int err;

	if (unlikely(READ_ONCE(ch->state) == OCKAM_CHANNEL_STATE_CLOSED)) {
		ockam_drop(ch->node, skb, OCKAM_DROP_CHANNEL_CLOSED);
		return -EKEYEXPIRED;
	}
	if (unlikely(is_too_deep(ockam_msg(skb)))) {
		ockam_drop(ch->node, skb, OCKAM_DROP_TOO_MANY_DECRYPTIONS);
		return -ELOOP;
	}

	err = ockam_crypt_open(ch, skb, &how);
	if (err)
		return err;
	return channel_opened(ch, skb, &how);
}

void ockam_channel_resume(struct ockam_channel *ch, struct sk_buff *skb,
			  const struct ockam_opened *how)
{
	if (unlikely(READ_ONCE(ch->state) == OCKAM_CHANNEL_STATE_CLOSED))
		ockam_drop(ch->node, skb, OCKAM_DROP_CHANNEL_CLOSED);
	else if (!channel_opened(ch, skb, how))
		ch->node->forward(ch->node, skb);
}

/* ---- life ---- */

static void channel_free(struct ockam_channel *ch)
{
	ockam_policy_free(&ch->policy);
	if (ch->crypt)
		ockam_crypt_free(ch);
	if (ch->ident)
		ockam_ident_put(ch->ident);
	kfree(rcu_dereference_protected(ch->route, 1));
	kfree(ch->enc_key);
	kfree(ch->dec_key);
	kfree(ch);
}

static void channel_free_work(struct work_struct *work)
{
	channel_free(container_of(to_rcu_work(work), struct ockam_channel,
				  free));
}

bool ockam_channel_get(struct ockam_channel *ch)
{
	return refcount_inc_not_zero(&ch->ref);
}

void ockam_channel_put(struct ockam_channel *ch)
{
	if (refcount_dec_and_test(&ch->ref))
		queue_rcu_work(ockam_wq, &ch->free);
}

void ockam_channel_nonces(const struct ockam_channel *ch, u64 *tx, u64 *rx)
{
	ockam_crypt_nonces(ch, tx, rx);
}

static struct ockam_ident *ident_new(u32 id, const u8 *identifier)
{
	struct ockam_ident *ident;

	ident = kzalloc(sizeof(*ident), GFP_KERNEL_ACCOUNT);
	if (!ident)
		return NULL;

	refcount_set(&ident->ref, 1);
	ident->channel = id;
	memcpy(ident->identifier, identifier, OCKAM_IDENTIFIER_LEN);
	return ident;
}

static int add_random_encryptor(struct ockam_channel *ch)
{
	u8 name[OCKAM_HOP_HEAD + OCKAM_RANDOM_LEN];
	u8 *key;

	key = kmalloc(OCKAM_HOP_HEAD + OCKAM_NAME_LEN, GFP_KERNEL_ACCOUNT);
	if (!key)
		return -ENOMEM;

	kfree(ch->enc_key);
	ch->enc_key = key;
	ch->enc.key = key;
	/* Half of a random name: 64 bits. */
	ockam_name_random(name);
	memcpy(key, name, OCKAM_HOP_HEAD + OCKAM_NAME_LEN);
	key[1] = OCKAM_NAME_LEN;
	return ockam_name_add(ch->node, &ch->enc);
}

static int add_encryptor(struct ockam_channel *ch,
			 const struct ockam_channel_config *cfg,
			 struct netlink_ext_ack *extack)
{
	unsigned int tries = NAME_TRIES;
	int err;

	if (!cfg->encryptor) {
		do {
			err = add_random_encryptor(ch);
		} while (err == -EADDRINUSE && --tries);
		return err;
	}

	ch->enc_key = kmemdup(cfg->encryptor, ockam_key_size(cfg->encryptor),
			      GFP_KERNEL_ACCOUNT);
	if (!ch->enc_key)
		return -ENOMEM;
	ch->enc.key = ch->enc_key;
	err = ockam_name_add(ch->node, &ch->enc);
	if (err == -EADDRINUSE)
		NL_SET_ERR_MSG(extack, "the encryptor's address is taken");
	return err;
}

/* ---- early data ---- */

/**
 * struct ockam_relatives - channels that a new one belongs with
 * @early_of: it brings the early data of this one
 * @succeeds: its encryptor takes the address of this one's
 */
struct ockam_relatives {
	struct ockam_channel	*early_of;
	struct ockam_channel	*succeeds;
};

/* A channel of the same user to the same peer, with an encryptor. */
static struct ockam_channel *channel_relative(struct ockam_node *node, u32 id,
					      const struct ockam_channel_config *cfg,
					      struct netlink_ext_ack *extack)
{
	struct ockam_channel *ch = xa_load(&node->channels, id);

	if (!ch) {
		NL_SET_ERR_MSG(extack, "no such channel");
		return ERR_PTR(-ENOENT);
	}
	if (memcmp(ch->ident->identifier, cfg->identifier,
		   OCKAM_IDENTIFIER_LEN)) {
		NL_SET_ERR_MSG(extack, "that channel leads to another peer");
		return ERR_PTR(-EINVAL);
	}
	if (!uid_eq(ch->owner, cfg->owner)) {
		NL_SET_ERR_MSG(extack, "that channel belongs to another user");
		return ERR_PTR(-EINVAL);
	}
	if (!ch->enc.listed) {
		NL_SET_ERR_MSG(extack, "that channel has no encryptor");
		return ERR_PTR(-EINVAL);
	}
	return ch;
}

static int find_relatives(struct ockam_node *node,
			  const struct ockam_channel_config *cfg,
			  struct ockam_relatives *rel,
			  struct netlink_ext_ack *extack)
{
	struct ockam_channel *ch;

	memset(rel, 0, sizeof(*rel));
	if (!cfg->early_of && !cfg->succeeds)
		return 0;
	if (cfg->encryptor || (cfg->early_of && cfg->succeeds)) {
		NL_SET_ERR_MSG(extack, "the encryptor's address is another channel's");
		return -EINVAL;
	}
	ch = channel_relative(node, cfg->succeeds ?: cfg->early_of, cfg, extack);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	/* No chains: they would be deleted with all that hangs on them. */
	if (ch->early) {
		NL_SET_ERR_MSG(extack, "that channel has one for early data already");
		return -EEXIST;
	}
	if (cfg->succeeds)
		rel->succeeds = ch;
	else
		rel->early_of = ch;
	return 0;
}

/* Its address is another one's, for good or for now. */
static int copy_encryptor(struct ockam_channel *ch,
			  const struct ockam_channel *from)
{
	ch->enc_key = kmemdup(from->enc_key, ockam_key_size(from->enc_key),
			      GFP_KERNEL_ACCOUNT);
	ch->enc.key = ch->enc_key;
	return ch->enc_key ? 0 : -ENOMEM;
}

static int name_encryptor(struct ockam_channel *ch,
			  const struct ockam_channel_config *cfg,
			  const struct ockam_relatives *rel,
			  struct netlink_ext_ack *extack)
{
	if (rel->early_of)
		return copy_encryptor(ch, rel->early_of);
	if (rel->succeeds)
		return copy_encryptor(ch, rel->succeeds);
	return add_encryptor(ch, cfg, extack);
}

/*
 * Address and id go to @ch, since reply rights and programs go by them; @old
 * goes on under the other id.  Both have entries, so nothing can fail.
 */
static void take_place(struct ockam_channel *ch, struct ockam_channel *old)
{
	struct ockam_node *node = ch->node;
	u32 id = ch->id;

	WRITE_ONCE(ch->id, old->id);
	WRITE_ONCE(old->id, id);
	xa_store(&node->channels, ch->id, ch, GFP_KERNEL_ACCOUNT);
	xa_store(&node->channels, old->id, old, GFP_KERNEL_ACCOUNT);
	ch->early = old;
	rcu_assign_pointer(old->early_of, ch);
	/* What is attached to the id stays so. */
	ockam_policy_swap(node, &ch->policy, &old->policy);
	WARN_ON_ONCE(ockam_name_replace(node, &old->enc, &ch->enc));
	ockam_notify_channel(old, OCKAM_CHANNEL_EVENT_NONE, false);
}

/*
 * A program that is attached to an id looks at the successor's messages as well:
 * better no channel than one that nobody looks at.
 */
static int channel_inherit(struct ockam_channel *ch,
			   const struct ockam_relatives *rel)
{
	struct ockam_policy_config cfg = {
		.where	= &ch->policy,
		.place	= OCKAM_POLICY_AT_CHANNEL,
		.object	= ch->id,
	};

	if (!rel->succeeds)
		return 0;
	cfg.like = rcu_dereference_protected(rel->succeeds->policy,
				lockdep_is_held(&ch->node->lock));
	if (!cfg.like)
		return 0;
	return PTR_ERR_OR_ZERO(ockam_policy_new(ch->node, &cfg, NULL));
}

/* The channel is up. */
static void join_relatives(struct ockam_channel *ch,
			   const struct ockam_relatives *rel)
{
	if (rel->early_of)
		rel->early_of->early = ch;
	if (rel->succeeds)
		take_place(ch, rel->succeeds);
}

/* The channel goes.  What it has for early data goes with it. */
static void leave_relatives(struct ockam_channel *ch,
			    enum ockam_channel_reason reason)
{
	struct ockam_channel *main;

	main = rcu_dereference_protected(ch->early_of,
					 lockdep_is_held(&ch->node->lock));
	if (main)
		main->early = NULL;
	RCU_INIT_POINTER(ch->early_of, NULL);
	if (ch->early)
		ockam_channel_del(ch->early, reason, false);
}

/*
 * What was sent to the socket must have come the way the channel's does, and
 * pass what ockam_channel_decrypt() asks of all that comes later.
 */
static int channel_sift_one(struct ockam_channel *ch, struct sk_buff *skb,
			    u32 *reason)
{
	int err;

	if (is_too_deep(ockam_msg(skb))) {
		*reason = OCKAM_DROP_TOO_MANY_DECRYPTIONS;
		return -ELOOP;
	}
	err = ockam_crypt_check(skb, reason);
	if (err)
		return err;
	return ockam_channel_may_receive(ch, ockam_msg(skb), reason);
}

static void channel_sift(struct ockam_channel *ch, struct sk_buff_head *queue)
{
	struct sk_buff *skb, *tmp;
	u32 reason;

	skb_queue_walk_safe(queue, skb, tmp) {
		if (!channel_sift_one(ch, skb, &reason))
			continue;
		__skb_unlink(skb, queue);
		ockam_drop(ch->node, skb, reason);
	}
}

static int add_decryptor(struct ockam_channel *ch,
			 const struct ockam_channel_config *cfg,
			 struct sk_buff_head *queue,
			 struct netlink_ext_ack *extack)
{
	int err;

	if (cfg->handshake) {
		err = cfg->takeover(cfg->handshake, &ch->dec, &ch->dec_key,
				    queue);
		if (err == -EBUSY)
			NL_SET_ERR_MSG(extack, "a channel took that socket over before");
		else if (err == -EINVAL)
			NL_SET_ERR_MSG(extack, "not a bound socket in handshake mode");
		return err;
	}

	ch->dec_key = kmemdup(cfg->decryptor, ockam_key_size(cfg->decryptor),
			      GFP_KERNEL_ACCOUNT);
	if (!ch->dec_key)
		return -ENOMEM;
	ch->dec.key = ch->dec_key;
	err = ockam_name_add(ch->node, &ch->dec);
	if (err == -EADDRINUSE)
		NL_SET_ERR_MSG(extack, "the decryptor's address is taken");
	return err;
}

/* A responder answers where the handshake really came from. */
static u32 handshake_via(const struct ockam_channel_config *cfg,
			 const struct ockam_channel_route *route)
{
	if (!cfg->handshake || cfg->role != OCKAM_ROLE_RESPONDER ||
	    route->carrier_kind != OCKAM_ORIGIN_CHANNEL ||
	    !ockam_rights_has(&cfg->handshake->through, OCKAM_ORIGIN_CHANNEL,
			      route->carrier, 0))
		return 0;
	return route->carrier;
}

static struct ockam_channel *channel_alloc(struct ockam_node *node,
				const struct ockam_channel_config *cfg)
{
	struct ockam_channel_route *route;
	struct ockam_channel *ch;

	ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	if (!ch)
		return NULL;

	route = route_new(node, cfg->route, cfg->route_len, NULL, 0,
			  GFP_KERNEL_ACCOUNT);
	if (!route) {
		kfree(ch);
		return NULL;
	}
	route->via = handshake_via(cfg, route);
	RCU_INIT_POINTER(ch->route, route);
	ch->node = node;
	ch->enc.kind = OCKAM_NAME_ENCRYPTOR;
	ch->dec.kind = OCKAM_NAME_DECRYPTOR;
	refcount_set(&ch->ref, 1);
	INIT_RCU_WORK(&ch->free, channel_free_work);
	mutex_init(&ch->serial);
	spin_lock_init(&ch->route_lock);

	/* Until everything is in place. */
	ch->state = OCKAM_CHANNEL_STATE_DEAD;
	ch->role = cfg->role;
	ch->suite = cfg->suite;
	ch->pinned = cfg->pinned;
	ch->owner = cfg->owner;
	ch->mode = cfg->mode;
	ch->trusted = cfg->trusted;
	return ch;
}

static void channel_explain(struct netlink_ext_ack *extack, int err)
{
	switch (err) {
	case -EEXIST:
		NL_SET_ERR_MSG(extack, "a channel uses this key already");
		break;
	case -EINVAL:
		NL_SET_ERR_MSG(extack, "unknown suite, or one key for both directions");
		break;
	case -EKEYREJECTED:
		NL_SET_ERR_MSG(extack, "a key has bytes that the suite does not use: they must be zero");
		break;
	case -ENOENT:
		NL_SET_ERR_MSG(extack, "the kernel does not have this cipher");
		break;
	}
}

struct ockam_channel *ockam_channel_new(struct ockam_node *node,
					const struct ockam_channel_config *cfg,
					struct netlink_ext_ack *extack)
{
	struct ockam_relatives rel;
	struct sk_buff_head queue;
	struct ockam_channel *ch;
	int err;

	lockdep_assert_held(&node->lock);

	if (node->dying || node->nr_channels >= node->conf.max_channels) {
		NL_SET_ERR_MSG(extack, "the node has as many channels as it may");
		return ERR_PTR(-ENOSPC);
	}
	err = route_check(cfg->encryptor, cfg->route, cfg->route_len,
			  cfg->route_hops, extack);
	if (!err)
		err = find_relatives(node, cfg, &rel, extack);
	if (!err)
		err = ockam_limit_check(node, extack);
	if (!err)
		err = ockam_limit_take(node, OCKAM_LIMIT_CHANNELS, extack);
	if (err)
		return ERR_PTR(err);

	err = -ENOMEM;
	ch = channel_alloc(node, cfg);
	if (!ch)
		goto drop;

	err = ockam_crypt_new(ch, cfg);
	if (err) {
		channel_explain(extack, err);
		goto free;
	}
	/* The id first, without anything to be found under it. */
	err = xa_alloc_cyclic(&node->channels, &ch->id, NULL, xa_limit_31b,
			      &node->next_channel, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto kill;
	err = -ENOMEM;
	ch->ident = ident_new(cfg->early_of ?: cfg->succeeds ?: ch->id,
			      cfg->identifier);
	if (!ch->ident)
		goto erase;
	if (rel.early_of) {
		ch->ident->flags = OCKAM_PEER_EARLY;
		/* Before anything can come in. */
		rcu_assign_pointer(ch->early_of, rel.early_of);
	}
	err = channel_inherit(ch, &rel);
	if (err)
		goto erase;

	err = name_encryptor(ch, cfg, &rel, extack);
	if (err)
		goto erase;

	/* The last thing that can fail, since it cannot be undone. */
	__skb_queue_head_init(&queue);
	ockam_crypt_hold(ch);
	err = add_decryptor(ch, cfg, &queue, extack);
	if (err)
		goto unname;

	/* A reserved entry: this needs no memory. */
	xa_store(&node->channels, ch->id, ch, GFP_KERNEL_ACCOUNT);
	node->nr_channels++;
	node->gen++;
	WRITE_ONCE(ch->state, OCKAM_CHANNEL_STATE_UP);
	join_relatives(ch, &rel);
	channel_sift(ch, &queue);
	ockam_crypt_release(ch, &queue);
	ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONE, false);
	return ch;

unname:
	__skb_queue_purge(&queue);
	ockam_name_del(node, &ch->enc);
erase:
	ockam_policy_end(node, &ch->policy);
	xa_erase(&node->channels, ch->id);
kill:
	ockam_crypt_kill(ch);
free:
	/* Somebody may have found the encryptor. */
	ockam_channel_put(ch);
drop:
	ockam_limit_drop(node->limit, OCKAM_LIMIT_CHANNELS);
	return ERR_PTR(err);
}

/* A copy, since a message that comes in may replace it any time. */
static struct ockam_channel_route *route_hold(struct ockam_channel *ch)
{
	struct ockam_channel_route *route;

	do {
		rcu_read_lock();
		route = rcu_dereference(ch->route);
		if (!refcount_inc_not_zero(&route->ref))
			route = NULL;
		rcu_read_unlock();
	} while (!route);
	return route;
}

/*
 * The kernel's own, which no list of senders stops.  But where other messages of
 * the channel may not go, its last one does not go either.
 */
static kuid_t control_uid(const struct ockam_channel *ch,
			const struct ockam_channel_route *route)
{
	kuid_t root = make_kuid(ch->node->net->user_ns, 0);
	struct ockam_carrier_info c;

	rcu_read_lock();
	carrier_find(ch->node, route->data, route->len, &c);
	rcu_read_unlock();
	if (c.kind == OCKAM_ORIGIN_CHANNEL && !READ_ONCE(ch->trusted) &&
	    c.id != READ_ONCE(route->via))
		return READ_ONCE(ch->owner);
	return uid_valid(root) ? root : GLOBAL_ROOT_UID;
}

/* @len: bytes of plaintext that the caller puts in. */
static struct sk_buff *control_message(struct ockam_channel *ch,
				       const struct ockam_channel_route *route,
				       u32 len)
{
	struct ockam_room room = {
		.onward	= route->len,
		.head	= OCKAM_NONCE_LEN,
		.tail	= OCKAM_TAG_LEN,
	};
	struct sk_buff *skb;

	skb = ockam_msg_alloc(len, &room, GFP_KERNEL);
	if (!skb)
		return NULL;

	ockam_msg(skb)->from.kind = OCKAM_ORIGIN_LOCAL;
	ockam_msg(skb)->from.uid = control_uid(ch, route);
	return skb;
}

/* Where nothing but answers goes yet these do not go; the peer is not told. */
static struct sk_buff *control_begin(struct ockam_channel *ch, u32 len)
{
	struct ockam_channel_route *route = route_hold(ch);
	struct sk_buff *skb = NULL;

	if (!READ_ONCE(route->unproven))
		skb = control_message(ch, route, len);
	if (skb && ockam_msg_set_onward(skb, route->data, route->len,
					route->hops)) {
		kfree_skb(skb);
		skb = NULL;
	}
	ockam_channel_route_put(route);
	return skb;
}

static int control_send(struct ockam_channel *ch, struct sk_buff *skb)
{
	int err;

	err = ockam_crypt_begin(ch);
	if (err)
		goto free;
	err = ockam_crypt_seal(ch, skb);
	ockam_crypt_end(ch);
	if (err)
		goto free;
	ch->node->forward(ch->node, skb);
	return 0;

free:
	kfree_skb(skb);
	return err;
}

/* Best effort: the peer may never see it, and notices by itself then. */
static void send_close(struct ockam_channel *ch)
{
	struct sk_buff *skb = control_begin(ch, OCKAM_CHAN_CLOSE_LEN);

	if (!skb)
		return;
	ockam_chan_close_put(skb_put(skb, OCKAM_CHAN_CLOSE_LEN));
	control_send(ch, skb);
}

int ockam_channel_refresh(struct ockam_channel *ch, const u8 *item, u32 len)
{
	struct sk_buff *skb;
	int err;

	lockdep_assert_held(&ch->node->lock);

	if (rcu_access_pointer(ch->early_of))
		return -EOPNOTSUPP;
	err = ockam_channel_can_encrypt(ch);
	if (err)
		return err;
	skb = control_begin(ch, OCKAM_CHAN_REFRESH_HEAD + len +
				OCKAM_CHAN_TRAILER_LEN);
	if (!skb)
		return -ENOBUFS;
	ockam_chan_refresh_put(skb_put(skb, OCKAM_CHAN_REFRESH_HEAD));
	skb_put_data(skb, item, len);
	*(u8 *)skb_put(skb, OCKAM_CHAN_TRAILER_LEN) = OCKAM_CHAN_TRAILER;
	return control_send(ch, skb);
}

void ockam_channel_del(struct ockam_channel *ch,
		       enum ockam_channel_reason reason, bool close)
{
	struct ockam_node *node = ch->node;

	lockdep_assert_held(&node->lock);

	/* Early data has no end of its own. */
	if (close && !rcu_access_pointer(ch->early_of) &&
	    !ockam_channel_can_encrypt(ch))
		send_close(ch);

	leave_relatives(ch, reason);
	ockam_policy_end(node, &ch->policy);
	ockam_crypt_set_state(ch, ~0U, OCKAM_CHANNEL_STATE_DEAD, reason);
	ockam_name_del(node, &ch->enc);
	ockam_name_del(node, &ch->dec);
	xa_erase(&node->channels, ch->id);
	node->nr_channels--;
	ockam_limit_drop(node->limit, OCKAM_LIMIT_CHANNELS);
	node->gen++;
	ockam_crypt_kill(ch);
	ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONE, true);
	ockam_channel_put(ch);
}

void ockam_channel_kill_all(struct ockam_node *node,
			    enum ockam_channel_reason reason)
{
	struct ockam_channel *ch;
	unsigned long id;

	xa_for_each(&node->channels, id, ch)
		ockam_channel_del(ch, reason, false);
}

void ockam_channel_flush(struct ockam_node *node)
{
	struct ockam_channel *ch;
	unsigned long id;

	if (node->dying) {
		/* Nobody is left to carry a word to the peers. */
		ockam_channel_kill_all(node, OCKAM_CHANNEL_REASON_NODE_EXIT);
		return;
	}
	xa_for_each(&node->channels, id, ch)
		ockam_channel_del(ch, OCKAM_CHANNEL_REASON_DELETED, true);
}
