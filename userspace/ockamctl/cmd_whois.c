// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl whois: the peer behind a TCP connection of an outlet. */
#include <string.h>

#include "ockamctl.h"
#include "request.h"
#include "words.h"

static int run_whois(struct ctl *ctl, int argc, char **argv)
{
	char text[REQUEST_TEXT_MAX + 1];
	struct channel_words w;
	int err;

	if (argc < 1)
		return ctl_usage("whois: ADDRESS:PORT is missing: where the connection comes from");
	err = words_channel(&w, argc - 1, argv + 1);
	if (err)
		return err;
	if (request_whois(argv[0], &w.opt, text))
		return ctl_fail(ctl, "whois: %s", ockam_error());
	text[strcspn(text, "\n")] = 0;
	if (ctl->json)
		print_json(words_object(text, "identifier"));
	else
		puts(text);
	return CTL_OK;
}

const struct command whois_commands[] = {
	{ "", "ADDRESS:PORT [daemon-uid USER]",
	  "the verified identifier behind the connection that an outlet's target sees come from there",
	  run_whois },
	{ }
};
