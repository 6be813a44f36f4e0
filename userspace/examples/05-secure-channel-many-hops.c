// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 5: a secure channel over many hops, which see only ciphertext.
 *
 *   05-secure-channel-many-hops [-t IDENTIFIER] [-w SECONDS] [H1 H2 H3 [LISTENER [ECHOER [TEXT]]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "tw",
			    "[H1 H2 H3 [LISTENER [ECHOER [TEXT]]]]");
	const struct ockam_secure_channel_options alice = {
		.identity = "alice",
		.trust = o.trust,
	};
	const char *h1 = arg(argc, argv, 1, "h1");
	const char *h2 = arg(argc, argv, 2, "h2");
	const char *h3 = arg(argc, argv, 3, "h3");
	const char *listener = arg(argc, argv, 4, "bob_listener");
	const char *echoer = arg(argc, argv, 5, "echoer");
	const char *text = arg(argc, argv, 6, "Hello Ockam!");
	struct ockam_secure_channel channel;
	int app;

	/* The route leads to the listener by way of the hops. */
	if (ockam_secure_channel_create(route(h1, h2, h3, listener),
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
