/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the TCP carrier share: the carrier itself (tcp.c), its
 * receiving and sending sides (tcp_rx.c, tcp_tx.c), and sockets that user space has
 * handed over (tcp_fd.c).  The link sees tcp.h only.
 *
 * Locks.  Receive state belongs to who holds the carrier: its slock with
 * nobody owning it, or lock_sock().  Sending is under link->serial, which is
 * taken before lock_sock(); what is passed on in softirq has the slock only, and
 * that with trylock.  Works that change links take node->lock first.
 * Carriers keep TCP's own lock classes: the family's sockets never hold their
 * lock while a carrier's is taken, and no carrier's is waited for with another's.
 *
 * Who still has a descriptor of a socket that was handed over can hold its lock
 * for as long as he likes: options are copied to user memory under it.  So
 * nothing here waits for such a lock: who does not get it is called when one
 * of our own releases it, or comes back after a while.
 */
#ifndef _OCKAM_TCP_PRIV_H
#define _OCKAM_TCP_PRIV_H

#include <linux/refcount.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "ground/codec.h"
#include "link/link.h"
#include "transport/tcp.h"

#define LTCP_VERSION		1	/* of the framing, first byte of each side */

/**
 * struct ockam_rx - receive state of a connection
 * @skb: message being put together, or NULL
 * @last: its last skb, which is filled
 * @size: bytes of the body
 * @got: bytes of it so far
 * @cap: bytes that @last is for
 * @taken: bytes that the node counts for it while it is not complete
 * @frame: what is set aside for it, if it is large
 * @skip: bytes of a body that is not wanted
 * @avail: bytes in TCP's receive queue
 * @want: bytes there that are worth a look
 * @head: length of the next frame, as it comes
 * @nhead: bytes of it
 * @guess: bytes to leave for routes
 * @msgs: what is left of a run's budget
 * @bytes: likewise
 * @gfp: how to allocate in this run
 * @version: the peer has sent its version byte
 * @again: the run ended before the data did
 * @held: the source is full
 * @starved: the node or its control group has no memory, or its other large
 *	frames leave nothing for this one
 * @moved: a frame was completed in this run
 * @busy: @large, or what it was, is not routed yet; nothing may overtake it
 * @large: message for process context
 */
struct ockam_rx {
	struct sk_buff	*skb;
	struct sk_buff	*last;
	u32		size;
	u32		got;
	u32		cap;
	u32		taken;
	struct ockam_large_frame	frame;
	u32		skip;
	int		avail;
	int		want;
	u8		head[OCKAM_FRAME_HEAD];
	u8		nhead;
	struct ockam_link_guess	guess;
	int		msgs;
	int		bytes;
	gfp_t		gfp;
	bool		version;
	bool		again;
	bool		held;
	bool		starved;
	bool		moved;
	bool		busy;
	struct sk_buff	*large;
};

/**
 * struct ockam_tcp - a carrier
 * @link: whose, with a reference
 * @sk: the socket, with a reference
 * @sock: our own kernel socket, or NULL if it was handed over
 * @ref: references
 * @rcu: for freeing; callbacks find the carrier under RCU
 * @rx: receive state
 * @timer: looks whether @deadline has passed
 * @deadline: jiffies until which the version or a frame must be complete, or 0
 * @rx_work: reads in process context
 * @event_work: tells the link what has happened
 * @reap_work: ends a closed connection whose last bytes were acknowledged, or
 *	are not waited for any more; of a socket that was handed over: tries
 *	again what its lock did not allow
 * @closing: in the list of closed carriers that are not at their end
 * @fail: enum ockam_link_reason once the carrier has failed, set once
 * @err: errno that goes with it
 * @tx_err: errno that sending gave
 * @part: frame that was passed on, of which TCP has only @part_off bytes, or NULL;
 *	it comes before those of the link's queue
 * @part_off: bytes
 * @listening: not a connection
 * @connecting: not yet a connection
 * @told: the link was told that it is up
 * @greeted: our version byte was sent
 * @dead: the link has let go, nothing is received
 * @attached: callbacks are ours
 * @wanted: LTCP_WANT_..., who did not get the socket's lock
 * @fd_ops: what @sk's struct socket had before it was handed over, else NULL
 * @data_ready: callback of @sk's before ours
 * @write_space: likewise
 * @state_change: likewise
 * @error_report: likewise
 */
struct ockam_tcp {
	struct ockam_link	*link;
	struct sock		*sk;
	struct socket		*sock;
	refcount_t		ref;
	struct rcu_head		rcu;
	struct ockam_rx		rx;
	struct timer_list	timer;
	unsigned long		deadline;
	struct work_struct	rx_work;
	struct work_struct	event_work;
	struct delayed_work	reap_work;
	struct list_head	closing;
	u32			fail;
	int			err;
	int			tx_err;
	struct sk_buff		*part;
	u32			part_off;
	bool			listening;
	bool			connecting;
	bool			told;
	bool			greeted;
	bool			dead;
	bool			attached;
	unsigned long		wanted;
	const struct proto_ops	*fd_ops;
	void			(*data_ready)(struct sock *sk);
	void			(*write_space)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
	void			(*error_report)(struct sock *sk);
};

/**
 * struct ockam_keep - how TCP finds a dead path
 * @timeout_ms: TCP_USER_TIMEOUT
 * @idle: TCP_KEEPIDLE, seconds
 * @interval: TCP_KEEPINTVL, seconds
 */
struct ockam_keep {
	u32	timeout_ms;
	int	idle;
	int	interval;
};

/* The path may be dead for @ms. */
static inline void ockam_tcp_keep(struct ockam_keep *keep, u32 ms)
{
	keep->timeout_ms = ms;
	keep->idle = max_t(u32, ms / 2000, 1);
	keep->interval = max_t(u32, ms / 12000, 1);
}

/* ---- tcp.c ---- */

/**
 * ockam_tcp_new() - a carrier
 * @link: whose
 * @sk: connection or listening socket; the carrier takes a reference
 * @sock: our own socket, or NULL if @sk was handed over
 *
 * May sleep.
 *
 * Return: the carrier with one reference, or NULL without memory.
 */
struct ockam_tcp *ockam_tcp_new(struct ockam_link *link, struct sock *sk,
				struct socket *sock);
void ockam_tcp_put(struct ockam_tcp *tcp);

/* Bits of tcp->wanted: the receiver, and the link's work. */
#define LTCP_WANT_RX	0
#define LTCP_WANT_TX	1

/* As lock_sock(), unless that would wait. */
bool ockam_tcp_trylock(struct sock *sk);

/*
 * lock_sock(), which may sleep; with a socket that was handed over it does not
 * wait, and if the socket is owned by somebody, @want is called later.
 */
bool ockam_tcp_lock(struct ockam_tcp *tcp, int want);
void ockam_tcp_unlock(struct ockam_tcp *tcp);

/* The socket may be free: call those who want it.  Any context. */
void ockam_tcp_unlocked(struct ockam_tcp *tcp);

/* Likewise, of a socket that was a link's when its lock was taken. */
void ockam_tcp_unlocked_by_fd(struct sock *sk);

/* Queues a work of the carrier, which then has a reference.  Any context. */
void ockam_tcp_queue(struct ockam_tcp *tcp, struct work_struct *work);

/* The socket's callbacks become ours, and its own again.  lock_sock() held. */
void ockam_tcp_attach(struct ockam_tcp *tcp, struct ockam_tcp *listener);
void ockam_tcp_detach(struct ockam_tcp *tcp);

/* link->tcp is set.  node->lock held. */
void ockam_tcp_plug(struct ockam_tcp *tcp);

/* Looks at what came and what waits, which no callback will tell. */
void ockam_tcp_start(struct ockam_tcp *tcp);

/* Fills in link's addresses. */
void ockam_tcp_addresses(struct ockam_link *link, struct socket *sock);

/* ---- tcp_tx.c ---- */

/* Drops what was sent in part.  lock_sock() held. */
void ockam_tcp_tx_exit(struct ockam_tcp *tcp);

/* ---- tcp_rx.c ---- */

void ockam_tcp_rx_init(struct ockam_tcp *tcp);

/* Frees what was received in part.  lock_sock() held. */
void ockam_tcp_rx_exit(struct ockam_tcp *tcp);

/*
 * Routes what has come.  The caller has the socket's slock with no owner, or
 * owns it; @gfp says whether it may sleep.
 */
void ockam_tcp_read(struct ockam_tcp *tcp, gfp_t gfp);

#endif /* _OCKAM_TCP_PRIV_H */
