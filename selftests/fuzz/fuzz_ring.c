// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Any sequence of messages, forged nonces and time on the window and key
 * ring of one direction, beside the naive receiver of the unit tests.
 */
#include <stdint.h>

#include "ring_model.h"

#define MUST(cond)	do { if (!(cond)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ring_model m;

/* Three bytes a step: what, and a distance of either sign. */
static void step(const uint8_t *p)
{
	u64 next = m.w.next;
	u32 far = p[1] << 8 | p[2];
	u8 key[OCKAM_KEY_LEN];
	bool taken;
	u64 n;
	int err;

	switch (p[0] & 7) {
	case 0:
		MUST(ring_receive(&m, next, &taken));
		break;
	case 1:
		MUST(ring_receive(&m, next + far % 70, &taken));
		break;
	case 2:
		MUST(ring_receive(&m, next + far, &taken));
		break;
	case 3:
		n = far % 1100;
		MUST(ring_receive(&m, next > n ? next - n : 0, &taken));
		break;
	case 4:
		n = ockam_nonce_gen(next) + far % 2100;
		MUST(ring_ask(&m, n, 64 + (p[0] >> 3), key, &err));
		break;
	case 5:
		n = ockam_nonce_gen(next);
		n = n > far % 40 ? n - far % 40 : 0;
		MUST(ring_ask(&m, n, 64, key, &err));
		break;
	case 6:
		m.now += far >> (p[0] >> 5);
		MUST(ring_expire(&m) && ring_check(&m));
		break;
	default:
		if (far & 1)
			ring_detach(&m);
		else
			m.fail_in = far >> 8;
	}
	MUST(ring_expire(&m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	ring_model_init(&m, data[0] >> 1, data[0] & 1);
	for (data++, size--; size >= 3; data += 3, size -= 3) {
		if (ockam_nonce_gen(m.w.next) + 5000 > RING_GENS)
			break;
		step(data);
	}
	MUST(ring_check(&m));
	ring_model_free(&m);
	return 0;
}
