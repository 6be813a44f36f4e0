/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames under way over TCP, and what a node sets aside for large ones:
 * tcp_large.c.
 */
#ifndef _OCKAM_LARGE_H
#define _OCKAM_LARGE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ockam_node;

/**
 * struct ockam_large - of a node
 * @lock: protects the rest; nests inside a carrier's slock
 * @held: large frames that have memory of ours, the longest idle first
 * @small: likewise the beginnings of small ones, for which none is set aside
 * @leaving: those of both that gave way, until their links are closed
 * @waiting: frames that wait for memory, first come first
 * @bytes: set aside for those in @held and @leaving
 * @leaving_bytes: of those in @leaving
 */
struct ockam_large {
	spinlock_t		lock;
	struct list_head	held;
	struct list_head	small;
	struct list_head	leaving;
	struct list_head	waiting;
	unsigned long		bytes;
	unsigned long		leaving_bytes;
};

/**
 * struct ockam_large_frame - of a carrier
 * @list: in one of the node's lists, or empty
 * @bytes: set aside for it
 * @moved: jiffies when it last came on
 * @waiting: it is in the list of those which do
 * @gave_way: its link is being closed, and it is in the list of those
 */
struct ockam_large_frame {
	struct list_head	list;
	u32			bytes;
	unsigned long		moved;
	bool			waiting;
	bool			gave_way;
};

void ockam_large_init(struct ockam_node *node);

/*
 * Set @bytes aside for all that a frame still needs.  False: there is nothing,
 * its carrier's rx_work is queued when it may try again; but look from time to
 * time as well, since only that makes others give way.  Any context.
 */
bool ockam_large_take(struct ockam_node *node, struct ockam_large_frame *f,
		      u32 bytes);

/* A frame got memory: it has begun, or come on. */
void ockam_large_moved(struct ockam_node *node, struct ockam_large_frame *f);

/* The node has none: those who have stopped give theirs back. */
void ockam_large_press(struct ockam_node *node);

/* The frame is complete, never will be, or does not wait any more. */
void ockam_large_drop(struct ockam_node *node, struct ockam_large_frame *f);

#endif /* _OCKAM_LARGE_H */
