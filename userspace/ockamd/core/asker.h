/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Users of this node, and what they may do. */
#ifndef OCKAMD_ASKER_H
#define OCKAMD_ASKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct asker - who sent a request, as the kernel says
 */
struct asker {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/**
 * struct users - uids and gids that may do something
 */
struct users {
	uid_t *uids;
	size_t n_uids;
	gid_t *gids;
	size_t n_gids;
};

bool asker_is_admin(const struct asker *a);
bool users_allow(const struct users *u, const struct asker *a);

#endif /* OCKAMD_ASKER_H */
