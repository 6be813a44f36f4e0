/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the UDP carrier share: the socket (udp.c), sending (udp_tx.c
 * makes datagrams of messages, udp_out.c hands them to IP), and receiving
 * (udp_rx.c).
 *
 * The carrier holds its link, and is found by datagrams under RCU: it is freed,
 * and the link let go, a grace period after the socket is closed.  A message of
 * several datagrams, and what waits for the device, is sent under link->serial.
 * tx_lock and lock are spinlocks, the one for numbers, the other for what has come
 * in part; nothing is taken inside them, nor held while a datagram is sent.
 */
#ifndef _OCKAM_UDP_PRIV_H
#define _OCKAM_UDP_PRIV_H

#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/udp.h>
#include <net/dst_cache.h>
#include <net/flow.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "link/link.h"
#include "ground/pieces.h"
#include "transport/udp.h"

#define OCKAM_UDP_MET		64	/* a power of two */
/* Bytes of a stock node's datagram. */
#define OCKAM_UDP_STOCK		(OCKAM_PIECE_STOCK + OCKAM_PIECE_HEAD_MAX)

/**
 * struct ockam_udp_met - somebody who knows our numbers
 * @hash: of the address, with the lowest bit set; 0 is nobody
 * @number: of the last message sent there
 */
struct ockam_udp_met {
	u32	hash;
	u16	number;
};

/**
 * struct ockam_udp - a carrier
 * @link: whose, with a reference
 * @sock: its socket
 * @sk: the same, also for whoever finds the carrier under RCU
 * @write_space: the callback of that before it was ours
 * @rcu: for freeing
 * @routes: of a link with one peer, for each processor
 * @room: bytes of a datagram with a head of whatever length, as seen last
 * @tx_lock: protects @number and @met
 * @number: of the next message that is sent
 * @sending: of the one that is being sent in several datagrams
 * @blocked: the send buffer is full, and link->work is to be queued when it is not
 * @met: to whom something was sent before, by hash; who has lost his place to
 *	another gets a heartbeat again
 * @open: both ends are known: datagrams are looked at
 * @guess: bytes to leave for routes
 * @lock: protects the rest
 * @dead: nothing is kept any more
 * @mem: bytes that @pieces take
 * @key: of the hash over sources
 * @timer: gives up what has waited too long
 * @pieces: messages that have come in part
 */
struct ockam_udp {
	struct ockam_link	*link;
	struct socket		*sock;
	struct sock		*sk;
	void			(*write_space)(struct sock *sk);
	struct rcu_head		rcu;
	struct dst_cache	routes;
	u32			room;
	spinlock_t		tx_lock;
	u16			number;
	u16			sending;
	bool			blocked;
	struct ockam_udp_met	met[OCKAM_UDP_MET];
	bool			open;
	struct ockam_link_guess	guess;
	spinlock_t		lock;
	bool			dead;
	u32			mem;
	siphash_key_t		key;
	struct timer_list	timer;
	struct ockam_pieces	pieces;
};

/* ---- udp_out.c ---- */

/* In front of a datagram's payload: headers, and the longest head of a piece. */
#define OCKAM_UDP_HEADROOM	ALIGN(LL_MAX_HEADER + sizeof(struct ipv6hdr) + \
				      sizeof(struct udphdr), 16)

/**
 * struct ockam_udp_way - where a datagram goes
 * @dst: a route, with a reference
 * @port: the receiver's
 * @v4: addresses, or
 * @v6: the same for IPv6
 */
struct ockam_udp_way {
	struct dst_entry	*dst;
	__be16			port;
	union {
		struct {
			__be32	saddr;
			__be32	daddr;
		} v4;
		struct flowi6	v6;
	};
};

/* Bytes of the IP header. */
static inline u32 ockam_udp_ip(const struct ockam_udp *udp)
{
	return udp->sk->sk_family == AF_INET ? sizeof(struct iphdr) :
					       sizeof(struct ipv6hdr);
}

/*
 * The way to @to, or if that has no family to the link's only peer: 0, or -errno of
 * the look-up of the route.  Under RCU with BH disabled.
 */
int ockam_udp_way(struct ockam_udp *udp, const union ockam_endpoint *to,
		  u32 mark, struct ockam_udp_way *way);

static inline void ockam_udp_way_put(struct ockam_udp_way *way)
{
	dst_release(way->dst);
}

/*
 * Sends @skb, which holds the payload of a datagram, or with a gso_size several of
 * them, and is on nobody's account: until it is freed it is on the socket's.  Its
 * mark and priority are kept.  Consumes it.  Under RCU with BH disabled.  0, or
 * -errno; -ENOBUFS: no memory, or a queue was full.
 */
int ockam_udp_out(struct ockam_udp *udp, struct sk_buff *skb,
		  struct ockam_udp_way *way);

/* ---- udp_rx.c ---- */

void ockam_udp_rx_init(struct ockam_udp *udp);

/* Gives up what has come in part; nothing more is kept.  May sleep. */
void ockam_udp_rx_exit(struct ockam_udp *udp);

/* @from in a form that can be compared and hashed. */
void ockam_udp_src(u8 src[OCKAM_PIECES_SRC], const union ockam_endpoint *from);

/* The socket's encap_rcv: consumes the datagram. */
int ockam_udp_rcv(struct sock *sk, struct sk_buff *skb);

#endif /* _OCKAM_UDP_PRIV_H */
