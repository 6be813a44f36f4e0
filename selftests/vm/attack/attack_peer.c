// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What a peer can try that holds a plain link to a node, or a channel with it: to
 * reach what was not meant for it, to go on from there, to answer where nobody
 * asked, and to make the node work or remember without end.  Each attempt is
 * refused with a counter of its own, and leaves nothing behind.
 */
#include <openssl/evp.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "attack_test.h"

#define FWD(x)	(1 << OCKAM_FORWARD_##x)

FIXTURE(peer) {
	struct at_pair p;
	struct ct_keys other;
	int private;
	uint8_t junk[40];
};

/*
 * b has more than its peer a is to have: a worker for local users, a hop, and a
 * channel with somebody else, over its link l1.
 */
FIXTURE_SETUP(peer)
{
	struct at_pair *p = &self->p;

	ASSERT_EQ(0, at_pair(p));
	ct_keys(&self->other);
	ASSERT_EQ(0, ct_new(p->b.node.nl, &self->other, true, "E3", "D3", -1,
			    "l1>D4"));
	ASSERT_EQ(0, lt_hop(&p->b.node, "hop", NULL, OCKAM_ACCEPT_LOCAL));
	self->private = lt_worker("private", 0);
	ASSERT_LE(0, self->private);
	/* As a ciphertext it would have a plausible nonce. */
	memset(self->junk, 0x5a, sizeof(self->junk));
	memset(self->junk, 0, 7);
}

FIXTURE_TEARDOWN(peer)
{
	close(self->private);
	at_pair_free(&self->p);
}

/* "E1>a>b" from a's worker: it leaves b's decryptor as a message to [a, b]. */
static bool by_channel(struct at_pair *p, const char *route, const void *data,
		       size_t len)
{
	struct sockaddr_ockam sa;
	struct at_frame f = {};
	char through[256];
	bool good;

	snprintf(through, sizeof(through), "E1>%s", route);
	sa = ct_sa(through);
	good = ot_sendx(p->a.fd, ot_out(.name = &sa), data, len) ==
		       (ssize_t)len &&
	       at_read(p->a.w[0].peer, &f) && at_write(p->b.w[0].peer, &f);
	at_free(&f);
	return good;
}

static const struct probe {
	const char	*route;
	int		by_link;
	int		by_channel;
} probes[] = {
	{ "E3>echoer",		OCKAM_DROP_FORWARD_LINK_CHANNEL,
				OCKAM_DROP_FORWARD_CHANNEL_CHANNEL },
	{ "E2>echoer",		OCKAM_DROP_FORWARD_LINK_CHANNEL,
				OCKAM_DROP_FORWARD_CHANNEL_CHANNEL },
	{ "l1>echoer",		OCKAM_DROP_FORWARD_LINK_LINK,
				OCKAM_DROP_FORWARD_CHANNEL_LINK },
	{ "l0>echoer",		OCKAM_DROP_FORWARD_LINK_LINK,
				OCKAM_DROP_FORWARD_CHANNEL_LINK },
	/* By the link is how ciphertexts come: this one is none. */
	{ "D2",			OCKAM_DROP_AUTH_FAILED,
				OCKAM_DROP_SCOPE_DECRYPTOR },
	{ "D3",			OCKAM_DROP_SCOPE_DECRYPTOR,
				OCKAM_DROP_SCOPE_DECRYPTOR },
	{ "private",		OCKAM_DROP_SCOPE_WORKER,
				OCKAM_DROP_SCOPE_WORKER },
	{ "ockamd",		OCKAM_DROP_SCOPE_WORKER,
				OCKAM_DROP_SCOPE_WORKER },
	{ "hop>private",	OCKAM_DROP_SCOPE_HOP, OCKAM_DROP_SCOPE_HOP },
	{ "hop>echoer",		OCKAM_DROP_SCOPE_HOP, OCKAM_DROP_SCOPE_HOP },
	{ "hop>E3>echoer",	OCKAM_DROP_SCOPE_HOP, OCKAM_DROP_SCOPE_HOP },
	{ "open>private",	OCKAM_DROP_SCOPE_WORKER,
				OCKAM_DROP_SCOPE_WORKER },
	{ "open>hop>private",	OCKAM_DROP_SCOPE_HOP, OCKAM_DROP_SCOPE_HOP },
	{ "open>E3>echoer",	OCKAM_DROP_FORWARD_LINK_CHANNEL,
				OCKAM_DROP_FORWARD_CHANNEL_CHANNEL },
	{ "open>l1>echoer",	OCKAM_DROP_FORWARD_LINK_LINK,
				OCKAM_DROP_FORWARD_CHANNEL_LINK },
	{ "open>D3",		OCKAM_DROP_SCOPE_DECRYPTOR,
				OCKAM_DROP_SCOPE_DECRYPTOR },
	{ "nobody",		OCKAM_DROP_NO_WORKER, OCKAM_DROP_NO_WORKER },
};

TEST_F_TIMEOUT(peer, onward, 120)
{
	struct ockam_nl_node before = {};
	struct ockam_nl_channel ch;
	struct at_pair *p = &self->p;
	uint64_t tx, reached = 0;
	unsigned int i, way;
	int daemon;

	/* As the daemon's own address is: for local users. */
	daemon = lt_worker("ockamd", 0);
	ASSERT_LE(0, daemon);
	ASSERT_EQ(0, lt_hop(&p->b.node, "open", NULL, OCKAM_ACCEPT_LOCAL |
			    OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS));
	tx = lt_stat(&p->b.node, OCKAM_STAT_LINK_TX);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct probe *t = &probes[i];

		for (way = 0; way < 2; way++) {
			LT_MARK(&p->b.node, &before);
			ASSERT_TRUE(way ? by_channel(p, t->route, self->junk,
						     sizeof(self->junk)) :
					  at_tell(p->b.w[0].peer, t->route,
						  self->junk,
						  sizeof(self->junk)));
			reached += way;
			EXPECT_DROPS(&p->b.node, &before, way ? t->by_channel :
							  t->by_link, 1);
			ASSERT_TRUE(_metadata->passed) {
				TH_LOG("%s by %s", t->route,
				       way ? "channel" : "link");
			}
		}
	}
	EXPECT_TRUE(ot_empty(self->private));
	EXPECT_TRUE(ot_empty(daemon));
	EXPECT_TRUE(ot_empty(p->b.fd));
	EXPECT_EQ(tx, lt_stat(&p->b.node, OCKAM_STAT_LINK_TX));
	EXPECT_TRUE(lt_silent(p->b.w[0].peer));
	EXPECT_TRUE(lt_silent(p->b.w[1].peer));
	ASSERT_EQ(0, ct_get(p->b.node.nl, "E3", &ch));
	EXPECT_EQ(0, ch.tx_msgs);
	EXPECT_EQ(0, ch.rx_msgs);
	ASSERT_EQ(0, ct_get(p->b.node.nl, "E2", &ch));
	EXPECT_EQ(0, ch.tx_msgs);
	EXPECT_EQ(reached, ch.rx_msgs);
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	close(daemon);
}

/* Each of the four switches opens its own way and no other. */
TEST_F_TIMEOUT(peer, switches, 120)
{
	static const struct {
		int		bit;
		bool		by_channel;
		const char	*route;
		int		drop;
	} ways[] = {
		{ OCKAM_FORWARD_LINK_LINK, false, "l1>x",
		  OCKAM_DROP_FORWARD_LINK_LINK },
		{ OCKAM_FORWARD_CHANNEL_LINK, true, "l1>x",
		  OCKAM_DROP_FORWARD_CHANNEL_LINK },
		{ OCKAM_FORWARD_LINK_CHANNEL, false, "E3>x",
		  OCKAM_DROP_FORWARD_LINK_CHANNEL },
		{ OCKAM_FORWARD_CHANNEL_CHANNEL, true, "E3>x",
		  OCKAM_DROP_FORWARD_CHANNEL_CHANNEL },
	};
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	struct at_frame f;
	unsigned int set, i;

	for (set = 0; set < 16; set++) {
		ASSERT_EQ(0, lt_set(&p->b.node, OCKAM_A_NODE_FORWARD, set));
		for (i = 0; i < ARRAY_SIZE(ways); i++) {
			LT_MARK(&p->b.node, &before);
			ASSERT_TRUE(ways[i].by_channel ?
				    by_channel(p, ways[i].route, "x", 1) :
				    at_tell(p->b.w[0].peer, ways[i].route,
					    self->junk, 1));
			if (set & 1 << ways[i].bit) {
				ASSERT_TRUE(at_read(p->b.w[1].peer, &f));
				at_free(&f);
				EXPECT_NO_DROPS(&p->b.node, &before);
			} else {
				EXPECT_DROPS(&p->b.node, &before, ways[i].drop,
					     1);
			}
			ASSERT_TRUE(_metadata->passed) {
				TH_LOG("switches %#x, way %u", set, i);
			}
		}
	}
	EXPECT_TRUE(lt_silent(p->b.w[0].peer));
	EXPECT_TRUE(lt_silent(p->b.w[1].peer));
}

/*
 * A connection from the same machine, by the very user who owns channel and
 * worker, is a link's and no local origin; nor is a link of the node with
 * itself.
 */
TEST_F_TIMEOUT(peer, loopback_is_not_local, 120)
{
	static const struct {
		const char	*route;
		int		drop;
	} tries[] = {
		{ "private",	OCKAM_DROP_SCOPE_WORKER },
		{ "hop>private", OCKAM_DROP_SCOPE_HOP },
		{ "E3>x",	OCKAM_DROP_FORWARD_LINK_CHANNEL },
		{ "l1>x",	OCKAM_DROP_FORWARD_LINK_LINK },
		{ "D3",		OCKAM_DROP_SCOPE_DECRYPTOR },
	};
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	char back[64], route[64];
	struct sockaddr_ockam sa;
	int door, tcp, fd;
	unsigned int i;

	ASSERT_EQ(0, lt_enter(&p->b.node));
	door = lt_listen(&p->b.node, &at, lt_conf());
	ASSERT_LE(0, door);
	tcp = lt_tcp_connect(&at);
	ASSERT_LE(0, tcp);
	ASSERT_TRUE(lt_greet(tcp));
	ASSERT_LE(0, ct_loop(&p->b.node, "self", back));
	fd = ot_worker("me", 0);
	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		LT_MARK(&p->b.node, &before);
		ASSERT_TRUE(at_tell(tcp, tries[i].route, self->junk,
				    sizeof(self->junk)));
		EXPECT_DROPS(&p->b.node, &before, tries[i].drop, 1);
		snprintf(route, sizeof(route), "self>%s", tries[i].route);
		sa = ct_sa(route);
		LT_MARK(&p->b.node, &before);
		ASSERT_EQ(sizeof(self->junk),
			  ot_sendx(fd, ot_out(.name = &sa), self->junk,
				   sizeof(self->junk)));
		EXPECT_DROPS(&p->b.node, &before, tries[i].drop, 1);
	}
	EXPECT_TRUE(ot_empty(self->private));
	EXPECT_TRUE(lt_silent(p->b.w[1].peer));
	/* The direct way is open: it was the origin that was refused. */
	EXPECT_EQ(1, ot_say(fd, "private", "x"));
	sa = ct_sa("hop>private");
	EXPECT_EQ(1, ot_sendx(fd, ot_out(.name = &sa), "y", 1));
	EXPECT_TRUE(ot_hears(self->private, "x"));
	EXPECT_TRUE(ot_hears(self->private, "y"));
	close(fd);
	close(tcp);
}

/*
 * A client's socket: closed to all, until it asks; then to whom it asked, by the
 * way that it asked, for a while.
 */
TEST_F_TIMEOUT(peer, reply_by_channel, 120)
{
	struct sockaddr_ockam own = { .sok_family = AF_OCKAM };
	struct sockaddr_ockam sa = ct_sa("E2>app");
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	char name[33] = "";
	struct at_frame f;
	uint64_t asked;
	int client;
	char c;

	ASSERT_EQ(0, lt_enter(&p->b.node));
	client = lt_worker(NULL, 0);
	ASSERT_LE(0, client);
	ASSERT_EQ(0, ot_bind_sa(client, &own, sizeof(own)));
	ASSERT_EQ(0, ot_getname(client, &own));
	ASSERT_EQ(32, own.sok_hops[1]);
	memcpy(name, own.sok_hops + 2, 32);

	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(by_channel(p, name, "u", 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	ASSERT_TRUE(at_tell(p->b.w[0].peer, name, self->junk, 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 2);
	EXPECT_TRUE(ot_empty(client));

	ASSERT_EQ(0, lt_set(&p->b.node, OCKAM_A_NODE_REPLY_MS,
			    10000));
	ASSERT_EQ(1, ot_sendx(client, ot_out(.name = &sa), "q", 1));
	asked = ot_ms();
	ASSERT_TRUE(at_read(p->b.w[0].peer, &f));
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(by_channel(p, name, "a", 1));
	EXPECT_EQ(1, ot_recv(client, &c, 1, 0));
	EXPECT_NO_DROPS(&p->b.node, &before);
	/* Not by the link below the channel, nor by another one. */
	ASSERT_TRUE(at_tell(p->b.w[0].peer, name, self->junk, 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	ASSERT_TRUE(at_tell(p->b.w[1].peer, name, self->junk, 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 2);
	/* Nor to somebody else. */
	ASSERT_TRUE(by_channel(p, "private", "a", 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 3);
	EXPECT_TRUE(ot_empty(client));

	while (ot_ms() - asked < 10200)
		usleep(50000);
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(by_channel(p, name, "l", 1));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_WORKER, 1);
	EXPECT_TRUE(ot_empty(client));
	at_free(&f);
	close(client);
}

/* ---- channels in one another ---- */

#define DEEP	17

/* What a peer's own program makes: one layer, nonce 0. */
static void seal(struct lt_buf *out, const uint8_t *key, const char *to,
		 const struct lt_buf *inside)
{
	static const uint8_t head[4] = { 0x82, 0x82, 0, 0x81 };
	struct ot_route onward = ot_route(to, NULL), ret = {};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	struct lt_buf plain = {};
	uint8_t nonce[12] = {};
	int n;

	lt_put(&plain, head, sizeof(head));
	lt_put_message(&plain, &onward, &ret, inside->data, inside->len);
	lt_put8(&plain, 0x40);
	out->data = calloc(1, 8 + plain.len + 16);
	out->len = 8 + plain.len + 16;
	if (!ctx || !out->data ||
	    !EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) ||
	    !EVP_EncryptUpdate(ctx, out->data + 8, &n, plain.data,
			       plain.len) ||
	    !EVP_EncryptFinal_ex(ctx, out->data + 8 + n, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16,
				 out->data + 8 + plain.len))
		abort();
	EVP_CIPHER_CTX_free(ctx);
	lt_buf_free(&plain);
}

/* @depth layers around a message to the echoer, outermost D<first>. */
static bool send_deep(struct at_pair *p, const struct ct_keys *keys, int first,
		      int depth)
{
	struct lt_buf in = {}, out;
	char name[16];
	bool good;
	int i;

	lt_put(&in, "deep", 4);
	for (i = first + depth - 1; i >= first; i--) {
		snprintf(name, sizeof(name), "N%d", i + 1);
		seal(&out, keys[i].key[0], i == first + depth - 1 ? "echoer" :
							       name, &in);
		lt_buf_free(&in);
		in = out;
	}
	snprintf(name, sizeof(name), "N%d", first);
	good = at_tell(p->b.w[0].peer, name, in.data, in.len);
	lt_buf_free(&in);
	return good;
}

TEST_F_TIMEOUT(peer, seventeen_channels, 120)
{
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	struct ct_keys keys[DEEP + 9];
	struct ockam_nl_channel ch;
	char enc[16], dec[16];
	char got[8];
	int i;

	for (i = 0; i < DEEP + 9; i++) {
		ct_keys(&keys[i]);
		snprintf(enc, sizeof(enc), "M%d", i);
		snprintf(dec, sizeof(dec), "N%d", i);
		ASSERT_EQ(0, ct_new(p->b.node.nl, &keys[i], false, enc, dec,
				    -1, "l0>D"));
	}
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(send_deep(p, keys, 0, DEEP));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_TOO_MANY_DECRYPTIONS, 1);
	EXPECT_TRUE(ot_empty(p->b.fd));
	for (i = 0; i < DEEP; i++) {
		snprintf(enc, sizeof(enc), "M%d", i);
		ASSERT_EQ(0, ct_get(p->b.node.nl, enc, &ch));
		EXPECT_EQ(i < 8, ch.rx_msgs);
	}
	EXPECT_EQ(before.stats[OCKAM_STAT_DECRYPTED] + 8,
		  lt_stat(&p->b.node, OCKAM_STAT_DECRYPTED));

	/* Eight are as many as there may be; nine are one too many. */
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(send_deep(p, keys, 8, 8));
	EXPECT_EQ(4, ot_recv(p->b.fd, got, sizeof(got), 0));
	EXPECT_NO_DROPS(&p->b.node, &before);
	ASSERT_TRUE(send_deep(p, keys, 16, 9));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_TOO_MANY_DECRYPTIONS, 1);
	EXPECT_TRUE(ot_empty(p->b.fd));
	ASSERT_TRUE(at_pass(p));
}

/* ---- many slow peers ---- */

#define BYTES	12

static long mem_available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f) &&
	       sscanf(line, "MemAvailable: %ld", &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib;
}

static int limit_files(unsigned int n)
{
	struct rlimit r = { n, n };

	return OT_ERR(setrlimit(RLIMIT_NOFILE, &r));
}

/*
 * A thousand connections, each with a frame of 16 MiB announced, that come on
 * byte by byte: together 16 GiB, and nothing of it is set aside.  The honest
 * link goes on all the time.
 */
TEST_F_TIMEOUT(peer, thousand_slow_links, 240)
{
	int n = ot_debug() ? 200 : 1000, i, byte, door;
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct at_pair *p = &self->p;
	long before, after;
	int *tcp;

	ASSERT_EQ(0, limit_files(4096));
	ASSERT_EQ(0, lt_enter(&p->b.node));
	ASSERT_EQ(0, lt_set(&p->b.node, OCKAM_A_NODE_MAX_MSG, 16 << 20));
	/* Never too slow: that is not what this is about. */
	door = lt_listen(&p->b.node, &at, lt_conf(.max_accepted = n,
						  .frame_ms = 600000));
	ASSERT_LE(0, door);
	tcp = calloc(n, sizeof(*tcp));
	ASSERT_NE(NULL, tcp);
	for (i = 0; i < n; i++) {
		tcp[i] = lt_tcp_connect(&at);
		ASSERT_LE(0, tcp[i]) TH_LOG("link %d", i);
		ASSERT_TRUE(lt_greet(tcp[i])) TH_LOG("link %d", i);
	}
	ASSERT_TRUE(at_pass(p));
	before = mem_available();
	for (i = 0; i < n; i++)
		ASSERT_TRUE(lt_write(tcp[i], "\1\0\0\0", 4));
	for (byte = 0; byte < BYTES; byte++) {
		for (i = 0; i < n; i++)
			ASSERT_TRUE(lt_write(tcp[i], "\x83", 1));
		ASSERT_TRUE(at_pass(p)) TH_LOG("byte %d", byte);
	}
	after = mem_available();
	TH_LOG("%d frames of 16 MiB announced, %d bytes of each sent: %ld KiB",
	       n, BYTES, before - after);
	/*
	 * Small packets wait with some kilobytes of head each, and others of
	 * this machine take and give back some tens of MiB.
	 */
	EXPECT_GT(100 * 1024, before - after);
	EXPECT_EQ(n + 2 + 1, lt_links(&p->b.node));
	EXPECT_EQ(0, lt_drops(&p->b.node));
	for (i = 0; i < n; i++)
		close(tcp[i]);
	EXPECT_TRUE(OT_WAIT(lt_links(&p->b.node) == 3));
	ASSERT_TRUE(at_pass(p));
	free(tcp);
}

TEST_HARNESS_MAIN
