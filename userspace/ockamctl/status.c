// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl status: all of a node at a glance, with reasons. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
				  char **text))
{
	char *text, *line, *rest;
	json_t *list;

	if (ask(s->opt, &text))
		return -1;
	rest = text;
	list = json_array();
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		if (s->json)
			json_array_append_new(list, words_object(line,
				!strcmp(what, "listener") ||
				!strcmp(what, "kept") ? "address" : "name"));
		else
			printf("%-9s %s\n", what, line);
	}
	free(text);
	if (s->json)
		json_object_set(s->json, what, list);
	json_decref(list);
	return 0;
}

/* "KIND NAME there no since-s 3 ... error TEXT" */
static json_t *wanted_object(char *line)
{
	json_t *o = json_object();
	char *name, *value, *end;
	unsigned long long n;

	json_object_set_new(o, "kind", json_string(strsep(&line, " ")));
	json_object_set_new(o, "name", json_string(strsep(&line, " ") ? : ""));
	while ((name = strsep(&line, " ")) && line) {
		if (!strcmp(name, "error")) {
			json_object_set_new(o, name, json_string(line));
			break;
		}
		value = strsep(&line, " ");
		n = strtoull(value, &end, 10);
		if (*value && !*end)
			json_object_set_new(o, name, json_integer(n));
		else
			json_object_set_new(o, name,
					    json_boolean(!strcmp(value, "yes")));
	}
	return o;
}

static json_int_t number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void print_wanted(const json_t *o)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *name = json_string_value(json_object_get(o, "name"));

	printf("wanted    %s %s: ", kind, name);
	if (json_is_true(json_object_get(o, "there")))
		printf("there for %lld s\n",
		       (long long)number_of(o, "since-s"));
	else
		printf("missing for %lld s, attempts %lld, the next in %.1f s: %s\n",
		       (long long)number_of(o, "since-s"),
		       (long long)number_of(o, "fails"),
		       number_of(o, "next-try-ms") / 1000.0,
		       json_string_value(json_object_get(o, "error")));
}

/* What the configuration asks for, root's only. */
static void wanted_status(const struct status *s)
{
	char *text, *line, *rest;
	json_t *list, *o;

	if (request_wanted(s->opt, &text))
		return;
	rest = text;
	list = json_array();
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		o = wanted_object(line);
		if (!s->json)
			print_wanted(o);
		json_array_append_new(list, o);
	}
	free(text);
	if (s->json)
		json_object_set(s->json, "wanted", list);
	json_decref(list);
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
		daemon_list(s, "peer", request_peers);
		daemon_list(s, "relay-at", request_relays_at);
		wanted_status(s);
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
