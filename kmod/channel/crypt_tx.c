// SPDX-License-Identifier: GPL-2.0
/* A channel's way out: nonces, keys prepared ahead, ciphertexts. */
#include <linux/jiffies.h>
#include <linux/string.h>

#include "channel/channel.h"
#include "channel/crypt_priv.h"
#include "node/node.h"
#include "node/notify.h"
#include "node/stats.h"

/* From here on the daemon is told that nonces run out. */
#define OCKAM_NONCE_LIMIT	(U64_MAX - (1ULL << 16))

static int crypt_tx_derive(void *ctx, const u8 *key, u8 *next)
{
	struct ockam_channel *ch = ctx;
	struct ockam_crypt_tx *tx = &ch->crypt->tx;
	int err;

	if (tx->next->ready && tx->next->gen == tx->key.gen + 1) {
		memcpy(next, tx->next_key, OCKAM_KEY_LEN);
		return 0;
	}
	if (!tx->cur->ready || tx->cur->gen != tx->key.gen) {
		tx->cur->ready = false;
		err = ockam_aead_set(tx->cur, ch->crypt->cipher, key);
		if (err)
			return err;
		tx->cur->gen = tx->key.gen;
		tx->cur->ready = true;
	}
	return ockam_crypt_derive(ch, tx->cur, tx->buf, next);
}

/* The current handle is used up: its key goes when the next is prepared. */
static int crypt_tx_switch(struct ockam_channel *ch)
{
	struct ockam_channel_crypt *cx = ch->crypt;
	struct ockam_crypt_tx *tx = &cx->tx;
	int err;

	if (tx->next->ready && tx->next->gen == tx->key.gen) {
		swap(tx->cur, tx->next);
	} else {
		tx->cur->ready = false;
		err = ockam_aead_set(tx->cur, cx->cipher, tx->key.key);
		if (err)
			return err;
		tx->cur->gen = tx->key.gen;
		tx->cur->ready = true;

		/* Woken up, perhaps: the idle timer sleeps while we did. */
		spin_lock_bh(&cx->rx.lock);
		ockam_rx_arm(&cx->rx, OCKAM_IDLE);
		spin_unlock_bh(&cx->rx.lock);
	}

	tx->next->ready = false;
	memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
	queue_work(ch->node->wq, &tx->work);
	return 0;
}

static void crypt_tx_work(struct work_struct *work)
{
	struct ockam_crypt_tx *tx = container_of(work, struct ockam_crypt_tx, work);
	struct ockam_channel_crypt *cx =
		container_of(tx, struct ockam_channel_crypt, tx);
	u64 gen;

	mutex_lock(&tx->lock);
	gen = tx->key.gen + 1;
	if (tx->dead || tx->next->ready || !tx->cur->ready ||
	    tx->cur->gen != tx->key.gen)
		goto out;

	/* What fails here is done again by the sender, who reports it. */
	if (!ockam_crypt_derive(cx->ch, tx->cur, tx->buf, tx->next_key) &&
	    !ockam_aead_set(tx->next, cx->cipher, tx->next_key)) {
		tx->next->gen = gen;
		tx->next->ready = true;
	} else {
		memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
		/* The key before the current one must not stay in there. */
		ockam_aead_destroy(tx->next);
	}
out:
	mutex_unlock(&tx->lock);
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

	if (unlikely(!tx->cur->ready || tx->cur->gen != tx->key.gen)) {
		err = crypt_tx_switch(ch);
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
	err = ockam_aead_map(tx->cur, skb, OCKAM_NONCE_LEN, len + OCKAM_TAG_LEN,
		       &sg);
	if (err)
		return -ENOMEM;

	/*
	 * From here on the nonce counts as used, even though only a cipher
	 * that does not work can fail now.
	 */
	nonce = ockam_sendkey_take(&tx->key);
	ockam_put_be64(head, nonce);
	err = ockam_aead_run(tx->cur, cx->cipher, nonce, sg, len, true);
	ockam_aead_unmap(tx->cur, sg);
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
	ockam_aead_destroy(&tx->handle[0]);
	ockam_aead_destroy(&tx->handle[1]);
	memzero_explicit(tx->next_key, OCKAM_KEY_LEN);
}

void ockam_tx_init(struct ockam_crypt_tx *tx)
{
	mutex_init(&tx->lock);
	INIT_WORK(&tx->work, crypt_tx_work);
	tx->cur = &tx->handle[0];
	tx->next = &tx->handle[1];
	tx->stamp = jiffies;
}

int ockam_tx_first_key(struct ockam_channel_crypt *cx,
		       const struct ockam_channel_config *cfg)
{
	struct ockam_crypt_tx *tx = &cx->tx;
	int err;

	ockam_sendkey_init(&tx->key, cfg->tx_key, cfg->tx_nonce);
	err = ockam_aead_set(tx->cur, cx->cipher, tx->key.key);
	if (err)
		return err;
	tx->cur->gen = tx->key.gen;
	tx->cur->ready = true;
	return 0;
}

void ockam_tx_stop(struct ockam_crypt_tx *tx)
{
	mutex_lock(&tx->lock);
	tx->dead = true;
	mutex_unlock(&tx->lock);
	cancel_work_sync(&tx->work);
}
