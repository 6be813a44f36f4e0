// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ockam.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/ockam_netlink.h>
#include <linux/ockam.h>

/* OCKAM_CMD_CHANNEL_NEW - do */
const struct nla_policy ockam_channel_new_nl_policy[OCKAM_A_CHANNEL_SUCCEEDS + 1] = {
	[OCKAM_A_CHANNEL_ROLE] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[OCKAM_A_CHANNEL_SUITE] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[OCKAM_A_CHANNEL_ENCRYPTOR] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_DECRYPTOR] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_HANDSHAKE_FD] = { .type = NLA_U32, },
	[OCKAM_A_CHANNEL_ROUTE] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_TX_KEY] = NLA_POLICY_EXACT_LEN(32),
	[OCKAM_A_CHANNEL_RX_KEY] = NLA_POLICY_EXACT_LEN(32),
	[OCKAM_A_CHANNEL_TX_NONCE] = { .type = NLA_U64, },
	[OCKAM_A_CHANNEL_RX_NONCE] = { .type = NLA_U64, },
	[OCKAM_A_CHANNEL_IDENTIFIER] = NLA_POLICY_EXACT_LEN(32),
	[OCKAM_A_CHANNEL_OWNER] = { .type = NLA_U32, },
	[OCKAM_A_CHANNEL_MODE] = NLA_POLICY_MAX(NLA_U32, 511),
	[OCKAM_A_CHANNEL_PINNED] = NLA_POLICY_MAX(NLA_U8, 1),
	[OCKAM_A_CHANNEL_EARLY_OF] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_CHANNEL_SUCCEEDS] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* OCKAM_CMD_NODE_GET - do */
const struct nla_policy ockam_node_get_nl_policy[OCKAM_A_NODE_PAD + 1] = {
};

/* OCKAM_CMD_NODE_SET - do */
const struct nla_policy ockam_node_set_nl_policy[OCKAM_A_NODE_DEAD_MS + 1] = {
	[OCKAM_A_NODE_STALL_MS] = NLA_POLICY_MIN(NLA_U32, 10),
	[OCKAM_A_NODE_PARK_LIMIT] = NLA_POLICY_MIN(NLA_U32, 4096),
	[OCKAM_A_NODE_TXQ_LIMIT] = NLA_POLICY_MIN(NLA_U32, 4096),
	[OCKAM_A_NODE_MAX_MSG] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_NODE_MAX_LINKS] = { .type = NLA_U32, },
	[OCKAM_A_NODE_MAX_CHANNELS] = { .type = NLA_U32, },
	[OCKAM_A_NODE_MAX_HOPS] = { .type = NLA_U32, },
	[OCKAM_A_NODE_REPLY_MS] = { .type = NLA_U32, },
	[OCKAM_A_NODE_FORWARD] = NLA_POLICY_MASK(NLA_U32, 0xf),
	[OCKAM_A_NODE_HOLD_MS] = { .type = NLA_U32, },
	[OCKAM_A_NODE_MEM_LIMIT] = { .type = NLA_U64, },
	[OCKAM_A_NODE_RESERVED] = { .type = NLA_BINARY, },
	[OCKAM_A_NODE_DEAD_MS] = NLA_POLICY_MIN(NLA_U32, 1000),
};

/* OCKAM_CMD_WORKER_GET - do */
const struct nla_policy ockam_worker_get_nl_policy[OCKAM_A_WORKER_HELD + 1] = {
	[OCKAM_A_WORKER_ADDRESS] = { .type = NLA_BINARY, },
	[OCKAM_A_WORKER_HELD] = { .type = NLA_FLAG, },
};

/* OCKAM_CMD_LINK_NEW - do */
const struct nla_policy ockam_link_new_nl_policy[OCKAM_A_LINK_UDP_FORM + 1] = {
	[OCKAM_A_LINK_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[OCKAM_A_LINK_MODE] = NLA_POLICY_RANGE(NLA_U32, 1, 4),
	[OCKAM_A_LINK_NAME] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_LOCAL_IP] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_LOCAL_PORT] = { .type = NLA_U16, },
	[OCKAM_A_LINK_LOCAL_SCOPE_ID] = { .type = NLA_U32, },
	[OCKAM_A_LINK_REMOTE_IP] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_REMOTE_PORT] = { .type = NLA_U16, },
	[OCKAM_A_LINK_REMOTE_SCOPE_ID] = { .type = NLA_U32, },
	[OCKAM_A_LINK_FD] = { .type = NLA_U32, },
	[OCKAM_A_LINK_RECONNECT_MIN_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_RECONNECT_MAX_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_MAX_ACCEPTED] = { .type = NLA_U32, },
	[OCKAM_A_LINK_FRAME_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_DEAD_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_SEND_UIDS] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_SEND_GIDS] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_UDP_FORM] = NLA_POLICY_MAX(NLA_U32, 1),
};

/* OCKAM_CMD_LINK_GET - do */
const struct nla_policy ockam_link_get_nl_policy[OCKAM_A_LINK_PARENT + 1] = {
	[OCKAM_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_LINK_NAME] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[OCKAM_A_LINK_MODE] = NLA_POLICY_RANGE(NLA_U32, 1, 4),
	[OCKAM_A_LINK_STATE] = NLA_POLICY_MAX(NLA_U32, 4),
	[OCKAM_A_LINK_PARENT] = { .type = NLA_U32, },
};

/* OCKAM_CMD_LINK_SET - do */
const struct nla_policy ockam_link_set_nl_policy[OCKAM_A_LINK_DEAD_MS + 1] = {
	[OCKAM_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_LINK_NAME] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_RECONNECT_MIN_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_RECONNECT_MAX_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_MAX_ACCEPTED] = { .type = NLA_U32, },
	[OCKAM_A_LINK_FRAME_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_DEAD_MS] = { .type = NLA_U32, },
	[OCKAM_A_LINK_SEND_UIDS] = { .type = NLA_BINARY, },
	[OCKAM_A_LINK_SEND_GIDS] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_LINK_DEL - do */
const struct nla_policy ockam_link_del_nl_policy[OCKAM_A_LINK_NAME + 1] = {
	[OCKAM_A_LINK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_LINK_NAME] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_LINK_FLUSH - do */
const struct nla_policy ockam_link_flush_nl_policy[OCKAM_A_LINK_PAD + 1] = {
};

/* OCKAM_CMD_CHANNEL_GET - do */
const struct nla_policy ockam_channel_get_nl_policy[OCKAM_A_CHANNEL_OWNER + 1] = {
	[OCKAM_A_CHANNEL_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_CHANNEL_ENCRYPTOR] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_STATE] = NLA_POLICY_MAX(NLA_U32, 4),
	[OCKAM_A_CHANNEL_ROLE] = NLA_POLICY_RANGE(NLA_U32, 1, 2),
	[OCKAM_A_CHANNEL_CARRIER_KIND] = NLA_POLICY_RANGE(NLA_U32, 1, 3),
	[OCKAM_A_CHANNEL_CARRIER] = { .type = NLA_U32, },
	[OCKAM_A_CHANNEL_IDENTIFIER] = NLA_POLICY_EXACT_LEN(32),
	[OCKAM_A_CHANNEL_OWNER] = { .type = NLA_U32, },
};

/* OCKAM_CMD_CHANNEL_SET - do */
const struct nla_policy ockam_channel_set_nl_policy[OCKAM_A_CHANNEL_CREDENTIALS + 1] = {
	[OCKAM_A_CHANNEL_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_CHANNEL_ENCRYPTOR] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_ROUTE] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_OWNER] = { .type = NLA_U32, },
	[OCKAM_A_CHANNEL_MODE] = NLA_POLICY_MAX(NLA_U32, 511),
	[OCKAM_A_CHANNEL_PINNED] = NLA_POLICY_MAX(NLA_U8, 1),
	[OCKAM_A_CHANNEL_CREDENTIALS] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_CHANNEL_DEL - do */
const struct nla_policy ockam_channel_del_nl_policy[OCKAM_A_CHANNEL_QUIET + 1] = {
	[OCKAM_A_CHANNEL_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_CHANNEL_ENCRYPTOR] = { .type = NLA_BINARY, },
	[OCKAM_A_CHANNEL_QUIET] = { .type = NLA_FLAG, },
};

/* OCKAM_CMD_CHANNEL_FLUSH - do */
const struct nla_policy ockam_channel_flush_nl_policy[OCKAM_A_CHANNEL_PAD + 1] = {
};

/* OCKAM_CMD_HOP_NEW - do */
const struct nla_policy ockam_hop_new_nl_policy[OCKAM_A_HOP_ROUTE + 1] = {
	[OCKAM_A_HOP_ADDRESS] = { .type = NLA_BINARY, },
	[OCKAM_A_HOP_SCOPE] = NLA_POLICY_MASK(NLA_U32, 0x1f),
	[OCKAM_A_HOP_ROUTE] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_HOP_GET - do */
const struct nla_policy ockam_hop_get_nl_policy[OCKAM_A_HOP_ADDRESS + 1] = {
	[OCKAM_A_HOP_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_HOP_ADDRESS] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_HOP_DEL - do */
const struct nla_policy ockam_hop_del_nl_policy[OCKAM_A_HOP_ADDRESS + 1] = {
	[OCKAM_A_HOP_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_HOP_ADDRESS] = { .type = NLA_BINARY, },
};

/* OCKAM_CMD_HOP_FLUSH - do */
const struct nla_policy ockam_hop_flush_nl_policy[OCKAM_A_HOP_PAD + 1] = {
};

/* OCKAM_CMD_POLICY_NEW - do */
const struct nla_policy ockam_policy_new_nl_policy[OCKAM_A_POLICY_REPLACE + 1] = {
	[OCKAM_A_POLICY_WORKER] = { .type = NLA_BINARY, },
	[OCKAM_A_POLICY_LINK] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_POLICY_CHANNEL] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_POLICY_FD] = { .type = NLA_U32, },
	[OCKAM_A_POLICY_REPLACE] = { .type = NLA_FLAG, },
};

/* OCKAM_CMD_POLICY_GET - do */
const struct nla_policy ockam_policy_get_nl_policy[OCKAM_A_POLICY_CHANNEL + 1] = {
	[OCKAM_A_POLICY_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_POLICY_WORKER] = { .type = NLA_BINARY, },
	[OCKAM_A_POLICY_LINK] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_POLICY_CHANNEL] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* OCKAM_CMD_POLICY_DEL - do */
const struct nla_policy ockam_policy_del_nl_policy[OCKAM_A_POLICY_ID + 1] = {
	[OCKAM_A_POLICY_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* OCKAM_CMD_HOP_SET - do */
const struct nla_policy ockam_hop_set_nl_policy[OCKAM_A_HOP_ROUTE + 1] = {
	[OCKAM_A_HOP_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OCKAM_A_HOP_ADDRESS] = { .type = NLA_BINARY, },
	[OCKAM_A_HOP_SCOPE] = NLA_POLICY_MASK(NLA_U32, 0x1f),
	[OCKAM_A_HOP_ROUTE] = { .type = NLA_BINARY, },
};

/* Ops table for ockam */
const struct genl_ops ockam_nl_ops[21] = {
	{
		.cmd		= OCKAM_CMD_CHANNEL_NEW,
		.doit		= ockam_nl_channel_new_doit,
		.policy		= ockam_channel_new_nl_policy,
		.maxattr	= OCKAM_A_CHANNEL_SUCCEEDS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_NODE_GET,
		.doit		= ockam_nl_node_get_doit,
		.policy		= ockam_node_get_nl_policy,
		.maxattr	= OCKAM_A_NODE_PAD,
	},
	{
		.cmd		= OCKAM_CMD_NODE_SET,
		.doit		= ockam_nl_node_set_doit,
		.policy		= ockam_node_set_nl_policy,
		.maxattr	= OCKAM_A_NODE_DEAD_MS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_WORKER_GET,
		.doit		= ockam_nl_worker_get_doit,
		.dumpit		= ockam_nl_worker_get_dumpit,
		.policy		= ockam_worker_get_nl_policy,
		.maxattr	= OCKAM_A_WORKER_HELD,
	},
	{
		.cmd		= OCKAM_CMD_LINK_NEW,
		.doit		= ockam_nl_link_new_doit,
		.policy		= ockam_link_new_nl_policy,
		.maxattr	= OCKAM_A_LINK_UDP_FORM,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_LINK_GET,
		.doit		= ockam_nl_link_get_doit,
		.dumpit		= ockam_nl_link_get_dumpit,
		.policy		= ockam_link_get_nl_policy,
		.maxattr	= OCKAM_A_LINK_PARENT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_LINK_SET,
		.doit		= ockam_nl_link_set_doit,
		.policy		= ockam_link_set_nl_policy,
		.maxattr	= OCKAM_A_LINK_DEAD_MS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_LINK_DEL,
		.doit		= ockam_nl_link_del_doit,
		.policy		= ockam_link_del_nl_policy,
		.maxattr	= OCKAM_A_LINK_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_LINK_FLUSH,
		.doit		= ockam_nl_link_flush_doit,
		.policy		= ockam_link_flush_nl_policy,
		.maxattr	= OCKAM_A_LINK_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_CHANNEL_GET,
		.doit		= ockam_nl_channel_get_doit,
		.dumpit		= ockam_nl_channel_get_dumpit,
		.policy		= ockam_channel_get_nl_policy,
		.maxattr	= OCKAM_A_CHANNEL_OWNER,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_CHANNEL_SET,
		.doit		= ockam_nl_channel_set_doit,
		.policy		= ockam_channel_set_nl_policy,
		.maxattr	= OCKAM_A_CHANNEL_CREDENTIALS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_CHANNEL_DEL,
		.doit		= ockam_nl_channel_del_doit,
		.policy		= ockam_channel_del_nl_policy,
		.maxattr	= OCKAM_A_CHANNEL_QUIET,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_CHANNEL_FLUSH,
		.doit		= ockam_nl_channel_flush_doit,
		.policy		= ockam_channel_flush_nl_policy,
		.maxattr	= OCKAM_A_CHANNEL_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_HOP_NEW,
		.doit		= ockam_nl_hop_new_doit,
		.policy		= ockam_hop_new_nl_policy,
		.maxattr	= OCKAM_A_HOP_ROUTE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_HOP_GET,
		.doit		= ockam_nl_hop_get_doit,
		.dumpit		= ockam_nl_hop_get_dumpit,
		.policy		= ockam_hop_get_nl_policy,
		.maxattr	= OCKAM_A_HOP_ADDRESS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_HOP_DEL,
		.doit		= ockam_nl_hop_del_doit,
		.policy		= ockam_hop_del_nl_policy,
		.maxattr	= OCKAM_A_HOP_ADDRESS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_HOP_FLUSH,
		.doit		= ockam_nl_hop_flush_doit,
		.policy		= ockam_hop_flush_nl_policy,
		.maxattr	= OCKAM_A_HOP_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_POLICY_NEW,
		.doit		= ockam_nl_policy_new_doit,
		.policy		= ockam_policy_new_nl_policy,
		.maxattr	= OCKAM_A_POLICY_REPLACE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_POLICY_GET,
		.doit		= ockam_nl_policy_get_doit,
		.dumpit		= ockam_nl_policy_get_dumpit,
		.policy		= ockam_policy_get_nl_policy,
		.maxattr	= OCKAM_A_POLICY_CHANNEL,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_POLICY_DEL,
		.doit		= ockam_nl_policy_del_doit,
		.policy		= ockam_policy_del_nl_policy,
		.maxattr	= OCKAM_A_POLICY_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= OCKAM_CMD_HOP_SET,
		.doit		= ockam_nl_hop_set_doit,
		.policy		= ockam_hop_set_nl_policy,
		.maxattr	= OCKAM_A_HOP_ROUTE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};

static const struct genl_multicast_group ockam_nl_mcgrps[] = {
	[OCKAM_NLGRP_LINK] = { "link", },
	[OCKAM_NLGRP_CHANNEL] = { "channel", },
	[OCKAM_NLGRP_HOP] = { "hop", },
	[OCKAM_NLGRP_NODE] = { "node", },
	[OCKAM_NLGRP_POLICY] = { "policy", },
};
