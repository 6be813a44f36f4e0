// SPDX-License-Identifier: GPL-2.0
/* Rights that sockets have for a while, and those of who opened them. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/string.h>

#include "router/rights.h"
#include "socket/sock.h"

static bool rights_match(const struct ockam_right *e, u8 kind, u32 id, u64 peer)
{
	return e->kind == kind && e->id == id && e->peer == peer;
}

bool ockam_rights_has(struct ockam_rights *r, u8 kind, u32 id, u64 peer)
{
	bool has = false;
	unsigned int i;

	spin_lock_bh(&r->lock);
	for (i = 0; i < OCKAM_RIGHTS_MAX; i++) {
		struct ockam_right *e = &r->right[i];

		if (!e->kind)
			break;
		if (rights_match(e, kind, id, peer)) {
			has = !e->expires || time_before(jiffies, e->expires);
			break;
		}
	}
	spin_unlock_bh(&r->lock);
	return has;
}

void ockam_rights_grant(struct ockam_rights *r, u8 kind, u32 id, u64 peer,
			u32 ms)
{
	unsigned long expires = 0;
	struct ockam_right *e;
	unsigned int i;

	if (ms)
		expires = (jiffies + msecs_to_jiffies(ms)) ?: 1;

	spin_lock_bh(&r->lock);
	e = &r->right[0];
	if (likely(rights_match(e, kind, id, peer))) {
		e->expires = expires;
		goto out;
	}
	/* Most recent first, so the last one goes. */
	for (i = 1; i < OCKAM_RIGHTS_MAX - 1; i++) {
		e = &r->right[i];
		if (!e->kind || rights_match(e, kind, id, peer))
			break;
	}
	memmove(&r->right[1], &r->right[0], i * sizeof(*e));
	e = &r->right[0];
	e->kind = kind;
	e->id = id;
	e->peer = peer;
	e->expires = expires;
out:
	spin_unlock_bh(&r->lock);
}

bool ockam_sock_opener_capable(const struct ockam_sock *osk,
			       struct user_namespace *ns, int cap)
{
	const struct file *file = osk->sk.sk_socket->file;

	return !file || file_ns_capable(file, ns, cap);
}

bool ockam_sock_capable(const struct ockam_sock *osk,
			struct user_namespace *ns, int cap)
{
	return ockam_sock_opener_capable(osk, ns, cap) && ns_capable(ns, cap);
}
