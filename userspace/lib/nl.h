/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The netlink side of AF_OCKAM: the family of Documentation/netlink/specs/
 * ockam.yaml as C structures.
 *
 * A structure serves for requests, filters and replies alike: a field counts
 * if its bit in @present is set (ockam_nl_has(), ockam_nl_mark()), the bit
 * being the number of its attribute.
 *
 * Functions return 0 or a negative errno; ockam_nl_error() then tells what
 * the kernel said.
 */
#ifndef OCKAM_LIB_NL_H
#define OCKAM_LIB_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ockam.h>
#include <linux/ockam_netlink.h>

#define OCKAM_NL_ADDR_MAX	(2 + OCKAM_ADDR_MAX)
#define OCKAM_NL_KEY_LEN	32

enum ockam_nl_object {
	OCKAM_NL_NODE,
	OCKAM_NL_WORKER,
	OCKAM_NL_LINK,
	OCKAM_NL_CHANNEL,
	OCKAM_NL_HOP,
	OCKAM_NL_POLICY,
	OCKAM_NL_OBJECTS
};

/* An address, or a route, in flat form. */
struct ockam_nl_address {
	uint16_t	len;
	uint8_t		data[OCKAM_NL_ADDR_MAX];
};

struct ockam_nl_route {
	uint16_t	len;
	uint8_t		data[OCKAM_ROUTE_MAX];
};

/* An IP address: 4 or 16 bytes. */
struct ockam_nl_ip {
	uint16_t	len;
	uint8_t		data[16];
};

/* In requests only: bytes that are the caller's. */
struct ockam_nl_bytes {
	uint16_t	len;
	const uint8_t	*data;
};

#define OCKAM_NL_RANGES_MAX	64

/* Ranges of uids or gids. */
struct ockam_nl_ranges {
	uint16_t		n;
	struct ockam_id_range	range[OCKAM_NL_RANGES_MAX];
};

/*
 * struct ockam_nl_node and so on, made from the spec. Ports are in host order; an
 * attribute that is a flag has no member, only its bit in @present: mark
 * OCKAM_A_POLICY_REPLACE to put a program in place of another one.
 */
#include "nl_objects-gen.h"

#define ockam_nl_has(obj, attr)		(((obj)->present >> (attr)) & 1)
#define ockam_nl_mark(obj, attr)	((obj)->present |= 1ULL << (attr))

struct ockam_nl;

/* -ENOENT: the module is not loaded. */
int ockam_nl_open(struct ockam_nl **nl);
void ockam_nl_close(struct ockam_nl *nl);
int ockam_nl_fd(const struct ockam_nl *nl);

/* What went wrong last, for people; never NULL. */
const char *ockam_nl_error(const struct ockam_nl *nl);
/* Name of the attribute that the kernel blamed, or NULL. */
const char *ockam_nl_bad_attribute(const struct ockam_nl *nl);

int ockam_nl_node_get(struct ockam_nl *nl, struct ockam_nl_node *node);
int ockam_nl_node_set(struct ockam_nl *nl, const struct ockam_nl_node *node);

int ockam_nl_worker_get(struct ockam_nl *nl, struct ockam_nl_worker *worker);

/* new: on return @present covers only what the kernel chose, such as the id.
 * get, set, del: by id or by name (encryptor, address).
 */
int ockam_nl_link_new(struct ockam_nl *nl, struct ockam_nl_link *link);
int ockam_nl_link_get(struct ockam_nl *nl, struct ockam_nl_link *link);
int ockam_nl_link_set(struct ockam_nl *nl, const struct ockam_nl_link *link);
int ockam_nl_link_del(struct ockam_nl *nl, const struct ockam_nl_link *link);
int ockam_nl_link_flush(struct ockam_nl *nl);

/* Keys are wiped from the library's buffers; the caller wipes @ch. */
int ockam_nl_channel_new(struct ockam_nl *nl, struct ockam_nl_channel *ch);
int ockam_nl_channel_get(struct ockam_nl *nl, struct ockam_nl_channel *ch);
int ockam_nl_channel_set(struct ockam_nl *nl,
			 const struct ockam_nl_channel *ch);
/* Mark OCKAM_A_CHANNEL_QUIET for not telling the peer. */
int ockam_nl_channel_del(struct ockam_nl *nl,
			 const struct ockam_nl_channel *ch);
int ockam_nl_channel_flush(struct ockam_nl *nl);

int ockam_nl_hop_new(struct ockam_nl *nl, struct ockam_nl_hop *hop);
int ockam_nl_hop_get(struct ockam_nl *nl, struct ockam_nl_hop *hop);
/* What is not marked stays; nothing is lost while it changes. */
int ockam_nl_hop_set(struct ockam_nl *nl, const struct ockam_nl_hop *hop);
int ockam_nl_hop_del(struct ockam_nl *nl, const struct ockam_nl_hop *hop);
int ockam_nl_hop_flush(struct ockam_nl *nl);

int ockam_nl_policy_new(struct ockam_nl *nl, struct ockam_nl_policy *policy);
int ockam_nl_policy_get(struct ockam_nl *nl, struct ockam_nl_policy *policy);
int ockam_nl_policy_del(struct ockam_nl *nl,
			const struct ockam_nl_policy *policy);

/* Not 0 ends the dump and is returned. */
typedef int (*ockam_nl_cb)(const void *object, void *arg);

/*
 * All objects of a kind that satisfy @filter (a structure of the kind, or
 * NULL).  Repeated until it is consistent, before the first call of @cb.  If the
 * node does not come to rest the last try is taken: what was there all the time is
 * in it, what came or went meanwhile may be.
 */
int ockam_nl_dump(struct ockam_nl *nl, enum ockam_nl_object kind,
		  const void *filter, ockam_nl_cb cb, void *arg);

/* "link", "channel", "hop", "node" or "policy". */
int ockam_nl_subscribe(struct ockam_nl *nl, const char *group);

/**
 * struct ockam_nl_event - a notification
 * @kind: what it is about
 * @gone: it was deleted
 * @object: structure of the kind
 */
struct ockam_nl_event {
	enum ockam_nl_object	kind;
	bool			gone;
	const void		*object;
};

typedef int (*ockam_nl_event_cb)(const struct ockam_nl_event *ev, void *arg);

/*
 * Wait for notifications and hand them over.  Use a socket of its own for it.
 * -ENOBUFS: some were lost; dump again.
 */
int ockam_nl_events(struct ockam_nl *nl, ockam_nl_event_cb cb, void *arg);

/*
 * Names of values, as in the spec: "tcp", "peer-closed"; NULL if unknown.
 * @kind and @attr say what the value belongs to.  If ockam_nl_is_flags(), a
 * value is the number of a bit.
 */
const char *ockam_nl_value_name(enum ockam_nl_object kind, int attr,
				uint32_t value);
/* The other way round, or -1. */
int ockam_nl_value(enum ockam_nl_object kind, int attr, const char *name);
const char *ockam_nl_stat_name(unsigned int stat);
const char *ockam_nl_drop_name(unsigned int drop);

bool ockam_nl_is_flags(enum ockam_nl_object kind, int attr);

enum ockam_nl_type {
	OCKAM_NL_U8,
	OCKAM_NL_U16,		/* a port */
	OCKAM_NL_U32,
	OCKAM_NL_U64,
	OCKAM_NL_FLAG,
	OCKAM_NL_ADDRESS,
	OCKAM_NL_ROUTE,
	OCKAM_NL_RANGES,	/* of ids */
	OCKAM_NL_NAMES,		/* local addresses, one after another */
	OCKAM_NL_IP,
	OCKAM_NL_SECRET,
	OCKAM_NL_IDENTIFIER,
	OCKAM_NL_TAG,		/* of a BPF program: 8 bytes */
	OCKAM_NL_BYTES,		/* in requests only */
	OCKAM_NL_NEST,
};

/**
 * struct ockam_nl_field - one field of a structure
 * @name: of the attribute, as in the spec
 * @attr: its number
 * @type: its type
 * @offset: where it is in the structure
 */
struct ockam_nl_field {
	const char		*name;
	uint16_t		attr;
	enum ockam_nl_type	type;
	size_t			offset;
};

/* The fields of a kind, in the order of their numbers, @n of them. */
const struct ockam_nl_field *ockam_nl_fields(enum ockam_nl_object kind,
					     size_t *n);

#endif /* OCKAM_LIB_NL_H */
