// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of flat routes.
 */
#include "ground/route.h"

/* Counts what is well-formed; a zero-length local address is not. */
int ockam_route_count(const u8 *p, u32 len)
{
	struct ockam_addr a;
	u32 n = 0;
	int used;

	if (len > OCKAM_ROUTE_MAX_BYTES)
		return -EMSGSIZE;

	for (; len; len -= used, p += used) {
		used = ockam_route_next(p, len, &a);
		if (used < 0)
			return used;
		if (!a.len && a.type == OCKAM_ADDR_LOCAL)
			return -EINVAL;
		if (++n > OCKAM_ROUTE_MAX_HOPS)
			return -EMSGSIZE;
	}
	return (int)n;
}

int ockam_route_check(const u8 *p, u32 len, u32 nhops)
{
	int n;

	if (nhops > OCKAM_ROUTE_MAX_HOPS)
		return -EMSGSIZE;

	n = ockam_route_count(p, len);
	if (n < 0)
		return n;
	return (u32)n == nhops ? 0 : -EINVAL;
}
