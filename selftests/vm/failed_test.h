/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What a test that fails says besides: the counters of its node, as they are when
 * the first thing is wrong, and how to have its random numbers again.
 *
 * To be included behind kselftest_harness.h, whose hook this is.
 */
#ifndef OCKAM_FAILED_TEST_H
#define OCKAM_FAILED_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* The seed of this test, if it has one. */
static __attribute__((unused)) uint64_t failed_seed;

static inline void failed_report(void)
{
	static bool told;

	if (told)
		return;
	told = true;
	fflush(NULL);
	if (failed_seed)
		fprintf(TH_LOG_STREAM, "# OCKAM_SEED=%#llx\n",
			(unsigned long long)failed_seed);
	/* In the namespaces, and with the rights, that the test has now. */
	if (system("(echo counters:; /ockam/bin/ockamctl stats) 2>&1 | awk '$NF != 0 { print \"# \" $0 }' >&2"))
		fprintf(TH_LOG_STREAM, "# no counters\n");
}

#undef OPTIONAL_HANDLER
#define OPTIONAL_HANDLER(_assert)					\
	for (; _metadata->trigger; _metadata->trigger =			\
	     (failed_report(), __bail(_assert, _metadata)))

#endif /* OCKAM_FAILED_TEST_H */
