/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What libockam and ockamd say to each other, through AF_OCKAM on one node: a
 * request goes to the worker "ockamd", and one answer comes back along its
 * return route.  Both are a CBOR map from small numbers to values; unknown
 * keys are skipped, so that later versions can add some.  A change which an
 * older reader must not overlook takes a new version number.
 */
#ifndef OCKAM_LIB_REQUEST_H
#define OCKAM_LIB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ockam/ockam.h>

#define REQUEST_VERSION		1
#define REQUEST_WORKER		"ockamd"
#define REQUEST_MAX		32768	/* bytes of a request or an answer */
#define REQUEST_NAME_MAX	64
#define REQUEST_TRUST_MAX	256	/* identifiers in a request */
#define REQUEST_TEXT_MAX	24000
#define REQUEST_SECTION_MAX	8000
#define REQUEST_RULES_MAX	16	/* rules for credentials in a request */
#define REQUEST_RULE_MAX	500	/* bytes of one */
/* How one begins, before "IDENTIFIER NAME=VALUE". */
#define REQUEST_RULE_WORD	"authority "

enum request_op {
	REQUEST_CREATE_CHANNEL = 1,
	REQUEST_CREATE_LISTENER = 2,
	REQUEST_DELETE_LISTENER = 3,
	REQUEST_DELETE_CHANNEL = 4,
	REQUEST_LIST_LISTENERS = 5,
	REQUEST_LIST_CHANNELS = 6,
	REQUEST_LIST_PORTALS = 32,
	REQUEST_HELLO = 33,	/* only an answer: whose is it? */
	REQUEST_LIST_WANTED = 34,
	REQUEST_RELOAD = 35,	/* the answer says whether it went well */
	REQUEST_WHOIS = 36,
	REQUEST_LIST_PEERS = 37,
	REQUEST_LIST_RELAYS_AT = 38,
	REQUEST_ADD = 39,	/* a section of the configuration */
	REQUEST_DELETE = 40,
};

/**
 * struct request - a request
 * @id: chosen at random by who asks; the answer repeats it
 * @op: enum request_op
 * @identity: name of the identity, "" for the default
 * @handshake: "xx", "x3dh"; of a channel also "x3dh-mailbox",
 *	"x3dh-one-time", of a listener "both"
 * @address: the listener's address
 * @route: to the peer's listener
 * @anyone: trust anyone
 * @ids: otherwise the identifiers to trust
 * @n_ids: their number
 * @rules: beside them, those of whom an authority says something
 * @n_rules: their number
 * @timeout_ms: for the handshake
 * @channel: id of the channel to delete
 * @shared: every uid may use the channel
 * @endpoint: "ADDRESS:PORT" of a TCP connection
 * @skip: lines of a list that are known already
 * @section: of the configuration, "inlet 'name' { ... }", or how it begins
 */
struct request {
	uint64_t id;
	enum request_op op;
	char identity[REQUEST_NAME_MAX + 1];
	char handshake[16];
	struct ockam_path address;
	struct ockam_path route;
	bool anyone;
	uint8_t ids[REQUEST_TRUST_MAX][OCKAM_IDENTIFIER_LEN];
	size_t n_ids;
	char rules[REQUEST_RULES_MAX][REQUEST_RULE_MAX + 1];
	size_t n_rules;
	uint32_t timeout_ms;
	uint32_t channel;
	bool shared;
	char endpoint[REQUEST_NAME_MAX + 1];
	uint32_t skip;
	char section[REQUEST_SECTION_MAX + 1];
};

/**
 * struct answer - an answer
 * @id: that of the request
 * @err: errno, 0 for success
 * @text: words for it, or the list that was asked for
 * @more: there are more lines of it
 * @encryptor: address of the new channel
 * @channel: its id
 * @peer: the peer's identifier
 */
struct answer {
	uint64_t id;
	uint32_t err;
	char text[REQUEST_TEXT_MAX + 1];
	bool more;
	struct ockam_path encryptor;
	uint32_t channel;
	uint8_t peer[OCKAM_IDENTIFIER_LEN];
};

/* Bytes written, or -EMSGSIZE. */
int request_write(const struct request *req, uint8_t *buf, size_t size);
int answer_write(const struct answer *ans, uint8_t *buf, size_t size);

/*
 * 0, -EBADMSG if it is nothing of the kind, -EPROTONOSUPPORT for another
 * version, -EMSGSIZE for too many or too long values.  @req->id is set as soon
 * as it is known.
 */
int request_read(const uint8_t *buf, size_t len, struct request *req);
int answer_read(const uint8_t *buf, size_t len, struct answer *ans);

/*
 * For ockamctl: the listeners that the caller may see, one a line, however many; the
 * caller frees the text.
 */
int request_listeners(const struct ockam_secure_channel_options *opt,
		      char **text);

/* Likewise the channels that are kept up. */
int request_channels(const struct ockam_secure_channel_options *opt,
		     char **text);

/* Likewise the inlets and outlets. */
int request_portals(const struct ockam_secure_channel_options *opt,
		    char **text);

/* Likewise what the node shall have, and whether it has it. */
int request_wanted(const struct ockam_secure_channel_options *opt,
		   char **text);

/* Likewise the peers that have names; @opt says how long it may take. */
int request_peers(const struct ockam_secure_channel_options *opt,
		  char **text);

/* Likewise the names that this node has at relays. */
int request_relays_at(const struct ockam_secure_channel_options *opt,
		      char **text);

/* Who is behind the connection of an outlet that comes from @endpoint, a line. */
int request_whois(const char *endpoint,
		  const struct ockam_secure_channel_options *opt,
		  char text[REQUEST_TEXT_MAX + 1]);

/* One more section, or one less: 0, or -1 with ockam_error(). */
int request_change(const char *section, bool add,
		   const struct ockam_secure_channel_options *opt);

/* Have ockamd read its configuration again: 0, or -1 with ockam_error(). */
int request_reload(const struct ockam_secure_channel_options *opt,
		   char text[REQUEST_TEXT_MAX + 1]);

#endif /* OCKAM_LIB_REQUEST_H */
