/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The relay service. */
#ifndef OCKAMD_RELAY_H
#define OCKAMD_RELAY_H

#include <stddef.h>
#include <stdio.h>

struct config;

/* A line of what the service has taken and refused, or nothing. */
void relay_list(FILE *f);
void relay_apply(const struct config *c);
void relay_tick(void);
void relay_end(void);

#endif /* OCKAMD_RELAY_H */
