// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Lists of objects: a table for people, an array in JSON. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ockamctl.h"

#define COLUMNS_MAX	12

/* How a value is written. */
enum form { PLAIN, BYTES, AGE_MS, USER, NUMBER };

/**
 * struct column - one of a table
 * @title: its head
 * @attr: the attribute that it shows
 * @form: how
 * @make: or who writes it, into @size bytes
 */
struct column {
	const char	*title;
	int		attr;
	enum form	form;
	void		(*make)(const void *object, char *text, size_t size);
};

/* Where it leads, or where it listens. */
static void link_where(const void *object, char *text, size_t size)
{
	const struct ockam_nl_link *link = object;
	char ip[INET6_ADDRSTRLEN];

	if (ockam_nl_has(link, OCKAM_A_LINK_ENDPOINT)) {
		ockam_text_print_route(link->endpoint.data, link->endpoint.len,
				       text, size);
		return;
	}
	if (!ockam_nl_has(link, OCKAM_A_LINK_LOCAL_IP) ||
	    !inet_ntop(link->local_ip.len == 4 ? AF_INET : AF_INET6,
		       link->local_ip.data, ip, sizeof(ip)))
		return;
	snprintf(text, size, link->local_ip.len == 4 ? "%s:%u" : "[%s]:%u", ip,
		 link->local_port);
}

/* Why a link is not up, or went down the last time before it came up again. */
static void link_why(const void *object, char *text, size_t size)
{
	const struct ockam_nl_link *link = object;
	const char *reason;

	if (!ockam_nl_has(link, OCKAM_A_LINK_REASON) || !link->reason)
		return;
	reason = ockam_nl_value_name(OCKAM_NL_LINK, OCKAM_A_LINK_REASON,
				     link->reason);
	if (link->reason == OCKAM_LINK_REASON_ERROR && link->error)
		reason = strerror(link->error);
	snprintf(text, size, "%s%s", link->state == OCKAM_LINK_STATE_UP ?
		 "earlier: " : "", reason ? reason : "?");
}

static void channel_why(const void *object, char *text, size_t size)
{
	const struct ockam_nl_channel *ch = object;
	const char *reason = NULL;

	if (ockam_nl_has(ch, OCKAM_A_CHANNEL_REASON) && ch->reason)
		reason = ockam_nl_value_name(OCKAM_NL_CHANNEL,
					     OCKAM_A_CHANNEL_REASON,
					     ch->reason);
	snprintf(text, size, "%s", reason ? reason : "");
}

/* By its name, if it has one. */
static void channel_peer(const void *object, char *text, size_t size)
{
	const struct ockam_nl_channel *ch = object;
	char id[OCKAM_TEXT_IDENTIFIER];
	const char *name;

	if (!ockam_nl_has(ch, OCKAM_A_CHANNEL_IDENTIFIER))
		return;
	ockam_text_print_identifier(ch->identifier, id);
	name = peer_name(id);
	snprintf(text, size, "%s", name ? name : id);
}

/* Of what it is. */
static void policy_place(const void *object, char *text, size_t size)
{
	const struct ockam_nl_policy *p = object;
	char address[OCKAM_NL_ADDR_MAX * 4 + 8];

	if (ockam_nl_has(p, OCKAM_A_POLICY_LINK))
		snprintf(text, size, "link %u", p->link);
	else if (ockam_nl_has(p, OCKAM_A_POLICY_CHANNEL))
		snprintf(text, size, "channel %u", p->channel);
	else if (ockam_text_print_route(p->worker.data, p->worker.len, address,
					sizeof(address)) >= 0)
		snprintf(text, size, "worker %s", address);
}

static const struct column columns[OCKAM_NL_OBJECTS][COLUMNS_MAX] = {
	[OCKAM_NL_WORKER] = {
		{ "ADDRESS", OCKAM_A_WORKER_ADDRESS, PLAIN, NULL },
		{ "USER", OCKAM_A_WORKER_UID, USER, NULL },
		{ "ACCEPTS", OCKAM_A_WORKER_SCOPE, PLAIN, NULL },
		{ "QUEUED", OCKAM_A_WORKER_QUEUED, BYTES, NULL },
		{ "PARKED", OCKAM_A_WORKER_PARKED, BYTES, NULL },
		{ "DROPS", OCKAM_A_WORKER_DROPS, NUMBER, NULL },
		{ "HELD", OCKAM_A_WORKER_HELD_MS, AGE_MS, NULL },
	},
	[OCKAM_NL_LINK] = {
		{ "ID", OCKAM_A_LINK_ID, NUMBER, NULL },
		{ "NAME", OCKAM_A_LINK_NAME, PLAIN, NULL },
		{ "KIND", OCKAM_A_LINK_KIND, PLAIN, NULL },
		{ "MODE", OCKAM_A_LINK_MODE, PLAIN, NULL },
		{ "STATE", OCKAM_A_LINK_STATE, PLAIN, NULL },
		{ "WHERE", 0, PLAIN, link_where },
		{ "RECEIVED", OCKAM_A_LINK_RX_BYTES, BYTES, NULL },
		{ "SENT", OCKAM_A_LINK_TX_BYTES, BYTES, NULL },
		{ "LAST", OCKAM_A_LINK_SILENT_MS, AGE_MS, NULL },
		{ "WHY", 0, PLAIN, link_why },
	},
	[OCKAM_NL_CHANNEL] = {
		{ "ID", OCKAM_A_CHANNEL_ID, NUMBER, NULL },
		{ "ENCRYPTOR", OCKAM_A_CHANNEL_ENCRYPTOR, PLAIN, NULL },
		{ "ROLE", OCKAM_A_CHANNEL_ROLE, PLAIN, NULL },
		{ "STATE", OCKAM_A_CHANNEL_STATE, PLAIN, NULL },
		{ "RECEIVED", OCKAM_A_CHANNEL_RX_BYTES, BYTES, NULL },
		{ "SENT", OCKAM_A_CHANNEL_TX_BYTES, BYTES, NULL },
		{ "OWNER", OCKAM_A_CHANNEL_OWNER, USER, NULL },
		{ "PEER", 0, PLAIN, channel_peer },
		{ "ROUTE", OCKAM_A_CHANNEL_ROUTE, PLAIN, NULL },
		{ "WHY", 0, PLAIN, channel_why },
	},
	[OCKAM_NL_HOP] = {
		{ "ID", OCKAM_A_HOP_ID, NUMBER, NULL },
		{ "ADDRESS", OCKAM_A_HOP_ADDRESS, PLAIN, NULL },
		{ "ACCEPTS", OCKAM_A_HOP_SCOPE, PLAIN, NULL },
		{ "MESSAGES", OCKAM_A_HOP_MSGS, NUMBER, NULL },
		{ "ROUTE", OCKAM_A_HOP_ROUTE, PLAIN, NULL },
	},
	[OCKAM_NL_POLICY] = {
		{ "ID", OCKAM_A_POLICY_ID, NUMBER, NULL },
		{ "OF", 0, PLAIN, policy_place },
		{ "PROGRAM", OCKAM_A_POLICY_PROGRAM, NUMBER, NULL },
		{ "TAG", OCKAM_A_POLICY_TAG, PLAIN, NULL },
		{ "ASKED", OCKAM_A_POLICY_RUNS, NUMBER, NULL },
		{ "REFUSED", OCKAM_A_POLICY_DROPS, NUMBER, NULL },
	},
};

/**
 * struct list - objects of a kind on their way to the user
 * @json: the array, or NULL for a table
 * @kind: of the objects
 * @want: which of them, or NULL for all
 * @n_columns: of the table
 * @cells: of all rows, one after another, the titles first
 * @n_cells: their number
 * @err: -ENOMEM, or 0
 */
struct list {
	json_t			*json;
	enum ockam_nl_object	kind;
	bool			(*want)(const void *object);
	size_t			n_columns;
	char			**cells;
	size_t			n_cells;
	int			err;
};

/* Takes over @text, which may be NULL. */
static void add_cell(struct list *l, char *text)
{
	char **more;

	/* A power of two is full. */
	if (!(l->n_cells & (l->n_cells - 1))) {
		more = realloc(l->cells, (l->n_cells ? 2 * l->n_cells : 1) *
			       sizeof(*more));
		if (!more) {
			free(text);
			l->err = 1;
			return;
		}
		l->cells = more;
	}
	if (!text)
		l->err = 1;
	else
		l->cells[l->n_cells++] = text;
}

static char *value_text(enum ockam_nl_object kind, const struct column *c,
			const void *object)
{
	char text[OCKAM_TEXT_ROUTE_MAX] = "";
	uint64_t n = 0;
	const json_t *v;
	json_t *field;

	if (c->make) {
		c->make(object, text, sizeof(text));
		return strdup(text);
	}
	field = json_field_of(kind, object, c->attr);
	if (json_is_integer(field))
		n = json_integer_value(field);
	if (json_is_integer(field) && c->form == BYTES) {
		bytes_text(n, text, sizeof(text));
	} else if (json_is_integer(field) && c->form == AGE_MS) {
		age_text(n, text, sizeof(text));
	} else if (json_is_integer(field) && c->form == USER) {
		snprintf(text, sizeof(text), "%s", user_text(n));
	} else if (json_is_integer(field)) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(field));
	} else if (json_is_string(field)) {
		snprintf(text, sizeof(text), "%s", json_string_value(field));
	} else if (json_is_array(field)) {
		size_t i, len = 0;

		json_array_foreach(field, i, v)
			if (len < sizeof(text) && json_is_string(v))
				len += snprintf(text + len, sizeof(text) - len,
						"%s%s", i ? "," : "",
						json_string_value(v));
	}
	json_decref(field);
	return strdup(text);
}

static int list_one(const void *object, void *arg)
{
	struct list *l = arg;
	size_t i;

	if (l->want && !l->want(object))
		return 0;
	if (l->json)
		json_array_append_new(l->json, json_object_of(l->kind, object));
	for (i = 0; !l->json && i < l->n_columns; i++)
		add_cell(l, value_text(l->kind, &columns[l->kind][i], object));
	return 0;
}

static void begin_table(struct list *l)
{
	size_t i;

	for (i = 0; i < COLUMNS_MAX && columns[l->kind][i].title; i++)
		add_cell(l, strdup(columns[l->kind][i].title));
	l->n_columns = i;
}

static bool is_right(const struct list *l, size_t column)
{
	enum form form = columns[l->kind][column].form;

	return form == BYTES || form == AGE_MS || form == NUMBER;
}

/* Columns in which nothing is are left out. */
static void print_table(const struct list *l)
{
	size_t width[COLUMNS_MAX] = {};
	bool used[COLUMNS_MAX] = {};
	size_t i, column, len;
	const char *sep;

	for (i = 0; i < l->n_cells; i++) {
		column = i % l->n_columns;
		len = strlen(l->cells[i]);
		if (len > width[column])
			width[column] = len;
		if (i >= l->n_columns && len)
			used[column] = true;
	}
	for (i = 0; i < l->n_cells; i += l->n_columns) {
		sep = "";
		for (column = 0; column < l->n_columns; column++) {
			if (!used[column])
				continue;
			printf("%s%*s", sep, is_right(l, column) ?
			       (int)width[column] : -(int)width[column],
			       l->cells[i + column]);
			sep = "  ";
		}
		putchar('\n');
	}
}

/* Names without a worker, that their last user may have again at once. */
static int list_held(struct ctl *ctl, struct list *l)
{
	struct ockam_nl_worker held = {};

	ockam_nl_mark(&held, OCKAM_A_WORKER_HELD);
	return ockam_nl_dump(ctl->nl, OCKAM_NL_WORKER, &held, list_one, l);
}

int print_list(struct ctl *ctl, enum ockam_nl_object kind, const void *filter,
	       bool (*want)(const void *object))
{
	struct list l = { .kind = kind, .want = want };
	int err;

	err = ctl_open(ctl);
	if (err)
		return err;
	if (ctl->json)
		l.json = json_array();
	else
		begin_table(&l);
	if (ockam_nl_dump(ctl->nl, kind, filter, list_one, &l) ||
	    (kind == OCKAM_NL_WORKER && list_held(ctl, &l)))
		err = ctl_nl_fail(ctl, "list");
	else if (l.err)
		err = ctl_fail(ctl, "list: out of memory");
	else if (ctl->json)
		print_json(json_incref(l.json));
	else if (l.n_cells > l.n_columns)
		print_table(&l);
	json_decref(l.json);
	while (l.n_cells)
		free(l.cells[--l.n_cells]);
	free(l.cells);
	return err;
}
