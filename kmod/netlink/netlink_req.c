// SPDX-License-Identifier: GPL-2.0
/*
 * What requests and dumps of the netlink family have in common: reading
 * attributes with a word on what is wrong with them, finding objects,
 * answering.
 */
#include <linux/net.h>
#include <net/sock.h>

#include "router/name.h"
#include "netlink/netlink_priv.h"
#include "node/node.h"
#include "ground/route.h"

/* The buffer of a dump must hold the largest record. */
#define DUMP_ALLOC		8192

/* Cursor of a dump that has seen all ids; they have 31 bits. */
#define DUMP_END		LONG_MAX

/* ---- attributes ---- */

int ockam_nl_limit(struct genl_info *info, int attr, u32 max)
{
	if (nl_u32(info, attr, 0) > max)
		return nl_refuse(info, attr, -ERANGE,
				 "the value is out of range");
	return 0;
}

int ockam_nl_new_address(struct genl_info *info, int attr, u32 max,
			 const u8 **key)
{
	const struct nlattr *a = info->attrs[attr];
	const u8 *p;

	*key = NULL;
	if (!a)
		return 0;
	if (!nl_is_address(a))
		return nl_refuse(info, attr, -EINVAL,
				 "not one address in flat form");
	p = nla_data(a);
	if (p[0] != OCKAM_TYPE_LOCAL)
		return nl_refuse(info, attr, -EINVAL,
				 "the address must be of type 0");
	if (p[1] > max)
		return nl_refuse(info, attr, -EINVAL,
				 "the address is too long");
	if (ockam_name_is_random(p))
		return nl_refuse(info, attr, -EINVAL,
				 "32 hex digits are for random addresses");
	*key = p;
	return 0;
}

int ockam_nl_route(struct genl_info *info, int attr, const u8 **route,
		   u32 *len, u32 *hops)
{
	const struct nlattr *a = info->attrs[attr];
	int n;

	n = ockam_route_count(nla_data(a), nla_len(a));
	if (n == -EMSGSIZE)
		return nl_refuse(info, attr, n, "the route is too long");
	if (n < 1)
		return nl_refuse(info, attr, -EINVAL,
				 "not a route in flat form");
	*route = nla_data(a);
	*len = nla_len(a);
	*hops = n;
	return 0;
}

int ockam_nl_by_id(struct genl_info *info, int id, int address)
{
	if (info->attrs[id] && info->attrs[address])
		return nl_refuse(info, address, -EINVAL,
				 "give an id or an address, not both");
	if (info->attrs[id])
		return 1;
	if (!info->attrs[address])
		return nl_missing(info, id, "an id or an address is missing");
	if (!nl_is_address(info->attrs[address]))
		return nl_refuse(info, address, -EINVAL,
				 "not one address in flat form");
	return 0;
}

struct ockam_name *ockam_nl_lookup(struct ockam_node *node,
				   const struct nlattr *address,
				   enum ockam_name_kind kind)
{
	struct ockam_name *name;

	lockdep_assert_held(&node->lock);

	rcu_read_lock();
	name = ockam_name_lookup(node, nla_data(address));
	if (name && name->kind != kind)
		name = NULL;
	rcu_read_unlock();
	return name;
}

struct socket *ockam_nl_socket(struct genl_info *info, int attr)
{
	struct socket *sock;
	int err;

	sock = sockfd_lookup(nla_get_u32(info->attrs[attr]), &err);
	if (!sock)
		return ERR_PTR(nl_refuse(info, attr, err,
					 "not a descriptor of a socket"));
	if (!sock->sk || !net_eq(sock_net(sock->sk), genl_info_net(info))) {
		sockfd_put(sock);
		return ERR_PTR(nl_refuse(info, attr, -EINVAL,
					 "the socket is of another namespace"));
	}
	return sock;
}

void ockam_nl_blame(struct genl_info *info, int attr, int err)
{
	if (err == -EADDRINUSE && !info->extack->bad_attr)
		NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
}

/* ---- replies and dumps ---- */

struct sk_buff *ockam_nl_reply(const struct sk_buff *request,
			       const struct genl_info *info, u32 size,
			       struct ockam_nl_to *to)
{
	*to = (struct ockam_nl_to){
		.user_ns	= nl_user_ns(request),
		.portid		= info->snd_portid,
		.seq		= info->snd_seq,
		.cmd		= info->genlhdr->cmd,
	};
	return genlmsg_new(size, GFP_KERNEL);
}

int ockam_nl_send(struct sk_buff *skb, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

void ockam_nl_dump_to(struct netlink_callback *cb, struct ockam_nl_to *to,
		      u8 cmd)
{
	*to = (struct ockam_nl_to){
		.cb		= cb,
		.user_ns	= nl_user_ns(cb->skb),
		.portid		= NETLINK_CB(cb->skb).portid,
		.seq		= cb->nlh->nlmsg_seq,
		.flags		= NLM_F_MULTI,
		.cmd		= cmd,
	};
}

int ockam_nl_dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = DUMP_ALLOC;
	return 0;
}

int ockam_nl_dump_stop(struct netlink_callback *cb, const struct sk_buff *skb,
		       unsigned long id, int err)
{
	cb->args[0] = err ? id : DUMP_END;
	return skb->len ?: err;
}
