// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The configuration is read by a thread, as names are looked up, and put in force as a
 * whole or not at all.  Sections that are made at run time are in a file of the state
 * directory, read with it: one that is to be made or deleted is tried in a copy.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "config/config.h"
#include "core/added.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/privileges.h"
#include "core/service.h"
#include "core/service_manager.h"
#include "handshake/keys.h"
#include "services/portal_gate.h"
#include "services/requests.h"
#include "reload.h"

/* That wait for a reload. */
#define ASKS_MAX	16

#define RETRY_MS	1000

#define OLD_STAYS \
	"serving; the last reload failed (see the log), the old configuration stays"

/**
 * struct change - a section that is to be made or deleted
 * @entry: list
 * @ask: who waits for it
 * @add: made
 * @section: see change_asked()
 */
struct change {
	TAILQ_ENTRY(change) entry;
	struct ask ask;
	bool add;
	char section[];
};

/**
 * struct loading - a configuration that is being read
 * @path: of the file
 * @text: what is in force, or NULL: the file is read
 * @state: the directory in force
 * @thread: reads it: names are looked up, which may take long
 * @watch: readable when that is done
 * @config: what came of it
 * @running: there is a thread
 * @own: nobody has asked for it
 * @again: somebody has asked for another reload meanwhile
 * @why: it led to nothing
 * @ask: who waits for the answer to which request
 * @n_asks: their number
 * @late: of them, how many have asked after it began
 * @change: what it is tried with, or NULL
 */
static struct loading {
	const char *path;
	const char *text;
	char *state;
	pthread_t thread;
	struct watch watch;
	struct config *config;
	bool running;
	bool own;
	bool again;
	char why[1024];
	struct ask ask[ASKS_MAX];
	size_t n_asks;
	size_t late;
	struct change *change;
} loading = { .watch.fd = -1 };

static TAILQ_HEAD(, change) changes = TAILQ_HEAD_INITIALIZER(changes);
static size_t n_changes;

void reload_allow_files(const struct config *c)
{
	privileges_allow_files(c->max_handshakes + 1024 + portals_files(c));
}

/* Everything that can fail comes first; then nothing is half done. */
static bool put_in_force(struct config *c)
{
	struct config *old = the.config;
	char *state;

	if (!c || keys_reload(c)) {
		if (c)
			snprintf(loading.why, sizeof(loading.why), "%s",
				 log_last_error());
		config_free(c);
		log_error("the old configuration stays");
		return false;
	}
	if (strcmp(c->state, old->state) ||
	    c->max_handshakes != old->max_handshakes)
		log_warn("state and max-handshakes take effect with the next start");
	/* Until then the one that was checked is used. */
	state = c->state;
	c->state = old->state;
	old->state = state;
	config_own(c, geteuid());
	services_release(c);
	the.config = c;
	reload_allow_files(c);
	services_apply(c);
	config_free(old);
	log_info("configuration is in force");
	return true;
}

/* Touches nothing that the event loop uses. */
static void *load(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	loading.config = config_load(loading.path, loading.text, loading.state,
				     loading.change);
	if (!loading.config)
		snprintf(loading.why, sizeof(loading.why), "%s",
			 log_last_error());
	if (write(loading.watch.fd, &one, sizeof(one)) < 0)
		log_error("reload: %s", strerror(errno));
	return NULL;
}

/* Those who asked before it began; the others wait for the next one. */
static void answer_asks(bool new)
{
	size_t i, n = loading.n_asks - loading.late;

	for (i = 0; i < n; i++)
		answer_error(&loading.ask[i], new ? 0 : EINVAL, "%s%s",
			     new ? "" : "the old configuration stays: ",
			     new ? "" : loading.why);
	memmove(loading.ask, loading.ask + n,
		loading.late * sizeof(*loading.ask));
	loading.n_asks = loading.late;
	loading.late = 0;
}

/* @text: without a look at the file, which somebody may be about to change. */
static bool begin(const char *text)
{
	loading.text = text;
	loading.running = !pthread_create(&loading.thread, NULL, load, NULL);
	if (!loading.running) {
		log_error("no thread; the old configuration stays");
		strcpy(loading.why, "no thread");
	}
	return loading.running;
}

void reload(void)
{
	manager_reloading();
	loading.again = loading.running;
	if (loading.running)
		return;
	log_info("reading %s again", loading.path);
	if (begin(NULL))
		return;
	answer_asks(false);
	manager_ready(OLD_STAYS);
}

void reload_asked(const struct ask *ask)
{
	if (loading.n_asks == ASKS_MAX) {
		answer_error(ask, EAGAIN, "too many wait for that already");
		return;
	}
	loading.ask[loading.n_asks++] = *ask;
	loading.late += loading.running;
	reload();
}

/* ---- sections that are made at run time ---- */

static void change_end(struct change *ch, int err, const char *why)
{
	answer_error(&ch->ask, err, "%s", why);
	n_changes--;
	free(ch);
}

/* The next one that can be tried. */
static void next_change(void)
{
	struct change *ch;
	const char *why;
	int err;

	while (!loading.running && (ch = TAILQ_FIRST(&changes))) {
		TAILQ_REMOVE(&changes, ch, entry);
		err = ch->add ? added_try_add(ch->section, &why) :
				added_try_delete(ch->section, &why);
		loading.change = ch;
		if (!err && begin(the.config->text))
			return;
		if (!err)
			added_drop();
		loading.change = NULL;
		change_end(ch, err ? -err : EAGAIN, err ? why : loading.why);
	}
}

/* Who asked has not seen the copy that the words are about. */
static const char *without_place(const char *why)
{
	const char *place = strstr(why, CONFIG_ADDED ".new, line ");
	const char *colon = place ? strstr(place, ": ") : NULL;

	return colon ? colon + 2 : why;
}

/* Those who ask for a reload meanwhile wait for that, and for nothing of this. */
static void changed(bool new)
{
	struct change *ch = loading.change;
	int err;

	loading.change = NULL;
	loading.late = 0;
	if (!new) {
		added_drop();
		change_end(ch, EINVAL, without_place(loading.why));
		return;
	}
	err = added_take();
	change_end(ch, -err, err ? "it is in force, but not on the disk: the next process will not know of it" : "");
}

void change_asked(const struct ask *ask, const char *section, bool add)
{
	struct change *ch;

	ch = n_changes < ASKS_MAX ? malloc(sizeof(*ch) + strlen(section) + 1) :
				    NULL;
	if (!ch) {
		answer_error(ask, EAGAIN, "too many wait for that already");
		return;
	}
	ch->ask = *ask;
	ch->add = add;
	strcpy(ch->section, section);
	TAILQ_INSERT_TAIL(&changes, ch, entry);
	n_changes++;
	next_change();
}

/* ---- when it was read ---- */

static void loaded(struct watch *w, uint32_t events)
{
	bool new;
	uint64_t n;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	pthread_join(loading.thread, NULL);
	loading.running = false;
	/* What the copy does not have must not come back, or be lost. */
	if (loading.change && added_is_stale()) {
		config_free(loading.config);
		added_drop();
		TAILQ_INSERT_HEAD(&changes, loading.change, entry);
		loading.change = NULL;
		loading.late = 0;
		if (loading.again)
			reload();
		next_change();
		return;
	}
	new = put_in_force(loading.config);
	if (loading.own) {
		loading.own = false;
		loading.late = 0;
		if (!new)
			added_unseen();
	} else if (loading.change) {
		changed(new);
	} else {
		answer_asks(new);
		if (!loading.again)
			manager_ready(new ? "serving" : OLD_STAYS);
	}
	if (loading.again)
		reload();
	next_change();
}

void reload_tick(void)
{
	static uint64_t next;

	if (!added_is_new() || loading.running || now_ms() < next)
		return;
	next = now_ms() + RETRY_MS;
	added_seen();
	loading.own = begin(the.config->text);
	if (!loading.own)
		added_unseen();
}

int reload_init(const char *path)
{
	loading.path = path;
	loading.state = strdup(the.config->state);
	if (!loading.state)
		return -ENOMEM;
	loading.watch.fn = loaded;
	loading.watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return loading.watch.fd < 0 ? -errno :
				      loop_add(&loading.watch, EPOLLIN);
}
