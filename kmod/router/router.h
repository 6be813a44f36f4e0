/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The router: takes a message to its next addresses until it leaves the node
 * or ends at a worker.  A loop, never recursion: the steps inside a node are
 * bounded by OCKAM_STEPS_MAX, decryptions by OCKAM_DECRYPT_MAX.
 *
 * A path is first resolved, with all checks and without changing anything,
 * up to a worker, a link or a decryptor; then, when its end has room, it is
 * applied.  So errors come before any nonce is taken.
 *
 * Encryption happens in process context only, under the `serial` mutex of the
 * outermost channel, which is held until the end has the message: that keeps
 * nonces in the order of the wire.  A link's own `serial` is taken inside of it,
 * for framing and sending only.  Softirq hands such messages to the sink's kick
 * (links) or the node's work item.
 */
#ifndef _OCKAM_ROUTER_H
#define _OCKAM_ROUTER_H

#include <linux/skbuff.h>

struct ockam_node;
struct ockam_sink;
struct ockam_sock;

#define OCKAM_STEPS_MAX		128
/* Around two routes on a link: length, array head, byte string head. */
#define OCKAM_LINK_HEAD		(4 + 1 + 5)

/**
 * struct ockam_blocked - why a local send got -EAGAIN
 * @sink: the full destination, with a reference; NULL: nothing can be waited
 *	for, another sender was just using the same channel
 */
struct ockam_blocked {
	struct ockam_sink	*sink;
};

/*
 * Send a message of local (or passed on) origin.  Process context, nothing
 * locked.  Waits up to @timeo for room, and for whoever is just sending to the same
 * place, unless it is 0.  Consumes @skb.
 * Returns 0 or: -EHOSTUNREACH, -ENETUNREACH, -EMSGSIZE, -EINVAL, -EACCES,
 * -EKEYEXPIRED, -EAGAIN (with @blocked filled), -ETIMEDOUT (a stranger takes too
 * little to be waited for), -EINTR or -ERESTARTSYS, -EPIPE, -ELOOP, -ENOMEM.
 */
int ockam_router_send(struct ockam_node *node, struct ockam_sock *from,
		      struct sk_buff *skb, long timeo,
		      struct ockam_blocked *blocked);

/*
 * Route a message that came in, or that was parked.  Softirq or process
 * context; never sleeps.  Consumes @skb; failures are counted by reason.
 */
void ockam_router_input(struct ockam_node *node, struct sk_buff *skb);

/*
 * The same in process context with nothing locked: sends to links and through
 * encryptors at once.  Consumes @skb.
 */
void ockam_router_forward(struct ockam_node *node, struct sk_buff *skb);

/*
 * The same later, in process context.  Any context; consumes @skb, which its
 * source or its sender is charged for.
 */
void ockam_router_defer(struct ockam_node *node, struct sk_buff *skb);

void ockam_router_init(struct ockam_node *node);
void ockam_router_exit(struct ockam_node *node);

#endif /* _OCKAM_ROUTER_H */
