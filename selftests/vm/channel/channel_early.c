// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Two pairs of keys for one peer, as X3DH needs them: early data comes in by a
 * channel that only receives and is answered through another one, which later
 * takes over at the initiator as well.  The daemons' part is played by two
 * workers: "wire" gets what the initiator's early channel encrypts, "feed"
 * hands it to the responder's.
 *
 *	app -> E1 (early) -> wire .. feed -> De (early of F) -> echoer
 *	app <- D1 (final) <- E2 (F) <- echoer
 */
#include <pthread.h>

#include <ockam/ockam.h>

#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "bpf_test.h"

#define TRAFFIC		3000

FIXTURE(early) {
	struct lt_node	node;
	struct ct_keys	first;		/* [0] is of early data */
	struct ct_keys	final;
	uint32_t	a;		/* initiator's early channel */
	uint32_t	b;		/* its later one */
	uint32_t	f;		/* responder's channel */
	uint32_t	r;		/* its early one */
	int		app;
	int		wire;
	int		feed;
	int		echoer;
};

/* How a channel is asked for; the rest is as ct_new() has it. */
struct ask {
	const struct ct_keys	*keys;
	bool			initiator;
	const char		*enc;
	const char		*dec;
	const char		*route;
	uint32_t		early_of;
	uint32_t		succeeds;
	uint8_t			identifier;
	uint32_t		owner;
	uint32_t		*old;
};

static int install(struct ockam_nl *nl, const struct ask *ask, uint32_t *id)
{
	struct ockam_nl_channel ch = {
		.role = ask->initiator ? OCKAM_ROLE_INITIATOR :
					 OCKAM_ROLE_RESPONDER,
		.early_of = ask->early_of,
		.succeeds = ask->succeeds,
		.owner = ask->owner,
	};
	int err;

	memcpy(ch.tx_key, ask->keys->key[!ask->initiator], sizeof(ch.tx_key));
	memcpy(ch.rx_key, ask->keys->key[ask->initiator], sizeof(ch.rx_key));
	memset(ch.identifier, ask->identifier ?: ask->initiator ? 0x22 : 0x11,
	       sizeof(ch.identifier));
	ch.decryptor.len = ct_flat(ch.decryptor.data, ask->dec);
	ch.route.len = ct_flat(ch.route.data, ask->route);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROLE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_TX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_RX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_IDENTIFIER);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_DECRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	if (ask->enc) {
		ch.encryptor.len = ct_flat(ch.encryptor.data, ask->enc);
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	}
	if (ask->early_of)
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_EARLY_OF);
	if (ask->succeeds)
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_SUCCEEDS);
	if (ask->owner)
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_OWNER);
	err = ockam_nl_channel_new(nl, &ch);
	if (id)
		*id = err ? 0 : ch.id;
	if (!err && ask->old)
		*ask->old = ockam_nl_has(&ch, OCKAM_A_CHANNEL_SUCCEEDS) ?
			    ch.succeeds : 0;
	return err;
}

static int by_id(struct ockam_nl *nl, uint32_t id, struct ockam_nl_channel *ch)
{
	memset(ch, 0, sizeof(*ch));
	ch->id = id;
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ID);
	return ockam_nl_channel_get(nl, ch);
}

static int del(struct ockam_nl *nl, uint32_t id)
{
	struct ockam_nl_channel ch = { .id = id };

	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ID);
	return ockam_nl_channel_del(nl, &ch);
}

static int count_one(const void *object, void *arg)
{
	(void)object;
	++*(unsigned int *)arg;
	return 0;
}

static unsigned int channels(struct ockam_nl *nl)
{
	struct ockam_nl_channel all = {};
	unsigned int n = 0;

	return ockam_nl_dump(nl, OCKAM_NL_CHANNEL, &all, count_one, &n) ?
	       ~0U : n;
}

/* Its first key, and one that nobody else has. */
static struct ct_keys one_way(const struct ct_keys *k)
{
	struct ct_keys out;

	ct_keys(&out);
	memcpy(out.key[0], k->key[0], sizeof(out.key[0]));
	return out;
}

FIXTURE_SETUP(early)
{
	const unsigned int want = 1U << OCKAM_RECV_PEER;
	struct ct_keys mine, theirs;

	ASSERT_EQ(0, lt_node_new(&self->node));
	ct_keys(&self->first);
	ct_keys(&self->final);
	mine = one_way(&self->first);
	theirs = one_way(&self->first);
	self->app = lt_worker("app", 0);
	self->wire = lt_worker("wire", 0);
	self->feed = lt_worker("feed", 0);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_CHANNELS);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->wire);
	ASSERT_LE(0, self->feed);
	ASSERT_LE(0, self->echoer);
	ASSERT_EQ(0, ockam_want(self->echoer, want));
	ASSERT_EQ(0, ockam_want(self->app, want));

	ASSERT_EQ(0, install(self->node.nl, &(struct ask){
		.keys = &mine, .initiator = true, .enc = "E1", .dec = "Da",
		.route = "wire" }, &self->a));
	ASSERT_EQ(0, install(self->node.nl, &(struct ask){
		.keys = &self->final, .enc = "E2", .dec = "D2",
		.route = "D1" }, &self->f));
	ASSERT_EQ(0, install(self->node.nl, &(struct ask){
		.keys = &theirs, .dec = "De", .route = "feed",
		.early_of = self->f }, &self->r));
}

FIXTURE_TEARDOWN(early)
{
	close(self->app);
	close(self->wire);
	close(self->feed);
	close(self->echoer);
	ockam_nl_channel_flush(self->node.nl);
	lt_node_free(&self->node);
}

/*
 * The answer has come: the initiator's later channel, which gets the id of the
 * early one; @early is what that is called then.
 */
static int succeed(struct lt_node *node, const struct ct_keys *final,
		   uint32_t *early, uint32_t *id)
{
	uint32_t was = *early;
	int err;

	err = install(node->nl, &(struct ask){
		.keys = final, .initiator = true, .dec = "D1", .route = "D2",
		.succeeds = was, .old = early }, id);
	if (!err && (*id != was || *early == was || !*early))
		return -EPROTO;
	return err;
}

/* From one daemon to the other; the bytes of the ciphertext. */
static ssize_t carry(int wire, int feed, uint8_t *buf, size_t cap)
{
	ssize_t n = ot_recv(wire, buf, cap, 0);

	return n < 0 ? n : ot_send(feed, "De", buf, n, 0);
}

TEST_F(early, is_marked_and_answered_with_final_keys)
{
	struct ockam_info info;
	struct ot_route to;
	uint8_t buf[256];
	ssize_t n;

	to = ot_route("E1", "echoer", NULL);
	ASSERT_EQ(5, ot_sendx(self->app, ot_out(.to = &to), "early", 5));
	n = carry(self->wire, self->feed, buf, sizeof(buf));
	ASSERT_LT(24, n);
	/* Only once, whoever brings it. */
	ASSERT_EQ(n, ot_send(self->feed, "De", buf, n, 0));

	ASSERT_EQ(5, ockam_recv(self->echoer, buf, sizeof(buf), &info, 0));
	EXPECT_EQ(0, memcmp(buf, "early", 5));
	ASSERT_TRUE(info.has_peer);
	EXPECT_EQ(OCKAM_ORIGIN_CHANNEL, info.peer.origin);
	EXPECT_EQ(OCKAM_PEER_EARLY, info.peer.flags);
	ASSERT_EQ(1, info.peer.nchannels);
	EXPECT_EQ(self->f, info.channels[0].channel);
	EXPECT_EQ(0x11, info.channels[0].identifier[0]);
	EXPECT_TRUE(ot_empty(self->echoer));

	/* Who got early data may answer, through the other channel. */
	ASSERT_EQ(0, succeed(&self->node, &self->final, &self->a, &self->b));
	ASSERT_EQ(6, ockam_send_path(self->echoer, &info.ret, "answer", 6));
	ASSERT_EQ(6, ockam_recv(self->app, buf, sizeof(buf), &info, 0));
	EXPECT_EQ(0, memcmp(buf, "answer", 6));
	ASSERT_TRUE(info.has_peer);
	EXPECT_EQ(OCKAM_ORIGIN_CHANNEL, info.peer.origin);
	EXPECT_EQ(0, info.peer.flags);
	EXPECT_EQ(self->b, info.channels[0].channel);

	/* The address that the program has goes on, with final keys. */
	ASSERT_EQ(4, ot_sendx(self->app, ot_out(.to = &to), "late", 4));
	ASSERT_EQ(4, ockam_recv(self->echoer, buf, sizeof(buf), &info, 0));
	EXPECT_EQ(0, info.peer.flags);
	EXPECT_EQ(self->f, info.channels[0].channel);
	EXPECT_TRUE(ot_empty(self->wire));
	/* Both go, with one word to the peer. */
	ASSERT_EQ(4, channels(self->node.nl));
	ASSERT_EQ(0, del(self->node.nl, self->b));
	EXPECT_EQ(2, channels(self->node.nl));
	EXPECT_TRUE(ot_empty(self->wire));
}

TEST_F(early, is_counted_where_it_came_in)
{
	struct ockam_nl_channel ch;
	struct ot_route to;
	uint8_t buf[256];
	ssize_t n;

	to = ot_route("E1", "echoer", NULL);
	ASSERT_EQ(5, ot_sendx(self->app, ot_out(.to = &to), "early", 5));
	n = carry(self->wire, self->feed, buf, sizeof(buf));
	ASSERT_LT(24, n);
	ASSERT_EQ(n, ot_send(self->feed, "De", buf, n, 0));
	buf[n - 1] ^= 1;
	ASSERT_EQ(n, ot_send(self->feed, "De", buf, n, 0));
	ASSERT_TRUE(OT_WAIT(!by_id(self->node.nl, self->r, &ch) &&
			    ch.rx_msgs == 1 && ch.replayed +
			    ch.auth_failed == 2));
	EXPECT_EQ(self->f, ch.early_of);
	/* Of the other one nothing was used. */
	ASSERT_EQ(0, by_id(self->node.nl, self->f, &ch));
	EXPECT_EQ(0, ch.rx_msgs);
	EXPECT_EQ(0, ch.rx_nonce);
	EXPECT_FALSE(ockam_nl_has(&ch, OCKAM_A_CHANNEL_EARLY_OF));
	/* Early ciphertexts are nothing to the final key. */
	ASSERT_EQ(0, by_id(self->node.nl, self->a, &ch));
	EXPECT_EQ(1, ch.tx_msgs);
}

TEST_F(early, never_sends)
{
	struct ockam_nl_channel ch;
	struct ot_route to;

	/* Its encryptor is the other channel's. */
	ASSERT_EQ(0, by_id(self->node.nl, self->r, &ch));
	ASSERT_EQ(0, ct_get(self->node.nl, "E2", &ch));
	EXPECT_EQ(self->f, ch.id);
	to = ot_route("E2", "app", NULL);
	ASSERT_EQ(-EHOSTUNREACH,
		  ot_sendx(self->echoer, ot_out(.to = &to), "x", 1));
	EXPECT_TRUE(ot_empty(self->feed));
	/* Nor does it say good-bye: the peer has no key for that. */
	ASSERT_EQ(0, del(self->node.nl, self->r));
	EXPECT_TRUE(ot_empty(self->feed));
	ASSERT_EQ(0, by_id(self->node.nl, self->f, &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	ASSERT_EQ(0, ct_get(self->node.nl, "E2", &ch));
}

TEST_F(early, ends_with_its_channel)
{
	struct ockam_nl_channel ch;

	ASSERT_EQ(3, channels(self->node.nl));
	ASSERT_EQ(0, del(self->node.nl, self->f));
	ASSERT_EQ(-ENOENT, by_id(self->node.nl, self->r, &ch));
	ASSERT_EQ(1, channels(self->node.nl));
	ASSERT_EQ(-EHOSTUNREACH, ot_send(self->feed, "De", "x", 1, 0));
	EXPECT_TRUE(ot_empty(self->feed));
}

TEST_F(early, another_one_after_it)
{
	struct ct_keys k;

	ct_keys(&k);
	ASSERT_EQ(0, del(self->node.nl, self->r));
	ASSERT_EQ(0, install(self->node.nl, &(struct ask){
		.keys = &k, .dec = "De", .route = "feed",
		.early_of = self->f }, &self->r));
	ASSERT_EQ(3, channels(self->node.nl));
}

TEST_F(early, refused_requests)
{
	struct ockam_nl_channel ch;
	struct ct_keys k;
	uint32_t id;

	ct_keys(&k);
#define REFUSED(err, ...)						\
	({								\
		EXPECT_EQ(err, install(self->node.nl, &(struct ask){	\
			.keys = &k, .dec = "Dx", .route = "feed",	\
			__VA_ARGS__ }, &id));				\
		EXPECT_EQ(3, channels(self->node.nl));			\
	})
	REFUSED(-ENOENT, .early_of = 0x7fffffff);
	REFUSED(-ENOENT, .succeeds = 0x7fffffff);
	REFUSED(-EEXIST, .early_of = self->f);
	REFUSED(-EEXIST, .succeeds = self->f);
	REFUSED(-EINVAL, .early_of = self->r);
	REFUSED(-EINVAL, .succeeds = self->r);
	REFUSED(-EINVAL, .early_of = self->f, .succeeds = self->f);
	REFUSED(-EINVAL, .early_of = self->f, .enc = "Ex");
	REFUSED(-EINVAL, .succeeds = self->f, .enc = "Ex");
	REFUSED(-EINVAL, .succeeds = self->f, .identifier = 0x33);
	REFUSED(-EINVAL, .succeeds = self->f, .owner = 1000);
	ASSERT_EQ(0, del(self->node.nl, self->r));
	ASSERT_EQ(0, channels(self->node.nl) - 2);
	EXPECT_EQ(-EINVAL, install(self->node.nl, &(struct ask){
		.keys = &k, .dec = "Dx", .route = "feed",
		.early_of = self->f, .identifier = 0x33 }, &id));
	EXPECT_EQ(-EINVAL, install(self->node.nl, &(struct ask){
		.keys = &k, .dec = "Dx", .route = "feed",
		.early_of = self->f, .owner = 1000 }, &id));

	/* Succeeded once, it has no encryptor any more. */
	ASSERT_EQ(0, succeed(&self->node, &self->final, &self->a, &self->b));
	EXPECT_EQ(-EINVAL, install(self->node.nl, &(struct ask){
		.keys = &k, .initiator = true, .dec = "Dx", .route = "D2",
		.succeeds = self->a }, &id));
	/* Nor does it end in chains of any length. */
	EXPECT_EQ(-EEXIST, install(self->node.nl, &(struct ask){
		.keys = &k, .initiator = true, .dec = "Dx", .route = "D2",
		.succeeds = self->b }, &id));
	ASSERT_EQ(0, ct_get(self->node.nl, "E1", &ch));
	EXPECT_EQ(self->b, ch.id);
	ASSERT_EQ(0, del(self->node.nl, self->a));
	ASSERT_EQ(0, ct_get(self->node.nl, "E1", &ch));
	EXPECT_EQ(self->b, ch.id);
	EXPECT_EQ(-ENOENT, by_id(self->node.nl, self->a, &ch));
	ASSERT_EQ(0, del(self->node.nl, self->b));
	EXPECT_EQ(-ENOENT, ct_get(self->node.nl, "E1", &ch));
	/* A key is in use once, for whatever. */
	EXPECT_EQ(-EEXIST, install(self->node.nl, &(struct ask){
		.keys = &self->final, .dec = "Dx", .route = "feed",
		.early_of = self->f }, &id));
}

/* A peer must not teach a channel a way back through itself. */
TEST_F(early, brings_no_ciphertext_of_its_channel)
{
	struct ot_nl raw;
	struct ot_route to;
	uint8_t buf[256], inner[256];
	uint64_t before;
	ssize_t n, m;

	ASSERT_EQ(0, ot_nl_open(&raw));
	/* One for D2, caught on its way. */
	ASSERT_EQ(0, install(self->node.nl, &(struct ask){
		.keys = &self->final, .initiator = true, .enc = "Eb",
		.dec = "D1", .route = "wire" }, &self->b));
	to = ot_route("Eb", "echoer", NULL);
	ASSERT_EQ(5, ot_sendx(self->app, ot_out(.to = &to), "inner", 5));
	n = ot_recv(self->wire, inner, sizeof(inner), 0);
	ASSERT_LT(24, n);

	to = ot_route("E1", "D2", NULL);
	ASSERT_EQ(n, ot_sendx(self->app, ot_out(.to = &to), inner, n));
	before = ot_drop(&raw, OCKAM_DROP_SCOPE_DECRYPTOR);
	m = carry(self->wire, self->feed, buf, sizeof(buf));
	ASSERT_LT(n, m);
	EXPECT_TRUE(OT_WAIT(ot_drop(&raw, OCKAM_DROP_SCOPE_DECRYPTOR) ==
			    before + 1));
	EXPECT_TRUE(ot_empty(self->echoer));
	/* The same, brought plainly, is taken. */
	ASSERT_EQ(n, ot_send(self->feed, "D2", inner, n, 0));
	EXPECT_EQ(5, ot_recv(self->echoer, buf, sizeof(buf), 0));
	ot_nl_close(&raw);
}

struct sender {
	int		fd;
	unsigned int	failed;
	long		err;
};

static void *send_on(void *arg)
{
	struct ot_route to = ot_route("E1", "echoer", NULL);
	struct sender *s = arg;
	uint32_t i;
	long n;

	for (i = 0; i < TRAFFIC; i++) {
		n = ot_sendx(s->fd, ot_out(.to = &to), &i, sizeof(i));
		if (n == sizeof(i))
			continue;
		s->failed++;
		s->err = n;
	}
	return NULL;
}

/* No moment without an encryptor, no message lost, and none in both ways. */
TEST_F(early, succeeded_under_traffic)
{
	struct sender s = { .fd = self->app };
	unsigned int early = 0, late = 0;
	uint32_t number, last = 0;
	bool ordered = true;
	uint64_t until;
	pthread_t t;
	uint8_t buf[256];

	ASSERT_EQ(0, pthread_create(&t, NULL, send_on, &s));
	until = ot_ms() + ot_limit(60000);
	while (early + late < TRAFFIC && ot_ms() < until) {
		if (ot_recv(self->wire, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			early++;
		if (ot_recv(self->echoer, &number, sizeof(number),
			    MSG_DONTWAIT) == sizeof(number)) {
			ordered &= !late || number > last;
			last = number;
			late++;
		}
		if (early == TRAFFIC / 3 && !self->b)
			ASSERT_EQ(0, succeed(&self->node, &self->final,
					     &self->a, &self->b));
	}
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_EQ(0, s.failed) TH_LOG("%ld", s.err);
	EXPECT_EQ(TRAFFIC, early + late);
	EXPECT_LE(TRAFFIC / 3, early);
	EXPECT_LT(0, late);
	EXPECT_TRUE(ordered);
	EXPECT_EQ(TRAFFIC - 1, last);
}

/* ---- policy programs ---- */

static int policy_get(const struct lt_node *node, uint32_t id,
		      struct ockam_nl_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->id = id;
	ockam_nl_mark(p, OCKAM_A_POLICY_ID);
	return ockam_nl_policy_get(node->nl, p);
}

static unsigned int policies(const struct lt_node *node)
{
	unsigned int n = 0;

	return ockam_nl_dump(node->nl, OCKAM_NL_POLICY, NULL, count_one, &n) ?
	       ~0U : n;
}

/* What looks at a channel looks at its early data. */
TEST_F(early, is_asked_about)
{
	struct ockam_nl_node before = {};
	struct ockam_nl_policy p;
	struct bt_probe seen;
	struct ot_route to;
	int map, prog, id;
	uint8_t buf[256];

	prog = bt_probe(&map, 0);
	ASSERT_LE(0, prog);
	id = lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL, self->f, prog);
	ASSERT_LT(0, id);
	to = ot_route("E1", "echoer", NULL);
	ASSERT_EQ(5, ot_sendx(self->app, ot_out(.to = &to), "early", 5));
	LT_MARK(&self->node, &before);
	ASSERT_LT(24, carry(self->wire, self->feed, buf, sizeof(buf)));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	EXPECT_TRUE(ot_empty(self->echoer));
	seen = bt_seen(map);
	EXPECT_EQ(1, seen.runs);
	EXPECT_EQ(self->f, seen.ctx.object);
	EXPECT_EQ(self->f, seen.ctx.channel);
	EXPECT_EQ(OCKAM_PEER_EARLY, seen.ctx.peer_flags);

	/* What comes later it may let pass. */
	ASSERT_EQ(0, bt_answer(map, OCKAM_POLICY_PASS));
	ASSERT_EQ(5, ot_sendx(self->app, ot_out(.to = &to), "again", 5));
	ASSERT_LT(24, carry(self->wire, self->feed, buf, sizeof(buf)));
	EXPECT_TRUE(ot_hears(self->echoer, "again"));
	ASSERT_EQ(0, policy_get(&self->node, id, &p));
	EXPECT_EQ(2, p.runs);
	EXPECT_EQ(1, p.drops);
	close(prog);
	close(map);
}

/* A program stays with the id and the address that it was attached to. */
TEST_F(early, successor_has_the_program)
{
	struct ockam_nl_node before = {};
	struct ockam_nl_policy p;
	struct ot_route to;
	int map, prog, id;

	prog = bt_probe(&map, 0);
	ASSERT_LE(0, prog);
	id = lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL, self->a, prog);
	ASSERT_LT(0, id);
	ASSERT_EQ(1, policies(&self->node));
	ASSERT_EQ(0, succeed(&self->node, &self->final, &self->a, &self->b));

	to = ot_route("E1", "echoer", NULL);
	LT_MARK(&self->node, &before);
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to), "late", 4));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	EXPECT_EQ(self->b, bt_seen(map).ctx.object);
	ASSERT_EQ(0, policy_get(&self->node, id, &p));
	EXPECT_EQ(self->b, p.channel);
	EXPECT_EQ(1, p.drops);
	/* The old one keeps it, under its new id. */
	EXPECT_EQ(2, policies(&self->node));
	EXPECT_EQ(-EEXIST, lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL,
				     self->a, prog));

	/* Taken from the id it is gone from the successor. */
	p = (struct ockam_nl_policy){ .id = id };
	ockam_nl_mark(&p, OCKAM_A_POLICY_ID);
	ASSERT_EQ(0, ockam_nl_policy_del(self->node.nl, &p));
	ASSERT_EQ(4, ot_sendx(self->app, ot_out(.to = &to), "late", 4));
	EXPECT_TRUE(ot_hears(self->echoer, "late"));
	EXPECT_EQ(1, policies(&self->node));
	ASSERT_EQ(0, del(self->node.nl, self->b));
	EXPECT_EQ(0, policies(&self->node));
	close(prog);
	close(map);
}

TEST_HARNESS_MAIN
