/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Inlets and outlets. */
#ifndef OCKAMD_PORTAL_GATE_H
#define OCKAMD_PORTAL_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct asker;
struct config;

/* Those that are not named any more. */
void portals_release(const struct config *c);
void portals_apply(const struct config *c);
void portals_tick(void);
/* Who is behind a connection of an outlet's, as a line; false if nobody is. */
bool portals_whois(const char *address, const struct asker *who, char *text,
		   size_t size);
void portals_list(FILE *f);
void portals_end(void);
/* A channel is gone. */
void portals_lost(uint32_t channel);
/* Compares with the kernel: events were lost. */
int portals_check(void);
/* File descriptors that they may need. */
size_t portals_files(const struct config *c);

#endif /* OCKAMD_PORTAL_GATE_H */
