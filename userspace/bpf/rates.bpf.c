// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Messages and bytes by worker, hop, channel and link, for ockamctl top. */
#include "trace.bpf.h"

/* Who has been quiet for longest makes room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* What is behind the first address stays out of the key. */
static __always_inline void first_address(__u8 *to,
					  const struct trace_args *args,
					  __u32 where)
{
	const char *from = (const char *)args + (where & 0xffff);
	__u32 len = where >> 16, n;
	__u8 head[2] = {};

	if (len < sizeof(head) ||
	    bpf_probe_read_kernel(head, sizeof(head), from))
		return;
	n = head[1];
	if (n > RATE_ADDRESS - sizeof(head))
		n = RATE_ADDRESS - sizeof(head);
	n += sizeof(head);
	if (n <= len)
		bpf_probe_read_kernel(to, n, from);
}

static __always_inline int count(const struct trace_args *args, __u32 point)
{
	struct flow_key key = { .point = point };
	struct flow first = { .messages = 1 };
	struct flow *flow;

	if (!is_wanted(args))
		return 0;
	/* Workers are known by their address: where it goes, or begins. */
	if (point == TRACE_DELIVER)
		first_address(key.address, args, args->onward);
	else if (point == TRACE_SEND)
		first_address(key.address, args, args->ret);
	else
		key.id = args->arg;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow) {
		__sync_fetch_and_add(&flow->messages, 1);
		__sync_fetch_and_add(&flow->bytes, args->len);
		return 0;
	}
	first.bytes = args->len;
	/* Another processor was first: that one message more or less. */
	bpf_map_update_elem(&flows, &key, &first, BPF_NOEXIST);
	return 0;
}

#define COUNT(name, point)						\
	SEC("tp/ockam/" #name)						\
	int at_##name(struct trace_args *args)				\
	{								\
		return count(args, point);				\
	}
POINTS(COUNT)

char _license[] SEC("license") = "Dual BSD/GPL";
