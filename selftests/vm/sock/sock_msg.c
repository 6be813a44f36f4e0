// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Messages between workers of one node: what goes in and what comes out. */
#include <sys/uio.h>
#include <linux/sockios.h>

#include "kselftest_harness.h"
#include "ockam_test.h"

#define MIB	(1u << 20)
#define ARRAY(a)	(sizeof(a) / sizeof(*(a)))

FIXTURE(msg) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
};

FIXTURE_SETUP(msg)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(msg)
{
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

/* Nobody got anything. */
#define EXPECT_SILENCE() do {						\
	EXPECT_TRUE(ot_empty(self->app));				\
	EXPECT_TRUE(ot_empty(self->echoer));				\
} while (0)

/* ---- payloads ---- */

TEST_F(msg, echo)
{
	struct sockaddr_ockam to = ot_name("echoer"), from = {};
	socklen_t fl = sizeof(from);
	char buf[64];
	ssize_t n;

	ASSERT_EQ(12, sendto(self->app, "Hello Ockam!", 12, 0,
			     (struct sockaddr *)&to, sizeof(to)));
	n = recvfrom(self->echoer, buf, sizeof(buf), 0,
		     (struct sockaddr *)&from, &fl);
	ASSERT_EQ(12, n);
	ASSERT_EQ(ot_natural(&from), fl);
	EXPECT_TRUE(ot_is(&from, "app"));
	ASSERT_EQ(12, sendto(self->echoer, buf, n, 0, (struct sockaddr *)&from,
			     fl));
	memset(buf, 0, sizeof(buf));
	fl = sizeof(from);
	ASSERT_EQ(12, recvfrom(self->app, buf, sizeof(buf), 0,
			       (struct sockaddr *)&from, &fl));
	EXPECT_STREQ("Hello Ockam!", buf);
	EXPECT_TRUE(ot_is(&from, "echoer"));
	EXPECT_SILENCE();
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_SENT));
	EXPECT_EQ(2, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	EXPECT_EQ(0, ot_stat(&self->nl, OCKAM_STAT_FORWARDED));
	EXPECT_EQ(0, ot_stat(&self->nl, OCKAM_STAT_PARKED));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(msg, to_itself)
{
	ASSERT_EQ(2, ot_say(self->app, "app", "me"));
	EXPECT_TRUE(ot_hears(self->app, "me"));
	EXPECT_SILENCE();
}

TEST_F(msg, nothing_in_it)
{
	struct ot_in in = {};
	char c = 'c';
	int n = -1;

	ASSERT_EQ(0, ot_say(self->app, "echoer", ""));
	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(0, ot_say(self->app, "echoer", ""));
	EXPECT_EQ(POLLIN, ot_poll(self->echoer, POLLIN, 0));
	EXPECT_EQ(0, ioctl(self->echoer, SIOCINQ, &n));
	EXPECT_EQ(0, n);
	/* As often as one likes. */
	EXPECT_EQ(0, ot_recvx(self->echoer, &in, &c, 1, MSG_PEEK));
	EXPECT_EQ(0, ot_recvx(self->echoer, &in, &c, 1, MSG_PEEK));
	EXPECT_TRUE(ot_is(&in.from, "app"));
	EXPECT_EQ(0, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_TRUE(ot_is(&in.from, "app"));
	EXPECT_EQ('c', c);
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	EXPECT_EQ(0, ot_recvx(self->echoer, &in, NULL, 0, 0));
	EXPECT_EQ(0, in.flags);
	EXPECT_SILENCE();
}

FIXTURE(size) {
	struct ot_nl nl;
	struct ot_node before;
	uint8_t *out;
	uint8_t *in;
	int app;
	int echoer;
};

FIXTURE_VARIANT(size) {
	unsigned int size;
};

#define SIZE(n) FIXTURE_VARIANT_ADD(size, n) { .size = n }

SIZE(1); SIZE(2); SIZE(63); SIZE(64); SIZE(255); SIZE(256); SIZE(1300);
SIZE(4095); SIZE(4096); SIZE(4097); SIZE(15999); SIZE(16000); SIZE(16001);
SIZE(16383); SIZE(16384); SIZE(16385); SIZE(32383); SIZE(32384); SIZE(32385);
SIZE(65535); SIZE(65536); SIZE(65537); SIZE(300000); SIZE(1048575);
SIZE(1048576);

FIXTURE_SETUP(size)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	self->out = malloc(variant->size);
	self->in = malloc(variant->size + 10);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_NE(NULL, self->out);
	ASSERT_NE(NULL, self->in);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(size)
{
	free(self->out);
	free(self->in);
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

TEST_F(size, arrives_whole)
{
	unsigned int n = variant->size;
	struct ot_obj obj;
	int queued;

	ot_fill(self->out, n, n);
	ASSERT_EQ(n, ot_send(self->app, "echoer", self->out, n, 0));
	EXPECT_EQ(0, ioctl(self->echoer, SIOCINQ, &queued));
	EXPECT_EQ(n, queued);
	/* All its memory is the receiver's. */
	EXPECT_EQ(0, ioctl(self->app, SIOCOUTQ, &queued));
	EXPECT_EQ(0, queued);
	EXPECT_EQ(0, ot_worker_get(&self->nl, "echoer", &obj));
	EXPECT_LE(n, obj.queued);

	memset(self->in, 0xee, n + 10);
	ASSERT_EQ(n, ot_recv(self->echoer, self->in, n + 10, MSG_PEEK));
	EXPECT_TRUE(ot_filled(self->in, n, n));
	memset(self->in, 0xee, n + 10);
	ASSERT_EQ(n, ot_recv(self->echoer, self->in, n + 10, 0));
	EXPECT_TRUE(ot_filled(self->in, n, n));
	EXPECT_EQ(0xee, self->in[n]);
	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_EQ(0, ot_worker_get(&self->nl, "echoer", &obj));
	EXPECT_EQ(0, obj.queued);
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(size, cut_where_the_buffer_ends)
{
	unsigned int n = variant->size, cut = n / 2;
	struct ot_in in = {};

	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_RCVBUFFORCE,
			    4 * MIB));
	ot_fill(self->out, n, n);
	ASSERT_EQ(n, ot_send(self->app, "echoer", self->out, n, 0));
	ASSERT_EQ(1, ot_send(self->app, "echoer", "x", 1, 0));
	memset(self->in, 0xee, n + 10);
	/* Copied bytes, or with MSG_TRUNC all that there are. */
	ASSERT_EQ(cut, ot_recvx(self->echoer, &in, self->in, cut, MSG_PEEK));
	EXPECT_EQ(MSG_TRUNC, in.flags);
	ASSERT_EQ(n, ot_recvx(self->echoer, &in, self->in, cut,
			      MSG_PEEK | MSG_TRUNC));
	EXPECT_TRUE(in.flags & MSG_TRUNC);
	ASSERT_EQ(n, ot_recvx(self->echoer, &in, self->in, cut, MSG_TRUNC));
	EXPECT_TRUE(in.flags & MSG_TRUNC);
	EXPECT_TRUE(ot_filled(self->in, cut, n));
	EXPECT_EQ(0xee, self->in[cut]);
	/* What was cut is gone. */
	EXPECT_TRUE(ot_hears(self->echoer, "x"));
	EXPECT_TRUE(ot_empty(self->echoer));
}

TEST_F(size, scattered)
{
	unsigned int n = variant->size, out, in, i;
	uint64_t seed = ot_seed(_metadata);
	struct sockaddr_ockam sa = ot_name("echoer");
	struct iovec a[30], b[30];

	for (i = 0, out = 0; i < 29; i++) {
		a[i].iov_base = self->out + out;
		a[i].iov_len = ot_below(&seed, (n - out) / 4 + 2);
		if (a[i].iov_len > n - out)
			a[i].iov_len = n - out;
		out += a[i].iov_len;
	}
	a[29].iov_base = self->out + out;
	a[29].iov_len = n - out;
	for (i = 0, in = 0; i < 29; i++) {
		b[i].iov_base = self->in + in;
		b[i].iov_len = ot_below(&seed, (n - in) / 4 + 2);
		if (b[i].iov_len > n - in)
			b[i].iov_len = n - in;
		in += b[i].iov_len;
	}
	b[29].iov_base = self->in + in;
	b[29].iov_len = n - in;

	ot_fill(self->out, n, seed);
	ASSERT_EQ(n, ot_sendv(self->app, ot_out(.name = &sa), a, 30));
	memset(self->in, 0xee, n + 10);
	ASSERT_EQ(n, readv(self->echoer, b, 30));
	EXPECT_TRUE(ot_filled(self->in, n, seed));
}

TEST_F(msg, too_big)
{
	uint8_t *buf = calloc(1, 2 * MIB);
	struct ot_node now;

	ASSERT_NE(NULL, buf);
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "echoer", buf, MIB + 1, 0));
	ASSERT_EQ(0, ot_node_get(&self->nl, &now));
	EXPECT_EQ(1, now.drop[OCKAM_DROP_TOO_BIG]);
	EXPECT_EQ(0, now.stat[OCKAM_STAT_SENT]);
	/* Looked at before anything else, memory above all. */
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "nobody", NULL, 1u << 30, 0));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_TOO_BIG, 2);
	free(buf);
}

TEST_F(msg, as_big_as_the_option_says)
{
	char buf[200] = {};

	EXPECT_EQ(MIB, ot_get(self->app, SOL_OCKAM, OCKAM_MAX_MSG));
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_MAX_MSG, 100));
	EXPECT_EQ(100, ot_get(self->app, SOL_OCKAM, OCKAM_MAX_MSG));
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "echoer", buf, 101, 0));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_TOO_BIG, 1);
	EXPECT_EQ(100, ot_send(self->app, "echoer", buf, 100, 0));
	/* Only this socket. */
	EXPECT_EQ(101, ot_send(self->echoer, "app", buf, 101, 0));
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_MAX_MSG, 0));
	EXPECT_EQ(MIB, ot_get(self->app, SOL_OCKAM, OCKAM_MAX_MSG));
	EXPECT_EQ(101, ot_send(self->app, "echoer", buf, 101, 0));
}

TEST_F(msg, as_big_as_the_node_says)
{
	uint8_t *buf = malloc(OCKAM_MSG_MAX + 1);
	uint8_t *in = malloc(OCKAM_MSG_MAX);

	ASSERT_NE(NULL, buf);
	ASSERT_NE(NULL, in);
	ot_fill(buf, OCKAM_MSG_MAX, 7);
	/* The option does not reach beyond the node's limit. */
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_MAX_MSG,
			    OCKAM_MSG_MAX));
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "echoer", buf, MIB + 1, 0));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_TOO_BIG, 1);

	ASSERT_EQ(-ERANGE, ot_node_set(&self->nl, OCKAM_A_NODE_MAX_MSG,
				       OCKAM_MSG_MAX + 1));
	ASSERT_EQ(0, ot_node_set(&self->nl, OCKAM_A_NODE_MAX_MSG,
				 OCKAM_MSG_MAX));
	ASSERT_EQ(OCKAM_MSG_MAX, ot_send(self->app, "echoer", buf,
					 OCKAM_MSG_MAX, 0));
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "echoer", buf,
				     OCKAM_MSG_MAX + 1, 0));
	ASSERT_EQ(OCKAM_MSG_MAX, ot_recv(self->echoer, in, OCKAM_MSG_MAX, 0));
	EXPECT_EQ(0, memcmp(buf, in, OCKAM_MSG_MAX));

	ASSERT_EQ(0, ot_node_set(&self->nl, OCKAM_A_NODE_MAX_MSG, 10));
	EXPECT_EQ(-EMSGSIZE, ot_send(self->app, "echoer", buf, 11, 0));
	EXPECT_EQ(10, ot_send(self->app, "echoer", buf, 10, 0));
	free(buf);
	free(in);
}

TEST_F(msg, bad_memory)
{
	struct sockaddr_ockam sa = ot_name("echoer");
	char buf[8];

	EXPECT_EQ(-EFAULT, ot_send(self->app, "echoer", (void *)1, 5, 0));
	EXPECT_EQ(-EFAULT, ot_send(self->app, "echoer", (void *)1, 50000, 0));
	EXPECT_EQ(-EFAULT, OT_ERR(sendto(self->app, "x", 1, 0, (void *)1,
					 sizeof(sa))));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	ASSERT_EQ(2, ot_say(self->app, "echoer", "hi"));
	EXPECT_EQ(-EFAULT, ot_recv(self->echoer, (void *)1, 8, MSG_PEEK));
	EXPECT_EQ(2, ot_recv(self->echoer, buf, 8, 0));
}

/* ---- flags ---- */

TEST_F(msg, not_blocking)
{
	char c;

	EXPECT_EQ(-EAGAIN, ot_recv(self->app, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, ot_recv(self->app, &c, 1, MSG_DONTWAIT | MSG_PEEK));
	ASSERT_EQ(0, fcntl(self->app, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, OT_ERR(read(self->app, &c, 1)));
}

TEST_F(msg, receive_timeout)
{
	struct timeval tv = { .tv_usec = 50000 };
	uint64_t start = ot_ms();
	char c;

	ASSERT_EQ(0, setsockopt(self->app, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	EXPECT_EQ(-EAGAIN, ot_recv(self->app, &c, 1, 0));
	EXPECT_LE(25, ot_ms() - start);
}

TEST_F(msg, unknown_flags)
{
	static const int bad_send[] = {
		MSG_OOB, MSG_SYN, MSG_RST, MSG_ERRQUEUE,
		MSG_ZEROCOPY, MSG_FASTOPEN, MSG_TRUNC, MSG_PEEK, 0x800000,
	};
	static const int bad_recv[] = { MSG_OOB, MSG_ERRQUEUE, 0x800000 };
	static const int good_send[] = {
		MSG_DONTWAIT, MSG_NOSIGNAL, MSG_EOR, MSG_CONFIRM,
		MSG_DONTROUTE, MSG_MORE, MSG_WAITALL,
	};
	static const int good_recv[] = {
		MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, MSG_TRUNC,
		MSG_CMSG_CLOEXEC,
	};
	unsigned int i;
	char c;

	for (i = 0; i < ARRAY(bad_send); i++)
		EXPECT_EQ(-EOPNOTSUPP, ot_send(self->app, "echoer", "x", 1,
					       bad_send[i])) {
			TH_LOG("flag %#x", bad_send[i]);
		}
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	for (i = 0; i < ARRAY(good_send); i++)
		EXPECT_EQ(1, ot_send(self->app, "echoer", "x", 1,
				     good_send[i]));
	for (i = 0; i < ARRAY(bad_recv); i++)
		EXPECT_EQ(-EOPNOTSUPP, ot_recv(self->echoer, &c, 1,
					       bad_recv[i] | MSG_DONTWAIT)) {
			TH_LOG("flag %#x", bad_recv[i]);
		}
	for (i = 0; i < ARRAY(good_recv); i++)
		EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, good_recv[i]));
	for (; i < ARRAY(good_send); i++)
		EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
	EXPECT_SILENCE();
}

TEST_F(msg, peek_leaves_it_there)
{
	struct ot_in a = {}, b = {};
	char buf[8] = {};
	int i;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(3, ot_say(self->app, "echoer", "one"));
	ASSERT_EQ(3, ot_say(self->app, "echoer", "two"));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(3, ot_recvx(self->echoer, &a, buf, 8, MSG_PEEK));
		ASSERT_EQ(0, memcmp(buf, "one", 3));
		ASSERT_EQ(3, a.ncmsgs);
	}
	ASSERT_EQ(3, ot_recvx(self->echoer, &b, buf, 8, 0));
	EXPECT_EQ(0, memcmp(buf, "one", 3));
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_TRUE(ot_hears(self->echoer, "two"));
	EXPECT_SILENCE();
}

TEST_F(msg, peek_offset)
{
	char buf[16] = {};

	EXPECT_EQ(-1, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_PEEK_OFF, 2));
	ASSERT_EQ(6, ot_say(self->app, "echoer", "abcdef"));
	ASSERT_EQ(4, ot_say(self->app, "echoer", "ghij"));

	EXPECT_EQ(3, ot_recv(self->echoer, buf, 3, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "cde", 3));
	EXPECT_EQ(5, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(1, ot_recv(self->echoer, buf, 8, MSG_PEEK));
	EXPECT_EQ('f', buf[0]);
	/* On into the next one. */
	EXPECT_EQ(4, ot_recv(self->echoer, buf, 8, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "ghij", 4));
	EXPECT_EQ(-EAGAIN, ot_recv(self->echoer, buf, 8,
				   MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(10, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	/* Reading moves it back. */
	EXPECT_EQ(6, ot_recv(self->echoer, buf, 8, 0));
	EXPECT_EQ(4, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_PEEK_OFF, 1));
	EXPECT_EQ(3, ot_recv(self->echoer, buf, 8, MSG_PEEK));
	EXPECT_EQ(0, memcmp(buf, "hij", 3));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_PEEK_OFF, -1));
	EXPECT_EQ(4, ot_recv(self->echoer, buf, 8, MSG_PEEK));
	EXPECT_TRUE(ot_hears(self->echoer, "ghij"));
}

/* An empty message is peeked at once, and is still there to be read. */
TEST_F(msg, peek_offset_empty)
{
	char buf[16] = {};

	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_PEEK_OFF, 0));
	ASSERT_EQ(0, ot_say(self->app, "echoer", ""));
	ASSERT_EQ(2, ot_say(self->app, "echoer", "ab"));
	ASSERT_EQ(0, ot_say(self->app, "echoer", ""));

	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(2, ot_recv(self->echoer, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(buf, "ab", 2));
	EXPECT_EQ(2, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	/* Behind what has been peeked at, not an end of it. */
	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, ot_recv(self->echoer, buf, 8,
				   MSG_PEEK | MSG_DONTWAIT));
	ASSERT_EQ(0, ot_say(self->app, "echoer", ""));
	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_PEEK | MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, ot_recv(self->echoer, buf, 8,
				   MSG_PEEK | MSG_DONTWAIT));

	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_DONTWAIT));
	EXPECT_EQ(2, ot_recv(self->echoer, buf, 8, MSG_DONTWAIT));
	EXPECT_EQ(0, ot_get(self->echoer, SOL_SOCKET, SO_PEEK_OFF));
	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_DONTWAIT));
	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_DONTWAIT));
	EXPECT_EQ(-EAGAIN, ot_recv(self->echoer, buf, 8,
				   MSG_PEEK | MSG_DONTWAIT));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_SOCKET, SO_PEEK_OFF, -1));
	EXPECT_SILENCE();
}

/* ---- many at once ---- */

TEST_F(msg, many_at_once)
{
	enum { N = 16 };
	struct mmsghdr out[N] = {}, in[N + 1] = {};
	struct sockaddr_ockam to = ot_name("echoer"), from[N + 1];
	struct iovec ov[N], iv[N + 1];
	char text[N][8], buf[N + 1][8];
	int i;

	for (i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "msg %d", i);
		ov[i] = (struct iovec){ text[i], strlen(text[i]) };
		out[i].msg_hdr.msg_name = &to;
		out[i].msg_hdr.msg_namelen = sizeof(to);
		out[i].msg_hdr.msg_iov = &ov[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	for (i = 0; i < N + 1; i++) {
		iv[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
		in[i].msg_hdr.msg_name = &from[i];
		in[i].msg_hdr.msg_namelen = sizeof(from[i]);
		in[i].msg_hdr.msg_iov = &iv[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	ASSERT_EQ(N, OT_ERR(sendmmsg(self->app, out, N, 0)));
	ASSERT_EQ(N, OT_ERR(recvmmsg(self->echoer, in, N + 1, MSG_WAITFORONE,
				     NULL)));
	for (i = 0; i < N; i++) {
		EXPECT_EQ(strlen(text[i]), out[i].msg_len);
		EXPECT_EQ(strlen(text[i]), in[i].msg_len);
		EXPECT_EQ(0, memcmp(buf[i], text[i], in[i].msg_len));
		EXPECT_TRUE(ot_is(&from[i], "app"));
	}
	EXPECT_SILENCE();
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(msg, many_until_one_fails)
{
	struct sockaddr_ockam to[4] = {
		ot_name("echoer"), ot_name("echoer"), ot_name("nobody"),
		ot_name("echoer"),
	};
	struct iovec iov = { "x", 1 };
	struct mmsghdr out[4] = {};
	char c;
	int i;

	for (i = 0; i < 4; i++) {
		out[i].msg_hdr.msg_name = &to[i];
		out[i].msg_hdr.msg_namelen = sizeof(to[i]);
		out[i].msg_hdr.msg_iov = &iov;
		out[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(2, OT_ERR(sendmmsg(self->app, out, 4, 0)));
	EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ(1, ot_recv(self->echoer, &c, 1, MSG_DONTWAIT));
	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_EQ(-EHOSTUNREACH, OT_ERR(sendmmsg(self->app, out + 2, 2, 0)));
	EXPECT_EQ(2, ot_drop(&self->nl, OCKAM_DROP_NO_WORKER));
	EXPECT_SILENCE();
}

/* ---- connect() ---- */

TEST_F(msg, connected)
{
	struct ot_route r = ot_route("echoer", NULL);
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct iovec two[2] = { { "he", 2 }, { "llo", 3 } };
	char buf[8];
	int other;

	EXPECT_EQ(-EDESTADDRREQ, OT_ERR(send(self->app, "x", 1, 0)));
	EXPECT_EQ(-EDESTADDRREQ, OT_ERR(write(self->app, "x", 1)));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);

	ASSERT_EQ(0, ot_connect(self->app, &r));
	EXPECT_EQ(1, send(self->app, "1", 1, 0));
	EXPECT_TRUE(ot_hears(self->echoer, "1"));
	EXPECT_EQ(1, write(self->app, "2", 1));
	EXPECT_EQ(1, read(self->echoer, buf, sizeof(buf)));
	EXPECT_EQ(5, writev(self->app, two, 2));
	EXPECT_TRUE(ot_hears(self->echoer, "hello"));
	/* write() of nothing is a message of nothing, as for others */
	EXPECT_EQ(0, OT_ERR(send(self->app, NULL, 0, 0)));
	EXPECT_EQ(0, ot_recv(self->echoer, buf, 8, MSG_DONTWAIT));

	/* A name comes before it, and it filters nothing. */
	other = ot_worker("other", 0);
	EXPECT_EQ(1, ot_say(self->app, "other", "3"));
	EXPECT_TRUE(ot_hears(other, "3"));
	EXPECT_EQ(1, ot_say(other, "app", "4"));
	EXPECT_TRUE(ot_hears(self->app, "4"));
	EXPECT_SILENCE();

	ASSERT_EQ(0, OT_ERR(connect(self->app, &unspec, sizeof(unspec))));
	EXPECT_EQ(-EDESTADDRREQ, OT_ERR(send(self->app, "x", 1, 0)));
	EXPECT_SILENCE();
	close(other);
}

TEST_F(msg, connected_to_nobody)
{
	struct ot_route r = ot_route("later", NULL);
	int later;

	ASSERT_EQ(0, ot_connect(self->app, &r));
	EXPECT_EQ(-EHOSTUNREACH, OT_ERR(send(self->app, "x", 1, 0)));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 1);
	/* Nothing is left behind: no asynchronous error, and it can come. */
	EXPECT_EQ(0, ot_get(self->app, SOL_SOCKET, SO_ERROR));
	later = ot_worker("later", 0);
	EXPECT_EQ(1, OT_ERR(send(self->app, "x", 1, 0)));
	EXPECT_TRUE(ot_hears(later, "x"));
	close(later);
}

/* ---- destinations ---- */

TEST_F(msg, no_such_worker)
{
	struct ot_route r = ot_route("nobody", "echoer", NULL);

	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->app, "nobody", "x"));
	EXPECT_EQ(-EHOSTUNREACH, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->app, "echoer2", "x"));
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->app, "echoe", "x"));
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->app, "Echoer", "x"));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 5);
}

TEST_F(msg, no_such_link)
{
	static const uint8_t types[] = { 1, 2, 3, 127, 255 };
	struct ot_route r;
	unsigned int i;

	for (i = 0; i < ARRAY(types); i++) {
		memset(&r, 0, sizeof(r));
		ot_hop(&r, types[i], "echoer", 6);
		EXPECT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &r),
						 "x", 1));
	}
	memset(&r, 0, sizeof(r));
	ot_hop(&r, 1, "127.0.0.1:4000", 14);
	ot_local(&r, "echoer");
	EXPECT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	/* An address of no bytes is one when it is not local. */
	memset(&r, 0, sizeof(r));
	ot_hop(&r, 1, "", 0);
	EXPECT_EQ(-ENETUNREACH, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_LINK,
		       ARRAY(types) + 2);
}

FIXTURE(badname) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
};

FIXTURE_VARIANT(badname) {
	struct sockaddr_ockam sa;
	socklen_t len;
	int err;
};

#define HOPS(...)	{ __VA_ARGS__ }
#define BADNAME(name_, len_, err_, family_, flags_, nhops_, ...)	\
FIXTURE_VARIANT_ADD(badname, name_) {					\
	.sa = { family_, flags_, nhops_, HOPS(__VA_ARGS__) },		\
	.len = len_, .err = err_,					\
}

BADNAME(family, 128, -EAFNOSUPPORT, AF_INET, 0, 1, 0, 1, 'e');
BADNAME(family_unspec, 128, -EAFNOSUPPORT, AF_UNSPEC, 0, 1, 0, 1, 'e');
BADNAME(len_1, 1, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'e');
BADNAME(len_2, 2, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'e');
BADNAME(len_3, 3, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'e');
BADNAME(len_4, 4, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'e');
BADNAME(len_cut, 6, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'e');
BADNAME(no_hops, 128, -EINVAL, AF_OCKAM, 0, 0, 0);
BADNAME(no_hops_short, 4, -EINVAL, AF_OCKAM, 0, 0, 0);
BADNAME(more_hops, 128, -EINVAL, AF_OCKAM, 0, 2, 0, 1, 'e');
BADNAME(hop_too_long, 128, -EINVAL, AF_OCKAM, 0, 1, 0, 123, 'e');
BADNAME(empty_local, 128, -EINVAL, AF_OCKAM, 0, 1, 0, 0);
BADNAME(empty_local_late, 128, -EINVAL, AF_OCKAM, 0, 2, 0, 1, 'e', 0, 0);
BADNAME(flag_truncated, 128, -EINVAL, AF_OCKAM, 1, 1, 0, 1, 'e');
BADNAME(flag_unknown, 128, -EINVAL, AF_OCKAM, 4, 1, 0, 1, 'e');
BADNAME(flag_unknown_token, 128, -EINVAL, AF_OCKAM, 6, 1, 1);
BADNAME(token_short, 11, -EINVAL, AF_OCKAM, 2, 1, 1);
BADNAME(token_tail, 128, -ESTALE, AF_OCKAM, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1);
BADNAME(token_unknown, 128, -ESTALE, AF_OCKAM, 2, 1, 1);
BADNAME(token_unknown_exact, 12, -ESTALE, AF_OCKAM, 3, 1, 1);
BADNAME(token_zero, 128, -ESTALE, AF_OCKAM, 2, 1, 0);

FIXTURE_SETUP(badname)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("e", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(badname)
{
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

TEST_F(badname, is_refused)
{
	EXPECT_EQ(variant->err,
		  ot_sendx(self->app, ot_out(.name = &variant->sa,
					     .namelen = variant->len),
			   "x", 1));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	/* The socket is as good as before. */
	EXPECT_EQ(1, ot_say(self->app, "e", "y"));
	EXPECT_TRUE(ot_hears(self->echoer, "y"));
}

TEST_F(msg, exact_length_of_the_name)
{
	struct ot_route r = ot_route("echoer", "b", "c", NULL);
	struct sockaddr_ockam sa = ot_sa(&r);

	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.name = &sa,
						.namelen = OT_HEAD + r.len),
			      "1", 1));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.name = &sa,
						.namelen = OT_HEAD + r.len + 1),
			      "2", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "1"));
	EXPECT_TRUE(ot_hears(self->echoer, "2"));
}

/* sok_nhops says where an address ends: the rest is what was there before. */
TEST_F(msg, what_is_behind_the_name)
{
	struct sockaddr_ockam sa = ot_name("echoer");

	memset(sa.sok_hops + 8, 0xee, sizeof(sa.sok_hops) - 8);
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.name = &sa), "1", 1));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.name = &sa,
						.namelen = OT_HEAD + 9),
			      "2", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "1"));
	EXPECT_TRUE(ot_hears(self->echoer, "2"));
}

/* socat 1.7 and many others have this much. */
TEST_F(msg, small_buffers_for_names)
{
	char from[112], c;
	socklen_t len = sizeof(from);

	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(1, recvfrom(self->echoer, &c, 1, 0, (struct sockaddr *)from,
			      &len));
	EXPECT_EQ(OT_HEAD + 2 + 3, len);
	EXPECT_EQ(1, sendto(self->echoer, "y", 1, 0, (struct sockaddr *)from,
			    len));
	EXPECT_TRUE(ot_hears(self->app, "y"));
}

/* ---- control messages, wrong ---- */

struct raw {
	int level;
	int type;
	uint8_t data[40];
	size_t len;
	int err;
};

static const struct raw bad_cmsgs[] = {
	/* unknown ones */
	{ SOL_OCKAM, 0, { 0 }, 8, -EINVAL },
	{ SOL_OCKAM, 5, { 0 }, 8, -EINVAL },
	{ SOL_OCKAM, 255, { 0 }, 8, -EINVAL },
	{ SOL_SOCKET, 9999, { 0 }, 8, -EINVAL },
	{ 0 /* SOL_IP */, 1, { 0 }, 8, -EINVAL },
	{ 0x7fffffff, 1, { 0 }, 8, -EINVAL },
	/* nobody says who he is */
	{ SOL_OCKAM, OCKAM_CMSG_PEER, { 1 }, sizeof(struct ockam_peer),
	  -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_PEER, { 0 }, 0, -EINVAL },
	/* onward routes: len u16, nhops, flags, hops */
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 0 }, 0, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 3, 0, 1 }, 3, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 0, 0, 0, 0 }, 4, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 1, 1, 0, 6, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 12, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 1, 0, 0, 6, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 11, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 1, 0, 0, 6, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 13, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 2, 0, 0, 6, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 12, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 0, 0, 0, 6, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 12, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 8, 0, 1, 0, 0, 7, 'e', 'c', 'h', 'o',
	  'e', 'r' }, 12, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 2, 0, 1, 0, 0, 0 }, 6, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 1, 0, 1, 0, 0 }, 5, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 1, 16, 1, 0 }, 4, -EMSGSIZE },
	{ SOL_OCKAM, OCKAM_CMSG_ONWARD, { 0, 0, 65, 0 }, 4, -EMSGSIZE },
	{ SOL_OCKAM, OCKAM_CMSG_RETURN, { 0 }, 3, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_RETURN, { 3, 0, 1, 2, 0, 1, 'x' }, 7, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_RETURN, { 3, 0, 2, 0, 0, 1, 'x' }, 7, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_RETURN, { 2, 0, 1, 0, 0, 0 }, 6, -EINVAL },
	/* tokens: u64, u32 flags, u32 reserved */
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1 }, 15, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1 }, 16, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1, 0, 0, 0, 0, 0, 0, 0, 1 }, 17,
	  -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1, 0, 0, 0, 0, 0, 0, 0, 3 }, 16,
	  -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1, 0, 0, 0, 0, 0, 0, 0, 4 }, 16,
	  -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
	  1 }, 16, -EINVAL },
	{ SOL_OCKAM, OCKAM_CMSG_TOKEN, { 1, 0, 0, 0, 0, 0, 0, 0, 1 }, 16,
	  -ESTALE },
};

TEST_F(msg, bad_control_messages)
{
	struct sockaddr_ockam sa = ot_name("echoer");
	_Alignas(struct cmsghdr) char buf[128];
	const struct raw *r;
	bool onward;
	size_t len;

	for (r = bad_cmsgs; r < bad_cmsgs + ARRAY(bad_cmsgs); r++) {
		len = ot_cmsg(buf, 0, r->level, r->type, r->data, r->len);
		onward = r->level == SOL_OCKAM && r->type == OCKAM_CMSG_ONWARD;
		EXPECT_EQ(r->err, ot_sendx(self->app,
					   ot_out(.name = onward ? NULL : &sa,
						  .cmsg = buf, .cmsglen = len),
					   "x", 1)) {
			TH_LOG("case %zu", r - bad_cmsgs);
		}
	}
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(msg, control_messages_that_exclude_each_other)
{
	struct ot_route to = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	_Alignas(struct cmsghdr) char buf[256];
	struct ockam_token token = { 1, OCKAM_TOKEN_FORWARD, 0 };
	size_t len;

	/* a name and a route */
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.to = &to, .onward = &to),
				    "x", 1));
	/* two of a kind */
	len = ot_cmsg_route(buf, 0, OCKAM_CMSG_ONWARD, &to);
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.onward = &to,
						      .cmsg = buf,
						      .cmsglen = len),
				    "x", 1));
	len = ot_cmsg_route(buf, 0, OCKAM_CMSG_RETURN, &ret);
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret,
						      .cmsg = buf,
						      .cmsglen = len),
				    "x", 1));
	len = ot_cmsg(buf, 0, SOL_OCKAM, OCKAM_CMSG_TOKEN, &token,
		      sizeof(token));
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.to = &to, .token = 1,
						      .token_flags = 1,
						      .cmsg = buf,
						      .cmsglen = len),
				    "x", 1));
	/* a return route and a token */
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret,
						      .token = 1,
						      .token_flags = 1),
				    "x", 1));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(msg, control_messages_of_wrong_length)
{
	struct sockaddr_ockam sa = ot_name("echoer");
	_Alignas(struct cmsghdr) char buf[64] = {};
	struct cmsghdr *c = (void *)buf;

	c->cmsg_level = SOL_OCKAM;
	c->cmsg_type = OCKAM_CMSG_TOKEN;
	c->cmsg_len = 0;
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = 64), "x", 1));
	c->cmsg_len = CMSG_LEN(0) - 1;
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = 64), "x", 1));
	c->cmsg_len = 65;
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = 64), "x", 1));
	c->cmsg_len = (size_t)-8;
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = 64), "x", 1));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(msg, control_messages_of_the_socket_level)
{
	struct sockaddr_ockam sa = ot_name("echoer");
	_Alignas(struct cmsghdr) char buf[64];
	uint32_t mark = 7;
	size_t len;

	len = ot_cmsg(buf, 0, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						.cmsglen = len), "m", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "m"));
	ASSERT_EQ(0, ot_unroot());
	EXPECT_EQ(-EPERM, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						     .cmsglen = len), "m", 1));
	EXPECT_SILENCE();
}

/* What does not travel is not taken for delivery, either. */
TEST_F(msg, control_messages_of_unix)
{
	struct ucred cred = { getpid(), 0, 0 };
	struct sockaddr_ockam sa = ot_name("echoer");
	_Alignas(struct cmsghdr) char buf[64];
	size_t len;

	len = ot_cmsg(buf, 0, SOL_SOCKET, SCM_RIGHTS, &self->app, sizeof(int));
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = len), "m", 1));
	len = ot_cmsg(buf, 0, SOL_SOCKET, SCM_CREDENTIALS, &cred, sizeof(cred));
	EXPECT_EQ(-EINVAL, ot_sendx(self->app, ot_out(.name = &sa, .cmsg = buf,
						      .cmsglen = len), "m", 1));
	EXPECT_SILENCE();
}

/*
 * splice() and sendfile() send by pages, with flags of their own.  A pipe's
 * content arrives whole, in one message or a few.
 */
static ssize_t collect(int fd, char *buf, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = ot_recv(fd, buf + got, len - got, MSG_DONTWAIT);
		if (n <= 0)
			break;
		got += n;
	}
	return got;
}

TEST_F(msg, splice_and_sendfile)
{
	static char in[40000], out[40000];
	struct ot_route r = ot_route("echoer", NULL);
	static const size_t sizes[] = { 1, 4096, 4097, 12288, 40000 };
	unsigned int i;
	int p[2], file;
	loff_t off;

	ot_fill(in, sizeof(in), 7);
	ASSERT_EQ(0, ot_connect(self->app, &r));
	ASSERT_EQ(0, pipe(p));
	file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, file);
	ASSERT_EQ((ssize_t)sizeof(in), write(file, in, sizeof(in)));
	for (i = 0; i < ARRAY(sizes); i++) {
		ssize_t n = sizes[i];

		ASSERT_EQ(n, write(p[1], in, n));
		EXPECT_EQ(n, OT_ERR(splice(p[0], NULL, self->app, NULL, n, 0)));
		EXPECT_EQ(n, collect(self->echoer, out, n));
		EXPECT_EQ(0, memcmp(in, out, n));
		EXPECT_SILENCE();
		ASSERT_EQ(n, write(p[1], in, n));
		EXPECT_EQ(n, OT_ERR(splice(p[0], NULL, self->app, NULL, n,
					   SPLICE_F_MORE)));
		EXPECT_EQ(n, collect(self->echoer, out, n));
		EXPECT_EQ(0, memcmp(in, out, n));

		memset(out, 0, sizeof(out));
		off = 0;
		EXPECT_EQ(n, OT_ERR((ssize_t)syscall(SYS_sendfile, self->app,
						     file, &off, (size_t)n)));
		EXPECT_EQ(n, collect(self->echoer, out, n));
		EXPECT_EQ(0, memcmp(in, out, n));
		EXPECT_SILENCE();
	}
	/* And from there. */
	ASSERT_EQ(5, OT_ERR(send(self->app, "hello", 5, 0)));
	EXPECT_EQ(5, OT_ERR(splice(self->echoer, NULL, p[1], NULL, 4096, 0)));
	EXPECT_EQ(5, read(p[0], out, sizeof(out)));
	EXPECT_EQ(0, memcmp(out, "hello", 5));
	close(file);
	close(p[0]);
	close(p[1]);
}

/* ---- routes ---- */

/* @first, then @n - 1 addresses; @len bytes in all if not 0. */
static struct ot_route long_route(const char *first, unsigned int n,
				  unsigned int len)
{
	struct ot_route r = ot_route(first, NULL);
	uint8_t name[OCKAM_ADDR_MAX];
	unsigned int i, size;

	for (i = 1; i < n; i++) {
		ot_fill(name, sizeof(name), i);
		name[0] = i;
		size = 1 + i % 3;
		if (len)
			size = (len - r.len) / (n - i) - 2;
		ot_hop(&r, i % 2, name, size);
	}
	return r;
}

FIXTURE(route) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
};

FIXTURE_VARIANT(route) {
	unsigned int hops;
	unsigned int bytes;
};

FIXTURE_VARIANT_ADD(route, hops_1) { .hops = 1 };
FIXTURE_VARIANT_ADD(route, hops_2) { .hops = 2 };
FIXTURE_VARIANT_ADD(route, hops_20) { .hops = 20 };
FIXTURE_VARIANT_ADD(route, bytes_124) { .hops = 4, .bytes = 124 };
FIXTURE_VARIANT_ADD(route, bytes_125) { .hops = 4, .bytes = 125 };
FIXTURE_VARIANT_ADD(route, bytes_500) { .hops = 5, .bytes = 500 };
FIXTURE_VARIANT_ADD(route, hops_64) { .hops = 64 };
FIXTURE_VARIANT_ADD(route, bytes_4095) { .hops = 20, .bytes = 4095 };
FIXTURE_VARIANT_ADD(route, bytes_4096) { .hops = 20, .bytes = 4096 };
FIXTURE_VARIANT_ADD(route, both) { .hops = 64, .bytes = 4096 };

FIXTURE_SETUP(route)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->app, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(route)
{
	close(self->app);
	close(self->echoer);
	ot_nl_close(&self->nl);
}

static struct ot_route behind_first(const struct ot_route *r)
{
	struct ot_route rest = {};

	rest.nhops = r->nhops - 1;
	rest.len = r->len - 2 - r->data[1];
	memcpy(rest.data, r->data + 2 + r->data[1], rest.len);
	return rest;
}

TEST_F(route, onward)
{
	struct ot_route r = long_route("echoer", variant->hops, variant->bytes);
	struct ot_route rest = behind_first(&r);
	struct ot_in in = {};
	char buf[8];

	if (variant->bytes)
		ASSERT_EQ(variant->bytes, r.len);
	ASSERT_EQ(2, ot_sendx(self->app, ot_out(.onward = &r), "hi", 2));
	ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, sizeof(buf), 0));
	EXPECT_EQ(0, in.flags);
	EXPECT_TRUE(ot_is(&in.from, "app"));
	ASSERT_TRUE(in.has_onward);
	EXPECT_EQ(rest.len, in.onward_bytes);
	EXPECT_TRUE(ot_route_eq(&rest, &in.onward));
	if (r.len <= OCKAM_SOCKADDR_HOPS) {
		ASSERT_EQ(2, ot_sendx(self->app, ot_out(.to = &r), "hi", 2));
		ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, 8, 0));
		EXPECT_TRUE(ot_route_eq(&rest, &in.onward));
	}
	EXPECT_SILENCE();
}

/* The echo server of the documentation, whatever the route. */
TEST_F(route, back)
{
	struct ot_route to = ot_route("echoer", NULL);
	struct ot_route r = long_route("app", variant->hops, variant->bytes);
	struct ot_route rest = behind_first(&r);
	struct ot_in in = {};
	char buf[8];

	ASSERT_EQ(2, ot_sendx(self->app, ot_out(.to = &to, .ret = &r), "hi",
			      2));
	ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, sizeof(buf), 0));
	EXPECT_EQ(ot_natural(&in.from), in.fromlen);
	EXPECT_EQ(variant->hops, in.from.sok_nhops);
	ASSERT_TRUE(in.has_ret);
	EXPECT_TRUE(ot_route_eq(&r, &in.ret));
	if (r.len <= OCKAM_SOCKADDR_HOPS) {
		struct sockaddr_ockam want = ot_sa(&r);

		EXPECT_EQ(0, memcmp(&want, &in.from, sizeof(want)));
	} else {
		EXPECT_EQ(OCKAM_ADDR_TRUNCATED | OCKAM_ADDR_TOKEN,
			  in.from.sok_flags);
	}
	ASSERT_EQ(2, ot_sendx(self->echoer, ot_out(.name = &in.from), "ho", 2));
	ASSERT_EQ(2, ot_recvx(self->app, &in, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp("ho", buf, 2));
	EXPECT_TRUE(ot_is(&in.from, "echoer"));
	ASSERT_TRUE(in.has_onward);
	EXPECT_TRUE(ot_route_eq(&rest, &in.onward));
	EXPECT_SILENCE();
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(msg, routes_too_long)
{
	struct ot_route to = ot_route("echoer", NULL), r;

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	r = long_route("echoer", 65, 0);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.onward = &r), "x", 1));
	r = long_route("echoer", 20, 4097);
	ASSERT_EQ(4097, r.len);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.onward = &r), "x", 1));
	r = long_route("app", 65, 0);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to, .ret = &r),
				      "x", 1));
	r = long_route("app", 20, 4097);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.to = &to, .ret = &r),
				      "x", 1));
	/* Says 64 hops, has 65. */
	r = long_route("echoer", 65, 0);
	r.nhops = 64;
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->app, ot_out(.onward = &r), "x", 1));
	EXPECT_SILENCE();
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(msg, no_return_route)
{
	struct ot_route to = ot_route("echoer", NULL), none = {};
	struct ot_in in = {};
	char c;

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &none), "x",
			      1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ(0, in.from.sok_nhops);
	EXPECT_EQ(0, in.ret.nhops);
	EXPECT_EQ(0, in.ret.len);
	/* Nowhere to answer to. */
	EXPECT_EQ(-EINVAL, ot_sendx(self->echoer, ot_out(.name = &in.from), "x",
				    1));
	EXPECT_SILENCE();
}

TEST_F(msg, control_buffer_too_small)
{
	struct ot_route r = long_route("echoer", 64, 4096), rest;
	struct ot_in in = { .room = CMSG_SPACE(sizeof(struct ockam_route) +
					       100) };
	char buf[8];

	rest = behind_first(&r);
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(2, ot_sendx(self->app, ot_out(.onward = &r), "hi", 2));
	ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(MSG_CTRUNC, in.flags);
	ASSERT_TRUE(in.has_onward);
	/* What came is cut, what it says is true. */
	EXPECT_LE(100, in.onward_bytes);
	EXPECT_GT(rest.len, in.onward_bytes);
	EXPECT_EQ(rest.len, in.onward.len);
	EXPECT_EQ(63, in.onward.nhops);
	EXPECT_EQ(0, memcmp(rest.data, in.onward.data, in.onward_bytes));

	/* No room even for a header: the payload comes all the same. */
	in.room = sizeof(struct cmsghdr) - 1;
	ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(MSG_CTRUNC, in.flags);
	EXPECT_EQ(0, in.ncmsgs);

	/* No buffer at all. */
	ASSERT_EQ(2, ot_recv(self->echoer, buf, sizeof(buf), MSG_PEEK));
	in.room = 0;
	ASSERT_EQ(2, ot_recvx(self->echoer, &in, buf, sizeof(buf), 0));
	EXPECT_EQ(0, in.flags);
	EXPECT_TRUE(ot_route_eq(&rest, &in.onward));
}

TEST_F(msg, name_buffer_too_small)
{
	struct sockaddr_ockam from;
	socklen_t len = 7;
	char c;

	memset(&from, 0xee, sizeof(from));
	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(1, recvfrom(self->echoer, &c, 1, 0, (struct sockaddr *)&from,
			      &len));
	EXPECT_EQ(OT_HEAD + 2 + 3, len);
	EXPECT_EQ(1, from.sok_nhops);
	EXPECT_EQ('a', from.sok_hops[2]);
	EXPECT_EQ(0xee, from.sok_hops[3]);
}

TEST_F(msg, control_messages_only_when_asked_for)
{
	static const int opts[] = {
		OCKAM_RECV_ONWARD, OCKAM_RECV_RETURN, OCKAM_RECV_TOKEN,
		OCKAM_RECV_PEER,
	};
	struct ot_in in = {};
	unsigned int set, i;
	char c;

	for (set = 0; set < 16; set++) {
		for (i = 0; i < 4; i++)
			ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, opts[i],
					    set >> i & 1));
		ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
		ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
		EXPECT_EQ(__builtin_popcount(set), in.ncmsgs);
		EXPECT_EQ(set & 1, in.has_onward);
		EXPECT_EQ(set >> 1 & 1, in.has_ret);
		EXPECT_EQ(set >> 2 & 1, in.has_token);
		EXPECT_EQ(set >> 3 & 1, in.has_peer);
	}
}

/* ---- tokens ---- */

TEST_F(msg, tokens_go_stale)
{
	struct sockaddr_ockam by = {
		.sok_family = AF_OCKAM, .sok_flags = OCKAM_ADDR_TOKEN,
	};
	struct ot_in first = {}, in = {};
	char c;
	int i;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	ASSERT_EQ(1, ot_say(self->app, "echoer", "0"));
	ASSERT_EQ(1, ot_recvx(self->echoer, &first, &c, 1, 0));
	ASSERT_TRUE(first.has_token);
	EXPECT_EQ(0, first.token.flags);
	EXPECT_EQ(0, first.token.reserved);
	memcpy(by.sok_hops, &first.token.token, 8);

	/* Good as long as 64 are remembered, and as often as one likes. */
	for (i = 1; i < 64; i++) {
		ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
		ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
		ASSERT_NE(first.token.token, in.token.token);
		ASSERT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &by), "y",
				      1));
		ASSERT_TRUE(ot_hears(self->app, "y"));
	}
	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-ESTALE, ot_sendx(self->echoer, ot_out(.name = &by), "y", 1));
	EXPECT_EQ(-ESTALE, ot_sendx(self->echoer,
				    ot_out(.name = &in.from,
					   .token = first.token.token,
					   .token_flags = OCKAM_TOKEN_FORWARD),
				    "y", 1));
	/* On another socket none is worth anything. */
	memcpy(by.sok_hops, &in.token.token, 8);
	EXPECT_EQ(-ESTALE, ot_sendx(self->app, ot_out(.name = &by), "y", 1));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	EXPECT_SILENCE();
	EXPECT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &by), "y", 1));
	EXPECT_TRUE(ot_hears(self->app, "y"));
}

/* One message has one token, in the sockaddr and in the control message. */
TEST_F(msg, one_token_per_message)
{
	struct ot_route to = ot_route("echoer", NULL);
	struct ot_route ret = long_route("app", 5, 500);
	struct ot_in in = {};
	char c;

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	ASSERT_TRUE(in.has_token);
	EXPECT_EQ(0, memcmp(&in.token.token, in.from.sok_hops, 8));
}

FIXTURE(pass) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int echoer;
	int hop;
	struct ot_in in;	/* what the hop received */
};

FIXTURE_SETUP(pass)
{
	struct ot_route r = ot_route("hop", "echoer", NULL);
	char c;

	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->echoer = ot_worker("echoer", 0);
	self->hop = ot_worker("hop", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_LE(0, self->hop);
	ASSERT_EQ(0, ot_set(self->hop, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(0, ot_set(self->hop, SOL_OCKAM, OCKAM_RECV_TOKEN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &r), "x", 1));
	ASSERT_EQ(1, ot_recvx(self->hop, &self->in, &c, 1, 0));
	r = ot_route("echoer", NULL);
	ASSERT_TRUE(ot_route_eq(&r, &self->in.onward));
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(pass)
{
	close(self->app);
	close(self->echoer);
	close(self->hop);
	ot_nl_close(&self->nl);
}

TEST_F(pass, forward)
{
	struct ot_route want = ot_route("hop", "app", NULL), got;
	struct ot_in in = {};
	char c;

	ASSERT_EQ(1, ot_sendx(self->hop,
			      ot_out(.onward = &self->in.onward,
				     .token = self->in.token.token,
				     .token_flags = OCKAM_TOKEN_FORWARD),
			      "z", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ('z', c);
	got = ot_sa_route(&in.from);
	EXPECT_TRUE(ot_route_eq(&want, &got));
	EXPECT_EQ(0, in.onward.nhops);
	/* The origin is the app's, the payload need not be. */
	ASSERT_TRUE(in.has_peer);
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, in.peer.origin);
	EXPECT_EQ(OCKAM_PEER_PASSED_ON, in.peer.flags);
	EXPECT_EQ(getpid(), in.peer.pid);
	/* The answer comes by the hop, which knows where it goes. */
	ASSERT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &in.from), "r", 1));
	ASSERT_EQ(1, ot_recvx(self->hop, &in, &c, 1, 0));
	want = ot_route("app", NULL);
	EXPECT_TRUE(ot_route_eq(&want, &in.onward));
	ASSERT_EQ(1, ot_sendx(self->hop,
			      ot_out(.onward = &in.onward,
				     .token = in.token.token,
				     .token_flags = OCKAM_TOKEN_FORWARD),
			      &c, 1));
	ASSERT_EQ(1, ot_recvx(self->app, &in, &c, 1, 0));
	EXPECT_EQ('r', c);
	want = ot_route("hop", "echoer", NULL);
	got = ot_sa_route(&in.from);
	EXPECT_TRUE(ot_route_eq(&want, &got));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(pass, verbatim)
{
	struct ot_in in = {};
	char c;

	ASSERT_EQ(1, ot_sendx(self->hop,
			      ot_out(.onward = &self->in.onward,
				     .token = self->in.token.token,
				     .token_flags = OCKAM_TOKEN_VERBATIM),
			      "z", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_TRUE(ot_is(&in.from, "app"));
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, in.peer.origin);
	EXPECT_EQ(OCKAM_PEER_PASSED_ON, in.peer.flags);
	EXPECT_EQ(getpid(), in.peer.pid);
	EXPECT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &in.from), "r", 1));
	EXPECT_TRUE(ot_hears(self->app, "r"));
}

static int pass_as_user(void *arg)
{
	FIXTURE_DATA(pass) *self = arg;

	if (ot_unroot())
		return 1;
	return ot_sendx(self->hop,
			ot_out(.onward = &self->in.onward,
			       .token = self->in.token.token,
			       .token_flags = OCKAM_TOKEN_FORWARD),
			"z", 1) == 1 ? 0 : 2;
}

/* Whoever passes it on, the origin stays. */
TEST_F(pass, keeps_the_origin)
{
	struct ot_in in = {};
	char c;

	ASSERT_EQ(0, ot_child(pass_as_user, self));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ(getpid(), in.peer.pid);
	EXPECT_EQ(0, in.peer.uid);
	EXPECT_EQ(0, in.peer.gid);
}

TEST_F(pass, a_return_route_that_is_full)
{
	struct ot_route to = ot_route("hop", "echoer", NULL);
	struct ot_route ret = long_route("app", 64, 0);
	struct ot_in in = {};
	char c;

	ASSERT_EQ(0, ot_accept(self->hop, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	ASSERT_EQ(1, ot_recvx(self->hop, &in, &c, 1, 0));
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EMSGSIZE, ot_sendx(self->hop,
				      ot_out(.onward = &in.onward,
					     .token = in.token.token,
					     .token_flags =
						OCKAM_TOKEN_FORWARD),
				      "z", 1));
	EXPECT_TRUE(ot_empty(self->echoer));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	EXPECT_EQ(1, ot_sendx(self->hop,
			      ot_out(.onward = &in.onward,
				     .token = in.token.token,
				     .token_flags = OCKAM_TOKEN_VERBATIM),
			      "z", 1));
	EXPECT_TRUE(ot_hears(self->echoer, "z"));
}

/* ---- origin ---- */

TEST_F(msg, own_return_routes_are_forwarded)
{
	struct ot_route to = ot_route("echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ot_in in = {};
	struct ot_obj obj;
	char c;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	/* Even the true one: it was a program that wrote it. */
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				    "x", 1));
	EXPECT_SILENCE();
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_SCOPE_FORWARDED, 1);

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_LINKS |
			       OCKAM_ACCEPT_CHANNELS));
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				    "x", 1));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_SCOPE_FORWARDED, 2);

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_worker_get(&self->nl, "echoer", &obj));
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL | OCKAM_ACCEPT_FORWARDED, obj.scope);
	EXPECT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, in.peer.origin);
	EXPECT_EQ(OCKAM_PEER_FORWARDED, in.peer.flags);
	EXPECT_EQ(getpid(), in.peer.pid);

	/* And back to what it was. */
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_LOCAL));
	EXPECT_EQ(-EACCES, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret),
				    "x", 1));
	EXPECT_EQ(1, ot_say(self->app, "echoer", "y"));
	EXPECT_TRUE(ot_hears(self->echoer, "y"));
}

/* Passing on does not wash it clean. */
TEST_F(pass, forwarded_stays_forwarded)
{
	struct ot_route to = ot_route("hop", "echoer", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ot_in in = {};
	unsigned int flags;
	char c;

	ASSERT_EQ(0, ot_accept(self->hop, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(1, ot_sendx(self->app, ot_out(.to = &to, .ret = &ret), "x",
			      1));
	ASSERT_EQ(1, ot_recvx(self->hop, &in, &c, 1, 0));
	OT_MARK(&self->nl, &self->before);
	for (flags = OCKAM_TOKEN_FORWARD; flags <= OCKAM_TOKEN_VERBATIM;
	     flags++) {
		EXPECT_EQ(-EACCES, ot_sendx(self->hop,
					    ot_out(.onward = &in.onward,
						   .token = in.token.token,
						   .token_flags = flags),
					    "z", 1));
		EXPECT_TRUE(ot_empty(self->echoer));
		EXPECT_DROPPED(&self->nl, &self->before,
			       OCKAM_DROP_SCOPE_FORWARDED, flags);
	}
	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	EXPECT_EQ(1, ot_sendx(self->hop,
			      ot_out(.onward = &in.onward,
				     .token = in.token.token,
				     .token_flags = OCKAM_TOKEN_FORWARD),
			      "z", 1));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ(OCKAM_PEER_PASSED_ON | OCKAM_PEER_FORWARDED, in.peer.flags);
}

TEST_F(msg, peer_is_the_sender)
{
	struct ot_in in = {};
	struct ockam_peer want = {
		.origin = OCKAM_ORIGIN_LOCAL,
		.pid = getpid(),
		.uid = getuid(),
		.gid = getgid(),
	};
	char c;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	/* Who it was when it was sent. */
	ASSERT_EQ(0, OT_ERR(setresgid(-1, 77, -1)));
	ASSERT_EQ(0, OT_ERR(setresuid(-1, 66, -1)));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	ASSERT_TRUE(in.has_peer);
	EXPECT_EQ(0, memcmp(&want, &in.peer, sizeof(want)));

	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	want.uid = 66;
	want.gid = 77;
	EXPECT_EQ(0, memcmp(&want, &in.peer, sizeof(want)));
}

struct who {
	int fd;			/* to send from */
	int userns;		/* 1: a new one, 2: with uid 0 inside */
	bool pidns;
	bool unroot;
};

static int send_from_child(void *arg)
{
	struct who *who = arg;
	int i;

	if (who->unroot && ot_unroot())
		return 1;
	if (who->userns && unshare(CLONE_NEWUSER))
		return 77;
	if (who->userns == 2) {
		char map[32];

		snprintf(map, sizeof(map), "0 %d 1", OT_UID);
		if (ot_write("/proc/self/setgroups", "deny") ||
		    ot_write("/proc/self/uid_map", map))
			return 2;
		snprintf(map, sizeof(map), "0 %d 1", OT_GID);
		if (ot_write("/proc/self/gid_map", map) || getuid() != 0)
			return 3;
	}
	i = getpid();
	return ot_send(who->fd, "echoer", &i, sizeof(i), 0) == sizeof(i) ? 0 :
	       4;
}

static int fork_and_wait(int (*fn)(void *), void *arg, pid_t *pid)
{
	int status;

	*pid = fork();
	if (!*pid)
		_exit(fn(arg));
	if (*pid < 0 || waitpid(*pid, &status, 0) != *pid ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(msg, peer_of_others)
{
	struct who who = { .fd = self->app };
	struct ot_in in = {};
	int said;
	pid_t pid;
	int ret;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(0, fork_and_wait(send_from_child, &who, &pid));
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, &said, 4, 0));
	EXPECT_EQ(0, in.peer.uid);
	EXPECT_EQ(pid, said);
	EXPECT_EQ(pid, in.peer.pid);

	who.unroot = true;
	ASSERT_EQ(0, fork_and_wait(send_from_child, &who, &pid));
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, &said, 4, 0));
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(OT_GID, in.peer.gid);

	/* In a user namespace: we see who it is to us. */
	who.userns = 1;
	ret = fork_and_wait(send_from_child, &who, &pid);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, &said, 4, 0));
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(OT_GID, in.peer.gid);
	who.userns = 2;
	ASSERT_EQ(0, fork_and_wait(send_from_child, &who, &pid));
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, &said, 4, 0));
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(OT_GID, in.peer.gid);
}

struct reader {
	int fd;
	int from;
};

/* In a user namespace where only its own uid has a number, 0. */
static int read_in_userns(void *arg)
{
	struct reader *r = arg;
	struct who who = { .fd = r->from, .userns = 2, .unroot = true };
	struct ot_in in = {};
	int said;
	int ret;

	ret = send_from_child(&who);
	if (ret)
		return ret;
	/* Root's message, then our own. */
	if (ot_recvx(r->fd, &in, &said, 4, MSG_DONTWAIT) != 4)
		return 10;
	if (in.peer.uid != 65534 || in.peer.gid != 65534)
		return 11;
	if (ot_recvx(r->fd, &in, &said, 4, MSG_DONTWAIT) != 4)
		return 12;
	return in.peer.uid || in.peer.gid ? 13 : 0;
}

TEST_F(msg, peer_seen_from_a_user_namespace)
{
	struct reader r = { self->echoer, self->app };
	int ret;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(4, ot_say(self->app, "echoer", "root"));
	ret = ot_child(read_in_userns, &r);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, ret);
}

static int read_in_pidns(void *arg)
{
	struct reader *r = arg;
	struct ot_in in = {};
	char c;

	if (getpid() != 1)
		return 20;
	if (ot_recvx(r->fd, &in, &c, 1, MSG_DONTWAIT) != 1)
		return 21;
	/* The parent has no number here. */
	if (in.peer.pid)
		return 22;
	if (ot_say(r->from, "echoer", "y") != 1 ||
	    ot_recvx(r->fd, &in, &c, 1, MSG_DONTWAIT) != 1)
		return 23;
	return in.peer.pid == 1 ? 0 : 24;
}

TEST_F(msg, peer_seen_from_a_pid_namespace)
{
	struct reader r = { self->echoer, self->app };

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(1, ot_say(self->app, "echoer", "x"));
	ASSERT_EQ(0, OT_ERR(unshare(CLONE_NEWPID)));
	EXPECT_EQ(0, ot_child(read_in_pidns, &r));
}

static long send_from_thread(void *arg)
{
	return ot_say(*(int *)arg, "echoer", "t");
}

/* Threads are one process. */
TEST_F(msg, peer_of_a_thread)
{
	struct ot_in in = {};
	struct ot_task t;
	char c;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(0, ot_task_start(&t, send_from_thread, &self->app));
	ASSERT_EQ(1, ot_task_end(&t));
	ASSERT_EQ(1, ot_recvx(self->echoer, &in, &c, 1, 0));
	EXPECT_EQ(getpid(), in.peer.pid);
}

/* Sent through a descriptor that came from elsewhere: who sends counts. */
TEST_F(msg, peer_is_not_the_owner_of_the_socket)
{
	struct who who = { .fd = self->app, .unroot = true };
	struct ot_in in = {};
	pid_t pid;
	int said;

	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	ASSERT_EQ(0, fork_and_wait(send_from_child, &who, &pid));
	ASSERT_EQ(4, ot_recvx(self->echoer, &in, &said, 4, 0));
	EXPECT_EQ(OT_UID, in.peer.uid);
	EXPECT_EQ(pid, said);
}

/* Everything at random, against a model in user space. */
TEST_F(msg, random)
{
	uint64_t seed = ot_seed(_metadata);
	static uint8_t out[70000], in_buf[70000];
	struct ot_route to, ret, rest;
	struct ot_in in = {};
	unsigned int hops, i, n;
	bool own;

	ASSERT_EQ(0, ot_accept(self->echoer, OCKAM_ACCEPT_FORWARDED));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_ONWARD, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
	ASSERT_EQ(0, ot_set(self->echoer, SOL_OCKAM, OCKAM_RECV_PEER, 1));
	for (i = 0; i < 600; i++) {
		n = ot_below(&seed, ot_below(&seed, 10) ? 2000 : sizeof(out));
		ot_fill(out, n, i);
		hops = 1 + ot_below(&seed, 64);
		to = long_route("echoer", hops,
				hops < 20 || ot_below(&seed, 3) ? 0 :
				600 + ot_below(&seed, 3497));
		rest = behind_first(&to);
		own = ot_below(&seed, 2);
		ret = own ? long_route("app", 1 + ot_below(&seed, 64), 0) :
		      ot_route("app", NULL);
		ASSERT_EQ(n, ot_sendx(self->app,
				      ot_out(.onward = &to,
					     .ret = own ? &ret : NULL),
				      out, n));
		memset(in_buf, 0xee, sizeof(in_buf));
		ASSERT_EQ(n, ot_recvx(self->echoer, &in, in_buf,
				      sizeof(in_buf), 0));
		ASSERT_TRUE(ot_filled(in_buf, n, i));
		ASSERT_EQ(0xee, in_buf[n]);
		ASSERT_TRUE(ot_route_eq(&rest, &in.onward));
		ASSERT_TRUE(ot_route_eq(&ret, &in.ret));
		ASSERT_EQ(own ? OCKAM_PEER_FORWARDED : 0, in.peer.flags);
	}
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_HARNESS_MAIN
