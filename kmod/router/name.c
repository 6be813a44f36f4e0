// SPDX-License-Identifier: GPL-2.0
/* The name table of a node. */
#include <linux/once.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include <compat.h>

#include "router/name.h"
#include "node/node.h"

/*
 * The seed of an rhashtable has 32 bits and is mixed by jhash; addresses come
 * from anywhere, so they are hashed with a key of our own.
 */
static siphash_aligned_key_t ockam_name_secret;

/* What a node reserves until it is told otherwise, in flat form. */
static const u8 ockam_reserved_default[] = {
	"\0\6ockamd"
	"\0\22" OCKAM_CREDENTIALS_WORKER
	"\0\3api"
	"\0\22forwarding_service"
	"\0\31static_forwarding_service"
};

u32 ockam_name_hash(const u8 *key)
{
	return siphash(key, ockam_key_size(key), &ockam_name_secret);
}

static u32 name_hash_key(const void *data, u32 len, u32 seed)
{
	return ockam_name_hash(data) ^ seed;
}

static u32 name_hash_obj(const void *data, u32 len, u32 seed)
{
	const struct ockam_name *name = data;

	return name_hash_key(name->key, len, seed);
}

static __always_inline bool name_same8(const u8 *a, const u8 *b)
{
	u64 va, vb;

	memcpy(&va, a, sizeof(va));
	memcpy(&vb, b, sizeof(vb));
	return va == vb;
}

static __always_inline bool name_same4(const u8 *a, const u8 *b)
{
	u32 va, vb;

	memcpy(&va, a, sizeof(va));
	memcpy(&vb, b, sizeof(vb));
	return va == vb;
}

/*
 * Length first: a key ends where that says.  By words, the last one over what was
 * compared already: a call of memcmp() would be a third of a look-up.
 */
static __always_inline bool name_is(const struct ockam_name *name,
				    const u8 *key)
{
	const u8 *own = name->key;
	u32 n = ockam_key_size(key), at;

	if (own[1] != key[1])
		return false;
	if (n < 4)
		return own[0] == key[0] && own[n - 1] == key[n - 1];
	if (n < 8)
		return name_same4(own, key) &&
		       name_same4(own + n - 4, key + n - 4);
	for (at = 0; at < n - 8; at += 8)
		if (!name_same8(own + at, key + at))
			return false;
	return name_same8(own + n - 8, key + n - 8);
}

static int name_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	return !name_is(obj, arg->key);
}

static const struct rhashtable_params ockam_name_params = {
	.head_offset		= offsetof(struct ockam_name, hash),
	.key_len		= 2,	/* nominal: keys know their length */
	.hashfn			= name_hash_key,
	.obj_hashfn		= name_hash_obj,
	.obj_cmpfn		= name_cmp,
	.automatic_shrinking	= true,
};

int ockam_names_init(struct ockam_node *node)
{
	int err;

	get_random_once(&ockam_name_secret, sizeof(ockam_name_secret));
	atomic_long_set(&node->names_gen, 1);
	node->recent = alloc_percpu_gfp(struct ockam_recents,
					GFP_KERNEL_ACCOUNT);
	if (!node->recent)
		return -ENOMEM;
	err = rhashtable_init(&node->names, &ockam_name_params);
	if (err)
		free_percpu(node->recent);
	return err;
}

void ockam_names_exit(struct ockam_node *node)
{
	rhashtable_destroy(&node->names);
	free_percpu(node->recent);
	kfree(rcu_dereference_protected(node->reserved, 1));
}

/*
 * The table was changed.  Of what a processor remembers from before, nobody finds
 * anything from now on; who did so already is under RCU.
 */
static void name_changed(struct ockam_node *node)
{
	/* Fully ordered, because it returns something. */
	atomic_long_inc_return(&node->names_gen);
}

int ockam_name_add(struct ockam_node *node, struct ockam_name *name)
{
	int err;

	err = rhashtable_lookup_insert_key(&node->names, name->key,
					   &name->hash, ockam_name_params);
	if (err == -EEXIST)
		return -EADDRINUSE;
	/* Or its table cannot grow now, or not any more: nobody's other errno. */
	if (err)
		return -ENOMEM;

	name->listed = true;
	name_changed(node);
	return 0;
}

void ockam_name_del(struct ockam_node *node, struct ockam_name *name)
{
	if (!name->listed)
		return;
	rhashtable_remove_fast(&node->names, &name->hash, ockam_name_params);
	name->listed = false;
	name_changed(node);
}

int ockam_name_replace(struct ockam_node *node, struct ockam_name *old,
		       struct ockam_name *new)
{
	int err;

	err = rhashtable_replace_fast(&node->names, &old->hash, &new->hash,
				      ockam_name_params);
	if (err)
		return err;

	old->listed = false;
	new->listed = true;
	name_changed(node);
	return 0;
}

static unsigned int name_slot(const u8 *hop)
{
	u32 len = hop[1];

	/* Random ones are all of one length, chosen ones begin alike. */
	return (len + hop[1 + len] + 5 * hop[1 + (len + 1) / 2]) %
	       OCKAM_RECENT_MAX;
}

/*
 * What was found in the table, in generation @gen or in one after it.  Others may
 * read the slot from another processor, and here softirq at any time: those who
 * see the generation see the name that belongs to it, or a later one.
 */
static void name_remember(struct ockam_node *node, unsigned int slot,
			  unsigned long gen, struct ockam_name *name)
{
	struct ockam_recent *recent;
	unsigned long flags;

	local_irq_save(flags);
	/*
	 * Else a reader of another processor could meet @name under the generation
	 * of who was here meanwhile, and @name may be gone in that.
	 */
	if (likely(atomic_long_read(&node->names_gen) == gen)) {
		recent = &this_cpu_ptr(node->recent)->slot[slot];
		/* Beside one that may be asked for just as often. */
		if (recent->gen == gen)
			recent = &this_cpu_ptr(node->recent)->slot[slot ^ 1];
		WRITE_ONCE(recent->name, name);
		/* Pairs with the one in ockam_name_lookup(). */
		smp_store_release(&recent->gen, gen);
	}
	local_irq_restore(flags);
}

/* Out of the way of those that are remembered. */
static noinline struct ockam_name *name_find(struct ockam_node *node,
					     unsigned int slot,
					     unsigned long gen, const u8 *hop)
{
	struct ockam_name *name;

	name = rhashtable_lookup(&node->names, hop, ockam_name_params);
	if (name)
		name_remember(node, slot, gen, name);
	return name;
}

static __always_inline struct ockam_name *
name_recall(const struct ockam_recent *recent, unsigned long gen, const u8 *hop)
{
	struct ockam_name *name;

	/* The generation first, see name_remember(). */
	if (unlikely(smp_load_acquire(&recent->gen) != gen))
		return NULL;
	name = READ_ONCE(recent->name);
	return likely(name && name_is(name, hop)) ? name : NULL;
}

struct ockam_name *ockam_name_lookup(struct ockam_node *node, const u8 *hop)
{
	unsigned long gen = atomic_long_read_acquire(&node->names_gen);
	unsigned int slot = name_slot(hop);
	struct ockam_recent *recent;
	struct ockam_name *name;

	/* Any processor's is good: see name_remember(). */
	recent = raw_cpu_ptr(node->recent)->slot;
	name = name_recall(&recent[slot], gen, hop);
	if (unlikely(!name))
		name = name_recall(&recent[slot ^ 1], gen, hop);
	return likely(name) ? name : name_find(node, slot, gen, hop);
}

void ockam_name_random(u8 key[2 + OCKAM_RANDOM_LEN])
{
	u8 raw[OCKAM_RANDOM_LEN / 2];

	get_random_bytes(raw, sizeof(raw));
	key[0] = OCKAM_TYPE_LOCAL;
	key[1] = OCKAM_RANDOM_LEN;
	bin2hex((char *)key + 2, raw, sizeof(raw));
}

bool ockam_name_is_random(const u8 *key)
{
	unsigned int i;

	if (key[0] != OCKAM_TYPE_LOCAL || key[1] != OCKAM_RANDOM_LEN)
		return false;
	for (i = 0; i < OCKAM_RANDOM_LEN; i++) {
		u8 c = key[2 + i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

const u8 *ockam_names_reserved(const struct ockam_node *node, u32 *len)
{
	const struct ockam_reserved *list = rcu_dereference(node->reserved);

	if (list) {
		*len = list->len;
		return list->names;
	}
	/* Without the 0 at the end of a string. */
	*len = sizeof(ockam_reserved_default) - 1;
	return ockam_reserved_default;
}

bool ockam_name_is_reserved(const struct ockam_node *node, const u8 *key)
{
	const u8 *p, *end;
	bool is = false;
	u32 len;

	rcu_read_lock();
	p = ockam_names_reserved(node, &len);
	for (end = p + len; p < end && !is; p += ockam_key_size(p))
		is = !memcmp(p, key, 2) && !memcmp(p + 2, key + 2, key[1]);
	rcu_read_unlock();
	return is;
}

void ockam_names_reserve(struct ockam_node *node, struct ockam_reserved *list)
{
	struct ockam_reserved *old;

	old = rcu_replace_pointer(node->reserved, list,
				  lockdep_is_held(&node->lock));
	if (old)
		kfree_rcu(old, rcu);
}
