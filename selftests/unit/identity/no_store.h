/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Stores that know nobody and take everything. */
#ifndef UNIT_NO_STORE_H
#define UNIT_NO_STORE_H

#include "x3dh.h"

static inline int no_peer_load(void *ctx, const uint8_t id[IDENT_ID_LEN],
			       uint8_t *buf, size_t cap, size_t *len)
{
	(void)ctx;
	(void)id;
	(void)buf;
	(void)cap;
	(void)len;
	return 0;
}

static inline int no_peer_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
			       const uint8_t *history, size_t len)
{
	(void)ctx;
	(void)id;
	return history && len ? 0 : -1;
}

static inline int no_bundle_load(void *ctx, const uint8_t id[IDENT_ID_LEN],
				 uint64_t *sequence,
				 uint8_t digest[IDENT_HASH_LEN])
{
	(void)ctx;
	(void)id;
	(void)sequence;
	(void)digest;
	return 0;
}

static inline int no_bundle_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
				 uint64_t sequence,
				 const uint8_t digest[IDENT_HASH_LEN])
{
	(void)ctx;
	(void)id;
	(void)sequence;
	(void)digest;
	return 0;
}

#define NO_PEER_STORE	{ .load = no_peer_load, .save = no_peer_save }
#define NO_KNOWN_BUNDLES { .load = no_bundle_load, .save = no_bundle_save }

#endif
