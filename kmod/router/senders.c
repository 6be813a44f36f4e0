// SPDX-License-Identifier: GPL-2.0
/* Lists of who may send through a link. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "router/msg.h"
#include "router/senders.h"
#include "socket/sock.h"

struct ockam_senders *ockam_senders_new(struct user_namespace *user_ns,
					u32 nuids, u32 ngids)
{
	struct ockam_senders *s;

	s = kmalloc(struct_size(s, range, nuids + ngids), GFP_KERNEL_ACCOUNT);
	if (!s)
		return NULL;
	refcount_set(&s->ref, 1);
	s->user_ns = get_user_ns(user_ns);
	s->nuids = nuids;
	s->ngids = ngids;
	return s;
}

struct ockam_senders *ockam_senders_get(struct ockam_senders *s)
{
	if (s)
		refcount_inc(&s->ref);
	return s;
}

static void senders_free(struct rcu_head *rcu)
{
	struct ockam_senders *s = container_of(rcu, struct ockam_senders, rcu);

	put_user_ns(s->user_ns);
	kfree(s);
}

void ockam_senders_put(struct ockam_senders *s)
{
	if (s && refcount_dec_and_test(&s->ref))
		call_rcu(&s->rcu, senders_free);
}

/* No range reaches as far as the id that means "none here". */
static bool senders_listed(const struct ockam_id_range *range, u32 n, u32 id)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (id >= range[i].first && id <= range[i].last)
			return true;
	return false;
}

static bool uid_listed(const struct ockam_senders *s, kuid_t uid)
{
	return s->nuids && senders_listed(s->range, s->nuids,
					  from_kuid(s->user_ns, uid));
}

static bool gid_listed(const struct ockam_senders *s, kgid_t gid)
{
	return s->ngids && senders_listed(s->range + s->nuids, s->ngids,
					  from_kgid(s->user_ns, gid));
}

static bool cred_listed(const struct ockam_senders *s, const struct cred *cred)
{
	const struct group_info *groups = cred->group_info;
	int i;

	if (uid_listed(s, cred->euid) || gid_listed(s, cred->egid))
		return true;
	for (i = 0; s->ngids && i < groups->ngroups; i++)
		if (gid_listed(s, groups->gid[i]))
			return true;
	return false;
}

bool ockam_senders_allow(const struct ockam_senders *s,
			 struct user_namespace *ns, const struct ockam_msg *m,
			 const struct ockam_sock *from)
{
	struct file *file;

	/* It had to wait, and who sent it was asked then. */
	if (!from)
		return uid_listed(s, m->from.uid) ||
		       gid_listed(s, m->from.gid) ||
		       uid_eq(m->from.uid, make_kuid(ns, 0)) ||
		       uid_eq(m->from.uid, GLOBAL_ROOT_UID);

	if (!cred_listed(s, current_cred()) &&
	    !ns_capable_noaudit(ns, CAP_NET_ADMIN))
		return false;
	file = from->sk.sk_socket->file;
	return !file || cred_listed(s, file->f_cred) ||
	       ockam_sock_opener_capable(from, ns, CAP_NET_ADMIN);
}
