/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Inlets and outlets: what portal_gate.c and portal_stream.c share. */
#ifndef OCKAMD_PORTALS_H
#define OCKAMD_PORTALS_H

#include <sys/queue.h>

#include "config/config.h"
#include "config/policy.h"
#include "core/base.h"
#include "core/host.h"
#include "core/loop.h"
#include "core/wanted.h"
#include "identity.h"

#define BUCKETS	256

struct asker;

/**
 * struct bucket - how many connections an identifier may open now
 * @id: the identifier
 * @at: when @left was right, 0 for an unused one
 * @left: in thousandths
 */
struct bucket {
	uint8_t id[IDENT_ID_LEN];
	uint64_t at;
	uint64_t left;
};

/**
 * struct gate - an inlet or an outlet
 * @entry: list
 * @watch: the TCP socket that listens, or the outlet's worker
 * @conf: as configured
 * @closed: more connections are not accepted now
 * @open: connections
 * @opened: connections that there were
 * @refused: what was not accepted, or did not come about
 * @w: whether it is open
 * @host: of the endpoint, if that is a name
 * @bucket: of an outlet
 */
struct gate {
	TAILQ_ENTRY(gate) entry;
	struct watch watch;
	struct conf_portal conf;
	bool closed;
	size_t open;
	uint64_t opened;
	uint64_t refused;
	struct wanted w;
	struct host host;
	struct bucket *bucket;
};

/* ---- portal_stream.c: one connection ---- */

/* Takes @tcp over.  The inlet's side; false if there is no memory. */
bool stream_accepted(struct gate *g, int tcp);
/* The outlet's side: a Ping came, and was found good. */
bool stream_connect(struct gate *g, const struct ockam_info *ping);
/* Connections of an identifier through an outlet. */
size_t streams_of(const struct gate *g, const uint8_t id[IDENT_ID_LEN]);
/*
 * The outlet whose connection has this address at this end, and whose it is; only
 * for administrators and for whom the connection is to.
 */
const struct gate *streams_whois(const struct sockaddr_storage *address,
				 const struct asker *who,
				 uint8_t id[IDENT_ID_LEN], uint32_t *channel);
/* Those that are over but for their end; frees the oldest of them, if any. */
size_t streams_ending(const struct gate *g);
bool streams_spare(struct gate *g);
/* Ends those of a gate; with @policy, those that it does not allow. */
void streams_stop(struct gate *g, const struct policy *policy);
void streams_tick(void);
void streams_lost(uint32_t channel);
void streams_check(void);

/* ---- portal_gate.c ---- */

/* A connection has ended. */
void gate_leave(struct gate *g);

#endif /* OCKAMD_PORTALS_H */
