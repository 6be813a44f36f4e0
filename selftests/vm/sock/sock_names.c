// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Names that are kept: for who has just released one, and reserved ones. */
#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#include <sys/resource.h>

#define ALICE		2000
#define BOB		2001
#define MANY		3000	/* and those that follow */
#define BY_PAYER	128	/* holds that a user may have */
#define BY_NODE		4096	/* holds that a node may have */

/* Root stays our real uid, so that we can come back. */
static int as(uid_t uid)
{
	int err = OT_ERR(seteuid(0));

	return err || !uid ? err : OT_ERR(seteuid(uid));
}

/* The descriptor, or -errno; we are root again afterwards. */
static int bind_as(uid_t uid, const char *name)
{
	int fd, err;

	if (as(uid))
		abort();
	fd = ot_worker(name, 0);
	err = as(0);
	return err ?: fd;
}

/* Binds and releases at once: 0 or -errno. */
static int touch_as(uid_t uid, const char *name)
{
	int fd = bind_as(uid, name);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int set_bind(int fd, const void *hop, socklen_t len)
{
	return OT_ERR(setsockopt(fd, SOL_OCKAM, OCKAM_BIND, hop, len));
}

FIXTURE(hold) {
	struct lt_node node;
	uint64_t refused;
};

FIXTURE_SETUP(hold)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	self->refused = lt_stat(&self->node, OCKAM_STAT_BINDS_HELD);
	ASSERT_EQ(0, self->refused);
}

FIXTURE_TEARDOWN(hold)
{
	lt_node_free(&self->node);
}

/* So many binds were refused for a hold since the last look. */
#define EXPECT_REFUSED(n) do {						\
	uint64_t __now = lt_stat(&self->node, OCKAM_STAT_BINDS_HELD);	\
									\
	EXPECT_EQ(n, __now - self->refused);				\
	self->refused = __now;						\
} while (0)

TEST_F(hold, against_other_uids)
{
	int fd = bind_as(ALICE, "svc"), i;

	ASSERT_LE(0, fd);
	/* In use: that is no matter of holds. */
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_REFUSED(0);
	close(fd);

	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_REFUSED(1);
	EXPECT_EQ(0, touch_as(BOB, "svc2"));
	EXPECT_EQ(0, touch_as(BOB, "sv"));
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "sv"));
	EXPECT_REFUSED(1);

	/* Its own user has it again at once, and each time holds it anew. */
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, touch_as(ALICE, "svc"));
		EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	}
	EXPECT_REFUSED(10);
	/* Nobody is there meanwhile. */
	fd = ot_socket(0);
	EXPECT_EQ(-EHOSTUNREACH, ot_say(fd, "svc", "x"));
	close(fd);
}

struct listed {
	unsigned int n;
	unsigned int wrong;
	uint32_t uid;
	uint64_t left;
};

static int note_listed(const void *object, void *arg)
{
	const struct ockam_nl_worker *w = object;
	struct listed *l = arg;

	l->n++;
	l->wrong += !ockam_nl_has(w, OCKAM_A_WORKER_HELD) ||
		    !ockam_nl_has(w, OCKAM_A_WORKER_HELD_MS) ||
		    !ockam_nl_has(w, OCKAM_A_WORKER_ADDRESS) ||
		    ockam_nl_has(w, OCKAM_A_WORKER_INODE);
	l->uid = w->uid;
	l->left = w->held_ms;
	return 0;
}

/* Names that are held, as the caller sees them; @name: only this one. */
static struct listed list_held(const char *name)
{
	struct ockam_nl_worker filter = {};
	struct listed l = {};
	struct ockam_nl *nl;

	ockam_nl_mark(&filter, OCKAM_A_WORKER_HELD);
	if (name) {
		ockam_nl_mark(&filter, OCKAM_A_WORKER_ADDRESS);
		filter.address.len = 2 + strlen(name);
		filter.address.data[1] = strlen(name);
		memcpy(filter.address.data + 2, name, strlen(name));
	}
	if (ockam_nl_open(&nl))
		abort();
	if (ockam_nl_dump(nl, OCKAM_NL_WORKER, &filter, note_listed, &l))
		l.wrong += 1000;
	ockam_nl_close(nl);
	return l;
}

struct look {
	uid_t uid;
	const char *name;
};

/* Netlink goes by the real uid, too. */
static int look_as(void *arg)
{
	const struct look *look = arg;
	struct listed l;

	if (setresuid(look->uid, look->uid, look->uid))
		return 255;
	l = list_held(look->name);
	return l.wrong || (l.n && l.uid != look->uid) ? 254 : l.n;
}

static int held_for(uid_t uid, const char *name)
{
	struct look look = { .uid = uid, .name = name };

	return ot_child(look_as, &look);
}

static int count_workers(const void *object, void *arg)
{
	(*(int *)arg)++;
	return 0;
}

TEST_F(hold, is_listed)
{
	struct ockam_nl_worker one = {};
	int workers = 0, fd, i;
	struct listed l;
	char name[16];

	EXPECT_EQ(0, list_held(NULL).n);
	ASSERT_EQ(0, touch_as(ALICE, "svc"));
	ASSERT_EQ(0, touch_as(BOB, "other"));
	l = list_held(NULL);
	EXPECT_EQ(2, l.n);
	EXPECT_EQ(0, l.wrong);
	l = list_held("svc");
	EXPECT_EQ(1, l.n);
	EXPECT_EQ(ALICE, l.uid);
	EXPECT_LT(0, l.left);
	/* Ticks are not finer. */
	EXPECT_GE(120100, l.left);
	EXPECT_EQ(0, list_held("sv").n);

	/* Others' are for the administrator. */
	EXPECT_EQ(1, held_for(BOB, NULL));
	EXPECT_EQ(0, held_for(BOB, "svc"));

	/* They are no workers. */
	EXPECT_EQ(0, ockam_nl_dump(self->node.nl, OCKAM_NL_WORKER, NULL,
				   count_workers, &workers));
	EXPECT_EQ(0, workers);
	ockam_nl_mark(&one, OCKAM_A_WORKER_HELD);
	ockam_nl_mark(&one, OCKAM_A_WORKER_ADDRESS);
	one.address.len = 5;
	memcpy(one.address.data, "\0\3svc", 5);
	EXPECT_EQ(-EINVAL, ockam_nl_worker_get(self->node.nl, &one));

	/* Nor are names with a worker held. */
	fd = bind_as(ALICE, "svc");
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, list_held("svc").n);
	close(fd);
	EXPECT_EQ(1, list_held("svc").n);

	/* More than one message holds. */
	for (i = 0; i < 10 * BY_PAYER; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		ASSERT_EQ(0, touch_as(MANY + i / BY_PAYER, name));
	}
	l = list_held(NULL);
	EXPECT_EQ(2 + 10 * BY_PAYER, l.n);
	EXPECT_EQ(0, l.wrong);
	EXPECT_EQ(BY_PAYER, held_for(MANY + 1, NULL));
}

/* A refused socket can be bound to something else. */
TEST_F(hold, refusal_changes_nothing)
{
	uint8_t hop[] = { 0, 3, 's', 'v', 'c' };
	struct sockaddr_ockam sa;
	int fd;

	ASSERT_EQ(0, touch_as(ALICE, "svc"));
	fd = ot_socket(0);
	ASSERT_EQ(0, as(BOB));
	EXPECT_EQ(-EADDRINUSE, ot_bind(fd, "svc"));
	EXPECT_EQ(-EADDRINUSE, set_bind(fd, hop, sizeof(hop)));
	EXPECT_EQ(0, ot_getname(fd, &sa));
	EXPECT_EQ(0, sa.sok_nhops);
	EXPECT_EQ(0, ot_bind(fd, "mine"));
	ASSERT_EQ(0, as(0));
	EXPECT_REFUSED(2);
	close(fd);
}

static int die_with_name(void *arg)
{
	if (setresuid(ALICE, ALICE, ALICE) || ot_worker("svc", 0) < 0)
		return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

TEST_F(hold, after_a_kill)
{
	EXPECT_EQ(-1, ot_child(die_with_name, NULL));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_REFUSED(1);
	EXPECT_EQ(0, touch_as(ALICE, "svc"));
}

/* What is bound by option, and longer than a sockaddr. */
TEST_F(hold, of_long_names)
{
	uint8_t hop[2 + OCKAM_ADDR_MAX] = { 0, OCKAM_ADDR_MAX };
	int fd;

	ot_fill(hop + 2, OCKAM_ADDR_MAX, 1);
	ASSERT_EQ(0, as(ALICE));
	fd = ot_socket(0);
	ASSERT_EQ(0, set_bind(fd, hop, sizeof(hop)));
	close(fd);
	ASSERT_EQ(0, as(BOB));
	fd = ot_socket(0);
	EXPECT_EQ(-EADDRINUSE, set_bind(fd, hop, sizeof(hop)));
	/* Another one by its last byte. */
	hop[sizeof(hop) - 1] ^= 1;
	EXPECT_EQ(0, set_bind(fd, hop, sizeof(hop)));
	ASSERT_EQ(0, as(0));
	EXPECT_REFUSED(1);
	close(fd);
}

/* Duplicated and inherited descriptors keep the name; the last one ends it. */
TEST_F(hold, by_the_last_close)
{
	int fd = bind_as(ALICE, "svc");
	int copy = dup(fd);

	ASSERT_LE(0, copy);
	close(fd);
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_REFUSED(0);
	close(copy);
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_REFUSED(1);
}

/* It is of who bound the name, not of who made or closed the socket. */
TEST_F(hold, is_of_who_bound)
{
	int fd = ot_socket(0);

	ASSERT_EQ(0, as(ALICE));
	ASSERT_EQ(0, ot_bind(fd, "svc"));
	ASSERT_EQ(0, as(BOB));
	close(fd);
	ASSERT_EQ(0, as(0));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_EQ(0, touch_as(ALICE, "svc"));
}

TEST_F(hold, ends)
{
	uint32_t ms = 2000;
	uint64_t start;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS, ms));
	start = ot_ms();
	ASSERT_EQ(0, touch_as(ALICE, "svc"));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));
	EXPECT_TRUE(OT_WAIT(touch_as(BOB, "svc") == 0));
	EXPECT_LE(start + ms, ot_ms());
}

TEST_F(hold, can_be_switched_off)
{
	struct ockam_nl_node now = {};

	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
	EXPECT_EQ(120000, now.hold_ms);
	ASSERT_EQ(0, touch_as(ALICE, "old"));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS, 0));
	/* Those that are there end, and there are no new ones. */
	EXPECT_EQ(0, touch_as(BOB, "old"));
	EXPECT_EQ(0, touch_as(ALICE, "new"));
	EXPECT_EQ(0, touch_as(BOB, "new"));
	EXPECT_EQ(0, touch_as(ALICE, "new"));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS, 120000));
	EXPECT_EQ(0, touch_as(BOB, "old"));
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "old"));
	EXPECT_REFUSED(1);
	EXPECT_EQ(-ERANGE, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS,
				  86400001));
	EXPECT_STREQ("hold-ms", ockam_nl_bad_attribute(self->node.nl));
}

TEST_F(hold, does_not_bind_the_administrator)
{
	int fd;

	ASSERT_EQ(0, touch_as(ALICE, "svc"));
	fd = bind_as(0, "svc");
	ASSERT_LE(0, fd);
	EXPECT_REFUSED(0);
	close(fd);
	/* Now it is root's. */
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "svc"));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "svc"));

	/* By this capability and no other. */
	ASSERT_EQ(0, touch_as(ALICE, "svc2"));
	ASSERT_EQ(0, ot_cap_drop(CAP_NET_BIND_SERVICE));
	fd = ot_worker("svc2", 0);
	EXPECT_EQ(-EADDRINUSE, fd);
	EXPECT_REFUSED(3);
}

/* Objects of the administrator take the name, too. */
TEST_F(hold, does_not_bind_netlink)
{
	ASSERT_EQ(0, touch_as(ALICE, "h"));
	EXPECT_EQ(0, lt_hop(&self->node, "h", NULL, OCKAM_ACCEPT_LOCAL));
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "h"));
	EXPECT_REFUSED(0);
}

static int all_caps_elsewhere(void *arg)
{
	if (setresuid(BOB, BOB, BOB))
		return 1;
	if (unshare(CLONE_NEWUSER))
		return 77;
	return ot_worker("svc", 0) == -EADDRINUSE ? 0 : 2;
}

TEST_F(hold, binds_a_container_in_this_node)
{
	int ret;

	ASSERT_EQ(0, touch_as(ALICE, "svc"));
	ret = ot_child(all_caps_elsewhere, NULL);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, ret);
	EXPECT_REFUSED(1);
}

/* In a node of its own it is as in the first one. */
static int node_of_ones_own(void)
{
	if (unshare(CLONE_NEWNET))
		return 77;
	if (touch_as(7, "svc"))
		return 2;
	if (touch_as(8, "svc") != -EADDRINUSE)
		return 3;
	if (touch_as(7, "svc"))
		return 4;
	return touch_as(0, "svc") ? 5 : 0;
}

TEST_F(hold, in_a_container)
{
	int ret = ot_container(node_of_ones_own);

	if (ret == 77)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, ret);
	EXPECT_REFUSED(0);
}

static int touch_many(uid_t uid, const char *name, int n)
{
	char text[64];
	int i, fd, err;

	err = as(uid);
	for (i = 0; i < n && !err; i++) {
		snprintf(text, sizeof(text), "%s%d", name, i);
		fd = ot_worker(text, 0);
		if (fd >= 0)
			close(fd);
		else
			err = fd;
	}
	return as(0) ?: err;
}

static int flood_with_many_uids(void)
{
	char name[32];
	uid_t uid;

	for (uid = 0; uid < 20; uid++) {
		snprintf(name, sizeof(name), "c%u-", uid);
		if (touch_many(uid, name, 50))
			return 2;
	}
	return 0;
}

/* Many uids of a user namespace are one payer. */
TEST_F(hold, is_not_flushed_by_subordinate_uids)
{
	int ret, i, held = 0;
	char name[32];

	ASSERT_EQ(0, touch_many(ALICE, "svc", BY_PAYER));
	ret = ot_container(flood_with_many_uids);
	if (ret == 77)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, ret);
	EXPECT_REFUSED(0);
	for (i = 0; i < BY_PAYER; i++) {
		snprintf(name, sizeof(name), "svc%d", i);
		EXPECT_EQ(-EADDRINUSE, touch_as(BOB, name));
	}
	/* The last 128 names are what is left of 1000. */
	ASSERT_EQ(0, as(BOB));
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "c%d-%d", i / 50, i % 50);
		ret = ot_worker(name, 0);
		EXPECT_EQ(i < 1000 - BY_PAYER, ret >= 0);
		held += ret < 0;
		if (ret >= 0)
			close(ret);
	}
	ASSERT_EQ(0, as(0));
	EXPECT_EQ(BY_PAYER, held);
	EXPECT_REFUSED(2 * BY_PAYER);
}

TEST_F(hold, is_flushed_by_oneself_only)
{
	ASSERT_EQ(0, touch_as(ALICE, "victim"));
	ASSERT_EQ(0, touch_many(BOB, "b", 1000));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "victim"));
	EXPECT_REFUSED(1);
	/* Bob has the last ones, no more. */
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "b999"));
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "b872"));
	EXPECT_EQ(0, touch_as(ALICE, "b871"));
	EXPECT_EQ(0, touch_as(ALICE, "b0"));
	EXPECT_REFUSED(2);
}

/* More users than a node has room for: who has most gives. */
TEST_F(hold, node_limit_is_shared)
{
	struct rlimit many = { 8192, 8192 };
	int fd[40 * BY_PAYER];
	int u, i, n = 0, held = 0;
	char name[32];

	ASSERT_EQ(0, OT_ERR(setrlimit(RLIMIT_NOFILE, &many)));
	ASSERT_EQ(0, touch_as(ALICE, "victim"));
	for (u = 0; u < 40; u++) {
		snprintf(name, sizeof(name), "u%d-", u);
		ASSERT_EQ(0, touch_many(MANY + u, name, BY_PAYER));
	}
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "victim"));
	ASSERT_EQ(0, as(BOB));
	for (u = 0; u < 40; u++) {
		int own = 0;

		for (i = 0; i < BY_PAYER; i++) {
			snprintf(name, sizeof(name), "u%d-%d", u, i);
			fd[n] = ot_worker(name, 0);
			own += fd[n] < 0;
			n += fd[n] >= 0;
		}
		/* A fair share, and the newest one at least. */
		EXPECT_LE(BY_NODE / 41 - 1, own);
		snprintf(name, sizeof(name), "u%d-%d", u, BY_PAYER - 1);
		EXPECT_EQ(-EADDRINUSE, ot_worker(name, 0));
		held += own;
	}
	ASSERT_EQ(0, as(0));
	EXPECT_EQ(BY_NODE - 1, held);
	while (n)
		close(fd[--n]);
}

/* A channel that takes a name over has it, and frees it when it goes. */
TEST_F(hold, not_of_what_a_channel_took)
{
	struct ct_keys k;
	int fd;

	ct_keys(&k);
	fd = bind_as(ALICE, "dec");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_set(fd, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	ASSERT_EQ(0, ct_new(self->node.nl, &k, false, "enc", NULL, fd,
			    "peer"));
	close(fd);
	EXPECT_EQ(-EADDRINUSE, touch_as(ALICE, "dec"));
	EXPECT_EQ(-EADDRINUSE, touch_as(BOB, "dec"));
	EXPECT_REFUSED(0);
	ASSERT_EQ(0, ct_del(self->node.nl, "enc"));
	EXPECT_EQ(0, touch_as(BOB, "dec"));
}

/* ---- races ---- */

#define STORM_NAMES	8

/**
 * struct storm - threads that bind and release the same names
 * @uid: of this thread
 * @seed: its random numbers
 * @rounds: how often it tries
 * @owner: who had each name first, 0: nobody; shared
 */
struct storm {
	uid_t		uid;
	uint64_t	seed;
	int		rounds;
	uid_t		*owner;
};

/* The wins, or -errno: -EBADE if a held name changed hands. */
static long storm(void *arg)
{
	struct storm *s = arg;
	long wins = 0;
	char name[8];
	uid_t first;
	int fd, n;

	/* This thread only. */
	if (syscall(SYS_setresuid, s->uid, s->uid, s->uid))
		return -errno;
	while (s->rounds--) {
		n = ot_below(&s->seed, STORM_NAMES);
		snprintf(name, sizeof(name), "n%d", n);
		fd = ot_worker(name, 0);
		if (fd == -EADDRINUSE)
			continue;
		if (fd < 0)
			return fd;
		first = 0;
		if (!__atomic_compare_exchange_n(&s->owner[n], &first, s->uid,
						 false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST) &&
		    first != s->uid)
			return -EBADE;
		wins++;
		close(fd);
	}
	return wins;
}

TEST_F(hold, storms)
{
	uint64_t seed = ot_seed(_metadata);
	uid_t owner[STORM_NAMES] = {};
	struct storm s[4];
	struct ot_task t[4];
	long wins = 0, n;
	int i;

	for (i = 0; i < 4; i++) {
		s[i] = (struct storm){
			.uid = i % 2 ? ALICE : BOB,
			.seed = ot_rand(&seed) | 1,
			.rounds = 400,
			.owner = owner,
		};
		ASSERT_EQ(0, ot_task_start(&t[i], storm, &s[i]));
	}
	for (i = 0; i < 4; i++) {
		n = ot_task_end(&t[i]);
		EXPECT_LE(0, n);
		wins += n;
	}
	EXPECT_LT(0, wins);
	EXPECT_LT(0, lt_stat(&self->node, OCKAM_STAT_BINDS_HELD));
}

/* While the administrator changes settings and takes names himself. */
TEST_F(hold, storms_and_settings)
{
	static const uint32_t ms[] = { 0, 1, 5, 120000 };
	uint64_t seed = ot_seed(_metadata);
	struct storm s[2];
	struct ot_task t[2];
	uid_t owner[2][STORM_NAMES] = {};
	char name[8];
	long n;
	int i;

	for (i = 0; i < 2; i++) {
		s[i] = (struct storm){
			.uid = i % 2 ? ALICE : BOB,
			.seed = ot_rand(&seed) | 1,
			.rounds = 400,
			.owner = owner[i],
		};
		ASSERT_EQ(0, ot_task_start(&t[i], storm, &s[i]));
	}
	while (!ot_task_done(&t[0]) || !ot_task_done(&t[1])) {
		ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS,
				    ms[ot_below(&seed, 4)]));
		snprintf(name, sizeof(name), "n%d",
			 ot_below(&seed, STORM_NAMES));
		if (ot_below(&seed, 2)) {
			/* seteuid() would change the threads, too. */
			n = ot_worker(name, 0);
			if (n >= 0)
				n = close(n);
		} else {
			struct ockam_nl_hop hop = {};

			n = lt_hop(&self->node, name, NULL,
				   OCKAM_ACCEPT_LOCAL);
			lt_key(&hop.address, name);
			ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
			if (!n)
				n = ockam_nl_hop_del(self->node.nl, &hop);
		}
		ASSERT_TRUE(n == 0 || n == -EADDRINUSE);
	}
	for (i = 0; i < 2; i++)
		EXPECT_LE(0, ot_task_end(&t[i]));
}

static int leave_holds(void *arg)
{
	if (unshare(CLONE_NEWNET))
		return 1;
	return touch_many(ALICE, "a", 200) || touch_many(BOB, "b", 50) ||
	       touch_as(ALICE, "b49") != -EADDRINUSE;
}

/* Namespaces end with holds in them. */
TEST_F(hold, ends_with_the_node)
{
	int i;

	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, ot_child(leave_holds, NULL));
}

/* ---- reserved names ---- */

static int reserve(struct ockam_nl *nl, const void *list, size_t len)
{
	struct ockam_nl_node set = {};

	set.reserved.len = len;
	memcpy(set.reserved.data, list, len);
	ockam_nl_mark(&set, OCKAM_A_NODE_RESERVED);
	return ockam_nl_node_set(nl, &set);
}

#define RESERVE(text)	reserve(self->node.nl, text, sizeof(text) - 1)

static bool reserves(struct ockam_nl *nl, const void *list, size_t len)
{
	struct ockam_nl_node now = {};

	return !ockam_nl_node_get(nl, &now) &&
	       ockam_nl_has(&now, OCKAM_A_NODE_RESERVED) &&
	       now.reserved.len == len && !memcmp(now.reserved.data, list, len);
}

#define RESERVES(text)	reserves(self->node.nl, text, sizeof(text) - 1)

#define DEFAULTS	"\0\6ockamd" "\0\22ockamd.credentials" "\0\3api" \
			"\0\22forwarding_service" \
			"\0\31static_forwarding_service"

FIXTURE(reserved) {
	struct lt_node node;
};

FIXTURE_SETUP(reserved)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
}

FIXTURE_TEARDOWN(reserved)
{
	lt_node_free(&self->node);
}

TEST_F(reserved, list_is_replaced)
{
	EXPECT_TRUE(RESERVES(DEFAULTS));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "api"));
	EXPECT_EQ(0, touch_as(ALICE, "svc"));

	ASSERT_EQ(0, RESERVE("\0\3svc" "\0\1x"));
	EXPECT_TRUE(RESERVES("\0\3svc" "\0\1x"));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "svc"));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "x"));
	EXPECT_EQ(0, touch_as(ALICE, "sv"));
	EXPECT_EQ(0, touch_as(ALICE, "svcx"));
	EXPECT_EQ(0, touch_as(ALICE, "api"));
	EXPECT_EQ(0, touch_as(ALICE, "ockamd"));
	EXPECT_EQ(0, touch_as(0, "svc"));
}

TEST_F(reserved, may_be_none)
{
	ASSERT_EQ(0, RESERVE(""));
	EXPECT_TRUE(RESERVES(""));
	EXPECT_EQ(0, touch_as(ALICE, "ockamd"));
	EXPECT_EQ(0, touch_as(ALICE, "api"));
}

/* A list that is absent stays; other settings do not touch it. */
TEST_F(reserved, stays)
{
	ASSERT_EQ(0, RESERVE("\0\3svc"));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS, 1000));
	EXPECT_TRUE(RESERVES("\0\3svc"));
}

TEST_F(reserved, wrong_lists)
{
	uint8_t many[OCKAM_ROUTE_MAX + 300];
	int i, n;

#define WRONG(err, text) do {						\
	EXPECT_EQ(err, RESERVE(text));					\
	EXPECT_STREQ("reserved",					\
		     ockam_nl_bad_attribute(self->node.nl));		\
} while (0)
	WRONG(-EINVAL, "\0");
	WRONG(-EINVAL, "\0\0");
	WRONG(-EINVAL, "\0\4abc");
	WRONG(-EINVAL, "\0\3abc\0");
	WRONG(-EINVAL, "\0\3abc\0\2x");
	WRONG(-EINVAL, "\1\3abc");
	WRONG(-EINVAL, "\0\3abc\2\1x");
#undef WRONG
	/* 64 names are allowed, 65 not. */
	for (i = n = 0; i < 65; i++) {
		many[n++] = 0;
		many[n++] = 2;
		many[n++] = 'n';
		many[n++] = '0' + i;
	}
	EXPECT_EQ(-EMSGSIZE, reserve(self->node.nl, many, n));
	EXPECT_STREQ("reserved", ockam_nl_bad_attribute(self->node.nl));
	EXPECT_TRUE(RESERVES(DEFAULTS));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "api"));
	EXPECT_EQ(0, touch_as(ALICE, "abc"));

	EXPECT_EQ(0, reserve(self->node.nl, many, n - 4));
	EXPECT_TRUE(reserves(self->node.nl, many, n - 4));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "n0"));
	/* 4096 bytes: as many as a list may have. */
	for (i = n = 0; i < 15; i++, n += 257) {
		memset(many + n, 'a' + i, 257);
		many[n] = 0;
		many[n + 1] = 255;
	}
	many[n] = 0;
	many[n + 1] = OCKAM_ROUTE_MAX - n - 2;
	memset(many + n + 2, 'z', OCKAM_ROUTE_MAX - n - 2);
	EXPECT_EQ(0, reserve(self->node.nl, many, OCKAM_ROUTE_MAX));
	EXPECT_TRUE(reserves(self->node.nl, many, OCKAM_ROUTE_MAX));
}

TEST_F(reserved, more_bytes_than_allowed)
{
	struct ot_nl nl;
	uint8_t many[OCKAM_ROUTE_MAX + 1] = {};
	struct nlmsghdr *h;
	int n;

	for (n = 0; n + 257 <= (int)sizeof(many); n += 257)
		many[n + 1] = 255;
	many[n + 1] = sizeof(many) - n - 2;
	ASSERT_EQ(0, ot_nl_open(&nl));
	h = ot_nl_req(&nl, OCKAM_CMD_NODE_SET);
	mnl_attr_put(h, OCKAM_A_NODE_RESERVED, sizeof(many), many);
	EXPECT_EQ(-EMSGSIZE, ot_nl_talk(&nl, NULL, NULL));
	EXPECT_STREQ("too many names to reserve", nl.why);
	EXPECT_TRUE(RESERVES(DEFAULTS));
	ot_nl_close(&nl);
}

TEST_F(reserved, is_for_administrators_to_change)
{
	ASSERT_EQ(0, as(ALICE));
	EXPECT_EQ(-EPERM, RESERVE(""));
	EXPECT_EQ(-EPERM, lt_set(&self->node, OCKAM_A_NODE_HOLD_MS, 0));
	/* Anybody may see it. */
	EXPECT_TRUE(RESERVES(DEFAULTS));
	ASSERT_EQ(0, as(0));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "api"));
}

TEST_F(reserved, per_node)
{
	struct lt_node other;

	ASSERT_EQ(0, RESERVE("\0\3svc"));
	ASSERT_EQ(0, lt_node_new(&other));
	EXPECT_TRUE(reserves(other.nl, DEFAULTS, sizeof(DEFAULTS) - 1));
	EXPECT_EQ(0, touch_as(ALICE, "svc"));
	ASSERT_EQ(0, lt_enter(&self->node));
	EXPECT_EQ(-EACCES, touch_as(ALICE, "svc"));
	lt_node_free(&other);
}

/* The list changes while names are looked up in it. */
TEST_F(reserved, storm)
{
	uint64_t seed = ot_seed(_metadata);
	uid_t owner[STORM_NAMES] = {};
	struct storm s = {
		.uid = ALICE,
		.seed = ot_rand(&seed) | 1,
		.rounds = 400,
		.owner = owner,
	};
	struct ot_task t;

	ASSERT_EQ(0, ot_task_start(&t, storm, &s));
	while (!ot_task_done(&t))
		ASSERT_EQ(0, ot_below(&seed, 2) ? RESERVE("\0\4n123" "\0\1n") :
						  RESERVE(DEFAULTS));
	EXPECT_LT(0, ot_task_end(&t));
}

TEST_HARNESS_MAIN
