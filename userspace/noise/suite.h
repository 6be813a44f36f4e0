/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_NOISE_SUITE_H
#define OCKAM_NOISE_SUITE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define SUITE_HASH_LEN	32
#define SUITE_KEY_LEN	32
#define SUITE_NONCE_LEN	12
#define SUITE_TAG_LEN	16

/**
 * struct suite_hash - one hash function and what is built on it
 * @name: name as it stands in a Noise protocol name
 * @md:   the library's descriptor; its output is SUITE_HASH_LEN bytes
 */
struct suite_hash {
	const char *name;
	const EVP_MD *(*md)(void);
};

/**
 * struct suite_aead - one AEAD with Noise's 64 bit counter as its nonce
 * @name:   name as it stands in a Noise protocol name
 * @cipher: the library's descriptor; 32 byte key, 12 byte nonce, 16 byte tag
 * @nonce:  writes the counter in the order that this AEAD wants
 */
struct suite_aead {
	const char *name;
	const EVP_CIPHER *(*cipher)(void);
	void (*nonce)(uint64_t n, uint8_t out[SUITE_NONCE_LEN]);
};

extern const struct suite_hash suite_sha256;
extern const struct suite_hash suite_blake2s;
extern const struct suite_aead suite_aesgcm;
extern const struct suite_aead suite_chachapoly;

/**
 * suite_digest() - hash of @a followed by @b
 * @hash:  which hash
 * @a:     first part
 * @a_len: its length, may be 0
 * @b:     second part
 * @b_len: its length, may be 0
 * @out:   the digest
 *
 * Return: 0, or -1 when the library failed.
 */
int suite_digest(const struct suite_hash *hash, const void *a, size_t a_len,
		 const void *b, size_t b_len, uint8_t out[SUITE_HASH_LEN]);

/**
 * suite_hkdf() - RFC 5869, extract and expand
 * @hash:     which hash
 * @salt:     salt (Noise's chaining key)
 * @salt_len: its length
 * @ikm:      input keying material
 * @ikm_len:  its length, may be 0
 * @info:     context, may be NULL when @info_len is 0
 * @info_len: its length, at most 255
 * @out:      derived bytes
 * @out_len:  how many, at most 255 digests
 *
 * Return: 0, or -1; @out is wiped on failure.
 */
int suite_hkdf(const struct suite_hash *hash,
	       const void *salt, size_t salt_len,
	       const void *ikm, size_t ikm_len,
	       const void *info, size_t info_len,
	       uint8_t *out, size_t out_len);

/**
 * suite_seal_iv() - encrypt with an explicit 12 byte nonce
 * @aead:   which AEAD
 * @key:    key
 * @iv:     nonce
 * @ad:     associated data
 * @ad_len: its length, may be 0
 * @pt:     plaintext
 * @pt_len: its length, may be 0
 * @out:    @pt_len + SUITE_TAG_LEN bytes
 *
 * Return: 0, or -1; @out is wiped on failure.
 */
int suite_seal_iv(const struct suite_aead *aead,
		  const uint8_t key[SUITE_KEY_LEN],
		  const uint8_t iv[SUITE_NONCE_LEN],
		  const void *ad, size_t ad_len,
		  const uint8_t *pt, size_t pt_len, uint8_t *out);

/**
 * suite_open_iv() - verify and decrypt with an explicit 12 byte nonce
 * @aead:   which AEAD
 * @key:    key
 * @iv:     nonce
 * @ad:     associated data
 * @ad_len: its length, may be 0
 * @ct:     ciphertext and tag
 * @ct_len: their length
 * @out:    @ct_len - SUITE_TAG_LEN bytes
 *
 * Return: 0, or -1; @out is wiped on failure.
 */
int suite_open_iv(const struct suite_aead *aead,
		  const uint8_t key[SUITE_KEY_LEN],
		  const uint8_t iv[SUITE_NONCE_LEN],
		  const void *ad, size_t ad_len,
		  const uint8_t *ct, size_t ct_len, uint8_t *out);

/* The same with Noise's counter. */
int suite_seal(const struct suite_aead *aead, const uint8_t key[SUITE_KEY_LEN],
	       uint64_t n, const void *ad, size_t ad_len,
	       const uint8_t *pt, size_t pt_len, uint8_t *out);
int suite_open(const struct suite_aead *aead, const uint8_t key[SUITE_KEY_LEN],
	       uint64_t n, const void *ad, size_t ad_len,
	       const uint8_t *ct, size_t ct_len, uint8_t *out);

#endif
