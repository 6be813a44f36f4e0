/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_ERR_H
#define OCKAM_IDENTITY_ERR_H

/* Above the codes of enum noise_err, so that one int carries either. */
#define IDENT_E_BASE	64

/**
 * enum ident_err - why an identity, attestation, credential or peer is refused
 *
 * 0 is success. Each code has a short fixed name for counters and a text for
 * logs; see ident_errname() and ident_strerror().
 */
enum ident_err {
	IDENT_OK = 0,
	IDENT_E_NOMEM = IDENT_E_BASE,	/* out of memory */
	IDENT_E_CRYPTO,		/* the crypto library failed */
	IDENT_E_SPACE,		/* caller's buffer too small */
	IDENT_E_INVALID,	/* bad argument */
	IDENT_E_DECODE,		/* not the CBOR that is expected */
	IDENT_E_TRAILING,	/* bytes after the item */
	IDENT_E_VARIANT,	/* unknown kind of key or signature */
	IDENT_E_VERSION,	/* VersionedData version */
	IDENT_E_DATA_TYPE,	/* VersionedData type */
	IDENT_E_NO_CHANGES,	/* empty history */
	IDENT_E_MANY_CHANGES,	/* history above the bound */
	IDENT_E_PREV_HASH,	/* change does not follow the one before */
	IDENT_E_CHANGE_TIME,	/* valid_from went back */
	IDENT_E_PREV_SIG,	/* signature by the previous key */
	IDENT_E_SIG,		/* signature by the change's own key */
	IDENT_E_IDENTIFIER,	/* not the identifier that was expected */
	IDENT_E_OLDER,		/* shorter than the history that is known */
	IDENT_E_CONFLICT,	/* differs from the history that is known */
	IDENT_E_SUBJECT,	/* attestation of somebody else */
	IDENT_E_CHANGE_HASH,	/* attestation not under the latest change */
	IDENT_E_ATTEST_TIME,	/* outside the latest change's validity */
	IDENT_E_FUTURE,		/* created in the future */
	IDENT_E_EXPIRED,	/* no longer valid */
	IDENT_E_ATTEST_SIG,	/* attestation signature */
	IDENT_E_KEY_KIND,	/* purpose key of another kind */
	IDENT_E_STATIC_KEY,	/* attested key is not the Noise static key */
	IDENT_E_UNTRUSTED,	/* refused by the trust policy */
	IDENT_E_STORE,		/* known histories cannot be read or written */
	IDENT_E_MANY_CREDS,	/* more credentials than the bound */
	IDENT_E_CRED_ISSUER,	/* issuer is not an authority */
	IDENT_E_CRED_SIG,	/* credential signature */
	IDENT_E_CRED_SUBJECT,	/* credential of somebody else */
	IDENT_E_CRED_TIME,	/* outside the issuing key's validity */
	IDENT_E_CRED_ATTRS,	/* attributes above the bounds, or twice */
	IDENT_E_OWN_KEY,	/* own purpose key is missing or expired */
	IDENT_E_STATE,		/* handshake step out of turn, or dead */
	IDENT_E_BUNDLE_SIG,	/* signature of a prekey bundle */
	IDENT_E_BUNDLE_KEY,	/* bundle of another X25519 key */
	IDENT_E_BUNDLE_PAYLOAD,	/* bundle beside other identity data */
	IDENT_E_BUNDLE_TIME,	/* bundle lives too long, or longer than its keys */
	IDENT_E_BUNDLE_OLDER,	/* sequence below the one that is known */
	IDENT_E_BUNDLE_CONFLICT,	/* two bundles of one sequence */
	IDENT_E_ONE_TIME,	/* one-time prekey of another bundle */
	IDENT_E_ONE_TIME_SIG,	/* signature of a one-time prekey */
	IDENT_E_NO_ONE_TIME,	/* one is required and there is none */
	IDENT_E_PREKEY,		/* unknown or destroyed signed prekey */
	IDENT_E_ONE_TIME_GONE,	/* unknown or used one-time prekey */
	IDENT_E_REPLAY,		/* this first message was accepted before */
	IDENT_E_RECORDS_FULL,	/* no room to remember another one */
	IDENT_E_RECORDS_PEER,	/* no room for another one of this peer */
	IDENT_E_STORE_FULL,	/* as many known histories as there may be */
	IDENT_E_STORE_DAMAGED,	/* the known history does not verify */
	IDENT_E_END
};

/* Both also take the codes of enum noise_err. */
const char *ident_errname(int err);
const char *ident_strerror(int err);

#endif
