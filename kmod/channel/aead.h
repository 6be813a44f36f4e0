/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handles of the crypto API's AEAD ciphers: each holds one expanded key and is
 * used by one at a time, which its owner sees to.
 */
#ifndef _OCKAM_AEAD_H
#define _OCKAM_AEAD_H

#include <crypto/aead.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>

#include "ground/codec.h"

#define OCKAM_IV_LEN		12

/**
 * struct ockam_cipher - a cipher suite
 * @name: what the crypto API calls it
 * @key_len: bytes of key
 * @little: the nonce is little endian in the IV
 */
struct ockam_cipher {
	const char	*name;
	u8		key_len;
	bool		little;
};

/**
 * struct ockam_aead - a handle with one key
 * @tfm: handle, or NULL
 * @req: its request; one call at a time
 * @sg: for linear data
 * @gen: generation of the key
 * @ready: key is set and may be used
 * @iv: of the call
 */
struct ockam_aead {
	struct crypto_aead	*tfm;
	struct aead_request	*req;
	struct scatterlist	sg;
	u64			gen;
	bool			ready;
	u8			iv[OCKAM_IV_LEN];
};

/* The cipher of an enum ockam_suite, or NULL.  Any context. */
const struct ockam_cipher *ockam_aead_cipher(int suite);

/*
 * A handle with the key: 0, -ENOMEM or what the crypto API says; then the
 * handle may hold any key or none.  May sleep.
 */
int ockam_aead_set(struct ockam_aead *a, const struct ockam_cipher *cipher,
		   const u8 *key);

/* Wipes the expanded key, too.  May sleep. */
void ockam_aead_destroy(struct ockam_aead *a);

/* The handle's request, but for its callback.  Any context. */
static inline void ockam_aead_prepare(struct ockam_aead *a,
				      const struct ockam_cipher *cipher,
				      u64 nonce, struct scatterlist *sg,
				      u32 len)
{
	__le64 little = cpu_to_le64(nonce);

	memset(a->iv, 0, 4);
	if (cipher->little)
		memcpy(a->iv + 4, &little, sizeof(little));
	else
		ockam_put_be64(a->iv + 4, nonce);

	aead_request_set_ad(a->req, 0);
	aead_request_set_crypt(a->req, sg, sg, len, a->iv);
}

/*
 * Encrypts or decrypts @len bytes of text, in place, and waits for the end of
 * it: 0, -EBADMSG, or what the crypto API says.  May sleep.
 */
int ockam_aead_run(struct ockam_aead *a, const struct ockam_cipher *cipher,
		   u64 nonce, struct scatterlist *sg, u32 len, bool encrypt);

/*
 * The scatterlist for @len bytes of a message from @off on: *sg is the
 * handle's own, or one for ockam_aead_unmap() to free.  0, -ENOMEM, or what
 * skb_to_sgvec() says.  May sleep.
 */
int ockam_aead_map(struct ockam_aead *a, struct sk_buff *skb, u32 off, u32 len,
		   struct scatterlist **sg);
void ockam_aead_unmap(struct ockam_aead *a, struct scatterlist *sg);

#endif /* _OCKAM_AEAD_H */
