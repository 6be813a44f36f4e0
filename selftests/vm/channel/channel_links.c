// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Channels over links: what is as large as it may be arrives, however much the
 * channels put around it; and a route that changes loses nothing.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "bpf_test.h"

FIXTURE(over) {
	struct lt_node	node;
	char		back[64];
	int		app;
	int		sink;
};

FIXTURE_SETUP(over)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, ct_loop(&self->node, "up", self->back));
	self->app = lt_worker("app", OCKAM_ACCEPT_CHANNELS);
	self->sink = lt_worker("sink", OCKAM_ACCEPT_CHANNELS);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
}

FIXTURE_TEARDOWN(over)
{
	close(self->app);
	close(self->sink);
	ockam_nl_channel_flush(self->node.nl);
	ockam_nl_link_flush(self->node.nl);
	lt_node_free(&self->node);
}

/* Both ends of channel @n, whose ends reach each other by @to and @back. */
static int pair(struct lt_node *node, int n, const char *to, const char *back)
{
	char enc[2][16], dec[2][16], route[2][96];
	struct ct_keys k;
	int i, err = 0;

	ct_keys(&k);
	for (i = 0; i < 2; i++) {
		snprintf(enc[i], sizeof(enc[i]), "E%d%d", n, i + 1);
		snprintf(dec[i], sizeof(dec[i]), "D%d%d", n, i + 1);
	}
	snprintf(route[0], sizeof(route[0]), "%s%s", to, dec[1]);
	snprintf(route[1], sizeof(route[1]), "%s%s", back, dec[0]);
	for (i = 0; i < 2 && !err; i++)
		err = ct_new(node->nl, &k, !i, enc[i], dec[i], -1, route[i]);
	return err;
}

/* Channel 1 over the link, 2 through 1, 3 through 2. */
static int nest(struct lt_node *node, const char *over)
{
	char back[80];

	snprintf(back, sizeof(back), "%s>", over);
	return pair(node, 1, "up>", back) ?: pair(node, 2, "E11>", "E12>") ?:
	       pair(node, 3, "E21>", "E22>");
}

static void largest(struct __test_metadata *_metadata, int app, int sink,
		    const struct lt_node *node, const char *enc, size_t max)
{
	struct ot_route to = ot_route(enc, "sink", NULL);
	struct ockam_nl_node before = {};
	char *buf = malloc(max + 1);

	ASSERT_NE(NULL, buf);
	ot_fill(buf, max + 1, max);
	LT_MARK(node, &before);
	ASSERT_EQ(max, ot_sendx(app, ot_out(.to = &to), buf, max)) {
		TH_LOG("%zu bytes by %s", max, enc);
	}
	memset(buf, 0, max);
	EXPECT_EQ(max, ot_recv(sink, buf, max + 1, 0)) {
		TH_LOG("%zu bytes by %s", max, enc);
	}
	EXPECT_TRUE(ot_filled(buf, max, max));
	EXPECT_NO_DROPS(node, &before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(app, ot_out(.to = &to), buf, max + 1));
	EXPECT_DROPS(node, &before, OCKAM_DROP_TOO_BIG, 1);
	EXPECT_TRUE(ot_empty(sink));
	free(buf);
}

TEST_F(over, largest_message)
{
	static const size_t sizes[] = { 1, 2000, 30000, 1 << 20 };
	size_t i;

	ASSERT_EQ(0, nest(&self->node, self->back));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_MSG,
				    sizes[i]));
		largest(_metadata, self->app, self->sink, &self->node, "E11",
			sizes[i]);
		largest(_metadata, self->app, self->sink, &self->node, "E21",
			sizes[i]);
		largest(_metadata, self->app, self->sink, &self->node, "E31",
			sizes[i]);
	}
}

/* Close is a message of this node's own, and never too large. */
TEST_F(over, close_where_messages_are_small)
{
	struct ockam_nl_channel ch = {};

	ASSERT_EQ(0, nest(&self->node, self->back));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_MSG, 1));
	ch.encryptor.len = ct_flat(ch.encryptor.data, "E31");
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ASSERT_EQ(0, ockam_nl_channel_del(self->node.nl, &ch));
	EXPECT_TRUE(OT_WAIT(!ct_get(self->node.nl, "E32", &ch) &&
			    ch.state == OCKAM_CHANNEL_STATE_CLOSED));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* ---- a route that changes ---- */

struct flow {
	int		fd;
	unsigned int	n;
	unsigned int	done;
};

static long send_flow(void *arg)
{
	struct ot_route to = ot_route("up", "relay", "sink", NULL);
	struct flow *f = arg;
	char buf[64] = {};

	for (; f->done < f->n; f->done++)
		if (ot_sendx(f->fd, ot_out(.to = &to), buf, sizeof(buf)) !=
		    sizeof(buf))
			return -1;
	return 0;
}

static long recv_flow(void *arg)
{
	struct flow *f = arg;
	char buf[64];

	for (; f->done < f->n; f->done++)
		if (ot_recv(f->fd, buf, sizeof(buf), 0) != sizeof(buf))
			return -1;
	return 0;
}

static bool flow_ends(const struct flow *f)
{
	return __atomic_load_n(&f->done, __ATOMIC_RELAXED) >= f->n;
}

/* By turns through one channel or the other; programs look at both. */
static int relay_by(struct lt_node *node, const char *enc)
{
	struct ot_route route = ot_route(enc, NULL);
	struct ockam_nl_hop hop = {};

	lt_key(&hop.address, "relay");
	hop.route.len = route.len;
	memcpy(hop.route.data, route.data, route.len);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	return ockam_nl_hop_set(node->nl, &hop);
}

TEST_F_TIMEOUT(over, route_changes_under_traffic, 400)
{
	unsigned int n = ot_debug() ? 3000 : 30000, changes = 0;
	struct ot_route route = ot_route("E11", NULL);
	struct flow out = { .fd = self->app, .n = n };
	struct flow in = { .fd = self->sink, .n = n };
	struct ockam_nl_channel ch;
	struct ot_task task[2];
	int prog, i;

	ASSERT_EQ(0, pair(&self->node, 1, "", ""));
	ASSERT_EQ(0, pair(&self->node, 2, "", ""));
	prog = bt_verdict(OCKAM_POLICY_PASS);
	ASSERT_LE(0, prog);
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(0, ct_get(self->node.nl, i == 1 ? "E11" : "E21",
				    &ch));
		ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL,
				       ch.id, prog));
	}
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1U << OCKAM_FORWARD_LINK_CHANNEL));
	ASSERT_EQ(0, lt_hop(&self->node, "relay", &route, OCKAM_ACCEPT_LINKS));

	ASSERT_EQ(0, ot_task_start(&task[0], recv_flow, &in));
	ASSERT_EQ(0, ot_task_start(&task[1], send_flow, &out));
	/* The receiver gives up by itself when nothing comes. */
	while (!flow_ends(&out) && !relay_by(&self->node, changes & 1 ? "E11" :
					     "E21"))
		changes++;
	pthread_join(task[1].thread, NULL);
	pthread_join(task[0].thread, NULL);
	EXPECT_EQ(n, out.done);
	EXPECT_EQ(n, in.done);
	EXPECT_LT(10, changes);
	EXPECT_EQ(0, lt_drops(&self->node)) {
		TH_LOG("%u messages, %u came, %u changes", n, in.done, changes);
	}
	TH_LOG("%u messages, %u changes", n, changes);
	close(prog);
}

TEST_HARNESS_MAIN
