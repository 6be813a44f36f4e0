/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* ockamctl: what its commands share. */
#ifndef OCKAMCTL_H
#define OCKAMCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "nl.h"
#include "text.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses, which commands return. */
#define CTL_OK		0
#define CTL_FAIL	1
#define CTL_USAGE	2

/**
 * struct ctl - the invocation
 * @json: print JSON
 * @nl: open netlink socket, or NULL until ctl_open()
 */
struct ctl {
	bool		json;
	struct ockam_nl	*nl;
};

/**
 * struct command - what can be done
 * @name: the word; empty in the only entry of a group that has no words
 * @args: what may follow; words in small letters stand for themselves
 * @help: one line
 * @run: argv[0] is the first word after @name; an exit status
 */
struct command {
	const char	*name;
	const char	*args;
	const char	*help;
	int		(*run)(struct ctl *ctl, int argc, char **argv);
};

/* ---- table.c: the one table of all commands, its help and completion ---- */

/**
 * struct group - a first word
 * @name: the word
 * @help: one line
 * @commands: what can follow, up to an entry without a name; with no word the
 *	first one is meant
 */
struct group {
	const char		*name;
	const char		*help;
	const struct command	*commands;
};

/* Runs what the words say: a command, or help. */
int table_run(struct ctl *ctl, int argc, char **argv);
void table_help(FILE *f);

/* ---- ockamctl.c ---- */

int ctl_open(struct ctl *ctl);

/* Both print to stderr, as JSON if that was asked for, and return an exit status. */
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_fail(const struct ctl *ctl, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* After a call of nl.h failed: the kernel's words, behind what was tried. */
int ctl_nl_fail(const struct ctl *ctl, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- args.c: words of the command line; 0 or an exit status ---- */

/* Decimal, nothing else around it. */
int arg_number(const char *name, const char *text, uint64_t max, uint64_t *n);
int arg_address(const char *name, const char *text,
		struct ockam_nl_address *address);
int arg_route(const char *name, const char *text,
	      struct ockam_nl_route *route);
/* "10.0.0.2:4000", "[::1]:4000", "host:4000" */
int arg_endpoint(const char *name, const char *text, struct ockam_nl_ip *ip,
		 uint16_t *port, uint32_t *scope_id);

/*
 * "NAME VALUE" pairs into an object's fields; @allowed are the numbers of the
 * attributes that may come, 0 at the end.
 */
int arg_fields(enum ockam_nl_object kind, void *object, const int *allowed,
	       int argc, char **argv);
/* One field. */
int arg_field(enum ockam_nl_object kind, void *object, int attr,
	      const char *value);
/* A number means the id, anything else the address in attribute @address. */
int arg_select(enum ockam_nl_object kind, void *object, int id, int address,
	       const char *text);

/* ---- print.c ---- */

json_t *json_object_of(enum ockam_nl_object kind, const void *object);
/* Takes over @json. */
void print_json(json_t *json);
/* All fields, one a line, or as JSON. */
void print_object(const struct ctl *ctl, enum ockam_nl_object kind,
		  const void *object);
/* On one line, for lists and events. */
void print_line(enum ockam_nl_object kind, const void *object);
/* One field, or NULL. */
json_t *json_field_of(enum ockam_nl_object kind, const void *object, int attr);

/* ---- list.c ---- */

/* A dump as a table, or as a JSON array. */
int print_list(struct ctl *ctl, enum ockam_nl_object kind, const void *filter,
	       bool (*want)(const void *object));

/* ---- names.c ---- */

/* "1.5 MiB" */
void bytes_text(uint64_t bytes, char *text, size_t size);
/* "3 min" */
void age_text(uint64_t ms, char *text, size_t size);

/* "990 (ockam)", or the number alone; in a buffer that the next call uses. */
const char *user_text(uint32_t uid);
const char *date_text(uint64_t seconds);

/* ---- cmd_peer.c ---- */

/* What ockamd calls an identifier, NULL if it has no name. */
const char *peer_name(const char *identifier);

/* ---- commands ---- */

extern const struct command node_commands[];
extern const struct command worker_commands[];
extern const struct command link_commands[];
extern const struct command channel_commands[];
extern const struct command hop_commands[];
extern const struct command relay_commands[];
extern const struct command policy_commands[];
extern const struct command identity_commands[];
extern const struct command listener_commands[];
extern const struct command secure_channel_commands[];
extern const struct command invite_commands[];
extern const struct command join_commands[];
extern const struct command peer_commands[];
extern const struct command inlet_commands[];
extern const struct command outlet_commands[];
extern const struct command status_commands[];
extern const struct command wait_commands[];
extern const struct command monitor_commands[];
extern const struct command stats_commands[];
extern const struct command ping_commands[];
extern const struct command send_commands[];
extern const struct command recv_commands[];
extern const struct command echo_commands[];
extern const struct command top_commands[];
extern const struct command trace_commands[];
extern const struct command reload_commands[];
extern const struct command whois_commands[];
extern const struct command flush_commands[];
extern const struct command doctor_commands[];

#endif /* OCKAMCTL_H */
