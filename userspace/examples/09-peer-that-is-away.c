// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Step 9: a secure channel to a peer that is away. A prekey service has its
 * keys, and keeps the message until it comes back.
 *
 *   09-peer-that-is-away -t IDENTIFIER [SERVICE [ECHOER [TEXT]]]
 */
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "t", "[SERVICE [ECHOER [TEXT]]]");
	struct ockam_secure_channel_options alice = {
		.identity = "alice",
		.trust = o.trust,
	};
	const char *service = arg(argc, argv, 1, "post => prekeys");
	const char *echoer = arg(argc, argv, 2, "echoer");
	const char *text = arg(argc, argv, 3, "Hello Ockam!");
	struct ockam_secure_channel channel;
	int app;

	/* Keys are agreed upon by X3DH: that takes no answer. */
	alice.handshake = "x3dh-mailbox";
	if (ockam_secure_channel_create(service, &alice, &channel))
		die_ockam();

	app = socket(AF_OCKAM, SOCK_DGRAM, 0);
	if (app < 0)
		die("socket");

	/* Send a message to "echoer", through the channel. */
	if (send_to(app, route(channel.address, echoer), text) < 0)
		die("send");
	printf("App Sent: %s\n", text);
	fflush(stdout);

	/* Wait to receive a reply, as long as it takes, and print it. */
	receive_and_print(app, 0);
	return 0;
}
