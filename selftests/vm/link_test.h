/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For the tests of links and netlink: nodes with a loopback or a virtual cable,
 * links over user space's netlink code, the TCP peer of a link, messages as
 * they are on the wire (written here anew, so that the module's own encoder is
 * not what it is compared with), and events.
 *
 * To be included behind kselftest_harness.h.
 */
#ifndef LINK_TEST_H
#define LINK_TEST_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>

#include "ockam_test.h"
#include "nl.h"

/* The debug kernel in an emulated machine takes its time. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#define LT_NEVER	UINT64_MAX

/* ---- nodes ---- */

/**
 * struct lt_node - a network namespace with the module's node in it
 * @ns: the namespace
 * @nl: netlink socket in it
 * @ev: another one, for events of links
 * @watch: for what a test that fails has to say
 */
struct lt_node {
	int		ns;
	struct ockam_nl	*nl;
	struct ockam_nl	*ev;
	struct ockam_nl	*watch;
};

OT int lt_lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = OT_ERR(ioctl(fd, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	if (!err)
		err = OT_ERR(ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
	return err;
}

/* Goes to a new namespace and stays there. */
OT int lt_node_new(struct lt_node *node)
{
	int err;

	node->ns = -1;
	node->nl = NULL;
	node->ev = NULL;
	node->watch = NULL;
	if (unshare(CLONE_NEWNET))
		return -errno;
	node->watch = failed_watch();
	node->ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (node->ns < 0)
		return -errno;
	err = lt_lo_up();
	if (!err)
		err = ockam_nl_open(&node->nl);
	if (!err)
		err = ockam_nl_open(&node->ev);
	if (!err)
		err = ockam_nl_subscribe(node->ev, "link");
	return err;
}

OT void lt_node_free(struct lt_node *node)
{
	failed_unwatch(node->watch);
	node->watch = NULL;
	ockam_nl_close(node->nl);
	ockam_nl_close(node->ev);
	if (node->ns >= 0)
		close(node->ns);
	node->nl = node->ev = NULL;
	node->ns = -1;
}

OT int lt_enter(const struct lt_node *node)
{
	return OT_ERR(setns(node->ns, CLONE_NEWNET));
}

/* TCP with buffers of 64 KiB in the caller's namespace: full soon. */
OT int lt_small_buffers(void)
{
	return ot_write("/proc/sys/net/ipv4/tcp_rmem", "4096 32768 65536") ?:
	       ot_write("/proc/sys/net/ipv4/tcp_wmem", "4096 32768 65536");
}

__attribute__((format(printf, 1, 2)))
OT int lt_run(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* A cable: 10.@net.0.1 in @a, 10.@net.0.2 in @b.  The caller ends up in @b. */
OT int lt_cable(const struct lt_node *a, const struct lt_node *b, int net)
{
	if (lt_enter(a) ||
	    lt_run("ip link add v%d type veth peer name v%d netns /proc/%d/fd/%d && ip addr add 10.%d.0.1/24 dev v%d && ip link set v%d up",
		   net, net, getpid(), b->ns, net, net, net))
		return -EIO;
	if (lt_enter(b) ||
	    lt_run("ip addr add 10.%d.0.2/24 dev v%d && ip link set v%d up",
		   net, net, net))
		return -EIO;
	return 0;
}

OT int lt_set(const struct lt_node *node, int attr, uint32_t value)
{
	struct ockam_nl_node set = {};

	switch (attr) {
	case OCKAM_A_NODE_STALL_MS:
		set.stall_ms = value;
		break;
	case OCKAM_A_NODE_PARK_LIMIT:
		set.park_limit = value;
		break;
	case OCKAM_A_NODE_TXQ_LIMIT:
		set.txq_limit = value;
		break;
	case OCKAM_A_NODE_MAX_MSG:
		set.max_msg = value;
		break;
	case OCKAM_A_NODE_MAX_LINKS:
		set.max_links = value;
		break;
	case OCKAM_A_NODE_MAX_CHANNELS:
		set.max_channels = value;
		break;
	case OCKAM_A_NODE_MAX_HOPS:
		set.max_hops = value;
		break;
	case OCKAM_A_NODE_REPLY_MS:
		set.reply_ms = value;
		break;
	case OCKAM_A_NODE_FORWARD:
		set.forward = value;
		break;
	case OCKAM_A_NODE_HOLD_MS:
		set.hold_ms = value;
		break;
	case OCKAM_A_NODE_MEM_LIMIT:
		set.mem_limit = value;
		break;
	case OCKAM_A_NODE_DEAD_MS:
		set.dead_ms = value;
		break;
	default:
		return -ENOSYS;
	}
	ockam_nl_mark(&set, attr);
	return ockam_nl_node_set(node->nl, &set);
}

OT uint64_t lt_drop(const struct lt_node *node, enum ockam_drop what)
{
	struct ockam_nl_node now = {};

	return ockam_nl_node_get(node->nl, &now) ? LT_NEVER : now.drops[what];
}

OT uint64_t lt_stat(const struct lt_node *node, enum ockam_stat what)
{
	struct ockam_nl_node now = {};

	return ockam_nl_node_get(node->nl, &now) ? LT_NEVER : now.stats[what];
}

/* All drop counters together: 0 is a node that lost nothing. */
OT uint64_t lt_drops(const struct lt_node *node)
{
	struct ockam_nl_node now = {};
	uint64_t sum = 0;
	int i;

	if (ockam_nl_node_get(node->nl, &now))
		return LT_NEVER;
	for (i = 0; i < __OCKAM_DROP_MAX; i++)
		sum += now.drops[i];
	return sum;
}

/* Since @before exactly @n more were dropped, all by @reason. */
OT bool lt_grown(struct __test_metadata *_metadata, const struct lt_node *node,
		 const struct ockam_nl_node *before, int reason, uint64_t n,
		 int line)
{
	struct ockam_nl_node now = {};
	bool good = true;
	int i;

	if (ockam_nl_node_get(node->nl, &now))
		return false;
	for (i = 0; i < __OCKAM_DROP_MAX; i++) {
		uint64_t grew = now.drops[i] - before->drops[i];

		if (grew == (i == reason ? n : 0))
			continue;
		TH_LOG("line %d: drop counter %s grew by %llu", line,
		       ockam_nl_drop_name(i), (unsigned long long)grew);
		good = false;
	}
	return good;
}

#define LT_MARK(node, before)						\
	ASSERT_EQ(0, ockam_nl_node_get((node)->nl, before))
/* Waits for the drops, then looks that there are no others. */
#define EXPECT_DROPS(node, before, reason, n) do {			\
	EXPECT_TRUE(OT_WAIT(lt_drop(node, reason) -			\
			    (before)->drops[reason] >= (n)));		\
	EXPECT_TRUE(lt_grown(_metadata, node, before, reason, n,	\
			     __LINE__));				\
} while (0)
#define EXPECT_NO_DROPS(node, before)					\
	EXPECT_TRUE(lt_grown(_metadata, node, before, -1, 0, __LINE__))

/* ---- links ---- */

OT void lt_key(struct ockam_nl_address *to, const char *name)
{
	to->len = 2 + strlen(name);
	to->data[0] = OCKAM_TYPE_LOCAL;
	to->data[1] = strlen(name);
	memcpy(to->data + 2, name, strlen(name));
}

OT void lt_ip(struct ockam_nl_ip *to, const struct sockaddr_storage *ss,
	      uint16_t *port)
{
	const struct sockaddr_in6 *in6 = (const void *)ss;
	const struct sockaddr_in *in = (const void *)ss;

	if (ss->ss_family == AF_INET) {
		to->len = 4;
		memcpy(to->data, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
	} else {
		to->len = 16;
		memcpy(to->data, &in6->sin6_addr, 16);
		*port = ntohs(in6->sin6_port);
	}
}

/* "127.0.0.1" or "::1" */
OT struct sockaddr_storage lt_addr(const char *ip, uint16_t port)
{
	struct sockaddr_storage ss = {};
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in = (void *)&ss;

	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		ss.ss_family = AF_INET;
		in->sin_port = htons(port);
	} else {
		inet_pton(AF_INET6, ip, &in6->sin6_addr);
		ss.ss_family = AF_INET6;
		in6->sin6_port = htons(port);
	}
	return ss;
}

OT socklen_t lt_addrlen(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
					  sizeof(struct sockaddr_in6);
}

/**
 * struct lt_conf - how a link shall be; 0 and NULL: the default
 * @name: its name
 * @reconnect_min_ms: -1: 0, never
 * @reconnect_max_ms: longest delay
 * @frame_ms: deadline of frames
 * @max_accepted: of a listening link
 */
struct lt_conf {
	const char	*name;
	int		reconnect_min_ms;
	int		reconnect_max_ms;
	uint32_t	frame_ms;
	uint32_t	max_accepted;
};

#define lt_conf(...)	(&(struct lt_conf){ __VA_ARGS__ })

OT void lt_fill(struct ockam_nl_link *link, const struct lt_conf *conf)
{
	if (conf->name) {
		lt_key(&link->name, conf->name);
		ockam_nl_mark(link, OCKAM_A_LINK_NAME);
	}
	if (conf->reconnect_min_ms) {
		link->reconnect_min_ms = conf->reconnect_min_ms < 0 ? 0 :
					 conf->reconnect_min_ms;
		ockam_nl_mark(link, OCKAM_A_LINK_RECONNECT_MIN_MS);
	}
	if (conf->reconnect_max_ms) {
		link->reconnect_max_ms = conf->reconnect_max_ms;
		ockam_nl_mark(link, OCKAM_A_LINK_RECONNECT_MAX_MS);
	}
	if (conf->frame_ms) {
		link->frame_ms = conf->frame_ms;
		ockam_nl_mark(link, OCKAM_A_LINK_FRAME_MS);
	}
	if (conf->max_accepted) {
		link->max_accepted = conf->max_accepted;
		ockam_nl_mark(link, OCKAM_A_LINK_MAX_ACCEPTED);
	}
}

/* The id, or -errno. */
OT int lt_connect(const struct lt_node *node, const struct sockaddr_storage *to,
		  const struct lt_conf *conf)
{
	struct ockam_nl_link link = { .mode = OCKAM_LINK_MODE_CONNECT };
	int err;

	lt_fill(&link, conf);
	lt_ip(&link.remote_ip, to, &link.remote_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_REMOTE_PORT);
	err = ockam_nl_link_new(node->nl, &link);
	return err ?: (int)link.id;
}

/* @at's port is set to the one chosen. */
OT int lt_listen(const struct lt_node *node, struct sockaddr_storage *at,
		 const struct lt_conf *conf)
{
	struct ockam_nl_link link = { .mode = OCKAM_LINK_MODE_LISTEN };
	int err;

	lt_fill(&link, conf);
	lt_ip(&link.local_ip, at, &link.local_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_PORT);
	err = ockam_nl_link_new(node->nl, &link);
	if (err)
		return err;
	/* The same place for both families. */
	((struct sockaddr_in *)at)->sin_port = htons(link.local_port);
	return link.id;
}

OT int lt_handover(const struct lt_node *node, int fd,
		   const struct lt_conf *conf)
{
	struct ockam_nl_link link = {
		.mode = OCKAM_LINK_MODE_HANDOVER,
		.fd = fd,
	};
	int err;

	lt_fill(&link, conf);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_FD);
	err = ockam_nl_link_new(node->nl, &link);
	return err ?: (int)link.id;
}

OT int lt_get(const struct lt_node *node, uint32_t id,
	      struct ockam_nl_link *link)
{
	memset(link, 0, sizeof(*link));
	link->id = id;
	ockam_nl_mark(link, OCKAM_A_LINK_ID);
	return ockam_nl_link_get(node->nl, link);
}

OT int lt_del(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_link link = { .id = id };

	ockam_nl_mark(&link, OCKAM_A_LINK_ID);
	return ockam_nl_link_del(node->nl, &link);
}

/* A value of enum ockam_link_state, or -errno. */
OT int lt_state(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_link link;
	int err = lt_get(node, id, &link);

	return err ?: (int)link.state;
}

OT int lt_reason(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_link link;
	int err = lt_get(node, id, &link);

	return err ?: (int)link.reason;
}

OT bool lt_is_up(const struct lt_node *node, uint32_t id)
{
	return OT_WAIT(lt_state(node, id) == OCKAM_LINK_STATE_UP);
}

struct lt_children {
	uint32_t	id[64];
	unsigned int	n;
};

OT int lt_take_child(const void *object, void *arg)
{
	const struct ockam_nl_link *link = object;
	struct lt_children *c = arg;

	if (c->n < 64)
		c->id[c->n] = link->id;
	c->n++;
	return 0;
}

/* Links that a listening link has made. */
OT unsigned int lt_children(const struct lt_node *node, uint32_t parent,
			    struct lt_children *c)
{
	struct ockam_nl_link filter = { .parent = parent };

	ockam_nl_mark(&filter, OCKAM_A_LINK_PARENT);
	c->n = 0;
	if (ockam_nl_dump(node->nl, OCKAM_NL_LINK, &filter, lt_take_child, c))
		return 0;
	return c->n;
}

OT int lt_count_one(const void *object, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

OT unsigned int lt_links(const struct lt_node *node)
{
	unsigned int n = 0;

	ockam_nl_dump(node->nl, OCKAM_NL_LINK, NULL, lt_count_one, &n);
	return n;
}

/* The name of a link, as a string (names of tests are text). */
OT int lt_name(const struct lt_node *node, uint32_t id, char name[64])
{
	struct ockam_nl_link link;
	int err = lt_get(node, id, &link);

	if (err)
		return err;
	snprintf(name, 64, "%.*s", link.name.len - 2, link.name.data + 2);
	return 0;
}

/* ---- events ---- */

struct lt_event {
	uint32_t		id;
	bool			want_gone;
	bool			seen;
	struct ockam_nl_link	link;
};

OT int lt_take_event(const struct ockam_nl_event *ev, void *arg)
{
	const struct ockam_nl_link *link = ev->object;
	struct lt_event *e = arg;

	if (ev->kind != OCKAM_NL_LINK || link->id != e->id ||
	    ev->gone != e->want_gone || e->seen)
		return 0;
	e->link = *link;
	e->seen = true;
	return 0;
}

/* The reason with which a link went away, or -errno. */
OT int lt_gone(const struct lt_node *node, uint32_t id)
{
	struct lt_event e = { .id = id, .want_gone = true };
	uint64_t end = ot_ms() + ot_limit(10000);

	while (!e.seen) {
		if (ot_ms() >= end || ot_poll(ockam_nl_fd(node->ev), POLLIN,
					      ot_limit(10000)) <= 0)
			return -ETIMEDOUT;
		ockam_nl_events(node->ev, lt_take_event, &e);
	}
	return e.link.reason;
}

/* ---- the peer, plain TCP ---- */

OT int lt_tcp_timeouts(int fd)
{
	struct timeval tv = { .tv_sec = ot_limit(10000) / 1000 };
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return OT_ERR(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one)));
}

/* A listening socket; @at gets its port. */
OT int lt_tcp_listen(struct sockaddr_storage *at)
{
	socklen_t len = sizeof(*at);
	int one = 1;
	int fd;

	fd = OT_ERR(socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)at, lt_addrlen(at)) || listen(fd, 64) ||
	    getsockname(fd, (void *)at, &len)) {
		close(fd);
		return -errno;
	}
	lt_tcp_timeouts(fd);
	return fd;
}

OT int lt_tcp_accept(int fd)
{
	int peer = OT_ERR(accept4(fd, NULL, NULL, SOCK_CLOEXEC));

	if (peer >= 0)
		lt_tcp_timeouts(peer);
	return peer;
}

OT int lt_tcp_connect(const struct sockaddr_storage *to)
{
	int fd, err;

	fd = OT_ERR(socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	lt_tcp_timeouts(fd);
	err = OT_ERR(connect(fd, (void *)to, lt_addrlen(to)));
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Both ends of a connection over the loopback. */
OT int lt_tcp_pair(const char *ip, int fd[2])
{
	struct sockaddr_storage at = lt_addr(ip, 0);
	int listener = lt_tcp_listen(&at);

	if (listener < 0)
		return listener;
	fd[0] = lt_tcp_connect(&at);
	fd[1] = lt_tcp_accept(listener);
	close(listener);
	return fd[0] < 0 ? fd[0] : fd[1] < 0 ? fd[1] : 0;
}

OT bool lt_write(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* All of @len bytes? */
OT bool lt_read(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* Does the stream end now, be it by a reset? */
OT bool lt_ended(int fd)
{
	char c[256];
	ssize_t n;

	do {
		n = recv(fd, c, sizeof(c), 0);
	} while (n > 0);
	return !n || errno == ECONNRESET;
}

/* Is there nothing to read, for a while? */
OT bool lt_silent(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return !poll(&p, 1, 50);
}

/* Version bytes both ways. */
OT bool lt_greet(int fd)
{
	char v = 0;

	return lt_write(fd, "\1", 1) && lt_read(fd, &v, 1) && v == 1;
}

/**
 * struct lt_wire - a link and its peer, a plain socket
 * @link: its id
 * @name: its name
 * @peer: the socket
 * @parent: listening link, or 0
 */
struct lt_wire {
	int	link;
	char	name[64];
	int	peer;
	int	parent;
};

/* The kernel connects; nothing is greeted. */
OT int lt_wire_connect(const struct lt_node *node, struct lt_wire *w,
		       const char *ip, const struct lt_conf *conf)
{
	struct sockaddr_storage at = lt_addr(ip, 0);
	int listener = lt_tcp_listen(&at);

	w->parent = 0;
	if (listener < 0)
		return listener;
	w->link = lt_connect(node, &at, conf);
	w->peer = w->link < 0 ? -1 : lt_tcp_accept(listener);
	close(listener);
	if (w->link < 0)
		return w->link;
	return w->peer < 0 ? w->peer : lt_name(node, w->link, w->name);
}

/* The kernel accepts. */
OT int lt_wire_accept(const struct lt_node *node, struct lt_wire *w,
		      const char *ip, const struct lt_conf *conf)
{
	struct sockaddr_storage at = lt_addr(ip, 0);
	struct lt_children c;

	w->peer = -1;
	w->parent = lt_listen(node, &at, conf);
	if (w->parent < 0)
		return w->parent;
	w->peer = lt_tcp_connect(&at);
	if (w->peer < 0)
		return w->peer;
	if (!OT_WAIT(lt_children(node, w->parent, &c) == 1))
		return -ETIMEDOUT;
	w->link = c.id[0];
	return lt_name(node, w->link, w->name);
}

OT int lt_wire_up(const struct lt_node *node, struct lt_wire *w)
{
	if (!lt_greet(w->peer))
		return -EPROTO;
	return lt_is_up(node, w->link) ? 0 : -ETIMEDOUT;
}

/* A connecting link with its peer, up. */
OT int lt_wire(const struct lt_node *node, struct lt_wire *w,
	       const struct lt_conf *conf)
{
	return lt_wire_connect(node, w, "127.0.0.1", conf) ?:
	       lt_wire_up(node, w);
}

/* ---- messages on the wire ---- */

struct lt_buf {
	size_t	len;
	size_t	size;
	uint8_t	*data;
};

OT void lt_buf_free(struct lt_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

OT void lt_put(struct lt_buf *b, const void *data, size_t len)
{
	if (b->len + len > b->size) {
		b->size = (b->len + len) * 2 + 256;
		b->data = realloc(b->data, b->size);
		if (!b->data)
			abort();
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

OT void lt_put8(struct lt_buf *b, uint8_t v)
{
	lt_put(b, &v, 1);
}

OT void lt_put32(struct lt_buf *b, uint32_t v)
{
	v = htonl(v);
	lt_put(b, &v, 4);
}

/* A CBOR head in its shortest form. */
OT void lt_cbor(struct lt_buf *b, int major, uint32_t v)
{
	if (v < 24) {
		lt_put8(b, major << 5 | v);
	} else if (v < 256) {
		lt_put8(b, major << 5 | 24);
		lt_put8(b, v);
	} else if (v < 65536) {
		lt_put8(b, major << 5 | 25);
		lt_put8(b, v >> 8);
		lt_put8(b, v);
	} else {
		lt_put8(b, major << 5 | 26);
		lt_put32(b, v);
	}
}

OT void lt_put_route(struct lt_buf *b, const struct ot_route *r)
{
	unsigned int i;

	lt_cbor(b, 4, r->nhops);
	for (i = 0; i < r->len; i += 2 + r->data[i + 1]) {
		lt_cbor(b, 4, 2);
		lt_cbor(b, 0, r->data[i]);
		lt_cbor(b, 2, r->data[i + 1]);
		lt_put(b, r->data + i + 2, r->data[i + 1]);
	}
}

OT void lt_put_message(struct lt_buf *b, const struct ot_route *onward,
		       const struct ot_route *ret, const void *payload,
		       size_t len)
{
	lt_cbor(b, 4, 3);
	lt_put_route(b, onward);
	lt_put_route(b, ret);
	lt_cbor(b, 2, len);
	lt_put(b, payload, len);
}

OT void lt_put_frame(struct lt_buf *b, const struct ot_route *onward,
		     const struct ot_route *ret, const void *payload,
		     size_t len)
{
	struct lt_buf m = {};

	lt_put_message(&m, onward, ret, payload, len);
	lt_put32(b, m.len);
	lt_put(b, m.data, m.len);
	lt_buf_free(&m);
}

/* One frame from "app" to a local worker. */
OT bool lt_tell(int peer, const char *to, const void *payload, size_t len)
{
	struct ot_route onward = ot_route(to, NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {};
	bool good;

	lt_put_frame(&b, &onward, &ret, payload, len);
	good = lt_write(peer, b.data, b.len);
	lt_buf_free(&b);
	return good;
}

OT size_t lt_unhex(uint8_t *to, const char *hex)
{
	unsigned int v;
	size_t n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ' || *hex == '\n')
			continue;
		if (sscanf(hex, "%2x", &v) != 1)
			abort();
		to[n++] = v;
		hex++;
	}
	return n;
}

/* Do exactly these bytes come? */
OT bool lt_hears(struct __test_metadata *_metadata, int peer,
		 const void *want, size_t len)
{
	const uint8_t *w = want;
	uint8_t *got = malloc(len);
	size_t i;
	bool good;

	good = got && lt_read(peer, got, len);
	if (!good)
		TH_LOG("%zu bytes did not come", len);
	for (i = 0; good && i < len; i++) {
		if (got[i] == w[i])
			continue;
		TH_LOG("byte %zu of %zu is %#x, not %#x", i, len, got[i], w[i]);
		good = false;
	}
	free(got);
	return good;
}

OT int lt_rcvtimeo(int fd)
{
	struct timeval tv = { .tv_sec = ot_limit(10000) / 1000 };

	return OT_ERR(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
				 sizeof(tv)));
}

/* A worker that hears what plain links bring, and waits 10 s at most. */
OT int lt_worker(const char *name, uint32_t scope)
{
	int fd = ot_worker(name, 0);

	if (fd >= 0) {
		lt_rcvtimeo(fd);
		if (scope)
			ot_accept(fd, scope | OCKAM_ACCEPT_LOCAL);
	}
	return fd;
}

OT int lt_hop(const struct lt_node *node, const char *name,
	      const struct ot_route *route, uint32_t scope)
{
	struct ockam_nl_hop hop = { .scope = scope };

	lt_key(&hop.address, name);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	ockam_nl_mark(&hop, OCKAM_A_HOP_SCOPE);
	if (route) {
		hop.route.len = route->len;
		memcpy(hop.route.data, route->data, route->len);
		ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	}
	return ockam_nl_hop_new(node->nl, &hop);
}

#endif /* LINK_TEST_H */
