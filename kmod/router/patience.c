// SPDX-License-Identifier: GPL-2.0
/* How long a worker waits for strangers: see patience.h. */
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "router/patience.h"

#define PATIENCE_SLOWLY		8

void ockam_patience_init(struct ockam_patience *p)
{
	spin_lock_init(&p->lock);
	p->spent = 0;
	p->at = jiffies;
}

/* Lock held: what came back meanwhile. */
static void patience_recover(struct ockam_patience *p)
{
	unsigned long back = (jiffies - p->at) / PATIENCE_SLOWLY;

	p->spent -= min(p->spent, back);
	p->at += back * PATIENCE_SLOWLY;
}

unsigned long ockam_patience_left(struct ockam_patience *p, unsigned long all)
{
	unsigned long left;

	spin_lock(&p->lock);
	patience_recover(p);
	left = all - min(all, p->spent);
	spin_unlock(&p->lock);
	return left;
}

void ockam_patience_spend(struct ockam_patience *p, unsigned long n,
			  unsigned long all)
{
	spin_lock(&p->lock);
	patience_recover(p);
	/* Several may have waited at the same time. */
	p->spent = min(p->spent + n, all);
	spin_unlock(&p->lock);
}
