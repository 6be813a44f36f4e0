/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The guide's Echoer, for the programs that start one. */
#ifndef EXAMPLE_ECHO_H
#define EXAMPLE_ECHO_H

#include "example.h"

/* Sends each message back along its return route; never returns. */
static inline void __attribute__((noreturn)) echo(const char *name,
						   uint32_t scope)
{
	struct ockam_accept accept = { .scope = OCKAM_ACCEPT_LOCAL | scope };
	int worker = socket(AF_OCKAM, SOCK_DGRAM, 0);
	struct sockaddr_ockam from;
	char buf[PAYLOAD_MAX];
	socklen_t len;
	ssize_t n;

	if (worker < 0)
		die("socket");
	if (setsockopt(worker, SOL_OCKAM, OCKAM_ACCEPT, &accept,
		       sizeof(accept)))
		die("OCKAM_ACCEPT");
	if (bind_to(worker, name))
		die(name);

	for (;;) {
		len = sizeof(from);
		n = recvfrom(worker, buf, sizeof(buf), 0,
			     (struct sockaddr *)&from, &len);
		if (n < 0)
			die("recvfrom");
		printf("Address: %s, Received: %.*s\n", name, (int)n, buf);
		fflush(stdout);
		if (sendto(worker, buf, n, 0, (struct sockaddr *)&from, len) < 0)
			perror("sendto");
	}
}

#endif /* EXAMPLE_ECHO_H */
