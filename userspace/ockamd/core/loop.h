/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The event loop. */
#ifndef OCKAMD_LOOP_H
#define OCKAMD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct watch - a file descriptor in the event loop
 * @fd: the descriptor
 * @fn: called when it is ready; may remove and free any watch
 */
struct watch {
	int fd;
	void (*fn)(struct watch *w, uint32_t events);
};

int loop_init(void);
int loop_add(struct watch *w, uint32_t events);
int loop_change(struct watch *w, uint32_t events);
void loop_del(struct watch *w);
/* Runs until loop_stop(). @tick is called every TICK_MS while @busy. */
int loop_run(void (*tick)(void));
void loop_stop(void);
void loop_busy(bool busy);

#define TICK_MS		50
#define TICK_IDLE_MS	1000

#endif /* OCKAMD_LOOP_H */
