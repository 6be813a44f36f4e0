// SPDX-License-Identifier: GPL-2.0
/*
 * TCP as a carrier: sending.  Frames go out of the link's queue, under its mutex and
 * with the socket owned.  What is only passed on may go without leaving softirq, as
 * long as nothing else is on its way there: under the socket's slock alone, which
 * says that TCP is between two frames.  If TCP takes only a part the rest is put in
 * front of the queue (@part of struct ockam_tcp).
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include <compat.h>

#include "link/gather.h"
#include "link/link.h"
#include "node/node.h"
#include "node/stats.h"
#include "router/msg.h"
#include "transport/tcp.h"
#include "transport/tcp_priv.h"

#define TCP_TX_FRAMES		16	/* in one call of TCP */

static bool tcp_tx_writable(const struct ockam_tcp *tcp)
{
	const struct sock *sk = tcp->sk;

	return !tcp->dead && sk->sk_socket &&
	       (1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) &&
	       !(sk->sk_shutdown & SEND_SHUTDOWN);
}

/* Anything but a full queue will be told by a change of state as well. */
static void tcp_tx_stopped(struct ockam_tcp *tcp, int ret)
{
	struct sock *sk = tcp->sk;

	if (ret && ret != -EAGAIN) {
		tcp->tx_err = -ret;
		if (tcp_tx_writable(tcp))
			ockam_tcp_fail(tcp, ockam_tcp_reason(ret), ret);
		return;
	}
	/* Memory is short, and nothing under way would bring us back. */
	if (!READ_ONCE(sk->sk_wmem_queued))
		ockam_link_later(tcp->link, HZ / 10);
}

static bool tcp_tx_greet(struct ockam_tcp *tcp)
{
	struct sk_buff *skb;
	int ret;

	if (likely(tcp->greeted))
		return true;
	skb = alloc_skb(1, GFP_KERNEL);
	if (!skb) {
		tcp_tx_stopped(tcp, -EAGAIN);
		return false;
	}
	skb_put_u8(skb, LTCP_VERSION);
	ret = skb_send_sock_locked(tcp->sk, skb, 0, 1);
	kfree_skb(skb);
	if (ret != 1) {
		tcp_tx_stopped(tcp, ret);
		return false;
	}
	tcp->greeted = true;
	return true;
}

/* Linear frames, as many as there are up to TCP_TX_FRAMES, from @tx_off on. */
static int tcp_tx_linear(struct ockam_tcp *tcp, struct sk_buff *skb)
{
	struct kvec kv[TCP_TX_FRAMES] __uninitialized;
	struct ockam_link *link = tcp->link;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	unsigned int n = 0;
	size_t len = 0;

	skb_queue_walk_from(&link->txq, skb) {
		u32 off = n ? 0 : link->tx_off;

		if (n == TCP_TX_FRAMES || skb_is_nonlinear(skb)) {
			msg.msg_flags |= MSG_MORE;
			break;
		}
		kv[n].iov_base = skb->data + off;
		kv[n].iov_len = skb->len - off;
		len += kv[n++].iov_len;
	}
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, kv, n, len);
	return tcp_sendmsg_locked(tcp->sk, &msg, len);
}

/* @bytes are TCP's: the number of frames that are gone with that. */
static unsigned int tcp_tx_sent(struct ockam_link *link, u32 bytes)
{
	unsigned int done = 0;

	WRITE_ONCE(link->tx_done, link->tx_done + bytes);
	while (bytes) {
		struct sk_buff *skb = skb_peek(&link->txq);
		u32 left = skb->len - link->tx_off;

		if (unlikely(bytes < left)) {
			link->tx_off += bytes;
			break;
		}
		bytes -= left;
		ockam_link_sent(link, skb);
		done++;
	}
	return done;
}

/* What TCP has of a frame that was passed on is where the queue goes on. */
static void tcp_tx_take_part(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;

	if (likely(!tcp->part))
		return;
	/* It was made with nothing in the queue, and none of that has begun since. */
	ockam_link_requeue(link, tcp->part);
	link->tx_off = tcp->part_off;
	WRITE_ONCE(tcp->part, NULL);
}

unsigned int ockam_tcp_flush(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	struct sock *sk = tcp->sk;
	unsigned int done = 0;
	struct sk_buff *skb;

	lockdep_assert_held(&link->serial);

	if (tcp->greeted && skb_queue_empty(&link->txq) &&
	    !READ_ONCE(tcp->part))
		return 0;

	if (unlikely(!ockam_tcp_lock(tcp, LTCP_WANT_TX)))
		return 0;
	if (unlikely(!tcp_tx_writable(tcp) || !tcp_tx_greet(tcp)))
		goto out;
	tcp_tx_take_part(tcp);
	while ((skb = skb_peek(&link->txq))) {
		int ret;

		if (likely(!skb_is_nonlinear(skb)))
			ret = tcp_tx_linear(tcp, skb);
		else
			ret = skb_send_sock_locked(sk, skb, link->tx_off,
						   skb->len - link->tx_off);
		if (unlikely(ret <= 0)) {
			tcp_tx_stopped(tcp, ret);
			break;
		}
		done += tcp_tx_sent(link, ret);
	}
out:
	ockam_tcp_unlock(tcp);
	return done;
}

/* ---- in softirq ---- */

bool ockam_tcp_has_part(const struct ockam_tcp *tcp)
{
	return READ_ONCE(tcp->part);
}

bool ockam_tcp_passes(const struct ockam_tcp *tcp)
{
	return READ_ONCE(tcp->greeted) && !READ_ONCE(tcp->part) &&
	       !READ_ONCE(tcp->link->txq_bytes) &&
	       ockam_gather_passes(&tcp->link->gather);
}

/*
 * With the slock, and nobody who owns the socket: is TCP between two frames, with
 * room, and has nobody come before?  What the link took away with its carrier may
 * have been a frame that TCP has a part of.
 */
static bool tcp_tx_may_pass(const struct ockam_tcp *tcp)
{
	const struct ockam_link *link = tcp->link;

	if (sock_owned_by_user_nocheck(tcp->sk) || !tcp->greeted || tcp->part ||
	    READ_ONCE(tcp->fail) || READ_ONCE(link->txq_bytes))
		return false;
	/* Pairs with the one in link_unplug(). */
	smp_rmb();
	return rcu_access_pointer(link->tcp) == tcp && tcp_tx_writable(tcp) &&
	       sk_stream_memory_free(tcp->sk);
}

bool ockam_tcp_pass_begin(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;

	if (unlikely(!refcount_inc_not_zero(&tcp->ref)))
		return false;
	local_bh_disable();
	/* Never waits: the caller may have another carrier's. */
	if (unlikely(!spin_trylock(&sk->sk_lock.slock)))
		goto put;
	if (likely(tcp_tx_may_pass(tcp))) {
		/* A lock in one of two ways out is beyond sparse. */
		__release(&sk->sk_lock.slock);
		return true;
	}
	spin_unlock(&sk->sk_lock.slock);
put:
	local_bh_enable();
	ockam_tcp_put(tcp);
	return false;
}

void ockam_tcp_pass_end(struct ockam_tcp *tcp)
{
	__acquire(&tcp->sk->sk_lock.slock);
	spin_unlock(&tcp->sk->sk_lock.slock);
	local_bh_enable();
	ockam_tcp_put(tcp);
}

/* As tcp_sendmsg_locked() without an owner: nothing may sleep. */
static int tcp_tx_atomic(struct ockam_tcp *tcp, const struct sk_buff *skb)
{
	struct kvec kv = { .iov_base = skb->data, .iov_len = skb->len };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	gfp_t usual = tcp->sk->sk_allocation;
	bool task_frag;
	int ret;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, skb->len);
	/* The task that was interrupted lends neither time nor its page. */
	tcp->sk->sk_allocation = GFP_NOWAIT | __GFP_NOWARN;
	task_frag = ockam_sk_task_frag(tcp->sk, false);
	ret = tcp_sendmsg_locked(tcp->sk, &msg, skb->len);
	ockam_sk_task_frag(tcp->sk, task_frag);
	tcp->sk->sk_allocation = usual;
	return ret;
}

bool ockam_tcp_pass(struct ockam_tcp *tcp, struct sk_buff *skb)
{
	struct ockam_link *link = tcp->link;
	int ret;

	ret = tcp_tx_atomic(tcp, skb);
	if (likely(ret > 0))
		WRITE_ONCE(link->tx_done, link->tx_done + ret);
	if (likely(ret == (int)skb->len)) {
		ockam_msg_free(skb);
		return true;
	}
	if (ret < 0) {
		tcp_tx_stopped(tcp, ret);
		ret = 0;
	}
	tcp->part_off = ret;
	WRITE_ONCE(tcp->part, skb);
	ockam_link_queue(link);
	return false;
}

void ockam_tcp_tx_exit(struct ockam_tcp *tcp)
{
	struct sk_buff *skb = tcp->part;

	sock_owned_by_me(tcp->sk);
	if (likely(!skb))
		return;
	WRITE_ONCE(tcp->part, NULL);
	ockam_drop(tcp->link->node, skb, OCKAM_DROP_LINK_DOWN);
}
