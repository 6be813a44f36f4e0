// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The replay window against a naive set of all nonces ever seen.
 */
#include "tap.h"
#include "ground/window.h"

#define MODEL_SPAN	(1U << 17)

struct model {
	u64 base;
	u64 next;
	u8 seen[MODEL_SPAN];
};

static struct model model;

static void model_init(u64 base)
{
	memset(&model, 0, sizeof(model));
	model.base = base;
	model.next = base;
}

static int model_check(u64 n)
{
	if (n == U64_MAX)
		return -EINVAL;
	if (n >= model.next)
		return 0;
	if (model.next - n > 1024)
		return -ERANGE;
	if (n < model.base || model.seen[n - model.base])
		return -EEXIST;
	return 0;
}

static void model_commit(u64 n)
{
	model.seen[n - model.base] = 1;
	if (n >= model.next)
		model.next = n + 1;
}

static bool model_gen_done(u64 gen)
{
	u64 n;

	for (n = gen * 32; n < gen * 32 + 32; n++)
		if (!model_check(n))
			return false;
	return true;
}

static u64 pick(u64 next)
{
	switch (tap_below(8)) {
	case 0:
		return next + tap_below(4);
	case 1:
		return next + tap_below(100);
	case 2:
		return next + (tap_below(40) ? 0 : tap_below(3000));
	case 3:
		return next - 1 - tap_below(1100);
	default:
		return next - 1 - tap_below(70);
	}
}

static bool run_model(u64 base, u32 steps)
{
	struct ockam_window w;
	u32 i;

	model_init(base);
	ockam_window_init(&w, base);
	for (i = 0; i < steps; i++) {
		u64 n = pick(model.next);
		u64 gen;

		if (n > base + MODEL_SPAN && n < base + 2 * (u64)MODEL_SPAN)
			break;
		CHECK(ockam_window_check(&w, n) == model_check(n));
		if (!ockam_window_check(&w, n) && n >= base &&
		    n - base < MODEL_SPAN && tap_below(4)) {
			ockam_window_commit(&w, n);
			model_commit(n);
			CHECK(ockam_window_check(&w, n) == -EEXIST);
		}
		gen = ockam_nonce_gen(model.next) - tap_below(36);
		if (gen <= ockam_nonce_gen(model.next))
			CHECK(ockam_window_gen_done(&w, gen) ==
			      model_gen_done(gen));
	}
	return true;
}

static bool test_model(void)
{
	u32 i;

	for (i = 0; i < 40; i++)
		CHECK(run_model(i % 2 ? 0 : tap_below(100000), 20000));
	return true;
}

static bool test_edges(void)
{
	struct ockam_window w;
	u64 n;

	ockam_window_init(&w, 0);
	CHECK(ockam_window_check(&w, 0) == 0);
	CHECK(ockam_window_check(&w, U64_MAX) == -EINVAL);
	CHECK(ockam_window_check(&w, U64_MAX - 1) == 0);
	CHECK(w.next == 0);			/* a check changes nothing */

	ockam_window_commit(&w, 0);
	CHECK(ockam_window_check(&w, 0) == -EEXIST);
	ockam_window_commit(&w, 1023);
	CHECK(ockam_window_check(&w, 0) == -EEXIST);
	CHECK(ockam_window_check(&w, 1) == 0);
	ockam_window_commit(&w, 1024);
	CHECK(ockam_window_check(&w, 0) == -ERANGE);
	CHECK(ockam_window_check(&w, 1) == 0);
	ockam_window_commit(&w, 1025);
	CHECK(ockam_window_check(&w, 1) == -ERANGE);

	/* the far end, in one jump over all there is */
	ockam_window_commit(&w, U64_MAX - 1);
	CHECK(ockam_window_check(&w, U64_MAX - 1) == -EEXIST);
	CHECK(ockam_window_check(&w, U64_MAX) == -EINVAL);
	CHECK(ockam_window_check(&w, 1025) == -ERANGE);
	for (n = U64_MAX - 1024; n < U64_MAX - 1; n++)
		CHECK(ockam_window_check(&w, n) == 0);
	CHECK(ockam_window_check(&w, U64_MAX - 1025) == -ERANGE);
	return true;
}

static bool test_start(void)
{
	struct ockam_window w;
	u64 n;

	ockam_window_init(&w, 5000);
	for (n = 0; n < 5000 - 1024; n++)
		CHECK(ockam_window_check(&w, n) == -ERANGE);
	for (; n < 5000; n++)
		CHECK(ockam_window_check(&w, n) == -EEXIST);
	CHECK(ockam_window_check(&w, 5000) == 0);
	return true;
}

static bool test_gen_done(void)
{
	struct ockam_window w;
	u64 n;

	ockam_window_init(&w, 0);
	for (n = 0; n < 32; n++) {
		CHECK(!ockam_window_gen_done(&w, 0));
		ockam_window_commit(&w, n);
	}
	CHECK(ockam_window_gen_done(&w, 0));
	CHECK(!ockam_window_gen_done(&w, 1));

	/* nonce 63 is missing until it leaves the window */
	for (; n < 63 + 1024; n++) {
		if (n == 63)
			continue;
		ockam_window_commit(&w, n);
		CHECK(!ockam_window_gen_done(&w, 1));
	}
	ockam_window_commit(&w, n);
	CHECK(ockam_window_gen_done(&w, 1));
	return true;
}

static const struct tap_test tests[] = {
	{ "first, last and never valid nonces", test_edges },
	{ "window that does not begin at 0", test_start },
	{ "generation with and without a missing nonce", test_gen_done },
	{ "random nonces against a set", test_model },
};

TAP_MAIN(tests)
