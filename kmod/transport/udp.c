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

#include "ground/codec.h"
#include "link/link.h"
#include "node/memcg.h"
#include "router/msg.h"
#include "node/node.h"
#include "transport/udp_priv.h"

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

static int ludp_send_piece(struct ockam_udp *udp, struct kvec *vec,
			   const union ockam_endpoint *to)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT };
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
	return ludp_send_piece(udp, vec, to);
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

/*
 * The send buffer is full: ludp_write_space() has us called when half of it is
 * free.  -ENOBUFS: it is empty, and what the network has against it is no matter
 * of waiting.
 */
static int ludp_wait(struct ockam_udp *udp)
{
	struct sock *sk = udp->sock->sk;

	WRITE_ONCE(udp->blocked, true);
	smp_mb(); /* pairs with the one in ludp_write_space() */
	if (!sock_writeable(sk))
		return -EAGAIN;
	WRITE_ONCE(udp->blocked, false);
	if (!sk_wmem_alloc_get(sk))
		return -ENOBUFS;
	ockam_link_queue(udp->link);
	return -EAGAIN;
}

/* One piece, of which @head tells the rest: its bytes, or -errno. */
static int ludp_send_next(struct ockam_udp *udp, const struct sk_buff *skb,
			  const union ockam_endpoint *to, u32 off)
{
	u32 n = min_t(u32, skb->len - off, OCKAM_PIECE_STOCK);
	u8 head[OCKAM_PIECE_HEAD_MAX];
	struct kvec vec[2];
	int ret;

	vec[0].iov_base = head;
	vec[0].iov_len = ockam_piece_head_put(head, udp->sending, off,
					      off + n == skb->len, n) - head;
	vec[1].iov_base = skb->data + off;
	vec[1].iov_len = n;
	if (unlikely(off + n > skb_headlen(skb))) {
		ret = skb_copy_bits(skb, off, udp->bounce, n);
		if (ret)
			return ret;
		vec[1].iov_base = udp->bounce;
	}
	ret = ludp_send_piece(udp, vec, to);
	return ret < 0 ? ret : n;
}

int ockam_udp_send(struct ockam_udp *udp, const struct sk_buff *skb)
{
	const union ockam_endpoint *to = ockam_udp_to(skb);
	struct ockam_link *link = udp->link;
	int ret;

	lockdep_assert_held(&link->serial);

	if (!to->sa.sa_family)
		to = NULL;
	if (!link->tx_off) {
		udp->sending = udp->number++;
		ludp_mark(udp->sock->sk, ockam_msg(skb));
		ludp_lead(udp, to, udp->sending);
	}
	while (link->tx_off < skb->len) {
		ret = ludp_send_next(udp, skb, to, link->tx_off);
		if (ret == -EAGAIN)
			ret = ludp_wait(udp);
		if (unlikely(ret < 0)) {
			if (ret != -EAGAIN)
				link->tx_off = 0;
			return ret;
		}
		link->tx_off += ret;
		cond_resched();
	}
	link->tx_off = 0;
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

/* Any context. */
static void ludp_write_space(struct sock *sk)
{
	struct ockam_udp *udp;

	if (!sock_writeable(sk))
		return;
	rcu_read_lock();
	udp = rcu_dereference_sk_user_data(sk);
	smp_mb(); /* pairs with the one in ludp_wait() */
	if (udp && READ_ONCE(udp->blocked)) {
		WRITE_ONCE(udp->blocked, false);
		ockam_link_queue(udp->link);
	}
	rcu_read_unlock();
}

/* Datagrams go to encap_rcv and never to a queue. */
static void ludp_attach(struct ockam_udp *udp)
{
	struct sock *sk = udp->sock->sk;

	rcu_assign_sk_user_data(sk, udp);
	udp->write_space = sk->sk_write_space;
	WRITE_ONCE(sk->sk_write_space, ludp_write_space);
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

void ockam_udp_close(struct ockam_udp *udp)
{
	struct sock *sk = udp->sock->sk;

	rcu_assign_sk_user_data(sk, NULL);
	/* A datagram on its way may keep the socket for longer than us. */
	WRITE_ONCE(udp_sk(sk)->encap_rcv, NULL);
	WRITE_ONCE(sk->sk_write_space, udp->write_space);
	kernel_sock_shutdown(udp->sock, SHUT_RDWR);
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
