/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node: the state of one network namespace.
 *
 * Locking, outermost first
 *
 *  node->lock (mutex)	creation and removal of links, channels and hops, and
 *			changes of the node's settings.  Never taken on the
 *			data path.
 *  lock_sock(AF_OCKAM)	a socket's binding, default route and options.
 *  holds->lock		(spinlock) binding and releasing names that were chosen.
 *  serial (mutex)	one per channel, and inside of that one per link, see
 *			router.h: order on the wire of what process context
 *			sends.
 *  lock_sock(carrier)	the TCP socket behind a link.
 *  sk_receive_queue	its own lock.
 *  sink->lock		(spinlock, bh) messages parked for a full destination.
 *			Inside the former only when a socket is taken over.
 *  channel->rx.lock	(spinlock, bh) window, key ring, receive order.
 *
 * A carrier's data_ready runs in softirq with the carrier's slock held, and
 * from there only the three spinlocks at the end are taken; whatever needs
 * a carrier or a serial mutex goes to a work item.
 *
 * The name table, and what its entries point to, is read under RCU; every
 * object in it is freed after a grace period.  Settings are single words,
 * read with READ_ONCE().
 */
#ifndef _OCKAM_NODE_H
#define _OCKAM_NODE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rhashtable-types.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "link/gather.h"
#include "router/hold.h"
#include "transport/large.h"
#include "node/limit.h"
#include "node/mem.h"
#include "node/stats.h"
#include "ground/turn.h"

struct genl_info;
struct ockam_recents;
struct ockam_reserved;

/**
 * struct ockam_conf - settings of a node (netlink: node-set)
 * @stall_ms: a worker that reads nothing for so long is stalled
 * @park_limit: bytes a link may have parked for full destinations
 * @txq_limit: bytes queued on a link's way out before senders wait
 * @max_msg: largest payload, bytes
 * @max_links: links, made or accepted
 * @max_channels: channels
 * @max_hops: hops
 * @reply_ms: how long a send lets the other side answer
 * @fwd: bits of 1 << enum ockam_forward, each a permission to forward
 * @hold_ms: how long a released name is kept from other uids, 0: not at all
 * @mem_limit: bytes that remote input may hold, for each account of mem.h
 * @dead_ms: how long the path of a link may be dead, if that says nothing
 */
struct ockam_conf {
	u32	stall_ms;
	u32	park_limit;
	u32	txq_limit;
	u32	max_msg;
	u32	max_links;
	u32	max_channels;
	u32	max_hops;
	u32	reply_ms;
	u32	fwd;
	u32	hold_ms;
	unsigned long mem_limit;
	u32	dead_ms;
};

/**
 * struct ockam_node - per network namespace
 * @net: the namespace; valid as long as the node
 * @lock: see above
 * @names: every address of this node (name.h)
 * @names_gen: bumped on each change of @names
 * @recent: per CPU, what was looked up last (name.h)
 * @reserved: names for CAP_NET_BIND_SERVICE only; RCU, NULL: the default
 * @holds: released names that are kept for their users (hold.h)
 * @links: struct ockam_link by id
 * @channels: struct ockam_channel by id
 * @hops: struct ockam_hop by id
 * @policies: struct ockam_policy by id
 * @next_link: allocation cursor, so that no id comes back at once
 * @next_channel: likewise
 * @next_hop: likewise
 * @next_policy: likewise
 * @nr_links: for the limits, like the two below
 * @conf: settings
 * @mem: accounts of the memory that remote input holds
 * @large: what is set aside for large frames over TCP
 * @gathers: links where frames wait for more of them
 * @rx_pieces: bytes of pieces of messages over UDP
 * @stats: per-CPU counters
 * @gen: bumped on each change of an object; dumps use it
 * @fwdq: messages that need process context and have no link to wait on
 * @fwd_work: sends them
 * @forward: ockam_router_forward(), for what a channel has to be routed later
 * @press_work: looks for links that keep memory by taking little, link.c
 * @press_look: counts these looks
 * @press_at: jiffies of the last one
 * @dying: the namespace is going away, nothing new is made
 * @limit: accounts of the user, NULL in the initial user namespace (limit.h)
 * @wq: where deferred work runs: ockam_wq, or the user's own
 * @turns: whom its channels take turns with: @own_turns, or the user's
 * @own_turns: of a node in the initial user namespace
 */
struct ockam_node {
	struct net			*net;
	struct mutex			lock;
	struct rhashtable		names;
	atomic_long_t			names_gen;
	struct ockam_recents __percpu	*recent;
	struct ockam_reserved __rcu	*reserved;
	struct ockam_holds		holds;
	struct xarray			links;
	struct xarray			channels;
	struct xarray			hops;
	struct xarray			policies;
	u32				next_link;
	u32				next_channel;
	u32				next_hop;
	u32				next_policy;
	u32				nr_links;
	u32				nr_channels;
	u32				nr_hops;
	struct ockam_conf		conf;
	struct ockam_mem		mem[__OCKAM_MEM_MAX];
	struct ockam_large		large;
	struct ockam_gathers		gathers;
	atomic_t			rx_pieces;
	struct ockam_stats __percpu	*stats;
	unsigned int			gen;
	struct sk_buff_head		fwdq;
	struct work_struct		fwd_work;
	void				(*forward)(struct ockam_node *node,
						   struct sk_buff *skb);
	struct delayed_work		press_work;
	u32				press_look;
	unsigned long			press_at;
	bool				dying;
	struct ockam_limit		*limit;
	struct workqueue_struct		*wq;
	struct ockam_turns		*turns;
	struct ockam_turns		own_turns;
};

extern unsigned int ockam_net_id;

extern struct pernet_operations ockam_net_ops;

struct ockam_node *ockam_node(const struct net *net);

/*
 * How much is left for remote input, of the node's account, its user's and the
 * machine's: enum ockam_mem_level.  Any context.
 */
static inline u8 ockam_mem_level(const struct ockam_node *node,
				 enum ockam_mem_kind kind)
{
	u8 level = max(READ_ONCE(node->mem[kind].level),
		       READ_ONCE(ockam_mem_machine[kind].level));

	if (likely(!node->limit))
		return level;
	return max(level, __ockam_limit_level(node->limit,
					      kind == OCKAM_MEM_LINKS ?
					      OCKAM_LIMIT_BUFFER :
					      OCKAM_LIMIT_QUEUES));
}

#endif /* _OCKAM_NODE_H */
