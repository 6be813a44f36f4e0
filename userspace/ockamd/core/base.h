/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What every part may use. */
#ifndef OCKAMD_BASE_H
#define OCKAMD_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <ockam/ockam.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)			\
	for ((var) = TAILQ_FIRST(head);					\
	     (var) && ((next) = TAILQ_NEXT(var, field), 1);		\
	     (var) = (next))
#endif

static inline bool path_equal(const struct ockam_path *a,
			      const struct ockam_path *b)
{
	return a->len == b->len &&
	       !__builtin_memcmp(a->hops, b->hops, a->len);
}

/* Bytes of the first address. */
static inline size_t path_first(const struct ockam_path *path)
{
	return path->nhops ? 2U + path->hops[1] : 0;
}

/* That address, alone. */
static inline struct ockam_path path_begin(const struct ockam_path *path)
{
	struct ockam_path first = { .nhops = path->nhops ? 1 : 0 };

	first.len = path_first(path);
	__builtin_memcpy(first.hops, path->hops, first.len);
	return first;
}

#endif /* OCKAMD_BASE_H */
