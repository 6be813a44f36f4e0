// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Fuzz target: everything that reads what a peer sends in a handshake payload,
 * and the bare reader below it. Signatures stop a fuzzer soon, so each decoder
 * is also called by itself.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ident_err.h"
#include "no_store.h"
#include "peer.h"

#define NOW	1700000100ULL

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return sodium_init() < 0 ? -1 : 0;
}

/* A list that is said to have been read must lie inside the input. */
static void check_skip(const uint8_t *data, size_t size)
{
	struct ocb_reader r;

	ocb_reader_init(&r, data, size);
	while (r.left && !ocb_skip(&r))
		if (r.p < data || r.p > data + size ||
		    (size_t)(data + size - r.p) != r.left)
			abort();
}

static void check_payload(const uint8_t *data, size_t size)
{
	struct trust_policy policy = { .kind = TRUST_ANYONE };
	const struct ident_peer_store store = NO_PEER_STORE;
	struct ident_check check = { .policy = &policy, .store = &store };
	static struct ident_payload p;
	uint8_t key[32] = { 1 };
	struct ident_peer peer;
	unsigned int i;

	if (!ident_payload_read(data, size, 0, &p)) {
		if (!p.history.count ||
		    p.history.count > IDENT_CHANGES_DEFAULT ||
		    p.raw < data || p.raw + p.raw_len > data + size)
			abort();
		for (i = 0; i < p.n_creds; i++)
			if (p.creds[i] < data ||
			    p.creds[i] + p.cred_lens[i] > data + size)
				abort();
		memcpy(key, p.attestation.key.x25519, sizeof(key));
	}
	if (!identity_check_peer(data, size, key, &check, NOW, &peer))
		ident_peer_clear(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ident_history h;
	struct ident_authorities auth = { &h, 1 };
	struct ident_attestation a;
	static struct ident_credential c;
	uint8_t id[32] = { 0 };
	struct ocb_reader r;

	check_skip(data, size);
	check_payload(data, size);
	ident_history_verify(data, size, 0, NULL, &h);
	ocb_reader_init(&r, data, size);
	ident_attestation_read(&r, &a);
	memset(&h, 0, sizeof(h));
	h.count = 1;
	ident_credential_verify(data, size, &auth, id, NOW, &c);
	return 0;
}
