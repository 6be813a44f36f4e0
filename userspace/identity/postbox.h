/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What a prekey service keeps and to whom it gives what: bundles, one-time
 * prekeys and first messages for identities that are away.  It knows no sockets
 * and no files; messages: Documentation/x3dh.rst.
 */
#ifndef OCKAM_IDENTITY_POSTBOX_H
#define OCKAM_IDENTITY_POSTBOX_H

#include "prekeys.h"

#define POSTBOX_OWNERS_DEFAULT	1024
#define POSTBOX_ONE_TIME	PREKEYS_ONE_TIME_MAX
/* One-time prekeys of one bundle for one fetcher. */
#define POSTBOX_FETCHER_QUOTA	4
#define POSTBOX_FETCHERS	256
#define POSTBOX_MESSAGES	256	/* for one owner */
#define POSTBOX_SENDER_QUOTA	16	/* of them from one sender */
#define POSTBOX_SENDER_BYTES	(256U << 10)
#define POSTBOX_BYTES		(2U << 20)	/* all of them */
/* Of all owners together; beyond that each still has a little. */
#define POSTBOX_ALL_BYTES	(128U << 20)
#define POSTBOX_LEAST_BYTES	(64U << 10)
#define POSTBOX_MESSAGE_MAX	65535
#define POSTBOX_ROUTE_MAX	1024	/* bytes of a return route */
#define POSTBOX_SOURCE_LEN	IDENT_ID_LEN
/* A message is of no use after the signed prekey that it was made for. */
#define POSTBOX_LETTER_SECONDS	BUNDLE_SECONDS_MAX

/**
 * enum postbox_err - why a request is refused
 * @POSTBOX_OK:        it is not
 * @POSTBOX_E_REQUEST: not understood
 * @POSTBOX_E_AUTH:    not through a channel, or of somebody else
 * @POSTBOX_E_BUNDLE:  bundle or one-time prekey does not verify
 * @POSTBOX_E_OLDER:   a bundle of higher sequence is here
 * @POSTBOX_E_UNKNOWN: nothing is kept for that identity
 * @POSTBOX_E_FULL:    the service, or the owner's box
 * @POSTBOX_E_QUOTA:   the sender's part of it
 * @POSTBOX_E_EMPTY:   no message
 * @POSTBOX_E_STORE:   what changed cannot be made durable; nothing did
 * @POSTBOX_E_COOKIE:  to be asked again, with what came with this
 */
enum postbox_err {
	POSTBOX_OK = 0,
	POSTBOX_E_REQUEST,
	POSTBOX_E_AUTH,
	POSTBOX_E_BUNDLE,
	POSTBOX_E_OLDER,
	POSTBOX_E_UNKNOWN,
	POSTBOX_E_FULL,
	POSTBOX_E_QUOTA,
	POSTBOX_E_EMPTY,
	POSTBOX_E_STORE,
	POSTBOX_E_COOKIE,
	POSTBOX_E_END
};

const char *postbox_strerror(int err);

/* Numbers of the choice in a request. */
enum postbox_op {
	POSTBOX_PUBLISH = 0,
	POSTBOX_FETCH = 1,
	POSTBOX_DEPOSIT = 2,
	POSTBOX_COLLECT = 3,
	POSTBOX_ACKNOWLEDGE = 4,
};

/**
 * struct postbox_store - where boxes are kept
 * @save:   keep the box of @id, durably, in place of what was kept; no bytes: it goes.
 *          Returns 0, negative on failure
 * @letter: likewise a message in it, which has a number; those of a box are apart, so
 *          that one of them costs no more than its own bytes
 * @ctx:    passed to both
 */
struct postbox_store {
	int (*save)(void *ctx, const uint8_t id[IDENT_ID_LEN],
		    const uint8_t *buf, size_t len);
	int (*letter)(void *ctx, const uint8_t id[IDENT_ID_LEN],
		      uint64_t number, const uint8_t *buf, size_t len);
	void *ctx;
};

struct postbox;

/*
 * NULL when out of memory; 0 for @max_owners, and for @max_bytes of all messages, is
 * the default. @store is copied.
 */
struct postbox *postbox_new(const struct postbox_store *store,
			    size_t max_owners, size_t max_bytes);
void postbox_free(struct postbox *pb);

/* A box as it was saved; 0, or POSTBOX_E_REQUEST, _FULL, _STORE. */
int postbox_restore(struct postbox *pb, const uint8_t *buf, size_t len);
/* A message as it was saved, of a box that is there; 0, or likewise, _UNKNOWN. */
int postbox_restore_letter(struct postbox *pb, const uint8_t id[IDENT_ID_LEN],
			   const uint8_t *buf, size_t len);

/**
 * struct postbox_asker - who asks
 * @id:        verified identifier of the channel it came through; NULL: none,
 *             or not its peer itself
 * @route:     where answers go, kept with a message for whoever answers it; the
 *             bytes are not looked at
 * @route_len: its length
 * @source:    digest of where it came from, POSTBOX_SOURCE_LEN bytes; NULL: nobody
 *             knows.  Identities cost nothing, what this stands for does
 */
struct postbox_asker {
	const uint8_t *id;
	const uint8_t *source;
	const uint8_t *route;
	size_t route_len;
};

/* What a request asks for, enum postbox_op; -1 if that cannot be seen. */
int postbox_peek(const uint8_t *buf, size_t len);

/**
 * postbox_serve() - one request
 * @pb:   the boxes
 * @who:  who asks
 * @buf:  request
 * @len:  its length
 * @now:  seconds since the epoch
 * @w:    answer; any request gets one
 *
 * Return: 0 or an enum postbox_err code, which the answer carries as well.
 */
int postbox_serve(struct postbox *pb, const struct postbox_asker *who,
		  const uint8_t *buf, size_t len, uint64_t now,
		  struct ocb_writer *w);

/* Messages that are too old go, and boxes without any whose bundle has ended. */
void postbox_expire(struct postbox *pb, uint64_t now);

#endif
