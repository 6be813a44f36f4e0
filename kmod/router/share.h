/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is parked at a sink, by the link that brought it.  Each link has a share of
 * its own at each sink: it is full when it takes as much as is left of the
 * link's limit, so whatever is full, others still have room.  Shares take turns:
 * who has parked much does not delay who has parked little.
 *
 * All under the sink's lock, but for @msgs, which others look at.
 */
#ifndef _OCKAM_SHARE_H
#define _OCKAM_SHARE_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/skbuff.h>

struct ockam_sink;
struct ockam_source;

/**
 * struct ockam_share - messages of one source at one sink
 * @node: in @shares.root
 * @turn: in @shares.turns
 * @src: whose; NULL: what local senders had to leave
 * @queue: messages as they arrived, in order, to be routed again
 * @bytes: memory of them
 * @full: the source stops until it is not
 * @since: jiffies when @taken was 0
 * @taken: bytes that the sink has taken since
 */
struct ockam_share {
	struct rb_node		node;
	struct list_head	turn;
	struct ockam_source	*src;
	struct sk_buff_head	queue;
	unsigned long		bytes;
	bool			full;
	unsigned long		since;
	unsigned long		taken;
};

/**
 * struct ockam_shares - of a sink
 * @root: by source
 * @turns: whoever is next comes first
 * @own: the first one, which needs no memory
 * @own_used: it is in use
 * @msgs: messages in all of them
 */
struct ockam_shares {
	struct rb_root		root;
	struct list_head	turns;
	struct ockam_share	own;
	bool			own_used;
	u32			msgs;
};

void ockam_shares_init(struct ockam_shares *shares);

/*
 * Park a message, in front of its share if it was taken from there.  -ENOMEM;
 * -ENOSPC: its source does not stop, and the share is full.
 */
int ockam_shares_put(struct ockam_shares *shares, struct sk_buff *skb,
		     bool front);

/* The next message, or NULL. */
struct sk_buff *ockam_shares_take(struct ockam_shares *shares);

/*
 * Takes out all messages; or only those of full shares of which the sink has
 * taken, in so many jiffies, less than would be left.  Sources whose share was
 * full are marked as too fast for @sink; true if there were any.
 */
bool ockam_shares_give_up(struct ockam_shares *shares, struct ockam_sink *sink,
			  struct sk_buff_head *gone, bool all,
			  unsigned long patience);

#endif /* _OCKAM_SHARE_H */
