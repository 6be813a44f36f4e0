// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl send, recv, echo: messages from and to the command line. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "ockamctl.h"
#include "reach.h"
#include "words.h"

#define PAYLOAD_MAX	(16 << 20)

/**
 * struct talk - what one command is about
 * @ctl: the invocation
 * @what: the command's name
 * @fd: the socket
 * @count: messages to receive, 0 for no end
 * @wait_ms: how long to wait for one, 0 for ever
 * @lines: a line of text is a message
 * @buf: payload
 * @size: bytes there
 */
struct talk {
	struct ctl	*ctl;
	const char	*what;
	int		fd;
	uint64_t	count;
	uint64_t	wait_ms;
	bool		lines;
	char		*buf;
	size_t		size;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what came ---- */

static const char *origin_name(const struct ockam_sender *peer)
{
	switch (peer->origin) {
	case OCKAM_ORIGIN_LOCAL:
		return "local";
	case OCKAM_ORIGIN_LINK:
		return "link";
	default:
		return "channel";
	}
}

static void route_of(const struct ockam_info *info, char *text, size_t size)
{
	if (!info->has_ret ||
	    ockam_text_print_route(info->ret.hops, info->ret.len, text,
				   size) < 0)
		strcpy(text, "?");
}

static void print_message_json(const struct talk *t, size_t len,
			       const struct ockam_info *info)
{
	char route[OCKAM_TEXT_ROUTE_MAX], id[OCKAM_TEXT_IDENTIFIER];
	json_t *j, *text;
	char *hex;
	size_t i;

	route_of(info, route, sizeof(route));
	j = json_pack("{s:I, s:s, s:s}", "bytes", (json_int_t)len, "from",
		      route, "origin", origin_name(&info->peer));
	if (info->peer.origin == OCKAM_ORIGIN_LOCAL)
		json_object_set_new(j, "uid", json_integer(info->peer.uid));
	if (info->peer.link)
		json_object_set_new(j, "link", json_integer(info->peer.link));
	if (info->peer.nchannels) {
		ockam_text_print_identifier(info->channels[0].identifier, id);
		json_object_set_new(j, "identifier", json_string(id));
		json_object_set_new(j, "channel",
				    json_integer(info->channels[0].channel));
	}
	text = json_stringn(t->buf, len);
	hex = text ? NULL : malloc(2 * len + 1);
	for (i = 0; hex && i < len; i++)
		sprintf(hex + 2 * i, "%02x", (uint8_t)t->buf[i]);
	if (text)
		json_object_set_new(j, "text", text);
	else if (hex)
		json_object_set_new(j, "hex", json_string(hex));
	free(hex);
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

/* The payload as it is; who sent it is for -j. */
static int print_message(const struct talk *t, size_t len,
			 const struct ockam_info *info)
{
	if (t->ctl->json) {
		print_message_json(t, len, info);
	} else {
		fwrite(t->buf, 1, len, stdout);
		if (t->lines)
			putchar('\n');
	}
	/* Whoever reads goes away: so do we. */
	return fflush(stdout) ? CTL_FAIL : CTL_OK;
}

/* A line for each message that echo returned. */
static void print_echo(const struct talk *t, size_t len,
		       const struct ockam_info *info)
{
	char route[OCKAM_TEXT_ROUTE_MAX], id[OCKAM_TEXT_IDENTIFIER] = "";

	if (t->ctl->json) {
		print_message_json(t, len, info);
	} else {
		route_of(info, route, sizeof(route));
		if (info->peer.nchannels)
			ockam_text_print_identifier(info->channels[0].identifier,
						    id);
		printf("%zu bytes from %s (%s%s%s)\n", len, route,
		       origin_name(&info->peer), *id ? " of " : "", id);
	}
	fflush(stdout);
}

/* 1: one is in @info and the buffer, 0: none came in time, or an exit status. */
static int receive(const struct talk *t, struct ockam_info *info, size_t *len)
{
	int64_t end = now_ms() + t->wait_ms, left = -1;
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		if (t->wait_ms)
			left = end - now_ms();
		if (t->wait_ms && left <= 0)
			return 0;
		if (poll(&pfd, 1, left) < 0 && errno != EINTR)
			return -ctl_fail(t->ctl, "%s: %s", t->what,
					 strerror(errno));
		n = ockam_recv(t->fd, t->buf, t->size, info,
			       MSG_DONTWAIT | MSG_TRUNC);
		if (n >= 0)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -ctl_fail(t->ctl, "%s: %s", t->what,
					 ockam_error());
	}
	*len = (size_t)n < t->size ? (size_t)n : t->size;
	return 1;
}

/* ---- sockets ---- */

/* "links,I...,forwarded": whom a worker listens to. */
static int accept_words(int fd, const char *text)
{
	static uint8_t ids[OCKAM_ACCEPT_MAX_IDS][OCKAM_IDENTIFIER_LEN];
	unsigned int scope = OCKAM_ACCEPT_LOCAL;
	char *copy = strdup(text), *word, *save = NULL;
	size_t n = 0;
	int bit, err = 0;

	for (word = copy ? strtok_r(copy, ",", &save) : NULL; word && !err;
	     word = strtok_r(NULL, ",", &save)) {
		bit = ockam_nl_value(OCKAM_NL_WORKER, OCKAM_A_WORKER_SCOPE,
				     word);
		if (bit >= 0 && strcmp(word, "ids")) {
			scope |= 1U << bit;
			continue;
		}
		if (n == OCKAM_ACCEPT_MAX_IDS)
			err = ctl_usage("accept: more than %d identifiers",
					OCKAM_ACCEPT_MAX_IDS);
		else if (ockam_text_parse_identifier(word, ids[n++]))
			err = ctl_usage("accept: unknown word '%s', there are local, links, channels, forwarded and identifiers",
					word);
		scope |= OCKAM_ACCEPT_IDS;
	}
	free(copy);
	if (!err && ockam_accept(fd, scope, ids, n))
		err = ctl_usage("%s", ockam_error());
	return err;
}

static int talk_open(struct talk *t, const char *address, const char *accept)
{
	t->fd = ockam_socket();
	if (t->fd < 0)
		return ctl_fail(t->ctl, "%s: %s", t->what, ockam_error());
	t->size = PAYLOAD_MAX + 1;
	t->buf = malloc(t->size);
	if (!t->buf)
		return ctl_fail(t->ctl, "%s: out of memory", t->what);
	if (accept && accept_words(t->fd, accept))
		return CTL_USAGE;
	if (ockam_want(t->fd, 1U << OCKAM_RECV_PEER | 1U << OCKAM_RECV_RETURN))
		return ctl_fail(t->ctl, "%s: %s", t->what, ockam_error());
	if (address && ockam_bind(t->fd, address)) {
		if (errno == EADDRINUSE)
			return ctl_fail(t->ctl, "%s: somebody else has the address '%s', or had it a moment ago (ockamctl worker; hold-ms of ockamctl node)",
					t->what, address);
		if (errno == EACCES || errno == EPERM)
			return ctl_fail(t->ctl, "%s: the address '%s' is reserved (ockamctl node)",
					t->what, address);
		return ctl_fail(t->ctl, "%s: %s", t->what, ockam_error());
	}
	return CTL_OK;
}

static void talk_close(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->buf);
}

static int number(const char *name, const char *text, uint64_t *n)
{
	return text ? arg_number(name, text, UINT32_MAX, n) : 0;
}

/* ---- send ---- */

/* All of standard input; its length, or -1, said. */
static ssize_t read_all(const struct talk *t)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, t->buf + len, t->size - len);
		if (n < 0 && errno != EINTR) {
			ctl_fail(t->ctl, "%s: standard input: %s", t->what,
				 strerror(errno));
			return -1;
		}
		len += n > 0 ? n : 0;
	} while (n && len < t->size);
	if (len == t->size) {
		ctl_fail(t->ctl, "%s: a message has %d bytes at most", t->what,
			 PAYLOAD_MAX);
		return -1;
	}
	return len;
}

static int send_one(struct talk *t, const struct ockam_path *route,
		    const char *data, size_t len)
{
	struct ockam_info info;
	size_t got;
	int ret;

	if (ockam_send_path(t->fd, route, data, len) < 0)
		return reach_fail(t->ctl, t->what, route->hops, route->len,
				  errno);
	if (!t->wait_ms)
		return CTL_OK;
	ret = receive(t, &info, &got);
	if (!ret)
		return ctl_fail(t->ctl, "%s: no answer within %llu ms (ockamctl trace shows how far it gets)",
				t->what, (unsigned long long)t->wait_ms);
	return ret < 0 ? -ret : print_message(t, got, &info);
}

static int send_lines(struct talk *t, const struct ockam_path *route)
{
	char *line = NULL;
	size_t room = 0;
	int err = 0;
	ssize_t n;

	while (!err && (n = getline(&line, &room, stdin)) >= 0) {
		if (n && line[n - 1] == '\n')
			n--;
		err = send_one(t, route, line, n);
	}
	free(line);
	return err;
}

static int send_input(struct talk *t, const struct ockam_path *route,
		      const char *text)
{
	ssize_t n;

	if (text)
		return send_one(t, route, text, strlen(text));
	if (t->lines)
		return send_lines(t, route);
	n = read_all(t);
	return n < 0 ? CTL_FAIL : send_one(t, route, t->buf, n);
}

/**
 * struct away - a peer that may be off
 * @mailbox: route to the prekey service that takes what is for it
 * @peer: its identifier
 * @identity: ours
 * @daemon: ockamd's user
 */
struct away {
	const char	*mailbox;
	const char	*peer;
	const char	*identity;
	const char	*daemon;
};

/* Puts a channel in front of the route; it stays, for the peer's answer. */
static int begin_away(const struct talk *t, const struct away *a,
		      struct ockam_path *route)
{
	const char *trust[] = { a->peer, NULL };
	struct ockam_secure_channel_options opt = {
		.identity = a->identity,
		.trust = trust,
		.handshake = "x3dh-mailbox",
	};
	struct ockam_secure_channel ch;
	struct ockam_path tail = *route;
	int err;

	if (!a->peer)
		return ctl_usage("send: away: peer IDENTIFIER is missing: whose mailbox is it?");
	err = a->daemon ? words_user("daemon-uid", a->daemon, &opt.daemon_uid) :
			  0;
	if (err)
		return err;
	if (ockam_secure_channel_create(a->mailbox, &opt, &ch) ||
	    ockam_path_parse(route, ch.address) ||
	    ockam_path_join(route, &tail))
		return ctl_fail(t->ctl, "send: %s", ockam_error());
	return CTL_OK;
}

static int run_send(struct ctl *ctl, int argc, char **argv)
{
	const char *text = NULL, *from = NULL, *wait = NULL;
	struct away away = { 0 };
	struct talk t = { .ctl = ctl, .what = "send", .fd = -1 };
	const struct word words[] = {
		{ "text", &text, NULL }, { "from", &from, NULL },
		{ "wait-ms", &wait, NULL }, { "lines", NULL, &t.lines },
		{ "away", &away.mailbox, NULL }, { "peer", &away.peer, NULL },
		{ "identity", &away.identity, NULL },
		{ "daemon-uid", &away.daemon, NULL },
		{ NULL, NULL, NULL }
	};
	struct ockam_path route;
	int err;

	if (argc < 1)
		return ctl_usage("send: a route is missing");
	err = words_parse(words, argc - 1, argv + 1);
	if (!err)
		err = number("wait-ms", wait, &t.wait_ms);
	if (err)
		return err;
	if (ockam_path_parse(&route, argv[0]))
		return ctl_usage("send: %s", ockam_error());
	err = talk_open(&t, from, NULL);
	if (!err && away.mailbox)
		err = begin_away(&t, &away, &route);
	if (!err)
		err = send_input(&t, &route, text);
	talk_close(&t);
	return err;
}

/* ---- recv, echo ---- */

static int run_worker(struct talk *t, int argc, char **argv,
		      int (*take)(struct talk *t, size_t len,
				  const struct ockam_info *info))
{
	const char *accept = NULL, *count = NULL, *wait = NULL;
	const struct word words[] = {
		{ "accept", &accept, NULL }, { "count", &count, NULL },
		{ "wait-ms", &wait, NULL }, { "lines", NULL, &t->lines },
		{ NULL, NULL, NULL }
	};
	static struct ockam_info info;
	uint64_t n = 0;
	size_t len;
	int err;

	t->fd = -1;
	if (argc < 1)
		return ctl_usage("%s: an address is missing", t->what);
	err = words_parse(words, argc - 1, argv + 1);
	if (!err)
		err = number("count", count, &t->count);
	if (!err)
		err = number("wait-ms", wait, &t->wait_ms);
	if (!err)
		err = talk_open(t, argv[0], accept);
	while (!err && (!t->count || n < t->count)) {
		err = -receive(t, &info, &len);
		if (!err)
			err = ctl_fail(t->ctl, "%s: nothing came within %llu ms",
				       t->what,
				       (unsigned long long)t->wait_ms);
		else if (err < 0)
			err = take(t, len, &info);
		n++;
	}
	talk_close(t);
	return err;
}

static int recv_one(struct talk *t, size_t len, const struct ockam_info *info)
{
	return print_message(t, len, info);
}

static int run_recv(struct ctl *ctl, int argc, char **argv)
{
	struct talk t = { .ctl = ctl, .what = "recv" };

	return run_worker(&t, argc, argv, recv_one);
}

/* Who is gone by now misses his answer; that is no reason to end. */
static int echo_one(struct talk *t, size_t len, const struct ockam_info *info)
{
	if (ockam_reply(t->fd, info, t->buf, len) < 0)
		ctl_fail(t->ctl, "echo: %s", ockam_error());
	else
		print_echo(t, len, info);
	return CTL_OK;
}

static int run_echo(struct ctl *ctl, int argc, char **argv)
{
	struct talk t = { .ctl = ctl, .what = "echo" };

	return run_worker(&t, argc, argv, echo_one);
}

const struct command send_commands[] = {
	{ "", "ROUTE [text TEXT] [lines] [wait-ms N] [from ADDRESS] [away MAILBOX peer IDENTIFIER [identity NAME] [daemon-uid USER]]",
	  "send standard input, or TEXT, as a message; lines: each line is one; wait-ms: print the answer, too; away: to a node that may be off, by the prekey service at MAILBOX",
	  run_send },
	{ }
};

const struct command recv_commands[] = {
	{ "", "ADDRESS [accept local,links,channels,forwarded,IDENTIFIER] [count N] [wait-ms N] [lines]",
	  "be a worker and print what comes; lines: a newline behind each message",
	  run_recv },
	{ }
};

const struct command echo_commands[] = {
	{ "", "ADDRESS [accept local,links,channels,forwarded,IDENTIFIER] [count N] [wait-ms N]",
	  "be a worker that sends back what it gets", run_echo },
	{ }
};
