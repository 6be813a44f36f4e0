/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What holds for any input to the two decoders:
 *
 * - only the documented results, and all that is told lies within bounds;
 * - with only a part of it linear and the rest fetched the result is the same;
 * - the short way of reading says nothing else than the long one;
 * - what was read, written again, is read the same.
 */
#ifndef OCKAM_FUZZ_MESSAGE_H
#define OCKAM_FUZZ_MESSAGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ground/codec.c"

#define MUST(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				__LINE__, #cond);			\
			abort();					\
		}							\
	} while (0)

/**
 * struct fuzz_input - one message
 * @data: its bytes
 * @size: how many
 * @chan: it is read as a channel's plaintext
 */
struct fuzz_input {
	const uint8_t *data;
	u32 size;
	bool chan;
};

/**
 * struct fuzz_result - what reading it gave
 * @err: the result
 * @kind: which plaintext
 * @w: the message
 * @onward: its onward route
 * @ret: its return route
 */
struct fuzz_result {
	int err;
	u32 kind;
	struct ockam_wire w;
	u8 onward[OCKAM_ROUTE_MAX_BYTES];
	u8 ret[OCKAM_ROUTE_MAX_BYTES];
};

static int fuzz_fetch(void *ctx, u32 off, u8 *to, u32 len)
{
	const struct fuzz_input *in = ctx;

	MUST(len && len <= 64 && off <= in->size && len <= in->size - off);
	memcpy(to, in->data + off, len);
	return 0;
}

static void fuzz_prepare(struct fuzz_result *r, u32 cap)
{
	memset(&r->w, 0xee, sizeof(r->w));
	r->kind = OCKAM_CHAN_PAYLOAD;
	r->w.onward = r->onward;
	r->w.ret = r->ret;
	r->w.onward_cap = cap;
	r->w.ret_cap = cap;
	r->w.fetch = NULL;
	r->w.fetch_ctx = NULL;
}

static void fuzz_read(struct fuzz_result *r, const struct fuzz_input *in,
		      u32 avail)
{
	enum ockam_chan_kind kind = OCKAM_CHAN_PAYLOAD;
	u8 *copy = malloc(avail + !avail);

	memcpy(copy, in->data, avail);
	if (in->chan)
		r->err = ockam_chan_decode(copy, avail, in->size, &r->w,
					   &kind);
	else
		r->err = ockam_wire_decode(copy, avail, in->size, &r->w);
	r->kind = kind;
	free(copy);
}

static void fuzz_read_slow(struct fuzz_result *r, const struct fuzz_input *in)
{
	if (in->chan)
		r->err = slow_chan(in->data, in->size, in->size, &r->w,
				   &r->kind);
	else
		r->err = slow_wire(in->data, in->size, in->size, &r->w);
}

static void fuzz_same(const struct fuzz_result *a, const struct fuzz_result *b)
{
	MUST(a->err == b->err);
	if (a->err)
		return;
	MUST(a->kind == b->kind);
	MUST(a->w.onward_hops == b->w.onward_hops);
	MUST(a->w.onward_len == b->w.onward_len);
	MUST(!memcmp(a->onward, b->onward, a->w.onward_len));
	MUST(a->w.ret_hops == b->w.ret_hops);
	MUST(a->w.ret_len == b->w.ret_len);
	MUST(!memcmp(a->ret, b->ret, a->w.ret_len));
	MUST(a->w.payload_len == b->w.payload_len);
}

static u32 fuzz_hops(const u8 *p, u32 len)
{
	struct ockam_addr a;
	u32 hops = 0;
	int n;

	for (; len; len -= n, p += n, hops++) {
		n = ockam_route_next(p, len, &a);
		MUST(n > 0);
	}
	return hops;
}

/* Write the message with its payload and read that. */
static void fuzz_again(const struct fuzz_result *r, const struct fuzz_input *in)
{
	static struct fuzz_result again;
	const struct ockam_wire *w = &r->w;
	struct fuzz_input out = { .chan = in->chan };
	u32 head;
	u8 *msg, *end;

	head = ockam_wire_head_size(w->onward, w->onward_len, w->onward_hops,
				    w->ret, w->ret_len, w->ret_hops,
				    w->payload_len);
	MUST(head <= ockam_wire_head_bound(w->onward_len, w->onward_hops,
					   w->ret_len, w->ret_hops));
	head += in->chan ? OCKAM_CHAN_PREFIX : 0;
	out.size = head + w->payload_len + in->chan;
	msg = malloc(out.size);
	end = (in->chan ? ockam_chan_head_put : ockam_wire_head_put)
		(msg, w->onward, w->onward_len, w->onward_hops, w->ret,
		 w->ret_len, w->ret_hops, w->payload_len);
	MUST(end == msg + head);
	memcpy(end, in->data + w->payload_off, w->payload_len);
	if (in->chan)
		msg[out.size - 1] = OCKAM_CHAN_TRAILER;

	out.data = msg;
	fuzz_prepare(&again, OCKAM_ROUTE_MAX_BYTES);
	fuzz_read(&again, &out, out.size);
	fuzz_same(r, &again);
	MUST(again.w.payload_off == head);
	free(msg);
}

static void fuzz_parts(const struct fuzz_result *whole, struct fuzz_input *in,
		       u32 avail)
{
	static struct fuzz_result part;

	fuzz_prepare(&part, OCKAM_ROUTE_MAX_BYTES);
	part.w.fetch = fuzz_fetch;
	part.w.fetch_ctx = in;
	fuzz_read(&part, in, avail);
	if (part.err == -ENODATA) {
		MUST(avail < OCKAM_WIRE_HEAD_MAX && avail < in->size);
		avail = in->size < OCKAM_WIRE_HEAD_MAX ? in->size :
							 OCKAM_WIRE_HEAD_MAX;
		fuzz_read(&part, in, avail);
	}
	/* Only a head beyond all bounds is judged by what is linear. */
	if (part.err != -EMSGSIZE || avail == in->size)
		fuzz_same(whole, &part);
}

static void fuzz_message(const uint8_t *data, size_t size, bool chan)
{
	static struct fuzz_result whole, slow, tight;
	struct fuzz_input in = { data, size, chan };
	u32 need;

	fuzz_prepare(&whole, OCKAM_ROUTE_MAX_BYTES);
	fuzz_read(&whole, &in, in.size);
	MUST(!whole.err || whole.err == -EBADMSG || whole.err == -EMSGSIZE);
	fuzz_prepare(&slow, OCKAM_ROUTE_MAX_BYTES);
	fuzz_read_slow(&slow, &in);
	fuzz_same(&whole, &slow);
	if (size)
		fuzz_parts(&whole, &in, data[size / 2] % size);
	if (whole.err)
		return;

	MUST(whole.w.payload_off <= in.size);
	MUST(whole.w.payload_len <= in.size - whole.w.payload_off);
	MUST(fuzz_hops(whole.onward, whole.w.onward_len) ==
	     whole.w.onward_hops);
	MUST(fuzz_hops(whole.ret, whole.w.ret_len) == whole.w.ret_hops);
	MUST(whole.w.onward_hops <= OCKAM_ROUTE_MAX_HOPS);
	MUST(whole.w.ret_hops <= OCKAM_ROUTE_MAX_HOPS);
	if (whole.kind != OCKAM_CHAN_PAYLOAD)
		return;
	fuzz_again(&whole, &in);

	/* one byte of room too few */
	need = whole.w.onward_len > whole.w.ret_len ? whole.w.onward_len :
						      whole.w.ret_len;
	if (!need)
		return;
	fuzz_prepare(&tight, need - 1);
	fuzz_read(&tight, &in, in.size);
	MUST(tight.err == -ENOSPC);
}

#endif /* OCKAM_FUZZ_MESSAGE_H */
