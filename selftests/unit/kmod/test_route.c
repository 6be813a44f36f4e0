// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Flat routes.
 */
#include "ground/route.h"
#include "tap.h"

static const u8 two_hops[] = { 0, 3, 'a', 'p', 'p', 1, 2, 'x', 'y' };

static bool test_next(void)
{
	struct ockam_addr a = { 0 };
	u32 i;

	CHECK(ockam_route_next(two_hops, 9, &a) == 5);
	CHECK(a.type == 0 && a.len == 3 && !memcmp(a.bytes, "app", 3));
	CHECK(ockam_route_next(two_hops + 5, 4, &a) == 4);
	CHECK(a.type == 1 && a.len == 2 && !memcmp(a.bytes, "xy", 2));
	for (i = 0; i < 5; i++) {
		u8 *cut = malloc(i + !i);	/* so that ASan sees the end */

		memcpy(cut, two_hops, i);
		CHECK(ockam_route_next(cut, i, &a) == -EINVAL);
		free(cut);
	}
	return true;
}

static bool test_eq(void)
{
	struct ockam_addr a = { 0, 3, (const u8 *)"app" };
	struct ockam_addr b = { 0, 3, (const u8 *)"apq" };
	struct ockam_addr c = { 1, 3, (const u8 *)"app" };
	struct ockam_addr d = { 0, 2, (const u8 *)"app" };

	CHECK(ockam_addr_eq(&a, &a));
	CHECK(!ockam_addr_eq(&a, &b));
	CHECK(!ockam_addr_eq(&a, &c));
	CHECK(!ockam_addr_eq(&a, &d));
	return true;
}

static bool test_put(void)
{
	struct ockam_addr a = { 0, 3, (const u8 *)"app" };
	u8 out[5];

	CHECK(ockam_addr_size(&a) == 5);
	CHECK(ockam_addr_put(out, &a) == out + 5);
	CHECK(!memcmp(out, two_hops, 5));
	return true;
}

static bool test_check(void)
{
	static const u8 no_name[] = { 0, 0 };
	static const u8 no_name_behind[] = { 0, 1, 'a', 0, 0 };
	static const u8 empty_tcp[] = { 1, 0 };
	u32 i;

	CHECK(ockam_route_check(NULL, 0, 0) == 0);
	CHECK(ockam_route_check(NULL, 0, 1) == -EINVAL);
	CHECK(ockam_route_check(two_hops, 9, 2) == 0);
	CHECK(ockam_route_check(two_hops, 9, 1) == -EINVAL);
	CHECK(ockam_route_check(two_hops, 9, 3) == -EINVAL);
	CHECK(ockam_route_check(two_hops, 5, 1) == 0);
	for (i = 1; i < 9; i++)
		CHECK(ockam_route_check(two_hops, i, 2) == -EINVAL);
	CHECK(ockam_route_check(no_name, 2, 1) == -EINVAL);
	CHECK(ockam_route_check(no_name_behind, 5, 2) == -EINVAL);
	CHECK(ockam_route_check(empty_tcp, 2, 1) == 0);
	CHECK(ockam_route_count(two_hops, 9) == 2);
	CHECK(ockam_route_count(two_hops, 8) == -EINVAL);
	return true;
}

static bool test_limits(void)
{
	u8 many[65 * 3], big[OCKAM_ROUTE_MAX_BYTES + 1] = { 0 };
	u32 i, hops = 0;

	for (i = 0; i < 65; i++) {
		many[3 * i] = 0;
		many[3 * i + 1] = 1;
		many[3 * i + 2] = 'a';
	}
	CHECK(ockam_route_check(many, 64 * 3, 64) == 0);
	CHECK(ockam_route_check(many, 65 * 3, 65) == -EMSGSIZE);
	CHECK(ockam_route_count(many, 65 * 3) == -EMSGSIZE);

	/* 16 hops of 256 bytes are the 4096 */
	for (i = 0; i + 256 <= OCKAM_ROUTE_MAX_BYTES; i += 256, hops++)
		big[i + 1] = 254;
	CHECK(ockam_route_check(big, OCKAM_ROUTE_MAX_BYTES, hops) == 0);
	CHECK(ockam_route_check(big, OCKAM_ROUTE_MAX_BYTES + 1, hops + 1) ==
	      -EMSGSIZE);
	return true;
}

static const struct tap_test tests[] = {
	{ "next hop of a route, cut at every byte", test_next },
	{ "comparison of addresses", test_eq },
	{ "writing an address", test_put },
	{ "check of routes", test_check },
	{ "limits of routes", test_limits },
};

TAP_MAIN(tests)
