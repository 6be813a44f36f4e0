/* SPDX-License-Identifier: GPL-2.0 */
/* Keys in use on this machine: which of them may not be installed again. */
#ifndef _OCKAM_LIVE_H
#define _OCKAM_LIVE_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct ockam_live - says that a key is in use
 * @node: in ockam_live
 * @print: keyed hash of the key and its direction
 */
struct ockam_live {
	struct hlist_node	node;
	u64			print;
};

/*
 * @key, of OCKAM_KEY_LEN bytes, is in use from now on, in one direction: 0, or
 * -EEXIST if it is already.  Process context.
 */
int ockam_live_add(struct ockam_live *l, const u8 *key, u64 dir);

/* It is not any more; once is enough.  Process context. */
void ockam_live_del(struct ockam_live *l);

#endif /* _OCKAM_LIVE_H */
