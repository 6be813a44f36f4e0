/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a socket may do for a while that its scope, or the owner of a channel, would
 * not let it; and what its opener and its caller may do.
 *
 * Rights have a spinlock of their own (bh), inside which nothing is taken.
 */
#ifndef _OCKAM_RIGHTS_H
#define _OCKAM_RIGHTS_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct ockam_sock;
struct user_namespace;

#define OCKAM_RIGHTS_MAX	16

/**
 * struct ockam_right - an exception from the accept scope, for a while
 * @kind: OCKAM_ORIGIN_LINK or OCKAM_ORIGIN_CHANNEL, 0 if unused
 * @id: link or channel that may answer, or through which we may send
 * @peer: which of the link's peers, as in struct ockam_from; 0 if it has one
 * @expires: jiffies
 */
struct ockam_right {
	u8		kind;
	u32		id;
	u64		peer;
	unsigned long	expires;
};

/**
 * struct ockam_rights - a bounded set of them, oldest replaced
 */
struct ockam_rights {
	spinlock_t		lock;
	struct ockam_right	right[OCKAM_RIGHTS_MAX];
};

/* Is it there, and not over?  Any context. */
bool ockam_rights_has(struct ockam_rights *r, u8 kind, u32 id, u64 peer);

/* For @ms, 0: until others push it out.  Any context. */
void ockam_rights_grant(struct ockam_rights *r, u8 kind, u32 id, u64 peer,
			u32 ms);

/*
 * Has whoever opened the socket @cap over @ns?  What the kernel opens has no file,
 * and its opener every right.  In a call of the socket.
 */
bool ockam_sock_opener_capable(const struct ockam_sock *osk,
			       struct user_namespace *ns, int cap);
/* The opener and the caller, both. */
bool ockam_sock_capable(const struct ockam_sock *osk,
			struct user_namespace *ns, int cap);

#endif /* _OCKAM_RIGHTS_H */
