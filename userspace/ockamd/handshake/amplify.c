// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What is sent to addresses that nothing has confirmed. */
#include <string.h>

#include <sodium.h>

#include "core/base.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/source.h"
#include "handshake/amplify.h"
#include "nl.h"

#define FACTOR		3
#define BURST		4096	/* bytes that an address gets for nothing */
#define RATE		256	/* and a second */
#define ALL_BURST	(256U << 10)
#define ALL_RATE	(64U << 10)
#define ADDRESSES	1024
#define CONFIRMED_MS	600000
#define EPOCH_MS	60000
#define TYPE_UDP	2

/**
 * struct account - an address
 * @source: it
 * @left: bytes that it may still get for nothing
 * @when: they were counted, in ms; 0: free
 * @confirmed_until: in ms
 */
struct account {
	struct source source;
	uint64_t left;
	uint64_t when;
	uint64_t confirmed_until;
};

static struct account accounts[ADDRESSES];
static struct account all;

bool amplify_is_open(const struct ockam_info *info)
{
	const struct ockam_path *ret = &info->ret;
	size_t n = path_first(ret);

	return info->peer.origin == OCKAM_ORIGIN_LINK && ret->nhops > 1 &&
	       ret->hops[n] == TYPE_UDP;
}

static void fill(struct account *a, uint64_t rate, uint64_t burst)
{
	uint64_t now = now_ms();

	if (!a->when)
		a->left = burst;
	else
		a->left += (now - a->when) * rate / 1000;
	if (a->left > burst)
		a->left = burst;
	a->when = now;
}

/* One without an account takes that of who has been quiet for longest. */
static struct account *account_of(const struct source *src)
{
	struct account *oldest = &accounts[0];
	size_t i;

	for (i = 0; i < ADDRESSES; i++) {
		if (accounts[i].when && source_same(&accounts[i].source, src))
			return &accounts[i];
		if (accounts[i].when < oldest->when)
			oldest = &accounts[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->source = *src;
	return oldest;
}

bool amplify_allows(const struct source *src, size_t got, size_t send)
{
	struct account *a = account_of(src);

	fill(a, RATE, BURST);
	fill(&all, ALL_RATE, ALL_BURST);
	if (now_ms() < a->confirmed_until || send <= FACTOR * got)
		return true;
	send -= FACTOR * got;
	if (send > a->left || send > all.left)
		return false;
	a->left -= send;
	all.left -= send;
	return true;
}

void amplify_confirmed(const struct source *src)
{
	struct account *a;

	if (src->kind != SOURCE_ADDRESS)
		return;
	a = account_of(src);
	fill(a, RATE, BURST);
	a->confirmed_until = now_ms() + CONFIRMED_MS;
}

/* ---- cookies ---- */

static void make_cookie(const struct ockam_path *ret, uint64_t epoch,
			uint8_t cookie[AMPLIFY_COOKIE_LEN])
{
	static uint8_t key[crypto_generichash_KEYBYTES];
	crypto_generichash_state st;
	static bool has_key;

	if (!has_key)
		randombytes_buf(key, sizeof(key));
	has_key = true;
	crypto_generichash_init(&st, key, sizeof(key), AMPLIFY_COOKIE_LEN);
	crypto_generichash_update(&st, (uint8_t *)&epoch, sizeof(epoch));
	crypto_generichash_update(&st, ret->hops, ret->len);
	crypto_generichash_final(&st, cookie, AMPLIFY_COOKIE_LEN);
}

void amplify_cookie(const struct ockam_path *ret,
		    uint8_t cookie[AMPLIFY_COOKIE_LEN])
{
	make_cookie(ret, now_ms() / EPOCH_MS, cookie);
}

bool amplify_knows(const struct ockam_path *ret, const uint8_t *cookie)
{
	uint64_t epoch = now_ms() / EPOCH_MS;
	uint8_t good[AMPLIFY_COOKIE_LEN];

	make_cookie(ret, epoch, good);
	if (!sodium_memcmp(good, cookie, sizeof(good)))
		return true;
	if (!epoch)
		return false;
	make_cookie(ret, epoch - 1, good);
	return !sodium_memcmp(good, cookie, sizeof(good));
}
