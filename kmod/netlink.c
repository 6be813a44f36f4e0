// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family "ockam": requests on the objects of a node.
 * Documentation/netlink/specs/ockam.yaml describes them; netlink-gen.c holds
 * the policies made from it, notify.c what objects look like.
 *
 * Requests run in parallel (parallel_ops); each takes node->lock, under which
 * no link, channel or hop of the node appears or goes away.  Workers are not
 * under it: they are looked at under RCU.
 *
 * info->attrs reaches only as far as the request's own policy.
 */
#include <linux/net.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "channel.h"
#include "hop.h"
#include "limit.h"
#include "link.h"
#include "netlink.h"
#include "netlink-gen.h"
#include "node.h"
#include "notify.h"
#include "policy.h"
#include "route.h"
#include "senders.h"
#include "sock.h"

#define RECONNECT_MIN_MS	500
#define RECONNECT_MAX_MS	30000
#define MAX_ACCEPTED		1024

/* Limits that policies cannot hold on 6.1. */
#define LIMIT_MS		3600000
#define LIMIT_REPLY_MS		86400000
#define LIMIT_BYTES		(1U << 30)
#define LIMIT_OBJECTS		(1U << 20)

/* The buffer of a dump must hold the largest record. */
#define DUMP_ALLOC		8192

/* Cursor of a dump that has seen all ids; they have 31 bits. */
#define DUMP_END		LONG_MAX

/* ---- helpers ---- */

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

static struct ockam_node *nl_node(struct genl_info *info)
{
	return ockam_node(genl_info_net(info));
}

static bool nl_is_admin(const struct sk_buff *request, const struct net *net)
{
	return netlink_ns_capable(request, net->user_ns, CAP_NET_ADMIN);
}

static struct user_namespace *nl_user_ns(const struct sk_buff *request)
{
	return sk_user_ns(NETLINK_CB(request).sk);
}

static u32 nl_u32(const struct genl_info *info, int attr, u32 absent)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : absent;
}

static int nl_limit(struct genl_info *info, int attr, u32 max)
{
	if (nl_u32(info, attr, 0) > max)
		return nl_refuse(info, attr, -ERANGE,
				 "the value is out of range");
	return 0;
}

/* Is it one address in flat form? */
static bool nla_is_address(const struct nlattr *a)
{
	return ockam_route_count(nla_data(a), nla_len(a)) == 1;
}

/* An address for something new: local, 1 to @max bytes; NULL if absent. */
static int nl_new_address(struct genl_info *info, int attr, u32 max,
			  const u8 **key)
{
	const struct nlattr *a = info->attrs[attr];
	const u8 *p;

	*key = NULL;
	if (!a)
		return 0;
	if (!nla_is_address(a))
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

/* A route, which is there, of at least one hop. */
static int nl_route(struct genl_info *info, int attr, const u8 **route,
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

/*
 * Objects are named by id or by address, one of the two.  With node->lock held
 * what is found stays.
 */
static int nl_by_id(struct genl_info *info, int id, int address)
{
	if (info->attrs[id] && info->attrs[address])
		return nl_refuse(info, address, -EINVAL,
				 "give an id or an address, not both");
	if (info->attrs[id])
		return 1;
	if (!info->attrs[address])
		return nl_missing(info, id, "an id or an address is missing");
	if (!nla_is_address(info->attrs[address]))
		return nl_refuse(info, address, -EINVAL,
				 "not one address in flat form");
	return 0;
}

static struct ockam_name *nl_lookup(struct ockam_node *node,
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

static struct ockam_link *nl_link(struct ockam_node *node,
				  struct genl_info *info)
{
	struct ockam_link *link = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = nl_by_id(info, OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		link = xa_load(&node->links,
			       nla_get_u32(info->attrs[OCKAM_A_LINK_ID]));
	} else {
		name = nl_lookup(node, info->attrs[OCKAM_A_LINK_NAME],
				 OCKAM_NAME_LINK);
		if (name)
			link = ockam_sink_link(name->sink);
	}
	if (!link)
		return ERR_PTR(nl_refuse(info, by_id ? OCKAM_A_LINK_ID :
					 OCKAM_A_LINK_NAME, -ENOENT,
					 "no such link"));
	return link;
}

static struct ockam_channel *nl_channel(struct ockam_node *node,
					struct genl_info *info)
{
	struct ockam_channel *ch = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = nl_by_id(info, OCKAM_A_CHANNEL_ID, OCKAM_A_CHANNEL_ENCRYPTOR);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		ch = xa_load(&node->channels,
			     nla_get_u32(info->attrs[OCKAM_A_CHANNEL_ID]));
	} else {
		name = nl_lookup(node, info->attrs[OCKAM_A_CHANNEL_ENCRYPTOR],
				 OCKAM_NAME_ENCRYPTOR);
		if (name)
			ch = container_of(name, struct ockam_channel, enc);
	}
	if (!ch)
		return ERR_PTR(nl_refuse(info, by_id ? OCKAM_A_CHANNEL_ID :
					 OCKAM_A_CHANNEL_ENCRYPTOR, -ENOENT,
					 "no such channel"));
	return ch;
}

static struct ockam_hop *nl_hop(struct ockam_node *node,
				struct genl_info *info)
{
	struct ockam_hop *hop = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = nl_by_id(info, OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		hop = xa_load(&node->hops,
			      nla_get_u32(info->attrs[OCKAM_A_HOP_ID]));
	} else {
		name = nl_lookup(node, info->attrs[OCKAM_A_HOP_ADDRESS],
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

/* ---- replies and dumps ---- */

static struct sk_buff *nl_reply(const struct sk_buff *request,
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

static int nl_send(struct sk_buff *skb, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

static void nl_dump_to(struct netlink_callback *cb, struct ockam_nl_to *to,
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

static int nl_dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = DUMP_ALLOC;
	return 0;
}

/* Zero means "nothing to compare with" to the core. */
static unsigned int nl_dump_gen(const struct ockam_node *node)
{
	return node->gen ?: 1;
}

/* @err is -EMSGSIZE when the record at @id did not fit: it comes next. */
static int nl_dump_stop(struct netlink_callback *cb, const struct sk_buff *skb,
			unsigned long id, int err)
{
	cb->args[0] = err ? id : DUMP_END;
	return skb->len ?: err;
}

/* The filters of a dump: does @value satisfy attribute @attr? */
static bool nl_want_u32(struct nlattr **tb, int attr, u32 value)
{
	return !tb[attr] || nla_get_u32(tb[attr]) == value;
}

static bool nl_want_key(struct nlattr **tb, int attr, const u8 *key)
{
	return !tb[attr] || (nla_len(tb[attr]) == ockam_key_size(key) &&
			     !memcmp(nla_data(tb[attr]), key, nla_len(tb[attr])));
}

/* ---- node ---- */

int ockam_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = nl_reply(skb, info, OCKAM_NL_NODE_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	err = ockam_nl_put_node(reply, &to, node,
				nl_is_admin(skb, node->net));
	mutex_unlock(&node->lock);
	return nl_send(reply, info, err);
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
	};
	struct ockam_reserved *reserved;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		err = nl_limit(info, set[i].attr, set[i].max);
		if (err)
			return err;
	}
	err = nl_reserved(info, &reserved);
	if (err)
		return err;

	mutex_lock(&node->lock);
	for (i = 0; i < ARRAY_SIZE(set); i++)
		WRITE_ONCE(*set[i].value,
			   nl_u32(info, set[i].attr, *set[i].value));
	if (!conf->hold_ms)
		ockam_holds_flush(node);
	if (reserved)
		ockam_names_reserve(node, reserved);
	node->gen++;
	ockam_notify_node(node);
	mutex_unlock(&node->lock);
	return 0;
}

/* ---- workers ---- */

/* Under RCU. */
static int put_worker(struct sk_buff *skb, const struct ockam_nl_to *to,
		      const u8 *key, struct ockam_sock *osk)
{
	const struct ockam_scope *scope = rcu_dereference(osk->scope);
	struct sock *sk = &osk->sk;
	void *hdr;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr)
		return -EMSGSIZE;
	if (to->cb)
		genl_dump_check_consistent(to->cb, hdr);

	if (nla_put(skb, OCKAM_A_WORKER_ADDRESS, ockam_key_size(key), key) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_UID,
			from_kuid_munged(to->user_ns, sk->sk_uid)) ||
	    nla_put_u64_64bit(skb, OCKAM_A_WORKER_INODE, sock_i_ino(sk),
			      OCKAM_A_WORKER_PAD) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_SCOPE,
			scope ? scope->scope : OCKAM_ACCEPT_LOCAL) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_QUEUED, sk_rmem_alloc_get(sk)) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_PARKED,
			skb_queue_len_lockless(&osk->sink.parked)) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_DROPS,
			atomic_read(&sk->sk_drops)) ||
	    (READ_ONCE(osk->handshake) &&
	     nla_put_flag(skb, OCKAM_A_WORKER_HANDSHAKE))) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/*
 * Does it belong to the caller?  As with capabilities, who opened the netlink
 * socket counts as well as who sends: a program that was handed one lends
 * nothing.
 */
static bool nl_is_own(const struct sk_buff *request, kuid_t uid)
{
	return uid_eq(uid, NETLINK_CREDS(request)->uid) &&
	       uid_eq(uid, NETLINK_CB(request).sk->sk_uid);
}

/* The socket behind an entry, if it is one that the caller may see. */
static struct ockam_sock *visible_worker(struct ockam_name *name,
					 const struct sk_buff *request,
					 bool admin)
{
	struct ockam_sock *osk;

	if (!name || name->kind != OCKAM_NAME_WORKER)
		return NULL;
	osk = container_of(name, struct ockam_sock, name);
	if (!admin && !nl_is_own(request, osk->sk.sk_uid))
		return NULL;
	return osk;
}

int ockam_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *address = info->attrs[OCKAM_A_WORKER_ADDRESS];
	struct ockam_node *node = nl_node(info);
	bool admin = nl_is_admin(skb, node->net);
	struct ockam_sock *osk;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	if (!address)
		return nl_missing(info, OCKAM_A_WORKER_ADDRESS,
				  "the address is missing");
	if (!nla_is_address(address))
		return nl_refuse(info, OCKAM_A_WORKER_ADDRESS, -EINVAL,
				 "not one address in flat form");
	reply = nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	rcu_read_lock();
	osk = visible_worker(ockam_name_lookup(node, nla_data(address)), skb,
			     admin);
	if (osk)
		err = put_worker(reply, &to, nla_data(address), osk);
	else
		err = nl_refuse(info, OCKAM_A_WORKER_ADDRESS, -ENOENT,
				"no such worker");
	rcu_read_unlock();
	return nl_send(reply, info, err);
}

static int worker_dump_start(struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(cb->skb->sk));
	struct rhashtable_iter *iter;

	iter = kmalloc(sizeof(*iter), GFP_KERNEL);
	if (!iter)
		return -ENOMEM;
	rhashtable_walk_enter(&node->names, iter);
	cb->args[0] = (long)iter;
	cb->seq = 1;
	return nl_dump_start(cb);
}

static int worker_dump_done(struct netlink_callback *cb)
{
	struct rhashtable_iter *iter = (void *)cb->args[0];

	rhashtable_walk_exit(iter);
	kfree(iter);
	return 0;
}

int ockam_nl_worker_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb)
{
	struct nlattr *tb[OCKAM_A_WORKER_ADDRESS + 1];
	struct rhashtable_iter *iter = (void *)cb->args[0];
	struct ockam_name *name;
	struct ockam_sock *osk;
	struct ockam_nl_to to;
	bool admin;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb,
			    OCKAM_A_WORKER_ADDRESS,
			    ockam_worker_get_nl_policy, cb->extack);
	if (err)
		return err;
	nl_dump_to(cb, &to, OCKAM_CMD_WORKER_GET);
	admin = nl_is_admin(cb->skb, sock_net(cb->skb->sk));

	rhashtable_walk_start(iter);
	/* First the one that did not fit the last time. */
	name = rhashtable_walk_peek(iter);
	for (; name; name = rhashtable_walk_next(iter)) {
		if (IS_ERR(name)) {
			/* Resized: begins again, so say it is inconsistent. */
			cb->seq++;
			continue;
		}
		osk = visible_worker(name, cb->skb, admin);
		if (!osk || !nl_want_key(tb, OCKAM_A_WORKER_ADDRESS, name->key))
			continue;
		err = put_worker(skb, &to, name->key, osk);
		if (err)
			break;
	}
	rhashtable_walk_stop(iter);
	return skb->len ?: err;
}

/* ---- links ---- */

/* An IP address with its port, or neither: then the family stays 0. */
static int nl_endpoint(struct genl_info *info, int ip, int port, int scope_id,
		       union ockam_endpoint *ep)
{
	const struct nlattr *a = info->attrs[ip];

	if (!a && !info->attrs[port] && !info->attrs[scope_id])
		return 0;
	if (!a)
		return nl_missing(info, ip, "the IP address is missing");
	if (!info->attrs[port])
		return nl_missing(info, port, "the port is missing");

	switch (nla_len(a)) {
	case sizeof(struct in_addr):
		if (info->attrs[scope_id])
			return nl_refuse(info, scope_id, -EINVAL,
					 "only IPv6 knows scopes");
		ep->in.sin_family = AF_INET;
		ep->in.sin_port = nla_get_be16(info->attrs[port]);
		ep->in.sin_addr.s_addr = nla_get_in_addr(a);
		return 0;
	case sizeof(struct in6_addr):
		ep->in6.sin6_family = AF_INET6;
		ep->in6.sin6_port = nla_get_be16(info->attrs[port]);
		ep->in6.sin6_addr = nla_get_in6_addr(a);
		ep->in6.sin6_scope_id = nl_u32(info, scope_id, 0);
		return 0;
	default:
		return nl_refuse(info, ip, -EINVAL,
				 "an IP address has 4 or 16 bytes");
	}
}

static int nl_link_endpoints(struct genl_info *info,
			     struct ockam_link_config *cfg)
{
	int err;

	err = nl_endpoint(info, OCKAM_A_LINK_LOCAL_IP, OCKAM_A_LINK_LOCAL_PORT,
			  OCKAM_A_LINK_LOCAL_SCOPE_ID, &cfg->local);
	if (err)
		return err;
	err = nl_endpoint(info, OCKAM_A_LINK_REMOTE_IP,
			  OCKAM_A_LINK_REMOTE_PORT,
			  OCKAM_A_LINK_REMOTE_SCOPE_ID, &cfg->remote);
	if (err)
		return err;

	switch (cfg->mode) {
	case OCKAM_LINK_MODE_CONNECT:
		if (!cfg->remote.sa.sa_family)
			return nl_missing(info, OCKAM_A_LINK_REMOTE_IP,
					  "where to connect to is missing");
		if (cfg->local.sa.sa_family &&
		    cfg->local.sa.sa_family != cfg->remote.sa.sa_family)
			return nl_refuse(info, OCKAM_A_LINK_LOCAL_IP, -EINVAL,
					 "IPv4 and IPv6 do not mix");
		return 0;
	case OCKAM_LINK_MODE_LISTEN:
		if (!cfg->local.sa.sa_family)
			return nl_missing(info, OCKAM_A_LINK_LOCAL_IP,
					  "where to listen is missing");
		if (cfg->remote.sa.sa_family)
			return nl_refuse(info, OCKAM_A_LINK_REMOTE_IP, -EINVAL,
					 "a listening link has no peer");
		return 0;
	default:
		if (cfg->local.sa.sa_family)
			return nl_refuse(info, OCKAM_A_LINK_LOCAL_IP, -EINVAL,
					 "the socket has its addresses");
		if (cfg->remote.sa.sa_family)
			return nl_refuse(info, OCKAM_A_LINK_REMOTE_IP, -EINVAL,
					 "the socket has its addresses");
		return 0;
	}
}

static int nl_link_limits(struct genl_info *info)
{
	return nl_limit(info, OCKAM_A_LINK_RECONNECT_MIN_MS, LIMIT_MS) ?:
	       nl_limit(info, OCKAM_A_LINK_RECONNECT_MAX_MS, LIMIT_MS) ?:
	       nl_limit(info, OCKAM_A_LINK_MAX_ACCEPTED, LIMIT_OBJECTS) ?:
	       nl_limit(info, OCKAM_A_LINK_FRAME_MS, LIMIT_MS);
}

/* The ranges of an attribute: their number, or an error. */
static int nl_ranges(struct genl_info *info, int attr)
{
	const struct nlattr *a = info->attrs[attr];

	if (!a)
		return 0;
	if (nla_len(a) % sizeof(struct ockam_id_range))
		return nl_refuse(info, attr, -EINVAL,
				 "not pairs of a first and a last id");
	if (nla_len(a) > OCKAM_SENDERS_MAX * sizeof(struct ockam_id_range))
		return nl_refuse(info, attr, -EMSGSIZE, "too many ranges");
	return nla_len(a) / sizeof(struct ockam_id_range);
}

static int nl_take_ranges(struct genl_info *info, int attr,
			  struct user_namespace *ns,
			  struct ockam_id_range *range, u32 n)
{
	bool uids = attr == OCKAM_A_LINK_SEND_UIDS;

	if (!n)
		return 0;
	memcpy(range, nla_data(info->attrs[attr]), n * sizeof(*range));
	for (; n; n--, range++) {
		if (range->first > range->last)
			return nl_refuse(info, attr, -EINVAL,
					 "a range ends before it begins");
		if (uids && (!uid_valid(make_kuid(ns, range->first)) ||
			     !uid_valid(make_kuid(ns, range->last))))
			return nl_refuse(info, attr, -EINVAL, "no such user");
		if (!uids && (!gid_valid(make_kgid(ns, range->first)) ||
			      !gid_valid(make_kgid(ns, range->last))))
			return nl_refuse(info, attr, -EINVAL, "no such group");
	}
	return 0;
}

/* A reference; NULL: everybody may send, or nothing is said. */
static int nl_link_senders(const struct sk_buff *skb, struct genl_info *info,
			   struct ockam_senders **senders)
{
	struct user_namespace *ns = nl_user_ns(skb);
	int nuids, ngids, err;
	struct ockam_senders *s;

	*senders = NULL;
	nuids = nl_ranges(info, OCKAM_A_LINK_SEND_UIDS);
	if (nuids < 0)
		return nuids;
	ngids = nl_ranges(info, OCKAM_A_LINK_SEND_GIDS);
	if (ngids < 0)
		return ngids;
	if (!nuids && !ngids)
		return 0;

	s = ockam_senders_new(ns, nuids, ngids);
	if (!s)
		return -ENOMEM;
	err = nl_take_ranges(info, OCKAM_A_LINK_SEND_UIDS, ns, s->range,
			     nuids) ?:
	      nl_take_ranges(info, OCKAM_A_LINK_SEND_GIDS, ns,
			     s->range + nuids, ngids);
	if (err) {
		ockam_senders_put(s);
		return err;
	}
	*senders = s;
	return 0;
}

static int nl_link_config(struct genl_info *info,
			  struct ockam_link_config *cfg)
{
	bool connect, tcp;
	int err;

	err = nl_link_limits(info);
	if (err)
		return err;
	if (!info->attrs[OCKAM_A_LINK_MODE])
		return nl_missing(info, OCKAM_A_LINK_MODE,
				  "the mode is missing");
	cfg->mode = nla_get_u32(info->attrs[OCKAM_A_LINK_MODE]);
	if (cfg->mode == OCKAM_LINK_MODE_ACCEPTED)
		return nl_refuse(info, OCKAM_A_LINK_MODE, -EINVAL,
				 "only a listening link makes such links");
	cfg->kind = nl_u32(info, OCKAM_A_LINK_KIND, OCKAM_LINK_KIND_TCP);
	tcp = cfg->kind == OCKAM_LINK_KIND_TCP;
	if (!tcp && cfg->mode == OCKAM_LINK_MODE_HANDOVER)
		return nl_refuse(info, OCKAM_A_LINK_KIND, -EOPNOTSUPP,
				 "only TCP sockets are taken over");

	err = nl_new_address(info, OCKAM_A_LINK_NAME, OCKAM_NAME_LEN,
			     &cfg->name);
	if (err)
		return err;
	err = nl_link_endpoints(info, cfg);
	if (err)
		return err;

	connect = tcp && cfg->mode == OCKAM_LINK_MODE_CONNECT;
	if (!connect && info->attrs[OCKAM_A_LINK_RECONNECT_MIN_MS])
		return nl_refuse(info, OCKAM_A_LINK_RECONNECT_MIN_MS, -EINVAL,
				 "only a connecting link connects again");
	if (!connect && info->attrs[OCKAM_A_LINK_RECONNECT_MAX_MS])
		return nl_refuse(info, OCKAM_A_LINK_RECONNECT_MAX_MS, -EINVAL,
				 "only a connecting link connects again");
	if (connect) {
		cfg->reconnect_min_ms = nl_u32(info,
					       OCKAM_A_LINK_RECONNECT_MIN_MS,
					       RECONNECT_MIN_MS);
		cfg->reconnect_max_ms = nl_u32(info,
					       OCKAM_A_LINK_RECONNECT_MAX_MS,
					       max_t(u32, RECONNECT_MAX_MS,
						     cfg->reconnect_min_ms));
	}
	if (cfg->reconnect_max_ms < cfg->reconnect_min_ms)
		return nl_refuse(info, OCKAM_A_LINK_RECONNECT_MAX_MS, -EINVAL,
				 "the longest delay is below the first");

	if (tcp && cfg->mode == OCKAM_LINK_MODE_LISTEN)
		cfg->max_accepted = nl_u32(info, OCKAM_A_LINK_MAX_ACCEPTED,
					   MAX_ACCEPTED);
	else if (info->attrs[OCKAM_A_LINK_MAX_ACCEPTED])
		return nl_refuse(info, OCKAM_A_LINK_MAX_ACCEPTED, -EINVAL,
				 "only a listening link accepts");
	cfg->frame_ms = nl_u32(info, OCKAM_A_LINK_FRAME_MS, 0);
	return 0;
}

/* The socket behind a descriptor of the caller, in this namespace. */
static struct socket *nl_socket(struct genl_info *info, int attr)
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

static int nl_link_socket(struct genl_info *info,
			  struct ockam_link_config *cfg)
{
	if (cfg->mode != OCKAM_LINK_MODE_HANDOVER) {
		if (info->attrs[OCKAM_A_LINK_FD])
			return nl_refuse(info, OCKAM_A_LINK_FD, -EINVAL,
					 "the mode is not handover");
		return 0;
	}
	if (!info->attrs[OCKAM_A_LINK_FD])
		return nl_missing(info, OCKAM_A_LINK_FD,
				  "the socket to hand over is missing");
	cfg->sock = nl_socket(info, OCKAM_A_LINK_FD);
	return PTR_ERR_OR_ZERO(cfg->sock);
}

/* Who makes the object knows no attributes. */
static void nl_blame(struct genl_info *info, int attr, int err)
{
	if (err == -EADDRINUSE && !info->extack->bad_attr)
		NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
}

/* With node->lock held, after ockam_link_new(). */
static void nl_link_blame(struct genl_info *info, struct ockam_node *node,
			  const struct ockam_link_config *cfg, int err)
{
	bool taken = false;
	int attr;

	if (info->extack->bad_attr || err == -ENOSPC || err == -ENOMEM)
		return;
	if (err == -EADDRINUSE && cfg->name) {
		rcu_read_lock();
		taken = ockam_name_lookup(node, cfg->name);
		rcu_read_unlock();
	}
	if (taken)
		attr = OCKAM_A_LINK_NAME;
	else if (cfg->mode == OCKAM_LINK_MODE_HANDOVER)
		attr = OCKAM_A_LINK_FD;
	else if (cfg->mode == OCKAM_LINK_MODE_LISTEN)
		attr = OCKAM_A_LINK_LOCAL_IP;
	else
		attr = OCKAM_A_LINK_REMOTE_IP;
	NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
}

static int put_new_link(struct sk_buff *skb, const struct ockam_nl_to *to,
			const struct ockam_link *link)
{
	const union ockam_endpoint *ep = &link->local;
	__be16 port = 0;
	void *hdr;

	if (ep->sa.sa_family == AF_INET)
		port = ep->in.sin_port;
	else if (ep->sa.sa_family == AF_INET6)
		port = ep->in6.sin6_port;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr ||
	    nla_put_u32(skb, OCKAM_A_LINK_ID, link->id) ||
	    nla_put(skb, OCKAM_A_LINK_NAME, ockam_key_size(link->name_key),
		    link->name_key) ||
	    (port && nla_put_be16(skb, OCKAM_A_LINK_LOCAL_PORT, port)))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

int ockam_nl_link_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_link_config cfg = {};
	struct ockam_link *link;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	err = ockam_limit_check(node, info->extack);
	if (err)
		return err;
	err = nl_link_config(info, &cfg);
	if (err)
		return err;
	reply = nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;
	err = nl_link_senders(skb, info, &cfg.senders);
	if (err)
		goto free;
	err = nl_link_socket(info, &cfg);
	if (err)
		goto put;

	mutex_lock(&node->lock);
	link = ockam_link_new(node, &cfg, info->extack);
	err = PTR_ERR_OR_ZERO(link);
	if (err)
		nl_link_blame(info, node, &cfg, err);
	else
		err = put_new_link(reply, &to, link);
	mutex_unlock(&node->lock);

	if (cfg.sock)
		sockfd_put(cfg.sock);
put:
	ockam_senders_put(cfg.senders);
free:
	return nl_send(reply, info, err);
}

int ockam_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_link *link;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = nl_reply(skb, info, OCKAM_NL_LINK_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	link = nl_link(node, info);
	if (IS_ERR(link))
		err = PTR_ERR(link);
	else
		err = ockam_nl_put_link(reply, &to, link);
	mutex_unlock(&node->lock);
	return nl_send(reply, info, err);
}

int ockam_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(skb->sk));
	struct nlattr *tb[OCKAM_A_LINK_PARENT + 1];
	struct ockam_link *link;
	struct ockam_nl_to to;
	unsigned long id;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb, OCKAM_A_LINK_PARENT,
			    ockam_link_get_nl_policy, cb->extack);
	if (err)
		return err;
	nl_dump_to(cb, &to, OCKAM_CMD_LINK_GET);

	mutex_lock(&node->lock);
	cb->seq = nl_dump_gen(node);
	xa_for_each_start(&node->links, id, link, cb->args[0]) {
		if (!nl_want_u32(tb, OCKAM_A_LINK_ID, link->id) ||
		    !nl_want_key(tb, OCKAM_A_LINK_NAME, link->name_key) ||
		    !nl_want_u32(tb, OCKAM_A_LINK_KIND, link->config.kind) ||
		    !nl_want_u32(tb, OCKAM_A_LINK_MODE, link->config.mode) ||
		    !nl_want_u32(tb, OCKAM_A_LINK_STATE,
				 READ_ONCE(link->state)) ||
		    !nl_want_u32(tb, OCKAM_A_LINK_PARENT, link->parent))
			continue;
		err = ockam_nl_put_link(skb, &to, link);
		if (err)
			break;
	}
	mutex_unlock(&node->lock);
	return nl_dump_stop(cb, skb, id, err);
}

static int nl_link_change(struct genl_info *info, struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	u32 min_ms, max_ms;
	int attr, err;

	err = nl_link_limits(info);
	if (err)
		return err;
	attr = info->attrs[OCKAM_A_LINK_RECONNECT_MIN_MS] ?
	       OCKAM_A_LINK_RECONNECT_MIN_MS : OCKAM_A_LINK_RECONNECT_MAX_MS;
	min_ms = nl_u32(info, OCKAM_A_LINK_RECONNECT_MIN_MS,
			cfg->reconnect_min_ms);
	max_ms = nl_u32(info, OCKAM_A_LINK_RECONNECT_MAX_MS,
			cfg->reconnect_max_ms);
	if (info->attrs[attr] && (cfg->mode != OCKAM_LINK_MODE_CONNECT ||
				  cfg->kind != OCKAM_LINK_KIND_TCP))
		return nl_refuse(info, attr, -EINVAL,
				 "only a connecting link connects again");
	if (info->attrs[OCKAM_A_LINK_RECONNECT_MAX_MS])
		attr = OCKAM_A_LINK_RECONNECT_MAX_MS;
	if (max_ms < min_ms)
		return nl_refuse(info, attr, -EINVAL,
				 "the longest delay is below the first");
	if (info->attrs[OCKAM_A_LINK_MAX_ACCEPTED] &&
	    (cfg->mode != OCKAM_LINK_MODE_LISTEN ||
	     cfg->kind != OCKAM_LINK_KIND_TCP))
		return nl_refuse(info, OCKAM_A_LINK_MAX_ACCEPTED, -EINVAL,
				 "only a listening link accepts");

	WRITE_ONCE(cfg->reconnect_min_ms, min_ms);
	WRITE_ONCE(cfg->reconnect_max_ms, max_ms);
	WRITE_ONCE(cfg->max_accepted, nl_u32(info, OCKAM_A_LINK_MAX_ACCEPTED,
					     cfg->max_accepted));
	WRITE_ONCE(cfg->frame_ms, nl_u32(info, OCKAM_A_LINK_FRAME_MS,
					 cfg->frame_ms));
	return 0;
}

int ockam_nl_link_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_senders *senders;
	struct ockam_link *link;
	int err;

	err = nl_link_senders(skb, info, &senders);
	if (err)
		return err;

	mutex_lock(&node->lock);
	link = nl_link(node, info);
	if (IS_ERR(link))
		err = PTR_ERR(link);
	else
		err = nl_link_change(info, link);
	if (!err && (info->attrs[OCKAM_A_LINK_SEND_UIDS] ||
		     info->attrs[OCKAM_A_LINK_SEND_GIDS])) {
		ockam_link_set_senders(link, senders);
		senders = NULL;
	}
	if (!err) {
		node->gen++;
		ockam_notify_link(link, false);
	}
	mutex_unlock(&node->lock);
	ockam_senders_put(senders);
	return err;
}

int ockam_nl_link_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_link *link;
	int err = 0;

	mutex_lock(&node->lock);
	link = nl_link(node, info);
	if (IS_ERR(link))
		err = PTR_ERR(link);
	else
		ockam_link_del(link, OCKAM_LINK_REASON_DELETED);
	mutex_unlock(&node->lock);
	return err;
}

int ockam_nl_link_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);

	mutex_lock(&node->lock);
	ockam_link_flush(node);
	mutex_unlock(&node->lock);
	return 0;
}

/* ---- channels ---- */

static int nl_channel_owner(const struct sk_buff *skb, struct genl_info *info,
			    kuid_t *owner)
{
	const struct nlattr *a = info->attrs[OCKAM_A_CHANNEL_OWNER];

	if (!a)
		return 0;
	*owner = make_kuid(nl_user_ns(skb), nla_get_u32(a));
	if (!uid_valid(*owner))
		return nl_refuse(info, OCKAM_A_CHANNEL_OWNER, -EINVAL,
				 "no such user");
	return 0;
}

static int nl_channel_mode(struct genl_info *info, u32 *mode)
{
	*mode = nl_u32(info, OCKAM_A_CHANNEL_MODE, *mode);
	if (*mode & ~0666)
		return nl_refuse(info, OCKAM_A_CHANNEL_MODE, -EINVAL,
				 "only read and write permission are known");
	return 0;
}

static int nl_channel_addresses(struct genl_info *info,
				struct ockam_channel_config *cfg)
{
	int err;

	err = nl_new_address(info, OCKAM_A_CHANNEL_ENCRYPTOR, OCKAM_NAME_LEN,
			     &cfg->encryptor);
	if (err)
		return err;
	err = nl_new_address(info, OCKAM_A_CHANNEL_DECRYPTOR, OCKAM_ADDR_MAX,
			     &cfg->decryptor);
	if (err)
		return err;
	if (!cfg->decryptor && !info->attrs[OCKAM_A_CHANNEL_HANDSHAKE_FD])
		return nl_missing(info, OCKAM_A_CHANNEL_DECRYPTOR,
				  "a decryptor or a handshake socket is missing");
	if (cfg->decryptor && info->attrs[OCKAM_A_CHANNEL_HANDSHAKE_FD])
		return nl_refuse(info, OCKAM_A_CHANNEL_DECRYPTOR, -EINVAL,
				 "the decryptor takes the socket's address");
	if (!info->attrs[OCKAM_A_CHANNEL_ROUTE])
		return nl_missing(info, OCKAM_A_CHANNEL_ROUTE,
				  "the route to the peer is missing");
	return nl_route(info, OCKAM_A_CHANNEL_ROUTE, &cfg->route,
			&cfg->route_len, &cfg->route_hops);
}

static int nl_channel_keys(struct genl_info *info,
			   struct ockam_channel_config *cfg)
{
	struct nlattr **tb = info->attrs;

	if (!tb[OCKAM_A_CHANNEL_TX_KEY])
		return nl_missing(info, OCKAM_A_CHANNEL_TX_KEY,
				  "the key to encrypt with is missing");
	if (!tb[OCKAM_A_CHANNEL_RX_KEY])
		return nl_missing(info, OCKAM_A_CHANNEL_RX_KEY,
				  "the key to decrypt with is missing");
	if (!tb[OCKAM_A_CHANNEL_IDENTIFIER])
		return nl_missing(info, OCKAM_A_CHANNEL_IDENTIFIER,
				  "the peer's identifier is missing");
	cfg->tx_key = nla_data(tb[OCKAM_A_CHANNEL_TX_KEY]);
	cfg->rx_key = nla_data(tb[OCKAM_A_CHANNEL_RX_KEY]);
	cfg->identifier = nla_data(tb[OCKAM_A_CHANNEL_IDENTIFIER]);
	if (tb[OCKAM_A_CHANNEL_TX_NONCE])
		cfg->tx_nonce = nla_get_u64(tb[OCKAM_A_CHANNEL_TX_NONCE]);
	if (tb[OCKAM_A_CHANNEL_RX_NONCE])
		cfg->rx_nonce = nla_get_u64(tb[OCKAM_A_CHANNEL_RX_NONCE]);
	return 0;
}

static int nl_channel_config(const struct sk_buff *skb,
			     struct genl_info *info,
			     struct ockam_channel_config *cfg)
{
	int err;

	err = nl_channel_addresses(info, cfg);
	if (err)
		return err;
	err = nl_channel_keys(info, cfg);
	if (err)
		return err;

	if (!info->attrs[OCKAM_A_CHANNEL_ROLE])
		return nl_missing(info, OCKAM_A_CHANNEL_ROLE,
				  "the role is missing");
	cfg->role = nla_get_u32(info->attrs[OCKAM_A_CHANNEL_ROLE]);
	cfg->suite = nl_u32(info, OCKAM_A_CHANNEL_SUITE,
			    OCKAM_SUITE_AES256GCM);
	if (info->attrs[OCKAM_A_CHANNEL_PINNED])
		cfg->pinned = nla_get_u8(info->attrs[OCKAM_A_CHANNEL_PINNED]);
	cfg->early_of = nl_u32(info, OCKAM_A_CHANNEL_EARLY_OF, 0);
	cfg->succeeds = nl_u32(info, OCKAM_A_CHANNEL_SUCCEEDS, 0);

	cfg->owner = NETLINK_CREDS(skb)->uid;
	err = nl_channel_owner(skb, info, &cfg->owner);
	if (err)
		return err;
	cfg->mode = 0600;
	return nl_channel_mode(info, &cfg->mode);
}

/* The socket to take over from; the caller puts it. */
static struct socket *nl_handshake_socket(struct genl_info *info)
{
	struct socket *sock;
	struct sock *sk;

	if (!info->attrs[OCKAM_A_CHANNEL_HANDSHAKE_FD])
		return NULL;
	sock = nl_socket(info, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	if (IS_ERR(sock))
		return sock;

	sk = sock->sk;
	if (sk->sk_family != ockam_family || sk->sk_type != SOCK_DGRAM ||
	    sk->sk_prot->owner != THIS_MODULE) {
		sockfd_put(sock);
		return ERR_PTR(nl_refuse(info, OCKAM_A_CHANNEL_HANDSHAKE_FD,
					 -EINVAL, "not an AF_OCKAM socket"));
	}
	return sock;
}

static int put_new_channel(struct sk_buff *skb, const struct ockam_nl_to *to,
			   const struct ockam_channel *ch)
{
	void *hdr;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr ||
	    nla_put_u32(skb, OCKAM_A_CHANNEL_ID, ch->id) ||
	    nla_put(skb, OCKAM_A_CHANNEL_ENCRYPTOR,
		    ockam_key_size(ch->enc_key), ch->enc_key) ||
	    nla_put(skb, OCKAM_A_CHANNEL_DECRYPTOR,
		    ockam_key_size(ch->dec_key), ch->dec_key) ||
	    (ch->early &&
	     nla_put_u32(skb, OCKAM_A_CHANNEL_SUCCEEDS, ch->early->id)))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

/* With node->lock held: which of the addresses was it? */
static void nl_channel_blame(struct genl_info *info, struct ockam_node *node,
			     const struct ockam_channel_config *cfg, int err)
{
	bool taken;

	if (err != -EADDRINUSE)
		return;
	rcu_read_lock();
	taken = cfg->encryptor && ockam_name_lookup(node, cfg->encryptor);
	rcu_read_unlock();
	nl_blame(info, taken ? OCKAM_A_CHANNEL_ENCRYPTOR :
			       OCKAM_A_CHANNEL_DECRYPTOR, err);
}

static int nl_channel_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_channel_config cfg = {};
	struct ockam_channel *ch;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	struct socket *sock;
	int err;

	err = nl_channel_config(skb, info, &cfg);
	if (err)
		return err;
	reply = nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;
	sock = nl_handshake_socket(info);
	if (IS_ERR(sock)) {
		err = PTR_ERR(sock);
		goto free;
	}
	if (sock)
		cfg.handshake = ockam_sk(sock->sk);

	mutex_lock(&node->lock);
	ch = ockam_channel_new(node, &cfg, info->extack);
	err = PTR_ERR_OR_ZERO(ch);
	if (!err)
		err = put_new_channel(reply, &to, ch);
	else
		nl_channel_blame(info, node, &cfg, err);
	mutex_unlock(&node->lock);

	if (sock)
		sockfd_put(sock);
free:
	return nl_send(reply, info, err);
}

/*
 * The core would echo a request that it refuses, and free it with the keys
 * inside.  So this one comes here unchecked (see ockam_netlink_init()), and
 * its attributes are wiped on every way out.
 */
int ockam_nl_channel_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[OCKAM_A_CHANNEL_SUCCEEDS + 1] = {};
	int err;

	info->attrs = tb;
	if (!nl_is_admin(skb, genl_info_net(info))) {
		GENL_SET_ERR_MSG(info, "needs CAP_NET_ADMIN");
		err = -EPERM;
	} else if (info->genlhdr->reserved) {
		GENL_SET_ERR_MSG(info, "reserved bytes of the header are set");
		err = -EINVAL;
	} else {
		err = genlmsg_parse(info->nlhdr, &ockam_nl_family, tb,
				    OCKAM_A_CHANNEL_SUCCEEDS,
				    ockam_channel_new_nl_policy, info->extack);
	}
	if (!err)
		err = nl_channel_new(skb, info);

	info->attrs = NULL;
	memzero_explicit(genlmsg_data(info->genlhdr),
			 genlmsg_len(info->genlhdr));
	return err;
}

/*
 * A request to dump what cannot be dumped would be echoed and freed with the
 * keys inside, too.
 */
static int channel_new_start(struct netlink_callback *cb)
{
	void *data = (void *)cb->nlh + NLMSG_HDRLEN + GENL_HDRLEN;

	memzero_explicit(data, nlmsg_len(cb->nlh) - GENL_HDRLEN);
	NL_SET_ERR_MSG(cb->extack, "channel-new is not a dump");
	return -EOPNOTSUPP;
}

static int channel_new_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return -EOPNOTSUPP;
}

int ockam_nl_channel_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_channel *ch;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = nl_reply(skb, info, OCKAM_NL_CHANNEL_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	ch = nl_channel(node, info);
	if (IS_ERR(ch))
		err = PTR_ERR(ch);
	else
		err = ockam_nl_put_channel(reply, &to, ch,
					   OCKAM_CHANNEL_EVENT_NONE);
	mutex_unlock(&node->lock);
	return nl_send(reply, info, err);
}

static bool channel_wanted(const struct ockam_channel *ch, struct nlattr **tb,
			   struct user_namespace *user_ns)
{
	const struct nlattr *id = tb[OCKAM_A_CHANNEL_IDENTIFIER];
	const struct ockam_channel_route *route;
	bool carried;

	if (!nl_want_u32(tb, OCKAM_A_CHANNEL_ID, ch->id) ||
	    !nl_want_key(tb, OCKAM_A_CHANNEL_ENCRYPTOR, ch->enc_key) ||
	    !nl_want_u32(tb, OCKAM_A_CHANNEL_STATE, READ_ONCE(ch->state)) ||
	    !nl_want_u32(tb, OCKAM_A_CHANNEL_ROLE, ch->role) ||
	    !nl_want_u32(tb, OCKAM_A_CHANNEL_OWNER,
			 from_kuid_munged(user_ns, READ_ONCE(ch->owner))))
		return false;
	if (id && memcmp(nla_data(id), ch->ident->identifier,
			 OCKAM_IDENTIFIER_LEN))
		return false;
	if (!tb[OCKAM_A_CHANNEL_CARRIER] && !tb[OCKAM_A_CHANNEL_CARRIER_KIND])
		return true;

	rcu_read_lock();
	route = rcu_dereference(ch->route);
	carried = route &&
		  nl_want_u32(tb, OCKAM_A_CHANNEL_CARRIER,
			      READ_ONCE(route->carrier)) &&
		  nl_want_u32(tb, OCKAM_A_CHANNEL_CARRIER_KIND,
			      READ_ONCE(route->carrier_kind));
	rcu_read_unlock();
	return carried;
}

int ockam_nl_channel_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(skb->sk));
	struct nlattr *tb[OCKAM_A_CHANNEL_OWNER + 1];
	struct ockam_channel *ch;
	struct ockam_nl_to to;
	unsigned long id;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb,
			    OCKAM_A_CHANNEL_OWNER,
			    ockam_channel_get_nl_policy, cb->extack);
	if (err)
		return err;
	nl_dump_to(cb, &to, OCKAM_CMD_CHANNEL_GET);

	mutex_lock(&node->lock);
	cb->seq = nl_dump_gen(node);
	xa_for_each_start(&node->channels, id, ch, cb->args[0]) {
		if (!channel_wanted(ch, tb, to.user_ns))
			continue;
		err = ockam_nl_put_channel(skb, &to, ch,
					   OCKAM_CHANNEL_EVENT_NONE);
		if (err)
			break;
	}
	mutex_unlock(&node->lock);
	return nl_dump_stop(cb, skb, id, err);
}

static int nl_channel_change(const struct sk_buff *skb, struct genl_info *info,
			     struct ockam_channel *ch)
{
	kuid_t owner = ch->owner;
	u32 mode = ch->mode;
	u32 len, hops;
	const u8 *route;
	int err;

	err = nl_channel_owner(skb, info, &owner);
	if (err)
		return err;
	err = nl_channel_mode(info, &mode);
	if (err)
		return err;
	if (info->attrs[OCKAM_A_CHANNEL_ROUTE]) {
		err = nl_route(info, OCKAM_A_CHANNEL_ROUTE, &route, &len,
			       &hops);
		if (err)
			return err;
		err = ockam_channel_set_route(ch, route, len, hops,
					      info->extack);
		if (err)
			return err;
	}

	WRITE_ONCE(ch->owner, owner);
	WRITE_ONCE(ch->mode, mode);
	if (info->attrs[OCKAM_A_CHANNEL_PINNED])
		WRITE_ONCE(ch->pinned,
			   nla_get_u8(info->attrs[OCKAM_A_CHANNEL_PINNED]));
	return 0;
}

int ockam_nl_channel_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_channel *ch;
	int err;

	mutex_lock(&node->lock);
	ch = nl_channel(node, info);
	if (IS_ERR(ch))
		err = PTR_ERR(ch);
	else
		err = nl_channel_change(skb, info, ch);
	if (!err) {
		node->gen++;
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONE, false);
	}
	mutex_unlock(&node->lock);
	return err;
}

int ockam_nl_channel_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool quiet = info->attrs[OCKAM_A_CHANNEL_QUIET];
	struct ockam_node *node = nl_node(info);
	struct ockam_channel *ch;
	int err = 0;

	mutex_lock(&node->lock);
	ch = nl_channel(node, info);
	if (IS_ERR(ch))
		err = PTR_ERR(ch);
	else
		ockam_channel_del(ch, OCKAM_CHANNEL_REASON_DELETED, !quiet);
	mutex_unlock(&node->lock);
	return err;
}

int ockam_nl_channel_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);

	mutex_lock(&node->lock);
	ockam_channel_flush(node);
	mutex_unlock(&node->lock);
	return 0;
}

/* ---- hops ---- */

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
	err = nl_new_address(info, OCKAM_A_HOP_ADDRESS, OCKAM_ADDR_MAX, &key);
	if (err)
		return err;
	err = hop_scope(info, 0, &scope);
	if (err)
		return err;
	if (info->attrs[OCKAM_A_HOP_ROUTE]) {
		err = nl_route(info, OCKAM_A_HOP_ROUTE, &route, &len, &hops);
		if (err)
			return err;
	}
	reply = nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	hop = ockam_hop_new(node, key, scope, route, len, hops, info->extack);
	err = PTR_ERR_OR_ZERO(hop);
	if (!err)
		err = put_new_hop(reply, &to, hop);
	mutex_unlock(&node->lock);
	nl_blame(info, OCKAM_A_HOP_ADDRESS, err);
	return nl_send(reply, info, err);
}

int ockam_nl_hop_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_nl_to to;
	struct sk_buff *reply;
	struct ockam_hop *hop;
	int err;

	reply = nl_reply(skb, info, OCKAM_NL_HOP_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	hop = nl_hop(node, info);
	if (IS_ERR(hop))
		err = PTR_ERR(hop);
	else
		err = ockam_nl_put_hop(reply, &to, hop);
	mutex_unlock(&node->lock);
	return nl_send(reply, info, err);
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
	nl_dump_to(cb, &to, OCKAM_CMD_HOP_GET);

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
	return nl_dump_stop(cb, skb, id, err);
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
		err = nl_route(info, OCKAM_A_HOP_ROUTE, &route, &len, &hops);
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

/* ---- policies ---- */

static struct ockam_policy *policy_worker(struct ockam_node *node,
					  struct genl_info *info, int fd,
					  bool replace)
{
	const struct nlattr *a = info->attrs[OCKAM_A_POLICY_WORKER];
	struct ockam_policy *policy;
	struct ockam_sock *osk;
	struct ockam_name *name;

	if (!nla_is_address(a))
		return ERR_PTR(nl_refuse(info, OCKAM_A_POLICY_WORKER, -EINVAL,
					 "not one address in flat form"));
	/* Sockets are closed without node->lock. */
	rcu_read_lock();
	name = ockam_name_lookup(node, nla_data(a));
	osk = name && name->kind == OCKAM_NAME_WORKER ?
	      container_of(name, struct ockam_sock, name) : NULL;
	if (osk && !refcount_inc_not_zero(&osk->sk.sk_refcnt))
		osk = NULL;
	rcu_read_unlock();

	policy = osk ? ockam_sock_attach_policy(osk, fd, false, replace,
						info->extack) :
		       ERR_PTR(-ENOENT);
	if (policy == ERR_PTR(-ENOENT))
		NL_SET_ERR_MSG_ATTR(info->extack, a, "no such worker");
	if (osk)
		sock_put(&osk->sk);
	return policy;
}

static int policy_link(struct ockam_node *node, struct genl_info *info,
		       struct ockam_policy_config *cfg)
{
	struct ockam_link *link;

	cfg->place = OCKAM_POLICY_AT_LINK;
	cfg->object = nla_get_u32(info->attrs[OCKAM_A_POLICY_LINK]);
	link = xa_load(&node->links, cfg->object);
	if (!link)
		return nl_refuse(info, OCKAM_A_POLICY_LINK, -ENOENT,
				 "no such link");
	cfg->where = &link->sink.policy;
	return 0;
}

static int policy_channel(struct ockam_node *node, struct genl_info *info,
			  struct ockam_policy_config *cfg)
{
	struct ockam_channel *ch;

	cfg->place = OCKAM_POLICY_AT_CHANNEL;
	cfg->object = nla_get_u32(info->attrs[OCKAM_A_POLICY_CHANNEL]);
	ch = xa_load(&node->channels, cfg->object);
	if (!ch)
		return nl_refuse(info, OCKAM_A_POLICY_CHANNEL, -ENOENT,
				 "no such channel");
	cfg->where = &ch->policy;
	return 0;
}

static struct ockam_policy *nl_policy_new(struct ockam_node *node,
					  struct genl_info *info)
{
	struct ockam_policy_config cfg = {
		.replace	= info->attrs[OCKAM_A_POLICY_REPLACE],
		.fd		= nla_get_u32(info->attrs[OCKAM_A_POLICY_FD]),
	};
	int err;

	if (info->attrs[OCKAM_A_POLICY_WORKER])
		return policy_worker(node, info, cfg.fd, cfg.replace);
	if (info->attrs[OCKAM_A_POLICY_LINK])
		err = policy_link(node, info, &cfg);
	else
		err = policy_channel(node, info, &cfg);
	return err ? ERR_PTR(err) : ockam_policy_new(node, &cfg, info->extack);
}

/* What a policy can be attached to. */
static const int policy_places[] = {
	OCKAM_A_POLICY_WORKER,
	OCKAM_A_POLICY_LINK,
	OCKAM_A_POLICY_CHANNEL,
};

/* The attribute that says where, or an error. */
static int nl_policy_place(struct genl_info *info)
{
	int place = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(policy_places); i++) {
		if (!info->attrs[policy_places[i]])
			continue;
		if (place)
			return nl_refuse(info, policy_places[i], -EINVAL,
					 "a worker, a link or a channel, not two of them");
		place = policy_places[i];
	}
	return place ?: nl_missing(info, OCKAM_A_POLICY_WORKER,
				   "a worker, a link or a channel is missing");
}

static int put_new_policy(struct sk_buff *skb, const struct ockam_nl_to *to,
			  const struct ockam_policy *policy)
{
	void *hdr;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr || nla_put_u32(skb, OCKAM_A_POLICY_ID, policy->id))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

int ockam_nl_policy_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_policy *policy;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int place, err;

	place = nl_policy_place(info);
	if (place < 0)
		return place;
	if (!info->attrs[OCKAM_A_POLICY_FD])
		return nl_missing(info, OCKAM_A_POLICY_FD,
				  "the program's descriptor is missing");
	reply = nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	policy = nl_policy_new(node, info);
	err = PTR_ERR_OR_ZERO(policy);
	if (!err)
		err = put_new_policy(reply, &to, policy);
	mutex_unlock(&node->lock);
	if (err == -EEXIST)
		NL_SET_BAD_ATTR(info->extack, info->attrs[place]);
	else if (err == -EBADF || (err == -EINVAL && !info->extack->bad_attr))
		NL_SET_BAD_ATTR(info->extack, info->attrs[OCKAM_A_POLICY_FD]);
	return nl_send(reply, info, err);
}

/* node->lock held. */
static struct ockam_policy *nl_policy(struct ockam_node *node,
				      struct genl_info *info)
{
	struct ockam_policy *policy;

	if (!info->attrs[OCKAM_A_POLICY_ID])
		return ERR_PTR(nl_missing(info, OCKAM_A_POLICY_ID,
					  "the id is missing"));
	policy = xa_load(&node->policies,
			 nla_get_u32(info->attrs[OCKAM_A_POLICY_ID]));
	if (!policy)
		return ERR_PTR(nl_refuse(info, OCKAM_A_POLICY_ID, -ENOENT,
					 "no such policy"));
	return policy;
}

int ockam_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_policy *policy;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = nl_reply(skb, info, OCKAM_NL_POLICY_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	policy = nl_policy(node, info);
	if (IS_ERR(policy))
		err = PTR_ERR(policy);
	else
		err = ockam_nl_put_policy(reply, &to, policy);
	mutex_unlock(&node->lock);
	return nl_send(reply, info, err);
}

static bool policy_wanted(const struct ockam_policy *policy,
			  struct nlattr **tb)
{
	const struct ockam_key *key;
	bool wanted;
	u32 link = 0, ch = 0;

	if (policy->place == OCKAM_POLICY_AT_LINK)
		link = policy->object;
	else if (policy->place == OCKAM_POLICY_AT_CHANNEL)
		ch = policy->object;
	if (!nl_want_u32(tb, OCKAM_A_POLICY_ID, policy->id) ||
	    !nl_want_u32(tb, OCKAM_A_POLICY_LINK, link) ||
	    !nl_want_u32(tb, OCKAM_A_POLICY_CHANNEL, ch))
		return false;
	if (!tb[OCKAM_A_POLICY_WORKER])
		return true;
	if (!policy->osk)
		return false;

	rcu_read_lock();
	key = rcu_dereference(policy->osk->key);
	wanted = key && nl_want_key(tb, OCKAM_A_POLICY_WORKER, key->hop);
	rcu_read_unlock();
	return wanted;
}

int ockam_nl_policy_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(skb->sk));
	struct nlattr *tb[OCKAM_A_POLICY_CHANNEL + 1];
	struct ockam_policy *policy;
	struct ockam_nl_to to;
	unsigned long id;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb,
			    OCKAM_A_POLICY_CHANNEL,
			    ockam_policy_get_nl_policy, cb->extack);
	if (err)
		return err;
	nl_dump_to(cb, &to, OCKAM_CMD_POLICY_GET);

	mutex_lock(&node->lock);
	cb->seq = nl_dump_gen(node);
	xa_for_each_start(&node->policies, id, policy, cb->args[0]) {
		if (!policy_wanted(policy, tb))
			continue;
		err = ockam_nl_put_policy(skb, &to, policy);
		if (err)
			break;
	}
	mutex_unlock(&node->lock);
	return nl_dump_stop(cb, skb, id, err);
}

int ockam_nl_policy_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_policy *policy;
	int err = 0;

	mutex_lock(&node->lock);
	policy = nl_policy(node, info);
	if (IS_ERR(policy))
		err = PTR_ERR(policy);
	else
		ockam_policy_del(policy);
	mutex_unlock(&node->lock);
	return err;
}

/* ---- the family ---- */

/* The generated table has no place for groups' flags. */
static const struct genl_multicast_group nl_groups[] = {
	[OCKAM_NLGRP_LINK]	= { "link", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_CHANNEL]	= { "channel", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_HOP]	= { "hop", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_NODE]	= { "node", GENL_MCAST_CAP_NET_ADMIN },
	[OCKAM_NLGRP_POLICY]	= { "policy", GENL_MCAST_CAP_NET_ADMIN },
};

/* The generated table with what the generator cannot say. */
static struct genl_ops nl_ops[ARRAY_SIZE(ockam_nl_ops)] __ro_after_init;

/* channel-new is the first one, and the only one checked here. */
static_assert(OCKAM_CMD_CHANNEL_NEW == 1);

struct genl_family ockam_nl_family __ro_after_init = {
	.name		= OCKAM_FAMILY_NAME,
	.version	= OCKAM_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.parallel_ops	= true,
	.ops		= nl_ops,
	.n_ops		= ARRAY_SIZE(nl_ops),
	.resv_start_op	= OCKAM_CMD_CHANNEL_NEW + 1,
	.mcgrps		= nl_groups,
	.n_mcgrps	= ARRAY_SIZE(nl_groups),
};

/**
 * ockam_netlink_init() - register the family
 *
 * Return: 0 or a negative errno.
 */
int __init ockam_netlink_init(void)
{
	unsigned int i;

	memcpy(nl_ops, ockam_nl_ops, sizeof(nl_ops));
	for (i = 0; i < ARRAY_SIZE(nl_ops); i++) {
		struct genl_ops *op = &nl_ops[i];

		if (op->dumpit)
			op->start = nl_dump_start;
		if (op->cmd == OCKAM_CMD_WORKER_GET) {
			op->start = worker_dump_start;
			op->done = worker_dump_done;
		}
		if (op->cmd == OCKAM_CMD_CHANNEL_NEW) {
			op->policy = NULL;
			op->maxattr = 0;
			op->flags = 0;
			op->start = channel_new_start;
			op->dumpit = channel_new_dumpit;
		}
	}
	return genl_register_family(&ockam_nl_family);
}

/**
 * ockam_netlink_exit() - unregister the family
 */
void ockam_netlink_exit(void)
{
	genl_unregister_family(&ockam_nl_family);
}
