// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Sources: whom to charge for what strangers make us hold and compute. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/base.h"
#include "core/daemon.h"
#include "core/source.h"
#include "nl.h"

#define LINKS		256	/* whose address is remembered */
#define NEST_MAX	8
#define TYPE_UDP	2
#define NETWORK_LEN	8	/* bytes of an IPv6 address that one has to himself */

/**
 * struct known - the source that a link is
 * @link: its id, 0: free
 * @src: the source
 *
 * Of a link's peer only the address counts, which does not change.
 */
static struct known {
	uint32_t link;
	struct source src;
} known[LINKS];

static bool is_mapped(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(ip, prefix, sizeof(prefix));
}

static void set_address(struct source *src, const void *ip, size_t len)
{
	src->kind = SOURCE_ADDRESS;
	src->id = 0;
	memset(src->ip, 0, sizeof(src->ip));
	if (len == 4) {
		memset(src->ip + 10, 0xff, 2);
		memcpy(src->ip + 12, ip, 4);
		return;
	}
	memcpy(src->ip, ip, sizeof(src->ip));
	if (!is_mapped(src->ip))
		memset(src->ip + NETWORK_LEN, 0,
		       sizeof(src->ip) - NETWORK_LEN);
}

static void look_up_link(uint32_t id, struct source *src)
{
	struct ockam_nl_link link = { .id = id };

	memset(src, 0, sizeof(*src));
	src->kind = SOURCE_LINK;
	src->id = id;
	ockam_nl_mark(&link, OCKAM_A_LINK_ID);
	if (ockam_nl_link_get(the.nl, &link) ||
	    (link.remote_ip.len != 4 && link.remote_ip.len != 16) ||
	    sodium_is_zero(link.remote_ip.data, link.remote_ip.len))
		return;
	set_address(src, link.remote_ip.data, link.remote_ip.len);
}

void source_of_link(uint32_t link, struct source *src)
{
	struct known *k = &known[link % LINKS];

	if (k->link != link) {
		look_up_link(link, &k->src);
		k->link = link;
	}
	*src = k->src;
	src->link = link;
}

/*
 * A link of many peers writes theirs behind its own name: "ip:port" or
 * "[ip]:port".
 */
static void of_peer(const struct ockam_path *ret, struct source *src)
{
	const uint8_t *hop = ret->hops + path_first(ret);
	char text[INET6_ADDRSTRLEN + 10];
	uint8_t ip[16];
	char *end;

	if (ret->nhops < 2 || hop[0] != TYPE_UDP || hop[1] >= sizeof(text))
		return;
	memcpy(text, hop + 2, hop[1]);
	text[hop[1]] = 0;
	end = strrchr(text, ':');
	if (!end)
		return;
	*end = 0;
	if (inet_pton(AF_INET, text, ip) == 1) {
		set_address(src, ip, 4);
		return;
	}
	end = strchr(text, ']');
	if (text[0] != '[' || !end)
		return;
	*end = 0;
	if (inet_pton(AF_INET6, text + 1, ip) == 1)
		set_address(src, ip, 16);
}

static bool get_channel(uint32_t id, struct ockam_nl_channel *ch)
{
	memset(ch, 0, sizeof(*ch));
	ch->id = id;
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ID);
	return !ockam_nl_channel_get(the.nl, ch);
}

/* From the outside that is where answers would go. */
static void of_route(const struct ockam_nl_channel *ch, struct source *src)
{
	static struct ockam_path path;
	size_t used;

	path.len = ch->route.len;
	memcpy(path.hops, ch->route.data, path.len);
	for (used = 0, path.nhops = 0; used < path.len; path.nhops++)
		used += 2U + path.hops[used + 1];
	of_peer(&path, src);
}

void source_of_channel(uint32_t channel, struct source *src)
{
	static struct ockam_nl_channel ch;
	uint32_t id = channel;
	int i;

	memset(src, 0, sizeof(*src));
	src->kind = SOURCE_CHANNEL;
	src->id = channel;
	for (i = 0; i < NEST_MAX && get_channel(id, &ch); i++) {
		if (ch.carrier_kind == OCKAM_ORIGIN_LINK) {
			source_of_link(ch.carrier, src);
			if (src->kind == SOURCE_LINK)
				of_route(&ch, src);
			break;
		}
		if (ch.carrier_kind != OCKAM_ORIGIN_CHANNEL)
			break;
		id = ch.carrier;
	}
	src->channel = channel;
}

void source_of_user(uid_t uid, struct source *src)
{
	*src = (struct source){ .kind = SOURCE_USER, .id = uid };
}

/* Its program put its own address in front, unless it hides. */
static void of_passer(const struct ockam_path *ret, struct source *src)
{
	struct ockam_nl_worker w = { 0 };
	size_t n = path_first(ret);

	*src = (struct source){ .kind = SOURCE_PASSED_ON };
	if (!n || ret->hops[0] != OCKAM_TYPE_LOCAL)
		return;
	ockam_nl_mark(&w, OCKAM_A_WORKER_ADDRESS);
	w.address.len = n;
	memcpy(w.address.data, ret->hops, n);
	if (!ockam_nl_worker_get(the.nl, &w))
		source_of_user(w.uid, src);
}

void source_of(const struct ockam_info *info, struct source *src)
{
	const struct ockam_sender *p = &info->peer;

	if (p->flags & OCKAM_PEER_PASSED_ON) {
		of_passer(&info->ret, src);
		return;
	}
	if (p->origin == OCKAM_ORIGIN_LOCAL) {
		source_of_user(p->uid, src);
		return;
	}
	if (p->link)
		source_of_link(p->link, src);
	if (p->link && src->kind == SOURCE_LINK &&
	    p->origin == OCKAM_ORIGIN_LINK)
		of_peer(&info->ret, src);
	if (p->origin == OCKAM_ORIGIN_LINK || !p->nchannels)
		return;
	/* Of many peers of a link the outermost channel knows which one it is. */
	if (!p->link || src->kind == SOURCE_LINK)
		source_of_channel(info->channels[p->nchannels - 1].channel,
				  src);
	src->channel = info->channels[0].channel;
}

bool source_same(const struct source *a, const struct source *b)
{
	return a->kind == b->kind && a->id == b->id &&
	       !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool source_same_way(const struct source *a, const struct source *b)
{
	return source_same(a, b) && a->link == b->link &&
	       a->channel == b->channel;
}

static const char *address_text(const struct source *src)
{
	static char text[INET6_ADDRSTRLEN + 4];

	if (is_mapped(src->ip)) {
		inet_ntop(AF_INET, src->ip + 12, text, sizeof(text));
	} else {
		inet_ntop(AF_INET6, src->ip, text, INET6_ADDRSTRLEN);
		strcat(text, "/64");
	}
	return text;
}

const char *source_text(const struct source *src)
{
	static const char *const kinds[] = {
		[SOURCE_USER] = "uid", [SOURCE_LINK] = "link",
		[SOURCE_CHANNEL] = "channel",
	};
	static char texts[4][128];
	static unsigned int turn;
	char *text = texts[turn++ % ARRAY_SIZE(texts)];
	char outer[64] = "";

	if (src->channel && src->kind != SOURCE_CHANNEL)
		snprintf(outer, sizeof(outer), "channel %u over ",
			 src->channel);
	switch (src->kind) {
	case SOURCE_SELF:
		return "ockamd";
	case SOURCE_PASSED_ON:
		return "a program that passes on";
	case SOURCE_ADDRESS:
		snprintf(text, sizeof(texts[0]), "%slink %u at %s", outer,
			 src->link, address_text(src));
		return text;
	default:
		snprintf(text, sizeof(texts[0]), "%s%s %u", outer,
			 kinds[src->kind], src->id);
		return text;
	}
}
