// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The attributes and the names of values, as in Documentation/netlink/specs/
 * ockam.yaml.
 */
#include <string.h>

#include "nl.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define FIELD(object, number, kind, member, text) {			\
	.name	= text,							\
	.attr	= number,						\
	.type	= kind,							\
	.offset	= offsetof(struct ockam_nl_##object, member),		\
}

static const struct ockam_nl_field node_fields[] = {
	FIELD(node, OCKAM_A_NODE_FAMILY, OCKAM_NL_U32, family,
	      "family"),
	FIELD(node, OCKAM_A_NODE_ABI, OCKAM_NL_U32, abi,
	      "abi"),
	FIELD(node, OCKAM_A_NODE_STALL_MS, OCKAM_NL_U32, stall_ms,
	      "stall-ms"),
	FIELD(node, OCKAM_A_NODE_PARK_LIMIT, OCKAM_NL_U32, park_limit,
	      "park-limit"),
	FIELD(node, OCKAM_A_NODE_TXQ_LIMIT, OCKAM_NL_U32, txq_limit,
	      "txq-limit"),
	FIELD(node, OCKAM_A_NODE_MAX_MSG, OCKAM_NL_U32, max_msg,
	      "max-msg"),
	FIELD(node, OCKAM_A_NODE_MAX_LINKS, OCKAM_NL_U32, max_links,
	      "max-links"),
	FIELD(node, OCKAM_A_NODE_MAX_CHANNELS, OCKAM_NL_U32, max_channels,
	      "max-channels"),
	FIELD(node, OCKAM_A_NODE_MAX_HOPS, OCKAM_NL_U32, max_hops,
	      "max-hops"),
	FIELD(node, OCKAM_A_NODE_REPLY_MS, OCKAM_NL_U32, reply_ms,
	      "reply-ms"),
	FIELD(node, OCKAM_A_NODE_FORWARD, OCKAM_NL_U32, forward,
	      "forward"),
	FIELD(node, OCKAM_A_NODE_LINKS, OCKAM_NL_U32, links,
	      "links"),
	FIELD(node, OCKAM_A_NODE_CHANNELS, OCKAM_NL_U32, channels,
	      "channels"),
	FIELD(node, OCKAM_A_NODE_HOPS, OCKAM_NL_U32, hops,
	      "hops"),
	FIELD(node, OCKAM_A_NODE_STATS, OCKAM_NL_NEST, stats,
	      "stats"),
	FIELD(node, OCKAM_A_NODE_DROPS, OCKAM_NL_NEST, drops,
	      "drops"),
	FIELD(node, OCKAM_A_NODE_HOLD_MS, OCKAM_NL_U32, hold_ms,
	      "hold-ms"),
	FIELD(node, OCKAM_A_NODE_RESERVED, OCKAM_NL_NAMES, reserved,
	      "reserved"),
	FIELD(node, OCKAM_A_NODE_MEM_LIMIT, OCKAM_NL_U64, mem_limit,
	      "mem-limit"),
	FIELD(node, OCKAM_A_NODE_MEM_LINKS, OCKAM_NL_U64, mem_links,
	      "mem-links"),
	FIELD(node, OCKAM_A_NODE_MEM_QUEUES, OCKAM_NL_U64, mem_queues,
	      "mem-queues"),
	FIELD(node, OCKAM_A_NODE_MACHINE_LIMIT, OCKAM_NL_U64, machine_limit,
	      "machine-limit"),
	FIELD(node, OCKAM_A_NODE_MACHINE_LINKS, OCKAM_NL_U64, machine_links,
	      "machine-links"),
	FIELD(node, OCKAM_A_NODE_MACHINE_QUEUES, OCKAM_NL_U64, machine_queues,
	      "machine-queues"),
	FIELD(node, OCKAM_A_NODE_DEAD_MS, OCKAM_NL_U32, dead_ms,
	      "dead-ms"),
};

static const struct ockam_nl_field worker_fields[] = {
	FIELD(worker, OCKAM_A_WORKER_ADDRESS, OCKAM_NL_ADDRESS, address,
	      "address"),
	FIELD(worker, OCKAM_A_WORKER_UID, OCKAM_NL_U32, uid,
	      "uid"),
	FIELD(worker, OCKAM_A_WORKER_INODE, OCKAM_NL_U64, inode,
	      "inode"),
	FIELD(worker, OCKAM_A_WORKER_SCOPE, OCKAM_NL_U32, scope,
	      "scope"),
	FIELD(worker, OCKAM_A_WORKER_QUEUED, OCKAM_NL_U32, queued,
	      "queued"),
	FIELD(worker, OCKAM_A_WORKER_PARKED, OCKAM_NL_U32, parked,
	      "parked"),
	FIELD(worker, OCKAM_A_WORKER_DROPS, OCKAM_NL_U32, drops,
	      "drops"),
	FIELD(worker, OCKAM_A_WORKER_HANDSHAKE, OCKAM_NL_FLAG, present,
	      "handshake"),
};

static const struct ockam_nl_field link_fields[] = {
	FIELD(link, OCKAM_A_LINK_ID, OCKAM_NL_U32, id,
	      "id"),
	FIELD(link, OCKAM_A_LINK_KIND, OCKAM_NL_U32, kind,
	      "kind"),
	FIELD(link, OCKAM_A_LINK_MODE, OCKAM_NL_U32, mode,
	      "mode"),
	FIELD(link, OCKAM_A_LINK_NAME, OCKAM_NL_ADDRESS, name,
	      "name"),
	FIELD(link, OCKAM_A_LINK_ENDPOINT, OCKAM_NL_ADDRESS, endpoint,
	      "endpoint"),
	FIELD(link, OCKAM_A_LINK_STATE, OCKAM_NL_U32, state,
	      "state"),
	FIELD(link, OCKAM_A_LINK_REASON, OCKAM_NL_U32, reason,
	      "reason"),
	FIELD(link, OCKAM_A_LINK_ERROR, OCKAM_NL_U32, error,
	      "error"),
	FIELD(link, OCKAM_A_LINK_PARENT, OCKAM_NL_U32, parent,
	      "parent"),
	FIELD(link, OCKAM_A_LINK_LOCAL_IP, OCKAM_NL_IP, local_ip,
	      "local-ip"),
	FIELD(link, OCKAM_A_LINK_LOCAL_PORT, OCKAM_NL_U16, local_port,
	      "local-port"),
	FIELD(link, OCKAM_A_LINK_LOCAL_SCOPE_ID, OCKAM_NL_U32, local_scope_id,
	      "local-scope-id"),
	FIELD(link, OCKAM_A_LINK_REMOTE_IP, OCKAM_NL_IP, remote_ip,
	      "remote-ip"),
	FIELD(link, OCKAM_A_LINK_REMOTE_PORT, OCKAM_NL_U16, remote_port,
	      "remote-port"),
	FIELD(link, OCKAM_A_LINK_REMOTE_SCOPE_ID, OCKAM_NL_U32, remote_scope_id,
	      "remote-scope-id"),
	FIELD(link, OCKAM_A_LINK_FD, OCKAM_NL_U32, fd,
	      "fd"),
	FIELD(link, OCKAM_A_LINK_RECONNECT_MIN_MS, OCKAM_NL_U32, reconnect_min_ms,
	      "reconnect-min-ms"),
	FIELD(link, OCKAM_A_LINK_RECONNECT_MAX_MS, OCKAM_NL_U32, reconnect_max_ms,
	      "reconnect-max-ms"),
	FIELD(link, OCKAM_A_LINK_MAX_ACCEPTED, OCKAM_NL_U32, max_accepted,
	      "max-accepted"),
	FIELD(link, OCKAM_A_LINK_FRAME_MS, OCKAM_NL_U32, frame_ms,
	      "frame-ms"),
	FIELD(link, OCKAM_A_LINK_CHILDREN, OCKAM_NL_U32, children,
	      "children"),
	FIELD(link, OCKAM_A_LINK_TXQ_BYTES, OCKAM_NL_U32, txq_bytes,
	      "txq-bytes"),
	FIELD(link, OCKAM_A_LINK_PARKED_BYTES, OCKAM_NL_U32, parked_bytes,
	      "parked-bytes"),
	FIELD(link, OCKAM_A_LINK_RX_MSGS, OCKAM_NL_U64, rx_msgs,
	      "rx-msgs"),
	FIELD(link, OCKAM_A_LINK_RX_BYTES, OCKAM_NL_U64, rx_bytes,
	      "rx-bytes"),
	FIELD(link, OCKAM_A_LINK_TX_MSGS, OCKAM_NL_U64, tx_msgs,
	      "tx-msgs"),
	FIELD(link, OCKAM_A_LINK_TX_BYTES, OCKAM_NL_U64, tx_bytes,
	      "tx-bytes"),
	FIELD(link, OCKAM_A_LINK_CONNECTS, OCKAM_NL_U64, connects,
	      "connects"),
	FIELD(link, OCKAM_A_LINK_ATTEMPTS, OCKAM_NL_U64, attempts,
	      "attempts"),
	FIELD(link, OCKAM_A_LINK_SEND_UIDS, OCKAM_NL_RANGES, send_uids,
	      "send-uids"),
	FIELD(link, OCKAM_A_LINK_SEND_GIDS, OCKAM_NL_RANGES, send_gids,
	      "send-gids"),
	FIELD(link, OCKAM_A_LINK_DEAD_MS, OCKAM_NL_U32, dead_ms,
	      "dead-ms"),
	FIELD(link, OCKAM_A_LINK_UDP_FORM, OCKAM_NL_U32, udp_form,
	      "udp-form"),
	FIELD(link, OCKAM_A_LINK_SILENT_MS, OCKAM_NL_U64, silent_ms,
	      "silent-ms"),
};

static const struct ockam_nl_field channel_fields[] = {
	FIELD(channel, OCKAM_A_CHANNEL_ID, OCKAM_NL_U32, id,
	      "id"),
	FIELD(channel, OCKAM_A_CHANNEL_STATE, OCKAM_NL_U32, state,
	      "state"),
	FIELD(channel, OCKAM_A_CHANNEL_REASON, OCKAM_NL_U32, reason,
	      "reason"),
	FIELD(channel, OCKAM_A_CHANNEL_EVENT, OCKAM_NL_U32, event,
	      "event"),
	FIELD(channel, OCKAM_A_CHANNEL_ROLE, OCKAM_NL_U32, role,
	      "role"),
	FIELD(channel, OCKAM_A_CHANNEL_SUITE, OCKAM_NL_U32, suite,
	      "suite"),
	FIELD(channel, OCKAM_A_CHANNEL_ENCRYPTOR, OCKAM_NL_ADDRESS, encryptor,
	      "encryptor"),
	FIELD(channel, OCKAM_A_CHANNEL_DECRYPTOR, OCKAM_NL_ADDRESS, decryptor,
	      "decryptor"),
	FIELD(channel, OCKAM_A_CHANNEL_HANDSHAKE_FD, OCKAM_NL_U32, handshake_fd,
	      "handshake-fd"),
	FIELD(channel, OCKAM_A_CHANNEL_ROUTE, OCKAM_NL_ROUTE, route,
	      "route"),
	FIELD(channel, OCKAM_A_CHANNEL_CARRIER_KIND, OCKAM_NL_U32, carrier_kind,
	      "carrier-kind"),
	FIELD(channel, OCKAM_A_CHANNEL_CARRIER, OCKAM_NL_U32, carrier,
	      "carrier"),
	FIELD(channel, OCKAM_A_CHANNEL_TX_KEY, OCKAM_NL_SECRET, tx_key,
	      "tx-key"),
	FIELD(channel, OCKAM_A_CHANNEL_RX_KEY, OCKAM_NL_SECRET, rx_key,
	      "rx-key"),
	FIELD(channel, OCKAM_A_CHANNEL_TX_NONCE, OCKAM_NL_U64, tx_nonce,
	      "tx-nonce"),
	FIELD(channel, OCKAM_A_CHANNEL_RX_NONCE, OCKAM_NL_U64, rx_nonce,
	      "rx-nonce"),
	FIELD(channel, OCKAM_A_CHANNEL_IDENTIFIER, OCKAM_NL_IDENTIFIER, identifier,
	      "identifier"),
	FIELD(channel, OCKAM_A_CHANNEL_OWNER, OCKAM_NL_U32, owner,
	      "owner"),
	FIELD(channel, OCKAM_A_CHANNEL_MODE, OCKAM_NL_U32, mode,
	      "mode"),
	FIELD(channel, OCKAM_A_CHANNEL_PINNED, OCKAM_NL_U8, pinned,
	      "pinned"),
	FIELD(channel, OCKAM_A_CHANNEL_EARLY_OF, OCKAM_NL_U32, early_of,
	      "early-of"),
	FIELD(channel, OCKAM_A_CHANNEL_SUCCEEDS, OCKAM_NL_U32, succeeds,
	      "succeeds"),
	FIELD(channel, OCKAM_A_CHANNEL_QUIET, OCKAM_NL_FLAG, present,
	      "quiet"),
	FIELD(channel, OCKAM_A_CHANNEL_RX_MSGS, OCKAM_NL_U64, rx_msgs,
	      "rx-msgs"),
	FIELD(channel, OCKAM_A_CHANNEL_RX_BYTES, OCKAM_NL_U64, rx_bytes,
	      "rx-bytes"),
	FIELD(channel, OCKAM_A_CHANNEL_TX_MSGS, OCKAM_NL_U64, tx_msgs,
	      "tx-msgs"),
	FIELD(channel, OCKAM_A_CHANNEL_TX_BYTES, OCKAM_NL_U64, tx_bytes,
	      "tx-bytes"),
	FIELD(channel, OCKAM_A_CHANNEL_AUTH_FAILED, OCKAM_NL_U64, auth_failed,
	      "auth-failed"),
	FIELD(channel, OCKAM_A_CHANNEL_REPLAYED, OCKAM_NL_U64, replayed,
	      "replayed"),
	FIELD(channel, OCKAM_A_CHANNEL_DERIVATIONS, OCKAM_NL_U64, derivations,
	      "derivations"),
};

static const struct ockam_nl_field hop_fields[] = {
	FIELD(hop, OCKAM_A_HOP_ID, OCKAM_NL_U32, id,
	      "id"),
	FIELD(hop, OCKAM_A_HOP_ADDRESS, OCKAM_NL_ADDRESS, address,
	      "address"),
	FIELD(hop, OCKAM_A_HOP_SCOPE, OCKAM_NL_U32, scope,
	      "scope"),
	FIELD(hop, OCKAM_A_HOP_ROUTE, OCKAM_NL_ROUTE, route,
	      "route"),
	FIELD(hop, OCKAM_A_HOP_MSGS, OCKAM_NL_U64, msgs,
	      "msgs"),
};

static const struct ockam_nl_field policy_fields[] = {
	FIELD(policy, OCKAM_A_POLICY_ID, OCKAM_NL_U32, id,
	      "id"),
	FIELD(policy, OCKAM_A_POLICY_WORKER, OCKAM_NL_ADDRESS, worker,
	      "worker"),
	FIELD(policy, OCKAM_A_POLICY_LINK, OCKAM_NL_U32, link,
	      "link"),
	FIELD(policy, OCKAM_A_POLICY_CHANNEL, OCKAM_NL_U32, channel,
	      "channel"),
	FIELD(policy, OCKAM_A_POLICY_FD, OCKAM_NL_U32, fd,
	      "fd"),
	FIELD(policy, OCKAM_A_POLICY_REPLACE, OCKAM_NL_FLAG, present,
	      "replace"),
	FIELD(policy, OCKAM_A_POLICY_OWN, OCKAM_NL_FLAG, present,
	      "own"),
	FIELD(policy, OCKAM_A_POLICY_PROGRAM, OCKAM_NL_U32, program,
	      "program"),
	FIELD(policy, OCKAM_A_POLICY_TAG, OCKAM_NL_TAG, tag,
	      "tag"),
	FIELD(policy, OCKAM_A_POLICY_RUNS, OCKAM_NL_U64, runs,
	      "runs"),
	FIELD(policy, OCKAM_A_POLICY_DROPS, OCKAM_NL_U64, drops,
	      "drops"),
};

static const struct {
	const struct ockam_nl_field	*field;
	size_t				n;
} objects[OCKAM_NL_OBJECTS] = {
	[OCKAM_NL_NODE] = { node_fields, ARRAY_SIZE(node_fields) },
	[OCKAM_NL_WORKER] = { worker_fields, ARRAY_SIZE(worker_fields) },
	[OCKAM_NL_LINK] = { link_fields, ARRAY_SIZE(link_fields) },
	[OCKAM_NL_CHANNEL] = { channel_fields, ARRAY_SIZE(channel_fields) },
	[OCKAM_NL_HOP] = { hop_fields, ARRAY_SIZE(hop_fields) },
	[OCKAM_NL_POLICY] = { policy_fields, ARRAY_SIZE(policy_fields) },
};

const struct ockam_nl_field *ockam_nl_fields(enum ockam_nl_object kind,
					     size_t *n)
{
	*n = objects[kind].n;
	return objects[kind].field;
}

static const char * const forward_names[] = {
	[OCKAM_FORWARD_LINK_LINK] = "link-link",
	[OCKAM_FORWARD_CHANNEL_LINK] = "channel-link",
	[OCKAM_FORWARD_LINK_CHANNEL] = "link-channel",
	[OCKAM_FORWARD_CHANNEL_CHANNEL] = "channel-channel",
};

static const char * const accept_scope_names[] = {
	[0] = "local",	/* OCKAM_ACCEPT_LOCAL */
	[1] = "links",	/* OCKAM_ACCEPT_LINKS */
	[2] = "channels",	/* OCKAM_ACCEPT_CHANNELS */
	[3] = "ids",	/* OCKAM_ACCEPT_IDS */
	[4] = "forwarded",	/* OCKAM_ACCEPT_FORWARDED */
};

static const char * const link_kind_names[] = {
	[OCKAM_LINK_KIND_TCP] = "tcp",
	[OCKAM_LINK_KIND_UDP] = "udp",
};

static const char * const udp_form_names[] = {
	[OCKAM_UDP_FORM_STOCK] = "stock",
	[OCKAM_UDP_FORM_NATIVE] = "native",
};

static const char * const link_mode_names[] = {
	[OCKAM_LINK_MODE_CONNECT] = "connect",
	[OCKAM_LINK_MODE_LISTEN] = "listen",
	[OCKAM_LINK_MODE_ACCEPTED] = "accepted",
	[OCKAM_LINK_MODE_HANDOVER] = "handover",
};

static const char * const link_state_names[] = {
	[OCKAM_LINK_STATE_DOWN] = "down",
	[OCKAM_LINK_STATE_CONNECTING] = "connecting",
	[OCKAM_LINK_STATE_UP] = "up",
	[OCKAM_LINK_STATE_LISTENING] = "listening",
	[OCKAM_LINK_STATE_CLOSED] = "closed",
};

static const char * const link_reason_names[] = {
	[OCKAM_LINK_REASON_NONE] = "none",
	[OCKAM_LINK_REASON_DELETED] = "deleted",
	[OCKAM_LINK_REASON_PEER_CLOSED] = "peer-closed",
	[OCKAM_LINK_REASON_RESET] = "reset",
	[OCKAM_LINK_REASON_REFUSED] = "refused",
	[OCKAM_LINK_REASON_UNREACHABLE] = "unreachable",
	[OCKAM_LINK_REASON_TIMEOUT] = "timeout",
	[OCKAM_LINK_REASON_VERSION] = "version",
	[OCKAM_LINK_REASON_VERSION_TIMEOUT] = "version-timeout",
	[OCKAM_LINK_REASON_FRAME_TIMEOUT] = "frame-timeout",
	[OCKAM_LINK_REASON_FRAME_TOO_BIG] = "frame-too-big",
	[OCKAM_LINK_REASON_BAD_FRAME] = "bad-frame",
	[OCKAM_LINK_REASON_NO_MEMORY] = "no-memory",
	[OCKAM_LINK_REASON_NODE_EXIT] = "node-exit",
	[OCKAM_LINK_REASON_FD_CLOSED] = "fd-closed",
	[OCKAM_LINK_REASON_PARENT_DELETED] = "parent-deleted",
	[OCKAM_LINK_REASON_LIMIT] = "limit",
	[OCKAM_LINK_REASON_ERROR] = "error",
};

static const char * const channel_state_names[] = {
	[OCKAM_CHANNEL_STATE_UP] = "up",
	[OCKAM_CHANNEL_STATE_STALLED] = "stalled",
	[OCKAM_CHANNEL_STATE_CLOSED] = "closed",
	[OCKAM_CHANNEL_STATE_EXHAUSTED] = "exhausted",
	[OCKAM_CHANNEL_STATE_DEAD] = "dead",
};

static const char * const channel_reason_names[] = {
	[OCKAM_CHANNEL_REASON_NONE] = "none",
	[OCKAM_CHANNEL_REASON_DELETED] = "deleted",
	[OCKAM_CHANNEL_REASON_PEER_CLOSED] = "peer-closed",
	[OCKAM_CHANNEL_REASON_EXHAUSTED] = "exhausted",
	[OCKAM_CHANNEL_REASON_NODE_EXIT] = "node-exit",
	[OCKAM_CHANNEL_REASON_VM_FORK] = "vm-fork",
	[OCKAM_CHANNEL_REASON_STALLED] = "stalled",
};

static const char * const channel_event_names[] = {
	[OCKAM_CHANNEL_EVENT_NONE] = "none",
	[OCKAM_CHANNEL_EVENT_FIRST_MESSAGE] = "first-message",
	[OCKAM_CHANNEL_EVENT_CLOSE_RECEIVED] = "close-received",
	[OCKAM_CHANNEL_EVENT_NONCE_LIMIT] = "nonce-limit",
	[OCKAM_CHANNEL_EVENT_STALLED] = "stalled",
	[OCKAM_CHANNEL_EVENT_AUTH_FAILURES] = "auth-failures",
	[OCKAM_CHANNEL_EVENT_ROUTE_LEARNED] = "route-learned",
	[OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS] = "refresh-credentials",
};

static const char * const role_names[] = {
	[OCKAM_ROLE_INITIATOR] = "initiator",
	[OCKAM_ROLE_RESPONDER] = "responder",
};

static const char * const suite_names[] = {
	[OCKAM_SUITE_AES256GCM] = "aes256gcm",
	[OCKAM_SUITE_CHACHA20POLY1305] = "chacha20poly1305",
	[OCKAM_SUITE_AES128GCM] = "aes128gcm",
};

static const char * const origin_names[] = {
	[OCKAM_ORIGIN_LOCAL] = "local",
	[OCKAM_ORIGIN_LINK] = "link",
	[OCKAM_ORIGIN_CHANNEL] = "channel",
};

static const char * const stat_names[] = {
	[OCKAM_STAT_SENT] = "sent",
	[OCKAM_STAT_DELIVERED] = "delivered",
	[OCKAM_STAT_FORWARDED] = "forwarded",
	[OCKAM_STAT_LINK_RX] = "link-rx",
	[OCKAM_STAT_LINK_TX] = "link-tx",
	[OCKAM_STAT_ENCRYPTED] = "encrypted",
	[OCKAM_STAT_DECRYPTED] = "decrypted",
	[OCKAM_STAT_PARKED] = "parked",
	[OCKAM_STAT_DERIVATIONS] = "derivations",
	[OCKAM_STAT_HEARTBEATS] = "heartbeats",
	[OCKAM_STAT_BINDS_HELD] = "binds-held",
	[OCKAM_STAT_USER_LIMIT] = "user-limit",
	[OCKAM_STAT_MEM_LIMIT] = "mem-limit",
	[OCKAM_STAT_GAVE_WAY] = "gave-way",
	[OCKAM_STAT_ACCEPTS_REFUSED] = "accepts-refused",
	[OCKAM_STAT_ACCEPTS_DISPLACED] = "accepts-displaced",
	[OCKAM_STAT_BAD_VERSIONS] = "bad-versions",
	[OCKAM_STAT_VERSION_TIMEOUTS] = "version-timeouts",
	[OCKAM_STAT_FRAME_TIMEOUTS] = "frame-timeouts",
	[OCKAM_STAT_DEAD_PATHS] = "dead-paths",
};

static const char * const drop_names[] = {
	[OCKAM_DROP_NO_WORKER] = "no-worker",
	[OCKAM_DROP_NO_LINK] = "no-link",
	[OCKAM_DROP_MALFORMED] = "malformed",
	[OCKAM_DROP_ROUTE_TOO_LONG] = "route-too-long",
	[OCKAM_DROP_TOO_MANY_STEPS] = "too-many-steps",
	[OCKAM_DROP_TOO_MANY_DECRYPTIONS] = "too-many-decryptions",
	[OCKAM_DROP_TOO_BIG] = "too-big",
	[OCKAM_DROP_SCOPE_WORKER] = "scope-worker",
	[OCKAM_DROP_SCOPE_HOP] = "scope-hop",
	[OCKAM_DROP_SCOPE_ENCRYPTOR] = "scope-encryptor",
	[OCKAM_DROP_SCOPE_DECRYPTOR] = "scope-decryptor",
	[OCKAM_DROP_SCOPE_FORWARDED] = "scope-forwarded",
	[OCKAM_DROP_FORWARD_LINK_LINK] = "forward-link-link",
	[OCKAM_DROP_FORWARD_CHANNEL_LINK] = "forward-channel-link",
	[OCKAM_DROP_FORWARD_LINK_CHANNEL] = "forward-link-channel",
	[OCKAM_DROP_FORWARD_CHANNEL_CHANNEL] = "forward-channel-channel",
	[OCKAM_DROP_PARK_LIMIT] = "park-limit",
	[OCKAM_DROP_STALLED] = "stalled",
	[OCKAM_DROP_NO_MEMORY] = "no-memory",
	[OCKAM_DROP_FILTERED] = "filtered",
	[OCKAM_DROP_QUEUE_FULL] = "queue-full",
	[OCKAM_DROP_REPLAYED] = "replayed",
	[OCKAM_DROP_TOO_OLD] = "too-old",
	[OCKAM_DROP_TOO_FAR] = "too-far",
	[OCKAM_DROP_AUTH_FAILED] = "auth-failed",
	[OCKAM_DROP_SHORT] = "short",
	[OCKAM_DROP_BAD_PLAINTEXT] = "bad-plaintext",
	[OCKAM_DROP_CHANNEL_CLOSED] = "channel-closed",
	[OCKAM_DROP_NO_KEY] = "no-key",
	[OCKAM_DROP_LINK_DOWN] = "link-down",
	[OCKAM_DROP_BAD_FRAME] = "bad-frame",
	[OCKAM_DROP_FRAME_TOO_BIG] = "frame-too-big",
	[OCKAM_DROP_HANDSHAKE_FULL] = "handshake-full",
	[OCKAM_DROP_NAME_GONE] = "name-gone",
	[OCKAM_DROP_NODE_DYING] = "node-dying",
	[OCKAM_DROP_POLICY] = "policy",
	[OCKAM_DROP_SCOPE_LINK] = "scope-link",
	[OCKAM_DROP_BAD_PIECE] = "bad-piece",
	[OCKAM_DROP_PIECE_TWICE] = "piece-twice",
	[OCKAM_DROP_PIECE_LOST] = "piece-lost",
	[OCKAM_DROP_UDP_TARGET] = "udp-target",
	[OCKAM_DROP_UDP_SEND] = "udp-send",
	[OCKAM_DROP_UNPROVEN] = "unproven",
	[OCKAM_DROP_MEM_LIMIT] = "mem-limit",
};

static const struct {
	enum ockam_nl_object	kind;
	int			attr;
	bool			flags;
	const char * const	*name;
	size_t			n;
} values[] = {
	{ OCKAM_NL_NODE, OCKAM_A_NODE_FORWARD, true,
	  forward_names, ARRAY_SIZE(forward_names) },
	{ OCKAM_NL_WORKER, OCKAM_A_WORKER_SCOPE, true,
	  accept_scope_names, ARRAY_SIZE(accept_scope_names) },
	{ OCKAM_NL_HOP, OCKAM_A_HOP_SCOPE, true,
	  accept_scope_names, ARRAY_SIZE(accept_scope_names) },
	{ OCKAM_NL_LINK, OCKAM_A_LINK_KIND, false,
	  link_kind_names, ARRAY_SIZE(link_kind_names) },
	{ OCKAM_NL_LINK, OCKAM_A_LINK_UDP_FORM, false,
	  udp_form_names, ARRAY_SIZE(udp_form_names) },
	{ OCKAM_NL_LINK, OCKAM_A_LINK_MODE, false,
	  link_mode_names, ARRAY_SIZE(link_mode_names) },
	{ OCKAM_NL_LINK, OCKAM_A_LINK_STATE, false,
	  link_state_names, ARRAY_SIZE(link_state_names) },
	{ OCKAM_NL_LINK, OCKAM_A_LINK_REASON, false,
	  link_reason_names, ARRAY_SIZE(link_reason_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_STATE, false,
	  channel_state_names, ARRAY_SIZE(channel_state_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_REASON, false,
	  channel_reason_names, ARRAY_SIZE(channel_reason_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_EVENT, false,
	  channel_event_names, ARRAY_SIZE(channel_event_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_ROLE, false,
	  role_names, ARRAY_SIZE(role_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_SUITE, false,
	  suite_names, ARRAY_SIZE(suite_names) },
	{ OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_CARRIER_KIND, false,
	  origin_names, ARRAY_SIZE(origin_names) },
};

_Static_assert(ARRAY_SIZE(stat_names) == __OCKAM_STAT_MAX, "names of counters");
_Static_assert(ARRAY_SIZE(drop_names) == __OCKAM_DROP_MAX, "names of reasons");

static int values_of(enum ockam_nl_object kind, int attr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].kind == kind && values[i].attr == attr)
			return i;
	return -1;
}

bool ockam_nl_is_flags(enum ockam_nl_object kind, int attr)
{
	int v = values_of(kind, attr);

	return v >= 0 && values[v].flags;
}

const char *ockam_nl_value_name(enum ockam_nl_object kind, int attr,
				uint32_t value)
{
	int v = values_of(kind, attr);

	if (v < 0 || value >= values[v].n)
		return NULL;
	return values[v].name[value];
}

int ockam_nl_value(enum ockam_nl_object kind, int attr, const char *name)
{
	int v = values_of(kind, attr);
	size_t i;

	if (v < 0)
		return -1;
	for (i = 0; i < values[v].n; i++)
		if (values[v].name[i] && !strcmp(values[v].name[i], name))
			return i;
	return -1;
}

const char *ockam_nl_stat_name(unsigned int stat)
{
	return stat < ARRAY_SIZE(stat_names) ? stat_names[stat] : NULL;
}

const char *ockam_nl_drop_name(unsigned int drop)
{
	return drop < ARRAY_SIZE(drop_names) ? drop_names[drop] : NULL;
}
