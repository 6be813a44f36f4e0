/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What is in the maps of the policy programs here: theirs and the loader's. */
#ifndef OCKAM_BPF_MAPS_H
#define OCKAM_BPF_MAPS_H

#include <linux/types.h>
#include <linux/ockam.h>

/**
 * struct allow_key - map "allowed" of allow.bpf.c: who may pass
 * @origin: enum ockam_origin: channel, or local with an @identifier of zeros
 * @identifier: the peer's verified identifier
 */
struct allow_key {
	__u8	origin;
	__u8	identifier[OCKAM_IDENTIFIER_LEN];
};

/**
 * struct rate_limit - map "limit" of rate.bpf.c, its only entry
 * @interval: nanoseconds for each message; 0: none may pass
 * @slack: nanoseconds by which messages may be early: (burst - 1) * interval
 */
struct rate_limit {
	__u64	interval;
	__u64	slack;
};

/**
 * struct rate_key - map "origins" of rate.bpf.c: who is limited
 * @origin: enum ockam_origin
 * @id: uid for local origin, else the link; with an identifier 0
 * @identifier: of a channel's peer, else zeros
 */
struct rate_key {
	__u32	origin;
	__u32	id;
	__u8	identifier[OCKAM_IDENTIFIER_LEN];
};

/* The module's tracepoints, in the order of a message's way. */
enum trace_point {
	TRACE_SEND,
	TRACE_HOP,
	TRACE_ENCRYPT,
	TRACE_LINK_TX,
	TRACE_LINK_RX,
	TRACE_DECRYPT,
	TRACE_DELIVER,
	TRACE_DROP,
	TRACE_POINTS
};

/* Of longer routes only the beginning, and the end, is of interest. */
#define TRACE_ROUTE	240

/**
 * struct trace_event - what events.bpf.c puts into the ring "events"
 * @time: CLOCK_MONOTONIC, in nanoseconds
 * @netns: inode of the network namespace
 * @point: enum trace_point
 * @arg: id of the hop, link or channel, or the reason of a drop
 * @len: bytes of the payload
 * @origin: enum ockam_origin
 * @link: that it came by, or 0
 * @onward_len: bytes in @onward
 * @ret_len: bytes in @ret
 * @onward: onward route in flat form, its beginning
 * @ret: return route in flat form, its beginning
 */
struct trace_event {
	__u64	time;
	__u32	netns;
	__u32	point;
	__u32	arg;
	__u32	len;
	__u32	origin;
	__u32	link;
	__u32	onward_len;
	__u32	ret_len;
	__u8	onward[TRACE_ROUTE];
	__u8	ret[TRACE_ROUTE];
};

#define RATE_ADDRESS	36

/**
 * struct flow_key - key of map "flows" of rates.bpf.c
 * @point: enum trace_point
 * @id: of the hop, link or channel; the reason of a drop
 * @address: of a worker: type, length and bytes, the beginning of long ones
 */
struct flow_key {
	__u32	point;
	__u32	id;
	__u8	address[RATE_ADDRESS];
};

/**
 * struct flow - what passed
 * @messages: their number
 * @bytes: of their payloads
 */
struct flow {
	__u64	messages;
	__u64	bytes;
};

#endif /* OCKAM_BPF_MAPS_H */
