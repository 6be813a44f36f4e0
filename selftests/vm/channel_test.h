/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * For the long tests of channels: requests with random keys, and two links of
 * this node with itself.
 *
 * To be included behind link_test.h.
 */
#ifndef CHANNEL_TEST_H
#define CHANNEL_TEST_H

#include <sys/random.h>

/* Flat form of "a>b>c", local addresses all. */
OT uint16_t ct_flat(uint8_t *to, const char *route)
{
	struct ot_route r = {};
	char name[256];

	while (*route) {
		size_t n = strcspn(route, ">");

		memcpy(name, route, n);
		name[n] = 0;
		ot_local(&r, name);
		route += n + (route[n] == '>');
	}
	memcpy(to, r.data, r.len);
	return r.len;
}

OT struct sockaddr_ockam ct_sa(const char *route)
{
	struct sockaddr_ockam sa = { .sok_family = AF_OCKAM, .sok_nhops = 1 };

	for (ct_flat(sa.sok_hops, route); *route; route++)
		sa.sok_nhops += *route == '>';
	return sa;
}

/* Both keys of a channel, the initiator's first. */
struct ct_keys {
	uint8_t	key[2][OCKAM_NL_KEY_LEN];
};

OT void ct_keys(struct ct_keys *k)
{
	if (getrandom(k, sizeof(*k), 0) != sizeof(*k))
		abort();
}

/* @dec: NULL with a socket @handshake. */
OT int ct_new(struct ockam_nl *nl, const struct ct_keys *k, bool initiator,
	      const char *enc, const char *dec, int handshake,
	      const char *route)
{
	struct ockam_nl_channel ch = {
		.role = initiator ? OCKAM_ROLE_INITIATOR :
				    OCKAM_ROLE_RESPONDER,
	};

	memcpy(ch.tx_key, k->key[!initiator], sizeof(ch.tx_key));
	memcpy(ch.rx_key, k->key[initiator], sizeof(ch.rx_key));
	memset(ch.identifier, initiator ? 0x22 : 0x11,
	       sizeof(ch.identifier));
	ch.encryptor.len = ct_flat(ch.encryptor.data, enc);
	ch.route.len = ct_flat(ch.route.data, route);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_TX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_RX_KEY);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROLE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ROUTE);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_IDENTIFIER);
	if (dec) {
		ch.decryptor.len = ct_flat(ch.decryptor.data, dec);
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_DECRYPTOR);
	} else {
		ch.handshake_fd = handshake;
		ockam_nl_mark(&ch, OCKAM_A_CHANNEL_HANDSHAKE_FD);
	}
	return ockam_nl_channel_new(nl, &ch);
}

OT int ct_get(struct ockam_nl *nl, const char *enc,
	      struct ockam_nl_channel *ch)
{
	memset(ch, 0, sizeof(*ch));
	ch->encryptor.len = ct_flat(ch->encryptor.data, enc);
	ockam_nl_mark(ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	return ockam_nl_channel_get(nl, ch);
}

/* Without a word to the peer. */
OT int ct_del(struct ockam_nl *nl, const char *enc)
{
	struct ockam_nl_channel ch = {};

	ch.encryptor.len = ct_flat(ch.encryptor.data, enc);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_ENCRYPTOR);
	ockam_nl_mark(&ch, OCKAM_A_CHANNEL_QUIET);
	return ockam_nl_channel_del(nl, &ch);
}

/* A link @name of the node with itself; @back is the other end's name. */
OT int ct_loop(const struct lt_node *node, const char *name, char back[64])
{
	struct sockaddr_storage at = lt_addr("127.0.0.1", 0);
	struct lt_children c;
	int door, link;

	door = lt_listen(node, &at, lt_conf());
	if (door < 0)
		return door;
	link = lt_connect(node, &at, lt_conf(.name = name));
	if (link < 0)
		return link;
	if (!lt_is_up(node, link) ||
	    !OT_WAIT(lt_children(node, door, &c) == 1) ||
	    !lt_is_up(node, c.id[0]))
		return -ETIMEDOUT;
	return lt_name(node, c.id[0], back);
}

#endif /* CHANNEL_TEST_H */
