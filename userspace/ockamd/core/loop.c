// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The event loop. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/loop.h"

static int epfd = -1;
static int timer = -1;
static bool running;
static bool is_busy;

static int set_timer(unsigned int ms)
{
	const struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};
	const struct itimerspec it = { .it_interval = ts, .it_value = ts };

	return timerfd_settime(timer, 0, &it, NULL);
}

int loop_init(void)
{
	struct epoll_event ev = { .events = EPOLLIN };

	epfd = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (epfd < 0 || timer < 0)
		return -errno;
	/* The timer is the one without a watch. */
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, timer, &ev) ||
	    set_timer(TICK_IDLE_MS))
		return -errno;
	return 0;
}

static int control(struct watch *w, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(epfd, op, w->fd, &ev) ? -errno : 0;
}

int loop_add(struct watch *w, uint32_t events)
{
	return control(w, EPOLL_CTL_ADD, events);
}

int loop_change(struct watch *w, uint32_t events)
{
	return control(w, EPOLL_CTL_MOD, events);
}

void loop_del(struct watch *w)
{
	if (w->fd >= 0)
		control(w, EPOLL_CTL_DEL, 0);
}

void loop_busy(bool busy)
{
	if (busy == is_busy)
		return;
	is_busy = busy;
	if (set_timer(busy ? TICK_MS : TICK_IDLE_MS))
		log_error("timer: %s", strerror(errno));
}

void loop_stop(void)
{
	running = false;
}

int loop_run(void (*tick)(void))
{
	struct epoll_event ev;
	struct watch *w;
	uint64_t expired;
	int n;

	running = true;
	while (running) {
		/* One at a time: a callback may free any other watch. */
		n = epoll_wait(epfd, &ev, 1, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		w = ev.data.ptr;
		if (w) {
			w->fn(w, ev.events);
			continue;
		}
		if (read(timer, &expired, sizeof(expired)) > 0)
			tick();
	}
	return 0;
}
