/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Names of hosts are looked up beside the event loop, which never waits for them. */
#ifndef OCKAMD_RESOLVE_H
#define OCKAMD_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESOLVE_MAX	8	/* addresses of a host that are looked at */

/**
 * struct resolved - what came of it
 * @error: words for why there is none, or NULL
 * @n: number of addresses
 * @addr: the addresses, the preferred one first; of IPv4 (4 bytes) or IPv6 (16)
 */
struct resolved {
	const char *error;
	size_t n;
	struct {
		size_t len;
		uint8_t data[16];
		uint32_t scope_id;
	} addr[RESOLVE_MAX];
};

struct lookup;

/**
 * resolve() - look a host up
 * @host: its name
 * @passive: the address is to be listened at
 * @done: called once, from the event loop, unless it is forgotten before; the
 *        lookup is over then
 * @arg: for @done
 *
 * Return: the lookup, or NULL if there is no memory.
 */
struct lookup *resolve(const char *host, bool passive,
		       void (*done)(void *arg, const struct resolved *r),
		       void *arg);
/* Nobody is told what comes of it.  NULL is fine. */
void resolve_forget(struct lookup *l);

int resolve_init(void);
void resolve_end(void);

#endif /* OCKAMD_RESOLVE_H */
