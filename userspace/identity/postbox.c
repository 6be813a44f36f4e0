// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Boxes of a prekey service.  Each change is saved before it is answered; what
 * cannot be saved is undone.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "ident_err.h"
#include "postbox.h"

#define BOX_VERSION	4
#define BOX_LETTERS	3	/* before: with its letters */
#define BOX_SOURCELESS	2	/* and before that: these without their source */
#define SHARE		2	/* a source has at most what is free, divided by this */
/* And as often as many one-time prekeys as are left: their owner brings more. */
#define ONE_TIME_SHARE	3
#define BOX_MAX		(BUNDLE_MAX + POSTBOX_ONE_TIME * (ONE_TIME_MAX + 8) + \
			 POSTBOX_FETCHERS * 48 + 256)
#define LETTER_MAX	(POSTBOX_MESSAGE_MAX + POSTBOX_ROUTE_MAX + 256)

/* Bytes of somebody's, allocated. */
struct blob {
	uint8_t *p;
	size_t len;
};

struct fetcher {
	uint8_t id[IDENT_ID_LEN];
	uint64_t n;
};

/**
 * struct letter - a message
 * @number: its number
 * @from:   who left it
 * @source: where from; all zero: nobody knows
 * @since:  seconds since the epoch
 * @route:  where answers go
 * @msg:    its bytes
 */
struct letter {
	uint64_t number;
	uint8_t from[IDENT_ID_LEN];
	uint8_t source[POSTBOX_SOURCE_LEN];
	uint64_t since;
	struct blob route;
	struct blob msg;
};

/**
 * struct box - what is kept for one identity
 * @entry:      list
 * @owner:      its identifier
 * @bundle:     latest bundle
 * @prekey_id:  signed prekey in it
 * @sequence:   its sequence
 * @expires:    its end
 * @next_one_time: lowest number that a further one-time prekey may have
 * @n_one_time: one-time prekeys of @prekey_id that were not given away
 * @one_time:   these
 * @n_fetchers: who got some of them, and where these were
 * @fetchers:   and how many
 * @next:       number of the next message
 * @saved:      what of that is kept with the box; the latest message, if it is
 *              there, knows better
 * @n_letters:  messages
 * @bytes:      of them
 * @letters:    these, oldest first
 */
struct box {
	TAILQ_ENTRY(box) entry;
	uint8_t owner[IDENT_ID_LEN];
	struct blob bundle;
	uint64_t prekey_id;
	uint64_t sequence;
	uint64_t expires;
	uint64_t next_one_time;
	unsigned int n_one_time;
	struct blob one_time[POSTBOX_ONE_TIME];
	unsigned int n_fetchers;
	struct fetcher fetchers[POSTBOX_FETCHERS];
	uint64_t next;
	uint64_t saved;
	unsigned int n_letters;
	size_t bytes;
	struct letter letters[POSTBOX_MESSAGES];
};

struct postbox {
	struct postbox_store store;
	size_t max_owners;
	size_t max_bytes;
	size_t n;
	TAILQ_HEAD(, box) boxes;
};

const char *postbox_strerror(int err)
{
	static const char *const text[] = {
		[POSTBOX_OK] = "done",
		[POSTBOX_E_REQUEST] = "request not understood",
		[POSTBOX_E_AUTH] = "only through a channel of that identity",
		[POSTBOX_E_BUNDLE] = "bundle or one-time prekey refused",
		[POSTBOX_E_OLDER] = "a newer bundle is here",
		[POSTBOX_E_UNKNOWN] = "nothing is kept for that identity",
		[POSTBOX_E_FULL] = "full",
		[POSTBOX_E_QUOTA] = "too many messages or bytes of one sender, or from one place",
		[POSTBOX_E_EMPTY] = "no message",
		[POSTBOX_E_STORE] = "cannot be saved",
		[POSTBOX_E_COOKIE] = "the address has to be confirmed",
	};

	_Static_assert(sizeof(text) / sizeof(text[0]) == POSTBOX_E_END,
		       "a text for every code");
	return err >= 0 && err < POSTBOX_E_END ? text[err] : "unknown error";
}

/* ---- blobs ---- */

static int blob_set(struct blob *b, const uint8_t *p, size_t len)
{
	b->p = malloc(len ? len : 1);
	if (!b->p)
		return -1;
	if (len)
		memcpy(b->p, p, len);
	b->len = len;
	return 0;
}

static void blob_clear(struct blob *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

/* ---- boxes ---- */

struct postbox *postbox_new(const struct postbox_store *store,
			    size_t max_owners, size_t max_bytes)
{
	struct postbox *pb = calloc(1, sizeof(*pb));

	if (!pb)
		return NULL;
	pb->store = *store;
	pb->max_owners = max_owners ? max_owners : POSTBOX_OWNERS_DEFAULT;
	pb->max_bytes = max_bytes ? max_bytes : POSTBOX_ALL_BYTES;
	TAILQ_INIT(&pb->boxes);
	return pb;
}

static void clear_prekeys(struct box *b)
{
	blob_clear(&b->bundle);
	while (b->n_one_time)
		blob_clear(&b->one_time[--b->n_one_time]);
	b->n_fetchers = 0;
	b->next_one_time = 0;
}

static void box_free(struct box *b)
{
	if (!b)
		return;
	clear_prekeys(b);
	while (b->n_letters) {
		blob_clear(&b->letters[--b->n_letters].route);
		blob_clear(&b->letters[b->n_letters].msg);
	}
	free(b);
}

void postbox_free(struct postbox *pb)
{
	struct box *b;

	if (!pb)
		return;
	while ((b = TAILQ_FIRST(&pb->boxes))) {
		TAILQ_REMOVE(&pb->boxes, b, entry);
		box_free(b);
	}
	free(pb);
}

static struct box *box_find(struct postbox *pb, const uint8_t *id)
{
	struct box *b;

	TAILQ_FOREACH(b, &pb->boxes, entry)
		if (!memcmp(b->owner, id, IDENT_ID_LEN))
			return b;
	return NULL;
}

/* ---- as it is kept ---- */

static void put_box(const struct box *b, struct ocb_writer *w)
{
	unsigned int i;

	ocb_put_array(w, 6);
	ocb_put_uint(w, BOX_VERSION);
	ocb_put_bytes(w, b->bundle.p, b->bundle.len);
	ocb_put_uint(w, b->next_one_time);
	ocb_put_array(w, b->n_one_time);
	for (i = 0; i < b->n_one_time; i++)
		ocb_put_bytes(w, b->one_time[i].p, b->one_time[i].len);
	ocb_put_array(w, 2 * (size_t)b->n_fetchers);
	for (i = 0; i < b->n_fetchers; i++) {
		ocb_put_bytes(w, b->fetchers[i].id, IDENT_ID_LEN);
		ocb_put_uint(w, b->fetchers[i].n);
	}
	ocb_put_uint(w, b->next);
}

static void put_letter(const struct letter *l, struct ocb_writer *w)
{
	ocb_put_array(w, 6);
	ocb_put_uint(w, l->number);
	ocb_put_bytes(w, l->from, IDENT_ID_LEN);
	ocb_put_bytes(w, l->source, POSTBOX_SOURCE_LEN);
	ocb_put_uint(w, l->since);
	ocb_put_bytes(w, l->route.p, l->route.len);
	ocb_put_bytes(w, l->msg.p, l->msg.len);
}

static int letter_save(struct postbox *pb, const struct box *b,
		       const struct letter *l)
{
	struct ocb_writer w;
	uint8_t *buf;
	int err = -1;

	buf = malloc(LETTER_MAX);
	if (!buf)
		return POSTBOX_E_STORE;
	ocb_writer_init(&w, buf, LETTER_MAX);
	put_letter(l, &w);
	if (!w.full)
		err = pb->store.letter(pb->store.ctx, b->owner, l->number, buf,
				       w.len);
	free(buf);
	return err ? POSTBOX_E_STORE : 0;
}

static int box_save(struct postbox *pb, struct box *b)
{
	struct ocb_writer w;
	uint8_t *buf;
	int err = -1;

	buf = malloc(BOX_MAX);
	if (!buf)
		return POSTBOX_E_STORE;
	ocb_writer_init(&w, buf, BOX_MAX);
	put_box(b, &w);
	if (!w.full)
		err = pb->store.save(pb->store.ctx, b->owner, buf, w.len);
	free(buf);
	if (err)
		return POSTBOX_E_STORE;
	b->saved = b->next;
	return 0;
}

static int set_bundle(struct box *b, const uint8_t *p, size_t len,
		      const struct bundle *parsed)
{
	if (blob_set(&b->bundle, p, len))
		return -1;
	memcpy(b->owner, parsed->identifier, IDENT_ID_LEN);
	b->prekey_id = parsed->prekey_id;
	b->sequence = parsed->sequence;
	b->expires = parsed->expires;
	return 0;
}

static int add_one_time(struct box *b, const uint8_t *p, size_t len)
{
	if (b->n_one_time == POSTBOX_ONE_TIME || len > ONE_TIME_MAX ||
	    blob_set(&b->one_time[b->n_one_time], p, len))
		return -1;
	b->n_one_time++;
	return 0;
}

static int add_letter(struct box *b, const struct letter *from)
{
	struct letter *l = &b->letters[b->n_letters];

	if (b->n_letters == POSTBOX_MESSAGES ||
	    from->msg.len > POSTBOX_MESSAGE_MAX ||
	    from->route.len > POSTBOX_ROUTE_MAX ||
	    blob_set(&l->msg, from->msg.p, from->msg.len))
		return -1;
	if (blob_set(&l->route, from->route.p, from->route.len)) {
		blob_clear(&l->msg);
		return -1;
	}
	l->number = from->number;
	l->since = from->since;
	memcpy(l->from, from->from, IDENT_ID_LEN);
	memcpy(l->source, from->source, POSTBOX_SOURCE_LEN);
	b->n_letters++;
	b->bytes += l->msg.len;
	return 0;
}

static int get_one_times(struct ocb_reader *r, struct box *b)
{
	const uint8_t *p;
	struct ocb_list l;
	size_t len;

	if (ocb_list_begin(r, &l) || l.indefinite)
		return -1;
	while (ocb_list_more(r, &l))
		if (ocb_get_bytes(r, &p, &len) || add_one_time(b, p, len))
			return -1;
	return 0;
}

static int get_fetchers(struct ocb_reader *r, struct box *b)
{
	struct fetcher *f;
	struct ocb_list l;

	if (ocb_list_begin(r, &l) || l.indefinite || l.left % 2 ||
	    l.left > 2 * POSTBOX_FETCHERS)
		return -1;
	while (ocb_list_more(r, &l)) {
		f = &b->fetchers[b->n_fetchers++];
		if (ocb_get_fixed(r, f->id, sizeof(f->id)) ||
		    ocb_list_need(r, &l) || ocb_get_uint(r, &f->n))
			return -1;
	}
	return 0;
}

/* Like a blob, but inside the input. */
static int get_blob(struct ocb_reader *r, struct blob *b)
{
	const uint8_t *p;

	if (ocb_get_bytes(r, &p, &b->len))
		return -1;
	b->p = (uint8_t *)p;
	return 0;
}

static int get_sender(struct ocb_reader *r, struct ocb_list *l, bool source,
		      struct letter *let)
{
	memset(let->source, 0, sizeof(let->source));
	if (ocb_get_fixed(r, let->from, sizeof(let->from)) ||
	    ocb_list_need(r, l))
		return -1;
	return source && (ocb_get_fixed(r, let->source, sizeof(let->source)) ||
			  ocb_list_need(r, l)) ? -1 : 0;
}

/* What it has of bytes stays inside the input. */
static int get_letter(struct ocb_reader *r, struct ocb_list *l, bool source,
		      struct letter *let)
{
	return ocb_get_uint(r, &let->number) || ocb_list_need(r, l) ||
	       get_sender(r, l, source, let) || ocb_get_uint(r, &let->since) ||
	       ocb_list_need(r, l) || get_blob(r, &let->route) ||
	       ocb_list_need(r, l) || get_blob(r, &let->msg) ? -1 : 0;
}

static int get_letters(struct ocb_reader *r, struct box *b, bool source)
{
	uint64_t after = 0;
	struct letter let;
	struct ocb_list l;

	if (ocb_list_begin(r, &l) || l.indefinite ||
	    l.left % (source ? 6 : 5))
		return -1;
	while (ocb_list_more(r, &l)) {
		if (get_letter(r, &l, source, &let) ||
		    let.number < after || let.number >= b->next ||
		    add_letter(b, &let))
			return -1;
		after = let.number + 1;
	}
	return 0;
}

static int get_box(const uint8_t *buf, size_t len, struct box *b)
{
	struct bundle parsed;
	const uint8_t *p;
	uint64_t version;
	struct ocb_reader r;
	struct ocb_list l;
	size_t n;

	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &l) || l.indefinite ||
	    ocb_get_uint(&r, &version) || version > BOX_VERSION ||
	    version < BOX_SOURCELESS ||
	    l.left != (version == BOX_VERSION ? 6 : 7) ||
	    ocb_get_bytes(&r, &p, &n) || bundle_read(p, n, &parsed) ||
	    set_bundle(b, p, n, &parsed) ||
	    ocb_get_uint(&r, &b->next_one_time) || get_one_times(&r, b) ||
	    get_fetchers(&r, b) || ocb_get_uint(&r, &b->next))
		return -1;
	b->saved = b->next;
	if (version < BOX_VERSION && get_letters(&r, b, version == BOX_LETTERS))
		return -1;
	return r.left ? -1 : 0;
}

/* One that had its letters with it gives them up. */
static int take_apart(struct postbox *pb, struct box *b)
{
	unsigned int i;

	for (i = 0; i < b->n_letters; i++)
		if (letter_save(pb, b, &b->letters[i]))
			return POSTBOX_E_STORE;
	return i ? box_save(pb, b) : 0;
}

int postbox_restore(struct postbox *pb, const uint8_t *buf, size_t len)
{
	struct box *b;

	if (pb->n >= pb->max_owners)
		return POSTBOX_E_FULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return POSTBOX_E_FULL;
	if (get_box(buf, len, b) || box_find(pb, b->owner)) {
		box_free(b);
		return POSTBOX_E_REQUEST;
	}
	if (take_apart(pb, b)) {
		box_free(b);
		return POSTBOX_E_STORE;
	}
	TAILQ_INSERT_TAIL(&pb->boxes, b, entry);
	pb->n++;
	return 0;
}

static bool has_number(const struct box *b, uint64_t number)
{
	unsigned int i;

	for (i = 0; i < b->n_letters; i++)
		if (b->letters[i].number == number)
			return true;
	return false;
}

/* They come in any order. */
static void sort_last(struct box *b)
{
	unsigned int i = b->n_letters - 1;
	struct letter last = b->letters[i];

	for (; i && b->letters[i - 1].number > last.number; i--)
		b->letters[i] = b->letters[i - 1];
	b->letters[i] = last;
}

int postbox_restore_letter(struct postbox *pb, const uint8_t id[IDENT_ID_LEN],
			   const uint8_t *buf, size_t len)
{
	struct box *b = box_find(pb, id);
	struct letter let;
	struct ocb_reader r;
	struct ocb_list l;

	if (!b)
		return POSTBOX_E_UNKNOWN;
	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &l) || l.indefinite || l.left != 6 ||
	    get_letter(&r, &l, true, &let) || r.left ||
	    let.number == UINT64_MAX || has_number(b, let.number) ||
	    add_letter(b, &let))
		return POSTBOX_E_REQUEST;
	sort_last(b);
	if (b->next <= let.number)
		b->next = let.number + 1;
	return 0;
}

/* ---- publishing ---- */

/**
 * struct call - a request while it is served
 * @pb:  the boxes
 * @who: verified identifier, or NULL
 * @source: where it came from, or NULL
 * @ret: where answers go
 * @r:   its fields
 * @l:   list of them
 * @now: seconds since the epoch
 * @w:   answer, behind number and result
 */
struct call {
	struct postbox *pb;
	const uint8_t *who;
	const uint8_t *source;
	struct blob ret;
	struct ocb_reader *r;
	struct ocb_list *l;
	uint64_t now;
	struct ocb_writer *w;
};

static int verify_bundle(const struct call *c, const struct bundle *b,
			 struct ident_history *h)
{
	struct ident_attestation a;
	struct ocb_reader r;
	struct ocb_list f;

	if (bundle_verify(b, c->who, 0, c->now, h))
		return POSTBOX_E_BUNDLE;
	/* Initiators will ask for it, so better refuse it here. */
	ocb_reader_init(&r, b->payload, b->payload_len);
	if (ocb_list_begin(&r, &f) || ocb_list_need(&r, &f) || ocb_skip(&r) ||
	    ocb_list_need(&r, &f) || ident_attestation_read(&r, &a) ||
	    ident_attestation_check(&a, h, c->now))
		return POSTBOX_E_BUNDLE;
	return 0;
}

static int take_one_times(const struct call *c, const struct bundle *b,
			  const struct ident_history *h, struct box *box)
{
	const uint8_t *p;
	struct one_time o;
	struct ocb_list l;
	size_t len;

	if (ocb_list_begin(c->r, &l))
		return POSTBOX_E_REQUEST;
	while (ocb_list_more(c->r, &l)) {
		if (ocb_get_bytes(c->r, &p, &len))
			return POSTBOX_E_REQUEST;
		if (one_time_read(p, len, &o))
			return POSTBOX_E_BUNDLE;
		/* It is here, or was given away. */
		if (o.id < box->next_one_time || o.id == UINT64_MAX)
			return POSTBOX_E_OLDER;
		if (add_one_time(box, p, len))
			return POSTBOX_E_FULL;
		if (one_time_verify(&o, b, h))
			return POSTBOX_E_BUNDLE;
		box->next_one_time = o.id + 1;
	}
	return ocb_list_end(c->r, &l) ? POSTBOX_E_REQUEST : 0;
}

/* What costs no signature check: is there room, is it no earlier one? */
static int may_publish(const struct call *c, const struct box *box,
		       const uint8_t *p, size_t len, const struct bundle *b)
{
	if (memcmp(b->identifier, c->who, IDENT_ID_LEN))
		return POSTBOX_E_AUTH;
	if (!box)
		return c->pb->n < c->pb->max_owners ? 0 : POSTBOX_E_FULL;
	if (b->sequence < box->sequence)
		return POSTBOX_E_OLDER;
	return b->sequence == box->sequence &&
	       (box->bundle.len != len || memcmp(box->bundle.p, p, len)) ?
	       POSTBOX_E_OLDER : 0;
}

/* The same bundle again brings more one-time prekeys; a newer one all anew. */
static int publish_into(const struct call *c, struct box *box,
			const uint8_t *p, size_t len, const struct bundle *b,
			const struct ident_history *h)
{
	bool same = box->bundle.p && box->sequence == b->sequence;
	uint64_t before;
	int err;

	if (!same) {
		clear_prekeys(box);
		if (set_bundle(box, p, len, b))
			return POSTBOX_E_FULL;
	}
	before = box->next_one_time;
	err = take_one_times(c, b, h, box);
	if (err)
		return err;
	/* Only a question for the number of one-time prekeys left. */
	if (same && box->next_one_time == before)
		return 0;
	return box_save(c->pb, box);
}

static struct box *box_copy(const struct box *from)
{
	struct box *b = calloc(1, sizeof(*b));
	struct ocb_writer w;
	uint8_t *buf;
	int err;

	buf = malloc(BOX_MAX);
	if (!b || !buf)
		goto fail;
	if (from) {
		ocb_writer_init(&w, buf, BOX_MAX);
		put_box(from, &w);
		err = w.full || get_box(buf, w.len, b);
		if (err)
			goto fail;
		b->saved = from->saved;
	}
	free(buf);
	return b;
fail:
	free(buf);
	box_free(b);
	return NULL;
}

static void move_letters(struct box *to, struct box *from)
{
	memcpy(to->letters, from->letters, sizeof(to->letters));
	to->n_letters = from->n_letters;
	to->bytes = from->bytes;
	memset(from->letters, 0, sizeof(from->letters));
	from->n_letters = 0;
}

/* On a copy, so that nothing changes unless all of it is good. */
static int publish(const struct call *c)
{
	struct ident_history *h;
	struct box *old, *box;
	const uint8_t *p;
	struct bundle b;
	size_t len;
	int err;

	if (!c->who)
		return POSTBOX_E_AUTH;
	if (ocb_list_need(c->r, c->l) || ocb_get_bytes(c->r, &p, &len) ||
	    ocb_list_need(c->r, c->l))
		return POSTBOX_E_REQUEST;
	if (len > BUNDLE_MAX || bundle_read(p, len, &b))
		return POSTBOX_E_BUNDLE;
	old = box_find(c->pb, c->who);
	err = may_publish(c, old, p, len, &b);
	if (err)
		return err;
	h = malloc(sizeof(*h));
	if (!h)
		return POSTBOX_E_FULL;
	err = verify_bundle(c, &b, h);
	if (err)
		goto out;
	err = POSTBOX_E_FULL;
	box = box_copy(old);
	if (!box)
		goto out;
	err = publish_into(c, box, p, len, &b, h);
	if (err) {
		box_free(box);
		goto out;
	}
	if (old) {
		move_letters(box, old);
		TAILQ_REMOVE(&c->pb->boxes, old, entry);
		box_free(old);
	} else {
		c->pb->n++;
	}
	TAILQ_INSERT_TAIL(&c->pb->boxes, box, entry);
	ocb_put_uint(c->w, box->n_one_time);
out:
	free(h);
	return err;
}

/* ---- fetching ---- */

static struct fetcher *fetcher_of(struct box *b, const uint8_t *who)
{
	struct fetcher *f;
	unsigned int i;

	for (i = 0; i < b->n_fetchers; i++)
		if (!memcmp(b->fetchers[i].id, who, IDENT_ID_LEN))
			return &b->fetchers[i];
	/* Full: strangers get the form without. */
	if (b->n_fetchers == POSTBOX_FETCHERS)
		return NULL;
	f = &b->fetchers[b->n_fetchers++];
	memcpy(f->id, who, IDENT_ID_LEN);
	f->n = 0;
	return f;
}

/*
 * Is gone from the store before it is given away; NULL p: none for you.  However many
 * identities come from one place, some are left for others.
 */
static void take_one_time(const struct call *c, struct box *b,
			  struct blob *out)
{
	struct fetcher *f, *place;

	memset(out, 0, sizeof(*out));
	if (!c->who || !b->n_one_time)
		return;
	place = c->source ? fetcher_of(b, c->source) : NULL;
	if (c->source && (!place || place->n > ONE_TIME_SHARE * b->n_one_time))
		return;
	f = fetcher_of(b, c->who);
	if (!f || f->n >= POSTBOX_FETCHER_QUOTA)
		return;
	f->n++;
	if (place)
		place->n++;
	*out = b->one_time[0];
	b->n_one_time--;
	memmove(&b->one_time[0], &b->one_time[1],
		b->n_one_time * sizeof(b->one_time[0]));
	memset(&b->one_time[b->n_one_time], 0, sizeof(b->one_time[0]));
	/* Lost rather than given away twice. */
	if (box_save(c->pb, b))
		blob_clear(out);
}

static int fetch(const struct call *c)
{
	uint8_t target[IDENT_ID_LEN];
	struct blob one_time;
	struct box *b;

	if (ocb_list_need(c->r, c->l) ||
	    ocb_get_fixed(c->r, target, sizeof(target)))
		return POSTBOX_E_REQUEST;
	b = box_find(c->pb, target);
	if (!b || b->expires < c->now)
		return POSTBOX_E_UNKNOWN;
	take_one_time(c, b, &one_time);
	ocb_put_bytes(c->w, b->bundle.p, b->bundle.len);
	if (one_time.p)
		ocb_put_bytes(c->w, one_time.p, one_time.len);
	else
		ocb_put_null(c->w);
	blob_clear(&one_time);
	return 0;
}

/* ---- messages ---- */

/* Has the sender room for @len bytes more? */
static bool sender_may(const struct box *b, const uint8_t *who, size_t len)
{
	unsigned int i, n = 0;

	for (i = 0; i < b->n_letters; i++) {
		if (memcmp(b->letters[i].from, who, IDENT_ID_LEN))
			continue;
		n++;
		len += b->letters[i].msg.len;
	}
	return n < POSTBOX_SENDER_QUOTA && len <= POSTBOX_SENDER_BYTES;
}

/* What one place has filled of a box leaves something to every other one. */
static bool source_may(const struct box *b, const uint8_t *source)
{
	size_t n = 0, bytes = 0;
	unsigned int i;

	if (!source)
		return true;
	for (i = 0; i < b->n_letters; i++) {
		if (memcmp(b->letters[i].source, source, POSTBOX_SOURCE_LEN))
			continue;
		n++;
		bytes += b->letters[i].msg.len;
	}
	return n <= (POSTBOX_MESSAGES - b->n_letters) / SHARE &&
	       bytes <= (POSTBOX_BYTES - b->bytes) / SHARE;
}

/* Others' full boxes leave each owner the least, so that none shuts out all. */
static bool has_room(const struct postbox *pb, const struct box *b, size_t len)
{
	const struct box *other;
	size_t all = len;

	if (b->n_letters == POSTBOX_MESSAGES || len > POSTBOX_BYTES - b->bytes)
		return false;
	if (b->bytes + len <= POSTBOX_LEAST_BYTES)
		return true;
	TAILQ_FOREACH(other, &pb->boxes, entry)
		all += other->bytes;
	return all <= pb->max_bytes;
}

static void drop_letter(struct box *b, unsigned int i)
{
	b->bytes -= b->letters[i].msg.len;
	blob_clear(&b->letters[i].msg);
	blob_clear(&b->letters[i].route);
	b->n_letters--;
	memmove(&b->letters[i], &b->letters[i + 1],
		(b->n_letters - i) * sizeof(b->letters[0]));
	memset(&b->letters[b->n_letters], 0, sizeof(b->letters[0]));
}

/* From here and from the store: no number comes a second time, after a restart. */
static int remove_letter(struct postbox *pb, struct box *b, unsigned int i)
{
	uint64_t number = b->letters[i].number;

	drop_letter(b, i);
	if (number >= b->saved && !has_number(b, b->next - 1) &&
	    box_save(pb, b))
		return POSTBOX_E_STORE;
	return pb->store.letter(pb->store.ctx, b->owner, number, NULL, 0) ?
	       POSTBOX_E_STORE : 0;
}

/* What cannot be removed from the store is so after a restart. */
static void drop_old(struct postbox *pb, struct box *b, uint64_t now)
{
	while (b->n_letters &&
	       b->letters[0].since + POSTBOX_LETTER_SECONDS < now)
		remove_letter(pb, b, 0);
}

void postbox_expire(struct postbox *pb, uint64_t now)
{
	struct box *b, *next;

	for (b = TAILQ_FIRST(&pb->boxes); b; b = next) {
		next = TAILQ_NEXT(b, entry);
		drop_old(pb, b, now);
		if (b->expires >= now || b->n_letters)
			continue;
		/* Nothing in it: its file goes. */
		if (pb->store.save(pb->store.ctx, b->owner, NULL, 0))
			continue;
		TAILQ_REMOVE(&pb->boxes, b, entry);
		pb->n--;
		box_free(b);
	}
}

static int deposit(const struct call *c)
{
	struct letter let = { .since = c->now, .route = c->ret };
	uint8_t target[IDENT_ID_LEN];
	struct box *b;
	size_t len;

	if (!c->who)
		return POSTBOX_E_AUTH;
	if (ocb_list_need(c->r, c->l) ||
	    ocb_get_fixed(c->r, target, sizeof(target)) ||
	    ocb_list_need(c->r, c->l) || get_blob(c->r, &let.msg) ||
	    !let.msg.len || let.msg.len > POSTBOX_MESSAGE_MAX ||
	    let.route.len > POSTBOX_ROUTE_MAX)
		return POSTBOX_E_REQUEST;
	len = let.msg.len;
	b = box_find(c->pb, target);
	/* What is made for it is of no use to anybody any more. */
	if (!b || b->expires < c->now)
		return POSTBOX_E_UNKNOWN;
	if (!sender_may(b, c->who, len) || !source_may(b, c->source))
		return POSTBOX_E_QUOTA;
	if (!has_room(c->pb, b, len))
		return POSTBOX_E_FULL;
	let.number = b->next;
	memcpy(let.from, c->who, IDENT_ID_LEN);
	if (c->source)
		memcpy(let.source, c->source, POSTBOX_SOURCE_LEN);
	if (add_letter(b, &let))
		return POSTBOX_E_FULL;
	if (letter_save(c->pb, b, &b->letters[b->n_letters - 1])) {
		drop_letter(b, b->n_letters - 1);
		return POSTBOX_E_STORE;
	}
	b->next++;
	return 0;
}

/* The first message with a number not below that asked for; it stays. */
static int collect(const struct call *c)
{
	uint64_t from;
	struct box *b;
	unsigned int i;

	if (!c->who)
		return POSTBOX_E_AUTH;
	if (ocb_list_need(c->r, c->l) || ocb_get_uint(c->r, &from))
		return POSTBOX_E_REQUEST;
	b = box_find(c->pb, c->who);
	if (!b)
		return POSTBOX_E_UNKNOWN;
	for (i = 0; i < b->n_letters; i++)
		if (b->letters[i].number >= from)
			break;
	if (i == b->n_letters)
		return POSTBOX_E_EMPTY;
	ocb_put_uint(c->w, b->letters[i].number);
	ocb_put_bytes(c->w, b->letters[i].from, IDENT_ID_LEN);
	ocb_put_bytes(c->w, b->letters[i].msg.p, b->letters[i].msg.len);
	ocb_put_bytes(c->w, b->letters[i].route.p, b->letters[i].route.len);
	return 0;
}

static int acknowledge(const struct call *c)
{
	uint64_t number;
	struct box *b;
	unsigned int i;

	if (!c->who)
		return POSTBOX_E_AUTH;
	if (ocb_list_need(c->r, c->l) || ocb_get_uint(c->r, &number))
		return POSTBOX_E_REQUEST;
	b = box_find(c->pb, c->who);
	if (!b)
		return POSTBOX_E_UNKNOWN;
	for (i = 0; i < b->n_letters; i++)
		if (b->letters[i].number == number)
			break;
	/* An acknowledgement that comes twice is no error. */
	if (i == b->n_letters)
		return 0;
	/* Gone from here; if the store has it still, it comes once more. */
	return remove_letter(c->pb, b, i);
}

/* ---- requests ---- */

static int dispatch(const struct call *c, uint64_t op)
{
	switch (op) {
	case POSTBOX_PUBLISH:
		return publish(c);
	case POSTBOX_FETCH:
		return fetch(c);
	case POSTBOX_DEPOSIT:
		return deposit(c);
	case POSTBOX_COLLECT:
		return collect(c);
	case POSTBOX_ACKNOWLEDGE:
		return acknowledge(c);
	default:
		return POSTBOX_E_REQUEST;
	}
}

/* Its shape first, so that nothing is done for half a request. */
static int begin(const uint8_t *buf, size_t len, struct ocb_reader *r,
		 uint64_t *number, uint64_t *op, struct ocb_list *fields)
{
	struct ocb_list l;

	*number = 0;
	ocb_reader_init(r, buf, len);
	if (ocb_skip(r) || r->left)
		return POSTBOX_E_REQUEST;
	ocb_reader_init(r, buf, len);
	if (ocb_list_begin(r, &l) || ocb_list_need(r, &l) ||
	    ocb_get_uint(r, number) || ocb_list_need(r, &l) ||
	    ocb_enum_begin(r, op, fields))
		return POSTBOX_E_REQUEST;
	return 0;
}

int postbox_peek(const uint8_t *buf, size_t len)
{
	struct ocb_list fields;
	struct ocb_reader r;
	uint64_t number, op;

	return begin(buf, len, &r, &number, &op, &fields) ||
	       op > POSTBOX_ACKNOWLEDGE ? -1 : (int)op;
}

int postbox_serve(struct postbox *pb, const struct postbox_asker *who,
		  const uint8_t *buf, size_t len, uint64_t now,
		  struct ocb_writer *w)
{
	struct ocb_writer body;
	struct ocb_list fields;
	struct ocb_reader r;
	uint64_t number, op;
	uint8_t *room;
	struct call c;
	int err;

	room = malloc(w->cap);
	if (!room)
		return POSTBOX_E_FULL;
	ocb_writer_init(&body, room, w->cap);
	c = (struct call){
		.pb = pb, .who = who->id, .source = who->source, .r = &r,
		.l = &fields, .now = now,
		.ret = { (uint8_t *)who->route, who->route_len }, .w = &body,
	};
	err = begin(buf, len, &r, &number, &op, &fields);
	if (!err)
		err = dispatch(&c, op);
	if (!err && body.full)
		err = POSTBOX_E_FULL;
	/* [number, [result, fields]] */
	ocb_put_array(w, 2);
	ocb_put_uint(w, number);
	ocb_put_array(w, 2);
	ocb_put_uint(w, (uint64_t)err);
	ocb_put_array(w, err ? 0 : op == POSTBOX_PUBLISH ? 1 :
		      op == POSTBOX_FETCH ? 2 : op == POSTBOX_COLLECT ? 4 : 0);
	if (!err)
		ocb_put_raw(w, body.buf, body.len);
	free(room);
	return err;
}
