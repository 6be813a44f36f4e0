// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl inlet, ockamctl outlet: the portals of ockamd's configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

static int portal_list(struct ctl *ctl, const char *kind, int argc,
		       char **argv)
{
	struct channel_words w;
	char *text, *line, *rest;
	json_t *list;
	int err;

	err = words_channel(&w, argc, argv);
	if (err)
		return err;
	if (request_portals(&w.opt, &text))
		return ctl_fail(ctl, "%s", ockam_error());
	rest = text;
	list = json_array();
	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, kind))
			continue;
		if (ctl->json)
			json_array_append_new(list, words_object(line, "name"));
		else
			puts(line);
	}
	free(text);
	if (ctl->json)
		print_json(list);
	else
		json_decref(list);
	return CTL_OK;
}

static int inlet_list(struct ctl *ctl, int argc, char **argv)
{
	return portal_list(ctl, " kind inlet ", argc, argv);
}

static int outlet_list(struct ctl *ctl, int argc, char **argv)
{
	return portal_list(ctl, " kind outlet ", argc, argv);
}

const struct command inlet_commands[] = {
	{ "list", "[daemon-uid USER]", "inlets and their connections",
	  inlet_list },
	{ }
};

const struct command outlet_commands[] = {
	{ "list", "[daemon-uid USER]", "outlets and their connections",
	  outlet_list },
	{ }
};
