// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include "ident_err.h"
#include "noise.h"

#define IDX(e)	((e) - IDENT_E_BASE)

static const struct {
	const char *name;
	const char *text;
} errs[] = {
	[IDX(IDENT_E_NOMEM)] = { "nomem", "out of memory" },
	[IDX(IDENT_E_CRYPTO)] = { "crypto", "crypto library failure" },
	[IDX(IDENT_E_SPACE)] = { "space", "buffer too small" },
	[IDX(IDENT_E_INVALID)] = { "invalid", "invalid argument" },
	[IDX(IDENT_E_DECODE)] = { "decode", "malformed identity data" },
	[IDX(IDENT_E_TRAILING)] = { "trailing", "bytes after the data" },
	[IDX(IDENT_E_VARIANT)] = {
		"variant", "unknown kind of key or signature" },
	[IDX(IDENT_E_VERSION)] = { "version", "unknown data version" },
	[IDX(IDENT_E_DATA_TYPE)] = { "data_type", "wrong data type" },
	[IDX(IDENT_E_NO_CHANGES)] = { "no_changes", "empty change history" },
	[IDX(IDENT_E_MANY_CHANGES)] = {
		"many_changes", "too many changes in history" },
	[IDX(IDENT_E_PREV_HASH)] = {
		"prev_hash", "change does not follow the one before" },
	[IDX(IDENT_E_CHANGE_TIME)] = {
		"change_time", "change begins before the one before" },
	[IDX(IDENT_E_PREV_SIG)] = {
		"prev_sig", "bad signature by the previous key" },
	[IDX(IDENT_E_SIG)] = { "sig", "bad signature of a change" },
	[IDX(IDENT_E_IDENTIFIER)] = { "identifier", "unexpected identifier" },
	[IDX(IDENT_E_OLDER)] = {
		"older", "change history older than the known one" },
	[IDX(IDENT_E_CONFLICT)] = {
		"conflict", "change history differs from the known one" },
	[IDX(IDENT_E_SUBJECT)] = {
		"subject", "purpose key of another identity" },
	[IDX(IDENT_E_CHANGE_HASH)] = {
		"change_hash", "purpose key not under the latest change" },
	[IDX(IDENT_E_ATTEST_TIME)] = {
		"attest_time", "purpose key outlives the identity key" },
	[IDX(IDENT_E_FUTURE)] = { "future", "created in the future" },
	[IDX(IDENT_E_EXPIRED)] = { "expired", "expired" },
	[IDX(IDENT_E_ATTEST_SIG)] = {
		"attest_sig", "bad signature of a purpose key" },
	[IDX(IDENT_E_KEY_KIND)] = { "key_kind", "wrong kind of purpose key" },
	[IDX(IDENT_E_STATIC_KEY)] = {
		"static_key", "attested key is not the handshake's" },
	[IDX(IDENT_E_UNTRUSTED)] = {
		"untrusted", "refused by the trust policy" },
	[IDX(IDENT_E_STORE)] = {
		"store", "store of known peers failed or is full" },
	[IDX(IDENT_E_MANY_CREDS)] = { "many_creds", "too many credentials" },
	[IDX(IDENT_E_CRED_ISSUER)] = {
		"cred_issuer", "credential not by an authority" },
	[IDX(IDENT_E_CRED_SIG)] = {
		"cred_sig", "bad signature of a credential" },
	[IDX(IDENT_E_CRED_SUBJECT)] = {
		"cred_subject", "credential of another identity" },
	[IDX(IDENT_E_CRED_TIME)] = {
		"cred_time", "credential outlives the issuing key" },
	[IDX(IDENT_E_CRED_ATTRS)] = {
		"cred_attrs", "attributes of a credential refused" },
	[IDX(IDENT_E_OWN_KEY)] = {
		"own_key", "own purpose key is missing or expired" },
	[IDX(IDENT_E_STATE)] = { "state", "handshake step out of turn" },
	[IDX(IDENT_E_BUNDLE_SIG)] = {
		"bundle_sig", "bad signature of a prekey bundle" },
	[IDX(IDENT_E_BUNDLE_KEY)] = {
		"bundle_key", "prekey bundle names another key than attested" },
	[IDX(IDENT_E_BUNDLE_PAYLOAD)] = {
		"bundle_payload", "prekey bundle came with other identity data" },
	[IDX(IDENT_E_BUNDLE_TIME)] = {
		"bundle_time", "prekey bundle outlives its keys" },
	[IDX(IDENT_E_BUNDLE_OLDER)] = {
		"bundle_older", "prekey bundle older than the known one" },
	[IDX(IDENT_E_BUNDLE_CONFLICT)] = {
		"bundle_conflict", "prekey bundle differs from the known one" },
	[IDX(IDENT_E_ONE_TIME)] = {
		"one_time", "one-time prekey of another bundle" },
	[IDX(IDENT_E_ONE_TIME_SIG)] = {
		"one_time_sig", "bad signature of a one-time prekey" },
	[IDX(IDENT_E_NO_ONE_TIME)] = {
		"no_one_time", "a one-time prekey is required" },
	[IDX(IDENT_E_PREKEY)] = {
		"prekey", "unknown or destroyed signed prekey" },
	[IDX(IDENT_E_ONE_TIME_GONE)] = {
		"one_time_gone", "unknown or used one-time prekey" },
	[IDX(IDENT_E_REPLAY)] = { "replay", "first message seen before" },
	[IDX(IDENT_E_RECORDS_FULL)] = {
		"records_full", "too many first messages for one signed prekey" },
	[IDX(IDENT_E_RECORDS_PEER)] = {
		"records_peer",
		"too many first messages of one peer for one signed prekey" },
	[IDX(IDENT_E_STORE_FULL)] = {
		"store_full", "as many known peers as there may be" },
	[IDX(IDENT_E_STORE_DAMAGED)] = {
		"store_damaged", "stored change history of the peer is damaged" },
};

_Static_assert(sizeof(errs) / sizeof(errs[0]) == IDX(IDENT_E_END),
	       "a name and a text for every code");

const char *ident_errname(int err)
{
	if (err < IDENT_E_BASE)
		return noise_errname(err);
	return err < IDENT_E_END ? errs[IDX(err)].name : "unknown";
}

const char *ident_strerror(int err)
{
	if (err < IDENT_E_BASE)
		return noise_strerror(err);
	return err < IDENT_E_END ? errs[IDX(err)].text : "unknown error";
}
