// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Connections that end at both ends at once: a stranger greets, sends what his
 * connection is closed on, and ends it himself about when the kernel does, with
 * FIN or RST.  Nothing is used after it was let go of, and nothing is left that
 * comes back when the namespace is gone.
 *
 * OCKAM_RESET_ROUNDS says how often.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define STEPS		13		/* pauses, each half a millisecond longer */
#define ROUNDS		8		/* of all pauses, both ends */
#define LINGER_MS	2000		/* how long the kernel waits for last bytes */

static int rounds(void)
{
	const char *s = getenv("OCKAM_RESET_ROUNDS");

	return s ? atoi(s) : ROUNDS;
}

static void hang_up(int fd, bool hard)
{
	struct linger l = { .l_onoff = 1 };

	if (hard)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* @half_ms after what nobody sends. */
static bool once(const struct sockaddr_storage *at, int half_ms, bool hard)
{
	int fd = lt_tcp_connect(at);
	bool good;

	if (fd < 0)
		return false;
	/* A frame has a byte at least. */
	good = lt_greet(fd) && lt_write(fd, "\0\0\0\0", 4);
	if (half_ms)
		usleep(half_ms * 500);
	hang_up(fd, hard);
	return good;
}

static int run(void)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_children c;
	struct lt_node node;
	int i, step, parent;

	if (lt_node_new(&node))
		return __LINE__;
	parent = lt_listen(&node, &at, lt_conf(0));
	if (parent < 0)
		return __LINE__;
	for (i = 0; i < rounds(); i++) {
		for (step = 0; step < STEPS; step++) {
			if (!once(&at, step, false) || !once(&at, step, true))
				return __LINE__;
		}
	}
	if (!OT_WAIT(!lt_children(&node, parent, &c)))
		return __LINE__;
	/* Some of them wait for their last bytes when the namespace goes. */
	if (!once(&at, 0, false) || !once(&at, 0, true))
		return __LINE__;
	lt_node_free(&node);
	return 0;
}

/* In a process of its own, whose namespace goes with it. */
TEST(both_ends)
{
	int status = -1;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(run() & 0xff);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status)) {
		TH_LOG("line %d, modulo 256", WEXITSTATUS(status));
	}
	/* What was armed for later comes now. */
	usleep((LINGER_MS + 500) * 1000);
}

TEST_HARNESS_MAIN
