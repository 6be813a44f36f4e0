// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What is known of peers: their change histories, and their latest bundles. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ident_err.h"
#include "keystore.h"
#include "keystore_files.h"

/* ---- which ones are given up ---- */

/**
 * struct known - a history in the directory
 * @used: when it was used last
 * @id: whose it is
 */
struct known {
	int64_t used;
	uint8_t id[IDENT_ID_LEN];
};

/**
 * struct all_known - those that may be given up
 * @ks: the store
 * @list: them
 * @n: how many
 */
struct all_known {
	struct keystore *ks;
	struct known *list;
	size_t n;
};

/* An administrator's own: nobody's handshakes give it up. */
static bool is_kept(const struct stat *st)
{
	return !(st->st_mode & 0200);
}

static int collect(int dir, const char *name, void *ctx)
{
	struct all_known *a = ctx;
	struct known *k;
	struct stat st;

	if (name[0] != 'I' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (is_kept(&st) || a->n >= a->ks->n_peers)
		return 0;
	k = &a->list[a->n];
	if (ident_id_parse(name, k->id) || a->ks->named(k->id))
		return 0;
	k->used = st.st_mtime;
	a->n++;
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used;
}

/* Many at once, as all have to be looked at. */
static int give_up_some(struct keystore *ks)
{
	struct all_known a = { .ks = ks };
	char name[IDENT_ID_TEXT_LEN + 1];
	size_t i, n = ks->max_peers / 16 + 1;
	int err;

	a.list = calloc(ks->n_peers + 1, sizeof(*a.list));
	if (!a.list)
		return -ENOMEM;
	err = ks_for_each(ks->peers, collect, &a);
	if (!err) {
		qsort(a.list, a.n, sizeof(*a.list), by_use);
		if (n > a.n)
			n = a.n;
		for (i = 0; i < n; i++) {
			ident_id_print(a.list[i].id, name);
			if (!unlinkat(ks->peers, name, 0))
				ks->n_peers--;
		}
	}
	free(a.list);
	return err;
}

void keystore_peers_bound(struct keystore *ks, size_t max,
			  bool (*named)(const uint8_t id[IDENT_ID_LEN]))
{
	ks->max_peers = max ? max : KEYSTORE_PEERS_DEFAULT;
	ks->named = named;
}

static int find_latest(int dir, const char *name, void *ctx)
{
	int64_t *latest = ctx;
	struct stat st;

	if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    st.st_mtime > *latest)
		*latest = st.st_mtime;
	return 0;
}

/* Its file's time is set to one that is later than all others. */
static void note_use(struct keystore *ks, const char *name)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

	if (!ks->named)
		return;
	if (!ks->used)
		ks_for_each(ks->peers, find_latest, &ks->used);
	times[1].tv_sec = ++ks->used;
	utimensat(ks->peers, name, times, AT_SYMLINK_NOFOLLOW);
}

int keystore_peer_load(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		       uint8_t *buf, size_t cap, size_t *len)
{
	char name[IDENT_ID_TEXT_LEN + 1];
	int err;

	ident_id_print(id, name);
	err = ks_read(ks->peers, name, buf, cap, len);
	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	note_use(ks, name);
	return 1;
}

static bool may_add(struct keystore *ks, const uint8_t id[IDENT_ID_LEN])
{
	if (ks->n_peers < ks->max_peers)
		return true;
	if (!ks->named)
		return false;
	if (give_up_some(ks))
		return false;
	/* Those who are named have no bound but the configuration. */
	return ks->n_peers < ks->max_peers || ks->named(id);
}

/*
 * Is what is known by now newer than @history, or another one?  Somebody may have
 * stored it since the caller has looked; the store is locked.
 */
static int peer_compare(struct keystore *ks, const char *name,
			const uint8_t *history, size_t len)
{
	struct ident_history *h;
	uint8_t *known;
	size_t n;
	int err = 0;

	h = malloc(2 * sizeof(*h));
	known = malloc(IDENT_HISTORY_MAX);
	if (!h || !known) {
		err = -ENOMEM;
		goto out;
	}
	err = ks_read(ks->peers, name, known, IDENT_HISTORY_MAX, &n);
	/* What is damaged, or no history at all, is not newer; who knows else? */
	if (err && err != -ENOENT && err != -EFBIG)
		goto out;
	if (err ||
	    ident_history_verify(known, n, IDENT_CHANGES_MAX, NULL, &h[0]) ||
	    ident_history_verify(history, len, IDENT_CHANGES_MAX, NULL, &h[1])) {
		err = 0;
		goto out;
	}
	err = ident_cmp_error(ident_history_compare(&h[1], &h[0]));
out:
	free(known);
	free(h);
	return err;
}

static int peer_put(struct keystore *ks, const char *name,
		    const uint8_t *history, size_t len, bool kept)
{
	int err = ks_replace(ks->peers, name, history, len);

	if (!err && kept && fchmodat(ks->peers, name, 0400, 0))
		err = -errno;
	return err;
}

static int peer_save_locked(struct keystore *ks, const uint8_t *id,
			    const char *name, const uint8_t *history,
			    size_t len)
{
	struct stat st;
	bool there;
	int err;

	there = !fstatat(ks->peers, name, &st, AT_SYMLINK_NOFOLLOW);
	if (!there && errno != ENOENT)
		return -errno;
	if (!there && !may_add(ks, id))
		return -EUSERS;
	err = there ? peer_compare(ks, name, history, len) : 0;
	if (err)
		return err;
	err = peer_put(ks, name, history, len, there && is_kept(&st));
	if (!err && !there)
		ks->n_peers++;
	if (!err)
		note_use(ks, name);
	return err;
}

int keystore_peer_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		       const uint8_t *history, size_t len)
{
	char name[IDENT_ID_TEXT_LEN + 1];
	int err;

	ident_id_print(id, name);
	err = ks_lock(ks->peers);
	if (err)
		return err;
	err = peer_save_locked(ks, id, name, history, len);
	ks_unlock(ks->peers);
	return err;
}

/* However many there are already: who administers the store wants it. */
int keystore_peer_import(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 const uint8_t *history, size_t len)
{
	char name[IDENT_ID_TEXT_LEN + 1];
	int err;

	ident_id_print(id, name);
	err = ks_lock(ks->peers);
	if (err)
		return err;
	err = peer_compare(ks, name, history, len);
	if (!err)
		err = peer_put(ks, name, history, len, true);
	ks_unlock(ks->peers);
	return err;
}

struct peer_list {
	int (*fn)(void *ctx, const uint8_t id[IDENT_ID_LEN], bool kept);
	void *ctx;
};

static int list_peer(int dir, const char *name, void *ctx)
{
	uint8_t id[IDENT_ID_LEN];
	struct peer_list *l = ctx;
	struct stat st;

	if (ident_id_parse(name, id) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return l->fn(l->ctx, id, is_kept(&st));
}

int keystore_peer_list(struct keystore *ks,
		       int (*fn)(void *ctx, const uint8_t id[IDENT_ID_LEN],
				 bool kept), void *ctx)
{
	struct peer_list l = { .fn = fn, .ctx = ctx };

	return ks_for_each(ks->peers, list_peer, &l);
}

int keystore_peer_forget(struct keystore *ks, const uint8_t id[IDENT_ID_LEN])
{
	char name[IDENT_ID_TEXT_LEN + 1];
	int err;

	ident_id_print(id, name);
	err = ks_remove(ks->peers, name);
	if (!err && ks->n_peers)
		ks->n_peers--;
	return err;
}

/* ---- bundles of peers ---- */

/* [sequence, digest] */
#define BUNDLE_RECORD_MAX	64

int keystore_bundle_load(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t *sequence, uint8_t digest[IDENT_HASH_LEN])
{
	char name[IDENT_ID_TEXT_LEN + 1];
	uint8_t buf[BUNDLE_RECORD_MAX];
	struct ocb_reader r;
	struct ocb_list f;
	size_t len;
	int err;

	ident_id_print(id, name);
	err = ks_read(ks->bundles, name, buf, sizeof(buf), &len);
	if (err)
		return err == -ENOENT ? 0 : err;
	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &f) || f.indefinite || f.left != 2 ||
	    ocb_get_uint(&r, sequence) ||
	    ocb_get_fixed(&r, digest, IDENT_HASH_LEN) || r.left)
		return -EBADMSG;
	return 1;
}

static int bundle_save_locked(struct keystore *ks, const char *name,
			      const uint8_t *buf, size_t len)
{
	int there, err;

	there = ks_exists(ks->bundles, name);
	if (there < 0)
		return there;
	if (!there && ks->n_bundles >= ks->max_peers)
		return -ENOSPC;
	err = ks_replace(ks->bundles, name, buf, len);
	if (!err && !there)
		ks->n_bundles++;
	return err;
}

int keystore_bundle_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t sequence,
			 const uint8_t digest[IDENT_HASH_LEN])
{
	char name[IDENT_ID_TEXT_LEN + 1];
	uint8_t buf[BUNDLE_RECORD_MAX];
	struct ocb_writer w;
	int err;

	ocb_writer_init(&w, buf, sizeof(buf));
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, sequence);
	ocb_put_bytes(&w, digest, IDENT_HASH_LEN);
	ident_id_print(id, name);
	err = ks_lock(ks->bundles);
	if (err)
		return err;
	err = bundle_save_locked(ks, name, buf, w.len);
	ks_unlock(ks->bundles);
	return err;
}

static int known_load(void *ctx, const uint8_t id[IDENT_ID_LEN],
		      uint64_t *sequence, uint8_t digest[IDENT_HASH_LEN])
{
	return keystore_bundle_load(ctx, id, sequence, digest);
}

static int known_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
		      uint64_t sequence, const uint8_t digest[IDENT_HASH_LEN])
{
	return keystore_bundle_save(ctx, id, sequence, digest);
}

void keystore_known_bundles(struct keystore *ks, struct x3dh_known *known)
{
	known->load = known_load;
	known->save = known_save;
	known->ctx = ks;
}

static int store_load(void *ctx, const uint8_t id[IDENT_ID_LEN], uint8_t *buf,
		      size_t cap, size_t *len)
{
	return keystore_peer_load(ctx, id, buf, cap, len);
}

static int store_save(void *ctx, const uint8_t id[IDENT_ID_LEN],
		      const uint8_t *history, size_t len)
{
	return keystore_peer_save(ctx, id, history, len);
}

void keystore_peer_store(struct keystore *ks, struct ident_peer_store *store)
{
	store->load = store_load;
	store->save = store_save;
	store->ctx = ks;
}
