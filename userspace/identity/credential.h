/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_CREDENTIAL_H
#define OCKAM_IDENTITY_CREDENTIAL_H

#include "attest.h"

#define IDENT_CREDENTIALS_MAX	16	/* in one handshake payload */
#define IDENT_ATTRS_MAX		32
#define IDENT_ATTR_NAME_MAX	255
#define IDENT_ATTR_VALUE_MAX	1024
#define IDENT_CREDENTIAL_MAX	16384	/* bytes of one that we write */

/**
 * struct ident_attr - one attribute; the bytes are in somebody else's buffer
 * @name:      name
 * @name_len:  its length
 * @value:     value
 * @value_len: its length
 */
struct ident_attr {
	const uint8_t *name;
	size_t name_len;
	const uint8_t *value;
	size_t value_len;
};

/**
 * struct ident_credential - what an authority says about a subject
 * @issuer:  identifier of the authority
 * @schema:  number of the attributes' schema
 * @created: created_at
 * @expires: expires_at
 * @n_attrs: number of attributes
 * @attrs:   attributes in ascending order of their names, pointing into the
 *           buffer that the credential was read from
 */
struct ident_credential {
	uint8_t issuer[IDENT_ID_LEN];
	uint64_t schema;
	uint64_t created;
	uint64_t expires;
	unsigned int n_attrs;
	struct ident_attr attrs[IDENT_ATTRS_MAX];
};

/**
 * struct ident_authorities - whose credentials are looked at
 * @list: their histories, verified when they were imported
 * @n:    how many
 */
struct ident_authorities {
	const struct ident_history *list;
	size_t n;
};

/**
 * ident_credential_verify() - verify a CredentialAndPurposeKey
 * @buf:     the credential, filling the buffer
 * @len:     its length
 * @auth:    accepted authorities
 * @subject: identifier of who presents it
 * @now:     seconds since the epoch
 * @c:       result
 *
 * Return: 0 or an enum ident_err code.
 */
int ident_credential_verify(const uint8_t *buf, size_t len,
			    const struct ident_authorities *auth,
			    const uint8_t subject[IDENT_ID_LEN], uint64_t now,
			    struct ident_credential *c);

/**
 * struct ident_issue - a credential to be made
 * @sk:              Ed25519 secret key of the credential purpose key
 * @attestation:     attestation of that key
 * @attestation_len: its length
 * @subject:         verified history of whom it is for
 * @schema:          schema number
 * @attrs:           attributes, in any order; names differ
 * @n_attrs:         how many
 * @created:         created_at
 * @expires:         expires_at
 */
struct ident_issue {
	const uint8_t *sk;
	const uint8_t *attestation;
	size_t attestation_len;
	const struct ident_history *subject;
	uint64_t schema;
	const struct ident_attr *attrs;
	unsigned int n_attrs;
	uint64_t created;
	uint64_t expires;
};

/* Write a CredentialAndPurposeKey. */
int ident_credential_make(const struct ident_issue *issue,
			  struct ocb_writer *w);

#endif
