// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamctl doctor: the node's links, channels and drops. */
#include <arpa/inet.h>
#include <string.h>

#include "doctor.h"
#include "ockamctl.h"

/* So that a node with thousands of them does not drown the rest. */
#define EACH_MAX	10

/**
 * struct census - objects of a kind
 * @d: the examination
 * @good: those that are as they should be
 * @bad: the others
 */
struct census {
	struct doctor	*d;
	unsigned int	good;
	unsigned int	bad;
};

static const char *text_of(const struct ockam_nl_address *a)
{
	static char text[OCKAM_TEXT_ROUTE_MAX];

	if (ockam_text_print_route(a->data, a->len, text, sizeof(text)) < 0)
		return "?";
	return text;
}

/* ---- links ---- */

static const char *link_advice(uint32_t reason)
{
	switch (reason) {
	case OCKAM_LINK_REASON_REFUSED:
		return "nobody listens there: is the other node's link up, and the port right?";
	case OCKAM_LINK_REASON_UNREACHABLE:
		return "no way there: ip route get ADDRESS, and the firewalls";
	case OCKAM_LINK_REASON_TIMEOUT:
		return "no answer: is the address right, and does a firewall drop it?";
	case OCKAM_LINK_REASON_VERSION:
	case OCKAM_LINK_REASON_VERSION_TIMEOUT:
	case OCKAM_LINK_REASON_BAD_FRAME:
		return "something else than an Ockam node answers there";
	case OCKAM_LINK_REASON_LIMIT:
		return "the other end has as many links as it may: max-accepted there";
	case OCKAM_LINK_REASON_PEER_CLOSED:
	case OCKAM_LINK_REASON_RESET:
		return "the other end has closed it: its log, or ockamctl status there, says why";
	default:
		return "ockamctl link show says more";
	}
}

static int check_link(const void *object, void *arg)
{
	const struct ockam_nl_link *l = object;
	struct census *c = arg;
	const char *reason;

	if (l->state == OCKAM_LINK_STATE_UP ||
	    l->state == OCKAM_LINK_STATE_LISTENING) {
		c->good++;
		return 0;
	}
	if (++c->bad > EACH_MAX)
		return 0;
	reason = ockam_nl_value_name(OCKAM_NL_LINK, OCKAM_A_LINK_REASON,
				     l->reason);
	doctor_report(c->d, "link", BAD, "%s is not up, %s: %s",
		      text_of(&l->name), reason && l->reason ? reason :
		      "still connecting", l->reason ? link_advice(l->reason) :
		      "wait for it with ockamctl wait");
	return 0;
}

/* ---- channels ---- */

static int check_channel(const void *object, void *arg)
{
	const struct ockam_nl_channel *ch = object;
	struct census *c = arg;
	const char *state;

	if (ch->auth_failed && ++c->bad <= EACH_MAX)
		doctor_report(c->d, "channel", NOTE,
			      "%s had %llu messages that did not verify: somebody on the way changes or forges them",
			      text_of(&ch->encryptor),
			      (unsigned long long)ch->auth_failed);
	if (ch->state == OCKAM_CHANNEL_STATE_UP) {
		c->good++;
		return 0;
	}
	if (++c->bad > EACH_MAX)
		return 0;
	state = ockam_nl_value_name(OCKAM_NL_CHANNEL, OCKAM_A_CHANNEL_STATE,
				    ch->state);
	doctor_report(c->d, "channel", BAD,
		      "%s is %s: a new one is needed; ockamd makes it for a channel of its configuration, for others ockamctl secure-channel create",
		      text_of(&ch->encryptor), state ? state : "?");
	return 0;
}

static void check_all(struct doctor *d, const char *what,
		      enum ockam_nl_object kind,
		      int (*check)(const void *object, void *arg))
{
	struct census c = { .d = d };

	if (ockam_nl_dump(d->ctl->nl, kind, NULL, check, &c)) {
		doctor_report(d, what, NOTE, "not seen: %s",
			      ockam_nl_error(d->ctl->nl));
		return;
	}
	if (c.bad > EACH_MAX)
		doctor_report(d, what, BAD, "and %u more: ockamctl %s list",
			      c.bad - EACH_MAX, what);
	else if (!c.bad)
		doctor_report(d, what, GOOD, "%u, all of them up", c.good);
}

/* ---- what was lost ---- */

static const struct {
	unsigned int	drop;
	const char	*advice;
} drops[] = {
	{ OCKAM_DROP_FORWARD_LINK_LINK,
	  "this node may not pass messages from link to link: ockamctl node set forward link-link, if it is a relay" },
	{ OCKAM_DROP_FORWARD_CHANNEL_LINK,
	  "this node may not pass messages from channels to links: ockamctl node set forward channel-link" },
	{ OCKAM_DROP_FORWARD_LINK_CHANNEL,
	  "this node may not pass messages from links into channels: ockamctl node set forward link-channel" },
	{ OCKAM_DROP_FORWARD_CHANNEL_CHANNEL,
	  "this node may not pass messages from channel to channel: ockamctl node set forward channel-channel" },
	{ OCKAM_DROP_NO_WORKER,
	  "for addresses that nobody has here: ockamctl monitor drop shows them" },
	{ OCKAM_DROP_NO_LINK,
	  "to transports that no link serves: ockamctl link add connect" },
	{ OCKAM_DROP_SCOPE_WORKER,
	  "from afar, for workers that listen to this node only: OCKAM_ACCEPT there, or ockamctl recv's accept" },
	{ OCKAM_DROP_SCOPE_HOP,
	  "from afar, for hops that do not pass them on: ockamctl hop set ADDRESS scope links,channels" },
	{ OCKAM_DROP_SCOPE_FORWARDED,
	  "whose return route a program wrote: they are refused unless a worker accepts forwarded ones" },
	{ OCKAM_DROP_SCOPE_ENCRYPTOR,
	  "of users whom a channel does not belong to: ockamctl channel set ENCRYPTOR mode 0666, or shared" },
	{ OCKAM_DROP_SCOPE_LINK,
	  "of users who may not send through a link: send-uids and send-gids of ockamctl link show" },
	{ OCKAM_DROP_POLICY,
	  "refused by policy programs: ockamctl policy list" },
	{ OCKAM_DROP_STALLED,
	  "for workers that did not read for long: they are stuck, or too slow" },
	{ OCKAM_DROP_MEM_LIMIT,
	  "for want of memory under the limit: mem-limit of ockamctl node" },
	{ OCKAM_DROP_AUTH_FAILED,
	  "ciphertexts that did not verify: ockamctl channel list shows of which channel" },
	{ OCKAM_DROP_HANDSHAKE_FULL,
	  "first messages of handshakes for which ockamd had no time: somebody floods it, or it hangs" },
};

static void check_drops(struct doctor *d, const struct ockam_nl_node *node)
{
	bool any = false;
	size_t i;

	if (!ockam_nl_has(node, OCKAM_A_NODE_STATS))
		return;
	for (i = 0; i < ARRAY_SIZE(drops); i++) {
		if (!node->drops[drops[i].drop])
			continue;
		any = true;
		doctor_report(d, "drops", NOTE, "%llu messages (%s) %s",
			      (unsigned long long)node->drops[drops[i].drop],
			      ockam_nl_drop_name(drops[i].drop),
			      drops[i].advice);
	}
	if (!any)
		doctor_report(d, "drops", GOOD, "none that need a look");
}

static void check_limits(struct doctor *d, const struct ockam_nl_node *n)
{
	const struct {
		const char *name;
		uint32_t used, max;
	} limit[] = {
		{ "links", n->links, n->max_links },
		{ "channels", n->channels, n->max_channels },
		{ "hops", n->hops, n->max_hops },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limit); i++)
		if (limit[i].used >= limit[i].max - limit[i].max / 10)
			doctor_report(d, "limits", NOTE,
				      "%u of %u %s: ockamctl node set max-%s",
				      limit[i].used, limit[i].max,
				      limit[i].name, limit[i].name);
}

static void check_forward(struct doctor *d, const struct ockam_nl_node *n)
{
	const char *names[8];
	char text[160] = "";
	size_t used = 0;
	int i;

	for (i = 0; i < 4; i++) {
		names[i] = ockam_nl_value_name(OCKAM_NL_NODE,
					       OCKAM_A_NODE_FORWARD, i);
		if (n->forward >> i & 1 && names[i] && used < sizeof(text))
			used += snprintf(text + used, sizeof(text) - used,
					 "%s%s", used ? ", " : "", names[i]);
	}
	doctor_report(d, "forward", GOOD, "%s", used ? text :
		      "nothing is forwarded for others (right for a node that is no relay)");
}

void doctor_node(struct doctor *d)
{
	struct ockam_nl_node node;

	if (ockam_nl_node_get(d->ctl->nl, &node))
		return;
	check_limits(d, &node);
	check_forward(d, &node);
	check_all(d, "link", OCKAM_NL_LINK, check_link);
	check_all(d, "channel", OCKAM_NL_CHANNEL, check_channel);
	check_drops(d, &node);
}
