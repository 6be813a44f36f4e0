// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Many senders that wait: who pays for their messages, and what they cost. */
#include <linux/sockios.h>
#include <sys/mount.h>

#include "kselftest_harness.h"
#include "ockam_test.h"

#define BIG	(1u << 20)
#define SENDERS	32

static char big[BIG];

FIXTURE(wait) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int sink;
};

FIXTURE_SETUP(wait)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->sink = ot_worker("sink", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(wait)
{
	close(self->app);
	close(self->sink);
	ot_nl_close(&self->nl);
}

/* One message over the limit: the queue is full by it alone. */
#define FILL() ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, MSG_DONTWAIT))

static long free_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	if (!f)
		return -1;
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) != 1)
			kib = -1;
	fclose(f);
	return kib;
}

static int outq(int fd)
{
	int n = -1;

	return ioctl(fd, SIOCOUTQ, &n) ? -errno : n;
}

static long send_big(void *arg)
{
	return ot_send(*(int *)arg, "sink", big, BIG, 0);
}

/* However many threads send: one message, and SO_SNDBUF. */
TEST_F(wait, senders_pay_before_they_wait)
{
	struct ot_task t[SENDERS];
	long before, taken;
	unsigned int i;
	char c;

	ASSERT_EQ(0, ot_set(self->app, SOL_SOCKET, SO_SNDBUF, 0));
	FILL();
	memset(big, 1, BIG);
	before = free_kib();
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], send_big, &self->app));
	for (i = 0; i < SENDERS; i++)
		ASSERT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	taken = before - free_kib();
	TH_LOG("%d senders wait with %ld KiB, SIOCOUTQ %d", SENDERS, taken,
	       outq(self->app));
	/* One message of a MiB, and the threads' own stacks. */
	EXPECT_GT(8192, taken);
	EXPECT_LE((int)BIG, outq(self->app));
	EXPECT_GT(2 * (int)BIG, outq(self->app));
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));
	EXPECT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));

	/* And each of them gets there. */
	for (i = 0; i <= SENDERS; i++) {
		ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
		/* Room for one is not room for all who have waited. */
		EXPECT_GT(3 * (int)BIG, outq(self->app));
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(BIG, ot_task_end(&t[i]));
	EXPECT_EQ(0, outq(self->app));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

/* What is not sent leaves nothing on the account. */
TEST_F(wait, refused_messages_cost_nothing)
{
	char c;

	FILL();
	EXPECT_EQ(-EAGAIN, ot_send(self->app, "sink", big, BIG, MSG_DONTWAIT));
	EXPECT_EQ(0, outq(self->app));
	EXPECT_EQ(-EHOSTUNREACH, ot_send(self->app, "nobody", big, BIG, 0));
	EXPECT_EQ(0, outq(self->app));
	EXPECT_EQ(-EFAULT, ot_send(self->app, "sink", (void *)8, BIG, 0));
	EXPECT_EQ(0, outq(self->app));
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
}

/* ---- those who only want to know when there is room ---- */

#define POLLERS	400

static int refused_once(int ep, uint32_t id)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET,
				  .data.u32 = id };
	int fd = ot_socket(SOCK_NONBLOCK);
	struct epoll_event got;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = ot_send(fd, "sink", "x", 1, 0);
	if (n != -EAGAIN || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) ||
	    epoll_wait(ep, &got, 1, 0))
		return -EPROTO;
	return fd;
}

/* How often the kernel has called one, counted by a probe; -1: no probes here. */
static long calls(void)
{
	FILE *f = fopen("/sys/kernel/tracing/kprobe_profile", "r");
	char name[64];
	long hits, n = -1;

	if (!f)
		return -1;
	while (n < 0 && fscanf(f, "%63s %ld %*d", name, &hits) == 2)
		if (!strcmp(name, "ockam_called"))
			n = hits;
	fclose(f);
	return n;
}

static bool count_calls(void)
{
	mount("none", "/sys/kernel/tracing", "tracefs", 0, NULL);
	return !ot_write("/sys/kernel/tracing/kprobe_events",
			 "p:ockam/ockam_called ockam:sock_unblocked") &&
	       !ot_write("/sys/kernel/tracing/events/ockam/ockam_called/enable",
			 "1");
}

static void count_no_calls(void)
{
	ot_write("/sys/kernel/tracing/events/ockam/ockam_called/enable", "0");
	ot_write("/sys/kernel/tracing/kprobe_events", "");
}

/* Who was refused once and does nothing more costs readers one call. */
TEST_F(wait, pollers_are_called_once)
{
	int fds[POLLERS];
	bool counting;
	int i;
	char c;

	counting = count_calls();
	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_RCVBUFFORCE, 0));
	FILL();
	for (i = 0; i < POLLERS; i++) {
		fds[i] = ot_socket(SOCK_NONBLOCK);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(-EAGAIN, ot_send(fds[i], "sink", "x", 1, 0));
	}
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	/* Nobody else makes room, and they are called all the same. */
	if (counting)
		EXPECT_TRUE(OT_WAIT(calls() >= POLLERS));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(1, ot_say(self->app, "sink", "x"));
		ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	}
	if (counting)
		EXPECT_EQ(POLLERS, calls());
	count_no_calls();
	for (i = 0; i < POLLERS; i++)
		close(fds[i]);
	if (!counting)
		SKIP(return, "no kprobes in this kernel");
}

/* All of them are told, by whatever they have for that. */
TEST_F(wait, pollers_are_all_told)
{
	struct epoll_event got[POLLERS];
	bool told[POLLERS] = {};
	int fds[POLLERS];
	int ep, i, n, all;
	char c;

	ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, ep);
	FILL();
	for (i = 0; i < POLLERS; i++) {
		fds[i] = refused_once(ep, i);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	for (all = 0; all < POLLERS; all += n) {
		n = epoll_wait(ep, got, POLLERS, 10000);
		ASSERT_LT(0, n) {
			TH_LOG("%d of %d told", all, POLLERS);
		}
		for (i = 0; i < n; i++) {
			EXPECT_FALSE(told[got[i].data.u32]);
			told[got[i].data.u32] = true;
		}
	}
	for (i = 0; i < POLLERS; i++)
		close(fds[i]);
	close(ep);
}

static long poll_out(void *arg)
{
	return ot_poll(*(int *)arg, POLLOUT, -1);
}

/* Room that others were faster to take is no reason to hang. */
TEST_F(wait, pollers_get_in_line_again)
{
	struct ot_task t;
	int fd, i;
	char c;

	fd = ot_socket(SOCK_NONBLOCK);
	ASSERT_LE(0, fd);
	FILL();
	ASSERT_EQ(-EAGAIN, ot_send(fd, "sink", "x", 1, 0));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
		FILL();
		EXPECT_EQ(0, ot_poll(fd, POLLOUT, 0));
	}
	ASSERT_EQ(0, ot_task_start(&t, poll_out, &fd));
	ASSERT_TRUE(ot_task_blocks(&t, OT_SYS_POLL));
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	EXPECT_EQ(POLLOUT, ot_task_end(&t));
	close(fd);
}

static long send_small(void *arg)
{
	return ot_say(*(int *)arg, "sink", "x");
}

/* Senders that sleep are called behind pollers that do not come. */
TEST_F(wait, sleepers_behind_pollers)
{
	struct ot_task t[SENDERS];
	int fds[POLLERS];
	int ep, i;
	char c;

	ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, ep);
	FILL();
	for (i = 0; i < POLLERS; i++) {
		fds[i] = refused_once(ep, i);
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < SENDERS; i++) {
		ASSERT_EQ(0, ot_task_start(&t[i], send_small, &fds[i]));
		/* Not blocking any more, as far as send() goes. */
		ASSERT_EQ(-EAGAIN, ot_task_end(&t[i]));
		ASSERT_EQ(0, fcntl(fds[i], F_SETFL, 0));
		ASSERT_EQ(0, ot_task_start(&t[i], send_small, &fds[i]));
	}
	for (i = 0; i < SENDERS; i++)
		ASSERT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	/* Room for all of them by this one. */
	ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(1, ot_task_end(&t[i]));
	for (i = 0; i < SENDERS; i++)
		EXPECT_TRUE(ot_hears(self->sink, "x"));
	for (i = 0; i < POLLERS; i++)
		close(fds[i]);
	close(ep);
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_HARNESS_MAIN
