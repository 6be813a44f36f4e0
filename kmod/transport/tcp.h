/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP as a carrier of links: Ockam's framing on kernel sockets and on sockets
 * that were handed over.
 *
 * A struct ockam_tcp is one connection, or one listening socket.  It is
 * referenced by its link (link->tcp), by its work items while they are
 * queued, and while it waits for its last bytes to be acknowledged; it holds
 * a reference on its link.
 */
#ifndef _OCKAM_TCP_H
#define _OCKAM_TCP_H

#include <linux/types.h>
#include <uapi/linux/ockam_netlink.h>

struct netlink_ext_ack;
struct ockam_link;
struct ockam_node;
struct ockam_tcp;
struct socket;

/*
 * Each makes the carrier of a link and sets link->tcp: 0 or -errno with
 * nothing changed.  node->lock held.
 *
 * ockam_tcp_connect() only begins to connect; ockam_tcp_handover() takes the
 * sock but not its file, which the caller holds; ockam_tcp_accept() consumes
 * @sock when it succeeds.
 */
int ockam_tcp_connect(struct ockam_link *link);
int ockam_tcp_listen(struct ockam_link *link);
int ockam_tcp_handover(struct ockam_link *link, struct socket *sock,
		       struct netlink_ext_ack *extack);
int ockam_tcp_accept(struct ockam_link *link, struct ockam_tcp *listener,
		     struct socket *sock);

/*
 * Send what is in link->txq as far as TCP takes it, and the version byte
 * before that.  link->serial held.  Returns the number of frames gone.
 */
unsigned int ockam_tcp_flush(struct ockam_tcp *tcp);

/*
 * For a frame that is only passed on.  ockam_tcp_passes() says whether it is worth
 * to try, ockam_tcp_pass_begin() whether it is possible: then the carrier is locked,
 * with BHs off, until ockam_tcp_pass_end().  In between ockam_tcp_pass() gives a
 * frame to TCP: true if that has all of it and it was freed; else the carrier keeps
 * the rest, which goes out before anything else.  The frame is linear.  Under RCU,
 * any context but hard interrupts.
 */
bool ockam_tcp_passes(const struct ockam_tcp *tcp);
bool ockam_tcp_pass_begin(struct ockam_tcp *tcp);
bool ockam_tcp_pass(struct ockam_tcp *tcp, struct sk_buff *skb);
void ockam_tcp_pass_end(struct ockam_tcp *tcp);
/* Does it have the rest of one? */
bool ockam_tcp_has_part(const struct ockam_tcp *tcp);

/* Read on, after reading had stopped for backpressure.  Any context. */
void ockam_tcp_resume(struct ockam_tcp *tcp);

/*
 * Tell TCP how long the path may be dead.  Not for sockets that were handed
 * over.  Process context.
 */
void ockam_tcp_set_dead(struct ockam_tcp *tcp);

/* Is it still connecting? */
bool ockam_tcp_connecting(const struct ockam_tcp *tcp);

/* The connection is over; the first failure counts.  Any context. */
void ockam_tcp_fail(struct ockam_tcp *tcp, enum ockam_link_reason reason,
		    int err);

/* What an errno of connecting or of a broken connection means. */
enum ockam_link_reason ockam_tcp_reason(int err);

/* Turn an accepted connection away; consumes it. */
void ockam_tcp_abort(struct socket *sock);

/* Look for connections to accept.  Any context. */
void ockam_tcp_poke(struct ockam_tcp *tcp);

/*
 * The link lets go of the carrier (after link->tcp was cleared).  Nothing is
 * received any more; what TCP has taken is still sent, for a while, unless
 * the node is dying.  Process context, no serial held.
 */
void ockam_tcp_close(struct ockam_tcp *tcp);

/* End what ockam_tcp_close() left behind in a dying node. */
void ockam_tcp_drain(struct ockam_node *node);

/* Module exit, no link is left: calls on fds handed over once are done. */
void ockam_tcp_exit(void);

#endif /* _OCKAM_TCP_H */
