/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: what enters, moves through and leaves a node, and why not. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ockam

#if !defined(_OCKAM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _OCKAM_TRACE_H

#include <linux/tracepoint.h>

#include "router/msg.h"
#include "node/node.h"

/* Whole routes would be more than the buffers of perf and ftrace take. */
#ifndef OCKAM_TRACE_ROUTE_MAX
#define OCKAM_TRACE_ROUTE_MAX	512
#endif

/*
 * A message and its routes in flat form, as hex (the beginning of long ones),
 * at one point of its way.
 */
DECLARE_EVENT_CLASS(ockam_message,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg),
	TP_STRUCT__entry(
		__field(unsigned int, netns)
		__field(u32, arg)
		__field(u32, len)
		__field(u8, origin)
		__field(u32, link)
		__dynamic_array(u8, onward,
				min_t(u32, ockam_onward_len(skb),
				      OCKAM_TRACE_ROUTE_MAX))
		__dynamic_array(u8, ret,
				min_t(u32, ockam_return_len(skb),
				      OCKAM_TRACE_ROUTE_MAX))
	),
	TP_fast_assign(
		__entry->netns = node->net->ns.inum;
		__entry->arg = arg;
		__entry->len = skb->len;
		__entry->origin = ockam_msg(skb)->from.kind;
		__entry->link = ockam_msg(skb)->from.link;
		memcpy(__get_dynamic_array(onward), ockam_onward(skb),
		       __get_dynamic_array_len(onward));
		memcpy(__get_dynamic_array(ret), ockam_return(skb),
		       __get_dynamic_array_len(ret));
	),
	TP_printk("netns=%u arg=%u len=%u origin=%u link=%u onward=%s return=%s",
		  __entry->netns, __entry->arg, __entry->len,
		  __entry->origin, __entry->link,
		  __print_hex_str(__get_dynamic_array(onward),
				  __get_dynamic_array_len(onward)),
		  __print_hex_str(__get_dynamic_array(ret),
				  __get_dynamic_array_len(ret)))
);

/* arg: 0 */
DEFINE_EVENT(ockam_message, ockam_send,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: 0; the front of the onward route is the worker */
DEFINE_EVENT(ockam_message, ockam_deliver,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: id of the hop whose address is in front of the onward route */
DEFINE_EVENT(ockam_message, ockam_hop,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: id of the link; routes and length as on the wire */
DEFINE_EVENT(ockam_message, ockam_link_tx,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: id of the link; the link is in front of the return route already */
DEFINE_EVENT(ockam_message, ockam_link_rx,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: id of the channel; before encryption */
DEFINE_EVENT(ockam_message, ockam_encrypt,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: id of the channel; after decryption */
DEFINE_EVENT(ockam_message, ockam_decrypt,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

/* arg: enum ockam_drop */
DEFINE_EVENT(ockam_message, ockam_drop,
	TP_PROTO(const struct ockam_node *node, const struct sk_buff *skb,
		 u32 arg),
	TP_ARGS(node, skb, arg));

#endif /* _OCKAM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
