// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Turns: start-time fair queueing of what strangers make us compute, over the time
 * that it really took; within a source in turn by link and channel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/turns.h"

#define LINE_JOBS	256
#define LINE_BYTES	(2U << 20)
#define ALL_JOBS	1024
#define ALL_BYTES	(8U << 20)
/* Sources remembered for what they have cost while nothing of theirs waits. */
#define IDLE_LINES	256

TAILQ_HEAD(jobs, job);

/**
 * struct way - what came from a source by one link and channel
 * @entry: in turn
 * @line: the source
 * @source: with link and channel
 * @jobs: oldest first
 * @n: of them, those that count
 */
struct way {
	TAILQ_ENTRY(way) entry;
	struct line *line;
	struct source source;
	struct jobs jobs;
	size_t n;
};

/**
 * struct line - what came from one source
 * @entry: list
 * @source: it
 * @ways: those with jobs, the next one first
 * @n: jobs that count
 * @bytes: that they hold
 * @cost: what it has had, in ns, or what all had at least when it came
 */
struct line {
	TAILQ_ENTRY(line) entry;
	struct source source;
	TAILQ_HEAD(, way) ways;
	size_t n;
	size_t bytes;
	uint64_t cost;
};

static TAILQ_HEAD(, line) lines = TAILQ_HEAD_INITIALIZER(lines);
static size_t n_jobs, n_bytes;	/* those that count */
static size_t n_waiting;	/* all */
static size_t n_idle;		/* lines without jobs */
static uint64_t cost_now;	/* of the line that had its turn last */

static void turn(struct watch *w, uint32_t events);

/* Readable as long as something waits. */
static struct watch bell = { .fd = -1, .fn = turn };

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int turns_init(void)
{
	bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell.fd < 0 ? -errno : loop_add(&bell, EPOLLIN);
}

static void ring(bool on)
{
	uint64_t n = 1;

	if (on ? write(bell.fd, &n, sizeof(n)) < 0 :
		 read(bell.fd, &n, sizeof(n)) < 0)
		log_error("turns: %s", strerror(errno));
}

/* ---- lines ---- */

static void line_free(struct line *l)
{
	TAILQ_REMOVE(&lines, l, entry);
	n_idle--;
	free(l);
}

/* Who has had no more than others since has nothing to make up for. */
static void forget_idle(void)
{
	struct line *l, *next, *least = NULL;

	TAILQ_FOREACH_SAFE(l, &lines, entry, next) {
		if (!TAILQ_EMPTY(&l->ways))
			continue;
		if (l->cost <= cost_now || !n_waiting)
			line_free(l);
		else if (!least || l->cost < least->cost)
			least = l;
	}
	if (n_idle > IDLE_LINES)
		line_free(least);
}

static struct line *line_of(const struct source *src)
{
	struct line *l;

	TAILQ_FOREACH(l, &lines, entry)
		if (source_same(&l->source, src))
			return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->source = *src;
	l->cost = cost_now;
	TAILQ_INIT(&l->ways);
	TAILQ_INSERT_TAIL(&lines, l, entry);
	n_idle++;
	return l;
}

static struct way *find_way(const struct line *l, const struct source *src)
{
	struct way *w;

	TAILQ_FOREACH(w, &l->ways, entry)
		if (source_same_way(&w->source, src))
			return w;
	return NULL;
}

static struct way *way_new(struct line *l, const struct source *src)
{
	struct way *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->line = l;
	w->source = *src;
	TAILQ_INIT(&w->jobs);
	if (TAILQ_EMPTY(&l->ways)) {
		n_idle--;
		/* It has not waited until now. */
		if (l->cost < cost_now)
			l->cost = cost_now;
	}
	TAILQ_INSERT_TAIL(&l->ways, w, entry);
	return w;
}

static bool put(struct line *l, struct job *job)
{
	struct way *w = find_way(l, &job->source);

	if (!w)
		w = way_new(l, &job->source);
	if (!w)
		return false;
	job->way = w;
	TAILQ_INSERT_TAIL(&w->jobs, job, entry);
	if (!n_waiting++)
		ring(true);
	if (!job->bytes)
		return true;
	w->n++;
	l->n++;
	l->bytes += job->bytes;
	n_jobs++;
	n_bytes += job->bytes;
	return true;
}

static void take(struct job *job)
{
	struct way *w = job->way;
	struct line *l = w->line;

	TAILQ_REMOVE(&w->jobs, job, entry);
	job->way = NULL;
	if (!--n_waiting)
		ring(false);
	if (job->bytes) {
		w->n--;
		l->n--;
		l->bytes -= job->bytes;
		n_jobs--;
		n_bytes -= job->bytes;
	}
	if (!TAILQ_EMPTY(&w->jobs))
		return;
	TAILQ_REMOVE(&l->ways, w, entry);
	free(w);
	if (TAILQ_EMPTY(&l->ways))
		n_idle++;
}

/* ---- room ---- */

static struct way *largest_way(const struct line *l)
{
	struct way *w, *found = NULL;

	TAILQ_FOREACH(w, &l->ways, entry)
		if (!found || w->n > found->n)
			found = w;
	return found;
}

static struct line *largest_line(void)
{
	struct line *l, *found = NULL;

	TAILQ_FOREACH(l, &lines, entry)
		if (!found || l->bytes > found->bytes)
			found = l;
	return found;
}

/* Who has waited longer keeps his place. */
static struct job *latest_of(const struct way *w)
{
	struct job *job;

	TAILQ_FOREACH_REVERSE(job, &w->jobs, jobs, entry)
		if (job->bytes)
			break;
	return job;
}

static bool line_is_full(const struct line *l, const struct job *job)
{
	return l->n >= LINE_JOBS || l->bytes + job->bytes > LINE_BYTES;
}

static bool is_full(const struct line *l, const struct job *job)
{
	return line_is_full(l, job) || n_jobs >= ALL_JOBS ||
	       n_bytes + job->bytes > ALL_BYTES;
}

/* Who has to give way to one more of @l, NULL: it. */
static struct job *who_gives_way(const struct line *l, const struct job *job)
{
	const struct way *mine, *most;
	const struct line *line = l;

	if (!line_is_full(l, job)) {
		line = largest_line();
		if (line->bytes <= l->bytes + job->bytes)
			return NULL;
	}
	most = largest_way(line);
	mine = line == l ? find_way(l, &job->source) : NULL;
	if (!most || !most->n || (mine && most->n <= mine->n + 1))
		return NULL;
	return latest_of(most);
}

void turns_add(struct job *job)
{
	struct line *l = line_of(&job->source);
	struct job *out = NULL;

	job->way = NULL;
	while (l && job->bytes && is_full(l, job)) {
		out = who_gives_way(l, job);
		if (!out)
			break;
		take(out);
		out->drop(out);
	}
	if (!l || (job->bytes && is_full(l, job)) || !put(l, job))
		job->drop(job);
	if (n_idle > IDLE_LINES)
		forget_idle();
}

void turns_cancel(struct job *job)
{
	if (job->way)
		take(job);
}

/* ---- whose turn it is ---- */

static struct line *cheapest(void)
{
	struct line *l, *found = NULL;

	TAILQ_FOREACH(l, &lines, entry)
		if (!TAILQ_EMPTY(&l->ways) && (!found || l->cost < found->cost))
			found = l;
	return found;
}

static void turn(struct watch *unused, uint32_t events)
{
	const uint64_t begin = cpu_ns();
	struct line *l = cheapest();
	struct source src;
	struct job *job;
	struct way *w;

	(void)unused;
	(void)events;
	if (!l)
		return;
	cost_now = l->cost;
	w = TAILQ_FIRST(&l->ways);
	TAILQ_REMOVE(&l->ways, w, entry);
	TAILQ_INSERT_TAIL(&l->ways, w, entry);
	job = TAILQ_FIRST(&w->jobs);
	src = job->source;
	take(job);
	job->run(job);
	/* It may be another line by now. */
	l = line_of(&src);
	if (l)
		l->cost += cpu_ns() - begin;
	forget_idle();
}

void turns_end(void)
{
	struct line *l, *next;
	struct job *job;
	struct way *w;

	TAILQ_FOREACH_SAFE(l, &lines, entry, next) {
		while ((w = TAILQ_FIRST(&l->ways))) {
			job = TAILQ_FIRST(&w->jobs);
			take(job);
			job->drop(job);
		}
		line_free(l);
	}
	if (bell.fd < 0)
		return;
	loop_del(&bell);
	close(bell.fd);
	bell.fd = -1;
}
