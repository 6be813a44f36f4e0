// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Credentials: what an authority says about an identity.
 */
#include <stdlib.h>
#include <string.h>

#include "credential.h"
#include "ident_err.h"

struct cred_data {
	uint8_t subject[IDENT_ID_LEN];
	bool has_subject;
	uint8_t digest[IDENT_HASH_LEN];
	struct ident_sig sig;
};

static int attr_cmp(const struct ident_attr *a, const struct ident_attr *b)
{
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c = n ? memcmp(a->name, b->name, n) : 0;

	if (c)
		return c;
	return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static bool attr_fits(const struct ident_attr *a)
{
	return a->name_len <= IDENT_ATTR_NAME_MAX &&
	       a->value_len <= IDENT_ATTR_VALUE_MAX;
}

/* Keeps the list ordered, so that a name which comes twice is seen. */
static int attr_insert(struct ident_attr *attrs, unsigned int *n,
		       const struct ident_attr *a)
{
	unsigned int i = *n;
	int c = 1;

	if (*n == IDENT_ATTRS_MAX || !attr_fits(a))
		return IDENT_E_CRED_ATTRS;
	while (i && (c = attr_cmp(a, &attrs[i - 1])) < 0) {
		attrs[i] = attrs[i - 1];
		i--;
	}
	if (i && !c)
		return IDENT_E_CRED_ATTRS;
	attrs[i] = *a;
	(*n)++;
	return 0;
}

static int attrs_get(struct ocb_reader *r, struct ident_credential *c)
{
	struct ident_attr a;
	struct ocb_list f;
	uint64_t pairs;
	int err;

	if (ocb_list_begin(r, &f) || ocb_list_need(r, &f) ||
	    ocb_get_uint(r, &c->schema) || ocb_list_need(r, &f) ||
	    ocb_get_map(r, &pairs))
		return IDENT_E_DECODE;
	if (pairs > IDENT_ATTRS_MAX)
		return IDENT_E_CRED_ATTRS;
	while (pairs--) {
		if (ocb_get_bytes(r, &a.name, &a.name_len) ||
		    ocb_get_bytes(r, &a.value, &a.value_len))
			return IDENT_E_DECODE;
		err = attr_insert(c->attrs, &c->n_attrs, &a);
		if (err)
			return err;
	}
	return ocb_list_end(r, &f);
}

static int cred_data_get(const uint8_t *data, size_t len, struct cred_data *d,
			 struct ident_credential *c)
{
	uint8_t ignored[IDENT_HASH_LEN];
	struct ocb_reader r;
	struct ocb_list f;
	int err;

	err = ident_versioned_open(data, len, IDENT_DATA_CREDENTIAL, &r);
	if (err)
		return err;
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	d->has_subject = !ocb_take_null(&r);
	if (d->has_subject &&
	    ocb_get_fixed(&r, d->subject, sizeof(d->subject)))
		return IDENT_E_DECODE;
	/* The latest change hash is written by everybody, checked by nobody. */
	if (ocb_list_need(&r, &f) ||
	    (!ocb_take_null(&r) &&
	     ocb_get_fixed(&r, ignored, sizeof(ignored))) ||
	    ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = attrs_get(&r, c);
	if (err)
		return err;
	if (ocb_list_need(&r, &f) || ocb_get_uint(&r, &c->created) ||
	    ocb_list_need(&r, &f) || ocb_get_uint(&r, &c->expires) ||
	    ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	return r.left ? IDENT_E_TRAILING : 0;
}

static int cred_get(struct ocb_reader *r, struct cred_data *d,
		    struct ident_credential *c)
{
	const uint8_t *data;
	struct ocb_list f;
	size_t len;
	int err;

	if (ocb_list_begin(r, &f) || ocb_list_need(r, &f) ||
	    ocb_get_bytes(r, &data, &len) || ocb_list_need(r, &f))
		return IDENT_E_DECODE;
	err = ident_sig_get(r, &d->sig);
	if (err)
		return err;
	if (ocb_list_end(r, &f))
		return IDENT_E_DECODE;
	err = cred_data_get(data, len, d, c);
	return err ? err : ident_hash(data, len, d->digest);
}

static const struct ident_history *
find_authority(const struct ident_authorities *auth, const uint8_t *id)
{
	size_t i;

	for (i = 0; i < auth->n; i++)
		if (!memcmp(auth->list[i].identifier, id, IDENT_ID_LEN))
			return &auth->list[i];
	return NULL;
}

static int cred_check(const struct cred_data *d,
		      const struct ident_credential *c,
		      const struct ident_purpose_key *issuer,
		      const uint8_t *subject, uint64_t now)
{
	int err;

	if (issuer->kind != IDENT_PURPOSE_CREDENTIALS)
		return IDENT_E_KEY_KIND;
	err = ident_sig_verify(&issuer->verify, &d->sig, d->digest);
	if (err)
		return err == IDENT_E_SIG ? IDENT_E_CRED_SIG : err;
	if (!d->has_subject || memcmp(d->subject, subject, IDENT_ID_LEN))
		return IDENT_E_CRED_SUBJECT;
	if (c->created < issuer->created || c->expires > issuer->expires)
		return IDENT_E_CRED_TIME;
	return ident_check_times(c->created, c->expires, now);
}

int ident_credential_verify(const uint8_t *buf, size_t len,
			    const struct ident_authorities *auth,
			    const uint8_t subject[IDENT_ID_LEN], uint64_t now,
			    struct ident_credential *c)
{
	const struct ident_history *issuer;
	struct ident_attestation a;
	struct ocb_reader r;
	struct cred_data d;
	struct ocb_list f;
	int err;

	memset(c, 0, sizeof(*c));
	memset(&d, 0, sizeof(d));
	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = cred_get(&r, &d, c);
	if (err)
		return err;
	if (ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = ident_attestation_read(&r, &a);
	if (err)
		return err;
	if (ocb_list_end(&r, &f))
		return IDENT_E_DECODE;
	if (r.left)
		return IDENT_E_TRAILING;
	/* Strangers cost no signature check. */
	issuer = find_authority(auth, a.subject);
	if (!issuer)
		return IDENT_E_CRED_ISSUER;
	err = ident_attestation_check(&a, issuer, now);
	if (err)
		return err;
	memcpy(c->issuer, issuer->identifier, IDENT_ID_LEN);
	return cred_check(&d, c, &a.key, subject, now);
}

static int cred_data_put(const struct ident_issue *s, struct ocb_writer *w)
{
	struct ident_attr sorted[IDENT_ATTRS_MAX];
	unsigned int n = 0, i;
	int err;

	for (i = 0; i < s->n_attrs; i++) {
		err = attr_insert(sorted, &n, &s->attrs[i]);
		if (err)
			return err;
	}
	ocb_put_array(w, 5);
	ocb_put_bytes(w, s->subject->identifier, IDENT_ID_LEN);
	ocb_put_bytes(w, ident_history_latest(s->subject), IDENT_HASH_LEN);
	ocb_put_array(w, 2);
	ocb_put_uint(w, s->schema);
	ocb_put_map(w, n);
	for (i = 0; i < n; i++) {
		ocb_put_bytes(w, sorted[i].name, sorted[i].name_len);
		ocb_put_bytes(w, sorted[i].value, sorted[i].value_len);
	}
	ocb_put_uint(w, s->created);
	ocb_put_uint(w, s->expires);
	return w->full ? IDENT_E_SPACE : 0;
}

int ident_credential_make(const struct ident_issue *issue,
			  struct ocb_writer *w)
{
	uint8_t digest[IDENT_HASH_LEN];
	struct ocb_writer iw, dw;
	struct ident_sig sig;
	uint8_t *buf;
	int err;

	if (issue->expires < issue->created)
		return IDENT_E_INVALID;
	buf = malloc(2 * IDENT_CREDENTIAL_MAX);
	if (!buf)
		return IDENT_E_NOMEM;
	ocb_writer_init(&iw, buf, IDENT_CREDENTIAL_MAX);
	ocb_writer_init(&dw, buf + IDENT_CREDENTIAL_MAX, IDENT_CREDENTIAL_MAX);
	err = cred_data_put(issue, &iw);
	if (err)
		goto out;
	ident_versioned_put(&dw, IDENT_DATA_CREDENTIAL, iw.buf, iw.len);
	if (dw.full) {
		err = IDENT_E_SPACE;
		goto out;
	}
	err = ident_hash(dw.buf, dw.len, digest);
	if (!err)
		err = ident_sig_make(issue->sk, digest, &sig);
	if (err)
		goto out;
	ocb_put_array(w, 2);
	ocb_put_array(w, 2);
	ocb_put_bytes(w, dw.buf, dw.len);
	ident_sig_put(w, &sig);
	ocb_put_raw(w, issue->attestation, issue->attestation_len);
	err = w->full ? IDENT_E_SPACE : 0;
out:
	free(buf);
	return err;
}
