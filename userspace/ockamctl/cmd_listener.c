// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl listener: addresses at which ockamd accepts secure channels. */
#include <stdio.h>
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

static int on_address(struct ctl *ctl, int argc, char **argv,
		      int (*fn)(const char *address,
				const struct ockam_secure_channel_options *))
{
	struct channel_words w;
	int err;

	if (!argc)
		return ctl_usage("the address of a listener is missing");
	err = words_channel(&w, argc - 1, argv + 1);
	if (err)
		return err;
	if (fn(argv[0], &w.opt))
		return ctl_fail(ctl, "%s", ockam_error());
	return CTL_OK;
}

static int listener_create(struct ctl *ctl, int argc, char **argv)
{
	return on_address(ctl, argc, argv,
			  ockam_secure_channel_create_listener);
}

static int listener_delete(struct ctl *ctl, int argc, char **argv)
{
	return on_address(ctl, argc, argv,
			  ockam_secure_channel_delete_listener);
}

static json_t *list_object(char *line)
{
	return words_object(line, "address");
}

static int listener_list(struct ctl *ctl, int argc, char **argv)
{
	return words_list(ctl, argc, argv, request_listeners, list_object);
}

const struct command listener_commands[] = {
	{ "list", "[daemon-uid USER]", "your listeners; root sees all",
	  listener_list },
	{ "create",
	  "ADDRESS trust anyone|IDENTIFIER ... [identity NAME] [handshake xx|x3dh|both] [shared] [daemon-uid USER]",
	  "accept secure channels at an address", listener_create },
	{ "delete", "ADDRESS [daemon-uid USER]",
	  "accept none any more; channels stay", listener_delete },
	{ }
};
