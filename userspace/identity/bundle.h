/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Prekey bundles: what an identity leaves with others, so that a channel to it
 * can begin while it is away.  Formats: Documentation/x3dh.rst.
 */
#ifndef OCKAM_IDENTITY_BUNDLE_H
#define OCKAM_IDENTITY_BUNDLE_H

#include "identity.h"

/* No bundle may be good for longer. */
#define BUNDLE_SECONDS_MAX	(35 * 86400ULL)
/* What we make is good for so long. */
#define BUNDLE_SECONDS		(14 * 86400ULL)
/* Bytes beside the identity payload. */
#define BUNDLE_OVERHEAD_MAX	384
#define BUNDLE_MAX	(IDENT_HISTORY_MAX + IDENT_OWN_CREDS_MAX + \
			 IDENT_ATTESTATION_MAX + BUNDLE_OVERHEAD_MAX)
#define ONE_TIME_MAX		192

/**
 * struct bundle - a decoded bundle, nothing verified yet
 * @identifier:   whose it is
 * @latest:       that identity's latest change when it was made
 * @x25519:       its channel key
 * @prekey_id:    number of the signed prekey
 * @prekey:       signed prekey
 * @sequence:     bundles of one identity have ascending numbers
 * @created:      seconds since the epoch
 * @expires:      likewise
 * @payload_hash: SHA-256 of @payload, as signed
 * @digest:       SHA-256 of the signed bytes; names this very bundle
 * @sig:          signature
 * @payload:      IdentityAndCredentials, inside the buffer it was read from
 * @payload_len:  its length
 */
struct bundle {
	uint8_t identifier[IDENT_ID_LEN];
	uint8_t latest[IDENT_HASH_LEN];
	uint8_t x25519[IDENT_X25519_LEN];
	uint64_t prekey_id;
	uint8_t prekey[IDENT_X25519_LEN];
	uint64_t sequence;
	uint64_t created;
	uint64_t expires;
	uint8_t payload_hash[IDENT_HASH_LEN];
	uint8_t digest[IDENT_HASH_LEN];
	struct ident_sig sig;
	const uint8_t *payload;
	size_t payload_len;
};

/**
 * struct one_time - a decoded one-time prekey, nothing verified yet
 * @identifier: whose it is
 * @prekey_id:  the signed prekey that it goes with
 * @id:         its number
 * @key:        the key
 * @digest:     SHA-256 of the signed bytes
 * @sig:        signature
 */
struct one_time {
	uint8_t identifier[IDENT_ID_LEN];
	uint64_t prekey_id;
	uint64_t id;
	uint8_t key[IDENT_X25519_LEN];
	uint8_t digest[IDENT_HASH_LEN];
	struct ident_sig sig;
};

/* All return 0 or an enum ident_err code. */

/* Decode a bundle that fills a buffer. */
int bundle_read(const uint8_t *buf, size_t len, struct bundle *b);

/**
 * bundle_verify() - is a bundle what its owner signed, and good now?
 * @b:           decoded bundle
 * @expected:    whose it must be, or NULL
 * @max_changes: bound on the history in it, 0 for the default
 * @now:         seconds since the epoch
 * @history:     the owner's history, as the bundle has it
 *
 * Does not compare with anything known before, and says nothing of trust; the
 * attestation of the X25519 key is for identity_check_peer().
 */
int bundle_verify(const struct bundle *b, const uint8_t *expected,
		  unsigned int max_changes, uint64_t now,
		  struct ident_history *history);

/**
 * bundle_make() - sign a bundle
 * @self:      the identity; its channel key must be good
 * @prekey_id: number of the signed prekey
 * @prekey:    its public half
 * @sequence:  above that of every earlier bundle
 * @created:   seconds since the epoch
 * @expires:   within the life of identity and channel key
 * @w:         the bundle
 */
int bundle_make(const struct identity *self, uint64_t prekey_id,
		const uint8_t prekey[IDENT_X25519_LEN], uint64_t sequence,
		uint64_t created, uint64_t expires, struct ocb_writer *w);

/* Decode a one-time prekey that fills a buffer. */
int one_time_read(const uint8_t *buf, size_t len, struct one_time *o);

/* Is it signed by the same identity, for the same signed prekey? */
int one_time_verify(const struct one_time *o, const struct bundle *b,
		    const struct ident_history *history);

/* Sign a one-time prekey. */
int one_time_make(const struct identity *self, uint64_t prekey_id, uint64_t id,
		  const uint8_t key[IDENT_X25519_LEN], struct ocb_writer *w);

#endif
