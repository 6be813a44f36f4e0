/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For the tests of the socket family: routes, wrappers of the calls that
 * return -errno, the node's counters and hops over generic netlink,
 * namespaces, privileges, threads that block.
 *
 * To be included behind kselftest_harness.h.
 */
#ifndef OCKAM_TEST_H
#define OCKAM_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <libmnl/libmnl.h>

#include <linux/ockam.h>
#include <linux/ockam_netlink.h>

#include "failed_test.h"

/* Not every test uses every helper. */
#define OT static __attribute__((unused))

#define OT_HEAD		((socklen_t)offsetof(struct sockaddr_ockam, sok_hops))
#define OT_UID		1000
#define OT_GID		1001

/* ---- time, chance, reports ---- */

OT uint64_t ot_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* The debug kernels take many times the instructions: less of the same there. */
OT bool ot_debug(void)
{
	const char *kernel = getenv("OCKAM_VM_KERNEL");

	return kernel && !strncmp(kernel, "debug", 5);
}

/*
 * How many milliseconds something may take, at most.  Where time is counted only
 * the guest decides.  With processors side by side the host does, too, so there
 * the limit is one for what hangs.
 */
OT unsigned int ot_limit(unsigned int ms)
{
	return getenv("OCKAM_VM_PARALLEL") ? 1800000 : ms;
}

/* The harness bounds each test by this. */
unsigned int alarm(unsigned int seconds)
{
	struct itimerval left, it = {
		.it_value.tv_sec = seconds ? ot_limit(seconds * 1000) / 1000 : 0,
	};

	if (setitimer(ITIMER_REAL, &it, &left))
		return 0;
	return left.it_value.tv_sec;
}

#define OT_WAIT_MS(cond, ms) ({						\
	uint64_t __end = ot_ms() + ot_limit(ms);			\
	bool __done;							\
									\
	while (!(__done = !!(cond)) && ot_ms() < __end)			\
		usleep(1000);						\
	__done;								\
})

/* Waits until @cond holds, 10 s at most. */
#define OT_WAIT(cond)		OT_WAIT_MS(cond, 10000)
/* For what is cleaned up after RCU or by work queues of others. */
#define OT_WAIT_LONG(cond)	OT_WAIT_MS(cond, 60000)

/* Random numbers that can be had again: OCKAM_SEED=... */
OT uint64_t ot_seed(struct __test_metadata *_metadata)
{
	const char *env = getenv("OCKAM_SEED");
	struct timespec ts;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed = env ? strtoull(env, NULL, 0) :
		     ts.tv_sec * 1000000007ULL ^ ts.tv_nsec ^
		     (uint64_t)getpid() << 32;
	TH_LOG("OCKAM_SEED=%#llx", (unsigned long long)seed);
	failed_seed = seed ?: 1;
	return failed_seed;
}

OT uint32_t ot_rand(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state * 0x2545f4914f6cdd1dULL) >> 32;
}

OT uint32_t ot_below(uint64_t *state, uint32_t n)
{
	return (uint64_t)ot_rand(state) * n >> 32;
}

/* Content that depends on where it is and on @tag. */
OT void ot_fill(void *buf, size_t len, uint32_t tag)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (i * 2654435761u + tag * 40503u) >> 13;
}

OT bool ot_filled(const void *buf, size_t len, uint32_t tag)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != (uint8_t)((i * 2654435761u + tag * 40503u) >> 13))
			return false;
	return true;
}

/* ---- routes ---- */

struct ot_route {
	unsigned int	len;
	unsigned int	nhops;
	uint8_t		data[8192];
};

OT void ot_hop(struct ot_route *r, uint8_t type, const void *addr, uint8_t len)
{
	r->data[r->len] = type;
	r->data[r->len + 1] = len;
	memcpy(r->data + r->len + 2, addr, len);
	r->len += 2 + len;
	r->nhops++;
}

OT void ot_local(struct ot_route *r, const char *name)
{
	ot_hop(r, OCKAM_TYPE_LOCAL, name, strlen(name));
}

/* A route of local addresses, the last argument is NULL. */
OT struct ot_route ot_route(const char *name, ...)
{
	struct ot_route r = {};
	va_list ap;

	va_start(ap, name);
	for (; name; name = va_arg(ap, const char *))
		ot_local(&r, name);
	va_end(ap);
	return r;
}

OT bool ot_route_eq(const struct ot_route *a, const struct ot_route *b)
{
	return a->len == b->len && a->nhops == b->nhops &&
	       !memcmp(a->data, b->data, a->len);
}

/* Fits if the route has 124 bytes at most; whatever follows is cut. */
OT struct sockaddr_ockam ot_sa(const struct ot_route *r)
{
	struct sockaddr_ockam sa = {
		.sok_family = AF_OCKAM,
		.sok_nhops = r->nhops,
	};

	memcpy(sa.sok_hops, r->data, r->len > OCKAM_SOCKADDR_HOPS ?
	       OCKAM_SOCKADDR_HOPS : r->len);
	return sa;
}

OT struct sockaddr_ockam ot_name(const char *name)
{
	struct ot_route r = {};

	ot_local(&r, name);
	return ot_sa(&r);
}

/* The route of a sockaddr without flags, else an empty one. */
OT struct ot_route ot_sa_route(const struct sockaddr_ockam *sa)
{
	struct ot_route r = {};
	unsigned int i;

	if (sa->sok_flags)
		return r;
	for (i = 0; i < sa->sok_nhops; i++)
		if (r.len + 2 <= OCKAM_SOCKADDR_HOPS &&
		    r.len + 2 + sa->sok_hops[r.len + 1] <= OCKAM_SOCKADDR_HOPS)
			ot_hop(&r, sa->sok_hops[r.len], sa->sok_hops + r.len + 2,
			       sa->sok_hops[r.len + 1]);
	return r;
}

/* The length that such an address has when it comes from the kernel. */
OT socklen_t ot_natural(const struct sockaddr_ockam *sa)
{
	if (sa->sok_flags & OCKAM_ADDR_TOKEN)
		return OT_HEAD + 8;
	return OT_HEAD + ot_sa_route(sa).len;
}

OT bool ot_is(const struct sockaddr_ockam *sa, const char *name)
{
	struct sockaddr_ockam want = ot_name(name);

	return !memcmp(sa, &want, sizeof(want));
}

/* ---- calls that return -errno ---- */

#define OT_ERR(call) ({							\
	__typeof__(call) __ret = (call);				\
									\
	__ret == -1 ? -errno : __ret;					\
})

OT int ot_socket(int flags)
{
	return OT_ERR(socket(AF_OCKAM, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0));
}

OT int ot_bind_sa(int fd, const struct sockaddr_ockam *sa, socklen_t len)
{
	return OT_ERR(bind(fd, (const struct sockaddr *)sa, len));
}

OT int ot_bind(int fd, const char *name)
{
	struct sockaddr_ockam sa = ot_name(name);

	return ot_bind_sa(fd, &sa, sizeof(sa));
}

OT int ot_connect(int fd, const struct ot_route *r)
{
	struct sockaddr_ockam sa = ot_sa(r);

	return OT_ERR(connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
}

/* A socket with a name; NULL: without. */
OT int ot_worker(const char *name, int flags)
{
	int fd = ot_socket(flags);
	int err;

	if (fd < 0 || !name)
		return fd;
	err = ot_bind(fd, name);
	if (!err)
		return fd;
	close(fd);
	return err;
}

OT int ot_set(int fd, int level, int opt, int val)
{
	return OT_ERR(setsockopt(fd, level, opt, &val, sizeof(val)));
}

OT int ot_get(int fd, int level, int opt)
{
	socklen_t len = sizeof(int);
	int val = 0;
	int err;

	err = OT_ERR(getsockopt(fd, level, opt, &val, &len));
	return err ?: val;
}

OT int ot_accept(int fd, uint32_t scope)
{
	struct ockam_accept accept = { .scope = scope };

	return OT_ERR(setsockopt(fd, SOL_OCKAM, OCKAM_ACCEPT, &accept,
				 sizeof(accept)));
}

OT int ot_getname(int fd, struct sockaddr_ockam *sa)
{
	socklen_t len = sizeof(*sa);
	int err;

	memset(sa, 0xee, sizeof(*sa));
	err = OT_ERR(getsockname(fd, (struct sockaddr *)sa, &len));
	if (err)
		return err;
	/* Nothing is written behind that. */
	if (len != ot_natural(sa) ||
	    (len < sizeof(*sa) && ((uint8_t *)sa)[len] != 0xee))
		return -EPROTO;
	memset((char *)sa + len, 0, sizeof(*sa) - len);
	return 0;
}

/**
 * struct ot_out - what goes with a message; all may be absent
 * @to: route, in the sockaddr
 * @name: sockaddr instead of @to
 * @namelen: its length, sizeof() if 0
 * @onward: route, in a control message
 * @ret: return route, in a control message
 * @token: token, with
 * @token_flags: its flags
 * @cmsg: more control messages, raw
 * @cmsglen: bytes of them
 * @flags: of sendmsg()
 */
struct ot_out {
	const struct ot_route		*to;
	const struct sockaddr_ockam	*name;
	socklen_t			namelen;
	const struct ot_route		*onward;
	const struct ot_route		*ret;
	uint64_t			token;
	uint32_t			token_flags;
	const void			*cmsg;
	size_t				cmsglen;
	int				flags;
};

/* Appends a control message behind @len bytes of @buf; returns the new length. */
OT size_t ot_cmsg(void *buf, size_t len, int level, int type, const void *data,
		  size_t n)
{
	struct cmsghdr *cmsg = (void *)((char *)buf + len);

	memset(cmsg, 0, CMSG_SPACE(n));
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(cmsg), data, n);
	return len + CMSG_SPACE(n);
}

OT size_t ot_cmsg_route(void *buf, size_t len, int type,
			const struct ot_route *r)
{
	uint8_t flat[sizeof(struct ockam_route) + sizeof(r->data)];
	struct ockam_route *route = (void *)flat;

	route->len = r->len;
	route->nhops = r->nhops;
	route->flags = 0;
	memcpy(route->hops, r->data, r->len);
	return ot_cmsg(buf, len, SOL_OCKAM, type, flat,
		       sizeof(*route) + r->len);
}

OT ssize_t ot_sendv(int fd, const struct ot_out *out, const struct iovec *iov,
		    size_t n)
{
	_Alignas(struct cmsghdr) char control[20000];
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = n,
	};
	struct sockaddr_ockam sa;
	size_t len = 0;

	if (out->to) {
		sa = ot_sa(out->to);
		msg.msg_name = &sa;
		msg.msg_namelen = sizeof(sa);
	} else if (out->name) {
		msg.msg_name = (void *)out->name;
		msg.msg_namelen = out->namelen ?: sizeof(sa);
	}
	if (out->onward)
		len = ot_cmsg_route(control, len, OCKAM_CMSG_ONWARD,
				    out->onward);
	if (out->ret)
		len = ot_cmsg_route(control, len, OCKAM_CMSG_RETURN, out->ret);
	if (out->token_flags || out->token) {
		struct ockam_token token = {
			.token = out->token,
			.flags = out->token_flags,
		};

		len = ot_cmsg(control, len, SOL_OCKAM, OCKAM_CMSG_TOKEN,
			      &token, sizeof(token));
	}
	if (out->cmsglen)
		memcpy(control + len, out->cmsg, out->cmsglen);
	len += out->cmsglen;
	if (len) {
		msg.msg_control = control;
		msg.msg_controllen = len;
	}
	return OT_ERR(sendmsg(fd, &msg, out->flags));
}

OT ssize_t ot_sendx(int fd, const struct ot_out *out, const void *buf,
		    size_t len)
{
	struct iovec iov = { (void *)buf, len };

	return ot_sendv(fd, out, &iov, 1);
}

#define ot_out(...)	(&(struct ot_out){ __VA_ARGS__ })

/* To one local address. */
OT ssize_t ot_send(int fd, const char *to, const void *buf, size_t len,
		   int flags)
{
	struct sockaddr_ockam sa = ot_name(to);

	return ot_sendx(fd, ot_out(.name = &sa, .flags = flags), buf, len);
}

OT ssize_t ot_say(int fd, const char *to, const char *text)
{
	return ot_send(fd, to, text, strlen(text), 0);
}

/**
 * struct ot_in - what came with a message
 * @room: bytes for control messages; 0: enough
 * @from: msg_name
 * @fromlen: its length
 * @flags: msg_flags
 * @ncmsgs: control messages
 * @has_onward: OCKAM_CMSG_ONWARD came, likewise the next ones
 * @onward_bytes: bytes of the route that came
 * @ret_bytes: likewise
 * @onward: the route, with its true length and hops
 * @ret: likewise
 */
struct ot_in {
	size_t				room;
	struct sockaddr_ockam		from;
	socklen_t			fromlen;
	int				flags;
	int				ncmsgs;
	bool				has_onward;
	bool				has_ret;
	bool				has_token;
	bool				has_peer;
	bool				has_time;
	bool				has_drops;
	size_t				onward_bytes;
	size_t				ret_bytes;
	struct ot_route			onward;
	struct ot_route			ret;
	struct ockam_token		token;
	struct timeval			time;
	uint32_t			drops;
	struct ockam_peer		peer;	/* without channels */
};

OT void ot_take_route(struct ot_route *r, const void *data, size_t n,
		      size_t *bytes)
{
	const struct ockam_route *route = data;

	*bytes = n - sizeof(*route);
	r->len = route->len;
	r->nhops = route->nhops;
	memcpy(r->data, route->hops, *bytes);
}

OT void ot_take_cmsg(struct ot_in *in, struct cmsghdr *c)
{
	size_t n = c->cmsg_len - CMSG_LEN(0);
	void *data = CMSG_DATA(c);

	in->ncmsgs++;
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMP) {
		in->has_time = true;
		memcpy(&in->time, data, sizeof(in->time));
	}
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
		in->has_drops = true;
		memcpy(&in->drops, data, sizeof(in->drops));
	}
	if (c->cmsg_level != SOL_OCKAM)
		return;
	switch (c->cmsg_type) {
	case OCKAM_CMSG_ONWARD:
		if (n < sizeof(struct ockam_route))
			break;
		in->has_onward = true;
		ot_take_route(&in->onward, data, n, &in->onward_bytes);
		break;
	case OCKAM_CMSG_RETURN:
		if (n < sizeof(struct ockam_route))
			break;
		in->has_ret = true;
		ot_take_route(&in->ret, data, n, &in->ret_bytes);
		break;
	case OCKAM_CMSG_TOKEN:
		in->has_token = n == sizeof(in->token);
		memcpy(&in->token, data,
		       n < sizeof(in->token) ? n : sizeof(in->token));
		break;
	case OCKAM_CMSG_PEER:
		in->has_peer = n == sizeof(in->peer);
		memcpy(&in->peer, data,
		       n < sizeof(in->peer) ? n : sizeof(in->peer));
		break;
	}
}

OT ssize_t ot_recvx(int fd, struct ot_in *in, void *buf, size_t len, int flags)
{
	_Alignas(struct cmsghdr) char control[20000];
	struct iovec iov = { buf, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = in->room ?: sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	memset(&in->from, 0xee, sizeof(*in) - offsetof(struct ot_in, from));
	in->has_onward = in->has_ret = in->has_token = in->has_peer = false;
	in->has_time = in->has_drops = false;
	in->ncmsgs = 0;
	msg.msg_name = &in->from;
	msg.msg_namelen = sizeof(in->from);
	n = OT_ERR(recvmsg(fd, &msg, flags));
	if (n < 0)
		return n;
	in->fromlen = msg.msg_namelen;
	if (in->fromlen < sizeof(in->from))
		memset((char *)&in->from + in->fromlen, 0,
		       sizeof(in->from) - in->fromlen);
	in->flags = msg.msg_flags;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		ot_take_cmsg(in, c);
	return n;
}

OT ssize_t ot_recv(int fd, void *buf, size_t len, int flags)
{
	return OT_ERR(recv(fd, buf, len, flags));
}

OT bool ot_empty(int fd)
{
	char c;

	return ot_recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == -EAGAIN;
}

OT bool ot_hears(int fd, const char *text)
{
	char buf[256];

	return ot_recv(fd, buf, sizeof(buf), MSG_DONTWAIT) ==
		       (ssize_t)strlen(text) &&
	       !memcmp(buf, text, strlen(text));
}

/* Events that poll() reports at once. */
OT int ot_poll(int fd, int events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = OT_ERR(poll(&p, 1, timeout));

	return n <= 0 ? n : p.revents;
}

/* ---- netlink ---- */

struct ot_node {
	uint32_t family;
	uint32_t max_msg;
	uint32_t hops;
	uint64_t stat[__OCKAM_STAT_MAX];
	uint64_t drop[__OCKAM_DROP_MAX];
};

struct ot_nl {
	struct mnl_socket	*sock;
	uint16_t		id;
	uint32_t		seq;
	char			buf[16384];
	char			why[200];	/* extack of the last refusal */
};

OT int ot_nl_err_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **tb = data;

	if (mnl_attr_get_type(attr) <= NLMSGERR_ATTR_MAX)
		tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* Sends what is in nl->buf; @reply gets each answer. 0 or -errno. */
OT int ot_nl_talk(struct ot_nl *nl, mnl_cb_t reply, void *arg)
{
	struct nlmsghdr *req = (void *)nl->buf;
	ssize_t n;

	nl->why[0] = 0;
	if (mnl_socket_sendto(nl->sock, req, req->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		struct nlmsghdr *h = (void *)nl->buf;
		struct nlmsgerr *e;
		int left;

		n = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));
		if (n < 0)
			return -errno;
		for (left = n; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1] = {};
			size_t skip = sizeof(*e);

			if (h->nlmsg_seq != nl->seq)
				continue;
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type != NLMSG_ERROR) {
				if (reply)
					reply(h, arg);
				continue;
			}
			e = mnl_nlmsg_get_payload(h);
			if (!(h->nlmsg_flags & NLM_F_CAPPED))
				skip += e->msg.nlmsg_len - sizeof(e->msg);
			if (h->nlmsg_flags & NLM_F_ACK_TLVS)
				mnl_attr_parse(h, skip, ot_nl_err_attr, tb);
			if (tb[NLMSGERR_ATTR_MSG])
				snprintf(nl->why, sizeof(nl->why), "%s",
					 mnl_attr_get_str(tb[NLMSGERR_ATTR_MSG]));
			return e->error;
		}
	}
}

OT struct nlmsghdr *ot_nl_begin(struct ot_nl *nl, uint16_t type, uint8_t cmd,
				uint8_t version)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *g;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = ++nl->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = cmd;
	g->version = version;
	return h;
}

OT struct nlmsghdr *ot_nl_req(struct ot_nl *nl, uint8_t cmd)
{
	return ot_nl_begin(nl, nl->id, cmd, OCKAM_FAMILY_VERSION);
}

OT int ot_nl_take_id(const struct nlmsghdr *h, void *arg)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)arg = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

/* For the namespace that the caller is in now. */
OT int ot_nl_open(struct ot_nl *nl)
{
	struct nlmsghdr *h;
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sock = mnl_socket_open(NETLINK_GENERIC);
	if (!nl->sock)
		return -errno;
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_GET_STRICT_CHK, &one,
			      sizeof(one));
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	h = ot_nl_begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, OCKAM_FAMILY_NAME);
	return ot_nl_talk(nl, ot_nl_take_id, &nl->id);
}

OT void ot_nl_close(struct ot_nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

OT void ot_nl_take_u64s(const struct nlattr *nest, uint64_t *to, int max)
{
	struct nlattr *attr;

	/* Numbered from 2: 1 is for padding. */
	mnl_attr_for_each_nested(attr, nest) {
		int i = mnl_attr_get_type(attr) - 2;

		if (i >= 0 && i < max)
			to[i] = mnl_attr_get_u64(attr);
	}
}

OT int ot_nl_take_node(const struct nlmsghdr *h, void *arg)
{
	struct ot_node *node = arg;
	struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case OCKAM_A_NODE_FAMILY:
			node->family = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_NODE_MAX_MSG:
			node->max_msg = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_NODE_HOPS:
			node->hops = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_NODE_STATS:
			ot_nl_take_u64s(attr, node->stat, __OCKAM_STAT_MAX);
			break;
		case OCKAM_A_NODE_DROPS:
			ot_nl_take_u64s(attr, node->drop, __OCKAM_DROP_MAX);
			break;
		}
	}
	return MNL_CB_OK;
}

OT int ot_node_get(struct ot_nl *nl, struct ot_node *node)
{
	memset(node, 0, sizeof(*node));
	ot_nl_req(nl, OCKAM_CMD_NODE_GET);
	return ot_nl_talk(nl, ot_nl_take_node, node);
}

OT int ot_node_set(struct ot_nl *nl, int attr, uint32_t val)
{
	mnl_attr_put_u32(ot_nl_req(nl, OCKAM_CMD_NODE_SET), attr, val);
	return ot_nl_talk(nl, NULL, NULL);
}

struct ot_obj {
	uint32_t id;
	uint64_t msgs;
	uint32_t queued;
	uint32_t parked;
	uint32_t drops;
	uint32_t scope;
	uint32_t uid;
	uint64_t inode;
	bool handshake;
};

OT int ot_nl_take_hop(const struct nlmsghdr *h, void *arg)
{
	struct ot_obj *obj = arg;
	struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == OCKAM_A_HOP_ID)
			obj->id = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == OCKAM_A_HOP_SCOPE)
			obj->scope = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == OCKAM_A_HOP_MSGS)
			obj->msgs = mnl_attr_get_u64(attr);
	}
	return MNL_CB_OK;
}

/* @route NULL: a plain hop. The id, or -errno. */
OT int ot_hop_new(struct ot_nl *nl, const char *name,
		  const struct ot_route *route, uint32_t scope)
{
	struct ot_route key = ot_route(name, NULL);
	struct nlmsghdr *h = ot_nl_req(nl, OCKAM_CMD_HOP_NEW);
	struct ot_obj obj = {};
	int err;

	mnl_attr_put(h, OCKAM_A_HOP_ADDRESS, key.len, key.data);
	if (scope)
		mnl_attr_put_u32(h, OCKAM_A_HOP_SCOPE, scope);
	if (route)
		mnl_attr_put(h, OCKAM_A_HOP_ROUTE, route->len, route->data);
	err = ot_nl_talk(nl, ot_nl_take_hop, &obj);
	return err ?: (int)obj.id;
}

OT int ot_hop_get(struct ot_nl *nl, const char *name, struct ot_obj *obj)
{
	struct ot_route key = ot_route(name, NULL);
	struct nlmsghdr *h = ot_nl_req(nl, OCKAM_CMD_HOP_GET);

	memset(obj, 0, sizeof(*obj));
	mnl_attr_put(h, OCKAM_A_HOP_ADDRESS, key.len, key.data);
	return ot_nl_talk(nl, ot_nl_take_hop, obj);
}

OT int ot_hop_del(struct ot_nl *nl, const char *name)
{
	struct ot_route key = ot_route(name, NULL);
	struct nlmsghdr *h = ot_nl_req(nl, OCKAM_CMD_HOP_DEL);

	mnl_attr_put(h, OCKAM_A_HOP_ADDRESS, key.len, key.data);
	return ot_nl_talk(nl, NULL, NULL);
}

OT int ot_nl_take_worker(const struct nlmsghdr *h, void *arg)
{
	struct ot_obj *obj = arg;
	struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case OCKAM_A_WORKER_UID:
			obj->uid = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_WORKER_INODE:
			obj->inode = mnl_attr_get_u64(attr);
			break;
		case OCKAM_A_WORKER_SCOPE:
			obj->scope = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_WORKER_QUEUED:
			obj->queued = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_WORKER_PARKED:
			obj->parked = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_WORKER_DROPS:
			obj->drops = mnl_attr_get_u32(attr);
			break;
		case OCKAM_A_WORKER_HANDSHAKE:
			obj->handshake = true;
			break;
		}
	}
	return MNL_CB_OK;
}

OT int ot_worker_get(struct ot_nl *nl, const char *name, struct ot_obj *obj)
{
	struct ot_route key = ot_route(name, NULL);
	struct nlmsghdr *h = ot_nl_req(nl, OCKAM_CMD_WORKER_GET);

	memset(obj, 0, sizeof(*obj));
	mnl_attr_put(h, OCKAM_A_WORKER_ADDRESS, key.len, key.data);
	return ot_nl_talk(nl, ot_nl_take_worker, obj);
}

/* ---- counters ---- */

/* A node of our own with all counters at 0. */
#define OT_NODE(nl) do {						\
	struct ot_node __node;						\
									\
	ASSERT_EQ(0, OT_ERR(unshare(CLONE_NEWNET)));			\
	failed_watch();							\
	ASSERT_EQ(0, ot_nl_open(nl));					\
	ASSERT_EQ(0, ot_node_get((nl), &__node));			\
	ASSERT_EQ(AF_OCKAM, __node.family);				\
} while (0)

#define OT_MARK(nl, node)	ASSERT_EQ(0, ot_node_get((nl), (node)))

OT uint64_t ot_stat(struct ot_nl *nl, enum ockam_stat what)
{
	struct ot_node node;

	return ot_node_get(nl, &node) ? UINT64_MAX : node.stat[what];
}

OT uint64_t ot_drop(struct ot_nl *nl, enum ockam_drop what)
{
	struct ot_node node;

	return ot_node_get(nl, &node) ? UINT64_MAX : node.drop[what];
}

OT int ot_grown(struct __test_metadata *_metadata, struct ot_nl *nl,
		const struct ot_node *before, int stat, uint64_t nstat,
		int drop, uint64_t ndrop, int line)
{
	struct ot_node now;
	int i, wrong = 0;

	if (ot_node_get(nl, &now))
		return -1;
	for (i = 0; i < __OCKAM_DROP_MAX; i++) {
		uint64_t n = now.drop[i] - before->drop[i];

		if (n == (i == drop ? ndrop : 0))
			continue;
		TH_LOG("line %d: drop counter %d grew by %llu", line, i,
		       (unsigned long long)n);
		wrong++;
	}
	for (i = 0; i < __OCKAM_STAT_MAX; i++) {
		uint64_t n = now.stat[i] - before->stat[i];

		if (n == (i == stat ? nstat : 0) || stat == -2)
			continue;
		TH_LOG("line %d: counter %d grew by %llu", line, i,
		       (unsigned long long)n);
		wrong++;
	}
	return wrong;
}

/* Since OT_MARK() nothing was sent or delivered, and @n dropped by @reason. */
#define EXPECT_DROPPED(nl, before, reason, n)				\
	EXPECT_EQ(0, ot_grown(_metadata, nl, before, -1, 0, reason, n,	\
			      __LINE__))
/* Nothing was counted at all. */
#define EXPECT_UNCOUNTED(nl, before)					\
	EXPECT_EQ(0, ot_grown(_metadata, nl, before, -1, 0, -1, 0,	\
			      __LINE__))
/* Whatever was sent, nothing was lost. */
#define EXPECT_LOSSLESS(nl, before)					\
	EXPECT_EQ(0, ot_grown(_metadata, nl, before, -2, 0, -1, 0,	\
			      __LINE__))

/* ---- privileges ---- */

/* Takes one capability away from the effective and permitted sets. */
OT int ot_cap_drop(int cap)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -errno;
	d[cap / 32].effective &= ~(1u << cap % 32);
	d[cap / 32].permitted &= ~(1u << cap % 32);
	d[cap / 32].inheritable &= ~(1u << cap % 32);
	return OT_ERR((int)syscall(SYS_capset, &h, d));
}

/* Becomes an ordinary user. */
OT int ot_unroot(void)
{
	if (setgroups(0, NULL) || setresgid(OT_GID, OT_GID, OT_GID) ||
	    setresuid(OT_UID, OT_UID, OT_UID))
		return -errno;
	/* What is under /proc/self is ours again. */
	return OT_ERR(prctl(PR_SET_DUMPABLE, 1));
}

OT int ot_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = OT_ERR(write(fd, text, strlen(text)));
	close(fd);
	return n < 0 ? n : 0;
}

/* Runs @fn in a child and returns what it returned, 0 to 255, or -1. */
OT int ot_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/**
 * struct ot_container - a child in a user namespace with 100 uids of its own
 * @in: it says here that it is there
 * @out: it hears here that its uids are mapped
 */
struct ot_container {
	int	in[2];
	int	out[2];
};

OT int ot_container_enter(struct ot_container *c)
{
	char ok;

	if (setresgid(OT_GID, OT_GID, OT_GID) ||
	    setresuid(OT_UID, OT_UID, OT_UID) ||
	    unshare(CLONE_NEWUSER) || prctl(PR_SET_DUMPABLE, 1))
		return 77;
	if (write(c->in[1], "x", 1) != 1 || read(c->out[0], &ok, 1) != 1)
		return 78;
	return setresuid(0, 0, 0) ? 79 : 0;
}

/* What @fn says in such a namespace, or 77: there are none. */
OT int ot_container(int (*fn)(void))
{
	struct ot_container c;
	char path[64], ok;
	int status;
	pid_t pid;

	if (pipe2(c.in, O_CLOEXEC) || pipe2(c.out, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		close(c.in[0]);
		status = ot_container_enter(&c);
		_exit(status ?: fn());
	}
	close(c.in[1]);
	if (read(c.in[0], &ok, 1) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		if (ot_write(path, "0 100000 100") ||
		    write(c.out[1], "x", 1) != 1)
			kill(pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	close(c.in[0]);
	close(c.out[0]);
	close(c.out[1]);
	return WEXITSTATUS(status);
}

/* ---- threads that block ---- */

/**
 * struct ot_task - one call in a thread of its own
 * @fn: the call
 * @arg: its argument
 * @result: what it returned, once @done
 * @tid: the thread
 * @done: it returned
 */
struct ot_task {
	long		(*fn)(void *arg);
	void		*arg;
	long		result;
	int		tid;
	int		done;
	pthread_t	thread;
};

OT void *ot_task_run(void *arg)
{
	struct ot_task *t = arg;

	__atomic_store_n(&t->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	t->result = t->fn(t->arg);
	__atomic_store_n(&t->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

OT int ot_task_start(struct ot_task *t, long (*fn)(void *arg), void *arg)
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
	t->arg = arg;
	return -pthread_create(&t->thread, NULL, ot_task_run, t);
}

OT bool ot_task_done(struct ot_task *t)
{
	return __atomic_load_n(&t->done, __ATOMIC_SEQ_CST);
}

/* poll(2) as the C library calls it. */
#ifdef SYS_poll
#define OT_SYS_POLL	SYS_poll
#else
#define OT_SYS_POLL	SYS_ppoll
#endif

/* Is @now the call @nr?  On some machines all of sockets are one call. */
OT bool ot_same_call(long now, long nr)
{
#ifdef SYS_socketcall
	if (now == SYS_socketcall)
		return nr == SYS_sendmsg || nr == SYS_recvmsg ||
		       nr == SYS_sendto || nr == SYS_recvfrom;
#endif
	return now == nr;
}

/* Is it asleep in system call @nr?  Then it blocks. */
OT bool ot_task_in(struct ot_task *t, long nr)
{
	int tid = __atomic_load_n(&t->tid, __ATOMIC_SEQ_CST);
	char path[64], line[256];
	char state = 0;
	long now = -1;
	FILE *f;

	if (!tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fgets(line, sizeof(line), f) && strrchr(line, ')'))
		state = strrchr(line, ')')[2];
	fclose(f);
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (!f)
		return state == 'S';	/* not built in: what we have */
	if (fscanf(f, "%ld", &now) != 1)
		now = -1;
	fclose(f);
	return state == 'S' && ot_same_call(now, nr);
}

OT bool ot_task_blocks(struct ot_task *t, long nr)
{
	return OT_WAIT(ot_task_in(t, nr) || ot_task_done(t)) &&
	       !ot_task_done(t);
}

/* Waits for the end of the call; INT_MIN-like if it does not come. */
OT long ot_task_end(struct ot_task *t)
{
	if (!OT_WAIT(ot_task_done(t)))
		return -ETIMEDOUT * 1000L;
	pthread_join(t->thread, NULL);
	return t->result;
}

#endif /* OCKAM_TEST_H */
