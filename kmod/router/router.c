// SPDX-License-Identifier: GPL-2.0
/* The router: see router.h for how a path is resolved and applied. */
#include <linux/sched/signal.h>

#include "channel/channel.h"
#include "ground/codec.h"
#include "router/hop.h"
#include "router/name.h"
#include "node/node.h"
#include "router/policy.h"
#include "router/router.h"
#include "socket/sock.h"
#include "node/stats.h"
#include "trace.h"

#define PATH_STEPS	OCKAM_HOPS_MAX	/* hops and encryptors of one path */
#define PATH_PENDING	16	/* routes that relays have put others before */
#define PATH_TRIES	16	/* of a message whose path changes meanwhile */

/* A piece of route that is still to be walked. */
struct ockam_span {
	const u8	*p;
	u32		len;
};

/* An encryptor has a route, a hop has none. */
struct ockam_step {
	union {
		struct ockam_hop		*hop;
		struct ockam_channel		*ch;
	};
	struct ockam_channel_route		*route;
};

/**
 * struct ockam_path - what a message will go through in this node
 * @step: steps before the end
 * @nsteps: their number
 * @nenc: encryptors among them
 * @inner: first encryptor: the channel that an answer comes from
 * @outer: last encryptor
 * @via: that of its route
 * @sink: the end, or
 * @next: the hop behind it, NULL if it was the last; lies in the message, or in
 *	something that stays under RCU
 * @dec: the end
 * @room: what the message must have room for
 * @reason: counter, when resolving fails
 * @policed: there are policy programs on the way
 * @enforce: ask them
 */
struct ockam_path {
	struct ockam_step	step[PATH_STEPS];
	unsigned int		nsteps;
	unsigned int		nenc;
	struct ockam_channel	*inner;
	struct ockam_channel	*outer;
	u32			via;
	struct ockam_sink	*sink;
	const u8		*next;
	struct ockam_channel	*dec;
	struct ockam_room	room;
	u32			reason;
	bool			policed;
	bool			enforce;
};

/* Where resolving stands: what the routes would be by now. */
struct ockam_walk {
	struct ockam_span	span;
	struct ockam_span	pending[PATH_PENDING];
	unsigned int		npending;
	u32			onward_len;
	u32			onward_hops;
	u32			ret_len;
	u32			ret_hops;
};

static int path_fail(struct ockam_path *path, enum ockam_drop reason, int err)
{
	path->reason = reason;
	return err;
}

static void walk_pop(struct ockam_walk *w, u32 n)
{
	w->span.p += n;
	w->span.len -= n;
	w->onward_len -= n;
	w->onward_hops--;
	while (!w->span.len && w->npending)
		w->span = w->pending[--w->npending];
}

/* The hop behind the one in front. */
static const u8 *walk_next(const struct ockam_walk *w)
{
	u32 n = ockam_key_size(w->span.p);

	if (w->span.len > n)
		return w->span.p + n;
	return w->npending ? w->pending[w->npending - 1].p : NULL;
}

static bool walk_fits(const struct ockam_walk *w)
{
	return w->onward_len <= OCKAM_ROUTE_MAX &&
	       w->onward_hops <= OCKAM_HOPS_MAX &&
	       w->ret_len <= OCKAM_ROUTE_MAX && w->ret_hops <= OCKAM_HOPS_MAX;
}

static void path_need(struct ockam_path *path, const struct ockam_walk *w)
{
	path->room.onward = max(path->room.onward, w->onward_len);
	path->room.ret = max(path->room.ret, w->ret_len);
}

static struct ockam_step *path_step(struct ockam_path *path)
{
	if (path->nsteps == PATH_STEPS)
		return NULL;
	return &path->step[path->nsteps++];
}

/*
 * Where a message leaves for a worker, a link or a channel, everything else
 * being well.  Programs are asked in a second walk, when the end has room: see
 * path_enforce().
 */
static noinline int path_ask_policy(struct sk_buff *skb, struct ockam_path *path,
				    const struct ockam_walk *w,
				    struct ockam_policy __rcu **where, u32 own)
{
	struct ockam_policy *policy = rcu_dereference(*where);
	struct ockam_policy_view view;
	int err;

	path->policed = true;
	if (!path->enforce || !policy)
		return 0;

	view.onward_len = w->onward_len - own;
	view.onward_hops = w->onward_hops - !!own;
	view.ret_len = w->ret_len;
	view.ret_hops = w->ret_hops;
	view.leaving = policy->place != OCKAM_POLICY_AT_WORKER;
	view.sealed = path->nenc;
	err = ockam_policy_run(policy, skb, &view);
	if (unlikely(err))
		path->reason = err == -EACCES ? OCKAM_DROP_POLICY :
						OCKAM_DROP_NO_MEMORY;
	return err;
}

/* @own: bytes of the place's own hop, if it is still in front. */
static inline int path_resolve_policy(struct sk_buff *skb, struct ockam_path *path,
				      const struct ockam_walk *w,
				      struct ockam_policy __rcu **where, u32 own)
{
	if (likely(!rcu_access_pointer(*where)))
		return 0;
	return path_ask_policy(skb, path, w, where, own);
}

static int path_resolve_hop(const struct ockam_msg *m, struct ockam_path *path,
			    struct ockam_walk *w, struct ockam_hop *hop)
{
	u32 n = ockam_key_size(hop->key);
	struct ockam_step *step;

	if (m->from.flags & OCKAM_PEER_FORWARDED &&
	    !(hop->scope & OCKAM_ACCEPT_FORWARDED))
		return path_fail(path, OCKAM_DROP_SCOPE_FORWARDED, -EACCES);
	if ((m->from.kind == OCKAM_ORIGIN_LINK &&
	     !(hop->scope & OCKAM_ACCEPT_LINKS)) ||
	    (m->from.kind == OCKAM_ORIGIN_CHANNEL &&
	     !(hop->scope & OCKAM_ACCEPT_CHANNELS)))
		return path_fail(path, OCKAM_DROP_SCOPE_HOP, -EACCES);

	step = path_step(path);
	if (!step)
		return path_fail(path, OCKAM_DROP_TOO_MANY_STEPS, -ELOOP);
	step->hop = hop;
	step->route = NULL;

	walk_pop(w, n);
	if (!hop->route_len) {
		w->ret_len += n;
		w->ret_hops++;
	} else {
		if (w->span.len) {
			if (w->npending == PATH_PENDING)
				return path_fail(path, OCKAM_DROP_TOO_MANY_STEPS,
						 -ELOOP);
			w->pending[w->npending++] = w->span;
		}
		w->span.p = hop->route;
		w->span.len = hop->route_len;
		w->onward_len += hop->route_len;
		w->onward_hops += hop->route_hops;
	}
	if (!walk_fits(w))
		return path_fail(path, OCKAM_DROP_ROUTE_TOO_LONG, -EMSGSIZE);
	path_need(path, w);
	return 0;
}

static int path_resolve_encryptor(struct sk_buff *skb, struct ockam_sock *from,
				  struct ockam_path *path, struct ockam_walk *w,
				  struct ockam_channel *ch)
{
	const struct ockam_msg *m = ockam_msg(skb);
	struct ockam_channel_route *route;
	struct ockam_step *step;
	int err;

	/* What another encryptor made goes by the right of its owner. */
	if (!path->nenc) {
		err = ockam_channel_may_send(ch, m, from, &path->reason);
		if (err)
			return err;
	} else if (!ockam_channel_may_nest(path->outer, path->via, ch)) {
		return path_fail(path, OCKAM_DROP_SCOPE_ENCRYPTOR, -EACCES);
	}
	err = ockam_channel_can_encrypt(ch);
	if (err)
		return path_fail(path, OCKAM_DROP_NO_KEY, err);
	if (path->nenc == OCKAM_DECRYPT_MAX)
		return path_fail(path, OCKAM_DROP_TOO_MANY_STEPS, -ELOOP);

	step = path_step(path);
	if (!step)
		return path_fail(path, OCKAM_DROP_TOO_MANY_STEPS, -ELOOP);
	route = rcu_dereference(ch->route);
	step->ch = ch;
	step->route = route;

	walk_pop(w, ockam_key_size(ch->enc_key));
	err = path_resolve_policy(skb, path, w, &ch->policy, 0);
	if (unlikely(err))
		return err;
	path->room.head += OCKAM_ENCRYPT_HEAD +
			   ockam_cbor_route_bound(w->onward_len,
						  w->onward_hops) +
			   ockam_cbor_route_bound(w->ret_len, w->ret_hops);
	path->room.tail += OCKAM_ENCRYPT_TAIL;
	if (!path->nenc++)
		path->inner = ch;
	path->outer = ch;
	path->via = READ_ONCE(route->via);

	w->span.p = route->data;
	w->span.len = route->len;
	w->npending = 0;
	w->onward_len = route->len;
	w->onward_hops = route->hops;
	w->ret_len = 0;
	w->ret_hops = 0;
	path_need(path, w);
	return 0;
}

static int path_resolve_sink(struct sk_buff *skb, const struct ockam_sock *from,
			     struct ockam_path *path,
			     const struct ockam_walk *w, struct ockam_sink *sink)
{
	const struct ockam_msg *m = ockam_msg(skb);
	int err;

	path->sink = sink;
	if (sink->serial) {
		path->next = walk_next(w);
		path->room.head += OCKAM_LINK_HEAD +
				   ockam_cbor_route_bound(w->onward_len,
							  w->onward_hops) +
				   ockam_cbor_route_bound(w->ret_len,
							  w->ret_hops);
		if (path->nenc || m->sealed)
			m = NULL;
	}
	err = sink->ops->check(sink, m, from, &path->reason);
	if (unlikely(err))
		return err;
	/* A worker behind an encryptor is looked up again, with the message. */
	if (!sink->serial && path->nenc)
		return 0;
	return path_resolve_policy(skb, path, w, &sink->policy,
				   ockam_key_size(w->span.p));
}

static int path_resolve(struct ockam_node *node, struct sk_buff *skb,
			struct ockam_sock *from, struct ockam_path *path,
			bool enforce)
{
	const struct ockam_msg *m = ockam_msg(skb);
	struct ockam_walk w __uninitialized;
	unsigned int steps;
	int err = 0;

	path->nsteps = 0;
	path->nenc = 0;
	path->inner = NULL;
	path->outer = NULL;
	path->sink = NULL;
	path->dec = NULL;
	path->policed = false;
	path->enforce = enforce;
	path->room.onward = 0;
	path->room.ret = 0;
	path->room.head = 0;
	path->room.tail = 0;

	w.span.p = ockam_onward(skb);
	w.span.len = ockam_onward_len(skb);
	w.npending = 0;
	w.onward_len = w.span.len;
	w.onward_hops = m->onward.hops;
	w.ret_len = ockam_return_len(skb);
	w.ret_hops = m->ret.hops;

	for (steps = m->steps; !err; steps++) {
		struct ockam_channel *ch;
		struct ockam_name *name;

		if (unlikely(steps >= OCKAM_STEPS_MAX))
			return path_fail(path, OCKAM_DROP_TOO_MANY_STEPS, -ELOOP);
		if (unlikely(!w.span.len))
			return path_fail(path, OCKAM_DROP_MALFORMED, -EINVAL);
		name = ockam_name_lookup(node, w.span.p);
		if (unlikely(!name)) {
			if (w.span.p[0] == OCKAM_TYPE_LOCAL)
				return path_fail(path, OCKAM_DROP_NO_WORKER,
						 -EHOSTUNREACH);
			return path_fail(path, OCKAM_DROP_NO_LINK, -ENETUNREACH);
		}
		switch (name->kind) {
		case OCKAM_NAME_WORKER:
		case OCKAM_NAME_LINK:
			return path_resolve_sink(skb, from, path, &w, name->sink);
		case OCKAM_NAME_HOP:
			err = path_resolve_hop(m, path, &w,
					       container_of(name, struct ockam_hop,
							    name));
			break;
		case OCKAM_NAME_ENCRYPTOR:
			ch = container_of(name, struct ockam_channel, enc);
			err = path_resolve_encryptor(skb, from, path, &w, ch);
			break;
		case OCKAM_NAME_DECRYPTOR:
			ch = container_of(name, struct ockam_channel, dec);
			if (m->decrypts >= OCKAM_DECRYPT_MAX)
				return path_fail(path,
						 OCKAM_DROP_TOO_MANY_DECRYPTIONS,
						 -ELOOP);
			path->dec = ch;
			return ockam_channel_may_receive(ch, path->nenc ? NULL :
							 m, &path->reason);
		}
	}
	return err;
}

static void path_put_steps(const struct ockam_path *path, unsigned int n)
{
	while (n--) {
		const struct ockam_step *s = &path->step[n];

		if (!s->route) {
			ockam_hop_put(s->hop);
		} else {
			ockam_channel_route_put(s->route);
			ockam_channel_put(s->ch);
		}
	}
}

/*
 * Ask the policy programs on a path that was resolved and has room, before any
 * nonce is taken.  The path is walked again, with room for what the programs
 * see, so that nothing moves under the walk.  -ESTALE: the path has changed.
 * Same RCU section as the first walk.
 */
static noinline int path_enforce(struct ockam_node *node, struct sk_buff *skb,
				 struct ockam_sock *from, struct ockam_path *path)
{
	struct ockam_room room = { .head = OCKAM_POLICY_HEAD };
	const struct ockam_channel *outer = path->outer;
	const struct ockam_channel *dec = path->dec;
	const struct ockam_sink *sink = path->sink;
	int err;

	err = ockam_msg_reserve(skb, &room);
	if (unlikely(err))
		return path_fail(path, OCKAM_DROP_NO_MEMORY, err);
	err = path_resolve(node, skb, from, path, true);
	if (unlikely(err))
		return err;
	if (unlikely(path->sink != sink || path->outer != outer ||
		     path->dec != dec))
		return path_fail(path, OCKAM_DROP_NAME_GONE, -ESTALE);
	return 0;
}

/* Takes references so that the path outlives the RCU section. */
static bool path_hold(struct ockam_path *path)
{
	unsigned int i;

	for (i = 0; i < path->nsteps; i++) {
		struct ockam_step *s = &path->step[i];

		if (!s->route) {
			if (!refcount_inc_not_zero(&s->hop->ref))
				goto undo;
		} else {
			if (!ockam_channel_get(s->ch))
				goto undo;
			if (!refcount_inc_not_zero(&s->route->ref)) {
				ockam_channel_put(s->ch);
				goto undo;
			}
		}
	}
	if (path->sink && !path->sink->ops->hold(path->sink))
		goto undo;
	if (path->dec && !ockam_channel_get(path->dec))
		goto undo;
	return true;

undo:
	path_put_steps(path, i);
	return false;
}

static void path_release(struct ockam_path *path)
{
	path_put_steps(path, path->nsteps);
	if (path->sink)
		path->sink->ops->put(path->sink);
	if (path->dec)
		ockam_channel_put(path->dec);
}

static int apply_hop(struct ockam_node *node, struct sk_buff *skb,
		     struct ockam_hop *hop)
{
	trace_ockam_hop(node, skb, hop->id);
	ockam_stat_inc(node, OCKAM_STAT_FORWARDED);
	atomic64_inc(&hop->msgs);
	ockam_msg_pop(skb);
	if (hop->route_len)
		return ockam_msg_prepend(skb, hop->route, hop->route_len,
					 hop->route_hops);
	return ockam_msg_push_return(skb, hop->key);
}

/*
 * Does the steps before the end.  With encryptors or a link: process context,
 * serial mutex held.  Room was reserved, so nothing but a channel that died
 * meanwhile stops it.
 */
static int apply_steps(struct ockam_node *node, struct sk_buff *skb,
		       struct ockam_path *path)
{
	unsigned int i;
	int err = 0;

	ockam_msg(skb)->steps += path->nsteps + 1;
	for (i = 0; i < path->nsteps && !err; i++) {
		struct ockam_step *s = &path->step[i];

		if (!s->route)
			err = apply_hop(node, skb, s->hop);
		else
			err = ockam_channel_encrypt(s->ch, skb, s->route);
	}
	return err;
}

static enum ockam_drop apply_reason(int err)
{
	switch (err) {
	case -EKEYEXPIRED:
		return OCKAM_DROP_NO_KEY;
	case -EMSGSIZE:
		return OCKAM_DROP_ROUTE_TOO_LONG;
	case -ENOBUFS:
		return OCKAM_DROP_UNPROVEN;
	default:
		return OCKAM_DROP_NO_MEMORY;
	}
}

static bool sink_has_turn(const struct ockam_sink *sink,
			  const struct sk_buff *skb)
{
	if (unlikely(ockam_msg(skb)->unparked == sink))
		return sink->ops->room(sink);
	return ockam_sink_ready(sink);
}

/*
 * The lock of a path that needs process context: the outermost channel's, so that
 * those of one link encrypt at the same time, else the link's.
 */
static struct mutex *path_serial(const struct ockam_path *path)
{
	if (path->outer)
		return &path->outer->serial;
	return path->sink ? path->sink->serial : NULL;
}

/*
 * Whoever has it sleeps for no peer, device or reader, so it is free soon.  But
 * a sender who must not sleep does not, and one with a deadline keeps it, however
 * many are in front of him.  0, -EAGAIN, or the error for a signal.
 */
static int path_lock(const struct ockam_path *path, long *timeo)
{
	struct mutex *serial = path_serial(path);
	unsigned long end;

	if (likely(!serial || mutex_trylock(serial)))
		return 0;
	if (*timeo == MAX_SCHEDULE_TIMEOUT)
		return mutex_lock_interruptible(serial) ?
		       sock_intr_errno(*timeo) : 0;

	end = jiffies + *timeo;
	while (*timeo) {
		if (signal_pending(current))
			return sock_intr_errno(*timeo);
		schedule_timeout_interruptible(1);
		if (mutex_trylock(serial))
			return 0;
		*timeo = max((long)(end - jiffies), 0L);
	}
	return -EAGAIN;
}

static void path_unlock(const struct ockam_path *path)
{
	struct mutex *serial = path_serial(path);

	if (!serial)
		return;
	mutex_unlock(serial);
	/* Who found it locked. */
	if (path->sink && path->sink->serial)
		ockam_sink_wake(path->sink);
}

/*
 * With the lock of the path: is there still room?  Those who waited for the lock
 * with us had the same room in mind, and so has who sends through another channel.
 */
static bool path_enter(const struct ockam_path *path, u32 bytes)
{
	struct ockam_sink *sink = path->sink;

	if (!sink || !sink->serial)
		return true;
	return path->outer ? ockam_sink_claim(sink, bytes) :
			     ockam_sink_admits(sink);
}

static void path_leave(const struct ockam_path *path, u32 bytes)
{
	if (path->outer && path->sink && path->sink->serial)
		ockam_sink_came(path->sink, bytes);
}

/*
 * To a link.  With the channel's lock held all the time nothing that was encrypted
 * later overtakes this, and nobody who has the link's waits for a channel's.
 */
static int path_deliver(const struct ockam_path *path, struct sk_buff *skb)
{
	struct ockam_sink *sink = path->sink;
	int err;

	if (!path->outer)
		return sink->ops->deliver(sink, skb);
	mutex_lock(sink->serial);
	err = sink->ops->deliver(sink, skb);
	mutex_unlock(sink->serial);
	return err;
}

/*
 * Steps and end of a path with references held and its lock, process context.
 * Consumes the message.
 */
static int path_run(struct ockam_node *node, struct sk_buff *skb,
		    struct ockam_path *path)
{
	int err;

	err = ockam_msg_reserve(skb, &path->room);
	if (unlikely(err)) {
		ockam_drop(node, skb, OCKAM_DROP_NO_MEMORY);
		return err;
	}
	err = apply_steps(node, skb, path);
	if (unlikely(err)) {
		ockam_drop(node, skb, apply_reason(err));
		return err;
	}
	if (path->dec) {
		if (!ockam_channel_decrypt(path->dec, skb))
			ockam_router_input(node, skb);
		return 0;
	}
	if (path->sink->serial)
		return path_deliver(path, skb);
	/* An encryptor in front of a worker: the end is looked up again. */
	ockam_router_input(node, skb);
	return 0;
}

/* Not for what arrives or was sent: only shutdown() comes without a key. */
static int wake_shut(wait_queue_entry_t *wait, unsigned int mode, int flags,
		     void *key)
{
	return key ? 0 : autoremove_wake_function(wait, mode, flags, key);
}

/*
 * Sleeps; false: no longer, @sink is a stranger's who takes less than he is sent.  By
 * the measure of what a link holds, as with what is parked, and in half the time, so
 * that the sender does not look stalled himself; one who has said how long he waits
 * does so.
 */
static bool wait_awhile(struct ockam_sock *from, const struct ockam_sink *sink,
			long *timeo)
{
	const struct ockam_conf *conf = &sink->node->conf;
	unsigned long all, left, waited = jiffies;
	u64 before, taken;

	if (*timeo != MAX_SCHEDULE_TIMEOUT || !sink->ops->stranger ||
	    !sink->ops->stranger(sink, &before)) {
		*timeo = schedule_timeout(*timeo);
		return true;
	}
	all = msecs_to_jiffies(READ_ONCE(conf->stall_ms)) / 2;
	left = ockam_patience_left(&from->patience, all);
	if (!left)
		return false;
	schedule_timeout(left);
	waited = jiffies - waited;
	sink->ops->stranger(sink, &taken);
	if ((taken - before) * 2 * all <
	    (u64)waited * READ_ONCE(conf->txq_limit))
		ockam_patience_spend(&from->patience, waited, all);
	return true;
}

static int wait_for_room(struct ockam_sock *from, struct ockam_sink *sink,
			 long *timeo)
{
	DEFINE_WAIT_FUNC(own, wake_shut);
	DEFINE_WAIT(wait);
	int err = 0;

	/* For shutdown(). */
	prepare_to_wait(sk_sleep(&from->sk), &own, TASK_INTERRUPTIBLE);
	prepare_to_wait_exclusive(&sink->wait, &wait, TASK_INTERRUPTIBLE);
	if (!ockam_sink_admits(sink) && !READ_ONCE(sink->dead)) {
		if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		else if (READ_ONCE(from->sk.sk_shutdown) & SEND_SHUTDOWN)
			err = -EPIPE;
		else if (!wait_awhile(from, sink, timeo))
			err = -ETIMEDOUT;
	}
	finish_wait(&sink->wait, &wait);
	finish_wait(sk_sleep(&from->sk), &own);
	if (!err && signal_pending(current))
		err = sock_intr_errno(*timeo);
	return err;
}

/* X may answer who sent through X (Documentation/ockam.rst: Reply right). */
static void grant_answer(struct ockam_node *node, struct ockam_sock *from,
			 u8 kind, u32 id, u64 peer)
{
	ockam_rights_grant(&from->answer, kind, id, peer,
			   READ_ONCE(node->conf.reply_ms));
}

/*
 * One try.  -EAGAIN: no room at @full (a reference), or *@timeo is over while
 * somebody else sends there (or, NULL, through the same channel of this node).
 * Otherwise the message is consumed, except on -ESTALE.
 */
static int send_once(struct ockam_node *node, struct ockam_sock *from,
		     struct sk_buff *skb, long *timeo,
		     struct ockam_sink **full)
{
	struct ockam_path path __uninitialized;
	struct ockam_sink *sink;
	u32 len = skb->len;
	u64 peer = 0;
	u32 id = 0;
	u8 kind = 0;
	int err;

	rcu_read_lock();
	err = path_resolve(node, skb, from, &path, false);
	if (unlikely(err))
		goto refuse;
	sink = path.sink;
	if (sink && unlikely(!ockam_sink_admits(sink))) {
		err = -ESTALE;
		if (sink->ops->hold(sink)) {
			*full = sink;
			err = -EAGAIN;
		}
		rcu_read_unlock();
		return err;
	}
	if (unlikely(path.policed)) {
		err = path_enforce(node, skb, from, &path);
		if (err)
			goto refuse;
	}
	if (likely(sink && !path.nenc && !sink->serial)) {
		err = apply_steps(node, skb, &path);
		if (likely(!err))
			err = sink->ops->deliver(sink, skb);
		else
			ockam_drop(node, skb, apply_reason(err));
		rcu_read_unlock();
		return err;
	}
	if (unlikely(!path_hold(&path))) {
		rcu_read_unlock();
		return -ESTALE;
	}
	if (path.inner) {
		kind = OCKAM_ORIGIN_CHANNEL;
		/* Which stays what it is when another one takes its place. */
		id = path.inner->ident->channel;
	} else if (sink) {
		kind = OCKAM_ORIGIN_LINK;
		id = sink->ops->id(sink);
		peer = sink->ops->peer(sink, path.next);
	}
	rcu_read_unlock();

	err = path_lock(&path, timeo);
	if (!err && unlikely(!path_enter(&path, len))) {
		path_unlock(&path);
		err = -EAGAIN;
	}
	if (unlikely(err)) {
		if (err != -EAGAIN)
			consume_skb(skb);
		else if (sink && sink->serial && sink->ops->hold(sink))
			*full = sink;
		path_release(&path);
		return err;
	}
	/* Before the answer can come. */
	if (kind)
		grant_answer(node, from, kind, id, peer);
	err = path_run(node, skb, &path);
	path_leave(&path, len);
	path_unlock(&path);
	path_release(&path);
	return err;

refuse:
	rcu_read_unlock();
	if (err != -ESTALE)
		ockam_drop(node, skb, path.reason);
	return err;
}

/* Our turn at a sink we waited for is over, used or not. */
static void let_next(struct ockam_sink *sink)
{
	ockam_sink_wake(sink);
	sink->ops->put(sink);
}

int ockam_router_send(struct ockam_node *node, struct ockam_sock *from,
		      struct sk_buff *skb, long timeo,
		      struct ockam_blocked *blocked)
{
	struct ockam_sink *full = NULL;
	int tries = 0;
	int err;

	trace_ockam_send(node, skb, 0);
	for (;;) {
		struct ockam_sink *waited = full;

		full = NULL;
		err = send_once(node, from, skb, &timeo, &full);
		if (waited)
			let_next(waited);
		if (likely(err != -EAGAIN && err != -ESTALE))
			return err;
		if (err == -ESTALE) {
			/* A name changed hands under us; that ends soon. */
			if (++tries > PATH_TRIES) {
				ockam_drop(node, skb, OCKAM_DROP_NAME_GONE);
				return -EHOSTUNREACH;
			}
			cond_resched();
			continue;
		}
		if (!timeo)
			break;
		err = wait_for_room(from, full, &timeo);
		if (err) {
			let_next(full);
			consume_skb(skb);
			return err;
		}
	}
	/* The caller keeps the reference, to know when to try again. */
	blocked->sink = full;
	consume_skb(skb);
	return -EAGAIN;
}

void ockam_router_defer(struct ockam_node *node, struct sk_buff *skb)
{
	/* Bounded by who is charged for it: a link's limit, SO_SNDBUF. */
	if (READ_ONCE(node->dying)) {
		ockam_drop(node, skb, OCKAM_DROP_NODE_DYING);
		return;
	}
	skb_queue_tail(&node->fwdq, skb);
	queue_work(node->wq, &node->fwd_work);
}

/*
 * On to a link that needs no process context for this message, with nobody before
 * it there: true if it is gone.
 */
static bool input_passes(struct ockam_node *node, struct sk_buff *skb,
			 struct ockam_path *path)
{
	struct ockam_sink *sink = path->sink;
	int err;

	if (path->nenc || path->policed || !sink->ops->passes ||
	    skb_is_nonlinear(skb) ||
	    !sink->ops->passes(sink, skb->len + path->room.head) ||
	    !sink_has_turn(sink, skb) || ockam_msg_reserve(skb, &path->room))
		return false;
	err = apply_steps(node, skb, path);
	if (unlikely(err))
		ockam_drop(node, skb, apply_reason(err));
	else if (unlikely(!sink->ops->pass(sink, skb)))
		/* With nothing but the link itself before it now. */
		ockam_sink_park(sink, skb);
	return true;
}

void ockam_router_input(struct ockam_node *node, struct sk_buff *skb)
{
	struct ockam_path path __uninitialized;
	struct ockam_sink *sink;
	int tries = 0;
	int err;

	rcu_read_lock();
again:
	err = path_resolve(node, skb, NULL, &path, false);
	if (unlikely(err)) {
		ockam_drop(node, skb, path.reason);
		goto out;
	}
	sink = path.sink;
	if (sink && sink->serial) {
		if (!input_passes(node, skb, &path))
			ockam_sink_park(sink, skb);
		goto out;
	}
	if (path.nenc) {
		ockam_router_defer(node, skb);
		goto out;
	}
	if (sink && unlikely(!sink_has_turn(sink, skb))) {
		ockam_sink_park(sink, skb);
		goto out;
	}
	if (unlikely(path.policed)) {
		err = path_enforce(node, skb, NULL, &path);
		if (err == -ESTALE && ++tries <= PATH_TRIES)
			goto again;
		if (err) {
			ockam_drop(node, skb, path.reason);
			goto out;
		}
	}
	err = apply_steps(node, skb, &path);
	if (unlikely(err)) {
		ockam_drop(node, skb, apply_reason(err));
		goto out;
	}
	if (path.dec) {
		if (!ockam_channel_decrypt(path.dec, skb))
			goto again;
		goto out;
	}
	err = sink->ops->deliver(sink, skb);
	if (unlikely(err == -ESTALE)) {
		if (++tries <= PATH_TRIES)
			goto again;
		ockam_drop(node, skb, OCKAM_DROP_NAME_GONE);
	}
out:
	rcu_read_unlock();
}

/* One try: -ESTALE with the message untouched, or it is consumed. */
static int forward_once(struct ockam_node *node, struct sk_buff *skb)
{
	struct ockam_path path __uninitialized;
	struct mutex *serial;
	struct ockam_sink *sink;
	int err;

	rcu_read_lock();
	err = path_resolve(node, skb, NULL, &path, false);
	if (unlikely(err))
		goto drop;
	sink = path.sink;
	if (!path.nenc && !(sink && sink->serial)) {
		rcu_read_unlock();
		ockam_router_input(node, skb);
		return 0;
	}
	if (sink && !sink_has_turn(sink, skb)) {
		ockam_sink_park(sink, skb);
		rcu_read_unlock();
		return 0;
	}
	if (unlikely(path.policed)) {
		err = path_enforce(node, skb, NULL, &path);
		if (err)
			goto drop;
	}
	if (unlikely(!path_hold(&path))) {
		rcu_read_unlock();
		return -ESTALE;
	}
	rcu_read_unlock();
	serial = path_serial(&path);
	if (serial)
		mutex_lock(serial);
	path_run(node, skb, &path);
	path_unlock(&path);
	path_release(&path);
	return 0;

drop:
	rcu_read_unlock();
	if (err != -ESTALE)
		ockam_drop(node, skb, path.reason);
	return err;
}

void ockam_router_forward(struct ockam_node *node, struct sk_buff *skb)
{
	int tries = 0;

	while (unlikely(forward_once(node, skb) == -ESTALE)) {
		/* A route changed under us, and is there anew. */
		if (++tries > PATH_TRIES) {
			ockam_drop(node, skb, OCKAM_DROP_NAME_GONE);
			return;
		}
		cond_resched();
	}
}

static void router_fwd_work(struct work_struct *work)
{
	struct ockam_node *node = container_of(work, struct ockam_node,
					       fwd_work);
	struct sk_buff *skb;
	int budget = 256;

	while (budget-- && (skb = skb_dequeue(&node->fwdq))) {
		ockam_router_forward(node, skb);
		cond_resched();
	}
	if (!skb_queue_empty_lockless(&node->fwdq))
		queue_work(node->wq, &node->fwd_work);
}

void ockam_router_init(struct ockam_node *node)
{
	skb_queue_head_init(&node->fwdq);
	INIT_WORK(&node->fwd_work, router_fwd_work);
	node->forward = ockam_router_forward;
}

void ockam_router_exit(struct ockam_node *node)
{
	cancel_work_sync(&node->fwd_work);
	skb_queue_purge(&node->fwdq);
}
