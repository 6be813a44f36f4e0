// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Accepts secure channels, and starts a worker that answers who comes through
 * them. It needs no privilege.
 *
 *   responder [-t IDENTIFIER] [LISTENER [ECHOER]]
 */
#include "echo.h"
#include "options.h"

int main(int argc, char **argv)
{
	const struct options o =
		get_options(&argc, &argv, "t", "[LISTENER [ECHOER]]");
	const struct ockam_secure_channel_options bob = {
		.identity = "bob",
		.trust = o.trust,
	};
	const char *listener = arg(argc, argv, 1, "bob_listener");
	const char *name = arg(argc, argv, 2, "echoer");

	if (ockam_secure_channel_create_listener(listener, &bob))
		die_ockam();

	/* Only verified peers of secure channels reach the worker. */
	echo(name, OCKAM_ACCEPT_CHANNELS);
}
