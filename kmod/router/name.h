/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The name table: one per node, for workers, hops, links and both ends of
 * channels.  Hashed with a secret, O(1), read under RCU.
 *
 * A key is one hop in flat form (type, length, bytes), so the front of a
 * route is looked up where it lies.
 *
 * In front of the table each processor has the few addresses that it looked up
 * last.  They are good as long as the table is as it was: each change of it
 * begins a new generation, before whoever made it goes on.  What they give is
 * what the table would have given, and nothing else about a message is
 * remembered: who may do what is asked anew each time.
 */
#ifndef _OCKAM_NAME_H
#define _OCKAM_NAME_H

#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <uapi/linux/ockam.h>

struct ockam_node;
struct ockam_sink;

enum ockam_name_kind {
	OCKAM_NAME_WORKER,	/* .sink */
	OCKAM_NAME_LINK,	/* .sink */
	OCKAM_NAME_HOP,		/* embedded in struct ockam_hop */
	OCKAM_NAME_ENCRYPTOR,	/* embedded in struct ockam_channel */
	OCKAM_NAME_DECRYPTOR,	/* likewise */
};

/**
 * struct ockam_name - an entry, embedded in the object it names
 * @hash: the table's
 * @key: the address, flat form; owned by the object, constant while in
 *	the table
 * @sink: where messages end, for workers and links
 * @kind: enum ockam_name_kind
 * @listed: in the table; changed by whoever owns the object
 *
 * The object is freed not before an RCU grace period has passed since
 * ockam_name_del().
 */
struct ockam_name {
	struct rhash_head	hash;
	const u8		*key;
	struct ockam_sink	*sink;
	u8			kind;
	bool			listed;
};

/**
 * struct ockam_recent - an address that was looked up here
 * @gen: the table's generation before that, 0: none
 * @name: what was found
 */
struct ockam_recent {
	unsigned long		gen;
	struct ockam_name	*name;
};

#define OCKAM_RECENT_MAX	32

/**
 * struct ockam_recents - the last addresses that a processor looked up
 * @slot: by what the address looks like, or beside that; chosen so that three meet,
 *	they only cost a look into the table
 */
struct ockam_recents {
	struct ockam_recent	slot[OCKAM_RECENT_MAX];
};

int ockam_names_init(struct ockam_node *node);
void ockam_names_exit(struct ockam_node *node);

/* 0, -EADDRINUSE, -ENOMEM.  Any context. */
int ockam_name_add(struct ockam_node *node, struct ockam_name *name);
void ockam_name_del(struct ockam_node *node, struct ockam_name *name);

/*
 * Puts @new where @old is, with no moment in which the address is free.
 * Both have the same key.  Any context with BHs allowed.
 */
int ockam_name_replace(struct ockam_node *node, struct ockam_name *old,
		       struct ockam_name *new);

/* Under rcu_read_lock(); @hop is a checked hop in flat form. */
struct ockam_name *ockam_name_lookup(struct ockam_node *node, const u8 *hop);

/* Keyed with a secret; @key in flat form. */
u32 ockam_name_hash(const u8 *key);

/* Bytes of a key in flat form. */
static inline u32 ockam_key_size(const u8 *key)
{
	return 2 + key[1];
}

/* A random address as Ockam makes them: type 0, 32 lower-case hex digits. */
void ockam_name_random(u8 key[2 + OCKAM_RANDOM_LEN]);
/* Does it look like one?  Such names are only handed out, never chosen. */
bool ockam_name_is_random(const u8 *key);

/**
 * struct ockam_reserved - names that are kept for CAP_NET_BIND_SERVICE
 * @rcu: for freeing
 * @len: bytes
 * @names: one after another in flat form, no more than a route may have
 */
struct ockam_reserved {
	struct rcu_head	rcu;
	u32		len;
	u8		names[];
};

/* Is it kept for holders of CAP_NET_BIND_SERVICE?  Any context. */
bool ockam_name_is_reserved(const struct ockam_node *node, const u8 *key);
/* The list in force, under RCU: its bytes, and their number. */
const u8 *ockam_names_reserved(const struct ockam_node *node, u32 *len);
/* Replaces the list by @list (from kmalloc()); node->lock held. */
void ockam_names_reserve(struct ockam_node *node, struct ockam_reserved *list);

#endif /* _OCKAM_NAME_H */
