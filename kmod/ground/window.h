/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replay window: which of the last 1024 nonces were seen.  A ring of bits
 * indexed by nonce modulo its size; moving ahead clears what is passed over,
 * at most the whole ring.
 */
#ifndef OCKAM_WINDOW_H
#define OCKAM_WINDOW_H

#include "ground/ground.h"

#define OCKAM_WINDOW_SIZE	1024	/* nonces, the highest one included */
#define OCKAM_WINDOW_WORDS	(OCKAM_WINDOW_SIZE / 64)

#define OCKAM_REKEY_INTERVAL	32	/* nonces of one key generation */
#define OCKAM_REKEY_SHIFT	5

/**
 * ockam_nonce_gen() - key generation that a nonce belongs to
 * @nonce: the nonce
 */
static __always_inline u64 ockam_nonce_gen(u64 nonce)
{
	return nonce >> OCKAM_REKEY_SHIFT;
}

/**
 * struct ockam_window - replay window of one direction
 * @next: one more than the highest nonce seen; at first the lowest one valid
 * @bits: bit (n modulo 1024) tells whether n was seen, for the 1024 nonces
 *	  before @next
 */
struct ockam_window {
	u64 next;
	u64 bits[OCKAM_WINDOW_WORDS];
};

/**
 * ockam_window_init() - begin
 * @w: the window
 * @first: lowest nonce that will be accepted
 */
void ockam_window_init(struct ockam_window *w, u64 first);

/**
 * ockam_window_check() - could this nonce be accepted?
 * @w: the window
 * @n: a nonce, not yet authenticated
 *
 * There is no upper limit here: how far ahead is too far is for the key ring
 * to say.
 *
 * Return: 0; -EEXIST if it was seen before; -ERANGE if it is too old to
 * tell; -EINVAL for 2^64 - 1, which is never used.
 */
static __always_inline int ockam_window_check(const struct ockam_window *w,
					      u64 n)
{
	if (unlikely(n == U64_MAX))
		return -EINVAL;
	if (likely(n >= w->next))
		return 0;
	if (w->next - n > OCKAM_WINDOW_SIZE)
		return -ERANGE;
	if (w->bits[(n / 64) % OCKAM_WINDOW_WORDS] >> (n % 64) & 1)
		return -EEXIST;
	return 0;
}

/**
 * ockam_window_commit() - note a nonce as seen
 * @w: the window
 * @n: the nonce, for which ockam_window_check() returned 0 under the same
 *     lock; only after its message's tag was verified
 */
void ockam_window_commit(struct ockam_window *w, u64 n);

/**
 * ockam_window_gen_done() - can no message of a generation be accepted?
 * @w: the window
 * @gen: key generation
 *
 * Return: true if each of its nonces was seen or has left the window.
 */
bool ockam_window_gen_done(const struct ockam_window *w, u64 gen);

#endif /* OCKAM_WINDOW_H */
