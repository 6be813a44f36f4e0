// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * A worker that sends back what it receives.
 *
 *   echoer [-l] [-c] [ADDRESS]
 *
 * It answers programs of its own node; with -l also who comes over plain links,
 * with -c also verified peers of secure channels.
 */
#include "echo.h"

int main(int argc, char **argv)
{
	uint32_t scope = 0;
	int opt;

	while ((opt = getopt(argc, argv, "lc")) != -1) {
		if (opt == 'l')
			scope |= OCKAM_ACCEPT_LINKS;
		else if (opt == 'c')
			scope |= OCKAM_ACCEPT_CHANNELS;
		else
			return 2;
	}
	echo(arg(argc, argv, optind, "echoer"), scope);
}
