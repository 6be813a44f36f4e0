// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A worker that passes on what it receives, along the rest of the route:
 *
 *   hop [ADDRESS]
 *
 * The kernel hands over each message's onward route, without the hop's own
 * address, and a token that stands for its return route. Both go back as they
 * came. OCKAM_TOKEN_FORWARD puts the hop's address in front of the return
 * route, so that the answer comes by here too.
 */
#include <ctype.h>

#include "example.h"

/* What this hop sees: bytes that are no text come out as \xNN. */
static void print(const char *name, const char *buf, ssize_t n)
{
	printf("Address: %s, Received: ", name);
	for (; n-- > 0; buf++)
		printf(isprint((unsigned char)*buf) ? "%c" : "\\x%02x",
		       (unsigned char)*buf);
	putchar('\n');
	fflush(stdout);
}

static struct ockam_token *find_token(struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_OCKAM &&
		    c->cmsg_type == OCKAM_CMSG_TOKEN)
			return (struct ockam_token *)CMSG_DATA(c);
	errno = ENOMSG;
	die("token");
}

static void forward_one(int worker, const char *name)
{
	_Alignas(struct cmsghdr) char control[OCKAM_ROUTE_MAX + 256];
	char buf[PAYLOAD_MAX];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(worker, &msg, 0);
	if (n < 0)
		die("recvmsg");
	print(name, buf, n);

	iov.iov_len = n;
	find_token(&msg)->flags = OCKAM_TOKEN_FORWARD;
	if (sendmsg(worker, &msg, 0) < 0)
		perror("sendmsg");
}

int main(int argc, char **argv)
{
	const char *name = arg(argc, argv, 1, "h1");
	int worker = socket(AF_OCKAM, SOCK_DGRAM, 0);
	const int on = 1;

	if (worker < 0)
		die("socket");
	if (setsockopt(worker, SOL_OCKAM, OCKAM_RECV_ONWARD, &on, sizeof(on)) ||
	    setsockopt(worker, SOL_OCKAM, OCKAM_RECV_TOKEN, &on, sizeof(on)))
		die("setsockopt");
	if (bind_to(worker, name))
		die(name);
	for (;;)
		forward_one(worker, name);
}
