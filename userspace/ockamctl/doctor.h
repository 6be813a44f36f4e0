/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* ockamctl doctor: what its parts share. */
#ifndef OCKAMCTL_DOCTOR_H
#define OCKAMCTL_DOCTOR_H

#include <stdbool.h>

#include <jansson.h>

struct ctl;

/* Weight of a finding. */
enum grade { GOOD, NOTE, BAD };

/**
 * struct doctor - an examination
 * @ctl: the invocation
 * @json: what was found, or NULL to print it
 * @bad: something is
 */
struct doctor {
	struct ctl	*ctl;
	json_t		*json;
	bool		bad;
};

/* What was found, and, unless it is good, what to do: one sentence. */
void doctor_report(struct doctor *d, const char *check, enum grade grade,
		   const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- doctor_node.c: links, channels, what was dropped ---- */
void doctor_node(struct doctor *d);

/* ---- doctor_daemon.c: ockamd, its configuration and its key store ---- */
void doctor_daemon(struct doctor *d);

#endif /* OCKAMCTL_DOCTOR_H */
