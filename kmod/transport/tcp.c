// SPDX-License-Identifier: GPL-2.0
/*
 * TCP as a carrier: the sockets behind links, from the first packet to the last.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "node/limit.h"
#include "link/link.h"
#include "node/memcg.h"
#include "router/msg.h"
#include "node/node.h"
#include "transport/tcp.h"
#include "transport/tcp_priv.h"

#define LTCP_BACKLOG		128
#define LTCP_ACCEPTS		16		/* in one run */
#define LTCP_BUFFER		(1024 * 1024)	/* most, each way, see below */
#define LTCP_LAST_BYTES		(2 * HZ)	/* patience after the end */
#define LTCP_RETRY		(HZ / 50 + 1)	/* for a lock that is taken */
#define LTCP_CLOSING_MAX		4096		/* carriers waiting like that */

/* Carriers whose last bytes are on their way. */
static LIST_HEAD(ltcp_closing);
static DEFINE_SPINLOCK(ltcp_closing_lock);
static unsigned int ltcp_nr_closing;

static void ltcp_listen_ready(struct sock *sk);
static void ltcp_data_ready(struct sock *sk);

/* ---- references and deferred work ---- */

void ockam_tcp_put(struct ockam_tcp *tcp)
{
	if (!refcount_dec_and_test(&tcp->ref))
		return;
	sock_put(tcp->sk);
	ockam_link_put(tcp->link);
	kfree_rcu(tcp, rcu);
}

void ockam_tcp_queue(struct ockam_tcp *tcp, struct work_struct *work)
{
	if (!refcount_inc_not_zero(&tcp->ref))
		return;
	if (!queue_work(tcp->link->node->wq, work))
		ockam_tcp_put(tcp);
}

static void ltcp_reap_in(struct ockam_tcp *tcp, unsigned long delay)
{
	if (!refcount_inc_not_zero(&tcp->ref))
		return;
	if (mod_delayed_work(tcp->link->node->wq, &tcp->reap_work, delay))
		ockam_tcp_put(tcp);
}

/* Likewise, unless it is queued already, and may come sooner. */
static void ltcp_reap_after(struct ockam_tcp *tcp, unsigned long delay)
{
	refcount_inc(&tcp->ref);
	if (!queue_delayed_work(tcp->link->node->wq, &tcp->reap_work, delay))
		ockam_tcp_put(tcp);
}

/* Nobody waits for it any more, and nobody will queue it. */
static void ltcp_reap_cancel(struct ockam_tcp *tcp)
{
	if (cancel_delayed_work(&tcp->reap_work))
		ockam_tcp_put(tcp);
}

/* ---- the socket's lock ---- */

bool ockam_tcp_trylock(struct sock *sk)
{
	bool free;

	spin_lock_bh(&sk->sk_lock.slock);
	free = !sock_owned_by_user_nocheck(sk);
	if (free)
		sk->sk_lock.owned = 1;
	spin_unlock_bh(&sk->sk_lock.slock);
	if (free)
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return free;
}

static bool ltcp_lent(const struct ockam_tcp *tcp)
{
	return unlikely(tcp->fd_ops);
}

bool ockam_tcp_lock(struct ockam_tcp *tcp, int want)
{
	if (!ltcp_lent(tcp)) {
		lock_sock(tcp->sk);
		return true;
	}
	if (ockam_tcp_trylock(tcp->sk))
		return true;
	set_bit(want, &tcp->wanted);
	/* One of ours looks at that after it has released the lock. */
	smp_mb__after_atomic();
	if (ockam_tcp_trylock(tcp->sk)) {
		clear_bit(want, &tcp->wanted);
		return true;
	}
	ltcp_reap_in(tcp, LTCP_RETRY);
	/* Who closes the carrier cancels that, unless it came too early. */
	smp_mb();
	if (READ_ONCE(tcp->dead))
		ltcp_reap_in(tcp, 0);
	return false;
}

void ockam_tcp_unlocked(struct ockam_tcp *tcp)
{
	/* Pairs with the barrier in ockam_tcp_lock(). */
	smp_mb();
	if (likely(!READ_ONCE(tcp->wanted)))
		return;
	if (test_and_clear_bit(LTCP_WANT_RX, &tcp->wanted))
		ockam_tcp_queue(tcp, &tcp->rx_work);
	if (test_and_clear_bit(LTCP_WANT_TX, &tcp->wanted))
		ockam_link_queue(tcp->link);
}

void ockam_tcp_unlocked_by_fd(struct sock *sk)
{
	struct ockam_tcp *tcp;

	read_lock_bh(&sk->sk_callback_lock);
	/* Else it is not a link's any more, nor is what it points to. */
	if (sk->sk_data_ready == ltcp_data_ready) {
		tcp = rcu_dereference_sk_user_data(sk);
		ockam_tcp_unlocked(tcp);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

void ockam_tcp_unlock(struct ockam_tcp *tcp)
{
	release_sock(tcp->sk);
	if (ltcp_lent(tcp))
		ockam_tcp_unlocked(tcp);
}

/* ---- failures ---- */

void ockam_tcp_fail(struct ockam_tcp *tcp, enum ockam_link_reason reason,
		    int err)
{
	if (cmpxchg(&tcp->fail, OCKAM_LINK_REASON_NONE, reason))
		return;
	WRITE_ONCE(tcp->err, err);
	ockam_tcp_queue(tcp, &tcp->event_work);
}

enum ockam_link_reason ockam_tcp_reason(int err)
{
	switch (abs(err)) {
	case 0:
		return OCKAM_LINK_REASON_PEER_CLOSED;
	case ECONNRESET:
	case EPIPE:
		return OCKAM_LINK_REASON_RESET;
	case ECONNREFUSED:
		return OCKAM_LINK_REASON_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return OCKAM_LINK_REASON_UNREACHABLE;
	case ETIMEDOUT:
		return OCKAM_LINK_REASON_TIMEOUT;
	case ENOMEM:
		return OCKAM_LINK_REASON_NO_MEMORY;
	default:
		return OCKAM_LINK_REASON_ERROR;
	}
}

void ockam_tcp_resume(struct ockam_tcp *tcp)
{
	ockam_tcp_queue(tcp, &tcp->rx_work);
}

/* ---- the socket's callbacks ---- */

static void ltcp_data_ready(struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		if (unlikely(sock_owned_by_user_nocheck(sk)))
			ockam_tcp_queue(tcp, &tcp->rx_work);
		else
			ockam_tcp_read(tcp, GFP_ATOMIC);
	}
	rcu_read_unlock();
}

static void ltcp_write_space(struct sock *sk)
{
	struct ockam_tcp *tcp;

	if (!sk_stream_is_writeable(sk))
		return;
	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		if (sk->sk_socket)
			clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		if (!tcp->dead)
			ockam_link_queue(tcp->link);
	}
	rcu_read_unlock();
}

/* Has all that we sent been acknowledged, the end included? */
static bool ltcp_sent_all(const struct sock *sk)
{
	return !(1 << READ_ONCE(sk->sk_state) &
		 (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK));
}

static void ltcp_changed(struct ockam_tcp *tcp, struct sock *sk)
{
	if (tcp->dead) {
		if (tcp->sock && ltcp_sent_all(sk))
			ltcp_reap_in(tcp, 0);
		return;
	}
	if (tcp->connecting) {
		if (sk->sk_state != TCP_SYN_SENT &&
		    sk->sk_state != TCP_SYN_RECV)
			ockam_tcp_queue(tcp, &tcp->event_work);
		return;
	}
	if (sk->sk_state == TCP_ESTABLISHED)
		return;
	if (sock_owned_by_user_nocheck(sk))
		ockam_tcp_queue(tcp, &tcp->rx_work);
	else
		ockam_tcp_read(tcp, GFP_ATOMIC);
}

static void ltcp_state_change(struct sock *sk)
{
	void (*chain)(struct sock *sk) = NULL;
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		chain = tcp->state_change;
		ltcp_changed(tcp, sk);
	}
	if (chain)
		chain(sk);
	rcu_read_unlock();
}

static void ltcp_error_report(struct sock *sk)
{
	void (*chain)(struct sock *sk) = NULL;
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (likely(tcp)) {
		chain = tcp->error_report;
		/* Soft errors come without a change of state. */
		if (sk->sk_state == TCP_CLOSE)
			ltcp_changed(tcp, sk);
	}
	if (chain)
		chain(sk);
	rcu_read_unlock();
}

/* Connections inherit this, and no user data, until they are accepted. */
static void ltcp_listen_ready(struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	if (tcp && tcp->listening)
		ockam_tcp_queue(tcp, &tcp->event_work);
	rcu_read_unlock();
}

void ockam_tcp_attach(struct ockam_tcp *tcp, struct ockam_tcp *listener)
{
	struct sock *sk = tcp->sk;

	sock_owned_by_me(sk);
	write_lock_bh(&sk->sk_callback_lock);
	tcp->data_ready = listener ? listener->data_ready : sk->sk_data_ready;
	tcp->write_space = sk->sk_write_space;
	tcp->state_change = sk->sk_state_change;
	tcp->error_report = sk->sk_error_report;
	__rcu_assign_sk_user_data_with_flags(sk, tcp, SK_USER_DATA_NOCOPY);
	if (tcp->listening) {
		WRITE_ONCE(sk->sk_data_ready, ltcp_listen_ready);
	} else {
		WRITE_ONCE(sk->sk_data_ready, ltcp_data_ready);
		WRITE_ONCE(sk->sk_write_space, ltcp_write_space);
		WRITE_ONCE(sk->sk_state_change, ltcp_state_change);
		WRITE_ONCE(sk->sk_error_report, ltcp_error_report);
	}
	write_unlock_bh(&sk->sk_callback_lock);
	tcp->attached = true;
}

void ockam_tcp_detach(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;

	sock_owned_by_me(sk);
	if (!tcp->attached)
		return;
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, tcp->data_ready);
	WRITE_ONCE(sk->sk_write_space, tcp->write_space);
	WRITE_ONCE(sk->sk_state_change, tcp->state_change);
	WRITE_ONCE(sk->sk_error_report, tcp->error_report);
	rcu_assign_sk_user_data(sk, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
	if (tcp->fd_ops)
		WRITE_ONCE(sk->sk_socket->ops, tcp->fd_ops);
	tcp->attached = false;
}

/* ---- what the link is told ---- */

static void ltcp_accept_some(struct ockam_tcp *tcp)
{
	struct socket *sock;
	int i, err;

	for (i = 0; i < LTCP_ACCEPTS; i++) {
		err = kernel_accept(tcp->sock, &sock, O_NONBLOCK);
		if (err == -EAGAIN)
			return;
		if (err == -ECONNABORTED)
			continue;
		if (err) {
			ockam_link_later(tcp->link, HZ);
			return;
		}
		ockam_link_accept(tcp->link, tcp, sock);
	}
	ockam_tcp_queue(tcp, &tcp->event_work);
}

void ockam_tcp_addresses(struct ockam_link *link, struct socket *sock)
{
	union ockam_endpoint local = {}, remote = {};

	if (kernel_getsockname(sock, &local.sa) > 0)
		link->local = local;
	if (kernel_getpeername(sock, &remote.sa) > 0)
		link->remote = remote;
}

/* Our version goes out at once, and what came already is read. */
void ockam_tcp_start(struct ockam_tcp *tcp)
{
	mutex_lock(&tcp->link->serial);
	ockam_tcp_flush(tcp);
	mutex_unlock(&tcp->link->serial);
	/* Those who found it locked took that for a link that is full. */
	ockam_sink_wake(&tcp->link->sink);
	ockam_tcp_queue(tcp, &tcp->rx_work);
}

static void ltcp_connected(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;
	bool up;

	lock_sock(sk);
	up = 1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
	tcp->connecting = false;
	release_sock(sk);
	if (up)
		ockam_tcp_addresses(tcp->link, tcp->sock);
	/* If it is not up the reader finds the end, and why. */
	ockam_tcp_start(tcp);
}

static void ltcp_event_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(work, struct ockam_tcp,
					     event_work);
	struct ockam_link *link = tcp->link;
	struct ockam_node *node = link->node;

	mutex_lock(&node->lock);
	/* Let go of meanwhile? */
	if (rcu_access_pointer(link->tcp) != tcp)
		goto out;
	if (tcp->listening) {
		ltcp_accept_some(tcp);
		goto out;
	}
	if (tcp->connecting && !READ_ONCE(tcp->fail))
		ltcp_connected(tcp);
	if (!tcp->told && READ_ONCE(link->state) == OCKAM_LINK_STATE_UP) {
		tcp->told = true;
		ockam_link_up(link);
	}
	if (READ_ONCE(tcp->fail))
		ockam_link_lost(link, tcp, tcp->fail, READ_ONCE(tcp->err));
out:
	mutex_unlock(&node->lock);
	ockam_tcp_put(tcp);
}

bool ockam_tcp_connecting(const struct ockam_tcp *tcp)
{
	return tcp && tcp->connecting;
}

void ockam_tcp_poke(struct ockam_tcp *tcp)
{
	if (tcp)
		ockam_tcp_queue(tcp, &tcp->event_work);
}

/* ---- the end ---- */

static void ltcp_release(struct ockam_tcp *tcp, bool hard)
{
	struct sock *sk = tcp->sk;

	lock_sock(sk);
	ockam_tcp_detach(tcp);
	release_sock(sk);

	/*
	 * The timers of a kernel socket end with it.  Whatever TCP would still
	 * have to repeat afterwards it would keep for ever; so that is reset.
	 */
	if (hard || !ltcp_sent_all(sk) || tcp_fin_time(sk) > TCP_TIMEWAIT_LEN)
		sock_no_linger(sk);
	sock_release(tcp->sock);
	tcp->sock = NULL;
}

/*
 * Whoever gets true has the carrier, its own reference, and its socket.  Only
 * our own sockets count: who hands one over keeps its cost.
 */
static bool ltcp_closing_del(struct ockam_tcp *tcp)
{
	struct ockam_limit *user = tcp->link->source.user;
	bool was;

	spin_lock_bh(&ltcp_closing_lock);
	was = !list_empty(&tcp->closing);
	if (was) {
		list_del_init(&tcp->closing);
		if (!user && tcp->sock)
			ltcp_nr_closing--;
	}
	spin_unlock_bh(&ltcp_closing_lock);
	if (was && tcp->sock)
		ockam_limit_drop(user, OCKAM_LIMIT_CLOSING);
	return was;
}

/*
 * Hands the carrier, with its own reference, to the list.  From there reap_work
 * takes it, be it before this returns: so the work is armed here, with the list
 * locked, and after true the carrier is not the caller's any more.
 */
static bool ltcp_closing_add(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;
	bool room;

	/* A container's has room of its user's instead. */
	if (ockam_limit_take(link->node, OCKAM_LIMIT_CLOSING, NULL))
		return false;
	spin_lock_bh(&ltcp_closing_lock);
	room = link->source.user || ltcp_nr_closing < LTCP_CLOSING_MAX;
	if (room) {
		list_add_tail(&tcp->closing, &ltcp_closing);
		if (!link->source.user)
			ltcp_nr_closing++;
		ltcp_reap_after(tcp, ltcp_sent_all(tcp->sk) ? 0 :
					LTCP_LAST_BYTES);
	}
	spin_unlock_bh(&ltcp_closing_lock);
	return room;
}

/* Nothing is received any more, nor sent.  lock_sock() held. */
static void ltcp_kill(struct ockam_tcp *tcp)
{
	tcp->dead = true;
	ockam_tcp_rx_exit(tcp);
	ockam_tcp_tx_exit(tcp);
}

/*
 * The fd stays with user space, the connection ends.  False: not now, the
 * socket is owned by somebody.
 */
static bool ltcp_give_back(struct ockam_tcp *tcp)
{
	struct sock *sk = tcp->sk;

	if (!ockam_tcp_trylock(sk))
		return false;
	ltcp_kill(tcp);
	if (tcp->attached) {
		ockam_tcp_detach(tcp);
		sk->sk_shutdown |= SHUTDOWN_MASK;
		/* Through the protocol: tcp_shutdown() is not for modules. */
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
		sk->sk_state_change(sk);
	}
	release_sock(sk);
	timer_shutdown_sync(&tcp->timer);
	/* As long as it had our calls, see ockam_tcp_handover(). */
	module_put(THIS_MODULE);
	return true;
}

/* The list has the carrier's last own reference. */
static void ltcp_give_back_later(struct ockam_tcp *tcp)
{
	spin_lock_bh(&ltcp_closing_lock);
	list_add_tail(&tcp->closing, &ltcp_closing);
	/* Whoever takes it from the list may free it. */
	ltcp_reap_in(tcp, LTCP_RETRY);
	spin_unlock_bh(&ltcp_closing_lock);
}

static void ltcp_close_lent(struct ockam_tcp *tcp)
{
	WRITE_ONCE(tcp->dead, true);
	/* Pairs with the barrier in ockam_tcp_lock(). */
	smp_mb();
	if (!ltcp_give_back(tcp)) {
		ltcp_give_back_later(tcp);
		return;
	}
	ltcp_reap_cancel(tcp);
	ockam_tcp_put(tcp);
}

static void ltcp_retry(struct ockam_tcp *tcp)
{
	if (!READ_ONCE(tcp->dead))
		ockam_tcp_unlocked(tcp);
	else if (!ltcp_closing_del(tcp))
		return;
	else if (ltcp_give_back(tcp))
		ockam_tcp_put(tcp);
	else
		ltcp_give_back_later(tcp);
}

static void ltcp_reap_work(struct work_struct *work)
{
	struct ockam_tcp *tcp = container_of(to_delayed_work(work),
					     struct ockam_tcp, reap_work);

	/* The list has the carrier's last own reference. */
	if (ltcp_lent(tcp)) {
		ltcp_retry(tcp);
	} else if (ltcp_closing_del(tcp)) {
		ltcp_release(tcp, READ_ONCE(tcp->link->node->dying));
		/* Armed for later while this was on its way. */
		ltcp_reap_cancel(tcp);
		ockam_tcp_put(tcp);
	}
	ockam_tcp_put(tcp);
}

void ockam_tcp_close(struct ockam_tcp *tcp)
{
	bool hard = READ_ONCE(tcp->link->node->dying);
	struct sock *sk = tcp->sk;
	bool linger;

	if (ltcp_lent(tcp)) {
		ltcp_close_lent(tcp);
		return;
	}
	lock_sock(sk);
	linger = !hard &&
		 (1 << sk->sk_state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT));
	ltcp_kill(tcp);
	release_sock(sk);
	timer_shutdown_sync(&tcp->timer);

	/*
	 * All of it before the list: as soon as the carrier is in there, a
	 * change of state has it reaped, and its socket is gone.
	 */
	if (linger) {
		kernel_sock_shutdown(tcp->sock, SHUT_RDWR);
		if (ltcp_closing_add(tcp))
			return;
	}
	ltcp_release(tcp, hard);
	/* State changes queued it, and the node may be gone when it comes. */
	ltcp_reap_cancel(tcp);
	ockam_tcp_put(tcp);
}

/* Those of a dying node: how many are left? */
static unsigned int ltcp_reap_now(struct ockam_node *node)
{
	struct ockam_tcp *tcp;
	unsigned int n = 0;

	spin_lock_bh(&ltcp_closing_lock);
	list_for_each_entry(tcp, &ltcp_closing, closing) {
		if (tcp->link->node != node)
			continue;
		ltcp_reap_in(tcp, 0);
		n++;
	}
	spin_unlock_bh(&ltcp_closing_lock);
	return n;
}

/*
 * A socket that was handed over keeps its namespace for as long as anybody can
 * own it, so at most one of our own works is just in the way.
 */
void ockam_tcp_drain(struct ockam_node *node)
{
	while (ltcp_reap_now(node))
		flush_workqueue(node->wq);
}

void ockam_tcp_abort(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}

/* ---- the beginning ---- */

struct ockam_tcp *ockam_tcp_new(struct ockam_link *link, struct sock *sk,
				struct socket *sock)
{
	struct ockam_tcp *tcp = kzalloc(sizeof(*tcp), GFP_KERNEL_ACCOUNT);

	if (!tcp)
		return NULL;
	sock_hold(sk);
	tcp->link = ockam_link_get(link);
	tcp->sk = sk;
	tcp->sock = sock;
	refcount_set(&tcp->ref, 1);
	ockam_tcp_rx_init(tcp);
	INIT_WORK(&tcp->event_work, ltcp_event_work);
	INIT_DELAYED_WORK(&tcp->reap_work, ltcp_reap_work);
	INIT_LIST_HEAD(&tcp->closing);
	return tcp;
}

void ockam_tcp_plug(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;

	mutex_lock(&link->serial);
	rcu_assign_pointer(link->tcp, tcp);
	mutex_unlock(&link->serial);
	ockam_sink_wake(&link->sink);
}

/* Undoes ockam_tcp_plug() and ockam_tcp_new(); the link gets an error. */
static void ltcp_unplug(struct ockam_tcp *tcp)
{
	struct ockam_link *link = tcp->link;

	mutex_lock(&link->serial);
	RCU_INIT_POINTER(link->tcp, NULL);
	mutex_unlock(&link->serial);
	ockam_sink_wake(&link->sink);
	ockam_tcp_close(tcp);
}

static int ltcp_addr_len(const union ockam_endpoint *e)
{
	return e->sa.sa_family == AF_INET6 ? sizeof(e->in6) : sizeof(e->in);
}

static struct socket *ltcp_socket(struct ockam_link *link, int family)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(link->node->net, family, SOCK_STREAM,
			       IPPROTO_TCP, &sock);
	if (err)
		return ERR_PTR(err);
	ockam_memcg_own(sock->sk, link->memcg);
	tcp_sock_set_nodelay(sock->sk);
	return sock;
}

/*
 * Nothing under way: keepalive asks from half of the time on, and with a user
 * timeout gives up by time, not by count.  Data that is not acknowledged, and a
 * peer whose window stays shut while bytes wait: the user timeout.
 */
static void ltcp_set_dead(struct sock *sk, const struct ockam_link *link)
{
	struct ockam_keep keep;

	ockam_tcp_keep(&keep, ockam_link_dead_ms(link));
	tcp_sock_set_user_timeout(sk, keep.timeout_ms);
	tcp_sock_set_keepidle(sk, keep.idle);
	tcp_sock_set_keepintvl(sk, keep.interval);
	sock_set_keepalive(sk);
}

void ockam_tcp_set_dead(struct ockam_tcp *tcp)
{
	ltcp_set_dead(tcp->sk, tcp->link);
}

int ockam_tcp_connect(struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	struct ockam_tcp *tcp;
	struct socket *sock;
	int err;

	sock = ltcp_socket(link, cfg->remote.sa.sa_family);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ltcp_set_dead(sock->sk, link);
	if (cfg->local.sa.sa_family) {
		err = kernel_bind(sock, ockam_endpoint_addr(&cfg->local),
				  ltcp_addr_len(&cfg->local));
		if (err)
			goto release;
	}
	tcp = ockam_tcp_new(link, sock->sk, sock);
	if (!tcp) {
		err = -ENOMEM;
		goto release;
	}
	tcp->connecting = true;
	lock_sock(tcp->sk);
	ockam_tcp_attach(tcp, NULL);
	release_sock(tcp->sk);
	ockam_tcp_plug(tcp);

	err = kernel_connect(sock, ockam_endpoint_addr(&cfg->remote),
			     ltcp_addr_len(&cfg->remote), O_NONBLOCK);
	if (!err || err == -EINPROGRESS)
		return 0;
	ltcp_unplug(tcp);
	return err;

release:
	sock_release(sock);
	return err;
}

/*
 * Nobody's control group is charged for what TCP keeps of a connection that is
 * accepted, or waits for that: charging it would have processes of a full group
 * killed, at a peer's will.  How much that may be is for the namespace's root to
 * say, and so not in a container.  Connections inherit this.
 */
static void ltcp_limit_buffers(struct ockam_link *link, struct sock *sk)
{
	const struct net *net = sock_net(sk);
	int snd = READ_ONCE(net->ipv4.sysctl_tcp_wmem[2]);
	int rcv = READ_ONCE(net->ipv4.sysctl_tcp_rmem[2]);

	if (!link->source.user)
		return;
	sock_set_rcvbuf(sk, min(rcv, LTCP_BUFFER) / 2);
	lock_sock(sk);
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf,
		   clamp_t(int, snd, SOCK_MIN_SNDBUF, LTCP_BUFFER));
	release_sock(sk);
}

int ockam_tcp_listen(struct ockam_link *link)
{
	struct ockam_link_config *cfg = &link->config;
	struct ockam_tcp *tcp;
	struct socket *sock;
	int err;

	sock = ltcp_socket(link, cfg->local.sa.sa_family);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	sock_set_reuseaddr(sock->sk);
	ltcp_limit_buffers(link, sock->sk);
	err = kernel_bind(sock, ockam_endpoint_addr(&cfg->local),
			  ltcp_addr_len(&cfg->local));
	if (err)
		goto release;
	err = -ENOMEM;
	tcp = ockam_tcp_new(link, sock->sk, sock);
	if (!tcp)
		goto release;
	tcp->listening = true;
	lock_sock(tcp->sk);
	ockam_tcp_attach(tcp, NULL);
	release_sock(tcp->sk);
	ockam_tcp_plug(tcp);

	err = kernel_listen(sock, LTCP_BACKLOG);
	if (err) {
		ltcp_unplug(tcp);
		return err;
	}
	ockam_tcp_addresses(link, sock);
	return 0;

release:
	sock_release(sock);
	return err;
}

int ockam_tcp_accept(struct ockam_link *link, struct ockam_tcp *listener,
		     struct socket *sock)
{
	struct ockam_tcp *tcp;

	tcp = ockam_tcp_new(link, sock->sk, sock);
	if (!tcp)
		return -ENOMEM;
	tcp_sock_set_nodelay(sock->sk);
	ltcp_set_dead(sock->sk, link);
	ockam_tcp_addresses(link, sock);
	ockam_link_ready(link);
	ockam_tcp_plug(tcp);

	lock_sock(tcp->sk);
	ockam_tcp_attach(tcp, listener);
	release_sock(tcp->sk);
	ockam_tcp_start(tcp);
	return 0;
}
