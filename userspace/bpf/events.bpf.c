// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Each message at each point of its way, for ockamctl trace and monitor. */
#include "trace.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Those for which there was no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

/* Copies of an array what fits; returns how much that is. */
static __always_inline __u32 copy_array(void *to, __u32 room,
					const struct trace_args *args,
					__u32 where)
{
	__u32 len = where >> 16;

	if (len > room)
		len = room;
	if (!len || bpf_probe_read_kernel(to, len, (const char *)args +
					  (where & 0xffff)))
		return 0;
	return len;
}

static __always_inline int note(const struct trace_args *args, __u32 point)
{
	struct trace_event *e;
	__u32 zero = 0;
	__u64 *n;

	if (!is_wanted(args))
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		n = bpf_map_lookup_elem(&lost, &zero);
		if (n)
			__sync_fetch_and_add(n, 1);
		return 0;
	}
	e->time = bpf_ktime_get_ns();
	e->netns = args->netns;
	e->point = point;
	e->arg = args->arg;
	e->len = args->len;
	e->origin = args->origin;
	e->link = args->link;
	e->onward_len = copy_array(e->onward, sizeof(e->onward), args,
				   args->onward);
	e->ret_len = copy_array(e->ret, sizeof(e->ret), args, args->ret);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#define NOTE(name, point)						\
	SEC("tp/ockam/" #name)						\
	int at_##name(struct trace_args *args)				\
	{								\
		return note(args, point);				\
	}
POINTS(NOTE)

char _license[] SEC("license") = "Dual BSD/GPL";
