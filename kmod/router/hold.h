/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that were chosen (bind, OCKAM_BIND) stay with their user for a while
 * after they were released, so that nobody else can step into the place of a
 * worker that just restarts.
 *
 * Binding and releasing a chosen name happen under holds->lock: nobody finds a
 * name free that is neither bound nor held yet.  What a hold needs is allocated
 * when the name is bound (struct ockam_hold is part of struct ockam_key), since
 * releasing must not fail.
 *
 * Bounds: each payer has at most OCKAM_HOLDS_PAYER holds, of which the oldest
 * goes first; a node has at most OCKAM_HOLDS_NODE, and beyond that the payer
 * with the most of them loses its oldest.  A payer is a uid of the node's user
 * namespace; whatever uids somebody has inside user namespaces of his own count
 * as one, that of who made the outermost of these.
 */
#ifndef _OCKAM_HOLD_H
#define _OCKAM_HOLD_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

struct ockam_hold_payer;
struct ockam_key;
struct ockam_name;
struct ockam_node;

#define OCKAM_HOLDS_PAYER	128
#define OCKAM_HOLDS_NODE	4096
#define OCKAM_HOLDS_BITS	6

/**
 * struct ockam_hold - what it takes to keep a name, part of struct ockam_key
 * @name: entry by name, while held
 * @order: entry in the payer's list, oldest first, while held
 * @payer: who pays, with a reference; NULL: the name was not chosen
 * @uid: who may have the name again at once
 * @until: jiffies, end of the hold
 */
struct ockam_hold {
	struct hlist_node	name;
	struct list_head	order;
	struct ockam_hold_payer	*payer;
	kuid_t			uid;
	unsigned long		until;
};

/**
 * struct ockam_holds - those of a node
 * @lock: (spinlock) all of this, and binding and releasing chosen names;
 *	process context, taken with lock_sock() held
 * @count: names held
 * @names: struct ockam_hold by name
 * @payers: who has a chosen name, bound or held
 * @sweep: frees what has expired
 */
struct ockam_holds {
	spinlock_t		lock;
	u32			count;
	struct hlist_head	names[1 << OCKAM_HOLDS_BITS];
	struct list_head	payers;
	struct delayed_work	sweep;
};

void ockam_holds_init(struct ockam_node *node);
/* No socket of the node is left. */
void ockam_holds_exit(struct ockam_node *node);
/* Ends all holds. */
void ockam_holds_flush(struct ockam_node *node);

/**
 * struct ockam_hold_at - where looking at holds goes on
 * @bucket: of struct ockam_holds.names
 * @skip: entries of it that were looked at
 */
struct ockam_hold_at {
	unsigned int	bucket;
	unsigned int	skip;
};

/**
 * ockam_holds_each() - look at the names that are held
 * @node: the node
 * @at: where to begin; afterwards, where to go on
 * @fn: called for each, with holds->lock; @left is in ms. Not 0 ends it, and the
 *	entry is the next one
 * @arg: for @fn
 *
 * What comes or goes between two calls may be missed. Process context.
 *
 * Return: 0, or what @fn returned.
 */
int ockam_holds_each(struct ockam_node *node, struct ockam_hold_at *at,
		     int (*fn)(const u8 *hop, kuid_t uid, u64 left, void *arg),
		     void *arg);

/*
 * Bind a chosen name, @name->key is @key->hop.  0; -EADDRINUSE: taken, or held
 * for another uid and the caller has no CAP_NET_BIND_SERVICE over the node;
 * -ENOMEM.  Process context, may sleep.
 */
int ockam_hold_bind(struct ockam_node *node, struct ockam_name *name,
		    struct ockam_key *key);

/*
 * Release a name.  True: it was chosen and is held, @key belongs to the node
 * now; false: it is free, @key is still the caller's.  Process context.
 */
bool ockam_hold_release(struct ockam_node *node, struct ockam_name *name,
			struct ockam_key *key);

/* The name goes on without the socket: forget who chose it. */
void ockam_hold_forget(struct ockam_node *node, struct ockam_key *key);

#endif /* _OCKAM_HOLD_H */
