// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The attributes and the names of values: the tables are made from
 * Documentation/netlink/specs/ockam.yaml.
 */
#include <string.h>

#include "nl.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define FIELD(object, number, kind, member, text) {			\
	.name	= text,							\
	.attr	= number,						\
	.type	= kind,							\
	.offset	= offsetof(struct ockam_nl_##object, member),		\
}

/**
 * struct values - names of the values of an attribute
 * @kind: the attribute's object
 * @attr: its number
 * @flags: a value is a number of bits
 * @name: by value, or by the number of the bit
 * @n: how many
 */
struct values {
	enum ockam_nl_object	kind;
	int			attr;
	bool			flags;
	const char * const	*name;
	size_t			n;
};

#include "nl_names-gen.h"

static const struct {
	const struct ockam_nl_field	*field;
	size_t				n;
} objects[OCKAM_NL_OBJECTS] = {
	[OCKAM_NL_NODE] = { node_fields, ARRAY_SIZE(node_fields) },
	[OCKAM_NL_WORKER] = { worker_fields, ARRAY_SIZE(worker_fields) },
	[OCKAM_NL_LINK] = { link_fields, ARRAY_SIZE(link_fields) },
	[OCKAM_NL_CHANNEL] = { channel_fields, ARRAY_SIZE(channel_fields) },
	[OCKAM_NL_HOP] = { hop_fields, ARRAY_SIZE(hop_fields) },
	[OCKAM_NL_POLICY] = { policy_fields, ARRAY_SIZE(policy_fields) },
};

const struct ockam_nl_field *ockam_nl_fields(enum ockam_nl_object kind,
					     size_t *n)
{
	*n = objects[kind].n;
	return objects[kind].field;
}

_Static_assert(ARRAY_SIZE(stat_names) == __OCKAM_STAT_MAX, "names of counters");
_Static_assert(ARRAY_SIZE(drop_names) == __OCKAM_DROP_MAX, "names of reasons");

static int values_of(enum ockam_nl_object kind, int attr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].kind == kind && values[i].attr == attr)
			return i;
	return -1;
}

bool ockam_nl_is_flags(enum ockam_nl_object kind, int attr)
{
	int v = values_of(kind, attr);

	return v >= 0 && values[v].flags;
}

const char *ockam_nl_value_name(enum ockam_nl_object kind, int attr,
				uint32_t value)
{
	int v = values_of(kind, attr);

	if (v < 0 || value >= values[v].n)
		return NULL;
	return values[v].name[value];
}

int ockam_nl_value(enum ockam_nl_object kind, int attr, const char *name)
{
	int v = values_of(kind, attr);
	size_t i;

	if (v < 0)
		return -1;
	for (i = 0; i < values[v].n; i++)
		if (values[v].name[i] && !strcmp(values[v].name[i], name))
			return i;
	return -1;
}

const char *ockam_nl_stat_name(unsigned int stat)
{
	return stat < ARRAY_SIZE(stat_names) ? stat_names[stat] : NULL;
}

const char *ockam_nl_drop_name(unsigned int drop)
{
	return drop < ARRAY_SIZE(drop_names) ? drop_names[drop] : NULL;
}
