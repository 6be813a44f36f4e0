// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What local users try on one another: sockets, of the family and of netlink,
 * that one opens and another writes to; sockets of others taken over.
 */
#include <sys/un.h>
#include <linux/capability.h>

#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define OTHER_UID	1002
#define OTHER_GID	1003

FIXTURE(user) {
	struct lt_node node;
	int app;
	int echoer;
};

FIXTURE_SETUP(user)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->echoer = lt_worker("echoer", 0);
	ASSERT_LE(0, self->echoer);
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	self->app = -1;
}

FIXTURE_TEARDOWN(user)
{
	close(self->app);
	close(self->echoer);
	lt_node_free(&self->node);
}

/* Opens something as an ordinary user, and is root again. */
static int as(uid_t uid, gid_t gid, int (*open)(void))
{
	int fd;

	if (setegid(gid) || seteuid(uid))
		return -errno;
	fd = open();
	if (seteuid(0) || setegid(0))
		abort();
	return fd;
}

static int open_worker(void)
{
	return ot_worker(NULL, 0);
}

/* A text through @fd to echoer, and what echoer is told of who said it. */
static int origin(int echoer, int fd, struct ot_in *in)
{
	char buf[8];

	if (ot_say(fd, "echoer", "who?") != 4)
		return -errno;
	if (ot_recvx(echoer, in, buf, sizeof(buf), MSG_DONTWAIT) != 4)
		return -ENODATA;
	return in->has_peer && in->peer.origin == OCKAM_ORIGIN_LOCAL ?
	       0 : -EPROTO;
}

/* ---- AF_OCKAM sockets ---- */

/* A setuid program writes to what the user has opened. */
TEST_F(user, root_writes_to_a_users_socket)
{
	struct ot_in in = {};

	self->app = as(OT_UID, OT_GID, open_worker);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(OCKAM_PEER_LENT, in.peer.flags);
	EXPECT_EQ(0, in.peer.uid);
	EXPECT_EQ(0, in.peer.gid);
	/* The user alone, with other credentials that say the same. */
	ASSERT_EQ(0, setegid(OT_GID));
	ASSERT_EQ(0, seteuid(OT_UID));
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(0, in.peer.flags);
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(OT_GID, in.peer.gid);
	/* Likewise a group. */
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(OTHER_GID));
	ASSERT_EQ(0, seteuid(OT_UID));
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(OCKAM_PEER_LENT, in.peer.flags);
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(OTHER_GID, in.peer.gid);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(0));
}

/* Root is nobody's loan: it could have said so itself. */
TEST_F(user, user_writes_to_roots_socket)
{
	struct ot_in in = {};

	self->app = open_worker();
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(0, in.peer.flags);
	ASSERT_EQ(0, setegid(OT_GID));
	ASSERT_EQ(0, seteuid(OT_UID));
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(0, in.peer.flags);
	EXPECT_EQ(OT_UID, in.peer.uid);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, setegid(0));
}

static int receive_fd(int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static int pass_fd(int sock, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { "f", 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = ot_cmsg(control, 0, SOL_SOCKET, SCM_RIGHTS,
					  &fd, sizeof(fd)),
	};

	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

struct passing {
	int sock;
	bool without_admin;
};

static int open_and_pass(void *arg)
{
	struct ot_route to = ot_route("echoer", NULL);
	struct passing *p = arg;
	int fd;

	if (p->without_admin ? ot_cap_drop(CAP_NET_ADMIN) : ot_unroot())
		return 1;
	fd = open_worker();
	if (fd < 0 || ot_connect(fd, &to))
		return 3;
	return pass_fd(p->sock, fd) ? 4 : 0;
}

/* The opener is gone, and had connected it: a plain write() speaks. */
TEST_F(user, passed_socket)
{
	struct passing p = {};
	struct ot_in in = {};
	char buf[8];
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
	p.sock = pair[1];
	ASSERT_EQ(0, ot_child(open_and_pass, &p));
	self->app = receive_fd(pair[0]);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(5, write(self->app, "oops\n", 5));
	ASSERT_EQ(5, ot_recvx(self->echoer, &in, buf, sizeof(buf),
			      MSG_DONTWAIT));
	EXPECT_EQ(OCKAM_PEER_LENT, in.peer.flags);
	EXPECT_EQ(0, in.peer.uid);
	EXPECT_EQ(getpid(), in.peer.pid);
	close(self->app);

	/* Without the capability, but with the same uid and gid: no loan. */
	p.without_admin = true;
	ASSERT_EQ(0, ot_child(open_and_pass, &p));
	self->app = receive_fd(pair[0]);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(0, in.peer.flags);
	/* With another uid it is one: the opener could not have said so. */
	ASSERT_EQ(0, seteuid(OT_UID));
	ASSERT_EQ(0, origin(self->echoer, self->app, &in));
	EXPECT_EQ(OCKAM_PEER_LENT, in.peer.flags);
	EXPECT_EQ(OT_UID, in.peer.uid);
	ASSERT_EQ(0, seteuid(0));
	close(pair[0]);
	close(pair[1]);
}

/* The mark stays on what is passed on with a token. */
TEST_F(user, loan_is_passed_on)
{
	struct sockaddr_ockam to = ot_name("echoer");
	struct ot_out out = {
		.name = &to,
		.token_flags = OCKAM_TOKEN_VERBATIM,
	};
	int relay = lt_worker("relay", 0);
	struct ot_in in = {};
	char buf[8];

	ASSERT_LE(0, relay);
	ASSERT_EQ(0, ot_set(relay, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	self->app = as(OT_UID, OT_GID, open_worker);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(4, ot_say(self->app, "relay", "who?"));
	ASSERT_EQ(4, ot_recvx(relay, &in, buf, sizeof(buf), 0));
	ASSERT_TRUE(in.has_token);
	out.token = in.token.token;
	ASSERT_EQ(4, ot_sendx(relay, &out, "who?", 4));
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, buf, sizeof(buf),
			      MSG_DONTWAIT));
	EXPECT_EQ(OCKAM_PEER_LENT | OCKAM_PEER_PASSED_ON, in.peer.flags);
	EXPECT_EQ(0, in.peer.uid);
	close(relay);
}

/* A channel's encryptor asks for the owner twice. */
TEST_F(user, channel_through_a_loan)
{
	struct ot_route r = ot_route("E1", "echoer", NULL);
	struct ockam_nl_channel ch, own = {};
	struct ct_keys k;
	uint64_t before;

	ct_keys(&k);
	ASSERT_EQ(0, ct_new(self->node.nl, &k, true, "E1", "D1", -1, "D2"));
	ASSERT_EQ(0, ct_new(self->node.nl, &k, false, "E2", "D2", -1, "D1"));
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_CHANNELS));
	own.encryptor.len = ct_flat(own.encryptor.data, "E1");
	ockam_nl_mark(&own, OCKAM_A_CHANNEL_ENCRYPTOR);
	own.owner = OT_UID;
	ockam_nl_mark(&own, OCKAM_A_CHANNEL_OWNER);
	ASSERT_EQ(0, ockam_nl_channel_set(self->node.nl, &own));

	/* Opened by somebody else, used by root, and by the owner. */
	before = lt_drop(&self->node, OCKAM_DROP_SCOPE_ENCRYPTOR);
	self->app = as(OTHER_UID, OTHER_GID, open_worker);
	ASSERT_LE(0, self->app);
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	ASSERT_EQ(0, seteuid(OT_UID));
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	ASSERT_EQ(0, seteuid(0));
	close(self->app);

	/* The owner's socket, used by somebody else, and by root. */
	self->app = as(OT_UID, OT_GID, open_worker);
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, seteuid(OTHER_UID));
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	EXPECT_EQ(before + 4, lt_drop(&self->node,
				      OCKAM_DROP_SCOPE_ENCRYPTOR));
	ASSERT_EQ(0, ct_get(self->node.nl, "E1", &ch));
	EXPECT_EQ(0, ch.tx_msgs);

	/* Used by the owner alone. */
	ASSERT_EQ(0, seteuid(OT_UID));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, ct_get(self->node.nl, "E1", &ch));
	EXPECT_EQ(1, ch.tx_msgs);
	EXPECT_EQ(1, ch.tx_nonce);
	EXPECT_EQ(0, ch.rx_nonce);
	ASSERT_EQ(0, ct_get(self->node.nl, "E2", &ch));
	EXPECT_EQ(0, ch.tx_nonce);
	EXPECT_EQ(1, ch.rx_nonce);
}

/* Reserved names ask both for the capability. */
TEST_F(user, reserved_name_on_a_loan)
{
	struct sockaddr_ockam sa;

	self->app = as(OT_UID, OT_GID, open_worker);
	ASSERT_LE(0, self->app);
	EXPECT_EQ(-EACCES, ot_bind(self->app, "api"));
	ASSERT_EQ(0, ot_getname(self->app, &sa));
	EXPECT_EQ(0, sa.sok_nhops);
	close(self->app);

	self->app = open_worker();
	ASSERT_LE(0, self->app);
	ASSERT_EQ(0, seteuid(OT_UID));
	EXPECT_EQ(-EACCES, ot_bind(self->app, "api"));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(0, ot_bind(self->app, "api"));
}

/* ---- netlink sockets ---- */

/*
 * As somebody writes who does not know what it is: without an address.  (With
 * one, the kernel takes it for granted that who sends means it.)  The number of
 * objects that came back, or -errno.
 */
static int spill(struct ot_nl *nl)
{
	struct nlmsghdr *h = (void *)nl->buf;
	int fd = mnl_socket_get_fd(nl->sock);
	int left, objects = 0;

	if (write(fd, h, h->nlmsg_len) != (ssize_t)h->nlmsg_len)
		return -errno;
	for (;;) {
		left = read(fd, nl->buf, sizeof(nl->buf));
		if (left < 0)
			return -errno;
		for (h = (void *)nl->buf; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_DONE)
				return objects;
			if (h->nlmsg_type == NLMSG_ERROR)
				return e->error ?: objects;
			objects++;
		}
	}
}

static int spill_worker(struct ot_nl *nl, const char *name)
{
	struct ot_route r = ot_route(name, NULL);

	mnl_attr_put(ot_nl_req(nl, OCKAM_CMD_WORKER_GET),
		     OCKAM_A_WORKER_ADDRESS, r.len, r.data);
	return spill(nl);
}

static int spill_dump(struct ot_nl *nl, uint8_t cmd)
{
	ot_nl_req(nl, cmd)->nlmsg_flags |= NLM_F_DUMP;
	return spill(nl);
}

/* What is refused; the line of the first thing that is not. */
static int try_nl(struct ot_nl *nl)
{
	mnl_attr_put_u32(ot_nl_req(nl, OCKAM_CMD_NODE_SET),
			 OCKAM_A_NODE_STALL_MS, 99);
	if (spill(nl) != -EPERM)
		return __LINE__;
	mnl_attr_put_u32(ot_nl_req(nl, OCKAM_CMD_CHANNEL_GET),
			 OCKAM_A_CHANNEL_ID, 1);
	if (spill(nl) != -EPERM)
		return __LINE__;
	ot_nl_req(nl, OCKAM_CMD_CHANNEL_FLUSH);
	if (spill(nl) != -EPERM)
		return __LINE__;
	if (spill_dump(nl, OCKAM_CMD_CHANNEL_GET) != -EPERM ||
	    spill_dump(nl, OCKAM_CMD_LINK_GET) != -EPERM)
		return __LINE__;
	/* Neither the workers of who sends nor those of who opened it. */
	if (spill_worker(nl, "echoer") != -ENOENT ||
	    spill_worker(nl, "users") != -ENOENT)
		return __LINE__;
	if (spill_dump(nl, OCKAM_CMD_WORKER_GET))
		return __LINE__;
	return 0;
}

static int open_users(void)
{
	return ot_worker("users", 0);
}

/* Both ways of it, and that nothing changed. */
FIXTURE(netlink) {
	struct lt_node node;
	struct ockam_nl_node before;
	struct ockam_nl_channel ch;
	int roots;
	int users;
	struct ot_nl nl;
};

FIXTURE_SETUP(netlink)
{
	struct ct_keys k;

	ASSERT_EQ(0, lt_node_new(&self->node));
	self->roots = ot_worker("echoer", 0);
	self->users = as(OT_UID, OT_GID, open_users);
	ASSERT_LE(0, self->roots);
	ASSERT_LE(0, self->users);
	ct_keys(&k);
	ASSERT_EQ(0, ct_new(self->node.nl, &k, true, "E1", "D1", -1, "D2"));
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &self->before));
}

FIXTURE_TEARDOWN(netlink)
{
	struct ockam_nl_node after = {};

	EXPECT_EQ(0, ockam_nl_node_get(self->node.nl, &after));
	EXPECT_EQ(self->before.stall_ms, after.stall_ms);
	EXPECT_EQ(0, ct_get(self->node.nl, "E1", &self->ch));
	ot_nl_close(&self->nl);
	close(self->roots);
	close(self->users);
	lt_node_free(&self->node);
}

TEST_F(netlink, root_writes_to_a_users_socket)
{
	ASSERT_EQ(0, seteuid(OT_UID));
	ASSERT_EQ(0, ot_nl_open(&self->nl));
	/* The user alone sees its own, also when it writes like that. */
	ASSERT_EQ(0, setresuid(OT_UID, OT_UID, 0));
	EXPECT_EQ(1, spill_worker(&self->nl, "users"));
	EXPECT_EQ(-ENOENT, spill_worker(&self->nl, "echoer"));
	ASSERT_EQ(0, setresuid(0, 0, 0));
	EXPECT_EQ(0, try_nl(&self->nl));
}

static int try_as_user(void *arg)
{
	return ot_unroot() ? 100 : try_nl(arg) ? 1 : 0;
}

TEST_F(netlink, user_writes_to_roots_socket)
{
	ASSERT_EQ(0, ot_nl_open(&self->nl));
	EXPECT_EQ(1, spill_worker(&self->nl, "echoer"));
	EXPECT_EQ(0, ot_child(try_as_user, &self->nl));
}

/* ---- sockets of others ---- */

struct theft {
	int fd;
};

static int take(struct ockam_nl *nl, int fd)
{
	struct ct_keys k;

	ct_keys(&k);
	return ct_new(nl, &k, true, "E1", NULL, fd, "far");
}

/*
 * With a descriptor of it, but not the right; and with the right over a node of
 * one's own, where the socket is not.
 */
static int steal(void *arg)
{
	struct theft *t = arg;
	struct ockam_nl *nl;
	struct lt_node own;
	int err;

	if (ot_unroot() || ockam_nl_open(&nl))
		return 1;
	if (take(nl, t->fd) != -EPERM)
		return 2;
	if (unshare(CLONE_NEWUSER))
		return errno == EPERM ? 77 : 3;
	/* All capabilities, but not here. */
	if (take(nl, t->fd) != -EPERM)
		return 4;
	if (lt_node_new(&own))
		return 5;
	err = take(own.nl, t->fd);
	if (err != -EINVAL && err != -EXDEV)
		return 6;
	return 0;
}

TEST_F(user, takes_over_anothers_socket)
{
	struct theft t = { .fd = ot_worker("shaking", 0) };
	struct sockaddr_ockam sa;
	struct ot_in in = {};
	char buf[8];
	int ret;

	ASSERT_LE(0, t.fd);
	ASSERT_EQ(0, ot_set(t.fd, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	self->app = open_worker();
	ASSERT_LE(0, self->app);
	ASSERT_EQ(4, ot_say(self->app, "shaking", "M1.."));
	ret = ot_child(steal, &t);
	/* It is where it was, and gets what it got. */
	ASSERT_EQ(0, ot_getname(t.fd, &sa));
	EXPECT_TRUE(ot_is(&sa, "shaking"));
	ASSERT_EQ(4, ot_recvx(t.fd, &in, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(buf, "M1..", 4));
	close(t.fd);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, ret);
}

TEST_HARNESS_MAIN
