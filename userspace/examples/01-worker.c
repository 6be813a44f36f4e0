// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 1: sends a message to a worker, and receives a reply.
 *
 *   01-worker [-w SECONDS] [ECHOER [TEXT]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "w", "[ECHOER [TEXT]]");
	const char *echoer = arg(argc, argv, 1, "echoer");
	const char *text = arg(argc, argv, 2, "Hello Ockam!");
	int app = socket(AF_OCKAM, SOCK_DGRAM, 0);

	if (app < 0)
		die("socket");

	/* Send a message to the worker at address "echoer". */
	if (send_to(app, route(echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
