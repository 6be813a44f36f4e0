// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Identities whose secrets are here.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "identity.h"

static struct identity *identity_alloc(void)
{
	struct identity *id = calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	id->secrets = sodium_malloc(sizeof(*id->secrets));
	if (!id->secrets) {
		free(id);
		return NULL;
	}
	sodium_memzero(id->secrets, sizeof(*id->secrets));
	id->refs = 1;
	return id;
}

struct identity *identity_get(struct identity *id)
{
	id->refs++;
	return id;
}

void identity_put(struct identity *id)
{
	if (!id || --id->refs)
		return;
	sodium_free(id->secrets);
	free(id->raw);
	free(id->creds);
	free(id);
}

static int seed_to_sk(uint8_t sk[IDENT_ED25519_SK_LEN],
		      const uint8_t seed[IDENT_ED25519_SEED_LEN])
{
	uint8_t pk[IDENT_ED25519_PK_LEN];

	return crypto_sign_seed_keypair(pk, sk, seed) ? IDENT_E_CRYPTO : 0;
}

/* Takes a history in, if it ends with the key whose secret is already here. */
static int set_history(struct identity *id, const uint8_t *raw, size_t len)
{
	struct ident_pubkey key;
	int err;

	err = ident_history_verify(raw, len, IDENT_CHANGES_MAX, NULL,
				   &id->history);
	if (err)
		return err;
	ident_pubkey_of(id->secrets->ed, &key);
	if (id->history.key.alg != key.alg ||
	    memcmp(id->history.key.key, key.key, IDENT_ED25519_PK_LEN))
		return IDENT_E_SIG;
	id->raw = malloc(len);
	if (!id->raw)
		return IDENT_E_NOMEM;
	memcpy(id->raw, raw, len);
	id->raw_len = len;
	return 0;
}

int identity_from_seed(const uint8_t seed[IDENT_ED25519_SEED_LEN],
		       uint64_t from, uint64_t until, struct identity **out)
{
	uint8_t raw[IDENT_CHANGE_MAX];
	struct identity *id;
	struct ocb_writer w;
	int err;

	*out = NULL;
	id = identity_alloc();
	if (!id)
		return IDENT_E_NOMEM;
	ocb_writer_init(&w, raw, sizeof(raw));
	err = seed_to_sk(id->secrets->ed, seed);
	if (!err)
		err = ident_history_first(id->secrets->ed, from, until, &w);
	if (!err)
		err = set_history(id, raw, w.len);
	if (err) {
		identity_put(id);
		return err;
	}
	*out = id;
	return 0;
}

int identity_restore(const uint8_t seed[IDENT_ED25519_SEED_LEN],
		     const uint8_t *raw, size_t len, struct identity **out)
{
	struct identity *id;
	int err;

	*out = NULL;
	id = identity_alloc();
	if (!id)
		return IDENT_E_NOMEM;
	err = seed_to_sk(id->secrets->ed, seed);
	if (!err)
		err = set_history(id, raw, len);
	if (err) {
		identity_put(id);
		return err;
	}
	*out = id;
	return 0;
}

static struct identity_purpose *purpose_of(struct identity *id,
					   enum ident_purpose kind)
{
	return kind == IDENT_PURPOSE_CHANNEL ? &id->channel : &id->credentials;
}

/* Puts the secret in its place and derives the public half. */
static int set_purpose_secret(struct identity *id, enum ident_purpose kind,
			      const uint8_t secret[32],
			      struct ident_purpose_key *key)
{
	int err;

	memset(key, 0, sizeof(*key));
	key->kind = kind;
	if (kind == IDENT_PURPOSE_CHANNEL) {
		memcpy(id->secrets->x, secret, IDENT_X25519_LEN);
		return crypto_scalarmult_base(key->x25519, id->secrets->x) ?
			       IDENT_E_CRYPTO : 0;
	}
	err = seed_to_sk(id->secrets->cred, secret);
	if (!err)
		ident_pubkey_of(id->secrets->cred, &key->verify);
	return err;
}

static bool same_purpose_key(const struct ident_purpose_key *a,
			     const struct ident_purpose_key *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == IDENT_PURPOSE_CHANNEL)
		return !memcmp(a->x25519, b->x25519, IDENT_X25519_LEN);
	return a->verify.alg == b->verify.alg &&
	       !memcmp(a->verify.key, b->verify.key, IDENT_ED25519_PK_LEN);
}

int identity_restore_purpose(struct identity *id, enum ident_purpose kind,
			     const uint8_t secret[32],
			     const uint8_t *att, size_t len)
{
	struct identity_purpose *p = purpose_of(id, kind);
	struct ident_purpose_key own;
	struct ident_attestation a;
	struct ocb_reader r;
	int err;

	p->present = false;
	if (len > sizeof(p->attestation))
		return IDENT_E_SPACE;
	ocb_reader_init(&r, att, len);
	err = ident_attestation_read(&r, &a);
	if (err)
		return err;
	if (r.left)
		return IDENT_E_TRAILING;
	/* Whether it is still good is asked when it is used. */
	err = ident_attestation_check(&a, &id->history, a.key.created);
	if (err)
		return err;
	err = set_purpose_secret(id, kind, secret, &own);
	if (err)
		return err;
	if (!same_purpose_key(&own, &a.key))
		return IDENT_E_STATIC_KEY;
	p->key = a.key;
	memcpy(p->attestation, att, len);
	p->attestation_len = len;
	p->present = true;
	return 0;
}

int identity_attest_purpose(struct identity *id, enum ident_purpose kind,
			    const uint8_t secret[32], uint64_t created,
			    uint64_t expires)
{
	struct identity_purpose *p = purpose_of(id, kind);
	struct ident_purpose_key key;
	struct ocb_writer w;
	int err;

	p->present = false;
	err = set_purpose_secret(id, kind, secret, &key);
	if (err)
		return err;
	key.created = created;
	key.expires = expires;
	ocb_writer_init(&w, p->attestation, sizeof(p->attestation));
	err = ident_attestation_make(id->secrets->ed, &id->history, &key, &w);
	if (err)
		return err;
	p->key = key;
	p->attestation_len = w.len;
	p->present = true;
	return 0;
}

int identity_refresh_purpose(struct identity *id, enum ident_purpose kind,
			     uint64_t now, bool *changed)
{
	struct identity_purpose *p = purpose_of(id, kind);
	uint64_t created = now, expires;
	uint8_t secret[32];
	int err;

	*changed = false;
	if (p->present &&
	    !ident_check_times(p->key.created, p->key.expires, now))
		return 0;
	/* The clock may be behind the one that made the latest change. */
	if (created < id->history.valid_from)
		created = id->history.valid_from;
	expires = created + IDENT_PURPOSE_KEY_SECONDS;
	if (expires > id->history.valid_until)
		expires = id->history.valid_until;
	if (expires < created)
		return IDENT_E_EXPIRED;
	randombytes_buf(secret, sizeof(secret));
	err = identity_attest_purpose(id, kind, secret, created, expires);
	sodium_memzero(secret, sizeof(secret));
	*changed = !err;
	return err;
}

int identity_generate(uint64_t now, struct identity **out)
{
	uint8_t seed[IDENT_ED25519_SEED_LEN];
	bool changed;
	int err;

	randombytes_buf(seed, sizeof(seed));
	err = identity_from_seed(seed, now, now + IDENT_VALID_SECONDS, out);
	sodium_memzero(seed, sizeof(seed));
	if (err)
		return err;
	err = identity_refresh_purpose(*out, IDENT_PURPOSE_CHANNEL, now,
				       &changed);
	if (err) {
		identity_put(*out);
		*out = NULL;
	}
	return err;
}

static int rotate_history(const struct identity *id, uint64_t now,
			  struct identity *next)
{
	size_t cap = id->raw_len + IDENT_CHANGE_MAX;
	uint64_t from = now;
	struct ocb_writer w;
	uint8_t *raw;
	int err;

	if (from < id->history.valid_from)
		from = id->history.valid_from;
	raw = malloc(cap);
	if (!raw)
		return IDENT_E_NOMEM;
	ocb_writer_init(&w, raw, cap);
	err = ident_history_append(id->raw, id->raw_len, &id->history,
				   id->secrets->ed, next->secrets->ed, from,
				   from + IDENT_VALID_SECONDS, true, &w);
	if (!err)
		err = set_history(next, raw, w.len);
	free(raw);
	return err;
}

int identity_rotate(const struct identity *id, uint64_t now,
		    struct identity **out)
{
	struct identity *next;
	uint8_t seed[32];
	bool changed;
	int err;

	*out = NULL;
	if (id->history.count >= IDENT_CHANGES_DEFAULT)
		return IDENT_E_MANY_CHANGES;
	next = identity_alloc();
	if (!next)
		return IDENT_E_NOMEM;
	randombytes_buf(seed, sizeof(seed));
	err = seed_to_sk(next->secrets->ed, seed);
	sodium_memzero(seed, sizeof(seed));
	if (!err)
		err = rotate_history(id, now, next);
	if (!err)
		err = identity_refresh_purpose(next, IDENT_PURPOSE_CHANNEL,
					       now, &changed);
	if (!err && id->credentials.present)
		err = identity_refresh_purpose(next, IDENT_PURPOSE_CREDENTIALS,
					       now, &changed);
	/* What others said of this identity stays true. */
	if (!err && id->creds_len) {
		next->creds = malloc(id->creds_len);
		err = next->creds ? 0 : IDENT_E_NOMEM;
	}
	if (err) {
		identity_put(next);
		return err;
	}
	if (id->creds_len)
		memcpy(next->creds, id->creds, id->creds_len);
	next->creds_len = id->creds_len;
	next->n_creds = id->n_creds;
	*out = next;
	return 0;
}

int identity_add_credential(struct identity *id, const uint8_t *buf,
			    size_t len)
{
	struct ocb_reader r;
	uint8_t *creds;

	ocb_reader_init(&r, buf, len);
	if (ocb_skip(&r))
		return IDENT_E_DECODE;
	if (r.left)
		return IDENT_E_TRAILING;
	if (id->n_creds == IDENT_CREDENTIALS_MAX ||
	    len > IDENT_OWN_CREDS_MAX - id->creds_len)
		return IDENT_E_MANY_CREDS;
	creds = realloc(id->creds, id->creds_len + len);
	if (!creds)
		return IDENT_E_NOMEM;
	memcpy(creds + id->creds_len, buf, len);
	id->creds = creds;
	id->creds_len += len;
	id->n_creds++;
	return 0;
}

int identity_issue(const struct identity *id,
		   const struct ident_history *subject, uint64_t schema,
		   const struct ident_attr *attrs, unsigned int n_attrs,
		   uint64_t created, uint64_t expires, struct ocb_writer *w)
{
	const struct identity_purpose *p = &id->credentials;
	struct ident_issue issue = {
		.sk = id->secrets->cred,
		.attestation = p->attestation,
		.attestation_len = p->attestation_len,
		.subject = subject,
		.schema = schema,
		.attrs = attrs,
		.n_attrs = n_attrs,
		.created = created,
		.expires = expires,
	};

	if (!p->present)
		return IDENT_E_OWN_KEY;
	if (created < p->key.created || expires > p->key.expires)
		return IDENT_E_CRED_TIME;
	return ident_credential_make(&issue, w);
}

bool identity_ready(const struct identity *id, uint64_t now)
{
	return id->channel.present &&
	       !ident_check_times(id->channel.key.created,
				  id->channel.key.expires, now);
}

int identity_payload(const struct identity *id, uint8_t **out, size_t *len)
{
	/* The heads of two arrays are at most 9 bytes each. */
	size_t cap = id->raw_len + id->channel.attestation_len +
		     id->creds_len + 18;
	struct ocb_writer w;
	int err;

	*out = NULL;
	if (!id->channel.present)
		return IDENT_E_OWN_KEY;
	*out = malloc(cap);
	if (!*out)
		return IDENT_E_NOMEM;
	ocb_writer_init(&w, *out, cap);
	err = ident_payload_write(id->raw, id->raw_len,
				  id->channel.attestation,
				  id->channel.attestation_len, id->creds,
				  id->creds_len, id->n_creds, &w);
	if (err) {
		free(*out);
		*out = NULL;
		return err;
	}
	*len = w.len;
	return 0;
}
