// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Peers by the names that the configuration gives them. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "core/base.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/who.h"

const char *who_name(const uint8_t id[IDENT_ID_LEN])
{
	const struct config *c = the.config;
	size_t i;

	for (i = 0; c && i < c->n_peer; i++)
		if (!memcmp(c->peer[i].id, id, IDENT_ID_LEN))
			return c->peer[i].name;
	return NULL;
}

const char *who_text(const uint8_t id[IDENT_ID_LEN])
{
	static char text[4][OCKAM_ADDR_MAX + IDENT_ID_TEXT_LEN + 4];
	static unsigned int turn;
	const char *name = who_name(id);
	char *t;

	if (!name)
		return id_text(id);
	t = text[turn++ % ARRAY_SIZE(text)];
	snprintf(t, sizeof(text[0]), "%s (%s)", name, id_text(id));
	return t;
}
