/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef UNIT_EXCHANGE_H
#define UNIT_EXCHANGE_H

#include "identity.h"

/* libsodium's source of randomness is replaced by tap_random(); a fixed value of 32
 * bytes can be given for the next request of that size.
 */
void fixed_random_init(void);
void fixed_random_next(const uint8_t value[32]);

/* An identity of a seed of 32 equal bytes, of the times of known.h. */
struct identity *known_identity(uint8_t seed_byte);
/* The same with the X25519 key first, first + 1, ... attested. */
struct identity *known_peer(uint8_t seed_byte, uint8_t first);
void counting_key(uint8_t key[32], uint8_t first);

/**
 * struct craft_change - any change, right or wrong
 * @prev:      previous_change, or NULL
 * @sk:        key in the change and of its signature
 * @prev_sk:   key of the previous signature, or NULL
 * @sign_sk:   when not NULL, makes the signature in place of @sk
 * @from:      attestations_valid_from
 * @until:     attestations_valid_until
 * @version:   VersionedData version
 * @type:      VersionedData type
 * @junk:      bytes of junk after the ChangeData
 * @data_junk: bytes of junk after the VersionedData
 * @extra:     an unknown later field in every struct
 * @hash:      set to the hash of the change
 */
struct craft_change {
	const uint8_t *prev;
	const uint8_t *sk;
	const uint8_t *prev_sk;
	const uint8_t *sign_sk;
	uint64_t from;
	uint64_t until;
	unsigned int version;
	unsigned int type;
	unsigned int junk;
	unsigned int data_junk;
	bool extra;
	uint8_t hash[32];
};

void craft_change(struct ocb_writer *w, struct craft_change *c);
void craft_key(uint8_t sk[64], uint8_t seed_byte);
/* A good history of @n changes of one identity; returns its length. */
size_t craft_history(uint8_t *buf, size_t cap, unsigned int n,
		     uint8_t last_sk[64]);
/* The same identity, of which the second change is another one. */
size_t craft_fork(uint8_t *buf, size_t cap, uint8_t last_sk[64]);

/* Any attestation, right or wrong. */
void craft_attestation(struct ocb_writer *w, const uint8_t sk[64],
		       const uint8_t *subject, const uint8_t *latest,
		       const struct ident_purpose_key *key, bool junk);

/* What a channel encrypts: @text to @worker, to be answered to the worker "x". */
void craft_data(struct ocb_writer *w, const char *worker, const char *text);

/* Adds the group order to S, which verifies under lax implementations. */
void make_noncanonical(uint8_t sig[64]);

/**
 * struct mem_store - known histories in memory
 * @n:        how many
 * @ids:      of whom
 * @raw:      histories
 * @len:      their lengths
 * @saves:    calls of save
 * @fail_load: load fails
 * @fail_save: save fails
 * @full: because there are as many as there may be
 */
struct mem_store {
	unsigned int n;
	uint8_t ids[8][32];
	uint8_t raw[8][IDENT_HISTORY_MAX];
	size_t len[8];
	unsigned int saves;
	bool fail_load;
	bool fail_save;
	bool full;
	struct ident_peer_store ops;
};

void mem_store_init(struct mem_store *s);

#endif
