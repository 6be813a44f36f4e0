// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What the node shall have: when it is looked at, and what came of that. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/wanted.h"

#define RETRY_MIN_MS	500
#define RETRY_MAX_MS	30000
#define RETRY_STEPS	8	/* doublings */
#define SOON_MS		100	/* several things change at once */

static TAILQ_HEAD(, wanted) all = TAILQ_HEAD_INITIALIZER(all);

void wanted_add(struct wanted *w, const struct wanted_kind *kind,
		const char *name)
{
	w->kind = kind;
	w->name = name;
	w->since = now_ms();
	w->next_try = kind->make ? w->since : 0;
	TAILQ_INSERT_TAIL(&all, w, entry);
}

void wanted_remove(struct wanted *w)
{
	TAILQ_REMOVE(&all, w, entry);
}

void wanted_fail(struct wanted *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->error, sizeof(w->error), fmt, ap);
	va_end(ap);
}

/* Half of it by chance, so that not all come at once. */
static uint64_t pause_of(const struct wanted *w)
{
	uint64_t ms = (uint64_t)RETRY_MIN_MS <<
		      (w->fails < RETRY_STEPS ? w->fails : RETRY_STEPS);

	if (ms > RETRY_MAX_MS)
		ms = RETRY_MAX_MS;
	return ms / 2 + randombytes_uniform(ms / 2 + 1);
}

static void is_there(struct wanted *w, uint64_t now)
{
	w->fails = 0;
	w->error[0] = 0;
	w->next_try = w->again_ms ? now + w->again_ms : 0;
	if (w->there)
		return;
	w->there = true;
	w->since = now;
}

/* The same reason is said once. */
static void is_missing(struct wanted *w, uint64_t now, const char *before)
{
	if (strcmp(w->error, before))
		log_error("%s %s: %s; it will be tried again", w->kind->word,
			  w->name, w->error);
	if (w->there || !w->since)
		w->since = now;
	w->there = false;
	w->next_try = now + pause_of(w);
	w->fails++;
}

void wanted_now(struct wanted *w)
{
	char before[WANTED_ERROR_MAX];
	int err;

	memcpy(before, w->error, sizeof(before));
	w->error[0] = 0;
	err = w->kind->make(w);
	if (!err) {
		is_there(w, now_ms());
		return;
	}
	if (err == -EINPROGRESS) {
		/* Nothing new, until somebody says what came of it. */
		memcpy(w->error, before, sizeof(w->error));
		is_missing(w, now_ms(), before);
		return;
	}
	if (!w->error[0])
		wanted_fail(w, "%s", strerror(-err));
	is_missing(w, now_ms(), before);
}

void wanted_is(struct wanted *w, bool there, unsigned int fails,
	       uint64_t next_try)
{
	if (w->there != there)
		w->since = now_ms();
	w->there = there;
	w->fails = fails;
	w->next_try = next_try;
	if (there)
		w->error[0] = 0;
}

void wanted_retry(void)
{
	const uint64_t soon = now_ms() + SOON_MS;
	struct wanted *w;

	TAILQ_FOREACH(w, &all, entry) {
		if (w->there || !w->kind->make)
			continue;
		w->fails = 0;
		if (w->next_try > soon)
			w->next_try = soon;
	}
}

void wanted_tick(void)
{
	const uint64_t now = now_ms();
	struct wanted *w, *next;

	TAILQ_FOREACH_SAFE(w, &all, entry, next)
		if (w->kind->make && w->next_try && now >= w->next_try)
			wanted_now(w);
}

int wanted_check(void)
{
	struct wanted *w, *next;

	TAILQ_FOREACH_SAFE(w, &all, entry, next)
		if (w->kind->make)
			wanted_now(w);
	return 0;
}

/* ---- for people ---- */

/* One word, whatever is in it. */
static const char *word_of(const char *name)
{
	static char text[4 * 64 + 1];
	size_t used = 0;

	for (; *name && used + 5 < sizeof(text); name++)
		if (*name > ' ' && *name < 127)
			text[used++] = *name;
		else
			used += sprintf(text + used, "\\x%02x",
					(unsigned char)*name);
	text[used] = 0;
	return text;
}

static void line(const struct wanted *w, FILE *f)
{
	const uint64_t now = now_ms();

	if (w->there)
		fprintf(f, "%s %s there yes since-s %" PRIu64 "\n",
			w->kind->word, word_of(w->name),
			(now - w->since) / 1000);
	else
		fprintf(f,
			"%s %s there no since-s %" PRIu64 " next-try-ms %" PRIu64 " fails %u error %s\n",
			w->kind->word, word_of(w->name),
			(now - w->since) / 1000,
			w->next_try > now ? w->next_try - now : 0, w->fails,
			w->error[0] ? w->error : "not tried yet");
}

static void list(bool there, FILE *f)
{
	const struct wanted *w;

	TAILQ_FOREACH(w, &all, entry)
		if (w->there == there)
			line(w, f);
}

void wanted_list(FILE *f)
{
	list(false, f);
	list(true, f);
}
