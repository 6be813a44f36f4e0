// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Requests to ockamd and its answers, in CBOR. */
#include <errno.h>
#include <string.h>

#include <cbor.h>

#include "request.h"

/* Keys of both maps. */
enum key {
	KEY_VERSION = 0,
	KEY_ID = 1,
	KEY_OP = 2,
	KEY_IDENTITY = 3,
	KEY_HANDSHAKE = 4,
	KEY_ADDRESS = 5,
	KEY_ROUTE = 6,
	KEY_ANYONE = 7,
	KEY_IDS = 8,
	KEY_TIMEOUT = 9,
	KEY_CHANNEL = 10,
	KEY_SHARED = 11,
	KEY_ERRNO = 12,
	KEY_TEXT = 13,
	KEY_ENCRYPTOR = 14,
	KEY_PEER = 15,
	KEY_RULES = 16,	/* who does not know them trusts fewer */
	KEY_ENDPOINT = 17,
	KEY_SKIP = 18,		/* who does not know it answers from the beginning */
	KEY_MORE = 19,
	KEY_SECTION = 20,
};

/* ---- writing ---- */

struct out {
	uint8_t *p;
	size_t left;
	bool full;
};

static void advance(struct out *o, size_t n)
{
	if (!n)
		o->full = true;
	o->p += n;
	o->left -= n;
}

static void put_uint(struct out *o, uint64_t v)
{
	advance(o, cbor_encode_uint(v, o->p, o->left));
}

static void put_raw(struct out *o, const void *data, size_t len)
{
	if (len > o->left) {
		o->full = true;
		return;
	}
	memcpy(o->p, data, len);
	o->p += len;
	o->left -= len;
}

static void put_bytes(struct out *o, const void *data, size_t len)
{
	advance(o, cbor_encode_bytestring_start(len, o->p, o->left));
	put_raw(o, data, len);
}

static void put_string(struct out *o, const char *s)
{
	advance(o, cbor_encode_string_start(strlen(s), o->p, o->left));
	put_raw(o, s, strlen(s));
}

static void put_text(struct out *o, enum key key, const char *s)
{
	put_uint(o, key);
	put_string(o, s);
}

static void put_number(struct out *o, enum key key, uint64_t v)
{
	put_uint(o, key);
	put_uint(o, v);
}

static void put_flag(struct out *o, enum key key, bool v)
{
	put_uint(o, key);
	advance(o, cbor_encode_bool(v, o->p, o->left));
}

static void put_path(struct out *o, enum key key, const struct ockam_path *path)
{
	put_uint(o, key);
	put_bytes(o, path->hops, path->len);
}

static int written(const struct out *o, const uint8_t *buf)
{
	return o->full ? -EMSGSIZE : o->p - buf;
}

int request_write(const struct request *req, uint8_t *buf, size_t size)
{
	struct out o = { .p = buf, .left = size };
	size_t i;

	advance(&o, cbor_encode_map_start(15, o.p, o.left));
	put_number(&o, KEY_VERSION, REQUEST_VERSION);
	put_number(&o, KEY_ID, req->id);
	put_number(&o, KEY_OP, req->op);
	put_text(&o, KEY_IDENTITY, req->identity);
	put_text(&o, KEY_HANDSHAKE, req->handshake);
	put_path(&o, KEY_ADDRESS, &req->address);
	put_path(&o, KEY_ROUTE, &req->route);
	if (req->anyone) {
		put_flag(&o, KEY_ANYONE, true);
	} else {
		put_uint(&o, KEY_IDS);
		advance(&o, cbor_encode_array_start(req->n_ids, o.p, o.left));
		for (i = 0; i < req->n_ids; i++)
			put_bytes(&o, req->ids[i], sizeof(req->ids[i]));
	}
	put_uint(&o, KEY_RULES);
	advance(&o, cbor_encode_array_start(req->n_rules, o.p, o.left));
	for (i = 0; i < req->n_rules; i++)
		put_string(&o, req->rules[i]);
	put_number(&o, KEY_TIMEOUT, req->timeout_ms);
	put_number(&o, KEY_CHANNEL, req->channel);
	put_flag(&o, KEY_SHARED, req->shared);
	put_text(&o, KEY_ENDPOINT, req->endpoint);
	put_number(&o, KEY_SKIP, req->skip);
	put_text(&o, KEY_SECTION, req->section);
	return written(&o, buf);
}

int answer_write(const struct answer *ans, uint8_t *buf, size_t size)
{
	struct out o = { .p = buf, .left = size };

	advance(&o, cbor_encode_map_start(8, o.p, o.left));
	put_number(&o, KEY_VERSION, REQUEST_VERSION);
	put_number(&o, KEY_ID, ans->id);
	put_number(&o, KEY_ERRNO, ans->err);
	put_text(&o, KEY_TEXT, ans->text);
	put_flag(&o, KEY_MORE, ans->more);
	put_path(&o, KEY_ENCRYPTOR, &ans->encryptor);
	put_number(&o, KEY_CHANNEL, ans->channel);
	put_uint(&o, KEY_PEER);
	put_bytes(&o, ans->peer, sizeof(ans->peer));
	return written(&o, buf);
}

/* ---- reading ---- */

/* What ends reading; 0 while all is well. */
struct in {
	int err;
};

static void bad(struct in *in, int err)
{
	if (!in->err)
		in->err = err;
}

static uint64_t get_uint(struct in *in, const cbor_item_t *v, uint64_t max)
{
	uint64_t n;

	if (!cbor_isa_uint(v)) {
		bad(in, -EBADMSG);
		return 0;
	}
	n = cbor_get_int(v);
	if (n > max) {
		bad(in, -EMSGSIZE);
		return 0;
	}
	return n;
}

static bool get_flag(struct in *in, const cbor_item_t *v)
{
	/* libcbor ends the program when asked whether a float is a bool. */
	if (!cbor_isa_float_ctrl(v) || !cbor_float_ctrl_is_ctrl(v) ||
	    !cbor_is_bool(v)) {
		bad(in, -EBADMSG);
		return false;
	}
	return cbor_get_bool(v);
}

static void get_text(struct in *in, const cbor_item_t *v, char *s, size_t max)
{
	size_t len;

	if (!cbor_isa_string(v) || !cbor_string_is_definite(v)) {
		bad(in, -EBADMSG);
		return;
	}
	len = cbor_string_length(v);
	if (len > max) {
		bad(in, -EMSGSIZE);
		return;
	}
	memcpy(s, cbor_string_handle(v), len);
	s[len] = 0;
	if (strlen(s) != len)
		bad(in, -EBADMSG);
}

static const uint8_t *get_bytes(struct in *in, const cbor_item_t *v,
				size_t *len)
{
	if (!cbor_isa_bytestring(v) || !cbor_bytestring_is_definite(v)) {
		bad(in, -EBADMSG);
		*len = 0;
		return NULL;
	}
	*len = cbor_bytestring_length(v);
	return cbor_bytestring_handle(v);
}

static void get_id(struct in *in, const cbor_item_t *v,
		   uint8_t id[OCKAM_IDENTIFIER_LEN])
{
	const uint8_t *p;
	size_t len;

	p = get_bytes(in, v, &len);
	if (in->err)
		return;
	if (len != OCKAM_IDENTIFIER_LEN) {
		bad(in, -EBADMSG);
		return;
	}
	memcpy(id, p, len);
}

static void get_path(struct in *in, const cbor_item_t *v,
		     struct ockam_path *path)
{
	size_t len, used = 0;
	unsigned int hops = 0;
	const uint8_t *p;

	p = get_bytes(in, v, &len);
	if (in->err)
		return;
	if (len > sizeof(path->hops)) {
		bad(in, -EMSGSIZE);
		return;
	}
	for (; used < len; hops++) {
		if (len - used < 2 || len - used - 2 < p[used + 1] ||
		    hops == OCKAM_HOPS_MAX) {
			bad(in, -EBADMSG);
			return;
		}
		used += 2 + p[used + 1];
	}
	if (len)
		memcpy(path->hops, p, len);
	path->len = len;
	path->nhops = hops;
}

static void get_ids(struct in *in, const cbor_item_t *v, struct request *req)
{
	cbor_item_t **items;
	size_t i, n;

	if (!cbor_isa_array(v)) {
		bad(in, -EBADMSG);
		return;
	}
	n = cbor_array_size(v);
	if (n > REQUEST_TRUST_MAX) {
		bad(in, -EMSGSIZE);
		return;
	}
	items = cbor_array_handle(v);
	for (i = 0; i < n && !in->err; i++)
		get_id(in, items[i], req->ids[i]);
	req->n_ids = n;
}

static void get_rules(struct in *in, const cbor_item_t *v,
		      struct request *req)
{
	cbor_item_t **items;
	size_t i, n;

	if (!cbor_isa_array(v)) {
		bad(in, -EBADMSG);
		return;
	}
	n = cbor_array_size(v);
	if (n > REQUEST_RULES_MAX) {
		bad(in, -EMSGSIZE);
		return;
	}
	items = cbor_array_handle(v);
	for (i = 0; i < n && !in->err; i++)
		get_text(in, items[i], req->rules[i], REQUEST_RULE_MAX);
	req->n_rules = n;
}

static void request_pair(struct in *in, uint64_t key, const cbor_item_t *v,
			 struct request *req)
{
	switch (key) {
	case KEY_ID:
		req->id = get_uint(in, v, UINT64_MAX);
		break;
	case KEY_OP:
		req->op = get_uint(in, v, UINT8_MAX);
		break;
	case KEY_IDENTITY:
		get_text(in, v, req->identity, REQUEST_NAME_MAX);
		break;
	case KEY_HANDSHAKE:
		get_text(in, v, req->handshake, sizeof(req->handshake) - 1);
		break;
	case KEY_ADDRESS:
		get_path(in, v, &req->address);
		break;
	case KEY_ROUTE:
		get_path(in, v, &req->route);
		break;
	case KEY_ANYONE:
		req->anyone = get_flag(in, v);
		break;
	case KEY_IDS:
		get_ids(in, v, req);
		break;
	case KEY_RULES:
		get_rules(in, v, req);
		break;
	case KEY_TIMEOUT:
		req->timeout_ms = get_uint(in, v, UINT32_MAX);
		break;
	case KEY_CHANNEL:
		req->channel = get_uint(in, v, UINT32_MAX);
		break;
	case KEY_SHARED:
		req->shared = get_flag(in, v);
		break;
	case KEY_ENDPOINT:
		get_text(in, v, req->endpoint, REQUEST_NAME_MAX);
		break;
	case KEY_SKIP:
		req->skip = get_uint(in, v, UINT32_MAX);
		break;
	case KEY_SECTION:
		get_text(in, v, req->section, REQUEST_SECTION_MAX);
		break;
	}
}

static void answer_pair(struct in *in, uint64_t key, const cbor_item_t *v,
			struct answer *ans)
{
	switch (key) {
	case KEY_ID:
		ans->id = get_uint(in, v, UINT64_MAX);
		break;
	case KEY_ERRNO:
		ans->err = get_uint(in, v, 4095);
		break;
	case KEY_TEXT:
		get_text(in, v, ans->text, REQUEST_TEXT_MAX);
		break;
	case KEY_MORE:
		ans->more = get_flag(in, v);
		break;
	case KEY_ENCRYPTOR:
		get_path(in, v, &ans->encryptor);
		break;
	case KEY_CHANNEL:
		ans->channel = get_uint(in, v, UINT32_MAX);
		break;
	case KEY_PEER:
		get_id(in, v, ans->peer);
		break;
	}
}

/**
 * struct announced - items that arrays and maps say they have
 * @left: bytes that could hold them
 * @bad: more than that
 */
struct announced {
	uint64_t left;
	bool bad;
};

static void announce(struct announced *a, uint64_t items)
{
	if (items > a->left)
		a->bad = true;
	else
		a->left -= items;
}

static void on_array(void *ctx, size_t items)
{
	announce(ctx, items);
}

static void on_map(void *ctx, size_t pairs)
{
	announce(ctx, pairs > SIZE_MAX / 2 ? SIZE_MAX : 2 * pairs);
}

/*
 * libcbor allocates what an array announces, before it is there.  An item takes
 * a byte at least, so that much is believed.
 */
static bool is_honest(const uint8_t *buf, size_t len)
{
	struct cbor_callbacks cb = cbor_empty_callbacks;
	struct announced a = { .left = len };
	struct cbor_decoder_result res;
	size_t off;

	cb.array_start = on_array;
	cb.map_start = on_map;
	for (off = 0; off < len && !a.bad; off += res.read) {
		res = cbor_stream_decode(buf + off, len - off, &cb, &a);
		if (res.status != CBOR_DECODER_FINISHED || !res.read)
			return false;
	}
	return !a.bad;
}

static int read_map(const uint8_t *buf, size_t len, struct request *req,
		    struct answer *ans)
{
	struct cbor_load_result res;
	uint64_t version = 0;
	struct cbor_pair *pair;
	struct in in = { 0 };
	uint32_t seen = 0;
	cbor_item_t *map;
	size_t i, n;

	if (len > REQUEST_MAX)
		return -EMSGSIZE;
	map = is_honest(buf, len) ? cbor_load(buf, len, &res) : NULL;
	if (!map)
		return -EBADMSG;
	if (res.read != len || !cbor_isa_map(map))
		bad(&in, -EBADMSG);
	n = in.err ? 0 : cbor_map_size(map);
	pair = n ? cbor_map_handle(map) : NULL;
	for (i = 0; i < n && !in.err; i++) {
		uint64_t key = get_uint(&in, pair[i].key, UINT32_MAX);

		/* A key that comes twice could mean two things. */
		if (!in.err && key < 32 && seen >> key & 1)
			bad(&in, -EBADMSG);
		if (in.err)
			break;
		if (key < 32)
			seen |= 1U << key;
		if (key == KEY_VERSION)
			version = get_uint(&in, pair[i].value, UINT32_MAX);
		else if (req)
			request_pair(&in, key, pair[i].value, req);
		else
			answer_pair(&in, key, pair[i].value, ans);
	}
	cbor_decref(&map);
	if (!in.err && version != REQUEST_VERSION)
		return -EPROTONOSUPPORT;
	return in.err;
}

int request_read(const uint8_t *buf, size_t len, struct request *req)
{
	memset(req, 0, sizeof(*req));
	return read_map(buf, len, req, NULL);
}

int answer_read(const uint8_t *buf, size_t len, struct answer *ans)
{
	memset(ans, 0, sizeof(*ans));
	return read_map(buf, len, NULL, ans);
}
