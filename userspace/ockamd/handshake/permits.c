// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Permits of all channels.
 *
 * The file only grows, by a line before each channel and one after it, until most
 * of it is of no use any more; then it is written anew.  It speaks of what the
 * kernel has, so it need not outlive the kernel, and nothing waits for the disk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "config/policy.h"
#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/service.h"
#include "core/source.h"
#include "core/state.h"
#include "core/who.h"
#include "handshake/channels.h"
#include "handshake/permit.h"
#include "handshake/permits.h"
#include "handshake/room.h"
#include "handshake/way.h"
#include "handshake/x3dh_socket.h"
#include "keystore.h"
#include "nl.h"
#include "peer.h"

#define STATE_FILE	"permits"
#define BUCKETS		8192U
#define CHECK_MS	1000
/* In a tick after something changed, otherwise in CHECK_MS. */
#define CHECK_BUSY_MS	50
#define WASTE		1024	/* useless lines beside as many as useful ones */

/**
 * struct record - the permit of one channel
 * @entry: list
 * @by_id: others whose id falls together with it, once it has one
 * @by_name: others whose decryptor does
 * @by_peer: others whose peer does, the latest first
 * @decryptor: address of its decryptor
 * @id: the channel, 0: not installed yet
 * @carrier: link that it goes over, as far as it was known when we began
 * @latest: it was just installed: older ones of the peer are to be looked at
 * @seen: it was in the dump
 * @permit: the permit
 */
struct record {
	TAILQ_ENTRY(record) entry;
	LIST_ENTRY(record) by_id;
	LIST_ENTRY(record) by_name;
	LIST_ENTRY(record) by_peer;
	struct ockam_nl_address decryptor;
	uint32_t id;
	uint32_t carrier;
	bool latest;
	bool seen;
	struct permit permit;
};

LIST_HEAD(bucket, record);

static TAILQ_HEAD(head, record) all =
	TAILQ_HEAD_INITIALIZER(all);
static struct bucket ids[BUCKETS], names[BUCKETS], peers[BUCKETS];
static size_t n_all;
static size_t n_lines;		/* of the file */
static FILE *journal;
static struct record *cursor;	/* whose peer's history is looked at next */
static size_t due;		/* records that this has to be done for soon */
static uint64_t next_check;
static size_t n_latest;

static struct bucket *of_id(uint32_t id)
{
	return &ids[id % BUCKETS];
}

static struct bucket *of_bytes(struct bucket *b, const uint8_t *p, size_t len)
{
	uint32_t h = 2166136261U;

	while (len--)
		h = (h ^ *p++) * 16777619U;
	return &b[h % BUCKETS];
}

static struct record *find_name(const uint8_t *name, size_t len)
{
	struct record *r;

	LIST_FOREACH(r, of_bytes(names, name, len), by_name)
		if (r->decryptor.len == len &&
		    !memcmp(r->decryptor.data, name, len))
			return r;
	return NULL;
}

static struct record *find_id(uint32_t id)
{
	struct record *r;

	LIST_FOREACH(r, of_id(id), by_id)
		if (r->id == id)
			return r;
	return NULL;
}

static struct record *record_new(const uint8_t *name, size_t len,
				 const struct permit *p)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->decryptor.len = len;
	memcpy(r->decryptor.data, name, len);
	permit_copy(&r->permit, p);
	TAILQ_INSERT_TAIL(&all, r, entry);
	LIST_INSERT_HEAD(of_bytes(names, name, len), r, by_name);
	LIST_INSERT_HEAD(of_bytes(peers, p->peer, sizeof(p->peer)), r,
			 by_peer);
	n_all++;
	return r;
}

static void record_free(struct record *r)
{
	if (cursor == r)
		cursor = TAILQ_NEXT(r, entry);
	if (r->latest)
		n_latest--;
	TAILQ_REMOVE(&all, r, entry);
	LIST_REMOVE(r, by_name);
	LIST_REMOVE(r, by_peer);
	if (r->id) {
		LIST_REMOVE(r, by_id);
		room_gone(r->id);
	}
	permit_clear(&r->permit);
	free(r);
	n_all--;
}

static void set_id(struct record *r, uint32_t id)
{
	r->id = id;
	LIST_INSERT_HEAD(of_id(id), r, by_id);
}

/* ---- writing ---- */

static void put_hex(FILE *f, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len--)
		fprintf(f, "%02x", *p++);
}

static void put_rule(FILE *f, const struct trust_rule *rule)
{
	char word[TRUST_WORD_MAX];
	size_t n = trust_rule_print(rule, word, sizeof(word));

	if (n)
		put_hex(f, word, n);
	else
		fputs("-", f);
}

static void put_record(FILE *f, const struct record *r)
{
	const struct permit *p = &r->permit;

	fputs("+ ", f);
	put_hex(f, r->decryptor.data, r->decryptor.len);
	fprintf(f, " %d ", p->by);
	/* An empty one would be no word. */
	put_hex(f, "\0", 1);
	put_hex(f, p->name, p->name_len);
	fprintf(f, " %s ", p->identity);
	put_hex(f, p->self, sizeof(p->self));
	putc(' ', f);
	put_hex(f, p->peer, sizeof(p->peer));
	putc(' ', f);
	put_hex(f, p->known, sizeof(p->known));
	fprintf(f, " %u %u %" PRIu64 " ", p->owner, p->gid, p->expires);
	put_rule(f, p->rule);
	fprintf(f, " %" PRIu64 "\n", p->key_expires);
}

static int write_anew(void)
{
	const struct record *r;
	FILE *f;

	f = state_write(STATE_FILE);
	if (!f)
		return -EIO;
	TAILQ_FOREACH(r, &all, entry)
		put_record(f, r);
	if (journal)
		fclose(journal);
	journal = state_swap(f, STATE_FILE);
	n_lines = n_all;
	return journal ? 0 : -EIO;
}

/* Half a line in the file would spoil the next one. */
static int written(void)
{
	n_lines++;
	if (journal && !fflush(journal) && !ferror(journal))
		return 0;
	return write_anew();
}

static bool is_wasteful(void)
{
	return n_lines > 2 * n_all + WASTE || !journal;
}

static void put_end(const struct record *r)
{
	if (is_wasteful()) {
		write_anew();
		return;
	}
	fputs("- ", journal);
	put_hex(journal, r->decryptor.data, r->decryptor.len);
	putc('\n', journal);
	written();
}

static void record_end(struct record *r)
{
	struct record dead = { .decryptor = r->decryptor };

	record_free(r);
	put_end(&dead);
}

int permits_note(const struct ockam_path *decryptor, const struct permit *p)
{
	struct record *r;
	int err;

	r = record_new(decryptor->hops, path_first(decryptor), p);
	if (!r)
		return -ENOMEM;
	if (journal)
		put_record(journal, r);
	err = written();
	if (err)
		record_free(r);
	return err;
}

void permits_installed(const struct ockam_path *decryptor, uint32_t id,
		       const struct source *src)
{
	struct record *r = find_name(decryptor->hops, path_first(decryptor));
	struct record *before = find_id(id);

	if (before && before != r)
		record_end(before);
	if (!r || r->id)
		return;
	set_id(r, id);
	if (r->permit.by == PERMIT_LISTENER)
		room_add(id, src, r->permit.peer);
	r->latest = true;
	n_latest++;
}

void permits_forget(const struct ockam_path *decryptor)
{
	struct record *r = find_name(decryptor->hops, path_first(decryptor));

	if (r)
		record_end(r);
}

void permits_gone(uint32_t id)
{
	struct record *r = find_id(id);

	if (r)
		record_end(r);
}

const struct permit *permits_find(uint32_t id)
{
	const struct record *r = find_id(id);

	return r ? &r->permit : NULL;
}

bool permits_extend(uint32_t id, struct policy *policy,
		    const struct ident_peer *peer)
{
	struct record *r = find_id(id);
	struct policy *before;

	if (!r || peer->expires <= r->permit.expires)
		return false;
	before = r->permit.policy;
	r->permit.policy = policy_get(policy);
	policy_put(before);
	r->permit.rule = peer->rule;
	r->permit.expires = peer->expires;
	if (is_wasteful()) {
		write_anew();
		return true;
	}
	put_record(journal, r);
	written();
	return true;
}

void permits_each(void (*fn)(uint32_t id, const struct permit *p, void *arg),
		  void *arg)
{
	const struct record *r;

	TAILQ_FOREACH(r, &all, entry)
		if (r->id)
			fn(r->id, &r->permit, arg);
}

/* ---- the process before ---- */

/* The next word, in hex; its length, or -1. */
static int get_hex(char **line, uint8_t *out, size_t size)
{
	char *word = strsep(line, " \n");
	size_t len;

	if (!word || sodium_hex2bin(out, size, word, strlen(word), NULL, &len,
				    NULL))
		return -1;
	return len;
}

static bool get_exactly(char **line, uint8_t *out, size_t len)
{
	return get_hex(line, out, len) == (int)len;
}

static bool get_number(char **line, uint64_t *n)
{
	char *word = strsep(line, " \n");
	char *end;

	if (!word || !*word)
		return false;
	*n = strtoull(word, &end, 10);
	return !*end;
}

static bool get_rule(char **line, struct permit *p)
{
	uint8_t word[TRUST_WORD_MAX + 1];
	int len;

	if (*line && **line == '-') {
		strsep(line, " \n");
		return true;
	}
	len = get_hex(line, word, TRUST_WORD_MAX);
	if (len <= 0)
		return false;
	word[len] = 0;
	p->policy = policy_new();
	if (!p->policy ||
	    trust_policy_add(&p->policy->trust, (char *)word) ||
	    !p->policy->trust.n_rules)
		return false;
	p->rule = p->policy->trust.rules;
	return true;
}

static bool get_permit(char **line, struct permit *p)
{
	uint64_t by, owner, gid;
	uint8_t name[1 + sizeof(p->name)];
	char *word;
	int len;

	if (!get_number(line, &by) || by > PERMIT_KEPT)
		return false;
	p->by = by;
	len = get_hex(line, name, sizeof(name));
	if (len < 1)
		return false;
	p->name_len = len - 1;
	memcpy(p->name, name + 1, p->name_len);
	word = strsep(line, " \n");
	if (!word || strlen(word) > KEYSTORE_NAME_MAX)
		return false;
	strcpy(p->identity, word);
	if (!get_exactly(line, p->self, sizeof(p->self)) ||
	    !get_exactly(line, p->peer, sizeof(p->peer)) ||
	    !get_exactly(line, p->known, sizeof(p->known)) ||
	    !get_number(line, &owner) || !get_number(line, &gid) ||
	    !get_number(line, &p->expires))
		return false;
	p->owner = owner;
	p->gid = gid;
	if (!get_rule(line, p))
		return false;
	/* A file of before does not say so: then nothing extends it. */
	if (!get_number(line, &p->key_expires))
		p->key_expires = p->expires;
	return true;
}

/* What a channel was permitted by may have changed. */
static bool take_line(const uint8_t *name, size_t len, const struct permit *p)
{
	struct record *r = find_name(name, len);

	if (!r)
		return record_new(name, len, p);
	if (memcmp(r->permit.peer, p->peer, sizeof(p->peer)))
		return false;
	permit_clear(&r->permit);
	permit_copy(&r->permit, p);
	return true;
}

static bool read_line(char *line)
{
	uint8_t name[2 + OCKAM_ADDR_MAX];
	struct permit p = { 0 };
	char *kind = strsep(&line, " ");
	struct record *r;
	bool good;
	int len;

	len = get_hex(&line, name, sizeof(name));
	if (len <= 2)
		return false;
	r = find_name(name, len);
	if (!strcmp(kind, "-")) {
		if (r)
			record_free(r);
		return true;
	}
	good = !strcmp(kind, "+") && get_permit(&line, &p) &&
	       take_line(name, len, &p);
	permit_clear(&p);
	return good;
}

static int note_id(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct record *r = find_name(ch->decryptor.data, ch->decryptor.len);
	size_t *unknown = arg;

	if (r && !r->id &&
	    !memcmp(r->permit.peer, ch->identifier, sizeof(r->permit.peer))) {
		set_id(r, ch->id);
		if (ch->carrier_kind == OCKAM_ORIGIN_LINK)
			r->carrier = ch->carrier;
	} else if (!sodium_is_zero(ch->identifier, sizeof(ch->identifier))) {
		++*unknown;
	}
	return 0;
}

/* Of those of the process before nobody else knows whose they are. */
static void count_in(const struct record *r)
{
	struct source src;

	if (r->permit.by != PERMIT_LISTENER)
		return;
	if (r->carrier)
		source_of_link(r->carrier, &src);
	else
		source_of_channel(r->id, &src);
	room_add(r->id, &src, r->permit.peer);
}

static void load(FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, f)) > 0)
		if (line[n - 1] != '\n' || !read_line(line))
			log_warn(STATE_FILE ": a line is not understood");
	free(line);
}

static int load_file(void)
{
	FILE *f = state_read(STATE_FILE);
	int err = 0;

	if (!f && errno == ENOENT)
		return 0;
	if (f && state_same_boot(f))
		load(f);
	if (!f || ferror(f)) {
		err = errno ? -errno : -EIO;
		log_error(STATE_FILE ": cannot be read: %s", strerror(-err));
	}
	if (f)
		fclose(f);
	return err;
}

/* Nothing is written before all is known: the next try needs the file. */
int permits_load(void)
{
	struct ockam_nl_channel filter = { 0 };
	struct record *r, *next;
	size_t unknown = 0;
	int err;

	err = load_file();
	if (err)
		return err;
	err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter, note_id,
			    &unknown);
	if (err) {
		log_error("channels: %s", ockam_nl_error(the.nl));
		return err;
	}
	TAILQ_FOREACH_SAFE(r, &all, entry, next) {
		if (r->id)
			count_in(r);
		else
			record_free(r);
	}
	if (unknown)
		log_warn("%zu channels to identities are not looked after: " STATE_FILE " does not say what permits them (another program's, or the file was lost); 'ockamctl channel del' ends them",
			 unknown);
	err = write_anew();
	if (!err && n_all)
		log_info("%zu channels of the process before are looked after",
			 n_all);
	return err;
}

/* ---- those that end ---- */

static const char astray_text[] =
	"it leads through a channel of another user now";

/*
 * A channel that cannot be deleted, or is not because we are killed, is not forgotten:
 * it will be looked at again.
 */
static int end_channel(struct record *r, const char *why)
{
	const uint32_t id = r->id;
	int err;

	/* Its last word would go that way, too. */
	err = why == astray_text ? channels_delete_quiet(id) :
				   channels_delete(id);
	if (err) {
		due = n_all;
		return err;
	}
	/* How often that is, peers decide. */
	if (r->permit.by != PERMIT_LISTENER || may_log())
		log_info("channel %u to %s is closed: %s", id,
			 who_text(r->permit.peer), why);
	record_end(r);
	services_channel_lost(id, why);
	return 0;
}

int permits_close(uint32_t id, const char *why)
{
	struct record *r = find_id(id);

	return r ? end_channel(r, why) : -ENOENT;
}

/*
 * What its owner may not send through he cannot reach by way of the channel either,
 * whatever the names in its route are of since.
 */
static bool leads_astray(const struct record *r)
{
	const struct asker owner = {
		.uid = r->permit.owner,
		.gid = r->permit.gid,
	};
	static struct ockam_nl_channel ch;
	static struct ockam_path path;

	if (asker_is_admin(&owner))
		return false;
	memset(&ch, 0, sizeof(ch));
	ch.id = r->id;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	return !ockam_nl_channel_get(the.nl, &ch) &&
	       !x3dh_path(&path, ch.route.data, ch.route.len) &&
	       way_is_astray(&path, &owner);
}

static const char *refusal(const struct record *r)
{
	const char *why = permit_refusal(&r->permit, the.config);

	if (!why && leads_astray(r))
		why = astray_text;
	return why;
}


void permits_recheck_listener(const struct ockam_path *address)
{
	const size_t len = path_first(address);
	struct record *r, *next;
	const char *why;

	TAILQ_FOREACH_SAFE(r, &all, entry, next) {
		if (!r->id || r->permit.by != PERMIT_LISTENER ||
		    r->permit.name_len != len ||
		    memcmp(r->permit.name, address->hops, len))
			continue;
		why = permit_refusal(&r->permit, the.config);
		if (why)
			end_channel(r, why);
	}
}

static const char *newer = "the peer has another key since";

/* Which it has shown a newer history for. */
static void end_older(const struct record *latest)
{
	const struct permit *p = &latest->permit;
	struct record *r, *next;

	for (r = LIST_NEXT(latest, by_peer); r; r = next) {
		next = LIST_NEXT(r, by_peer);
		if (!r->id || memcmp(r->permit.peer, p->peer, sizeof(p->peer)))
			continue;
		/* It has ended those before it. */
		if (!memcmp(r->permit.known, p->known, sizeof(p->known)))
			return;
		end_channel(r, newer);
	}
}

static void end_all_older(void)
{
	struct record *r;

	/* They are among the last. */
	TAILQ_FOREACH_REVERSE(r, &all, head, entry) {
		if (!n_latest)
			break;
		if (!r->latest)
			continue;
		r->latest = false;
		n_latest--;
		end_older(r);
	}
}

/*
 * What it has learned otherwise: imported, or from a handshake that failed.  Each
 * one once at most, and the next time those that there was no time for.
 */
static void check_known(void)
{
	const uint64_t until = now_ms() + CHECK_BUSY_MS;
	size_t n = n_all;
	struct record *r;
	const char *why;

	while (n-- && n_all && now_ms() < until) {
		r = cursor ? cursor : TAILQ_FIRST(&all);
		cursor = TAILQ_NEXT(r, entry);
		if (due)
			due--;
		if (!r->id)
			continue;
		why = refusal(r);
		if (!why && permit_is_outdated(&r->permit))
			why = newer;
		if (why)
			end_channel(r, why);
	}
}

/*
 * What the configuration says is asked of all at once.  For where they lead the kernel
 * has to be asked, which takes its time, and it looks itself at each message.
 */
void permits_apply(const struct config *c)
{
	struct record *r, *next;
	const char *why;

	room_apply(c->max_channels);
	TAILQ_FOREACH_SAFE(r, &all, entry, next) {
		why = r->id ? permit_refusal(&r->permit, c) : NULL;
		if (why)
			end_channel(r, why);
	}
	due = n_all;
	cursor = NULL;
	check_known();
}

static void check_time(void)
{
	const uint64_t now = now_seconds();
	struct record *r, *next;

	TAILQ_FOREACH_SAFE(r, &all, entry, next)
		if (r->id && r->permit.expires <= now)
			end_channel(r, permit_refusal(&r->permit, the.config));
}

void permits_tick(void)
{
	room_tick();
	if (n_latest)
		end_all_older();
	if (now_ms() >= next_check) {
		next_check = now_ms() + CHECK_MS;
		check_time();
	} else if (!due) {
		return;
	}
	check_known();
}

/* ---- what was missed ---- */

static int note_seen(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct record *r = find_id(ch->id);

	(void)arg;
	if (r)
		r->seen = true;
	return 0;
}

int permits_check(void)
{
	struct ockam_nl_channel filter = { 0 };
	struct record *r, *next;
	int err;

	TAILQ_FOREACH(r, &all, entry)
		r->seen = false;
	err = ockam_nl_dump(the.nl, OCKAM_NL_CHANNEL, &filter, note_seen, NULL);
	if (err) {
		log_error("channels: %s", ockam_nl_error(the.nl));
		return err;
	}
	/* Nobody frees another one. */
	TAILQ_FOREACH_SAFE(r, &all, entry, next)
		if (r->id && !r->seen)
			services_channel_gone(r->id);
	return 0;
}

/* The file stays, for the next process. */
void permits_end(void)
{
	struct record *r, *next;

	TAILQ_FOREACH_SAFE(r, &all, entry, next)
		record_free(r);
	if (journal)
		fclose(journal);
	journal = NULL;
}
