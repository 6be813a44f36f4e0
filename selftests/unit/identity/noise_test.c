// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <string.h>

#include <sodium.h>

#include "noise_test.h"

int noise_test_set_ephemeral(struct noise_xx *st,
			     const uint8_t e[NOISE_KEY_LEN])
{
	memcpy(st->e, e, NOISE_KEY_LEN);
	if (crypto_scalarmult_curve25519_base(st->e_pub, st->e))
		return NOISE_E_CRYPTO;
	st->have_e = true;
	return 0;
}
