// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Who may have which address, by the configuration. */
#include <string.h>

#include "config/config.h"
#include "config/names.h"
#include "core/asker.h"
#include "core/base.h"
#include "request.h"

typedef bool (*named_fn)(void *ctx, const struct named_address *a);

/* One kind of section. */
#define EACH(list, n, path) do {					\
	for (i = 0; i < (n); i++)					\
		if (fn(ctx, &(struct named_address){			\
				&(list)[i].path, (list)[i].name,	\
				(list)[i].line }))			\
			return true;					\
} while (0)

static bool each_listener(const struct config *c, named_fn fn, void *ctx)
{
	size_t i;

	EACH(c->listener, c->n_listener, address);
	return false;
}

static bool each_other(const struct config *c, named_fn fn, void *ctx)
{
	size_t i;

	EACH(c->link, c->n_link, address);
	EACH(c->hop, c->n_hop, address);
	EACH(c->channel, c->n_channel, address);
	for (i = 0; i < c->n_portal; i++)
		if (!c->portal[i].inlet &&
		    fn(ctx, &(struct named_address){ &c->portal[i].path,
				c->portal[i].name, c->portal[i].line }))
			return true;
	EACH(c->peer, c->n_peer, address);
	EACH(c->invitation, c->n_invitation, address);
	return false;
}

bool config_each_address(const struct config *c, named_fn fn, void *ctx)
{
	return each_listener(c, fn, ctx) || each_other(c, fn, ctx);
}

static bool is_this(void *ctx, const struct named_address *a)
{
	return path_equal(a->address, ctx);
}

bool config_has(const struct config *c, const struct ockam_path *address)
{
	return config_each_address(c, is_this, (void *)address);
}

bool config_gives(const struct config *c, const struct ockam_path *address)
{
	return each_other(c, is_this, (void *)address);
}

const struct conf_listener *config_listener(const struct config *c,
					    const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_listener; i++)
		if (path_equal(&c->listener[i].address, address))
			return &c->listener[i];
	return NULL;
}

const struct conf_channel *config_channel(const struct config *c,
					  const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_channel; i++)
		if (path_equal(&c->channel[i].address, address))
			return &c->channel[i];
	return NULL;
}

bool address_is_reserved(const struct ockam_path *address)
{
	static const char *const reserved[] = {
		REQUEST_WORKER, OCKAM_CREDENTIALS_WORKER, "api", PREKEY_WORKER,
		"forwarding_service", "static_forwarding_service",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		if (address->hops[1] == strlen(reserved[i]) &&
		    !memcmp(address->hops + 2, reserved[i],
			    address->hops[1]))
			return true;
	return false;
}

bool may_listen(const struct config *c, const struct ockam_path *address,
		const struct asker *who, bool *any_name)
{
	size_t i;

	*any_name = false;
	if (config_gives(c, address))
		return false;
	for (i = 0; i < c->n_address; i++) {
		const struct conf_address *a = &c->address[i];

		if (path_equal(&a->address, address)) {
			*any_name = true;
			return users_allow(&a->users, who);
		}
	}
	*any_name = asker_is_admin(who);
	return *any_name || !address_is_reserved(address);
}
