// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Who may have which address, by the configuration. */
#include <string.h>

#include "config/config.h"
#include "config/names.h"
#include "core/asker.h"
#include "core/base.h"
#include "request.h"

bool config_gives(const struct config *c, const struct ockam_path *address)
{
	size_t i;

	for (i = 0; i < c->n_link; i++)
		if (path_equal(&c->link[i].address, address))
			return true;
	for (i = 0; i < c->n_hop; i++)
		if (path_equal(&c->hop[i].address, address))
			return true;
	for (i = 0; i < c->n_channel; i++)
		if (path_equal(&c->channel[i].address, address))
			return true;
	for (i = 0; i < c->n_portal; i++)
		if (!c->portal[i].inlet &&
		    path_equal(&c->portal[i].path, address))
			return true;
	for (i = 0; i < c->n_invitation; i++)
		if (path_equal(&c->invitation[i].address, address))
			return true;
	for (i = 0; i < c->n_peer; i++)
		if (path_equal(&c->peer[i].address, address))
			return true;
	return false;
}

bool address_is_reserved(const struct ockam_path *address)
{
	static const char *const reserved[] = {
		REQUEST_WORKER, "api", PREKEY_WORKER, "forwarding_service",
		"static_forwarding_service",
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
