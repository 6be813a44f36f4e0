// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Ockam's XX handshake: Noise with identities in its payloads.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "xx.h"

static int xx_begin(struct xx *xx, const struct xx_config *cfg,
		    enum noise_role role, uint64_t now)
{
	const struct noise_proto *proto = cfg->proto;
	int err;

	memset(xx, 0, sizeof(*xx));
	noise_wipe(&xx->noise);
	if (!proto)
		proto = noise_proto_by_name(NOISE_NAME_OCKAM);
	/* A peer would refuse it, without a word. */
	if (!identity_ready(cfg->self, now))
		return IDENT_E_OWN_KEY;
	err = noise_init(&xx->noise, proto, role, NULL, 0,
			 cfg->self->secrets->x,
			 cfg->self->channel.key.x25519);
	if (err)
		return err;
	xx->cfg = *cfg;
	xx->cfg.proto = proto;
	identity_get(xx->cfg.self);
	return 0;
}

void xx_wipe(struct xx *xx)
{
	noise_wipe(&xx->noise);
	identity_put(xx->cfg.self);
	memset(&xx->cfg, 0, sizeof(xx->cfg));
}

void xx_keys_wipe(struct xx_keys *keys)
{
	ident_peer_clear(&keys->peer);
	sodium_memzero(keys, sizeof(*keys));
}

static int write_identity(struct xx *xx, uint8_t *out, size_t cap, size_t *len)
{
	size_t payload_len;
	uint8_t *payload;
	int err;

	err = identity_payload(xx->cfg.self, &payload, &payload_len);
	if (err)
		return err;
	err = noise_write(&xx->noise, payload, payload_len, out, cap, len);
	free(payload);
	return err;
}

/* Noise first, then the identity. The caller ends the handshake on an error
 * when @passed says that Noise took the message.
 */
static int read_identity(struct xx *xx, const uint8_t *msg, size_t mlen,
			 uint64_t now, struct ident_peer *peer, bool *passed)
{
	size_t payload_len;
	uint8_t *payload;
	int err;

	*passed = false;
	if (mlen > NOISE_MSG_MAX)
		return NOISE_E_LENGTH;
	payload = malloc(mlen + 1);
	if (!payload)
		return IDENT_E_NOMEM;
	err = noise_read(&xx->noise, msg, mlen, payload, mlen, &payload_len);
	if (err)
		goto out;
	*passed = true;
	err = identity_check_peer(payload, payload_len, xx->noise.rs,
				  xx->cfg.check, now, peer);
	sodium_memzero(payload, payload_len);
out:
	free(payload);
	return err;
}

static int make_keys(const struct xx *xx, struct xx_keys *keys)
{
	struct noise_split split;
	int err;

	err = noise_split(&xx->noise, &split);
	if (err)
		return err;
	noise_ockam_key_order(&split, xx->noise.role, keys->tx, keys->rx);
	memcpy(keys->transcript, split.h, sizeof(split.h));
	sodium_memzero(&split, sizeof(split));
	return 0;
}

size_t xx_message_max(const struct identity *self)
{
	return NOISE_M2_LEN + self->raw_len + self->channel.attestation_len +
	       self->creds_len + 18;
}

/* A payload of M1 is in clear; responders hash it and ignore it otherwise. */
static int write_m1(struct xx *xx, size_t want, uint8_t *out, size_t cap,
		    size_t *len)
{
	uint8_t *zeros;
	int err;

	if (want <= NOISE_M1_LEN)
		return noise_write(&xx->noise, NULL, 0, out, cap, len);
	zeros = calloc(1, want - NOISE_M1_LEN);
	if (!zeros)
		return IDENT_E_NOMEM;
	err = noise_write(&xx->noise, zeros, want - NOISE_M1_LEN, out, cap,
			  len);
	free(zeros);
	return err;
}

int xx_initiator_start_long(struct xx *xx, const struct xx_config *cfg,
			    uint64_t now, size_t want, uint8_t *out,
			    size_t cap, size_t *len)
{
	int err;

	*len = 0;
	err = xx_begin(xx, cfg, NOISE_INITIATOR, now);
	if (!err)
		err = write_m1(xx, want, out, cap, len);
	if (err)
		xx_wipe(xx);
	return err;
}

int xx_initiator_start(struct xx *xx, const struct xx_config *cfg,
		       uint64_t now, uint8_t *out, size_t cap, size_t *len)
{
	return xx_initiator_start_long(xx, cfg, now, 0, out, cap, len);
}

int xx_initiator_m2(struct xx *xx, const uint8_t *msg, size_t mlen,
		    uint64_t now, uint8_t *out, size_t cap, size_t *len,
		    struct xx_keys *keys)
{
	bool passed;
	int err;

	*len = 0;
	memset(keys, 0, sizeof(*keys));
	if (xx->noise.role != NOISE_INITIATOR || !xx->cfg.self)
		return IDENT_E_STATE;
	/* Asked before the message is used up. */
	if (cap < xx_message_max(xx->cfg.self))
		return IDENT_E_SPACE;
	err = read_identity(xx, msg, mlen, now, &keys->peer, &passed);
	if (err && !passed)
		return err;
	if (!err)
		err = write_identity(xx, out, cap, len);
	if (!err)
		err = make_keys(xx, keys);
	if (err) {
		sodium_memzero(out, *len);
		*len = 0;
		xx_keys_wipe(keys);
	}
	xx_wipe(xx);
	return err;
}

int xx_responder_m1(struct xx *xx, const struct xx_config *cfg,
		    const uint8_t *msg, size_t mlen, uint64_t now,
		    uint8_t *out, size_t cap, size_t *len)
{
	size_t payload_len;
	uint8_t *payload;
	int err;

	*len = 0;
	err = xx_begin(xx, cfg, NOISE_RESPONDER, now);
	if (err)
		return err;
	err = NOISE_E_LENGTH;
	if (mlen > NOISE_MSG_MAX)
		goto fail;
	err = IDENT_E_NOMEM;
	payload = malloc(mlen + 1);
	if (!payload)
		goto fail;
	/* A payload of M1 is hashed and otherwise ignored. */
	err = noise_read(&xx->noise, msg, mlen, payload, mlen, &payload_len);
	free(payload);
	if (!err)
		err = write_identity(xx, out, cap, len);
	if (err)
		goto fail;
	return 0;
fail:
	xx_wipe(xx);
	return err;
}

int xx_responder_m3(struct xx *xx, const uint8_t *msg, size_t mlen,
		    uint64_t now, struct xx_keys *keys)
{
	bool passed;
	int err;

	memset(keys, 0, sizeof(*keys));
	if (xx->noise.role != NOISE_RESPONDER || !xx->cfg.self)
		return IDENT_E_STATE;
	err = read_identity(xx, msg, mlen, now, &keys->peer, &passed);
	if (err && !passed)
		return err;
	if (!err)
		err = make_keys(xx, keys);
	if (err)
		xx_keys_wipe(keys);
	xx_wipe(xx);
	return err;
}
