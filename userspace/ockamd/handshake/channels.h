/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the kernel reports about channels. */
#ifndef OCKAMD_CHANNELS_H
#define OCKAMD_CHANNELS_H

#include <stdint.h>

int channels_init(void);
void channels_end(void);
/* What could not be done when the kernel reported something. */
void channels_tick(void);
/* The peer is told.  0: it is not there any more; or a negative errno, logged. */
int channels_delete(uint32_t id);
/* Likewise, and the peer is not told. */
int channels_delete_quiet(uint32_t id);

#endif /* OCKAMD_CHANNELS_H */
