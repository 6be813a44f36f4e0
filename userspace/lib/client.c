// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Secure channels by way of ockamd. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "daemon.h"
#include "error.h"
#include "request.h"

#define TIMEOUT_DEFAULT_MS	30000
#define LIST_MAX		(64U << 20)	/* bytes of a list; whoever answers is asked no longer */
#define TIMEOUT_MAX_MS		600000
/* What the daemon gets on top, so that its own words arrive. */
#define GRACE_MS		3000

typedef struct ockam_secure_channel_options options_t;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int add_rule(struct request *req, const char *rule)
{
	if (req->n_rules == REQUEST_RULES_MAX)
		return ockam_fail(EMSGSIZE, "more than %d authorities to trust",
				  REQUEST_RULES_MAX);
	if (strlen(rule) > REQUEST_RULE_MAX)
		return ockam_fail(EMSGSIZE, "\"%.40s...\" is too long", rule);
	strcpy(req->rules[req->n_rules++], rule);
	return 0;
}

static int set_trust(struct request *req, const options_t *opt)
{
	size_t i;

	if (!opt->trust || !opt->trust[0])
		return ockam_fail(EINVAL, "no trust policy: name identifiers, or write \"anyone\"");
	for (i = 0; opt->trust[i]; i++) {
		if (!strcmp(opt->trust[i], "anyone")) {
			req->anyone = true;
			continue;
		}
		if (!strncmp(opt->trust[i], REQUEST_RULE_WORD,
			     strlen(REQUEST_RULE_WORD))) {
			if (add_rule(req, opt->trust[i]))
				return -1;
			continue;
		}
		if (req->n_ids == REQUEST_TRUST_MAX)
			return ockam_fail(EMSGSIZE,
					  "more than %d identifiers to trust",
					  REQUEST_TRUST_MAX);
		if (ockam_identifier_parse(opt->trust[i],
					   req->ids[req->n_ids++]))
			return -1;
	}
	if (req->anyone && (req->n_ids || req->n_rules))
		return ockam_fail(EINVAL,
				  "\"anyone\" beside others in a trust policy");
	return 0;
}

static int set_options(struct request *req, const options_t *opt)
{
	const char *identity = opt->identity ? opt->identity : "";
	const char *handshake = opt->handshake ? opt->handshake : "xx";

	if (strlen(identity) > REQUEST_NAME_MAX)
		return ockam_fail(EINVAL, "the name of the identity is too long");
	/* Which there are, the daemon knows. */
	if (strlen(handshake) >= sizeof(req->handshake))
		return ockam_fail(EINVAL, "unknown handshake \"%.40s\"",
				  handshake);
	strcpy(req->identity, identity);
	strcpy(req->handshake, handshake);
	req->shared = opt->shared;
	req->timeout_ms = opt->timeout_ms ? opt->timeout_ms :
					    TIMEOUT_DEFAULT_MS;
	if (req->timeout_ms > TIMEOUT_MAX_MS)
		return ockam_fail(EINVAL, "a timeout of more than %d s",
				  TIMEOUT_MAX_MS / 1000);
	return set_trust(req, opt);
}

/*
 * The daemon answers from its own worker, without a hop or another program in
 * between, and the kernel vouches for its uid.
 */
static int check_answerer(const struct ockam_info *info, uid_t daemon)
{
	static const uint8_t worker[] = "\0\6" REQUEST_WORKER;

	if (!info->has_peer || info->peer.origin != OCKAM_ORIGIN_LOCAL ||
	    info->peer.flags || info->peer.nchannels)
		return ockam_fail(EACCES, "the answer did not come from a program of this node");
	if (info->peer.uid != OCKAM_DAEMON_ROOT && info->peer.uid != daemon)
		return ockam_fail(EACCES, "uid %u answered in the place of ockamd",
				  info->peer.uid);
	if (!info->has_ret || info->ret.nhops != 1 ||
	    info->ret.len != sizeof(worker) - 1 ||
	    memcmp(info->ret.hops, worker, info->ret.len))
		return ockam_fail(EACCES, "another worker answered in the place of ockamd");
	return 0;
}

static int wait_for_answer(int fd, const struct request *req, uid_t daemon,
			   struct answer *ans)
{
	int64_t deadline = now_ms() + req->timeout_ms + GRACE_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t buf[REQUEST_MAX];
	struct ockam_info info;
	int64_t left;
	ssize_t n;
	int err;

	for (;;) {
		left = deadline - now_ms();
		if (left <= 0)
			return ockam_fail(ETIMEDOUT, "ockamd does not answer");
		n = poll(&pfd, 1, left);
		if (n < 0 && errno != EINTR)
			return ockam_fail(errno, "poll: %s", strerror(errno));
		if (n <= 0)
			continue;
		n = ockam_recv(fd, buf, sizeof(buf), &info, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -1;
		if (check_answerer(&info, daemon))
			return -1;
		err = info.flags & MSG_TRUNC ? -EMSGSIZE :
					       answer_read(buf, n, ans);
		if (err)
			return ockam_fail(-err, "answer of ockamd: %s",
					  strerror(-err));
		/* 0: the daemon could not read who asked. */
		if (ans->id == req->id || !ans->id)
			return 0;
	}
}

static int exchange(int fd, const struct request *req, uid_t daemon,
		    struct answer *ans)
{
	uint8_t buf[REQUEST_MAX];
	int n;

	n = request_write(req, buf, sizeof(buf));
	if (n < 0)
		return ockam_fail(-n, "the request is too long");
	if (ockam_send(fd, REQUEST_WORKER, buf, n) < 0) {
		if (errno == EHOSTUNREACH)
			return ockam_fail(errno, "ockamd is not running on this node");
		return -1;
	}
	return wait_for_answer(fd, req, daemon, ans);
}

/* An empty one, or NULL and the error is told. */
static struct request *request_new(enum request_op op)
{
	struct request *req = calloc(1, sizeof(*req));

	if (!req) {
		ockam_fail(ENOMEM, "out of memory");
		return NULL;
	}
	req->op = op;
	req->timeout_ms = TIMEOUT_DEFAULT_MS;
	return req;
}

/* So that nobody answers who was not asked. */
static int choose_id(struct request *req)
{
	do {
		if (getrandom(&req->id, sizeof(req->id), 0) !=
		    (ssize_t)sizeof(req->id))
			return ockam_fail(errno, "getrandom: %s",
					  strerror(errno));
	} while (!req->id);
	return 0;
}

/*
 * Who is in the daemon's place shall not even get the request.  What the answer
 * says does not matter: daemons that do not know this request refuse it.
 */
static int greet(int fd, const struct request *req, uid_t daemon)
{
	struct request *hello = request_new(REQUEST_HELLO);
	struct answer ans;
	int ret = -1;

	if (!hello)
		return -1;
	hello->timeout_ms = req->timeout_ms;
	if (!choose_id(hello))
		ret = exchange(fd, hello, daemon, &ans);
	free(hello);
	return ret;
}

static int ask_on(int fd, struct request *req, const options_t *opt,
		  struct answer *ans)
{
	uid_t daemon = opt->daemon_uid;

	if (daemon == OCKAM_DAEMON_ROOT && daemon_uid(&daemon))
		return -1;
	if (ockam_want(fd, 1U << OCKAM_RECV_PEER) || choose_id(req) ||
	    greet(fd, req, daemon) || exchange(fd, req, daemon, ans))
		return -1;
	if (ans->err)
		return ockam_fail(ans->err, "%s", ans->text);
	return 0;
}

static int ask(struct request *req, const options_t *opt, struct answer *ans)
{
	int fd, ret, err;

	fd = ockam_socket();
	if (fd < 0)
		return -1;
	ret = ask_on(fd, req, opt, ans);
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

/* Frees it. */
static int ask_once(struct request *req, const options_t *opt,
		    struct answer *ans)
{
	int ret = ask(req, opt, ans);

	free(req);
	return ret;
}

static int ask_listener(enum request_op op, const char *address,
			const options_t *opt)
{
	struct request *req = request_new(op);
	struct answer ans;

	if (!req)
		return -1;
	if (op == REQUEST_CREATE_LISTENER && set_options(req, opt))
		goto out;
	if (ockam_path_parse(&req->address, address))
		goto out;
	if (req->address.nhops != 1 || req->address.hops[0]) {
		ockam_fail(EINVAL, "a listener has one local address");
		goto out;
	}
	/* The words for channels are not those for a listener. */
	req->timeout_ms = TIMEOUT_DEFAULT_MS;
	return ask_once(req, opt, &ans);

out:
	free(req);
	return -1;
}

int ockam_secure_channel_create_listener(const char *address,
					 const options_t *options)
{
	return ask_listener(REQUEST_CREATE_LISTENER, address, options);
}

int ockam_secure_channel_delete_listener(const char *address,
					 const options_t *options)
{
	const options_t none = { 0 };

	return ask_listener(REQUEST_DELETE_LISTENER, address,
			    options ? options : &none);
}

int ockam_secure_channel_create(const char *route, const options_t *options,
				struct ockam_secure_channel *channel)
{
	struct request *req = request_new(REQUEST_CREATE_CHANNEL);
	struct answer ans;
	int ret = -1;

	memset(channel, 0, sizeof(*channel));
	if (!req)
		return -1;
	if (set_options(req, options) || ockam_path_parse(&req->route, route) ||
	    ask(req, options, &ans))
		goto out;
	if (ockam_path_print(&ans.encryptor, channel->address,
			     sizeof(channel->address)) >=
	    (int)sizeof(channel->address) || ans.encryptor.nhops != 1) {
		ockam_fail(EPROTO, "ockamd gave no address");
		goto out;
	}
	channel->id = ans.channel;
	memcpy(channel->peer, ans.peer, sizeof(ans.peer));
	ockam_identifier_print(ans.peer, channel->peer_text);
	ret = 0;
out:
	free(req);
	return ret;
}

int ockam_secure_channel_delete(const struct ockam_secure_channel *channel,
				const options_t *options)
{
	struct request *req = request_new(REQUEST_DELETE_CHANNEL);
	const options_t none = { 0 };
	struct answer ans;

	if (!req)
		return -1;
	req->channel = channel->id;
	return ask_once(req, options ? options : &none, &ans);
}

static int ask_about(enum request_op op, const char *endpoint,
		     const options_t *opt, char text[REQUEST_TEXT_MAX + 1])
{
	struct request *req;
	struct answer ans;
	int ret;

	if (strlen(endpoint) > REQUEST_NAME_MAX)
		return ockam_fail(EINVAL, "\"%.80s\" is no ADDRESS:PORT",
				  endpoint);
	req = request_new(op);
	if (!req)
		return -1;
	strcpy(req->endpoint, endpoint);
	if (opt && opt->timeout_ms)
		req->timeout_ms = opt->timeout_ms;
	ret = ask_once(req, opt, &ans);
	if (!ret)
		strcpy(text, ans.text);
	return ret;
}

static uint32_t count_lines(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* -1 with errno set when there is no memory for it. */
static int append(char **text, size_t *used, const char *more)
{
	size_t len = strlen(more);
	char *longer = realloc(*text, *used + len + 1);

	if (!longer)
		return ockam_fail(ENOMEM, "out of memory");
	memcpy(longer + *used, more, len + 1);
	*used += len;
	*text = longer;
	return 0;
}

/* Answer by answer, until there is no more. */
static int ask_pages(struct request *req, const options_t *opt, char **text)
{
	size_t used = 0;
	struct answer ans;
	int ret;

	do {
		ret = ask(req, opt, &ans);
		if (!ret)
			ret = append(text, &used, ans.text);
		if (ret)
			return ret;
		req->skip += count_lines(ans.text);
	} while (ans.more && ans.text[0] && used < LIST_MAX);
	return 0;
}

static int ask_list(enum request_op op, const options_t *opt, char **text)
{
	struct request *req = request_new(op);
	int ret;

	*text = NULL;
	if (!req)
		return -1;
	ret = ask_pages(req, opt, text);
	free(req);
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret;
}

int request_whois(const char *endpoint, const options_t *opt,
		  char text[REQUEST_TEXT_MAX + 1])
{
	return ask_about(REQUEST_WHOIS, endpoint, opt, text);
}

int request_listeners(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_LISTENERS, opt, text);
}

int request_channels(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_CHANNELS, opt, text);
}

int request_portals(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_PORTALS, opt, text);
}

int request_wanted(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_WANTED, opt, text);
}

int request_peers(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_PEERS, opt, text);
}

int request_relays_at(const options_t *opt, char **text)
{
	return ask_list(REQUEST_LIST_RELAYS_AT, opt, text);
}

int request_change(const char *section, bool add, const options_t *opt)
{
	struct request *req;
	struct answer ans;

	if (strlen(section) > REQUEST_SECTION_MAX)
		return ockam_fail(EMSGSIZE, "more than %d bytes",
				  REQUEST_SECTION_MAX);
	req = request_new(add ? REQUEST_ADD : REQUEST_DELETE);
	if (!req)
		return -1;
	strcpy(req->section, section);
	return ask_once(req, opt, &ans);
}

int request_reload(const options_t *opt, char text[REQUEST_TEXT_MAX + 1])
{
	return ask_about(REQUEST_RELOAD, "", opt, text);
}
