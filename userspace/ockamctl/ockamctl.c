// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl: look at and change AF_OCKAM nodes. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"

static const struct command commands[] = {
	{ "node", "[show] | set NAME VALUE ...",
	  "settings of the node", cmd_node },
	{ "worker", "[list] | show ADDRESS",
	  "bound sockets", cmd_worker },
	{ "link", "[list] | show | add | set | del | flush",
	  "transport connections", cmd_link },
	{ "channel", "[list] | show | add | set | del | flush",
	  "secure channels in the kernel", cmd_channel },
	{ "hop", "[list] | show | add | del | flush",
	  "addresses that forward", cmd_hop },
	{ "relay", "[list] | add ADDRESS ROUTE | del",
	  "hops with a route of their own", cmd_relay },
	{ "policy", "[list] | show | add PLACE WHICH PROGRAM | del",
	  "BPF programs that refuse messages", cmd_policy },
	{ "identity", "[list] | create | show | export | import-peer | issue | ...",
	  "key files", cmd_identity },
	{ "listener", "[list] | create | delete",
	  "where ockamd accepts secure channels", cmd_listener },
	{ "secure-channel", "create ROUTE trust WHO ... | delete ID",
	  "let ockamd make a channel", cmd_secure_channel },
	{ "inlet", "[list]",
	  "TCP ports that lead to an outlet of another node", cmd_inlet },
	{ "outlet", "[list]",
	  "TCP targets that other nodes may reach", cmd_outlet },
	{ "monitor", "[link] [channel] [hop] [node] [policy]",
	  "print events as they happen", cmd_monitor },
	{ "stats", "",
	  "counters, and messages dropped by reason", cmd_stats },
	{ "ping", "ROUTE [count N] [size BYTES] [wait-ms N]",
	  "time the way to a worker that echoes", cmd_ping },
	{ "flush", "",
	  "delete all channels, hops and links", cmd_flush },
	{ "doctor", "",
	  "say what is missing on this machine", cmd_doctor },
	{ NULL, NULL, NULL, NULL }
};

#define NAME_WIDTH	14
#define HELP_COLUMN	48

static void help(FILE *f)
{
	const struct command *c;

	fputs("usage: ockamctl [-j] COMMAND ...\n\n"
	      "  -j, --json   print JSON\n"
	      "  -h, --help   print this\n\n", f);
	for (c = commands; c->name; c++) {
		int used = fprintf(f, "  %-*s %s", NAME_WIDTH, c->name,
				   c->args);

		/* What is too long has its own line. */
		if (used >= HELP_COLUMN)
			used = fprintf(f, "\n") - 1;
		fprintf(f, "%*s%s\n", HELP_COLUMN - used, "", c->help);
	}
	fputs("\nA route is addresses joined by \"=>\", such as\n"
	      "\"1#10.0.0.2:4000 => 0#relay => echoer\".\n", f);
}

int ctl_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("ockamctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return CTL_USAGE;
}

static void print_error(const struct ctl *ctl, const char *text,
			const char *attribute)
{
	json_t *j;

	if (!ctl->json) {
		fprintf(stderr, "ockamctl: %s\n", text);
		return;
	}
	j = json_pack("{s:s, s:s*}", "error", text, "attribute", attribute);
	if (!j)
		return;
	json_dumpf(j, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(j);
}

int ctl_fail(const struct ctl *ctl, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_error(ctl, text, NULL);
	return CTL_FAIL;
}

int ctl_nl_fail(const struct ctl *ctl, const char *what)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", what, ockam_nl_error(ctl->nl));
	print_error(ctl, text, ockam_nl_bad_attribute(ctl->nl));
	return CTL_FAIL;
}

int ctl_open(struct ctl *ctl)
{
	int err;

	if (ctl->nl)
		return 0;
	err = ockam_nl_open(&ctl->nl);
	if (err == -ENOENT)
		return ctl_fail(ctl, "the kernel has no module 'ockam' loaded");
	if (err)
		return ctl_fail(ctl, "netlink: %s", strerror(-err));
	return 0;
}

int ctl_dispatch(struct ctl *ctl, const char *group,
		 const struct command *table, int argc, char **argv)
{
	const struct command *c;

	if (!argc)
		return table->run(ctl, 0, argv);
	for (c = table; c->name; c++)
		if (!strcmp(c->name, argv[0]))
			return c->run(ctl, argc - 1, argv + 1);

	ctl_usage("%s: unknown word '%s'; there are", group, argv[0]);
	for (c = table; c->name; c++)
		fprintf(stderr, "  ockamctl %s %s %s\n", group, c->name,
			c->args);
	return CTL_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct ctl ctl = {};
	const struct command *c;
	int status, opt;

	while ((opt = getopt_long(argc, argv, "+jh", options, NULL)) >= 0) {
		switch (opt) {
		case 'j':
			ctl.json = true;
			break;
		case 'h':
			help(stdout);
			return CTL_OK;
		default:
			return CTL_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	if (!argc) {
		help(stderr);
		return CTL_USAGE;
	}
	if (!strcmp(argv[0], "help")) {
		help(stdout);
		return CTL_OK;
	}
	for (c = commands; c->name; c++)
		if (!strcmp(c->name, argv[0]))
			break;
	if (!c->name)
		return ctl_usage("unknown command '%s', see ockamctl -h",
				 argv[0]);

	status = c->run(&ctl, argc - 1, argv + 1);
	ockam_nl_close(ctl.nl);
	if (fflush(stdout) || ferror(stdout)) {
		perror("ockamctl: output");
		return CTL_FAIL;
	}
	return status;
}
