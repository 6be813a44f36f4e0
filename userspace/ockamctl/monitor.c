// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * ockamctl monitor: changes as netlink tells them, workers by looking again and
 * again, and drops from the tracepoint.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ockamctl.h"
#include "watch.h"

/* How often workers are looked at, and no more of them than that. */
#define LOOK_MS		500
#define WORKERS_MAX	100000

/* What can be asked for; the first ones are netlink's groups. */
enum part { LINK, CHANNEL, HOP, NODE, POLICY, WORKER, DROP, PARTS };
#define GROUPS	WORKER

static const char * const parts[PARTS] = {
	"link", "channel", "hop", "node", "policy", "worker", "drop"
};

static const char * const names[OCKAM_NL_OBJECTS] = {
	[OCKAM_NL_NODE]		= "node",
	[OCKAM_NL_WORKER]	= "worker",
	[OCKAM_NL_LINK]		= "link",
	[OCKAM_NL_CHANNEL]	= "channel",
	[OCKAM_NL_HOP]		= "hop",
	[OCKAM_NL_POLICY]	= "policy",
};

/**
 * struct monitor - one run
 * @ctl: the invocation
 * @wants: bits of enum part
 * @dump: another socket, for workers, or NULL
 * @worker: those that there were, by inode, then those that there are
 * @n: their numbers
 * @now: which of the two is what there is now
 * @looked: when, in milliseconds
 * @watch: the tracepoint, or NULL
 */
struct monitor {
	struct ctl		*ctl;
	unsigned int		wants;
	struct ockam_nl		*dump;
	struct ockam_nl_worker	*worker[2];
	size_t			n[2];
	int			now;
	int64_t			looked;
	struct watch		*watch;
};

/* Seconds since 1970, to be read by programs; the time of day for people. */
static void print_time(const struct ctl *ctl, json_t *j)
{
	struct timespec ts;
	char text[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ctl->json) {
		json_object_set_new(j, "time",
				    json_real(ts.tv_sec + ts.tv_nsec / 1e9));
		return;
	}
	localtime_r(&ts.tv_sec, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	printf("%s.%03ld  ", text, ts.tv_nsec / 1000000);
}

/* One JSON object on one line, so that a reader needs no parser's state. */
static int print_json_line(const struct ctl *ctl, json_t *j)
{
	if (!j)
		return 0;
	print_time(ctl, j);
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
	return fflush(stdout) ? -EPIPE : 0;
}

/* Whoever reads goes away: so do we. */
static int print_change(const struct ctl *ctl, enum ockam_nl_object kind,
			bool gone, const void *object)
{
	if (ctl->json)
		return print_json_line(ctl, json_pack("{s:s, s:b, s:o}",
				"object", names[kind], "gone", gone,
				names[kind], json_object_of(kind, object)));
	print_time(ctl, NULL);
	printf("%s%s  ", names[kind], gone ? " gone" : "");
	print_line(kind, object);
	return fflush(stdout) ? -EPIPE : 0;
}

static int print_event(const struct ockam_nl_event *ev, void *arg)
{
	return print_change(arg, ev->kind, ev->gone, ev->object);
}

static int print_lost(const struct ctl *ctl)
{
	if (ctl->json)
		return print_json_line(ctl, json_pack("{s:b}", "lost", 1));
	print_time(ctl, NULL);
	puts("events were lost");
	return fflush(stdout) ? -EPIPE : 0;
}

/* ---- drops ---- */

static void print_drop(const struct trace_event *ev, void *arg)
{
	char onward[OCKAM_TEXT_ROUTE_MAX] = "", ret[OCKAM_TEXT_ROUTE_MAX] = "";
	const struct ctl *ctl = arg;
	const char *reason = ockam_nl_drop_name(ev->arg);

	if (ockam_text_print_route(ev->onward, ev->onward_len, onward,
				   sizeof(onward)) < 0)
		strcpy(onward, "(long)");
	if (ockam_text_print_route(ev->ret, ev->ret_len, ret, sizeof(ret)) < 0)
		strcpy(ret, "(long)");
	if (ctl->json) {
		print_json_line(ctl, json_pack(
			"{s:s, s:{s:s, s:I, s:s, s:s, s:I}}", "object", "drop",
			"drop", "reason", reason ? reason : "?", "bytes",
			(json_int_t)ev->len, "route", onward, "from", ret,
			"link", (json_int_t)ev->link));
		return;
	}
	print_time(ctl, NULL);
	printf("drop  reason %s  bytes %u", reason ? reason : "?", ev->len);
	if (*onward)
		printf("  route %s", onward);
	if (*ret)
		printf("  from %s", ret);
	if (ev->link)
		printf("  link %u", ev->link);
	putchar('\n');
	fflush(stdout);
}

/* ---- workers ---- */

static int note_worker(const void *object, void *arg)
{
	struct monitor *m = arg;
	struct ockam_nl_worker *more;
	size_t *n = &m->n[m->now];

	if (*n == WORKERS_MAX)
		return 0;
	if (!(*n & (*n - 1))) {
		more = realloc(m->worker[m->now],
			       (*n ? 2 * *n : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->worker[m->now] = more;
	}
	memcpy(&m->worker[m->now][(*n)++], object, sizeof(*more));
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct ockam_nl_worker *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int note_workers(struct monitor *m)
{
	m->now = !m->now;
	m->n[m->now] = 0;
	if (ockam_nl_dump(m->dump, OCKAM_NL_WORKER, NULL, note_worker, m))
		return ctl_fail(m->ctl, "monitor: workers: %s",
				ockam_nl_error(m->dump));
	if (m->n[m->now])
		qsort(m->worker[m->now], m->n[m->now], sizeof(**m->worker),
		      by_inode);
	return CTL_OK;
}

/* What is in one list only has come, or gone. */
static int print_workers(struct monitor *m)
{
	const struct ockam_nl_worker *old = m->worker[!m->now];
	const struct ockam_nl_worker *new = m->worker[m->now];
	size_t i = 0, j = 0, n = m->n[!m->now], k = m->n[m->now];
	int err = 0;

	while (!err && (i < n || j < k)) {
		if (j == k || (i < n && old[i].inode < new[j].inode)) {
			err = print_change(m->ctl, OCKAM_NL_WORKER, true,
					   &old[i++]);
		} else if (i == n || new[j].inode < old[i].inode) {
			err = print_change(m->ctl, OCKAM_NL_WORKER, false,
					   &new[j++]);
		} else {
			i++;
			j++;
		}
	}
	return err;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- running ---- */

static int begin_drops(struct monitor *m)
{
	if (!watch_events(1U << TRACE_DROP, false, &m->watch))
		return CTL_OK;
	m->watch = NULL;
	return ctl_fail(m->ctl, "monitor: drops: %s", watch_error());
}

static int monitor_begin(struct monitor *m)
{
	/* The others cost something: only for who asks. */
	unsigned int wants = m->wants ? m->wants : (1U << GROUPS) - 1;
	int i, err = ctl_open(m->ctl);

	for (i = 0; i < GROUPS && !err; i++)
		if (wants >> i & 1 && ockam_nl_subscribe(m->ctl->nl, parts[i]))
			err = ctl_nl_fail(m->ctl, "monitor");
	if (!err && wants >> WORKER & 1) {
		if (ockam_nl_open(&m->dump))
			return ctl_fail(m->ctl, "monitor: workers: %s",
					strerror(errno));
		err = note_workers(m);
		m->looked = now_ms();
	}
	if (!err && wants >> DROP & 1)
		err = begin_drops(m);
	return err;
}

static int read_changes(struct monitor *m)
{
	int err = ockam_nl_events(m->ctl->nl, print_event, m->ctl);

	if (err == -ENOBUFS)
		return print_lost(m->ctl);
	return err == -EAGAIN ? 0 : err;
}

static int look(struct monitor *m)
{
	int err;

	if (now_ms() - m->looked < LOOK_MS)
		return 0;
	err = note_workers(m);
	m->looked = now_ms();
	return err ? -EIO : print_workers(m);
}

static int monitor_run(struct monitor *m)
{
	struct pollfd pfd[2] = {
		{ .fd = ockam_nl_fd(m->ctl->nl), .events = POLLIN },
		{ .fd = m->watch ? watch_fd(m->watch) : -1, .events = POLLIN },
	};
	int err = 0;

	fcntl(pfd[0].fd, F_SETFL, fcntl(pfd[0].fd, F_GETFL) | O_NONBLOCK);
	while (!err) {
		if (poll(pfd, 2, m->dump ? LOOK_MS : -1) < 0 &&
		    errno != EINTR)
			return ctl_fail(m->ctl, "monitor: %s", strerror(errno));
		if (pfd[0].revents)
			err = read_changes(m);
		if (!err && m->watch &&
		    watch_read(m->watch, print_drop, m->ctl))
			err = print_lost(m->ctl);
		if (!err && m->dump)
			err = look(m);
		if (!err && ferror(stdout))
			err = -EPIPE;
	}
	if (err == -EPIPE)
		return CTL_OK;
	return err == -EIO ? CTL_FAIL : ctl_nl_fail(m->ctl, "monitor");
}

static int run_monitor(struct ctl *ctl, int argc, char **argv)
{
	struct monitor m = { .ctl = ctl };
	int n, i, err;

	for (n = 0; n < argc; n++) {
		for (i = 0; i < PARTS && strcmp(parts[i], argv[n]); i++)
			;
		if (i == PARTS && strcmp(argv[n], "all"))
			return ctl_usage("monitor: link, channel, hop, node, policy, worker, drop or all, not '%s'",
					 argv[n]);
		m.wants |= i == PARTS ? (1U << PARTS) - 1 : 1U << i;
	}
	err = monitor_begin(&m);
	if (!err)
		err = monitor_run(&m);
	watch_close(m.watch);
	ockam_nl_close(m.dump);
	free(m.worker[0]);
	free(m.worker[1]);
	return err;
}

const struct command monitor_commands[] = {
	{ "", "[link] [channel] [hop] [node] [policy] [worker] [drop] [all]",
	  "print events as they happen: those of netlink; workers and drops if they are asked for", run_monitor },
	{ }
};

