// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 4: sends a message through a secure channel.
 *
 *   04-secure-channel [-t IDENTIFIER] [-w SECONDS] [LISTENER [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "tw", "[LISTENER [ECHOER [TEXT]]]");
	const struct ockam_secure_channel_options alice = {
		.identity = "alice",
		.trust = o.trust,
	};
	const char *listener = arg(argc, argv, 1, "bob_listener");
	const char *echoer = arg(argc, argv, 2, "echoer");
	const char *text = arg(argc, argv, 3, "Hello Ockam!");
	struct ockam_secure_channel channel;
	int app;

	/* Prove to be Alice, learn who answers. */
	if (ockam_secure_channel_create(listener, &alice, &channel))
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
