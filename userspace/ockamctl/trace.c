// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * ockamctl trace: how far a message gets along a route, how long that takes, and
 * why it ends there.
 *
 * Nobody on the way answers by himself.  So there is a probe for each beginning of
 * the route, to the echo service of the node behind it, and one for the whole;
 * what this machine can see of the last one comes from the module's tracepoints,
 * in all of its network namespaces.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "ockamctl.h"
#include "reach.h"
#include "watch.h"
#include "words.h"

#define ECHO_SERVICE	"echo"
#define WAIT_MS		2000
#define TEXT_LEN	32
#define STEPS_MAX	512
#define TAGS_MAX	16

/**
 * struct probe - one message
 * @fd: its socket
 * @hops: of the route that it goes along
 * @err: errno of the send
 * @sent: when, in nanoseconds
 * @ms: until the answer came, or negative
 * @from: the answer's return route
 */
struct probe {
	int			fd;
	unsigned int		hops;
	int			err;
	int64_t			sent;
	double			ms;
	char			from[256];
};

/**
 * struct tag - an address by which the probe, or what carries it, is known
 * @len: bytes in @data
 * @data: the address in flat form
 */
struct tag {
	size_t			len;
	uint8_t			data[OCKAM_NL_ADDR_MAX];
};

/**
 * struct trace - one run
 * @ctl: the invocation
 * @path: the route
 * @echo: address of the echo services on the way
 * @wait_ms: for answers
 * @payload: of all probes: a string as Ockam's nodes write it
 * @probe: for each beginning of the route, the whole one last
 * @watch: the tracepoints, or NULL
 * @step: what was seen
 * @n_steps: their number
 * @tag: what the probe is known by
 * @n_tags: their number
 */
struct trace {
	struct ctl		*ctl;
	struct ockam_path	path;
	const char		*echo;
	uint64_t		wait_ms;
	uint8_t			payload[1 + TEXT_LEN];
	struct probe		probe[OCKAM_HOPS_MAX + 1];
	struct watch		*watch;
	struct trace_event	*step;
	size_t			n_steps;
	struct tag		tag[TAGS_MAX];
	size_t			n_tags;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Bytes of the first @n hops. */
static size_t beginning(const struct ockam_path *path, unsigned int n)
{
	size_t len = 0;

	while (n--)
		len += 2 + path->hops[len + 1];
	return len;
}

/* ---- what this machine sees ---- */

static bool has_tag(const struct trace *t, const uint8_t *route, size_t len)
{
	size_t at, n, i;

	for (at = 0; at + 2 <= len; at += n) {
		n = 2 + route[at + 1];
		if (at + n > len)
			return false;
		for (i = 0; i < t->n_tags; i++)
			if (t->tag[i].len == n &&
			    !memcmp(t->tag[i].data, route + at, n))
				return true;
	}
	return false;
}

static void add_tag(struct trace *t, const uint8_t *address, size_t len)
{
	if (t->n_tags == TAGS_MAX || has_tag(t, address, len))
		return;
	t->tag[t->n_tags].len = len;
	memcpy(t->tag[t->n_tags++].data, address, len);
}

/* A ciphertext goes from decryptor to decryptor; it knows nothing of our address. */
static void tag_channel(struct trace *t, uint32_t id)
{
	struct ockam_nl_channel ch = { .id = id };
	size_t at = 0, next;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	if (ockam_nl_channel_get(t->ctl->nl, &ch))
		return;
	add_tag(t, ch.decryptor.data, ch.decryptor.len);
	/* The last one of its route. */
	for (next = 0; next + 2 <= ch.route.len;
	     next += 2 + ch.route.data[next + 1])
		at = next;
	if (next == ch.route.len && next)
		add_tag(t, ch.route.data + at, next - at);
}

static void on_event(const struct trace_event *ev, void *arg)
{
	struct trace *t = arg;

	if (t->n_steps == STEPS_MAX ||
	    (!has_tag(t, ev->onward, ev->onward_len) &&
	     !has_tag(t, ev->ret, ev->ret_len)))
		return;
	t->step[t->n_steps++] = *ev;
	if (ev->point == TRACE_ENCRYPT &&
	    !strcmp(watch_netns_name(ev->netns), "here"))
		tag_channel(t, ev->arg);
}

/* Without the right to look it is said why, and the rest goes on. */
static int watch_begin(struct trace *t)
{
	uint8_t address[OCKAM_NL_ADDR_MAX];
	socklen_t len = sizeof(address);
	const struct probe *p = &t->probe[t->path.nhops];

	/* The first send would choose it, too late. */
	if (ockam_bind(p->fd, NULL) ||
	    getsockopt(p->fd, SOL_OCKAM, OCKAM_BIND, address, &len))
		return ctl_fail(t->ctl, "trace: %s", ockam_error());
	t->step = calloc(STEPS_MAX, sizeof(*t->step));
	if (!t->step)
		return ctl_fail(t->ctl, "trace: out of memory");
	add_tag(t, address, len);
	if (watch_events((1U << TRACE_POINTS) - 1, true, &t->watch))
		t->watch = NULL;
	return CTL_OK;
}

/* ---- probes ---- */

static int make_payload(struct trace *t)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[TEXT_LEN];
	int i;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return ctl_fail(t->ctl, "trace: %s", strerror(errno));
	t->payload[0] = TEXT_LEN;
	for (i = 0; i < TEXT_LEN; i++)
		t->payload[1 + i] = digits[random[i] % 16];
	return CTL_OK;
}

static int probe_open(struct trace *t, unsigned int hops)
{
	struct probe *p = &t->probe[hops];

	p->hops = hops;
	p->ms = -1;
	p->fd = ockam_socket();
	if (p->fd < 0 || ockam_want(p->fd, 1U << OCKAM_RECV_RETURN))
		return ctl_fail(t->ctl, "trace: %s", ockam_error());
	return CTL_OK;
}

static void probe_send(struct trace *t, struct probe *p)
{
	struct ockam_path path = t->path;

	if (p->hops < t->path.nhops) {
		path.len = beginning(&t->path, p->hops);
		path.nhops = p->hops;
		if (ockam_path_append(&path, t->echo)) {
			p->err = EINVAL;
			return;
		}
	}
	p->sent = now_ns();
	if (ockam_send_path(p->fd, &path, t->payload, sizeof(t->payload)) < 0)
		p->err = errno;
}

static void probe_receive(const struct trace *t, struct probe *p)
{
	uint8_t buf[sizeof(t->payload)];
	struct ockam_info info;
	ssize_t n;

	n = ockam_recv(p->fd, buf, sizeof(buf), &info, MSG_DONTWAIT);
	if (n != sizeof(buf) || memcmp(buf, t->payload, n))
		return;
	p->ms = (now_ns() - p->sent) / 1e6;
	if (!info.has_ret ||
	    ockam_text_print_route(info.ret.hops, info.ret.len, p->from,
				   sizeof(p->from)) < 0)
		strcpy(p->from, "(long)");
}

/* Until the last one has its answer; then as long again for the others. */
static void probes_wait(struct trace *t)
{
	int64_t end = now_ns() + (int64_t)t->wait_ms * 1000000, left;
	struct pollfd pfd[OCKAM_HOPS_MAX + 2];
	unsigned int i, n = t->path.nhops, open;
	bool extended = false;

	for (;;) {
		for (i = 1, open = 0; i <= n; i++) {
			bool waits = t->probe[i].ms < 0 && !t->probe[i].err;

			pfd[i - 1].fd = waits ? t->probe[i].fd : -1;
			pfd[i - 1].events = POLLIN;
			open += waits;
		}
		pfd[n].fd = t->watch ? watch_fd(t->watch) : -1;
		pfd[n].events = POLLIN;
		left = (end - now_ns()) / 1000000;
		if (!open || left <= 0)
			return;
		if (poll(pfd, n + 1, left) < 0 && errno != EINTR)
			return;
		for (i = 1; i <= n; i++)
			if (pfd[i - 1].fd >= 0 && pfd[i - 1].revents)
				probe_receive(t, &t->probe[i]);
		if (t->watch)
			watch_read(t->watch, on_event, t);
		if (!extended && t->probe[n].ms >= 0) {
			left = (int64_t)(t->probe[n].ms * 4e6) + 20000000;
			if (now_ns() + left < end)
				end = now_ns() + left;
			extended = true;
		}
	}
}

/* ---- what the first address is, here ---- */

static void first_link(const struct trace *t, const struct ockam_nl_address *a,
		       char *text, size_t size)
{
	struct ockam_nl_link link = { .name = *a };
	const char *state, *reason = NULL;

	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	if (ockam_nl_link_get(t->ctl->nl, &link))
		return;
	state = ockam_nl_value_name(OCKAM_NL_LINK, OCKAM_A_LINK_STATE,
				    link.state);
	if (link.state != OCKAM_LINK_STATE_UP && link.reason)
		reason = ockam_nl_value_name(OCKAM_NL_LINK,
					     OCKAM_A_LINK_REASON, link.reason);
	snprintf(text, size, "link %u, %s%s%s", link.id, state ? state : "?",
		 reason ? ": " : "", reason ? reason : "");
}

static void first_channel(const struct trace *t,
			  const struct ockam_nl_address *a, char *text,
			  size_t size)
{
	struct ockam_nl_channel ch = { .encryptor = *a };
	char id[OCKAM_TEXT_IDENTIFIER];
	const char *state;

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	if (ockam_nl_channel_get(t->ctl->nl, &ch))
		return;
	state = ockam_nl_value_name(OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_STATE,
				    ch.state);
	ockam_text_print_identifier(ch.identifier, id);
	snprintf(text, size, "channel %u, %s, to %s", ch.id,
		 state ? state : "?", id);
}

static void describe_first(const struct trace *t, char *text, size_t size)
{
	struct ockam_nl_worker worker = {};
	struct ockam_nl_address a = {};
	struct ockam_nl_hop hop = {};

	a.len = beginning(&t->path, 1);
	memcpy(a.data, t->path.hops, a.len);
	first_link(t, &a, text, size);
	if (!*text)
		first_channel(t, &a, text, size);
	hop.address = a;
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	if (!*text && !ockam_nl_hop_get(t->ctl->nl, &hop))
		snprintf(text, size, "hop %u", hop.id);
	worker.address = a;
	ockam_nl_mark(&worker, OCKAM_A_WORKER_ADDRESS);
	if (!*text && !ockam_nl_worker_get(t->ctl->nl, &worker))
		snprintf(text, size, "worker of uid %s", user_text(worker.uid));
}

/* ---- printing ---- */

static void hop_text(const struct trace *t, unsigned int i, char *text,
		     size_t size)
{
	size_t at = beginning(&t->path, i - 1);

	if (ockam_text_print_route(t->path.hops + at,
				   2 + t->path.hops[at + 1], text, size) < 0)
		strcpy(text, "?");
}

static void print_hops(const struct trace *t, json_t *out)
{
	char hop[OCKAM_TEXT_ROUTE_MAX], what[256] = "", time[32];
	json_t *list = json_array(), *j;
	const struct probe *p;
	unsigned int i;

	describe_first(t, what, sizeof(what));
	if (!out)
		printf("%3s  %-24s %11s\n", "", "ADDRESS", "ANSWER");
	for (i = 1; i <= t->path.nhops; i++) {
		p = &t->probe[i];
		hop_text(t, i, hop, sizeof(hop));
		j = json_pack("{s:s}", "address", hop);
		if (*what)
			json_object_set_new(j, "is", json_string(what));
		strcpy(time, "-");
		if (p->ms >= 0) {
			json_object_set_new(j, "ms", json_real(p->ms));
			json_object_set_new(j, "from", json_string(p->from));
			snprintf(time, sizeof(time), "%.3f ms", p->ms);
		}
		json_array_append_new(list, j);
		if (!out)
			printf("%3u  %-24s %11s%s%s\n", i, hop, time,
			       *what ? "  " : "", what);
		what[0] = 0;
	}
	if (out)
		json_object_set(out, "hops", list);
	json_decref(list);
}

/* What a point of the way is about. */
static void step_text(const struct trace_event *ev, char *text, size_t size)
{
	char address[OCKAM_TEXT_ROUTE_MAX] = "?";

	if (ev->onward_len >= 2 && 2U + ev->onward[1] <= ev->onward_len)
		ockam_text_print_route(ev->onward, 2 + ev->onward[1], address,
				       sizeof(address));
	switch (ev->point) {
	case TRACE_SEND:
		snprintf(text, size, "sent to %s", address);
		break;
	case TRACE_HOP:
		snprintf(text, size, "hop %u (%s) passes it on", ev->arg,
			 address);
		break;
	case TRACE_ENCRYPT:
		snprintf(text, size, "channel %u encrypts it", ev->arg);
		break;
	case TRACE_DECRYPT:
		snprintf(text, size, "channel %u decrypts it, for %s",
			 ev->arg, address);
		break;
	case TRACE_LINK_TX:
		snprintf(text, size, "leaves by link %u", ev->arg);
		break;
	case TRACE_LINK_RX:
		snprintf(text, size, "link %u brings it, for %s", ev->arg,
			 address);
		break;
	case TRACE_DELIVER:
		snprintf(text, size, "%s has it", address);
		break;
	default:
		/* Its hops, if any, were not done with. */
		if (ockam_text_print_route(ev->onward, ev->onward_len, address,
					   sizeof(address)) < 0)
			strcpy(address, "?");
		snprintf(text, size, "dropped, %s, on the way to %.400s",
			 ockam_nl_drop_name(ev->arg), address);
		break;
	}
}

static void print_steps(const struct trace *t, json_t *out)
{
	json_t *list = json_array();
	const struct trace_event *ev;
	char text[512];
	double ms;
	size_t i;

	if (!t->watch && !out)
		printf("(steps on this machine: %s)\n", watch_error());
	for (i = 0; i < t->n_steps; i++) {
		ev = &t->step[i];
		ms = (ev->time - t->step[0].time) / 1e6;
		step_text(ev, text, sizeof(text));
		if (out)
			json_array_append_new(list, json_pack(
				"{s:f, s:s, s:s, s:s, s:I}", "ms", ms, "node",
				watch_netns_name(ev->netns), "point",
				watch_point_name(ev->point), "text", text,
				"bytes", (json_int_t)ev->len));
		else
			printf("%8.3f ms  %-12s %s\n", ms,
			       watch_netns_name(ev->netns), text);
	}
	if (out)
		json_object_set(out, "steps", list);
	json_decref(list);
}

/* The hop up to which somebody answered, and what was seen of the end. */
static void verdict(const struct trace *t, char *text, size_t size)
{
	char hop[OCKAM_TEXT_ROUTE_MAX], step[512];
	unsigned int i, last = 0;
	size_t s;

	for (i = 1; i < t->path.nhops; i++)
		if (t->probe[i].ms >= 0)
			last = i;
	for (s = t->n_steps; s; s--)
		if (t->step[s - 1].point == TRACE_DROP)
			break;
	if (s) {
		step_text(&t->step[s - 1], step, sizeof(step));
		snprintf(text, size, "%s (%s)", step,
			 watch_netns_name(t->step[s - 1].netns));
	} else if (last) {
		hop_text(t, last, hop, sizeof(hop));
		snprintf(text, size, "the node behind '%.400s' answers, what is behind it does not",
			 hop);
	} else if (t->n_steps) {
		step_text(&t->step[t->n_steps - 1], step, sizeof(step));
		snprintf(text, size, "seen last (%s): %s",
			 watch_netns_name(t->step[t->n_steps - 1].netns),
			 step);
	} else {
		snprintf(text, size, "nobody on the way says anything: no node behind a hop has an '%s'",
			 t->echo);
	}
}

static int print_trace(const struct trace *t)
{
	const struct probe *whole = &t->probe[t->path.nhops];
	json_t *out = t->ctl->json ? json_object() : NULL;
	char text[1024];

	print_hops(t, out);
	print_steps(t, out);
	if (whole->err) {
		if (out)
			print_json(out);
		return reach_fail(t->ctl, "trace", t->path.hops, t->path.len,
				  whole->err);
	}
	if (whole->ms >= 0) {
		if (out)
			print_json(out);
		else
			printf("answered after %.3f ms, return route %s\n",
			       whole->ms, whole->from);
		return CTL_OK;
	}
	verdict(t, text, sizeof(text));
	if (out) {
		json_object_set_new(out, "end", json_string(text));
		print_json(out);
	}
	return ctl_fail(t->ctl, "trace: no answer within %llu ms: %s",
			(unsigned long long)t->wait_ms, text);
}

static int trace_run(struct trace *t)
{
	unsigned int i, n = t->path.nhops;
	int err = make_payload(t);

	for (i = 1; i <= n && !err; i++)
		err = probe_open(t, i);
	if (!err)
		err = watch_begin(t);
	if (err)
		return err;
	/* The whole one first: the others may wake up what it needs. */
	for (i = n; i >= 1; i--)
		probe_send(t, &t->probe[i]);
	probes_wait(t);
	if (t->watch)
		watch_read(t->watch, on_event, t);
	return print_trace(t);
}

static int run_trace(struct ctl *ctl, int argc, char **argv)
{
	const char *wait = NULL;
	struct trace *t = calloc(1, sizeof(*t));
	unsigned int i;
	int err = 0;

	if (!t)
		return ctl_fail(ctl, "trace: out of memory");
	t->ctl = ctl;
	t->echo = ECHO_SERVICE;
	t->wait_ms = WAIT_MS;
	for (i = 0; i < ARRAY_SIZE(t->probe); i++)
		t->probe[i].fd = -1;
	if (argc < 1) {
		err = ctl_usage("trace: a route is missing");
	} else {
		const struct word words[] = {
			{ "wait-ms", &wait, NULL }, { "echo", &t->echo, NULL },
			{ NULL, NULL, NULL }
		};

		err = words_parse(words, argc - 1, argv + 1);
	}
	if (!err && wait)
		err = arg_number("wait-ms", wait, 3600000, &t->wait_ms);
	if (!err && ockam_path_parse(&t->path, argv[0]))
		err = ctl_usage("trace: %s", ockam_error());
	if (!err)
		err = ctl_open(ctl);
	if (!err)
		err = trace_run(t);
	for (i = 0; i < ARRAY_SIZE(t->probe); i++)
		if (t->probe[i].fd >= 0)
			close(t->probe[i].fd);
	watch_close(t->watch);
	free(t->step);
	free(t);
	return err;
}

const struct command trace_commands[] = {
	{ "", "ROUTE [wait-ms N] [echo ADDRESS]",
	  "each hop of a route and its time, and where and why a message ends; echo: what answers at the nodes on the way",
	  run_trace },
	{ }
};
