/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory control groups: what a link receives is charged to the group of the
 * process that made the link, or the listening link.  The kernel does so by
 * itself only in the context of that process.
 *
 * A group is a pointer with a reference, NULL for the root group and without
 * CONFIG_MEMCG: then nothing is charged, and nothing costs.
 */
#ifndef _OCKAM_MEMCG_H
#define _OCKAM_MEMCG_H

#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <net/sock.h>
#include <compat.h>

/*
 * Messages so long are not charged to a group without limits: what is in one piece,
 * of which sockets and links have a limited number.
 */
#define OCKAM_MEMCG_SMALL	17408

#ifdef CONFIG_MEMCG

/* The current process's, or NULL.  Process context. */
static inline struct mem_cgroup *ockam_memcg_current(void)
{
	struct mem_cgroup *memcg;

	if (mem_cgroup_disabled() || !current->mm)
		return NULL;
	memcg = get_mem_cgroup_from_mm(current->mm);
	if (memcg && !parent_mem_cgroup(memcg)) {
		mem_cgroup_put(memcg);
		return NULL;
	}
	return memcg;
}

/* One more reference of somebody who has one.  Any context. */
static inline struct mem_cgroup *ockam_memcg_get(struct mem_cgroup *memcg)
{
	if (memcg)
		css_get(&memcg->css);
	return memcg;
}

static inline void ockam_memcg_put(struct mem_cgroup *memcg)
{
	if (memcg)
		mem_cgroup_put(memcg);
}

/*
 * Is there a limit that small messages could reach?  Charging one costs about a
 * thousand instructions, which a group without limits shall not pay.
 */
static inline bool ockam_memcg_limited(struct mem_cgroup *memcg)
{
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		if (READ_ONCE(memcg->memory.max) != PAGE_COUNTER_MAX ||
		    READ_ONCE(memcg->memory.high) != PAGE_COUNTER_MAX)
			return true;
	}
	return false;
}

/* Likewise for the current process's group.  Process context. */
static inline bool ockam_memcg_current_limited(void)
{
	bool limited;

	if (mem_cgroup_disabled())
		return false;
	rcu_read_lock();
	limited = ockam_memcg_limited(mem_cgroup_from_task(current));
	rcu_read_unlock();
	return limited;
}

/*
 * A new socket, which has no memory yet, was perhaps not made by the process
 * but by a work item of ours.
 */
static inline void ockam_memcg_own(struct sock *sk, struct mem_cgroup *memcg)
{
	if (memcg && mem_cgroup_sockets_enabled && !sk->sk_memcg)
		sk->sk_memcg = ockam_memcg_get(memcg);
}

#else

static inline struct mem_cgroup *ockam_memcg_current(void)
{
	return NULL;
}

static inline struct mem_cgroup *ockam_memcg_get(struct mem_cgroup *memcg)
{
	return memcg;
}

static inline void ockam_memcg_put(struct mem_cgroup *memcg)
{
}

static inline bool ockam_memcg_limited(struct mem_cgroup *memcg)
{
	return false;
}

static inline bool ockam_memcg_current_limited(void)
{
	return false;
}

static inline void ockam_memcg_own(struct sock *sk, struct mem_cgroup *memcg)
{
}

#endif /* CONFIG_MEMCG */

/*
 * How to allocate what @memcg pays for.  An atomic allocation would go beyond
 * the group's limit, and a peer must not be able to have processes of the group
 * killed for memory: so it fails, and whoever asked waits.
 */
static inline gfp_t ockam_memcg_gfp(const struct mem_cgroup *memcg, gfp_t gfp)
{
	if (likely(!memcg))
		return gfp;
	gfp |= __GFP_ACCOUNT | __GFP_NOWARN;
	if (gfpflags_allow_blocking(gfp))
		return gfp | __GFP_RETRY_MAYFAIL;
	return gfp & ~__GFP_HIGH;
}

struct ockam_memcg_turn {
	local_lock_t	lock;
};

DECLARE_PER_CPU(struct ockam_memcg_turn, ockam_memcg_turn);

/*
 * Until ockam_memcg_leave() of what it returns, @memcg pays for what is allocated.
 * In softirq that is a variable of the processor, and PREEMPT_RT may run another
 * softirq in between: by turns, so that nobody puts back a group of somebody else,
 * which may have gone.
 */
static inline struct mem_cgroup *ockam_memcg_enter(struct mem_cgroup *memcg)
{
	if (!in_task())
		local_lock_nested_bh(&ockam_memcg_turn.lock);
	return set_active_memcg(memcg);
}

static inline void ockam_memcg_leave(struct mem_cgroup *old)
{
	set_active_memcg(old);
	if (!in_task())
		local_unlock_nested_bh(&ockam_memcg_turn.lock);
}

#endif /* _OCKAM_MEMCG_H */
