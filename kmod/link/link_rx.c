// SPDX-License-Identifier: GPL-2.0
/*
 * What came over a link becomes a message of this node: decoding, origin and
 * return route, the same for every carrier.
 */
#include <linux/slab.h>

#include "ground/codec.h"
#include "link/link.h"
#include "router/msg.h"
#include "node/node.h"
#include "router/policy.h"
#include "node/stats.h"
#include "trace.h"

static int link_rx_fetch(void *ctx, u32 off, u8 *to, u32 len)
{
	return skb_copy_bits(ctx, off, to, len);
}

/* Routes lie behind some room, since the next hops write in front of them. */
static u32 link_rx_region(const struct ockam_region *r)
{
	return r->limit - r->base > OCKAM_ROUTE_SLACK ? OCKAM_ROUTE_SLACK : 0;
}

static int link_rx_decode_once(struct sk_buff *skb, struct ockam_wire *w)
{
	const struct ockam_msg *m = ockam_msg(skb);
	u32 onward = m->onward.base + link_rx_region(&m->onward);
	u32 ret = m->ret.base + link_rx_region(&m->ret);

	w->onward = skb->head + onward;
	w->onward_cap = m->onward.limit - onward;
	w->ret = skb->head + ret;
	w->ret_cap = m->ret.limit - ret;
	w->fetch = link_rx_fetch;
	w->fetch_ctx = skb;
	return ockam_wire_decode(skb->data, skb_headlen(skb), skb->len, w);
}

/* Several CPUs may learn at once; any of what they write is good. */
static void link_rx_learn(u16 *guess, u32 len)
{
	if (READ_ONCE(*guess) < len)
		WRITE_ONCE(*guess, ALIGN(len, 32));
}

static int link_rx_decode(struct ockam_link_guess *guess, struct sk_buff *skb,
			  struct ockam_wire *w)
{
	struct ockam_room room = {
		.onward	= OCKAM_ROUTE_MAX,
		.ret	= OCKAM_ROUTE_MAX,
	};
	int err;

	err = link_rx_decode_once(skb, w);
	if (likely(err != -ENOSPC))
		return err;

	err = ockam_msg_reserve(skb, &room);
	if (err)
		return err;
	err = link_rx_decode_once(skb, w);
	if (!err) {
		link_rx_learn(&guess->onward, w->onward_len);
		link_rx_learn(&guess->ret, w->ret_len);
	}
	return err;
}

static void link_rx_set_region(struct sk_buff *skb, struct ockam_region *r,
			       const u8 *start, u32 len, u32 hops)
{
	r->start = start - skb->head;
	r->end = r->start + len;
	r->hops = hops;
}

/* Who sent it, of those who share the link. */
static int link_rx_push_peer(struct sk_buff *skb, const union ockam_endpoint *peer)
{
	u8 key[2 + OCKAM_ENDPOINT_LEN];

	ockam_msg(skb)->from.peer = ockam_endpoint_print(peer);
	ockam_endpoint_key(key, OCKAM_TYPE_UDP, peer);
	return ockam_msg_push_return(skb, key);
}

/* Everything the frame said becomes what the message is, and nothing else. */
static int link_rx_make_message(struct ockam_link *link, struct sk_buff *skb,
				const struct ockam_wire *w,
				const union ockam_endpoint *peer,
				enum ockam_drop *reason)
{
	struct ockam_msg *m = ockam_msg(skb);
	int err = 0;

	/* It may be a ciphertext: whoever gets the plaintext looks closer. */
	if (w->payload_len > READ_ONCE(link->node->conf.max_msg) +
			     OCKAM_SEALED_MAX) {
		*reason = OCKAM_DROP_TOO_BIG;
		return -EMSGSIZE;
	}
	if (w->onward[0] != OCKAM_TYPE_LOCAL) {
		*reason = OCKAM_DROP_NO_LINK;
		return -ENETUNREACH;
	}
	__skb_pull(skb, w->payload_off);
	*reason = OCKAM_DROP_NO_MEMORY;
	if (pskb_trim(skb, w->payload_len))
		return -ENOMEM;

	link_rx_set_region(skb, &m->onward, w->onward, w->onward_len,
			   w->onward_hops);
	link_rx_set_region(skb, &m->ret, w->ret, w->ret_len, w->ret_hops);
	m->from.kind = OCKAM_ORIGIN_LINK;
	m->from.link = link->id;
	*reason = OCKAM_DROP_ROUTE_TOO_LONG;
	if (peer)
		err = link_rx_push_peer(skb, peer);
	return err ?: ockam_msg_push_return(skb, link->name_key);
}

int ockam_link_receive(struct ockam_link *link, struct ockam_link_guess *guess,
		       struct sk_buff *skb, const union ockam_endpoint *peer,
		       u32 bytes)
{
	struct ockam_node *node = link->node;
	enum ockam_drop reason;
	struct ockam_wire w __uninitialized;
	int err;

	atomic64_inc(&link->stats.rx_msgs);
	atomic64_add(bytes, &link->stats.rx_bytes);
	ockam_stat_inc(node, OCKAM_STAT_LINK_RX);
	ockam_link_heard(link);
	ockam_gather_heard(&link->gather);

	err = link_rx_decode(guess, skb, &w);
	if (unlikely(err)) {
		switch (err) {
		case -EMSGSIZE:
			ockam_drop(node, skb, OCKAM_DROP_ROUTE_TOO_LONG);
			return 0;
		case -ENOMEM:
			ockam_drop(node, skb, OCKAM_DROP_NO_MEMORY);
			return 0;
		default:
			ockam_drop(node, skb, OCKAM_DROP_BAD_FRAME);
			return -EBADMSG;
		}
	}
	if (unlikely(!w.onward_hops)) {
		ockam_stat_inc(node, OCKAM_STAT_HEARTBEATS);
		consume_skb(skb);
		return 0;
	}
	if (unlikely(link_rx_make_message(link, skb, &w, peer, &reason))) {
		ockam_drop(node, skb, reason);
		return 0;
	}

	trace_ockam_link_rx(node, skb, link->id);
	ockam_msg_charge_source(skb, &link->source);
	ockam_msg_hold(skb, node);
	return !ockam_policy_input(&link->sink.policy, skb);
}
