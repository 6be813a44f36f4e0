/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_H
#define OCKAM_IDENTITY_H

#include "peer.h"

#define IDENT_VALID_SECONDS	315360000ULL	/* 10 years */
/* Bytes together, so that a payload always fits a handshake message. */
#define IDENT_OWN_CREDS_MAX	24576

/**
 * struct identity_secrets - the secret halves, in guarded and locked memory
 * @ed:   the latest Ed25519 secret key
 * @x:    the X25519 channel key
 * @cred: the Ed25519 credential key
 */
struct identity_secrets {
	uint8_t ed[IDENT_ED25519_SK_LEN];
	uint8_t x[IDENT_X25519_LEN];
	uint8_t cred[IDENT_ED25519_SK_LEN];
};

/**
 * struct identity_purpose - an own purpose key and its attestation
 * @present:         there is one
 * @key:             public half and times
 * @attestation:     attestation
 * @attestation_len: its length
 */
struct identity_purpose {
	bool present;
	struct ident_purpose_key key;
	uint8_t attestation[IDENT_ATTESTATION_MAX];
	size_t attestation_len;
};

/**
 * struct identity - an identity whose secrets are here
 * @refs:        references
 * @secrets:     sodium_malloc() memory, wiped when released
 * @history:     verified change history
 * @raw:         its bytes
 * @raw_len:     their length
 * @channel:     channel key
 * @credentials: credential issuing key
 * @creds:       credentials to present, one after another
 * @creds_len:   their length
 * @n_creds:     how many
 */
struct identity {
	unsigned int refs;
	struct identity_secrets *secrets;
	struct ident_history history;
	uint8_t *raw;
	size_t raw_len;
	struct identity_purpose channel;
	struct identity_purpose credentials;
	uint8_t *creds;
	size_t creds_len;
	unsigned int n_creds;
};

/*
 * Unless said otherwise functions return 0 or an enum ident_err code, and
 * sodium_init() must have been called. An identity is not locked; one thread
 * uses it at a time.
 */

/* A new identity, valid for ten years, with a fresh attested channel key. */
int identity_generate(uint64_t now, struct identity **out);

/**
 * identity_from_seed() - the identity that belongs to an Ed25519 seed
 * @seed:  seed
 * @from:  attestations_valid_from
 * @until: attestations_valid_until
 * @out:   the identity, without purpose keys
 */
int identity_from_seed(const uint8_t seed[IDENT_ED25519_SEED_LEN],
		       uint64_t from, uint64_t until, struct identity **out);

/**
 * identity_restore() - an identity from its seed and history
 * @seed: seed of the latest key
 * @raw:  change history
 * @len:  its length
 * @out:  the identity, without purpose keys
 */
int identity_restore(const uint8_t seed[IDENT_ED25519_SEED_LEN],
		     const uint8_t *raw, size_t len, struct identity **out);

/**
 * identity_restore_purpose() - give it back a purpose key
 * @id:     the identity
 * @kind:   for channels or for credentials
 * @secret: X25519 private key or Ed25519 seed
 * @att:    attestation; must be for this key and signed by the latest key
 * @len:    its length
 */
int identity_restore_purpose(struct identity *id, enum ident_purpose kind,
			     const uint8_t secret[32],
			     const uint8_t *att, size_t len);

/* Attest the given purpose key, for the given time. */
int identity_attest_purpose(struct identity *id, enum ident_purpose kind,
			    const uint8_t secret[32], uint64_t created,
			    uint64_t expires);

/**
 * identity_refresh_purpose() - make sure of a purpose key that verifies now
 * @id:      the identity
 * @kind:    which
 * @now:     seconds since the epoch
 * @changed: set when a new one was made, which is then to be saved
 *
 * The key at hand is used for as long as it verifies; a new one is good for
 * five years or until the identity key ends.
 */
int identity_refresh_purpose(struct identity *id, enum ident_purpose kind,
			     uint64_t now, bool *changed);

/**
 * identity_rotate() - the same identity with a new key
 * @id:  the identity; unchanged
 * @now: seconds since the epoch
 * @out: its successor, which has a new channel key too, since nothing that the
 *       old key attested counts any more. To be saved before it is used.
 *
 * Return: 0, IDENT_E_MANY_CHANGES when the default bound of peers is reached,
 * or another enum ident_err code.
 */
int identity_rotate(const struct identity *id, uint64_t now,
		    struct identity **out);

/* A CredentialAndPurposeKey to present in handshakes. */
int identity_add_credential(struct identity *id, const uint8_t *buf,
			    size_t len);

/**
 * identity_issue() - issue a credential
 * @id:      the authority; must have a credential key
 * @subject: verified history of whom it is for
 * @schema:  schema number
 * @attrs:   attributes
 * @n_attrs: how many
 * @created: created_at
 * @expires: expires_at
 * @w:       a CredentialAndPurposeKey
 */
int identity_issue(const struct identity *id,
		   const struct ident_history *subject, uint64_t schema,
		   const struct ident_attr *attrs, unsigned int n_attrs,
		   uint64_t created, uint64_t expires, struct ocb_writer *w);

/* Is there a channel key that peers accept now? */
bool identity_ready(const struct identity *id, uint64_t now);

/**
 * identity_payload() - the payload that this identity sends in handshakes
 * @id:  the identity
 * @out: allocated payload, to be freed
 * @len: its length
 */
int identity_payload(const struct identity *id, uint8_t **out, size_t *len);

struct identity *identity_get(struct identity *id);
/* Drops a reference; the last one wipes the secrets. NULL is fine. */
void identity_put(struct identity *id);

#endif
