// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The whole handshake: known answers, and peers that lie in every way. A lie
 * must give no M3, no keys and no stored history.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "exchange.h"
#include "known.h"
#include "noise_test.h"
#include "tap.h"
#include "xx.h"

#define NOW	1700000100ULL

static struct mem_store store;
static struct trust_policy anyone;
static struct ident_check check;

static void fresh_check(void)
{
	mem_store_init(&store);
	memset(&check, 0, sizeof(check));
	check.policy = &anyone;
	check.store = &store.ops;
}

static bool no_keys(const struct xx_keys *k)
{
	return sodium_is_zero((const uint8_t *)k, sizeof(*k));
}

static void test_known(void)
{
	struct identity *a = known_peer(0x11, 0), *b = known_peer(0x22, 1);
	struct xx_config ca = { NULL, a, &check }, cb = { NULL, b, &check };
	uint8_t m1[64], m2[512], m3[512], e[32];
	struct xx_keys ka, kb;
	struct xx i, r;
	size_t len;

	fresh_check();
	counting_key(e, 0x20);
	fixed_random_next(e);
	MUST(!xx_initiator_start(&i, &ca, NOW, m1, sizeof(m1), &len));
	OK(hex_is(m1, len, KNOWN_M1), "M1 of 32 bytes");
	counting_key(e, 0x41);
	fixed_random_next(e);
	MUST(!xx_responder_m1(&r, &cb, m1, len, NOW, m2, sizeof(m2), &len));
	OK(hex_is(m2, len, KNOWN_M2), "M2 of 419 bytes");
	MUST(!xx_initiator_m2(&i, m2, len, NOW, m3, sizeof(m3), &len, &ka));
	OK(hex_is(m3, len, KNOWN_M3), "M3 of 387 bytes");
	MUST(!xx_responder_m3(&r, m3, len, NOW, &kb));
	OK(hex_is(ka.tx, 32, KNOWN_K2) && hex_is(ka.rx, 32, KNOWN_K1) &&
	   hex_is(ka.transcript, 32, KNOWN_FINAL_H), "keys of the initiator");
	OK(hex_is(kb.tx, 32, KNOWN_K1) && hex_is(kb.rx, 32, KNOWN_K2) &&
	   hex_is(kb.transcript, 32, KNOWN_FINAL_H), "keys of the responder");
	OK(!memcmp(ka.peer.identifier, b->history.identifier, 32) &&
	   ka.peer.history_len == b->raw_len &&
	   !memcmp(ka.peer.history, b->raw, b->raw_len) &&
	   ka.peer.expires == KNOWN_PURPOSE_UNTIL,
	   "the initiator knows the responder");
	OK(!memcmp(kb.peer.identifier, a->history.identifier, 32),
	   "the responder knows the initiator");
	OK(store.saves == 2 && store.n == 2, "both histories are stored");
	OK(sodium_is_zero(i.noise.s, 32) && sodium_is_zero(r.noise.s, 32) &&
	   sodium_is_zero(i.noise.ck, 32) && sodium_is_zero(r.noise.ck, 32) &&
	   !i.cfg.self && !r.cfg.self && a->refs == 1 && b->refs == 1,
	   "both handshakes are wiped");
	xx_keys_wipe(&ka);
	OK(no_keys(&ka), "keys wiped");
	OK(xx_responder_m3(&r, m3, len, NOW, &ka) == IDENT_E_STATE &&
	   no_keys(&ka), "M3 again gives nothing");
	xx_keys_wipe(&kb);
	xx_wipe(&i);
	xx_wipe(&r);
	identity_put(a);
	identity_put(b);
}

/**
 * struct attacker - a peer that sends any payload under any static key
 * @secret:  static key
 * @payload: payload
 * @len:     its length
 */
struct attacker {
	uint8_t secret[32];
	uint8_t payload[60000];
	size_t len;
};

struct outcome {
	int err;
	bool silent;	/* no M3, no keys, nothing stored, handshake dead */
	struct xx_keys keys;
};

static struct identity *victim;

static void attack_initiator(const struct attacker *at, uint64_t now,
			     struct outcome *o)
{
	static uint8_t m2[NOISE_MSG_MAX], m3[1024], got[64];
	struct xx_config cfg = { NULL, victim, &check };
	unsigned int saves = store.saves;
	uint8_t m1[32];
	struct noise_xx n;
	size_t len, got_len;
	struct xx xx;

	MUST(!xx_initiator_start(&xx, &cfg, NOW, m1, sizeof(m1), &len));
	MUST(!noise_init(&n, noise_proto_by_name(NOISE_NAME_OCKAM),
			 NOISE_RESPONDER, NULL, 0, at->secret, NULL));
	MUST(!noise_read(&n, m1, len, got, sizeof(got), &got_len));
	MUST(!noise_write(&n, at->payload, at->len, m2, sizeof(m2), &len));
	memset(m3, 0, sizeof(m3));
	o->err = xx_initiator_m2(&xx, m2, len, now, m3, sizeof(m3), &got_len,
				 &o->keys);
	o->silent = !got_len && sodium_is_zero(m3, sizeof(m3)) &&
		    no_keys(&o->keys) && store.saves == saves &&
		    xx_initiator_m2(&xx, m2, len, NOW, m3, sizeof(m3),
				    &got_len, &(struct xx_keys){ 0 }) ==
		    IDENT_E_STATE;
	xx_wipe(&xx);
	noise_wipe(&n);
}

static void attack_responder(const struct attacker *at, uint64_t now,
			     struct outcome *o)
{
	static uint8_t m3[NOISE_MSG_MAX], m2[1024], got[1024];
	struct xx_config cfg = { NULL, victim, &check };
	unsigned int saves = store.saves;
	uint8_t m1[32];
	struct noise_xx n;
	size_t len, got_len;
	struct xx xx;

	MUST(!noise_init(&n, noise_proto_by_name(NOISE_NAME_OCKAM),
			 NOISE_INITIATOR, NULL, 0, at->secret, NULL));
	MUST(!noise_write(&n, NULL, 0, m1, sizeof(m1), &len));
	MUST(!xx_responder_m1(&xx, &cfg, m1, len, NOW, m2, sizeof(m2), &len));
	MUST(!noise_read(&n, m2, len, got, sizeof(got), &got_len));
	MUST(!noise_write(&n, at->payload, at->len, m3, sizeof(m3), &len));
	o->err = xx_responder_m3(&xx, m3, len, now, &o->keys);
	o->silent = no_keys(&o->keys) && store.saves == saves &&
		    xx_responder_m3(&xx, m3, len, NOW,
				    &(struct xx_keys){ 0 }) == IDENT_E_STATE;
	xx_wipe(&xx);
	noise_wipe(&n);
}

static void (* const roles[2])(const struct attacker *, uint64_t,
			       struct outcome *) = {
	attack_initiator, attack_responder
};

static void refused_at(const struct attacker *at, uint64_t now, int want,
		       const char *what)
{
	struct outcome o;
	int i;

	for (i = 0; i < 2; i++) {
		roles[i](at, now, &o);
		OK(o.err == want && o.silent, "%s refuses %s (%s)",
		   i ? "responder" : "initiator", what, ident_errname(o.err));
		xx_keys_wipe(&o.keys);
	}
}

static void refused(const struct attacker *at, int want, const char *what)
{
	refused_at(at, NOW, want, what);
}

static void accepted_at(const struct attacker *at, uint64_t now,
			unsigned int saves, const char *what)
{
	struct outcome o;
	int i;

	for (i = 0; i < 2; i++) {
		unsigned int before = store.saves;

		roles[i](at, now, &o);
		OK(!o.err && !no_keys(&o.keys) &&
		   store.saves - before == (i ? 0 : saves),
		   "%s accepts %s (%s)", i ? "responder" : "initiator", what,
		   ident_errname(o.err));
		xx_keys_wipe(&o.keys);
	}
}

/**
 * struct liar - makes payloads; starts out honest
 * @raw:     change history
 * @raw_len: its length
 * @h:       what it says
 * @sk:      key that signs the attestation
 * @subject: subject of the attestation
 * @latest:  latest change hash in it
 * @key:     attested key
 * @secret:  static key that is used
 */
struct liar {
	uint8_t raw[60000];
	size_t raw_len;
	struct ident_history h;
	uint8_t sk[64];
	uint8_t subject[32];
	uint8_t latest[32];
	struct ident_purpose_key key;
	uint8_t secret[32];
};

static struct liar liar;
static struct attacker at;

static void liar_sync(void)
{
	memcpy(liar.subject, liar.h.identifier, 32);
	memcpy(liar.latest, ident_history_latest(&liar.h), 32);
}

static void liar_init(void)
{
	memset(&liar, 0, sizeof(liar));
	liar.raw_len = craft_history(liar.raw, sizeof(liar.raw), 1, liar.sk);
	MUST(!ident_history_verify(liar.raw, liar.raw_len, 0, NULL, &liar.h));
	liar_sync();
	counting_key(liar.secret, 0x70);
	MUST(!crypto_scalarmult_base(liar.key.x25519, liar.secret));
	liar.key.kind = IDENT_PURPOSE_CHANNEL;
	liar.key.created = KNOWN_FROM;
	liar.key.expires = KNOWN_PURPOSE_UNTIL;
	fresh_check();
}

/* Where the parts of the payload lie, for cases that damage it. */
static size_t attestation_at;
static bool attestation_junk;

static void liar_write(void)
{
	uint8_t att[512];
	struct ocb_writer w;

	ocb_writer_init(&w, att, sizeof(att));
	craft_attestation(&w, liar.sk, liar.subject, liar.latest, &liar.key,
			  attestation_junk);
	memcpy(at.secret, liar.secret, 32);
	attestation_at = 1 + liar.raw_len;
	{
		struct ocb_writer p;

		ocb_writer_init(&p, at.payload, sizeof(at.payload));
		MUST(!ident_payload_write(liar.raw, liar.raw_len, att, w.len,
					  NULL, 0, 0, &p));
		at.len = p.len;
	}
}

static void test_attestation_lies(void)
{
	struct ident_history other;
	uint8_t raw[512], sk[64];
	size_t len;

	liar_init();
	liar_write();
	accepted_at(&at, NOW, 1, "an honest peer");

	liar_init();
	liar.secret[5] ^= 1;
	liar_write();
	refused(&at, IDENT_E_STATIC_KEY, "another static key than attested");

	liar_init();
	craft_key(sk, 0x11);
	{
		struct identity *a = known_peer(0x11, 0);

		other = a->history;
		identity_put(a);
	}
	memcpy(liar.subject, other.identifier, 32);
	liar_write();
	refused(&at, IDENT_E_SUBJECT, "an attestation of another subject");
	memcpy(liar.latest, ident_history_latest(&other), 32);
	memcpy(liar.sk, sk, 64);
	liar_write();
	refused(&at, IDENT_E_SUBJECT, "somebody else's genuine attestation");

	liar_init();
	memcpy(liar.sk, sk, 64);
	liar_write();
	refused(&at, IDENT_E_ATTEST_SIG, "an attestation by another key");

	liar_init();
	liar_write();
	at.payload[at.len - 2] ^= 1;
	refused(&at, IDENT_E_ATTEST_SIG, "a damaged attestation signature");

	liar_init();
	liar_write();
	make_noncanonical(at.payload + at.len - 65);
	refused(&at, IDENT_E_ATTEST_SIG, "a non-canonical attestation");

	liar_init();
	liar_write();
	make_noncanonical(at.payload + attestation_at - 64);
	refused(&at, IDENT_E_SIG, "a non-canonical change");

	liar_init();
	attestation_junk = true;
	liar_write();
	attestation_junk = false;
	refused(&at, IDENT_E_TRAILING, "bytes after the attestation's data");

	liar_init();
	liar.key.kind = IDENT_PURPOSE_CREDENTIALS;
	memcpy(liar.key.verify.key, liar.key.x25519, 32);
	liar_write();
	refused(&at, IDENT_E_KEY_KIND, "a credential key as static key");
	liar.key.kind = (enum ident_purpose)2;
	liar_write();
	refused(&at, IDENT_E_VARIANT, "a purpose that is unknown");

	len = craft_history(raw, sizeof(raw), 2, sk);
	MUST(!ident_history_verify(raw, len, 0, NULL, &other));
	liar_init();
	memcpy(liar.raw, raw, len);
	liar.raw_len = len;
	liar_write();
	refused(&at, IDENT_E_CHANGE_HASH, "an attestation under an old key");
	memcpy(liar.latest, ident_history_latest(&other), 32);
	liar_write();
	refused(&at, IDENT_E_ATTEST_SIG, "one signed by the old key");
	memcpy(liar.sk, sk, 64);
	liar_write();
	accepted_at(&at, NOW, 1, "one by the new key");
}

static void test_times(void)
{
	liar_init();
	liar.key.expires = NOW;
	liar_write();
	accepted_at(&at, NOW, 1, "a key in its last second");
	refused_at(&at, NOW + 1, IDENT_E_EXPIRED, "a key that expired");

	liar_init();
	liar.key.created = NOW + 60;
	liar_write();
	accepted_at(&at, NOW, 1, "a key of a minute ahead");
	liar_init();
	liar.key.created = NOW + 61;
	liar_write();
	refused(&at, IDENT_E_FUTURE, "a key of 61 seconds ahead");
	liar.key.created = UINT64_MAX;
	liar_write();
	refused(&at, IDENT_E_FUTURE, "a key of the end of time");

	liar_init();
	liar.key.created = KNOWN_FROM - 1;
	liar_write();
	refused(&at, IDENT_E_ATTEST_TIME, "a key older than the identity's");
	liar_init();
	liar.key.expires = KNOWN_UNTIL + 1;
	liar_write();
	refused(&at, IDENT_E_ATTEST_TIME, "a key outliving the identity's");
}

static void know(const uint8_t *raw, size_t len)
{
	struct ident_history h;

	MUST(!ident_history_verify(raw, len, 0, NULL, &h));
	MUST(!store.ops.save(&store, h.identifier, raw, len));
}

static void test_known_histories(void)
{
	uint8_t raw[3][1024], sk[3][64];
	size_t len[3];

	len[0] = craft_history(raw[0], 1024, 1, sk[0]);
	len[1] = craft_history(raw[1], 1024, 2, sk[1]);
	len[2] = craft_fork(raw[2], 1024, sk[2]);

	liar_init();
	liar_write();
	know(raw[1], len[1]);
	refused(&at, IDENT_E_OLDER, "a history older than the known one");
	OK(store.len[0] == len[1] && !memcmp(store.raw[0], raw[1], len[1]),
	   "the known one stays");

	liar_init();
	know(raw[0], len[0]);
	liar_write();
	accepted_at(&at, NOW, 0, "the known history, without storing it");
	memcpy(liar.raw, raw[1], len[1]);
	liar.raw_len = len[1];
	MUST(!ident_history_verify(raw[1], len[1], 0, NULL, &liar.h));
	memcpy(liar.sk, sk[1], 64);
	liar_sync();
	liar_write();
	accepted_at(&at, NOW, 1, "a newer history, storing it once");
	OK(store.n == 1 && store.len[0] == len[1], "the newer one is kept");

	memcpy(liar.raw, raw[2], len[2]);
	liar.raw_len = len[2];
	MUST(!ident_history_verify(raw[2], len[2], 0, NULL, &liar.h));
	memcpy(liar.sk, sk[2], 64);
	liar_sync();
	liar_write();
	refused(&at, IDENT_E_CONFLICT, "a history that forks off");
	OK(store.n == 1 && !memcmp(store.raw[0], raw[1], len[1]),
	   "the known one stays");
}

static void test_store_failures(void)
{
	struct outcome o;

	liar_init();
	liar_write();
	store.fail_load = true;
	refused(&at, IDENT_E_STORE, "when known histories cannot be read");
	store.fail_load = false;
	store.fail_save = true;
	attack_initiator(&at, NOW, &o);
	OK(o.err == IDENT_E_STORE && no_keys(&o.keys) && store.saves == 1,
	   "no keys when the history cannot be stored");
	attack_responder(&at, NOW, &o);
	OK(o.err == IDENT_E_STORE && no_keys(&o.keys) && store.saves == 2,
	   "nor for a responder");
	store.full = true;
	attack_responder(&at, NOW, &o);
	OK(o.err == IDENT_E_STORE_FULL && no_keys(&o.keys),
	   "nor when there are too many, which does not pass");

	liar_init();
	liar_write();
	know(liar.raw, liar.raw_len);
	store.raw[0][20] ^= 1;
	refused(&at, IDENT_E_STORE_DAMAGED,
		"when the stored history is damaged");
}

static void test_policies(void)
{
	struct trust_policy list = { 0 }, unset = { 0 };
	char text[IDENT_ID_TEXT_LEN + 1];

	liar_init();
	liar_write();
	check.policy = &unset;
	refused(&at, IDENT_E_UNTRUSTED, "everybody without a policy");
	MUST(!trust_policy_add(&list, KNOWN_A2_ID));
	check.policy = &list;
	refused(&at, IDENT_E_UNTRUSTED, "an identifier that is not listed");
	OK(!store.n && !store.saves, "and stores nothing of it");
	ident_id_print(liar.h.identifier, text);
	MUST(!trust_policy_add(&list, text));
	accepted_at(&at, NOW, 1, "one that is");
	trust_policy_clear(&list);
}

static void liar_changes(unsigned int n)
{
	liar_init();
	liar.raw_len = craft_history(liar.raw, sizeof(liar.raw), n, liar.sk);
	/* Beyond the greatest bound there is nothing to verify with. */
	if (n <= IDENT_CHANGES_MAX) {
		MUST(!ident_history_verify(liar.raw, liar.raw_len,
					   IDENT_CHANGES_MAX, NULL, &liar.h));
		liar_sync();
	}
	liar_write();
}

static void test_bounds(void)
{
	liar_changes(32);
	accepted_at(&at, NOW, 1, "32 changes");
	liar_changes(33);
	refused(&at, IDENT_E_MANY_CHANGES, "33 changes");
	liar_changes(250);
	refused(&at, IDENT_E_MANY_CHANGES, "250 changes");

	liar_init();
	liar_write();
	at.payload[at.len++] = 0x80;
	refused(&at, IDENT_E_TRAILING, "a byte after the payload");
	liar_write();
	at.len--;
	refused(&at, IDENT_E_DECODE, "a payload that ends early");
	at.len = 0;
	refused(&at, IDENT_E_DECODE, "an empty payload");
	memset(at.payload, 0x81, 50000);
	at.len = 50000;
	refused(&at, IDENT_E_DECODE, "50000 arrays in one another");

	/* 17 credentials that are not even credentials */
	liar_write();
	at.payload[at.len - 1] = 0x91;
	memset(at.payload + at.len, 0, 17);
	at.len += 17;
	refused(&at, IDENT_E_MANY_CREDS, "17 credentials");
	at.payload[at.len - 18] = 0x90;
	at.len--;
	accepted_at(&at, NOW, 1, "16 of no worth, nobody asked for");
}

static void test_payload_damage(void)
{
	struct ident_peer peer;
	unsigned int wrong = 0, round;
	uint8_t pub[32], was;
	size_t i;

	liar_init();
	liar_write();
	memcpy(pub, liar.key.x25519, 32);
	MUST(!identity_check_peer(at.payload, at.len, pub, &check, NOW,
				  &peer));
	ident_peer_clear(&peer);
	mem_store_init(&store);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < at.len; i++) {
			was = at.payload[i];
			at.payload[i] ^= (uint8_t)(1 + tap_random() % 255);
			if (!identity_check_peer(at.payload, at.len, pub,
						 &check, NOW, &peer)) {
				tap_note("byte %zu is %02x", i, at.payload[i]);
				ident_peer_clear(&peer);
				wrong++;
			}
			at.payload[i] = was;
		}
	}
	OK(!wrong && !store.saves, "each byte of the payload matters");
	for (i = 0; i < at.len; i++)
		wrong += !identity_check_peer(at.payload, i, pub, &check, NOW,
					      &peer);
	OK(!wrong && !store.saves, "each truncation is refused");
	for (round = 0; round < 2000; round++) {
		uint8_t junk[400];
		size_t from = tap_random() % at.len, n = tap_random() % (at.len - from);

		memcpy(junk, at.payload, at.len);
		randombytes_buf(junk + from, n);
		if (n > 4 && !identity_check_peer(junk, at.len, pub, &check,
						  NOW, &peer))
			wrong++;
	}
	OK(!wrong && !store.saves, "random damage is refused");
}

/* At the level of the handshake: damage is refused, then the real one taken. */
static void test_wire_damage(void)
{
	struct identity *a = known_peer(0x11, 0), *b = known_peer(0x22, 1);
	struct xx_config ca = { NULL, a, &check }, cb = { NULL, b, &check };
	uint8_t m1[32], m2[512], m3[512], out[512], bad[513];
	size_t l1, l2, l3, n, j;
	struct xx_keys ka, kb;
	struct xx i, r, was;
	bool good = true;

	fresh_check();
	MUST(!xx_initiator_start(&i, &ca, NOW, m1, sizeof(m1), &l1));
	MUST(!xx_responder_m1(&r, &cb, m1, l1, NOW, m2, sizeof(m2), &l2));
	was = i;
	for (j = 0; j < l2; j++) {
		memcpy(bad, m2, l2);
		bad[j] ^= (uint8_t)(1 << tap_random() % 8);
		good &= xx_initiator_m2(&i, bad, l2, NOW, out, sizeof(out), &n,
					&ka) && !n && no_keys(&ka) &&
			!memcmp(&i, &was, sizeof(i));
		good &= xx_initiator_m2(&i, m2, j, NOW, out, sizeof(out), &n,
					&ka) && !n && no_keys(&ka) &&
			!memcmp(&i, &was, sizeof(i));
	}
	OK(good && !store.saves, "M2 damaged and truncated at every byte");
	OK(xx_initiator_m2(&i, m2, l2, NOW, out, 386, &n, &ka) ==
	   IDENT_E_SPACE && !memcmp(&i, &was, sizeof(i)),
	   "no room for M3 costs nothing");
	OK(xx_responder_m3(&i, m2, l2, NOW, &ka) == IDENT_E_STATE &&
	   !memcmp(&i, &was, sizeof(i)), "an initiator takes no M3");
	OK(!xx_initiator_m2(&i, m2, l2, NOW, m3, sizeof(m3), &l3, &ka),
	   "then the real M2");
	was = r;
	for (j = 0; j < l3; j++) {
		memcpy(bad, m3, l3);
		bad[j] ^= (uint8_t)(1 << tap_random() % 8);
		good &= xx_responder_m3(&r, bad, l3, NOW, &kb) &&
			no_keys(&kb) && !memcmp(&r, &was, sizeof(r));
		good &= xx_responder_m3(&r, m3, j, NOW, &kb) &&
			no_keys(&kb) && !memcmp(&r, &was, sizeof(r));
	}
	OK(good && store.saves == 1, "M3 damaged and truncated at every byte");
	OK(!xx_responder_m3(&r, m3, l3, NOW, &kb) &&
	   !memcmp(ka.tx, kb.rx, 32) && !memcmp(ka.rx, kb.tx, 32),
	   "then the real M3");
	xx_keys_wipe(&ka);
	xx_keys_wipe(&kb);

	OK(xx_responder_m1(&r, &cb, m1, 31, NOW, m2, sizeof(m2), &n) ==
	   NOISE_E_LENGTH && !n && !r.cfg.self, "M1 of 31 bytes");
	memset(m1, 0, sizeof(m1));
	OK(xx_responder_m1(&r, &cb, m1, 32, NOW, m2, sizeof(m2), &n) ==
	   NOISE_E_DH && !n && !r.cfg.self, "M1 of zeros");
	memset(bad, 7, sizeof(bad));
	OK(!xx_responder_m1(&r, &cb, bad, 200, NOW, m2, sizeof(m2), &n) &&
	   n == 419, "a payload in M1 is ignored");
	xx_wipe(&r);
	OK(xx_initiator_start(&i, &ca, KNOWN_PURPOSE_UNTIL + 1, m1, 32, &n) ==
	   IDENT_E_OWN_KEY && !n, "no M1 with an expired key of our own");
	OK(xx_responder_m1(&r, &cb, m1, 32, KNOWN_FROM - 100, m2, sizeof(m2),
			   &n) == IDENT_E_OWN_KEY && !n,
	   "no M2 with a key of the future");
	OK(a->refs == 1 && b->refs == 1, "no reference is left");
	identity_put(a);
	identity_put(b);
}

/* The payload of M1 is part of the transcript though it is ignored. */
static void test_m1_payload(void)
{
	struct identity *b = known_peer(0x22, 1);
	struct xx_config cfg = { NULL, b, &check };
	uint8_t m1[64], m2[512], got[512], secret[32] = { 5 };
	struct noise_xx n;
	size_t len, l1, got_len;
	struct xx r;

	fresh_check();
	MUST(!noise_init(&n, noise_proto_by_name(NOISE_NAME_OCKAM),
			 NOISE_INITIATOR, NULL, 0, secret, NULL));
	MUST(!noise_write(&n, "hello", 5, m1, sizeof(m1), &l1));
	MUST(!xx_responder_m1(&r, &cfg, m1, l1, NOW, m2, sizeof(m2), &len));
	OK(!noise_read(&n, m2, len, got, sizeof(got), &got_len) &&
	   hex_is(got, got_len, KNOWN_A2_PAYLOAD), "M1 with a payload");
	xx_wipe(&r);

	MUST(!noise_init(&n, noise_proto_by_name(NOISE_NAME_OCKAM),
			 NOISE_INITIATOR, NULL, 0, secret, NULL));
	MUST(!noise_write(&n, "hello", 5, m1, sizeof(m1), &l1));
	m1[l1 - 1] ^= 1;
	MUST(!xx_responder_m1(&r, &cfg, m1, l1, NOW, m2, sizeof(m2), &len));
	OK(noise_read(&n, m2, len, got, sizeof(got), &got_len) ==
	   NOISE_E_DECRYPT, "M1 with a payload changed on the way");
	xx_wipe(&r);
	identity_put(b);
}

static void test_credentials(void)
{
	struct identity *authority = known_identity(0x33);
	struct identity *a = known_peer(0x11, 0), *b = known_peer(0x22, 1);
	struct ident_authorities auth = { &authority->history, 1 };
	struct xx_config ca = { NULL, a, &check }, cb = { NULL, b, &check };
	uint8_t cred[512], m1[32], m2[512], m3[2048];
	size_t len = unhex(KNOWN_A5_CREDENTIAL, cred, sizeof(cred)), l;
	struct ident_check plain;
	struct xx_keys ka, kb;
	struct xx i, r;
	int round;

	OK(identity_add_credential(a, cred, len - 1) == IDENT_E_DECODE &&
	   identity_add_credential(a, cred, 0) == IDENT_E_DECODE &&
	   !a->n_creds, "half a credential is not taken");
	MUST(!identity_add_credential(a, cred, len));
	cred[len - 1] ^= 1;
	MUST(!identity_add_credential(a, cred, len));
	for (round = 0; round < 3; round++) {
		fresh_check();
		plain = check;
		ca.check = &plain;
		if (round)
			check.authorities = &auth;
		MUST(!xx_initiator_start(&i, &ca, NOW, m1, sizeof(m1), &l));
		MUST(!xx_responder_m1(&r, &cb, m1, l, NOW, m2, sizeof(m2),
				      &l));
		MUST(!xx_initiator_m2(&i, m2, l, NOW, m3, sizeof(m3), &l,
				      &ka));
		MUST(!xx_responder_m3(&r, m3, l, round == 2 ?
				      KNOWN_FROM + 4000 : NOW, &kb));
		switch (round) {
		case 0:
			OK(!kb.peer.n_creds && !kb.peer.refused_creds,
			   "credentials are not looked at for no authority");
			break;
		case 1:
			OK(kb.peer.n_creds == 1 && kb.peer.refused_creds == 1 &&
			   kb.peer.creds[0].n_attrs == 1 &&
			   !memcmp(kb.peer.creds[0].attrs[0].value, "member",
				   6) &&
			   kb.peer.cred_err == IDENT_E_ATTEST_SIG,
			   "a good one counts, a bad one refuses only itself");
			break;
		case 2:
			OK(!kb.peer.n_creds && kb.peer.refused_creds == 2,
			   "an expired one does not end the handshake");
			break;
		}
		xx_keys_wipe(&ka);
		xx_keys_wipe(&kb);
	}
	identity_put(authority);
	identity_put(a);
	identity_put(b);
}

/* A store that knows one history, that of an authority. */
static const struct identity *known_authority;

static int load_authority(void *ctx, const uint8_t id[IDENT_ID_LEN],
			  uint8_t *buf, size_t cap, size_t *len)
{
	const struct identity *a = known_authority;

	(void)ctx;
	if (!a || memcmp(id, a->history.identifier, IDENT_ID_LEN) ||
	    a->raw_len > cap)
		return 0;
	memcpy(buf, a->raw, a->raw_len);
	*len = a->raw_len;
	return 1;
}

static int save_nothing(void *ctx, const uint8_t id[IDENT_ID_LEN],
			const uint8_t *history, size_t len)
{
	(void)ctx;
	(void)id;
	(void)history;
	(void)len;
	return 0;
}

struct rule_case {
	const char *rule;	/* behind the authority's identifier */
	bool other;		/* another authority is named */
	bool unknown;		/* its history is not known */
	bool stolen;		/* who presents it is not the subject */
	uint64_t now;
	int err;
	const char *what;
};

/* What the responder says of an initiator with the credential. */
static int try_rule(const struct rule_case *t, struct identity *authority,
		    struct xx_keys *keys, struct trust_policy *p)
{
	const struct ident_peer_store store = { load_authority, save_nothing,
						NULL };
	struct ident_check strict = { .policy = p, .store = &store };
	struct identity *a = known_peer(0x11, 0), *b = known_peer(0x22, 1);
	struct identity *thief, *self = a;
	uint8_t cred[512], m1[32], m2[512], m3[2048];
	size_t len = unhex(KNOWN_A5_CREDENTIAL, cred, sizeof(cred)), l;
	char word[200], id[IDENT_ID_TEXT_LEN + 1];
	struct xx_config ca, cb;
	struct xx i, r;
	int err;

	MUST(!identity_generate(NOW - 100, &thief));
	if (t->stolen)
		self = thief;
	MUST(!identity_add_credential(self, cred, len));
	ident_id_print((t->other ? thief : authority)->history.identifier, id);
	snprintf(word, sizeof(word), "authority %s %s", id, t->rule);
	MUST(!trust_policy_add(p, word));
	known_authority = t->unknown ? NULL : authority;
	fresh_check();
	ca = (struct xx_config){ NULL, self, &check };
	cb = (struct xx_config){ NULL, b, &strict };
	MUST(!xx_initiator_start(&i, &ca, NOW, m1, sizeof(m1), &l));
	MUST(!xx_responder_m1(&r, &cb, m1, l, NOW, m2, sizeof(m2), &l));
	MUST(!xx_initiator_m2(&i, m2, l, NOW, m3, sizeof(m3), &l, keys));
	xx_keys_wipe(keys);
	err = xx_responder_m3(&r, m3, l, t->now, keys);
	identity_put(thief);
	identity_put(a);
	identity_put(b);
	return err;
}

static void test_rules(void)
{
	static const struct rule_case cases[] = {
		{ "role=member", 0, 0, 0, NOW, 0,
		  "an attribute by an authority is trusted" },
		{ "role=admin", 0, 0, 0, NOW, IDENT_E_UNTRUSTED,
		  "another value is not" },
		{ "role=membe", 0, 0, 0, NOW, IDENT_E_UNTRUSTED,
		  "nor the beginning of one" },
		{ "rol=emember", 0, 0, 0, NOW, IDENT_E_UNTRUSTED,
		  "nor another name" },
		{ "role=member", 1, 0, 0, NOW, IDENT_E_UNTRUSTED,
		  "nor what another authority would have to say" },
		{ "role=member", 0, 1, 0, NOW, IDENT_E_UNTRUSTED,
		  "nor what cannot be verified" },
		{ "role=member", 0, 0, 1, NOW, IDENT_E_UNTRUSTED,
		  "nor a credential of somebody else" },
		{ "role=member", 0, 0, 0, KNOWN_FROM + 4000, IDENT_E_UNTRUSTED,
		  "nor one that has expired" },
	};
	static const char * const bad[] = {
		"authority", "authority ", "authority x role=member",
		"authority " KNOWN_A2_ID, "authority " KNOWN_A2_ID " role",
		"authority " KNOWN_A2_ID " =member",
		"authority " KNOWN_A2_ID "role=member",
	};
	struct identity *authority = known_identity(0x33);
	struct trust_policy p, same;
	struct xx_keys keys;
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(&p, 0, sizeof(p));
		memset(&keys, 0, sizeof(keys));
		err = try_rule(&cases[i], authority, &keys, &p);
		OK(err == cases[i].err, "%s: %d", cases[i].what, err);
		if (!err) {
			char word[200], id[IDENT_ID_TEXT_LEN + 1];

			OK(keys.peer.rule == p.rules &&
			   keys.peer.expires == KNOWN_FROM + 3600,
			   "for as long as the credential");
			memset(&same, 0, sizeof(same));
			ident_id_print(authority->history.identifier, id);
			snprintf(word, sizeof(word),
				 "authority %s role=memberS", id);
			MUST(!trust_policy_add(&same, word));
			OK(!trust_policy_has(&same, keys.peer.rule),
			   "another rule is another one");
			word[strlen(word) - 1] = 0;
			MUST(!trust_policy_add(&same, word));
			OK(trust_policy_has(&same, keys.peer.rule),
			   "the same rule in another policy");
			trust_policy_clear(&same);
		}
		xx_keys_wipe(&keys);
		trust_policy_clear(&p);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&p, 0, sizeof(p));
		OK(trust_policy_add(&p, bad[i]) == IDENT_E_INVALID &&
		   p.kind == TRUST_UNSET, "no rule: %s", bad[i]);
		trust_policy_clear(&p);
	}
	identity_put(authority);
}

/* A change history and one credential, or none. */
static size_t refresh_item(const struct identity *self, bool with,
			   uint8_t *out, size_t cap)
{
	uint8_t cred[512];
	size_t len = unhex(KNOWN_A5_CREDENTIAL, cred, sizeof(cred));
	struct ocb_writer w;

	ocb_writer_init(&w, out, cap);
	MUST(!ident_refresh_write(self->raw, self->raw_len, cred,
				  with ? len : 0, with, &w));
	return w.len;
}

/* Credentials that a peer shows when the channel is up. */
static void test_refresh(void)
{
	struct identity *authority = known_identity(0x33), *thief, *next;
	const struct ident_peer_store store = { load_authority, save_nothing,
						NULL };
	struct identity *a = known_peer(0x11, 0);
	char word[200], id[IDENT_ID_TEXT_LEN + 1];
	struct trust_policy p = { 0 };
	struct ident_check strict = { .policy = &p, .store = &store };
	uint8_t item[4096];
	struct ident_refresh r = {
		.item = item,
		.identifier = a->history.identifier,
		.key_expires = KNOWN_FROM + 7200,
	};
	struct ident_peer peer;
	int err;

	MUST(!identity_generate(NOW - 100, &thief));
	ident_id_print(authority->history.identifier, id);
	snprintf(word, sizeof(word), "authority %s role=member", id);
	MUST(!trust_policy_add(&p, word));
	known_authority = authority;

	r.len = refresh_item(a, true, item, sizeof(item));
	MUST(item[0] == 0x82);
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(!err && peer.rule == p.rules && peer.expires == KNOWN_FROM + 3600 &&
	   peer.key_expires == KNOWN_FROM + 7200,
	   "a new credential is good for as long as it is: %d", err);
	ident_peer_clear(&peer);
	r.key_expires = KNOWN_FROM + 1800;
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(!err && peer.expires == KNOWN_FROM + 1800,
	   "not for longer than the key of the handshake: %d", err);
	ident_peer_clear(&peer);
	err = identity_check_refresh(&r, &strict, KNOWN_FROM + 4000, &peer);
	OK(err == IDENT_E_UNTRUSTED, "an expired one is refused: %d", err);
	r.identifier = thief->history.identifier;
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(err == IDENT_E_IDENTIFIER, "another identity's is refused: %d",
	   err);
	r.len = refresh_item(thief, true, item, sizeof(item));
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(err == IDENT_E_UNTRUSTED, "and one about somebody else: %d", err);
	r.identifier = a->history.identifier;
	r.len = refresh_item(a, false, item, sizeof(item));
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(err == IDENT_E_UNTRUSTED, "none is none: %d", err);
	item[r.len] = 0;
	r.len++;
	err = identity_check_refresh(&r, &strict, NOW, &peer);
	OK(err == IDENT_E_TRAILING, "bytes behind it are refused: %d", err);
	MUST(!identity_rotate(a, NOW + 5, &next));
	r.len = refresh_item(next, true, item, sizeof(item)) - 1;
	err = identity_check_refresh(&r, &strict, NOW + 5, &peer);
	OK(err == IDENT_E_DECODE, "and less than one: %d", err);
	trust_policy_clear(&p);
	identity_put(next);
	identity_put(thief);
	identity_put(a);
	identity_put(authority);
}

/* After a rotation peers that saw it refuse what was before. */
static void test_rotation(void)
{
	struct identity *a, *b, *next;
	struct xx_config ca, cb;
	uint8_t m1[32], m2[1024], m3[1024];
	struct xx_keys ka, kb;
	int err, round;
	struct xx i, r;
	size_t l;

	fresh_check();
	MUST(!identity_generate(NOW, &a) && !identity_generate(NOW, &b));
	MUST(!identity_rotate(a, NOW + 5, &next));
	for (round = 0; round < 3; round++) {
		ca = (struct xx_config){ NULL, round == 1 ? next : a, &check };
		cb = (struct xx_config){ NULL, b, &check };
		MUST(!xx_initiator_start(&i, &ca, NOW + 5, m1, 32, &l));
		MUST(!xx_responder_m1(&r, &cb, m1, l, NOW + 5, m2, sizeof(m2),
				      &l));
		MUST(!xx_initiator_m2(&i, m2, l, NOW + 5, m3, sizeof(m3), &l,
				      &ka));
		err = xx_responder_m3(&r, m3, l, NOW + 5, &kb);
		OK(err == (round == 2 ? IDENT_E_OLDER : 0),
		   "%s", round == 0 ? "before rotation" :
		   round == 1 ? "after rotation" : "the old key afterwards");
		xx_keys_wipe(&ka);
		xx_keys_wipe(&kb);
	}
	identity_put(next);
	identity_put(a);
	identity_put(b);
}

int main(void)
{
	tap_seed();
	fixed_random_init();
	MUST(!trust_policy_add(&anyone, "anyone"));
	victim = known_peer(0x22, 1);
	test_known();
	test_attestation_lies();
	test_times();
	test_known_histories();
	test_store_failures();
	test_policies();
	test_bounds();
	test_payload_damage();
	test_wire_damage();
	test_m1_payload();
	test_credentials();
	test_rules();
	test_refresh();
	test_rotation();
	identity_put(victim);
	return tap_done();
}
