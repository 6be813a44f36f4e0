// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A channel takes a handshake socket over while everybody is at it: data right
 * behind M3 from two senders at once, junk from strangers, readers on duplicated
 * descriptors.  All that the peer encrypted is delivered once and in order, and is
 * never seen by who reads the handshake; all junk is accounted for, whoever got it.
 *
 * In some rounds data overtakes M3, as a relay can make it: what comes in M3's
 * place is what the socket has to give, so those that read the handshake get that
 * much ciphertext, as junk, and the channel never gets it.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"

#define LANES		3	/* rounds at the same time */
#define READERS		2
#define DATA_MAX	60
#define BEFORE_MAX	3
#define PEERS		2
#define JUNK_MAX	24
#define MAGIC		"JUNK"
#define M1		"M1: hello"
#define M3		"M3: here I am"
#define PLAIN		"plain text!"

/**
 * struct lane - rounds one after the other, and how the present one goes
 * @node: of all
 * @nl: netlink socket of our own
 * @number: which lane
 * @rounds: how many
 * @rng: random numbers, for the lane's own thread only
 * @back: the links' other ends, [0] is unused
 * @round: present round
 * @way: the peer's way: 0 within the node, 1 or 2 over a link
 * @hs: the handshake socket and its duplicates
 * @name: its name
 * @large: with many messages
 * @data: number of data messages
 * @before: how many of them the peer sends before M3
 * @ciphers: of these, which were read
 * @wait: before the takeover
 * @m1: messages that were read and are M1, likewise @m3
 * @junk_read: likewise junk
 * @junk_sent: by strangers
 * @junk_refused: that had no room, or no way any more
 * @early_rounds: rounds in which data waited in the socket for the channel
 * @before_rounds: rounds in which some came before M3
 * @why: what was wrong first, NULL if nothing
 * @number_why: and a number with it
 */
struct lane {
	struct lt_node		*node;
	struct ockam_nl		*nl;
	int			number;
	unsigned int		rounds;
	uint64_t		rng;
	char			(*back)[64];
	unsigned int		round;
	unsigned int		way;
	int			hs[1 + READERS];
	char			name[32];
	bool			large;
	uint32_t		data;
	uint32_t		before;
	uint32_t		ciphers;
	unsigned int		wait;
	unsigned int		m1;
	unsigned int		m3;
	uint64_t		junk_read;
	uint64_t		junk_sent;
	uint64_t		junk_refused;
	unsigned int		early_rounds;
	unsigned int		before_rounds;
	const char		*why;
	long			number_why;
};

static void wrong(struct lane *l, const char *why, long number)
{
	const char *none = NULL;

	if (__atomic_compare_exchange_n(&l->why, &none, why, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		l->number_why = number;
}

static const char *const via[] = { "", "up>", "side>" };

/* ---- who sends ---- */

/**
 * struct data - payload of a message
 * @round: of the lane
 * @peer: which sender
 * @number: counts that sender's messages
 * @text: nothing that a ciphertext looks like
 */
struct data {
	uint32_t	round;
	uint32_t	peer;
	uint32_t	number;
	char		text[12];
};

struct peer {
	struct lane	*lane;
	int		number;
	pthread_t	thread;
};

static int peer_socket(const struct peer *p)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "peer%d.%d", p->lane->number, p->number);
	fd = lt_worker(name, 0);
	if (fd < 0)
		wrong(p->lane, "peer: no socket", fd);
	return fd;
}

static void peer_data(const struct peer *p, int fd, uint32_t from, uint32_t to)
{
	struct lane *l = p->lane;
	struct sockaddr_ockam sa;
	char enc[80];
	ssize_t n;

	snprintf(enc, sizeof(enc), "E%d>sink%d", l->number, l->number);
	sa = ct_sa(enc);
	for (; from < to; from++) {
		struct data d = { l->round, p->number, from, PLAIN };

		n = ot_sendx(fd, ot_out(.name = &sa), &d, sizeof(d));
		if (n < 0)
			wrong(l, "peer: data was not sent", n);
	}
}

static void *more_data(void *arg)
{
	struct peer *p = arg;
	int fd = peer_socket(p);

	peer_data(p, fd, 0, p->lane->data);
	close(fd);
	return NULL;
}

/* The first of the peers, who does the handshake. */
static void *peer(void *arg)
{
	struct peer *p = arg;
	struct lane *l = p->lane;
	struct sockaddr_ockam sa;
	int i, fd = peer_socket(p);
	struct peer more[PEERS];
	char hs[80];
	ssize_t n;

	snprintf(hs, sizeof(hs), "%s%s", via[l->way], l->name);
	sa = ct_sa(hs);
	n = ot_sendx(fd, ot_out(.name = &sa), M1, strlen(M1));
	if (n < 0)
		wrong(l, "peer: M1 was not sent", n);
	peer_data(p, fd, 0, l->before);
	n = ot_sendx(fd, ot_out(.name = &sa), M3, strlen(M3));
	if (n < 0)
		wrong(l, "peer: M3 was not sent", n);
	for (i = 1; i < PEERS; i++) {
		more[i] = (struct peer){ .lane = l, .number = i };
		pthread_create(&more[i].thread, NULL, more_data, &more[i]);
	}
	peer_data(p, fd, l->before, l->data);
	for (i = 1; i < PEERS; i++)
		pthread_join(more[i].thread, NULL);
	close(fd);
	return NULL;
}

struct stranger {
	struct lane	*lane;
	unsigned int	way;
	unsigned int	n;
	uint64_t	rng;
	pthread_t	thread;
};

/* Anything from too short to a forgery with a plausible nonce. */
static void *stranger(void *arg)
{
	struct stranger *s = arg;
	struct lane *l = s->lane;
	struct sockaddr_ockam sa;
	uint8_t buf[64] = {};
	char hs[80];
	unsigned int i, j;
	ssize_t n;
	int fd;

	snprintf(hs, sizeof(hs), "%s%s", via[s->way], l->name);
	sa = ct_sa(hs);
	fd = lt_worker(NULL, 0);
	for (i = 0; i < s->n; i++) {
		size_t len = 4 + ot_below(&s->rng, sizeof(buf) - 4);

		for (j = 7; j < len; j++)
			buf[j] = ot_rand(&s->rng);
		buf[7] %= 2 * DATA_MAX;
		memcpy(buf + len - 4, MAGIC, 4);
		n = ot_sendx(fd, ot_out(.name = &sa), buf, len);
		memset(buf, 0, 8);
		__atomic_add_fetch(&l->junk_sent, 1, __ATOMIC_SEQ_CST);
		/* Only from where a decryptor takes nothing. */
		if (n == -EACCES)
			__atomic_add_fetch(&l->junk_refused, 1,
					   __ATOMIC_SEQ_CST);
		else if (n < 0)
			wrong(l, "stranger: a message was not sent", n);
		if (!ot_below(&s->rng, 4))
			sched_yield();
	}
	close(fd);
	return NULL;
}

/* ---- who reads ---- */

static bool is(const uint8_t *buf, ssize_t n, const char *text)
{
	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

/* One that was sent before M3: its nonce tells, and nothing shows through. */
static bool is_early(const struct lane *l, const uint8_t *buf, size_t len)
{
	return len > 8 && !memcmp(buf, "\0\0\0\0\0\0\0", 7) &&
	       buf[7] < l->before && !memmem(buf, len, PLAIN, strlen(PLAIN));
}

struct reader {
	struct lane	*lane;
	int		fd;
	pthread_t	thread;
};

/* Until the socket is the channel's. */
static void *reader(void *arg)
{
	struct reader *r = arg;
	struct lane *l = r->lane;
	uint8_t buf[256];
	ssize_t n;
	int err;

	for (;;) {
		n = ot_recv(r->fd, buf, sizeof(buf), 0);
		if (n <= 0)
			break;
		if (is(buf, n, M3)) {
			/* And on it reads: nothing may come. */
			__atomic_add_fetch(&l->m3, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		if (is(buf, n, M1))
			__atomic_add_fetch(&l->m1, 1, __ATOMIC_SEQ_CST);
		else if (n >= 4 && !memcmp(buf + n - 4, MAGIC, 4))
			__atomic_add_fetch(&l->junk_read, 1, __ATOMIC_SEQ_CST);
		else if (is_early(l, buf, n) &&
			 !__atomic_load_n(&l->m3, __ATOMIC_SEQ_CST))
			__atomic_add_fetch(&l->ciphers, 1, __ATOMIC_SEQ_CST);
		else
			wrong(l, "a ciphertext was read", n);
		err = ot_set(r->fd, SOL_OCKAM, OCKAM_NEXT, 1);
		if (err)
			wrong(l, "OCKAM_NEXT", err);
	}
	if (n)
		wrong(l, "reader: no end of file", n);
	return NULL;
}

/* ---- rounds ---- */

static bool begin_round(struct lane *l, struct ct_keys *k, int *sink)
{
	char enc[32], dec[32], route[80], name[32];
	int i, err;

	l->m1 = l->m3 = l->ciphers = 0;
	l->way = ot_below(&l->rng, 3);
	/* Most are small: it is the takeover that matters. */
	l->large = !ot_below(&l->rng, 20);
	l->data = 1 + ot_below(&l->rng, l->large ? DATA_MAX / PEERS : 3);
	l->before = ot_below(&l->rng, 4) ? 0 : ot_below(&l->rng, BEFORE_MAX);
	if (l->before > l->data)
		l->before = l->data;
	l->wait = ot_below(&l->rng, 3) ? ot_below(&l->rng, 3000) : 0;
	snprintf(l->name, sizeof(l->name), "hs%d.%u", l->number, l->round);
	l->hs[0] = lt_worker(l->name, OCKAM_ACCEPT_LINKS);
	err = l->hs[0] < 0 ? l->hs[0] :
	      ot_set(l->hs[0], SOL_OCKAM, OCKAM_HANDSHAKE, 1);
	for (i = 1; i <= READERS; i++)
		l->hs[i] = dup(l->hs[0]);

	snprintf(name, sizeof(name), "sink%d", l->number);
	*sink = lt_worker(name, OCKAM_ACCEPT_CHANNELS);
	snprintf(enc, sizeof(enc), "E%d", l->number);
	snprintf(dec, sizeof(dec), "D%d", l->number);
	snprintf(route, sizeof(route), "%s%s", via[l->way], l->name);
	ct_keys(k);
	err = err ?: ct_new(l->nl, k, true, enc, dec, -1, route);
	if (err || *sink < 0)
		wrong(l, "the round does not begin", err);
	return !l->why;
}

static bool install(struct lane *l, const struct ct_keys *k)
{
	char enc[32], route[100];
	int err;

	snprintf(enc, sizeof(enc), "R%d", l->number);
	snprintf(route, sizeof(route), "%s%sD%d", l->back[l->way],
		 l->way ? ">" : "", l->number);
	err = ct_new(l->nl, k, false, enc, NULL, l->hs[0], route);
	if (err)
		wrong(l, ockam_nl_error(l->nl), err);
	return !err;
}

static void hear_all(struct lane *l, int sink)
{
	uint32_t i, next[PEERS] = { l->before };
	struct data d;
	ssize_t n;

	for (i = l->before; i < PEERS * l->data; i++) {
		n = ot_recv(sink, &d, sizeof(d), 0);
		if (n != sizeof(d)) {
			wrong(l, "a message did not come", n < 0 ? n : i);
			return;
		}
		if (d.round != l->round || d.peer >= PEERS ||
		    d.number != next[d.peer]++) {
			wrong(l, "another message came", i);
			return;
		}
	}
}

static void look_after(struct lane *l, int sink)
{
	struct sockaddr_ockam sa, none = { .sok_family = AF_OCKAM };
	struct ockam_nl_channel ch;
	char enc[32];
	int i, err;
	char c;

	if (!ot_empty(sink))
		wrong(l, "more came than was sent", l->data);
	for (i = 0; i <= READERS; i++)
		if (ot_recv(l->hs[i], &c, 1, MSG_DONTWAIT))
			wrong(l, "the socket gives something", i);
	err = ot_getname(l->hs[0], &sa);
	if (err || memcmp(&sa, &none, sizeof(sa)))
		wrong(l, "the socket is still bound", err);
	err = ot_set(l->hs[0], SOL_OCKAM, OCKAM_NEXT, 1);
	if (err != -EINVAL)
		wrong(l, "OCKAM_NEXT after the takeover", err);
	if (l->ciphers != l->before)
		wrong(l, "not what came before M3 was read", l->ciphers);
	if (l->m1 != 1 || l->m3 != 1)
		wrong(l, "M1 or M3 was read more or less than once",
		      l->m1 * 10 + l->m3);
	snprintf(enc, sizeof(enc), "R%d", l->number);
	err = ct_get(l->nl, enc, &ch);
	if (err || ch.rx_msgs != PEERS * l->data - l->before)
		wrong(l, "the channel counts otherwise", err ?: (long)ch.rx_msgs);
	if (ch.state != OCKAM_CHANNEL_STATE_UP)
		wrong(l, "the channel is not up", ch.state);
}

static void one_round(struct lane *l)
{
	struct reader r[READERS];
	struct stranger s[2];
	struct ockam_nl_worker w;
	struct peer p = { .lane = l };
	struct ct_keys k;
	int i, sink;
	char name[32];

	if (!begin_round(l, &k, &sink))
		return;
	for (i = 0; i < READERS; i++) {
		r[i] = (struct reader){ .lane = l, .fd = l->hs[1 + i] };
		pthread_create(&r[i].thread, NULL, reader, &r[i]);
	}
	for (i = 0; i < 2; i++) {
		s[i] = (struct stranger){
			.lane = l,
			.way = ot_below(&l->rng, 3),
			.n = ot_below(&l->rng, l->large ? JUNK_MAX : 4),
			.rng = (l->rng ^ (i + 1) * 77777ULL) ?: 1,
		};
		pthread_create(&s[i].thread, NULL, stranger, &s[i]);
	}
	pthread_create(&p.thread, NULL, peer, &p);

	if (!OT_WAIT(__atomic_load_n(&l->m3, __ATOMIC_SEQ_CST) || l->why))
		wrong(l, "M3 does not come", 0);
	if (l->wait)
		usleep(l->wait);
	memset(&w, 0, sizeof(w));
	lt_key(&w.address, l->name);
	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	if (!ockam_nl_worker_get(l->nl, &w) && w.queued)
		l->early_rounds++;
	l->before_rounds += !!l->before;
	if (!install(l, &k))
		for (i = 0; i <= READERS; i++)
			shutdown(l->hs[i], SHUT_RDWR);
	else
		hear_all(l, sink);
	pthread_join(p.thread, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < READERS; i++)
		pthread_join(r[i].thread, NULL);
	look_after(l, sink);

	for (i = 0; i <= READERS; i++)
		close(l->hs[i]);
	close(sink);
	snprintf(name, sizeof(name), "E%d", l->number);
	ct_del(l->nl, name);
	snprintf(name, sizeof(name), "R%d", l->number);
	ct_del(l->nl, name);
}

static long rounds(void *arg)
{
	struct lane *l = arg;

	for (l->round = 0; l->round < l->rounds && !l->why; l->round++) {
		one_round(l);
	}
	return l->why ? -1 : 0;
}

FIXTURE(takeover) {
	struct lt_node	node;
	char		back[3][64];
};

FIXTURE_SETUP(takeover)
{
	ASSERT_EQ(0, lt_node_new(&self->node));
	ASSERT_EQ(0, ct_loop(&self->node, "up", self->back[1]));
	ASSERT_EQ(0, ct_loop(&self->node, "side", self->back[2]));
}

FIXTURE_TEARDOWN(takeover)
{
	ockam_nl_channel_flush(self->node.nl);
	ockam_nl_link_flush(self->node.nl);
	lt_node_free(&self->node);
}

TEST_F_TIMEOUT(takeover, under_fire, 550)
{
	uint64_t sent = 0, seen = 0, refused = 0, seed;
	unsigned int done = 0, early = 0, before = 0, n = ot_debug() ? 300 : 10000;
	const char *many = getenv("OCKAM_TAKEOVERS");
	pthread_attr_t attr;
	struct ot_task task[LANES];
	struct lane l[LANES] = {};
	struct ockam_nl_node now;
	uint64_t t0 = ot_ms();
	int i;

	/* Small stacks are used again instead of being unmapped. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_setattr_default_np(&attr);

	if (many)
		n = atoi(many);
	seed = ot_seed(_metadata);
	for (i = 0; i < LANES; i++) {
		l[i].node = &self->node;
		l[i].number = i;
		l[i].rounds = n / LANES + (i < (int)(n % LANES));
		l[i].rng = (seed + i * 1000003) ?: 1;
		l[i].back = self->back;
		ASSERT_EQ(0, ockam_nl_open(&l[i].nl));
		ASSERT_EQ(0, ot_task_start(&task[i], rounds, &l[i]));
	}
	for (i = 0; i < LANES; i++) {
		pthread_join(task[i].thread, NULL);
		EXPECT_EQ(NULL, l[i].why) {
			TH_LOG("lane %d, round %u, way %u: %s (%ld)", i,
			       l[i].round, l[i].way, l[i].why,
			       l[i].number_why);
		}
		sent += l[i].junk_sent;
		seen += l[i].junk_read;
		done += l[i].round;
		early += l[i].early_rounds;
		before += l[i].before_rounds;
		refused += l[i].junk_refused;
		ockam_nl_close(l[i].nl);
	}
	ASSERT_TRUE(_metadata->passed);
	TH_LOG("%u rounds in %llu ms, in %u data waited, in %u some came before M3; junk: %llu, read %llu, refused %llu",
	       done, (unsigned long long)(ot_ms() - t0), early, before,
	       (unsigned long long)sent, (unsigned long long)seen,
	       (unsigned long long)refused);
	/* It was no empty exercise. */
	EXPECT_LE(n / 20, done);
	EXPECT_LT(done / 10, early);
	/* Of a few, chance decides. */
	EXPECT_LT(done >= 300 ? done / 20 : 0, before);
	EXPECT_LT(done, sent);

	/* Each piece of junk is with a reader or in a counter. */
	EXPECT_TRUE(OT_WAIT(lt_drops(&self->node) >= sent - seen));
	EXPECT_EQ(sent - seen, lt_drops(&self->node));
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
	for (i = 0; i < __OCKAM_DROP_MAX; i++) {
		if (!now.drops[i])
			continue;
		TH_LOG("%s: %llu", ockam_nl_drop_name(i),
		       (unsigned long long)now.drops[i]);
		EXPECT_TRUE(i == OCKAM_DROP_NO_WORKER ||
			    i == OCKAM_DROP_SCOPE_DECRYPTOR ||
			    i == OCKAM_DROP_REPLAYED ||
			    i == OCKAM_DROP_AUTH_FAILED ||
			    i == OCKAM_DROP_SHORT ||
			    i == OCKAM_DROP_TOO_OLD ||
			    i == OCKAM_DROP_NO_KEY);
	}
	EXPECT_LE(refused, now.drops[OCKAM_DROP_SCOPE_DECRYPTOR]);
	EXPECT_LT(0, now.drops[OCKAM_DROP_AUTH_FAILED]);
}

/* What strangers send before M3 is read is bounded, and ends with the takeover. */
TEST_F_TIMEOUT(takeover, junk_is_bounded, 120)
{
	struct ockam_nl_channel ch;
	struct ockam_nl_node now;
	struct sockaddr_ockam sa;
	int hs, fd, sink, i, n;
	uint8_t buf[1000];
	struct ct_keys k;
	char c[2];

	hs = lt_worker("hs", OCKAM_ACCEPT_LINKS);
	sink = lt_worker("sink", OCKAM_ACCEPT_CHANNELS);
	fd = ot_worker("mallory", SOCK_NONBLOCK);
	ASSERT_LE(0, hs);
	ASSERT_LE(0, sink);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ot_set(hs, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	ct_keys(&k);
	ASSERT_EQ(0, ct_new(self->node.nl, &k, true, "E", "D", -1, "hs"));

	ASSERT_EQ((int)strlen(M3), ot_say(fd, "hs", M3));
	/* Too short for a nonce, or for a tag, with what would be a good nonce. */
	memset(buf, 0, 24);
	for (i = 0; i < 24; i++)
		ASSERT_EQ(i, ot_send(fd, "hs", buf, i, 0));
	memset(buf + 8, 0xa5, sizeof(buf) - 8);
	for (n = 0; n < 20000; n++)
		if (ot_send(fd, "hs", buf, sizeof(buf), 0) < 0)
			break;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LT(10, n);
	EXPECT_GT(2000, n);
	EXPECT_EQ((int)strlen(M3), ot_recv(hs, buf, sizeof(buf), 0));
	/* More fits as little as before, and none of it is given out. */
	EXPECT_EQ(-EAGAIN, ot_recv(hs, c, 1, MSG_DONTWAIT));
	EXPECT_EQ(0, lt_drops(&self->node));

	ASSERT_EQ(0, ct_new(self->node.nl, &k, false, "R", NULL, hs, "D"));
	ct_keys(&k);
	EXPECT_EQ(-EBUSY, ct_new(self->node.nl, &k, false, "R2", NULL, hs,
				 "D"));
	sa = ct_sa("E>sink");
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, ot_sendx(fd, ot_out(.name = &sa), "x", 1));
		ASSERT_EQ(1, ot_recv(sink, c, 2, 0));
	}
	ASSERT_EQ(0, ct_get(self->node.nl, "R", &ch));
	EXPECT_EQ(100, ch.rx_msgs);
	EXPECT_EQ(n, ch.auth_failed);
	ASSERT_EQ(0, ockam_nl_node_get(self->node.nl, &now));
	EXPECT_EQ(n, now.drops[OCKAM_DROP_AUTH_FAILED]);
	EXPECT_EQ(24, now.drops[OCKAM_DROP_SHORT]);
	EXPECT_EQ(n + 24, lt_drops(&self->node));
	TH_LOG("%d messages waited", n);
	close(fd);
	close(hs);
	close(sink);
}

/*
 * A node that has as many channels as it may: the next is refused, and nothing
 * is left of the request: neither its names nor its keys are taken, and the
 * handshake goes on.
 */
TEST_F_TIMEOUT(takeover, node_limit, 120)
{
	struct ockam_nl_channel ch;
	struct ct_keys k[3];
	char c[32];
	int hs, i;

	hs = lt_worker("hs", OCKAM_ACCEPT_LINKS);
	ASSERT_LE(0, hs);
	ASSERT_EQ(0, ot_set(hs, SOL_OCKAM, OCKAM_HANDSHAKE, 1));
	for (i = 0; i < 3; i++)
		ct_keys(&k[i]);
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_CHANNELS, 2));
	ASSERT_EQ(0, ct_new(self->node.nl, &k[0], true, "E", "D", -1, "up>x"));
	ASSERT_EQ(0, ct_new(self->node.nl, &k[1], true, "F", "G", -1, "up>x"));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(-ENOSPC, ct_new(self->node.nl, &k[2], false, "R",
					  i & 1 ? "Q" : NULL, i & 1 ? -1 : hs,
					  "up>x"));
		ASSERT_NE(NULL, strstr(ockam_nl_error(self->node.nl),
				       "as many channels"));
	}
	EXPECT_EQ(-ENOENT, ct_get(self->node.nl, "R", &ch));
	EXPECT_EQ(0, ct_get(self->node.nl, "E", &ch));
	EXPECT_EQ(OCKAM_CHANNEL_STATE_UP, ch.state);

	/* A lower limit ends none, and there is no room before two are gone. */
	ASSERT_EQ(0, lt_set(&self->node, OCKAM_A_NODE_MAX_CHANNELS, 1));
	EXPECT_EQ(0, ct_get(self->node.nl, "F", &ch));
	ASSERT_EQ(0, ct_del(self->node.nl, "F"));
	EXPECT_EQ(-ENOSPC, ct_new(self->node.nl, &k[2], false, "R", NULL, hs,
				  "up>x"));
	ASSERT_EQ((int)strlen(M1), ot_say(hs, "hs", M1));
	EXPECT_EQ((int)strlen(M1), ot_recv(hs, c, sizeof(c), 0));
	ASSERT_EQ(0, ct_del(self->node.nl, "E"));
	ASSERT_EQ(0, ct_new(self->node.nl, &k[2], false, "R", NULL, hs,
			    "up>x"));
	EXPECT_EQ(0, ot_recv(hs, c, sizeof(c), 0));
	EXPECT_EQ(-ENOSPC, ct_new(self->node.nl, &k[0], true, "E", "D", -1,
				  "up>x"));
	close(hs);
}

TEST_HARNESS_MAIN
