/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Addresses that handshakes begin at. */
#ifndef OCKAMD_LISTENER_H
#define OCKAMD_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <ockam/ockam.h>

#include "core/loop.h"

struct asker;
struct config;
struct policy;

/**
 * struct listener - an address that handshakes begin at
 * @entry: list
 * @watch: its socket
 * @address: its address
 * @identity: name of the identity to show
 * @policy: whom to trust
 * @handshakes: LISTEN_XX, LISTEN_X3DH
 * @owner: who may delete it, and whose the channels are
 * @gid: the one that they asked with, -1: none
 * @shared: mode of the channels
 * @configured: it is in the configuration file
 * @accepted: channels made
 * @refused: handshakes refused
 * @why: the last one of them
 * @full: first messages for which there was no room
 * @too_long: messages that were longer than any of a handshake
 * @expired: handshakes that the peer did not end in time
 */
struct listener {
	TAILQ_ENTRY(listener) entry;
	struct watch watch;
	struct ockam_path address;
	char *identity;
	struct policy *policy;
	unsigned int handshakes;
	uid_t owner;
	gid_t gid;
	bool shared;
	bool configured;
	uint64_t accepted;
	uint64_t refused;
	char *why;
	uint64_t full;
	uint64_t too_long;
	uint64_t expired;
};

/*
 * @any_name: reserved names, and those that are held for somebody, too.
 */
int listener_create(const struct ockam_path *address, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared, bool configured,
		    bool any_name, const char **why);
/* What its owner asks for anew; handshakes that have begun are not touched. */
int listener_change(struct listener *l, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared);
struct listener *listener_find(const struct ockam_path *address);
void listener_delete(struct listener *l);
/* Counts a handshake that was refused; for those below, who make them. */
static inline void listener_refused(struct listener *l, const char *why)
{
	l->refused++;
	free(l->why);
	l->why = strdup(why);
}

size_t listeners_of(uid_t owner);
void listeners_apply(const struct config *c);
/*
 * Those of programs that a new configuration does not permit end, before what it
 * gives their addresses to begins.
 */
void listeners_release(const struct config *c);
void listeners_list(uid_t uid, bool all, FILE *f);
void listeners_end(void);

/* Why a program may not (any more) listen there, NULL: it may. */
const char *listener_refusal(const struct config *c,
			     const struct ockam_path *address,
			     const char *identity, const struct asker *owner,
			     bool *any_name);

/* Calls @fn for those that programs have asked for. */
void listeners_asked(void (*fn)(const struct listener *l, void *arg), void *arg);

#endif /* OCKAMD_LISTENER_H */
