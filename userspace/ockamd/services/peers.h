/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Names that lead to whichever channel a peer has. */
#ifndef OCKAMD_PEERS_H
#define OCKAMD_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct config;
struct ockam_nl_channel;
struct ockam_nl_event;

/* Before anything is in force: what an earlier process made, and nobody wants. */
int peers_init(void);
/* Those that are not named any more. */
void peers_release(const struct config *c);
void peers_apply(const struct config *c);
int peers_check_rights(void);
void peers_channel_event(const struct ockam_nl_channel *ch);
void peers_channel_gone(uint32_t id);
/* A kept channel's address leads to it now. */
void peers_channel_used(uint32_t id);
void peers_object_event(const struct ockam_nl_event *ev);
/* A line for each: those of @uid, or all. */
void peers_list(uid_t uid, bool all, FILE *f);
void peers_end(void);

#endif /* OCKAMD_PEERS_H */
