// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A node in the middle of two TCP links: what it forwards goes on at once, in
 * order and whole, whichever way it takes inside: without leaving softirq, or
 * by the link's queue when that is in use or its connection full.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define ROUNDS	500
#define MOST	6000

FIXTURE(middle) {
	struct lt_node node;
	struct lt_wire one;
	struct lt_wire two;
};

FIXTURE_SETUP(middle)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_small_buffers());
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	ASSERT_EQ(0, lt_wire(&self->node, &self->one, lt_conf(.name = "one")));
	ASSERT_EQ(0, lt_wire(&self->node, &self->two, lt_conf(.name = "two")));
}

FIXTURE_TEARDOWN(middle)
{
	close(self->one.peer);
	close(self->two.peer);
	lt_node_free(&self->node);
}

/* Of all lengths up to that of several packets, and some longer. */
static size_t size_of(uint32_t number)
{
	return number % 97 ? 4 + number * 131 % 3001 : MOST;
}

/* Message @number, as it is sent to @to, or as it comes from @from. */
static void put(struct lt_buf *b, const char *to, const char *from,
		uint32_t number)
{
	struct ot_route onward = {}, ret = {};
	char payload[MOST];
	size_t len = size_of(number);

	if (to)
		ot_local(&onward, to);
	ot_local(&onward, "end");
	if (from)
		ot_local(&ret, from);
	ot_local(&ret, "app");
	ot_fill(payload, len, number);
	b->len = 0;
	lt_put_frame(b, &onward, &ret, payload, len);
}

static bool tell(int peer, const char *to, uint32_t number)
{
	struct lt_buf b = {};
	bool good;

	put(&b, to, NULL, number);
	good = lt_write(peer, b.data, b.len);
	lt_buf_free(&b);
	return good;
}

static bool hears(struct __test_metadata *_metadata, int peer,
		  const char *from, uint32_t number)
{
	struct lt_buf b = {};
	bool good;

	put(&b, NULL, from, number);
	good = lt_hears(_metadata, peer, b.data, b.len);
	lt_buf_free(&b);
	return good;
}

/* What the processor has been idle, in ms. */
static long idle_ms(void)
{
	double up = 0, idle = 0;
	FILE *f = fopen("/proc/uptime", "r");

	if (!f)
		return -1;
	if (fscanf(f, "%lf %lf", &up, &idle) != 2)
		idle = -1;
	fclose(f);
	return idle * 1000;
}

/*
 * Question and answer: no timer is waited for.  Where time is counted a processor
 * that has something to do is never idle.
 */
TEST_F(middle, passes_at_once)
{
	long before, after;
	uint32_t i;

	before = idle_ms();
	ASSERT_LE(0, before);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(tell(self->one.peer, "two", i));
		ASSERT_TRUE(hears(_metadata, self->two.peer, "one", i));
		ASSERT_TRUE(tell(self->two.peer, "one", i));
		ASSERT_TRUE(hears(_metadata, self->one.peer, "two", i));
	}
	after = idle_ms();
	/* Each of them would wait for a fifth of a millisecond. */
	if (!getenv("OCKAM_VM_PARALLEL"))
		EXPECT_GT(ROUNDS / 10, after - before);
	EXPECT_EQ(0, lt_drops(&self->node));
}

struct stream {
	int		peer;
	const char	*to;
	uint32_t	n;
	volatile uint32_t sent;
};

static long stream_out(void *arg)
{
	struct stream *s = arg;

	for (s->sent = 0; s->sent < s->n; s->sent++)
		if (!tell(s->peer, s->to, s->sent))
			return -1;
	return 0;
}

/* Many in a row, read as they come. */
TEST_F_TIMEOUT(middle, keeps_the_order, 300)
{
	struct stream s = { self->one.peer, "two", 4000 };
	struct ot_task task;
	uint32_t i;

	ASSERT_EQ(0, ot_task_start(&task, stream_out, &s));
	for (i = 0; i < s.n; i++)
		ASSERT_TRUE(hears(_metadata, self->two.peer, "one", i));
	ASSERT_EQ(0, ot_task_end(&task));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* And when TCP takes only a part of a frame, again and again. */
TEST_F_TIMEOUT(middle, goes_on_where_it_stopped, 300)
{
	struct stream s = { self->one.peer, "two", 2000 };
	struct ot_task task;
	uint32_t i, last;

	ASSERT_EQ(0, ot_task_start(&task, stream_out, &s));
	for (i = 0; i < s.n; i++) {
		if (i % 200 == 0) {
			/* Until everything is full. */
			do {
				last = s.sent;
				usleep(20000);
			} while (last != s.sent);
		}
		ASSERT_TRUE(hears(_metadata, self->two.peer, "one", i));
	}
	ASSERT_EQ(0, ot_task_end(&task));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* Both ways at the same time: neither link's lock is waited for with the other's. */
TEST_F_TIMEOUT(middle, both_ways, 300)
{
	struct stream a = { self->one.peer, "two", 3000 };
	struct stream b = { self->two.peer, "one", 3000 };
	struct ot_task out, back;
	uint32_t i;

	ASSERT_EQ(0, ot_task_start(&out, stream_out, &a));
	ASSERT_EQ(0, ot_task_start(&back, stream_out, &b));
	for (i = 0; i < a.n; i++) {
		ASSERT_TRUE(hears(_metadata, self->two.peer, "one", i));
		ASSERT_TRUE(hears(_metadata, self->one.peer, "two", i));
	}
	ASSERT_EQ(0, ot_task_end(&out));
	ASSERT_EQ(0, ot_task_end(&back));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* Back over the link that it came by. */
TEST_F(middle, back_where_it_came_from)
{
	uint32_t i;

	for (i = 0; i < 200; i++) {
		ASSERT_TRUE(tell(self->one.peer, "one", i));
		ASSERT_TRUE(hears(_metadata, self->one.peer, "one", i));
	}
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* The link goes while messages pass: each is delivered whole, or counted. */
TEST_F_TIMEOUT(middle, ends_in_between, 300)
{
	struct stream s = { self->one.peer, "two", 1000 };
	struct ot_task task;
	uint64_t lost;
	uint32_t i;

	ASSERT_EQ(0, ot_task_start(&task, stream_out, &s));
	for (i = 0; i < 300; i++)
		ASSERT_TRUE(hears(_metadata, self->two.peer, "one", i));
	ASSERT_EQ(0, lt_del(&self->node, self->two.link));
	ASSERT_EQ(0, ot_task_end(&task));
	lost = lt_drops(&self->node);
	EXPECT_LT(0, lost);
	EXPECT_GE(1000 - 300, lost);
}

TEST_HARNESS_MAIN
