// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Looking up names of hosts, which may take as long as it likes: each in a thread of
 * its own, some at a time.  A thread touches nothing but its lookup.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base.h"
#include "core/loop.h"
#include "core/resolve.h"

#define AT_ONCE		8

/**
 * struct lookup - a host that is looked up
 * @entry: of the list of those that wait, or of those that are over
 * @host: its name
 * @passive: its address is to be listened at
 * @done: who is told
 * @arg: for @done; both are the event loop's
 * @result: for @done
 */
struct lookup {
	TAILQ_ENTRY(lookup) entry;
	char *host;
	bool passive;
	void (*done)(void *arg, const struct resolved *r);
	void *arg;
	struct resolved result;
};

TAILQ_HEAD(lookups, lookup);

static struct lookups waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int under_way;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* @lock protects it; the threads put in what is over. */
static struct lookups over = TAILQ_HEAD_INITIALIZER(over);
static struct watch watch = { .fd = -1 };

static void lookup_free(struct lookup *l)
{
	free(l->host);
	free(l);
}

/* ---- in the thread ---- */

static void take(struct resolved *r, const struct addrinfo *ai)
{
	size_t i = r->n;

	if (ai->ai_family == AF_INET) {
		const struct sockaddr_in *in = (void *)ai->ai_addr;

		r->addr[i].len = 4;
		memcpy(r->addr[i].data, &in->sin_addr, 4);
	} else if (ai->ai_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (void *)ai->ai_addr;

		r->addr[i].len = 16;
		memcpy(r->addr[i].data, &in6->sin6_addr, 16);
		r->addr[i].scope_id = in6->sin6_scope_id;
	} else {
		return;
	}
	r->n++;
}

static void *look_up(void *arg)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *ai;
	struct lookup *l = arg;
	const uint64_t one = 1;
	int err;

	hints.ai_flags = l->passive ? AI_PASSIVE : 0;
	err = getaddrinfo(l->host, NULL, &hints, &list);
	if (err)
		l->result.error = gai_strerror(err);
	for (ai = err ? NULL : list; ai && l->result.n < RESOLVE_MAX;
	     ai = ai->ai_next)
		take(&l->result, ai);
	if (!err) {
		freeaddrinfo(list);
		if (!l->result.n)
			l->result.error = "neither IPv4 nor IPv6";
	}
	pthread_mutex_lock(&lock);
	TAILQ_INSERT_TAIL(&over, l, entry);
	pthread_mutex_unlock(&lock);
	/* The counter is nowhere near its end. */
	if (write(watch.fd, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* ---- in the event loop ---- */

static void begin(void)
{
	pthread_attr_t attr;
	struct lookup *l;
	pthread_t thread;
	int err;

	while (under_way < AT_ONCE && (l = TAILQ_FIRST(&waiting))) {
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		TAILQ_REMOVE(&waiting, l, entry);
		under_way++;
		err = pthread_create(&thread, &attr, look_up, l);
		pthread_attr_destroy(&attr);
		if (!err)
			continue;
		/* Without one it is over. */
		l->result.error = "there is no thread to look it up";
		pthread_mutex_lock(&lock);
		TAILQ_INSERT_TAIL(&over, l, entry);
		pthread_mutex_unlock(&lock);
		eventfd_write(watch.fd, 1);
	}
}

static void one_is_over(struct watch *w, uint32_t events)
{
	struct lookup *l;
	uint64_t n;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	for (;;) {
		pthread_mutex_lock(&lock);
		l = TAILQ_FIRST(&over);
		if (l)
			TAILQ_REMOVE(&over, l, entry);
		pthread_mutex_unlock(&lock);
		if (!l)
			break;
		under_way--;
		if (l->done)
			l->done(l->arg, &l->result);
		lookup_free(l);
	}
	begin();
}

struct lookup *resolve(const char *host, bool passive,
		       void (*done)(void *arg, const struct resolved *r),
		       void *arg)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->host = strdup(host);
	if (!l->host) {
		free(l);
		return NULL;
	}
	l->passive = passive;
	l->done = done;
	l->arg = arg;
	TAILQ_INSERT_TAIL(&waiting, l, entry);
	begin();
	return l;
}

void resolve_forget(struct lookup *l)
{
	if (l)
		l->done = NULL;
}

int resolve_init(void)
{
	watch.fn = one_is_over;
	watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return watch.fd < 0 ? -errno : loop_add(&watch, EPOLLIN);
}

/* Threads may still be under way: what they need stays for the process's end. */
void resolve_end(void)
{
	struct lookup *l;

	while ((l = TAILQ_FIRST(&waiting))) {
		TAILQ_REMOVE(&waiting, l, entry);
		lookup_free(l);
	}
}
