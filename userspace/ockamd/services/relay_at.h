/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Names that this node has at relays of other nodes. */
#ifndef OCKAMD_RELAY_AT_H
#define OCKAMD_RELAY_AT_H

#include <stdint.h>
#include <stdio.h>

struct config;
struct ockam_nl_event;

void relays_at_release(const struct config *c);
void relays_at_apply(const struct config *c);
void relays_at_channel_used(uint32_t id);
void relays_at_object_event(const struct ockam_nl_event *ev);
/* A line for each. */
void relays_at_list(FILE *f);
void relays_at_end(void);

#endif /* OCKAMD_RELAY_AT_H */
