/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* How often sources may make the daemon compute. */
#ifndef OCKAMD_RATE_H
#define OCKAMD_RATE_H

#include <stdbool.h>

struct source;

/*
 * May it make us compute something?  @cost: 1 is about as much as a Diffie-Hellman
 * handshake.
 */
bool rate_allows(const struct source *src, unsigned int cost);

#endif /* OCKAMD_RATE_H */
