// SPDX-License-Identifier: GPL-2.0
/*
 * TCP as a carrier: connections that user space hands over, and what it may
 * still do with their sockets.
 */
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "link/link.h"
#include "node/node.h"
#include "transport/tcp_priv.h"

/* With the socket locked the carrier cannot go away. */
static struct ockam_tcp *fd_tcp(const struct sock *sk)
{
	struct ockam_tcp *tcp;

	rcu_read_lock();
	tcp = rcu_dereference_sk_user_data(sk);
	rcu_read_unlock();
	return tcp;
}

/*
 * The socket's owner is TCP's module, so calls made by its fd do not keep this
 * one loaded: the end of such a socket is counted, and ockam_tcp_exit() waits.
 */
static atomic_t fd_calls = ATOMIC_INIT(0);

static void fd_enter(void)
{
	atomic_inc(&fd_calls);
}

static void fd_leave(void)
{
	if (atomic_dec_and_test(&fd_calls))
		wake_up_var(&fd_calls);
}

/* The last close of the fd ends the link. */
static int fd_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct ockam_tcp *tcp;
	int err;

	/* What accept() has made of these calls, and gives up at once. */
	if (!sk)
		return 0;
	fd_enter();
	lock_sock(sk);
	tcp = fd_tcp(sk);
	if (tcp) {
		tcp->dead = true;
		ockam_tcp_detach(tcp);
		ockam_tcp_fail(tcp, OCKAM_LINK_REASON_FD_CLOSED, 0);
	}
	release_sock(sk);
	err = READ_ONCE(sock->ops)->release(sock);
	fd_leave();
	return err;
}

static int fd_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	return -EBUSY;
}

static int fd_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		      int flags)
{
	return -EBUSY;
}

static int fd_shutdown(struct socket *sock, int how)
{
	return -EBUSY;
}

static int fd_setsockopt(struct socket *sock, int level, int optname,
			 sockptr_t optval, unsigned int optlen)
{
	return -EBUSY;
}

/*
 * One option reads the stream.  Others are copied to user memory under the
 * socket's lock, so this may take for ever: it keeps the module.
 */
static int fd_getsockopt(struct socket *sock, int level, int optname,
			 char __user *optval, int __user *optlen)
{
	int err;

	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		return -EBUSY;
	if (!try_module_get(THIS_MODULE))
		return -EBUSY;
	err = sock_common_getsockopt(sock, level, optname, optval, optlen);
	ockam_tcp_unlocked_by_fd(sock->sk);
	module_put(THIS_MODULE);
	return err;
}

static int fd_mmap(struct file *file, struct socket *sock,
		   struct vm_area_struct *vma)
{
	return -EBUSY;
}

static ssize_t fd_splice_read(struct socket *sock, loff_t *ppos,
			      struct pipe_inode_info *pipe, size_t len,
			      unsigned int flags)
{
	return -EBUSY;
}

static int fd_set_rcvlowat(struct sock *sk, int val)
{
	return -EBUSY;
}

/*
 * What remains of a socket's calls while a link has it.  The few that stay
 * are filled in from the socket's own.
 */
#define FD_OPS							\
	.release	= fd_release,				\
	.bind		= sock_no_bind,				\
	.connect	= sock_no_connect,			\
	.socketpair	= sock_no_socketpair,			\
	.accept		= sock_no_accept,			\
	.poll		= tcp_poll,				\
	.gettstamp	= sock_gettstamp,			\
	.listen		= sock_no_listen,			\
	.shutdown	= fd_shutdown,				\
	.setsockopt	= fd_setsockopt,			\
	.getsockopt	= fd_getsockopt,			\
	.sendmsg	= fd_sendmsg,				\
	.recvmsg	= fd_recvmsg,				\
	.mmap		= fd_mmap,				\
	.splice_read	= fd_splice_read,			\
	.sendmsg_locked	= tcp_sendmsg_locked,			\
	.set_rcvlowat	= fd_set_rcvlowat

static struct proto_ops fd_ops_v4 = { .family = PF_INET, FD_OPS };
static struct proto_ops fd_ops_v6 = { .family = PF_INET6, FD_OPS };
static DEFINE_MUTEX(fd_ops_lock);

static const struct proto_ops *fd_make_ops(const struct socket *sock)
{
	struct proto_ops *ops = sock->ops->family == PF_INET6 ? &fd_ops_v6 :
							 &fd_ops_v4;

	mutex_lock(&fd_ops_lock);
	if (!ops->getname) {
		ops->owner = sock->ops->owner;
		ops->ioctl = sock->ops->ioctl;
#ifdef CONFIG_COMPAT
		ops->compat_ioctl = sock->ops->compat_ioctl;
#endif
		ops->getname = sock->ops->getname;
	}
	mutex_unlock(&fd_ops_lock);
	return ops;
}

static bool fd_is_plain(const struct sock *sk)
{
	const struct proto_ops *ops = sk->sk_socket->ops;

	if (ops->sendmsg_locked != tcp_sendmsg_locked ||
	    ops->read_sock != tcp_read_sock)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return READ_ONCE(sk->sk_prot) == &tcpv6_prot;
#endif
	return READ_ONCE(sk->sk_prot) == &tcp_prot;
}

/*
 * Is a call of another thread asleep in the connection?  It would go on with
 * the stream when it wakes up.  Who polls does not matter.
 */
static bool fd_has_sleeper(const struct sock *sk)
{
	struct wait_queue_head *head = sk_sleep((struct sock *)sk);
	struct wait_queue_entry *e;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&head->lock, flags);
	list_for_each_entry(e, &head->head, entry)
		if (e->func == woken_wake_function)
			found = true;
	spin_unlock_irqrestore(&head->lock, flags);
	return found;
}

/* With the socket locked: why it cannot be a link's, or NULL. */
static const char *fd_refusal(const struct sock *sk, int *err)
{
	*err = -ENOTCONN;
	if (sk->sk_state != TCP_ESTABLISHED || sk->sk_err || sk->sk_shutdown)
		return "the connection is not established";
	*err = -EBUSY;
	if (sk_is_mptcp(sk))
		return "the connection uses MPTCP";
	if (inet_csk(sk)->icsk_ulp_ops)
		return "the socket has an upper layer protocol";
	if (sk->sk_user_data)
		return "the socket is in use by another part of the kernel";
	if (tcp_sk(sk)->repair)
		return "the socket is in repair mode";
	if (!fd_is_plain(sk))
		return "the socket's calls are handled by another part of the kernel";
	if (fd_has_sleeper(sk))
		return "a call on the socket is waiting";
	*err = 0;
	return NULL;
}

static const char *fd_wrong_kind(const struct sock *sk, const struct net *net)
{
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return "the socket is not an internet socket";
	if (sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return "the socket is not a TCP socket";
	if (!net_eq(sock_net(sk), net))
		return "the socket belongs to another network namespace";
	return NULL;
}

static void fd_addresses(const struct sock *sk, union ockam_endpoint *local,
			 union ockam_endpoint *remote)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(local, 0, sizeof(*local));
	memset(remote, 0, sizeof(*remote));
	local->sa.sa_family = sk->sk_family;
	remote->sa.sa_family = sk->sk_family;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		local->in6.sin6_addr = inet6_sk(sk)->saddr;
		local->in6.sin6_port = inet->inet_sport;
		local->in6.sin6_scope_id =
			ipv6_iface_scope_id(&local->in6.sin6_addr,
					    sk->sk_bound_dev_if);
		remote->in6.sin6_addr = sk->sk_v6_daddr;
		remote->in6.sin6_port = inet->inet_dport;
		remote->in6.sin6_scope_id =
			ipv6_iface_scope_id(&remote->in6.sin6_addr,
					    sk->sk_bound_dev_if);
		return;
	}
#endif
	local->in.sin_addr.s_addr = inet->inet_saddr;
	local->in.sin_port = inet->inet_sport;
	remote->in.sin_addr.s_addr = inet->inet_daddr;
	remote->in.sin_port = inet->inet_dport;
}

/* The socket is locked, if that is possible now and it can be a link's. */
static const char *fd_lock(struct sock *sk, int *err)
{
	const char *text;

	if (!ockam_tcp_trylock(sk)) {
		*err = -EBUSY;
		return "a call on the socket is running";
	}
	text = fd_refusal(sk, err);
	if (text)
		release_sock(sk);
	return text;
}

/* Each message at once, as tcp_sock_set_nodelay() would do; locked. */
static void fd_nodelay(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->nonagle &= ~TCP_NAGLE_CORK;
	tp->nonagle |= TCP_NAGLE_OFF | TCP_NAGLE_PUSH;
}

/*
 * As ltcp_set_dead(), locked; but what its owner has set stays, unless the link
 * says otherwise.
 */
static void fd_set_dead(struct sock *sk, const struct ockam_link *link)
{
	bool all = link->config.dead_ms;
	struct ockam_keep keep;

	ockam_tcp_keep(&keep, ockam_link_dead_ms(link));
	if (all || !inet_csk(sk)->icsk_user_timeout)
		WRITE_ONCE(inet_csk(sk)->icsk_user_timeout, keep.timeout_ms);
	if (!all && sock_flag(sk, SOCK_KEEPOPEN))
		return;
	WRITE_ONCE(tcp_sk(sk)->keepalive_time, keep.idle * HZ);
	WRITE_ONCE(tcp_sk(sk)->keepalive_intvl, keep.interval * HZ);
	sock_valbool_flag(sk, SOCK_KEEPOPEN, false);
	sk->sk_prot->keepalive(sk, 1);
	sock_valbool_flag(sk, SOCK_KEEPOPEN, true);
}

static bool fd_same_ends(const struct ockam_link *link, const struct sock *sk)
{
	union ockam_endpoint local, remote;

	fd_addresses(sk, &local, &remote);
	return !memcmp(&local, &link->local, sizeof(local)) &&
	       !memcmp(&remote, &link->remote, sizeof(remote));
}

int ockam_tcp_handover(struct ockam_link *link, struct socket *sock,
		       struct netlink_ext_ack *extack)
{
	const struct proto_ops *ops;
	struct sock *sk = sock->sk;
	struct ockam_tcp *tcp;
	const char *text;
	int err;

	text = fd_wrong_kind(sk, link->node->net);
	if (text) {
		err = -EINVAL;
		goto refuse;
	}
	text = fd_lock(sk, &err);
	if (text)
		goto refuse;
	fd_addresses(sk, &link->local, &link->remote);
	release_sock(sk);

	tcp = ockam_tcp_new(link, sk, NULL);
	if (!tcp)
		return -ENOMEM;
	ockam_link_ready(link);
	ops = fd_make_ops(sock);

	text = fd_lock(sk, &err);
	if (!text && !fd_same_ends(link, sk)) {
		release_sock(sk);
		err = -EBUSY;
		text = "the socket was connected anew meanwhile";
	}
	if (text) {
		ockam_tcp_put(tcp);
		goto refuse;
	}
	/* Until it is given back, which may be after the link's end. */
	__module_get(THIS_MODULE);
	tcp->fd_ops = sock->ops;
	WRITE_ONCE(sock->ops, ops);
	WRITE_ONCE(sk->sk_rcvlowat, 1);
	fd_nodelay(sk);
	fd_set_dead(sk, link);
	ockam_tcp_attach(tcp, NULL);
	release_sock(sk);

	ockam_tcp_plug(tcp);
	ockam_tcp_start(tcp);
	return 0;

refuse:
	/* The texts are constants of this file. */
	if (extack)
		extack->_msg = text;
	return err;
}

void ockam_tcp_exit(void)
{
	/* Who has read the pointer to one of these calls has begun it ... */
	synchronize_rcu_tasks();
	wait_var_event(&fd_calls, !atomic_read(&fd_calls));
	/* ... and who left it has returned. */
	synchronize_rcu_tasks();
}
