/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * AF_OCKAM: sockets for Ockam's end-to-end encrypted, multi-hop messages.
 *
 * A worker is a bound SOCK_DGRAM socket.  A message carries an onward route
 * and a return route, each a list of addresses (a type and some bytes).
 * Documentation/ockam.rst describes the calls.
 */
#ifndef _UAPI_LINUX_OCKAM_H
#define _UAPI_LINUX_OCKAM_H

#include <linux/types.h>

/*
 * No number can be added to the kernel's list by a module, so the default
 * is a slot which no kernel has ever used (AF_ASH).  The number in force is
 * a parameter of the module, and node-get reports it.
 */
#ifndef AF_OCKAM
#define AF_OCKAM	18
#define PF_OCKAM	AF_OCKAM
#endif

/* Private level for getsockopt(), setsockopt() and control messages. */
#ifndef SOL_OCKAM
#define SOL_OCKAM	1018
#endif

/* Transport types of addresses, as Ockam numbers them. */
#define OCKAM_TYPE_LOCAL	0
#define OCKAM_TYPE_TCP		1
#define OCKAM_TYPE_UDP		2

#define OCKAM_ADDR_MAX		255	/* bytes in one address */
#define OCKAM_HOPS_MAX		64	/* addresses in one route */
#define OCKAM_ROUTE_MAX		4096	/* bytes in one route, flat form */
#define OCKAM_IDENTIFIER_LEN	32	/* bytes in an identity's identifier */
#define OCKAM_NAME_LEN		16	/* longest name the kernel makes up */
#define OCKAM_RANDOM_LEN	32	/* hex digits of a random address */
/* Worker that gets what peers of channels send as RefreshCredentials. */
#define OCKAM_CREDENTIALS_WORKER	"ockamd.credentials"
#define OCKAM_MSG_DEFAULT	(1U << 20)	/* default largest payload */
#define OCKAM_MSG_MAX		(1U << 24)	/* largest payload at all */

#define OCKAM_SOCKADDR_HOPS	124

/**
 * enum ockam_addr_flags - flags of struct sockaddr_ockam
 * @OCKAM_ADDR_TRUNCATED: the route did not fit; only ever set by the kernel
 * @OCKAM_ADDR_TOKEN: sok_hops holds a __u64 token in host order
 */
enum ockam_addr_flags {
	OCKAM_ADDR_TRUNCATED	= 1 << 0,
	OCKAM_ADDR_TOKEN	= 1 << 1,
};

/**
 * struct sockaddr_ockam - a route, or one address, in a socket call
 * @sok_family: AF_OCKAM (or the number the module was loaded with)
 * @sok_flags: enum ockam_addr_flags, other bits must be 0
 * @sok_nhops: number of hops in @sok_hops; with OCKAM_ADDR_TOKEN, of the
 *	route that the token stands for
 * @sok_hops: the hops one after another, each a type (u8), a length (u8) and
 *	that many bytes; whatever follows the last one is ignored
 *
 * The kernel takes any length from offsetof(sok_hops) on that holds the hops, so
 * both sizeof() and an exact length work, also with a buffer that had another
 * address before.  What it gives has its natural length, offsetof(sok_hops) and the
 * bytes of the hops, or of the token: what is behind that was not written.
 */
struct sockaddr_ockam {
	__u16	sok_family;
	__u8	sok_flags;
	__u8	sok_nhops;
	__u8	sok_hops[OCKAM_SOCKADDR_HOPS];
};

/**
 * enum ockam_sockopt - options at level SOL_OCKAM
 * @OCKAM_RECV_ONWARD: int, receive what is left of the onward route with
 *	each message (control message OCKAM_CMSG_ONWARD)
 * @OCKAM_RECV_RETURN: int, receive the full return route
 *	(OCKAM_CMSG_RETURN)
 * @OCKAM_RECV_TOKEN: int, receive a token for each message
 *	(OCKAM_CMSG_TOKEN)
 * @OCKAM_RECV_PEER: int, receive the origin of each message
 *	(OCKAM_CMSG_PEER)
 * @OCKAM_ACCEPT: struct ockam_accept, who may reach this worker
 * @OCKAM_BIND: one hop in flat form; as bind(), for addresses too long for
 *	struct sockaddr_ockam.  getsockopt() gives the bound address
 * @OCKAM_HANDSHAKE: int, 1 puts a bound socket into handshake mode, in which
 *	each received message is followed by none until OCKAM_NEXT
 * @OCKAM_NEXT: int (ignored), lets one more message through in handshake
 *	mode; write only
 * @OCKAM_MAX_MSG: int, largest payload this socket sends, up to the node's
 *	limit
 * @OCKAM_POLICY: int, descriptor of a policy program (struct
 *	ockam_policy_ctx) that looks at what is delivered here, in place of an
 *	earlier one; -1: none.  EPERM where an administrator has put one.
 *	getsockopt() gives the program's id, or 0
 */
enum ockam_sockopt {
	OCKAM_RECV_ONWARD	= 1,
	OCKAM_RECV_RETURN	= 2,
	OCKAM_RECV_TOKEN	= 3,
	OCKAM_RECV_PEER		= 4,
	OCKAM_ACCEPT		= 5,
	OCKAM_BIND		= 6,
	OCKAM_HANDSHAKE		= 7,
	OCKAM_NEXT		= 8,
	OCKAM_MAX_MSG		= 9,
	OCKAM_POLICY		= 10,
};

/**
 * enum ockam_cmsg - control messages at level SOL_OCKAM
 * @OCKAM_CMSG_ONWARD: struct ockam_route; sent: the onward route, instead of
 *	msg_name; received: what is left of it behind the own address
 * @OCKAM_CMSG_RETURN: struct ockam_route; sent: a return route of the
 *	sender's making (the message's origin becomes *forwarded*); received:
 *	the whole return route
 * @OCKAM_CMSG_TOKEN: struct ockam_token; received: names this message;
 *	sent: pass the named message's return route and origin on
 * @OCKAM_CMSG_PEER: struct ockam_peer; received only
 */
enum ockam_cmsg {
	OCKAM_CMSG_ONWARD	= 1,
	OCKAM_CMSG_RETURN	= 2,
	OCKAM_CMSG_TOKEN	= 3,
	OCKAM_CMSG_PEER		= 4,
};

/**
 * struct ockam_route - a route in a control message
 * @len: bytes of the whole route in flat form, also when it was cut
 * @nhops: hops of the whole route
 * @flags: must be 0
 * @hops: the hops, as in struct sockaddr_ockam
 */
struct ockam_route {
	__u16	len;
	__u8	nhops;
	__u8	flags;
	__u8	hops[];
};

/**
 * enum ockam_token_flags - what a send with a token does
 * @OCKAM_TOKEN_FORWARD: put the own address in front of the return route,
 *	as a forwarding worker does
 * @OCKAM_TOKEN_VERBATIM: leave the return route as it is, as relays and
 *	listeners do
 */
enum ockam_token_flags {
	OCKAM_TOKEN_FORWARD	= 1 << 0,
	OCKAM_TOKEN_VERBATIM	= 1 << 1,
};

/**
 * struct ockam_token - names a received message on the socket it came to
 * @token: the name; ESTALE once the socket has forgotten it
 * @flags: received 0; sent exactly one of enum ockam_token_flags
 * @reserved: 0
 */
struct ockam_token {
	__u64	token;
	__u32	flags;
	__u32	reserved;
};

/**
 * enum ockam_origin - where a message entered this node
 * @OCKAM_ORIGIN_LOCAL: a socket of this node sent it
 * @OCKAM_ORIGIN_LINK: it came over a plain link
 * @OCKAM_ORIGIN_CHANNEL: it came through a secure channel
 */
enum ockam_origin {
	OCKAM_ORIGIN_LOCAL	= 1,
	OCKAM_ORIGIN_LINK	= 2,
	OCKAM_ORIGIN_CHANNEL	= 3,
};

/**
 * enum ockam_peer_flags - flags of struct ockam_peer
 * @OCKAM_PEER_FORWARDED: a program of this node wrote the return route
 * @OCKAM_PEER_EARLY: early data of a key agreement whose responder has not
 *	answered yet: it may have been read by a thief of the responder's keys
 * @OCKAM_PEER_PASSED_ON: a program of this node passed it on with a token: the
 *	origin is that of what the program received, the payload is the program's
 * @OCKAM_PEER_LENT: the socket was opened by another uid or gid (effective,
 *	as @uid and @gid of struct ockam_peer are) than sends, one without
 *	CAP_NET_ADMIN over the node: who sends may not know where its output
 *	goes, so grant it nothing for its uid or gid
 */
enum ockam_peer_flags {
	OCKAM_PEER_FORWARDED	= 1 << 0,
	OCKAM_PEER_EARLY	= 1 << 1,
	OCKAM_PEER_PASSED_ON	= 1 << 2,
	OCKAM_PEER_LENT		= 1 << 3,
};

/**
 * struct ockam_peer_channel - one channel a message came through
 * @channel: its id
 * @identifier: the peer's verified identifier
 */
struct ockam_peer_channel {
	__u32	channel;
	__u8	identifier[OCKAM_IDENTIFIER_LEN];
};

/**
 * struct ockam_peer - the origin of a message
 * @origin: enum ockam_origin
 * @flags: enum ockam_peer_flags
 * @nchannels: channels in @channels, innermost first; 0 unless @origin is
 *	OCKAM_ORIGIN_CHANNEL
 * @reserved: 0
 * @link: id of the link it arrived on, 0 if it never left this node
 * @pid: sending process, in the reader's pid namespace; local origin only
 * @uid: effective uid of the sender, in the reader's user namespace;
 *	local origin only
 * @gid: effective gid of the sender, likewise
 * @channels: the channels it came through
 */
struct ockam_peer {
	__u8	origin;
	__u8	flags;
	__u8	nchannels;
	__u8	reserved;
	__u32	link;
	__u32	pid;
	__u32	uid;
	__u32	gid;
	struct ockam_peer_channel channels[];
};

/**
 * enum ockam_accept_scope - who may reach a worker
 * @OCKAM_ACCEPT_LOCAL: sockets of this node; always set
 * @OCKAM_ACCEPT_LINKS: whatever comes over a plain link
 * @OCKAM_ACCEPT_CHANNELS: any verified peer of a channel
 * @OCKAM_ACCEPT_IDS: the listed identifiers, through a channel
 * @OCKAM_ACCEPT_FORWARDED: messages whose return route a program wrote
 */
enum ockam_accept_scope {
	OCKAM_ACCEPT_LOCAL	= 1 << 0,
	OCKAM_ACCEPT_LINKS	= 1 << 1,
	OCKAM_ACCEPT_CHANNELS	= 1 << 2,
	OCKAM_ACCEPT_IDS	= 1 << 3,
	OCKAM_ACCEPT_FORWARDED	= 1 << 4,
};

#define OCKAM_ACCEPT_MAX_IDS	256

/**
 * struct ockam_id_range - users or groups (netlink: send-uids, send-gids)
 * @first: first id
 * @last: last id, not below the first
 */
struct ockam_id_range {
	__u32	first;
	__u32	last;
};

/**
 * struct ockam_accept - value of the OCKAM_ACCEPT option
 * @scope: enum ockam_accept_scope, or'ed
 * @nids: identifiers in @ids; 0 unless OCKAM_ACCEPT_IDS is set
 * @ids: identifiers, OCKAM_IDENTIFIER_LEN bytes each
 */
struct ockam_accept {
	__u32	scope;
	__u32	nids;
	__u8	ids[][OCKAM_IDENTIFIER_LEN];
};

/*
 * What a policy program returns to let a message pass.  Whatever else it
 * returns drops the message, also what socket filters return by habit: 0, 1,
 * -1, or the length.
 */
#define OCKAM_POLICY_PASS	0x6f6b

/**
 * enum ockam_policy_place - what a policy program is attached to
 * @OCKAM_POLICY_AT_WORKER: a socket: runs on what is delivered to it
 * @OCKAM_POLICY_AT_LINK: a link: runs on what it brings and what leaves by it
 * @OCKAM_POLICY_AT_CHANNEL: a channel: runs on what is to be encrypted and on
 *	what was decrypted
 */
enum ockam_policy_place {
	OCKAM_POLICY_AT_WORKER	= 1,
	OCKAM_POLICY_AT_LINK	= 2,
	OCKAM_POLICY_AT_CHANNEL	= 3,
};

/**
 * enum ockam_policy_direction - which way a message goes
 * @OCKAM_POLICY_IN: to the worker; from the link or channel into this node
 * @OCKAM_POLICY_OUT: from this node, of local origin, into the link or channel
 * @OCKAM_POLICY_TRANSIT: as OUT, but it came into this node from elsewhere
 */
enum ockam_policy_direction {
	OCKAM_POLICY_IN		= 1,
	OCKAM_POLICY_OUT	= 2,
	OCKAM_POLICY_TRANSIT	= 3,
};

/**
 * enum ockam_policy_flags - flags of struct ockam_policy_ctx
 * @OCKAM_POLICY_SEALED: a channel of this node will encrypt the message before
 *	it gets here, so its payload is not shown
 */
enum ockam_policy_flags {
	OCKAM_POLICY_SEALED	= 1 << 0,
};

/**
 * struct ockam_policy_ctx - what a policy program is told about a message
 * @size: bytes of this structure; the payload is behind it.  Later releases
 *	append fields, so use @size, not sizeof(), to find the payload
 * @place: enum ockam_policy_place
 * @direction: enum ockam_policy_direction
 * @origin: enum ockam_origin
 * @peer_flags: enum ockam_peer_flags
 * @nchannels: channels that it came through
 * @flags: enum ockam_policy_flags
 * @object: id of the link or channel the program is attached to, 0 for workers
 * @link: id of the link it arrived on, 0 if it never left this node
 * @channel: id of the innermost channel it came through, or 0
 * @uid: effective uid of the sender, in the node's user namespace; all ones
 *	unless @origin is OCKAM_ORIGIN_LOCAL
 * @gid: effective gid of the sender, likewise
 * @len: bytes of payload
 * @shown: bytes of payload that can be read here
 * @onward_len: bytes of the onward route behind this place, in flat form
 * @onward_hops: hops of it
 * @return_len: bytes of the return route
 * @return_hops: hops of it
 * @identifier: verified identifier of the innermost channel's peer, or zeros
 *
 * A policy program is a BPF program of type BPF_PROG_TYPE_SOCKET_FILTER.  The
 * packet that it sees begins with this structure, in host byte order: read it
 * with bpf_skb_load_bytes(), since LD_ABS swaps bytes.
 */
struct ockam_policy_ctx {
	__u16	size;
	__u8	place;
	__u8	direction;
	__u8	origin;
	__u8	peer_flags;
	__u8	nchannels;
	__u8	flags;
	__u32	object;
	__u32	link;
	__u32	channel;
	__u32	uid;
	__u32	gid;
	__u32	len;
	__u32	shown;
	__u16	onward_len;
	__u16	onward_hops;
	__u16	return_len;
	__u16	return_hops;
	__u8	identifier[OCKAM_IDENTIFIER_LEN];
};

#endif /* _UAPI_LINUX_OCKAM_H */
