// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Policy programs: they only narrow.  Whatever a program returns, wherever it
 * is attached, and however it is replaced and taken away, nothing is delivered
 * that the scope does not allow, and nothing is changed.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "bpf_test.h"

#define PASS	OCKAM_POLICY_PASS
#define CTX	((uint32_t)sizeof(struct ockam_policy_ctx))

FIXTURE(policy)
{
	struct lt_node node;
	struct ockam_nl *ev;
	int w;
	int s;
};

FIXTURE_SETUP(policy)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, ockam_nl_open(&self->ev));
	ASSERT_EQ(0, ockam_nl_subscribe(self->ev, "policy"));
	self->w = lt_worker("w", 0);
	self->s = ot_worker("s", 0);
	ASSERT_LE(0, self->w);
	ASSERT_LE(0, self->s);
}

FIXTURE_TEARDOWN(policy)
{
	close(self->w);
	close(self->s);
	ockam_nl_close(self->ev);
	lt_node_free(&self->node);
}

/* ---- requests ---- */

OT int new_at_worker(const struct lt_node *node, const char *worker, int prog,
		     bool replace)
{
	struct ockam_nl_policy p = { .fd = prog };
	int err;

	lt_key(&p.worker, worker);
	ockam_nl_mark(&p, OCKAM_A_POLICY_WORKER);
	ockam_nl_mark(&p, OCKAM_A_POLICY_FD);
	if (replace)
		ockam_nl_mark(&p, OCKAM_A_POLICY_REPLACE);
	err = ockam_nl_policy_new(node->nl, &p);
	return err ?: (int)p.id;
}

OT int get(const struct lt_node *node, uint32_t id, struct ockam_nl_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->id = id;
	ockam_nl_mark(p, OCKAM_A_POLICY_ID);
	return ockam_nl_policy_get(node->nl, p);
}

OT int del(const struct lt_node *node, uint32_t id)
{
	struct ockam_nl_policy p = { .id = id };

	ockam_nl_mark(&p, OCKAM_A_POLICY_ID);
	return ockam_nl_policy_del(node->nl, &p);
}

OT unsigned int count(const struct lt_node *node,
		      const struct ockam_nl_policy *filter)
{
	unsigned int n = 0;

	if (ockam_nl_dump(node->nl, OCKAM_NL_POLICY, filter, lt_count_one, &n))
		return ~0U;
	return n;
}

static int own(int fd, int prog)
{
	return ot_set(fd, SOL_OCKAM, OCKAM_POLICY, prog);
}

struct event {
	uint32_t	id;
	bool		gone;
};

static int take_event(const struct ockam_nl_event *ev, void *arg)
{
	const struct ockam_nl_policy *p = ev->object;
	struct event *e = arg;

	if (ev->kind != OCKAM_NL_POLICY)
		return 0;
	e->id = p->id;
	e->gone = ev->gone;
	return 0;
}

/* The next event: the id, negative when it is gone. */
static int event(struct ockam_nl *nl)
{
	struct event e = {};

	if (ot_poll(ockam_nl_fd(nl), POLLIN, ot_limit(10000)) <= 0 ||
	    ockam_nl_events(nl, take_event, &e))
		return 0;
	return e.gone ? -(int)e.id : (int)e.id;
}

/* ---- what a program returns ---- */

TEST_F(policy, verdicts)
{
	static const int32_t refuse[] = {
		0, 1, 2, -1, -2, PASS - 1, PASS + 1, PASS | 0x10000,
		-PASS, INT32_MIN, INT32_MAX, 5, CTX, CTX + 5, ~PASS,
	};
	struct ockam_nl_node before = {};
	struct ockam_nl_policy p;
	int map, prog, id;
	size_t i;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	id = new_at_worker(&self->node, "w", prog, false);
	ASSERT_LT(0, id) {
		TH_LOG("%s", ockam_nl_error(self->node.nl));
	}
	for (i = 0; i < sizeof(refuse) / sizeof(refuse[0]); i++) {
		LT_MARK(&self->node, &before);
		ASSERT_EQ(0, bt_answer(map, refuse[i]));
		EXPECT_EQ(-EACCES, ot_say(self->s, "w", "hello")) {
			TH_LOG("verdict %d", refuse[i]);
		}
		EXPECT_TRUE(ot_empty(self->w));
		EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);

		LT_MARK(&self->node, &before);
		ASSERT_EQ(0, bt_answer(map, PASS));
		EXPECT_EQ(5, ot_say(self->s, "w", "hello"));
		EXPECT_TRUE(ot_hears(self->w, "hello"));
		EXPECT_NO_DROPS(&self->node, &before);
	}
	ASSERT_EQ(0, get(&self->node, id, &p));
	EXPECT_EQ(2 * i, p.runs);
	EXPECT_EQ(i, p.drops);
	EXPECT_EQ(2 * i, bt_seen(map).runs);
	close(prog);
	close(map);
}

/* Loads beyond the message end the program with 0, and show nothing of ours. */
TEST_F(policy, loads_outside)
{
	static const int outside[] = {
		INT32_MAX, 65536, CTX + 5, CTX + 2, -1, -4, -0x100000 - 4,
		-0x100000 + CTX + 2, -0x100000 + 0xfffff,
		/* SKF_LL_OFF, SKF_AD_OFF without meaning, far out */
		-0x200000, -0x200000 + 64, -0x1000 - 1, INT32_MIN,
	};
	struct ockam_nl_node before = {};
	size_t i;
	int fd;

	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct bpf_insn insn[] = {
			BI_MOV(6, 1),
			BI_ABS(outside[i]),
			BI_SET(0, PASS),
			BI_EXIT(),
		};

		fd = bt_load(insn);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, own(self->w, fd));
		close(fd);
		LT_MARK(&self->node, &before);
		EXPECT_EQ(-EACCES, ot_say(self->s, "w", "hello")) {
			TH_LOG("offset %d", outside[i]);
		}
		EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	}
	/* The network header is where the message begins, not the kernel's. */
	for (i = 0; i < CTX + 4; i += 4) {
		struct bpf_insn insn[] = {
			BI_MOV(6, 1),
			BI_ABS((int)i),
			BI_MOV(7, 0),
			BI_ABS(-0x100000 + (int)i),
			BI_IF_NER(0, 7, 2),
			BI_SET(0, PASS),
			BI_EXIT(),
			BI_SET(0, 0),
			BI_EXIT(),
		};

		fd = bt_load(insn);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, own(self->w, fd));
		close(fd);
		EXPECT_EQ(5, ot_say(self->s, "w", "hello"));
		EXPECT_TRUE(ot_hears(self->w, "hello"));
	}
	EXPECT_TRUE(ot_empty(self->w));
}

/* Whatever it writes where it may write, the message does not change. */
TEST_F(policy, changes_nothing)
{
	struct bpf_insn insn[] = {
		BI_SET(2, 0x41414141),
		BI_STORE(1, 2, offsetof(struct __sk_buff, cb[0])),
		BI_STORE(1, 2, offsetof(struct __sk_buff, cb[4])),
		BI_SET(0, PASS),
		BI_EXIT(),
	};
	uint8_t buf[6000], got[6000];
	struct ot_in in;
	int fd;

	fd = bt_load(insn);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, own(self->w, fd));
	ot_fill(buf, sizeof(buf), 7);
	ASSERT_EQ(sizeof(buf), ot_send(self->s, "w", buf, sizeof(buf), 0));
	memset(&in, 0, sizeof(in));
	ASSERT_EQ(sizeof(buf), ot_recvx(self->w, &in, got, sizeof(got), 0));
	EXPECT_TRUE(ot_filled(got, sizeof(got), 7));
	EXPECT_TRUE(ot_is(&in.from, "s"));
	close(fd);
}

/* A tail call into an array that was emptied goes on behind it. */
TEST_F(policy, emptied_map)
{
	int array = bt_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1);
	int pass = bt_verdict(PASS);
	struct bpf_insn insn[] = {
		BI_MAP(2, array),
		BI_SET(3, 0),
		BI_CALL(BPF_FUNC_tail_call),
		BI_SET(0, 0),
		BI_EXIT(),
	};
	int fd = bt_load(insn);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bt_map_set(array, 0, &pass));
	ASSERT_EQ(0, own(self->w, fd));
	EXPECT_EQ(5, ot_say(self->s, "w", "hello"));
	EXPECT_TRUE(ot_hears(self->w, "hello"));
	/* The last descriptor of such a map empties it. */
	close(array);
	close(pass);
	close(fd);
	/* Read, or the worker would be full in the end. */
	EXPECT_TRUE(OT_WAIT(ot_say(self->s, "w", "again") == -EACCES ||
			    (ot_hears(self->w, "again"), false)));
	EXPECT_EQ(-EACCES, ot_say(self->s, "w", "again"));
	EXPECT_TRUE(ot_empty(self->w));
}

/* ---- what it is told ---- */

TEST_F(policy, told_at_worker)
{
	struct ot_route onward = ot_route("w", "next", "and", NULL);
	struct bt_probe p;
	int map, prog;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, own(self->w, prog));
	ASSERT_EQ(5, ot_sendx(self->s, ot_out(.to = &onward), "hello", 5));
	p = bt_seen(map);
	EXPECT_EQ(CTX, p.ctx.size);
	EXPECT_EQ(OCKAM_POLICY_AT_WORKER, p.ctx.place);
	EXPECT_EQ(OCKAM_POLICY_IN, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, p.ctx.origin);
	EXPECT_EQ(0, p.ctx.peer_flags);
	EXPECT_EQ(0, p.ctx.nchannels);
	EXPECT_EQ(0, p.ctx.flags);
	EXPECT_EQ(0, p.ctx.object);
	EXPECT_EQ(0, p.ctx.link);
	EXPECT_EQ(0, p.ctx.channel);
	EXPECT_EQ(getuid(), p.ctx.uid);
	EXPECT_EQ(getgid(), p.ctx.gid);
	EXPECT_EQ(5, p.ctx.len);
	EXPECT_EQ(5, p.ctx.shown);
	EXPECT_EQ(6 + 5, p.ctx.onward_len);
	EXPECT_EQ(2, p.ctx.onward_hops);
	EXPECT_EQ(3, p.ctx.return_len);
	EXPECT_EQ(1, p.ctx.return_hops);
	EXPECT_EQ(CTX + 5, p.skb_len);
	EXPECT_EQ(0, memcmp(p.front, "hell", 4));
	EXPECT_TRUE(ot_hears(self->w, "hello"));

	/* A return route of a program's making. */
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_FORWARDED));
	onward = ot_route("w", NULL);
	ASSERT_EQ(0, ot_sendx(self->s, ot_out(.to = &onward,
			      .ret = &onward), "", 0));
	p = bt_seen(map);
	EXPECT_EQ(OCKAM_PEER_FORWARDED, p.ctx.peer_flags);
	EXPECT_EQ(0, p.ctx.onward_hops);
	EXPECT_EQ(0, p.ctx.len);
	EXPECT_EQ(CTX, p.skb_len);
	EXPECT_NE(0, p.front_err);
	close(prog);
	close(map);
}

static int attach_as_user(void *arg)
{
	int *fd = arg;
	int w, s;

	if (ot_unroot())
		return 1;
	w = ot_worker("mine", 0);
	s = ot_worker(NULL, 0);
	if (w < 0 || s < 0)
		return 2;
	if (ot_say(s, "mine", "x") != 1 || !ot_hears(w, "x"))
		return 3;
	if (own(w, fd[0]))
		return 4;
	if (ot_say(s, "mine", "x") != -EACCES || !ot_empty(w))
		return 5;
	if (own(w, fd[1]))
		return 6;
	if (ot_say(s, "mine", "x") != 1 || !ot_hears(w, "x"))
		return 7;
	if (ot_get(w, SOL_OCKAM, OCKAM_POLICY) <= 0)
		return 8;
	if (own(w, -1) || own(w, -1) != -ENOENT)
		return 9;
	return 0;
}

/* Loading is bpf()'s business; a program that is there any owner may use. */
TEST_F(policy, owner_without_rights)
{
	int fd[2] = { bt_verdict(0), bt_verdict(PASS) };

	ASSERT_LE(0, fd[0]);
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(0, ot_child(attach_as_user, fd));
	close(fd[0]);
	close(fd[1]);
}

/* ---- refusals of requests ---- */

static int as_user(void *arg)
{
	struct ockam_nl_policy p = { .id = 1 };
	struct lt_node node = {};
	int prog = *(int *)arg;

	if (ot_unroot() || ockam_nl_open(&node.nl))
		return 1;
	if (new_at_worker(&node, "w", prog, true) != -EPERM)
		return 2;
	if (get(&node, 1, &p) != -EPERM)
		return 3;
	if (del(&node, 1) != -EPERM)
		return 4;
	if (count(&node, NULL) != ~0U)
		return 5;
	if (ockam_nl_subscribe(node.nl, "policy") != -EPERM)
		return 6;
	return 0;
}

TEST_F(policy, bad_requests)
{
	struct bpf_insn insn[] = { BI_SET(0, PASS), BI_EXIT() };
	const struct lt_node *node = &self->node;
	struct ockam_nl_policy p = {};
	int prog, other, null, id;

	prog = bt_load(insn);
	other = bt_load_as(BPF_PROG_TYPE_SCHED_CLS, insn, 2);
	null = open("/dev/null", O_RDONLY);
	ASSERT_LE(0, prog);
	ASSERT_LE(0, null);

	/* The owner's. */
	EXPECT_EQ(-EINVAL, own(self->w, null));
	EXPECT_EQ(-EBADF, own(self->w, 999));
	EXPECT_EQ(-EBADF, own(self->w, -2));
	EXPECT_EQ(-EINVAL, own(self->w, self->s));
	if (other >= 0) {
		EXPECT_EQ(-EINVAL, own(self->w, other));
	}
	EXPECT_EQ(-ENOENT, own(self->w, -1));
	EXPECT_EQ(-EINVAL, OT_ERR(setsockopt(self->w, SOL_OCKAM, OCKAM_POLICY,
					     &prog, 2)));
	EXPECT_EQ(0, ot_get(self->w, SOL_OCKAM, OCKAM_POLICY));

	/* Netlink's. */
	EXPECT_EQ(-EINVAL, new_at_worker(node, "w", null, false));
	EXPECT_STREQ("fd", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-EBADF, new_at_worker(node, "w", 999, false));
	EXPECT_STREQ("fd", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-ENOENT, new_at_worker(node, "nobody", prog, false));
	EXPECT_STREQ("worker", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-ENOENT, lt_policy(node, OCKAM_A_POLICY_LINK, 7, prog));
	EXPECT_STREQ("link", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-ENOENT, lt_policy(node, OCKAM_A_POLICY_CHANNEL, 7, prog));
	EXPECT_STREQ("channel", ockam_nl_bad_attribute(node->nl));
	/* Nowhere, at two places, without a program, not an address. */
	p.fd = prog;
	ockam_nl_mark(&p, OCKAM_A_POLICY_FD);
	EXPECT_EQ(-EINVAL, ockam_nl_policy_new(node->nl, &p));
	EXPECT_STREQ("worker", ockam_nl_bad_attribute(node->nl));
	p.present = 0;
	lt_key(&p.worker, "w");
	p.link = 1;
	ockam_nl_mark(&p, OCKAM_A_POLICY_FD);
	ockam_nl_mark(&p, OCKAM_A_POLICY_WORKER);
	ockam_nl_mark(&p, OCKAM_A_POLICY_LINK);
	EXPECT_EQ(-EINVAL, ockam_nl_policy_new(node->nl, &p));
	p.present = 0;
	ockam_nl_mark(&p, OCKAM_A_POLICY_WORKER);
	EXPECT_EQ(-EINVAL, ockam_nl_policy_new(node->nl, &p));
	EXPECT_STREQ("fd", ockam_nl_bad_attribute(node->nl));
	ockam_nl_mark(&p, OCKAM_A_POLICY_FD);
	p.fd = prog;
	p.worker.len--;
	EXPECT_EQ(-EINVAL, ockam_nl_policy_new(node->nl, &p));
	EXPECT_STREQ("worker", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-ENOENT, get(node, 7, &p));
	EXPECT_EQ(-ENOENT, del(node, 7));
	EXPECT_EQ(0, count(node, NULL));

	/* A second one, and who may take the first one's place. */
	id = new_at_worker(node, "w", prog, false);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EEXIST, new_at_worker(node, "w", prog, false));
	EXPECT_STREQ("worker", ockam_nl_bad_attribute(node->nl));
	EXPECT_EQ(-EPERM, own(self->w, prog));
	EXPECT_EQ(-EPERM, own(self->w, -1));
	EXPECT_EQ(1, count(node, NULL));
	EXPECT_EQ(0, ot_child(as_user, &prog));
	EXPECT_EQ(0, get(node, id, &p));
	EXPECT_FALSE(ockam_nl_has(&p, OCKAM_A_POLICY_OWN));
	EXPECT_EQ(0, del(node, id));
	EXPECT_EQ(-ENOENT, del(node, id));
	EXPECT_EQ(0, own(self->w, prog));
	EXPECT_EQ(-EEXIST, new_at_worker(node, "w", prog, false));
	id = new_at_worker(node, "w", prog, true);
	EXPECT_LT(0, id);
	EXPECT_EQ(-EPERM, own(self->w, -1));
	close(prog);
	close(other);
	close(null);
}

/* Objects, filters, events; the last reference frees the program. */
TEST_F(policy, objects)
{
	const struct lt_node *node = &self->node;
	struct ockam_nl_policy p = {}, filter = {};
	int prog, first, second;
	uint32_t program;

	prog = bt_verdict(PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, own(self->w, prog));
	first = event(self->ev);
	EXPECT_LT(0, first);
	ASSERT_EQ(0, get(node, first, &p));
	EXPECT_TRUE(ockam_nl_has(&p, OCKAM_A_POLICY_OWN));
	EXPECT_TRUE(ockam_nl_has(&p, OCKAM_A_POLICY_TAG));
	EXPECT_EQ(p.program, ot_get(self->w, SOL_OCKAM, OCKAM_POLICY));
	program = p.program;

	second = new_at_worker(node, "s", prog, false);
	ASSERT_LT(0, second);
	EXPECT_EQ(second, event(self->ev));
	EXPECT_NE(first, second);
	EXPECT_EQ(2, count(node, NULL));
	lt_key(&filter.worker, "s");
	ockam_nl_mark(&filter, OCKAM_A_POLICY_WORKER);
	EXPECT_EQ(1, count(node, &filter));
	filter.present = 0;
	filter.link = 1;
	ockam_nl_mark(&filter, OCKAM_A_POLICY_LINK);
	EXPECT_EQ(0, count(node, &filter));

	close(prog);
	EXPECT_TRUE(bt_prog_lives(program));
	/* With its worker, and by hand. */
	close(self->w);
	EXPECT_EQ(-first, event(self->ev));
	EXPECT_EQ(1, count(node, NULL));
	EXPECT_TRUE(bt_prog_lives(program));
	ASSERT_EQ(0, del(node, second));
	EXPECT_EQ(-second, event(self->ev));
	EXPECT_EQ(0, count(node, NULL));
	EXPECT_TRUE(OT_WAIT(!bt_prog_lives(program)));
	self->w = lt_worker("w", 0);
}

/* ---- links ---- */

/* The scope comes first: a program that passes all opens nothing. */
TEST_F(policy, scope_comes_first)
{
	struct ockam_nl_node before = {};
	struct lt_wire wire;
	int map, prog;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, lt_wire(&self->node, &wire, lt_conf(.name = "L")));
	ASSERT_EQ(0, own(self->w, prog));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(wire.peer, "w", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_EQ(0, bt_seen(map).runs);
	EXPECT_TRUE(ot_empty(self->w));

	/* Nor does taking it away. */
	ASSERT_EQ(0, own(self->w, -1));
	ASSERT_TRUE(lt_tell(wire.peer, "w", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_SCOPE_WORKER, 2);
	EXPECT_TRUE(ot_empty(self->w));

	/* Where the scope allows it, the program decides. */
	ASSERT_EQ(0, own(self->w, prog));
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_LINKS));
	ASSERT_TRUE(lt_tell(wire.peer, "w", "x", 1));
	ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
	EXPECT_TRUE(ot_hears(self->w, "x"));
	EXPECT_EQ(OCKAM_ORIGIN_LINK, bt_seen(map).ctx.origin);
	EXPECT_EQ(wire.link, bt_seen(map).ctx.link);
	EXPECT_EQ(~0U, bt_seen(map).ctx.uid);
	ASSERT_EQ(0, bt_answer(map, 0));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(wire.peer, "w", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	EXPECT_TRUE(ot_empty(self->w));
	close(wire.peer);
	close(prog);
	close(map);
}

TEST_F(policy, at_link)
{
	struct ot_route out = ot_route("L", "far", NULL);
	struct ot_route transit = ot_route("L", "far", "away", NULL);
	struct ot_route ret = ot_route("app", NULL);
	struct ockam_nl_node before = {};
	struct lt_wire wire, second;
	struct ockam_nl_link link;
	struct lt_buf b = {};
	struct bt_probe p;
	int map, prog, id;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, lt_wire(&self->node, &wire, lt_conf(.name = "L")));
	ASSERT_EQ(0, lt_wire(&self->node, &second, lt_conf(.name = "M")));
	id = lt_policy(&self->node, OCKAM_A_POLICY_LINK, wire.link, prog);
	ASSERT_LT(0, id);

	/* In. */
	ASSERT_TRUE(lt_tell(wire.peer, "w", "hello", 5));
	ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
	EXPECT_TRUE(ot_hears(self->w, "hello"));
	p = bt_seen(map);
	EXPECT_EQ(1, p.runs);
	EXPECT_EQ(OCKAM_POLICY_AT_LINK, p.ctx.place);
	EXPECT_EQ(OCKAM_POLICY_IN, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_LINK, p.ctx.origin);
	EXPECT_EQ(wire.link, p.ctx.link);
	EXPECT_EQ(wire.link, p.ctx.object);
	EXPECT_EQ(1, p.ctx.onward_hops);
	EXPECT_EQ(3, p.ctx.onward_len);
	EXPECT_EQ(5, p.ctx.len);
	EXPECT_EQ(0, memcmp(p.front, "hell", 4));

	/* Out. */
	ASSERT_EQ(5, ot_sendx(self->s, ot_out(.to = &out), "hello", 5));
	p = bt_seen(map);
	EXPECT_EQ(2, p.runs);
	EXPECT_EQ(OCKAM_POLICY_OUT, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, p.ctx.origin);
	EXPECT_EQ(0, p.ctx.link);
	EXPECT_EQ(wire.link, p.ctx.object);
	EXPECT_EQ(1, p.ctx.onward_hops);
	EXPECT_EQ(5, p.ctx.onward_len);
	EXPECT_EQ(0, p.ctx.flags);
	out = ot_route("far", NULL);
	ret = ot_route("s", NULL);
	lt_put_frame(&b, &out, &ret, "hello", 5);
	EXPECT_TRUE(lt_hears(_metadata, wire.peer, b.data, b.len));
	lt_buf_free(&b);

	/* Through. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_FORWARD,
			    1 << OCKAM_FORWARD_LINK_LINK));
	ret = ot_route("app", NULL);
	lt_put_frame(&b, &transit, &ret, "hello", 5);
	ASSERT_TRUE(lt_write(second.peer, b.data, b.len));
	EXPECT_TRUE(OT_WAIT(bt_seen(map).runs == 3));
	p = bt_seen(map);
	EXPECT_EQ(OCKAM_POLICY_TRANSIT, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_LINK, p.ctx.origin);
	EXPECT_EQ(second.link, p.ctx.link);
	EXPECT_EQ(wire.link, p.ctx.object);
	EXPECT_EQ(2, p.ctx.onward_hops);
	EXPECT_EQ(2, p.ctx.return_hops);
	ASSERT_EQ(0, lt_get(&self->node, wire.link, &link));
	EXPECT_EQ(2, link.tx_msgs);

	/* All three refused: nothing on the wire, nothing delivered. */
	ASSERT_EQ(0, bt_answer(map, 0));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_write(second.peer, b.data, b.len));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	out = ot_route("L", "far", NULL);
	EXPECT_EQ(-EACCES, ot_sendx(self->s, ot_out(.to = &out), "hello", 5));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 2);
	ASSERT_TRUE(lt_tell(wire.peer, "w", "hello", 5));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 3);
	EXPECT_TRUE(ot_empty(self->w));
	ASSERT_EQ(0, lt_get(&self->node, wire.link, &link));
	EXPECT_EQ(2, link.tx_msgs);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, link.state);

	/* Gone with its link; the other one is as before. */
	ASSERT_EQ(0, lt_del(&self->node, wire.link));
	EXPECT_EQ(0, count(&self->node, NULL));
	EXPECT_EQ(-ENOENT, del(&self->node, id));
	lt_buf_free(&b);
	close(wire.peer);
	close(second.peer);
	close(prog);
	close(map);
}

/* What a listening link accepts is looked at by the same program. */
TEST_F(policy, accepted_links)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_policy filter = {};
	struct ockam_nl_node before = {};
	struct lt_children c;
	int door, peer, prog;

	prog = bt_verdict(0);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_LINKS));
	door = lt_listen(&self->node, &at, lt_conf());
	ASSERT_LT(0, door);
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_LINK, door, prog));
	close(prog);
	peer = lt_tcp_connect(&at);
	ASSERT_LE(0, peer);
	ASSERT_TRUE(lt_greet(peer));
	LT_MARK(&self->node, &before);
	ASSERT_TRUE(lt_tell(peer, "w", "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	EXPECT_TRUE(ot_empty(self->w));
	EXPECT_EQ(2, count(&self->node, NULL));
	ASSERT_EQ(1, lt_children(&self->node, door, &c));
	filter.link = c.id[0];
	ockam_nl_mark(&filter, OCKAM_A_POLICY_LINK);
	EXPECT_EQ(1, count(&self->node, &filter));
	ASSERT_EQ(0, lt_del(&self->node, door));
	EXPECT_EQ(0, count(&self->node, NULL));
	close(peer);
}

/* Messages of many parts are shown whole, and arrive as they were. */
TEST_F(policy, large)
{
	static uint8_t buf[1 << 20], got[1 << 20];
	static const uint32_t lens[] = {
		0, 1, 4000, 17400, 17408, 17409, 40000, 300000, 1 << 20
	};
	struct lt_wire wire;
	struct bt_probe p;
	int map, prog;
	size_t i;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, own(self->w, prog));
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, lt_wire(&self->node, &wire, lt_conf(.name = "L")));
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_LINK, wire.link, prog));
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint32_t len = lens[i];

		ot_fill(buf, len, i);
		p = bt_seen(map);
		p.at = len < 4 ? CTX + len : CTX + len - 4;
		p.runs = 0;
		ASSERT_EQ(0, bt_map_set(map, 0, &p));
		ASSERT_TRUE(lt_tell(wire.peer, "w", buf, len));
		ASSERT_EQ(len, ot_recv(self->w, got, sizeof(got), 0));
		EXPECT_TRUE(ot_filled(got, len, i));
		p = bt_seen(map);
		EXPECT_EQ(2, p.runs);
		EXPECT_EQ(len, p.ctx.len);
		EXPECT_EQ(len, p.ctx.shown);
		EXPECT_EQ(CTX + len, p.skb_len);
		if (len >= 4) {
			EXPECT_EQ(0, p.there_err);
			EXPECT_EQ(0, memcmp(p.there, buf + len - 4, 4));
		} else {
			EXPECT_NE(0, p.there_err);
		}
		/* And from here. */
		ASSERT_EQ(len, ot_send(self->s, "w", buf, len, 0));
		ASSERT_EQ(len, ot_recv(self->w, got, sizeof(got), 0));
		EXPECT_TRUE(ot_filled(got, len, i));
	}
	close(wire.peer);
	close(prog);
	close(map);
}

/* ---- channels ---- */

/*
 * Channel 1 from here by link "up", and channel 2 inside it; their other ends
 * are in this node as well.
 */
static int tunnel(struct __test_metadata *_metadata,
		  const struct lt_node *node)
{
	struct ct_keys k1, k2;
	char back[64], to[160];

	if (ct_loop(node, "up", back))
		return -1;
	ct_keys(&k1);
	ct_keys(&k2);
	snprintf(to, sizeof(to), "%s>d1", back);
	return ct_new(node->nl, &k1, true, "E1", "d1", -1, "up>D1") ?:
	       ct_new(node->nl, &k1, false, "F1", "D1", -1, to) ?:
	       ct_new(node->nl, &k2, true, "E2", "d2", -1, "E1>D2") ?:
	       ct_new(node->nl, &k2, false, "F2", "D2", -1, "F1>d2") ?:
	       lt_set(node, OCKAM_A_NODE_FORWARD, 0xf);
}

static uint32_t channel_id(const struct lt_node *node, const char *enc)
{
	struct ockam_nl_channel ch;

	return ct_get(node->nl, enc, &ch) ? 0 : ch.id;
}

static uint64_t sent_by(const struct lt_node *node, const char *enc)
{
	struct ockam_nl_channel ch;

	return ct_get(node->nl, enc, &ch) ? LT_NEVER : ch.tx_msgs;
}

TEST_F(policy, at_channel)
{
	struct ot_route to = ot_route("E1", "w", NULL);
	struct ockam_nl_node before = {};
	uint8_t id[OCKAM_IDENTIFIER_LEN];
	int map, map2, enc, dec, i;
	struct bt_probe p;
	uint32_t ch;

	enc = bt_probe(&map, PASS);
	dec = bt_probe(&map2, PASS);
	ASSERT_LE(0, enc);
	ASSERT_LE(0, dec);
	ASSERT_EQ(0, tunnel(_metadata, &self->node)) {
		TH_LOG("%s", ockam_nl_error(self->node.nl));
	}
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_CHANNELS));
	ch = channel_id(&self->node, "E1");
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL, ch, enc));
	ch = channel_id(&self->node, "F1");
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL, ch, dec));

	ASSERT_EQ(5, ot_sendx(self->s, ot_out(.to = &to), "hello", 5));
	ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
	EXPECT_TRUE(ot_hears(self->w, "hello"));
	p = bt_seen(map);
	EXPECT_EQ(1, p.runs);
	EXPECT_EQ(OCKAM_POLICY_AT_CHANNEL, p.ctx.place);
	EXPECT_EQ(OCKAM_POLICY_OUT, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_LOCAL, p.ctx.origin);
	EXPECT_EQ(channel_id(&self->node, "E1"), p.ctx.object);
	EXPECT_EQ(1, p.ctx.onward_hops);
	EXPECT_EQ(1, p.ctx.return_hops);
	EXPECT_EQ(5, p.ctx.shown);
	EXPECT_EQ(0, memcmp(p.front, "hell", 4));
	p = bt_seen(map2);
	EXPECT_EQ(1, p.runs);
	EXPECT_EQ(OCKAM_POLICY_IN, p.ctx.direction);
	EXPECT_EQ(OCKAM_ORIGIN_CHANNEL, p.ctx.origin);
	EXPECT_EQ(1, p.ctx.nchannels);
	EXPECT_EQ(ch, p.ctx.object);
	EXPECT_EQ(ch, p.ctx.channel);
	memset(id, 0x11, sizeof(id));
	EXPECT_EQ(0, memcmp(p.ctx.identifier, id, sizeof(id)));
	EXPECT_EQ(0, memcmp(p.front, "hell", 4));

	/* Refused on its way in: no nonce is taken. */
	ASSERT_EQ(0, bt_answer(map, 1));
	LT_MARK(&self->node, &before);
	for (i = 1; i <= 100; i++)
		EXPECT_EQ(-EACCES, ot_sendx(self->s, ot_out(.to = &to), "x",
					    1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 100);
	EXPECT_EQ(1, sent_by(&self->node, "E1"));
	/* On its way out: it is gone, and the channel goes on. */
	ASSERT_EQ(0, bt_answer(map, PASS));
	ASSERT_EQ(0, bt_answer(map2, 0));
	LT_MARK(&self->node, &before);
	EXPECT_EQ(1, ot_sendx(self->s, ot_out(.to = &to), "x", 1));
	EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 1);
	EXPECT_TRUE(ot_empty(self->w));
	ASSERT_EQ(0, bt_answer(map2, PASS));
	EXPECT_EQ(1, ot_sendx(self->s, ot_out(.to = &to), "y", 1));
	ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
	EXPECT_TRUE(ot_hears(self->w, "y"));
	EXPECT_EQ(3, sent_by(&self->node, "E1"));

	ASSERT_EQ(0, ct_del(self->node.nl, "E2"));
	ASSERT_EQ(0, ct_del(self->node.nl, "F2"));
	ASSERT_EQ(2, count(&self->node, NULL));
	ASSERT_EQ(0, ct_del(self->node.nl, "F1"));
	EXPECT_EQ(1, count(&self->node, NULL));
	ASSERT_EQ(0, ct_del(self->node.nl, "E1"));
	EXPECT_EQ(0, count(&self->node, NULL));
	close(enc);
	close(dec);
	close(map);
	close(map2);
}

/*
 * Behind an encryptor, programs see that there is a message and not what is in
 * it, and say no before the inner channel has taken a nonce.
 */
TEST_F(policy, sealed)
{
	struct ot_route to = ot_route("E2", "w", NULL);
	struct ockam_nl_node before = {};
	struct ockam_nl_link link = {};
	int map[2], prog[2], i, n;
	struct bt_probe p;

	for (i = 0; i < 2; i++) {
		prog[i] = bt_probe(&map[i], PASS);
		ASSERT_LE(0, prog[i]);
	}
	ASSERT_EQ(0, tunnel(_metadata, &self->node)) {
		TH_LOG("%s", ockam_nl_error(self->node.nl));
	}
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_CHANNELS));
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_CHANNEL,
			    channel_id(&self->node, "E1"), prog[0]));
	lt_key(&link.name, "up");
	ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
	ASSERT_EQ(0, ockam_nl_link_get(self->node.nl, &link));
	ASSERT_LT(0, lt_policy(&self->node, OCKAM_A_POLICY_LINK, link.id,
			    prog[1]));

	ASSERT_EQ(5, ot_sendx(self->s, ot_out(.to = &to), "hello", 5));
	ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
	EXPECT_TRUE(ot_hears(self->w, "hello"));
	for (i = 0; i < 2; i++) {
		p = bt_seen(map[i]);
		EXPECT_EQ(1, p.runs);
		EXPECT_EQ(OCKAM_POLICY_OUT, p.ctx.direction);
		EXPECT_EQ(OCKAM_POLICY_SEALED, p.ctx.flags);
		EXPECT_EQ(5, p.ctx.len);
		EXPECT_EQ(0, p.ctx.shown);
		EXPECT_EQ(CTX, p.skb_len);
		EXPECT_NE(0, p.front_err);
		EXPECT_EQ(1, p.ctx.onward_hops);
		EXPECT_EQ(0, p.ctx.return_hops);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, bt_answer(map[i], 0));
		LT_MARK(&self->node, &before);
		/* More than Ockam's own channels could lose. */
		for (n = 0; n < 40; n++)
			EXPECT_EQ(-EACCES, ot_sendx(self->s, ot_out(.to = &to),
						    "x", 1));
		EXPECT_DROPS(&self->node, &before, OCKAM_DROP_POLICY, 40);
		EXPECT_EQ(1 + i, sent_by(&self->node, "E2"));
		EXPECT_EQ(1 + i, sent_by(&self->node, "E1"));
		ASSERT_EQ(0, bt_answer(map[i], PASS));
		EXPECT_EQ(1, ot_sendx(self->s, ot_out(.to = &to), "y", 1));
		ASSERT_EQ(POLLIN, ot_poll(self->w, POLLIN, ot_limit(10000)));
		EXPECT_TRUE(ot_hears(self->w, "y"));
	}
	for (i = 0; i < 2; i++) {
		close(prog[i]);
		close(map[i]);
	}
}

/* ---- waiting, and races ---- */

/* What has to wait for room is asked about when there is room. */
TEST_F(policy, asked_once)
{
	static uint8_t buf[4096];
	uint32_t sent = 0, got = 0;
	int map, prog, n;
	struct lt_wire wire;

	prog = bt_probe(&map, PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, own(self->w, prog));
	ASSERT_EQ(0, ot_accept(self->w, OCKAM_ACCEPT_LINKS));
	ASSERT_EQ(0, lt_wire(&self->node, &wire, lt_conf(.name = "L")));
	while (ot_send(self->s, "w", buf, sizeof(buf), MSG_DONTWAIT) > 0)
		sent++;
	ASSERT_LT(0, sent);
	for (n = 0; n < 50; n++)
		EXPECT_EQ(-EAGAIN, ot_send(self->s, "w", buf, sizeof(buf),
					   MSG_DONTWAIT));
	EXPECT_EQ(sent, bt_seen(map).runs);
	/* These are parked. */
	for (n = 0; n < 20; n++, sent++)
		ASSERT_TRUE(lt_tell(wire.peer, "w", buf, sizeof(buf)));
	EXPECT_TRUE(OT_WAIT(lt_stat(&self->node, OCKAM_STAT_PARKED) >= 20));
	EXPECT_EQ(sent - 20, bt_seen(map).runs);
	while (got < sent && ot_recv(self->w, buf, sizeof(buf), 0) > 0)
		got++;
	EXPECT_EQ(sent, got);
	EXPECT_EQ(sent, bt_seen(map).runs);
	close(wire.peer);
	close(prog);
	close(map);
}

struct storm {
	int			fd;
	int			prog[2];
	int			stop;
	uint64_t		seed;
	uint64_t		n[2];	/* passed, refused */
	const char		*to;
};

/* Replaces programs, by the socket and by netlink. */
static long swap(void *arg)
{
	struct storm *st = arg;
	struct lt_node node = {};
	long n = 0;
	int id;

	if (ockam_nl_open(&node.nl))
		return -1;
	while (!__atomic_load_n(&st->stop, __ATOMIC_SEQ_CST)) {
		switch (ot_below(&st->seed, 5)) {
		case 0:
			own(st->fd, st->prog[0]);
			break;
		case 1:
			own(st->fd, st->prog[1]);
			break;
		case 2:
			own(st->fd, -1);
			break;
		default:
			id = new_at_worker(&node, "w", st->prog[n & 1], true);
			if (id > 0 && ot_below(&st->seed, 2))
				del(&node, id);
			break;
		}
		n++;
	}
	ockam_nl_close(node.nl);
	return n;
}

static long shoot(void *arg)
{
	struct storm *st = arg;
	int fd = ot_worker(NULL, 0);
	long n = 1;

	while (!__atomic_load_n(&st->stop, __ATOMIC_SEQ_CST)) {
		n = ot_send(fd, "w", "x", 1, 0);
		if (n == 1)
			st->n[0]++;
		else if (n == -EACCES)
			st->n[1]++;
		else
			break;
	}
	close(fd);
	return n == 1 || n == -EACCES ? 0 : n;
}

TEST_F(policy, replaced_under_traffic)
{
	struct storm swapper[2], sender[2];
	struct ot_task ts[2], tw[2];
	uint64_t end, got = 0, drops;
	uint64_t seed = ot_seed(_metadata);
	int prog[2], i;
	char c;

	prog[0] = bt_verdict(PASS);
	prog[1] = bt_verdict(-1);
	ASSERT_LE(0, prog[0]);
	ASSERT_LE(0, prog[1]);
	for (i = 0; i < 2; i++) {
		sender[i] = (struct storm){ .to = "w" };
		swapper[i] = (struct storm){
			.fd = self->w, .prog = { prog[0], prog[1] },
			.seed = seed + i,
		};
		ASSERT_EQ(0, ot_task_start(&tw[i], swap, &swapper[i]));
		ASSERT_EQ(0, ot_task_start(&ts[i], shoot, &sender[i]));
	}
	for (end = ot_ms() + 3000; ot_ms() < end;)
		if (ot_recv(self->w, &c, 1, MSG_DONTWAIT) == 1)
			got++;
	for (i = 0; i < 2; i++)
		__atomic_store_n(&sender[i].stop, 1, __ATOMIC_SEQ_CST);
	while (!ot_task_done(&ts[0]) || !ot_task_done(&ts[1]))
		if (ot_recv(self->w, &c, 1, MSG_DONTWAIT) == 1)
			got++;
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&swapper[i].stop, 1, __ATOMIC_SEQ_CST);
		EXPECT_EQ(0, ot_task_end(&ts[i]));
		EXPECT_LT(0, ot_task_end(&tw[i]));
	}
	while (ot_recv(self->w, &c, 1, MSG_DONTWAIT) == 1)
		got++;
	drops = lt_drop(&self->node, OCKAM_DROP_POLICY);
	EXPECT_EQ(sender[0].n[0] + sender[1].n[0], got);
	EXPECT_EQ(sender[0].n[1] + sender[1].n[1], drops);
	EXPECT_EQ(drops, lt_drops(&self->node));
	EXPECT_LT(0, got);
	EXPECT_LT(0, drops);
	TH_LOG("%llu passed, %llu refused, %ld and %ld changes",
	       (unsigned long long)got, (unsigned long long)drops,
	       tw[0].result, tw[1].result);
	close(prog[0]);
	close(prog[1]);
}

static long flood(void *arg)
{
	struct storm *st = arg;
	uint8_t buf[4096] = {};

	while (!__atomic_load_n(&st->stop, __ATOMIC_SEQ_CST))
		ot_send(st->fd, st->to, buf, ot_below(&st->seed, sizeof(buf)),
			MSG_DONTWAIT);
	return 0;
}

/* Workers with programs come and go while others send to them. */
TEST_F(policy, ends_under_traffic)
{
	uint64_t seed = ot_seed(_metadata);
	int i, w, id, prog, n = ot_debug() ? 75 : 300;
	struct ockam_nl_policy p;
	struct ot_task t[2];
	struct storm st[2];
	uint32_t program;

	prog = bt_verdict(PASS);
	ASSERT_LE(0, prog);
	id = new_at_worker(&self->node, "w", prog, false);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, get(&self->node, id, &p));
	program = p.program;
	ASSERT_EQ(0, del(&self->node, id));
	for (i = 0; i < 2; i++) {
		st[i] = (struct storm){
			.fd = ot_worker(NULL, 0), .to = "t", .seed = seed + i,
		};
		ASSERT_EQ(0, ot_task_start(&t[i], flood, &st[i]));
	}
	for (i = 0; i < n; i++) {
		w = ot_worker("t", 0);
		ASSERT_LE(0, w);
		if (i & 1) {
			ASSERT_EQ(0, own(w, prog));
		} else {
			ASSERT_LT(0, new_at_worker(&self->node, "t", prog,
						   false));
		}
		usleep(ot_below(&seed, 2000));
		close(w);
		EXPECT_EQ(0, count(&self->node, NULL));
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&st[i].stop, 1, __ATOMIC_SEQ_CST);
		EXPECT_EQ(0, ot_task_end(&t[i]));
		close(st[i].fd);
	}
	close(prog);
	EXPECT_TRUE(OT_WAIT(!bt_prog_lives(program)));
	EXPECT_EQ(0, lt_drop(&self->node, OCKAM_DROP_POLICY));
}

TEST_HARNESS_MAIN
