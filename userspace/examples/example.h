/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What all examples share: the end of a program, and route(...). */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <ockam/ockam.h>

#define PAYLOAD_MAX	65536
#define ROUTE_TEXT	1024

/* What to look at when a call has failed in this way. */
static inline const char *hint(int error)
{
	switch (error) {
	case EAFNOSUPPORT:
		return "\nIs the module loaded? (modprobe ockam)";
	case EHOSTUNREACH:
		return "\nNobody on this node has the first address of the route: \"ockamctl worker\" lists who there is.";
	case ENETUNREACH:
		return "\nThat link is not there, or down: see \"ockamctl link\".";
	case EADDRINUSE:
		return "\nSomebody has this name, or another user had it until a moment ago: see \"ockamctl worker\".";
	default:
		return "";
	}
}

static inline void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "%s: %s%s\n", what, strerror(errno), hint(errno));
	exit(1);
}

/* The same after a call of libockam, which has better words. */
static inline void __attribute__((noreturn)) die_ockam(void)
{
	fprintf(stderr, "%s\n", ockam_error());
	exit(1);
}

/* Argument @i of a program, or what the guide uses. */
static inline const char *arg(int argc, char **argv, int i, const char *other)
{
	return i < argc ? argv[i] : other;
}

/* route("h1", "echoer") is "h1 => echoer"; each name may be a route itself. */
#define route(...)	join((char [ROUTE_TEXT]){ 0 },			\
			     (const char *const []){ __VA_ARGS__, NULL })

static inline const char *join(char *text, const char *const *names)
{
	size_t used = 0;

	for (; *names && used < ROUTE_TEXT; names++)
		used += snprintf(text + used, ROUTE_TEXT - used, "%s%s",
				 used ? " => " : "", *names);
	if (used >= ROUTE_TEXT) {
		errno = EMSGSIZE;
		die("route");
	}
	return text;
}

static inline struct sockaddr_ockam address(const char *route)
{
	struct sockaddr_ockam addr;

	if (ockam_sockaddr(&addr, route))
		die_ockam();
	return addr;
}

static inline int bind_to(int worker, const char *name)
{
	struct sockaddr_ockam addr = address(name);

	return bind(worker, (struct sockaddr *)&addr, sizeof(addr));
}

static inline ssize_t send_to(int worker, const char *route, const char *text)
{
	struct sockaddr_ockam addr = address(route);

	return sendto(worker, text, strlen(text), 0, (struct sockaddr *)&addr,
		      sizeof(addr));
}

/* An answer may never come: @seconds is how long to wait, 0 for ever. */
static inline void receive_and_print(int app, unsigned int seconds)
{
	struct timeval limit = { .tv_sec = seconds };
	char reply[PAYLOAD_MAX];
	ssize_t n;

	if (setsockopt(app, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		die("SO_RCVTIMEO");
	n = recv(app, reply, sizeof(reply), 0);
	if (n < 0 && errno == EAGAIN) {
		fprintf(stderr, "No answer in %u s. Does a worker have that name, and does it accept who sends?\n"
			"\"ockamctl worker\" and \"ockamctl stats\" say so, on each node of the route.\n",
			seconds);
		exit(1);
	}
	if (n < 0)
		die("recv");
	printf("App Received: %.*s\n", (int)n, reply);
}

#endif /* EXAMPLE_H */
