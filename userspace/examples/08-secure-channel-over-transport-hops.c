// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 8: an end-to-end encrypted channel over many transport hops. The node in
 * the middle sees only ciphertext.
 *
 *   08-secure-channel-over-transport-hops [-t IDENTIFIER] [-w SECONDS] [LINK LINK [LISTENER [ECHOER [TEXT]]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "tw",
			    "[LINK LINK [LISTENER [ECHOER [TEXT]]]]");
	const struct ockam_secure_channel_options alice = {
		.identity = "alice",
		.trust = o.trust,
	};
	const char *middle = arg(argc, argv, 1, "middle");
	const char *responder = arg(argc, argv, 2, "responder");
	const char *listener = arg(argc, argv, 3, "bob_listener");
	const char *echoer = arg(argc, argv, 4, "echoer");
	const char *text = arg(argc, argv, 5, "Hello Ockam!");
	struct ockam_secure_channel channel;
	int app;

	/* A link of this node, a link of the middle node, a listener there. */
	if (ockam_secure_channel_create(route(middle, responder, listener),
					&alice, &channel))
		die_ockam();

	app = socket(AF_OCKAM, SOCK_DGRAM, 0);
	if (app < 0)
		die("socket");

	/* Send a message to "echoer", through the channel. */
	if (send_to(app, route(channel.address, echoer), text) < 0)
		die("send");

	/* Wait to receive a reply and print it. */
	receive_and_print(app, o.seconds);
	return 0;
}
