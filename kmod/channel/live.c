// SPDX-License-Identifier: GPL-2.0
/*
 * Keys in use.  The same key twice for sending means that nonces repeat,
 * whichever node does it, so there is one table.  It holds keyed hashes, which
 * tell nothing of the keys.
 */
#include <linux/hashtable.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#include "ground/keyring.h"
#include "channel/live.h"

static DEFINE_HASHTABLE(ockam_live, 12);
static DEFINE_SPINLOCK(ockam_live_lock);

static u64 live_print(const u8 *key, u64 dir)
{
	static siphash_aligned_key_t secret;
	u64 print;

	get_random_once(&secret, sizeof(secret));
	print = siphash(key, OCKAM_KEY_LEN, &secret);
	return siphash_2u64(print, dir, &secret);
}

int ockam_live_add(struct ockam_live *l, const u8 *key, u64 dir)
{
	struct ockam_live *other;
	int err = 0;

	l->print = live_print(key, dir);
	spin_lock(&ockam_live_lock);
	hash_for_each_possible(ockam_live, other, node, l->print) {
		if (other->print == l->print) {
			err = -EEXIST;
			break;
		}
	}
	if (!err)
		hash_add(ockam_live, &l->node, l->print);
	spin_unlock(&ockam_live_lock);
	return err;
}

void ockam_live_del(struct ockam_live *l)
{
	spin_lock(&ockam_live_lock);
	if (!hlist_unhashed(&l->node))
		hlist_del_init(&l->node);
	spin_unlock(&ockam_live_lock);
}
