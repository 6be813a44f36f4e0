// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3DH: channels that are of no use without this process.
 *
 * The responder's before its answer was sent, those for early data on both
 * sides.  If the process is killed they stay, and look alive.  So the next one
 * has to know them, by the address of the decryptor, which is random: one a line
 * of a file, in hex.
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

/**
 * struct left - a channel that the next process has to delete
 * @entry: list
 * @decryptor: its address
 */
struct left {
	TAILQ_ENTRY(left) entry;
	uint8_t decryptor[2 + OCKAM_ADDR_MAX];
	size_t len;
};

static TAILQ_HEAD(, left) all = TAILQ_HEAD_INITIALIZER(all);

static void save(void)
{
	char hex[2 * sizeof(((struct left *)0)->decryptor) + 1];
	const struct left *l;
	FILE *f;

	if (TAILQ_EMPTY(&all)) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	TAILQ_FOREACH(l, &all, entry)
		fprintf(f, "%s\n", sodium_bin2hex(hex, sizeof(hex),
						  l->decryptor, l->len));
	state_commit(f, STATE_FILE);
}

void left_note(const struct ockam_path *decryptor)
{
	struct left *l = calloc(1, sizeof(*l));

	if (!l) {
		log_error("a channel is not noted: out of memory");
		return;
	}
	l->len = path_first(decryptor);
	memcpy(l->decryptor, decryptor->hops, l->len);
	TAILQ_INSERT_TAIL(&all, l, entry);
	save();
}

void left_forget(const struct ockam_path *decryptor)
{
	size_t len = path_first(decryptor);
	struct left *l;

	TAILQ_FOREACH(l, &all, entry)
		if (len && l->len == len &&
		    !memcmp(l->decryptor, decryptor->hops, len))
			break;
	if (!l)
		return;
	TAILQ_REMOVE(&all, l, entry);
	free(l);
	save();
}

/**
 * struct search - for a channel
 * @what: its decryptor
 * @id: the channel, 0: there is none
 */
struct search {
	struct left what;
	uint32_t id;
};

static int is_left(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct search *s = arg;

	if (ch->decryptor.len != s->what.len ||
	    memcmp(ch->decryptor.data, s->what.decryptor, s->what.len))
		return 0;
	s->id = ch->id;
	return 1;
}

static int delete_left(const char *line)
{
	struct ockam_nl_channel filter = { 0 };
	struct search s = { .id = 0 };
	int err;

	if (sodium_hex2bin(s.what.decryptor, sizeof(s.what.decryptor), line,
			   strcspn(line, "\n"), NULL, &s.what.len, NULL))
		return 0;
	err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter, is_left, &s);
	if (err < 0) {
		log_error("channels: %s", ockam_nl_error(the.nl));
		return err;
	}
	if (!s.id)
		return 0;
	log_info("channel %u is deleted: its handshake ended with the process before",
		 s.id);
	return channels_delete(s.id);
}

int left_begin(void)
{
	char line[2 * sizeof(((struct left *)0)->decryptor) + 2];
	int err = 0;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (!err && fgets(line, sizeof(line), f))
		err = delete_left(line);
	if (!err && ferror(f))
		err = -EIO;
	fclose(f);
	if (!err)
		state_remove(STATE_FILE);
	return err;
}

void left_end(void)
{
	struct left *l;

	while ((l = TAILQ_FIRST(&all))) {
		TAILQ_REMOVE(&all, l, entry);
		free(l);
	}
}
