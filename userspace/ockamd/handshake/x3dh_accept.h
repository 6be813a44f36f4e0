/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* X3DH, the responder. */
#ifndef OCKAMD_X3DH_ACCEPT_H
#define OCKAMD_X3DH_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ockam/ockam.h>

struct listener;
struct source;

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
int x3dh_accept_check(void);
/* What begins with X3DH_NAME has come to a listener. */
void x3dh_at_listener(struct listener *l, const struct ockam_info *info,
		      const uint8_t *msg, size_t len);
void x3dh_accept_tick(void);
void x3dh_accept_gone(uint32_t channel);
/* It may be a channel's first message. */
void x3dh_accept_event(const struct ockam_nl_channel *ch);
void x3dh_accept_end(void);

#endif /* OCKAMD_X3DH_ACCEPT_H */
