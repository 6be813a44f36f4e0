// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Identities, attestations and credentials, byte for byte and by their rules.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "ident_err.h"
#include "exchange.h"
#include "known.h"
#include "tap.h"

#define NOW	1700000100ULL

static int verify_hex(const char *hex, struct ident_history *h)
{
	uint8_t buf[1024];
	size_t len = unhex(hex, buf, sizeof(buf));

	return ident_history_verify(buf, len, 0, NULL, h);
}

static void test_identifiers(void)
{
	char text[IDENT_ID_TEXT_LEN + 1], bad[80];
	uint8_t id[32], back[32];

	randombytes_buf(id, sizeof(id));
	ident_id_print(id, text);
	OK(strlen(text) == 65 && text[0] == 'I' &&
	   !ident_id_parse(text, back) && !memcmp(id, back, 32),
	   "identifier printed and parsed");
	memcpy(bad, text, 66);
	bad[0] = 'i';
	OK(ident_id_parse(bad, back), "wrong prefix");
	memcpy(bad, KNOWN_A2_ID, 66);
	bad[2] = 'A';
	OK(ident_id_parse(bad, back), "upper case");
	bad[2] = 'g';
	OK(ident_id_parse(bad, back), "not a digit");
	memcpy(bad, KNOWN_A2_ID "0", 67);
	OK(ident_id_parse(bad, back), "too long");
	bad[64] = '\0';
	OK(ident_id_parse(bad, back), "too short");
	OK(ident_id_parse("", back), "empty");
}

static void test_upstream_one(const char *what, const char *hex,
			      const char *text)
{
	char got[IDENT_ID_TEXT_LEN + 1];
	uint8_t buf[1024], id[32], other[32];
	size_t len = unhex(hex, buf, sizeof(buf)), i;
	struct ident_history h;
	bool refused = true;

	MUST(!ident_id_parse(text, id));
	OK(!ident_history_verify(buf, len, 0, id, &h), "%s verifies", what);
	ident_id_print(h.identifier, got);
	OK(!strcmp(got, text) && h.count == 1, "%s has its identifier", what);
	memcpy(other, id, 32);
	other[31] ^= 1;
	OK(ident_history_verify(buf, len, 0, other, &h) == IDENT_E_IDENTIFIER,
	   "%s under another identifier", what);
	for (i = 0; i < len; i++) {
		uint8_t was = buf[i];

		buf[i] ^= (uint8_t)(1 + tap_random() % 255);
		if (!ident_history_verify(buf, len, 0, id, &h)) {
			tap_note("byte %zu", i);
			refused = false;
		}
		buf[i] = was;
	}
	OK(refused, "%s with each byte changed", what);
	for (i = 0; i < len; i++)
		refused &= ident_history_verify(buf, i, 0, NULL, &h) != 0;
	OK(refused, "%s truncated anywhere", what);
	buf[len] = 0xf6;
	OK(ident_history_verify(buf, len + 1, 0, id, &h) == IDENT_E_TRAILING,
	   "%s with a byte more", what);
}

static void test_known_initiator(void)
{
	struct identity *id = known_peer(0x11, 0);
	uint8_t *payload;
	size_t len;

	OK(hex_is(id->history.identifier, 32, KNOWN_A1_IDENTIFIER),
	   "A.1 identifier");
	OK(hex_is(id->raw, id->raw_len, KNOWN_A1_HISTORY), "A.1 history");
	/* [[data, [0, [sig]]]] with VersionedData's head before ChangeData */
	OK(hex_is(id->raw + 9, 50, KNOWN_A1_CHANGE_DATA), "A.1 ChangeData");
	OK(hex_is(id->raw + id->raw_len - 64, 64, KNOWN_A1_SIGNATURE),
	   "A.1 signature");
	OK(hex_is(id->channel.attestation, id->channel.attestation_len,
		  KNOWN_A1_ATTESTATION), "A.1 attestation");
	MUST(!identity_payload(id, &payload, &len));
	OK(hex_is(payload, len, KNOWN_A2_INIT_PAYLOAD),
	   "payload of the initiator");
	free(payload);
	identity_put(id);
}

static void test_known_responder(void)
{
	struct identity *id = known_peer(0x22, 1);
	char text[IDENT_ID_TEXT_LEN + 1];
	uint8_t *payload;
	size_t len;

	ident_id_print(id->history.identifier, text);
	OK(!strcmp(text, KNOWN_A2_ID), "A.2 identifier");
	MUST(!identity_payload(id, &payload, &len));
	OK(hex_is(payload, len, KNOWN_A2_PAYLOAD), "A.2 payload");
	free(payload);
	identity_put(id);
}

static void test_known_rotation(void)
{
	struct identity *id = known_identity(0x11);
	struct ident_history two;
	struct ocb_writer w;
	uint8_t sk[64], raw[1024];

	craft_key(sk, 0x55);
	ocb_writer_init(&w, raw, sizeof(raw));
	MUST(!ident_history_append(id->raw, id->raw_len, &id->history,
				   id->secrets->ed, sk, KNOWN_FROM + 1,
				   KNOWN_UNTIL + 1, false, &w));
	OK(w.len == 128 + 229 && raw[0] == 0x82 &&
	   hex_is(raw + 128, 229, KNOWN_A5_CHANGE), "A.5 second change");
	OK(!ident_history_verify(raw, w.len, 0, id->history.identifier, &two)
	   && two.count == 2, "both changes verify");
	OK(ident_history_compare(&two, &id->history) == IDENT_CMP_NEWER &&
	   ident_history_compare(&id->history, &two) == IDENT_CMP_OLDER &&
	   ident_history_compare(&two, &two) == IDENT_CMP_EQUAL,
	   "newer, older, equal");
	OK(ident_history_append(id->raw, id->raw_len, &id->history,
				id->secrets->ed, sk, KNOWN_FROM - 1,
				KNOWN_UNTIL, false, &w) == IDENT_E_INVALID,
	   "a change cannot begin before the last one");
	identity_put(id);
}

static size_t known_credential(uint8_t *buf, size_t cap,
			       struct ident_history *authority)
{
	struct ident_attr attr = {
		.name = (const uint8_t *)"role", .name_len = 4,
		.value = (const uint8_t *)"member", .value_len = 6,
	};
	struct identity *issuer = known_identity(0x33);
	struct identity *subject = known_identity(0x11);
	struct ocb_writer w;
	uint8_t seed[32];

	memset(seed, 0x44, sizeof(seed));
	MUST(!identity_attest_purpose(issuer, IDENT_PURPOSE_CREDENTIALS, seed,
				      KNOWN_FROM, KNOWN_PURPOSE_UNTIL));
	ocb_writer_init(&w, buf, cap);
	MUST(!identity_issue(issuer, &subject->history, 1, &attr, 1,
			     KNOWN_FROM, KNOWN_FROM + 3600, &w));
	*authority = issuer->history;
	identity_put(issuer);
	identity_put(subject);
	return w.len;
}

static void test_known_credential(void)
{
	struct ident_history authority, other;
	struct ident_authorities auth = { &authority, 1 };
	struct ident_credential c;
	uint8_t buf[512], id[32];
	bool refused = true;
	size_t len, i;

	len = known_credential(buf, sizeof(buf), &authority);
	OK(hex_is(buf, len, KNOWN_A5_CREDENTIAL), "A.5 credential");
	OK(hex_is(buf + 9, 94, KNOWN_A5_CRED_DATA), "A.5 CredentialData");
	unhex(KNOWN_A1_IDENTIFIER, id, sizeof(id));
	OK(!ident_credential_verify(buf, len, &auth, id, NOW, &c) &&
	   c.n_attrs == 1 && c.attrs[0].name_len == 4 &&
	   !memcmp(c.attrs[0].name, "role", 4) && c.attrs[0].value_len == 6 &&
	   !memcmp(c.attrs[0].value, "member", 6) && c.schema == 1 &&
	   c.expires == KNOWN_FROM + 3600 &&
	   !memcmp(c.issuer, authority.identifier, 32),
	   "the credential verifies");
	OK(!ident_credential_verify(buf, len, &auth, id, KNOWN_FROM + 3600,
				    &c), "in its last second");
	OK(ident_credential_verify(buf, len, &auth, id, KNOWN_FROM + 3601,
				   &c) == IDENT_E_EXPIRED, "expired");
	OK(ident_credential_verify(buf, len, &auth, id, KNOWN_FROM - 61,
				   &c) == IDENT_E_FUTURE, "in the future");
	id[0] ^= 1;
	OK(ident_credential_verify(buf, len, &auth, id, NOW, &c) ==
	   IDENT_E_CRED_SUBJECT, "presented by somebody else");
	id[0] ^= 1;
	MUST(!verify_hex(KNOWN_UP_ED_HISTORY, &other));
	auth.list = &other;
	OK(ident_credential_verify(buf, len, &auth, id, NOW, &c) ==
	   IDENT_E_CRED_ISSUER, "by no authority");
	auth.list = &authority;
	for (i = 0; i < len; i++) {
		buf[i] ^= (uint8_t)(1 + tap_random() % 255);
		if (!ident_credential_verify(buf, len, &auth, id, NOW, &c)) {
			tap_note("byte %zu", i);
			refused = false;
		}
		unhex(KNOWN_A5_CREDENTIAL, buf, sizeof(buf));
	}
	OK(refused, "with each byte changed");
	for (i = 0; i < len; i++)
		refused &= ident_credential_verify(buf, i, &auth, id, NOW,
						   &c) != 0;
	OK(refused, "truncated anywhere");
	buf[len] = 0x80;
	OK(ident_credential_verify(buf, len + 1, &auth, id, NOW, &c) ==
	   IDENT_E_TRAILING, "with a byte more");
}

static void test_attributes(void)
{
	struct identity *a = known_identity(0x33), *s = known_identity(0x11);
	struct ident_authorities auth = { &a->history, 1 };
	struct ident_attr attrs[IDENT_ATTRS_MAX + 1];
	static uint8_t buf[8192], names[IDENT_ATTRS_MAX + 1];
	uint8_t seed[32] = { 9 };
	struct ident_credential c;
	struct ocb_writer w;
	bool ordered = true;
	unsigned int i;

	MUST(!identity_attest_purpose(a, IDENT_PURPOSE_CREDENTIALS, seed,
				      KNOWN_FROM, KNOWN_PURPOSE_UNTIL));
	for (i = 0; i <= IDENT_ATTRS_MAX; i++) {
		names[i] = (uint8_t)(200 - 5 * i);
		attrs[i] = (struct ident_attr){
			.name = &names[i], .name_len = 1,
			.value = names, .value_len = i,
		};
	}
	ocb_writer_init(&w, buf, sizeof(buf));
	MUST(!identity_issue(a, &s->history, 7, attrs, IDENT_ATTRS_MAX, NOW,
			     NOW, &w));
	MUST(!ident_credential_verify(buf, w.len, &auth, s->history.identifier,
				      NOW, &c));
	for (i = 1; i < c.n_attrs; i++)
		ordered &= c.attrs[i - 1].name[0] < c.attrs[i].name[0];
	OK(c.n_attrs == IDENT_ATTRS_MAX && ordered,
	   "32 attributes, written in ascending order");
	OK(identity_issue(a, &s->history, 7, attrs, IDENT_ATTRS_MAX + 1, NOW,
			  NOW, &w) == IDENT_E_CRED_ATTRS, "33 attributes");
	attrs[1].name = attrs[0].name;
	OK(identity_issue(a, &s->history, 7, attrs, 2, NOW, NOW, &w) ==
	   IDENT_E_CRED_ATTRS, "the same name twice");
	OK(identity_issue(a, &s->history, 7, attrs, 1, KNOWN_FROM - 1, NOW,
			  &w) == IDENT_E_CRED_TIME,
	   "older than the issuing key");
	identity_put(a);
	identity_put(s);
}

/* What an authority that breaks its own rules could sign. */
static void test_credential_rules(void)
{
	struct identity *a = known_identity(0x33), *s = known_identity(0x11);
	struct ident_authorities auth = { &a->history, 1 };
	uint8_t buf[512], att[320], cred_sk[64], x[32] = { 4 };
	struct ident_issue issue = {
		.sk = cred_sk, .attestation = att, .subject = &s->history,
		.created = NOW, .expires = NOW + 100,
	};
	struct ident_purpose_key key = {
		.kind = IDENT_PURPOSE_CREDENTIALS,
		.created = NOW, .expires = NOW + 100,
	};
	struct ident_credential c;
	struct ocb_writer w;
	const uint8_t *id = s->history.identifier;
	int i, err;

	craft_key(cred_sk, 0x44);
	ident_pubkey_of(cred_sk, &key.verify);
	memcpy(key.x25519, x, sizeof(x));
	for (i = 0; i < 4; i++) {
		static const char * const what[] = {
			"within the issuing key's time",
			"created before the issuing key",
			"expiring after the issuing key",
			"under a channel key",
		};
		static const int want[] = {
			0, IDENT_E_CRED_TIME, IDENT_E_CRED_TIME,
			IDENT_E_KEY_KIND,
		};

		issue.created = i == 1 ? NOW - 1 : NOW;
		issue.expires = i == 2 ? NOW + 101 : NOW + 100;
		key.kind = i == 3 ? IDENT_PURPOSE_CHANNEL :
				    IDENT_PURPOSE_CREDENTIALS;
		ocb_writer_init(&w, att, sizeof(att));
		MUST(!ident_attestation_make(a->secrets->ed, &a->history, &key,
					     &w));
		issue.attestation_len = w.len;
		ocb_writer_init(&w, buf, sizeof(buf));
		MUST(!ident_credential_make(&issue, &w));
		err = ident_credential_verify(buf, w.len, &auth, id, NOW, &c);
		OK(err == want[i], "credential %s (%s)", what[i],
		   ident_errname(err));
	}
	identity_put(a);
	identity_put(s);
}

enum broken {
	B_NONE, B_FIRST_PREV, B_NO_PREV, B_WRONG_PREV, B_TIME, B_NO_PREV_SIG,
	B_PREV_SIG, B_SIG, B_FIRST_SIG, B_VERSION, B_TYPE, B_JUNK, B_DATA_JUNK,
	B_EXTRA, B_EMPTY, B_COUNT
};

static const struct {
	const char *what;
	int err;
} broken[B_COUNT] = {
	[B_NONE] = { "two good changes", 0 },
	[B_FIRST_PREV] = { "first change with a predecessor",
			   IDENT_E_PREV_HASH },
	[B_NO_PREV] = { "second change without predecessor",
			IDENT_E_PREV_HASH },
	[B_WRONG_PREV] = { "wrong predecessor", IDENT_E_PREV_HASH },
	[B_TIME] = { "valid_from goes back", IDENT_E_CHANGE_TIME },
	[B_NO_PREV_SIG] = { "no previous signature", IDENT_E_PREV_SIG },
	[B_PREV_SIG] = { "previous signature by the new key",
			 IDENT_E_PREV_SIG },
	[B_SIG] = { "signature by the old key", IDENT_E_SIG },
	[B_FIRST_SIG] = { "first signature by another key", IDENT_E_SIG },
	[B_VERSION] = { "version 2", IDENT_E_VERSION },
	[B_TYPE] = { "type of an attestation", IDENT_E_DATA_TYPE },
	[B_JUNK] = { "bytes after ChangeData", IDENT_E_TRAILING },
	[B_DATA_JUNK] = { "bytes after VersionedData", IDENT_E_TRAILING },
	[B_EXTRA] = { "unknown later fields are skipped", 0 },
	[B_EMPTY] = { "no changes", IDENT_E_NO_CHANGES },
};

static size_t broken_history(enum broken b, uint8_t *buf, size_t cap)
{
	uint8_t sk1[64], sk2[64], other[32] = { 1 };
	struct craft_change c1 = {
		.prev = b == B_FIRST_PREV ? other : NULL,
		.sk = sk1,
		.sign_sk = b == B_FIRST_SIG ? sk2 : NULL,
		.from = KNOWN_FROM,
		.until = KNOWN_UNTIL,
		.version = 1,
		.type = 1,
		.extra = b == B_EXTRA,
	};
	struct craft_change c2 = {
		.prev = b == B_NO_PREV ? NULL :
			b == B_WRONG_PREV ? other : c1.hash,
		.sk = sk2,
		.prev_sk = b == B_NO_PREV_SIG ? NULL :
			   b == B_PREV_SIG ? sk2 : sk1,
		.sign_sk = b == B_SIG ? sk1 : NULL,
		.from = b == B_TIME ? KNOWN_FROM - 1 : KNOWN_FROM,
		.until = KNOWN_UNTIL,
		.version = b == B_VERSION ? 2 : 1,
		.type = b == B_TYPE ? 2 : 1,
		.junk = b == B_JUNK,
		.data_junk = b == B_DATA_JUNK,
		.extra = b == B_EXTRA,
	};
	struct ocb_writer w;

	craft_key(sk1, 1);
	craft_key(sk2, 2);
	ocb_writer_init(&w, buf, cap);
	ocb_put_array(&w, b == B_EMPTY ? 0 : 2);
	if (b == B_EMPTY)
		return w.len;
	craft_change(&w, &c1);
	craft_change(&w, &c2);
	return w.len;
}

static void test_history_rules(void)
{
	struct ident_history h;
	uint8_t buf[2048];
	size_t len;
	int b, err;

	for (b = 0; b < B_COUNT; b++) {
		len = broken_history((enum broken)b, buf, sizeof(buf));
		err = ident_history_verify(buf, len, 0, NULL, &h);
		OK(err == broken[b].err, "history: %s (%s)", broken[b].what,
		   ident_errname(err));
	}
}

static void test_history_bounds(void)
{
	static uint8_t buf[IDENT_HISTORY_MAX * 4], indef[sizeof(buf) + 2];
	uint8_t sk[64];
	struct ident_history h;
	size_t len, head;

	len = craft_history(buf, sizeof(buf), 32, sk);
	OK(!ident_history_verify(buf, len, 0, NULL, &h) && h.count == 32,
	   "32 changes");
	head = 2;
	indef[0] = 0x9f;
	memcpy(indef + 1, buf + head, len - head);
	indef[len - head + 1] = 0xff;
	OK(!ident_history_verify(indef, len - head + 2, 0, NULL, &h) &&
	   h.count == 32, "32 changes in an indefinite array");
	OK(ident_history_verify(indef, len - head + 1, 0, NULL, &h) ==
	   IDENT_E_DECODE, "which does not end");
	OK(ident_history_verify(buf, len, 31, NULL, &h) ==
	   IDENT_E_MANY_CHANGES, "32 changes where 31 are allowed");
	len = craft_history(buf, sizeof(buf), 33, sk);
	OK(ident_history_verify(buf, len, 0, NULL, &h) ==
	   IDENT_E_MANY_CHANGES, "33 changes");
	OK(!ident_history_verify(buf, len, 33, NULL, &h) && h.count == 33,
	   "33 changes where 33 are allowed");
	memcpy(indef + 1, buf + head, len - head);
	indef[len - head + 1] = 0xff;
	OK(ident_history_verify(indef, len - head + 2, 0, NULL, &h) ==
	   IDENT_E_MANY_CHANGES, "33 changes in an indefinite array");
	len = craft_history(buf, sizeof(buf), 280, sk);
	OK(ident_history_verify(buf, len, IDENT_CHANGES_MAX, NULL, &h) ==
	   IDENT_E_MANY_CHANGES, "280 changes");
	OK(ident_history_verify(buf, len, 129, NULL, &h) == IDENT_E_INVALID,
	   "a bound above the greatest");
}

static void test_history_variants(void)
{
	struct ident_history h;
	uint8_t buf[256];
	size_t len = unhex(KNOWN_A1_HISTORY, buf, sizeof(buf));

	/* Variant numbers: of the key at 12, of the signature at 60. */
	MUST(buf[12] == 0 && buf[60] == 0 && buf[61] == 0x81);
	buf[60] = 1;
	OK(ident_history_verify(buf, len, 0, NULL, &h) == IDENT_E_SIG,
	   "signature of another kind than the key");
	buf[60] = 2;
	OK(ident_history_verify(buf, len, 0, NULL, &h) == IDENT_E_VARIANT,
	   "unknown kind of signature");
	buf[60] = 0;
	buf[12] = 2;
	OK(ident_history_verify(buf, len, 0, NULL, &h) == IDENT_E_VARIANT,
	   "unknown kind of key");
	buf[12] = 1;
	OK(ident_history_verify(buf, len, 0, NULL, &h) == IDENT_E_DECODE,
	   "a P-256 key of 32 bytes");
	buf[12] = 0;
	MUST(!ident_history_verify(buf, len, 0, NULL, &h));
	make_noncanonical(buf + len - 64);
	OK(ident_history_verify(buf, len, 0, NULL, &h) == IDENT_E_SIG,
	   "non-canonical Ed25519 signature");
}

static void test_enum_shape(void)
{
	static const struct {
		const char *head;
		const char *tail;
		int err;
		const char *what;
	} cases[] = {
		{ "82008158 20", "", 0, "as written" },
		{ "83008158 20", "f6", IDENT_E_DECODE, "array of three" },
		{ "9f008158 20", "ff", IDENT_E_DECODE, "indefinite array" },
		{ "82008258 20", "f6", 0, "a later field more" },
		{ "82009f58 20", "ff", 0, "fields in an indefinite array" },
		{ "82 1800 8158 20", "", 0, "variant in a longer form" },
		{ "82 20 8158 20", "", IDENT_E_DECODE, "negative variant" },
		{ "82 00 80", "", IDENT_E_DECODE, "no fields" },
		{ "82 00 81 c158 20", "", IDENT_E_DECODE, "tagged key" },
		{ "82 00 81 5f58 20", "ff", IDENT_E_DECODE, "chunked key" },
		{ "82 00 81 7820", "", IDENT_E_DECODE, "key as text" },
	};
	char hex[128], *p;
	struct ident_pubkey key;
	struct ocb_reader r;
	const char *q;
	uint8_t buf[64];
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (p = hex, q = cases[i].head; *q; q++)
			if (*q != ' ')
				*p++ = *q;
		memset(p, '4', 64);
		strcpy(p + 64, cases[i].tail);
		len = unhex(hex, buf, sizeof(buf));
		ocb_reader_init(&r, buf, len);
		OK(ident_pubkey_get(&r, &key) == cases[i].err &&
		   (cases[i].err || !r.left), "key: %s", cases[i].what);
	}
}

/* A key of small order, for which a signature is easily made up. */
static void test_small_order_key(void)
{
	struct ident_sig sig = { .alg = IDENT_ED25519, .sig = { 1 } };
	struct ident_pubkey key = { .alg = IDENT_ED25519, .key = { 1 } };
	uint8_t digest[32] = { 3 };

	OK(ident_sig_verify(&key, &sig, digest) == IDENT_E_SIG,
	   "Ed25519 key of small order");
}

static EVP_PKEY *p256_key(struct ident_pubkey *pub)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	size_t len;

	MUST(k);
	memset(pub, 0, sizeof(*pub));
	pub->alg = IDENT_P256;
	MUST(EVP_PKEY_get_octet_string_param(k, "pub", pub->key,
					     sizeof(pub->key), &len) == 1 &&
	     len == 65 && pub->key[0] == 4);
	return k;
}

static void p256_sign(EVP_PKEY *k, const uint8_t digest[32],
		      struct ident_sig *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *p;
	uint8_t der[80];
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	MUST(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k) == 1);
	MUST(EVP_DigestSign(ctx, der, &len, digest, 32) == 1);
	p = der;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	MUST(sig);
	out->alg = IDENT_P256;
	MUST(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out->sig, 32) == 32);
	MUST(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out->sig + 32, 32) == 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void test_p256(void)
{
	unsigned int i, good = 0, bad = 0, zeros = 0;
	struct ident_sig sig, high;
	struct ident_pubkey pub;
	EVP_PKEY *k = p256_key(&pub);
	uint8_t digest[32], n[32];
	int borrow, j, d;

	unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
	      n, sizeof(n));
	/* Enough of them for r and s to begin with a zero byte. */
	for (i = 0; i < 1000 || (!zeros && i < 20000); i++) {
		randombytes_buf(digest, sizeof(digest));
		p256_sign(k, digest, &sig);
		good += !ident_sig_verify(&pub, &sig, digest);
		zeros += !sig.sig[0] || !sig.sig[32];
		digest[tap_random() % 32] ^= 1;
		bad += ident_sig_verify(&pub, &sig, digest) == IDENT_E_SIG;
	}
	OK(good == i && bad == i && zeros,
	   "%u P-256 signatures, %u with leading zeros", i, zeros);

	p256_sign(k, digest, &sig);
	high = sig;
	for (j = 31, borrow = 0; j >= 0; j--) {
		d = n[j] - sig.sig[32 + j] - borrow;
		borrow = d < 0;
		high.sig[32 + j] = (uint8_t)d;
	}
	OK(!ident_sig_verify(&pub, &sig, digest) &&
	   !ident_sig_verify(&pub, &high, digest),
	   "low and high s are both accepted");
	memset(sig.sig, 0, 32);
	OK(ident_sig_verify(&pub, &sig, digest) == IDENT_E_SIG, "r of zero");
	sig = high;
	memset(sig.sig + 32, 0, 32);
	OK(ident_sig_verify(&pub, &sig, digest) == IDENT_E_SIG, "s of zero");
	memset(sig.sig + 32, 0xff, 32);
	OK(ident_sig_verify(&pub, &sig, digest) == IDENT_E_SIG, "s above n");
	pub.key[64] ^= 1;
	OK(ident_sig_verify(&pub, &high, digest) == IDENT_E_SIG,
	   "point not on the curve");
	EVP_PKEY_free(k);
}

static void test_lifecycle(void)
{
	struct identity *id, *next;
	struct ident_purpose_key key;
	uint8_t was[32];
	bool changed;

	MUST(!identity_generate(NOW, &id));
	OK(id->history.valid_from == NOW &&
	   id->history.valid_until == NOW + IDENT_VALID_SECONDS &&
	   id->channel.key.created == NOW &&
	   id->channel.key.expires == NOW + IDENT_PURPOSE_KEY_SECONDS,
	   "10 years, and 5 for the channel key");
	memcpy(was, id->channel.key.x25519, 32);
	OK(!identity_refresh_purpose(id, IDENT_PURPOSE_CHANNEL,
				     id->channel.key.expires, &changed) &&
	   !changed && !memcmp(was, id->channel.key.x25519, 32),
	   "the channel key is kept while it is good");
	OK(!identity_refresh_purpose(id, IDENT_PURPOSE_CHANNEL,
				     id->channel.key.expires + 1, &changed) &&
	   changed && memcmp(was, id->channel.key.x25519, 32) &&
	   id->channel.key.expires <= id->history.valid_until,
	   "and replaced when it is not");
	OK(identity_refresh_purpose(id, IDENT_PURPOSE_CHANNEL,
				    id->history.valid_until + 1, &changed) ==
	   IDENT_E_EXPIRED && !changed, "an identity that has ended");

	MUST(!identity_rotate(id, NOW + 10, &next));
	OK(next->history.count == 2 && next->history.revoke &&
	   !memcmp(next->history.identifier, id->history.identifier, 32) &&
	   memcmp(next->secrets->ed, id->secrets->ed, 64) &&
	   memcmp(next->channel.key.x25519, id->channel.key.x25519, 32),
	   "rotation: same identifier, new keys");
	OK(!ident_attestation_verify(next->channel.attestation,
				     next->channel.attestation_len,
				     &next->history, NOW + 10, &key) &&
	   ident_attestation_verify(id->channel.attestation,
				    id->channel.attestation_len,
				    &next->history, NOW + 10, &key) ==
	   IDENT_E_CHANGE_HASH, "only the new attestation holds");
	identity_put(next);

	/* A clock that went back must not make a history nobody accepts. */
	MUST(!identity_rotate(id, NOW - 1000, &next));
	OK(next->history.valid_from == NOW, "rotation with a clock behind");
	identity_put(next);
	identity_put(id);
}

static void test_many_rotations(void)
{
	struct identity *id, *next;
	int i, err = 0;

	MUST(!identity_generate(NOW, &id));
	for (i = 1; !err && i < 40; i++) {
		err = identity_rotate(id, NOW + (uint64_t)i, &next);
		if (err)
			break;
		identity_put(id);
		id = next;
	}
	OK(err == IDENT_E_MANY_CHANGES && id->history.count == 32,
	   "no rotation beyond what peers accept");
	identity_put(id);
}

static void test_reader(void)
{
	static const struct {
		const char *hex;
		int err;
		const char *what;
	} cases[] = {
		{ "a10102", 0, "map" },
		{ "9f0102ff", 0, "indefinite array" },
		{ "bf0102ff", 0, "indefinite map" },
		{ "bf01ff", IDENT_E_DECODE, "indefinite map with a key only" },
		{ "5f41004100ff", 0, "chunked bytes" },
		{ "5f00ff", IDENT_E_DECODE, "chunks that are not strings" },
		{ "c100", 0, "tag" },
		{ "c1", IDENT_E_DECODE, "tag of nothing" },
		{ "ff", IDENT_E_DECODE, "break alone" },
		{ "81ff", IDENT_E_DECODE, "break in a definite array" },
		{ "9bffffffffffffffff", IDENT_E_DECODE, "2^64-1 items" },
		{ "bb8000000000000000", IDENT_E_DECODE, "2^63 pairs" },
		{ "5bffffffffffffffff", IDENT_E_DECODE, "2^64-1 bytes" },
		{ "1c", IDENT_E_DECODE, "reserved head" },
		{ "", IDENT_E_DECODE, "nothing" },
		{ "81818181818181818181818181818100", 0, "15 arrays" },
	};
	static uint8_t deep[100000];
	struct ocb_reader r;
	uint8_t buf[64];
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = unhex(cases[i].hex, buf, sizeof(buf));
		ocb_reader_init(&r, buf, len);
		OK(ocb_skip(&r) == cases[i].err && (cases[i].err || !r.left),
		   "skip: %s", cases[i].what);
	}
	memset(deep, 0x81, sizeof(deep));
	ocb_reader_init(&r, deep, sizeof(deep));
	OK(ocb_skip(&r) == IDENT_E_DECODE && r.left > sizeof(deep) - 32,
	   "skip: nesting is refused early");
}

static void test_names(void)
{
	int i, named = 0;

	for (i = IDENT_E_BASE; i < IDENT_E_END; i++)
		named += strcmp(ident_errname(i), "unknown") &&
			 strcmp(ident_strerror(i), "unknown error");
	OK(named == IDENT_E_END - IDENT_E_BASE, "every code has a name");
	OK(!strcmp(ident_errname(IDENT_E_END), "unknown") &&
	   !strcmp(ident_errname(-1), "unknown") &&
	   !strcmp(ident_errname(0), "ok"), "and nothing else has");
}

static void test_policy(void)
{
	struct trust_policy p = { 0 };
	uint8_t id[32], other[32] = { 0 };

	MUST(!ident_id_parse(KNOWN_A2_ID, id));
	OK(!trust_policy_allows(&p, id), "no policy allows nobody");
	OK(trust_policy_add(&p, "Anyone") == IDENT_E_INVALID &&
	   trust_policy_add(&p, "") == IDENT_E_INVALID &&
	   !trust_policy_allows(&p, id), "anyone must be written out");
	OK(!trust_policy_add(&p, KNOWN_A2_ID) && trust_policy_allows(&p, id) &&
	   !trust_policy_allows(&p, other), "a list allows what is in it");
	OK(trust_policy_add(&p, "anyone") == IDENT_E_INVALID &&
	   !trust_policy_allows(&p, other), "anyone does not widen a list");
	trust_policy_clear(&p);
	OK(!trust_policy_allows(&p, id), "cleared");
	OK(!trust_policy_add(&p, "anyone") && trust_policy_allows(&p, other),
	   "anyone");
	OK(trust_policy_add(&p, KNOWN_A2_ID) == IDENT_E_INVALID,
	   "no list beside anyone");
	trust_policy_clear(&p);
}

int main(void)
{
	tap_seed();
	fixed_random_init();
	test_reader();
	test_names();
	test_identifiers();
	test_policy();
	test_upstream_one("upstream Ed25519 history", KNOWN_UP_ED_HISTORY,
			  KNOWN_UP_ED_ID);
	test_upstream_one("upstream P-256 history", KNOWN_UP_P256_HISTORY,
			  KNOWN_UP_P256_ID);
	test_known_initiator();
	test_known_responder();
	test_known_rotation();
	test_known_credential();
	test_attributes();
	test_credential_rules();
	test_history_rules();
	test_history_bounds();
	test_history_variants();
	test_enum_shape();
	test_small_order_key();
	test_p256();
	test_lifecycle();
	test_many_rotations();
	return tap_done();
}
