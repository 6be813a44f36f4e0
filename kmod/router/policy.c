// SPDX-License-Identifier: GPL-2.0
/* Policy programs: attaching them, and asking them about a message. */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "router/msg.h"
#include "node/node.h"
#include "node/notify.h"
#include "router/policy.h"
#include "node/stats.h"

/* ---- attaching ---- */

static struct ockam_policy *policy_at(struct ockam_node *node,
				      struct ockam_policy __rcu **where)
{
	return rcu_dereference_protected(*where,
					 lockdep_is_held(&node->lock));
}

static void policy_release(struct ockam_policy *policy)
{
	bpf_prog_put(policy->prog);
	kfree_rcu(policy, rcu);
}

static void policy_unlist(struct ockam_policy *policy)
{
	struct ockam_node *node = policy->node;

	if (!policy->id)
		return;
	ockam_notify_policy(policy, true);
	xa_erase(&node->policies, policy->id);
	policy->id = 0;
	node->gen++;
}

static int policy_may(const struct ockam_policy *old,
		      const struct ockam_policy_config *cfg,
		      struct netlink_ext_ack *extack)
{
	if (!old)
		return 0;
	if (cfg->own && !old->own)
		return -EPERM;
	if (cfg->replace)
		return 0;
	NL_SET_ERR_MSG(extack, "there is a policy program already");
	return -EEXIST;
}

static struct bpf_prog *policy_prog(const struct ockam_policy_config *cfg,
				    struct netlink_ext_ack *extack)
{
	struct bpf_prog *prog;

	if (cfg->like) {
		bpf_prog_inc(cfg->like->prog);
		return cfg->like->prog;
	}
	prog = bpf_prog_get_type_dev(cfg->fd, BPF_PROG_TYPE_SOCKET_FILTER,
				     false);
	if (!IS_ERR(prog))
		return prog;
	if (PTR_ERR(prog) == -EOPNOTSUPP)
		NL_SET_ERR_MSG(extack, "this kernel has no bpf()");
	else
		NL_SET_ERR_MSG(extack, "not a BPF program of type socket filter");
	return prog;
}

/**
 * ockam_policy_new() - attach a program
 * @node: the node; its lock is held
 * @cfg: what to attach where
 * @extack: for words about a refusal, or NULL
 *
 * Return: the policy, which lives as long as node->lock is held, or an error.
 */
struct ockam_policy *ockam_policy_new(struct ockam_node *node,
				      const struct ockam_policy_config *cfg,
				      struct netlink_ext_ack *extack)
{
	struct ockam_policy *policy, *old;
	int err;

	lockdep_assert_held(&node->lock);

	old = policy_at(node, cfg->where);
	err = policy_may(old, cfg, extack);
	if (err)
		return ERR_PTR(err);
	policy = kzalloc(sizeof(*policy), GFP_KERNEL_ACCOUNT);
	if (!policy)
		return ERR_PTR(-ENOMEM);

	policy->node = node;
	policy->where = cfg->where;
	policy->osk = cfg->osk;
	policy->object = cfg->object;
	policy->place = cfg->place;
	policy->own = cfg->own;
	policy->prog = policy_prog(cfg, extack);
	if (IS_ERR(policy->prog)) {
		err = PTR_ERR(policy->prog);
		goto free;
	}
	err = xa_alloc_cyclic(&node->policies, &policy->id, policy,
			      xa_limit_31b, &node->next_policy,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto put;

	rcu_assign_pointer(*cfg->where, policy);
	node->gen++;
	if (old) {
		policy_unlist(old);
		policy_release(old);
	}
	ockam_notify_policy(policy, false);
	return policy;

put:
	bpf_prog_put(policy->prog);
free:
	kfree(policy);
	return ERR_PTR(err);
}

/**
 * ockam_policy_del() - detach a program, while the object goes on
 * @policy: what ockam_policy_new() gave; the node's lock is held
 */
void ockam_policy_del(struct ockam_policy *policy)
{
	lockdep_assert_held(&policy->node->lock);

	RCU_INIT_POINTER(*policy->where, NULL);
	policy_unlist(policy);
	policy_release(policy);
}

void ockam_policy_swap(struct ockam_node *node, struct ockam_policy __rcu **a,
		       struct ockam_policy __rcu **b)
{
	struct ockam_policy *pa = policy_at(node, a), *pb = policy_at(node, b);

	if (!pa || !pb)
		return;
	pa->where = b;
	pb->where = a;
	rcu_assign_pointer(*a, pb);
	rcu_assign_pointer(*b, pa);
}

void ockam_policy_end(struct ockam_node *node,
		      struct ockam_policy __rcu **where)
{
	struct ockam_policy *policy;

	lockdep_assert_held(&node->lock);

	policy = policy_at(node, where);
	if (policy)
		policy_unlist(policy);
}

void ockam_policy_free(struct ockam_policy __rcu **where)
{
	struct ockam_policy *policy = rcu_dereference_protected(*where, 1);

	if (policy)
		policy_release(policy);
}

u32 ockam_policy_program_id(const struct ockam_policy *policy)
{
	return policy->prog->aux->id;
}

u32 ockam_policy_program(struct ockam_policy __rcu **where)
{
	const struct ockam_policy *policy;
	u32 id;

	rcu_read_lock();
	policy = rcu_dereference(*where);
	id = policy ? ockam_policy_program_id(policy) : 0;
	rcu_read_unlock();
	return id;
}

const u8 *ockam_policy_tag(const struct ockam_policy *policy)
{
	return policy->prog->tag;
}

/* ---- asking ---- */

static u8 policy_direction(const struct ockam_policy_view *view,
			   const struct ockam_from *from)
{
	if (!view->leaving)
		return OCKAM_POLICY_IN;
	return from->kind == OCKAM_ORIGIN_LOCAL ? OCKAM_POLICY_OUT :
						  OCKAM_POLICY_TRANSIT;
}

static void policy_tell(struct ockam_policy_ctx *ctx,
			const struct ockam_policy *policy,
			const struct ockam_from *from, u32 len,
			const struct ockam_policy_view *view)
{
	struct user_namespace *ns = policy->node->net->user_ns;
	const struct ockam_ident *ident = ockam_from_ident(from);
	bool local = from->kind == OCKAM_ORIGIN_LOCAL;

	ctx->size = sizeof(*ctx);
	ctx->place = policy->place;
	ctx->direction = policy_direction(view, from);
	ctx->origin = from->kind;
	ctx->peer_flags = from->flags;
	ctx->nchannels = from->nident;
	ctx->flags = view->sealed ? OCKAM_POLICY_SEALED : 0;
	ctx->object = policy->object;
	ctx->link = from->link;
	ctx->channel = ident ? ident->channel : 0;
	ctx->uid = local ? from_kuid_munged(ns, from->uid) : ~0U;
	ctx->gid = local ? from_kgid_munged(ns, from->gid) : ~0U;
	ctx->len = len;
	ctx->shown = view->sealed ? 0 : len;
	ctx->onward_len = view->onward_len;
	ctx->onward_hops = view->onward_hops;
	ctx->return_len = view->ret_len;
	ctx->return_hops = view->ret_hops;
	if (ident)
		memcpy(ctx->identifier, ident->identifier,
		       sizeof(ctx->identifier));
	else
		memset(ctx->identifier, 0, sizeof(ctx->identifier));
}

/*
 * The message as the program sees it: what we tell, then the payload.  Neither
 * the socket behind the message nor what lies in front of the payload are the
 * program's business: loads relative to the network header start where all
 * others do.
 */
static u32 policy_ask(struct ockam_policy *policy, struct sk_buff *skb,
		      const struct ockam_policy_view *view)
{
	sk_buff_data_t tail = skb->tail;
	u32 data_len = skb->data_len;
	struct sock *sk = skb->sk;
	u16 network = skb->network_header;
	u32 len = skb->len;
	u32 verdict;

	policy_tell(skb_push(skb, sizeof(struct ockam_policy_ctx)), policy,
		    &ockam_msg(skb)->from, len, view);
	if (view->sealed) {
		skb->len = sizeof(struct ockam_policy_ctx);
		skb->data_len = 0;
		skb_set_tail_pointer(skb, skb->len);
	}
	skb_reset_network_header(skb);
	skb->sk = NULL;

	verdict = bpf_prog_run_save_cb(policy->prog, skb);

	skb->sk = sk;
	skb->network_header = network;
	skb->tail = tail;
	skb->data_len = data_len;
	skb->len = len + sizeof(struct ockam_policy_ctx);
	__skb_pull(skb, sizeof(struct ockam_policy_ctx));
	return verdict;
}

int ockam_policy_run(struct ockam_policy *policy, struct sk_buff *skb,
		     const struct ockam_policy_view *view)
{
	struct ockam_room room = { .head = OCKAM_POLICY_HEAD };
	u32 verdict = 0;
	int err;

	err = ockam_msg_reserve(skb, &room);
	if (unlikely(err))
		return err;

	atomic64_inc(&policy->runs);
	/*
	 * The network header's offset has 16 bits: what lies further on, behind
	 * many layers of channels, cannot be shown.
	 */
	if (likely(skb_headroom(skb) <= U16_MAX))
		verdict = policy_ask(policy, skb, view);
	if (likely(verdict == OCKAM_POLICY_PASS))
		return 0;
	atomic64_inc(&policy->drops);
	return -EACCES;
}

int ockam_policy_run_in(struct ockam_policy *policy, struct sk_buff *skb)
{
	const struct ockam_msg *m = ockam_msg(skb);
	struct ockam_policy_view view = {
		.onward_len	= ockam_onward_len(skb),
		.onward_hops	= m->onward.hops,
		.ret_len	= ockam_return_len(skb),
		.ret_hops	= m->ret.hops,
	};
	int err;

	err = ockam_policy_run(policy, skb, &view);
	if (unlikely(err))
		ockam_drop(policy->node, skb, err == -EACCES ?
			   OCKAM_DROP_POLICY : OCKAM_DROP_NO_MEMORY);
	return err;
}
