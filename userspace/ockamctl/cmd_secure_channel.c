// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl secure-channel: ask ockamd for a handshake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

static int secure_channel_create(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_secure_channel ch;
	struct channel_words w;
	int err;

	if (!argc)
		return ctl_usage("the route to the peer's listener is missing");
	err = words_channel(&w, argc - 1, argv + 1);
	if (err)
		return err;
	if (ockam_secure_channel_create(argv[0], &w.opt, &ch))
		return ctl_fail(ctl, "%s", ockam_error());
	if (ctl->json)
		print_json(json_pack("{s:s, s:I, s:s}", "address", ch.address,
				     "id", (json_int_t)ch.id,
				     "peer", ch.peer_text));
	else
		printf("%s id %u peer %s\n", ch.address, ch.id, ch.peer_text);
	return CTL_OK;
}

static int secure_channel_delete(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_secure_channel ch = { 0 };
	struct channel_words w;
	uint64_t id;
	int err;

	if (!argc)
		return ctl_usage("the id of a channel is missing");
	err = arg_number("id", argv[0], UINT32_MAX, &id);
	if (!err)
		err = words_channel(&w, argc - 1, argv + 1);
	if (err)
		return err;
	ch.id = id;
	if (ockam_secure_channel_delete(&ch, &w.opt))
		return ctl_fail(ctl, "%s", ockam_error());
	return CTL_OK;
}

static json_t *list_object(char *line)
{
	return words_object(line, "address");
}

static int secure_channel_list(struct ctl *ctl, int argc, char **argv)
{
	return words_list(ctl, argc, argv, request_channels, list_object);
}

const struct command secure_channel_commands[] = {
	{ "list", "[daemon-uid USER]",
	  "your channels that are kept up; root sees all",
	  secure_channel_list },
	{ "create",
	  "ROUTE trust anyone|IDENTIFIER ... [identity NAME] [handshake xx|x3dh|x3dh-mailbox|x3dh-one-time] [timeout-ms N] [shared] [daemon-uid USER]",
	  "make a channel to the listener at the end of ROUTE",
	  secure_channel_create },
	{ "delete", "ID [daemon-uid USER]", "end a channel",
	  secure_channel_delete },
	{ }
};
