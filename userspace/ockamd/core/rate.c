// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * How often strangers may make the daemon compute: a token bucket for each
 * source, and one for all of them.
 */
#include <string.h>

#include "core/clock.h"
#include "core/rate.h"

/* Tokens are thousandths, so that one a millisecond is added for 1/s. */
#define TOKEN		1000U
#define SOURCE_RATE	32U	/* tokens a second */
#define SOURCE_BURST	256U
#define TOTAL_RATE	128U
#define TOTAL_BURST	512U
#define SOURCES		64

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
static struct bucket total;

static void fill(struct bucket *b, unsigned int rate, unsigned int burst)
{
	uint64_t now = now_ms(), more = (now - b->when) * rate;

	if (!b->when || more >= burst * TOKEN - b->left)
		b->left = burst * TOKEN;
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
		if (buckets[i].when && buckets[i].source.kind == src->kind &&
		    buckets[i].source.id == src->id)
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
	fill(b, SOURCE_RATE, SOURCE_BURST);
	fill(&total, TOTAL_RATE, TOTAL_BURST);
	if (b->left < cost || total.left < cost)
		return false;
	b->left -= cost;
	total.left -= cost;
	return true;
}

void charge_to(const struct ockam_info *info, struct source *src)
{
	const struct ockam_sender *p = &info->peer;

	*src = (struct source){ .kind = p->origin, .id = p->uid };
	if (p->origin == OCKAM_ORIGIN_CHANNEL && p->nchannels)
		src->channel = info->channels[0].channel;
	if (p->origin == OCKAM_ORIGIN_LOCAL)
		return;
	src->kind = p->link ? OCKAM_ORIGIN_LINK : OCKAM_ORIGIN_CHANNEL;
	src->id = p->link ? p->link : src->channel;
}
