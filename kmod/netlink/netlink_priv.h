/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the netlink family: what its requests have in common.
 *
 * Requests run in parallel (parallel_ops); each takes node->lock, under which
 * no link, channel or hop of the node appears or goes away.  Workers are not
 * under it: they are looked at under RCU.
 *
 * info->attrs reaches only as far as the request's own policy.
 */
#ifndef _OCKAM_NETLINK_PRIV_H
#define _OCKAM_NETLINK_PRIV_H

#include <net/genetlink.h>
#include <net/sock.h>

#include "router/name.h"
#include "netlink/netlink.h"
#include "node/node.h"
#include "ground/route.h"

struct socket;

/* Limits that policies cannot hold on 6.1. */
#define LIMIT_MS		3600000
#define LIMIT_OBJECTS		(1U << 20)

/* Say why, and which attribute is to blame (if it is there). */
#define nl_refuse(info, attr, err, msg) ({				\
	struct genl_info *__i = (info);					\
									\
	NL_SET_ERR_MSG_ATTR(__i->extack, __i->attrs[attr], msg);	\
	(err);								\
})

/* An attribute that must be there is not. */
#define nl_missing(info, attr, msg) ({					\
	struct genl_info *__i = (info);					\
									\
	NL_SET_ERR_ATTR_MISS(__i->extack, NULL, attr);			\
	NL_SET_ERR_MSG(__i->extack, msg);				\
	-EINVAL;							\
})

static inline struct ockam_node *nl_node(struct genl_info *info)
{
	return ockam_node(genl_info_net(info));
}

static inline bool nl_is_admin(const struct sk_buff *request,
			       const struct net *net)
{
	return netlink_ns_capable(request, net->user_ns, CAP_NET_ADMIN);
}

static inline struct user_namespace *nl_user_ns(const struct sk_buff *request)
{
	return sk_user_ns(NETLINK_CB(request).sk);
}

static inline u32 nl_u32(const struct genl_info *info, int attr, u32 absent)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : absent;
}

/* Is it one address in flat form? */
static inline bool nl_is_address(const struct nlattr *a)
{
	return ockam_route_count(nla_data(a), nla_len(a)) == 1;
}

/* -ERANGE if there is a value and it is above @max. */
int ockam_nl_limit(struct genl_info *info, int attr, u32 max);

/* An address for something new: local, 1 to @max bytes; NULL if absent. */
int ockam_nl_new_address(struct genl_info *info, int attr, u32 max,
			 const u8 **key);

/* A route, which is there, of at least one hop. */
int ockam_nl_route(struct genl_info *info, int attr, const u8 **route, u32 *len,
		   u32 *hops);

/*
 * Objects are named by id or by address, one of the two: 1 if by @id, 0 if by
 * @address, or an error.  With node->lock held what is found stays.
 */
int ockam_nl_by_id(struct genl_info *info, int id, int address);

/* What @address names, if it is a @kind.  With node->lock held. */
struct ockam_name *ockam_nl_lookup(struct ockam_node *node,
				   const struct nlattr *address,
				   enum ockam_name_kind kind);

/* The socket behind a descriptor of the caller, in this namespace. */
struct socket *ockam_nl_socket(struct genl_info *info, int attr);

/* Who makes the object knows no attributes: the address was taken. */
void ockam_nl_blame(struct genl_info *info, int attr, int err);

/* Room for an answer of @size bytes, and what @to it; NULL: no memory. */
struct sk_buff *ockam_nl_reply(const struct sk_buff *request,
			       const struct genl_info *info, u32 size,
			       struct ockam_nl_to *to);

/* Answer with @skb, or free it and return @err if that is not 0. */
int ockam_nl_send(struct sk_buff *skb, struct genl_info *info, int err);

/* The records of a dump go @to, as command @cmd. */
void ockam_nl_dump_to(struct netlink_callback *cb, struct ockam_nl_to *to,
		      u8 cmd);

/* Every dump begins with it. */
int ockam_nl_dump_start(struct netlink_callback *cb);

/* @err is -EMSGSIZE when the record at @id did not fit: it comes next. */
int ockam_nl_dump_stop(struct netlink_callback *cb, const struct sk_buff *skb,
		       unsigned long id, int err);

/* Zero means "nothing to compare with" to the core. */
static inline unsigned int nl_dump_gen(const struct ockam_node *node)
{
	return node->gen ?: 1;
}

/* The filters of a dump: does @value satisfy attribute @attr? */
static inline bool nl_want_u32(struct nlattr **tb, int attr, u32 value)
{
	return !tb[attr] || nla_get_u32(tb[attr]) == value;
}

static inline bool nl_want_key(struct nlattr **tb, int attr, const u8 *key)
{
	return !tb[attr] || (nla_len(tb[attr]) == ockam_key_size(key) &&
			     !memcmp(nla_data(tb[attr]), key, nla_len(tb[attr])));
}

/* Dumps that keep more than a cursor, or must not begin. */
int ockam_nl_worker_dump_start(struct netlink_callback *cb);
int ockam_nl_worker_dump_done(struct netlink_callback *cb);
int ockam_nl_channel_new_start(struct netlink_callback *cb);
int ockam_nl_channel_new_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);

#endif /* _OCKAM_NETLINK_PRIV_H */
