// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on links. */
#include <linux/net.h>
#include <linux/slab.h>

#include "node/limit.h"
#include "link/link.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"
#include "node/notify.h"
#include "router/senders.h"

#define RECONNECT_MIN_MS	500
#define RECONNECT_MAX_MS	30000
#define MAX_ACCEPTED		1024
#define DEAD_MS_MIN		1000

static struct ockam_link *nl_link(struct ockam_node *node,
				  struct genl_info *info)
{
	struct ockam_link *link = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = ockam_nl_by_id(info, OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		link = xa_load(&node->links,
			       nla_get_u32(info->attrs[OCKAM_A_LINK_ID]));
	} else {
		name = ockam_nl_lookup(node, info->attrs[OCKAM_A_LINK_NAME],
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

/* TCP's keepalive counts seconds. */
static int nl_link_dead(struct genl_info *info)
{
	u32 ms = nl_u32(info, OCKAM_A_LINK_DEAD_MS, 0);

	if (ms && ms < DEAD_MS_MIN)
		return nl_refuse(info, OCKAM_A_LINK_DEAD_MS, -ERANGE,
				 "0 for what the node says, or 1000 ms at least");
	return 0;
}

static int nl_link_limits(struct genl_info *info)
{
	return ockam_nl_limit(info, OCKAM_A_LINK_RECONNECT_MIN_MS, LIMIT_MS) ?:
	       ockam_nl_limit(info, OCKAM_A_LINK_RECONNECT_MAX_MS, LIMIT_MS) ?:
	       ockam_nl_limit(info, OCKAM_A_LINK_MAX_ACCEPTED, LIMIT_OBJECTS) ?:
	       ockam_nl_limit(info, OCKAM_A_LINK_FRAME_MS, LIMIT_MS) ?:
	       ockam_nl_limit(info, OCKAM_A_LINK_DEAD_MS, LIMIT_MS) ?:
	       nl_link_dead(info);
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

	err = ockam_nl_new_address(info, OCKAM_A_LINK_NAME, OCKAM_NAME_LEN,
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
	cfg->udp_form = nl_u32(info, OCKAM_A_LINK_UDP_FORM,
			       OCKAM_UDP_FORM_STOCK);
	if (tcp && info->attrs[OCKAM_A_LINK_UDP_FORM])
		return nl_refuse(info, OCKAM_A_LINK_UDP_FORM, -EINVAL,
				 "only a UDP link sends datagrams");
	cfg->frame_ms = nl_u32(info, OCKAM_A_LINK_FRAME_MS, 0);
	cfg->dead_ms = nl_u32(info, OCKAM_A_LINK_DEAD_MS, 0);
	if (!tcp && cfg->dead_ms)
		return nl_refuse(info, OCKAM_A_LINK_DEAD_MS, -EINVAL,
				 "only a TCP link notices that its path is dead");
	return 0;
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
	cfg->sock = ockam_nl_socket(info, OCKAM_A_LINK_FD);
	return PTR_ERR_OR_ZERO(cfg->sock);
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
	reply = ockam_nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
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
	return ockam_nl_send(reply, info, err);
}

int ockam_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ockam_node *node = nl_node(info);
	struct ockam_link *link;
	struct ockam_nl_to to;
	struct sk_buff *reply;
	int err;

	reply = ockam_nl_reply(skb, info, OCKAM_NL_LINK_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	link = nl_link(node, info);
	if (IS_ERR(link))
		err = PTR_ERR(link);
	else
		err = ockam_nl_put_link(reply, &to, link);
	mutex_unlock(&node->lock);
	return ockam_nl_send(reply, info, err);
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
	ockam_nl_dump_to(cb, &to, OCKAM_CMD_LINK_GET);

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
	return ockam_nl_dump_stop(cb, skb, id, err);
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
	if (info->attrs[OCKAM_A_LINK_DEAD_MS] &&
	    cfg->kind != OCKAM_LINK_KIND_TCP)
		return nl_refuse(info, OCKAM_A_LINK_DEAD_MS, -EINVAL,
				 "only a TCP link notices that its path is dead");
	if (info->attrs[OCKAM_A_LINK_DEAD_MS] &&
	    cfg->mode == OCKAM_LINK_MODE_HANDOVER)
		return nl_refuse(info, OCKAM_A_LINK_DEAD_MS, -EINVAL,
				 "for a socket handed over that is set before");

	WRITE_ONCE(cfg->reconnect_min_ms, min_ms);
	WRITE_ONCE(cfg->reconnect_max_ms, max_ms);
	WRITE_ONCE(cfg->max_accepted, nl_u32(info, OCKAM_A_LINK_MAX_ACCEPTED,
					     cfg->max_accepted));
	WRITE_ONCE(cfg->frame_ms, nl_u32(info, OCKAM_A_LINK_FRAME_MS,
					 cfg->frame_ms));
	if (info->attrs[OCKAM_A_LINK_DEAD_MS]) {
		WRITE_ONCE(cfg->dead_ms,
			   nla_get_u32(info->attrs[OCKAM_A_LINK_DEAD_MS]));
		ockam_link_set_dead(link);
	}
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
