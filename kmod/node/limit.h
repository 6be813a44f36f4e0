/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits over users: what all containers of one user may take together.
 *
 * Whoever may make a user namespace is root in it, and sets the limits of the
 * nodes in there; so those say nothing to the host.  A node whose network
 * namespace belongs to another user namespace than the initial one is therefore
 * charged to accounts that only the host's root can raise (module
 * parameters):
 *
 *  - of the top-level user namespace, the child of the initial one that it is
 *    in or below: nesting gains nothing;
 *  - of the uid that owns that namespace, unless that is the host's root:
 *    making more of them gains nothing;
 *  - of all such uids together, with user_factor times the limits: nor does
 *    being as many users as a range of subordinate uids has.
 *
 * Nodes of the initial user namespace have no accounts: node->limit is NULL,
 * and the data path pays the look at that.
 *
 * Objects beyond a limit are refused (-ENOSPC, as the kernel's own limits on
 * namespaces do).  Buffered bytes are not refused but held back: a link stops
 * reading, or lets local senders wait, while the user is over the limit and the
 * link has more than OCKAM_LIMIT_LEAST bytes of its own in there.  So no link of
 * a user is starved by his others, and each link that waits is woken by its own
 * progress.  Half way to a quarter above the limit, or 1 MiB, a link takes a message
 * at a time, and beyond that none at all: as if the machine had no more (mem.h).
 *
 * All of that is on the machine's account as well, which others need: so a user has
 * an eighth of that at most, and all containers half of it, those that the host's
 * root made included, whatever the limit is.
 *
 * Deferred work of a user's nodes runs in a workqueue of his own, which runs few
 * items at a time, and his channels take turns with each other only (turn.h).
 */
#ifndef _OCKAM_LIMIT_H
#define _OCKAM_LIMIT_H

#include <linux/compiler.h>
#include <linux/types.h>

struct net;
struct netlink_ext_ack;
struct ockam_limit;
struct ockam_node;

/**
 * enum ockam_limit_kind - what is counted
 * @OCKAM_LIMIT_NODES: namespaces with at least one of the next four
 * @OCKAM_LIMIT_SOCKETS: AF_OCKAM sockets
 * @OCKAM_LIMIT_LINKS: links, accepted ones included
 * @OCKAM_LIMIT_CHANNELS: channels
 * @OCKAM_LIMIT_HOPS: hops
 * @OCKAM_LIMIT_BUFFER: bytes in links: parked, parts of large frames, on the
 *	way out, accepted links
 * @OCKAM_LIMIT_QUEUES: bytes that links have brought to workers; the limit is the
 *	same
 * @OCKAM_LIMIT_CLOSING: connections whose last bytes are on their way
 */
enum ockam_limit_kind {
	OCKAM_LIMIT_NODES,
	OCKAM_LIMIT_SOCKETS,
	OCKAM_LIMIT_LINKS,
	OCKAM_LIMIT_CHANNELS,
	OCKAM_LIMIT_HOPS,
	OCKAM_LIMIT_BUFFER,
	OCKAM_LIMIT_QUEUES,
	OCKAM_LIMIT_CLOSING,
	__OCKAM_LIMIT_MAX
};

/* What a link may always have buffered, bytes. */
#define OCKAM_LIMIT_LEAST	(32 * 1024)

/**
 * ockam_limit_init() - accounts for a new node
 * @node: its net is set
 *
 * Sets node->limit, which is NULL for the initial user namespace, and node->wq
 * and node->turns.  May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int ockam_limit_init(struct ockam_node *node);

/* Undoes that: nothing is queued in node->wq any more.  May sleep. */
void ockam_limit_exit(struct ockam_node *node);

/* For what may outlive its node.  Any context; NULL is fine. */
struct ockam_limit *ockam_limit_get(struct ockam_limit *limit);
void ockam_limit_put(struct ockam_limit *limit);

/**
 * ockam_limit_allowed() - may anything be made in this namespace?
 * @net: the namespace
 *
 * The machine-wide switch, see the module parameter "userns".
 */
bool ockam_limit_allowed(const struct net *net);

/* Like that, for netlink requests: 0 or -EPERM, which @extack explains. */
int ockam_limit_check(const struct ockam_node *node,
		      struct netlink_ext_ack *extack);

void __ockam_limit_drop(struct ockam_limit *limit, enum ockam_limit_kind kind);
void __ockam_limit_add(struct ockam_limit *limit, enum ockam_limit_kind kind,
		       long bytes);
u8 __ockam_limit_level(const struct ockam_limit *limit,
		       enum ockam_limit_kind kind);

/**
 * ockam_limit_take() - count one more object of a node
 * @node: the node
 * @kind: sockets, links, channels, hops or closing
 * @extack: gets the text of a refusal, or NULL
 *
 * A refusal is counted in the node's statistics.  Any context.
 *
 * Return: 0 or -ENOSPC.
 */
int ockam_limit_take(struct ockam_node *node, enum ockam_limit_kind kind,
		     struct netlink_ext_ack *extack);

/* One less.  Any context. */
static inline void ockam_limit_drop(struct ockam_limit *limit,
				    enum ockam_limit_kind kind)
{
	if (unlikely(limit))
		__ockam_limit_drop(limit, kind);
}

/* More or less bytes buffered; this never fails.  Any context. */
static inline void ockam_limit_add(struct ockam_limit *limit, long bytes)
{
	if (unlikely(limit))
		__ockam_limit_add(limit, OCKAM_LIMIT_BUFFER, bytes);
}

/* Likewise, in the queues of workers. */
static inline void ockam_limit_queued(struct ockam_limit *limit, long bytes)
{
	if (unlikely(limit))
		__ockam_limit_add(limit, OCKAM_LIMIT_QUEUES, bytes);
}

/* Has the user as many bytes buffered as he may?  Any context. */
static inline bool ockam_limit_over(const struct ockam_limit *limit)
{
	return unlikely(limit) &&
	       __ockam_limit_level(limit, OCKAM_LIMIT_BUFFER);
}

#endif /* _OCKAM_LIMIT_H */
