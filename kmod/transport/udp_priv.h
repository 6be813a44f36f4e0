/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the UDP carrier share: the socket and sending (udp.c), and
 * receiving (udp_rx.c).
 *
 * The carrier holds its link, and is found by datagrams under RCU: it is freed,
 * and the link let go, a grace period after the socket is closed.  Sending is
 * under link->serial.  lock is a spinlock for what has come in part; nothing is
 * taken inside it.
 */
#ifndef _OCKAM_UDP_PRIV_H
#define _OCKAM_UDP_PRIV_H

#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <net/sock.h>

#include "link/link.h"
#include "ground/pieces.h"
#include "transport/udp.h"

#define OCKAM_UDP_MET		64	/* a power of two */

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
 * @write_space: the callback of that before it was ours
 * @rcu: for freeing
 * @number: of the next message that is sent
 * @sending: of the one that is being sent
 * @blocked: the send buffer is full, and link->work is to be queued when it is not
 * @met: to whom something was sent before, by hash; who has lost his place to
 *	another gets a heartbeat again
 * @bounce: a piece of a message that does not lie in one place
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
	void			(*write_space)(struct sock *sk);
	struct rcu_head		rcu;
	u16			number;
	u16			sending;
	bool			blocked;
	struct ockam_udp_met	met[OCKAM_UDP_MET];
	u8			*bounce;
	bool			open;
	struct ockam_link_guess	guess;
	spinlock_t		lock;
	bool			dead;
	u32			mem;
	siphash_key_t		key;
	struct timer_list	timer;
	struct ockam_pieces	pieces;
};

/* ---- udp_rx.c ---- */

void ockam_udp_rx_init(struct ockam_udp *udp);

/* Gives up what has come in part; nothing more is kept.  May sleep. */
void ockam_udp_rx_exit(struct ockam_udp *udp);

/* @from in a form that can be compared and hashed. */
void ockam_udp_src(u8 src[OCKAM_PIECES_SRC], const union ockam_endpoint *from);

/* The socket's encap_rcv: consumes the datagram. */
int ockam_udp_rcv(struct sock *sk, struct sk_buff *skb);

#endif /* _OCKAM_UDP_PRIV_H */
