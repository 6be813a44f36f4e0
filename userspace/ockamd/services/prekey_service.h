/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The prekey service. */
#ifndef OCKAMD_PREKEY_SERVICE_H
#define OCKAMD_PREKEY_SERVICE_H

struct config;

void prekey_service_apply(const struct config *c);
void prekey_service_tick(void);
void prekey_service_end(void);

#endif /* OCKAMD_PREKEY_SERVICE_H */
