/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_ATTEST_H
#define OCKAM_IDENTITY_ATTEST_H

#include "history.h"

#define IDENT_PURPOSE_KEY_SECONDS	157680000ULL	/* 5 years */
#define IDENT_FUTURE_SECONDS		60
#define IDENT_ATTESTATION_MAX		320

/* Variant numbers of Ockam's PurposePublicKey. */
enum ident_purpose {
	IDENT_PURPOSE_CHANNEL = 0,
	IDENT_PURPOSE_CREDENTIALS = 1,
};

/**
 * struct ident_purpose_key - a purpose key and the time it is good for
 * @kind:    what it is for
 * @x25519:  the key, when it is for channels
 * @verify:  the key, when it is for credentials
 * @created: created_at
 * @expires: expires_at
 */
struct ident_purpose_key {
	enum ident_purpose kind;
	uint8_t x25519[IDENT_X25519_LEN];
	struct ident_pubkey verify;
	uint64_t created;
	uint64_t expires;
};

/**
 * struct ident_attestation - a decoded attestation, nothing verified yet
 * @subject: whose key it is
 * @latest:  the subject's latest change when it was made
 * @key:     the key
 * @digest:  hash of the signed bytes
 * @sig:     signature
 */
struct ident_attestation {
	uint8_t subject[IDENT_ID_LEN];
	uint8_t latest[IDENT_HASH_LEN];
	struct ident_purpose_key key;
	uint8_t digest[IDENT_HASH_LEN];
	struct ident_sig sig;
};

/* Decode inside something larger. */
int ident_attestation_read(struct ocb_reader *r, struct ident_attestation *a);

/**
 * ident_attestation_check() - is it good, now, for this identity?
 * @a:       decoded attestation
 * @subject: the verified history of the identity that it must belong to
 * @now:     seconds since the epoch
 *
 * Return: 0 or an enum ident_err code.
 */
int ident_attestation_check(const struct ident_attestation *a,
			    const struct ident_history *subject, uint64_t now);

/* Decode and check an attestation that fills a buffer. */
int ident_attestation_verify(const uint8_t *buf, size_t len,
			     const struct ident_history *subject, uint64_t now,
			     struct ident_purpose_key *key);

/**
 * ident_attestation_make() - attest a purpose key
 * @sk:      the identity's latest Ed25519 secret key
 * @subject: its history
 * @key:     the key and its times, within the latest change's validity
 * @w:       output
 */
int ident_attestation_make(const uint8_t sk[IDENT_ED25519_SK_LEN],
			   const struct ident_history *subject,
			   const struct ident_purpose_key *key,
			   struct ocb_writer *w);

/* created at most a minute ahead of @now, expires not before it */
int ident_check_times(uint64_t created, uint64_t expires, uint64_t now);

#endif
