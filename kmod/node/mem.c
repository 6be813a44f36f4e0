// SPDX-License-Identifier: GPL-2.0
/* Memory that remote input holds: see mem.h. */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>

#include "node/mem.h"
#include "node/node.h"
#include "node/stats.h"

/* Part of the machine's memory, unless set. */
#define MEM_SHARE	8
#define MEM_LIMIT_MIN	(4UL << 20)

struct ockam_mem ockam_mem_machine[__OCKAM_MEM_MAX];

static unsigned long mem_limit;

unsigned long ockam_mem_limit(void)
{
	unsigned long limit = READ_ONCE(mem_limit);

	if (!limit)
		limit = totalram_pages() / MEM_SHARE << PAGE_SHIFT;
	return clamp(limit, MEM_LIMIT_MIN, LONG_MAX / 2UL);
}

unsigned long ockam_mem_default(void)
{
	return max(ockam_mem_limit() / 2, MEM_LIMIT_MIN);
}

static u8 mem_level(unsigned long used, unsigned long limit)
{
	if (likely(used < limit / 4 * 3))
		return OCKAM_MEM_FREE;
	if (used < limit)
		return OCKAM_MEM_PRESSURE;
	return used - limit < limit / 4 ? OCKAM_MEM_FULL : OCKAM_MEM_OVER;
}

static void mem_judge(struct ockam_mem *mem, unsigned long limit)
{
	long used;
	u8 level;

	/* What the caller added, before the look at the level. */
	smp_mb__after_atomic();
	for (;;) {
		used = atomic_long_read(&mem->used);
		level = mem_level(max(used, 0L), limit);
		if (READ_ONCE(mem->level) == level)
			return;
		WRITE_ONCE(mem->level, level);
		/* Whoever added in between has seen ours, or we see his. */
		smp_mb();
	}
}

/* The file's mode would let a container's root in whose uid is 0. */
static int mem_limit_set(const char *val, const struct kernel_param *kp)
{
	unsigned int i;
	int err;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	err = param_set_ulong(val, kp);
	for (i = 0; !err && i < __OCKAM_MEM_MAX; i++)
		mem_judge(&ockam_mem_machine[i], ockam_mem_limit());
	return err;
}

static int mem_limit_get(char *buf, const struct kernel_param *kp)
{
	return scnprintf(buf, PAGE_SIZE, "%lu\n", ockam_mem_limit());
}

static const struct kernel_param_ops mem_limit_ops = {
	.set	= mem_limit_set,
	.get	= mem_limit_get,
};

module_param_cb(mem_limit, &mem_limit_ops, &mem_limit, 0644);
MODULE_PARM_DESC(mem_limit, "bytes that what comes over links may hold on the machine; 0: an eighth of its memory (default 0)");

/* What this processor kept for itself goes to where all can see it. */
static noinline void mem_flush(struct ockam_node *node,
			       enum ockam_mem_kind kind)
{
	struct ockam_mem *all = &ockam_mem_machine[kind];
	struct ockam_mem *mem = &node->mem[kind];
	int n = this_cpu_xchg(node->stats->mem[kind], 0);

	atomic_long_add(n, &mem->used);
	atomic_long_add(n, &all->used);
	mem_judge(mem, READ_ONCE(node->conf.mem_limit));
	mem_judge(all, ockam_mem_limit());
}

void ockam_mem_add(struct ockam_node *node, enum ockam_mem_kind kind,
		   int bytes)
{
	int batch = node->limit ? OCKAM_MEM_BATCH_USER : OCKAM_MEM_BATCH;
	int n = this_cpu_add_return(node->stats->mem[kind], bytes);

	if (unlikely(n > batch || n < -batch))
		mem_flush(node, kind);
}

void ockam_mem_update(struct ockam_node *node)
{
	unsigned int i;

	for (i = 0; i < __OCKAM_MEM_MAX; i++)
		mem_flush(node, i);
}

unsigned long ockam_mem_used(const struct ockam_node *node,
			     enum ockam_mem_kind kind)
{
	long used = atomic_long_read(&node->mem[kind].used);
	int cpu;

	for_each_possible_cpu(cpu)
		used += READ_ONCE(per_cpu_ptr(node->stats, cpu)->mem[kind]);
	return max(used, 0L);
}

unsigned long ockam_mem_used_all(enum ockam_mem_kind kind)
{
	return max(atomic_long_read(&ockam_mem_machine[kind].used), 0L);
}

void ockam_mem_exit(struct ockam_node *node)
{
	struct ockam_mem *all;
	unsigned int i;

	for (i = 0; i < __OCKAM_MEM_MAX; i++) {
		DEBUG_NET_WARN_ON_ONCE(ockam_mem_used(node, i));
		all = &ockam_mem_machine[i];
		/* Not what the processors have kept: that was never there. */
		atomic_long_sub(atomic_long_read(&node->mem[i].used),
				&all->used);
		mem_judge(all, ockam_mem_limit());
	}
}
