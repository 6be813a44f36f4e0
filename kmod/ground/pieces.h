/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Putting messages together from the pieces that datagrams bring: in any
 * order, some twice, some never, some not meant well.
 *
 * A message's pieces are a list in order of their offsets: those without a gap
 * from the beginning, then a bounded number ahead of them, so that a piece
 * costs a bounded number of steps.  Messages under construction are in a table
 * of buckets, chosen by a keyed hash of their source; within a bucket the one
 * that waits longest makes room.  So one source has a few at most, and who
 * floods from many addresses hits a message only if all its bucket is hit while
 * its pieces are under way.
 *
 * Nothing here owns memory: nodes and messages are the caller's, who frees what
 * the functions take out and hand back, and who knows the time in units of his
 * own.
 */
#ifndef OCKAM_PIECES_H
#define OCKAM_PIECES_H

#include "ground/ground.h"

#define OCKAM_PIECES_AHEAD	64	/* pieces of a message behind a gap */
#define OCKAM_PIECES_BUCKETS	32
#define OCKAM_PIECES_WAYS	4	/* messages in a bucket, and of a source */
/* So far behind its source's newest number a message is given up. */
#define OCKAM_PIECES_BEHIND	64
#define OCKAM_PIECES_SRC	24	/* bytes that tell sources apart */

/**
 * struct ockam_piece_node - a piece that is kept
 * @next: the one behind it
 * @off: bytes of the message before it
 * @len: its bytes, not 0
 */
struct ockam_piece_node {
	struct ockam_piece_node *next;
	u32 off;
	u32 len;
};

/**
 * struct ockam_partial - a message under construction
 * @src: where its pieces come from, unused bytes are 0
 * @number: the message's number
 * @mem: bytes of memory its pieces take, for the caller
 * @next: bytes without a gap from the beginning
 * @end: behind the last byte seen
 * @total: bytes of the whole message, 0 if not known yet
 * @ahead: pieces behind a gap
 * @touched: when the last new piece came
 * @bucket: which bucket it is in
 * @first: first piece of the list
 * @mark: last piece before the first gap, or NULL
 */
struct ockam_partial {
	u8 src[OCKAM_PIECES_SRC];
	u16 number;
	u32 mem;
	u32 next;
	u32 end;
	u32 total;
	u32 ahead;
	u64 touched;
	u32 bucket;
	struct ockam_piece_node *first;
	struct ockam_piece_node *mark;
};

/**
 * struct ockam_pieces - messages under construction
 * @count: how many
 * @slot: they
 */
struct ockam_pieces {
	u32 count;
	struct ockam_partial *slot[OCKAM_PIECES_BUCKETS][OCKAM_PIECES_WAYS];
};

/**
 * ockam_partial_init() - begin a message
 * @p: the message
 * @src: where it comes from, OCKAM_PIECES_SRC bytes
 * @number: its number
 * @now: the time
 */
void ockam_partial_init(struct ockam_partial *p, const u8 *src, u16 number,
			u64 now);

/**
 * ockam_partial_add() - a piece has come
 * @p: the message
 * @node: the piece, with off and len set and off + len at most U32_MAX
 * @last: it says that it is the last one
 * @now: the time
 *
 * Return:
 * * 1 - kept, and the message is complete: its pieces are at p->first, in
 *   order and without gap or overlap
 * * 0 - kept
 * * -EEXIST - it was there already: not kept, the message goes on
 * * -EBADMSG - it contradicts another piece: not kept, give the message up
 * * -ENOBUFS - too many pieces wait behind a gap: likewise
 */
int ockam_partial_add(struct ockam_partial *p, struct ockam_piece_node *node,
		      bool last, u64 now);

/**
 * ockam_pieces_find() - a message under construction
 * @t: the table
 * @hash: keyed hash of @src
 * @src: where it comes from
 * @number: its number
 *
 * Return: the message, or NULL.
 */
struct ockam_partial *ockam_pieces_find(const struct ockam_pieces *t, u32 hash,
					const u8 *src, u16 number);

/**
 * ockam_pieces_put() - into the table
 * @t: the table
 * @hash: keyed hash of p->src
 * @p: the message, which is not in there
 *
 * Return: the message that had to make room and is out of the table, or NULL.
 */
struct ockam_partial *ockam_pieces_put(struct ockam_pieces *t, u32 hash,
				       struct ockam_partial *p);

/* Out of the table. */
void ockam_pieces_del(struct ockam_pieces *t, struct ockam_partial *p);

/**
 * ockam_pieces_behind() - take out what will not be completed any more
 * @t: the table
 * @hash: keyed hash of @src
 * @src: a source
 * @number: of a message that has just come from there
 *
 * Numbers go round: a message that its source left behind must be gone before
 * another one gets the same number.
 *
 * Return: a message far behind, out of the table, or NULL; call it again.
 */
struct ockam_partial *ockam_pieces_behind(struct ockam_pieces *t, u32 hash,
					  const u8 *src, u16 number);

/**
 * ockam_pieces_oldest() - take out the message that waits longest
 * @t: the table
 * @since: only if its last piece came before
 *
 * Return: the message, out of the table, or NULL.
 */
struct ockam_partial *ockam_pieces_oldest(struct ockam_pieces *t, u64 since);

#endif /* OCKAM_PIECES_H */
