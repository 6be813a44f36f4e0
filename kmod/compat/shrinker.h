/* SPDX-License-Identifier: GPL-2.0 */
/* Differences of shrinkers between kernel releases. */
#ifndef _OCKAM_COMPAT_SHRINKER_H
#define _OCKAM_COMPAT_SHRINKER_H

#include <linux/shrinker.h>
#include <linux/slab.h>

typedef unsigned long (*ockam_shrink_t)(struct shrinker *shrinker,
					struct shrink_control *sc);

/* 6.7: they are allocated.  NULL: no memory. */
static inline struct shrinker *ockam_shrinker_new(const char *name,
						  ockam_shrink_t count,
						  ockam_shrink_t scan)
{
	struct shrinker *s;

#ifdef HAVE_SHRINKER_ALLOC
	s = shrinker_alloc(0, "%s", name);
#else
	s = kzalloc(sizeof(*s), GFP_KERNEL);
#endif
	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = DEFAULT_SEEKS;
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_register(s);
#else
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

static inline void ockam_shrinker_free(struct shrinker *s)
{
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_free(s);
#else
	unregister_shrinker(s);
	kfree(s);
#endif
}

#endif /* _OCKAM_COMPAT_SHRINKER_H */
