/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What a test that fails says besides: how to have its random numbers again, the
 * counters of its node as they are when the first thing is wrong, and the last
 * events of the nodes that it made.
 *
 * To be included behind kselftest_harness.h, whose hook this is.
 */
#ifndef OCKAM_FAILED_TEST_H
#define OCKAM_FAILED_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl.h"
#include "text.h"

#define FAILED_NODES	8
#define FAILED_EVENTS	20
#define FAILED_LINE	200
#define FAILED_RCVBUF	(1024 * 1024)

/* The seed of this test, if it has one. */
static __attribute__((unused)) uint64_t failed_seed;

/* Nobody reads them before something is wrong. */
static struct ockam_nl *failed_node[FAILED_NODES];

/**
 * struct failed_tail - the last events of a node
 * @n: how many there were
 * @line: the last ones, each at its number modulo their number
 */
struct failed_tail {
	unsigned int n;
	char line[FAILED_EVENTS][FAILED_LINE];
};

/* A value in words, or nothing where it would not help. */
static inline size_t failed_value(enum ockam_nl_object kind,
				  const struct ockam_nl_field *f,
				  const void *p, char *text, size_t size)
{
	static char route[OCKAM_TEXT_ROUTE_MAX];
	const struct ockam_nl_address *a = p;
	uint32_t v = *(const uint32_t *)p;
	const char *name;
	int n = 0;

	switch (f->type) {
	case OCKAM_NL_U32:
		name = ockam_nl_is_flags(kind, f->attr) ? NULL :
		       ockam_nl_value_name(kind, f->attr, v);
		if (name && strcmp(name, "none"))
			n = snprintf(text, size, "  %s %s", f->name, name);
		else if (!name && v)
			n = snprintf(text, size, "  %s %u", f->name, v);
		break;
	case OCKAM_NL_ADDRESS:
		if (ockam_text_print_route(a->data, a->len, route,
					   sizeof(route)) >= 0)
			n = snprintf(text, size, "  %s %s", f->name, route);
		break;
	default:
		break;
	}
	return n < 0 || (size_t)n >= size ? 0 : n;
}

static inline int failed_event(const struct ockam_nl_event *ev, void *arg)
{
	static const char *const kinds[OCKAM_NL_OBJECTS] = {
		[OCKAM_NL_NODE]		= "node",
		[OCKAM_NL_WORKER]	= "worker",
		[OCKAM_NL_LINK]		= "link",
		[OCKAM_NL_CHANNEL]	= "channel",
		[OCKAM_NL_HOP]		= "hop",
		[OCKAM_NL_POLICY]	= "policy",
	};
	const uint64_t present = *(const uint64_t *)ev->object;
	struct failed_tail *tail = arg;
	char *line = tail->line[tail->n++ % FAILED_EVENTS];
	const struct ockam_nl_field *f;
	size_t n, len;

	len = snprintf(line, FAILED_LINE, "%s%s", kinds[ev->kind],
		       ev->gone ? " gone" : "");
	for (f = ockam_nl_fields(ev->kind, &n); n; f++, n--)
		if (present >> f->attr & 1)
			len += failed_value(ev->kind, f,
					    (const char *)ev->object +
					    f->offset, line + len,
					    FAILED_LINE - len);
	return 0;
}

static inline void failed_events(unsigned int node)
{
	static struct failed_tail tail;
	bool lost = false;
	unsigned int i;
	int err;

	tail.n = 0;
	do {
		err = ockam_nl_events(failed_node[node], failed_event, &tail);
		lost |= err == -ENOBUFS;
	} while (!err || err == -ENOBUFS || err == -EINTR);
	if (!tail.n && !lost)
		return;
	fprintf(stderr, "# last events of node %u:\n", node);
	for (i = tail.n > FAILED_EVENTS ? tail.n - FAILED_EVENTS : 0;
	     i < tail.n; i++)
		fprintf(stderr, "# %s\n", tail.line[i % FAILED_EVENTS]);
	if (lost)
		fprintf(stderr, "# and more, which nobody has kept\n");
}

static inline void failed_report(void)
{
	static bool told;
	unsigned int i;

	if (told)
		return;
	told = true;
	fflush(NULL);
	if (failed_seed)
		fprintf(TH_LOG_STREAM, "# OCKAM_SEED=%#llx\n",
			(unsigned long long)failed_seed);
	/* In the namespaces, and with the rights, that the test has now. */
	if (system("(echo counters:; /ockam/bin/ockamctl stats) 2>&1 | awk '$NF != 0 { print \"# \" $0 }' >&2"))
		fprintf(TH_LOG_STREAM, "# no counters\n");
	for (i = 0; i < FAILED_NODES; i++)
		if (failed_node[i])
			failed_events(i);
}

/* From here on the events of this namespace are kept.  NULL: they are not. */
static inline struct ockam_nl *failed_watch(void)
{
	static const char *const groups[] = {
		"link", "channel", "hop", "policy",
	};
	const int room = FAILED_RCVBUF;
	struct ockam_nl *nl;
	unsigned int i, n;
	int fd;

	for (n = 0; n < FAILED_NODES && failed_node[n]; n++)
		;
	if (n == FAILED_NODES || ockam_nl_open(&nl))
		return NULL;
	fd = ockam_nl_fd(nl);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (ockam_nl_subscribe(nl, groups[i]))
			break;
	if (i < sizeof(groups) / sizeof(groups[0]) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK)) {
		ockam_nl_close(nl);
		return NULL;
	}
	failed_node[n] = nl;
	return nl;
}

/* The socket would keep the namespace. */
static inline void failed_unwatch(struct ockam_nl *nl)
{
	unsigned int i;

	for (i = 0; i < FAILED_NODES && nl; i++) {
		if (failed_node[i] != nl)
			continue;
		failed_node[i] = NULL;
		ockam_nl_close(nl);
	}
}

#undef OPTIONAL_HANDLER
#define OPTIONAL_HANDLER(_assert)					\
	for (; _metadata->trigger; _metadata->trigger =			\
	     (failed_report(), __bail(_assert, _metadata)))

#endif /* OCKAM_FAILED_TEST_H */
