// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Several who send over one link at the same time, so that its lock is often taken,
 * by somebody who does not run just now: who does not block, does not wait for that.
 */
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "ockam_test.h"
#include "link_test.h"

#define SIZE		16000
#define SENDERS		4
#define ROUNDS		5000

static char big[SIZE];
static volatile bool stop;

FIXTURE(busy) {
	struct lt_node node;
	int sink;
	int app;
};

FIXTURE_SETUP(busy)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	int id;

	stop = false;
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_LT(0, lt_listen(&self->node, &at, lt_conf(0)));
	id = lt_connect(&self->node, &at, lt_conf(.name = "busy"));
	ASSERT_LT(0, id);
	ASSERT_TRUE(lt_is_up(&self->node, id));
	self->sink = lt_worker("sink", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->sink);
	self->app = ot_worker("app", 0);
	ASSERT_LE(0, self->app);
}

FIXTURE_TEARDOWN(busy)
{
	close(self->app);
	close(self->sink);
	lt_node_free(&self->node);
}

static ssize_t send_over(int fd, int flags)
{
	struct ot_route r = ot_route("busy", "sink", NULL);

	return ot_sendx(fd, ot_out(.to = &r, .flags = flags), big, SIZE);
}

static long send_always(void *arg)
{
	int fd = ot_socket(0);
	long n = 0;

	if (fd < 0)
		return fd;
	while (!stop && n >= 0)
		n = send_over(fd, 0);
	close(fd);
	return n < 0 ? n : 0;
}

/* Until its socket is shut. */
static long take_all(void *arg)
{
	static char buf[SIZE];
	int fd = *(int *)arg;
	long n = 0;

	while (recv(fd, buf, sizeof(buf), 0) == SIZE)
		n++;
	return n;
}

static long sleeps(void)
{
	struct rusage ru = {};

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_nvcsw;
}

TEST_F_TIMEOUT(busy, nonblocking_never_sleeps, 3600)
{
	struct ot_task sender[SENDERS], taker;
	unsigned int i, sent = 0, refused = 0;
	long before, slept;

	ASSERT_EQ(0, ot_task_start(&taker, take_all, &self->sink));
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, ot_task_start(&sender[i], send_always, NULL));
	before = sleeps();
	for (i = 0; i < ROUNDS || !sent; i++) {
		ssize_t n = send_over(self->app, MSG_DONTWAIT);

		if (n == SIZE)
			sent++;
		else if (n == -EAGAIN)
			refused++;
		else
			break;
	}
	slept = sleeps() - before;
	stop = true;
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, ot_task_end(&sender[i]));
	shutdown(self->sink, SHUT_RD);
	EXPECT_LT(0, ot_task_end(&taker));
	TH_LOG("%u sent, %u refused", sent, refused);
	EXPECT_LE(ROUNDS, sent + refused);
	EXPECT_EQ(0, slept);
}

TEST_HARNESS_MAIN
