// SPDX-License-Identifier: GPL-2.0
/* Hops and relays: addresses that forward inside the kernel. */
#include <linux/netlink.h>
#include <linux/slab.h>

#include "node/base.h"
#include "router/hop.h"
#include "node/limit.h"
#include "node/node.h"
#include "node/notify.h"

static size_t hop_size(const struct ockam_hop *hop)
{
	return struct_size(hop, route, hop->route_len);
}

static struct ockam_hop *hop_alloc(const u8 *key, u32 scope, const u8 *route,
				   u32 len, u32 hops)
{
	struct ockam_hop *hop;

	ockam_late_wait();
	hop = kzalloc(struct_size(hop, route, len), GFP_KERNEL_ACCOUNT);
	if (!hop)
		return NULL;

	refcount_set(&hop->ref, 1);
	memcpy(hop->key, key, ockam_key_size(key));
	memcpy(hop->route, route, len);
	hop->route_len = len;
	hop->route_hops = hops;
	hop->scope = scope;
	hop->name.key = hop->key;
	hop->name.kind = OCKAM_NAME_HOP;
	return hop;
}

struct ockam_hop *ockam_hop_new(struct ockam_node *node, const u8 *key,
				u32 scope, const u8 *route, u32 len, u32 hops,
				struct netlink_ext_ack *extack)
{
	struct ockam_hop *hop;
	int err;

	lockdep_assert_held(&node->lock);

	if (node->dying || node->nr_hops >= node->conf.max_hops) {
		NL_SET_ERR_MSG(extack, "the node has as many hops as it may");
		return ERR_PTR(-ENOSPC);
	}
	err = ockam_limit_check(node, extack);
	if (!err)
		err = ockam_limit_take(node, OCKAM_LIMIT_HOPS, extack);
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	hop = hop_alloc(key, scope, route, len, hops);
	if (!hop)
		goto drop;

	err = xa_alloc_cyclic(&node->hops, &hop->id, hop, xa_limit_31b,
			      &node->next_hop, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto free;
	err = ockam_name_add(node, &hop->name);
	if (err) {
		NL_SET_ERR_MSG(extack, "the address is taken");
		goto erase;
	}
	node->nr_hops++;
	node->gen++;
	ockam_notify_hop(node, hop, false);
	return hop;

erase:
	xa_erase(&node->hops, hop->id);
free:
	kfree(hop);
drop:
	ockam_limit_drop(node->limit, OCKAM_LIMIT_HOPS);
	return ERR_PTR(err);
}

int ockam_hop_set(struct ockam_node *node, struct ockam_hop *old, u32 scope,
		  const u8 *route, u32 len, u32 hops)
{
	struct ockam_hop *hop;
	int err;

	lockdep_assert_held(&node->lock);

	hop = hop_alloc(old->key, scope, route, len, hops);
	if (!hop)
		return -ENOMEM;

	hop->id = old->id;
	atomic64_set(&hop->msgs, atomic64_read(&old->msgs));
	err = ockam_name_replace(node, &old->name, &hop->name);
	if (err) {
		kfree(hop);
		return err;
	}
	/* In place of an entry: this needs no memory. */
	xa_store(&node->hops, hop->id, hop, GFP_KERNEL_ACCOUNT);
	node->gen++;
	ockam_notify_hop(node, hop, false);
	ockam_hop_put(old);
	return 0;
}

static void hop_free(struct rcu_head *rcu)
{
	struct ockam_hop *hop = container_of(rcu, struct ockam_hop, rcu);

	ockam_late_add(-(long)hop_size(hop));
	kfree(hop);
}

void ockam_hop_put(struct ockam_hop *hop)
{
	if (!refcount_dec_and_test(&hop->ref))
		return;
	ockam_late_add(hop_size(hop));
	call_rcu(&hop->rcu, hop_free);
}

void ockam_hop_del(struct ockam_node *node, struct ockam_hop *hop)
{
	lockdep_assert_held(&node->lock);

	ockam_name_del(node, &hop->name);
	xa_erase(&node->hops, hop->id);
	node->nr_hops--;
	ockam_limit_drop(node->limit, OCKAM_LIMIT_HOPS);
	node->gen++;
	ockam_notify_hop(node, hop, true);
	ockam_hop_put(hop);
}

void ockam_hop_flush(struct ockam_node *node)
{
	struct ockam_hop *hop;
	unsigned long id;

	xa_for_each(&node->hops, id, hop)
		ockam_hop_del(node, hop);
}
