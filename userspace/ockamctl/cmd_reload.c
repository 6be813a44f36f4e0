// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl reload: have ockamd read its configuration again. */
#include "ockamctl.h"
#include "request.h"
#include "words.h"

static int run_reload(struct ctl *ctl, int argc, char **argv)
{
	char text[REQUEST_TEXT_MAX + 1];
	struct channel_words w;
	int err;

	err = words_channel(&w, argc, argv);
	if (err)
		return err;
	if (request_reload(&w.opt, text))
		return ctl_fail(ctl, "reload: %s", ockam_error());
	return CTL_OK;
}

const struct command reload_commands[] = {
	{ "", "[daemon-uid USER]",
	  "have ockamd read its configuration again, and say what is wrong with it",
	  run_reload },
	{ }
};
