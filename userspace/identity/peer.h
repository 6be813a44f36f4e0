/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_PEER_H
#define OCKAM_IDENTITY_PEER_H

#include "credential.h"

enum trust_kind {
	TRUST_UNSET = 0,	/* nobody: a policy must be written out */
	TRUST_ANYONE,
	TRUST_LIST,
};

#define TRUST_RULES_MAX		32	/* in one policy */
/* Bytes of the word for a rule. */
#define TRUST_WORD_MAX		(32 + IDENT_ID_TEXT_LEN + IDENT_ATTR_NAME_MAX + \
				 IDENT_ATTR_VALUE_MAX)

/**
 * struct trust_rule - whom an authority says something about
 * @authority: its identifier
 * @attr:      attribute that a credential of its has to have; the bytes are
 *             allocated, name first
 */
struct trust_rule {
	uint8_t authority[IDENT_ID_LEN];
	struct ident_attr attr;
};

/**
 * struct trust_policy - which verified peers are accepted
 * @kind:    anyone, or a list; all zero refuses everybody
 * @ids:     identifiers, allocated
 * @n:       how many
 * @rules:   beside them those with one of these credentials, allocated
 * @n_rules: how many
 */
struct trust_policy {
	enum trust_kind kind;
	uint8_t (*ids)[IDENT_ID_LEN];
	size_t n;
	struct trust_rule *rules;
	size_t n_rules;
};

/**
 * trust_policy_add() - add what the configuration says
 * @p:    policy, zero-initialised before the first call
 * @word: "anyone", the text form of an identifier, or "authority IDENTIFIER
 *        NAME=VALUE": whoever presents a credential of that authority with
 *        that attribute
 *
 * "anyone" beside others is a contradiction and refused.
 *
 * Return: 0, IDENT_E_INVALID or IDENT_E_NOMEM.
 */
int trust_policy_add(struct trust_policy *p, const char *word);
/* Whatever credentials there may be. */
bool trust_policy_allows(const struct trust_policy *p,
			 const uint8_t id[IDENT_ID_LEN]);
/**
 * trust_rule_print() - the word that trust_policy_add() makes a rule of
 * @rule: the rule, or NULL
 * @word: the word, not terminated
 * @size: room there, at least TRUST_WORD_MAX
 *
 * Return: its length, 0 for no rule.
 */
size_t trust_rule_print(const struct trust_rule *rule, char *word, size_t size);
/* Does the policy have this very rule? */
bool trust_policy_has(const struct trust_policy *p,
		      const struct trust_rule *rule);
void trust_policy_clear(struct trust_policy *p);

/**
 * struct ident_peer_store - change histories of peers that are known
 * @load: fetch the history of @id into @buf. Returns 1 with @len set, 0 if
 *        none is known, negative on failure
 * @save: keep a history, durably. Returns 0, -EUSERS when there are as many as
 *        there may be, another negative number on failure, or a positive enum
 *        ident_err code: by now a history is known that refuses this one
 * @ctx:  passed to both
 *
 * A failure refuses the peer: without its known history a stolen old key could
 * not be told from a good one.
 */
struct ident_peer_store {
	int (*load)(void *ctx, const uint8_t id[IDENT_ID_LEN], uint8_t *buf,
		    size_t cap, size_t *len);
	int (*save)(void *ctx, const uint8_t id[IDENT_ID_LEN],
		    const uint8_t *history, size_t len);
	void *ctx;
};

/**
 * struct ident_check - what a peer is checked against
 * @policy:      trust policy
 * @store:       known histories
 * @authorities: accepted issuers of credentials, or NULL
 * @max_changes: bound on a history, 0 for the default
 * @presented:   takes the identifier that a peer presents whom the policy refuses, if
 *               not NULL; it need not be its own
 */
struct ident_check {
	const struct trust_policy *policy;
	const struct ident_peer_store *store;
	const struct ident_authorities *authorities;
	unsigned int max_changes;
	uint8_t *presented;
};

/**
 * struct ident_peer - a peer that passed every check
 * @identifier:    its identifier
 * @history:       its change history, allocated
 * @history_len:   its length
 * @expires:       when its channel key expires, or the credential that it is
 *                 trusted by
 * @key_expires:   when its channel key does
 * @rule:          rule of the policy that it is trusted by, NULL if it is for
 *                 its identifier
 * @creds:         accepted credentials, allocated; they point into @cred_buf
 * @n_creds:       how many
 * @refused_creds: how many were presented and refused
 * @cred_err:      why the last of these was refused
 * @cred_buf:      the credentials as received
 */
struct ident_peer {
	uint8_t identifier[IDENT_ID_LEN];
	uint8_t *history;
	size_t history_len;
	uint64_t expires;
	uint64_t key_expires;
	const struct trust_rule *rule;
	struct ident_credential *creds;
	unsigned int n_creds;
	unsigned int refused_creds;
	int cred_err;
	uint8_t *cred_buf;
};

void ident_peer_clear(struct ident_peer *peer);

/**
 * struct ident_payload - the parts of a decoded handshake payload
 * @history:     verified history
 * @raw:         its bytes, inside the payload
 * @raw_len:     their length
 * @attestation: decoded, not verified
 * @n_creds:     number of credentials
 * @creds:       where each begins
 * @cred_lens:   and how long it is
 */
struct ident_payload {
	struct ident_history history;
	const uint8_t *raw;
	size_t raw_len;
	struct ident_attestation attestation;
	unsigned int n_creds;
	const uint8_t *creds[IDENT_CREDENTIALS_MAX];
	size_t cred_lens[IDENT_CREDENTIALS_MAX];
};

/**
 * ident_payload_read() - decode an IdentityAndCredentials and verify its
 *                        history
 * @buf:         the payload
 * @len:         its length; bytes after the item are refused
 * @max_changes: bound, 0 for the default
 * @p:           result
 */
int ident_payload_read(const uint8_t *buf, size_t len,
		       unsigned int max_changes, struct ident_payload *p);

/**
 * ident_payload_write() - encode an IdentityAndCredentials
 * @history:         change history
 * @history_len:     its length
 * @attestation:     attestation of the channel key
 * @attestation_len: its length
 * @creds:           concatenated CredentialAndPurposeKey items
 * @creds_len:       their length
 * @n_creds:         how many they are
 * @w:               output
 */
int ident_payload_write(const uint8_t *history, size_t history_len,
			const uint8_t *attestation, size_t attestation_len,
			const uint8_t *creds, size_t creds_len,
			unsigned int n_creds, struct ocb_writer *w);

/**
 * identity_check_peer() - all checks of a handshake payload, in order
 * @payload:    decrypted payload of M2 or M3
 * @len:        its length
 * @static_key: the peer's Noise static key
 * @check:      what to check against
 * @now:        seconds since the epoch
 * @peer:       the peer; untouched storage is released on failure
 *
 * Decoding, change history and its comparison with the known one, attestation
 * of the static key, credentials, whose failure refuses only themselves, and
 * trust policy; then the history is stored.  Credentials count if they are of
 * one of @check's authorities, or of one that a rule names and whose history is
 * in the store.
 *
 * Return: 0 or an enum ident_err code.
 */
int identity_check_peer(const uint8_t *payload, size_t len,
			const uint8_t static_key[IDENT_X25519_LEN],
			const struct ident_check *check, uint64_t now,
			struct ident_peer *peer);

/**
 * struct ident_refresh - RefreshCredentials, of a peer that is known already
 * @item:        an array of a change history and a list of credentials
 * @len:         its length
 * @identifier:  of the peer that sent it
 * @key_expires: when the channel key that it has shown in the handshake does
 */
struct ident_refresh {
	const uint8_t *item;
	size_t len;
	const uint8_t *identifier;
	uint64_t key_expires;
};

/**
 * identity_check_refresh() - all checks of credentials shown later
 * @r:     what was sent
 * @check: what to check against
 * @now:   seconds since the epoch
 * @peer:  as the handshake would have given it with these credentials; untouched
 *         storage is released on failure
 *
 * The history has to be that of the same identity, and no older or other one than
 * is known; a newer one is stored once the peer is trusted.
 *
 * Return: 0 or an enum ident_err code.
 */
int identity_check_refresh(const struct ident_refresh *r,
			   const struct ident_check *check, uint64_t now,
			   struct ident_peer *peer);

/* Encode what identity_check_refresh() takes: of an own identity. */
int ident_refresh_write(const uint8_t *history, size_t history_len,
			const uint8_t *creds, size_t creds_len,
			unsigned int n_creds, struct ocb_writer *w);

#endif
