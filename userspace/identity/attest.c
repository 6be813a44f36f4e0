// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Purpose key attestations: an identity vouches for a key that it uses.
 */
#include <string.h>

#include "attest.h"
#include "ident_err.h"

int ident_check_times(uint64_t created, uint64_t expires, uint64_t now)
{
	if (created > now && created - now > IDENT_FUTURE_SECONDS)
		return IDENT_E_FUTURE;
	return expires < now ? IDENT_E_EXPIRED : 0;
}

static int purpose_get(struct ocb_reader *r, struct ident_purpose_key *key)
{
	struct ocb_list f;
	uint64_t variant;
	int err = 0;

	if (ocb_enum_begin(r, &variant, &f))
		return IDENT_E_DECODE;
	if (variant != IDENT_PURPOSE_CHANNEL &&
	    variant != IDENT_PURPOSE_CREDENTIALS)
		return IDENT_E_VARIANT;
	key->kind = (enum ident_purpose)variant;
	if (ocb_list_need(r, &f))
		return IDENT_E_DECODE;
	if (key->kind == IDENT_PURPOSE_CHANNEL)
		err = ocb_get_fixed(r, key->x25519, sizeof(key->x25519));
	else
		err = ident_pubkey_get(r, &key->verify);
	return err ? err : ocb_list_end(r, &f);
}

static void purpose_put(struct ocb_writer *w,
			const struct ident_purpose_key *key)
{
	ocb_put_array(w, 2);
	ocb_put_uint(w, key->kind);
	ocb_put_array(w, 1);
	if (key->kind == IDENT_PURPOSE_CHANNEL)
		ocb_put_bytes(w, key->x25519, sizeof(key->x25519));
	else
		ident_pubkey_put(w, &key->verify);
}

static int attestation_data_get(const uint8_t *data, size_t len,
				struct ident_attestation *a)
{
	struct ocb_reader r;
	struct ocb_list f;
	int err;

	err = ident_versioned_open(data, len, IDENT_DATA_ATTESTATION, &r);
	if (err)
		return err;
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, a->subject, sizeof(a->subject)) ||
	    ocb_list_need(&r, &f) ||
	    ocb_get_fixed(&r, a->latest, sizeof(a->latest)) ||
	    ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = purpose_get(&r, &a->key);
	if (err)
		return err;
	if (ocb_list_need(&r, &f) || ocb_get_uint(&r, &a->key.created) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &a->key.expires) ||
	    ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	return r.left ? IDENT_E_TRAILING : 0;
}

int ident_attestation_read(struct ocb_reader *r, struct ident_attestation *a)
{
	const uint8_t *data;
	struct ocb_list f;
	size_t len;
	int err;

	memset(a, 0, sizeof(*a));
	if (ocb_list_begin(r, &f) || ocb_list_need(r, &f) ||
	    ocb_get_bytes(r, &data, &len) || ocb_list_need(r, &f))
		return IDENT_E_DECODE;
	err = ident_sig_get(r, &a->sig);
	if (err)
		return err;
	if (ocb_list_end(r, &f))
		return IDENT_E_DECODE;
	err = attestation_data_get(data, len, a);
	return err ? err : ident_hash(data, len, a->digest);
}

int ident_attestation_check(const struct ident_attestation *a,
			    const struct ident_history *subject, uint64_t now)
{
	int err;

	if (memcmp(a->subject, subject->identifier, IDENT_ID_LEN))
		return IDENT_E_SUBJECT;
	if (memcmp(a->latest, ident_history_latest(subject), IDENT_HASH_LEN))
		return IDENT_E_CHANGE_HASH;
	if (a->key.expires > subject->valid_until ||
	    a->key.created < subject->valid_from)
		return IDENT_E_ATTEST_TIME;
	err = ident_check_times(a->key.created, a->key.expires, now);
	if (err)
		return err;
	err = ident_sig_verify(&subject->key, &a->sig, a->digest);
	return err == IDENT_E_SIG ? IDENT_E_ATTEST_SIG : err;
}

int ident_attestation_verify(const uint8_t *buf, size_t len,
			     const struct ident_history *subject, uint64_t now,
			     struct ident_purpose_key *key)
{
	struct ident_attestation a;
	struct ocb_reader r;
	int err;

	ocb_reader_init(&r, buf, len);
	err = ident_attestation_read(&r, &a);
	if (err)
		return err;
	if (r.left)
		return IDENT_E_TRAILING;
	err = ident_attestation_check(&a, subject, now);
	if (!err)
		*key = a.key;
	return err;
}

int ident_attestation_make(const uint8_t sk[IDENT_ED25519_SK_LEN],
			   const struct ident_history *subject,
			   const struct ident_purpose_key *key,
			   struct ocb_writer *w)
{
	uint8_t inner[IDENT_ATTESTATION_MAX], data[IDENT_ATTESTATION_MAX];
	uint8_t digest[IDENT_HASH_LEN];
	struct ocb_writer iw, dw;
	struct ident_sig sig;
	int err;

	if (key->expires > subject->valid_until ||
	    key->created < subject->valid_from || key->expires < key->created)
		return IDENT_E_ATTEST_TIME;
	ocb_writer_init(&iw, inner, sizeof(inner));
	ocb_put_array(&iw, 5);
	ocb_put_bytes(&iw, subject->identifier, IDENT_ID_LEN);
	ocb_put_bytes(&iw, ident_history_latest(subject), IDENT_HASH_LEN);
	purpose_put(&iw, key);
	ocb_put_uint(&iw, key->created);
	ocb_put_uint(&iw, key->expires);
	ocb_writer_init(&dw, data, sizeof(data));
	ident_versioned_put(&dw, IDENT_DATA_ATTESTATION, inner, iw.len);
	if (iw.full || dw.full)
		return IDENT_E_SPACE;

	err = ident_hash(data, dw.len, digest);
	if (!err)
		err = ident_sig_make(sk, digest, &sig);
	if (err)
		return err;
	ocb_put_array(w, 2);
	ocb_put_bytes(w, data, dw.len);
	ident_sig_put(w, &sig);
	return w->full ? IDENT_E_SPACE : 0;
}
