/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Listeners whose bundles are with a prekey service. */
#ifndef OCKAMD_X3DH_MAIL_H
#define OCKAMD_X3DH_MAIL_H

struct config;

void mail_apply(const struct config *c);
void mail_tick(void);
void mail_end(void);

#endif /* OCKAMD_X3DH_MAIL_H */
