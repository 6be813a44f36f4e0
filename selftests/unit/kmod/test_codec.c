// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Transport messages and channel plaintexts.  The codec is included and not
 * linked, so that its long way of reading can be compared with the short one.
 */
#include "ground/codec.c"
#include "tap.h"

#define ROUTE_MAX	OCKAM_ROUTE_MAX_BYTES
#define HELLO		"4d0c48656c6c6f204f636b616d21"
#define RANDOM_ADDR	"82005820303031313232333334343535" \
			"36363737383839396161626263636464" \
			"65656666"

/**
 * struct source - a message of which only the first bytes are linear
 * @msg: all of it
 * @len: bytes in it
 */
struct source {
	const u8 *msg;
	u32 len;
};

static u8 onward_room[ROUTE_MAX], ret_room[ROUTE_MAX];

static int fetch(void *ctx, u32 off, u8 *to, u32 len)
{
	const struct source *s = ctx;

	if (len > 64 || off > s->len || len > s->len - off)
		abort();
	memcpy(to, s->msg + off, len);
	return 0;
}

static struct ockam_wire wire(void)
{
	return (struct ockam_wire) {
		.onward = onward_room,
		.ret = ret_room,
		.onward_cap = ROUTE_MAX,
		.ret_cap = ROUTE_MAX,
	};
}

static int decode_as(bool chan, const u8 *buf, u32 avail, u32 total,
		     struct ockam_wire *w, enum ockam_chan_kind *kind)
{
	if (chan)
		return ockam_chan_decode(buf, avail, total, w, kind);
	return ockam_wire_decode(buf, avail, total, w);
}

/* Decode a copy that ends where the linear part does, for ASan to watch. */
static int decode_cut(bool chan, const u8 *msg, u32 avail, u32 total,
		      struct ockam_wire *w, enum ockam_chan_kind *kind)
{
	u8 *copy = malloc(avail + !avail);
	int err;

	memcpy(copy, msg, avail);
	err = decode_as(chan, copy, avail, total, w, kind);
	free(copy);
	return err;
}

static int decode_hex(bool chan, const char *hex, struct ockam_wire *w,
		      enum ockam_chan_kind *kind)
{
	static u8 msg[4096];
	u32 len = tap_unhex(hex, msg);

	*w = wire();
	return decode_cut(chan, msg, len, len, w, kind);
}

/**
 * struct vector - a message and what it says
 * @chan: it is a channel's plaintext
 * @hex: the message
 * @onward: its onward route, flat
 * @onward_hops: hops in it
 * @ret: its return route, flat
 * @ret_hops: hops in it
 * @payload_len: bytes of payload
 * @tail: what follows the payload
 */
struct vector {
	bool chan;
	const char *hex;
	const char *onward;
	u32 onward_hops;
	const char *ret;
	u32 ret_hops;
	u32 payload_len;
	const char *tail;
};

#define ECHOER	"00066563686f6572"
#define APP	"0003617070"
#define HEX32	"002030303131323233333434353536363737383839396161626263636464" \
		"65656666"

static const struct vector vectors[] = {
	{ false, "83818200466563686f6572818200436170704d0c48656c6c6f204f63"
		 "6b616d21", ECHOER, 1, APP, 1, 13, "" },
	{ false, "84818200466563686f657281" RANDOM_ADDR HELLO "627b7d",
	  ECHOER, 1, HEX32, 1, 13, "627b7d" },
	{ false, "83808040", "", 0, "", 0, 0, "" },
	{ false, "8481820043617070804d0c48656c6c6f204f636b616d21627b7d",
	  APP, 1, "", 0, 13, "627b7d" },
	{ false, "84818200466563686f6572804078597b227472616365706172656e7422"
		 "3a2230302d306166373635313931366364343364643834343865623231"
		 "31633830333139632d623761643662373136393230333333312d3031222c"
		 "2274726163657374617465223a22227d",
	  ECHOER, 1, "", 0, 0,
	  "78597b227472616365706172656e74223a2230302d30616637363531393136"
	  "636434336464383434386562323131633830333139632d623761643662373136"
	  "393230333333312d3031222c2274726163657374617465223a22227d" },
	{ false, "84818200466563686f6572818200436170704d0c48656c6c6f204f636b"
		 "616d21f6", ECHOER, 1, APP, 1, 13, "f6" },
	{ true, "8282008183818200466563686f6572818200436170704d0c48656c6c6f20"
		"4f636b616d2140", ECHOER, 1, APP, 1, 13, "40" },
	{ true, "828200818381820043617070818200466563686f65724d0c48656c6c6f20"
		"4f636b616d2140", APP, 1, ECHOER, 1, 13, "40" },
};

#define NVECTORS (sizeof(vectors) / sizeof(vectors[0]))

static bool same_route(const char *hex, u32 hops, const u8 *flat, u32 len,
		       u32 nhops)
{
	u8 want[256];
	u32 n = tap_unhex(hex, want);

	return n == len && hops == nhops && !memcmp(want, flat, n);
}

static bool says(const struct vector *v, const struct ockam_wire *w)
{
	return same_route(v->onward, v->onward_hops, w->onward,
			  w->onward_len, w->onward_hops) &&
	       same_route(v->ret, v->ret_hops, w->ret, w->ret_len,
			  w->ret_hops) &&
	       w->payload_len == v->payload_len;
}

static bool test_vectors_read(void)
{
	enum ockam_chan_kind kind = OCKAM_CHAN_CLOSE;
	struct ockam_wire w;
	u8 msg[512], tail[256];
	u32 i, len, n;

	for (i = 0; i < NVECTORS; i++) {
		const struct vector *v = &vectors[i];

		CHECK(decode_hex(v->chan, v->hex, &w, &kind) == 0);
		CHECK(says(v, &w));
		CHECK(!v->chan || kind == OCKAM_CHAN_PAYLOAD);
		len = tap_unhex(v->hex, msg);
		n = tap_unhex(v->tail, tail);
		CHECK(w.payload_off + w.payload_len + n == len);
		CHECK(!memcmp(msg + len - n, tail, n));
	}
	return true;
}

static bool test_vectors_write(void)
{
	u8 onward[256], ret[256], msg[512], out[512];
	u32 i, len, olen, rlen, tail, size;
	u8 *end;

	for (i = 0; i < NVECTORS; i++) {
		const struct vector *v = &vectors[i];

		len = tap_unhex(v->hex, msg);
		tail = strlen(v->tail) / 2;
		olen = tap_unhex(v->onward, onward);
		rlen = tap_unhex(v->ret, ret);
		end = (v->chan ? ockam_chan_head_put : ockam_wire_head_put)
			(out, onward, olen, v->onward_hops, ret, rlen,
			 v->ret_hops, v->payload_len);
		size = ockam_wire_head_size(onward, olen, v->onward_hops, ret,
					    rlen, v->ret_hops, v->payload_len);
		if (v->chan)
			size += OCKAM_CHAN_PREFIX;
		CHECK((u32)(end - out) == size);
		CHECK(size == len - tail - v->payload_len);
		/* We send array(3) where others send array(4). */
		if (!v->chan)
			msg[0] = 0x83;
		CHECK(!memcmp(out, msg, size));
	}
	CHECK(OCKAM_CHAN_TRAILER == 0x40);
	return true;
}

/* Example 5: two hops, payload of 300 bytes, its head in two bytes. */
static bool test_long_payload(void)
{
	static const char hex[] =
		"8382820043686f708200466563686f6572828200436170708200582030303131"
		"3232333334343535363637373838393961616262636364646565666659012c";
	static const u8 onward[] = { 0, 3, 'h', 'o', 'p',
				     0, 6, 'e', 'c', 'h', 'o', 'e', 'r' };
	struct ockam_wire w = wire();
	u8 msg[363] = { 0 }, out[64], ret[64];
	u32 head = tap_unhex(hex, msg);
	u32 rlen, i;

	CHECK(head == 63);
	rlen = tap_unhex(APP HEX32, ret);
	CHECK(ockam_wire_decode(msg, 363, 363, &w) == 0);
	CHECK(w.payload_off == head && w.payload_len == 300);
	CHECK(w.onward_hops == 2 && w.onward_len == sizeof(onward));
	CHECK(!memcmp(w.onward, onward, sizeof(onward)));
	CHECK(w.ret_hops == 2 && w.ret_len == rlen);
	CHECK(!memcmp(w.ret, ret, rlen));

	CHECK(ockam_wire_head_put(out, onward, sizeof(onward), 2, ret, rlen,
				  2, 300) == out + head);
	CHECK(!memcmp(out, msg, head));

	/* the payload need not be at hand */
	for (i = 0; i < 363; i++) {
		w = wire();
		CHECK(decode_cut(false, msg, i, 363, &w, NULL) ==
		      (i < head ? -ENODATA : 0));
		CHECK(decode_cut(false, msg, i, i, &w, NULL) == -EBADMSG);
	}
	return true;
}

static bool test_close(void)
{
	struct ockam_wire w;
	enum ockam_chan_kind kind = OCKAM_CHAN_PAYLOAD;
	u8 out[OCKAM_CHAN_CLOSE_LEN];

	CHECK(ockam_chan_close_put(out) == out + sizeof(out));
	CHECK(!memcmp(out, "\x82\x82\x02\x80\x40", 5));
	CHECK(decode_hex(true, "8282028040", &w, &kind) == 0);
	CHECK(kind == OCKAM_CHAN_CLOSE);
	CHECK(!w.onward_hops && !w.ret_hops && !w.payload_len);
	return true;
}

static bool test_refresh(void)
{
	struct ockam_wire w;
	enum ockam_chan_kind kind = OCKAM_CHAN_PAYLOAD;
	u8 out[OCKAM_CHAN_REFRESH_HEAD];

	CHECK(ockam_chan_refresh_put(out) == out + sizeof(out));
	CHECK(!memcmp(out, "\x82\x82\x01\x81", sizeof(out)));
	CHECK(decode_hex(true, "8282018182430102038040", &w, &kind) == 0);
	CHECK(kind == OCKAM_CHAN_REFRESH);
	CHECK(w.payload_off == 4 && w.payload_len == 6);
	CHECK(!w.onward_hops && !w.ret_hops);

	/* indefinite arrays, a field more, padding */
	CHECK(decode_hex(true, "9f82019f9f4301020380fff6ff420000ff", &w,
			 &kind) == 0);
	CHECK(kind == OCKAM_CHAN_REFRESH);
	CHECK(w.payload_off == 4 && w.payload_len == 7);

	CHECK(decode_hex(true, "82820180" "40", &w, &kind) == -EBADMSG);
	CHECK(decode_hex(true, "828201814140" "40", &w, &kind) == -EBADMSG);
	CHECK(decode_hex(true, "82820181824301020380", &w, &kind) == -EBADMSG);
	return true;
}

/* Every prefix as a whole message, and as the linear part of one. */
static bool truncate(bool chan, const u8 *msg, u32 len, u32 tail)
{
	struct source s = { msg, len };
	enum ockam_chan_kind kind;
	struct ockam_wire w;
	u32 i;
	int err;

	for (i = 0; i < len; i++) {
		w = wire();
		CHECK(decode_cut(chan, msg, i, i, &w, &kind) == -EBADMSG);
		w = wire();
		err = decode_cut(chan, msg, i, len, &w, &kind);
		CHECK(err == -ENODATA || (!err && !tail));
		w = wire();
		w.fetch = fetch;
		w.fetch_ctx = &s;
		err = decode_cut(chan, msg, i, len, &w, &kind);
		CHECK(err == -ENODATA || (!err && i >= w.payload_off));
	}
	return true;
}

static bool test_truncation(void)
{
	static const char * const others[] = {
		"8282028040", "8282018182430102038040",
		"9f82019f9f4301020380fff6ff420000ff",
		"828200819f9f9f0043617070f4fffffff60080404100ff40",
	};
	u8 msg[512];
	u32 i, len;

	for (i = 0; i < NVECTORS; i++) {
		len = tap_unhex(vectors[i].hex, msg);
		CHECK(truncate(vectors[i].chan, msg, len,
			       strlen(vectors[i].tail)));
	}
	for (i = 0; i < 3; i++) {
		len = tap_unhex(others[i], msg);
		CHECK(truncate(true, msg, len, 1));
	}
	return true;
}

/**
 * struct variant - a message in unusual form, and the verdict
 * @hex: the message
 * @err: what reading it gives
 */
struct variant {
	const char *hex;
	int err;
};

#define A	"820043617070"		/* an address */
#define M	"81" A "8041"		/* up to the payload of one byte */

static const struct variant wire_variants[] = {
	/* arrays: indefinite, longer forms, more elements */
	{ "9f" M "00ff", 0 },
	{ "839f" A "ff80" "4100", 0 },
	{ "83819f0043617070ff804100", 0 },
	{ "83" "8183004361707000" "804100", 0 },
	{ "83" "819f0043617070a10102ff" "804100", 0 },
	{ "9803" M "00", 0 },
	{ "990003" M "00", 0 },
	{ "9a00000003" M "00", 0 },
	{ "9b0000000000000003" M "00", 0 },
	{ "83" "980182004361707080" "4100", 0 },
	{ "83" "81820043617070" "9800" "4100", 0 },
	{ "83" "8198020043617070" "804100", 0 },
	{ "85" M "00" "f6" "01", 0 },
	{ "85" M "00" "60" "820102", 0 },
	{ "9f" M "00" "f6" "9f01ff" "bf0102ff" "ff", 0 },
	{ "86" M "00" "627b7d" "5f4100ff" "7f6161ff", 0 },
	{ "8a" M "00" "627b7d" "20" "c100" "f0" "f820" "f93c00" "fb0000000000000000", 0 },
	/* integers in longer forms, and those that do not fit */
	{ "83" "81" "82180043617070" "804100", 0 },
	{ "83" "81" "8219000043617070" "804100", 0 },
	{ "83" "81" "821a0000000043617070" "804100", 0 },
	{ "83" "81" "821b000000000000000043617070" "804100", 0 },
	{ "83" "81" "8218ff43617070" "804100", 0 },
	{ "83" "81" "8219010043617070" "804100", -EBADMSG },
	{ "83" "81" "821b000000010000000043617070" "804100", -EBADMSG },
	{ "83" "81" "822043617070" "804100", -EBADMSG },
	{ "83" "81" "82f643617070" "804100", -EBADMSG },
	{ "83" "81" "82c10043617070" "804100", -EBADMSG },
	{ "83" "81" "821f43617070" "804100", -EBADMSG },
	{ "83" "81" "821c43617070" "804100", -EBADMSG },
	/* byte strings */
	{ "83" "81" "8200580361707080" "4100", 0 },
	{ "83" "81" "82005b000000000000000361707080" "4100", 0 },
	{ "83" M "00", 0 },
	{ "83" "8180" "5900" "0100", -EBADMSG },
	{ "83" "81" A "80" "580100", 0 },
	{ "83" "81" A "80" "5900" "0100", 0 },
	{ "83" "81" A "80" "5a0000000100", 0 },
	{ "83" "81" A "80" "5b000000000000000100", 0 },
	{ "83" "81" A "80" "5f4100ff", -EBADMSG },
	{ "83" "81" A "80" "6100", -EBADMSG },
	{ "83" "81" A "80" "f6", -EBADMSG },
	{ "83" "81" A "80" "d84100", -EBADMSG },
	{ "83" "81" A "80" "4200", -EBADMSG },
	{ "83" "81" A "80" "5b800000000000000000", -EBADMSG },
	{ "83" "81" A "80" "5bffffffffffffffff00", -EBADMSG },
	{ "83" "81" "820063617070" "804100", -EBADMSG },
	{ "83" "81" "82005f43617070ff" "804100", -EBADMSG },
	/* what is missing or in the wrong place */
	{ "", -EBADMSG },
	{ "80", -EBADMSG },
	{ "81" "80", -EBADMSG },
	{ "82" "8080", -EBADMSG },
	{ "9f" "8080" "ff", -EBADMSG },
	{ "82" M "00", -EBADMSG },
	{ "84" M "00", -EBADMSG },
	{ "83" "81" "8100" "804100", -EBADMSG },
	{ "83" "81" "80" "804100", -EBADMSG },
	{ "83" "81" "9f00ff" "804100", -EBADMSG },
	{ "83" "f6" "80" "4100", -EBADMSG },
	{ "83" "80" "f6" "4100", -EBADMSG },
	{ "83" "a0" "80" "4100", -EBADMSG },
	{ "a3" M "00", -EBADMSG },
	{ "c1" "83" M "00", -EBADMSG },
	{ "ff", -EBADMSG },
	{ "83" "9f" A "8041", -EBADMSG },
	{ "83" "81" "ff" "804100", -EBADMSG },
	{ "9c" M "00", -EBADMSG },
	{ "9bffffffffffffffff" M "00", -EBADMSG },
	{ "83" "9affffffff" "804100", -EBADMSG },
	/* bytes behind the item */
	{ "83" M "00" "deadbeef", 0 },
	{ "9f" M "00ff" "ff", 0 },
	/* tracing context */
	{ "84" M "00" "60", 0 },
	{ "84" M "00" "f6", 0 },
	{ "84" M "00" "f7", -EBADMSG },
	{ "84" M "00" "00", -EBADMSG },
	{ "84" M "00" "4100", -EBADMSG },
	{ "84" M "00" "c16161", -EBADMSG },
	{ "84" M "00" "7f6161ff", -EBADMSG },
	{ "84" M "00" "62c3a4", 0 },
	{ "84" M "00" "63e282ac", 0 },
	{ "84" M "00" "64f09f9880", 0 },
	{ "84" M "00" "64f48fbfbf", 0 },
	{ "84" M "00" "61c3", -EBADMSG },
	{ "84" M "00" "6180", -EBADMSG },
	{ "84" M "00" "62c3c3", -EBADMSG },
	{ "84" M "00" "62c0af", -EBADMSG },
	{ "84" M "00" "63e080af", -EBADMSG },
	{ "84" M "00" "63eda080", -EBADMSG },
	{ "84" M "00" "64f08080af", -EBADMSG },
	{ "84" M "00" "64f4908080", -EBADMSG },
	{ "84" M "00" "61ff", -EBADMSG },
	{ "84" M "00" "6261", -EBADMSG },
	/* what is skipped has to be well-formed */
	{ "85" M "00" "f6" "ff", -EBADMSG },
	{ "85" M "00" "f6" "1c", -EBADMSG },
	{ "85" M "00" "f6" "1f", -EBADMSG },
	{ "85" M "00" "f6" "3f", -EBADMSG },
	{ "85" M "00" "f6" "fc", -EBADMSG },
	{ "85" M "00" "f6" "df00", -EBADMSG },
	{ "85" M "00" "f6" "c1", -EBADMSG },
	{ "85" M "00" "f6" "9fc1ff", -EBADMSG },
	{ "85" M "00" "f6" "81ff", -EBADMSG },
	{ "85" M "00" "f6" "8101", 0 },
	{ "85" M "00" "f6" "8201", -EBADMSG },
	{ "85" M "00" "f6" "a101", -EBADMSG },
	{ "85" M "00" "f6" "bf01ff", -EBADMSG },
	{ "85" M "00" "f6" "bfff", 0 },
	{ "85" M "00" "f6" "5f6161ff", -EBADMSG },
	{ "85" M "00" "f6" "5f5f4100ffff", -EBADMSG },
	{ "85" M "00" "f6" "5f00ff", -EBADMSG },
	{ "85" M "00" "f6" "4200", -EBADMSG },
	{ "85" M "00" "f6" "9bffffffffffffffff00", -EBADMSG },
	{ "85" M "00" "f6" "bb8000000000000000", -EBADMSG },
};

#define C	"81" "83" M "00"	/* fields of a Payload */

static const struct variant chan_variants[] = {
	{ "82" "8200" C "40", 0 },
	{ "9f" "8200" C "40" "ff", 0 },
	{ "83" "8200" C "40" "f6", 0 },
	{ "9802" "980200" C "40", 0 },
	{ "82" "821a00000000" C "40", 0 },
	{ "82" "8200" "9f" "83" M "00" "ff" "40", 0 },
	{ "82" "8200" "82" "83" M "00" "01" "40", 0 },
	{ "82" "8200" "81" "84" M "00" "a0" "40", 0 },
	{ "82" "8200" "81" "84" M "00" "f7" "40", 0 },
	{ "82" "8200" "81" "9f" M "00" "ff" "40", 0 },
	{ "82" "8200" C "43000000", 0 },
	{ "82" "8200" C "580100", 0 },
	{ "82" "8200" C "40" "00", 0 },
	{ "82" "8202" "00" "40", 0 },
	{ "82" "8202" "a10102" "40", 0 },
	{ "82" "9f00" C "ff" "40", -EBADMSG },
	{ "82" "8100" "40", -EBADMSG },
	{ "82" "8300" C "00" "40", -EBADMSG },
	{ "82" "8300" C "40", -EBADMSG },
	{ "82" "8203" "80" "40", -EBADMSG },
	{ "82" "821b0000000100000000" C "40", -EBADMSG },
	{ "82" "8220" C "40", -EBADMSG },
	{ "82" "82f6" C "40", -EBADMSG },
	{ "82" "8202" "40", -EBADMSG },
	{ "82" "02" "40", -EBADMSG },
	{ "81" "8200" C, -EBADMSG },
	{ "82" "8200" C, -EBADMSG },
	{ "82" "8200" C "f6", -EBADMSG },
	{ "82" "8200" C "5f4100ff", -EBADMSG },
	{ "82" "8200" C "60", -EBADMSG },
	{ "82" "8200" C "4100" "ff", 0 },
	{ "82" "8200" C "42" "00", -EBADMSG },
	{ "82" "8200" "80" "40", -EBADMSG },
	{ "82" "8200" "83" M "00" "40", -EBADMSG },
	{ "82" "8200" "81" "82" "8080" "40", -EBADMSG },
	{ "82" "8202" "ff" "40", -EBADMSG },
};

static bool run_variants(bool chan, const struct variant *v, u32 n)
{
	enum ockam_chan_kind kind = OCKAM_CHAN_PAYLOAD;
	struct ockam_wire w;
	u32 i;
	int err;

	for (i = 0; i < n; i++) {
		err = decode_hex(chan, v[i].hex, &w, &kind);
		if (err != v[i].err)
			printf("# %s: %d\n", v[i].hex, err);
		CHECK(err == v[i].err);
		if (err || kind != OCKAM_CHAN_PAYLOAD)
			continue;
		CHECK(w.onward_hops == 1 && w.onward[0] <= 0xff);
		CHECK(w.onward_len == 5 && !memcmp(w.onward + 1, "\x03" "app", 4));
		CHECK(w.ret_hops == 0 && w.payload_len == 1);
	}
	return true;
}

static bool test_wire_variants(void)
{
	return run_variants(false, wire_variants,
			    sizeof(wire_variants) / sizeof(wire_variants[0]));
}

static bool test_chan_variants(void)
{
	return run_variants(true, chan_variants,
			    sizeof(chan_variants) / sizeof(chan_variants[0]));
}

/* A route of @n hops with addresses of @len bytes, in CBOR. */
static u8 *put_same_hops(u8 *p, u32 n, u32 len)
{
	p = put_head(p, CBOR_ARRAY, n);
	for (; n; n--) {
		*p++ = 0x82;
		*p++ = 0;
		p = put_head(p, CBOR_BYTES, len);
		memset(p, 'a', len);
		p += len;
	}
	return p;
}

static int decode_hops(u32 n, u32 len, u32 cap, u32 total)
{
	static u8 msg[40000];
	struct ockam_wire w = wire();
	u8 *p = msg;

	*p++ = 0x83;
	*p++ = 0x80;
	p = put_same_hops(p, n, len);
	*p++ = 0x40;
	w.ret_cap = cap;
	return decode_cut(false, msg, p - msg, total ? total : p - msg, &w,
			  NULL);
}

static bool test_limits(void)
{
	CHECK(decode_hops(64, 62, ROUTE_MAX, 0) == 0);
	CHECK(decode_hops(65, 1, ROUTE_MAX, 0) == -EMSGSIZE);
	CHECK(decode_hops(64, 63, ROUTE_MAX, 0) == -EMSGSIZE);
	CHECK(decode_hops(16, 254, ROUTE_MAX, 0) == 0);
	CHECK(decode_hops(16, 255, ROUTE_MAX, 0) == -EMSGSIZE);
	CHECK(decode_hops(1, 255, ROUTE_MAX, 0) == 0);
	CHECK(decode_hops(1, 256, ROUTE_MAX, 0) == -EMSGSIZE);
	CHECK(decode_hops(1, 30000, ROUTE_MAX, 0) == -EMSGSIZE);
	/* room */
	CHECK(decode_hops(2, 8, 20, 0) == 0);
	CHECK(decode_hops(2, 8, 19, 0) == -ENOSPC);
	CHECK(decode_hops(1, 8, 0, 0) == -ENOSPC);
	CHECK(decode_hops(0, 8, 0, 0) == 0);
	CHECK(decode_hops(30, 8, 300, 0) == 0);
	CHECK(decode_hops(30, 8, 299, 0) == -ENOSPC);
	return true;
}

/* More than the longest head, and its end is not in sight. */
static bool test_head_max(void)
{
	static u8 msg[OCKAM_WIRE_HEAD_MAX + 1000];
	struct ockam_wire w = wire();
	u8 *p = msg;

	*p++ = 0x83;
	*p++ = 0x81;
	*p++ = 0x83;
	*p++ = 0x00;
	*p++ = 0x41;
	*p++ = 'a';
	*p++ = 0x59;				/* an unknown element */
	ockam_put_be16(p, sizeof(msg) - 20);
	msg[sizeof(msg) - 20 + 9] = 0x80;
	msg[sizeof(msg) - 20 + 10] = 0x40;
	CHECK(ockam_wire_decode(msg, 100, sizeof(msg), &w) == -ENODATA);
	CHECK(ockam_wire_decode(msg, OCKAM_WIRE_HEAD_MAX, sizeof(msg), &w) ==
	      -EMSGSIZE);
	CHECK(ockam_wire_decode(msg, sizeof(msg), sizeof(msg), &w) == 0);
	return true;
}

/* The greatest routes in the clumsiest form still have their head in bounds. */
static bool test_head_fits(void)
{
	static u8 msg[OCKAM_WIRE_HEAD_MAX + 16];
	struct ockam_wire w = wire();
	u8 *p = msg;
	u32 i, r;

	*p++ = 0x9b;
	ockam_put_be64(p, 3);
	p += 8;
	for (r = 0; r < 2; r++) {
		*p++ = 0x9b;
		ockam_put_be64(p, 64);
		p += 8;
		for (i = 0; i < 64; i++) {
			*p++ = 0x9b;
			ockam_put_be64(p, 2);
			p += 8;
			*p++ = 0x1b;
			ockam_put_be64(p, 0);
			p += 8;
			*p++ = 0x5b;
			ockam_put_be64(p, 62);
			p += 8 + 62;
		}
	}
	*p++ = 0x5b;
	ockam_put_be64(p, 0);
	p += 8;
	CHECK(p - msg <= OCKAM_WIRE_HEAD_MAX);
	CHECK(decode_cut(false, msg, p - msg, p - msg, &w, NULL) == 0);
	CHECK(w.onward_len == 4096 && w.ret_len == 4096);
	return true;
}

static bool skip_fill(const char *head, u8 fill, u32 n, int want)
{
	u8 *msg = malloc(n + 64);
	struct ockam_wire w = wire();
	u32 len = tap_unhex(head, msg);
	int err;

	memset(msg + len, fill, n);
	err = ockam_wire_decode(msg, len + n, len + n, &w);
	free(msg);
	if (err != want)
		printf("# %s %02x: %d\n", head, fill, err);
	CHECK(err == want);
	return true;
}

static bool test_hostile(void)
{
	const u32 million = 1000000;

	CHECK(skip_fill("9f" M "00f6", 0x81, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6", 0x9f, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6", 0xc1, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6", 0x80, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6" "9a000f4240", 0x00, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6" "ba0007a120", 0x00, million, -EMSGSIZE));
	CHECK(skip_fill("9f" M "00f6" "5f", 0x40, million, -EMSGSIZE));
	CHECK(skip_fill("84" M "00" "7a000f4240", 'x', million, -EMSGSIZE));
	CHECK(skip_fill("84" M "00" "7a00010000", 'x', 65536, 0));
	CHECK(skip_fill("9f", 0x80, million, -EBADMSG));
	CHECK(skip_fill("839f", 0x80, million, -EBADMSG));
	CHECK(skip_fill("83819f0040", 0x00, million, -EMSGSIZE));
	/* 16 levels, and one more */
	CHECK(skip_fill("85" M "00f6" "81818181818181818181818181818181", 0,
			1, 0));
	CHECK(skip_fill("85" M "00f6" "8181818181818181818181818181818181", 0,
			1, -EMSGSIZE));
	return true;
}

/**
 * struct writer - an encoder that takes every liberty that is allowed
 * @p: where it writes
 */
struct writer {
	u8 *p;
};

static void any_head(struct writer *o, u8 major, u32 v)
{
	u32 least = v < 24 ? 0 : v <= 0xff ? 1 : v <= 0xffff ? 2 : 3;
	u32 form = tap_below(3) ? least : least + tap_below(5 - least);
	u32 i;

	if (!form) {
		*o->p++ = major | v;
		return;
	}
	*o->p++ = major | (23 + form);
	for (i = 1U << (form - 1); i; i--)
		*o->p++ = i > 4 ? 0 : v >> (8 * (i - 1));
}

static void any_item(struct writer *o, u32 depth)
{
	u32 n = tap_below(4);
	u32 kind = tap_below(depth < 4 ? 9 : 5);

	switch (kind) {
	case 0:
	case 1:
		any_head(o, kind * 0x20, tap_random());
		return;
	case 2:
	case 3:
		any_head(o, kind * 0x20, n);
		memset(o->p, 'z', n);
		o->p += n;
		return;
	case 4:
		*o->p++ = 0xf4 + n;
		return;
	case 5:
		*o->p++ = 0xc0 + n;
		any_item(o, depth + 1);
		return;
	case 6:
		any_head(o, 0xa0, n);
		for (n *= 2; n; n--)
			any_item(o, depth + 1);
		return;
	case 7:
		*o->p++ = 0x5f;
		for (; n; n--) {
			any_head(o, 0x40, 1);
			*o->p++ = 0;
		}
		*o->p++ = 0xff;
		return;
	default:
		if (n & 1) {
			*o->p++ = 0x9f;
			any_item(o, depth + 1);
			*o->p++ = 0xff;
			return;
		}
		any_head(o, 0x80, n);
		for (; n; n--)
			any_item(o, depth + 1);
	}
}

/* Begin a structure of @n fields; tells how many more come, or indefinite. */
static u32 any_begin(struct writer *o, u32 n, bool *indefinite)
{
	u32 extra = tap_below(6) ? 0 : tap_below(3);

	*indefinite = !tap_below(4);
	if (*indefinite)
		*o->p++ = 0x9f;
	else
		any_head(o, 0x80, n + extra);
	return extra;
}

static void any_end(struct writer *o, u32 extra, bool indefinite)
{
	for (; extra; extra--)
		any_item(o, 0);
	if (indefinite)
		*o->p++ = 0xff;
}

/**
 * struct flat - a route
 * @b: in flat form
 * @len: bytes in it
 * @hops: hops in it
 */
struct flat {
	u8 b[ROUTE_MAX];
	u32 len;
	u32 hops;
};

static void random_route(struct flat *f)
{
	u32 n = tap_below(8) ? tap_below(5) : tap_below(65);
	u32 len, i;

	f->len = 0;
	for (f->hops = 0; f->hops < n; f->hops++) {
		switch (tap_below(8)) {
		case 0:
			len = tap_below(256);
			break;
		case 1:
			len = 22 + tap_below(4);
			break;
		case 2:
			len = 32;
			break;
		default:
			len = tap_below(20);
		}
		if (f->len + 2 + len > ROUTE_MAX)
			break;
		f->b[f->len++] = tap_below(4) ? 0 : tap_random();
		f->b[f->len++] = len;
		for (i = 0; i < len; i++)
			f->b[f->len++] = tap_random();
	}
}

static void any_route(struct writer *o, const struct flat *f)
{
	bool indefinite = !tap_below(4);
	const u8 *p = f->b;
	u32 i, extra;
	bool in;

	if (indefinite)
		*o->p++ = 0x9f;
	else
		any_head(o, 0x80, f->hops);
	for (i = 0; i < f->hops; i++, p += 2 + p[1]) {
		extra = any_begin(o, 2, &in);
		any_head(o, 0x00, p[0]);
		any_head(o, 0x40, p[1]);
		memcpy(o->p, p + 2, p[1]);
		o->p += p[1];
		any_end(o, extra, in);
	}
	if (indefinite)
		*o->p++ = 0xff;
}

static void any_message(struct writer *o, bool chan, const struct flat *onward,
			const struct flat *ret, u32 len)
{
	u32 extra, fields = 0, outer = 0;
	bool in, fields_in = false, outer_in = false;

	if (chan) {
		outer = any_begin(o, 2, &outer_in);
		any_head(o, 0x80, 2);
		any_head(o, 0x00, 0);
		fields = any_begin(o, 1, &fields_in);
	}
	extra = any_begin(o, chan ? 3 : 4, &in);
	any_route(o, onward);
	any_route(o, ret);
	any_head(o, 0x40, len);
	memset(o->p, 'p', len);
	o->p += len;
	if (!chan) {
		u32 n = tap_below(300);

		any_head(o, 0x60, n);
		memset(o->p, 't', n);
		o->p += n;
	}
	any_end(o, extra, in);
	if (chan) {
		u32 n = tap_below(3);

		any_end(o, fields, fields_in);
		any_head(o, 0x40, n);
		o->p += n;
		any_end(o, outer, outer_in);
	}
}

static bool same(const struct ockam_wire *w, const struct flat *onward,
		 const struct flat *ret, u32 len)
{
	return w->onward_hops == onward->hops &&
	       w->onward_len == onward->len &&
	       !memcmp(w->onward, onward->b, onward->len) &&
	       w->ret_hops == ret->hops && w->ret_len == ret->len &&
	       !memcmp(w->ret, ret->b, ret->len) && w->payload_len == len;
}

static bool liberal(bool chan)
{
	static struct flat onward, ret;
	static u8 msg[1 << 20];
	enum ockam_chan_kind kind = OCKAM_CHAN_CLOSE;
	struct writer o = { msg };
	struct ockam_wire w = wire();
	struct source s = { msg, 0 };
	u32 len = tap_below(3) ? tap_below(60) : tap_below(70000);
	u32 avail;
	int err;

	random_route(&onward);
	random_route(&ret);
	any_message(&o, chan, &onward, &ret, len);
	s.len = o.p - msg;

	err = decode_cut(chan, msg, s.len, s.len, &w, &kind);
	CHECK(err == 0 && same(&w, &onward, &ret, len));
	CHECK(!chan || kind == OCKAM_CHAN_PAYLOAD);
	CHECK(msg[w.payload_off] == 'p' || !len);

	/* linear up to somewhere, the rest to be fetched */
	avail = tap_below(s.len);
	w = wire();
	w.fetch = fetch;
	w.fetch_ctx = &s;
	err = decode_cut(chan, msg, avail, s.len, &w, &kind);
	if (err == -ENODATA) {
		CHECK(avail < OCKAM_WIRE_HEAD_MAX);
		avail = s.len < OCKAM_WIRE_HEAD_MAX ? s.len :
						      OCKAM_WIRE_HEAD_MAX;
		err = decode_cut(chan, msg, avail, s.len, &w, &kind);
	}
	CHECK(err == 0 && same(&w, &onward, &ret, len));

	/* a message cut anywhere within is none */
	CHECK(decode_cut(chan, msg, avail - !!avail, avail - !!avail, &w,
			 &kind) == -EBADMSG || avail == s.len);
	return true;
}

static bool test_liberal_wire(void)
{
	u32 i;

	for (i = 0; i < 20000; i++)
		CHECK(liberal(false));
	return true;
}

static bool test_liberal_chan(void)
{
	u32 i;

	for (i = 0; i < 20000; i++)
		CHECK(liberal(true));
	return true;
}

static bool round_trip(void)
{
	static struct flat onward, ret;
	u32 len = tap_below(2) ? tap_below(300) : tap_below(1 << 24);
	bool chan = tap_below(2);
	enum ockam_chan_kind kind;
	struct ockam_wire w = wire();
	struct ockam_wire slow = wire();
	u32 size, number;
	u8 *msg, *end;

	random_route(&onward);
	random_route(&ret);
	size = ockam_wire_head_size(onward.b, onward.len, onward.hops, ret.b,
				    ret.len, ret.hops, len);
	CHECK(size <= ockam_wire_head_bound(onward.len, onward.hops, ret.len,
					    ret.hops));
	size += chan ? OCKAM_CHAN_PREFIX : 0;

	/* The payload is not there: it must not be looked at. */
	msg = malloc(size);
	end = (chan ? ockam_chan_head_put : ockam_wire_head_put)
		(msg, onward.b, onward.len, onward.hops, ret.b, ret.len,
		 ret.hops, len);
	CHECK(end == msg + size);
	if (chan) {
		CHECK(ockam_chan_decode(msg, size, size + len + 1, &w,
					&kind) == -ENODATA);
		CHECK(slow_chan(msg, size, size + len + 1, &slow,
				&number) == -ENODATA);
	} else {
		CHECK(ockam_wire_decode(msg, size, size + len, &w) == 0);
		CHECK(w.payload_off == size);
		CHECK(same(&w, &onward, &ret, len));
		CHECK(slow_wire(msg, size, size + len, &slow) == 0);
		CHECK(same(&slow, &onward, &ret, len));
		CHECK(!len || ockam_wire_decode(msg, size, size + len - 1,
						&w) == -EBADMSG);
	}
	free(msg);
	return true;
}

static bool test_round_trip(void)
{
	u32 i;

	for (i = 0; i < 50000; i++)
		CHECK(round_trip());
	return true;
}

/* Both ways of reading agree about bytes that are hurt somehow. */
static bool test_mutations(void)
{
	u8 msg[512];
	u32 i, len;

	for (i = 0; i < 300000; i++) {
		const struct vector *v = &vectors[tap_below(NVECTORS)];
		enum ockam_chan_kind kind = OCKAM_CHAN_PAYLOAD;
		u8 o2[ROUTE_MAX], r2[ROUTE_MAX];
		struct ockam_wire a = wire(), b = wire();
		u32 number = 0, hits = 1 + tap_below(3);
		int err, slow;

		b.onward = o2;
		b.ret = r2;
		len = tap_unhex(v->hex, msg);
		while (hits--)
			msg[tap_below(len)] = tap_random();
		err = decode_cut(v->chan, msg, len, len, &a, &kind);
		slow = v->chan ? slow_chan(msg, len, len, &b, &number) :
				 slow_wire(msg, len, len, &b);
		CHECK(err == slow);
		CHECK(err == 0 || err == -EBADMSG || err == -EMSGSIZE);
		if (err)
			continue;
		CHECK(number == (u32)kind);
		CHECK(a.onward_len == b.onward_len &&
		      a.onward_hops == b.onward_hops &&
		      a.ret_len == b.ret_len && a.ret_hops == b.ret_hops &&
		      a.payload_off == b.payload_off &&
		      a.payload_len == b.payload_len);
		CHECK(!memcmp(a.onward, b.onward, a.onward_len));
		CHECK(!memcmp(a.ret, b.ret, a.ret_len));
		CHECK(a.payload_len <= len - a.payload_off);
	}
	return true;
}

static int fetch_fails(void *ctx, u32 off, u8 *to, u32 len)
{
	(void)ctx, (void)off, (void)to, (void)len;
	return -EFAULT;
}

static bool test_fetch_error(void)
{
	struct ockam_wire w = wire();
	u8 msg[64];
	u32 len = tap_unhex("84" M "00" "627b7d", msg);

	w.fetch = fetch_fails;
	CHECK(ockam_wire_decode(msg, len - 3, len, &w) == -EFAULT);
	CHECK(ockam_wire_decode(msg, len, len, &w) == 0);
	return true;
}

static const struct tap_test tests[] = {
	{ "vectors are read", test_vectors_read },
	{ "vectors are written", test_vectors_write },
	{ "two hops and a long payload", test_long_payload },
	{ "Close", test_close },
	{ "RefreshCredentials", test_refresh },
	{ "vectors cut at every byte", test_truncation },
	{ "forms of a transport message", test_wire_variants },
	{ "forms of a channel plaintext", test_chan_variants },
	{ "limits of routes and room", test_limits },
	{ "head without an end", test_head_max },
	{ "longest head", test_head_fits },
	{ "nesting and counts without end", test_hostile },
	{ "random messages in any allowed form", test_liberal_wire },
	{ "random plaintexts in any allowed form", test_liberal_chan },
	{ "random messages, written and read", test_round_trip },
	{ "both ways of reading agree on damaged vectors", test_mutations },
	{ "failing fetch", test_fetch_error },
};

TAP_MAIN(tests)
