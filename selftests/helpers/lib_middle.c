// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: a relay in the middle of TCP links,
 * that keeps every frame and sends it again.
 *
 *	lib_middle IP:PORT TARGET-IP:PORT
 *
 * Connections are numbered as they come, from 0.  Commands come on standard
 * input; each is answered by a line.
 *
 *	open		another connection to the target, without a client
 *	freeze		keep no more frames
 *	there N		all that clients sent, once more to N's target
 *	back N		all that targets sent, once more to N's client
 *	turned N	all that clients sent, to N's client
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS		16
#define FRAMES		8192
#define FRAME_MAX	(1U << 20)

enum { CLIENT, TARGET };

/**
 * struct side - one of the two ends of a connection
 * @fd: its socket, or -1
 * @buf: what came and is not passed on yet, NULL before the first byte
 * @len: bytes there
 * @greeted: the version byte has passed
 */
struct side {
	int fd;
	uint8_t *buf;
	size_t len;
	bool greeted;
};

static struct conn {
	struct side side[2];
} conns[CONNS];
static int n_conns;

struct frame {
	uint8_t *data;
	size_t len;
};

/* By the side that they came from. */
static struct frame frames[2][FRAMES];
static size_t n_frames[2];
static bool frozen;

static struct sockaddr_in target;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void parse(char *text, struct sockaddr_in *sin)
{
	char *colon = strchr(text, ':');

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	if (!colon)
		exit(2);
	*colon = 0;
	if (inet_pton(AF_INET, text, &sin->sin_addr) != 1)
		exit(2);
	sin->sin_port = htons(strtoul(colon + 1, NULL, 10));
}

static int listen_at(const struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (void *)sin, sizeof(*sin)) || listen(fd, 8))
		die("listen");
	return fd;
}

static void put(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("send");
		p += n;
		len -= n;
	}
}

static void drop(struct conn *c)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (c->side[i].fd >= 0)
			close(c->side[i].fd);
		c->side[i].fd = -1;
	}
}

static struct conn *conn_new(int client)
{
	struct conn *c = &conns[n_conns];
	int fd, on = 1;

	if (n_conns == CONNS)
		return NULL;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (void *)&target, sizeof(target))) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	n_conns++;
	c->side[CLIENT].fd = client;
	c->side[TARGET].fd = fd;
	return c;
}

static void keep(int from, const uint8_t *data, size_t len)
{
	struct frame *f = &frames[from][n_frames[from]];

	if (frozen || n_frames[from] == FRAMES)
		return;
	f->data = malloc(len);
	if (!f->data)
		die("malloc");
	memcpy(f->data, data, len);
	f->len = len;
	n_frames[from]++;
}

/* Whole frames only, so that others can be put between them. */
static void pass(struct conn *c, int from)
{
	struct side *s = &c->side[from];
	int to = c->side[!from].fd;
	size_t used = 0, len;
	uint32_t n;

	if (!s->greeted && s->len) {
		if (to >= 0)
			put(to, s->buf, 1);
		s->greeted = true;
		used = 1;
	}
	while (s->len - used >= 4) {
		memcpy(&n, s->buf + used, 4);
		len = 4 + ntohl(n);
		if (len > FRAME_MAX)
			exit(1);
		if (s->len - used < len)
			break;
		keep(from, s->buf + used, len);
		if (to >= 0)
			put(to, s->buf + used, len);
		used += len;
	}
	s->len -= used;
	memmove(s->buf, s->buf + used, s->len);
}

static void readable(struct conn *c, int from)
{
	struct side *s = &c->side[from];
	ssize_t n;

	if (!s->buf)
		s->buf = malloc(FRAME_MAX);
	if (!s->buf)
		die("malloc");
	n = recv(s->fd, s->buf + s->len, FRAME_MAX - s->len, 0);
	if (n <= 0) {
		drop(c);
		return;
	}
	s->len += n;
	pass(c, from);
}

static void again(int kept_from, int conn, int to)
{
	size_t i;
	int fd;

	fd = conn >= 0 && conn < n_conns ? conns[conn].side[to].fd : -1;
	if (fd < 0) {
		printf("no connection %d\n", conn);
		return;
	}
	for (i = 0; i < n_frames[kept_from]; i++)
		put(fd, frames[kept_from][i].data, frames[kept_from][i].len);
	printf("%zu\n", i);
}

static void command(void)
{
	char line[64], word[16] = "";
	int conn = -1;

	if (!fgets(line, sizeof(line), stdin))
		exit(0);
	sscanf(line, "%15s %d", word, &conn);
	if (!strcmp(word, "open")) {
		struct conn *c = conn_new(-1);

		if (c)
			put(c->side[TARGET].fd, "\1", 1);
		printf("%d\n", c ? n_conns - 1 : -1);
	} else if (!strcmp(word, "freeze")) {
		frozen = true;
		printf("%zu %zu\n", n_frames[CLIENT], n_frames[TARGET]);
	} else if (!strcmp(word, "there")) {
		again(CLIENT, conn, TARGET);
	} else if (!strcmp(word, "back")) {
		again(TARGET, conn, CLIENT);
	} else if (!strcmp(word, "turned")) {
		again(CLIENT, conn, CLIENT);
	} else {
		printf("what?\n");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pollfd p[2 + 2 * CONNS];
	struct sockaddr_in own;
	int i, door;

	if (argc != 3)
		return 2;
	parse(argv[1], &own);
	parse(argv[2], &target);
	door = listen_at(&own);
	setvbuf(stdin, NULL, _IONBF, 0);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int fd, n = n_conns;

		p[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = door, .events = POLLIN };
		/* Negative ones are left out. */
		for (i = 0; i < 2 * n; i++)
			p[2 + i] = (struct pollfd){
				.fd = conns[i / 2].side[i % 2].fd,
				.events = POLLIN,
			};
		if (poll(p, 2 + 2 * n, -1) < 0)
			die("poll");
		for (i = 0; i < 2 * n; i++)
			if (p[2 + i].revents &&
			    conns[i / 2].side[i % 2].fd >= 0)
				readable(&conns[i / 2], i % 2);
		if (p[0].revents)
			command();
		if (!p[1].revents)
			continue;
		fd = accept(door, NULL, NULL);
		if (fd >= 0 && !conn_new(fd))
			close(fd);
	}
}
