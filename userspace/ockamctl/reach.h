/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Whom a route reaches, in words. */
#ifndef OCKAMCTL_REACH_H
#define OCKAMCTL_REACH_H

#include <stddef.h>
#include <stdint.h>

struct ctl;

/**
 * reach_fail() - say why a message could not be sent
 * @ctl: the invocation
 * @what: who tried
 * @route: where to, in flat form
 * @len: its bytes
 * @err: errno of the send
 *
 * Return: CTL_FAIL.
 */
int reach_fail(const struct ctl *ctl, const char *what, const uint8_t *route,
	       size_t len, int err);

#endif /* OCKAMCTL_REACH_H */
