// SPDX-License-Identifier: GPL-2.0
/* Messages that were delivered, kept for the next ones: see spare.h. */
#include <linux/cpuhotplug.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include <shrinker.h>

#include "router/spare.h"

#define SPARE_MOST	64

/**
 * struct spare_class - messages of a size
 * @over: longer than that
 * @size: and not longer than that
 * @most: that a processor keeps
 */
struct spare_class {
	u32	over;
	u32	size;
	u32	most;
};

static const struct spare_class spare_classes[] = {
	{ 0,			   SKB_WITH_OVERHEAD(1024),  SPARE_MOST },
	{ SKB_WITH_OVERHEAD(2048), SKB_WITH_OVERHEAD(4096),  8 },
	{ SKB_WITH_OVERHEAD(16384), SKB_WITH_OVERHEAD(32768), 2 },
};

struct spare_cpu {
	u32		n[ARRAY_SIZE(spare_classes)];
	struct sk_buff	*skb[ARRAY_SIZE(spare_classes)][SPARE_MOST];
};

static DEFINE_PER_CPU(struct spare_cpu, spare_cpu);
static struct shrinker *spare_shrinker;
static int spare_hotplug;

u8 ockam_spare_class(u32 size)
{
	u8 i;

	if (IS_ENABLED(CONFIG_KASAN))
		return 0;
	if (likely(size <= spare_classes[0].size))
		return 1;
	for (i = 1; i < ARRAY_SIZE(spare_classes); i++)
		if (size > spare_classes[i].over &&
		    size <= spare_classes[i].size)
			return i + 1;
	return 0;
}

u32 ockam_spare_size(u8 class)
{
	return spare_classes[class - 1].size;
}

struct sk_buff *ockam_spare_take(u8 class)
{
	struct sk_buff *skb = NULL;
	struct spare_cpu *spares;
	unsigned long flags;

	local_irq_save(flags);
	spares = this_cpu_ptr(&spare_cpu);
	if (likely(spares->n[class - 1]))
		skb = spares->skb[class - 1][--spares->n[class - 1]];
	local_irq_restore(flags);
	if (unlikely(!skb))
		return NULL;

	memset(skb, 0, offsetof(struct sk_buff, tail));
	refcount_set(&skb->users, 1);
	skb->data = skb->head;
	skb_reset_tail_pointer(skb);
	skb->mac_header = (typeof(skb->mac_header))~0U;
	skb->transport_header = (typeof(skb->transport_header))~0U;
	return skb;
}

bool ockam_spare_fits(const struct sk_buff *skb, u8 class)
{
	u32 size;

	if (!class)
		return false;
	size = spare_classes[class - 1].size;
	if (refcount_read(&skb->users) != 1 || skb_end_offset(skb) != size ||
	    skb->truesize != SKB_TRUESIZE(size) || skb_is_nonlinear(skb) ||
	    skb_cloned(skb) || skb_has_frag_list(skb) || skb_pfmemalloc(skb))
		return false;
	/* After whoever else had it, as in skb_unref(). */
	smp_rmb();
	return true;
}

bool ockam_spare_keep(struct sk_buff *skb, u8 class)
{
	struct spare_cpu *spares;
	unsigned long flags;
	bool kept = false;

	local_irq_save(flags);
	spares = this_cpu_ptr(&spare_cpu);
	if (likely(spares->n[class - 1] < spare_classes[class - 1].most)) {
		spares->skb[class - 1][spares->n[class - 1]++] = skb;
		kept = true;
	}
	local_irq_restore(flags);
	return kept;
}

/* ---- giving back ---- */

/* What a processor had, linked by skb->next. */
struct spare_gone {
	raw_spinlock_t	lock;
	struct sk_buff	*list;
	unsigned long	n;
};

static unsigned long spare_count_cpu(int cpu)
{
	const struct spare_cpu *spares = per_cpu_ptr(&spare_cpu, cpu);
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spare_classes); i++)
		n += READ_ONCE(spares->n[i]);
	return n;
}

static unsigned long spare_count_all(void)
{
	unsigned long n = 0;
	int cpu;

	for_each_online_cpu(cpu)
		n += spare_count_cpu(cpu);
	return n;
}

static bool spare_has_some(int cpu, void *info)
{
	return spare_count_cpu(cpu);
}

static void spare_empty(struct spare_cpu *spares, struct spare_gone *gone)
{
	struct sk_buff *skb;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spare_classes); i++) {
		while (spares->n[i]) {
			skb = spares->skb[i][--spares->n[i]];
			skb->next = gone->list;
			gone->list = skb;
			gone->n++;
		}
	}
}

/* On the processor whose they are, with interrupts off. */
static void spare_empty_this(void *info)
{
	struct spare_gone *gone = info;

	raw_spin_lock(&gone->lock);
	spare_empty(this_cpu_ptr(&spare_cpu), gone);
	raw_spin_unlock(&gone->lock);
}

static void spare_free(struct spare_gone *gone)
{
	struct sk_buff *skb;

	while ((skb = gone->list)) {
		gone->list = skb->next;
		skb_mark_not_on_list(skb);
		consume_skb(skb);
	}
}

static unsigned long spare_count(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	return spare_count_all() ?: SHRINK_EMPTY;
}

/* All at once: they come again as messages do. */
static unsigned long spare_scan(struct shrinker *shrinker,
				struct shrink_control *sc)
{
	struct spare_gone gone = {};

	raw_spin_lock_init(&gone.lock);
	on_each_cpu_cond(spare_has_some, spare_empty_this, &gone, true);
	spare_free(&gone);
	return gone.n;
}

/* The processor is gone; this runs on another one. */
static int spare_cpu_dead(unsigned int cpu)
{
	struct spare_gone gone = {};

	spare_empty(per_cpu_ptr(&spare_cpu, cpu), &gone);
	spare_free(&gone);
	return 0;
}

static int spare_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%lu\n", spare_count_all());
}

static const struct kernel_param_ops spare_ops = {
	.get	= spare_get,
};

module_param_cb(spares, &spare_ops, NULL, 0400);
MODULE_PARM_DESC(spares, "read: delivered messages whose memory is kept for the next ones");

int __init ockam_spare_init(void)
{
	int err;

	err = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "net/ockam:spare",
					NULL, spare_cpu_dead);
	if (err < 0)
		return err;
	spare_hotplug = err;
	spare_shrinker = ockam_shrinker_new("ockam-spare", spare_count,
					    spare_scan);
	if (spare_shrinker)
		return 0;
	cpuhp_remove_state_nocalls(spare_hotplug);
	return -ENOMEM;
}

void ockam_spare_exit(void)
{
	struct spare_gone gone = {};
	int cpu;

	ockam_shrinker_free(spare_shrinker);
	cpuhp_remove_state_nocalls(spare_hotplug);
	for_each_possible_cpu(cpu)
		spare_empty(per_cpu_ptr(&spare_cpu, cpu), &gone);
	spare_free(&gone);
}
