/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects say here that they changed.  What becomes of it is netlink's: it sets
 * @ockam_notify before there is any object, so that none of them calls up.
 *
 * All may be called in any context, with a spinlock held too.
 */
#ifndef _OCKAM_NOTIFY_H
#define _OCKAM_NOTIFY_H

#include <linux/types.h>
#include <uapi/linux/ockam_netlink.h>

#include "node/base.h"

struct ockam_channel;
struct ockam_hop;
struct ockam_link;
struct ockam_node;
struct ockam_policy;

/**
 * struct ockam_notify_ops - who hears of changes
 * @link: a link, as it is now; @gone: it was deleted
 * @channel: a channel; @event: what happened to it,
 *	OCKAM_CHANNEL_EVENT_NONE: it was made or changed
 * @hop: a hop
 * @policy: a policy program, still listed; node->lock is held
 */
struct ockam_notify_ops {
	void	(*link)(const struct ockam_link *link, bool gone);
	void	(*channel)(const struct ockam_channel *ch,
			   enum ockam_channel_event event, bool gone);
	void	(*hop)(struct ockam_node *node, const struct ockam_hop *hop,
		       bool gone);
	void	(*policy)(const struct ockam_policy *policy, bool gone);
};

static inline void ockam_notify_link(const struct ockam_link *link, bool gone)
{
	ockam_notify->link(link, gone);
}

static inline void ockam_notify_channel(const struct ockam_channel *ch,
					enum ockam_channel_event event,
					bool gone)
{
	ockam_notify->channel(ch, event, gone);
}

static inline void ockam_notify_hop(struct ockam_node *node,
				    const struct ockam_hop *hop, bool gone)
{
	ockam_notify->hop(node, hop, gone);
}

static inline void ockam_notify_policy(const struct ockam_policy *policy,
				       bool gone)
{
	ockam_notify->policy(policy, gone);
}

#endif /* _OCKAM_NOTIFY_H */
