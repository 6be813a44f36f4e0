// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Log lines, to stderr or syslog. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/asker.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/log.h"
#include "identity.h"
#include "text.h"

#define USERS		64	/* that are told apart */
#define USER_LINES	30	/* at once */
#define USER_RATE	1	/* more a second */
#define LOG_BURST	10	/* refusals logged in a second */

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

/**
 * struct talk - how many lines a user is good for now
 * @uid: of this node
 * @at: when @left was right, 0 for an unused one
 * @left: in thousandths
 * @held: lines left out since the last one
 */
struct talk {
	uid_t uid;
	uint64_t at;
	uint64_t left;
	unsigned int held;
};

static uint64_t refilled(const struct talk *t, uint64_t now)
{
	uint64_t left = t->left + (now - t->at) * USER_RATE;

	return left > USER_LINES * 1000 ? USER_LINES * 1000 : left;
}

/* Who has one that is full is as good as new.  The last is for all who are left. */
static struct talk *talk_of(uid_t uid, uint64_t now)
{
	static struct talk talk[USERS];
	struct talk *t, *spare = NULL;

	for (t = talk; t < talk + USERS - 1; t++) {
		if (t->at && t->uid == uid)
			return t;
		if (!spare && (!t->at || refilled(t, now) == USER_LINES * 1000))
			spare = t;
	}
	if (!spare) {
		spare = &talk[USERS - 1];
		if (spare->at)
			return spare;
	}
	*spare = (struct talk){ uid, now, USER_LINES * 1000, 0 };
	return spare;
}

void log_user(uid_t uid, const char *fmt, ...)
{
	const struct asker who = { .uid = uid };
	uint64_t now = now_ms();
	char line[512];
	struct talk *t;
	va_list ap;

	if (level < LOG_LVL_INFO)
		return;
	if (!asker_is_admin(&who)) {
		t = talk_of(uid, now);
		t->left = refilled(t, now);
		t->at = now;
		if (t->left < 1000) {
			t->held++;
			return;
		}
		t->left -= 1000;
		if (t->held)
			log_info("%u lines about uid %u are left out", t->held,
				 uid);
		t->held = 0;
	}
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_info("%s", line);
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

bool may_log(void)
{
	static unsigned int lines, held;
	static uint64_t second;
	uint64_t now = now_ms() / 1000;

	if (now != second) {
		if (held)
			log_info("%u more refusals", held);
		second = now;
		lines = 0;
		held = 0;
	}
	if (lines++ < LOG_BURST)
		return true;
	held++;
	return false;
}
