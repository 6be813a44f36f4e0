// SPDX-License-Identifier: GPL-2.0
/* Names that are kept for their users for a while: see hold.h. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "node/base.h"
#include "router/hold.h"
#include "router/name.h"
#include "node/node.h"
#include "socket/sock.h"

/**
 * struct ockam_hold_payer - a user with chosen names
 * @list: in the node's list
 * @uid: the user
 * @keys: names, bound or held
 * @count: names held
 * @held: struct ockam_hold, oldest first
 */
struct ockam_hold_payer {
	struct list_head	list;
	kuid_t			uid;
	u32			keys;
	u32			count;
	struct list_head	held;
};

static struct ockam_key *hold_key(struct ockam_hold *hold)
{
	return container_of(hold, struct ockam_key, hold);
}

static struct hlist_head *hold_bucket(struct ockam_holds *holds, const u8 *hop)
{
	return &holds->names[hash_32(ockam_name_hash(hop), OCKAM_HOLDS_BITS)];
}

/* Who made the outermost user namespace below the node's, if there is one. */
static kuid_t hold_payer_uid(const struct ockam_node *node)
{
	const struct user_namespace *top = node->net->user_ns;
	const struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_euid();

	for (; ns != top && ns->parent; ns = ns->parent)
		uid = ns->owner;
	return ns == top ? uid : current_euid();
}

/* ---- with holds->lock ---- */

static struct ockam_hold_payer *payer_find(struct ockam_holds *holds,
					   kuid_t uid)
{
	struct ockam_hold_payer *payer;

	list_for_each_entry(payer, &holds->payers, list)
		if (uid_eq(payer->uid, uid))
			return payer;
	return NULL;
}

static void payer_put(struct ockam_hold_payer *payer)
{
	if (--payer->keys)
		return;
	list_del(&payer->list);
	kfree(payer);
}

static struct ockam_hold *hold_find(struct ockam_holds *holds, const u8 *hop)
{
	struct ockam_hold *hold;

	hlist_for_each_entry(hold, hold_bucket(holds, hop), name) {
		const u8 *own = hold_key(hold)->hop;

		if (ockam_key_size(own) == ockam_key_size(hop) &&
		    !memcmp(own, hop, ockam_key_size(hop)))
			return hold;
	}
	return NULL;
}

static void hold_end(struct ockam_holds *holds, struct ockam_hold *hold)
{
	struct ockam_hold_payer *payer = hold->payer;

	hlist_del(&hold->name);
	list_del(&hold->order);
	payer->count--;
	holds->count--;
	payer_put(payer);
	/* Somebody may just have found the socket by it. */
	kfree_rcu(hold_key(hold), rcu);
}

static void hold_end_oldest(struct ockam_holds *holds,
			    struct ockam_hold_payer *payer)
{
	hold_end(holds, list_first_entry(&payer->held, struct ockam_hold,
					 order));
}

static void hold_make_room(struct ockam_holds *holds,
			   struct ockam_hold_payer *payer)
{
	struct ockam_hold_payer *other;

	if (payer->count >= OCKAM_HOLDS_PAYER) {
		hold_end_oldest(holds, payer);
		return;
	}
	if (holds->count < OCKAM_HOLDS_NODE)
		return;
	list_for_each_entry(other, &holds->payers, list)
		if (other->count > payer->count)
			payer = other;
	/* Nobody has any only if the limits are wrong. */
	if (!WARN_ON_ONCE(!payer->count))
		hold_end_oldest(holds, payer);
}

static void hold_begin(struct ockam_holds *holds, struct ockam_key *key,
		       unsigned long until)
{
	struct ockam_hold *hold = &key->hold;
	struct ockam_hold_payer *payer = hold->payer;

	hold_make_room(holds, payer);
	hold->until = until;
	hlist_add_head(&hold->name, hold_bucket(holds, key->hop));
	list_add_tail(&hold->order, &payer->held);
	payer->count++;
	holds->count++;
}

/* Is it kept from the caller, who is no administrator? */
static bool hold_keeps_out(const struct ockam_node *node,
			   const struct ockam_hold *hold, kuid_t uid)
{
	return hold && !uid_eq(hold->uid, uid) &&
	       READ_ONCE(node->conf.hold_ms) &&
	       time_before(jiffies, hold->until);
}

/* ---- binding and releasing ---- */

/* Finds or makes who pays for @hold; the new one is made without the lock. */
static int hold_charge(struct ockam_node *node, struct ockam_hold *hold)
{
	struct ockam_holds *holds = &node->holds;
	struct ockam_hold_payer *payer, *fresh = NULL;
	kuid_t uid = hold_payer_uid(node);

	for (;;) {
		spin_lock(&holds->lock);
		payer = payer_find(holds, uid);
		if (!payer && fresh) {
			payer = fresh;
			fresh = NULL;
			list_add(&payer->list, &holds->payers);
		}
		if (payer)
			payer->keys++;
		spin_unlock(&holds->lock);
		if (payer)
			break;

		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return -ENOMEM;
		fresh->uid = uid;
		INIT_LIST_HEAD(&fresh->held);
	}
	kfree(fresh);
	hold->payer = payer;
	return 0;
}

void ockam_hold_forget(struct ockam_node *node, struct ockam_key *key)
{
	struct ockam_hold_payer *payer = key->hold.payer;

	if (!payer)
		return;
	spin_lock(&node->holds.lock);
	payer_put(payer);
	spin_unlock(&node->holds.lock);
	key->hold.payer = NULL;
}

int ockam_hold_bind(struct ockam_node *node, struct ockam_name *name,
		    struct ockam_key *key)
{
	struct ockam_holds *holds = &node->holds;
	struct ockam_hold *old;
	bool may = false;
	int err;

	key->hold.uid = current_euid();
	err = hold_charge(node, &key->hold);
	if (err)
		return err;
again:
	spin_lock(&holds->lock);
	old = hold_find(holds, name->key);
	if (!may && hold_keeps_out(node, old, key->hold.uid)) {
		spin_unlock(&holds->lock);
		may = ns_capable(node->net->user_ns, CAP_NET_BIND_SERVICE);
		if (may)
			goto again;
		ockam_stat_inc(node, OCKAM_STAT_BINDS_HELD);
		err = -EADDRINUSE;
		goto forget;
	}
	err = ockam_name_add(node, name);
	if (!err && old)
		hold_end(holds, old);
	spin_unlock(&holds->lock);
	if (!err)
		return 0;
forget:
	ockam_hold_forget(node, key);
	return err;
}

bool ockam_hold_release(struct ockam_node *node, struct ockam_name *name,
			struct ockam_key *key)
{
	struct ockam_holds *holds = &node->holds;
	u32 ms = READ_ONCE(node->conf.hold_ms);
	unsigned long time;

	if (!key || !key->hold.payer || !name->listed) {
		ockam_name_del(node, name);
		return false;
	}
	if (!ms) {
		ockam_name_del(node, name);
		ockam_hold_forget(node, key);
		return false;
	}

	/* Not less than that: the present tick is over in part. */
	time = msecs_to_jiffies(ms) + 1;
	spin_lock(&holds->lock);
	hold_begin(holds, key, jiffies + time);
	ockam_name_del(node, name);
	spin_unlock(&holds->lock);
	/* Unless it is due already. */
	queue_delayed_work(ockam_wq, &holds->sweep, time + 1);
	return true;
}

/* ---- ending ---- */

/* Ends what has expired, or all; jiffies until the next one will, or 0. */
static unsigned long holds_end(struct ockam_node *node, bool all)
{
	struct ockam_holds *holds = &node->holds;
	unsigned long now = jiffies, left = 0;
	struct ockam_hold_payer *payer, *next_payer;
	struct ockam_hold *hold, *next;

	spin_lock(&holds->lock);
	list_for_each_entry_safe(payer, next_payer, &holds->payers, list) {
		/* So that the payer outlives its last name. */
		payer->keys++;
		list_for_each_entry_safe(hold, next, &payer->held, order) {
			if (all || time_after_eq(now, hold->until))
				hold_end(holds, hold);
			else if (!left || hold->until - now < left)
				left = hold->until - now;
		}
		payer_put(payer);
	}
	spin_unlock(&holds->lock);
	return left;
}

static void holds_sweep(struct work_struct *work)
{
	struct ockam_node *node = container_of(to_delayed_work(work),
					       struct ockam_node, holds.sweep);
	unsigned long left = holds_end(node, false);

	if (left)
		queue_delayed_work(ockam_wq, &node->holds.sweep, left + 1);
}

/* ---- looking ---- */

/* In ms; 0: it keeps nobody out any more. */
static u64 hold_left(const struct ockam_node *node,
		     const struct ockam_hold *hold)
{
	unsigned long now = jiffies;

	if (!READ_ONCE(node->conf.hold_ms) || !time_before(now, hold->until))
		return 0;
	return jiffies_to_msecs(hold->until - now);
}

int ockam_holds_each(struct ockam_node *node, struct ockam_hold_at *at,
		     int (*fn)(const u8 *hop, kuid_t uid, u64 left, void *arg),
		     void *arg)
{
	struct ockam_holds *holds = &node->holds;
	struct ockam_hold *hold;
	unsigned int i;
	int err = 0;
	u64 left;

	for (; at->bucket < ARRAY_SIZE(holds->names); at->bucket++) {
		i = 0;
		spin_lock(&holds->lock);
		hlist_for_each_entry(hold, &holds->names[at->bucket], name) {
			if (i++ < at->skip)
				continue;
			left = hold_left(node, hold);
			if (left)
				err = fn(hold_key(hold)->hop, hold->uid, left,
					 arg);
			if (err)
				break;
			at->skip++;
		}
		spin_unlock(&holds->lock);
		if (err)
			return err;
		at->skip = 0;
	}
	return 0;
}

void ockam_holds_flush(struct ockam_node *node)
{
	holds_end(node, true);
}

void ockam_holds_init(struct ockam_node *node)
{
	struct ockam_holds *holds = &node->holds;
	unsigned int i;

	spin_lock_init(&holds->lock);
	for (i = 0; i < ARRAY_SIZE(holds->names); i++)
		INIT_HLIST_HEAD(&holds->names[i]);
	INIT_LIST_HEAD(&holds->payers);
	INIT_DELAYED_WORK(&holds->sweep, holds_sweep);
}

void ockam_holds_exit(struct ockam_node *node)
{
	cancel_delayed_work_sync(&node->holds.sweep);
	holds_end(node, true);
	WARN_ON_ONCE(!list_empty(&node->holds.payers));
}
