// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: whoever lies in X3DH, step by step, with
 * files in between.  STORE is a key store of its own (keystore.h), made when it is
 * not there; FILE.bundle, FILE.one and FILE.first are made from FILE.
 *
 *	lib_x3dh id STORE NAME		makes it if need be, prints its identifier
 *	lib_x3dh prekeys STORE NAME	what is in its file: for each signed prekey
 *					numbers, and how much of each there is
 *	lib_x3dh fill STORE NAME	no room for records any more
 *	lib_x3dh listener ROUTE FILE	asks a listener for its bundle
 *	lib_x3dh fetch ROUTE ID FILE	asks a prekey service
 *	lib_x3dh first STORE NAME FILE WORKER TEXT
 *					FILE.first from FILE.bundle and FILE.one
 *	lib_x3dh lie LIE IN OUT		a first message, changed
 *	lib_x3dh lies			the lies it knows
 *	lib_x3dh send ROUTE FILE MS	sends it, and says what is answered
 *	lib_x3dh drain ROUTE FILE N	sends garbage for each of N one-time prekeys
 *	lib_x3dh publish ROUTE FILE	FILE.bundle without one-time prekeys
 *	lib_x3dh deposit ROUTE ID FILE N
 *					so often
 *	lib_x3dh collect ROUTE
 *	lib_x3dh acknowledge ROUTE NUMBER
 *	lib_x3dh serve ADDRESS STORE	a prekey service that lies about the
 *					identity "target" of STORE; told so by
 *					"lie NAME", asked by "report" for what
 *					was left there since
 *	lib_x3dh answer ADDRESS STORE ROUTE
 *					a responder, the identity "target" of
 *					STORE, whose answers name ROUTE as the
 *					way back
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include <ockam/ockam.h>

#include "exchange.h"
#include "ident_err.h"
#include "keystore.h"
#include "no_store.h"
#include "postbox.h"
#include "tap.h"

#define ANSWER_MS	30000
#define DAY		86400
#define ROOM		(POSTBOX_MESSAGE_MAX + BUNDLE_MAX)

static uint8_t msg[ROOM];

static int die(const char *what)
{
	fprintf(stderr, "lib_x3dh: %s: %s\n", what, ockam_error());
	exit(1);
}

/* ---- files ---- */

static const char *path(const char *file, const char *suffix)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%s%s", file, suffix);
	return text;
}

/* Its length; 0 if it is not there. */
static size_t load(const char *file, const char *suffix, uint8_t *buf,
		   size_t cap)
{
	FILE *f = fopen(path(file, suffix), "rb");
	size_t n;

	if (!f)
		return 0;
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

static void save(const char *file, const char *suffix, const uint8_t *buf,
		 size_t len)
{
	FILE *f = fopen(path(file, suffix), "wb");

	MUST(f && fwrite(buf, 1, len, f) == len && !fclose(f));
}

/* Old enough for bundles that have ended. */
static struct identity *identity(const char *store, const char *name)
{
	struct identity *id = NULL;
	uint64_t now = time(NULL);
	struct keystore *ks;
	int err;

	MUST(!keystore_open(store, true, 0, &ks));
	err = keystore_load(ks, name, now, &id);
	if (err == -ENOENT)
		err = keystore_create(ks, name, now - 60 * DAY, &id);
	MUST(!err && id);
	keystore_close(ks);
	return id;
}

static int print_id(const char *store, const char *name)
{
	struct identity *id = identity(store, name);
	char text[IDENT_ID_TEXT_LEN + 1];

	ident_id_print(id->history.identifier, text);
	puts(text);
	identity_put(id);
	return 0;
}

static int print_prekeys(const char *store, const char *name)
{
	struct keystore *ks;
	struct prekeys *pk;
	unsigned int i;
	int err;

	MUST(!keystore_open(store, false, 0, &ks));
	err = keystore_prekeys_load(ks, name, &pk);
	keystore_close(ks);
	if (err) {
		fprintf(stderr, "lib_x3dh: %s\n", strerror(-err));
		return 1;
	}
	for (i = 0; i < pk->n; i++)
		printf("signed %llu one-time %u records %u\n",
		       (unsigned long long)pk->spk[i].id,
		       pk->spk[i].n_one_time, pk->spk[i].n_records);
	prekeys_free(pk);
	return 0;
}

static int fill(const char *store, const char *name)
{
	uint8_t record[PREKEYS_RECORD_LEN], peer[IDENT_ID_LEN];
	struct keystore *ks;
	struct prekeys *pk;

	MUST(!keystore_open(store, false, 0, &ks));
	MUST(!keystore_prekeys_load(ks, name, &pk) && pk->n);
	do {
		randombytes_buf(record, sizeof(record));
		randombytes_buf(peer, sizeof(peer));
	} while (!prekeys_record(&pk->spk[0], record, peer));
	MUST(!keystore_prekeys_save(ks, name, pk));
	keystore_close(ks);
	prekeys_free(pk);
	return 0;
}

/* ---- requests ---- */

static int open_socket(void)
{
	int fd = ockam_socket();

	if (fd < 0)
		die("socket");
	return fd;
}

static void begin(struct ocb_writer *w, bool listener, enum postbox_op op,
		  size_t fields)
{
	static uint8_t room[ROOM + 256];

	ocb_writer_init(w, room, sizeof(room));
	if (listener)
		ocb_put_raw(w, X3DH_NAME, X3DH_NAME_LEN);
	ocb_put_array(w, 2);
	ocb_put_uint(w, 7);
	ocb_put_array(w, 2);
	ocb_put_uint(w, op);
	ocb_put_array(w, fields);
}

/* The fields of the answer in @r; if it is a refusal that is told, and the end. */
static void ask(const char *route, const struct ocb_writer *w,
		struct ocb_reader *r)
{
	struct pollfd pfd = { .fd = open_socket(), .events = POLLIN };
	uint64_t number, result;
	struct ocb_list l;
	ssize_t n;

	MUST(!w->full);
	if (ockam_send(pfd.fd, route, w->buf, w->len) < 0)
		die("send");
	if (poll(&pfd, 1, ANSWER_MS) != 1) {
		puts("no answer");
		exit(1);
	}
	n = ockam_recv(pfd.fd, msg, sizeof(msg), NULL, 0);
	if (n < 0)
		die("receive");
	ocb_reader_init(r, msg, n);
	MUST(!ocb_list_begin(r, &l) && !ocb_get_uint(r, &number) &&
	     number == 7 && !ocb_enum_begin(r, &result, &l));
	close(pfd.fd);
	if (!result)
		return;
	printf("refused: %s\n", postbox_strerror(result));
	exit(1);
}

static void target(const char *text, uint8_t id[IDENT_ID_LEN])
{
	MUST(!ident_id_parse(text, id));
}

static int got_bundle(struct ocb_reader *r, const char *file)
{
	struct one_time o = { 0 };
	struct bundle b;
	const uint8_t *p;
	size_t len;

	MUST(!ocb_get_bytes(r, &p, &len) && !bundle_read(p, len, &b));
	save(file, ".bundle", p, len);
	unlink(path(file, ".one"));
	printf("bundle %llu", (unsigned long long)b.sequence);
	if (ocb_take_null(r)) {
		puts(" one-time none");
		return 0;
	}
	MUST(!ocb_get_bytes(r, &p, &len) && !one_time_read(p, len, &o));
	save(file, ".one", p, len);
	printf(" one-time %llu\n", (unsigned long long)o.id);
	return 0;
}

static int fetch(bool listener, const char *route, const char *id,
		 const char *file)
{
	uint8_t whose[IDENT_ID_LEN] = { 0 };
	struct ocb_reader r;
	struct ocb_writer w;

	if (id)
		target(id, whose);
	begin(&w, listener, POSTBOX_FETCH, 1);
	ocb_put_bytes(&w, whose, sizeof(whose));
	ask(route, &w, &r);
	return got_bundle(&r, file);
}

static int publish(const char *route, const char *file)
{
	static uint8_t bundle[BUNDLE_MAX];
	size_t len = load(file, ".bundle", bundle, sizeof(bundle));
	struct ocb_reader r;
	struct ocb_writer w;

	begin(&w, false, POSTBOX_PUBLISH, 2);
	ocb_put_bytes(&w, bundle, len);
	ocb_put_array(&w, 0);
	ask(route, &w, &r);
	puts("published");
	return 0;
}

static int deposit(const char *route, const char *id, const char *file,
		   const char *n)
{
	static uint8_t letter[ROOM];
	size_t len = load(file, "", letter, sizeof(letter));
	uint8_t whose[IDENT_ID_LEN];
	struct ocb_reader r;
	struct ocb_writer w;
	int i;

	target(id, whose);
	for (i = 0; i < atoi(n); i++) {
		begin(&w, false, POSTBOX_DEPOSIT, 2);
		ocb_put_bytes(&w, whose, sizeof(whose));
		ocb_put_bytes(&w, letter, len);
		ask(route, &w, &r);
	}
	printf("left %d\n", i);
	return 0;
}

static int numbered(const char *route, enum postbox_op op, const char *number)
{
	struct ocb_reader r;
	struct ocb_writer w;

	begin(&w, false, op, 1);
	ocb_put_uint(&w, strtoull(number, NULL, 10));
	ask(route, &w, &r);
	puts("done");
	return 0;
}

static int send_file(const char *route, const char *file, const char *ms)
{
	struct pollfd pfd = { .fd = open_socket(), .events = POLLIN };
	size_t len = load(file, "", msg, sizeof(msg));
	ssize_t n;

	if (ockam_send(pfd.fd, route, msg, len) < 0)
		die("send");
	if (poll(&pfd, 1, atoi(ms)) != 1) {
		puts("silence");
		return 0;
	}
	n = ockam_recv(pfd.fd, msg, sizeof(msg), NULL, 0);
	if (n < 0)
		die("receive");
	printf("answer of %zd\n", n);
	return 0;
}

/* ---- first messages ---- */

static int make_first(const char *store, const char *name, const char *file,
		      const char *worker, const char *text)
{
	static const struct ident_peer_store strangers = NO_PEER_STORE;
	const struct x3dh_known known = NO_KNOWN_BUNDLES;
	static struct trust_policy anyone = { .kind = TRUST_ANYONE };
	static uint8_t bundle[BUNDLE_MAX], one[ONE_TIME_MAX];
	struct identity *self = identity(store, name);
	static uint8_t plain[POSTBOX_MESSAGE_MAX];
	static struct x3dh_start start;
	struct ident_check check = { .policy = &anyone, .store = &strangers };
	struct x3dh_config cfg = {
		.self = self, .check = &check, .known = &known,
	};
	size_t bundle_len, one_len, len;
	struct ocb_writer w;
	struct x3dh x;
	int err;

	bundle_len = load(file, ".bundle", bundle, sizeof(bundle));
	one_len = load(file, ".one", one, sizeof(one));
	err = x3dh_initiate(&x, &cfg, bundle, bundle_len,
			    one_len ? one : NULL, one_len, time(NULL), msg,
			    sizeof(msg), &len, &start);
	if (err) {
		fprintf(stderr, "lib_x3dh: %s\n", ident_strerror(err));
		return 1;
	}
	ocb_writer_init(&w, plain, sizeof(plain));
	craft_data(&w, worker, text);
	MUST(!w.full && len + 8 + w.len + SUITE_TAG_LEN <= POSTBOX_MESSAGE_MAX);
	memset(msg + len, 0, 8);
	MUST(!suite_seal(&suite_aesgcm, start.early, 0, NULL, 0, plain, w.len,
			 msg + len + 8));
	save(file, ".first", msg, len + 8 + w.len + SUITE_TAG_LEN);
	x3dh_wipe(&x);
	x3dh_start_wipe(&start);
	identity_put(self);
	return 0;
}

static size_t first_len;

/* Behind the name, the head of an array and of a byte string. */
#define EK_AT	(X3DH_NAME_LEN + 3)

static void lie_ek(struct x3dh_first *f)	{ msg[EK_AT + 7] ^= 4; }
static void lie_ek_zero(struct x3dh_first *f)	{ memset(msg + EK_AT, 0, 32); }
static void lie_name(struct x3dh_first *f)	{ msg[X3DH_NAME_LEN - 1] ^= 3; }
static void lie_parts(struct x3dh_first *f)	{ msg[X3DH_NAME_LEN] = 0x85; }
/* Its number ends right before that of the one-time prekey. */
static void lie_prekey(struct x3dh_first *f)	{ msg[EK_AT + 32 + 4] ^= 1; }
static void lie_nonce(struct x3dh_first *f)	{ msg[f->data - msg + 7] ^= 1; }
static void lie_data(struct x3dh_first *f)	{ msg[f->data - msg + 8] ^= 1; }
static void lie_tag(struct x3dh_first *f)	{ msg[first_len - 1] ^= 0x80; }
static void lie_cut(struct x3dh_first *f)	{ first_len--; }
static void lie_trailing(struct x3dh_first *f)	{ msg[first_len++] = 0; }
static void lie_header(struct x3dh_first *f)	{ first_len = f->header_len; }
static void lie_half(struct x3dh_first *f)	{ first_len /= 2; }

static void lie_sealed(struct x3dh_first *f)
{
	msg[f->sealed - msg] ^= 1;
}

static void lie_sealed_tag(struct x3dh_first *f)
{
	msg[f->sealed - msg + f->sealed_len - 1] ^= 1;
}

/* None where there was one, and the other way. */
static void lie_one_time(struct x3dh_first *f)
{
	uint8_t *p = msg + EK_AT + 32 + 5;

	MUST(*p == 0xf6 || *p < 0x18);
	*p = *p == 0xf6 ? 0 : 0xf6;
}

static void lie_twice(struct x3dh_first *f)
{
	memcpy(msg + first_len, msg, first_len);
	first_len *= 2;
}

static const struct {
	const char *name;
	void (*change)(struct x3dh_first *f);
} lies[] = {
	{ "name", lie_name },
	{ "parts", lie_parts },
	{ "ek", lie_ek },
	{ "ek-zero", lie_ek_zero },
	{ "prekey", lie_prekey },
	{ "one-time", lie_one_time },
	{ "sealed", lie_sealed },
	{ "sealed-tag", lie_sealed_tag },
	{ "nonce", lie_nonce },
	{ "data", lie_data },
	{ "tag", lie_tag },
	{ "cut", lie_cut },
	{ "half", lie_half },
	{ "header", lie_header },
	{ "trailing", lie_trailing },
	{ "twice", lie_twice },
};

/* Any number in the place of the one-time prekey's. */
static void set_number(uint64_t number)
{
	static uint8_t rest[ROOM];
	struct ocb_writer w;
	struct ocb_reader r;
	struct ocb_list l;

	ocb_reader_init(&r, msg + X3DH_NAME_LEN, first_len - X3DH_NAME_LEN);
	MUST(!ocb_list_begin(&r, &l) && !ocb_skip(&r) && !ocb_skip(&r));
	ocb_writer_init(&w, (uint8_t *)r.p, sizeof(msg) - (r.p - msg));
	MUST(!ocb_skip(&r));
	memcpy(rest, r.p, r.left);
	ocb_put_uint(&w, number);
	ocb_put_raw(&w, rest, r.left);
	first_len = w.buf - msg + w.len;
}

static int lie_first(const char *name, const char *in, const char *out)
{
	struct x3dh_first f;
	size_t i;

	first_len = load(in, "", msg, sizeof(msg) / 2);
	MUST(!x3dh_first_read(msg, first_len, &f));
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (!strcmp(lies[i].name, name))
			break;
	if (i == sizeof(lies) / sizeof(lies[0]))
		return 2;
	lies[i].change(&f);
	save(out, "", msg, first_len);
	return 0;
}

/* Its ephemeral key may have been accepted before, another one was not. */
static int drain(const char *route, const char *file, const char *n)
{
	int fd = open_socket(), i;

	for (i = 0; i < atoi(n); i++) {
		first_len = load(file, "", msg, sizeof(msg) / 2);
		set_number(i);
		msg[EK_AT] ^= 1 + i;
		if (ockam_send(fd, route, msg, first_len) < 0)
			die("send");
	}
	return 0;
}

static int print_lies(void)
{
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		puts(lies[i].name);
	return 0;
}

/* ---- a service that lies ---- */

/**
 * struct gift - what is given to whoever asks for the target's bundle
 * @bundle: room for it
 * @len: its length
 * @one: one-time prekey
 * @one_len: its length, 0: none
 */
struct gift {
	uint8_t bundle[2 * BUNDLE_MAX];
	size_t len;
	uint8_t one[ONE_TIME_MAX];
	size_t one_len;
};

static struct identity *owner, *other;
static uint64_t made;
static uint8_t key[2][IDENT_X25519_LEN];

static void put_bundle(struct gift *g, const struct identity *who,
		       uint64_t sequence, const uint8_t *prekey,
		       uint64_t created, uint64_t expires)
{
	struct ocb_writer w;

	ocb_writer_init(&w, g->bundle, sizeof(g->bundle));
	MUST(!bundle_make(who, sequence, prekey, sequence, created, expires,
			  &w));
	g->len = w.len;
}

static void put_one(struct gift *g, const struct identity *who,
		    uint64_t prekey_id)
{
	struct ocb_writer w;

	ocb_writer_init(&w, g->one, sizeof(g->one));
	MUST(!one_time_make(who, prekey_id, 5, key[0], &w));
	g->one_len = w.len;
}

/* Signed by the other one, in the name of the owner. */
static struct identity posing(void)
{
	struct identity id = *other;

	memcpy(id.history.identifier, owner->history.identifier, IDENT_ID_LEN);
	return id;
}

static void g_another(struct gift *g)
{
	put_bundle(g, other, made, key[0], made, made + 14 * DAY);
}

static void g_posing(struct gift *g)
{
	struct identity id = posing();

	put_bundle(g, &id, made, key[0], made, made + 14 * DAY);
}

/* The owner's identity data, and a signature of the other one. */
static void g_resigned(struct gift *g)
{
	struct identity id = *owner;

	id.secrets = other->secrets;
	put_bundle(g, &id, made, key[0], made, made + 14 * DAY);
}

static void g_older(struct gift *g)
{
	put_bundle(g, owner, made - 1, key[0], made - 1, made + 14 * DAY);
	g->one_len = 0;
}

static void g_conflict(struct gift *g)
{
	put_bundle(g, owner, made, key[1], made, made + 14 * DAY);
}

static void g_expired(struct gift *g)
{
	put_bundle(g, owner, made, key[0], made - 20 * DAY, made - 6 * DAY);
}

static void g_future(struct gift *g)
{
	put_bundle(g, owner, made, key[0], made + DAY, made + 15 * DAY);
}

/* The last byte of field @n of the signed bytes, or of the parts around them. */
static void flip_field(struct gift *g, unsigned int n)
{
	const uint8_t *data, *inner;
	struct ocb_reader r;
	struct ocb_list l;
	size_t len;

	ocb_reader_init(&r, g->bundle, g->len);
	MUST(!ocb_list_begin(&r, &l) && !ocb_get_bytes(&r, &data, &len));
	if (n >= 9) {
		MUST(!ocb_skip(&r));
		if (n == 10)
			MUST(!ocb_skip(&r));
		g->bundle[r.p - g->bundle - 1] ^= 1;
		return;
	}
	ocb_reader_init(&r, data, len);
	MUST(!ocb_list_begin(&r, &l) && !ocb_skip(&r) && !ocb_skip(&r) &&
	     !ocb_get_bytes(&r, &inner, &len));
	ocb_reader_init(&r, inner, len);
	MUST(!ocb_list_begin(&r, &l));
	do
		MUST(!ocb_skip(&r));
	while (n--);
	g->bundle[r.p - g->bundle - 1] ^= 1;
}

static void g_identifier(struct gift *g)	{ flip_field(g, 0); }
static void g_latest(struct gift *g)		{ flip_field(g, 1); }
static void g_x25519(struct gift *g)		{ flip_field(g, 2); }
static void g_number(struct gift *g)		{ flip_field(g, 3); }
static void g_prekey(struct gift *g)		{ flip_field(g, 4); }
static void g_sequence(struct gift *g)		{ flip_field(g, 5); }
static void g_created(struct gift *g)		{ flip_field(g, 6); }
static void g_expires(struct gift *g)		{ flip_field(g, 7); }
static void g_hash(struct gift *g)		{ flip_field(g, 8); }
static void g_signature(struct gift *g)		{ flip_field(g, 9); }
static void g_payload(struct gift *g)		{ flip_field(g, 10); }
static void g_cut(struct gift *g)		{ g->len--; }
static void g_trailing(struct gift *g)		{ g->bundle[g->len++] = 0; }

static void g_twice(struct gift *g)
{
	memcpy(g->bundle + g->len, g->bundle, g->len);
	g->len *= 2;
}

static void g_empty(struct gift *g)		{ g->len = 0; }
static void g_one_none(struct gift *g)		{ g->one_len = 0; }
static void g_one_another(struct gift *g)	{ put_one(g, other, made); }
static void g_one_older(struct gift *g)		{ put_one(g, owner, made - 1); }

static void g_one_posing(struct gift *g)
{
	struct identity id = posing();

	put_one(g, &id, made);
}

static void g_one_signature(struct gift *g)	{ g->one[g->one_len - 1] ^= 1; }
static void g_one_cut(struct gift *g)		{ g->one_len--; }
static void g_one_trailing(struct gift *g)	{ g->one[g->one_len++] = 0; }

/* Behind the heads of signed bytes and data: the key ends the signed bytes. */
static void g_one_key(struct gift *g)
{
	struct ocb_reader r;
	struct ocb_list l;

	ocb_reader_init(&r, g->one, g->one_len);
	MUST(!ocb_list_begin(&r, &l) && !ocb_skip(&r));
	g->one[r.p - g->one - 1] ^= 1;
}

static const struct service_lie {
	const char *name;
	void (*change)(struct gift *g);
} service_lies[] = {
	{ "none" },
	{ "silence" },
	{ "nonsense" },
	{ "another", g_another },
	{ "posing", g_posing },
	{ "resigned", g_resigned },
	{ "older", g_older },
	{ "conflict", g_conflict },
	{ "expired", g_expired },
	{ "future", g_future },
	{ "identifier", g_identifier },
	{ "latest", g_latest },
	{ "x25519", g_x25519 },
	{ "number", g_number },
	{ "prekey", g_prekey },
	{ "sequence", g_sequence },
	{ "created", g_created },
	{ "expires", g_expires },
	{ "hash", g_hash },
	{ "signature", g_signature },
	{ "payload", g_payload },
	{ "cut", g_cut },
	{ "trailing", g_trailing },
	{ "twice", g_twice },
	{ "empty", g_empty },
	{ "one-none", g_one_none },
	{ "one-another", g_one_another },
	{ "one-older", g_one_older },
	{ "one-posing", g_one_posing },
	{ "one-key", g_one_key },
	{ "one-signature", g_one_signature },
	{ "one-cut", g_one_cut },
	{ "one-trailing", g_one_trailing },
};

static const struct service_lie *lying = service_lies;
static unsigned int asked, left;

static void give(int fd, const struct ockam_info *info, uint64_t number)
{
	static uint8_t out[3 * BUNDLE_MAX];
	static struct gift g;
	struct ocb_writer w;

	if (!strcmp(lying->name, "silence"))
		return;
	put_bundle(&g, owner, made, key[0], made, made + 14 * DAY);
	put_one(&g, owner, made);
	if (lying->change)
		lying->change(&g);
	ocb_writer_init(&w, out, sizeof(out));
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, number);
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, 0);
	ocb_put_array(&w, 2);
	if (!strcmp(lying->name, "nonsense")) {
		ocb_put_uint(&w, 1);
		ocb_put_uint(&w, 2);
	} else {
		ocb_put_bytes(&w, g.bundle, g.len);
		if (g.one_len)
			ocb_put_bytes(&w, g.one, g.one_len);
		else
			ocb_put_null(&w);
	}
	ockam_reply(fd, info, w.buf, w.len);
}

static void command(int fd, const struct ockam_info *info, size_t len)
{
	char text[64];
	size_t i;

	msg[len] = 0;
	if (!strcmp((char *)msg, "report")) {
		snprintf(text, sizeof(text), "asked %u left %u", asked, left);
		asked = left = 0;
	} else if (info->peer.origin == OCKAM_ORIGIN_LOCAL &&
		   !strncmp((char *)msg, "lie ", 4)) {
		lying = service_lies;
		for (i = 0; i < sizeof(service_lies) / sizeof(*lying); i++)
			if (!strcmp(service_lies[i].name, (char *)msg + 4))
				lying = &service_lies[i];
		snprintf(text, sizeof(text), "%s", lying->name);
	} else {
		return;
	}
	ockam_reply(fd, info, text, strlen(text));
}

static void serve_one(int fd, const struct ockam_info *info, size_t len)
{
	struct ocb_reader r;
	uint64_t number, op;
	struct ocb_list l;

	ocb_reader_init(&r, msg, len);
	if (ocb_list_begin(&r, &l) || ocb_get_uint(&r, &number) ||
	    ocb_enum_begin(&r, &op, &l)) {
		command(fd, info, len);
		return;
	}
	if (op == POSTBOX_FETCH) {
		asked++;
		give(fd, info, number);
	} else {
		left++;
	}
}

static int serve(const char *address, const char *store)
{
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;
	int fd = ockam_socket(), i;
	static struct ockam_info info;
	ssize_t n;

	owner = identity(store, "target");
	other = identity(store, "other");
	made = time(NULL);
	for (i = 0; i < 2; i++) {
		uint8_t secret[IDENT_X25519_LEN];

		randombytes_buf(secret, sizeof(secret));
		MUST(!crypto_scalarmult_base(key[i], secret));
	}
	if (fd < 0 || ockam_want(fd, want) ||
	    ockam_accept(fd, OCKAM_ACCEPT_LINKS, NULL, 0) ||
	    ockam_bind(fd, address))
		die("serve");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = ockam_recv(fd, msg, sizeof(msg) - 1, &info, 0);
		if (n < 0)
			die("serve");
		serve_one(fd, &info, n);
	}
}

/* ---- a responder that is not where its answers say ---- */

static int no_commit(void *ctx)
{
	(void)ctx;
	return 0;
}

static void give_own(int fd, const struct ockam_info *info,
		     const struct prekeys *pk, size_t len)
{
	static uint8_t out[2 * BUNDLE_MAX];
	struct ocb_reader r;
	struct ocb_writer w;
	struct ocb_list l;
	uint64_t number;

	ocb_reader_init(&r, msg + X3DH_NAME_LEN, len - X3DH_NAME_LEN);
	MUST(!ocb_list_begin(&r, &l) && !ocb_get_uint(&r, &number));
	ocb_writer_init(&w, out, sizeof(out));
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, number);
	ocb_put_array(&w, 2);
	ocb_put_uint(&w, POSTBOX_OK);
	ocb_put_array(&w, 2);
	ocb_put_bytes(&w, pk->spk[0].bundle, pk->spk[0].bundle_len);
	ocb_put_null(&w);
	MUST(!w.full);
	ockam_reply(fd, info, w.buf, w.len);
}

static int answer(const char *address, const char *store, const char *route)
{
	static const struct ident_peer_store strangers = NO_PEER_STORE;
	static struct trust_policy anyone = { .kind = TRUST_ANYONE };
	struct ident_check check = { .policy = &anyone, .store = &strangers };
	struct identity *self = identity(store, "target");
	struct x3dh_own own = {
		.self = self, .check = &check, .commit = no_commit,
	};
	static struct x3dh_accept acc;
	static struct ockam_info info;
	struct ockam_path back;
	int fd = open_socket();
	bool changed;
	ssize_t n;

	own.prekeys = prekeys_new(self->history.identifier);
	MUST(own.prekeys && !prekeys_refresh(own.prekeys, self, time(NULL),
					     false, &changed));
	MUST(!ockam_path_parse(&back, route));
	if (ockam_want(fd, 1U << OCKAM_RECV_RETURN) || ockam_bind(fd, address))
		die("answer");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = ockam_recv(fd, msg, sizeof(msg), &info, 0);
		if (n < 0)
			die("answer");
		if (!x3dh_is_first(msg, n))
			continue;
		if (msg[X3DH_NAME_LEN] == 0x82) {
			give_own(fd, &info, own.prekeys, n);
			continue;
		}
		if (x3dh_respond(&own, msg, n, time(NULL), &acc))
			continue;
		if (ockam_send_as(fd, &info.ret, &back, acc.answer,
				  sizeof(acc.answer)) < 0)
			die("answer");
		puts("answered");
		fflush(stdout);
	}
}

static int run(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(what, "lies"))
		return print_lies();
	if (argc == 4 && !strcmp(what, "id"))
		return print_id(argv[2], argv[3]);
	if (argc == 4 && !strcmp(what, "prekeys"))
		return print_prekeys(argv[2], argv[3]);
	if (argc == 4 && !strcmp(what, "fill"))
		return fill(argv[2], argv[3]);
	if (argc == 4 && !strcmp(what, "listener"))
		return fetch(true, argv[2], NULL, argv[3]);
	if (argc == 5 && !strcmp(what, "fetch"))
		return fetch(false, argv[2], argv[3], argv[4]);
	if (argc == 7 && !strcmp(what, "first"))
		return make_first(argv[2], argv[3], argv[4], argv[5], argv[6]);
	if (argc == 5 && !strcmp(what, "lie"))
		return lie_first(argv[2], argv[3], argv[4]);
	if (argc == 5 && !strcmp(what, "send"))
		return send_file(argv[2], argv[3], argv[4]);
	if (argc == 5 && !strcmp(what, "drain"))
		return drain(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(what, "publish"))
		return publish(argv[2], argv[3]);
	if (argc == 6 && !strcmp(what, "deposit"))
		return deposit(argv[2], argv[3], argv[4], argv[5]);
	if (argc == 3 && !strcmp(what, "collect"))
		return numbered(argv[2], POSTBOX_COLLECT, "0");
	if (argc == 4 && !strcmp(what, "acknowledge"))
		return numbered(argv[2], POSTBOX_ACKNOWLEDGE, argv[3]);
	if (argc == 4 && !strcmp(what, "serve"))
		return serve(argv[2], argv[3]);
	if (argc == 5 && !strcmp(what, "answer"))
		return answer(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: lib_x3dh COMMAND ...\n");
	return 2;
}

int main(int argc, char **argv)
{
	MUST(sodium_init() >= 0);
	return run(argc, argv);
}
