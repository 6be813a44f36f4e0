/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that remote input holds, by node and on the machine, in the manner of
 * tcp_mem.  Two accounts, so that who reads nothing cannot keep links from
 * working:
 *
 *  - OCKAM_MEM_LINKS: messages from when a link has them until a worker or the
 *    wire does, parts of messages, frames on their way out, accepted links;
 *  - OCKAM_MEM_QUEUES: messages from links in the receive queues of workers.
 *
 * Each has a limit on the node and one on the machine; the worse of the two says
 * how much is left (enum ockam_mem_level).  Those who are held back have
 * something of their own in there, and go on by their own progress: nobody waits
 * for others.  Only beyond the last level all wait, and look again.
 *
 * What is counted is spread over the processors: each keeps up to
 * OCKAM_MEM_BATCH bytes of a node for itself, of a container's
 * OCKAM_MEM_BATCH_USER, since one user may have a thousand nodes.
 */
#ifndef _OCKAM_MEM_H
#define _OCKAM_MEM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

struct ockam_node;

/**
 * enum ockam_mem_kind - accounts
 * @OCKAM_MEM_LINKS: what links hold
 * @OCKAM_MEM_QUEUES: what links have brought to workers
 */
enum ockam_mem_kind {
	OCKAM_MEM_LINKS,
	OCKAM_MEM_QUEUES,
	__OCKAM_MEM_MAX
};

/**
 * enum ockam_mem_level - how full an account is
 * @OCKAM_MEM_FREE: less than three quarters of the limit
 * @OCKAM_MEM_PRESSURE: who has more than OCKAM_MEM_LEAST gets no more
 * @OCKAM_MEM_FULL: at the limit: who has anything gets no more
 * @OCKAM_MEM_OVER: a quarter above it: nobody gets anything
 */
enum ockam_mem_level {
	OCKAM_MEM_FREE,
	OCKAM_MEM_PRESSURE,
	OCKAM_MEM_FULL,
	OCKAM_MEM_OVER,
};

#define OCKAM_MEM_BATCH		(16 * 1024)
#define OCKAM_MEM_BATCH_USER	1024
/* What a link keeps under pressure, in each direction. */
#define OCKAM_MEM_LEAST		(32 * 1024)
/* An accepted link: it, its carrier, its socket. */
#define OCKAM_MEM_LINK		(6 * 1024)

/**
 * struct ockam_mem - an account of a node, or of the machine
 * @used: bytes, without what processors keep for themselves
 * @level: enum ockam_mem_level
 */
struct ockam_mem {
	atomic_long_t	used;
	u8		level;
};

extern struct ockam_mem ockam_mem_machine[__OCKAM_MEM_MAX];

/* The machine's limit, bytes of each account. */
unsigned long ockam_mem_limit(void);
/* What a node has if nobody says otherwise. */
unsigned long ockam_mem_default(void);

/* Of a node, and of the machine: bytes, for netlink. */
unsigned long ockam_mem_used(const struct ockam_node *node,
			     enum ockam_mem_kind kind);
unsigned long ockam_mem_used_all(enum ockam_mem_kind kind);

/* The node's limit was changed. */
void ockam_mem_update(struct ockam_node *node);

/* Nothing is charged any more. */
void ockam_mem_exit(struct ockam_node *node);

/* More or less; this never fails.  Any context. */
void ockam_mem_add(struct ockam_node *node, enum ockam_mem_kind kind,
		   int bytes);

#endif /* _OCKAM_MEM_H */
