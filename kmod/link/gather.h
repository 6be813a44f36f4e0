/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that go out together: each push of TCP costs as much as making, sealing
 * and opening a small message, and so do the acknowledgment and the wake-up that
 * follow from it.  So a frame may wait for the next ones
 *
 *  - when its sender says that there is more (MSG_MORE, all but the last message of
 *    sendmmsg()): until one comes of which that is not said;
 *  - in a burst: when the last push was just now, and the peer has not said
 *    anything since.  Who asks and waits for the answer is in no burst.
 *
 * They wait for OCKAM_GATHER_NS at most, until there are OCKAM_GATHER_FRAMES of
 * them or OCKAM_GATHER_BYTES, or until a program of the node finds nothing to read:
 * whichever is first.
 *
 * All under link->serial, but for the timer, for @answered, and for what is passed on
 * in softirq, which sets @pushed: as good as any order of the two would be.  The node's list has
 * a lock of its own, in which nothing else is taken.
 */
#ifndef _OCKAM_GATHER_H
#define _OCKAM_GATHER_H

#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ockam_link;
struct ockam_node;
struct sk_buff;

#define OCKAM_GATHER_NS		200000
#define OCKAM_GATHER_FRAMES	16
#define OCKAM_GATHER_BYTES	16384

/**
 * struct ockam_gather - of a link
 * @timer: ends the waiting; runs on when that has ended before
 * @entry: in the node's list while frames wait
 * @since: when the first of them came, local_clock()
 * @pushed: when frames were pushed last
 * @more: the last frame said that there is more
 * @answered: something has come since @pushed
 */
struct ockam_gather {
	struct hrtimer		timer;
	struct list_head	entry;
	u64			since;
	u64			pushed;
	bool			more;
	bool			answered;
};

/**
 * struct ockam_gathers - of a node
 * @lock: (spinlock, bh) for @links
 * @links: those where frames wait
 */
struct ockam_gathers {
	spinlock_t		lock;
	struct list_head	links;
};

static inline void ockam_gathers_init(struct ockam_gathers *gathers)
{
	spin_lock_init(&gathers->lock);
	INIT_LIST_HEAD(&gathers->links);
}

void ockam_gather_init(struct ockam_link *link);
/* The link is deleted and has no carrier any more.  Process context. */
void ockam_gather_kill(struct ockam_link *link);

/* A message came.  Any context. */
static inline void ockam_gather_heard(struct ockam_gather *gather)
{
	if (!READ_ONCE(gather->answered))
		WRITE_ONCE(gather->answered, true);
}

/*
 * May a frame go out at once that is in no burst, past an empty queue?  Not exact,
 * any context.  If so ockam_gather_passed() follows.
 */
bool ockam_gather_passes(const struct ockam_gather *gather);
void ockam_gather_passed(struct ockam_gather *gather);

/*
 * Shall what was queued last wait, with what is queued already?  If not the
 * caller sends all of it now, as if ockam_gather_pushed() had been called.
 */
bool ockam_gather_waits(struct ockam_link *link, bool more);
/* Whatever waits is being sent. */
void ockam_gather_pushed(struct ockam_link *link);

/*
 * Send what waits in links of the node, in a few of them: those that have waited
 * longest.  Process context, nothing locked.
 */
void ockam_gather_push_some(struct ockam_node *node);

#endif /* _OCKAM_GATHER_H */
