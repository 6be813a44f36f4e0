/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Links: the transport connections of a node.  link.c knows names, states,
 * limits and events, link_rx.c what a received message is; tcp.c knows the TCP
 * socket and Ockam's framing, udp.c the UDP socket and Ockam's datagrams.
 *
 * Lifetime: a link is referenced by the node's xarray (until it is deleted),
 * by its work items while they are queued, by its carriers, and by paths being
 * applied; messages it brought in reference only its struct ockam_source.
 * Freed after a grace period.  Work items take node->lock, so whoever holds
 * that never waits for them: deletion marks, and ockam_link_drain() waits.
 *
 * State changes only under node->lock, but for CONNECTING -> UP, which the
 * carrier's receive side does when the peer's version has come.  link->serial
 * (mutex) is the sink's serial: it orders what is sent, protects the transmit
 * queue, and is held when link->tcp or link->udp changes.  Readers of these
 * otherwise use RCU.
 *
 * A link that is not up refuses what is sent to it with -ENETUNREACH; nothing
 * waits for a link to come (back) up.
 */
#ifndef _OCKAM_LINK_H
#define _OCKAM_LINK_H

#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <uapi/linux/ockam_netlink.h>

#include "ground/codec.h"
#include "ground/endpoint.h"
#include "link/gather.h"
#include "router/msg.h"
#include "router/name.h"
#include "node/node.h"
#include "router/sink.h"

struct mem_cgroup;
struct netlink_ext_ack;
struct ockam_senders;
struct ockam_link;
struct ockam_node;

/**
 * struct ockam_link_config - what netlink asks for
 * @kind: enum ockam_link_kind
 * @mode: enum ockam_link_mode: connect, listen or handover
 * @name: the link's own address, flat form (type 0, up to 16 bytes), or
 *	NULL: the kernel makes one up
 * @local: to bind to; family 0 when absent (listen: mandatory)
 * @remote: to connect to (connect: mandatory)
 * @sock: the socket handed over, file reference held by the caller
 * @reconnect_min_ms: first delay before connecting again, 0: never again
 * @reconnect_max_ms: longest delay
 * @max_accepted: links a listening link may have at once
 * @frame_ms: deadline of the version byte and of each frame, 0: default
 * @dead_ms: how long the path may be dead, 0: what the node says
 * @udp_form: datagrams that it sends, with a kind of UDP
 * @senders: who may send, NULL: everybody; the link takes its own reference
 */
struct ockam_link_config {
	enum ockam_link_kind	kind;
	enum ockam_link_mode	mode;
	const u8		*name;
	union ockam_endpoint	local;
	union ockam_endpoint	remote;
	struct socket		*sock;
	u32			reconnect_min_ms;
	u32			reconnect_max_ms;
	u32			max_accepted;
	u32			frame_ms;
	u32			dead_ms;
	enum ockam_udp_form	udp_form;
	struct ockam_senders	*senders;
};

/**
 * struct ockam_link_stats - since the link was made
 */
struct ockam_link_stats {
	atomic64_t	rx_msgs;
	atomic64_t	rx_bytes;
	atomic64_t	tx_msgs;
	atomic64_t	tx_bytes;
	atomic64_t	connects;	/* times it came up */
	atomic64_t	attempts;	/* times it tried */
};

struct ockam_tcp;
struct ockam_udp;

/**
 * struct ockam_link - one link
 * @name: its own address
 * @endpoint: its address of type 1 or 2, "ip:port" of the peer
 * @sink: the way out
 * @source: the way in
 * @node: its node
 * @ref: references
 * @rcu: for freeing
 * @id: for netlink, never reused at once
 * @parent: id of the listening link that made it, or 0
 * @config: as configured (name, sock and senders are not valid any more)
 * @serial: see above
 * @state: enum ockam_link_state
 * @senders: who of this node may send, NULL: everybody; RCU, replaced under
 *	node->lock
 * @reason: enum ockam_link_reason, why it went down last
 * @error: errno that goes with it
 * @txq: frames on their way out, first one may be sent in part
 * @txq_bytes: bytes in @txq
 * @txq_charged: memory of them that the user is charged for, see source.user
 * @tx_off: bytes of the first frame already sent
 * @tx_done: bytes that TCP has taken, under @serial
 * @tx_seen: of them when the link was looked at for want of memory, node->lock
 * @tx_look: at that look, node->press_look
 * @gather: whether frames in @txq wait for more of them
 * @tcp: the carrier, tcp.c
 * @udp: or this one, udp.c
 * @work: sends what is queued, then routes what is parked
 * @timer: by state: connecting again, end of patience with connecting,
 *	accepting again, sending again after memory was short
 * @backoff: failures in a row
 * @up_at: jiffies when it came up
 * @memcg: control group that pays for what is received, see memcg.h
 * @rx_at: jiffies when the last message came, 0: none did
 * @children: links made by this listening link
 * @spoken: those of which a message came, see link_silent()
 * @unspoken: those that were not seen to bring any, oldest first
 * @sibling: in one of these lists of the parent's; node->lock
 * @full: the limit on those was hit, and told
 * @stats: counters
 * @local: own end of the connection, or where it listens
 * @remote: the peer's end
 * @name_key: @name's key
 * @endpoint_key: @endpoint's key; no bytes if there is no peer
 */
struct ockam_link {
	struct ockam_name		name;
	struct ockam_name		endpoint;
	struct ockam_sink		sink;
	struct ockam_source		source;
	struct ockam_node		*node;
	refcount_t			ref;
	struct rcu_head			rcu;
	u32				id;
	u32				parent;
	struct ockam_link_config	config;
	struct mutex			serial;
	struct ockam_senders __rcu	*senders;
	u8				state;
	u8				reason;
	int				error;
	struct sk_buff_head		txq;
	u32				txq_bytes;
	u32				txq_charged;
	u32				tx_off;
	u32				tx_look;
	u64				tx_done;
	u64				tx_seen;
	struct ockam_gather		gather;
	struct ockam_tcp __rcu		*tcp;
	struct ockam_udp __rcu		*udp;
	struct work_struct		work;
	struct delayed_work		timer;
	unsigned int			backoff;
	unsigned long			up_at;
	struct mem_cgroup		*memcg;
	unsigned long			rx_at;
	struct list_head		spoken;
	struct list_head		unspoken;
	struct list_head		sibling;
	u32				children;
	bool				full;
	struct ockam_link_stats		stats;
	union ockam_endpoint		local;
	union ockam_endpoint		remote;
	u8				name_key[2 + OCKAM_NAME_LEN];
	u8				endpoint_key[2 + 64];
};

/*
 * The node has no memory left: links whose peers take less of what waits for them
 * than there is, for stall_ms, are given up.  Any context.
 */
static inline void ockam_link_press(struct ockam_node *node)
{
	queue_delayed_work(node->wq, &node->press_work, 0);
}

/* How long the path may be dead, in ms. */
static inline u32 ockam_link_dead_ms(const struct ockam_link *link)
{
	return READ_ONCE(link->config.dead_ms) ?:
	       READ_ONCE(link->node->conf.dead_ms);
}

/* A message came.  Any context. */
static inline void ockam_link_heard(struct ockam_link *link)
{
	unsigned long now = jiffies ?: 1;

	if (READ_ONCE(link->rx_at) != now)
		WRITE_ONCE(link->rx_at, now);
}

/* Frame on the wire: u32 length, then that many bytes. */
#define OCKAM_FRAME_HEAD	4
#define OCKAM_FRAME_MAX		(1U << 24)

/* All of these with node->lock held, process context. */
struct ockam_link *ockam_link_new(struct ockam_node *node,
				  const struct ockam_link_config *cfg,
				  struct netlink_ext_ack *extack);
void ockam_link_del(struct ockam_link *link, enum ockam_link_reason reason);
void ockam_link_flush(struct ockam_node *node);
/* config.dead_ms was changed: so it is for a connection that is there. */
void ockam_link_set_dead(struct ockam_link *link);
/* Takes over the caller's reference on @senders. */
void ockam_link_set_senders(struct ockam_link *link,
			    struct ockam_senders *senders);

/*
 * Wait until nothing of this node's deleted links runs any more.  After
 * ockam_link_flush(), with node->dying set and node->lock released.
 */
void ockam_link_drain(struct ockam_node *node);
void ockam_link_init(struct ockam_node *node);

/* Send what waits in @txq, unless somebody is at it.  Process context. */
void ockam_link_push(struct ockam_link *link);

struct ockam_link *ockam_link_get(struct ockam_link *link);
bool ockam_link_get_unless_zero(struct ockam_link *link);
void ockam_link_put(struct ockam_link *link);

/* ---- for the carrier ---- */

/* Queue @work.  Any context. */
void ockam_link_queue(struct ockam_link *link);
/* Queue @timer, sooner or later.  Any context. */
void ockam_link_later(struct ockam_link *link, unsigned long delay);

/* For the carriers: a frame that comes before those of the queue. */
void ockam_link_requeue(struct ockam_link *link, struct sk_buff *skb);
/* The first frame of the queue was sent: takes it out and frees it. */
void ockam_link_sent(struct ockam_link *link, struct sk_buff *skb);

/* These with node->lock held, process context. */
void ockam_link_up(struct ockam_link *link);
void ockam_link_lost(struct ockam_link *link, struct ockam_tcp *tcp,
		     enum ockam_link_reason reason, int error);
/* Both ends are known and nothing has arrived yet. */
void ockam_link_ready(struct ockam_link *link);
/* Make a link of an accepted connection, which is consumed. */
void ockam_link_accept(struct ockam_link *parent, struct ockam_tcp *listener,
		       struct socket *sock);

/* ---- receiving, link_rx.c ---- */

#define OCKAM_RX_HEAD	64	/* room for what forwarding adds */
#define OCKAM_RX_TAIL	32
#define OCKAM_LINK_ROUTE	64	/* first guess */
/* Bytes of large messages that have come in part, of a node; or less, see there. */
#define OCKAM_PARTIAL_MAX	(64 * 1024 * 1024)

/**
 * struct ockam_link_guess - bytes to leave for routes, as learned
 * @onward: for onward routes
 * @ret: for return routes
 */
struct ockam_link_guess {
	u16	onward;
	u16	ret;
};

/* Longer ones cannot hold a payload that this node takes. */
static inline u32 ockam_link_size_max(const struct ockam_link *link)
{
	return READ_ONCE(link->node->conf.max_msg) + OCKAM_SEALED_MAX +
	       OCKAM_WIRE_HEAD_MAX + OCKAM_TRACE_MAX;
}

/**
 * ockam_link_receive() - a whole message has come
 * @link: over this link
 * @guess: what its carrier has learned about routes
 * @skb: from ockam_msg_alloc(), data is what was on the wire
 * @peer: address of who sent it, for the return route behind the link's own name;
 *	NULL if the link has one peer
 * @bytes: for the counters
 *
 * Under RCU, any context.
 *
 * Return: 1 - a message that is to be routed, charged to the link; 0 - @skb was
 * dropped and counted, or was a heartbeat; -EBADMSG - dropped, and it is no
 * message at all.
 */
int ockam_link_receive(struct ockam_link *link, struct ockam_link_guess *guess,
		       struct sk_buff *skb, const union ockam_endpoint *peer,
		       u32 bytes);

static inline struct ockam_link *ockam_sink_link(struct ockam_sink *sink)
{
	return container_of(sink, struct ockam_link, sink);
}

#endif /* _OCKAM_LINK_H */
