// SPDX-License-Identifier: GPL-2.0
/* Cipher suites, and handles with one key each. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/ockam_netlink.h>

#include "channel/aead.h"
#include "ground/keyring.h"

static const struct ockam_cipher ockam_ciphers[] = {
	[OCKAM_SUITE_AES256GCM]		= { "gcm(aes)", 32, false },
	[OCKAM_SUITE_CHACHA20POLY1305]	= { "rfc7539(chacha20,poly1305)",
					    32, true },
	[OCKAM_SUITE_AES128GCM]		= { "gcm(aes)", 16, false },
};

const struct ockam_cipher *ockam_aead_cipher(int suite)
{
	if (suite <= 0 || suite >= ARRAY_SIZE(ockam_ciphers))
		return NULL;
	return &ockam_ciphers[suite];
}

static int aead_init(struct ockam_aead *a, const struct ockam_cipher *cipher)
{
	struct crypto_aead *tfm;
	int err;

	if (a->tfm)
		return 0;

	/* Masking asynchronous ones out would leave the slow ones. */
	tfm = crypto_alloc_aead(cipher->name, 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);

	err = crypto_aead_setauthsize(tfm, OCKAM_TAG_LEN);
	if (err)
		goto free;

	err = -ENOMEM;
	a->req = aead_request_alloc(tfm, GFP_KERNEL_ACCOUNT);
	if (!a->req)
		goto free;

	a->tfm = tfm;
	sg_init_table(&a->sg, 1);
	return 0;

free:
	crypto_free_aead(tfm);
	return err;
}

void ockam_aead_destroy(struct ockam_aead *a)
{
	aead_request_free(a->req);
	crypto_free_aead(a->tfm);
	memset(a, 0, sizeof(*a));
}

int ockam_aead_set(struct ockam_aead *a, const struct ockam_cipher *cipher,
		   const u8 *key)
{
	int err;

	err = aead_init(a, cipher);
	if (err)
		return err;

	return crypto_aead_setkey(a->tfm, key, cipher->key_len);
}

int ockam_aead_run(struct ockam_aead *a, const struct ockam_cipher *cipher,
		   u64 nonce, struct scatterlist *sg, u32 len, bool encrypt)
{
	DECLARE_CRYPTO_WAIT(wait);
	int err;

	ockam_aead_prepare(a, cipher, nonce, sg, len);
	aead_request_set_callback(a->req, CRYPTO_TFM_REQ_MAY_BACKLOG |
				  CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &wait);
	err = encrypt ? crypto_aead_encrypt(a->req) :
			crypto_aead_decrypt(a->req);
	return crypto_wait_req(err, &wait);
}

int ockam_aead_map(struct ockam_aead *a, struct sk_buff *skb, u32 off, u32 len,
		   struct scatterlist **sg)
{
	struct sk_buff *frag;
	u32 n = 1;
	int err;

	if (!skb_is_nonlinear(skb)) {
		sg_set_buf(&a->sg, skb->data + off, len);
		*sg = &a->sg;
		return 0;
	}

	n += skb_shinfo(skb)->nr_frags;
	skb_walk_frags(skb, frag)
		n += 1 + skb_shinfo(frag)->nr_frags;

	*sg = kvmalloc_array(n, sizeof(**sg), GFP_KERNEL);
	if (!*sg)
		return -ENOMEM;

	sg_init_table(*sg, n);
	err = skb_to_sgvec(skb, *sg, off, len);
	if (err > 0)
		return 0;

	kvfree(*sg);
	return err ? err : -EINVAL;
}

void ockam_aead_unmap(struct ockam_aead *a, struct scatterlist *sg)
{
	if (sg != &a->sg)
		kvfree(sg);
}
