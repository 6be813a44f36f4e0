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

static int listener_list(struct ctl *ctl, int argc, char **argv)
{
	char text[REQUEST_TEXT_MAX + 1];
	struct channel_words w;
	char *line, *rest = text;
	json_t *list;
	int err;

	err = words_channel(&w, argc, argv);
	if (err)
		return err;
	if (request_listeners(&w.opt, text))
		return ctl_fail(ctl, "%s", ockam_error());
	if (!ctl->json) {
		fputs(text, stdout);
		return CTL_OK;
	}
	list = json_array();
	while ((line = strsep(&rest, "\n")))
		if (*line)
			json_array_append_new(list, json_string(line));
	print_json(list);
	return CTL_OK;
}

int cmd_listener(struct ctl *ctl, int argc, char **argv)
{
	static const struct command table[] = {
		{ "list", "[daemon-uid UID]", "your listeners; root sees all",
		  listener_list },
		{ "create",
		  "ADDRESS trust anyone|IDENTIFIER ... [identity NAME] [shared] [daemon-uid UID]",
		  "accept secure channels at an address", listener_create },
		{ "delete", "ADDRESS [daemon-uid UID]",
		  "accept none any more; channels stay", listener_delete },
		{ NULL, NULL, NULL, NULL }
	};

	return ctl_dispatch(ctl, "listener", table, argc, argv);
}
