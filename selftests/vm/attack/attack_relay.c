// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What a relay between two nodes can try with the ciphertexts of a channel:
 * replay, reflect, copy ahead, flip, cut, double, shuffle, splice, and send round
 * in circles (attack_flood.c has the forged nonces).  Nothing of it is delivered that was not sent, and
 * nothing twice; each refusal is in a counter, and the channel is as it was.
 */
#include "kselftest_harness.h"
#include "ockam_test.h"
#include "nl.h"
#include "link_test.h"
#include "channel_test.h"
#include "attack_test.h"

#define WINDOW		1024
#define GENERATION	32

FIXTURE(relay) {
	struct at_pair p;
};

FIXTURE_SETUP(relay)
{
	ASSERT_EQ(0, at_pair(&self->p));
}

FIXTURE_TEARDOWN(relay)
{
	at_pair_free(&self->p);
}

/*
 * All that ever passed comes again: by the way it came, by another link, and
 * turned round.
 */
TEST_F_TIMEOUT(relay, replay, 240)
{
	unsigned int n = ot_debug() ? WINDOW + 100 : WINDOW + 500, i;
	struct ockam_nl_node before_a = {}, before_b = {};
	struct ockam_nl_channel was_a, was_b, is;
	struct at_pair *p = &self->p;
	struct at_frame *there, *back, f;

	there = calloc(n, sizeof(*there));
	back = calloc(n, sizeof(*back));
	ASSERT_TRUE(there && back);
	for (i = 0; i < n; i++)
		ASSERT_TRUE(at_round(p, &there[i], &back[i])) {
			TH_LOG("round %u", i);
		}
	ASSERT_EQ(0, lt_drops(&p->a.node));
	ASSERT_EQ(0, lt_drops(&p->b.node));
	/* One that b never gets. */
	ASSERT_TRUE(at_take(p, &f));

	ASSERT_EQ(0, at_settled(&p->a, "E1", &was_a));
	ASSERT_EQ(0, at_settled(&p->b, "E2", &was_b));
	LT_MARK(&p->a.node, &before_a);
	LT_MARK(&p->b.node, &before_b);
	for (i = 0; i < n; i++) {
		ASSERT_TRUE(at_write(p->b.w[0].peer, &there[i]));
		ASSERT_TRUE(at_write(p->b.w[1].peer, &there[i]));
		ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", at_cipher(&back[i]),
				    at_cipher_len(&back[i])));
		ASSERT_TRUE(at_write(p->a.w[0].peer, &back[i]));
		ASSERT_TRUE(at_write(p->a.w[1].peer, &back[i]));
		ASSERT_TRUE(at_tell(p->a.w[0].peer, "D1", at_cipher(&there[i]),
				    at_cipher_len(&there[i])));
	}
	/* A nonce that a has not seen, under the key that a sends with. */
	ASSERT_TRUE(at_tell(p->a.w[0].peer, "D1", at_cipher(&f),
			    at_cipher_len(&f)));

	EXPECT_TRUE(OT_WAIT(at_all_drops(&p->a, &before_a) >= 3 * n + 1));
	EXPECT_TRUE(OT_WAIT(at_all_drops(&p->b, &before_b) >= 3 * n));
	EXPECT_EQ(3 * n + 1, at_all_drops(&p->a, &before_a));
	EXPECT_EQ(3 * n, at_all_drops(&p->b, &before_b));
	/* The initiator takes them from its own link only. */
	EXPECT_EQ(n, at_drops(&p->a, &before_a, OCKAM_DROP_SCOPE_DECRYPTOR));
	EXPECT_EQ(2 * WINDOW, at_drops(&p->a, &before_a, OCKAM_DROP_REPLAYED));
	EXPECT_EQ(2 * (n - WINDOW),
		  at_drops(&p->a, &before_a, OCKAM_DROP_TOO_OLD));
	EXPECT_EQ(1, at_drops(&p->a, &before_a, OCKAM_DROP_AUTH_FAILED));
	EXPECT_EQ(3 * WINDOW, at_drops(&p->b, &before_b, OCKAM_DROP_REPLAYED));
	EXPECT_EQ(3 * (n - WINDOW),
		  at_drops(&p->b, &before_b, OCKAM_DROP_TOO_OLD));
	EXPECT_TRUE(ot_empty(p->a.fd));
	EXPECT_TRUE(ot_empty(p->b.fd));

	ASSERT_EQ(0, at_settled(&p->a, "E1", &is));
	EXPECT_TRUE(at_unchanged(_metadata, &was_a, &is));
	EXPECT_EQ(2 * WINDOW, is.replayed);
	ASSERT_EQ(0, at_settled(&p->b, "E2", &is));
	EXPECT_TRUE(at_unchanged(_metadata, &was_b, &is));
	EXPECT_EQ(3 * WINDOW, is.replayed);
	EXPECT_EQ(0, at_events(&p->b, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED));

	/* What was left out is good still, and only once. */
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	EXPECT_TRUE(at_heard(p, p->next - 1, NULL));
	at_free(&f);
	for (i = 0; i < n; i++) {
		at_free(&there[i]);
		at_free(&back[i]);
	}
	ASSERT_TRUE(at_round(p, &there[0], &back[0]));
	at_free(&there[0]);
	at_free(&back[0]);
	free(there);
	free(back);
}

/* ---- the learned route ---- */

TEST_F_TIMEOUT(relay, copied_ahead, 120)
{
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	struct at_frame f, late, back;
	struct ockam_nl_channel set;
	struct sockaddr_ockam d2;
	struct ot_route ret;
	struct ot_in in = {};
	uint32_t n;
	int i, fd;

	for (i = 0; i < 5; i++)
		ASSERT_TRUE(at_pass(p));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	at_events(&p->b, 0);

	/* A copy is there first, by a link of the attacker's. */
	ASSERT_TRUE(at_take(p, &f));
	n = p->next - 1;
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(at_write(p->b.w[1].peer, &f));
	ASSERT_TRUE(at_heard(p, n, &in));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l1>D1"));
	EXPECT_EQ(1, at_events(&p->b, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED));
	/* He has the answer, and not the application. */
	ASSERT_TRUE(at_answer(p, &in, n));
	ASSERT_TRUE(at_read(p->b.w[1].peer, &back));
	EXPECT_TRUE(lt_silent(p->b.w[0].peer));
	at_free(&back);
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_REPLAYED, 1);
	at_free(&f);

	/* The next genuine one brings the route back. */
	ASSERT_TRUE(at_take(p, &late));
	ASSERT_TRUE(at_take(p, &f));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, p->next - 1, &in));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	EXPECT_EQ(1, at_events(&p->b, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED));
	ASSERT_TRUE(at_answer(p, &in, p->next - 1));
	ASSERT_TRUE(at_read(p->b.w[0].peer, &back));
	ASSERT_TRUE(at_write(p->a.w[0].peer, &back));
	EXPECT_EQ(4, ot_recv(p->a.fd, &n, 4, 0));
	EXPECT_EQ(p->next - 1, n);
	at_free(&back);
	at_free(&f);

	/* An older one is delivered by any way, and moves nothing. */
	ASSERT_TRUE(at_write(p->b.w[1].peer, &late));
	ASSERT_TRUE(at_heard(p, p->next - 2, NULL));
	at_free(&late);
	/* Nor does one whose return route does not begin where it came from. */
	ASSERT_EQ(0, lt_hop(&p->b.node, "h", NULL, OCKAM_ACCEPT_LINKS));
	ASSERT_TRUE(at_take(p, &f));
	ASSERT_TRUE(at_tell(p->b.w[1].peer, "h>D2", at_cipher(&f),
			    at_cipher_len(&f)));
	ASSERT_TRUE(at_heard(p, p->next - 1, NULL));
	at_free(&f);

	/* A local user may not even try, with a return route of his or without. */
	ASSERT_TRUE(at_take(p, &f));
	ASSERT_EQ(0, lt_enter(&p->b.node));
	fd = ot_worker("mallory", 0);
	d2 = ct_sa("D2");
	ret = ot_route("l1", NULL);
	LT_MARK(&p->b.node, &before);
	EXPECT_EQ(-EACCES, ot_sendx(fd, ot_out(.name = &d2), at_cipher(&f),
				    at_cipher_len(&f)));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_DECRYPTOR, 1);
	LT_MARK(&p->b.node, &before);
	EXPECT_EQ(-EACCES, ot_sendx(fd, ot_out(.name = &d2, .ret = &ret),
				    at_cipher(&f), at_cipher_len(&f)));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_FORWARDED, 1);
	EXPECT_TRUE(ot_empty(p->b.fd));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, p->next - 1, NULL));
	at_free(&f);
	close(fd);

	/* A pinned route stays; the copy is not even opened. */
	memset(&set, 0, sizeof(set));
	set.encryptor.len = ct_flat(set.encryptor.data, "E2");
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_ENCRYPTOR);
	set.pinned = 1;
	ockam_nl_mark(&set, OCKAM_A_CHANNEL_PINNED);
	ASSERT_EQ(0, ockam_nl_channel_set(p->b.node.nl, &set));
	at_events(&p->b, 0);
	ASSERT_TRUE(at_take(p, &f));
	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(at_write(p->b.w[1].peer, &f));
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_SCOPE_DECRYPTOR, 1);
	EXPECT_TRUE(ot_empty(p->b.fd));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, p->next - 1, NULL));
	EXPECT_TRUE(at_route_is(&p->b, "E2", "l0>D1"));
	EXPECT_EQ(0, at_events(&p->b, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED));
	at_free(&f);
}

/* The initiator learns nothing: what comes by another link is refused. */
TEST_F_TIMEOUT(relay, initiator_does_not_learn, 120)
{
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	struct at_frame f, back;
	struct ot_in in = {};
	uint32_t n = 0;

	ASSERT_TRUE(at_take(p, &f));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, 0, &in));
	ASSERT_TRUE(at_answer(p, &in, 7));
	ASSERT_TRUE(at_read(p->b.w[0].peer, &back));
	LT_MARK(&p->a.node, &before);
	ASSERT_TRUE(at_write(p->a.w[1].peer, &back));
	EXPECT_DROPS(&p->a.node, &before, OCKAM_DROP_SCOPE_DECRYPTOR, 1);
	EXPECT_TRUE(at_route_is(&p->a, "E1", "l0>D2"));
	EXPECT_EQ(0, at_events(&p->a, OCKAM_CHANNEL_EVENT_ROUTE_LEARNED));
	EXPECT_TRUE(ot_empty(p->a.fd));
	ASSERT_TRUE(at_write(p->a.w[0].peer, &back));
	EXPECT_EQ(4, ot_recv(p->a.fd, &n, 4, 0));
	EXPECT_EQ(7, n);
	at_free(&f);
	at_free(&back);
}

/* ---- damage ---- */

/* Each byte with one bit changed, each length, and more than was there. */
TEST_F_TIMEOUT(relay, damaged, 240)
{
	struct ockam_nl_node before = {};
	struct ockam_nl_channel was, is;
	struct at_pair *p = &self->p;
	uint8_t bad[512] = {};
	struct at_frame f;
	uint64_t rng, n = 0;
	uint32_t len, i;

	rng = ot_seed(_metadata);
	for (i = 0; i < 40; i++)
		ASSERT_TRUE(at_pass(p));
	ASSERT_TRUE(at_take(p, &f));
	len = at_cipher_len(&f);
	ASSERT_GT(400, len);
	ASSERT_EQ(0, at_settled(&p->b, "E2", &was));
	LT_MARK(&p->b.node, &before);
	for (i = 0; i < len; i++, n++) {
		memcpy(bad, at_cipher(&f), len);
		bad[i] ^= 1 << ot_below(&rng, 8);
		ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", bad, len));
	}
	memcpy(bad, at_cipher(&f), len);
	for (i = 0; i < len; i++, n++)
		ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", bad, i));
	for (i = 1; i < 64; i++, n++)
		ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", bad, len + i));
	EXPECT_TRUE(OT_WAIT(at_all_drops(&p->b, &before) >= n));
	EXPECT_EQ(n, at_all_drops(&p->b, &before));
	/* Eight of them had another nonce: seen, too old or too far, perhaps. */
	EXPECT_EQ(24, at_drops(&p->b, &before, OCKAM_DROP_SHORT));
	EXPECT_EQ(n - 24, at_drops(&p->b, &before, OCKAM_DROP_AUTH_FAILED) +
		  at_drops(&p->b, &before, OCKAM_DROP_REPLAYED) +
		  at_drops(&p->b, &before, OCKAM_DROP_TOO_OLD) +
		  at_drops(&p->b, &before, OCKAM_DROP_TOO_FAR));
	EXPECT_LE(n - 24 - 8,
		  at_drops(&p->b, &before, OCKAM_DROP_AUTH_FAILED));
	EXPECT_TRUE(ot_empty(p->b.fd));
	ASSERT_EQ(0, at_settled(&p->b, "E2", &is));
	/* A nonce that is far ahead may have been followed. */
	EXPECT_GE(was.derivations + 8 * 2113, is.derivations);
	is.derivations = was.derivations;
	EXPECT_TRUE(at_unchanged(_metadata, &was, &is));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, p->next - 1, NULL));
	at_free(&f);
}

/*
 * Doubled and in any order: each message once.  On a single TCP link no old keys
 * are kept, so the shuffle is within a generation.
 */
TEST_F_TIMEOUT(relay, doubled_and_shuffled, 120)
{
	struct ockam_nl_node before = {};
	struct at_frame f[GENERATION];
	struct at_pair *p = &self->p;
	unsigned int g, i, j, seen;
	uint32_t first, got;
	uint64_t rng;

	rng = ot_seed(_metadata);
	LT_MARK(&p->b.node, &before);
	for (g = 0; g < 20; g++) {
		uint32_t mask = 0;

		first = p->next;
		for (i = 0; i < GENERATION; i++)
			ASSERT_TRUE(at_take(p, &f[i]));
		for (i = 0; i < GENERATION; i++) {
			struct at_frame tmp = f[i];

			j = i + ot_below(&rng, GENERATION - i);
			f[i] = f[j];
			f[j] = tmp;
		}
		for (i = 0; i < GENERATION; i++) {
			ASSERT_TRUE(at_write(p->b.w[0].peer, &f[i]));
			ASSERT_TRUE(at_write(p->b.w[0].peer,
					     &f[ot_below(&rng, i + 1)]));
		}
		for (seen = 0; seen < GENERATION; seen++) {
			ASSERT_EQ(4, ot_recv(p->b.fd, &got, 4, 0));
			ASSERT_GT(GENERATION, got - first);
			ASSERT_FALSE(mask >> (got - first) & 1);
			mask |= 1u << (got - first);
		}
		for (i = 0; i < GENERATION; i++)
			at_free(&f[i]);
	}
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_REPLAYED,
		     20 * GENERATION);
	EXPECT_TRUE(ot_empty(p->b.fd));
}

/* A message of one channel in another, and pieces of two. */
TEST_F_TIMEOUT(relay, spliced, 120)
{
	struct sockaddr_ockam other = ct_sa("E3>echoer");
	struct ockam_nl_node before = {};
	struct at_pair *p = &self->p;
	struct at_frame f, g, two;
	struct ct_keys keys;
	uint8_t bad[512];
	uint32_t len, i, n = 0, got;

	ct_keys(&keys);
	ASSERT_EQ(0, ct_new(p->a.node.nl, &keys, true, "E3", "D3", -1,
			    "l0>D4"));
	ASSERT_EQ(0, ct_new(p->b.node.nl, &keys, false, "E4", "D4", -1,
			    "l0>D3"));
	/* The same nonce in both, 0, and the one after it in the first. */
	ASSERT_TRUE(at_take(p, &f));
	ASSERT_TRUE(at_take(p, &two));
	got = 77;
	ASSERT_EQ(4, ot_sendx(p->a.fd, ot_out(.name = &other), &got, 4));
	ASSERT_TRUE(at_read(p->a.w[0].peer, &g));
	ASSERT_EQ(0, at_nonce(&f));
	ASSERT_EQ(0, at_nonce(&g));
	ASSERT_EQ(1, at_nonce(&two));
	len = at_cipher_len(&f);
	ASSERT_EQ(len, at_cipher_len(&g));
	ASSERT_EQ(len, at_cipher_len(&two));

	LT_MARK(&p->b.node, &before);
	ASSERT_TRUE(at_tell(p->b.w[0].peer, "D4", at_cipher(&f), len));
	ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", at_cipher(&g), len));
	n += 2;
	for (i = 8; i < len; i++) {
		/* The beginning of one, the end of the other. */
		memcpy(bad, at_cipher(&f), i);
		memcpy(bad + i, at_cipher(&g) + i, len - i);
		n += 2 * !!memcmp(bad, at_cipher(&f), len) *
		     !!memcmp(bad, at_cipher(&g), len);
		if (memcmp(bad, at_cipher(&f), len) &&
		    memcmp(bad, at_cipher(&g), len)) {
			ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", bad, len));
			ASSERT_TRUE(at_tell(p->b.w[0].peer, "D4", bad, len));
		}
		memcpy(bad + i, at_cipher(&two) + i, len - i);
		if (memcmp(bad, at_cipher(&f), len) &&
		    memcmp(bad, at_cipher(&two), len)) {
			ASSERT_TRUE(at_tell(p->b.w[0].peer, "D2", bad, len));
			n++;
		}
	}
	EXPECT_LT(3 * (len - 12), n);
	EXPECT_DROPS(&p->b.node, &before, OCKAM_DROP_AUTH_FAILED, n);
	EXPECT_TRUE(ot_empty(p->b.fd));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &f));
	ASSERT_TRUE(at_heard(p, 0, NULL));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &g));
	ASSERT_TRUE(at_heard(p, 77, NULL));
	ASSERT_TRUE(at_write(p->b.w[0].peer, &two));
	ASSERT_TRUE(at_heard(p, 1, NULL));
	at_free(&f);
	at_free(&g);
	at_free(&two);
}

/* ---- in circles ---- */

FIXTURE(two) {
	struct lt_node a;
	struct lt_node b;
};

FIXTURE_SETUP(two)
{
	ASSERT_EQ(0, lt_node_new(&self->a));
	ASSERT_EQ(0, lt_node_new(&self->b));
	ASSERT_EQ(0, lt_cable(&self->a, &self->b, 7));
}

FIXTURE_TEARDOWN(two)
{
	lt_node_free(&self->a);
	lt_node_free(&self->b);
}

/* Two relays that send to each other: the route grows, and that is the end. */
TEST_F_TIMEOUT(two, relays_that_loop, 240)
{
	struct sockaddr_storage at = lt_addr("10.7.0.2", 0);
	struct ockam_nl_hop ha = {}, hb = {};
	struct lt_node a = self->a, b = self->b;
	struct lt_children c;
	struct ot_route r;
	uint64_t routes, links;
	char back[64];
	int door, link, fd, i;

	door = lt_listen(&b, &at, lt_conf());
	ASSERT_LE(0, door);
	ASSERT_EQ(0, lt_enter(&a));
	link = lt_connect(&a, &at, lt_conf(.name = "tob"));
	ASSERT_LE(0, link);
	ASSERT_TRUE(lt_is_up(&a, link));
	ASSERT_TRUE(OT_WAIT(lt_children(&b, door, &c) == 1));
	ASSERT_TRUE(lt_is_up(&b, c.id[0]));
	ASSERT_EQ(0, lt_name(&b, c.id[0], back));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, lt_set(i ? &a : &b, OCKAM_A_NODE_FORWARD,
				    1 << OCKAM_FORWARD_LINK_LINK));
	r = ot_route("tob", "hb", NULL);
	ASSERT_EQ(0, lt_hop(&a, "ha", &r, OCKAM_ACCEPT_LINKS |
					  OCKAM_ACCEPT_LOCAL));
	r = ot_route(back, "ha", NULL);
	ASSERT_EQ(0, lt_hop(&b, "hb", &r, OCKAM_ACCEPT_LINKS));

	fd = ot_worker("app", 0);
	ASSERT_LE(0, fd);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(4, ot_say(fd, "ha", "ring"));
	EXPECT_TRUE(OT_WAIT(lt_drops(&a) + lt_drops(&b) >= 10));
	/* It came to rest. */
	links = lt_stat(&a, OCKAM_STAT_LINK_TX) +
		lt_stat(&b, OCKAM_STAT_LINK_TX);
	usleep(100000);
	EXPECT_EQ(links, lt_stat(&a, OCKAM_STAT_LINK_TX) +
			 lt_stat(&b, OCKAM_STAT_LINK_TX));
	routes = lt_drop(&a, OCKAM_DROP_ROUTE_TOO_LONG) +
		 lt_drop(&b, OCKAM_DROP_ROUTE_TOO_LONG);
	EXPECT_EQ(10, routes);
	EXPECT_EQ(10, lt_drops(&a) + lt_drops(&b));
	/* As often as there are hops in a route, no more. */
	EXPECT_GE(10 * 64, links);
	EXPECT_LE(10 * 60, links);
	lt_key(&ha.address, "ha");
	ockam_nl_mark(&ha, OCKAM_A_HOP_ADDRESS);
	ASSERT_EQ(0, ockam_nl_hop_get(a.nl, &ha));
	lt_key(&hb.address, "hb");
	ockam_nl_mark(&hb, OCKAM_A_HOP_ADDRESS);
	ASSERT_EQ(0, ockam_nl_hop_get(b.nl, &hb));
	EXPECT_GE(10 * 65, ha.msgs + hb.msgs);
	EXPECT_EQ(OCKAM_LINK_STATE_UP, lt_state(&a, link));
	close(fd);
}

TEST_HARNESS_MAIN
