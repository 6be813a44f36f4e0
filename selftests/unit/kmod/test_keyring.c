// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The key ring against a naive chain, and against Ockam's vectors.
 */
#include <sodium.h>

#include "ground/keyring.h"
#include "ring_model.h"
#include "tap.h"

static struct ring_model m;

/* The ratchet as it is: 32 zero bytes encrypted, the tag thrown away. */
static int aes_derive(void *ctx, const u8 key[OCKAM_KEY_LEN],
		      u8 next[OCKAM_KEY_LEN])
{
	static const u8 nonce[12] = { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff };
	static const u8 zero[32];
	u8 out[48];

	(void)ctx;
	crypto_aead_aes256gcm_encrypt(out, NULL, zero, 32, NULL, 0, NULL,
				      nonce, key);
	memcpy(next, out, OCKAM_KEY_LEN);
	return 0;
}

static bool test_vectors(void)
{
	static const char k0[] = "831124fa3e1606b97f5cda4d81c3aa04"
				 "c7c0151666f05f49a09cd0faf63a05d8";
	static const char k1[] = "4699ba00b29842a236c781ce67c044de"
				 "2bc43eaaaf35f6bfa4353581ada3d044";
	static const char k2[] = "b9aa3e02c32dce978ce7ab97d51f360f"
				 "7902cdaaedd6c0ae237219616d45e77c";
	u8 key[32], want1[32], want2[32], out[32];
	struct ockam_keyring kr;
	struct ockam_sendkey s;
	u32 i;

	if (sodium_init() < 0 || !crypto_aead_aes256gcm_is_available()) {
		printf("# SKIP vectors: no AES instructions here\n");
		return true;
	}
	tap_unhex(k0, key);
	tap_unhex(k1, want1);
	tap_unhex(k2, want2);

	ockam_keyring_init(&kr, key, 0);
	CHECK(!ockam_keyring_get(&kr, 1));
	CHECK(!ockam_keyring_derive(&kr, 1, 1, aes_derive, NULL, out));
	CHECK(!memcmp(out, want1, 32));
	CHECK(!ockam_keyring_derive(&kr, 2, 64, aes_derive, NULL, out));
	CHECK(!memcmp(out, want2, 32));
	CHECK(!ockam_keyring_commit(&kr, 1, NULL, 0, aes_derive, NULL));
	CHECK(!memcmp(ockam_keyring_get(&kr, 1), want1, 32));
	CHECK(!ockam_keyring_derive(&kr, 2, 1, aes_derive, NULL, out));
	CHECK(!memcmp(out, want2, 32));

	ockam_sendkey_init(&s, key, 0);
	for (i = 0; i < 96; i++) {
		CHECK(!ockam_sendkey_ready(&s, aes_derive, NULL));
		CHECK(!memcmp(s.key, i < 32 ? key : i < 64 ? want1 : want2,
			      32));
		CHECK(ockam_sendkey_take(&s) == i);
	}
	return true;
}

static bool test_in_order(void)
{
	bool taken;
	u64 n;

	ring_model_init(&m, 0, true);
	for (n = 0; n < 32 * 200; n++) {
		CHECK(ring_receive(&m, n, &taken) && taken);
		/* In order nothing is kept and no extension is needed. */
		CHECK(!m.ext && !m.kr.old_mask);
	}
	CHECK(m.derived == 199);
	CHECK(ring_check(&m));
	ring_model_free(&m);
	return true;
}

/* The last message of a generation is late, by a little and by too much. */
static bool test_late(void)
{
	bool taken;
	u64 n;

	ring_model_init(&m, 0, true);
	for (n = 0; n < 40; n++)
		if (n != 30 && n != 31)
			CHECK(ring_receive(&m, n, &taken) && taken);
	CHECK(ring_holds(&m, 0));
	m.now += 1999;
	CHECK(ring_expire(&m));
	CHECK(ring_receive(&m, 31, &taken) && taken);
	m.now += 1;
	CHECK(ring_expire(&m));
	CHECK(!ring_holds(&m, 0));
	CHECK(ring_receive(&m, 30, &taken) && !taken);
	ring_detach(&m);
	CHECK(!m.ext);
	ring_model_free(&m);

	/* on a single TCP link nothing is ever late */
	ring_model_init(&m, 0, false);
	for (n = 0; n < 40; n++)
		if (n != 30)
			CHECK(ring_receive(&m, n, &taken) && taken);
	CHECK(!ring_holds(&m, 0) && !m.ext);
	CHECK(ring_receive(&m, 30, &taken) && !taken);
	ring_model_free(&m);
	return true;
}

/* After a gap all of the window behind it can still arrive, in any order. */
static bool test_behind_gap(void)
{
	u64 top = 50000 + tap_below(1000);
	bool taken;
	u32 i;

	ring_model_init(&m, 0, true);
	CHECK(ring_receive(&m, 5, &taken) && taken);
	CHECK(ring_receive(&m, top, &taken) && taken);
	CHECK(!ring_holds(&m, 0));
	for (i = 1; i < 1024; i++)
		CHECK(ring_receive(&m, top - 1 - (i * 389 % 1023), &taken) &&
		      taken);
	CHECK(ring_receive(&m, top - 1024, &taken) && !taken);
	CHECK(!m.kr.old_mask);
	ring_model_free(&m);
	return true;
}

static bool test_longest_gap(void)
{
	u8 key[32];
	bool taken;
	u64 n;
	int err;

	/* 2^16 messages lost behind each place in a generation */
	for (n = 0; n < 64; n++) {
		ring_model_init(&m, n, n & 1);
		CHECK(ring_receive(&m, n, &taken) && taken);
		CHECK(ring_receive(&m, n + 65537, &taken) && taken);
		CHECK(ring_receive(&m, n + 2 * 65537, &taken) && taken);
		CHECK(ring_check(&m));
		CHECK(ring_ask(&m, m.kr.gen + 2049, 64, key, &err) && !err);
		CHECK(ring_ask(&m, m.kr.gen + 2050, 64, key, &err) &&
		      err == -ERANGE);
		CHECK(ring_ask(&m, ockam_nonce_gen(U64_MAX), 64, key, &err) &&
		      err == -ERANGE);
		ring_model_free(&m);
	}

	/* 33 multiples of 64 in reach, and slots for 32 */
	ring_model_init(&m, 63 * 32, true);
	CHECK(ring_ask(&m, 63 + 2049, 64, key, &err) && !err);
	CHECK(ring_ask(&m, 100, 64, key, &err) && !err);
	CHECK(ring_ask(&m, 63 + 2049, 64, key, &err) && !err);
	ring_model_free(&m);
	return true;
}

/* Forged nonces at all distances between genuine ones in order. */
static bool test_flood(void)
{
	static const u64 ahead[] = { 1, 31, 32, 65536, 65537, 40000, 4242 };
	u64 n = 0, forged = 0, asked = 0, gens;
	u8 key[32];
	bool taken;
	int err;

	ring_model_init(&m, 0, true);
	for (; n < 2000; n++) {
		u32 i;

		CHECK(ring_receive(&m, n, &taken) && taken);
		for (i = 0; i < 50; i++) {
			u64 f = n + (i < 10 ? tap_below(65537) :
				     ahead[tap_below(7)]);

			forged++;
			if (ockam_keyring_get(&m.kr, ockam_nonce_gen(f)))
				continue;
			asked++;
			CHECK(ring_ask(&m, ockam_nonce_gen(f), 64, key, &err));
		}
	}
	CHECK(forged == 100000);
	gens = m.walked;
	CHECK(m.derived <= gens + m.kr.gen + 64 * asked);
	printf("# %llu forged, %llu asked, %llu steps, ring at %llu\n",
	       (unsigned long long)forged, (unsigned long long)asked,
	       (unsigned long long)m.derived, (unsigned long long)m.kr.gen);

	/* and the true gap */
	CHECK(ring_receive(&m, n - 1 + 65535, &taken) && taken);
	CHECK(ring_check(&m));
	ring_model_free(&m);
	return true;
}

/* Two far targets in turn, with the least budget that is promised to do. */
static bool test_progress(void)
{
	u8 key[32];
	u32 i, done = 0;
	int err;

	ring_model_init(&m, 0, true);
	ring_attach(&m);
	for (i = 0; i < 100 && done != 3; i++) {
		err = ockam_keyring_derive(&m.kr, 2000 - i % 2, 64,
					   ring_derive, &m, key);
		CHECK(!err || err == -EAGAIN);
		if (!err)
			done |= 1 << i % 2;
	}
	CHECK(done == 3);
	CHECK(m.derived <= 2000 + 64 * 2);
	ring_model_free(&m);
	return true;
}

/* Before commit nothing changes, and a forged nonce leaves no old key. */
static bool test_tentative(void)
{
	struct ockam_window w;
	u8 key[32];
	bool taken;
	int err;

	ring_model_init(&m, 0, true);
	CHECK(ring_receive(&m, 0, &taken) && taken);
	w = m.w;
	CHECK(ring_ask(&m, 1, 64, key, &err) && !err);
	CHECK(ring_ask(&m, 2, 64, key, &err) && !err);
	CHECK(ring_ask(&m, 2048, 64, key, &err) && !err);
	CHECK(m.kr.gen == 0 && !memcmp(&w, &m.w, sizeof(w)));
	CHECK(ring_receive(&m, 1, &taken) && taken);

	/* a commit after the walk was led elsewhere */
	CHECK(ring_ask(&m, 700, 64, key, &err) && !err);
	CHECK(ring_ask(&m, 100, 64, key, &err) && !err);
	ockam_window_commit(&m.w, 700 * 32 + 7);
	CHECK(ring_commit(&m, 700));
	CHECK(ring_check(&m));

	/* an old commit comes late */
	CHECK(!ockam_keyring_commit(&m.kr, 100, NULL, m.now, ring_derive, &m));
	CHECK(m.kr.gen == 700 && ring_check(&m));
	ring_model_free(&m);
	return true;
}

static u64 pick(const struct ring_model *r)
{
	u64 next = r->w.next;

	switch (tap_below(16)) {
	case 0:
		return next + tap_below(100);
	case 1:
		return next + (tap_below(10) ? 1 : tap_below(65536));
	case 2:
		return next + tap_below(1200);
	case 3:
		return next > 1100 ? next - tap_below(1100) : 0;
	case 4:
	case 5:
	case 6:
		return next > 70 ? next - tap_below(70) : 0;
	default:
		return next;
	}
}

static bool run_model(bool keep, bool failing)
{
	u64 first = tap_below(2) ? 0 : tap_below(5000);
	u8 key[32];
	bool taken;
	u32 i;
	int err;

	ring_model_init(&m, first, keep);
	for (i = 0; i < 3000; i++) {
		u64 n = pick(&m);

		if (ockam_nonce_gen(n) + 3000 > RING_GENS)
			break;
		if (failing && !tap_below(20))
			m.fail_in = 1 + tap_below(80);
		switch (tap_below(12)) {
		case 0:
		case 1:
			CHECK(ring_ask(&m, ockam_nonce_gen(n) +
				       tap_below(2100) * !tap_below(3),
				       64 + tap_below(100), key, &err));
			break;
		case 2:
			m.now += tap_below(tap_below(8) ? 100 : 90000);
			CHECK(ring_expire(&m));
			break;
		case 3:
			ring_detach(&m);
			break;
		default:
			CHECK(ring_receive(&m, n, &taken));
			CHECK(taken || !keep || failing || n < m.w.next);
			m.now += tap_below(3);
			CHECK(ring_expire(&m));
		}
		CHECK(ring_check(&m));
	}
	ring_model_free(&m);
	return true;
}

static bool test_model(void)
{
	u32 i;

	for (i = 0; i < 60; i++)
		CHECK(run_model(i & 1, false));
	return true;
}

static bool test_model_failing(void)
{
	u32 i;

	for (i = 0; i < 40; i++)
		CHECK(run_model(i & 1, true));
	return true;
}

static bool test_sendkey(void)
{
	static const u8 zero[32];
	struct ockam_sendkey s;
	u8 key[32] = { 1 };
	u32 i;

	/* from within a generation, across the next, a failure in between */
	ring_model_init(&m, 0, true);
	ockam_sendkey_init(&s, ring_chain[3], 3 * 32 + 30);
	for (i = 0; i < 40; i++) {
		u64 n = 3 * 32 + 30 + i;

		if (n == 128) {
			m.fail_in = 1;
			CHECK(ockam_sendkey_ready(&s, ring_derive, &m) ==
			      -ENOMEM);
			CHECK(s.gen == 3 && s.nonce == 128);
		}
		CHECK(!ockam_sendkey_ready(&s, ring_derive, &m));
		CHECK(!ockam_sendkey_ready(&s, ring_derive, &m));
		CHECK(!memcmp(s.key, ring_chain[n / 32], 32));
		CHECK(ockam_sendkey_take(&s) == n);
	}
	ockam_sendkey_wipe(&s);
	CHECK(!memcmp(s.key, zero, 32));

	ockam_sendkey_init(&s, key, U64_MAX - 1);
	CHECK(!ockam_sendkey_ready(&s, ring_derive, &m));
	CHECK(ockam_sendkey_take(&s) == U64_MAX - 1);
	CHECK(ockam_sendkey_ready(&s, ring_derive, &m) == -EKEYEXPIRED);
	ring_model_free(&m);
	return true;
}

static bool test_size(void)
{
	CHECK(sizeof(struct ockam_keyring) <= 256);
	CHECK(sizeof(struct ockam_keyring_ext) == 2048);
	CHECK(sizeof(struct ockam_window) == 136);
	return true;
}

static const struct tap_test tests[] = {
	{ "sizes", test_size },
	{ "rekey vectors", test_vectors },
	{ "in order", test_in_order },
	{ "late messages and their keys", test_late },
	{ "window behind a gap", test_behind_gap },
	{ "longest gap", test_longest_gap },
	{ "flood of forged nonces", test_flood },
	{ "progress with a small budget", test_progress },
	{ "nothing is committed before its time", test_tentative },
	{ "random traffic against a chain", test_model },
	{ "the same with a failing ratchet", test_model_failing },
	{ "sending key", test_sendkey },
};

TAP_MAIN(tests)
