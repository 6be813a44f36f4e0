// SPDX-License-Identifier: GPL-2.0
/* UDP as a carrier: the socket behind a link. */
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

bool ockam_udp_reaches(const struct ockam_udp *udp,
		       const union ockam_endpoint *to)
{
	return to->sa.sa_family == udp->sk->sk_family &&
	       ockam_endpoint_unicast(to);
}

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
	smp_mb(); /* pairs with the one in utx_wait() */
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
	dst_cache_destroy(&udp->routes);
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
	if (dst_cache_init(&udp->routes, GFP_KERNEL_ACCOUNT)) {
		kfree(udp);
		return NULL;
	}
	udp->link = ockam_link_get(link);
	get_random_bytes(&udp->number, sizeof(udp->number));
	udp->room = OCKAM_UDP_STOCK;
	spin_lock_init(&udp->tx_lock);
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
	udp->sk = udp->sock->sk;
	ockam_memcg_own(udp->sk, link->memcg);
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
