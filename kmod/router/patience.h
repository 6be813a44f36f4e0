/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Patience: how long a worker waits, blocking, for links that have come by
 * themselves.  Waiting for one that takes next to nothing uses patience up, while
 * it takes its messages waiting costs none.  It comes back with time, eight times as
 * slowly: so strangers who ask a worker and do not read what it answers have a
 * ninth of its time at most, however many connections they make.
 *
 * A spinlock of its own, inside which nothing is taken.
 */
#ifndef _OCKAM_PATIENCE_H
#define _OCKAM_PATIENCE_H

#include <linux/spinlock.h>

/**
 * struct ockam_patience - of a worker
 * @lock: for the two
 * @spent: jiffies that are used up
 * @at: jiffies when that was so
 */
struct ockam_patience {
	spinlock_t	lock;
	unsigned long	spent;
	unsigned long	at;
};

void ockam_patience_init(struct ockam_patience *p);

/* Jiffies that are left of @all. */
unsigned long ockam_patience_left(struct ockam_patience *p, unsigned long all);

/* Of them so many are used up. */
void ockam_patience_spend(struct ockam_patience *p, unsigned long n,
			  unsigned long all);

#endif /* _OCKAM_PATIENCE_H */
