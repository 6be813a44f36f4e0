// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl ping: time the way to a worker that echoes, over any hops. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ockamctl.h"
#include "reach.h"

#define PING_MIN	24
#define PING_MAX	(1 << 20)

/**
 * struct ping - one run
 * @ctl: invocation
 * @route: to the worker
 * @hops: hops in it
 * @family: number of the socket family
 * @fd: the socket
 * @count: messages to send
 * @size: bytes in each
 * @wait_ms: how long to wait for an answer, and between messages
 * @sent: so far
 * @received: so far
 * @out: what is sent; begins with a number of the run and one of the message
 * @in: what is received
 */
struct ping {
	const struct ctl	*ctl;
	struct ockam_nl_route	route;
	int			hops;
	unsigned int		family;
	int			fd;
	uint64_t		count;
	uint64_t		size;
	uint64_t		wait_ms;
	uint64_t		sent;
	uint64_t		received;
	uint8_t			*out;
	uint8_t			*in;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int ping_send(struct ping *p)
{
	size_t space = CMSG_SPACE(sizeof(struct ockam_route) + p->route.len);
	struct iovec iov = { .iov_base = p->out, .iov_len = p->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct ockam_route *route;
	struct cmsghdr *cm;
	ssize_t n;

	/* A control message holds any route, a sockaddr short ones only. */
	msg.msg_control = calloc(1, space);
	if (!msg.msg_control)
		return -ENOMEM;
	msg.msg_controllen = space;
	cm = CMSG_FIRSTHDR(&msg);
	cm->cmsg_level = SOL_OCKAM;
	cm->cmsg_type = OCKAM_CMSG_ONWARD;
	cm->cmsg_len = CMSG_LEN(sizeof(*route) + p->route.len);
	route = (struct ockam_route *)CMSG_DATA(cm);
	route->len = p->route.len;
	route->nhops = p->hops;
	memcpy(route->hops, p->route.data, p->route.len);

	n = sendmsg(p->fd, &msg, 0);
	free(msg.msg_control);
	return n < 0 ? -errno : 0;
}

/* 1: the answer to the last message, 0: something else, or -errno. */
static int ping_receive(struct ping *p, struct sockaddr_ockam *from)
{
	socklen_t len = sizeof(*from);
	ssize_t n;

	n = recvfrom(p->fd, p->in, p->size + 1, MSG_DONTWAIT | MSG_TRUNC,
		     (struct sockaddr *)from, &len);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return (uint64_t)n == p->size && !memcmp(p->in, p->out, p->size);
}

static void ping_print(const struct ping *p, const struct sockaddr_ockam *from,
		       double ms)
{
	char text[OCKAM_SOCKADDR_HOPS * 5] = "";
	size_t len = 0;
	json_t *j;
	int i;

	for (i = 0; !from->sok_flags && i < from->sok_nhops &&
	     len + 2 <= sizeof(from->sok_hops); i++)
		len += 2 + from->sok_hops[len + 1];
	if (len <= sizeof(from->sok_hops))
		ockam_text_print_route(from->sok_hops, len, text,
				       sizeof(text));
	if (p->ctl->json) {
		j = json_pack("{s:I, s:f, s:s}", "seq",
			      (json_int_t)p->sent, "ms", ms, "from", text);
		if (j)
			json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
	} else {
		printf("%llu: %llu bytes in %.3f ms, return route %s\n",
		       (unsigned long long)p->sent,
		       (unsigned long long)p->size, ms,
		       len ? text : "(long)");
	}
	fflush(stdout);
}

static int ping_one(struct ping *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct sockaddr_ockam from;
	double start, left;
	int err;

	p->sent++;
	memcpy(p->out + 16, &p->sent, sizeof(p->sent));
	start = now_ms();
	err = ping_send(p);
	if (err)
		return err;
	for (;;) {
		left = start + p->wait_ms - now_ms();
		if (left <= 0)
			break;
		if (poll(&pfd, 1, left + 1) < 0 && errno != EINTR)
			return -errno;
		err = ping_receive(p, &from);
		if (err < 0)
			return err;
		if (err) {
			p->received++;
			ping_print(p, &from, now_ms() - start);
			return 0;
		}
	}
	if (!p->ctl->json)
		printf("%llu: no answer\n", (unsigned long long)p->sent);
	return 0;
}

static int ping_args(struct ping *p, int argc, char **argv)
{
	struct ockam_text_error e = { 0, "wrong" };
	size_t len;
	int err;

	if (argc < 1)
		return ctl_usage("ping: a route is missing");
	p->hops = ockam_text_parse_route(argv[0], p->route.data,
					 sizeof(p->route.data), &len, &e);
	if (p->hops < 0)
		return ctl_usage("ping: '%s': %s (at byte %zu)", argv[0],
				 e.what, e.at);
	p->route.len = len;
	for (argc--, argv++; argc; argc -= 2, argv += 2) {
		uint64_t *v, max = UINT32_MAX;

		if (!strcmp(argv[0], "count"))
			v = &p->count;
		else if (!strcmp(argv[0], "wait-ms"))
			v = &p->wait_ms;
		else if (!strcmp(argv[0], "size"))
			v = &p->size, max = PING_MAX;
		else
			return ctl_usage("ping: unknown word '%s'", argv[0]);
		if (argc < 2)
			return ctl_usage("ping: %s: a value is missing",
					 argv[0]);
		err = arg_number(argv[0], argv[1], max, v);
		if (err)
			return err;
	}
	if (p->size < PING_MIN)
		return ctl_usage("ping: size: %d at least", PING_MIN);
	return 0;
}

static int ping_run(struct ping *p)
{
	int err = 0;

	if (getrandom(p->out, p->size < 256 ? p->size : 256, 0) < 0)
		return ctl_fail(p->ctl, "ping: %s", strerror(errno));
	while (p->sent < p->count && !err) {
		err = ping_one(p);
		if (!err && p->sent < p->count)
			usleep(p->wait_ms < 1000 ? p->wait_ms * 1000 :
			       1000000);
	}
	if (err)
		return reach_fail(p->ctl, "ping", p->route.data,
				  p->route.len, -err);
	if (!p->ctl->json)
		printf("%llu sent, %llu answered\n",
		       (unsigned long long)p->sent,
		       (unsigned long long)p->received);
	return p->received == p->sent ? CTL_OK : CTL_FAIL;
}

static int run_ping(struct ctl *ctl, int argc, char **argv)
{
	struct ping p = {
		.ctl = ctl, .count = 4, .size = 64, .wait_ms = 2000,
	};
	struct ockam_nl_node node;
	int err;

	err = ping_args(&p, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_node_get(ctl->nl, &node))
		return ctl_nl_fail(ctl, "ping");
	p.family = node.family;

	p.fd = socket(p.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p.fd < 0)
		return ctl_fail(ctl, "ping: %s", strerror(errno));
	p.out = calloc(1, p.size);
	p.in = calloc(1, p.size + 1);
	if (p.out && p.in)
		err = ping_run(&p);
	else
		err = ctl_fail(ctl, "ping: out of memory");
	free(p.out);
	free(p.in);
	close(p.fd);
	return err;
}

const struct command ping_commands[] = {
	{ "", "ROUTE [count N] [size BYTES] [wait-ms N]",
	  "time the way to a worker that echoes", run_ping },
	{ }
};
