// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Names that the configuration uses, among those that the node reserves: nobody else
 * shall have them before the daemon makes what they are for, or while it is away.
 * The list is the node's and has entries of its administrator; which ones are ours
 * is in a file, for the next process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "config/config.h"
#include "config/names.h"
#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"
#include "core/wanted.h"
#include "services/reserve.h"
#include "nl.h"

#define STATE_FILE	"reserved"

/* In flat form, one after another, as the kernel has them. */
static struct ockam_nl_route ours;

static size_t size_at(const uint8_t *key)
{
	return 2U + key[1];
}

static bool has(const struct ockam_nl_route *list, const uint8_t *key)
{
	size_t i;

	for (i = 0; i < list->len; i += size_at(list->data + i))
		if (size_at(list->data + i) == size_at(key) &&
		    !memcmp(list->data + i, key, size_at(key)))
			return true;
	return false;
}

static bool add(struct ockam_nl_route *list, const uint8_t *key)
{
	size_t i, n = 0;

	if (has(list, key))
		return true;
	for (i = 0; i < list->len; i += size_at(list->data + i))
		n++;
	if (n >= RESERVED_MAX || list->len + size_at(key) > sizeof(list->data))
		return false;
	memcpy(list->data + list->len, key, size_at(key));
	list->len += size_at(key);
	return true;
}

/* ---- which ones are ours ---- */

static void save(void)
{
	char hex[2 * OCKAM_ADDR_MAX + 5];
	size_t i;
	FILE *f;

	if (!ours.len) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	for (i = 0; i < ours.len; i += size_at(ours.data + i)) {
		sodium_bin2hex(hex, sizeof(hex), ours.data + i,
			       size_at(ours.data + i));
		fprintf(f, "%s\n", hex);
	}
	state_commit(f, STATE_FILE);
}

/* What is not in the list any more was taken out by somebody. */
static void load(const struct ockam_nl_route *list)
{
	uint8_t key[2 + OCKAM_ADDR_MAX];
	char *line = NULL;
	size_t len, size = 0;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return;
	if (state_same_boot(f))
		while (getline(&line, &size, f) > 0)
			if (!sodium_hex2bin(key, sizeof(key), line,
					    strcspn(line, "\n"), NULL, &len,
					    NULL) &&
			    len > 2 && len == size_at(key) && has(list, key))
				add(&ours, key);
	free(line);
	fclose(f);
}

/* ---- the list ---- */

static void want_name(struct ockam_nl_route *want,
		      const struct ockam_path *address)
{
	if (!add(want, address->hops))
		log_warn("%s is not reserved: there are too many names",
			 route_text(address));
}

static bool want_section(void *ctx, const struct named_address *a)
{
	want_name(ctx, a->address);
	return false;
}

static void wanted_names(const struct config *c, struct ockam_nl_route *want)
{
	struct ockam_path prekeys;

	want->len = 0;
	if (c->prekeys.enabled && !ockam_path_parse(&prekeys, PREKEY_WORKER))
		want_name(want, &prekeys);
	config_each_address(c, want_section, want);
}

/* @from without those that are ours and not wanted any more. */
static void keep(const struct ockam_nl_route *from,
		 const struct ockam_nl_route *want, struct ockam_nl_route *list)
{
	size_t i;

	list->len = 0;
	for (i = 0; i < from->len; i += size_at(from->data + i))
		if (!has(&ours, from->data + i) || has(want, from->data + i))
			add(list, from->data + i);
}

/* What is wanted, into the list, and which of it is ours then. */
static void reserve(const struct ockam_nl_route *want,
		    struct ockam_nl_route *list,
		    struct ockam_nl_route *now_ours)
{
	size_t i;

	now_ours->len = 0;
	for (i = 0; i < want->len; i += size_at(want->data + i)) {
		const uint8_t *key = want->data + i;

		/* What an administrator has reserved stays his. */
		if (has(list, key) && !has(&ours, key))
			continue;
		if (add(list, key))
			add(now_ours, key);
		else
			log_warn("a name is not reserved: the node's list is full");
	}
}

static void set_ours(const struct ockam_nl_route *list)
{
	if (ours.len == list->len && !memcmp(ours.data, list->data, ours.len))
		return;
	ours = *list;
	save();
}

static const struct config *names_of;

static int reserve_make(struct wanted *w)
{
	static struct ockam_nl_route want, list, was, now_ours;
	static struct ockam_nl_node node;
	static bool loaded;
	int err;

	memset(&node, 0, sizeof(node));
	err = ockam_nl_node_get(the.nl, &node);
	if (!err && !ockam_nl_has(&node, OCKAM_A_NODE_RESERVED))
		err = -EPERM;
	if (err) {
		wanted_fail(w, "%s", ockam_nl_error(the.nl));
		return err;
	}
	if (!loaded)
		load(&node.reserved);
	loaded = true;
	wanted_names(names_of, &want);
	keep(&node.reserved, &want, &list);
	reserve(&want, &list, &now_ours);
	if (list.len == node.reserved.len &&
	    !memcmp(list.data, node.reserved.data, list.len)) {
		set_ours(&now_ours);
		return 0;
	}
	/* First the file: what is in the list by us must not become another's. */
	was = ours;
	set_ours(&now_ours);
	memset(&node, 0, sizeof(node));
	node.reserved = list;
	ockam_nl_mark(&node, OCKAM_A_NODE_RESERVED);
	err = ockam_nl_node_set(the.nl, &node);
	if (!err)
		return 0;
	set_ours(&was);
	wanted_fail(w, "%s", ockam_nl_error(the.nl));
	return err;
}

static const struct wanted_kind names_kind = { "node", reserve_make };
static struct wanted names;

void reserve_apply(const struct config *c)
{
	names_of = c;
	wanted_now(&names);
}

int reserve_init(void)
{
	wanted_add(&names, &names_kind, "reserved");
	reserve_apply(the.config);
	return 0;
}

/* Somebody may have replaced the list. */
void reserve_event(const struct ockam_nl_event *ev)
{
	if (ev->kind == OCKAM_NL_NODE)
		wanted_now(&names);
}

/* ---- listeners that were given up ---- */

#define HELD_MAX	64	/* of one uid; then its oldest goes */

/**
 * struct held_name - a name that is kept for whom it was
 * @entry: list, the oldest first
 * @address: the name
 * @uid: whose it was
 * @until: when it is free, in ms
 */
struct held_name {
	TAILQ_ENTRY(held_name) entry;
	struct ockam_nl_address address;
	uid_t uid;
	uint64_t until;
};

static TAILQ_HEAD(, held_name) held = TAILQ_HEAD_INITIALIZER(held);

static void held_free(struct held_name *h)
{
	TAILQ_REMOVE(&held, h, entry);
	free(h);
}

static uint32_t hold_ms(void)
{
	static struct ockam_nl_node node;

	memset(&node, 0, sizeof(node));
	return ockam_nl_node_get(the.nl, &node) ? 0 : node.hold_ms;
}

/* Also those whose time is over. */
static void make_room(uid_t uid)
{
	struct held_name *h, *next, *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH_SAFE(h, &held, entry, next) {
		if (now_ms() >= h->until) {
			held_free(h);
			continue;
		}
		if (h->uid != uid)
			continue;
		n++;
		if (!oldest)
			oldest = h;
	}
	if (n >= HELD_MAX)
		held_free(oldest);
}

static bool has_address(const struct held_name *h,
			const struct ockam_path *address)
{
	return h->address.len == path_first(address) &&
	       !memcmp(h->address.data, address->hops, h->address.len);
}

void reserve_hold(const struct ockam_path *address, uid_t uid)
{
	struct held_name *h;

	make_room(uid);
	TAILQ_FOREACH(h, &held, entry)
		if (has_address(h, address))
			break;
	if (h)
		held_free(h);
	h = calloc(1, sizeof(*h));
	if (!h) {
		log_error("a name is not kept: out of memory");
		return;
	}
	h->address.len = path_first(address);
	memcpy(h->address.data, address->hops, h->address.len);
	h->uid = uid;
	h->until = now_ms() + hold_ms();
	TAILQ_INSERT_TAIL(&held, h, entry);
}

bool reserve_is_held(const struct ockam_path *address, uid_t uid)
{
	const struct held_name *h;

	TAILQ_FOREACH(h, &held, entry)
		if (has_address(h, address))
			return h->uid != uid && now_ms() < h->until;
	return false;
}
