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
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "lc", "[ADDRESS]");

	echo(arg(argc, argv, 1, "echoer"), o.scope);
}
