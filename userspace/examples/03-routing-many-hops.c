// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 3: routes a message over many hops.
 *
 *   03-routing-many-hops [-w SECONDS] [H1 H2 H3 [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "w", "[H1 H2 H3 [ECHOER [TEXT]]]");
	const char *h1 = arg(argc, argv, 1, "h1");
	const char *h2 = arg(argc, argv, 2, "h2");
	const char *h3 = arg(argc, argv, 3, "h3");
	const char *echoer = arg(argc, argv, 4, "echoer");
	const char *text = arg(argc, argv, 5, "Hello Ockam!");
	int app = socket(AF_OCKAM, SOCK_DGRAM, 0);

	if (app < 0)
		die("socket");

	/* Send it to "echoer", by way of "h1", "h2" and "h3". */
	if (send_to(app, route(h1, h2, h3, echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
