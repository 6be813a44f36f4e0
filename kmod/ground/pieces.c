// SPDX-License-Identifier: GPL-2.0
/* Messages from pieces: see pieces.h. */
#include "ground/pieces.h"

void ockam_partial_init(struct ockam_partial *p, const u8 *src, u16 number,
			u64 now)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->src, src, sizeof(p->src));
	p->number = number;
	p->touched = now;
}

/* Does the piece agree with where the message ends? */
static bool partial_end_fits(const struct ockam_partial *p, u32 end, bool last)
{
	if (!p->total)
		return !last || end >= p->end;
	return last ? end == p->total : end < p->total;
}

/* What came behind a gap and follows now without one. */
static void partial_advance(struct ockam_partial *p)
{
	struct ockam_piece_node *node = p->mark ? p->mark->next : p->first;

	while (node && node->off == p->next) {
		p->mark = node;
		p->next += node->len;
		p->ahead--;
		node = node->next;
	}
}

/*
 * Where a piece goes: the link to it in the list, NULL with an error if it
 * overlaps.  The caller knows that it does not begin before the gap.
 */
static struct ockam_piece_node **partial_place(struct ockam_partial *p,
					       const struct ockam_piece_node *new,
					       int *err)
{
	struct ockam_piece_node **at = p->mark ? &p->mark->next : &p->first;
	u32 end = p->next;

	for (; *at && (*at)->off < new->off; at = &(*at)->next)
		end = (*at)->off + (*at)->len;
	if (*at && (*at)->off == new->off && (*at)->len == new->len) {
		*err = -EEXIST;
		return NULL;
	}
	if (new->off < end || (*at && (*at)->off - new->off < new->len)) {
		*err = -EBADMSG;
		return NULL;
	}
	return at;
}

int ockam_partial_add(struct ockam_partial *p, struct ockam_piece_node *node,
		      bool last, u64 now)
{
	u32 end = node->off + node->len;
	struct ockam_piece_node **at;
	int err = 0;

	if (!partial_end_fits(p, end, last))
		return -EBADMSG;
	if (node->off < p->next)
		return end <= p->next ? -EEXIST : -EBADMSG;
	at = partial_place(p, node, &err);
	if (!at)
		return err;
	if (node->off != p->next && p->ahead >= OCKAM_PIECES_AHEAD)
		return -ENOBUFS;

	node->next = *at;
	*at = node;
	p->ahead++;
	p->touched = now;
	if (last)
		p->total = end;
	if (end > p->end)
		p->end = end;
	partial_advance(p);
	return p->total && p->next == p->total;
}

static bool partial_is_from(const struct ockam_partial *p, const u8 *src)
{
	return p && !memcmp(p->src, src, sizeof(p->src));
}

struct ockam_partial *ockam_pieces_find(const struct ockam_pieces *t, u32 hash,
					const u8 *src, u16 number)
{
	struct ockam_partial *const *slot = t->slot[hash % OCKAM_PIECES_BUCKETS];
	u32 i;

	for (i = 0; i < OCKAM_PIECES_WAYS; i++)
		if (partial_is_from(slot[i], src) && slot[i]->number == number)
			return slot[i];
	return NULL;
}

struct ockam_partial *ockam_pieces_put(struct ockam_pieces *t, u32 hash,
				       struct ockam_partial *p)
{
	u32 bucket = hash % OCKAM_PIECES_BUCKETS;
	struct ockam_partial **slot = t->slot[bucket];
	struct ockam_partial *victim;
	u32 i, best = 0;

	for (i = 0; i < OCKAM_PIECES_WAYS; i++) {
		if (!slot[i]) {
			best = i;
			break;
		}
		if (slot[i]->touched < slot[best]->touched)
			best = i;
	}
	victim = slot[best];
	p->bucket = bucket;
	slot[best] = p;
	if (!victim)
		t->count++;
	return victim;
}

void ockam_pieces_del(struct ockam_pieces *t, struct ockam_partial *p)
{
	struct ockam_partial **slot = t->slot[p->bucket];
	u32 i;

	for (i = 0; i < OCKAM_PIECES_WAYS; i++) {
		if (slot[i] != p)
			continue;
		slot[i] = NULL;
		t->count--;
		return;
	}
}

struct ockam_partial *ockam_pieces_behind(struct ockam_pieces *t, u32 hash,
					  const u8 *src, u16 number)
{
	struct ockam_partial **slot = t->slot[hash % OCKAM_PIECES_BUCKETS];
	struct ockam_partial *p;
	u32 i;

	for (i = 0; i < OCKAM_PIECES_WAYS; i++) {
		u16 ahead;

		p = slot[i];
		if (!partial_is_from(p, src))
			continue;
		ahead = (u16)(number - p->number);
		if (ahead > OCKAM_PIECES_BEHIND && ahead <= 0x8000) {
			ockam_pieces_del(t, p);
			return p;
		}
	}
	return NULL;
}

struct ockam_partial *ockam_pieces_oldest(struct ockam_pieces *t, u64 since)
{
	struct ockam_partial *p, *oldest = NULL;
	u32 i, j;

	if (!t->count)
		return NULL;
	for (i = 0; i < OCKAM_PIECES_BUCKETS; i++) {
		for (j = 0; j < OCKAM_PIECES_WAYS; j++) {
			p = t->slot[i][j];
			if (p && p->touched < since &&
			    (!oldest || p->touched < oldest->touched))
				oldest = p;
		}
	}
	if (oldest)
		ockam_pieces_del(t, oldest);
	return oldest;
}
