/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Clocks. */
#ifndef OCKAMD_CLOCK_H
#define OCKAMD_CLOCK_H

#include <stdint.h>

uint64_t now_ms(void);		/* monotonic */
uint64_t now_seconds(void);	/* since the epoch */

#endif /* OCKAMD_CLOCK_H */
