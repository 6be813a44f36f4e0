// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A million messages through one channel: each comes once, in order and whole,
 * and nonces, derivations and counters say just that.  Both directions are in
 * use at the same time.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"

#define BATCH		64
#define SMALL		120
#define LARGE		30000
#define GENERATION	32	/* messages with one key */
#define SLACK		4	/* keys that were prepared ahead */

/**
 * struct flow - one direction
 * @fd: the sender's, or the receiver's
 * @to: where it goes, for the sender
 * @n: messages
 * @seed: of the sizes
 * @at: next sequence number
 * @why: what was wrong, NULL if nothing
 * @got: the length that came then
 */
struct flow {
	int		fd;
	const char	*to;
	uint32_t	n;
	uint64_t	seed;
	uint32_t	at;
	const char	*why;
	long		got;
};

/* Most are small; some need more than one page, and work in the background. */
static size_t size_of(uint64_t seed, uint32_t seq)
{
	uint64_t s = (seed ^ seq * 0x9e3779b97f4a7c15ULL) ?: 1;
	uint32_t dice = (ot_rand(&s), ot_below(&s, 4096));
	size_t n = sizeof(seq);

	if (!dice)
		return n + ot_below(&s, LARGE - n);
	return n + ot_below(&s, dice < 8 ? 3000 : SMALL - n);
}

static long send_flow(void *arg)
{
	static __thread uint8_t buf[BATCH][LARGE];
	struct sockaddr_ockam sa;
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	struct flow *f = arg;
	int i, n, have = 0;

	sa = ct_sa(f->to);
	while (f->at < f->n) {
		memset(m, 0, sizeof(m));
		have = f->n - f->at < BATCH ? f->n - f->at : BATCH;
		for (i = 0; i < have; i++) {
			uint32_t seq = f->at + i;

			iov[i].iov_base = buf[i];
			iov[i].iov_len = size_of(f->seed, seq);
			ot_fill(buf[i], iov[i].iov_len, seq);
			memcpy(buf[i], &seq, sizeof(seq));
			m[i].msg_hdr.msg_iov = &iov[i];
			m[i].msg_hdr.msg_iovlen = 1;
			m[i].msg_hdr.msg_name = &sa;
			m[i].msg_hdr.msg_namelen = sizeof(sa);
		}
		for (i = 0; i < have; i += n) {
			n = sendmmsg(f->fd, m + i, have - i, 0);
			if (n <= 0) {
				f->got = -errno;
				f->why = "sendmmsg() failed";
				return -1;
			}
		}
		f->at += have;
	}
	return 0;
}

static const char *look(const struct flow *f, const uint8_t *p, size_t len)
{
	uint8_t head[sizeof(uint32_t)], all[LARGE];
	uint32_t seq;

	if (len < sizeof(seq))
		return "too short";
	memcpy(&seq, p, sizeof(seq));
	if (seq != f->at)
		return seq < f->at ? "twice or late" : "one is missing";
	if (len != size_of(f->seed, seq))
		return "another length";
	ot_fill(head, sizeof(head), seq);
	memcpy(all, p, len);
	memcpy(all, head, sizeof(head));
	return ot_filled(all, len, seq) ? NULL : "other bytes";
}

static long recv_flow(void *arg)
{
	static __thread uint8_t buf[BATCH][LARGE];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	struct flow *f = arg;
	int i, n;

	while (f->at < f->n) {
		memset(m, 0, sizeof(m));
		for (i = 0; i < BATCH; i++) {
			iov[i].iov_base = buf[i];
			iov[i].iov_len = LARGE;
			m[i].msg_hdr.msg_iov = &iov[i];
			m[i].msg_hdr.msg_iovlen = 1;
		}
		n = recvmmsg(f->fd, m, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0) {
			f->got = -errno;
			f->why = "recvmmsg() failed";
			return -1;
		}
		for (i = 0; i < n; i++) {
			f->why = look(f, buf[i], m[i].msg_len);
			f->got = m[i].msg_len;
			if (f->why)
				return -1;
			f->at++;
		}
	}
	return 0;
}

FIXTURE(node) {
	struct lt_node	node;
};

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
}

FIXTURE_TEARDOWN(node)
{
	ockam_nl_channel_flush(self->node.nl);
	ockam_nl_link_flush(self->node.nl);
	lt_node_free(&self->node);
}

/* Since there are prepared keys, a little more than what was needed. */
static bool is_about(uint64_t n, uint64_t want)
{
	return n >= want && n <= want + SLACK;
}

/* The nonce of one message more, which goes elsewhere. */
static uint64_t next_nonce(struct lt_node *node, const char *enc, int fd)
{
	struct ockam_nl_channel ch = {};
	struct sockaddr_ockam sa;
	uint64_t nonce = 0;
	uint8_t buf[64];
	char route[16];
	int tap, i;

	tap = lt_worker("tap", 0);
	ch.encryptor.len = ct_flat(ch.encryptor.data, enc);
	ch.route.len = ct_flat(ch.route.data, "tap");
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	snprintf(route, sizeof(route), "%s>x", enc);
	sa = ct_sa(route);
	if (tap < 0 || ockam_nl_channel_set(node->nl, &ch) ||
	    ot_sendx(fd, ot_out(.name = &sa), "x", 1) != 1 ||
	    ot_recv(tap, buf, sizeof(buf), 0) < 24) {
		close(tap);
		return UINT64_MAX;
	}
	close(tap);
	for (i = 0; i < 8; i++)
		nonce = nonce << 8 | buf[i];
	return nonce;
}

/* @a messages from E1 to the other end, and @b back, at the same time. */
static void run(struct __test_metadata *_metadata, struct lt_node *node,
		const char *to2, const char *to1, uint32_t a, uint32_t b)
{
	struct ockam_nl_channel one, two;
	struct flow flow[4] = {};
	struct ot_task task[4];
	uint64_t t0, seed;
	struct ct_keys k;
	int app, sink, i;
	uint64_t gens;

	seed = ot_seed(_metadata);
	ct_keys(&k);
	ASSERT_EQ(0, ct_new(node->nl, &k, true, "E1", "D1", -1, to2)) {
		TH_LOG("%s", ockam_nl_error(node->nl));
	}
	ASSERT_EQ(0, ct_new(node->nl, &k, false, "E2", "D2", -1, to1));
	app = lt_worker("app", OCKAM_ACCEPT_CHANNELS);
	sink = lt_worker("sink", OCKAM_ACCEPT_CHANNELS);
	ASSERT_LE(0, app);
	ASSERT_LE(0, sink);
	flow[0] = (struct flow){ .fd = app, .to = "E1>sink", .n = a };
	flow[1] = (struct flow){ .fd = sink, .n = a };
	flow[2] = (struct flow){ .fd = sink, .to = "E2>app", .n = b };
	flow[3] = (struct flow){ .fd = app, .n = b };

	t0 = ot_ms();
	for (i = 0; i < 4; i++) {
		flow[i].seed = seed + (i >> 1);
		ASSERT_EQ(0, ot_task_start(&task[i], i & 1 ? recv_flow :
					   send_flow, &flow[i]));
	}
	/* Receivers give up by themselves when nothing comes. */
	for (i = 3; i >= 0; i--) {
		if (i & 1)
			pthread_join(task[i].thread, NULL);
		EXPECT_EQ(NULL, flow[i].why) {
			TH_LOG("flow %d at %u: %s (%ld)", i, flow[i].at,
			       flow[i].why, flow[i].got);
		}
	}
	EXPECT_EQ(a, flow[1].at);
	EXPECT_EQ(b, flow[3].at);
	ASSERT_TRUE(_metadata->passed);
	EXPECT_EQ(0, ot_task_end(&task[0]));
	EXPECT_EQ(0, ot_task_end(&task[2]));
	TH_LOG("%u and %u messages in %llu ms", a, b,
	       (unsigned long long)(ot_ms() - t0));
	EXPECT_TRUE(ot_empty(app));
	EXPECT_TRUE(ot_empty(sink));

	ASSERT_EQ(0, ct_get(node->nl, "E1", &one));
	ASSERT_EQ(0, ct_get(node->nl, "E2", &two));
	EXPECT_EQ(a, one.tx_msgs);
	EXPECT_EQ(b, one.rx_msgs);
	EXPECT_EQ(b, two.tx_msgs);
	EXPECT_EQ(a, two.rx_msgs);
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, one.state);
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, two.state);
	EXPECT_EQ(0, one.auth_failed + one.replayed);
	EXPECT_EQ(0, two.auth_failed + two.replayed);
	gens = (a - 1) / GENERATION + (b - 1) / GENERATION;
	EXPECT_TRUE(is_about(one.derivations, gens)) {
		TH_LOG("%llu derivations, not %llu",
		       (unsigned long long)one.derivations,
		       (unsigned long long)gens);
	}
	EXPECT_TRUE(is_about(two.derivations, gens)) {
		TH_LOG("%llu derivations, not %llu",
		       (unsigned long long)two.derivations,
		       (unsigned long long)gens);
	}
	EXPECT_EQ(a + b, lt_stat(node, OCKAM_STAT_SENT));
	/* A message can be read before it is counted. */
	EXPECT_TRUE(OT_WAIT(lt_stat(node, OCKAM_STAT_DELIVERED) >= a + b));
	EXPECT_EQ(a + b, lt_stat(node, OCKAM_STAT_DELIVERED));
	EXPECT_EQ(a + b, lt_stat(node, OCKAM_STAT_ENCRYPTED));
	EXPECT_EQ(a + b, lt_stat(node, OCKAM_STAT_DECRYPTED));
	EXPECT_EQ(0, lt_drops(node));
	/* And each message took one nonce. */
	EXPECT_EQ(a, next_nonce(node, "E1", app));
	EXPECT_EQ(b, next_nonce(node, "E2", sink));
	close(app);
	close(sink);
}

TEST_F_TIMEOUT(node, within_a_node, 550)
{
	uint32_t n = ot_debug() ? 27000 : 900000;

	run(_metadata, &self->node, "D2", "D1", n, n / 9);
}

TEST_F_TIMEOUT(node, over_a_link, 550)
{
	uint32_t n = ot_debug() ? 1800 : 45000;
	char back[64], to1[80];

	ASSERT_EQ(0, ct_loop(&self->node, "up", back));
	snprintf(to1, sizeof(to1), "%s>D1", back);
	run(_metadata, &self->node, "up>D2", to1, n, n / 9);
}

TEST_HARNESS_MAIN
