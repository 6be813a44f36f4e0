// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What carries messages along a route. */
#include <string.h>

#include "core/base.h"
#include "core/daemon.h"
#include "handshake/carrier.h"
#include "nl.h"

#define NEST_MAX	8

/* The route of the channel whose encryptor's address it begins with. */
static bool into_channel(struct ockam_path *path)
{
	static struct ockam_nl_channel ch;
	size_t n = path_first(path);

	if (!n || n > sizeof(ch.encryptor.data))
		return false;
	memset(&ch, 0, sizeof(ch));
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ch.encryptor.len = n;
	memcpy(ch.encryptor.data, path->hops, n);
	if (ockam_nl_channel_get(the.nl, &ch) || !ch.route.len)
		return false;
	/* Only the first one is looked at. */
	path->nhops = 1;
	path->len = ch.route.len;
	memcpy(path->hops, ch.route.data, ch.route.len);
	return true;
}

bool carrier_may_lose(const struct ockam_path *route)
{
	static struct ockam_path path;
	struct ockam_nl_link link;
	size_t n;
	int i;

	path = *route;
	for (i = 0; i < NEST_MAX; i++) {
		n = path_first(&path);
		memset(&link, 0, sizeof(link));
		if (!n || n > sizeof(link.name.data))
			return false;
		ockam_nl_mark(&link, OCKAM_A_LINK_NAME);
		link.name.len = n;
		memcpy(link.name.data, path.hops, n);
		if (!ockam_nl_link_get(the.nl, &link))
			return link.kind == OCKAM_LINK_KIND_UDP;
		if (!into_channel(&path))
			return false;
	}
	return false;
}
