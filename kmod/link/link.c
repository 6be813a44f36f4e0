// SPDX-License-Identifier: GPL-2.0
/* Links: names, states, limits, events, and the way out of the node. */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "ground/codec.h"
#include "node/limit.h"
#include "link/link.h"
#include "node/memcg.h"
#include "router/msg.h"
#include "node/node.h"
#include "node/notify.h"
#include "router/policy.h"
#include "router/router.h"
#include "router/senders.h"
#include "node/stats.h"
#include "transport/tcp.h"
#include "trace.h"
#include "transport/udp.h"

DEFINE_PER_CPU(struct ockam_memcg_turn, ockam_memcg_turn) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

#define LINK_CONNECT_PATIENCE	(30 * HZ)
#define LINK_PROVEN		(10 * HZ)	/* up so long: no backoff */
#define LINK_BACKOFF_MAX	20		/* doublings */
#define LINK_SILENT		HZ		/* makes room after that */

/* ---- references and deferred work ---- */

static void link_release(struct ockam_source *src)
{
	struct ockam_link *link = container_of(src, struct ockam_link, source);

	ockam_policy_free(&link->sink.policy);
	ockam_senders_put(rcu_dereference_protected(link->senders, 1));
	ockam_limit_put(src->user);
	ockam_memcg_put(link->memcg);
	kfree_rcu(link, rcu);
}

struct ockam_link *ockam_link_get(struct ockam_link *link)
{
	refcount_inc(&link->ref);
	return link;
}

bool ockam_link_get_unless_zero(struct ockam_link *link)
{
	return refcount_inc_not_zero(&link->ref);
}

/* Messages may still be charged to the source; the last one frees the link. */
void ockam_link_put(struct ockam_link *link)
{
	if (refcount_dec_and_test(&link->ref))
		ockam_source_put(&link->source);
}

void ockam_link_queue(struct ockam_link *link)
{
	if (READ_ONCE(link->state) == OCKAM_LINK_STATE_CLOSED ||
	    !ockam_link_get_unless_zero(link))
		return;
	if (!queue_work(link->node->wq, &link->work))
		ockam_link_put(link);
}

void ockam_link_later(struct ockam_link *link, unsigned long delay)
{
	if (READ_ONCE(link->state) == OCKAM_LINK_STATE_CLOSED ||
	    !ockam_link_get_unless_zero(link))
		return;
	if (mod_delayed_work(link->node->wq, &link->timer, delay))
		ockam_link_put(link);
}

/* A reader went on: the source is below half its limit again. */
static void link_resume(struct ockam_source *src)
{
	struct ockam_link *link = container_of(src, struct ockam_link, source);
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference(link->tcp);
	if (tcp)
		ockam_tcp_resume(tcp);
	rcu_read_unlock();
}

/* ---- the way out ---- */

static struct ockam_tcp *link_tcp(struct ockam_link *link)
{
	return rcu_dereference_protected(link->tcp,
					 lockdep_is_held(&link->serial));
}

static struct ockam_udp *link_udp(struct ockam_link *link)
{
	return rcu_dereference_protected(link->udp,
					 lockdep_is_held(&link->serial));
}

/*
 * Without this node's leave nothing that came in goes out over a link, and
 * whoever of this node sends has to be on the link's list, also with what he
 * only passes on.
 */
static int link_check(struct ockam_sink *sink, const struct ockam_msg *m,
		      const struct ockam_sock *from, u32 *reason)
{
	struct ockam_link *link = ockam_sink_link(sink);
	const struct ockam_senders *senders;
	u32 fwd;

	if (unlikely(READ_ONCE(link->state) != OCKAM_LINK_STATE_UP)) {
		*reason = OCKAM_DROP_LINK_DOWN;
		return -ENETUNREACH;
	}
	if (!m)
		return 0;

	senders = rcu_dereference(link->senders);
	if (unlikely(senders) && (from || m->from.kind == OCKAM_ORIGIN_LOCAL) &&
	    !ockam_senders_allow(senders, link->node->net->user_ns, m, from)) {
		*reason = OCKAM_DROP_SCOPE_LINK;
		return -EACCES;
	}
	if (likely(m->from.kind == OCKAM_ORIGIN_LOCAL))
		return 0;

	/* Others must not choose whom this node sends datagrams to. */
	if (link->config.mode == OCKAM_LINK_MODE_LISTEN) {
		*reason = OCKAM_DROP_UDP_TARGET;
		return -EACCES;
	}
	fwd = READ_ONCE(link->node->conf.fwd);
	if (m->from.kind == OCKAM_ORIGIN_CHANNEL) {
		*reason = OCKAM_DROP_FORWARD_CHANNEL_LINK;
		return fwd & BIT(OCKAM_FORWARD_CHANNEL_LINK) ? 0 : -EACCES;
	}
	*reason = OCKAM_DROP_FORWARD_LINK_LINK;
	return fwd & BIT(OCKAM_FORWARD_LINK_LINK) ? 0 : -EACCES;
}

/*
 * Over the limit of its user, a link still takes a little, and @more; @coming is on
 * the way to it.
 */
static bool link_over(const struct ockam_link *link, u32 coming, u64 more)
{
	return ockam_limit_over(link->source.user) &&
	       READ_ONCE(link->txq_charged) + (u64)coming >=
		       OCKAM_LIMIT_LEAST + more;
}

/* With little left on the node, what this node's own programs send waits. */
static bool link_short(const struct ockam_link *link, u32 queued)
{
	u8 level = ockam_mem_level(link->node, OCKAM_MEM_LINKS);

	if (likely(level == OCKAM_MEM_FREE))
		return false;
	return level == OCKAM_MEM_PRESSURE ? queued >= OCKAM_MEM_LEAST :
					     queued;
}

/* A link that is not up has room: those who try get the error, not a wait. */
static bool link_admits(const struct ockam_sink *sink, u32 own)
{
	const struct ockam_link *link =
		container_of(sink, struct ockam_link, sink);
	u32 coming = atomic_read(&sink->coming) - own;
	u32 queued = READ_ONCE(link->txq_bytes) + coming;

	return (queued < READ_ONCE(link->node->conf.txq_limit) &&
		!link_over(link, coming, 0) && !link_short(link, queued)) ||
	       READ_ONCE(link->state) != OCKAM_LINK_STATE_UP;
}

/*
 * Messages passing through have more: one message of this node's own may
 * overshoot the limit, and what a source withholds must fit here as well.  That
 * is so over the limit of the user, too, where memory is counted: not more than
 * twice the bytes of a message that is longer than this.
 */
static bool link_room(const struct ockam_sink *sink)
{
	const struct ockam_link *link =
		container_of(sink, struct ockam_link, sink);
	const struct ockam_conf *conf = &link->node->conf;
	u64 message = (u64)READ_ONCE(conf->max_msg) + OCKAM_SEALED_MAX;
	u64 limit = READ_ONCE(conf->txq_limit) + message +
		    2 * OCKAM_SOURCE_SLACK;

	return (READ_ONCE(link->txq_bytes) < limit &&
		!link_over(link, 0, 2 * message + 2 * OCKAM_SOURCE_SLACK)) ||
	       READ_ONCE(link->state) != OCKAM_LINK_STATE_UP;
}

/* Tell those who wait for room or are parked. */
static void link_flushed(struct ockam_link *link, u32 off, bool done)
{
	/* A large frame that goes slowly is no stall. */
	if (done || link->tx_off != off)
		ockam_sink_progress(&link->sink);
	if (!done)
		return;

	/* Pairs with the barrier in link_kick(). */
	smp_mb();
	if (unlikely(ockam_sink_has_parked(&link->sink) &&
		     link_room(&link->sink)))
		ockam_link_queue(link);
}

static void link_flush(struct ockam_link *link, struct ockam_tcp *tcp)
{
	u32 off = link->tx_off;

	link_flushed(link, off, ockam_tcp_flush(tcp));
}

/* Puts the head in front of the payload, and @len bytes for the length. */
static int link_frame(struct sk_buff *skb, u32 len)
{
	const struct ockam_msg *m = ockam_msg(skb);
	u32 payload = skb->len;
	u32 head;
	u8 *p;

	head = ockam_wire_head_size(ockam_onward(skb), ockam_onward_len(skb),
				    m->onward.hops, ockam_return(skb),
				    ockam_return_len(skb), m->ret.hops,
				    payload);
	if (unlikely(payload > OCKAM_FRAME_MAX - head))
		return -EMSGSIZE;
	if (unlikely(ockam_msg_headroom(skb) < len + head)) {
		struct ockam_room room = { .head = len + head };
		int err = ockam_msg_reserve(skb, &room);

		if (err)
			return err;
		m = ockam_msg(skb);
	}

	p = skb_push(skb, len + head);
	if (len)
		ockam_put_be32(p, head + payload);
	ockam_wire_head_put(p + len, ockam_onward(skb),
			    ockam_onward_len(skb), m->onward.hops,
			    ockam_return(skb), ockam_return_len(skb),
			    m->ret.hops, payload);
	return 0;
}

/* What the frames on the way out take of the user's limit. */
static void link_charge(struct ockam_link *link, int bytes)
{
	WRITE_ONCE(link->txq_charged, link->txq_charged + bytes);
	ockam_limit_add(link->source.user, bytes);
}

/*
 * The queue has a limit of its own: let the source go on, and the sender: a peer
 * that takes nothing keeps nobody from sending to others.  But what programs of a
 * user over his limit send stays on their account: links take a message each even
 * then, and are many.
 */
static void link_take_over(struct ockam_link *link, struct sk_buff *skb)
{
	if (ockam_limit_over(link->source.user) &&
	    ockam_msg(skb)->charge == OCKAM_CHARGE_SENDER)
		return;
	ockam_msg_charge_none(skb);
	ockam_msg_hold(skb, link->node);
}

static void link_count_frame(struct ockam_link *link, struct sk_buff *skb)
{
	WRITE_ONCE(link->txq_bytes, link->txq_bytes + skb->len);
	if (unlikely(link->source.user)) {
		ockam_msg(skb)->charged = skb->truesize;
		link_charge(link, skb->truesize);
	}
}

static void link_queue_frame(struct ockam_link *link, struct sk_buff *skb)
{
	__skb_queue_tail(&link->txq, skb);
	link_count_frame(link, skb);
}

static void link_unqueue_frame(struct ockam_link *link, struct sk_buff *skb)
{
	__skb_unlink(skb, &link->txq);
	WRITE_ONCE(link->txq_bytes, link->txq_bytes - skb->len);
	if (unlikely(link->source.user))
		link_charge(link, -(int)ockam_msg(skb)->charged);
}

void ockam_link_requeue(struct ockam_link *link, struct sk_buff *skb)
{
	__skb_queue_head(&link->txq, skb);
	link_count_frame(link, skb);
}

void ockam_link_sent(struct ockam_link *link, struct sk_buff *skb)
{
	link_unqueue_frame(link, skb);
	link->tx_off = 0;
	ockam_msg_free(skb);
}

/* Whom a link without a peer shall send to: the next address, which goes. */
static int link_target(struct ockam_udp *udp, struct sk_buff *skb,
		       union ockam_endpoint *to)
{
	const u8 *hop = ockam_onward(skb);

	if (!ockam_msg(skb)->onward.hops || hop[0] != OCKAM_TYPE_UDP ||
	    ockam_endpoint_parse(to, hop + 2, hop[1]) ||
	    !ockam_udp_reaches(udp, to))
		return -EINVAL;
	ockam_msg_pop(skb);
	return 0;
}

static int link_pack_udp(struct ockam_link *link, struct ockam_udp *udp,
			 struct sk_buff *skb, u32 *reason)
{
	union ockam_endpoint *to = ockam_udp_to(skb);
	int err;

	ockam_msg_pop(skb);
	to->sa.sa_family = 0;
	if (link->config.mode == OCKAM_LINK_MODE_LISTEN) {
		*reason = OCKAM_DROP_UDP_TARGET;
		err = link_target(udp, skb, to);
		if (err)
			return err;
	}
	trace_ockam_link_tx(link->node, skb, link->id);
	err = link_frame(skb, 0);
	if (err)
		*reason = err == -EMSGSIZE ? OCKAM_DROP_TOO_BIG :
					     OCKAM_DROP_NO_MEMORY;
	return err;
}

static int link_pack_tcp(struct ockam_link *link, struct sk_buff *skb,
			 u32 *reason)
{
	int err;

	ockam_msg_pop(skb);
	trace_ockam_link_tx(link->node, skb, link->id);
	err = link_frame(skb, OCKAM_FRAME_HEAD);
	if (unlikely(err))
		*reason = err == -EMSGSIZE ? OCKAM_DROP_TOO_BIG :
					     OCKAM_DROP_NO_MEMORY;
	return err;
}

/* Behind what waits for the device, or at once; what is left then waits, too. */
static int link_send_udp(struct ockam_link *link, struct ockam_udp *udp,
			 struct sk_buff *skb)
{
	int err = -EAGAIN;

	if (likely(skb_queue_empty(&link->txq)))
		err = ockam_udp_send(udp, skb);
	if (likely(err != -EAGAIN))
		return err;
	link_take_over(link, skb);
	link_queue_frame(link, skb);
	return 0;
}

/* What waited; returns the number of messages gone. */
static unsigned int link_flush_udp(struct ockam_link *link,
				   struct ockam_udp *udp)
{
	unsigned int done = 0;
	struct sk_buff *skb;

	for (; (skb = skb_peek(&link->txq)); done++) {
		link_unqueue_frame(link, skb);
		if (ockam_udp_send(udp, skb) == -EAGAIN) {
			ockam_link_requeue(link, skb);
			break;
		}
	}
	return done;
}

static void link_flush_queued_udp(struct ockam_link *link,
				  struct ockam_udp *udp)
{
	u32 off = link->tx_off;

	link_flushed(link, off, link_flush_udp(link, udp));
}

static void link_count_sent(struct ockam_link *link, u32 bytes)
{
	ockam_stat_inc(link->node, OCKAM_STAT_LINK_TX);
	atomic64_inc(&link->stats.tx_msgs);
	atomic64_add(bytes, &link->stats.tx_bytes);
}

static int link_deliver_udp(struct ockam_link *link, struct sk_buff *skb)
{
	u32 reason = OCKAM_DROP_LINK_DOWN;
	int err = -ENETUNREACH;
	struct ockam_udp *udp;
	u32 len;

	udp = link_udp(link);
	if (likely(udp))
		err = link_pack_udp(link, udp, skb, &reason);
	len = skb->len;
	if (likely(!err))
		err = link_send_udp(link, udp, skb);
	else
		ockam_drop(link->node, skb, reason);
	/* That something fails is no stall, waiting for the device may be. */
	if (skb_queue_empty(&link->txq))
		ockam_sink_progress(&link->sink);
	if (likely(!err))
		link_count_sent(link, len);
	return err;
}

/* What passes does not wait for its turn, but behind those that do. */
static bool link_passes(const struct ockam_sink *sink, u32 bytes)
{
	const struct ockam_link *link =
		container_of(sink, struct ockam_link, sink);
	const struct ockam_tcp *tcp = rcu_dereference(link->tcp);
	const struct ockam_udp *udp;

	if (tcp)
		return bytes <= OCKAM_LINEAR_MAX && ockam_tcp_passes(tcp);
	udp = rcu_dereference(link->udp);
	return udp && skb_queue_empty_lockless(&link->txq) &&
	       ockam_udp_passes(udp, bytes);
}

static void link_pass_udp(struct ockam_link *link, struct sk_buff *skb)
{
	struct ockam_udp *udp = rcu_dereference(link->udp);
	u32 reason = OCKAM_DROP_LINK_DOWN;
	u32 len;

	if (unlikely(!udp || link_pack_udp(link, udp, skb, &reason))) {
		ockam_drop(link->node, skb, reason);
		return;
	}
	len = skb->len;
	if (likely(!ockam_udp_pass(udp, skb)))
		link_count_sent(link, len);
}

static bool link_pass_tcp(struct ockam_link *link, struct ockam_tcp *tcp,
			  struct sk_buff *skb)
{
	u32 reason, len;

	if (unlikely(!ockam_tcp_pass_begin(tcp)))
		return false;
	if (unlikely(link_pack_tcp(link, skb, &reason))) {
		ockam_drop(link->node, skb, reason);
		goto end;
	}
	ockam_gather_passed(&link->gather);
	len = skb->len;
	if (unlikely(!ockam_tcp_pass(tcp, skb)))
		link_take_over(link, skb);
	link_count_sent(link, len);
end:
	ockam_tcp_pass_end(tcp);
	return true;
}

static bool link_pass(struct ockam_sink *sink, struct sk_buff *skb)
{
	struct ockam_link *link = ockam_sink_link(sink);
	struct ockam_tcp *tcp = rcu_dereference(link->tcp);

	if (link->config.kind == OCKAM_LINK_KIND_UDP)
		link_pass_udp(link, skb);
	else if (unlikely(!tcp || !link_pass_tcp(link, tcp, skb)))
		return false;
	if (likely(!tcp || !ockam_tcp_has_part(tcp)))
		ockam_sink_progress(sink);
	return true;
}

static int link_deliver(struct ockam_sink *sink, struct sk_buff *skb)
{
	struct ockam_link *link = ockam_sink_link(sink);
	struct ockam_node *node = link->node;
	struct ockam_tcp *tcp = link_tcp(link);
	bool more = ockam_msg(skb)->more;
	u32 reason;
	int err;

	if (link->config.kind == OCKAM_LINK_KIND_UDP)
		return link_deliver_udp(link, skb);
	if (unlikely(!tcp)) {
		ockam_drop(node, skb, OCKAM_DROP_LINK_DOWN);
		return -ENETUNREACH;
	}

	err = link_pack_tcp(link, skb, &reason);
	if (unlikely(err)) {
		ockam_drop(node, skb, reason);
		return err;
	}

	/* A source's is what it was charged, which the queue's would take the place of. */
	if (ockam_msg(skb)->charge == OCKAM_CHARGE_SOURCE)
		link_take_over(link, skb);
	link_count_sent(link, skb->len);
	link_queue_frame(link, skb);
	if (!ockam_gather_waits(link, more))
		link_flush(link, tcp);
	/* What is gone has never been on anybody's account but its sender's. */
	if (skb_peek_tail(&link->txq) == skb)
		link_take_over(link, skb);
	return 0;
}

void ockam_link_push(struct ockam_link *link)
{
	struct ockam_tcp *tcp;

	/* Whoever has it sends, or leaves it to the timer. */
	if (!mutex_trylock(&link->serial))
		return;
	tcp = link_tcp(link);
	if (likely(tcp)) {
		ockam_gather_pushed(link);
		link_flush(link, tcp);
	}
	mutex_unlock(&link->serial);
	/* Who found it locked. */
	ockam_sink_wake(&link->sink);
}

static void link_kick(struct ockam_sink *sink)
{
	/*
	 * Without room the carrier queues the work when it has some.  The
	 * message was parked before this, and whoever makes room looks at
	 * what is parked after it.
	 */
	smp_mb();
	if (link_room(sink))
		ockam_link_queue(ockam_sink_link(sink));
}

static bool link_idle(const struct ockam_sink *sink)
{
	return !READ_ONCE(container_of(sink, struct ockam_link,
				       sink)->txq_bytes);
}

static u32 link_id(const struct ockam_sink *sink)
{
	return container_of(sink, struct ockam_link, sink)->id;
}

static u64 link_peer(const struct ockam_sink *sink, const u8 *hop)
{
	const struct ockam_link *link =
		container_of(sink, struct ockam_link, sink);
	union ockam_endpoint to;

	if (link->config.kind != OCKAM_LINK_KIND_UDP ||
	    link->config.mode != OCKAM_LINK_MODE_LISTEN)
		return 0;
	/* Without a peer it does not leave, so there is no answer either. */
	if (!hop || ockam_endpoint_parse(&to, hop + 2, hop[1]))
		return 0;
	return ockam_endpoint_print(&to);
}

static bool link_stranger(const struct ockam_sink *sink, u64 *taken)
{
	const struct ockam_link *link =
		container_of(sink, struct ockam_link, sink);

	*taken = READ_ONCE(link->tx_done);
	return link->config.mode == OCKAM_LINK_MODE_ACCEPTED;
}

static bool link_hold(struct ockam_sink *sink)
{
	return ockam_link_get_unless_zero(ockam_sink_link(sink));
}

static void link_drop_ref(struct ockam_sink *sink)
{
	ockam_link_put(ockam_sink_link(sink));
}

static const struct ockam_sink_ops link_sink_ops = {
	.check		= link_check,
	.room		= link_room,
	.admits		= link_admits,
	.deliver	= link_deliver,
	.passes		= link_passes,
	.pass		= link_pass,
	.route		= ockam_router_forward,
	.kick		= link_kick,
	.idle		= link_idle,
	.id		= link_id,
	.peer		= link_peer,
	.stranger	= link_stranger,
	.hold		= link_hold,
	.put		= link_drop_ref,
};

static void link_work(struct work_struct *work)
{
	struct ockam_link *link = container_of(work, struct ockam_link, work);
	struct ockam_tcp *tcp;
	struct ockam_udp *udp;

	mutex_lock(&link->serial);
	tcp = link_tcp(link);
	udp = link_udp(link);
	if (tcp) {
		/* Else what is parked would wait as if it were behind something. */
		if (!skb_queue_empty(&link->txq))
			ockam_gather_pushed(link);
		link_flush(link, tcp);
	} else if (udp) {
		link_flush_queued_udp(link, udp);
	}
	mutex_unlock(&link->serial);

	ockam_sink_unpark(&link->sink);
	ockam_link_put(link);
}

/* ---- names ---- */

static void link_make_name(u8 key[2 + OCKAM_NAME_LEN])
{
	u8 random[8];
	char text[OCKAM_NAME_LEN + 1];

	get_random_bytes(random, sizeof(random));
	snprintf(text, sizeof(text), "%*phN", (int)sizeof(random), random);
	text[0] = 'l';
	key[0] = OCKAM_TYPE_LOCAL;
	key[1] = OCKAM_NAME_LEN;
	memcpy(key + 2, text, OCKAM_NAME_LEN);
}

static int link_add_name(struct ockam_link *link, const u8 *name,
			 struct netlink_ext_ack *extack)
{
	int tries = name ? 1 : 4;
	int err;

	if (name) {
		if (name[0] != OCKAM_TYPE_LOCAL || !name[1] ||
		    name[1] > OCKAM_NAME_LEN) {
			NL_SET_ERR_MSG(extack,
				       "a link's name is local and has 1 to 16 bytes");
			return -EINVAL;
		}
		memcpy(link->name_key, name, 2 + name[1]);
	}
	do {
		if (!name)
			link_make_name(link->name_key);
		err = ockam_name_add(link->node, &link->name);
	} while (err == -EADDRINUSE && --tries);
	if (err == -EADDRINUSE)
		NL_SET_ERR_MSG(extack, "the address is taken");
	return err;
}

/* Who comes second to the same endpoint does without. */
static void link_add_endpoint(struct ockam_link *link)
{
	if (link->endpoint.listed)
		return;
	ockam_endpoint_key(link->endpoint_key,
			   link->config.kind == OCKAM_LINK_KIND_UDP ?
			   OCKAM_TYPE_UDP : OCKAM_TYPE_TCP, &link->remote);
	ockam_name_add(link->node, &link->endpoint);
}

static void link_del_names(struct ockam_link *link)
{
	if (link->name.listed)
		ockam_name_del(link->node, &link->name);
	if (link->endpoint.listed)
		ockam_name_del(link->node, &link->endpoint);
}

/* ---- states ---- */

static void link_set_state(struct ockam_link *link, u8 state, u8 reason,
			   int error)
{
	WRITE_ONCE(link->reason, reason);
	WRITE_ONCE(link->error, error);
	WRITE_ONCE(link->state, state);
	link->node->gen++;
}

/*
 * Take the carrier away.  Frames that TCP has not taken are lost; the peer
 * would not know what to make of the rest of one.
 */
static void link_unplug(struct ockam_link *link)
{
	struct sk_buff_head gone;
	struct ockam_tcp *tcp;
	struct ockam_udp *udp;
	struct sk_buff *skb;

	__skb_queue_head_init(&gone);
	mutex_lock(&link->serial);
	tcp = link_tcp(link);
	udp = link_udp(link);
	/* What only waited for more. */
	if (tcp && (!skb_queue_empty(&link->txq) || ockam_tcp_has_part(tcp)))
		ockam_tcp_flush(tcp);
	RCU_INIT_POINTER(link->tcp, NULL);
	RCU_INIT_POINTER(link->udp, NULL);
	/* Pairs with the one in tcp_tx_may_pass(). */
	smp_wmb();
	skb_queue_splice_init(&link->txq, &gone);
	WRITE_ONCE(link->txq_bytes, 0);
	link_charge(link, -(int)link->txq_charged);
	link->tx_off = 0;
	mutex_unlock(&link->serial);

	while ((skb = __skb_dequeue(&gone)))
		ockam_drop(link->node, skb, OCKAM_DROP_LINK_DOWN);
	if (tcp)
		ockam_tcp_close(tcp);
	if (udp)
		ockam_udp_close(udp);
}

/* Half of the delay is random, so that many links do not come at once. */
static unsigned long link_delay(struct ockam_link *link)
{
	u32 least = READ_ONCE(link->config.reconnect_min_ms);
	u32 most = READ_ONCE(link->config.reconnect_max_ms);
	u64 ms = (u64)least << link->backoff;

	if (link->backoff < LINK_BACKOFF_MAX)
		link->backoff++;
	ms = min_t(u64, ms, max(least, most));
	ms = ms / 2 + get_random_u32_below(ms / 2 + 1);
	return msecs_to_jiffies(ms) + 1;
}

static void link_down(struct ockam_link *link, enum ockam_link_reason reason,
		      int error)
{
	if (link->state == OCKAM_LINK_STATE_UP &&
	    time_after(jiffies, link->up_at + LINK_PROVEN))
		link->backoff = 0;

	link_unplug(link);
	link_set_state(link, OCKAM_LINK_STATE_DOWN, reason, error);
	if (link->endpoint.listed)
		ockam_name_del(link->node, &link->endpoint);

	/* Whoever waits for room, or is parked, gets the error now. */
	ockam_sink_progress(&link->sink);
	wake_up_all(&link->sink.wait);
	ockam_link_queue(link);

	if (link->config.reconnect_min_ms)
		ockam_link_later(link, link_delay(link));
	ockam_notify_link(link, false);
}

static int link_try(struct ockam_link *link)
{
	int err;

	atomic64_inc(&link->stats.attempts);
	link_add_endpoint(link);
	link_set_state(link, OCKAM_LINK_STATE_CONNECTING, link->reason,
		       link->error);
	ockam_notify_link(link, false);
	err = ockam_tcp_connect(link);
	if (err) {
		link_down(link, ockam_tcp_reason(err), err);
		return err;
	}
	ockam_link_later(link, LINK_CONNECT_PATIENCE);
	return 0;
}

void ockam_link_up(struct ockam_link *link)
{
	lockdep_assert_held(&link->node->lock);

	atomic64_inc(&link->stats.connects);
	link->up_at = jiffies;
	link->node->gen++;
	ockam_notify_link(link, false);
}

static void link_timer(struct work_struct *work)
{
	struct ockam_link *link = container_of(to_delayed_work(work),
					       struct ockam_link, timer);
	struct ockam_node *node = link->node;
	struct ockam_tcp *tcp;

	mutex_lock(&node->lock);
	tcp = rcu_dereference_protected(link->tcp,
					lockdep_is_held(&node->lock));
	switch (READ_ONCE(link->state)) {
	case OCKAM_LINK_STATE_DOWN:
		if (link->config.reconnect_min_ms)
			link_try(link);
		break;
	case OCKAM_LINK_STATE_CONNECTING:
		if (ockam_tcp_connecting(tcp))
			ockam_link_lost(link, tcp, OCKAM_LINK_REASON_TIMEOUT,
					-ETIMEDOUT);
		else
			ockam_link_queue(link);
		break;
	case OCKAM_LINK_STATE_LISTENING:
		ockam_tcp_poke(tcp);
		break;
	case OCKAM_LINK_STATE_UP:
		ockam_link_queue(link);
		break;
	}
	mutex_unlock(&node->lock);
	ockam_link_put(link);
}

/* ---- creation and deletion ---- */

static struct ockam_link *link_create(struct ockam_node *node,
				      const struct ockam_link_config *cfg,
				      struct netlink_ext_ack *extack)
{
	struct ockam_link *link;
	int err;

	if (node->dying)
		return ERR_PTR(-ESHUTDOWN);
	if (node->nr_links >= node->conf.max_links) {
		NL_SET_ERR_MSG(extack, "the node has as many links as it may");
		return ERR_PTR(-ENOSPC);
	}
	err = ockam_limit_take(node, OCKAM_LIMIT_LINKS, extack);
	if (err)
		return ERR_PTR(err);
	link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);
	if (!link) {
		ockam_limit_drop(node->limit, OCKAM_LIMIT_LINKS);
		return ERR_PTR(-ENOMEM);
	}

	link->node = node;
	link->config = *cfg;
	link->config.name = NULL;
	link->config.sock = NULL;
	link->config.senders = NULL;
	RCU_INIT_POINTER(link->senders, ockam_senders_get(cfg->senders));
	INIT_LIST_HEAD(&link->spoken);
	INIT_LIST_HEAD(&link->unspoken);
	INIT_LIST_HEAD(&link->sibling);
	link->local = cfg->local;
	link->remote = cfg->remote;
	refcount_set(&link->ref, 1);
	mutex_init(&link->serial);
	__skb_queue_head_init(&link->txq);
	ockam_gather_init(link);
	INIT_WORK(&link->work, link_work);
	INIT_DELAYED_WORK(&link->timer, link_timer);
	ockam_sink_init(&link->sink, node, &link_sink_ops, &link->serial);
	ockam_source_init(&link->source, node, node->conf.park_limit,
			  link_release, link_resume);
	link->source.lossy = cfg->kind == OCKAM_LINK_KIND_UDP;
	link->source.user = ockam_limit_get(node->limit);
	link->name.kind = OCKAM_NAME_LINK;
	link->name.key = link->name_key;
	link->name.sink = &link->sink;
	link->endpoint.kind = OCKAM_NAME_LINK;
	link->endpoint.key = link->endpoint_key;
	link->endpoint.sink = &link->sink;

	/* A link keeps the module, as a socket does. */
	if (!try_module_get(THIS_MODULE)) {
		err = -ENODEV;
		goto free;
	}
	err = xa_alloc_cyclic(&node->links, &link->id, link,
			      XA_LIMIT(1, INT_MAX), &node->next_link,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto put_module;
	err = link_add_name(link, cfg->name, extack);
	if (err)
		goto erase;

	node->nr_links++;
	node->gen++;
	return link;

erase:
	xa_erase(&node->links, link->id);
put_module:
	module_put(THIS_MODULE);
free:
	ockam_sink_kill(&link->sink);
	ockam_link_put(link);
	ockam_limit_drop(node->limit, OCKAM_LIMIT_LINKS);
	return ERR_PTR(err);
}

void ockam_link_set_senders(struct ockam_link *link,
			    struct ockam_senders *senders)
{
	struct ockam_senders *old;

	old = rcu_replace_pointer(link->senders, senders,
				  lockdep_is_held(&link->node->lock));
	ockam_senders_put(old);
	/* Those who wait for room are asked again. */
	wake_up_all(&link->sink.wait);
}

void ockam_link_set_dead(struct ockam_link *link)
{
	struct ockam_tcp *tcp;

	tcp = rcu_dereference_protected(link->tcp,
					lockdep_is_held(&link->node->lock));
	if (tcp && link->config.mode != OCKAM_LINK_MODE_LISTEN)
		ockam_tcp_set_dead(tcp);
}

/* What an accepted one takes, whatever it brings. */
static void link_charge_itself(struct ockam_node *node, int bytes)
{
	ockam_mem_add(node, OCKAM_MEM_LINKS, bytes);
	ockam_limit_add(node->limit, bytes);
}

static void link_del_children(struct ockam_link *link)
{
	struct ockam_link *child;
	unsigned long id;

	if (!link->children)
		return;
	xa_for_each(&link->node->links, id, child) {
		if (child->parent == link->id)
			ockam_link_del(child, OCKAM_LINK_REASON_PARENT_DELETED);
	}
}

static void link_leave_parent(struct ockam_link *link)
{
	struct ockam_link *parent;

	if (!link->parent)
		return;
	list_del_init(&link->sibling);
	parent = xa_load(&link->node->links, link->parent);
	if (!parent)
		return;
	WRITE_ONCE(parent->children, parent->children - 1);
	parent->full = false;
}

static void link_destroy(struct ockam_link *link,
			 enum ockam_link_reason reason, int error,
			 bool announce)
{
	struct ockam_node *node = link->node;

	lockdep_assert_held(&node->lock);

	ockam_policy_end(node, &link->sink.policy);
	link_del_names(link);
	link_del_children(link);
	link_leave_parent(link);
	if (link->config.mode == OCKAM_LINK_MODE_ACCEPTED)
		link_charge_itself(node, -OCKAM_MEM_LINK);
	xa_erase(&node->links, link->id);
	node->nr_links--;
	ockam_limit_drop(node->limit, OCKAM_LIMIT_LINKS);

	link_unplug(link);
	ockam_gather_kill(link);
	/* From here on nothing is queued any more. */
	link_set_state(link, OCKAM_LINK_STATE_CLOSED, reason, error);
	if (cancel_work(&link->work))
		ockam_link_put(link);
	if (cancel_delayed_work(&link->timer))
		ockam_link_put(link);
	ockam_sink_kill(&link->sink);
	if (announce)
		ockam_notify_link(link, true);
	ockam_link_put(link);
	module_put(THIS_MODULE);
}

void ockam_link_del(struct ockam_link *link, enum ockam_link_reason reason)
{
	link_destroy(link, reason, 0, true);
}

static void link_count_loss(struct ockam_link *link,
			    enum ockam_link_reason reason)
{
	struct ockam_node *node = link->node;

	switch (reason) {
	case OCKAM_LINK_REASON_VERSION:
		ockam_stat_inc(node, OCKAM_STAT_BAD_VERSIONS);
		break;
	case OCKAM_LINK_REASON_VERSION_TIMEOUT:
		ockam_stat_inc(node, OCKAM_STAT_VERSION_TIMEOUTS);
		break;
	case OCKAM_LINK_REASON_FRAME_TIMEOUT:
		ockam_stat_inc(node, OCKAM_STAT_FRAME_TIMEOUTS);
		break;
	case OCKAM_LINK_REASON_TIMEOUT:
		if (link->state == OCKAM_LINK_STATE_UP)
			ockam_stat_inc(node, OCKAM_STAT_DEAD_PATHS);
		break;
	default:
		break;
	}
}

/*
 * The carrier failed.  Links that somebody configured stay; what came with
 * the connection goes with it.
 */
void ockam_link_lost(struct ockam_link *link, struct ockam_tcp *tcp,
		     enum ockam_link_reason reason, int error)
{
	lockdep_assert_held(&link->node->lock);

	if (link->state == OCKAM_LINK_STATE_CLOSED ||
	    rcu_access_pointer(link->tcp) != tcp)
		return;
	link_count_loss(link, reason);
	if (link->config.mode == OCKAM_LINK_MODE_ACCEPTED ||
	    link->config.mode == OCKAM_LINK_MODE_HANDOVER)
		link_destroy(link, reason, error, true);
	else
		link_down(link, reason, error);
}

/* With a peer or without, it is up as long as it is there. */
static int link_start_udp(struct ockam_link *link,
			  struct netlink_ext_ack *extack)
{
	bool peer = link->config.mode == OCKAM_LINK_MODE_CONNECT;
	int err;

	if (!peer && link->config.mode != OCKAM_LINK_MODE_LISTEN) {
		NL_SET_ERR_MSG(extack, "no UDP sockets are taken over");
		return -EOPNOTSUPP;
	}
	err = ockam_udp_open(link);
	if (err) {
		if (peer)
			NL_SET_ERR_MSG(extack, "cannot send there");
		else
			NL_SET_ERR_MSG(extack, "cannot receive there");
		return err;
	}
	atomic64_inc(&link->stats.attempts);
	if (peer)
		link_add_endpoint(link);
	link_set_state(link, OCKAM_LINK_STATE_UP, OCKAM_LINK_REASON_NONE, 0);
	ockam_link_up(link);
	return 0;
}

static int link_start(struct ockam_link *link,
		      const struct ockam_link_config *cfg,
		      struct netlink_ext_ack *extack)
{
	int err;

	if (cfg->kind == OCKAM_LINK_KIND_UDP)
		return link_start_udp(link, extack);
	switch (cfg->mode) {
	case OCKAM_LINK_MODE_CONNECT:
		err = link_try(link);
		if (err && !link->config.reconnect_min_ms) {
			NL_SET_ERR_MSG(extack, "cannot connect");
			return err;
		}
		return 0;
	case OCKAM_LINK_MODE_LISTEN:
		err = ockam_tcp_listen(link);
		if (err) {
			NL_SET_ERR_MSG(extack, "cannot listen there");
			return err;
		}
		link_set_state(link, OCKAM_LINK_STATE_LISTENING,
			       OCKAM_LINK_REASON_NONE, 0);
		ockam_tcp_poke(rcu_access_pointer(link->tcp));
		break;
	case OCKAM_LINK_MODE_HANDOVER:
		err = ockam_tcp_handover(link, cfg->sock, extack);
		if (err)
			return err;
		break;
	default:
		NL_SET_ERR_MSG(extack, "such links are made by others");
		return -EINVAL;
	}
	ockam_notify_link(link, false);
	return 0;
}

struct ockam_link *ockam_link_new(struct ockam_node *node,
				  const struct ockam_link_config *cfg,
				  struct netlink_ext_ack *extack)
{
	struct ockam_link *link;
	int err;

	lockdep_assert_held(&node->lock);

	link = link_create(node, cfg, extack);
	if (IS_ERR(link))
		return link;
	link->memcg = ockam_memcg_current();

	err = link_start(link, cfg, extack);
	if (err) {
		/* Of an attempt to connect there were events already. */
		link_destroy(link, ockam_tcp_reason(err), err,
			     cfg->mode == OCKAM_LINK_MODE_CONNECT &&
			     cfg->kind == OCKAM_LINK_KIND_TCP);
		return ERR_PTR(err);
	}
	return link;
}

/*
 * Which of a listening link's has been silent longest?  Those that never
 * brought a message come first, in the order of their coming, so that who only
 * connects displaces only his like.  All of the others are looked at when each
 * has brought one since it was last seen here.  NULL: one that was heard just
 * now is not given up for a stranger.
 */
static struct ockam_link *link_silent(struct ockam_link *parent)
{
	struct ockam_link *child, *next, *silent = NULL;
	unsigned long least = LINK_SILENT;
	unsigned long now = jiffies;

	list_for_each_entry_safe(child, next, &parent->unspoken, sibling) {
		if (!READ_ONCE(child->rx_at))
			return child;
		list_move_tail(&child->sibling, &parent->spoken);
	}
	list_for_each_entry(child, &parent->spoken, sibling) {
		unsigned long silence = now - READ_ONCE(child->rx_at);

		/* Heard after now was read? */
		if ((long)silence < 0 || silence < least)
			continue;
		least = silence + 1;
		silent = child;
	}
	return silent;
}

static bool link_make_room(struct ockam_link *parent)
{
	struct ockam_link *silent = link_silent(parent);

	if (!silent)
		return false;
	ockam_stat_inc(parent->node, OCKAM_STAT_ACCEPTS_DISPLACED);
	ockam_link_del(silent, OCKAM_LINK_REASON_LIMIT);
	return true;
}

/* Told once, not for each connection that is turned away. */
static void link_refuse(struct ockam_link *parent)
{
	ockam_stat_inc(parent->node, OCKAM_STAT_ACCEPTS_REFUSED);
	if (parent->full)
		return;
	parent->full = true;
	WRITE_ONCE(parent->reason, OCKAM_LINK_REASON_LIMIT);
	ockam_notify_link(parent, false);
}

/* A listening link's policy program looks at all it brings: better no link. */
static int link_inherit(struct ockam_link *link, struct ockam_link *parent)
{
	struct ockam_policy_config cfg = {
		.where	= &link->sink.policy,
		.place	= OCKAM_POLICY_AT_LINK,
		.object	= link->id,
	};

	cfg.like = rcu_dereference_protected(parent->sink.policy,
				lockdep_is_held(&parent->node->lock));
	if (likely(!cfg.like))
		return 0;
	return PTR_ERR_OR_ZERO(ockam_policy_new(link->node, &cfg, NULL));
}

void ockam_link_accept(struct ockam_link *parent, struct ockam_tcp *listener,
		       struct socket *sock)
{
	struct ockam_node *node = parent->node;
	struct ockam_link_config cfg = {
		.kind		= OCKAM_LINK_KIND_TCP,
		.mode		= OCKAM_LINK_MODE_ACCEPTED,
		.frame_ms	= READ_ONCE(parent->config.frame_ms),
		.dead_ms	= READ_ONCE(parent->config.dead_ms),
		.senders	= rcu_dereference_protected(parent->senders,
					lockdep_is_held(&node->lock)),
	};
	u32 most = READ_ONCE(parent->config.max_accepted);
	struct ockam_link *link;
	int err;

	lockdep_assert_held(&node->lock);

	/* Of memory that there is not, nobody gets more for that of another one. */
	if (ockam_mem_level(node, OCKAM_MEM_LINKS) == OCKAM_MEM_OVER) {
		ockam_stat_inc(node, ockam_limit_over(node->limit) ?
			       OCKAM_STAT_USER_LIMIT : OCKAM_STAT_MEM_LIMIT);
		if (!link_make_room(parent))
			goto refuse;
	}
	if (((most && parent->children >= most) ||
	     node->nr_links >= node->conf.max_links) &&
	    !link_make_room(parent)) {
		link_refuse(parent);
		goto refuse;
	}
	link = link_create(node, &cfg, NULL);
	/* A limit over the user of a container. */
	if (link == ERR_PTR(-ENOSPC) && link_make_room(parent))
		link = link_create(node, &cfg, NULL);
	if (IS_ERR(link)) {
		if (PTR_ERR(link) == -ENOSPC)
			link_refuse(parent);
		goto refuse;
	}

	link_charge_itself(node, OCKAM_MEM_LINK);
	link->parent = parent->id;
	list_add_tail(&link->sibling, &parent->unspoken);
	link->memcg = ockam_memcg_get(parent->memcg);
	WRITE_ONCE(parent->children, parent->children + 1);
	err = link_inherit(link, parent);
	if (err)
		goto destroy;
	atomic64_inc(&link->stats.attempts);
	err = ockam_tcp_accept(link, listener, sock);
	if (err)
		goto destroy;
	ockam_notify_link(link, false);
	return;

destroy:
	link_destroy(link, ockam_tcp_reason(err), err, false);
refuse:
	ockam_tcp_abort(sock);
}

/*
 * For the carrier, before anything can arrive: both ends are known, the peer's
 * version is to come.
 */
void ockam_link_ready(struct ockam_link *link)
{
	link_add_endpoint(link);
	link_set_state(link, OCKAM_LINK_STATE_CONNECTING, link->reason,
		       link->error);
}

void ockam_link_flush(struct ockam_node *node)
{
	enum ockam_link_reason reason = node->dying ?
		OCKAM_LINK_REASON_NODE_EXIT : OCKAM_LINK_REASON_DELETED;
	struct ockam_link *link;
	unsigned long id;

	lockdep_assert_held(&node->lock);

	xa_for_each(&node->links, id, link)
		ockam_link_del(link, reason);
}

/* A few bytes now and then are no reason to keep what others are in need of. */
static void link_give_way(struct ockam_link *link)
{
	struct ockam_node *node = link->node;
	u64 done = READ_ONCE(link->tx_done);
	u32 waits = READ_ONCE(link->txq_bytes);
	struct ockam_tcp *tcp;
	bool slow;

	slow = waits >= OCKAM_MEM_LEAST && done - link->tx_seen < waits &&
	       link->tx_look == node->press_look - 1;
	link->tx_seen = done;
	link->tx_look = node->press_look;
	tcp = rcu_dereference_protected(link->tcp,
					lockdep_is_held(&node->lock));
	if (!slow || !tcp)
		return;
	ockam_stat_inc(node, OCKAM_STAT_GAVE_WAY);
	ockam_tcp_fail(tcp, OCKAM_LINK_REASON_TIMEOUT, -ETIMEDOUT);
}

static void link_press_work(struct work_struct *work)
{
	struct ockam_node *node = container_of(to_delayed_work(work),
					       struct ockam_node, press_work);
	unsigned long id, due;
	struct ockam_link *link;

	mutex_lock(&node->lock);
	if (node->dying)
		goto unlock;
	/* Asked for sooner: what is slow shows only after a while. */
	due = node->press_at + msecs_to_jiffies(node->conf.stall_ms);
	if (time_before(jiffies, due))
		goto again;
	node->press_look++;
	if (ockam_mem_level(node, OCKAM_MEM_LINKS) != OCKAM_MEM_OVER) {
		/* The next look has none before it. */
		node->press_look++;
		goto unlock;
	}
	node->press_at = jiffies;
	xa_for_each(&node->links, id, link)
		link_give_way(link);
	due = node->press_at + msecs_to_jiffies(node->conf.stall_ms);
again:
	mod_delayed_work(node->wq, &node->press_work, due - jiffies);
unlock:
	mutex_unlock(&node->lock);
}

void ockam_link_init(struct ockam_node *node)
{
	INIT_DELAYED_WORK(&node->press_work, link_press_work);
	node->press_at = jiffies - MAX_JIFFY_OFFSET / 2;
	/* A new link's tx_look is 0: it was never looked at. */
	node->press_look = 1;
}

/*
 * A deleted link queues no work, but one that is just running may have looked
 * before the deletion: hence the second round.
 */
void ockam_link_drain(struct ockam_node *node)
{
	ockam_tcp_drain(node);
	flush_workqueue(node->wq);
	flush_workqueue(node->wq);
	/* No carrier is left that would ask for it. */
	cancel_delayed_work_sync(&node->press_work);
}
