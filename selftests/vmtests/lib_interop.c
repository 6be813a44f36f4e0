// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of the interop tests, no test itself:
 *
 *	lib_interop echo ADDRESS [SCOPE]	sends back what it gets, of any size
 *	lib_interop burst ROUTE COUNT MAX SEED WINDOW
 *						sends messages of 0 to MAX bytes,
 *						WINDOW ahead of the answers, and
 *						compares them byte by byte
 *
 * SCOPE is links, channels or both.  The Rust peer has the same two.
 */
#include <errno.h>
#include <poll.h>
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
	if (r % 64 == 0)
		return r / 64 % (max + 1);
	return r / 64 % ((max < 2000 ? max : 2000) + 1);
}

/* The buffer has room for 8 bytes more. */
static size_t make(uint64_t *state, unsigned long n, size_t max, char *buf)
{
	size_t len = length(state, n, max), at;
	uint64_t r;

	for (at = 0; at < len; at += sizeof(r)) {
		r = next(state);
		memcpy(buf + at, &r, sizeof(r));
	}
	return len;
}

static int burst(const char *route, char **arg)
{
	unsigned long count = strtoul(arg[0], NULL, 10), sent = 0, n;
	size_t max = strtoul(arg[1], NULL, 10), len;
	uint64_t ours = strtoul(arg[2], NULL, 10) | 1, theirs = ours;
	unsigned long window = strtoul(arg[3], NULL, 10);
	struct pollfd pfd = { .events = POLLIN };
	char *want = malloc(max + 8), *got = malloc(MOST);
	unsigned long long total = 0;
	struct ockam_path path;
	ssize_t got_len;

	pfd.fd = ockam_socket();
	if (!want || !got || pfd.fd < 0 || ockam_path_parse(&path, route))
		return die("burst");
	for (n = 0; n < count; n++) {
		for (; sent < count && sent < n + window; sent++) {
			len = make(&ours, sent, max, want);
			if (ockam_send_path(pfd.fd, &path, want, len) < 0) {
				fprintf(stderr, "message %lu of %zu bytes: ", sent, len);
				return die("burst");
			}
		}
		len = make(&theirs, n, max, want);
		if (poll(&pfd, 1, PATIENCE_MS) != 1) {
			fprintf(stderr, "no answer to message %lu of %zu bytes\n", n, len);
			return 1;
		}
		got_len = ockam_recv(pfd.fd, got, MOST, NULL, 0);
		if (got_len < 0)
			return die("burst");
		if ((size_t)got_len != len || memcmp(got, want, len)) {
			fprintf(stderr, "message %lu: %zd bytes for %zu, or others\n",
				n, got_len, len);
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
	if (argc == 7 && !strcmp(argv[1], "burst"))
		return burst(argv[2], argv + 3);
	fprintf(stderr, "usage: lib_interop echo|burst ...\n");
	return 2;
}
