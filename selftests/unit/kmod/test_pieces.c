// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Datagrams as Ockam writes them, and messages put together from their pieces:
 * shuffled, doubled, lost, overlapping, from many sources at once.
 */
#include "ground/codec.h"
#include "ground/pieces.h"
#include "tap.h"

/* ---- datagrams ---- */

static bool decodes(const char *hex, struct ockam_piece *p)
{
	u8 buf[128];
	u32 n = (u32)tap_unhex(hex, buf);

	return !ockam_piece_decode(buf, n, n, p);
}

static bool puts_as(const char *hex, u16 number, u32 off, bool last, u32 len)
{
	u8 want[32], got[OCKAM_PIECE_HEAD_MAX];
	u32 n = (u32)tap_unhex(hex, want);

	return ockam_piece_head_put(got, number, off, last, len) == got + n &&
	       !memcmp(got, want, n);
}

static bool test_vectors(void)
{
	struct ockam_piece p;
	u8 big[16 + 493];

	CHECK(puts_as("850119123400f55823", 0x1234, 0, true, 35));
	CHECK(puts_as("850119ffff00f45901ed", 0xffff, 0, false, 493));
	CHECK(puts_as("850119ffff1901edf45901ed", 0xffff, 493, false, 493));
	CHECK(puts_as("850119ffff1903daf55828", 0xffff, 986, true, 40));
	CHECK(puts_as("8501001affffffe0f557", 0, 0xffffffe0, true, 23));

	CHECK(decodes("850119123400f5582384818200466563686f657281820043617070"
		      "4d0c48656c6c6f204f636b616d21627b7d", &p));
	CHECK(p.number == 0x1234 && !p.offset && p.last);
	CHECK(p.payload_off == 9 && p.payload_len == 35);

	memset(big, 0, sizeof(big));
	CHECK(tap_unhex("850119ffff1901edf45901ed", big) == 12);
	CHECK(!ockam_piece_decode(big, OCKAM_PIECE_PEEK, 12 + 493, &p));
	CHECK(p.number == 0xffff && p.offset == 493 && !p.last);
	CHECK(p.payload_off == 12 && p.payload_len == 493);
	CHECK(ockam_piece_decode(big, OCKAM_PIECE_PEEK, 12 + 492, &p));
	return true;
}

static bool test_forms(void)
{
	static const char * const good[] = {
		"85010000f54161",
		"86010000f54161f6",		/* an element more */
		"9f010000f54161ff",		/* indefinite */
		"9b00000000000000051b00000000000000011900001a00000000f5"
		"5b000000000000000161",		/* the longest heads */
		"85010000f5416100",		/* bytes behind it */
	};
	static const char * const bad[] = {
		"", "85", "8501", "850100", "85010000", "85010000f5",
		"85010000f541",			/* cut */
		"84010000f54161",		/* an element less */
		"85020000f54161",		/* version */
		"85000000f54161",
		"85011a0001000000f54161",	/* number */
		"8501001b0000000100000000f54161", /* offset */
		"85012000f54161",		/* negative */
		"85010000f64161",		/* no bool */
		"85010000014161",
		"85010000f56161",		/* text */
		"85010000f55f4161ff",		/* chunks */
		"85010000f540",			/* nothing in it */
		"c185010000f54161",		/* tag */
		"a1010000f54161",
		"8501001afffffffff5426161",	/* beyond 2^32 */
	};
	struct ockam_piece p;
	u32 i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(decodes(good[i], &p));
		CHECK(p.payload_len == 1);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!decodes(bad[i], &p));
	return true;
}

/* Each head that is written is read as what it was. */
static bool test_roundtrip(void)
{
	u8 buf[OCKAM_PIECE_HEAD_MAX + 8];
	struct ockam_piece p;
	u32 i;

	for (i = 0; i < 20000; i++) {
		u32 off = (u32)tap_random() >> tap_below(32);
		u16 number = (u16)(tap_random() >> tap_below(16));
		bool last = tap_below(2);
		u32 len = 1 + ((u32)tap_random() >> (8 + tap_below(24)));
		u32 head, have;

		if (off > U32_MAX - len)
			continue;
		head = (u32)(ockam_piece_head_put(buf, number, off, last, len) -
			     buf);
		have = head + (len < 8 ? len : 8);
		CHECK(!ockam_piece_decode(buf, have, head + len, &p));
		CHECK(p.number == number && p.offset == off && p.last == last);
		CHECK(p.payload_off == head && p.payload_len == len);
		CHECK(ockam_piece_decode(buf, have, head + len - 1, &p));
	}
	return true;
}

/* ---- one message ---- */

#define NODES	512

static struct ockam_piece_node nodes[NODES];
static u8 src0[OCKAM_PIECES_SRC];

static int add(struct ockam_partial *p, u32 i, u32 off, u32 len, bool last)
{
	nodes[i].off = off;
	nodes[i].len = len;
	return ockam_partial_add(p, &nodes[i], last, 1);
}

static bool whole(const struct ockam_partial *p, u32 total)
{
	const struct ockam_piece_node *n;
	u32 at = 0;

	for (n = p->first; n; n = n->next) {
		if (n->off != at || !n->len)
			return false;
		at += n->len;
	}
	return at == total && p->total == total && !p->ahead;
}

static bool test_edges(void)
{
	struct ockam_partial p;
	u32 i;

	ockam_partial_init(&p, src0, 7, 1);
	CHECK(add(&p, 0, 10, 10, true) == 0);
	CHECK(add(&p, 1, 10, 10, true) == -EEXIST);
	CHECK(add(&p, 1, 10, 10, false) == -EBADMSG);	/* it was the last */
	CHECK(add(&p, 1, 20, 1, false) == -EBADMSG);	/* behind the end */
	CHECK(add(&p, 1, 5, 6, false) == -EBADMSG);	/* overlaps */
	CHECK(add(&p, 1, 0, 19, false) == -EBADMSG);
	CHECK(add(&p, 1, 0, 20, true) == -EBADMSG);
	CHECK(add(&p, 1, 12, 2, false) == -EBADMSG);	/* within */
	CHECK(add(&p, 1, 5, 5, false) == 0);
	CHECK(add(&p, 2, 0, 5, false) == 1);
	CHECK(whole(&p, 20));

	/* what lies before the gap */
	ockam_partial_init(&p, src0, 7, 1);
	CHECK(add(&p, 0, 0, 10, false) == 0);
	CHECK(add(&p, 1, 0, 10, false) == -EEXIST);
	CHECK(add(&p, 1, 3, 4, false) == -EEXIST);
	CHECK(add(&p, 1, 5, 10, false) == -EBADMSG);
	CHECK(add(&p, 1, 0, 9, true) == -EBADMSG);
	CHECK(add(&p, 1, 10, 1, true) == 1);
	CHECK(whole(&p, 11));

	/* the very end of what offsets can say */
	ockam_partial_init(&p, src0, 7, 1);
	CHECK(add(&p, 0, U32_MAX - 1, 1, true) == 0);
	CHECK(add(&p, 1, U32_MAX - 2, 2, false) == -EBADMSG);
	CHECK(p.total == U32_MAX && p.ahead == 1);

	/* so many behind a gap, and not one more; what fills it still goes */
	ockam_partial_init(&p, src0, 7, 1);
	for (i = 0; i < OCKAM_PIECES_AHEAD; i++)
		CHECK(add(&p, i, 1 + i, 1, false) == 0);
	CHECK(add(&p, i, 1 + i, 1, true) == -ENOBUFS);
	CHECK(add(&p, i, 0, 1, false) == 0);
	CHECK(!p.ahead && p.next == 1 + i);
	CHECK(add(&p, i + 1, 1 + i, 1, true) == 1);
	CHECK(whole(&p, i + 2));
	return true;
}

/* Cut anyhow, locally shuffled, with duplicates. */
static bool shuffled_once(void)
{
	u32 cuts = 1 + tap_below(300), i, at = 0, left;
	static u32 off[NODES], len[NODES], order[NODES];
	struct ockam_partial p;
	bool sent[NODES] = {};

	for (i = 0; i < cuts; i++) {
		off[i] = at;
		len[i] = 1 + tap_below(tap_below(4) ? 500 : 3);
		at += len[i];
		order[i] = i;
	}
	for (i = 0; i + 1 < cuts; i++) {
		u32 reach = cuts - i < OCKAM_PIECES_AHEAD / 2 ? cuts - i :
							OCKAM_PIECES_AHEAD / 2;
		u32 j = i + tap_below(reach), t = order[i];

		/* nobody waits longer than the bound allows */
		if (t + OCKAM_PIECES_AHEAD / 2 <= i)
			continue;
		order[i] = order[j];
		order[j] = t;
	}
	ockam_partial_init(&p, src0, 1, 0);
	left = cuts;
	for (i = 0; i < cuts; i++) {
		u32 k = order[i];
		int err;

		if (i && !tap_below(8)) {
			u32 d = order[tap_below(i)];
			struct ockam_piece_node again = {
				.off = off[d], .len = len[d]
			};

			CHECK(sent[d]);
			CHECK(ockam_partial_add(&p, &again, d == cuts - 1,
						i) == -EEXIST);
		}
		err = add(&p, k, off[k], len[k], k == cuts - 1);
		if (err == -ENOBUFS)
			return true;	/* shuffled too far: given up */
		sent[k] = true;
		CHECK(err == (--left == 0));
		CHECK(p.ahead <= OCKAM_PIECES_AHEAD);
	}
	CHECK(whole(&p, at));
	return true;
}

static bool test_shuffled(void)
{
	u32 i;

	for (i = 0; i < 3000; i++)
		CHECK(shuffled_once());
	return true;
}

/*
 * Any pieces at all, against a map of bytes: what is kept never overlaps, and
 * complete means each byte once.
 */
static bool random_once(void)
{
	u32 span = 1 + tap_below(60), kept = 0, bytes = 0, total = 0, i;
	struct ockam_partial p;
	bool map[64] = {};

	ockam_partial_init(&p, src0, 1, 0);
	for (i = 0; i < 200; i++) {
		u32 off = tap_below(span), j;
		u32 len = 1 + tap_below(span - off), clash = 0;
		bool last = off + len == span ? tap_below(8) : !tap_below(30);
		int err = add(&p, kept, off, len, last);

		for (j = off; j < off + len; j++)
			clash += map[j];
		if (err == -EEXIST) {
			CHECK(clash == len);
			continue;
		}
		if (err == -EBADMSG) {
			CHECK(clash || total || last);
			continue;
		}
		CHECK(err >= 0 && !clash);
		for (j = off; j < off + len; j++)
			map[j] = true;
		bytes += len;
		kept++;
		if (last)
			total = off + len;
		CHECK((err == 1) == (total && bytes == total));
		if (err == 1) {
			CHECK(whole(&p, total));
			return true;
		}
	}
	return true;
}

static bool test_random(void)
{
	u32 i;

	for (i = 0; i < 20000; i++)
		CHECK(random_once());
	return true;
}

/* ---- many messages ---- */

#define SOURCES	300

static void source(u8 *src, u32 i)
{
	memset(src, 0, OCKAM_PIECES_SRC);
	ockam_put_be32(src, i);
}

static u32 in_table(const struct ockam_pieces *t)
{
	u32 i, j, n = 0;

	for (i = 0; i < OCKAM_PIECES_BUCKETS; i++)
		for (j = 0; j < OCKAM_PIECES_WAYS; j++)
			n += !!t->slot[i][j];
	return n;
}

static bool test_table(void)
{
	static struct ockam_partial all[SOURCES];
	static struct ockam_pieces t;
	struct ockam_partial *victim;
	u8 src[OCKAM_PIECES_SRC];
	u32 i, taken = 0, most = OCKAM_PIECES_BUCKETS * OCKAM_PIECES_WAYS;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < SOURCES; i++) {
		source(src, i);
		CHECK(!ockam_pieces_find(&t, i * 7, src, 5));
		ockam_partial_init(&all[i], src, 5, i);
		victim = ockam_pieces_put(&t, i * 7, &all[i]);
		if (victim) {
			taken++;
			CHECK(victim->bucket == all[i].bucket);
			CHECK(victim->touched < all[i].touched);
			CHECK(!ockam_pieces_find(&t, victim->bucket, victim->src,
						 5));
		}
		CHECK(ockam_pieces_find(&t, i * 7, src, 5) == &all[i]);
		CHECK(!ockam_pieces_find(&t, i * 7, src, 6));
		CHECK(t.count == in_table(&t) && t.count + taken == i + 1);
		CHECK(t.count <= most);
	}
	/* in the order of their age */
	victim = ockam_pieces_oldest(&t, SOURCES - 10);
	CHECK(victim);
	for (i = t.count; i; i--) {
		struct ockam_partial *next;

		next = ockam_pieces_oldest(&t, SOURCES - 10);
		if (!next)
			break;
		CHECK(next->touched > victim->touched);
		victim = next;
	}
	CHECK(t.count == 10 && in_table(&t) == 10);
	CHECK(ockam_pieces_oldest(&t, SOURCES - 10) == NULL);
	while ((victim = ockam_pieces_oldest(&t, U64_MAX)))
		CHECK(victim->touched >= SOURCES - 10);
	CHECK(!t.count);
	return true;
}

/* One source has a few; its numbers go round. */
static bool test_numbers(void)
{
	static struct ockam_partial all[16];
	static struct ockam_pieces t;
	u8 src[OCKAM_PIECES_SRC], other[OCKAM_PIECES_SRC];
	u32 i;

	memset(&t, 0, sizeof(t));
	source(src, 1);
	source(other, 2);
	for (i = 0; i < 16; i++) {
		ockam_partial_init(&all[i], src, (u16)(0xfff8 + i), i);
		CHECK(!!ockam_pieces_put(&t, 9, &all[i]) ==
		      (i >= OCKAM_PIECES_WAYS));
	}
	CHECK(t.count == OCKAM_PIECES_WAYS);
	CHECK(!ockam_pieces_behind(&t, 9, src, 7));
	CHECK(!ockam_pieces_behind(&t, 9, other, 1000));
	/* the last ones are 4 to 7 */
	CHECK(!ockam_pieces_behind(&t, 9, src, 4 + OCKAM_PIECES_BEHIND));
	CHECK(ockam_pieces_behind(&t, 9, src, 5 + OCKAM_PIECES_BEHIND) ==
	      &all[12]);
	CHECK(!ockam_pieces_behind(&t, 9, src, 5 + OCKAM_PIECES_BEHIND));
	/* behind us is not behind them */
	CHECK(!ockam_pieces_behind(&t, 9, src, 0xff00));
	CHECK(ockam_pieces_behind(&t, 9, src, 5 + 0x8000) != NULL);
	return true;
}

static const struct tap_test tests[] = {
	{ "datagrams of the protocol document", test_vectors },
	{ "forms of datagrams, good and bad", test_forms },
	{ "heads written and read", test_roundtrip },
	{ "pieces: ends, overlaps, duplicates, gaps", test_edges },
	{ "pieces shuffled and doubled", test_shuffled },
	{ "any pieces against a map of bytes", test_random },
	{ "table: bounded, the oldest makes room", test_table },
	{ "numbers of a source, and round", test_numbers },
};

TAP_MAIN(tests)
