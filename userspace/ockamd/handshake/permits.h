/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The permits of all channels that ockamd has made, also for the next process: in
 * a file, written before a channel is there.  A channel is known by the address of
 * its decryptor, which is random.
 */
#ifndef OCKAMD_PERMITS_H
#define OCKAMD_PERMITS_H

#include "handshake/permit.h"

struct source;

/* Before its channel is installed; 0, or a negative errno. */
int permits_note(const struct ockam_path *decryptor, const struct permit *p);
/* It was installed, for @src.  Its id may have been another decryptor's. */
void permits_installed(const struct ockam_path *decryptor, uint32_t id,
		       const struct source *src);
/* It ends for another reason; 0, or a negative errno: it is there. */
int permits_close(uint32_t id, const char *why);
/* It was not. */
void permits_forget(const struct ockam_path *decryptor);
/* The channel is gone. */
void permits_gone(uint32_t id);
/* Of a channel that is there, or NULL. */
const struct permit *permits_find(uint32_t id);
/*
 * The peer has shown that by @policy it is trusted for longer: true if that was new.
 * Never less: what it has shown before is still so.
 */
bool permits_extend(uint32_t id, struct policy *policy,
		    const struct ident_peer *peer);
/* Calls for each channel that is there. */
void permits_each(void (*fn)(uint32_t id, const struct permit *p, void *arg),
		  void *arg);

/*
 * Those of the process before, of channels that are still there; 0, or a negative
 * errno: then its file is as it was.
 */
int permits_load(void);
/* Something that permits depend on has changed. */
void permits_apply(const struct config *c);
/*
 * So has the listener of that address, or it is gone.  Any user can have that done:
 * the kernel is not asked about each channel.
 */
void permits_recheck_listener(const struct ockam_path *address);
/* Time, and what other processes do to the key store. */
void permits_tick(void);
/* Tells of each channel that is gone; 0, or a negative errno: of none. */
int permits_check(void);
void permits_end(void);

#endif /* OCKAMD_PERMITS_H */
