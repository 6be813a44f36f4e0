// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The table of all commands. Help, abbreviations and completion follow from it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"

static const struct group groups[] = {
	{ "node", "settings of the node", node_commands },
	{ "worker", "bound sockets", worker_commands },
	{ "link", "transport connections", link_commands },
	{ "channel", "secure channels in the kernel", channel_commands },
	{ "hop", "addresses that forward", hop_commands },
	{ "relay", "hops with a route of their own", relay_commands },
	{ "policy", "BPF programs that refuse messages", policy_commands },
	{ "identity", "key files", identity_commands },
	{ "listener", "where ockamd accepts secure channels",
	  listener_commands },
	{ "secure-channel", "let ockamd make a channel",
	  secure_channel_commands },
	{ "peer", "names of peers, and the channels that they lead to",
	  peer_commands },
	{ "invite", "let another node join by one word", invite_commands },
	{ "join", "who has invited this node", join_commands },
	{ "inlet", "TCP ports that lead to an outlet of another node",
	  inlet_commands },
	{ "outlet", "TCP targets that other nodes may reach",
	  outlet_commands },
	{ "whois", "who is behind a TCP connection of an outlet",
	  whois_commands },
	{ "status", "what there is, and why something is not up",
	  status_commands },
	{ "wait", "until an object is up, or gone", wait_commands },
	{ "monitor", "print events as they happen", monitor_commands },
	{ "stats", "counters, and messages dropped by reason",
	  stats_commands },
	{ "ping", "time the way to a worker that echoes", ping_commands },
	{ "reload", "have ockamd read its configuration again",
	  reload_commands },
	{ "trace", "how far a message gets along a route, and why no further",
	  trace_commands },
	{ "top", "workers, channels and links by rate", top_commands },
	{ "send", "a message along a route", send_commands },
	{ "recv", "print the messages that come to an address",
	  recv_commands },
	{ "echo", "send back the messages that come to an address",
	  echo_commands },
	{ "flush", "delete all channels, hops and links", flush_commands },
	{ "doctor", "say what is missing or wrong here, and what to do",
	  doctor_commands },
	{ NULL, NULL, NULL }
};

#define NAMES_MAX	32
#define LIST_LEN	512

/* ---- words ---- */

static bool is_single(const struct group *g)
{
	return !g->commands[0].name[0];
}

static int group_names(const char **names)
{
	int n;

	for (n = 0; groups[n].name; n++)
		names[n] = groups[n].name;
	return n;
}

static int command_names(const struct command *c, const char **names)
{
	int n;

	for (n = 0; c[n].name; n++)
		names[n] = c[n].name;
	return n;
}

/* "a, b, c" of those that begin with @prefix. */
static const char *list_of(const char *const *names, int n, const char *prefix)
{
	static char text[LIST_LEN];
	size_t used = 0;
	int i;

	text[0] = 0;
	for (i = 0; i < n && used < sizeof(text); i++)
		if (!strncmp(names[i], prefix, strlen(prefix)))
			used += snprintf(text + used, sizeof(text) - used,
					 "%s%s", used ? ", " : "", names[i]);
	return text;
}

/* The index of @word, or of the only one that begins so; else says why not. */
static int find(const char *of, const char *word, const char *const *names,
		int n)
{
	const char *colon = *of ? ": " : "";
	int i, found = -1, fits = 0;

	for (i = 0; i < n; i++) {
		if (!strcmp(names[i], word))
			return i;
		if (*word && !strncmp(names[i], word, strlen(word))) {
			found = i;
			fits++;
		}
	}
	if (fits == 1)
		return found;
	if (fits)
		ctl_usage("%s%s'%s' may mean %s", of, colon, word,
			  list_of(names, n, word));
	else
		ctl_usage("%s%s%s '%s', there are %s", of, colon,
			  *of ? "unknown word" : "unknown command", word,
			  list_of(names, n, ""));
	return -1;
}

static const struct group *find_group(const char *word)
{
	const char *names[NAMES_MAX];
	int i = find("", word, names, group_names(names));

	return i < 0 ? NULL : &groups[i];
}

static const struct command *find_command(const struct group *g,
					  const char *word)
{
	const char *names[NAMES_MAX];
	int i = find(g->name, word, names, command_names(g->commands, names));

	return i < 0 ? NULL : &g->commands[i];
}

/* ---- help ---- */

#define HELP_COLUMN	24

static void command_help(const struct group *g, const struct command *c)
{
	printf("ockamctl %s%s%s%s%s\n    %s\n", g->name,
	       is_single(g) ? "" : " ", c->name, *c->args ? " " : "", c->args,
	       c->help);
}

static void group_help(const struct group *g)
{
	const struct command *c;

	printf("%s: %s\n\n", g->name, g->help);
	for (c = g->commands; c->name; c++)
		command_help(g, c);
	if (!is_single(g) && g->commands[1].name)
		printf("\n\"ockamctl %s\" alone is \"ockamctl %s %s\".\n",
		       g->name, g->name, g->commands[0].name);
}

void table_help(FILE *f)
{
	const char *names[NAMES_MAX];
	const struct group *g;

	fputs("usage: ockamctl [-j] [-n NETNS] COMMAND ...\n\n"
	      "  -j, --json         print JSON\n"
	      "  -n, --netns NETNS  act on the node of this network namespace\n"
	      "  -V, --version      print the version\n"
	      "  -h, --help         print this; after a command, what it takes\n\n",
	      f);
	for (g = groups; g->name; g++) {
		fprintf(f, "  %-15s %s\n", g->name, g->help);
		if (!is_single(g))
			fprintf(f, "  %-15s   %s\n", "",
				list_of(names,
					command_names(g->commands, names), ""));
	}
	fputs("\nEach word may be cut short as long as it is clear which one is meant.\n"
	      "A route is addresses joined by \"=>\", such as\n"
	      "\"1#10.0.0.2:4000 => 0#relay => echoer\".\n", f);
}

static bool wants_help(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return argc == 1 && !strcmp(argv[0], "help");
}

/* Of what the words name, which may be nothing. */
static int help(int argc, char **argv)
{
	const struct command *c;
	const struct group *g;

	if (!argc) {
		table_help(stdout);
		return CTL_OK;
	}
	g = find_group(argv[0]);
	if (!g)
		return CTL_USAGE;
	if (argc == 1 || is_single(g)) {
		group_help(g);
		return CTL_OK;
	}
	c = find_command(g, argv[1]);
	if (!c)
		return CTL_USAGE;
	command_help(g, c);
	return CTL_OK;
}

/* ---- completion ---- */

static void offer(const char *word, size_t len, const char *help)
{
	printf("%.*s\t%s\n", (int)len, word, help);
}

static bool is_word(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!islower((unsigned char)p[i]) &&
		    !isdigit((unsigned char)p[i]) && p[i] != '-')
			return false;
	return len;
}

/* The next part of a command's arguments, without brackets and bars. */
static const char *next_part(const char *p, size_t *len)
{
	p += strspn(p, " []|");
	*len = strcspn(p, " []");
	return *len ? p : NULL;
}

/* "a|b,c" */
static void offer_values(const char *p, size_t len)
{
	const char *end = p + len;
	size_t n;

	for (; p < end; p += n + 1) {
		n = strcspn(p, " []|,");
		if (is_word(p, n))
			offer(p, n, "");
	}
}

static bool given(const char *p, size_t len, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (strlen(argv[i]) == len && !strncmp(argv[i], p, len))
			return true;
	return false;
}

/* Names of the objects there are, as far as the caller may see them. */
static int offer_object(const void *object, void *arg)
{
	static const char * const keys[] = {
		"name", "address", "encryptor"
	};
	json_t *j = json_object_of(*(enum ockam_nl_object *)arg, object);
	const char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		text = json_string_value(json_object_get(j, keys[i]));
		if (text)
			offer(text, strlen(text), "");
	}
	json_decref(j);
	return 0;
}

static void offer_objects(struct ctl *ctl, const char *name)
{
	static const struct {
		const char *name;
		enum ockam_nl_object kind;
	} kinds[] = {
		{ "link", OCKAM_NL_LINK }, { "channel", OCKAM_NL_CHANNEL },
		{ "hop", OCKAM_NL_HOP }, { "relay", OCKAM_NL_HOP },
		{ "worker", OCKAM_NL_WORKER },
	};
	enum ockam_nl_object kind;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			break;
	if (i == ARRAY_SIZE(kinds) ||
	    (!ctl->nl && ockam_nl_open(&ctl->nl)))
		return;
	kind = kinds[i].kind;
	ockam_nl_dump(ctl->nl, kind, NULL, offer_object, &kind);
}

static void offer_args(struct ctl *ctl, const struct group *g,
		       const struct command *c, int argc, char **argv)
{
	const char *last = argc ? argv[argc - 1] : NULL;
	const char *p = c->args, *q;
	size_t len, n;

	/* An existing one comes first. */
	if (!argc && (!strcmp(c->name, "show") || !strcmp(c->name, "set") ||
		      !strcmp(c->name, "del"))) {
		offer_objects(ctl, g->name);
		return;
	}
	while ((p = next_part(p, &len))) {
		q = next_part(p + len, &n);
		if (last && strlen(last) == len && !strncmp(last, p, len) &&
		    q && !is_word(q, n)) {
			offer_values(q, n);
			return;
		}
		p += len;
	}
	for (p = c->args; (p = next_part(p, &len)); p += len)
		if (is_word(p, len) && !given(p, len, argc, argv))
			offer(p, len, "");
}

/* What may follow the words: a line each, with a tab and help. */
static int complete(struct ctl *ctl, int argc, char **argv)
{
	const char *names[NAMES_MAX];
	const struct command *c;
	const struct group *g;
	int i;

	if (!argc) {
		for (g = groups; g->name; g++)
			offer(g->name, strlen(g->name), g->help);
		return CTL_OK;
	}
	for (g = groups; g->name && strcmp(g->name, argv[0]); g++)
		;
	if (!g->name)
		return CTL_OK;
	argc--;
	argv++;
	c = g->commands;
	if (!is_single(g)) {
		if (!argc) {
			for (; c->name; c++)
				offer(c->name, strlen(c->name), c->help);
			return CTL_OK;
		}
		for (i = command_names(c, names) - 1; i >= 0; i--)
			if (!strcmp(names[i], argv[0]))
				break;
		if (i < 0)
			return CTL_OK;
		c += i;
		argc--;
		argv++;
	}
	offer_args(ctl, g, c, argc, argv);
	return CTL_OK;
}

/* ---- running ---- */

int table_run(struct ctl *ctl, int argc, char **argv)
{
	const struct command *c;
	const struct group *g;

	if (!strcmp(argv[0], "help"))
		return help(argc - 1, argv + 1);
	/* For the shells; not for people, hence not in the table. */
	if (!strcmp(argv[0], "complete-words"))
		return complete(ctl, argc - 1, argv + 1);
	g = find_group(argv[0]);
	if (!g)
		return CTL_USAGE;
	argc--;
	argv++;
	if (argc == 1 && wants_help(argc, argv)) {
		group_help(g);
		return CTL_OK;
	}
	c = g->commands;
	if (!is_single(g) && argc) {
		c = find_command(g, argv[0]);
		if (!c)
			return CTL_USAGE;
		argc--;
		argv++;
	}
	if (wants_help(argc, argv)) {
		command_help(g, c);
		return CTL_OK;
	}
	return c->run(ctl, argc, argv);
}
