// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A node in bad company: strangers on its listening link who flood a slow worker,
 * stop in the middle of large messages, never read what they are answered, say
 * nothing, reset and half-close; and local users who poll and block on a worker that
 * is full.  Meanwhile a channel of another node and a plain request go on as if
 * they were alone, the node's memory stays within bounds, and nothing is left in
 * the end.
 *
 * Honest messages are sent at a fixed pace, well below what the machine can do, and
 * so are the strangers'.  So the rate of answers, over time that is counted in
 * instructions, says what the node does to them, not what the host is busy
 * with.  Where processors run in parallel (OCKAM_VM_PARALLEL) time says nothing; the
 * debug kernel can do less than is asked of it, and keeps memory of its own: there
 * rates are only told, and its checkers are what judges.
 *
 * OCKAM_STRESS_S: seconds of company (40).  A long run:
 *
 *	selftests/runner/run.sh --env OCKAM_STRESS_S=300 \
 *		--test-timeout 4000 stress_strangers
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "link_test.h"
#include "channel_test.h"

#define ALONE_MS	5000
#define INTERVAL_MS	5000
#define PACE_US		10000		/* of honest messages */
#define HONEST_LEN	1000

#define FLOODING	100		/* connections of each kind */
#define UNFINISHED	80
#define SILENT		100
#define ASKING		20
#define POLLING		1000
#define BLOCKED		100

#define BIG		(1 << 20)
#define BLOCKED_LEN	(256 << 10)

/* What the processes of the test tell each other. */
struct board {
	uint64_t	sent[2];
	uint64_t	answers[2];
	uint64_t	refused[2];
	uint64_t	taken;		/* by the slow worker */
	uint64_t	resets;
	uint64_t	again;		/* connections made anew */
};

enum { CHANNEL, LINK };

FIXTURE(strangers) {
	struct lt_node		far;	/* where the honest ones are */
	struct lt_node		hub;
	struct sockaddr_storage	at;
	int			door;
	int			link;	/* of the honest node */
	struct board		*board;
	pid_t			honest[16];
	unsigned int		nhonest;
	pid_t			company[16];
	unsigned int		ncompany;
};

static void nap(uint64_t us)
{
	struct timespec ts = {
		.tv_sec		= us / 1000000,
		.tv_nsec	= us % 1000000 * 1000,
	};

	nanosleep(&ts, NULL);
}

static void count(uint64_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static uint64_t counted(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

/* ---- workers of the hub ---- */

static void echo(const char *name, uint32_t scope)
{
	static uint8_t buf[BIG];
	int fd = ot_worker(name, 0);

	if (fd < 0 || ot_accept(fd, scope | OCKAM_ACCEPT_LOCAL))
		_exit(1);
	for (;;) {
		struct ot_in in = {};
		ssize_t n = ot_recvx(fd, &in, buf, sizeof(buf), 0);

		/* Whoever takes no answers gets none; nobody waits for him. */
		if (n >= 0)
			ot_sendx(fd, ot_out(.name = &in.from,
					    .flags = MSG_DONTWAIT), buf, n);
	}
}

static void be_slow(struct board *b)
{
	static uint8_t buf[BIG];
	int fd = ot_worker("slow", 0);

	if (fd < 0 || ot_accept(fd, OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_LOCAL))
		_exit(1);
	for (;;) {
		if (ot_recv(fd, buf, sizeof(buf), 0) >= 0)
			count(&b->taken);
		nap(100000);
	}
}

/* ---- the honest ---- */

static void ask(struct board *b, int how, const char *route)
{
	static uint8_t buf[HONEST_LEN];
	struct sockaddr_ockam sa = ct_sa(route);
	int fd = ot_worker(NULL, 0);
	struct timespec next;
	pid_t pid;

	if (fd < 0)
		_exit(1);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			if (ot_recv(fd, buf, sizeof(buf), 0) == HONEST_LEN)
				count(&b->answers[how]);
	}
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		struct timespec now;

		if (ot_sendx(fd, ot_out(.name = &sa), buf, HONEST_LEN) ==
		    HONEST_LEN)
			count(&b->sent[how]);
		else
			count(&b->refused[how]);
		/* Who was kept waiting does not make up for it. */
		next.tv_nsec += PACE_US * 1000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > next.tv_sec || (now.tv_sec == next.tv_sec &&
						 now.tv_nsec > next.tv_nsec))
			next = now;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

/* ---- the company ---- */

struct stranger {
	int	fd;
	size_t	at;		/* in what it says over and over */
};

static bool call(struct stranger *s, const struct sockaddr_storage *to,
		 const char *hello)
{
	int room = 32768;

	s->at = 0;
	s->fd = lt_tcp_connect(to);
	if (s->fd < 0)
		return false;
	/* What they keep themselves is not the node's. */
	setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (!lt_write(s->fd, hello, strlen(hello))) {
		close(s->fd);
		s->fd = -1;
		return false;
	}
	return true;
}

/* Was it closed on the other side? */
static bool is_over(const struct stranger *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* As much of @data as there is room for, @most bytes at once; round and round. */
static bool talk(struct stranger *s, const struct lt_buf *data, size_t most,
		 bool round)
{
	size_t n = data->len - s->at < most ? data->len - s->at : most;
	ssize_t done;

	if (!n)
		return !is_over(s);
	done = send(s->fd, data->data + s->at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done < 0)
		return errno == EAGAIN && !is_over(s);
	s->at += done;
	if (round && s->at == data->len)
		s->at = 0;
	return true;
}

/*
 * @n connections which say @hello and then @data, @most bytes at each turn; one
 * is looked at every @us.
 */
static void crowd(struct board *b, const struct sockaddr_storage *to,
		  unsigned int n, const char *hello, const struct lt_buf *data,
		  size_t most, bool round, unsigned int us)
{
	struct stranger s[128];
	unsigned int i;

	for (i = 0; i < n; i++)
		s[i].fd = -1;
	for (i = 0;; i = (i + 1) % n) {
		nap(us);
		if (s[i].fd < 0) {
			call(&s[i], to, hello);
			count(&b->again);
		} else if (!talk(&s[i], data, most, round)) {
			close(s[i].fd);
			s[i].fd = -1;
		}
	}
}

static void frames(struct lt_buf *b, const char *to, size_t len, unsigned int n)
{
	struct ot_route onward = ot_route(to, NULL);
	struct ot_route ret = ot_route("stranger", NULL);
	uint8_t *payload = calloc(1, len);

	if (!payload)
		_exit(1);
	while (n--)
		lt_put_frame(b, &onward, &ret, payload, len);
	free(payload);
}

static void flood(struct board *b, const struct sockaddr_storage *to)
{
	struct lt_buf data = {};

	frames(&data, "slow", 4000, 16);
	crowd(b, to, FLOODING, "\1", &data, 32768, true, 2000);
}

static void stop_short(struct board *b, const struct sockaddr_storage *to)
{
	struct lt_buf data = {};

	frames(&data, "slow", BIG - 100, 1);
	data.len--;
	crowd(b, to, UNFINISHED, "\1", &data, 65536, false, 2000);
}

static void say_nothing(struct board *b, const struct sockaddr_storage *to)
{
	struct lt_buf data = {};

	crowd(b, to, SILENT, "\1", &data, 0, false, 5000);
}

static void never_greet(struct board *b, const struct sockaddr_storage *to)
{
	struct lt_buf data = {};

	crowd(b, to, SILENT / 2, "", &data, 0, false, 5000);
}

static void never_read(struct board *b, const struct sockaddr_storage *to)
{
	struct lt_buf data = {};

	frames(&data, "mirror", 2000, 16);
	crowd(b, to, ASKING, "\1", &data, 8192, true, 5000);
}

/* Comes and goes, in a different way each time. */
static void come_and_go(struct board *b, const struct sockaddr_storage *to,
			uint64_t seed)
{
	struct linger linger = { .l_onoff = 1 };
	struct lt_buf data = {};

	frames(&data, "slow", 1000, 2);
	for (;;) {
		struct stranger s;

		nap(20000);
		if (!call(&s, to, "\1"))
			continue;
		count(&b->resets);
		switch (ot_below(&seed, 4)) {
		case 0:			/* no message, and goes soon */
			lt_write(s.fd, "\0\0\0\0", 4);
			nap(ot_below(&seed, 6000));
			break;
		case 1:			/* in the middle of something */
			lt_write(s.fd, data.data, ot_below(&seed, data.len));
			break;
		case 2:			/* reset */
			lt_write(s.fd, data.data, ot_below(&seed, data.len));
			setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &linger,
				   sizeof(linger));
			break;
		case 3:			/* no such version */
			lt_write(s.fd, "\7", 1);
			nap(ot_below(&seed, 6000));
			break;
		}
		close(s.fd);
	}
}

/* They were refused once, and wait to be told. */
static void poll_all(void)
{
	static uint8_t buf[4000];
	struct epoll_event ev[16];
	int ep, fd, i, n;

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || ot_unroot())
		_exit(1);
	for (i = 0; i < POLLING; i++) {
		struct epoll_event one = { .events = EPOLLOUT };

		fd = ot_worker(NULL, 0);
		if (fd < 0)
			_exit(1);
		for (n = 0; n < 64; n++)
			if (ot_send(fd, "slow", buf, sizeof(buf),
				    MSG_DONTWAIT) < 0)
				break;
		one.data.fd = fd;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &one))
			_exit(1);
		nap(1000);
	}
	for (;;) {
		n = epoll_wait(ep, ev, 16, -1);
		for (i = 0; i < n; i++)
			ot_send(ev[i].data.fd, "slow", buf, sizeof(buf),
				MSG_DONTWAIT);
		nap(50000);
	}
}

static void *send_blocking(void *arg)
{
	static uint8_t buf[BLOCKED_LEN];
	int fd = *(int *)arg;

	for (;;)
		if (ot_send(fd, "slow", buf, sizeof(buf), 0) < 0)
			nap(50000);
	return NULL;
}

static void block_all(void)
{
	pthread_attr_t attr;
	static int fd;
	pthread_t t;
	int i;

	if (ot_unroot())
		_exit(1);
	fd = ot_worker(NULL, 0);
	if (fd < 0 || ot_set(fd, SOL_SOCKET, SO_SNDBUF, 2304))
		_exit(1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < BLOCKED; i++)
		if (pthread_create(&t, &attr, send_blocking, &fd))
			_exit(1);
	for (;;)
		pause();
}

/* Beginnings of messages, from here and there. */
static void pieces(const struct sockaddr_storage *to, uint64_t seed)
{
	uint8_t d[508] = { 0x85, 1, 0x19, 0, 0, 0, 0xf4, 0x59, 1, 493 - 256 };
	int fd[8];
	int i;

	for (i = 0; i < 8; i++)
		fd[i] = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (i = 0;; i = (i + 1) % 8) {
		nap(5000);
		d[3] = ot_rand(&seed) | 1;
		d[4] = ot_rand(&seed);
		sendto(fd[i], d, sizeof(d) - 5, MSG_DONTWAIT, (void *)to,
		       lt_addrlen(to));
	}
}

/* ---- the test ---- */

static pid_t child(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static unsigned int end_all(pid_t *pid, unsigned int n)
{
	unsigned int i, early = 0;
	int status;

	/* Who has ended already could not even begin. */
	for (i = 0; i < n; i++)
		early += waitpid(pid[i], &status, WNOHANG) == pid[i];
	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (i = 0; i < n; i++)
		waitpid(pid[i], &status, 0);
	return early;
}

#define HONEST(self, what) do {						\
	pid_t __pid = child();						\
									\
	if (!__pid) {							\
		what;							\
		_exit(1);						\
	}								\
	self->honest[self->nhonest++] = __pid;				\
} while (0)

#define COMPANY(self, what) do {					\
	pid_t __pid = child();						\
									\
	if (!__pid) {							\
		what;							\
		_exit(1);						\
	}								\
	self->company[self->ncompany++] = __pid;			\
} while (0)

static long mem_kib(const char *what)
{
	char line[128], name[64];
	long kib = -1, v;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^:]: %ld", name, &v) == 2 &&
		    !strcmp(name, what))
			kib = v;
	fclose(f);
	return kib;
}

static void settle(void)
{
	ot_write("/proc/sys/vm/drop_caches", "3");
	nap(200000);
}

static uint16_t port(const struct sockaddr_storage *at)
{
	return ntohs(((const struct sockaddr_in *)at)->sin_port);
}

static int udp_door(const struct lt_node *node, struct sockaddr_storage *at)
{
	struct ockam_nl_link link = {
		.kind = OCKAM_LINK_KIND_UDP,
		.mode = OCKAM_LINK_MODE_LISTEN,
	};
	int err;

	ockam_nl_mark(&link, OCKAM_A_LINK_KIND);
	ockam_nl_mark(&link, OCKAM_A_LINK_MODE);
	lt_ip(&link.local_ip, at, &link.local_port);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_IP);
	ockam_nl_mark(&link, OCKAM_A_LINK_LOCAL_PORT);
	err = ockam_nl_link_new(node->nl, &link);
	if (!err)
		((struct sockaddr_in *)at)->sin_port = htons(link.local_port);
	return err;
}

/* The far node's link to the hub, and a channel over it. */
static int acquaint(FIXTURE_DATA(strangers) *self)
{
	struct sockaddr_storage to = lt_addr("10.9.0.2", port(&self->at));
	struct lt_children c;
	char back[64], route[80];
	struct ct_keys k;
	int link, err;

	link = lt_connect(&self->far, &to, lt_conf(.name = "up"));
	if (link < 0)
		return link;
	if (!lt_is_up(&self->far, link) ||
	    !OT_WAIT(lt_children(&self->hub, self->door, &c) == 1) ||
	    !lt_is_up(&self->hub, c.id[0]))
		return -ETIMEDOUT;
	self->link = c.id[0];
	err = lt_name(&self->hub, c.id[0], back);
	if (err)
		return err;
	ct_keys(&k);
	snprintf(route, sizeof(route), "%s>D1", back);
	return ct_new(self->hub.nl, &k, false, "E2", "D2", -1, route) ?:
	       ct_new(self->far.nl, &k, true, "E1", "D1", -1, "up>D2");
}

FIXTURE_SETUP(strangers)
{
	struct rlimit files = { 16384, 16384 };

	memset(self, 0, sizeof(*self));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, lt_node_new(&self->far));
	ASSERT_EQ(0, lt_node_new(&self->hub));
	ASSERT_EQ(0, lt_cable(&self->far, &self->hub, 9));
	self->at = lt_addr("0.0.0.0", 0);
	self->door = lt_listen(&self->hub, &self->at, lt_conf());
	ASSERT_LT(0, self->door);
	self->board = mmap(NULL, sizeof(*self->board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->board);
	ASSERT_EQ(0, acquaint(self)) {
		TH_LOG("%s", ockam_nl_error(self->hub.nl));
	}

	HONEST(self, echo("honest", OCKAM_ACCEPT_CHANNELS));
	HONEST(self, echo("mirror", OCKAM_ACCEPT_LINKS));
	nap(500000);
	HONEST(self, lt_enter(&self->far);
	       ask(self->board, CHANNEL, "E1>honest"));
	HONEST(self, lt_enter(&self->far);
	       ask(self->board, LINK, "up>mirror"));
}

FIXTURE_TEARDOWN(strangers)
{
	end_all(self->company, self->ncompany);
	end_all(self->honest, self->nhonest);
	lt_node_free(&self->far);
	lt_node_free(&self->hub);
}

/* Answers a second, in thousandths. */
struct rates {
	uint64_t	ms;
	uint64_t	at[2];
};

static void begin_rates(const struct board *b, struct rates *r)
{
	r->ms = ot_ms();
	r->at[CHANNEL] = counted(&b->answers[CHANNEL]);
	r->at[LINK] = counted(&b->answers[LINK]);
}

static uint64_t rate(const struct board *b, const struct rates *since, int how)
{
	uint64_t ms = ot_ms() - since->ms;

	return (counted(&b->answers[how]) - since->at[how]) * 1000000 /
	       (ms ? ms : 1);
}

static unsigned int seconds(void)
{
	const char *s = getenv("OCKAM_STRESS_S");

	return s && atoi(s) > 0 ? atoi(s) : ot_debug() ? 10 : 40;
}

static long number_in(const char *file, const char *format)
{
	FILE *f = fopen(file, "r");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, format, &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

/*
 * What this node may hold for others, in links and in the queues of workers, is
 * half of what the machine may, and a quarter more in need; then there is what
 * TCP itself has, and what the strangers and the local users keep on their own
 * account, who are on this machine too.  A module that has no such limit shall not
 * take two fifths of the memory.
 */
static long bound_kib(void)
{
	long limit = number_in("/sys/module/ockam/parameters/mem_limit", "%ld");
	long tcp = number_in("/proc/sys/net/ipv4/tcp_mem", "%*d %*d %ld");

	if (limit < 0 || tcp < 0)
		return mem_kib("MemTotal") / 5 * 2;
	return limit / 1024 / 2 * 2 / 4 * 5 + tcp * 4 + 64 * 1024;
}

/* The lowest that memory was, meanwhile. */
static void wait_and_look(uint64_t ms, long *least)
{
	uint64_t end = ot_ms() + ms;

	while (ot_ms() < end) {
		long now = mem_kib("MemAvailable");

		if (now < *least)
			*least = now;
		nap(250000);
	}
}

static void gather(FIXTURE_DATA(strangers) *self, uint64_t seed)
{
	struct sockaddr_storage to, udp = lt_addr("127.0.0.1", 0);
	struct board *b = self->board;

	to = lt_addr("127.0.0.1", port(&self->at));
	if (udp_door(&self->hub, &udp))
		return;
	COMPANY(self, be_slow(b));
	nap(100000);
	COMPANY(self, flood(b, &to));
	COMPANY(self, stop_short(b, &to));
	COMPANY(self, say_nothing(b, &to));
	COMPANY(self, never_greet(b, &to));
	COMPANY(self, never_read(b, &to));
	COMPANY(self, come_and_go(b, &to, seed));
	COMPANY(self, poll_all());
	COMPANY(self, block_all());
	COMPANY(self, pieces(&udp, seed));
}

TEST_F_TIMEOUT(strangers, honest_ones_go_on, 4000)
{
	static const char * const what[] = { "by channel", "by link" };
	bool judge = !getenv("OCKAM_VM_PARALLEL") && !ot_debug();
	struct board *b = self->board;
	long before, least, after, links;
	uint64_t alone[2], worst[2], all[2];
	struct rates r, whole;
	unsigned int i, n;
	uint64_t seed;
	int how;

	seed = ot_seed(_metadata);
	links = lt_links(&self->hub);
	ASSERT_TRUE(OT_WAIT(counted(&b->answers[LINK]) &&
			    counted(&b->answers[CHANNEL])));
	begin_rates(b, &r);
	nap(ALONE_MS * 1000);
	for (how = 0; how < 2; how++) {
		alone[how] = rate(b, &r, how);
		worst[how] = UINT64_MAX;
		ASSERT_LT(0, alone[how]);
	}
	settle();
	before = least = mem_kib("MemAvailable");

	gather(self, seed);
	ASSERT_EQ(10, self->ncompany);
	begin_rates(b, &whole);
	n = (seconds() * 1000 + INTERVAL_MS - 1) / INTERVAL_MS;
	for (i = 0; i < n; i++) {
		begin_rates(b, &r);
		wait_and_look(INTERVAL_MS, &least);
		for (how = 0; how < 2; how++) {
			uint64_t now = rate(b, &r, how);

			if (now < worst[how])
				worst[how] = now;
			if (now * 10 < alone[how] * 8)
				TH_LOG("interval %u: %llu of %llu thousandths a second %s",
				       i, (unsigned long long)now,
				       (unsigned long long)alone[how],
				       what[how]);
		}
	}
	for (how = 0; how < 2; how++) {
		all[how] = rate(b, &whole, how);
		TH_LOG("%s: alone %llu thousandths a second, in company %llu, at worst %llu; %llu refused",
		       what[how], (unsigned long long)alone[how],
		       (unsigned long long)all[how],
		       (unsigned long long)worst[how],
		       (unsigned long long)counted(&b->refused[how]));
	}
	TH_LOG("%llu messages taken slowly, %llu connections come and gone, %llu made; %ld links, %ld MiB of memory at most",
	       (unsigned long long)counted(&b->taken),
	       (unsigned long long)counted(&b->resets),
	       (unsigned long long)counted(&b->again),
	       (long)lt_links(&self->hub), (before - least) / 1024);
	for (i = 0; i < __OCKAM_DROP_MAX; i++) {
		uint64_t d = lt_drop(&self->hub, i);

		if (d)
			TH_LOG("%llu: %s", (unsigned long long)d,
			       ockam_nl_drop_name(i));
	}
	for (how = 0; how < 2; how++) {
		if (!judge)
			continue;
		EXPECT_EQ(0, counted(&b->refused[how]));
		EXPECT_LE(alone[how] * 8, worst[how] * 10);
	}
	if (!ot_debug())
		EXPECT_LE(before - least, bound_kib()) {
			TH_LOG("the bound is %ld MiB", bound_kib() / 1024);
		}

	/* And then nothing is left of them. */
	EXPECT_EQ(0, end_all(self->company, self->ncompany));
	self->ncompany = 0;
	EXPECT_TRUE(OT_WAIT_LONG(lt_links(&self->hub) == links + 1));
	EXPECT_TRUE(ot_debug() ||
		    OT_WAIT_LONG((settle(), mem_kib("MemAvailable")) >
				 before - 32 * 1024));
	after = mem_kib("MemAvailable");
	TH_LOG("%ld KiB less than before", before - after);
}

TEST_HARNESS_MAIN
