/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_NOISE_TEST_H
#define OCKAM_NOISE_TEST_H

#include "noise.h"

/*
 * For known-answer tests only: a fixed ephemeral key. It lives in a file of
 * its own that is linked into test programs and nothing else.
 */
int noise_test_set_ephemeral(struct noise_xx *st,
			     const uint8_t e[NOISE_KEY_LEN]);

#endif
