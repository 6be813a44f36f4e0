// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The text format of Prometheus: a metric's help and type, then its samples.  It
 * knows nothing of netlink or of the command line, so that it is tested without
 * a node.
 */
#include <inttypes.h>
#include <string.h>

#include "metrics.h"
#include "text.h"

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP ockam_%s %s\n# TYPE ockam_%s %s\n", name, help,
		name, type);
}

static void plain(FILE *f, const char *name, const char *type,
		  const char *help, uint64_t value)
{
	head(f, name, type, help);
	fprintf(f, "ockam_%s %" PRIu64 "\n", name, value);
}

/* A label's value: a backslash, a quote and a newline have to be escaped. */
static void label(FILE *f, const char *sep, const char *name,
		  const char *value)
{
	fprintf(f, "%s%s=\"", sep, name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			putc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			putc(*value, f);
	}
	putc('"', f);
}

static void route_label(FILE *f, const char *sep, const char *name,
			const uint8_t *data, size_t len)
{
	char text[OCKAM_TEXT_ROUTE_MAX];

	if (ockam_text_print_route(data, len, text, sizeof(text)) < 0)
		text[0] = 0;
	label(f, sep, name, text);
}

/* ---- the node ---- */

static void print_node(FILE *f, const struct ockam_nl_node *n)
{
	unsigned int i;

	plain(f, "links", "gauge", "Links of the node.", n->links);
	plain(f, "channels", "gauge", "Channels of the node.", n->channels);
	plain(f, "hops", "gauge", "Hops and relays of the node.", n->hops);
	plain(f, "links_limit", "gauge", "Links that it may have.",
	      n->max_links);
	plain(f, "channels_limit", "gauge", "Channels that it may have.",
	      n->max_channels);
	plain(f, "hops_limit", "gauge", "Hops and relays that it may have.",
	      n->max_hops);
	plain(f, "memory_limit_bytes", "gauge",
	      "What links, and what queues may hold of remote input.",
	      n->mem_limit);
	head(f, "memory_bytes", "gauge",
	     "What is held of remote input, and where.");
	fprintf(f, "ockam_memory_bytes{in=\"links\"} %" PRIu64 "\n"
		"ockam_memory_bytes{in=\"queues\"} %" PRIu64 "\n",
		n->mem_links, n->mem_queues);
	if (!ockam_nl_has(n, OCKAM_A_NODE_STATS))
		return;
	head(f, "events_total", "counter",
	     "What the node counts, by the names of ockam.yaml.");
	for (i = 0; i < __OCKAM_STAT_MAX; i++) {
		fputs("ockam_events_total{", f);
		label(f, "", "event", ockam_nl_stat_name(i));
		fprintf(f, "} %" PRIu64 "\n", n->stats[i]);
	}
	head(f, "drops_total", "counter",
	     "Messages refused or lost, by reason.");
	for (i = 0; i < __OCKAM_DROP_MAX; i++) {
		fputs("ockam_drops_total{", f);
		label(f, "", "reason", ockam_nl_drop_name(i));
		fprintf(f, "} %" PRIu64 "\n", n->drops[i]);
	}
}

/* ---- links and channels ---- */

static void link_sample(FILE *f, const char *name,
			const struct ockam_nl_link *l, double value)
{
	const char *kind = ockam_nl_value_name(OCKAM_NL_LINK,
					       OCKAM_A_LINK_KIND, l->kind);
	const char *mode = ockam_nl_value_name(OCKAM_NL_LINK,
					       OCKAM_A_LINK_MODE, l->mode);

	fprintf(f, "ockam_%s{", name);
	route_label(f, "", "link", l->name.data, l->name.len);
	label(f, ",", "kind", kind ? kind : "");
	label(f, ",", "mode", mode ? mode : "");
	fprintf(f, "} %.17g\n", value);
}

static void channel_sample(FILE *f, const char *name,
			   const struct ockam_nl_channel *ch, double value)
{
	const char *role = ockam_nl_value_name(OCKAM_NL_CHANNEL,
					       OCKAM_A_CHANNEL_ROLE, ch->role);
	char id[OCKAM_TEXT_IDENTIFIER];

	ockam_text_print_identifier(ch->identifier, id);
	fprintf(f, "ockam_%s{", name);
	route_label(f, "", "channel", ch->encryptor.data, ch->encryptor.len);
	label(f, ",", "peer", id);
	label(f, ",", "role", role ? role : "");
	fprintf(f, "} %.17g\n", value);
}

static double link_up(const void *o)
{
	const struct ockam_nl_link *l = o;

	return l->state == OCKAM_LINK_STATE_UP ||
	       l->state == OCKAM_LINK_STATE_LISTENING;
}

static double link_silent(const void *o)
{
	return ((const struct ockam_nl_link *)o)->silent_ms / 1e3;
}

static double channel_up(const void *o)
{
	const struct ockam_nl_channel *ch = o;

	return ch->state == OCKAM_CHANNEL_STATE_UP;
}

#define FIELD_OF(kind, field)						\
	static double kind##_##field(const void *o)			\
	{								\
		return ((const struct ockam_nl_##kind *)o)->field;	\
	}
FIELD_OF(link, rx_msgs)
FIELD_OF(link, rx_bytes)
FIELD_OF(link, tx_msgs)
FIELD_OF(link, tx_bytes)
FIELD_OF(link, txq_bytes)
FIELD_OF(link, parked_bytes)
FIELD_OF(link, connects)
FIELD_OF(channel, rx_msgs)
FIELD_OF(channel, rx_bytes)
FIELD_OF(channel, tx_msgs)
FIELD_OF(channel, tx_bytes)
FIELD_OF(channel, auth_failed)
FIELD_OF(channel, replayed)

/**
 * struct family - a metric of each object
 * @name: without "ockam_"
 * @type: counter or gauge
 * @help: one sentence
 * @attr: only objects that have this attribute
 * @value: of an object
 */
struct family {
	const char	*name;
	const char	*type;
	const char	*help;
	int		attr;
	double		(*value)(const void *object);
};

static const struct family links[] = {
	{ "link_up", "gauge", "1 if it is up, or listens.",
	  OCKAM_A_LINK_STATE, link_up },
	{ "link_silent_seconds", "gauge", "Since its last message came.",
	  OCKAM_A_LINK_SILENT_MS, link_silent },
	{ "link_received_messages_total", "counter", "Messages that it brought.",
	  OCKAM_A_LINK_RX_MSGS, link_rx_msgs },
	{ "link_received_bytes_total", "counter", "Bytes that it brought.",
	  OCKAM_A_LINK_RX_BYTES, link_rx_bytes },
	{ "link_sent_messages_total", "counter", "Messages that left by it.",
	  OCKAM_A_LINK_TX_MSGS, link_tx_msgs },
	{ "link_sent_bytes_total", "counter", "Bytes that left by it.",
	  OCKAM_A_LINK_TX_BYTES, link_tx_bytes },
	{ "link_queued_bytes", "gauge", "What waits to leave by it.",
	  OCKAM_A_LINK_TXQ_BYTES, link_txq_bytes },
	{ "link_parked_bytes", "gauge", "What waits for workers that are full.",
	  OCKAM_A_LINK_PARKED_BYTES, link_parked_bytes },
	{ "link_connects_total", "counter", "How often it came up.",
	  OCKAM_A_LINK_CONNECTS, link_connects },
};

static const struct family channels[] = {
	{ "channel_up", "gauge", "1 if messages can pass.",
	  OCKAM_A_CHANNEL_STATE, channel_up },
	{ "channel_received_messages_total", "counter",
	  "Messages that verified.", OCKAM_A_CHANNEL_RX_MSGS,
	  channel_rx_msgs },
	{ "channel_received_bytes_total", "counter",
	  "Bytes of messages that verified.", OCKAM_A_CHANNEL_RX_BYTES,
	  channel_rx_bytes },
	{ "channel_sent_messages_total", "counter", "Messages encrypted.",
	  OCKAM_A_CHANNEL_TX_MSGS, channel_tx_msgs },
	{ "channel_sent_bytes_total", "counter", "Bytes encrypted.",
	  OCKAM_A_CHANNEL_TX_BYTES, channel_tx_bytes },
	{ "channel_forged_messages_total", "counter",
	  "Messages that did not verify.", OCKAM_A_CHANNEL_AUTH_FAILED,
	  channel_auth_failed },
	{ "channel_replayed_messages_total", "counter",
	  "Messages that came a second time.", OCKAM_A_CHANNEL_REPLAYED,
	  channel_replayed },
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* A metric whose samples are in several places would be read as several. */
static void print_links(FILE *f, const struct metrics *m)
{
	const struct family *fam;
	size_t i;

	for (fam = links; m->n_links && fam < links + N(links); fam++) {
		head(f, fam->name, fam->type, fam->help);
		for (i = 0; i < m->n_links; i++)
			if (ockam_nl_has(&m->link[i], fam->attr))
				link_sample(f, fam->name, &m->link[i],
					    fam->value(&m->link[i]));
	}
}

static void print_channels(FILE *f, const struct metrics *m)
{
	const struct family *fam;
	size_t i;

	for (fam = channels; m->n_channels && fam < channels + N(channels);
	     fam++) {
		head(f, fam->name, fam->type, fam->help);
		for (i = 0; i < m->n_channels; i++)
			if (ockam_nl_has(&m->channel[i], fam->attr))
				channel_sample(f, fam->name, &m->channel[i],
					       fam->value(&m->channel[i]));
	}
}

void metrics_print(FILE *f, const struct metrics *m)
{
	print_node(f, &m->node);
	print_links(f, m);
	print_channels(f, m);
}
