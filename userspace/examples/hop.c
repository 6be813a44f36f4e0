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

#include "options.h"

/* All bytes that this hop gets to see; \xNN are those which are no text. */
static void print(const char *what, const void *data, size_t n)
{
	const unsigned char *p = data;

	fputs(what, stdout);
	for (; n; n--, p++)
		printf(isprint(*p) ? "%c" : "\\x%02x", *p);
}

/* Bytes of the hops in an address; a token instead of hops has none. */
static size_t hops_len(const struct sockaddr_ockam *addr)
{
	size_t used = 0;
	int i;

	if (addr->sok_flags & OCKAM_ADDR_TOKEN)
		return 0;
	for (i = 0; i < addr->sok_nhops; i++)
		used += 2 + addr->sok_hops[used + 1];
	return used;
}

static void *find(struct msghdr *msg, int type)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_OCKAM && c->cmsg_type == type)
			return CMSG_DATA(c);
	errno = ENOMSG;
	die("control message");
}

static void forward_one(int worker, const char *name)
{
	_Alignas(struct cmsghdr) char control[2 * OCKAM_ROUTE_MAX + 256];
	char buf[PAYLOAD_MAX];
	struct sockaddr_ockam from;
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct ockam_route *onward;
	struct ockam_token *token;
	ssize_t n;

	n = recvmsg(worker, &msg, 0);
	if (n < 0)
		die("recvmsg");
	onward = find(&msg, OCKAM_CMSG_ONWARD);
	token = find(&msg, OCKAM_CMSG_TOKEN);

	print("Address: ", name, strlen(name));
	print(", Onward: ", onward->hops, onward->len);
	print(", Return: ", from.sok_hops, hops_len(&from));
	print(", Received: ", buf, n);
	putchar('\n');
	fflush(stdout);

	/* The control messages say where to. */
	msg.msg_name = NULL;
	msg.msg_namelen = 0;
	iov.iov_len = n;
	token->flags = OCKAM_TOKEN_FORWARD;
	if (sendmsg(worker, &msg, 0) < 0)
		perror("sendmsg");
}

int main(int argc, char **argv)
{
	/*
	 * ockamd writes a return route itself when it ends a handshake. What a
	 * message's origin is goes on with it: the last worker has to decide.
	 */
	const struct ockam_accept accept = {
		.scope = OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_FORWARDED,
	};
	const int on = 1;
	const char *name;
	int worker;

	get_options(&argc, &argv, "", "[ADDRESS]");
	name = arg(argc, argv, 1, "h1");
	worker = socket(AF_OCKAM, SOCK_DGRAM, 0);
	if (worker < 0)
		die("socket");
	if (setsockopt(worker, SOL_OCKAM, OCKAM_RECV_ONWARD, &on, sizeof(on)) ||
	    setsockopt(worker, SOL_OCKAM, OCKAM_RECV_TOKEN, &on, sizeof(on)) ||
	    setsockopt(worker, SOL_OCKAM, OCKAM_ACCEPT, &accept,
		       sizeof(accept)))
		die("setsockopt");
	if (bind_to(worker, name))
		die(name);
	for (;;)
		forward_one(worker, name);
}
