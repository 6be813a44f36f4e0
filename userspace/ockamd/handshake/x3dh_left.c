// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH: channels that are of no use without this process.
 *
 * The responder's before its answer was sent, those for early data on both
 * sides.  If the process is killed they stay, and look alive.  So the next one
 * has to know them, by the address of the decryptor, which is random.
 *
 * The file only grows, by a line "+ADDRESS", in hex, before such a channel is there,
 * and "-ADDRESS" when it is none any more, until most of it is of no use.  It speaks of
 * what the kernel has, so it need not outlive the kernel: nothing waits for the disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/base.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"
#include "handshake/channels.h"
#include "handshake/x3dh_left.h"
#include "nl.h"

#define STATE_FILE	"x3dh-unanswered"
#define BUCKETS		1024U
#define WASTE		1024	/* useless lines beside as many as useful ones */
#define ADDRESS_MAX	(2 + OCKAM_ADDR_MAX)

/**
 * struct left - a channel that the next process has to delete
 * @entry: list
 * @decryptor: its address
 * @len: its length
 */
struct left {
	LIST_ENTRY(left) entry;
	uint8_t decryptor[ADDRESS_MAX];
	size_t len;
};

LIST_HEAD(bucket, left);

static struct bucket all[BUCKETS];
static size_t n_all, n_lines;
static FILE *journal;

static struct bucket *bucket_of(const uint8_t *p, size_t len)
{
	uint32_t h = 2166136261U;

	while (len--)
		h = (h ^ *p++) * 16777619U;
	return &all[h % BUCKETS];
}

static struct left *find(const uint8_t *p, size_t len)
{
	struct left *l;

	LIST_FOREACH(l, bucket_of(p, len), entry)
		if (l->len == len && !memcmp(l->decryptor, p, len))
			return l;
	return NULL;
}

static struct left *left_new(const uint8_t *p, size_t len)
{
	struct left *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->len = len;
	memcpy(l->decryptor, p, len);
	LIST_INSERT_HEAD(bucket_of(p, len), l, entry);
	n_all++;
	return l;
}

static void left_free(struct left *l)
{
	LIST_REMOVE(l, entry);
	n_all--;
	free(l);
}

/* ---- the file ---- */

static void put_line(char sign, const struct left *l)
{
	char hex[2 * ADDRESS_MAX + 1];

	fprintf(journal, "%c%s\n", sign,
		sodium_bin2hex(hex, sizeof(hex), l->decryptor, l->len));
	n_lines++;
}

static void close_journal(void)
{
	if (journal)
		fclose(journal);
	journal = NULL;
	n_lines = 0;
}

static void write_anew(void)
{
	const struct left *l;
	FILE *old = journal;
	size_t i;

	journal = state_write(STATE_FILE);
	if (journal) {
		n_lines = 0;
		for (i = 0; i < BUCKETS; i++)
			LIST_FOREACH(l, &all[i], entry)
				put_line('+', l);
		journal = state_swap(journal, STATE_FILE);
	}
	if (old)
		fclose(old);
}

static void write_line(char sign, const struct left *l)
{
	if (!journal || n_lines > 2 * n_all + WASTE) {
		write_anew();
		return;
	}
	put_line(sign, l);
	/* Half a line would spoil the next one. */
	if (fflush(journal) || ferror(journal))
		write_anew();
}

void left_note(const struct ockam_path *decryptor)
{
	struct left *l;

	l = left_new(decryptor->hops, path_first(decryptor));
	if (l)
		write_line('+', l);
	else
		log_error("a channel is not noted: out of memory");
}

void left_forget(const struct ockam_path *decryptor)
{
	size_t len = path_first(decryptor);
	struct left *l = len ? find(decryptor->hops, len) : NULL;
	struct left dead;

	if (!l)
		return;
	dead = *l;
	left_free(l);
	if (n_all) {
		write_line('-', &dead);
		return;
	}
	close_journal();
	state_remove(STATE_FILE);
}

/* ---- the process before ---- */

static void read_line(const char *line)
{
	uint8_t address[ADDRESS_MAX];
	struct left *l;
	size_t len;

	if (sodium_hex2bin(address, sizeof(address), line + 1,
			   strcspn(line + 1, "\n"), NULL, &len, NULL) || !len)
		return;
	l = find(address, len);
	if (line[0] == '+' && !l)
		left_new(address, len);
	else if (line[0] == '-' && l)
		left_free(l);
}

static int load(void)
{
	char line[2 * ADDRESS_MAX + 4];
	FILE *f = state_read(STATE_FILE);
	int err = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	if (state_same_boot(f))
		while (fgets(line, sizeof(line), f))
			read_line(line);
	if (ferror(f))
		err = -EIO;
	fclose(f);
	return err;
}

/**
 * struct found - channels of the process before that are there
 * @id: ids
 * @n: how many
 */
struct found {
	uint32_t *id;
	size_t n;
};

static int note_left(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct found *f = arg;

	if (f->n < n_all && find(ch->decryptor.data, ch->decryptor.len))
		f->id[f->n++] = ch->id;
	return 0;
}

static int delete_all(struct found *f)
{
	struct ockam_nl_channel filter = { 0 };
	size_t i;
	int err;

	err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter, note_left, f);
	if (err < 0)
		log_error("channels: %s", ockam_nl_error(the.nl));
	for (i = 0; i < f->n && !err; i++) {
		log_info("channel %u is deleted: its handshake ended with the process before",
			 f->id[i]);
		err = channels_delete(f->id[i]);
	}
	return err;
}

int left_begin(void)
{
	struct found f = { 0 };
	int err;

	err = load();
	if (!err && n_all) {
		f.id = calloc(n_all, sizeof(*f.id));
		err = f.id ? delete_all(&f) : -ENOMEM;
	}
	free(f.id);
	/* If not the next process has to do it, which needs the file. */
	if (!err)
		state_remove(STATE_FILE);
	left_end();
	return err;
}

void left_end(void)
{
	struct left *l;
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		while ((l = LIST_FIRST(&all[i])))
			left_free(l);
	close_journal();
}
