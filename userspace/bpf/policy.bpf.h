/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What policy programs share (Documentation/policy.rst). */
#ifndef OCKAM_POLICY_BPF_H
#define OCKAM_POLICY_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/ockam.h>
#include <bpf/bpf_helpers.h>

/* Anything but OCKAM_POLICY_PASS drops. */
#define DROP	0

static __always_inline bool policy_ctx(struct __sk_buff *skb,
				       struct ockam_policy_ctx *ctx)
{
	return !bpf_skb_load_bytes(skb, 0, ctx, sizeof(*ctx)) &&
	       ctx->size >= sizeof(*ctx);
}

#endif /* OCKAM_POLICY_BPF_H */
