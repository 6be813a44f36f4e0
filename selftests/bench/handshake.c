// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What Noise XX costs beside the operations that it cannot do without. Prints rows
 * as bench.sh keeps them: "NAME NANOSECONDS", which under instruction counting are
 * instructions, of both sides together:
 *
 *	xx_first	a handshake of identities that have not met
 *	xx_known	one of identities whose histories are stored
 *	xx_needed	2 key pairs, 6 Diffie-Hellman results, 4 signatures verified
 */
#include <sodium.h>

#include "bench.h"
#include "exchange.h"
#include "known.h"
#include "tap.h"
#include "xx.h"

#define TIMES	20
#define NOW	(KNOWN_FROM + 100)
/* As long as what an attestation's signature is over. */
#define SIGNED	121

static struct mem_store store[2];
static struct trust_policy anyone;
static struct ident_check check[2] = {
	{ .policy = &anyone, .store = &store[0].ops },
	{ .policy = &anyone, .store = &store[1].ops },
};

static void forget(void)
{
	mem_store_init(&store[0]);
	mem_store_init(&store[1]);
}

static void handshake(struct identity *a, struct identity *b)
{
	struct xx_config ca = { NULL, a, &check[0] };
	struct xx_config cb = { NULL, b, &check[1] };
	uint8_t m1[64], m2[1024], m3[1024];
	struct xx_keys ka, kb;
	size_t n1, n2, n3;
	struct xx i, r;

	MUST(!xx_initiator_start(&i, &ca, NOW, m1, sizeof(m1), &n1));
	MUST(!xx_responder_m1(&r, &cb, m1, n1, NOW, m2, sizeof(m2), &n2));
	MUST(!xx_initiator_m2(&i, m2, n2, NOW, m3, sizeof(m3), &n3, &ka));
	MUST(!xx_responder_m3(&r, m3, n3, NOW, &kb));
	MUST(!memcmp(ka.tx, kb.rx, sizeof(ka.tx)));
	xx_keys_wipe(&ka);
	xx_keys_wipe(&kb);
	xx_wipe(&i);
	xx_wipe(&r);
}

static unsigned long long handshakes(bool known)
{
	struct identity *a = known_peer(0x11, 0), *b = known_peer(0x22, 1);
	unsigned long long t, sum = 0;
	int i;

	forget();
	handshake(a, b);
	for (i = 0; i < TIMES; i++) {
		if (!known)
			forget();
		t = bench_now();
		handshake(a, b);
		sum += bench_now() - t;
	}
	identity_put(a);
	identity_put(b);
	return sum / TIMES;
}

static unsigned long long needed(void)
{
	uint8_t secret[32], public[32], shared[32], pk[32], sk[64], sig[64];
	uint8_t data[SIGNED] = {};
	unsigned long long t;
	int i, j;

	crypto_sign_keypair(pk, sk);
	crypto_sign_detached(sig, NULL, data, sizeof(data), sk);
	randombytes_buf(secret, sizeof(secret));
	t = bench_now();
	for (i = 0; i < TIMES; i++) {
		for (j = 0; j < 2; j++)
			MUST(!crypto_scalarmult_base(public, secret));
		for (j = 0; j < 6; j++)
			MUST(!crypto_scalarmult(shared, secret, public));
		for (j = 0; j < 4; j++)
			MUST(!crypto_sign_verify_detached(sig, data,
							  sizeof(data), pk));
	}
	return (bench_now() - t) / TIMES;
}

int main(void)
{
	if (sodium_init() < 0 || trust_policy_add(&anyone, "anyone"))
		return 1;
	printf("xx_first %llu\n", handshakes(false));
	printf("xx_known %llu\n", handshakes(true));
	printf("xx_needed %llu\n", needed());
	return 0;
}
