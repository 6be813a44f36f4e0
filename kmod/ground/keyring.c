// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of one direction: ratchet ahead by checkpoints, forget behind.
 *
 * The checkpoints that exist are those of all multiples of 64 between the
 * committed generation and @front.
 */
#include "ground/keyring.h"

static u8 *ring_old(const struct ockam_keyring *kr, u64 gen)
{
	return kr->ext->old[gen % OCKAM_KEYRING_OLD];
}

static u8 *ring_checkpoint(const struct ockam_keyring *kr, u64 gen)
{
	return kr->ext->ahead[gen / OCKAM_KEYRING_STRIDE %
			      OCKAM_KEYRING_CHECKPOINTS];
}

static u32 ring_old_bit(u64 gen)
{
	return (u32)1 << (gen % OCKAM_KEYRING_OLD);
}

/* Which of the 32 generations before the committed one has this slot? */
static u64 ring_old_gen(const struct ockam_keyring *kr, u32 slot)
{
	u64 last = kr->gen - 1;

	return last - ((last - slot) % OCKAM_KEYRING_OLD);
}

static void ring_drop_old(struct ockam_keyring *kr, u64 gen)
{
	memzero_explicit(ring_old(kr, gen), OCKAM_KEY_LEN);
	kr->old_mask &= ~ring_old_bit(gen);
}

static void ring_drop_walk(struct ockam_keyring *kr)
{
	memzero_explicit(kr->walk, OCKAM_KEY_LEN);
	kr->walk_gen = 0;
}

void ockam_keyring_init(struct ockam_keyring *kr, const u8 key[OCKAM_KEY_LEN],
			u64 gen)
{
	memset(kr, 0, sizeof(*kr));
	memcpy(kr->key, key, OCKAM_KEY_LEN);
	kr->gen = gen;
}

const u8 *ockam_keyring_get(const struct ockam_keyring *kr, u64 gen)
{
	if (likely(gen == kr->gen))
		return kr->key;
	if (gen < kr->gen) {
		if (kr->gen - gen > OCKAM_KEYRING_OLD ||
		    !(kr->old_mask & ring_old_bit(gen)))
			return NULL;
		return ring_old(kr, gen);
	}
	if (gen == kr->gen + 1 && kr->have_next)
		return kr->next;
	return gen == kr->walk_gen ? kr->walk : NULL;
}

static int ring_step(struct ockam_keyring *kr, ockam_derive_t derive,
		     void *ctx, const u8 *key, u8 *next)
{
	kr->derivations++;
	return derive(ctx, key, next);
}

static int ring_derive_next(struct ockam_keyring *kr, ockam_derive_t derive,
			    void *ctx)
{
	int err;

	err = ring_step(kr, derive, ctx, kr->key, kr->next);
	if (err) {
		memzero_explicit(kr->next, OCKAM_KEY_LEN);
		return err;
	}
	kr->have_next = true;
	return 0;
}

/* Put the walk at the nearest known key on the way to @gen. */
static void ring_walk_start(struct ockam_keyring *kr, u64 gen)
{
	u64 start = gen - gen % OCKAM_KEYRING_STRIDE;
	const u8 *key = kr->key;

	if (start > kr->front)
		start = kr->front;
	if (start > kr->gen)
		key = ring_checkpoint(kr, start);
	else
		start = kr->gen;

	if (kr->walk_gen >= start && kr->walk_gen <= gen && kr->walk_gen)
		return;
	memcpy(kr->walk, key, OCKAM_KEY_LEN);
	kr->walk_gen = start;
}

/*
 * Every generation is walked through first by a walk that began at or before
 * @front, so no checkpoint is ever left out.
 */
static void ring_walk_mark(struct ockam_keyring *kr)
{
	u64 gen = kr->walk_gen;

	if (!kr->ext || gen % OCKAM_KEYRING_STRIDE || gen <= kr->front)
		return;
	/* One more than the slots can appear at the very end of the range. */
	if (gen - kr->gen > OCKAM_KEYRING_CHECKPOINTS * OCKAM_KEYRING_STRIDE)
		return;
	memcpy(ring_checkpoint(kr, gen), kr->walk, OCKAM_KEY_LEN);
	kr->front = gen;
}

static int ring_walk(struct ockam_keyring *kr, u64 gen, u32 budget,
		     ockam_derive_t derive, void *ctx)
{
	u8 next[OCKAM_KEY_LEN];
	int err = 0;

	ring_walk_start(kr, gen);
	while (kr->walk_gen < gen) {
		err = -EAGAIN;
		if (!budget--)
			break;
		err = ring_step(kr, derive, ctx, kr->walk, next);
		if (err)
			break;
		memcpy(kr->walk, next, OCKAM_KEY_LEN);
		kr->walk_gen++;
		ring_walk_mark(kr);
	}
	memzero_explicit(next, sizeof(next));
	/* No copy of the committed key stays where commit would miss it. */
	if (kr->walk_gen == kr->gen)
		ring_drop_walk(kr);
	return err;
}

/* Make a key that is not at hand. */
static int ring_reach(struct ockam_keyring *kr, u64 gen, u32 budget,
		      ockam_derive_t derive, void *ctx)
{
	if (gen < kr->gen)
		return -ENOKEY;
	if (gen - kr->gen > OCKAM_KEYRING_AHEAD)
		return -ERANGE;
	if (gen == kr->gen + 1)
		return budget ? ring_derive_next(kr, derive, ctx) : -EAGAIN;
	if (!kr->ext && gen - kr->gen > OCKAM_KEYRING_STRIDE)
		return -ENOBUFS;
	return ring_walk(kr, gen, budget, derive, ctx);
}

int ockam_keyring_derive(struct ockam_keyring *kr, u64 gen, u32 budget,
			 ockam_derive_t derive, void *ctx,
			 u8 out[OCKAM_KEY_LEN])
{
	const u8 *key = ockam_keyring_get(kr, gen);
	int err;

	if (!key) {
		err = ring_reach(kr, gen, budget, derive, ctx);
		if (err)
			return err;
		key = ockam_keyring_get(kr, gen);
	}
	memcpy(out, key, OCKAM_KEY_LEN);
	return 0;
}

/* Keep what is not yet done of [from, to), by a walk that ends at @to. */
static int ring_keep(struct ockam_keyring *kr, u64 from, u64 to,
		     const struct ockam_window *w, ockam_derive_t derive,
		     void *ctx, u32 *kept)
{
	u64 gen;
	int err;

	for (gen = from; gen < to; gen++) {
		err = ring_walk(kr, gen, U32_MAX, derive, ctx);
		if (err)
			return err;
		if (ockam_window_gen_done(w, gen))
			continue;
		memcpy(ring_old(kr, gen), kr->walk, OCKAM_KEY_LEN);
		*kept |= ring_old_bit(gen);
	}
	return 0;
}

/* Bring the key of @gen into @next or @walk, and what lies between into @old. */
static int ring_advance(struct ockam_keyring *kr, u64 gen, u64 floor,
			const struct ockam_window *w, ockam_derive_t derive,
			void *ctx, u32 *kept)
{
	u64 from = floor > kr->gen ? floor : kr->gen + 1;
	int err;

	if (ockam_keyring_get(kr, gen) && (!w || from == gen))
		return 0;
	if (gen == kr->gen + 1)
		return ring_derive_next(kr, derive, ctx);
	if (!kr->ext && (w || gen - kr->gen > OCKAM_KEYRING_STRIDE))
		return -ENOBUFS;
	if (w) {
		err = ring_keep(kr, from, gen, w, derive, ctx, kept);
		if (err)
			return err;
	}
	return ring_walk(kr, gen, U32_MAX, derive, ctx);
}

static void ring_drop_checkpoints(struct ockam_keyring *kr, u64 from, u64 to)
{
	u64 end = to < kr->front ? to : kr->front;
	u64 gen;

	gen = from - from % OCKAM_KEYRING_STRIDE + OCKAM_KEYRING_STRIDE;
	for (; gen <= end; gen += OCKAM_KEYRING_STRIDE)
		memzero_explicit(ring_checkpoint(kr, gen), OCKAM_KEY_LEN);
	if (kr->front <= to)
		kr->front = 0;
}

static void ring_drop_slots(struct ockam_keyring *kr, u32 mask)
{
	u32 slot;

	for (slot = 0; mask; slot++, mask >>= 1)
		if (mask & 1)
			memzero_explicit(kr->ext->old[slot], OCKAM_KEY_LEN);
}

static void ring_stamp(struct ockam_keyring *kr, u32 kept, u64 now_ms)
{
	u32 i;

	for (i = 0; i < OCKAM_KEYRING_OLD; i++)
		if (kept & (u32)1 << i)
			kr->old_ms[i] = (u16)now_ms;
	kr->old_mask |= kept;
}

int ockam_keyring_commit(struct ockam_keyring *kr, u64 gen,
			 const struct ockam_window *w, u64 now_ms,
			 ockam_derive_t derive, void *ctx)
{
	u64 floor = gen > OCKAM_KEYRING_OLD ? gen - OCKAM_KEYRING_OLD : 0;
	bool keep_current;
	u32 kept = 0;
	int err;

	if (gen <= kr->gen)
		return 0;
	if (gen - kr->gen > OCKAM_KEYRING_AHEAD)
		return -ERANGE;

	keep_current = w && kr->gen >= floor &&
		       !ockam_window_gen_done(w, kr->gen);
	if (keep_current && !kr->ext)
		return -ENOBUFS;

	/*
	 * With the new nonce in the window whatever is older than @floor goes,
	 * which frees the slots for what was skipped.
	 */
	ockam_keyring_expire(kr, w, now_ms);

	err = ring_advance(kr, gen, floor, w, derive, ctx, &kept);
	if (err) {
		ring_drop_slots(kr, kept);
		return err;
	}

	if (keep_current) {
		memcpy(ring_old(kr, kr->gen), kr->key, OCKAM_KEY_LEN);
		kept |= ring_old_bit(kr->gen);
	}
	memcpy(kr->key, ockam_keyring_get(kr, gen), OCKAM_KEY_LEN);
	memzero_explicit(kr->next, OCKAM_KEY_LEN);
	kr->have_next = false;
	ring_drop_walk(kr);
	ring_drop_checkpoints(kr, kr->gen, gen);
	kr->gen = gen;
	kr->commit_ms = now_ms;
	if (kept)
		ring_stamp(kr, kept, now_ms);
	return 0;
}

u64 ockam_keyring_expire(struct ockam_keyring *kr,
			 const struct ockam_window *w, u64 now_ms)
{
	/* Short stamps do: none is older than a little before the commit. */
	bool all = !w || now_ms - kr->commit_ms >= OCKAM_KEYRING_OLD_MS;
	u64 due = U64_MAX;
	u64 gen;
	u32 age;
	u32 i;

	for (i = 0; kr->old_mask && i < OCKAM_KEYRING_OLD; i++) {
		if (!(kr->old_mask & (u32)1 << i))
			continue;
		gen = ring_old_gen(kr, i);
		age = (u16)((u16)now_ms - kr->old_ms[i]);
		if (all || age >= OCKAM_KEYRING_OLD_MS ||
		    ockam_window_gen_done(w, gen))
			ring_drop_old(kr, gen);
		else if (now_ms + OCKAM_KEYRING_OLD_MS - age < due)
			due = now_ms + OCKAM_KEYRING_OLD_MS - age;
	}
	return due;
}

void ockam_keyring_attach(struct ockam_keyring *kr,
			  struct ockam_keyring_ext *ext)
{
	/* A walk without the extension has left no checkpoints. */
	ring_drop_walk(kr);
	kr->ext = ext;
}

struct ockam_keyring_ext *ockam_keyring_detach(struct ockam_keyring *kr)
{
	struct ockam_keyring_ext *ext = kr->ext;

	if (!ext || kr->old_mask || kr->front)
		return NULL;

	/* Each key was wiped where it left; this is cheap and certain. */
	memzero_explicit(ext, sizeof(*ext));
	ring_drop_walk(kr);
	kr->ext = NULL;
	return ext;
}

struct ockam_keyring_ext *ockam_keyring_wipe(struct ockam_keyring *kr)
{
	struct ockam_keyring_ext *ext = kr->ext;

	if (ext)
		memzero_explicit(ext, sizeof(*ext));
	memzero_explicit(kr, sizeof(*kr));
	return ext;
}

void ockam_sendkey_init(struct ockam_sendkey *s, const u8 key[OCKAM_KEY_LEN],
			u64 nonce)
{
	memcpy(s->key, key, OCKAM_KEY_LEN);
	s->nonce = nonce;
	s->gen = ockam_nonce_gen(nonce);
}

int ockam_sendkey_ready(struct ockam_sendkey *s, ockam_derive_t derive,
			void *ctx)
{
	u8 next[OCKAM_KEY_LEN];
	int err;

	if (unlikely(s->nonce == U64_MAX))
		return -EKEYEXPIRED;
	if (likely(s->gen == ockam_nonce_gen(s->nonce)))
		return 0;

	/* Nonces go up one by one, so it is one step and never more. */
	err = derive(ctx, s->key, next);
	if (!err) {
		memcpy(s->key, next, OCKAM_KEY_LEN);
		s->gen++;
	}
	memzero_explicit(next, sizeof(next));
	return err;
}

void ockam_sendkey_wipe(struct ockam_sendkey *s)
{
	memzero_explicit(s, sizeof(*s));
}
