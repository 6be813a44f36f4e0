/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* ockamctl: what its commands share. */
#ifndef OCKAMCTL_H
#define OCKAMCTL_H

#include <stdbool.h>
#include <stdint.h>

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
 * struct command - an entry of the table in ockamctl.c, or of a group's own
 * @name: the word
 * @args: what may follow
 * @help: one line
 * @run: argv[0] is the first word after @name; an exit status
 */
struct command {
	const char	*name;
	const char	*args;
	const char	*help;
	int		(*run)(struct ctl *ctl, int argc, char **argv);
};

/* Finds argv[0] in a group's table, which ends with a NULL name, and runs it;
 * with no words the first entry.
 */
int ctl_dispatch(struct ctl *ctl, const char *group,
		 const struct command *table, int argc, char **argv);

/* ---- ockamctl.c ---- */

int ctl_open(struct ctl *ctl);

/* Both print to stderr and return an exit status. */
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_fail(const struct ctl *ctl, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* After a call of nl.h failed: the kernel's words. */
int ctl_nl_fail(const struct ctl *ctl, const char *what);

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
/* The whole list: a dump, printed. */
int print_list(struct ctl *ctl, enum ockam_nl_object kind, const void *filter,
	       bool (*want)(const void *object));

/* ---- commands ---- */

int cmd_node(struct ctl *ctl, int argc, char **argv);
int cmd_stats(struct ctl *ctl, int argc, char **argv);
int cmd_worker(struct ctl *ctl, int argc, char **argv);
int cmd_link(struct ctl *ctl, int argc, char **argv);
int cmd_channel(struct ctl *ctl, int argc, char **argv);
int cmd_hop(struct ctl *ctl, int argc, char **argv);
int cmd_relay(struct ctl *ctl, int argc, char **argv);
int cmd_policy(struct ctl *ctl, int argc, char **argv);
int cmd_identity(struct ctl *ctl, int argc, char **argv);
int cmd_listener(struct ctl *ctl, int argc, char **argv);
int cmd_secure_channel(struct ctl *ctl, int argc, char **argv);
int cmd_inlet(struct ctl *ctl, int argc, char **argv);
int cmd_outlet(struct ctl *ctl, int argc, char **argv);
int cmd_monitor(struct ctl *ctl, int argc, char **argv);
int cmd_flush(struct ctl *ctl, int argc, char **argv);
int cmd_doctor(struct ctl *ctl, int argc, char **argv);
int cmd_ping(struct ctl *ctl, int argc, char **argv);

#endif /* OCKAMCTL_H */
