// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH: known answers (vectors/x3dh.json, which vectors/x3dh.py computes by
 * itself), bundles and first messages that lie in every way, prekeys that are
 * used once.  A lie must give no keys and change nothing.
 *
 * With --vectors the known answers are printed instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "exchange.h"
#include "ident_err.h"
#include "known.h"
#include "tap.h"
#include "vectors.h"
#include "x3dh.h"

#define NOW		1700000100ULL
#define CREATED		1700000050ULL
#define EXPIRES		(CREATED + BUNDLE_SECONDS)
#define PREKEY_ID	7ULL
#define ONE_TIME_ID	300ULL

static struct mem_store store;
static struct trust_policy anyone = { .kind = TRUST_ANYONE };
static struct ident_check check;
static struct identity *alice, *bob;

/* ---- known bundles ---- */

static struct {
	bool known, fail_load, fail_save;
	uint8_t id[32];
	uint64_t sequence;
	uint8_t digest[32];
	unsigned int saves;
} seen;

static int seen_load(void *ctx, const uint8_t id[32], uint64_t *sequence,
		     uint8_t digest[32])
{
	(void)ctx;
	if (seen.fail_load)
		return -1;
	if (!seen.known || memcmp(seen.id, id, 32))
		return 0;
	*sequence = seen.sequence;
	memcpy(digest, seen.digest, 32);
	return 1;
}

static int seen_save(void *ctx, const uint8_t id[32], uint64_t sequence,
		     const uint8_t digest[32])
{
	(void)ctx;
	seen.saves++;
	if (seen.fail_save)
		return -1;
	seen.known = true;
	memcpy(seen.id, id, 32);
	seen.sequence = sequence;
	memcpy(seen.digest, digest, 32);
	return 0;
}

static const struct x3dh_known known = { .load = seen_load, .save = seen_save };

/* ---- two parties ---- */

static unsigned int commits;
static bool fail_commit;

static int commit(void *ctx)
{
	(void)ctx;
	commits++;
	return fail_commit ? -1 : 0;
}

static struct prekeys *prekeys;
static struct x3dh_config ini;
static struct x3dh_own resp;
static uint8_t bundle[2048], one_time[ONE_TIME_MAX];
static size_t bundle_len, one_time_len;

static void fresh(void)
{
	mem_store_init(&store);
	memset(&seen, 0, sizeof(seen));
	memset(&check, 0, sizeof(check));
	check.policy = &anyone;
	check.store = &store.ops;
	commits = 0;
	fail_commit = false;
}

/* Prekeys of fixed numbers and secrets, as no generator would make them. */
static void fixed_prekeys(void)
{
	struct prekey_signed *spk;
	struct ocb_writer w;
	struct bundle b;

	prekeys_free(prekeys);
	prekeys = prekeys_new(bob->history.identifier);
	MUST(prekeys);
	prekeys->n = 1;
	prekeys->last = PREKEY_ID;
	spk = &prekeys->spk[0];
	spk->id = PREKEY_ID;
	counting_key(spk->secret, 0x61);
	MUST(!crypto_scalarmult_base(spk->pub, spk->secret));
	memcpy(spk->x25519, bob->channel.key.x25519, 32);
	spk->created = CREATED;
	spk->expires = EXPIRES;
	ocb_writer_init(&w, bundle, sizeof(bundle));
	MUST(!bundle_make(bob, PREKEY_ID, spk->pub, PREKEY_ID, CREATED,
			  EXPIRES, &w));
	bundle_len = w.len;
	MUST(!bundle_read(bundle, bundle_len, &b));
	memcpy(spk->digest, b.digest, 32);
	spk->bundle = malloc(bundle_len);
	MUST(spk->bundle);
	memcpy(spk->bundle, bundle, bundle_len);
	spk->bundle_len = bundle_len;
	spk->next_one_time = ONE_TIME_ID + 1;
	spk->n_one_time = 1;
	spk->one_time[0].id = ONE_TIME_ID;
	counting_key(spk->one_time[0].secret, 0x81);
	ocb_writer_init(&w, one_time, sizeof(one_time));
	MUST(!prekeys_one_time(prekeys, bob, 0, &w));
	one_time_len = w.len;
	resp.prekeys = prekeys;
}

static void parties(void)
{
	fresh();
	if (!alice) {
		alice = known_peer(0x11, 0);
		bob = known_peer(0x22, 1);
	}
	ini = (struct x3dh_config){
		.self = alice,
		.check = &check,
		.known = &known,
	};
	resp = (struct x3dh_own){
		.self = bob,
		.check = &check,
		.commit = commit,
	};
	fixed_prekeys();
}

/**
 * struct run - one exchange
 * @first: first message
 * @len:   its length
 * @header_len: of it, the header
 */
struct run {
	struct x3dh x;
	struct x3dh_start start;
	struct x3dh_accept acc;
	struct x3dh_keys keys;
	uint8_t first[2048];
	size_t header_len;
	size_t len;
};

static void run_end(struct run *r)
{
	x3dh_wipe(&r->x);
	x3dh_start_wipe(&r->start);
	x3dh_accept_wipe(&r->acc);
	sodium_memzero(&r->keys, sizeof(r->keys));
}

static void add_data(struct run *r, uint64_t nonce)
{
	uint8_t plain[256], *p = r->first + r->header_len;
	size_t n = unhex(KNOWN_A4_PLAIN, plain, sizeof(plain));
	int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(nonce >> (56 - 8 * i));
	MUST(!suite_seal(&suite_aesgcm, r->start.early, nonce, NULL, 0, plain,
			 n, p + 8));
	r->len = r->header_len + 8 + n + SUITE_TAG_LEN;
}

static int start(struct run *r, bool four)
{
	int err;

	memset(r, 0, sizeof(*r));
	err = x3dh_initiate(&r->x, &ini, bundle, bundle_len,
			    four ? one_time : NULL, one_time_len, NOW,
			    r->first, sizeof(r->first), &r->header_len,
			    &r->start);
	if (!err)
		add_data(r, 0);
	return err;
}

static bool is_zero(const void *p, size_t len)
{
	return sodium_is_zero(p, len);
}

/* ---- known answers ---- */

static void put_hex(json_t *o, const char *name, const void *data, size_t len)
{
	char *hex = malloc(2 * len + 1);

	MUST(hex);
	sodium_bin2hex(hex, 2 * len + 1, data, len);
	MUST(!json_object_set_new(o, name, json_string(hex)));
	free(hex);
}

static void put_num(json_t *o, const char *name, uint64_t v)
{
	MUST(!json_object_set_new(o, name, json_integer((json_int_t)v)));
}

static json_t *party(const struct identity *id, uint8_t seed_byte)
{
	json_t *o = json_object();
	uint8_t seed[32], *payload;
	size_t len;

	memset(seed, seed_byte, sizeof(seed));
	put_hex(o, "seed", seed, sizeof(seed));
	put_num(o, "valid_from", KNOWN_FROM);
	put_num(o, "valid_until", KNOWN_UNTIL);
	put_hex(o, "x25519_secret", id->secrets->x, 32);
	put_num(o, "attested", id->channel.key.created);
	put_num(o, "attested_until", id->channel.key.expires);
	MUST(!identity_payload(id, &payload, &len));
	put_hex(o, "payload", payload, len);
	free(payload);
	return o;
}

static json_t *one_case(bool four)
{
	uint8_t ek[32], er[32], plain[256];
	json_t *o = json_object();
	struct run r;
	size_t n;

	parties();
	counting_key(ek, 0x20);
	fixed_random_next(ek);
	MUST(!start(&r, four));
	counting_key(er, 0x41);
	fixed_random_next(er);
	MUST(!x3dh_respond(&resp, r.first, r.len, NOW, &r.acc));
	MUST(!x3dh_finish(&r.x, r.acc.answer, X3DH_ANSWER_LEN, &r.keys));
	if (four)
		put_hex(o, "one_time", one_time, one_time_len);
	else
		json_object_set_new(o, "one_time", json_null());
	put_hex(o, "ek_secret", ek, 32);
	put_hex(o, "header", r.first, r.header_len);
	n = unhex(KNOWN_A4_PLAIN, plain, sizeof(plain));
	put_hex(o, "plaintext", plain, n);
	put_hex(o, "first_message", r.first, r.len);
	put_hex(o, "early", r.start.early, 32);
	put_hex(o, "er_secret", er, 32);
	put_hex(o, "answer", r.acc.answer, X3DH_ANSWER_LEN);
	put_hex(o, "initiator_to_responder", r.keys.tx, 32);
	put_hex(o, "responder_to_initiator", r.keys.rx, 32);
	put_hex(o, "transcript", r.keys.transcript, 32);
	run_end(&r);
	return o;
}

static json_t *make_vectors(void)
{
	json_t *root = json_object(), *o = json_object(), *cases = json_array();

	parties();
	json_object_set_new(root, "name", json_string(X3DH_NAME));
	put_num(root, "suite", X3DH_SUITE);
	json_object_set_new(root, "initiator", party(alice, 0x11));
	json_object_set_new(root, "responder", party(bob, 0x22));
	put_num(o, "id", PREKEY_ID);
	put_hex(o, "secret", prekeys->spk[0].secret, 32);
	put_num(o, "sequence", PREKEY_ID);
	put_num(o, "created", CREATED);
	put_num(o, "expires", EXPIRES);
	json_object_set_new(root, "signed_prekey", o);
	o = json_object();
	put_num(o, "id", ONE_TIME_ID);
	put_hex(o, "secret", prekeys->spk[0].one_time[0].secret, 32);
	json_object_set_new(root, "one_time_prekey", o);
	put_hex(root, "bundle", bundle, bundle_len);
	json_array_append_new(cases, one_case(false));
	json_array_append_new(cases, one_case(true));
	json_object_set_new(root, "cases", cases);
	return root;
}

static void test_known(void)
{
	json_t *want = load_vectors("x3dh.json"), *got = make_vectors();
	const char *key;
	json_t *value;

	json_object_foreach(want, key, value)
		OK(json_equal(value, json_object_get(got, key)),
		   "known answer: %s", key);
	OK(json_object_size(want) == json_object_size(got), "and all of them");
	json_decref(want);
	json_decref(got);
}

/* ---- honest ---- */

static void test_exchange(bool four)
{
	const char *form = four ? "four DH" : "three DH";
	struct run r, again;

	parties();
	MUST(!start(&r, four));
	OK(!memcmp(r.start.peer.identifier, bob->history.identifier, 32) &&
	   store.n == 1 && seen.known && seen.sequence == PREKEY_ID,
	   "%s: the initiator knows the responder", form);
	OK(!memmem(r.first, r.len, alice->raw, alice->raw_len) &&
	   !memmem(r.first, r.len, alice->channel.key.x25519, 32) &&
	   !memmem(r.first, r.len, alice->history.identifier, 32),
	   "%s: the initiator's identity is not in clear", form);
	OK(!x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) && commits == 1,
	   "%s: accepted, after one commit", form);
	OK(!memcmp(r.acc.peer.identifier, alice->history.identifier, 32) &&
	   store.n == 2, "%s: the responder knows the initiator", form);
	OK(!memcmp(r.acc.early, r.start.early, 32) &&
	   !is_zero(r.acc.early, 32), "%s: one early key", form);
	OK(prekeys->spk[0].n_one_time == !four &&
	   prekeys->spk[0].n_records == !four,
	   "%s: a prekey is gone, or there is a record", form);
	OK(!x3dh_finish(&r.x, r.acc.answer, X3DH_ANSWER_LEN, &r.keys) &&
	   !memcmp(r.keys.tx, r.acc.keys.rx, 32) &&
	   !memcmp(r.keys.rx, r.acc.keys.tx, 32) &&
	   !memcmp(r.keys.transcript, r.acc.keys.transcript, 32) &&
	   memcmp(r.keys.tx, r.keys.rx, 32) &&
	   memcmp(r.keys.tx, r.acc.early, 32) &&
	   memcmp(r.keys.rx, r.acc.early, 32),
	   "%s: final keys agree and are others", form);
	OK(!r.x.self && is_zero(&r.x, sizeof(r.x)),
	   "%s: the initiator's state is wiped", form);
	OK(x3dh_finish(&r.x, r.acc.answer, X3DH_ANSWER_LEN, &r.keys) ==
	   IDENT_E_STATE, "%s: the answer again gives nothing", form);

	memset(&again, 0, sizeof(again));
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &again.acc) ==
	   (four ? IDENT_E_ONE_TIME_GONE : IDENT_E_REPLAY) &&
	   is_zero(&again.acc, sizeof(again.acc)) && commits == 1,
	   "%s: the same first message again is refused", form);
	run_end(&r);
}

static void test_fresh_answers(void)
{
	struct run a, b;

	parties();
	MUST(!start(&a, false) && !start(&b, false));
	OK(memcmp(a.first + 32, b.first + 32, 64) &&
	   memcmp(a.start.early, b.start.early, 32),
	   "two first messages have nothing in common");
	MUST(!x3dh_respond(&resp, a.first, a.len, NOW, &a.acc));
	/* As if the store had been rolled back: early data is the same. */
	prekeys->spk[0].n_records = 0;
	memcpy(b.first, a.first, a.len);
	MUST(!x3dh_respond(&resp, b.first, a.len, NOW, &b.acc));
	OK(!memcmp(a.acc.early, b.acc.early, 32) &&
	   memcmp(a.acc.keys.tx, b.acc.keys.tx, 32) &&
	   memcmp(a.acc.keys.rx, b.acc.keys.rx, 32) &&
	   memcmp(a.acc.answer, b.acc.answer, X3DH_ANSWER_LEN),
	   "the responder's own keys are fresh in any case");
	OK(!x3dh_finish(&a.x, b.acc.answer, X3DH_ANSWER_LEN, &a.keys),
	   "and either answer will do");
	run_end(&a);
	run_end(&b);
}

/* ---- lies in bundles ---- */

/* Nothing stored, nothing written, no secrets left. */
static void bundle_refused(const uint8_t *b, size_t len, const uint8_t *o,
			   size_t o_len, int want, const char *what)
{
	unsigned int saves = store.saves, seen_saves = seen.saves;
	struct run r;
	int err;

	memset(&r, 0, sizeof(r));
	err = x3dh_initiate(&r.x, &ini, b, len, o, o_len, NOW, r.first,
			    sizeof(r.first), &r.header_len, &r.start);
	OK(err == want && !r.header_len && is_zero(r.first, sizeof(r.first)) &&
	   is_zero(&r.start, sizeof(r.start)) && is_zero(&r.x, sizeof(r.x)) &&
	   store.saves == saves && seen.saves == seen_saves,
	   "%s is refused (%s)", what, ident_errname(err));
	run_end(&r);
}

struct spec {
	const uint8_t *identifier;
	const uint8_t *latest;
	uint8_t x25519[32];
	uint8_t prekey[32];
	uint64_t sequence;
	uint64_t created;
	uint64_t expires;
	enum ident_data_type type;
	const struct identity *signer;
	const struct identity *payload_of;
	bool other_hash;
};

static void spec_init(struct spec *s)
{
	memset(s, 0, sizeof(*s));
	s->identifier = bob->history.identifier;
	s->latest = ident_history_latest(&bob->history);
	memcpy(s->x25519, bob->channel.key.x25519, 32);
	memcpy(s->prekey, prekeys->spk[0].pub, 32);
	s->sequence = PREKEY_ID;
	s->created = CREATED;
	s->expires = EXPIRES;
	s->type = IDENT_DATA_BUNDLE;
	s->signer = bob;
	s->payload_of = bob;
}

static size_t craft_bundle(const struct spec *s, uint8_t *out, size_t cap)
{
	uint8_t inner[512], data[512], digest[32], hash[32], *payload;
	struct ocb_writer iw, dw, w;
	struct ident_sig sig;
	size_t len;

	MUST(!identity_payload(s->payload_of, &payload, &len));
	MUST(!ident_hash(payload, len, hash));
	hash[0] ^= s->other_hash;
	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 9);
	ocb_put_bytes(&iw, s->identifier, 32);
	ocb_put_bytes(&iw, s->latest, 32);
	ocb_put_bytes(&iw, s->x25519, 32);
	ocb_put_uint(&iw, PREKEY_ID);
	ocb_put_bytes(&iw, s->prekey, 32);
	ocb_put_uint(&iw, s->sequence);
	ocb_put_uint(&iw, s->created);
	ocb_put_uint(&iw, s->expires);
	ocb_put_bytes(&iw, hash, 32);
	ocb_writer_init(&dw, data, sizeof(data));
	ident_versioned_put(&dw, s->type, inner, iw.len);
	MUST(!iw.full && !dw.full && !ident_hash(data, dw.len, digest) &&
	     !ident_sig_make(s->signer->secrets->ed, digest, &sig));
	ocb_writer_init(&w, out, cap);
	ocb_put_array(&w, 3);
	ocb_put_bytes(&w, data, dw.len);
	ident_sig_put(&w, &sig);
	ocb_put_bytes(&w, payload, len);
	MUST(!w.full);
	free(payload);
	return w.len;
}

static void crafted(const struct spec *s, int want, const char *what)
{
	uint8_t buf[2048];
	size_t len = craft_bundle(s, buf, sizeof(buf));

	if (want) {
		bundle_refused(buf, len, NULL, 0, want, what);
		return;
	}
	{
		struct run r;

		memset(&r, 0, sizeof(r));
		OK(!x3dh_initiate(&r.x, &ini, buf, len, NULL, 0, NOW, r.first,
				  sizeof(r.first), &r.header_len, &r.start),
		   "%s is accepted", what);
		run_end(&r);
	}
}

static void test_bundle_lies(void)
{
	struct identity *eve = known_peer(0x66, 0x10);
	struct ident_history rotated;
	struct identity *next;
	struct ocb_writer w;
	uint8_t other[ONE_TIME_MAX], key[32];
	struct spec s;

	parties();
	spec_init(&s);
	s.identifier = eve->history.identifier;
	crafted(&s, IDENT_E_SUBJECT, "a bundle that names another identity");
	spec_init(&s);
	s.payload_of = eve;
	s.signer = eve;
	crafted(&s, IDENT_E_SUBJECT,
		"another's bundle under an attestation of one's own");
	spec_init(&s);
	s.signer = eve;
	crafted(&s, IDENT_E_BUNDLE_SIG, "a bundle signed by another");
	spec_init(&s);
	memcpy(s.x25519, eve->channel.key.x25519, 32);
	crafted(&s, IDENT_E_BUNDLE_KEY, "another X25519 key than attested");
	spec_init(&s);
	s.latest = ident_history_latest(&eve->history);
	crafted(&s, IDENT_E_CHANGE_HASH, "another latest change");
	spec_init(&s);
	s.other_hash = true;
	crafted(&s, IDENT_E_BUNDLE_PAYLOAD, "other identity data than signed");
	spec_init(&s);
	s.type = IDENT_DATA_ATTESTATION;
	crafted(&s, IDENT_E_DATA_TYPE, "signed bytes of another type");
	spec_init(&s);
	crafted(&s, 0, "an honest bundle");
	fresh();

	spec_init(&s);
	s.created = NOW + 61;
	crafted(&s, IDENT_E_FUTURE, "a bundle of the future");
	s.created = NOW - 3 * 86400;
	s.expires = NOW - 1;
	crafted(&s, IDENT_E_EXPIRED, "an expired bundle");
	s.created = NOW - 3 * 86400;
	s.expires = s.created - 1;
	crafted(&s, IDENT_E_BUNDLE_TIME, "one that ends before it begins");
	s.expires = s.created + BUNDLE_SECONDS_MAX + 1;
	crafted(&s, IDENT_E_BUNDLE_TIME, "one that lives too long");
	s.created = KNOWN_FROM - 1;
	s.expires = EXPIRES;
	crafted(&s, IDENT_E_BUNDLE_TIME, "one that is older than its identity");

	/* Below its sequence, and beside it. */
	spec_init(&s);
	s.sequence = 9;
	crafted(&s, 0, "sequence 9");
	s.sequence = 8;
	crafted(&s, IDENT_E_BUNDLE_OLDER, "sequence 8 after 9");
	s.sequence = 9;
	s.created--;
	crafted(&s, IDENT_E_BUNDLE_CONFLICT, "another sequence 9");
	s.sequence = 10;
	crafted(&s, 0, "sequence 10");
	seen.fail_load = true;
	crafted(&s, IDENT_E_STORE, "a store of bundles that fails");
	fresh();
	seen.fail_save = true;
	spec_init(&s);
	{
		uint8_t buf[2048];
		size_t len = craft_bundle(&s, buf, sizeof(buf));
		struct run r;

		memset(&r, 0, sizeof(r));
		OK(x3dh_initiate(&r.x, &ini, buf, len, NULL, 0, NOW, r.first,
				 sizeof(r.first), &r.header_len, &r.start) ==
		   IDENT_E_STORE && !r.header_len &&
		   is_zero(&r.start, sizeof(r.start)),
		   "a bundle that cannot be remembered is refused");
		run_end(&r);
	}

	/* Somebody else than asked for; not trusted; an old key. */
	parties();
	ini.expected = alice->history.identifier;
	bundle_refused(bundle, bundle_len, NULL, 0, IDENT_E_IDENTIFIER,
		       "another identity than asked for");
	ini.expected = NULL;
	check.policy = &(const struct trust_policy){ .kind = TRUST_LIST };
	bundle_refused(bundle, bundle_len, one_time, one_time_len,
		       IDENT_E_UNTRUSTED, "a responder that is not trusted");
	check.policy = &anyone;
	MUST(!identity_rotate(bob, NOW, &next));
	rotated = next->history;
	MUST(!store.ops.save(&store, rotated.identifier, next->raw,
			     next->raw_len));
	bundle_refused(bundle, bundle_len, NULL, 0, IDENT_E_OLDER,
		       "a bundle of before a rotation that is known");
	identity_put(next);

	/* One-time prekeys. */
	parties();
	ini.need_one_time = true;
	bundle_refused(bundle, bundle_len, NULL, 0, IDENT_E_NO_ONE_TIME,
		       "no one-time prekey where one is required");
	counting_key(key, 0x33);
	ocb_writer_init(&w, other, sizeof(other));
	MUST(!one_time_make(eve, PREKEY_ID, 1, key, &w));
	bundle_refused(bundle, bundle_len, other, w.len, IDENT_E_ONE_TIME,
		       "somebody else's one-time prekey");
	ocb_writer_init(&w, other, sizeof(other));
	MUST(!one_time_make(bob, PREKEY_ID + 1, 1, key, &w));
	bundle_refused(bundle, bundle_len, other, w.len, IDENT_E_ONE_TIME,
		       "a one-time prekey for another bundle");
	memcpy(other, one_time, one_time_len);
	other[one_time_len - 1] ^= 1;
	bundle_refused(bundle, bundle_len, other, one_time_len,
		       IDENT_E_ONE_TIME_SIG, "a one-time prekey badly signed");
	memcpy(other, one_time, one_time_len);
	make_noncanonical(other + one_time_len - 64);
	bundle_refused(bundle, bundle_len, other, one_time_len,
		       IDENT_E_ONE_TIME_SIG, "a signature that is not canonical");
	identity_put(eve);
}

/* ---- damage ---- */

/* Refused, with nothing left behind; counted, not one by one. */
static bool bundle_is_refused(const uint8_t *b, size_t len, const uint8_t *o,
			      size_t o_len)
{
	unsigned int saves = store.saves, seen_saves = seen.saves;
	struct run r;
	bool good;

	memset(&r, 0, sizeof(r));
	good = x3dh_initiate(&r.x, &ini, b, len, o, o_len, NOW, r.first,
			     sizeof(r.first), &r.header_len, &r.start) &&
	       !r.header_len && is_zero(&r.start, sizeof(r.start)) &&
	       is_zero(&r.x, sizeof(r.x)) && store.saves == saves &&
	       seen.saves == seen_saves;
	run_end(&r);
	return good;
}

static void test_bundle_damage(void)
{
	uint8_t buf[2 * sizeof(bundle)];
	unsigned int bad = 0;
	size_t i;

	parties();
	for (i = 0; i < bundle_len; i++) {
		memcpy(buf, bundle, bundle_len);
		buf[i] ^= (uint8_t)(1 << tap_random() % 8);
		bad += !bundle_is_refused(buf, bundle_len, NULL, 0);
	}
	OK(!bad, "%zu bundles with a bit flipped are refused", bundle_len);
	for (i = 0, bad = 0; i < bundle_len; i++)
		bad += !bundle_is_refused(bundle, i, NULL, 0);
	OK(!bad, "%zu bundles cut short are refused", bundle_len);
	for (i = 0, bad = 0; i < one_time_len; i++) {
		memcpy(buf, one_time, one_time_len);
		buf[i] ^= (uint8_t)(1 << tap_random() % 8);
		bad += !bundle_is_refused(bundle, bundle_len, buf,
					  one_time_len);
		bad += !bundle_is_refused(bundle, bundle_len, one_time, i);
	}
	OK(!bad, "%zu one-time prekeys flipped or cut are refused",
	   2 * one_time_len);
	memcpy(buf, bundle, bundle_len);
	memcpy(buf + bundle_len, bundle, bundle_len);
	OK(bundle_is_refused(buf, 2 * bundle_len, NULL, 0) &&
	   bundle_is_refused(buf, bundle_len + 1, NULL, 0),
	   "a bundle twice, or with a byte behind it, is refused");
	OK(!bundle_is_refused(bundle, bundle_len, one_time, one_time_len),
	   "the real one is not");
}

/* Refused, no keys, no commit, the same prekeys. */
static bool first_is_refused(const uint8_t *msg, size_t len)
{
	static struct prekeys before;
	unsigned int was = commits, saves = store.saves;
	struct x3dh_accept acc;
	bool good;

	memcpy(&before, prekeys, sizeof(before));
	good = x3dh_respond(&resp, msg, len, NOW, &acc) &&
	       is_zero(&acc, sizeof(acc)) && commits == was &&
	       store.saves == saves &&
	       !memcmp(&before, prekeys, sizeof(before));
	x3dh_accept_wipe(&acc);
	sodium_memzero(&before, sizeof(before));
	return good;
}

static void test_first_damage(bool four)
{
	const char *form = four ? "four DH" : "three DH";
	uint8_t buf[4096];
	unsigned int bad = 0;
	struct run r;
	size_t i;

	parties();
	MUST(!start(&r, four));
	for (i = 0; i < r.len; i++) {
		memcpy(buf, r.first, r.len);
		buf[i] ^= (uint8_t)(1 << tap_random() % 8);
		bad += !first_is_refused(buf, r.len);
	}
	OK(!bad, "%s: %zu first messages with a bit flipped are refused", form,
	   r.len);
	for (i = 0, bad = 0; i < r.len; i++)
		bad += !first_is_refused(r.first, i);
	OK(!bad, "%s: %zu cut short are refused", form, r.len);
	memcpy(buf, r.first, r.len);
	memcpy(buf + r.len, r.first, r.len);
	OK(first_is_refused(buf, 2 * r.len) &&
	   first_is_refused(buf, r.len + 1), "%s: twice in one is refused",
	   form);
	/* Each field twice, the rest as it was. */
	memcpy(buf, r.first, 33);
	memcpy(buf + 33, r.first + 33, 34);
	memcpy(buf + 67, r.first + 33, r.len - 33);
	OK(first_is_refused(buf, r.len + 34), "%s: EK twice is refused", form);
	memcpy(buf, r.first, r.header_len);
	memcpy(buf + r.header_len, r.first + r.header_len, 8);
	memcpy(buf + r.header_len + 8, r.first + r.header_len,
	       r.len - r.header_len);
	OK(first_is_refused(buf, r.len + 8), "%s: the nonce twice is refused",
	   form);
	/* The header with somebody else's data, and without. */
	OK(first_is_refused(r.first, r.header_len), "%s: header alone", form);
	memcpy(buf, r.first, r.header_len);
	memset(buf + r.header_len, 0, 64);
	OK(first_is_refused(buf, r.header_len + 64),
	   "%s: a genuine header with garbage behind it uses up nothing", form);
	OK(!x3dh_respond(&resp, r.first, r.len, NOW, &r.acc),
	   "%s: after all that the genuine one is accepted", form);
	run_end(&r);
}

static void test_answer_damage(void)
{
	uint8_t buf[X3DH_ANSWER_LEN + 1];
	struct x3dh before;
	unsigned int bad = 0;
	struct run r;
	size_t i;

	parties();
	MUST(!start(&r, true));
	MUST(!x3dh_respond(&resp, r.first, r.len, NOW, &r.acc));
	before = r.x;
	for (i = 0; i < 8 * X3DH_ANSWER_LEN; i++) {
		memcpy(buf, r.acc.answer, X3DH_ANSWER_LEN);
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
		/* The top bit of a coordinate is masked out by X25519, but
		 * the transcript has it.
		 */
		bad += !x3dh_finish(&r.x, buf, X3DH_ANSWER_LEN, &r.keys);
		bad += !is_zero(&r.keys, sizeof(r.keys));
	}
	OK(!bad, "each bit of the answer counts");
	buf[X3DH_ANSWER_LEN] = 0;
	memcpy(buf, r.acc.answer, X3DH_ANSWER_LEN);
	OK(x3dh_finish(&r.x, buf, sizeof(buf), &r.keys) == NOISE_E_LENGTH &&
	   x3dh_finish(&r.x, buf, X3DH_ANSWER_LEN - 1, &r.keys) ==
	   NOISE_E_LENGTH, "its length as well");
	memset(buf, 0, 32);
	OK(x3dh_finish(&r.x, buf, X3DH_ANSWER_LEN, &r.keys) == NOISE_E_DH,
	   "an ephemeral of low order is refused");
	OK(!memcmp(&before, &r.x, sizeof(before)) &&
	   !x3dh_finish(&r.x, r.acc.answer, X3DH_ANSWER_LEN, &r.keys) &&
	   !memcmp(r.keys.tx, r.acc.keys.rx, 32),
	   "garbage changes nothing, the answer is still accepted");
	run_end(&r);
}

/* ---- the responder's order ---- */

static void test_low_order(void)
{
	struct spec s;
	uint8_t buf[2048];
	struct run r;

	parties();
	spec_init(&s);
	memset(s.prekey, 0, 32);
	memset(&r, 0, sizeof(r));
	OK(x3dh_initiate(&r.x, &ini, buf, craft_bundle(&s, buf, sizeof(buf)),
			 NULL, 0, NOW, r.first, sizeof(r.first),
			 &r.header_len, &r.start) == NOISE_E_DH &&
	   is_zero(r.first, sizeof(r.first)) && is_zero(&r.x, sizeof(r.x)),
	   "a signed prekey of low order is refused");
	run_end(&r);
	parties();
	MUST(!start(&r, false));
	memset(r.first + 35, 0, 32);
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) == NOISE_E_DH,
	   "an ephemeral key of low order is refused");
	run_end(&r);
}

/* Who is not in a list has no signatures of his verified. */
static void test_cheap_refusal(void)
{
	struct trust_policy nobody = { .kind = TRUST_LIST };
	struct ident_check strict = check;
	unsigned int i, sigs = 0, other = 0;
	struct ident_peer peer;
	uint8_t *payload;
	size_t len;
	int err;

	parties();
	strict = check;
	strict.policy = &nobody;
	MUST(!identity_payload(alice, &payload, &len));
	for (i = 0; i < len; i++) {
		payload[i] ^= 1;
		err = identity_check_peer(payload, len,
					  alice->channel.key.x25519, &check,
					  NOW, &peer);
		ident_peer_clear(&peer);
		if (err == IDENT_E_SIG) {
			sigs++;
			err = identity_check_peer(payload, len,
						  alice->channel.key.x25519,
						  &strict, NOW, &peer);
			other += err != IDENT_E_UNTRUSTED;
		}
		payload[i] ^= 1;
	}
	OK(sigs && !other,
	   "who is not in the list is refused before %u bad signatures are seen",
	   sigs);
	free(payload);
}

static void test_unsure(void)
{
	struct ident_check strict = check;
	struct trust_policy nobody = { .kind = TRUST_LIST };
	struct run r;

	/* Not trusted: nothing is used up. */
	parties();
	MUST(!start(&r, true));
	strict = check;
	strict.policy = &nobody;
	resp.check = &strict;
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) ==
	   IDENT_E_UNTRUSTED && !commits &&
	   prekeys->spk[0].n_one_time == 1,
	   "who is not trusted uses up nothing");
	resp.check = &check;

	/* Not durable: no keys, and the prekey is gone all the same. */
	fail_commit = true;
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) == IDENT_E_STORE &&
	   is_zero(&r.acc, sizeof(r.acc)) && commits == 1 &&
	   !prekeys->spk[0].n_one_time,
	   "a prekey that cannot be deleted durably gives no keys");
	fail_commit = false;
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) ==
	   IDENT_E_ONE_TIME_GONE, "nor later");
	run_end(&r);

	/* Nonces other than 0 do not begin anything. */
	parties();
	MUST(!start(&r, false));
	add_data(&r, 1);
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) == IDENT_E_STATE &&
	   !commits, "a second message begins nothing");
	run_end(&r);
}

static void test_prekey_ends(void)
{
	struct run r;

	parties();
	MUST(!start(&r, false));
	OK(x3dh_respond(&resp, r.first, r.len, EXPIRES + 1, &r.acc) ==
	   IDENT_E_PREKEY, "an expired signed prekey is not used");
	prekeys->spk[0].x25519[0] ^= 1;
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) == IDENT_E_PREKEY,
	   "nor one of an earlier channel key");
	prekeys->spk[0].x25519[0] ^= 1;
	prekeys->spk[0].n_records = PREKEYS_RECORDS_MAX;
	OK(x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) ==
	   IDENT_E_RECORDS_FULL && !commits,
	   "without room for a record nothing is accepted");
	run_end(&r);
	MUST(!start(&r, true));
	OK(!x3dh_respond(&resp, r.first, r.len, NOW, &r.acc) && commits == 1 &&
	   prekeys->spk[0].n_records == PREKEYS_RECORDS_MAX,
	   "but with a one-time prekey, which needs none");
	run_end(&r);
}

/* Garbage that names a one-time prekey does not use it up. */
static void test_garbage_drains_nothing(void)
{
	unsigned int i, bad = 0;
	bool changed;
	struct run r;

	parties();
	MUST(!prekeys_refill(prekeys, PREKEYS_ONE_TIME_MAX, &changed));
	MUST(!start(&r, true));
	r.first[r.len - 1] ^= 1;
	for (i = 0; i < PREKEYS_ONE_TIME_MAX; i++) {
		/* 19 01 2c: the number, behind EK and the prekey's. */
		r.first[68 + 1] = (uint8_t)((ONE_TIME_ID + i) >> 8);
		r.first[68 + 2] = (uint8_t)(ONE_TIME_ID + i);
		bad += !first_is_refused(r.first, r.len);
	}
	OK(!bad && prekeys->spk[0].n_one_time == PREKEYS_ONE_TIME_MAX &&
	   !commits, "garbage for each of %u one-time prekeys uses up none",
	   PREKEYS_ONE_TIME_MAX);
	run_end(&r);
}

/* ---- what was bound ---- */

/* Two parties that disagree in one thing get no further. */
static void test_binding(void)
{
	struct identity *eve = known_peer(0x66, 0x10);
	const struct identity *was = bob;
	unsigned int i, bad = 0;
	struct run r;

	parties();
	for (i = 0; i < 32; i++) {
		MUST(!start(&r, false));
		prekeys->spk[0].digest[i] ^= 1;
		bad += !first_is_refused(r.first, r.len);
		prekeys->spk[0].digest[i] ^= 1;
		prekeys->spk[0].pub[i] ^= 1;
		bad += !first_is_refused(r.first, r.len);
		prekeys->spk[0].pub[i] ^= 1;
		run_end(&r);
	}
	OK(!bad, "bundle and signed prekey are bound");
	MUST(!start(&r, false));
	resp.self = eve;
	OK(first_is_refused(r.first, r.len), "the responder is bound");
	resp.self = was;
	run_end(&r);
	identity_put(eve);
}

/* ---- prekeys ---- */

static void test_records_of_one(struct prekey_signed *spk)
{
	const uint8_t *one = alice->history.identifier;
	const uint8_t *other = bob->history.identifier;
	unsigned int i, n = spk->n_records;
	uint8_t rec[PREKEYS_RECORD_LEN];
	int err = 0;

	for (i = 0; !err && i < PREKEYS_RECORDS_MAX; i++) {
		randombytes_buf(rec, sizeof(rec));
		err = prekeys_record(spk, rec, one);
	}
	OK(err == IDENT_E_RECORDS_PEER &&
	   spk->n_records == n + PREKEYS_RECORDS_PEER,
	   "one initiator does not fill the records");
	OK(!prekeys_seen(spk, rec) && !prekeys_record(spk, rec, other) &&
	   prekeys_seen(spk, rec), "others are not concerned");
}

static void test_prekeys(void)
{
	static uint8_t file[PREKEYS_FILE_MAX];
	struct identity *next;
	struct prekeys *pk, *back;
	struct ocb_writer w;
	unsigned int i, bad;
	uint64_t first, t;
	bool changed;

	parties();
	pk = prekeys_new(bob->history.identifier);
	MUST(pk);
	OK(prekeys_refill(pk, 5, &changed) == IDENT_E_PREKEY,
	   "no one-time prekeys without a signed one");
	OK(!prekeys_refresh(pk, bob, NOW, false, &changed) && changed &&
	   pk->n == 1 && pk->spk[0].id == NOW &&
	   pk->spk[0].expires == NOW + BUNDLE_SECONDS, "a first signed prekey");
	OK(!prekeys_refresh(pk, bob, NOW + 5, false, &changed) && !changed &&
	   pk->n == 1, "which is kept");
	OK(!prekeys_refill(pk, 20, &changed) && changed &&
	   pk->spk[0].n_one_time == 20 &&
	   !prekeys_refill(pk, 10, &changed) && !changed &&
	   prekeys_refill(pk, PREKEYS_ONE_TIME_MAX + 1, &changed) ==
	   IDENT_E_INVALID, "twenty one-time prekeys");
	prekeys_use_one_time(&pk->spk[0],
			     prekeys_find_one_time(&pk->spk[0], 7));
	OK(!prekeys_find_one_time(&pk->spk[0], 7) &&
	   pk->spk[0].n_one_time == 19 && pk->spk[0].one_time[7].id == 8 &&
	   is_zero(&pk->spk[0].one_time[19], sizeof(pk->spk[0].one_time[0])),
	   "one is used up and wiped");
	OK(!prekeys_refill(pk, 20, &changed) && pk->spk[0].one_time[19].id == 20,
	   "its number is not given out again");

	first = pk->spk[0].id;
	t = NOW + PREKEYS_ROTATE_SECONDS;
	OK(!prekeys_refresh(pk, bob, t, false, &changed) && changed &&
	   pk->n == 2 && pk->spk[0].id > first && pk->spk[1].id == first &&
	   !pk->spk[0].n_one_time && pk->spk[1].n_one_time == 20,
	   "after a week there is a new one beside it");
	OK(prekeys_find(pk, first, bob->channel.key.x25519, t) ==
	   &pk->spk[1], "the previous one is still good");
	t = NOW + BUNDLE_SECONDS + 1;
	OK(!prekeys_refresh(pk, bob, t, false, &changed) && changed &&
	   !prekeys_find(pk, first, bob->channel.key.x25519, t),
	   "until its bundle has ended");
	OK(pk->n == 2 && !prekeys_refresh(pk, bob, t, true, &changed) &&
	   !changed, "who asks for one sooner gets none on the first day");
	pk->spk[0].n_records = PREKEYS_RECORDS_MAX - 1;
	OK(!prekeys_refresh(pk, bob, t, false, &changed) && !changed,
	   "nor does who fills the records");
	t += PREKEYS_REMOTE_SECONDS;
	OK(!prekeys_refresh(pk, bob, t, false, &changed) && changed &&
	   pk->n == 3 && !pk->spk[0].n_records, "a day later he does");
	first = pk->spk[2].id;
	for (i = 0; i < 3 * PREKEYS_SIGNED_MAX; i++) {
		t += i < PREKEYS_SIGNED_MAX ? PREKEYS_REMOTE_SECONDS : 1;
		MUST(!prekeys_refresh(pk, bob, t, true, &changed));
	}
	OK(pk->n == PREKEYS_SIGNED_MAX, "there are never more than %u",
	   PREKEYS_SIGNED_MAX);
	OK(pk->spk[pk->n - 1].id == first && pk->spk[pk->n - 1].expires >= t &&
	   !changed, "and none goes for another one before its end");
	for (i = 1; i < pk->n; i++)
		MUST(pk->spk[i].id < pk->spk[i - 1].id);

	/* As it is kept. */
	MUST(!prekeys_refill(pk, 3, &changed));
	for (i = 0; i < 3; i++) {
		uint8_t rec[32];

		counting_key(rec, (uint8_t)i);
		MUST(!prekeys_record(&pk->spk[0], rec,
				     alice->history.identifier));
	}
	ocb_writer_init(&w, file, sizeof(file));
	MUST(!prekeys_encode(pk, &w));
	OK(!prekeys_decode(file, w.len, &back) && back->n == pk->n &&
	   back->last == pk->last &&
	   !memcmp(back->spk[0].one_time, pk->spk[0].one_time,
		   sizeof(pk->spk[0].one_time)) &&
	   !memcmp(back->spk[0].records, pk->spk[0].records,
		   sizeof(pk->spk[0].records)) &&
	   !memcmp(back->spk[1].secret, pk->spk[1].secret, 32) &&
	   !memcmp(back->spk[1].digest, pk->spk[1].digest, 32) &&
	   back->spk[2].bundle_len == pk->spk[2].bundle_len &&
	   back->spk[0].expires == pk->spk[0].expires, "kept and read back");
	prekeys_free(back);
	for (i = 0, bad = 0; i < w.len; i++) {
		bad += !prekeys_decode(file, i, &back);
		prekeys_free(back);
	}
	file[w.len] = 0;
	bad += !prekeys_decode(file, w.len + 1, &back);
	prekeys_free(back);
	OK(!bad, "cut or longer it is refused");

	test_records_of_one(&pk->spk[1]);

	/* Credentials come, keys rotate: the bundle follows. */
	first = pk->spk[0].id;
	MUST(!identity_rotate(bob, t, &next));
	OK(!prekeys_refresh(pk, next, t, false, &changed) && changed &&
	   pk->n == 1 && pk->spk[0].id > first &&
	   !memcmp(pk->spk[0].x25519, next->channel.key.x25519, 32),
	   "after a rotation no earlier prekey is left");
	OK(!identity_add_credential(next, (const uint8_t *)"\x80", 1) &&
	   !prekeys_refresh(pk, next, t, false, &changed) && changed &&
	   pk->n == 2, "a credential makes a new bundle");
	OK(prekeys_refresh(pk, alice, t, false, &changed) ==
	   IDENT_E_IDENTIFIER && !changed, "they belong to one identity");
	OK(!prekeys_expire(pk, pk->spk[0].expires) && pk->n &&
	   prekeys_expire(pk, pk->spk[0].expires + 1) && !pk->n &&
	   is_zero(&pk->spk[0], sizeof(pk->spk[0])),
	   "they are destroyed in time without the identity as well");
	MUST(!prekeys_refresh(pk, next, t, false, &changed));
	t = next->channel.key.expires + 1;
	OK(prekeys_refresh(pk, next, t, false, &changed) == IDENT_E_OWN_KEY &&
	   changed && !pk->n, "and with one that is not good any more");
	identity_put(next);
	prekeys_free(pk);
}

int main(int argc, char **argv)
{
	MUST(sodium_init() >= 0);
	if (argc == 2 && !strcmp(argv[1], "--vectors")) {
		json_t *v;

		fixed_random_init();
		v = make_vectors();
		MUST(!json_dumpf(v, stdout, JSON_INDENT(2)));
		putchar('\n');
		json_decref(v);
		prekeys_free(prekeys);
		identity_put(alice);
		identity_put(bob);
		return 0;
	}
	tap_seed();
	fixed_random_init();
	test_known();
	test_exchange(false);
	test_exchange(true);
	test_fresh_answers();
	test_bundle_lies();
	test_bundle_damage();
	test_first_damage(false);
	test_first_damage(true);
	test_answer_damage();
	test_low_order();
	test_unsure();
	test_cheap_refusal();
	test_prekey_ends();
	test_garbage_drains_nothing();
	test_binding();
	test_prekeys();
	prekeys_free(prekeys);
	identity_put(alice);
	identity_put(bob);
	return tap_done();
}
