// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Keys and signatures of identities. What is signed is always the SHA-256 of
 * the bytes of a data field, as received.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "ident_err.h"
#include "sig.h"
#include "suite.h"

/* 0x30 len, and twice 0x02 len 00 value */
#define P256_DER_MAX	(2 + 2 * (2 + 1 + 32))

int ident_hash(const void *data, size_t len, uint8_t out[IDENT_HASH_LEN])
{
	return suite_digest(&suite_sha256, data, len, NULL, 0, out) ?
		       IDENT_E_CRYPTO : 0;
}

static size_t pubkey_len(enum ident_alg alg)
{
	return alg == IDENT_P256 ? IDENT_P256_PK_LEN : IDENT_ED25519_PK_LEN;
}

static int alg_get(struct ocb_reader *r, enum ident_alg *alg,
		   struct ocb_list *fields)
{
	uint64_t variant;

	if (ocb_enum_begin(r, &variant, fields))
		return IDENT_E_DECODE;
	if (variant != IDENT_ED25519 && variant != IDENT_P256)
		return IDENT_E_VARIANT;
	*alg = (enum ident_alg)variant;
	return ocb_list_need(r, fields);
}

int ident_pubkey_get(struct ocb_reader *r, struct ident_pubkey *key)
{
	struct ocb_list fields;
	int err;

	memset(key, 0, sizeof(*key));
	err = alg_get(r, &key->alg, &fields);
	if (err)
		return err;
	if (ocb_get_fixed(r, key->key, pubkey_len(key->alg)))
		return IDENT_E_DECODE;
	if (key->alg == IDENT_P256 && key->key[0] != 4)
		return IDENT_E_DECODE;
	return ocb_list_end(r, &fields);
}

void ident_pubkey_put(struct ocb_writer *w, const struct ident_pubkey *key)
{
	ocb_put_array(w, 2);
	ocb_put_uint(w, key->alg);
	ocb_put_array(w, 1);
	ocb_put_bytes(w, key->key, pubkey_len(key->alg));
}

int ident_sig_get(struct ocb_reader *r, struct ident_sig *sig)
{
	struct ocb_list fields;
	int err;

	err = alg_get(r, &sig->alg, &fields);
	if (err)
		return err;
	if (ocb_get_fixed(r, sig->sig, sizeof(sig->sig)))
		return IDENT_E_DECODE;
	return ocb_list_end(r, &fields);
}

void ident_sig_put(struct ocb_writer *w, const struct ident_sig *sig)
{
	ocb_put_array(w, 2);
	ocb_put_uint(w, sig->alg);
	ocb_put_array(w, 1);
	ocb_put_bytes(w, sig->sig, sizeof(sig->sig));
}

static EVP_PKEY *p256_load(const uint8_t point[IDENT_P256_PK_LEN])
{
	char group[] = "prime256v1";
	uint8_t copy[IDENT_P256_PK_LEN];
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						 group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};

	memcpy(copy, point, sizeof(copy));
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx)
		return NULL;
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* A DER INTEGER: no superfluous zeros, and never a set sign bit. */
static size_t der_int(uint8_t *out, const uint8_t v[32])
{
	size_t skip = 0, pad, n;

	while (skip < 31 && !v[skip])
		skip++;
	n = 32 - skip;
	pad = v[skip] >> 7;
	out[0] = 2;
	out[1] = (uint8_t)(n + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, v + skip, n);
	return 2 + pad + n;
}

static int p256_verify(const struct ident_pubkey *key,
		       const struct ident_sig *sig, const uint8_t *digest)
{
	uint8_t der[P256_DER_MAX];
	EVP_MD_CTX *ctx = NULL;
	int err = IDENT_E_SIG;
	EVP_PKEY *pkey;
	size_t n;

	pkey = p256_load(key->key);
	if (!pkey)
		return IDENT_E_SIG;
	n = der_int(der + 2, sig->sig);
	n += der_int(der + 2 + n, sig->sig + 32);
	der[0] = 0x30;
	der[1] = (uint8_t)n;
	ctx = EVP_MD_CTX_new();
	if (!ctx ||
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1) {
		err = IDENT_E_CRYPTO;
		goto out;
	}
	if (EVP_DigestVerify(ctx, der, n + 2, digest, IDENT_HASH_LEN) == 1)
		err = 0;
out:
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return err;
}

int ident_sig_verify(const struct ident_pubkey *key,
		     const struct ident_sig *sig,
		     const uint8_t digest[IDENT_HASH_LEN])
{
	if (key->alg != sig->alg)
		return IDENT_E_SIG;
	if (key->alg == IDENT_P256)
		return p256_verify(key, sig, digest);
	return crypto_sign_verify_detached(sig->sig, digest, IDENT_HASH_LEN,
					   key->key) ? IDENT_E_SIG : 0;
}

int ident_sig_make(const uint8_t sk[IDENT_ED25519_SK_LEN],
		   const uint8_t digest[IDENT_HASH_LEN],
		   struct ident_sig *sig)
{
	sig->alg = IDENT_ED25519;
	return crypto_sign_detached(sig->sig, NULL, digest, IDENT_HASH_LEN,
				    sk) ? IDENT_E_CRYPTO : 0;
}

void ident_pubkey_of(const uint8_t sk[IDENT_ED25519_SK_LEN],
		     struct ident_pubkey *key)
{
	memset(key, 0, sizeof(*key));
	key->alg = IDENT_ED25519;
	crypto_sign_ed25519_sk_to_pk(key->key, sk);
}

int ident_versioned_open(const uint8_t *buf, size_t len,
			 enum ident_data_type type, struct ocb_reader *inner)
{
	uint64_t version, data_type;
	struct ocb_list fields;
	struct ocb_reader r;
	const uint8_t *data;
	size_t data_len;

	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &fields) ||
	    ocb_list_need(&r, &fields) || ocb_get_uint(&r, &version) ||
	    ocb_list_need(&r, &fields) || ocb_get_uint(&r, &data_type) ||
	    ocb_list_need(&r, &fields) ||
	    ocb_get_bytes(&r, &data, &data_len) || ocb_list_end(&r, &fields))
		return IDENT_E_DECODE;
	if (r.left)
		return IDENT_E_TRAILING;
	if (version != IDENT_VERSION)
		return IDENT_E_VERSION;
	if (data_type != type)
		return IDENT_E_DATA_TYPE;
	ocb_reader_init(inner, data, data_len);
	return 0;
}

void ident_versioned_put(struct ocb_writer *w, enum ident_data_type type,
			 const uint8_t *inner, size_t len)
{
	ocb_put_array(w, 3);
	ocb_put_uint(w, IDENT_VERSION);
	ocb_put_uint(w, type);
	ocb_put_bytes(w, inner, len);
}
