/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* A host that is named in a section: found when it is, and again by age. */
#ifndef OCKAMD_HOST_H
#define OCKAMD_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/resolve.h"

#define HOST_AGE_MS	60000	/* then a name is looked up again */
#define HOST_FAILED_MS	5000	/* likewise, if what it leads to does not work */
#define HOST_ERROR_MAX	64

struct wanted;

/**
 * struct host - a host's name, for something that is wanted
 * @name: the name; NULL: there is an address, and nothing to be looked up
 * @passive: it is listened at
 * @w: looked at when there is news
 * @take: takes one of the addresses
 * @lookup: it is being looked up
 * @looked_up: when that was done last, in ms
 * @known: there was an address
 * @error: why there was none last, "" if there was, or it has been said
 */
struct host {
	const char *name;
	bool passive;
	struct wanted *w;
	void (*take)(struct host *h, const struct resolved *r);
	struct lookup *lookup;
	uint64_t looked_up;
	bool known;
	char error[HOST_ERROR_MAX];
};

/* Another name from now on; what was known of the one before is forgotten. */
void host_set(struct host *h, const char *name);
/**
 * host_find() - is there an address?
 * @h: the host
 * @age_ms: if it is older, it is looked up again
 *
 * Return: 0, or a negative errno, with words for @h->w; its attempts are the name's.
 */
int host_find(struct host *h, uint64_t age_ms);
void host_end(struct host *h);

#endif /* OCKAMD_HOST_H */
