/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_XX_H
#define OCKAM_IDENTITY_XX_H

#include "identity.h"
#include "noise.h"

/**
 * struct xx_config - what a handshake needs beside its messages
 * @proto: Noise protocol; NULL is Ockam's
 * @self:  own identity; the handshake takes a reference
 * @check: what the peer is checked against; must outlive the handshake
 */
struct xx_config {
	const struct noise_proto *proto;
	struct identity *self;
	const struct ident_check *check;
};

/**
 * struct xx_keys - outcome of a handshake
 * @tx:         key to encrypt with
 * @rx:         key to decrypt with
 * @transcript: transcript hash
 * @peer:       who the peer is
 */
struct xx_keys {
	uint8_t tx[SUITE_KEY_LEN];
	uint8_t rx[SUITE_KEY_LEN];
	uint8_t transcript[SUITE_HASH_LEN];
	struct ident_peer peer;
};

/**
 * struct xx - one handshake of either role
 * @noise: Noise state; refuses every step once the handshake is over or dead
 * @cfg:   configuration
 */
struct xx {
	struct noise_xx noise;
	struct xx_config cfg;
};

/*
 * All functions return 0, an enum ident_err code or an enum noise_err code;
 * ident_errname() and ident_strerror() know both. An error of Noise (wrong
 * length, tag, DH) leaves the handshake as it was, so that the real message can
 * still follow. A message that passed Noise and then failed a check ends the
 * handshake: everything is wiped. No output of any kind is made on an error.
 */

/**
 * xx_initiator_start() - begin a handshake and make M1
 * @xx:  handshake, uninitialised or wiped
 * @cfg: configuration, copied
 * @now: seconds since the epoch
 * @out: M1
 * @cap: room in @out
 * @len: its length
 */
int xx_initiator_start(struct xx *xx, const struct xx_config *cfg,
		       uint64_t now, uint8_t *out, size_t cap, size_t *len);
/* The same; zeros bring M1 to a length of @want, if that is more than it has. */
int xx_initiator_start_long(struct xx *xx, const struct xx_config *cfg,
			    uint64_t now, size_t want, uint8_t *out,
			    size_t cap, size_t *len);

/**
 * xx_initiator_m2() - take M2, check everything, make M3 and the keys
 * @xx:   handshake
 * @msg:  M2
 * @mlen: its length
 * @now:  seconds since the epoch
 * @out:  M3
 * @cap:  room in @out
 * @len:  its length
 * @keys: the keys and the peer, to be released with xx_keys_wipe()
 *
 * On success the handshake is over and wiped.
 */
int xx_initiator_m2(struct xx *xx, const uint8_t *msg, size_t mlen,
		    uint64_t now, uint8_t *out, size_t cap, size_t *len,
		    struct xx_keys *keys);

/* xx_responder_m1() - begin a handshake with M1 and make M2 */
int xx_responder_m1(struct xx *xx, const struct xx_config *cfg,
		    const uint8_t *msg, size_t mlen, uint64_t now,
		    uint8_t *out, size_t cap, size_t *len);

/* xx_responder_m3() - take M3, check everything, make the keys */
int xx_responder_m3(struct xx *xx, const uint8_t *msg, size_t mlen,
		    uint64_t now, struct xx_keys *keys);

/* Room that the own M2 or M3 takes at most. */
size_t xx_message_max(const struct identity *self);

/* Both may be called on a zeroed object, and twice. */
void xx_wipe(struct xx *xx);
void xx_keys_wipe(struct xx_keys *keys);

#endif
