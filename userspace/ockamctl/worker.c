// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl worker */
#include <stddef.h>

#include "ockamctl.h"

static int worker_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("worker list: unknown word '%s'", argv[0]);
	return print_list(ctl, OCKAM_NL_WORKER, NULL, NULL);
}

static int worker_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_worker worker = {};
	int err;

	if (argc != 1)
		return ctl_usage("worker show: one address, please");
	err = arg_field(OCKAM_NL_WORKER, &worker, OCKAM_A_WORKER_ADDRESS,
			argv[0]);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_worker_get(ctl->nl, &worker))
		return ctl_nl_fail(ctl, "worker %s", argv[0]);
	print_object(ctl, OCKAM_NL_WORKER, &worker);
	return CTL_OK;
}

const struct command worker_commands[] = {
	{ "list", "", "all that may be seen", worker_list },
	{ "show", "ADDRESS", "one", worker_show },
	{ }
};
