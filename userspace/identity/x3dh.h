/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * X3DH: a channel to somebody who is away.  Formats, key schedule and the
 * reasons for them: Documentation/x3dh.rst.
 */
#ifndef OCKAM_IDENTITY_X3DH_H
#define OCKAM_IDENTITY_X3DH_H

#include "noise.h"
#include "prekeys.h"

/* Protocol name, label, and the first bytes of a first message. */
#define X3DH_NAME	"OCKAM_X3DH_25519_AESGCM_SHA256_1"
#define X3DH_NAME_LEN	32
#define X3DH_SUITE	1	/* OCKAM_SUITE_AES256GCM */
/* Bytes of the header beside the identity payload. */
#define X3DH_OVERHEAD_MAX	128
/* Nonce and tag of the data message behind it. */
#define X3DH_DATA_MIN	(8 + SUITE_TAG_LEN)
#define X3DH_ANSWER_LEN	(NOISE_KEY_LEN + SUITE_TAG_LEN)

/**
 * struct x3dh_known - latest bundles that were seen, by identifier
 * @load: fetch sequence and digest. Returns 1 if known, 0 if not, negative on
 *        failure
 * @save: keep them, durably. Returns 0, negative on failure
 * @ctx:  passed to both
 */
struct x3dh_known {
	int (*load)(void *ctx, const uint8_t id[IDENT_ID_LEN],
		    uint64_t *sequence, uint8_t digest[IDENT_HASH_LEN]);
	int (*save)(void *ctx, const uint8_t id[IDENT_ID_LEN],
		    uint64_t sequence, const uint8_t digest[IDENT_HASH_LEN]);
	void *ctx;
};

/**
 * struct x3dh_config - what an initiator needs beside the bundle
 * @self:          own identity; the handshake takes a reference
 * @check:         what the peer is checked against
 * @known:         latest bundles
 * @expected:      identifier that was asked for, or NULL
 * @need_one_time: give up without a one-time prekey
 */
struct x3dh_config {
	struct identity *self;
	const struct ident_check *check;
	const struct x3dh_known *known;
	const uint8_t *expected;
	bool need_one_time;
};

/**
 * struct x3dh - an initiator that waits for the answer
 * @self: own identity; NULL when there is nothing to wait for
 * @ek:   private half of the ephemeral key
 * @ck:   chaining key
 * @t1:   transcript of the first message
 */
struct x3dh {
	struct identity *self;
	uint8_t ek[NOISE_KEY_LEN];
	uint8_t ck[SUITE_KEY_LEN];
	uint8_t t1[SUITE_HASH_LEN];
};

/**
 * struct x3dh_start - what an initiator has after the first message
 * @early: key of the early data, from initiator to responder
 * @peer:  who the responder is
 */
struct x3dh_start {
	uint8_t early[SUITE_KEY_LEN];
	struct ident_peer peer;
};

/**
 * struct x3dh_keys - final keys
 * @tx:         key to encrypt with
 * @rx:         key to decrypt with
 * @transcript: hash of all that was exchanged
 */
struct x3dh_keys {
	uint8_t tx[SUITE_KEY_LEN];
	uint8_t rx[SUITE_KEY_LEN];
	uint8_t transcript[SUITE_HASH_LEN];
};

/*
 * All functions return 0, an enum ident_err code or an enum noise_err code, and
 * make no output of any kind on an error.
 */

/**
 * x3dh_initiate() - check a bundle, make the header of the first message
 * @x:            state, uninitialised or wiped
 * @cfg:          configuration
 * @bundle:       bundle
 * @bundle_len:   its length
 * @one_time:     one-time prekey, or NULL
 * @one_time_len: its length
 * @now:          seconds since the epoch
 * @out:          header; the data message with nonce 0 goes behind it
 * @cap:          room in @out, x3dh_header_max()
 * @len:          its length
 * @start:        early key and peer, to be released with x3dh_start_wipe()
 *
 * Known histories and bundles are stored when the peer is trusted.
 */
int x3dh_initiate(struct x3dh *x, const struct x3dh_config *cfg,
		  const uint8_t *bundle, size_t bundle_len,
		  const uint8_t *one_time, size_t one_time_len, uint64_t now,
		  uint8_t *out, size_t cap, size_t *len,
		  struct x3dh_start *start);

/**
 * x3dh_finish() - take the answer
 * @x:    state; wiped on success, unchanged on failure, so that the real
 *        answer can still follow
 * @msg:  answer
 * @len:  its length
 * @keys: final keys, to be wiped
 */
int x3dh_finish(struct x3dh *x, const uint8_t *msg, size_t len,
		struct x3dh_keys *keys);

size_t x3dh_header_max(const struct identity *self);

/* May be called on a zeroed object, and twice; so may the others. */
void x3dh_wipe(struct x3dh *x);
void x3dh_start_wipe(struct x3dh_start *start);

/**
 * struct x3dh_first - a first message, taken apart
 * @ek:           the initiator's ephemeral key
 * @prekey_id:    which signed prekey
 * @has_one_time: with a one-time prekey
 * @one_time_id:  which
 * @sealed:       encrypted identity payload
 * @sealed_len:   its length
 * @header_len:   bytes before @data
 * @data:         data message
 * @data_len:     its length
 * @nonce:        its nonce
 */
struct x3dh_first {
	uint8_t ek[NOISE_KEY_LEN];
	uint64_t prekey_id;
	bool has_one_time;
	uint64_t one_time_id;
	const uint8_t *sealed;
	size_t sealed_len;
	size_t header_len;
	const uint8_t *data;
	size_t data_len;
	uint64_t nonce;
};

/* Does it begin as a first message does, and not as a message of Noise? */
bool x3dh_is_first(const uint8_t *msg, size_t len);
/* Take it apart; the parts are inside @msg. */
int x3dh_first_read(const uint8_t *msg, size_t len, struct x3dh_first *f);
/* What the same first message is known by when it comes again. */
int x3dh_record(const struct x3dh_first *f, uint8_t out[PREKEYS_RECORD_LEN]);

/**
 * struct x3dh_own - what a responder needs beside the first message
 * @self:    own identity
 * @check:   what the peer is checked against
 * @prekeys: its prekeys; one is used up, or a record is made
 * @commit:  saves @prekeys, durably. Returns 0, negative on failure, after
 *           which the message is refused and its one-time prekey is gone from
 *           memory in any case
 * @ctx:     passed to @commit
 */
struct x3dh_own {
	const struct identity *self;
	const struct ident_check *check;
	struct prekeys *prekeys;
	int (*commit)(void *ctx);
	void *ctx;
};

/**
 * struct x3dh_accept - outcome at the responder
 * @early:  key of the early data
 * @keys:   final keys
 * @answer: answer to be sent
 * @peer:   who the initiator is
 */
struct x3dh_accept {
	uint8_t early[SUITE_KEY_LEN];
	struct x3dh_keys keys;
	uint8_t answer[X3DH_ANSWER_LEN];
	struct ident_peer peer;
};

/**
 * x3dh_respond() - take a first message
 * @own: configuration
 * @msg: first message, data message included
 * @len: its length
 * @now: seconds since the epoch
 * @acc: outcome, to be released with x3dh_accept_wipe()
 *
 * In this order: shape, prekeys and records; tag of the identity payload and of
 * the data; identity and trust; the prekey or record is used up and committed;
 * only then there are keys.
 */
int x3dh_respond(const struct x3dh_own *own, const uint8_t *msg, size_t len,
		 uint64_t now, struct x3dh_accept *acc);
void x3dh_accept_wipe(struct x3dh_accept *acc);

#endif
