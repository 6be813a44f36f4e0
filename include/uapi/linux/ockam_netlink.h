/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ockam.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_OCKAM_NETLINK_H
#define _UAPI_LINUX_OCKAM_NETLINK_H

#define OCKAM_FAMILY_NAME	"ockam"
#define OCKAM_FAMILY_VERSION	1

#define OCKAM_ABI	1

/**
 * enum ockam_stat - what a node counts; node-get has one attribute for each
 * @OCKAM_STAT_SENT: messages that sockets sent
 * @OCKAM_STAT_DELIVERED: messages put into a socket's queue
 * @OCKAM_STAT_FORWARDED: messages that hops passed on
 * @OCKAM_STAT_LINK_RX: messages that came in over links
 * @OCKAM_STAT_LINK_TX: messages that went out over links
 * @OCKAM_STAT_ENCRYPTED: messages that channels encrypted
 * @OCKAM_STAT_DECRYPTED: messages that channels decrypted
 * @OCKAM_STAT_PARKED: messages that had to wait for a full destination
 * @OCKAM_STAT_DERIVATIONS: key generations derived
 * @OCKAM_STAT_HEARTBEATS: empty messages by which a peer keeps a channel alive
 * @OCKAM_STAT_BINDS_HELD: names refused because another user has just released
 *   them
 * @OCKAM_STAT_USER_LIMIT: what the limits over the user of a container refused
 *   or held back: sockets, links, channels, hops; reading from links
 * @OCKAM_STAT_MEM_LIMIT: times that the limit on memory held a link back, or
 *   had it wait
 * @OCKAM_STAT_GAVE_WAY: links that were closed since a large frame of theirs
 *   did not come on while others waited for its memory
 * @OCKAM_STAT_ACCEPTS_REFUSED: connections turned away because there were as
 *   many links as allowed
 * @OCKAM_STAT_ACCEPTS_DISPLACED: accepted links given up for newer ones, there
 *   being as many as allowed
 * @OCKAM_STAT_BAD_VERSIONS: connections of peers that speak another version
 * @OCKAM_STAT_VERSION_TIMEOUTS: connections whose peer did not say its version
 *   in time
 * @OCKAM_STAT_FRAME_TIMEOUTS: connections on which a frame did not arrive as a
 *   whole in time
 * @OCKAM_STAT_DEAD_PATHS: connections whose peer did not answer, or took
 *   nothing, for too long
 */
enum ockam_stat {
	OCKAM_STAT_SENT,
	OCKAM_STAT_DELIVERED,
	OCKAM_STAT_FORWARDED,
	OCKAM_STAT_LINK_RX,
	OCKAM_STAT_LINK_TX,
	OCKAM_STAT_ENCRYPTED,
	OCKAM_STAT_DECRYPTED,
	OCKAM_STAT_PARKED,
	OCKAM_STAT_DERIVATIONS,
	OCKAM_STAT_HEARTBEATS,
	OCKAM_STAT_BINDS_HELD,
	OCKAM_STAT_USER_LIMIT,
	OCKAM_STAT_MEM_LIMIT,
	OCKAM_STAT_GAVE_WAY,
	OCKAM_STAT_ACCEPTS_REFUSED,
	OCKAM_STAT_ACCEPTS_DISPLACED,
	OCKAM_STAT_BAD_VERSIONS,
	OCKAM_STAT_VERSION_TIMEOUTS,
	OCKAM_STAT_FRAME_TIMEOUTS,
	OCKAM_STAT_DEAD_PATHS,

	/* private: */
	__OCKAM_STAT_MAX,
	OCKAM_STAT_MAX = (__OCKAM_STAT_MAX - 1)
};

/**
 * enum ockam_drop - why a message was refused or lost; node-get counts each
 * @OCKAM_DROP_NO_WORKER: the next address is unknown on this node
 * @OCKAM_DROP_NO_LINK: the next address names a transport, and no link serves
 *   it
 * @OCKAM_DROP_MALFORMED: route or payload break the rules
 * @OCKAM_DROP_ROUTE_TOO_LONG: a route would exceed 64 hops or 4096 bytes
 * @OCKAM_DROP_TOO_MANY_STEPS: too many steps inside this node
 * @OCKAM_DROP_TOO_MANY_DECRYPTIONS: too many channels inside this node
 * @OCKAM_DROP_TOO_BIG: payload larger than allowed
 * @OCKAM_DROP_SCOPE_WORKER: the worker does not accept this origin
 * @OCKAM_DROP_SCOPE_HOP: the hop does not accept this origin
 * @OCKAM_DROP_SCOPE_ENCRYPTOR: the channel may not be used by this sender
 * @OCKAM_DROP_SCOPE_DECRYPTOR: the ciphertext did not come by the channel's
 *   carrier
 * @OCKAM_DROP_SCOPE_FORWARDED: a program wrote the return route, and that is
 *   not accepted
 * @OCKAM_DROP_FORWARD_LINK_LINK: forwarding from link to link is switched off
 * @OCKAM_DROP_FORWARD_CHANNEL_LINK: forwarding from channel to link is
 *   switched off
 * @OCKAM_DROP_FORWARD_LINK_CHANNEL: forwarding from link to channel is
 *   switched off
 * @OCKAM_DROP_FORWARD_CHANNEL_CHANNEL: forwarding from channel to channel is
 *   switched off
 * @OCKAM_DROP_PARK_LIMIT: as much is parked as the limit allows
 * @OCKAM_DROP_STALLED: the destination takes nothing for too long
 * @OCKAM_DROP_NO_MEMORY: out of memory
 * @OCKAM_DROP_FILTERED: the worker's socket filter said so
 * @OCKAM_DROP_QUEUE_FULL: the destination is full, and what is full is not
 *   waited for
 * @OCKAM_DROP_REPLAYED: nonce seen before
 * @OCKAM_DROP_TOO_OLD: nonce behind the replay window
 * @OCKAM_DROP_TOO_FAR: nonce further ahead than the channel follows
 * @OCKAM_DROP_AUTH_FAILED: the ciphertext does not verify
 * @OCKAM_DROP_SHORT: too short for a ciphertext
 * @OCKAM_DROP_BAD_PLAINTEXT: the ciphertext verified, and what is inside is no
 *   message
 * @OCKAM_DROP_CHANNEL_CLOSED: the channel is closed
 * @OCKAM_DROP_NO_KEY: the channel has no usable key
 * @OCKAM_DROP_LINK_DOWN: the link has no connection
 * @OCKAM_DROP_BAD_FRAME: what came over a link is no message
 * @OCKAM_DROP_FRAME_TOO_BIG: a frame was announced that is larger than allowed
 * @OCKAM_DROP_HANDSHAKE_FULL: for a socket in handshake mode that is full, and
 *   takes none for stall-ms
 * @OCKAM_DROP_NAME_GONE: the destination went away while the message waited
 * @OCKAM_DROP_NODE_DYING: the namespace goes away
 * @OCKAM_DROP_POLICY: a policy program did not let it pass
 * @OCKAM_DROP_SCOPE_LINK: the sender is not on the link's list
 * @OCKAM_DROP_BAD_PIECE: a datagram is no piece of a message, or contradicts
 *   another one
 * @OCKAM_DROP_PIECE_TWICE: a piece of a message came again
 * @OCKAM_DROP_PIECE_LOST: the pieces of a message did not all come in time, or
 *   were too many
 * @OCKAM_DROP_UDP_TARGET: no address that a UDP link sends to, or not for this
 *   origin
 * @OCKAM_DROP_UDP_SEND: the network did not take a datagram
 * @OCKAM_DROP_UNPROVEN: more than a channel sends to a new UDP address of its
 *   peer before a second message came from there
 * @OCKAM_DROP_MEM_LIMIT: there was no memory for it under the node's or the
 *   machine's limit
 */
enum ockam_drop {
	OCKAM_DROP_NO_WORKER,
	OCKAM_DROP_NO_LINK,
	OCKAM_DROP_MALFORMED,
	OCKAM_DROP_ROUTE_TOO_LONG,
	OCKAM_DROP_TOO_MANY_STEPS,
	OCKAM_DROP_TOO_MANY_DECRYPTIONS,
	OCKAM_DROP_TOO_BIG,
	OCKAM_DROP_SCOPE_WORKER,
	OCKAM_DROP_SCOPE_HOP,
	OCKAM_DROP_SCOPE_ENCRYPTOR,
	OCKAM_DROP_SCOPE_DECRYPTOR,
	OCKAM_DROP_SCOPE_FORWARDED,
	OCKAM_DROP_FORWARD_LINK_LINK,
	OCKAM_DROP_FORWARD_CHANNEL_LINK,
	OCKAM_DROP_FORWARD_LINK_CHANNEL,
	OCKAM_DROP_FORWARD_CHANNEL_CHANNEL,
	OCKAM_DROP_PARK_LIMIT,
	OCKAM_DROP_STALLED,
	OCKAM_DROP_NO_MEMORY,
	OCKAM_DROP_FILTERED,
	OCKAM_DROP_QUEUE_FULL,
	OCKAM_DROP_REPLAYED,
	OCKAM_DROP_TOO_OLD,
	OCKAM_DROP_TOO_FAR,
	OCKAM_DROP_AUTH_FAILED,
	OCKAM_DROP_SHORT,
	OCKAM_DROP_BAD_PLAINTEXT,
	OCKAM_DROP_CHANNEL_CLOSED,
	OCKAM_DROP_NO_KEY,
	OCKAM_DROP_LINK_DOWN,
	OCKAM_DROP_BAD_FRAME,
	OCKAM_DROP_FRAME_TOO_BIG,
	OCKAM_DROP_HANDSHAKE_FULL,
	OCKAM_DROP_NAME_GONE,
	OCKAM_DROP_NODE_DYING,
	OCKAM_DROP_POLICY,
	OCKAM_DROP_SCOPE_LINK,
	OCKAM_DROP_BAD_PIECE,
	OCKAM_DROP_PIECE_TWICE,
	OCKAM_DROP_PIECE_LOST,
	OCKAM_DROP_UDP_TARGET,
	OCKAM_DROP_UDP_SEND,
	OCKAM_DROP_UNPROVEN,
	OCKAM_DROP_MEM_LIMIT,

	/* private: */
	__OCKAM_DROP_MAX,
	OCKAM_DROP_MAX = (__OCKAM_DROP_MAX - 1)
};

/**
 * enum ockam_forward - forwarding that a node may be allowed, bit numbers
 * @OCKAM_FORWARD_LINK_LINK: from a link to a link
 * @OCKAM_FORWARD_CHANNEL_LINK: from a channel to a plain link
 * @OCKAM_FORWARD_LINK_CHANNEL: from a plain link into a channel
 * @OCKAM_FORWARD_CHANNEL_CHANNEL: from a channel into a channel
 */
enum ockam_forward {
	OCKAM_FORWARD_LINK_LINK,
	OCKAM_FORWARD_CHANNEL_LINK,
	OCKAM_FORWARD_LINK_CHANNEL,
	OCKAM_FORWARD_CHANNEL_CHANNEL,

	/* private: */
	__OCKAM_FORWARD_MAX,
	OCKAM_FORWARD_MAX = (__OCKAM_FORWARD_MAX - 1)
};

/**
 * enum ockam_link_kind - what carries a link
 * @OCKAM_LINK_KIND_TCP: a TCP connection, or a listening TCP socket
 * @OCKAM_LINK_KIND_UDP: a UDP socket: connected to one peer, or (listen) for
 *   any; up as long as it exists
 */
enum ockam_link_kind {
	OCKAM_LINK_KIND_TCP = 1,
	OCKAM_LINK_KIND_UDP,
};

/**
 * enum ockam_udp_form - datagrams that a UDP link sends
 * @OCKAM_UDP_FORM_STOCK: those that any Ockam node takes, 508 bytes at most
 * @OCKAM_UDP_FORM_NATIVE: as long as the path takes, for peers of this
 *   implementation
 */
enum ockam_udp_form {
	OCKAM_UDP_FORM_STOCK,
	OCKAM_UDP_FORM_NATIVE,
};

/**
 * enum ockam_link_mode - how a link came to be
 * @OCKAM_LINK_MODE_CONNECT: the kernel connects it
 * @OCKAM_LINK_MODE_LISTEN: it makes links of the connections it accepts
 * @OCKAM_LINK_MODE_ACCEPTED: made by a listening link
 * @OCKAM_LINK_MODE_HANDOVER: a socket of user space's was handed over
 */
enum ockam_link_mode {
	OCKAM_LINK_MODE_CONNECT = 1,
	OCKAM_LINK_MODE_LISTEN,
	OCKAM_LINK_MODE_ACCEPTED,
	OCKAM_LINK_MODE_HANDOVER,
};

/**
 * enum ockam_link_state - what a link is doing
 * @OCKAM_LINK_STATE_DOWN: no connection, perhaps waiting to try again
 * @OCKAM_LINK_STATE_CONNECTING: being connected, or waiting for the peer's
 *   version
 * @OCKAM_LINK_STATE_UP: messages can pass
 * @OCKAM_LINK_STATE_LISTENING: accepts connections
 * @OCKAM_LINK_STATE_CLOSED: deleted
 */
enum ockam_link_state {
	OCKAM_LINK_STATE_DOWN,
	OCKAM_LINK_STATE_CONNECTING,
	OCKAM_LINK_STATE_UP,
	OCKAM_LINK_STATE_LISTENING,
	OCKAM_LINK_STATE_CLOSED,
};

/**
 * enum ockam_link_reason - why a link went down last
 * @OCKAM_LINK_REASON_NONE: it did not
 * @OCKAM_LINK_REASON_DELETED: deleted by netlink
 * @OCKAM_LINK_REASON_PEER_CLOSED: the peer ended the connection
 * @OCKAM_LINK_REASON_RESET: the connection was reset
 * @OCKAM_LINK_REASON_REFUSED: the peer refused the connection
 * @OCKAM_LINK_REASON_UNREACHABLE: no route to the peer
 * @OCKAM_LINK_REASON_TIMEOUT: no answer to connecting, or none any more
 * @OCKAM_LINK_REASON_VERSION: the peer speaks another version
 * @OCKAM_LINK_REASON_VERSION_TIMEOUT: the peer did not say its version in time
 * @OCKAM_LINK_REASON_FRAME_TIMEOUT: a frame did not arrive as a whole in time
 * @OCKAM_LINK_REASON_FRAME_TOO_BIG: the peer announced a frame that is larger
 *   than allowed
 * @OCKAM_LINK_REASON_BAD_FRAME: the peer sent something that is no message
 * @OCKAM_LINK_REASON_NO_MEMORY: out of memory
 * @OCKAM_LINK_REASON_NODE_EXIT: the namespace goes away
 * @OCKAM_LINK_REASON_FD_CLOSED: the descriptor of a handed over socket was
 *   closed
 * @OCKAM_LINK_REASON_PARENT_DELETED: the listening link that made it was
 *   deleted
 * @OCKAM_LINK_REASON_LIMIT: too many links
 * @OCKAM_LINK_REASON_ERROR: anything else, see the error attribute
 */
enum ockam_link_reason {
	OCKAM_LINK_REASON_NONE,
	OCKAM_LINK_REASON_DELETED,
	OCKAM_LINK_REASON_PEER_CLOSED,
	OCKAM_LINK_REASON_RESET,
	OCKAM_LINK_REASON_REFUSED,
	OCKAM_LINK_REASON_UNREACHABLE,
	OCKAM_LINK_REASON_TIMEOUT,
	OCKAM_LINK_REASON_VERSION,
	OCKAM_LINK_REASON_VERSION_TIMEOUT,
	OCKAM_LINK_REASON_FRAME_TIMEOUT,
	OCKAM_LINK_REASON_FRAME_TOO_BIG,
	OCKAM_LINK_REASON_BAD_FRAME,
	OCKAM_LINK_REASON_NO_MEMORY,
	OCKAM_LINK_REASON_NODE_EXIT,
	OCKAM_LINK_REASON_FD_CLOSED,
	OCKAM_LINK_REASON_PARENT_DELETED,
	OCKAM_LINK_REASON_LIMIT,
	OCKAM_LINK_REASON_ERROR,
};

/**
 * enum ockam_role - side of a channel
 * @OCKAM_ROLE_INITIATOR: asked for the channel; its route never changes by
 *   itself
 * @OCKAM_ROLE_RESPONDER: was asked; it learns the route back from what
 *   verifies
 */
enum ockam_role {
	OCKAM_ROLE_INITIATOR = 1,
	OCKAM_ROLE_RESPONDER,
};

/**
 * enum ockam_suite - AEAD of a channel
 * @OCKAM_SUITE_AES256GCM: AES-256-GCM, the one that other Ockam nodes speak
 * @OCKAM_SUITE_CHACHA20POLY1305: ChaCha20-Poly1305
 * @OCKAM_SUITE_AES128GCM: AES-128-GCM; key bytes 16 to 31 must be zero
 */
enum ockam_suite {
	OCKAM_SUITE_AES256GCM = 1,
	OCKAM_SUITE_CHACHA20POLY1305,
	OCKAM_SUITE_AES128GCM,
};

/**
 * enum ockam_channel_state - what a channel can do
 * @OCKAM_CHANNEL_STATE_UP: both directions work
 * @OCKAM_CHANNEL_STATE_STALLED: the peer is too far ahead to follow
 * @OCKAM_CHANNEL_STATE_CLOSED: the peer closed it
 * @OCKAM_CHANNEL_STATE_EXHAUSTED: no nonce is left
 * @OCKAM_CHANNEL_STATE_DEAD: deleted, or its keys are gone
 */
enum ockam_channel_state {
	OCKAM_CHANNEL_STATE_UP,
	OCKAM_CHANNEL_STATE_STALLED,
	OCKAM_CHANNEL_STATE_CLOSED,
	OCKAM_CHANNEL_STATE_EXHAUSTED,
	OCKAM_CHANNEL_STATE_DEAD,
};

/**
 * enum ockam_channel_reason - why a channel does not work any more
 * @OCKAM_CHANNEL_REASON_NONE: it works
 * @OCKAM_CHANNEL_REASON_DELETED: deleted by netlink
 * @OCKAM_CHANNEL_REASON_PEER_CLOSED: the peer closed it
 * @OCKAM_CHANNEL_REASON_EXHAUSTED: no nonce is left
 * @OCKAM_CHANNEL_REASON_NODE_EXIT: the namespace goes away
 * @OCKAM_CHANNEL_REASON_VM_FORK: the virtual machine was forked or resumed
 * @OCKAM_CHANNEL_REASON_STALLED: the peer is too far ahead to follow
 */
enum ockam_channel_reason {
	OCKAM_CHANNEL_REASON_NONE,
	OCKAM_CHANNEL_REASON_DELETED,
	OCKAM_CHANNEL_REASON_PEER_CLOSED,
	OCKAM_CHANNEL_REASON_EXHAUSTED,
	OCKAM_CHANNEL_REASON_NODE_EXIT,
	OCKAM_CHANNEL_REASON_VM_FORK,
	OCKAM_CHANNEL_REASON_STALLED,
};

/**
 * enum ockam_channel_event - what a notification about a channel says
 * @OCKAM_CHANNEL_EVENT_NONE: the channel was made or changed
 * @OCKAM_CHANNEL_EVENT_FIRST_MESSAGE: the first message from the peer has
 *   verified
 * @OCKAM_CHANNEL_EVENT_CLOSE_RECEIVED: the peer closed the channel
 * @OCKAM_CHANNEL_EVENT_NONCE_LIMIT: few nonces are left
 * @OCKAM_CHANNEL_EVENT_STALLED: the peer is too far ahead to follow
 * @OCKAM_CHANNEL_EVENT_AUTH_FAILURES: ciphertexts did not verify
 * @OCKAM_CHANNEL_EVENT_ROUTE_LEARNED: the route to the peer was changed by
 *   what it sent
 * @OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS: the peer sent credentials, to the
 *   worker ockamd.credentials
 */
enum ockam_channel_event {
	OCKAM_CHANNEL_EVENT_NONE,
	OCKAM_CHANNEL_EVENT_FIRST_MESSAGE,
	OCKAM_CHANNEL_EVENT_CLOSE_RECEIVED,
	OCKAM_CHANNEL_EVENT_NONCE_LIMIT,
	OCKAM_CHANNEL_EVENT_STALLED,
	OCKAM_CHANNEL_EVENT_AUTH_FAILURES,
	OCKAM_CHANNEL_EVENT_ROUTE_LEARNED,
	OCKAM_CHANNEL_EVENT_REFRESH_CREDENTIALS,
};

enum {
	OCKAM_A_NODE_PAD = 1,
	OCKAM_A_NODE_FAMILY,
	OCKAM_A_NODE_ABI,
	OCKAM_A_NODE_STALL_MS,
	OCKAM_A_NODE_PARK_LIMIT,
	OCKAM_A_NODE_TXQ_LIMIT,
	OCKAM_A_NODE_MAX_MSG,
	OCKAM_A_NODE_MAX_LINKS,
	OCKAM_A_NODE_MAX_CHANNELS,
	OCKAM_A_NODE_MAX_HOPS,
	OCKAM_A_NODE_REPLY_MS,
	OCKAM_A_NODE_FORWARD,
	OCKAM_A_NODE_LINKS,
	OCKAM_A_NODE_CHANNELS,
	OCKAM_A_NODE_HOPS,
	OCKAM_A_NODE_STATS,
	OCKAM_A_NODE_DROPS,
	OCKAM_A_NODE_HOLD_MS,
	OCKAM_A_NODE_RESERVED,
	OCKAM_A_NODE_MEM_LIMIT,
	OCKAM_A_NODE_MEM_LINKS,
	OCKAM_A_NODE_MEM_QUEUES,
	OCKAM_A_NODE_MACHINE_LIMIT,
	OCKAM_A_NODE_MACHINE_LINKS,
	OCKAM_A_NODE_MACHINE_QUEUES,
	OCKAM_A_NODE_DEAD_MS,

	__OCKAM_A_NODE_MAX,
	OCKAM_A_NODE_MAX = (__OCKAM_A_NODE_MAX - 1)
};

enum {
	OCKAM_A_STATS_PAD = 1,
	OCKAM_A_STATS_SENT,
	OCKAM_A_STATS_DELIVERED,
	OCKAM_A_STATS_FORWARDED,
	OCKAM_A_STATS_LINK_RX,
	OCKAM_A_STATS_LINK_TX,
	OCKAM_A_STATS_ENCRYPTED,
	OCKAM_A_STATS_DECRYPTED,
	OCKAM_A_STATS_PARKED,
	OCKAM_A_STATS_DERIVATIONS,
	OCKAM_A_STATS_HEARTBEATS,
	OCKAM_A_STATS_BINDS_HELD,
	OCKAM_A_STATS_USER_LIMIT,
	OCKAM_A_STATS_MEM_LIMIT,
	OCKAM_A_STATS_GAVE_WAY,
	OCKAM_A_STATS_ACCEPTS_REFUSED,
	OCKAM_A_STATS_ACCEPTS_DISPLACED,
	OCKAM_A_STATS_BAD_VERSIONS,
	OCKAM_A_STATS_VERSION_TIMEOUTS,
	OCKAM_A_STATS_FRAME_TIMEOUTS,
	OCKAM_A_STATS_DEAD_PATHS,

	__OCKAM_A_STATS_MAX,
	OCKAM_A_STATS_MAX = (__OCKAM_A_STATS_MAX - 1)
};

enum {
	OCKAM_A_DROPS_PAD = 1,
	OCKAM_A_DROPS_NO_WORKER,
	OCKAM_A_DROPS_NO_LINK,
	OCKAM_A_DROPS_MALFORMED,
	OCKAM_A_DROPS_ROUTE_TOO_LONG,
	OCKAM_A_DROPS_TOO_MANY_STEPS,
	OCKAM_A_DROPS_TOO_MANY_DECRYPTIONS,
	OCKAM_A_DROPS_TOO_BIG,
	OCKAM_A_DROPS_SCOPE_WORKER,
	OCKAM_A_DROPS_SCOPE_HOP,
	OCKAM_A_DROPS_SCOPE_ENCRYPTOR,
	OCKAM_A_DROPS_SCOPE_DECRYPTOR,
	OCKAM_A_DROPS_SCOPE_FORWARDED,
	OCKAM_A_DROPS_FORWARD_LINK_LINK,
	OCKAM_A_DROPS_FORWARD_CHANNEL_LINK,
	OCKAM_A_DROPS_FORWARD_LINK_CHANNEL,
	OCKAM_A_DROPS_FORWARD_CHANNEL_CHANNEL,
	OCKAM_A_DROPS_PARK_LIMIT,
	OCKAM_A_DROPS_STALLED,
	OCKAM_A_DROPS_NO_MEMORY,
	OCKAM_A_DROPS_FILTERED,
	OCKAM_A_DROPS_QUEUE_FULL,
	OCKAM_A_DROPS_REPLAYED,
	OCKAM_A_DROPS_TOO_OLD,
	OCKAM_A_DROPS_TOO_FAR,
	OCKAM_A_DROPS_AUTH_FAILED,
	OCKAM_A_DROPS_SHORT,
	OCKAM_A_DROPS_BAD_PLAINTEXT,
	OCKAM_A_DROPS_CHANNEL_CLOSED,
	OCKAM_A_DROPS_NO_KEY,
	OCKAM_A_DROPS_LINK_DOWN,
	OCKAM_A_DROPS_BAD_FRAME,
	OCKAM_A_DROPS_FRAME_TOO_BIG,
	OCKAM_A_DROPS_HANDSHAKE_FULL,
	OCKAM_A_DROPS_NAME_GONE,
	OCKAM_A_DROPS_NODE_DYING,
	OCKAM_A_DROPS_POLICY,
	OCKAM_A_DROPS_SCOPE_LINK,
	OCKAM_A_DROPS_BAD_PIECE,
	OCKAM_A_DROPS_PIECE_TWICE,
	OCKAM_A_DROPS_PIECE_LOST,
	OCKAM_A_DROPS_UDP_TARGET,
	OCKAM_A_DROPS_UDP_SEND,
	OCKAM_A_DROPS_UNPROVEN,
	OCKAM_A_DROPS_MEM_LIMIT,

	__OCKAM_A_DROPS_MAX,
	OCKAM_A_DROPS_MAX = (__OCKAM_A_DROPS_MAX - 1)
};

enum {
	OCKAM_A_WORKER_PAD = 1,
	OCKAM_A_WORKER_ADDRESS,
	OCKAM_A_WORKER_UID,
	OCKAM_A_WORKER_INODE,
	OCKAM_A_WORKER_SCOPE,
	OCKAM_A_WORKER_QUEUED,
	OCKAM_A_WORKER_PARKED,
	OCKAM_A_WORKER_DROPS,
	OCKAM_A_WORKER_HANDSHAKE,
	OCKAM_A_WORKER_HELD,
	OCKAM_A_WORKER_HELD_MS,

	__OCKAM_A_WORKER_MAX,
	OCKAM_A_WORKER_MAX = (__OCKAM_A_WORKER_MAX - 1)
};

enum {
	OCKAM_A_LINK_PAD = 1,
	OCKAM_A_LINK_ID,
	OCKAM_A_LINK_KIND,
	OCKAM_A_LINK_MODE,
	OCKAM_A_LINK_NAME,
	OCKAM_A_LINK_ENDPOINT,
	OCKAM_A_LINK_STATE,
	OCKAM_A_LINK_REASON,
	OCKAM_A_LINK_ERROR,
	OCKAM_A_LINK_PARENT,
	OCKAM_A_LINK_LOCAL_IP,
	OCKAM_A_LINK_LOCAL_PORT,
	OCKAM_A_LINK_LOCAL_SCOPE_ID,
	OCKAM_A_LINK_REMOTE_IP,
	OCKAM_A_LINK_REMOTE_PORT,
	OCKAM_A_LINK_REMOTE_SCOPE_ID,
	OCKAM_A_LINK_FD,
	OCKAM_A_LINK_RECONNECT_MIN_MS,
	OCKAM_A_LINK_RECONNECT_MAX_MS,
	OCKAM_A_LINK_MAX_ACCEPTED,
	OCKAM_A_LINK_FRAME_MS,
	OCKAM_A_LINK_CHILDREN,
	OCKAM_A_LINK_TXQ_BYTES,
	OCKAM_A_LINK_PARKED_BYTES,
	OCKAM_A_LINK_RX_MSGS,
	OCKAM_A_LINK_RX_BYTES,
	OCKAM_A_LINK_TX_MSGS,
	OCKAM_A_LINK_TX_BYTES,
	OCKAM_A_LINK_CONNECTS,
	OCKAM_A_LINK_ATTEMPTS,
	OCKAM_A_LINK_SEND_UIDS,
	OCKAM_A_LINK_SEND_GIDS,
	OCKAM_A_LINK_DEAD_MS,
	OCKAM_A_LINK_SILENT_MS,
	OCKAM_A_LINK_UDP_FORM,

	__OCKAM_A_LINK_MAX,
	OCKAM_A_LINK_MAX = (__OCKAM_A_LINK_MAX - 1)
};

enum {
	OCKAM_A_CHANNEL_PAD = 1,
	OCKAM_A_CHANNEL_ID,
	OCKAM_A_CHANNEL_STATE,
	OCKAM_A_CHANNEL_REASON,
	OCKAM_A_CHANNEL_EVENT,
	OCKAM_A_CHANNEL_ROLE,
	OCKAM_A_CHANNEL_SUITE,
	OCKAM_A_CHANNEL_ENCRYPTOR,
	OCKAM_A_CHANNEL_DECRYPTOR,
	OCKAM_A_CHANNEL_HANDSHAKE_FD,
	OCKAM_A_CHANNEL_ROUTE,
	OCKAM_A_CHANNEL_CARRIER_KIND,
	OCKAM_A_CHANNEL_CARRIER,
	OCKAM_A_CHANNEL_TX_KEY,
	OCKAM_A_CHANNEL_RX_KEY,
	OCKAM_A_CHANNEL_TX_NONCE,
	OCKAM_A_CHANNEL_RX_NONCE,
	OCKAM_A_CHANNEL_IDENTIFIER,
	OCKAM_A_CHANNEL_OWNER,
	OCKAM_A_CHANNEL_MODE,
	OCKAM_A_CHANNEL_PINNED,
	OCKAM_A_CHANNEL_EARLY_OF,
	OCKAM_A_CHANNEL_SUCCEEDS,
	OCKAM_A_CHANNEL_QUIET,
	OCKAM_A_CHANNEL_RX_MSGS,
	OCKAM_A_CHANNEL_RX_BYTES,
	OCKAM_A_CHANNEL_TX_MSGS,
	OCKAM_A_CHANNEL_TX_BYTES,
	OCKAM_A_CHANNEL_AUTH_FAILED,
	OCKAM_A_CHANNEL_REPLAYED,
	OCKAM_A_CHANNEL_DERIVATIONS,
	OCKAM_A_CHANNEL_CREDENTIALS,

	__OCKAM_A_CHANNEL_MAX,
	OCKAM_A_CHANNEL_MAX = (__OCKAM_A_CHANNEL_MAX - 1)
};

enum {
	OCKAM_A_HOP_PAD = 1,
	OCKAM_A_HOP_ID,
	OCKAM_A_HOP_ADDRESS,
	OCKAM_A_HOP_SCOPE,
	OCKAM_A_HOP_ROUTE,
	OCKAM_A_HOP_MSGS,

	__OCKAM_A_HOP_MAX,
	OCKAM_A_HOP_MAX = (__OCKAM_A_HOP_MAX - 1)
};

enum {
	OCKAM_A_POLICY_PAD = 1,
	OCKAM_A_POLICY_ID,
	OCKAM_A_POLICY_WORKER,
	OCKAM_A_POLICY_LINK,
	OCKAM_A_POLICY_CHANNEL,
	OCKAM_A_POLICY_FD,
	OCKAM_A_POLICY_REPLACE,
	OCKAM_A_POLICY_OWN,
	OCKAM_A_POLICY_PROGRAM,
	OCKAM_A_POLICY_TAG,
	OCKAM_A_POLICY_RUNS,
	OCKAM_A_POLICY_DROPS,

	__OCKAM_A_POLICY_MAX,
	OCKAM_A_POLICY_MAX = (__OCKAM_A_POLICY_MAX - 1)
};

enum {
	OCKAM_CMD_CHANNEL_NEW = 1,
	OCKAM_CMD_NODE_GET,
	OCKAM_CMD_NODE_SET,
	OCKAM_CMD_NODE_NTF,
	OCKAM_CMD_WORKER_GET,
	OCKAM_CMD_LINK_NEW,
	OCKAM_CMD_LINK_GET,
	OCKAM_CMD_LINK_SET,
	OCKAM_CMD_LINK_DEL,
	OCKAM_CMD_LINK_FLUSH,
	OCKAM_CMD_LINK_NTF,
	OCKAM_CMD_LINK_DEL_NTF,
	OCKAM_CMD_CHANNEL_GET,
	OCKAM_CMD_CHANNEL_SET,
	OCKAM_CMD_CHANNEL_DEL,
	OCKAM_CMD_CHANNEL_FLUSH,
	OCKAM_CMD_CHANNEL_NTF,
	OCKAM_CMD_CHANNEL_DEL_NTF,
	OCKAM_CMD_HOP_NEW,
	OCKAM_CMD_HOP_GET,
	OCKAM_CMD_HOP_DEL,
	OCKAM_CMD_HOP_FLUSH,
	OCKAM_CMD_HOP_NTF,
	OCKAM_CMD_HOP_DEL_NTF,
	OCKAM_CMD_POLICY_NEW,
	OCKAM_CMD_POLICY_GET,
	OCKAM_CMD_POLICY_DEL,
	OCKAM_CMD_POLICY_NTF,
	OCKAM_CMD_POLICY_DEL_NTF,
	OCKAM_CMD_HOP_SET,

	__OCKAM_CMD_MAX,
	OCKAM_CMD_MAX = (__OCKAM_CMD_MAX - 1)
};

#define OCKAM_MCGRP_LINK	"link"
#define OCKAM_MCGRP_CHANNEL	"channel"
#define OCKAM_MCGRP_HOP		"hop"
#define OCKAM_MCGRP_NODE	"node"
#define OCKAM_MCGRP_POLICY	"policy"

#endif /* _UAPI_LINUX_OCKAM_NETLINK_H */
