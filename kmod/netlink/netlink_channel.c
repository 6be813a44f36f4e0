// SPDX-License-Identifier: GPL-2.0
/* Netlink requests on channels.  Those that bring keys are wiped. */
#include <linux/net.h>

#include "node/base.h"
#include "channel/channel.h"
#include "netlink/netlink-gen.h"
#include "netlink/netlink_priv.h"
#include "node/notify.h"
#include "socket/sock.h"

static struct ockam_channel *nl_channel(struct ockam_node *node,
					struct genl_info *info)
{
	struct ockam_channel *ch = NULL;
	struct ockam_name *name;
	int by_id;

	by_id = ockam_nl_by_id(info, OCKAM_A_CHANNEL_ID,
			       OCKAM_A_CHANNEL_ENCRYPTOR);
	if (by_id < 0)
		return ERR_PTR(by_id);
	if (by_id) {
		ch = xa_load(&node->channels,
			     nla_get_u32(info->attrs[OCKAM_A_CHANNEL_ID]));
	} else {
		name = ockam_nl_lookup(node,
				       info->attrs[OCKAM_A_CHANNEL_ENCRYPTOR],
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

/* A daemon with CAP_NET_ADMIN, which installs a channel of its own. */
static bool nl_is_senders(const struct sk_buff *skb, kuid_t owner)
{
	return uid_eq(owner, NETLINK_CREDS(skb)->uid);
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

	err = ockam_nl_new_address(info, OCKAM_A_CHANNEL_ENCRYPTOR,
				   OCKAM_NAME_LEN, &cfg->encryptor);
	if (err)
		return err;
	err = ockam_nl_new_address(info, OCKAM_A_CHANNEL_DECRYPTOR,
				   OCKAM_ADDR_MAX, &cfg->decryptor);
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
	return ockam_nl_route(info, OCKAM_A_CHANNEL_ROUTE, &cfg->route,
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
	cfg->trusted = nl_is_senders(skb, cfg->owner);
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
	sock = ockam_nl_socket(info, OCKAM_A_CHANNEL_HANDSHAKE_FD);
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
	ockam_nl_blame(info, taken ? OCKAM_A_CHANNEL_ENCRYPTOR :
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
	reply = ockam_nl_reply(skb, info, NLMSG_DEFAULT_SIZE, &to);
	if (!reply)
		return -ENOMEM;
	sock = nl_handshake_socket(info);
	if (IS_ERR(sock)) {
		err = PTR_ERR(sock);
		goto free;
	}
	if (sock) {
		cfg.handshake = ockam_sk(sock->sk);
		cfg.takeover = ockam_sock_takeover;
	}

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
	return ockam_nl_send(reply, info, err);
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
int ockam_nl_channel_new_start(struct netlink_callback *cb)
{
	void *data = (void *)cb->nlh + NLMSG_HDRLEN + GENL_HDRLEN;

	memzero_explicit(data, nlmsg_len(cb->nlh) - GENL_HDRLEN);
	NL_SET_ERR_MSG(cb->extack, "channel-new is not a dump");
	return -EOPNOTSUPP;
}

int ockam_nl_channel_new_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
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

	reply = ockam_nl_reply(skb, info, OCKAM_NL_CHANNEL_SIZE, &to);
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
	return ockam_nl_send(reply, info, err);
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
	ockam_nl_dump_to(cb, &to, OCKAM_CMD_CHANNEL_GET);

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
	return ockam_nl_dump_stop(cb, skb, id, err);
}

/* What is in them, the peer looks at; here they are bytes. */
static int nl_channel_refresh(struct genl_info *info, struct ockam_channel *ch)
{
	const struct nlattr *item = info->attrs[OCKAM_A_CHANNEL_CREDENTIALS];
	int err;

	if (!item)
		return 0;
	if (!nla_len(item)) {
		NL_SET_ERR_MSG_ATTR(info->extack, item,
				    "credentials are an array in CBOR, not nothing");
		return -EINVAL;
	}
	err = ockam_channel_refresh(ch, nla_data(item), nla_len(item));
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, item,
				    "credentials cannot be sent now");
	return err;
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
		err = ockam_nl_route(info, OCKAM_A_CHANNEL_ROUTE, &route, &len,
				     &hops);
		if (err)
			return err;
		err = ockam_channel_set_route(ch, route, len, hops,
					      info->extack);
		if (err)
			return err;
	}

	if (!uid_eq(ch->owner, owner))
		WRITE_ONCE(ch->trusted, nl_is_senders(skb, owner));
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
		/* First what may fail: shown once more they do no harm. */
		err = nl_channel_refresh(info, ch);
	if (!err)
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
