// SPDX-License-Identifier: GPL-2.0
/* The socket family: life of a socket, names, options, poll. */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <asm/ioctls.h>
#include <net/sock.h>

#include <compat.h>

#include "link/gather.h"
#include "node/base.h"
#include "node/limit.h"
#include "router/name.h"
#include "node/node.h"
#include "router/policy.h"
#include "router/router.h"
#include "socket/sock.h"
#include "node/stats.h"
#include "trace.h"

static struct proto ockam_proto;
static const struct proto_ops ockam_dgram_ops;

/* ---- the sink: where messages arrive ---- */

static struct ockam_sock *sink_sk(const struct ockam_sink *sink)
{
	return container_of((struct ockam_sink *)sink, struct ockam_sock,
			    sink);
}

static bool scope_lists(const struct ockam_scope *scope,
			const struct ockam_ident *id)
{
	u32 i;

	for (i = 0; i < scope->nids; i++)
		if (!memcmp(scope->ids[i], id->identifier,
			    OCKAM_IDENTIFIER_LEN))
			return true;
	return false;
}

static int sock_check(struct ockam_sink *sink, const struct ockam_msg *m,
		      const struct ockam_sock *from, u32 *reason)
{
	struct ockam_sock *osk = sink_sk(sink);
	const struct ockam_scope *scope;
	const struct ockam_ident *id;
	u32 bits;

	scope = rcu_dereference(osk->scope);
	bits = scope ? scope->scope : OCKAM_ACCEPT_LOCAL;

	if (unlikely(m->from.flags & OCKAM_PEER_FORWARDED &&
		     !(bits & OCKAM_ACCEPT_FORWARDED))) {
		*reason = OCKAM_DROP_SCOPE_FORWARDED;
		return -EACCES;
	}
	switch (m->from.kind) {
	case OCKAM_ORIGIN_LOCAL:
		return 0;
	case OCKAM_ORIGIN_LINK:
		if (bits & OCKAM_ACCEPT_LINKS ||
		    ockam_rights_has(&osk->answer, OCKAM_ORIGIN_LINK,
				     m->from.link, m->from.peer))
			return 0;
		break;
	case OCKAM_ORIGIN_CHANNEL:
		id = ockam_from_ident(&m->from);
		if (bits & OCKAM_ACCEPT_CHANNELS ||
		    ockam_rights_has(&osk->answer, OCKAM_ORIGIN_CHANNEL,
				     id->channel, 0) ||
		    (bits & OCKAM_ACCEPT_IDS && scope_lists(scope, id)))
			return 0;
		break;
	}
	*reason = OCKAM_DROP_SCOPE_WORKER;
	return -EACCES;
}

static bool sock_room(const struct ockam_sink *sink)
{
	const struct sock *sk = &sink_sk(sink)->sk;
	int used = atomic_read(&sk->sk_rmem_alloc);
	u8 level;

	if (used >= READ_ONCE(sk->sk_rcvbuf))
		return false;
	if (!used)
		return true;
	/* With something to read, which brings those who wait back. */
	level = ockam_mem_level(sink->node, OCKAM_MEM_QUEUES);
	if (likely(level == OCKAM_MEM_FREE))
		return true;
	return level == OCKAM_MEM_PRESSURE && used < OCKAM_MEM_LEAST;
}

/*
 * Filters read relative to the network header, and what is at the head is
 * ours.  That header's offset has 16 bits: what lies further on, behind many
 * layers of channels that were taken off, cannot be shown to a filter.
 */
static bool sock_filters_out(struct sock *sk, struct sk_buff *skb)
{
	if (unlikely(skb_headroom(skb) > U16_MAX)) {
		if (rcu_access_pointer(sk->sk_filter))
			return true;
	} else {
		skb_reset_network_header(skb);
	}
	return sk_filter(sk, skb);
}

static int sock_deliver(struct ockam_sink *sink, struct sk_buff *skb)
{
	struct ockam_sock *osk = sink_sk(sink);
	struct ockam_msg *m = ockam_msg(skb);
	struct sk_buff_head *queue;
	struct sock *sk = &osk->sk;
	bool held = false;

	if (unlikely(READ_ONCE(osk->taken)))
		return -ESTALE;
	/* A handshake may be followed by ciphertexts for a channel to come. */
	if (unlikely(skb->len > READ_ONCE(sink->node->conf.max_msg)) &&
	    !READ_ONCE(osk->handshake)) {
		ockam_drop(sink->node, skb, OCKAM_DROP_TOO_BIG);
		return -EMSGSIZE;
	}
	if (unlikely(sock_filters_out(sk, skb))) {
		atomic_inc(&sk->sk_drops);
		ockam_drop(sink->node, skb, OCKAM_DROP_FILTERED);
		return 0;
	}
	trace_ockam_deliver(sink->node, skb, 0);
	if (m->from.nident)
		ockam_rights_grant(&osk->through, OCKAM_ORIGIN_CHANNEL,
				   ockam_from_ident(&m->from)->channel, 0, 0);
	if (unlikely(sk->sk_flags & SK_FLAGS_TIMESTAMP))
		__net_timestamp(skb);

	queue = &sk->sk_receive_queue;
	spin_lock_bh(&queue->lock);
	if (unlikely(osk->taken || sink->dead)) {
		bool dead = sink->dead;

		spin_unlock_bh(&queue->lock);
		if (!dead)
			return -ESTALE;
		ockam_drop(sink->node, skb, OCKAM_DROP_NAME_GONE);
		return -EHOSTUNREACH;
	}
	ockam_msg_pop(skb);
	ockam_msg_charge_reader(skb, sk);
	ockam_msg_queued(skb);
	sock_skb_set_dropcount(sk, skb);
	if (unlikely(osk->handshake && !osk->gate)) {
		__skb_queue_tail(&osk->held, skb);
		held = true;
	} else {
		if (osk->handshake)
			osk->gate--;
		__skb_queue_tail(queue, skb);
	}
	spin_unlock_bh(&queue->lock);

	ockam_stat_inc(sink->node, OCKAM_STAT_DELIVERED);
	if (!held)
		READ_ONCE(sk->sk_data_ready)(sk);
	return 0;
}

static void sock_unpark(struct work_struct *work)
{
	struct ockam_sock *osk = container_of(work, struct ockam_sock, work);

	ockam_sink_unpark(&osk->sink);
	sock_put(&osk->sk);
}

static void sock_kick(struct ockam_sink *sink)
{
	struct ockam_sock *osk = sink_sk(sink);

	/*
	 * Parked first, then this look at the room; a reader makes room
	 * first, then looks at what is parked: see took_one().
	 */
	smp_mb();
	if (!sock_room(sink) || !refcount_inc_not_zero(&osk->sk.sk_refcnt))
		return;
	if (!queue_work(sink->node->wq, &osk->work))
		sock_put(&osk->sk);
}

static bool sock_idle(const struct ockam_sink *sink)
{
	return !sk_rmem_alloc_get(&sink_sk(sink)->sk);
}

static u32 sock_id(const struct ockam_sink *sink)
{
	return 0;
}

static bool sock_sink_hold(struct ockam_sink *sink)
{
	return refcount_inc_not_zero(&sink_sk(sink)->sk.sk_refcnt);
}

static void sock_sink_put(struct ockam_sink *sink)
{
	sock_put(&sink_sk(sink)->sk);
}

static const struct ockam_sink_ops ockam_sock_sink_ops = {
	.check		= sock_check,
	.room		= sock_room,
	.deliver	= sock_deliver,
	.route		= ockam_router_input,
	.kick		= sock_kick,
	.idle		= sock_idle,
	.id		= sock_id,
	.hold		= sock_sink_hold,
	.put		= sock_sink_put,
};

/* ---- waiting for a full destination, for poll ---- */

static void sock_wake_senders(struct ockam_sock *osk)
{
	wait_queue_head_t *wq;

	rcu_read_lock();
	wq = sk_sleep(&osk->sk);
	if (wq)
		wake_up_interruptible_poll(wq, EPOLLOUT | EPOLLWRNORM |
					   EPOLLWRBAND);
	sk_wake_async(&osk->sk, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

/* Called once: whoever still wants to send gets in line again by his poll(). */
static int sock_unblocked(wait_queue_entry_t *entry, unsigned int mode,
			  int flags, void *key)
{
	struct ockam_calls *calls = key;

	sock_wake_senders(container_of(entry, struct ockam_sock, blocked));
	list_del_init(&entry->entry);
	return calls && !--calls->left;
}

/* These with blocked_lock held.  True: it was there, and not called yet. */
static bool sock_get_in_line(struct ockam_sock *osk, struct ockam_sink *sink)
{
	bool was;

	spin_lock_irq(&sink->wait.lock);
	was = !list_empty(&osk->blocked.entry);
	if (!was) {
		osk->blocked.flags |= WQ_FLAG_EXCLUSIVE;
		__add_wait_queue_entry_tail(&sink->wait, &osk->blocked);
	}
	spin_unlock_irq(&sink->wait.lock);
	return was;
}

/* It waits for nothing any more: for what it did, with the reference, or NULL. */
static struct ockam_sink *sock_leave_line(struct ockam_sock *osk)
{
	struct ockam_sink *sink = osk->blocked_on;

	if (!sink)
		return NULL;
	spin_lock_irq(&sink->wait.lock);
	list_del_init(&osk->blocked.entry);
	spin_unlock_irq(&sink->wait.lock);
	osk->blocked_on = NULL;
	return sink;
}

void ockam_sock_try_again(struct ockam_sock *osk)
{
	sock_wake_senders(osk);
}

void ockam_sock_unblock(struct ockam_sock *osk)
{
	struct ockam_sink *sink;

	spin_lock_bh(&osk->blocked_lock);
	sink = sock_leave_line(osk);
	spin_unlock_bh(&osk->blocked_lock);
	if (sink)
		sink->ops->put(sink);
}

/* Takes over the caller's reference on @sink. */
void ockam_sock_block(struct ockam_sock *osk, struct ockam_sink *sink)
{
	struct ockam_sink *old;

	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, &osk->sk);
	spin_lock_bh(&osk->blocked_lock);
	old = sock_leave_line(osk);
	osk->blocked_on = sink;
	sock_get_in_line(osk, sink);
	/*
	 * In the queue before this look, and before poll()'s.  Who waits for an
	 * edge asks neither, and if room has come meanwhile nobody else tells.
	 */
	smp_mb();
	if (ockam_sink_open(sink) || READ_ONCE(sink->dead))
		sock_wake_senders(osk);
	spin_unlock_bh(&osk->blocked_lock);
	if (old)
		old->ops->put(old);
}

static bool sock_is_blocked(struct ockam_sock *osk)
{
	bool blocked = false, untold = false;
	struct ockam_sink *sink;

	if (likely(!READ_ONCE(osk->blocked_on)))
		return false;

	spin_lock_bh(&osk->blocked_lock);
	sink = osk->blocked_on;
	if (sink) {
		/* If it was called, others were faster. */
		untold = sock_get_in_line(osk, sink);
		smp_mb(); /* as above */
		blocked = !ockam_sink_open(sink) && !READ_ONCE(sink->dead);
		if (!blocked)
			sock_leave_line(osk);
	}
	spin_unlock_bh(&osk->blocked_lock);
	if (sink && !blocked) {
		/* Who polls need not be who waits to send. */
		if (untold)
			sock_wake_senders(osk);
		sink->ops->put(sink);
	}
	return blocked;
}

static __poll_t ockam_poll(struct file *file, struct socket *sock,
			   poll_table *wait)
{
	__poll_t mask = datagram_poll(file, sock, wait);

	if (!(mask & EPOLLIN))
		ockam_gather_push_some(ockam_sk(sock->sk)->sink.node);
	if (mask & EPOLLOUT && sock_is_blocked(ockam_sk(sock->sk)))
		mask &= ~(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	return mask;
}

/* ---- names ---- */

/* @chosen: not by us, so it is held for the caller after its release. */
static int sock_bind_key(struct ockam_sock *osk, const u8 *hop, bool chosen)
{
	struct ockam_node *node = osk->sink.node;
	struct ockam_key *key;
	int err;

	if (rcu_access_pointer(osk->key))
		return -EINVAL;

	key = kmalloc(struct_size(key, hop, ockam_key_size(hop)),
		      GFP_KERNEL_ACCOUNT);
	if (!key)
		return -ENOMEM;
	memcpy(key->hop, hop, ockam_key_size(hop));
	key->hold.payer = NULL;
	osk->name.key = key->hop;
	osk->name.kind = OCKAM_NAME_WORKER;
	osk->name.sink = &osk->sink;
	err = chosen ? ockam_hold_bind(node, &osk->name, key) :
		       ockam_name_add(node, &osk->name);
	if (err) {
		kfree(key);
		return err;
	}
	rcu_assign_pointer(osk->key, key);
	return 0;
}

int ockam_sock_autobind(struct ockam_sock *osk)
{
	u8 key[2 + OCKAM_RANDOM_LEN];
	int err;

	if (osk->taken)
		return -EINVAL;
	do {
		ockam_name_random(key);
		err = sock_bind_key(osk, key, false);
	} while (err == -EADDRINUSE);
	return err;
}

/* @hop: one well-formed hop. */
static int sock_bind_hop(struct ockam_sock *osk, const u8 *hop)
{
	struct ockam_node *node = osk->sink.node;
	int err;

	if (hop[0] != OCKAM_TYPE_LOCAL || !hop[1])
		return -EINVAL;
	if (ockam_name_is_random(hop))
		return -EACCES;
	if (ockam_name_is_reserved(node, hop) &&
	    !ockam_sock_capable(osk, node->net->user_ns, CAP_NET_BIND_SERVICE))
		return -EACCES;

	lock_sock(&osk->sk);
	err = osk->taken ? -EINVAL : sock_bind_key(osk, hop, true);
	release_sock(&osk->sk);
	return err;
}

/**
 * ockam_sockaddr_check() - the route in a sockaddr
 * @addr: kernel copy
 * @len: its length; what is behind the last hop or the token is nobody's
 * @bytes: set to the bytes of the route, 0 when it is a token
 *
 * Return: 0 or -EINVAL, -EAFNOSUPPORT.
 */
int ockam_sockaddr_check(const struct sockaddr_ockam *addr, int len,
			 u32 *bytes)
{
	const int head = OCKAM_SOCKADDR_HEAD;
	unsigned int i;
	u32 used;

	if (len < head || len > (int)sizeof(*addr))
		return -EINVAL;
	if (addr->sok_family != ockam_family)
		return -EAFNOSUPPORT;

	len -= head;
	*bytes = 0;
	if (addr->sok_flags) {
		if (addr->sok_flags & ~(OCKAM_ADDR_TOKEN |
					OCKAM_ADDR_TRUNCATED) ||
		    !(addr->sok_flags & OCKAM_ADDR_TOKEN))
			return -EINVAL;
		return len < (int)sizeof(u64) ? -EINVAL : 0;
	}
	for (i = 0, used = 0; i < addr->sok_nhops; i++) {
		struct ockam_addr a;
		int n;

		n = ockam_route_next(addr->sok_hops + used, len - used, &a);
		if (n < 0)
			return n;
		if (a.type == OCKAM_TYPE_LOCAL && !a.len)
			return -EINVAL;
		used += n;
	}
	*bytes = used;
	return 0;
}

static int ockam_bind(struct socket *sock, struct sockaddr_unsized *uaddr,
		      int len)
{
	struct sockaddr_ockam *addr = (struct sockaddr_ockam *)uaddr;
	struct ockam_sock *osk = ockam_sk(sock->sk);
	u32 bytes;
	int err;

	if (len >= (int)sizeof(addr->sok_family) &&
	    addr->sok_family != ockam_family)
		return -EAFNOSUPPORT;
	if (!len || len == sizeof(addr->sok_family))
		goto autobind;
	err = ockam_sockaddr_check(addr, len, &bytes);
	if (err)
		return err;
	if (addr->sok_flags)
		return -EINVAL;
	if (!addr->sok_nhops)
		goto autobind;
	if (addr->sok_nhops != 1)
		return -EINVAL;
	return sock_bind_hop(osk, addr->sok_hops);

autobind:
	lock_sock(sock->sk);
	err = ockam_sock_autobind(osk);
	release_sock(sock->sk);
	return err;
}

static int ockam_connect(struct socket *sock, struct sockaddr_unsized *uaddr,
			 int len, int flags)
{
	struct sockaddr_ockam *addr = (struct sockaddr_ockam *)uaddr;
	struct ockam_sock *osk = ockam_sk(sock->sk);
	struct ockam_flat *route = NULL, *old;
	u32 bytes;
	int err;

	if (len < (int)sizeof(addr->sok_family))
		return -EINVAL;
	if (addr->sok_family != AF_UNSPEC) {
		err = ockam_sockaddr_check(addr, len, &bytes);
		if (err)
			return err;
		if (addr->sok_flags || !bytes)
			return -EINVAL;
		route = kmalloc(struct_size(route, data, bytes),
				GFP_KERNEL_ACCOUNT);
		if (!route)
			return -ENOMEM;
		route->len = bytes;
		route->hops = addr->sok_nhops;
		memcpy(route->data, addr->sok_hops, bytes);
	}
	lock_sock(sock->sk);
	old = rcu_replace_pointer(osk->route, route,
				  lockdep_sock_is_held(sock->sk));
	sock->state = route ? SS_CONNECTED : SS_UNCONNECTED;
	release_sock(sock->sk);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

static int ockam_getname(struct socket *sock, struct sockaddr *uaddr, int peer)
{
	struct sockaddr_ockam *addr = (struct sockaddr_ockam *)uaddr;
	struct ockam_sock *osk = ockam_sk(sock->sk);
	const struct ockam_flat *route;
	const struct ockam_key *key;
	int err = OCKAM_SOCKADDR_HEAD;

	memset(addr, 0, OCKAM_SOCKADDR_HEAD);
	addr->sok_family = ockam_family;

	rcu_read_lock();
	if (peer) {
		route = rcu_dereference(osk->route);
		if (!route) {
			err = -ENOTCONN;
			goto out;
		}
		addr->sok_nhops = route->hops;
		memcpy(addr->sok_hops, route->data, route->len);
		err += route->len;
		goto out;
	}
	key = rcu_dereference(osk->key);
	if (!key)
		goto out;
	addr->sok_nhops = 1;
	if (ockam_key_size(key->hop) > OCKAM_SOCKADDR_HOPS) {
		addr->sok_flags = OCKAM_ADDR_TRUNCATED;	/* see OCKAM_BIND */
		goto out;
	}
	memcpy(addr->sok_hops, key->hop, ockam_key_size(key->hop));
	err += ockam_key_size(key->hop);
out:
	rcu_read_unlock();
	return err;
}

/* ---- taking a handshake socket over ---- */

static void takeover_unlock(struct ockam_sock *osk)
	__releases(&osk->sink.lock)
	__releases(&osk->sk.sk_receive_queue.lock)
{
	spin_unlock(&osk->sink.lock);
	spin_unlock_bh(&osk->sk.sk_receive_queue.lock);
}

/*
 * Both locks, at a moment when no parked message is between the two queues:
 * what follows must not overtake it.
 */
static void takeover_lock(struct ockam_sock *osk)
	__acquires(&osk->sk.sk_receive_queue.lock)
	__acquires(&osk->sink.lock)
{
	for (;;) {
		spin_lock_bh(&osk->sk.sk_receive_queue.lock);
		spin_lock(&osk->sink.lock);
		if (likely(!osk->sink.unparking))
			return;
		takeover_unlock(osk);
		schedule_timeout_uninterruptible(1);
	}
}

/**
 * struct ockam_taken - messages of a socket that is taken over
 * @queue: for the channel, in order
 * @again: came by way of hops of this node, to be routed again
 * @gone: a program is just peeking at them: no longer ours alone
 */
struct ockam_taken {
	struct sk_buff_head	*queue;
	struct sk_buff_head	again;
	struct sk_buff_head	gone;
};

/* With both locks. */
static void takeover_collect(struct ockam_sock *osk, const u8 *key,
			     struct ockam_taken *t)
{
	struct sk_buff *skb, *next;

	skb_queue_splice_tail_init(&osk->sk.sk_receive_queue, t->queue);
	skb_queue_splice_tail_init(&osk->held, t->queue);
	skb_queue_walk_safe(t->queue, skb, next) {
		if (unlikely(skb_shared(skb))) {
			__skb_unlink(skb, t->queue);
			__skb_queue_tail(&t->gone, skb);
		}
	}
	/* Parked ones have our own hop in front, or hops of this node. */
	while ((skb = ockam_shares_take(&osk->sink.parked))) {
		if (memcmp(ockam_onward(skb), key, ockam_key_size(key))) {
			__skb_queue_tail(&t->again, skb);
			continue;
		}
		ockam_msg_pop(skb);
		__skb_queue_tail(t->queue, skb);
	}
}

static void takeover_finish(struct ockam_sock *osk, struct ockam_taken *t)
{
	struct ockam_node *node = osk->sink.node;
	struct sk_buff *skb;

	skb_queue_walk(t->queue, skb) {
		ockam_msg_charge_none(skb);
		ockam_msg_unqueued(skb);
	}
	while ((skb = __skb_dequeue(&t->gone)))
		ockam_drop(node, skb, OCKAM_DROP_NAME_GONE);
	while ((skb = __skb_dequeue(&t->again)))
		ockam_router_input(node, skb);
	/* Whoever found the socket just before, or waits for room in it. */
	ockam_sink_unpark(&osk->sink);
	wake_up_all(&osk->sink.wait);
}

int ockam_sock_takeover(struct ockam_sock *osk, struct ockam_name *dec,
			const u8 **keyp, struct sk_buff_head *queue)
{
	struct ockam_taken taken = { .queue = queue };
	struct sock *sk = &osk->sk;
	struct ockam_key *key;
	u8 *copy;
	int err;

	__skb_queue_head_init(&taken.again);
	__skb_queue_head_init(&taken.gone);
	lock_sock(sk);
	key = rcu_dereference_protected(osk->key, lockdep_sock_is_held(sk));
	err = -EBUSY;
	if (osk->taken)
		goto unlock;
	err = -EINVAL;
	if (!key || !osk->handshake || sock_flag(sk, SOCK_DEAD))
		goto unlock;
	err = -ENOMEM;
	copy = kmemdup(key->hop, ockam_key_size(key->hop), GFP_KERNEL_ACCOUNT);
	if (!copy)
		goto unlock;

	/*
	 * Deliverers look at `taken` under the queue's lock, so whoever comes
	 * after it resolves again and finds @dec behind what is in @queue.
	 */
	takeover_lock(osk);
	dec->key = copy;
	err = ockam_name_replace(osk->sink.node, &osk->name, dec);
	if (WARN_ON_ONCE(err)) {
		takeover_unlock(osk);
		dec->key = NULL;
		kfree(copy);
		goto unlock;
	}
	takeover_collect(osk, copy, &taken);
	WRITE_ONCE(osk->taken, true);
	takeover_unlock(osk);

	RCU_INIT_POINTER(osk->key, NULL);
	ockam_hold_forget(osk->sink.node, key);
	kfree_rcu(key, rcu);
	*keyp = copy;
	sk->sk_shutdown |= RCV_SHUTDOWN;
	sk->sk_state_change(sk);
unlock:
	release_sock(sk);
	if (!err)
		takeover_finish(osk, &taken);
	return err;
}

/* ---- life ---- */

static void ockam_sock_destruct(struct sock *sk)
{
	struct ockam_sock *osk = ockam_sk(sk);

	skb_queue_purge(&sk->sk_receive_queue);
	__skb_queue_purge(&osk->held);
	kfree(rcu_dereference_protected(osk->key, 1));
	kfree(rcu_dereference_protected(osk->route, 1));
	kfree(rcu_dereference_protected(osk->scope, 1));
	ockam_policy_free(&osk->sink.policy);
	ockam_tokens_free(osk);
	ockam_limit_drop(osk->limit, OCKAM_LIMIT_SOCKETS);
	ockam_limit_put(osk->limit);
}

/*
 * What this socket has sent may wait in a link for as long as the peer likes,
 * and with it the sock: that must not keep the namespace.  All messages are
 * freed before a node is.
 */
static void sock_put_net(struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (!sk->sk_net_refcnt)
		return;
	sk->sk_net_refcnt = 0;
	sock_inuse_add(net, -1);
	ockam_netns_untrack(net, sk);
	put_net(net);
}

/* Nobody attaches another one: see ockam_sock_attach_policy(). */
static void sock_end_policy(struct ockam_sock *osk)
{
	struct ockam_node *node = osk->sink.node;

	if (likely(!rcu_access_pointer(osk->sink.policy)))
		return;
	mutex_lock(&node->lock);
	ockam_policy_end(node, &osk->sink.policy);
	mutex_unlock(&node->lock);
}

static int ockam_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct sk_buff_head gone;
	struct ockam_sock *osk;
	struct ockam_key *key;

	if (!sk)
		return 0;
	osk = ockam_sk(sk);

	lock_sock(sk);
	sock_orphan(sk);
	sk->sk_shutdown = SHUTDOWN_MASK;
	key = rcu_dereference_protected(osk->key, lockdep_sock_is_held(sk));
	if (ockam_hold_release(osk->sink.node, &osk->name, key))
		RCU_INIT_POINTER(osk->key, NULL);
	release_sock(sk);

	sock_end_policy(osk);
	ockam_sock_unblock(osk);
	ockam_sink_kill(&osk->sink);
	/* Deliverers look at sink->dead under this queue's lock. */
	__skb_queue_head_init(&gone);
	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb_queue_splice_init(&sk->sk_receive_queue, &gone);
	skb_queue_splice_init(&osk->held, &gone);
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	__skb_queue_purge(&gone);

	sock->sk = NULL;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	/* A namespace ends only after a grace period. */
	rcu_read_lock();
	sock_put_net(sk);
	sock_put(sk);
	rcu_read_unlock();
	return 0;
}

static int ockam_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	lock_sock(sk);
	sk->sk_shutdown |= how + 1;
	sk->sk_state_change(sk);
	release_sock(sk);
	return 0;
}

static int ockam_ioctl(struct socket *sock, unsigned int cmd,
		       unsigned long arg)
{
	struct sock *sk = sock->sk;
	struct sk_buff *skb;
	int n;

	switch (cmd) {
	case SIOCOUTQ:
		n = sk_wmem_alloc_get(sk);
		break;
	case SIOCINQ:
		spin_lock_bh(&sk->sk_receive_queue.lock);
		skb = skb_peek(&sk->sk_receive_queue);
		n = skb ? skb->len : 0;
		spin_unlock_bh(&sk->sk_receive_queue.lock);
		break;
	default:
		return -ENOIOCTLCMD;
	}
	return put_user(n, (int __user *)arg);
}

#ifdef CONFIG_COMPAT
static int ockam_compat_ioctl(struct socket *sock, unsigned int cmd,
			      unsigned long arg)
{
	return ockam_ioctl(sock, cmd, (unsigned long)compat_ptr(arg));
}
#endif

/* ---- options ---- */

static int set_accept(struct ockam_sock *osk, sockptr_t optval,
		      unsigned int len)
{
	struct ockam_scope *scope, *old;
	struct ockam_accept head;

	if (len < sizeof(head))
		return -EINVAL;
	if (copy_from_sockptr(&head, optval, sizeof(head)))
		return -EFAULT;
	if (head.scope & ~(OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_LINKS |
			   OCKAM_ACCEPT_CHANNELS | OCKAM_ACCEPT_IDS |
			   OCKAM_ACCEPT_FORWARDED))
		return -EINVAL;
	if (head.nids > OCKAM_ACCEPT_MAX_IDS)
		return -EMSGSIZE;
	if (!!head.nids != !!(head.scope & OCKAM_ACCEPT_IDS) ||
	    len != sizeof(head) + head.nids * OCKAM_IDENTIFIER_LEN)
		return -EINVAL;

	scope = kmalloc(struct_size(scope, ids, head.nids),
			GFP_KERNEL_ACCOUNT);
	if (!scope)
		return -ENOMEM;
	scope->scope = head.scope | OCKAM_ACCEPT_LOCAL;
	scope->nids = head.nids;
	if (copy_from_sockptr_offset(scope->ids, optval, sizeof(head),
				     head.nids * OCKAM_IDENTIFIER_LEN)) {
		kfree(scope);
		return -EFAULT;
	}
	lock_sock(&osk->sk);
	old = rcu_replace_pointer(osk->scope, scope,
				  lockdep_sock_is_held(&osk->sk));
	release_sock(&osk->sk);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

static int set_bind(struct ockam_sock *osk, sockptr_t optval, unsigned int len)
{
	u8 hop[2 + OCKAM_ADDR_MAX];
	struct ockam_addr a;

	if (len > sizeof(hop))
		return -EMSGSIZE;
	if (copy_from_sockptr(hop, optval, len))
		return -EFAULT;
	if (ockam_route_next(hop, len, &a) != (int)len)
		return -EINVAL;
	return sock_bind_hop(osk, hop);
}

/* Lets one more message through in handshake mode. */
static int set_next(struct ockam_sock *osk)
{
	struct sock *sk = &osk->sk;
	struct sk_buff *skb = NULL;
	int err = 0;

	spin_lock_bh(&sk->sk_receive_queue.lock);
	if (!osk->handshake || osk->taken) {
		err = -EINVAL;
	} else {
		skb = __skb_dequeue(&osk->held);
		if (skb)
			__skb_queue_tail(&sk->sk_receive_queue, skb);
		else
			osk->gate = 1;
	}
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	if (skb)
		sk->sk_data_ready(sk);
	return err;
}

static int set_handshake(struct ockam_sock *osk, int val)
{
	struct sock *sk = &osk->sk;
	struct sk_buff *skb;
	int err = 0;

	/* It only goes on: what is held belongs to a channel to come. */
	if (val != 1)
		return -EINVAL;
	lock_sock(sk);
	spin_lock_bh(&sk->sk_receive_queue.lock);
	if (!rcu_access_pointer(osk->key) || osk->taken || osk->handshake) {
		err = -EINVAL;
	} else {
		osk->handshake = true;
		osk->gate = 1;
		WRITE_ONCE(osk->sink.stall_reason,
			   OCKAM_DROP_HANDSHAKE_FULL);
		/* One of those that are there already, or of those to come. */
		skb = __skb_dequeue(&sk->sk_receive_queue);
		if (skb) {
			skb_queue_splice_init(&sk->sk_receive_queue,
					      &osk->held);
			__skb_queue_head(&sk->sk_receive_queue, skb);
			osk->gate = 0;
		}
	}
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	release_sock(sk);
	return err;
}

struct ockam_policy *ockam_sock_attach_policy(struct ockam_sock *osk, int fd,
					      bool own, bool replace,
					      struct netlink_ext_ack *extack)
{
	struct ockam_policy_config cfg = {
		.where		= &osk->sink.policy,
		.osk		= osk,
		.place		= OCKAM_POLICY_AT_WORKER,
		.own		= own,
		.replace	= replace,
		.fd		= fd,
	};
	struct ockam_policy *policy;

	lock_sock(&osk->sk);
	if (sock_flag(&osk->sk, SOCK_DEAD))
		policy = ERR_PTR(-ENOENT);
	else
		policy = ockam_policy_new(osk->sink.node, &cfg, extack);
	release_sock(&osk->sk);
	return policy;
}

static int detach_policy(struct ockam_sock *osk)
{
	struct ockam_policy *policy;

	policy = rcu_dereference_protected(osk->sink.policy,
				lockdep_is_held(&osk->sink.node->lock));
	if (!policy)
		return -ENOENT;
	if (!policy->own)
		return -EPERM;
	ockam_policy_del(policy);
	return 0;
}

static int set_policy(struct ockam_sock *osk, int fd)
{
	struct ockam_node *node = osk->sink.node;
	int err;

	mutex_lock(&node->lock);
	if (fd == -1)
		err = detach_policy(osk);
	else
		err = PTR_ERR_OR_ZERO(ockam_sock_attach_policy(osk, fd, true,
							       true, NULL));
	mutex_unlock(&node->lock);
	return err;
}

/* What to receive with a message. */
static int set_recv(struct ockam_sock *osk, int optname, int val)
{
	if (val != 0 && val != 1)
		return -EINVAL;

	lock_sock(&osk->sk);
	switch (optname) {
	case OCKAM_RECV_ONWARD:
		osk->recv_onward = val;
		break;
	case OCKAM_RECV_RETURN:
		osk->recv_return = val;
		break;
	case OCKAM_RECV_TOKEN:
		osk->recv_token = val;
		break;
	case OCKAM_RECV_PEER:
		osk->recv_peer = val;
		break;
	}
	release_sock(&osk->sk);
	return 0;
}

static int set_max_msg(struct ockam_sock *osk, int val)
{
	if (val < 0 || val > OCKAM_MSG_MAX)
		return -EINVAL;
	WRITE_ONCE(osk->max_msg, val);
	return 0;
}

static int set_int(struct ockam_sock *osk, int optname, sockptr_t optval,
		   unsigned int optlen)
{
	int val;

	if (optlen != sizeof(val))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	switch (optname) {
	case OCKAM_HANDSHAKE:
		return set_handshake(osk, val);
	case OCKAM_NEXT:
		return set_next(osk);
	case OCKAM_POLICY:
		return set_policy(osk, val);
	case OCKAM_MAX_MSG:
		return set_max_msg(osk, val);
	default:
		return set_recv(osk, optname, val);
	}
}

static int ockam_setsockopt(struct socket *sock, int level, int optname,
			    sockptr_t optval, unsigned int optlen)
{
	struct ockam_sock *osk = ockam_sk(sock->sk);

	if (level != SOL_OCKAM)
		return -ENOPROTOOPT;
	switch (optname) {
	case OCKAM_ACCEPT:
		return set_accept(osk, optval, optlen);
	case OCKAM_BIND:
		return set_bind(osk, optval, optlen);
	case OCKAM_RECV_ONWARD:
	case OCKAM_RECV_RETURN:
	case OCKAM_RECV_TOKEN:
	case OCKAM_RECV_PEER:
	case OCKAM_HANDSHAKE:
	case OCKAM_NEXT:
	case OCKAM_POLICY:
	case OCKAM_MAX_MSG:
		return set_int(osk, optname, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

static int get_accept(struct ockam_sock *osk, char __user *optval, int len,
		      int __user *optlen)
{
	struct ockam_accept head = { .scope = OCKAM_ACCEPT_LOCAL };
	const struct ockam_scope *scope;
	int err = -EFAULT;
	u32 n;

	if (len < (int)sizeof(head))
		return -EINVAL;
	lock_sock(&osk->sk);
	scope = rcu_dereference_protected(osk->scope,
					  lockdep_sock_is_held(&osk->sk));
	if (scope) {
		head.scope = scope->scope;
		head.nids = scope->nids;
	}
	n = min_t(u32, head.nids,
		  (len - sizeof(head)) / OCKAM_IDENTIFIER_LEN);
	if (copy_to_user(optval, &head, sizeof(head)))
		goto out;
	if (n && copy_to_user(optval + sizeof(head), scope->ids,
			      n * OCKAM_IDENTIFIER_LEN))
		goto out;
	err = put_user(sizeof(head) + n * OCKAM_IDENTIFIER_LEN, optlen);
out:
	release_sock(&osk->sk);
	return err;
}

static int get_bind(struct ockam_sock *osk, char __user *optval, int len,
		    int __user *optlen)
{
	u8 hop[2 + OCKAM_ADDR_MAX];
	const struct ockam_key *key;
	int n = 0;

	rcu_read_lock();
	key = rcu_dereference(osk->key);
	if (key) {
		n = ockam_key_size(key->hop);
		memcpy(hop, key->hop, n);
	}
	rcu_read_unlock();
	n = min(n, len);
	if (copy_to_user(optval, hop, n))
		return -EFAULT;
	return put_user(n, optlen);
}

static int ockam_getsockopt(struct socket *sock, int level, int optname,
			    char __user *optval, int __user *optlen)
{
	struct ockam_sock *osk = ockam_sk(sock->sk);
	int val, len;

	if (level != SOL_OCKAM)
		return -ENOPROTOOPT;
	if (get_user(len, optlen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;

	switch (optname) {
	case OCKAM_ACCEPT:
		return get_accept(osk, optval, len, optlen);
	case OCKAM_BIND:
		return get_bind(osk, optval, len, optlen);
	case OCKAM_RECV_ONWARD:
		val = osk->recv_onward;
		break;
	case OCKAM_RECV_RETURN:
		val = osk->recv_return;
		break;
	case OCKAM_RECV_TOKEN:
		val = osk->recv_token;
		break;
	case OCKAM_RECV_PEER:
		val = osk->recv_peer;
		break;
	case OCKAM_HANDSHAKE:
		val = osk->handshake;
		break;
	case OCKAM_MAX_MSG:
		val = READ_ONCE(osk->max_msg) ?:
		      READ_ONCE(osk->sink.node->conf.max_msg);
		break;
	case OCKAM_POLICY:
		val = ockam_policy_program(&osk->sink.policy);
		break;
	default:
		return -ENOPROTOOPT;
	}
	len = min_t(int, len, sizeof(val));
	if (copy_to_user(optval, &val, len))
		return -EFAULT;
	return put_user(len, optlen);
}

/* ---- registration ---- */

static int ockam_create(struct net *net, struct socket *sock, int protocol,
			int kern)
{
	struct ockam_node *node = ockam_node(net);
	struct ockam_sock *osk;
	struct sock *sk;
	int err;

	if (sock->type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol)
		return -EPROTONOSUPPORT;
	if (!ockam_limit_allowed(net))
		return -EACCES;

	err = ockam_limit_take(node, OCKAM_LIMIT_SOCKETS, NULL);
	if (err)
		return err;
	sk = sk_alloc(net, ockam_family, GFP_KERNEL, &ockam_proto, kern);
	if (!sk) {
		ockam_limit_drop(node->limit, OCKAM_LIMIT_SOCKETS);
		return -ENOMEM;
	}

	sock->ops = &ockam_dgram_ops;
	sock_init_data(sock, sk);
	sock_set_flag(sk, SOCK_RCU_FREE);
	sk->sk_allocation = GFP_KERNEL_ACCOUNT;
	sk->sk_destruct = ockam_sock_destruct;

	osk = ockam_sk(sk);
	osk->limit = ockam_limit_get(node->limit);
	ockam_sink_init(&osk->sink, node, &ockam_sock_sink_ops, NULL);
	spin_lock_init(&osk->answer.lock);
	spin_lock_init(&osk->through.lock);
	ockam_patience_init(&osk->patience);
	spin_lock_init(&osk->blocked_lock);
	init_waitqueue_func_entry(&osk->blocked, sock_unblocked);
	INIT_LIST_HEAD(&osk->blocked.entry);
	__skb_queue_head_init(&osk->held);
	INIT_WORK(&osk->work, sock_unpark);
	sock_prot_inuse_add(net, &ockam_proto, 1);
	return 0;
}

static struct proto ockam_proto = {
	.name		= "OCKAM",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct ockam_sock),
};

static const struct proto_ops ockam_dgram_ops = {
	.family		= PF_OCKAM,
	.owner		= THIS_MODULE,
	.release	= ockam_release,
	.bind		= ockam_bind,
	.connect	= ockam_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= ockam_getname,
	.poll		= ockam_poll,
	.ioctl		= ockam_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= ockam_compat_ioctl,
#endif
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= ockam_shutdown,
	.setsockopt	= ockam_setsockopt,
	.getsockopt	= ockam_getsockopt,
	.sendmsg	= ockam_sock_sendmsg,
	.recvmsg	= ockam_sock_recvmsg,
	.mmap		= sock_no_mmap,
	.set_peek_off	= sk_set_peek_off,
};

static struct net_proto_family ockam_net_family = {
	.owner	= THIS_MODULE,
	.create	= ockam_create,
};

bool ockam_is_sock(const struct socket *sock)
{
	return sock->ops == &ockam_dgram_ops;
}

int __init ockam_sock_init(void)
{
	int err;

	BUILD_BUG_ON(offsetof(struct ockam_sock, sk));
	BUILD_BUG_ON(sizeof(struct sockaddr_ockam) !=
		     sizeof(struct sockaddr_storage));

	err = proto_register(&ockam_proto, 1);
	if (err)
		return err;
	ockam_net_family.family = ockam_family;
	err = sock_register(&ockam_net_family);
	if (err)
		proto_unregister(&ockam_proto);
	return err;
}

void ockam_sock_exit(void)
{
	sock_unregister(ockam_family);
	/* Sockets are freed after a grace period. */
	rcu_barrier();
	proto_unregister(&ockam_proto);
}
