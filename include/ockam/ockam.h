/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * libockam: routes as text, small helpers around AF_OCKAM sockets, and secure
 * channels by way of ockamd.
 *
 * Programs may use plain sockets instead of the helpers.  Functions that return
 * int or ssize_t return -1 on failure with errno set; ockam_error() then has
 * words for it.
 */
#ifndef OCKAM_OCKAM_H
#define OCKAM_OCKAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <linux/ockam.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ockam_path - a route in flat form
 * @len: bytes in @hops
 * @nhops: addresses in @hops
 * @hops: for each address its type, its length and its bytes
 */
struct ockam_path {
	uint16_t len;
	uint8_t nhops;
	uint8_t hops[OCKAM_ROUTE_MAX];
};

/**
 * ockam_error() - what went wrong last in this thread, in words
 *
 * Return: a text, never NULL; valid until the next call into the library.
 */
const char *ockam_error(void);

/* ---- routes ---- */

/**
 * ockam_path_parse() - read a route such as "1#10.0.0.2:4000 => echoer"
 * @path: the route
 * @text: addresses separated by "=>"; an address is TYPE#BYTES, type 0 if
 *	absent, with \\xNN for bytes that text cannot hold
 */
int ockam_path_parse(struct ockam_path *path, const char *text);

/* Adds the addresses of @text, or of @tail, behind those of @path. */
int ockam_path_append(struct ockam_path *path, const char *text);
int ockam_path_join(struct ockam_path *path, const struct ockam_path *tail);

/**
 * ockam_path_print() - write a route as text
 * @path: the route
 * @text: room for the text
 * @size: bytes there
 *
 * Return: bytes of the whole text without the final 0, as snprintf() counts,
 * or -1 if @path is no route.
 */
int ockam_path_print(const struct ockam_path *path, char *text, size_t size);

/**
 * ockam_sockaddr() - a route as a socket address
 * @addr: the address
 * @text: the route
 *
 * Fails with EMSGSIZE if it does not fit, see ockam_send().
 */
int ockam_sockaddr(struct sockaddr_ockam *addr, const char *text);

/* ---- sockets ---- */

/* Number of the socket family on this machine. */
int ockam_family(void);

/* A datagram socket, closed on exec(). */
int ockam_socket(void);

/* Binds to one local address; NULL or "" gives a random one. */
int ockam_bind(int fd, const char *address);

/* Writes the address that a socket is bound to, as ockam_path_print() does. */
int ockam_name(int fd, char *text, size_t size);

/* Sends a message along a route, as text or in flat form, of any length. */
ssize_t ockam_send(int fd, const char *route, const void *buf, size_t len);
ssize_t ockam_send_path(int fd, const struct ockam_path *route,
			const void *buf, size_t len);

/*
 * The same with a return route of the caller's making.  By default workers do
 * not accept such messages, see OCKAM_ACCEPT_FORWARDED.
 */
ssize_t ockam_send_as(int fd, const struct ockam_path *route,
		      const struct ockam_path *ret, const void *buf,
		      size_t len);

#define OCKAM_CHANNELS_MAX	8

/**
 * struct ockam_sender - where a message entered this node
 * @origin: enum ockam_origin
 * @flags: enum ockam_peer_flags
 * @nchannels: channels it came through
 * @link: id of the link, 0 if there is none
 * @pid: sending process, like @uid and @gid for local origin only
 * @uid: its effective uid
 * @gid: its effective gid
 */
struct ockam_sender {
	uint8_t origin;
	uint8_t flags;
	uint8_t nchannels;
	uint32_t link;
	uint32_t pid;
	uint32_t uid;
	uint32_t gid;
};

/**
 * struct ockam_info - what is known about a received message
 * @from: where to send the answer; works for every route
 * @flags: MSG_TRUNC and the like
 * @has_onward: @onward is filled (OCKAM_RECV_ONWARD)
 * @has_ret: @ret is filled (OCKAM_RECV_RETURN, or the route fits in @from)
 * @has_token: @token is filled (OCKAM_RECV_TOKEN)
 * @has_peer: @peer is filled (OCKAM_RECV_PEER)
 * @token: names the message in this socket
 * @peer: its origin
 * @channels: the channels it came through, innermost first,
 *	@peer.nchannels of them
 * @onward: what is left of the onward route behind the own address
 * @ret: the return route
 */
struct ockam_info {
	struct sockaddr_ockam from;
	int flags;
	bool has_onward;
	bool has_ret;
	bool has_token;
	bool has_peer;
	uint64_t token;
	struct ockam_sender peer;
	struct ockam_peer_channel channels[OCKAM_CHANNELS_MAX];
	struct ockam_path onward;
	struct ockam_path ret;
};

/* Which of OCKAM_RECV_... to receive: an or of 1 << option. */
int ockam_want(int fd, unsigned int options);

/**
 * ockam_recv() - receive a message and what is known about it
 * @fd: socket
 * @buf: room for the message
 * @len: bytes there
 * @info: filled; may be NULL
 * @flags: as for recvmsg()
 */
ssize_t ockam_recv(int fd, void *buf, size_t len, struct ockam_info *info,
		   int flags);

/* Answers a message. */
ssize_t ockam_reply(int fd, const struct ockam_info *info, const void *buf,
		    size_t len);

/**
 * ockam_forward() - pass a message on along the rest of its route
 * @fd: socket that received it, with OCKAM_RECV_ONWARD and OCKAM_RECV_TOKEN
 * @info: from ockam_recv()
 * @buf: payload
 * @len: its length
 *
 * The own address comes to the front of the return route, so that answers pass
 * here too.
 */
ssize_t ockam_forward(int fd, const struct ockam_info *info, const void *buf,
		      size_t len);

/* Who may reach this worker: enum ockam_accept_scope, and identifiers. */
int ockam_accept(int fd, unsigned int scope,
		 const uint8_t ids[][OCKAM_IDENTIFIER_LEN], size_t n);

/**
 * ockam_policy_attach() - let a BPF program refuse what this worker would get
 * @fd: the worker
 * @program: descriptor of a program of type socket filter, in place of an
 *	earlier one; -1: none any more
 *
 * It may be closed afterwards.  What it sees and returns: struct
 * ockam_policy_ctx.  EPERM where an administrator has attached one.
 */
int ockam_policy_attach(int fd, int program);

/* ---- identifiers ---- */

#define OCKAM_IDENTIFIER_TEXT	(1 + 2 * OCKAM_IDENTIFIER_LEN + 1)

/* "I" and 64 hexadecimal digits. */
int ockam_identifier_parse(const char *text, uint8_t id[OCKAM_IDENTIFIER_LEN]);
void ockam_identifier_print(const uint8_t id[OCKAM_IDENTIFIER_LEN],
			    char text[OCKAM_IDENTIFIER_TEXT]);

/* ---- secure channels ---- */

/* The default of ockamd's uid: root. */
#define OCKAM_DAEMON_ROOT	((uid_t)0)

/**
 * struct ockam_secure_channel_options - how to make channels
 * @identity: name of the identity to use, NULL for "default"
 * @trust: which peers to accept: the word "anyone", or identifiers as text and
 *	rules "authority IDENTIFIER NAME=VALUE", for peers that present a
 *	credential of that authority with that attribute; ends with NULL. There
 *	is no default
 * @handshake: NULL or "xx"; "x3dh": the channel sends as soon as it has the
 *	peer's bundle; "x3dh-mailbox": likewise, but the route leads to a prekey
 *	service, and @trust names the peer, which may be away; "x3dh-one-time":
 *	that, and never without a one-time prekey. Of a listener "xx", "x3dh" or
 *	"both"
 * @timeout_ms: for the whole handshake, 0 for 30 s
 * @daemon_uid: ockamd's uid beside root; 0: root's only, or whom the first of these
 *	files names, which has to be root's: /etc/ockam/daemon-user,
 *	/usr/lib/ockam/daemon-user, /usr/local/lib/ockam/daemon-user.  Nobody else
 *	gets the request
 * @shared: the channel may be used by every uid of this node
 *
 * To be initialised with zeros, which later members take as their default.
 */
struct ockam_secure_channel_options {
	const char *identity;
	const char *const *trust;
	const char *handshake;
	unsigned int timeout_ms;
	uid_t daemon_uid;
	bool shared;
	uint64_t reserved[8];
};

/**
 * struct ockam_secure_channel - a channel
 * @address: its encryptor, as text: the first hop of routes through it
 * @id: its number in the kernel
 * @peer: the peer's verified identifier
 * @peer_text: the same as text
 */
struct ockam_secure_channel {
	char address[80];
	uint32_t id;
	uint8_t peer[OCKAM_IDENTIFIER_LEN];
	char peer_text[OCKAM_IDENTIFIER_TEXT];
};

/**
 * ockam_secure_channel_create_listener() - accept secure channels
 * @address: local address that peers name in their route; if the caller's uid
 *	has a listener there, that one is changed, so a program that was
 *	started again finds no remains of itself in its way
 * @options: see above
 *
 * Returns when the listener works. It belongs to the caller's uid and stays
 * until ockam_secure_channel_delete_listener() or the end of ockamd.
 */
int ockam_secure_channel_create_listener(
	const char *address,
	const struct ockam_secure_channel_options *options);

int ockam_secure_channel_delete_listener(
	const char *address,
	const struct ockam_secure_channel_options *options);

/**
 * ockam_secure_channel_create() - make a secure channel
 * @route: to the peer's listener
 * @options: see above
 * @channel: the channel, which belongs to the caller's uid
 *
 * Returns when the peer was verified and the channel is ready.
 */
int ockam_secure_channel_create(
	const char *route, const struct ockam_secure_channel_options *options,
	struct ockam_secure_channel *channel);

/* Ends a channel of the caller's uid; the peer is told. */
int ockam_secure_channel_delete(
	const struct ockam_secure_channel *channel,
	const struct ockam_secure_channel_options *options);

#ifdef __cplusplus
}
#endif

#endif /* OCKAM_OCKAM_H */
