// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Helpers around AF_OCKAM sockets. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "error.h"
#include "nl.h"
#include "text.h"

#define ROUTE_SPACE	CMSG_SPACE(sizeof(struct ockam_route) + OCKAM_ROUTE_MAX)
#define PEER_SPACE	CMSG_SPACE(sizeof(struct ockam_peer) + \
				   32 * sizeof(struct ockam_peer_channel))

/* What the module was loaded with, as far as it can be asked. */
static int ask_family(void)
{
	struct ockam_nl_node node = { 0 };
	int family = AF_OCKAM;
	struct ockam_nl *nl;

	if (ockam_nl_open(&nl))
		return AF_OCKAM;
	if (!ockam_nl_node_get(nl, &node) &&
	    ockam_nl_has(&node, OCKAM_A_NODE_FAMILY))
		family = node.family;
	ockam_nl_close(nl);
	return family;
}

int ockam_family(void)
{
	static atomic_int cached;
	int saved = errno;

	if (!cached)
		cached = ask_family();
	errno = saved;
	return cached;
}

int ockam_socket(void)
{
	int fd = socket(ockam_family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		return fd;
	if (errno == EAFNOSUPPORT)
		return ockam_fail(errno, "the module ockam is not loaded");
	return ockam_fail(errno, "socket: %s", strerror(errno));
}

static int bind_random(int fd)
{
	sa_family_t family = ockam_family();

	if (bind(fd, (const struct sockaddr *)&family, sizeof(family)))
		return ockam_fail(errno, "bind: %s", strerror(errno));
	return 0;
}

int ockam_bind(int fd, const char *address)
{
	uint8_t hop[2 + OCKAM_ADDR_MAX];
	struct ockam_text_error bad;
	size_t len;
	int err;

	if (!address || !*address)
		return bind_random(fd);
	err = ockam_text_parse_address(address, hop, sizeof(hop), &len, &bad);
	if (err < 0)
		return ockam_fail(-err, "address \"%.200s\", byte %zu: %s",
				  address, bad.at, bad.what);
	if (setsockopt(fd, SOL_OCKAM, OCKAM_BIND, hop, len))
		return ockam_fail(errno, "bind to %.200s: %s", address,
				  strerror(errno));
	return 0;
}

int ockam_name(int fd, char *text, size_t size)
{
	uint8_t hop[2 + OCKAM_ADDR_MAX];
	socklen_t len = sizeof(hop);

	if (getsockopt(fd, SOL_OCKAM, OCKAM_BIND, hop, &len))
		return ockam_fail(errno, "address of a socket: %s",
				  strerror(errno));
	if (!len)
		return ockam_fail(ENOTCONN, "the socket is not bound");
	return ockam_text_print_route(hop, len, text, size);
}

/* One control message behind those which are there already. */
static void *add_cmsg(struct msghdr *msg, int type, size_t len)
{
	struct cmsghdr *cmsg;

	cmsg = (void *)((char *)msg->msg_control + msg->msg_controllen);
	cmsg->cmsg_level = SOL_OCKAM;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	msg->msg_controllen += CMSG_SPACE(len);
	return CMSG_DATA(cmsg);
}

static void add_route(struct msghdr *msg, int type,
		      const struct ockam_path *path)
{
	struct ockam_route head = { .len = path->len, .nhops = path->nhops };
	uint8_t *data = add_cmsg(msg, type, sizeof(head) + path->len);

	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), path->hops, path->len);
}

static ssize_t send_with(int fd, const struct ockam_path *route,
			 const struct ockam_path *ret,
			 const struct ockam_token *token, const void *buf,
			 size_t len)
{
	_Alignas(struct cmsghdr) char control[2 * ROUTE_SPACE +
					      CMSG_SPACE(sizeof(*token))];
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
	};
	struct sockaddr_ockam addr = { 0 };
	ssize_t n;

	if (ret || token || route->len > sizeof(addr.sok_hops))
		memset(control, 0, sizeof(control));
	if (route->len <= sizeof(addr.sok_hops)) {
		addr.sok_family = ockam_family();
		addr.sok_nhops = route->nhops;
		memcpy(addr.sok_hops, route->hops, route->len);
		msg.msg_name = &addr;
		msg.msg_namelen = sizeof(addr);
	} else {
		add_route(&msg, OCKAM_CMSG_ONWARD, route);
	}
	if (ret)
		add_route(&msg, OCKAM_CMSG_RETURN, ret);
	if (token)
		memcpy(add_cmsg(&msg, OCKAM_CMSG_TOKEN, sizeof(*token)), token,
		       sizeof(*token));
	n = sendmsg(fd, &msg, 0);
	if (n < 0)
		return ockam_fail(errno, "send: %s", strerror(errno));
	return n;
}

ssize_t ockam_send_path(int fd, const struct ockam_path *route,
			const void *buf, size_t len)
{
	return send_with(fd, route, NULL, NULL, buf, len);
}

ssize_t ockam_send_as(int fd, const struct ockam_path *route,
		      const struct ockam_path *ret, const void *buf,
		      size_t len)
{
	return send_with(fd, route, ret, NULL, buf, len);
}

ssize_t ockam_send(int fd, const char *route, const void *buf, size_t len)
{
	struct ockam_path path;

	if (ockam_path_parse(&path, route))
		return -1;
	return ockam_send_path(fd, &path, buf, len);
}

int ockam_want(int fd, unsigned int options)
{
	int opt, on;

	for (opt = OCKAM_RECV_ONWARD; opt <= OCKAM_RECV_PEER; opt++) {
		on = options >> opt & 1;
		if (setsockopt(fd, SOL_OCKAM, opt, &on, sizeof(on)))
			return ockam_fail(errno, "option %d: %s", opt,
					  strerror(errno));
	}
	return 0;
}

static bool take_route(const void *data, size_t len, struct ockam_path *path)
{
	struct ockam_route head;

	if (len < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	len -= sizeof(head);
	/* Cut, because the control buffer was too small? It never is. */
	if (head.len > len || head.len > sizeof(path->hops))
		return false;
	path->len = head.len;
	path->nhops = head.nhops;
	memcpy(path->hops, (const uint8_t *)data + sizeof(head), head.len);
	return true;
}

static bool take_peer(const void *data, size_t len, struct ockam_info *info)
{
	struct ockam_peer peer;
	size_t n;

	if (len < sizeof(peer))
		return false;
	memcpy(&peer, data, sizeof(peer));
	n = peer.nchannels;
	if (n > OCKAM_CHANNELS_MAX ||
	    len - sizeof(peer) < n * sizeof(info->channels[0]))
		return false;
	memcpy(info->channels, (const uint8_t *)data + sizeof(peer),
	       n * sizeof(info->channels[0]));
	info->peer = (struct ockam_sender){
		.origin = peer.origin,
		.flags = peer.flags,
		.nchannels = n,
		.link = peer.link,
		.pid = peer.pid,
		.uid = peer.uid,
		.gid = peer.gid,
	};
	return true;
}

static void take_cmsgs(struct msghdr *msg, struct ockam_info *info)
{
	struct ockam_token token;
	struct cmsghdr *c;
	size_t len;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_OCKAM || c->cmsg_len < CMSG_LEN(0))
			continue;
		len = c->cmsg_len - CMSG_LEN(0);
		switch (c->cmsg_type) {
		case OCKAM_CMSG_ONWARD:
			info->has_onward = take_route(CMSG_DATA(c), len,
						      &info->onward);
			break;
		case OCKAM_CMSG_RETURN:
			info->has_ret = take_route(CMSG_DATA(c), len,
						   &info->ret);
			break;
		case OCKAM_CMSG_TOKEN:
			if (len < sizeof(token))
				break;
			memcpy(&token, CMSG_DATA(c), sizeof(token));
			info->token = token.token;
			info->has_token = true;
			break;
		case OCKAM_CMSG_PEER:
			info->has_peer = take_peer(CMSG_DATA(c), len, info);
			break;
		}
	}
}

/* Bytes of the hops in a sockaddr, 0 if they are not what it says. */
static size_t sockaddr_hops(const struct sockaddr_ockam *addr)
{
	size_t used = 0;
	int i;

	for (i = 0; i < addr->sok_nhops; i++) {
		if (used + 2 > sizeof(addr->sok_hops))
			return 0;
		used += 2 + addr->sok_hops[used + 1];
		if (used > sizeof(addr->sok_hops))
			return 0;
	}
	return used;
}

ssize_t ockam_recv(int fd, void *buf, size_t len, struct ockam_info *info,
		   int flags)
{
	_Alignas(struct cmsghdr) char control[2 * ROUTE_SPACE + PEER_SPACE +
		CMSG_SPACE(sizeof(struct ockam_token)) + 256];
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (info) {
		memset(info, 0, sizeof(*info));
		msg.msg_name = &info->from;
		msg.msg_namelen = sizeof(info->from);
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
	}
	n = recvmsg(fd, &msg, flags);
	if (n < 0)
		return ockam_fail(errno, "receive: %s", strerror(errno));
	if (!info)
		return n;
	info->flags = msg.msg_flags;
	take_cmsgs(&msg, info);
	if (!info->has_ret && msg.msg_namelen &&
	    !(info->from.sok_flags & OCKAM_ADDR_TOKEN)) {
		info->ret.nhops = info->from.sok_nhops;
		info->ret.len = sockaddr_hops(&info->from);
		memcpy(info->ret.hops, info->from.sok_hops, info->ret.len);
		info->has_ret = true;
	}
	return n;
}

ssize_t ockam_reply(int fd, const struct ockam_info *info, const void *buf,
		    size_t len)
{
	ssize_t n = sendto(fd, buf, len, 0,
			   (const struct sockaddr *)&info->from,
			   sizeof(info->from));

	if (n < 0)
		return ockam_fail(errno, "reply: %s", strerror(errno));
	return n;
}

ssize_t ockam_forward(int fd, const struct ockam_info *info, const void *buf,
		      size_t len)
{
	struct ockam_token token = { .flags = OCKAM_TOKEN_FORWARD };

	if (!info->has_onward || !info->has_token)
		return ockam_fail(EINVAL, "received without OCKAM_RECV_ONWARD or OCKAM_RECV_TOKEN");
	token.token = info->token;
	return send_with(fd, &info->onward, NULL, &token, buf, len);
}

int ockam_accept(int fd, unsigned int scope,
		 const uint8_t (*ids)[OCKAM_IDENTIFIER_LEN], size_t n)
{
	const struct ockam_accept head = { .scope = scope, .nids = n };
	uint8_t val[sizeof(head) + OCKAM_ACCEPT_MAX_IDS * OCKAM_IDENTIFIER_LEN];

	if (n > OCKAM_ACCEPT_MAX_IDS)
		return ockam_fail(EMSGSIZE, "more than %d identifiers",
				  OCKAM_ACCEPT_MAX_IDS);
	memcpy(val, &head, sizeof(head));
	if (n)
		memcpy(val + sizeof(head), ids, n * OCKAM_IDENTIFIER_LEN);
	if (setsockopt(fd, SOL_OCKAM, OCKAM_ACCEPT, val,
		       sizeof(head) + n * OCKAM_IDENTIFIER_LEN))
		return ockam_fail(errno, "accept scope: %s", strerror(errno));
	return 0;
}

int ockam_policy_attach(int fd, int program)
{
	if (program < 0)
		program = -1;
	if (setsockopt(fd, SOL_OCKAM, OCKAM_POLICY, &program,
		       sizeof(program)))
		return ockam_fail(errno, "policy program: %s",
				  strerror(errno));
	return 0;
}
