// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl status: all of a node at a glance, with reasons. */
#include <errno.h>
#include <string.h>

#include <ockam/ockam.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

/**
 * struct status - what is being printed
 * @ctl: the invocation
 * @opt: how to ask the daemon
 * @json: all of it, or NULL
 * @kind: of the objects that a dump brings
 */
struct status {
	struct ctl				*ctl;
	struct ockam_secure_channel_options	*opt;
	json_t					*json;
	enum ockam_nl_object			kind;
};

static void node_status(const struct status *s, const struct ockam_nl_node *n)
{
	if (s->json)
		json_object_set_new(s->json, "node",
				    json_object_of(OCKAM_NL_NODE, n));
	else
		printf("node      family %u; %u of %u links, %u of %u channels, %u of %u hops\n",
		       n->family, n->links, n->max_links, n->channels,
		       n->max_channels, n->hops, n->max_hops);
}

/* Whose ockamd it is, as far as the kernel says so. */
static bool find_daemon(const struct status *s)
{
	struct ockam_nl_worker worker = {};

	if (arg_field(OCKAM_NL_WORKER, &worker, OCKAM_A_WORKER_ADDRESS,
		      REQUEST_WORKER) ||
	    ockam_nl_worker_get(s->ctl->nl, &worker))
		return false;
	if (!s->json)
		printf("daemon    of uid %s\n", user_text(worker.uid));
	return true;
}

/* Lines of the daemon's. */
static int daemon_list(const struct status *s, const char *what,
		       int (*ask)(const struct ockam_secure_channel_options *,
				  char *text))
{
	char text[REQUEST_TEXT_MAX + 1];
	char *line, *rest = text;
	json_t *list;

	if (ask(s->opt, text))
		return -1;
	list = json_array();
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		if (s->json)
			json_array_append_new(list, json_string(line));
		else
			printf("%-9s %s\n", what, line);
	}
	if (s->json)
		json_object_set(s->json, what, list);
	json_decref(list);
	return 0;
}

static void daemon_status(const struct status *s)
{
	const char *state = "answers";
	bool there = find_daemon(s);

	if (daemon_list(s, "listener", request_listeners) ||
	    daemon_list(s, "kept", request_channels)) {
		state = ockam_error();
	} else {
		/* Root's only. */
		daemon_list(s, "portal", request_portals);
		there = true;
	}
	if (s->json)
		json_object_set_new(s->json, "daemon", json_string(state));
	else if (!there || strcmp(state, "answers"))
		printf("daemon    %s\n", there ? state :
		       "none: a node that only relays needs none");
}

static int object_status(const void *object, void *arg)
{
	static const char * const names[OCKAM_NL_OBJECTS] = {
		[OCKAM_NL_LINK] = "link", [OCKAM_NL_CHANNEL] = "channel",
		[OCKAM_NL_HOP] = "hop",
	};
	const struct status *s = arg;
	json_t *list;

	if (!s->json) {
		printf("%-9s ", names[s->kind]);
		print_line(s->kind, object);
		return 0;
	}
	list = json_object_get(s->json, names[s->kind]);
	if (!list) {
		list = json_array();
		json_object_set_new(s->json, names[s->kind], list);
	}
	json_array_append_new(list, json_object_of(s->kind, object));
	return 0;
}

static int run_status(struct ctl *ctl, int argc, char **argv)
{
	static const enum ockam_nl_object kinds[] = {
		OCKAM_NL_LINK, OCKAM_NL_CHANNEL, OCKAM_NL_HOP
	};
	struct status s = { .ctl = ctl };
	struct ockam_nl_node node;
	struct channel_words w;
	size_t i;
	int err;

	err = words_channel(&w, argc, argv);
	if (!err)
		err = ctl_open(ctl);
	if (err)
		return err;
	if (ockam_nl_node_get(ctl->nl, &node))
		return ctl_nl_fail(ctl, "status");
	s.opt = &w.opt;
	if (ctl->json)
		s.json = json_object();
	node_status(&s, &node);
	daemon_status(&s);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		s.kind = kinds[i];
		err = ockam_nl_dump(ctl->nl, s.kind, NULL, object_status, &s);
		if (err)
			break;
	}
	/* Without the right to see them there is still something to be said. */
	if (err && err != -EPERM) {
		json_decref(s.json);
		return ctl_nl_fail(ctl, "status");
	}
	if (s.json)
		print_json(s.json);
	else if (err)
		puts("(links, channels and hops are for CAP_NET_ADMIN)");
	return CTL_OK;
}

const struct command status_commands[] = {
	{ "", "[daemon-uid USER]",
	  "the node, its daemon, listeners, kept channels, links, channels and hops, with reasons",
	  run_status },
	{ }
};
