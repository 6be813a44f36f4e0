// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Helper of shell tests, no test itself:
 *
 *	lib_echo serve ADDRESS [channels|links|local]	echoes, prints origins
 *	lib_echo hold ADDRESS				takes what channels bring,
 *							but hardly any, unread
 *	lib_echo ask ROUTE TEXT				sends, prints the answer
 *	lib_echo flood ROUTE N LENGTH			sends N random messages
 *	lib_echo tell ROUTE TEXT [N]			sends, waits for nothing
 *	lib_echo pass ADDRESS N LENGTH			passes N random messages on in the
 *							place of the first it gets,
 *							and hides that it did
 *	lib_echo wrong-daemon				poses as ockamd
 *	lib_echo borrow					asks ockamd with the origin
 *							of ockamd's own answer
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <ockam/ockam.h>

#define ANSWER_MS	10000

static int die(const char *what)
{
	fprintf(stderr, "lib_echo: %s: %s\n", what, ockam_error());
	return 1;
}

static void print_origin(const struct ockam_info *info, ssize_t n)
{
	char id[OCKAM_IDENTIFIER_TEXT];

	printf("got %zd", n);
	switch (info->peer.origin) {
	case OCKAM_ORIGIN_LOCAL:
		printf(" local uid %u", info->peer.uid);
		break;
	case OCKAM_ORIGIN_LINK:
		printf(" link %u", info->peer.link);
		break;
	case OCKAM_ORIGIN_CHANNEL:
		ockam_identifier_print(info->channels[0].identifier, id);
		printf(" channel %u %s", info->channels[0].channel, id);
		break;
	}
	printf("%s\n", info->peer.flags & OCKAM_PEER_EARLY ? " early" : "");
	fflush(stdout);
}

static int serve(const char *address, const char *scope)
{
	static struct ockam_info info;
	static char buf[1 << 16];
	unsigned int bits = 0;
	ssize_t n;
	int fd;

	if (!strcmp(scope, "channels"))
		bits = OCKAM_ACCEPT_CHANNELS;
	else if (!strcmp(scope, "links"))
		bits = OCKAM_ACCEPT_LINKS;
	fd = ockam_socket();
	if (fd < 0 || ockam_want(fd, 1U << OCKAM_RECV_PEER) ||
	    ockam_accept(fd, bits, NULL, 0) || ockam_bind(fd, address))
		return die("serve");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = ockam_recv(fd, buf, sizeof(buf), &info, 0);
		if (n < 0)
			return die("serve");
		print_origin(&info, n);
		if (ockam_reply(fd, &info, buf, n) < 0)
			die("reply");
	}
}

static int hold(const char *address)
{
	int fd = ockam_socket(), least = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ||
	    ockam_accept(fd, OCKAM_ACCEPT_CHANNELS, NULL, 0) ||
	    ockam_bind(fd, address))
		return die("hold");
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

static int ask(const char *route, const char *text)
{
	struct pollfd pfd = { .events = POLLIN };
	char buf[4096];
	ssize_t n;

	pfd.fd = ockam_socket();
	if (pfd.fd < 0 || ockam_send(pfd.fd, route, text, strlen(text)) < 0)
		return die("ask");
	if (poll(&pfd, 1, ANSWER_MS) != 1) {
		fprintf(stderr, "lib_echo: no answer\n");
		return 1;
	}
	n = ockam_recv(pfd.fd, buf, sizeof(buf), NULL, 0);
	if (n < 0)
		return die("ask");
	printf("%.*s\n", (int)n, buf);
	return 0;
}

static int tell(const char *route, const char *text, unsigned long n)
{
	int fd = ockam_socket();

	for (; n; n--)
		if (fd < 0 || ockam_send(fd, route, text, strlen(text)) < 0)
			return die("tell");
	return 0;
}

/* Along the rest of its route, as if it came straight from there. */
static ssize_t pass_one(int fd, const struct ockam_info *info, const void *buf,
			size_t len)
{
	struct sockaddr_ockam to = {
		.sok_family = ockam_family(),
		.sok_nhops = info->onward.nhops,
	};
	const struct ockam_token token = {
		.token = info->token, .flags = OCKAM_TOKEN_VERBATIM,
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(token))] = "";
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (info->onward.len > sizeof(to.sok_hops))
		return -1;
	memcpy(to.sok_hops, info->onward.hops, info->onward.len);
	c->cmsg_level = SOL_OCKAM;
	c->cmsg_type = OCKAM_CMSG_TOKEN;
	c->cmsg_len = CMSG_LEN(sizeof(token));
	memcpy(CMSG_DATA(c), &token, sizeof(token));
	return sendmsg(fd, &msg, 0);
}

static int pass(const char *address, unsigned long n, size_t len)
{
	static struct ockam_info info;
	static char buf[1 << 16];
	int fd = ockam_socket();

	if (len > sizeof(buf))
		return 2;
	if (fd < 0 || ockam_accept(fd, OCKAM_ACCEPT_LINKS, NULL, 0) ||
	    ockam_want(fd, 1U << OCKAM_RECV_ONWARD | 1U << OCKAM_RECV_TOKEN) ||
	    ockam_bind(fd, address))
		return die("pass");
	printf("ready\n");
	fflush(stdout);
	if (ockam_recv(fd, buf, sizeof(buf), &info, 0) < 0)
		return die("pass");
	for (; n; n--)
		if (getrandom(buf, len, 0) != (ssize_t)len ||
		    pass_one(fd, &info, buf, len) < 0)
			return die("pass");
	printf("passed\n");
	fflush(stdout);
	for (;;)
		pause();
}

static int flood(const char *route, unsigned long n, size_t len)
{
	static char buf[1 << 16];
	struct ockam_path path;
	unsigned long i;
	int fd;

	if (len > sizeof(buf))
		return 2;
	fd = ockam_socket();
	if (fd < 0 || ockam_path_parse(&path, route))
		return die("flood");
	for (i = 0; i < n; i++) {
		if (getrandom(buf, len, 0) != (ssize_t)len)
			return 1;
		if (ockam_send_path(fd, &path, buf, len) < 0)
			return die("flood");
	}
	return 0;
}

/* Answers that it was successful, as another uid than libockam expects. */
static int wrong_daemon(void)
{
	static const unsigned char answer[] = {
		0xa3, 0x00, 0x01, 0x01, 0x00, 0x0c, 0x00
	};
	static struct ockam_info info;
	static char buf[1 << 16];
	int fd = ockam_socket();
	ssize_t n;

	if (fd < 0 || ockam_bind(fd, "ockamd"))
		return die("wrong-daemon");
	printf("ready\n");
	fflush(stdout);
	while ((n = ockam_recv(fd, buf, sizeof(buf), &info, 0)) >= 0) {
		printf("got %zd\n", n);
		fflush(stdout);
		ockam_reply(fd, &info, answer, sizeof(answer));
	}
	return die("wrong-daemon");
}

/*
 * Gets an answer from the daemon, and passes a request for the list of listeners
 * on with its token: so it has the daemon's credentials as its origin.
 */
static int borrow(void)
{
	static const unsigned char request[] = {
		0xa3, 0x00, 0x01, 0x01, 0x18, 0x2a, 0x02, 0x05
	};
	struct ockam_token token = { .flags = OCKAM_TOKEN_FORWARD };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(token))] = "";
	struct iovec iov = { (void *)request, sizeof(request) };
	struct pollfd pfd = { .events = POLLIN };
	static struct ockam_info info;
	struct sockaddr_ockam to;
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	char buf[8192];

	pfd.fd = ockam_socket();
	if (pfd.fd < 0 || ockam_sockaddr(&to, "ockamd") ||
	    ockam_want(pfd.fd, 1U << OCKAM_RECV_TOKEN) ||
	    ockam_send(pfd.fd, "ockamd", request, sizeof(request)) < 0 ||
	    poll(&pfd, 1, ANSWER_MS) != 1 ||
	    ockam_recv(pfd.fd, buf, sizeof(buf), &info, 0) < 0)
		return die("borrow");
	token.token = info.token;
	c->cmsg_level = SOL_OCKAM;
	c->cmsg_type = OCKAM_CMSG_TOKEN;
	c->cmsg_len = CMSG_LEN(sizeof(token));
	memcpy(CMSG_DATA(c), &token, sizeof(token));
	if (sendmsg(pfd.fd, &msg, 0) < 0) {
		perror("lib_echo: borrow");
		return 1;
	}
	return 0;
}

/*
 * Root writes a request for the list of listeners to a socket that uid 1001 has
 * opened, and says what the daemon answers.
 */
static int lent(void)
{
	static const unsigned char request[] = {
		0xa3, 0x00, 0x01, 0x01, 0x18, 0x2a, 0x02, 0x05
	};
	struct pollfd pfd = { .events = POLLIN };
	unsigned char buf[8192];
	ssize_t n, i;

	if (seteuid(1001))
		return die("lent");
	pfd.fd = ockam_socket();
	if (seteuid(0) || pfd.fd < 0 ||
	    ockam_send(pfd.fd, "ockamd", request, sizeof(request)) < 0 ||
	    poll(&pfd, 1, ANSWER_MS) != 1)
		return die("lent");
	n = ockam_recv(pfd.fd, buf, sizeof(buf), NULL, 0);
	for (i = 0; i < n; i++)
		putchar(buf[i] >= ' ' && buf[i] < 127 ? buf[i] : '.');
	putchar('\n');
	return n < 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2], argc > 3 ? argv[3] : "local");
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "tell"))
		return tell(argv[2], argv[3],
			    argc == 5 ? strtoul(argv[4], NULL, 10) : 1);
	if (argc == 5 && !strcmp(argv[1], "pass"))
		return pass(argv[2], strtoul(argv[3], NULL, 10),
			    strtoul(argv[4], NULL, 10));
	if (argc == 5 && !strcmp(argv[1], "flood"))
		return flood(argv[2], strtoul(argv[3], NULL, 10),
			     strtoul(argv[4], NULL, 10));
	if (argc == 2 && !strcmp(argv[1], "wrong-daemon"))
		return wrong_daemon();
	if (argc == 2 && !strcmp(argv[1], "borrow"))
		return borrow();
	if (argc == 2 && !strcmp(argv[1], "lent"))
		return lent();
	fprintf(stderr, "usage: lib_echo serve|hold|ask|tell|pass|flood|wrong-daemon|borrow|lent ...\n");
	return 2;
}
