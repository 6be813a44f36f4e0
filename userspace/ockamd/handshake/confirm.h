/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * After Noise XX nothing tells the initiator that M3 has arrived and was taken.  So the
 * responder says so by a first message in the channel, which the initiator answers;
 * and where datagrams carry the channel M3 and that message come again until something
 * has.  Nodes that do not know the worker they are for drop them.
 */
#ifndef OCKAMD_CONFIRM_H
#define OCKAMD_CONFIRM_H

#include <stddef.h>
#include <stdint.h>

struct ockam_nl_channel;
struct ockam_path;

int confirm_init(void);
void confirm_end(void);
/* The responder has installed the channel. */
void confirm_channel(uint32_t channel, const struct ockam_path *encryptor,
		     const struct ockam_path *route);
/* The initiator has, and sent M3 along @route. */
void confirm_m3(uint32_t channel, const struct ockam_path *own,
		const struct ockam_path *route, const uint8_t *m3, size_t len);
/* The channel is gone. */
void confirm_done(uint32_t channel);
/* The first message may have come. */
void confirm_event(const struct ockam_nl_channel *ch);
void confirm_tick(void);

#endif /* OCKAMD_CONFIRM_H */
