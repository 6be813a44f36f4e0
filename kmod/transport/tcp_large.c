// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for large frames that come in over TCP.  All that a frame will need is
 * set aside before its first part is taken from TCP: so a frame that has begun can
 * always be finished, and one that waits holds nothing, its own time standing
 * still.
 *
 * Whoever asks for little beside what is left gets it at once; that is the
 * reserve for links that hold nothing.  Others wait in line.  While they do,
 * frames make room for them that have not come on for LARGE_IDLE, the longest
 * idle first: their links are closed.
 */
#include "link/link.h"
#include "node/node.h"
#include "node/stats.h"
#include "transport/tcp_priv.h"

#define LARGE_IDLE	HZ
/* What one may have at once is so small a part of what is left. */
#define LARGE_PART	4
/* And so small a part of all is for those only. */
#define LARGE_RESERVE	8
/* Links that are closed in one go. */
#define LARGE_BUDGET	64

void ockam_large_init(struct ockam_node *node)
{
	struct ockam_large *large = &node->large;

	spin_lock_init(&large->lock);
	INIT_LIST_HEAD(&large->held);
	INIT_LIST_HEAD(&large->small);
	INIT_LIST_HEAD(&large->leaving);
	INIT_LIST_HEAD(&large->waiting);
	large->bytes = 0;
	large->leaving_bytes = 0;
}

static struct ockam_tcp *large_tcp(struct ockam_large_frame *f)
{
	return container_of(f, struct ockam_tcp, rx.frame);
}

static unsigned long large_max(const struct ockam_node *node)
{
	return min_t(unsigned long, OCKAM_PARTIAL_MAX,
		     READ_ONCE(node->conf.mem_limit) / 4);
}

static bool large_fits(const struct ockam_node *node,
		       const struct ockam_large_frame *f, u32 bytes)
{
	const struct ockam_large *large = &node->large;
	unsigned long max = large_max(node);
	unsigned long left;

	/* So that the largest one comes through, however little it may be. */
	if (!large->bytes)
		return true;
	if (large->bytes >= max)
		return false;
	left = max - large->bytes;
	if (bytes <= left / LARGE_PART)
		return true;
	return left >= max / LARGE_RESERVE && bytes <= left -
	       max / LARGE_RESERVE && (list_empty(&large->waiting) ||
				 list_first_entry(&large->waiting,
						  struct ockam_large_frame,
						  list) == f);
}

/* The first in line: who is next may have its chance. */
static void large_call(struct ockam_large *large)
{
	struct ockam_large_frame *f;
	struct ockam_tcp *tcp;

	f = list_first_entry_or_null(&large->waiting, struct ockam_large_frame,
				     list);
	if (!f)
		return;
	tcp = large_tcp(f);
	ockam_tcp_queue(tcp, &tcp->rx_work);
}

/*
 * Out of the way of who looks next: each frame is looked at once for giving way,
 * however many wait and however often they ask.
 */
static void large_close(struct ockam_node *node, struct ockam_large_frame *f)
{
	struct ockam_large *large = &node->large;

	f->gave_way = true;
	list_move_tail(&f->list, &large->leaving);
	large->leaving_bytes += f->bytes;
	ockam_stat_inc(node, OCKAM_STAT_GAVE_WAY);
	ockam_tcp_fail(large_tcp(f), OCKAM_LINK_REASON_FRAME_TIMEOUT,
		       -ETIMEDOUT);
}

/* The longest idle one, if it has stopped. */
static struct ockam_large_frame *large_idle(struct list_head *list)
{
	struct ockam_large_frame *f;

	f = list_first_entry_or_null(list, struct ockam_large_frame, list);
	return f && time_after_eq(jiffies, f->moved + LARGE_IDLE) ? f : NULL;
}

/* Those who have stopped make room for @bytes, which will take a moment. */
static void large_make_room(struct ockam_node *node, u32 bytes)
{
	struct ockam_large *large = &node->large;
	unsigned long max = large_max(node);
	struct ockam_large_frame *f;
	int budget = LARGE_BUDGET;

	max -= max / LARGE_RESERVE;
	while (large->bytes - large->leaving_bytes + bytes > max && budget--) {
		f = large_idle(&large->held);
		if (!f)
			return;
		large_close(node, f);
	}
}

void ockam_large_press(struct ockam_node *node)
{
	struct ockam_large *large = &node->large;
	struct ockam_large_frame *f;
	int budget = LARGE_BUDGET;

	spin_lock_bh(&large->lock);
	while (budget--) {
		f = large_idle(&large->held) ?: large_idle(&large->small);
		if (!f)
			break;
		large_close(node, f);
	}
	spin_unlock_bh(&large->lock);
}

static void large_begin(struct ockam_large *large, struct ockam_large_frame *f)
{
	f->moved = jiffies;
	f->waiting = false;
	/* Too late: its carrier has failed. */
	if (unlikely(f->gave_way))
		return;
	list_move_tail(&f->list, f->bytes ? &large->held : &large->small);
}

bool ockam_large_take(struct ockam_node *node, struct ockam_large_frame *f,
		      u32 bytes)
{
	struct ockam_large *large = &node->large;
	bool fits;

	spin_lock_bh(&large->lock);
	fits = large_fits(node, f, bytes);
	if (fits) {
		large->bytes += bytes;
		f->bytes = bytes;
		large_begin(large, f);
		large_call(large);
	} else {
		if (!f->waiting)
			list_move_tail(&f->list, &large->waiting);
		f->waiting = true;
		large_make_room(node, bytes);
	}
	spin_unlock_bh(&large->lock);
	return fits;
}

void ockam_large_moved(struct ockam_node *node, struct ockam_large_frame *f)
{
	struct ockam_large *large = &node->large;

	spin_lock_bh(&large->lock);
	large_begin(large, f);
	spin_unlock_bh(&large->lock);
}

void ockam_large_drop(struct ockam_node *node, struct ockam_large_frame *f)
{
	struct ockam_large *large = &node->large;

	if (likely(list_empty(&f->list)))
		return;
	spin_lock_bh(&large->lock);
	list_del_init(&f->list);
	large->bytes -= f->bytes;
	if (f->gave_way)
		large->leaving_bytes -= f->bytes;
	f->bytes = 0;
	f->waiting = false;
	f->gave_way = false;
	large_call(large);
	spin_unlock_bh(&large->lock);
}
