// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The module's tracepoints, by BPF programs (userspace/bpf). */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_object.h"
#include "watch.h"

BPF_OBJECT(events);
BPF_OBJECT(rates);

#define FLOWS_AT_ONCE	16384

static const char * const points[TRACE_POINTS] = {
	[TRACE_SEND]	= "send",
	[TRACE_HOP]	= "hop",
	[TRACE_ENCRYPT]	= "encrypt",
	[TRACE_LINK_TX]	= "link_tx",
	[TRACE_LINK_RX]	= "link_rx",
	[TRACE_DECRYPT]	= "decrypt",
	[TRACE_DELIVER]	= "deliver",
	[TRACE_DROP]	= "drop",
};

/**
 * struct watch - loaded programs
 * @object: libbpf's
 * @link: of each program, as far as it was wanted
 * @ring: where events come from, or NULL
 * @cb: whom watch_read() tells
 * @arg: for @cb
 * @lost: events that were lost so far
 */
struct watch {
	struct bpf_object	*object;
	struct bpf_link		*link[TRACE_POINTS];
	struct ring_buffer	*ring;
	watch_event_cb		cb;
	void			*arg;
	uint64_t		lost;
};

static char error[256];

static int fail(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, sizeof(error), fmt, ap);
	va_end(ap);
	return err;
}

const char *watch_error(void)
{
	return error;
}

const char *watch_point_name(unsigned int point)
{
	return point < TRACE_POINTS ? points[point] : "?";
}

/* ---- is the kernel's idea of an event ours? ---- */

static FILE *open_format(void)
{
	static const char * const places[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing"
	};
	char path[128];
	size_t i;
	FILE *f;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/events/ockam/ockam_drop/format",
			 places[i]);
		f = fopen(path, "re");
		if (f || errno == EACCES)
			return f;
	}
	return NULL;
}

static int check_format(void)
{
	static const char * const want[] = {
		"netns;\toffset:8;\tsize:4;", "arg;\toffset:12;\tsize:4;",
		"len;\toffset:16;\tsize:4;", "origin;\toffset:20;\tsize:1;",
		"link;\toffset:24;\tsize:4;", "onward;\toffset:28;\tsize:4;",
		"ret;\toffset:32;\tsize:4;",
	};
	size_t i, found = 0;
	char line[256];
	FILE *f;

	f = open_format();
	if (!f && errno == EACCES)
		return fail(-EACCES, "the tracepoints are for root");
	if (!f)
		return fail(-ENOENT, "no tracepoints: mount -t tracefs tracefs /sys/kernel/tracing, with the module ockam loaded");
	while (fgets(line, sizeof(line), f))
		for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
			found += !!strstr(line, want[i]);
	fclose(f);
	if (found != sizeof(want) / sizeof(want[0]))
		return fail(-EPROTO, "the module's tracepoints are of another version");
	return 0;
}

/* ---- loading ---- */

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	/* The first one is the cause. */
	if (level == LIBBPF_WARN && !error[0]) {
		vsnprintf(error, sizeof(error), fmt, ap);
		error[strcspn(error, "\n")] = 0;
	}
	return 0;
}

static int own_netns(__u32 *netns)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		return fail(-errno, "/proc/self/ns/net: %s", strerror(errno));
	*netns = st.st_ino;
	return 0;
}

static int load(struct watch *w, unsigned int wanted, __u32 netns)
{
	struct bpf_program *prog;
	__u32 zero = 0;
	unsigned int i;
	char name[32];
	int fd, err;

	for (i = 0; i < TRACE_POINTS; i++) {
		snprintf(name, sizeof(name), "at_ockam_%s", points[i]);
		prog = bpf_object__find_program_by_name(w->object, name);
		if (!prog)
			return fail(-ENOENT, "no program %s", name);
		bpf_program__set_autoload(prog, wanted >> i & 1);
	}
	err = bpf_object__load(w->object);
	if (err == -EPERM || err == -EACCES)
		return fail(err, "BPF programs at tracepoints are for root (CAP_BPF and CAP_PERFMON)");
	if (err)
		return err;
	fd = bpf_object__find_map_fd_by_name(w->object, "netns");
	if (fd < 0 || bpf_map_update_elem(fd, &zero, &netns, BPF_ANY))
		return fail(-EINVAL, "map netns");
	for (i = 0; i < TRACE_POINTS; i++) {
		if (!(wanted >> i & 1))
			continue;
		snprintf(name, sizeof(name), "at_ockam_%s", points[i]);
		prog = bpf_object__find_program_by_name(w->object, name);
		w->link[i] = bpf_program__attach(prog);
		if (!w->link[i])
			return -errno;
	}
	return 0;
}

static int watch_open(const char *from, const char *to, unsigned int wanted,
		      __u32 netns, struct watch **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "ockamctl");
	struct watch *w;
	int err;

	err = check_format();
	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (!w)
		return fail(-ENOMEM, "out of memory");
	libbpf_set_print(silent);
	error[0] = 0;
	w->object = bpf_object__open_mem(from, to - from, &opts);
	if (!w->object) {
		free(w);
		return fail(-EINVAL, "the BPF programs do not open");
	}
	err = load(w, wanted, netns);
	if (err) {
		watch_close(w);
		return err;
	}
	*out = w;
	return 0;
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct watch *w = ctx;

	if (size >= sizeof(struct trace_event))
		w->cb(data, w->arg);
	return 0;
}

int watch_events(unsigned int wanted, bool everywhere, struct watch **out)
{
	__u32 netns = 0;
	struct watch *w;
	int err;

	err = everywhere ? 0 : own_netns(&netns);
	if (!err)
		err = watch_open(BPF_OBJECT_BYTES(events), wanted, netns, &w);
	if (err)
		return err;
	w->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(w->object,
								    "events"),
				   on_event, w, NULL);
	if (!w->ring) {
		err = fail(-errno, "ring buffer: %s", strerror(errno));
		watch_close(w);
		return err;
	}
	*out = w;
	return 0;
}

int watch_rates(struct watch **w)
{
	__u32 netns = 0;
	int err;

	err = own_netns(&netns);
	return err ? err : watch_open(BPF_OBJECT_BYTES(rates),
				      (1U << TRACE_POINTS) - 1, netns, w);
}

void watch_close(struct watch *w)
{
	unsigned int i;

	if (!w)
		return;
	for (i = 0; i < TRACE_POINTS; i++)
		bpf_link__destroy(w->link[i]);
	ring_buffer__free(w->ring);
	bpf_object__close(w->object);
	free(w);
}

/* ---- reading ---- */

int watch_fd(const struct watch *w)
{
	return ring_buffer__epoll_fd(w->ring);
}

uint64_t watch_read(struct watch *w, watch_event_cb cb, void *arg)
{
	uint64_t lost = 0, news;
	__u32 zero = 0;

	w->cb = cb;
	w->arg = arg;
	ring_buffer__consume(w->ring);
	bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(w->object, "lost"),
			    &zero, &lost);
	news = lost - w->lost;
	w->lost = lost;
	return news;
}

/* An entry that goes meanwhile may begin the walk anew: that has an end. */
void watch_flows(struct watch *w, watch_flow_cb cb, void *arg)
{
	int fd = bpf_object__find_map_fd_by_name(w->object, "flows");
	struct flow_key key, *before = NULL;
	struct flow flow;
	int i;

	for (i = 0; i < FLOWS_AT_ONCE; i++) {
		if (bpf_map_get_next_key(fd, before, &key))
			break;
		before = &key;
		if (!bpf_map_lookup_elem(fd, &key, &flow))
			cb(&key, &flow, arg);
	}
}

const char *watch_netns_name(uint32_t netns)
{
	static char name[NAME_MAX + 1];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	snprintf(name, sizeof(name), "netns %u", netns);
	if (!stat("/proc/self/ns/net", &st) && st.st_ino == netns)
		return "here";
	dir = opendir("/run/netns");
	while (dir && (d = readdir(dir)))
		if (!fstatat(dirfd(dir), d->d_name, &st, 0) &&
		    st.st_ino == netns) {
			snprintf(name, sizeof(name), "%s", d->d_name);
			break;
		}
	if (dir)
		closedir(dir);
	return name;
}
