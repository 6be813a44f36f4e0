// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Allow by identifier: what came through a channel passes if the innermost
 * peer is listed, local origin if that is listed, all else is dropped.
 */
#include "policy.bpf.h"
#include "maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct allow_key);
	__type(value, __u8);
} allowed SEC(".maps");

SEC("socket")
int allow(struct __sk_buff *skb)
{
	struct allow_key key = {};
	struct ockam_policy_ctx ctx;

	if (!policy_ctx(skb, &ctx))
		return DROP;
	key.origin = ctx.origin;
	__builtin_memcpy(key.identifier, ctx.identifier,
			 sizeof(key.identifier));
	return bpf_map_lookup_elem(&allowed, &key) ? OCKAM_POLICY_PASS : DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
