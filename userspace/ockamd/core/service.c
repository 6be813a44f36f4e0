// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Calls all services that want to be called. */
#include "core/log.h"
#include "core/service.h"

static const struct service *first, *end;

#define FOR_EACH(s)	for ((s) = first; (s) < end; (s)++)
#define FOR_EACH_BACK(s)	for ((s) = end; (s)-- > first; )

void services_set(const struct service *table, size_t n)
{
	first = table;
	end = table + n;
}

int services_init(void)
{
	const struct service *s;
	int err;

	FOR_EACH(s) {
		err = s->init ? s->init() : 0;
		if (!err)
			continue;
		log_error("not started, because of: %s", s->name);
		return err;
	}
	return 0;
}

void services_release(const struct config *c)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->release)
			s->release(c);
}

void services_apply(const struct config *c)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->apply)
			s->apply(c);
}

void services_tick(void)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->tick)
			s->tick();
}

void services_channel_event(const struct ockam_nl_channel *ch)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->channel_event)
			s->channel_event(ch);
}

void services_channel_used(uint32_t id)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->channel_used)
			s->channel_used(id);
}

void services_object_event(const struct ockam_nl_event *ev)
{
	const struct service *s;

	FOR_EACH(s)
		if (s->object_event)
			s->object_event(ev);
}

int services_check(void)
{
	const struct service *s;
	int err, failed = 0;

	FOR_EACH(s) {
		err = s->check ? s->check() : 0;
		if (err)
			failed = err;
	}
	return failed;
}

void services_channel_lost(uint32_t id, const char *why)
{
	const struct service *s;

	FOR_EACH_BACK(s)
		if (s->channel_lost)
			s->channel_lost(id, why);
}

void services_channel_gone(uint32_t id)
{
	const struct service *s;

	FOR_EACH_BACK(s)
		if (s->channel_gone)
			s->channel_gone(id);
}

void services_end(void)
{
	const struct service *s;

	FOR_EACH_BACK(s)
		if (s->end)
			s->end();
}
