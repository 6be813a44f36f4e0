/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * RefreshCredentials: who is trusted by a credential keeps its channels when it shows a
 * new one before that one ends.  What a peer sends extends its permit; what is new of
 * ours goes out in all channels of that identity.
 */
#ifndef OCKAMD_REFRESH_H
#define OCKAMD_REFRESH_H

#include <stdint.h>

struct config;

int refresh_init(void);
/* Identities were loaded. */
void refresh_apply(const struct config *c);
void refresh_tick(void);
void refresh_end(void);

#endif /* OCKAMD_REFRESH_H */
