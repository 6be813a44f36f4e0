// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Fuzz target: bundles, one-time prekeys, first messages, answers, the file of
 * prekeys, and requests to a prekey service.  Signatures and tags stop a fuzzer
 * soon, so each decoder is also called by itself.
 */
#include <stdlib.h>
#include <string.h>

#include <sanitizer/lsan_interface.h>
#include <sodium.h>

#include "ident_err.h"
#include "no_store.h"
#include "postbox.h"
#include "x3dh.h"

#define FROM	1700000000ULL
#define NOW	1700000100ULL
#define UNTIL	2015360000ULL

static struct trust_policy policy = { .kind = TRUST_ANYONE };
static const struct ident_peer_store store = NO_PEER_STORE;
static struct ident_check check = { .policy = &policy, .store = &store };
static struct identity *self;
static struct prekeys *prekeys;
static unsigned int commits;
static struct postbox *postbox;

static int commit(void *ctx)
{
	(void)ctx;
	commits++;
	return 0;
}

static int box_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
		    const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)id;
	return buf || !len ? 0 : -1;
}

static int letter_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
		       uint64_t number, const uint8_t *buf, size_t len)
{
	(void)number;
	return box_save(ctx, id, buf, len);
}

/* A box for ourselves, so that there is something to ask for. */
static int fill_postbox(void)
{
	const struct postbox_store boxes = { .save = box_save,
					       .letter = letter_save };
	static uint8_t req[4096], answer[4096];
	struct postbox_asker owner = { 0 };
	struct ocb_writer w, a;

	postbox = postbox_new(&boxes, 4, 0);
	if (!postbox)
		return -1;
	ocb_writer_init(&w, req, sizeof(req));
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, 1);
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, POSTBOX_PUBLISH);
	ocb_put_array(&w, 2);
	ocb_put_bytes(&w, prekeys->spk[0].bundle, prekeys->spk[0].bundle_len);
	ocb_put_array(&w, 0);
	ocb_writer_init(&a, answer, sizeof(answer));
	owner.id = self->history.identifier;
	return w.full || postbox_serve(postbox, &owner, req, w.len, NOW, &a);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t seed[32] = { 1 };
	bool changed;

	(void)argc;
	(void)argv;
	if (sodium_init() < 0 ||
	    identity_from_seed(seed, FROM, UNTIL, &self) ||
	    identity_attest_purpose(self, IDENT_PURPOSE_CHANNEL, seed, FROM,
				    UNTIL))
		return -1;
	/* What points to bundles is guarded memory, which is not searched. */
	__lsan_disable();
	prekeys = prekeys_new(self->history.identifier);
	if (!prekeys || prekeys_refresh(prekeys, self, NOW, false, &changed) ||
	    prekeys_refill(prekeys, 2, &changed) || fill_postbox())
		return -1;
	__lsan_enable();
	return 0;
}

static void check_bundle(const uint8_t *data, size_t size)
{
	static const struct x3dh_known known = NO_KNOWN_BUNDLES;
	const struct x3dh_config cfg = {
		.self = self, .check = &check, .known = &known
	};
	static struct ident_history h;
	static uint8_t out[4096];
	struct x3dh_start start;
	struct one_time o;
	struct bundle b;
	struct x3dh x;
	size_t len;

	if (!bundle_read(data, size, &b)) {
		if (b.payload < data ||
		    b.payload + b.payload_len > data + size)
			abort();
		bundle_verify(&b, NULL, 0, NOW, &h);
		/* Behind the signature. */
		ident_hash(b.payload, b.payload_len, b.payload_hash);
		bundle_verify(&b, NULL, 0, b.created, &h);
	}
	one_time_read(data, size, &o);
	if (!x3dh_initiate(&x, &cfg, data, size, NULL, 0, NOW, out,
			   sizeof(out), &len, &start))
		x3dh_start_wipe(&start);
	x3dh_wipe(&x);
}

static void check_first(const uint8_t *data, size_t size)
{
	const struct x3dh_own own = {
		.self = self, .check = &check, .prekeys = prekeys,
		.commit = commit,
	};
	unsigned int left = prekeys->spk[0].n_one_time, was = commits;
	static uint8_t msg[X3DH_NAME_LEN + 8192];
	struct x3dh_accept acc;
	struct x3dh_first f;

	if (size > sizeof(msg) - X3DH_NAME_LEN)
		return;
	memcpy(msg, X3DH_NAME, X3DH_NAME_LEN);
	memcpy(msg + X3DH_NAME_LEN, data, size);
	size += X3DH_NAME_LEN;
	if (!x3dh_first_read(msg, size, &f) &&
	    (f.sealed < msg || f.sealed + f.sealed_len > f.data ||
	     f.data + f.data_len != msg + size ||
	     f.header_len + f.data_len != size))
		abort();
	/* No tag can be guessed. */
	if (!x3dh_respond(&own, msg, size, NOW, &acc) || commits != was ||
	    prekeys->spk[0].n_one_time != left || prekeys->spk[0].n_records)
		abort();
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct x3dh x = { .self = self, .ek = { 1 } };
	struct x3dh_keys keys;

	if (!x3dh_finish(&x, data, size, &keys))
		abort();
}

/* Whatever is asked, there is an answer, and no more than there is room. */
static void check_postbox(const uint8_t *data, size_t size)
{
	static uint8_t answer[1 << 17];
	const struct postbox_asker who[] = {
		{ 0 }, { .id = self->history.identifier },
	};
	struct ocb_writer w;
	int i, err;

	for (i = 0; i < 2; i++) {
		ocb_writer_init(&w, answer, sizeof(answer));
		err = postbox_serve(postbox, &who[i], data, size, NOW, &w);
		if (w.full || !w.len || err < 0 || err >= POSTBOX_E_END)
			abort();
	}
	postbox_restore(postbox, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prekeys *pk;

	check_bundle(data, size);
	check_first(data, size);
	check_answer(data, size);
	check_postbox(data, size);
	if (!prekeys_decode(data, size, &pk))
		prekeys_free(pk);
	return 0;
}
