/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The configuration: what the files that read parts of it share. */
#ifndef OCKAMD_CONFIG_PARTS_H
#define OCKAMD_CONFIG_PARTS_H

#include <confuse.h>

#include "config/config.h"
#include "config/policy.h"

/* ---- config.c ---- */

/* "10.0.0.2:4000", "[::1]:4000", "host:4000"; text for what is wrong. */
const char *read_endpoint(const char *text, bool listen, struct conf_link *l);

/* A name or a number. */
bool read_uid(const char *text, uid_t *uid);

/* For cfg_set_validate_func(): 0, or -1 after cfg_error(). */
int check_users(cfg_t *cfg, cfg_opt_t *opt);
int check_route(cfg_t *cfg, cfg_opt_t *opt);
int check_allow(cfg_t *cfg, cfg_opt_t *opt);
int check_some_ms(cfg_t *cfg, cfg_opt_t *opt);
int check_positive(cfg_t *cfg, cfg_opt_t *opt);
/* The section that was just closed, if its title is a local address. */
cfg_t *titled_address(cfg_t *cfg, cfg_opt_t *opt, size_t max);

/* What is in a file, or was if there is @text, as far as that can be seen without the others; NULL: none. */
struct config *config_parse(const char *path, const char *text, bool ours);

/* Ends the program if @p is NULL. */
void *must(void *p);
/* Of a list that was checked. */
struct policy *take_policy(cfg_t *sec, const char *name);

/* ---- config_file.c ---- */

/*
 * What is in it, or NULL with errno.  @ours: the daemon has written it, and another's
 * file is not read in its place.
 */
char *file_text(const char *path, bool ours);
/* 0 or CFG_FILE_ERROR, with errno, or CFG_PARSE_ERROR. */
int parse_text(cfg_t *cfg, const char *path, const char *raw);

/* ---- config_added.c ---- */

/*
 * Adds the sections that were made at run time to @c: what that has already is left
 * out, or an error if they are a candidate.  @state: directory, NULL: that of @c.
 */
int config_add(struct config *c, const char *state, bool candidate);

/* ---- config_portal.c ---- */

extern cfg_opt_t inlet_options[];
extern cfg_opt_t outlet_options[];

void portals_check_with(cfg_t *cfg);
void portals_take(cfg_t *cfg, struct config *c);

/* ---- config_peer.c ---- */

extern cfg_opt_t peer_options[];

void peers_check_with(cfg_t *cfg);
void peers_take(cfg_t *cfg, struct config *c);
/* What can only be seen when everything is known. */
int peers_check(const struct config *c, const char *path);

/* A word that a peer may be called. */
bool is_peer_name(const char *name);

/* ---- config_invite.c ---- */

extern cfg_opt_t invitation_options[];

void invitations_check_with(cfg_t *cfg);
void invitations_take(cfg_t *cfg, struct config *c);
/* When all of them are known. */
void invitations_trust(struct config *c);

/* ---- config_relay_at.c ---- */

extern cfg_opt_t relay_at_options[];

void relays_at_check_with(cfg_t *cfg);
void relays_at_take(cfg_t *cfg, struct config *c);
int relays_at_check(const struct config *c, const char *path);

#endif /* OCKAMD_CONFIG_PARTS_H */
