/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Channels that a killed process leaves behind. */
#ifndef OCKAMD_X3DH_LEFT_H
#define OCKAMD_X3DH_LEFT_H

#include <ockam/ockam.h>

/* The next process deletes the channel with this decryptor, until it is forgotten. */
void left_note(const struct ockam_path *decryptor);
/* Nothing if it was not noted. */
void left_forget(const struct ockam_path *decryptor);

/*
 * Deletes channels that were of no use without the process before; 0, or a
 * negative errno: the next one has to do it.
 */
int left_begin(void);
void left_end(void);

#endif /* OCKAMD_X3DH_LEFT_H */
