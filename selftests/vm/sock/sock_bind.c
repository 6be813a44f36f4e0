// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Names of sockets: bind(), OCKAM_BIND, autobind, connect(), getsockname(). */
#include "kselftest_harness.h"
#include "ockam_test.h"

static bool is_random(const struct sockaddr_ockam *sa)
{
	int i;

	if (sa->sok_family != AF_OCKAM || sa->sok_flags || sa->sok_nhops != 1 ||
	    sa->sok_hops[0] != OCKAM_TYPE_LOCAL ||
	    sa->sok_hops[1] != OCKAM_RANDOM_LEN)
		return false;
	for (i = 2; i < 2 + OCKAM_RANDOM_LEN; i++)
		if (!strchr("0123456789abcdef", sa->sok_hops[i]) ||
		    !sa->sok_hops[i])
			return false;
	for (; i < OCKAM_SOCKADDR_HOPS; i++)
		if (sa->sok_hops[i])
			return false;
	return true;
}

static int set_bind(int fd, const void *hop, socklen_t len)
{
	return OT_ERR(setsockopt(fd, SOL_OCKAM, OCKAM_BIND, hop, len));
}

FIXTURE(bind) {
	struct ot_nl nl;
	struct ot_node before;
	int fd;
};

FIXTURE_SETUP(bind)
{
	OT_NODE(&self->nl);
	self->fd = ot_socket(0);
	ASSERT_LE(0, self->fd);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(bind)
{
	close(self->fd);
	ot_nl_close(&self->nl);
}

/* The socket has no name, and can have one. */
#define EXPECT_UNBOUND(fd) do {						\
	struct sockaddr_ockam __sa;					\
									\
	EXPECT_EQ(0, ot_getname(fd, &__sa));				\
	EXPECT_EQ(0, __sa.sok_nhops);					\
	EXPECT_EQ(0, __sa.sok_flags);					\
	EXPECT_EQ(0, ot_bind(fd, "still-works"));			\
	EXPECT_UNCOUNTED(&self->nl, &self->before);			\
} while (0)

TEST_F(bind, explicit)
{
	struct sockaddr_ockam sa;
	struct ot_obj obj;

	ASSERT_EQ(-ENOENT, ot_worker_get(&self->nl, "echoer", &obj));
	ASSERT_EQ(0, ot_bind(self->fd, "echoer"));
	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_TRUE(ot_is(&sa, "echoer"));
	ASSERT_EQ(0, ot_worker_get(&self->nl, "echoer", &obj));
	EXPECT_EQ(0, obj.queued);
	EXPECT_EQ(OCKAM_ACCEPT_LOCAL, obj.scope);
}

TEST_F(bind, exact_length)
{
	struct sockaddr_ockam sa = ot_name("echoer"), got;

	ASSERT_EQ(0, ot_bind_sa(self->fd, &sa, OT_HEAD + 2 + 6));
	ASSERT_EQ(0, ot_getname(self->fd, &got));
	EXPECT_EQ(0, memcmp(&sa, &got, sizeof(sa)));
}

/* A buffer that had another address before, or all of it. */
TEST_F(bind, what_is_behind_does_not_matter)
{
	struct sockaddr_ockam sa = ot_name("echoer"), got;
	int fd;

	memset(sa.sok_hops + 8, 0xee, sizeof(sa.sok_hops) - 8);
	ASSERT_EQ(0, ot_bind_sa(self->fd, &sa, sizeof(sa)));
	ASSERT_EQ(0, ot_getname(self->fd, &got));
	EXPECT_TRUE(ot_is(&got, "echoer"));
	fd = ot_socket(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, OT_ERR(connect(fd, (struct sockaddr *)&sa, sizeof(sa))));
	EXPECT_EQ(1, OT_ERR(send(fd, "x", 1, 0)));
	EXPECT_TRUE(ot_hears(self->fd, "x"));
	sa.sok_nhops = 0;
	EXPECT_EQ(-EINVAL, ot_bind_sa(self->fd, &sa, sizeof(sa)));
	close(fd);
	fd = ot_socket(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_bind_sa(fd, &sa, sizeof(sa)));
	ASSERT_EQ(0, ot_getname(fd, &got));
	EXPECT_TRUE(is_random(&got));
	close(fd);
}

/* No address at all, in both ways to say so. */
TEST_F(bind, of_no_length)
{
	struct sockaddr_ockam sa = { .sok_family = AF_OCKAM }, got;
	int fd;

	ASSERT_EQ(0, ot_bind_sa(self->fd, &sa, 0));
	ASSERT_EQ(0, ot_getname(self->fd, &got));
	EXPECT_TRUE(is_random(&got));
	EXPECT_EQ(-EINVAL, ot_bind_sa(self->fd, &sa, 0));
	fd = ot_socket(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_bind_sa(fd, &sa, 2));
	ASSERT_EQ(0, ot_getname(fd, &got));
	EXPECT_TRUE(is_random(&got));
	close(fd);
}

TEST_F(bind, every_length_of_an_address)
{
	struct ot_route r;
	uint8_t name[122];
	struct sockaddr_ockam sa, got;
	unsigned int n;
	int fd;

	for (n = 1; n <= sizeof(name); n++) {
		/* Bytes, not text: zeros and high ones, too. */
		ot_fill(name, n, n);
		name[0] = 0;
		memset(&r, 0, sizeof(r));
		ot_hop(&r, 0, name, n);
		sa = ot_sa(&r);
		fd = ot_socket(0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ot_bind_sa(fd, &sa, n % 2 ? sizeof(sa) :
					OT_HEAD + r.len));
		ASSERT_EQ(0, ot_getname(fd, &got));
		ASSERT_EQ(0, memcmp(&sa, &got, sizeof(sa)));
		ASSERT_EQ(3, ot_sendx(self->fd, ot_out(.to = &r), "abc", 3));
		ASSERT_TRUE(ot_hears(fd, "abc"));
		close(fd);
	}
}

TEST_F(bind, taken)
{
	int other = ot_worker("echoer", 0);

	ASSERT_LE(0, other);
	EXPECT_EQ(-EADDRINUSE, ot_bind(self->fd, "echoer"));
	/* The owner has not lost it. */
	EXPECT_EQ(2, ot_say(other, "echoer", "hi"));
	EXPECT_TRUE(ot_hears(other, "hi"));
	OT_MARK(&self->nl, &self->before);
	EXPECT_UNBOUND(self->fd);
	close(other);
}

TEST_F(bind, taken_by_a_hop)
{
	ASSERT_LT(0, ot_hop_new(&self->nl, "h", NULL, 0));
	EXPECT_EQ(-EADDRINUSE, ot_bind(self->fd, "h"));
	EXPECT_UNBOUND(self->fd);
}

TEST_F(bind, names_are_bytes)
{
	int a = ot_worker("a", 0), upper = ot_worker("A", 0);
	int longer = ot_worker("ab", 0);

	EXPECT_LE(0, a);
	EXPECT_LE(0, upper);
	EXPECT_LE(0, longer);
	EXPECT_EQ(1, ot_say(self->fd, "A", "1"));
	EXPECT_EQ(1, ot_say(self->fd, "ab", "2"));
	EXPECT_TRUE(ot_empty(a));
	EXPECT_TRUE(ot_hears(upper, "1"));
	EXPECT_TRUE(ot_hears(longer, "2"));
	close(a);
	close(upper);
	close(longer);
}

TEST_F(bind, free_after_close)
{
	struct ot_obj obj;
	int fd, i;

	for (i = 0; i < 50; i++) {
		fd = ot_worker("again", 0);
		ASSERT_LE(0, fd);
		close(fd);
		ASSERT_EQ(-ENOENT, ot_worker_get(&self->nl, "again", &obj));
	}
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->fd, "again", "x"));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 1);
}

/* A duplicated descriptor keeps the name. */
TEST_F(bind, free_after_the_last_close)
{
	int fd = ot_worker("twice", 0);
	int copy = dup(fd);

	ASSERT_LE(0, copy);
	close(fd);
	EXPECT_EQ(-EADDRINUSE, ot_bind(self->fd, "twice"));
	close(copy);
	EXPECT_EQ(0, ot_bind(self->fd, "twice"));
}

TEST_F(bind, once_only)
{
	struct sockaddr_ockam zero = { .sok_family = AF_OCKAM }, sa;
	uint8_t hop[] = { 0, 1, 'x' };

	ASSERT_EQ(0, ot_bind(self->fd, "first"));
	EXPECT_EQ(-EINVAL, ot_bind(self->fd, "second"));
	EXPECT_EQ(-EINVAL, ot_bind(self->fd, "first"));
	EXPECT_EQ(-EINVAL, ot_bind_sa(self->fd, &zero, OT_HEAD));
	EXPECT_EQ(-EINVAL, set_bind(self->fd, hop, sizeof(hop)));
	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_TRUE(ot_is(&sa, "first"));
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->fd, "second", "x"));
	EXPECT_EQ(-EHOSTUNREACH, ot_say(self->fd, "x", "x"));
	EXPECT_EQ(1, ot_say(self->fd, "first", "x"));
	EXPECT_TRUE(ot_hears(self->fd, "x"));
}

TEST_F(bind, to_a_random_name)
{
	struct sockaddr_ockam zero = { .sok_family = AF_OCKAM }, a, b, c;
	int second = ot_socket(0), third = ot_socket(0);

	ASSERT_EQ(0, ot_bind_sa(self->fd, &zero, OT_HEAD));
	ASSERT_EQ(0, ot_bind_sa(second, &zero, sizeof(zero)));
	ASSERT_EQ(0, ot_bind_sa(third, &zero, sizeof(zero.sok_family)));
	ASSERT_EQ(0, ot_getname(self->fd, &a));
	ASSERT_EQ(0, ot_getname(second, &b));
	ASSERT_EQ(0, ot_getname(third, &c));
	EXPECT_TRUE(is_random(&a));
	EXPECT_TRUE(is_random(&b));
	EXPECT_TRUE(is_random(&c));
	EXPECT_NE(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_NE(0, memcmp(&b, &c, sizeof(b)));
	EXPECT_EQ(-EINVAL, ot_bind_sa(self->fd, &zero, OT_HEAD));
	EXPECT_EQ(4, ot_sendx(second, ot_out(.name = &a), "ping", 4));
	EXPECT_TRUE(ot_hears(self->fd, "ping"));
	close(second);
	close(third);
}

TEST_F(bind, by_the_first_send)
{
	struct ot_in in = {};
	struct sockaddr_ockam sa, again;
	char buf[8];
	int to = ot_worker("to", 0);

	ASSERT_LE(0, to);
	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	ASSERT_EQ(0, sa.sok_nhops);
	ASSERT_EQ(2, ot_say(self->fd, "to", "hi"));
	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_TRUE(is_random(&sa));
	ASSERT_EQ(2, ot_recvx(to, &in, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(&in.from, &sa, sizeof(sa)));
	/* And so it stays. */
	ASSERT_EQ(2, ot_say(self->fd, "to", "hi"));
	ASSERT_EQ(0, ot_getname(self->fd, &again));
	EXPECT_EQ(0, memcmp(&again, &sa, sizeof(sa)));
	EXPECT_EQ(-EINVAL, ot_bind(self->fd, "late"));
	close(to);
}

TEST_F(bind, random_names_are_not_chosen)
{
	char name[] = "0123456789abcdef0123456789abcdef";
	uint8_t hop[2 + OCKAM_RANDOM_LEN] = { 0, OCKAM_RANDOM_LEN };
	struct ot_obj obj;
	int fd;

	memcpy(hop + 2, name, OCKAM_RANDOM_LEN);
	EXPECT_EQ(-EACCES, ot_bind(self->fd, name));
	EXPECT_EQ(-EACCES, set_bind(self->fd, hop, sizeof(hop)));
	EXPECT_EQ(-ENOENT, ot_worker_get(&self->nl, name, &obj));

	/* Not of that form: upper case, other letters, shorter, longer. */
	name[31] = 'F';
	fd = ot_worker(name, 0);
	EXPECT_LE(0, fd);
	close(fd);
	name[31] = 'g';
	fd = ot_worker(name, 0);
	EXPECT_LE(0, fd);
	close(fd);
	name[31] = 0;
	fd = ot_worker(name, 0);
	EXPECT_LE(0, fd);
	close(fd);
	fd = ot_worker("0123456789abcdef0123456789abcdef0", 0);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_UNBOUND(self->fd);
}

FIXTURE(malformed) {
	struct ot_nl nl;
	struct ot_node before;
	int fd;
};

FIXTURE_VARIANT(malformed) {
	struct sockaddr_ockam sa;
	socklen_t len;
	int err;
};

#define HOPS(...)	{ __VA_ARGS__ }
#define MALFORMED(name_, len_, err_, family_, flags_, nhops_, ...)	\
FIXTURE_VARIANT_ADD(malformed, name_) {					\
	.sa = { family_, flags_, nhops_, HOPS(__VA_ARGS__) },		\
	.len = len_, .err = err_,					\
}

MALFORMED(family, 128, -EAFNOSUPPORT, AF_INET, 0, 1, 0, 1, 'x');
MALFORMED(family_unspec, 128, -EAFNOSUPPORT, AF_UNSPEC, 0, 1, 0, 1, 'x');
MALFORMED(family_short, 2, -EAFNOSUPPORT, AF_UNIX, 0, 0, 0);
MALFORMED(len_1, 1, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'x');
MALFORMED(len_3, 3, -EINVAL, AF_OCKAM, 0, 0, 0);
MALFORMED(len_without_hop, 4, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'x');
MALFORMED(len_cuts_head, 5, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'x');
MALFORMED(len_cuts_hop, 6, -EINVAL, AF_OCKAM, 0, 1, 0, 1, 'x');
MALFORMED(len_cuts_last, 8, -EINVAL, AF_OCKAM, 0, 1, 0, 3, 'x', 'y', 'z');
MALFORMED(flag_truncated, 128, -EINVAL, AF_OCKAM, 1, 1, 0, 1, 'x');
MALFORMED(flag_token, 128, -EINVAL, AF_OCKAM, 2, 1, 0, 1, 'x');
MALFORMED(flag_both, 128, -EINVAL, AF_OCKAM, 3, 1, 0, 1, 'x');
MALFORMED(flag_unknown, 128, -EINVAL, AF_OCKAM, 4, 1, 0, 1, 'x');
MALFORMED(flag_top, 128, -EINVAL, AF_OCKAM, 0x80, 1, 0, 1, 'x');
MALFORMED(two_hops, 128, -EINVAL, AF_OCKAM, 0, 2, 0, 1, 'x', 0, 1, 'y');
MALFORMED(too_many_hops, 128, -EINVAL, AF_OCKAM, 0, 255, 0, 1, 'x');
MALFORMED(hop_too_long, 128, -EINVAL, AF_OCKAM, 0, 1, 0, 123, 'x');
MALFORMED(hop_255, 128, -EINVAL, AF_OCKAM, 0, 1, 0, 255, 'x');
MALFORMED(empty_address, 128, -EINVAL, AF_OCKAM, 0, 1, 0, 0);
MALFORMED(type_tcp, 128, -EINVAL, AF_OCKAM, 0, 1, 1, 1, 'x');
MALFORMED(type_udp, 128, -EINVAL, AF_OCKAM, 0, 1, 2, 1, 'x');
MALFORMED(type_255, 128, -EINVAL, AF_OCKAM, 0, 1, 255, 1, 'x');

FIXTURE_SETUP(malformed)
{
	OT_NODE(&self->nl);
	self->fd = ot_socket(0);
	ASSERT_LE(0, self->fd);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(malformed)
{
	close(self->fd);
	ot_nl_close(&self->nl);
}

TEST_F(malformed, is_refused)
{
	EXPECT_EQ(variant->err, ot_bind_sa(self->fd, &variant->sa,
					   variant->len));
	EXPECT_UNBOUND(self->fd);
}

TEST_F(bind, null_and_oversized)
{
	char big[256] = { AF_OCKAM };

	EXPECT_EQ(-EFAULT, OT_ERR(bind(self->fd, NULL, 128)));
	EXPECT_EQ(-EINVAL, OT_ERR(bind(self->fd, (struct sockaddr *)big, 129)));
	EXPECT_EQ(-EINVAL, OT_ERR(bind(self->fd, (struct sockaddr *)big, -1)));
	EXPECT_UNBOUND(self->fd);
}

FIXTURE(reserved) {
	struct ot_nl nl;
	struct ot_node before;
	int fd;
};

FIXTURE_VARIANT(reserved) {
	const char *name;
};

FIXTURE_VARIANT_ADD(reserved, ockamd) { .name = "ockamd" };
FIXTURE_VARIANT_ADD(reserved, api) { .name = "api" };
FIXTURE_VARIANT_ADD(reserved, forwarding) { .name = "forwarding_service" };
FIXTURE_VARIANT_ADD(reserved, static_forwarding) {
	.name = "static_forwarding_service",
};

FIXTURE_SETUP(reserved)
{
	OT_NODE(&self->nl);
	self->fd = ot_socket(0);
	ASSERT_LE(0, self->fd);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(reserved)
{
	close(self->fd);
	ot_nl_close(&self->nl);
}

TEST_F(reserved, needs_the_capability)
{
	uint8_t hop[64] = { 0, strlen(variant->name) };
	char longer[64];

	memcpy(hop + 2, variant->name, hop[1]);
	snprintf(longer, sizeof(longer), "%sx", variant->name);
	ASSERT_EQ(0, ot_cap_drop(CAP_NET_BIND_SERVICE));
	EXPECT_EQ(-EACCES, ot_bind(self->fd, variant->name));
	EXPECT_EQ(-EACCES, set_bind(self->fd, hop, 2 + hop[1]));
	/* Only the whole name is. */
	EXPECT_EQ(0, ot_bind(self->fd, longer));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(reserved, is_free_with_the_capability)
{
	struct sockaddr_ockam sa;

	ASSERT_EQ(0, ot_bind(self->fd, variant->name));
	ASSERT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_TRUE(ot_is(&sa, variant->name));
}

/* The capability over the namespace's owner counts, not over the first one. */
TEST_F(reserved, in_a_container)
{
	int fd;

	ASSERT_EQ(0, ot_unroot());
	ASSERT_EQ(-EACCES, ot_bind(self->fd, variant->name));
	if (unshare(CLONE_NEWUSER))
		SKIP(return, "no user namespaces: %s", strerror(errno));
	/* All capabilities now, but not over this network namespace. */
	EXPECT_EQ(-EACCES, ot_bind(self->fd, variant->name));
	ASSERT_EQ(0, OT_ERR(unshare(CLONE_NEWNET)));
	fd = ot_worker(variant->name, 0);
	EXPECT_LE(0, fd);
	/* The old socket is still the old namespace's. */
	EXPECT_EQ(-EACCES, ot_bind(self->fd, variant->name));
	close(fd);
}

TEST_F(bind, long_addresses)
{
	uint8_t hop[2 + OCKAM_ADDR_MAX], got[2 + OCKAM_ADDR_MAX + 3];
	static const unsigned int size[] = { 1, 122, 123, 124, 200, 254, 255 };
	struct sockaddr_ockam sa, want;
	unsigned int i, n;
	struct ot_route r;
	struct ot_in in = {};
	socklen_t len;
	char buf[8];
	int fd;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		n = size[i];
		hop[0] = 0;
		hop[1] = n;
		ot_fill(hop + 2, n, n);
		fd = ot_socket(0);
		ASSERT_LE(0, fd);
		len = sizeof(got);
		ASSERT_EQ(0, OT_ERR(getsockopt(fd, SOL_OCKAM, OCKAM_BIND, got,
					       &len)));
		ASSERT_EQ(0, len);
		ASSERT_EQ(0, set_bind(fd, hop, 2 + n));
		ASSERT_EQ(-EADDRINUSE, set_bind(self->fd, hop, 2 + n));

		len = sizeof(got);
		ASSERT_EQ(0, OT_ERR(getsockopt(fd, SOL_OCKAM, OCKAM_BIND, got,
					       &len)));
		ASSERT_EQ(2 + n, len);
		ASSERT_EQ(0, memcmp(got, hop, len));

		memset(&r, 0, sizeof(r));
		ot_hop(&r, 0, hop + 2, n);
		ASSERT_EQ(0, ot_getname(fd, &sa));
		if (n <= 122) {
			want = ot_sa(&r);
		} else {
			memset(&want, 0, sizeof(want));
			want.sok_family = AF_OCKAM;
			want.sok_flags = OCKAM_ADDR_TRUNCATED;
			want.sok_nhops = 1;
		}
		ASSERT_EQ(0, memcmp(&sa, &want, sizeof(sa)));

		/* There and back again. */
		ASSERT_EQ(2, ot_sendx(self->fd, ot_out(.onward = &r), "hi", 2));
		ASSERT_EQ(2, ot_recvx(fd, &in, buf, sizeof(buf), 0));
		ASSERT_EQ(2, ot_sendx(fd, ot_out(.name = &in.from), "ho", 2));
		ASSERT_EQ(0, ot_set(self->fd, SOL_OCKAM, OCKAM_RECV_RETURN, 1));
		ASSERT_EQ(2, ot_recvx(self->fd, &in, buf, sizeof(buf), 0));
		ASSERT_TRUE(in.has_ret);
		ASSERT_TRUE(ot_route_eq(&in.ret, &r));
		close(fd);
		/* self->fd is bound since its first send. */
		close(self->fd);
		self->fd = ot_socket(0);
		ASSERT_LE(0, self->fd);
	}
}

TEST_F(bind, by_option_wrong)
{
	uint8_t hop[300] = { 0, 2, 'a', 'b' };
	struct { uint8_t bytes[6]; int len; int err; } bad[] = {
		{ { 0, 2, 'a', 'b' }, 0, -EINVAL },
		{ { 0, 2, 'a', 'b' }, 1, -EINVAL },
		{ { 0, 2, 'a', 'b' }, 3, -EINVAL },	/* cut */
		{ { 0, 2, 'a', 'b' }, 5, -EINVAL },	/* something behind */
		{ { 0, 1, 'a', 0, 1, 'b' }, 6, -EINVAL },
		{ { 0, 0 }, 2, -EINVAL },
		{ { 1, 2, 'a', 'b' }, 4, -EINVAL },
		{ { 255, 2, 'a', 'b' }, 4, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_EQ(bad[i].err, set_bind(self->fd, bad[i].bytes,
					       bad[i].len)) {
			TH_LOG("case %u", i);
		}
	EXPECT_EQ(-EMSGSIZE, set_bind(self->fd, hop, 258));
	EXPECT_EQ(-EFAULT, set_bind(self->fd, NULL, 4));
	EXPECT_UNBOUND(self->fd);
}

TEST_F(bind, option_tells_as_much_as_fits)
{
	uint8_t got[16];
	socklen_t len = 4;

	ASSERT_EQ(0, ot_bind(self->fd, "echoer"));
	memset(got, 0xee, sizeof(got));
	ASSERT_EQ(0, OT_ERR(getsockopt(self->fd, SOL_OCKAM, OCKAM_BIND, got,
				       &len)));
	EXPECT_EQ(4, len);
	EXPECT_EQ(0, memcmp(got, "\0\6ec\xee\xee", 6));
	len = -1;
	EXPECT_EQ(-EINVAL, OT_ERR(getsockopt(self->fd, SOL_OCKAM, OCKAM_BIND,
					     got, &len)));
}

TEST_F(bind, per_namespace)
{
	struct ot_nl nl;
	struct ot_node mark;
	int here, there;

	here = ot_worker("echoer", 0);
	ASSERT_LE(0, here);
	ASSERT_EQ(0, OT_ERR(unshare(CLONE_NEWNET)));
	ASSERT_EQ(0, ot_nl_open(&nl));
	there = ot_socket(0);
	OT_MARK(&nl, &mark);
	EXPECT_EQ(-EHOSTUNREACH, ot_say(there, "echoer", "x"));
	EXPECT_DROPPED(&nl, &mark, OCKAM_DROP_NO_WORKER, 1);
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	close(there);

	there = ot_worker("echoer", 0);
	ASSERT_LE(0, there);
	/* A socket belongs to the namespace it was made in. */
	EXPECT_EQ(3, ot_say(self->fd, "echoer", "old"));
	EXPECT_EQ(3, ot_say(there, "echoer", "new"));
	EXPECT_TRUE(ot_hears(here, "old"));
	EXPECT_TRUE(ot_empty(here));
	EXPECT_TRUE(ot_hears(there, "new"));
	EXPECT_TRUE(ot_empty(there));
	close(here);
	close(there);
	ot_nl_close(&nl);
}

static int peer_name(int fd, struct sockaddr_ockam *sa)
{
	socklen_t len = sizeof(*sa);

	memset(sa, 0, sizeof(*sa));
	if (getpeername(fd, (struct sockaddr *)sa, &len))
		return -errno;
	return len == ot_natural(sa) ? 0 : -EPROTO;
}

TEST_F(bind, connect_and_getpeername)
{
	struct ot_route r = ot_route("a", "b", "c", NULL);
	struct sockaddr_ockam sa, want = ot_sa(&r);
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	/* Nothing is sent, nobody need be there. */
	ASSERT_EQ(0, ot_connect(self->fd, &r));
	ASSERT_EQ(0, peer_name(self->fd, &sa));
	EXPECT_EQ(0, memcmp(&sa, &want, sizeof(sa)));
	EXPECT_EQ(0, ot_getname(self->fd, &sa));
	EXPECT_EQ(0, sa.sok_nhops);

	/* Another one, then none. */
	r = ot_route("d", NULL);
	want = ot_sa(&r);
	ASSERT_EQ(0, ot_connect(self->fd, &r));
	ASSERT_EQ(0, peer_name(self->fd, &sa));
	EXPECT_EQ(0, memcmp(&sa, &want, sizeof(sa)));
	ASSERT_EQ(0, OT_ERR(connect(self->fd, &unspec, sizeof(unspec))));
	EXPECT_EQ(-ENOTCONN, peer_name(self->fd, &sa));
	/* Twice does no harm. */
	ASSERT_EQ(0, OT_ERR(connect(self->fd, &unspec, sizeof(unspec))));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
}

TEST_F(bind, connect_wrong)
{
	struct ot_route r = ot_route("keep", NULL);
	struct sockaddr_ockam sa, want = ot_sa(&r);
	struct { struct sockaddr_ockam sa; int len; int err; } bad[] = {
		{ { AF_INET, 0, 1, { 0, 1, 'x' } }, 128, -EAFNOSUPPORT },
		{ { AF_OCKAM, 0, 0, { 0 } }, 128, -EINVAL },
		{ { AF_OCKAM, 0, 0, { 0 } }, 4, -EINVAL },
		{ { AF_OCKAM, 0, 0, { 0 } }, 2, -EINVAL },
		{ { AF_OCKAM, 0, 0, { 0 } }, 1, -EINVAL },
		{ { AF_OCKAM, 0, 1, { 0, 0 } }, 128, -EINVAL },
		{ { AF_OCKAM, 0, 2, { 0, 1, 'x' } }, 128, -EINVAL },
		{ { AF_OCKAM, 1, 1, { 0, 1, 'x' } }, 128, -EINVAL },
		{ { AF_OCKAM, 2, 1, { 1 } }, 128, -EINVAL },
		{ { AF_OCKAM, 3, 1, { 1 } }, 128, -EINVAL },
		{ { AF_OCKAM, 8, 1, { 0, 1, 'x' } }, 128, -EINVAL },
	};
	unsigned int i;

	ASSERT_EQ(0, ot_connect(self->fd, &r));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(bad[i].err,
			  OT_ERR(connect(self->fd,
					 (struct sockaddr *)&bad[i].sa,
					 bad[i].len))) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(0, peer_name(self->fd, &sa));
		EXPECT_EQ(0, memcmp(&sa, &want, sizeof(sa)));
	}
}

TEST_F(bind, getsockname_is_cut_to_the_buffer)
{
	uint8_t buf[16];
	socklen_t len = 7;

	ASSERT_EQ(0, ot_bind(self->fd, "echoer"));
	memset(buf, 0xee, sizeof(buf));
	ASSERT_EQ(0, OT_ERR(getsockname(self->fd, (struct sockaddr *)buf,
					&len)));
	EXPECT_EQ(OT_HEAD + 2 + 6, len);
	EXPECT_EQ(0, memcmp(buf + 3, "\1\0\6e\xee\xee", 6));
}

/* Names come and go on all sides; nobody gets one that is in use. */
static long grab(void *arg)
{
	uint64_t seed = (uintptr_t)arg, end = ot_ms() + 2000;
	static int held[8];
	char name[8];
	long wins = 0;
	int fd, n;

	while (ot_ms() < end) {
		n = ot_below(&seed, 8);
		snprintf(name, sizeof(name), "n%d", n);
		fd = ot_worker(name, 0);
		if (fd == -EADDRINUSE)
			continue;
		if (fd < 0)
			return fd;
		if (__atomic_fetch_add(&held[n], 1, __ATOMIC_SEQ_CST))
			return -EBADE;
		wins++;
		if (ot_below(&seed, 4) == 0)
			ot_send(fd, name, name, sizeof(name), MSG_DONTWAIT);
		__atomic_fetch_sub(&held[n], 1, __ATOMIC_SEQ_CST);
		close(fd);
	}
	return wins;
}

TEST_F(bind, one_owner_at_a_time)
{
	uint64_t seed = ot_seed(_metadata);
	struct ot_task t[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], grab, (void *)(uintptr_t)
					   (ot_rand(&seed) | 1)));
	for (i = 0; i < 4; i++)
		EXPECT_LT(0, ot_task_end(&t[i]));
}

TEST_HARNESS_MAIN
