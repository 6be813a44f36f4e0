// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Full receivers, waiting senders, poll, filters, shutdown, races. */
#include <linux/filter.h>
#include <linux/sockios.h>

#include "kselftest_harness.h"
#include "ockam_test.h"

#define BIG	(1u << 20)

static char big[BIG];

FIXTURE(block) {
	struct ot_nl nl;
	struct ot_node before;
	int app;
	int sink;
};

FIXTURE_SETUP(block)
{
	OT_NODE(&self->nl);
	self->app = ot_worker("app", 0);
	self->sink = ot_worker("sink", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
	OT_MARK(&self->nl, &self->before);
}

FIXTURE_TEARDOWN(block)
{
	close(self->app);
	if (self->sink >= 0)
		close(self->sink);
	ot_nl_close(&self->nl);
}

/* One message over the limit: the queue is full by it alone. */
#define FILL() ASSERT_EQ(BIG, ot_send(self->app, "sink", big, BIG, MSG_DONTWAIT))
#define EMPTY() ({							\
	char __c;							\
	ASSERT_EQ(1, ot_recv(self->sink, &__c, 1, MSG_DONTWAIT));	\
})

struct call {
	int fd;
	const char *to;
	const char *text;
};

static long call_send(void *arg)
{
	struct call *c = arg;

	return ot_say(c->fd, c->to, c->text);
}

static long call_recv(void *arg)
{
	struct call *c = arg;
	char buf[8];

	return ot_recv(c->fd, buf, sizeof(buf), 0);
}

TEST_F(block, until_there_is_room)
{
	struct call c = { self->app, "sink", "late" };
	struct ot_task t;

	FILL();
	EXPECT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	ASSERT_EQ(0, ot_task_start(&t, call_send, &c));
	ASSERT_TRUE(ot_task_blocks(&t, SYS_sendmsg));
	EXPECT_EQ(1, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	EMPTY();
	EXPECT_EQ(4, ot_task_end(&t));
	EXPECT_TRUE(ot_hears(self->sink, "late"));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(block, nonblocking_descriptor)
{
	struct ot_node now;

	FILL();
	ASSERT_EQ(0, fcntl(self->app, F_SETFL, O_NONBLOCK));
	OT_MARK(&self->nl, &self->before);
	EXPECT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	/* Not lost, so not counted. */
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	EMPTY();
	EXPECT_EQ(1, ot_say(self->app, "sink", "y"));
	EXPECT_TRUE(ot_hears(self->sink, "y"));
	ASSERT_EQ(0, ot_node_get(&self->nl, &now));
	EXPECT_EQ(2, now.stat[OCKAM_STAT_SENT]);
}

TEST_F(block, send_timeout)
{
	struct timeval tv = { .tv_usec = 100000 };
	uint64_t start;

	FILL();
	ASSERT_EQ(0, setsockopt(self->app, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	start = ot_ms();
	EXPECT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	EXPECT_LE(50, ot_ms() - start);
	EXPECT_GT(ot_limit(150), ot_ms() - start);
	EMPTY();
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_EQ(1, ot_say(self->app, "sink", "y"));
	EXPECT_TRUE(ot_hears(self->sink, "y"));
}

static void on_signal(int sig)
{
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	signals++;
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

TEST_F(block, a_signal_ends_it)
{
	struct call c = { self->app, "sink", "x" };
	struct ot_task t;

	handle(SIGUSR1, 0);
	FILL();
	ASSERT_EQ(0, ot_task_start(&t, call_send, &c));
	ASSERT_TRUE(ot_task_blocks(&t, SYS_sendmsg));
	ASSERT_EQ(0, pthread_kill(t.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, ot_task_end(&t));
	EMPTY();
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_EQ(0, ot_get(self->app, SOL_SOCKET, SO_ERROR));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

TEST_F(block, a_signal_that_restarts)
{
	struct call c = { self->app, "sink", "x" };
	struct ot_task t;
	int i;

	handle(SIGUSR1, SA_RESTART);
	FILL();
	ASSERT_EQ(0, ot_task_start(&t, call_send, &c));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(ot_task_blocks(&t, SYS_sendmsg));
		ASSERT_EQ(0, pthread_kill(t.thread, SIGUSR1));
		usleep(1000);
	}
	ASSERT_TRUE(ot_task_blocks(&t, SYS_sendmsg));
	EMPTY();
	EXPECT_EQ(1, ot_task_end(&t));
	EXPECT_TRUE(ot_hears(self->sink, "x"));
	EXPECT_TRUE(ot_empty(self->sink));
}

/*
 * One who is woken and then ended by a signal must not keep the turn: another
 * one waits.  This thread runs above them all on their processor, so that the
 * signal comes after the wake-up and before the woken one runs.
 */
TEST_F(block, a_signal_does_not_swallow_the_turn)
{
	struct sched_param prio = { .sched_priority = 50 };
	struct call c = { self->app, "sink", "x" };
	struct ot_task first, second;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	ASSERT_EQ(0, OT_ERR(sched_setaffinity(0, sizeof(cpu), &cpu)));
	handle(SIGUSR1, 0);
	FILL();
	ASSERT_EQ(0, ot_task_start(&first, call_send, &c));
	ASSERT_TRUE(ot_task_blocks(&first, SYS_sendmsg));
	ASSERT_EQ(0, ot_task_start(&second, call_send, &c));
	ASSERT_TRUE(ot_task_blocks(&second, SYS_sendmsg));

	ASSERT_EQ(0, OT_ERR(sched_setscheduler(0, SCHED_FIFO, &prio)));
	EMPTY();
	ASSERT_EQ(0, pthread_kill(first.thread, SIGUSR1));
	prio.sched_priority = 0;
	ASSERT_EQ(0, OT_ERR(sched_setscheduler(0, SCHED_OTHER, &prio)));

	EXPECT_EQ(1, ot_task_end(&second));
	ot_task_end(&first);
	EXPECT_TRUE(first.result == -EINTR || first.result == 1);
	EXPECT_TRUE(ot_hears(self->sink, "x"));
}

TEST_F(block, the_destination_closes)
{
	struct call c = { self->app, "sink", "x" };
	struct ot_task t[3];
	int i;

	FILL();
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ot_task_start(&t[i], call_send, &c));
		ASSERT_TRUE(ot_task_blocks(&t[i], SYS_sendmsg));
	}
	OT_MARK(&self->nl, &self->before);
	close(self->sink);
	self->sink = -1;
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EHOSTUNREACH, ot_task_end(&t[i]));
	EXPECT_DROPPED(&self->nl, &self->before, OCKAM_DROP_NO_WORKER, 3);
}

/* ---- poll ---- */

TEST_F(block, poll_tells_when_to_go_on)
{
	FILL();
	/* Nothing was refused yet. */
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
	EXPECT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT | POLLWRNORM, 0));
	/* Only for who was refused. */
	EXPECT_EQ(POLLOUT, ot_poll(self->sink, POLLOUT, 0));
	/* Other destinations have room, which does not unsay it. */
	EXPECT_EQ(1, ot_send(self->app, "app", "z", 1, MSG_DONTWAIT));
	EXPECT_EQ(POLLIN, ot_poll(self->app, POLLIN | POLLOUT, 0));
	EMPTY();
	EXPECT_EQ(POLLIN | POLLOUT, ot_poll(self->app, POLLIN | POLLOUT, 0));
	EXPECT_EQ(1, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
}

static long call_poll(void *arg)
{
	return ot_poll(*(int *)arg, POLLOUT, ot_limit(20000));
}

/* Who is told by signals is told of room as well: at the worker, and in SO_SNDBUF. */
TEST_F(block, a_signal_tells_when_to_go_on)
{
	struct sigaction sa = { .sa_handler = count_signal };
	int other;

	ASSERT_EQ(0, sigaction(SIGIO, &sa, NULL));
	ASSERT_EQ(0, fcntl(self->app, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->app, F_SETFL, O_NONBLOCK | O_ASYNC));
	FILL();
	ASSERT_EQ(-EAGAIN, ot_say(self->app, "sink", "x"));
	EXPECT_EQ(0, signals);
	EMPTY();
	EXPECT_TRUE(OT_WAIT(signals == 1));
	EXPECT_EQ(1, ot_say(self->app, "sink", "x"));
	EXPECT_TRUE(ot_hears(self->sink, "x"));
	/* Nobody was refused, nobody is told. */
	EXPECT_EQ(1, signals);

	/* The same when a worker that was full is not there any more. */
	other = ot_worker("other", 0);
	ASSERT_LE(0, other);
	ASSERT_EQ(BIG, ot_send(self->app, "other", big, BIG, 0));
	ASSERT_EQ(-EAGAIN, ot_say(self->app, "other", "x"));
	close(other);
	EXPECT_TRUE(OT_WAIT(signals == 2));
}

TEST_F(block, poll_is_woken_by_room)
{
	struct ot_task t;

	FILL();
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	ASSERT_EQ(0, ot_task_start(&t, call_poll, &self->app));
	ASSERT_TRUE(ot_task_blocks(&t, OT_SYS_POLL));
	EMPTY();
	EXPECT_EQ(POLLOUT, ot_task_end(&t));
}

TEST_F(block, poll_is_woken_by_the_end)
{
	struct ot_task t;

	FILL();
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	ASSERT_EQ(0, ot_task_start(&t, call_poll, &self->app));
	ASSERT_TRUE(ot_task_blocks(&t, OT_SYS_POLL));
	close(self->sink);
	self->sink = -1;
	EXPECT_EQ(POLLOUT, ot_task_end(&t));
	EXPECT_EQ(-EHOSTUNREACH, ot_send(self->app, "sink", "x", 1,
					 MSG_DONTWAIT));
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
}

TEST_F(block, poll_forgets_a_destination_that_is_gone)
{
	FILL();
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	ASSERT_EQ(0, ot_poll(self->app, POLLOUT, 0));
	close(self->sink);
	self->sink = -1;
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
}

/* The last refusal is what counts. */
TEST_F(block, poll_follows_the_last_refusal)
{
	int other = ot_worker("other", 0);

	FILL();
	ASSERT_EQ(BIG, ot_send(self->app, "other", big, BIG, MSG_DONTWAIT));
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "other", "x", 1, MSG_DONTWAIT));
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	close(other);
	EXPECT_EQ(0, ot_poll(self->app, POLLOUT, 0));
	EMPTY();
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
}

/* The sender closes first. */
TEST_F(block, refused_and_closed)
{
	FILL();
	ASSERT_EQ(-EAGAIN, ot_send(self->app, "sink", "x", 1, MSG_DONTWAIT));
	close(self->app);
	EMPTY();
	close(self->sink);
	self->sink = -1;
	self->app = ot_worker("app", 0);
	ASSERT_LE(0, self->app);
}

FIXTURE(epoll) {
	struct ot_nl nl;
	int app;
	int sink;
	int ep;
};

FIXTURE_VARIANT(epoll) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(epoll, level) { .flags = 0 };
FIXTURE_VARIANT_ADD(epoll, edge) { .flags = EPOLLET };

FIXTURE_SETUP(epoll)
{
	struct epoll_event ev = { .events = EPOLLOUT | variant->flags };

	OT_NODE(&self->nl);
	self->app = ot_worker("app", SOCK_NONBLOCK);
	self->sink = ot_worker("sink", SOCK_NONBLOCK);
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->sink);
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->app, &ev));
}

FIXTURE_TEARDOWN(epoll)
{
	close(self->ep);
	close(self->app);
	close(self->sink);
	ot_nl_close(&self->nl);
}

struct slow {
	int fd;
	unsigned int n;
};

/* Reads one message every few milliseconds. */
static long slow_reader(void *arg)
{
	struct slow *s = arg;
	static char buf[65536];
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };

		if (poll(&p, 1, ot_limit(20000)) != 1)
			return -ETIMEDOUT;
		usleep(2000);
		if (ot_recv(s->fd, buf, sizeof(buf), 0) != 60000)
			return -EPROTO;
	}
	return 0;
}

/* An event loop that writes on each event neither spins nor hangs. */
TEST_F(epoll, neither_spins_nor_hangs)
{
	struct slow slow = { self->sink, 200 };
	unsigned int sent = 0, wakeups = 0;
	static char msg[60000];
	struct epoll_event ev;
	struct ot_task t;
	ssize_t n;

	ASSERT_EQ(0, ot_task_start(&t, slow_reader, &slow));
	while (sent < slow.n) {
		ASSERT_EQ(1, epoll_wait(self->ep, &ev, 1, ot_limit(20000))) {
			TH_LOG("hangs after %u", sent);
		}
		wakeups++;
		while (sent < slow.n) {
			n = ot_send(self->app, "sink", msg, sizeof(msg), 0);
			if (n == -EAGAIN)
				break;
			ASSERT_EQ(sizeof(msg), n);
			sent++;
		}
	}
	EXPECT_EQ(0, ot_task_end(&t));
	/* One for each message read at most, and some. */
	TH_LOG("%u messages, %u wake-ups", sent, wakeups);
	EXPECT_GE(slow.n + 10, wakeups);
	EXPECT_EQ(slow.n, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
}

/* Until the last one, 'q', comes. */
static long fast_reader(void *arg)
{
	struct slow *s = arg;
	char c = 0;

	while (c != 'q') {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };

		while (ot_recv(s->fd, &c, 1, 0) != 1) {
			if (poll(&p, 1, ot_limit(20000)) != 1)
				return -ETIMEDOUT;
		}
	}
	return 0;
}

/* Room that comes while the sender is being told that there is none. */
TEST_F_TIMEOUT(epoll, room_that_comes_at_once, 200)
{
	struct slow fast = { self->sink, ot_debug() ? 1000 : 50000 };
	struct epoll_event ev;
	unsigned int sent = 0;
	bool last = false;
	struct ot_task t;
	ssize_t n;

	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_RCVBUF, 1));
	ASSERT_EQ(0, ot_task_start(&t, fast_reader, &fast));
	while (!last) {
		bool q = sent + 1 >= fast.n;

		n = ot_send(self->app, "sink", q ? "q" : "x", 1, 0);
		if (n == 1) {
			last = q;
			sent++;
			continue;
		}
		ASSERT_EQ(-EAGAIN, n);
		ASSERT_EQ(1, epoll_wait(self->ep, &ev, 1, ot_limit(20000))) {
			TH_LOG("hangs after %u", sent);
		}
	}
	EXPECT_EQ(0, ot_task_end(&t));
}

/* ---- memory ---- */

TEST_F(block, one_message_may_be_too_many)
{
	struct ot_obj obj;
	int limit;

	limit = ot_get(self->sink, SOL_SOCKET, SO_RCVBUF);
	ASSERT_LT(0, limit);
	ASSERT_GT(BIG, limit);
	FILL();
	EXPECT_EQ(0, ot_worker_get(&self->nl, "sink", &obj));
	EXPECT_LT(BIG, obj.queued);
	EXPECT_EQ(-EAGAIN, ot_send(self->app, "sink", "", 0, MSG_DONTWAIT));
	EMPTY();
	EXPECT_EQ(0, ot_worker_get(&self->nl, "sink", &obj));
	EXPECT_EQ(0, obj.queued);
}

TEST_F(block, receive_buffer_bounds_the_queue)
{
	static const int sizes[] = { 0, 10000, 100000, 1000000 };
	unsigned int n, last = 0, i;
	struct ot_obj obj;
	char msg[500];
	int limit;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_RCVBUFFORCE,
				    sizes[i]));
		limit = ot_get(self->sink, SOL_SOCKET, SO_RCVBUF);
		for (n = 0; ot_send(self->app, "sink", msg, sizeof(msg),
				    MSG_DONTWAIT) == sizeof(msg); n++)
			;
		EXPECT_EQ(EAGAIN, errno);
		EXPECT_EQ(0, ot_worker_get(&self->nl, "sink", &obj));
		/* Full, and by one message too much at most. */
		EXPECT_LE(limit, obj.queued);
		EXPECT_GT(limit + 4096, obj.queued);
		EXPECT_LT(last, n);
		last = n;
		while (ot_recv(self->sink, msg, sizeof(msg), MSG_DONTWAIT) > 0)
			n--;
		EXPECT_EQ(0, n);
	}
}

/* Nothing of a local message is the sender's once it was delivered. */
TEST_F(block, send_buffer_is_not_for_others_queues)
{
	int n = -1, i;

	ASSERT_EQ(0, ot_set(self->app, SOL_SOCKET, SO_SNDBUF, 0));
	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_RCVBUFFORCE, 8 * BIG));
	for (i = 0; i < 5; i++)
		FILL();
	EXPECT_EQ(0, ioctl(self->app, SIOCOUTQ, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(POLLOUT, ot_poll(self->app, POLLOUT, 0));
}

TEST_F(block, ioctl_tells_the_next_length)
{
	int n = -1;

	EXPECT_EQ(5, ot_say(self->app, "sink", "first"));
	EXPECT_EQ(2, ot_say(self->app, "sink", "no"));
	EXPECT_EQ(0, ioctl(self->sink, SIOCINQ, &n));
	EXPECT_EQ(5, n);
	EXPECT_TRUE(ot_hears(self->sink, "first"));
	EXPECT_EQ(0, ioctl(self->sink, FIONREAD, &n));
	EXPECT_EQ(2, n);
}

/* ---- what the core of the sockets gives ---- */

TEST_F(block, timestamp)
{
	struct timespec a, b;
	struct ot_in in = {};
	char c;

	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_TIMESTAMP, 1));
	clock_gettime(CLOCK_REALTIME, &a);
	ASSERT_EQ(1, ot_say(self->app, "sink", "x"));
	clock_gettime(CLOCK_REALTIME, &b);
	ASSERT_EQ(1, ot_recvx(self->sink, &in, &c, 1, 0));
	ASSERT_TRUE(in.has_time);
	EXPECT_LE(a.tv_sec * 1000000LL + a.tv_nsec / 1000,
		  in.time.tv_sec * 1000000LL + in.time.tv_usec);
	EXPECT_GE(b.tv_sec * 1000000LL + b.tv_nsec / 1000,
		  in.time.tv_sec * 1000000LL + in.time.tv_usec);
}

static int filter(int fd, struct sock_filter *code, unsigned short len)
{
	struct sock_fprog prog = { .len = len, .filter = code };

	return OT_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
				 sizeof(prog)));
}

#define FILTER(fd, ...) ({						\
	struct sock_filter __code[] = { __VA_ARGS__ };			\
									\
	filter(fd, __code, sizeof(__code) / sizeof(*__code));		\
})

TEST_F(block, filter_drops)
{
	struct ot_in in = {};
	struct ot_obj obj;
	char c;

	/* Lets pass what begins with 'y'. */
	ASSERT_EQ(0, FILTER(self->sink,
			    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
			    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
			    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
			    BPF_STMT(BPF_RET | BPF_K, 0)));
	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_RXQ_OVFL, 1));
	EXPECT_EQ(1, ot_say(self->app, "sink", "n"));
	EXPECT_EQ(1, ot_say(self->app, "sink", "n"));
	/* Too short for the filter, dropped likewise. */
	EXPECT_EQ(0, ot_say(self->app, "sink", ""));
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_EQ(3, ot_drop(&self->nl, OCKAM_DROP_FILTERED));
	EXPECT_EQ(0, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	EXPECT_EQ(3, ot_stat(&self->nl, OCKAM_STAT_SENT));
	EXPECT_EQ(3, ot_say(self->app, "sink", "yes"));
	ASSERT_EQ(0, ot_worker_get(&self->nl, "sink", &obj));
	EXPECT_EQ(3, obj.drops);
	ASSERT_EQ(1, ot_recvx(self->sink, &in, &c, 1, MSG_TRUNC) == 3);
	ASSERT_TRUE(in.has_drops);
	EXPECT_EQ(3, in.drops);

	ASSERT_EQ(0, ot_set(self->sink, SOL_SOCKET, SO_DETACH_FILTER, 0));
	EXPECT_EQ(1, ot_say(self->app, "sink", "n"));
	EXPECT_TRUE(ot_hears(self->sink, "n"));
}

TEST_F(block, filter_trims)
{
	struct ot_in in = {};
	static char buf[60000];

	ASSERT_EQ(0, FILTER(self->sink, BPF_STMT(BPF_RET | BPF_K, 3)));
	EXPECT_EQ(6, ot_say(self->app, "sink", "abcdef"));
	EXPECT_EQ(2, ot_say(self->app, "sink", "gh"));
	EXPECT_TRUE(ot_hears(self->sink, "abc"));
	ASSERT_EQ(2, ot_recvx(self->sink, &in, buf, 8, 0));
	EXPECT_TRUE(ot_is(&in.from, "app"));
	ASSERT_EQ(0, FILTER(self->sink, BPF_STMT(BPF_RET | BPF_K, 30000)));
	ot_fill(big, 60000, 1);
	EXPECT_EQ(60000, ot_send(self->app, "sink", big, 60000, 0));
	EXPECT_EQ(30000, ot_recv(self->sink, buf, sizeof(buf), 0));
	EXPECT_TRUE(ot_filled(buf, 30000, 1));
}

/*
 * Filters are for everybody, so they must see nothing but the payload: the
 * value at each offset comes out as the length to which it trims.
 */
TEST_F(block, filter_sees_only_the_payload)
{
	static const unsigned int base[] = { SKF_NET_OFF, SKF_LL_OFF };
	static char out[2000], buf[2000];
	unsigned int b, off;
	ssize_t n;

	memset(out, 7, sizeof(out));
	for (b = 0; b < 2; b++) {
		for (off = 0; off < 700; off++) {
			ASSERT_EQ(0, FILTER(self->sink,
				BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
					 base[b] + off),
				BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1000),
				BPF_STMT(BPF_RET | BPF_A, 0)));
			ASSERT_EQ(1900, ot_send(self->app, "sink", out, 1900,
						0));
			n = ot_recv(self->sink, buf, sizeof(buf),
				    MSG_DONTWAIT);
			/* Ours, or no such place. */
			ASSERT_TRUE(n == 1007 || n == -EAGAIN) {
				TH_LOG("offset %#x shows %zd", base[b] + off,
				       n - 1000);
			}
		}
	}
}

/* ---- shutdown ---- */

TEST_F(block, shutdown_of_reading)
{
	struct call c = { self->sink };
	struct ot_task t;
	char buf;

	ASSERT_EQ(0, ot_task_start(&t, call_recv, &c));
	ASSERT_TRUE(ot_task_blocks(&t, SYS_recvfrom));
	ASSERT_EQ(0, OT_ERR(shutdown(self->sink, SHUT_RD)));
	EXPECT_EQ(0, ot_task_end(&t));
	EXPECT_EQ(0, ot_recv(self->sink, &buf, 1, 0));
	EXPECT_EQ(0, ot_recv(self->sink, &buf, 1, MSG_DONTWAIT));
	EXPECT_EQ(POLLIN | POLLRDHUP | POLLOUT,
		  ot_poll(self->sink, POLLIN | POLLRDHUP | POLLOUT, 0));
	/* It still sends. */
	EXPECT_EQ(1, ot_say(self->sink, "app", "x"));
	EXPECT_TRUE(ot_hears(self->app, "x"));
}

TEST_F(block, shutdown_leaves_what_has_come)
{
	ASSERT_EQ(1, ot_say(self->app, "sink", "x"));
	ASSERT_EQ(0, OT_ERR(shutdown(self->sink, SHUT_RD)));
	EXPECT_TRUE(ot_hears(self->sink, "x"));
}

TEST_F(block, shutdown_of_writing)
{
	ASSERT_EQ(0, OT_ERR(shutdown(self->app, SHUT_WR)));
	EXPECT_EQ(-EPIPE, ot_send(self->app, "sink", "x", 1, MSG_NOSIGNAL));
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_UNCOUNTED(&self->nl, &self->before);
	EXPECT_EQ(0, ot_poll(self->app, POLLIN | POLLRDHUP | POLLHUP, 0));
	EXPECT_EQ(1, ot_say(self->sink, "app", "y"));
	EXPECT_TRUE(ot_hears(self->app, "y"));
}

TEST_F(block, shutdown_of_both)
{
	ASSERT_EQ(0, OT_ERR(shutdown(self->app, SHUT_RDWR)));
	EXPECT_TRUE(ot_poll(self->app, POLLIN, 0) & POLLHUP);
	EXPECT_EQ(-EPIPE, ot_send(self->app, "sink", "x", 1, MSG_NOSIGNAL));
}

TEST_F(block, shutdown_wakes_a_waiting_sender)
{
	struct call c = { self->app, "sink", "x" };
	struct ot_task t;
	bool done;

	signal(SIGPIPE, SIG_IGN);
	FILL();
	ASSERT_EQ(0, ot_task_start(&t, call_send, &c));
	ASSERT_TRUE(ot_task_blocks(&t, SYS_sendmsg));
	ASSERT_EQ(0, OT_ERR(shutdown(self->app, SHUT_WR)));
	done = OT_WAIT(ot_task_done(&t));
	EXPECT_TRUE(done);
	if (!done)
		EMPTY();
	EXPECT_EQ(-EPIPE, ot_task_end(&t));
}

/* ---- many to one ---- */

#define SENDERS	6

struct flood {
	int id;
	uint64_t seed;
	unsigned int n;
	unsigned int again;
};

struct mark {
	uint32_t id;
	uint32_t seq;
	uint32_t len;
};

static long flood(void *arg)
{
	struct flood *f = arg;
	static __thread uint8_t buf[40000];
	struct mark m = { .id = f->id };
	int fd = ot_socket(0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	if (fd < 0)
		return fd;
	for (m.seq = 0; m.seq < f->n;) {
		m.len = sizeof(m) + ot_below(&f->seed,
					     ot_below(&f->seed, 20) ? 300 :
					     sizeof(buf) - sizeof(m));
		memcpy(buf, &m, sizeof(m));
		ot_fill(buf + sizeof(m), m.len - sizeof(m), m.id + m.seq);
again:
		n = ot_send(fd, "sink", buf, m.len,
			    ot_below(&f->seed, 2) ? MSG_DONTWAIT : 0);
		if (n == -EAGAIN) {
			f->again++;
			if (poll(&p, 1, ot_limit(20000)) != 1)
				return -ETIMEDOUT;
			goto again;
		}
		if (n != m.len)
			return n;
		m.seq++;
	}
	close(fd);
	return 0;
}

TEST_F_TIMEOUT(block, many_senders_lose_nothing_and_keep_order, 120)
{
	uint64_t seed = ot_seed(_metadata);
	unsigned int next[SENDERS] = {}, left, total = 0, again = 0, i;
	struct flood f[SENDERS] = {};
	static uint8_t buf[40001];
	struct ot_task t[SENDERS];
	struct mark m;
	ssize_t n;

	for (i = 0, left = 0; i < SENDERS; i++) {
		f[i].id = i;
		f[i].seed = seed + i * 77777 + 1;
		f[i].n = ot_debug() ? 750 : 1500;
		left += f[i].n;
		ASSERT_EQ(0, ot_task_start(&t[i], flood, &f[i]));
	}
	total = left;
	while (left--) {
		struct pollfd p = { .fd = self->sink, .events = POLLIN };

		ASSERT_EQ(1, poll(&p, 1, ot_limit(20000)));
		if (!ot_below(&seed, 50))
			usleep(ot_below(&seed, 3000));
		n = ot_recv(self->sink, buf, sizeof(buf), 0);
		ASSERT_LE((ssize_t)sizeof(m), n);
		memcpy(&m, buf, sizeof(m));
		ASSERT_EQ(m.len, n);
		ASSERT_GT(SENDERS, m.id);
		ASSERT_EQ(next[m.id], m.seq);
		ASSERT_TRUE(ot_filled(buf + sizeof(m), n - sizeof(m),
				      m.id + m.seq));
		next[m.id]++;
	}
	for (i = 0; i < SENDERS; i++) {
		EXPECT_EQ(0, ot_task_end(&t[i]));
		EXPECT_EQ(f[i].n, next[i]);
		again += f[i].again;
	}
	TH_LOG("%u messages, %u refusals", total, again);
	EXPECT_TRUE(ot_empty(self->sink));
	EXPECT_EQ(total, ot_stat(&self->nl, OCKAM_STAT_SENT));
	EXPECT_EQ(total, ot_stat(&self->nl, OCKAM_STAT_DELIVERED));
	EXPECT_LOSSLESS(&self->nl, &self->before);
}

/* ---- races ---- */

#define NAMES	6

static uint64_t race_end;

/* Binds, sends, reads, polls and closes at random. */
static long race(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	struct ot_in in;
	static __thread char buf[3000];
	struct sockaddr_ockam reply = {};
	char name[8];
	long ops = 0;
	int fd = -1, i;
	ssize_t n;

	while (ot_ms() < race_end) {
		ops++;
		if (fd < 0) {
			fd = ot_socket(ot_below(&seed, 2) ? SOCK_NONBLOCK : 0);
			if (fd < 0)
				return fd;
			ot_set(fd, SOL_SOCKET, SO_RCVBUF, 4096);
			for (i = 1; i <= 4; i++)
				ot_set(fd, SOL_OCKAM, i, ot_below(&seed, 2));
			ot_accept(fd, ot_below(&seed, 32) & ~OCKAM_ACCEPT_IDS);
		}
		snprintf(name, sizeof(name), "n%u", ot_below(&seed, NAMES));
		switch (ot_below(&seed, 12)) {
		case 0:
			ot_bind(fd, name);
			break;
		case 1:
			close(fd);
			fd = -1;
			break;
		case 2:
			ot_poll(fd, POLLIN | POLLOUT, ot_below(&seed, 3));
			break;
		case 3:
			if (!ot_below(&seed, 10))
				shutdown(fd, ot_below(&seed, 3));
			break;
		case 4:
			if (reply.sok_family)
				ot_sendx(fd, ot_out(.name = &reply,
						    .flags = MSG_DONTWAIT |
							     MSG_NOSIGNAL),
					 buf, ot_below(&seed, sizeof(buf)));
			break;
		case 5:
		case 6:
		case 7:
			memset(&in, 0, sizeof(in));
			n = ot_recvx(fd, &in, buf, sizeof(buf),
				     MSG_DONTWAIT |
				     (ot_below(&seed, 4) ? 0 : MSG_PEEK));
			if (n > 0)
				reply = in.from;
			break;
		default:
			/* Some block, until room, the end or a second. */
			ot_set(fd, SOL_SOCKET, SO_PRIORITY, 0);
			n = ot_send(fd, name, buf,
				    ot_below(&seed, sizeof(buf)),
				    MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n == -EAGAIN && !ot_below(&seed, 4)) {
				struct timeval tv = { .tv_usec = 3000 };

				setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
					   sizeof(tv));
				ot_send(fd, name, buf, 10, MSG_NOSIGNAL);
			}
			break;
		}
	}
	if (fd >= 0)
		close(fd);
	return ops;
}

TEST_F_TIMEOUT(block, closing_under_load, 60)
{
	uint64_t seed = ot_seed(_metadata);
	struct ot_task t[6];
	struct ot_node now;
	struct ot_obj obj;
	char name[8];
	int i;

	race_end = ot_ms() + 5000;
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, ot_task_start(&t[i], race, (void *)(uintptr_t)
					   (ot_rand(&seed) | 1)));
	sleep(5);
	for (i = 0; i < 6; i++)
		EXPECT_LT(0, ot_task_end(&t[i]));
	/* Nothing but what must be refused was lost, no name is left. */
	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		EXPECT_EQ(-ENOENT, ot_worker_get(&self->nl, name, &obj));
	}
	ASSERT_EQ(0, ot_node_get(&self->nl, &now));
	TH_LOG("sent %llu, delivered %llu, no worker %llu, gone %llu",
	       (unsigned long long)now.stat[OCKAM_STAT_SENT],
	       (unsigned long long)now.stat[OCKAM_STAT_DELIVERED],
	       (unsigned long long)now.drop[OCKAM_DROP_NO_WORKER],
	       (unsigned long long)now.drop[OCKAM_DROP_NAME_GONE]);
	EXPECT_LT(0, now.stat[OCKAM_STAT_DELIVERED]);
	EXPECT_EQ(now.stat[OCKAM_STAT_SENT], now.stat[OCKAM_STAT_DELIVERED]);
	for (i = 0; i < __OCKAM_DROP_MAX; i++)
		if (i != OCKAM_DROP_NO_WORKER && i != OCKAM_DROP_NAME_GONE)
			EXPECT_EQ(0, now.drop[i]);
}

/* The namespace goes while senders wait in it. */
static int namespace_of_waiters(void *arg)
{
	struct call c[4];
	struct ot_task t[4];
	int fd, i;

	if (unshare(CLONE_NEWNET))
		return 1;
	fd = ot_worker("sink", 0);
	if (fd < 0 || ot_send(fd, "sink", big, BIG, 0) != BIG)
		return 2;
	for (i = 0; i < 4; i++) {
		c[i] = (struct call){ ot_socket(0), "sink", "x" };
		if (ot_task_start(&t[i], call_send, &c[i]))
			return 3;
	}
	for (i = 0; i < 4; i++)
		if (!ot_task_blocks(&t[i], SYS_sendmsg))
			return 4;
	/* All threads end here, with all their descriptors. */
	return 0;
}

TEST_F_TIMEOUT(block, the_process_ends, 200)
{
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, ot_child(namespace_of_waiters, NULL));
}

TEST_HARNESS_MAIN
