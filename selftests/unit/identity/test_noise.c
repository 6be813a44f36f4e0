// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Noise XX and the primitives below it, against published vectors, and what a
 * hostile peer may send.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "known.h"
#include "noise.h"
#include "noise_test.h"
#include "tap.h"
#include "vectors.h"

#define BUF	65536

static const char *field(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	MUST(s);
	return s;
}

struct pair {
	struct noise_xx st[2];	/* initiator, responder */
};

static void pair_init(struct pair *p, const char *proto, const char *prologue,
		      const char *keys[4])
{
	const struct noise_proto *np = noise_proto_by_name(proto);
	uint8_t pro[64], key[32];
	size_t len = unhex(prologue, pro, sizeof(pro));
	int i;

	MUST(np);
	for (i = 0; i < 2; i++) {
		unhex(keys[2 * i], key, sizeof(key));
		MUST(!noise_init(&p->st[i], np, i ? NOISE_RESPONDER :
				 NOISE_INITIATOR, pro, len, key, NULL));
		unhex(keys[2 * i + 1], key, sizeof(key));
		MUST(!noise_test_set_ephemeral(&p->st[i], key));
	}
}

/* The keys of this project's and of upstream's own vectors. */
static void pair_known(struct pair *p, const char *proto)
{
	const char *keys[4] = {
		"000102030405060708090a0b0c0d0e0f"
		"101112131415161718191a1b1c1d1e1f",
		"202122232425262728292a2b2c2d2e2f"
		"303132333435363738393a3b3c3d3e3f",
		"0102030405060708090a0b0c0d0e0f10"
		"1112131415161718191a1b1c1d1e1f20",
		"4142434445464748494a4b4c4d4e4f50"
		"5152535455565758595a5b5c5d5e5f60",
	};

	pair_init(p, proto, "", keys);
}

static bool handshake_message(struct pair *p, unsigned int i,
			      const char *payload, const char *want)
{
	static uint8_t pl[BUF], msg[BUF], got[BUF];
	struct noise_xx *from = &p->st[i % 2], *to = &p->st[(i + 1) % 2];
	size_t pl_len = unhex(payload, pl, sizeof(pl)), len, got_len;

	return !noise_write(from, pl, pl_len, msg, sizeof(msg), &len) &&
	       hex_is(msg, len, want) &&
	       !noise_read(to, msg, len, got, sizeof(got), &got_len) &&
	       got_len == pl_len && !memcmp(got, pl, pl_len);
}

static bool transport_message(const struct noise_proto *np,
			      const uint8_t *key, uint64_t n,
			      const char *payload, const char *want)
{
	uint8_t pl[256], ct[256], back[256];
	size_t len = unhex(payload, pl, sizeof(pl) - SUITE_TAG_LEN);

	return !suite_seal(np->aead, key, n, NULL, 0, pl, len, ct) &&
	       hex_is(ct, len + SUITE_TAG_LEN, want) &&
	       !suite_open(np->aead, key, n, NULL, 0, ct, len + SUITE_TAG_LEN,
			   back) &&
	       !memcmp(back, pl, len);
}

static void test_published(void)
{
	json_t *root = load_vectors("noise-xx.json"), *v, *m;
	struct noise_split a, b;
	const char *proto;
	struct pair p;
	size_t i, j;

	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		const char *keys[4] = {
			field(v, "init_static"), field(v, "init_ephemeral"),
			field(v, "resp_static"), field(v, "resp_ephemeral"),
		};
		uint64_t n[2] = { 0, 0 };

		proto = field(v, "protocol_name");
		pair_init(&p, proto, field(v, "init_prologue"), keys);
		json_array_foreach(json_object_get(v, "messages"), j, m) {
			const char *pl = field(m, "payload");
			const char *ct = field(m, "ciphertext");

			if (j < 3) {
				OK(handshake_message(&p, (unsigned int)j, pl,
						     ct),
				   "%s message %zu", proto, j);
				continue;
			}
			if (j == 3) {
				OK(!noise_split(&p.st[0], &a) &&
				   !noise_split(&p.st[1], &b) &&
				   !memcmp(&a, &b, sizeof(a)) &&
				   hex_is(a.h, sizeof(a.h),
					  field(v, "handshake_hash")),
				   "%s split and handshake hash", proto);
			}
			OK(transport_message(p.st[0].proto,
					     j % 2 ? a.k2 : a.k1, n[j % 2]++,
					     pl, ct),
			   "%s transport message %zu", proto, j);
		}
		OK(j == 6, "%s has six messages", proto);
	}
	OK(i == 4, "four published vectors");
	json_decref(root);
}

static void test_upstream(void)
{
	struct pair p;

	pair_known(&p, "Noise_XX_25519_AESGCM_SHA256");
	OK(handshake_message(&p, 0, "746573745f6d73675f30", KNOWN_A6_M1),
	   "upstream M1");
	OK(handshake_message(&p, 1, "746573745f6d73675f31", KNOWN_A6_M2),
	   "upstream M2");
	OK(handshake_message(&p, 2, "746573745f6d73675f32", KNOWN_A6_M3),
	   "upstream M3");
}

static void test_initial_hash(void)
{
	/* What is hashed into it after the name is the empty prologue. */
	struct pair p;

	pair_known(&p, NOISE_NAME_OCKAM);
	OK(hex_is(p.st[0].h, 32, KNOWN_INITIAL_H), "initial h of Ockam's name");
	OK(hex_is(p.st[0].ck, 32,
		  "4f434b414d5f58585f32353531395f41"
		  "45533235365f47434d5f534841323536"),
	   "initial ck is Ockam's name");
	pair_known(&p, "Noise_XX_25519_AESGCM_SHA256");
	OK(hex_is(p.st[0].h, 32, KNOWN_A6_INITIAL_H),
	   "initial h of the published name");
}

static void test_ockam_values(void)
{
	static uint8_t i_pl[512], r_pl[512], msg[1024], got[1024];
	uint8_t dh[32], okm[64], tx[2][32], rx[2][32];
	size_t i_len, r_len, len, got_len;
	struct noise_split s[2];
	struct noise_xx *i, *r;
	struct pair p;

	i_len = unhex(KNOWN_A2_INIT_PAYLOAD, i_pl, sizeof(i_pl));
	r_len = unhex(KNOWN_A2_PAYLOAD, r_pl, sizeof(r_pl));
	pair_known(&p, NOISE_NAME_OCKAM);
	i = &p.st[0];
	r = &p.st[1];
	MUST(!noise_write(i, NULL, 0, msg, sizeof(msg), &len));
	OK(hex_is(msg, len, KNOWN_M1), "M1");
	MUST(!noise_read(r, msg, len, got, sizeof(got), &got_len));

	/* ck and k after ee are gone again when M2 is complete. */
	MUST(!noise_x25519(dh, r->e, r->re));
	MUST(!suite_hkdf(&suite_sha256, r->ck, 32, dh, 32, NULL, 0, okm, 64));
	OK(hex_is(okm, 32, KNOWN_CK_EE) && hex_is(okm + 32, 32, KNOWN_K_EE),
	   "ck and k after ee");

	MUST(!noise_write(r, r_pl, r_len, msg, sizeof(msg), &len));
	OK(hex_is(msg, len, KNOWN_M2), "M2");
	MUST(!noise_read(i, msg, len, got, sizeof(got), &got_len));
	OK(hex_is(i->ck, 32, KNOWN_CK_ES) && hex_is(r->ck, 32, KNOWN_CK_ES) &&
	   hex_is(i->k, 32, KNOWN_K_ES) && hex_is(r->k, 32, KNOWN_K_ES),
	   "ck and k after es");
	MUST(!noise_write(i, i_pl, i_len, msg, sizeof(msg), &len));
	OK(hex_is(msg, len, KNOWN_M3), "M3");
	MUST(!noise_read(r, msg, len, got, sizeof(got), &got_len));
	OK(hex_is(i->ck, 32, KNOWN_CK_SE) && hex_is(r->ck, 32, KNOWN_CK_SE) &&
	   hex_is(i->k, 32, KNOWN_K_SE) && hex_is(r->k, 32, KNOWN_K_SE),
	   "ck and k after se");

	MUST(!noise_split(i, &s[0]) && !noise_split(r, &s[1]));
	OK(hex_is(s[0].h, 32, KNOWN_FINAL_H) && !memcmp(&s[0], &s[1],
							sizeof(s[0])),
	   "final h, same on both sides");
	OK(hex_is(s[0].k1, 32, KNOWN_K1) && hex_is(s[0].k2, 32, KNOWN_K2),
	   "k1 and k2");
	noise_ockam_key_order(&s[0], NOISE_INITIATOR, tx[0], rx[0]);
	noise_ockam_key_order(&s[1], NOISE_RESPONDER, tx[1], rx[1]);
	OK(hex_is(tx[0], 32, KNOWN_K2) && hex_is(rx[0], 32, KNOWN_K1),
	   "the initiator encrypts with k2");
	OK(!memcmp(tx[0], rx[1], 32) && !memcmp(rx[0], tx[1], 32),
	   "the responder has them the other way round");

	/* First data message: counter in clear, then the ciphertext. */
	len = unhex(KNOWN_A4_PLAIN, got, sizeof(got));
	memset(msg, 0, 8);
	MUST(!suite_seal(&suite_aesgcm, tx[0], 0, NULL, 0, got, len, msg + 8));
	OK(hex_is(msg, len + 24, KNOWN_A4_NONCE0), "first data message");

	OK(noise_write(i, NULL, 0, msg, sizeof(msg), &len) == NOISE_E_STATE &&
	   noise_read(i, msg, 100, got, sizeof(got), &len) == NOISE_E_STATE,
	   "nothing more after M3");
	noise_wipe(i);
	OK(sodium_is_zero(i->s, 32) && sodium_is_zero(i->e, 32) &&
	   sodium_is_zero(i->ck, 32) && sodium_is_zero(i->k, 32) &&
	   sodium_is_zero(i->h, 32), "wiped");
	OK(noise_split(i, &s[0]) == NOISE_E_STATE &&
	   noise_write(i, NULL, 0, msg, sizeof(msg), &len) == NOISE_E_STATE &&
	   sodium_is_zero((uint8_t *)&s[0], sizeof(s[0])),
	   "a wiped state gives nothing");
}

static void test_turns(void)
{
	uint8_t msg[256], got[256];
	struct noise_split s;
	struct pair p;
	size_t len;

	pair_known(&p, NOISE_NAME_OCKAM);
	memset(msg, 0, sizeof(msg));
	OK(noise_read(&p.st[0], msg, 96, got, sizeof(got), &len) ==
	   NOISE_E_STATE, "the initiator does not read M1");
	OK(noise_write(&p.st[1], NULL, 0, msg, sizeof(msg), &len) ==
	   NOISE_E_STATE && !len, "the responder does not write M1");
	OK(noise_split(&p.st[0], &s) == NOISE_E_STATE, "no keys before M3");
	OK(noise_write(&p.st[0], NULL, 0, msg, 31, &len) == NOISE_E_SPACE &&
	   !len, "M1 does not fit 31 bytes");
	OK(!noise_write(&p.st[0], NULL, 0, msg, 32, &len) && len == 32,
	   "M1 fits 32 bytes");
	OK(noise_write(&p.st[0], NULL, 0, msg, sizeof(msg), &len) ==
	   NOISE_E_STATE, "M1 is written once");
	OK(!noise_proto_by_name("Noise_XX_25519_AESGCM_SHA512") &&
	   !noise_proto_by_name(""), "unknown protocol names");
}

static void test_lengths(void)
{
	static uint8_t payload[BUF], msg[BUF + 1], got[BUF];
	size_t len, got_len;
	struct pair p;

	pair_known(&p, NOISE_NAME_OCKAM);
	OK(noise_write(&p.st[0], payload, NOISE_MSG_MAX - 31, msg, sizeof(msg),
		       &len) == NOISE_E_LENGTH, "M1 of 65536 bytes");
	OK(!noise_write(&p.st[0], payload, NOISE_MSG_MAX - 32, msg,
			sizeof(msg), &len) && len == NOISE_MSG_MAX,
	   "M1 of 65535 bytes");
	OK(noise_read(&p.st[1], msg, len + 1, got, sizeof(got), &got_len) ==
	   NOISE_E_LENGTH, "65536 bytes are not read");
	OK(noise_read(&p.st[1], msg, len, got, len - 33, &got_len) ==
	   NOISE_E_SPACE, "nor is what does not fit");
	OK(!noise_read(&p.st[1], msg, len, got, sizeof(got), &got_len) &&
	   got_len == NOISE_MSG_MAX - 32, "65535 bytes are");
}

/* Every flipped byte and every truncation of @msg is refused by @st, which
 * stays as it was and then takes the real message.
 */
static void test_mangled(const char *what, const struct noise_xx *st,
			 const uint8_t *msg, size_t len)
{
	bool refused = true, unchanged = true, silent = true;
	uint8_t bad[1024], got[1024];
	struct noise_xx w = *st;
	size_t i, n;

	for (i = 0; i < len; i++) {
		memcpy(bad, msg, len);
		bad[i] ^= (uint8_t)(1 + tap_random() % 255);
		/* X25519 does not look at the top bit of a public key, but the
		 * transcript does.
		 */
		refused &= noise_read(&w, bad, len, got, sizeof(got), &n) != 0;
		silent &= !n;
		unchanged &= !memcmp(&w, st, sizeof(w));
	}
	OK(refused && silent && unchanged, "%s: each of %zu bytes flipped",
	   what, len);
	for (i = 0; i < len; i++) {
		refused &= noise_read(&w, msg, i, got, sizeof(got), &n) ==
			   (i < noise_overhead(st) ? NOISE_E_LENGTH :
						     NOISE_E_DECRYPT);
		silent &= !n;
		unchanged &= !memcmp(&w, st, sizeof(w));
	}
	OK(refused && silent && unchanged, "%s: each truncation", what);
	memcpy(bad, msg, len);
	bad[len] = 0;
	OK(noise_read(&w, bad, len + 1, got, sizeof(got), &n) ==
	   NOISE_E_DECRYPT && !memcmp(&w, st, sizeof(w)),
	   "%s: a byte more", what);
	OK(!noise_read(&w, msg, len, got, sizeof(got), &n) && n,
	   "%s: then the real one", what);
}

static void test_garbage(const char *proto)
{
	uint8_t msg[512], got[512], payload[32];
	struct pair p;
	size_t len, n;
	int i;

	for (i = 0; i < 32; i++)
		payload[i] = (uint8_t)tap_random();
	pair_known(&p, proto);
	MUST(!noise_write(&p.st[0], NULL, 0, msg, sizeof(msg), &len));
	for (i = 0; i < 32; i++)
		if (noise_read(&p.st[1], msg, (size_t)i, got, sizeof(got),
			       &n) != NOISE_E_LENGTH)
			break;
	OK(i == 32, "%s: M1 shorter than 32 bytes", proto);
	MUST(!noise_read(&p.st[1], msg, len, got, sizeof(got), &n));
	MUST(!noise_write(&p.st[1], payload, 32, msg, sizeof(msg), &len));
	test_mangled("M2", &p.st[0], msg, len);
	MUST(!noise_read(&p.st[0], msg, len, got, sizeof(got), &n));
	MUST(!noise_write(&p.st[0], payload, 32, msg, sizeof(msg), &len));
	test_mangled("M3", &p.st[1], msg, len);
}

/* Points of small order, in encodings of which none may give a key. */
static const char * const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void test_zero_dh(void)
{
	uint8_t msg[256], got[256];
	struct noise_xx before;
	struct pair p;
	size_t i, len, n;

	for (i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++) {
		pair_known(&p, NOISE_NAME_OCKAM);
		unhex(low_order[i], msg, sizeof(msg));
		MUST(!noise_read(&p.st[1], msg, 32, got, sizeof(got), &n));
		OK(noise_write(&p.st[1], NULL, 0, msg, sizeof(msg), &len) ==
		   NOISE_E_DH && !len, "no M2 for low order point %zu", i);

		pair_known(&p, NOISE_NAME_OCKAM);
		MUST(!noise_write(&p.st[0], NULL, 0, msg, sizeof(msg), &len));
		before = p.st[0];
		memset(msg, 0, sizeof(msg));
		unhex(low_order[i], msg, sizeof(msg));
		OK(noise_read(&p.st[0], msg, 120, got, sizeof(got), &n) ==
		   NOISE_E_DH && !memcmp(&before, &p.st[0], sizeof(before)),
		   "M2 with low order point %zu", i);
	}
}

/* A static key of small order arrives well encrypted. */
static void test_zero_static(void)
{
	uint8_t msg[256], got[256];
	struct pair p;
	size_t len, n;

	pair_known(&p, NOISE_NAME_OCKAM);
	MUST(!noise_write(&p.st[0], NULL, 0, msg, sizeof(msg), &len));
	MUST(!noise_read(&p.st[1], msg, len, got, sizeof(got), &n));
	MUST(!noise_write(&p.st[1], NULL, 0, msg, sizeof(msg), &len));
	MUST(!noise_read(&p.st[0], msg, len, got, sizeof(got), &n));
	memset(p.st[0].s_pub, 0, 32);
	MUST(!noise_write(&p.st[0], NULL, 0, msg, sizeof(msg), &len));
	OK(noise_read(&p.st[1], msg, len, got, sizeof(got), &n) == NOISE_E_DH,
	   "M3 with a zero static key");
}

static void test_ephemerals_differ(void)
{
	const struct noise_proto *np = noise_proto_by_name(NOISE_NAME_OCKAM);
	uint8_t key[32] = { 1 }, m[2][32];
	struct noise_xx st;
	size_t len;
	int i;

	for (i = 0; i < 2; i++) {
		MUST(!noise_init(&st, np, NOISE_INITIATOR, NULL, 0, key,
				 NULL));
		MUST(!noise_write(&st, NULL, 0, m[i], 32, &len));
	}
	OK(memcmp(m[0], m[1], 32), "each handshake has its own ephemeral key");
}

static void wycheproof_x25519(void)
{
	json_t *root = load_vectors("x25519_test.json"), *g, *t;
	unsigned int good = 0, zero = 0, bad = 0;
	uint8_t pub[32], priv[32], out[32];
	size_t i, j;

	json_array_foreach(json_object_get(root, "testGroups"), i, g) {
		json_array_foreach(json_object_get(g, "tests"), j, t) {
			const char *shared = field(t, "shared");
			bool is_zero = strspn(shared, "0") == strlen(shared);
			int err;

			unhex(field(t, "public"), pub, 32);
			unhex(field(t, "private"), priv, 32);
			err = noise_x25519(out, priv, pub);
			if (is_zero && err == NOISE_E_DH &&
			    sodium_is_zero(out, 32))
				zero++;
			else if (!is_zero && !err && hex_is(out, 32, shared))
				good++;
			else
				bad++;
		}
	}
	OK(!bad && zero && good + zero ==
	   json_integer_value(json_object_get(root, "numberOfTests")),
	   "wycheproof x25519: %u computed, %u zero results refused", good,
	   zero);
	json_decref(root);
}

static bool aead_case(const struct suite_aead *aead, json_t *t)
{
	static uint8_t msg[4096], ct[4096], out[4096], aad[4096];
	size_t msg_len = unhex(field(t, "msg"), msg, sizeof(msg) - 16);
	size_t ct_len = unhex(field(t, "ct"), ct, sizeof(ct) - 16);
	size_t aad_len = unhex(field(t, "aad"), aad, sizeof(aad));
	bool valid = !strcmp(field(t, "result"), "valid");
	uint8_t key[32], iv[12];

	unhex(field(t, "key"), key, 32);
	unhex(field(t, "iv"), iv, 12);
	ct_len += unhex(field(t, "tag"), ct + ct_len, 16);
	if (!valid)
		return suite_open_iv(aead, key, iv, aad, aad_len, ct, ct_len,
				     out);
	return !suite_open_iv(aead, key, iv, aad, aad_len, ct, ct_len, out) &&
	       !memcmp(out, msg, msg_len) &&
	       !suite_seal_iv(aead, key, iv, aad, aad_len, msg, msg_len, out) &&
	       !memcmp(out, ct, ct_len);
}

static void wycheproof_aead(const struct suite_aead *aead, const char *file)
{
	json_t *root = load_vectors(file), *g, *t;
	unsigned int good = 0, bad = 0;
	size_t i, j;

	json_array_foreach(json_object_get(root, "testGroups"), i, g) {
		if (json_integer_value(json_object_get(g, "keySize")) != 256 ||
		    json_integer_value(json_object_get(g, "ivSize")) != 96 ||
		    json_integer_value(json_object_get(g, "tagSize")) != 128)
			continue;
		json_array_foreach(json_object_get(g, "tests"), j, t) {
			if (aead_case(aead, t))
				good++;
			else
				bad++;
		}
	}
	OK(good > 50 && !bad, "wycheproof %s: %u cases", aead->name, good);
	json_decref(root);
}

static void wycheproof_hkdf(void)
{
	json_t *root = load_vectors("hkdf_sha256_test.json"), *g, *t;
	static uint8_t salt[1024], ikm[1024], info[1024], out[65536];
	unsigned int good = 0, bad = 0, beyond = 0;
	size_t i, j;

	json_array_foreach(json_object_get(root, "testGroups"), i, g) {
		json_array_foreach(json_object_get(g, "tests"), j, t) {
			size_t sl = unhex(field(t, "salt"), salt, 1024);
			size_t kl = unhex(field(t, "ikm"), ikm, 1024);
			size_t il = unhex(field(t, "info"), info, 1024);
			size_t n = (size_t)json_integer_value(
					json_object_get(t, "size"));
			bool valid = !strcmp(field(t, "result"), "valid");
			int err;

			err = suite_hkdf(&suite_sha256, salt, sl, ikm, kl,
					 info, il, out, n);
			if (il > 255 && err)
				beyond++;
			else if (valid ? !err && hex_is(out, n,
							field(t, "okm")) : err)
				good++;
			else
				bad++;
		}
	}
	OK(good > 50 && !bad, "wycheproof hkdf: %u cases, %u beyond bounds",
	   good, beyond);
	json_decref(root);
}

int main(void)
{
	MUST(sodium_init() >= 0);
	tap_seed();
	wycheproof_x25519();
	wycheproof_aead(&suite_aesgcm, "aes_gcm_test.json");
	wycheproof_aead(&suite_chachapoly, "chacha20_poly1305_test.json");
	wycheproof_hkdf();
	test_published();
	test_upstream();
	test_initial_hash();
	test_ockam_values();
	test_turns();
	test_lengths();
	test_garbage(NOISE_NAME_OCKAM);
	test_garbage("Noise_XX_25519_ChaChaPoly_BLAKE2s");
	test_zero_dh();
	test_zero_static();
	test_ephemerals_differ();
	return tap_done();
}
