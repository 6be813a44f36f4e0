// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 7: routes a message over many transport hops: a node in the middle
 * passes it on.
 *
 *   07-routing-over-transport-hops [-w SECONDS] [LINK LINK [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "w", "[LINK LINK [ECHOER [TEXT]]]");
	const char *middle = arg(argc, argv, 1, "middle");
	const char *responder = arg(argc, argv, 2, "responder");
	const char *echoer = arg(argc, argv, 3, "echoer");
	const char *text = arg(argc, argv, 4, "Hello Ockam!");
	int app = socket(AF_OCKAM, SOCK_DGRAM, 0);

	if (app < 0)
		die("socket");

	/* A link of this node, a link of the middle node, a worker there. */
	if (send_to(app, route(middle, responder, echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
