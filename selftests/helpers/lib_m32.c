// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A 32-bit program with libockam's sockets on a 64-bit kernel: sock_m32.sh runs it.
 * Control messages are laid out differently there, the family's structures are not.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "kselftest_harness.h"
#include "nl.h"

_Static_assert(sizeof(void *) == 4, "-m32");
_Static_assert(sizeof(struct sockaddr_ockam) == 128, "as with 64 bits");
_Static_assert(sizeof(struct ockam_token) == 16, "as with 64 bits");
_Static_assert(sizeof(struct ockam_peer) == 20, "as with 64 bits");
_Static_assert(sizeof(struct ockam_peer_channel) == 36, "as with 64 bits");
_Static_assert(sizeof(struct ockam_accept) == 8, "as with 64 bits");
_Static_assert(offsetof(struct ockam_policy_ctx, identifier) == 44, "as with 64 bits");

/* libmnl is there with 64 bits only; without netlink the family is the usual one. */
int ockam_nl_open(struct ockam_nl **nl) { *nl = NULL; return -ENOENT; }
void ockam_nl_close(struct ockam_nl *nl) { (void)nl; }
int ockam_nl_node_get(struct ockam_nl *nl, struct ockam_nl_node *node)
{
	(void)nl;
	(void)node;
	return -ENOENT;
}

#define EVERYTHING	(1 << OCKAM_RECV_ONWARD | 1 << OCKAM_RECV_RETURN |	\
			 1 << OCKAM_RECV_TOKEN | 1 << OCKAM_RECV_PEER)
#define HOPS		30

/* A worker that wants to know everything. */
static int worker(const char *name)
{
	int fd = ockam_socket();

	if (fd >= 0 && (ockam_want(fd, EVERYTHING) || ockam_bind(fd, name)))
		return -1;
	return fd;
}

TEST(a_message_and_its_answer)
{
	int echoer = worker("echoer"), app = worker(NULL);
	char buf[64], own[128], text[128];
	struct ockam_info info;

	ASSERT_GE(echoer, 0) TH_LOG("%s", ockam_error());
	ASSERT_GE(app, 0);
	ASSERT_EQ(5, ockam_send(app, "echoer", "hello", 5)) TH_LOG("%s", ockam_error());
	ASSERT_EQ(5, ockam_recv(echoer, buf, sizeof(buf), &info, 0));
	ASSERT_TRUE(info.has_onward && info.has_ret && info.has_token && info.has_peer);
	ASSERT_EQ(0, info.onward.len);
	ASSERT_GT(ockam_path_print(&info.ret, text, sizeof(text)), 0);
	ASSERT_GT(ockam_name(app, own, sizeof(own)), 0);
	ASSERT_STREQ(own, text);
	ASSERT_EQ(OCKAM_ORIGIN_LOCAL, info.peer.origin);
	ASSERT_EQ(getpid(), (pid_t)info.peer.pid);
	ASSERT_EQ(geteuid(), info.peer.uid);
	ASSERT_EQ(5, ockam_reply(echoer, &info, buf, 5));
	ASSERT_EQ(5, ockam_recv(app, buf, sizeof(buf), NULL, 0));
	ASSERT_EQ(0, memcmp(buf, "hello", 5));
	close(echoer);
	close(app);
}

/* There and back by routes that fit in control messages only, and by tokens. */
TEST(hops)
{
	char route[HOPS * 80] = "", name[80], buf[16];
	int hop[HOPS], app = worker(NULL), end = worker("end");
	struct ockam_info info;
	int i;

	for (i = 0; i < HOPS; i++) {
		snprintf(name, sizeof(name), "%02d%060d", i, 0);
		hop[i] = worker(name);
		ASSERT_GE(hop[i], 0) TH_LOG("%s", ockam_error());
		strcat(strcat(route, name), " => ");
	}
	strcat(route, "end");
	ASSERT_EQ(3, ockam_send(app, route, "far", 3)) TH_LOG("%s", ockam_error());
	for (i = 0; i < HOPS; i++) {
		ASSERT_EQ(3, ockam_recv(hop[i], buf, sizeof(buf), &info, 0));
		ASSERT_EQ(HOPS - i, info.onward.nhops);
		ASSERT_EQ(3, ockam_forward(hop[i], &info, buf, 3))
			TH_LOG("%s", ockam_error());
	}
	ASSERT_EQ(3, ockam_recv(end, buf, sizeof(buf), &info, 0));
	ASSERT_EQ(HOPS + 1, info.ret.nhops);
	ASSERT_TRUE(info.from.sok_flags & OCKAM_ADDR_TOKEN);
	ASSERT_EQ(4, ockam_reply(end, &info, "back", 4)) TH_LOG("%s", ockam_error());
	for (i = HOPS - 1; i >= 0; i--) {
		ASSERT_EQ(4, ockam_recv(hop[i], buf, sizeof(buf), &info, 0));
		ASSERT_EQ(4, ockam_forward(hop[i], &info, buf, 4));
	}
	ASSERT_EQ(4, ockam_recv(app, buf, sizeof(buf), &info, 0));
	ASSERT_EQ(HOPS + 1, info.ret.nhops);
}

TEST(options)
{
	const uint8_t ids[2][OCKAM_IDENTIFIER_LEN] = { { 1 }, { 2 } };
	struct ockam_path me = { 0 }, to = { 0 };
	int open = worker("open"), app = worker(NULL);
	struct ockam_info info;
	char buf[16];

	ASSERT_EQ(0, ockam_accept(open, OCKAM_ACCEPT_FORWARDED, NULL, 0))
		TH_LOG("%s", ockam_error());
	ASSERT_EQ(0, ockam_path_parse(&to, "open"));
	ASSERT_EQ(0, ockam_path_parse(&me, "a => b"));
	ASSERT_EQ(2, ockam_send_as(app, &to, &me, "by", 2)) TH_LOG("%s", ockam_error());
	ASSERT_EQ(2, ockam_recv(open, buf, sizeof(buf), &info, 0));
	ASSERT_EQ(2, info.ret.nhops);
	ASSERT_TRUE(info.peer.flags & OCKAM_PEER_FORWARDED);
	ASSERT_EQ(0, ockam_accept(open, OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_IDS, ids, 2))
		TH_LOG("%s", ockam_error());
	ASSERT_EQ(-1, ockam_send_as(app, &to, &me, "no", 2));
	ASSERT_EQ(EACCES, errno);
}

TEST_HARNESS_MAIN
