// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Who of a node may send through a link: lists of uids and gids. */
#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define ALICE		2000
#define BOB		2001
#define GROUP		3000
#define OTHER_GROUP	3001

/* ---- lists ---- */

#define RANGES(...)	{ __VA_ARGS__ }

static int set_list(struct ockam_nl *nl, int link,
		    const struct ockam_nl_ranges *uids,
		    const struct ockam_nl_ranges *gids)
{
	struct ockam_nl_link set = { .id = link };

	ockam_nl_mark(&set, OCKAM_A_LINK_ID);
	if (uids) {
		set.send_uids = *uids;
		ockam_nl_mark(&set, OCKAM_A_LINK_SEND_UIDS);
	}
	if (gids) {
		set.send_gids = *gids;
		ockam_nl_mark(&set, OCKAM_A_LINK_SEND_GIDS);
	}
	return ockam_nl_link_set(nl, &set);
}

static struct ockam_nl_ranges one(uint32_t first, uint32_t last)
{
	return (struct ockam_nl_ranges){ .n = 1, .range = { { first, last } } };
}

static int allow_uids(const struct lt_node *node, int link, uint32_t first,
		      uint32_t last)
{
	struct ockam_nl_ranges r = one(first, last);

	return set_list(node->nl, link, &r, NULL);
}

static bool same_ranges(const struct ockam_nl_ranges *a,
			const struct ockam_nl_ranges *b)
{
	return a->n == b->n &&
	       !memcmp(a->range, b->range, a->n * sizeof(a->range[0]));
}

/* NULL: an absent list. */
static bool has_list(const struct lt_node *node, int id,
		     const struct ockam_nl_ranges *uids,
		     const struct ockam_nl_ranges *gids)
{
	struct ockam_nl_link link;

	if (lt_get(node, id, &link) ||
	    ockam_nl_has(&link, OCKAM_A_LINK_SEND_UIDS) != !!uids ||
	    ockam_nl_has(&link, OCKAM_A_LINK_SEND_GIDS) != !!gids)
		return false;
	return (!uids || same_ranges(&link.send_uids, uids)) &&
	       (!gids || same_ranges(&link.send_gids, gids));
}

/* ---- senders ---- */

/**
 * struct sender - who sends, from a process of its own
 * @uid: effective and all others
 * @gid: likewise
 * @group: supplementary group, 0: none
 * @fd: the socket, 0: one of its own
 * @route: where to
 * @cap: capability it has not, 0: as it comes
 * @token: token of a received message to pass on, 0: a message of its own
 */
struct sender {
	uid_t			uid;
	gid_t			gid;
	gid_t			group;
	int			fd;
	const struct ot_route	*route;
	int			cap;
	uint64_t		token;
};

static int become(const struct sender *s)
{
	if (setgroups(s->group ? 1 : 0, &s->group) ||
	    setresgid(s->gid, s->gid, s->gid))
		return -errno;
	if (s->cap && ot_cap_drop(s->cap))
		return -errno;
	return s->uid ? OT_ERR(setresuid(s->uid, s->uid, s->uid)) : 0;
}

static int send_it(void *arg)
{
	const struct sender *s = arg;
	struct ot_out out = { .to = s->route };
	ssize_t n;
	int fd;

	if (become(s))
		return 255;
	fd = s->fd ?: ot_socket(0);
	if (s->token) {
		out.token = s->token;
		out.token_flags = OCKAM_TOKEN_FORWARD;
	}
	n = ot_sendx(fd, &out, "hi", 2);
	return n == 2 ? 0 : n < 0 ? -n : 254;
}

static int make_socket(void *arg)
{
	return become(arg) ? -EPERM : ot_socket(0);
}

/* A socket that somebody else made. */
static int socket_of(uid_t uid)
{
	int pair[2], fd = -1;
	struct sender s = { .uid = uid, .gid = uid };
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	char buf[1];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		fd = make_socket(&s);
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		_exit(fd < 0 || sendmsg(pair[1], &msg, 0) != 1);
	}
	close(pair[1]);
	iov.iov_base = buf;
	if (recvmsg(pair[0], &msg, 0) == 1 && msg.msg_controllen)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	close(pair[0]);
	waitpid(pid, NULL, 0);
	return fd;
}

FIXTURE(list) {
	struct lt_node node;
	struct lt_wire w;
	struct ot_route to;
	struct ockam_nl_node before;
	uint64_t sent;
};

FIXTURE_SETUP(list)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_wire(&self->node, &self->w, lt_conf(.name = "l")));
	self->to = ot_route("l", "far", NULL);
	LT_MARK(&self->node, &self->before);
	self->sent = 0;
}

FIXTURE_TEARDOWN(list)
{
	close(self->w.peer);
	lt_node_free(&self->node);
}

#define SEND(...) ({							\
	struct sender __s = { .route = &self->to, __VA_ARGS__ };	\
									\
	ot_child(send_it, &__s);					\
})

#define MAY(...)	EXPECT_EQ(0, SEND(__VA_ARGS__))
#define MAY_NOT(...)	EXPECT_EQ(EACCES, SEND(__VA_ARGS__))

/* @n messages went out and @lost were refused since the last look. */
#define EXPECT_SENT(n, lost) do {					\
	struct ockam_nl_link __l;					\
	uint64_t __lost = lost;						\
									\
	EXPECT_EQ(0, lt_get(&self->node, self->w.link, &__l));		\
	EXPECT_EQ(n, __l.tx_msgs - self->sent);				\
	self->sent = __l.tx_msgs;					\
	EXPECT_DROPS(&self->node, &self->before,			\
		     OCKAM_DROP_SCOPE_LINK, __lost);			\
	LT_MARK(&self->node, &self->before);				\
} while (0)

TEST_F(list, is_absent_at_first)
{
	EXPECT_TRUE(has_list(&self->node, self->w.link, NULL, NULL));
	MAY(.uid = ALICE);
	MAY(.uid = BOB, .gid = GROUP);
	EXPECT_SENT(2, 0);
}

TEST_F(list, of_uids)
{
	struct ockam_nl_ranges uids = {
		.n = 2, .range = { { ALICE, ALICE }, { 2100, 2200 } },
	};

	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, &uids, NULL));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, NULL));
	MAY(.uid = ALICE);
	MAY(.uid = 2100);
	MAY(.uid = 2150);
	MAY(.uid = 2200);
	EXPECT_SENT(4, 0);
	MAY_NOT(.uid = BOB);
	MAY_NOT(.uid = 1999);
	MAY_NOT(.uid = 2099);
	MAY_NOT(.uid = 2201);
	/* A uid is no gid. */
	MAY_NOT(.uid = BOB, .gid = ALICE, .group = ALICE);
	EXPECT_SENT(0, 5);
}

TEST_F(list, of_gids)
{
	struct ockam_nl_ranges gids = one(GROUP, GROUP);

	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, &gids));
	EXPECT_TRUE(has_list(&self->node, self->w.link, NULL, &gids));
	MAY(.uid = BOB, .gid = GROUP);
	MAY(.uid = BOB, .gid = OTHER_GROUP, .group = GROUP);
	EXPECT_SENT(2, 0);
	MAY_NOT(.uid = BOB, .gid = OTHER_GROUP);
	MAY_NOT(.uid = BOB, .gid = OTHER_GROUP, .group = OTHER_GROUP);
	MAY_NOT(.uid = GROUP, .gid = OTHER_GROUP);
	EXPECT_SENT(0, 3);
}

TEST_F(list, of_both)
{
	struct ockam_nl_ranges uids = one(ALICE, ALICE);
	struct ockam_nl_ranges gids = one(GROUP, GROUP), none = {};

	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, &uids, &gids));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, &gids));
	MAY(.uid = ALICE, .gid = OTHER_GROUP);
	MAY(.uid = BOB, .gid = GROUP);
	MAY_NOT(.uid = BOB, .gid = OTHER_GROUP);
	EXPECT_SENT(2, 1);
	/* One replaces both. */
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, NULL));
	MAY_NOT(.uid = BOB, .gid = GROUP);
	/* What is not named stays. */
	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, NULL));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, NULL));
	EXPECT_SENT(0, 1);
	/* Empty: everybody. */
	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, &none));
	EXPECT_TRUE(has_list(&self->node, self->w.link, NULL, NULL));
	MAY(.uid = BOB);
	EXPECT_SENT(1, 0);
}

TEST_F(list, does_not_bind_the_administrator)
{
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	MAY(.uid = 0);
	EXPECT_SENT(1, 0);
	/* By this capability; being root is not enough. */
	MAY_NOT(.uid = 0, .cap = CAP_NET_ADMIN);
	MAY(.uid = 0, .cap = CAP_NET_BIND_SERVICE);
	EXPECT_SENT(1, 1);
}

/* The link's other name leads through the same list. */
TEST_F(list, holds_for_the_endpoint)
{
	struct ockam_nl_link link;

	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	memset(&self->to, 0, sizeof(self->to));
	ot_hop(&self->to, link.endpoint.data[0], link.endpoint.data + 2,
	       link.endpoint.data[1]);
	ot_local(&self->to, "far");
	MAY(.uid = ALICE);
	MAY_NOT(.uid = BOB);
	EXPECT_SENT(1, 1);
}

TEST_F(list, holds_behind_hops)
{
	struct ot_route to_link = ot_route("h", "l", NULL);

	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	ASSERT_EQ(0, lt_hop(&self->node, "h", NULL, OCKAM_ACCEPT_LOCAL));
	ASSERT_EQ(0, lt_hop(&self->node, "relay", &to_link,
			    OCKAM_ACCEPT_LOCAL));
	self->to = ot_route("h", "h", "l", "far", NULL);
	MAY(.uid = ALICE);
	MAY_NOT(.uid = BOB);
	self->to = ot_route("relay", "far", NULL);
	MAY(.uid = ALICE);
	MAY_NOT(.uid = BOB);
	EXPECT_SENT(2, 2);
}

/* A message that @from sends to a worker of @to's, and its token. */
static int receive_as(struct __test_metadata *_metadata, int fd, uid_t from,
		      uint64_t *token)
{
	struct ot_route route = ot_route("w", NULL);
	struct sender s = { .uid = from, .gid = from, .route = &route };
	struct ot_in in = {};
	char buf[8];

	EXPECT_EQ(0, ot_child(send_it, &s));
	EXPECT_EQ(2, ot_recvx(fd, &in, buf, sizeof(buf), 0));
	EXPECT_TRUE(in.has_token);
	*token = in.token.token;
	return 0;
}

TEST_F(list, holds_for_who_passes_on)
{
	uint64_t token;
	int fd;

	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));

	/* Bob passes on what Alice sent: it is he who sends. */
	fd = socket_of(BOB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_bind(fd, "w"));
	ASSERT_EQ(0, ot_set(fd, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	receive_as(_metadata, fd, ALICE, &token);
	LT_MARK(&self->node, &self->before);
	MAY_NOT(.uid = BOB, .fd = fd, .token = token);
	EXPECT_SENT(0, 1);
	close(fd);

	/* And what Bob sent may go if Alice passes it on. */
	fd = socket_of(ALICE);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_bind(fd, "w"));
	ASSERT_EQ(0, ot_set(fd, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	receive_as(_metadata, fd, BOB, &token);
	LT_MARK(&self->node, &self->before);
	MAY(.uid = ALICE, .fd = fd, .token = token);
	EXPECT_SENT(1, 0);
	close(fd);
}

/* What came in over a link and is passed on: switch and list, both. */
TEST_F(list, holds_for_who_passes_remote_messages_on)
{
	struct ot_in in = {};
	char buf[8];
	int fd;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	fd = socket_of(BOB);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_bind(fd, "w"));
	ASSERT_EQ(0, ot_accept(fd, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, ot_set(fd, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	ASSERT_EQ(0, lt_rcvtimeo(fd));
	ASSERT_TRUE(lt_tell(self->w.peer, "w", "hi", 2));
	ASSERT_EQ(2, ot_recvx(fd, &in, buf, sizeof(buf), 0));

	MAY(.uid = BOB, .fd = fd, .token = in.token.token);
	EXPECT_SENT(1, 0);
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	MAY_NOT(.uid = BOB, .fd = fd, .token = in.token.token);
	EXPECT_SENT(0, 1);
	close(fd);
}

/* Whoever only passes through this node is no sender of it. */
TEST_F(list, is_not_for_what_passes_through)
{
	struct ot_route onward = ot_route("l", "far", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {};
	struct lt_wire in;

	ASSERT_EQ(0, lt_wire(&self->node, &in, lt_conf(.name = "in")));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	lt_put_frame(&b, &onward, &ret, "hi", 2);
	ASSERT_TRUE(lt_write(in.peer, b.data, b.len));
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->node, OCKAM_STAT_LINK_TX) == 1));
	EXPECT_SENT(1, 0);
	lt_buf_free(&b);
	close(in.peer);
}

/* A helper that was handed a socket lends nothing, nor does who lent it. */
TEST_F(list, holds_for_borrowed_sockets)
{
	int alice = socket_of(ALICE), bob = socket_of(BOB), root = ot_socket(0);

	ASSERT_LE(0, alice);
	ASSERT_LE(0, bob);
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	MAY(.uid = ALICE, .fd = alice);
	MAY(.uid = ALICE, .fd = root);
	MAY(.uid = 0, .fd = alice);
	EXPECT_SENT(3, 0);
	MAY_NOT(.uid = BOB, .fd = alice);
	MAY_NOT(.uid = BOB, .fd = root);
	MAY_NOT(.uid = ALICE, .fd = bob);
	MAY_NOT(.uid = 0, .fd = bob);
	EXPECT_SENT(0, 4);
	close(alice);
	close(bob);
	close(root);
}

/* What a channel has made is the channel's right, which has an owner. */
TEST_F(list, is_not_for_channels)
{
	struct ockam_nl_channel set = {};
	struct ct_keys k;

	ct_keys(&k);
	ASSERT_EQ(0, ct_new(self->node.nl, &k, true, "enc", "dec", -1,
			    "l>peer"));
	set.encryptor.len = ct_flat(set.encryptor.data, "enc");
	set.owner = BOB;
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_OWNER);
	ASSERT_EQ(0, ockam_nl_channel_set(self->node.nl, &set));
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	MAY_NOT(.uid = BOB);
	EXPECT_SENT(0, 1);
	self->to = ot_route("enc", "far", NULL);
	MAY(.uid = BOB);
	EXPECT_SENT(1, 0);
	/* The list grants no channel. */
	MAY_NOT(.uid = ALICE);
	EXPECT_DROPS(&self->node, &self->before, OCKAM_DROP_SCOPE_ENCRYPTOR, 1);
}

TEST_F(list, is_inherited_by_accepted_links)
{
	struct ockam_nl_ranges uids = one(ALICE, ALICE);
	struct ockam_nl_ranges gids = one(GROUP, GROUP);
	struct ockam_nl_link door;
	struct sockaddr_storage at;
	struct lt_children c;
	struct lt_wire w;

	self->to = ot_route("x", "far", NULL);
	ASSERT_EQ(0, lt_wire_accept(&self->node, &w, "127.0.0.1", lt_conf()));
	/* This one was accepted before. */
	EXPECT_TRUE(has_list(&self->node, w.link, NULL, NULL));
	ASSERT_EQ(0, set_list(self->node.nl, w.parent, &uids, &gids));
	EXPECT_TRUE(has_list(&self->node, w.link, NULL, NULL));
	close(w.peer);
	/* Closed, or reset for the version byte that nobody has read. */
	EXPECT_LT(0, lt_gone(&self->node, w.link));

	ASSERT_EQ(0, lt_get(&self->node, w.parent, &door));
	at = lt_addr("127.0.0.1", door.local_port);
	w.peer = lt_tcp_connect(&at);
	ASSERT_LE(0, w.peer);
	ASSERT_TRUE(OT_WAIT(lt_children(&self->node, w.parent, &c) == 1));
	w.link = c.id[0];
	ASSERT_EQ(0, lt_name(&self->node, w.link, w.name));
	ASSERT_EQ(0, lt_wire_up(&self->node, &w));
	EXPECT_TRUE(has_list(&self->node, w.link, &uids, &gids));
	LT_MARK(&self->node, &self->before);
	self->to = ot_route(w.name, "far", NULL);
	MAY(.uid = ALICE);
	MAY_NOT(.uid = BOB);
	EXPECT_DROPS(&self->node, &self->before, OCKAM_DROP_SCOPE_LINK, 1);
	/* The parent's end does not take it away. */
	ASSERT_EQ(0, set_list(self->node.nl, w.parent, NULL,
			      &(struct ockam_nl_ranges){}));
	EXPECT_TRUE(has_list(&self->node, w.link, &uids, &gids));
	MAY_NOT(.uid = BOB);
	close(w.peer);
}

/* Made with the link, there is no moment without it. */
TEST_F(list, of_a_new_link)
{
	struct ockam_nl_link link = { .mode = OCKAM_LINK_MODE_LISTEN };
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);

	lt_ip(&link.local_ip, &at, &link.local_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_PORT);
	link.send_uids = one(ALICE, BOB);
	link.send_gids = one(GROUP, OTHER_GROUP);
	ockam_nl_mark(&link, OCKAM_A_LINK_SEND_UIDS);
	ockam_nl_mark(&link, OCKAM_A_LINK_SEND_GIDS);
	ASSERT_EQ(0, ockam_nl_link_new(self->node.nl, &link));
	EXPECT_TRUE(has_list(&self->node, link.id,
			     &(struct ockam_nl_ranges)RANGES(1, {{ ALICE, BOB }}),
			     &(struct ockam_nl_ranges)RANGES(1, {{ GROUP, OTHER_GROUP }})));
}

static int raw_list(struct ot_nl *nl, int link, int attr, const void *data,
		    size_t len)
{
	struct nlmsghdr *h = ot_nl_req(nl, OCKAM_CMD_LINK_SET);

	mnl_attr_put_u32(h, OCKAM_A_LINK_ID, link);
	mnl_attr_put(h, attr, len, data);
	return ot_nl_talk(nl, NULL, NULL);
}

TEST_F(list, wrong_lists)
{
	static const int attrs[] = { OCKAM_A_LINK_SEND_UIDS,
				     OCKAM_A_LINK_SEND_GIDS };
	struct ockam_nl_ranges uids = one(ALICE, ALICE), bad;
	uint32_t many[2 * 65];
	unsigned int i, links = lt_links(&self->node);
	struct ot_nl nl;

	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, &uids, NULL));
	ASSERT_EQ(0, ot_nl_open(&nl));
	for (i = 0; i < 2 * 65; i++)
		many[i] = i;
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, raw_list(&nl, self->w.link, attrs[i], many,
					    4));
		EXPECT_STREQ("not pairs of a first and a last id", nl.why);
		EXPECT_EQ(-EINVAL, raw_list(&nl, self->w.link, attrs[i], many,
					    15));
		EXPECT_EQ(-EMSGSIZE, raw_list(&nl, self->w.link, attrs[i],
					      many, sizeof(many)));
		EXPECT_STREQ("too many ranges", nl.why);
	}
	bad = one(5, 4);
	EXPECT_EQ(-EINVAL, set_list(self->node.nl, self->w.link, &bad, NULL));
	EXPECT_STREQ("send-uids", ockam_nl_bad_attribute(self->node.nl));
	bad = one(5, UINT32_MAX);
	EXPECT_EQ(-EINVAL, set_list(self->node.nl, self->w.link, &bad, NULL));
	EXPECT_STREQ("send-uids", ockam_nl_bad_attribute(self->node.nl));
	EXPECT_EQ(-EINVAL, set_list(self->node.nl, self->w.link, &uids, &bad));
	EXPECT_STREQ("send-gids", ockam_nl_bad_attribute(self->node.nl));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, NULL));
	EXPECT_EQ(-ENOENT, set_list(self->node.nl, 4711, &uids, NULL));
	/* As many as there may be. */
	EXPECT_EQ(0, raw_list(&nl, self->w.link, OCKAM_A_LINK_SEND_GIDS, many,
			      64 * 8));
	EXPECT_EQ(links, lt_links(&self->node));
	ot_nl_close(&nl);
}

static int try_to_change(void *arg)
{
	struct lt_node *node = arg;
	struct ockam_nl_ranges none = {};
	struct ockam_nl *nl;

	if (ot_unroot() || ockam_nl_open(&nl))
		return 1;
	if (set_list(nl, 1, &none, NULL) != -EPERM)
		return 2;
	return set_list(node->nl, 1, &none, NULL) == -EPERM ? 0 : 3;
}

TEST_F(list, is_for_administrators_to_change)
{
	struct ockam_nl_ranges uids = one(ALICE, ALICE);

	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, &uids, NULL));
	EXPECT_EQ(0, ot_child(try_to_change, &self->node));
	EXPECT_TRUE(has_list(&self->node, self->w.link, &uids, NULL));
}

/* ---- user namespaces ---- */

static int uids_of_a_container(void)
{
	struct ot_route to = ot_route("l", "far", NULL);
	struct ockam_nl_ranges uids = one(5, 7), bad = one(5, 100);
	struct sender s = { .route = &to };
	struct lt_node node;
	struct lt_wire w;
	uid_t uid;
	int err;

	if (lt_node_new(&node))
		return 77;
	if (lt_wire(&node, &w, lt_conf(.name = "l")))
		return 1;
	if (set_list(node.nl, w.link, &bad, NULL) != -EINVAL)
		return 2;
	if (set_list(node.nl, w.link, &uids, NULL) ||
	    !has_list(&node, w.link, &uids, NULL))
		return 3;
	for (uid = 4; uid <= 8; uid++) {
		int fd = -1;

		/* No gids are mapped here, nor may groups be set. */
		if (seteuid(uid))
			return 4;
		fd = ot_socket(0);
		err = ot_sendx(fd, ot_out(.to = s.route), "hi", 2);
		close(fd);
		if (seteuid(0))
			return 5;
		if (err != (uid >= 5 && uid <= 7 ? 2 : -EACCES))
			return 10 + uid;
	}
	return lt_drop(&node, OCKAM_DROP_SCOPE_LINK) == 2 ? 0 : 6;
}

TEST(list_in_a_container)
{
	int ret = ot_container(uids_of_a_container);

	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, ret);
}

/* Capabilities over another user namespace are none over this node. */
static int all_caps_elsewhere(void *arg)
{
	struct sender *s = arg;

	if (setresuid(BOB, BOB, BOB))
		return 1;
	if (unshare(CLONE_NEWUSER))
		return 77;
	return -ot_sendx(ot_socket(0), ot_out(.to = s->route), "hi", 2);
}

TEST_F(list, binds_a_container_in_this_node)
{
	struct sender s = { .route = &self->to };
	int ret;

	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, 0, ALICE));
	ret = ot_child(all_caps_elsewhere, &s);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(EACCES, ret);
	EXPECT_SENT(0, 1);
}

/* ---- waiting, races ---- */

static int send_until_it_fails(void *arg)
{
	const struct sender *s = arg;
	static char big[65536];
	ssize_t n;
	int fd;

	if (become(s))
		return 255;
	fd = ot_socket(0);
	do {
		n = ot_sendx(fd, ot_out(.to = s->route), big, sizeof(big));
	} while (n == sizeof(big));
	return -n;
}

/* Who waits for room is asked again. */
TEST_F(list, reaches_those_who_wait)
{
	struct sender s = { .uid = BOB, .gid = BOB, .route = &self->to };
	struct ockam_nl_link link;
	uint64_t last = 0;
	int status, quiet = 0;
	pid_t pid;

	/* Below what a socket may have under way: it waits for the link. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_TXQ_LIMIT, 65536));
	pid = fork();
	if (!pid)
		_exit(send_until_it_fails(&s));
	/* Full when nothing moves any more. */
	while (quiet < 20) {
		usleep(20000);
		ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
		quiet = link.tx_msgs && link.tx_msgs == last ? quiet + 1 : 0;
		last = link.tx_msgs;
	}
	ASSERT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_EQ(0, allow_uids(&self->node, self->w.link, ALICE, ALICE));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
}

/* By all that he had then: supplementary groups count each time. */
TEST_F(list, asks_for_supplementary_groups_again)
{
	struct sender s = { .uid = BOB, .gid = BOB, .group = GROUP,
			    .route = &self->to };
	struct ockam_nl_ranges gids = one(GROUP, GROUP);
	struct ockam_nl_link link;
	uint64_t last = 0;
	int status, quiet = 0;
	pid_t pid;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_TXQ_LIMIT, 65536));
	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, &gids));
	pid = fork();
	if (!pid)
		_exit(send_until_it_fails(&s));
	while (quiet < 20) {
		usleep(20000);
		ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
		quiet = link.tx_msgs && link.tx_msgs == last ? quiet + 1 : 0;
		last = link.tx_msgs;
	}
	/* Asked again, and still in the group. */
	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, &gids));
	usleep(200000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	gids = one(OTHER_GROUP, OTHER_GROUP);
	ASSERT_EQ(0, set_list(self->node.nl, self->w.link, NULL, &gids));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
}

struct storm {
	uid_t			uid;
	const struct ot_route	*to;
	int			rounds;
	bool			may_fail;
};

/* Messages sent, or -errno. */
static long storm(void *arg)
{
	struct storm *s = arg;
	long sent = 0;
	ssize_t n;
	int fd;

	if (syscall(SYS_setresuid, s->uid, s->uid, s->uid))
		return -errno;
	while (s->rounds--) {
		fd = ot_socket(0);
		if (fd < 0)
			return fd;
		n = ot_sendx(fd, ot_out(.to = s->to), "hi", 2);
		close(fd);
		if (n == -EACCES && s->may_fail)
			continue;
		if (n != 2)
			return n < 0 ? n : -EPROTO;
		sent++;
	}
	return sent;
}

TEST_F(list, storms)
{
	uint64_t seed = ot_seed(_metadata);
	struct storm s[2] = {
		{ ALICE, &self->to, 300, false },
		{ BOB, &self->to, 300, true },
	};
	struct ot_task t[2];
	struct ockam_nl_link link;
	long sent[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], storm, &s[i]));
	while (!ot_task_done(&t[0]) || !ot_task_done(&t[1])) {
		struct ockam_nl_ranges uids = one(ALICE, ALICE +
						  ot_below(&seed, 2));
		struct ockam_nl_ranges gids = one(GROUP, GROUP);

		if (!ot_below(&seed, 3))
			uids.n = gids.n = 0;
		ASSERT_EQ(0, set_list(self->node.nl, self->w.link, &uids,
				      &gids));
		ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	}
	for (i = 0; i < 2; i++) {
		sent[i] = ot_task_end(&t[i]);
		EXPECT_LE(0, sent[i]);
	}
	EXPECT_EQ(300, sent[0]);
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	EXPECT_EQ(sent[0] + sent[1], link.tx_msgs);
	EXPECT_EQ(300 - sent[1], lt_drop(&self->node, OCKAM_DROP_SCOPE_LINK));
}

TEST_HARNESS_MAIN
