// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl node */
#include <stdio.h>
#include <string.h>

#include "ockamctl.h"

static int node_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_node node;
	int err;

	if (argc)
		return ctl_usage("node show: unknown word '%s'", argv[0]);
	err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_node_get(ctl->nl, &node))
		return ctl_nl_fail(ctl, "node");
	print_object(ctl, OCKAM_NL_NODE, &node);
	return CTL_OK;
}

static int node_set(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_NODE_STALL_MS, OCKAM_A_NODE_PARK_LIMIT,
		OCKAM_A_NODE_TXQ_LIMIT, OCKAM_A_NODE_MAX_MSG,
		OCKAM_A_NODE_MAX_LINKS, OCKAM_A_NODE_MAX_CHANNELS,
		OCKAM_A_NODE_MAX_HOPS, OCKAM_A_NODE_REPLY_MS,
		OCKAM_A_NODE_FORWARD, OCKAM_A_NODE_HOLD_MS,
		OCKAM_A_NODE_RESERVED, OCKAM_A_NODE_MEM_LIMIT,
		OCKAM_A_NODE_DEAD_MS, 0
	};
	struct ockam_nl_node node = {};
	int err;

	if (!argc)
		return ctl_usage("node set: name what to set");
	err = arg_fields(OCKAM_NL_NODE, &node, allowed, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_node_set(ctl->nl, &node))
		return ctl_nl_fail(ctl, "node set");
	return CTL_OK;
}

const struct command node_commands[] = {
	{ "show", "", "settings", node_show },
	{ "set", "NAME VALUE ...", "change settings", node_set },
	{ }
};
