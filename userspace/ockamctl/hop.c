// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl hop, relay */
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

static bool is_relay(const void *object)
{
	const struct ockam_nl_hop *hop = object;

	return ockam_nl_has(hop, OCKAM_A_HOP_ROUTE);
}

static int hop_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("hop list: unknown word '%s'", argv[0]);
	return print_list(ctl, OCKAM_NL_HOP, NULL, NULL);
}

static int relay_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("relay list: unknown word '%s'", argv[0]);
	return print_list(ctl, OCKAM_NL_HOP, NULL, is_relay);
}

static int hop_select(struct ctl *ctl, const char *what, int argc,
		      char **argv, struct ockam_nl_hop *hop)
{
	int err;

	if (argc != 1)
		return ctl_usage("%s: one id or address, please", what);
	err = arg_select(OCKAM_NL_HOP, hop, OCKAM_A_HOP_ID,
			 OCKAM_A_HOP_ADDRESS, argv[0]);
	return err ? err : ctl_open(ctl);
}

static int hop_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_hop hop = {};
	int err;

	err = hop_select(ctl, "hop show", argc, argv, &hop);
	if (err)
		return err;
	if (ockam_nl_hop_get(ctl->nl, &hop))
		return ctl_nl_fail(ctl, "hop %s", argv[0]);
	print_object(ctl, OCKAM_NL_HOP, &hop);
	return CTL_OK;
}

static int hop_make(struct ctl *ctl, const char *name,
		    struct ockam_nl_hop *hop, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_HOP_ROUTE, OCKAM_A_HOP_SCOPE, 0
	};
	int err;

	err = arg_fields(OCKAM_NL_HOP, hop, allowed, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_hop_new(ctl->nl, hop))
		return ctl_nl_fail(ctl, "add %s", name);
	print_object(ctl, OCKAM_NL_HOP, hop);
	return CTL_OK;
}

static int hop_add(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_hop hop = {};
	int err;

	if (argc < 1)
		return ctl_usage("hop add: an address is missing");
	err = arg_field(OCKAM_NL_HOP, &hop, OCKAM_A_HOP_ADDRESS, argv[0]);
	return err ? err : hop_make(ctl, argv[0], &hop, argc - 1,
				   argv + 1);
}

static int relay_add(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_hop hop = {};
	int err;

	if (argc < 2)
		return ctl_usage("relay add: an address and a route, please");
	err = arg_field(OCKAM_NL_HOP, &hop, OCKAM_A_HOP_ADDRESS, argv[0]);
	if (!err)
		err = arg_field(OCKAM_NL_HOP, &hop, OCKAM_A_HOP_ROUTE,
				argv[1]);
	return err ? err : hop_make(ctl, argv[0], &hop, argc - 2,
				   argv + 2);
}

static int hop_del(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_hop hop = {};
	int err;

	err = hop_select(ctl, "del", argc, argv, &hop);
	if (err)
		return err;
	if (ockam_nl_hop_del(ctl->nl, &hop))
		return ctl_nl_fail(ctl, "del %s", argv[0]);
	return CTL_OK;
}

static int hop_set(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_HOP_ROUTE, OCKAM_A_HOP_SCOPE, 0
	};
	struct ockam_nl_hop hop = {};
	int err;

	err = hop_select(ctl, "set", argc ? 1 : 0, argv, &hop);
	if (!err)
		err = arg_fields(OCKAM_NL_HOP, &hop, allowed, argc - 1,
				 argv + 1);
	if (err)
		return err;
	if (ockam_nl_hop_set(ctl->nl, &hop))
		return ctl_nl_fail(ctl, "hop set %s", argv[0]);
	return CTL_OK;
}

static int hop_flush(struct ctl *ctl, int argc, char **argv)
{
	int err;

	if (argc)
		return ctl_usage("hop flush: unknown word '%s'", argv[0]);
	err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_hop_flush(ctl->nl))
		return ctl_nl_fail(ctl, "hop flush");
	return CTL_OK;
}

static json_t *name_object(char *line)
{
	return words_object(line, "relay-at");
}

static int relay_names(struct ctl *ctl, int argc, char **argv)
{
	return words_list(ctl, argc, argv, request_relays_at, name_object);
}

const struct command hop_commands[] = {
	{ "list", "", "all, relays too", hop_list },
	{ "show", "ID | ADDRESS", "one", hop_show },
	{ "add", "ADDRESS [scope local,links,channels,forwarded] "
	  "[route ROUTE]", "make one", hop_add },
	{ "set", "ID | ADDRESS [scope local,links,channels,forwarded] "
	  "[route ROUTE]", "change one", hop_set },
	{ "del", "ID | ADDRESS", "delete one", hop_del },
	{ "flush", "", "delete all", hop_flush },
	{ }
};

const struct command relay_commands[] = {
	{ "list", "", "hops with a route", relay_list },
	{ "add", "ADDRESS ROUTE "
	  "[scope local,links,channels,forwarded]",
	  "make one", relay_add },
	{ "del", "ID | ADDRESS", "delete one", hop_del },
	{ "names", "[daemon-uid USER]",
	  "names by which this node is reached at relays of other nodes",
	  relay_names },
	{ }
};
