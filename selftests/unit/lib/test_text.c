// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Routes and identifiers as text: userspace/lib/text.c */
#include <errno.h>

#include "tap.h"
#include "text.h"

static uint8_t flat[OCKAM_ROUTE_MAX];
static char text[OCKAM_TEXT_ROUTE_MAX];

static bool reads_as(const char *from, int hops, const void *want, size_t n)
{
	size_t len = 0;

	return ockam_text_parse_route(from, flat, sizeof(flat), &len,
				      NULL) == hops &&
	       len == n && !memcmp(flat, want, n);
}

static bool refused(const char *from, int err, size_t at)
{
	struct ockam_text_error e = { .at = 9999 };
	size_t len;
	int ret;

	ret = ockam_text_parse_route(from, flat, sizeof(flat), &len, &e);
	if (ret == err && e.at == at && e.what)
		return true;
	printf("# '%s': %d at byte %zu\n", from, ret, e.at);
	return false;
}

static bool prints_as(const void *route, size_t n, const char *want)
{
	int len = ockam_text_print_route(route, n, text, sizeof(text));

	if (len == (int)strlen(want) && !strcmp(text, want))
		return true;
	printf("# printed '%s'\n", text);
	return false;
}

static void test_parse(void)
{
	OK(reads_as("echoer", 1, "\0\6echoer", 8), "type 0 is the default");
	OK(reads_as("0#echoer", 1, "\0\6echoer", 8), "type 0 written out");
	OK(reads_as("1#10.0.0.2:4000 => 0#relay => echoer", 3,
		    "\1\15" "10.0.0.2:4000" "\0\5relay" "\0\6echoer", 30),
	   "three hops");
	OK(reads_as("  a=>b\t=>\n c ", 3, "\0\1a\0\1b\0\1c", 9),
	   "blanks do not count");
	OK(reads_as("a b", 1, "\0\3a b", 5), "blanks inside do");
	OK(reads_as("\\x00\\xff\\\\\\x3d>", 1, "\0\5\0\xff\\=>", 7),
	   "escapes");
	OK(reads_as("255#", 1, "\377\0", 2), "an address of no bytes");
	OK(reads_as("0#a#b", 1, "\0\3a#b", 5), "'#' behind a type");
	OK(reads_as("a=b>c", 1, "\0\5a=b>c", 7), "'=' and '>' apart");
}

static void test_refuse(void)
{
	char big[4 * OCKAM_ROUTE_MAX];
	size_t i, n;

	OK(refused("", -EINVAL, 0), "nothing");
	OK(refused("a =>", -EINVAL, 4), "no address at the end");
	OK(refused("=> a", -EINVAL, 0), "no address in front");
	OK(refused("a => => b", -EINVAL, 5), "no address in the middle");
	OK(refused("a#b", -EINVAL, 0), "a type that is no number");
	OK(refused("#b", -EINVAL, 0), "an empty type");
	OK(refused("256#b", -EINVAL, 0), "a type too large");
	OK(refused("01#b", -EINVAL, 0), "a type with a leading zero");
	OK(refused("a => +1#b", -EINVAL, 5), "a type with a sign");
	OK(refused("a\\", -EINVAL, 1), "a backslash alone");
	OK(refused("a\\x1", -EINVAL, 1), "half an escape");
	OK(refused("a\\xg0", -EINVAL, 1), "an escape that is not hex");
	OK(refused("\\n", -EINVAL, 0), "an unknown escape");

	memset(big, 'a', sizeof(big));
	big[256] = 0;
	OK(refused(big, -EMSGSIZE, 255), "an address of 256 bytes");
	big[255] = 0;
	OK(ockam_text_parse_route(big, flat, sizeof(flat), &n, NULL) == 1 &&
	   n == 257, "an address of 255 bytes");
	OK(ockam_text_parse_route(big, flat, 256, &n, NULL) == -EMSGSIZE,
	   "no room");

	for (i = 0; i < 65; i++)
		memcpy(big + 3 * i, "=>a", 3);
	big[3 * 65] = 0;
	OK(refused(big + 2, -EMSGSIZE, 3 * 64), "65 hops");
	big[3 * 64] = 0;
	OK(ockam_text_parse_route(big + 2, flat, sizeof(flat), &n, NULL) ==
	   64, "64 hops");
	OK(ockam_text_parse_address("a => b", flat, sizeof(flat), &n, NULL) ==
	   -EINVAL, "a route where an address is wanted");
}

static void test_print(void)
{
	char small[6];

	OK(prints_as("\0\6echoer", 8, "0#echoer"), "print an address");
	OK(prints_as("\1\1a\0\1b", 6, "1#a => 0#b"), "print a route");
	OK(prints_as("\0\5 =>#\\", 7, "0#\\x20=\\x3e\\x23\\\\"),
	   "print what has a meaning");
	OK(prints_as("\0\2\0\377", 4, "0#\\x00\\xff"), "print bytes");
	OK(prints_as("", 0, ""), "print an empty route");
	OK(ockam_text_print_route((const uint8_t *)"\0\2a", 3, text,
				  sizeof(text)) == -EINVAL,
	   "print a route that is cut off");
	OK(ockam_text_print_route((const uint8_t *)"\0\6echoer", 8, small,
				  sizeof(small)) == 8 &&
	   !strcmp(small, "0#ech"), "print into a small buffer");
}

static bool round_trip(void)
{
	static const char odd[] = "#=>\\ \t\nx0";
	uint8_t route[OCKAM_ROUTE_MAX];
	int hops = 1 + tap_below(OCKAM_HOPS_MAX);
	size_t len = 0, n, i;
	int h;

	for (h = 0; h < hops; h++) {
		n = tap_below(4) ? tap_below(12) : tap_below(256);
		if (len + 2 + n > sizeof(route))
			break;
		route[len++] = tap_below(2) ? 0 : tap_below(256);
		route[len++] = n;
		for (i = 0; i < n; i++)
			route[len++] = tap_below(2) ? tap_below(256) :
				       (uint8_t)odd[tap_below(sizeof(odd) - 1)];
	}
	return ockam_text_print_route(route, len, text, sizeof(text)) > 0 &&
	       reads_as(text, h, route, len);
}

static void test_random(void)
{
	static const char mixed[] = "0123#=> \\xfa";
	char junk[64];
	bool good = true;
	size_t len, i;
	int n;

	for (i = 0; i < 20000 && good; i++)
		good = round_trip();
	OK(good, "random routes survive the way to text and back");

	/* Whatever is accepted prints, and reads back the same. */
	good = true;
	for (i = 0; i < 20000 && good; i++) {
		uint8_t kept[sizeof(flat)];

		for (len = 0; len < tap_below(sizeof(junk)); len++)
			junk[len] = tap_below(3) ? mixed[tap_below(sizeof(mixed) - 1)] :
				    (char)(1 + tap_below(255));
		junk[len] = 0;
		n = ockam_text_parse_route(junk, flat, sizeof(flat), &len,
					   NULL);
		if (n < 0)
			continue;
		memcpy(kept, flat, len);
		good = ockam_text_print_route(kept, len, text,
					      sizeof(text)) > 0 &&
		       reads_as(text, n, kept, len);
	}
	OK(good, "random texts that are routes stay the same routes");
}

static void test_identifier(void)
{
	uint8_t id[OCKAM_IDENTIFIER_LEN], back[OCKAM_IDENTIFIER_LEN];
	char t[OCKAM_TEXT_IDENTIFIER + 1];
	size_t i;

	for (i = 0; i < sizeof(id); i++)
		id[i] = tap_below(256);
	ockam_text_print_identifier(id, t);
	OK(strlen(t) == 65 && t[0] == 'I', "an identifier as text");
	OK(!ockam_text_parse_identifier(t, back) &&
	   !memcmp(id, back, sizeof(id)), "and back");
	t[64] = 'g';
	OK(ockam_text_parse_identifier(t, back) == -EINVAL, "not hex");
	t[64] = 0;
	OK(ockam_text_parse_identifier(t, back) == -EINVAL, "too short");
	memset(t + 1, 'a', 65);
	t[66] = 0;
	OK(ockam_text_parse_identifier(t, back) == -EINVAL, "too long");
	t[65] = 0;
	t[0] = 'P';
	OK(ockam_text_parse_identifier(t, back) == -EINVAL, "no 'I'");
}

int main(void)
{
	tap_seed();
	test_parse();
	test_refuse();
	test_print();
	test_random();
	test_identifier();
	return tap_done();
}
