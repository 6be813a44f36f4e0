// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Objects for people and as JSON. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"

void print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static json_t *json_counters(const uint64_t *value, unsigned int n,
			     const char *(*name)(unsigned int))
{
	json_t *j = json_object();
	unsigned int i;

	for (i = 0; i < n; i++)
		json_object_set_new(j, name(i), json_integer(value[i]));
	return j;
}

static json_t *json_flags(enum ockam_nl_object kind, int attr, uint32_t bits)
{
	json_t *j = json_array();
	const char *name;
	int i;

	for (i = 0; i < 32; i++) {
		if (!(bits >> i & 1))
			continue;
		name = ockam_nl_value_name(kind, attr, i);
		json_array_append_new(j, name ? json_string(name) :
				      json_integer(1U << i));
	}
	return j;
}

static json_t *json_route(const uint8_t *data, size_t len)
{
	char *text = malloc(OCKAM_TEXT_ROUTE_MAX);
	json_t *j = NULL;

	if (text && ockam_text_print_route(data, len, text,
					   OCKAM_TEXT_ROUTE_MAX) >= 0)
		j = json_string(text);
	free(text);
	return j ? j : json_null();
}

static json_t *json_names(const struct ockam_nl_route *list)
{
	json_t *j = json_array();
	size_t at, n;

	for (at = 0; at + 2 <= list->len; at += n) {
		n = 2 + list->data[at + 1];
		if (at + n > list->len)
			break;
		json_array_append_new(j, json_route(list->data + at, n));
	}
	return j;
}

/* As bpftool prints it. */
static json_t *json_tag(const uint8_t *tag)
{
	char text[17];
	int i;

	for (i = 0; i < 8; i++)
		sprintf(text + 2 * i, "%02x", tag[i]);
	return json_string(text);
}

static json_t *json_ranges(const struct ockam_nl_ranges *list)
{
	json_t *j = json_array();
	char text[32];
	unsigned int i;

	for (i = 0; i < list->n; i++) {
		snprintf(text, sizeof(text), "%u-%u", list->range[i].first,
			 list->range[i].last);
		if (list->range[i].first == list->range[i].last)
			*strchr(text, '-') = 0;
		json_array_append_new(j, json_string(text));
	}
	return j;
}

static json_t *json_field(enum ockam_nl_object kind,
			  const struct ockam_nl_field *f, const void *p)
{
	const struct ockam_nl_address *address = p;
	const struct ockam_nl_route *route = p;
	const struct ockam_nl_ip *ip = p;
	char text[OCKAM_TEXT_IDENTIFIER];
	const char *name;
	uint32_t v;

	switch (f->type) {
	case OCKAM_NL_U8:
		return json_boolean(*(const uint8_t *)p);
	case OCKAM_NL_U16:
		return json_integer(*(const uint16_t *)p);
	case OCKAM_NL_U32:
		v = *(const uint32_t *)p;
		if (ockam_nl_is_flags(kind, f->attr))
			return json_flags(kind, f->attr, v);
		name = ockam_nl_value_name(kind, f->attr, v);
		return name ? json_string(name) : json_integer(v);
	case OCKAM_NL_U64:
		return json_integer(*(const uint64_t *)p);
	case OCKAM_NL_FLAG:
		return json_true();
	case OCKAM_NL_ADDRESS:
		return json_route(address->data, address->len);
	case OCKAM_NL_ROUTE:
		return json_route(route->data, route->len);
	case OCKAM_NL_RANGES:
		return json_ranges(p);
	case OCKAM_NL_NAMES:
		return json_names(p);
	case OCKAM_NL_IP:
		if (!inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->data,
			       text, sizeof(text)))
			return json_null();
		return json_string(text);
	case OCKAM_NL_IDENTIFIER:
		ockam_text_print_identifier(p, text);
		return json_string(text);
	case OCKAM_NL_TAG:
		return json_tag(p);
	case OCKAM_NL_NEST:
		if (f->attr == OCKAM_A_NODE_STATS)
			return json_counters(p, __OCKAM_STAT_MAX,
					     ockam_nl_stat_name);
		return json_counters(p, __OCKAM_DROP_MAX, ockam_nl_drop_name);
	default:
		return NULL;
	}
}

/* Beside the identifier its name, if it has one. */
static void add_peer(json_t *j)
{
	const char *id = json_string_value(json_object_get(j, "identifier"));
	const char *name = id ? peer_name(id) : NULL;

	if (name)
		json_object_set_new(j, "peer", json_string(name));
}

json_t *json_object_of(enum ockam_nl_object kind, const void *object)
{
	const uint64_t *present = object;
	const struct ockam_nl_field *f;
	json_t *j = json_object();
	size_t n;

	for (f = ockam_nl_fields(kind, &n); n; f++, n--)
		if (*present >> f->attr & 1)
			json_object_set_new(j, f->name,
				json_field(kind, f,
					   (const char *)object + f->offset));
	if (kind == OCKAM_NL_CHANNEL)
		add_peer(j);
	return j;
}

json_t *json_field_of(enum ockam_nl_object kind, const void *object, int attr)
{
	const uint64_t *present = object;
	const struct ockam_nl_field *f;
	size_t n;

	if (!(*present >> attr & 1))
		return NULL;
	for (f = ockam_nl_fields(kind, &n); n; f++, n--)
		if (f->attr == attr)
			return json_field(kind, f,
					  (const char *)object + f->offset);
	return NULL;
}

/* A value as a person reads it. */
static void print_value(const json_t *j)
{
	const json_t *v;
	size_t i;

	switch (json_typeof(j)) {
	case JSON_STRING:
		fputs(json_string_value(j), stdout);
		break;
	case JSON_INTEGER:
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(j));
		break;
	case JSON_TRUE:
		fputs("yes", stdout);
		break;
	case JSON_FALSE:
		fputs("no", stdout);
		break;
	case JSON_ARRAY:
		if (!json_array_size(j))
			fputs("none", stdout);
		json_array_foreach(j, i, v) {
			if (i)
				putchar(',');
			print_value(v);
		}
		break;
	default:
		putchar('-');
		break;
	}
}

static void print_member(enum ockam_nl_object kind, const char *key,
			 const json_t *v)
{
	if (kind == OCKAM_NL_CHANNEL && !strcmp(key, "mode"))
		printf("%#o", (unsigned int)json_integer_value(v));
	else if ((kind == OCKAM_NL_CHANNEL && !strcmp(key, "owner")) ||
		 (kind == OCKAM_NL_WORKER && !strcmp(key, "uid")))
		fputs(user_text(json_integer_value(v)), stdout);
	else
		print_value(v);
}

void print_object(const struct ctl *ctl, enum ockam_nl_object kind,
		  const void *object)
{
	json_t *j = json_object_of(kind, object);
	const char *key;
	json_t *v;

	if (ctl->json) {
		print_json(j);
		return;
	}
	json_object_foreach(j, key, v) {
		if (json_is_object(v))
			continue;
		printf("%-18s", key);
		print_member(kind, key, v);
		putchar('\n');
	}
	json_decref(j);
}

/* What a line shows, 0 at the end. */
static const int lines[OCKAM_NL_OBJECTS][12] = {
	[OCKAM_NL_NODE] = {
		OCKAM_A_NODE_FAMILY, OCKAM_A_NODE_STALL_MS,
		OCKAM_A_NODE_MAX_MSG, OCKAM_A_NODE_FORWARD,
	},
	[OCKAM_NL_WORKER] = {
		OCKAM_A_WORKER_ADDRESS, OCKAM_A_WORKER_UID,
		OCKAM_A_WORKER_SCOPE, OCKAM_A_WORKER_QUEUED,
		OCKAM_A_WORKER_PARKED,
	},
	[OCKAM_NL_LINK] = {
		OCKAM_A_LINK_ID, OCKAM_A_LINK_NAME, OCKAM_A_LINK_KIND,
		OCKAM_A_LINK_MODE, OCKAM_A_LINK_STATE, OCKAM_A_LINK_ENDPOINT,
		OCKAM_A_LINK_LOCAL_IP, OCKAM_A_LINK_LOCAL_PORT,
		OCKAM_A_LINK_REASON, OCKAM_A_LINK_RX_MSGS,
		OCKAM_A_LINK_TX_MSGS,
	},
	[OCKAM_NL_CHANNEL] = {
		OCKAM_A_CHANNEL_ID, OCKAM_A_CHANNEL_ENCRYPTOR,
		OCKAM_A_CHANNEL_ROLE, OCKAM_A_CHANNEL_STATE,
		OCKAM_A_CHANNEL_EVENT, OCKAM_A_CHANNEL_REASON,
		OCKAM_A_CHANNEL_ROUTE, OCKAM_A_CHANNEL_RX_MSGS,
		OCKAM_A_CHANNEL_TX_MSGS, OCKAM_A_CHANNEL_IDENTIFIER,
	},
	[OCKAM_NL_HOP] = {
		OCKAM_A_HOP_ID, OCKAM_A_HOP_ADDRESS, OCKAM_A_HOP_SCOPE,
		OCKAM_A_HOP_MSGS, OCKAM_A_HOP_ROUTE,
	},
	[OCKAM_NL_POLICY] = {
		OCKAM_A_POLICY_ID, OCKAM_A_POLICY_WORKER, OCKAM_A_POLICY_LINK,
		OCKAM_A_POLICY_CHANNEL, OCKAM_A_POLICY_OWN,
		OCKAM_A_POLICY_PROGRAM, OCKAM_A_POLICY_TAG,
		OCKAM_A_POLICY_RUNS, OCKAM_A_POLICY_DROPS,
	},
};

/* Why a link that is up ended before is no reason of anything now. */
static bool is_over(enum ockam_nl_object kind, const void *object, int attr)
{
	const struct ockam_nl_link *link = object;

	return kind == OCKAM_NL_LINK && attr == OCKAM_A_LINK_REASON &&
	       (link->state == OCKAM_LINK_STATE_UP ||
		link->state == OCKAM_LINK_STATE_LISTENING);
}

void print_line(enum ockam_nl_object kind, const void *object)
{
	json_t *j = json_object_of(kind, object);
	const struct ockam_nl_field *fields;
	const int *attr;
	const char *sep = "";
	json_t *v;
	size_t n, i;

	fields = ockam_nl_fields(kind, &n);
	for (attr = lines[kind]; *attr; attr++) {
		for (i = 0; i < n && fields[i].attr != *attr; i++)
			;
		v = json_object_get(j, fields[i].name);
		if (!v || !strcmp(json_is_string(v) ? json_string_value(v) : "",
				  "none") || is_over(kind, object, *attr))
			continue;
		printf("%s%s ", sep, fields[i].name);
		print_member(kind, fields[i].name, v);
		sep = "  ";
	}
	v = kind == OCKAM_NL_CHANNEL ? json_object_get(j, "peer") : NULL;
	if (v)
		printf("%speer %s", sep, json_string_value(v));
	putchar('\n');
	json_decref(j);
}
