/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ockam.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_OCKAM_GEN_H
#define _LINUX_OCKAM_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/ockam_netlink.h>
#include <linux/ockam.h>

extern const struct nla_policy ockam_channel_new_nl_policy[OCKAM_A_CHANNEL_SUCCEEDS + 1];

extern const struct nla_policy ockam_node_get_nl_policy[OCKAM_A_NODE_PAD + 1];

extern const struct nla_policy ockam_node_set_nl_policy[OCKAM_A_NODE_DEAD_MS + 1];

extern const struct nla_policy ockam_worker_get_nl_policy[OCKAM_A_WORKER_HELD + 1];

extern const struct nla_policy ockam_link_new_nl_policy[OCKAM_A_LINK_UDP_FORM + 1];

extern const struct nla_policy ockam_link_get_nl_policy[OCKAM_A_LINK_PARENT + 1];

extern const struct nla_policy ockam_link_set_nl_policy[OCKAM_A_LINK_DEAD_MS + 1];

extern const struct nla_policy ockam_link_del_nl_policy[OCKAM_A_LINK_NAME + 1];

extern const struct nla_policy ockam_link_flush_nl_policy[OCKAM_A_LINK_PAD + 1];

extern const struct nla_policy ockam_channel_get_nl_policy[OCKAM_A_CHANNEL_OWNER + 1];

extern const struct nla_policy ockam_channel_set_nl_policy[OCKAM_A_CHANNEL_CREDENTIALS + 1];

extern const struct nla_policy ockam_channel_del_nl_policy[OCKAM_A_CHANNEL_QUIET + 1];

extern const struct nla_policy ockam_channel_flush_nl_policy[OCKAM_A_CHANNEL_PAD + 1];

extern const struct nla_policy ockam_hop_new_nl_policy[OCKAM_A_HOP_ROUTE + 1];

extern const struct nla_policy ockam_hop_get_nl_policy[OCKAM_A_HOP_ADDRESS + 1];

extern const struct nla_policy ockam_hop_del_nl_policy[OCKAM_A_HOP_ADDRESS + 1];

extern const struct nla_policy ockam_hop_flush_nl_policy[OCKAM_A_HOP_PAD + 1];

extern const struct nla_policy ockam_policy_new_nl_policy[OCKAM_A_POLICY_REPLACE + 1];

extern const struct nla_policy ockam_policy_get_nl_policy[OCKAM_A_POLICY_CHANNEL + 1];

extern const struct nla_policy ockam_policy_del_nl_policy[OCKAM_A_POLICY_ID + 1];

extern const struct nla_policy ockam_hop_set_nl_policy[OCKAM_A_HOP_ROUTE + 1];

/* Ops table for ockam */
extern const struct genl_ops ockam_nl_ops[21];

int ockam_nl_channel_new_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_node_set_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_worker_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int ockam_nl_link_new_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int ockam_nl_link_set_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_link_del_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_link_flush_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_channel_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_channel_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ockam_nl_channel_set_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_channel_del_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_channel_flush_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_hop_new_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_hop_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_hop_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int ockam_nl_hop_del_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_hop_flush_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_policy_new_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_policy_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int ockam_nl_policy_del_doit(struct sk_buff *skb, struct genl_info *info);
int ockam_nl_hop_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	OCKAM_NLGRP_LINK,
	OCKAM_NLGRP_CHANNEL,
	OCKAM_NLGRP_HOP,
	OCKAM_NLGRP_NODE,
	OCKAM_NLGRP_POLICY,
};

#endif /* _LINUX_OCKAM_GEN_H */
