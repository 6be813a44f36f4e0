// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The end of every handshake. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "core/asker.h"
#include "core/base.h"
#include "core/daemon.h"
#include "handshake/install.h"
#include "handshake/invited.h"
#include "handshake/keys.h"
#include "handshake/permit.h"
#include "handshake/permits.h"
#include "handshake/room.h"
#include "handshake/way.h"
#include "ident_err.h"
#include "nl.h"

/* The next request, perhaps to undo this one, empties netlink's text. */
static char words[256];

static void set_route(struct ockam_nl_route *to, const struct ockam_path *from)
{
	to->len = from->len;
	memcpy(to->data, from->hops, from->len);
}

static void set_key(uint8_t *to, const uint8_t *from, size_t len)
{
	if (from)
		memcpy(to, from, len);
	else
		randombytes_buf(to, len);
}

static void fill(struct ockam_nl_channel *ch, const struct install *in)
{
	static const int attrs[] = {
		OCKAM_A_CHANNEL_ROLE, OCKAM_A_CHANNEL_SUITE,
		OCKAM_A_CHANNEL_HANDSHAKE_FD, OCKAM_A_CHANNEL_ROUTE,
		OCKAM_A_CHANNEL_TX_KEY, OCKAM_A_CHANNEL_RX_KEY,
		OCKAM_A_CHANNEL_IDENTIFIER, OCKAM_A_CHANNEL_OWNER,
		OCKAM_A_CHANNEL_MODE,
	};
	size_t i;

	memset(ch, 0, sizeof(*ch));
	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		ockam_nl_mark(ch, attrs[i]);
	ch->role = in->role;
	ch->suite = OCKAM_SUITE_AES256GCM;
	ch->handshake_fd = in->fd;
	set_route(&ch->route, in->route);
	set_key(ch->tx_key, in->tx, sizeof(ch->tx_key));
	set_key(ch->rx_key, in->rx, sizeof(ch->rx_key));
	memcpy(ch->identifier, in->permit->peer, sizeof(ch->identifier));
	ch->owner = in->permit->owner;
	ch->mode = in->shared ? 0666 : 0600;
	if (in->succeeds)
		ockam_nl_mark(ch, OCKAM_A_CHANNEL_SUCCEEDS);
	ch->succeeds = in->succeeds;
	if (in->early_of)
		ockam_nl_mark(ch, OCKAM_A_CHANNEL_EARLY_OF);
	ch->early_of = in->early_of;
}

static int make(const struct install *in, struct installed *out,
		const char **why)
{
	struct ockam_nl_channel *ch = &scratch->channel;
	int err;

	fill(ch, in);
	err = ockam_nl_channel_new(the.nl, ch);
	if (err) {
		snprintf(words, sizeof(words), "%s", ockam_nl_error(the.nl));
		*why = words;
	}
	out->id = ch->id;
	out->old = ch->succeeds;
	out->encryptor.nhops = 1;
	out->encryptor.len = ch->encryptor.len;
	memcpy(out->encryptor.hops, ch->encryptor.data, ch->encryptor.len);
	sodium_memzero(ch, sizeof(*ch));
	return err;
}

/* Who gives way is told, as it is when it is not permitted any more. */
static int make_room(const struct install *in,
		     int (*room)(const struct source *src, const uint8_t *peer,
				 uint32_t *victim), const char **why)
{
	uint32_t victim;

	if (in->permit->by != PERMIT_LISTENER)
		return 0;
	*why = "there are as many channels of peers as there may be";
	if (room(in->source, in->permit->peer, &victim))
		return -ENOSPC;
	if (!victim)
		return 0;
	*why = "the channel that would make room for it cannot be ended";
	return permits_close(victim, "it makes room for another peer's");
}

static int make_somehow(const struct install *in, struct installed *out,
			const char **why)
{
	int err = make(in, out, why);

	/* Others than we make channels, too. */
	if (err != -ENOSPC || in->permit->by != PERMIT_LISTENER)
		return err;
	err = make_room(in, room_none, why);
	return err ? err : make(in, out, why);
}

int install(const struct install *in, struct installed *out, const char **why)
{
	const struct permit *p = in->permit;
	const struct asker owner = { .uid = p->owner, .gid = p->gid };
	int err = 0;

	*why = permit_refusal(p, the.config) ? : invited_refusal(p);
	if (*why)
		return -EACCES;
	/* It may have waited since the peer was checked. */
	if (permit_is_outdated(p)) {
		*why = "the peer has another key since";
		return -EKEYREJECTED;
	}
	/* A responder answers where the handshake really came from. */
	if (!in->inner && (in->local || in->role == OCKAM_ROLE_INITIATOR))
		err = way_back(in->route, in->local, &owner, why);
	if (err)
		return err;
	/* It goes with the other one, and is of no use without us. */
	if (in->early_of)
		return make(in, out, why);
	err = make_room(in, room_for, why);
	if (err)
		return err;
	*why = invited_use(p);
	if (*why)
		return -EACCES;
	/* So that whoever comes after us knows it, too. */
	*why = "what permits it cannot be written down";
	err = permits_note(in->decryptor, p);
	if (err)
		return err;
	err = make_somehow(in, out, why);
	if (err)
		permits_forget(in->decryptor);
	else
		permits_installed(in->decryptor, out->id, in->source);
	return err;
}

int handshake_errno(int err)
{
	switch (err) {
	case IDENT_E_NOMEM:
		return ENOMEM;
	case IDENT_E_STORE:
	case IDENT_E_STORE_FULL:
	case IDENT_E_STORE_DAMAGED:
		return EIO;
	case IDENT_E_UNTRUSTED:
		return EACCES;
	case IDENT_E_EXPIRED:
		return EKEYEXPIRED;
	case IDENT_E_NO_ONE_TIME:
		return ENOKEY;
	default:
		return EKEYREJECTED;
	}
}
