// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What forged nonces cost the honest messages of a channel: nanoseconds, which
 * under instruction counting are instructions, for each honest message while a
 * relay puts FORGED frames in front of it.
 *
 * The rate of honest messages is compared at the same load of the carrier: once
 * with frames for which no key has to be derived, and once with frames of the
 * same size and number whose nonces are far ahead.  Receiving, parsing and
 * routing a frame costs the same either way, and is the price of the link; what
 * is left is the price of chasing forged nonces.  Then 2^16 - 1 honest messages get
 * lost in the midst of it.
 *
 * Ends with status 1 if a rate is below nine tenths, or the gap takes a second.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "attack_test.h"

#define FORGED		96	/* in front of each honest one */
#define ROUNDS		1100
#define FAR		65536
#define OLD		0	/* nonce of the first message: a replay */
#define LAST		UINT64_MAX
#define GENERATION	32
#define SECOND		1000000000ULL

/**
 * struct mix - forged nonces, as distances from the last honest one, in turn
 * @name: what it is
 * @n: how many; 0: no forged frames
 * @at: distances, or OLD, or LAST for the very last nonce
 * @baseline: the mix to compare with: earlier in the list
 */
struct mix {
	const char	*name;
	unsigned int	n;
	uint64_t	at[6];
	int		baseline;
};

static const struct mix mixes[] = {
	{ "honest messages alone", 0, {}, -1 },
	{ "replays", 1, { OLD }, -1 },
	{ "+2^16", 1, { FAR }, 1 },
	{ "+1 +31 +32, replays, 2^64-1", 6,
	  { 1, 31, 32, OLD, OLD, LAST }, -1 },
	{ "+1 +31 +32 +2^16 +2^16+1 2^64-1", 6,
	  { 1, 31, 32, FAR, FAR + 1, LAST }, 3 },
};

/**
 * struct result - of a mix
 * @cost: of an honest message and what is in front of it, in ns
 * @idle: ns of the whole run in which the machine had nothing to do
 * @derivations: keys derived for it
 * @failed: messages that failed authentication
 */
struct result {
	uint64_t	cost;
	uint64_t	idle;
	uint64_t	derivations;
	uint64_t	failed;
};

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

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* Nothing is measured while the machine sleeps: how long it did, in ns. */
static uint64_t idle_ns(void)
{
	unsigned long long v[5] = {};
	FILE *f = fopen("/proc/stat", "re");

	if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu", v, v + 1, v + 2,
			v + 3, v + 4) != 5)
		v[3] = 0;
	if (f)
		fclose(f);
	return (v[3] + v[4]) * SECOND / sysconf(_SC_CLK_TCK);
}

static size_t forge(uint8_t *buf, const struct at_frame *model,
		    const struct mix *m, uint64_t last, uint64_t *rng)
{
	struct at_frame f = *model;
	size_t len = 0;
	uint64_t at;
	int i;

	for (i = 0; m->n && i < FORGED; i++) {
		at = m->at[i % m->n];
		f.data = buf + len;
		memcpy(f.data, model->data, f.len);
		at_set_nonce(&f, at == OLD || at == LAST ? at : last + at);
		f.data[f.body + 8 + ot_below(rng, f.len - f.body - 8)] ^=
			1 << ot_below(rng, 8);
		len += f.len;
	}
	return len;
}

static bool run(struct at_pair *p, const struct at_frame *model,
		const struct mix *m, uint64_t *rng, struct result *r)
{
	uint8_t *buf = malloc(FORGED * model->len);
	struct ockam_nl_channel before, after;
	uint64_t start, idle;
	unsigned int i;
	size_t len;
	bool good;

	good = buf && !at_settled(&p->b, "E2", &before);
	idle = idle_ns();
	start = now_ns();
	for (i = 0; good && i < ROUNDS; i++) {
		len = forge(buf, model, m, p->next - 1, rng);
		good = lt_write(p->b.w[0].peer, buf, len) && at_pass(p);
	}
	r->cost = (now_ns() - start) / ROUNDS;
	r->idle = idle_ns() - idle;
	good = good && !at_settled(&p->b, "E2", &after);
	r->derivations = after.derivations - before.derivations;
	r->failed = after.auth_failed - before.auth_failed;
	free(buf);
	return good;
}

TEST_F_TIMEOUT(flood, rate, 1600)
{
	struct result r[ARRAY_SIZE(mixes)] = {};
	struct at_pair *p = &self->p;
	struct ockam_nl_channel ch;
	const struct result *base;
	struct at_frame model;
	const struct mix *m;
	uint64_t rng, near, bound;
	unsigned int i;

	rng = ot_seed(_metadata);
	ASSERT_TRUE(at_take(p, &model));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &model));
	ASSERT_TRUE(at_heard(p, 0, NULL));
	/* Warm. */
	ASSERT_TRUE(run(p, &model, &mixes[0], &rng, &r[0]));

	for (i = 0; i < ARRAY_SIZE(mixes); i++) {
		m = &mixes[i];
		ASSERT_TRUE(run(p, &model, m, &rng, &r[i]));
		TH_LOG("%-32s %9llu, derivations %6llu, idle %llu of %llu us",
		       m->name, (unsigned long long)r[i].cost,
		       (unsigned long long)r[i].derivations,
		       (unsigned long long)r[i].idle / 1000,
		       (unsigned long long)r[i].cost * ROUNDS / 1000);
		/* Else time says nothing of work. */
		EXPECT_GT(r[i].cost * ROUNDS / 20, r[i].idle);
		if (m->baseline < 0)
			continue;
		base = &r[m->baseline];
		near = base->failed;
		EXPECT_LT(near, r[i].failed);
		/* Each generation once, then less than 64 steps for one. */
		bound = p->next / GENERATION + 2049 + 2 +
			(r[i].failed - near) * 63;
		TH_LOG("far ahead followed %llu, derivations at most %llu, rate %.3f",
		       (unsigned long long)(r[i].failed - near),
		       (unsigned long long)bound,
		       (double)base->cost / r[i].cost);
		EXPECT_GE(bound, r[i].derivations);
		EXPECT_GE(base->cost * 10, r[i].cost * 9);
	}
	/* Keys up to there were derived, once. */
	ASSERT_EQ(0, at_settled(&p->b, "E2", &ch));
	EXPECT_LT(FAR / GENERATION, ch.derivations);
	at_free(&model);
}

TEST_F_TIMEOUT(flood, gap, 1600)
{
	const struct mix *m = &mixes[ARRAY_SIZE(mixes) - 1];
	struct at_pair *p = &self->p;
	struct at_frame model, f;
	unsigned int i, tries;
	uint64_t rng, last, took;
	uint8_t *buf;
	size_t len;

	rng = ot_seed(_metadata);
	ASSERT_TRUE(at_take(p, &model));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &model));
	ASSERT_TRUE(at_heard(p, 0, NULL));
	buf = malloc(FORGED * model.len);
	ASSERT_NE(NULL, buf);
	for (i = 0; i < 20; i++) {
		len = forge(buf, &model, m, p->next - 1, &rng);
		ASSERT_TRUE(lt_write(p->b.w[0].peer, buf, len));
		ASSERT_TRUE(at_pass(p));
	}

	last = p->next - 1;
	for (i = 0; i < FAR - 1; i++) {
		ASSERT_TRUE(at_take(p, &f));
		at_free(&f);
	}
	took = now_ns();
	for (tries = 0; ot_empty(p->b.fd) && tries < 10000; tries++) {
		len = forge(buf, &model, m, last, &rng);
		ASSERT_TRUE(lt_write(p->b.w[0].peer, buf, len));
		ASSERT_TRUE(at_take(p, &f));
		ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
		at_free(&f);
	}
	took = now_ns() - took;
	ASSERT_FALSE(ot_empty(p->b.fd));
	TH_LOG("a gap of %u crossed in %llu ms, with %u honest messages", i,
	       (unsigned long long)took / 1000000, tries);
	EXPECT_GT(SECOND, took);
	at_free(&model);
	free(buf);
}

TEST_HARNESS_MAIN
