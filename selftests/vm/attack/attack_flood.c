// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A relay between two nodes forges nonces, near and far, between the honest
 * messages of a channel: those pass, the work that it makes is bounded, and in
 * the middle of it the receiver crosses a true gap.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "attack_test.h"

#define GENERATION	32

FIXTURE(flood) {
	struct at_pair p;
};

FIXTURE_SETUP(flood)
{
	ASSERT_EQ(0, at_pair(&self->p));
}

FIXTURE_TEARDOWN(flood)
{
	at_pair_free(&self->p);
}

#define FAR		65536
#define BATCH		96

static const uint64_t distance[] = { 1, 31, 32, FAR, FAR + 1, 0 };

#define DISTANCES	(sizeof(distance) / sizeof(*distance))

/* A stretch of forged frames, each @distance behind @last: @buf holds them. */
static size_t forge(uint8_t *buf, const struct at_frame *model, uint64_t last,
		    uint64_t *rng)
{
	struct at_frame f = *model;
	size_t len = 0;
	int i;

	for (i = 0; i < BATCH; i++) {
		uint64_t d = distance[i % DISTANCES];

		f.data = buf + len;
		memcpy(f.data, model->data, f.len);
		at_set_nonce(&f, d ? last + d : UINT64_MAX);
		f.data[f.body + 8 + ot_below(rng, f.len - f.body - 8)] ^=
			1 << ot_below(rng, 8);
		len += f.len;
	}
	return len;
}

struct tally {
	uint64_t	forged;
	uint64_t	near;
};

static void count(struct tally *fl)
{
	fl->forged += BATCH;
	fl->near += BATCH / DISTANCES * 3;
}

/* All forged ones are done with. */
static bool is_over(struct at_pair *p, const struct tally *fl)
{
	return OT_WAIT(lt_drops(&p->b.node) >= fl->forged);
}

/*
 * Each generation is derived once, however often it is asked for; from then on
 * a forged nonce that is followed costs less than 64 steps.
 */
static uint64_t derivations_bound(uint32_t nonce, uint64_t followed)
{
	return nonce / GENERATION + 2049 + 2 + followed * 63;
}

TEST_F_TIMEOUT(flood, forged_nonces, 560)
{
	unsigned int rounds = (ot_debug() ? 3000 : 100000) / BATCH + 1;
	unsigned int gap = ot_debug() ? 8191 : FAR - 1;
	struct at_pair *p = &self->p;
	struct ockam_nl_channel ch;
	uint64_t rng, last, followed, t0;
	struct at_frame model, f;
	struct tally fl = {};
	uint8_t *buf;
	unsigned int i, tries, again = 0;
	uint32_t got;
	size_t len;

	rng = ot_seed(_metadata);
	ASSERT_TRUE(at_take(p, &model));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &model));
	ASSERT_TRUE(at_heard(p, 0, NULL));
	buf = malloc(BATCH * model.len);
	ASSERT_NE(NULL, buf);

	/* What is in the window passes, every time. */
	for (i = 0; i < rounds; i++) {
		last = p->next - 1;
		len = forge(buf, &model, last, &rng);
		ASSERT_TRUE(lt_write(p->b.w[0].peer, buf, len));
		count(&fl);
		ASSERT_TRUE(at_pass(p)) {
			TH_LOG("message %u", p->next - 1);
		}
	}
	ASSERT_TRUE(is_over(p, &fl));
	ASSERT_EQ(0, at_settled(&p->b, "E2", &ch));
	EXPECT_EQ(fl.forged, lt_drops(&p->b.node));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	EXPECT_EQ(p->next, ch.rx_msgs);
	EXPECT_EQ(fl.forged / DISTANCES,
		  lt_drop(&p->b.node, OCKAM_DROP_TOO_FAR));
	/* Of those far ahead, the ones that there was time for. */
	EXPECT_EQ(ch.auth_failed, lt_drop(&p->b.node, OCKAM_DROP_AUTH_FAILED));
	EXPECT_EQ(fl.forged * 5 / 6, ch.auth_failed +
		  lt_drop(&p->b.node, OCKAM_DROP_QUEUE_FULL));
	ASSERT_LE(fl.near, ch.auth_failed);
	followed = ch.auth_failed - fl.near;
	/* There may have been time for none. */
	TH_LOG("%llu forged, %u honest, none lost; %llu far ahead followed, %llu derivations, at most %llu allowed",
	       (unsigned long long)fl.forged, p->next,
	       (unsigned long long)followed,
	       (unsigned long long)ch.derivations,
	       (unsigned long long)derivations_bound(p->next, followed));
	EXPECT_GE(derivations_bound(p->next, followed), ch.derivations);

	/*
	 * A true gap, as long as can be, and the flood goes on.  Chance decides
	 * which are followed, and an honest one that was not is lost; those of
	 * the next generation would be too far, so the last of this one comes
	 * again and again.
	 */
	for (i = 0; i < gap; i++) {
		ASSERT_TRUE(at_take(p, &f));
		at_free(&f);
	}
	last = p->next - gap - 1;
	t0 = ot_ms();
	for (tries = 0; ot_empty(p->b.fd) &&
	     ot_ms() - t0 < ot_limit(60000); tries++) {
		/* What it has not looked at yet would be in the way later. */
		ASSERT_TRUE(OT_WAIT(lt_drops(&p->b.node) + 8 * BATCH >=
				    fl.forged));
		len = forge(buf, &model, last, &rng);
		ASSERT_TRUE(lt_write(p->b.w[0].peer, buf, len));
		count(&fl);
		if (tries < GENERATION) {
			at_free(&f);
			ASSERT_TRUE(at_take(p, &f));
		} else {
			again++;
		}
		ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	}
	at_free(&f);
	TH_LOG("a gap of %u crossed after %u messages, %llu ms", gap,
	       tries, (unsigned long long)(ot_ms() - t0));
	ASSERT_FALSE(ot_empty(p->b.fd));
	/* Those that were behind it, in order; from now on all. */
	last = 0;
	while (ot_recv(p->b.fd, &got, 4, MSG_DONTWAIT) == 4) {
		EXPECT_LT(last, got);
		last = got;
	}
	ASSERT_TRUE(at_take(p, &f));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	while (ot_recv(p->b.fd, &got, 4, 0) == 4 && got < p->next - 1) {
		EXPECT_LT(last, got);
		last = got;
	}
	ASSERT_EQ(p->next - 1, got);
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(at_pass(p));
	/* Nothing was followed that was not counted, and no step taken twice. */
	ASSERT_TRUE(OT_WAIT(!at_settled(&p->b, "E2", &ch) &&
			    ch.rx_msgs + lt_drops(&p->b.node) >=
			    p->next - gap + again + fl.forged));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	EXPECT_EQ(p->next - gap + again + fl.forged,
		  ch.rx_msgs + lt_drops(&p->b.node));
	EXPECT_GE(derivations_bound(p->next, ch.auth_failed),
		  ch.derivations);
	at_free(&model);
	at_free(&f);
	free(buf);
}

/* A model of it, with another nonce and something changed. */
static bool write_forged(struct at_pair *p, const struct at_frame *model,
			 uint64_t nonce, uint64_t *rng)
{
	struct at_frame f = *model;
	bool good;

	f.data = malloc(f.len);
	memcpy(f.data, model->data, f.len);
	at_set_nonce(&f, nonce);
	f.data[f.body + 8 + ot_below(rng, f.len - f.body - 8)] ^=
		1 << ot_below(rng, 8);
	good = at_write(p->b.w[0].peer, &f);
	at_free(&f);
	return good;
}

/*
 * Right behind a gap nobody can tell forged messages from genuine ones before
 * the keys are there.  None of the genuine ones is lost for it: neither to
 * several forged ones for each of their nonces, sent before and after it, nor to a
 * flood of another nonce.
 */
TEST_F_TIMEOUT(flood, genuine_ones_behind_a_gap, 560)
{
	unsigned int gap = ot_debug() ? 8191 : FAR - 1;
	struct at_pair *p = &self->p;
	struct at_frame model, f;
	uint64_t rng, forged = 0;
	unsigned int i, k;
	uint32_t first;

	rng = ot_seed(_metadata);
	ASSERT_TRUE(at_take(p, &model));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &model));
	ASSERT_TRUE(at_heard(p, 0, NULL));
	for (i = 0; i < gap - GENERATION; i++) {
		ASSERT_TRUE(at_take(p, &f));
		at_free(&f);
	}
	first = p->next;
	for (i = 0; i < GENERATION; i++) {
		ASSERT_TRUE(at_take(p, &f));
		for (k = 1; k <= 3; k++)
			ASSERT_TRUE(write_forged(p, &model, at_nonce(&f) + k,
						 &rng));
		ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
		ASSERT_TRUE(write_forged(p, &model, at_nonce(&f), &rng));
		/* Of a nonce whose crowd has no genuine one in it. */
		for (k = 0; k < 30; k++)
			ASSERT_TRUE(write_forged(p, &model, first + 48, &rng));
		forged += 34;
		at_free(&f);
	}
	for (i = 0; i < GENERATION; i++) {
		ASSERT_TRUE(at_heard(p, first + i, NULL)) {
			TH_LOG("message %u of %u behind the gap", i,
			       GENERATION);
		}
	}
	EXPECT_TRUE(OT_WAIT(lt_drops(&p->b.node) >= forged));
	EXPECT_EQ(forged, lt_drops(&p->b.node));
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(at_pass(p));
	at_free(&model);
}

TEST_HARNESS_MAIN
