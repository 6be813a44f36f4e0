/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* X3DH, the initiator. */
#ifndef OCKAMD_X3DH_INITIATE_H
#define OCKAMD_X3DH_INITIATE_H

#include <stdint.h>

struct initiate;

/*
 * A channel by X3DH; @how is "x3dh", "x3dh-mailbox" or "x3dh-one-time".
 * 0, or a negative errno with words in @why.
 */
int x3dh_begin(const struct initiate *in, const char *how, const char **why);
void x3dh_begin_tick(void);
void x3dh_begin_gone(uint32_t channel);
/* Compares with the kernel: events were lost. */
int x3dh_begin_check(void);
void x3dh_begin_end(void);

#endif /* OCKAMD_X3DH_INITIATE_H */
