// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * How links begin, go on and end: connecting and connecting again, listening
 * with its limits, sockets handed over, and namespaces and the module going
 * away with links in them.
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/un.h>

#include "kselftest_harness.h"
#include "link_test.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

FIXTURE(life) {
	struct lt_node node;
	int app;
	int echoer;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->app = lt_worker("app", 0);
	ASSERT_LE(0, self->app);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->echoer);
}

FIXTURE_TEARDOWN(life)
{
	close(self->app);
	close(self->echoer);
	lt_node_free(&self->node);
}

/* A port that nobody listens on: it was just closed. */
static struct sockaddr_storage nobody(void)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);

	close(lt_tcp_listen(&at));
	return at;
}

static ssize_t say(int fd, const char *link)
{
	struct ot_route to = ot_route(link, "echoer", NULL);

	return ot_sendx(fd, ot_out(.to = &to), "x", 1);
}

/* ---- connecting ---- */

TEST_F(life, refused_once)
{
	struct sockaddr_storage at = nobody();
	struct ockam_nl_node before = {};
	struct ockam_nl_link link;
	int id;

	id = lt_connect(&self->node, &at, lt_conf(.name = "peer",
						  .reconnect_min_ms = -1));
	ASSERT_LT(0, id);
	EXPECT_TRUE(OT_WAIT(lt_state(&self->node, id) ==
			    OCKAM_LINK_STATE_DOWN));
	usleep(300000);
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	EXPECT_EQ(OCKAM_LINK_STATE_DOWN, link.state);
	EXPECT_EQ(OCKAM_LINK_REASON_REFUSED, link.reason);
	EXPECT_EQ(ECONNREFUSED, link.error);
	EXPECT_EQ(1, link.attempts);
	EXPECT_EQ(0, link.connects);
	LT_MARK(&self->node, &before);
	EXPECT_EQ(-ENETUNREACH, say(self->app, "peer"));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_LINK_DOWN, 1);
	/* Of a link that is down the endpoint is no address. */
	EXPECT_EQ(0, lt_del(&self->node, id));
	EXPECT_EQ(0, lt_links(&self->node));
	EXPECT_EQ(-EHOSTUNREACH, say(self->app, "peer"));
}

TEST_F(life, no_route_to_the_peer)
{
	struct sockaddr_storage at = lt_addr("192.0.2.1", 4000);
	struct ockam_nl_link link;
	int id;

	/* Known at once: without a second try there is no link to make. */
	EXPECT_EQ(-ENETUNREACH, lt_connect(&self->node, &at,
					   lt_conf(.reconnect_min_ms = -1)));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->node.nl),
			       "cannot connect"));
	EXPECT_EQ(0, lt_links(&self->node));
	id = lt_connect(&self->node, &at, lt_conf(.reconnect_min_ms = 60000,
						  .reconnect_max_ms = 60000));
	ASSERT_LT(0, id);
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	EXPECT_EQ(OCKAM_LINK_STATE_DOWN, link.state);
	EXPECT_EQ(OCKAM_LINK_REASON_UNREACHABLE, link.reason);
	EXPECT_EQ(ENETUNREACH, link.error);
}

struct backoff {
	uint32_t id;
	unsigned int tries;
	unsigned int down;
	unsigned int wrong;
	uint64_t at[64];
};

static int take_try(const struct ockam_nl_event *ev, void *arg)
{
	const struct ockam_nl_link *link = ev->object;
	struct backoff *b = arg;

	if (ev->kind != OCKAM_NL_LINK || link->id != b->id || ev->gone)
		return 0;
	if (link->state == OCKAM_LINK_STATE_CONNECTING) {
		if (b->tries != b->down)
			b->wrong++;
		if (b->tries < 64)
			b->at[b->tries] = ot_ms();
		b->tries++;
	} else if (link->state == OCKAM_LINK_STATE_DOWN) {
		if (link->reason != OCKAM_LINK_REASON_REFUSED)
			b->wrong++;
		b->down++;
	}
	return 0;
}

#define TRIES	8

/* Each attempt and its end is an event; the pauses grow, to the longest. */
TEST_F(life, tries_again_with_backoff)
{
	struct sockaddr_storage at = nobody();
	struct backoff b = {};
	struct ockam_nl_link link;
	uint64_t start, longest = 0;
	unsigned int i;
	int id;

	start = ot_ms();
	id = lt_connect(&self->node, &at,
			lt_conf(.name = "peer", .reconnect_min_ms = 40,
				.reconnect_max_ms = 320));
	ASSERT_LT(0, id);
	b.id = id;
	while (b.tries < TRIES && ot_ms() - start < ot_limit(60000))
		if (ot_poll(ockam_nl_fd(self->node.ev), POLLIN, 50) > 0)
			ockam_nl_events(self->node.ev, take_try, &b);
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	ASSERT_LE(TRIES, b.tries);
	TH_LOG("%u attempts in %llu ms", TRIES,
	       (unsigned long long)(b.at[TRIES - 1] - start));
	EXPECT_EQ(0, b.wrong);
	/* 20 to 40 ms, 40 to 80, 80 to 160, then 160 to 320 each */
	EXPECT_LE(750, b.at[TRIES - 1] - start);
	EXPECT_LE(b.tries, link.attempts);
	EXPECT_EQ(0, link.connects);
	/* The time is that of reading the event: one of them is right. */
	for (i = 4; i < TRIES; i++)
		if (b.at[i] - b.at[i - 1] > longest)
			longest = b.at[i] - b.at[i - 1];
	EXPECT_LE(150, longest);
	EXPECT_EQ(1, lt_links(&self->node));
}

/* The name is an address all the time, for whatever connection there is. */
TEST_F(life, connects_again)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	int listener = lt_tcp_listen(&at);
	struct ockam_nl_link link;
	uint8_t want[32];
	int i, id, peer;
	size_t n;

	ASSERT_LE(0, listener);
	n = lt_unhex(want, "00000014" "8381820046" "6563686f6572" "8182004361"
		     "70704178");
	ASSERT_EQ(24, n);
	id = lt_connect(&self->node, &at,
			lt_conf(.name = "peer", .reconnect_min_ms = 20,
				.reconnect_max_ms = 50));
	ASSERT_LT(0, id);
	for (i = 1; i <= 5; i++) {
		peer = lt_tcp_accept(listener);
		ASSERT_LE(0, peer);
		ASSERT_TRUE(lt_greet(peer));
		ASSERT_TRUE(lt_is_up(&self->node, id));
		ASSERT_EQ(1, say(self->app, "peer"));
		ASSERT_TRUE(lt_hears(_metadata, peer, want, n));
		if (i & 1) {
			struct linger l = { .l_onoff = 1 };

			setsockopt(peer, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		}
		close(peer);
		ASSERT_TRUE(OT_WAIT(!lt_get(&self->node, id, &link) &&
				    link.attempts >= i + 1));
		EXPECT_EQ(i & 1 ? OCKAM_LINK_REASON_RESET :
				  OCKAM_LINK_REASON_PEER_CLOSED, link.reason);
		EXPECT_EQ(i, link.connects);
		EXPECT_EQ(id, link.id);
		EXPECT_EQ(i, link.tx_msgs);
	}
	/* Also when nobody is there for a while. */
	close(listener);
	EXPECT_TRUE(OT_WAIT(lt_reason(&self->node, id) ==
			    OCKAM_LINK_REASON_REFUSED));
	EXPECT_EQ(-ENETUNREACH, say(self->app, "peer"));
	listener = lt_tcp_listen(&at);
	ASSERT_LE(0, listener);
	peer = lt_tcp_accept(listener);
	ASSERT_TRUE(lt_greet(peer));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	ASSERT_EQ(1, say(self->app, "peer"));
	EXPECT_TRUE(lt_hears(_metadata, peer, want, n));
	close(peer);
	close(listener);
}

TEST_F(life, stops_connecting_again_when_told)
{
	struct sockaddr_storage at = nobody();
	struct ockam_nl_link link = {}, now;
	int id;

	id = lt_connect(&self->node, &at,
			lt_conf(.name = "peer", .reconnect_min_ms = 20,
				.reconnect_max_ms = 40));
	ASSERT_LT(0, id);
	ASSERT_TRUE(OT_WAIT(!lt_get(&self->node, id, &now) &&
			    now.attempts > 3));
	link.id = id;
	ockam_nl_mark(&link, OCKAM_A_LINK_ID);
	ockam_nl_mark(&link, OCKAM_A_LINK_RECONNECT_MIN_MS);
	ASSERT_EQ(0, ockam_nl_link_set(self->node.nl, &link));
	/* One that was under way comes to its end. */
	usleep(2000000);
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	usleep(300000);
	ASSERT_EQ(0, lt_get(&self->node, id, &now));
	EXPECT_EQ(link.attempts, now.attempts);
	EXPECT_EQ(OCKAM_LINK_STATE_DOWN, now.state);
}

/* A black hole: nothing ever answers. */
TEST_F(life, deleted_while_connecting)
{
	struct sockaddr_storage at = lt_addr("10.9.9.9", 4000);
	int i, id;

	ASSERT_EQ(0, lt_run("ip link add hole type dummy && ip addr add 10.9.9.1/24 dev hole && ip link set hole up"));
	for (i = 0; i < 10; i++) {
		id = lt_connect(&self->node, &at, lt_conf(.name = "peer"));
		ASSERT_LT(0, id);
		EXPECT_EQ(OCKAM_LINK_STATE_CONNECTING,
			  lt_state(&self->node, id));
		EXPECT_EQ(-ENETUNREACH, say(self->app, "peer"));
		ASSERT_EQ(0, lt_del(&self->node, id));
		EXPECT_EQ(OCKAM_LINK_REASON_DELETED, lt_gone(&self->node, id));
		EXPECT_EQ(0, lt_links(&self->node));
	}
}

TEST_F(life, deleted_while_waiting_to_connect)
{
	struct sockaddr_storage at = nobody();
	int i, id;

	for (i = 0; i < 10; i++) {
		id = lt_connect(&self->node, &at,
				lt_conf(.name = "peer", .reconnect_min_ms = 10,
					.reconnect_max_ms = 10));
		ASSERT_LT(0, id);
		usleep(i * 3000);
		ASSERT_EQ(0, lt_del(&self->node, id));
		EXPECT_EQ(-ENOENT, lt_state(&self->node, id));
	}
	EXPECT_EQ(0, lt_links(&self->node));
}

/* What TCP has taken still goes out; then the stream ends. */
TEST_F(life, deleting_sends_what_was_taken)
{
	struct lt_wire w;
	char buf[24];
	int i;

	ASSERT_EQ(0, lt_wire(&self->node, &w, lt_conf(.name = "peer")));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, say(self->app, "peer"));
	ASSERT_EQ(0, lt_del(&self->node, w.link));
	EXPECT_EQ(-EHOSTUNREACH, say(self->app, "peer"));
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(lt_read(w.peer, buf, 24));
	EXPECT_TRUE(lt_ended(w.peer));
	close(w.peer);
	EXPECT_EQ(0, lt_drop(&self->node, OCKAM_DROP_LINK_DOWN));
}

/* ---- names ---- */

TEST_F(life, names)
{
	struct sockaddr_storage at = nobody();
	struct ockam_nl_link link;
	struct lt_wire w;
	char name[64];
	int id, worker;

	ASSERT_EQ(0, lt_wire(&self->node, &w, lt_conf(.name = "peer")));
	/* Taken: by a link, by a worker; and by a link for a worker. */
	EXPECT_EQ(-EADDRINUSE, lt_connect(&self->node, &at,
					  lt_conf(.name = "peer")));
	ASSERT_NE(NULL, ockam_nl_bad_attribute(self->node.nl));
	EXPECT_STREQ("name", ockam_nl_bad_attribute(self->node.nl));
	EXPECT_EQ(-EADDRINUSE, lt_connect(&self->node, &at,
					  lt_conf(.name = "echoer")));
	EXPECT_EQ(-EADDRINUSE, lt_worker("peer", 0));
	EXPECT_EQ(1, lt_links(&self->node));

	/* Without one the kernel makes one up, of 16 bytes. */
	id = lt_connect(&self->node, &at, lt_conf(.reconnect_min_ms = -1));
	ASSERT_LT(0, id);
	ASSERT_EQ(0, lt_name(&self->node, id, name));
	EXPECT_EQ(16, strlen(name));
	EXPECT_NE(w.link, id);

	/* Free again at once. */
	ASSERT_EQ(0, lt_del(&self->node, w.link));
	worker = lt_worker("peer", 0);
	EXPECT_LE(0, worker);
	close(worker);
	close(w.peer);
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
}

/* Two links to one endpoint: its address is the first one's. */
TEST_F(life, second_link_to_an_endpoint)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	int listener = lt_tcp_listen(&at);
	struct ot_route to = {};
	struct ockam_nl_link link;
	int i, id[2], peer[2];

	for (i = 0; i < 2; i++) {
		id[i] = lt_connect(&self->node, &at,
				   lt_conf(.reconnect_min_ms = -1));
		ASSERT_LT(0, id[i]);
		peer[i] = lt_tcp_accept(listener);
		ASSERT_TRUE(lt_greet(peer[i]));
		ASSERT_TRUE(lt_is_up(&self->node, id[i]));
	}
	ASSERT_EQ(0, lt_get(&self->node, id[0], &link));
	ot_hop(&to, OCKAM_TYPE_TCP, link.endpoint.data + 2,
	       link.endpoint.data[1]);
	ot_local(&to, "echoer");
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	EXPECT_LT(0, ot_poll(peer[0], POLLIN, ot_limit(10000)));
	EXPECT_TRUE(lt_silent(peer[1]));
	ASSERT_EQ(0, lt_del(&self->node, id[0]));
	EXPECT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	close(peer[0]);
	close(peer[1]);
	close(listener);
}

/* ---- listening ---- */

/* Reset at once, perhaps before connect() has returned. */
static bool turned_away(const struct sockaddr_storage *at)
{
	int fd = lt_tcp_connect(at);
	bool away;

	if (fd < 0)
		return fd == -ECONNRESET;
	away = lt_ended(fd);
	close(fd);
	return away;
}

/* So that it is not given up for a newcomer, for a second. */
static bool speaks(const struct lt_node *node, int peer, uint32_t id)
{
	struct ockam_nl_link link;

	return lt_tell(peer, "nobody", "x", 1) &&
	       OT_WAIT(!lt_get(node, id, &link) && link.rx_msgs);
}

TEST_F(life, listening_limits)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_link link = {};
	struct lt_children c;
	int i, id, peer[4];

	id = lt_listen(&self->node, &at, lt_conf(.name = "door",
						 .max_accepted = 3));
	ASSERT_LT(0, id);
	EXPECT_EQ(OCKAM_LINK_STATE_LISTENING, lt_state(&self->node, id));
	/* Nothing can be sent to it. */
	EXPECT_EQ(-ENETUNREACH, say(self->app, "door"));
	for (i = 0; i < 3; i++) {
		peer[i] = lt_tcp_connect(&at);
		ASSERT_TRUE(lt_greet(peer[i]));
		EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == i + 1));
	}
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	EXPECT_EQ(3, link.children);
	EXPECT_EQ(OCKAM_LINK_REASON_NONE, link.reason);
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(speaks(&self->node, peer[i], c.id[i]));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(turned_away(&at));
	}
	ASSERT_EQ(0, lt_get(&self->node, id, &link));
	EXPECT_EQ(3, link.children);
	EXPECT_EQ(OCKAM_LINK_REASON_LIMIT, link.reason);

	/* One goes, one may come. */
	close(peer[0]);
	EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 2));
	peer[0] = lt_tcp_connect(&at);
	EXPECT_TRUE(lt_greet(peer[0]));
	EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 3));

	/* More, on request. */
	memset(&link, 0, sizeof(link));
	link.id = id;
	link.max_accepted = 4;
	ockam_nl_mark(&link, OCKAM_A_LINK_ID);
	ockam_nl_mark(&link, OCKAM_A_LINK_MAX_ACCEPTED);
	ASSERT_EQ(0, ockam_nl_link_set(self->node.nl, &link));
	peer[3] = lt_tcp_connect(&at);
	EXPECT_TRUE(lt_greet(peer[3]));
	EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 4));
	for (i = 0; i < 4; i++)
		close(peer[i]);
	EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 0));
	EXPECT_TRUE(OT_WAIT(lt_links(&self->node) == 1));
}

/* What a listening link has made goes with it, before and after a greeting. */
TEST_F(life, listening_deleted_while_accepting)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_children c;
	int i, id, peer[8];

	id = lt_listen(&self->node, &at, lt_conf(0));
	ASSERT_LT(0, id);
	for (i = 0; i < 8; i++) {
		peer[i] = lt_tcp_connect(&at);
		ASSERT_LE(0, peer[i]);
		if (i & 1)
			ASSERT_TRUE(lt_greet(peer[i]));
	}
	ASSERT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 8));
	ASSERT_EQ(0, lt_del(&self->node, id));
	EXPECT_EQ(0, lt_links(&self->node));
	EXPECT_EQ(OCKAM_LINK_REASON_PARENT_DELETED,
		  lt_gone(&self->node, c.id[0]));
	for (i = 0; i < 8; i++) {
		EXPECT_TRUE(lt_ended(peer[i]));
		close(peer[i]);
	}
	EXPECT_EQ(-ECONNREFUSED, lt_tcp_connect(&at));

	/* And with connections that were never accepted. */
	for (i = 0; i < 8; i++) {
		int j;

		id = lt_listen(&self->node, &at, lt_conf(0));
		ASSERT_LT(0, id);
		for (j = 0; j < 8; j++)
			peer[j] = lt_tcp_connect(&at);
		ASSERT_EQ(0, lt_del(&self->node, id));
		EXPECT_EQ(0, lt_links(&self->node));
		for (j = 0; j < 8; j++) {
			EXPECT_TRUE(lt_ended(peer[j]));
			close(peer[j]);
		}
	}
}

TEST_F(life, listening_where_it_cannot)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0), far;
	int listener = lt_tcp_listen(&at);

	ASSERT_LE(0, listener);
	EXPECT_EQ(-EADDRINUSE, lt_listen(&self->node, &at, lt_conf(0)));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->node.nl),
			       "cannot listen there"));
	far = lt_addr("192.0.2.1", 4000);
	EXPECT_EQ(-EADDRNOTAVAIL, lt_listen(&self->node, &far, lt_conf(0)));
	EXPECT_EQ(0, lt_links(&self->node));
	close(listener);
}

TEST_F(life, node_limit)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0), no = nobody();
	struct lt_children c;
	int id, peer;

	id = lt_listen(&self->node, &at, lt_conf(0));
	ASSERT_LT(0, id);
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_LINKS, 2));
	peer = lt_tcp_connect(&at);
	EXPECT_TRUE(lt_greet(peer));
	EXPECT_TRUE(OT_WAIT(lt_children(&self->node, id, &c) == 1));
	EXPECT_EQ(-ENOSPC, lt_connect(&self->node, &no, lt_conf(0)));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->node.nl), "as many links"));
	ASSERT_TRUE(speaks(&self->node, peer, c.id[0]));
	EXPECT_TRUE(turned_away(&at));
	EXPECT_EQ(2, lt_links(&self->node));
	EXPECT_EQ(OCKAM_LINK_REASON_LIMIT, lt_reason(&self->node, id));
	close(peer);
}

TEST_F(life, flush)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0), no = nobody();
	struct lt_wire w[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, lt_wire(&self->node, &w[i], lt_conf(0)));
	ASSERT_LT(0, lt_listen(&self->node, &at, lt_conf(0)));
	ASSERT_LT(0, lt_connect(&self->node, &no, lt_conf(0)));
	ASSERT_EQ(5, lt_links(&self->node));
	ASSERT_EQ(0, ockam_nl_link_flush(self->node.nl));
	EXPECT_EQ(0, lt_links(&self->node));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(lt_ended(w[i].peer));
		close(w[i].peer);
	}
	EXPECT_EQ(-ECONNREFUSED, lt_tcp_connect(&at));
}

/* ---- sockets that are handed over ---- */

TEST_F(life, handover_v4_and_v6)
{
	static const char * const ip[] = { "127.0.0.1", "::1" };
	struct ockam_nl_link link;
	uint8_t want[32];
	int i, id, fd[2];
	char c, v = 0;
	size_t n;

	n = lt_unhex(want, "00000014" "8381820046" "6563686f6572" "8182004361"
		     "70704178");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, lt_tcp_pair(ip[i], fd));
		/* What came before is the link's, too. */
		ASSERT_TRUE(lt_write(fd[1], "\1", 1));
		ASSERT_TRUE(lt_tell(fd[1], "echoer", "e", 1));
		id = lt_handover(&self->node, fd[0], lt_conf(.name = "peer"));
		ASSERT_LT(0, id);
		ASSERT_TRUE(lt_is_up(&self->node, id));
		EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
		EXPECT_TRUE(lt_read(fd[1], &v, 1));
		EXPECT_EQ(1, v);
		ASSERT_EQ(1, say(self->app, "peer"));
		EXPECT_TRUE(lt_hears(_metadata, fd[1], want, n));
		ASSERT_EQ(0, lt_get(&self->node, id, &link));
		EXPECT_EQ(OCKAM_LINK_MODE_HANDOVER, link.mode);
		EXPECT_EQ(i ? 16 : 4, link.remote_ip.len);
		close(fd[0]);
		EXPECT_EQ(OCKAM_LINK_REASON_FD_CLOSED, lt_gone(&self->node,
							       id));
		EXPECT_TRUE(lt_ended(fd[1]));
		close(fd[1]);
		EXPECT_EQ(0, lt_links(&self->node));
	}
}

/* As a socket that was accepted on [::] for IPv4 is. */
TEST_F(life, handover_of_ipv4_in_ipv6)
{
	struct sockaddr_storage at = lt_addr("::", 0), to;
	int listener, peer, fd, id;
	char c;

	listener = lt_tcp_listen(&at);
	ASSERT_LE(0, listener);
	to = lt_addr("127.0.0.1", ntohs(((struct sockaddr_in *)&at)->sin_port));
	peer = lt_tcp_connect(&to);
	ASSERT_LE(0, peer);
	fd = lt_tcp_accept(listener);
	ASSERT_LE(0, fd);
	id = lt_handover(&self->node, fd, lt_conf(.name = "peer"));
	ASSERT_LT(0, id) TH_LOG("%s", ockam_nl_error(self->node.nl));
	ASSERT_TRUE(lt_greet(peer));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	ASSERT_TRUE(lt_tell(peer, "echoer", "e", 1));
	EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
	EXPECT_EQ(1, say(self->app, "peer"));
	EXPECT_LT(0, ot_poll(peer, POLLIN, ot_limit(10000)));
	close(fd);
	close(peer);
	close(listener);
}

/* The fd is still there to close, to wait on and to ask for addresses. */
TEST_F(life, handed_over_fd_does_nothing_else)
{
	struct sockaddr_storage ss, at = lt_addr("127.0.0.1", 0);
	socklen_t len = sizeof(ss);
	char buf[8] = {};
	struct iovec iov = { buf, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int id, fd[2], p[2];
	struct linger l = {};
	char c;

	ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", fd));
	id = lt_handover(&self->node, fd[0], lt_conf(.name = "peer"));
	ASSERT_LT(0, id);
	ASSERT_TRUE(lt_greet(fd[1]));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(1, write(p[1], "x", 1));

	EXPECT_EQ(-EBUSY, OT_ERR(read(fd[0], buf, 1)));
	EXPECT_EQ(-EBUSY, OT_ERR(write(fd[0], buf, 1)));
	EXPECT_EQ(-EBUSY, OT_ERR(recv(fd[0], buf, 1, MSG_DONTWAIT)));
	EXPECT_EQ(-EBUSY, OT_ERR(recv(fd[0], buf, 1, MSG_PEEK)));
	EXPECT_EQ(-EBUSY, OT_ERR(recv(fd[0], buf, 1, MSG_ERRQUEUE)));
	EXPECT_EQ(-EBUSY, OT_ERR(send(fd[0], buf, 1, 0)));
	EXPECT_EQ(-EBUSY, OT_ERR(send(fd[0], buf, 1, MSG_OOB)));
	EXPECT_EQ(-EBUSY, OT_ERR(sendmsg(fd[0], &msg, 0)));
	EXPECT_EQ(-EBUSY, OT_ERR(recvmsg(fd[0], &msg, 0)));
	EXPECT_GT(0, OT_ERR(splice(p[0], NULL, fd[0], NULL, 1, 0)));
	EXPECT_GT(0, OT_ERR(splice(fd[0], NULL, p[1], NULL, 1, 0)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd[0],
				   0));
	EXPECT_EQ(-EBUSY, OT_ERR(shutdown(fd[0], SHUT_WR)));
	EXPECT_EQ(-EBUSY, OT_ERR(shutdown(fd[0], SHUT_RD)));
	EXPECT_GT(0, OT_ERR(connect(fd[0], (void *)&at, sizeof(at))));
	EXPECT_GT(0, OT_ERR(bind(fd[0], (void *)&at,
				 sizeof(struct sockaddr_in))));
	EXPECT_GT(0, OT_ERR(listen(fd[0], 1)));
	EXPECT_GT(0, OT_ERR(accept(fd[0], NULL, NULL)));
	EXPECT_EQ(-EBUSY, ot_set(fd[0], IPPROTO_TCP, TCP_CORK, 1));
	EXPECT_EQ(-EBUSY, ot_set(fd[0], IPPROTO_TCP, TCP_REPAIR, 1));
	EXPECT_EQ(-EBUSY, OT_ERR(setsockopt(fd[0], IPPROTO_TCP, TCP_ULP, "tls",
					    4)));
	EXPECT_GT(0, ot_set(fd[0], SOL_SOCKET, SO_RCVLOWAT, 100000));

	EXPECT_EQ(0, getsockname(fd[0], (void *)&ss, &len));
	EXPECT_EQ(0, getpeername(fd[0], (void *)&ss, &len));
	len = sizeof(l);
	EXPECT_EQ(0, getsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, &len));
	EXPECT_LE(0, ot_poll(fd[0], POLLIN, 0));

	/* And none of it has hurt the link. */
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, id));
	ASSERT_TRUE(lt_tell(fd[1], "echoer", "e", 1));
	EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
	EXPECT_EQ(1, say(self->app, "peer"));
	EXPECT_LT(0, ot_poll(fd[1], POLLIN, ot_limit(10000)));
	close(fd[0]);
	close(fd[1]);
	close(p[0]);
	close(p[1]);
}

/* SO_LINGER and other options of the socket layer itself are not TCP's. */
TEST_F(life, handed_over_fd_last_close_counts)
{
	int id, fd[2], copy;
	pid_t child;

	ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", fd));
	id = lt_handover(&self->node, fd[0], lt_conf(0));
	ASSERT_LT(0, id);
	ASSERT_TRUE(lt_greet(fd[1]));
	ASSERT_TRUE(lt_is_up(&self->node, id));
	copy = dup(fd[0]);
	close(fd[0]);
	usleep(100000);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, id));
	/* Another process has it as well, and dies with it. */
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	close(copy);
	usleep(100000);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, id));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(OCKAM_LINK_REASON_FD_CLOSED, lt_gone(&self->node, id));
	EXPECT_TRUE(lt_ended(fd[1]));
	close(fd[1]);
}

/* Deleting the link gives the fd back at its end. */
TEST_F(life, handed_over_fd_after_the_link)
{
	int i, id, fd[2];
	char c;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", fd));
		id = lt_handover(&self->node, fd[0], lt_conf(0));
		ASSERT_LT(0, id);
		ASSERT_TRUE(lt_greet(fd[1]));
		ASSERT_TRUE(lt_is_up(&self->node, id));
		switch (i) {
		case 0:
			ASSERT_EQ(0, lt_del(&self->node, id));
			break;
		case 1:
			close(fd[1]);
			EXPECT_EQ(OCKAM_LINK_REASON_PEER_CLOSED,
				  lt_gone(&self->node, id));
			break;
		case 2:
			ASSERT_TRUE(lt_write(fd[1], "\0\0\0\0", 4));
			EXPECT_EQ(OCKAM_LINK_REASON_BAD_FRAME,
				  lt_gone(&self->node, id));
			break;
		}
		EXPECT_EQ(0, lt_links(&self->node));
		EXPECT_LT(0, ot_poll(fd[0], POLLIN, ot_limit(10000)));
		/* Bytes that the link has not taken, then the end. */
		while (recv(fd[0], &c, 1, 0) > 0)
			;
		EXPECT_EQ(0, OT_ERR(recv(fd[0], &c, 1, 0)));
		EXPECT_EQ(-EPIPE, OT_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL)));
		if (i != 1) {
			EXPECT_TRUE(lt_ended(fd[1]));
			close(fd[1]);
		}
		close(fd[0]);
	}
}

FIXTURE(refusal) {
	struct lt_node node;
	int fd[2];
};

enum kind {
	NOT_OPEN, PIPE, UDP, UNIX, OCKAM, LISTENING, UNCONNECTED, HALF_CLOSED,
	PEER_GONE, TLS, MPTCP, REPAIR, OTHER_NS, TWICE
};

FIXTURE_VARIANT(refusal) {
	enum kind kind;
	int err;
	const char *why;
};

#define REFUSAL(name_, kind_, err_, why_)				\
FIXTURE_VARIANT_ADD(refusal, name_) { kind_, err_, why_ }

REFUSAL(not_open, NOT_OPEN, -EBADF, "not a descriptor of a socket");
REFUSAL(pipe, PIPE, -ENOTSOCK, "not a descriptor of a socket");
REFUSAL(udp, UDP, -EINVAL, "not a TCP socket");
REFUSAL(unix, UNIX, -EINVAL, "not an internet socket");
REFUSAL(ockam, OCKAM, -EINVAL, "not an internet socket");
REFUSAL(listening, LISTENING, -ENOTCONN, "not established");
REFUSAL(unconnected, UNCONNECTED, -ENOTCONN, "not established");
REFUSAL(half_closed, HALF_CLOSED, -ENOTCONN, "not established");
REFUSAL(peer_gone, PEER_GONE, -ENOTCONN, "not established");
REFUSAL(tls, TLS, -EBUSY, "upper layer protocol");
REFUSAL(mptcp, MPTCP, -EINVAL, "not a TCP socket");
REFUSAL(repair, REPAIR, -EBUSY, "repair mode");
REFUSAL(other_ns, OTHER_NS, -EINVAL, "another namespace");
REFUSAL(twice, TWICE, -EBUSY, "in use by another part of the kernel");

FIXTURE_SETUP(refusal)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->fd[0] = self->fd[1] = -1;
}

FIXTURE_TEARDOWN(refusal)
{
	close(self->fd[0]);
	close(self->fd[1]);
	lt_node_free(&self->node);
}

static int mptcp_pair(int fd[2])
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	socklen_t len = sizeof(at);
	int l;

	l = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (l < 0)
		return -errno;
	fd[0] = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (fd[0] < 0 || bind(l, (void *)&at, lt_addrlen(&at)) ||
	    listen(l, 1) || getsockname(l, (void *)&at, &len) ||
	    connect(fd[0], (void *)&at, lt_addrlen(&at)))
		return -errno;
	fd[1] = accept(l, NULL, NULL);
	close(l);
	return fd[1] < 0 ? -errno : 0;
}

TEST_F(refusal, of_a_handover)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	unsigned int links = 0;
	bool works = false;
	struct lt_node away;
	char c = 0;
	int err;

	switch (variant->kind) {
	case NOT_OPEN:
		self->fd[0] = 4711;
		break;
	case PIPE:
		ASSERT_EQ(0, pipe(self->fd));
		break;
	case UDP:
		self->fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
		ASSERT_EQ(0, connect(self->fd[0], (void *)&at, sizeof(at)));
		break;
	case UNIX:
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->fd));
		works = true;
		break;
	case OCKAM:
		self->fd[0] = lt_worker("app", 0);
		ASSERT_LE(0, self->fd[0]);
		break;
	case LISTENING:
		self->fd[0] = lt_tcp_listen(&at);
		ASSERT_LE(0, self->fd[0]);
		break;
	case UNCONNECTED:
		self->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
		break;
	case MPTCP:
		err = mptcp_pair(self->fd);
		if (err == -EPROTONOSUPPORT || err == -ENOPROTOOPT)
			SKIP(return, "MPTCP is not built in");
		ASSERT_EQ(0, err);
		works = true;
		break;
	case OTHER_NS:
		ASSERT_EQ(0, lt_node_new(&away));
		ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", self->fd));
		ASSERT_EQ(0, lt_enter(&self->node));
		lt_node_free(&away);
		works = true;
		break;
	default:
		ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", self->fd));
		works = true;
		break;
	}
	switch (variant->kind) {
	case HALF_CLOSED:
		shutdown(self->fd[0], SHUT_RD);
		works = false;
		break;
	case PEER_GONE:
		close(self->fd[1]);
		self->fd[1] = -1;
		/* On a busy machine the end may come later. */
		EXPECT_LT(0, ot_poll(self->fd[0], POLLRDHUP,
				     ot_limit(10000)));
		works = false;
		break;
	case TLS:
		if (setsockopt(self->fd[0], IPPROTO_TCP, TCP_ULP, "tls", 4))
			SKIP(return, "no tls module");
		break;
	case REPAIR:
		if (ot_set(self->fd[0], IPPROTO_TCP, TCP_REPAIR, 1))
			SKIP(return, "no TCP_REPAIR");
		break;
	case TWICE:
		ASSERT_LT(0, lt_handover(&self->node, self->fd[0], lt_conf(0)));
		links = 1;
		works = false;
		break;
	default:
		break;
	}

	EXPECT_EQ(variant->err, lt_handover(&self->node, self->fd[0],
					    lt_conf(.name = "peer")));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->node.nl), variant->why))
		TH_LOG("%s", ockam_nl_error(self->node.nl));
	ASSERT_NE(NULL, ockam_nl_bad_attribute(self->node.nl));
	EXPECT_STREQ("fd", ockam_nl_bad_attribute(self->node.nl));
	/* Nothing has changed: no link, no name, and the socket works. */
	EXPECT_EQ(links, lt_links(&self->node));
	err = lt_worker("peer", 0);
	EXPECT_LE(0, err);
	close(err);
	if (variant->kind == REPAIR)
		ASSERT_EQ(0, ot_set(self->fd[0], IPPROTO_TCP, TCP_REPAIR, 0));
	if (works) {
		EXPECT_EQ(1, write(self->fd[0], "w", 1));
		EXPECT_EQ(1, read(self->fd[1], &c, 1));
		EXPECT_EQ('w', c);
		EXPECT_EQ(1, write(self->fd[1], "r", 1));
		EXPECT_EQ(1, read(self->fd[0], &c, 1));
		EXPECT_EQ('r', c);
	}
}

/* ---- the end of a namespace, and of the module ---- */

enum load { IDLE, TRAFFIC, FULL, PARKED, CONNECTING, HANDED_OVER };

FIXTURE(end) {
	struct lt_node node;
};

FIXTURE_VARIANT(end) {
	enum load load;
};

FIXTURE_VARIANT_ADD(end, idle_links) { IDLE };
FIXTURE_VARIANT_ADD(end, traffic) { TRAFFIC };
FIXTURE_VARIANT_ADD(end, full_link) { FULL };
FIXTURE_VARIANT_ADD(end, parked_messages) { PARKED };
FIXTURE_VARIANT_ADD(end, connecting) { CONNECTING };
FIXTURE_VARIANT_ADD(end, handed_over) { HANDED_OVER };

FIXTURE_SETUP(end)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
}

FIXTURE_TEARDOWN(end)
{
	lt_node_free(&self->node);
}

/* In a namespace of its own: set up, say so, and live until killed. */
static void inhabit(enum load load, int ready, int go, uint16_t port)
{
	struct sockaddr_storage at = lt_addr("10.1.0.1", port);
	struct lt_node node;
	struct lt_wire w;
	int app, id, i;
	char buf[4096] = {};
	char c;

	/* TCP takes little, so what is sent waits in the link. */
	if (lt_node_new(&node) || lt_small_buffers() || write(ready, "n", 1) != 1 ||
	    read(go, &c, 1) != 1 ||
	    lt_run("ip addr add 10.1.0.2/24 dev v1 && ip link set v1 up"))
		_exit(1);
	if (load == CONNECTING)
		at = lt_addr("10.1.0.99", 4000);
	id = lt_connect(&node, &at, lt_conf(.name = "out"));
	if (id < 0 || (load != CONNECTING && !lt_is_up(&node, id)))
		_exit(2);
	if (lt_wire(&node, &w, lt_conf(.name = "lo")))
		_exit(3);
	app = lt_worker("app", OCKAM_ACCEPT_LINKS);
	if (load == HANDED_OVER) {
		int fd[2];

		if (lt_tcp_pair("127.0.0.1", fd) ||
		    lt_handover(&node, fd[0], lt_conf(0)) < 0)
			_exit(4);
	}
	if (load == FULL) {
		struct ot_route to = ot_route("out", "x", NULL);

		ot_set(app, SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);
		do {
			while (ot_sendx(app, ot_out(.to = &to,
						    .flags = MSG_DONTWAIT),
					buf, sizeof(buf)) > 0)
				;
		} while (ot_poll(app, POLLOUT, 500) > 0);
	}
	if (load == PARKED) {
		ot_set(app, SOL_SOCKET, SO_RCVBUF, 4096);
		for (i = 0; i < 50; i++)
			lt_tell(w.peer, "app", buf, sizeof(buf));
	}
	if (write(ready, "r", 1) != 1)
		_exit(5);
	while (load == TRAFFIC) {
		struct ot_route to = ot_route("out", "x", NULL);

		ot_sendx(app, ot_out(.to = &to, .flags = MSG_DONTWAIT), buf,
			 100);
		lt_tell(w.peer, "app", buf, 100);
		ot_recv(app, buf, sizeof(buf), MSG_DONTWAIT);
	}
	for (;;)
		pause();
}

/*
 * When a namespace is freed, so is its end of the cable, and with that ours:
 * that is how it is seen from here.
 */
TEST_F_TIMEOUT(end, of_a_namespace, 120)
{
	struct sockaddr_storage at = lt_addr("0.0.0.0", 0);
	int listener;
	int ready[2], go[2], peer = -1;
	uint64_t start;
	pid_t pid;
	char c = 0;

	ASSERT_EQ(0, lt_small_buffers());
	listener = lt_tcp_listen(&at);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	if (!pid)
		inhabit(variant->load, ready[1], go[0],
			ntohs(((struct sockaddr_in *)&at)->sin_port));
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(0, lt_run("ip link add v1 type veth peer name v1 netns %d && ip addr add 10.1.0.1/24 dev v1 && ip link set v1 up",
			    pid));
	ASSERT_EQ(1, write(go[1], "g", 1));
	if (variant->load != CONNECTING) {
		peer = lt_tcp_accept(listener);
		ASSERT_LE(0, peer);
		ASSERT_TRUE(lt_greet(peer));
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ('r', c);
	if (variant->load == TRAFFIC)
		usleep(200000);
	ASSERT_NE(0, if_nametoindex("v1"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	start = ot_ms();
	EXPECT_TRUE(OT_WAIT_LONG(!if_nametoindex("v1")));
	TH_LOG("freed after %llu ms", (unsigned long long)(ot_ms() - start));
	EXPECT_GT(ot_limit(5000), ot_ms() - start);
	close(peer);
	close(listener);
}

static int unload(void)
{
	return OT_ERR((int)syscall(SYS_delete_module, "ockam", O_NONBLOCK));
}

/* Links and sockets keep the module; hops do not. */
FIXTURE(module) {
};

FIXTURE_SETUP(module)
{
}

/* Whatever has happened: others need it. */
FIXTURE_TEARDOWN(module)
{
	if (access("/sys/module/ockam", F_OK))
		lt_run("modprobe ockam");
}

TEST_F_TIMEOUT(module, unloads_when_unused, 300)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_node node;
	struct lt_wire w;
	int app, i;

	ASSERT_EQ(0, lt_node_new(&node));
	for (i = 0; i < (ot_debug() ? 1 : 3); i++) {
		ASSERT_EQ(0, lt_wire(&node, &w, lt_conf(.name = "peer")));
		ASSERT_LT(0, lt_listen(&node, &at, lt_conf(0)));
		EXPECT_EQ(-EWOULDBLOCK, unload());
		/* It goes on as if nothing had been. */
		EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&node, w.link));
		app = lt_worker("app", OCKAM_ACCEPT_LINKS);
		ASSERT_LE(0, app);
		ASSERT_EQ(1, say(app, "peer"));
		EXPECT_EQ(0, ockam_nl_link_flush(node.nl));
		EXPECT_EQ(-EWOULDBLOCK, unload());
		close(app);
		EXPECT_EQ(0, lt_hop(&node, "hop", NULL, OCKAM_ACCEPT_LOCAL));
		close(w.peer);
		lt_node_free(&node);

		EXPECT_TRUE(OT_WAIT_LONG(!unload()));
		EXPECT_EQ(-1, access("/sys/module/ockam", F_OK));
		EXPECT_GT(0, ot_socket(0));
		ASSERT_EQ(0, lt_run("modprobe ockam"));
		ASSERT_EQ(0, lt_node_new(&node));
	}
	lt_node_free(&node);
}

/* Calls on a descriptor that was handed over once run in the module. */
TEST_F_TIMEOUT(module, unloads_under_calls_on_a_descriptor, 300)
{
	unsigned int seen = 0;
	struct lt_node node;
	int fd[2], ends[2];
	int i, status;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, lt_node_new(&node));
		ASSERT_EQ(0, lt_tcp_pair("127.0.0.1", fd));
		ASSERT_LT(0, lt_handover(&node, fd[0], lt_conf(0)));
		ASSERT_EQ(0, pipe(ends));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			socklen_t len = sizeof(status);
			struct pollfd end = { .fd = ends[0] };

			close(ends[1]);
			while (!poll(&end, 1, 0))
				if (getsockopt(fd[0], SOL_SOCKET, SO_TYPE,
					       &status, &len))
					_exit(1);
			_exit(0);
		}
		close(ends[0]);
		close(fd[0]);
		usleep(20000);
		EXPECT_EQ(0, ockam_nl_link_flush(node.nl));
		lt_node_free(&node);
		EXPECT_TRUE(OT_WAIT_LONG(!unload()));
		close(ends[1]);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		seen += !status;
		close(fd[1]);
		ASSERT_EQ(0, lt_run("modprobe ockam"));
	}
	EXPECT_EQ(5, seen);
}

TEST_HARNESS_MAIN
