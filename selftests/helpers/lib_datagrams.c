// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: what a network may do to the datagrams
 * of a UDP link, but always the same.
 *
 *	lib_datagrams IP:PORT TARGET-IP:PORT SEED
 *
 * What comes to IP:PORT goes to the target from another port, and what the target
 * sends there goes to whoever sent last.  Commands come on standard input; each is
 * answered by a line.
 *
 *	there MODE	of what goes to the target
 *	back MODE	of what comes from there
 *	counts		datagrams that were moved, doubled and lost
 *
 * MODE is plain; or of each message up to BATCH pieces at a time are sent once
 * more (double), in reverse order (reverse), in any order and some of them twice
 * (shuffle); or the second is not sent (lose).  every-other: from now on the second
 * message is not sent, nor the fourth and so on.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH		32
#define DATAGRAM	2048

enum { THERE, BACK };

static const char * const modes[] = {
	"plain", "double", "reverse", "shuffle", "lose", "every-other",
};

enum { PLAIN, DOUBLE, REVERSE, SHUFFLE, LOSE, EVERY_OTHER, MODES };

/**
 * struct way - one of the two directions
 * @from: socket that it comes in by
 * @to: socket that it goes out by
 * @mode: what is done to it
 * @held: pieces of a message that are not passed on yet
 * @len: their lengths
 * @n: how many
 * @seen: pieces of this message that went before them
 * @count: messages since the mode was chosen
 */
static struct way {
	int from;
	int to;
	int mode;
	uint8_t held[BATCH][DATAGRAM];
	size_t len[BATCH];
	unsigned int n;
	unsigned int seen;
	unsigned long count;
} ways[2];

static struct sockaddr_in client;
static unsigned long moved, doubled, lost;
static uint64_t seed;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static struct sockaddr_in parse(char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char *colon = strchr(text, ':');

	if (!colon)
		exit(2);
	*colon = 0;
	sin.sin_port = htons(atoi(colon + 1));
	if (inet_pton(AF_INET, text, &sin.sin_addr) != 1)
		exit(2);
	return sin;
}

static int socket_at(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 32 << 20;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				 sizeof(size)) ||
	    (at && bind(fd, (const void *)at, sizeof(*at))))
		die("socket");
	return fd;
}

/* Bytes of the CBOR number at @p, with its head. */
static size_t number_len(const uint8_t *p)
{
	uint8_t low = *p & 0x1f;

	return low < 24 ? 1 : low == 24 ? 2 : low == 25 ? 3 : 5;
}

/* The last piece of its message, or no piece at all. */
static bool is_last(const uint8_t *p, size_t len)
{
	size_t at = 1, i;

	if (!len || p[0] != 0x85)
		return true;
	for (i = 0; i < 3; i++) {
		if (at >= len)
			return true;
		at += number_len(p + at);
	}
	return at >= len || p[at] != 0xf4;
}

static void pass(struct way *w, unsigned int i)
{
	bool there = w == &ways[THERE];

	/* Refused ones were for a socket that is not there: lost, too. */
	if (sendto(w->to, w->held[i], w->len[i], 0,
		   there ? NULL : (void *)&client,
		   there ? 0 : sizeof(client)) < 0)
		lost++;
}

static void pass_all(struct way *w)
{
	unsigned int order[BATCH], i, j, swap;

	if (w->mode == EVERY_OTHER && ++w->count % 2 == 0) {
		lost += w->n;
		w->n = 0;
		return;
	}
	for (i = 0; i < w->n; i++)
		order[i] = w->mode == REVERSE ? w->n - 1 - i : i;
	for (i = w->n; w->mode == SHUFFLE && i > 1; i--) {
		j = below(i);
		swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
	for (i = 0; i < w->n; i++) {
		moved += order[i] != i;
		if (w->mode == LOSE && w->seen + order[i] == 1) {
			lost++;
			continue;
		}
		pass(w, order[i]);
		if (w->mode == DOUBLE || (w->mode == SHUFFLE && !below(4))) {
			doubled++;
			pass(w, order[i]);
		}
	}
	w->seen += w->n;
	w->n = 0;
}

static void datagram(struct way *w)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	bool last;
	ssize_t len;

	len = recvfrom(w->from, w->held[w->n], DATAGRAM, 0, (void *)&from,
		       &from_len);
	/* What was sent there before may have been refused. */
	if (len < 0)
		return;
	if (w == &ways[THERE])
		client = from;
	w->len[w->n] = len;
	last = is_last(w->held[w->n], len);
	w->n++;
	if (w->mode == PLAIN || w->n == BATCH || last)
		pass_all(w);
	if (last)
		w->seen = 0;
}

static void command(const char *line)
{
	char way[16], mode[16];
	struct way *w;
	int i;

	if (!strcmp(line, "counts\n")) {
		printf("%lu %lu %lu\n", moved, doubled, lost);
		return;
	}
	if (sscanf(line, "%15s %15s", way, mode) == 2) {
		w = &ways[strcmp(way, "back") ? THERE : BACK];
		for (i = 0; i < MODES; i++) {
			if (strcmp(mode, modes[i]))
				continue;
			w->mode = i;
			w->count = 0;
			printf("ok\n");
			return;
		}
	}
	printf("what?\n");
}

int main(int argc, char **argv)
{
	struct pollfd pfd[3] = {
		{ .events = POLLIN }, { .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	struct sockaddr_in here, target;
	char line[80];
	int front, i;

	if (argc != 4)
		return 2;
	here = parse(argv[1]);
	target = parse(argv[2]);
	seed = strtoul(argv[3], NULL, 10) | 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);

	front = socket_at(&here);
	ways[THERE].from = front;
	ways[BACK].to = front;
	ways[THERE].to = socket_at(NULL);
	ways[BACK].from = ways[THERE].to;
	if (connect(ways[THERE].to, (const void *)&target, sizeof(target)))
		die("connect");
	printf("ready\n");
	for (;;) {
		pfd[0].fd = ways[THERE].from;
		pfd[1].fd = ways[BACK].from;
		if (poll(pfd, 3, -1) < 0)
			die("poll");
		if (pfd[2].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			command(line);
		}
		for (i = THERE; i <= BACK; i++)
			if (pfd[i].revents)
				datagram(&ways[i]);
	}
}
