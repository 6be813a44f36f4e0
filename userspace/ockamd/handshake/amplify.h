/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Who asks by datagrams may have written somebody else's address on them.  So what is
 * sent to an address that nothing has confirmed yet is not much more than what came
 * from there.
 */
#ifndef OCKAMD_AMPLIFY_H
#define OCKAMD_AMPLIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ockam/ockam.h>

#define AMPLIFY_COOKIE_LEN	16
/*
 * M1 over UDP is made as long as this, so that M2 may be three times that.  With its
 * routes it is still one datagram.
 */
#define AMPLIFY_M1_LEN		352

struct source;

/* Did it come by datagrams, over a link that takes those of anybody? */
bool amplify_is_open(const struct ockam_info *info);
/*
 * May so much be sent for so much?  Three times that, and a little more for each
 * address; one that was confirmed gets anything.
 */
bool amplify_allows(const struct source *src, size_t got, size_t send);
/* A handshake with it has ended well. */
void amplify_confirmed(const struct source *src);

/* What only who gets messages there knows, for two minutes at most. */
void amplify_cookie(const struct ockam_path *ret,
		    uint8_t cookie[AMPLIFY_COOKIE_LEN]);
bool amplify_knows(const struct ockam_path *ret, const uint8_t *cookie);

#endif /* OCKAMD_AMPLIFY_H */
