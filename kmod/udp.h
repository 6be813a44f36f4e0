/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UDP as a carrier of links: Ockam's datagrams on kernel sockets.  A link of mode
 * connect has one peer, and takes datagrams from it only; one of mode listen
 * talks to anybody, whom the address of type 2 behind the link's name tells.
 *
 * Nothing waits here for a peer: what the network does not take is lost, and a
 * link is up as long as it exists.
 */
#ifndef _OCKAM_UDP_H
#define _OCKAM_UDP_H

#include <linux/skbuff.h>

#include "endpoint.h"

struct ockam_link;
struct ockam_udp;

/*
 * Makes the link's carrier, as link->config says, and sets link->udp, local and
 * remote: 0 or -errno with nothing changed.  node->lock held, may sleep.
 */
int ockam_udp_open(struct ockam_link *link);

/*
 * Nothing is sent any more: who waits for the send buffer gets -EPIPE.  May sleep,
 * but not for them.  link->serial need not be held.
 */
void ockam_udp_stop(struct ockam_udp *udp);

/* Nothing is received any more.  link->udp was cleared; may sleep. */
void ockam_udp_close(struct ockam_udp *udp);

/*
 * Sends a transport message in pieces, to @to or (NULL) to the only peer; @skb
 * stays the caller's.  link->serial held; may wait for the socket's buffer for
 * half a second.  Returns 0 or what the network said, -ENOBUFS without room; a
 * part may have gone.
 */
int ockam_udp_send(struct ockam_udp *udp, const struct sk_buff *skb,
		   const union ockam_endpoint *to);

/* May the socket send there? */
bool ockam_udp_reaches(const struct ockam_udp *udp,
		       const union ockam_endpoint *to);

#endif /* _OCKAM_UDP_H */
