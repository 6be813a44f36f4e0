// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on the node itself: limits, reserved names, counters. */
#include <linux/slab.h>

#include "node/limit.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"

#define LIMIT_REPLY_MS		86400000
#define LIMIT_BYTES		(1U << 30)
#define LIMIT_MEM_MIN		(1U << 20)

int ockam_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = ockam_nl_reply(skb, info, OCKAM_NL_NODE_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	err = ockam_nl_put_node(reply, &to, node,
				nl_is_admin(skb, node->net));
	mutex_unlock(&node->lock);
	return ockam_nl_send(reply, info, err);
}

/* A list of names to reserve, which may be empty; NULL if absent. */
static int nl_reserved(struct genl_info *info, struct ockam_reserved **list)
{
	const struct nlattr *a = info->attrs[OCKAM_A_NODE_RESERVED];
	const u8 *p, *end;
	int n;

	*list = NULL;
	if (!a)
		return 0;
	p = nla_data(a);
	end = p + nla_len(a);
	n = ockam_route_count(p, nla_len(a));
	if (n == -EMSGSIZE)
		return nl_refuse(info, OCKAM_A_NODE_RESERVED, n,
				 "too many names to reserve");
	if (n < 0)
		return nl_refuse(info, OCKAM_A_NODE_RESERVED, -EINVAL,
				 "not addresses in flat form");
	for (; p < end; p += ockam_key_size(p))
		if (p[0] != OCKAM_TYPE_LOCAL)
			return nl_refuse(info, OCKAM_A_NODE_RESERVED, -EINVAL,
					 "only local names can be reserved");

	*list = kmalloc(struct_size(*list, names, nla_len(a)),
			GFP_KERNEL_ACCOUNT);
	if (!*list)
		return -ENOMEM;
	(*list)->len = nla_len(a);
	memcpy((*list)->names, nla_data(a), nla_len(a));
	return 0;
}

int ockam_nl_node_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_conf *conf = &node->conf;
	const struct {
		int	attr;
		u32	max;
		u32	*value;
	} set[] = {
		{ OCKAM_A_NODE_STALL_MS, LIMIT_MS, &conf->stall_ms },
		{ OCKAM_A_NODE_PARK_LIMIT, LIMIT_BYTES, &conf->park_limit },
		{ OCKAM_A_NODE_TXQ_LIMIT, LIMIT_BYTES, &conf->txq_limit },
		{ OCKAM_A_NODE_MAX_MSG, OCKAM_MSG_MAX, &conf->max_msg },
		{ OCKAM_A_NODE_MAX_LINKS, LIMIT_OBJECTS, &conf->max_links },
		{ OCKAM_A_NODE_MAX_CHANNELS, LIMIT_OBJECTS,
		  &conf->max_channels },
		{ OCKAM_A_NODE_MAX_HOPS, LIMIT_OBJECTS, &conf->max_hops },
		{ OCKAM_A_NODE_REPLY_MS, LIMIT_REPLY_MS, &conf->reply_ms },
		{ OCKAM_A_NODE_FORWARD, U32_MAX, &conf->fwd },
		{ OCKAM_A_NODE_HOLD_MS, LIMIT_REPLY_MS, &conf->hold_ms },
		{ OCKAM_A_NODE_DEAD_MS, LIMIT_MS, &conf->dead_ms },
	};
	const struct nlattr *mem = info->attrs[OCKAM_A_NODE_MEM_LIMIT];
	struct ockam_reserved *reserved;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		err = ockam_nl_limit(info, set[i].attr, set[i].max);
		if (err)
			return err;
	}
	if (mem && nla_get_u64(mem) < LIMIT_MEM_MIN)
		return nl_refuse(info, OCKAM_A_NODE_MEM_LIMIT, -ERANGE,
				 "less than 1 MiB");
	err = nl_reserved(info, &reserved);
	if (err)
		return err;

	mutex_lock(&node->lock);
	for (i = 0; i < ARRAY_SIZE(set); i++)
		WRITE_ONCE(*set[i].value,
			   nl_u32(info, set[i].attr, *set[i].value));
	if (mem) {
		WRITE_ONCE(conf->mem_limit, min_t(u64, nla_get_u64(mem),
						  LONG_MAX / 2));
		ockam_mem_update(node);
	}
	if (!conf->hold_ms)
		ockam_holds_flush(node);
	if (reserved)
		ockam_names_reserve(node, reserved);
	node->gen++;
	ockam_nl_notify_node(node);
	mutex_unlock(&node->lock);
	return 0;
}
