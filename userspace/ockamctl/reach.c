// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Whom a route reaches, in words. */
#include <errno.h>
#include <string.h>

#include "ockamctl.h"
#include "reach.h"

int reach_fail(const struct ctl *ctl, const char *what, const uint8_t *route,
	       size_t len, int err)
{
	char first[OCKAM_TEXT_ROUTE_MAX];

	if (len < 2 || 2U + route[1] > len ||
	    ockam_text_print_route(route, 2 + route[1], first,
				   sizeof(first)) < 0)
		strcpy(first, "?");
	switch (err) {
	case EHOSTUNREACH:
		return ctl_fail(ctl, "%s: this node has no worker, hop or channel '%s' (ockamctl status shows what there is)",
				what, first);
	case ENETUNREACH:
		return ctl_fail(ctl, "%s: this node has no link '%s', or it is down (ockamctl link)",
				what, first);
	case EINVAL:
		return ctl_fail(ctl, "%s: '%s' only passes messages on: say where to, as in '%s => echoer'",
				what, first, first);
	case EACCES:
		return ctl_fail(ctl, "%s: '%s' does not accept messages of this user (its scope, owner or a policy)",
				what, first);
	case EKEYEXPIRED:
		return ctl_fail(ctl, "%s: the channel of '%s' has no usable key any more (ockamctl channel show)",
				what, first);
	case EMSGSIZE:
		return ctl_fail(ctl, "%s: the message is larger than this node allows (max-msg of ockamctl node)",
				what);
	default:
		return ctl_fail(ctl, "%s: %s: %s", what, first, strerror(err));
	}
}
