/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Clocks. */
#ifndef OCKAMD_CLOCK_H
#define OCKAMD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

uint64_t now_ms(void);		/* monotonic */
/* Since the epoch; 0: the clock is not to be believed. */
uint64_t now_seconds(void);
bool clock_is_wrong(void);
/*
 * @last: when it was right for the last time, 0: nobody knows.  Far from there it is
 * believed only once it was synchronized, or has said so for ten minutes.
 */
void clock_known(uint64_t last);
/* Since the machine's start, with its sleep: for ages, whatever the clock does. */
uint64_t age_seconds(void);

#endif /* OCKAMD_CLOCK_H */
