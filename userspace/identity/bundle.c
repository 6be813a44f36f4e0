// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Prekey bundles and one-time prekeys.
 */
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "ident_err.h"

/* The signed bytes and the signature; the list stays open. */
static int signed_get(struct ocb_reader *r, struct ocb_list *f,
		      const uint8_t **data, size_t *len, struct ident_sig *sig)
{
	if (ocb_list_begin(r, f) || ocb_list_need(r, f) ||
	    ocb_get_bytes(r, data, len) || ocb_list_need(r, f))
		return IDENT_E_DECODE;
	return ident_sig_get(r, sig);
}

static int bundle_data_get(const uint8_t *data, size_t len, struct bundle *b)
{
	struct ocb_reader r;
	struct ocb_list f;
	int err;

	err = ident_versioned_open(data, len, IDENT_DATA_BUNDLE, &r);
	if (err)
		return err;
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, b->identifier, sizeof(b->identifier)) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, b->latest, sizeof(b->latest)) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, b->x25519, sizeof(b->x25519)) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &b->prekey_id) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, b->prekey, sizeof(b->prekey)) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &b->sequence) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &b->created) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &b->expires) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, b->payload_hash, sizeof(b->payload_hash)) ||
	    ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	return r.left ? IDENT_E_TRAILING : 0;
}

int bundle_read(const uint8_t *buf, size_t len, struct bundle *b)
{
	const uint8_t *data;
	struct ocb_reader r;
	struct ocb_list f;
	size_t data_len;
	int err;

	memset(b, 0, sizeof(*b));
	ocb_reader_init(&r, buf, len);
	err = signed_get(&r, &f, &data, &data_len, &b->sig);
	if (err)
		return err;
	if (ocb_list_need(&r, &f) ||
	    ocb_get_bytes(&r, &b->payload, &b->payload_len) ||
	    ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	if (r.left)
		return IDENT_E_TRAILING;
	err = bundle_data_get(data, data_len, b);
	return err ? err : ident_hash(data, data_len, b->digest);
}

/* Cheap things before signatures; the bundle's own before those it carries. */
static int bundle_check_fields(const struct bundle *b, const uint8_t *expected,
			       uint64_t now)
{
	uint8_t hash[IDENT_HASH_LEN];
	int err;

	if (expected && memcmp(expected, b->identifier, IDENT_ID_LEN))
		return IDENT_E_IDENTIFIER;
	if (b->expires < b->created ||
	    b->expires - b->created > BUNDLE_SECONDS_MAX)
		return IDENT_E_BUNDLE_TIME;
	err = ident_check_times(b->created, b->expires, now);
	if (!err)
		err = ident_hash(b->payload, b->payload_len, hash);
	if (err)
		return err;
	return memcmp(hash, b->payload_hash, sizeof(hash)) ?
	       IDENT_E_BUNDLE_PAYLOAD : 0;
}

static int bundle_check_owner(const struct bundle *b,
			      const struct ident_payload *p)
{
	const struct ident_purpose_key *key = &p->attestation.key;
	int err;

	if (memcmp(b->identifier, p->history.identifier, IDENT_ID_LEN))
		return IDENT_E_SUBJECT;
	if (memcmp(b->latest, ident_history_latest(&p->history),
		   IDENT_HASH_LEN))
		return IDENT_E_CHANGE_HASH;
	if (key->kind != IDENT_PURPOSE_CHANNEL ||
	    memcmp(b->x25519, key->x25519, IDENT_X25519_LEN))
		return IDENT_E_BUNDLE_KEY;
	if (b->created < p->history.valid_from ||
	    b->expires > p->history.valid_until || b->expires > key->expires)
		return IDENT_E_BUNDLE_TIME;
	err = ident_sig_verify(&p->history.key, &b->sig, b->digest);
	return err == IDENT_E_SIG ? IDENT_E_BUNDLE_SIG : err;
}

int bundle_verify(const struct bundle *b, const uint8_t *expected,
		  unsigned int max_changes, uint64_t now,
		  struct ident_history *history)
{
	struct ident_payload *p;
	int err;

	err = bundle_check_fields(b, expected, now);
	if (err)
		return err;
	p = malloc(sizeof(*p));
	if (!p)
		return IDENT_E_NOMEM;
	err = ident_payload_read(b->payload, b->payload_len, max_changes, p);
	if (!err)
		err = bundle_check_owner(b, p);
	if (!err)
		*history = p->history;
	free(p);
	return err;
}

/* Around @inner: VersionedData, hash, signature; opens the outer array. */
static int signed_put(const struct identity *self, enum ident_data_type type,
		      const struct ocb_writer *inner, size_t fields,
		      struct ocb_writer *w)
{
	uint8_t data[BUNDLE_OVERHEAD_MAX], digest[IDENT_HASH_LEN];
	struct ident_sig sig;
	struct ocb_writer dw;
	int err;

	ocb_writer_init(&dw, data, sizeof(data));
	ident_versioned_put(&dw, type, inner->buf, inner->len);
	if (inner->full || dw.full)
		return IDENT_E_SPACE;
	err = ident_hash(data, dw.len, digest);
	if (!err)
		err = ident_sig_make(self->secrets->ed, digest, &sig);
	if (err)
		return err;
	ocb_put_array(w, fields);
	ocb_put_bytes(w, data, dw.len);
	ident_sig_put(w, &sig);
	return 0;
}

int bundle_make(const struct identity *self, uint64_t prekey_id,
		const uint8_t prekey[IDENT_X25519_LEN], uint64_t sequence,
		uint64_t created, uint64_t expires, struct ocb_writer *w)
{
	uint8_t inner[BUNDLE_OVERHEAD_MAX], hash[IDENT_HASH_LEN];
	struct ocb_writer iw;
	size_t payload_len;
	uint8_t *payload;
	int err;

	if (expires < created || expires - created > BUNDLE_SECONDS_MAX ||
	    created < self->history.valid_from ||
	    expires > self->history.valid_until ||
	    expires > self->channel.key.expires)
		return IDENT_E_BUNDLE_TIME;
	err = identity_payload(self, &payload, &payload_len);
	if (err)
		return err;
	err = ident_hash(payload, payload_len, hash);
	if (err)
		goto out;
	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 9);
	ocb_put_bytes(&iw, self->history.identifier, IDENT_ID_LEN);
	ocb_put_bytes(&iw, ident_history_latest(&self->history),
		      IDENT_HASH_LEN);
	ocb_put_bytes(&iw, self->channel.key.x25519, IDENT_X25519_LEN);
	ocb_put_uint(&iw, prekey_id);
	ocb_put_bytes(&iw, prekey, IDENT_X25519_LEN);
	ocb_put_uint(&iw, sequence);
	ocb_put_uint(&iw, created);
	ocb_put_uint(&iw, expires);
	ocb_put_bytes(&iw, hash, sizeof(hash));
	err = signed_put(self, IDENT_DATA_BUNDLE, &iw, 3, w);
	if (err)
		goto out;
	ocb_put_bytes(w, payload, payload_len);
	if (w->full)
		err = IDENT_E_SPACE;
out:
	free(payload);
	return err;
}

int one_time_read(const uint8_t *buf, size_t len, struct one_time *o)
{
	const uint8_t *data;
	struct ocb_reader r;
	struct ocb_list f;
	size_t data_len;
	int err;

	memset(o, 0, sizeof(*o));
	ocb_reader_init(&r, buf, len);
	err = signed_get(&r, &f, &data, &data_len, &o->sig);
	if (err)
		return err;
	if (ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	if (r.left)
		return IDENT_E_TRAILING;
	err = ident_hash(data, data_len, o->digest);
	if (err)
		return err;
	err = ident_versioned_open(data, data_len, IDENT_DATA_ONE_TIME, &r);
	if (err)
		return err;
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, o->identifier, sizeof(o->identifier)) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &o->prekey_id) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &o->id) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, o->key, sizeof(o->key)) || ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	return r.left ? IDENT_E_TRAILING : 0;
}

int one_time_verify(const struct one_time *o, const struct bundle *b,
		    const struct ident_history *history)
{
	int err;

	if (memcmp(o->identifier, b->identifier, IDENT_ID_LEN) ||
	    o->prekey_id != b->prekey_id)
		return IDENT_E_ONE_TIME;
	err = ident_sig_verify(&history->key, &o->sig, o->digest);
	return err == IDENT_E_SIG ? IDENT_E_ONE_TIME_SIG : err;
}

int one_time_make(const struct identity *self, uint64_t prekey_id, uint64_t id,
		  const uint8_t key[IDENT_X25519_LEN], struct ocb_writer *w)
{
	uint8_t inner[ONE_TIME_MAX];
	struct ocb_writer iw;
	int err;

	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 4);
	ocb_put_bytes(&iw, self->history.identifier, IDENT_ID_LEN);
	ocb_put_uint(&iw, prekey_id);
	ocb_put_uint(&iw, id);
	ocb_put_bytes(&iw, key, IDENT_X25519_LEN);
	err = signed_put(self, IDENT_DATA_ONE_TIME, &iw, 2, w);
	if (err)
		return err;
	return w->full ? IDENT_E_SPACE : 0;
}
