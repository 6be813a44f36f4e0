// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl flush: what lets the module be unloaded, as far as it is netlink's. */
#include "ockamctl.h"

static int run_flush(struct ctl *ctl, int argc, char **argv)
{
	int err;

	if (argc)
		return ctl_usage("flush: unknown word '%s'", argv[0]);
	err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_channel_flush(ctl->nl) || ockam_nl_hop_flush(ctl->nl) ||
	    ockam_nl_link_flush(ctl->nl))
		return ctl_nl_fail(ctl, "flush");
	return CTL_OK;
}

const struct command flush_commands[] = {
	{ "", "",
	  "delete all channels, hops and links", run_flush },
	{ }
};
