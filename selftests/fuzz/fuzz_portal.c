// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Fuzz target: a connection through a portal.  The input is what happens to it:
 * messages of a peer that says what it likes, and the answers of TCP and of the
 * way to the peer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "portal.h"

static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static ssize_t tcp_read(void *ctx, void *buf, size_t size)
{
	size_t n = next();

	(void)ctx;
	if (n == 255)
		return -ECONNRESET;
	if (n == 254)
		return -EAGAIN;
	n *= 190;
	if (n > size)
		abort();
	memset(buf, n, n);
	return n;
}

static ssize_t tcp_write(void *ctx, const void *buf, size_t len)
{
	size_t n = next();
	uint8_t *copy;

	(void)ctx;
	if (n == 255)
		return -EPIPE;
	if (n == 254)
		return -EAGAIN;
	/* All of it must be there to be read. */
	copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, buf, len);
	free(copy);
	return n > len ? len : n;
}

static int send_message(void *ctx, const void *buf, size_t len)
{
	struct portal_msg m;

	(void)ctx;
	if (portal_read(buf, len, &m))
		abort();
	switch (next()) {
	case 255:
		return -EHOSTUNREACH;
	case 254:
		return -EAGAIN;
	case 253:
		return -ENOBUFS;
	}
	return 0;
}

static void message(struct portal *p)
{
	static uint8_t buf[256];
	size_t n = next();
	uint8_t *copy;

	if (n > left)
		n = left;
	memcpy(buf, input, n);
	input += n;
	left -= n;
	copy = malloc(n ? n : 1);
	if (!copy)
		abort();
	memcpy(copy, buf, n);
	portal_message(p, copy, n);
	free(copy);
}

static void check(const struct portal *p)
{
	unsigned int want = portal_wants(p);

	if (p->rest && (p->rest_off > p->rest_len ||
			p->rest_len > PORTAL_MSG_MAX))
		abort();
	if (p->out && p->out_len > PORTAL_SCRATCH)
		abort();
	if (p->state == PORTAL_OVER && (p->rest || p->out || want))
		abort();
	if (p->state != PORTAL_OVER && p->state != PORTAL_NEW && !want)
		abort();
	if (want & PORTAL_WANT_MSG_IN && p->rest)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct portal_io io = {
		.tcp_read = tcp_read,
		.tcp_write = tcp_write,
		.send = send_message,
	};
	static uint8_t scratch[PORTAL_SCRATCH];
	struct portal_msg m;
	struct portal p;
	uint8_t how;

	input = data;
	left = size;
	portal_read(data, size, &m);
	if (m.data && (m.data < data || m.data + m.len > data + size))
		abort();
	how = next();
	portal_init(&p, &io, NULL, scratch, how & 1, how & 2);
	while (left) {
		switch (next() % 8) {
		case 0:
			portal_start(&p);
			break;
		case 1:
			portal_tcp_in(&p);
			break;
		case 2:
			portal_tcp_out(&p);
			break;
		case 3:
			portal_msg_out(&p);
			break;
		case 4:
			portal_finish(&p, PORTAL_BY_PEER + next() % 10);
			break;
		default:
			message(&p);
		}
		check(&p);
	}
	portal_clear(&p);
	return 0;
}
