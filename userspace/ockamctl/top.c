// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl top: workers, channels, links and hops by rate. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ockamctl.h"
#include "watch.h"
#include "words.h"

#define ROWS_MAX	16384
#define ROWS_DEFAULT	20

/* What a row is about. */
enum row_kind { ROW_WORKER, ROW_HOP, ROW_CHANNEL, ROW_LINK, ROW_DROP };

static const char * const kinds[] = {
	"worker", "hop", "channel", "link", "drop"
};

/**
 * struct row - an object
 * @kind: what it is
 * @id: of hop, channel or link, or the reason of drops
 * @address: of a worker
 * @total: what passed so far: into it, and out of it
 * @before: the same, the last time
 */
struct row {
	enum row_kind	kind;
	uint32_t	id;
	uint8_t		address[RATE_ADDRESS];
	struct flow	total[2];
	struct flow	before[2];
};

/**
 * struct top - one run
 * @ctl: the invocation
 * @row: objects seen
 * @n: their number
 * @seconds: between two tables
 * @limit: rows shown
 */
struct top {
	struct ctl	*ctl;
	struct row	*row;
	size_t		n;
	double		seconds;
	uint64_t	limit;
};

static const struct {
	enum row_kind	kind;
	int		out;
} places[TRACE_POINTS] = {
	[TRACE_SEND]	= { ROW_WORKER, 1 },
	[TRACE_DELIVER]	= { ROW_WORKER, 0 },
	[TRACE_HOP]	= { ROW_HOP, 0 },
	[TRACE_ENCRYPT]	= { ROW_CHANNEL, 1 },
	[TRACE_DECRYPT]	= { ROW_CHANNEL, 0 },
	[TRACE_LINK_TX]	= { ROW_LINK, 1 },
	[TRACE_LINK_RX]	= { ROW_LINK, 0 },
	[TRACE_DROP]	= { ROW_DROP, 0 },
};

static struct row *row_of(struct top *t, const struct flow_key *key)
{
	enum row_kind kind = places[key->point].kind;
	struct row *r;

	for (r = t->row; r < t->row + t->n; r++)
		if (r->kind == kind && r->id == key->id &&
		    !memcmp(r->address, key->address, sizeof(r->address)))
			return r;
	if (t->n == ROWS_MAX)
		return NULL;
	r = &t->row[t->n++];
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->id = key->id;
	memcpy(r->address, key->address, sizeof(r->address));
	return r;
}

static void on_flow(const struct flow_key *key, const struct flow *flow,
		    void *arg)
{
	struct row *r;

	if (key->point >= TRACE_POINTS)
		return;
	r = row_of(arg, key);
	if (r)
		r->total[places[key->point].out] = *flow;
}

/* An entry that made room for others begins anew. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now < before ? now : now - before;
}

static uint64_t news(const struct row *r, bool bytes)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < 2; i++)
		sum += bytes ? grown(r->total[i].bytes, r->before[i].bytes) :
			       grown(r->total[i].messages,
				     r->before[i].messages);
	return sum;
}

static int by_rate(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t n = news(x, true), m = news(y, true);

	if (n == m) {
		n = news(x, false);
		m = news(y, false);
	}
	return n < m ? 1 : n > m ? -1 : (int)x->kind - (int)y->kind;
}

/* What a row is called: its address or name, or else its number. */
static void name_of(const struct top *t, const struct row *r, char *text,
		    size_t size)
{
	struct ockam_nl_channel ch = {};
	struct ockam_nl_link link = {};
	struct ockam_nl_hop hop = {};
	int len = -1;

	switch (r->kind) {
	case ROW_WORKER:
		if (2U + r->address[1] <= sizeof(r->address))
			len = ockam_text_print_route(r->address,
						     2 + r->address[1], text,
						     size);
		break;
	case ROW_HOP:
		hop.id = r->id;
		ockam_nl_mark(&hop, OCKAM_A_HOP_ID);
		if (!ockam_nl_hop_get(t->ctl->nl, &hop))
			len = ockam_text_print_route(hop.address.data,
						     hop.address.len, text,
						     size);
		break;
	case ROW_CHANNEL:
		ch.id = r->id;
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
		if (!ockam_nl_channel_get(t->ctl->nl, &ch))
			len = ockam_text_print_route(ch.encryptor.data,
						     ch.encryptor.len, text,
						     size);
		break;
	case ROW_LINK:
		link.id = r->id;
		ockam_nl_mark(&link, OCKAM_A_LINK_ID);
		if (!ockam_nl_link_get(t->ctl->nl, &link))
			len = ockam_text_print_route(link.name.data,
						     link.name.len, text, size);
		break;
	case ROW_DROP:
		len = snprintf(text, size, "%s", ockam_nl_drop_name(r->id));
		break;
	}
	if (len < 0)
		snprintf(text, size, "%u", r->id);
}

static void print_row(const struct top *t, const struct row *r, json_t *list)
{
	char name[OCKAM_TEXT_ROUTE_MAX], bytes[2][24];
	double rate[4];
	int i;

	name_of(t, r, name, sizeof(name));
	for (i = 0; i < 2; i++) {
		rate[i] = grown(r->total[i].messages, r->before[i].messages) /
			  t->seconds;
		rate[2 + i] = grown(r->total[i].bytes, r->before[i].bytes) /
			      t->seconds;
		bytes_text(rate[2 + i], bytes[i], sizeof(bytes[i]));
	}
	if (list)
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:f, s:f, s:f, s:f}", "object",
			kinds[r->kind], "name", name, "in-messages", rate[0],
			"in-bytes", rate[2], "out-messages", rate[1],
			"out-bytes", rate[3]));
	else
		printf("%-8s %-34s %9.0f %9s/s %9.0f %9s/s\n", kinds[r->kind],
		       name, rate[0], bytes[0], rate[1], bytes[1]);
}

static void print_table(struct top *t)
{
	json_t *list = t->ctl->json ? json_array() : NULL;
	uint64_t shown = 0;
	size_t i;

	qsort(t->row, t->n, sizeof(*t->row), by_rate);
	if (!list && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	if (!list)
		printf("%-8s %-34s %9s %11s %9s %11s\n", "", "NAME", "IN/s",
		       "", "OUT/s", "");
	for (i = 0; i < t->n && shown < t->limit; i++, shown++) {
		if (!news(&t->row[i], false))
			break;
		print_row(t, &t->row[i], list);
	}
	if (list) {
		json_dumpf(list, stdout, JSON_COMPACT);
		json_decref(list);
	}
	putchar('\n');
}

static void sleep_for(double seconds)
{
	struct timespec ts = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (long)seconds) * 1e9,
	};

	nanosleep(&ts, NULL);
}

static int top_run(struct top *t, struct watch *w, uint64_t count)
{
	uint64_t n;
	size_t i;

	for (n = 0; !count || n < count; n++) {
		for (i = 0; i < t->n; i++)
			memcpy(t->row[i].before, t->row[i].total,
			       sizeof(t->row[i].before));
		sleep_for(t->seconds);
		watch_flows(w, on_flow, t);
		print_table(t);
		/* Whoever reads goes away: so do we. */
		if (fflush(stdout))
			return CTL_OK;
	}
	return CTL_OK;
}

/* As many as the terminal has lines for. */
static uint64_t terminal_rows(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || ws.ws_row < 4)
		return ROWS_DEFAULT;
	return ws.ws_row - 3;
}

static int run_top(struct ctl *ctl, int argc, char **argv)
{
	const char *seconds = NULL, *count = NULL, *rows = NULL;
	const struct word words[] = {
		{ "every-ms", &seconds, NULL }, { "count", &count, NULL },
		{ "rows", &rows, NULL }, { NULL, NULL, NULL }
	};
	struct top t = { .ctl = ctl, .limit = terminal_rows() };
	uint64_t ms = 1000, n = 0;
	struct watch *w;
	int err;

	err = words_parse(words, argc, argv);
	if (!err && seconds)
		err = arg_number("every-ms", seconds, 3600000, &ms);
	if (!err && !ms)
		err = ctl_usage("every-ms: at least 1");
	if (!err && count)
		err = arg_number("count", count, UINT32_MAX, &n);
	if (!err && rows)
		err = arg_number("rows", rows, ROWS_MAX, &t.limit);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	t.seconds = ms / 1e3;
	if (watch_rates(&w))
		return ctl_fail(ctl, "top: %s", watch_error());
	t.row = calloc(ROWS_MAX, sizeof(*t.row));
	err = t.row ? top_run(&t, w, n) : ctl_fail(ctl, "top: out of memory");
	free(t.row);
	watch_close(w);
	return err;
}

const struct command top_commands[] = {
	{ "", "[every-ms N] [count N] [rows N]",
	  "workers, hops, channels, links and drops by rate, until it is ended or COUNT tables were printed",
	  run_top },
	{ }
};
