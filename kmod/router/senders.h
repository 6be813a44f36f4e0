/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who of this node may send through a link: users and groups, by ranges of
 * ids as the user namespace sees them in which the list was written.
 *
 * A list is never changed, only replaced, and read under RCU.
 */
#ifndef _OCKAM_SENDERS_H
#define _OCKAM_SENDERS_H

#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <uapi/linux/ockam.h>

struct ockam_msg;
struct ockam_sock;
struct user_namespace;

/* Ranges in either half of a list. */
#define OCKAM_SENDERS_MAX	64

/**
 * struct ockam_senders - a list
 * @rcu: for freeing
 * @ref: references
 * @user_ns: what the ids mean, with a reference; the node's or an ancestor
 * @nuids: ranges of users
 * @ngids: ranges of groups, behind them
 * @range: all of them
 */
struct ockam_senders {
	struct rcu_head		rcu;
	refcount_t		ref;
	struct user_namespace	*user_ns;
	u32			nuids;
	u32			ngids;
	struct ockam_id_range	range[];
};

/* Room for so many ranges, which the caller fills in; NULL: no memory. */
struct ockam_senders *ockam_senders_new(struct user_namespace *user_ns,
					u32 nuids, u32 ngids);
/* NULL is fine for both.  Any context. */
struct ockam_senders *ockam_senders_get(struct ockam_senders *senders);
void ockam_senders_put(struct ockam_senders *senders);

/*
 * May this be sent?  With @from in the context of who sends: both the caller
 * and whoever opened the socket have to be on the list, by effective uid,
 * effective gid or a supplementary group, or to have CAP_NET_ADMIN over @ns;
 * so a helper that was handed a socket lends no rights by it, nor does who
 * hands one down.  Without @from only @m's own uid and gid are known.
 * Under RCU.
 */
bool ockam_senders_allow(const struct ockam_senders *senders,
			 struct user_namespace *ns,
			 const struct ockam_msg *m,
			 const struct ockam_sock *from);

#endif /* _OCKAM_SENDERS_H */
