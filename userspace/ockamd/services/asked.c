// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Listeners that programs have asked for, in a file: the next process listens at
 * their addresses again, or says why not.  After the machine was started anew
 * those programs are gone, and so is the file's meaning.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "config/policy.h"
#include "core/asker.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"
#include "services/asked.h"
#include "services/listener.h"
#include "identity.h"
#include "keystore.h"
#include "peer.h"

#define STATE_FILE	"listeners"
#define SAVE_MS		1000

static bool unsaved;
static uint64_t next_save;

/* ---- writing ---- */

static void put_hex(FILE *f, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	putc(' ', f);
	while (len--)
		fprintf(f, "%02x", *p++);
}

static void put_trust(FILE *f, const struct trust_policy *p)
{
	char word[TRUST_WORD_MAX];
	size_t i;

	if (p->kind == TRUST_ANYONE)
		put_hex(f, "anyone", strlen("anyone"));
	for (i = 0; i < p->n; i++)
		put_hex(f, id_text(p->ids[i]), IDENT_ID_TEXT_LEN);
	for (i = 0; i < p->n_rules; i++)
		put_hex(f, word, trust_rule_print(&p->rules[i], word,
						  sizeof(word)));
}

static void put_listener(const struct listener *l, void *arg)
{
	FILE *f = arg;

	fprintf(f, "%u %u %d %u", l->owner, l->gid, l->shared, l->handshakes);
	put_hex(f, l->address.hops + 2, l->address.hops[1]);
	put_hex(f, l->identity, strlen(l->identity));
	put_trust(f, &l->policy->trust);
	putc('\n', f);
}

static void count(const struct listener *l, void *arg)
{
	(void)l;
	(*(size_t *)arg)++;
}

static void save(void)
{
	size_t n = 0;
	FILE *f;

	listeners_asked(count, &n);
	if (!n) {
		state_remove(STATE_FILE);
		return;
	}
	f = state_write(STATE_FILE);
	if (!f)
		return;
	listeners_asked(put_listener, f);
	state_commit(f, STATE_FILE);
}

/* However often programs ask, the disk is not busy with it. */
void asked_tick(void)
{
	if (!unsaved || now_ms() < next_save)
		return;
	unsaved = false;
	save();
	next_save = now_ms() + SAVE_MS;
}

void asked_save(void)
{
	unsaved = true;
	asked_tick();
}

void asked_end(void)
{
	next_save = 0;
	asked_tick();
}

/* ---- reading ---- */

/* The next word, a string in hex; -1 if it is none, or there is none. */
static int get_hex(char **line, char *out, size_t size)
{
	char *word = strsep(line, " ");
	size_t len;

	if (!word || sodium_hex2bin((uint8_t *)out, size - 1, word, strlen(word),
				    NULL, &len, NULL) || !len)
		return -1;
	out[len] = 0;
	return len;
}

static struct policy *get_trust(char *line)
{
	struct policy *p = policy_new();
	char word[TRUST_WORD_MAX + 1];

	while (p && line) {
		if (get_hex(&line, word, sizeof(word)) < 0 ||
		    trust_policy_add(&p->trust, word)) {
			policy_put(p);
			return NULL;
		}
	}
	return p;
}

static const char *listen_again(const struct ockam_path *address,
				const char *identity, struct policy *policy,
				unsigned int handshakes,
				const struct asker *owner, bool shared)
{
	const char *why;
	bool any_name;

	if (listener_find(address))
		return "the configuration has one of that address";
	why = listener_refusal(the.config, address, identity, owner, &any_name);
	if (why)
		return why;
	if (listener_create(address, identity, policy, handshakes, owner,
			    shared, false, any_name, &why))
		return why;
	return NULL;
}

static bool read_listener(char *line)
{
	char name[OCKAM_ADDR_MAX + 1], identity[KEYSTORE_NAME_MAX + 1];
	struct ockam_path address = { .nhops = 1 };
	struct policy *policy;
	const char *why;
	struct asker owner = { .pid = 0 };
	unsigned int handshakes;
	int shared, len, used;

	if (sscanf(line, "%u %u %d %u %n", &owner.uid, &owner.gid, &shared,
		   &handshakes, &used) != 4)
		return false;
	line += used;
	len = get_hex(&line, name, sizeof(name));
	if (len < 0 || get_hex(&line, identity, sizeof(identity)) < 0)
		return false;
	address.hops[0] = OCKAM_TYPE_LOCAL;
	address.hops[1] = len;
	memcpy(address.hops + 2, name, len);
	address.len = 2 + len;
	policy = get_trust(line);
	if (!policy)
		return false;
	why = listen_again(&address, identity, policy, handshakes, &owner,
			   shared);
	policy_put(policy);
	if (why)
		log_warn("listener %s of uid %u is gone: %s",
			 route_text(&address), owner.uid, why);
	return true;
}

void asked_load(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *f;

	f = state_read(STATE_FILE);
	if (!f)
		return;
	if (state_same_boot(f)) {
		while ((n = getline(&line, &size, f)) > 0) {
			if (line[n - 1] == '\n')
				line[n - 1] = 0;
			if (!read_listener(line))
				log_warn(STATE_FILE ": a line is not understood");
		}
	}
	free(line);
	fclose(f);
	asked_save();
}
