// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Words of the command line for commands that speak with ockamd. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

/* The words there are, for an error. */
static int unknown(const struct word *words, const char *word)
{
	char list[256] = "";
	size_t used = 0;

	for (; words->name && used < sizeof(list); words++)
		used += snprintf(list + used, sizeof(list) - used, "%s%s",
				 used ? ", " : "", words->name);
	return ctl_usage("unknown word '%s', there are %s", word, list);
}

static const char *plain(const char *word)
{
	return strncmp(word, "--", 2) ? word : word + 2;
}

int words_parse(const struct word *words, int argc, char **argv)
{
	const struct word *w;
	int i;

	for (i = 0; i < argc; i++) {
		for (w = words; w->name; w++)
			if (!strcmp(w->name, plain(argv[i])))
				break;
		if (!w->name)
			return unknown(words, argv[i]);
		if (!w->value) {
			*w->flag = true;
			continue;
		}
		if (i + 1 == argc)
			return ctl_usage("'%s' needs a value", argv[i]);
		*w->value = argv[++i];
	}
	return CTL_OK;
}

static int add_trust(struct channel_words *w, const char *who)
{
	if (w->n_trust == WORDS_TRUST_MAX)
		return ctl_usage("more than %d identifiers to trust",
				 WORDS_TRUST_MAX);
	w->trust[w->n_trust++] = who;
	return CTL_OK;
}

int words_user(const char *name, const char *value, uid_t *uid)
{
	const struct passwd *pw = getpwnam(value);
	uint64_t n;
	int err;

	if (pw) {
		*uid = pw->pw_uid;
		return CTL_OK;
	}
	if (value[0] < '0' || value[0] > '9')
		return ctl_usage("'%s': there is no user '%s'", name, value);
	err = arg_number(name, value, UINT32_MAX - 1, &n);
	*uid = n;
	return err;
}

static int take_pair(struct channel_words *w, const char *name,
		     const char *value)
{
	uint64_t n;
	int err;

	if (!strcmp(name, "identity")) {
		w->opt.identity = value;
		return CTL_OK;
	}
	if (!strcmp(name, "trust"))
		return add_trust(w, value);
	if (!strcmp(name, "handshake")) {
		w->opt.handshake = value;
		return CTL_OK;
	}
	if (!strcmp(name, "timeout-ms")) {
		err = arg_number(name, value, 600000, &n);
		w->opt.timeout_ms = n;
		return err;
	}
	if (!strcmp(name, "daemon-uid"))
		return words_user(name, value, &w->opt.daemon_uid);
	return ctl_usage("unknown word '%s'", name);
}

int words_channel(struct channel_words *w, int argc, char **argv)
{
	int i, err;

	memset(w, 0, sizeof(*w));
	w->opt.trust = w->trust;
	for (i = 0; i < argc; i++) {
		const char *name = plain(argv[i]);

		if (!strcmp(name, "shared")) {
			w->opt.shared = true;
			continue;
		}
		if (i + 1 == argc)
			return ctl_usage("'%s' needs a value", argv[i]);
		err = take_pair(w, name, argv[++i]);
		if (err)
			return err;
	}
	return CTL_OK;
}

json_t *words_object(char *line, const char *name)
{
	json_t *o = json_object();
	char *key, *value, *end;
	unsigned long long n;

	json_object_set_new(o, name, json_string(strsep(&line, " ")));
	while ((key = strsep(&line, " ")) && line) {
		value = strcmp(key, "why") ? strsep(&line, " ") : line;
		n = strtoull(value, &end, 10);
		json_object_set_new(o, key, *value && !*end ?
				    json_integer(n) : json_string(value));
		if (value == line)
			break;
	}
	return o;
}

int words_list(struct ctl *ctl, int argc, char **argv,
	       int (*request)(const struct ockam_secure_channel_options *opt,
			      char **text),
	       json_t *(*object)(char *line))
{
	struct channel_words w;
	char *text, *line, *rest;
	json_t *list;
	int err;

	err = words_channel(&w, argc, argv);
	if (err)
		return err;
	if (request(&w.opt, &text))
		return ctl_fail(ctl, "%s", ockam_error());
	if (!ctl->json) {
		/* The daemon leaves it to us to end the last line. */
		line = strrchr(text, '\n');
		printf("%s%s", text, !*text || (line && !line[1]) ? "" : "\n");
		free(text);
		return CTL_OK;
	}
	rest = text;
	list = json_array();
	while ((line = strsep(&rest, "\n")))
		if (*line)
			json_array_append_new(list, object(line));
	free(text);
	print_json(list);
	return CTL_OK;
}
