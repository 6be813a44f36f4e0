// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Users of this node, and what they may do. */
#include <unistd.h>

#include "core/asker.h"

bool asker_is_admin(const struct asker *a)
{
	return a->uid == 0 || a->uid == geteuid();
}

bool users_allow(const struct users *u, const struct asker *a)
{
	size_t i;

	if (asker_is_admin(a))
		return true;
	for (i = 0; i < u->n_uids; i++)
		if (u->uids[i] == a->uid)
			return true;
	for (i = 0; i < u->n_gids; i++)
		if (u->gids[i] == a->gid)
			return true;
	return false;
}
