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

#endif /* OCKAM_BPF_MAPS_H */
