/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the options of a program say about secure channels. */
#ifndef EXAMPLE_CHANNEL_H
#define EXAMPLE_CHANNEL_H

#include "example.h"

/*
 * -t IDENTIFIER trusts this peer only, instead of any that proves to be who it
 * says. Moves @argc and @argv on, so that argument 1 is the first one left.
 */
static inline struct ockam_secure_channel_options
channel_options(const char *identity, int *argc, char ***argv)
{
	static const char *trust[] = { "anyone", NULL };
	int opt;

	while ((opt = getopt(*argc, *argv, "t:")) != -1) {
		if (opt != 't')
			exit(2);
		trust[0] = optarg;
	}
	*argc -= optind - 1;
	*argv += optind - 1;
	return (struct ockam_secure_channel_options){
		.identity = identity,
		.trust = trust,
	};
}

#endif /* EXAMPLE_CHANNEL_H */
