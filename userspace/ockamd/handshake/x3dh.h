/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* X3DH in ockamd: Documentation/x3dh.rst has formats and the order of steps. */
#ifndef OCKAMD_X3DH_H
#define OCKAMD_X3DH_H

#include "ockamd.h"
#include "postbox.h"

/* A message of the kernel's with room for what goes around it. */
#define X3DH_MESSAGE_MAX	(POSTBOX_MESSAGE_MAX + 1024)

/* ---- x3dh_keys.c: prekeys of our identities ---- */

/**
 * struct own_prekeys - the prekeys of one identity
 * @entry: list
 * @name: the identity's
 * @pk: the prekeys; who changes them calls own_prekeys_save()
 */
struct own_prekeys {
	TAILQ_ENTRY(own_prekeys) entry;
	char *name;
	struct prekeys *pk;
};

/*
 * Loaded or made, renewed if it is time, and saved; NULL after the log says
 * why.  @self may be used until the next call of keys_find().
 */
struct own_prekeys *own_prekeys(const char *name, struct identity *self);
/* 0, or a negative errno; from then on nothing comes back. */
int own_prekeys_save(struct own_prekeys *o);
/* They are read anew from disk next time. */
void own_prekeys_forget(struct own_prekeys *o);
/* A new signed prekey before its time, at most one a day. */
void own_prekeys_renew(struct own_prekeys *o, struct identity *self);
void own_prekeys_end(void);

/* ---- x3dh_socket.c ---- */

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
/* Result of a send that is worth another try. */
static inline bool x3dh_busy(int err)
{
	return err == EAGAIN || err == EINTR || err == ENOBUFS;
}

/* ---- x3dh_left.c: channels that a killed process leaves behind ---- */

/* The next process deletes the channel with this decryptor, until it is forgotten. */
void left_note(const struct ockam_path *decryptor);
/* Nothing if it was not noted. */
void left_forget(const struct ockam_path *decryptor);

/* ---- x3dh_accept.c: the responder ---- */

/**
 * x3dh_take() - a first message, or another early one, has come
 * @l: listener that it is for
 * @reply: where the answer goes
 * @local: way_is_local() of that
 * @msg: the message
 * @len: its length
 * @src: who is charged for it; NULL: it came out of the listener's mailbox
 *
 * Return: 0 when it was delivered; EAGAIN or EIO when it may be tried again;
 * another errno when it was refused.  @why has words then.
 */
int x3dh_take(struct listener *l, const struct ockam_path *reply, bool local,
	      const uint8_t *msg, size_t len, const struct source *src,
	      const char **why);
/* There is nothing in the mailbox of a listener. */
void x3dh_accept_empty(const struct ockam_path *listener);

#endif /* OCKAMD_X3DH_H */
