// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Clocks. */
#include <sys/timex.h>
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

/* Beyond that from when the key store was last used, a clock is not believed at once. */
#define AHEAD	(60 * 86400)
#define BEHIND	86400
#define DOUBT_MS	600000

static uint64_t last_known;
static uint64_t doubt_since;

/* Has somebody set it by a better one? */
static bool is_synchronized(void)
{
	struct timex tx = { .modes = 0 };

	return adjtimex(&tx) != TIME_ERROR;
}

static bool is_doubted(uint64_t now)
{
	if (!last_known || (now <= last_known + AHEAD &&
			    now + BEHIND >= last_known)) {
		doubt_since = 0;
		return false;
	}
	if (!doubt_since)
		doubt_since = now_ms();
	return now_ms() < doubt_since + DOUBT_MS && !is_synchronized();
}

void clock_known(uint64_t seconds)
{
	last_known = seconds;
}

uint64_t now_seconds(void)
{
	uint64_t now = seconds_of(CLOCK_REALTIME);

	return now < BEGUN || is_doubted(now) ? 0 : now;
}

bool clock_is_wrong(void)
{
	return !now_seconds();
}

uint64_t age_seconds(void)
{
	return seconds_of(CLOCK_BOOTTIME);
}
