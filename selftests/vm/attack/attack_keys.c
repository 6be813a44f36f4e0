// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Nonces are used once, whatever goes wrong on the way: the test has the other
 * end of the wire, and looks at every ciphertext.  And keys are nowhere when they
 * are no longer needed: the memory of the machine is searched for them.  At no time
 * are they in what a kernel tells: its trace buffers and its log.
 */
#include <elf.h>
#include <openssl/evp.h>
#include <sys/klog.h>

#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "attack_test.h"

#define GENERATION	32

/* ---- nonces ---- */

#define SENDERS		4

/**
 * struct wire - what is at the other end, and what it has seen
 * @peer: plain socket; @lock is held when it changes
 * @seen: ciphertexts
 * @last: nonce of the last one
 * @gaps: nonces that did not come
 * @bad: a nonce that was not above the one before
 * @pause: do not read, so that the way fills up
 * @quit: enough
 */
struct wire {
	pthread_mutex_t	lock;
	int		peer;
	uint64_t	seen;
	uint64_t	last;
	uint64_t	gaps;
	uint64_t	bad;
	bool		pause;
	bool		quit;
};

static void *watch(void *arg)
{
	struct wire *w = arg;
	struct at_frame f;
	uint64_t nonce;

	while (!__atomic_load_n(&w->quit, __ATOMIC_SEQ_CST)) {
		if (__atomic_load_n(&w->pause, __ATOMIC_SEQ_CST)) {
			usleep(1000);
			continue;
		}
		pthread_mutex_lock(&w->lock);
		if (ot_poll(w->peer, POLLIN, 10) <= 0 || !at_read(w->peer, &f)) {
			pthread_mutex_unlock(&w->lock);
			usleep(1000);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		nonce = at_nonce(&f);
		if (w->seen && nonce <= w->last)
			w->bad++;
		else if (w->seen)
			w->gaps += nonce - w->last - 1;
		else
			w->gaps += nonce;
		w->last = nonce;
		__atomic_add_fetch(&w->seen, 1, __ATOMIC_SEQ_CST);
		at_free(&f);
	}
	return NULL;
}

/**
 * struct sender - one of those who send
 * @nonblock: gets EAGAIN instead of waiting
 * @fail: wants its allocations to fail
 * @good: sends that went well; likewise the others, by error
 * @odd: an error that was not expected
 */
struct sender {
	int		number;
	bool		nonblock;
	bool		fail;
	uint64_t	good;
	uint64_t	again;
	uint64_t	intr;
	uint64_t	unreach;
	uint64_t	nomem;
	uint64_t	toobig;
	int		odd;
	bool		*quit;
	pthread_t	thread;
};

static void make_it_fail(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/make-it-fail",
		 syscall(SYS_gettid));
	ot_write(path, "1");
}

static void *send_all(void *arg)
{
	struct sockaddr_ockam sa = ct_sa("E1>echoer");
	static char large[3 << 20];
	struct sender *s = arg;
	static char text[8000];
	char name[16];
	uint64_t n;
	ssize_t len;
	int fd;

	snprintf(name, sizeof(name), "sender%d", s->number);
	fd = ot_worker(name, s->nonblock ? SOCK_NONBLOCK : 0);
	if (s->fail)
		make_it_fail();
	for (n = 0; !__atomic_load_n(s->quit, __ATOMIC_SEQ_CST); n++) {
		/* Now and then one that is too large for the node. */
		if (n % 50 == 7)
			len = ot_sendx(fd, ot_out(.name = &sa), large,
				       sizeof(large));
		else
			len = ot_sendx(fd, ot_out(.name = &sa), text,
				       sizeof(text));
		if (len >= 0)
			s->good++;
		else if (len == -EAGAIN)
			s->again++, usleep(500);
		else if (len == -EINTR)
			s->intr++;
		else if (len == -ENETUNREACH || len == -EHOSTUNREACH)
			s->unreach++, usleep(500);
		else if (len == -ENOMEM || len == -ENOBUFS)
			s->nomem++;
		else if (len == -EMSGSIZE)
			s->toobig++;
		else
			s->odd = len;
	}
	close(fd);
	return NULL;
}

static void on_signal(int sig)
{
}

FIXTURE(nonces) {
	struct at_side a;
	struct ct_keys keys;
	struct wire wire;
	struct sender s[SENDERS];
	pthread_t watcher;
	bool quit;
};

FIXTURE_SETUP(nonces)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	ct_keys(&self->keys);
	ASSERT_EQ(0, at_side(&self->a, "app", 0));
	ASSERT_EQ(0, lt_small_buffers());
	ASSERT_EQ(0, lt_set(&self->a.node, OCKAM_A_NODE_TXQ_LIMIT, 65536));
	ASSERT_EQ(0, lt_del(&self->a.node, self->a.w[0].link));
	close(self->a.w[0].peer);
	ASSERT_EQ(0, lt_wire(&self->a.node, &self->a.w[0],
			     lt_conf(.name = "l0")));
	ASSERT_EQ(0, ct_new(self->a.node.nl, &self->keys, true, "E1", "D1", -1,
			    "l0>D2"));
	pthread_mutex_init(&self->wire.lock, NULL);
	self->wire.peer = self->a.w[0].peer;
}

FIXTURE_TEARDOWN(nonces)
{
	at_side_free(&self->a);
}

static int start(FIXTURE_DATA(nonces) *self, bool fail)
{
	int i, err;

	err = pthread_create(&self->watcher, NULL, watch, &self->wire);
	for (i = 0; i < SENDERS && !err; i++) {
		self->s[i].number = i;
		self->s[i].nonblock = i & 1;
		self->s[i].fail = fail;
		self->s[i].quit = &self->quit;
		err = pthread_create(&self->s[i].thread, NULL, send_all,
				     &self->s[i]);
	}
	return err;
}

static uint64_t sum(const FIXTURE_DATA(nonces) *self, size_t field)
{
	uint64_t all = 0;
	int i;

	for (i = 0; i < SENDERS; i++)
		all += __atomic_load_n((uint64_t *)((char *)&self->s[i] +
						    field), __ATOMIC_SEQ_CST);
	return all;
}

#define SUM(self, field)	sum(self, offsetof(struct sender, field))

/*
 * The way is blocked until some were interrupted in their wait, and others told
 * to try again, then @n ciphertexts pass, under more signals.
 */
static bool disturb(FIXTURE_DATA(nonces) *self, uint64_t *rng, uint64_t n)
{
	uint64_t again = SUM(self, again), intr = SUM(self, intr), seen;
	uint64_t end = ot_ms() + ot_limit(40000);

	__atomic_store_n(&self->wire.pause, true, __ATOMIC_SEQ_CST);
	while (SUM(self, again) <= again || SUM(self, intr) <= intr + 3) {
		if (ot_ms() > end)
			return false;
		pthread_kill(self->s[ot_below(rng, SENDERS)].thread, SIGUSR1);
		usleep(ot_below(rng, 300));
	}
	seen = __atomic_load_n(&self->wire.seen, __ATOMIC_SEQ_CST) + n;
	__atomic_store_n(&self->wire.pause, false, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&self->wire.seen, __ATOMIC_SEQ_CST) < seen) {
		if (ot_ms() > end)
			return false;
		pthread_kill(self->s[ot_below(rng, SENDERS)].thread, SIGUSR1);
		usleep(ot_below(rng, 300));
	}
	return true;
}

static uint64_t *tried(struct sender *s, int i)
{
	uint64_t *const all[] = { &s->good, &s->again, &s->intr, &s->unreach,
				  &s->nomem, &s->toobig };

	return all[i];
}

/* All sums in s[0]; waits until the wire has been silent for a while. */
static int finish(FIXTURE_DATA(nonces) *self)
{
	uint64_t seen = 0;
	int i, j, odd = 0, calm = 0;

	__atomic_store_n(&self->quit, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < SENDERS; i++) {
		while (pthread_tryjoin_np(self->s[i].thread, NULL)) {
			pthread_kill(self->s[i].thread, SIGUSR1);
			usleep(1000);
		}
		odd = odd ?: self->s[i].odd;
		for (j = 0; i && j < 6; j++)
			*tried(&self->s[0], j) += *tried(&self->s[i], j);
	}
	/* Once, if all has come. */
	while (calm < (seen == self->s[0].good ? 1 : 5)) {
		uint64_t was = seen;

		usleep(300000);
		seen = __atomic_load_n(&self->wire.seen, __ATOMIC_SEQ_CST);
		calm = seen == was ? calm + 1 : 0;
	}
	__atomic_store_n(&self->wire.quit, true, __ATOMIC_SEQ_CST);
	pthread_join(self->watcher, NULL);
	return odd;
}

#define SAY(self)							\
	TH_LOG("%llu sent, %llu EAGAIN, %llu EINTR, %llu unreachable, %llu ENOMEM, %llu too large; %llu seen, %llu nonces left out", \
	       (unsigned long long)(self)->s[0].good,			\
	       (unsigned long long)(self)->s[0].again,			\
	       (unsigned long long)(self)->s[0].intr,			\
	       (unsigned long long)(self)->s[0].unreach,		\
	       (unsigned long long)(self)->s[0].nomem,			\
	       (unsigned long long)(self)->s[0].toobig,			\
	       (unsigned long long)(self)->wire.seen,			\
	       (unsigned long long)(self)->wire.gaps)

/*
 * Four senders at once, a way that is full, signals, refusals: each message that
 * was sent has the next nonce, and no other has one.
 */
TEST_F_TIMEOUT(nonces, none_lost_or_twice, 120)
{
	struct ockam_nl_channel ch;
	uint64_t rng = ot_seed(_metadata);
	int i;

	ASSERT_EQ(0, start(self, false));
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(disturb(self, &rng, 100));
	EXPECT_EQ(0, finish(self));
	SAY(self);
	EXPECT_EQ(0, self->wire.bad);
	EXPECT_EQ(0, self->wire.gaps);
	EXPECT_EQ(self->s[0].good, self->wire.seen);
	EXPECT_EQ(self->wire.seen, self->wire.last + 1);
	ASSERT_EQ(0, ct_get(self->a.node.nl, "E1", &ch));
	EXPECT_EQ(self->s[0].good, ch.tx_msgs);
	/* It was no empty exercise. */
	EXPECT_LT(0, self->s[0].again);
	EXPECT_LT(0, self->s[0].intr);
	EXPECT_LT(0, self->s[0].toobig);
	EXPECT_EQ(0, self->s[0].unreach);
}

/*
 * The link goes away and comes back under its name, with frames under way; the
 * same keys are installed again, and nonces set: what counts goes on counting.
 */
TEST_F_TIMEOUT(nonces, link_comes_and_goes, 240)
{
	struct ockam_nl_channel ch = {}, set;
	uint64_t rng = ot_seed(_metadata);
	int i, old;

	ASSERT_EQ(0, start(self, false));
	for (i = 0; i < 8; i++) {
		EXPECT_TRUE(disturb(self, &rng, 30));
		EXPECT_EQ(-EEXIST, ct_new(self->a.node.nl, &self->keys, true,
					  "F1", "G1", -1, "l0>D2"));
		memset(&set, 0, sizeof(set));
		set.encryptor.len = ct_flat(set.encryptor.data, "E1");
		ockam_nl_mark(&set, OCKAM_A_CHANNEL_ENCRYPTOR);
		ockam_nl_mark(&set, OCKAM_A_CHANNEL_TX_NONCE);
		EXPECT_GT(0, ockam_nl_channel_set(self->a.node.nl, &set));

		pthread_mutex_lock(&self->wire.lock);
		old = self->wire.peer;
		EXPECT_EQ(0, lt_del(&self->a.node, self->a.w[0].link));
		EXPECT_EQ(0, lt_wire(&self->a.node, &self->a.w[0],
				     lt_conf(.name = "l0")));
		self->wire.peer = self->a.w[0].peer;
		pthread_mutex_unlock(&self->wire.lock);
		close(old);
		if (!_metadata->passed)
			break;
	}
	EXPECT_TRUE(disturb(self, &rng, 30));
	EXPECT_EQ(0, finish(self));
	SAY(self);
	EXPECT_EQ(0, self->wire.bad);
	ASSERT_EQ(0, ct_get(self->a.node.nl, "E1", &ch));
	/* Each nonce that was taken is one message, seen or lost on a link. */
	EXPECT_EQ(ch.tx_msgs, self->wire.last + 1);
	EXPECT_EQ(ch.tx_msgs, self->wire.seen + self->wire.gaps);
	EXPECT_LT(0, self->wire.gaps);
	EXPECT_LT(0, self->s[0].unreach);
}

/* Allocations fail, on kernels that can do that. */
TEST_F_TIMEOUT(nonces, no_memory, 240)
{
	static const char *const dirs[] = { "failslab", "fail_page_alloc" };
	uint64_t rng = ot_seed(_metadata);
	struct ockam_nl_channel ch;
	char path[128];
	int i, j;

	static const char *const knobs[][2] = {
		{ "task-filter", "Y" }, { "probability", "5" },
		{ "interval", "1" }, { "times", "-1" }, { "verbose", "0" },
		{ "ignore-gfp-wait", "N" },
	};

	lt_run("mount -t debugfs none /sys/kernel/debug 2>/dev/null");
	for (i = 0; i < 2; i++) {
		for (j = 0; j < ARRAY_SIZE(knobs); j++) {
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s",
				 dirs[i], knobs[j][0]);
			if (ot_write(path, knobs[j][1]) && !j)
				SKIP(return, "no fault injection");
		}
	}
	ASSERT_EQ(0, start(self, true));
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(disturb(self, &rng, 100));
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/probability",
			 dirs[i]);
		ot_write(path, "0");
	}
	EXPECT_EQ(0, finish(self));
	SAY(self);
	EXPECT_EQ(0, self->wire.bad);
	EXPECT_LT(0, self->s[0].nomem);
	ASSERT_EQ(0, ct_get(self->a.node.nl, "E1", &ch));
	EXPECT_EQ(ch.tx_msgs, self->wire.last + 1);
	/* A nonce may be lost to a failure behind the cipher, and no other way. */
	EXPECT_GE(self->s[0].nomem, self->wire.gaps);
	EXPECT_EQ(self->s[0].good, self->wire.seen);
}

/* ---- keys in memory ---- */

#define DIRECT_MAP	0xffff888000000000ULL
#define DIRECT_MAP_END	0xffffc88000000000ULL
#define CHUNK		(1 << 20)
#define GENS		5
#define MASK		0xa5

/*
 * What is looked for must not be in our own memory, or it would be found there:
 * keys are kept with all bytes changed, and every other copy is wiped at once.
 */
struct masked {
	uint8_t	b[32];
};

static void wipe(void *p, size_t len)
{
	memset(p, 0, len);
	__asm__ volatile("" : : "r"(p) : "memory");
}

static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[65536];

	wipe(below, sizeof(below));
}

static void mask(struct masked *to, uint8_t *key)
{
	int i;

	for (i = 0; i < 32; i++)
		to->b[i] = key[i] ^ MASK;
	wipe(key, 32);
}

static void unmask(uint8_t *to, const struct masked *m)
{
	int i;

	for (i = 0; i < 32; i++)
		to[i] = m->b[i] ^ MASK;
}

static __attribute__((noinline)) void random_key(struct masked *m)
{
	uint8_t key[32];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		abort();
	mask(m, key);
}

/* The ratchet. */
static __attribute__((noinline)) void next_key(struct masked *to,
					       const struct masked *from)
{
	uint8_t nonce[12] = {}, key[32], zero[32] = {};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	memset(nonce + 4, 0xff, 8);
	unmask(key, from);
	if (!ctx || !EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key,
					nonce) ||
	    !EVP_EncryptUpdate(ctx, zero, &n, zero, 32))
		abort();
	EVP_CIPHER_CTX_free(ctx);
	wipe(key, sizeof(key));
	mask(to, zero);
}

static __attribute__((noinline)) int install(struct ockam_nl *nl,
					     const struct masked *tx,
					     const struct masked *rx,
					     bool initiator, const char *enc,
					     const char *dec, const char *route)
{
	struct ct_keys k;
	int err;

	unmask(k.key[!initiator], tx);
	unmask(k.key[initiator], rx);
	err = ct_new(nl, &k, initiator, enc, dec, -1, route);
	wipe(&k, sizeof(k));
	return err;
}

struct search {
	const struct masked	*key;
	unsigned int		*hits;
	unsigned int		n;
	uint8_t			maybe[65536];
	uint64_t		bytes;
};

/* Does key @i begin at @p? */
static bool is_key(const struct search *s, unsigned int i, const uint8_t *p)
{
	unsigned int j;

	for (j = 0; j < 32; j++)
		if ((p[j] ^ MASK) != s->key[i].b[j])
			return false;
	return true;
}

/*
 * A key begins anywhere, but an aligned word lies in its first 15 bytes.  Words
 * are looked up by two of their bytes.
 */
static void search_chunk(struct search *s, const uint8_t *p, size_t len)
{
	const uint64_t *word = (const void *)p;
	unsigned int i, o;
	size_t at;

	for (at = 0; at + 8 <= len; at += 8, word++) {
		if (!s->maybe[*word & 0xffff])
			continue;
		for (i = 0; i < s->n; i++)
			for (o = 0; o < 8 && o <= at; o++)
				s->hits[i] += at - o < CHUNK &&
					      at - o + 32 <= len &&
					      is_key(s, i, p + at - o);
	}
}

/* How often each of @n keys is in the machine's memory. */
static int search(struct __test_metadata *_metadata, const struct masked *key,
		  unsigned int *hits, unsigned int n)
{
	static uint8_t buf[CHUNK + 32] __attribute__((aligned(8)));
	static struct search s;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned int i;
	int fd;

	wipe_stack();
	memset(hits, 0, n * sizeof(*hits));
	memset(&s, 0, sizeof(s));
	s.key = key;
	s.hits = hits;
	s.n = n;
	for (i = 0; i < n * 8; i++) {
		const uint8_t *b = &key[i / 8].b[i % 8];

		s.maybe[(b[0] | b[1] << 8) ^ (MASK | MASK << 8)] = 1;
	}
	fd = open("/proc/kcore", O_RDONLY);
	if (fd < 0)
		return -errno;
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return -EIO;
	for (i = 0; i < eh.e_phnum; i++) {
		uint64_t off;

		if (pread(fd, &ph, sizeof(ph), eh.e_phoff +
			  i * sizeof(ph)) != sizeof(ph))
			return -EIO;
		if (ph.p_type != PT_LOAD || ph.p_vaddr < DIRECT_MAP ||
		    ph.p_vaddr >= DIRECT_MAP_END)
			continue;
		/* 32 bytes more, for what lies across. */
		for (off = 0; off < ph.p_filesz; off += CHUNK) {
			size_t want = ph.p_filesz - off;
			ssize_t got;

			if (want > CHUNK + 32)
				want = CHUNK + 32;
			got = pread(fd, buf, want, ph.p_offset + off);
			if (got > 0) {
				search_chunk(&s, buf, got);
				s.bytes += got;
			}
			wipe(buf, sizeof(buf));
		}
	}
	close(fd);
	TH_LOG("%llu MiB searched", (unsigned long long)s.bytes >> 20);
	return s.bytes < 64ULL << 20 ? -ENODATA : 0;
}

/* FIXTURE_SETUP cannot skip a test in every version of the harness. */
static bool no_kcore(void)
{
	return access("/proc/kcore", R_OK);
}

FIXTURE(memory) {
	struct lt_node node;
	struct masked key[2][GENS];	/* of both directions */
	int app;
	int echoer;
	int nowhere;
};

FIXTURE_SETUP(memory)
{
	int i, g;

	ASSERT_EQ(0, lt_node_new(&self->node));
	for (i = 0; i < 2; i++) {
		random_key(&self->key[i][0]);
		for (g = 1; g < GENS; g++)
			next_key(&self->key[i][g], &self->key[i][g - 1]);
	}
	/* Not a single carrier: old keys are kept for a while. */
	ASSERT_EQ(0, lt_hop(&self->node, "h", NULL, OCKAM_ACCEPT_LOCAL));
	ASSERT_EQ(0, install(self->node.nl, &self->key[0][0],
			     &self->key[1][0], true, "E1", "D1", "h>D2"));
	ASSERT_EQ(0, install(self->node.nl, &self->key[1][0],
			     &self->key[0][0], false, "E2", "D2", "h>D1"));
	self->app = lt_worker("app", OCKAM_ACCEPT_CHANNELS);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_CHANNELS);
	self->nowhere = lt_worker("nowhere", 0);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	ASSERT_LE(0, self->nowhere);
}

FIXTURE_TEARDOWN(memory)
{
	lt_node_free(&self->node);
}

static int set_route(struct lt_node *node, const char *enc, const char *route)
{
	struct ockam_nl_channel set = {};

	set.encryptor.len = ct_flat(set.encryptor.data, enc);
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_ENCRYPTOR);
	set.route.len = ct_flat(set.route.data, route);
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_ROUTE);
	return ockam_nl_channel_set(node->nl, &set);
}

TEST_F_TIMEOUT(memory, is_clean, 500)
{
	struct sockaddr_ockam there = ct_sa("E1>echoer");
	struct sockaddr_ockam back = ct_sa("E2>app");
	struct masked key[2 * GENS + 1];
	unsigned int hits[2 * GENS + 1], n = 3 * GENERATION + 5, i, g;
	static uint8_t bare[33];
	char buf[128];

	if (no_kcore())
		SKIP(return, "no /proc/kcore");
	for (i = 0; i < n; i++) {
		/* Lost: the keys of its generation could still be needed. */
		bool lost = i == GENERATION + 9 || i == 2 * GENERATION + 9;

		if (lost) {
			ASSERT_EQ(0, set_route(&self->node, "E1", "nowhere"));
			ASSERT_EQ(0, set_route(&self->node, "E2", "nowhere"));
		}
		ASSERT_EQ(1, ot_sendx(self->app, ot_out(.name = &there), "x",
				      1));
		ASSERT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &back), "x",
				      1));
		if (lost) {
			ASSERT_LT(0, ot_recv(self->nowhere, buf, sizeof(buf),
					     0));
			ASSERT_LT(0, ot_recv(self->nowhere, buf, sizeof(buf),
					     0));
			ASSERT_EQ(0, set_route(&self->node, "E1", "h>D2"));
			ASSERT_EQ(0, set_route(&self->node, "E2", "h>D1"));
			continue;
		}
		ASSERT_EQ(1, ot_recv(self->echoer, buf, 1, 0));
		ASSERT_EQ(1, ot_recv(self->app, buf, 1, 0));
	}
	/* Old keys are kept for 2 s; what is prepared is done by then. */
	sleep(3);

	/* A key of our own, to see that what is there is found. */
	memcpy(key, self->key, sizeof(self->key));
	random_key(&key[2 * GENS]);
	unmask(bare + 1, &key[2 * GENS]);
	ASSERT_EQ(0, search(_metadata, key, hits, 2 * GENS + 1));
	wipe(bare, sizeof(bare));
	EXPECT_LE(1, hits[2 * GENS]);
	for (i = 0; i < 2; i++) {
		for (g = 0; g < GENS; g++) {
			n = hits[i * GENS + g];
			TH_LOG("direction %u, generation %u: %u times", i, g,
			       n);
			/* Gone; live, at both ends; prepared for receiving. */
			EXPECT_TRUE(g < 3 ? !n : g == 3 ? n >= 2 : n >= 1);
		}
	}

	ASSERT_EQ(0, ockam_nl_channel_flush(self->node.nl));
	/* Freed after a grace period, but wiped before. */
	ASSERT_EQ(0, search(_metadata, self->key[0], hits, 2 * GENS));
	for (i = 0; i < 2; i++) {
		for (g = 0; g < GENS; g++)
			EXPECT_EQ(0, hits[i * GENS + g]);
	}
}

/* Nor is anything left of a request that was refused. */
TEST_F_TIMEOUT(memory, of_refused_requests, 240)
{
	struct masked key[2];
	unsigned int hits[2];

	if (no_kcore())
		SKIP(return, "no /proc/kcore");
	random_key(&key[0]);
	random_key(&key[1]);
	EXPECT_EQ(-EADDRINUSE, install(self->node.nl, &key[0], &key[1], true,
				       "E1", "D3", "h>D2"));
	EXPECT_EQ(-ELOOP, install(self->node.nl, &key[0], &key[1], true, "E3",
				  "D3", "E3>D2"));
	EXPECT_EQ(-EINVAL, install(self->node.nl, &key[0], &key[0], true, "E3",
				   "D3", "h>D2"));
	ASSERT_EQ(0, search(_metadata, key, hits, 2));
	EXPECT_EQ(0, hits[0]);
	EXPECT_EQ(0, hits[1]);
}

/* ---- keys in traces ---- */

#define TRACING		"/sys/kernel/tracing/"
#define WINDOW		8	/* so many bytes of a key are a hit */
#define PARTS		(32 - WINDOW + 1)

/* Groups of events: ours, and those that see our calls and buffers. */
static const char *const events[] = {
	"ockam", "netlink", "net", "skb", "sock", "workqueue", "raw_syscalls",
};

/**
 * struct parts - what is looked for: each stretch of keys, both byte orders
 * @v: sorted by nothing
 * @n: how many
 * @maybe: by the last two bytes of them
 * @hits: found
 * @bytes: looked at
 */
struct parts {
	uint64_t	v[3 * 2 * PARTS * GENS];
	unsigned int	n;
	uint8_t		maybe[65536];
	unsigned int	hits;
	uint64_t	bytes;
};

static void add_part(struct parts *p, uint64_t v)
{
	p->v[p->n++] = v;
	p->maybe[v & 0xffff] = 1;
}

static void add_key(struct parts *p, const struct masked *m)
{
	uint64_t big, little;
	uint8_t key[32];
	int i, j;

	unmask(key, m);
	for (i = 0; i < PARTS; i++) {
		for (j = 0, big = little = 0; j < WINDOW; j++) {
			big = big << 8 | key[i + j];
			little |= (uint64_t)key[i + j] << 8 * j;
		}
		add_part(p, big);
		add_part(p, little);
	}
}

static void look_up(struct parts *p, uint64_t v)
{
	unsigned int i;

	if (!p->maybe[v & 0xffff])
		return;
	for (i = 0; i < p->n; i++)
		p->hits += p->v[i] == v;
}

/* As it is, and as digits, in groups or not. */
static void look_at(struct parts *p, const uint8_t *b, size_t len)
{
	uint64_t raw = 0, hex = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		raw = raw << 8 | b[i];
		look_up(p, raw);
		if (b[i] >= '0' && b[i] <= '9')
			hex = hex << 4 | (b[i] - '0');
		else if ((b[i] | 32) >= 'a' && (b[i] | 32) <= 'f')
			hex = hex << 4 | ((b[i] | 32) - 'a' + 10);
		else
			continue;
		look_up(p, hex);
	}
	p->bytes += len;
}

static void look_into(struct parts *p, const char *path)
{
	static uint8_t buf[65536];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t kept = 0;
	ssize_t n;

	if (fd < 0)
		return;
	/* What lies across two reads is looked at again. */
	while ((n = read(fd, buf + kept, sizeof(buf) - kept)) > 0) {
		look_at(p, buf, kept + n);
		n += kept;
		kept = n < 256 ? n : 256;
		memmove(buf, buf + n - kept, kept);
	}
	close(fd);
}

static void look_into_log(struct parts *p)
{
	size_t size = klogctl(10, NULL, 0);
	char *buf = malloc(size);
	int n = klogctl(3, buf, size);

	if (n > 0)
		look_at(p, (uint8_t *)buf, n);
	free(buf);
}

static int trace(const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), TRACING "%.200s", file);
	return ot_write(path, text);
}

static void trace_events(bool on)
{
	char path[256];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), "events/%s/enable", events[i]);
		trace(path, on ? "1" : "0");
	}
}

/* Does the text of the trace have a line with @what? */
static bool traced(const char *what)
{
	FILE *f = fopen(TRACING "trace", "re");
	bool found = false;
	char line[1024];

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, what);
	if (f)
		fclose(f);
	return found;
}

/* A piece of a key, as text and as it is, to see that it would be found. */
static void leave_a_trace(const struct masked *m)
{
	char text[80] = "marker ";
	uint8_t key[32];
	int i, fd;

	unmask(key, m);
	for (i = 0; i < 12; i++)
		sprintf(text + 7 + 3 * i, "%02x ", key[i + 5]);
	trace("trace_marker", text);
	/* The kernel wants an identifier in front. */
	memset(text, 1, 4);
	memcpy(text + 4, key + 9, 16);
	fd = open(TRACING "trace_marker_raw", O_WRONLY | O_CLOEXEC);
	if (write(fd, text, 20) != 20)
		abort();
	close(fd);
}

FIXTURE(traces) {
	struct lt_node node;
	struct masked key[2][GENS];
	struct parts *parts;
	int app;
	int echoer;
};

FIXTURE_SETUP(traces)
{
	int i, g;

	lt_run("mount -t tracefs none " TRACING " 2>/dev/null");
	self->parts = calloc(1, sizeof(*self->parts));
	ASSERT_NE(NULL, self->parts);
	ASSERT_EQ(0, lt_node_new(&self->node));
	for (i = 0; i < 2; i++) {
		random_key(&self->key[i][0]);
		for (g = 1; g < GENS; g++)
			next_key(&self->key[i][g], &self->key[i][g - 1]);
		for (g = 0; g < GENS; g++)
			add_key(self->parts, &self->key[i][g]);
	}
}

FIXTURE_TEARDOWN(traces)
{
	trace_events(false);
	trace("trace", "");
	free(self->parts);
	lt_node_free(&self->node);
}

static unsigned int look_everywhere(struct parts *p)
{
	char path[256];
	int cpu;

	p->hits = p->bytes = 0;
	look_into(p, TRACING "trace");
	for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		snprintf(path, sizeof(path),
			 TRACING "per_cpu/cpu%d/trace_pipe_raw", cpu);
		look_into(p, path);
	}
	look_into_log(p);
	return p->hits;
}

TEST_F_TIMEOUT(traces, have_no_keys, 240)
{
	struct sockaddr_ockam there = ct_sa("E1>echoer");
	struct sockaddr_ockam back = ct_sa("E2>app");
	unsigned int i;
	char c;

	ASSERT_EQ(0, trace("tracing_on", "0"));
	ASSERT_EQ(0, trace("trace", ""));
	ASSERT_EQ(0, trace("buffer_size_kb", "8192"));
	trace_events(true);
	ASSERT_EQ(0, trace("tracing_on", "1"));

	/* The route through a hop: old keys are kept, too. */
	ASSERT_EQ(0, lt_hop(&self->node, "h", NULL, OCKAM_ACCEPT_LOCAL));
	ASSERT_EQ(0, install(self->node.nl, &self->key[0][0],
			     &self->key[1][0], true, "E1", "D1", "h>D2"));
	ASSERT_EQ(0, install(self->node.nl, &self->key[1][0],
			     &self->key[0][0], false, "E2", "D2", "h>D1"));
	EXPECT_EQ(-EEXIST, install(self->node.nl, &self->key[0][0],
				   &self->key[1][0], true, "E3", "D3", "h>D2"));
	self->app = lt_worker("app", OCKAM_ACCEPT_CHANNELS);
	self->echoer = lt_worker("echoer", OCKAM_ACCEPT_CHANNELS);
	ASSERT_LE(0, self->app);
	ASSERT_LE(0, self->echoer);
	for (i = 0; i < (GENS - 2) * GENERATION + 5; i++) {
		ASSERT_EQ(1, ot_sendx(self->app, ot_out(.name = &there), "x",
				      1));
		ASSERT_EQ(1, ot_recv(self->echoer, &c, 1, 0));
		ASSERT_EQ(1, ot_sendx(self->echoer, ot_out(.name = &back), "x",
				      1));
		ASSERT_EQ(1, ot_recv(self->app, &c, 1, 0));
	}
	ASSERT_EQ(0, ockam_nl_channel_flush(self->node.nl));
	ASSERT_EQ(0, trace("tracing_on", "0"));

	/* There is a trace of all that. */
	EXPECT_TRUE(traced("ockam_encrypt"));
	EXPECT_TRUE(traced("ockam_decrypt"));
	EXPECT_TRUE(traced("sys_enter"));
	EXPECT_EQ(0, look_everywhere(self->parts));
	TH_LOG("%llu KiB of traces and log, no key",
	       (unsigned long long)self->parts->bytes >> 10);
	EXPECT_LT(200000, self->parts->bytes);

	/* And it would have been found. */
	ASSERT_EQ(0, trace("tracing_on", "1"));
	leave_a_trace(&self->key[0][1]);
	ASSERT_EQ(0, trace("tracing_on", "0"));
	/* As digits in the text, and twice in the raw buffers. */
	EXPECT_LE(5 + 5 + 9, look_everywhere(self->parts));
}

TEST_HARNESS_MAIN
