// SPDX-License-Identifier: GPL-2.0
/*
 * UDP as a carrier: datagrams on their way into the network.  As tunnels do, they
 * are made here and given to IP with a cached route, instead of copying each
 * through the socket's own way out; unlike with the helpers for tunnels, what IP
 * and netfilter say about each is known.
 */
#include <linux/ip.h>
#include <linux/security.h>
#include <linux/udp.h>
#include <net/dst_cache.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/udp.h>

#include "transport/udp_priv.h"

/* Another mark, another route: only one is worth remembering. */
static bool uout_cached(const struct ockam_udp *udp, u32 mark)
{
	return udp->link->config.mode == OCKAM_LINK_MODE_CONNECT && !mark;
}

static int uout_way4(struct ockam_udp *udp, const union ockam_endpoint *to,
		     u32 mark, struct ockam_udp_way *way)
{
	struct sock *sk = udp->sk;
	bool cached = uout_cached(udp, mark);
	struct flowi4 fl = {};
	struct rtable *rt;

	way->port = to->in.sin_port;
	way->v4.daddr = to->in.sin_addr.s_addr;
	if (likely(cached)) {
		rt = dst_cache_get_ip4(&udp->routes, &way->v4.saddr);
		if (likely(rt)) {
			way->dst = &rt->dst;
			return 0;
		}
	}
	fl.flowi4_oif = READ_ONCE(sk->sk_bound_dev_if);
	fl.flowi4_proto = IPPROTO_UDP;
	fl.flowi4_mark = mark;
	fl.flowi4_uid = sock_net_uid(sock_net(sk), sk);
	fl.daddr = way->v4.daddr;
	fl.saddr = inet_sk(sk)->inet_saddr;
	fl.fl4_dport = way->port;
	fl.fl4_sport = inet_sk(sk)->inet_sport;
	security_sk_classify_flow(sk, flowi4_to_flowi_common(&fl));
	rt = ip_route_output_flow(sock_net(sk), &fl, sk);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	if (unlikely(rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST))) {
		ip_rt_put(rt);
		return -EACCES;
	}
	way->dst = &rt->dst;
	way->v4.saddr = fl.saddr;
	if (cached)
		dst_cache_set_ip4(&udp->routes, way->dst, fl.saddr);
	return 0;
}

static int uout_send4(struct ockam_udp *udp, struct sk_buff *skb,
		      const struct ockam_udp_way *way)
{
	struct sock *sk = udp->sk;
	bool df = ip_dont_fragment(sk, way->dst) && !skb->ignore_df;
	struct iphdr *ip;

	udp_set_csum(false, skb, way->v4.saddr, way->v4.daddr, skb->len);
	ip = __skb_push(skb, sizeof(*ip));
	skb_reset_network_header(skb);
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = 0;
	ip->frag_off = df ? htons(IP_DF) : 0;
	ip->ttl = ip4_dst_hoplimit(way->dst);
	ip->protocol = IPPROTO_UDP;
	ip->saddr = way->v4.saddr;
	ip->daddr = way->v4.daddr;
	ip_select_ident_segs(sock_net(sk), skb, sk,
			     skb_shinfo(skb)->gso_segs ?: 1);
	return ip_local_out(sock_net(sk), sk, skb);
}

#if IS_ENABLED(CONFIG_IPV6)

static int uout_way6(struct ockam_udp *udp, const union ockam_endpoint *to,
		     u32 mark, struct ockam_udp_way *way)
{
	struct sock *sk = udp->sk;
	bool cached = uout_cached(udp, mark);
	struct flowi6 *fl = &way->v6;
	struct dst_entry *dst;

	memset(fl, 0, sizeof(*fl));
	way->port = to->in6.sin6_port;
	fl->daddr = to->in6.sin6_addr;
	fl->flowi6_proto = IPPROTO_UDP;
	if (likely(cached)) {
		way->dst = dst_cache_get_ip6(&udp->routes, &fl->saddr);
		if (likely(way->dst))
			return 0;
	}
	fl->flowi6_oif = READ_ONCE(sk->sk_bound_dev_if);
	if (!fl->flowi6_oif &&
	    __ipv6_addr_needs_scope_id(ipv6_addr_type(&fl->daddr)))
		fl->flowi6_oif = to->in6.sin6_scope_id;
	fl->flowi6_mark = mark;
	fl->flowi6_uid = sock_net_uid(sock_net(sk), sk);
	fl->saddr = inet6_sk(sk)->saddr;
	fl->fl6_dport = way->port;
	fl->fl6_sport = inet_sk(sk)->inet_sport;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl));
	dst = ip6_dst_lookup_flow(sock_net(sk), sk, fl, NULL);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	way->dst = dst;
	if (cached)
		dst_cache_set_ip6(&udp->routes, dst, &fl->saddr);
	return 0;
}

static int uout_send6(struct ockam_udp *udp, struct sk_buff *skb,
		      struct ockam_udp_way *way)
{
	udp6_set_csum(false, skb, &way->v6.saddr, &way->v6.daddr, skb->len);
	return ip6_xmit(udp->sk, skb, &way->v6, skb->mark, NULL, 0,
			skb->priority);
}

#else

static int uout_way6(struct ockam_udp *udp, const union ockam_endpoint *to,
		     u32 mark, struct ockam_udp_way *way)
{
	return -EAFNOSUPPORT;
}

static int uout_send6(struct ockam_udp *udp, struct sk_buff *skb,
		      struct ockam_udp_way *way)
{
	kfree_skb(skb);
	return -EAFNOSUPPORT;
}

#endif

int ockam_udp_way(struct ockam_udp *udp, const union ockam_endpoint *to,
		  u32 mark, struct ockam_udp_way *way)
{
	if (!to->sa.sa_family)
		to = &udp->link->config.remote;
	if (likely(to->sa.sa_family == AF_INET))
		return uout_way4(udp, to, mark, way);
	return uout_way6(udp, to, mark, way);
}

/*
 * On the socket's account until it is freed.  Not if the socket has gone, for
 * whoever found it under RCU: its memory is freed a grace period later.
 */
static bool uout_own(struct sk_buff *skb, struct sock *sk)
{
	if (unlikely(!refcount_add_not_zero(skb->truesize, &sk->sk_wmem_alloc)))
		return false;
	skb->sk = sk;
	skb->destructor = sock_wfree;
	skb_set_hash_from_sk(skb, sk);
	return true;
}

int ockam_udp_out(struct ockam_udp *udp, struct sk_buff *skb,
		  struct ockam_udp_way *way)
{
	bool v4 = udp->sk->sk_family == AF_INET;
	struct udphdr *uh;
	int err;

	if (unlikely(skb_cow_head(skb, OCKAM_UDP_HEADROOM))) {
		kfree_skb(skb);
		return -ENOBUFS;
	}
	if (unlikely(!uout_own(skb, udp->sk))) {
		kfree_skb(skb);
		return -ENETUNREACH;
	}
	memset(skb->cb, 0, sizeof(skb->cb));
	skb_dst_set_noref(skb, way->dst);
	uh = __skb_push(skb, sizeof(*uh));
	skb_reset_transport_header(skb);
	uh->source = inet_sk(udp->sk)->inet_sport;
	uh->dest = way->port;
	uh->len = htons(skb->len);
	if (skb_is_gso(skb)) {
		/* That the sum is left to the device is taken for granted. */
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_transport_header(skb) - skb->head;
		skb->csum_offset = offsetof(struct udphdr, check);
	}
	/* What is longer than the path takes is cut by IP, as UDP has it. */
	skb->ignore_df = !skb_is_gso(skb) &&
			 skb->len + ockam_udp_ip(udp) > dst_mtu(way->dst);
	err = v4 ? uout_send4(udp, skb, way) : uout_send6(udp, skb, way);
	return err > 0 ? net_xmit_errno(err) : err;
}
