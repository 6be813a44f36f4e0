// SPDX-License-Identifier: GPL-2.0
/* UDP as a carrier: messages become datagrams, one or several. */
#include <linux/slab.h>

#include "ground/codec.h"
#include "link/link.h"
#include "node/node.h"
#include "node/stats.h"
#include "router/msg.h"
#include "transport/udp_priv.h"

#define UTX_HALF		32768		/* of the circle of numbers */
#define UTX_SLACK		32
/* Bytes that are made and sent at once, as one packet until the device. */
#define UTX_GROUP		OCKAM_LINEAR_MAX
/* Bytes of one message before others have their turn at the link. */
#define UTX_TURN		(256 * 1024)

static bool utx_native(const struct ockam_udp *udp)
{
	return udp->link->config.udp_form == OCKAM_UDP_FORM_NATIVE;
}

/* ---- numbers, and who knows them ---- */

/* A message's number; false: its receiver has to be led there. */
static bool utx_number(struct ockam_udp *udp, const union ockam_endpoint *to,
		       u16 *number)
{
	u8 src[OCKAM_PIECES_SRC];
	struct ockam_udp_met *met;
	u32 hash = 1;
	bool known;

	if (to->sa.sa_family) {
		ockam_udp_src(src, to);
		hash |= siphash(src, sizeof(src), &udp->key);
	}
	met = &udp->met[hash / 2 % OCKAM_UDP_MET];
	spin_lock_bh(&udp->tx_lock);
	*number = udp->number++;
	known = met->hash == hash && (u16)(*number - met->number) < UTX_HALF;
	met->hash = hash;
	met->number = *number;
	spin_unlock_bh(&udp->tx_lock);
	return known;
}

/* Nobody was led anywhere: it is tried again with the next message. */
static void utx_forget(struct ockam_udp *udp)
{
	spin_lock_bh(&udp->tx_lock);
	memset(udp->met, 0, sizeof(udp->met));
	spin_unlock_bh(&udp->tx_lock);
}

/*
 * A stock node remembers for ever which number it expects from an address, and
 * ignores the half circle before that: perhaps all of ours, if another socket had
 * this address before, or others got the numbers since.  A heartbeat almost half a
 * circle before @number leads it there if it is not within the half before
 * @number already; a peer that expects nothing yet takes either.  The slack is for
 * messages that are lost behind the heartbeat.
 *
 * No onward route, no return route, no payload: nobody does anything with it.
 * Peers of this implementation expect no number.
 */
static void utx_lead(struct ockam_udp *udp, struct ockam_udp_way *way,
		     u16 number)
{
	static const u8 heartbeat[] = { 0x83, 0x80, 0x80, 0x40 };
	u32 len = sizeof(heartbeat);
	struct sk_buff *skb;
	int err = -ENOBUFS;
	u8 *p;

	if (utx_native(udp))
		return;
	number -= UTX_HALF - UTX_SLACK;
	skb = alloc_skb(OCKAM_UDP_HEADROOM + OCKAM_PIECE_HEAD_MAX + len,
			GFP_ATOMIC | __GFP_NOWARN);
	if (likely(skb)) {
		skb_reserve(skb, OCKAM_UDP_HEADROOM);
		p = skb_put(skb, ockam_piece_head_size(number, 0, len));
		ockam_piece_head_put(p, number, 0, true, len);
		skb_put_data(skb, heartbeat, len);
		err = ockam_udp_out(udp, skb, way);
	}
	if (unlikely(err))
		utx_forget(udp);
}

/* ---- room ---- */

/* One may overshoot, as with any socket. */
static bool utx_full(const struct ockam_udp *udp)
{
	return sk_wmem_alloc_get(udp->sk) >= READ_ONCE(udp->sk->sk_sndbuf);
}

/*
 * The send buffer is full: the socket's write_space has us called when half of it
 * is free.
 */
static int utx_wait(struct ockam_udp *udp)
{
	WRITE_ONCE(udp->blocked, true);
	smp_mb(); /* pairs with the one in ludp_write_space() */
	if (!sock_writeable(udp->sk))
		return -EAGAIN;
	WRITE_ONCE(udp->blocked, false);
	ockam_link_queue(udp->link);
	return -EAGAIN;
}

/*
 * Bytes of a datagram with a head of whatever length, on this way.  What the path
 * takes may become less and more: then it is known at the next message.
 */
static u32 utx_room(struct ockam_udp *udp, const struct ockam_udp_way *way)
{
	u32 headers = ockam_udp_ip(udp) + sizeof(struct udphdr);
	u32 room;

	if (!utx_native(udp))
		return OCKAM_UDP_STOCK;
	room = clamp_t(u32, dst_mtu(way->dst), OCKAM_UDP_STOCK + headers,
		       OCKAM_LINEAR_MAX + headers) - headers;
	if (unlikely(READ_ONCE(udp->room) != room))
		WRITE_ONCE(udp->room, room);
	return room;
}

static bool utx_fits(const struct ockam_udp *udp, u32 bytes)
{
	return bytes + OCKAM_PIECE_HEAD_MAX <= READ_ONCE(udp->room);
}

/* ---- sending ---- */

/*
 * What IP has taken has gone as far as anybody here can tell; -ENOBUFS: a queue
 * was full, which is no matter of the sender's.
 */
static int utx_result(struct ockam_udp *udp, int err)
{
	if (likely(!err))
		return 0;
	ockam_refuse(udp->link->node, OCKAM_DROP_UDP_SEND);
	return err == -ENOBUFS ? 0 : err;
}

/* Its memory is the socket's from here on, and nothing else of it counts. */
static int utx_hand_over(struct ockam_udp *udp, struct sk_buff *skb,
			 struct ockam_udp_way *way, u16 number)
{
	u32 priority = ockam_msg(skb)->priority;
	u32 mark = ockam_msg(skb)->mark;
	u32 len = skb->len;
	u8 *p;

	ockam_msg_strip(skb);
	skb_scrub_packet(skb, true);
	skb->mark = mark;
	skb->priority = priority;
	p = skb_push(skb, ockam_piece_head_size(number, 0, len));
	ockam_piece_head_put(p, number, 0, true, len);
	return utx_result(udp, ockam_udp_out(udp, skb, way));
}

int ockam_udp_pass(struct ockam_udp *udp, struct sk_buff *skb)
{
	const union ockam_endpoint *to = ockam_udp_to(skb);
	struct ockam_udp_way way;
	u16 number;
	int err;

	rcu_read_lock_bh();
	err = ockam_udp_way(udp, to, ockam_msg(skb)->mark, &way);
	if (unlikely(err)) {
		ockam_drop(udp->link->node, skb, OCKAM_DROP_UDP_SEND);
		goto unlock;
	}
	utx_room(udp, &way);
	if (unlikely(!utx_number(udp, to, &number)))
		utx_lead(udp, &way, number);
	err = utx_hand_over(udp, skb, &way, number);
	ockam_udp_way_put(&way);
unlock:
	rcu_read_unlock_bh();
	return err;
}

/* The next piece of @msg, behind those that are in @skb. */
static int utx_add_piece(struct ockam_udp *udp, struct sk_buff *skb,
			 const struct sk_buff *msg, u32 off, u32 n)
{
	u8 *p = skb_put(skb, ockam_piece_head_size(udp->sending, off, n));

	ockam_piece_head_put(p, udp->sending, off, off + n == msg->len, n);
	return skb_copy_bits(msg, off, skb_put(skb, n), n);
}

/* A stock node takes its own pieces; others fill a datagram of @most bytes. */
static u32 utx_cut(const struct ockam_udp *udp, u32 off, u32 rest, u32 most)
{
	if (!utx_native(udp))
		return min_t(u32, rest, OCKAM_PIECE_STOCK);
	return min(rest, most - ockam_piece_head_size(udp->sending, off, most));
}

/*
 * Fills @skb with pieces of @msg from @off on, in datagrams of @most bytes: one, and
 * as many more as @room has, of the same size but for the last one, so that IP or
 * the device can take them apart.  Bytes of the message, or -errno.
 */
static int utx_fill(struct ockam_udp *udp, struct sk_buff *skb,
		    const struct sk_buff *msg, u32 off, u32 most, u32 room)
{
	u32 size = 0, segs = 0, begin = off;
	int err;

	while (off < msg->len) {
		u32 n = utx_cut(udp, off, msg->len - off, most);
		u32 bytes = n + ockam_piece_head_size(udp->sending, off, n);

		if (segs && (bytes > size || skb->len + bytes > room))
			break;
		err = utx_add_piece(udp, skb, msg, off, n);
		if (unlikely(err))
			return err;
		size = size ?: bytes;
		off += n;
		segs++;
		if (bytes < size)
			break;
	}
	if (segs > 1) {
		skb_shinfo(skb)->gso_size = size;
		skb_shinfo(skb)->gso_segs = segs;
		skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	}
	return off - begin;
}

/* Memory for several pieces, or if that is short for one of @one bytes. */
static struct sk_buff *utx_alloc(u32 one, u32 *room)
{
	struct sk_buff *skb = NULL;

	if (*room > one)
		skb = alloc_skb(OCKAM_UDP_HEADROOM + *room,
				GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!skb) {
		*room = one;
		skb = alloc_skb(OCKAM_UDP_HEADROOM + *room,
				GFP_KERNEL | __GFP_NOWARN);
	}
	if (likely(skb))
		skb_reserve(skb, OCKAM_UDP_HEADROOM);
	return skb;
}

/* What a datagram of @msg may have, or -errno. */
static int utx_ask(struct ockam_udp *udp, const struct sk_buff *msg)
{
	struct ockam_udp_way way;
	int ret;

	if (!utx_native(udp))
		return OCKAM_UDP_STOCK;
	rcu_read_lock_bh();
	ret = ockam_udp_way(udp, ockam_udp_to(msg), ockam_msg(msg)->mark, &way);
	if (likely(!ret)) {
		ret = utx_room(udp, &way);
		ockam_udp_way_put(&way);
	}
	rcu_read_unlock_bh();
	return ret;
}

/* The next pieces, which link->tx_off is behind then. */
static int utx_some(struct ockam_udp *udp, const struct sk_buff *msg)
{
	const union ockam_endpoint *to = ockam_udp_to(msg);
	u32 off = udp->link->tx_off, rest = msg->len - off;
	u32 room = min_t(u32, UTX_GROUP, rest + OCKAM_PIECE_HEAD_MAX *
			 DIV_ROUND_UP(rest, OCKAM_PIECE_STOCK));
	int one = utx_ask(udp, msg);
	struct ockam_udp_way way;
	struct sk_buff *skb;
	int err, n;

	if (unlikely(one < 0))
		return one;
	room = max_t(u32, room, one);
	skb = utx_alloc(one, &room);
	if (unlikely(!skb))
		return -ENOBUFS;
	rcu_read_lock_bh();
	err = ockam_udp_way(udp, to, ockam_msg(msg)->mark, &way);
	if (unlikely(err)) {
		kfree_skb(skb);
		goto unlock;
	}
	one = min_t(u32, one, utx_room(udp, &way));
	if (!off && !utx_number(udp, to, &udp->sending))
		utx_lead(udp, &way, udp->sending);
	/* Transforms such as IPsec's take one datagram at a time. */
	n = utx_fill(udp, skb, msg, off, one, dst_xfrm(way.dst) ? 0 : room);
	if (likely(n > 0)) {
		skb->mark = ockam_msg(msg)->mark;
		skb->priority = ockam_msg(msg)->priority;
		err = ockam_udp_out(udp, skb, &way);
	} else {
		kfree_skb(skb);
		err = n;
	}
	if (likely(!err))
		udp->link->tx_off = off + n;
	ockam_udp_way_put(&way);
unlock:
	rcu_read_unlock_bh();
	return err;
}

static int utx_pieces(struct ockam_udp *udp, struct sk_buff *skb)
{
	struct ockam_link *link = udp->link;
	u32 end = link->tx_off + UTX_TURN;
	int err;

	while (link->tx_off < skb->len) {
		if (utx_full(udp))
			return utx_wait(udp);
		if (link->tx_off >= end) {
			ockam_link_queue(link);
			return -EAGAIN;
		}
		err = utx_some(udp, skb);
		if (unlikely(err)) {
			link->tx_off = 0;
			ockam_drop(link->node, skb, OCKAM_DROP_UDP_SEND);
			return err == -ENOBUFS ? 0 : err;
		}
	}
	link->tx_off = 0;
	ockam_msg_free(skb);
	return 0;
}

int ockam_udp_send(struct ockam_udp *udp, struct sk_buff *skb)
{
	lockdep_assert_held(&udp->link->serial);

	if (unlikely(!utx_fits(udp, skb->len) || skb_is_nonlinear(skb)))
		return utx_pieces(udp, skb);
	if (unlikely(utx_full(udp)))
		return utx_wait(udp);
	return ockam_udp_pass(udp, skb);
}

bool ockam_udp_passes(const struct ockam_udp *udp, u32 bytes)
{
	return utx_fits(udp, bytes) && !utx_full(udp);
}
