/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The relay service. */
#ifndef OCKAMD_RELAY_H
#define OCKAMD_RELAY_H

struct config;

void relay_apply(const struct config *c);
void relay_tick(void);
void relay_end(void);

#endif /* OCKAMD_RELAY_H */
