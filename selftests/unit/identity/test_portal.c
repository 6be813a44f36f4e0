// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A connection through a portal: the bytes of its messages, then an inlet and an
 * outlet against each other, over TCP and messages that take and give little at a
 * time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "portal.h"
#include "tap.h"

#define BACKLOG		8	/* messages on the way */

/* ---- bytes ---- */

static void check_bad(const char *hex, const char *what)
{
	uint8_t buf[32];
	struct portal_msg m;

	OK(portal_read(buf, unhex(hex, buf, sizeof(buf)), &m) == -EBADMSG,
	   "refused: %s", what);
}

static void test_read(void)
{
	uint8_t buf[32];
	struct portal_msg m;
	size_t n;

	n = unhex("00", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.kind == PORTAL_PING, "Ping");
	n = unhex("01ff", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.kind == PORTAL_PONG,
	   "Pong, and something behind it");
	n = unhex("02", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.kind == PORTAL_DISCONNECT &&
	   !m.has_counter, "Disconnect");
	n = unhex("02013412", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.kind == PORTAL_DISCONNECT &&
	   m.has_counter && m.counter == 0x1234,
	   "Disconnect, and how many payloads came before");
	n = unhex("030568656c6c6f", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.kind == PORTAL_PAYLOAD &&
	   m.len == 5 && !memcmp(m.data, "hello", 5) && !m.has_counter,
	   "a payload");
	n = unhex("030568656c6c6f017b00", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.len == 5 && m.has_counter &&
	   m.counter == 123, "a payload with a counter");
	n = unhex("030568656c6c6f00ffff", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.len == 5 && !m.has_counter,
	   "a payload that says it has none");
	n = unhex("030568656c6c6f017b", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.len == 5 && !m.has_counter,
	   "half a counter is none");
	n = unhex("0300", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && !m.len && !m.has_counter,
	   "an empty payload");
	n = unhex("0382008888", buf, sizeof(buf));
	OK(!portal_read(buf, n, &m) && m.len == 2 && m.data[0] == 0x88,
	   "a length longer than it needs to be");
	check_bad("", "nothing");
	check_bad("04", "another kind");
	check_bad("03", "no length");
	check_bad("0380", "half a length");
	check_bad("0305686560", "fewer bytes than it says");
	check_bad("03ffffffffffffffffff01", "more bytes than there are");
	check_bad("03ffffffffffffffffff02", "a length of 65 bits");
	check_bad("0380808080808080808080808001", "a length without an end");
}

static void test_wrap(void)
{
	static uint8_t buf[PORTAL_SCRATCH];
	static const size_t sizes[] = { 0, 1, 127, 128, 16383, 16384,
					PORTAL_DATA_MAX };
	const uint16_t counter = 0xabcd;
	struct portal_msg m;
	bool good = true;
	uint8_t *msg;
	size_t i, n;

	memcpy(buf + PORTAL_HEAD_MAX, "hello", 5);
	n = portal_wrap(buf + PORTAL_HEAD_MAX, 5, NULL, &msg);
	OK(n == 7 && hex_is(msg, n, "030568656c6c6f"), "a payload's bytes");
	n = portal_wrap(buf + PORTAL_HEAD_MAX, 5, &(uint16_t){ 123 }, &msg);
	OK(n == 10 && hex_is(msg, n, "030568656c6c6f017b00"),
	   "and with a counter");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(buf, i, sizeof(buf));
		n = portal_wrap(buf + PORTAL_HEAD_MAX, sizes[i], &counter,
				&msg);
		good = good && msg >= buf && msg + n <= buf + sizeof(buf) &&
		       !portal_read(msg, n, &m) && m.len == sizes[i] &&
		       m.data == buf + PORTAL_HEAD_MAX && m.has_counter &&
		       m.counter == counter;
	}
	OK(good, "all sizes come back, and stay inside the buffer");
}

/* ---- two ends ---- */

/**
 * struct side - one end: a program, TCP, a portal, and what is on its way to it
 * @p: the portal
 * @to: the other side
 * @message: to this side
 * @len: their bytes
 * @n: their number
 * @give: bytes the program has to send
 * @given: of them, those TCP was asked for
 * @closed: the program has closed, after @give
 * @reset: it has reset the connection
 * @got: bytes the program got
 * @deaf: the program takes nothing
 * @cut: no message gets away any more
 * @full: nor now, and nothing tells when one does
 * @sum: over @got
 * @n_sent: messages of each kind that this side sent
 */
struct side {
	struct portal p;
	struct side *to;
	uint8_t *message[BACKLOG];
	size_t len[BACKLOG];
	unsigned int n;
	size_t give, given;
	bool closed, reset;
	size_t got;
	bool deaf, cut, full, good;
	uint8_t seed;
	unsigned int n_sent[4];
	size_t most_rest, most_out;
};

static uint8_t scratch[PORTAL_SCRATCH];
static struct side in, out;
static bool smooth;	/* nothing is ever busy */

static bool busy(void)
{
	return !smooth && tap_random() % 3 == 0;
}

static uint8_t byte_at(uint8_t seed, size_t i)
{
	return seed + i * 7 + (i >> 8) + (i >> 16) * 3;
}

static ssize_t tcp_read(void *ctx, void *buf, size_t size)
{
	struct side *s = ctx;
	uint8_t *b = buf;
	size_t n, i;

	if (s->reset)
		return -ECONNRESET;
	n = s->give - s->given;
	if (!n)
		return s->closed ? 0 : -EAGAIN;
	if (busy())
		return -EAGAIN;
	if (n > size)
		n = size;
	if (!smooth)
		n = 1 + tap_random() % n;
	for (i = 0; i < n; i++)
		b[i] = byte_at(s->seed, s->given + i);
	s->given += n;
	return n;
}

static ssize_t tcp_write(void *ctx, const void *buf, size_t len)
{
	struct side *s = ctx;
	const uint8_t *b = buf;
	size_t i;

	if (s->reset)
		return -EPIPE;
	if (s->deaf || busy())
		return -EAGAIN;
	if (!smooth)
		len = 1 + tap_random() % len;
	for (i = 0; i < len; i++)
		if (b[i] != byte_at(s->to->seed, s->got + i))
			s->good = false;
	s->got += len;
	return len;
}

static int send_message(void *ctx, const void *buf, size_t len)
{
	struct side *s = ctx, *to = s->to;

	if (s->cut)
		return -EHOSTUNREACH;
	if (s->full)
		return -ENOBUFS;
	if (to->n == BACKLOG || busy())
		return -EAGAIN;
	MUST(len && len <= PORTAL_MSG_MAX && *(const uint8_t *)buf < 4);
	s->n_sent[*(const uint8_t *)buf]++;
	to->message[to->n] = malloc(len);
	MUST(to->message[to->n]);
	memcpy(to->message[to->n], buf, len);
	to->len[to->n++] = len;
	return 0;
}

static const struct portal_io io = {
	.tcp_read = tcp_read,
	.tcp_write = tcp_write,
	.send = send_message,
};

static void drop_first(struct side *s)
{
	free(s->message[0]);
	s->n--;
	memmove(s->message, s->message + 1, s->n * sizeof(s->message[0]));
	memmove(s->len, s->len + 1, s->n * sizeof(s->len[0]));
}

/* No more messages to it for now. */
static void fill(struct side *s)
{
	while (s->n < BACKLOG) {
		s->message[s->n] = calloc(1, 1);
		MUST(s->message[s->n]);
		s->len[s->n++] = 1;
	}
}

static void clear(struct side *s)
{
	while (s->n)
		drop_first(s);
	portal_clear(&s->p);
	memset(s, 0, sizeof(*s));
	s->good = true;
}

static void set_up(bool counters)
{
	clear(&in);
	clear(&out);
	in.to = &out;
	out.to = &in;
	in.seed = tap_random();
	out.seed = tap_random();
	portal_init(&in.p, &io, &in, scratch, true, counters);
	portal_init(&out.p, &io, &out, scratch, false, counters);
	portal_start(&in.p);
}

/* One round of an event loop. */
static void step(struct side *s)
{
	unsigned int want;

	/* The outlet's target answers when Ping has come. */
	if (s == &out && s->p.state == PORTAL_NEW) {
		if (!s->n)
			return;
		MUST(s->len[0] == 1 && s->message[0][0] == PORTAL_PING);
		drop_first(s);
		portal_start(&s->p);
	}
	want = portal_wants(&s->p);
	if (want & PORTAL_WANT_MSG_IN && s->n) {
		portal_message(&s->p, s->message[0], s->len[0]);
		drop_first(s);
	}
	want = portal_wants(&s->p);
	if (want & PORTAL_WANT_TCP_IN)
		portal_tcp_in(&s->p);
	want = portal_wants(&s->p);
	if (want & PORTAL_WANT_TCP_OUT)
		portal_tcp_out(&s->p);
	want = portal_wants(&s->p);
	if (want & (PORTAL_WANT_MSG_OUT | PORTAL_WANT_SOON |
		    PORTAL_WANT_LATER))
		portal_msg_out(&s->p);
	if (s->p.rest && s->p.rest_len > s->most_rest)
		s->most_rest = s->p.rest_len;
	if (s->p.out && s->p.out_len > s->most_out)
		s->most_out = s->p.out_len;
}

static void run(unsigned int rounds)
{
	while (rounds--) {
		step(&in);
		step(&out);
	}
}

static void open_both(bool counters)
{
	set_up(counters);
	run(100);
	MUST(in.p.state == PORTAL_OPEN && out.p.state == PORTAL_OPEN);
}

static bool both_over(void)
{
	return in.p.state == PORTAL_OVER && out.p.state == PORTAL_OVER &&
	       !in.p.rest && !in.p.out && !out.p.rest && !out.p.out;
}

static void test_open(void)
{
	smooth = true;
	set_up(true);
	OK(in.p.state == PORTAL_WAIT && in.n_sent[PORTAL_PING] == 1,
	   "an inlet begins with Ping");
	in.give = 5;
	OK(portal_wants(&in.p) == PORTAL_WANT_MSG_IN,
	   "and reads nothing before Pong");
	portal_message(&in.p, (const uint8_t *)"\3\1x", 3);
	OK(in.p.state == PORTAL_WAIT && !in.got, "data before Pong is nothing");
	portal_message(&in.p, (const uint8_t *)"\7", 1);
	OK(in.p.state == PORTAL_WAIT, "nor is garbage");
	run(3);
	OK(in.p.state == PORTAL_OPEN && out.p.state == PORTAL_OPEN &&
	   out.n_sent[PORTAL_PONG] == 1 && out.got == 5 && out.good,
	   "Pong opens it");
	portal_message(&in.p, (const uint8_t *)"\0", 1);
	portal_message(&in.p, (const uint8_t *)"\1", 1);
	OK(in.p.state == PORTAL_OPEN, "Ping and Pong mean nothing later");
	in.closed = true;
	run(3);
	OK(both_over() && in.p.end == PORTAL_BY_TCP &&
	   out.p.end == PORTAL_BY_PEER && in.n_sent[PORTAL_DISCONNECT] == 1 &&
	   !out.n_sent[PORTAL_DISCONNECT] && !portal_resets(&in.p) &&
	   !portal_resets(&out.p), "the end of one stream closes both");
}

static void test_ends(void)
{
	const uint8_t second[] = { 3, 1, 'x', 1, 1, 0 };
	const uint8_t first[] = { 3, 1, 'x', 1, 0, 0 };
	const uint8_t none[] = { 3, 1, 'x' };
	const uint8_t garbage[] = { 9 };

	smooth = true;
	open_both(true);
	out.reset = true;
	run(3);
	OK(both_over() && out.p.end == PORTAL_TCP_FAILED &&
	   in.p.end == PORTAL_BY_PEER && portal_resets(&out.p),
	   "a reset of one closes the other");

	open_both(true);
	portal_message(&in.p, second, sizeof(second));
	OK(in.p.end == PORTAL_GAP && !in.got && portal_resets(&in.p) &&
	   in.n_sent[PORTAL_DISCONNECT] == 1,
	   "a gap in the counters: no byte of it, a reset, Disconnect");

	open_both(true);
	portal_message(&in.p, none, sizeof(none));
	in.seed = 0;
	OK(in.p.state == PORTAL_OPEN && in.got == 1,
	   "a peer that sends none is believed");

	open_both(true);
	in.seed = out.seed = 'x';
	portal_message(&in.p, first, sizeof(first));
	portal_message(&in.p, none, sizeof(none));
	OK(in.p.end == PORTAL_GAP && in.got == 1 && portal_resets(&in.p),
	   "who has sent counters sends them all");

	open_both(true);
	in.give = 3;
	run(2);
	MUST(out.got == 3 && !out.n);
	in.closed = true;
	in.give = 6;
	while (in.p.state == PORTAL_OPEN)
		step(&in);
	MUST(out.n == 2);
	drop_first(&out);
	run(3);
	OK(out.p.state == PORTAL_OVER && portal_resets(&out.p) &&
	   out.p.end == PORTAL_GAP && out.got == 3 && out.good &&
	   !out.n_sent[PORTAL_DISCONNECT],
	   "an end that comes without the last payload is a reset");

	open_both(false);
	in.closed = true;
	run(3);
	OK(both_over() && !portal_resets(&out.p),
	   "without counters nobody knows");

	open_both(true);
	portal_message(&out.p, garbage, sizeof(garbage));
	OK(out.p.end == PORTAL_GARBAGE && portal_resets(&out.p),
	   "garbage on an open one ends it");

	open_both(true);
	in.cut = true;
	in.give = 3;
	run(3);
	OK(in.p.state == PORTAL_LEAVING && in.p.end == PORTAL_LOST &&
	   portal_resets(&in.p) && portal_wants(&in.p) == PORTAL_WANT_LATER,
	   "no way to the peer: it ends, with a reset");
	in.cut = false;
	run(3);
	OK(both_over() && in.n_sent[PORTAL_DISCONNECT] == 1 && !out.got &&
	   portal_resets(&out.p),
	   "the peer is told when there is one again, and resets, too");

	open_both(true);
	in.full = true;
	in.give = 3;
	run(3);
	OK(in.p.state == PORTAL_OPEN &&
	   portal_wants(&in.p) == (PORTAL_WANT_SOON | PORTAL_WANT_MSG_IN),
	   "no room, and nobody tells of it: after a pause");
	in.full = false;
	run(3);
	OK(out.got == 3 && out.good && !in.p.hold, "then it goes on");

	set_up(true);
	in.cut = true;
	portal_finish(&in.p, PORTAL_STOPPED);
	OK(in.p.state == PORTAL_OVER && !in.n_sent[PORTAL_DISCONNECT],
	   "nobody is told when no Pong came");

	set_up(true);
	portal_finish(&in.p, PORTAL_TIMEOUT);
	OK(in.p.doomed && portal_resets(&in.p) &&
	   portal_wants(&in.p) == PORTAL_WANT_MSG_IN,
	   "a Pong that did not come in time is waited for");
	run(4);
	OK(both_over() && in.n_sent[PORTAL_DISCONNECT] == 1 &&
	   in.p.end == PORTAL_TIMEOUT, "whom it comes from is told");

	set_up(true);
	portal_finish(&in.p, PORTAL_TCP_FAILED);
	OK(in.p.state == PORTAL_WAIT, "a client that leaves early");
	run(4);
	OK(both_over() && in.n_sent[PORTAL_DISCONNECT] == 1 &&
	   in.p.end == PORTAL_TCP_FAILED, "ends the outlet's side, too");

	set_up(true);
	portal_finish(&out.p, PORTAL_TCP_FAILED);
	drop_first(&out);
	run(3);
	OK(both_over() && out.n_sent[PORTAL_PONG] == 1 &&
	   out.n_sent[PORTAL_DISCONNECT] == 1 && in.p.end == PORTAL_BY_PEER,
	   "a target that is not there: Pong, and Disconnect");

	set_up(true);
	drop_first(&out);
	fill(&in);
	portal_start(&out.p);
	OK(out.p.state == PORTAL_OPEN && !out.n_sent[PORTAL_PONG],
	   "Pong has to wait");
	portal_finish(&out.p, PORTAL_TCP_FAILED);
	OK(out.p.state == PORTAL_LEAVING &&
	   portal_wants(&out.p) == PORTAL_WANT_MSG_OUT, "the target resets");
	drop_first(&in);
	portal_msg_out(&out.p);
	OK(out.p.state == PORTAL_LEAVING && out.n_sent[PORTAL_PONG] == 1 &&
	   !out.n_sent[PORTAL_DISCONNECT], "Pong goes first");
	drop_first(&in);
	portal_msg_out(&out.p);
	OK(out.p.state == PORTAL_OVER && out.n_sent[PORTAL_PONG] == 1 &&
	   out.n_sent[PORTAL_DISCONNECT] == 1, "and then Disconnect");
}

static void test_stall(void)
{
	unsigned int i;

	smooth = true;
	open_both(true);
	out.deaf = true;
	in.give = 8 << 20;
	run(1000);
	OK(out.n == BACKLOG && !(portal_wants(&out.p) & PORTAL_WANT_MSG_IN) &&
	   !(portal_wants(&in.p) & PORTAL_WANT_TCP_IN),
	   "a program that reads nothing stops the other one");
	OK(in.given <= (BACKLOG + 2) * PORTAL_DATA_MAX &&
	   in.most_out <= PORTAL_SCRATCH && out.most_rest <= PORTAL_DATA_MAX,
	   "one message is held at each end (%zu, %zu)", in.most_out,
	   out.most_rest);
	out.deaf = false;
	for (i = 0; i < 100 && out.got < in.give; i++)
		run(100);
	OK(out.got == in.give && out.good, "then all of it comes");

	open_both(true);
	out.deaf = true;
	in.give = 8 << 20;
	run(1000);
	portal_finish(&out.p, PORTAL_STALLED);
	run(10);
	OK(out.p.state == PORTAL_OVER && portal_resets(&out.p) &&
	   in.p.state == PORTAL_OVER && in.p.end == PORTAL_BY_PEER,
	   "or it is ended");
}

/* More payloads than the counter has values. */
static void test_wrap_around(void)
{
	unsigned int i;

	smooth = true;
	open_both(true);
	for (i = 0; i < 70000; i++) {
		in.give++;
		run(1);
	}
	run(2);
	OK(out.got == 70000 && out.good && out.p.state == PORTAL_OPEN &&
	   in.n_sent[PORTAL_PAYLOAD] == 70000,
	   "the counter goes on from 65535 to 0");
}

static void random_one(bool counters, bool *good)
{
	struct side *first = tap_random() & 1 ? &in : &out;
	size_t most = 1 + tap_random() % (1 << 18);
	unsigned int i;

	set_up(counters);
	in.give = tap_random() % most;
	out.give = tap_random() % most;
	for (i = 0; i < 20000; i++) {
		run(1);
		if (tap_random() % 50 == 0)
			first->deaf = !first->deaf;
		if (out.got == in.give && in.got == out.give &&
		    out.p.state == PORTAL_OPEN)
			break;
	}
	first->deaf = false;
	first->closed = true;
	run(200);
	if (!both_over() || !in.good || !out.good || out.got != in.give ||
	    in.got != out.give || in.n_sent[PORTAL_PING] != 1 ||
	    out.n_sent[PORTAL_PONG] != 1 ||
	    first->n_sent[PORTAL_DISCONNECT] != 1)
		*good = false;
}

static void test_random(void)
{
	bool good = true;
	unsigned int i;

	smooth = false;
	for (i = 0; i < 30; i++)
		random_one(i & 1, &good);
	OK(good, "30 connections, both ways at once: every byte, once");
}

/* An end at any time: both are over, and nothing is left. */
static void test_random_ends(void)
{
	bool good = true;
	unsigned int i;

	smooth = false;
	for (i = 0; i < 500; i++) {
		set_up(true);
		in.give = out.give = 1 << 20;
		run(tap_random() % 60);
		switch (tap_random() % 4) {
		case 0:
			in.reset = true;
			portal_finish(&in.p, PORTAL_TCP_FAILED);
			break;
		case 1:
			out.reset = true;
			portal_finish(&out.p, PORTAL_TCP_FAILED);
			break;
		case 2:
			in.closed = true;
			in.give = in.given;
			break;
		default:
			portal_finish(&out.p, PORTAL_STOPPED);
		}
		run(400);
		/* Without Ping there is no other side. */
		if (in.n_sent[PORTAL_PING] ? !both_over() :
					     in.p.state != PORTAL_OVER)
			good = false;
		if (!in.good || !out.good)
			good = false;
	}
	OK(good, "500 ends at any time end both sides");
}

int main(void)
{
	tap_seed();
	test_read();
	test_wrap();
	test_open();
	test_ends();
	test_stall();
	test_wrap_around();
	test_random();
	test_random_ends();
	clear(&in);
	clear(&out);
	return tap_done();
}
