// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The generic netlink family: every operation, right and wrong. A refusal names
 * its errno, says why, points at the attribute and changes nothing.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define KEY_LEN		32

/* ---- requests, byte by byte ---- */

/**
 * struct ask - a request and what came of it
 * @sock: netlink socket
 * @family: its number
 * @seq: of the last request
 * @req: the request
 * @err: 0 or -errno
 * @why: what the kernel said
 * @bad: attribute that it pointed at, or -1
 * @miss: attribute that it missed, or -1
 * @replies: messages that came before the end
 * @torn: one of them said that the dump is inconsistent
 * @all: every byte received since ask_clear()
 */
struct ask {
	int		sock;
	uint16_t	family;
	uint32_t	seq;
	union {
		struct nlmsghdr	nlh;
		char		bytes[20000];
	} req;
	int		err;
	char		why[256];
	int		bad;
	int		miss;
	unsigned int	replies;
	bool		torn;
	struct lt_buf	all;
};

static struct nlmsghdr *begin(struct ask *a, uint8_t cmd)
{
	struct genlmsghdr *g;

	memset(&a->req.nlh, 0, sizeof(a->req.nlh));
	mnl_nlmsg_put_header(&a->req.nlh);
	a->req.nlh.nlmsg_type = a->family;
	a->req.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	a->req.nlh.nlmsg_seq = ++a->seq;
	g = mnl_nlmsg_put_extra_header(&a->req.nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = OCKAM_FAMILY_VERSION;
	return &a->req.nlh;
}

static void put(struct ask *a, int attr, const void *data, size_t len)
{
	mnl_attr_put(&a->req.nlh, attr, len, data);
}

static void put32(struct ask *a, int attr, uint32_t v)
{
	put(a, attr, &v, 4);
}

static void put_name(struct ask *a, int attr, const char *name)
{
	struct ot_route r = ot_route(name, NULL);

	put(a, attr, r.data, r.len);
}

static int attr_at(const struct ask *a, uint32_t offset)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, &a->req.nlh, sizeof(struct genlmsghdr))
		if ((const char *)attr - a->req.bytes == offset)
			return mnl_attr_get_type(attr);
	return -2;
}

static void take_error(struct ask *a, const struct nlmsghdr *h, size_t skip)
{
	const struct nlattr *attr;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, h, skip) {
		switch (mnl_attr_get_type(attr)) {
		case NLMSGERR_ATTR_MSG:
			snprintf(a->why, sizeof(a->why), "%s",
				 mnl_attr_get_str(attr));
			break;
		case NLMSGERR_ATTR_OFFS:
			a->bad = attr_at(a, mnl_attr_get_u32(attr));
			break;
		case NLMSGERR_ATTR_MISS_TYPE:
			a->miss = mnl_attr_get_u32(attr);
			break;
		}
	}
}

typedef void (*reply_fn)(const struct nlmsghdr *h, void *arg);

/* Sends the request and takes what comes, to the end. */
static int ask(struct ask *a, reply_fn fn, void *arg)
{
	static char buf[65536] __attribute__((aligned(8)));
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *h;
	int left;
	ssize_t n;

	a->err = -ETIMEDOUT;
	a->why[0] = 0;
	a->bad = a->miss = -1;
	a->replies = 0;
	a->torn = false;
	if (sendto(a->sock, a->req.bytes, a->req.nlh.nlmsg_len, 0,
		   (void *)&kernel, sizeof(kernel)) < 0)
		return a->err = -errno;
	for (;;) {
		n = recv(a->sock, buf, sizeof(buf), 0);
		if (n < 0)
			return a->err = -errno;
		lt_put(&a->all, buf, n);
		left = n;
		for (h = (void *)buf; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
			size_t skip = sizeof(*e);

			if (h->nlmsg_seq != a->seq)
				continue;
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				a->torn = true;
			if (h->nlmsg_type == NLMSG_DONE) {
				a->err = *(int *)mnl_nlmsg_get_payload(h);
				if (a->err)
					take_error(a, h, sizeof(int));
				return a->err;
			}
			if (h->nlmsg_type != NLMSG_ERROR) {
				a->replies++;
				if (fn)
					fn(h, arg);
				continue;
			}
			if (!(h->nlmsg_flags & NLM_F_CAPPED) && e->error)
				skip += e->msg.nlmsg_len - sizeof(e->msg);
			take_error(a, h, MNL_ALIGN(skip));
			return a->err = e->error;
		}
	}
}

/* With or without the request echoed in errors. */
static int ask_open(struct ask *a, uint16_t family, bool cap)
{
	struct timeval tv = { .tv_sec = ot_limit(10000) / 1000 };
	int one = 1;

	memset(a, 0, sizeof(*a));
	a->family = family;
	a->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (a->sock < 0)
		return -errno;
	setsockopt(a->sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(a->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (cap)
		setsockopt(a->sock, SOL_NETLINK, NETLINK_CAP_ACK, &one,
			   sizeof(one));
	return 0;
}

static void ask_close(struct ask *a)
{
	close(a->sock);
	lt_buf_free(&a->all);
}

FIXTURE(ops) {
	struct lt_node node;
	struct ot_nl id;
	struct ask a;
};

FIXTURE_SETUP(ops)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, ot_nl_open(&self->id));
	ASSERT_EQ(0, ask_open(&self->a, self->id.id, true));
}

FIXTURE_TEARDOWN(ops)
{
	ask_close(&self->a);
	ot_nl_close(&self->id);
	lt_node_free(&self->node);
}

/* What a node holds and how it is set, to see that nothing has changed. */
static bool same_node(struct __test_metadata *_metadata, struct lt_node *node,
		      const struct ockam_nl_node *before)
{
	struct ockam_nl_node now = {};

	if (ockam_nl_node_get(node->nl, &now))
		return false;
	/* Counters are not what is meant. */
	memcpy(now.stats, before->stats, sizeof(now.stats));
	memcpy(now.drops, before->drops, sizeof(now.drops));
	if (!memcmp(&now, before, sizeof(now)))
		return true;
	TH_LOG("node has changed: %u links, %u channels, %u hops", now.links,
	       now.channels, now.hops);
	return false;
}

/* The request that was built fails so, with nothing changed. */
#define EXPECT_REFUSED(err_, why_, bad_, miss_) do {			\
	struct ockam_nl_node __before = {};				\
									\
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &__before));	\
	EXPECT_EQ(err_, ask(&self->a, NULL, NULL));			\
	EXPECT_NE(NULL, strstr(self->a.why, why_))			\
		TH_LOG("it said '%s'", self->a.why);			\
	EXPECT_EQ(bad_, self->a.bad);					\
	EXPECT_EQ(miss_, self->a.miss);					\
	EXPECT_TRUE(same_node(_metadata, &self->node, &__before));	\
} while (0)

/* ---- all operations ---- */

static const struct {
	uint8_t cmd;
	bool dump;
	bool admin;
	uint16_t last;	/* last attribute that it knows */
	uint16_t id;	/* attribute by which it is told what, or 0 */
	uint16_t name;	/* another one */
} op[] = {
	{ OCKAM_CMD_NODE_GET, false, false, 0, 0, 0 },
	{ OCKAM_CMD_NODE_SET, false, true, OCKAM_A_NODE_FORWARD, 0, 0 },
	{ OCKAM_CMD_WORKER_GET, true, false, OCKAM_A_WORKER_ADDRESS, 0, 0 },
	{ OCKAM_CMD_LINK_NEW, false, true, OCKAM_A_LINK_FRAME_MS, 0, 0 },
	{ OCKAM_CMD_LINK_GET, true, true, OCKAM_A_LINK_PARENT,
	  OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME },
	{ OCKAM_CMD_LINK_SET, false, true, OCKAM_A_LINK_FRAME_MS,
	  OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME },
	{ OCKAM_CMD_LINK_DEL, false, true, OCKAM_A_LINK_NAME,
	  OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME },
	{ OCKAM_CMD_LINK_FLUSH, false, true, 0, 0, 0 },
	{ OCKAM_CMD_CHANNEL_NEW, false, true, OCKAM_A_CHANNEL_SUCCEEDS, 0, 0 },
	{ OCKAM_CMD_CHANNEL_GET, true, true, OCKAM_A_CHANNEL_OWNER,
	  OCKAM_A_CHANNEL_ID, OCKAM_A_CHANNEL_ENCRYPTOR },
	{ OCKAM_CMD_CHANNEL_SET, false, true, OCKAM_A_CHANNEL_PINNED,
	  OCKAM_A_CHANNEL_ID, OCKAM_A_CHANNEL_ENCRYPTOR },
	{ OCKAM_CMD_CHANNEL_DEL, false, true, OCKAM_A_CHANNEL_QUIET,
	  OCKAM_A_CHANNEL_ID, OCKAM_A_CHANNEL_ENCRYPTOR },
	{ OCKAM_CMD_CHANNEL_FLUSH, false, true, 0, 0, 0 },
	{ OCKAM_CMD_HOP_NEW, false, true, OCKAM_A_HOP_ROUTE, 0, 0 },
	{ OCKAM_CMD_HOP_GET, true, true, OCKAM_A_HOP_ADDRESS,
	  OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS },
	{ OCKAM_CMD_HOP_DEL, false, true, OCKAM_A_HOP_ADDRESS,
	  OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS },
	{ OCKAM_CMD_HOP_FLUSH, false, true, 0, 0, 0 },
	{ OCKAM_CMD_HOP_SET, false, true, OCKAM_A_HOP_ROUTE,
	  OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS },
};

TEST_F(ops, refuse_unknown_attributes)
{
	static const char bytes[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(op); i++) {
		/* One that nobody knows, and one that others know. */
		begin(&self->a, op[i].cmd);
		put(&self->a, 500, bytes, 4);
		EXPECT_REFUSED(-EINVAL, "", 500, -1);
		EXPECT_STRNE("", self->a.why) TH_LOG("operation %u", i);
		begin(&self->a, op[i].cmd);
		put(&self->a, op[i].last + 2, bytes, 4);
		EXPECT_EQ(-EINVAL, ask(&self->a, NULL, NULL))
			TH_LOG("operation %u", i);
		EXPECT_STRNE("", self->a.why);
		/* In dumps as well. */
		if (!op[i].dump)
			continue;
		begin(&self->a, op[i].cmd)->nlmsg_flags |= NLM_F_DUMP;
		put(&self->a, 500, bytes, 4);
		EXPECT_REFUSED(-EINVAL, "", 500, -1);
	}
}

/* Bytes that are no attribute, half an attribute, a header that lies. */
TEST_F(ops, refuse_malformed_messages)
{
	struct nlattr half = { .nla_len = 64, .nla_type = 1 };
	struct genlmsghdr *g;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(op); i++) {
		struct nlmsghdr *h = begin(&self->a, op[i].cmd);

		memcpy(mnl_nlmsg_get_payload_tail(h), &half, sizeof(half));
		h->nlmsg_len += sizeof(half);
		EXPECT_EQ(-EINVAL, ask(&self->a, NULL, NULL))
			TH_LOG("operation %u", i);
		EXPECT_STRNE("", self->a.why);

		h = begin(&self->a, op[i].cmd);
		g = mnl_nlmsg_get_payload(h);
		g->reserved = 1;
		EXPECT_EQ(-EINVAL, ask(&self->a, NULL, NULL))
			TH_LOG("operation %u", i);
	}
	/* No such operation; notifications are none. */
	begin(&self->a, 200);
	EXPECT_EQ(-EOPNOTSUPP, ask(&self->a, NULL, NULL));
	begin(&self->a, OCKAM_CMD_LINK_NTF);
	EXPECT_EQ(-EOPNOTSUPP, ask(&self->a, NULL, NULL));
	begin(&self->a, OCKAM_CMD_NODE_GET)->nlmsg_flags |= NLM_F_DUMP;
	EXPECT_EQ(-EOPNOTSUPP, ask(&self->a, NULL, NULL));
}

/* By id or by name: one of them, well formed, of something that is there. */
TEST_F(ops, refuse_unknown_objects)
{
	static const uint8_t two_hops[] = { 0, 1, 'a', 0, 1, 'b' };
	static const uint8_t cut[] = { 0, 5, 'a' };
	unsigned int i;

	/* Names of workers are not names of links, channels or hops. */
	ASSERT_LE(0, lt_worker("worker", 0));
	for (i = 0; i < ARRAY_SIZE(op); i++) {
		if (!op[i].id)
			continue;
		begin(&self->a, op[i].cmd);
		EXPECT_REFUSED(-EINVAL, "missing", -1, op[i].id);
		begin(&self->a, op[i].cmd);
		put32(&self->a, op[i].id, 12345);
		EXPECT_REFUSED(-ENOENT, "no such", op[i].id, -1);
		begin(&self->a, op[i].cmd);
		put32(&self->a, op[i].id, 0);
		EXPECT_REFUSED(-ERANGE, "", op[i].id, -1);
		begin(&self->a, op[i].cmd);
		put_name(&self->a, op[i].name, "worker");
		EXPECT_REFUSED(-ENOENT, "no such", op[i].name, -1);
		begin(&self->a, op[i].cmd);
		put32(&self->a, op[i].id, 1);
		put_name(&self->a, op[i].name, "x");
		EXPECT_REFUSED(-EINVAL, "not both", op[i].name, -1);
		begin(&self->a, op[i].cmd);
		put(&self->a, op[i].name, two_hops, sizeof(two_hops));
		EXPECT_REFUSED(-EINVAL, "flat form", op[i].name, -1);
		begin(&self->a, op[i].cmd);
		put(&self->a, op[i].name, cut, sizeof(cut));
		EXPECT_REFUSED(-EINVAL, "flat form", op[i].name, -1);
		begin(&self->a, op[i].cmd);
		put(&self->a, op[i].name, cut, 0);
		EXPECT_REFUSED(-EINVAL, "", op[i].name, -1);
		/* An id of another length. */
		begin(&self->a, op[i].cmd);
		put(&self->a, op[i].id, two_hops, 3);
		EXPECT_EQ(-EINVAL, ask(&self->a, NULL, NULL));
		EXPECT_EQ(op[i].id, self->a.bad);
		EXPECT_STRNE("", self->a.why);
	}
}

/* ---- the node ---- */

TEST_F(ops, node_settings)
{
	static const struct {
		int attr;
		uint32_t min, max;
		int below, above;
	} set[] = {
		{ OCKAM_A_NODE_STALL_MS, 10, 3600000, -ERANGE, -ERANGE },
		{ OCKAM_A_NODE_PARK_LIMIT, 4096, 1U << 30, -ERANGE, -ERANGE },
		{ OCKAM_A_NODE_TXQ_LIMIT, 4096, 1U << 30, -ERANGE, -ERANGE },
		{ OCKAM_A_NODE_MAX_MSG, 1, OCKAM_MSG_MAX, -ERANGE, -ERANGE },
		{ OCKAM_A_NODE_MAX_LINKS, 0, 1U << 20, 0, -ERANGE },
		{ OCKAM_A_NODE_MAX_CHANNELS, 0, 1U << 20, 0, -ERANGE },
		{ OCKAM_A_NODE_MAX_HOPS, 0, 1U << 20, 0, -ERANGE },
		{ OCKAM_A_NODE_REPLY_MS, 0, 86400000, 0, -ERANGE },
		{ OCKAM_A_NODE_FORWARD, 0, 0xf, 0, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		struct ockam_nl_node before = {}, now = {};

		begin(&self->a, OCKAM_CMD_NODE_SET);
		put32(&self->a, set[i].attr, set[i].max);
		EXPECT_EQ(0, ask(&self->a, NULL, NULL));
		begin(&self->a, OCKAM_CMD_NODE_SET);
		put32(&self->a, set[i].attr, set[i].min);
		EXPECT_EQ(0, ask(&self->a, NULL, NULL));
		if (set[i].below) {
			begin(&self->a, OCKAM_CMD_NODE_SET);
			put32(&self->a, set[i].attr, set[i].min - 1);
			EXPECT_REFUSED(set[i].below, "", set[i].attr, -1);
			EXPECT_STRNE("", self->a.why);
		}
		begin(&self->a, OCKAM_CMD_NODE_SET);
		put32(&self->a, set[i].attr, set[i].max + 1);
		EXPECT_REFUSED(set[i].above, "", set[i].attr, -1);
		EXPECT_STRNE("", self->a.why);
		begin(&self->a, OCKAM_CMD_NODE_SET);
		put(&self->a, set[i].attr, &i, 3);
		EXPECT_REFUSED(-EINVAL, "", set[i].attr, -1);

		/* One bad attribute, and the good one beside it is not set. */
		ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &before));
		begin(&self->a, OCKAM_CMD_NODE_SET);
		put32(&self->a, OCKAM_A_NODE_REPLY_MS, 4711);
		put32(&self->a, OCKAM_A_NODE_STALL_MS, 3600001);
		EXPECT_REFUSED(-ERANGE, "range", OCKAM_A_NODE_STALL_MS, -1);
		ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
		EXPECT_NE(4711, now.reply_ms);
	}
	/* Counters and numbers are not for setting. */
	begin(&self->a, OCKAM_CMD_NODE_SET);
	put32(&self->a, OCKAM_A_NODE_LINKS, 1);
	EXPECT_REFUSED(-EINVAL, "", OCKAM_A_NODE_LINKS, -1);
	begin(&self->a, OCKAM_CMD_NODE_SET);
	put32(&self->a, OCKAM_A_NODE_FAMILY, 19);
	EXPECT_EQ(-EINVAL, ask(&self->a, NULL, NULL));
	/* Nothing at all is not wrong. */
	begin(&self->a, OCKAM_CMD_NODE_SET);
	EXPECT_EQ(0, ask(&self->a, NULL, NULL));
}

/* Settings are the node's own. */
TEST_F(ops, node_is_a_namespace)
{
	struct ockam_nl_node here = {}, there = {};
	struct lt_node other;

	ASSERT_EQ(0, lt_node_new(&other));
	ASSERT_EQ(0, lt_hop(&other, "hop", NULL, OCKAM_ACCEPT_LOCAL));
	ASSERT_EQ(0, lt_set(&other, OCKAM_A_NODE_STALL_MS, 77));
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &here));
	ASSERT_EQ(0, ockam_nl_node_get(other.nl, &there));
	EXPECT_EQ(77, there.stall_ms);
	EXPECT_EQ(10000, here.stall_ms);
	EXPECT_EQ(1, there.hops);
	EXPECT_EQ(0, here.hops);
	EXPECT_EQ(AF_OCKAM, here.family);
	EXPECT_EQ(OCKAM_ABI, here.abi);
	lt_node_free(&other);
}

/* ---- new links ---- */

static void link_new(struct ask *a, uint32_t mode)
{
	begin(a, OCKAM_CMD_LINK_NEW);
	put32(a, OCKAM_A_LINK_MODE, mode);
}

static void put_ip(struct ask *a, int ip, int port, uint16_t number)
{
	static const uint8_t lo[] = { 127, 0, 0, 1 };

	number = htons(number);
	put(a, ip, lo, 4);
	put(a, port, &number, 2);
}

#define REMOTE	OCKAM_A_LINK_REMOTE_IP, OCKAM_A_LINK_REMOTE_PORT
#define LOCAL	OCKAM_A_LINK_LOCAL_IP, OCKAM_A_LINK_LOCAL_PORT

TEST_F(ops, link_new_refusals)
{
	static const uint8_t bytes[300];
	struct ask *a = &self->a;

	begin(a, OCKAM_CMD_LINK_NEW);
	put_ip(a, REMOTE, 1);
	EXPECT_REFUSED(-EINVAL, "mode is missing", -1, OCKAM_A_LINK_MODE);
	link_new(a, 0);
	EXPECT_REFUSED(-ERANGE, "", OCKAM_A_LINK_MODE, -1);
	link_new(a, 5);
	EXPECT_REFUSED(-ERANGE, "", OCKAM_A_LINK_MODE, -1);
	link_new(a, OCKAM_LINK_MODE_ACCEPTED);
	EXPECT_REFUSED(-EINVAL, "only a listening link makes",
		       OCKAM_A_LINK_MODE, -1);
	link_new(a, OCKAM_LINK_MODE_HANDOVER);
	put32(a, OCKAM_A_LINK_KIND, OCKAM_LINK_KIND_UDP);
	EXPECT_REFUSED(-EOPNOTSUPP, "only TCP", OCKAM_A_LINK_KIND, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put32(a, OCKAM_A_LINK_KIND, 3);
	EXPECT_REFUSED(-ERANGE, "", OCKAM_A_LINK_KIND, -1);

	/* where to */
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	EXPECT_REFUSED(-EINVAL, "where to connect", -1, OCKAM_A_LINK_REMOTE_IP);
	link_new(a, OCKAM_LINK_MODE_LISTEN);
	EXPECT_REFUSED(-EINVAL, "where to listen", -1, OCKAM_A_LINK_LOCAL_IP);
	link_new(a, OCKAM_LINK_MODE_HANDOVER);
	EXPECT_REFUSED(-EINVAL, "socket to hand over", -1, OCKAM_A_LINK_FD);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put(a, OCKAM_A_LINK_REMOTE_IP, bytes, 4);
	EXPECT_REFUSED(-EINVAL, "port is missing", -1,
		       OCKAM_A_LINK_REMOTE_PORT);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put(a, OCKAM_A_LINK_REMOTE_PORT, bytes, 2);
	EXPECT_REFUSED(-EINVAL, "IP address is missing", -1,
		       OCKAM_A_LINK_REMOTE_IP);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put(a, OCKAM_A_LINK_REMOTE_IP, bytes, 5);
	put(a, OCKAM_A_LINK_REMOTE_PORT, bytes, 2);
	EXPECT_REFUSED(-EINVAL, "4 or 16 bytes", OCKAM_A_LINK_REMOTE_IP, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put(a, OCKAM_A_LINK_REMOTE_IP, bytes, 4);
	put(a, OCKAM_A_LINK_REMOTE_PORT, bytes, 4);
	EXPECT_REFUSED(-EINVAL, "", OCKAM_A_LINK_REMOTE_PORT, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_REMOTE_SCOPE_ID, 1);
	EXPECT_REFUSED(-EINVAL, "only IPv6", OCKAM_A_LINK_REMOTE_SCOPE_ID, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put(a, OCKAM_A_LINK_LOCAL_IP, bytes, 16);
	put(a, OCKAM_A_LINK_LOCAL_PORT, bytes, 2);
	EXPECT_REFUSED(-EINVAL, "do not mix", OCKAM_A_LINK_LOCAL_IP, -1);
	link_new(a, OCKAM_LINK_MODE_LISTEN);
	put_ip(a, LOCAL, 0);
	put_ip(a, REMOTE, 1);
	EXPECT_REFUSED(-EINVAL, "has no peer", OCKAM_A_LINK_REMOTE_IP, -1);
	link_new(a, OCKAM_LINK_MODE_HANDOVER);
	put32(a, OCKAM_A_LINK_FD, 0);
	put_ip(a, REMOTE, 1);
	EXPECT_REFUSED(-EINVAL, "has its addresses", OCKAM_A_LINK_REMOTE_IP,
		       -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_FD, 0);
	EXPECT_REFUSED(-EINVAL, "not handover", OCKAM_A_LINK_FD, -1);
	link_new(a, OCKAM_LINK_MODE_HANDOVER);
	put32(a, OCKAM_A_LINK_FD, 0xffffffff);
	EXPECT_REFUSED(-EBADF, "not a descriptor", OCKAM_A_LINK_FD, -1);

	/* names */
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put_name(a, OCKAM_A_LINK_NAME, "seventeen-bytes-!");
	EXPECT_REFUSED(-EINVAL, "too long", OCKAM_A_LINK_NAME, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put(a, OCKAM_A_LINK_NAME, "\1\1a", 3);
	EXPECT_REFUSED(-EINVAL, "type 0", OCKAM_A_LINK_NAME, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put(a, OCKAM_A_LINK_NAME, "\0\0", 2);
	EXPECT_REFUSED(-EINVAL, "", OCKAM_A_LINK_NAME, -1);
	EXPECT_STRNE("", a->why);

	/* options of another mode, or out of range */
	link_new(a, OCKAM_LINK_MODE_LISTEN);
	put_ip(a, LOCAL, 0);
	put32(a, OCKAM_A_LINK_RECONNECT_MIN_MS, 1);
	EXPECT_REFUSED(-EINVAL, "only a connecting",
		       OCKAM_A_LINK_RECONNECT_MIN_MS, -1);
	link_new(a, OCKAM_LINK_MODE_LISTEN);
	put_ip(a, LOCAL, 0);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 1);
	EXPECT_REFUSED(-EINVAL, "only a connecting",
		       OCKAM_A_LINK_RECONNECT_MAX_MS, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_MAX_ACCEPTED, 1);
	EXPECT_REFUSED(-EINVAL, "only a listening",
		       OCKAM_A_LINK_MAX_ACCEPTED, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_UDP_FORM, OCKAM_UDP_FORM_NATIVE);
	EXPECT_REFUSED(-EINVAL, "only a UDP link", OCKAM_A_LINK_UDP_FORM, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_RECONNECT_MIN_MS, 2000);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 1999);
	EXPECT_REFUSED(-EINVAL, "below the first",
		       OCKAM_A_LINK_RECONNECT_MAX_MS, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_FRAME_MS, 3600001);
	EXPECT_REFUSED(-ERANGE, "range", OCKAM_A_LINK_FRAME_MS, -1);
	link_new(a, OCKAM_LINK_MODE_CONNECT);
	put_ip(a, REMOTE, 1);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 3600001);
	EXPECT_REFUSED(-ERANGE, "range", OCKAM_A_LINK_RECONNECT_MAX_MS, -1);
}

TEST_F(ops, link_set_and_get)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_link l, by_name = {};
	struct ask *a = &self->a;
	int listening, connecting;

	listening = lt_listen(&self->node, &at, lt_conf(.name = "door"));
	ASSERT_LT(0, listening);
	at = lt_addr("127.0.0.1", 1);
	connecting = lt_connect(&self->node, &at,
				lt_conf(.name = "peer",
					.reconnect_min_ms = 60000,
					.reconnect_max_ms = 60000));
	ASSERT_LT(0, connecting);

	begin(a, OCKAM_CMD_LINK_SET);
	put32(a, OCKAM_A_LINK_ID, listening);
	put32(a, OCKAM_A_LINK_RECONNECT_MIN_MS, 5);
	EXPECT_REFUSED(-EINVAL, "only a connecting",
		       OCKAM_A_LINK_RECONNECT_MIN_MS, -1);
	begin(a, OCKAM_CMD_LINK_SET);
	put32(a, OCKAM_A_LINK_ID, listening);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 5);
	EXPECT_REFUSED(-EINVAL, "only a connecting",
		       OCKAM_A_LINK_RECONNECT_MAX_MS, -1);
	begin(a, OCKAM_CMD_LINK_SET);
	put_name(a, OCKAM_A_LINK_NAME, "peer");
	put32(a, OCKAM_A_LINK_MAX_ACCEPTED, 5);
	EXPECT_REFUSED(-EINVAL, "only a listening",
		       OCKAM_A_LINK_MAX_ACCEPTED, -1);
	begin(a, OCKAM_CMD_LINK_SET);
	put_name(a, OCKAM_A_LINK_NAME, "peer");
	put32(a, OCKAM_A_LINK_FRAME_MS, 77);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 59999);
	EXPECT_REFUSED(-EINVAL, "below the first",
		       OCKAM_A_LINK_RECONNECT_MAX_MS, -1);
	begin(a, OCKAM_CMD_LINK_SET);
	put_name(a, OCKAM_A_LINK_NAME, "peer");
	put32(a, OCKAM_A_LINK_FRAME_MS, 3600001);
	EXPECT_REFUSED(-ERANGE, "range", OCKAM_A_LINK_FRAME_MS, -1);
	ASSERT_EQ(0, lt_get(&self->node, connecting, &l));
	EXPECT_EQ(0, l.frame_ms);
	EXPECT_EQ(60000, l.reconnect_max_ms);

	begin(a, OCKAM_CMD_LINK_SET);
	put_name(a, OCKAM_A_LINK_NAME, "peer");
	put32(a, OCKAM_A_LINK_FRAME_MS, 77);
	put32(a, OCKAM_A_LINK_RECONNECT_MIN_MS, 1234);
	put32(a, OCKAM_A_LINK_RECONNECT_MAX_MS, 5678);
	EXPECT_EQ(0, ask(a, NULL, NULL));
	ASSERT_EQ(0, lt_get(&self->node, connecting, &l));
	EXPECT_EQ(77, l.frame_ms);
	EXPECT_EQ(1234, l.reconnect_min_ms);
	EXPECT_EQ(5678, l.reconnect_max_ms);

	lt_key(&by_name.name, "door");
	ockam_nl_mark(&by_name, OCKAM_A_LINK_NAME);
	ASSERT_EQ(0, ockam_nl_link_get(self->node.nl, &by_name));
	EXPECT_EQ(listening, by_name.id);
	EXPECT_EQ(OCKAM_LINK_MODE_LISTEN, by_name.mode);
	EXPECT_EQ(1024, by_name.max_accepted);
	/* A listening link has no peer. */
	EXPECT_FALSE(ockam_nl_has(&by_name, OCKAM_A_LINK_REMOTE_IP));
	EXPECT_FALSE(ockam_nl_has(&by_name, OCKAM_A_LINK_ENDPOINT));
}

/* ---- hops ---- */

TEST_F(ops, hop_refusals)
{
	struct ot_route r = ot_route("next", NULL);
	struct ask *a = &self->a;
	uint8_t key[300] = { 0, 255 };
	unsigned int i;

	begin(a, OCKAM_CMD_HOP_NEW);
	EXPECT_REFUSED(-EINVAL, "address is missing", -1, OCKAM_A_HOP_ADDRESS);
	begin(a, OCKAM_CMD_HOP_NEW);
	put(a, OCKAM_A_HOP_ADDRESS, "\2\1a", 3);
	EXPECT_REFUSED(-EINVAL, "type 0", OCKAM_A_HOP_ADDRESS, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put(a, OCKAM_A_HOP_ADDRESS, "\0\2a", 3);
	EXPECT_REFUSED(-EINVAL, "flat form", OCKAM_A_HOP_ADDRESS, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "00112233445566778899aabbccddeeff");
	EXPECT_REFUSED(-EINVAL, "random", OCKAM_A_HOP_ADDRESS, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	put32(a, OCKAM_A_HOP_SCOPE, 0x20);
	EXPECT_REFUSED(-EINVAL, "", OCKAM_A_HOP_SCOPE, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	put32(a, OCKAM_A_HOP_SCOPE, OCKAM_ACCEPT_IDS);
	EXPECT_REFUSED(-EINVAL, "identifiers", OCKAM_A_HOP_SCOPE, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	put(a, OCKAM_A_HOP_ROUTE, "", 0);
	EXPECT_REFUSED(-EINVAL, "not a route", OCKAM_A_HOP_ROUTE, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	put(a, OCKAM_A_HOP_ROUTE, r.data, r.len - 1);
	EXPECT_REFUSED(-EINVAL, "not a route", OCKAM_A_HOP_ROUTE, -1);
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	for (i = 0; i < 64; i++)
		ot_local(&r, "n");
	put(a, OCKAM_A_HOP_ROUTE, r.data, r.len);
	EXPECT_REFUSED(-EMSGSIZE, "too long", OCKAM_A_HOP_ROUTE, -1);

	/* 255 bytes are an address; taken ones are taken. */
	memset(key + 2, 'x', 255);
	begin(a, OCKAM_CMD_HOP_NEW);
	put(a, OCKAM_A_HOP_ADDRESS, key, 257);
	EXPECT_EQ(0, ask(a, NULL, NULL));
	EXPECT_EQ(1, a->replies);
	begin(a, OCKAM_CMD_HOP_NEW);
	put(a, OCKAM_A_HOP_ADDRESS, key, 257);
	EXPECT_REFUSED(-EADDRINUSE, "taken", OCKAM_A_HOP_ADDRESS, -1);
	ASSERT_LE(0, lt_worker("worker", 0));
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "worker");
	EXPECT_REFUSED(-EADDRINUSE, "taken", OCKAM_A_HOP_ADDRESS, -1);

	/* As many as there may be. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_HOPS, 1));
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	EXPECT_REFUSED(-ENOSPC, "as many hops", -1, -1);
	begin(a, OCKAM_CMD_HOP_DEL);
	put(a, OCKAM_A_HOP_ADDRESS, key, 257);
	EXPECT_EQ(0, ask(a, NULL, NULL));
	begin(a, OCKAM_CMD_HOP_NEW);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	EXPECT_EQ(0, ask(a, NULL, NULL));
	begin(a, OCKAM_CMD_HOP_FLUSH);
	EXPECT_EQ(0, ask(a, NULL, NULL));
	begin(a, OCKAM_CMD_HOP_GET);
	put_name(a, OCKAM_A_HOP_ADDRESS, "hop");
	EXPECT_REFUSED(-ENOENT, "no such hop", OCKAM_A_HOP_ADDRESS, -1);
}

static int turn_hop(struct lt_node *node, const char *to)
{
	struct ot_route r = ot_route(to, NULL);
	struct ockam_nl_hop hop = {};

	lt_key(&hop.address, "door");
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	hop.route.len = r.len;
	memcpy(hop.route.data, r.data, r.len);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);
	return ockam_nl_hop_set(node->nl, &hop);
}

static void get_door(struct lt_node *node, struct ockam_nl_hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	lt_key(&hop->address, "door");
	ockam_nl_mark(hop, OCKAM_A_HOP_ADDRESS);
	if (ockam_nl_hop_get(node->nl, hop))
		memset(hop, 0, sizeof(*hop));
}

/* What is not named stays; refusals change nothing. */
TEST_F(ops, hop_set)
{
	struct ot_route r = ot_route("east", NULL);
	struct ockam_nl_hop before, now;
	struct ask *a = &self->a;
	int east, west, fd;

	east = lt_worker("east", 0);
	west = lt_worker("west", 0);
	fd = ot_socket(0);
	ASSERT_LE(0, east);
	ASSERT_LE(0, west);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lt_hop(&self->node, "door", &r, OCKAM_ACCEPT_LOCAL |
						      OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(1, ot_say(fd, "door", "1"));
	EXPECT_TRUE(ot_hears(east, "1"));
	get_door(&self->node, &before);
	EXPECT_EQ(1, before.msgs);

	EXPECT_EQ(0, turn_hop(&self->node, "west"));
	ASSERT_EQ(1, ot_say(fd, "door", "2"));
	EXPECT_TRUE(ot_hears(west, "2"));
	get_door(&self->node, &now);
	EXPECT_EQ(before.id, now.id);
	EXPECT_EQ(before.scope, now.scope);
	EXPECT_EQ(2, now.msgs);

	begin(a, OCKAM_CMD_HOP_SET);
	put32(a, OCKAM_A_HOP_ID, now.id);
	put32(a, OCKAM_A_HOP_SCOPE, OCKAM_ACCEPT_IDS);
	EXPECT_REFUSED(-EINVAL, "identifiers", OCKAM_A_HOP_SCOPE, -1);
	begin(a, OCKAM_CMD_HOP_SET);
	put32(a, OCKAM_A_HOP_ID, now.id);
	put(a, OCKAM_A_HOP_ROUTE, r.data, r.len - 1);
	EXPECT_REFUSED(-EINVAL, "not a route", OCKAM_A_HOP_ROUTE, -1);
	begin(a, OCKAM_CMD_HOP_SET);
	put32(a, OCKAM_A_HOP_ID, now.id);
	put32(a, OCKAM_A_HOP_SCOPE, OCKAM_ACCEPT_CHANNELS);
	EXPECT_EQ(0, ask(a, NULL, NULL));
	get_door(&self->node, &now);
	EXPECT_EQ(before.id, now.id);
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_CHANNELS, now.scope);
	ASSERT_EQ(1, ot_say(fd, "door", "3"));
	EXPECT_TRUE(ot_hears(west, "3"));
	close(fd);
	close(west);
	close(east);
}

#define TURNS 400

static int turn_for_long(void)
{
	static const char *const to[] = { "west", "east" };
	struct lt_node node = {};
	int i, err;

	err = ockam_nl_open(&node.nl);
	for (i = 0; i < TURNS && !err; i++)
		err = turn_hop(&node, to[i % 2]);
	return err ? 1 : 0;
}

/* While it is turned to and fro, every message goes one way or the other. */
TEST_F(ops, hop_set_loses_nothing)
{
	struct ot_route r = ot_route("east", NULL);
	unsigned int sent = 0, heard[2] = {};
	uint64_t end = ot_ms() + ot_limit(60000);
	int east, west, fd, status;
	pid_t pid;

	east = lt_worker("east", 0);
	west = lt_worker("west", 0);
	fd = ot_socket(0);
	ASSERT_LE(0, east);
	ASSERT_LE(0, west);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lt_hop(&self->node, "door", &r, OCKAM_ACCEPT_LOCAL));
	/* Again, if only one of them had its turn while this was running. */
	do {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(turn_for_long());
		while (!waitpid(pid, &status, WNOHANG)) {
			ASSERT_EQ(1, ot_say(fd, "door", "x"));
			sent++;
			if (ot_hears(west, "x"))
				heard[0]++;
			else if (ot_hears(east, "x"))
				heard[1]++;
			ASSERT_EQ(sent, heard[0] + heard[1]);
		}
		ASSERT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	} while ((!heard[0] || !heard[1]) && ot_ms() < end);
	EXPECT_LT(0, heard[0]);
	EXPECT_LT(0, heard[1]);
	TH_LOG("%u messages, %u and %u", sent, heard[0], heard[1]);
	close(fd);
	close(west);
	close(east);
}

/* ---- dumps ---- */

struct seen {
	uint32_t last;
	unsigned int n;
	unsigned int wrong;
	bool name[4096];
};

static void see_hop(const struct nlmsghdr *h, void *arg)
{
	struct nlattr *attr;
	struct seen *s = arg;
	uint32_t id = 0;
	int number = -1;

	mnl_attr_for_each(attr, h, sizeof(struct genlmsghdr)) {
		const char *p = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == OCKAM_A_HOP_ID)
			id = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == OCKAM_A_HOP_ADDRESS)
			number = atoi(p + 2);
	}
	/* In the order of their ids, each once. */
	if (id <= s->last || number < 0 || number >= 4096 || s->name[number])
		s->wrong++;
	else
		s->name[number] = true;
	s->last = id;
	s->n++;
}

#define HOPS 3000

static struct ot_route numbered(unsigned int i)
{
	char name[32];

	snprintf(name, sizeof(name), "%05u-%.*s", i, i % 20,
		 "abcdefghijklmnopqrstuvwxyz");
	return ot_route(name, NULL);
}

static int make_hops(struct ask *a, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct ot_route r = numbered(i);

		begin(a, OCKAM_CMD_HOP_NEW);
		put(a, OCKAM_A_HOP_ADDRESS, r.data, r.len);
		/* Records of very different sizes. */
		if (!(i % 7)) {
			struct ot_route route = {};

			while (route.nhops < i % 60 + 1)
				ot_local(&route, "a-hop-of-the-route");
			put(a, OCKAM_A_HOP_ROUTE, route.data, route.len);
		}
		if (ask(a, NULL, NULL))
			return a->err;
		a->all.len = 0;
	}
	return 0;
}

TEST_F_TIMEOUT(ops, dump_of_thousands, 120)
{
	struct ask *a = &self->a, b;
	struct seen *s = calloc(1, sizeof(*s));

	ASSERT_EQ(0, make_hops(a, HOPS));
	begin(a, OCKAM_CMD_HOP_GET)->nlmsg_flags |= NLM_F_DUMP;
	ASSERT_EQ(0, ask(a, see_hop, s));
	EXPECT_EQ(HOPS, s->n);
	EXPECT_EQ(0, s->wrong);
	EXPECT_FALSE(a->torn);

	/* One that is read slowly, while hops come and go, says so. */
	ASSERT_EQ(0, ask_open(&b, self->id.id, true));
	begin(&b, OCKAM_CMD_HOP_GET)->nlmsg_flags |= NLM_F_DUMP;
	ASSERT_LT(0, send(b.sock, b.req.bytes, b.req.nlh.nlmsg_len, 0));
	begin(a, OCKAM_CMD_HOP_DEL);
	put(a, OCKAM_A_HOP_ADDRESS, numbered(HOPS - 1).data,
	    numbered(HOPS - 1).len);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	memset(s, 0, sizeof(*s));
	/* Take what is left of the dump; the request is asked already. */
	{
		static char buf[65536] __attribute__((aligned(8)));
		bool done = false;

		while (!done) {
			struct nlmsghdr *h = (void *)buf;
			ssize_t n = recv(b.sock, buf, sizeof(buf), 0);
			int left = n;

			ASSERT_LT(0, n);
			for (; mnl_nlmsg_ok(h, left);
			     h = mnl_nlmsg_next(h, &left)) {
				if (h->nlmsg_flags & NLM_F_DUMP_INTR)
					b.torn = true;
				if (h->nlmsg_type == NLMSG_DONE)
					done = true;
				else if (h->nlmsg_type == self->id.id)
					see_hop(h, s);
			}
		}
	}
	EXPECT_TRUE(b.torn);
	EXPECT_EQ(HOPS - 1, s->n);
	EXPECT_EQ(0, s->wrong);
	ask_close(&b);

	/* The library asks again until it is consistent. */
	{
		unsigned int n = 0;

		EXPECT_EQ(0, ockam_nl_dump(self->node.nl, OCKAM_NL_HOP, NULL,
					   lt_count_one, &n));
		EXPECT_EQ(HOPS - 1, n);
	}
	free(s);
}

/* A dump that is left unfinished holds nothing up. */
TEST_F(ops, dump_left_unfinished)
{
	struct ask *a = &self->a, b;
	char buf[16];
	int i;

	ASSERT_EQ(0, make_hops(a, 500));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ask_open(&b, self->id.id, true));
		begin(&b, i & 1 ? OCKAM_CMD_HOP_GET : OCKAM_CMD_WORKER_GET)
			->nlmsg_flags |= NLM_F_DUMP;
		ASSERT_LT(0, send(b.sock, b.req.bytes, b.req.nlh.nlmsg_len,
				  0));
		if (i & 2)
			recv(b.sock, buf, sizeof(buf), 0);
		ask_close(&b);
	}
	begin(a, OCKAM_CMD_HOP_FLUSH);
	EXPECT_EQ(0, ask(a, NULL, NULL));
}

static unsigned int count(const struct lt_node *node, int kind,
			  const void *filter)
{
	unsigned int n = 0;
	int err;

	err = ockam_nl_dump(node->nl, kind, filter, lt_count_one, &n);
	return err ? UINT32_MAX : n;
}

TEST_F(ops, dump_filters)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_worker worker = {};
	struct ockam_nl_link link = {};
	struct ockam_nl_hop hop = {};
	int id, door, peer, w[3], i;
	struct lt_wire wire;

	ASSERT_EQ(0, make_hops(&self->a, 50));
	door = lt_listen(&self->node, &at, lt_conf(.name = "door"));
	ASSERT_LT(0, door);
	peer = lt_tcp_connect(&at);
	ASSERT_TRUE(lt_greet(peer));
	ASSERT_EQ(0, lt_wire(&self->node, &wire, lt_conf(.name = "peer")));
	ASSERT_TRUE(OT_WAIT(lt_links(&self->node) == 3));
	at = lt_addr("127.0.0.1", 1);
	id = lt_connect(&self->node, &at, lt_conf(.reconnect_min_ms = -1));
	ASSERT_LT(0, id);
	ASSERT_TRUE(OT_WAIT(lt_state(&self->node, id) ==
			    OCKAM_LINK_STATE_DOWN));
	for (i = 0; i < 3; i++)
		w[i] = lt_worker(i ? i > 1 ? "w2" : "w1" : "w0", 0);

	EXPECT_EQ(50, count(&self->node, OCKAM_NL_HOP, NULL));
	memcpy(hop.address.data, numbered(7).data, numbered(7).len);
	hop.address.len = numbered(7).len;
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	EXPECT_EQ(1, count(&self->node, OCKAM_NL_HOP, &hop));
	lt_key(&hop.address, "other");
	EXPECT_EQ(0, count(&self->node, OCKAM_NL_HOP, &hop));

	EXPECT_EQ(4, count(&self->node, OCKAM_NL_LINK, NULL));
#define LINKS_WITH(n, field, value, attr) do {				\
	memset(&link, 0, sizeof(link));					\
	link.field = value;						\
	ockam_nl_mark(&link, attr);					\
	EXPECT_EQ(n, count(&self->node, OCKAM_NL_LINK, &link));		\
} while (0)
	LINKS_WITH(1, id, id, OCKAM_A_LINK_ID);
	LINKS_WITH(0, id, 999, OCKAM_A_LINK_ID);
	LINKS_WITH(4, kind, OCKAM_LINK_KIND_TCP, OCKAM_A_LINK_KIND);
	LINKS_WITH(0, kind, OCKAM_LINK_KIND_UDP, OCKAM_A_LINK_KIND);
	LINKS_WITH(2, mode, OCKAM_LINK_MODE_CONNECT, OCKAM_A_LINK_MODE);
	LINKS_WITH(1, mode, OCKAM_LINK_MODE_LISTEN, OCKAM_A_LINK_MODE);
	LINKS_WITH(1, mode, OCKAM_LINK_MODE_ACCEPTED, OCKAM_A_LINK_MODE);
	LINKS_WITH(2, state, OCKAM_LINK_STATE_UP, OCKAM_A_LINK_STATE);
	LINKS_WITH(1, state, OCKAM_LINK_STATE_DOWN, OCKAM_A_LINK_STATE);
	LINKS_WITH(1, parent, door, OCKAM_A_LINK_PARENT);
	memset(&link, 0, sizeof(link));
	lt_key(&link.name, "door");
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	EXPECT_EQ(1, count(&self->node, OCKAM_NL_LINK, &link));
	/* All conditions hold together. */
	link.state = OCKAM_LINK_STATE_UP;
	ockam_nl_mark(&link, OCKAM_A_LINK_STATE);
	EXPECT_EQ(0, count(&self->node, OCKAM_NL_LINK, &link));

	EXPECT_EQ(3, count(&self->node, OCKAM_NL_WORKER, NULL));
	lt_key(&worker.address, "w1");
	ockam_nl_mark(&worker, OCKAM_A_WORKER_ADDRESS);
	EXPECT_EQ(1, count(&self->node, OCKAM_NL_WORKER, &worker));
	for (i = 0; i < 3; i++)
		close(w[i]);
	EXPECT_EQ(0, count(&self->node, OCKAM_NL_WORKER, NULL));
	close(peer);
	close(wire.peer);
}

/* ---- notifications ---- */

struct record {
	unsigned int n;
	uint8_t cmd[32];
	size_t len[32];
	char body[32][2048];
};

static void keep(struct record *r, const struct nlmsghdr *h)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	size_t len = mnl_nlmsg_get_payload_len(h) - sizeof(*g);

	if (r->n == 32 || len > sizeof(r->body[0]))
		return;
	r->cmd[r->n] = g->cmd;
	r->len[r->n] = len;
	memcpy(r->body[r->n], (const char *)g + sizeof(*g), len);
	r->n++;
}

static void keep_reply(const struct nlmsghdr *h, void *arg)
{
	keep(arg, h);
}

/* All that a group has said until now. */
static void hear_group(int sock, struct record *r, uint16_t family)
{
	static char buf[65536] __attribute__((aligned(8)));
	ssize_t n;

	r->n = 0;
	while ((n = recv(sock, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *h = (void *)buf;
		int left = n;

		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == family)
				keep(r, h);
	}
}

/* The last thing said is what a get replies now, byte for byte. */
static bool says_what_get_says(struct __test_metadata *_metadata,
			       struct ask *a, const struct record *heard,
			       uint8_t ntf)
{
	static struct record got;

	got.n = 0;
	if (ask(a, keep_reply, &got) || got.n != 1) {
		TH_LOG("get: %d, %u replies", a->err, got.n);
		return false;
	}
	if (!heard->n || heard->cmd[heard->n - 1] != ntf) {
		TH_LOG("%u notifications, not the one meant", heard->n);
		return false;
	}
	return heard->len[heard->n - 1] == got.len[0] &&
	       !memcmp(heard->body[heard->n - 1], got.body[0], got.len[0]);
}

TEST_F(ops, notifications_carry_what_get_carries)
{
	static const uint8_t bytes[KEY_LEN] = { 1 };
	static struct record heard;
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ask *a = &self->a;
	struct ockam_nl *nl;
	int sock, id;

	ASSERT_EQ(0, ockam_nl_open(&nl));
	ASSERT_EQ(0, ockam_nl_subscribe(nl, "link"));
	ASSERT_EQ(0, ockam_nl_subscribe(nl, "hop"));
	ASSERT_EQ(0, ockam_nl_subscribe(nl, "node"));
	ASSERT_EQ(0, ockam_nl_subscribe(nl, "channel"));
	sock = ockam_nl_fd(nl);

	ASSERT_EQ(0, make_hops(a, 1));
	hear_group(sock, &heard, self->id.id);
	EXPECT_EQ(1, heard.n);
	begin(a, OCKAM_CMD_HOP_GET);
	put32(a, OCKAM_A_HOP_ID, 1);
	EXPECT_TRUE(says_what_get_says(_metadata, a, &heard,
				       OCKAM_CMD_HOP_NTF));
	begin(a, OCKAM_CMD_HOP_FLUSH);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	ASSERT_EQ(1, heard.n);
	EXPECT_EQ(OCKAM_CMD_HOP_DEL_NTF, heard.cmd[0]);

	id = lt_listen(&self->node, &at, lt_conf(.name = "door"));
	ASSERT_LT(0, id);
	hear_group(sock, &heard, self->id.id);
	begin(a, OCKAM_CMD_LINK_GET);
	put32(a, OCKAM_A_LINK_ID, id);
	EXPECT_TRUE(says_what_get_says(_metadata, a, &heard,
				       OCKAM_CMD_LINK_NTF));
	begin(a, OCKAM_CMD_LINK_SET);
	put32(a, OCKAM_A_LINK_ID, id);
	put32(a, OCKAM_A_LINK_FRAME_MS, 1000);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	EXPECT_EQ(1, heard.n);
	begin(a, OCKAM_CMD_LINK_GET);
	put32(a, OCKAM_A_LINK_ID, id);
	EXPECT_TRUE(says_what_get_says(_metadata, a, &heard,
				       OCKAM_CMD_LINK_NTF));
	ASSERT_EQ(0, lt_del(&self->node, id));
	hear_group(sock, &heard, self->id.id);
	ASSERT_EQ(1, heard.n);
	EXPECT_EQ(OCKAM_CMD_LINK_DEL_NTF, heard.cmd[0]);

	begin(a, OCKAM_CMD_NODE_SET);
	put32(a, OCKAM_A_NODE_STALL_MS, 1234);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	EXPECT_EQ(1, heard.n);
	begin(a, OCKAM_CMD_NODE_GET);
	EXPECT_TRUE(says_what_get_says(_metadata, a, &heard,
				       OCKAM_CMD_NODE_NTF));

	begin(a, OCKAM_CMD_CHANNEL_NEW);
	put32(a, OCKAM_A_CHANNEL_ROLE, OCKAM_ROLE_INITIATOR);
	put_name(a, OCKAM_A_CHANNEL_DECRYPTOR, "dec");
	put_name(a, OCKAM_A_CHANNEL_ROUTE, "far");
	put(a, OCKAM_A_CHANNEL_TX_KEY, bytes, KEY_LEN);
	put(a, OCKAM_A_CHANNEL_RX_KEY, "another key, also of 32 bytes...", 32);
	put(a, OCKAM_A_CHANNEL_IDENTIFIER, bytes, 32);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	begin(a, OCKAM_CMD_CHANNEL_GET);
	put32(a, OCKAM_A_CHANNEL_ID, 1);
	EXPECT_TRUE(says_what_get_says(_metadata, a, &heard,
				       OCKAM_CMD_CHANNEL_NTF));
	begin(a, OCKAM_CMD_CHANNEL_FLUSH);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	ASSERT_LE(1, heard.n);
	EXPECT_EQ(OCKAM_CMD_CHANNEL_DEL_NTF, heard.cmd[heard.n - 1]);

	/* Refusals are no changes. */
	begin(a, OCKAM_CMD_HOP_NEW);
	ASSERT_GT(0, ask(a, NULL, NULL));
	begin(a, OCKAM_CMD_NODE_SET);
	put32(a, OCKAM_A_NODE_STALL_MS, 1);
	ASSERT_GT(0, ask(a, NULL, NULL));
	hear_group(sock, &heard, self->id.id);
	EXPECT_EQ(0, heard.n);
	ockam_nl_close(nl);
}

/* ---- permissions ---- */

struct attempt {
	struct __test_metadata *_metadata;
	uint16_t family;
};

/* Every operation; what is allowed must be right, the rest is EPERM. */
static int try_all(void *arg)
{
	static const char * const groups[] = { "link", "channel", "hop",
					       "node" };
	struct attempt *t = arg;
	struct ockam_nl *nl;
	unsigned int i;
	struct ask a;

	/* As root with no capabilities; then as somebody. */
	if (ot_unroot() || ask_open(&a, t->family, true))
		return 100;
	for (i = 0; i < ARRAY_SIZE(op); i++) {
		begin(&a, op[i].cmd);
		if (op[i].last)
			put32(&a, op[i].id ?: 1, 1);
		ask(&a, NULL, NULL);
		if (op[i].admin && a.err != -EPERM)
			return 1 + i;
		if (!op[i].dump)
			continue;
		begin(&a, op[i].cmd)->nlmsg_flags |= NLM_F_DUMP;
		ask(&a, NULL, NULL);
		if (op[i].admin && a.err != -EPERM)
			return 31 + i;
	}
	if (ockam_nl_open(&nl))
		return 101;
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (ockam_nl_subscribe(nl, groups[i]) != -EPERM)
			return 61 + i;
	return 0;
}

TEST_F(ops, unprivileged_users_may_not)
{
	struct attempt t = { .family = self->id.id };
	struct ockam_nl_node before = {};

	ASSERT_EQ(0, make_hops(&self->a, 2));
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &before));
	EXPECT_EQ(0, ot_child(try_all, &t));
	EXPECT_TRUE(same_node(_metadata, &self->node, &before));
}

/* What is for everybody: settings without counters, the own sockets. */
static int look_around(void *arg)
{
	struct ockam_nl_worker w = {};
	struct ockam_nl_node node = {};
	struct ockam_nl *nl;
	unsigned int n = 0;
	int own, i;

	(void)arg;
	if (ot_unroot() || ockam_nl_open(&nl) || ockam_nl_node_get(nl, &node))
		return 1;
	if (node.stall_ms != 10000 || node.family != AF_OCKAM ||
	    ockam_nl_has(&node, OCKAM_A_NODE_STATS) ||
	    ockam_nl_has(&node, OCKAM_A_NODE_DROPS) ||
	    ockam_nl_has(&node, OCKAM_A_NODE_HOPS))
		return 2;
	own = lt_worker("own", 0);
	if (own < 0 || ockam_nl_dump(nl, OCKAM_NL_WORKER, NULL, lt_count_one,
				     &n) || n != 1)
		return 3;
	lt_key(&w.address, "own");
	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	if (ockam_nl_worker_get(nl, &w) || w.uid != OT_UID)
		return 4;
	/* One of root's is not there; nor is one that does not exist. */
	for (i = 0; i < 2; i++) {
		memset(&w, 0, sizeof(w));
		lt_key(&w.address, i ? "roots" : "nobodys");
		ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
		if (ockam_nl_worker_get(nl, &w) != -ENOENT)
			return 5 + i;
	}
	return 0;
}

TEST_F(ops, unprivileged_users_see_their_own)
{
	int roots = lt_worker("roots", 0);
	struct ockam_nl_worker w = {};

	ASSERT_LE(0, roots);
	EXPECT_EQ(0, ot_child(look_around, NULL));
	lt_key(&w.address, "roots");
	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	EXPECT_EQ(0, ockam_nl_worker_get(self->node.nl, &w));
	EXPECT_EQ(0, w.uid);
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL, w.scope);
	close(roots);
}

/* The owner of a user namespace is the administrator of its nodes. */
static int rule_own_namespace(void *arg)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_node set = { .stall_ms = 99 };
	const struct lt_node *outside = arg;
	struct lt_node node;
	struct lt_wire w;

	if (ot_unroot())
		return 1;
	if (unshare(CLONE_NEWUSER))
		return errno == EPERM ? 77 : 2;
	if (lt_node_new(&node))
		return 3;
	if (lt_set(&node, OCKAM_A_NODE_STALL_MS, 99) ||
	    lt_hop(&node, "hop", NULL, OCKAM_ACCEPT_LOCAL) ||
	    lt_listen(&node, &at, lt_conf(0)) < 0 ||
	    lt_wire(&node, &w, lt_conf(0)))
		return 4;
	/* Not of others', through a socket that was opened there. */
	ockam_nl_mark(&set, OCKAM_A_NODE_STALL_MS);
	if (ockam_nl_node_set(outside->nl, &set) != -EPERM)
		return 5;
	return 0;
}

TEST_F(ops, owner_of_a_user_namespace_may)
{
	struct ockam_nl_node before = {};
	int ret;

	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &before));
	ret = ot_child(rule_own_namespace, &self->node);
	if (ret == 77)
		SKIP(return, "user namespaces are not for users here");
	EXPECT_EQ(0, ret);
	EXPECT_TRUE(same_node(_metadata, &self->node, &before));
}

/* ---- secrets ---- */

static bool holds(const struct lt_buf *b, const uint8_t *key)
{
	size_t i;

	/* Any eight bytes in a row would be too many. */
	for (i = 0; i + 8 <= KEY_LEN; i++)
		if (memmem(b->data, b->len, key + i, 8))
			return true;
	return false;
}

static void channel(struct ask *a, const uint8_t *tx, const uint8_t *rx)
{
	begin(a, OCKAM_CMD_CHANNEL_NEW);
	put32(a, OCKAM_A_CHANNEL_ROLE, OCKAM_ROLE_INITIATOR);
	put_name(a, OCKAM_A_CHANNEL_ENCRYPTOR, "enc");
	put_name(a, OCKAM_A_CHANNEL_DECRYPTOR, "dec");
	put_name(a, OCKAM_A_CHANNEL_ROUTE, "far");
	put(a, OCKAM_A_CHANNEL_TX_KEY, tx, KEY_LEN);
	put(a, OCKAM_A_CHANNEL_RX_KEY, rx, KEY_LEN);
	put(a, OCKAM_A_CHANNEL_IDENTIFIER,
	    "an identifier of thirty-two byte", 32);
}

/*
 * Keys go in and never come out: not in replies, errors (which may echo the
 * request), dumps or notifications.
 */
TEST_F(ops, keys_never_come_out)
{
	static const uint8_t tx[KEY_LEN] = "\xa1\xb2\xc3\xd4 transmit key, secret \x01\x02";
	static const uint8_t rx[KEY_LEN] = "\xd4\xc3\xb2\xa1 receive key, a secret \x03";
	struct lt_buf heard = {};
	struct ockam_nl *nl;
	char buf[8192];
	unsigned int i;
	struct ask a;
	ssize_t n;

	ASSERT_EQ(0, ockam_nl_open(&nl));
	ASSERT_EQ(0, ockam_nl_subscribe(nl, "channel"));
	/* Errors echo the request unless they are told not to. */
	ASSERT_EQ(0, ask_open(&a, self->id.id, false));
	channel(&a, tx, rx);
	EXPECT_EQ(0, ask(&a, NULL, NULL)) TH_LOG("%s", a.why);
	EXPECT_EQ(1, a.replies);
	for (i = 0; i < 14; i++) {
		struct nlmsghdr *h;

		channel(&a, tx, rx);
		h = &a.req.nlh;
		switch (i) {
		case 0:			/* the name is taken */
			break;
		case 1:
			put32(&a, OCKAM_A_CHANNEL_MODE, 0777);
			break;
		case 2:
			put32(&a, OCKAM_A_CHANNEL_MODE, 01777);
			break;
		case 3:
			put32(&a, OCKAM_A_CHANNEL_SUITE, 77);
			break;
		case 4:
			put32(&a, 500, 1);
			break;
		case 5:
			put(&a, OCKAM_A_CHANNEL_TX_KEY, tx, KEY_LEN - 1);
			break;
		case 6:
			put(&a, OCKAM_A_CHANNEL_RX_KEY, rx, KEY_LEN - 8);
			break;
		case 7:
			put32(&a, OCKAM_A_CHANNEL_HANDSHAKE_FD, 0);
			break;
		case 8:
			put32(&a, OCKAM_A_CHANNEL_ROLE, 9);
			break;
		case 9:			/* an attribute that is cut */
			put(&a, OCKAM_A_CHANNEL_PINNED, tx, 1);
			((struct nlattr *)((char *)mnl_nlmsg_get_payload_tail(h)
				- 8))->nla_len = 200;
			break;
		case 10:
			((struct genlmsghdr *)mnl_nlmsg_get_payload(h))
				->reserved = 5;
			break;
		case 11:
			put(&a, OCKAM_A_CHANNEL_ROUTE, tx, KEY_LEN);
			break;
		case 12:		/* as a dump, which it is not */
			h->nlmsg_flags |= NLM_F_DUMP;
			break;
		case 13:		/* a twin under other names */
			begin(&a, OCKAM_CMD_CHANNEL_NEW);
			put32(&a, OCKAM_A_CHANNEL_ROLE, OCKAM_ROLE_INITIATOR);
			put_name(&a, OCKAM_A_CHANNEL_DECRYPTOR, "dec2");
			put_name(&a, OCKAM_A_CHANNEL_ROUTE, "far");
			put(&a, OCKAM_A_CHANNEL_TX_KEY, tx, KEY_LEN);
			put(&a, OCKAM_A_CHANNEL_RX_KEY, rx, KEY_LEN);
			put(&a, OCKAM_A_CHANNEL_IDENTIFIER, rx, KEY_LEN);
			break;
		}
		EXPECT_GT(0, ask(&a, NULL, NULL)) TH_LOG("case %u", i);
		EXPECT_FALSE(holds(&a.all, tx)) TH_LOG("case %u", i);
		EXPECT_FALSE(holds(&a.all, rx)) TH_LOG("case %u", i);
		a.all.len = 0;
	}
	EXPECT_EQ(1, count(&self->node, OCKAM_NL_CHANNEL, NULL));

	begin(&a, OCKAM_CMD_CHANNEL_GET);
	put32(&a, OCKAM_A_CHANNEL_ID, 1);
	EXPECT_EQ(0, ask(&a, NULL, NULL));
	begin(&a, OCKAM_CMD_CHANNEL_GET)->nlmsg_flags |= NLM_F_DUMP;
	EXPECT_EQ(0, ask(&a, NULL, NULL));
	EXPECT_EQ(1, a.replies);
	begin(&a, OCKAM_CMD_CHANNEL_FLUSH);
	EXPECT_EQ(0, ask(&a, NULL, NULL));
	/* The search does find things. */
	EXPECT_NE(NULL, memmem(a.all.data, a.all.len, "an identifier of", 16));
	EXPECT_FALSE(holds(&a.all, tx));
	EXPECT_FALSE(holds(&a.all, rx));
	while ((n = recv(ockam_nl_fd(nl), buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		lt_put(&heard, buf, n);
	EXPECT_NE(NULL, memmem(heard.data, heard.len, "an identifier of", 16));
	EXPECT_FALSE(holds(&heard, tx));
	EXPECT_FALSE(holds(&heard, rx));
	lt_buf_free(&heard);
	ockam_nl_close(nl);
	ask_close(&a);
}

/* Keys are set once: no other operation knows them. */
TEST_F(ops, keys_are_set_once)
{
	static const uint8_t key[KEY_LEN] = { 7 };
	static const uint8_t other[KEY_LEN] = { 8 };
	static const int attrs[] = {
		OCKAM_A_CHANNEL_TX_KEY, OCKAM_A_CHANNEL_RX_KEY,
		OCKAM_A_CHANNEL_TX_NONCE, OCKAM_A_CHANNEL_RX_NONCE,
		OCKAM_A_CHANNEL_IDENTIFIER, OCKAM_A_CHANNEL_SUITE,
		OCKAM_A_CHANNEL_ROLE, OCKAM_A_CHANNEL_DECRYPTOR,
	};
	struct ask *a = &self->a;
	unsigned int i;

	channel(a, key, other);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		begin(a, OCKAM_CMD_CHANNEL_SET);
		put32(a, OCKAM_A_CHANNEL_ID, 1);
		put(a, attrs[i], other, i == 2 || i == 3 ? 8 : KEY_LEN);
		EXPECT_REFUSED(-EINVAL, "", attrs[i], -1);
		EXPECT_STRNE("", a->why);
	}
}

/* Which of the addresses is taken. */
TEST_F(ops, channel_addresses_are_taken)
{
	static const uint8_t key[3][KEY_LEN] = { { 1 }, { 2 }, { 3 } };
	struct ockam_nl_channel ch = {};
	struct ask *a = &self->a;
	int worker;

	worker = lt_worker("enc", 0);
	ASSERT_LE(0, worker);
	channel(a, key[0], key[1]);
	EXPECT_REFUSED(-EADDRINUSE, "encryptor", OCKAM_A_CHANNEL_ENCRYPTOR, -1);
	close(worker);
	worker = lt_worker("dec", 0);
	ASSERT_LE(0, worker);
	channel(a, key[0], key[1]);
	EXPECT_REFUSED(-EADDRINUSE, "decryptor", OCKAM_A_CHANNEL_DECRYPTOR, -1);
	close(worker);
	channel(a, key[0], key[1]);
	ASSERT_EQ(0, ask(a, NULL, NULL));
	channel(a, key[1], key[2]);
	EXPECT_REFUSED(-EADDRINUSE, "encryptor", OCKAM_A_CHANNEL_ENCRYPTOR, -1);

	/* Both nonces, of a channel that has carried nothing. */
	lt_key(&ch.encryptor, "enc");
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ASSERT_EQ(0, ockam_nl_channel_get(self->node.nl, &ch));
	EXPECT_TRUE(ockam_nl_has(&ch, OCKAM_A_CHANNEL_TX_NONCE));
	EXPECT_TRUE(ockam_nl_has(&ch, OCKAM_A_CHANNEL_RX_NONCE));
	EXPECT_EQ(0, ch.tx_nonce);
	EXPECT_EQ(0, ch.rx_nonce);
}

/* A channel without one of these is none. */
TEST_F(ops, channel_new_needs)
{
	static const struct {
		int attr;
		const char *why;
	} need[] = {
		{ OCKAM_A_CHANNEL_DECRYPTOR, "decryptor" },
		{ OCKAM_A_CHANNEL_ROUTE, "route" },
		{ OCKAM_A_CHANNEL_TX_KEY, "encrypt" },
		{ OCKAM_A_CHANNEL_RX_KEY, "decrypt" },
		{ OCKAM_A_CHANNEL_IDENTIFIER, "identifier" },
		{ OCKAM_A_CHANNEL_ROLE, "role" },
	};
	static const uint8_t key[KEY_LEN] = { 7 };
	struct ask *a = &self->a;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(need); i++) {
		begin(a, OCKAM_CMD_CHANNEL_NEW);
		if (need[i].attr != OCKAM_A_CHANNEL_ROLE)
			put32(a, OCKAM_A_CHANNEL_ROLE, OCKAM_ROLE_INITIATOR);
		if (need[i].attr != OCKAM_A_CHANNEL_DECRYPTOR)
			put_name(a, OCKAM_A_CHANNEL_DECRYPTOR, "dec");
		if (need[i].attr != OCKAM_A_CHANNEL_ROUTE)
			put_name(a, OCKAM_A_CHANNEL_ROUTE, "far");
		if (need[i].attr != OCKAM_A_CHANNEL_TX_KEY)
			put(a, OCKAM_A_CHANNEL_TX_KEY, key, KEY_LEN);
		if (need[i].attr != OCKAM_A_CHANNEL_RX_KEY)
			put(a, OCKAM_A_CHANNEL_RX_KEY, "thirty-two other bytes as a key.", 32);
		if (need[i].attr != OCKAM_A_CHANNEL_IDENTIFIER)
			put(a, OCKAM_A_CHANNEL_IDENTIFIER, key, KEY_LEN);
		EXPECT_REFUSED(-EINVAL, need[i].why, -1, need[i].attr);
	}
}

TEST_HARNESS_MAIN
