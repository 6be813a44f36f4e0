/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * A naive receiver beside the real one: it knows every key of the chain and
 * keeps a plain record of what has to exist and what must not.  The unit
 * test and the fuzzer drive both and compare after each step.
 */
#ifndef OCKAM_RING_MODEL_H
#define OCKAM_RING_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/keyring.h"
#include "ground/window.h"

#define RING_GENS	20000

#define RING_CHECK(cond)						\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			return false;					\
		}							\
	} while (0)

/**
 * struct ring_model - both receivers
 * @kr: the real ring
 * @w: the real window
 * @ext: what @kr may borrow
 * @keep: old keys are kept, as on a link that reorders
 * @now: time in ms
 * @walked: farthest generation ever derived
 * @derived: calls of the ratchet
 * @fail_in: that many calls more and the ratchet fails; 0 for never
 * @alive: the key of this past generation exists
 * @since: from when it was old
 */
struct ring_model {
	struct ockam_keyring kr;
	struct ockam_window w;
	struct ockam_keyring_ext *ext;
	bool keep;
	u64 now;
	u64 walked;
	u64 derived;
	u32 fail_in;
	bool alive[RING_GENS];
	u64 since[RING_GENS];
};

static u8 ring_chain[RING_GENS][OCKAM_KEY_LEN];
static u16 ring_bucket[65536], ring_link[RING_GENS];

static inline void ring_toy(const u8 *key, u8 *next)
{
	u64 z = 0x9e3779b97f4a7c15;
	u32 i, round;

	memcpy(next, key, OCKAM_KEY_LEN);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < OCKAM_KEY_LEN; i += 8) {
			z ^= ockam_get_be64(next + i);
			z = (z ^ z >> 29) * 0xbf58476d1ce4e5b9;
			z ^= z >> 32;
			ockam_put_be64(next + i, z);
		}
	}
}

static inline int ring_derive(void *ctx, const u8 key[OCKAM_KEY_LEN],
			      u8 next[OCKAM_KEY_LEN])
{
	struct ring_model *m = ctx;

	m->derived++;
	if (m->fail_in && !--m->fail_in)
		return -ENOMEM;
	ring_toy(key, next);
	return 0;
}

static inline void ring_chain_init(void)
{
	u32 i, b;

	/* Nothing like it may be found by chance, as in equal time stamps. */
	for (i = 0; i < OCKAM_KEY_LEN; i++)
		ring_chain[0][i] = (u8)(0xa5 + 29 * i);
	for (i = 1; i < RING_GENS; i++)
		ring_toy(ring_chain[i - 1], ring_chain[i]);

	for (i = 0; i < 65536; i++)
		ring_bucket[i] = RING_GENS;
	for (i = 0; i < RING_GENS; i++) {
		b = ockam_get_be16(ring_chain[i]);
		ring_link[i] = ring_bucket[b];
		ring_bucket[b] = (u16)i;
	}
}

static inline void ring_model_init(struct ring_model *m, u64 first, bool keep)
{
	if (!ring_chain[0][0])
		ring_chain_init();
	memset(m, 0, sizeof(*m));
	m->keep = keep;
	m->now = 1000000;
	m->walked = ockam_nonce_gen(first);
	ockam_window_init(&m->w, first);
	ockam_keyring_init(&m->kr, ring_chain[m->walked], m->walked);
}

static inline void ring_model_free(struct ring_model *m)
{
	struct ockam_keyring_ext *ext = ockam_keyring_wipe(&m->kr);
	const u8 *p = (const u8 *)&m->kr;
	size_t i;

	for (i = 0; i < sizeof(m->kr); i++)
		if (p[i])
			abort();
	p = (const u8 *)ext;
	for (i = 0; ext && i < sizeof(*ext); i++)
		if (p[i])
			abort();
	if (ext != m->ext)
		abort();
	free(m->ext);
}

static inline const struct ockam_window *ring_window(struct ring_model *m)
{
	return m->keep ? &m->w : NULL;
}

static inline void ring_attach(struct ring_model *m)
{
	m->ext = calloc(1, sizeof(*m->ext));
	ockam_keyring_attach(&m->kr, m->ext);
}

static inline void ring_detach(struct ring_model *m)
{
	struct ockam_keyring_ext *ext = ockam_keyring_detach(&m->kr);

	if (!ext)
		return;
	free(ext);
	m->ext = NULL;
}

#define RING_FAST __attribute__((no_sanitize("address", "undefined")))

/* The generation whose key begins at @p, or RING_GENS. */
RING_FAST
static inline u64 ring_find(const u8 *p)
{
	u32 gen = ring_bucket[ockam_get_be16(p)];

	while (gen != RING_GENS && memcmp(ring_chain[gen], p, OCKAM_KEY_LEN))
		gen = ring_link[gen];
	return gen;
}

/* Look at every byte of some memory for keys that should have gone. */
RING_FAST
static inline bool ring_scan(const struct ring_model *m, const void *mem,
			     size_t n)
{
	const u8 *p = mem;
	size_t i;
	u64 gen;

	for (i = 0; i + OCKAM_KEY_LEN <= n; i++) {
		gen = ring_find(p + i);
		RING_CHECK(gen >= m->kr.gen || m->alive[gen]);
	}
	return true;
}

static inline bool ring_holds(const struct ring_model *m, u64 gen)
{
	return !!ockam_keyring_get(&m->kr, gen);
}

/* Every key that shall exist does, and no other, at any place. */
static inline bool ring_check(struct ring_model *m)
{
	u64 from = m->kr.gen > 100 ? m->kr.gen - 100 : 0;
	const u8 *key;
	u64 gen;

	for (gen = from; gen < m->kr.gen; gen++) {
		key = ockam_keyring_get(&m->kr, gen);
		RING_CHECK(!!key == m->alive[gen]);
		RING_CHECK(!key || !memcmp(key, ring_chain[gen], 32));
	}
	key = ockam_keyring_get(&m->kr, m->kr.gen);
	RING_CHECK(!memcmp(key, ring_chain[m->kr.gen], 32));
	RING_CHECK(ring_scan(m, &m->kr, sizeof(m->kr)));
	return !m->ext || ring_scan(m, m->ext, sizeof(*m->ext));
}

/* What has to go once @gen_now is current; before that it was @gen. */
static inline void ring_age(struct ring_model *m, u64 gen, u64 gen_now)
{
	for (gen = gen > 40 ? gen - 40 : 0; gen < gen_now; gen++)
		if (!m->keep || gen + 32 < gen_now ||
		    ockam_window_gen_done(&m->w, gen) ||
		    m->now - m->since[gen] >= 2000)
			m->alive[gen] = false;
}

static inline bool ring_expire(struct ring_model *m)
{
	u64 due = ockam_keyring_expire(&m->kr, ring_window(m), m->now);
	u64 want = U64_MAX;
	u64 gen = m->kr.gen > 40 ? m->kr.gen - 40 : 0;

	ring_age(m, m->kr.gen, m->kr.gen);
	for (; gen < m->kr.gen; gen++)
		if (m->alive[gen] && m->since[gen] + 2000 < want)
			want = m->since[gen] + 2000;
	RING_CHECK(due == want);
	return true;
}

/* Ask for a key as the receiver of a nonce does, forged or not. */
static inline bool ring_ask(struct ring_model *m, u64 gen, u32 budget, u8 *out,
			    int *result)
{
	struct ockam_keyring before = m->kr;
	u64 calls = m->derived;
	u64 spent, bound;
	int err;

	do {
		spent = m->derived;
		err = ockam_keyring_derive(&m->kr, gen, budget, ring_derive, m,
					   out);
		RING_CHECK(m->derived - spent <= budget);
		if (err == -ENOBUFS) {
			RING_CHECK(!m->ext && gen > m->kr.gen + 64);
			ring_attach(m);
		}
	} while (err == -EAGAIN || err == -ENOBUFS);

	RING_CHECK(m->kr.derivations == m->derived);
	RING_CHECK(m->kr.gen == before.gen);
	RING_CHECK(!memcmp(m->kr.key, before.key, OCKAM_KEY_LEN));
	RING_CHECK(m->kr.old_mask == before.old_mask);

	spent = m->derived - calls;
	bound = OCKAM_KEYRING_STEPS_MAX;
	if (gen > m->walked)
		bound += gen - m->walked;
	RING_CHECK(spent <= bound);
	if (gen >= m->kr.gen && gen <= m->kr.gen + 1)
		RING_CHECK(spent <= gen - m->kr.gen);
	if (!err && gen > m->walked)
		m->walked = gen;
	*result = err;

	if (err == -ENOMEM)
		return true;
	if (gen > m->kr.gen + OCKAM_KEYRING_AHEAD)
		RING_CHECK(err == -ERANGE && !spent);
	else if (gen < m->kr.gen)
		RING_CHECK(err == (m->alive[gen] ? 0 : -ENOKEY) && !spent);
	else
		RING_CHECK(!err);
	RING_CHECK(err || !memcmp(out, ring_chain[gen], OCKAM_KEY_LEN));
	return true;
}

static inline bool ring_commit(struct ring_model *m, u64 gen)
{
	u64 from = m->kr.gen, calls = m->derived;
	u64 h;
	int err;

	err = ockam_keyring_commit(&m->kr, gen, ring_window(m), m->now,
				   ring_derive, m);
	if (err == -ENOBUFS) {
		RING_CHECK(!m->ext && m->keep && m->kr.gen == from);
		ring_attach(m);
		err = ockam_keyring_commit(&m->kr, gen, ring_window(m), m->now,
					   ring_derive, m);
	}
	if (err == -ENOMEM) {
		RING_CHECK(m->kr.gen == from);
		/* What had to go at this moment has gone all the same. */
		ring_age(m, from, from);
		for (h = from > 100 ? from - 100 : 0; h < from; h++)
			m->alive[h] &= h + 32 >= gen;
		RING_CHECK(ring_check(m));
		err = ockam_keyring_commit(&m->kr, gen, ring_window(m), m->now,
					   ring_derive, m);
	}
	RING_CHECK(!err && m->kr.gen == gen);
	RING_CHECK(m->derived - calls <= 2 * OCKAM_KEYRING_COMMIT_MAX);
	if (gen == from + 1)
		RING_CHECK(m->derived == calls);
	for (h = from; h < gen; h++) {
		m->alive[h] = true;
		m->since[h] = m->now;
	}
	ring_age(m, from, gen);
	return true;
}

/* A genuine message arrives.  @taken tells whether it was accepted. */
static inline bool ring_receive(struct ring_model *m, u64 nonce, bool *taken)
{
	u64 gen = ockam_nonce_gen(nonce);
	u8 key[OCKAM_KEY_LEN];
	int err;

	*taken = false;
	if (ockam_window_check(&m->w, nonce))
		return true;
	RING_CHECK(ring_ask(m, gen, 64, key, &err));
	if (err)
		return true;

	ockam_window_commit(&m->w, nonce);
	if (gen > m->kr.gen)
		RING_CHECK(ring_commit(m, gen));
	else if (gen < m->kr.gen)
		RING_CHECK(ring_expire(m));
	*taken = true;
	return ring_check(m);
}

#endif /* OCKAM_RING_MODEL_H */
