// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself: a stream of numbered messages through
 * a channel and back.
 *
 *	lib_stream echo ADDRESS		answers each, and looks that number
 *					follows number; until SIGTERM
 *	lib_stream run ROUTE		sends, some at a time, and looks that each
 *					answer comes once and in order; until
 *					SIGTERM, and then until the last answer
 *
 * Both say at the end how many there were.  SIGUSR1: so far.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ockam/ockam.h>

#define WINDOW		16
#define PATIENCE_MS	20000	/* for one answer */
#define MESSAGE		100

static volatile sig_atomic_t stop, report;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		stop = 1;
	else
		report = 1;
}

static int die(const char *what)
{
	fprintf(stderr, "lib_stream: %s: %s\n", what, ockam_error());
	return 1;
}

static void tell(const char *what, uint64_t n)
{
	printf("%s %" PRIu64 "\n", what, n);
	fflush(stdout);
}

/* 1: there is something to read, 0: a signal came, -1: nothing came. */
static int wait_for(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n = poll(&pfd, 1, ms);

	if (n < 0)
		return errno == EINTR ? 0 : -1;
	return n ? 1 : -1;
}

/* The next message must be number @want. */
static int take(int fd, struct ockam_info *info, uint64_t want, char *buf)
{
	uint64_t number;
	ssize_t n;

	n = ockam_recv(fd, buf, MESSAGE + 1, info, MSG_DONTWAIT);
	if (n < 0)
		return die("recv");
	memcpy(&number, buf, sizeof(number));
	if (n == MESSAGE && number == want)
		return 0;
	fprintf(stderr, "lib_stream: %zd bytes, %" PRIu64 " instead of %" PRIu64
		"\n", n, number, want);
	return 1;
}

static int echo(const char *address)
{
	static struct ockam_info info;
	char buf[MESSAGE + 1] = "";
	uint64_t n = 0;
	int fd;

	fd = ockam_socket();
	if (fd < 0 || ockam_accept(fd, OCKAM_ACCEPT_CHANNELS, NULL, 0) ||
	    ockam_bind(fd, address))
		return die("echo");
	tell("ready", 0);
	while (!stop) {
		if (report)
			tell("so far", n);
		report = 0;
		/* Half a second, for a signal just before it. */
		if (wait_for(fd, 500) <= 0)
			continue;
		if (take(fd, &info, n, buf))
			return 1;
		if (ockam_reply(fd, &info, buf, MESSAGE) < 0)
			return die("reply");
		n++;
	}
	tell("echoed", n);
	return 0;
}

static int run(const char *route)
{
	uint64_t sent = 0, back = 0;
	char buf[MESSAGE + 1] = "";
	struct ockam_path path;
	int fd, some;

	fd = ockam_socket();
	if (fd < 0 || ockam_path_parse(&path, route))
		return die("run");
	tell("ready", 0);
	while (!stop || back < sent) {
		if (report)
			tell("so far", back);
		report = 0;
		if (!stop && sent - back < WINDOW) {
			memcpy(buf, &sent, sizeof(sent));
			if (ockam_send_path(fd, &path, buf, MESSAGE) < 0) {
				if (errno == EINTR)
					continue;
				return die("send");
			}
			sent++;
			continue;
		}
		some = wait_for(fd, PATIENCE_MS);
		if (some < 0) {
			fprintf(stderr, "lib_stream: %" PRIu64 " of %" PRIu64
				" did not come back\n", sent - back, sent);
			return 1;
		}
		if (some && take(fd, NULL, back, buf))
			return 1;
		back += some;
	}
	tell("returned", back);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		return echo(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "run"))
		return run(argv[2]);
	fprintf(stderr, "usage: lib_stream echo ADDRESS|run ROUTE\n");
	return 2;
}
