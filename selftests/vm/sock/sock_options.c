// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Options at level SOL_OCKAM, right and wrong; handshake mode. */
#include "kselftest_harness.h"
#include "ockam_test.h"

#define ARRAY(a)	(sizeof(a) / sizeof(*(a)))

FIXTURE(opt) {
	struct ot_nl nl;
	struct ot_node before;
	int fd;
	int peer;
};

FIXTURE_SETUP(opt)
{
	OT_NODE(&self->nl);
	self->fd = ot_worker("opt", 0);
	self->peer = ot_worker("peer", 0);
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->peer);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(opt)
{
	close(self->fd);
	close(self->peer);
	ot_nl_close(&self->nl);
}

static int set(int fd, int opt, const void *val, socklen_t len)
{
	return OT_ERR(setsockopt(fd, SOL_OCKAM, opt, val, len));
}

static int get(int fd, int opt, void *val, socklen_t *len)
{
	return OT_ERR(getsockopt(fd, SOL_OCKAM, opt, val, len));
}

FIXTURE(flag) {
	struct ot_nl nl;
	int fd;
};

FIXTURE_VARIANT(flag) {
	int opt;
};

FIXTURE_VARIANT_ADD(flag, onward) { .opt = OCKAM_RECV_ONWARD };
FIXTURE_VARIANT_ADD(flag, return) { .opt = OCKAM_RECV_RETURN };
FIXTURE_VARIANT_ADD(flag, token) { .opt = OCKAM_RECV_TOKEN };
FIXTURE_VARIANT_ADD(flag, peer) { .opt = OCKAM_RECV_PEER };

FIXTURE_SETUP(flag)
{
	OT_NODE(&self->nl);
	self->fd = ot_worker("opt", 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(flag)
{
	close(self->fd);
	ot_nl_close(&self->nl);
}

TEST_F(flag, on_and_off)
{
	int opt = variant->opt, i;

	EXPECT_EQ(0, ot_get(self->fd, SOL_OCKAM, opt));
	EXPECT_EQ(0, ot_set(self->fd, SOL_OCKAM, opt, 1));
	EXPECT_EQ(1, ot_get(self->fd, SOL_OCKAM, opt));
	EXPECT_EQ(0, ot_set(self->fd, SOL_OCKAM, opt, 1));
	/* No other. */
	for (i = OCKAM_RECV_ONWARD; i <= OCKAM_RECV_PEER; i++)
		EXPECT_EQ(i == opt, ot_get(self->fd, SOL_OCKAM, i));
	EXPECT_EQ(0, ot_set(self->fd, SOL_OCKAM, opt, 0));
	EXPECT_EQ(0, ot_get(self->fd, SOL_OCKAM, opt));
}

TEST_F(flag, wrong)
{
	static const int values[] = { 2, -1, INT_MAX, INT_MIN };
	int opt = variant->opt, one = 1;
	unsigned int i;
	long two = 1;

	for (i = 0; i < ARRAY(values); i++)
		EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, opt, values[i]));
	for (i = 0; i < sizeof(int); i++)
		EXPECT_EQ(-EINVAL, set(self->fd, opt, &one, i));
	EXPECT_EQ(-EINVAL, set(self->fd, opt, &two, sizeof(two)));
	EXPECT_EQ(-EINVAL, set(self->fd, opt, &one, -1));
	EXPECT_EQ(-EFAULT, set(self->fd, opt, NULL, sizeof(one)));
	EXPECT_EQ(0, ot_get(self->fd, SOL_OCKAM, opt));
}

TEST_F(flag, length_of_the_answer)
{
	uint8_t buf[16];
	socklen_t len;

	ASSERT_EQ(0, ot_set(self->fd, SOL_OCKAM, variant->opt, 1));
	for (len = 0; len < 4; len++) {
		socklen_t got = len;

		memset(buf, 0xee, sizeof(buf));
		EXPECT_EQ(0, get(self->fd, variant->opt, buf, &got));
		EXPECT_EQ(len, got);
		EXPECT_EQ(0xee, buf[len]);
	}
	len = sizeof(buf);
	EXPECT_EQ(0, get(self->fd, variant->opt, buf, &len));
	EXPECT_EQ(sizeof(int), len);
	EXPECT_EQ(0xee, buf[4]);
	len = -1;
	EXPECT_EQ(-EINVAL, get(self->fd, variant->opt, buf, &len));
	len = 4;
	EXPECT_EQ(-EFAULT, get(self->fd, variant->opt, NULL, &len));
	EXPECT_EQ(-EFAULT, get(self->fd, variant->opt, buf, NULL));
}

TEST_F(opt, unknown)
{
	static const int opts[] = { 0, OCKAM_POLICY + 1, 255, -1, INT_MAX };
	static const int levels[] = { 0, 1017, 1019, -1, 41 };
	socklen_t len = sizeof(int);
	int val = 1, two = 2;
	unsigned int i;

	for (i = 0; i < ARRAY(opts); i++) {
		EXPECT_EQ(-ENOPROTOOPT, set(self->fd, opts[i], &val, 4));
		EXPECT_EQ(-ENOPROTOOPT, set(self->fd, opts[i], &two, 4));
		EXPECT_EQ(-ENOPROTOOPT, set(self->fd, opts[i], &val, 3));
		EXPECT_EQ(-ENOPROTOOPT, set(self->fd, opts[i], NULL, 0));
		EXPECT_EQ(-ENOPROTOOPT, get(self->fd, opts[i], &val, &len));
	}
	for (i = 0; i < ARRAY(levels); i++) {
		EXPECT_EQ(-ENOPROTOOPT, ot_set(self->fd, levels[i], 1, 1));
		EXPECT_EQ(-ENOPROTOOPT, ot_get(self->fd, levels[i], 1));
	}
	EXPECT_EQ(-ENOPROTOOPT, get(self->fd, OCKAM_NEXT, &val, &len));
}

TEST_F(opt, max_msg)
{
	int val = 5;

	EXPECT_EQ(OCKAM_MSG_DEFAULT, ot_get(self->fd, SOL_OCKAM,
					    OCKAM_MAX_MSG));
	EXPECT_EQ(0, ot_set(self->fd, SOL_OCKAM, OCKAM_MAX_MSG, 1));
	EXPECT_EQ(1, ot_get(self->fd, SOL_OCKAM, OCKAM_MAX_MSG));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_MAX_MSG, -1));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_MAX_MSG,
				  OCKAM_MSG_MAX + 1));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_MAX_MSG,
				  INT_MIN));
	EXPECT_EQ(-EINVAL, set(self->fd, OCKAM_MAX_MSG, &val, 2));
	EXPECT_EQ(-EINVAL, set(self->fd, OCKAM_MAX_MSG, &val, 8));
	EXPECT_EQ(-EFAULT, set(self->fd, OCKAM_MAX_MSG, NULL, 4));
	EXPECT_EQ(1, ot_get(self->fd, SOL_OCKAM, OCKAM_MAX_MSG));
	EXPECT_EQ(0, ot_set(self->fd, SOL_OCKAM, OCKAM_MAX_MSG,
			    OCKAM_MSG_MAX));
}

/* ---- accept scope ---- */

/* struct ockam_accept with the longest list, and one more. */
struct accept_all {
	struct {
		uint32_t scope;
		uint32_t nids;
	} head;
	uint8_t ids[OCKAM_ACCEPT_MAX_IDS + 1][OCKAM_IDENTIFIER_LEN];
};

TEST_F(opt, accept)
{
	struct accept_all a = {}, b = {};
	socklen_t len = sizeof(b);
	struct ot_obj obj;

	/* Local origin always. */
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(sizeof(b.head), len);
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL, b.head.scope);
	EXPECT_EQ(0, b.head.nids);
	ASSERT_EQ(0, set(self->fd, OCKAM_ACCEPT, &a, sizeof(a.head)));
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL, b.head.scope);
	ASSERT_EQ(1, ot_say(self->peer, "opt", "x"));
	EXPECT_TRUE(ot_hears(self->fd, "x"));

	ot_fill(a.ids, sizeof(a.ids), 3);
	a.head.scope = OCKAM_ACCEPT_IDS | OCKAM_ACCEPT_LINKS;
	a.head.nids = 3;
	ASSERT_EQ(0, set(self->fd, OCKAM_ACCEPT, &a, sizeof(a.head) + 96));
	len = sizeof(b);
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(sizeof(b.head) + 96, len);
	EXPECT_EQ(3, b.head.nids);
	EXPECT_EQ(OCKAM_ACCEPT_IDS | OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_LOCAL,
		  b.head.scope);
	EXPECT_EQ(0, memcmp(a.ids, b.ids, 96));
	ASSERT_EQ(0, ot_worker_get(&self->nl, "opt", &obj));
	EXPECT_EQ(b.head.scope, obj.scope);

	/* The longest list. */
	a.head.nids = OCKAM_ACCEPT_MAX_IDS;
	ASSERT_EQ(0, set(self->fd, OCKAM_ACCEPT, &a, sizeof(a.head) +
			 OCKAM_ACCEPT_MAX_IDS * 32));
	len = sizeof(b);
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(sizeof(b.head) + OCKAM_ACCEPT_MAX_IDS * 32, len);
	EXPECT_EQ(0, memcmp(a.ids, b.ids, OCKAM_ACCEPT_MAX_IDS * 32));

	/* As many whole ones as fit, and how many there are. */
	memset(&b, 0xee, sizeof(b));
	len = sizeof(b.head) + 2 * 32 + 31;
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(sizeof(b.head) + 2 * 32, len);
	EXPECT_EQ(OCKAM_ACCEPT_MAX_IDS, b.head.nids);
	EXPECT_EQ(0, memcmp(a.ids, b.ids, 64));
	EXPECT_EQ(0xee, b.ids[2][0]);
}

TEST_F(opt, accept_wrong)
{
	struct accept_all a = { { OCKAM_ACCEPT_IDS, 1 } }, b = {};
	socklen_t len = sizeof(b);
	struct {
		uint32_t scope;
		uint32_t nids;
		socklen_t len;
		int err;
	} bad[] = {
		{ 0, 0, 0, -EINVAL },
		{ 0, 0, 4, -EINVAL },
		{ 0, 0, 7, -EINVAL },
		{ 0, 0, 9, -EINVAL },
		{ 0, 0, 40, -EINVAL },
		{ 32, 0, 8, -EINVAL },
		{ 0x80000000, 0, 8, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 0, 8, -EINVAL },
		{ OCKAM_ACCEPT_LINKS, 1, 40, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 1, 8, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 1, 39, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 1, 41, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 2, 40, -EINVAL },
		{ OCKAM_ACCEPT_IDS, 257, 8 + 257 * 32, -EMSGSIZE },
		{ OCKAM_ACCEPT_IDS, 0xffffffff, 8, -EMSGSIZE },
		{ OCKAM_ACCEPT_IDS, 0x08000001, 40, -EMSGSIZE },
	};
	unsigned int i;

	ASSERT_EQ(0, set(self->fd, OCKAM_ACCEPT, &a, 40));
	for (i = 0; i < ARRAY(bad); i++) {
		struct accept_all x = { { bad[i].scope, bad[i].nids } };

		EXPECT_EQ(bad[i].err, set(self->fd, OCKAM_ACCEPT, &x,
					  bad[i].len)) {
			TH_LOG("case %u", i);
		}
	}
	EXPECT_EQ(-EFAULT, set(self->fd, OCKAM_ACCEPT, NULL, 8));
	/* What there was is untouched. */
	ASSERT_EQ(0, get(self->fd, OCKAM_ACCEPT, &b, &len));
	EXPECT_EQ(40, len);
	EXPECT_EQ(OCKAM_ACCEPT_IDS | OCKAM_ACCEPT_LOCAL, b.head.scope);
	EXPECT_EQ(1, b.head.nids);
	len = 7;
	EXPECT_EQ(-EINVAL, get(self->fd, OCKAM_ACCEPT, &b, &len));
	len = 40;
	EXPECT_EQ(-EFAULT, get(self->fd, OCKAM_ACCEPT, NULL, &len));
}

/* The list may be replaced while messages come. */
static long replace(void *arg)
{
	uint64_t end = ot_ms() + 1000;
	struct accept_all a = {};
	int fd = *(int *)arg, i;

	for (i = 0; ot_ms() < end; i++) {
		a.head.nids = i % 7;
		a.head.scope = a.head.nids ? OCKAM_ACCEPT_IDS : 0;
		if (set(fd, OCKAM_ACCEPT, &a, 8 + 32 * a.head.nids))
			return -1;
	}
	return i;
}

TEST_F(opt, accept_replaced_under_traffic)
{
	struct ot_task t;
	char c;

	ASSERT_EQ(0, ot_task_start(&t, replace, &self->fd));
	while (!ot_task_done(&t)) {
		ASSERT_EQ(1, ot_say(self->peer, "opt", "x"));
		ASSERT_EQ(1, ot_recv(self->fd, &c, 1, 0));
	}
	EXPECT_LT(0, ot_task_end(&t));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

/* ---- handshake mode ---- */

static int handshake(int fd)
{
	return ot_set(fd, SOL_OCKAM, OCKAM_HANDSHAKE, 1);
}

static int next(int fd)
{
	return ot_set(fd, SOL_OCKAM, OCKAM_NEXT, 1);
}

TEST_F(opt, handshake_yields_one_at_a_time)
{
	struct ot_obj obj;
	char text[4];
	int i;

	ASSERT_EQ(0, ot_get(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE));
	ASSERT_EQ(0, handshake(self->fd));
	EXPECT_EQ(1, ot_get(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE));
	ASSERT_EQ(0, ot_worker_get(&self->nl, "opt", &obj));
	EXPECT_TRUE(obj.handshake);
	EXPECT_EQ(0, ot_poll(self->fd, POLLIN, 0));
	for (i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		ASSERT_EQ(2, ot_say(self->peer, "opt", text));
	}
	/* All are there, one can be read. */
	EXPECT_EQ(5, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	for (i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		EXPECT_EQ(POLLIN, ot_poll(self->fd, POLLIN, 0));
		EXPECT_TRUE(ot_hears(self->fd, text));
		EXPECT_TRUE(ot_empty(self->fd));
		EXPECT_EQ(0, ot_poll(self->fd, POLLIN, 0));
		ASSERT_EQ(0, next(self->fd));
	}
	/* Asked before it comes, and not twice. */
	ASSERT_EQ(0, next(self->fd));
	ASSERT_EQ(0, next(self->fd));
	EXPECT_TRUE(ot_empty(self->fd));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "a"));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "b"));
	EXPECT_TRUE(ot_hears(self->fd, "a"));
	EXPECT_TRUE(ot_empty(self->fd));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

/* What came before the mode counts, too. */
TEST_F(opt, handshake_with_a_full_queue)
{
	ASSERT_EQ(1, ot_say(self->peer, "opt", "1"));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "2"));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "3"));
	ASSERT_EQ(0, handshake(self->fd));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "4"));
	EXPECT_TRUE(ot_hears(self->fd, "1"));
	EXPECT_TRUE(ot_empty(self->fd));
	ASSERT_EQ(0, next(self->fd));
	EXPECT_TRUE(ot_hears(self->fd, "2"));
	EXPECT_TRUE(ot_empty(self->fd));
	ASSERT_EQ(0, next(self->fd));
	EXPECT_TRUE(ot_hears(self->fd, "3"));
	ASSERT_EQ(0, next(self->fd));
	EXPECT_TRUE(ot_hears(self->fd, "4"));
	EXPECT_TRUE(ot_empty(self->fd));
}

static long read_one(void *arg)
{
	char c;

	return ot_recv(*(int *)arg, &c, 1, 0) == 1 ? c : -1;
}

TEST_F(opt, handshake_next_wakes_the_reader)
{
	struct ot_task t;

	ASSERT_EQ(0, handshake(self->fd));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "1"));
	ASSERT_EQ(1, ot_say(self->peer, "opt", "2"));
	EXPECT_TRUE(ot_hears(self->fd, "1"));
	ASSERT_EQ(0, ot_task_start(&t, read_one, &self->fd));
	ASSERT_TRUE(ot_task_blocks(&t, SYS_recvfrom));
	ASSERT_EQ(0, next(self->fd));
	EXPECT_EQ('2', ot_task_end(&t));
}

/* Strangers cannot make it hold without bound. */
TEST_F(opt, handshake_holds_no_more_than_the_buffer)
{
	static char msg[10000];
	struct ot_obj obj;
	int n, limit;

	ASSERT_EQ(0, handshake(self->fd));
	limit = ot_get(self->fd, SOL_SOCKET, SO_RCVBUF);
	for (n = 0; n < 1000; n++)
		if (ot_send(self->peer, "opt", msg, sizeof(msg), MSG_DONTWAIT)
		    == -EAGAIN)
			break;
	EXPECT_GT(1000, n);
	ASSERT_EQ(0, ot_worker_get(&self->nl, "opt", &obj));
	EXPECT_GT(limit + 40000, obj.queued);
	/* Closing frees what is held. */
	close(self->fd);
	self->fd = ot_worker("opt", 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ot_worker_get(&self->nl, "opt", &obj));
	EXPECT_EQ(0, obj.queued);
	EXPECT_EQ(POLLOUT, ot_poll(self->peer, POLLOUT, 0));
}

TEST_F(opt, handshake_wrong)
{
	int unbound = ot_socket(0), val = 1;

	ASSERT_LE(0, unbound);
	EXPECT_EQ(-EINVAL, handshake(unbound));
	EXPECT_EQ(-EINVAL, next(unbound));
	EXPECT_EQ(0, ot_get(unbound, SOL_OCKAM, OCKAM_HANDSHAKE));
	/* Not in the mode: nothing to let through. */
	EXPECT_EQ(-EINVAL, next(self->fd));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE, 0));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE, 2));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE, -1));
	EXPECT_EQ(-EINVAL, set(self->fd, OCKAM_HANDSHAKE, &val, 3));
	EXPECT_EQ(-EINVAL, set(self->fd, OCKAM_NEXT, &val, 0));
	EXPECT_EQ(-EFAULT, set(self->fd, OCKAM_HANDSHAKE, NULL, 4));
	EXPECT_EQ(0, ot_get(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE));
	ASSERT_EQ(2, ot_say(self->peer, "opt", "ok"));
	ASSERT_EQ(2, ot_say(self->peer, "opt", "ok"));
	EXPECT_TRUE(ot_hears(self->fd, "ok"));
	EXPECT_TRUE(ot_hears(self->fd, "ok"));

	/* Once in it, always in it. */
	ASSERT_EQ(0, handshake(self->fd));
	EXPECT_EQ(-EINVAL, handshake(self->fd));
	EXPECT_EQ(-EINVAL, ot_set(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE, 0));
	EXPECT_EQ(1, ot_get(self->fd, SOL_OCKAM, OCKAM_HANDSHAKE));
	close(unbound);
}

TEST_HARNESS_MAIN
