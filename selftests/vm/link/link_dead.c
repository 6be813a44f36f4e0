// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Peers that are there no more, that take nothing, or that say nothing: links
 * notice in time, tell why, and make room for those who come.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define DEAD_MS		30000	/* a dead path is noticed by then, by default */
#define ALIVE_MS	20000	/* and not before */

FIXTURE(dead) {
	struct lt_node node;
	struct lt_node far;
};

FIXTURE_SETUP(dead)
{
	ASSERT_EQ(0, lt_node_new(&self->far));
	ASSERT_EQ(0, lt_node_new(&self->node));
}

FIXTURE_TEARDOWN(dead)
{
	lt_node_free(&self->node);
	lt_node_free(&self->far);
}

/* Two nodes with a cable between them, and a link over it that is up. */
struct pair {
	int near;
	int door;
	int far;
};

static bool pair_up(struct __test_metadata *_metadata,
		    FIXTURE_DATA(dead) *self, struct pair *p)
{
	struct sockaddr_storage at = lt_addr("10.7.0.1", 4000);
	struct lt_children c;

	if (lt_cable(&self->far, &self->node, 7) || lt_enter(&self->far))
		return false;
	p->door = lt_listen(&self->far, &at, lt_conf());
	if (p->door < 0 || lt_enter(&self->node))
		return false;
	/* It tries once only, so that the reason stays what it was. */
	p->near = lt_connect(&self->node, &at,
			     lt_conf(.reconnect_min_ms = -1));
	if (p->near < 0 || !lt_is_up(&self->node, p->near) ||
	    !OT_WAIT(lt_children(&self->far, p->door, &c) == 1))
		return false;
	p->far = c.id[0];
	return lt_is_up(&self->far, p->far);
}

/* Nothing passes any more, and nobody is told. */
static bool cut(const struct lt_node *at)
{
	return !lt_enter(at) &&
	       !lt_run("ip route add blackhole 10.7.0.1/32 && ip route add blackhole 10.7.0.2/32");
}

static bool gone(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_link link;

	return lt_get(node, id, &link) == -ENOENT;
}

/* Both kinds, with nothing under way: keepalive. */
TEST_F(dead, idle)
{
	uint64_t start;
	struct pair p;

	ASSERT_TRUE(pair_up(_metadata, self, &p));
	/* Both live on for as long as the path does. */
	usleep(2 * DEAD_MS * 1000);
	ASSERT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, p.near));
	ASSERT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->far, p.far));

	start = ot_ms();
	ASSERT_TRUE(cut(&self->node));
	ASSERT_TRUE(cut(&self->far));
	EXPECT_TRUE(OT_WAIT_MS(lt_state(&self->node, p.near) !=
			       OCKAM_LINK_STATE_UP, DEAD_MS));
	EXPECT_TRUE(OT_WAIT_MS(gone(&self->far, p.far), DEAD_MS));
	EXPECT_GE(ot_limit(DEAD_MS + 1000), ot_ms() - start);
	EXPECT_EQ(OCKAM_LINK_REASON_TIMEOUT, lt_reason(&self->node, p.near));
	EXPECT_EQ(OCKAM_LINK_REASON_TIMEOUT, lt_gone(&self->far, p.far));
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_DEAD_PATHS));
	EXPECT_EQ(1, lt_stat(&self->far, OCKAM_STAT_DEAD_PATHS));
}

/* With data under way: the user timeout; sooner, if the link says so. */
TEST_F(dead, busy)
{
	struct ockam_nl_link set = { .dead_ms = 4000 };
	struct ot_route route;
	struct pair p;
	char name[64];
	int app;

	ASSERT_TRUE(pair_up(_metadata, self, &p));
	set.id = p.near;
	ockam_nl_mark(&set, OCKAM_A_LINK_ID);
	ockam_nl_mark(&set, OCKAM_A_LINK_DEAD_MS);
	ASSERT_EQ(0, ockam_nl_link_set(self->node.nl, &set));
	ASSERT_EQ(0, lt_name(&self->node, p.near, name));
	ASSERT_TRUE(cut(&self->far));
	ASSERT_EQ(0, lt_enter(&self->node));

	app = lt_worker("app", 0);
	ASSERT_LE(0, app);
	route = ot_route(name, "worker", NULL);
	ASSERT_EQ(5, ot_sendx(app, ot_out(.onward = &route), "hello", 5));
	EXPECT_TRUE(OT_WAIT_MS(lt_state(&self->node, p.near) !=
			       OCKAM_LINK_STATE_UP, 6000));
	EXPECT_EQ(OCKAM_LINK_REASON_TIMEOUT, lt_reason(&self->node, p.near));
	close(app);

	/* TCP's keepalive counts seconds. */
	set.dead_ms = 999;
	EXPECT_EQ(-ERANGE, ockam_nl_link_set(self->node.nl, &set));
	EXPECT_STREQ("dead-ms", ockam_nl_bad_attribute(self->node.nl));
	EXPECT_EQ(-ERANGE, lt_set(&self->node, OCKAM_A_NODE_DEAD_MS, 999));
}

/* A peer that is there and takes nothing: its window stays shut. */
TEST_F(dead, takes_nothing)
{
	struct ot_route route;
	struct lt_wire w;
	char buf[8192] = {};
	uint64_t start;
	int app, err;

	ASSERT_EQ(0, lt_small_buffers());
	ASSERT_EQ(0, lt_wire_accept(&self->node, &w, "127.0.0.1", lt_conf()));
	ASSERT_EQ(0, lt_wire_up(&self->node, &w));
	app = lt_worker("app", 0);
	ASSERT_LE(0, app);
	route = ot_route(w.name, "worker", NULL);

	/* Whoever waits for room learns that there will be none. */
	start = ot_ms();
	do {
		err = ot_sendx(app, ot_out(.onward = &route), buf, sizeof(buf));
	} while (err > 0 && ot_ms() - start < ot_limit(2 * DEAD_MS));
	EXPECT_GT(0, err);
	EXPECT_TRUE(OT_WAIT_MS(gone(&self->node, w.link), DEAD_MS));
	EXPECT_LE(ALIVE_MS, ot_ms() - start);
	EXPECT_EQ(OCKAM_LINK_REASON_TIMEOUT, lt_gone(&self->node, w.link));
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_DEAD_PATHS));
	close(app);
	close(w.peer);
}

/* A connection of a stranger's: its socket, and its link. */
static bool stranger(const struct lt_node *node, int door,
		     const struct sockaddr_storage *at, struct lt_wire *w)
{
	struct lt_children before, now;
	unsigned int i, j;

	lt_children(node, door, &before);
	w->peer = lt_tcp_connect(at);
	if (w->peer < 0 || !lt_greet(w->peer))
		return false;
	lt_children(node, door, &now);
	for (i = 0; i < now.n; i++) {
		for (j = 0; j < before.n; j++)
			if (before.id[j] == now.id[i])
				break;
		if (j < before.n)
			continue;
		w->link = now.id[i];
		return lt_is_up(node, w->link);
	}
	return false;
}

static bool speaks(const struct lt_node *node, const struct lt_wire *w)
{
	struct ockam_nl_link link;

	return lt_tell(w->peer, "nobody", "x", 1) &&
	       OT_WAIT(!lt_get(node, w->link, &link) && link.rx_msgs &&
		       ockam_nl_has(&link, OCKAM_A_LINK_SILENT_MS));
}

/* At the limit the one that was silent longest makes room, and is told so. */
TEST_F(dead, makes_room)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_link link;
	struct lt_wire w[7];
	int door, fd;

	door = lt_listen(&self->node, &at, lt_conf(.max_accepted = 3));
	ASSERT_LE(0, door);
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[0]));
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[1]));
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[2]));
	ASSERT_EQ(0, lt_get(&self->node, w[1].link, &link));
	EXPECT_FALSE(ockam_nl_has(&link, OCKAM_A_LINK_SILENT_MS));
	ASSERT_TRUE(speaks(&self->node, &w[1]));

	/* Who never said anything, the first one first. */
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[3]));
	EXPECT_TRUE(gone(&self->node, w[0].link));
	EXPECT_EQ(OCKAM_LINK_REASON_LIMIT, lt_gone(&self->node, w[0].link));
	EXPECT_TRUE(lt_ended(w[0].peer));
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[4]));
	EXPECT_TRUE(gone(&self->node, w[2].link));
	EXPECT_FALSE(gone(&self->node, w[1].link));
	EXPECT_EQ(2, lt_stat(&self->node, OCKAM_STAT_ACCEPTS_DISPLACED));

	/* All have spoken: not he who came first, but he who is silent. */
	usleep(1500000);
	ASSERT_TRUE(speaks(&self->node, &w[4]));
	usleep(1500000);
	ASSERT_TRUE(speaks(&self->node, &w[3]));
	ASSERT_TRUE(lt_tell(w[1].peer, "nobody", "x", 1));
	ASSERT_TRUE(OT_WAIT(!lt_get(&self->node, w[1].link, &link) &&
			    link.rx_msgs == 2));
	ASSERT_TRUE(stranger(&self->node, door, &at, &w[5]));
	EXPECT_TRUE(gone(&self->node, w[4].link));
	EXPECT_FALSE(gone(&self->node, w[1].link));
	EXPECT_FALSE(gone(&self->node, w[3].link));
	EXPECT_EQ(3, lt_stat(&self->node, OCKAM_STAT_ACCEPTS_DISPLACED));
	EXPECT_EQ(0, lt_stat(&self->node, OCKAM_STAT_ACCEPTS_REFUSED));
	ASSERT_EQ(0, lt_get(&self->node, door, &link));
	EXPECT_EQ(3, link.children);

	/* But not for somebody who speaks just now. */
	usleep(2000000);
	ASSERT_TRUE(speaks(&self->node, &w[5]));
	ASSERT_TRUE(lt_tell(w[3].peer, "nobody", "x", 1));
	ASSERT_TRUE(lt_tell(w[1].peer, "nobody", "x", 1));
	ASSERT_TRUE(OT_WAIT(!lt_get(&self->node, w[1].link, &link) &&
			    link.rx_msgs == 3));
	/* In counted time not a second has passed. */
	if (!getenv("OCKAM_VM_PARALLEL")) {
		fd = lt_tcp_connect(&at);
		EXPECT_TRUE(fd < 0 ? fd == -ECONNRESET : lt_ended(fd));
		if (fd >= 0)
			close(fd);
		EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_ACCEPTS_REFUSED));
	}
	for (fd = 0; fd < 6; fd++)
		close(w[fd].peer);
}

/* Each refusal has a counter of its own. */
TEST_F(dead, counters)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	int door, fd;

	door = lt_listen(&self->node, &at, lt_conf(.frame_ms = 500));
	ASSERT_LE(0, door);

	fd = lt_tcp_connect(&at);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(lt_write(fd, "\2", 1));
	EXPECT_TRUE(lt_ended(fd));
	close(fd);
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_BAD_VERSIONS));

	fd = lt_tcp_connect(&at);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(lt_ended(fd));
	close(fd);
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_VERSION_TIMEOUTS));

	fd = lt_tcp_connect(&at);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(lt_greet(fd) && lt_write(fd, "\0\0\0\5\1", 5));
	EXPECT_TRUE(lt_ended(fd));
	close(fd);
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_FRAME_TIMEOUTS));

	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_BAD_VERSIONS));
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_VERSION_TIMEOUTS));
	EXPECT_EQ(0, lt_stat(&self->node, OCKAM_STAT_DEAD_PATHS));
}

TEST_HARNESS_MAIN
