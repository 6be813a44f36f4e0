// SPDX-License-Identifier: GPL-2.0
/*
 * Multicast notifications: what the get replies say, sent to the groups "link",
 * "channel", "hop", "node" and "policy" whenever something changes.
 *
 * Nothing is built while nobody listens.  A listener for whom a message is
 * lost sees ENOBUFS and dumps again.
 */
#include "channel/channel.h"
#include "router/hop.h"
#include "link/link.h"
#include "netlink/netlink.h"
#include "netlink/netlink-gen.h"
#include "node/node.h"
#include "node/notify.h"
#include "router/policy.h"

static struct sk_buff *ntf_begin(const struct ockam_node *node,
				 struct ockam_nl_to *to, unsigned int group,
				 u8 cmd, u32 size)
{
	struct sk_buff *skb;

	if (!genl_has_listeners(&ockam_nl_family, node->net, group))
		return NULL;

	*to = (struct ockam_nl_to){
		.user_ns	= node->net->user_ns,
		.cmd		= cmd,
	};
	skb = genlmsg_new(size, GFP_ATOMIC);
	if (!skb)
		genl_set_err(&ockam_nl_family, node->net, 0, group, ENOBUFS);
	return skb;
}

static void ntf_end(const struct ockam_node *node, struct sk_buff *skb,
		    unsigned int group, int err)
{
	if (WARN_ON_ONCE(err)) {
		nlmsg_free(skb);
		genl_set_err(&ockam_nl_family, node->net, 0, group, ENOBUFS);
		return;
	}
	genlmsg_multicast_netns(&ockam_nl_family, node->net, skb, 0, group,
				GFP_ATOMIC);
}

static void ntf_link(const struct ockam_link *link, bool gone)
{
	u8 cmd = gone ? OCKAM_CMD_LINK_DEL_NTF : OCKAM_CMD_LINK_NTF;
	struct ockam_nl_to to;
	struct sk_buff *skb;

	skb = ntf_begin(link->node, &to, OCKAM_NLGRP_LINK, cmd,
			OCKAM_NL_LINK_SIZE);
	if (skb)
		ntf_end(link->node, skb, OCKAM_NLGRP_LINK,
			ockam_nl_put_link(skb, &to, link));
}

static void ntf_channel(const struct ockam_channel *ch,
			enum ockam_channel_event event, bool gone)
{
	u8 cmd = gone ? OCKAM_CMD_CHANNEL_DEL_NTF : OCKAM_CMD_CHANNEL_NTF;
	struct ockam_nl_to to;
	struct sk_buff *skb;

	skb = ntf_begin(ch->node, &to, OCKAM_NLGRP_CHANNEL, cmd,
			OCKAM_NL_CHANNEL_SIZE);
	if (skb)
		ntf_end(ch->node, skb, OCKAM_NLGRP_CHANNEL,
			ockam_nl_put_channel(skb, &to, ch, event));
}

static void ntf_hop(struct ockam_node *node, const struct ockam_hop *hop,
		    bool gone)
{
	u8 cmd = gone ? OCKAM_CMD_HOP_DEL_NTF : OCKAM_CMD_HOP_NTF;
	struct ockam_nl_to to;
	struct sk_buff *skb;

	skb = ntf_begin(node, &to, OCKAM_NLGRP_HOP, cmd, OCKAM_NL_HOP_SIZE);
	if (skb)
		ntf_end(node, skb, OCKAM_NLGRP_HOP,
			ockam_nl_put_hop(skb, &to, hop));
}

/**
 * ockam_nl_notify_node() - tell listeners that settings changed
 * @node: the node
 */
void ockam_nl_notify_node(struct ockam_node *node)
{
	struct ockam_nl_to to;
	struct sk_buff *skb;

	skb = ntf_begin(node, &to, OCKAM_NLGRP_NODE, OCKAM_CMD_NODE_NTF,
			OCKAM_NL_NODE_SIZE);
	if (skb)
		ntf_end(node, skb, OCKAM_NLGRP_NODE,
			ockam_nl_put_node(skb, &to, node, true));
}

static void ntf_policy(const struct ockam_policy *policy, bool gone)
{
	u8 cmd = gone ? OCKAM_CMD_POLICY_DEL_NTF : OCKAM_CMD_POLICY_NTF;
	struct ockam_nl_to to;
	struct sk_buff *skb;

	skb = ntf_begin(policy->node, &to, OCKAM_NLGRP_POLICY, cmd,
			OCKAM_NL_POLICY_SIZE);
	if (skb)
		ntf_end(policy->node, skb, OCKAM_NLGRP_POLICY,
			ockam_nl_put_policy(skb, &to, policy));
}

static const struct ockam_notify_ops ntf_ops = {
	.link		= ntf_link,
	.channel	= ntf_channel,
	.hop		= ntf_hop,
	.policy		= ntf_policy,
};

/**
 * ockam_nl_notify_init() - hear of changes from now on
 *
 * For as long as the module lives: an object may end after the family did.
 */
void __init ockam_nl_notify_init(void)
{
	ockam_notify = &ntf_ops;
}
