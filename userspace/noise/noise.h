/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_NOISE_H
#define OCKAM_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "suite.h"

#define NOISE_KEY_LEN		32
#define NOISE_MSG_MAX		65535
/* Message lengths with an empty payload. */
#define NOISE_M1_LEN		32
#define NOISE_M2_LEN		96
#define NOISE_M3_LEN		64

#define NOISE_NAME_OCKAM	"OCKAM_XX_25519_AES256_GCM_SHA256"

/**
 * enum noise_err - why a handshake step was refused
 * @NOISE_OK:        it was not
 * @NOISE_E_STATE:   not this side's turn, or the handshake is over
 * @NOISE_E_LENGTH:  message too short or too long
 * @NOISE_E_SPACE:   the caller's buffer is too small
 * @NOISE_E_DH:      a Diffie-Hellman result was all zero
 * @NOISE_E_DECRYPT: a tag did not verify
 * @NOISE_E_CRYPTO:  the crypto library failed
 */
enum noise_err {
	NOISE_OK = 0,
	NOISE_E_STATE,
	NOISE_E_LENGTH,
	NOISE_E_SPACE,
	NOISE_E_DH,
	NOISE_E_DECRYPT,
	NOISE_E_CRYPTO,
	NOISE_E_COUNT
};

enum noise_role { NOISE_INITIATOR, NOISE_RESPONDER };

/**
 * struct noise_proto - a protocol name and the primitives that it stands for
 * @name: the exact name that is hashed
 * @hash: hash function
 * @aead: AEAD
 */
struct noise_proto {
	const char *name;
	const struct suite_hash *hash;
	const struct suite_aead *aead;
};

/**
 * struct noise_xx - state of one XX handshake
 * @proto:  protocol
 * @role:   which side this is
 * @step:   messages done, 0 to 3; NOISE_STEP_NONE when unusable
 * @have_e: the own ephemeral key exists
 * @have_k: @k holds a key
 * @s:      own static private key
 * @s_pub:  own static public key
 * @e:      own ephemeral private key
 * @e_pub:  own ephemeral public key
 * @rs:     peer's static key, valid after M2 (initiator) or M3 (responder)
 * @re:     peer's ephemeral key
 * @h:      transcript hash
 * @ck:     chaining key
 * @k:      handshake cipher key
 * @n:      its counter
 *
 * Fixed size and without pointers to secrets, so that a step can work on a
 * copy and commit it only when the whole message was good.
 */
struct noise_xx {
	const struct noise_proto *proto;
	enum noise_role role;
	unsigned int step;
	bool have_e;
	bool have_k;
	uint8_t s[NOISE_KEY_LEN];
	uint8_t s_pub[NOISE_KEY_LEN];
	uint8_t e[NOISE_KEY_LEN];
	uint8_t e_pub[NOISE_KEY_LEN];
	uint8_t rs[NOISE_KEY_LEN];
	uint8_t re[NOISE_KEY_LEN];
	uint8_t h[SUITE_HASH_LEN];
	uint8_t ck[SUITE_HASH_LEN];
	uint8_t k[SUITE_KEY_LEN];
	uint64_t n;
};

#define NOISE_STEP_NONE		4

/**
 * struct noise_split - what a finished handshake gives
 * @k1: Noise's key from initiator to responder
 * @k2: Noise's key from responder to initiator
 * @h:  transcript hash
 */
struct noise_split {
	uint8_t k1[SUITE_KEY_LEN];
	uint8_t k2[SUITE_KEY_LEN];
	uint8_t h[SUITE_HASH_LEN];
};

/**
 * noise_proto_by_name() - look a protocol up
 * @name: full protocol name
 *
 * Return: the protocol, or NULL if it is not supported.
 */
const struct noise_proto *noise_proto_by_name(const char *name);

/**
 * noise_x25519() - Diffie-Hellman that refuses an all-zero result
 * @out:    shared secret, wiped on failure
 * @secret: own private key
 * @pub:    peer's public key
 *
 * Return: 0 or NOISE_E_DH.
 */
int noise_x25519(uint8_t out[NOISE_KEY_LEN], const uint8_t secret[NOISE_KEY_LEN],
		 const uint8_t pub[NOISE_KEY_LEN]);

/**
 * noise_init() - begin a handshake (sodium_init() must have been called)
 * @st:           state; wiped first
 * @proto:        protocol
 * @role:         which side
 * @prologue:     prologue (empty for Ockam)
 * @prologue_len: its length
 * @s:            own static private key
 * @s_pub:        its public half if the caller has it (spares a scalar
 *                multiplication), or NULL
 *
 * Return: 0 or a NOISE_E_ code; after an error the state refuses every step.
 */
int noise_init(struct noise_xx *st, const struct noise_proto *proto,
	       enum noise_role role, const void *prologue, size_t prologue_len,
	       const uint8_t s[NOISE_KEY_LEN], const uint8_t *s_pub);

/**
 * noise_overhead() - bytes that the next message has beside its payload
 * @st: state
 *
 * Return: 32, 96 or 64; 0 when the handshake is over.
 */
size_t noise_overhead(const struct noise_xx *st);

/**
 * noise_write() - produce the next message
 * @st:          state, changed only on success
 * @payload:     payload
 * @payload_len: its length
 * @out:         the message
 * @cap:         room in @out
 * @out_len:     length of the message, 0 on failure
 *
 * Return: 0 or a NOISE_E_ code.
 */
int noise_write(struct noise_xx *st, const void *payload, size_t payload_len,
		uint8_t *out, size_t cap, size_t *out_len);

/**
 * noise_read() - take in the next message
 * @st:          state, changed only if the whole message was good
 * @msg:         the message
 * @len:         its length
 * @payload:     the payload
 * @cap:         room in @payload
 * @payload_len: its length, 0 on failure
 *
 * Return: 0 or a NOISE_E_ code. Garbage leaves the state as it was, so that
 * the real message can still follow.
 */
int noise_read(struct noise_xx *st, const uint8_t *msg, size_t len,
	       uint8_t *payload, size_t cap, size_t *payload_len);

/**
 * noise_split() - final keys after all three messages
 * @st:  state
 * @out: keys and transcript hash
 *
 * Return: 0 or a NOISE_E_ code.
 */
int noise_split(const struct noise_xx *st, struct noise_split *out);

/**
 * noise_ockam_key_order() - assign the final keys as Ockam does
 * @split: keys of noise_split()
 * @role:  which side this is
 * @tx:    key to encrypt with
 * @rx:    key to decrypt with
 *
 * Ockam has the order of the Noise specification reversed: the initiator
 * encrypts with k2 and the responder with k1.
 */
void noise_ockam_key_order(const struct noise_split *split,
			   enum noise_role role,
			   uint8_t tx[SUITE_KEY_LEN], uint8_t rx[SUITE_KEY_LEN]);

/* noise_wipe() - forget everything; the state refuses every further step */
void noise_wipe(struct noise_xx *st);

/* noise_errname() - short fixed name, for counters; noise_strerror() - text */
const char *noise_errname(int err);
const char *noise_strerror(int err);

#endif
