// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Noise XX as a pure state machine: no I/O, no allocation, no clock.
 *
 * Every step works on a copy of the state which replaces the original only
 * when the whole message was good.
 */
#include <string.h>

#include <sodium.h>

#include "noise.h"

enum token { T_END, T_E, T_S, T_EE, T_ES, T_SE };

#define NOISE_MESSAGES	3

static const enum token xx_pattern[NOISE_MESSAGES][5] = {
	{ T_E },
	{ T_E, T_EE, T_S, T_ES },
	{ T_S, T_SE },
};

static const size_t xx_overhead[NOISE_MESSAGES] = {
	NOISE_M1_LEN, NOISE_M2_LEN, NOISE_M3_LEN
};

static const struct noise_proto protos[] = {
	{ NOISE_NAME_OCKAM, &suite_sha256, &suite_aesgcm },
	{ "Noise_XX_25519_AESGCM_SHA256", &suite_sha256, &suite_aesgcm },
	{ "Noise_XX_25519_AESGCM_BLAKE2s", &suite_blake2s, &suite_aesgcm },
	{ "Noise_XX_25519_ChaChaPoly_SHA256", &suite_sha256,
	  &suite_chachapoly },
	{ "Noise_XX_25519_ChaChaPoly_BLAKE2s", &suite_blake2s,
	  &suite_chachapoly },
};

static const struct {
	const char *name;
	const char *text;
} errs[NOISE_E_COUNT] = {
	[NOISE_OK] = { "ok", "success" },
	[NOISE_E_STATE] = { "noise_state", "message out of turn" },
	[NOISE_E_LENGTH] = { "noise_length", "bad handshake message length" },
	[NOISE_E_SPACE] = { "noise_space", "buffer too small" },
	[NOISE_E_DH] = { "noise_dh", "Diffie-Hellman result is zero" },
	[NOISE_E_DECRYPT] = { "noise_decrypt", "authentication failed" },
	[NOISE_E_CRYPTO] = { "noise_crypto", "crypto library failure" },
};

const char *noise_errname(int err)
{
	return err >= 0 && err < NOISE_E_COUNT ? errs[err].name : "unknown";
}

const char *noise_strerror(int err)
{
	return err >= 0 && err < NOISE_E_COUNT ? errs[err].text :
						 "unknown error";
}

const struct noise_proto *noise_proto_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (!strcmp(protos[i].name, name))
			return &protos[i];
	return NULL;
}

int noise_x25519(uint8_t out[NOISE_KEY_LEN], const uint8_t secret[NOISE_KEY_LEN],
		 const uint8_t pub[NOISE_KEY_LEN])
{
	if (!crypto_scalarmult_curve25519(out, secret, pub) &&
	    !sodium_is_zero(out, NOISE_KEY_LEN))
		return 0;
	sodium_memzero(out, NOISE_KEY_LEN);
	return NOISE_E_DH;
}

static int mix_hash(struct noise_xx *st, const void *data, size_t len)
{
	uint8_t h[SUITE_HASH_LEN];

	if (suite_digest(st->proto->hash, st->h, sizeof(st->h), data, len, h))
		return NOISE_E_CRYPTO;
	memcpy(st->h, h, sizeof(h));
	return 0;
}

static int mix_key(struct noise_xx *st, const uint8_t *secret,
		   const uint8_t *pub)
{
	uint8_t okm[2 * SUITE_HASH_LEN], dh[NOISE_KEY_LEN];
	int err;

	err = noise_x25519(dh, secret, pub);
	if (err)
		return err;
	if (suite_hkdf(st->proto->hash, st->ck, sizeof(st->ck), dh, sizeof(dh),
		       NULL, 0, okm, sizeof(okm))) {
		err = NOISE_E_CRYPTO;
		goto out;
	}
	memcpy(st->ck, okm, SUITE_HASH_LEN);
	memcpy(st->k, okm + SUITE_HASH_LEN, SUITE_KEY_LEN);
	st->have_k = true;
	st->n = 0;
out:
	sodium_memzero(okm, sizeof(okm));
	sodium_memzero(dh, sizeof(dh));
	return err;
}

/* The three DH tokens name the initiator's key first. */
static int mix_dh(struct noise_xx *st, enum token t)
{
	bool own_s, peer_s;

	own_s = t == (st->role == NOISE_INITIATOR ? T_SE : T_ES);
	peer_s = t == (st->role == NOISE_INITIATOR ? T_ES : T_SE);
	return mix_key(st, own_s ? st->s : st->e, peer_s ? st->rs : st->re);
}

static size_t sealed_len(const struct noise_xx *st, size_t len)
{
	return st->have_k ? len + SUITE_TAG_LEN : len;
}

static int encrypt_and_hash(struct noise_xx *st, const void *pt, size_t len,
			    uint8_t *out)
{
	size_t out_len = sealed_len(st, len);

	if (!st->have_k) {
		if (len)
			memcpy(out, pt, len);
	} else if (suite_seal(st->proto->aead, st->k, st->n++, st->h,
			      sizeof(st->h), pt, len, out)) {
		return NOISE_E_CRYPTO;
	}
	return mix_hash(st, out, out_len);
}

static int decrypt_and_hash(struct noise_xx *st, const uint8_t *ct, size_t len,
			    uint8_t *out)
{
	if (!st->have_k) {
		if (len)
			memcpy(out, ct, len);
	} else if (suite_open(st->proto->aead, st->k, st->n++, st->h,
			      sizeof(st->h), ct, len, out)) {
		return NOISE_E_DECRYPT;
	}
	return mix_hash(st, ct, len);
}

static int make_ephemeral(struct noise_xx *st)
{
	if (st->have_e)
		return 0;
	randombytes_buf(st->e, sizeof(st->e));
	if (crypto_scalarmult_curve25519_base(st->e_pub, st->e))
		return NOISE_E_CRYPTO;
	st->have_e = true;
	return 0;
}

int noise_init(struct noise_xx *st, const struct noise_proto *proto,
	       enum noise_role role, const void *prologue, size_t prologue_len,
	       const uint8_t s[NOISE_KEY_LEN], const uint8_t *s_pub)
{
	size_t len = strlen(proto->name);

	noise_wipe(st);
	st->proto = proto;
	st->role = role;
	if (len <= SUITE_HASH_LEN)
		memcpy(st->h, proto->name, len);
	else if (suite_digest(proto->hash, proto->name, len, NULL, 0, st->h))
		goto fail;
	memcpy(st->ck, st->h, sizeof(st->ck));
	if (mix_hash(st, prologue, prologue_len))
		goto fail;
	memcpy(st->s, s, sizeof(st->s));
	if (s_pub)
		memcpy(st->s_pub, s_pub, sizeof(st->s_pub));
	else if (crypto_scalarmult_curve25519_base(st->s_pub, st->s))
		goto fail;
	st->step = 0;
	return 0;
fail:
	noise_wipe(st);
	return NOISE_E_CRYPTO;
}

size_t noise_overhead(const struct noise_xx *st)
{
	return st->step < NOISE_MESSAGES ? xx_overhead[st->step] : 0;
}

static bool my_turn(const struct noise_xx *st, bool writing)
{
	bool initiator_writes = st->step % 2 == 0;

	if (st->step >= NOISE_MESSAGES)
		return false;
	return writing == (initiator_writes == (st->role == NOISE_INITIATOR));
}

static int write_tokens(struct noise_xx *st, uint8_t **pos)
{
	const enum token *t = xx_pattern[st->step];
	int err = 0;

	for (; *t != T_END && !err; t++) {
		switch (*t) {
		case T_E:
			err = make_ephemeral(st);
			if (err)
				break;
			memcpy(*pos, st->e_pub, NOISE_KEY_LEN);
			err = mix_hash(st, *pos, NOISE_KEY_LEN);
			*pos += NOISE_KEY_LEN;
			break;
		case T_S:
			err = encrypt_and_hash(st, st->s_pub, NOISE_KEY_LEN,
					       *pos);
			*pos += sealed_len(st, NOISE_KEY_LEN);
			break;
		default:
			err = mix_dh(st, *t);
		}
	}
	return err;
}

int noise_write(struct noise_xx *st, const void *payload, size_t payload_len,
		uint8_t *out, size_t cap, size_t *out_len)
{
	uint8_t *pos = out;
	struct noise_xx w;
	size_t total;
	int err;

	*out_len = 0;
	if (!my_turn(st, true))
		return NOISE_E_STATE;
	if (payload_len > NOISE_MSG_MAX - noise_overhead(st))
		return NOISE_E_LENGTH;
	total = payload_len + noise_overhead(st);
	if (total > cap)
		return NOISE_E_SPACE;
	w = *st;
	err = write_tokens(&w, &pos);
	if (!err)
		err = encrypt_and_hash(&w, payload, payload_len, pos);
	if (err) {
		sodium_memzero(out, total);
		goto out;
	}
	w.step++;
	*st = w;
	*out_len = total;
out:
	sodium_memzero(&w, sizeof(w));
	return err;
}

static int read_tokens(struct noise_xx *st, const uint8_t **pos)
{
	const enum token *t = xx_pattern[st->step];
	int err = 0;
	size_t len;

	for (; *t != T_END && !err; t++) {
		switch (*t) {
		case T_E:
			memcpy(st->re, *pos, NOISE_KEY_LEN);
			err = mix_hash(st, *pos, NOISE_KEY_LEN);
			*pos += NOISE_KEY_LEN;
			break;
		case T_S:
			len = sealed_len(st, NOISE_KEY_LEN);
			err = decrypt_and_hash(st, *pos, len, st->rs);
			*pos += len;
			break;
		default:
			err = mix_dh(st, *t);
		}
	}
	return err;
}

int noise_read(struct noise_xx *st, const uint8_t *msg, size_t len,
	       uint8_t *payload, size_t cap, size_t *payload_len)
{
	const uint8_t *pos = msg;
	struct noise_xx w;
	size_t room;
	int err;

	*payload_len = 0;
	if (!my_turn(st, false))
		return NOISE_E_STATE;
	/* The overhead counts every fixed byte, so no token reads past @len. */
	if (len < noise_overhead(st) || len > NOISE_MSG_MAX)
		return NOISE_E_LENGTH;
	room = len - noise_overhead(st);
	if (room > cap)
		return NOISE_E_SPACE;
	w = *st;
	err = read_tokens(&w, &pos);
	if (!err)
		err = decrypt_and_hash(&w, pos, len - (size_t)(pos - msg),
				       payload);
	if (err) {
		if (room)
			sodium_memzero(payload, room);
		goto out;
	}
	w.step++;
	*st = w;
	*payload_len = room;
out:
	sodium_memzero(&w, sizeof(w));
	return err;
}

int noise_split(const struct noise_xx *st, struct noise_split *out)
{
	uint8_t okm[2 * SUITE_HASH_LEN];

	sodium_memzero(out, sizeof(*out));
	if (st->step != NOISE_MESSAGES)
		return NOISE_E_STATE;
	if (suite_hkdf(st->proto->hash, st->ck, sizeof(st->ck), NULL, 0,
		       NULL, 0, okm, sizeof(okm)))
		return NOISE_E_CRYPTO;
	memcpy(out->k1, okm, SUITE_KEY_LEN);
	memcpy(out->k2, okm + SUITE_HASH_LEN, SUITE_KEY_LEN);
	memcpy(out->h, st->h, sizeof(out->h));
	sodium_memzero(okm, sizeof(okm));
	return 0;
}

void noise_ockam_key_order(const struct noise_split *split,
			   enum noise_role role,
			   uint8_t tx[SUITE_KEY_LEN], uint8_t rx[SUITE_KEY_LEN])
{
	bool initiator = role == NOISE_INITIATOR;

	memcpy(tx, initiator ? split->k2 : split->k1, SUITE_KEY_LEN);
	memcpy(rx, initiator ? split->k1 : split->k2, SUITE_KEY_LEN);
}

void noise_wipe(struct noise_xx *st)
{
	sodium_memzero(st, sizeof(*st));
	st->step = NOISE_STEP_NONE;
}
