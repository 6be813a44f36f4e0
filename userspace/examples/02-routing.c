// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 2: routes a message over one hop.
 *
 *   02-routing [-w SECONDS] [H1 [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "w", "[H1 [ECHOER [TEXT]]]");
	const char *h1 = arg(argc, argv, 1, "h1");
	const char *echoer = arg(argc, argv, 2, "echoer");
	const char *text = arg(argc, argv, 3, "Hello Ockam!");
	int app = socket(AF_OCKAM, SOCK_DGRAM, 0);

	if (app < 0)
		die("socket");

	/* Send it to "echoer", by way of the worker "h1". */
	if (send_to(app, route(h1, echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
