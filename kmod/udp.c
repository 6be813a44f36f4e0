// SPDX-License-Identifier: GPL-2.0
/* UDP as a carrier: the socket behind a link, and sending. */
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/ipv6.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#include "codec.h"
#include "link.h"
#include "memcg.h"
#include "msg.h"
#include "node.h"
#include "udp_priv.h"

#define LUDP_PIECE_WAIT		(HZ / 20 + 1)	/* for the send buffer */
#define LUDP_MSG_WAITS		10		/* for all its pieces */
#define LUDP_HALF		32768		/* of the circle of numbers */
#define LUDP_SLACK		32

/* ---- sending ---- */

/* As the sender's socket says; routes may depend on it. */
static void ludp_mark(struct sock *sk, const struct ockam_msg *m)
{
	if (unlikely(READ_ONCE(sk->sk_mark) != m->mark)) {
		WRITE_ONCE(sk->sk_mark, m->mark);
		sk_dst_reset(sk);
	}
	if (unlikely(READ_ONCE(sk->sk_priority) != m->priority))
		WRITE_ONCE(sk->sk_priority, m->priority);
}

/*
 * May it wait for room in the send buffer?  Only who sends for himself: works and
 * whoever has node->lock keep others waiting, other namespaces included.
 */
static bool ludp_may_wait(const struct sk_buff *skb)
{
	return ockam_msg(skb)->charge == OCKAM_CHARGE_SENDER &&
	       !(current->flags & PF_WQ_WORKER);
}

static int ludp_send_piece(struct ockam_udp *udp, struct kvec *vec,
			   const union ockam_endpoint *to, int flags)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL | flags };
	struct kvec copy[2] = { vec[0], vec[1] };

	if (to) {
		msg.msg_name = (void *)to;
		msg.msg_namelen = ockam_endpoint_size(to);
	}
	return kernel_sendmsg(udp->sock, &msg, copy, 2,
			      vec[0].iov_len + vec[1].iov_len);
}

/* No onward route, no return route, no payload: nobody does anything with it. */
static int ludp_heartbeat(struct ockam_udp *udp, const union ockam_endpoint *to,
			  u16 number)
{
	static const u8 heartbeat[] = { 0x83, 0x80, 0x80, 0x40 };
	u32 len = sizeof(heartbeat);
	u8 head[OCKAM_PIECE_HEAD_MAX];
	struct kvec vec[2];

	vec[0].iov_base = head;
	vec[0].iov_len = ockam_piece_head_put(head, number, 0, true, len) -
			 head;
	vec[1].iov_base = (void *)heartbeat;
	vec[1].iov_len = len;
	return ludp_send_piece(udp, vec, to, MSG_DONTWAIT);
}

/*
 * A stock node remembers for ever which number it expects from an address, and
 * ignores the half circle before that: perhaps all of ours, if another socket had
 * this address before, or others got the numbers since.  A heartbeat almost half a
 * circle before @number leads it there if it is not within the half before
 * @number already; a peer that expects nothing yet takes either.  The slack is for
 * messages that are lost behind the heartbeat.
 */
static void ludp_lead(struct ockam_udp *udp, const union ockam_endpoint *to,
		      u16 number)
{
	u8 src[OCKAM_PIECES_SRC];
	struct ockam_udp_met *met;
	u32 hash = 1;
	bool known;

	if (to) {
		ockam_udp_src(src, to);
		hash |= siphash(src, sizeof(src), &udp->key);
	}
	met = &udp->met[hash / 2 % OCKAM_UDP_MET];
	known = met->hash == hash && (u16)(number - met->number) < LUDP_HALF;
	met->number = number;
	if (likely(known))
		return;
	met->hash = ludp_heartbeat(udp, to, number - LUDP_HALF + LUDP_SLACK) < 0 ?
		    0 : hash;
}

int ockam_udp_send(struct ockam_udp *udp, const struct sk_buff *skb,
		   const union ockam_endpoint *to)
{
	u32 waits = ludp_may_wait(skb) ? LUDP_MSG_WAITS : 0;
	u8 head[OCKAM_PIECE_HEAD_MAX];
	u16 number = udp->number++;
	struct kvec vec[2];
	u32 off, n;
	int ret;

	lockdep_assert_held(&udp->link->serial);

	ludp_mark(udp->sock->sk, ockam_msg(skb));
	ludp_lead(udp, to, number);
	for (off = 0; off < skb->len; off += n) {
		n = min_t(u32, skb->len - off, OCKAM_PIECE_STOCK);
		vec[0].iov_base = head;
		vec[0].iov_len = ockam_piece_head_put(head, number, off,
						      off + n == skb->len, n) -
				 head;
		vec[1].iov_base = skb->data + off;
		vec[1].iov_len = n;
		if (unlikely(off + n > skb_headlen(skb))) {
			ret = skb_copy_bits(skb, off, udp->bounce, n);
			if (ret)
				return ret;
			vec[1].iov_base = udp->bounce;
		}
		ret = ludp_send_piece(udp, vec, to, MSG_DONTWAIT);
		if (ret == -EAGAIN && waits) {
			waits--;
			ret = ludp_send_piece(udp, vec, to, 0);
		}
		/* The message is gone, signal or not. */
		if (unlikely(ret == -EAGAIN || ret == -EINTR ||
			     ret == -ERESTARTSYS))
			return -ENOBUFS;
		if (unlikely(ret < 0))
			return ret;
		cond_resched();
	}
	return 0;
}

bool ockam_udp_reaches(const struct ockam_udp *udp,
		       const union ockam_endpoint *to)
{
	return to->sa.sa_family == udp->sock->sk->sk_family &&
	       ockam_endpoint_unicast(to);
}

/* ---- the socket ---- */

static void ludp_addresses(struct ockam_udp *udp)
{
	union ockam_endpoint local = {}, remote = {};
	struct ockam_link *link = udp->link;

	if (kernel_getsockname(udp->sock, &local.sa) > 0)
		link->local = local;
	if (kernel_getpeername(udp->sock, &remote.sa) > 0)
		link->remote = remote;
}

/* Datagrams go to encap_rcv and never to a queue. */
static void ludp_attach(struct ockam_udp *udp)
{
	struct sock *sk = udp->sock->sk;

	rcu_assign_sk_user_data(sk, udp);
	WRITE_ONCE(udp_sk(sk)->encap_type, 1);
	WRITE_ONCE(udp_sk(sk)->encap_rcv, ockam_udp_rcv);
	udp_tunnel_encap_enable(sk);
}

static int ludp_bind(struct ockam_udp *udp)
{
	struct ockam_link_config *cfg = &udp->link->config;
	struct sock *sk = udp->sock->sk;
	int err = 0;

	/* IPv4 peers would come in another form than they are written in. */
	if (sk->sk_family == AF_INET6)
		ip6_sock_set_v6only(sk);
	sk->sk_sndtimeo = LUDP_PIECE_WAIT;
	ludp_attach(udp);
	if (cfg->local.sa.sa_family)
		err = kernel_bind(udp->sock, ockam_endpoint_addr(&cfg->local),
				  ockam_endpoint_size(&cfg->local));
	if (!err && cfg->mode == OCKAM_LINK_MODE_CONNECT)
		err = kernel_connect(udp->sock, ockam_endpoint_addr(&cfg->remote),
				     ockam_endpoint_size(&cfg->remote), 0);
	return err;
}

static void ludp_free(struct rcu_head *rcu)
{
	struct ockam_udp *udp = container_of(rcu, struct ockam_udp, rcu);

	ockam_link_put(udp->link);
	kfree(udp->bounce);
	kfree(udp);
}

void ockam_udp_stop(struct ockam_udp *udp)
{
	kernel_sock_shutdown(udp->sock, SHUT_RDWR);
}

void ockam_udp_close(struct ockam_udp *udp)
{
	rcu_assign_sk_user_data(udp->sock->sk, NULL);
	/* A datagram on its way may keep the socket for longer than us. */
	WRITE_ONCE(udp_sk(udp->sock->sk)->encap_rcv, NULL);
	ockam_udp_stop(udp);
	sock_release(udp->sock);
	ockam_udp_rx_exit(udp);
	call_rcu(&udp->rcu, ludp_free);
}

static struct ockam_udp *ludp_new(struct ockam_link *link)
{
	struct ockam_udp *udp = kzalloc(sizeof(*udp), GFP_KERNEL_ACCOUNT);

	if (!udp)
		return NULL;
	udp->bounce = kmalloc(OCKAM_PIECE_STOCK, GFP_KERNEL_ACCOUNT);
	if (!udp->bounce) {
		kfree(udp);
		return NULL;
	}
	udp->link = ockam_link_get(link);
	get_random_bytes(&udp->number, sizeof(udp->number));
	ockam_udp_rx_init(udp);
	return udp;
}

int ockam_udp_open(struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	bool peer = cfg->mode == OCKAM_LINK_MODE_CONNECT;
	int family = peer ? cfg->remote.sa.sa_family : cfg->local.sa.sa_family;
	struct ockam_udp *udp;
	int err;

	if (peer && !ockam_endpoint_unicast(&cfg->remote))
		return -EINVAL;
	udp = ludp_new(link);
	if (!udp)
		return -ENOMEM;
	err = sock_create_kern(link->node->net, family, SOCK_DGRAM,
			       IPPROTO_UDP, &udp->sock);
	if (err) {
		ludp_free(&udp->rcu);
		return err;
	}
	ockam_memcg_own(udp->sock->sk, link->memcg);
	err = ludp_bind(udp);
	if (err) {
		ockam_udp_close(udp);
		return err;
	}
	ludp_addresses(udp);
	/* Pairs with the acquire in ockam_udp_rcv(): the ends are known. */
	smp_store_release(&udp->open, true);

	mutex_lock(&link->serial);
	rcu_assign_pointer(link->udp, udp);
	mutex_unlock(&link->serial);
	return 0;
}
