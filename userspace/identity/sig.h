/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_SIG_H
#define OCKAM_IDENTITY_SIG_H

#include <stddef.h>
#include <stdint.h>

#include "ocbor.h"

#define IDENT_HASH_LEN		32
#define IDENT_ED25519_SEED_LEN	32
#define IDENT_ED25519_SK_LEN	64
#define IDENT_ED25519_PK_LEN	32
#define IDENT_P256_PK_LEN	65
#define IDENT_PK_MAX		IDENT_P256_PK_LEN
#define IDENT_SIG_LEN		64
#define IDENT_X25519_LEN	32

/* Variant numbers of Ockam's key and signature enums. */
enum ident_alg { IDENT_ED25519 = 0, IDENT_P256 = 1 };

/* VersionedData */
#define IDENT_VERSION		1
enum ident_data_type {
	IDENT_DATA_CHANGE = 1,
	IDENT_DATA_ATTESTATION = 2,
	IDENT_DATA_CREDENTIAL = 3,
	/* Ours: Documentation/x3dh.rst */
	IDENT_DATA_BUNDLE = 120,
	IDENT_DATA_ONE_TIME = 121,
};

/**
 * struct ident_pubkey - a public key that verifies signatures
 * @alg: kind
 * @key: the key, of the length that belongs to its kind
 */
struct ident_pubkey {
	enum ident_alg alg;
	uint8_t key[IDENT_PK_MAX];
};

/**
 * struct ident_sig - a signature
 * @alg: kind
 * @sig: the signature; r and s for P-256
 */
struct ident_sig {
	enum ident_alg alg;
	uint8_t sig[IDENT_SIG_LEN];
};

int ident_hash(const void *data, size_t len, uint8_t out[IDENT_HASH_LEN]);

/* All return 0 or an enum ident_err code. */
int ident_pubkey_get(struct ocb_reader *r, struct ident_pubkey *key);
void ident_pubkey_put(struct ocb_writer *w, const struct ident_pubkey *key);
int ident_sig_get(struct ocb_reader *r, struct ident_sig *sig);
void ident_sig_put(struct ocb_writer *w, const struct ident_sig *sig);

/**
 * ident_sig_verify() - verify a signature over the bytes of a data field
 * @key:    public key
 * @sig:    signature
 * @digest: SHA-256 of the received bytes
 *
 * Ed25519 signs the digest as its message; P-256 hashes the digest once more.
 * Non-canonical Ed25519 signatures and low-order keys are refused.
 *
 * Return: 0, IDENT_E_SIG or IDENT_E_CRYPTO.
 */
int ident_sig_verify(const struct ident_pubkey *key,
		     const struct ident_sig *sig,
		     const uint8_t digest[IDENT_HASH_LEN]);

/**
 * ident_sig_make() - sign with Ed25519
 * @sk:     secret key in libsodium's form (seed and public key)
 * @digest: SHA-256 of the data field
 * @sig:    the signature
 */
int ident_sig_make(const uint8_t sk[IDENT_ED25519_SK_LEN],
		   const uint8_t digest[IDENT_HASH_LEN],
		   struct ident_sig *sig);

/* Public half of a secret key. */
void ident_pubkey_of(const uint8_t sk[IDENT_ED25519_SK_LEN],
		     struct ident_pubkey *key);

/**
 * ident_versioned_open() - read a VersionedData that fills a buffer
 * @buf:   the data field
 * @len:   its length
 * @type:  the data type that is expected
 * @inner: reader over the inner bytes
 */
int ident_versioned_open(const uint8_t *buf, size_t len,
			 enum ident_data_type type, struct ocb_reader *inner);

/* Write a VersionedData around @inner. */
void ident_versioned_put(struct ocb_writer *w, enum ident_data_type type,
			 const uint8_t *inner, size_t len);

#endif
