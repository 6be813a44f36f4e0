// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A UDP link whose device takes nothing: an Ethernet on which nobody says who
 * has the peer's address, so that the kernel keeps all that is sent there.
 */
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "ockam_test.h"
#include "link_test.h"

#define SIZE		20000
#define SENDERS		20

static char big[SIZE];

FIXTURE(slow) {
	struct lt_node node;
	struct lt_node far;
	int app;
	int link;
};

static int slow_link(struct lt_node *node)
{
	struct ockam_nl_link link = {
		.kind = OCKAM_LINK_KIND_UDP,
		.mode = OCKAM_LINK_MODE_CONNECT,
	};
	struct sockaddr_storage to = {};
	struct sockaddr_in *in = (void *)&to;
	int err;

	in->sin_family = AF_INET;
	in->sin_port = htons(4000);
	inet_pton(AF_INET, "10.7.0.9", &in->sin_addr);
	lt_key(&link.name, "slow");
	lt_ip(&link.remote_ip, &to, &link.remote_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_KIND);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_PORT);
	err = ockam_nl_link_new(node->nl, &link);
	return err ?: (int)link.id;
}

FIXTURE_SETUP(slow)
{
	ASSERT_EQ(0, lt_node_new(&self->far));
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_cable(&self->far, &self->node, 7));
	/* Asks for the address for an hour, and keeps all until then. */
	ASSERT_EQ(0, ot_write("/proc/sys/net/ipv4/neigh/v7/mcast_solicit",
			      "3600"));
	ASSERT_EQ(0, ot_write("/proc/sys/net/ipv4/neigh/v7/unres_qlen_bytes",
			      "100000000"));
	self->link = slow_link(&self->node);
	ASSERT_LT(0, self->link);
	self->app = ot_worker("app", 0);
	ASSERT_LE(0, self->app);
	/* So that it is the link that is full. */
	ASSERT_EQ(0, ot_set(self->app, SOL_SOCKET, SO_SNDBUFFORCE, 50000000));
}

FIXTURE_TEARDOWN(slow)
{
	close(self->app);
	lt_node_free(&self->node);
	lt_node_free(&self->far);
}

static ssize_t send_far(int fd, int flags)
{
	struct ot_route r = ot_route("slow", "echoer", NULL);

	return ot_sendx(fd, ot_out(.to = &r, .flags = flags), big, SIZE);
}

/* Until there is no room: the number of messages, or -errno. */
static int fill(int fd)
{
	ssize_t n;
	int i;

	for (i = 0; i < 1000; i++) {
		n = send_far(fd, MSG_DONTWAIT);
		if (n != SIZE)
			return n == -EAGAIN ? i : n;
	}
	return i;
}

static void on_signal(int sig)
{
}

static long send_one(void *arg)
{
	int fd = ot_socket(0);
	long n;

	if (fd < 0)
		return fd;
	n = send_far(fd, 0);
	close(fd);
	return n;
}

static long sleeps(void)
{
	struct rusage ru = {};

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_nvcsw;
}

/* Frames that wait for the device are in the link's queue, and it has an end. */
TEST_F(slow, nonblocking_never_sleeps)
{
	struct ot_task t[SENDERS];
	unsigned int i;
	long before;
	int n;

	n = fill(self->app);
	TH_LOG("%d messages of %d bytes", n, SIZE);
	ASSERT_LT(0, n);
	ASSERT_GT(200, n);
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], send_one, NULL));
	for (i = 0; i < SENDERS; i++)
		EXPECT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	before = sleeps();
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EAGAIN, send_far(self->app, MSG_DONTWAIT));
	EXPECT_EQ(before, sleeps());
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));

	/* Somebody has the address: all goes out. */
	ASSERT_EQ(0, lt_run("ip neigh replace 10.7.0.9 lladdr 02:00:00:00:00:09 dev v7"));
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(SIZE, ot_task_end(&t[i]));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 10000));
	EXPECT_EQ(SIZE, send_far(self->app, MSG_DONTWAIT));
}

TEST_F(slow, signals_end_it)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct ot_task t[SENDERS];
	unsigned int i;

	sigaction(SIGUSR1, &sa, NULL);
	ASSERT_LT(0, fill(self->app));
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], send_one, NULL));
	for (i = 0; i < SENDERS; i++)
		EXPECT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	for (i = 0; i < SENDERS; i++)
		pthread_kill(t[i].thread, SIGUSR1);
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(-EINTR, ot_task_end(&t[i]));
}

TEST_F(slow, timeouts_are_kept)
{
	struct timeval tv = { .tv_usec = 50000 };

	ASSERT_LT(0, fill(self->app));
	ASSERT_EQ(0, setsockopt(self->app, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	EXPECT_EQ(-EAGAIN, send_far(self->app, 0));
}

/* Those who wait get an error, and the link goes at once. */
TEST_F(slow, the_link_goes)
{
	struct ot_task t[SENDERS];
	unsigned int i;

	ASSERT_LT(0, fill(self->app));
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], send_one, NULL));
	for (i = 0; i < SENDERS; i++)
		EXPECT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	ASSERT_EQ(0, lt_del(&self->node, self->link));
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(-EHOSTUNREACH, ot_task_end(&t[i]));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
}

/*
 * What waited arrives whole and in order: the far end hears it when it has got
 * the address.
 */
TEST_F(slow, nothing_is_lost)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(4000) };
	int one = 1 << 24, n, want, got = 0;
	uint8_t piece[2048];
	int fd;

	ASSERT_EQ(0, lt_enter(&self->far));
	inet_pton(AF_INET, "10.7.0.9", &at.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &one,
				sizeof(one)));
	ASSERT_EQ(0, lt_enter(&self->node));
	want = fill(self->app);
	ASSERT_LT(0, want);

	ASSERT_EQ(0, lt_enter(&self->far));
	ASSERT_EQ(0, lt_run("ip addr add 10.7.0.9/24 dev v7"));
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&at, sizeof(at)));
	/* A piece's payload is full but for a message's last one. */
	while (got < want && ot_poll(fd, POLLIN, 20000) == POLLIN) {
		n = recv(fd, piece, sizeof(piece), 0);
		ASSERT_LT(0, n);
		if (n > 100 && n < 480)
			got++;
	}
	EXPECT_EQ(want, got);
	close(fd);
}

TEST_HARNESS_MAIN
