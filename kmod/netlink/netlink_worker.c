// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on workers: sockets with an address. */
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"
#include "socket/sock.h"

#define DUMP_STRETCH	1024	/* names at a time */

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
			READ_ONCE(osk->sink.parked.msgs)) ||
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

/**
 * struct put_held - names that are held on their way into a dump
 * @skb: the reply
 * @to: who asked
 * @request: what was asked
 * @tb: its attributes
 * @admin: all may be seen, not only one's own
 */
struct put_held {
	struct sk_buff			*skb;
	const struct ockam_nl_to	*to;
	const struct sk_buff		*request;
	struct nlattr			**tb;
	bool				admin;
};

static int put_held(const u8 *hop, kuid_t uid, u64 left, void *arg)
{
	const struct put_held *put = arg;
	const struct ockam_nl_to *to = put->to;
	struct sk_buff *skb = put->skb;
	void *hdr;

	if ((!put->admin && !nl_is_own(put->request, uid)) ||
	    !nl_want_key(put->tb, OCKAM_A_WORKER_ADDRESS, hop))
		return 0;
	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put(skb, OCKAM_A_WORKER_ADDRESS, ockam_key_size(hop), hop) ||
	    nla_put_u32(skb, OCKAM_A_WORKER_UID,
			from_kuid_munged(to->user_ns, uid)) ||
	    nla_put_flag(skb, OCKAM_A_WORKER_HELD) ||
	    nla_put_u64_64bit(skb, OCKAM_A_WORKER_HELD_MS, left,
			      OCKAM_A_WORKER_PAD)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
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
	if (!nl_is_address(address))
		return nl_refuse(info, OCKAM_A_WORKER_ADDRESS, -EINVAL,
				 "not one address in flat form");
	if (info->attrs[OCKAM_A_WORKER_HELD])
		return nl_refuse(info, OCKAM_A_WORKER_HELD, -EINVAL,
				 "names that are held are for a dump");
	reply = ockam_nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
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
	return ockam_nl_send(reply, info, err);
}

int ockam_nl_worker_dump_start(struct netlink_callback *cb)
{
	struct ockam_node *node = ockam_node(sock_net(cb->skb->sk));
	struct rhashtable_iter *iter;

	iter = kmalloc(sizeof(*iter), GFP_KERNEL);
	if (!iter)
		return -ENOMEM;
	rhashtable_walk_enter(&node->names, iter);
	cb->args[0] = (long)iter;
	cb->seq = 1;
	return ockam_nl_dump_start(cb);
}

int ockam_nl_worker_dump_done(struct netlink_callback *cb)
{
	struct rhashtable_iter *iter = (void *)cb->args[0];

	rhashtable_walk_exit(iter);
	kfree(iter);
	return 0;
}

/* Names that are not shown are no reason to keep the processor: there may be many. */
static struct ockam_name *next_name(struct rhashtable_iter *iter,
				    unsigned int *seen)
{
	if (!(++*seen % DUMP_STRETCH)) {
		rhashtable_walk_stop(iter);
		cond_resched();
		rhashtable_walk_start(iter);
	}
	return rhashtable_walk_next(iter);
}

/* args[1] and args[2] say where it goes on. */
static int dump_held(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct ockam_nl_to *to, struct nlattr **tb,
		     bool admin)
{
	struct ockam_node *node = ockam_node(sock_net(cb->skb->sk));
	struct ockam_hold_at at = {
		.bucket = cb->args[1],
		.skip = cb->args[2],
	};
	struct put_held put = {
		.skb = skb,
		.to = to,
		.request = cb->skb,
		.tb = tb,
		.admin = admin,
	};
	int err = ockam_holds_each(node, &at, put_held, &put);

	cb->args[1] = at.bucket;
	cb->args[2] = at.skip;
	return skb->len ?: err;
}

int ockam_nl_worker_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb)
{
	struct rhashtable_iter *iter = (void *)cb->args[0];
	struct nlattr *tb[OCKAM_A_WORKER_HELD + 1];
	struct ockam_name *name;
	struct ockam_sock *osk;
	struct ockam_nl_to to;
	unsigned int seen = 0;
	bool admin;
	int err;

	err = genlmsg_parse(cb->nlh, &ockam_nl_family, tb,
			    OCKAM_A_WORKER_HELD,
			    ockam_worker_get_nl_policy, cb->extack);
	if (err)
		return err;
	ockam_nl_dump_to(cb, &to, OCKAM_CMD_WORKER_GET);
	admin = nl_is_admin(cb->skb, sock_net(cb->skb->sk));
	if (tb[OCKAM_A_WORKER_HELD])
		return dump_held(skb, cb, &to, tb, admin);

	rhashtable_walk_start(iter);
	/* First the one that did not fit the last time. */
	name = rhashtable_walk_peek(iter);
	for (; name; name = next_name(iter, &seen)) {
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
