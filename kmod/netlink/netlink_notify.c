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

#define NTF_CMD(kind, gone)						\
	((gone) ? OCKAM_CMD_##kind##_DEL_NTF : OCKAM_CMD_##kind##_NTF)

/* To the listeners of @kind, with what @put puts of the object. */
#define ntf_send(node, kind, cmd, put, ...) do {			\
	struct ockam_nl_to to_;						\
	struct sk_buff *skb_;						\
									\
	skb_ = ntf_begin(node, &to_, OCKAM_NLGRP_##kind, cmd,		\
			 OCKAM_NL_##kind##_SIZE);			\
	if (skb_)							\
		ntf_end(node, skb_, OCKAM_NLGRP_##kind,			\
			put(skb_, &to_, __VA_ARGS__));			\
} while (0)

static void ntf_link(const struct ockam_link *link, bool gone)
{
	ntf_send(link->node, LINK, NTF_CMD(LINK, gone), ockam_nl_put_link,
		 link);
}

static void ntf_channel(const struct ockam_channel *ch,
			enum ockam_channel_event event, bool gone)
{
	ntf_send(ch->node, CHANNEL, NTF_CMD(CHANNEL, gone),
		 ockam_nl_put_channel, ch, event);
}

static void ntf_hop(struct ockam_node *node, const struct ockam_hop *hop,
		    bool gone)
{
	ntf_send(node, HOP, NTF_CMD(HOP, gone), ockam_nl_put_hop, hop);
}

static void ntf_policy(const struct ockam_policy *policy, bool gone)
{
	ntf_send(policy->node, POLICY, NTF_CMD(POLICY, gone),
		 ockam_nl_put_policy, policy);
}

/**
 * ockam_nl_notify_node() - tell listeners that settings changed
 * @node: the node
 */
void ockam_nl_notify_node(struct ockam_node *node)
{
	ntf_send(node, NODE, OCKAM_CMD_NODE_NTF, ockam_nl_put_node, node,
		 true);
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
