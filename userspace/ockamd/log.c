// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Log lines, to stderr or syslog. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "ockamd.h"
#include "text.h"

static enum log_level level = LOG_LVL_INFO;
static bool to_syslog;

void log_setup(enum log_level l, bool syslog_too)
{
	level = l;
	to_syslog = syslog_too;
	if (to_syslog)
		openlog("ockamd", LOG_PID, LOG_DAEMON);
}

void log_line(enum log_level l, const char *fmt, ...)
{
	static const int priority[] = {
		[LOG_LVL_ERROR] = LOG_ERR,
		[LOG_LVL_WARN] = LOG_WARNING,
		[LOG_LVL_INFO] = LOG_INFO,
		[LOG_LVL_DEBUG] = LOG_DEBUG,
	};
	static const char *const name[] = {
		[LOG_LVL_ERROR] = "error: ",
		[LOG_LVL_WARN] = "warning: ",
		[LOG_LVL_INFO] = "",
		[LOG_LVL_DEBUG] = "debug: ",
	};
	char line[1024];
	va_list ap;

	if (l > level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (to_syslog)
		syslog(priority[l], "%s", line);
	else
		fprintf(stderr, "ockamd: %s%s\n", name[l], line);
}

const char *route_text(const struct ockam_path *path)
{
	static char text[4][256];
	static unsigned int turn;
	char *t = text[turn++ % ARRAY_SIZE(text)];

	if (ockam_text_print_route(path->hops, path->len, t,
				   sizeof(text[0])) < 0)
		strcpy(t, "?");
	return t;
}

const char *id_text(const uint8_t id[IDENT_ID_LEN])
{
	static char text[4][IDENT_ID_TEXT_LEN + 1];
	static unsigned int turn;
	char *t = text[turn++ % ARRAY_SIZE(text)];

	ident_id_print(id, t);
	return t;
}
