/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_HISTORY_H
#define OCKAM_IDENTITY_HISTORY_H

#include "sig.h"

#define IDENT_ID_LEN		32
#define IDENT_ID_TEXT_LEN	65	/* without the final zero */

#define IDENT_CHANGES_DEFAULT	32
#define IDENT_CHANGES_MAX	128	/* what the parameter may be set to */
#define IDENT_HISTORY_MAX	32768	/* bytes */
#define IDENT_CHANGE_MAX	512	/* bytes of a change that we write */

/**
 * struct ident_history - what a verified change history says
 * @identifier:  hash of the first change
 * @count:       number of changes
 * @hashes:      hash of each change
 * @key:         the latest key
 * @revoke:      the latest change's revoke_all_purpose_keys
 * @valid_from:  the latest change's attestations_valid_from
 * @valid_until: the latest change's attestations_valid_until
 */
struct ident_history {
	uint8_t identifier[IDENT_ID_LEN];
	unsigned int count;
	uint8_t hashes[IDENT_CHANGES_MAX][IDENT_HASH_LEN];
	struct ident_pubkey key;
	bool revoke;
	uint64_t valid_from;
	uint64_t valid_until;
};

/* Result of comparing a received history with a stored one. */
enum ident_cmp {
	IDENT_CMP_EQUAL,
	IDENT_CMP_NEWER,	/* longer, and agrees */
	IDENT_CMP_OLDER,	/* shorter, and agrees */
	IDENT_CMP_CONFLICT,
};

static inline const uint8_t *
ident_history_latest(const struct ident_history *h)
{
	return h->hashes[h->count - 1];
}

/**
 * ident_history_read() - decode and verify a history inside something larger
 * @r:           reader, moved past the history
 * @max_changes: bound, 0 for the default
 * @h:           result
 *
 * Every hash and signature is computed over the bytes received. The dates of
 * the changes are not compared with the clock here.
 *
 * Return: 0 or an enum ident_err code.
 */
int ident_history_read(struct ocb_reader *r, unsigned int max_changes,
		       struct ident_history *h);

/**
 * ident_history_verify() - decode and verify a history that fills a buffer
 * @buf:         the history
 * @len:         its length
 * @max_changes: bound, 0 for the default
 * @expected:    identifier that it must have, or NULL
 * @h:           result
 */
int ident_history_verify(const uint8_t *buf, size_t len,
			 unsigned int max_changes, const uint8_t *expected,
			 struct ident_history *h);

/* Compare by change hashes. */
enum ident_cmp ident_history_compare(const struct ident_history *received,
				     const struct ident_history *stored);
/* 0 if the received one may take the stored one's place, or IDENT_E_OLDER, _CONFLICT. */
int ident_cmp_error(enum ident_cmp cmp);

/**
 * ident_history_first() - write a history of one change
 * @sk:    Ed25519 secret key of the new identity
 * @from:  attestations_valid_from
 * @until: attestations_valid_until
 * @w:     output
 */
int ident_history_first(const uint8_t sk[IDENT_ED25519_SK_LEN], uint64_t from,
			uint64_t until, struct ocb_writer *w);

/**
 * ident_history_append() - write a history with one more change
 * @old:     the history so far
 * @old_len: its length
 * @h:       the same, verified
 * @old_sk:  its latest secret key
 * @new_sk:  the new one
 * @from:    attestations_valid_from, not before the latest change's
 * @until:   attestations_valid_until
 * @revoke:  revoke_all_purpose_keys
 * @w:       output
 */
int ident_history_append(const uint8_t *old, size_t old_len,
			 const struct ident_history *h,
			 const uint8_t old_sk[IDENT_ED25519_SK_LEN],
			 const uint8_t new_sk[IDENT_ED25519_SK_LEN],
			 uint64_t from, uint64_t until, bool revoke,
			 struct ocb_writer *w);

/* "I" and 64 lower-case hexadecimal digits. */
void ident_id_print(const uint8_t id[IDENT_ID_LEN],
		    char text[IDENT_ID_TEXT_LEN + 1]);
int ident_id_parse(const char *text, uint8_t id[IDENT_ID_LEN]);

#endif
