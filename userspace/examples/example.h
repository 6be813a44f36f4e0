/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What all examples share: the end of a program, and route(...). */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ockam/ockam.h>

#define PAYLOAD_MAX	65536
#define ROUTE_TEXT	1024

static inline void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
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

static inline void receive_and_print(int app)
{
	char reply[PAYLOAD_MAX];
	ssize_t n;

	n = recv(app, reply, sizeof(reply), 0);
	if (n < 0)
		die("recv");
	printf("App Received: %.*s\n", (int)n, reply);
}

#endif /* EXAMPLE_H */
