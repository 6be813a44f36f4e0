/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Ways: the daemon may send through everything, those that it sends for may not.
 * A route that was asked for, or that a peer's answer came with, is looked at with
 * the rights of whom the channel is for.
 */
#ifndef OCKAMD_WAY_H
#define OCKAMD_WAY_H

#include "core/asker.h"

/**
 * way_asked() - may somebody have us send along a route?
 * @path: the route
 * @who: for whom
 *
 * One that begins with another uid's channel, perhaps behind hops of this node, is
 * not for him.
 *
 * Return: 0, or a negative errno.
 */
int way_asked(const struct ockam_path *path, const struct asker *who);

/* Is the name that a channel's route begins with a hop to another uid's by now? */
bool way_is_astray(const struct ockam_path *path, const struct asker *who);

/* Has a program of this node had a hand in the return route of a message? */
static inline bool way_is_local(const struct ockam_info *info)
{
	return info->peer.origin == OCKAM_ORIGIN_LOCAL ||
	       info->peer.flags & OCKAM_PEER_PASSED_ON;
}

/**
 * way_came() - may the return route of a message become a channel's?
 * @info: what the kernel says about the message
 * @who: whose the channel will be
 * @why: words, if not
 *
 * Not one that a program of this node has written, nor one of who sends through
 * another user's socket: the kernel does not vouch for its front.  Then as
 * way_back().
 *
 * Return: 0, or a negative errno.
 */
int way_came(const struct ockam_info *info, const struct asker *who,
	     const char **why);

/**
 * way_back() - may it be a channel's?
 * @path: the return route of a message
 * @local: way_is_local() of it
 * @who: whose the channel will be
 * @why: words, if not
 *
 * On this node a program chooses the name that its answer comes from, and gives it
 * up as it likes: what has the name later is not what answered.  A random name is
 * nobody's choice; otherwise it has to be a program of @who himself, for whom it is
 * as if he had asked for it.
 *
 * Return: 0, or a negative errno.
 */
int way_back(const struct ockam_path *path, bool local,
	     const struct asker *who, const char **why);

#endif /* OCKAMD_WAY_H */
