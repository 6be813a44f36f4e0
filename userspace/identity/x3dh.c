// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH with Ockam's identities.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "x3dh.h"

_Static_assert(sizeof(X3DH_NAME) - 1 == X3DH_NAME_LEN, "length of the name");

#define INFO_MAX	(X3DH_NAME_LEN + 8 + SUITE_HASH_LEN)
#define TRANSCRIPT_MAX	512

static const uint8_t no_salt[SUITE_HASH_LEN];

/**
 * struct terms - what both sides know of a first message
 * @responder: identifier
 * @x25519:    the responder's channel key
 * @ek:        ephemeral key
 * @prekey_id: signed prekey
 * @prekey:    its public half
 * @one_time:  public half of the one-time prekey, or NULL
 * @one_time_id: its number
 * @bundle:    digest of the bundle
 */
struct terms {
	const uint8_t *responder;
	const uint8_t *x25519;
	const uint8_t *ek;
	uint64_t prekey_id;
	const uint8_t *prekey;
	const uint8_t *one_time;
	uint64_t one_time_id;
	const uint8_t *bundle;
};

/**
 * struct shared - Diffie-Hellman results behind 32 bytes of 0xff
 *
 * In the order in which they are hashed: DH(IK, SPK) first, which is filled in
 * last since the initiator's key is not known before.
 */
struct shared {
	uint8_t ff[NOISE_KEY_LEN];
	uint8_t dh[4][NOISE_KEY_LEN];
};

struct early {
	uint8_t key[SUITE_KEY_LEN];
	uint8_t ck[SUITE_KEY_LEN];
};

struct final {
	uint8_t k1[SUITE_KEY_LEN];
	uint8_t k2[SUITE_KEY_LEN];
	uint8_t confirm[SUITE_KEY_LEN];
};

/* ---- key schedule ---- */

static int derive(const uint8_t *salt, const void *ikm, size_t ikm_len,
		  const char *use, const uint8_t *transcript, void *out,
		  size_t len)
{
	uint8_t info[INFO_MAX];
	size_t n = X3DH_NAME_LEN;

	memcpy(info, X3DH_NAME, n);
	memcpy(info + n, use, strlen(use));
	n += strlen(use);
	if (transcript) {
		memcpy(info + n, transcript, SUITE_HASH_LEN);
		n += SUITE_HASH_LEN;
	}
	return suite_hkdf(&suite_sha256, salt, SUITE_HASH_LEN, ikm, ikm_len,
			  info, n, out, len) ? IDENT_E_CRYPTO : 0;
}

static void transcript_begin(struct ocb_writer *w, uint8_t *buf, size_t items)
{
	ocb_writer_init(w, buf, TRANSCRIPT_MAX);
	ocb_put_array(w, items);
	ocb_put_bytes(w, X3DH_NAME, X3DH_NAME_LEN);
}

static int transcript_end(const struct ocb_writer *w,
			  uint8_t out[SUITE_HASH_LEN])
{
	return w->full ? IDENT_E_SPACE : ident_hash(w->buf, w->len, out);
}

/* What can be known before the initiator is. */
static int transcript_0(const struct terms *t, uint8_t out[SUITE_HASH_LEN])
{
	uint8_t buf[TRANSCRIPT_MAX];
	struct ocb_writer w;

	transcript_begin(&w, buf, 10);
	ocb_put_uint(&w, X3DH_SUITE);
	ocb_put_bytes(&w, t->responder, IDENT_ID_LEN);
	ocb_put_bytes(&w, t->x25519, NOISE_KEY_LEN);
	ocb_put_bytes(&w, t->ek, NOISE_KEY_LEN);
	ocb_put_uint(&w, t->prekey_id);
	ocb_put_bytes(&w, t->prekey, NOISE_KEY_LEN);
	if (t->one_time) {
		ocb_put_uint(&w, t->one_time_id);
		ocb_put_bytes(&w, t->one_time, NOISE_KEY_LEN);
	} else {
		ocb_put_null(&w);
		ocb_put_null(&w);
	}
	ocb_put_bytes(&w, t->bundle, IDENT_HASH_LEN);
	return transcript_end(&w, out);
}

static int transcript_1(const uint8_t *t0, const uint8_t *initiator,
			const uint8_t *x25519, const uint8_t *payload,
			size_t payload_len, uint8_t out[SUITE_HASH_LEN])
{
	uint8_t buf[TRANSCRIPT_MAX], hash[IDENT_HASH_LEN];
	struct ocb_writer w;
	int err;

	err = ident_hash(payload, payload_len, hash);
	if (err)
		return err;
	transcript_begin(&w, buf, 5);
	ocb_put_bytes(&w, t0, SUITE_HASH_LEN);
	ocb_put_bytes(&w, initiator, IDENT_ID_LEN);
	ocb_put_bytes(&w, x25519, NOISE_KEY_LEN);
	ocb_put_bytes(&w, hash, sizeof(hash));
	return transcript_end(&w, out);
}

static int transcript_2(const uint8_t *t1, const uint8_t *er,
			uint8_t out[SUITE_HASH_LEN])
{
	uint8_t buf[TRANSCRIPT_MAX];
	struct ocb_writer w;

	transcript_begin(&w, buf, 3);
	ocb_put_bytes(&w, t1, SUITE_HASH_LEN);
	ocb_put_bytes(&w, er, NOISE_KEY_LEN);
	return transcript_end(&w, out);
}

/* Key of the initiator's identity: without DH(IK, SPK). */
static int identity_key(const struct shared *s, bool one_time,
			const uint8_t *t0, uint8_t out[SUITE_KEY_LEN])
{
	uint8_t ikm[4 * NOISE_KEY_LEN];
	size_t len = (one_time ? 4 : 3) * NOISE_KEY_LEN;
	int err;

	memcpy(ikm, s->ff, NOISE_KEY_LEN);
	memcpy(ikm + NOISE_KEY_LEN, s->dh[1], len - NOISE_KEY_LEN);
	err = derive(no_salt, ikm, len, "identity", t0, out, SUITE_KEY_LEN);
	sodium_memzero(ikm, sizeof(ikm));
	return err;
}

/* Signal's derivation, and from its result the early key. */
static int early_keys(const struct shared *s, bool one_time, const uint8_t *t1,
		      struct early *e)
{
	size_t len = (one_time ? 5 : 4) * NOISE_KEY_LEN;
	uint8_t sk[SUITE_KEY_LEN];
	int err;

	err = derive(no_salt, s, len, "", NULL, sk, sizeof(sk));
	if (!err)
		err = derive(no_salt, sk, sizeof(sk), "early", t1, e,
			     sizeof(*e));
	sodium_memzero(sk, sizeof(sk));
	return err;
}

static int final_keys(const uint8_t *ck, const uint8_t dh[2][NOISE_KEY_LEN],
		      const uint8_t *t2, struct final *f)
{
	return derive(ck, dh, 2 * NOISE_KEY_LEN, "final", t2, f, sizeof(*f));
}

static int confirm_seal(const struct final *f, const uint8_t *t2,
			uint8_t tag[SUITE_TAG_LEN])
{
	return suite_seal(&suite_aesgcm, f->confirm, 0, t2, SUITE_HASH_LEN,
			  NULL, 0, tag) ? IDENT_E_CRYPTO : 0;
}

static int confirm_open(const struct final *f, const uint8_t *t2,
			const uint8_t *tag)
{
	uint8_t none[1];

	return suite_open(&suite_aesgcm, f->confirm, 0, t2, SUITE_HASH_LEN,
			  tag, SUITE_TAG_LEN, none) ? NOISE_E_DECRYPT : 0;
}

/* ---- initiator ---- */

void x3dh_wipe(struct x3dh *x)
{
	identity_put(x->self);
	sodium_memzero(x, sizeof(*x));
}

void x3dh_start_wipe(struct x3dh_start *start)
{
	ident_peer_clear(&start->peer);
	sodium_memzero(start, sizeof(*start));
}

size_t x3dh_header_max(const struct identity *self)
{
	return X3DH_NAME_LEN + X3DH_OVERHEAD_MAX + self->raw_len +
	       self->channel.attestation_len + self->creds_len + 18;
}

/* Sets @fresh when this bundle is to be remembered. */
static int check_sequence(const struct x3dh_known *known,
			  const struct bundle *b, bool *fresh)
{
	uint8_t digest[IDENT_HASH_LEN];
	uint64_t sequence;
	int found;

	found = known->load(known->ctx, b->identifier, &sequence, digest);
	if (found < 0)
		return IDENT_E_STORE;
	*fresh = !found || b->sequence > sequence;
	if (*fresh)
		return 0;
	if (b->sequence < sequence)
		return IDENT_E_BUNDLE_OLDER;
	return memcmp(b->digest, digest, sizeof(digest)) ?
	       IDENT_E_BUNDLE_CONFLICT : 0;
}

/* Nothing is stored before everything is right and the peer is trusted. */
static int check_bundle(const struct x3dh_config *cfg, const struct bundle *b,
			const struct one_time *o, uint64_t now,
			struct ident_peer *peer)
{
	struct ident_history *history;
	bool fresh;
	int err;

	history = malloc(sizeof(*history));
	if (!history)
		return IDENT_E_NOMEM;
	err = bundle_verify(b, cfg->expected, cfg->check->max_changes, now,
			    history);
	if (!err && o)
		err = one_time_verify(o, b, history);
	free(history);
	if (!err)
		err = check_sequence(cfg->known, b, &fresh);
	if (!err)
		err = identity_check_peer(b->payload, b->payload_len,
					  b->x25519, cfg->check, now, peer);
	if (err || !fresh)
		return err;
	if (!cfg->known->save(cfg->known->ctx, b->identifier, b->sequence,
			      b->digest))
		return 0;
	ident_peer_clear(peer);
	return IDENT_E_STORE;
}

static int initiator_shared(const struct x3dh *x, const struct bundle *b,
			    const struct one_time *o, struct shared *s)
{
	int err;

	memset(s->ff, 0xff, sizeof(s->ff));
	err = noise_x25519(s->dh[0], x->self->secrets->x, b->prekey);
	if (!err)
		err = noise_x25519(s->dh[1], x->ek, b->x25519);
	if (!err)
		err = noise_x25519(s->dh[2], x->ek, b->prekey);
	if (!err && o)
		err = noise_x25519(s->dh[3], x->ek, o->key);
	return err;
}

static int put_header(const struct terms *t, const uint8_t *key,
		      const uint8_t *t0, const uint8_t *payload,
		      size_t payload_len, struct ocb_writer *w)
{
	size_t len = payload_len + SUITE_TAG_LEN;
	uint8_t *sealed = malloc(len);
	int err = 0;

	if (!sealed)
		return IDENT_E_NOMEM;
	if (suite_seal(&suite_aesgcm, key, 0, t0, SUITE_HASH_LEN, payload,
		       payload_len, sealed)) {
		err = IDENT_E_CRYPTO;
		goto out;
	}
	ocb_put_raw(w, X3DH_NAME, X3DH_NAME_LEN);
	ocb_put_array(w, 4);
	ocb_put_bytes(w, t->ek, NOISE_KEY_LEN);
	ocb_put_uint(w, t->prekey_id);
	if (t->one_time)
		ocb_put_uint(w, t->one_time_id);
	else
		ocb_put_null(w);
	ocb_put_bytes(w, sealed, len);
	if (w->full)
		err = IDENT_E_SPACE;
out:
	free(sealed);
	return err;
}

static int initiate(struct x3dh *x, const struct bundle *b,
		    const struct one_time *o, struct ocb_writer *w,
		    struct x3dh_start *start)
{
	uint8_t ek[NOISE_KEY_LEN], t0[SUITE_HASH_LEN], key[SUITE_KEY_LEN];
	const struct identity *self = x->self;
	struct terms t = {
		.responder = b->identifier,
		.x25519 = b->x25519,
		.ek = ek,
		.prekey_id = b->prekey_id,
		.prekey = b->prekey,
		.one_time = o ? o->key : NULL,
		.one_time_id = o ? o->id : 0,
		.bundle = b->digest,
	};
	size_t payload_len;
	uint8_t *payload;
	struct shared s;
	struct early e;
	int err;

	err = identity_payload(self, &payload, &payload_len);
	if (err)
		return err;
	randombytes_buf(x->ek, sizeof(x->ek));
	err = crypto_scalarmult_base(ek, x->ek) ? IDENT_E_CRYPTO : 0;
	if (!err)
		err = initiator_shared(x, b, o, &s);
	if (!err)
		err = transcript_0(&t, t0);
	if (!err)
		err = identity_key(&s, o, t0, key);
	if (!err)
		err = put_header(&t, key, t0, payload, payload_len, w);
	if (!err)
		err = transcript_1(t0, self->history.identifier,
				   self->channel.key.x25519, payload,
				   payload_len, x->t1);
	if (!err)
		err = early_keys(&s, o, x->t1, &e);
	if (!err) {
		memcpy(start->early, e.key, sizeof(e.key));
		memcpy(x->ck, e.ck, sizeof(e.ck));
	}
	sodium_memzero(&s, sizeof(s));
	sodium_memzero(&e, sizeof(e));
	sodium_memzero(key, sizeof(key));
	free(payload);
	return err;
}

int x3dh_initiate(struct x3dh *x, const struct x3dh_config *cfg,
		  const uint8_t *bundle, size_t bundle_len,
		  const uint8_t *one_time, size_t one_time_len, uint64_t now,
		  uint8_t *out, size_t cap, size_t *len,
		  struct x3dh_start *start)
{
	struct ocb_writer w;
	struct one_time o;
	struct bundle b;
	int err;

	*len = 0;
	memset(x, 0, sizeof(*x));
	memset(start, 0, sizeof(*start));
	if (!identity_ready(cfg->self, now))
		return IDENT_E_OWN_KEY;
	if (cap < x3dh_header_max(cfg->self))
		return IDENT_E_SPACE;
	if (!one_time && cfg->need_one_time)
		return IDENT_E_NO_ONE_TIME;
	err = bundle_read(bundle, bundle_len, &b);
	if (!err && one_time)
		err = one_time_read(one_time, one_time_len, &o);
	if (!err)
		err = check_bundle(cfg, &b, one_time ? &o : NULL, now,
				   &start->peer);
	if (err)
		return err;
	x->self = identity_get(cfg->self);
	ocb_writer_init(&w, out, cap);
	err = initiate(x, &b, one_time ? &o : NULL, &w, start);
	if (err) {
		sodium_memzero(out, w.len);
		x3dh_start_wipe(start);
		x3dh_wipe(x);
		return err;
	}
	*len = w.len;
	return 0;
}

int x3dh_finish(struct x3dh *x, const uint8_t *msg, size_t len,
		struct x3dh_keys *keys)
{
	uint8_t dh[2][NOISE_KEY_LEN], t2[SUITE_HASH_LEN];
	struct final f;
	int err;

	memset(keys, 0, sizeof(*keys));
	if (!x->self)
		return IDENT_E_STATE;
	if (len != X3DH_ANSWER_LEN)
		return NOISE_E_LENGTH;
	err = noise_x25519(dh[0], x->ek, msg);
	if (!err)
		err = noise_x25519(dh[1], x->self->secrets->x, msg);
	if (!err)
		err = transcript_2(x->t1, msg, t2);
	if (!err)
		err = final_keys(x->ck, dh, t2, &f);
	if (!err)
		err = confirm_open(&f, t2, msg + NOISE_KEY_LEN);
	if (!err) {
		memcpy(keys->tx, f.k1, sizeof(f.k1));
		memcpy(keys->rx, f.k2, sizeof(f.k2));
		memcpy(keys->transcript, t2, sizeof(t2));
		x3dh_wipe(x);
	}
	sodium_memzero(dh, sizeof(dh));
	sodium_memzero(&f, sizeof(f));
	return err;
}

/* ---- responder ---- */

void x3dh_accept_wipe(struct x3dh_accept *acc)
{
	ident_peer_clear(&acc->peer);
	sodium_memzero(acc, sizeof(*acc));
}

bool x3dh_is_first(const uint8_t *msg, size_t len)
{
	return len > X3DH_NAME_LEN && !memcmp(msg, X3DH_NAME, X3DH_NAME_LEN);
}

int x3dh_first_read(const uint8_t *msg, size_t len, struct x3dh_first *f)
{
	struct ocb_reader r;
	struct ocb_list l;
	int i;

	memset(f, 0, sizeof(*f));
	if (!x3dh_is_first(msg, len))
		return IDENT_E_VARIANT;
	ocb_reader_init(&r, msg + X3DH_NAME_LEN, len - X3DH_NAME_LEN);
	/* Nothing unknown: what follows is data. */
	if (ocb_list_begin(&r, &l) || l.indefinite || l.left != 4 ||
	    ocb_get_fixed(&r, f->ek, sizeof(f->ek)) ||
	    ocb_get_uint(&r, &f->prekey_id))
		return IDENT_E_DECODE;
	f->has_one_time = !ocb_take_null(&r);
	if ((f->has_one_time && ocb_get_uint(&r, &f->one_time_id)) ||
	    ocb_get_bytes(&r, &f->sealed, &f->sealed_len))
		return IDENT_E_DECODE;
	if (f->sealed_len < SUITE_TAG_LEN || r.left < X3DH_DATA_MIN)
		return NOISE_E_LENGTH;
	f->header_len = len - r.left;
	f->data = r.p;
	f->data_len = r.left;
	for (i = 0; i < 8; i++)
		f->nonce = f->nonce << 8 | f->data[i];
	return 0;
}

int x3dh_record(const struct x3dh_first *f, uint8_t out[PREKEYS_RECORD_LEN])
{
	return ident_hash(f->ek, sizeof(f->ek), out);
}

/**
 * struct match - own keys that a first message names
 * @spk:      signed prekey
 * @one_time: one-time prekey, or NULL
 * @record:   of the message
 */
struct match {
	struct prekey_signed *spk;
	struct prekey_one_time *one_time;
	uint8_t record[PREKEYS_RECORD_LEN];
};

static int find_keys(const struct x3dh_own *own, const struct x3dh_first *f,
		     uint64_t now, struct match *m)
{
	int err;

	memset(m, 0, sizeof(*m));
	m->spk = prekeys_find(own->prekeys, f->prekey_id,
			      own->self->channel.key.x25519, now);
	if (!m->spk)
		return IDENT_E_PREKEY;
	err = x3dh_record(f, m->record);
	if (err)
		return err;
	if (prekeys_seen(m->spk, m->record))
		return IDENT_E_REPLAY;
	if (!f->has_one_time)
		return m->spk->n_records == PREKEYS_RECORDS_MAX ?
		       IDENT_E_RECORDS_FULL : 0;
	m->one_time = prekeys_find_one_time(m->spk, f->one_time_id);
	return m->one_time ? 0 : IDENT_E_ONE_TIME_GONE;
}

/* All but DH(IK, SPK). */
static int responder_shared(const struct x3dh_own *own, const struct match *m,
			    const struct x3dh_first *f, struct shared *s)
{
	int err;

	memset(s->ff, 0xff, sizeof(s->ff));
	err = noise_x25519(s->dh[1], own->self->secrets->x, f->ek);
	if (!err)
		err = noise_x25519(s->dh[2], m->spk->secret, f->ek);
	if (!err && m->one_time)
		err = noise_x25519(s->dh[3], m->one_time->secret, f->ek);
	return err;
}

/*
 * The initiator's X25519 key and identifier as the payload claims them; only a
 * tag has been looked at, and no signature is, before a second one verified.
 */
static int claimed(const uint8_t *payload, size_t len,
		   struct ident_attestation *a)
{
	struct ocb_reader r;
	struct ocb_list f;

	ocb_reader_init(&r, payload, len);
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) || ocb_skip(&r) ||
	    ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	return ident_attestation_read(&r, a);
}

static int check_data(const struct x3dh_first *f, const uint8_t *key)
{
	size_t len = f->data_len - 8;
	uint8_t *plain;
	int err;

	plain = malloc(len);
	if (!plain)
		return IDENT_E_NOMEM;
	err = suite_open(&suite_aesgcm, key, f->nonce, NULL, 0, f->data + 8,
			 len, plain) ? NOISE_E_DECRYPT : 0;
	/* The kernel will deliver it. */
	sodium_memzero(plain, len);
	free(plain);
	return err;
}

/**
 * struct unsealed - state between the tags and the rest
 * @payload:     the initiator's identity payload, allocated
 * @payload_len: its length
 * @claim:       attestation in it, not verified before the peer is checked
 * @t1:          transcript
 * @keys:        early keys
 */
struct unsealed {
	uint8_t *payload;
	size_t payload_len;
	struct ident_attestation claim;
	uint8_t t1[SUITE_HASH_LEN];
	struct early keys;
};

static int unseal(const struct x3dh_own *own, const struct match *m,
		  const struct x3dh_first *f, struct shared *s,
		  struct unsealed *u)
{
	uint8_t one_time[NOISE_KEY_LEN], t0[SUITE_HASH_LEN];
	uint8_t key[SUITE_KEY_LEN];
	struct terms t = {
		.responder = own->self->history.identifier,
		.x25519 = m->spk->x25519,
		.ek = f->ek,
		.prekey_id = f->prekey_id,
		.prekey = m->spk->pub,
		.one_time = m->one_time ? one_time : NULL,
		.one_time_id = f->one_time_id,
		.bundle = m->spk->digest,
	};
	int err;

	if (m->one_time &&
	    crypto_scalarmult_base(one_time, m->one_time->secret))
		return IDENT_E_CRYPTO;
	u->payload_len = f->sealed_len - SUITE_TAG_LEN;
	u->payload = malloc(u->payload_len + 1);
	if (!u->payload)
		return IDENT_E_NOMEM;
	err = transcript_0(&t, t0);
	if (!err)
		err = identity_key(s, m->one_time, t0, key);
	if (!err && suite_open(&suite_aesgcm, key, 0, t0, sizeof(t0),
			       f->sealed, f->sealed_len, u->payload))
		err = NOISE_E_DECRYPT;
	sodium_memzero(key, sizeof(key));
	if (!err)
		err = claimed(u->payload, u->payload_len, &u->claim);
	if (!err)
		err = noise_x25519(s->dh[0], m->spk->secret,
				   u->claim.key.x25519);
	if (!err)
		err = transcript_1(t0, u->claim.subject, u->claim.key.x25519,
				   u->payload, u->payload_len, u->t1);
	if (!err)
		err = early_keys(s, m->one_time, u->t1, &u->keys);
	return err ? err : check_data(f, u->keys.key);
}

static int use_up(const struct x3dh_own *own, struct match *m,
		  const uint8_t peer[IDENT_ID_LEN])
{
	int err = 0;

	if (m->one_time)
		prekeys_use_one_time(m->spk, m->one_time);
	else
		err = prekeys_record(m->spk, m->record, peer);
	if (err)
		return err;
	return own->commit(own->ctx) ? IDENT_E_STORE : 0;
}

static int answer(const struct x3dh_first *f, const struct unsealed *u,
		  struct x3dh_accept *acc)
{
	uint8_t dh[2][NOISE_KEY_LEN], er[NOISE_KEY_LEN], t2[SUITE_HASH_LEN];
	struct final k;
	int err;

	randombytes_buf(er, sizeof(er));
	err = crypto_scalarmult_base(acc->answer, er) ? IDENT_E_CRYPTO : 0;
	if (!err)
		err = noise_x25519(dh[0], er, f->ek);
	if (!err)
		err = noise_x25519(dh[1], er, u->claim.key.x25519);
	if (!err)
		err = transcript_2(u->t1, acc->answer, t2);
	if (!err)
		err = final_keys(u->keys.ck, dh, t2, &k);
	if (!err)
		err = confirm_seal(&k, t2, acc->answer + NOISE_KEY_LEN);
	if (!err) {
		memcpy(acc->keys.tx, k.k2, sizeof(k.k2));
		memcpy(acc->keys.rx, k.k1, sizeof(k.k1));
		memcpy(acc->keys.transcript, t2, sizeof(t2));
		memcpy(acc->early, u->keys.key, sizeof(acc->early));
	}
	sodium_memzero(er, sizeof(er));
	sodium_memzero(dh, sizeof(dh));
	sodium_memzero(&k, sizeof(k));
	return err;
}

int x3dh_respond(const struct x3dh_own *own, const uint8_t *msg, size_t len,
		 uint64_t now, struct x3dh_accept *acc)
{
	struct unsealed u = { 0 };
	struct x3dh_first f;
	struct shared s;
	struct match m;
	int err;

	memset(acc, 0, sizeof(*acc));
	if (!identity_ready(own->self, now))
		return IDENT_E_OWN_KEY;
	err = x3dh_first_read(msg, len, &f);
	if (!err && f.nonce)
		err = IDENT_E_STATE;
	if (!err)
		err = find_keys(own, &f, now, &m);
	if (err)
		return err;
	err = responder_shared(own, &m, &f, &s);
	if (!err)
		err = unseal(own, &m, &f, &s, &u);
	sodium_memzero(&s, sizeof(s));
	if (!err)
		err = identity_check_peer(u.payload, u.payload_len,
					  u.claim.key.x25519, own->check, now,
					  &acc->peer);
	if (!err)
		err = use_up(own, &m, acc->peer.identifier);
	if (!err)
		err = answer(&f, &u, acc);
	if (err)
		x3dh_accept_wipe(acc);
	free(u.payload);
	sodium_memzero(&u, sizeof(u));
	return err;
}
