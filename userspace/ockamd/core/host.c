// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Hosts that are named in sections. */
#include <errno.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/host.h"
#include "core/wanted.h"

void host_end(struct host *h)
{
	resolve_forget(h->lookup);
	h->lookup = NULL;
}

void host_set(struct host *h, const char *name)
{
	host_end(h);
	h->name = name;
	h->known = false;
	h->error[0] = 0;
}

static void looked_up(void *arg, const struct resolved *r)
{
	struct host *h = arg;

	h->lookup = NULL;
	h->looked_up = now_ms();
	h->error[0] = 0;
	if (r->error) {
		snprintf(h->error, sizeof(h->error), "%s", r->error);
	} else {
		h->known = true;
		h->take(h, r);
	}
	wanted_now(h->w);
}

static int look_up(struct host *h)
{
	if (!h->lookup)
		h->lookup = resolve(h->name, h->passive, looked_up, h);
	return h->lookup ? 0 : -ENOMEM;
}

int host_find(struct host *h, uint64_t age_ms)
{
	if (!h->name)
		return 0;
	if (h->known) {
		/* What was found is good until there is something better. */
		if (now_ms() - h->looked_up >= age_ms)
			look_up(h);
		return 0;
	}
	if (!h->error[0])
		return look_up(h) ?: -EINPROGRESS;
	/* Said once; with the next attempt it is looked up again. */
	wanted_fail(h->w, "%s: %s", h->name, h->error);
	h->error[0] = 0;
	return -EHOSTUNREACH;
}
