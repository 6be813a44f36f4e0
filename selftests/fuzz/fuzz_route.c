// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Any bytes as a flat route: if it is found good then each hop can be read,
 * and writing them one by one gives the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ground/codec.h"
#include "ground/route.h"

#define MUST(cond)	do { if (!(cond)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const u8 *flat, u32 len, u32 nhops)
{
	u8 copy[OCKAM_ROUTE_MAX_BYTES], *end = copy;
	struct ockam_addr a;
	u32 off, hops = 0;
	u8 *cbor;
	int n;

	for (off = 0; off < len; off += n, hops++) {
		n = ockam_route_next(flat + off, len - off, &a);
		MUST(n > 0 && (u32)n == ockam_addr_size(&a));
		MUST(a.len || a.type);
		end = ockam_addr_put(end, &a);
	}
	MUST(hops == nhops && end == copy + len);
	MUST(!memcmp(copy, flat, len));

	n = ockam_cbor_route_size(flat, len, hops);
	MUST((u32)n <= ockam_cbor_route_bound(len, hops));
	cbor = malloc(n);
	MUST(ockam_cbor_route_put(cbor, flat, len, hops) == cbor + n);
	free(cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 *flat = malloc(size + !size);
	int n;

	memcpy(flat, data, size);
	n = ockam_route_count(flat, size);
	if (n < 0) {
		MUST(n == -EINVAL || n == -EMSGSIZE);
		MUST(ockam_route_check(flat, size, size % 65) == n);
	} else {
		MUST(n <= OCKAM_ROUTE_MAX_HOPS);
		MUST(ockam_route_check(flat, size, n) == 0);
		MUST(ockam_route_check(flat, size, n + 1) < 0);
		walk(flat, size, n);
	}
	free(flat);
	return 0;
}
