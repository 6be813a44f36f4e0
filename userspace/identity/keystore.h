/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_KEYSTORE_H
#define OCKAM_IDENTITY_KEYSTORE_H

#include "x3dh.h"

#define KEYSTORE_NAME_MAX	64
#define KEYSTORE_PEERS_DEFAULT	16384

/*
 * A directory:
 *
 *   NAME.identity          secrets, change history, attestations, credentials
 *   NAME.prekeys           its prekeys and what was accepted under them
 *   peers/IDENTIFIER       change history of a peer that was trusted
 *   bundles/IDENTIFIER     sequence and digest of its latest prekey bundle
 *   .tmp-*                 being written, or left over from a crash
 *
 * The directories belong to the effective user with mode 0700 and the files
 * with mode 0600; anything else, and any symbolic link, is refused. Root may open
 * another user's: all of it belongs to that user, and so does what root makes in
 * it, so that a daemon with a user of its own goes on being able to read it. A file is
 * replaced by writing another, syncing it, renaming it and syncing the
 * directory, under a lock on the directory.
 *
 * A .identity file is one CBOR array, written in shortest form:
 *
 *   [ h'6f636b616d2d6964', 1, seed, history,
 *     null / [x25519 secret, attestation],
 *     null / [credential seed, attestation],
 *     number of credentials, credentials ]
 *
 * in which everything but the numbers is a byte string.
 */
struct keystore;

/**
 * keystore_open() - open a key store, sweep what a crash left behind
 * @path:      directory
 * @create:    make it if it is not there (its parent must be)
 * @max_peers: bound on the peers' histories, 0 for the default
 * @out:       the store
 *
 * Return: 0, or a negative errno: -EPERM when owner or mode are wrong, -ELOOP
 * or -ENOTDIR for something that is not a plain directory.
 */
int keystore_open(const char *path, bool create, size_t max_peers,
		  struct keystore **out);
void keystore_close(struct keystore *ks);

/*
 * From now on until it is closed, or this process ends, no other process can do the
 * same, in whatever namespaces it is; -EWOULDBLOCK: another one has.
 */
int keystore_claim(struct keystore *ks);

/* When it was last said, by keystore_note_time(), in seconds; 0: never. */
uint64_t keystore_last_time(const struct keystore *ks);
/* Of a store that was claimed: the clock is right now. */
void keystore_note_time(struct keystore *ks, uint64_t now);

/* Can an identity be called so? */
bool keystore_name_valid(const char *name);

/**
 * keystore_strerror() - what an error of these functions says about an identity
 * @err: a negative errno
 *
 * Return: words that follow its name, and say what would be right.
 */
const char *keystore_strerror(int err);

/**
 * keystore_check() - is an open store still what keystore_open() would open?
 * @ks:   store
 * @path: its directory
 *
 * Return: 0, or a negative errno: those of keystore_open(), -ESTALE when
 * another directory has the name.
 */
int keystore_check(const struct keystore *ks, const char *path);

/**
 * keystore_create() - make an identity and keep it
 * @ks:   store
 * @name: letters, digits, '_', '-', '.'; not beginning with '.'
 * @now:  seconds since the epoch
 * @out:  the identity, or NULL if it is not wanted
 *
 * Return: 0, or a negative errno: -EEXIST, -EINVAL for the name, -EIO when the
 * identity could not be made, ...
 */
int keystore_create(struct keystore *ks, const char *name, uint64_t now,
		    struct identity **out);

/**
 * keystore_load() - load an identity, with a channel key that is good now
 * @ks:   store
 * @name: its name
 * @now:  seconds since the epoch
 * @out:  the identity
 *
 * A channel key that no longer verifies is replaced and the file with it.  @now may
 * be 0 if nobody knows what it is: then nothing is.
 *
 * Return: 0, or a negative errno: -ENOENT, -EPERM for owner or mode, -EBADMSG
 * when the file does not hold what it should, -EKEYEXPIRED when the identity
 * itself has ended.
 */
int keystore_load(struct keystore *ks, const char *name, uint64_t now,
		  struct identity **out);

/* Keep an identity; without @replace an existing one gives -EEXIST. */
int keystore_save(struct keystore *ks, const char *name,
		  const struct identity *id, bool replace);

/**
 * keystore_update() - change an identity
 * @ks:     store
 * @name:   its name
 * @now:    seconds since the epoch
 * @change: changes the identity and sets what it points to when the file is to
 *          be written; 0, or an error, with which nothing is written
 * @ctx:    for @change
 *
 * Loads (as keystore_load() does), changes and keeps it under one lock: what
 * another process changes meanwhile is not undone.
 *
 * Return: 0, a negative errno, or what @change returned.
 */
int keystore_update(struct keystore *ks, const char *name, uint64_t now,
		    int (*change)(void *ctx, struct identity *id,
				  bool *changed), void *ctx);

/**
 * keystore_rotate() - give an identity a new key
 * @ks:   store
 * @name: its name
 * @now:  seconds since the epoch
 * @out:  the identity after rotation, or NULL if it is not wanted
 *
 * The old key is gone from the file when this returns.
 */
int keystore_rotate(struct keystore *ks, const char *name, uint64_t now,
		    struct identity **out);

/* With its prekeys. */
int keystore_delete(struct keystore *ks, const char *name);

/* Calls @fn for each name; a non-zero return ends the walk and is returned. */
int keystore_list(struct keystore *ks,
		  int (*fn)(void *ctx, const char *name), void *ctx);

/* Histories of peers: 1 and @len if known, 0 if not, or a negative errno. */
int keystore_peer_load(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		       uint8_t *buf, size_t cap, size_t *len);
/*
 * -EUSERS for a new peer when the bound is reached; IDENT_E_OLDER, IDENT_E_CONFLICT:
 * by now a newer history is known, or another one.
 */
int keystore_peer_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		       const uint8_t *history, size_t len);
/**
 * keystore_peers_bound() - give up histories when there are too many
 * @ks:    store
 * @max:   how many there may be, 0 for the default
 * @named: has somebody named that peer?  Its history stays, and is always taken,
 *         as are those of keystore_peer_import()
 *
 * Of the others those go that were loaded or saved longest ago, a sixteenth of @max
 * at once.
 */
void keystore_peers_bound(struct keystore *ks, size_t max,
			  bool (*named)(const uint8_t id[IDENT_ID_LEN]));
/*
 * An administrator wants it: there is no bound, and it is never given up.  What is
 * known may be extended, never replaced: else IDENT_E_OLDER or IDENT_E_CONFLICT.
 */
int keystore_peer_import(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 const uint8_t *history, size_t len);
/* Calls @fn for each; what is not 0 ends the walk and is returned. */
int keystore_peer_list(struct keystore *ks,
		       int (*fn)(void *ctx, const uint8_t id[IDENT_ID_LEN],
				 bool kept), void *ctx);
int keystore_peer_forget(struct keystore *ks, const uint8_t id[IDENT_ID_LEN]);

/**
 * keystore_prekeys_load() - load the prekeys of an identity
 * @ks:   store
 * @name: its name
 * @pk:   the prekeys
 *
 * One process at a time works with the prekeys of an identity: what another
 * one saves in between would bring back what was used up.
 *
 * Return: 0, or a negative errno: -ENOENT when there are none yet, -EPERM for
 * owner or mode, -EBADMSG when the file does not hold what it should.
 */
int keystore_prekeys_load(struct keystore *ks, const char *name,
			  struct prekeys **pk);

/**
 * keystore_prekeys_save() - keep the prekeys of an identity
 * @ks:   store
 * @name: its name
 * @pk:   the prekeys
 *
 * When this returns 0, no crash brings back what is not in @pk any more. (The
 * medium may still hold its bytes; whoever can read them reads the whole store.)
 */
int keystore_prekeys_save(struct keystore *ks, const char *name,
			  const struct prekeys *pk);

/*
 * Latest bundles of peers: 1, @sequence and @digest if known, 0 if not, or a
 * negative errno. The same bound as for histories.
 */
int keystore_bundle_load(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t *sequence, uint8_t digest[IDENT_HASH_LEN]);
int keystore_bundle_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t sequence,
			 const uint8_t digest[IDENT_HASH_LEN]);
/* The same as callbacks of a handshake; @ks must outlive @known. */
void keystore_known_bundles(struct keystore *ks, struct x3dh_known *known);

/*
 * Boxes of a prekey service, with the same checks of owner and mode as the rest; made
 * when they are opened.  Once they are open, functions return 0 or a negative errno.
 */
int keystore_boxes_open(struct keystore *ks);
void keystore_boxes_close(struct keystore *ks);
/* Keep one, durably; no bytes: remove it. */
int keystore_box_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
		      const uint8_t *buf, size_t len);
/* Likewise a message in it. */
int keystore_letter_save(struct keystore *ks, const uint8_t id[IDENT_ID_LEN],
			 uint64_t number, const uint8_t *buf, size_t len);

/**
 * struct keystore_box - a file of the boxes
 * @name:   its name
 * @id:     whose it is
 * @letter: it is a message, and comes after all boxes
 * @buf:    what it holds
 * @len:    how much
 * @err:    a negative errno: it cannot be read
 */
struct keystore_box {
	const char *name;
	uint8_t id[IDENT_ID_LEN];
	bool letter;
	const uint8_t *buf;
	size_t len;
	int err;
};

/* Calls for each; one of more than @max bytes cannot be read. */
int keystore_boxes_read(struct keystore *ks, size_t max,
			void (*fn)(void *ctx, const struct keystore_box *box),
			void *ctx);

/* The same as callbacks of a handshake; @ks must outlive @store. */
void keystore_peer_store(struct keystore *ks, struct ident_peer_store *store);

#endif
