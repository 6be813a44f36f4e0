/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of a channel's cryptography share: crypt.c (its life and
 * state), crypt_tx.c and crypt_rx.c.  The channel sees crypt.h only.
 *
 * Handles.  An AEAD handle holds one expanded key.  Sending has the current
 * generation's, which a sender replaces by the next one's; receiving has up to
 * three (an old one while it is of use, the current, the next, which the work
 * item prepares ahead) and one more for whatever is rare.  A handle gets its key
 * in process context only, and is visible to softirq (`ready`) only when that is
 * done.
 *
 * Who owns the receive state.  Inline, whoever holds rx->lock.  As soon as a
 * message cannot be opened inline it is queued; the work item then sets
 * `owned`, and until it clears it again nobody else touches window, key ring
 * or handles, so that it can derive and wait without a lock.  All that comes
 * meanwhile is queued behind: order survives.
 *
 * Far ahead.  A nonce two generations ahead or more may be the other side of
 * a gap, or forged.  Such messages wait in a queue of their own, which is
 * short, while the work derives keys in slices of time of which there is a
 * bounded share; messages of the generations at hand pass them.  When it is full
 * the nonce that most of them claim gives one up: candidates of one nonce push
 * each other out, not what has another.  Whatever is beyond the key ring's reach is dropped.  When
 * OCKAM_FAR_RUN messages of that sort came with none that verified between
 * them, the channel counts as stalled and says so at most every
 * OCKAM_EVENT_EVERY; anything that verifies later makes it good again.
 */
#ifndef _OCKAM_CRYPT_PRIV_H
#define _OCKAM_CRYPT_PRIV_H

#include <linux/mutex.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "channel/aead.h"
#include "channel/crypt.h"
#include "ground/keyring.h"
#include "channel/live.h"
#include "ground/turn.h"
#include "ground/window.h"

#define OCKAM_SLOTS		3
#define OCKAM_AHEAD_GROUPS	64	/* of nonces: those in a row differ */
#define OCKAM_DERIVE_LEN	(OCKAM_KEY_LEN + OCKAM_TAG_LEN)
#define OCKAM_IDLE		(60 * HZ)	/* then handles are freed */

#define STATE_BIT(s)	(1U << OCKAM_CHANNEL_STATE_##s)

/**
 * struct ockam_crypt_tx - sending; all under @lock
 * @lock: held from begin to end
 * @key: nonce and key
 * @aead: handle with the current key
 * @buf: for derivations
 * @stamp: jiffies of last use
 * @warned: the daemon was told of the limit
 * @dead: the channel is gone
 */
struct ockam_crypt_tx {
	struct mutex		lock;
	struct ockam_sendkey	key;
	struct ockam_aead	aead;
	u8			buf[OCKAM_DERIVE_LEN];
	unsigned long		stamp;
	bool			warned;
	bool			dead;
};

/**
 * struct ockam_crypt_rx - receiving; see above
 * @lock: spinlock, bh
 * @window: nonces seen
 * @ring: keys
 * @slot: handles for generations at hand
 * @scratch: handle for derivations and the keys that have no slot
 * @queue: messages in order, waiting for the work
 * @ahead: messages with nonces far ahead
 * @ahead_bytes: bytes of them
 * @crowd: how many of them there are by nonce, modulo the size
 * @loose: messages in @queue on nobody's account
 * @loose_bytes: bytes of them
 * @pending: message of which an asynchronous cipher has hold
 * @pending_done: the cipher has finished
 * @pending_err: with this
 * @pending_nonce: nonce of that message
 * @work: see above; also expires old keys and idle handles
 * @turn: to derive keys far ahead
 * @due: when @work is to run, if @armed
 * @stamp: jiffies of last use
 * @ahead_at: ktime from which keys may be derived far ahead again
 * @expire_at: time in ms when old keys go, U64_MAX: there are none
 * @far: messages beyond reach since the last that verified
 * @bad: failed tags since the last event
 * @far_event: jiffies of the last event of that sort
 * @bad_event: likewise
 * @buf: for derivations
 * @armed: @work is queued, or its timer runs
 * @owned: see above
 * @held: owned by whoever called ockam_crypt_hold()
 * @any: some message has verified
 * @dead: the channel is gone
 */
struct ockam_crypt_rx {
	spinlock_t		lock;
	struct ockam_window	window;
	struct ockam_keyring	ring;
	struct ockam_aead	slot[OCKAM_SLOTS];
	struct ockam_aead	scratch;
	struct sk_buff_head	queue;
	struct sk_buff_head	ahead;
	u32			ahead_bytes;
	u16			crowd[OCKAM_AHEAD_GROUPS];
	u32			loose;
	u32			loose_bytes;
	struct sk_buff		*pending;
	u64			pending_nonce;
	int			pending_err;
	bool			pending_done;
	struct delayed_work	work;
	struct ockam_turn	turn;
	unsigned long		due;
	unsigned long		stamp;
	u64			ahead_at;
	u64			expire_at;
	u32			far;
	u32			bad;
	unsigned long		far_event;
	unsigned long		bad_event;
	u8			buf[OCKAM_DERIVE_LEN];
	bool			armed;
	bool			owned;
	bool			held;
	bool			any;
	bool			dead;
};

/**
 * struct ockam_channel_crypt - all of it
 * @ch: the channel
 * @cipher: its suite
 * @tx: sending
 * @rx: receiving
 * @live: first keys of the two directions
 */
struct ockam_channel_crypt {
	struct ockam_channel		*ch;
	const struct ockam_cipher	*cipher;
	struct ockam_crypt_tx			tx;
	struct ockam_crypt_rx			rx;
	struct ockam_live		live[2];
};

/* ---- crypt.c ---- */

/* ockam_crypt_set_state() with rx->lock held. */
bool ockam_crypt_set_state_locked(struct ockam_channel *ch, u32 from, u8 to,
				  u8 reason);

/*
 * A step of the ratchet with a handle that holds the key: 0 and the next key,
 * or what the cipher says.  @buf has OCKAM_DERIVE_LEN bytes.  May sleep.
 */
int ockam_crypt_derive(struct ockam_channel *ch, struct ockam_aead *a, u8 *buf,
		       u8 *next);

/* ---- crypt_tx.c ---- */

void ockam_tx_init(struct ockam_crypt_tx *tx);

/* What the first message needs, so that errors come out now.  May sleep. */
int ockam_tx_first_key(struct ockam_channel_crypt *cx,
		       const struct ockam_channel_config *cfg);

/* No more begins.  May sleep. */
void ockam_tx_stop(struct ockam_crypt_tx *tx);

/* tx->lock held, or nobody else has the channel.  May sleep. */
void ockam_tx_free_handles(struct ockam_crypt_tx *tx);

/* ---- crypt_rx.c ---- */

void ockam_rx_init(struct ockam_crypt_rx *rx);
int ockam_rx_first_keys(struct ockam_channel_crypt *cx,
			const struct ockam_channel_config *cfg);

/* rx->lock held.  Runs the work after @delay jiffies or earlier. */
void ockam_rx_arm(struct ockam_crypt_rx *rx, unsigned long delay);

/* No more is received; drops what waits.  May sleep; not from the work. */
void ockam_rx_stop(struct ockam_channel *ch);

/* As owner of the state, or nobody else has the channel.  May sleep. */
void ockam_rx_free_handles(struct ockam_crypt_rx *rx);

#endif /* _OCKAM_CRYPT_PRIV_H */
