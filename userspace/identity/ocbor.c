// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The subset of CBOR that Ockam's identities use, over the streaming half of
 * libcbor: its encoder writes shortest forms, its decoder reads one head at a
 * time and never allocates.
 */
#include <string.h>

#include <cbor.h>

#include "ident_err.h"
#include "ocbor.h"

void ocb_writer_init(struct ocb_writer *w, uint8_t *buf, size_t cap)
{
	w->buf = buf;
	w->cap = cap;
	w->len = 0;
	w->full = false;
}

static uint8_t *ocb_pos(struct ocb_writer *w)
{
	return w->buf + w->len;
}

static size_t ocb_room(struct ocb_writer *w)
{
	return w->full ? 0 : w->cap - w->len;
}

/* libcbor returns 0 when the head did not fit. */
static void ocb_advance(struct ocb_writer *w, size_t n)
{
	if (!n)
		w->full = true;
	w->len += n;
}

void ocb_put_array(struct ocb_writer *w, size_t items)
{
	ocb_advance(w, cbor_encode_array_start(items, ocb_pos(w),
					       ocb_room(w)));
}

void ocb_put_map(struct ocb_writer *w, size_t pairs)
{
	ocb_advance(w, cbor_encode_map_start(pairs, ocb_pos(w), ocb_room(w)));
}

void ocb_put_uint(struct ocb_writer *w, uint64_t v)
{
	ocb_advance(w, cbor_encode_uint(v, ocb_pos(w), ocb_room(w)));
}

void ocb_put_bool(struct ocb_writer *w, bool v)
{
	ocb_advance(w, cbor_encode_bool(v, ocb_pos(w), ocb_room(w)));
}

void ocb_put_null(struct ocb_writer *w)
{
	ocb_advance(w, cbor_encode_null(ocb_pos(w), ocb_room(w)));
}

void ocb_put_raw(struct ocb_writer *w, const void *data, size_t len)
{
	if (len > ocb_room(w)) {
		w->full = true;
		return;
	}
	if (len)
		memcpy(ocb_pos(w), data, len);
	w->len += len;
}

void ocb_put_bytes(struct ocb_writer *w, const void *data, size_t len)
{
	ocb_advance(w, cbor_encode_bytestring_start(len, ocb_pos(w),
						    ocb_room(w)));
	ocb_put_raw(w, data, len);
}

enum kind {
	K_NONE,
	K_UINT,
	K_NEGINT,
	K_BYTES,
	K_TEXT,
	K_CHUNKS,
	K_ARRAY,
	K_ARRAY_INDEF,
	K_MAP,
	K_MAP_INDEF,
	K_TAG,
	K_FLOAT,
	K_BOOL,
	K_NULL,
	K_UNDEF,
	K_BREAK
};

struct item {
	enum kind kind;
	uint64_t v;
	const uint8_t *data;
	size_t len;
};

static void set(void *ctx, enum kind kind, uint64_t v)
{
	struct item *it = ctx;

	it->kind = kind;
	it->v = v;
}

static void set_str(void *ctx, enum kind kind, cbor_data data, size_t len)
{
	struct item *it = ctx;

	it->kind = kind;
	it->data = data;
	it->len = len;
}

static void on_u8(void *c, uint8_t v) { set(c, K_UINT, v); }
static void on_u16(void *c, uint16_t v) { set(c, K_UINT, v); }
static void on_u32(void *c, uint32_t v) { set(c, K_UINT, v); }
static void on_u64(void *c, uint64_t v) { set(c, K_UINT, v); }
static void on_n8(void *c, uint8_t v) { set(c, K_NEGINT, v); }
static void on_n16(void *c, uint16_t v) { set(c, K_NEGINT, v); }
static void on_n32(void *c, uint32_t v) { set(c, K_NEGINT, v); }
static void on_n64(void *c, uint64_t v) { set(c, K_NEGINT, v); }
static void on_chunks(void *c) { set(c, K_CHUNKS, 0); }
static void on_array(void *c, size_t n) { set(c, K_ARRAY, n); }
static void on_array_indef(void *c) { set(c, K_ARRAY_INDEF, 0); }
static void on_map(void *c, size_t n) { set(c, K_MAP, n); }
static void on_map_indef(void *c) { set(c, K_MAP_INDEF, 0); }
static void on_tag(void *c, uint64_t v) { set(c, K_TAG, v); }
static void on_bool(void *c, bool v) { set(c, K_BOOL, v); }
static void on_null(void *c) { set(c, K_NULL, 0); }
static void on_undef(void *c) { set(c, K_UNDEF, 0); }
static void on_break(void *c) { set(c, K_BREAK, 0); }

static void on_float(void *c, float v)
{
	(void)v;
	set(c, K_FLOAT, 0);
}

static void on_double(void *c, double v)
{
	(void)v;
	set(c, K_FLOAT, 0);
}

static void on_bytes(void *c, cbor_data data, size_t len)
{
	set_str(c, K_BYTES, data, len);
}

static void on_text(void *c, cbor_data data, size_t len)
{
	set_str(c, K_TEXT, data, len);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8,
	.uint16 = on_u16,
	.uint32 = on_u32,
	.uint64 = on_u64,
	.negint8 = on_n8,
	.negint16 = on_n16,
	.negint32 = on_n32,
	.negint64 = on_n64,
	.byte_string_start = on_chunks,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_chunks,
	.indef_array_start = on_array_indef,
	.array_start = on_array,
	.indef_map_start = on_map_indef,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_undef,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_break,
};

void ocb_reader_init(struct ocb_reader *r, const uint8_t *buf, size_t len)
{
	r->p = buf;
	r->left = len;
}

static int ocb_next(struct ocb_reader *r, struct item *it)
{
	struct cbor_decoder_result res;

	memset(it, 0, sizeof(*it));
	if (!r->left)
		return IDENT_E_DECODE;
	res = cbor_stream_decode(r->p, r->left, &callbacks, it);
	if (res.status != CBOR_DECODER_FINISHED || !res.read ||
	    res.read > r->left || it->kind == K_NONE)
		return IDENT_E_DECODE;
	r->p += res.read;
	r->left -= res.read;
	return 0;
}

static int ocb_want(struct ocb_reader *r, struct item *it, enum kind kind)
{
	if (ocb_next(r, it) || it->kind != kind)
		return IDENT_E_DECODE;
	return 0;
}

int ocb_get_bytes(struct ocb_reader *r, const uint8_t **data, size_t *len)
{
	struct item it;

	if (ocb_want(r, &it, K_BYTES))
		return IDENT_E_DECODE;
	*data = it.data;
	*len = it.len;
	return 0;
}

int ocb_get_fixed(struct ocb_reader *r, uint8_t *out, size_t len)
{
	const uint8_t *data;
	size_t got;

	if (ocb_get_bytes(r, &data, &got) || got != len)
		return IDENT_E_DECODE;
	memcpy(out, data, len);
	return 0;
}

int ocb_get_uint(struct ocb_reader *r, uint64_t *v)
{
	struct item it;

	if (ocb_want(r, &it, K_UINT))
		return IDENT_E_DECODE;
	*v = it.v;
	return 0;
}

int ocb_get_bool(struct ocb_reader *r, bool *v)
{
	struct item it;

	if (ocb_want(r, &it, K_BOOL))
		return IDENT_E_DECODE;
	*v = it.v;
	return 0;
}

bool ocb_take_null(struct ocb_reader *r)
{
	if (!r->left || *r->p != 0xf6)
		return false;
	r->p++;
	r->left--;
	return true;
}

/* A count above the bytes left can only be a lie. */
int ocb_get_map(struct ocb_reader *r, uint64_t *pairs)
{
	struct item it;

	if (ocb_want(r, &it, K_MAP) || it.v > r->left / 2)
		return IDENT_E_DECODE;
	*pairs = it.v;
	return 0;
}

/* Items that are still to come at each level; indefinite levels end with a
 * break instead.
 */
struct level {
	uint64_t left;
	bool indefinite;
	bool map;
	bool chunks;
};

static int skip_open(struct level *l, const struct item *it, size_t bytes_left)
{
	memset(l, 0, sizeof(*l));
	switch (it->kind) {
	case K_TAG:
		l->left = 1;
		return 1;
	case K_ARRAY:
	case K_MAP:
		if (it->v > bytes_left)
			return -1;
		l->left = it->kind == K_MAP ? it->v * 2 : it->v;
		return 1;
	case K_CHUNKS:
		l->chunks = true;
		l->indefinite = true;
		return 1;
	case K_MAP_INDEF:
		l->map = true;
		l->indefinite = true;
		return 1;
	case K_ARRAY_INDEF:
		l->indefinite = true;
		return 1;
	default:
		return 0;
	}
}

int ocb_skip(struct ocb_reader *r)
{
	struct level st[OCB_SKIP_DEPTH + 1];
	struct item it;
	int depth = 0;
	int opened;

	memset(&st[0], 0, sizeof(st[0]));
	st[0].left = 1;
	for (;;) {
		while (depth && !st[depth].indefinite && !st[depth].left)
			depth--;
		if (!depth && !st[0].left)
			return 0;
		if (ocb_next(r, &it))
			return IDENT_E_DECODE;
		if (it.kind == K_BREAK) {
			/* An indefinite map counts its items in @left. */
			if (!st[depth].indefinite ||
			    (st[depth].map && st[depth].left % 2))
				return IDENT_E_DECODE;
			depth--;
			continue;
		}
		if (st[depth].chunks && it.kind != K_BYTES &&
		    it.kind != K_TEXT)
			return IDENT_E_DECODE;
		st[depth].left += st[depth].indefinite ? 1 : -1;
		if (depth == OCB_SKIP_DEPTH) {
			struct level none;

			if (skip_open(&none, &it, r->left))
				return IDENT_E_DECODE;
			continue;
		}
		opened = skip_open(&st[depth + 1], &it, r->left);
		if (opened < 0)
			return IDENT_E_DECODE;
		depth += opened;
	}
}

int ocb_list_begin(struct ocb_reader *r, struct ocb_list *l)
{
	struct item it;

	memset(l, 0, sizeof(*l));
	if (ocb_next(r, &it))
		return IDENT_E_DECODE;
	if (it.kind == K_ARRAY_INDEF) {
		l->indefinite = true;
		return 0;
	}
	if (it.kind != K_ARRAY || it.v > r->left)
		return IDENT_E_DECODE;
	l->left = it.v;
	return 0;
}

bool ocb_list_more(struct ocb_reader *r, struct ocb_list *l)
{
	if (l->ended)
		return false;
	if (!l->indefinite) {
		if (!l->left)
			return false;
		l->left--;
		return true;
	}
	if (!r->left)
		return false;
	if (*r->p != 0xff)
		return true;
	r->p++;
	r->left--;
	l->ended = true;
	return false;
}

int ocb_list_need(struct ocb_reader *r, struct ocb_list *l)
{
	return ocb_list_more(r, l) ? 0 : IDENT_E_DECODE;
}

int ocb_list_end(struct ocb_reader *r, struct ocb_list *l)
{
	while (ocb_list_more(r, l))
		if (ocb_skip(r))
			return IDENT_E_DECODE;
	return l->indefinite && !l->ended ? IDENT_E_DECODE : 0;
}

int ocb_enum_begin(struct ocb_reader *r, uint64_t *variant,
		   struct ocb_list *fields)
{
	struct item it;

	if (ocb_want(r, &it, K_ARRAY) || it.v != 2)
		return IDENT_E_DECODE;
	if (ocb_get_uint(r, variant))
		return IDENT_E_DECODE;
	return ocb_list_begin(r, fields);
}
