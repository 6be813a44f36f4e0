/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the sides of X3DH and its mailboxes share.  Documentation/x3dh.rst has formats
 * and the order of steps.
 */
#ifndef OCKAMD_X3DH_SOCKET_H
#define OCKAMD_X3DH_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ockam/ockam.h>

#include "postbox.h"

struct watch;

/* A message of the kernel's with room for what goes around it. */
#define X3DH_MESSAGE_MAX	(POSTBOX_MESSAGE_MAX + 1024)

/**
 * x3dh_socket() - a socket with a random address
 * @handshake: in handshake mode, so that a channel can take its address
 * @scope: enum ockam_accept_scope
 * @own: the address
 *
 * Return: the descriptor, or a negative errno.
 */
int x3dh_socket(bool handshake, unsigned int scope, struct ockam_path *own);
void x3dh_watch(struct watch *w, int fd, void (*fn)(struct watch *, uint32_t));
void x3dh_unwatch(struct watch *w);

/* A route as bytes; not more is looked at than that its parts fit. */
int x3dh_path(struct ockam_path *path, const uint8_t *route, size_t len);

/*
 * Puts what a hop leads to in its place, while the first address is one.  A hop
 * refuses messages whose return route a program wrote; who may write one may as
 * well go the hop's way himself.
 */
void x3dh_unfold(struct ockam_path *path);

/* Head of a request to a prekey service: its fields follow. */
void x3dh_ask(struct ocb_writer *w, uint64_t number, enum postbox_op op,
	      size_t fields);
/* The answer to it: 0 with its result and its fields in @l. */
int x3dh_reply(const uint8_t *buf, size_t len, uint64_t number,
	       struct ocb_reader *r, uint64_t *result, struct ocb_list *l);
/*
 * A request has a cookie behind its two parts if that was asked for; NULL: it has
 * none.
 */
const uint8_t *x3dh_cookie(const uint8_t *buf, size_t len);
/* Makes the request at @start of @w, the last thing there, one with it. */
void x3dh_add_cookie(struct ocb_writer *w, size_t start, const uint8_t *cookie);
/*
 * Is a request to be asked again with a cookie?  Then @w has that answer, or nothing:
 * it is not even as long as the answer.
 */
bool x3dh_wants_cookie(const struct ockam_info *info, const uint8_t *buf,
		       size_t len, struct ocb_writer *w);
/* Result of a send that is worth another try. */
static inline bool x3dh_busy(int err)
{
	return err == EAGAIN || err == EINTR || err == ENOBUFS;
}

#endif /* OCKAMD_X3DH_SOCKET_H */
