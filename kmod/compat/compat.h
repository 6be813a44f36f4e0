/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel releases, probed by what the headers hold or what
 * compiles (see Kbuild), and never by version number: distributions backport.
 * Written for 7.x; each piece says from which release on it is dead.
 */
#ifndef _OCKAM_COMPAT_H
#define _OCKAM_COMPAT_H

#include <linux/kernel.h>
#include <linux/local_lock.h>
#include <net/sock.h>

/* 6.4: bin2hex() moved */
#ifdef HAVE_LINUX_HEX_H
#include <linux/hex.h>
#endif

/* 6.5: tracepoint in every sk_data_ready */
#ifdef HAVE_TRACE_EVENTS_SOCK_H
#include <trace/events/sock.h>
#else
#define trace_sk_data_ready(sk) do { } while (0)
#endif

/* 6.19: an address whose length is told beside it has a type of its own */
#ifndef HAVE_SOCKADDR_UNSIZED
#define sockaddr_unsized sockaddr
#endif

/*
 * 6.11: a lock of softirqs on one processor, for PREEMPT_RT, which from 6.18 on does
 * not keep them apart any more.
 */
#ifndef HAVE_LOCAL_LOCK_NESTED_BH
#define local_lock_nested_bh(lock)	((void)(lock))
#define local_unlock_nested_bh(lock)	((void)(lock))
#endif

/* 6.12: what a device keeps to itself */
#ifndef HAVE_SKB_FRAGS_READABLE
static inline bool skb_frags_readable(const struct sk_buff *skb)
{
	return true;
}
#endif

/* 6.13: a timer and its function in one call, from 6.15 on the only one */
#ifndef HAVE_HRTIMER_SETUP
#define ockam_hrtimer_setup(timer, fn, clock, mode)			\
do {									\
	hrtimer_init(timer, clock, mode);				\
	(timer)->function = (fn);					\
} while (0)
#else
#define ockam_hrtimer_setup hrtimer_setup
#endif

/* 6.2: sockets without a reference on their namespace are tracked as well */
static inline void ockam_netns_untrack(struct net *net, struct sock *sk)
{
#ifdef HAVE___NETNS_TRACKER_ALLOC
	__netns_tracker_free(net, &sk->ns_tracker, true);
	__netns_tracker_alloc(net, &sk->ns_tracker, false, GFP_ATOMIC);
#else
	netns_tracker_free(net, &sk->ns_tracker);
#endif
	/* 6.15, and 6.12 as Debian has it: and keep the structure */
#ifdef HAVE_NET_PASSIVE_INC
	net_passive_inc(net);
#endif
}

/*
 * 6.2: whether TCP copies into a page of the current task; before, it went by
 * sk_allocation.  What it was is returned.
 */
static inline bool ockam_sk_task_frag(struct sock *sk, bool may)
{
#ifdef HAVE_SK_USE_TASK_FRAG
	bool was = sk->sk_use_task_frag;

	sk->sk_use_task_frag = may;
	return was;
#else
	return may;
#endif
}

/* 6.5: splice() has another flag for what it sends; stable 6.1 knows both */
#ifndef MSG_SPLICE_PAGES
#define MSG_SPLICE_PAGES	0
#endif
#ifndef MSG_SENDPAGE_NOTLAST
#define MSG_SENDPAGE_NOTLAST	0
#endif
#define OCKAM_MSG_SPLICE	(MSG_SPLICE_PAGES | MSG_SENDPAGE_NOTLAST)

#endif /* _OCKAM_COMPAT_H */
