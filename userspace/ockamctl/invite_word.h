/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The word of an invitation. */
#ifndef OCKAMCTL_INVITE_WORD_H
#define OCKAMCTL_INVITE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_TEXT_MAX	255	/* bytes of a name in it */
#define WORD_MAX	1600	/* bytes of it as text, with its end */
#define WORD_ID_LEN	32
#define WORD_SEED_LEN	32

/**
 * struct invite_word - what it says
 * @udp: the link is one over UDP
 * @from: the authority's validity begins
 * @until: and ends, seconds since the epoch
 * @seed: the authority's secret key
 * @inviter: identifier of who invites
 * @name: of the invitation
 * @listener: address of the listener
 * @endpoint: HOST:PORT
 */
struct invite_word {
	bool udp;
	uint64_t from;
	uint64_t until;
	uint8_t seed[WORD_SEED_LEN];
	uint8_t inviter[WORD_ID_LEN];
	char name[WORD_TEXT_MAX + 1];
	char listener[WORD_TEXT_MAX + 1];
	char endpoint[WORD_TEXT_MAX + 1];
};

void invite_word_write(const struct invite_word *w, char text[WORD_MAX]);
/* NULL, or what is wrong with it. */
const char *invite_word_read(const char *text, struct invite_word *w);

#endif /* OCKAMCTL_INVITE_WORD_H */
