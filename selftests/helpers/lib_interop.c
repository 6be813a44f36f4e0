// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of the interop tests, no test itself:
 *
 *	lib_interop echo ADDRESS [SCOPE]	sends back what it gets, of any size
 *	lib_interop burst ROUTE COUNT MAX SEED WINDOW [any-order]
 *						sends messages of 0 to MAX bytes,
 *						WINDOW ahead of the answers, and
 *						compares them byte by byte
 *
 * SCOPE is links, channels or both.  The Rust peer has the same two.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ockam/ockam.h>

#define PATIENCE_MS	60000	/* for one answer */
#define MOST		(16 << 20)

static int die(const char *what)
{
	fprintf(stderr, "lib_interop: %s: %s\n", what, ockam_error());
	return 1;
}

static int echo(const char *address, const char *scope)
{
	static struct ockam_info info;
	char *buf = malloc(MOST);
	unsigned int bits = 0;
	ssize_t n;
	int fd;

	if (!strcmp(scope, "channels") || !strcmp(scope, "both"))
		bits |= OCKAM_ACCEPT_CHANNELS;
	if (!strcmp(scope, "links") || !strcmp(scope, "both"))
		bits |= OCKAM_ACCEPT_LINKS;
	fd = ockam_socket();
	if (!buf || fd < 0 || ockam_accept(fd, bits, NULL, 0) ||
	    ockam_bind(fd, address))
		return die("echo");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = ockam_recv(fd, buf, MOST, &info, 0);
		if (n < 0)
			return die("echo");
		if (ockam_reply(fd, &info, buf, n) < 0)
			die("reply");
	}
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Small ones mostly, and both ends of the range. */
static size_t length(uint64_t *state, unsigned long n, size_t max)
{
	uint64_t r = next(state);

	if (n < 3)
		return n == 0 ? 0 : n == 1 ? max : 1;
	if (r % 256 == 0)
		return r / 256 % (max + 1);
	return r / 256 % ((max < 2000 ? max : 2000) + 1);
}

/* One that waits for its answer. */
struct message {
	char *data;
	size_t len;
};

static bool make(uint64_t *state, unsigned long n, size_t max,
		 struct message *m)
{
	uint64_t r;
	size_t at;

	m->len = length(state, n, max);
	m->data = malloc(m->len + sizeof(r));
	if (!m->data)
		return false;
	for (at = 0; at < m->len; at += sizeof(r)) {
		r = next(state);
		memcpy(m->data + at, &r, sizeof(r));
	}
	return true;
}

/* The first, or any, of @n that is this; it is taken out. */
static bool answers(struct message *m, unsigned int *n, bool any_order,
		    const char *got, size_t len)
{
	unsigned int i, most = any_order ? *n : 1;

	for (i = 0; i < most; i++) {
		if (m[i].len != len || memcmp(m[i].data, got, len))
			continue;
		free(m[i].data);
		(*n)--;
		memmove(m + i, m + i + 1, (*n - i) * sizeof(*m));
		return true;
	}
	return false;
}

static int burst(const char *route, char **arg, bool any_order)
{
	unsigned long count = strtoul(arg[0], NULL, 10), sent = 0, n;
	size_t max = strtoul(arg[1], NULL, 10);
	uint64_t state = strtoul(arg[2], NULL, 10) | 1;
	unsigned int window = strtoul(arg[3], NULL, 10), waiting = 0;
	struct message *m = calloc(window, sizeof(*m));
	struct pollfd pfd = { .events = POLLIN };
	char *got = malloc(MOST);
	unsigned long long total = 0;
	struct ockam_path path;
	ssize_t len;

	pfd.fd = ockam_socket();
	if (!m || !got || pfd.fd < 0 || ockam_path_parse(&path, route))
		return die("burst");
	for (n = 0; n < count; n++) {
		for (; sent < count && waiting < window; sent++) {
			if (!make(&state, sent, max, &m[waiting]))
				return die("memory");
			len = m[waiting].len;
			if (ockam_send_path(pfd.fd, &path, m[waiting++].data,
					    len) < 0) {
				fprintf(stderr, "message %lu of %zd bytes: ",
					sent, len);
				return die("burst");
			}
		}
		if (poll(&pfd, 1, PATIENCE_MS) != 1) {
			fprintf(stderr, "no answer to message %lu of %zu bytes\n",
				n, m[0].len);
			return 1;
		}
		len = ockam_recv(pfd.fd, got, MOST, NULL, 0);
		if (len < 0)
			return die("burst");
		if (!answers(m, &waiting, any_order, got, len)) {
			fprintf(stderr, "message %lu: %zd bytes for %zu, or others\n",
				n, len, m[0].len);
			return 1;
		}
		total += len;
	}
	printf("%lu %llu\n", count, total);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "echo"))
		return echo(argv[2], argc > 3 ? argv[3] : "both");
	if ((argc == 7 || argc == 8) && !strcmp(argv[1], "burst"))
		return burst(argv[2], argv + 3, argc == 8);
	fprintf(stderr, "usage: lib_interop echo|burst ...\n");
	return 2;
}
