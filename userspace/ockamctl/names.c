// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Users and dates for people. */
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
