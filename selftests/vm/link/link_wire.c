// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Links against a peer that is a plain TCP socket: every byte that they send,
 * what they make of every byte that they get, and who may be reached so.
 */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "link_test.h"

#define MIB		(1U << 20)
#define FRAME_MAX	(1U << 24)

static const char random_name[] = "00112233445566778899aabbccddeeff";
/* As Ockam's own programs pack a string. */
static const char hello[] = "\x0cHello Ockam!";
#define HELLO		(sizeof(hello) - 1)

/* Of Documentation/protocol.rst, messages without their length. */
#define EXAMPLE_1	"83818200466563686f6572818200436170704d0c48656c6c6f204f63" \
			"6b616d21"
#define EXAMPLE_2	"84818200466563686f657281820058203030313132323333343435353636" \
			"37373838393961616262636364646565666" \
			"64d0c48656c6c6f204f636b616d21627b7d"
#define EXAMPLE_3	"83808040"
#define EXAMPLE_4	"8481820043617070804d0c48656c6c6f204f636b616d21627b7d"
#define EXAMPLE_5	"8382820043686f708200466563686f6572828200436170708200582030303131" \
			"3232333334343535363637373838393961616262636364646565666659012c"
#define EXAMPLE_6	"84818200466563686f6572804078597b227472616365706172656e74223a2230" \
			"302d306166373635313931366364343364643834343865623231316338303331" \
			"39632d623761643662373136393230333333312d3031222c2274726163657374" \
			"617465223a22227d"
#define EXAMPLE_7	"84818200466563686f6572818200436170704d0c48656c6c6f204f636b616d21f6"

/* ---- four kinds of link ---- */

FIXTURE(wire) {
	struct lt_node node;
	struct lt_wire w;
	int app;
	int echoer;
};

FIXTURE_VARIANT(wire) {
	bool accepts;
	const char *ip;
};

FIXTURE_VARIANT_ADD(wire, connect_v4) { false, "127.0.0.1" };
FIXTURE_VARIANT_ADD(wire, connect_v6) { false, "::1" };
FIXTURE_VARIANT_ADD(wire, accept_v4) { true, "127.0.0.1" };
FIXTURE_VARIANT_ADD(wire, accept_v6) { true, "::1" };

FIXTURE_SETUP(wire)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, (variant->accepts ? lt_wire_accept : lt_wire_connect)
			(&self->node, &self->w, variant->ip, lt_conf(0)));
	self->app = lt_worker("app", 0);
	ASSERT_LE(0, self->app);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->echoer);
}

FIXTURE_TEARDOWN(wire)
{
	close(self->w.peer);
	close(self->app);
	close(self->echoer);
	lt_node_free(&self->node);
}

TEST_F(wire, greets_at_once_and_waits_for_the_peer)
{
	struct ockam_nl_link link;
	char v = 0;

	/* Without having heard anything. */
	ASSERT_TRUE(lt_read(self->w.peer, &v, 1));
	EXPECT_EQ(1, v);
	EXPECT_TRUE(lt_silent(self->w.peer));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	EXPECT_EQ(OCKAM_LINK_STATE_CONNECTING, link.state);
	EXPECT_EQ(0, link.connects);

	ASSERT_TRUE(lt_write(self->w.peer, "\1", 1));
	ASSERT_TRUE(lt_is_up(&self->node, self->w.link));
	ASSERT_TRUE(OT_WAIT(!lt_get(&self->node, self->w.link, &link) &&
			    link.connects == 1));
	EXPECT_EQ(1, link.attempts);
	EXPECT_EQ(variant->accepts ? OCKAM_LINK_MODE_ACCEPTED :
				     OCKAM_LINK_MODE_CONNECT, link.mode);
	EXPECT_EQ(OCKAM_LINK_KIND_TCP, link.kind);
	EXPECT_EQ(self->w.parent, link.parent);
	EXPECT_EQ(0, link.rx_msgs);
	EXPECT_EQ(0, link.tx_msgs);
	EXPECT_TRUE(lt_silent(self->w.peer));
}

TEST_F(wire, refuses_sends_until_it_is_up)
{
	struct ot_route to = ot_route(self->w.name, "echoer", NULL);
	struct ockam_nl_node before = {};

	LT_MARK(&self->node, &before);
	EXPECT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_LINK_DOWN, 1);
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "x", 1));
}

TEST_F(wire, knows_both_ends)
{
	struct ockam_nl_ip local = {}, remote = {};
	uint16_t local_port, remote_port;
	struct sockaddr_storage ss = {};
	struct ockam_nl_link link;
	char text[80];
	socklen_t len = sizeof(ss);

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	ASSERT_EQ(0, getsockname(self->w.peer, (void *)&ss, &len));
	lt_ip(&remote, &ss, &remote_port);
	ASSERT_EQ(0, getpeername(self->w.peer, (void *)&ss, &len));
	lt_ip(&local, &ss, &local_port);
	EXPECT_EQ(remote_port, link.remote_port);
	EXPECT_EQ(local_port, link.local_port);
	EXPECT_EQ(0, memcmp(&remote, &link.remote_ip, 2 + remote.len));
	EXPECT_EQ(0, memcmp(&local, &link.local_ip, 2 + local.len));

	/* The address of type 1 that routes may begin with. */
	snprintf(text, sizeof(text), ss.ss_family == AF_INET ? "%s:%u" :
		 "[%s]:%u", variant->ip, remote_port);
	EXPECT_EQ(OCKAM_TYPE_TCP, link.endpoint.data[0]);
	ASSERT_EQ(strlen(text), link.endpoint.data[1]);
	EXPECT_EQ(0, memcmp(text, link.endpoint.data + 2, strlen(text)));
}

TEST_F(wire, sends_example_1)
{
	struct ot_route to = ot_route(self->w.name, "echoer", NULL);
	struct ockam_nl_link link;
	uint8_t want[64];
	size_t n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	n = lt_unhex(want, "00000020" EXAMPLE_1);
	ASSERT_EQ(36, n);
	ASSERT_EQ(HELLO, ot_sendx(self->app, ot_out(.to = &to), hello, HELLO));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));
	EXPECT_TRUE(lt_silent(self->w.peer));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	EXPECT_EQ(1, link.tx_msgs);
	EXPECT_EQ(36, link.tx_bytes);
	EXPECT_EQ(0, link.txq_bytes);
}

/* By the address of the other end instead of the link's name. */
TEST_F(wire, sends_by_endpoint)
{
	struct ockam_nl_link link;
	struct ot_route to = {};
	uint8_t want[64];
	size_t n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	ot_hop(&to, OCKAM_TYPE_TCP, link.endpoint.data + 2,
	       link.endpoint.data[1]);
	ot_local(&to, "echoer");
	n = lt_unhex(want, "00000020" EXAMPLE_1);
	ASSERT_EQ(HELLO, ot_sendx(self->app, ot_out(.to = &to), hello, HELLO));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));
}

/* Two hops, a return route of two hops, 300 bytes. */
TEST_F(wire, sends_example_5)
{
	struct ot_route to = ot_route(self->w.name, "hop", "echoer", NULL);
	struct ot_route ret = ot_route("app", random_name, NULL);
	uint8_t want[4 + 363] = {}, zeros[300] = {};
	size_t n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	n = lt_unhex(want, "0000016b" EXAMPLE_5);
	ASSERT_EQ(sizeof(want), n + 300);
	ASSERT_EQ(300, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				zeros, 300));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, sizeof(want)));
}

TEST_F(wire, sends_without_return_route_and_without_payload)
{
	struct ot_route to = ot_route(self->w.name, "app", NULL);
	struct ot_route echoer = ot_route(self->w.name, "echoer", NULL);
	struct ot_route none = {};
	uint8_t want[64];
	size_t n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	/* Example 4, but for the tracing context. */
	n = lt_unhex(want, "00000017"
		     "8381820043617070804d0c48656c6c6f204f636b616d21");
	ASSERT_EQ(HELLO, ot_sendx(self->app, ot_out(.to = &to, .ret = &none),
				  hello, HELLO));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));

	n = lt_unhex(want, "00000013" "83818200466563686f65728182004361707040");
	ASSERT_EQ(0, ot_sendx(self->app, ot_out(.to = &echoer), NULL, 0));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));
	EXPECT_TRUE(lt_silent(self->w.peer));
}

/* Around each change of a CBOR head's form, and up to the largest. */
TEST_F(wire, sends_every_size_of_head)
{
	static const unsigned int sizes[] = {
		0, 1, 22, 23, 24, 25, 255, 256, 257, 4095, 16383, 16384, 16385,
		65535, 65536, 65537, 262144, MIB - 1, MIB
	};
	struct ot_route to = ot_route(self->w.name, "a", NULL);
	struct ot_route onward = ot_route("a", NULL);
	struct ot_route ret = ot_route("app", NULL);
	char *payload = malloc(MIB);
	struct lt_buf want = {};
	unsigned int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_NE(NULL, payload);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ot_fill(payload, sizes[i], i);
		want.len = 0;
		lt_put_frame(&want, &onward, &ret, payload, sizes[i]);
		ASSERT_EQ(sizes[i], ot_sendx(self->app, ot_out(.to = &to),
					     payload, sizes[i]));
		ASSERT_TRUE(lt_hears(_metadata, self->w.peer, want.data,
				     want.len));
	}
	EXPECT_TRUE(lt_silent(self->w.peer));
	lt_buf_free(&want);
	free(payload);
}

TEST_F(wire, sends_addresses_of_all_types_and_lengths)
{
	static const uint8_t len[] = { 1, 23, 24, 25, 255 };
	static const uint8_t type[] = { 0, 1, 2, 23, 24, 255 };
	struct ot_route to, onward, ret = ot_route("app", NULL);
	struct lt_buf want = {};
	uint8_t bytes[255];
	unsigned int i, j;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ot_fill(bytes, sizeof(bytes), 1);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		for (j = 0; j < ARRAY_SIZE(type); j++) {
			onward = ot_route("first", NULL);
			to = ot_route(self->w.name, "first", NULL);
			ot_hop(&onward, type[j], bytes, len[i]);
			ot_hop(&to, type[j], bytes, len[i]);
			want.len = 0;
			lt_put_frame(&want, &onward, &ret, "x", 1);
			ASSERT_EQ(1, ot_sendx(self->app, ot_out(.onward = &to),
					      "x", 1));
			ASSERT_TRUE(lt_hears(_metadata, self->w.peer,
					     want.data, want.len));
		}
	}
	lt_buf_free(&want);
}

/* 64 hops each way. */
TEST_F(wire, sends_the_longest_routes)
{
	struct ot_route to = ot_route(self->w.name, NULL);
	struct ot_route onward = {}, ret = {};
	struct lt_buf want = {};
	char name[64];
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "hop-%059d", i);
		name[60] = 0;
		if (i < 63) {
			ot_local(&to, name);
			ot_local(&onward, name);
		}
		ot_local(&ret, name);
	}
	ASSERT_EQ(64, to.nhops);
	lt_put_frame(&want, &onward, &ret, hello, HELLO);
	ASSERT_EQ(HELLO, ot_sendx(self->app, ot_out(.onward = &to, .ret = &ret),
				  hello, HELLO));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want.data, want.len));
	lt_buf_free(&want);
}

/* What the worker "echoer" is given for the bytes of one message. */
static bool given(struct __test_metadata *_metadata, int worker,
		  const struct ot_route *ret, const void *payload, size_t len,
		  uint32_t link)
{
	static struct ot_in in;
	char buf[512];
	ssize_t n;

	ot_set(worker, SOL_OCKAM, OCKAM_RECV_RETURN, 1);
	ot_set(worker, SOL_OCKAM, OCKAM_RECV_ONWARD, 1);
	ot_set(worker, SOL_OCKAM, OCKAM_RECV_PEER, 1);
	n = ot_recvx(worker, &in, buf, sizeof(buf), 0);
	if (n != (ssize_t)len || memcmp(buf, payload, len)) {
		TH_LOG("payload of %zd bytes, not %zu", n, len);
		return false;
	}
	if (!in.has_ret || !ot_route_eq(&in.ret, ret)) {
		TH_LOG("return route of %u hops, not %u, or another",
		       in.ret.nhops, ret->nhops);
		return false;
	}
	if (!in.has_onward || in.onward.nhops) {
		TH_LOG("onward route is left");
		return false;
	}
	return in.has_peer && in.peer.origin == OCKAM_ORIGIN_LINK &&
	       in.peer.link == link && !in.peer.flags && !in.peer.nchannels &&
	       !in.peer.pid;
}

static bool feed(int peer, const char *hex, size_t zeros)
{
	uint8_t m[1024] = {};
	uint8_t head[4] = {};
	size_t n = lt_unhex(m, hex) + zeros;

	head[2] = n >> 8;
	head[3] = n;
	return lt_write(peer, head, 4) && lt_write(peer, m, n);
}

TEST_F(wire, takes_the_examples)
{
	struct ot_route app = ot_route(self->w.name, "app", NULL);
	struct ot_route far = ot_route(self->w.name, random_name, NULL);
	struct ot_route none = ot_route(self->w.name, NULL);
	struct ot_route two = ot_route("hop", self->w.name, "app", random_name,
				       NULL);
	struct ockam_nl_node before = {};
	struct ockam_nl_link link;
	uint8_t zeros[300] = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_hop(&self->node, "hop", NULL, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, ot_accept(self->app, OCKAM_ACCEPT_LOCAL |
					  OCKAM_ACCEPT_LINKS));
	LT_MARK(&self->node, &before);

	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_1, 0));
	EXPECT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
			  self->w.link));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_2, 0));
	EXPECT_TRUE(given(_metadata, self->echoer, &far, hello, HELLO,
			  self->w.link));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_4, 0));
	EXPECT_TRUE(given(_metadata, self->app, &none, hello, HELLO,
			  self->w.link));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_5, 300));
	EXPECT_TRUE(given(_metadata, self->echoer, &two, zeros, 300,
			  self->w.link));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_6, 0));
	EXPECT_TRUE(given(_metadata, self->echoer, &none, "", 0,
			  self->w.link));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_7, 0));
	EXPECT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
			  self->w.link));

	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_TRUE(ot_empty(self->app));
	EXPECT_NO_DROPS(&self->node, &before);
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	EXPECT_EQ(6, link.rx_msgs);
	EXPECT_EQ(36 + 69 + 30 + 367 + 108 + 37, link.rx_bytes);
	EXPECT_EQ(6, lt_stat(&self->node, OCKAM_STAT_LINK_RX));
}

/* Never written by anybody, and to be accepted all the same (0.1). */
TEST_F(wire, takes_other_forms)
{
	static const char * const form[] = {
		/* indefinite arrays, for the message, a route, an address */
		"9f818200466563686f6572818200436170704d0c48656c6c6f204f636b616d21ff",
		"839f8200466563686f6572ff818200436170704d0c48656c6c6f204f636b616d21",
		"83819f00466563686f6572ff818200436170704d0c48656c6c6f204f636b616d21",
		/* longer heads than needed */
		"9803818200466563686f6572818200436170704d0c48656c6c6f204f636b616d21",
		"838182180058066563686f657281821900004361707058"
		"0d0c48656c6c6f204f636b616d21",
		"8381821b000000000000000046" "6563686f6572818200436170704d0c48656c"
		"6c6f204f636b616d21",
		/* elements of a later version: a map, nested arrays */
		"85818200466563686f6572818200436170704d0c48656c6c6f204f636b616d21"
		"627b7da10102",
		"86818200466563686f6572818200436170704d0c48656c6c6f204f636b616d21"
		"f6828182030405f6",
		/* and of an address */
		"83818300466563686f6572f5818200436170704d0c48656c6c6f204f636b616d21",
	};
	struct ot_route app = ot_route(self->w.name, "app", NULL);
	unsigned int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 0; i < ARRAY_SIZE(form); i++) {
		ASSERT_TRUE(feed(self->w.peer, form[i], 0));
		EXPECT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
				  self->w.link))
			TH_LOG("form %u", i);
	}
	/* Bytes behind the message. */
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_1, 7));
	EXPECT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
			  self->w.link));
	EXPECT_EQ(0, lt_drops(&self->node));
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, self->w.link));
}

TEST_F(wire, ignores_heartbeats)
{
	struct ot_route app = ot_route(self->w.name, "app", NULL);
	struct ockam_nl_node before = {};
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(feed(self->w.peer, EXAMPLE_3, 0));
	/* With a return route and a payload it is one, too. */
	ASSERT_TRUE(feed(self->w.peer, "8380818200436170704178", 0));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_1, 0));
	EXPECT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
			  self->w.link));
	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_EQ(6, lt_stat(&self->node, OCKAM_STAT_HEARTBEATS) -
		     before.stats[OCKAM_STAT_HEARTBEATS]);
	/* A message can be read before it is counted. */
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->node, OCKAM_STAT_DELIVERED) >
			    before.stats[OCKAM_STAT_DELIVERED]));
	EXPECT_EQ(1, lt_stat(&self->node, OCKAM_STAT_DELIVERED) -
		     before.stats[OCKAM_STAT_DELIVERED]);
	EXPECT_NO_DROPS(&self->node, &before);
	EXPECT_TRUE(lt_silent(self->w.peer));
}

/* A conversation, as in protocol.rst: the reply takes the route back. */
TEST_F(wire, echoes)
{
	struct ot_route to = ot_route(self->w.name, "echoer", NULL);
	struct sockaddr_ockam from;
	socklen_t len = sizeof(from);
	uint8_t want[64];
	char buf[64];
	size_t n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_TRUE(feed(self->w.peer, EXAMPLE_1, 0));
	ASSERT_EQ(HELLO, recvfrom(self->echoer, buf, sizeof(buf), 0,
				  (void *)&from, &len));
	ASSERT_EQ(HELLO, sendto(self->echoer, buf, HELLO, 0, (void *)&from,
				len));
	n = lt_unhex(want, "00000020" "838182004361707081820046"
		     "6563686f65724d0c48656c6c6f204f636b616d21");
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));

	/* And the other way round: "app" accepts nothing but the answer. */
	ASSERT_EQ(HELLO, ot_sendx(self->app, ot_out(.to = &to), hello, HELLO));
	n = lt_unhex(want, "00000020" EXAMPLE_1);
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want, n));
	ASSERT_TRUE(feed(self->w.peer, "8381820043617070818200466563686f6572"
			 "4d0c48656c6c6f204f636b616d21", 0));
	ASSERT_EQ(HELLO, recvfrom(self->app, buf, sizeof(buf), 0,
				  (void *)&from, &len));
	EXPECT_EQ(0, memcmp(hello, buf, HELLO));
}

/* ---- the same bytes in other portions ---- */

/* Two segments at least: what is sent second is not there with the first. */
TEST_F(wire, takes_frames_split_everywhere)
{
	struct ot_route app = ot_route(self->w.name, "app", NULL);
	uint8_t f[128];
	size_t n, i;

	/* The version byte and two frames; the split goes through all. */
	n = lt_unhex(f, "00000020" EXAMPLE_1 "00000041" EXAMPLE_2);
	ASSERT_EQ(36 + 69, n);
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 1; i < n; i++) {
		struct ot_route far = ot_route(self->w.name, random_name, NULL);

		ASSERT_TRUE(lt_write(self->w.peer, f, i));
		if (i < 36)
			ASSERT_TRUE(ot_empty(self->echoer));
		ASSERT_TRUE(lt_write(self->w.peer, f + i, n - i));
		ASSERT_TRUE(given(_metadata, self->echoer, &app, hello, HELLO,
				  self->w.link)) TH_LOG("split at %zu", i);
		ASSERT_TRUE(given(_metadata, self->echoer, &far, hello, HELLO,
				  self->w.link)) TH_LOG("split at %zu", i);
	}
	EXPECT_EQ(0, lt_drops(&self->node));
}

TEST_F(wire, takes_single_bytes)
{
	struct ot_route two = ot_route("hop", self->w.name, "app", random_name,
				       NULL);
	uint8_t f[4 + 363] = {}, zeros[300] = {};
	size_t i;
	char v;

	ASSERT_EQ(0, lt_hop(&self->node, "hop", NULL, OCKAM_ACCEPT_LINKS));
	lt_unhex(f, "0000016b" EXAMPLE_5);
	ASSERT_TRUE(lt_read(self->w.peer, &v, 1));
	ASSERT_TRUE(lt_write(self->w.peer, "\1", 1));
	for (i = 0; i < sizeof(f); i++)
		ASSERT_TRUE(lt_write(self->w.peer, f + i, 1));
	EXPECT_TRUE(given(_metadata, self->echoer, &two, zeros, 300,
			  self->w.link));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* Version byte, 400 frames and the beginning of one more in one write. */
TEST_F(wire, takes_many_at_once)
{
	struct ot_route onward = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {};
	uint32_t i, got;

	lt_put8(&b, 1);
	for (i = 0; i < 400; i++)
		lt_put_frame(&b, &onward, &ret, &i, sizeof(i));
	lt_put(&b, "\0\0", 2);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	for (i = 0; i < 400; i++) {
		ASSERT_EQ(sizeof(got), ot_recv(self->echoer, &got, sizeof(got),
					       0));
		ASSERT_EQ(i, got);
	}
	EXPECT_TRUE(ot_empty(self->echoer));
	/* And its end. */
	ASSERT_TRUE(lt_write(self->w.peer, "\0\x04\x83\x80\x80\x40", 6));
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->node, OCKAM_STAT_HEARTBEATS) == 1));
	EXPECT_EQ(0, lt_drops(&self->node));
	lt_buf_free(&b);
}

#define RANDOM_MSGS	60

struct reader {
	int fd;
	uint32_t size[RANDOM_MSGS];
	unsigned int good;
};

static long read_random(void *arg)
{
	struct reader *r = arg;
	char *buf = malloc(MIB);
	unsigned int i;

	for (i = 0; i < RANDOM_MSGS; i++) {
		if (ot_recv(r->fd, buf, MIB, 0) != r->size[i] ||
		    !ot_filled(buf, r->size[i], i))
			break;
		r->good++;
	}
	free(buf);
	return 0;
}

TEST_F(wire, takes_random_portions)
{
	struct ot_route onward = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	uint64_t seed = ot_seed(_metadata);
	struct reader r = { .fd = self->echoer };
	char *payload = malloc(MIB);
	struct ot_task task;
	struct lt_buf b = {};
	size_t done;
	int i;

	for (i = 0; i < RANDOM_MSGS; i++) {
		/* Sizes of all orders of magnitude. */
		r.size[i] = ot_below(&seed, 1U << ot_below(&seed, 18));
		ot_fill(payload, r.size[i], i);
		lt_put_frame(&b, &onward, &ret, payload, r.size[i]);
	}
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, ot_task_start(&task, read_random, &r));
	for (done = 0; done < b.len; ) {
		size_t n = 1 + ot_below(&seed, 1U << ot_below(&seed, 17));

		if (n > b.len - done)
			n = b.len - done;
		ASSERT_TRUE(lt_write(self->w.peer, b.data + done, n));
		done += n;
	}
	EXPECT_EQ(0, ot_task_end(&task));
	EXPECT_EQ(RANDOM_MSGS, r.good);
	EXPECT_EQ(0, lt_drops(&self->node));
	lt_buf_free(&b);
	free(payload);
}

/* ---- one kind of link is enough for the rest ---- */

FIXTURE(link) {
	struct lt_node node;
	struct lt_wire w;
	int app;
	int echoer;
};

FIXTURE_SETUP(link)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_wire_connect(&self->node, &self->w, "127.0.0.1",
				     lt_conf(.name = "peer",
					     .reconnect_min_ms = -1)));
	self->app = lt_worker("app", 0);
	ASSERT_LE(0, self->app);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->echoer);
}

FIXTURE_TEARDOWN(link)
{
	close(self->w.peer);
	close(self->app);
	close(self->echoer);
	lt_node_free(&self->node);
}

/* The link is up, nothing is delivered, and messages still pass. */
#define EXPECT_STILL_UP() do {						\
	char __buf[64];							\
									\
	EXPECT_EQ(OCKAM_LINK_STATE_UP,					\
		  lt_state(&self->node, self->w.link));			\
	EXPECT_TRUE(ot_empty(self->echoer));				\
	EXPECT_TRUE(lt_tell(self->w.peer, "echoer", "still", 5));	\
	EXPECT_EQ(5, ot_recv(self->echoer, __buf, sizeof(__buf), 0));	\
} while (0)

/* ---- frames that go out together ---- */

/* Bytes that came in one piece, which stay. */
static ssize_t came(int peer)
{
	char buf[4096];

	return ot_recv(peer, buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK);
}

static ssize_t say_more(int fd, const struct ot_route *to, int flags)
{
	return ot_sendx(fd, ot_out(.to = to, .flags = flags), "more", 4);
}

TEST_F(link, more_goes_out_with_the_rest)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	ssize_t frame;
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(4, say_more(self->app, &to, 0));
	ASSERT_TRUE(OT_WAIT(came(self->w.peer) > 0));
	frame = came(self->w.peer);
	/* The debug kernel takes as long for a call as frames wait. */
	if (ot_debug())
		return;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(4, say_more(self->app, &to, MSG_MORE));
		EXPECT_EQ(frame, came(self->w.peer));
	}
	ASSERT_EQ(4, say_more(self->app, &to, 0));
	EXPECT_EQ(5 * frame, came(self->w.peer));
}

TEST_F(link, more_does_not_wait_for_ever)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	char buf[256];
	ssize_t frame;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(4, say_more(self->app, &to, 0));
	ASSERT_TRUE(OT_WAIT(came(self->w.peer) > 0));
	frame = came(self->w.peer);
	ASSERT_TRUE(lt_read(self->w.peer, buf, frame));
	/* Nobody does anything else in this node. */
	ASSERT_EQ(4, say_more(self->app, &to, MSG_MORE));
	EXPECT_TRUE(lt_read(self->w.peer, buf, frame));
	/* Nor is it lost with the link. */
	ASSERT_EQ(4, say_more(self->app, &to, MSG_MORE));
	EXPECT_EQ(0, lt_del(&self->node, self->w.link));
	EXPECT_TRUE(lt_read(self->w.peer, buf, frame));
}

TEST_F(link, who_listens_has_said_all)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	ssize_t frame;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(4, say_more(self->app, &to, 0));
	ASSERT_TRUE(OT_WAIT(came(self->w.peer) > 0));
	frame = came(self->w.peer);
	ASSERT_EQ(4, say_more(self->app, &to, MSG_MORE));
	EXPECT_TRUE(ot_empty(self->app));
	EXPECT_EQ(2 * frame, came(self->w.peer));
	ASSERT_EQ(4, say_more(self->app, &to, MSG_MORE));
	EXPECT_EQ(0, ot_poll(self->app, POLLIN, 0));
	EXPECT_EQ(3 * frame, came(self->w.peer));
}

TEST_F(link, carries_1_mib_both_ways)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	struct ot_route onward = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	char *payload = malloc(MIB), *got = malloc(MIB);
	struct ockam_nl_node before = {};
	struct lt_buf want = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ot_fill(payload, MIB, 7);
	lt_put_frame(&want, &onward, &ret, payload, MIB);
	ASSERT_EQ(MIB, ot_sendx(self->app, ot_out(.to = &to), payload, MIB));
	EXPECT_TRUE(lt_hears(_metadata, self->w.peer, want.data, want.len));

	ASSERT_TRUE(lt_write(self->w.peer, want.data, want.len));
	ASSERT_EQ(MIB, ot_recv(self->echoer, got, MIB, MSG_TRUNC));
	EXPECT_TRUE(ot_filled(got, MIB, 7));

	/* A byte more is more than this node takes; the frame is skipped. */
	want.len = 0;
	payload = realloc(payload, MIB + 1);
	lt_put_frame(&want, &onward, &ret, payload, MIB + 1);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to), payload,
				      MIB + 1));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_write(self->w.peer, want.data, want.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_TOO_BIG, 1);
	EXPECT_STILL_UP();
	/* And so is one whose length alone says it all. */
	LT_MARK(&self->node, &before);
	payload = realloc(payload, 2 * MIB);
	want.len = 0;
	lt_put_frame(&want, &onward, &ret, payload, 2 * MIB);
	ASSERT_TRUE(lt_write(self->w.peer, want.data, want.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_TOO_BIG, 1);
	EXPECT_STILL_UP();
	lt_buf_free(&want);
	free(payload);
	free(got);
}

struct drain {
	int fd;
	uint8_t *buf;
	size_t len;
};

static long drain(void *arg)
{
	struct drain *d = arg;

	return lt_read(d->fd, d->buf, d->len);
}

/* A frame of exactly 16 MiB passes, in both directions. */
TEST_F_TIMEOUT(link, carries_16_mib_frames, 120)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	struct ot_route onward = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf want = {};
	struct ockam_nl_node before = {};
	struct ot_task task;
	struct drain d = { .fd = self->w.peer };
	/* Head: array, two routes, head of the payload. */
	size_t n = FRAME_MAX - (1 + 1 + 3 + 6 + 1 + 3 + 3 + 5);
	char *payload = malloc(FRAME_MAX);

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_MSG, FRAME_MAX));
	ot_fill(payload, FRAME_MAX, 3);
	lt_put_frame(&want, &onward, &ret, payload, n);
	ASSERT_EQ(4 + FRAME_MAX, want.len);
	d.len = want.len;
	d.buf = malloc(want.len);
	ASSERT_EQ(0, ot_task_start(&task, drain, &d));
	ASSERT_EQ(n, ot_sendx(self->app, ot_out(.to = &to), payload, n));
	ASSERT_EQ(1, ot_task_end(&task));
	EXPECT_EQ(0, memcmp(d.buf, want.data, want.len));

	ASSERT_TRUE(lt_write(self->w.peer, want.data, want.len));
	ASSERT_EQ(n, ot_recv(self->echoer, payload, FRAME_MAX, 0));
	EXPECT_TRUE(ot_filled(payload, n, 3));

	/* One byte more has no frame. */
	LT_MARK(&self->node, &before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to), payload,
				      n + 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_TOO_BIG, 1);
	EXPECT_TRUE(lt_silent(self->w.peer));
	EXPECT_STILL_UP();
	lt_buf_free(&want);
	free(payload);
	free(d.buf);
}

static long mem_available(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f) &&
	       sscanf(line, "MemAvailable: %ld", &kib) != 1)
		;
	fclose(f);
	return kib;
}

#define SLOW_LINKS	40

/*
 * 40 peers announce 16 MiB each and send a little of it: what that costs is
 * of the order of what came, not of the 640 MiB that were announced.
 */
TEST_F_TIMEOUT(link, memory_follows_what_came, 120)
{
	static char some[20000];
	struct lt_wire w[SLOW_LINKS];
	long before, after;
	unsigned int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_MSG, FRAME_MAX));
	for (i = 0; i < SLOW_LINKS; i++)
		ASSERT_EQ(0, lt_wire(&self->node, &w[i], lt_conf(0)));
	before = mem_available();
	for (i = 0; i < SLOW_LINKS; i++)
		ASSERT_TRUE(lt_write(w[i].peer, "\1\0\0\0", 4) &&
			    lt_write(w[i].peer, some, sizeof(some)));
	usleep(200000);
	after = mem_available();
	TH_LOG("%d frames of 16 MiB announced, %zu bytes of each sent: %ld KiB",
	       SLOW_LINKS, sizeof(some), before - after);
	/* Others of this machine take and give back some tens of MiB. */
	EXPECT_GT(100 * 1024, before - after);
	for (i = 0; i < SLOW_LINKS; i++)
		EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node,
							w[i].link));
	/* Others do not suffer. */
	EXPECT_STILL_UP();
	for (i = 0; i < SLOW_LINKS; i++)
		close(w[i].peer);
}

/* 16 MiB sent slowly, in small pieces, arrive in the end. */
TEST_F_TIMEOUT(link, takes_a_large_frame_slowly, 120)
{
	struct ot_route onward = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	char *payload = malloc(4 * MIB);
	struct lt_buf b = {};
	size_t done, n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_MSG, FRAME_MAX));
	ot_fill(payload, 4 * MIB, 9);
	lt_put_frame(&b, &onward, &ret, payload, 4 * MIB);
	for (done = 0; done < b.len; done += n) {
		n = done < 3000 ? 37 : 8191;
		if (n > b.len - done)
			n = b.len - done;
		ASSERT_TRUE(ot_empty(self->echoer));
		ASSERT_TRUE(lt_write(self->w.peer, b.data + done, n));
	}
	ASSERT_EQ(4 * MIB, ot_recv(self->echoer, payload, 4 * MIB, 0));
	EXPECT_TRUE(ot_filled(payload, 4 * MIB, 9));
	lt_buf_free(&b);
	free(payload);
}

/* ---- what ends a link ---- */

FIXTURE(bad) {
	struct lt_node node;
	int echoer;
};

FIXTURE_VARIANT(bad) {
	/* Sent behind a good version byte, unless there is none. */
	const char *hex;
	int reason;
	int drop;
	bool no_version;
};

FIXTURE_SETUP(bad)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->echoer);
}

FIXTURE_TEARDOWN(bad)
{
	close(self->echoer);
	lt_node_free(&self->node);
}

#define BAD(name_, hex_, reason_, drop_)				\
FIXTURE_VARIANT_ADD(bad, name_) {					\
	.hex = hex_, .reason = OCKAM_LINK_REASON_##reason_, .drop = drop_, \
}
#define BAD_VERSION(name_, hex_)					\
FIXTURE_VARIANT_ADD(bad, name_) {					\
	.hex = hex_, .reason = OCKAM_LINK_REASON_VERSION, .drop = -1,	\
	.no_version = true,						\
}
#define BAD_FRAME(name_, hex_) BAD(name_, hex_, BAD_FRAME, OCKAM_DROP_BAD_FRAME)

BAD_VERSION(version_0, "00");
BAD_VERSION(version_2, "02");
BAD_VERSION(version_255, "ff");
BAD_VERSION(http, "474554202f20485454502f312e310d0a0d0a");
BAD(too_big_by_one, "01000001", FRAME_TOO_BIG, OCKAM_DROP_FRAME_TOO_BIG);
BAD(too_big_by_far, "ffffffff", FRAME_TOO_BIG, OCKAM_DROP_FRAME_TOO_BIG);
BAD(too_big_sign, "80000000", FRAME_TOO_BIG, OCKAM_DROP_FRAME_TOO_BIG);
BAD_FRAME(empty_frame, "00000000");
BAD_FRAME(one_byte, "00000001" "83");
BAD_FRAME(garbage, "00000008" "deadbeefdeadbeef");
BAD_FRAME(zeros, "00000008" "0000000000000000");
BAD_FRAME(ones, "00000008" "ffffffffffffffff");
BAD_FRAME(map, "00000004" "a3808040");
BAD_FRAME(array_of_2, "00000003" "828080");
BAD_FRAME(text_payload, "00000005" "8380806178");
BAD_FRAME(null_payload, "00000004" "838080f6");
BAD_FRAME(null_route, "00000004" "83f68040");
BAD_FRAME(tagged, "00000006" "c083808040" "00");
BAD_FRAME(chunked_payload, "00000007" "8380805f4178ff");
BAD_FRAME(undefined_tracing, "00000005" "84808040f7");
BAD_FRAME(payload_cut, "0000001f" "83818200466563686f6572818200436170704d0c"
	  "48656c6c6f204f636b616d");
BAD_FRAME(route_cut, "00000009" "838182004665636865");
BAD_FRAME(address_of_1, "00000007" "83818100804178");
BAD_FRAME(address_negative_type, "0000000b" "8381822041788041788080");
BAD_FRAME(address_type_256, "0000000d" "8381821901004178804178" "8080");
BAD_FRAME(address_is_text, "0000000a" "83818200617880417880");
BAD_FRAME(address_cut, "00000006" "838182005a7f");
BAD_FRAME(payload_length_huge, "0000000c" "8380805bffffffffffffffff");
BAD_FRAME(payload_length_4g, "00000008" "8380805affffffff");
BAD_FRAME(hops_huge, "0000000a" "839bffffffffffffffff");
BAD_FRAME(never_ending_route, "00000006" "839f80808080");
BAD_FRAME(reserved_info, "00000004" "831c8040");

/* The link, and not another one, ends; and says why. */
TEST_F(bad, ends_the_link)
{
	struct ockam_nl_node before = {};
	struct lt_wire w, other;
	struct ockam_nl_link link;
	uint8_t bytes[128];
	int accepted;
	char buf[8];
	size_t n;

	ASSERT_EQ(0, lt_wire(&self->node, &other, lt_conf(.name = "other")));
	n = lt_unhex(bytes, variant->hex);
	for (accepted = 0; accepted < 2; accepted++) {
		if (accepted) {
			ASSERT_EQ(0, lt_wire_accept(&self->node, &w, "127.0.0.1",
						    lt_conf(0)));
		} else {
			ASSERT_EQ(0, lt_wire_connect(&self->node, &w,
					"127.0.0.1", lt_conf(.name = "w",
						.reconnect_min_ms = -1)));
		}
		LT_MARK(&self->node, &before);
		if (!variant->no_version)
			ASSERT_EQ(0, lt_wire_up(&self->node, &w));
		ASSERT_TRUE(lt_write(w.peer, bytes, n));
		EXPECT_TRUE(lt_ended(w.peer));
		if (accepted) {
			/* Gone, with the reason in the event. */
			EXPECT_EQ(variant->reason, lt_gone(&self->node,
							   w.link));
			EXPECT_EQ(-ENOENT, lt_state(&self->node, w.link));
		} else {
			/* Somebody configured it, so it stays. */
			ASSERT_TRUE(OT_WAIT(lt_state(&self->node, w.link) ==
					    OCKAM_LINK_STATE_DOWN));
			ASSERT_EQ(0, lt_get(&self->node, w.link, &link));
			EXPECT_EQ(variant->reason, link.reason);
			EXPECT_NE(0, link.error);
		}
		EXPECT_TRUE(lt_grown(_metadata, &self->node, &before,
				     variant->drop, variant->drop >= 0,
				     __LINE__));
		close(w.peer);
	}
	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, other.link));
	ASSERT_TRUE(lt_tell(other.peer, "echoer", "hi", 2));
	EXPECT_EQ(2, ot_recv(self->echoer, buf, sizeof(buf), 0));
	close(other.peer);
}

static void reset_on_close(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

#define EXPECT_DOWN(why) do {						\
	EXPECT_TRUE(OT_WAIT(lt_state(&self->node, self->w.link) ==	\
			    OCKAM_LINK_STATE_DOWN));			\
	EXPECT_EQ(why, lt_reason(&self->node, self->w.link));		\
} while (0)

TEST_F(link, ends_with_the_stream)
{
	struct ockam_nl_node before = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	shutdown(self->w.peer, SHUT_WR);
	EXPECT_DOWN(OCKAM_LINK_REASON_PEER_CLOSED);
	EXPECT_NO_DROPS(&self->node, &before);
	EXPECT_TRUE(lt_ended(self->w.peer));
}

TEST_F(link, ends_with_the_stream_inside_a_frame)
{
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_TRUE(lt_write(self->w.peer, "\0\0\0\x20\x83\x81", 6));
	shutdown(self->w.peer, SHUT_WR);
	EXPECT_DOWN(OCKAM_LINK_REASON_PEER_CLOSED);
	EXPECT_TRUE(ot_empty(self->echoer));
}

TEST_F(link, ends_before_the_version)
{
	shutdown(self->w.peer, SHUT_WR);
	EXPECT_DOWN(OCKAM_LINK_REASON_PEER_CLOSED);
}

/* All that came before the end is delivered. */
TEST_F(link, delivers_what_came_before_the_end)
{
	uint32_t i, got;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 0; i < 50; i++)
		ASSERT_TRUE(lt_tell(self->w.peer, "echoer", &i, sizeof(i)));
	shutdown(self->w.peer, SHUT_WR);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(4, ot_recv(self->echoer, &got, 4, 0));
		ASSERT_EQ(i, got);
	}
	EXPECT_DOWN(OCKAM_LINK_REASON_PEER_CLOSED);
}

TEST_F(link, ends_with_a_reset)
{
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	reset_on_close(self->w.peer);
	close(self->w.peer);
	self->w.peer = -1;
	EXPECT_DOWN(OCKAM_LINK_REASON_RESET);
}

/* ---- deadlines ---- */

FIXTURE(deadline) {
	struct lt_node node;
	struct lt_wire w;
	uint64_t start;
	int echoer;
};

/* Longer than a machine may stand still. */
#define FRAME_MS	4000

FIXTURE_SETUP(deadline)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->start = ot_ms();
	ASSERT_EQ(0, lt_wire_connect(&self->node, &self->w, "127.0.0.1",
				     lt_conf(.reconnect_min_ms = -1,
					     .frame_ms = FRAME_MS)));
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->echoer);
}

FIXTURE_TEARDOWN(deadline)
{
	close(self->w.peer);
	close(self->echoer);
	lt_node_free(&self->node);
}

TEST_F(deadline, of_the_version)
{
	EXPECT_TRUE(lt_ended(self->w.peer));
	EXPECT_LE(FRAME_MS * 9 / 10, ot_ms() - self->start);
	EXPECT_DOWN(OCKAM_LINK_REASON_VERSION_TIMEOUT);
}

TEST_F(deadline, of_a_length)
{
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_TRUE(lt_write(self->w.peer, "\0", 1));
	EXPECT_TRUE(lt_ended(self->w.peer));
	EXPECT_DOWN(OCKAM_LINK_REASON_FRAME_TIMEOUT);
}

TEST_F(deadline, of_a_body)
{
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_TRUE(lt_write(self->w.peer, "\0\0\0\x20\x83", 5));
	EXPECT_TRUE(lt_ended(self->w.peer));
	EXPECT_DOWN(OCKAM_LINK_REASON_FRAME_TIMEOUT);
	EXPECT_TRUE(ot_empty(self->echoer));
}

/* Bytes that keep trickling do not move it. */
TEST_F(deadline, is_of_the_whole_frame)
{
	uint64_t start;
	bool alive = true;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_TRUE(lt_write(self->w.peer, "\0\1\0\0\x83", 5));
	start = ot_ms();
	while (alive && ot_ms() - start < 5 * FRAME_MS) {
		usleep(50000);
		alive = lt_write(self->w.peer, "\x81", 1) &&
			lt_state(&self->node, self->w.link) ==
				OCKAM_LINK_STATE_UP;
	}
	EXPECT_FALSE(alive);
	EXPECT_DOWN(OCKAM_LINK_REASON_FRAME_TIMEOUT);
}

/* Between frames a peer may be silent, and each frame has its own time. */
TEST_F(deadline, is_not_of_silence)
{
	uint8_t f[64];
	size_t n = lt_unhex(f, "00000020" EXAMPLE_1);
	char buf[32];
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(lt_write(self->w.peer, f, 7));
		usleep(FRAME_MS * 1000 * 3 / 10);
		ASSERT_TRUE(lt_write(self->w.peer, f + 7, n - 7));
		ASSERT_EQ(HELLO, ot_recv(self->echoer, buf, sizeof(buf), 0));
	}
	usleep(FRAME_MS * 1000 * 3 / 2);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, self->w.link));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* Time during which this node does not read is not the peer's. */
TEST_F(deadline, is_not_of_our_own_delay)
{
	char buf[4096] = {};
	int i, got = 0;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	/* More than the worker and the link's share take in. */
	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_RCVBUF, 4096));
	fcntl(self->w.peer, F_SETFL, O_NONBLOCK);
	for (i = 0; lt_tell(self->w.peer, "echoer", buf, sizeof(buf)); i++)
		;
	/* The last one is cut: the deadline would strike if it ran. */
	usleep(FRAME_MS * 1000 * 3 / 2);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, self->w.link));
	while (got < i && ot_recv(self->echoer, buf, sizeof(buf), 0) > 0)
		got++;
	EXPECT_EQ(i, got);
	EXPECT_EQ(0, lt_drops(&self->node));
}

/* ---- what is dropped, the link staying up ---- */

static struct ot_route hops(const char *first, unsigned int n)
{
	struct ot_route r = {};

	if (first)
		ot_local(&r, first);
	while (r.nhops < n)
		ot_local(&r, "hop");
	return r;
}

TEST_F(link, drops_long_routes)
{
	struct ot_route onward, ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_buf b = {};
	unsigned int n;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	/* 64 hops are a route. */
	LT_MARK(&self->node, &before);
	onward = hops("echoer", 64);
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	ASSERT_EQ(1, ot_recv(self->echoer, &n, 4, 0));
	EXPECT_NO_DROPS(&self->node, &before);
	for (n = 65; n <= 1000; n += 935) {
		LT_MARK(&self->node, &before);
		onward = hops("echoer", n);
		b.len = 0;
		lt_put_frame(&b, &onward, &ret, "x", 1);
		ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
		EXPECT_DROPS(&self->node, &before, OCKAM_DROP_ROUTE_TOO_LONG,
			     1);
		EXPECT_STILL_UP();
	}

	/* The way back gets one hop more. */
	LT_MARK(&self->node, &before);
	onward = ot_route("echoer", NULL);
	ret = hops(NULL, 63);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	ASSERT_EQ(1, ot_recv(self->echoer, &n, 4, 0));
	EXPECT_NO_DROPS(&self->node, &before);
	ret = hops(NULL, 64);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
	EXPECT_STILL_UP();
	lt_buf_free(&b);
}

/* 4096 bytes in flat form, an address of 255. */
TEST_F(link, drops_routes_of_many_bytes)
{
	struct ot_route onward, ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_buf b = {};
	uint8_t name[255];
	int i;

	memset(name, 'n', sizeof(name));
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	onward = ot_route("echoer", NULL);
	for (i = 0; i < 15; i++)
		ot_hop(&onward, 0, name, 255);
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	ASSERT_EQ(1, ot_recv(self->echoer, &i, 4, 0));
	EXPECT_NO_DROPS(&self->node, &before);
	/* 8 + 15 * 257 + 233 is 4096 */
	ot_hop(&onward, 0, name, 231);
	ASSERT_EQ(4096, onward.len);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	ASSERT_EQ(1, ot_recv(self->echoer, &i, 4, 0));
	EXPECT_NO_DROPS(&self->node, &before);
	onward.len -= 233;
	onward.nhops--;
	ot_hop(&onward, 0, name, 232);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
	EXPECT_STILL_UP();

	/* An address of 256 bytes. */
	LT_MARK(&self->node, &before);
	b.len = 0;
	lt_put32(&b, 1 + 1 + 3 + 6 + 1 + 2 + 3 + 256 + 2);
	lt_put(&b, "\x83\x81\x82\0\x46" "echoer\x81\x82\0\x59\1\0", 18 - 1);
	for (i = 0; i < 256; i++)
		lt_put8(&b, 'n');
	lt_put(&b, "\x41x", 2);
	ASSERT_EQ(4 + 275, b.len);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_ROUTE_TOO_LONG, 1);
	EXPECT_STILL_UP();
	lt_buf_free(&b);
}

TEST_F(link, drops_for_unknown_workers)
{
	struct ockam_nl_node before = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, "nobody", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_NO_WORKER, 1);
	/* Nothing is ever said to the other side. */
	EXPECT_TRUE(lt_silent(self->w.peer));
	EXPECT_STILL_UP();
}

/* Transports are not named by strangers, be they there or not. */
TEST_F(link, drops_for_other_types)
{
	struct ot_route onward = {}, ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct ockam_nl_link link;
	struct lt_buf b = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ASSERT_EQ(0, lt_get(&self->node, self->w.link, &link));
	ot_hop(&onward, OCKAM_TYPE_TCP, link.endpoint.data + 2,
	       link.endpoint.data[1]);
	ot_local(&onward, "echoer");
	LT_MARK(&self->node, &before);
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_NO_LINK, 1);
	EXPECT_TRUE(lt_silent(self->w.peer));

	/* "echoer" of another type is not the worker. */
	LT_MARK(&self->node, &before);
	onward = (struct ot_route){};
	ot_hop(&onward, OCKAM_TYPE_UDP, "echoer", 6);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_NO_LINK, 1);
	EXPECT_STILL_UP();
	lt_buf_free(&b);
}

/* An address of no bytes names nothing. */
TEST_F(link, drops_for_the_empty_address)
{
	struct ockam_nl_node before = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(feed(self->w.peer, "83818200408041" "78", 0));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_NO_WORKER, 1);
	EXPECT_STILL_UP();
}

/* ---- who may be reached ---- */

/* A worker hears links only if it says so, and stops when it says so. */
TEST_F(link, worker_scope)
{
	static const struct {
		uint32_t scope;
		bool heard;
	} tries[] = {
		{ OCKAM_ACCEPT_LOCAL, false },
		{ OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_CHANNELS, false },
		{ OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_FORWARDED, false },
		{ OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_LINKS, true },
		{ OCKAM_ACCEPT_LOCAL, false },
	};
	struct ockam_nl_node before = {};
	unsigned int i;
	char c;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, "app", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		LT_MARK(&self->node, &before);
		ASSERT_EQ(0, ot_accept(self->app, tries[i].scope));
		ASSERT_TRUE(lt_tell(self->w.peer, "app", "y", 1));
		if (tries[i].heard) {
			EXPECT_EQ(1, ot_recv(self->app, &c, 1, 0));
			EXPECT_NO_DROPS(&self->node, &before);
		} else {
			EXPECT_DROPS(&self->node, &before,
				     OCKAM_DROP_SCOPE_WORKER, 1);
		}
		EXPECT_TRUE(ot_empty(self->app));
	}
	EXPECT_STILL_UP();
	EXPECT_TRUE(lt_silent(self->w.peer));
}

TEST_F(link, from_link_to_link)
{
	struct ot_route onward = ot_route("second", "echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_buf b = {}, want = {};
	struct lt_wire second;
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_wire(&self->node, &second, lt_conf(.name = "second")));
	lt_put_frame(&b, &onward, &ret, "x", 1);
	onward = ot_route("echoer", NULL);
	ret = ot_route("peer", "app", NULL);
	lt_put_frame(&want, &onward, &ret, "x", 1);
	for (i = 0; i < 3; i++) {
		/* Every other switch is on. */
		ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
				    i & 1 ? 1 << OCKAM_FORWARD_LINK_LINK :
				    0xf & ~(1 << OCKAM_FORWARD_LINK_LINK)));
		LT_MARK(&self->node, &before);
		ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
		if (i & 1) {
			EXPECT_TRUE(lt_hears(_metadata, second.peer, want.data,
					     want.len));
			EXPECT_NO_DROPS(&self->node, &before);
		} else {
			EXPECT_DROPS(&self->node, &before,
				     OCKAM_DROP_FORWARD_LINK_LINK, 1);
			EXPECT_TRUE(lt_silent(second.peer));
		}
	}
	EXPECT_STILL_UP();
	lt_buf_free(&b);
	lt_buf_free(&want);
	close(second.peer);
}

/* All switches are off to begin with. */
TEST_F(link, forwards_nothing_by_default)
{
	struct ot_route onward = ot_route("peer", "echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_buf b = {};

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	EXPECT_EQ(0, before.forward);
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_FORWARD_LINK_LINK, 1);
	EXPECT_TRUE(lt_silent(self->w.peer));
	lt_buf_free(&b);
}

/* A hop accepts by its scope, and what it forwards keeps its origin. */
TEST_F(link, hop_scope)
{
	struct ot_route onward = ot_route("hop", "app", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_buf b = {};
	struct ot_obj obj;
	struct ot_nl nl;
	char c;

	ASSERT_EQ(0, ot_nl_open(&nl));
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	lt_put_frame(&b, &onward, &ret, "x", 1);
	ASSERT_EQ(0, lt_hop(&self->node, "hop", NULL, OCKAM_ACCEPT_CHANNELS |
			    OCKAM_ACCEPT_FORWARDED));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_HOP, 1);
	ASSERT_EQ(0, ot_hop_get(&nl, "hop", &obj));
	EXPECT_EQ(0, obj.msgs);

	ASSERT_EQ(0, ockam_nl_hop_flush(self->node.nl));
	ASSERT_EQ(0, lt_hop(&self->node, "hop", NULL, OCKAM_ACCEPT_LINKS));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	/* The hop lets it pass; "app" still sees a link's message. */
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(self->app));
	ASSERT_EQ(0, ot_accept(self->app, OCKAM_ACCEPT_LOCAL |
					  OCKAM_ACCEPT_LINKS));
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_EQ(1, ot_recv(self->app, &c, 1, 0));

	/* Nor does it lead out of the node again. */
	onward = ot_route("hop", "peer", "echoer", NULL);
	b.len = 0;
	lt_put_frame(&b, &onward, &ret, "x", 1);
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_FORWARD_LINK_LINK, 1);
	EXPECT_TRUE(lt_silent(self->w.peer));
	EXPECT_STILL_UP();
	lt_buf_free(&b);
	ot_nl_close(&nl);
}

/* A relay: the stored route, and the return route as it was. */
TEST_F(link, relay_over_links)
{
	struct ot_route onward = ot_route("relay", "echoer", NULL);
	struct ot_route stored = ot_route("second", "far", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct lt_buf b = {}, want = {};
	struct lt_wire second;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_wire(&self->node, &second, lt_conf(.name = "second")));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ASSERT_EQ(0, lt_hop(&self->node, "relay", &stored, OCKAM_ACCEPT_LINKS));
	lt_put_frame(&b, &onward, &ret, hello, HELLO);
	onward = ot_route("far", "echoer", NULL);
	ret = ot_route("peer", "app", NULL);
	lt_put_frame(&want, &onward, &ret, hello, HELLO);
	ASSERT_TRUE(lt_write(self->w.peer, b.data, b.len));
	EXPECT_TRUE(lt_hears(_metadata, second.peer, want.data, want.len));
	EXPECT_EQ(0, lt_drops(&self->node));
	close(second.peer);
	lt_buf_free(&b);
	lt_buf_free(&want);
}

/* ---- reply right ---- */

TEST_F_TIMEOUT(link, reply_right, 60)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	struct ockam_nl_node before = {};
	struct sockaddr_ockam own;
	struct lt_wire second;
	char name[64] = "";
	uint64_t sent;
	int fd;
	char c;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(0, lt_wire(&self->node, &second, lt_conf(.name = "second")));
	/* A socket with a name of the kernel's choice, as a client has it. */
	fd = lt_worker(NULL, 0);
	ASSERT_LE(0, fd);
	lt_rcvtimeo(fd);
	memset(&own, 0, sizeof(own));
	own.sok_family = AF_OCKAM;
	ASSERT_EQ(0, ot_bind_sa(fd, &own, sizeof(own)));
	ASSERT_EQ(0, ot_getname(fd, &own));
	ASSERT_EQ(32, own.sok_hops[1]);
	memcpy(name, own.sok_hops + 2, 32);

	/* Nobody was asked. */
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, name, "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(fd));

	/* Who was asked may answer, as often as it likes. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_REPLY_MS,
			    10000));
	ASSERT_EQ(1, ot_sendx(fd, ot_out(.to = &to), "q", 1));
	sent = ot_ms();
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, name, "a", 1));
	EXPECT_EQ(1, ot_recv(fd, &c, 1, 0));
	ASSERT_TRUE(lt_tell(self->w.peer, name, "b", 1));
	EXPECT_EQ(1, ot_recv(fd, &c, 1, 0));
	EXPECT_NO_DROPS(&self->node, &before);

	/* Others may not; nor is another socket open to the one asked. */
	ASSERT_TRUE(lt_tell(second.peer, name, "y", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	ASSERT_TRUE(lt_tell(self->w.peer, "app", "y", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 2);
	EXPECT_TRUE(ot_empty(fd));
	EXPECT_TRUE(ot_empty(self->app));

	/* Until the time is over; another question starts it again. */
	while (ot_ms() - sent < 10200)
		usleep(50000);
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, name, "late", 4));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(fd));
	ASSERT_EQ(1, ot_sendx(fd, ot_out(.to = &to), "q", 1));
	ASSERT_TRUE(lt_tell(self->w.peer, name, "a", 1));
	EXPECT_EQ(1, ot_recv(fd, &c, 1, 0));
	close(second.peer);
	close(fd);
}

/* A link that takes another's name has not inherited its rights. */
TEST_F(link, reply_right_is_of_the_link_not_of_its_name)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	struct ockam_nl_node before = {};
	struct lt_wire second;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "q", 1));
	ASSERT_EQ(0, lt_del(&self->node, self->w.link));
	ASSERT_EQ(0, lt_wire(&self->node, &second, lt_conf(.name = "peer")));
	EXPECT_NE(self->w.link, second.link);
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(second.peer, "app", "y", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(self->app));
	close(second.peer);
}

/* A send that failed asked nobody. */
TEST_F(link, no_reply_right_without_a_message)
{
	struct ot_route to = ot_route("peer", "echoer", NULL);
	struct ockam_nl_node before = {};

	/* The version has not come: not up. */
	ASSERT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &to), "q", 1));
	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(self->w.peer, "app", "y", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(self->app));
}

/* 16 links may answer; the seventeenth pushes the first one out. */
TEST_F_TIMEOUT(link, reply_rights_are_bounded, 60)
{
	struct ockam_nl_node before = {};
	struct lt_wire w[17];
	char c;
	int i;

	ASSERT_EQ(0, lt_wire_up(&self->node, &self->w));
	for (i = 0; i < 17; i++) {
		struct ot_route to;

		ASSERT_EQ(0, lt_wire(&self->node, &w[i], lt_conf(0)));
		to = ot_route(w[i].name, "echoer", NULL);
		ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to), "q", 1));
		usleep(20000);
	}
	LT_MARK(&self->node, &before);
	for (i = 16; i > 0; i--) {
		ASSERT_TRUE(lt_tell(w[i].peer, "app", "a", 1));
		EXPECT_EQ(1, ot_recv(self->app, &c, 1, 0)) TH_LOG("link %d", i);
	}
	EXPECT_NO_DROPS(&self->node, &before);
	ASSERT_TRUE(lt_tell(w[0].peer, "app", "a", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	for (i = 0; i < 17; i++)
		close(w[i].peer);
}

TEST_HARNESS_MAIN
