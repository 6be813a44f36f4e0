/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Channels that are kept up. */
#ifndef OCKAMD_KEEP_H
#define OCKAMD_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <ockam/ockam.h>

#include "identity.h"

struct config;
struct keep;
struct ockam_nl_channel;
struct ockam_nl_event;
struct policy;
struct trust_rule;

/**
 * struct made - what a handshake for a kept channel came to
 * @channel: id
 * @encryptor: address
 * @peer: the peer's identifier
 * @policy: trust policy it passed
 * @rule: rule of @policy that it passed by, or NULL
 * @expires: end of that trust
 */
struct made {
	uint32_t channel;
	struct ockam_path encryptor;
	uint8_t peer[IDENT_ID_LEN];
	struct policy *policy;
	const struct trust_rule *rule;
	uint64_t expires;
};

int keeps_init(void);
/* Those that are not named any more. */
void keeps_release(const struct config *c);
void keeps_apply(const struct config *c);
void keeps_tick(void);
/* Compares with the kernel: events were lost. */
int keeps_check(void);
void keeps_list(uid_t uid, bool all, FILE *f);
void keeps_end(void);
void keep_done(struct keep *k, const struct made *made);
void keep_failed(struct keep *k, const char *why);
/* Before a channel is deleted, or after it was; it need not be a kept one. */
void keeps_lost(uint32_t id, const char *why);
void keeps_gone(uint32_t id);
/* The channel that a kept address leads to, 0: there is none. */
uint32_t keep_channel(const struct ockam_path *address);
/* Does a kept address lead to it? */
bool keep_uses(uint32_t id);
void keep_channel_event(const struct ockam_nl_channel *ch);
void keeps_object_event(const struct ockam_nl_event *ev);

#endif /* OCKAMD_KEEP_H */
