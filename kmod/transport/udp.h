/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP as a carrier of links: Ockam's datagrams on kernel sockets.  A link of mode
 * connect has one peer, and takes datagrams from it only; one of mode listen
 * talks to anybody, whom the address of type 2 behind the link's name tells.
 *
 * Nothing waits here for a peer, but messages do in the link's queue for a slow
 * device; what the network does not take is lost, and a link is up as long as it
 * exists.
 */
#ifndef _OCKAM_UDP_H
#define _OCKAM_UDP_H

#include <linux/skbuff.h>

#include "ground/endpoint.h"

struct ockam_link;
struct ockam_udp;

/*
 * Makes the link's carrier, as link->config says, and sets link->udp, local and
 * remote: 0 or -errno with nothing changed.  node->lock held, may sleep.
 */
int ockam_udp_open(struct ockam_link *link);

/* Nothing is received any more.  link->udp was cleared; may sleep. */
void ockam_udp_close(struct ockam_udp *udp);

/* Where a message on its way out goes; no family: to the link's only peer. */
static inline union ockam_endpoint *ockam_udp_to(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(union ockam_endpoint) > sizeof(skb->cb));
	return (union ockam_endpoint *)skb->cb;
}

/*
 * Sends a transport message, in pieces if it is long, to ockam_udp_to(), or goes on
 * with it from link->tx_off.  link->serial held, never waits.  -EAGAIN: @skb stays
 * the caller's, and link->work is queued when there is room for more.  Else it is
 * consumed: 0, or what the network said, and then it is counted.
 */
int ockam_udp_send(struct ockam_udp *udp, struct sk_buff *skb);

/* Would ockam_udp_pass() take so many bytes?  Any context. */
bool ockam_udp_passes(const struct ockam_udp *udp, u32 bytes);

/*
 * Sends a transport message that fits into one datagram, in any context and without
 * link->serial, under RCU.  Consumes it: 0, or what the network said.
 */
int ockam_udp_pass(struct ockam_udp *udp, struct sk_buff *skb);

/* May the socket send there? */
bool ockam_udp_reaches(const struct ockam_udp *udp,
		       const union ockam_endpoint *to);

#endif /* _OCKAM_UDP_H */
