// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 6: routes a message to a worker of another node, over TCP.
 *
 *   06-routing-over-transport [-w SECONDS] [LINK [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "w", "[LINK [ECHOER [TEXT]]]");
	const char *responder = arg(argc, argv, 1, "responder");
	const char *echoer = arg(argc, argv, 2, "echoer");
	const char *text = arg(argc, argv, 3, "Hello Ockam!");
	int app = socket(AF_OCKAM, SOCK_DGRAM, 0);

	if (app < 0)
		die("socket");

	/* "responder" is the name of this node's link to the other one. */
	if (send_to(app, route(responder, echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
