// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl monitor */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ockamctl.h"

static const char * const groups[] = {
	"link", "channel", "hop", "node", "policy"
};

static const char * const names[OCKAM_NL_OBJECTS] = {
	[OCKAM_NL_NODE]		= "node",
	[OCKAM_NL_WORKER]	= "worker",
	[OCKAM_NL_LINK]		= "link",
	[OCKAM_NL_CHANNEL]	= "channel",
	[OCKAM_NL_HOP]		= "hop",
	[OCKAM_NL_POLICY]	= "policy",
};

/* One JSON object on one line, so that a reader needs no parser's state. */
static void print_event_json(const struct ockam_nl_event *ev)
{
	json_t *j = json_pack("{s:s, s:b, s:o}", "object", names[ev->kind],
			      "gone", ev->gone,
			      names[ev->kind],
			      json_object_of(ev->kind, ev->object));

	if (!j)
		return;
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

static int print_event(const struct ockam_nl_event *ev, void *arg)
{
	const struct ctl *ctl = arg;

	if (ctl->json) {
		print_event_json(ev);
	} else {
		printf("%s%s  ", names[ev->kind], ev->gone ? " gone" : "");
		print_line(ev->kind, ev->object);
	}
	/* Whoever reads goes away: so do we. */
	return fflush(stdout) ? -EPIPE : 0;
}

static int subscribe(struct ctl *ctl, const char *group)
{
	if (ockam_nl_subscribe(ctl->nl, group))
		return ctl_nl_fail(ctl, "monitor");
	return 0;
}

static void print_lost(const struct ctl *ctl)
{
	puts(ctl->json ? "{\"lost\":true}" : "events were lost");
	fflush(stdout);
}

static int run_monitor(struct ctl *ctl, int argc, char **argv)
{
	size_t i;
	int err;
	int n;

	for (n = 0; n < argc; n++) {
		for (i = 0; i < ARRAY_SIZE(groups); i++)
			if (!strcmp(groups[i], argv[n]))
				break;
		if (i == ARRAY_SIZE(groups))
			return ctl_usage("monitor: link, channel, hop, node or policy, not '%s'",
					 argv[n]);
	}
	err = ctl_open(ctl);
	if (err)
		return err;
	for (n = 0; n < argc && !err; n++)
		err = subscribe(ctl, argv[n]);
	for (i = 0; !argc && i < ARRAY_SIZE(groups) && !err; i++)
		err = subscribe(ctl, groups[i]);
	if (err)
		return err;

	for (;;) {
		err = ockam_nl_events(ctl->nl, print_event, ctl);
		if (err == -EPIPE)
			return CTL_OK;
		if (err == -ENOBUFS)
			print_lost(ctl);
		else if (err)
			return ctl_nl_fail(ctl, "monitor");
	}
}

const struct command monitor_commands[] = {
	{ "", "[link] [channel] [hop] [node] [policy]",
	  "print events as they happen", run_monitor },
	{ }
};
