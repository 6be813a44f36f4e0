// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The key store: what it refuses, what survives a crash, and that nothing
 * weaker than asked for is ever written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "ident_err.h"
#include "keystore.h"
#include "known.h"
#include "tap.h"

#define NOW	1700000100ULL

static char base[] = "/tmp/test-keystore-XXXXXX";
static char dir[64];

static const char *in(const char *name)
{
	static char path[8][256];
	static int n;

	n = (n + 1) % 8;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static int try_open(void)
{
	struct keystore *ks;
	int err = keystore_open(dir, false, 0, &ks);

	keystore_close(ks);
	return err;
}

static struct keystore *must_open(size_t max_peers)
{
	struct keystore *ks;

	MUST(!keystore_open(dir, true, max_peers, &ks));
	return ks;
}

static size_t slurp(const char *path, uint8_t *buf, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return 0;
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

static void spit(const char *path, const uint8_t *buf, size_t len)
{
	FILE *f = fopen(path, "w");

	MUST(f && fwrite(buf, 1, len, f) == len && !fclose(f));
	MUST(!chmod(path, 0600));
}

static bool mode_is(const char *path, mode_t mode)
{
	struct stat st;

	return !lstat(path, &st) && (st.st_mode & 07777) == mode;
}

static unsigned int count_tmp(const char *path)
{
	unsigned int n = 0;
	struct dirent *e;
	DIR *d = opendir(path);

	MUST(d);
	while ((e = readdir(d)))
		n += !strncmp(e->d_name, ".tmp-", 5);
	closedir(d);
	return n;
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return !memcmp(a->secrets, b->secrets, sizeof(*a->secrets)) &&
	       a->raw_len == b->raw_len && !memcmp(a->raw, b->raw, a->raw_len) &&
	       a->channel.present == b->channel.present &&
	       a->channel.attestation_len == b->channel.attestation_len &&
	       !memcmp(a->channel.attestation, b->channel.attestation,
		       a->channel.attestation_len) &&
	       a->credentials.present == b->credentials.present &&
	       a->n_creds == b->n_creds && a->creds_len == b->creds_len &&
	       (!a->creds_len || !memcmp(a->creds, b->creds, a->creds_len));
}

static void test_directory(void)
{
	struct keystore *ks;

	OK(keystore_open(dir, false, 0, &ks) == -ENOENT && !ks,
	   "a directory that is not there");
	umask(0);
	OK(!keystore_open(dir, true, 0, &ks), "made when asked for");
	keystore_close(ks);
	OK(mode_is(dir, 0700) && mode_is(in("peers"), 0700),
	   "with mode 0700, whatever the umask");
	OK(!try_open(), "opened again");
	MUST(!chmod(dir, 0750));
	OK(try_open() == -EPERM, "group may read it");
	MUST(!chmod(dir, 0701));
	OK(try_open() == -EPERM, "others may pass it");
	MUST(!chmod(dir, 0700) && !chmod(in("peers"), 0770));
	OK(try_open() == -EPERM, "group may write peers");
	MUST(!chmod(in("peers"), 0700));
	if (geteuid()) {
		tap_note("not root: ownership is not tested");
	} else {
		MUST(!chown(dir, 12345, (gid_t)-1));
		OK(try_open() == -EPERM, "owned by somebody else");
		MUST(!chown(dir, 0, (gid_t)-1));
	}
	OK(keystore_open("/dev/null", false, 0, &ks) == -ENOTDIR && !ks,
	   "not a directory");
	{
		char link[80];

		snprintf(link, sizeof(link), "%s-link", dir);
		MUST(!symlink(dir, link));
		OK(keystore_open(link, true, 0, &ks) == -ENOTDIR && !ks,
		   "a symbolic link");
		MUST(!unlink(link));
	}
	MUST(!rmdir(in("peers")) && !symlink("/tmp", in("peers")));
	OK(try_open() == -ENOTDIR, "peers is a symbolic link");
	MUST(!unlink(in("peers")));
}

static void test_names(void)
{
	struct keystore *ks = must_open(0);
	char name[100];
	struct identity *id;
	size_t i;
	static const char * const bad[] = {
		"", ".", "..", ".hidden", "a/b", "../x", "a b", "a\n", "\xc3\xa9",
	};

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (keystore_create(ks, bad[i], NOW, &id) != -EINVAL || id ||
		    keystore_load(ks, bad[i], NOW, &id) != -EINVAL ||
		    keystore_delete(ks, bad[i]) != -EINVAL)
			break;
	OK(i == sizeof(bad) / sizeof(bad[0]), "names that are refused");
	memset(name, 'n', sizeof(name));
	name[65] = '\0';
	OK(keystore_create(ks, name, NOW, NULL) == -EINVAL,
	   "a name of 65 bytes");
	name[64] = '\0';
	OK(!keystore_create(ks, name, NOW, NULL) && !keystore_delete(ks, name),
	   "a name of 64");
	OK(keystore_delete(ks, name) == -ENOENT, "deleted once");
	keystore_close(ks);
}

static int collect(void *ctx, const char *name)
{
	char *out = ctx;

	strcat(out, name);
	strcat(out, ",");
	return 0;
}

static void test_identities(void)
{
	struct keystore *ks = must_open(0);
	struct identity *a, *b, *c;
	char names[128] = "";
	struct stat st;

	MUST(!keystore_create(ks, "alice", NOW, &a));
	OK(mode_is(in("alice.identity"), 0600), "a file of mode 0600");
	OK(!keystore_load(ks, "alice", NOW + 5, &b) && same_identity(a, b) &&
	   identity_ready(b, NOW + 5), "loaded as it was made");
	OK(keystore_create(ks, "alice", NOW, &c) == -EEXIST && !c &&
	   keystore_save(ks, "alice", b, false) == -EEXIST,
	   "an existing one is not overwritten");
	MUST(!stat(in("alice.identity"), &st));
	OK(keystore_load(ks, "bob", NOW, &c) == -ENOENT && !c, "no such one");
	MUST(!keystore_create(ks, "bob", NOW, NULL));
	spit(in("notes.txt"), (const uint8_t *)"x", 1);
	MUST(!keystore_list(ks, collect, names));
	OK(!strcmp(names, "alice,bob,") || !strcmp(names, "bob,alice,"),
	   "listed: %s", names);
	MUST(!unlink(in("notes.txt")));
	OK(!count_tmp(dir), "no temporary file is left");
	identity_put(a);
	identity_put(b);

	/* The channel key ends after five years. */
	MUST(!keystore_load(ks, "bob", NOW, &a));
	MUST(!keystore_load(ks, "bob", NOW + IDENT_PURPOSE_KEY_SECONDS + 9,
			    &b));
	OK(memcmp(a->secrets->x, b->secrets->x, 32) &&
	   !memcmp(a->secrets->ed, b->secrets->ed, 64),
	   "an expired channel key is replaced");
	MUST(!keystore_load(ks, "bob", NOW + IDENT_PURPOSE_KEY_SECONDS + 9,
			    &c));
	OK(same_identity(b, c), "and that is kept");
	identity_put(c);
	OK(keystore_load(ks, "bob", NOW + IDENT_VALID_SECONDS + 1, &c) ==
	   -EKEYEXPIRED && !c, "an identity that has ended");
	identity_put(a);
	identity_put(b);
	MUST(!keystore_delete(ks, "bob"));
	keystore_close(ks);
}

static bool contains(const uint8_t *hay, size_t n, const void *needle,
		     size_t len)
{
	return n && memmem(hay, n, needle, len);
}

static void test_rotation(void)
{
	static uint8_t file[100000];
	struct keystore *ks = must_open(0);
	struct identity *a, *b, *c;
	size_t n;

	MUST(!keystore_load(ks, "alice", NOW, &a));
	n = slurp(in("alice.identity"), file, sizeof(file));
	MUST(contains(file, n, a->secrets->ed, 32) &&
	     contains(file, n, a->secrets->x, 32));
	OK(!keystore_rotate(ks, "alice", NOW + 7, &b) &&
	   b->history.count == 2 &&
	   !memcmp(a->history.identifier, b->history.identifier, 32),
	   "rotated");
	n = slurp(in("alice.identity"), file, sizeof(file));
	OK(!contains(file, n, a->secrets->ed, 32) &&
	   !contains(file, n, a->secrets->x, 32) &&
	   contains(file, n, b->secrets->ed, 32),
	   "the old keys are gone from the file");
	MUST(!keystore_load(ks, "alice", NOW + 7, &c));
	OK(same_identity(b, c) && ident_history_compare(&c->history,
							&a->history) ==
	   IDENT_CMP_NEWER, "the new one is loaded");
	OK(keystore_rotate(ks, "nobody", NOW, NULL) == -ENOENT,
	   "nobody is rotated");
	identity_put(a);
	identity_put(b);
	identity_put(c);
	keystore_close(ks);
}

static void test_credentials(void)
{
	struct keystore *ks = must_open(0);
	struct identity *a, *b;
	uint8_t cred[512], seed[32] = { 8 };
	size_t len = unhex(KNOWN_A5_CREDENTIAL, cred, sizeof(cred));

	MUST(!identity_generate(NOW, &a));
	MUST(!identity_add_credential(a, cred, len));
	MUST(!identity_add_credential(a, cred, len));
	MUST(!identity_attest_purpose(a, IDENT_PURPOSE_CREDENTIALS, seed, NOW,
				      NOW + 1000));
	MUST(!keystore_save(ks, "carol", a, false));
	MUST(!keystore_load(ks, "carol", NOW, &b));
	OK(same_identity(a, b) && b->n_creds == 2 && b->credentials.present,
	   "credentials and a credential key are kept");
	identity_put(a);
	identity_put(b);
	MUST(!keystore_delete(ks, "carol"));
	keystore_close(ks);
}

static int load_alice(struct keystore *ks)
{
	struct identity *id;
	int err = keystore_load(ks, "alice", NOW, &id);

	identity_put(id);
	return err;
}

static void test_files(void)
{
	static uint8_t file[100000], big[200000];
	struct keystore *ks = must_open(0);
	unsigned int bad = 0;
	size_t n, i;

	MUST(!chmod(in("alice.identity"), 0640));
	OK(load_alice(ks) == -EPERM, "group may read the file");
	MUST(!chmod(in("alice.identity"), 0602));
	OK(load_alice(ks) == -EPERM, "others may write it");
	MUST(!chmod(in("alice.identity"), 0600));
	if (!geteuid()) {
		MUST(!chown(in("alice.identity"), 12345, (gid_t)-1));
		OK(load_alice(ks) == -EPERM, "owned by somebody else");
		MUST(!chown(in("alice.identity"), 0, (gid_t)-1));
	}
	MUST(!link(in("alice.identity"), in("hard")));
	OK(load_alice(ks) == -EPERM, "with a second name");
	MUST(!unlink(in("hard")));
	MUST(!rename(in("alice.identity"), in("kept")));
	MUST(!symlink("kept", in("alice.identity")));
	OK(load_alice(ks) == -ELOOP, "a symbolic link");
	OK(keystore_create(ks, "alice", NOW, NULL) == -EEXIST,
	   "which is not followed for writing either");
	MUST(!unlink(in("alice.identity")));
	MUST(!mkfifo(in("alice.identity"), 0600));
	OK(load_alice(ks) == -EPERM, "a FIFO, without waiting");
	MUST(!unlink(in("alice.identity")));
	MUST(!mkdir(in("alice.identity"), 0700));
	OK(load_alice(ks) == -EPERM, "a directory");
	MUST(!rmdir(in("alice.identity")));
	MUST(!rename(in("kept"), in("alice.identity")));
	OK(!load_alice(ks), "and then itself again");

	n = slurp(in("alice.identity"), file, sizeof(file));
	MUST(n > 300);
	for (i = 0; i < n; i++) {
		spit(in("alice.identity"), file, i);
		bad += load_alice(ks) != -EBADMSG;
	}
	OK(!bad, "truncated anywhere");
	for (i = 0; i < n; i++) {
		memcpy(big, file, n);
		big[i] ^= (uint8_t)(1 + tap_random() % 255);
		spit(in("alice.identity"), big, n);
		if (load_alice(ks) != -EBADMSG) {
			bad++;
			tap_note("byte %zu is %02x", i, big[i]);
		}
	}
	/* X25519 ignores five bits of its private key. */
	OK(bad <= 2, "each byte changed");
	memcpy(big, file, n);
	big[n] = 0xf6;
	spit(in("alice.identity"), big, n + 1);
	OK(load_alice(ks) == -EBADMSG, "a byte more");
	spit(in("alice.identity"), big, sizeof(big));
	OK(load_alice(ks) == -EFBIG, "too large");
	spit(in("alice.identity"), file, n);
	OK(!load_alice(ks), "and then itself again");
	keystore_close(ks);
}

static void test_peers(void)
{
	struct keystore *ks = must_open(3);
	static uint8_t buf[IDENT_HISTORY_MAX];
	uint8_t id[32] = { 0 };
	char name[80] = "peers/";
	size_t len, i;
	int err;

	OK(!keystore_peer_load(ks, id, buf, sizeof(buf), &len),
	   "an unknown peer");
	for (i = 0; i < 3; i++) {
		id[0] = (uint8_t)i;
		MUST(!keystore_peer_save(ks, id, (const uint8_t *)"one", 3));
	}
	id[0] = 3;
	OK(keystore_peer_save(ks, id, (const uint8_t *)"four", 4) == -EUSERS &&
	   !keystore_peer_load(ks, id, buf, sizeof(buf), &len),
	   "the bound on peers");
	id[0] = 1;
	OK(!keystore_peer_save(ks, id, (const uint8_t *)"longer", 6) &&
	   keystore_peer_load(ks, id, buf, sizeof(buf), &len) == 1 &&
	   len == 6 && !memcmp(buf, "longer", 6),
	   "a known one is replaced at the bound");
	ident_id_print(id, name + 6);
	OK(mode_is(in(name), 0600), "mode 0600");
	keystore_close(ks);
	ks = must_open(3);
	id[0] = 3;
	OK(keystore_peer_save(ks, id, (const uint8_t *)"four", 4) == -EUSERS,
	   "which is counted again when opened");
	id[0] = 2;
	OK(!keystore_peer_forget(ks, id) &&
	   keystore_peer_forget(ks, id) == -ENOENT, "forgotten once");
	id[0] = 3;
	OK(!keystore_peer_save(ks, id, (const uint8_t *)"four", 4),
	   "and gives room");
	MUST(!chmod(in(name), 0644));
	id[0] = 1;
	err = keystore_peer_load(ks, id, buf, sizeof(buf), &len);
	OK(err == -EPERM, "a history that others may read");
	MUST(!chmod(in(name), 0600));
	keystore_close(ks);
}

static bool is_named(const uint8_t id[IDENT_ID_LEN])
{
	return id[0] < 4;
}

static bool knows(struct keystore *ks, uint8_t first)
{
	static uint8_t buf[IDENT_HISTORY_MAX];
	uint8_t id[32] = { first, 1 };
	size_t len;

	return keystore_peer_load(ks, id, buf, sizeof(buf), &len) == 1;
}

static int save_peer(struct keystore *ks, uint8_t first)
{
	uint8_t id[32] = { first, 1 };

	return keystore_peer_save(ks, id, (const uint8_t *)"x", 1);
}

static int count_peer(void *ctx, const uint8_t id[IDENT_ID_LEN], bool kept)
{
	size_t *n = ctx;

	(void)id;
	n[kept]++;
	return 0;
}

/* Who has looked before may be late: what is known decides, under the lock. */
static void test_late(void)
{
	struct keystore *ks = must_open(0);
	struct identity *old, *new, *other;
	char text[IDENT_ID_TEXT_LEN + 1], name[100];
	const uint8_t *id;
	int err;

	MUST(!identity_generate(NOW, &old) && !identity_generate(NOW, &other));
	MUST(!identity_rotate(old, NOW + 1, &new));
	id = old->history.identifier;
	MUST(!keystore_peer_save(ks, id, old->raw, old->raw_len));
	OK(!keystore_peer_import(ks, id, new->raw, new->raw_len),
	   "a longer history is taken");
	err = keystore_peer_save(ks, id, old->raw, old->raw_len);
	OK(err == IDENT_E_OLDER, "one that is not as long never replaces it: %d",
	   err);
	err = keystore_peer_import(ks, id, old->raw, old->raw_len);
	OK(err == IDENT_E_OLDER, "whoever wants that: %d", err);
	err = keystore_peer_import(ks, id, other->raw, other->raw_len);
	OK(err == IDENT_E_CONFLICT, "nor does another one: %d", err);
	ident_id_print(id, text);
	snprintf(name, sizeof(name), "peers/%s", text);
	MUST(!chmod(in(name), 0604));
	err = keystore_peer_save(ks, id, old->raw, old->raw_len);
	OK(err == -EPERM, "nor anything while it cannot be read: %d", err);
	MUST(!chmod(in(name), 0600));
	MUST(!keystore_peer_forget(ks, id));
	keystore_close(ks);
	identity_put(old);
	identity_put(new);
	identity_put(other);
}

/* A file that fills what there is for it. */
static void test_greatest(void)
{
	static uint8_t buf[IDENT_HISTORY_MAX + 1], back[IDENT_HISTORY_MAX];
	struct keystore *ks = must_open(0);
	const uint8_t id[32] = { 7, 7 };
	size_t len;
	int err;

	memset(buf, 'x', sizeof(buf));
	MUST(!keystore_peer_save(ks, id, buf, IDENT_HISTORY_MAX));
	err = keystore_peer_load(ks, id, back, sizeof(back), &len);
	OK(err == 1 && len == IDENT_HISTORY_MAX && !memcmp(buf, back, len),
	   "a history of the greatest size comes back: %d", err);
	MUST(!keystore_peer_save(ks, id, buf, sizeof(buf)));
	err = keystore_peer_load(ks, id, back, sizeof(back), &len);
	OK(err == -EFBIG, "a longer one does not: %d", err);
	MUST(!keystore_peer_forget(ks, id));
	keystore_close(ks);
}

/* Strangers give way to each other, never those whom somebody has named. */
static void test_strangers(void)
{
	struct keystore *ks = must_open(0);
	uint8_t id[32] = { 9, 1 };
	size_t n[2] = { 0 };
	uint8_t i;

	keystore_peers_bound(ks, 8, is_named);
	MUST(!keystore_peer_list(ks, count_peer, n));
	keystore_peers_bound(ks, n[0] + n[1] + 8, is_named);
	n[0] = n[1] = 0;
	MUST(!save_peer(ks, 0) && !save_peer(ks, 1));
	MUST(!keystore_peer_import(ks, id, (const uint8_t *)"x", 1));
	MUST(!save_peer(ks, 10));
	for (i = 11; i < 100; i++) {
		/* Who comes again and again is not the oldest. */
		MUST(knows(ks, 10));
		if (save_peer(ks, i))
			break;
	}
	OK(i == 100, "strangers are always taken");
	OK(knows(ks, 10), "one that is there all the time stays");
	OK(!knows(ks, 20), "others go");
	OK(knows(ks, 0) && knows(ks, 1), "those that are named stay");
	OK(knows(ks, 9), "what was imported stays");
	OK(!save_peer(ks, 2) && knows(ks, 2), "and another one is taken");
	MUST(!keystore_peer_save(ks, id, (const uint8_t *)"xy", 2));
	MUST(!keystore_peer_list(ks, count_peer, n));
	OK(n[1] == 1, "also after it was saved anew");
	OK(n[0] <= 20, "there are not more than there may be");
	keystore_close(ks);
}

/* A writer that dies anywhere leaves the old or the new file, whole. */
static void test_crash(void)
{
	static uint8_t before[100000], after[100000];
	struct keystore *ks = must_open(0);
	unsigned int whole = 0, tmp = 0, round;
	size_t n, m;
	pid_t pid;
	int status;

	n = slurp(in("alice.identity"), before, sizeof(before));
	spit(in(".tmp-00112233445566778899aabbccddeeff"), before, n / 2);
	spit(in("peers/.tmp-00112233445566778899aabbccddeeff"), before, 5);
	OK(!load_alice(ks), "a leftover does no harm");
	keystore_close(ks);
	MUST(count_tmp(dir) == 1 && count_tmp(in("peers")) == 1);
	ks = must_open(0);
	OK(!count_tmp(dir) && !count_tmp(in("peers")),
	   "leftovers are swept when the store is opened");
	m = slurp(in("alice.identity"), after, sizeof(after));
	OK(n == m && !memcmp(before, after, n), "and nothing else is");

	for (round = 0; round < 30; round++) {
		fflush(stdout);
		pid = fork();
		MUST(pid >= 0);
		if (!pid) {
			struct identity *id;

			if (keystore_load(ks, "alice", NOW, &id))
				_exit(1);
			for (;;)
				if (keystore_save(ks, "alice", id, true))
					_exit(1);
		}
		usleep((useconds_t)(500 + tap_random() % 8000));
		kill(pid, SIGKILL);
		MUST(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		tmp += count_tmp(dir);
		keystore_close(ks);
		ks = must_open(0);
		m = slurp(in("alice.identity"), after, sizeof(after));
		whole += n == m && !memcmp(before, after, n) &&
			 !load_alice(ks) && !count_tmp(dir);
	}
	OK(whole == 30, "30 killed writers, %u of them half way", tmp);
	keystore_close(ks);
}

static void test_two_writers(void)
{
	struct keystore *ks = must_open(0), *other = must_open(0);
	int status, won = 0;
	pid_t pid[2];
	int i;

	for (i = 0; i < 2; i++) {
		fflush(stdout);
		pid[i] = fork();
		MUST(pid[i] >= 0);
		if (!pid[i]) {
			keystore_close(ks);
			if (keystore_open(dir, false, 0, &ks))
				_exit(2);
			_exit(keystore_create(ks, "dave", NOW, NULL) ==
			      -EEXIST);
		}
	}
	for (i = 0; i < 2; i++) {
		MUST(waitpid(pid[i], &status, 0) == pid[i]);
		MUST(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		won += !WEXITSTATUS(status);
	}
	OK(won == 1, "of two writers one makes the identity");
	MUST(!keystore_delete(other, "dave"));
	keystore_close(other);
	keystore_close(ks);
}

struct adding {
	uint8_t cred[512];
	size_t len;
};

static int add_slowly(void *ctx, struct identity *id, bool *changed)
{
	const struct adding *a = ctx;

	/* Time for the other one to read the same file. */
	usleep(1000);
	*changed = true;
	return identity_add_credential(id, a->cred, a->len);
}

static int refuse_change(void *ctx, struct identity *id, bool *changed)
{
	*changed = true;
	return add_slowly(ctx, id, changed) ? 0 : IDENT_E_INVALID;
}

static int add_all(struct adding *a, int n)
{
	struct keystore *ks;
	int err;

	err = keystore_open(dir, false, 0, &ks);
	while (!err && n--)
		err = keystore_update(ks, "erin", NOW, add_slowly, a);
	return err;
}

static void test_update(void)
{
	const int each = IDENT_CREDENTIALS_MAX / 2;
	struct keystore *ks = must_open(0);
	struct adding a;
	struct identity *id;
	int status, i;
	pid_t pid[2];

	a.len = unhex(KNOWN_A5_CREDENTIAL, a.cred, sizeof(a.cred));
	OK(keystore_update(ks, "erin", NOW, add_slowly, &a) == -ENOENT,
	   "there is nothing to change");
	MUST(!keystore_create(ks, "erin", NOW, NULL));
	OK(keystore_update(ks, "erin", NOW, refuse_change, &a) ==
	   IDENT_E_INVALID, "a change may be refused");
	MUST(!keystore_load(ks, "erin", NOW, &id));
	OK(!id->n_creds, "then nothing is written");
	identity_put(id);
	for (i = 0; i < 2; i++) {
		fflush(stdout);
		pid[i] = fork();
		MUST(pid[i] >= 0);
		if (!pid[i])
			_exit(!!add_all(&a, each));
	}
	for (i = 0; i < 2; i++) {
		MUST(waitpid(pid[i], &status, 0) == pid[i]);
		MUST(WIFEXITED(status) && !WEXITSTATUS(status));
	}
	MUST(!keystore_load(ks, "erin", NOW, &id));
	OK(id->n_creds == 2 * each, "two who change it do not undo each other");
	OK(keystore_update(ks, "erin", NOW, add_slowly, &a) ==
	   IDENT_E_MANY_CREDS, "no more than fit");
	identity_put(id);
	MUST(!keystore_delete(ks, "erin"));
	keystore_close(ks);
}

static void test_check(void)
{
	struct keystore *ks = must_open(0);
	char moved[80];

	snprintf(moved, sizeof(moved), "%s-moved", dir);
	OK(!keystore_check(ks, dir), "an open store is as it was");
	MUST(!chmod(dir, 0750));
	OK(keystore_check(ks, dir) == -EPERM, "its mode has changed");
	MUST(!chmod(dir, 0700) && !chmod(in("peers"), 0770));
	OK(keystore_check(ks, dir) == -EPERM, "that of peers has");
	MUST(!chmod(in("peers"), 0700) && !rename(dir, moved));
	OK(keystore_check(ks, dir) == -ENOENT, "it was moved away");
	MUST(!mkdir(dir, 0700));
	OK(keystore_check(ks, dir) == -ESTALE, "another one has its name");
	MUST(!rmdir(dir) && !symlink(moved, dir));
	OK(keystore_check(ks, dir) == -ENOTDIR, "a symbolic link has");
	MUST(!unlink(dir) && !rename(moved, dir));
	OK(!keystore_check(ks, dir), "it is back");
	keystore_close(ks);
}

/* ---- prekeys ---- */

static struct prekeys *must_prekeys(struct keystore *ks)
{
	struct prekeys *pk;

	MUST(!keystore_prekeys_load(ks, "erin", &pk));
	return pk;
}

static void test_prekeys(void)
{
	static uint8_t file[PREKEYS_FILE_MAX], was[PREKEYS_FILE_MAX];
	struct keystore *ks = must_open(0);
	struct prekeys *pk, *none;
	uint8_t secret[32], one[32];
	struct identity *erin;
	bool changed;
	size_t n, m;

	MUST(!keystore_create(ks, "erin", NOW, &erin));
	OK(keystore_prekeys_load(ks, "erin", &pk) == -ENOENT && !pk &&
	   keystore_prekeys_load(ks, "../erin", &pk) == -EINVAL && !pk,
	   "no prekeys yet");
	pk = prekeys_new(erin->history.identifier);
	MUST(pk && !prekeys_refresh(pk, erin, NOW, false, &changed) &&
	     !prekeys_refill(pk, PREKEYS_ONE_TIME_MAX, &changed));
	OK(!keystore_prekeys_save(ks, "erin", pk) &&
	   mode_is(in("erin.prekeys"), 0600) && !count_tmp(dir),
	   "kept in a file of mode 0600");
	n = slurp(in("erin.prekeys"), file, sizeof(file));
	memcpy(secret, pk->spk[0].secret, 32);
	memcpy(one, pk->spk[0].one_time[5].secret, 32);
	MUST(contains(file, n, secret, 32) && contains(file, n, one, 32));

	prekeys_use_one_time(&pk->spk[0], &pk->spk[0].one_time[5]);
	MUST(!keystore_prekeys_save(ks, "erin", pk));
	n = slurp(in("erin.prekeys"), file, sizeof(file));
	OK(!contains(file, n, one, 32) && contains(file, n, secret, 32),
	   "a used one-time prekey is gone from the file");
	MUST(!prekeys_refresh(pk, erin, NOW + BUNDLE_SECONDS + 1, false,
			      &changed) && changed);
	MUST(!keystore_prekeys_save(ks, "erin", pk));
	n = slurp(in("erin.prekeys"), file, sizeof(file));
	OK(!contains(file, n, secret, 32), "and so is an ended signed prekey");

	/* What is not ours, or not whole, is refused and left alone. */
	MUST(!chmod(in("erin.prekeys"), 0640));
	OK(keystore_prekeys_load(ks, "erin", &none) == -EPERM && !none,
	   "others may read the file");
	MUST(!chmod(in("erin.prekeys"), 0600));
	spit(in("erin.prekeys"), file, n - 1);
	OK(keystore_prekeys_load(ks, "erin", &none) == -EBADMSG && !none,
	   "a file cut short");
	m = slurp(in("erin.prekeys"), was, sizeof(was));
	OK(m == n - 1 && !memcmp(was, file, m), "which is left as it is");
	spit(in("erin.prekeys"), file, n);
	{
		struct prekeys *back = must_prekeys(ks);

		OK(back->n == pk->n &&
		   !memcmp(back->spk[0].secret, pk->spk[0].secret, 32),
		   "the whole one is loaded");
		prekeys_free(back);
	}
	OK(!keystore_delete(ks, "erin") &&
	   keystore_prekeys_load(ks, "erin", &none) == -ENOENT,
	   "they go with their identity");
	MUST(!keystore_save(ks, "erin", erin, false));
	prekeys_free(pk);
	identity_put(erin);
	keystore_close(ks);
}

/**
 * struct told - what a writer says that it has made durable
 * @one_time: number of the one-time prekey that it used
 * @record:   record that it made
 */
struct told {
	uint64_t one_time;
	uint8_t record[PREKEYS_RECORD_LEN];
};

/* Accepts first messages until it is killed; tells after each. */
static void accept_for_ever(struct keystore *ks, int out)
{
	struct prekeys *pk = must_prekeys(ks);
	struct prekey_signed *spk = &pk->spk[0];
	struct told t;

	while (spk->n_one_time) {
		t.one_time = spk->one_time[0].id;
		randombytes_buf(t.record, sizeof(t.record));
		prekeys_use_one_time(spk, &spk->one_time[0]);
		if (prekeys_record(spk, t.record, t.record) ||
		    keystore_prekeys_save(ks, "erin", pk) ||
		    write(out, &t, sizeof(t)) != sizeof(t))
			_exit(1);
	}
	_exit(2);
}

static void test_prekeys_crash(void)
{
	static struct told list[PREKEYS_ONE_TIME_MAX + 1], t;
	unsigned int round, whole = 0, told = 0, forgot = 0, n, i;
	struct keystore *ks = must_open(0);
	struct identity *erin;
	struct prekeys *pk;
	bool changed;
	int pipes[2];
	int status;
	pid_t pid;

	MUST(!keystore_load(ks, "erin", NOW, &erin));
	for (round = 0; round < 20; round++) {
		pk = prekeys_new(erin->history.identifier);
		MUST(pk && !prekeys_refresh(pk, erin, NOW, false, &changed) &&
		     !prekeys_refill(pk, PREKEYS_ONE_TIME_MAX, &changed) &&
		     !keystore_prekeys_save(ks, "erin", pk));
		prekeys_free(pk);
		MUST(!pipe(pipes));
		fflush(stdout);
		pid = fork();
		MUST(pid >= 0);
		if (!pid)
			accept_for_ever(ks, pipes[1]);
		close(pipes[1]);
		/* Some are let through, and one more is under way. */
		for (n = tap_random() % 5, i = 0; i < n; i++)
			MUST(read(pipes[0], &list[i], sizeof(t)) == sizeof(t));
		usleep((useconds_t)(tap_random() % 4000));
		kill(pid, SIGKILL);
		MUST(waitpid(pid, &status, 0) == pid);
		MUST(WIFSIGNALED(status) || WEXITSTATUS(status) == 2);
		while (read(pipes[0], &list[n], sizeof(t)) == sizeof(t))
			n++;
		keystore_close(ks);
		ks = must_open(0);
		pk = must_prekeys(ks);
		whole += !count_tmp(dir);
		for (i = 0; i < n; i++)
			forgot += prekeys_find_one_time(&pk->spk[0],
							list[i].one_time) ||
				  !prekeys_seen(&pk->spk[0], list[i].record);
		told += n;
		close(pipes[0]);
		prekeys_free(pk);
	}
	OK(whole == 20 && told && !forgot,
	   "after 20 kills nothing that was said to be used comes back, of %u",
	   told);
	MUST(!keystore_delete(ks, "erin"));
	identity_put(erin);
	keystore_close(ks);
}

static void test_bundles(void)
{
	struct keystore *ks = must_open(2);
	uint8_t id[3][32] = { { 1 }, { 2 }, { 3 } };
	uint8_t digest[32] = { 7 }, got[32];
	struct x3dh_known known;
	char name[80] = "bundles/";
	uint64_t sequence;

	keystore_known_bundles(ks, &known);
	OK(!known.load(known.ctx, id[0], &sequence, got), "no bundle known");
	OK(!known.save(known.ctx, id[0], 9, digest) &&
	   known.load(known.ctx, id[0], &sequence, got) == 1 &&
	   sequence == 9 && !memcmp(got, digest, 32), "remembered");
	digest[0]++;
	MUST(!known.save(known.ctx, id[0], 10, digest) &&
	     !known.save(known.ctx, id[1], 1, digest));
	OK(known.save(known.ctx, id[2], 1, digest) == -ENOSPC &&
	   !known.load(known.ctx, id[2], &sequence, got) &&
	   !known.save(known.ctx, id[1], 2, digest), "not too many");
	keystore_close(ks);
	ks = must_open(2);
	keystore_known_bundles(ks, &known);
	OK(known.load(known.ctx, id[0], &sequence, got) == 1 &&
	   sequence == 10 && !memcmp(got, digest, 32) &&
	   known.save(known.ctx, id[2], 1, digest) == -ENOSPC,
	   "also after a restart");
	ident_id_print(id[0], name + strlen(name));
	spit(in(name), (const uint8_t *)"\x82\x01", 2);
	OK(known.load(known.ctx, id[0], &sequence, got) < 0,
	   "a damaged record is a failure, not an unknown bundle");
	MUST(!unlink(in(name)));
	keystore_close(ks);
}

static bool owned_by(const char *path, uid_t uid)
{
	struct stat st;

	return !lstat(path, &st) && st.st_uid == uid;
}

/* Root looks after the store of the daemon's user, who goes on reading it. */
static void test_owner(void)
{
	const uid_t user = 12345;
	struct identity *id;
	struct keystore *ks;
	char cmd[192];

	if (geteuid()) {
		tap_note("not root: other owners are not tested");
		return;
	}
	snprintf(cmd, sizeof(cmd), "rm -r '%s/bundles' && chown -R %u '%s'",
		 dir, user, base);
	MUST(!system(cmd));
	OK(!keystore_open(dir, false, 0, &ks), "root opens another's store");
	MUST(ks);
	OK(owned_by(in("bundles"), user), "a directory made in it is the user's");
	OK(!keystore_create(ks, "ofuser", NOW, &id), "root makes an identity");
	identity_put(id);
	OK(owned_by(in("ofuser.identity"), user), "which is the user's");
	OK(!keystore_rotate(ks, "ofuser", NOW, &id), "root rotates it");
	identity_put(id);
	OK(owned_by(in("ofuser.identity"), user), "which changes no owner");
	MUST(!chown(in("ofuser.identity"), 0, (gid_t)-1));
	OK(keystore_load(ks, "ofuser", NOW, &id) == -EPERM,
	   "a file of root's in it is refused");
	MUST(!chown(in("ofuser.identity"), user, (gid_t)-1));
	keystore_close(ks);
	MUST(!seteuid(user));
	OK(!keystore_open(dir, false, 0, &ks), "the user opens it after that");
	OK(!keystore_load(ks, "ofuser", NOW, &id), "and reads the identity");
	identity_put(id);
	keystore_close(ks);
	MUST(!seteuid(0));
}

int main(void)
{
	char cmd[128];
	int ret;

	MUST(sodium_init() >= 0);
	tap_seed();
	MUST(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/keys", base);
	test_directory();
	test_names();
	test_identities();
	test_rotation();
	test_credentials();
	test_files();
	test_peers();
	test_late();
	test_greatest();
	test_strangers();
	test_crash();
	test_two_writers();
	test_update();
	test_check();
	test_prekeys();
	test_prekeys_crash();
	test_bundles();
	test_owner();
	ret = tap_done();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", base);
	return system(cmd) ? 1 : ret;
}
