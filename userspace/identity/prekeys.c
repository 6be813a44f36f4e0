// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Prekeys whose secrets are here.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "prekeys.h"

#define FILE_VERSION	2

static const uint8_t magic[] = { 'o', 'c', 'k', 'a', 'm', '-', 'p', 'k' };

struct prekeys *prekeys_new(const uint8_t identifier[IDENT_ID_LEN])
{
	struct prekeys *pk = sodium_malloc(sizeof(*pk));

	if (!pk)
		return NULL;
	sodium_memzero(pk, sizeof(*pk));
	memcpy(pk->identifier, identifier, IDENT_ID_LEN);
	return pk;
}

void prekeys_free(struct prekeys *pk)
{
	if (!pk)
		return;
	while (pk->n)
		free(pk->spk[--pk->n].bundle);
	sodium_free(pk);
}

static void drop(struct prekeys *pk, unsigned int i)
{
	free(pk->spk[i].bundle);
	pk->n--;
	memmove(&pk->spk[i], &pk->spk[i + 1],
		(pk->n - i) * sizeof(pk->spk[0]));
	sodium_memzero(&pk->spk[pk->n], sizeof(pk->spk[0]));
}

bool prekeys_expire(struct prekeys *pk, uint64_t now)
{
	unsigned int i = 0, was = pk->n;

	while (i < pk->n) {
		if (pk->spk[i].expires >= now)
			i++;
		else
			drop(pk, i);
	}
	return pk->n != was;
}

static bool is_good(const struct prekey_signed *spk, const uint8_t *x25519,
		    uint64_t now)
{
	return spk->expires >= now &&
	       !memcmp(spk->x25519, x25519, IDENT_X25519_LEN);
}

/* Is the bundle still what the identity would say of itself? */
static int payload_differs(const struct prekey_signed *spk,
			   const struct identity *self, bool *differs)
{
	struct bundle b;
	uint8_t *payload;
	size_t len;
	int err;

	err = identity_payload(self, &payload, &len);
	if (err)
		return err;
	err = bundle_read(spk->bundle, spk->bundle_len, &b);
	if (!err)
		*differs = b.payload_len != len ||
			   memcmp(b.payload, payload, len);
	free(payload);
	return err;
}

static bool is_due(const struct prekeys *pk, uint64_t now, bool force)
{
	const struct prekey_signed *spk = &pk->spk[0];

	/* Who makes channels, or keeps our bundles, does not destroy keys. */
	if (pk->n == PREKEYS_SIGNED_MAX)
		return false;
	if (!pk->n || now >= spk->created + PREKEYS_ROTATE_SECONDS)
		return true;
	return now >= spk->created + PREKEYS_REMOTE_SECONDS &&
	       (force || spk->n_records >= PREKEYS_RECORDS_MAX / 4 * 3);
}

/* Fills in everything but the numbers. */
static int make_signed(struct prekey_signed *spk, const struct identity *self,
		       uint64_t now)
{
	uint64_t until = now + BUNDLE_SECONDS;
	struct ocb_writer w;
	struct bundle b;
	int err;

	if (until > self->channel.key.expires)
		until = self->channel.key.expires;
	if (until > self->history.valid_until)
		until = self->history.valid_until;
	spk->created = now < self->history.valid_from ?
		       self->history.valid_from : now;
	spk->expires = until;
	memcpy(spk->x25519, self->channel.key.x25519, IDENT_X25519_LEN);
	randombytes_buf(spk->secret, sizeof(spk->secret));
	if (crypto_scalarmult_base(spk->pub, spk->secret))
		return IDENT_E_CRYPTO;
	spk->bundle = malloc(BUNDLE_MAX);
	if (!spk->bundle)
		return IDENT_E_NOMEM;
	ocb_writer_init(&w, spk->bundle, BUNDLE_MAX);
	err = bundle_make(self, spk->id, spk->pub, spk->id, spk->created,
			  spk->expires, &w);
	if (!err)
		err = bundle_read(spk->bundle, w.len, &b);
	if (err)
		return err;
	memcpy(spk->digest, b.digest, sizeof(spk->digest));
	spk->bundle_len = w.len;
	return 0;
}

static int add_signed(struct prekeys *pk, const struct identity *self,
		      uint64_t now)
{
	struct prekey_signed *spk;
	int err;

	if (pk->n == PREKEYS_SIGNED_MAX)
		drop(pk, pk->n - 1);
	memmove(&pk->spk[1], &pk->spk[0], pk->n * sizeof(pk->spk[0]));
	pk->n++;
	spk = &pk->spk[0];
	sodium_memzero(spk, sizeof(*spk));
	/*
	 * Also above what was given out before the prekeys were lost, if the
	 * clock can be believed.
	 */
	spk->id = pk->last + 1 > now ? pk->last + 1 : now;
	err = make_signed(spk, self, now);
	if (err)
		drop(pk, 0);
	else
		pk->last = spk->id;
	return err;
}

int prekeys_refresh(struct prekeys *pk, const struct identity *self,
		    uint64_t now, bool force, bool *changed)
{
	unsigned int i = 0;
	bool differs = false;
	int err = 0;

	*changed = false;
	if (memcmp(pk->identifier, self->history.identifier, IDENT_ID_LEN))
		return IDENT_E_IDENTIFIER;
	while (i < pk->n) {
		if (is_good(&pk->spk[i], self->channel.key.x25519, now)) {
			i++;
			continue;
		}
		drop(pk, i);
		*changed = true;
	}
	if (!identity_ready(self, now))
		return IDENT_E_OWN_KEY;
	if (pk->n)
		err = payload_differs(&pk->spk[0], self, &differs);
	if (err || (!differs && !is_due(pk, now, force)))
		return err;
	*changed = true;
	return add_signed(pk, self, now);
}

int prekeys_refill(struct prekeys *pk, unsigned int want, bool *changed)
{
	struct prekey_signed *spk = &pk->spk[0];
	struct prekey_one_time *o;

	*changed = false;
	if (!pk->n)
		return IDENT_E_PREKEY;
	if (want > PREKEYS_ONE_TIME_MAX)
		return IDENT_E_INVALID;
	while (spk->n_one_time < want) {
		o = &spk->one_time[spk->n_one_time++];
		o->id = spk->next_one_time++;
		randombytes_buf(o->secret, sizeof(o->secret));
		*changed = true;
	}
	return 0;
}

int prekeys_one_time(const struct prekeys *pk, const struct identity *self,
		     unsigned int index, struct ocb_writer *w)
{
	uint8_t pub[IDENT_X25519_LEN];

	if (!pk->n || index >= pk->spk[0].n_one_time)
		return IDENT_E_INVALID;
	if (crypto_scalarmult_base(pub, pk->spk[0].one_time[index].secret))
		return IDENT_E_CRYPTO;
	return one_time_make(self, pk->spk[0].id,
			     pk->spk[0].one_time[index].id, pub, w);
}

struct prekey_signed *prekeys_find(struct prekeys *pk, uint64_t id,
				   const uint8_t x25519[IDENT_X25519_LEN],
				   uint64_t now)
{
	unsigned int i;

	for (i = 0; i < pk->n; i++)
		if (pk->spk[i].id == id)
			return is_good(&pk->spk[i], x25519, now) ?
			       &pk->spk[i] : NULL;
	return NULL;
}

struct prekey_one_time *prekeys_find_one_time(struct prekey_signed *spk,
					      uint64_t id)
{
	unsigned int i;

	for (i = 0; i < spk->n_one_time; i++)
		if (spk->one_time[i].id == id)
			return &spk->one_time[i];
	return NULL;
}

bool prekeys_seen(const struct prekey_signed *spk,
		  const uint8_t record[PREKEYS_RECORD_LEN])
{
	unsigned int i;

	for (i = 0; i < spk->n_records; i++)
		if (!memcmp(spk->records[i].hash, record, PREKEYS_RECORD_LEN))
			return true;
	return false;
}

/* The order is kept: who publishes them goes by it. */
void prekeys_use_one_time(struct prekey_signed *spk,
			  struct prekey_one_time *o)
{
	unsigned int after = (unsigned int)(&spk->one_time[spk->n_one_time] -
					    (o + 1));

	memmove(o, o + 1, after * sizeof(*o));
	sodium_memzero(&spk->one_time[--spk->n_one_time], sizeof(*o));
}

int prekeys_record(struct prekey_signed *spk,
		   const uint8_t record[PREKEYS_RECORD_LEN],
		   const uint8_t peer[IDENT_ID_LEN])
{
	struct prekey_record *r = &spk->records[spk->n_records];
	unsigned int i, n = 0;

	if (spk->n_records == PREKEYS_RECORDS_MAX)
		return IDENT_E_RECORDS_FULL;
	for (i = 0; i < spk->n_records; i++)
		n += !memcmp(spk->records[i].peer, peer, IDENT_ID_LEN);
	if (n >= PREKEYS_RECORDS_PEER)
		return IDENT_E_RECORDS_PEER;
	memcpy(r->hash, record, sizeof(r->hash));
	memcpy(r->peer, peer, sizeof(r->peer));
	spk->n_records++;
	return 0;
}

/* ---- the file ---- */

static void encode_signed(const struct prekey_signed *spk,
			  struct ocb_writer *w)
{
	unsigned int i;

	ocb_put_array(w, 7);
	ocb_put_uint(w, spk->id);
	ocb_put_bytes(w, spk->secret, sizeof(spk->secret));
	ocb_put_bytes(w, spk->bundle, spk->bundle_len);
	ocb_put_uint(w, spk->next_one_time);
	ocb_put_array(w, 2 * (size_t)spk->n_one_time);
	for (i = 0; i < spk->n_one_time; i++) {
		ocb_put_uint(w, spk->one_time[i].id);
		ocb_put_bytes(w, spk->one_time[i].secret,
			      sizeof(spk->one_time[i].secret));
	}
	ocb_put_uint(w, spk->n_records);
	ocb_put_bytes(w, spk->records,
		      spk->n_records * sizeof(spk->records[0]));
}

int prekeys_encode(const struct prekeys *pk, struct ocb_writer *w)
{
	unsigned int i;

	ocb_put_array(w, 5);
	ocb_put_bytes(w, magic, sizeof(magic));
	ocb_put_uint(w, FILE_VERSION);
	ocb_put_bytes(w, pk->identifier, sizeof(pk->identifier));
	ocb_put_uint(w, pk->last);
	ocb_put_array(w, pk->n);
	for (i = 0; i < pk->n; i++)
		encode_signed(&pk->spk[i], w);
	return w->full ? IDENT_E_SPACE : 0;
}

static int decode_one_time(struct ocb_reader *r, struct prekey_signed *spk)
{
	struct prekey_one_time *o;
	struct ocb_list f;

	if (ocb_list_begin(r, &f) || f.indefinite || f.left % 2 ||
	    f.left > 2 * PREKEYS_ONE_TIME_MAX)
		return IDENT_E_DECODE;
	while (ocb_list_more(r, &f)) {
		o = &spk->one_time[spk->n_one_time];
		if (ocb_get_uint(r, &o->id) || ocb_list_need(r, &f) ||
		    ocb_get_fixed(r, o->secret, sizeof(o->secret)) ||
		    o->id >= spk->next_one_time)
			return IDENT_E_DECODE;
		spk->n_one_time++;
	}
	return 0;
}

static int decode_records(struct ocb_reader *r, struct prekey_signed *spk)
{
	const uint8_t *data;
	uint64_t n;
	size_t len;

	if (ocb_get_uint(r, &n) || n > PREKEYS_RECORDS_MAX ||
	    ocb_get_bytes(r, &data, &len) || len != n * sizeof(spk->records[0]))
		return IDENT_E_DECODE;
	memcpy(spk->records, data, len);
	spk->n_records = (unsigned int)n;
	return 0;
}

static int decode_bundle(struct ocb_reader *r, const struct prekeys *pk,
			 struct prekey_signed *spk)
{
	const uint8_t *data;
	struct bundle b;
	size_t len;

	if (ocb_get_bytes(r, &data, &len) || len > BUNDLE_MAX ||
	    bundle_read(data, len, &b))
		return IDENT_E_DECODE;
	if (crypto_scalarmult_base(spk->pub, spk->secret))
		return IDENT_E_CRYPTO;
	if (b.prekey_id != spk->id || b.sequence > pk->last ||
	    memcmp(b.prekey, spk->pub, sizeof(b.prekey)) ||
	    memcmp(b.identifier, pk->identifier, sizeof(b.identifier)))
		return IDENT_E_DECODE;
	memcpy(spk->x25519, b.x25519, sizeof(spk->x25519));
	memcpy(spk->digest, b.digest, sizeof(spk->digest));
	spk->created = b.created;
	spk->expires = b.expires;
	spk->bundle = malloc(len);
	if (!spk->bundle)
		return IDENT_E_NOMEM;
	memcpy(spk->bundle, data, len);
	spk->bundle_len = len;
	return 0;
}

static int decode_signed(struct ocb_reader *r, const struct prekeys *pk,
			 struct prekey_signed *spk)
{
	struct ocb_list f;
	int err;

	if (ocb_list_begin(r, &f) || f.indefinite || f.left != 7 ||
	    ocb_get_uint(r, &spk->id) ||
	    ocb_get_fixed(r, spk->secret, sizeof(spk->secret)))
		return IDENT_E_DECODE;
	err = decode_bundle(r, pk, spk);
	if (err)
		return err;
	if (ocb_get_uint(r, &spk->next_one_time))
		return IDENT_E_DECODE;
	err = decode_one_time(r, spk);
	return err ? err : decode_records(r, spk);
}

static int decode(struct ocb_reader *r, struct prekeys *pk)
{
	struct ocb_list f;
	uint64_t n;
	int err;

	if (ocb_get_uint(r, &pk->last) || ocb_list_begin(r, &f) ||
	    f.indefinite || f.left > PREKEYS_SIGNED_MAX)
		return IDENT_E_DECODE;
	for (n = f.left; n; n--) {
		/* Counted first, so that what it allocates is freed. */
		err = decode_signed(r, pk, &pk->spk[pk->n++]);
		if (err)
			return err;
	}
	return r->left ? IDENT_E_DECODE : 0;
}

int prekeys_decode(const uint8_t *buf, size_t len, struct prekeys **out)
{
	uint8_t id[IDENT_ID_LEN];
	struct ocb_reader r;
	struct ocb_list f;
	const uint8_t *m;
	uint64_t version;
	size_t m_len;
	int err;

	*out = NULL;
	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &f) || f.indefinite || f.left != 5 ||
	    ocb_get_bytes(&r, &m, &m_len) || m_len != sizeof(magic) ||
	    memcmp(m, magic, sizeof(magic)) || ocb_get_uint(&r, &version) ||
	    version != FILE_VERSION || ocb_get_fixed(&r, id, sizeof(id)))
		return IDENT_E_DECODE;
	*out = prekeys_new(id);
	if (!*out)
		return IDENT_E_NOMEM;
	err = decode(&r, *out);
	if (err) {
		prekeys_free(*out);
		*out = NULL;
	}
	return err;
}
