/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Turns: long work that all channels of a node, or of one user's containers,
 * do one at a time.  Who has to wait is called in the order of asking, so that
 * nobody polls; who asks in other turns is not touched at all.
 *
 * Nobody owns a turn before he has come for it: between two of them others may
 * go first, so that it costs nothing if whoever was called comes late.  He keeps
 * his place meanwhile, and as each rests after his work, he is next soon.
 */
#ifndef _OCKAM_TURN_H
#define _OCKAM_TURN_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ockam_turn;

/**
 * struct ockam_turns - one at a time of these
 * @lock: spinlock, bh; other locks may be taken in @wake of a turn
 * @owner: who is at it, or NULL
 * @waiting: who is called next
 */
struct ockam_turns {
	spinlock_t		lock;
	struct ockam_turn	*owner;
	struct list_head	waiting;
};

/**
 * struct ockam_turn - of one channel
 * @entry: in the list of those who wait
 * @wake: its turn may have come: see to it that ockam_turn_take() is called
 *	again, or ockam_turn_drop().  Any context, must not sleep
 */
struct ockam_turn {
	struct list_head	entry;
	void			(*wake)(struct ockam_turn *turn);
};

static inline void ockam_turns_init(struct ockam_turns *turns)
{
	spin_lock_init(&turns->lock);
	turns->owner = NULL;
	INIT_LIST_HEAD(&turns->waiting);
}

static inline void ockam_turn_init(struct ockam_turn *turn,
				   void (*wake)(struct ockam_turn *turn))
{
	INIT_LIST_HEAD(&turn->entry);
	turn->wake = wake;
}

/* Is it our turn?  If not, we are called when it may be. */
static inline bool ockam_turn_take(struct ockam_turns *turns,
				   struct ockam_turn *turn)
{
	bool ours;

	spin_lock_bh(&turns->lock);
	if (!turns->owner)
		turns->owner = turn;
	ours = turns->owner == turn;
	if (ours)
		list_del_init(&turn->entry);
	else if (list_empty(&turn->entry))
		list_add_tail(&turn->entry, &turns->waiting);
	spin_unlock_bh(&turns->lock);
	return ours;
}

/* Done, or it is not wanted any more: calls whoever is next. */
static inline void ockam_turn_drop(struct ockam_turns *turns,
				   struct ockam_turn *turn)
{
	struct ockam_turn *next;

	spin_lock_bh(&turns->lock);
	list_del_init(&turn->entry);
	if (turns->owner == turn)
		turns->owner = NULL;
	/* It may have been us who was called last. */
	next = turns->owner ? NULL :
	       list_first_entry_or_null(&turns->waiting, struct ockam_turn,
					entry);
	if (next)
		next->wake(next);
	spin_unlock_bh(&turns->lock);
}

#endif /* _OCKAM_TURN_H */
