// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Requests and answers between libockam and ockamd. */
#include <stdlib.h>
#include <string.h>

#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[REQUEST_MAX];
	static struct request req, again;
	static struct answer ans;
	int n;

	answer_read(data, size, &ans);
	if (request_read(data, size, &req))
		return 0;
	/* What was understood survives being written. */
	n = request_write(&req, out, sizeof(out));
	if (n < 0 || request_read(out, n, &again) || again.id != req.id ||
	    again.op != req.op || again.route.len != req.route.len ||
	    memcmp(again.route.hops, req.route.hops, req.route.len))
		abort();
	return 0;
}
