// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What a prekey service gives to whom: by requests as they come over a channel,
 * with a store that can fail, and restarts in between.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "exchange.h"
#include "ident_err.h"
#include "known.h"
#include "postbox.h"
#include "tap.h"

#define NOW	1700000100ULL

/* ---- a store in memory ---- */

static struct {
	uint8_t id[32];
	uint8_t *p;
	size_t len;
} kept[8];
static unsigned int n_kept, saves;
static bool fail_save;
static size_t most_box;	/* bytes of one save */

static int save(void *ctx, const uint8_t id[32], const uint8_t *buf,
		size_t len)
{
	unsigned int i;

	(void)ctx;
	saves++;
	if (fail_save)
		return -1;
	if (len > most_box)
		most_box = len;
	for (i = 0; i < n_kept; i++)
		if (!memcmp(kept[i].id, id, 32))
			break;
	MUST(i < 8);
	if (i == n_kept)
		n_kept++;
	memcpy(kept[i].id, id, 32);
	free(kept[i].p);
	kept[i].p = malloc(len + 1);
	MUST(kept[i].p);
	if (len)
		memcpy(kept[i].p, buf, len);
	kept[i].len = len;
	return 0;
}

static struct {
	uint8_t id[32];
	uint64_t number;
	uint8_t *p;
	size_t len;
} mail[512];
static unsigned int n_mail;
static size_t most;	/* bytes of one save */

static int save_letter(void *ctx, const uint8_t id[32], uint64_t number,
		       const uint8_t *buf, size_t len)
{
	unsigned int i;

	(void)ctx;
	saves++;
	if (fail_save)
		return -1;
	if (len > most)
		most = len;
	for (i = 0; i < n_mail; i++)
		if (mail[i].number == number && !memcmp(mail[i].id, id, 32))
			break;
	MUST(i < 512 && (buf || i < n_mail));
	if (!buf) {
		free(mail[i].p);
		mail[i] = mail[--n_mail];
		return 0;
	}
	MUST(i == n_mail);
	n_mail++;
	memcpy(mail[i].id, id, 32);
	mail[i].number = number;
	mail[i].p = malloc(len);
	MUST(mail[i].p);
	memcpy(mail[i].p, buf, len);
	mail[i].len = len;
	return 0;
}

static struct postbox *pb;
static size_t max_owners, max_bytes;

static void start(void)
{
	const struct postbox_store store = { .save = save,
					       .letter = save_letter };
	unsigned int i;

	postbox_free(pb);
	pb = postbox_new(&store, max_owners, max_bytes);
	MUST(pb);
	for (i = 0; i < n_kept; i++)
		if (kept[i].len)
			MUST(!postbox_restore(pb, kept[i].p, kept[i].len));
	/* In any order. */
	for (i = n_mail; i--;)
		MUST(!postbox_restore_letter(pb, mail[i].id, mail[i].p,
					     mail[i].len));
}

static void forget(void)
{
	while (n_kept) {
		free(kept[--n_kept].p);
		kept[n_kept].p = NULL;
	}
	while (n_mail)
		free(mail[--n_mail].p);
	fail_save = false;
	start();
}

/* ---- requests ---- */

static uint8_t answer[1 << 20];
static uint64_t now = NOW;

/**
 * struct reply - an answer taken apart
 * @err:    its result
 * @r:      its fields
 * @fields: how many
 */
struct reply {
	int err;
	struct ocb_reader r;
	uint64_t fields;
};

static const uint8_t *source;

static void ask(const uint8_t *who, const struct ocb_writer *req,
		struct reply *rep)
{
	uint64_t number, err;
	struct ocb_writer w;
	struct ocb_list l;
	int ret;

	MUST(!req->full);
	ocb_writer_init(&w, answer, sizeof(answer));
	ret = postbox_serve(pb, &(struct postbox_asker){
			.id = who, .source = source,
			.route = (const uint8_t *)"way",
			.route_len = 3 }, req->buf, req->len, now, &w);
	MUST(!w.full);
	ocb_reader_init(&rep->r, answer, w.len);
	MUST(!ocb_list_begin(&rep->r, &l) && l.left == 2);
	MUST(!ocb_get_uint(&rep->r, &number) &&
	     !ocb_enum_begin(&rep->r, &err, &l));
	MUST((uint64_t)ret == err && number == 77);
	rep->err = ret;
	rep->fields = l.left;
}

static void head(struct ocb_writer *w, enum postbox_op op, size_t fields)
{
	static uint8_t buf[1 << 19];

	ocb_writer_init(w, buf, sizeof(buf));
	ocb_put_array(w, 2);
	ocb_put_uint(w, 77);
	ocb_put_array(w, 2);
	ocb_put_uint(w, op);
	ocb_put_array(w, fields);
}

/* One-time prekeys @from to @to of @id, for its first signed prekey. */
static int publish(const struct identity *id, const struct prekeys *pk,
		   const uint8_t *who, unsigned int from, unsigned int to)
{
	uint8_t buf[ONE_TIME_MAX];
	struct ocb_writer w, o;
	struct reply rep;
	unsigned int i;

	head(&w, POSTBOX_PUBLISH, 2);
	ocb_put_bytes(&w, pk->spk[0].bundle, pk->spk[0].bundle_len);
	ocb_put_array(&w, to - from);
	for (i = from; i < to; i++) {
		ocb_writer_init(&o, buf, sizeof(buf));
		MUST(!prekeys_one_time(pk, id, i, &o));
		ocb_put_bytes(&w, buf, o.len);
	}
	ask(who, &w, &rep);
	return rep.err;
}

/* The bundle that is there, and a one-time prekey without a good signature. */
static int publish_forged(const struct prekeys *pk, const uint8_t *who)
{
	static const uint8_t key[32] = { 9 };
	struct identity *other = known_peer(0x66, 0x10);
	uint8_t buf[ONE_TIME_MAX];
	struct ocb_writer w, o;
	struct reply rep;

	head(&w, POSTBOX_PUBLISH, 2);
	ocb_put_bytes(&w, pk->spk[0].bundle, pk->spk[0].bundle_len);
	ocb_put_array(&w, 1);
	ocb_writer_init(&o, buf, sizeof(buf));
	MUST(!one_time_make(other, pk->spk[0].id, 0, key, &o));
	ocb_put_bytes(&w, buf, o.len);
	identity_put(other);
	ask(who, &w, &rep);
	return rep.err;
}

/* Number of the one-time prekey, -1 without one, or -1000 and the error. */
static long fetch(const uint8_t *who, const uint8_t *target)
{
	struct ocb_writer w;
	struct reply rep;
	struct one_time o;
	const uint8_t *p;
	struct bundle b;
	size_t len;

	head(&w, POSTBOX_FETCH, 1);
	ocb_put_bytes(&w, target, 32);
	ask(who, &w, &rep);
	if (rep.err)
		return -1000 - rep.err;
	MUST(rep.fields == 2 && !ocb_get_bytes(&rep.r, &p, &len) &&
	     !bundle_read(p, len, &b) && !memcmp(b.identifier, target, 32));
	if (ocb_take_null(&rep.r))
		return -1;
	MUST(!ocb_get_bytes(&rep.r, &p, &len) && !one_time_read(p, len, &o) &&
	     o.prekey_id == b.prekey_id);
	return (long)o.id;
}

static int deposit(const uint8_t *who, const uint8_t *target, const void *msg,
		   size_t len)
{
	struct ocb_writer w;
	struct reply rep;

	head(&w, POSTBOX_DEPOSIT, 2);
	ocb_put_bytes(&w, target, 32);
	ocb_put_bytes(&w, msg, len);
	ask(who, &w, &rep);
	return rep.err;
}

static long collect(const uint8_t *who, uint64_t from, uint8_t sender[32],
		    const uint8_t **msg, size_t *len)
{
	struct ocb_writer w;
	const uint8_t *route;
	struct reply rep;
	uint64_t number;
	size_t n;

	head(&w, POSTBOX_COLLECT, 1);
	ocb_put_uint(&w, from);
	ask(who, &w, &rep);
	if (rep.err)
		return -1000 - rep.err;
	MUST(rep.fields == 4 && !ocb_get_uint(&rep.r, &number) &&
	     !ocb_get_fixed(&rep.r, sender, 32) &&
	     !ocb_get_bytes(&rep.r, msg, len) &&
	     !ocb_get_bytes(&rep.r, &route, &n) && n == 3 &&
	     !memcmp(route, "way", 3));
	return (long)number;
}

static int acknowledge(const uint8_t *who, uint64_t number)
{
	struct ocb_writer w;
	struct reply rep;

	head(&w, POSTBOX_ACKNOWLEDGE, 1);
	ocb_put_uint(&w, number);
	ask(who, &w, &rep);
	return rep.err;
}

/* That of a message which is gone at once. */
static unsigned int next_number(const uint8_t *who, const uint8_t *from)
{
	const uint8_t *msg;
	uint8_t sender[32];
	size_t len;
	long n;

	MUST(!deposit(from, who, "n", 1));
	n = collect(who, 0, sender, &msg, &len);
	MUST(n >= 0 && !acknowledge(who, (uint64_t)n));
	return (unsigned int)n;
}

/* ---- parties ---- */

static struct identity *bob, *eve;
static struct prekeys *pk;
static uint8_t alice_id[32], carol_id[32];

static void parties(void)
{
	bool changed;

	bob = known_peer(0x22, 1);
	eve = known_peer(0x66, 0x10);
	memset(alice_id, 0xaa, 32);
	memset(carol_id, 0xcc, 32);
	pk = prekeys_new(bob->history.identifier);
	MUST(pk && !prekeys_refresh(pk, bob, NOW, false, &changed) &&
	     !prekeys_refill(pk, 20, &changed));
}

static const uint8_t *bob_id(void)
{
	return bob->history.identifier;
}

static void test_publish(void)
{
	struct prekeys *others = prekeys_new(eve->history.identifier);
	unsigned int was;
	bool changed;

	MUST(others && !prekeys_refresh(others, eve, NOW, false, &changed));
	forget();
	OK(fetch(alice_id, bob_id()) == -1000 - POSTBOX_E_UNKNOWN,
	   "nothing is kept for a stranger");
	OK(publish(bob, pk, NULL, 0, 2) == POSTBOX_E_AUTH &&
	   publish(bob, pk, eve->history.identifier, 0, 2) == POSTBOX_E_AUTH &&
	   !saves && !n_kept,
	   "only through a channel of the identity itself");
	OK(!publish(bob, pk, bob_id(), 0, 10) && n_kept == 1, "published");
	was = saves;
	OK(publish(bob, pk, bob_id(), 5, 12) == POSTBOX_E_OLDER &&
	   saves == was, "no one-time prekey twice");
	OK(fetch(alice_id, bob_id()) == 0 && fetch(alice_id, bob_id()) == 1,
	   "and what was refused changed nothing");
	OK(!publish(bob, pk, bob_id(), 10, 12), "more of them");
	was = saves;
	OK(!publish(bob, pk, bob_id(), 12, 12) && saves == was,
	   "the question how many are left writes nothing");

	/* An older bundle, and a damaged one. */
	{
		struct prekeys *old = pk;

		pk = prekeys_new(bob_id());
		MUST(pk);
		pk->last = old->last;
		MUST(!prekeys_refresh(pk, bob, NOW, true, &changed) &&
		     !prekeys_refill(pk, 20, &changed));
		OK(!publish(bob, pk, bob_id(), 0, 1), "a newer bundle");
		OK(publish(bob, old, bob_id(), 0, 0) == POSTBOX_E_OLDER,
		   "then the older one is refused");
		OK(fetch(carol_id, bob_id()) == 0 &&
		   fetch(carol_id, bob_id()) == -1,
		   "one-time prekeys of the older one are gone");
		prekeys_free(old);
	}
	was = saves;
	pk->spk[0].bundle[40] ^= 1;
	OK(publish(bob, pk, bob_id(), 0, 0) && saves == was,
	   "a damaged bundle is refused");
	pk->spk[0].bundle[40] ^= 1;

	OK(publish_forged(pk, bob_id()) == POSTBOX_E_OLDER,
	   "what an older bundle or prekey says is not even verified");

	max_owners = 1;
	start();
	OK(publish(eve, others, eve->history.identifier, 0, 0) ==
	   POSTBOX_E_FULL && !publish(bob, pk, bob_id(), 1, 2),
	   "a full service takes no more owners, but renews those it has");
	max_owners = 0;
	prekeys_free(others);
}

static void test_one_time(void)
{
	uint8_t who[32] = { 0 };
	unsigned int i, got = 0;
	bool seen[20] = { false };
	long n;

	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 20));
	OK(fetch(NULL, bob_id()) == -1, "no one-time prekey for just anybody");
	for (i = 0; i < 3 * POSTBOX_FETCHER_QUOTA; i++) {
		n = fetch(alice_id, bob_id());
		if (n >= 0) {
			got += !seen[n];
			seen[n] = true;
		}
		if (i % 2)
			start();
	}
	OK(got == POSTBOX_FETCHER_QUOTA,
	   "one identifier gets %u, also after restarts", got);
	for (i = 0; i < 10; i++) {
		randombytes_buf(who, sizeof(who));
		n = fetch(who, bob_id());
		MUST(n >= 0 && !seen[n]);
		seen[n] = true;
	}
	OK(fetch(alice_id, bob_id()) == -1, "others get the rest, each once");
	fail_save = true;
	n = fetch(carol_id, bob_id());
	fail_save = false;
	OK(n == -1, "none is given away that might come back");
	for (i = 0; i < 20; i++) {
		randombytes_buf(who, sizeof(who));
		n = fetch(who, bob_id());
		if (n >= 0) {
			MUST(!seen[n]);
			seen[n] = true;
		}
	}
	OK(n == -1, "when they have run out there is the bundle alone");
	start();
	OK(publish(bob, pk, bob_id(), 0, 20) == POSTBOX_E_OLDER &&
	   publish(bob, pk, bob_id(), 19, 20) == POSTBOX_E_OLDER,
	   "none that was given away is taken again");
}

static void test_mail(void)
{
	static uint8_t big[POSTBOX_MESSAGE_MAX];
	const uint8_t *msg;
	uint8_t from[32], who[32];
	unsigned int i;
	size_t len;
	int err;

	forget();
	OK(deposit(alice_id, bob_id(), "x", 1) == POSTBOX_E_UNKNOWN,
	   "no mail for a stranger");
	MUST(!publish(bob, pk, bob_id(), 0, 0));
	OK(deposit(NULL, bob_id(), "x", 1) == POSTBOX_E_AUTH,
	   "no mail from just anybody");
	OK(deposit(alice_id, bob_id(), "", 0) == POSTBOX_E_REQUEST,
	   "no empty message");
	OK(!deposit(alice_id, bob_id(), "one", 3) &&
	   !deposit(carol_id, bob_id(), "two", 3), "two messages");
	start();
	OK(collect(alice_id, 0, from, &msg, &len) ==
	   -1000 - POSTBOX_E_UNKNOWN &&
	   collect(NULL, 0, from, &msg, &len) == -1000 - POSTBOX_E_AUTH,
	   "not for others");
	OK(collect(bob_id(), 0, from, &msg, &len) == 0 && len == 3 &&
	   !memcmp(msg, "one", 3) && !memcmp(from, alice_id, 32),
	   "the first, after a restart");
	OK(collect(bob_id(), 0, from, &msg, &len) == 0,
	   "again, for it was not acknowledged");
	OK(acknowledge(alice_id, 0) == POSTBOX_E_UNKNOWN &&
	   acknowledge(NULL, 0) == POSTBOX_E_AUTH,
	   "others acknowledge nothing");
	fail_save = true;
	OK(deposit(alice_id, bob_id(), "three", 5) == POSTBOX_E_STORE,
	   "what cannot be kept is refused");
	fail_save = false;
	OK(!acknowledge(bob_id(), 0) && !acknowledge(bob_id(), 0) &&
	   collect(bob_id(), 0, from, &msg, &len) == 1 &&
	   !memcmp(msg, "two", 3) && !memcmp(from, carol_id, 32),
	   "acknowledged it is gone, and the next one comes");
	start();
	OK(collect(bob_id(), 0, from, &msg, &len) == 1, "for good");
	OK(!deposit(alice_id, bob_id(), "four", 4) &&
	   collect(bob_id(), 2, from, &msg, &len) == 2 && len == 4,
	   "numbers go on");

	/* Nobody fills it alone; all together up to a limit. */
	for (i = 0, err = 0; !err && i < 100; i++)
		err = deposit(alice_id, bob_id(), "spam", 4);
	OK(err == POSTBOX_E_QUOTA && i == POSTBOX_SENDER_QUOTA,
	   "a sender has a quota");
	OK(!deposit(carol_id, bob_id(), "five", 4), "others are not concerned");
	memset(who, 0xee, sizeof(who));
	for (i = 0, err = 0; !err && i < 100; i++)
		err = deposit(who, bob_id(), big, sizeof(big));
	OK(err == POSTBOX_E_QUOTA && i == 1 + POSTBOX_SENDER_BYTES / sizeof(big),
	   "its bytes as well");
	for (i = 0, err = 0; !err && i < 1000; i++) {
		memset(who, 0, sizeof(who));
		who[0] = (uint8_t)(i / 4);
		who[1] = 1;
		err = deposit(who, bob_id(), big, sizeof(big));
	}
	OK(err == POSTBOX_E_FULL && i <= POSTBOX_BYTES / sizeof(big) + 1,
	   "bytes are bounded");
	i = saves;
	OK(deposit(who, bob_id(), big, sizeof(big)) == POSTBOX_E_FULL &&
	   saves == i, "a refusal writes nothing");
	OK(most < 2 * sizeof(big) && most_box < sizeof(big),
	   "nothing is written beside what has changed: %zu, %zu bytes", most,
	   most_box);
	start();
	for (i = 0; collect(bob_id(), 0, from, &msg, &len) >= 0; i++)
		MUST(!acknowledge(bob_id(), collect(bob_id(), 0, from, &msg,
						    &len)));
	OK(i > 20 && !n_mail, "all of it is collected after a restart");
	i = next_number(bob_id(), alice_id);
	start();
	OK(next_number(bob_id(), alice_id) == i + 1 && i > 20,
	   "and no number comes twice, whatever is left: %u", i);
}

/* How many identities from one place leave something until they have their share. */
static unsigned int crowd(uint8_t place, const void *msg, size_t len, int *err)
{
	static uint8_t at[POSTBOX_SOURCE_LEN];
	uint8_t who[32] = { 0 };
	unsigned int i;

	memset(at, place, sizeof(at));
	source = at;
	for (i = 0, *err = 0; !*err && i < 1000; i++) {
		memset(who, 0xaa, sizeof(who));
		who[0] = (uint8_t)i;
		who[1] = (uint8_t)(i >> 8);
		who[2] = place;
		*err = deposit(who, bob_id(), msg, len);
	}
	source = NULL;
	return i - 1;
}

/* Identities cost nothing: a place has a share, however many come from there. */
static void test_places(void)
{
	static uint8_t big[POSTBOX_MESSAGE_MAX];
	unsigned int i, n, all = 0, last = 1000;
	struct reply rep;
	struct ocb_writer w;
	uint8_t who[32];
	int err;

	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 0));
	for (i = 1; i <= 8; i++) {
		n = crowd((uint8_t)i, "x", 1, &err);
		OK(err == POSTBOX_E_QUOTA && n && n <= last,
		   "place %u leaves %u messages: %d", i, n, err);
		last = n;
		all += n;
	}
	OK(all < POSTBOX_MESSAGES, "all of them leave room");
	start();
	n = crowd(1, "x", 1, &err);
	OK(!n && err == POSTBOX_E_QUOTA, "a restart forgets none of it");
	n = crowd(9, "x", 1, &err);
	OK(n, "for another one");

	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 0));
	n = crowd(1, big, sizeof(big), &err);
	OK(err == POSTBOX_E_QUOTA && n < POSTBOX_BYTES / sizeof(big) / 2,
	   "bytes have shares, too: %u", n);
	n = crowd(2, big, sizeof(big), &err);
	OK(n, "and leave room: %u", n);

	/* One-time prekeys. */
	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 8));
	for (i = 0, n = 0; i < 100; i++) {
		memset(who, 0xbb, sizeof(who));
		who[0] = (uint8_t)i;
		head(&w, POSTBOX_FETCH, 1);
		ocb_put_bytes(&w, bob_id(), 32);
		source = big;
		ask(who, &w, &rep);
		source = NULL;
		MUST(!rep.err && !ocb_skip(&rep.r));
		n += !ocb_take_null(&rep.r);
	}
	OK(n && n < 8, "one-time prekeys for one place: %u of 8", n);
	ask(alice_id, &w, &rep);
	MUST(!rep.err && !ocb_skip(&rep.r));
	OK(!ocb_take_null(&rep.r), "and one for who comes from elsewhere");
}

/* All boxes together have a limit, too; nobody's is closed by those of others. */
static void test_all(void)
{
	struct prekeys *others = prekeys_new(eve->history.identifier);
	static uint8_t big[POSTBOX_LEAST_BYTES / 2];
	const uint8_t *eve_id = eve->history.identifier;
	unsigned int was;
	bool changed;

	MUST(others && !prekeys_refresh(others, eve, NOW, false, &changed));
	max_bytes = 4 * sizeof(big);
	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 0));
	MUST(!publish(eve, others, eve_id, 0, 0));
	OK(!deposit(alice_id, bob_id(), big, sizeof(big)) &&
	   !deposit(alice_id, bob_id(), big, sizeof(big)) &&
	   !deposit(alice_id, bob_id(), big, sizeof(big)) &&
	   !deposit(alice_id, bob_id(), big, sizeof(big)),
	   "one box takes all there is");
	was = saves;
	OK(deposit(carol_id, bob_id(), "x", 1) == POSTBOX_E_FULL &&
	   saves == was, "and no more");
	OK(!deposit(carol_id, eve_id, big, sizeof(big)) &&
	   !deposit(carol_id, eve_id, big, sizeof(big)),
	   "another one still has a little");
	OK(deposit(carol_id, eve_id, "x", 1) == POSTBOX_E_FULL, "not more");
	OK(!acknowledge(bob_id(), 0) && !acknowledge(bob_id(), 1) &&
	   !acknowledge(bob_id(), 2) &&
	   !deposit(carol_id, eve_id, "x", 1), "until there is room again");
	max_bytes = 0;
	prekeys_free(others);
}

static void test_damage(void)
{
	uint8_t req[4096];
	unsigned int i, was, bad = 0;
	struct ocb_writer w, a;
	size_t len;
	struct postbox_asker asker = { 0 };

	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 5));
	head(&w, POSTBOX_PUBLISH, 2);
	ocb_put_bytes(&w, pk->spk[0].bundle, pk->spk[0].bundle_len);
	ocb_put_array(&w, 0);
	len = w.len;
	MUST(len < sizeof(req));
	was = saves;
	asker.id = bob_id();
	for (i = 0; i < len; i++) {
		memcpy(req, w.buf, len);
		req[i] ^= (uint8_t)(1 << tap_random() % 8);
		ocb_writer_init(&a, answer, sizeof(answer));
		/* The number of the request may be any. */
		bad += !postbox_serve(pb, &asker, req, len, NOW, &a) &&
		       i != 2;
		ocb_writer_init(&a, answer, sizeof(answer));
		bad += !postbox_serve(pb, &asker, w.buf, i, NOW, &a);
	}
	OK(!bad && saves - was <= 1, "%zu requests damaged or cut are refused",
	   2 * len);
	for (i = 0, bad = 0; i < kept[0].len; i++)
		bad += !postbox_restore(pb, kept[0].p, i);
	OK(!bad && postbox_restore(pb, kept[0].p, kept[0].len) ==
	   POSTBOX_E_REQUEST, "so are files, and a second box of one owner");
}

static void test_expire(void)
{
	const uint8_t *msg;
	uint8_t from[32];
	size_t len;

	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 5) &&
	     !deposit(alice_id, bob_id(), "x", 1));
	postbox_expire(pb, NOW + BUNDLE_SECONDS + 100);
	OK(collect(bob_id(), 0, from, &msg, &len) == 0,
	   "a box with mail stays");
	now = pk->spk[0].expires + 1;
	OK(deposit(alice_id, bob_id(), "y", 1) == POSTBOX_E_UNKNOWN,
	   "but takes no more when its bundle has ended");
	now = NOW;
	postbox_expire(pb, NOW + POSTBOX_LETTER_SECONDS + 1);
	OK(collect(bob_id(), 0, from, &msg, &len) ==
	   -1000 - POSTBOX_E_UNKNOWN, "but not for ever");
	forget();
	MUST(!publish(bob, pk, bob_id(), 0, 5) &&
	     !deposit(alice_id, bob_id(), "x", 1));
	MUST(!acknowledge(bob_id(), 0));
	postbox_expire(pb, NOW);
	OK(fetch(alice_id, bob_id()) == 0, "so does one with a bundle");
	postbox_expire(pb, NOW + BUNDLE_SECONDS + 100);
	OK(fetch(alice_id, bob_id()) == -1000 - POSTBOX_E_UNKNOWN &&
	   !kept[0].len, "an empty one goes, and its file");
}

int main(void)
{
	MUST(sodium_init() >= 0);
	tap_seed();
	fixed_random_init();
	parties();
	test_publish();
	test_one_time();
	test_mail();
	test_places();
	test_all();
	test_damage();
	test_expire();
	forget();
	postbox_free(pb);
	prekeys_free(pk);
	identity_put(bob);
	identity_put(eve);
	return tap_done();
}
