// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on policy programs. */
#include "channel/channel.h"
#include "link/link.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"
#include "router/policy.h"
#include "socket/sock.h"

static struct ockam_policy *policy_worker(struct ockam_node *node,
					  struct genl_info *info, int fd,
					  bool replace)
{
	const struct nlattr *a = info->attrs[OCKAM_A_POLICY_WORKER];
	struct ockam_policy *policy;
	struct ockam_sock *osk;
	struct ockam_name *name;

	if (!nl_is_address(a))
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
	reply = ockam_nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
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
	return ockam_nl_send(reply, info, err);
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

	reply = ockam_nl_reply(skb, info, OCKAM_NL_POLICY_SIZE, &to);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&node->lock);
	policy = nl_policy(node, info);
	if (IS_ERR(policy))
		err = PTR_ERR(policy);
	else
		err = ockam_nl_put_policy(reply, &to, policy);
	mutex_unlock(&node->lock);
	return ockam_nl_send(reply, info, err);
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
	ockam_nl_dump_to(cb, &to, OCKAM_CMD_POLICY_GET);

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
	return ockam_nl_dump_stop(cb, skb, id, err);
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
