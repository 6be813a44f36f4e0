// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Many senders that wait: who pays for their messages, and what they cost. */
#include <linux/sockios.h>

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
	for (i = 0; i <= SENDERS; i++)
		ASSERT_EQ(1, ot_recv(self->sink, &c, 1, 0));
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

TEST_HARNESS_MAIN
