/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The configuration as read. */
#ifndef OCKAMD_CONFIG_H
#define OCKAMD_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ockam/ockam.h>

#include "core/asker.h"
#include "nl.h"

struct policy;

struct conf_identity {
	char *name;
	bool create;
	struct users users;
};

/* Handshakes that a listener takes. */
#define LISTEN_XX	1U
#define LISTEN_X3DH	2U
/* 0 for a word that is none. */
unsigned int listen_to(const char *handshake);

/* @line: where the section ends; @prekeys: to a prekey service, or empty */
struct conf_listener {
	char *name;			/* as written */
	int line;
	struct ockam_path address;
	unsigned int handshakes;
	struct ockam_path prekeys;
	char *identity;
	struct policy *policy;
	bool invited;			/* trusts who was invited to it */
};

struct conf_address {
	char *name;
	struct ockam_path address;
	struct users users;
};

struct conf_link {
	char *name;
	int line;
	struct ockam_path address;
	bool listen;
	bool udp;
	bool native;
	char *endpoint;
	char *host;			/* NULL: @ip is its address */
	struct ockam_nl_ip ip;
	uint16_t port;
	uint32_t scope_id;
	long reconnect_min_ms;		/* -1: the kernel's default */
	long reconnect_max_ms;
	long max_accepted;
	long dead_ms;
	struct ockam_nl_ranges send_uids;	/* none of both: everybody */
	struct ockam_nl_ranges send_gids;
};

struct conf_hop {
	char *name;
	int line;
	struct ockam_path address;
	struct ockam_path route;	/* empty: a plain hop */
	uint32_t scope;
};

#define ROUTES_MAX	8	/* of a channel */

/**
 * struct conf_channel - a channel that is kept up
 * @name: as written
 * @line: of its section
 * @address: what it is reached by
 * @identity: own identity
 * @route: to the peer's listener, the preferred one first
 * @n_route: number of those
 * @policy: whom to trust
 * @owner: uid that may send through it, -1: the daemon's
 * @shared: every uid may
 * @recreate: it is made again when it is lost
 * @timeout_ms: for a handshake
 * @retry_min_ms: pause after the first failure, doubled by each one
 * @retry_max_ms: longest pause
 * @max_age: seconds until it is made anew, 0: never because of that
 * @probe: route at the peer to a worker that answers, or empty
 */
struct conf_channel {
	char *name;
	int line;
	struct ockam_path address;
	char *identity;
	struct ockam_path *route;
	size_t n_route;
	struct policy *policy;
	uid_t owner;
	bool shared;
	bool recreate;
	unsigned int timeout_ms;
	unsigned int retry_min_ms;
	unsigned int retry_max_ms;
	uint64_t max_age;
	struct ockam_path probe;
};

/* These copies end the program when there is no memory. */
void conf_link_copy(struct conf_link *to, const struct conf_link *from);
void conf_link_clear(struct conf_link *l);
void conf_hop_copy(struct conf_hop *to, const struct conf_hop *from);
void conf_hop_clear(struct conf_hop *h);
void conf_channel_copy(struct conf_channel *to,
		       const struct conf_channel *from);
void conf_channel_clear(struct conf_channel *c);

/**
 * struct conf_relay - the relay service
 * @enabled: there is a section
 * @policy: who may register through a channel
 * @plain_links: registration over plain links is allowed
 * @prefix: goes before the names asked for
 * @max: most relays
 * @lifetime: seconds without a new registration
 */
struct conf_relay {
	bool enabled;
	struct policy *policy;
	bool plain_links;
	char *prefix;
	size_t max;
	uint64_t lifetime;
};

#define PREKEY_WORKER	"prekeys"

/**
 * struct conf_prekeys - the prekey service
 * @enabled: there is a section
 * @policy: who may have a box, leave messages and get one-time prekeys
 * @max: most boxes
 */
struct conf_prekeys {
	bool enabled;
	struct policy *policy;
	size_t max;
};

/**
 * struct conf_portal - an inlet or an outlet
 * @name: as written; an outlet's address
 * @line: of its section
 * @inlet: which of both it is
 * @path: inlet: route to the outlet; outlet: its address
 * @endpoint: where to listen, or the target, as written
 * @host: its name, if it has to be looked up, or NULL
 * @port: its port
 * @ip: the same; without an address as long as @host has none
 * @policy: outlet: who may use it
 * @max: most connections at once
 * @max_peer: outlet: of them, those of one identifier
 * @rate: outlet: new ones a second, for one identifier
 * @timeout_ms: inlet: for Pong; outlet: for the target
 * @counters: payloads are sent with counters
 * @proxy: outlet: the target is told who comes, by the PROXY protocol
 * @added: at run time
 */
struct conf_portal {
	char *name;
	int line;
	bool inlet;
	struct ockam_path path;
	char *endpoint;
	char *host;
	uint16_t port;
	struct sockaddr_in6 ip;
	struct policy *policy;
	size_t max;
	size_t max_peer;
	unsigned int rate;
	unsigned int timeout_ms;
	bool counters;
	bool proxy;
	bool added;
};

void conf_portal_copy(struct conf_portal *to, const struct conf_portal *from);
void conf_portal_clear(struct conf_portal *c);
/* Gives @ip an address, of 4 or 16 bytes. */
void conf_portal_address(struct conf_portal *p, size_t len, const void *data,
			 uint32_t scope_id);

/**
 * struct conf_peer - a name for whoever has an identifier
 * @name: as written
 * @line: of its section
 * @address: the same
 * @id: the identifier
 * @owner: uid that may send through its channels at our listeners, -1: nobody but
 *	the daemon's
 * @shared: every uid may
 * @invited: name of the listener that it was invited to, or NULL
 */
struct conf_peer {
	char *name;
	int line;
	struct ockam_path address;
	uint8_t id[OCKAM_IDENTIFIER_LEN];
	uid_t owner;
	bool shared;
	char *invited;
};

void conf_peer_copy(struct conf_peer *to, const struct conf_peer *from);
void conf_peer_clear(struct conf_peer *p);

/**
 * struct conf_invitation - who has its word may join
 * @name: what he will be called
 * @line: of its section
 * @address: the same
 * @authority: whose credential shows that he has it
 * @listener: name of the listener that takes it
 * @expires: not after that
 * @used: by @user, which the file says already
 * @user: identifier
 */
struct conf_invitation {
	char *name;
	int line;
	struct ockam_path address;
	uint8_t authority[OCKAM_IDENTIFIER_LEN];
	char *listener;
	uint64_t expires;
	bool used;
	uint8_t user[OCKAM_IDENTIFIER_LEN];
};

void conf_invitation_clear(struct conf_invitation *i);

/* How a listener's trust names all who were invited to it. */
#define TRUST_INVITED	"invited"

/**
 * struct conf_relay_at - a name of this node at another one's relay
 * @name: of the section
 * @line: where it is
 * @route: to the relay's node
 * @alias: the name
 * @identity: that the channel at the beginning of @route shows, or NULL
 */
struct conf_relay_at {
	char *name;
	int line;
	struct ockam_path route;
	char *alias;
	char *identity;
};

void conf_relay_at_copy(struct conf_relay_at *to,
			const struct conf_relay_at *from);
void conf_relay_at_clear(struct conf_relay_at *r);

/**
 * struct config - a configuration file as read
 */
struct config {
	char *text;			/* of the file */
	char *state;
	char *user;
	char *group;
	bool has_forward;
	uint32_t forward;
	size_t max_handshakes;
	size_t max_channels;
	size_t max_peers;
	struct conf_identity *identity;
	size_t n_identity;
	struct conf_listener *listener;
	size_t n_listener;
	struct conf_address *address;
	size_t n_address;
	struct conf_link *link;
	size_t n_link;
	struct conf_hop *hop;
	size_t n_hop;
	struct conf_channel *channel;
	size_t n_channel;
	struct conf_relay relay;
	struct conf_portal *portal;
	size_t n_portal;
	struct conf_prekeys prekeys;
	struct conf_peer *peer;
	size_t n_peer;
	struct conf_relay_at *relay_at;
	size_t n_relay_at;
	struct conf_invitation *invitation;
	size_t n_invitation;
};

#define CONFIG_ADDED	"added.conf"	/* in the state directory */

/**
 * config_load() - read the configuration, and what was added to it at run time
 * @path: the file
 * @text: what was in it, NULL: it is read
 * @state: the state directory, NULL: that of the file
 * @candidate: what was added is in another file, and has to be right
 *
 * Return: it, or NULL after it said what is wrong where.
 */
struct config *config_load(const char *path, const char *text,
			   const char *state, bool candidate);
void config_free(struct config *c);
/* What belongs to nobody in particular is the daemon's, once that is who it will be. */
void config_own(struct config *c, uid_t uid);
const struct conf_identity *config_identity(const struct config *c,
					    const char *name);

#endif /* OCKAMD_CONFIG_H */
