// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What the tests of identities and handshakes share.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "exchange.h"
#include "known.h"
#include "tap.h"

static uint8_t next_random[32];
static bool have_next;

static const char *rng_name(void)
{
	return "unit";
}

static uint32_t rng_random(void)
{
	return (uint32_t)tap_random();
}

static void rng_buf(void *buf, const size_t size)
{
	uint8_t *p = buf;
	size_t i;

	if (have_next && size == sizeof(next_random)) {
		memcpy(buf, next_random, size);
		have_next = false;
		return;
	}
	for (i = 0; i < size; i++)
		p[i] = (uint8_t)tap_random();
}

static struct randombytes_implementation rng = {
	.implementation_name = rng_name,
	.random = rng_random,
	.buf = rng_buf,
};

void fixed_random_init(void)
{
	MUST(!randombytes_set_implementation(&rng));
	MUST(sodium_init() >= 0);
}

void fixed_random_next(const uint8_t value[32])
{
	memcpy(next_random, value, sizeof(next_random));
	have_next = true;
}

void counting_key(uint8_t key[32], uint8_t first)
{
	int i;

	for (i = 0; i < 32; i++)
		key[i] = (uint8_t)(first + i);
}

struct identity *known_identity(uint8_t seed_byte)
{
	struct identity *id;
	uint8_t seed[32];

	memset(seed, seed_byte, sizeof(seed));
	MUST(!identity_from_seed(seed, KNOWN_FROM, KNOWN_UNTIL, &id));
	return id;
}

struct identity *known_peer(uint8_t seed_byte, uint8_t first)
{
	struct identity *id = known_identity(seed_byte);
	uint8_t key[32];

	counting_key(key, first);
	MUST(!identity_attest_purpose(id, IDENT_PURPOSE_CHANNEL, key,
				      KNOWN_FROM, KNOWN_PURPOSE_UNTIL));
	return id;
}

void craft_key(uint8_t sk[64], uint8_t seed_byte)
{
	uint8_t seed[32], pk[32];

	memset(seed, seed_byte, sizeof(seed));
	MUST(!crypto_sign_seed_keypair(pk, sk, seed));
}

void craft_change(struct ocb_writer *w, struct craft_change *c)
{
	uint8_t inner[256], data[512];
	struct ident_sig sig, prev_sig;
	struct ocb_writer iw, dw;
	struct ident_pubkey key;

	ident_pubkey_of(c->sk, &key);
	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, c->extra ? 6 : 5);
	if (c->prev)
		ocb_put_bytes(&iw, c->prev, 32);
	else
		ocb_put_null(&iw);
	ident_pubkey_put(&iw, &key);
	ocb_put_bool(&iw, false);
	ocb_put_uint(&iw, c->from);
	ocb_put_uint(&iw, c->until);
	if (c->extra)
		ocb_put_raw(&iw, "\xa1\x01\x9f\x5f\x41\x00\xff\xff", 8);
	while (c->junk--)
		ocb_put_null(&iw);
	ocb_writer_init(&dw, data, sizeof(data));
	ocb_put_array(&dw, c->extra ? 4 : 3);
	ocb_put_uint(&dw, c->version);
	ocb_put_uint(&dw, c->type);
	ocb_put_bytes(&dw, inner, iw.len);
	if (c->extra)
		ocb_put_raw(&dw, "\xc1\x61x", 3);
	while (c->data_junk--)
		ocb_put_null(&dw);
	MUST(!iw.full && !dw.full);
	MUST(!ident_hash(data, dw.len, c->hash));
	MUST(!ident_sig_make(c->sign_sk ? c->sign_sk : c->sk, c->hash, &sig));
	ocb_put_array(w, (c->prev_sk || c->extra ? 3 : 2) + (size_t)c->extra);
	ocb_put_bytes(w, data, dw.len);
	ident_sig_put(w, &sig);
	if (c->prev_sk) {
		MUST(!ident_sig_make(c->prev_sk, c->hash, &prev_sig));
		ident_sig_put(w, &prev_sig);
	} else if (c->extra) {
		ocb_put_null(w);
	}
	if (c->extra)
		ocb_put_raw(w, "\xfb\0\0\0\0\0\0\0\0", 9);
	MUST(!w->full);
}

size_t craft_history(uint8_t *buf, size_t cap, unsigned int n,
		     uint8_t last_sk[64])
{
	uint8_t sk[2][64], prev[32];
	struct ocb_writer w;
	unsigned int i;

	ocb_writer_init(&w, buf, cap);
	ocb_put_array(&w, n);
	for (i = 0; i < n; i++) {
		struct craft_change c = {
			.prev = i ? prev : NULL,
			.sk = sk[i % 2],
			.prev_sk = i ? sk[(i + 1) % 2] : NULL,
			.from = KNOWN_FROM,
			.until = KNOWN_UNTIL,
			.version = 1,
			.type = IDENT_DATA_CHANGE,
		};

		craft_key(sk[i % 2], (uint8_t)(0x80 + i % 64));
		craft_change(&w, &c);
		memcpy(prev, c.hash, 32);
		memcpy(last_sk, sk[i % 2], 64);
	}
	return w.len;
}

size_t craft_fork(uint8_t *buf, size_t cap, uint8_t sk2[64])
{
	uint8_t sk1[64];
	struct craft_change c1 = {
		.sk = sk1, .from = KNOWN_FROM, .until = KNOWN_UNTIL,
		.version = 1, .type = 1,
	}, c2 = {
		.prev = c1.hash, .sk = sk2, .prev_sk = sk1,
		.from = KNOWN_FROM, .until = KNOWN_UNTIL,
		.version = 1, .type = 1,
	};
	struct ocb_writer w;

	/* The first key of craft_history(). */
	craft_key(sk1, 0x80);
	craft_key(sk2, 0x33);
	ocb_writer_init(&w, buf, cap);
	ocb_put_array(&w, 2);
	craft_change(&w, &c1);
	craft_change(&w, &c2);
	return w.len;
}

void craft_attestation(struct ocb_writer *w, const uint8_t sk[64],
		       const uint8_t *subject, const uint8_t *latest,
		       const struct ident_purpose_key *key, bool junk)
{
	uint8_t inner[256], data[300], digest[32];
	struct ocb_writer iw, dw;
	struct ident_sig sig;

	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 5);
	ocb_put_bytes(&iw, subject, 32);
	ocb_put_bytes(&iw, latest, 32);
	ocb_put_array(&iw, 2);
	ocb_put_uint(&iw, key->kind);
	ocb_put_array(&iw, 1);
	if (key->kind == IDENT_PURPOSE_CREDENTIALS)
		ident_pubkey_put(&iw, &key->verify);
	else
		ocb_put_bytes(&iw, key->x25519, 32);
	ocb_put_uint(&iw, key->created);
	ocb_put_uint(&iw, key->expires);
	if (junk)
		ocb_put_null(&iw);
	ocb_writer_init(&dw, data, sizeof(data));
	ident_versioned_put(&dw, IDENT_DATA_ATTESTATION, inner, iw.len);
	MUST(!iw.full && !dw.full);
	MUST(!ident_hash(data, dw.len, digest));
	MUST(!ident_sig_make(sk, digest, &sig));
	ocb_put_array(w, 2);
	ocb_put_bytes(w, data, dw.len);
	ident_sig_put(w, &sig);
	MUST(!w->full);
}

void craft_data(struct ocb_writer *w, const char *worker, const char *text)
{
	static const uint8_t ret[] = { 0x81, 0x82, 0x00, 0x41, 'x' };

	ocb_put_array(w, 2);
	ocb_put_array(w, 2);
	ocb_put_uint(w, 0);
	ocb_put_array(w, 1);
	ocb_put_array(w, 3);
	ocb_put_array(w, 1);
	ocb_put_array(w, 2);
	ocb_put_uint(w, 0);
	ocb_put_bytes(w, worker, strlen(worker));
	ocb_put_raw(w, ret, sizeof(ret));
	ocb_put_bytes(w, text, strlen(text));
	ocb_put_bytes(w, "", 0);
}

void make_noncanonical(uint8_t sig[64])
{
	uint8_t order[32];
	unsigned int carry = 0;
	int i;

	unhex("edd3f55c1a631258d69cf7a2def9de14"
	      "00000000000000000000000000000010", order, sizeof(order));
	for (i = 0; i < 32; i++) {
		carry += sig[32 + i] + order[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
}

static int mem_load(void *ctx, const uint8_t id[32], uint8_t *buf, size_t cap,
		    size_t *len)
{
	struct mem_store *s = ctx;
	unsigned int i;

	if (s->fail_load)
		return -1;
	for (i = 0; i < s->n; i++) {
		if (memcmp(s->ids[i], id, 32))
			continue;
		MUST(s->len[i] <= cap);
		memcpy(buf, s->raw[i], s->len[i]);
		*len = s->len[i];
		return 1;
	}
	return 0;
}

static int mem_save(void *ctx, const uint8_t id[32], const uint8_t *history,
		    size_t len)
{
	struct mem_store *s = ctx;
	unsigned int i;

	s->saves++;
	if (s->fail_save)
		return s->full ? -EUSERS : -1;
	for (i = 0; i < s->n; i++)
		if (!memcmp(s->ids[i], id, 32))
			break;
	MUST(i < 8 && len <= IDENT_HISTORY_MAX);
	if (i == s->n)
		s->n++;
	memcpy(s->ids[i], id, 32);
	memcpy(s->raw[i], history, len);
	s->len[i] = len;
	return 0;
}

void mem_store_init(struct mem_store *s)
{
	memset(s, 0, sizeof(*s));
	s->ops.load = mem_load;
	s->ops.save = mem_save;
	s->ops.ctx = s;
}
