// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * How often strangers may make the daemon compute: a token bucket for each source.
 * There is none for all of them, as who fills it would keep others out.
 */
#include <string.h>

#include "core/clock.h"
#include "core/rate.h"
#include "core/source.h"

/* Tokens are thousandths, so that one a millisecond is added for 1/s. */
#define TOKEN		1000U
#define SOURCE_RATE	32U	/* tokens a second */
#define SOURCE_BURST	128U
#define SOURCES		1024

/**
 * struct bucket - what a source may still do
 * @source: it
 * @left: tokens, in thousandths
 * @when: they were counted, in ms; 0: free
 */
struct bucket {
	struct source source;
	unsigned int left;
	uint64_t when;
};

static struct bucket buckets[SOURCES];

static void fill(struct bucket *b)
{
	uint64_t now = now_ms(), more = (now - b->when) * SOURCE_RATE;

	if (!b->when || more >= SOURCE_BURST * TOKEN - b->left)
		b->left = SOURCE_BURST * TOKEN;
	else
		b->left += (unsigned int)more;
	b->when = now;
}

/* A source without one takes that of who has been quiet for the longest time. */
static struct bucket *bucket_of(const struct source *src)
{
	struct bucket *oldest = &buckets[0];
	size_t i;

	for (i = 0; i < SOURCES; i++) {
		if (buckets[i].when && source_same(&buckets[i].source, src))
			return &buckets[i];
		if (buckets[i].when < oldest->when)
			oldest = &buckets[i];
	}
	oldest->source = *src;
	oldest->when = 0;
	return oldest;
}

bool rate_allows(const struct source *src, unsigned int cost)
{
	struct bucket *b = bucket_of(src);

	cost *= TOKEN;
	fill(b);
	if (b->left < cost)
		return false;
	b->left -= cost;
	return true;
}
