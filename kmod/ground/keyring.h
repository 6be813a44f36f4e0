/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keys of one direction of a channel.
 *
 * Every 32 messages the key is replaced by one that is derived from it, and
 * there is no way back.  The receiver has to cross gaps without being misled
 * by forged nonces, and to forget what it no longer needs:
 *
 * - Deriving ahead changes nothing that is committed.  Every 64th key on the
 *   way is kept as a checkpoint, so the way to the farthest generation is
 *   walked once.  From then on any nonce costs at most 64 steps.
 * - Commit makes a generation current when a tag has verified under it.  All
 *   older keys are destroyed but those which messages within the replay
 *   window may still need, and these after 2 s.
 *
 * The base structure is enough while messages come in order.  Old keys and
 * gaps of more than 64 generations need the extension, which the caller
 * allocates when told so by -ENOBUFS and takes back when
 * ockam_keyring_detach() lets it go.
 *
 * A receiver's steps, all under one lock except decryption:
 *
 *	ockam_window_check(w, n);
 *	key = ockam_keyring_get(kr, gen);	if NULL: ockam_keyring_derive()
 *	decrypt
 *	ockam_window_check(w, n) again, if the lock was dropped
 *	ockam_window_commit(w, n);
 *	if (gen > kr->gen)
 *		ockam_keyring_commit(kr, gen, w, ...);
 *	else if (gen < kr->gen)
 *		ockam_keyring_expire(kr, w, now);
 */
#ifndef OCKAM_KEYRING_H
#define OCKAM_KEYRING_H

#include "ground/ground.h"
#include "ground/window.h"

/* Bytes in the data phase (protocol.rst): of a key, a tag, a nonce. */
#define OCKAM_KEY_LEN		32
#define OCKAM_TAG_LEN		16
#define OCKAM_NONCE_LEN		8

/*
 * Farthest generation that can be reached from the committed one: when 2^16
 * messages in a row were lost, the next may be 2049 generations ahead.
 */
#define OCKAM_KEYRING_AHEAD	2049
#define OCKAM_KEYRING_STRIDE	64	/* generations between checkpoints */
#define OCKAM_KEYRING_CHECKPOINTS 32
#define OCKAM_KEYRING_OLD	32	/* generations behind, in the window */
#define OCKAM_KEYRING_OLD_MS	2000	/* an old key lives no longer */

/* Steps for one nonce once the checkpoints up to it exist. */
#define OCKAM_KEYRING_STEPS_MAX	OCKAM_KEYRING_STRIDE
/* Steps that a commit may take, after a true gap only. */
#define OCKAM_KEYRING_COMMIT_MAX \
	(OCKAM_KEYRING_STEPS_MAX + OCKAM_KEYRING_OLD)

/**
 * typedef ockam_derive_t - one step of the ratchet
 * @ctx: the caller's
 * @key: a key
 * @next: gets the next generation's key; does not overlap @key
 *
 * Return: 0 or a negative error, which is passed on.
 */
typedef int (*ockam_derive_t)(void *ctx, const u8 key[OCKAM_KEY_LEN],
			      u8 next[OCKAM_KEY_LEN]);

/**
 * struct ockam_keyring_ext - room for gaps and reordering, 2 KiB
 * @ahead: checkpoints; generation g in slot (g / 64) modulo 32
 * @old: keys behind the committed one; generation g in slot g modulo 32
 */
struct ockam_keyring_ext {
	u8 ahead[OCKAM_KEYRING_CHECKPOINTS][OCKAM_KEY_LEN];
	u8 old[OCKAM_KEYRING_OLD][OCKAM_KEY_LEN];
};

/**
 * struct ockam_keyring - keys by which one direction is received
 * @gen: committed generation
 * @derivations: steps of the ratchet taken in all
 * @ext: room for gaps and reordering, or NULL
 * @front: generation of the farthest checkpoint, 0 if there is none
 * @walk_gen: generation of @walk, 0 if it holds no key
 * @commit_ms: when @gen was committed
 * @old_mask: which slots of @ext->old hold a key
 * @old_ms: low bits of the time from which such a key was old
 * @have_next: @next holds the key of @gen + 1
 * @key: key of @gen
 * @next: key after it
 * @walk: where the walk ahead has come to
 */
struct ockam_keyring {
	u64 gen;
	u64 derivations;
	struct ockam_keyring_ext *ext;
	u64 front;
	u64 walk_gen;
	u64 commit_ms;
	u32 old_mask;
	bool have_next;
	u8 key[OCKAM_KEY_LEN];
	u8 next[OCKAM_KEY_LEN];
	u8 walk[OCKAM_KEY_LEN];
	u16 old_ms[OCKAM_KEYRING_OLD];
};

/**
 * ockam_keyring_init() - begin with one key
 * @kr: the ring
 * @key: key of @gen; the caller wipes its copy
 * @gen: first generation
 */
void ockam_keyring_init(struct ockam_keyring *kr, const u8 key[OCKAM_KEY_LEN],
			u64 gen);

/**
 * ockam_keyring_get() - the key of a generation, if it is at hand
 * @kr: the ring
 * @gen: generation
 *
 * Return: the key, valid until the next call that changes the ring; NULL if
 * it would have to be derived, or no longer exists.
 */
const u8 *ockam_keyring_get(const struct ockam_keyring *kr, u64 gen);

/**
 * ockam_keyring_derive() - the key of a generation, by derivation if needed
 * @kr: the ring
 * @gen: generation
 * @budget: most steps to take now; with OCKAM_KEYRING_STRIDE or more each
 *	    call makes progress whatever else is asked for in between
 * @derive: the ratchet
 * @ctx: its first argument
 * @out: gets the key; the caller wipes it
 *
 * The generation after the committed one takes one step, done once.  Nothing
 * is committed, whatever is asked for.
 *
 * Return:
 * * 0 - @out is the key
 * * -EAGAIN - budget spent, progress is kept: call again
 * * -ENOBUFS - needs the extension: ockam_keyring_attach(), call again
 * * -ERANGE - too far ahead; if the sender is genuine the direction stalls
 * * -ENOKEY - the key was destroyed
 * * what @derive returned
 */
int ockam_keyring_derive(struct ockam_keyring *kr, u64 gen, u32 budget,
			 ockam_derive_t derive, void *ctx,
			 u8 out[OCKAM_KEY_LEN]);

/**
 * ockam_keyring_commit() - a tag has verified under a generation's key
 * @kr: the ring
 * @gen: generation; one not ahead of the committed one changes nothing
 * @w: window, with the message's nonce committed, which tells the old keys
 *     that may still be needed; NULL to keep none (a single TCP link)
 * @now_ms: time, in milliseconds, never going back
 * @derive: the ratchet; used at most OCKAM_KEYRING_COMMIT_MAX times, and only
 *	    if generations were skipped or the key is no longer at hand
 * @ctx: its first argument
 *
 * Return:
 * * 0 - done
 * * -ENOBUFS - old keys are to be kept and there is no extension: attach one,
 *   or commit without a window
 * * -ERANGE - too far ahead, so it cannot have come from this ring
 * * what @derive returned; nothing was committed
 */
int ockam_keyring_commit(struct ockam_keyring *kr, u64 gen,
			 const struct ockam_window *w, u64 now_ms,
			 ockam_derive_t derive, void *ctx);

/**
 * ockam_keyring_expire() - destroy old keys that are no longer needed
 * @kr: the ring
 * @w: tells which are still needed; NULL: none
 * @now_ms: time, in milliseconds
 *
 * Call it when a message of an older generation was accepted, and when the
 * time returned last has come.
 *
 * Return: when to call again at the latest, U64_MAX if no old key is left.
 */
u64 ockam_keyring_expire(struct ockam_keyring *kr,
			 const struct ockam_window *w, u64 now_ms);

/**
 * ockam_keyring_attach() - give the ring its extension
 * @kr: the ring, without one
 * @ext: the extension; belongs to the caller still, who frees it after
 *	 ockam_keyring_detach() or ockam_keyring_wipe()
 */
void ockam_keyring_attach(struct ockam_keyring *kr,
			  struct ockam_keyring_ext *ext);

/**
 * ockam_keyring_detach() - take the extension back if it holds no key
 * @kr: the ring
 *
 * Return: the extension, wiped; NULL if there is none or it is in use.
 */
struct ockam_keyring_ext *ockam_keyring_detach(struct ockam_keyring *kr);

/**
 * ockam_keyring_wipe() - destroy all keys
 * @kr: the ring; unusable afterwards but for another wipe or init
 *
 * Return: the extension, wiped, or NULL if there was none.
 */
struct ockam_keyring_ext *ockam_keyring_wipe(struct ockam_keyring *kr);

/**
 * struct ockam_sendkey - key and nonce by which one direction is sent
 * @nonce: the next one to use
 * @gen: generation of @key
 * @key: the key
 */
struct ockam_sendkey {
	u64 nonce;
	u64 gen;
	u8 key[OCKAM_KEY_LEN];
};

/**
 * ockam_sendkey_init() - begin
 * @s: the key
 * @key: key of the generation of @nonce; the caller wipes its copy
 * @nonce: first one to use
 */
void ockam_sendkey_init(struct ockam_sendkey *s, const u8 key[OCKAM_KEY_LEN],
			u64 nonce);

/**
 * ockam_sendkey_ready() - make the key fit the next nonce
 * @s: the key
 * @derive: the ratchet, used once every 32 messages
 * @ctx: its first argument
 *
 * This is all that can fail; the nonce is taken by ockam_sendkey_take().
 *
 * Return: 0; -EKEYEXPIRED when all nonces are used; what @derive returned.
 */
int ockam_sendkey_ready(struct ockam_sendkey *s, ockam_derive_t derive,
			void *ctx);

/**
 * ockam_sendkey_take() - use a nonce
 * @s: the key, after ockam_sendkey_ready() under the same lock
 *
 * Return: the nonce, which will not be given out again.
 */
static __always_inline u64 ockam_sendkey_take(struct ockam_sendkey *s)
{
	return s->nonce++;
}

/**
 * ockam_sendkey_wipe() - destroy the key
 * @s: the key
 */
void ockam_sendkey_wipe(struct ockam_sendkey *s);

#endif /* OCKAM_KEYRING_H */
