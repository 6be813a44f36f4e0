// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl peer: the names that ockamd's configuration gives to identifiers. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

#define ASK_MS		500	/* names are no reason to wait for long */
#define FRESH_S		5	/* then they are asked for again */

/* One line: "NAME identifier I... ..." */
static bool is_line_of(const char *line, const char *identifier)
{
	const char *p = strstr(line, " identifier ");

	return p && !strncmp(p + strlen(" identifier "), identifier,
			     strlen(identifier));
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Whoever cannot be asked has no names, and is not asked again. */
static const char *lines(void)
{
	static char *text;
	struct ockam_secure_channel_options opt = { .timeout_ms = ASK_MS };
	static time_t asked;
	static bool silent;

	if (silent || (asked && seconds() - asked < FRESH_S))
		return text ? text : "";
	free(text);
	text = NULL;
	silent = request_peers(&opt, &text);
	asked = seconds();
	return text ? text : "";
}

const char *peer_name(const char *identifier)
{
	static char name[OCKAM_NL_ADDR_MAX + 1];
	const char *line = lines(), *end;
	size_t n;

	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return NULL;
		if (!is_line_of(line, identifier))
			continue;
		n = strcspn(line, " ");
		if (n >= sizeof(name))
			return NULL;
		memcpy(name, line, n);
		name[n] = 0;
		return name;
	}
	return NULL;
}

static json_t *peer_object(char *line)
{
	return words_object(line, "name");
}

static int peer_list(struct ctl *ctl, int argc, char **argv)
{
	return words_list(ctl, argc, argv, request_peers, peer_object);
}

const struct command peer_commands[] = {
	{ "list", "[daemon-uid USER]",
	  "names of peers, and the channel that each leads to; root sees all",
	  peer_list },
	{ }
};
