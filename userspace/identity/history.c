// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Change histories: the chain of signed keys that is an identity.
 */
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "history.h"

struct change {
	bool has_prev;
	uint8_t prev[IDENT_HASH_LEN];
	struct ident_pubkey key;
	bool revoke;
	uint64_t from;
	uint64_t until;
	uint8_t hash[IDENT_HASH_LEN];
	struct ident_sig sig;
	bool has_prev_sig;
	struct ident_sig prev_sig;
};

static int change_data_get(const uint8_t *data, size_t len, struct change *c)
{
	struct ocb_list f;
	struct ocb_reader r;
	int err;

	err = ident_versioned_open(data, len, IDENT_DATA_CHANGE, &r);
	if (err)
		return err;
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	c->has_prev = !ocb_take_null(&r);
	if (c->has_prev && ocb_get_fixed(&r, c->prev, sizeof(c->prev)))
		return IDENT_E_DECODE;
	if (ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = ident_pubkey_get(&r, &c->key);
	if (err)
		return err;
	if (ocb_list_need(&r, &f) || ocb_get_bool(&r, &c->revoke) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &c->from) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &c->until) ||
	    ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	return r.left ? IDENT_E_TRAILING : 0;
}

static int change_get(struct ocb_reader *r, struct change *c)
{
	const uint8_t *data;
	struct ocb_list f;
	size_t len;
	int err;

	memset(c, 0, sizeof(*c));
	if (ocb_list_begin(r, &f) || ocb_list_need(r, &f) ||
	    ocb_get_bytes(r, &data, &len) || ocb_list_need(r, &f))
		return IDENT_E_DECODE;
	err = ident_sig_get(r, &c->sig);
	if (err)
		return err;
	if (ocb_list_more(r, &f) && !ocb_take_null(r)) {
		c->has_prev_sig = true;
		err = ident_sig_get(r, &c->prev_sig);
		if (err)
			return err;
	}
	if (ocb_list_end(r, &f))
		return IDENT_E_DECODE;
	err = change_data_get(data, len, c);
	return err ? err : ident_hash(data, len, c->hash);
}

/* The first change needs no previous signature; one that is there is not
 * looked at, as there is no key to check it with.
 */
static int change_follows(const struct change *c, const struct ident_history *h)
{
	int err;

	if (!h->count)
		return c->has_prev ? IDENT_E_PREV_HASH : 0;
	if (!c->has_prev ||
	    memcmp(c->prev, ident_history_latest(h), IDENT_HASH_LEN))
		return IDENT_E_PREV_HASH;
	if (c->from < h->valid_from)
		return IDENT_E_CHANGE_TIME;
	if (!c->has_prev_sig)
		return IDENT_E_PREV_SIG;
	err = ident_sig_verify(&h->key, &c->prev_sig, c->hash);
	return err == IDENT_E_SIG ? IDENT_E_PREV_SIG : err;
}

static int change_apply(const struct change *c, struct ident_history *h)
{
	int err;

	err = change_follows(c, h);
	if (err)
		return err;
	err = ident_sig_verify(&c->key, &c->sig, c->hash);
	if (err)
		return err;
	if (!h->count)
		memcpy(h->identifier, c->hash, IDENT_ID_LEN);
	memcpy(h->hashes[h->count++], c->hash, IDENT_HASH_LEN);
	h->key = c->key;
	h->revoke = c->revoke;
	h->valid_from = c->from;
	h->valid_until = c->until;
	return 0;
}

int ident_history_read(struct ocb_reader *r, unsigned int max_changes,
		       struct ident_history *h)
{
	size_t before = r->left;
	struct ocb_list list;
	struct change c;
	int err;

	memset(h, 0, sizeof(*h));
	if (!max_changes)
		max_changes = IDENT_CHANGES_DEFAULT;
	if (max_changes > IDENT_CHANGES_MAX)
		return IDENT_E_INVALID;
	if (ocb_list_begin(r, &list))
		return IDENT_E_DECODE;
	/* A long list is refused before any signature is looked at. */
	if (!list.indefinite && list.left > max_changes)
		return IDENT_E_MANY_CHANGES;
	while (ocb_list_more(r, &list)) {
		if (h->count == max_changes)
			return IDENT_E_MANY_CHANGES;
		err = change_get(r, &c);
		if (!err)
			err = change_apply(&c, h);
		if (err)
			return err;
	}
	if (ocb_list_end(r, &list))
		return IDENT_E_DECODE;
	if (!h->count)
		return IDENT_E_NO_CHANGES;
	return before - r->left > IDENT_HISTORY_MAX ? IDENT_E_MANY_CHANGES : 0;
}

int ident_history_verify(const uint8_t *buf, size_t len,
			 unsigned int max_changes, const uint8_t *expected,
			 struct ident_history *h)
{
	struct ocb_reader r;
	int err;

	ocb_reader_init(&r, buf, len);
	err = ident_history_read(&r, max_changes, h);
	if (err)
		return err;
	if (r.left)
		return IDENT_E_TRAILING;
	if (expected && memcmp(expected, h->identifier, IDENT_ID_LEN))
		return IDENT_E_IDENTIFIER;
	return 0;
}

enum ident_cmp ident_history_compare(const struct ident_history *received,
				     const struct ident_history *stored)
{
	unsigned int common = received->count;

	if (stored->count < common)
		common = stored->count;
	if (memcmp(received->hashes, stored->hashes,
		   (size_t)common * IDENT_HASH_LEN))
		return IDENT_CMP_CONFLICT;
	if (received->count == stored->count)
		return IDENT_CMP_EQUAL;
	return received->count > stored->count ? IDENT_CMP_NEWER :
						 IDENT_CMP_OLDER;
}

int ident_cmp_error(enum ident_cmp cmp)
{
	switch (cmp) {
	case IDENT_CMP_OLDER:
		return IDENT_E_OLDER;
	case IDENT_CMP_CONFLICT:
		return IDENT_E_CONFLICT;
	case IDENT_CMP_EQUAL:
	case IDENT_CMP_NEWER:
		break;
	}
	return 0;
}

struct change_spec {
	const uint8_t *prev;
	const uint8_t *prev_sk;
	const uint8_t *sk;
	uint64_t from;
	uint64_t until;
	bool revoke;
};

static int change_put(const struct change_spec *s, struct ocb_writer *w)
{
	uint8_t inner[IDENT_CHANGE_MAX], data[IDENT_CHANGE_MAX];
	uint8_t digest[IDENT_HASH_LEN];
	struct ident_sig sig, prev_sig;
	struct ocb_writer iw, dw;
	struct ident_pubkey key;
	int err;

	ident_pubkey_of(s->sk, &key);
	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 5);
	if (s->prev)
		ocb_put_bytes(&iw, s->prev, IDENT_HASH_LEN);
	else
		ocb_put_null(&iw);
	ident_pubkey_put(&iw, &key);
	ocb_put_bool(&iw, s->revoke);
	ocb_put_uint(&iw, s->from);
	ocb_put_uint(&iw, s->until);
	ocb_writer_init(&dw, data, sizeof(data));
	ident_versioned_put(&dw, IDENT_DATA_CHANGE, inner, iw.len);
	if (iw.full || dw.full)
		return IDENT_E_SPACE;

	err = ident_hash(data, dw.len, digest);
	if (!err)
		err = ident_sig_make(s->sk, digest, &sig);
	if (!err && s->prev_sk)
		err = ident_sig_make(s->prev_sk, digest, &prev_sig);
	if (err)
		return err;
	ocb_put_array(w, s->prev_sk ? 3 : 2);
	ocb_put_bytes(w, data, dw.len);
	ident_sig_put(w, &sig);
	if (s->prev_sk)
		ident_sig_put(w, &prev_sig);
	return w->full ? IDENT_E_SPACE : 0;
}

int ident_history_first(const uint8_t sk[IDENT_ED25519_SK_LEN], uint64_t from,
			uint64_t until, struct ocb_writer *w)
{
	struct change_spec s = { .sk = sk, .from = from, .until = until };

	if (until < from)
		return IDENT_E_INVALID;
	ocb_put_array(w, 1);
	return change_put(&s, w);
}

int ident_history_append(const uint8_t *old, size_t old_len,
			 const struct ident_history *h,
			 const uint8_t old_sk[IDENT_ED25519_SK_LEN],
			 const uint8_t new_sk[IDENT_ED25519_SK_LEN],
			 uint64_t from, uint64_t until, bool revoke,
			 struct ocb_writer *w)
{
	struct change_spec s = {
		.prev = ident_history_latest(h),
		.prev_sk = old_sk,
		.sk = new_sk,
		.from = from,
		.until = until,
		.revoke = revoke,
	};
	const uint8_t *start;
	struct ocb_list list;
	struct ocb_reader r;
	unsigned int i;

	if (until < from || from < h->valid_from)
		return IDENT_E_INVALID;
	ocb_reader_init(&r, old, old_len);
	if (ocb_list_begin(&r, &list))
		return IDENT_E_DECODE;
	start = r.p;
	for (i = 0; i < h->count; i++)
		if (ocb_skip(&r))
			return IDENT_E_DECODE;
	ocb_put_array(w, (size_t)h->count + 1);
	ocb_put_raw(w, start, (size_t)(r.p - start));
	return change_put(&s, w);
}

void ident_id_print(const uint8_t id[IDENT_ID_LEN],
		    char text[IDENT_ID_TEXT_LEN + 1])
{
	text[0] = 'I';
	sodium_bin2hex(text + 1, IDENT_ID_TEXT_LEN, id, IDENT_ID_LEN);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int ident_id_parse(const char *text, uint8_t id[IDENT_ID_LEN])
{
	int hi, lo, i;

	if (strlen(text) != IDENT_ID_TEXT_LEN || text[0] != 'I')
		return IDENT_E_INVALID;
	for (i = 0; i < IDENT_ID_LEN; i++) {
		hi = hex_digit(text[1 + 2 * i]);
		lo = hex_digit(text[2 + 2 * i]);
		if (hi < 0 || lo < 0)
			return IDENT_E_INVALID;
		id[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
