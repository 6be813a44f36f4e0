/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Multicast notifications: what the get replies of netlink.h say, sent to the
 * groups "link", "channel", "hop", "node" and "policy" whenever something changes.
 *
 * All may be called in any context, with a spinlock held too.  Nothing is
 * built while nobody listens.  A listener for whom a message is lost sees
 * ENOBUFS and dumps again.
 */
#ifndef _OCKAM_NOTIFY_H
#define _OCKAM_NOTIFY_H

#include <linux/types.h>
#include <uapi/linux/ockam_netlink.h>

struct ockam_channel;
struct ockam_hop;
struct ockam_link;
struct ockam_node;
struct ockam_policy;

/* @gone: the object was deleted. */
void ockam_notify_link(const struct ockam_link *link, bool gone);
void ockam_notify_channel(const struct ockam_channel *ch,
			  enum ockam_channel_event event, bool gone);
void ockam_notify_hop(struct ockam_node *node, const struct ockam_hop *hop,
		      bool gone);
void ockam_notify_node(struct ockam_node *node);
/* With node->lock held. */
void ockam_notify_policy(const struct ockam_policy *policy, bool gone);

#endif /* _OCKAM_NOTIFY_H */
