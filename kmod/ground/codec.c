// SPDX-License-Identifier: GPL-2.0
/*
 * Transport messages and channel plaintexts: CBOR to flat routes and back.
 *
 * Reading has two ways.  The short one knows what peers really send, and
 * gives up at the first thing it does not know.  The long one then starts
 * anew; it knows all that is allowed and tells what is wrong with the rest.
 */
#include "ground/codec.h"

#define CBOR_UINT	0x00
#define CBOR_NEGATIVE	0x20
#define CBOR_BYTES	0x40
#define CBOR_TEXT	0x60
#define CBOR_ARRAY	0x80
#define CBOR_MAP	0xa0
#define CBOR_TAG	0xc0
#define CBOR_SIMPLE	0xe0
#define CBOR_MAJOR	0xe0	/* mask */
#define CBOR_INFO	0x1f	/* mask */
#define CBOR_DIRECT	24	/* smaller values are in the head itself */
#define CBOR_INDEFINITE	31
#define CBOR_FALSE	0xf4
#define CBOR_TRUE	0xf5
#define CBOR_NULL	0xf6
#define CBOR_BREAK	0xff

#define FETCH_SIZE	64

/* Names and random addresses are short: spare them the call of memcpy(). */
static __always_inline void copy_short(u8 *dst, const u8 *src, u32 n)
{
	if (n > 32) {
		memcpy(dst, src, n);
	} else if (n > 16) {
		__builtin_memcpy(dst, src, 16);
		__builtin_memcpy(dst + n - 16, src + n - 16, 16);
	} else if (n >= 8) {
		__builtin_memcpy(dst, src, 8);
		__builtin_memcpy(dst + n - 8, src + n - 8, 8);
	} else if (n >= 4) {
		__builtin_memcpy(dst, src, 4);
		__builtin_memcpy(dst + n - 4, src + n - 4, 4);
	} else if (n) {
		dst[0] = src[0];
		dst[n / 2] = src[n / 2];
		dst[n - 1] = src[n - 1];
	}
}

/* Writing */

static __always_inline u8 *put_head(u8 *dst, u8 major, u32 v)
{
	if (likely(v < CBOR_DIRECT)) {
		*dst++ = major | (u8)v;
	} else if (v <= 0xff) {
		*dst++ = major | 24;
		*dst++ = (u8)v;
	} else if (v <= 0xffff) {
		*dst++ = major | 25;
		ockam_put_be16(dst, (u16)v);
		dst += 2;
	} else {
		*dst++ = major | 26;
		ockam_put_be32(dst, v);
		dst += 4;
	}
	return dst;
}

u8 *ockam_cbor_bytes_put(u8 *dst, u32 len)
{
	return put_head(dst, CBOR_BYTES, len);
}

u32 ockam_cbor_route_size(const u8 *flat, u32 len, u32 nhops)
{
	u32 size = ockam_cbor_head_size(nhops);
	struct ockam_addr a;
	int used;

	for (; len; len -= used, flat += used) {
		used = ockam_route_next(flat, len, &a);
		if (unlikely(used < 0))
			break;
		size += 1 + ockam_cbor_head_size(a.type) +
			ockam_cbor_head_size(a.len) + a.len;
	}
	return size;
}

u8 *ockam_cbor_route_put(u8 *dst, const u8 *flat, u32 len, u32 nhops)
{
	struct ockam_addr a;
	int used;

	dst = put_head(dst, CBOR_ARRAY, nhops);
	for (; len; len -= used, flat += used) {
		used = ockam_route_next(flat, len, &a);
		if (unlikely(used < 0))
			break;
		*dst++ = CBOR_ARRAY | 2;
		dst = put_head(dst, CBOR_UINT, a.type);
		dst = put_head(dst, CBOR_BYTES, a.len);
		copy_short(dst, a.bytes, a.len);
		dst += a.len;
	}
	return dst;
}

u32 ockam_wire_head_size(const u8 *onward, u32 onward_len, u32 onward_hops,
			 const u8 *ret, u32 ret_len, u32 ret_hops,
			 u32 payload_len)
{
	return 1 + ockam_cbor_route_size(onward, onward_len, onward_hops) +
	       ockam_cbor_route_size(ret, ret_len, ret_hops) +
	       ockam_cbor_head_size(payload_len);
}

u8 *ockam_wire_head_put(u8 *dst, const u8 *onward, u32 onward_len,
			u32 onward_hops, const u8 *ret, u32 ret_len,
			u32 ret_hops, u32 payload_len)
{
	*dst++ = CBOR_ARRAY | 3;
	dst = ockam_cbor_route_put(dst, onward, onward_len, onward_hops);
	dst = ockam_cbor_route_put(dst, ret, ret_len, ret_hops);
	return put_head(dst, CBOR_BYTES, payload_len);
}

u8 *ockam_chan_head_put(u8 *dst, const u8 *onward, u32 onward_len,
			u32 onward_hops, const u8 *ret, u32 ret_len,
			u32 ret_hops, u32 payload_len)
{
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_UINT | OCKAM_CHAN_PAYLOAD;
	*dst++ = CBOR_ARRAY | 1;
	return ockam_wire_head_put(dst, onward, onward_len, onward_hops,
				   ret, ret_len, ret_hops, payload_len);
}

u8 *ockam_chan_close_put(u8 *dst)
{
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_UINT | OCKAM_CHAN_CLOSE;
	*dst++ = CBOR_ARRAY | 0;
	*dst++ = OCKAM_CHAN_TRAILER;
	return dst;
}

u8 *ockam_chan_refresh_put(u8 *dst)
{
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_ARRAY | 2;
	*dst++ = CBOR_UINT | OCKAM_CHAN_REFRESH;
	*dst++ = CBOR_ARRAY | 1;
	return dst;
}

/* Reading, the short way */

/* The end of a route, or NULL to take the long way. */
static __always_inline const u8 *fast_route(const u8 *p, const u8 *end,
					    u8 *dst, u32 cap, u32 *lenp,
					    u32 *hopsp)
{
	u8 *start = dst;
	u8 *stop;
	u32 hops, i, n;
	u8 type;

	if (unlikely(p >= end))
		return NULL;
	hops = (u32)*p++ - CBOR_ARRAY;
	if (unlikely(hops >= CBOR_DIRECT))
		return NULL;
	stop = dst + (cap < OCKAM_ROUTE_MAX_BYTES ? cap : OCKAM_ROUTE_MAX_BYTES);

	for (i = 0; i < hops; i++) {
		if (unlikely(end - p < 4))
			return NULL;
		type = p[1];
		if (unlikely(p[0] != (CBOR_ARRAY | 2) || type >= CBOR_DIRECT))
			return NULL;
		n = (u32)p[2] - CBOR_BYTES;
		p += 3;
		if (n == CBOR_DIRECT)
			n = *p++;
		else if (unlikely(n > CBOR_DIRECT))
			return NULL;
		if (unlikely((u32)(end - p) < n ||
			     (u32)(stop - dst) < OCKAM_HOP_HEAD + n))
			return NULL;
		dst[0] = type;
		dst[1] = (u8)n;
		copy_short(dst + OCKAM_HOP_HEAD, p, n);
		p += n;
		dst += OCKAM_HOP_HEAD + n;
	}
	*lenp = (u32)(dst - start);
	*hopsp = hops;
	return p;
}

static __always_inline const u8 *fast_bytes(const u8 *p, const u8 *end,
					    u32 *lenp)
{
	u32 n;

	if (unlikely(end - p < 1))
		return NULL;
	n = (u32)*p++ - CBOR_BYTES;
	if (n < CBOR_DIRECT) {
		*lenp = n;
		return p;
	}
	if (n == CBOR_DIRECT && end - p >= 1) {
		*lenp = *p;
		return p + 1;
	}
	if (n == CBOR_DIRECT + 1 && end - p >= 2) {
		*lenp = ockam_get_be16(p);
		return p + 2;
	}
	if (n == CBOR_DIRECT + 2 && end - p >= 4) {
		*lenp = ockam_get_be32(p);
		return p + 4;
	}
	return NULL;
}

/* Both routes and the payload's head; @p is behind the array's head. */
static __always_inline bool fast_fields(const u8 *buf, const u8 *p, u32 avail,
					u32 total, struct ockam_wire *w)
{
	const u8 *end = buf + avail;

	p = fast_route(p, end, w->onward, w->onward_cap, &w->onward_len,
		       &w->onward_hops);
	if (unlikely(!p))
		return false;
	p = fast_route(p, end, w->ret, w->ret_cap, &w->ret_len, &w->ret_hops);
	if (unlikely(!p))
		return false;
	p = fast_bytes(p, end, &w->payload_len);
	if (unlikely(!p))
		return false;
	w->payload_off = (u32)(p - buf);
	return w->payload_len <= total - w->payload_off;
}

static __always_inline bool fast_wire(const u8 *buf, u32 avail, u32 total,
				      struct ockam_wire *w)
{
	const u8 *tail;
	u32 off;

	if (unlikely(!avail))
		return false;
	if (buf[0] != (CBOR_ARRAY | 3) && buf[0] != (CBOR_ARRAY | 4))
		return false;
	if (!fast_fields(buf, buf + 1, avail, total, w))
		return false;
	if (buf[0] == (CBOR_ARRAY | 3))
		return true;

	/* A Rust node without tracing always says {}. */
	off = w->payload_off + w->payload_len;
	if (off > avail || avail - off < 3)
		return false;
	tail = buf + off;
	return tail[0] == (CBOR_TEXT | 2) && tail[1] == '{' && tail[2] == '}';
}

static __always_inline bool fast_chan(const u8 *buf, u32 avail, u32 total,
				      struct ockam_wire *w)
{
	u32 off;

	if (unlikely(avail < OCKAM_CHAN_PREFIX + 1))
		return false;
	if (ockam_get_be32(buf) != 0x82820081 || buf[4] != (CBOR_ARRAY | 3))
		return false;
	if (!fast_fields(buf, buf + 5, avail, total, w))
		return false;

	off = w->payload_off + w->payload_len;
	return off < avail && buf[off] == OCKAM_CHAN_TRAILER;
}

/* Reading, the long way */

/*
 * @tail: the head of the message is behind: what is not at hand is fetched
 * @skipped: items skipped so far
 * @cache_off, @cache_len: which part of the message @cache holds
 */
struct cursor {
	const u8 *buf;
	u32 avail;
	u32 total;
	u32 pos;
	u32 skipped;
	bool tail;
	u32 cache_off;
	u32 cache_len;
	const struct ockam_wire *w;
	u8 cache[FETCH_SIZE];
};

static void cur_init(struct cursor *c, const u8 *buf, u32 avail, u32 total,
		     const struct ockam_wire *w)
{
	c->buf = buf;
	c->avail = avail;
	c->total = total;
	c->pos = 0;
	c->skipped = 0;
	c->tail = false;
	c->cache_off = 0;
	c->cache_len = 0;
	c->w = w;
}

static u32 cur_left(const struct cursor *c)
{
	return c->total - c->pos;
}

static int cur_fetch(struct cursor *c)
{
	u32 n = cur_left(c);
	int err;

	if (n > FETCH_SIZE)
		n = FETCH_SIZE;
	c->cache_len = 0;
	err = c->w->fetch(c->w->fetch_ctx, c->pos, c->cache, n);
	if (err)
		return err;
	c->cache_off = c->pos;
	c->cache_len = n;
	return 0;
}

/* The byte at the cursor, which stays, or an error. */
static int cur_peek(struct cursor *c)
{
	int err;

	if (likely(c->pos < c->avail))
		return c->buf[c->pos];
	if (c->pos >= c->total)
		return -EBADMSG;
	if (!c->tail)
		return c->avail < OCKAM_WIRE_HEAD_MAX ? -ENODATA : -EMSGSIZE;
	if (!c->w->fetch)
		return -ENODATA;
	if (c->pos - c->cache_off >= c->cache_len) {
		err = cur_fetch(c);
		if (err)
			return err;
	}
	return c->cache[c->pos - c->cache_off];
}

static int cur_byte(struct cursor *c)
{
	int b = cur_peek(c);

	if (b >= 0)
		c->pos++;
	return b;
}

/**
 * struct item - the head of an item
 * @major: major type, as in the head byte
 * @info: the head byte's low bits
 * @value: the argument; 0 if @info says indefinite
 */
struct item {
	u8 major;
	u8 info;
	u64 value;
};

static int get_head(struct cursor *c, struct item *it)
{
	int b = cur_byte(c);
	u32 n;

	if (b < 0)
		return b;
	it->major = (u8)b & CBOR_MAJOR;
	it->info = (u8)b & CBOR_INFO;
	it->value = 0;
	if (it->info < CBOR_DIRECT) {
		it->value = it->info;
		return 0;
	}
	if (it->info == CBOR_INDEFINITE)
		return 0;
	if (it->info > 27)
		return -EBADMSG;

	for (n = 1U << (it->info - CBOR_DIRECT); n; n--) {
		b = cur_byte(c);
		if (b < 0)
			return b;
		it->value = it->value << 8 | (u32)b;
	}
	return 0;
}

/* An unsigned number of at most @max. */
static int get_uint(struct cursor *c, u32 max, u32 *v)
{
	struct item it;
	int err;

	err = get_head(c, &it);
	if (err)
		return err;
	if (it.major != CBOR_UINT || it.info == CBOR_INDEFINITE ||
	    it.value > max)
		return -EBADMSG;
	*v = (u32)it.value;
	return 0;
}

/* The head of a string of which all is there; the cursor is on its bytes. */
static int get_string(struct cursor *c, u8 major, u32 *len)
{
	struct item it;
	int err;

	err = get_head(c, &it);
	if (err)
		return err;
	if (it.major != major || it.info == CBOR_INDEFINITE ||
	    it.value > cur_left(c))
		return -EBADMSG;
	*len = (u32)it.value;
	return 0;
}

/**
 * struct list - where we are in an array
 * @indefinite: ends with a break
 * @left: elements to come if not
 */
struct list {
	bool indefinite;
	u32 left;
};

static int list_begin(struct cursor *c, struct list *l)
{
	struct item it;
	int err;

	err = get_head(c, &it);
	if (err)
		return err;
	/* An element takes a byte at least. */
	if (it.major != CBOR_ARRAY || it.value > cur_left(c))
		return -EBADMSG;
	l->indefinite = it.info == CBOR_INDEFINITE;
	l->left = (u32)it.value;
	return 0;
}

/* 1 if there is an element more, 0 at the end, or an error. */
static int list_more(struct cursor *c, struct list *l)
{
	int b;

	if (!l->indefinite) {
		if (!l->left)
			return 0;
		l->left--;
		return 1;
	}
	b = cur_peek(c);
	if (b < 0)
		return b;
	if (b != CBOR_BREAK)
		return 1;
	c->pos++;
	return 0;
}

/* An element that must be there. */
static int list_need(struct cursor *c, struct list *l)
{
	int more = list_more(c, l);

	if (more < 0)
		return more;
	return more ? 0 : -EBADMSG;
}

/**
 * struct level - an item that is being skipped and has items within
 * @left: items to come, U64_MAX if a break ends it
 * @chunk: major type of the pieces if it is a string, else 0
 * @pairs: it is a map
 * @odd: a key was last
 */
struct level {
	u64 left;
	u8 chunk;
	bool pairs;
	bool odd;
};

struct nesting {
	u32 depth;
	struct level at[OCKAM_CBOR_DEPTH_MAX];
};

static int nesting_push(struct nesting *n, u64 left, u8 chunk, bool pairs)
{
	struct level *l;

	if (n->depth == OCKAM_CBOR_DEPTH_MAX)
		return -EMSGSIZE;
	l = &n->at[n->depth++];
	l->left = left;
	l->chunk = chunk;
	l->pairs = pairs;
	l->odd = false;
	return 0;
}

/* A break: completes the innermost item if that is one which it may end. */
static int nesting_break(struct nesting *n)
{
	const struct level *l;

	if (!n->depth)
		return -EBADMSG;
	l = &n->at[n->depth - 1];
	if (l->left != U64_MAX || l->odd)
		return -EBADMSG;
	n->depth--;
	return 1;
}

/* An item is complete, and with it perhaps those that it is the last of. */
static void nesting_done(struct nesting *n)
{
	struct level *l;

	while (n->depth) {
		l = &n->at[n->depth - 1];
		if (l->left == U64_MAX) {
			l->odd = l->pairs && !l->odd;
			return;
		}
		if (--l->left)
			return;
		n->depth--;
	}
}

/* 1 if the item is complete, 0 if what it holds comes next, or an error. */
static int skip_one(struct cursor *c, struct nesting *n, const struct item *it)
{
	bool indefinite = it->info == CBOR_INDEFINITE;
	u64 count = it->value;
	int err;

	switch (it->major) {
	case CBOR_UINT:
	case CBOR_NEGATIVE:
		return indefinite ? -EBADMSG : 1;
	case CBOR_BYTES:
	case CBOR_TEXT:
		if (indefinite)
			return nesting_push(n, U64_MAX, it->major, false);
		if (count > cur_left(c))
			return -EBADMSG;
		c->pos += (u32)count;
		return 1;
	case CBOR_ARRAY:
	case CBOR_MAP:
		if (it->major == CBOR_MAP) {
			if (count > cur_left(c) / 2)
				return -EBADMSG;
			count *= 2;
		}
		if (count > cur_left(c))
			return -EBADMSG;
		if (!count && !indefinite)
			return 1;
		return nesting_push(n, indefinite ? U64_MAX : count, 0,
				    it->major == CBOR_MAP);
	case CBOR_TAG:
		/* Its item follows, which a break is not. */
		if (indefinite)
			return -EBADMSG;
		err = cur_peek(c);
		if (err < 0)
			return err;
		return err == CBOR_BREAK ? -EBADMSG : 0;
	default:
		return 1;
	}
}

/* Skip one complete item of any kind. */
static noinline int skip_item(struct cursor *c)
{
	const struct level *l;
	struct nesting n;
	struct item it;
	int err;

	n.depth = 0;
	for (;;) {
		if (++c->skipped > OCKAM_CBOR_SKIP_MAX)
			return -EMSGSIZE;
		err = get_head(c, &it);
		if (err)
			return err;

		l = n.depth ? &n.at[n.depth - 1] : NULL;
		if (it.major == CBOR_SIMPLE && it.info == CBOR_INDEFINITE)
			err = nesting_break(&n);
		else if (l && l->chunk && (it.major != l->chunk ||
					   it.info == CBOR_INDEFINITE))
			err = -EBADMSG;
		else
			err = skip_one(c, &n, &it);
		if (err < 0)
			return err;
		if (!err)
			continue;
		nesting_done(&n);
		if (!n.depth)
			return 0;
	}
}

/* Skip what a later version may have added to a structure. */
static int list_end(struct cursor *c, struct list *l)
{
	int err;

	for (;;) {
		err = list_more(c, l);
		if (err <= 0)
			return err;
		err = skip_item(c);
		if (err)
			return err;
	}
}

/**
 * struct utf8 - state of a check that is fed byte by byte
 * @need: continuation bytes to come
 * @low: least value of the next one
 * @high: greatest value of the next one
 */
struct utf8 {
	u8 need;
	u8 low;
	u8 high;
};

static bool utf8_lead(struct utf8 *u, u8 b)
{
	u->low = 0x80;
	u->high = 0xbf;
	if (b < 0x80)
		return true;
	if (b < 0xc2 || b > 0xf4)
		return false;
	if (b < 0xe0) {
		u->need = 1;
		return true;
	}
	if (b < 0xf0) {
		u->need = 2;
		if (b == 0xe0)		/* overlong */
			u->low = 0xa0;
		else if (b == 0xed)	/* surrogates */
			u->high = 0x9f;
		return true;
	}
	u->need = 3;
	if (b == 0xf0)			/* overlong */
		u->low = 0x90;
	else if (b == 0xf4)		/* beyond the last character */
		u->high = 0x8f;
	return true;
}

static bool utf8_feed(struct utf8 *u, u8 b)
{
	if (!u->need)
		return utf8_lead(u, b);
	if (b < u->low || b > u->high)
		return false;
	u->low = 0x80;
	u->high = 0xbf;
	u->need--;
	return true;
}

/* Tracing context: UTF-8 text or null.  Checked as Ockam does, not used. */
static int get_trace(struct cursor *c)
{
	struct utf8 u = { 0 };
	u32 len;
	int b;

	b = cur_peek(c);
	if (b < 0)
		return b;
	if (b == CBOR_NULL) {
		c->pos++;
		return 0;
	}
	b = get_string(c, CBOR_TEXT, &len);
	if (b)
		return b;
	if (len > OCKAM_TRACE_MAX)
		return -EMSGSIZE;

	for (; len; len--) {
		b = cur_byte(c);
		if (b < 0)
			return b;
		if (!utf8_feed(&u, (u8)b))
			return -EBADMSG;
	}
	return u.need ? -EBADMSG : 0;
}

/**
 * struct room - a flat route in the making
 * @at: where it begins
 * @cap: bytes that fit
 * @len: bytes so far
 * @hops: hops so far
 */
struct room {
	u8 *at;
	u32 cap;
	u32 len;
	u32 hops;
};

static int room_put(struct room *r, const struct ockam_addr *a)
{
	if (r->hops == OCKAM_ROUTE_MAX_HOPS ||
	    r->len + ockam_addr_size(a) > OCKAM_ROUTE_MAX_BYTES)
		return -EMSGSIZE;
	if (r->len + ockam_addr_size(a) > r->cap)
		return -ENOSPC;

	ockam_addr_put(r->at + r->len, a);
	r->len += ockam_addr_size(a);
	r->hops++;
	return 0;
}

static int get_addr(struct cursor *c, struct room *r)
{
	struct ockam_addr a;
	struct list l;
	u32 type, len;
	int err;

	err = list_begin(c, &l);
	if (err)
		return err;
	err = list_need(c, &l);
	if (err)
		return err;
	err = get_uint(c, 0xff, &type);
	if (err)
		return err;
	err = list_need(c, &l);
	if (err)
		return err;
	err = get_string(c, CBOR_BYTES, &len);
	if (err)
		return err;
	if (len > OCKAM_ADDR_MAX_BYTES)
		return -EMSGSIZE;
	if (len > c->avail - c->pos)
		return c->avail < OCKAM_WIRE_HEAD_MAX ? -ENODATA : -EMSGSIZE;

	a.type = (u8)type;
	a.len = (u8)len;
	a.bytes = c->buf + c->pos;
	err = room_put(r, &a);
	if (err)
		return err;
	c->pos += len;
	return list_end(c, &l);
}

static int get_route(struct cursor *c, struct room *r)
{
	struct list l;
	int err;

	err = list_begin(c, &l);
	if (err)
		return err;
	for (;;) {
		err = list_more(c, &l);
		if (err <= 0)
			return err;
		err = get_addr(c, r);
		if (err)
			return err;
	}
}

static int get_fields(struct cursor *c, struct list *l, struct ockam_wire *w)
{
	struct room onward = { .at = w->onward, .cap = w->onward_cap };
	struct room ret = { .at = w->ret, .cap = w->ret_cap };
	int err;

	err = list_need(c, l);
	if (err)
		return err;
	err = get_route(c, &onward);
	if (err)
		return err;
	err = list_need(c, l);
	if (err)
		return err;
	err = get_route(c, &ret);
	if (err)
		return err;
	err = list_need(c, l);
	if (err)
		return err;
	err = get_string(c, CBOR_BYTES, &w->payload_len);
	if (err)
		return err;

	w->payload_off = c->pos;
	c->pos += w->payload_len;
	c->tail = true;
	w->onward_len = onward.len;
	w->onward_hops = onward.hops;
	w->ret_len = ret.len;
	w->ret_hops = ret.hops;
	return 0;
}

/* @trace: the fourth element is a tracing context, and not just unknown. */
static int get_message(struct cursor *c, struct ockam_wire *w, bool trace)
{
	struct list l;
	int err;

	err = list_begin(c, &l);
	if (err)
		return err;
	err = get_fields(c, &l, w);
	if (err)
		return err;

	if (trace) {
		err = list_more(c, &l);
		if (err <= 0)
			return err;
		err = get_trace(c);
		if (err)
			return err;
	}
	return list_end(c, &l);
}

static noinline int slow_wire(const u8 *buf, u32 avail, u32 total,
			      struct ockam_wire *w)
{
	struct cursor c;

	cur_init(&c, buf, avail, total, w);
	return get_message(&c, w, true);
}

int ockam_wire_decode(const u8 *buf, u32 avail, u32 total,
		      struct ockam_wire *w)
{
	if (unlikely(avail > total))
		avail = total;
	if (likely(fast_wire(buf, avail, total, w)))
		return 0;
	return slow_wire(buf, avail, total, w);
}

static void wire_empty(struct ockam_wire *w)
{
	w->onward_len = 0;
	w->onward_hops = 0;
	w->ret_len = 0;
	w->ret_hops = 0;
	w->payload_off = 0;
	w->payload_len = 0;
}

static int get_refresh(struct cursor *c, struct ockam_wire *w)
{
	int b;

	/* The whole of it belongs to the daemon, however long it is. */
	c->tail = true;
	b = cur_peek(c);
	if (b < 0)
		return b;
	if ((b & CBOR_MAJOR) != CBOR_ARRAY)
		return -EBADMSG;

	w->payload_off = c->pos;
	b = skip_item(c);
	w->payload_len = c->pos - w->payload_off;
	return b;
}

/* The variant's only field, in an array as every structure's fields. */
static int get_variant(struct cursor *c, struct ockam_wire *w, u32 kind)
{
	struct list l;
	int err;

	err = list_begin(c, &l);
	if (err)
		return err;
	err = list_need(c, &l);
	if (err)
		return err;
	err = kind == OCKAM_CHAN_PAYLOAD ? get_message(c, w, false) :
					   get_refresh(c, w);
	if (err)
		return err;
	return list_end(c, &l);
}

static int get_chan(struct cursor *c, struct ockam_wire *w, u32 *kind)
{
	struct item it;
	int err;

	/* Enumerations, unlike structures, are arrays of exactly two. */
	err = get_head(c, &it);
	if (err)
		return err;
	if (it.major != CBOR_ARRAY || it.value != 2)
		return -EBADMSG;
	err = get_uint(c, OCKAM_CHAN_CLOSE, kind);
	if (err)
		return err;
	if (*kind != OCKAM_CHAN_CLOSE)
		return get_variant(c, w, *kind);

	/* Close has no fields; Ockam takes any item in their place. */
	c->tail = true;
	return skip_item(c);
}

static noinline int slow_chan(const u8 *buf, u32 avail, u32 total,
			      struct ockam_wire *w, u32 *kind)
{
	struct cursor c;
	struct list l;
	u32 padding;
	int err;

	wire_empty(w);
	cur_init(&c, buf, avail, total, w);
	err = list_begin(&c, &l);
	if (err)
		return err;
	err = list_need(&c, &l);
	if (err)
		return err;
	err = get_chan(&c, w, kind);
	if (err)
		return err;

	err = list_need(&c, &l);
	if (err)
		return err;
	err = get_string(&c, CBOR_BYTES, &padding);
	if (err)
		return err;
	c.pos += padding;
	return list_end(&c, &l);
}

int ockam_chan_decode(const u8 *buf, u32 avail, u32 total,
		      struct ockam_wire *w, enum ockam_chan_kind *kind)
{
	u32 number = OCKAM_CHAN_PAYLOAD;
	int err;

	if (unlikely(avail > total))
		avail = total;
	if (unlikely(!fast_chan(buf, avail, total, w))) {
		err = slow_chan(buf, avail, total, w, &number);
		if (err)
			return err;
	}
	*kind = (enum ockam_chan_kind)number;
	return 0;
}

/* Pieces */

static int piece_fields(struct cursor *c, struct list *l,
			struct ockam_piece *p)
{
	u32 version, number;
	int err, b;

	err = list_need(c, l) ?: get_uint(c, 0xff, &version) ?:
	      list_need(c, l) ?: get_uint(c, 0xffff, &number) ?:
	      list_need(c, l) ?: get_uint(c, U32_MAX, &p->offset) ?:
	      list_need(c, l);
	if (err)
		return err;
	b = cur_byte(c);
	if (version != OCKAM_PIECE_VERSION ||
	    (b != CBOR_FALSE && b != CBOR_TRUE))
		return -EBADMSG;
	p->number = (u16)number;
	p->last = b == CBOR_TRUE;
	return list_need(c, l) ?: get_string(c, CBOR_BYTES, &p->payload_len);
}

/* The most common head, of a whole message with a number above 255: read at once. */
static bool piece_is_whole(const u8 *buf, u32 avail, u32 total,
			   struct ockam_piece *p)
{
	if (avail < 10 || buf[0] != (CBOR_ARRAY | 5) ||
	    buf[1] != OCKAM_PIECE_VERSION || buf[2] != (CBOR_UINT | 25) ||
	    !buf[3] || buf[5] || buf[6] != CBOR_TRUE)
		return false;
	if (buf[7] == (CBOR_BYTES | 24) && buf[8] >= CBOR_DIRECT) {
		p->payload_len = buf[8];
		p->payload_off = 9;
	} else if (buf[7] == (CBOR_BYTES | 25) && buf[8]) {
		p->payload_len = ockam_get_be16(buf + 8);
		p->payload_off = 10;
	} else {
		return false;
	}
	p->number = ockam_get_be16(buf + 3);
	p->offset = 0;
	p->last = true;
	return p->payload_len <= total - p->payload_off;
}

int ockam_piece_decode(const u8 *buf, u32 avail, u32 total,
		       struct ockam_piece *p)
{
	struct cursor c;
	struct list l;

	if (likely(piece_is_whole(buf, avail, total, p)))
		return 0;
	cur_init(&c, buf, avail, total, NULL);
	if (list_begin(&c, &l) || piece_fields(&c, &l, p))
		return -EBADMSG;
	p->payload_off = c.pos;
	if (!p->payload_len || p->payload_len > U32_MAX - p->offset)
		return -EBADMSG;
	return 0;
}

u32 ockam_piece_head_size(u16 number, u32 offset, u32 len)
{
	return 3 + ockam_cbor_head_size(number) + ockam_cbor_head_size(offset) +
	       ockam_cbor_head_size(len);
}

u8 *ockam_piece_head_put(u8 *dst, u16 number, u32 offset, bool last, u32 len)
{
	*dst++ = CBOR_ARRAY | 5;
	dst = put_head(dst, CBOR_UINT, OCKAM_PIECE_VERSION);
	dst = put_head(dst, CBOR_UINT, number);
	dst = put_head(dst, CBOR_UINT, offset);
	*dst++ = last ? CBOR_TRUE : CBOR_FALSE;
	return put_head(dst, CBOR_BYTES, len);
}
