/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What carries messages along a route, as far as this node knows. */
#ifndef OCKAMD_CARRIER_H
#define OCKAMD_CARRIER_H

#include <stdbool.h>

struct ockam_path;

/* Datagrams, which get lost? */
bool carrier_may_lose(const struct ockam_path *route);

#endif /* OCKAMD_CARRIER_H */
