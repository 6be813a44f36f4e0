// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A thousand namespaces that come and go under traffic: sockets, hops, links
 * over the loopback, channels, each going away in any order, on two processors
 * at once. At the end there is as much memory as there was.
 */
#include "kselftest_harness.h"
#include "link_test.h"

#define NAMESPACES	1000
#define WORKERS		2
#define MAX_NETS	10000
#define FREE_MS		60000

/**
 * struct load - what one process does
 * @seed: of its choices
 * @rounds: namespaces
 * @sent: messages
 * @heard: messages
 */
struct load {
	uint64_t seed;
	unsigned int rounds;
	uint64_t sent;
	uint64_t heard;
};

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

static bool max_nets(unsigned int n)
{
	FILE *f = fopen("/proc/sys/user/max_net_namespaces", "w");
	bool written = f && fprintf(f, "%u", n) > 0;

	if (f && fclose(f))
		written = false;
	if (!written)
		perror("max_net_namespaces");
	return written;
}

/* Is there no namespace but the first one?  Asks the kernel for the only one. */
static bool none_left(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNET) ? 1 : 0);
	return waitpid(pid, &status, 0) == pid && !status;
}

/*
 * Waits until all namespaces were freed.  The kernel frees them in batches, each
 * at its end, and needs milliseconds for each of them (work queues of other
 * families are flushed): hundreds take long when others want the processors.
 * Counts of slab objects do not tell: they include free ones.
 */
static bool freed(void)
{
	uint64_t start = ot_ms();
	uint64_t end = start + ot_limit(FREE_MS);
	bool done;

	if (!max_nets(1))
		return false;
	while (!(done = none_left()) && ot_ms() < end)
		usleep(20000);
	if (!max_nets(MAX_NETS))
		return false;
	fprintf(stderr, "# namespaces %s freed within %llu ms\n",
		done ? "were" : "were not",
		(unsigned long long)(ot_ms() - start));
	return done;
}

static void settle(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0) {
		if (write(fd, "3", 1) != 1)
			perror("drop_caches");
		close(fd);
	}
	usleep(200000);
}

static int channel_new(struct ockam_nl *nl, uint64_t *seed)
{
	struct ockam_nl_channel ch = {
		.role = OCKAM_ROLE_INITIATOR,
	};
	int i;

	lt_key(&ch.encryptor, "enc");
	lt_key(&ch.decryptor, "dec");
	/* To itself, by way of nothing: ciphertexts end at a worker. */
	ch.route.len = 7;
	memcpy(ch.route.data, "\0\5" "echos", 7);
	for (i = 0; i < 32; i++) {
		ch.tx_key[i] = ot_rand(seed);
		ch.rx_key[i] = ot_rand(seed);
		ch.identifier[i] = ot_rand(seed);
	}
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROLE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_DECRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_TX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_RX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_IDENTIFIER);
	return ockam_nl_channel_new(nl, &ch);
}

/* One namespace: filled, used, and left in any order. 0 or a line number. */
static int one(struct load *l)
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ot_route route[4];
	char buf[2048] = {};
	int app, echoer, id = -1;
	unsigned int i, n;
	struct lt_node node;
	struct lt_wire w;
	bool over_link;
	int door;

	if (lt_node_new(&node))
		return __LINE__;
	app = lt_worker("app", OCKAM_ACCEPT_LINKS);
	echoer = lt_worker("echos", OCKAM_ACCEPT_LINKS);
	if (app < 0 || echoer < 0)
		return __LINE__;
	if (lt_hop(&node, "hop", NULL, OCKAM_ACCEPT_LINKS))
		return __LINE__;
	if (channel_new(node.nl, &l->seed))
		return __LINE__;
	/* A link of the node to itself, or to a plain socket of ours. */
	over_link = ot_below(&l->seed, 2);
	w.peer = -1;
	if (over_link) {
		door = lt_listen(&node, &at, lt_conf(.name = "door"));
		if (door < 0)
			return __LINE__;
		id = lt_connect(&node, &at, lt_conf(.name = "link"));
		if (id < 0 || !lt_is_up(&node, id))
			return __LINE__;
	} else if (lt_wire(&node, &w, lt_conf(.name = "link"))) {
		return __LINE__;
	}
	route[0] = ot_route("echos", NULL);
	route[1] = ot_route("hop", "echos", NULL);
	route[2] = ot_route("link", "echos", NULL);
	route[3] = ot_route("enc", "app", NULL);
	n = 10 + ot_below(&l->seed, 40);
	for (i = 0; i < n; i++) {
		unsigned int to = ot_below(&l->seed, 4);

		if (ot_sendx(app, ot_out(.to = &route[to],
					 .flags = MSG_DONTWAIT),
			     buf, ot_below(&l->seed, sizeof(buf))) >= 0)
			l->sent++;
		if (w.peer >= 0)
			lt_tell(w.peer, "echos", buf, 64);
		while (i & 1 && ot_recv(echoer, buf, sizeof(buf),
					MSG_DONTWAIT) >= 0)
			l->heard++;
	}

	/* Each goes first, or stays to the end of the namespace. */
	for (i = 0; i < 6; i++) {
		switch (ot_below(&l->seed, 12)) {
		case 0:
			ockam_nl_link_flush(node.nl);
			break;
		case 1:
			ockam_nl_channel_flush(node.nl);
			break;
		case 2:
			ockam_nl_hop_flush(node.nl);
			break;
		case 3:
			close(app);
			app = -1;
			break;
		case 4:
			close(echoer);
			echoer = -1;
			break;
		case 5:
			close(w.peer);
			w.peer = -1;
			break;
		default:
			if (app >= 0)
				ot_sendx(app, ot_out(
					.to = &route[ot_below(&l->seed, 4)],
					.flags = MSG_DONTWAIT), buf, 100);
			break;
		}
	}
	close(app);
	close(echoer);
	close(w.peer);
	lt_node_free(&node);
	return 0;
}

static int work(void *arg)
{
	struct load *l = arg;
	unsigned int i;
	int line;

	for (i = 0; i < l->rounds; i++) {
		line = one(l);
		if (line) {
			fprintf(stderr, "# namespace %u: line %d\n", i, line);
			return 1;
		}
	}
	fprintf(stderr, "# %u namespaces: %llu messages sent, %llu heard\n",
		l->rounds, (unsigned long long)l->sent,
		(unsigned long long)l->heard);
	return l->sent > l->rounds && l->heard > l->rounds ? 0 : 2;
}

/* @n namespaces by WORKERS processes. */
static int run_load(uint64_t seed, unsigned int n)
{
	pid_t pid[WORKERS];
	int i, status, failed = 0;

	for (i = 0; i < WORKERS; i++) {
		struct load l = {
			.seed = seed + i * 0x9e3779b97f4a7c15ULL,
			.rounds = n / WORKERS,
		};

		pid[i] = fork();
		if (!pid[i])
			_exit(work(&l));
	}
	for (i = 0; i < WORKERS; i++)
		if (waitpid(pid[i], &status, 0) != pid[i] || status)
			failed++;
	return failed;
}

FIXTURE(stress) {
	uint64_t seed;
};

FIXTURE_SETUP(stress)
{
	self->seed = ot_seed(_metadata);
}

FIXTURE_TEARDOWN(stress)
{
}

/*
 * What a kernel keeps in caches and in broken pages goes up and down by tens of
 * MiB, whatever the number of namespaces; what is lost grows with it.  12 KiB for
 * each is called lost if it is missing after @TRIES times as many as well.
 */
#define TRIES	4

TEST_F_TIMEOUT(stress, namespaces_come_and_go, 1200)
{
	unsigned int i, j, n = ot_debug() ? NAMESPACES / 10 : NAMESPACES;
	long before, lost, limit;

	/* What the first ones leave in caches is not a leak. */
	ASSERT_EQ(0, run_load(self->seed, 40));
	ASSERT_TRUE(freed());
	settle();
	before = mem_kib("MemAvailable");
	for (i = 1; i <= TRIES; i++) {
		limit = 12 * NAMESPACES * (long)i;
		ASSERT_EQ(0, run_load(self->seed + i, n));
		/* All of them are freed. */
		ASSERT_TRUE(freed());
		/* What waits for RCU comes late, caches never: then @TRIES tell. */
		for (j = 0; j < 100; j++) {
			settle();
			lost = before - mem_kib("MemAvailable");
			if (lost < limit)
				break;
			usleep(100000);
		}
		TH_LOG("%u namespaces: of %ld KiB %ld are missing", i * n,
		       before, lost);
		if (lost < limit)
			break;
	}
	EXPECT_LT(lost, limit);
}

/* Processes killed in the middle of it all, whatever they were doing. */
TEST_F_TIMEOUT(stress, killed_at_any_time, 600)
{
	unsigned int i, n = ot_debug() ? 30 : 80;

	for (i = 0; i < n; i++) {
		struct load l = { .seed = self->seed + i, .rounds = 1000 };
		pid_t pid = fork();

		if (!pid)
			_exit(work(&l));
		usleep(5000 + ot_below(&self->seed, 300000));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	}
	EXPECT_TRUE(freed());
}

TEST_HARNESS_MAIN
