// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on hops. */
#include "router/hop.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"

static struct ockam_hop *nl_hop(struct ockam_node *node,
				struct genl_info *info)
{
	struct ockam_hop *hop = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = ockam_nl_by_id(info, OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		hop = xa_load(&node->hops,
			      nla_get_u32(info->attrs[OCKAM_A_HOP_ID]));
	} else {
		name = ockam_nl_lookup(node, info->attrs[OCKAM_A_HOP_ADDRESS],
				       OCKAM_NAME_HOP);
		if (name)
			hop = container_of(name, struct ockam_hop, name);
	}
	if (!hop)
		return ERR_PTR(nl_refuse(info, by_id ? OCKAM_A_HOP_ID :
					 OCKAM_A_HOP_ADDRESS, -ENOENT,
					 "no such hop"));
	return hop;
}

static int put_new_hop(struct sk_buff *skb, const struct ockam_nl_to *to,
		       const struct ockam_hop *hop)
{
	void *hdr;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr || nla_put_u32(skb, OCKAM_A_HOP_ID, hop->id))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

static int hop_scope(struct genl_info *info, u32 deflt, u32 *scope)
{
	*scope = nl_u32(info, OCKAM_A_HOP_SCOPE, deflt) | OCKAM_ACCEPT_LOCAL;
	if (*scope & OCKAM_ACCEPT_IDS)
		return nl_refuse(info, OCKAM_A_HOP_SCOPE, -EINVAL,
				 "a hop has no list of identifiers");
	return 0;
}

int ockam_nl_hop_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	const u8 *key, *route = NULL;
	u32 scope, len = 0, hops = 0;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	struct ockam_hop *hop;
	int err;

	if (!info->attrs[OCKAM_A_HOP_ADDRESS])
		return nl_missing(info, OCKAM_A_HOP_ADDRESS,
				  "the address is missing");
	err = ockam_nl_new_address(info, OCKAM_A_HOP_ADDRESS, OCKAM_ADDR_MAX,
				   &key);
	if (err)
		return err;
	err = hop_scope(info, 0, &scope);
	if (err)
		return err;
	if (info->attrs[OCKAM_A_HOP_ROUTE]) {
		err = ockam_nl_route(info, OCKAM_A_HOP_ROUTE, &route, &len,
				     &hops);
		if (err)
			return err;
	}
	reply = ockam_nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	hop = ockam_hop_new(node, key, scope, route, len, hops, info->extack);
	err = PTR_ERR_OR_ZERO(hop);
	if (!err)
		err = put_new_hop(reply, &to, hop);
	mutex_unlock(&node->lock);
	ockam_nl_blame(info, OCKAM_A_HOP_ADDRESS, err);
	return ockam_nl_send(reply, info, err);
}

int ockam_nl_hop_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_nl_to to;
	struct sk_buff *reply;
	struct ockam_hop *hop;
	int err;

	reply = ockam_nl_reply(skb, info, OCKAM_NL_HOP_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	hop = nl_hop(node, info);
	if (IS_ERR(hop))
		err = PTR_ERR(hop);
	else
		err = ockam_nl_put_hop(reply, &to, hop);
	mutex_unlock(&node->lock);
	return ockam_nl_send(reply, info, err);
}

int ockam_nl_hop_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(skb->sk));
	struct nlattr *tb[OCKAM_A_HOP_ADDRESS + 1];
	struct ockam_nl_to to;
	struct ockam_hop *hop;
	unsigned long id;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb, OCKAM_A_HOP_ADDRESS,
			    ockam_hop_get_nl_policy, cb->extack);
	if (err)
		return err;
	ockam_nl_dump_to(cb, &to, OCKAM_CMD_HOP_GET);

	mutex_lock(&node->lock);
	cb->seq = nl_dump_gen(node);
	xa_for_each_start(&node->hops, id, hop, cb->args[0]) {
		if (!nl_want_u32(tb, OCKAM_A_HOP_ID, hop->id) ||
		    !nl_want_key(tb, OCKAM_A_HOP_ADDRESS, hop->key))
			continue;
		err = ockam_nl_put_hop(skb, &to, hop);
		if (err)
			break;
	}
	mutex_unlock(&node->lock);
	return ockam_nl_dump_stop(cb, skb, id, err);
}

static int hop_set(struct ockam_node *node, struct genl_info *info)
{
	struct ockam_hop *hop = nl_hop(node, info);
	u32 scope, len, hops;
	const u8 *route;
	int err;

	if (IS_ERR(hop))
		return PTR_ERR(hop);
	err = hop_scope(info, hop->scope, &scope);
	if (err)
		return err;
	route = hop->route;
	len = hop->route_len;
	hops = hop->route_hops;
	if (info->attrs[OCKAM_A_HOP_ROUTE]) {
		err = ockam_nl_route(info, OCKAM_A_HOP_ROUTE, &route, &len,
				     &hops);
		if (err)
			return err;
	}
	return ockam_hop_set(node, hop, scope, route, len, hops);
}

int ockam_nl_hop_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	int err;

	mutex_lock(&node->lock);
	err = hop_set(node, info);
	mutex_unlock(&node->lock);
	return err;
}

int ockam_nl_hop_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_hop *hop;
	int err = 0;

	mutex_lock(&node->lock);
	hop = nl_hop(node, info);
	if (IS_ERR(hop))
		err = PTR_ERR(hop);
	else
		ockam_hop_del(node, hop);
	mutex_unlock(&node->lock);
	return err;
}

int ockam_nl_hop_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);

	mutex_lock(&node->lock);
	ockam_hop_flush(node);
	mutex_unlock(&node->lock);
	return 0;
}
