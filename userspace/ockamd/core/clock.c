// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Clocks. */
#include <time.h>

#include "core/clock.h"

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* When this was begun, 2025: a clock that says less is wrong. */
#define BEGUN	1735689600

static uint64_t seconds_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec < 0 ? 0 : ts.tv_sec;
}

uint64_t now_seconds(void)
{
	uint64_t now = seconds_of(CLOCK_REALTIME);

	return now < BEGUN ? 0 : now;
}

bool clock_is_wrong(void)
{
	return !now_seconds();
}

uint64_t age_seconds(void)
{
	return seconds_of(CLOCK_BOOTTIME);
}
