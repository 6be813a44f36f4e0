/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policy programs: BPF programs that look at messages and may only say no
 * (Documentation/policy.rst).  One at most for each worker, link and channel.
 *
 * The object holds a pointer that is read under RCU; node->lock protects
 * attaching and detaching.  What an object's end leaves attached stays until
 * the object is freed, so that a message that is under way meets it still.
 */
#ifndef _OCKAM_POLICY_H
#define _OCKAM_POLICY_H

#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <uapi/linux/ockam.h>

struct bpf_prog;
struct netlink_ext_ack;
struct ockam_node;
struct ockam_sock;

/**
 * struct ockam_policy - an attached program
 * @node: its node
 * @where: the object's pointer to this
 * @osk: with OCKAM_POLICY_AT_WORKER, the socket
 * @prog: the program, with a reference
 * @runs: messages it was asked about
 * @drops: messages it refused
 * @rcu: for freeing
 * @id: for netlink, never reused at once; 0: not listed any more
 * @object: id of the link or channel, 0 for workers
 * @place: enum ockam_policy_place
 * @own: a worker's owner attached it
 */
struct ockam_policy {
	struct ockam_node		*node;
	struct ockam_policy __rcu	**where;
	struct ockam_sock		*osk;
	struct bpf_prog			*prog;
	atomic64_t			runs;
	atomic64_t			drops;
	struct rcu_head			rcu;
	u32				id;
	u32				object;
	u8				place;
	bool				own;
};

/**
 * struct ockam_policy_config - what to attach where
 * @where: the object's pointer
 * @osk: see struct ockam_policy, like the rest
 * @object: id of the link or channel
 * @place: enum ockam_policy_place
 * @own: on behalf of a worker's owner
 * @replace: in place of another one, if there is one
 * @fd: descriptor of the program, in the calling process, unless
 * @like: this one's program shall be attached here as well
 */
struct ockam_policy_config {
	struct ockam_policy __rcu	**where;
	struct ockam_sock		*osk;
	u32				object;
	u8				place;
	bool				own;
	bool				replace;
	int				fd;
	const struct ockam_policy	*like;
};

/*
 * With node->lock held, process context.  -EEXIST: there is one; -EPERM: an
 * administrator's, for an owner; -EBADF, -EINVAL: not a descriptor, or not
 * one of a socket filter; -EOPNOTSUPP: this kernel has no bpf().
 */
struct ockam_policy *ockam_policy_new(struct ockam_node *node,
				      const struct ockam_policy_config *cfg,
				      struct netlink_ext_ack *extack);
void ockam_policy_del(struct ockam_policy *policy);

/*
 * Two objects have changed places: each gets the other one's policy, of which
 * there are both or none, and which have the same program.  node->lock held.
 */
void ockam_policy_swap(struct ockam_node *node, struct ockam_policy __rcu **a,
		       struct ockam_policy __rcu **b);

/*
 * The object ends: netlink shows its policy no longer.  node->lock held; the
 * object's pointer stays for ockam_policy_free().
 */
void ockam_policy_end(struct ockam_node *node,
		      struct ockam_policy __rcu **where);

/* With the object, when nobody finds it any more.  Any context. */
void ockam_policy_free(struct ockam_policy __rcu **where);

/* Id of the program, 0: none.  For getsockopt(). */
u32 ockam_policy_program(struct ockam_policy __rcu **where);
/* Its tag, for netlink: BPF_TAG_SIZE bytes. */
const u8 *ockam_policy_tag(const struct ockam_policy *policy);
u32 ockam_policy_program_id(const struct ockam_policy *policy);

/**
 * struct ockam_policy_view - what the routes are, where a program looks
 * @onward_len: bytes of the onward route behind this place
 * @onward_hops: hops of it
 * @ret_len: bytes of the return route
 * @ret_hops: hops of it
 * @leaving: it goes into the link or channel, not out of it
 * @sealed: it will be encrypted before
 */
struct ockam_policy_view {
	u32	onward_len;
	u32	onward_hops;
	u32	ret_len;
	u32	ret_hops;
	bool	leaving;
	bool	sealed;
};

/* Room in front of the payload that a program needs. */
#define OCKAM_POLICY_HEAD	((u32)sizeof(struct ockam_policy_ctx))

/*
 * Ask a program: 0, or -EACCES.  The message is as it was before, but that its
 * head may have moved where there was less room than OCKAM_POLICY_HEAD;
 * -ENOMEM then, too.  Under RCU, any context.
 */
int ockam_policy_run(struct ockam_policy *policy, struct sk_buff *skb,
		     const struct ockam_policy_view *view);

/* The same for what just came in, with the routes that it has. */
int ockam_policy_run_in(struct ockam_policy *policy, struct sk_buff *skb);

/*
 * For what came in by a link or channel: counted and freed unless this
 * returns 0.  Any context.
 */
static inline int ockam_policy_input(struct ockam_policy __rcu **where,
				     struct sk_buff *skb)
{
	struct ockam_policy *policy;
	int err = 0;

	if (likely(!rcu_access_pointer(*where)))
		return 0;

	rcu_read_lock();
	policy = rcu_dereference(*where);
	if (policy)
		err = ockam_policy_run_in(policy, skb);
	rcu_read_unlock();
	return err;
}

#endif /* _OCKAM_POLICY_H */
