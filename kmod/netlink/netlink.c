// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family "ockam", Documentation/netlink/specs/ockam.yaml.
 * netlink-gen.c holds the policies made from that, netlink_*.c the requests
 * on each sort of object, netlink_put.c what objects look like.
 */
#include "netlink/netlink.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"

/* The generated table has no place for groups' flags. */
static const struct genl_multicast_group nl_groups[] = {
	[OCKAM_NLGRP_LINK]	= { "link", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_CHANNEL]	= { "channel", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_HOP]	= { "hop", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_NODE]	= { "node", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_POLICY]	= { "policy", GENL_MCAST_CAP_NET_ADMIN },
};

/* The generated table with what the generator cannot say. */
static struct genl_ops nl_ops[ARRAY_SIZE(ockam_nl_ops)] __ro_after_init;

/* channel-new is the first one, and the only one checked here. */
static_assert(OCKAM_CMD_CHANNEL_NEW == 1);

struct genl_family ockam_nl_family __ro_after_init = {
	.name		= OCKAM_FAMILY_NAME,
	.version	= OCKAM_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.parallel_ops	= true,
	.ops		= nl_ops,
	.n_ops		= ARRAY_SIZE(nl_ops),
	.resv_start_op	= OCKAM_CMD_CHANNEL_NEW + 1,
	.mcgrps		= nl_groups,
	.n_mcgrps	= ARRAY_SIZE(nl_groups),
};

/**
 * ockam_netlink_init() - register the family
 *
 * Return: 0 or a negative errno.
 */
int __init ockam_netlink_init(void)
{
	unsigned int i;

	memcpy(nl_ops, ockam_nl_ops, sizeof(nl_ops));
	for (i = 0; i < ARRAY_SIZE(nl_ops); i++) {
		struct genl_ops *op = &nl_ops[i];

		if (op->dumpit)
			op->start = ockam_nl_dump_start;
		if (op->cmd == OCKAM_CMD_WORKER_GET) {
			op->start = ockam_nl_worker_dump_start;
			op->done = ockam_nl_worker_dump_done;
		}
		if (op->cmd == OCKAM_CMD_CHANNEL_NEW) {
			op->policy = NULL;
			op->maxattr = 0;
			op->flags = 0;
			op->start = ockam_nl_channel_new_start;
			op->dumpit = ockam_nl_channel_new_dumpit;
		}
	}
	return genl_register_family(&ockam_nl_family);
}

/**
 * ockam_netlink_exit() - unregister the family
 */
void ockam_netlink_exit(void)
{
	genl_unregister_family(&ockam_nl_family);
}
