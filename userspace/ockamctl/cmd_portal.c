// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl inlet, ockamctl outlet: the portals of ockamd, and more of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ockam/ockam.h>

#include "ockamctl.h"
#include "request.h"
#include "section.h"
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

static const struct section_word inlet_words[] = {
	{ "listen", SECTION_VALUE }, { "route", SECTION_VALUE },
	{ "anywhere", SECTION_FLAG }, { "max", SECTION_VALUE },
	{ "timeout-ms", SECTION_VALUE }, { "counters", SECTION_VALUE },
	{ NULL, SECTION_VALUE }
};

static const struct section_word outlet_words[] = {
	{ "connect", SECTION_VALUE }, { "allow", SECTION_LIST },
	{ "proxy-protocol", SECTION_FLAG }, { "max", SECTION_VALUE },
	{ "max-peer", SECTION_VALUE }, { "rate", SECTION_VALUE },
	{ "timeout-ms", SECTION_VALUE }, { "counters", SECTION_VALUE },
	{ NULL, SECTION_VALUE }
};

static int inlet_add(struct ctl *ctl, int argc, char **argv)
{
	return section_add(ctl, "inlet", inlet_words, argc, argv);
}

static int outlet_add(struct ctl *ctl, int argc, char **argv)
{
	return section_add(ctl, "outlet", outlet_words, argc, argv);
}

static int inlet_delete(struct ctl *ctl, int argc, char **argv)
{
	return section_delete(ctl, "inlet", argc, argv);
}

static int outlet_delete(struct ctl *ctl, int argc, char **argv)
{
	return section_delete(ctl, "outlet", argc, argv);
}

const struct command inlet_commands[] = {
	{ "list", "[daemon-uid USER]", "inlets and their connections",
	  inlet_list },
	{ "add",
	  "NAME listen PORT|HOST:PORT route ROUTE [anywhere] [max N] [timeout-ms N] [counters yes|no] [daemon-uid USER]",
	  "make one, which stays until it is deleted", inlet_add },
	{ "delete", "NAME [daemon-uid USER]",
	  "delete one that was made so; its connections end", inlet_delete },
	{ }
};

const struct command outlet_commands[] = {
	{ "list", "[daemon-uid USER]", "outlets and their connections",
	  outlet_list },
	{ "add",
	  "ADDRESS connect HOST:PORT allow anyone|IDENTIFIER ... [proxy-protocol] [max N] [max-peer N] [rate N] [timeout-ms N] [counters yes|no] [daemon-uid USER]",
	  "make one, which stays until it is deleted", outlet_add },
	{ "delete", "ADDRESS [daemon-uid USER]",
	  "delete one that was made so; its connections end", outlet_delete },
	{ }
};
