// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Identities and known peers, in files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "ident_err.h"
#include "keystore.h"
#include "keystore_files.h"

#define SUFFIX		".identity"
#define PREKEYS_SUFFIX	".prekeys"	/* the shorter one */
#define CLAIM		".claimed"
#define TMP_PREFIX	".tmp-"
#define FILE_VERSION	1
#define FILE_MAX	(IDENT_HISTORY_MAX + IDENT_OWN_CREDS_MAX + 4096)

static const uint8_t magic[] = { 'o', 'c', 'k', 'a', 'm', '-', 'i', 'd' };

/* Of @owner alone, and closed to everybody else. */
static int check_stat(const struct stat *st, mode_t type, uid_t owner)
{
	if ((st->st_mode & S_IFMT) != type)
		return type == S_IFDIR ? -ENOTDIR : -EPERM;
	if (st->st_uid != owner || (st->st_mode & 077))
		return -EPERM;
	if (type == S_IFREG && st->st_nlink != 1)
		return -EPERM;
	return 0;
}

/*
 * A store belongs to one user.  That is us, except that root may manage another
 * user's: then what is made in it is given to its owner.
 */
static int check_in(int fd, mode_t type, int dir)
{
	struct stat st, top;

	if (fstat(fd, &st) || fstat(dir, &top))
		return -errno;
	return check_stat(&st, type, top.st_uid);
}

static int check_top(int fd)
{
	struct stat st;
	uid_t me = geteuid();

	if (fstat(fd, &st))
		return -errno;
	return check_stat(&st, S_IFDIR, me ? me : st.st_uid);
}

/* @fd is new, and in @dir. */
static int give_to_owner(int fd, int dir)
{
	struct stat st;

	if (geteuid())
		return 0;
	if (fstat(dir, &st))
		return -errno;
	return st.st_uid && fchown(fd, st.st_uid, st.st_gid) ? -errno : 0;
}

static int open_dir(int at, const char *path, bool create)
{
	bool made = false;
	int fd, err = 0;

	if (create) {
		made = !mkdirat(at, path, 0700);
		if (!made && errno != EEXIST)
			return -errno;
	}
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (at == AT_FDCWD) {
		err = check_top(fd);
	} else {
		if (made)
			err = give_to_owner(fd, at);
		if (!err)
			err = check_in(fd, S_IFDIR, at);
	}
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int ks_lock(int dir)
{
	while (flock(dir, LOCK_EX))
		if (errno != EINTR)
			return -errno;
	return 0;
}

void ks_unlock(int dir)
{
	flock(dir, LOCK_UN);
}

static bool is_tmp(const char *name)
{
	return !strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX));
}

int ks_for_each(int dir, int (*fn)(int dir, const char *name,
					     void *ctx), void *ctx)
{
	struct dirent *e;
	int fd, err = 0;
	DIR *d;

	/* A description of its own, with its own position. */
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		err = -errno;
		close(fd);
		return err;
	}
	while (!err) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			err = -errno;
			break;
		}
		err = fn(dir, e->d_name, ctx);
	}
	closedir(d);
	return err;
}

static int sweep_entry(int dir, const char *name, void *ctx)
{
	size_t *count = ctx;

	if (is_tmp(name)) {
		if (unlinkat(dir, name, 0) && errno != ENOENT)
			return -errno;
	} else if (name[0] != '.') {
		(*count)++;
	}
	return 0;
}

/* Under the lock nobody is writing, so every temporary file is a leftover. */
static int sweep(int dir, size_t *count)
{
	int err;

	*count = 0;
	err = ks_lock(dir);
	if (err)
		return err;
	err = ks_for_each(dir, sweep_entry, count);
	ks_unlock(dir);
	return err;
}

int ks_subdir(struct keystore *ks, const char *name)
{
	size_t ignored;
	int dir, err;

	dir = open_dir(ks->dir, name, true);
	if (dir < 0)
		return dir;
	err = fsync(ks->dir) ? -errno : sweep(dir, &ignored);
	if (!err)
		return dir;
	close(dir);
	return err;
}

int keystore_open(const char *path, bool create, size_t max_peers,
		  struct keystore **out)
{
	struct keystore *ks;
	size_t ignored;
	int err;

	*out = NULL;
	ks = calloc(1, sizeof(*ks));
	if (!ks)
		return -ENOMEM;
	ks->peers = -1;
	ks->bundles = -1;
	ks->boxes = -1;
	ks->claim = -1;
	ks->max_peers = max_peers ? max_peers : KEYSTORE_PEERS_DEFAULT;
	ks->dir = open_dir(AT_FDCWD, path, create);
	if (ks->dir < 0) {
		err = ks->dir;
		goto fail;
	}
	ks->peers = open_dir(ks->dir, "peers", true);
	if (ks->peers < 0) {
		err = ks->peers;
		goto fail;
	}
	ks->bundles = open_dir(ks->dir, "bundles", true);
	if (ks->bundles < 0) {
		err = ks->bundles;
		goto fail;
	}
	if (fsync(ks->dir)) {
		err = -errno;
		goto fail;
	}
	err = sweep(ks->dir, &ignored);
	if (!err)
		err = sweep(ks->peers, &ks->n_peers);
	if (!err)
		err = sweep(ks->bundles, &ks->n_bundles);
	if (err)
		goto fail;
	*out = ks;
	return 0;
fail:
	keystore_close(ks);
	return err;
}

int keystore_claim(struct keystore *ks)
{
	int err = 0;

	if (ks->claim >= 0)
		close(ks->claim);
	ks->claim = openat(ks->dir, CLAIM, O_RDWR | O_CREAT | O_NOFOLLOW |
			   O_CLOEXEC, 0600);
	if (ks->claim < 0)
		return -errno;
	err = give_to_owner(ks->claim, ks->dir);
	if (!err)
		err = check_in(ks->claim, S_IFREG, ks->dir);
	if (!err && flock(ks->claim, LOCK_EX | LOCK_NB))
		err = -errno;
	return err;
}

uint64_t keystore_last_time(const struct keystore *ks)
{
	struct stat st;

	/* It has no bytes before it was said for the first time. */
	if (ks->claim < 0 || fstat(ks->claim, &st) || !st.st_size ||
	    st.st_mtime < 0)
		return 0;
	return st.st_mtime;
}

void keystore_note_time(struct keystore *ks, uint64_t now)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT }, { .tv_sec = now },
	};

	if (ks->claim >= 0 && pwrite(ks->claim, "\n", 1, 0) == 1)
		futimens(ks->claim, times);
}

const char *keystore_strerror(int err)
{
	switch (err) {
	case -EPERM:
		return "its file must be of the owner of the key store, of mode 0600 and with no other name (chmod 600)";
	case -EBADMSG:
		return "its file is damaged: put back a copy; a new identity would be another one";
	case -EINVAL:
		return "a name has letters, digits, '_', '-' and '.', but no '.' in front";
	case -ENOENT:
		return "there is no such identity in the key store";
	case -EEXIST:
		return "there is one already";
	case -ELOOP:
		return "its file must not be a symbolic link";
	default:
		return strerror(-err);
	}
}

void keystore_close(struct keystore *ks)
{
	if (!ks)
		return;
	if (ks->dir >= 0)
		close(ks->dir);
	if (ks->peers >= 0)
		close(ks->peers);
	if (ks->bundles >= 0)
		close(ks->bundles);
	keystore_boxes_close(ks);
	if (ks->claim >= 0)
		close(ks->claim);
	free(ks);
}

static bool same_dir(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Does @path at @at still lead to what is open as @fd? */
static int check_dir(int at, const char *path, int fd)
{
	int now = open_dir(at, path, false);
	int err = 0;

	if (now < 0)
		return now;
	if (!same_dir(now, fd))
		err = -ESTALE;
	close(now);
	return err;
}

int keystore_check(const struct keystore *ks, const char *path)
{
	int err = check_dir(AT_FDCWD, path, ks->dir);

	if (!err)
		err = check_dir(ks->dir, "peers", ks->peers);
	if (!err)
		err = check_dir(ks->dir, "bundles", ks->bundles);
	return err;
}

static int read_all(int fd, uint8_t *buf, size_t cap, size_t *len)
{
	uint8_t more;
	ssize_t n;

	*len = 0;
	for (;;) {
		/* What fills the buffer exactly fits. */
		if (*len == cap)
			n = read(fd, &more, 1);
		else
			n = read(fd, buf + *len, cap - *len);
		if (n > 0 && *len == cap)
			return -EFBIG;
		if (!n)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*len += (size_t)n;
	}
}

int ks_read(int dir, const char *name, uint8_t *buf, size_t cap,
		     size_t *len)
{
	int fd, err;

	/* Not to hang on a FIFO that somebody put there. */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = check_in(fd, S_IFREG, dir);
	if (!err)
		err = read_all(fd, buf, cap, len);
	close(fd);
	return err;
}

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* The directory is locked. */
int ks_replace(int dir, const char *name, const uint8_t *buf,
			size_t len)
{
	char tmp[sizeof(TMP_PREFIX) + 32];
	uint8_t salt[16];
	int fd, err;

	randombytes_buf(salt, sizeof(salt));
	memcpy(tmp, TMP_PREFIX, strlen(TMP_PREFIX));
	sodium_bin2hex(tmp + strlen(TMP_PREFIX), 2 * sizeof(salt) + 1, salt,
		       sizeof(salt));
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
		    O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = give_to_owner(fd, dir);
	if (!err)
		err = write_all(fd, buf, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir, tmp, dir, name))
		err = -errno;
	if (err) {
		unlinkat(dir, tmp, 0);
		return err;
	}
	return fsync(dir) ? -errno : 0;
}

int ks_exists(int dir, const char *name)
{
	struct stat st;

	if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

static int file_name_as(const char *name, const char *suffix,
			char out[KEYSTORE_NAME_MAX + sizeof(SUFFIX)])
{
	size_t len = strlen(name);

	if (!len || len > KEYSTORE_NAME_MAX || name[0] == '.')
		return -EINVAL;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789_-.") != len)
		return -EINVAL;
	memcpy(out, name, len);
	strcpy(out + len, suffix);
	return 0;
}

static int file_name(const char *name, char out[KEYSTORE_NAME_MAX +
						sizeof(SUFFIX)])
{
	return file_name_as(name, SUFFIX, out);
}

bool keystore_name_valid(const char *name)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];

	return !file_name(name, file);
}

static void put_purpose(struct ocb_writer *w, const struct identity_purpose *p,
			const uint8_t secret[32])
{
	if (!p->present) {
		ocb_put_null(w);
		return;
	}
	ocb_put_array(w, 2);
	ocb_put_bytes(w, secret, 32);
	ocb_put_bytes(w, p->attestation, p->attestation_len);
}

static void encode(struct ocb_writer *w, const struct identity *id)
{
	/* libsodium's Ed25519 secret keys begin with their seed. */
	ocb_put_array(w, 8);
	ocb_put_bytes(w, magic, sizeof(magic));
	ocb_put_uint(w, FILE_VERSION);
	ocb_put_bytes(w, id->secrets->ed, IDENT_ED25519_SEED_LEN);
	ocb_put_bytes(w, id->raw, id->raw_len);
	put_purpose(w, &id->channel, id->secrets->x);
	put_purpose(w, &id->credentials, id->secrets->cred);
	ocb_put_uint(w, id->n_creds);
	ocb_put_bytes(w, id->creds, id->creds_len);
}

/* The seeds are used where they stand, in the guarded file buffer. */
static int get_seed(struct ocb_reader *r, const uint8_t **seed)
{
	size_t len;

	if (ocb_get_bytes(r, seed, &len) || len != 32)
		return -EBADMSG;
	return 0;
}

static int get_purpose(struct ocb_reader *r, struct identity *id,
		       enum ident_purpose kind)
{
	const uint8_t *secret, *att;
	struct ocb_list f;
	size_t len;
	int err;

	if (ocb_take_null(r))
		return 0;
	if (ocb_list_begin(r, &f) || ocb_list_need(r, &f) ||
	    get_seed(r, &secret) || ocb_list_need(r, &f) ||
	    ocb_get_bytes(r, &att, &len) || ocb_list_more(r, &f))
		return -EBADMSG;
	err = identity_restore_purpose(id, kind, secret, att, len);
	if (err == IDENT_E_NOMEM)
		return -ENOMEM;
	return err ? -EBADMSG : 0;
}

static int get_creds(struct ocb_reader *r, struct identity *id)
{
	const uint8_t *creds, *start;
	struct ocb_reader c;
	size_t len;
	uint64_t n;

	if (ocb_get_uint(r, &n) || ocb_get_bytes(r, &creds, &len))
		return -EBADMSG;
	if (n > IDENT_CREDENTIALS_MAX)
		return -EBADMSG;
	ocb_reader_init(&c, creds, len);
	while (n--) {
		start = c.p;
		if (ocb_skip(&c) ||
		    identity_add_credential(id, start, (size_t)(c.p - start)))
			return -EBADMSG;
	}
	return c.left ? -EBADMSG : 0;
}

static int decode(const uint8_t *buf, size_t len, struct identity **out)
{
	const uint8_t *seed, *raw, *m;
	struct identity *id = NULL;
	size_t raw_len, m_len;
	struct ocb_reader r;
	struct ocb_list f;
	uint64_t version;
	int err;

	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &f) || f.indefinite || f.left != 8 ||
	    ocb_get_bytes(&r, &m, &m_len) || m_len != sizeof(magic) ||
	    memcmp(m, magic, sizeof(magic)) || ocb_get_uint(&r, &version) ||
	    version != FILE_VERSION || get_seed(&r, &seed) ||
	    ocb_get_bytes(&r, &raw, &raw_len))
		return -EBADMSG;
	err = identity_restore(seed, raw, raw_len, &id);
	if (err)
		return err == IDENT_E_NOMEM ? -ENOMEM : -EBADMSG;
	err = get_purpose(&r, id, IDENT_PURPOSE_CHANNEL);
	if (!err)
		err = get_purpose(&r, id, IDENT_PURPOSE_CREDENTIALS);
	if (!err)
		err = get_creds(&r, id);
	if (!err && r.left)
		err = -EBADMSG;
	if (err) {
		identity_put(id);
		return err;
	}
	*out = id;
	return 0;
}

static int save_locked(struct keystore *ks, const char *file,
		       const struct identity *id, bool replace)
{
	struct ocb_writer w;
	uint8_t *buf;
	int err;

	if (!replace) {
		err = ks_exists(ks->dir, file);
		if (err)
			return err < 0 ? err : -EEXIST;
	}
	buf = sodium_malloc(FILE_MAX);
	if (!buf)
		return -ENOMEM;
	ocb_writer_init(&w, buf, FILE_MAX);
	encode(&w, id);
	err = w.full ? -EFBIG : ks_replace(ks->dir, file, buf, w.len);
	sodium_free(buf);
	return err;
}

int keystore_save(struct keystore *ks, const char *name,
		  const struct identity *id, bool replace)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	int err;

	err = file_name(name, file);
	if (err)
		return err;
	err = ks_lock(ks->dir);
	if (err)
		return err;
	err = save_locked(ks, file, id, replace);
	ks_unlock(ks->dir);
	return err;
}

static int to_errno(int err)
{
	switch (err) {
	case 0:
		return 0;
	case IDENT_E_NOMEM:
		return -ENOMEM;
	case IDENT_E_EXPIRED:
		return -EKEYEXPIRED;
	case IDENT_E_MANY_CHANGES:
		return -E2BIG;
	default:
		return -EIO;
	}
}

static int hand_over(struct identity *id, int err, struct identity **out)
{
	if (out)
		*out = err ? NULL : id;
	if (err || !out)
		identity_put(id);
	return err;
}

int keystore_create(struct keystore *ks, const char *name, uint64_t now,
		    struct identity **out)
{
	struct identity *id;
	int err;

	if (out)
		*out = NULL;
	err = to_errno(identity_generate(now, &id));
	if (err)
		return err;
	return hand_over(id, keystore_save(ks, name, id, false), out);
}

static int load_locked(struct keystore *ks, const char *file,
		       struct identity **out)
{
	uint8_t *buf;
	size_t len;
	int err;

	buf = sodium_malloc(FILE_MAX);
	if (!buf)
		return -ENOMEM;
	err = ks_read(ks->dir, file, buf, FILE_MAX, &len);
	if (!err)
		err = decode(buf, len, out);
	sodium_free(buf);
	return err;
}

static int refresh_locked(struct keystore *ks, const char *file,
			  struct identity *id, uint64_t now)
{
	bool channel, creds = false;
	int err;

	if (!now)
		return 0;
	err = identity_refresh_purpose(id, IDENT_PURPOSE_CHANNEL, now,
				       &channel);
	if (!err && id->credentials.present)
		err = identity_refresh_purpose(id, IDENT_PURPOSE_CREDENTIALS,
					       now, &creds);
	if (err)
		return to_errno(err);
	return channel || creds ? save_locked(ks, file, id, true) : 0;
}

/* Locked, loaded and refreshed; on success the directory stays locked. */
static int begin_update(struct keystore *ks, const char *name, uint64_t now,
			char *file, struct identity **id)
{
	int err;

	*id = NULL;
	err = file_name(name, file);
	if (err)
		return err;
	err = ks_lock(ks->dir);
	if (err)
		return err;
	err = load_locked(ks, file, id);
	if (!err)
		err = refresh_locked(ks, file, *id, now);
	if (!err)
		return 0;
	ks_unlock(ks->dir);
	identity_put(*id);
	*id = NULL;
	return err;
}

int keystore_load(struct keystore *ks, const char *name, uint64_t now,
		  struct identity **out)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	int err;

	err = begin_update(ks, name, now, file, out);
	if (!err)
		ks_unlock(ks->dir);
	return err;
}

int keystore_update(struct keystore *ks, const char *name, uint64_t now,
		    int (*change)(void *ctx, struct identity *id,
				  bool *changed), void *ctx)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	bool changed = false;
	struct identity *id;
	int err;

	err = begin_update(ks, name, now, file, &id);
	if (err)
		return err;
	err = change(ctx, id, &changed);
	if (!err && changed)
		err = save_locked(ks, file, id, true);
	identity_put(id);
	ks_unlock(ks->dir);
	return err;
}

int keystore_rotate(struct keystore *ks, const char *name, uint64_t now,
		    struct identity **out)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	struct identity *id = NULL, *next = NULL;
	int err;

	if (out)
		*out = NULL;
	err = file_name(name, file);
	if (err)
		return err;
	err = ks_lock(ks->dir);
	if (err)
		return err;
	err = load_locked(ks, file, &id);
	if (err)
		goto out;
	err = to_errno(identity_rotate(id, now, &next));
	if (!err)
		err = hand_over(next, save_locked(ks, file, next, true), out);
	identity_put(id);
out:
	ks_unlock(ks->dir);
	return err;
}

int ks_remove(int dir, const char *name)
{
	int err;

	err = ks_lock(dir);
	if (err)
		return err;
	if (unlinkat(dir, name, 0) || fsync(dir))
		err = -errno;
	ks_unlock(dir);
	return err;
}

int keystore_delete(struct keystore *ks, const char *name)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	int err;

	err = file_name_as(name, PREKEYS_SUFFIX, file);
	if (err)
		return err;
	err = ks_remove(ks->dir, file);
	if (err && err != -ENOENT)
		return err;
	err = file_name(name, file);
	return err ? err : ks_remove(ks->dir, file);
}

/* ---- prekeys ---- */

static int prekeys_read(struct keystore *ks, const char *file, uint8_t *buf,
			size_t *len)
{
	int err;

	err = ks_lock(ks->dir);
	if (err)
		return err;
	/* One more byte, as a file that fills the buffer is refused. */
	err = ks_read(ks->dir, file, buf, PREKEYS_FILE_MAX + 1, len);
	ks_unlock(ks->dir);
	return err;
}

int keystore_prekeys_load(struct keystore *ks, const char *name,
			  struct prekeys **pk)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	uint8_t *buf;
	size_t len;
	int err;

	*pk = NULL;
	err = file_name_as(name, PREKEYS_SUFFIX, file);
	if (err)
		return err;
	buf = sodium_malloc(PREKEYS_FILE_MAX + 1);
	if (!buf)
		return -ENOMEM;
	err = prekeys_read(ks, file, buf, &len);
	if (!err)
		err = prekeys_decode(buf, len, pk);
	sodium_free(buf);
	if (err == IDENT_E_NOMEM)
		return -ENOMEM;
	return err > 0 ? -EBADMSG : err;
}

int keystore_prekeys_save(struct keystore *ks, const char *name,
			  const struct prekeys *pk)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	struct ocb_writer w;
	uint8_t *buf;
	int err;

	err = file_name_as(name, PREKEYS_SUFFIX, file);
	if (err)
		return err;
	buf = sodium_malloc(PREKEYS_FILE_MAX);
	if (!buf)
		return -ENOMEM;
	ocb_writer_init(&w, buf, PREKEYS_FILE_MAX);
	err = prekeys_encode(pk, &w) ? -EFBIG : ks_lock(ks->dir);
	if (!err) {
		err = ks_replace(ks->dir, file, buf, w.len);
		ks_unlock(ks->dir);
	}
	sodium_free(buf);
	return err;
}

struct list_ctx {
	int (*fn)(void *ctx, const char *name);
	void *ctx;
};

static int list_entry(int dir, const char *entry, void *ctx)
{
	char file[KEYSTORE_NAME_MAX + sizeof(SUFFIX)];
	char name[KEYSTORE_NAME_MAX + 1];
	struct list_ctx *l = ctx;
	size_t len = strlen(entry);

	(void)dir;
	if (len <= strlen(SUFFIX) || len >= sizeof(file))
		return 0;
	len -= strlen(SUFFIX);
	memcpy(name, entry, len);
	name[len] = '\0';
	if (file_name(name, file) || strcmp(file, entry))
		return 0;
	return l->fn(l->ctx, name);
}

int keystore_list(struct keystore *ks,
		  int (*fn)(void *ctx, const char *name), void *ctx)
{
	struct list_ctx l = { .fn = fn, .ctx = ctx };

	return ks_for_each(ks->dir, list_entry, &l);
}
