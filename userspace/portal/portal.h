/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * One connection through a portal, as Ockam's TCP inlets and outlets speak: its
 * messages, and what happens to it.  No input or output of its own; what it may
 * read and write through is handed to it, and must not block.
 *
 * A message is one byte and, for data, a length (unsigned LEB128), the bytes, and
 * perhaps 1 and a 16 bit counter, little endian, from 0 on and without gaps:
 *
 *	0 Ping   1 Pong   2 Disconnect [1 counter]   3 length data [1 counter]
 *
 * The inlet sends Ping; the outlet connects to its target and sends Pong; then
 * both send data, until one of them sends Disconnect.  There is no half of a
 * connection: whoever gets it closes both directions.  An outlet whose target is
 * not to be had sends Pong and Disconnect, since Ockam's inlets understand no
 * other first word.
 *
 * Nothing is buffered but one message for each direction: while TCP does not
 * take the one from the peer, no other is read, and while the other cannot be
 * sent, nothing is read from TCP.
 */
#ifndef OCKAM_PORTAL_H
#define OCKAM_PORTAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Ockam's own limit for what is sent; more is taken. */
#define PORTAL_DATA_MAX		49152
#define PORTAL_MSG_MAX		65536
#define PORTAL_HEAD_MAX		4	/* in front of data: kind, length */
#define PORTAL_TAIL		3	/* behind it: the counter */
/* Room for what is read from TCP, and for what goes around it. */
#define PORTAL_SCRATCH		(PORTAL_HEAD_MAX + PORTAL_DATA_MAX + PORTAL_TAIL)

enum portal_kind {
	PORTAL_PING		= 0,
	PORTAL_PONG		= 1,
	PORTAL_DISCONNECT	= 2,
	PORTAL_PAYLOAD		= 3,
};

/**
 * struct portal_msg - a message as read
 * @kind: what it is
 * @data: of a payload, in the message
 * @len: its bytes
 * @has_counter: @counter was there
 * @counter: number of the payload; of Disconnect: how many there were
 */
struct portal_msg {
	enum portal_kind kind;
	const uint8_t *data;
	size_t len;
	bool has_counter;
	uint16_t counter;
};

/**
 * portal_read() - read a message
 * @buf: the bytes
 * @len: how many
 * @msg: filled; its data lies in @buf
 *
 * What is behind a message is ignored, as Ockam does.
 *
 * Return: 0 or -EBADMSG.
 */
int portal_read(const uint8_t *buf, size_t len, struct portal_msg *msg);

/**
 * portal_wrap() - make a payload of data that lies in a buffer
 * @data: PORTAL_HEAD_MAX bytes in front of it and PORTAL_TAIL behind it are
 *	written to
 * @len: its bytes, at most PORTAL_DATA_MAX
 * @counter: number of the payload, NULL for none
 * @msg: set to where the message begins
 *
 * Return: its bytes.
 */
size_t portal_wrap(uint8_t *data, size_t len, const uint16_t *counter,
		   uint8_t **msg);

/**
 * struct portal_io - what a connection reads and writes through
 * @tcp_read: bytes, 0 at the end, or a negative errno
 * @tcp_write: bytes taken, or a negative errno
 * @send: 0, or a negative errno; a message goes as a whole or not at all
 *
 * None blocks: -EAGAIN.
 */
struct portal_io {
	ssize_t (*tcp_read)(void *ctx, void *buf, size_t size);
	ssize_t (*tcp_write)(void *ctx, const void *buf, size_t len);
	int (*send)(void *ctx, const void *buf, size_t len);
};

enum portal_state {
	PORTAL_NEW,	/* inlet: before Ping; outlet: TCP connects */
	PORTAL_WAIT,	/* inlet: for Pong */
	PORTAL_OPEN,
	PORTAL_LEAVING,	/* Disconnect and what TCP has not taken are on the way */
	PORTAL_OVER,	/* to be freed */
};

/* How it ended, for logs, and for what TCP is told. */
enum portal_end {
	PORTAL_NOT_YET,
	PORTAL_BY_PEER,		/* Disconnect */
	PORTAL_BY_TCP,		/* end of the stream */
	PORTAL_TCP_FAILED,	/* reset, not reachable, ... */
	PORTAL_GAP,		/* a payload is missing, by its counter */
	PORTAL_GARBAGE,		/* nothing that could be a message */
	PORTAL_LOST,		/* no way to the peer */
	PORTAL_STALLED,		/* TCP takes nothing */
	PORTAL_TIMEOUT,		/* no Pong */
	PORTAL_NO_MEMORY,
	PORTAL_STOPPED,		/* by whom it belongs to */
};

enum portal_want {
	PORTAL_WANT_TCP_IN	= 1 << 0,
	PORTAL_WANT_TCP_OUT	= 1 << 1,
	PORTAL_WANT_MSG_IN	= 1 << 2,
	PORTAL_WANT_MSG_OUT	= 1 << 3,
	/* portal_msg_out() after a pause: of a few ms, of a second. */
	PORTAL_WANT_SOON	= 1 << 4,
	PORTAL_WANT_LATER	= 1 << 5,
};

/**
 * struct portal - one connection
 * @io: where to read and write
 * @ctx: handed to @io
 * @scratch: PORTAL_SCRATCH bytes, may be shared by all connections of a thread
 * @inlet: this side accepted the connection
 * @counters: payloads are sent with counters
 * @doomed: it is over, but Pong may still come; the peer is told then
 * @counted: the peer has sent a counter
 * @torn: TCP did not get all that came
 * @state: where it is
 * @end: how it ended
 * @next_out: counter of the next payload
 * @next_in: the one expected
 * @hold: PORTAL_WANT_SOON, _LATER if sending failed in a way that nothing tells
 *	the end of; else 0
 * @owed: kind of a message yet to be sent, behind @out; -1 if none
 * @out: message that could not be sent yet, or NULL
 * @out_len: its bytes
 * @rest: what TCP has not taken yet, or NULL
 * @rest_len: its bytes
 * @rest_off: of them, those it has taken
 * @bytes_in: bytes that TCP took
 * @bytes_out: bytes that were sent to the peer
 *
 * All are to be read only.
 */
struct portal {
	const struct portal_io *io;
	void *ctx;
	uint8_t *scratch;
	bool inlet;
	bool counters;
	bool doomed;
	bool counted;
	bool torn;
	enum portal_state state;
	enum portal_end end;
	uint16_t next_out;
	uint16_t next_in;
	unsigned int hold;
	int owed;
	uint8_t *out;
	size_t out_len;
	uint8_t *rest;
	size_t rest_len;
	size_t rest_off;
	uint64_t bytes_in;
	uint64_t bytes_out;
};

void portal_init(struct portal *p, const struct portal_io *io, void *ctx,
		 uint8_t *scratch, bool inlet, bool counters);
void portal_clear(struct portal *p);

/* TCP is connected: an inlet sends Ping, an outlet Pong. */
void portal_start(struct portal *p);

/* A message from the peer; who else it could be from is the caller's matter. */
void portal_message(struct portal *p, const uint8_t *buf, size_t len);

/* There is something to read, room to write, room to send. */
void portal_tcp_in(struct portal *p);
void portal_tcp_out(struct portal *p);
void portal_msg_out(struct portal *p);

/*
 * It ends from here.  The peer is told, unless there is no way to it
 * (PORTAL_LOST), and TCP gets what has come so far unless portal_resets().  An inlet
 * that waits for Pong is doomed only: TCP is done with, but not the peer.
 */
void portal_finish(struct portal *p, enum portal_end end);

/* The end, at once; for what should be leaving and does not get on. */
void portal_abort(struct portal *p);

/* enum portal_want, or'ed. */
unsigned int portal_wants(const struct portal *p);

/* TCP is to see a reset, not an end: bytes are missing. */
bool portal_resets(const struct portal *p);

const char *portal_end_text(enum portal_end end);

#endif /* OCKAM_PORTAL_H */
