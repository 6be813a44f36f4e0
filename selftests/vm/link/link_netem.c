// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A channel over UDP and a network that loses, doubles, shuffles and corrupts in
 * both directions (netem): nothing comes wrong, twice, or from nowhere, whatever
 * came and was not delivered is counted, and afterwards the channel is as good as
 * new.  NETEM_MESSAGES in the environment: so many each way.
 */
#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define NETEM		"delay 4ms 3ms loss 30% duplicate 10% corrupt 2% reorder 25%"
#define MESSAGES	10000
#define CALM		200
#define BURST		16
#define MOST		4000
#define ENDS		2

/* What one side sends, and what of it came at the other. */
struct way {
	int		from, to;
	const char	*route;
	uint32_t	sent, came;
	bool		*seen;
};

FIXTURE(netem) {
	struct lt_node node[ENDS];
	struct way way[ENDS];
	uint32_t messages;
	uint64_t seed;
	int link[ENDS];
};

FIXTURE_VARIANT(netem) {
	enum ockam_udp_form form;
};

FIXTURE_VARIANT_ADD(netem, stock) { OCKAM_UDP_FORM_STOCK };
FIXTURE_VARIANT_ADD(netem, native) { OCKAM_UDP_FORM_NATIVE };

static int udp_link(const struct lt_node *node, int own, enum ockam_udp_form form)
{
	struct sockaddr_storage left = lt_addr("10.7.0.1", 4001);
	struct sockaddr_storage right = lt_addr("10.7.0.2", 4001);
	struct ockam_nl_link link = {
		.kind = OCKAM_LINK_KIND_UDP,
		.mode = OCKAM_LINK_MODE_CONNECT,
		.udp_form = form,
	};

	lt_key(&link.name, "u");
	lt_ip(&link.local_ip, own ? &right : &left, &link.local_port);
	lt_ip(&link.remote_ip, own ? &left : &right, &link.remote_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_KIND);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	ockam_nl_mark(&link, OCKAM_A_LINK_UDP_FORM);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_PORT);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_PORT);
	return ockam_nl_link_new(node->nl, &link) ?: (int)link.id;
}

static int netem(const struct lt_node *node, const char *what)
{
	return lt_enter(node) ?:
	       lt_run("tc qdisc %s dev v7 root netem %s limit 100000",
		      what ? "add" : "del", what ?: "");
}

FIXTURE_SETUP(netem)
{
	const char *env = getenv("NETEM_MESSAGES");
	struct ct_keys k;
	int i;

	self->seed = ot_seed(_metadata);
	self->messages = env ? strtoul(env, NULL, 0) :
			 ot_debug() ? MESSAGES / 10 : MESSAGES;
	ct_keys(&k);
	for (i = 0; i < ENDS; i++)
		ASSERT_EQ(0, lt_node_new(&self->node[i]));
	ASSERT_EQ(0, lt_cable(&self->node[0], &self->node[1], 7));
	for (i = 0; i < ENDS; i++) {
		struct way *w = &self->way[i];

		ASSERT_EQ(0, lt_enter(&self->node[i]));
		/* A lost answer of ARP would be all that is tested for a second. */
		ASSERT_EQ(0, lt_run("ip link set v7 address 02:00:00:00:00:07 arp off"));
		self->link[i] = udp_link(&self->node[i], i, variant->form);
		ASSERT_LT(0, self->link[i]) {
			TH_LOG("%s", ockam_nl_error(self->node[i].nl));
		}
		ASSERT_EQ(0, ct_new(self->node[i].nl, &k, !i, "E", "D", -1,
				    "u>D"));
		w->from = lt_worker("app", 0);
		self->way[!i].to = lt_worker("sink", OCKAM_ACCEPT_CHANNELS);
		ASSERT_LE(0, w->from);
		ASSERT_LE(0, self->way[!i].to);
		ASSERT_EQ(0, ot_set(self->way[!i].to, SOL_SOCKET, SO_RCVBUF,
				    1 << 20));
		w->seen = calloc(self->messages + CALM, sizeof(bool));
		ASSERT_NE(NULL, w->seen);
	}
}

FIXTURE_TEARDOWN(netem)
{
	int i;

	for (i = 0; i < ENDS; i++) {
		close(self->way[i].from);
		close(self->way[i].to);
		free(self->way[i].seen);
		lt_node_free(&self->node[i]);
	}
}

/* Mostly short, and some of several datagrams. */
static bool send_next(struct way *w, uint64_t *seed)
{
	size_t len = 4 + ot_below(seed, ot_below(seed, 16) ? 150 : MOST - 4);
	struct sockaddr_ockam sa = ct_sa("E>sink");
	uint8_t buf[MOST];

	ot_fill(buf, len, w->sent);
	memcpy(buf, &w->sent, 4);
	w->sent++;
	return ot_sendx(w->from, ot_out(.name = &sa), buf, len) == (ssize_t)len;
}

/* All that is there: NULL, or what is wrong. */
static const char *take(struct way *w)
{
	uint8_t buf[MOST + 1], want[MOST];
	uint32_t tag;
	ssize_t n;

	while ((n = ot_recv(w->to, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (n < 4 || n > MOST)
			return "a message of another length";
		memcpy(&tag, buf, 4);
		if (tag >= w->sent)
			return "a message that nobody sent";
		if (w->seen[tag])
			return "a message twice";
		ot_fill(want, n, tag);
		if (memcmp(buf + 4, want + 4, n - 4))
			return "another message than was sent";
		w->seen[tag] = true;
		w->came++;
	}
	return NULL;
}

/* Until nothing has come for a while: keys may have to be derived. */
static const char *settle(struct way *way)
{
	uint64_t end = ot_ms() + 1000;
	const char *wrong = NULL;

	while (!wrong && ot_ms() < end) {
		uint32_t before = way[0].came + way[1].came;

		ot_poll(way[0].to, POLLIN, 50);
		wrong = take(&way[0]) ?: take(&way[1]);
		if (way[0].came + way[1].came != before)
			end = ot_ms() + 1000;
	}
	return wrong;
}

static const char *talk(struct way *way, uint32_t n, uint64_t *seed)
{
	const char *wrong = NULL;
	uint32_t i, k, w;

	for (i = 0; i < n && !wrong; i += BURST) {
		for (w = 0; w < ENDS && !wrong; w++) {
			for (k = 0; k < BURST && i + k < n; k++)
				if (!send_next(&way[w], seed))
					return "a message was not sent";
			wrong = take(&way[!w]);
		}
		/* The network takes its time, and does not keep more and more. */
		ot_poll(way[0].to, POLLIN, 2);
	}
	return wrong ?: settle(way);
}

/* What the link brought was delivered, or is counted as what it was. */
static void expect_counted(struct __test_metadata *_metadata,
			   const struct lt_node *node, int id,
			   const struct way *to)
{
	struct ockam_nl_channel ch;
	struct ockam_nl_link link;

	ASSERT_EQ(0, lt_get(node, id, &link));
	ASSERT_EQ(0, ct_get(node->nl, "E", &ch));
	EXPECT_EQ(to->came, ch.rx_msgs);
	EXPECT_EQ(link.rx_msgs - lt_stat(node, OCKAM_STAT_HEARTBEATS),
		  ch.rx_msgs + ch.replayed + ch.auth_failed);
	EXPECT_EQ(0, ch.auth_failed);
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	TH_LOG("%u of %u came, %llu twice, pieces: %llu lost, %llu twice",
	       to->came, to->sent, (unsigned long long)ch.replayed,
	       (unsigned long long)lt_drop(node, OCKAM_DROP_PIECE_LOST),
	       (unsigned long long)lt_drop(node, OCKAM_DROP_PIECE_TWICE));
}

#define FINE(what) do {							\
	const char *__wrong = what;					\
									\
	ASSERT_EQ(NULL, __wrong) {					\
		TH_LOG("%s", __wrong);					\
	}								\
} while (0)

TEST_F_TIMEOUT(netem, nothing_wrong_or_twice, 3600)
{
	struct way *way = self->way;
	uint32_t bad[ENDS];
	int i;

	for (i = 0; i < ENDS; i++)
		ASSERT_EQ(0, netem(&self->node[i], NETEM));
	FINE(talk(way, self->messages, &self->seed));
	for (i = 0; i < ENDS; i++) {
		/* Not all is lost, and not all comes. */
		EXPECT_LT(self->messages / 2, way[i].came);
		EXPECT_GT(self->messages * 3 / 4, way[i].came);
		bad[i] = way[i].came;
		ASSERT_EQ(0, netem(&self->node[i], NULL));
	}
	FINE(settle(way));
	FINE(talk(way, CALM, &self->seed));
	for (i = 0; i < ENDS; i++) {
		EXPECT_LE(bad[i] + CALM, way[i].came);
		expect_counted(_metadata, &self->node[!i], self->link[!i],
			       &way[i]);
	}
}

TEST_HARNESS_MAIN
