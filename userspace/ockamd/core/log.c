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
#define LOG_BURST	10	/* lines of one kind in a second */
#define LOG_KINDS	32

static enum log_level level = LOG_LVL_INFO;
static bool to_syslog;
static __thread char last_error[1024];

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
	if (l == LOG_LVL_ERROR)
		snprintf(last_error, sizeof(last_error), "%s", line);
	if (to_syslog)
		syslog(priority[l], "%s", line);
	else
		fprintf(stderr, "ockamd: %s%s\n", name[l], line);
}

const char *log_last_error(void)
{
	return last_error;
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

/**
 * struct kind - lines of one kind
 * @name: how they begin
 * @second: of the last one
 * @lines: in that second
 * @held: of them, those that were left out
 */
static struct kind {
	char name[48];
	uint64_t second;
	unsigned int lines;
	unsigned int held;
} kinds[LOG_KINDS];

static void tell_held(struct kind *k)
{
	if (k->held)
		log_info("%u more: %s", k->held, k->name);
	k->lines = 0;
	k->held = 0;
}

/* A new one takes the place of who has been silent for longest. */
static struct kind *kind_of(const char *name)
{
	struct kind *oldest = &kinds[0];
	size_t i;

	for (i = 0; i < LOG_KINDS; i++) {
		if (!strncmp(kinds[i].name, name, sizeof(kinds[i].name) - 1))
			return &kinds[i];
		if (kinds[i].second < oldest->second)
			oldest = &kinds[i];
	}
	tell_held(oldest);
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

bool may_log_of(const char *name)
{
	struct kind *k = kind_of(name);
	uint64_t now = now_ms() / 1000;

	if (now != k->second)
		tell_held(k);
	k->second = now;
	if (k->lines++ < LOG_BURST)
		return true;
	k->held++;
	return false;
}

bool may_log(void)
{
	return may_log_of("refusals");
}
