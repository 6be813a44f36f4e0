/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CBOR as Ockam speaks it: transport messages and channel plaintexts.
 *
 * Heads are written in shortest form.  What is read may use longer integer
 * forms, indefinite arrays and further elements at the end of a structure,
 * as in Ockam's own decoder; work per message is bounded all the same.
 */
#ifndef OCKAM_CODEC_H
#define OCKAM_CODEC_H

#include "ground/ground.h"
#include "ground/route.h"

/*
 * All that comes before the payload has to lie within the first so many
 * bytes of a message.  Two routes of the greatest length in the clumsiest
 * integer forms fit.
 */
#define OCKAM_WIRE_HEAD_MAX	16384
#define OCKAM_CBOR_DEPTH_MAX	16	/* nesting in what is skipped */
#define OCKAM_CBOR_SKIP_MAX	1024	/* items skipped in one message */
#define OCKAM_TRACE_MAX		65536	/* bytes of tracing context */

#define OCKAM_CHAN_PREFIX	4	/* bytes before the inner message */
#define OCKAM_CHAN_TRAILER	0x40	/* the byte after the payload: no padding */
#define OCKAM_CHAN_TRAILER_LEN	1
#define OCKAM_CHAN_CLOSE_LEN	5	/* a whole Close, trailer included */
#define OCKAM_CHAN_REFRESH_HEAD	4	/* in front of RefreshCredentials' item */

/**
 * enum ockam_chan_kind - what a channel plaintext is
 * @OCKAM_CHAN_PAYLOAD: a routed message
 * @OCKAM_CHAN_REFRESH: new credentials of the peer
 * @OCKAM_CHAN_CLOSE: the peer ends the channel
 *
 * The values are those on the wire.
 */
enum ockam_chan_kind {
	OCKAM_CHAN_PAYLOAD = 0,
	OCKAM_CHAN_REFRESH = 1,
	OCKAM_CHAN_CLOSE = 2,
};

/**
 * typedef ockam_fetch_t - copy bytes of a message out of where they lie
 * @ctx: the caller's
 * @off: where they begin, counted from the start of the message
 * @to: where they shall go
 * @len: how many, at most 64; @off + @len is within the message
 *
 * Return: 0 or a negative error, which the decoder passes on.
 */
typedef int (*ockam_fetch_t)(void *ctx, u32 off, u8 *to, u32 len);

/**
 * struct ockam_wire - a decoded message, and where to put its routes
 * @onward: in: where the onward route goes, flat
 * @ret: in: where the return route goes, flat
 * @onward_cap: in: bytes that fit there
 * @ret_cap: in: bytes that fit there
 * @fetch: in: reads what lies beyond the linear part, or NULL
 * @fetch_ctx: in: its first argument
 * @onward_len: out: bytes of the onward route
 * @onward_hops: out: hops in it; 0 is a heartbeat
 * @ret_len: out: bytes of the return route
 * @ret_hops: out: hops in it
 * @payload_off: out: where the payload begins, from the message's start
 * @payload_len: out: bytes of payload; wholly within the message
 *
 * With a capacity of OCKAM_ROUTE_MAX_BYTES -ENOSPC cannot happen.  The out
 * fields mean something only after a return of 0.
 */
struct ockam_wire {
	u8 *onward;
	u8 *ret;
	u32 onward_cap;
	u32 ret_cap;
	ockam_fetch_t fetch;
	void *fetch_ctx;

	u32 onward_len;
	u32 onward_hops;
	u32 ret_len;
	u32 ret_hops;
	u32 payload_off;
	u32 payload_len;
};

/**
 * ockam_wire_decode() - read a transport message
 * @buf: its first bytes
 * @avail: how many of them are at hand
 * @total: length of the whole message
 * @w: see there
 *
 * The payload is not looked at and may lie beyond @avail.  What follows it
 * (tracing context, elements of a later version) is read by @w->fetch if it
 * lies there too.  After -ENODATA the caller makes at least
 * min(@total, OCKAM_WIRE_HEAD_MAX) bytes linear, or without a fetch function
 * all @total bytes, and calls again; it then cannot come a second time.
 * Bytes after the message's end are ignored.
 *
 * Return:
 * * 0 - done
 * * -EBADMSG - not a message; a stream that brought it cannot be trusted
 * * -EMSGSIZE - a message, but beyond a limit (route, address, depth, ...)
 * * -ENOSPC - a route does not fit in its capacity
 * * -ENODATA - more of the message is needed in linear form
 * * what @w->fetch returned
 */
int ockam_wire_decode(const u8 *buf, u32 avail, u32 total,
		      struct ockam_wire *w);

/**
 * ockam_chan_decode() - read the plaintext of a channel message
 * @buf: its first bytes
 * @avail: how many of them are at hand
 * @total: length of the whole plaintext
 * @w: see there
 * @kind: set on success
 *
 * For a Payload @w is set as by ockam_wire_decode().  For RefreshCredentials
 * payload_off and payload_len tell where the item lies which holds change
 * history and credentials; it is well-formed, its meaning is not checked.
 * For Close they are 0, and for both there are no routes.
 *
 * Return: as ockam_wire_decode().
 */
int ockam_chan_decode(const u8 *buf, u32 avail, u32 total,
		      struct ockam_wire *w, enum ockam_chan_kind *kind);

/**
 * ockam_cbor_head_size() - bytes of the shortest head for a value
 * @v: a length or a count
 */
static __always_inline u32 ockam_cbor_head_size(u32 v)
{
	if (v < 24)
		return 1;
	if (v <= 0xff)
		return 2;
	return v <= 0xffff ? 3 : 5;
}

/**
 * ockam_cbor_bytes_put() - write the head of a byte string
 * @dst: room for 5 bytes
 * @len: bytes that will follow
 *
 * Return: the end of what was written.
 */
u8 *ockam_cbor_bytes_put(u8 *dst, u32 len);

/**
 * ockam_cbor_route_size() - exact size of a route on the wire
 * @flat: the route, checked before
 * @len: bytes in it
 * @nhops: hops in it
 */
u32 ockam_cbor_route_size(const u8 *flat, u32 len, u32 nhops);

/**
 * ockam_cbor_route_bound() - a size that a route does not exceed on the wire
 * @len: bytes of the flat route
 * @nhops: hops in it, at most 255
 */
static __always_inline u32 ockam_cbor_route_bound(u32 len, u32 nhops)
{
	return 2 + len + 3 * nhops;
}

/**
 * ockam_cbor_route_put() - write a route
 * @dst: room for ockam_cbor_route_size() bytes, no overlap with @flat
 * @flat: the route, checked before
 * @len: bytes in it
 * @nhops: hops in it
 *
 * Return: the end of what was written.
 */
u8 *ockam_cbor_route_put(u8 *dst, const u8 *flat, u32 len, u32 nhops);

/**
 * ockam_wire_head_size() - exact size of all that precedes the payload
 * @onward: the onward route, flat
 * @onward_len: bytes in it
 * @onward_hops: hops in it
 * @ret: the return route, flat
 * @ret_len: bytes in it
 * @ret_hops: hops in it
 * @payload_len: bytes of payload
 */
u32 ockam_wire_head_size(const u8 *onward, u32 onward_len, u32 onward_hops,
			 const u8 *ret, u32 ret_len, u32 ret_hops,
			 u32 payload_len);

/**
 * ockam_wire_head_bound() - a size that such a head does not exceed
 * @onward_len: bytes of the onward route, flat
 * @onward_hops: hops in it
 * @ret_len: bytes of the return route, flat
 * @ret_hops: hops in it
 */
static __always_inline u32 ockam_wire_head_bound(u32 onward_len,
						 u32 onward_hops, u32 ret_len,
						 u32 ret_hops)
{
	return 1 + ockam_cbor_route_bound(onward_len, onward_hops) +
	       ockam_cbor_route_bound(ret_len, ret_hops) + 5;
}

/**
 * ockam_wire_head_put() - write all that precedes the payload
 * @dst: room for ockam_wire_head_size() bytes, no overlap with the routes
 * @onward: the onward route, flat and checked before
 * @onward_len: bytes in it
 * @onward_hops: hops in it
 * @ret: the return route, flat and checked before
 * @ret_len: bytes in it
 * @ret_hops: hops in it
 * @payload_len: bytes of payload
 *
 * A message ends with its payload: no tracing context is sent.
 *
 * Return: the end of what was written.
 */
u8 *ockam_wire_head_put(u8 *dst, const u8 *onward, u32 onward_len,
			u32 onward_hops, const u8 *ret, u32 ret_len,
			u32 ret_hops, u32 payload_len);

/**
 * ockam_chan_head_put() - the same for the plaintext of a channel
 * @dst: room for OCKAM_CHAN_PREFIX + ockam_wire_head_size() bytes
 * @onward: the onward route, flat and checked before
 * @onward_len: bytes in it
 * @onward_hops: hops in it
 * @ret: the return route, flat and checked before
 * @ret_len: bytes in it
 * @ret_hops: hops in it
 * @payload_len: bytes of payload
 *
 * After the payload goes one byte more, OCKAM_CHAN_TRAILER.
 *
 * Return: the end of what was written.
 */
u8 *ockam_chan_head_put(u8 *dst, const u8 *onward, u32 onward_len,
			u32 onward_hops, const u8 *ret, u32 ret_len,
			u32 ret_hops, u32 payload_len);

/**
 * ockam_chan_close_put() - write the whole plaintext of a Close
 * @dst: room for OCKAM_CHAN_CLOSE_LEN bytes
 *
 * Return: the end of what was written.
 */
u8 *ockam_chan_close_put(u8 *dst);

/**
 * ockam_chan_refresh_put() - write what comes before RefreshCredentials' item
 * @dst: room for OCKAM_CHAN_REFRESH_HEAD bytes
 *
 * After the item, an array of change history and credentials, goes one byte
 * more, OCKAM_CHAN_TRAILER.
 *
 * Return: the end of what was written.
 */
u8 *ockam_chan_refresh_put(u8 *dst);

/*
 * Pieces: over UDP each datagram holds a piece of a transport message, and
 * says where it belongs.
 */
#define OCKAM_PIECE_VERSION	1
#define OCKAM_PIECE_HEAD_MAX	16	/* bytes that are written before a piece */
#define OCKAM_PIECE_PEEK	64	/* bytes to have at hand for reading */
#define OCKAM_PIECE_STOCK	493	/* bytes of a message that Ockam sends */

/**
 * struct ockam_piece - what a datagram says
 * @number: of the message, the same in all of its pieces
 * @last: no piece lies behind this one
 * @offset: bytes of the message before it
 * @payload_off: where the piece begins, from the datagram's start
 * @payload_len: its bytes, all within the datagram; not 0
 */
struct ockam_piece {
	u16 number;
	bool last;
	u32 offset;
	u32 payload_off;
	u32 payload_len;
};

/**
 * ockam_piece_decode() - read the head of a datagram
 * @buf: its first bytes
 * @avail: how many are at hand: OCKAM_PIECE_PEEK, or all there are
 * @total: length of the datagram
 * @p: set on success
 *
 * What follows the piece is not looked at.
 *
 * Return: 0 or -EBADMSG.
 */
int ockam_piece_decode(const u8 *buf, u32 avail, u32 total,
		       struct ockam_piece *p);

/* Bytes that ockam_piece_head_put() writes. */
u32 ockam_piece_head_size(u16 number, u32 offset, u32 len);

/**
 * ockam_piece_head_put() - write what precedes a piece
 * @dst: room for OCKAM_PIECE_HEAD_MAX bytes
 * @number: of the message
 * @offset: bytes of the message before the piece
 * @last: it is the last one
 * @len: bytes of the piece, which follow
 *
 * Return: the end of what was written.
 */
u8 *ockam_piece_head_put(u8 *dst, u16 number, u32 offset, bool last, u32 len);

#endif /* OCKAM_CODEC_H */
