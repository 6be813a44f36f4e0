/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Secure channels: an encryptor and a decryptor address with keys
 * (protocol.rst: Data phase).  channel.c knows lifetime, routes, ownership
 * and events; crypt.c the nonces, keys and AEAD calls.
 *
 * Lifetime: referenced by the node's xarray, by its work items while they
 * run and by paths being applied; freed after a grace period.
 *
 * Transmit state is used in process context under tx.lock (mutex), receive
 * state under rx.lock (spinlock, bh).  The route is replaced under route_lock
 * (spinlock, bh, innermost) and read under RCU.
 */
#ifndef _OCKAM_CHANNEL_H
#define _OCKAM_CHANNEL_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <uapi/linux/ockam_netlink.h>

#include "ground/keyring.h"
#include "router/msg.h"
#include "router/name.h"

struct netlink_ext_ack;
struct ockam_node;
struct ockam_policy;
struct ockam_sock;
struct ockam_channel_crypt;

/**
 * struct ockam_channel_route - how to reach the peer's decryptor
 * @rcu: for replacing it
 * @ref: the channel's reference, and those of paths being applied
 * @len: bytes
 * @hops: hops
 * @prefix: bytes without the last hop, the peer's decryptor
 * @ordered: a single carrier that keeps the order: old keys are not kept
 * @carrier_kind: enum ockam_origin that ciphertexts over it have, or enum
 *	ockam_carrier
 * @carrier: id of the link, or of the outer channel, 0 if local
 * @unproven: a UDP address that one message came from, perhaps a copy of it
 * @budget: bytes that may go there as long as that is so
 * @via: the outer channel (its number in ockam_ident) by which something for
 *	the channel really came, so that it may be answered there whoever owns
 *	what; 0: none.  READ_ONCE()
 * @data: flat form, the peer's decryptor last
 *
 * Ids change when a link is made anew under its old name, so @ordered,
 * @carrier_kind and @carrier are a cache that is filled again when a message
 * does not match; words of their own, READ_ONCE().
 */
struct ockam_channel_route {
	struct rcu_head	rcu;
	refcount_t	ref;
	u16		len;
	u16		hops;
	u16		prefix;
	bool		ordered;
	u8		carrier_kind;
	u32		carrier;
	bool		unproven;
	atomic_t	budget;
	u32		via;
	u8		data[];
};

/**
 * enum ockam_carrier - values of carrier_kind beyond enum ockam_origin
 * @OCKAM_CARRIER_UNKNOWN: nobody has the address of the first hop now
 * @OCKAM_CARRIER_PROGRAM: a program of this node forwards, so what it sends
 *	may have any origin
 */
enum ockam_carrier {
	OCKAM_CARRIER_UNKNOWN	= 0,
	OCKAM_CARRIER_PROGRAM	= 0xff,
};

/**
 * struct ockam_channel_config - what netlink asks for
 * @encryptor: its address, flat form, or NULL: the kernel makes one up
 *	(at most OCKAM_NAME_LEN bytes)
 * @decryptor: its address, flat form; with @handshake the address is that
 *	of the socket and this is NULL
 * @handshake: AF_OCKAM socket in handshake mode to take over from, or NULL
 * @takeover: with @handshake, does that: ockam_sock_takeover()
 * @route: to the peer's decryptor, checked flat form
 * @route_len: bytes
 * @route_hops: hops
 * @suite: enum ockam_suite
 * @role: enum ockam_role: only a responder learns its route
 * @tx_key: key of generation 0 (of tx_nonce / 32 otherwise), to encrypt
 * @rx_key: likewise to decrypt
 * @tx_nonce: first nonce to use
 * @rx_nonce: first nonce to expect
 * @identifier: the peer's verified identifier
 * @owner: uid that may send
 * @mode: permission bits: 0600 owner only, 0666 anybody of the node
 * @trusted: it was an administrator who made it for himself
 * @pinned: the route is never learned
 * @early_of: channel whose early data this one is to bring, or 0
 * @succeeds: channel whose encryptor's address is taken over, or 0
 *
 * The caller wipes the keys.
 */
struct ockam_channel_config {
	const u8		*encryptor;
	const u8		*decryptor;
	struct ockam_sock	*handshake;
	int			(*takeover)(struct ockam_sock *osk,
					    struct ockam_name *dec,
					    const u8 **key,
					    struct sk_buff_head *queue);
	const u8		*route;
	u32			route_len;
	u32			route_hops;
	enum ockam_suite	suite;
	enum ockam_role		role;
	const u8		*tx_key;
	const u8		*rx_key;
	u64			tx_nonce;
	u64			rx_nonce;
	const u8		*identifier;
	kuid_t			owner;
	u32			mode;
	bool			trusted;
	bool			pinned;
	u32			early_of;
	u32			succeeds;
};

struct ockam_channel_stats {
	atomic64_t	rx_msgs;
	atomic64_t	rx_bytes;
	atomic64_t	tx_msgs;
	atomic64_t	tx_bytes;
	atomic64_t	auth_failed;
	atomic64_t	replayed;
	atomic64_t	derivations;
};

/**
 * struct ockam_channel - one channel
 * @enc: the encryptor's entry
 * @dec: the decryptor's entry
 * @node: its node
 * @ref: references
 * @free: freeing, after a grace period and in process context
 * @id: for netlink, never reused at once; another channel may take it over,
 *	so the data path goes by @ident, whose number never changes
 * @state: enum ockam_channel_state
 * @reason: enum ockam_channel_reason, why it does not work any more
 * @role: enum ockam_role
 * @suite: enum ockam_suite
 * @policy: program that is asked about what goes in and comes out, policy.h
 * @pinned: see the config
 * @owner: see the config
 * @mode: see the config
 * @trusted: see the config; set anew with the owner
 * @ident: what messages through it carry as their origin
 * @route: see above
 * @route_lock: for replacing it
 * @learned: nonce of the message from which it was learned last
 * @refreshed: jiffies of the last event about new credentials, 0: none yet
 * @serial: order of encryption, of the outermost channel of a path (router.h)
 * @crypt: keys, window, AEAD handles: crypt.c
 * @stats: counters
 * @enc_key: address, flat form
 * @dec_key: likewise
 * @early: the channel of this one's early data, or NULL
 * @early_of: the channel whose early data this one has, or NULL; like @early
 *	under node->lock, and read under RCU
 *
 * A key agreement whose responder is away (X3DH) has two pairs of keys: one for
 * what the initiator sends before it was answered, and one for all that comes
 * later.  Keys are never changed, so there are two channels.  At the responder
 * the early one only receives: @enc is not listed, @enc_key and @ident are
 * those of the other one, so that what it brings is answered with final keys;
 * and the other one's @policy is asked about it, too.
 * At the initiator the later one succeeds to the id and the encryptor's address
 * of the early one, which goes on without an address and under another id.
 */
struct ockam_channel {
	struct ockam_name			enc;
	struct ockam_name			dec;
	struct ockam_node			*node;
	refcount_t				ref;
	struct rcu_work				free;
	u32					id;
	u8					state;
	u8					reason;
	u8					role;
	u8					suite;
	bool					pinned;
	bool					trusted;
	kuid_t					owner;
	u32					mode;
	struct ockam_policy __rcu		*policy;
	struct ockam_ident			*ident;
	struct ockam_channel_route __rcu	*route;
	spinlock_t				route_lock;
	u64					learned;
	unsigned long				refreshed;
	struct mutex				serial;
	struct ockam_channel_crypt		*crypt;
	struct ockam_channel_stats		stats;
	const u8				*enc_key;
	const u8				*dec_key;
	struct ockam_channel			*early;
	struct ockam_channel __rcu		*early_of;
};

/* With node->lock held, process context. */
struct ockam_channel *ockam_channel_new(struct ockam_node *node,
					const struct ockam_channel_config *cfg,
					struct netlink_ext_ack *extack);
/* @close: send Close to the peer first (best effort, never waits long). */
void ockam_channel_del(struct ockam_channel *ch,
		       enum ockam_channel_reason reason, bool close);
void ockam_channel_flush(struct ockam_node *node);
/* Send RefreshCredentials: @item is a change history and a list of credentials. */
int ockam_channel_refresh(struct ockam_channel *ch, const u8 *item, u32 len);
int ockam_channel_set_route(struct ockam_channel *ch, const u8 *route, u32 len,
			    u32 hops, struct netlink_ext_ack *extack);

/* Drops a reference on a route; the last one frees it after a grace period.
 * Under RCU take one with refcount_inc_not_zero(&route->ref).
 */
void ockam_channel_route_put(struct ockam_channel_route *route);

/*
 * All channels of a node, at once and without a word to the peers: the machine
 * was forked.  node->lock held, process context.
 */
void ockam_channel_kill_all(struct ockam_node *node,
			    enum ockam_channel_reason reason);

/*
 * For replies: the next nonce to use, and the one behind the highest received;
 * a snapshot.
 */
void ockam_channel_nonces(const struct ockam_channel *ch, u64 *tx, u64 *rx);

bool ockam_channel_get(struct ockam_channel *ch);
void ockam_channel_put(struct ockam_channel *ch);

/* ---- for the router ---- */

/* May a message of this origin enter the encryptor?  @from may be NULL. */
int ockam_channel_may_send(struct ockam_channel *ch, const struct ockam_msg *m,
			   struct ockam_sock *from, u32 *reason);

/*
 * May ciphertexts of @inner go through @outer?  @via is that of the route by
 * which they go.  What its owner may not do, a channel of his may not, whoever
 * wrote its route.
 */
bool ockam_channel_may_nest(const struct ockam_channel *inner, u32 via,
			    const struct ockam_channel *outer);

/*
 * May it be a ciphertext for the decryptor?  Carrier check.  @m is NULL for
 * one that an encryptor of this node has made.
 */
int ockam_channel_may_receive(struct ockam_channel *ch,
			      const struct ockam_msg *m, u32 *reason);

/* 0, or -EKEYEXPIRED when the channel cannot encrypt now (closed, exhausted) */
int ockam_channel_can_encrypt(const struct ockam_channel *ch);

/* Most bytes that encryption adds in front of and behind a payload. */
#define OCKAM_ENCRYPT_HEAD	(5 + 5 + OCKAM_NONCE_LEN)	/* plus routes */
#define OCKAM_ENCRYPT_TAIL	(1 + OCKAM_TAG_LEN)

/*
 * Turn the message into a ciphertext: the onward route, whose front (the
 * encryptor itself) is removed first, and the return route go inside; then
 * the onward route is @route and the return route is empty.  Room was made
 * with ockam_msg_reserve().  Process context, serial mutex of the path's
 * outermost channel held.  0, or -EKEYEXPIRED/-ENOMEM, or -ENOBUFS for more
 * than an unproven address gets, with no nonce taken.  The nonce is taken last.
 */
int ockam_channel_encrypt(struct ockam_channel *ch, struct sk_buff *skb,
			  struct ockam_channel_route *route);

/*
 * Decrypt.  Returns 0: @skb is now the inner message, with the encryptor in
 * front of its return route and this channel added to its origin: route it
 * on.  -EINPROGRESS: the channel has taken the message, and will hand the
 * inner one to node->forward() in order.  Otherwise the
 * message was counted and freed.  Any context.
 */
int ockam_channel_decrypt(struct ockam_channel *ch, struct sk_buff *skb);

#endif /* _OCKAM_CHANNEL_H */
