// SPDX-License-Identifier: GPL-2.0
/*
 * UDP as a carrier: receiving, in softirq.  A datagram that holds all of a
 * message is copied into one at once.  Others are kept as they came until the
 * message is whole (pieces.h), bounded in number, time, and bytes of memory: of a
 * link, of the node (which counts them with TCP's large frames) and of its user.
 * A bad piece, or one too many, costs its message and nothing else.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>
#include <net/udp.h>

#include "ground/codec.h"
#include "node/limit.h"
#include "node/memcg.h"
#include "router/msg.h"
#include "node/node.h"
#include "router/router.h"
#include "node/stats.h"
#include "transport/udp_priv.h"

#define RX_MEM_MIN		(4 * 1024 * 1024)
#define RX_NODE_MAX		(OCKAM_PARTIAL_MAX / 2)
#define RX_MEM_MAX		(RX_NODE_MAX / 2)
/* A link has so much whatever others have. */
#define RX_MEM_LEAST		(64 * 1024)
#define RX_MEM_FACTOR		4	/* what small pieces take for a large one */
#define RX_PATIENCE_MS		2000

/* What a datagram keeps in skb->cb while it waits. */
struct udp_rx_cb {
	struct ockam_piece_node	node;
};

static struct udp_rx_cb *udp_rx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct udp_rx_cb) > sizeof(skb->cb));
	return (struct udp_rx_cb *)skb->cb;
}

static struct sk_buff *udp_rx_node_skb(struct ockam_piece_node *node)
{
	return container_of((void *)node, struct sk_buff, cb);
}

static u64 udp_rx_patience(const struct ockam_udp *udp)
{
	u32 ms = READ_ONCE(udp->link->config.frame_ms);

	return msecs_to_jiffies(ms ? ms : RX_PATIENCE_MS);
}

static void udp_rx_refuse(struct ockam_udp *udp, struct sk_buff *skb,
			  enum ockam_drop reason)
{
	ockam_refuse(udp->link->node, reason);
	kfree_skb(skb);
}

/* ---- memory of what has come in part ---- */

static void udp_rx_untake(struct ockam_udp *udp, u32 bytes)
{
	udp->mem -= bytes;
	atomic_sub(bytes, &udp->link->node->rx_pieces);
	ockam_mem_add(udp->link->node, OCKAM_MEM_LINKS, -(int)bytes);
	ockam_limit_add(udp->link->source.user, -(long)bytes);
}

static void udp_rx_free(struct ockam_udp *udp, struct ockam_partial *p)
{
	struct ockam_piece_node *node, *next;

	udp_rx_untake(udp, p->mem);
	for (node = p->first; node; node = next) {
		next = node->next;
		kfree_skb(udp_rx_node_skb(node));
	}
	kfree(p);
}

/* A message that is out of the table, or NULL. */
static void udp_rx_give_up(struct ockam_udp *udp, struct ockam_partial *p,
			   enum ockam_drop reason)
{
	if (!p)
		return;
	ockam_refuse(udp->link->node, reason);
	udp_rx_free(udp, p);
}

static u32 udp_rx_mem_max(const struct ockam_udp *udp)
{
	u64 most = (u64)READ_ONCE(udp->link->node->conf.max_msg) *
		   RX_MEM_FACTOR;

	return clamp_t(u64, most, RX_MEM_MIN, RX_MEM_MAX);
}

/* What all of a node's links may keep, which is more for who has little. */
static bool udp_rx_node_full(const struct ockam_udp *udp, u32 bytes)
{
	struct ockam_node *node = udp->link->node;
	unsigned long most = min_t(unsigned long, RX_NODE_MAX,
				   READ_ONCE(node->conf.mem_limit) / 8);
	u8 level = ockam_mem_level(node, OCKAM_MEM_LINKS);

	if (level == OCKAM_MEM_OVER)
		return true;
	if (udp->mem + bytes <= RX_MEM_LEAST)
		return false;
	return level == OCKAM_MEM_FULL ||
	       atomic_read(&node->rx_pieces) + bytes > most;
}

/*
 * Memory for one more datagram of @p; older messages make room for it within the
 * link's own limit.  False: there is none, and @p is still in the table unless
 * it was the oldest itself, then *gone.
 */
static bool udp_rx_take(struct ockam_udp *udp, struct ockam_partial *p, u32 bytes,
			bool *gone)
{
	struct ockam_link *link = udp->link;
	struct ockam_partial *old;

	while (udp->mem + bytes > udp_rx_mem_max(udp)) {
		old = ockam_pieces_oldest(&udp->pieces, U64_MAX);
		if (!old || old == p) {
			*gone = old;
			return false;
		}
		udp_rx_give_up(udp, old, OCKAM_DROP_PIECE_LOST);
	}
	if (ockam_limit_over(link->source.user) &&
	    udp->mem + atomic_read(&link->source.parked) >=
	    OCKAM_LIMIT_LEAST) {
		ockam_stat_inc(link->node, OCKAM_STAT_USER_LIMIT);
		return false;
	}
	if (udp_rx_node_full(udp, bytes)) {
		ockam_stat_inc(link->node, OCKAM_STAT_MEM_LIMIT);
		return false;
	}
	atomic_add(bytes, &link->node->rx_pieces);
	ockam_mem_add(link->node, OCKAM_MEM_LINKS, bytes);
	ockam_limit_add(link->source.user, bytes);
	udp->mem += bytes;
	p->mem += bytes;
	return true;
}

/* ---- whole messages ---- */

/* Memory for a message, which the link's group pays for. */
static struct sk_buff *udp_rx_alloc(struct ockam_udp *udp, u32 len)
{
	struct mem_cgroup *memcg = udp->link->memcg, *old = NULL;
	struct ockam_room room = {
		.onward	= min_t(u32, len, READ_ONCE(udp->guess.onward)),
		.ret	= min_t(u32, len, READ_ONCE(udp->guess.ret)),
		.head	= OCKAM_RX_HEAD,
		.tail	= OCKAM_RX_TAIL,
	};
	struct sk_buff *skb;
	gfp_t gfp;

	if (len <= OCKAM_MEMCG_SMALL && !ockam_memcg_limited(memcg))
		memcg = NULL;
	gfp = ockam_memcg_gfp(memcg, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(memcg))
		old = ockam_memcg_enter(memcg);
	skb = ockam_msg_alloc(len, &room, gfp);
	if (unlikely(memcg))
		ockam_memcg_leave(old);
	if (likely(skb))
		ockam_msg_put(skb, len);
	return skb;
}

static int udp_rx_copy(struct sk_buff *msg, u32 off, struct sk_buff *skb, u32 len)
{
	if (likely(off + len <= skb_headlen(msg)))
		return skb_copy_bits(skb, 0, msg->data + off, len);
	return skb_linearize(skb) ?:
	       skb_store_bits(msg, off, skb->data, len);
}

/* Datagrams do not wait: what a full worker has not taken yet is the limit. */
static bool udp_rx_full(struct ockam_udp *udp)
{
	struct ockam_link *link = udp->link;

	if (unlikely(ockam_mem_level(link->node, OCKAM_MEM_LINKS) ==
		     OCKAM_MEM_OVER)) {
		ockam_refuse(link->node, OCKAM_DROP_MEM_LIMIT);
		return true;
	}
	if (likely(!ockam_source_full(&link->source)))
		return false;
	ockam_refuse(link->node, OCKAM_DROP_QUEUE_FULL);
	return true;
}

static void udp_rx_route(struct ockam_udp *udp, struct sk_buff *msg,
			 const union ockam_endpoint *from)
{
	struct ockam_link *link = udp->link;
	bool large = msg->len > OCKAM_LINEAR_MAX;
	bool many = link->config.mode == OCKAM_LINK_MODE_LISTEN;

	if (ockam_link_receive(link, &udp->guess, msg, many ? from : NULL,
			       msg->len) <= 0)
		return;
	if (unlikely(large))
		ockam_router_defer(link->node, msg);
	else
		ockam_router_input(link->node, msg);
}

static void udp_rx_single(struct ockam_udp *udp, struct sk_buff *skb, u32 len,
			  const union ockam_endpoint *from)
{
	struct sk_buff *msg;

	if (udp_rx_full(udp)) {
		kfree_skb(skb);
		return;
	}
	msg = udp_rx_alloc(udp, len);
	if (unlikely(!msg || udp_rx_copy(msg, 0, skb, len))) {
		kfree_skb(msg);
		udp_rx_refuse(udp, skb, OCKAM_DROP_NO_MEMORY);
		return;
	}
	consume_skb(skb);
	udp_rx_route(udp, msg, from);
}

static struct sk_buff *udp_rx_join(struct ockam_udp *udp, struct ockam_partial *p)
{
	struct ockam_piece_node *node;
	struct sk_buff *msg;

	if (udp_rx_full(udp))
		return NULL;
	msg = udp_rx_alloc(udp, p->total);
	if (!msg)
		goto no_memory;
	for (node = p->first; node; node = node->next) {
		if (udp_rx_copy(msg, node->off, udp_rx_node_skb(node), node->len)) {
			kfree_skb(msg);
			goto no_memory;
		}
	}
	return msg;

no_memory:
	ockam_refuse(udp->link->node, OCKAM_DROP_NO_MEMORY);
	return NULL;
}

/* ---- pieces ---- */

static u32 udp_rx_hash(const struct ockam_udp *udp, const u8 *src)
{
	return siphash(src, OCKAM_PIECES_SRC, &udp->key);
}

/* Its numbers tell what a source has left behind. */
static void udp_rx_behind(struct ockam_udp *udp, u32 hash, const u8 *src,
			  u16 number)
{
	struct ockam_partial *p;

	while ((p = ockam_pieces_behind(&udp->pieces, hash, src, number)))
		udp_rx_give_up(udp, p, OCKAM_DROP_PIECE_LOST);
}

static struct ockam_partial *udp_rx_begin(struct ockam_udp *udp, u32 hash,
					  const u8 *src, u16 number)
{
	struct ockam_partial *p;

	p = kmalloc(sizeof(*p), GFP_ATOMIC | __GFP_NOWARN);
	if (!p)
		return NULL;
	ockam_partial_init(p, src, number, get_jiffies_64());
	udp_rx_give_up(udp, ockam_pieces_put(&udp->pieces, hash, p),
		       OCKAM_DROP_PIECE_LOST);
	if (!timer_pending(&udp->timer))
		mod_timer(&udp->timer, jiffies + udp_rx_patience(udp) + 1);
	return p;
}

/* Nothing of what is kept may depend on where it came through. */
static void udp_rx_keep(struct sk_buff *skb)
{
	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb->dev = NULL;
}

/* With the lock held: a message that is complete, and out of the table. */
static struct ockam_partial *udp_rx_add(struct ockam_udp *udp, struct sk_buff *skb,
					const struct ockam_piece *piece,
					const u8 *src)
{
	enum ockam_drop reason = OCKAM_DROP_PIECE_LOST;
	struct ockam_node *node = udp->link->node;
	u32 hash = udp_rx_hash(udp, src);
	u32 mem = skb->truesize;
	struct ockam_partial *p;
	bool gone = false;
	int err;

	udp_rx_behind(udp, hash, src, piece->number);
	p = ockam_pieces_find(&udp->pieces, hash, src, piece->number);
	if (!p)
		p = udp_rx_begin(udp, hash, src, piece->number);
	if (!p) {
		udp_rx_refuse(udp, skb, OCKAM_DROP_NO_MEMORY);
		return NULL;
	}
	if (piece->offset + piece->payload_len >
	    ockam_link_size_max(udp->link)) {
		reason = OCKAM_DROP_TOO_BIG;
		goto give_up;
	}
	if (!udp_rx_take(udp, p, mem, &gone))
		goto give_up;

	udp_rx_cb(skb)->node.off = piece->offset;
	udp_rx_cb(skb)->node.len = piece->payload_len;
	err = ockam_partial_add(p, &udp_rx_cb(skb)->node, piece->last,
				get_jiffies_64());
	if (likely(err >= 0)) {
		if (!err)
			return NULL;
		ockam_pieces_del(&udp->pieces, p);
		return p;
	}
	udp_rx_untake(udp, mem);
	p->mem -= mem;
	if (err == -EEXIST) {
		ockam_refuse(node, OCKAM_DROP_PIECE_TWICE);
		kfree_skb(skb);
		return NULL;
	}
	if (err == -EBADMSG)
		reason = OCKAM_DROP_BAD_PIECE;
give_up:
	if (!gone)
		ockam_pieces_del(&udp->pieces, p);
	udp_rx_give_up(udp, p, reason);
	kfree_skb(skb);
	return NULL;
}

static void udp_rx_piece(struct ockam_udp *udp, struct sk_buff *skb,
			 const struct ockam_piece *piece, const u8 *src,
			 const union ockam_endpoint *from)
{
	struct ockam_partial *done = NULL;
	struct sk_buff *msg = NULL;

	udp_rx_keep(skb);
	spin_lock_bh(&udp->lock);
	if (likely(!udp->dead))
		done = udp_rx_add(udp, skb, piece, src);
	else
		kfree_skb(skb);
	spin_unlock_bh(&udp->lock);
	if (!done)
		return;

	msg = udp_rx_join(udp, done);
	spin_lock_bh(&udp->lock);
	udp_rx_free(udp, done);
	spin_unlock_bh(&udp->lock);
	if (msg)
		udp_rx_route(udp, msg, from);
}

/* ---- datagrams ---- */

static void udp_rx_from(union ockam_endpoint *from, const struct sk_buff *skb)
{
	memset(from, 0, sizeof(*from));
	if (skb->protocol == htons(ETH_P_IP)) {
		from->in.sin_family = AF_INET;
		from->in.sin_port = udp_hdr(skb)->source;
		from->in.sin_addr.s_addr = ip_hdr(skb)->saddr;
		return;
	}
	from->in6.sin6_family = AF_INET6;
	from->in6.sin6_port = udp_hdr(skb)->source;
	from->in6.sin6_addr = ipv6_hdr(skb)->saddr;
	from->in6.sin6_scope_id = ipv6_iface_scope_id(&from->in6.sin6_addr,
						      inet6_iif(skb));
}

void ockam_udp_src(u8 src[OCKAM_PIECES_SRC], const union ockam_endpoint *from)
{
	memset(src, 0, OCKAM_PIECES_SRC);
	if (from->sa.sa_family == AF_INET) {
		memcpy(src, &from->in.sin_port, 2);
		memcpy(src + 2, &from->in.sin_addr, 4);
		return;
	}
	memcpy(src, &from->in6.sin6_port, 2);
	memcpy(src + 2, &from->in6.sin6_addr, 16);
	memcpy(src + 18, &from->in6.sin6_scope_id, 4);
}

int ockam_udp_rcv(struct sock *sk, struct sk_buff *skb)
{
	u8 src[OCKAM_PIECES_SRC];
	union ockam_endpoint from;
	struct ockam_piece piece;
	struct ockam_udp *udp;
	u32 peek;

	udp = rcu_dereference_sk_user_data(sk);
	/* Pairs with the release when it was opened. */
	if (unlikely(!udp || !smp_load_acquire(&udp->open))) {
		kfree_skb(skb);
		return 0;
	}
	peek = min_t(u32, skb->len,
		     sizeof(struct udphdr) + OCKAM_PIECE_PEEK);
	if (unlikely(peek < sizeof(struct udphdr) ||
		     !pskb_may_pull(skb, peek))) {
		udp_rx_refuse(udp, skb, OCKAM_DROP_NO_MEMORY);
		return 0;
	}
	udp_rx_from(&from, skb);
	/* The socket may have been disconnected under us. */
	if (unlikely(udp->link->config.mode == OCKAM_LINK_MODE_CONNECT &&
		     !ockam_endpoint_same(&from, &udp->link->remote))) {
		udp_rx_refuse(udp, skb, OCKAM_DROP_SCOPE_LINK);
		return 0;
	}
	__skb_pull(skb, sizeof(struct udphdr));
	peek -= sizeof(struct udphdr);
	if (unlikely(ockam_piece_decode(skb->data, peek, skb->len, &piece) ||
		     !from.in.sin_port)) {
		udp_rx_refuse(udp, skb, OCKAM_DROP_BAD_PIECE);
		return 0;
	}
	__skb_pull(skb, piece.payload_off);

	if (likely(!piece.offset && piece.last)) {
		if (unlikely(READ_ONCE(udp->pieces.count))) {
			ockam_udp_src(src, &from);
			spin_lock_bh(&udp->lock);
			udp_rx_behind(udp, udp_rx_hash(udp, src), src, piece.number);
			spin_unlock_bh(&udp->lock);
		}
		udp_rx_single(udp, skb, piece.payload_len, &from);
		return 0;
	}
	ockam_udp_src(src, &from);
	udp_rx_piece(udp, skb, &piece, src, &from);
	return 0;
}

static void udp_rx_timer(struct timer_list *t)
{
	struct ockam_udp *udp = container_of(t, struct ockam_udp, timer);
	u64 patience = udp_rx_patience(udp);
	struct ockam_partial *p;

	spin_lock_bh(&udp->lock);
	while ((p = ockam_pieces_oldest(&udp->pieces,
					get_jiffies_64() - patience)))
		udp_rx_give_up(udp, p, OCKAM_DROP_PIECE_LOST);
	if (udp->pieces.count && !udp->dead)
		mod_timer(&udp->timer, jiffies + patience / 2 + 1);
	spin_unlock_bh(&udp->lock);
}

void ockam_udp_rx_init(struct ockam_udp *udp)
{
	udp->guess.onward = OCKAM_LINK_ROUTE;
	udp->guess.ret = OCKAM_LINK_ROUTE;
	spin_lock_init(&udp->lock);
	get_random_bytes(&udp->key, sizeof(udp->key));
	timer_setup(&udp->timer, udp_rx_timer, 0);
}

void ockam_udp_rx_exit(struct ockam_udp *udp)
{
	struct ockam_partial *p;

	spin_lock_bh(&udp->lock);
	udp->dead = true;
	while ((p = ockam_pieces_oldest(&udp->pieces, U64_MAX)))
		udp_rx_give_up(udp, p, OCKAM_DROP_LINK_DOWN);
	spin_unlock_bh(&udp->lock);
	timer_shutdown_sync(&udp->timer);
}
