// SPDX-License-Identifier: GPL-2.0
/* Frames that wait on a link's way out, for each other: see gather.h. */
#include <linux/sched/clock.h>

#include <compat.h>

#include "link/gather.h"
#include "link/link.h"
#include "node/node.h"

/* Whoever reads does not work for all who send meanwhile: the timer is there. */
#define GATHER_PUSHES	16

static struct ockam_gather *gather_of(struct hrtimer *timer)
{
	return container_of(timer, struct ockam_gather, timer);
}

/* Those that it was started for may have gone already. */
static enum hrtimer_restart gather_timer(struct hrtimer *timer)
{
	struct ockam_link *link = container_of(gather_of(timer),
					       struct ockam_link, gather);

	if (READ_ONCE(link->txq_bytes))
		ockam_link_queue(link);
	return HRTIMER_NORESTART;
}

void ockam_gather_init(struct ockam_link *link)
{
	struct ockam_gather *gather = &link->gather;

	ockam_hrtimer_setup(&gather->timer, gather_timer, CLOCK_MONOTONIC,
			    HRTIMER_MODE_REL);
	INIT_LIST_HEAD(&gather->entry);
}

/* Out of the node's list, if it is there. */
static void gather_leave(struct ockam_link *link)
{
	struct ockam_gathers *gathers = &link->node->gathers;

	if (list_empty_careful(&link->gather.entry))
		return;
	spin_lock_bh(&gathers->lock);
	list_del_init(&link->gather.entry);
	spin_unlock_bh(&gathers->lock);
}

void ockam_gather_kill(struct ockam_link *link)
{
	gather_leave(link);
	hrtimer_cancel(&link->gather.timer);
}

static void gather_begin(struct ockam_link *link, u64 now)
{
	struct ockam_gathers *gathers = &link->node->gathers;
	struct ockam_gather *gather = &link->gather;

	spin_lock_bh(&gathers->lock);
	list_add_tail(&gather->entry, &gathers->links);
	spin_unlock_bh(&gathers->lock);
	gather->since = now;
	hrtimer_start(&gather->timer, ns_to_ktime(OCKAM_GATHER_NS),
		      HRTIMER_MODE_REL);
}

bool ockam_gather_waits(struct ockam_link *link, bool more)
{
	struct ockam_gather *gather = &link->gather;
	bool waiting = !list_empty_careful(&gather->entry);
	u64 now = local_clock();
	bool waits;

	/* The last one of those that belong together. */
	waits = more || (!gather->more && !READ_ONCE(gather->answered) &&
			 now - READ_ONCE(gather->pushed) < OCKAM_GATHER_NS);
	gather->more = more;
	if (!waits || READ_ONCE(link->txq_bytes) >= OCKAM_GATHER_BYTES ||
	    skb_queue_len(&link->txq) >= OCKAM_GATHER_FRAMES ||
	    (waiting && now - gather->since >= OCKAM_GATHER_NS)) {
		WRITE_ONCE(gather->pushed, now);
		gather_leave(link);
		WRITE_ONCE(gather->answered, false);
		return false;
	}
	if (!waiting)
		gather_begin(link, now);
	return true;
}

bool ockam_gather_passes(const struct ockam_gather *gather)
{
	return READ_ONCE(gather->answered) ||
	       local_clock() - READ_ONCE(gather->pushed) >= OCKAM_GATHER_NS;
}

void ockam_gather_passed(struct ockam_gather *gather)
{
	WRITE_ONCE(gather->pushed, local_clock());
	WRITE_ONCE(gather->answered, false);
}

void ockam_gather_pushed(struct ockam_link *link)
{
	WRITE_ONCE(link->gather.pushed, local_clock());
	gather_leave(link);
	WRITE_ONCE(link->gather.answered, false);
}

/* The next one, with a reference, and out of the list. */
static struct ockam_link *gather_next(struct ockam_gathers *gathers)
{
	struct ockam_gather *gather;
	struct ockam_link *link;

	spin_lock_bh(&gathers->lock);
	do {
		gather = list_first_entry_or_null(&gathers->links,
						  struct ockam_gather, entry);
		link = NULL;
		if (!gather)
			break;
		list_del_init(&gather->entry);
		link = container_of(gather, struct ockam_link, gather);
	} while (!ockam_link_get_unless_zero(link));
	spin_unlock_bh(&gathers->lock);
	return link;
}

void ockam_gather_push_some(struct ockam_node *node)
{
	unsigned int budget = GATHER_PUSHES;
	struct ockam_link *link;

	if (likely(list_empty_careful(&node->gathers.links)))
		return;
	while (budget-- && (link = gather_next(&node->gathers))) {
		ockam_link_push(link);
		ockam_link_put(link);
	}
}
