/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The end of every handshake, XX or X3DH, either side: a channel, or a reason. */
#ifndef OCKAMD_INSTALL_H
#define OCKAMD_INSTALL_H

#include "nl.h"
#include "handshake/permit.h"

/**
 * struct install - a channel to be installed
 * @permit: what permits it, or @early_of
 * @role: enum ockam_role
 * @fd: socket in handshake mode whose address it takes over
 * @decryptor: that address
 * @route: to the other end
 * @inner: @route leads to a worker of ours
 * @local: otherwise, it came from a program of this node
 * @tx: key to encrypt with
 * @rx: key to decrypt with; NULL: nothing ever is
 * @shared: whether others may send through it
 * @source: RESPONDER: who is charged for it
 * @succeeds: channel that it takes the place of, 0: none
 * @early_of: channel whose early data it brings, 0: none
 */
struct install {
	const struct permit *permit;
	enum ockam_role role;
	int fd;
	const struct ockam_path *decryptor;
	const struct ockam_path *route;
	bool inner;
	bool local;
	const uint8_t *tx;
	const uint8_t *rx;
	bool shared;
	const struct source *source;
	uint32_t succeeds;
	uint32_t early_of;
};

/**
 * struct installed - what came of it
 * @id: the channel
 * @old: what the one that it succeeds is called now
 * @encryptor: its address
 */
struct installed {
	uint32_t id;
	uint32_t old;
	struct ockam_path encryptor;
};

/**
 * install() - ask whether it is permitted, write that down, install it
 * @in: the channel
 * @out: the same with its id
 * @why: words, if not
 *
 * Return: 0, or a negative errno.
 */
int install(const struct install *in, struct installed *out, const char **why);

/* What a program that waits is told for an enum ident_err. */
int handshake_errno(int err);

#endif /* OCKAMD_INSTALL_H */
