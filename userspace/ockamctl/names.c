// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Users, dates and quantities for people. */
#include <pwd.h>
#include <time.h>

#include "ockamctl.h"

const char *user_text(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	static char text[128];

	if (pw)
		snprintf(text, sizeof(text), "%u (%s)", uid, pw->pw_name);
	else
		snprintf(text, sizeof(text), "%u", uid);
	return text;
}

const char *date_text(uint64_t seconds)
{
	static char text[64];
	time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)seconds);
	return text;
}

void bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "KMGTPE";
	const char *unit = units;
	double n = bytes;

	if (bytes < 1024) {
		snprintf(text, size, "%u B", (unsigned int)bytes);
		return;
	}
	for (n /= 1024; n >= 1024 && unit[1]; n /= 1024)
		unit++;
	snprintf(text, size, n < 100 ? "%.1f %ciB" : "%.0f %ciB", n, *unit);
}

void age_text(uint64_t ms, char *text, size_t size)
{
	unsigned long long s = ms / 1000;

	if (ms < 1000)
		snprintf(text, size, "%u ms", (unsigned int)ms);
	else if (s < 120)
		snprintf(text, size, "%llu s", s);
	else if (s < 7200)
		snprintf(text, size, "%llu min", s / 60);
	else if (s < 172800)
		snprintf(text, size, "%llu h", s / 3600);
	else
		snprintf(text, size, "%llu d", s / 86400);
}
