/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What the whole daemon has once. */
#ifndef OCKAMD_DAEMON_H
#define OCKAMD_DAEMON_H

#include "peer.h"

struct config;
struct keystore;

/**
 * struct daemon - what all parts need
 * @config: configuration in force
 * @nl: for netlink requests
 * @keys: key store
 * @store: known peers, for checks
 * @tx: socket that M3 is sent from
 */
struct daemon {
	struct config *config;
	struct ockam_nl *nl;
	struct keystore *keys;
	struct ident_peer_store store;
	int tx;
};

extern struct daemon the;

#endif /* OCKAMD_DAEMON_H */
