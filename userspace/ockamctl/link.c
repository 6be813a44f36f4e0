// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl link */
#include <string.h>

#include "ockamctl.h"

static int link_list(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_LINK_KIND, OCKAM_A_LINK_MODE, OCKAM_A_LINK_STATE,
		OCKAM_A_LINK_PARENT, 0
	};
	struct ockam_nl_link filter = {};
	int err;

	err = arg_fields(OCKAM_NL_LINK, &filter, allowed, argc, argv);
	if (err)
		return err;
	return print_list(ctl, OCKAM_NL_LINK, &filter, NULL);
}

static int link_select(struct ctl *ctl, const char *what, int argc,
		       char **argv, struct ockam_nl_link *link)
{
	int err;

	if (argc < 1)
		return ctl_usage("link %s: an id or a name is missing", what);
	err = arg_select(OCKAM_NL_LINK, link, OCKAM_A_LINK_ID,
			 OCKAM_A_LINK_NAME, argv[0]);
	return err ? err : ctl_open(ctl);
}

static int link_show(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_link link = {};
	int err;

	err = link_select(ctl, "show", argc, argv, &link);
	if (err)
		return err;
	if (argc > 1)
		return ctl_usage("link show: unknown word '%s'", argv[1]);
	if (ockam_nl_link_get(ctl->nl, &link))
		return ctl_nl_fail(ctl, "link %s", argv[0]);
	print_object(ctl, OCKAM_NL_LINK, &link);
	return CTL_OK;
}

static int link_endpoint(const char *which, const char *text,
			 struct ockam_nl_link *link)
{
	int err;

	if (!strcmp(which, "listen") || !strcmp(which, "local")) {
		err = arg_endpoint(which, text, &link->local_ip,
				   &link->local_port, &link->local_scope_id);
		if (link->local_scope_id)
			ockam_nl_mark(link, OCKAM_A_LINK_LOCAL_SCOPE_ID);
		ockam_nl_mark(link, OCKAM_A_LINK_LOCAL_IP);
		ockam_nl_mark(link, OCKAM_A_LINK_LOCAL_PORT);
		return err;
	}
	err = arg_endpoint(which, text, &link->remote_ip, &link->remote_port,
			   &link->remote_scope_id);
	if (link->remote_scope_id)
		ockam_nl_mark(link, OCKAM_A_LINK_REMOTE_SCOPE_ID);
	ockam_nl_mark(link, OCKAM_A_LINK_REMOTE_IP);
	ockam_nl_mark(link, OCKAM_A_LINK_REMOTE_PORT);
	return err;
}

static int link_mode(const char *mode, const char *what,
		     struct ockam_nl_link *link)
{
	ockam_nl_mark(link, OCKAM_A_LINK_MODE);
	if (!strcmp(mode, "connect")) {
		link->mode = OCKAM_LINK_MODE_CONNECT;
		return link_endpoint(mode, what, link);
	}
	if (!strcmp(mode, "listen")) {
		link->mode = OCKAM_LINK_MODE_LISTEN;
		return link_endpoint(mode, what, link);
	}
	if (!strcmp(mode, "fd")) {
		link->mode = OCKAM_LINK_MODE_HANDOVER;
		return arg_field(OCKAM_NL_LINK, link, OCKAM_A_LINK_FD, what);
	}
	return ctl_usage("link add: connect, listen or fd, not '%s'", mode);
}

static int link_add(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_LINK_KIND, OCKAM_A_LINK_NAME,
		OCKAM_A_LINK_RECONNECT_MIN_MS, OCKAM_A_LINK_RECONNECT_MAX_MS,
		OCKAM_A_LINK_MAX_ACCEPTED, OCKAM_A_LINK_FRAME_MS,
		OCKAM_A_LINK_DEAD_MS, OCKAM_A_LINK_UDP_FORM,
		OCKAM_A_LINK_SEND_UIDS, OCKAM_A_LINK_SEND_GIDS, 0
	};
	struct ockam_nl_link link = {};
	int err;

	if (argc < 2)
		return ctl_usage("link add: connect HOST:PORT, listen HOST:PORT or fd N");
	err = link_mode(argv[0], argv[1], &link);
	if (err)
		return err;
	argc -= 2;
	argv += 2;
	if (argc >= 2 && !strcmp(argv[0], "local")) {
		err = link_endpoint(argv[0], argv[1], &link);
		if (err)
			return err;
		argc -= 2;
		argv += 2;
	}
	err = arg_fields(OCKAM_NL_LINK, &link, allowed, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_link_new(ctl->nl, &link))
		return ctl_nl_fail(ctl, "link add");
	print_object(ctl, OCKAM_NL_LINK, &link);
	return CTL_OK;
}

static int link_set(struct ctl *ctl, int argc, char **argv)
{
	static const int allowed[] = {
		OCKAM_A_LINK_RECONNECT_MIN_MS, OCKAM_A_LINK_RECONNECT_MAX_MS,
		OCKAM_A_LINK_MAX_ACCEPTED, OCKAM_A_LINK_FRAME_MS,
		OCKAM_A_LINK_DEAD_MS,
		OCKAM_A_LINK_SEND_UIDS, OCKAM_A_LINK_SEND_GIDS, 0
	};
	struct ockam_nl_link link = {};
	int err;

	err = link_select(ctl, "set", argc, argv, &link);
	if (!err)
		err = arg_fields(OCKAM_NL_LINK, &link, allowed, argc - 1,
				 argv + 1);
	if (err)
		return err;
	if (ockam_nl_link_set(ctl->nl, &link))
		return ctl_nl_fail(ctl, "link set %s", argv[0]);
	return CTL_OK;
}

static int link_del(struct ctl *ctl, int argc, char **argv)
{
	struct ockam_nl_link link = {};
	int err;

	err = link_select(ctl, "del", argc, argv, &link);
	if (err)
		return err;
	if (argc > 1)
		return ctl_usage("link del: unknown word '%s'", argv[1]);
	if (ockam_nl_link_del(ctl->nl, &link))
		return ctl_nl_fail(ctl, "link del %s", argv[0]);
	return CTL_OK;
}

static int link_flush(struct ctl *ctl, int argc, char **argv)
{
	int err;

	if (argc)
		return ctl_usage("link flush: unknown word '%s'", argv[0]);
	err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_link_flush(ctl->nl))
		return ctl_nl_fail(ctl, "link flush");
	return CTL_OK;
}

const struct command link_commands[] = {
	{ "list", "[kind K] [mode M] [state S] [parent ID]",
	  "all, or some", link_list },
	{ "show", "ID | NAME", "one", link_show },
	{ "add", "connect HOST:PORT | listen HOST:PORT | fd N [local HOST:PORT] "
	  "[name NAME] [kind tcp|udp] [reconnect-min-ms N] "
	  "[reconnect-max-ms N] [max-accepted N] [frame-ms N] [dead-ms N] "
	  "[udp-form stock|native] [send-uids IDS] [send-gids IDS]",
	  "connect, listen, or hand a connected socket over", link_add },
	{ "set", "ID | NAME [reconnect-min-ms N] "
	  "[reconnect-max-ms N] [max-accepted N] [frame-ms N] "
	  "[dead-ms N]", "change one", link_set },
	{ "del", "ID | NAME", "delete one", link_del },
	{ "flush", "", "delete all", link_flush },
	{ }
};
