/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What programs at the module's tracepoints share. */
#ifndef OCKAM_TRACE_BPF_H
#define OCKAM_TRACE_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

/*
 * As events/ockam/.../format has it, which the tool compares before it loads
 * anything.  The two last are an offset from here and, above it, a length.
 */
struct trace_args {
	__u64	common;
	__u32	netns;
	__u32	arg;
	__u32	len;
	__u8	origin;
	__u32	link;
	__u32	onward;
	__u32	ret;
};

/* Which network namespace; 0: all of them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} netns SEC(".maps");

static __always_inline bool is_wanted(const struct trace_args *args)
{
	__u32 zero = 0, *want = bpf_map_lookup_elem(&netns, &zero);

	return want && (!*want || *want == args->netns);
}

#define POINTS(do_one)							\
	do_one(ockam_send, TRACE_SEND)					\
	do_one(ockam_hop, TRACE_HOP)					\
	do_one(ockam_encrypt, TRACE_ENCRYPT)				\
	do_one(ockam_link_tx, TRACE_LINK_TX)				\
	do_one(ockam_link_rx, TRACE_LINK_RX)				\
	do_one(ockam_decrypt, TRACE_DECRYPT)				\
	do_one(ockam_deliver, TRACE_DELIVER)				\
	do_one(ockam_drop, TRACE_DROP)

#endif /* OCKAM_TRACE_BPF_H */
