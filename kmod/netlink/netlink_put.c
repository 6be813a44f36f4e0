// SPDX-License-Identifier: GPL-2.0
/* How objects look in netlink messages: replies, dumps and notifications. */
#include <linux/bpf.h>
#include <linux/user_namespace.h>

#include "node/base.h"
#include "channel/channel.h"
#include "router/hop.h"
#include "link/link.h"
#include "netlink/netlink.h"
#include "netlink/netlink-gen.h"
#include "node/node.h"
#include "router/policy.h"
#include "socket/sock.h"
#include "router/senders.h"

static void *nl_begin(struct sk_buff *skb, const struct ockam_nl_to *to)
{
	void *hdr;

	hdr = genlmsg_put(skb, to->portid, to->seq, &ockam_nl_family,
			  to->flags, to->cmd);
	if (hdr && to->cb)
		genl_dump_check_consistent(to->cb, hdr);
	return hdr;
}

static int nl_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int put_key(struct sk_buff *skb, int attr, const u8 *key)
{
	if (!key || !key[1])
		return 0;
	return nla_put(skb, attr, ockam_key_size(key), key);
}

/* ---- node ---- */

static int put_settings(struct sk_buff *skb, const struct ockam_conf *conf)
{
	return nla_put_u32(skb, OCKAM_A_NODE_STALL_MS, conf->stall_ms) ||
	       nla_put_u32(skb, OCKAM_A_NODE_PARK_LIMIT, conf->park_limit) ||
	       nla_put_u32(skb, OCKAM_A_NODE_TXQ_LIMIT, conf->txq_limit) ||
	       nla_put_u32(skb, OCKAM_A_NODE_MAX_MSG, conf->max_msg) ||
	       nla_put_u32(skb, OCKAM_A_NODE_MAX_LINKS, conf->max_links) ||
	       nla_put_u32(skb, OCKAM_A_NODE_MAX_CHANNELS,
			   conf->max_channels) ||
	       nla_put_u32(skb, OCKAM_A_NODE_MAX_HOPS, conf->max_hops) ||
	       nla_put_u32(skb, OCKAM_A_NODE_REPLY_MS, conf->reply_ms) ||
	       nla_put_u32(skb, OCKAM_A_NODE_FORWARD, conf->fwd) ||
	       nla_put_u32(skb, OCKAM_A_NODE_HOLD_MS, conf->hold_ms) ||
	       nla_put_u32(skb, OCKAM_A_NODE_DEAD_MS, conf->dead_ms);
}

static int put_bytes(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, OCKAM_A_NODE_PAD);
}

static int put_mem(struct sk_buff *skb, const struct ockam_node *node)
{
	return put_bytes(skb, OCKAM_A_NODE_MEM_LINKS,
			 ockam_mem_used(node, OCKAM_MEM_LINKS)) ||
	       put_bytes(skb, OCKAM_A_NODE_MEM_QUEUES,
			 ockam_mem_used(node, OCKAM_MEM_QUEUES));
}

/* Nothing for containers. */
static int put_machine(struct sk_buff *skb, const struct ockam_node *node)
{
	if (node->net->user_ns != &init_user_ns)
		return 0;
	return put_bytes(skb, OCKAM_A_NODE_MACHINE_LIMIT, ockam_mem_limit()) ||
	       put_bytes(skb, OCKAM_A_NODE_MACHINE_LINKS,
			 ockam_mem_used_all(OCKAM_MEM_LINKS)) ||
	       put_bytes(skb, OCKAM_A_NODE_MACHINE_QUEUES,
			 ockam_mem_used_all(OCKAM_MEM_QUEUES));
}

static int put_reserved(struct sk_buff *skb, const struct ockam_node *node)
{
	const u8 *names;
	u32 len;
	int err;

	rcu_read_lock();
	names = ockam_names_reserved(node, &len);
	err = nla_put(skb, OCKAM_A_NODE_RESERVED, len, names);
	rcu_read_unlock();
	return err;
}

/* The nests have one attribute per counter, in the order of the enums. */
static_assert(OCKAM_A_STATS_MAX == OCKAM_STAT_MAX + 2);
static_assert(OCKAM_A_STATS_USER_LIMIT == OCKAM_STAT_USER_LIMIT + 2);
static_assert(OCKAM_A_STATS_DEAD_PATHS == OCKAM_STAT_DEAD_PATHS + 2);
static_assert(OCKAM_A_DROPS_MAX == OCKAM_DROP_MAX + 2);
static_assert(OCKAM_A_DROPS_NODE_DYING == OCKAM_DROP_NODE_DYING + 2);

static int put_stats(struct sk_buff *skb, const struct ockam_node *node)
{
	struct nlattr *nest;
	unsigned int i;

	nest = nla_nest_start(skb, OCKAM_A_NODE_STATS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < __OCKAM_STAT_MAX; i++)
		if (nla_put_u64_64bit(skb, i + 2, ockam_stat_read(node, i),
				      OCKAM_A_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_drops(struct sk_buff *skb, const struct ockam_node *node)
{
	struct nlattr *nest;
	unsigned int i;

	nest = nla_nest_start(skb, OCKAM_A_NODE_DROPS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < __OCKAM_DROP_MAX; i++)
		if (nla_put_u64_64bit(skb, i + 2, ockam_drop_read(node, i),
				      OCKAM_A_DROPS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int ockam_nl_put_node(struct sk_buff *skb, const struct ockam_nl_to *to,
		      struct ockam_node *node, bool counters)
{
	void *hdr;
	int err;

	hdr = nl_begin(skb, to);
	if (!hdr)
		return -EMSGSIZE;

	err = nla_put_u32(skb, OCKAM_A_NODE_FAMILY, ockam_family) ||
	      nla_put_u32(skb, OCKAM_A_NODE_ABI, OCKAM_ABI) ||
	      put_settings(skb, &node->conf) ||
	      put_bytes(skb, OCKAM_A_NODE_MEM_LIMIT, node->conf.mem_limit) ||
	      put_reserved(skb, node);
	if (!err && counters)
		err = nla_put_u32(skb, OCKAM_A_NODE_LINKS, node->nr_links) ||
		      nla_put_u32(skb, OCKAM_A_NODE_CHANNELS,
				  node->nr_channels) ||
		      nla_put_u32(skb, OCKAM_A_NODE_HOPS, node->nr_hops) ||
		      put_mem(skb, node) || put_machine(skb, node) ||
		      put_stats(skb, node) ||
		      put_drops(skb, node);
	return nl_end(skb, hdr, err);
}

/* ---- link ---- */

static int put_endpoint(struct sk_buff *skb, const union ockam_endpoint *ep,
			int ip, int port, int scope_id)
{
	switch (ep->sa.sa_family) {
	case AF_INET:
		return nla_put_in_addr(skb, ip, ep->in.sin_addr.s_addr) ||
		       nla_put_be16(skb, port, ep->in.sin_port);
	case AF_INET6:
		return nla_put_in6_addr(skb, ip, &ep->in6.sin6_addr) ||
		       nla_put_be16(skb, port, ep->in6.sin6_port) ||
		       (ep->in6.sin6_scope_id &&
			nla_put_u32(skb, scope_id, ep->in6.sin6_scope_id));
	default:
		return 0;
	}
}

static int put_link_config(struct sk_buff *skb,
			   const struct ockam_link_config *c)
{
	if (c->kind == OCKAM_LINK_KIND_UDP &&
	    nla_put_u32(skb, OCKAM_A_LINK_UDP_FORM, c->udp_form))
		return -EMSGSIZE;
	return nla_put_u32(skb, OCKAM_A_LINK_KIND, c->kind) ||
	       nla_put_u32(skb, OCKAM_A_LINK_MODE, c->mode) ||
	       nla_put_u32(skb, OCKAM_A_LINK_RECONNECT_MIN_MS,
			   READ_ONCE(c->reconnect_min_ms)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_RECONNECT_MAX_MS,
			   READ_ONCE(c->reconnect_max_ms)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_MAX_ACCEPTED,
			   READ_ONCE(c->max_accepted)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_FRAME_MS,
			   READ_ONCE(c->frame_ms)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_DEAD_MS,
			   READ_ONCE(c->dead_ms));
}

static int put_link_state(struct sk_buff *skb, const struct ockam_link *link)
{
	return nla_put_u32(skb, OCKAM_A_LINK_STATE, READ_ONCE(link->state)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_REASON,
			   READ_ONCE(link->reason)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_ERROR,
			   abs(READ_ONCE(link->error))) ||
	       nla_put_u32(skb, OCKAM_A_LINK_CHILDREN,
			   READ_ONCE(link->children)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_TXQ_BYTES,
			   READ_ONCE(link->txq_bytes)) ||
	       nla_put_u32(skb, OCKAM_A_LINK_PARKED_BYTES,
			   atomic_read(&link->source.parked));
}

static int put_link_u64(struct sk_buff *skb, int attr, const atomic64_t *v)
{
	return nla_put_u64_64bit(skb, attr, atomic64_read(v),
				 OCKAM_A_LINK_PAD);
}

static int put_link_silence(struct sk_buff *skb, const struct ockam_link *link)
{
	unsigned long last = READ_ONCE(link->rx_at);

	if (!last)
		return 0;
	return nla_put_u64_64bit(skb, OCKAM_A_LINK_SILENT_MS,
				 jiffies64_to_msecs(jiffies - last),
				 OCKAM_A_LINK_PAD);
}

static int put_link_stats(struct sk_buff *skb,
			  const struct ockam_link_stats *s)
{
	return put_link_u64(skb, OCKAM_A_LINK_RX_MSGS, &s->rx_msgs) ||
	       put_link_u64(skb, OCKAM_A_LINK_RX_BYTES, &s->rx_bytes) ||
	       put_link_u64(skb, OCKAM_A_LINK_TX_MSGS, &s->tx_msgs) ||
	       put_link_u64(skb, OCKAM_A_LINK_TX_BYTES, &s->tx_bytes) ||
	       put_link_u64(skb, OCKAM_A_LINK_CONNECTS, &s->connects) ||
	       put_link_u64(skb, OCKAM_A_LINK_ATTEMPTS, &s->attempts);
}

/*
 * The ends of the ranges as the reader sees them; in another user namespace
 * than that of who wrote the list there may be more or less between them.
 */
static int put_ranges(struct sk_buff *skb, const struct ockam_nl_to *to,
		      int attr, const struct ockam_senders *s,
		      const struct ockam_id_range *from, u32 n)
{
	struct ockam_id_range *range;
	struct nlattr *a;

	if (!n)
		return 0;
	a = nla_reserve(skb, attr, n * sizeof(*range));
	if (!a)
		return -EMSGSIZE;
	for (range = nla_data(a); n; n--, range++, from++) {
		if (attr == OCKAM_A_LINK_SEND_UIDS) {
			range->first = from_kuid_munged(to->user_ns,
					make_kuid(s->user_ns, from->first));
			range->last = from_kuid_munged(to->user_ns,
					make_kuid(s->user_ns, from->last));
		} else {
			range->first = from_kgid_munged(to->user_ns,
					make_kgid(s->user_ns, from->first));
			range->last = from_kgid_munged(to->user_ns,
					make_kgid(s->user_ns, from->last));
		}
	}
	return 0;
}

static int put_senders(struct sk_buff *skb, const struct ockam_nl_to *to,
		       const struct ockam_link *link)
{
	const struct ockam_senders *s;
	int err = 0;

	rcu_read_lock();
	s = rcu_dereference(link->senders);
	if (s)
		err = put_ranges(skb, to, OCKAM_A_LINK_SEND_UIDS, s, s->range,
				 s->nuids) ?:
		      put_ranges(skb, to, OCKAM_A_LINK_SEND_GIDS, s,
				 s->range + s->nuids, s->ngids);
	rcu_read_unlock();
	return err;
}

int ockam_nl_put_link(struct sk_buff *skb, const struct ockam_nl_to *to,
		      const struct ockam_link *link)
{
	void *hdr;
	int err;

	hdr = nl_begin(skb, to);
	if (!hdr)
		return -EMSGSIZE;

	err = nla_put_u32(skb, OCKAM_A_LINK_ID, link->id) ||
	      put_key(skb, OCKAM_A_LINK_NAME, link->name_key) ||
	      put_key(skb, OCKAM_A_LINK_ENDPOINT, link->endpoint_key) ||
	      (link->parent &&
	       nla_put_u32(skb, OCKAM_A_LINK_PARENT, link->parent)) ||
	      put_endpoint(skb, &link->local, OCKAM_A_LINK_LOCAL_IP,
			   OCKAM_A_LINK_LOCAL_PORT,
			   OCKAM_A_LINK_LOCAL_SCOPE_ID) ||
	      put_endpoint(skb, &link->remote, OCKAM_A_LINK_REMOTE_IP,
			   OCKAM_A_LINK_REMOTE_PORT,
			   OCKAM_A_LINK_REMOTE_SCOPE_ID) ||
	      put_link_config(skb, &link->config) ||
	      put_senders(skb, to, link) ||
	      put_link_state(skb, link) ||
	      put_link_stats(skb, &link->stats) ||
	      put_link_silence(skb, link);
	return nl_end(skb, hdr, err);
}

/* ---- channel ---- */

static int put_channel_route(struct sk_buff *skb,
			     const struct ockam_channel *ch)
{
	const struct ockam_channel_route *route;
	int err = 0;
	u8 kind;

	rcu_read_lock();
	route = rcu_dereference(ch->route);
	if (route)
		err = nla_put(skb, OCKAM_A_CHANNEL_ROUTE, route->len,
			      route->data);
	/* Values of the spec's enum only: others mean that it is not known. */
	kind = route ? READ_ONCE(route->carrier_kind) : 0;
	if (!err && kind >= OCKAM_ORIGIN_LOCAL && kind <= OCKAM_ORIGIN_CHANNEL)
		err = nla_put_u32(skb, OCKAM_A_CHANNEL_CARRIER_KIND, kind) ||
		      nla_put_u32(skb, OCKAM_A_CHANNEL_CARRIER,
				  READ_ONCE(route->carrier));
	rcu_read_unlock();
	return err;
}

static int put_channel_config(struct sk_buff *skb,
			      const struct ockam_nl_to *to,
			      const struct ockam_channel *ch)
{
	u32 early = ch->ident && ch->ident->flags & OCKAM_PEER_EARLY ?
		    ch->ident->channel : 0;

	return nla_put_u32(skb, OCKAM_A_CHANNEL_ROLE, ch->role) ||
	       nla_put_u32(skb, OCKAM_A_CHANNEL_SUITE, ch->suite) ||
	       put_key(skb, OCKAM_A_CHANNEL_ENCRYPTOR, ch->enc_key) ||
	       put_key(skb, OCKAM_A_CHANNEL_DECRYPTOR, ch->dec_key) ||
	       (ch->ident && nla_put(skb, OCKAM_A_CHANNEL_IDENTIFIER,
				     OCKAM_IDENTIFIER_LEN,
				     ch->ident->identifier)) ||
	       nla_put_u32(skb, OCKAM_A_CHANNEL_OWNER,
			   from_kuid_munged(to->user_ns,
					    READ_ONCE(ch->owner))) ||
	       nla_put_u32(skb, OCKAM_A_CHANNEL_MODE, READ_ONCE(ch->mode)) ||
	       nla_put_u8(skb, OCKAM_A_CHANNEL_PINNED, READ_ONCE(ch->pinned)) ||
	       (early && nla_put_u32(skb, OCKAM_A_CHANNEL_EARLY_OF, early));
}

static int put_channel_u64(struct sk_buff *skb, int attr, const atomic64_t *v)
{
	return nla_put_u64_64bit(skb, attr, atomic64_read(v),
				 OCKAM_A_CHANNEL_PAD);
}

static int put_channel_nonces(struct sk_buff *skb,
			      const struct ockam_channel *ch)
{
	u64 tx, rx;

	ockam_channel_nonces(ch, &tx, &rx);
	return nla_put_u64_64bit(skb, OCKAM_A_CHANNEL_TX_NONCE, tx,
				 OCKAM_A_CHANNEL_PAD) ||
	       nla_put_u64_64bit(skb, OCKAM_A_CHANNEL_RX_NONCE, rx,
				 OCKAM_A_CHANNEL_PAD);
}

static int put_channel_stats(struct sk_buff *skb,
			     const struct ockam_channel_stats *s)
{
	return put_channel_u64(skb, OCKAM_A_CHANNEL_RX_MSGS, &s->rx_msgs) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_RX_BYTES, &s->rx_bytes) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_TX_MSGS, &s->tx_msgs) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_TX_BYTES, &s->tx_bytes) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_AUTH_FAILED,
			       &s->auth_failed) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_REPLAYED, &s->replayed) ||
	       put_channel_u64(skb, OCKAM_A_CHANNEL_DERIVATIONS,
			       &s->derivations);
}

int ockam_nl_put_channel(struct sk_buff *skb, const struct ockam_nl_to *to,
			 const struct ockam_channel *ch,
			 enum ockam_channel_event event)
{
	void *hdr;
	int err;

	hdr = nl_begin(skb, to);
	if (!hdr)
		return -EMSGSIZE;

	err = nla_put_u32(skb, OCKAM_A_CHANNEL_ID, ch->id) ||
	      nla_put_u32(skb, OCKAM_A_CHANNEL_STATE, READ_ONCE(ch->state)) ||
	      nla_put_u32(skb, OCKAM_A_CHANNEL_REASON,
			  READ_ONCE(ch->reason)) ||
	      (event && nla_put_u32(skb, OCKAM_A_CHANNEL_EVENT, event)) ||
	      put_channel_config(skb, to, ch) ||
	      put_channel_route(skb, ch) ||
	      put_channel_nonces(skb, ch) ||
	      put_channel_stats(skb, &ch->stats);
	return nl_end(skb, hdr, err);
}

/* ---- hop ---- */

int ockam_nl_put_hop(struct sk_buff *skb, const struct ockam_nl_to *to,
		     const struct ockam_hop *hop)
{
	void *hdr;
	int err;

	hdr = nl_begin(skb, to);
	if (!hdr)
		return -EMSGSIZE;

	err = nla_put_u32(skb, OCKAM_A_HOP_ID, hop->id) ||
	      put_key(skb, OCKAM_A_HOP_ADDRESS, hop->key) ||
	      nla_put_u32(skb, OCKAM_A_HOP_SCOPE, hop->scope) ||
	      (hop->route_len && nla_put(skb, OCKAM_A_HOP_ROUTE,
					 hop->route_len, hop->route)) ||
	      nla_put_u64_64bit(skb, OCKAM_A_HOP_MSGS,
				atomic64_read(&hop->msgs), OCKAM_A_HOP_PAD);
	return nl_end(skb, hdr, err);
}

/* ---- policy ---- */

static int put_policy_place(struct sk_buff *skb,
			    const struct ockam_policy *policy)
{
	const struct ockam_key *key;
	int err = 0;

	switch (policy->place) {
	case OCKAM_POLICY_AT_LINK:
		return nla_put_u32(skb, OCKAM_A_POLICY_LINK, policy->object);
	case OCKAM_POLICY_AT_CHANNEL:
		return nla_put_u32(skb, OCKAM_A_POLICY_CHANNEL,
				   policy->object);
	}
	rcu_read_lock();
	key = rcu_dereference(policy->osk->key);
	if (key)
		err = put_key(skb, OCKAM_A_POLICY_WORKER, key->hop);
	rcu_read_unlock();
	return err;
}

int ockam_nl_put_policy(struct sk_buff *skb, const struct ockam_nl_to *to,
			const struct ockam_policy *policy)
{
	void *hdr;
	int err;

	hdr = nl_begin(skb, to);
	if (!hdr)
		return -EMSGSIZE;

	err = nla_put_u32(skb, OCKAM_A_POLICY_ID, policy->id) ||
	      put_policy_place(skb, policy) ||
	      (policy->own && nla_put_flag(skb, OCKAM_A_POLICY_OWN)) ||
	      nla_put_u32(skb, OCKAM_A_POLICY_PROGRAM,
			  ockam_policy_program_id(policy)) ||
	      nla_put(skb, OCKAM_A_POLICY_TAG, BPF_TAG_SIZE,
		      ockam_policy_tag(policy)) ||
	      nla_put_u64_64bit(skb, OCKAM_A_POLICY_RUNS,
				atomic64_read(&policy->runs),
				OCKAM_A_POLICY_PAD) ||
	      nla_put_u64_64bit(skb, OCKAM_A_POLICY_DROPS,
				atomic64_read(&policy->drops),
				OCKAM_A_POLICY_PAD);
	return nl_end(skb, hdr, err);
}
