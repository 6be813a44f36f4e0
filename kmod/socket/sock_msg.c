// SPDX-License-Identifier: GPL-2.0
/* The socket family: sendmsg and recvmsg, control messages, tokens. */
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <net/sock.h>

#include <compat.h>

#include "link/gather.h"
#include "node/base.h"
#include "ground/codec.h"
#include "node/memcg.h"
#include "node/node.h"
#include "ground/route.h"
#include "router/router.h"
#include "socket/sock.h"
#include "node/stats.h"

/* Room for what a channel and a link put around a small message. */
#define SEND_HEADROOM	192
#define SEND_TAILROOM	64

/* ---- tokens ---- */

/**
 * struct ockam_memo - what a token stands for
 * @token: its name, 0 while unused
 * @from: the message's origin
 * @len: bytes of its return route
 * @hops: hops in it
 * @data: the route, flat form
 */
struct ockam_memo {
	u64			token;
	struct ockam_from	from;
	u16			len;
	u16			hops;
	u8			data[];
};

/**
 * struct ockam_tokens - the last messages of a socket; lock_sock()
 * @next: name of the next one; slot is the name modulo the size
 * @memo: remembered messages
 */
struct ockam_tokens {
	u64			next;
	struct ockam_memo	*memo[OCKAM_TOKENS_MAX];
};

static void memo_free(struct ockam_memo *memo)
{
	if (!memo)
		return;
	ockam_from_release(&memo->from);
	kfree(memo);
}

void ockam_tokens_free(struct ockam_sock *osk)
{
	unsigned int i;

	if (!osk->tokens)
		return;
	for (i = 0; i < OCKAM_TOKENS_MAX; i++)
		memo_free(osk->tokens->memo[i]);
	kfree(osk->tokens);
	osk->tokens = NULL;
}

/* Remembers a message; 0 or -ENOMEM. */
static int token_make(struct ockam_sock *osk, const struct sk_buff *skb,
		      u64 *token)
{
	u32 len = ockam_return_len(skb);
	struct ockam_tokens *tokens;
	struct ockam_memo *memo;
	unsigned int slot;

	memo = kmalloc(struct_size(memo, data, len), GFP_KERNEL_ACCOUNT);
	if (!memo)
		return -ENOMEM;

	lock_sock(&osk->sk);
	tokens = osk->tokens;
	if (!tokens) {
		tokens = kzalloc(sizeof(*tokens), GFP_KERNEL_ACCOUNT);
		if (!tokens) {
			release_sock(&osk->sk);
			kfree(memo);
			return -ENOMEM;
		}
		/* Not from 1, so that nobody takes them for counters. */
		tokens->next = ((u64)get_random_u32() << 16) + 1;
		osk->tokens = tokens;
	}
	memo->token = tokens->next++;
	ockam_from_copy(&memo->from, &ockam_msg(skb)->from);
	memo->len = len;
	memo->hops = ockam_msg(skb)->ret.hops;
	memcpy(memo->data, ockam_return(skb), len);
	*token = memo->token;
	slot = memo->token % OCKAM_TOKENS_MAX;
	swap(tokens->memo[slot], memo);
	release_sock(&osk->sk);
	memo_free(memo);
	return 0;
}

/* lock_sock() held; NULL: forgotten. */
static const struct ockam_memo *token_find(struct ockam_sock *osk, u64 token)
{
	struct ockam_memo *memo;

	if (!osk->tokens)
		return NULL;
	memo = osk->tokens->memo[token % OCKAM_TOKENS_MAX];
	return memo && memo->token == token ? memo : NULL;
}

/* ---- sendmsg ---- */

/**
 * struct ockam_sending - what a send asks for
 * @onward: route to go, flat form
 * @onward_len: bytes
 * @onward_hops: hops
 * @ret: a return route of the sender's making, or NULL
 * @ret_len: bytes
 * @ret_hops: hops
 * @reply: token whose return route is the onward route
 * @forward: token whose return route and origin are passed on
 * @forward_flags: enum ockam_token_flags
 * @has_reply: @reply is meant
 */
struct ockam_sending {
	const u8	*onward;
	u32		onward_len;
	u32		onward_hops;
	const u8	*ret;
	u32		ret_len;
	u32		ret_hops;
	u64		reply;
	u64		forward;
	u32		forward_flags;
	bool		has_reply;
};

static int parse_route(const struct cmsghdr *cmsg, const u8 **data, u32 *len,
		       u32 *hops)
{
	const struct ockam_route *route = (const void *)CMSG_DATA(cmsg);
	size_t n = cmsg->cmsg_len - CMSG_LEN(0);
	int err;

	if (*data || n < sizeof(*route) || route->flags)
		return -EINVAL;
	if (route->len > OCKAM_ROUTE_MAX || route->nhops > OCKAM_HOPS_MAX)
		return -EMSGSIZE;
	if (route->len != n - sizeof(*route))
		return -EINVAL;
	err = ockam_route_check(route->hops, route->len, route->nhops);
	if (err)
		return err;

	*data = route->hops;
	*len = route->len;
	*hops = route->nhops;
	return 0;
}

static int parse_token(const struct cmsghdr *cmsg, struct ockam_sending *s)
{
	const struct ockam_token *token = (const void *)CMSG_DATA(cmsg);

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(*token)) || s->forward_flags ||
	    token->reserved)
		return -EINVAL;
	if (token->flags != OCKAM_TOKEN_FORWARD &&
	    token->flags != OCKAM_TOKEN_VERBATIM)
		return -EINVAL;
	s->forward = token->token;
	s->forward_flags = token->flags;
	return 0;
}

static int parse_cmsgs(struct sock *sk, struct msghdr *msg,
		       struct ockam_sending *s, struct sockcm_cookie *sockc)
{
	struct cmsghdr *cmsg;
	int err = 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_SOCKET) {
			/* Neither goes with a message here: say so. */
			if (cmsg->cmsg_type == SCM_RIGHTS ||
			    cmsg->cmsg_type == SCM_CREDENTIALS)
				return -EINVAL;
			continue;
		}
		if (cmsg->cmsg_level != SOL_OCKAM)
			return -EINVAL;
		switch (cmsg->cmsg_type) {
		case OCKAM_CMSG_ONWARD:
			err = parse_route(cmsg, &s->onward, &s->onward_len,
					  &s->onward_hops);
			break;
		case OCKAM_CMSG_RETURN:
			err = parse_route(cmsg, &s->ret, &s->ret_len,
					  &s->ret_hops);
			break;
		case OCKAM_CMSG_TOKEN:
			err = parse_token(cmsg, s);
			break;
		default:
			/* The origin above all: nobody writes it but us. */
			return -EINVAL;
		}
		if (err)
			return err;
	}
	if (s->ret && s->forward_flags)
		return -EINVAL;
	return sock_cmsg_send(sk, msg, sockc);
}

static int parse_name(struct msghdr *msg, struct ockam_sending *s)
{
	const struct sockaddr_ockam *addr = msg->msg_name;
	u32 bytes;
	int err;

	if (s->onward)
		return -EINVAL;
	err = ockam_sockaddr_check(addr, msg->msg_namelen, &bytes);
	if (err)
		return err;
	if (addr->sok_flags) {
		memcpy(&s->reply, addr->sok_hops, sizeof(s->reply));
		s->has_reply = true;
		return 0;
	}
	if (!bytes)
		return -EINVAL;
	if (addr->sok_nhops > OCKAM_HOPS_MAX)
		return -EMSGSIZE;
	s->onward = addr->sok_hops;
	s->onward_len = bytes;
	s->onward_hops = addr->sok_nhops;
	return 0;
}

static int set_token_onward(struct ockam_sock *osk, struct sk_buff *skb,
			    const struct ockam_sending *s)
{
	const struct ockam_memo *memo;
	int err = -ESTALE;

	lock_sock(&osk->sk);
	memo = token_find(osk, s->reply);
	if (memo)
		err = ockam_msg_set_onward(skb, memo->data, memo->len,
					   memo->hops);
	release_sock(&osk->sk);
	return err;
}

static int set_default_onward(struct ockam_sock *osk, struct sk_buff *skb)
{
	const struct ockam_flat *route;
	int err = -EDESTADDRREQ;

	rcu_read_lock();
	route = rcu_dereference(osk->route);
	if (route)
		err = ockam_msg_set_onward(skb, route->data, route->len,
					   route->hops);
	rcu_read_unlock();
	return err;
}

static int set_own_return(struct ockam_sock *osk, struct sk_buff *skb)
{
	const struct ockam_key *key;
	int err = -EINVAL;

	rcu_read_lock();
	key = rcu_dereference(osk->key);
	if (likely(key))
		err = ockam_msg_push_return(skb, key->hop);
	rcu_read_unlock();
	return err;
}

static int set_forwarded(struct ockam_sock *osk, struct sk_buff *skb,
			 const struct ockam_sending *s)
{
	struct ockam_msg *m = ockam_msg(skb);
	const struct ockam_memo *memo;
	int err = -ESTALE;

	lock_sock(&osk->sk);
	memo = token_find(osk, s->forward);
	if (memo) {
		ockam_from_copy(&m->from, &memo->from);
		m->from.flags |= OCKAM_PEER_PASSED_ON;
		err = ockam_msg_set_return(skb, memo->data, memo->len,
					   memo->hops);
	}
	release_sock(&osk->sk);
	if (!err && s->forward_flags == OCKAM_TOKEN_FORWARD)
		err = set_own_return(osk, skb);
	return err;
}

/*
 * A program with more rights, a setuid one that was handed a socket as its
 * standard error for instance, must not lend its name to who opened it; nor
 * must a personality of io_uring.  Who could take any name needs no loan.
 */
static bool is_lent(const struct ockam_sock *osk, const struct cred *cred)
{
	const struct file *file = osk->sk.sk_socket->file;

	/* The kernel opens its own sockets without a file. */
	if (likely(!file || file->f_cred == cred))
		return false;
	if (uid_eq(file->f_cred->euid, cred->euid) &&
	    gid_eq(file->f_cred->egid, cred->egid))
		return false;
	return !ockam_sock_opener_capable(osk, osk->sink.node->net->user_ns,
					  CAP_NET_ADMIN);
}

static void set_local_origin(struct ockam_sock *osk, struct sk_buff *skb)
{
	struct ockam_from *from = &ockam_msg(skb)->from;
	const struct cred *cred = current_cred();

	from->kind = OCKAM_ORIGIN_LOCAL;
	if (unlikely(is_lent(osk, cred)))
		from->flags |= OCKAM_PEER_LENT;
	from->uid = cred->euid;
	from->gid = cred->egid;
	from->pid = get_pid(task_tgid(current));
}

static int set_routes(struct ockam_sock *osk, struct sk_buff *skb,
		      const struct ockam_sending *s)
{
	struct ockam_msg *m;
	int err;

	if (likely(s->onward))
		err = ockam_msg_set_onward(skb, s->onward, s->onward_len,
					   s->onward_hops);
	else if (s->has_reply)
		err = set_token_onward(osk, skb, s);
	else
		err = set_default_onward(osk, skb);
	if (err)
		return err;
	if (!ockam_onward_len(skb))
		return -EINVAL;

	if (s->forward_flags)
		return set_forwarded(osk, skb, s);

	set_local_origin(osk, skb);
	if (likely(!s->ret))
		return set_own_return(osk, skb);

	m = ockam_msg(skb);
	m->from.flags |= OCKAM_PEER_FORWARDED;
	return ockam_msg_set_return(skb, s->ret, s->ret_len, s->ret_hops);
}

/*
 * What a message will take at least.  The socket pays that before there is any
 * memory to pay for: what is asleep, for room or for a page of the caller's, is
 * on its account, however many threads send.
 */
static u32 send_claim(const struct ockam_room *room, size_t len)
{
	return SKB_TRUESIZE(room->onward + room->ret + room->head + len);
}

/* One at a time passes, so that only one message exceeds SO_SNDBUF. */
static bool send_take(struct sock *sk, u32 claim)
{
	int old = refcount_read(&sk->sk_wmem_alloc);

	do {
		/* One of them is the socket's own. */
		if (unlikely(old - 1 >= READ_ONCE(sk->sk_sndbuf)))
			return false;
	} while (!atomic_try_cmpxchg(&sk->sk_wmem_alloc.refs, &old,
				     old + claim));
	return true;
}

static void send_give_back(struct sock *sk, u32 claim)
{
	/* The socket is open, so this is not the last of them. */
	WARN_ON_ONCE(refcount_sub_and_test(claim, &sk->sk_wmem_alloc));
	sk->sk_write_space(sk);
}

/* Waits until the socket's own messages under way are below SO_SNDBUF. */
static int wait_for_sndbuf(struct sock *sk, u32 claim, long *timeo)
{
	DEFINE_WAIT(wait);
	int err = 0;

	if (likely(send_take(sk, claim)))
		return 0;

	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	while (!err) {
		if (!*timeo) {
			err = -EAGAIN;
			break;
		}
		if (signal_pending(current)) {
			err = sock_intr_errno(*timeo);
			break;
		}
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		prepare_to_wait(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
		if (send_take(sk, claim))
			break;
		if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
			err = -EPIPE;
		else
			*timeo = schedule_timeout(*timeo);
	}
	finish_wait(sk_sleep(sk), &wait);
	if (err == -EAGAIN) {
		sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	}
	return err;
}

static int check_send(struct ockam_sock *osk, const struct msghdr *msg,
		      size_t len)
{
	u32 max = READ_ONCE(osk->sink.node->conf.max_msg);
	u32 own = READ_ONCE(osk->max_msg);

	if (msg->msg_flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR |
			       MSG_CMSG_COMPAT | MSG_CONFIRM | MSG_DONTROUTE |
			       MSG_BATCH | MSG_MORE | MSG_WAITALL |
			       OCKAM_MSG_SPLICE))
		return -EOPNOTSUPP;
	if (len > (own ? min(own, max) : max)) {
		ockam_refuse(osk->sink.node, OCKAM_DROP_TOO_BIG);
		return -EMSGSIZE;
	}
	if (READ_ONCE(osk->sk.sk_shutdown) & SEND_SHUTDOWN)
		return -EPIPE;
	return sock_error(&osk->sk);
}

static int sock_msg_bound(struct ockam_sock *osk)
{
	int err = 0;

	if (likely(rcu_access_pointer(osk->key)))
		return 0;
	lock_sock(&osk->sk);
	if (!rcu_access_pointer(osk->key))
		err = ockam_sock_autobind(osk);
	release_sock(&osk->sk);
	return err;
}

/*
 * Who pays for a message of this length, besides the socket: the sender's group, if
 * it has a limit that could be reached.
 */
static gfp_t send_gfp(const struct sock *sk, size_t len)
{
	if (len <= OCKAM_MEMCG_SMALL && !ockam_memcg_current_limited())
		return sk->sk_allocation & ~__GFP_ACCOUNT;
	return sk->sk_allocation;
}

static struct sk_buff *sock_msg_build(struct ockam_sock *osk, struct msghdr *msg,
				      size_t len, const struct ockam_sending *s,
				      long *timeo, int *err)
{
	struct ockam_room room = {
		.onward	= s->onward_len,
		.ret	= s->ret_len,
		.head	= SEND_HEADROOM,
		.tail	= SEND_TAILROOM,
	};
	u32 claim = send_claim(&room, len);
	struct sock *sk = &osk->sk;
	struct sk_buff *skb;

	*err = wait_for_sndbuf(sk, claim, timeo);
	if (unlikely(*err))
		return NULL;
	skb = ockam_msg_alloc(len, &room, send_gfp(sk, len));
	if (!skb) {
		send_give_back(sk, claim);
		*err = -ENOMEM;
		return NULL;
	}
	ockam_msg_charge_sender(skb, sk, claim);
	if (likely(len <= OCKAM_LINEAR_MAX)) {
		*err = memcpy_from_msg(skb_put(skb, len), msg, len);
	} else {
		ockam_msg_put(skb, len);
		*err = skb_copy_datagram_from_iter(skb, 0, &msg->msg_iter,
						   len);
	}
	if (!*err)
		*err = set_routes(osk, skb, s);
	if (!*err)
		return skb;
	kfree_skb(skb);
	return NULL;
}

/**
 * ockam_sock_sendmsg() - send one message
 * @sock: a worker's socket; bound to a random address if it has none
 * @msg: route in msg_name or a control message, else the default one
 * @len: bytes of payload
 *
 * May sleep.  Return: @len or an error of Documentation/ockam.rst, Errors.
 */
int ockam_sock_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct ockam_sock *osk = ockam_sk(sock->sk);
	struct ockam_node *node = osk->sink.node;
	struct ockam_blocked blocked = {};
	struct ockam_sending s = {};
	struct sockcm_cookie sockc;
	struct sock *sk = sock->sk;
	struct sk_buff *skb;
	long timeo;
	int err;

	err = check_send(osk, msg, len);
	if (unlikely(err))
		return err;
	sockc.mark = READ_ONCE(sk->sk_mark);
	if (msg->msg_controllen) {
		sockcm_init(&sockc, sk);
		err = parse_cmsgs(sk, msg, &s, &sockc);
		if (err)
			return err;
	}
	if (msg->msg_name) {
		err = parse_name(msg, &s);
		if (unlikely(err))
			return err;
	}
	err = sock_msg_bound(osk);
	if (unlikely(err))
		return err;

	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	skb = sock_msg_build(osk, msg, len, &s, &timeo, &err);
	if (unlikely(!skb))
		return err;
	ockam_msg(skb)->more = msg->msg_flags & (MSG_MORE | MSG_BATCH);
	ockam_msg(skb)->mark = sockc.mark;
	ockam_msg(skb)->priority = READ_ONCE(sk->sk_priority);

	err = ockam_router_send(node, osk, skb, timeo, &blocked);
	if (likely(!err)) {
		ockam_stat_inc(node, OCKAM_STAT_SENT);
		return len;
	}
	if (blocked.sink)
		ockam_sock_block(osk, blocked.sink);
	else if (err == -EAGAIN)
		ockam_sock_try_again(osk);
	/* io_uring tries again with what it has. */
	iov_iter_revert(&msg->msg_iter, len);
	return err;
}

/* ---- recvmsg ---- */

static int put_name(struct ockam_sock *osk, struct msghdr *msg,
		    const struct sk_buff *skb, u64 *token)
{
	DECLARE_SOCKADDR(struct sockaddr_ockam *, addr, msg->msg_name);
	u32 len = ockam_return_len(skb);
	int err;

	addr->sok_family = ockam_family;
	addr->sok_flags = 0;
	addr->sok_nhops = ockam_msg(skb)->ret.hops;
	if (likely(len <= OCKAM_SOCKADDR_HOPS)) {
		memcpy(addr->sok_hops, ockam_return(skb), len);
		msg->msg_namelen = OCKAM_SOCKADDR_HEAD + len;
		return 0;
	}
	if (!*token) {
		err = token_make(osk, skb, token);
		if (err)
			return err;
	}
	addr->sok_flags = OCKAM_ADDR_TRUNCATED | OCKAM_ADDR_TOKEN;
	memcpy(addr->sok_hops, token, sizeof(*token));
	msg->msg_namelen = OCKAM_SOCKADDR_HEAD + sizeof(*token);
	return 0;
}

static int put_route(struct msghdr *msg, int type, const u8 *flat, u32 len,
		     u32 hops)
{
	struct ockam_route *route;
	int err;

	route = kmalloc(struct_size(route, hops, len), GFP_KERNEL);
	if (!route)
		return -ENOMEM;
	route->len = len;
	route->nhops = hops;
	route->flags = 0;
	memcpy(route->hops, flat, len);
	err = put_cmsg(msg, SOL_OCKAM, type, struct_size(route, hops, len),
		       route);
	kfree(route);
	return err;
}

static int put_peer(struct msghdr *msg, const struct sk_buff *skb)
{
	const struct ockam_from *from = &ockam_msg(skb)->from;
	struct ockam_peer *peer;
	size_t size;
	unsigned int i;
	int err;

	size = struct_size(peer, channels, from->nident);
	peer = kzalloc(size, GFP_KERNEL);
	if (!peer)
		return -ENOMEM;
	peer->origin = from->kind;
	peer->flags = from->flags;
	peer->nchannels = from->nident;
	peer->link = from->link;
	if (from->kind == OCKAM_ORIGIN_LOCAL) {
		peer->pid = pid_vnr(from->pid);
		peer->uid = from_kuid_munged(current_user_ns(), from->uid);
		peer->gid = from_kgid_munged(current_user_ns(), from->gid);
	}
	for (i = 0; i < from->nident; i++) {
		const struct ockam_ident *id;

		id = from->ident[from->nident - 1 - i];
		peer->channels[i].channel = id->channel;
		memcpy(peer->channels[i].identifier, id->identifier,
		       OCKAM_IDENTIFIER_LEN);
	}
	err = put_cmsg(msg, SOL_OCKAM, OCKAM_CMSG_PEER, size, peer);
	kfree(peer);
	return err;
}

static int put_cmsgs(struct ockam_sock *osk, struct msghdr *msg,
		     const struct sk_buff *skb, u64 *token)
{
	int err = 0;

	if (osk->recv_onward)
		err = put_route(msg, OCKAM_CMSG_ONWARD, ockam_onward(skb),
				ockam_onward_len(skb),
				ockam_msg(skb)->onward.hops);
	if (!err && osk->recv_return)
		err = put_route(msg, OCKAM_CMSG_RETURN, ockam_return(skb),
				ockam_return_len(skb),
				ockam_msg(skb)->ret.hops);
	if (!err && osk->recv_token) {
		struct ockam_token t = {};

		if (!*token)
			err = token_make(osk, skb, token);
		t.token = *token;
		if (!err)
			err = put_cmsg(msg, SOL_OCKAM, OCKAM_CMSG_TOKEN,
				       sizeof(t), &t);
	}
	if (!err && osk->recv_peer)
		err = put_peer(msg, skb);
	return err;
}

/*
 * A message was taken off: let others in.  Who only peeked may be the one who
 * freed it, when a reader took it meanwhile; but that is no progress.
 */
static void took_one(struct ockam_sock *osk, bool peeked)
{
	struct ockam_sink *sink = &osk->sink;

	smp_mb(); /* pairs with the one in sock_kick() */
	if (ockam_sink_has_parked(sink))
		ockam_sink_unpark(sink);
	if (likely(!peeked))
		ockam_sink_progress(sink);
	else
		ockam_sink_wake(sink);
}

/*
 * Peeking: the first message with something behind @off, which counts from there
 * on; without an offset (below 0) just the first one.
 */
static struct sk_buff *peek_find(struct sk_buff_head *queue, int *off,
				 struct sk_buff **last)
{
	struct sk_buff *skb;
	u32 at = *off;

	if (*off < 0) {
		*off = 0;
		return skb_peek(queue);
	}
	skb_queue_walk(queue, skb) {
		*last = skb;
		/* An empty one is seen once, and only right at the offset. */
		if (at >= skb->len && (at || ockam_msg(skb)->seen)) {
			at -= skb->len;
			continue;
		}
		ockam_msg(skb)->seen = !skb->len;
		*off = at;
		return skb;
	}
	return NULL;
}

/*
 * The next message, or one that is peeked at, with a reference.  The kernel's own
 * way would mark empty ones with skb->peeked, and replace them by clones, but what
 * is at a message's head belongs to one skb.
 */
static struct sk_buff *sock_msg_next(struct sock *sk, int flags, int *off,
				     int *err)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	struct sk_buff *skb, *last;
	int at = *off;

	do {
		*err = sock_error(sk);
		if (unlikely(*err))
			return NULL;
		last = (struct sk_buff *)queue;
		spin_lock_bh(&queue->lock);
		if (likely(!(flags & MSG_PEEK))) {
			skb = __skb_dequeue(queue);
		} else {
			*off = at;
			skb = peek_find(queue, off, &last);
			if (skb)
				refcount_inc(&skb->users);
		}
		spin_unlock_bh(&queue->lock);
		if (skb)
			return skb;
		*err = -EAGAIN;
	} while (timeo &&
		 !__skb_wait_for_more_packets(sk, queue, err, &timeo, last));
	return NULL;
}

/**
 * ockam_sock_recvmsg() - receive one message
 * @sock: a worker's socket
 * @msg: msg_name gets the return route, or a token for it
 * @len: bytes that fit
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC
 *
 * May sleep.  Return: bytes of payload copied (with MSG_TRUNC: bytes that
 * there were) or an error.
 */
int ockam_sock_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags)
{
	struct ockam_sock *osk = ockam_sk(sock->sk);
	struct sock *sk = sock->sk;
	struct sk_buff *skb;
	u64 token = 0;
	size_t copied;
	int off, err;

	if (flags & ~(MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK | MSG_WAITALL |
		      MSG_CMSG_CLOEXEC | MSG_CMSG_COMPAT | MSG_NOSIGNAL))
		return -EOPNOTSUPP;

	/* Who is going to wait for an answer has said all that he has to say. */
	if (skb_queue_empty_lockless(&sk->sk_receive_queue))
		ockam_gather_push_some(osk->sink.node);
	off = sk_peek_offset(sk, flags);
	skb = sock_msg_next(sk, flags, &off, &err);
	if (!skb) {
		if (!err || READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
			return 0;
		return err;
	}
	copied = skb->len - off;
	if (copied > len) {
		copied = len;
		msg->msg_flags |= MSG_TRUNC;
	}
	err = skb_copy_datagram_msg(skb, off, msg, copied);
	if (unlikely(err))
		goto out;

	if (msg->msg_name) {
		err = put_name(osk, msg, skb, &token);
		if (unlikely(err))
			goto out;
	}
	sock_recv_cmsgs(msg, sk, skb);
	if (unlikely(osk->recv_onward | osk->recv_return | osk->recv_token |
		     osk->recv_peer)) {
		err = put_cmsgs(osk, msg, skb, &token);
		if (err)
			goto out;
	}
	err = flags & MSG_TRUNC ? skb->len - off : copied;
	if (flags & MSG_PEEK)
		sk_peek_offset_fwd(sk, copied);
	else
		sk_peek_offset_bwd(sk, skb->len);
out:
	ockam_msg_free(skb);
	took_one(osk, flags & MSG_PEEK);
	return err;
}
