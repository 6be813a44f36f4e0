// SPDX-License-Identifier: GPL-2.0
/* Nodes: set-up and end of a network namespace's state. */
#include <linux/percpu.h>
#include <net/netns/generic.h>

#include "channel/channel.h"
#include "router/hop.h"
#include "node/limit.h"
#include "link/link.h"
#include "router/name.h"
#include "node/node.h"
#include "router/router.h"

unsigned int ockam_net_id __read_mostly;

struct ockam_node *ockam_node(const struct net *net)
{
	return net_generic(net, ockam_net_id);
}

static const struct ockam_conf ockam_conf_default = {
	.stall_ms	= 10000,
	.park_limit	= 4 << 20,
	.txq_limit	= 256 << 10,
	.max_msg	= OCKAM_MSG_DEFAULT,
	.max_links	= 4096,
	.max_channels	= 131072,
	.max_hops	= 4096,
	.reply_ms	= 120000,
	.fwd		= 0,
	.hold_ms	= 120000,
	.dead_ms	= 25000,
};

static int __net_init ockam_node_init(struct net *net)
{
	struct ockam_node *node = ockam_node(net);
	int err, cpu;

	node->net = net;
	mutex_init(&node->lock);
	xa_init_flags(&node->links, XA_FLAGS_ALLOC1);
	xa_init_flags(&node->channels, XA_FLAGS_ALLOC1);
	xa_init_flags(&node->hops, XA_FLAGS_ALLOC1);
	xa_init_flags(&node->policies, XA_FLAGS_ALLOC1);
	node->conf = ockam_conf_default;
	node->conf.mem_limit = ockam_mem_default();
	ockam_router_init(node);
	ockam_large_init(node);
	ockam_link_init(node);
	ockam_gathers_init(&node->gathers);
	ockam_holds_init(node);

	err = ockam_limit_init(node);
	if (err)
		return err;
	err = -ENOMEM;
	node->stats = alloc_percpu_gfp(struct ockam_stats, GFP_KERNEL_ACCOUNT);
	if (!node->stats)
		goto exit_limit;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(node->stats, cpu)->sync);

	err = ockam_names_init(node);
	if (err)
		goto free_stats;
	return 0;

free_stats:
	free_percpu(node->stats);
exit_limit:
	ockam_limit_exit(node);
	return err;
}

/* First for all of them, so that each grace period serves the batch. */
static void __net_exit ockam_node_pre_exit(struct net *net)
{
	struct ockam_node *node = ockam_node(net);

	mutex_lock(&node->lock);
	WRITE_ONCE(node->dying, true);
	ockam_link_flush(node);
	ockam_channel_flush(node);
	ockam_hop_flush(node);
	mutex_unlock(&node->lock);
}

static void __net_exit ockam_node_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		struct ockam_node *node = ockam_node(net);

		ockam_link_drain(node);
		ockam_router_exit(node);
		ockam_holds_exit(node);
		ockam_names_exit(node);
		xa_destroy(&node->links);
		xa_destroy(&node->channels);
		xa_destroy(&node->hops);
		xa_destroy(&node->policies);
		ockam_mem_exit(node);
		free_percpu(node->stats);
		ockam_limit_exit(node);
	}
}

struct pernet_operations ockam_net_ops = {
	.init		= ockam_node_init,
	.pre_exit	= ockam_node_pre_exit,
	.exit_batch	= ockam_node_exit_batch,
	.id		= &ockam_net_id,
	.size		= sizeof(struct ockam_node),
};
