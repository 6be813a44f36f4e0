// SPDX-License-Identifier: GPL-2.0
/*
 * Nonces, keys and AEAD calls of a channel (protocol.rst: Data phase): their
 * life, and the channel's state.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "channel/channel.h"
#include "channel/crypt_priv.h"
#include "node/node.h"
#include "node/stats.h"

bool ockam_crypt_set_state_locked(struct ockam_channel *ch, u32 from, u8 to,
				  u8 reason)
{
	if (!(from & 1U << ch->state))
		return false;
	WRITE_ONCE(ch->state, to);
	WRITE_ONCE(ch->reason, reason);
	return true;
}

bool ockam_crypt_set_state(struct ockam_channel *ch, u32 from, u8 to,
			   u8 reason)
{
	struct ockam_crypt_rx *rx = &ch->crypt->rx;
	bool changed;

	spin_lock_bh(&rx->lock);
	changed = ockam_crypt_set_state_locked(ch, from, to, reason);
	spin_unlock_bh(&rx->lock);
	return changed;
}

int ockam_crypt_derive(struct ockam_channel *ch, struct ockam_aead *a, u8 *buf,
		       u8 *next)
{
	int err;

	memset(buf, 0, OCKAM_KEY_LEN);
	sg_set_buf(&a->sg, buf, OCKAM_DERIVE_LEN);
	err = ockam_aead_run(a, ch->crypt->cipher, U64_MAX, &a->sg,
			     OCKAM_KEY_LEN, true);
	if (!err)
		memcpy(next, buf, OCKAM_KEY_LEN);
	memzero_explicit(buf, OCKAM_DERIVE_LEN);
	if (err)
		return err;

	atomic64_inc(&ch->stats.derivations);
	ockam_stat_inc(ch->node, OCKAM_STAT_DERIVATIONS);
	return 0;
}

static void crypt_wipe(struct ockam_channel_crypt *cx)
{
	struct ockam_keyring_ext *ext;

	ockam_live_del(&cx->live[0]);
	ockam_live_del(&cx->live[1]);

	ockam_tx_free_handles(&cx->tx);
	ockam_sendkey_wipe(&cx->tx.key);

	ockam_rx_free_handles(&cx->rx);
	ext = ockam_keyring_wipe(&cx->rx.ring);
	kfree_sensitive(ext);
}

/*
 * What the cipher does not use is zero: so two keys are the same if and only if
 * all their bytes are.
 */
static bool crypt_key_fits(const struct ockam_cipher *cipher, const u8 *key)
{
	return !memchr_inv(key + cipher->key_len, 0,
			   OCKAM_KEY_LEN - cipher->key_len);
}

int ockam_crypt_new(struct ockam_channel *ch,
		    const struct ockam_channel_config *cfg)
{
	const struct ockam_cipher *cipher = ockam_aead_cipher(cfg->suite);
	struct ockam_channel_crypt *cx;
	int err;

	if (!cipher || !memcmp(cfg->tx_key, cfg->rx_key, OCKAM_KEY_LEN))
		return -EINVAL;
	if (!crypt_key_fits(cipher, cfg->tx_key) ||
	    !crypt_key_fits(cipher, cfg->rx_key))
		return -EKEYREJECTED;

	cx = kzalloc(sizeof(*cx), GFP_KERNEL_ACCOUNT);
	if (!cx)
		return -ENOMEM;

	cx->ch = ch;
	cx->cipher = cipher;
	ockam_tx_init(&cx->tx);
	ockam_rx_init(&cx->rx);
	ch->crypt = cx;

	err = ockam_live_add(&cx->live[0], cfg->tx_key, 0);
	if (!err)
		err = ockam_live_add(&cx->live[1], cfg->rx_key, 1);
	if (!err)
		err = ockam_tx_first_key(cx, cfg);
	if (!err)
		err = ockam_rx_first_keys(cx, cfg);
	if (!err)
		return 0;

	crypt_wipe(cx);
	ockam_crypt_free(ch);
	return err;
}

void ockam_crypt_kill(struct ockam_channel *ch)
{
	struct ockam_channel_crypt *cx = ch->crypt;

	ockam_tx_stop(&cx->tx);
	ockam_rx_stop(ch);

	mutex_lock(&cx->tx.lock);
	crypt_wipe(cx);
	mutex_unlock(&cx->tx.lock);
}

void ockam_crypt_free(struct ockam_channel *ch)
{
	kfree_sensitive(ch->crypt);
	ch->crypt = NULL;
}

void ockam_crypt_nonces(const struct ockam_channel *ch, u64 *tx, u64 *rx)
{
	*tx = READ_ONCE(ch->crypt->tx.key.nonce);
	*rx = READ_ONCE(ch->crypt->rx.window.next);
}
