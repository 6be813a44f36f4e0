// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A rate for each origin: uid, plain link, or identifier of a channel's peer.
 * A token bucket, kept as the time at which it would be full again: each
 * message moves that on by an interval, and it may lie so far ahead of now as
 * the burst allows.
 */
#include "policy.bpf.h"
#include "maps.h"

#define TRIES	8

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rate_limit);
} limit SEC(".maps");

/* Who has been quiet for longest makes room, with a bucket full or nearly. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rate_key);
	__type(value, __u64);
} origins SEC(".maps");

static __always_inline void rate_key(struct rate_key *key,
				     const struct ockam_policy_ctx *ctx)
{
	key->origin = ctx->origin;
	switch (ctx->origin) {
	case OCKAM_ORIGIN_LOCAL:
		key->id = ctx->uid;
		break;
	case OCKAM_ORIGIN_LINK:
		key->id = ctx->link;
		break;
	default:
		__builtin_memcpy(key->identifier, ctx->identifier,
				 sizeof(key->identifier));
		break;
	}
}

/* Other CPUs count as well: who loses the race too often is dropped. */
static __always_inline bool take(__u64 *full, const struct rate_limit *l)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 old, at;
	int i;

	for (i = 0; i < TRIES; i++) {
		old = *(volatile __u64 *)full;
		at = old > now ? old : now;
		if (at - now > l->slack)
			return false;
		if (__sync_val_compare_and_swap(full, old,
						at + l->interval) == old)
			return true;
	}
	return false;
}

SEC("socket")
int rate(struct __sk_buff *skb)
{
	struct rate_key key = {};
	struct ockam_policy_ctx ctx;
	struct rate_limit *l;
	__u64 *full, never = 0;
	__u32 zero = 0;

	l = bpf_map_lookup_elem(&limit, &zero);
	if (!l || !l->interval || !policy_ctx(skb, &ctx))
		return DROP;
	rate_key(&key, &ctx);
	full = bpf_map_lookup_elem(&origins, &key);
	if (!full) {
		bpf_map_update_elem(&origins, &key, &never, BPF_NOEXIST);
		full = bpf_map_lookup_elem(&origins, &key);
	}
	return full && take(full, l) ? OCKAM_POLICY_PASS : DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
