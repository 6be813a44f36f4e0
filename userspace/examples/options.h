/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the examples take on their command line: the same everywhere. */
#ifndef EXAMPLE_OPTIONS_H
#define EXAMPLE_OPTIONS_H

#include <getopt.h>
#include <stdint.h>

#include "example.h"

/* The C library has it, and shows it to those only who want all of GNU. */
extern char *program_invocation_short_name;

/**
 * struct options - what was said before the names
 * @trust: -t, the only peer to trust; else any that proves to be who it says
 * @scope: -l and -c, who reaches the worker beside this node
 * @seconds: -w, how long to wait for an answer; 0 for ever
 */
struct options {
	const char *trust[2];
	uint32_t scope;
	unsigned int seconds;
};

static inline void options_usage(FILE *to, const char *letters,
				 const char *names)
{
	fprintf(to, "usage: %s", program_invocation_short_name);
	if (strchr(letters, 't'))
		fprintf(to, " [-t IDENTIFIER]");
	if (strchr(letters, 'l'))
		fprintf(to, " [-l] [-c]");
	if (strchr(letters, 'w'))
		fprintf(to, " [-w SECONDS]");
	fprintf(to, " %s\n\n", names);
	if (strchr(letters, 't'))
		fprintf(to, "  -t IDENTIFIER  trust this peer only (anyone)\n");
	if (strchr(letters, 'l'))
		fprintf(to, "  -l             answer who comes over plain links, too\n"
			    "  -c             and verified peers of secure channels\n");
	if (strchr(letters, 'w'))
		fprintf(to, "  -w SECONDS     wait so long for the answer (30), 0 for ever\n");
	fprintf(to, "  -h, --help     this text\n");
}

static inline int options_most(const char *names)
{
	int n = 1;

	for (; *names; names++)
		n += *names == ' ';
	return n;
}

/*
 * Of "tlcw" a program takes those in @letters; @names is the rest of its usage,
 * each name a word. Moves @argc and @argv on, so that argument 1 is the first
 * name.
 */
static inline struct options get_options(int *argc, char ***argv,
					 const char *letters, const char *names)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' }, { }
	};
	struct options o = { .trust = { "anyone" }, .seconds = 30 };
	char *end = "";
	int c;

	while ((c = getopt_long(*argc, *argv, "+ht:lcw:", long_options,
				NULL)) != -1) {
		if (c == 'h') {
			options_usage(stdout, letters, names);
			exit(0);
		}
		if (c == '?' || !strchr(letters, c))
			break;
		if (c == 't')
			o.trust[0] = optarg;
		else if (c == 'l')
			o.scope |= OCKAM_ACCEPT_LINKS;
		else if (c == 'c')
			o.scope |= OCKAM_ACCEPT_CHANNELS;
		else
			o.seconds = strtoul(optarg, &end, 10);
		if (*end)
			break;
	}
	*argc -= optind - 1;
	*argv += optind - 1;
	if (c == -1 && *argc - 1 <= options_most(names))
		return o;
	options_usage(stderr, letters, names);
	exit(2);
}

#endif /* EXAMPLE_OPTIONS_H */
