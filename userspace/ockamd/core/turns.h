/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Turns: what strangers make us compute is done one thing after another, and whose
 * turn it is goes by what each source has cost so far, not by who was first.  What
 * waits is bounded, and who has most of it gives way.
 */
#ifndef OCKAMD_TURNS_H
#define OCKAMD_TURNS_H

#include <stddef.h>
#include <sys/queue.h>

#include "core/source.h"

struct way;

/**
 * struct job - something to compute
 * @entry: with others that came the same way
 * @way: that, NULL: it does not wait
 * @source: who is charged
 * @bytes: that it holds; 0: it is bounded elsewhere, and never dropped
 * @run: called once, when it does not wait any more
 * @drop: called instead if it had to give way
 */
struct job {
	TAILQ_ENTRY(job) entry;
	struct way *way;
	struct source source;
	size_t bytes;
	void (*run)(struct job *job);
	void (*drop)(struct job *job);
};

int turns_init(void);
/* One of its functions is called later, or @drop at once. */
void turns_add(struct job *job);
/* Neither is, any more. */
void turns_cancel(struct job *job);
void turns_end(void);

#endif /* OCKAMD_TURNS_H */
