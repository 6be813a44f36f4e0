// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Hops and relays inside the kernel, as workers see them. */
#include "kselftest_harness.h"
#include "ockam_test.h"

FIXTURE(hop) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
};

FIXTURE_SETUP(hop)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(hop)
{
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

#define EXPECT_SILENCE() do {						\
	EXPECT_TRUE(ot_empty(self->app));				\
	EXPECT_TRUE(ot_empty(self->echoer));				\
} while (0)

static uint64_t msgs(struct ot_nl *nl, const char *name)
{
	struct ot_obj obj;

	return ot_hop_get(nl, name, &obj) ? UINT64_MAX : obj.msgs;
}

/* As one hop of the guide: the route to go loses it, the one back gains it. */
TEST_F(hop, one)
{
	struct ot_route to = ot_route("h1", "echoer", NULL);
	struct ot_route back = ot_route("h1", "app", NULL);
	struct ot_in in = {};
	char c;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h1", NULL, 0));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, MSG_DONTWAIT));
	EXPECT_TRUE(ot_route_eq(&back, &in.ret));
	EXPECT_EQ(0, in.onward.nhops);
	/* A hop is not a sender. */
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, in.peer.origin);
	EXPECT_EQ(0, in.peer.flags);
	EXPECT_EQ(getpid(), in.peer.pid);
	EXPECT_EQ(1, msgs(&self->nl, "h1"));

	ASSERT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &in.from), "y", 1));
	ASSERT_EQ(1, ot_recvx(self->app, &in, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ('y', c);
	EXPECT_TRUE(ot_route_eq(&to, &in.ret));
	EXPECT_EQ(2, msgs(&self->nl, "h1"));
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_FORWARDED));
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_SENT));
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	EXPECT_LOSSLESS(&self->nl, &self->before);
	EXPECT_SILENCE();
}

FIXTURE(many) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
};

FIXTURE_VARIANT(many) {
	int hops;
};

FIXTURE_VARIANT_ADD(many, 2) { .hops = 2 };
FIXTURE_VARIANT_ADD(many, 16) { .hops = 16 };
FIXTURE_VARIANT_ADD(many, 31) { .hops = 31 };
FIXTURE_VARIANT_ADD(many, 32) { .hops = 32 };
FIXTURE_VARIANT_ADD(many, 33) { .hops = 33 };
FIXTURE_VARIANT_ADD(many, 60) { .hops = 60 };
FIXTURE_VARIANT_ADD(many, 63) { .hops = 63 };

FIXTURE_SETUP(many)
{
	char name[16];
	int i;

	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	for (i = 0; i < variant->hops; i++) {
		snprintf(name, sizeof(name), "hop%d", i);
		ASSERT_LT(0, ot_hop_new(&self->nl, name, NULL, 0));
	}
	OT_MARK(&self->nl, &self->before);
	ASSERT_EQ(variant->hops, self->before.hops);
}

FIXTURE_TEARDOWN(many)
{
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

TEST_F(many, there_and_back)
{
	static const unsigned int sizes[] = { 0, 64, 20000, 200000 };
	struct ot_route to = {}, back = {};
	static uint8_t buf[200001];
	struct ot_in in = {};
	unsigned int s, n;
	char name[16];
	int i;

	for (i = 0; i < variant->hops; i++) {
		snprintf(name, sizeof(name), "hop%d", i);
		ot_local(&to, name);
		snprintf(name, sizeof(name), "hop%d", variant->hops - 1 - i);
		ot_local(&back, name);
	}
	ot_local(&to, "echoer");
	ot_local(&back, "app");
	for (s = 0; s < 4; s++) {
		n = sizes[s];
		ot_fill(buf, n, n);
		ASSERT_EQ(n, ot_sendx(self->app, ot_out(.onward = &to), buf,
				      n));
		memset(buf, 0, sizeof(buf));
		ASSERT_EQ(n, ot_recvx(self->echoer, &in, buf, sizeof(buf),
				      MSG_DONTWAIT));
		EXPECT_TRUE(ot_filled(buf, n, n));
		EXPECT_TRUE(ot_route_eq(&back, &in.ret));
		/* By the token where the sockaddr has no room. */
		ASSERT_EQ(n, ot_sendx(self->echoer, ot_out(.name = &in.from),
				      buf, n));
		memset(buf, 0, sizeof(buf));
		ASSERT_EQ(n, ot_recvx(self->app, &in, buf, sizeof(buf),
				      MSG_DONTWAIT));
		EXPECT_TRUE(ot_filled(buf, n, n));
		EXPECT_TRUE(ot_route_eq(&to, &in.ret));
	}
	EXPECT_EQ(8 * variant->hops, ot_stat(&self->nl, OCKAM_STAT_FORWARDED));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

/* 64 addresses to return to are the most there can be. */
TEST_F(hop, route_back_gets_too_long)
{
	struct ot_route to = ot_route("h", "echoer", NULL), ret = {};
	char name[16];
	int i;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	for (i = 0; i < 63; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		ot_local(&ret, name);
	}
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	ot_local(&ret, "r63");
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				      "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
	EXPECT_EQ(1, msgs(&self->nl, "h"));
}

TEST_F(hop, route_back_gets_too_many_bytes)
{
	struct ot_route to = ot_route("h", "echoer", NULL), ret = {};
	uint8_t name[255] = { 1 };
	int i;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	for (i = 0; i < 15; i++)
		ot_hop(&ret, 0, name, 255);
	ot_hop(&ret, 0, name, 4096 - 15 * 257 - 2 - 3);
	ASSERT_EQ(4093, ret.len);
	/* "h" takes three more. */
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	ret = (struct ot_route){};
	for (i = 0; i < 15; i++)
		ot_hop(&ret, 0, name, 255);
	ot_hop(&ret, 0, name, 4096 - 15 * 257 - 2 - 2);
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				      "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
}

/* Relays change where it goes, never where it comes from. */
TEST_F(hop, relay)
{
	struct ot_route to = ot_route("relay", "far", NULL);
	struct ot_route stored = ot_route("h1", "echoer", NULL);
	struct ot_route back = ot_route("h1", "app", NULL);
	struct ot_route left = ot_route("far", NULL);
	struct ot_in in = {};
	char c;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h1", NULL, 0));
	ASSERT_LT(0, ot_hop_new(&self->nl, "relay", &stored, 0));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, MSG_DONTWAIT));
	EXPECT_TRUE(ot_route_eq(&back, &in.ret));
	EXPECT_TRUE(ot_route_eq(&left, &in.onward));
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, in.peer.origin);
	EXPECT_EQ(0, in.peer.flags);
	EXPECT_EQ(getpid(), in.peer.pid);
	EXPECT_EQ(1, msgs(&self->nl, "h1"));
	EXPECT_EQ(1, msgs(&self->nl, "relay"));
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_FORWARDED));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(hop, relay_of_relays)
{
	struct ot_route a = ot_route("b", "x1", NULL);
	struct ot_route b = ot_route("c", "x2", NULL);
	struct ot_route c = ot_route("echoer", "x3", NULL);
	struct ot_route to = ot_route("a", "x0", NULL);
	struct ot_route left = ot_route("x3", "x2", "x1", "x0", NULL);
	struct ot_in in = {};
	char buf;

	ASSERT_LT(0, ot_hop_new(&self->nl, "a", &a, 0));
	ASSERT_LT(0, ot_hop_new(&self->nl, "b", &b, 0));
	ASSERT_LT(0, ot_hop_new(&self->nl, "c", &c, 0));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &buf, 1, MSG_DONTWAIT));
	EXPECT_TRUE(ot_route_eq(&left, &in.onward));
	EXPECT_TRUE(ot_is(&in.from, "app"));
}

/* A relay's route on top of what there is must stay within the limits. */
TEST_F(hop, relay_makes_it_too_long)
{
	struct ot_route stored = ot_route("echoer", NULL), to, big = {};
	uint8_t name[200] = { 1 };
	char text[8];
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "s%d", i);
		ot_local(&stored, text);
	}
	ASSERT_LT(0, ot_hop_new(&self->nl, "relay", &stored, 0));
	to = ot_route("relay", NULL);
	for (i = 0; i < 23; i++)
		ot_local(&to, "y");
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.onward = &to), "x", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	ot_local(&to, "y");
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.onward = &to), "x",
				      1));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_ROUTE_TOO_LONG, 1);

	ot_local(&big, "relay");
	for (i = 0; i < 20; i++)
		ot_hop(&big, 0, name, 200);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.onward = &big), "x",
				      1));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_ROUTE_TOO_LONG, 2);
	EXPECT_SILENCE();
	EXPECT_EQ(1, msgs(&self->nl, "relay"));
}

/* Two relays that point at each other: it ends, and is counted. */
TEST_F(hop, loop_of_two)
{
	struct ot_route a = ot_route("a", NULL), b = ot_route("b", NULL);
	struct ot_route to = ot_route("a", "echoer", NULL);
	int i;

	ASSERT_LT(0, ot_hop_new(&self->nl, "a", &b, 0));
	ASSERT_LT(0, ot_hop_new(&self->nl, "b", &a, 0));
	for (i = 1; i <= 100; i++) {
		ASSERT_EQ(-ELOOP, ot_sendx(self->app, ot_out(.to = &to), "x",
					   1));
	}
	EXPECT_SILENCE();
	/* Refused as a whole: no hop has seen it. */
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_TOO_MANY_STEPS,
		       100);
	EXPECT_EQ(0, msgs(&self->nl, "a"));
	EXPECT_EQ(0, msgs(&self->nl, "b"));
}

TEST_F(hop, loop_of_one)
{
	struct ot_route a = ot_route("a", NULL);

	ASSERT_LT(0, ot_hop_new(&self->nl, "a", &a, 0));
	EXPECT_EQ(-ELOOP, ot_say(self->app, "a", "x"));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_TOO_MANY_STEPS, 1);
}

/* One that grows at each turn is too long before it is too many. */
TEST_F(hop, loop_that_grows)
{
	struct ot_route a = ot_route("b", "y", "y", "y", "y", "y", "y", NULL);
	struct ot_route b = ot_route("a", "y", "y", "y", "y", "y", "y", NULL);

	ASSERT_LT(0, ot_hop_new(&self->nl, "a", &a, 0));
	ASSERT_LT(0, ot_hop_new(&self->nl, "b", &b, 0));
	EXPECT_EQ(-EMSGSIZE, ot_say(self->app, "a", "x"));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
	EXPECT_SILENCE();
}

TEST_F(hop, end_of_the_route)
{
	struct ot_route to = ot_route("h1", "nobody", NULL);

	ASSERT_LT(0, ot_hop_new(&self->nl, "h1", NULL, 0));
	/* Behind a hop there must be something. */
	EXPECT_EQ(-EINVAL, ot_say(self->app, "h1", "x"));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_MALFORMED, 1);
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EHOSTUNREACH, ot_sendx(self->app, ot_out(.to = &to), "x",
					  1));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 1);
	EXPECT_EQ(0, msgs(&self->nl, "h1"));
}

TEST_F(hop, scope)
{
	struct ot_route to = ot_route("h", "echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ot_obj obj;

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, 0));
	ASSERT_EQ(0, ot_hop_get(&self->nl, "h", &obj));
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL, obj.scope);
	OT_MARK(&self->nl, &self->before);
	/* The worker would take it, the hop does not. */
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				    "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_SCOPE_FORWARDED, 1);
	EXPECT_EQ(0, msgs(&self->nl, "h"));

	ASSERT_EQ(0, ot_hop_del(&self->nl, "h"));
	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, OCKAM_ACCEPT_FORWARDED));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	/* And the other way round. */
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_LOCAL));
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				    "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_SCOPE_FORWARDED, 1);
}

TEST_F(hop, gone)
{
	struct ot_route to = ot_route("h", "echoer", NULL);
	struct ot_obj obj;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, 0));
	EXPECT_EQ(-EADDRINUSE, ot_hop_new(&self->nl, "h", NULL, 0));
	EXPECT_EQ(-EADDRINUSE, ot_hop_new(&self->nl, "echoer", NULL, 0));
	ASSERT_EQ(0, ot_hop_del(&self->nl, "h"));
	EXPECT_EQ(-ENOENT, ot_hop_get(&self->nl, "h", &obj));
	EXPECT_EQ(-ENOENT, ot_hop_del(&self->nl, "h"));
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EHOSTUNREACH, ot_sendx(self->app, ot_out(.to = &to), "x",
					  1));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 1);
	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, 0));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
}

/* The full worker behind a hop is waited for like any other. */
TEST_F(hop, full_behind_it)
{
	struct ot_route to = ot_route("h", "echoer", NULL);
	static char big[1 << 20], c;
	struct ot_obj obj;

	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, 0));
	ASSERT_EQ(sizeof(big), ot_sendx(self->app, ot_out(.to = &to), big,
					sizeof(big)));
	EXPECT_EQ(-EAGAIN, ot_sendx(self->app, ot_out(.to = &to,
						      .flags = MSG_DONTWAIT),
				    "x", 1));
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));
	ASSERT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to,
						.flags = MSG_DONTWAIT),
			      "x", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	EXPECT_LOSSLESS(&self->nl, &self->before);
	/* What was not let in was not forwarded. */
	ASSERT_EQ(0, ot_hop_get(&self->nl, "h", &obj));
	EXPECT_EQ(2, obj.msgs);
}

/* Hops come and go under traffic; each message arrives once or is refused. */
static long toggle(void *arg)
{
	uint64_t end = ot_ms() + 2000;
	struct ot_nl nl;
	int err;

	if (ot_nl_open(&nl))
		return -1;
	while (ot_ms() < end) {
		err = ot_hop_new(&nl, "h", NULL, 0);
		if (err < 0)
			return err;
		sched_yield();
		err = ot_hop_del(&nl, "h");
		if (err)
			return err;
	}
	ot_nl_close(&nl);
	return 0;
}

TEST_F(hop, come_and_go_under_traffic)
{
	struct ot_route to = ot_route("h", "echoer", NULL);
	unsigned long ok = 0, refused = 0, heard = 0;
	struct ot_task t;
	ssize_t n;
	char c;

	ASSERT_EQ(0, ot_task_start(&t, toggle, NULL));
	while (!ot_task_done(&t)) {
		n = ot_sendx(self->app, ot_out(.to = &to,
					       .flags = MSG_DONTWAIT), "x", 1);
		if (n == 1)
			ok++;
		else if (n == -EHOSTUNREACH)
			refused++;
		else
			ASSERT_EQ(-EAGAIN, n);
		while (ot_recv(self->echoer, &c, 1, MSG_DONTWAIT) == 1)
			heard++;
	}
	ASSERT_EQ(0, ot_task_end(&t));
	EXPECT_EQ(ok, heard);
	EXPECT_LT(0, ok + refused);
	EXPECT_EQ(refused, ot_drop(&self->nl, OCKAM_DROP_NO_WORKER));
	EXPECT_EQ(ok, ot_stat(&self->nl, OCKAM_STAT_FORWARDED));
}

TEST_HARNESS_MAIN
