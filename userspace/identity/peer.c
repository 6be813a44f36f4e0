// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The identity half of a handshake message: its payload, and everything that
 * must hold before a peer is believed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ident_err.h"
#include "peer.h"

#define RULE_WORD	"authority "

/* "IDENTIFIER NAME=VALUE" */
static int rule_parse(const char *text, struct trust_rule *rule)
{
	const char *name, *value;
	char id[IDENT_ID_TEXT_LEN + 1];
	uint8_t *bytes;
	size_t len;
	int err;

	name = strchr(text, ' ');
	if (!name || (size_t)(name - text) >= sizeof(id))
		return IDENT_E_INVALID;
	memcpy(id, text, name - text);
	id[name - text] = 0;
	err = ident_id_parse(id, rule->authority);
	if (err)
		return err;
	name++;
	value = strchr(name, '=');
	len = strlen(name);
	if (!value || value == name ||
	    (size_t)(value - name) > IDENT_ATTR_NAME_MAX ||
	    len - (value - name) - 1 > IDENT_ATTR_VALUE_MAX)
		return IDENT_E_INVALID;
	bytes = malloc(len);
	if (!bytes)
		return IDENT_E_NOMEM;
	memcpy(bytes, name, len);
	rule->attr.name = bytes;
	rule->attr.name_len = value - name;
	rule->attr.value = bytes + rule->attr.name_len + 1;
	rule->attr.value_len = len - rule->attr.name_len - 1;
	return 0;
}

size_t trust_rule_print(const struct trust_rule *rule, char *word, size_t size)
{
	char id[IDENT_ID_TEXT_LEN + 1];
	int n;

	if (!rule)
		return 0;
	ident_id_print(rule->authority, id);
	n = snprintf(word, size, RULE_WORD "%s %.*s=", id,
		     (int)rule->attr.name_len, (const char *)rule->attr.name);
	if (n < 0 || n + rule->attr.value_len > size)
		return 0;
	memcpy(word + n, rule->attr.value, rule->attr.value_len);
	return n + rule->attr.value_len;
}

static int rule_add(struct trust_policy *p, const char *text)
{
	struct trust_rule *rules;
	int err;

	if (p->n_rules == TRUST_RULES_MAX)
		return IDENT_E_INVALID;
	/* All at once, since peers that were accepted point to theirs. */
	if (!p->rules)
		p->rules = calloc(TRUST_RULES_MAX, sizeof(*rules));
	if (!p->rules)
		return IDENT_E_NOMEM;
	err = rule_parse(text, &p->rules[p->n_rules]);
	if (err)
		return err;
	p->n_rules++;
	p->kind = TRUST_LIST;
	return 0;
}

int trust_policy_add(struct trust_policy *p, const char *word)
{
	uint8_t (*ids)[IDENT_ID_LEN];
	uint8_t id[IDENT_ID_LEN];
	int err;

	if (!strcmp(word, "anyone")) {
		if (p->kind == TRUST_LIST)
			return IDENT_E_INVALID;
		p->kind = TRUST_ANYONE;
		return 0;
	}
	if (p->kind == TRUST_ANYONE)
		return IDENT_E_INVALID;
	if (!strncmp(word, RULE_WORD, strlen(RULE_WORD)))
		return rule_add(p, word + strlen(RULE_WORD));
	err = ident_id_parse(word, id);
	if (err)
		return err;
	ids = reallocarray(p->ids, p->n + 1, sizeof(*ids));
	if (!ids)
		return IDENT_E_NOMEM;
	memcpy(ids[p->n], id, sizeof(id));
	p->ids = ids;
	p->n++;
	p->kind = TRUST_LIST;
	return 0;
}

bool trust_policy_allows(const struct trust_policy *p,
			 const uint8_t id[IDENT_ID_LEN])
{
	size_t i;

	if (p->kind == TRUST_ANYONE)
		return true;
	if (p->kind != TRUST_LIST)
		return false;
	for (i = 0; i < p->n; i++)
		if (!memcmp(p->ids[i], id, IDENT_ID_LEN))
			return true;
	return false;
}

static bool same_bytes(const uint8_t *a, size_t a_len, const uint8_t *b,
		       size_t b_len)
{
	return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static bool same_attr(const struct ident_attr *a, const struct ident_attr *b)
{
	return same_bytes(a->name, a->name_len, b->name, b->name_len) &&
	       same_bytes(a->value, a->value_len, b->value, b->value_len);
}

bool trust_policy_has(const struct trust_policy *p,
		      const struct trust_rule *rule)
{
	size_t i;

	if (p->kind == TRUST_ANYONE)
		return true;
	for (i = 0; i < p->n_rules; i++)
		if (!memcmp(p->rules[i].authority, rule->authority,
			    IDENT_ID_LEN) &&
		    same_attr(&p->rules[i].attr, &rule->attr))
			return true;
	return false;
}

void trust_policy_clear(struct trust_policy *p)
{
	while (p->n_rules)
		free((void *)p->rules[--p->n_rules].attr.name);
	free(p->rules);
	free(p->ids);
	memset(p, 0, sizeof(*p));
}

void ident_peer_clear(struct ident_peer *peer)
{
	free(peer->history);
	free(peer->creds);
	free(peer->cred_buf);
	memset(peer, 0, sizeof(*peer));
}

static int creds_get(struct ocb_reader *r, struct ident_payload *p)
{
	const uint8_t *start;
	struct ocb_list l;

	if (ocb_list_begin(r, &l))
		return IDENT_E_DECODE;
	while (ocb_list_more(r, &l)) {
		if (p->n_creds == IDENT_CREDENTIALS_MAX)
			return IDENT_E_MANY_CREDS;
		start = r->p;
		if (ocb_skip(r))
			return IDENT_E_DECODE;
		p->creds[p->n_creds] = start;
		p->cred_lens[p->n_creds++] = (size_t)(r->p - start);
	}
	return ocb_list_end(r, &l);
}

/* @shown: with an attestation between history and credentials. */
static int payload_read(const uint8_t *buf, size_t len,
			unsigned int max_changes, bool shown,
			struct ident_payload *p)
{
	struct ocb_reader r, scan;
	struct ocb_list f;
	int err;

	memset(p, 0, sizeof(*p));
	/* The shape of the whole comes first: it costs no signature check. */
	ocb_reader_init(&scan, buf, len);
	if (ocb_skip(&scan))
		return IDENT_E_DECODE;
	if (scan.left)
		return IDENT_E_TRAILING;

	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	p->raw = r.p;
	err = ident_history_read(&r, max_changes, &p->history);
	if (err)
		return err;
	p->raw_len = (size_t)(r.p - p->raw);
	if (shown && ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	if (shown)
		err = ident_attestation_read(&r, &p->attestation);
	if (err)
		return err;
	if (ocb_list_need(&r, &f))
		return IDENT_E_DECODE;
	err = creds_get(&r, p);
	return err ? err : ocb_list_end(&r, &f);
}

int ident_payload_read(const uint8_t *buf, size_t len,
		       unsigned int max_changes, struct ident_payload *p)
{
	return payload_read(buf, len, max_changes, true, p);
}

int ident_payload_write(const uint8_t *history, size_t history_len,
			const uint8_t *attestation, size_t attestation_len,
			const uint8_t *creds, size_t creds_len,
			unsigned int n_creds, struct ocb_writer *w)
{
	ocb_put_array(w, 3);
	ocb_put_raw(w, history, history_len);
	ocb_put_raw(w, attestation, attestation_len);
	ocb_put_array(w, n_creds);
	ocb_put_raw(w, creds, creds_len);
	return w->full ? IDENT_E_SPACE : 0;
}

int ident_refresh_write(const uint8_t *history, size_t history_len,
			const uint8_t *creds, size_t creds_len,
			unsigned int n_creds, struct ocb_writer *w)
{
	ocb_put_array(w, 2);
	ocb_put_raw(w, history, history_len);
	ocb_put_array(w, n_creds);
	ocb_put_raw(w, creds, creds_len);
	return w->full ? IDENT_E_SPACE : 0;
}

/* Sets @fresh when the history is to be stored once the peer is trusted. */
static int check_known(const struct ident_payload *p,
		       const struct ident_check *check, bool *fresh)
{
	struct ident_history *known;
	enum ident_cmp cmp;
	uint8_t *buf;
	size_t len;
	int err;

	*fresh = false;
	known = malloc(sizeof(*known) + IDENT_HISTORY_MAX);
	if (!known)
		return IDENT_E_NOMEM;
	buf = (uint8_t *)(known + 1);
	err = check->store->load(check->store->ctx, p->history.identifier, buf,
				 IDENT_HISTORY_MAX, &len);
	if (err <= 0) {
		*fresh = !err;
		/* Nobody wrote one so long. */
		err = !err ? 0 : err == -EFBIG ? IDENT_E_STORE_DAMAGED :
						 IDENT_E_STORE;
		goto out;
	}
	/* What was presented has verified. */
	err = 0;
	if (len == p->raw_len && !memcmp(buf, p->raw, len))
		goto out;
	/* A file that does not verify is a fault here, not the peer's. */
	err = IDENT_E_STORE_DAMAGED;
	if (ident_history_verify(buf, len, IDENT_CHANGES_MAX,
				 p->history.identifier, known))
		goto out;
	cmp = ident_history_compare(&p->history, known);
	*fresh = cmp == IDENT_CMP_NEWER;
	err = ident_cmp_error(cmp);
out:
	free(known);
	return err;
}

static int check_creds(const struct ident_payload *p,
		       const struct ident_authorities *authorities,
		       uint64_t now, struct ident_peer *peer)
{
	struct ident_credential *c;
	size_t total = 0;
	unsigned int i;
	uint8_t *pos;
	int err;

	if (!authorities || !authorities->n || !p->n_creds)
		return 0;
	for (i = 0; i < p->n_creds; i++)
		total += p->cred_lens[i];
	peer->cred_buf = malloc(total);
	peer->creds = calloc(p->n_creds, sizeof(*peer->creds));
	if (!peer->cred_buf || !peer->creds)
		return IDENT_E_NOMEM;
	pos = peer->cred_buf;
	for (i = 0; i < p->n_creds; i++) {
		memcpy(pos, p->creds[i], p->cred_lens[i]);
		c = &peer->creds[peer->n_creds];
		err = ident_credential_verify(pos, p->cred_lens[i],
					      authorities, peer->identifier,
					      now, c);
		pos += p->cred_lens[i];
		if (err) {
			peer->refused_creds++;
			peer->cred_err = err;
			continue;
		}
		peer->n_creds++;
	}
	return 0;
}

static bool is_among(const struct ident_history *list, size_t n,
		     const uint8_t id[IDENT_ID_LEN])
{
	while (n--)
		if (!memcmp(list[n].identifier, id, IDENT_ID_LEN))
			return true;
	return false;
}

/*
 * The authorities that the policy's rules name, as far as their histories are
 * known; what an unknown one signed cannot be verified.  @auth->list is
 * allocated.
 */
static int rule_authorities(const struct ident_check *check,
			    struct ident_authorities *auth)
{
	const struct trust_policy *policy = check->policy;
	struct ident_history *list;
	uint8_t *buf;
	size_t i, len;
	int err = 0;

	list = calloc(policy->n_rules, sizeof(*list));
	buf = malloc(IDENT_HISTORY_MAX);
	auth->list = list;
	auth->n = 0;
	if (!list || !buf)
		err = IDENT_E_NOMEM;
	for (i = 0; i < policy->n_rules && !err; i++) {
		const uint8_t *id = policy->rules[i].authority;
		int found;

		if (is_among(list, auth->n, id))
			continue;
		found = check->store->load(check->store->ctx, id, buf,
					   IDENT_HISTORY_MAX, &len);
		if (found < 0)
			err = IDENT_E_STORE;
		else if (found && !ident_history_verify(buf, len,
							IDENT_CHANGES_MAX, id,
							&list[auth->n]))
			auth->n++;
	}
	free(buf);
	return err;
}

static bool cred_fits(const struct ident_credential *c,
		      const struct trust_rule *rule)
{
	unsigned int i;

	if (memcmp(c->issuer, rule->authority, IDENT_ID_LEN))
		return false;
	for (i = 0; i < c->n_attrs; i++)
		if (same_attr(&c->attrs[i], &rule->attr))
			return true;
	return false;
}

/* The rule and the credential that last longest. */
static bool find_rule(const struct trust_policy *policy,
		      struct ident_peer *peer)
{
	uint64_t until = 0;
	unsigned int i;
	size_t k;

	for (i = 0; i < peer->n_creds; i++)
		for (k = 0; k < policy->n_rules; k++) {
			if (peer->creds[i].expires < until ||
			    !cred_fits(&peer->creds[i], &policy->rules[k]))
				continue;
			until = peer->creds[i].expires;
			peer->rule = &policy->rules[k];
		}
	if (peer->rule && until < peer->expires)
		peer->expires = until;
	return peer->rule;
}

/* Credentials, then whether the peer is trusted. */
static int check_trust(const struct ident_payload *p,
		       const struct ident_check *check, uint64_t now,
		       struct ident_peer *peer)
{
	struct ident_authorities auth = { NULL, 0 };
	bool trusted;
	int err;

	trusted = trust_policy_allows(check->policy, peer->identifier);
	if (trusted)
		return check_creds(p, check->authorities, now, peer);
	if (!check->policy->n_rules || !p->n_creds)
		return IDENT_E_UNTRUSTED;
	err = rule_authorities(check, &auth);
	if (!err)
		err = check_creds(p, &auth, now, peer);
	if (!err && !find_rule(check->policy, peer))
		err = IDENT_E_UNTRUSTED;
	free((void *)auth.list);
	return err;
}

/* Takes the history, which is stored if it is @fresh. */
static int take_history(const struct ident_payload *p,
			const struct ident_check *check, bool fresh,
			struct ident_peer *peer)
{
	int err;

	peer->history = malloc(p->raw_len);
	if (!peer->history)
		return IDENT_E_NOMEM;
	memcpy(peer->history, p->raw, p->raw_len);
	peer->history_len = p->raw_len;
	if (!fresh)
		return 0;
	err = check->store->save(check->store->ctx, peer->identifier,
				 peer->history, peer->history_len);
	/* Unlike a full disk that does not pass. */
	if (err == -EUSERS)
		return IDENT_E_STORE_FULL;
	return err < 0 ? IDENT_E_STORE : err;
}

/* From here on it is the same in a handshake and later. */
static int believe(const struct ident_payload *p,
		   const struct ident_check *check, uint64_t now, bool fresh,
		   uint64_t key_expires, struct ident_peer *peer)
{
	int err;

	memcpy(peer->identifier, p->history.identifier, IDENT_ID_LEN);
	peer->key_expires = key_expires;
	peer->expires = key_expires;
	err = check_trust(p, check, now, peer);
	if (err == IDENT_E_UNTRUSTED && check->presented)
		memcpy(check->presented, peer->identifier, IDENT_ID_LEN);
	return err ? err : take_history(p, check, fresh, peer);
}

static int check_all(const struct ident_payload *p, const uint8_t *static_key,
		     const struct ident_check *check, uint64_t now,
		     struct ident_peer *peer)
{
	const struct ident_purpose_key *key = &p->attestation.key;
	bool fresh;
	int err;

	err = check_known(p, check, &fresh);
	if (err)
		return err;
	err = ident_attestation_check(&p->attestation, &p->history, now);
	if (err)
		return err;
	if (key->kind != IDENT_PURPOSE_CHANNEL)
		return IDENT_E_KEY_KIND;
	if (memcmp(key->x25519, static_key, IDENT_X25519_LEN))
		return IDENT_E_STATIC_KEY;
	return believe(p, check, now, fresh, key->expires, peer);
}

/*
 * Is the identifier that it claims, which is looked at for real later, not in
 * the list?  Strangers shall not have a long history of theirs verified.
 */
static bool is_hopeless(const uint8_t *payload, size_t len,
			const struct ident_check *check)
{
	const struct trust_policy *policy = check->policy;
	struct ident_attestation claim;
	struct ocb_reader r;
	struct ocb_list f;

	if (!policy || policy->kind != TRUST_LIST || policy->n_rules)
		return false;
	ocb_reader_init(&r, payload, len);
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) || ocb_skip(&r) ||
	    ocb_list_need(&r, &f) || ident_attestation_read(&r, &claim))
		return false;
	if (trust_policy_allows(policy, claim.subject))
		return false;
	if (check->presented)
		memcpy(check->presented, claim.subject, IDENT_ID_LEN);
	return true;
}

int identity_check_peer(const uint8_t *payload, size_t len,
			const uint8_t static_key[IDENT_X25519_LEN],
			const struct ident_check *check, uint64_t now,
			struct ident_peer *peer)
{
	struct ident_payload *p;
	int err;

	memset(peer, 0, sizeof(*peer));
	if (is_hopeless(payload, len, check))
		return IDENT_E_UNTRUSTED;
	p = malloc(sizeof(*p));
	if (!p)
		return IDENT_E_NOMEM;
	err = ident_payload_read(payload, len, check->max_changes, p);
	if (!err)
		err = check_all(p, static_key, check, now, peer);
	free(p);
	if (err)
		ident_peer_clear(peer);
	return err;
}

static int check_refresh(const struct ident_refresh *r,
			 const struct ident_payload *p,
			 const struct ident_check *check, uint64_t now,
			 struct ident_peer *peer)
{
	bool fresh;
	int err;

	if (memcmp(p->history.identifier, r->identifier, IDENT_ID_LEN))
		return IDENT_E_IDENTIFIER;
	err = check_known(p, check, &fresh);
	return err ? err : believe(p, check, now, fresh, r->key_expires, peer);
}

int identity_check_refresh(const struct ident_refresh *r,
			   const struct ident_check *check, uint64_t now,
			   struct ident_peer *peer)
{
	struct ident_payload *p;
	int err;

	memset(peer, 0, sizeof(*peer));
	p = malloc(sizeof(*p));
	if (!p)
		return IDENT_E_NOMEM;
	err = payload_read(r->item, r->len, check->max_changes, false, p);
	if (!err)
		err = check_refresh(r, p, check, now, peer);
	free(p);
	if (err)
		ident_peer_clear(peer);
	return err;
}
