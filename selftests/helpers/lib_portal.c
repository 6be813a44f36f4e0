// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: programs at both ends of a portal.
 *
 * TCP:
 *	lib_portal echo PORT		a server; says how each connection ended
 *	lib_portal source PORT BYTES	one that sends so much, then closes
 *	lib_portal slam PORT		one that resets after the first bytes
 *	lib_portal run PORT BYTES N	N connections at once to an echo server,
 *					BYTES each, all looked at
 *	lib_portal reset PORT		sends five bytes, resets after their echo
 *	lib_portal late PORT BYTES MS	reads from a source after a pause, looks
 *					that all comes, and then the end
 *	lib_portal talk PORT BYTES MS	likewise, and sends a little before it reads
 *	lib_portal hold PORT N		N connections, until it is killed
 *
 * AF_OCKAM:
 *	lib_portal ping ROUTE N MS	sends Ping N times; says what came back
 *					until nothing comes for MS
 *	lib_portal say ROUTE HEX	sends these bytes, waits for nothing
 *	lib_portal mark ROUTE HEX	likewise, with a return route of its own
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ockam/ockam.h>

#define PATTERN		65521
#define CHUNK		65536
#define PATIENCE_MS	60000

static uint8_t pattern[2 * PATTERN + CHUNK];

static void make_pattern(void)
{
	uint32_t x = 12345;
	size_t i;

	for (i = 0; i < PATTERN; i++) {
		x = x * 1664525 + 1013904223;
		pattern[i] = x >> 24;
	}
	for (; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PATTERN];
}

/* What connection @k has at @off; CHUNK bytes may be read. */
static const uint8_t *at(unsigned int k, size_t off)
{
	return pattern + (off + k * 977) % PATTERN;
}

static int die(const char *what)
{
	fprintf(stderr, "lib_portal: %s: %s\n", what, strerror(errno));
	return 1;
}

static void address(struct sockaddr_in *in, const char *port)
{
	*in = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int dial(const char *port)
{
	struct sockaddr_in in;
	int fd;

	address(&in, port);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (void *)&in, sizeof(in))) {
		die("connect");
		exit(1);
	}
	return fd;
}

static void reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* ---- servers: a process for each connection ---- */

static bool write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= n) {
		n = send(fd, buf, len, MSG_NOSIGNAL);
		if (n < 0)
			return false;
	}
	return true;
}

static void echo(int fd)
{
	static uint8_t buf[CHUNK];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		sum += n;
		if (!write_all(fd, buf, n)) {
			n = -1;
			break;
		}
	}
	printf("%s after %zu\n", n ? "reset" : "end", sum);
}

static void source(int fd, size_t bytes)
{
	size_t sum = 0, n;

	for (; sum < bytes; sum += n) {
		n = bytes - sum < CHUNK ? bytes - sum : CHUNK;
		if (!write_all(fd, at(0, sum), n)) {
			printf("reset after %zu\n", sum);
			return;
		}
	}
	printf("sent %zu\n", sum);
}

static void slam(int fd)
{
	uint8_t byte;

	if (recv(fd, &byte, 1, 0) == 1)
		printf("slammed\n");
	reset(fd);
}

static int serve(const char *port, const char *bytes, bool slams)
{
	const int on = 1;
	struct sockaddr_in in;
	int fd, c;

	address(&in, port);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (void *)&in, sizeof(in)) || listen(fd, 256))
		return die("listen");
	signal(SIGCHLD, SIG_IGN);
	printf("ready\n");
	fflush(stdout);
	while ((c = accept(fd, NULL, NULL)) >= 0) {
		printf("accepted\n");
		fflush(stdout);
		if (!fork()) {
			close(fd);
			if (slams)
				slam(c);
			else if (bytes)
				source(c, strtoul(bytes, NULL, 10));
			else
				echo(c);
			fflush(stdout);
			_exit(0);
		}
		close(c);
	}
	return die("accept");
}

/* ---- clients ---- */

struct conn {
	size_t sent, got;
};

static bool more(struct conn *c, unsigned int k, struct pollfd *p,
		 size_t bytes)
{
	static uint8_t buf[CHUNK];
	ssize_t n;

	if (p->revents & POLLOUT && c->sent < bytes) {
		n = bytes - c->sent < CHUNK ? bytes - c->sent : CHUNK;
		n = send(p->fd, at(k, c->sent), n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			die("send");
			return false;
		}
		c->sent += n > 0 ? n : 0;
	}
	if (p->revents & (POLLIN | POLLHUP | POLLERR)) {
		n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0 || c->got + n > bytes ||
		    memcmp(buf, at(k, c->got), n)) {
			fprintf(stderr, "lib_portal: connection %u after %zu: %s\n",
				k, c->got, n < 0 ? strerror(errno) :
				n ? "other bytes" : "the end");
			return false;
		}
		c->got += n;
	}
	p->events = (c->got < bytes ? POLLIN : 0) |
		    (c->sent < bytes ? POLLOUT : 0);
	if (!p->events) {
		close(p->fd);
		p->fd = -1;
	}
	return true;
}

static int run(const char *port, size_t bytes, unsigned int n)
{
	struct conn *conn = calloc(n, sizeof(*conn));
	struct pollfd *p = calloc(n, sizeof(*p));
	unsigned int i, left = n;

	if (!conn || !p)
		return die("memory");
	for (i = 0; i < n; i++) {
		p[i].fd = dial(port);
		p[i].events = POLLIN | POLLOUT;
	}
	while (left) {
		if (poll(p, n, PATIENCE_MS) <= 0) {
			fprintf(stderr, "lib_portal: nothing happens, %u of %u are not done, the first has %zu of %zu\n",
				left, n, conn[0].got, bytes);
			return 1;
		}
		for (i = 0; i < n; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			if (!more(&conn[i], i, &p[i], bytes))
				return 1;
			left -= p[i].fd < 0;
		}
	}
	printf("%zu bytes each way, %u times\n", bytes, n);
	return 0;
}

static int reset_after_echo(const char *port)
{
	char buf[8];
	int fd = dial(port);

	if (send(fd, "hello", 5, 0) != 5 ||
	    recv(fd, buf, 5, MSG_WAITALL) != 5)
		return die("echo");
	reset(fd);
	return 0;
}

static int late(const char *port, size_t bytes, unsigned int ms, bool talk)
{
	static uint8_t buf[CHUNK];
	int fd = dial(port);
	size_t got = 0;
	ssize_t n;

	usleep(ms * 1000);
	if (talk && send(fd, "hello", 5, MSG_NOSIGNAL) != 5)
		return die("send");
	if (talk)
		usleep(ms * 1000);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (got + n > bytes || memcmp(buf, at(0, got), n)) {
			fprintf(stderr, "lib_portal: other bytes after %zu\n",
				got);
			return 1;
		}
		got += n;
	}
	printf("%s after %zu\n", n ? strerror(errno) : "end", got);
	return n || got != bytes;
}

static int hold(const char *port, unsigned int n)
{
	while (n--)
		dial(port);
	printf("held\n");
	fflush(stdout);
	pause();
	return 0;
}

/* ---- AF_OCKAM ---- */

static int fail(const char *what)
{
	fprintf(stderr, "lib_portal: %s: %s\n", what, ockam_error());
	return 1;
}

static int ping(const char *route, unsigned int n, int ms)
{
	static struct ockam_info info;
	static char text[65536];
	struct pollfd p;
	uint8_t buf[16];
	ssize_t len;

	p.events = POLLIN;
	p.fd = ockam_socket();
	if (p.fd < 0 || ockam_bind(p.fd, NULL) ||
	    ockam_accept(p.fd, OCKAM_ACCEPT_CHANNELS, NULL, 0) ||
	    ockam_want(p.fd, 1U << OCKAM_RECV_RETURN))
		return fail("socket");
	while (n--)
		if (ockam_send(p.fd, route, "", 1) < 0)
			return fail("ping");
	while (poll(&p, 1, ms) > 0) {
		len = ockam_recv(p.fd, buf, sizeof(buf), &info, 0);
		if (len < 1 ||
		    ockam_path_print(&info.ret, text, sizeof(text)) < 0)
			return fail("answer");
		printf("kind %u from %s\n", buf[0], text);
	}
	return 0;
}

static int say(const char *route, const char *hex, bool mark)
{
	struct ockam_path path, ret;
	uint8_t buf[256];
	unsigned int b;
	size_t n = 0;
	int fd;

	for (; sscanf(hex, "%2x", &b) == 1 && n < sizeof(buf); hex += 2)
		buf[n++] = b;
	fd = ockam_socket();
	if (fd < 0 || ockam_path_parse(&path, route) ||
	    ockam_path_parse(&ret, "hq => somebody"))
		return fail("socket");
	if (mark ? ockam_send_as(fd, &path, &ret, buf, n) < 0 :
		   ockam_send_path(fd, &path, buf, n) < 0)
		return fail("say");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	make_pattern();
	if (!strcmp(what, "echo") && argc == 3)
		return serve(argv[2], NULL, false);
	if (!strcmp(what, "slam") && argc == 3)
		return serve(argv[2], NULL, true);
	if (!strcmp(what, "source") && argc == 4)
		return serve(argv[2], argv[3], false);
	if (!strcmp(what, "run") && argc == 5)
		return run(argv[2], strtoul(argv[3], NULL, 10), atoi(argv[4]));
	if (!strcmp(what, "reset") && argc == 3)
		return reset_after_echo(argv[2]);
	if (!strcmp(what, "late") && argc == 5)
		return late(argv[2], strtoul(argv[3], NULL, 10), atoi(argv[4]),
			    false);
	if (!strcmp(what, "talk") && argc == 5)
		return late(argv[2], strtoul(argv[3], NULL, 10), atoi(argv[4]),
			    true);
	if (!strcmp(what, "hold") && argc == 4)
		return hold(argv[2], atoi(argv[3]));
	if (!strcmp(what, "ping") && argc == 5)
		return ping(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (!strcmp(what, "say") && argc == 4)
		return say(argv[2], argv[3], false);
	if (!strcmp(what, "mark") && argc == 4)
		return say(argv[2], argv[3], true);
	fprintf(stderr, "usage: see the source\n");
	return 2;
}
