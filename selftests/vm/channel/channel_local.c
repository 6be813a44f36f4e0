// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Channels inside one node, with the keys of Documentation/protocol.rst: bytes,
 * the ratchet, the replay window, who may use a channel, takeover, nesting,
 * limits and removal.
 *
 * Ciphertexts are looked at by way of a channel whose route ends at an ordinary
 * worker, "tap", and are played back from another one.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "failed_test.h"
#include "nl.h"

static const char k1[] =
	"4349aa5f460aca550b37ce55d3f7ad8f2d4747084b6c62e15c523568ebafe860";
static const char k2[] =
	"831124fa3e1606b97f5cda4d81c3aa04c7c0151666f05f49a09cd0faf63a05d8";

/* "Hello Ockam!" from app to echoer, encrypted with k2. */
static const char nonce0[] =
	"0000000000000000730a7fb64a78d67042e6e239c46e13d84c96427982db8ee5"
	"27d457a5b1b46036fe83858cf8d5eb4e0a59a378f37ac53d75ea0431fb";
static const char nonce31[] =
	"000000000000001ff2680f5b42f07a3187f16f38921b94e8b392c4aa29629105"
	"a79d33fd12147c53b34f29caae8637bd585d2f73a1670e12507b20fb75";
static const char nonce32[] =
	"00000000000000202dcf72b05ab1a24b43daea9743c01372897ec1f9c4566f85"
	"76ae3616e20bf785db8edf7178fc56e4bcdb6e16e0d300217c35775fff";
static const char close33[] =
	"0000000000000021844ce2f34dba521cf07cd6e52814859b71a10f630a";
/* The answer with k1, nonce 0. */
static const char reply0[] =
	"00000000000000005defa50e8bed5dce7c8bc588263a3aa526583d0a45782fc1"
	"7b7ee961ff28967a61dbe1dde84bb56b9dd0b6595a583a731e055698df";

/* As Ockam's own programs pack a string. */
static const char hello[] = "\x0cHello Ockam!";
#define HELLO	(sizeof(hello) - 1)

static size_t unhex(uint8_t *to, const char *hex)
{
	size_t n;

	for (n = 0; hex[2 * n]; n++) {
		unsigned int v;

		sscanf(hex + 2 * n, "%2x", &v);
		to[n] = v;
	}
	return n;
}

/* "a>b>c" in flat form, local addresses all. */
static size_t flat(uint8_t *to, const char *route)
{
	size_t len = 0;

	while (*route) {
		size_t n = strcspn(route, ">");

		to[len] = 0;
		to[len + 1] = n;
		memcpy(to + len + 2, route, n);
		len += 2 + n;
		route += n + (route[n] == '>');
	}
	return len;
}

static socklen_t address(struct sockaddr_ockam *to, const char *route)
{
	const char *p;

	memset(to, 0, sizeof(*to));
	to->sok_family = AF_OCKAM;
	to->sok_nhops = 1;
	for (p = route; *p; p++)
		to->sok_nhops += *p == '>';
	flat(to->sok_hops, route);
	return sizeof(*to);
}

static int open_bound(const char *name)
{
	struct sockaddr_ockam addr;
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_OCKAM, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	address(&addr, name);
	if (bind(fd, (void *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int accept_from(int fd, uint32_t scope)
{
	struct ockam_accept a = { .scope = scope | OCKAM_ACCEPT_LOCAL };

	return setsockopt(fd, SOL_OCKAM, OCKAM_ACCEPT, &a, sizeof(a));
}

static ssize_t send_to(int fd, const char *route, const void *buf, size_t len)
{
	struct sockaddr_ockam addr;

	address(&addr, route);
	return sendto(fd, buf, len, 0, (void *)&addr, sizeof(addr));
}

static ssize_t recv_from(int fd, void *buf, size_t len,
			 struct sockaddr_ockam *from)
{
	socklen_t n = sizeof(*from);

	memset(from, 0, sizeof(*from));
	return recvfrom(fd, buf, len, 0, (void *)from, &n);
}

/* Does a worker get nothing more within a while? */
static bool is_quiet(int fd)
{
	char c[64];

	usleep(100000);
	return recv(fd, c, sizeof(c), MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool route_is(const struct sockaddr_ockam *a, const char *route)
{
	uint8_t want[OCKAM_SOCKADDR_HOPS] = {};
	size_t len = flat(want, route);

	return !memcmp(a->sok_hops, want, len);
}

/* The debug kernels take many times the instructions: less of the same there. */
static bool is_debug(void)
{
	const char *kernel = getenv("OCKAM_VM_KERNEL");

	return kernel && !strncmp(kernel, "debug", 5);
}

FIXTURE(node)
{
	struct ockam_nl *nl;
	struct ockam_nl_node before;
};

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	failed_watch();
	ASSERT_EQ(0, ockam_nl_open(&self->nl));
	ASSERT_EQ(0, ockam_nl_node_get(self->nl, &self->before));
}

FIXTURE_TEARDOWN(node)
{
	/* The next test uses the same keys, and namespaces go slowly. */
	ockam_nl_channel_flush(self->nl);
	ockam_nl_close(self->nl);
}

static uint64_t drops(struct ockam_nl *nl, enum ockam_drop why)
{
	struct ockam_nl_node node;

	return ockam_nl_node_get(nl, &node) ? UINT64_MAX : node.drops[why];
}

/* Counters of what happened in a work item may come late. */
static bool drops_reach(struct ockam_nl *nl, enum ockam_drop why, uint64_t n)
{
	unsigned int i;

	/* Keys far ahead are derived in small shares of the time: 2 minutes. */
	for (i = 0; i < 12000 && drops(nl, why) != n; i++)
		usleep(10000);
	if (drops(nl, why) == n)
		return true;
	ksft_print_msg("%s: %llu, not %llu\n", ockam_nl_drop_name(why),
		       (unsigned long long)drops(nl, why),
		       (unsigned long long)n);
	return false;
}

static void channel_init(struct ockam_nl_channel *ch, bool initiator,
			 const char *enc, const char *dec, const char *route)
{
	memset(ch, 0, sizeof(*ch));
	unhex(ch->tx_key, initiator ? k2 : k1);
	unhex(ch->rx_key, initiator ? k1 : k2);
	ch->role = initiator ? OCKAM_ROLE_INITIATOR : OCKAM_ROLE_RESPONDER;
	ch->encryptor.len = flat(ch->encryptor.data, enc);
	ch->route.len = flat(ch->route.data, route);
	memset(ch->identifier, initiator ? 0x22 : 0x11,
	       sizeof(ch->identifier));
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_TX_KEY);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_RX_KEY);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ROLE);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ROUTE);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_IDENTIFIER);
	if (dec) {
		ch->decryptor.len = flat(ch->decryptor.data, dec);
		ockam_nl_mark(ch, OCKAM_A_CHANNEL_DECRYPTOR);
	}
}

static int channel_new(struct ockam_nl *nl, bool initiator, const char *enc,
		       const char *dec, const char *route)
{
	struct ockam_nl_channel ch;

	channel_init(&ch, initiator, enc, dec, route);
	return ockam_nl_channel_new(nl, &ch);
}

static int channel_get(struct ockam_nl *nl, const char *enc,
		       struct ockam_nl_channel *ch)
{
	memset(ch, 0, sizeof(*ch));
	ch->encryptor.len = flat(ch->encryptor.data, enc);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	return ockam_nl_channel_get(nl, ch);
}

static int channel_del(struct ockam_nl *nl, const char *enc)
{
	struct ockam_nl_channel ch;

	memset(&ch, 0, sizeof(ch));
	ch.encryptor.len = flat(ch.encryptor.data, enc);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	return ockam_nl_channel_del(nl, &ch);
}

/* E1/D1 of the initiator and E2/D2 of the responder, on one node. */
static int pair_new(struct ockam_nl *nl)
{
	int err = channel_new(nl, true, "E1", "D1", "D2");

	return err ? err : channel_new(nl, false, "E2", "D2", "D1");
}

/* The first @n ciphertexts of the initiator, from a channel that is gone then. */
struct tape {
	uint8_t	(*msg)[64];
	size_t	len;
	size_t	n;
};

static int record(struct ockam_nl *nl, struct tape *t, size_t n)
{
	int tap = open_bound("tap"), app = open_bound("app"), ret = -1;
	struct ockam_nl_channel ch;
	size_t i;

	channel_init(&ch, true, "Et", "Dt", "tap");
	t->msg = calloc(n, sizeof(*t->msg));
	t->n = n;
	if (tap < 0 || app < 0 || !t->msg || ockam_nl_channel_new(nl, &ch))
		goto out;
	for (i = 0; i < n; i++) {
		if (send_to(app, "Et>echoer", hello, HELLO) != HELLO)
			goto out;
		t->len = recv(tap, t->msg[i], sizeof(*t->msg), 0);
		if (t->len != 61)
			goto out;
	}
	ret = 0;
out:
	close(tap);
	close(app);
	/* Close goes nowhere. */
	channel_del(nl, "Et");
	return ret;
}

TEST_F_TIMEOUT(node, vectors, 240)
{
	uint8_t want[128], got[128];
	struct sockaddr_ockam from;
	int tap, app, i;
	size_t len;

	tap = open_bound("tap");
	app = open_bound("app");
	ASSERT_LE(0, tap);
	ASSERT_LE(0, app);
	ASSERT_EQ(0, channel_new(self->nl, true, "E1", "D1", "tap"));

	for (i = 0; i <= 32; i++) {
		ASSERT_EQ(HELLO, send_to(app, "E1>echoer", hello, HELLO));
		ASSERT_EQ(61, recv_from(tap, got, sizeof(got), &from));
		/* The outer return route is empty. */
		EXPECT_EQ(0, from.sok_nhops);
		len = unhex(want, i == 0 ? nonce0 : i == 31 ? nonce31 : nonce32);
		if (i == 0 || i >= 31) {
			ASSERT_EQ(61, len);
			ASSERT_EQ(0, memcmp(got, want, 61));
		}
	}
	ASSERT_EQ(0, channel_del(self->nl, "E1"));
	len = unhex(want, close33);
	ASSERT_EQ(len, recv_from(tap, got, sizeof(got), &from));
	ASSERT_EQ(0, memcmp(got, want, len));
	ASSERT_EQ(-1, send_to(app, "E1>echoer", hello, HELLO));
	ASSERT_EQ(EHOSTUNREACH, errno);
}

TEST_F_TIMEOUT(node, reply_vector, 240)
{
	uint8_t want[128], got[128];
	struct sockaddr_ockam from;
	int tap, echoer;

	tap = open_bound("tap");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, channel_new(self->nl, false, "E2", "D2", "tap"));
	ASSERT_EQ(HELLO, send_to(echoer, "E2>app", hello, HELLO));
	ASSERT_EQ(61, recv_from(tap, got, sizeof(got), &from));
	unhex(want, reply0);
	ASSERT_EQ(0, memcmp(got, want, 61));
}

TEST_F_TIMEOUT(node, round_trips, 240)
{
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	int app, echoer, i;
	char buf[256];

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	for (i = 0; i < 2000; i++) {
		int n = snprintf(buf, sizeof(buf), "message %d", i);

		ASSERT_EQ(n, send_to(app, "E1>echoer", buf, n));
		ASSERT_EQ(n, recv_from(echoer, buf, sizeof(buf), &from));
		ASSERT_TRUE(route_is(&from, "E2>app"));
		ASSERT_EQ(n, sendto(echoer, buf, n, 0, (void *)&from,
				    sizeof(from)));
		memset(buf, 0, sizeof(buf));
		/* No scope needed: the reply right. */
		ASSERT_EQ(n, recv_from(app, buf, sizeof(buf), &from));
		ASSERT_TRUE(route_is(&from, "E1>echoer"));
		ASSERT_EQ(i, atoi(buf + 8));
	}
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(2000, ch.tx_msgs);
	EXPECT_EQ(2000, ch.rx_msgs);
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, ch.carrier_kind);
	/* 62 steps each way, and what was prepared ahead. */
	EXPECT_LE(2 * 62, ch.derivations);
	EXPECT_GE(2 * 62 + 3, ch.derivations);
}

TEST_F_TIMEOUT(node, large, 240)
{
	static const size_t size[] = { 0, 1, 16000, 16384, 16385, 20000,
				       100000, 1 << 20 };
	struct sockaddr_ockam from;
	uint8_t *out, *in;
	int app, echoer;
	size_t i;

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	out = malloc(1 << 20);
	in = malloc(1 << 20);
	for (i = 0; i < 1 << 20; i++)
		out[i] = i ^ i >> 8 ^ i >> 16;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		ASSERT_EQ(size[i], send_to(app, "E1>echoer", out, size[i]));
		memset(in, 0, 1 << 20);
		ASSERT_EQ(size[i], recv_from(echoer, in, 1 << 20, &from)) {
			TH_LOG("size %zu", size[i]);
		}
		ASSERT_EQ(0, memcmp(in, out, size[i]));
	}
}

TEST_F_TIMEOUT(node, replay_and_forgery, 240)
{
	struct sockaddr_ockam from;
	uint8_t bad[128], buf[128];
	int echoer, mallory;
	struct tape t;
	size_t i;

	ASSERT_EQ(0, record(self->nl, &t, 100));
	ASSERT_EQ(0, channel_new(self->nl, false, "E2", "D2", "D1"));
	mallory = open_bound("D1");	/* the carrier is local */
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	/* Every byte behind the nonce. */
	for (i = 8; i < t.len; i++) {
		memcpy(bad, t.msg[0], t.len);
		bad[i] ^= 1 << (i % 8);
		ASSERT_EQ(t.len, send_to(mallory, "D2", bad, t.len));
	}
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_AUTH_FAILED, t.len - 8));
	for (i = 0; i < 24; i++)
		send_to(mallory, "D2", t.msg[0], i);
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_SHORT, 24));
	ASSERT_EQ(true, is_quiet(echoer));

	/* Backwards, as far as the key of each is derived by then. */
	for (i = 32; i-- > 0;) {
		send_to(mallory, "D2", t.msg[i], t.len);
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
		ASSERT_TRUE(route_is(&from, "E2>app"));
	}
	for (i = 0; i < 32; i++)
		send_to(mallory, "D2", t.msg[i], t.len);
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_REPLAYED, 32));

	for (i = 32; i < t.n; i++) {
		send_to(mallory, "D2", t.msg[i], t.len);
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
		send_to(mallory, "D2", t.msg[i], t.len);
	}
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_REPLAYED, t.n));
	ASSERT_EQ(true, is_quiet(echoer));
}

TEST_F_TIMEOUT(node, gaps, 800)
{
	const size_t n = is_debug() ? 15 : 60;
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	int echoer, mallory;
	uint8_t buf[128];
	struct tape t;
	size_t i;

	ASSERT_EQ(0, record(self->nl, &t, 70000));
	ASSERT_EQ(0, channel_new(self->nl, false, "E2", "D2", "D1"));
	mallory = open_bound("D1");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	send_to(mallory, "D2", t.msg[0], t.len);
	ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));

	/* Too far: 2049 generations and more. */
	for (i = 0; i < 20; i++)
		send_to(mallory, "D2", t.msg[69990], t.len);
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_TOO_FAR, 20));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_STALLED, ch.state);
	EXPECT_EQ(0, ch.auth_failed);

	/* Forged ones at every distance, with honest traffic in between. */
	for (i = 1; i < n; i++) {
		uint8_t bad[64];

		memcpy(bad, t.msg[i * (66000 / n)], t.len);
		bad[20] ^= 1;
		send_to(mallory, "D2", bad, t.len);
		send_to(mallory, "D2", t.msg[i], t.len);
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	}
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_AUTH_FAILED, n - 1));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
	/* Each generation once, then less than 64 steps for each forgery. */
	EXPECT_GE(2100 + (n - 1) * 64, ch.derivations);

	/* 2^16 lost, then three in a row. */
	for (i = n + 65536; i < n + 65536 + 3; i++) {
		send_to(mallory, "D2", t.msg[i], t.len);
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	}
	/* What was left out is too old, but for the window. */
	send_to(mallory, "D2", t.msg[n + 40], t.len);
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_TOO_OLD, 1));
	ASSERT_EQ(true, is_quiet(echoer));
}

#define SHUFFLE	48	/* messages; old keys live for 2 s only */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* Does it come within a while, unless it is found to be too old? */
static bool comes(struct ockam_nl *nl, int fd)
{
	uint64_t end = now_ms() + 10000;
	struct sockaddr_ockam from;
	uint8_t buf[128];

	do {
		if (recv_from(fd, buf, sizeof(buf), &from) == HELLO)
			return true;
	} while (now_ms() < end && !drops(nl, OCKAM_DROP_TOO_OLD));
	return false;
}

TEST_F_TIMEOUT(node, reordered, 240)
{
	struct timeval limit = { .tv_usec = 100000 };
	uint64_t begin = 0;
	size_t late = 0;
	int echoer, mallory;
	unsigned int seed;
	size_t i, got;
	struct tape t;
	size_t *order;

	ASSERT_EQ(sizeof(seed), getrandom(&seed, sizeof(seed), 0));
	TH_LOG("seed %u", seed);
	srandom(seed);
	ASSERT_EQ(0, record(self->nl, &t, 20 * SHUFFLE));
	/* More than one address: the order may change on the way. */
	ASSERT_EQ(0, channel_new(self->nl, false, "E2", "D2", "mallory>D1"));
	mallory = open_bound("mallory");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	order = calloc(t.n, sizeof(*order));
	for (i = 0; i < t.n; i++)
		order[i] = i;
	for (i = 0; i < t.n; i++) {
		size_t first = i - i % SHUFFLE;
		size_t j = first + random() % SHUFFLE, k = order[i];

		order[i] = order[j];
		order[j] = k;
	}
	setsockopt(echoer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (i = 0, got = 0; i < t.n; i++) {
		if (!(i % SHUFFLE)) {
			begin = now_ms();
			late = 0;
		}
		send_to(mallory, "D2", t.msg[order[i]], t.len);
		if (comes(self->nl, echoer))
			got++;
		else
			late++;
		if (late && i % SHUFFLE == SHUFFLE - 1)
			TH_LOG("%zu of %d, up to %zu, did not come in %llu ms",
			       late, SHUFFLE, i,
			       (unsigned long long)(now_ms() - begin));
	}
	EXPECT_EQ(t.n, got);
	EXPECT_EQ(0, drops(self->nl, OCKAM_DROP_TOO_OLD));
	for (i = 0; i < t.n; i++)
		send_to(mallory, "D2", t.msg[i], t.len);
	ASSERT_EQ(true, is_quiet(echoer));
}

static int as_user(uid_t uid, int (*what)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(uid) || setuid(uid))
			_exit(100);
		_exit(what());
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int send_as_stranger(void)
{
	char name[32];
	int fd;

	/* What one user has released is held against the next. */
	snprintf(name, sizeof(name), "stranger%u", getuid());
	fd = open_bound(name);
	if (fd < 0)
		return 101;
	return send_to(fd, "E1>echoer", hello, HELLO) == HELLO ? 0 : errno;
}

static int inherited;

static int send_inherited(void)
{
	return send_to(inherited, "E1>echoer", hello, HELLO) == HELLO ?
	       0 : errno;
}

TEST_F_TIMEOUT(node, who_may_send, 240)
{
	struct sockaddr_ockam from;
	struct ockam_nl_channel ch;
	char buf[128];
	int echoer;

	ASSERT_EQ(0, pair_new(self->nl));
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	ASSERT_EQ(EACCES, as_user(1000, send_as_stranger));
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_SCOPE_ENCRYPTOR, 1));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	ASSERT_EQ(0, ch.tx_msgs);

	/* The socket of an administrator, used by somebody else. */
	inherited = open_bound("inherited");
	ASSERT_EQ(EACCES, as_user(1000, send_inherited));
	close(inherited);

	/* The socket of somebody else, used by an administrator. */
	ASSERT_EQ(0, seteuid(1000));
	inherited = open_bound("theirs");	/* the other is held for root */
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(-1, send_to(inherited, "E1>echoer", hello, HELLO));
	ASSERT_EQ(EACCES, errno);
	close(inherited);

	memset(&ch, 0, sizeof(ch));
	ch.encryptor.len = flat(ch.encryptor.data, "E1");
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ch.owner = 1000;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_OWNER);
	ASSERT_EQ(0, ockam_nl_channel_set(self->nl, &ch));
	ASSERT_EQ(0, as_user(1000, send_as_stranger));
	ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	ASSERT_EQ(EACCES, as_user(1001, send_as_stranger));

	ch.mode = 0666;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_MODE);
	ASSERT_EQ(0, ockam_nl_channel_set(self->nl, &ch));
	ASSERT_EQ(0, as_user(1001, send_as_stranger));
	ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
}

/* The next message of @in goes on to @route, as a forwarding worker does it. */
static int pass_on(int in, const char *route, uint32_t flags)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct ockam_token))];
	} control = {};
	struct sockaddr_ockam addr;
	char buf[128];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov		= &iov,
		.msg_iovlen		= 1,
		.msg_control		= control.buf,
		.msg_controllen		= sizeof(control.buf),
	};
	struct ockam_token *token;
	struct cmsghdr *cmsg;
	ssize_t n;

	n = recvmsg(in, &msg, 0);
	cmsg = CMSG_FIRSTHDR(&msg);
	if (n < 0 || !cmsg || cmsg->cmsg_type != OCKAM_CMSG_TOKEN)
		return 101;
	token = (void *)CMSG_DATA(cmsg);
	token->flags = flags;
	iov.iov_len = n;
	msg.msg_name = &addr;
	msg.msg_namelen = address(&addr, route);
	return sendmsg(in, &msg, 0) == n ? 0 : errno;
}

static int pass_on_as_stranger(void)
{
	int fd = open_bound("courier"), on = 1, err;

	if (fd < 0 || setsockopt(fd, SOL_OCKAM, OCKAM_RECV_TOKEN, &on,
				 sizeof(on)) ||
	    send_to(fd, "ready", "x", 1) != 1)
		return 102;
	err = pass_on(fd, "E1>echoer", OCKAM_TOKEN_VERBATIM);
	if (err != EACCES)
		return err ? err : 103;
	return pass_on(fd, "E1>echoer", OCKAM_TOKEN_FORWARD);
}

/*
 * Who passes a message of the channel's owner on has the message's origin but
 * not the owner's rights.
 */
TEST_F_TIMEOUT(node, passed_on, 240)
{
	struct sockaddr_ockam from;
	struct ockam_nl_channel ch;
	int app, ready, status, i;
	char buf[128];
	pid_t pid;

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	ready = open_bound("ready");
	pid = fork();
	if (!pid)
		_exit(as_user(1000, pass_on_as_stranger));
	ASSERT_EQ(1, recv_from(ready, buf, sizeof(buf), &from));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(HELLO, send_to(app, "courier", hello, HELLO));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
	EXPECT_TRUE(drops_reach(self->nl, OCKAM_DROP_SCOPE_ENCRYPTOR, 2));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(0, ch.tx_msgs);
}

static int echo_as_stranger(void)
{
	struct sockaddr_ockam from;
	int fd = open_bound("echoer2");
	char buf[128];
	ssize_t n;

	if (fd < 0 || accept_from(fd, OCKAM_ACCEPT_CHANNELS))
		return 101;
	/* Not before something came through it. */
	if (send_to(fd, "E2>app", "x", 1) != -1 || errno != EACCES)
		return 102;
	if (send_to(fd, "ready", "x", 1) != 1)
		return 103;
	n = recv_from(fd, buf, sizeof(buf), &from);
	if (n < 0)
		return 104;
	return sendto(fd, buf, n, 0, (void *)&from, sizeof(from)) == n ?
	       0 : errno;
}

TEST_F_TIMEOUT(node, answer_right, 240)
{
	struct sockaddr_ockam from;
	int app, ready, status;
	char buf[128];
	pid_t pid;

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	ready = open_bound("ready");
	pid = fork();
	if (!pid)
		_exit(as_user(1000, echo_as_stranger));
	ASSERT_EQ(1, recv_from(ready, buf, sizeof(buf), &from));
	ASSERT_EQ(HELLO, send_to(app, "E1>echoer2", hello, HELLO));
	ASSERT_EQ(HELLO, recv_from(app, buf, sizeof(buf), &from));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, WEXITSTATUS(status));
}

TEST_F_TIMEOUT(node, takeover, 240)
{
	int echoer, mallory, hs, on = 1;
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	uint8_t buf[128];
	struct tape t;
	size_t i;

	ASSERT_EQ(0, record(self->nl, &t, 200));
	mallory = open_bound("mallory");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	hs = open_bound("hs");
	ASSERT_EQ(0, setsockopt(hs, SOL_OCKAM, OCKAM_HANDSHAKE, &on,
				sizeof(on)));

	/* M3, say, and data right behind it. */
	ASSERT_EQ(2, send_to(mallory, "hs", "M3", 2));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(t.len, send_to(mallory, "hs", t.msg[i], t.len));
	ASSERT_EQ(2, recv_from(hs, buf, sizeof(buf), &from));
	ASSERT_EQ(-1, recv(hs, buf, sizeof(buf), MSG_DONTWAIT));

	channel_init(&ch, false, "E2", NULL, "mallory");
	ch.handshake_fd = hs;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch)) {
		TH_LOG("%s", ockam_nl_error(self->nl));
	}
	for (; i < t.n; i++)
		ASSERT_EQ(t.len, send_to(mallory, "hs", t.msg[i], t.len));
	for (i = 0; i < t.n; i++)
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	ASSERT_EQ(0, recv_from(hs, buf, sizeof(buf), &from));
	ASSERT_EQ(true, is_quiet(echoer));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(t.n, ch.rx_msgs);

	/* Not twice. */
	channel_init(&ch, true, "E3", NULL, "mallory");
	ch.handshake_fd = hs;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	ASSERT_EQ(-EBUSY, ockam_nl_channel_new(self->nl, &ch));
}

/*
 * What strangers leave in the queue of a handshake: too short for a ciphertext
 * (down to nothing at all), or through as many channels as there may be.
 */
TEST_F_TIMEOUT(node, takeover_junk, 240)
{
	static const char from_to[][2] = { { 'a', 'd' }, { 'c', 'b' } };
	int echoer, mallory, hs, on = 1, i, side;
	char enc[8], dec[8], route[16];
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	uint8_t buf[128] = {};
	struct tape t;

	ASSERT_EQ(0, record(self->nl, &t, 2));
	/* Each pair inside the one before: a1..a8 to d1..d8, c1 to b1... */
	for (i = 1; i <= 8; i++) {
		for (side = 0; side < 2; side++) {
			snprintf(enc, sizeof(enc), "%c%d", side ? 'c' : 'a', i);
			snprintf(dec, sizeof(dec), "%c%d", side ? 'd' : 'b', i);
			if (i == 1)
				snprintf(route, sizeof(route), "%c%d",
					 from_to[side][1], i);
			else
				snprintf(route, sizeof(route), "%c%d>%c%d",
					 from_to[side][0], i - 1,
					 from_to[side][1], i);
			channel_init(&ch, !side, enc, dec, route);
			memset(ch.tx_key, 0x40 + 2 * i + side, 32);
			memset(ch.rx_key, 0x40 + 2 * i + !side, 32);
			ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch)) {
				TH_LOG("%s: %s", enc, ockam_nl_error(self->nl));
			}
		}
	}

	mallory = open_bound("mallory");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	hs = open_bound("hs");
	ASSERT_EQ(0, accept_from(hs, OCKAM_ACCEPT_CHANNELS));
	ASSERT_EQ(0, setsockopt(hs, SOL_OCKAM, OCKAM_HANDSHAKE, &on,
				sizeof(on)));
	ASSERT_EQ(2, send_to(mallory, "hs", "M3", 2));
	for (i = 0; i < 24; i++)
		ASSERT_EQ(i, send_to(mallory, "hs", buf, i));
	ASSERT_EQ(t.len, send_to(mallory, "hs", t.msg[0], t.len));
	ASSERT_EQ(t.len, send_to(mallory, "a8>hs", t.msg[1], t.len));
	ASSERT_EQ(2, recv_from(hs, buf, sizeof(buf), &from));

	channel_init(&ch, false, "E2", NULL, "mallory");
	ch.handshake_fd = hs;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch)) {
		TH_LOG("%s", ockam_nl_error(self->nl));
	}
	EXPECT_TRUE(drops_reach(self->nl, OCKAM_DROP_SHORT, 24));
	EXPECT_TRUE(drops_reach(self->nl, OCKAM_DROP_TOO_MANY_DECRYPTIONS, 1));
	ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	EXPECT_EQ(true, is_quiet(echoer));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(1, ch.rx_msgs);
}

/* A peer may not send the channel through itself. */
TEST_F_TIMEOUT(node, own_decryptor, 240)
{
	struct ockam_nl_channel ch;
	uint8_t route[64];
	size_t len;
	int app;

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	ASSERT_EQ(HELLO, send_to(app, "E1>D2", hello, HELLO));
	EXPECT_TRUE(drops_reach(self->nl, OCKAM_DROP_SCOPE_DECRYPTOR, 1));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(1, ch.rx_msgs);
	len = flat(route, "D1");
	ASSERT_EQ(len, ch.route.len);
	EXPECT_EQ(0, memcmp(route, ch.route.data, len));
}

TEST_F_TIMEOUT(node, peer_closes, 240)
{
	struct ockam_nl_channel ch;
	int app, echoer;

	ASSERT_EQ(0, pair_new(self->nl));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, channel_del(self->nl, "E1"));
	ASSERT_EQ(0, channel_get(self->nl, "E2", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_CLOSED, ch.state);
	EXPECT_EQ(OCKAM_CHANNEL_REASON_PEER_CLOSED, ch.reason);
	ASSERT_EQ(-1, send_to(echoer, "E2>app", hello, HELLO));
	EXPECT_EQ(EKEYEXPIRED, errno);
	close(app);
}

TEST_F_TIMEOUT(node, last_nonces, 240)
{
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	uint8_t buf[128];
	int tap, app;

	tap = open_bound("tap");
	app = open_bound("app");
	channel_init(&ch, true, "E1", "D1", "tap");
	ch.tx_nonce = UINT64_MAX - 2;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_TX_NONCE);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	ASSERT_EQ(HELLO, send_to(app, "E1>echoer", hello, HELLO));
	ASSERT_EQ(HELLO, send_to(app, "E1>echoer", hello, HELLO));
	ASSERT_EQ(-1, send_to(app, "E1>echoer", hello, HELLO));
	ASSERT_EQ(EKEYEXPIRED, errno);
	ASSERT_EQ(61, recv_from(tap, buf, sizeof(buf), &from));
	ASSERT_EQ(0xfd, buf[7]);
	ASSERT_EQ(61, recv_from(tap, buf, sizeof(buf), &from));
	ASSERT_EQ(0xfe, buf[7]);
	ASSERT_EQ(true, is_quiet(tap));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_EXHAUSTED, ch.state);
}

TEST_F_TIMEOUT(node, refused_requests, 240)
{
	struct ockam_nl_channel ch;

	ASSERT_EQ(0, channel_new(self->nl, true, "E1", "D1", "tap"));
	/* A key that is in use, here or on any other node. */
	EXPECT_EQ(-EEXIST, channel_new(self->nl, true, "E3", "D3", "tap"));
	EXPECT_EQ(-EADDRINUSE, channel_new(self->nl, false, "E1", "D3", "tap"));
	EXPECT_EQ(-EADDRINUSE, channel_new(self->nl, false, "E3", "D1", "tap"));
	EXPECT_EQ(-ELOOP, channel_new(self->nl, false, "E3", "D3", "E3>D"));

	channel_init(&ch, false, "E3", "D3", "tap");
	memcpy(ch.rx_key, ch.tx_key, sizeof(ch.rx_key));
	EXPECT_EQ(-EINVAL, ockam_nl_channel_new(self->nl, &ch));

	/* And nothing of all that was left behind. */
	EXPECT_EQ(0, channel_new(self->nl, false, "E3", "D3", "tap"));
	EXPECT_EQ(0, channel_del(self->nl, "E1"));
	EXPECT_EQ(0, channel_new(self->nl, true, "E1", "D1", "tap"));
}

/* A key is what the cipher uses of it. */
TEST_F_TIMEOUT(node, short_keys, 240)
{
	struct ockam_nl_channel ch;
	struct sockaddr_ockam from;
	int app, echoer, side;
	char buf[128];

	channel_init(&ch, true, "E1", "D1", "D2");
	ch.suite = OCKAM_SUITE_AES128GCM;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_SUITE);
	EXPECT_EQ(-EKEYREJECTED, ockam_nl_channel_new(self->nl, &ch));
	memset(ch.tx_key + 16, 0, 16);
	EXPECT_EQ(-EKEYREJECTED, ockam_nl_channel_new(self->nl, &ch));
	EXPECT_NE(NULL, strstr(ockam_nl_error(self->nl), "zero")) {
		TH_LOG("%s", ockam_nl_error(self->nl));
	}
	memset(ch.rx_key + 16, 0, 16);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));

	/* The same once more, with something behind it that nobody uses. */
	channel_init(&ch, true, "E3", "D3", "D4");
	ch.suite = OCKAM_SUITE_AES128GCM;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_SUITE);
	for (side = 0; side < 4; side++) {
		memset(ch.tx_key + 16, side & 1, 16);
		memset(ch.rx_key + 16, side & 2, 16);
		EXPECT_EQ(side ? -EKEYREJECTED : -EEXIST,
			  ockam_nl_channel_new(self->nl, &ch));
	}

	channel_init(&ch, false, "E2", "D2", "D1");
	ch.suite = OCKAM_SUITE_AES128GCM;
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_SUITE);
	memset(ch.tx_key + 16, 0, 16);
	memset(ch.rx_key + 16, 0, 16);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	for (side = 0; side < 40; side++) {
		ASSERT_EQ(HELLO, send_to(app, "E1>echoer", hello, HELLO));
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
	}
}

TEST_F_TIMEOUT(node, nested, 240)
{
	struct sockaddr_ockam from;
	struct ockam_nl_channel ch;
	int app, echoer, i;
	char buf[128];

	ASSERT_EQ(0, pair_new(self->nl));
	channel_init(&ch, true, "E3", "D3", "E1>D4");
	memset(ch.tx_key, 0x33, 32);
	memset(ch.rx_key, 0x44, 32);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	channel_init(&ch, false, "E4", "D4", "E2>D3");
	memset(ch.tx_key, 0x44, 32);
	memset(ch.rx_key, 0x33, 32);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(HELLO, send_to(app, "E3>echoer", hello, HELLO));
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
		ASSERT_TRUE(route_is(&from, "E4>app"));
		ASSERT_EQ(HELLO, sendto(echoer, buf, HELLO, 0, (void *)&from,
					sizeof(from)));
		ASSERT_EQ(HELLO, recv_from(app, buf, sizeof(buf), &from));
		ASSERT_TRUE(route_is(&from, "E3>echoer"));
	}
	/* A plaintext for the inner decryptor from outside its channel. */
	ASSERT_EQ(-1, send_to(app, "D4", buf, 40));
	ASSERT_EQ(EACCES, errno);
	ASSERT_TRUE(drops_reach(self->nl, OCKAM_DROP_SCOPE_DECRYPTOR, 1));
}

static int send_inner(void)
{
	int fd = open_bound("theirs"), err;

	if (fd < 0)
		return 101;
	err = send_to(fd, "E3>echoer", hello, HELLO) == HELLO ? 0 : errno;
	close(fd);
	return err;
}

static int answer_inner(void)
{
	int fd = open_bound("theirs"), err;

	if (fd < 0)
		return 101;
	err = send_to(fd, "E4>app", hello, HELLO) == HELLO ? 0 : errno;
	close(fd);
	return err;
}

static int give(struct ockam_nl *nl, const char *enc, uint32_t owner,
		uint32_t mode)
{
	struct ockam_nl_channel ch = { .owner = owner, .mode = mode };

	ch.encryptor.len = flat(ch.encryptor.data, enc);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_OWNER);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_MODE);
	return ockam_nl_channel_set(nl, &ch);
}

/* What a request that is refused says beside it is not done either. */
TEST_F(node, refused_credentials_change_nothing)
{
	struct ockam_nl_channel set = { .owner = 1000 }, ch;

	ASSERT_EQ(0, pair_new(self->nl));
	set.encryptor.len = flat(set.encryptor.data, "E1");
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_OWNER);
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_CREDENTIALS);
	EXPECT_EQ(-EINVAL, ockam_nl_channel_set(self->nl, &set));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(0, ch.owner);
	EXPECT_EQ(0, ch.tx_msgs);
}

/*
 * Who wrote a channel's route may have been misled: where the channel's owner
 * may not send, it does not go.
 */
TEST_F_TIMEOUT(node, nested_owners, 240)
{
	int app, echoer, i;
	struct sockaddr_ockam from;
	struct ockam_nl_channel ch;
	char buf[128];

	ASSERT_EQ(0, pair_new(self->nl));
	channel_init(&ch, true, "E3", "D3", "E1>D4");
	memset(ch.tx_key, 0x33, 32);
	memset(ch.rx_key, 0x44, 32);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	channel_init(&ch, false, "E4", "D4", "E2>D3");
	memset(ch.tx_key, 0x44, 32);
	memset(ch.rx_key, 0x33, 32);
	ASSERT_EQ(0, ockam_nl_channel_new(self->nl, &ch));
	ASSERT_EQ(0, give(self->nl, "E1", 1001, 0600));
	ASSERT_EQ(0, give(self->nl, "E2", 1001, 0600));
	ASSERT_EQ(0, give(self->nl, "E3", 1000, 0600));
	ASSERT_EQ(0, give(self->nl, "E4", 1000, 0600));
	app = open_bound("app");
	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	ASSERT_EQ(0, accept_from(app, OCKAM_ACCEPT_CHANNELS));

	/* Nor does somebody who may do everything lend it his right. */
	EXPECT_EQ(EACCES, as_user(1000, send_inner));
	EXPECT_EQ(-1, send_to(app, "E3>echoer", hello, HELLO));
	EXPECT_EQ(EACCES, errno);
	EXPECT_TRUE(drops_reach(self->nl, OCKAM_DROP_SCOPE_ENCRYPTOR, 2));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(0, ch.tx_msgs);
	/* No nonce is taken for it. */
	ASSERT_EQ(0, channel_get(self->nl, "E3", &ch));
	EXPECT_EQ(0, ch.tx_msgs);

	/* The same user's, anybody's, and an administrator's. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, give(self->nl, "E1", i ? 1001 : 1000,
				  i == 1 ? 0666 : 0600));
		ASSERT_EQ(0, give(self->nl, "E3", i == 2 ? 0 : 1000, 0600));
		ASSERT_EQ(HELLO, send_to(app, "E3>echoer", hello, HELLO));
		ASSERT_EQ(HELLO, recv_from(echoer, buf, sizeof(buf), &from));
		if (i)
			continue;
		/* A responder answers where it was really called from. */
		EXPECT_EQ(0, as_user(1000, answer_inner));
		EXPECT_EQ(HELLO, recv_from(app, buf, sizeof(buf), &from));
	}

	/* A route that was set anew is nobody's answer. */
	memset(&ch, 0, sizeof(ch));
	ch.encryptor.len = flat(ch.encryptor.data, "E4");
	ch.route.len = flat(ch.route.data, "E2>D3");
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	ASSERT_EQ(0, ockam_nl_channel_set(self->nl, &ch));
	EXPECT_EQ(EACCES, as_user(1000, answer_inner));

	/* The last word goes nowhere either. */
	ASSERT_EQ(0, give(self->nl, "E3", 1000, 0600));
	ASSERT_EQ(0, channel_del(self->nl, "E3"));
	ASSERT_EQ(0, channel_get(self->nl, "E1", &ch));
	EXPECT_EQ(3, ch.tx_msgs);
	ASSERT_EQ(0, channel_get(self->nl, "E4", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);
}

struct sender {
	pthread_t	thread;
	unsigned int	number;
	volatile bool	*stop;
};

static void *send_on_and_on(void *arg)
{
	struct sender *s = arg;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "sender%u", s->number);
	fd = open_bound(name);
	while (!*s->stop)
		send_to(fd, "E1>echoer", hello, HELLO);
	close(fd);
	return NULL;
}

TEST_F_TIMEOUT(node, removal_under_traffic, 240)
{
	volatile bool stop = false;
	struct sender s[3];
	unsigned int i, n;
	char buf[128];
	int echoer;

	echoer = open_bound("echoer");
	ASSERT_EQ(0, accept_from(echoer, OCKAM_ACCEPT_CHANNELS));
	for (i = 0; i < 3; i++) {
		s[i].number = i;
		s[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL,
					    send_on_and_on, &s[i]));
	}
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, pair_new(self->nl));
		usleep(5000);
		/* Three fill what one empties: it would never be empty. */
		for (n = 0; n < 256; n++)
			if (recv(echoer, buf, sizeof(buf), MSG_DONTWAIT) < 0)
				break;
		if (i & 1) {
			ASSERT_EQ(0, channel_del(self->nl, "E2"));
			ASSERT_EQ(0, channel_del(self->nl, "E1"));
		} else {
			ASSERT_EQ(0, ockam_nl_channel_flush(self->nl));
		}
	}
	stop = true;
	/* Whoever waits for the echoer's room. */
	close(echoer);
	for (i = 0; i < 3; i++)
		pthread_join(s[i].thread, NULL);
}

TEST_HARNESS_MAIN
