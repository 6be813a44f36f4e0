// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What strangers, slow readers and peers that read nothing can make a node hold:
 * its sum has a bound, and those who do nothing wrong go on.
 */
#include <sched.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define MIB		(1024 * 1024)
#define KIB(n)		((unsigned long long)(n) / 1024)
#define STRANGERS	200
#define CHUNK		4096

/* In MiB; what is free, or would be. */
static long available(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib / 1024;
}

static int more_files(void)
{
	struct rlimit r = { 4096, 4096 };

	return OT_ERR(setrlimit(RLIMIT_NOFILE, &r));
}

FIXTURE(memory) {
	struct lt_node node;
	struct lt_wire honest;
	struct sockaddr_storage at;
	struct lt_buf frame;
	int door;
	int slow;
	int fast;
	int fd[STRANGERS];
	size_t sent[STRANGERS];
};

FIXTURE_SETUP(memory)
{
	int i;

	ASSERT_EQ(0, more_files());
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, lt_small_buffers());
	self->at = lt_addr("127.0.0.1", 0);
	self->door = lt_listen(&self->node, &self->at, lt_conf(0));
	ASSERT_LT(0, self->door);
	self->slow = lt_worker("slow", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->slow);
	self->fast = lt_worker("fast", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, self->fast);
	for (i = 0; i < STRANGERS; i++)
		self->fd[i] = -1;
}

FIXTURE_TEARDOWN(memory)
{
	int i;

	for (i = 0; i < STRANGERS; i++)
		if (self->fd[i] >= 0)
			close(self->fd[i]);
	close(self->slow);
	close(self->fast);
	lt_buf_free(&self->frame);
	lt_node_free(&self->node);
}

static void make_frame(struct lt_buf *b, const char *to, size_t len)
{
	struct ot_route onward = ot_route(to, NULL);
	struct ot_route ret = ot_route("app", NULL);
	char *payload = calloc(1, len);

	b->len = 0;
	lt_put_frame(b, &onward, &ret, payload, len);
	free(payload);
}

/* What TCP takes of frames in a row, of which @sent bytes went before. */
static size_t feed(int fd, const struct lt_buf *frame, size_t sent)
{
	size_t at = sent % frame->len;
	ssize_t n = send(fd, frame->data + at, frame->len - at,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	return n > 0 ? n : 0;
}

/*
 * Strangers send to a worker that reads nothing for as long as anything is
 * taken, while an honest link's messages arrive all the time.
 */
TEST_F_TIMEOUT(memory, strangers, 400)
{
	long before, least, now;
	unsigned int calm = 0, honest = 0;
	struct ockam_nl_node node = {};
	struct lt_buf one = {};
	int i;
	char c;

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	make_frame(&one, "slow", 64);
	/* Many frames at a time. */
	for (i = 0; i < 64; i++)
		lt_put(&self->frame, one.data, one.len);
	lt_buf_free(&one);
	for (i = 0; i < STRANGERS; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));

	before = least = available();
	while (calm < 20) {
		size_t moved = 0;

		for (i = 0; i < STRANGERS; i++) {
			size_t n = feed(self->fd[i], &self->frame,
					self->sent[i]);

			self->sent[i] += n;
			moved += n;
		}
		if (!moved)
			usleep(50000);
		calm = moved ? 0 : calm + 1;
		ASSERT_TRUE(lt_tell(self->honest.peer, "fast", "f", 1));
		ASSERT_EQ(1, ot_recv(self->fast, &c, 1, 0));
		honest++;
		now = available();
		least = now < least ? now : least;
		/* Before the machine has none left. */
		ASSERT_GT(250, before - now) TH_LOG("%ld MiB", before - now);
	}
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &node));
	TH_LOG("%d links took %ld MiB, %u honest messages", STRANGERS,
	       before - least, honest);
	TH_LOG("limit %llu KiB, in links %llu KiB, in queues %llu KiB; machine %llu KiB, %llu KiB, %llu KiB",
	       KIB(node.mem_limit), KIB(node.mem_links), KIB(node.mem_queues),
	       KIB(node.machine_limit), KIB(node.machine_links),
	       KIB(node.machine_queues));
	EXPECT_GE(node.mem_limit * 5 / 4 + MIB, node.mem_links);
	/* The limit of 1 GiB is 64 MiB; the rest is TCP's, and the test's. */
	EXPECT_GT(140, before - least);

	/* What was taken comes, and makes room for the rest. */
	for (i = 0; i < 2000; i++) {
		char buf[64];

		ASSERT_EQ(64, ot_recv(self->slow, buf, sizeof(buf), 0));
	}
	EXPECT_EQ(0, lt_drops(&self->node));
}

static uint64_t held(const struct lt_node *node)
{
	struct ockam_nl_node now = {};

	return ockam_nl_node_get(node->nl, &now) ? LT_NEVER : now.mem_links;
}

/*
 * Peers that take two kilobytes every second of the megabytes that wait for them:
 * TCP sees progress, and the node has no memory left.
 */
#define TRICKLING	40

TEST_F_TIMEOUT(memory, peers_that_trickle, 400)
{
	static char big[MIB], buf[2000];
	struct lt_children c;
	struct ot_route to;
	unsigned int i, n;
	char name[64];
	int fd, room = 4096;
	bool came = false;
	char one;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 2000));
	for (i = 0; i < TRICKLING; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		/* What TCP keeps is not the node's. */
		setsockopt(self->fd[i], SOL_SOCKET, SO_RCVBUF, &room,
			   sizeof(room));
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	ASSERT_TRUE(OT_WAIT(lt_children(&self->node, self->door, &c) ==
			    TRICKLING));
	fd = lt_worker("asked", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, fd);
	for (i = 0; i < TRICKLING; i++) {
		ASSERT_TRUE(lt_is_up(&self->node, c.id[i]));
		ASSERT_EQ(0, lt_name(&self->node, c.id[i], name));
		to = ot_route(name, "x", NULL);
		ASSERT_EQ((ssize_t)sizeof(big),
			  ot_sendx(fd, ot_out(.to = &to, .flags = MSG_DONTWAIT),
				   big, sizeof(big)));
	}
	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MEM_LIMIT, 2 * MIB));
	ASSERT_LT(2 * MIB * 5 / 4, (long)held(&self->node));
	ASSERT_TRUE(lt_tell(self->honest.peer, "fast", "f", 1));
	for (n = 0; n < 60 && !came; n++) {
		for (i = 0; i < TRICKLING; i++)
			recv(self->fd[i], buf, sizeof(buf), MSG_DONTWAIT);
		sleep(1);
		came = ot_recv(self->fast, &one, 1, MSG_DONTWAIT) == 1;
	}
	TH_LOG("an honest message came after %u s", n);
	EXPECT_TRUE(came);
	EXPECT_GT(10, n);
	EXPECT_LT(0, lt_stat(&self->node, OCKAM_STAT_GAVE_WAY));
	close(fd);
}

/* Who comes when there is none left takes the place of who has been silent. */
TEST_F_TIMEOUT(memory, newcomers_when_there_is_none, 400)
{
	unsigned int i, k, n = 60;
	struct lt_children c;
	int fd;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	ASSERT_EQ(0, ot_set(self->slow, SOL_SOCKET, SO_RCVBUF, 4096));
	make_frame(&self->frame, "slow", 10000);
	for (i = 0; i < n; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
		for (k = 0; k < 6; k++)
			ASSERT_TRUE(lt_write(self->fd[i], self->frame.data,
					     self->frame.len));
	}
	ASSERT_TRUE(OT_WAIT(held(&self->node) > 3 * MIB));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MEM_LIMIT, 2 * MIB));
	usleep(1500000);
	for (i = 0; i < 5; i++) {
		fd = lt_tcp_connect(&self->at);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(lt_greet(fd));
		close(fd);
		ASSERT_LT(2 * MIB * 5 / 4, (long)held(&self->node));
	}
	EXPECT_LT(0, lt_stat(&self->node, OCKAM_STAT_ACCEPTS_DISPLACED));
	/* In their place, not beside them. */
	EXPECT_GE(n, lt_children(&self->node, self->door, &c));
}

/* Less than they take: a message of each beyond the limit, and no more. */
TEST_F_TIMEOUT(memory, strangers_at_the_limit, 400)
{
	uint64_t most = 0, limit = 2 * MIB;
	unsigned int calm = 0;
	int i;
	char c;

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	make_frame(&self->frame, "slow", 64);
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 3600000));
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MEM_LIMIT, limit));
	EXPECT_EQ(-ERANGE, lt_set(&self->node, OCKAM_A_NODE_MEM_LIMIT,
				  MIB - 1));
	for (i = 0; i < STRANGERS; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	while (calm < 20) {
		size_t moved = 0;
		uint64_t now;

		for (i = 0; i < STRANGERS; i++) {
			size_t n = feed(self->fd[i], &self->frame,
					self->sent[i]);

			self->sent[i] += n;
			moved += n;
		}
		calm = moved ? 0 : calm + 1;
		ASSERT_TRUE(lt_tell(self->honest.peer, "fast", "f", 1));
		ASSERT_EQ(1, ot_recv(self->fast, &c, 1, 0));
		now = held(&self->node);
		most = now > most ? now : most;
	}
	TH_LOG("%llu KiB at most", KIB(most));
	EXPECT_GT(limit * 5 / 4 + MIB / 4, most);
	EXPECT_LT(limit, most);
	EXPECT_LT(0, lt_stat(&self->node, OCKAM_STAT_MEM_LIMIT));
	for (i = 0; i < 1000; i++) {
		char buf[64];

		ASSERT_EQ(64, ot_recv(self->slow, buf, sizeof(buf), 0));
	}
	EXPECT_EQ(0, lt_drops(&self->node));
	for (i = 0; i < STRANGERS; i++) {
		close(self->fd[i]);
		self->fd[i] = -1;
	}
	/* What is left is what slow has not read, and not on that account. */
	for (calm = 0; calm < 100 && held(&self->node); calm++) {
		while (ot_recv(self->slow, &c, 1, MSG_DONTWAIT) >= 0)
			calm = 0;
		usleep(20000);
	}
	EXPECT_EQ(0, held(&self->node));
}

/* Beginnings of frames take all there is; those that stop there give way. */
TEST_F_TIMEOUT(memory, beginnings, 400)
{
	uint64_t limit = 2 * MIB, start;
	int i;
	char c;

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	/* Not a large one. */
	make_frame(&self->frame, "slow", 17300);
	for (i = 0; i < STRANGERS; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MEM_LIMIT, limit));
	for (i = 0; i < STRANGERS; i++)
		ASSERT_TRUE(lt_write(self->fd[i], self->frame.data,
				     self->frame.len - 1));
	EXPECT_TRUE(OT_WAIT(held(&self->node) > limit));
	usleep(200000);
	EXPECT_GT(limit * 5 / 4 + MIB / 4, held(&self->node));
	start = ot_ms();
	ASSERT_TRUE(lt_tell(self->honest.peer, "fast", "f", 1));
	ASSERT_EQ(1, ot_recv(self->fast, &c, 1, 0));
	TH_LOG("a message after %llu ms, %llu links gave way",
	       (unsigned long long)(ot_ms() - start),
	       (unsigned long long)lt_stat(&self->node, OCKAM_STAT_GAVE_WAY));
	EXPECT_GT(4000, ot_ms() - start);
	EXPECT_LT(0, lt_stat(&self->node, OCKAM_STAT_GAVE_WAY));
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node,
						self->honest.link));
}

static uint64_t tell_takes(struct __test_metadata *_metadata,
			   struct _test_data_memory *self, size_t len)
{
	uint64_t start = ot_ms();
	char *buf = malloc(len);

	make_frame(&self->frame, "fast", len);
	EXPECT_TRUE(lt_write(self->honest.peer, self->frame.data,
			     self->frame.len));
	EXPECT_EQ(len, ot_recv(self->fast, buf, len, 0));
	free(buf);
	return ot_ms() - start;
}

/*
 * Frames that stop one byte before their end, more than there is room for, do
 * not keep others from sending large ones.
 */
TEST_F_TIMEOUT(memory, unfinished_frames, 400)
{
	struct timeval tv = { .tv_sec = 120 };
	uint64_t ms;
	int i, n = 80;

	setsockopt(self->fast, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	setsockopt(self->honest.peer, SOL_SOCKET, SO_SNDTIMEO, &tv,
		   sizeof(tv));
	make_frame(&self->frame, "slow", MIB);
	for (i = 0; i < n; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	for (;;) {
		size_t moved = 0;

		for (i = 0; i < n; i++) {
			size_t left = self->frame.len - 1 - self->sent[i];
			ssize_t k = send(self->fd[i],
					 self->frame.data + self->sent[i],
					 left, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (!left || k <= 0)
				continue;
			self->sent[i] += k;
			moved += k;
		}
		if (!moved)
			break;
		usleep(10000);
	}
	ms = tell_takes(_metadata, self, 100000);
	TH_LOG("100 kB beside %d unfinished frames: %llu ms", n,
	       (unsigned long long)ms);
	EXPECT_GT(1000, ms);
	ms = tell_takes(_metadata, self, MIB);
	TH_LOG("1 MiB: %llu ms", (unsigned long long)ms);
	EXPECT_GT(8000, ms);
	/* Its own link is not to blame. */
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node,
						self->honest.link));
	EXPECT_EQ(0, lt_drops(&self->node));
}

/*
 * A worker that takes a message now and then stops the link for stall-ms, once;
 * then others have it for themselves.
 */
TEST_F_TIMEOUT(memory, slow_reader, 400)
{
	struct lt_buf slow = {}, fast = {};
	size_t slow_sent = 0, fast_sent = 0;
	uint64_t start, next, got = 0, early = 0;
	int turn = 0;

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "peer")));
	ASSERT_EQ(0, ot_set(self->slow, SOL_SOCKET, SO_RCVBUF, 4096));
	make_frame(&slow, "slow", CHUNK);
	make_frame(&fast, "fast", 16);
	start = next = ot_ms();
	while (ot_ms() - start < 40000) {
		const struct lt_buf *b = turn ? &fast : &slow;
		size_t *sent = turn ? &fast_sent : &slow_sent;
		char buf[CHUNK];
		size_t n = feed(self->honest.peer, b, *sent);

		*sent += n;
		if (n && !(*sent % b->len))
			turn = (turn + 1) % 8;
		while (ot_recv(self->fast, buf, sizeof(buf),
			       MSG_DONTWAIT) > 0)
			got++;
		if (ot_ms() - start < 20000)
			early = got;
		if (ot_ms() >= next) {
			ot_recv(self->slow, buf, sizeof(buf), MSG_DONTWAIT);
			next += 5000;
		}
		if (!n)
			usleep(2000);
		else if (got > 100000)
			break;
	}
	TH_LOG("%llu messages for others, %llu of them in the first 20 s",
	       (unsigned long long)got, (unsigned long long)early);
	EXPECT_LT(10000, got);
	lt_buf_free(&slow);
	lt_buf_free(&fast);
}

/* A peer that reads nothing does not keep a worker from answering others. */
TEST_F(memory, peer_that_reads_nothing)
{
	struct ot_route to = ot_route("mute", "x", NULL);
	struct ot_route other = ot_route("honest", "x", NULL);
	struct ockam_nl_node node = {};
	char buf[CHUNK] = {}, got[CHUNK];
	unsigned int i, n = 0, calm = 0;
	struct lt_wire mute;
	int app;

	ASSERT_EQ(0, lt_wire(&self->node, &mute, lt_conf(.name = "mute")));
	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	app = lt_worker("app", 0);
	ASSERT_LE(0, app);
	while (calm < 5) {
		if (ot_sendx(app, ot_out(.to = &to, .flags = MSG_DONTWAIT),
			     buf, sizeof(buf)) == sizeof(buf)) {
			n++;
			calm = 0;
		} else {
			usleep(100000);
			calm++;
		}
	}
	TH_LOG("%u messages for who reads nothing", n);
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(sizeof(buf), ot_sendx(app, ot_out(.to = &other,
				.flags = MSG_DONTWAIT), buf, sizeof(buf)));
		ASSERT_TRUE(lt_read(self->honest.peer, got, sizeof(got)));
	}
	/* What waits for it is the node's to count. */
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &node));
	EXPECT_LT(200 * 1024, node.mem_links);
	EXPECT_GT(MIB, node.mem_links);
	close(mute.peer);
	EXPECT_TRUE(OT_WAIT(held(&self->node) == 0));
	close(app);
}

/*
 * A worker that answers, and waits until that is gone, is asked by strangers
 * who never read, and by one who reads a little now and then.
 */
#define MUTE	6

static long answer_all(void *arg)
{
	static char buf[CHUNK];
	struct ot_in in = {};
	int fd = *(int *)arg;
	long given_up = 0;
	ssize_t n;

	while ((n = ot_recvx(fd, &in, buf, sizeof(buf), 0)) > 0)
		given_up += ot_sendx(fd, ot_out(.name = &in.from), buf, n) ==
			    -ETIMEDOUT;
	return given_up;
}

/* They ask as fast as they can; the first reads some bytes each time. */
static void keep_asking(struct _test_data_memory *self)
{
	char buf[300];
	int i;

	for (i = 0; i < MUTE; i++)
		self->sent[i] += feed(self->fd[i], &self->frame,
				      self->sent[i]);
	recv(self->fd[0], buf, sizeof(buf), MSG_DONTWAIT);
}

TEST_F_TIMEOUT(memory, strangers_are_not_waited_for, 400)
{
	struct lt_buf one = {};
	uint64_t start;
	struct ot_task t;
	char buf[256];
	int i, fd;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 4000));
	fd = lt_worker("echoer", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	make_frame(&self->frame, "echoer", CHUNK - 96);
	make_frame(&one, "echoer", 1);
	for (i = 0; i < MUTE; i++) {
		self->fd[i] = lt_tcp_connect(&self->at);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_TRUE(lt_greet(self->fd[i]));
	}
	ASSERT_EQ(0, ot_task_start(&t, answer_all, &fd));
	/* Until the worker waits for one of them. */
	for (i = 0; i < 2000 && !ot_task_in(&t, SYS_sendmsg); i++) {
		keep_asking(self);
		usleep(2000);
	}
	ASSERT_GT(2000, i);
	start = ot_ms();
	for (i = 0; i < 20 && ot_ms() - start < 60000; i++) {
		ASSERT_TRUE(lt_write(self->honest.peer, one.data, one.len));
		while (ot_ms() - start < 60000 &&
		       !ot_poll(self->honest.peer, POLLIN, 50))
			keep_asking(self);
		recv(self->honest.peer, buf, sizeof(buf), MSG_DONTWAIT);
	}
	TH_LOG("%d answers in %llu ms", i,
	       (unsigned long long)(ot_ms() - start));
	EXPECT_EQ(20, i);
	EXPECT_GT(8000, ot_ms() - start);
	EXPECT_EQ(MUTE + 2U, lt_links(&self->node));
	shutdown(fd, SHUT_RDWR);
	EXPECT_LT(0, ot_task_end(&t));
	close(fd);
	lt_buf_free(&one);
}

/* Who has said how long he waits does, and a link that was made is waited for. */
static long answer_one(void *arg)
{
	struct sockaddr_ockam *to = arg;
	static char buf[CHUNK];
	int fd = ot_worker(NULL, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = ot_sendx(fd, ot_out(.name = to), buf, sizeof(buf));
	} while (n > 0);
	close(fd);
	return n;
}

TEST_F_TIMEOUT(memory, who_is_waited_for, 400)
{
	struct sockaddr_ockam to;
	struct lt_wire w;
	struct ot_task t;
	struct ot_route r;
	uint64_t start;

	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_STALL_MS, 2000));
	ASSERT_EQ(0, lt_wire_accept(&self->node, &w, "127.0.0.1", lt_conf()));
	ASSERT_EQ(0, lt_wire_up(&self->node, &w));
	r = ot_route(w.name, "x", NULL);
	to = ot_sa(&r);
	start = ot_ms();
	EXPECT_EQ(-ETIMEDOUT, answer_one(&to));
	EXPECT_LE(1000, ot_ms() - start);
	EXPECT_GT(2500, ot_ms() - start);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&self->node, w.link));
	close(w.peer);

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "made", .reconnect_min_ms = -1)));
	r = ot_route("made", "x", NULL);
	to = ot_sa(&r);
	start = ot_ms();
	ASSERT_EQ(0, ot_task_start(&t, answer_one, &to));
	usleep(6000000);
	EXPECT_FALSE(ot_task_done(&t));
	ASSERT_EQ(0, lt_del(&self->node, self->honest.link));
	EXPECT_EQ(-EHOSTUNREACH, ot_task_end(&t));
}

/* What a channel takes over from a socket is not in a worker's queue any more. */
TEST_F(memory, taken_over)
{
	struct ockam_nl_node node = {};
	struct ct_keys keys;
	uint8_t junk[1000] = {};
	unsigned int i;
	int hs;

	ASSERT_EQ(0, lt_wire(&self->node, &self->honest,
			     lt_conf(.name = "honest")));
	hs = lt_worker("hs", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, hs);
	ASSERT_EQ(0, ot_set(hs, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	/* Far ahead, each by itself: it takes a while until they are refused. */
	for (i = 0; i < 100; i++) {
		junk[6] = (i + 1) * 600 >> 8;
		junk[7] = (i + 1) * 600;
		ASSERT_TRUE(lt_tell(self->honest.peer, "hs", junk,
				    sizeof(junk)));
	}
	ASSERT_TRUE(OT_WAIT(!ockam_nl_node_get(self->node.nl, &node) &&
			    node.mem_queues > 100 * sizeof(junk)));
	ct_keys(&keys);
	ASSERT_EQ(0, ct_new(self->node.nl, &keys, false, "E", NULL, hs,
			    "honest>D"));
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &node));
	EXPECT_EQ(0, node.mem_queues);
	EXPECT_LT(0, node.mem_links);
	ASSERT_EQ(0, ct_del(self->node.nl, "E"));
	EXPECT_TRUE(OT_WAIT(!held(&self->node)));
	close(hs);
}

/*
 * A hop that is replaced in a loop, by a thread that lets no grace period end: what
 * it replaces is freed all the same.
 */
TEST_F(memory, replaced_in_a_loop)
{
	struct sched_param fifo = { .sched_priority = 1 }, none = {};
	struct ockam_nl_hop hop = { .scope = OCKAM_ACCEPT_LOCAL };
	struct ot_route route = ot_route(NULL);
	long before, after;
	int i;

	for (i = 0; i < 60; i++)
		ot_local(&route,
			 "a-hop-with-a-name-that-makes-a-route-of-nearly-4096-bytes-long");
	ASSERT_EQ(0, lt_hop(&self->node, "again", &route, OCKAM_ACCEPT_LOCAL));
	lt_key(&hop.address, "again");
	hop.route.len = route.len;
	memcpy(hop.route.data, route.data, route.len);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
	ockam_nl_mark(&hop, OCKAM_A_HOP_SCOPE);
	ockam_nl_mark(&hop, OCKAM_A_HOP_ROUTE);

	before = available();
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &fifo));
	for (i = 0; i < 10000; i++)
		ASSERT_EQ(0, ockam_nl_hop_set(self->node.nl, &hop));
	after = available();
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
	TH_LOG("%ld MiB for %d of %u bytes", before - after, i, route.len);
	EXPECT_GT(16, before - after);
}

/* Likewise the route of a channel. */
TEST_F(memory, routes_replaced_in_a_loop)
{
	struct sched_param fifo = { .sched_priority = 1 }, none = {};
	struct ockam_nl_channel ch = {};
	struct ot_route route = ot_route(NULL);
	struct ct_keys keys;
	long before, after;
	int i;

	for (i = 0; i < 60; i++)
		ot_local(&route,
			 "a-hop-with-a-name-that-makes-a-route-of-nearly-4096-bytes-long");
	ct_keys(&keys);
	ASSERT_EQ(0, ct_new(self->node.nl, &keys, true, "E", "D", -1, "x"));
	lt_key(&ch.encryptor, "E");
	ch.route.len = route.len;
	memcpy(ch.route.data, route.data, route.len);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);

	before = available();
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &fifo));
	for (i = 0; i < 10000; i++)
		ASSERT_EQ(0, ockam_nl_channel_set(self->node.nl, &ch));
	after = available();
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
	TH_LOG("%ld MiB for %d of %u bytes", before - after, i, route.len);
	EXPECT_GT(16, before - after);
}

TEST_HARNESS_MAIN
