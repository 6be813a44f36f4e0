/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The files of a key store, for the parts of it. */
#ifndef OCKAM_IDENTITY_KEYSTORE_FILES_H
#define OCKAM_IDENTITY_KEYSTORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

/**
 * struct keystore - an open key store
 * @dir: its directory
 * @peers: that of the peers' histories
 * @bundles: that of their bundles
 * @boxes: that of a prekey service, or -1
 * @claim: file that is locked by who has claimed the store, or -1
 * @n_peers: how many histories there are
 * @n_bundles: how many bundles
 * @max_peers: bound on both
 * @named: has somebody named this peer?  NULL: histories are never given up
 * @used: time of the latest use of a history: file times, which only go on
 */
struct keystore {
	int dir;
	int peers;
	int bundles;
	int boxes;
	int claim;
	size_t n_peers;
	size_t n_bundles;
	size_t max_peers;
	bool (*named)(const uint8_t id[IDENT_ID_LEN]);
	int64_t used;
};

/* A directory in it, made if need be, without leftovers; or a negative errno. */
int ks_subdir(struct keystore *ks, const char *name);
int ks_lock(int dir);
void ks_unlock(int dir);
int ks_read(int dir, const char *name, uint8_t *buf, size_t cap, size_t *len);
/* The directory is locked, for this one and the next. */
int ks_replace(int dir, const char *name, const uint8_t *buf, size_t len);
/* 1, 0 or a negative errno. */
int ks_exists(int dir, const char *name);
int ks_remove(int dir, const char *name);
/* Calls @fn for each name; what is not 0 ends the walk and is returned. */
int ks_for_each(int dir, int (*fn)(int dir, const char *name, void *ctx),
		void *ctx);

#endif
