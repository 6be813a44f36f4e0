/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_IDENTITY_PREKEYS_H
#define OCKAM_IDENTITY_PREKEYS_H

#include "bundle.h"

#define PREKEYS_SIGNED_MAX	4	/* the current one and earlier ones */
#define PREKEYS_ONE_TIME_MAX	128	/* for each of them */
#define PREKEYS_RECORDS_MAX	1024	/* likewise */
#define PREKEYS_RECORDS_PEER	32	/* of them by one initiator */
#define PREKEYS_RECORD_LEN	32
#define PREKEYS_ROTATE_SECONDS	(7 * 86400ULL)
/* Sooner than this no peer and no prekey service brings about a new one. */
#define PREKEYS_REMOTE_SECONDS	86400ULL
/* Bytes of the form in which they are kept, beside the bundles. */
#define PREKEYS_FILE_MAX \
	(PREKEYS_SIGNED_MAX * (PREKEYS_ONE_TIME_MAX * 40 + \
			       PREKEYS_RECORDS_MAX * sizeof(struct prekey_record) + \
			       BUNDLE_MAX + 256) + 128)

/**
 * struct prekey_one_time - a one-time prekey that was not used yet
 * @id:     its number
 * @secret: private half
 */
struct prekey_one_time {
	uint64_t id;
	uint8_t secret[IDENT_X25519_LEN];
};

/**
 * struct prekey_record - a first message that was accepted
 * @hash: what it is known by
 * @peer: identifier of its initiator
 */
struct prekey_record {
	uint8_t hash[PREKEYS_RECORD_LEN];
	uint8_t peer[IDENT_ID_LEN];
};

/**
 * struct prekey_signed - a signed prekey and what ends with it
 * @id:            its number, which is its bundle's sequence too
 * @secret:        private half
 * @pub:           public half
 * @x25519:        channel key of the identity that its bundle names
 * @digest:        digest of its bundle
 * @created:       seconds since the epoch
 * @expires:       when it is destroyed
 * @bundle:        its bundle, allocated
 * @bundle_len:    length of that
 * @next_one_time: number of the next one-time prekey
 * @n_one_time:    one-time prekeys left
 * @one_time:      these
 * @n_records:     first messages without a one-time prekey that were accepted
 * @records:       these
 */
struct prekey_signed {
	uint64_t id;
	uint8_t secret[IDENT_X25519_LEN];
	uint8_t pub[IDENT_X25519_LEN];
	uint8_t x25519[IDENT_X25519_LEN];
	uint8_t digest[IDENT_HASH_LEN];
	uint64_t created;
	uint64_t expires;
	uint8_t *bundle;
	size_t bundle_len;
	uint64_t next_one_time;
	unsigned int n_one_time;
	struct prekey_one_time one_time[PREKEYS_ONE_TIME_MAX];
	unsigned int n_records;
	struct prekey_record records[PREKEYS_RECORDS_MAX];
};

/**
 * struct prekeys - all prekeys of one identity, in guarded memory
 * @identifier: whose they are
 * @last:       sequence of the latest bundle
 * @n:          number of signed prekeys, the current one first
 * @spk:        these
 *
 * The records lie with the key that they protect: who loses them has lost the
 * key as well, and nothing that was accepted under it is accepted again.
 */
struct prekeys {
	uint8_t identifier[IDENT_ID_LEN];
	uint64_t last;
	unsigned int n;
	struct prekey_signed spk[PREKEYS_SIGNED_MAX];
};

/*
 * Unless said otherwise functions return 0 or an enum ident_err code.  Nothing
 * here writes to a disk: who changes prekeys saves them before the change has
 * an effect elsewhere (keystore.h).
 */

/* None yet; NULL when out of memory. */
struct prekeys *prekeys_new(const uint8_t identifier[IDENT_ID_LEN]);
/* Wiped; NULL is fine. */
void prekeys_free(struct prekeys *pk);

/**
 * prekeys_refresh() - destroy what has ended, renew what is due
 * @pk:      the prekeys
 * @self:    their identity
 * @now:     seconds since the epoch
 * @force:   renew before it is due, if the current one is a day old
 * @changed: set when they are to be saved, and a new bundle published if the
 *           first one differs; on an error too
 *
 * A signed prekey ends with its bundle, and with the channel key that its
 * bundle names.  A new one is due after a week, when the identity shows
 * something else than the bundle has, and, after a day, when records come to
 * an end.  When there are too many there is no new one before the oldest has
 * ended, since messages for it may be on their way; only if the identity shows
 * something else the oldest goes.
 */
int prekeys_refresh(struct prekeys *pk, const struct identity *self,
		    uint64_t now, bool force, bool *changed);

/* Destroys what has ended by time; true if some have. */
bool prekeys_expire(struct prekeys *pk, uint64_t now);

/**
 * prekeys_refill() - make one-time prekeys for the current signed prekey
 * @pk:      the prekeys
 * @want:    how many there shall be, at most PREKEYS_ONE_TIME_MAX
 * @changed: set when some were made, which are to be saved before they are
 *           published
 */
int prekeys_refill(struct prekeys *pk, unsigned int want, bool *changed);

/* The signed form of a one-time prekey of the current signed prekey. */
int prekeys_one_time(const struct prekeys *pk, const struct identity *self,
		     unsigned int index, struct ocb_writer *w);

/* A signed prekey that is good now, by number; NULL if there is none. */
struct prekey_signed *prekeys_find(struct prekeys *pk, uint64_t id,
				   const uint8_t x25519[IDENT_X25519_LEN],
				   uint64_t now);
/* One of its one-time prekeys; NULL if there is none (any more). */
struct prekey_one_time *prekeys_find_one_time(struct prekey_signed *spk,
					      uint64_t id);
bool prekeys_seen(const struct prekey_signed *spk,
		  const uint8_t record[PREKEYS_RECORD_LEN]);

/* Destroy a one-time prekey. */
void prekeys_use_one_time(struct prekey_signed *spk,
			  struct prekey_one_time *o);
/*
 * Remember a first message of @peer.  IDENT_E_RECORDS_FULL when there is no
 * room, IDENT_E_RECORDS_PEER when he has had his part of it.
 */
int prekeys_record(struct prekey_signed *spk,
		   const uint8_t record[PREKEYS_RECORD_LEN],
		   const uint8_t peer[IDENT_ID_LEN]);

/* The form in which they are kept; @w has PREKEYS_FILE_MAX. */
int prekeys_encode(const struct prekeys *pk, struct ocb_writer *w);
/* IDENT_E_DECODE unless the bytes are what prekeys_encode() wrote. */
int prekeys_decode(const uint8_t *buf, size_t len, struct prekeys **out);

#endif
