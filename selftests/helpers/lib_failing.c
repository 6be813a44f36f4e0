// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Helper of tell_failed.sh, no test itself: it fails, and has something to tell. */
#include "kselftest_harness.h"
#include "link_test.h"

TEST(fails)
{
	struct ot_route route = ot_route("nobody", NULL);
	struct lt_node first, second;
	char name[16];
	int i, fd;

	ot_seed(_metadata);
	ASSERT_EQ(0, lt_node_new(&first));
	for (i = 1; i <= 30; i++) {
		snprintf(name, sizeof(name), "hop-%d", i);
		ASSERT_EQ(0, lt_hop(&first, name, &route, OCKAM_ACCEPT_LOCAL));
	}
	ASSERT_EQ(0, lt_node_new(&second));
	ASSERT_EQ(0, lt_hop(&second, "other", &route, OCKAM_ACCEPT_LOCAL));
	fd = ot_socket(0);
	ASSERT_EQ(-EHOSTUNREACH, ot_say(fd, "other", "x"));
	close(fd);
	EXPECT_EQ(1, i);
	lt_node_free(&first);
	lt_node_free(&second);
}

TEST_HARNESS_MAIN
