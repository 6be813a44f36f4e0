// SPDX-License-Identifier: GPL-2.0
/*
 * Replay window of 1024 nonces.
 */
#include "ground/window.h"

void ockam_window_init(struct ockam_window *w, u64 first)
{
	w->next = first;
	/* Whatever came before the first nonce counts as seen. */
	memset(w->bits, 0xff, sizeof(w->bits));
}

static u64 *window_word(struct ockam_window *w, u64 n)
{
	return &w->bits[(n / 64) % OCKAM_WINDOW_WORDS];
}

/* Forget @count nonces from @from on, at most the whole ring. */
static void window_clear(struct ockam_window *w, u64 from, u64 count)
{
	u64 mask;
	u32 part;

	if (count >= OCKAM_WINDOW_SIZE) {
		memset(w->bits, 0, sizeof(w->bits));
		return;
	}

	for (; count; count -= part, from += part) {
		part = 64 - from % 64;
		if (part > count)
			part = (u32)count;
		mask = part == 64 ? U64_MAX : ((u64)1 << part) - 1;
		*window_word(w, from) &= ~(mask << (from % 64));
	}
}

void ockam_window_commit(struct ockam_window *w, u64 n)
{
	if (n >= w->next) {
		if (n != w->next)
			window_clear(w, w->next, n - w->next);
		w->next = n + 1;
	}
	*window_word(w, n) |= (u64)1 << (n % 64);
}

bool ockam_window_gen_done(const struct ockam_window *w, u64 gen)
{
	u64 first = gen << OCKAM_REKEY_SHIFT;
	u64 oldest;
	u32 seen;

	if (first >= w->next || w->next - first < OCKAM_REKEY_INTERVAL)
		return false;

	oldest = w->next > OCKAM_WINDOW_SIZE ? w->next - OCKAM_WINDOW_SIZE : 0;
	if (first + OCKAM_REKEY_INTERVAL <= oldest)
		return true;

	seen = (u32)(w->bits[(first / 64) % OCKAM_WINDOW_WORDS] >> (first % 64));
	/* The ring holds newer nonces in place of those that have left. */
	if (first < oldest)
		seen |= ((u32)1 << (oldest - first)) - 1;
	return seen == U32_MAX;
}
