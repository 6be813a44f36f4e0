// SPDX-License-Identifier: GPL-2.0
/* A channel's way out: nonces, keys, ciphertexts. */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "channel/channel.h"
#include "channel/crypt_priv.h"
#include "node/node.h"
#include "node/notify.h"
#include "node/stats.h"

/* From here on the daemon is told that nonces run out. */
#define OCKAM_NONCE_LIMIT	(U64_MAX - (1ULL << 16))

/* The handle has the current key, and nothing of the one before. */
static int crypt_tx_set(struct ockam_channel_crypt *cx)
{
	struct ockam_crypt_tx *tx = &cx->tx;
	bool idle = !tx->aead.tfm;
	int err;

	tx->aead.ready = false;
	err = ockam_aead_set(&tx->aead, cx->cipher, tx->key.key);
	if (unlikely(err)) {
		ockam_aead_destroy(&tx->aead);
		return err;
	}
	tx->aead.gen = tx->key.gen;
	tx->aead.ready = true;
	if (likely(!idle))
		return 0;

	/* Woken up, perhaps: the idle timer sleeps while we did. */
	spin_lock_bh(&cx->rx.lock);
	ockam_rx_arm(&cx->rx, OCKAM_IDLE);
	spin_unlock_bh(&cx->rx.lock);
	return 0;
}

static bool crypt_tx_is_set(const struct ockam_crypt_tx *tx)
{
	return tx->aead.ready && tx->aead.gen == tx->key.gen;
}

/*
 * A sender does the step himself, when the first message needs it: it costs less
 * than to have it done by a work, and no key is there before its time.
 */
static int crypt_tx_derive(void *ctx, const u8 *key, u8 *next)
{
	struct ockam_channel *ch = ctx;
	struct ockam_crypt_tx *tx = &ch->crypt->tx;
	int err;

	if (!crypt_tx_is_set(tx)) {
		err = crypt_tx_set(ch->crypt);
		if (err)
			return err;
	}
	return ockam_crypt_derive(ch, &tx->aead, tx->buf, next);
}

static void crypt_tx_exhausted(struct ockam_channel *ch)
{
	if (ockam_crypt_set_state(ch, STATE_BIT(UP) | STATE_BIT(STALLED),
				  OCKAM_CHANNEL_STATE_EXHAUSTED,
				  OCKAM_CHANNEL_REASON_EXHAUSTED))
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONCE_LIMIT,
				     false);
}

int ockam_crypt_begin(struct ockam_channel *ch)
{
	struct ockam_crypt_tx *tx = &ch->crypt->tx;
	int err;

	mutex_lock(&tx->lock);
	err = ockam_channel_can_encrypt(ch);
	if (tx->dead)
		err = -EKEYEXPIRED;
	if (err)
		goto unlock;

	err = ockam_sendkey_ready(&tx->key, crypt_tx_derive, ch);
	if (err == -EKEYEXPIRED) {
		crypt_tx_exhausted(ch);
		goto unlock;
	}
	if (err)
		goto unlock;

	if (unlikely(!crypt_tx_is_set(tx))) {
		err = crypt_tx_set(ch->crypt);
		if (err)
			goto unlock;
	}
	return 0;

unlock:
	mutex_unlock(&tx->lock);
	return err;
}

void ockam_crypt_end(struct ockam_channel *ch)
{
	mutex_unlock(&ch->crypt->tx.lock);
}

int ockam_crypt_seal(struct ockam_channel *ch, struct sk_buff *skb)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_tx *tx = &cx->tx;
	u32 len = skb->len;
	struct scatterlist *sg;
	u64 nonce;
	u8 *head;
	int err;

	ockam_msg_append(skb, OCKAM_TAG_LEN);
	head = skb_push(skb, OCKAM_NONCE_LEN);
	err = ockam_aead_map(&tx->aead, skb, OCKAM_NONCE_LEN, len + OCKAM_TAG_LEN,
		       &sg);
	if (err)
		return -ENOMEM;

	/*
	 * From here on the nonce counts as used, even though only a cipher
	 * that does not work can fail now.
	 */
	nonce = ockam_sendkey_take(&tx->key);
	ockam_put_be64(head, nonce);
	err = ockam_aead_run(&tx->aead, cx->cipher, nonce, sg, len, true);
	ockam_aead_unmap(&tx->aead, sg);
	if (err)
		return err;

	tx->stamp = jiffies;
	atomic64_inc(&ch->stats.tx_msgs);
	atomic64_add(skb->len, &ch->stats.tx_bytes);
	ockam_stat_inc(ch->node, OCKAM_STAT_ENCRYPTED);

	if (unlikely(nonce >= OCKAM_NONCE_LIMIT && !tx->warned)) {
		tx->warned = true;
		ockam_notify_channel(ch, OCKAM_CHANNEL_EVENT_NONCE_LIMIT,
				     false);
	}
	return 0;
}

void ockam_tx_free_handles(struct ockam_crypt_tx *tx)
{
	ockam_aead_destroy(&tx->aead);
}

void ockam_tx_init(struct ockam_crypt_tx *tx)
{
	mutex_init(&tx->lock);
	tx->stamp = jiffies;
}

int ockam_tx_first_key(struct ockam_channel_crypt *cx,
		       const struct ockam_channel_config *cfg)
{
	struct ockam_crypt_tx *tx = &cx->tx;
	int err;

	ockam_sendkey_init(&tx->key, cfg->tx_key, cfg->tx_nonce);
	err = ockam_aead_set(&tx->aead, cx->cipher, tx->key.key);
	if (err)
		return err;
	tx->aead.gen = tx->key.gen;
	tx->aead.ready = true;
	return 0;
}

void ockam_tx_stop(struct ockam_crypt_tx *tx)
{
	mutex_lock(&tx->lock);
	tx->dead = true;
	mutex_unlock(&tx->lock);
}
