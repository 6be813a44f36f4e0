/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AF_OCKAM sockets: struct ockam_sock and what the parts of the family share.
 *
 * lock_sock() protects the binding, the default route, the options and the
 * token cache.  Delivery takes no socket lock: it touches the receive queue
 * (its own lock), the accept scope (RCU) and the rights (own spinlock).
 */
#ifndef _OCKAM_SOCK_H
#define _OCKAM_SOCK_H

#include <net/sock.h>
#include <uapi/linux/ockam.h>

#include "router/hold.h"
#include "router/msg.h"
#include "router/name.h"
#include "router/patience.h"
#include "router/rights.h"
#include "router/sink.h"

#define OCKAM_SOCKADDR_HEAD	offsetof(struct sockaddr_ockam, sok_hops)
#define OCKAM_TOKENS_MAX	64

/**
 * struct ockam_scope - value of OCKAM_ACCEPT, replaced as a whole
 */
struct ockam_scope {
	struct rcu_head	rcu;
	u32		scope;
	u32		nids;
	u8		ids[][OCKAM_IDENTIFIER_LEN];
};

struct netlink_ext_ack;
struct ockam_limit;
struct ockam_policy;
struct ockam_tokens;

/**
 * struct ockam_key - a socket's address
 * @rcu: for freeing
 * @hold: keeps it after its release, if it was chosen
 * @hop: flat form
 */
struct ockam_key {
	struct rcu_head		rcu;
	struct ockam_hold	hold;
	u8			hop[];
};

/**
 * struct ockam_flat - a socket's default route
 * @rcu: for freeing
 * @len: bytes
 * @hops: hops
 * @data: flat form
 */
struct ockam_flat {
	struct rcu_head	rcu;
	u16		len;
	u16		hops;
	u8		data[];
};

/**
 * struct ockam_sock - a worker
 * @sk: must be first
 * @name: its entry, listed when bound
 * @sink: where its messages arrive
 * @key: its address, or NULL
 * @scope: RCU, NULL means local only
 * @answer: who may answer, because we sent there
 * @through: channels we may send through, because we received through them
 * @patience: for strangers who take nothing of what we send
 * @tokens: cache of received routes, made when first needed
 * @route: default onward route (connect), or NULL
 * @max_msg: see OCKAM_MAX_MSG, 0: the node's limit
 * @recv_onward: option, like the next three
 * @handshake: handshake mode
 * @gate: messages that may be read in handshake mode; receive queue's lock
 * @held: messages that wait for the gate; receive queue's lock
 * @taken: a channel took this socket's address over; receive queue's lock
 * @work: routes parked messages when room appeared while one was parked
 * @blocked: entry in the wait queue of @blocked_on
 * @blocked_on: full destination of the last EAGAIN, with a reference
 * @blocked_lock: for the two
 * @limit: whom the socket is charged to, with a reference, or NULL
 */
struct ockam_sock {
	struct sock			sk;
	struct ockam_name		name;
	struct ockam_sink		sink;
	struct ockam_key __rcu		*key;
	struct ockam_scope __rcu	*scope;
	struct ockam_rights		answer;
	struct ockam_rights		through;
	struct ockam_patience		patience;
	struct ockam_tokens		*tokens;
	struct ockam_flat __rcu		*route;
	u32				max_msg;
	u8				recv_onward:1,
					recv_return:1,
					recv_token:1,
					recv_peer:1;
	bool				handshake;
	bool				taken;
	u32				gate;
	struct sk_buff_head		held;
	struct work_struct		work;
	wait_queue_entry_t		blocked;
	struct ockam_sink		*blocked_on;
	spinlock_t			blocked_lock;
	struct ockam_limit		*limit;
};

static inline struct ockam_sock *ockam_sk(const struct sock *sk)
{
	return container_of((struct sock *)sk, struct ockam_sock, sk);
}

/*
 * Take a handshake socket's address and queue over for a channel (Takeover in
 * kernel-architecture.rst): under the socket's lock and the receive queue's,
 * unread messages and those which are parked go to @queue in order, then @dec
 * replaces the socket's name: whoever finds @dec sees them in @queue.  *@key is
 * a copy of the address (the channel's to kfree()), and @dec->key is set to
 * it.  The socket is unbound afterwards, reads give 0.  Returns 0, -EINVAL: not
 * bound or not in handshake mode, -EBUSY: taken already, -ENOMEM.  Process
 * context.
 */
int ockam_sock_takeover(struct ockam_sock *osk, struct ockam_name *dec,
			const u8 **key, struct sk_buff_head *queue);

int ockam_sock_init(void);
void ockam_sock_exit(void);

/* sock_msg.c */
int ockam_sock_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int ockam_sock_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
		       int flags);
void ockam_tokens_free(struct ockam_sock *osk);

/* af_ockam.c */
bool ockam_is_sock(const struct socket *sock);
int ockam_sockaddr_check(const struct sockaddr_ockam *addr, int len,
			 u32 *bytes);
/* Binds to a random address; lock_sock() held. */
int ockam_sock_autobind(struct ockam_sock *osk);
/* Remembers, or forgets, the full destination of an EAGAIN for poll. */
void ockam_sock_unblock(struct ockam_sock *osk);
void ockam_sock_block(struct ockam_sock *osk, struct ockam_sink *sink);
/* Of one that cannot be remembered: poll has it tried again at once. */
void ockam_sock_try_again(struct ockam_sock *osk);

/*
 * Attach a policy program (policy.h) to a socket, for its @own-er or for an
 * administrator.  node->lock held; -ENOENT: the socket has just been closed.
 */
struct ockam_policy *ockam_sock_attach_policy(struct ockam_sock *osk, int fd,
					      bool own, bool replace,
					      struct netlink_ext_ack *extack);

#endif /* _OCKAM_SOCK_H */
