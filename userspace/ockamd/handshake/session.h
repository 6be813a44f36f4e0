/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Noise XX, either side. */
#ifndef OCKAMD_SESSION_H
#define OCKAMD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ockam/ockam.h>

struct ask;
struct identity;
struct policy;

struct keep;
struct listener;

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
/* A first message at a listener is refused: counted, and perhaps logged. */
void handshake_refused(struct listener *l, const struct ockam_info *info,
		       const char *why);
/* It is longer than any first message. */
void handshake_too_long(struct listener *l, const struct ockam_info *info);
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
/* The same for who asks for it. */
void sessions_list(char *text, size_t size);

#endif /* OCKAMD_SESSION_H */
