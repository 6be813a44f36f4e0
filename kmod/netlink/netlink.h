/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family, and how objects look in its messages. */
#ifndef _OCKAM_NETLINK_H
#define _OCKAM_NETLINK_H

#include <net/genetlink.h>
#include <uapi/linux/ockam_netlink.h>

struct ockam_channel;
struct ockam_hop;
struct ockam_link;
struct ockam_node;
struct ockam_policy;

extern struct genl_family ockam_nl_family;

int ockam_netlink_init(void);
void ockam_netlink_exit(void);

/* Before any node is made. */
void ockam_nl_notify_init(void);
/* The settings of a node changed.  May sleep. */
void ockam_nl_notify_node(struct ockam_node *node);

/**
 * struct ockam_nl_to - who gets a message, and how it begins
 * @cb: the dump that it is part of, or NULL
 * @user_ns: uids are told as this user namespace sees them
 * @portid: of the receiver, 0 for notifications
 * @seq: of the request
 * @flags: of the netlink header
 * @cmd: command
 */
struct ockam_nl_to {
	struct netlink_callback	*cb;
	struct user_namespace	*user_ns;
	u32			portid;
	u32			seq;
	int			flags;
	u8			cmd;
};

/*
 * Append one message that describes an object: 0, or -EMSGSIZE with nothing
 * appended.  Any context; the object must not go away meanwhile.
 */
int ockam_nl_put_node(struct sk_buff *skb, const struct ockam_nl_to *to,
		      struct ockam_node *node, bool counters);
int ockam_nl_put_link(struct sk_buff *skb, const struct ockam_nl_to *to,
		      const struct ockam_link *link);
int ockam_nl_put_channel(struct sk_buff *skb, const struct ockam_nl_to *to,
			 const struct ockam_channel *ch,
			 enum ockam_channel_event event);
int ockam_nl_put_hop(struct sk_buff *skb, const struct ockam_nl_to *to,
		     const struct ockam_hop *hop);
/* node->lock held. */
int ockam_nl_put_policy(struct sk_buff *skb, const struct ockam_nl_to *to,
			const struct ockam_policy *policy);

/* Room that each of these needs at most, routes included. */
#define OCKAM_NL_NODE_SIZE	(OCKAM_ROUTE_MAX + 2048)
#define OCKAM_NL_LINK_SIZE	2304
#define OCKAM_NL_CHANNEL_SIZE	(OCKAM_ROUTE_MAX + 1536)
#define OCKAM_NL_HOP_SIZE	(OCKAM_ROUTE_MAX + 512)
#define OCKAM_NL_POLICY_SIZE	1024

#endif /* _OCKAM_NETLINK_H */
