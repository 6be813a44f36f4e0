// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The symmetric primitives of the handshakes, as small tables over libcrypto.
 */
#include <limits.h>
#include <string.h>

#include <openssl/hmac.h>
#include <sodium.h>

#include "suite.h"

#define SUITE_INFO_MAX	255

static void nonce_be(uint64_t n, uint8_t out[SUITE_NONCE_LEN])
{
	int i;

	memset(out, 0, 4);
	for (i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(n >> (56 - 8 * i));
}

static void nonce_le(uint64_t n, uint8_t out[SUITE_NONCE_LEN])
{
	int i;

	memset(out, 0, 4);
	for (i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(n >> (8 * i));
}

const struct suite_hash suite_sha256 = { "SHA256", EVP_sha256 };
const struct suite_hash suite_blake2s = { "BLAKE2s", EVP_blake2s256 };
const struct suite_aead suite_aesgcm = {
	"AESGCM", EVP_aes_256_gcm, nonce_be
};
const struct suite_aead suite_chachapoly = {
	"ChaChaPoly", EVP_chacha20_poly1305, nonce_le
};

int suite_digest(const struct suite_hash *hash, const void *a, size_t a_len,
		 const void *b, size_t b_len, uint8_t out[SUITE_HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ret = -1;

	if (!ctx)
		return -1;
	if (EVP_DigestInit_ex(ctx, hash->md(), NULL) != 1)
		goto out;
	if (a_len && EVP_DigestUpdate(ctx, a, a_len) != 1)
		goto out;
	if (b_len && EVP_DigestUpdate(ctx, b, b_len) != 1)
		goto out;
	if (EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		goto out;
	ret = 0;
out:
	EVP_MD_CTX_free(ctx);
	return ret;
}

static int hmac(const struct suite_hash *hash, const void *key, size_t key_len,
		const void *data, size_t len, uint8_t out[SUITE_HASH_LEN])
{
	unsigned int out_len = SUITE_HASH_LEN;

	if (key_len > INT_MAX)
		return -1;
	/* The library takes a NULL key for "keep the old one". */
	if (!key_len)
		key = "";
	if (!len)
		data = "";
	if (!HMAC(hash->md(), key, (int)key_len, data, len, out, &out_len))
		return -1;
	return 0;
}

int suite_hkdf(const struct suite_hash *hash,
	       const void *salt, size_t salt_len,
	       const void *ikm, size_t ikm_len,
	       const void *info, size_t info_len,
	       uint8_t *out, size_t out_len)
{
	uint8_t block[SUITE_HASH_LEN + SUITE_INFO_MAX + 1];
	uint8_t prk[SUITE_HASH_LEN], t[SUITE_HASH_LEN];
	size_t done = 0, prev = 0, take;
	uint8_t counter = 0;
	int ret = -1;

	if (info_len > SUITE_INFO_MAX || out_len > 255 * SUITE_HASH_LEN)
		return -1;
	if (hmac(hash, salt, salt_len, ikm, ikm_len, prk))
		goto out;
	while (done < out_len) {
		memcpy(block, t, prev);
		if (info_len)
			memcpy(block + prev, info, info_len);
		block[prev + info_len] = ++counter;
		if (hmac(hash, prk, sizeof(prk), block, prev + info_len + 1, t))
			goto out;
		prev = SUITE_HASH_LEN;
		take = out_len - done;
		if (take > SUITE_HASH_LEN)
			take = SUITE_HASH_LEN;
		memcpy(out + done, t, take);
		done += take;
	}
	ret = 0;
out:
	if (ret)
		sodium_memzero(out, out_len);
	sodium_memzero(block, sizeof(block));
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(t, sizeof(t));
	return ret;
}

static EVP_CIPHER_CTX *aead_start(const struct suite_aead *aead, int enc,
				  const uint8_t *key, const uint8_t *iv,
				  const void *ad, size_t ad_len)
{
	EVP_CIPHER_CTX *ctx;
	int n;

	if (ad_len > INT_MAX)
		return NULL;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return NULL;
	if (EVP_CipherInit_ex(ctx, aead->cipher(), NULL, key, iv, enc) != 1)
		goto fail;
	if (ad_len && EVP_CipherUpdate(ctx, NULL, &n, ad, (int)ad_len) != 1)
		goto fail;
	return ctx;
fail:
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

int suite_seal_iv(const struct suite_aead *aead,
		  const uint8_t key[SUITE_KEY_LEN],
		  const uint8_t iv[SUITE_NONCE_LEN],
		  const void *ad, size_t ad_len,
		  const uint8_t *pt, size_t pt_len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	uint8_t none[1];
	int n, ret = -1;

	if (pt_len > INT_MAX - SUITE_TAG_LEN)
		return -1;
	ctx = aead_start(aead, 1, key, iv, ad, ad_len);
	if (!ctx)
		return -1;
	if (pt_len && EVP_CipherUpdate(ctx, out, &n, pt, (int)pt_len) != 1)
		goto out;
	if (EVP_CipherFinal_ex(ctx, none, &n) != 1)
		goto out;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SUITE_TAG_LEN,
				out + pt_len) != 1)
		goto out;
	ret = 0;
out:
	if (ret)
		sodium_memzero(out, pt_len + SUITE_TAG_LEN);
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

int suite_open_iv(const struct suite_aead *aead,
		  const uint8_t key[SUITE_KEY_LEN],
		  const uint8_t iv[SUITE_NONCE_LEN],
		  const void *ad, size_t ad_len,
		  const uint8_t *ct, size_t ct_len, uint8_t *out)
{
	uint8_t tag[SUITE_TAG_LEN], none[1];
	EVP_CIPHER_CTX *ctx;
	int n, ret = -1;
	size_t len;

	if (ct_len < SUITE_TAG_LEN || ct_len > INT_MAX)
		return -1;
	len = ct_len - SUITE_TAG_LEN;
	memcpy(tag, ct + len, sizeof(tag));
	ctx = aead_start(aead, 0, key, iv, ad, ad_len);
	if (!ctx)
		return -1;
	if (len && EVP_CipherUpdate(ctx, out, &n, ct, (int)len) != 1)
		goto out;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SUITE_TAG_LEN,
				tag) != 1)
		goto out;
	if (EVP_CipherFinal_ex(ctx, none, &n) != 1)
		goto out;
	ret = 0;
out:
	if (ret && len)
		sodium_memzero(out, len);
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

int suite_seal(const struct suite_aead *aead, const uint8_t key[SUITE_KEY_LEN],
	       uint64_t n, const void *ad, size_t ad_len,
	       const uint8_t *pt, size_t pt_len, uint8_t *out)
{
	uint8_t iv[SUITE_NONCE_LEN];

	aead->nonce(n, iv);
	return suite_seal_iv(aead, key, iv, ad, ad_len, pt, pt_len, out);
}

int suite_open(const struct suite_aead *aead, const uint8_t key[SUITE_KEY_LEN],
	       uint64_t n, const void *ad, size_t ad_len,
	       const uint8_t *ct, size_t ct_len, uint8_t *out)
{
	uint8_t iv[SUITE_NONCE_LEN];

	aead->nonce(n, iv);
	return suite_open_iv(aead, key, iv, ad, ad_len, ct, ct_len, out);
}
