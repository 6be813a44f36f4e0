// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Any bytes as a datagram, and as a sequence of pieces of several sources: each
 * four bytes are source and number, offset, length, flags.  What is complete has
 * each byte once; what is taken out was in there.
 */
#include <stdlib.h>

#include "ground/codec.h"
#include "ground/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond) do { if (!(cond)) abort(); } while (0)

struct table {
	struct ockam_pieces t;
	u32 live;
};

static void drop(struct table *tab, struct ockam_partial *p)
{
	struct ockam_piece_node *n, *next;
	u32 end = 0;

	if (!p)
		return;
	for (n = p->first; n; n = next) {
		next = n->next;
		must(n->off >= end && n->len);
		end = n->off + n->len;
		free(n);
	}
	must(p->ahead <= OCKAM_PIECES_AHEAD);
	free(p);
	tab->live--;
}

static struct ockam_partial *begin(struct table *tab, u32 hash, const u8 *src,
				   u16 number, u64 now)
{
	struct ockam_partial *p = malloc(sizeof(*p));

	must(p);
	ockam_partial_init(p, src, number, now);
	tab->live++;
	drop(tab, ockam_pieces_put(&tab->t, hash, p));
	return p;
}

static void step(struct table *tab, const uint8_t *in, u64 now)
{
	u8 src[OCKAM_PIECES_SRC] = { in[0] & 15 };
	u16 number = (u16)((in[0] >> 4) * 40);
	struct ockam_piece_node *node;
	struct ockam_partial *p;
	u32 hash = in[0] & 3;
	int err;

	drop(tab, ockam_pieces_behind(&tab->t, hash, src, number));
	p = ockam_pieces_find(&tab->t, hash, src, number);
	if (!p)
		p = begin(tab, hash, src, number, now);
	node = malloc(sizeof(*node));
	must(node);
	node->off = in[1];
	node->len = 1 + (in[2] & 63);
	if (in[3] & 2)
		node->off = U32_MAX - 64 - node->off;
	err = ockam_partial_add(p, node, in[3] & 1, now);
	if (err < 0)
		free(node);
	if (err == 1)
		must(p->next == p->total && !p->ahead && p->end == p->total);
	if (err && err != -EEXIST) {
		ockam_pieces_del(&tab->t, p);
		drop(tab, p);
	}
	if (in[3] & 4)
		drop(tab, ockam_pieces_oldest(&tab->t, now - (in[3] >> 3)));
	must(tab->live == tab->t.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 peek = size < OCKAM_PIECE_PEEK ? (u32)size : OCKAM_PIECE_PEEK;
	struct table tab = {};
	struct ockam_partial *p;
	struct ockam_piece piece;
	size_t i;

	if (!ockam_piece_decode(data, peek, (u32)size, &piece)) {
		must(piece.payload_len);
		must(piece.payload_len <= size - piece.payload_off);
		must(piece.offset + piece.payload_len > piece.offset);
	}
	for (i = 0; i + 4 <= size; i += 4)
		step(&tab, data + i, 100 + i);
	while ((p = ockam_pieces_oldest(&tab.t, U64_MAX)))
		drop(&tab, p);
	must(!tab.live && !tab.t.count);
	return 0;
}
