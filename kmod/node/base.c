// SPDX-License-Identifier: GPL-2.0
/* What the module has once, for all nodes. */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>
#include <uapi/linux/ockam.h>

#include "node/base.h"

struct workqueue_struct *ockam_wq;
int ockam_family = AF_OCKAM;
const struct ockam_notify_ops *ockam_notify __ro_after_init;

module_param_named(family, ockam_family, int, 0444);
MODULE_PARM_DESC(family, "number of the socket family (default 18)");

#define LATE_MAX	(1024 * 1024)

static atomic_long_t base_late;

/**
 * ockam_late_add() - something waits for a grace period, or was freed after it
 * @bytes: its size, or that much less
 *
 * Any context.
 */
void ockam_late_add(long bytes)
{
	atomic_long_add(bytes, &base_late);
}

/**
 * ockam_late_wait() - wait until not too much waits
 *
 * May sleep.
 */
void ockam_late_wait(void)
{
	if (unlikely(atomic_long_read(&base_late) > LATE_MAX))
		rcu_barrier();
}

/**
 * ockam_base_init() - make the workqueue
 *
 * Return: 0 or -ENOMEM.
 */
int __init ockam_base_init(void)
{
	ockam_wq = alloc_workqueue("ockam", WQ_UNBOUND, 0);
	return ockam_wq ? 0 : -ENOMEM;
}

/**
 * ockam_base_exit() - wait for all that was deferred and end the workqueue
 *
 * No node is left.  May sleep.
 */
void ockam_base_exit(void)
{
	/* RCU callbacks queue work, and work calls call_rcu(). */
	rcu_barrier();
	flush_workqueue(ockam_wq);
	rcu_barrier();
	destroy_workqueue(ockam_wq);
}
