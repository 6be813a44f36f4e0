// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl stats: counters, for people, as JSON, or for Prometheus. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.h"
#include "ockamctl.h"
#include "words.h"

/* Of each kind; what is more is only in the sums of the node. */
#define SERIES_MAX	10000

#define REQUEST_MAX_MS	5000
#define REQUEST_MAX	8192

static void print_counters(const char *what, const uint64_t *value,
			   unsigned int n, const char *(*name)(unsigned int))
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (value[i])
			printf("%-8s%-26s%llu\n", what, name(i),
			       (unsigned long long)value[i]);
}

static void print_stats(const struct ctl *ctl, const struct ockam_nl_node *node)
{
	json_t *all, *j;

	if (ctl->json) {
		all = json_object_of(OCKAM_NL_NODE, node);
		j = json_object();
		json_object_set(j, "stats", json_object_get(all, "stats"));
		json_object_set(j, "drops", json_object_get(all, "drops"));
		json_decref(all);
		print_json(j);
		return;
	}
	print_counters("stat", node->stats, __OCKAM_STAT_MAX,
		       ockam_nl_stat_name);
	print_counters("drop", node->drops, __OCKAM_DROP_MAX,
		       ockam_nl_drop_name);
}

/* ---- Prometheus ---- */

/* Room for one more; the number doubles. */
static void *one_more(void **array, size_t *n, size_t size)
{
	void *more;

	if (*n == SERIES_MAX)
		return NULL;
	if (!(*n & (*n - 1))) {
		more = realloc(*array, (*n ? 2 * *n : 1) * size);
		if (!more)
			return NULL;
		*array = more;
	}
	return (char *)*array + (*n)++ * size;
}

static int add_link(const void *object, void *arg)
{
	struct metrics *m = arg;
	struct ockam_nl_link *link;

	link = one_more((void **)&m->link, &m->n_links, sizeof(*link));
	if (link)
		memcpy(link, object, sizeof(*link));
	return 0;
}

static int add_channel(const void *object, void *arg)
{
	struct metrics *m = arg;
	struct ockam_nl_channel *ch;

	ch = one_more((void **)&m->channel, &m->n_channels, sizeof(*ch));
	if (ch)
		memcpy(ch, object, sizeof(*ch));
	return 0;
}

/*
 * What a scraper asks is always the same, so it is only read to its empty line:
 * who gets an answer before that may be reset while he still sends.
 */
static bool read_request(void)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char request[REQUEST_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while (len < REQUEST_MAX && poll(&pfd, 1, REQUEST_MAX_MS) > 0) {
		n = read(STDIN_FILENO, request + len, REQUEST_MAX - len);
		if (n <= 0)
			return false;
		len += n;
		request[len] = 0;
		if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
			return !strncmp(request, "GET ", 4);
	}
	return false;
}

static void print_http(const char *body, size_t len, bool good)
{
	if (!good) {
		fputs("HTTP/1.0 400 Bad Request\r\n\r\n", stdout);
		return;
	}
	printf("HTTP/1.0 200 OK\r\n"
	       "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	       "Content-Length: %zu\r\n\r\n", len);
	fwrite(body, 1, len, stdout);
}

static int print_prometheus(struct ctl *ctl, struct metrics *m, bool http)
{
	char *body = NULL;
	size_t len = 0;
	FILE *f;

	if (ockam_nl_dump(ctl->nl, OCKAM_NL_LINK, NULL, add_link, m) ||
	    ockam_nl_dump(ctl->nl, OCKAM_NL_CHANNEL, NULL, add_channel, m))
		return ctl_nl_fail(ctl, "stats");
	f = open_memstream(&body, &len);
	if (!f)
		return ctl_fail(ctl, "stats: out of memory");
	metrics_print(f, m);
	if (fclose(f)) {
		free(body);
		return ctl_fail(ctl, "stats: out of memory");
	}
	if (http)
		print_http(body, len, read_request());
	else
		fwrite(body, 1, len, stdout);
	free(body);
	return CTL_OK;
}

static int run_stats(struct ctl *ctl, int argc, char **argv)
{
	bool prometheus = false, http = false;
	const struct word words[] = {
		{ "prometheus", NULL, &prometheus }, { "http", NULL, &http },
		{ NULL, NULL, NULL }
	};
	struct metrics m = {};
	int err;

	err = words_parse(words, argc, argv);
	if (!err && http && !prometheus)
		err = ctl_usage("stats: http is for prometheus");
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_node_get(ctl->nl, &m.node))
		return ctl_nl_fail(ctl, "stats");
	if (!ockam_nl_has(&m.node, OCKAM_A_NODE_STATS))
		return ctl_fail(ctl, "counters are for CAP_NET_ADMIN only");
	if (prometheus)
		err = print_prometheus(ctl, &m, http);
	else
		print_stats(ctl, &m.node);
	free(m.link);
	free(m.channel);
	return err;
}

const struct command stats_commands[] = {
	{ "", "[prometheus] [http]",
	  "counters, and messages dropped by reason; prometheus: of links and channels, too, as Prometheus reads them; http: as an answer to a request on standard input",
	  run_stats },
	{ }
};
