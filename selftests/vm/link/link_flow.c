// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Backpressure: nothing is lost, overtaken or held up by others, between
 * programs of different nodes, while somebody reads in time; and what is lost,
 * and counted, when nobody does.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define CHUNK	4096

/* ---- one node, peers that are plain sockets ---- */

FIXTURE(flow) {
	struct lt_node node;
	struct lt_wire w;
	int slow;
	int fast;
};

FIXTURE_SETUP(flow)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_small_buffers());
	ASSERT_EQ(0, lt_wire(&self->node, &self->w,
			     lt_conf(.name = "peer", .reconnect_min_ms = -1)));
	self->slow = lt_worker("slow", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->slow);
	self->fast = lt_worker("fast", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->fast);
	ASSERT_EQ(0, ot_set(self->slow, SOL_SOCKET, SO_RCVBUF, 4096));
}

FIXTURE_TEARDOWN(flow)
{
	close(self->w.peer);
	close(self->slow);
	close(self->fast);
	lt_node_free(&self->node);
}

static uint32_t parked(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_link link;

	return lt_get(node, id, &link) ? 0 : link.parked_bytes;
}

/* A numbered message of CHUNK bytes. */
static bool tell(int peer, const char *to, uint32_t number)
{
	char buf[CHUNK];

	ot_fill(buf, sizeof(buf), number);
	memcpy(buf, &number, sizeof(number));
	return lt_tell(peer, to, buf, sizeof(buf));
}

/*
 * How many have been queued or parked: all that a test sent, if none was
 * dropped.  OCKAM_STAT_LINK_RX grows before either.
 */
static uint64_t taken(const struct lt_node *node)
{
	struct ockam_nl_node now = {};

	if (ockam_nl_node_get(node->nl, &now))
		return 0;
	return now.stats[OCKAM_STAT_DELIVERED] + now.stats[OCKAM_STAT_PARKED];
}

/* The number of the next message, whole; else UINT32_MAX. */
static uint32_t hear(int fd, int flags)
{
	char buf[CHUNK], want[CHUNK];
	uint32_t number;

	if (ot_recv(fd, buf, sizeof(buf), flags) != sizeof(buf))
		return UINT32_MAX;
	memcpy(&number, buf, sizeof(number));
	ot_fill(want, sizeof(want), number);
	return memcmp(buf + 4, want + 4, CHUNK - 4) ? UINT32_MAX - 1 : number;
}

/* What one worker does not read does not hold up what another one gets. */
TEST_F(flow, others_go_on)
{
	uint32_t i;
	char c;

	for (i = 0; i < 50; i++) {
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
		ASSERT_TRUE(lt_tell(self->w.peer, "fast", "f", 1));
		ASSERT_EQ(1, ot_recv(self->fast, &c, 1, 0));
	}
	/* Most of it is parked, and charged to the link. */
	EXPECT_LT(40 * CHUNK, parked(&self->node, self->w.link));
	EXPECT_LE(40, lt_stat(&self->node, OCKAM_STAT_PARKED));
	for (i = 0; i < 50; i++)
		ASSERT_EQ(i, hear(self->slow, 0));
	EXPECT_TRUE(ot_empty(self->slow));
	EXPECT_TRUE(OT_WAIT(!parked(&self->node, self->w.link)));
	/* A message can be read before it is counted. */
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->node, OCKAM_STAT_DELIVERED) >=
			    100));
	EXPECT_EQ(100, lt_stat(&self->node, OCKAM_STAT_DELIVERED));
	EXPECT_EQ(0, lt_drops(&self->node));
}

struct flood {
	int fd;
	const char *to;
	uint32_t sent;
	uint32_t most;
	volatile bool stop;
};

/* Frames until TCP takes no more for a second, or @most. */
static long flood_tcp(void *arg)
{
	struct flood *f = arg;

	while (!f->stop && f->sent < f->most && tell(f->fd, f->to, f->sent))
		f->sent++;
	return 0;
}

/* A machine that stood still for one interval has not for several. */
#define CALM	5

static bool stands(volatile uint32_t *n, unsigned int ms)
{
	uint64_t end = ot_ms() + ot_limit(120000);
	unsigned int calm = 0;
	uint32_t last;

	while (ot_ms() < end && calm < CALM) {
		last = *n;
		usleep(ms * 1000);
		calm = last && last == *n ? calm + 1 : 0;
	}
	return calm == CALM;
}

/* When a share is full the link stops reading: TCP stops the peer; all comes. */
TEST_F_TIMEOUT(flow, stops_reading_at_the_limit, 400)
{
	struct flood f = { .fd = self->w.peer, .to = "slow", .most = 4000 };
	uint32_t limit = 256 << 10;
	struct lt_wire other;
	struct ot_task task;
	struct timeval tv = { .tv_sec = 100 };
	uint32_t i, at_rest;
	char c;

	/* The limit is that of links made later. */
	close(self->w.peer);
	ASSERT_EQ(0, lt_del(&self->node, self->w.link));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_PARK_LIMIT, limit));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	ASSERT_EQ(0, lt_wire(&self->node, &self->w, lt_conf(.name = "peer",
					.reconnect_min_ms = -1)));
	ASSERT_EQ(0, lt_wire(&self->node, &other, lt_conf(.name = "other")));
	f.fd = self->w.peer;
	setsockopt(f.fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));

	ASSERT_EQ(0, ot_task_start(&task, flood_tcp, &f));
	ASSERT_TRUE(stands(&f.sent, 500));
	EXPECT_FALSE(ot_task_done(&task));
	at_rest = parked(&self->node, self->w.link);
	TH_LOG("at rest after %u messages, %u bytes parked", f.sent, at_rest);
	/* As much as is left for others. */
	EXPECT_LE(limit / 2, at_rest);
	/* By one message, with what is around its bytes. */
	EXPECT_GT(limit / 2 + 4 * CHUNK, at_rest);

	/* Another link has a share of its own, also to the same worker. */
	ASSERT_TRUE(lt_tell(other.peer, "fast", "x", 1));
	EXPECT_EQ(1, ot_recv(self->fast, &c, 1, 0));
	ASSERT_TRUE(tell(other.peer, "slow", 1000000));
	EXPECT_TRUE(OT_WAIT(parked(&self->node, other.link)));

	for (i = 0; i < f.most; i++) {
		uint32_t n = hear(self->slow, 0);

		if (n == 1000000)
			n = hear(self->slow, 0);
		ASSERT_EQ(i, n);
	}
	EXPECT_EQ(0, ot_task_end(&task));
	EXPECT_EQ(f.most, f.sent);
	EXPECT_TRUE(OT_WAIT(!parked(&self->node, self->w.link)));
	EXPECT_EQ(0, lt_drops(&self->node));
	close(other.peer);
}

/* A worker that reads nothing loses what waits for it, and what comes. */
TEST_F_TIMEOUT(flow, stalled_worker, 120)
{
	struct ockam_nl_node before = {}, now = {};
	uint32_t i, kept, n, stalled;
	struct ot_obj obj;
	struct ot_nl nl;
	char c;

	ASSERT_EQ(0, ot_nl_open(&nl));
	/* More than the time that it takes to park all, and to look. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS,
			    5000));
	LT_MARK(&self->node, &before);
	for (i = 0; i < 60; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	ASSERT_TRUE(OT_WAIT(taken(&self->node) >= 60));
	ASSERT_EQ(0, ot_worker_get(&nl, "slow", &obj));
	ASSERT_LT(0, obj.parked);
	kept = 60 - obj.parked;
	/* All that was parked goes at once. */
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_STALLED, obj.parked);
	EXPECT_TRUE(OT_WAIT(!parked(&self->node, self->w.link)));
	/* And so does what comes later, at once; others hear. */
	LT_MARK(&self->node, &before);
	for (; i < 70; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	ASSERT_TRUE(lt_tell(self->w.peer, "fast", "x", 1));
	EXPECT_EQ(1, ot_recv(self->fast, &c, 1, 0));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_STALLED, 10);
	EXPECT_EQ(0, parked(&self->node, self->w.link));

	/* It reads again: what was queued before, then what comes now. */
	for (n = 0; n < kept; n++)
		ASSERT_EQ(n, hear(self->slow, 0));
	EXPECT_TRUE(ot_empty(self->slow));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	LT_MARK(&self->node, &before);
	for (i = 100; i < 120; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	for (i = 100; i < 120; i++)
		ASSERT_EQ(i, hear(self->slow, 0));
	EXPECT_NO_DROPS(&self->node, &before);
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
	stalled = now.drops[OCKAM_DROP_STALLED];
	EXPECT_EQ(70 - kept, stalled);
	ot_nl_close(&nl);
}

/* What strangers send to a handshake has a bound, and a counter of its own. */
TEST_F_TIMEOUT(flow, handshake_is_full, 120)
{
	struct ockam_nl_node before = {};
	struct ot_obj obj;
	uint32_t i, kept;
	struct ot_nl nl;
	char c;

	ASSERT_EQ(0, ot_nl_open(&nl));
	/* More than the time that it takes to park all, and to look. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS,
			    5000));
	ASSERT_EQ(0, ot_set(self->slow, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	LT_MARK(&self->node, &before);
	for (i = 0; i < 60; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	ASSERT_TRUE(OT_WAIT(taken(&self->node) >= 60));
	ASSERT_EQ(0, ot_worker_get(&nl, "slow", &obj));
	ASSERT_LT(0, obj.parked);
	kept = 60 - obj.parked;
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_HANDSHAKE_FULL,
		     obj.parked);
	EXPECT_TRUE(OT_WAIT(!parked(&self->node, self->w.link)));
	/* The link carries on. */
	ASSERT_TRUE(lt_tell(self->w.peer, "fast", "x", 1));
	EXPECT_EQ(1, ot_recv(self->fast, &c, 1, 0));
	/* What was held is there, one at a time. */
	for (i = 0; i < kept; i++) {
		ASSERT_EQ(i, hear(self->slow, 0));
		ASSERT_TRUE(ot_empty(self->slow));
		ASSERT_EQ(0, ot_set(self->slow, SOL_OCKAM, OCKAM_NEXT, 1));
	}
	EXPECT_TRUE(ot_empty(self->slow));
	ot_nl_close(&nl);
}

/* Reading now and then, for longer than that in all, is not being stalled. */
TEST_F_TIMEOUT(flow, slow_is_not_stalled, 120)
{
	uint32_t i;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS,
			    8000));
	for (i = 0; i < 12; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	for (i = 0; i < 12; i++) {
		usleep(1000000);
		ASSERT_EQ(i, hear(self->slow, 0));
	}
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* What is parked for a worker that goes away is counted, and let go of. */
TEST_F(flow, worker_closes_with_messages_parked)
{
	struct ockam_nl_node before = {};
	struct ot_obj obj;
	struct ot_nl nl;
	uint32_t i;

	ASSERT_EQ(0, ot_nl_open(&nl));
	LT_MARK(&self->node, &before);
	for (i = 0; i < 30; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	ASSERT_TRUE(OT_WAIT(taken(&self->node) >= 30));
	ASSERT_EQ(0, ot_worker_get(&nl, "slow", &obj));
	ASSERT_LT(0, obj.parked);
	close(self->slow);
	self->slow = -1;
	EXPECT_TRUE(OT_WAIT(!parked(&self->node, self->w.link)));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_NAME_GONE, obj.parked);
	ot_nl_close(&nl);
}

/* The messages of a link that is deleted still arrive, if they were read. */
TEST_F(flow, link_deleted_with_messages_parked)
{
	uint32_t i;

	for (i = 0; i < 30; i++)
		ASSERT_TRUE(tell(self->w.peer, "slow", i));
	ASSERT_TRUE(OT_WAIT(taken(&self->node) >= 30));
	ASSERT_EQ(0, lt_del(&self->node, self->w.link));
	EXPECT_EQ(0, lt_links(&self->node));
	for (i = 0; i < 30; i++)
		ASSERT_EQ(i, hear(self->slow, 0));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* ---- a full link, seen by local senders ---- */

static long send_one(void *arg)
{
	struct flood *f = arg;
	struct ot_route to = ot_route("peer", "sink", NULL);
	char buf[CHUNK];
	ssize_t n;

	for (;;) {
		ot_fill(buf, sizeof(buf), f->sent);
		memcpy(buf, &f->sent, sizeof(f->sent));
		n = ot_sendx(f->fd, ot_out(.to = &to), buf, sizeof(buf));
		if (n != sizeof(buf))
			return n;
		if (++f->sent == f->most)
			return 0;
	}
}

/*
 * Fills the link from here, until TCP has found no more room for a while; the
 * number of messages that it took.
 */
static uint32_t fill_link(int fd)
{
	struct ot_route to = ot_route("peer", "sink", NULL);
	unsigned int calm = 0;
	char buf[CHUNK];
	uint32_t n = 0;

	while (calm < CALM) {
		ot_fill(buf, sizeof(buf), n);
		memcpy(buf, &n, sizeof(n));
		if (ot_sendx(fd, ot_out(.to = &to, .flags = MSG_DONTWAIT), buf,
			     sizeof(buf)) == sizeof(buf)) {
			calm = 0;
			n++;
		} else {
			calm += !ot_poll(fd, POLLOUT, 500);
		}
	}
	return n;
}

/* Reads numbered messages off the wire, from @from on. */
static bool read_frames(struct __test_metadata *_metadata, int peer,
			struct sockaddr_ockam *own, uint32_t from, uint32_t to)
{
	struct ot_route onward = ot_route("sink", NULL);
	struct ot_route ret = ot_sa_route(own);
	struct lt_buf want = {};
	char buf[CHUNK];
	bool good = true;

	for (; good && from < to; from++) {
		ot_fill(buf, sizeof(buf), from);
		memcpy(buf, &from, sizeof(from));
		want.len = 0;
		lt_put_frame(&want, &onward, &ret, buf, sizeof(buf));
		good = lt_hears(_metadata, peer, want.data, want.len);
		if (!good)
			TH_LOG("message %u", from);
	}
	lt_buf_free(&want);
	return good;
}

FIXTURE(full) {
	struct lt_node node;
	struct lt_wire w;
	struct sockaddr_ockam own;
	int app;
};

FIXTURE_SETUP(full)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_small_buffers());
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_TXQ_LIMIT, 65536));
	ASSERT_EQ(0, lt_wire(&self->node, &self->w,
			     lt_conf(.name = "peer", .reconnect_min_ms = -1)));
	self->app = lt_worker("app", 0);
	ASSERT_LE(0, self->app);
	/* The link is to be full before the socket is. */
	ASSERT_EQ(0, ot_set(self->app, SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20));
	ASSERT_EQ(0, ot_getname(self->app, &self->own));
}

FIXTURE_TEARDOWN(full)
{
	close(self->w.peer);
	close(self->app);
	lt_node_free(&self->node);
}

TEST_F_TIMEOUT(full, blocks_and_goes_on, 400)
{
	struct flood f = { .fd = self->app, .most = 5000 };
	struct ockam_nl_link link;
	struct ot_task task;

	ASSERT_EQ(0, ot_task_start(&task, send_one, &f));
	ASSERT_TRUE(stands(&f.sent, 300));
	EXPECT_FALSE(ot_task_done(&task));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	TH_LOG("full after %u messages, %u bytes queued", f.sent,
	       link.txq_bytes);
	EXPECT_LE(65536, link.txq_bytes);
	EXPECT_GT(65536 + 2 * CHUNK, link.txq_bytes);
	EXPECT_TRUE(read_frames(_metadata, self->w.peer, &self->own, 0,
				f.most));
	EXPECT_EQ(0, ot_task_end(&task));
	EXPECT_EQ(f.most, f.sent);
	EXPECT_EQ(0, lt_drops(&self->node));
}

TEST_F_TIMEOUT(full, eagain_and_poll, 400)
{
	struct ot_route to = ot_route("peer", "sink", NULL);
	uint32_t n, i, total = 0;
	char buf[CHUNK] = {};
	int local;

	local = lt_worker("local", 0);
	ASSERT_LE(0, local);
	for (i = 0; i < 3; i++) {
		struct ockam_nl_node before = {};

		n = fill_link(self->app);
		ASSERT_LT(0, n);
		LT_MARK(&self->node, &before);
		EXPECT_EQ(-EAGAIN, ot_sendx(self->app, ot_out(.to = &to,
				.flags = MSG_DONTWAIT), buf, sizeof(buf)));
		/* An attempt is no loss. */
		EXPECT_NO_DROPS(&self->node, &before);
		EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));
		EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 100));
		/* Other destinations are free all the while. */
		EXPECT_EQ(1, ot_say(self->app, "local", "x"));
		EXPECT_EQ(1, ot_recv(local, buf, 1, 0));
		EXPECT_TRUE(read_frames(_metadata, self->w.peer, &self->own, 0,
					n));
		EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT,
					   ot_limit(10000)));
		total += n;
	}
	EXPECT_EQ(total, lt_stat(&self->node, OCKAM_STAT_LINK_TX));
	EXPECT_EQ(0, lt_drops(&self->node));
	close(local);
}

TEST_F(full, times_out)
{
	struct ot_route to = ot_route("peer", "sink", NULL);
	struct timeval tv = { .tv_usec = 200000 };
	uint64_t start;
	char c = 0;

	fill_link(self->app);
	ASSERT_EQ(0, setsockopt(self->app, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	start = ot_ms();
	EXPECT_EQ(-EAGAIN, ot_sendx(self->app, ot_out(.to = &to), &c, 1));
	EXPECT_LE(190, ot_ms() - start);
}

static void reset(struct lt_wire *w)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(w->peer, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(w->peer);
	w->peer = -1;
}

/* Whoever waits hears that the link is gone. */
#define EXPECT_WAITER_GETS(err, event) do {				\
	struct flood __f = { .fd = self->app, .most = UINT32_MAX };	\
	struct ot_task __t;						\
									\
	fill_link(self->app);						\
	ASSERT_EQ(0, ot_task_start(&__t, send_one, &__f));		\
	ASSERT_TRUE(ot_task_blocks(&__t, SYS_sendmsg));			\
	event;								\
	EXPECT_EQ(err, ot_task_end(&__t));				\
} while (0)

TEST_F(full, waiter_when_the_link_is_deleted)
{
	EXPECT_WAITER_GETS(-EHOSTUNREACH, lt_del(&self->node, self->w.link));
}

TEST_F(full, waiter_when_the_link_goes_down)
{
	EXPECT_WAITER_GETS(-ENETUNREACH, reset(&self->w));
	EXPECT_TRUE(OT_WAIT(lt_drop(&self->node, OCKAM_DROP_LINK_DOWN) > 0));
}

TEST_F(full, poller_when_the_link_goes_down)
{
	struct ot_route to = ot_route("peer", "sink", NULL);
	char c = 0;

	fill_link(self->app);
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));
	ASSERT_EQ(0, lt_del(&self->node, self->w.link));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, ot_limit(10000)));
	EXPECT_EQ(-EHOSTUNREACH, ot_sendx(self->app, ot_out(.to = &to,
				.flags = MSG_DONTWAIT), &c, 1));
}

/* ---- nodes that talk to each other ---- */

#define NODES	3

FIXTURE(ring) {
	struct lt_node node[NODES];
};

FIXTURE_SETUP(ring)
{
	int i;

	for (i = 0; i < NODES; i++) {
		ASSERT_EQ(0, lt_node_new(&self->node[i]));
		ASSERT_EQ(0, lt_small_buffers());
	}
}

FIXTURE_TEARDOWN(ring)
{
	int i;

	for (i = 0; i < NODES; i++)
		lt_node_free(&self->node[i]);
}

/* A link "to" in @a to @b, over a cable of its own. */
static int join(const struct lt_node *a, const struct lt_node *b, int net,
		const char *name)
{
	struct sockaddr_storage at;
	char ip[32];
	int id;

	snprintf(ip, sizeof(ip), "10.%d.0.2", net);
	at = lt_addr(ip, 0);
	if (lt_cable(a, b, net))
		return -EIO;
	id = lt_listen(b, &at, lt_conf(0));
	if (id < 0)
		return id;
	id = lt_connect(a, &at, lt_conf(.name = name));
	if (id < 0)
		return id;
	return lt_is_up(a, id) ? id : -ETIMEDOUT;
}

struct talker {
	const struct lt_node *node;
	int fd;
	struct ot_route to;
	uint32_t most;
	uint32_t tag;
	uint32_t done;
	uint32_t wrong;
};

static long talk(void *arg)
{
	struct talker *t = arg;
	char buf[CHUNK];

	for (t->done = 0; t->done < t->most; t->done++) {
		ssize_t n;

		ot_fill(buf, sizeof(buf), t->tag + t->done);
		memcpy(buf, &t->done, sizeof(t->done));
		n = ot_sendx(t->fd, ot_out(.onward = &t->to), buf, sizeof(buf));
		if (n != sizeof(buf))
			return n;
	}
	return 0;
}

static long listen_to(void *arg)
{
	struct talker *t = arg;
	char buf[CHUNK], want[CHUNK];

	for (t->done = 0; t->done < t->most; t->done++) {
		ssize_t n = ot_recv(t->fd, buf, sizeof(buf), 0);

		if (n != sizeof(buf))
			return n < 0 ? n : -EPROTO;
		ot_fill(want, sizeof(want), t->tag + t->done);
		memcpy(want, &t->done, sizeof(t->done));
		if (memcmp(buf, want, sizeof(buf)))
			t->wrong++;
	}
	return 0;
}

static void long_wait(int fd)
{
	struct timeval tv = { .tv_sec = ot_limit(60000) / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

#define END_TASK(t) do {						\
	int __i;							\
									\
	for (__i = 0; __i < 8 && !ot_task_done(t); __i++)		\
		OT_WAIT(ot_task_done(t));				\
} while (0)

/*
 * Two nodes flood each other over one connection, with nobody reading until
 * everything is full; then both read, and all comes in order.
 */
TEST_F_TIMEOUT(ring, mutual_flood, 500)
{
	struct talker send[2] = {}, recv[2] = {};
	struct ot_task st[2], rt[2];
	struct lt_children c;
	char name[64];
	int i;

	ASSERT_LT(0, join(&self->node[0], &self->node[1], 1, "to"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, lt_set(&self->node[i], OCKAM_A_NODE_PARK_LIMIT,
				    256 << 10));
		ASSERT_EQ(0, lt_set(&self->node[i], OCKAM_A_NODE_TXQ_LIMIT,
				    65536));
		ASSERT_EQ(0, lt_set(&self->node[i], OCKAM_A_NODE_STALL_MS,
				    600000));
	}
	ASSERT_EQ(1, lt_children(&self->node[1], 1, &c));
	ASSERT_EQ(0, lt_name(&self->node[1], c.id[0], name));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, lt_enter(&self->node[i]));
		send[i].fd = lt_worker("talk", 0);
		recv[i].fd = lt_worker("listen", OCKAM_ACCEPT_LINKS);
		ASSERT_LE(0, send[i].fd);
		ASSERT_LE(0, recv[i].fd);
		long_wait(send[i].fd);
		long_wait(recv[i].fd);
		ASSERT_EQ(0, ot_set(recv[i].fd, SOL_SOCKET, SO_RCVBUF, 16384));
		send[i].to = ot_route(i ? name : "to", "listen", NULL);
		send[i].most = recv[!i].most = 3000;
		send[i].tag = recv[!i].tag = i * 1000000;
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ot_task_start(&st[i], talk, &send[i]));
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(stands(&send[i].done, 300));
		EXPECT_FALSE(ot_task_done(&st[i]));
		TH_LOG("node %d stands after %u messages", i, send[i].done);
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ot_task_start(&rt[i], listen_to, &recv[i]));
	for (i = 0; i < 2; i++) {
		END_TASK(&rt[i]);
		EXPECT_EQ(0, ot_task_end(&rt[i]));
		EXPECT_EQ(3000, recv[i].done);
		EXPECT_EQ(0, recv[i].wrong);
		EXPECT_EQ(0, ot_task_end(&st[i]));
		EXPECT_EQ(0, lt_drops(&self->node[i]));
	}
}

/* One side reads all the time, the other one not at all until the end. */
TEST_F_TIMEOUT(ring, echo_flood, 500)
{
	struct talker send = {}, recv = {};
	struct ot_task st, rt;
	struct lt_children c;
	char name[64];
	int i;

	ASSERT_LT(0, join(&self->node[0], &self->node[1], 1, "to"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, lt_set(&self->node[i], OCKAM_A_NODE_PARK_LIMIT,
				    128 << 10));
		ASSERT_EQ(0, lt_set(&self->node[i], OCKAM_A_NODE_STALL_MS,
				    600000));
	}
	/* A hop in the other node sends everything back. */
	ASSERT_EQ(0, lt_hop(&self->node[1], "back", NULL, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, lt_set(&self->node[1], OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ASSERT_EQ(0, lt_enter(&self->node[0]));
	send.fd = lt_worker("talk", 0);
	recv.fd = lt_worker("listen", OCKAM_ACCEPT_LINKS);
	long_wait(send.fd);
	long_wait(recv.fd);
	ASSERT_EQ(0, ot_set(recv.fd, SOL_SOCKET, SO_RCVBUF, 16384));
	ASSERT_EQ(1, lt_children(&self->node[1], 1, &c));
	ASSERT_EQ(0, lt_name(&self->node[1], c.id[0], name));
	send.to = ot_route("to", "back", name, "listen", NULL);
	send.most = recv.most = 3000;
	ASSERT_EQ(0, ot_task_start(&st, talk, &send));
	ASSERT_TRUE(stands(&send.done, 300));
	TH_LOG("stands after %u messages", send.done);
	EXPECT_FALSE(ot_task_done(&st));
	ASSERT_EQ(0, ot_task_start(&rt, listen_to, &recv));
	END_TASK(&rt);
	EXPECT_EQ(0, ot_task_end(&rt));
	EXPECT_EQ(3000, recv.done);
	EXPECT_EQ(0, recv.wrong);
	EXPECT_EQ(0, ot_task_end(&st));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, lt_drops(&self->node[i]));
}

static int report_link(const void *object, void *arg)
{
	struct __test_metadata *_metadata = arg;
	const struct ockam_nl_link *l = object;

	TH_LOG("  link %u: %u bytes queued, %u parked, in %llu, out %llu",
	       l->id, l->txq_bytes, l->parked_bytes,
	       (unsigned long long)l->rx_msgs, (unsigned long long)l->tx_msgs);
	return 0;
}

static void report(struct __test_metadata *_metadata,
		   const struct lt_node *node)
{
	ockam_nl_dump(node->nl, OCKAM_NL_LINK, NULL, report_link, _metadata);
}

/*
 * A -> B -> C -> A, routes of several laps, from all three nodes at once.
 * Buffers are small, so that messages under way wait for each other.
 */
TEST_F_TIMEOUT(ring, relay_ring, 900)
{
	/* More than fits into all buffers. */
	unsigned int most = ot_debug() ? 700 : 1000;
	unsigned int laps, rounds = ot_debug() ? 2 : 3;
	struct talker send[NODES] = {}, recv[NODES] = {};
	struct ot_task st[NODES], rt[NODES];
	int i;

	for (i = 0; i < NODES; i++) {
		struct lt_node *n = &self->node[i];

		ASSERT_EQ(0, lt_set(n, OCKAM_A_NODE_PARK_LIMIT, 64 << 10));
		ASSERT_EQ(0, lt_set(n, OCKAM_A_NODE_TXQ_LIMIT, 32768));
		ASSERT_EQ(0, lt_set(n, OCKAM_A_NODE_STALL_MS, 600000));
		ASSERT_EQ(0, lt_set(n, OCKAM_A_NODE_FORWARD,
				    1 << OCKAM_FORWARD_LINK_LINK));
	}
	for (i = 0; i < NODES; i++)
		ASSERT_LT(0, join(&self->node[i], &self->node[(i + 1) % NODES],
				  1 + i, "next"));
	for (i = 0; i < NODES; i++) {
		ASSERT_EQ(0, lt_enter(&self->node[i]));
		send[i].fd = lt_worker("talk", 0);
		recv[i].fd = lt_worker("listen", OCKAM_ACCEPT_LINKS);
		long_wait(send[i].fd);
		long_wait(recv[i].fd);
		ASSERT_EQ(0, ot_set(recv[i].fd, SOL_SOCKET, SO_RCVBUF, 16384));
		/* Some laps and back to where it began. */
		send[i].to = ot_route(NULL);
		for (laps = 0; laps < rounds * NODES; laps++)
			ot_local(&send[i].to, "next");
		ot_local(&send[i].to, "listen");
		send[i].most = recv[i].most = most;
		send[i].tag = recv[i].tag = i * 1000000;
	}
	for (i = 0; i < NODES; i++)
		ASSERT_EQ(0, ot_task_start(&st[i], talk, &send[i]));
	for (i = 0; i < NODES; i++) {
		ASSERT_TRUE(stands(&send[i].done, 300));
		TH_LOG("node %d stands after %u messages", i, send[i].done);
		report(_metadata, &self->node[i]);
	}
	for (i = 0; i < NODES; i++)
		ASSERT_EQ(0, ot_task_start(&rt[i], listen_to, &recv[i]));
	for (i = 0; i < NODES; i++) {
		END_TASK(&rt[i]);
		TH_LOG("node %d: sent %u, received %u", i, send[i].done,
		       recv[i].done);
		report(_metadata, &self->node[i]);
		EXPECT_EQ(0, ot_task_end(&rt[i]));
		EXPECT_EQ(most, recv[i].done);
		EXPECT_EQ(0, recv[i].wrong);
		EXPECT_EQ(0, ot_task_end(&st[i]));
		EXPECT_EQ(0, lt_drops(&self->node[i]));
	}
}

TEST_HARNESS_MAIN
