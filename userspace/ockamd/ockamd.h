/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * ockamd: identities, handshakes and what the configuration asks for.
 *
 * One thread and one event loop; another thread only reads the configuration anew,
 * as looking up names takes its time.  Channels and links live in the kernel: the
 * daemon makes them and looks after them, but neither its start nor its end
 * takes any away.
 */
#ifndef OCKAMD_H
#define OCKAMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <ockam/ockam.h>

#include "keystore.h"
#include "nl.h"
#include "request.h"
#include "xx.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)			\
	for ((var) = TAILQ_FIRST(head);					\
	     (var) && ((next) = TAILQ_NEXT(var, field), 1);		\
	     (var) = (next))
#endif

/* ---- log.c ---- */

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

void log_setup(enum log_level level, bool to_syslog);
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define log_error(...)	log_line(LOG_LVL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...)	log_line(LOG_LVL_DEBUG, __VA_ARGS__)

/*
 * About what a user of this node has asked for: so many lines for each, so that none
 * fills the log.
 */
void log_user(uid_t uid, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Text of a route, for one log line; four may be in use at once. */
const char *route_text(const struct ockam_path *path);
const char *id_text(const uint8_t id[IDENT_ID_LEN]);

/* ---- service_manager.c: nothing where none has asked for it ---- */

/* Started, or done with a reload; @status is for people. */
void manager_ready(const char *status);
void manager_reloading(void);
void manager_stopping(void);

/* ---- loop.c ---- */

/**
 * struct watch - a file descriptor in the event loop
 * @fd: the descriptor
 * @fn: called when it is ready; may remove and free any watch
 */
struct watch {
	int fd;
	void (*fn)(struct watch *w, uint32_t events);
};

int loop_init(void);
int loop_add(struct watch *w, uint32_t events);
int loop_change(struct watch *w, uint32_t events);
void loop_del(struct watch *w);
/* Runs until loop_stop(). @tick is called every TICK_MS while @busy. */
int loop_run(void (*tick)(void));
void loop_stop(void);
void loop_busy(bool busy);

#define TICK_MS		50
#define TICK_IDLE_MS	1000

uint64_t now_ms(void);		/* monotonic */
uint64_t now_seconds(void);	/* since the epoch */

/* ---- config.c ---- */

/**
 * struct users - uids and gids that may do something
 */
struct users {
	uid_t *uids;
	size_t n_uids;
	gid_t *gids;
	size_t n_gids;
};

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
	char *endpoint;
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

/**
 * struct conf_channel - a channel that is kept up
 * @name: as written
 * @line: of its section
 * @address: what it is reached by
 * @identity: own identity
 * @route: to the peer's listener
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
	struct ockam_path route;
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

/* Ends the program when there is no memory. */
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
 * @ip: the same
 * @policy: outlet: who may use it
 * @max: most connections at once
 * @max_peer: outlet: of them, those of one identifier
 * @rate: outlet: new ones a second, for one identifier
 * @timeout_ms: inlet: for Pong; outlet: for the target
 * @counters: payloads are sent with counters
 */
struct conf_portal {
	char *name;
	int line;
	bool inlet;
	struct ockam_path path;
	char *endpoint;
	struct sockaddr_in6 ip;
	struct policy *policy;
	size_t max;
	size_t max_peer;
	unsigned int rate;
	unsigned int timeout_ms;
	bool counters;
};

/* Ends the program when there is no memory. */
void conf_portal_copy(struct conf_portal *to, const struct conf_portal *from);
void conf_portal_clear(struct conf_portal *c);

/**
 * struct config - a configuration file as read
 */
struct config {
	char *state;
	char *user;
	char *group;
	bool has_forward;
	uint32_t forward;
	size_t max_handshakes;
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
};

/* NULL after it said what is wrong where. */
struct config *config_load(const char *path);
void config_free(struct config *c);
const struct conf_identity *config_identity(const struct config *c,
					    const char *name);
/* Does it give an address to something that is no listener? */
bool config_gives(const struct config *c, const struct ockam_path *address);

/**
 * struct asker - who sent a request, as the kernel says
 */
struct asker {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

bool asker_is_admin(const struct asker *a);
bool users_allow(const struct users *u, const struct asker *a);

/* ---- policy.c ---- */

/**
 * struct policy - a trust policy with what checks of a peer need beside it
 * @refs: references
 * @trust: the policy
 * @check: points to @trust
 */
struct policy {
	unsigned int refs;
	struct trust_policy trust;
	struct ident_check check;
};

struct policy *policy_new(void);
struct policy *policy_get(struct policy *p);
void policy_put(struct policy *p);

/* ---- keys.c ---- */

int keys_init(const char *dir);
/* Loads what the configuration names; 0 or -1 when one is missing. */
int keys_reload(const struct config *c);
/* The identity, good for a handshake now, or NULL. No reference is taken. */
struct identity *keys_find(const char *name);
/* Whether or not it is good for one. */
const struct identity *keys_peek(const char *name);

/**
 * struct secrets - locked memory for the secrets of one handshake
 * @xx: its state
 * @next: when free
 */
struct secrets {
	struct xx xx;
	struct secrets *next;
};

/* Locked and left out of core dumps; NULL when all are in use. */
int vault_init(size_t n);
struct secrets *vault_take(void);
void vault_give(struct secrets *s);

/**
 * struct scratch - locked memory for a step of a handshake
 */
struct scratch {
	struct xx_keys keys;
	struct x3dh_accept accept;
	struct ockam_nl_channel channel;
};

extern struct scratch *scratch;

/**
 * struct source - who is charged for what strangers make us do
 * @kind: enum ockam_origin
 * @id: link, or uid, or the channel if it leads to this node itself
 * @channel: the one inside the link, 0: none; channels cost nothing
 */
struct source {
	uint8_t kind;
	uint32_t id;
	uint32_t channel;
};

void charge_to(const struct ockam_info *info, struct source *src);

/* ---- rate.c ---- */

/*
 * May it make us compute something?  @cost: 1 is about as much as a Diffie-Hellman
 * handshake.
 */
bool rate_allows(const struct source *src, unsigned int cost);

/* ---- session.c: handshakes ---- */

/**
 * struct ask - a request that waits for its answer
 */
struct ask {
	struct ockam_path to;
	uint64_t id;
	struct asker who;
};

struct keep;

/**
 * struct initiate - a handshake to begin, and who waits for it
 * @route: to the peer's listener
 * @identity: name of @self
 * @self: own identity
 * @policy: whom to trust
 * @owner: uid that the channel will belong to
 * @gid: the one that it asked with, -1: none
 * @shared: it is for everybody on this node
 * @timeout_ms: for all of it
 * @ask: request to answer, or NULL
 * @keep: otherwise the kept channel to tell
 * @name: address of that
 */
struct initiate {
	struct ockam_path route;
	const char *identity;
	struct identity *self;
	struct policy *policy;
	uid_t owner;
	gid_t gid;
	bool shared;
	unsigned int timeout_ms;
	const struct ask *ask;
	struct keep *keep;
	const struct ockam_path *name;
};

/*
 * 0, or a negative errno with words in @why.  After 0 it may have failed
 * already, and been answered.
 */
int session_initiate(const struct initiate *in, const char **why);
struct listener;
/*
 * Strangers and users must not fill the log: some lines a second, and a sum of
 * those that were left out.
 */
bool may_log(void);
/* A first message at a listener is refused: counted, and perhaps logged. */
void handshake_refused(struct listener *l, const struct ockam_info *info,
		       const char *why);
void session_respond(struct listener *l, const struct ockam_info *info,
		     const uint8_t *m1, size_t len);
void sessions_tick(void);
void sessions_end(void);
/* Those of a listener that goes away. */
void sessions_forget(const struct listener *l);
/* That of a kept channel, which is not told. */
void sessions_forget_keep(const struct keep *k);
/* Likewise, but with the next tick, and it is told. */
void sessions_expire_keep(const struct keep *k);
int sessions_init(size_t max);
void sessions_log(void);

/* ---- listener.c ---- */

/**
 * struct listener - an address that handshakes begin at
 * @entry: list
 * @watch: its socket
 * @address: its address
 * @identity: name of the identity to show
 * @policy: whom to trust
 * @handshakes: LISTEN_XX, LISTEN_X3DH
 * @owner: who may delete it, and whose the channels are
 * @gid: the one that they asked with, -1: none
 * @shared: mode of the channels
 * @configured: it is in the configuration file
 * @accepted: channels made
 * @refused: handshakes refused
 * @full: first messages for which there was no room
 * @expired: handshakes that the peer did not end in time
 */
struct listener {
	TAILQ_ENTRY(listener) entry;
	struct watch watch;
	struct ockam_path address;
	char *identity;
	struct policy *policy;
	unsigned int handshakes;
	uid_t owner;
	gid_t gid;
	bool shared;
	bool configured;
	uint64_t accepted;
	uint64_t refused;
	uint64_t full;
	uint64_t expired;
};

/*
 * @any_name: reserved names, and those that are held for somebody, too.
 */
int listener_create(const struct ockam_path *address, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared, bool configured,
		    bool any_name, const char **why);
/* What its owner asks for anew; handshakes that have begun are not touched. */
int listener_change(struct listener *l, const char *identity,
		    struct policy *policy, unsigned int handshakes,
		    const struct asker *owner, bool shared);
struct listener *listener_find(const struct ockam_path *address);
void listener_delete(struct listener *l);
size_t listeners_of(uid_t owner);
void listeners_apply(const struct config *c);
/* Tries again what could not be opened. */
void listeners_tick(void);
/*
 * Those of programs that a new configuration does not permit end, before what it
 * gives their addresses to begins.
 */
void listeners_yield(const struct config *c);
void listeners_list(uid_t uid, bool all, char *text, size_t size);
void listeners_end(void);

/* Why a program may not (any more) listen there, NULL: it may. */
const char *listener_refusal(const struct config *c,
			     const struct ockam_path *address,
			     const char *identity, const struct asker *owner,
			     bool *any_name);

/* Calls @fn for those that programs have asked for. */
void listeners_asked(void (*fn)(const struct listener *l, void *arg), void *arg);

/* ---- asked.c ---- */

/*
 * Those that programs have asked for: to a file, at once or, if that was just done,
 * a little later; and from the one of an earlier process.
 */
void asked_save(void);
void asked_load(void);
void asked_tick(void);
void asked_end(void);

/* ---- state.c ---- */

/*
 * Files in the state directory, NULL if there is none: reading one; a new one,
 * which has the name only after state_commit().
 */
FILE *state_read(const char *name);
FILE *state_write(const char *name);
void state_commit(FILE *f, const char *name);
/* Does not wait for the disk; more can be written to it.  NULL: it failed. */
FILE *state_swap(FILE *f, const char *name);
void state_remove(const char *name);

/* A line that another start of the machine makes worthless; was it that line? */
void state_put_boot(FILE *f);
bool state_same_boot(FILE *f);

/* ---- channels.c: channels that the daemon looks after ---- */

int channels_init(void);
void channels_end(void);
/* What could not be done when the kernel reported something. */
void channels_tick(void);
/* The peer is told.  0: it is not there any more; or a negative errno, logged. */
int channels_delete(uint32_t id);
/* Likewise, and the peer is not told. */
int channels_delete_quiet(uint32_t id);

/* ---- keep.c: channels that are kept up ---- */

/**
 * struct made - what a handshake for a kept channel came to
 * @channel: id
 * @encryptor: address
 * @peer: the peer's identifier
 * @policy: trust policy it passed
 * @rule: rule of @policy that it passed by, or NULL
 * @expires: end of that trust
 */
struct made {
	uint32_t channel;
	struct ockam_path encryptor;
	uint8_t peer[IDENT_ID_LEN];
	struct policy *policy;
	const struct trust_rule *rule;
	uint64_t expires;
};

int keeps_init(void);
void keeps_apply(struct config *c);
void keeps_tick(void);
/* Compares with the kernel: events were lost. */
void keeps_check(void);
void keeps_list(uid_t uid, bool all, char *text, size_t size);
void keeps_end(void);
void keep_done(struct keep *k, const struct made *made);
void keep_failed(struct keep *k, const char *why);
/* Before a channel is deleted, or after it was; it need not be a kept one. */
void keep_lost(uint32_t id, const char *why);
void keep_channel_event(const struct ockam_nl_channel *ch);
void keep_link_event(const struct ockam_nl_link *link, bool gone);

/* ---- relay.c ---- */

void relay_apply(const struct config *c);
void relay_tick(void);
void relay_end(void);

/* ---- portal_gate.c: inlets and outlets ---- */

void portals_apply(const struct config *c);
void portals_tick(void);
void portals_list(char *text, size_t size);
void portals_end(void);
/* A channel is gone. */
void portals_lost(uint32_t channel);
/* Compares with the kernel: events were lost. */
void portals_check(void);
/* File descriptors that they may need. */
size_t portals_files(const struct config *c);

/* ---- x3dh_*.c, prekey_service.c ---- */

/*
 * A channel by X3DH; @how is "x3dh", "x3dh-mailbox" or "x3dh-one-time".
 * 0, or a negative errno with words in @why.
 */
int x3dh_begin(const struct initiate *in, const char *how, const char **why);
void x3dh_begin_tick(void);
void x3dh_begin_gone(uint32_t channel);
/* Compares with the kernel: events were lost. */
void x3dh_begin_check(void);
void x3dh_accept_check(void);
void x3dh_begin_end(void);
/* What begins with X3DH_NAME has come to a listener. */
void x3dh_at_listener(struct listener *l, const struct ockam_info *info,
		      const uint8_t *msg, size_t len);
/*
 * Deletes channels that were of no use without the process before; 0, or a
 * negative errno: the next one has to do it.
 */
int left_begin(void);
void left_end(void);
void x3dh_accept_tick(void);
void x3dh_accept_gone(uint32_t channel);
/* A channel has its first message. */
void x3dh_accept_confirmed(uint32_t channel);
void x3dh_accept_end(void);
/* Listeners whose bundles are with a prekey service. */
void mail_apply(const struct config *c);
void mail_tick(void);
void mail_end(void);
void prekey_service_apply(const struct config *c);
void prekey_service_tick(void);
void prekey_service_end(void);
/* Destroys prekeys that have ended, also those that nobody asks for. */
void own_prekeys_tick(void);
void own_prekeys_end(void);

/* ---- request.c ---- */

int requests_init(void);
void requests_end(void);
void answer_ask(const struct ask *ask, const struct answer *ans);
void answer_error(const struct ask *ask, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- main.c ---- */

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

/*
 * Binds a socket without the right to reserved names and to those that are held
 * for somebody, which whom it is for does not have.
 */
int bind_as_anyone(int fd, const struct ockam_path *address);

static inline bool path_equal(const struct ockam_path *a,
			      const struct ockam_path *b)
{
	return a->len == b->len &&
	       !__builtin_memcmp(a->hops, b->hops, a->len);
}

/* Bytes of the first address. */
static inline size_t path_first(const struct ockam_path *path)
{
	return path->nhops ? 2U + path->hops[1] : 0;
}

/* Is it a rule about credentials, among the words of a trust policy? */
bool is_rule(const char *word);

/*
 * @any_name: whether the right to reserved names goes with it; else the kernel
 * has the last word.
 */
bool may_listen(const struct config *c, const struct ockam_path *address,
		const struct asker *who, bool *any_name);

/* Names of our own services. */
bool address_is_reserved(const struct ockam_path *address);

#endif /* OCKAMD_H */
