// SPDX-License-Identifier: GPL-2.0
/*
 * TCP as a carrier: receiving.  A byte of version, then frames: u32 length,
 * body.  data_ready reads inline in softirq when nobody owns the socket, else
 * tcp_rx_work does.  Whatever part of a frame has not come yet stays in TCP's
 * receive queue until it is worth an allocation: so memory follows the bytes
 * received, each body is copied once into memory of the right size, and a peer
 * that sends single bytes only fills a queue that TCP keeps small.  When that
 * queue runs full, and for what is larger than OCKAM_LINEAR_MAX, the body is
 * taken over in large chunks.  What frames take until they are complete is on the
 * node's account (mem.h); for large ones all of it is set aside beforehand
 * (tcp_large.c).  A frame that there is nothing for waits in TCP, and its deadline
 * does not run.  So it is with the limit over the user of a container (limit.h).
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include <compat.h>

#include "ground/codec.h"
#include "node/limit.h"
#include "link/link.h"
#include "node/memcg.h"
#include "router/msg.h"
#include "node/node.h"
#include "router/policy.h"
#include "router/router.h"
#include "node/stats.h"
#include "transport/tcp_priv.h"
#include "trace.h"

#define LTCP_FRAME_MS		60000
/* What one run takes from a connection before others have their turn. */
#define RX_MSGS			64
#define RX_BYTES		(256 * 1024)
#define RX_CHUNK		16000	/* of a large body, after the first */
#define RX_RETRY	(HZ / 10)	/* for memory */

static unsigned long tcp_rx_patience(const struct ockam_tcp *tcp)
{
	u32 ms = READ_ONCE(tcp->link->config.frame_ms);

	return msecs_to_jiffies(ms ? ms : LTCP_FRAME_MS);
}

/*
 * Is TCP's receive queue about to stop the peer?  Then what is there has to be
 * taken, worth it or not.
 */
static bool tcp_rx_pressed(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) >
		       READ_ONCE(sk->sk_rcvbuf) / 2 ||
	       tcp_receive_window(tcp_sk(sk)) <=
		       inet_csk(sk)->icsk_ack.rcv_mss ||
	       tcp_under_memory_pressure(sk);
}

static void tcp_rx_count(struct ockam_tcp *tcp, int bytes)
{
	ockam_mem_add(tcp->link->node, OCKAM_MEM_LINKS, bytes);
	ockam_limit_add(tcp->link->source.user, bytes);
	tcp->rx.taken += bytes;
}

/* All that a large frame needs. */
static bool tcp_rx_take(struct ockam_tcp *tcp, u32 bytes)
{
	const struct ockam_source *src = &tcp->link->source;
	struct ockam_node *node = tcp->link->node;
	u8 level = ockam_mem_level(node, OCKAM_MEM_LINKS);

	/* Who has little here may finish what he has begun: limit.h. */
	if (ockam_limit_over(src->user) &&
	    atomic_read(&src->parked) >= OCKAM_LIMIT_LEAST) {
		ockam_stat_inc(node, OCKAM_STAT_USER_LIMIT);
		return false;
	}
	/* So it is with the node's, for who has nothing. */
	if (level == OCKAM_MEM_OVER ||
	    (level == OCKAM_MEM_FULL && atomic_read(&src->parked)))
		return false;
	if (!ockam_large_take(node, &tcp->rx.frame, bytes))
		return false;
	tcp_rx_count(tcp, bytes);
	return true;
}

/* The frame is complete, or never will be. */
static void tcp_rx_give_back(struct ockam_tcp *tcp)
{
	if (unlikely(tcp->rx.taken))
		tcp_rx_count(tcp, -(int)tcp->rx.taken);
	ockam_large_drop(tcp->link->node, &tcp->rx.frame);
}

/* Tried again by the timer. */
static void tcp_rx_starve(struct ockam_tcp *tcp)
{
	struct ockam_node *node = tcp->link->node;

	ockam_stat_inc(node, ockam_limit_over(tcp->link->source.user) ?
		       OCKAM_STAT_USER_LIMIT : OCKAM_STAT_MEM_LIMIT);
	/* While nothing is taken in, nobody else may look again. */
	ockam_mem_update(node);
	if (ockam_mem_level(node, OCKAM_MEM_LINKS) >= OCKAM_MEM_FULL)
		ockam_large_press(node);
	if (ockam_mem_level(node, OCKAM_MEM_LINKS) == OCKAM_MEM_OVER)
		ockam_link_press(node);
	WRITE_ONCE(tcp->rx.starved, true);
}

static void tcp_rx_message(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	struct ockam_rx *rx = &tcp->rx;
	struct sk_buff *skb;
	bool large;
	int err;

	skb = rx->skb;
	rx->skb = NULL;
	tcp_rx_give_back(tcp);
	rx->nhead = 0;
	rx->moved = true;
	rx->msgs--;
	large = skb->len > OCKAM_LINEAR_MAX;

	err = ockam_link_receive(link, &rx->guess, skb, NULL,
				 OCKAM_FRAME_HEAD + skb->len);
	if (unlikely(err < 0))
		ockam_tcp_fail(tcp, OCKAM_LINK_REASON_BAD_FRAME, err);
	if (unlikely(err <= 0))
		return;
	if (likely(!large)) {
		ockam_router_input(link->node, skb);
		return;
	}
	rx->large = skb;
	rx->busy = true;
}

/*
 * As skb_copy_bits(), and without its walk where all of it lies in one piece, as it
 * does in most of what TCP receives.
 */
static int tcp_rx_copy_piece(const struct sk_buff *from, u32 off, void *to, u32 len)
{
	u32 head = skb_headlen(from);
	const skb_frag_t *frag;

	if (off + len <= head) {
		memcpy(to, from->data + off, len);
		return 0;
	}
	if (!IS_ENABLED(CONFIG_HIGHMEM) && off >= head &&
	    skb_shinfo(from)->nr_frags) {
		frag = &skb_shinfo(from)->frags[0];
		off -= head;
		if (off + len <= skb_frag_size(frag) && skb_frags_readable(from)) {
			memcpy(to, skb_frag_address(frag) + off, len);
			return 0;
		}
		off += head;
	}
	return skb_copy_bits(from, off, to, len);
}

static int tcp_rx_version(struct ockam_tcp *tcp, u8 version)
{
	struct ockam_link *link = tcp->link;

	if (version != LTCP_VERSION) {
		ockam_tcp_fail(tcp, OCKAM_LINK_REASON_VERSION, -EPROTO);
		return 0;
	}
	WRITE_ONCE(tcp->rx.version, true);
	tcp->rx.moved = true;
	/* Now, so that an answer to what is right behind can go out. */
	WRITE_ONCE(link->state, OCKAM_LINK_STATE_UP);
	ockam_tcp_queue(tcp, &tcp->event_work);
	return 1;
}

static int tcp_rx_head(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
		       u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 n = min_t(u32, len, OCKAM_FRAME_HEAD - rx->nhead);

	if (!rx->nhead) {
		if (rx->msgs <= 0 || rx->bytes <= 0) {
			rx->again = true;
			return 0;
		}
		if (unlikely(ockam_source_full(&tcp->link->source))) {
			rx->held = true;
			return 0;
		}
		if (unlikely(ockam_mem_level(tcp->link->node,
					     OCKAM_MEM_LINKS) ==
			     OCKAM_MEM_OVER)) {
			tcp_rx_starve(tcp);
			return 0;
		}
	}
	if (tcp_rx_copy_piece(from, off, rx->head + rx->nhead, n))
		goto bad;
	rx->nhead += n;
	if (rx->nhead < OCKAM_FRAME_HEAD)
		return n;

	rx->size = ockam_get_be32(rx->head);
	rx->got = 0;
	if (unlikely(!rx->size))
		goto bad;
	if (unlikely(rx->size > OCKAM_FRAME_MAX)) {
		ockam_refuse(tcp->link->node, OCKAM_DROP_FRAME_TOO_BIG);
		ockam_tcp_fail(tcp, OCKAM_LINK_REASON_FRAME_TOO_BIG, -EMSGSIZE);
		return 0;
	}
	if (unlikely(rx->size > ockam_link_size_max(tcp->link))) {
		ockam_refuse(tcp->link->node, OCKAM_DROP_TOO_BIG);
		rx->skip = rx->size;
	}
	return n;

bad:
	ockam_refuse(tcp->link->node, OCKAM_DROP_BAD_FRAME);
	ockam_tcp_fail(tcp, OCKAM_LINK_REASON_BAD_FRAME, -EBADMSG);
	return 0;
}

static int tcp_rx_skip(struct ockam_tcp *tcp, u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 n = min(len, rx->skip);

	rx->skip -= n;
	rx->bytes -= n;
	if (!rx->skip) {
		rx->nhead = 0;
		rx->moved = true;
	}
	return n;
}

static struct sk_buff *tcp_rx_first(struct ockam_rx *rx, u32 cap, gfp_t gfp)
{
	struct ockam_room room = {
		.onward	= min_t(u32, rx->size, rx->guess.onward),
		.ret	= min_t(u32, rx->size, rx->guess.ret),
		.head	= OCKAM_RX_HEAD,
		.tail	= OCKAM_RX_TAIL,
	};

	return ockam_msg_alloc(cap, &room, gfp);
}

static struct sk_buff *tcp_rx_next(struct ockam_rx *rx, u32 cap, gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(cap + OCKAM_RX_TAIL, gfp);

	if (!skb)
		return NULL;
	if (rx->last == rx->skb)
		skb_shinfo(rx->skb)->frag_list = skb;
	else
		rx->last->next = skb;
	rx->skb->truesize += skb->truesize;
	return skb;
}

/* The first or the next part of the body, which the link's group pays for. */
static struct sk_buff *tcp_rx_alloc(struct ockam_tcp *tcp, u32 cap)
{
	struct mem_cgroup *memcg = tcp->link->memcg, *old = NULL;
	struct ockam_rx *rx = &tcp->rx;
	struct sk_buff *skb;
	gfp_t gfp;

	if (cap <= OCKAM_MEMCG_SMALL && !ockam_memcg_limited(memcg))
		memcg = NULL;
	gfp = ockam_memcg_gfp(memcg, rx->gfp);
	if (unlikely(memcg))
		old = ockam_memcg_enter(memcg);
	skb = rx->skb ? tcp_rx_next(rx, cap, gfp) : tcp_rx_first(rx, cap, gfp);
	if (unlikely(memcg))
		ockam_memcg_leave(old);
	return skb;
}

/*
 * Memory for the next part of the body, once that has arrived or cannot be
 * waited for.  False: not now.
 */
static bool tcp_rx_room(struct ockam_tcp *tcp)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 most = rx->skb ? RX_CHUNK : OCKAM_LINEAR_MAX;
	u32 cap = min(rx->size - rx->got, most);
	bool large = rx->size > OCKAM_LINEAR_MAX;
	struct sk_buff *skb;

	if (rx->avail < (int)cap && !tcp_rx_pressed(tcp->sk)) {
		rx->want = cap;
		return false;
	}
	if (large && !rx->frame.bytes && unlikely(!tcp_rx_take(tcp, rx->size))) {
		tcp_rx_starve(tcp);
		return false;
	}
	skb = tcp_rx_alloc(tcp, cap);
	if (unlikely(!skb)) {
		/* Process context has more to allocate from. */
		if (!gfpflags_allow_blocking(rx->gfp))
			rx->again = true;
		else if (tcp->link->memcg)
			WRITE_ONCE(rx->starved, true);
		else
			ockam_tcp_fail(tcp, OCKAM_LINK_REASON_NO_MEMORY, -ENOMEM);
		return false;
	}
	/* Others are messages in this very run. */
	if (large || unlikely(rx->avail < (int)cap)) {
		if (!large)
			tcp_rx_count(tcp, skb->truesize);
		ockam_large_moved(tcp->link->node, &rx->frame);
	}
	if (!rx->skb)
		rx->skb = skb;
	rx->last = skb;
	rx->cap = cap;
	return true;
}

static int tcp_rx_body(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
		       u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 n;

	if ((!rx->skb || !rx->cap) && !tcp_rx_room(tcp))
		return 0;

	n = min(len, rx->cap);
	if (tcp_rx_copy_piece(from, off, skb_put(rx->last, n), n)) {
		ockam_tcp_fail(tcp, OCKAM_LINK_REASON_ERROR, -EFAULT);
		return 0;
	}
	if (rx->last != rx->skb) {
		rx->skb->len += n;
		rx->skb->data_len += n;
	}
	rx->cap -= n;
	rx->got += n;
	rx->bytes -= n;
	rx->avail -= n;
	if (rx->got == rx->size)
		tcp_rx_message(tcp);
	return n;
}

/* Take some of @len bytes: how many, or 0 to stop. */
static int tcp_rx_step(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
		       u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u8 version;
	int n;

	if (unlikely(READ_ONCE(tcp->fail) || rx->busy))
		return 0;
	if (likely(rx->nhead == OCKAM_FRAME_HEAD && !rx->skip))
		return tcp_rx_body(tcp, from, off, len);

	if (unlikely(!rx->version)) {
		if (skb_copy_bits(from, off, &version, 1))
			return 0;
		n = tcp_rx_version(tcp, version);
	} else if (unlikely(rx->skip)) {
		n = tcp_rx_skip(tcp, len);
	} else {
		n = tcp_rx_head(tcp, from, off, len);
	}
	rx->avail -= n;
	return n;
}

static int tcp_rx_actor(read_descriptor_t *desc, struct sk_buff *from,
			unsigned int off, size_t len)
{
	struct ockam_tcp *tcp = desc->arg.data;
	size_t used = 0;

	while (used < len) {
		int n = tcp_rx_step(tcp, from, off + used, len - used);

		if (!n)
			break;
		used += n;
	}
	/* Nothing else came until now, and what comes later is told. */
	if (tcp->rx.avail <= 0)
		desc->count = 0;
	return used;
}

/*
 * The peer's clock runs while we wait for it, not while it waits for us, nor for
 * memory.
 */
static void tcp_rx_clock(struct ockam_tcp *tcp)
{
	struct ockam_rx *rx = &tcp->rx;
	unsigned long due;

	if (unlikely(rx->starved)) {
		WRITE_ONCE(tcp->deadline, 0);
		mod_timer(&tcp->timer, jiffies + RX_RETRY);
		return;
	}
	if (rx->again || rx->held || rx->busy ||
	    (rx->version && !rx->nhead && rx->avail <= 0)) {
		WRITE_ONCE(tcp->deadline, 0);
		return;
	}
	if (!tcp->deadline || rx->moved) {
		due = (jiffies + tcp_rx_patience(tcp)) ?: 1;
		WRITE_ONCE(tcp->deadline, due);
		if (!timer_pending(&tcp->timer))
			mod_timer(&tcp->timer, due);
	}
}

/* Nothing more will come, and what came has been taken. */
static void tcp_rx_eof(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;
	int err;

	if (!(sk->sk_shutdown & RCV_SHUTDOWN) && sk->sk_state != TCP_CLOSE)
		return;
	err = READ_ONCE(sk->sk_err) ?: tcp->tx_err;
	ockam_tcp_fail(tcp, ockam_tcp_reason(err), -err);
}

/* The caller has the socket's slock with no owner, or owns it. */
void ockam_tcp_read(struct ockam_tcp *tcp, gfp_t gfp)
{
	read_descriptor_t desc = { .arg.data = tcp, .count = 1 };
	struct sock *sk = tcp->sk;
	struct ockam_rx *rx = &tcp->rx;

	if (unlikely(tcp->dead || READ_ONCE(tcp->fail) || rx->busy))
		return;

	rx->avail = tcp_inq(sk);
	rx->msgs = RX_MSGS;
	rx->bytes = RX_BYTES;
	rx->gfp = gfp;
	rx->again = false;
	rx->held = false;
	WRITE_ONCE(rx->starved, false);
	rx->moved = false;
	if (rx->avail >= rx->want || tcp_rx_pressed(sk)) {
		rx->want = 1;
		tcp_read_sock(sk, &desc, tcp_rx_actor);
	}
	if (unlikely(READ_ONCE(tcp->fail)))
		return;
	tcp_rx_clock(tcp);
	if (unlikely(rx->again || rx->busy))
		ockam_tcp_queue(tcp, &tcp->rx_work);
	else if (!rx->held && (!rx->starved || sk->sk_state == TCP_CLOSE))
		/* There may be no memory for what is left of it until it goes. */
		tcp_rx_eof(tcp);
}

static void tcp_rx_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(work, struct ockam_tcp, rx_work);
	struct ockam_rx *rx = &tcp->rx;
	struct sk_buff *skb;

	if (READ_ONCE(tcp->dead) || !ockam_tcp_lock(tcp, LTCP_WANT_RX))
		goto put;
	skb = rx->large;
	rx->large = NULL;
	if (skb) {
		ockam_tcp_unlock(tcp);
		ockam_router_forward(tcp->link->node, skb);
		/* Who reads on may do so without us. */
		smp_store_release(&rx->busy, false);
		if (!ockam_tcp_lock(tcp, LTCP_WANT_RX))
			goto put;
	}
	ockam_tcp_read(tcp, GFP_KERNEL);
	ockam_tcp_unlock(tcp);
put:
	ockam_tcp_put(tcp);
}

static void tcp_rx_timer(struct timer_list *t)
{
	struct ockam_tcp *tcp = container_of(t, struct ockam_tcp, timer);
	unsigned long due = READ_ONCE(tcp->deadline);

	/* It comes back if there is still nothing. */
	if (READ_ONCE(tcp->rx.starved))
		ockam_tcp_queue(tcp, &tcp->rx_work);
	if (!due)
		return;
	if (time_before(jiffies, due)) {
		mod_timer(&tcp->timer, due);
		return;
	}
	ockam_tcp_fail(tcp, READ_ONCE(tcp->rx.version) ?
		       OCKAM_LINK_REASON_FRAME_TIMEOUT :
		       OCKAM_LINK_REASON_VERSION_TIMEOUT, -ETIMEDOUT);
}

void ockam_tcp_rx_init(struct ockam_tcp *tcp)
{
	tcp->rx.want = 1;
	INIT_LIST_HEAD(&tcp->rx.frame.list);
	tcp->rx.guess.onward = OCKAM_LINK_ROUTE;
	tcp->rx.guess.ret = OCKAM_LINK_ROUTE;
	timer_setup(&tcp->timer, tcp_rx_timer, 0);
	INIT_WORK(&tcp->rx_work, tcp_rx_work);
}

void ockam_tcp_rx_exit(struct ockam_tcp *tcp)
{
	struct ockam_rx *rx = &tcp->rx;

	sock_owned_by_me(tcp->sk);
	kfree_skb(rx->skb);
	rx->skb = NULL;
	tcp_rx_give_back(tcp);
	kfree_skb(rx->large);
	rx->large = NULL;
}
