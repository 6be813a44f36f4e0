// SPDX-License-Identifier: GPL-2.0
/*
 * TCP as a carrier: the sockets behind links, Ockam's framing on them, and
 * what user space may still do with a socket it has handed over.
 *
 * Receiving.  A byte of version, then frames: u32 length, body.  data_ready
 * reads inline in softirq when nobody owns the socket, else rx_work does.
 * Whatever part of a frame has not come yet stays in TCP's receive queue
 * until it is worth an allocation: so memory follows the bytes received, each
 * body is copied once into memory of the right size, and a peer that sends
 * single bytes only fills a queue that TCP keeps small.  When that queue runs
 * full, and for what is larger than OCKAM_LINEAR_MAX, the body is taken over
 * in large chunks.  What large frames take beyond their first chunk is bounded
 * per node: beyond that a frame waits in TCP, with its deadline running, until
 * others are complete or over their time.  So it is with the limit over the
 * user of a container (limit.h).
 *
 * Locks.  Receive state belongs to who holds the carrier: its slock with
 * nobody owning it, or lock_sock().  Sending is under link->serial, which is
 * taken before lock_sock().  Works that change links take node->lock first.
 * Carriers keep TCP's own lock classes: the family's sockets never hold their
 * lock while a carrier's is taken, and no carrier's while another's is.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/wait_bit.h>
#include <net/inet_common.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "codec.h"
#include "limit.h"
#include "link.h"
#include "memcg.h"
#include "msg.h"
#include "node.h"
#include "policy.h"
#include "router.h"
#include "stats.h"
#include "tcp.h"
#include "trace.h"

#define LTCP_VERSION		1
#define LTCP_FRAME_MS		60000
#define LTCP_BACKLOG		128
#define LTCP_ACCEPTS		16		/* in one run */
#define LTCP_KEEPIDLE		300
#define LTCP_KEEPINTVL		75
#define LTCP_KEEPCNT		2
#define LTCP_LAST_BYTES		(2 * HZ)	/* patience after the end */
#define LTCP_CLOSING_MAX		4096		/* carriers waiting like that */

/* What one run takes from a connection before others have their turn. */
#define RX_MSGS			64
#define RX_BYTES		(256 * 1024)

#define RX_HEAD			64	/* room for what forwarding adds */
#define RX_TAIL			32
#define RX_SMALL		4096	/* not charged to a group without limits */
#define RX_ROUTE		64	/* first guess, then what was needed */
#define RX_CHUNK		16000	/* of a large body, after the first */
#define RX_PARTIAL_MAX		(64 * 1024 * 1024)	/* of a node */
#define RX_PARTIAL_RETRY	(HZ / 10)

/**
 * struct ockam_rx - receive state of a connection
 * @skb: message being put together, or NULL
 * @last: its last skb, which is filled
 * @size: bytes of the body
 * @got: bytes of it so far
 * @cap: bytes that @last is for
 * @taken: bytes that the node counts for it, see RX_PARTIAL_MAX
 * @skip: bytes of a body that is not wanted
 * @avail: bytes in TCP's receive queue
 * @want: bytes there that are worth a look
 * @head: length of the next frame, as it comes
 * @nhead: bytes of it
 * @onward: bytes to leave for onward routes, as learned
 * @ret: likewise for return routes
 * @msgs: what is left of a run's budget
 * @bytes: likewise
 * @gfp: how to allocate in this run
 * @version: the peer has sent its version byte
 * @again: the run ended before the data did
 * @held: the source is full
 * @starved: the node's other large frames leave nothing for this one, or its
 *	control group has no memory
 * @moved: a frame was completed in this run
 * @busy: @large, or what it was, is not routed yet; nothing may overtake it
 * @large: message for process context
 */
struct ockam_rx {
	struct sk_buff	*skb;
	struct sk_buff	*last;
	u32		size;
	u32		got;
	u32		cap;
	u32		taken;
	u32		skip;
	int		avail;
	int		want;
	u8		head[OCKAM_FRAME_HEAD];
	u8		nhead;
	u16		onward;
	u16		ret;
	int		msgs;
	int		bytes;
	gfp_t		gfp;
	bool		version;
	bool		again;
	bool		held;
	bool		starved;
	bool		moved;
	bool		busy;
	struct sk_buff	*large;
};

/**
 * struct ockam_tcp - a carrier
 * @link: whose, with a reference
 * @sk: the socket, with a reference
 * @sock: our own kernel socket, or NULL if it was handed over
 * @ref: references
 * @rcu: for freeing; callbacks find the carrier under RCU
 * @rx: receive state
 * @timer: looks whether @deadline has passed
 * @deadline: jiffies until which the version or a frame must be complete, or 0
 * @rx_work: reads in process context
 * @event_work: tells the link what has happened
 * @reap_work: ends a closed connection whose last bytes were acknowledged, or
 *	are not waited for any more
 * @closing: in the list of those
 * @fail: enum ockam_link_reason once the carrier has failed, set once
 * @err: errno that goes with it
 * @tx_err: errno that sending gave
 * @listening: not a connection
 * @connecting: not yet a connection
 * @told: the link was told that it is up
 * @greeted: our version byte was sent
 * @dead: the link has let go, nothing is received
 * @attached: callbacks are ours
 * @fd_ops: what @sk's struct socket had before it was handed over
 * @data_ready: callback of @sk's before ours
 * @write_space: likewise
 * @state_change: likewise
 * @error_report: likewise
 */
struct ockam_tcp {
	struct ockam_link	*link;
	struct sock		*sk;
	struct socket		*sock;
	refcount_t		ref;
	struct rcu_head		rcu;
	struct ockam_rx		rx;
	struct timer_list	timer;
	unsigned long		deadline;
	struct work_struct	rx_work;
	struct work_struct	event_work;
	struct delayed_work	reap_work;
	struct list_head	closing;
	u32			fail;
	int			err;
	int			tx_err;
	bool			listening;
	bool			connecting;
	bool			told;
	bool			greeted;
	bool			dead;
	bool			attached;
	const struct proto_ops	*fd_ops;
	void			(*data_ready)(struct sock *sk);
	void			(*write_space)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
	void			(*error_report)(struct sock *sk);
};

/* Carriers whose last bytes are on their way. */
static LIST_HEAD(ltcp_closing);
static DEFINE_SPINLOCK(ltcp_closing_lock);
static unsigned int ltcp_nr_closing;

static void ltcp_listen_ready(struct sock *sk);

/* ---- references and deferred work ---- */

static void ltcp_put(struct ockam_tcp *tcp)
{
	if (!refcount_dec_and_test(&tcp->ref))
		return;
	sock_put(tcp->sk);
	ockam_link_put(tcp->link);
	kfree_rcu(tcp, rcu);
}

static void ltcp_queue(struct ockam_tcp *tcp, struct work_struct *work)
{
	if (!refcount_inc_not_zero(&tcp->ref))
		return;
	if (!queue_work(tcp->link->node->wq, work))
		ltcp_put(tcp);
}

static void ltcp_reap_in(struct ockam_tcp *tcp, unsigned long delay)
{
	if (!refcount_inc_not_zero(&tcp->ref))
		return;
	if (mod_delayed_work(tcp->link->node->wq, &tcp->reap_work, delay))
		ltcp_put(tcp);
}

/* The first failure counts.  Any context. */
static void ltcp_fail(struct ockam_tcp *tcp, enum ockam_link_reason reason,
		     int err)
{
	if (cmpxchg(&tcp->fail, OCKAM_LINK_REASON_NONE, reason))
		return;
	WRITE_ONCE(tcp->err, err);
	ltcp_queue(tcp, &tcp->event_work);
}

enum ockam_link_reason ockam_tcp_reason(int err)
{
	switch (abs(err)) {
	case 0:
		return OCKAM_LINK_REASON_PEER_CLOSED;
	case ECONNRESET:
	case EPIPE:
		return OCKAM_LINK_REASON_RESET;
	case ECONNREFUSED:
		return OCKAM_LINK_REASON_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return OCKAM_LINK_REASON_UNREACHABLE;
	case ETIMEDOUT:
		return OCKAM_LINK_REASON_TIMEOUT;
	case ENOMEM:
		return OCKAM_LINK_REASON_NO_MEMORY;
	default:
		return OCKAM_LINK_REASON_ERROR;
	}
}

/* ---- receiving ---- */

static unsigned long ltcp_patience(const struct ockam_tcp *tcp)
{
	u32 ms = READ_ONCE(tcp->link->config.frame_ms);

	return msecs_to_jiffies(ms ? ms : LTCP_FRAME_MS);
}

/*
 * Is TCP's receive queue about to stop the peer?  Then what is there has to be
 * taken, worth it or not.
 */
static bool rx_pressed(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc) >
		       READ_ONCE(sk->sk_rcvbuf) / 2 ||
	       tcp_receive_window(tcp_sk(sk)) <=
		       inet_csk(sk)->icsk_ack.rcv_mss ||
	       tcp_under_memory_pressure(sk);
}

static int rx_fetch(void *ctx, u32 off, u8 *to, u32 len)
{
	return skb_copy_bits(ctx, off, to, len);
}

/* Routes lie behind some room, since the next hops write in front of them. */
static u32 rx_region(const struct ockam_region *r)
{
	return r->limit - r->base > OCKAM_ROUTE_SLACK ? OCKAM_ROUTE_SLACK : 0;
}

static int rx_decode_once(struct sk_buff *skb, struct ockam_wire *w)
{
	const struct ockam_msg *m = ockam_msg(skb);
	u32 onward = m->onward.base + rx_region(&m->onward);
	u32 ret = m->ret.base + rx_region(&m->ret);

	w->onward = skb->head + onward;
	w->onward_cap = m->onward.limit - onward;
	w->ret = skb->head + ret;
	w->ret_cap = m->ret.limit - ret;
	w->fetch = rx_fetch;
	w->fetch_ctx = skb;
	return ockam_wire_decode(skb->data, skb_headlen(skb), skb->len, w);
}

static int rx_decode(struct ockam_rx *rx, struct sk_buff *skb,
		     struct ockam_wire *w)
{
	struct ockam_room room = {
		.onward	= OCKAM_ROUTE_MAX,
		.ret	= OCKAM_ROUTE_MAX,
	};
	int err;

	err = rx_decode_once(skb, w);
	if (likely(err != -ENOSPC))
		return err;

	err = ockam_msg_reserve(skb, &room);
	if (err)
		return err;
	err = rx_decode_once(skb, w);
	if (!err) {
		rx->onward = max_t(u32, rx->onward, ALIGN(w->onward_len, 32));
		rx->ret = max_t(u32, rx->ret, ALIGN(w->ret_len, 32));
	}
	return err;
}

static void rx_set_region(struct sk_buff *skb, struct ockam_region *r,
			  const u8 *start, u32 len, u32 hops)
{
	r->start = start - skb->head;
	r->end = r->start + len;
	r->hops = hops;
}

/* Everything the frame said becomes what the message is, and nothing else. */
static int rx_make_message(struct ockam_tcp *tcp, struct sk_buff *skb,
			   const struct ockam_wire *w, enum ockam_drop *reason)
{
	struct ockam_msg *m = ockam_msg(skb);
	struct ockam_link *link = tcp->link;

	if (w->payload_len > READ_ONCE(link->node->conf.max_msg)) {
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

	rx_set_region(skb, &m->onward, w->onward, w->onward_len,
		      w->onward_hops);
	rx_set_region(skb, &m->ret, w->ret, w->ret_len, w->ret_hops);
	m->from.kind = OCKAM_ORIGIN_LINK;
	m->from.link = link->id;
	*reason = OCKAM_DROP_ROUTE_TOO_LONG;
	return ockam_msg_push_return(skb, link->name_key);
}

/* Room for a few of the largest messages at once. */
static bool rx_take(struct ockam_tcp *tcp, u32 bytes)
{
	struct ockam_node *node = tcp->link->node;
	struct ockam_rx *rx = &tcp->rx;

	if (ockam_limit_over(tcp->link->source.user)) {
		ockam_stat_inc(node, OCKAM_STAT_USER_LIMIT);
		return false;
	}
	if (atomic_add_return(bytes, &node->rx_partial) > RX_PARTIAL_MAX) {
		atomic_sub(bytes, &node->rx_partial);
		return false;
	}
	ockam_limit_add(tcp->link->source.user, bytes);
	rx->taken += bytes;
	return true;
}

static void rx_untake(struct ockam_tcp *tcp, u32 bytes)
{
	atomic_sub(bytes, &tcp->link->node->rx_partial);
	ockam_limit_add(tcp->link->source.user, -(long)bytes);
	tcp->rx.taken -= bytes;
}

/* The frame is complete, or never will be. */
static void rx_give_back(struct ockam_tcp *tcp)
{
	if (unlikely(tcp->rx.taken))
		rx_untake(tcp, tcp->rx.taken);
}

static void rx_message(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	struct ockam_node *node = link->node;
	struct ockam_rx *rx = &tcp->rx;
	enum ockam_drop reason;
	struct ockam_wire w;
	struct sk_buff *skb;
	bool large;
	int err;

	skb = rx->skb;
	rx->skb = NULL;
	rx_give_back(tcp);
	rx->nhead = 0;
	rx->moved = true;
	rx->msgs--;
	large = skb->len > OCKAM_LINEAR_MAX;

	atomic64_inc(&link->stats.rx_msgs);
	atomic64_add(OCKAM_FRAME_HEAD + skb->len, &link->stats.rx_bytes);
	ockam_stat_inc(node, OCKAM_STAT_LINK_RX);

	err = rx_decode(rx, skb, &w);
	if (unlikely(err)) {
		switch (err) {
		case -EMSGSIZE:
			ockam_drop(node, skb, OCKAM_DROP_ROUTE_TOO_LONG);
			return;
		case -ENOMEM:
			ockam_drop(node, skb, OCKAM_DROP_NO_MEMORY);
			return;
		default:
			ockam_drop(node, skb, OCKAM_DROP_BAD_FRAME);
			ltcp_fail(tcp, OCKAM_LINK_REASON_BAD_FRAME, -EBADMSG);
			return;
		}
	}
	if (unlikely(!w.onward_hops)) {
		ockam_stat_inc(node, OCKAM_STAT_HEARTBEATS);
		consume_skb(skb);
		return;
	}
	if (unlikely(rx_make_message(tcp, skb, &w, &reason))) {
		ockam_drop(node, skb, reason);
		return;
	}

	trace_ockam_link_rx(node, skb, link->id);
	ockam_msg_charge_source(skb, &link->source);
	if (unlikely(ockam_policy_input(&link->sink.policy, skb)))
		return;
	if (likely(!large)) {
		ockam_router_input(node, skb);
		return;
	}
	rx->large = skb;
	rx->busy = true;
}

static int rx_version(struct ockam_tcp *tcp, u8 version)
{
	struct ockam_link *link = tcp->link;

	if (version != LTCP_VERSION) {
		ltcp_fail(tcp, OCKAM_LINK_REASON_VERSION, -EPROTO);
		return 0;
	}
	WRITE_ONCE(tcp->rx.version, true);
	tcp->rx.moved = true;
	/* Now, so that an answer to what is right behind can go out. */
	WRITE_ONCE(link->state, OCKAM_LINK_STATE_UP);
	ltcp_queue(tcp, &tcp->event_work);
	return 1;
}

/* Longer ones cannot hold a payload that this node takes. */
static u32 rx_size_max(const struct ockam_tcp *tcp)
{
	return READ_ONCE(tcp->link->node->conf.max_msg) + OCKAM_WIRE_HEAD_MAX +
	       OCKAM_TRACE_MAX;
}

static int rx_head(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
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
			if (ockam_limit_over(tcp->link->source.user))
				ockam_stat_inc(tcp->link->node,
					       OCKAM_STAT_USER_LIMIT);
			rx->held = true;
			return 0;
		}
	}
	if (skb_copy_bits(from, off, rx->head + rx->nhead, n))
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
		ltcp_fail(tcp, OCKAM_LINK_REASON_FRAME_TOO_BIG, -EMSGSIZE);
		return 0;
	}
	if (unlikely(rx->size > rx_size_max(tcp))) {
		ockam_refuse(tcp->link->node, OCKAM_DROP_TOO_BIG);
		rx->skip = rx->size;
	}
	return n;

bad:
	ockam_refuse(tcp->link->node, OCKAM_DROP_BAD_FRAME);
	ltcp_fail(tcp, OCKAM_LINK_REASON_BAD_FRAME, -EBADMSG);
	return 0;
}

static int rx_skip(struct ockam_tcp *tcp, u32 len)
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

static struct sk_buff *rx_first(struct ockam_rx *rx, u32 cap, gfp_t gfp)
{
	struct ockam_room room = {
		.onward	= min_t(u32, rx->size, rx->onward),
		.ret	= min_t(u32, rx->size, rx->ret),
		.head	= RX_HEAD,
		.tail	= RX_TAIL,
	};

	return ockam_msg_alloc(cap, &room, gfp);
}

static struct sk_buff *rx_next(struct ockam_rx *rx, u32 cap, gfp_t gfp)
{
	struct sk_buff *skb = alloc_skb(cap + RX_TAIL, gfp);

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
static struct sk_buff *rx_alloc(struct ockam_tcp *tcp, u32 cap)
{
	struct mem_cgroup *memcg = tcp->link->memcg, *old = NULL;
	struct ockam_rx *rx = &tcp->rx;
	struct sk_buff *skb;
	gfp_t gfp;

	if (cap <= RX_SMALL && !ockam_memcg_limited(memcg))
		memcg = NULL;
	gfp = ockam_memcg_gfp(memcg, rx->gfp);
	if (unlikely(memcg))
		old = set_active_memcg(memcg);
	skb = rx->skb ? rx_next(rx, cap, gfp) : rx_first(rx, cap, gfp);
	if (unlikely(memcg))
		set_active_memcg(old);
	return skb;
}

/*
 * Memory for the next part of the body, once that has arrived or cannot be
 * waited for.  False: not now.
 */
static bool rx_room(struct ockam_tcp *tcp)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 most = rx->skb ? RX_CHUNK : OCKAM_LINEAR_MAX;
	u32 cap = min(rx->size - rx->got, most);
	struct sk_buff *skb;

	if (rx->avail < (int)cap && !rx_pressed(tcp->sk)) {
		rx->want = cap;
		return false;
	}
	if (rx->skb && unlikely(!rx_take(tcp, cap))) {
		WRITE_ONCE(rx->starved, true);
		return false;
	}
	skb = rx_alloc(tcp, cap);
	if (unlikely(!skb)) {
		if (rx->skb)
			rx_untake(tcp, cap);
		/* Process context has more to allocate from. */
		if (!gfpflags_allow_blocking(rx->gfp))
			rx->again = true;
		else if (tcp->link->memcg)
			WRITE_ONCE(rx->starved, true);
		else
			ltcp_fail(tcp, OCKAM_LINK_REASON_NO_MEMORY, -ENOMEM);
		return false;
	}
	if (!rx->skb)
		rx->skb = skb;
	rx->last = skb;
	rx->cap = cap;
	return true;
}

static int rx_body(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
		   u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u32 n;

	if ((!rx->skb || !rx->cap) && !rx_room(tcp))
		return 0;

	n = min(len, rx->cap);
	if (skb_copy_bits(from, off, skb_put(rx->last, n), n)) {
		ltcp_fail(tcp, OCKAM_LINK_REASON_ERROR, -EFAULT);
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
		rx_message(tcp);
	return n;
}

/* Take some of @len bytes: how many, or 0 to stop. */
static int rx_step(struct ockam_tcp *tcp, struct sk_buff *from, u32 off,
		   u32 len)
{
	struct ockam_rx *rx = &tcp->rx;
	u8 version;
	int n;

	if (unlikely(READ_ONCE(tcp->fail) || rx->busy))
		return 0;
	if (likely(rx->nhead == OCKAM_FRAME_HEAD && !rx->skip))
		return rx_body(tcp, from, off, len);

	if (unlikely(!rx->version)) {
		if (skb_copy_bits(from, off, &version, 1))
			return 0;
		n = rx_version(tcp, version);
	} else if (unlikely(rx->skip)) {
		n = rx_skip(tcp, len);
	} else {
		n = rx_head(tcp, from, off, len);
	}
	rx->avail -= n;
	return n;
}

static int rx_actor(read_descriptor_t *desc, struct sk_buff *from,
		    unsigned int off, size_t len)
{
	struct ockam_tcp *tcp = desc->arg.data;
	size_t used = 0;

	while (used < len) {
		int n = rx_step(tcp, from, off + used, len - used);

		if (!n)
			break;
		used += n;
	}
	return used;
}

/* The peer's clock runs while we wait for it, not while it waits for us. */
static void rx_clock(struct ockam_tcp *tcp)
{
	struct ockam_rx *rx = &tcp->rx;
	unsigned long due;

	if (rx->again || rx->held || rx->busy ||
	    (rx->version && !rx->nhead && rx->avail <= 0)) {
		WRITE_ONCE(tcp->deadline, 0);
		return;
	}
	if (!tcp->deadline || rx->moved) {
		due = (jiffies + ltcp_patience(tcp)) ?: 1;
		WRITE_ONCE(tcp->deadline, due);
		if (!timer_pending(&tcp->timer))
			mod_timer(&tcp->timer, due);
	}
	if (unlikely(rx->starved))
		mod_timer(&tcp->timer, jiffies + RX_PARTIAL_RETRY);
}

/* Nothing more will come, and what came has been taken. */
static void rx_eof(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;
	int err;

	if (!(sk->sk_shutdown & RCV_SHUTDOWN) && sk->sk_state != TCP_CLOSE)
		return;
	err = READ_ONCE(sk->sk_err) ?: tcp->tx_err;
	ltcp_fail(tcp, ockam_tcp_reason(err), -err);
}

/* The caller has the socket's slock with no owner, or owns it. */
static void ltcp_read(struct ockam_tcp *tcp, gfp_t gfp)
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
	if (rx->avail >= rx->want || rx_pressed(sk)) {
		rx->want = 1;
		tcp_read_sock(sk, &desc, rx_actor);
	}
	if (unlikely(READ_ONCE(tcp->fail)))
		return;
	rx_clock(tcp);
	if (unlikely(rx->again || rx->busy))
		ltcp_queue(tcp, &tcp->rx_work);
	else if (!rx->held && !rx->starved)
		rx_eof(tcp);
}

static void ltcp_rx_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(work, struct ockam_tcp, rx_work);
	struct ockam_rx *rx = &tcp->rx;
	struct sk_buff *skb;

	lock_sock(tcp->sk);
	skb = rx->large;
	rx->large = NULL;
	if (skb) {
		release_sock(tcp->sk);
		ockam_router_forward(tcp->link->node, skb);
		lock_sock(tcp->sk);
		rx->busy = false;
	}
	ltcp_read(tcp, GFP_KERNEL);
	release_sock(tcp->sk);
	ltcp_put(tcp);
}

static void ltcp_timer(struct timer_list *t)
{
	struct ockam_tcp *tcp = container_of(t, struct ockam_tcp, timer);
	unsigned long due = READ_ONCE(tcp->deadline);

	if (!due)
		return;
	if (time_before(jiffies, due)) {
		mod_timer(&tcp->timer, due);
		/* It comes back sooner if there is still nothing. */
		if (READ_ONCE(tcp->rx.starved))
			ltcp_queue(tcp, &tcp->rx_work);
		return;
	}
	ltcp_fail(tcp, READ_ONCE(tcp->rx.version) ?
		       OCKAM_LINK_REASON_FRAME_TIMEOUT :
		       OCKAM_LINK_REASON_VERSION_TIMEOUT, -ETIMEDOUT);
}

void ockam_tcp_resume(struct ockam_tcp *tcp)
{
	ltcp_queue(tcp, &tcp->rx_work);
}

/* ---- the socket's callbacks ---- */

static void ltcp_data_ready(struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		if (unlikely(sock_owned_by_user_nocheck(sk)))
			ltcp_queue(tcp, &tcp->rx_work);
		else
			ltcp_read(tcp, GFP_ATOMIC);
	}
	rcu_read_unlock();
}

static void ltcp_write_space(struct sock *sk)
{
	struct ockam_tcp *tcp;

	if (!sk_stream_is_writeable(sk))
		return;
	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		if (sk->sk_socket)
			clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		if (!tcp->dead)
			ockam_link_queue(tcp->link);
	}
	rcu_read_unlock();
}

/* Has all that we sent been acknowledged, the end included? */
static bool ltcp_sent_all(const struct sock *sk)
{
	return !(1 << READ_ONCE(sk->sk_state) &
		 (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK));
}

static void ltcp_changed(struct ockam_tcp *tcp, struct sock *sk)
{
	if (tcp->dead) {
		if (tcp->sock && ltcp_sent_all(sk))
			ltcp_reap_in(tcp, 0);
		return;
	}
	if (tcp->connecting) {
		if (sk->sk_state != TCP_SYN_SENT &&
		    sk->sk_state != TCP_SYN_RECV)
			ltcp_queue(tcp, &tcp->event_work);
		return;
	}
	if (sk->sk_state == TCP_ESTABLISHED)
		return;
	if (sock_owned_by_user_nocheck(sk))
		ltcp_queue(tcp, &tcp->rx_work);
	else
		ltcp_read(tcp, GFP_ATOMIC);
}

static void ltcp_state_change(struct sock *sk)
{
	void (*chain)(struct sock *sk) = NULL;
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		chain = tcp->state_change;
		ltcp_changed(tcp, sk);
	}
	if (chain)
		chain(sk);
	rcu_read_unlock();
}

static void ltcp_error_report(struct sock *sk)
{
	void (*chain)(struct sock *sk) = NULL;
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		chain = tcp->error_report;
		/* Soft errors come without a change of state. */
		if (sk->sk_state == TCP_CLOSE)
			ltcp_changed(tcp, sk);
	}
	if (chain)
		chain(sk);
	rcu_read_unlock();
}

/* Connections inherit this, and no user data, until they are accepted. */
static void ltcp_listen_ready(struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (tcp && tcp->listening)
		ltcp_queue(tcp, &tcp->event_work);
	rcu_read_unlock();
}

static void ltcp_attach(struct ockam_tcp *tcp, struct ockam_tcp *listener)
{
	struct sock *sk = tcp->sk;

	sock_owned_by_me(sk);
	write_lock_bh(&sk->sk_callback_lock);
	tcp->data_ready = listener ? listener->data_ready : sk->sk_data_ready;
	tcp->write_space = sk->sk_write_space;
	tcp->state_change = sk->sk_state_change;
	tcp->error_report = sk->sk_error_report;
	__rcu_assign_sk_user_data_with_flags(sk, tcp, SK_USER_DATA_NOCOPY);
	if (tcp->listening) {
		WRITE_ONCE(sk->sk_data_ready, ltcp_listen_ready);
	} else {
		WRITE_ONCE(sk->sk_data_ready, ltcp_data_ready);
		WRITE_ONCE(sk->sk_write_space, ltcp_write_space);
		WRITE_ONCE(sk->sk_state_change, ltcp_state_change);
		WRITE_ONCE(sk->sk_error_report, ltcp_error_report);
	}
	write_unlock_bh(&sk->sk_callback_lock);
	tcp->attached = true;
}

static void ltcp_detach(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;

	sock_owned_by_me(sk);
	if (!tcp->attached)
		return;
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, tcp->data_ready);
	WRITE_ONCE(sk->sk_write_space, tcp->write_space);
	WRITE_ONCE(sk->sk_state_change, tcp->state_change);
	WRITE_ONCE(sk->sk_error_report, tcp->error_report);
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
	if (tcp->fd_ops)
		WRITE_ONCE(sk->sk_socket->ops, tcp->fd_ops);
	tcp->attached = false;
}

/* ---- sending ---- */

static bool ltcp_writable(const struct ockam_tcp *tcp)
{
	const struct sock *sk = tcp->sk;

	return !tcp->dead && sk->sk_socket &&
	       (1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) &&
	       !(sk->sk_shutdown & SEND_SHUTDOWN);
}

/* Anything but a full queue will be told by a change of state as well. */
static void ltcp_send_stopped(struct ockam_tcp *tcp, int ret)
{
	struct sock *sk = tcp->sk;

	if (ret && ret != -EAGAIN) {
		tcp->tx_err = -ret;
		if (ltcp_writable(tcp))
			ltcp_fail(tcp, ockam_tcp_reason(ret), ret);
		return;
	}
	/* Memory is short, and nothing under way would bring us back. */
	if (!READ_ONCE(sk->sk_wmem_queued))
		ockam_link_later(tcp->link, HZ / 10);
}

static bool ltcp_greet(struct ockam_tcp *tcp)
{
	struct sk_buff *skb;
	int ret;

	if (likely(tcp->greeted))
		return true;
	skb = alloc_skb(1, GFP_KERNEL);
	if (!skb) {
		ltcp_send_stopped(tcp, -EAGAIN);
		return false;
	}
	skb_put_u8(skb, LTCP_VERSION);
	ret = skb_send_sock_locked(tcp->sk, skb, 0, 1);
	kfree_skb(skb);
	if (ret != 1) {
		ltcp_send_stopped(tcp, ret);
		return false;
	}
	tcp->greeted = true;
	return true;
}

unsigned int ockam_tcp_flush(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	struct sock *sk = tcp->sk;
	unsigned int done = 0;
	struct sk_buff *skb;

	lockdep_assert_held(&link->serial);

	if (tcp->greeted && skb_queue_empty(&link->txq))
		return 0;

	lock_sock(sk);
	if (unlikely(!ltcp_writable(tcp) || !ltcp_greet(tcp)))
		goto out;
	while ((skb = skb_peek(&link->txq))) {
		int ret = skb_send_sock_locked(sk, skb, link->tx_off,
					       skb->len - link->tx_off);

		if (unlikely(ret <= 0)) {
			ltcp_send_stopped(tcp, ret);
			break;
		}
		link->tx_off += ret;
		if (unlikely(link->tx_off < skb->len))
			continue;
		ockam_link_sent(link, skb);
		done++;
	}
out:
	release_sock(sk);
	return done;
}

/* ---- what the link is told ---- */

static void ltcp_accept_some(struct ockam_tcp *tcp)
{
	struct socket *sock;
	int i, err;

	for (i = 0; i < LTCP_ACCEPTS; i++) {
		err = kernel_accept(tcp->sock, &sock, O_NONBLOCK);
		if (err == -EAGAIN)
			return;
		if (err == -ECONNABORTED)
			continue;
		if (err) {
			ockam_link_later(tcp->link, HZ);
			return;
		}
		ockam_link_accept(tcp->link, tcp, sock);
	}
	ltcp_queue(tcp, &tcp->event_work);
}

static void ltcp_addresses(struct ockam_link *link, struct socket *sock)
{
	union ockam_endpoint local = {}, remote = {};

	if (kernel_getsockname(sock, &local.sa) > 0)
		link->local = local;
	if (kernel_getpeername(sock, &remote.sa) > 0)
		link->remote = remote;
}

/* Our version goes out at once, and what came already is read. */
static void ltcp_start(struct ockam_tcp *tcp)
{
	mutex_lock(&tcp->link->serial);
	ockam_tcp_flush(tcp);
	mutex_unlock(&tcp->link->serial);
	ltcp_queue(tcp, &tcp->rx_work);
}

static void ltcp_connected(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;
	bool up;

	lock_sock(sk);
	up = 1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
	tcp->connecting = false;
	release_sock(sk);
	if (up)
		ltcp_addresses(tcp->link, tcp->sock);
	/* If it is not up the reader finds the end, and why. */
	ltcp_start(tcp);
}

static void ltcp_event_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(work, struct ockam_tcp,
					     event_work);
	struct ockam_link *link = tcp->link;
	struct ockam_node *node = link->node;

	mutex_lock(&node->lock);
	/* Let go of meanwhile? */
	if (rcu_access_pointer(link->tcp) != tcp)
		goto out;
	if (tcp->listening) {
		ltcp_accept_some(tcp);
		goto out;
	}
	if (tcp->connecting && !READ_ONCE(tcp->fail))
		ltcp_connected(tcp);
	if (!tcp->told && READ_ONCE(link->state) == OCKAM_LINK_STATE_UP) {
		tcp->told = true;
		ockam_link_up(link);
	}
	if (READ_ONCE(tcp->fail))
		ockam_link_lost(link, tcp, tcp->fail, READ_ONCE(tcp->err));
out:
	mutex_unlock(&node->lock);
	ltcp_put(tcp);
}

bool ockam_tcp_connecting(const struct ockam_tcp *tcp)
{
	return tcp && tcp->connecting;
}

void ockam_tcp_poke(struct ockam_tcp *tcp)
{
	if (tcp)
		ltcp_queue(tcp, &tcp->event_work);
}

/* ---- the end ---- */

static void ltcp_release(struct ockam_tcp *tcp, bool hard)
{
	struct sock *sk = tcp->sk;

	lock_sock(sk);
	ltcp_detach(tcp);
	release_sock(sk);

	/*
	 * The timers of a kernel socket end with it.  Whatever TCP would still
	 * have to repeat afterwards it would keep for ever; so that is reset.
	 */
	if (hard || !ltcp_sent_all(sk) || tcp_fin_time(sk) > TCP_TIMEWAIT_LEN)
		sock_no_linger(sk);
	sock_release(tcp->sock);
	tcp->sock = NULL;
}

static bool ltcp_closing_del(struct ockam_tcp *tcp)
{
	struct ockam_limit *user = tcp->link->source.user;
	bool was;

	spin_lock_bh(&ltcp_closing_lock);
	was = !list_empty(&tcp->closing);
	if (was) {
		list_del_init(&tcp->closing);
		if (!user)
			ltcp_nr_closing--;
	}
	spin_unlock_bh(&ltcp_closing_lock);
	if (was)
		ockam_limit_drop(user, OCKAM_LIMIT_CLOSING);
	return was;
}

static bool ltcp_closing_add(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	bool room;

	/* A container's has room of its user's instead. */
	if (ockam_limit_take(link->node, OCKAM_LIMIT_CLOSING, NULL))
		return false;
	spin_lock_bh(&ltcp_closing_lock);
	room = link->source.user || ltcp_nr_closing < LTCP_CLOSING_MAX;
	if (room) {
		list_add_tail(&tcp->closing, &ltcp_closing);
		if (!link->source.user)
			ltcp_nr_closing++;
	}
	spin_unlock_bh(&ltcp_closing_lock);
	return room;
}

static void ltcp_reap_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(to_delayed_work(work),
					     struct ockam_tcp, reap_work);

	/* The list has the carrier's last own reference. */
	if (ltcp_closing_del(tcp)) {
		ltcp_release(tcp, READ_ONCE(tcp->link->node->dying));
		ltcp_put(tcp);
	}
	ltcp_put(tcp);
}

/* The fd stays with user space, the connection ends. */
static void ltcp_give_back(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;

	lock_sock(sk);
	if (tcp->attached) {
		ltcp_detach(tcp);
		sk->sk_shutdown |= SHUTDOWN_MASK;
		/* Through the protocol: tcp_shutdown() is not for modules. */
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
		sk->sk_state_change(sk);
	}
	release_sock(sk);
}

void ockam_tcp_close(struct ockam_tcp *tcp)
{
	bool hard = READ_ONCE(tcp->link->node->dying);
	struct sock *sk = tcp->sk;
	bool linger;

	lock_sock(sk);
	tcp->dead = true;
	linger = !hard && tcp->sock &&
		 (1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT));
	kfree_skb(tcp->rx.skb);
	tcp->rx.skb = NULL;
	rx_give_back(tcp);
	kfree_skb(tcp->rx.large);
	tcp->rx.large = NULL;
	release_sock(sk);
	timer_shutdown_sync(&tcp->timer);

	if (!tcp->sock) {
		ltcp_give_back(tcp);
		ltcp_put(tcp);
		return;
	}
	if (!linger || !ltcp_closing_add(tcp)) {
		ltcp_release(tcp, hard);
		ltcp_put(tcp);
		return;
	}
	kernel_sock_shutdown(tcp->sock, SHUT_RDWR);
	ltcp_reap_in(tcp, ltcp_sent_all(sk) ? 0 : LTCP_LAST_BYTES);
}

void ockam_tcp_drain(struct ockam_node *node)
{
	struct ockam_tcp *tcp;

	spin_lock_bh(&ltcp_closing_lock);
	list_for_each_entry(tcp, &ltcp_closing, closing) {
		if (tcp->link->node == node)
			ltcp_reap_in(tcp, 0);
	}
	spin_unlock_bh(&ltcp_closing_lock);
}

void ockam_tcp_abort(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}

/* ---- the beginning ---- */

static struct ockam_tcp *ltcp_new(struct ockam_link *link, struct sock *sk,
				 struct socket *sock)
{
	struct ockam_tcp *tcp = kzalloc(sizeof(*tcp), GFP_KERNEL_ACCOUNT);

	if (!tcp)
		return NULL;
	sock_hold(sk);
	tcp->link = ockam_link_get(link);
	tcp->sk = sk;
	tcp->sock = sock;
	refcount_set(&tcp->ref, 1);
	tcp->rx.want = 1;
	tcp->rx.onward = RX_ROUTE;
	tcp->rx.ret = RX_ROUTE;
	timer_setup(&tcp->timer, ltcp_timer, 0);
	INIT_WORK(&tcp->rx_work, ltcp_rx_work);
	INIT_WORK(&tcp->event_work, ltcp_event_work);
	INIT_DELAYED_WORK(&tcp->reap_work, ltcp_reap_work);
	INIT_LIST_HEAD(&tcp->closing);
	return tcp;
}

static void ltcp_plug(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;

	mutex_lock(&link->serial);
	rcu_assign_pointer(link->tcp, tcp);
	mutex_unlock(&link->serial);
}

/* Undoes ltcp_plug() and the ltcp_new() before it; the link gets an error. */
static void ltcp_unplug(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;

	mutex_lock(&link->serial);
	RCU_INIT_POINTER(link->tcp, NULL);
	mutex_unlock(&link->serial);
	ockam_tcp_close(tcp);
}

static int ltcp_addr_len(const union ockam_endpoint *e)
{
	return e->sa.sa_family == AF_INET6 ? sizeof(e->in6) : sizeof(e->in);
}

static struct socket *ltcp_socket(struct ockam_link *link, int family)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(link->node->net, family, SOCK_STREAM,
			       IPPROTO_TCP, &sock);
	if (err)
		return ERR_PTR(err);
	ockam_memcg_own(sock->sk, link->memcg);
	tcp_sock_set_nodelay(sock->sk);
	return sock;
}

static void ltcp_keepalive(struct sock *sk)
{
	tcp_sock_set_keepidle(sk, LTCP_KEEPIDLE);
	tcp_sock_set_keepintvl(sk, LTCP_KEEPINTVL);
	tcp_sock_set_keepcnt(sk, LTCP_KEEPCNT);
	sock_set_keepalive(sk);
}

int ockam_tcp_connect(struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	struct ockam_tcp *tcp;
	struct socket *sock;
	int err;

	sock = ltcp_socket(link, cfg->remote.sa.sa_family);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ltcp_keepalive(sock->sk);
	if (cfg->local.sa.sa_family) {
		err = kernel_bind(sock, &cfg->local.sa,
				  ltcp_addr_len(&cfg->local));
		if (err)
			goto release;
	}
	tcp = ltcp_new(link, sock->sk, sock);
	if (!tcp) {
		err = -ENOMEM;
		goto release;
	}
	tcp->connecting = true;
	lock_sock(tcp->sk);
	ltcp_attach(tcp, NULL);
	release_sock(tcp->sk);
	ltcp_plug(tcp);

	err = kernel_connect(sock, &cfg->remote.sa, ltcp_addr_len(&cfg->remote),
			     O_NONBLOCK);
	if (!err || err == -EINPROGRESS)
		return 0;
	ltcp_unplug(tcp);
	return err;

release:
	sock_release(sock);
	return err;
}

int ockam_tcp_listen(struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	struct ockam_tcp *tcp;
	struct socket *sock;
	int err;

	sock = ltcp_socket(link, cfg->local.sa.sa_family);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	sock_set_reuseaddr(sock->sk);
	err = kernel_bind(sock, &cfg->local.sa, ltcp_addr_len(&cfg->local));
	if (err)
		goto release;
	err = -ENOMEM;
	tcp = ltcp_new(link, sock->sk, sock);
	if (!tcp)
		goto release;
	tcp->listening = true;
	lock_sock(tcp->sk);
	ltcp_attach(tcp, NULL);
	release_sock(tcp->sk);
	ltcp_plug(tcp);

	err = kernel_listen(sock, LTCP_BACKLOG);
	if (err) {
		ltcp_unplug(tcp);
		return err;
	}
	ltcp_addresses(link, sock);
	return 0;

release:
	sock_release(sock);
	return err;
}

int ockam_tcp_accept(struct ockam_link *link, struct ockam_tcp *listener,
		     struct socket *sock)
{
	struct ockam_tcp *tcp;

	tcp = ltcp_new(link, sock->sk, sock);
	if (!tcp)
		return -ENOMEM;
	tcp_sock_set_nodelay(sock->sk);
	ltcp_addresses(link, sock);
	ockam_link_ready(link);
	ltcp_plug(tcp);

	lock_sock(tcp->sk);
	ltcp_attach(tcp, listener);
	release_sock(tcp->sk);
	ltcp_start(tcp);
	return 0;
}

/* ---- handed over by user space ---- */

/* With the socket locked the carrier cannot go away. */
static struct ockam_tcp *fd_tcp(const struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	rcu_read_unlock();
	return tcp;
}

/*
 * The socket's owner is TCP's module, so calls made by its fd do not keep this
 * one loaded: those that may sleep are counted, and ockam_tcp_exit() waits.
 */
static atomic_t fd_calls = ATOMIC_INIT(0);

static void fd_enter(void)
{
	atomic_inc(&fd_calls);
}

static void fd_leave(void)
{
	if (atomic_dec_and_test(&fd_calls))
		wake_up_var(&fd_calls);
}

/* The last close of the fd ends the link. */
static int fd_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct ockam_tcp *tcp;
	int err;

	/* What accept() has made of these calls, and gives up at once. */
	if (!sk)
		return 0;
	fd_enter();
	lock_sock(sk);
	tcp = fd_tcp(sk);
	if (tcp) {
		tcp->dead = true;
		ltcp_detach(tcp);
		ltcp_fail(tcp, OCKAM_LINK_REASON_FD_CLOSED, 0);
	}
	release_sock(sk);
	err = READ_ONCE(sock->ops)->release(sock);
	fd_leave();
	return err;
}

static int fd_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	return -EBUSY;
}

static int fd_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		      int flags)
{
	return -EBUSY;
}

static int fd_shutdown(struct socket *sock, int how)
{
	return -EBUSY;
}

static int fd_setsockopt(struct socket *sock, int level, int optname,
			 sockptr_t optval, unsigned int optlen)
{
	return -EBUSY;
}

/* One option reads the stream. */
static int fd_getsockopt(struct socket *sock, int level, int optname,
			 char __user *optval, int __user *optlen)
{
	int err;

	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		return -EBUSY;
	fd_enter();
	err = sock_common_getsockopt(sock, level, optname, optval, optlen);
	fd_leave();
	return err;
}

static int fd_mmap(struct file *file, struct socket *sock,
		   struct vm_area_struct *vma)
{
	return -EBUSY;
}

static ssize_t fd_splice_read(struct socket *sock, loff_t *ppos,
			      struct pipe_inode_info *pipe, size_t len,
			      unsigned int flags)
{
	return -EBUSY;
}

static int fd_set_rcvlowat(struct sock *sk, int val)
{
	return -EBUSY;
}

/*
 * What remains of a socket's calls while a link has it.  The few that stay
 * are filled in from the socket's own.
 */
#define FD_OPS							\
	.release	= fd_release,				\
	.bind		= sock_no_bind,				\
	.connect	= sock_no_connect,			\
	.socketpair	= sock_no_socketpair,			\
	.accept		= sock_no_accept,			\
	.poll		= tcp_poll,				\
	.gettstamp	= sock_gettstamp,			\
	.listen		= sock_no_listen,			\
	.shutdown	= fd_shutdown,				\
	.setsockopt	= fd_setsockopt,			\
	.getsockopt	= fd_getsockopt,			\
	.sendmsg	= fd_sendmsg,				\
	.recvmsg	= fd_recvmsg,				\
	.mmap		= fd_mmap,				\
	.splice_read	= fd_splice_read,			\
	.sendmsg_locked	= tcp_sendmsg_locked,			\
	.set_rcvlowat	= fd_set_rcvlowat

static struct proto_ops fd_ops_v4 = { .family = PF_INET, FD_OPS };
static struct proto_ops fd_ops_v6 = { .family = PF_INET6, FD_OPS };
static DEFINE_MUTEX(fd_ops_lock);

static const struct proto_ops *fd_make_ops(const struct socket *sock)
{
	struct proto_ops *ops = sock->ops->family == PF_INET6 ? &fd_ops_v6 :
							 &fd_ops_v4;

	mutex_lock(&fd_ops_lock);
	if (!ops->getname) {
		ops->owner = sock->ops->owner;
		ops->ioctl = sock->ops->ioctl;
#ifdef CONFIG_COMPAT
		ops->compat_ioctl = sock->ops->compat_ioctl;
#endif
		ops->getname = sock->ops->getname;
	}
	mutex_unlock(&fd_ops_lock);
	return ops;
}

static bool fd_is_plain(const struct sock *sk)
{
	const struct proto_ops *ops = sk->sk_socket->ops;

	if (ops->sendmsg_locked != tcp_sendmsg_locked ||
	    ops->read_sock != tcp_read_sock)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return READ_ONCE(sk->sk_prot) == &tcpv6_prot;
#endif
	return READ_ONCE(sk->sk_prot) == &tcp_prot;
}

/*
 * Is a call of another thread asleep in the connection?  It would go on with
 * the stream when it wakes up.  Who polls does not matter.
 */
static bool fd_has_sleeper(const struct sock *sk)
{
	struct wait_queue_head *head = sk_sleep((struct sock *)sk);
	struct wait_queue_entry *e;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&head->lock, flags);
	list_for_each_entry(e, &head->head, entry)
		if (e->func == woken_wake_function)
			found = true;
	spin_unlock_irqrestore(&head->lock, flags);
	return found;
}

/* With the socket locked: why it cannot be a link's, or NULL. */
static const char *fd_refusal(const struct sock *sk, int *err)
{
	*err = -ENOTCONN;
	if (sk->sk_state != TCP_ESTABLISHED || sk->sk_err || sk->sk_shutdown)
		return "the connection is not established";
	*err = -EBUSY;
	if (sk_is_mptcp(sk))
		return "the connection uses MPTCP";
	if (inet_csk(sk)->icsk_ulp_ops)
		return "the socket has an upper layer protocol";
	if (sk->sk_user_data)
		return "the socket is in use by another part of the kernel";
	if (tcp_sk(sk)->repair)
		return "the socket is in repair mode";
	if (!fd_is_plain(sk))
		return "the socket's calls are handled by another part of the kernel";
	if (fd_has_sleeper(sk))
		return "a call on the socket is waiting";
	*err = 0;
	return NULL;
}

static const char *fd_wrong_kind(const struct sock *sk, const struct net *net)
{
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return "the socket is not an internet socket";
	if (sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return "the socket is not a TCP socket";
	if (!net_eq(sock_net(sk), net))
		return "the socket belongs to another network namespace";
	return NULL;
}

int ockam_tcp_handover(struct ockam_link *link, struct socket *sock,
		       struct netlink_ext_ack *extack)
{
	const struct proto_ops *ops;
	struct sock *sk = sock->sk;
	struct ockam_tcp *tcp;
	const char *text;
	int err;

	text = fd_wrong_kind(sk, link->node->net);
	if (text) {
		err = -EINVAL;
		goto refuse;
	}
	tcp = ltcp_new(link, sk, NULL);
	if (!tcp)
		return -ENOMEM;
	ltcp_addresses(link, sock);
	ockam_link_ready(link);
	ops = fd_make_ops(sock);

	lock_sock(sk);
	text = fd_refusal(sk, &err);
	if (text) {
		release_sock(sk);
		ltcp_put(tcp);
		goto refuse;
	}
	tcp->fd_ops = sock->ops;
	WRITE_ONCE(sock->ops, ops);
	WRITE_ONCE(sk->sk_rcvlowat, 1);
	ltcp_attach(tcp, NULL);
	release_sock(sk);

	tcp_sock_set_cork(sk, false);
	tcp_sock_set_nodelay(sk);
	ltcp_plug(tcp);
	ltcp_start(tcp);
	return 0;

refuse:
	/* The texts are constants of this file. */
	if (extack)
		extack->_msg = text;
	return err;
}

void ockam_tcp_exit(void)
{
	/* Who has read the pointer to one of these calls has begun it ... */
	synchronize_rcu_tasks();
	wait_var_event(&fd_calls, !atomic_read(&fd_calls));
	/* ... and who left it has returned. */
	synchronize_rcu_tasks();
}
