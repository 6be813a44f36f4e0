// SPDX-License-Identifier: GPL-2.0
/* Limits over users, and the switch for other user namespaces. */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "node/base.h"
#include "node/limit.h"
#include "node/mem.h"
#include "node/node.h"
#include "node/stats.h"

/**
 * struct ockam_account - what one user has
 * @hash: in limit_table
 * @list: in limit_list
 * @ref: nodes, and what may outlive them
 * @ns: the top-level user namespace, with a reference; NULL: a uid's account
 * @uid: owner of @ns, or the uid; invalid: of all of them
 * @used: by enum ockam_limit_kind
 * @refused: objects that were refused
 * @nodes: that use @wq; limit_wq_mutex
 * @wq: deferred work of the user's nodes; limit_wq_mutex
 * @turns: of the user's channels
 */
struct ockam_account {
	struct hlist_node	hash;
	struct list_head	list;
	unsigned int		ref;
	struct user_namespace	*ns;
	kuid_t			uid;
	atomic_long_t		used[__OCKAM_LIMIT_MAX];
	atomic_long_t		refused;
	unsigned int		nodes;
	struct workqueue_struct	*wq;
	struct ockam_turns	turns;
};

/**
 * struct ockam_limit - a node's accounts
 * @ref: the node's reference, and sockets'
 * @lock: for @objects and the count of nodes that depends on it
 * @objects: sockets, links, channels and hops
 * @account: of the namespace and, or NULL, of the uid and of all uids
 */
struct ockam_limit {
	refcount_t		ref;
	spinlock_t		lock;
	unsigned int		objects;
	struct ockam_account	*account[3];
};

static DEFINE_HASHTABLE(limit_table, 8);
/* Those which were refused something last come first. */
static LIST_HEAD(limit_list);
static DEFINE_SPINLOCK(limit_lock);
static DEFINE_MUTEX(limit_wq_mutex);

static unsigned long limit_max[__OCKAM_LIMIT_MAX] = {
	[OCKAM_LIMIT_NODES]	= 1024,
	[OCKAM_LIMIT_SOCKETS]	= 16384,
	[OCKAM_LIMIT_LINKS]	= 4096,
	[OCKAM_LIMIT_CHANNELS]	= 16384,
	[OCKAM_LIMIT_HOPS]	= 4096,
	[OCKAM_LIMIT_BUFFER]	= 256 << 20,
	[OCKAM_LIMIT_CLOSING]	= 256,
};

/* All users together may have as much as so many of them. */
static unsigned long limit_users = 16;

static bool limit_userns = true;

/* Bytes in links and in workers' queues of all containers. */
static atomic_long_t limit_bytes[2];

/* Of the machine's account, for a user and for all containers. */
#define LIMIT_USER_PART	8
#define LIMIT_ALL_PART	2
/* Above the limit there is at least so much until nothing is taken. */
#define LIMIT_BEYOND	(1024UL * 1024)

/* ---- module parameters ---- */

/* The file's mode would let a container's root in whose uid is 0. */
static int limit_set(const char *val, const struct kernel_param *kp)
{
	return capable(CAP_NET_ADMIN) ? param_set_ulong(val, kp) : -EPERM;
}

static const struct kernel_param_ops limit_ops = {
	.set	= limit_set,
	.get	= param_get_ulong,
};

#define LIMIT_PARAM(name, kind, what)					\
	module_param_cb(name, &limit_ops, &limit_max[kind], 0644);	\
	MODULE_PARM_DESC(name, "of one user's containers together: " what)

LIMIT_PARAM(user_nodes, OCKAM_LIMIT_NODES, "namespaces in use");
LIMIT_PARAM(user_sockets, OCKAM_LIMIT_SOCKETS, "sockets");
LIMIT_PARAM(user_links, OCKAM_LIMIT_LINKS, "links");
LIMIT_PARAM(user_channels, OCKAM_LIMIT_CHANNELS, "channels");
LIMIT_PARAM(user_hops, OCKAM_LIMIT_HOPS, "hops");
LIMIT_PARAM(user_buffer, OCKAM_LIMIT_BUFFER, "bytes buffered in links");

module_param_cb(user_factor, &limit_ops, &limit_users, 0644);
MODULE_PARM_DESC(user_factor, "what the containers of all users together may have, in limits of one user (default 16)");

static int limit_userns_set(const char *val, const struct kernel_param *kp)
{
	return capable(CAP_NET_ADMIN) ? param_set_bool(val, kp) : -EPERM;
}

static const struct kernel_param_ops limit_userns_ops = {
	.set	= limit_userns_set,
	.get	= param_get_bool,
};

module_param_cb(userns, &limit_userns_ops, &limit_userns, 0644);
MODULE_PARM_DESC(userns, "whether other user namespaces than the initial one may make sockets, links, channels and hops (default on)");

static int account_show(const struct ockam_account *a, char *buf, size_t size)
{
	const atomic_long_t *n = a->used;
	char who[48];

	if (a->ns)
		scnprintf(who, sizeof(who), "userns %u of uid %u",
			  a->ns->ns.inum, from_kuid(&init_user_ns, a->uid));
	else if (uid_valid(a->uid))
		scnprintf(who, sizeof(who), "uid %u",
			  from_kuid(&init_user_ns, a->uid));
	else
		scnprintf(who, sizeof(who), "all users");
	return snprintf(buf, size,
			"%s: nodes %ld sockets %ld links %ld channels %ld hops %ld buffer %ld queues %ld closing %ld refused %ld\n",
			who, atomic_long_read(&n[OCKAM_LIMIT_NODES]),
			atomic_long_read(&n[OCKAM_LIMIT_SOCKETS]),
			atomic_long_read(&n[OCKAM_LIMIT_LINKS]),
			atomic_long_read(&n[OCKAM_LIMIT_CHANNELS]),
			atomic_long_read(&n[OCKAM_LIMIT_HOPS]),
			atomic_long_read(&n[OCKAM_LIMIT_BUFFER]),
			atomic_long_read(&n[OCKAM_LIMIT_QUEUES]),
			atomic_long_read(&n[OCKAM_LIMIT_CLOSING]),
			atomic_long_read(&a->refused));
}

/* As many as a page holds, who was refused something last first. */
static int limit_users_get(char *buf, const struct kernel_param *kp)
{
	const struct ockam_account *a;
	int len = 0, n;

	spin_lock_bh(&limit_lock);
	list_for_each_entry(a, &limit_list, list) {
		n = account_show(a, buf + len, PAGE_SIZE - len);
		if (n >= PAGE_SIZE - len) {
			buf[len] = 0;
			break;
		}
		len += n;
	}
	spin_unlock_bh(&limit_lock);
	return len;
}

static const struct kernel_param_ops limit_users_ops = {
	.get	= limit_users_get,
};

module_param_cb(users, &limit_users_ops, NULL, 0400);
MODULE_PARM_DESC(users, "what each user's containers have");

/* ---- accounts ---- */

static u32 account_key(const struct user_namespace *ns, kuid_t uid)
{
	return ns ? hash_ptr(ns, 32) : hash_32(__kuid_val(uid), 32);
}

/* limit_lock held. */
static struct ockam_account *account_find(const struct user_namespace *ns,
					  kuid_t uid)
{
	struct ockam_account *a;

	hash_for_each_possible(limit_table, a, hash, account_key(ns, uid)) {
		if (a->ns == ns && (ns || uid_eq(a->uid, uid)))
			return a;
	}
	return NULL;
}

/* @ns NULL: of a uid, or with INVALID_UID of all. */
static struct ockam_account *account_get(struct user_namespace *ns, kuid_t uid)
{
	struct ockam_account *new, *a;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;

	spin_lock_bh(&limit_lock);
	a = account_find(ns, uid);
	if (!a) {
		swap(a, new);
		a->ns = ns ? get_user_ns(ns) : NULL;
		a->uid = uid;
		ockam_turns_init(&a->turns);
		hash_add(limit_table, &a->hash, account_key(ns, uid));
		list_add_tail(&a->list, &limit_list);
	}
	a->ref++;
	spin_unlock_bh(&limit_lock);
	kfree(new);
	return a;
}

static void account_put(struct ockam_account *a)
{
	bool last;

	spin_lock_bh(&limit_lock);
	last = !--a->ref;
	if (last) {
		hash_del(&a->hash);
		list_del(&a->list);
	}
	spin_unlock_bh(&limit_lock);
	if (!last)
		return;
	put_user_ns(a->ns);
	kfree(a);
}

static void account_refused(struct ockam_account *a)
{
	atomic_long_inc(&a->refused);
	spin_lock_bh(&limit_lock);
	list_move(&a->list, &limit_list);
	spin_unlock_bh(&limit_lock);
}

static unsigned long account_max(const struct ockam_account *a,
				 enum ockam_limit_kind kind)
{
	unsigned long max = READ_ONCE(limit_max[kind]);

	if (!a->ns && !uid_valid(a->uid) &&
	    check_mul_overflow(max, READ_ONCE(limit_users), &max))
		return LONG_MAX;
	return min_t(unsigned long, max, LONG_MAX);
}

static bool account_take(struct ockam_account *a, enum ockam_limit_kind kind)
{
	long n = atomic_long_inc_return(&a->used[kind]);

	if (likely(n <= (long)account_max(a, kind)))
		return true;
	atomic_long_dec(&a->used[kind]);
	account_refused(a);
	return false;
}

/*
 * Work items of a user that run at once: others compete with so many threads,
 * whatever he has queued.
 */
static int account_workers(void)
{
	return clamp_t(int, num_online_cpus() / 2, 2, 16);
}

static struct workqueue_struct *account_get_wq(struct ockam_account *a)
{
	struct workqueue_struct *wq;

	mutex_lock(&limit_wq_mutex);
	if (!a->nodes)
		a->wq = alloc_workqueue("ockam-user", WQ_UNBOUND,
					account_workers());
	wq = a->wq;
	if (wq)
		a->nodes++;
	mutex_unlock(&limit_wq_mutex);
	return wq;
}

static void account_put_wq(struct ockam_account *a)
{
	mutex_lock(&limit_wq_mutex);
	if (!--a->nodes) {
		destroy_workqueue(a->wq);
		a->wq = NULL;
	}
	mutex_unlock(&limit_wq_mutex);
}

/* ---- nodes ---- */

/* Whose workqueue and turns: as few as there are users. */
static struct ockam_account *limit_owner(const struct ockam_limit *limit)
{
	return limit->account[1] ?: limit->account[0];
}

static struct user_namespace *top_level(struct user_namespace *ns)
{
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	return ns;
}

int ockam_limit_init(struct ockam_node *node)
{
	struct user_namespace *ns = node->net->user_ns;
	struct ockam_limit *limit;

	node->limit = NULL;
	node->wq = ockam_wq;
	node->turns = &node->own_turns;
	ockam_turns_init(&node->own_turns);
	if (ns == &init_user_ns)
		return 0;

	limit = kzalloc(sizeof(*limit), GFP_KERNEL_ACCOUNT);
	if (!limit)
		return -ENOMEM;
	refcount_set(&limit->ref, 1);
	spin_lock_init(&limit->lock);

	ns = top_level(ns);
	limit->account[0] = account_get(ns, ns->owner);
	if (!limit->account[0])
		goto put;
	/*
	 * Namespaces that the host's root made have nothing in common.  All
	 * others do: with a range of subordinate uids one may be many users.
	 */
	if (!uid_eq(ns->owner, GLOBAL_ROOT_UID)) {
		limit->account[1] = account_get(NULL, ns->owner);
		limit->account[2] = account_get(NULL, INVALID_UID);
		if (!limit->account[1] || !limit->account[2])
			goto put;
	}
	node->wq = account_get_wq(limit_owner(limit));
	if (!node->wq)
		goto put;
	node->turns = &limit_owner(limit)->turns;
	node->limit = limit;
	return 0;

put:
	ockam_limit_put(limit);
	return -ENOMEM;
}

void ockam_limit_exit(struct ockam_node *node)
{
	if (!node->limit)
		return;
	account_put_wq(limit_owner(node->limit));
	ockam_limit_put(node->limit);
	node->limit = NULL;
}

struct ockam_limit *ockam_limit_get(struct ockam_limit *limit)
{
	if (limit)
		refcount_inc(&limit->ref);
	return limit;
}

void ockam_limit_put(struct ockam_limit *limit)
{
	unsigned int i;

	if (!limit || !refcount_dec_and_test(&limit->ref))
		return;
	for (i = 0; i < ARRAY_SIZE(limit->account); i++)
		if (limit->account[i])
			account_put(limit->account[i]);
	kfree(limit);
}

bool ockam_limit_allowed(const struct net *net)
{
	return net->user_ns == &init_user_ns || READ_ONCE(limit_userns);
}

int ockam_limit_check(const struct ockam_node *node,
		      struct netlink_ext_ack *extack)
{
	if (likely(ockam_limit_allowed(node->net)))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "AF_OCKAM is switched off in this user namespace");
	return -EPERM;
}

/* ---- counting ---- */

static void limit_untake(struct ockam_limit *limit, enum ockam_limit_kind kind,
			 unsigned int n)
{
	while (n--)
		if (limit->account[n])
			atomic_long_dec(&limit->account[n]->used[kind]);
}

static bool limit_take(struct ockam_limit *limit, enum ockam_limit_kind kind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limit->account); i++) {
		if (limit->account[i] &&
		    !account_take(limit->account[i], kind)) {
			limit_untake(limit, kind, i);
			return false;
		}
	}
	return true;
}

/* With the first object the node counts, too. */
static bool limit_take_object(struct ockam_limit *limit,
			      enum ockam_limit_kind kind)
{
	bool taken = true;

	spin_lock_bh(&limit->lock);
	if (!limit->objects)
		taken = limit_take(limit, OCKAM_LIMIT_NODES);
	if (taken && !limit_take(limit, kind)) {
		taken = false;
		if (!limit->objects)
			limit_untake(limit, OCKAM_LIMIT_NODES,
				     ARRAY_SIZE(limit->account));
	}
	if (taken)
		limit->objects++;
	spin_unlock_bh(&limit->lock);
	return taken;
}

int ockam_limit_take(struct ockam_node *node, enum ockam_limit_kind kind,
		     struct netlink_ext_ack *extack)
{
	struct ockam_limit *limit = node->limit;
	bool taken;

	if (likely(!limit))
		return 0;
	if (kind == OCKAM_LIMIT_CLOSING)
		taken = limit_take(limit, kind);
	else
		taken = limit_take_object(limit, kind);
	if (taken)
		return 0;
	ockam_stat_inc(node, OCKAM_STAT_USER_LIMIT);
	NL_SET_ERR_MSG(extack, "limit of the user namespace, of its owner, or of all users");
	return -ENOSPC;
}

void __ockam_limit_drop(struct ockam_limit *limit, enum ockam_limit_kind kind)
{
	limit_untake(limit, kind, ARRAY_SIZE(limit->account));
	if (kind == OCKAM_LIMIT_CLOSING)
		return;

	spin_lock_bh(&limit->lock);
	if (!--limit->objects)
		limit_untake(limit, OCKAM_LIMIT_NODES,
			     ARRAY_SIZE(limit->account));
	spin_unlock_bh(&limit->lock);
}

/* @kind is one of the two that count bytes. */
static atomic_long_t *limit_bytes_of(enum ockam_limit_kind kind)
{
	return &limit_bytes[kind == OCKAM_LIMIT_QUEUES];
}

void __ockam_limit_add(struct ockam_limit *limit, enum ockam_limit_kind kind,
		       long bytes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limit->account) && limit->account[i]; i++)
		atomic_long_add(bytes, &limit->account[i]->used[kind]);
	atomic_long_add(bytes, limit_bytes_of(kind));
}

static u8 limit_level(const atomic_long_t *bytes, unsigned long max)
{
	unsigned long more = max(max / 4, LIMIT_BEYOND);
	long used = atomic_long_read(bytes);

	if (used < (long)max)
		return OCKAM_MEM_FREE;
	if (used - max < more / 2)
		return OCKAM_MEM_PRESSURE;
	return used - max < more ? OCKAM_MEM_FULL : OCKAM_MEM_OVER;
}

/*
 * Never so much that the machine's account is short for him alone, or for all
 * containers together.
 */
u8 __ockam_limit_level(const struct ockam_limit *limit,
		       enum ockam_limit_kind kind)
{
	unsigned long machine = ockam_mem_limit();
	u8 level;
	unsigned int i;

	level = limit_level(limit_bytes_of(kind), machine / LIMIT_ALL_PART);
	machine /= LIMIT_USER_PART;
	for (i = 0; i < ARRAY_SIZE(limit->account) && limit->account[i]; i++) {
		const struct ockam_account *a = limit->account[i];
		unsigned long max = account_max(a, OCKAM_LIMIT_BUFFER);

		if (a->ns || uid_valid(a->uid))
			max = min(max, machine);
		level = max(level, limit_level(&a->used[kind], max));
	}
	return level;
}
