// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Makes idle channels, one end of each, and says what they take: prints the bytes of
 * the kernel's Slab for each.
 *
 *	many NS COUNT ROUTE	in the namespace NS, with routes that begin with
 *				the local address ROUTE; they stay
 */
#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"
#include "bench.h"

static long slab_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "Slab: %ld kB", &kib);
	if (kib < 0)
		errx(1, "/proc/meminfo has no Slab");
	fclose(f);
	return kib;
}

static void make(struct ockam_nl *nl, unsigned long i, const char *first)
{
	char enc[32], dec[32], route[64];
	struct ct_keys keys;
	int err;

	ct_keys(&keys);
	snprintf(enc, sizeof(enc), "idle-e%lu", i);
	snprintf(dec, sizeof(dec), "idle-d%lu", i);
	snprintf(route, sizeof(route), "%s>x%lu", first, i);
	err = ct_new(nl, &keys, true, enc, dec, -1, route);
	if (err)
		errx(1, "channel %lu: %s", i, strerror(-err));
}

int main(int argc, char **argv)
{
	unsigned long i, count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	struct ockam_nl *nl;
	long before;

	if (!count)
		errx(2, "usage: many NS COUNT ROUTE");
	bench_enter(argv[1]);
	if (ockam_nl_open(&nl))
		errx(1, "netlink");
	before = slab_kib();
	for (i = 0; i < count; i++)
		make(nl, i, argv[3]);
	/* What was freed on the way is so after a grace period. */
	sleep(1);
	printf("%lu\n", (slab_kib() - before) * 1024 / count);
	return 0;
}
