// SPDX-License-Identifier: GPL-2.0
/* The name table of a node. */
#include <linux/once.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>

#include <compat.h>

#include "name.h"
#include "node.h"

/*
 * The seed of an rhashtable has 32 bits and is mixed by jhash; addresses come
 * from anywhere, so they are hashed with a key of our own.
 */
static siphash_aligned_key_t ockam_name_secret;

static const char * const ockam_reserved[] = {
	"ockamd",
	"api",
	"forwarding_service",
	"static_forwarding_service",
};

static u32 name_hash_key(const void *data, u32 len, u32 seed)
{
	return siphash(data, ockam_key_size(data), &ockam_name_secret) ^ seed;
}

static u32 name_hash_obj(const void *data, u32 len, u32 seed)
{
	const struct ockam_name *name = data;

	return name_hash_key(name->key, len, seed);
}

static int name_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct ockam_name *name = obj;
	const u8 *key = arg->key;

	/* The head first: a key ends where its length says. */
	return memcmp(name->key, key, 2) ||
	       memcmp(name->key + 2, key + 2, key[1]);
}

static const struct rhashtable_params ockam_name_params = {
	.head_offset		= offsetof(struct ockam_name, hash),
	.key_len		= 2,	/* nominal: keys know their length */
	.hashfn			= name_hash_key,
	.obj_hashfn		= name_hash_obj,
	.obj_cmpfn		= name_cmp,
	.automatic_shrinking	= true,
};

int ockam_names_init(struct ockam_node *node)
{
	get_random_once(&ockam_name_secret, sizeof(ockam_name_secret));
	return rhashtable_init(&node->names, &ockam_name_params);
}

void ockam_names_exit(struct ockam_node *node)
{
	rhashtable_destroy(&node->names);
}

int ockam_name_add(struct ockam_node *node, struct ockam_name *name)
{
	int err;

	err = rhashtable_lookup_insert_key(&node->names, name->key,
					   &name->hash, ockam_name_params);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;

	name->listed = true;
	return 0;
}

void ockam_name_del(struct ockam_node *node, struct ockam_name *name)
{
	if (!name->listed)
		return;
	rhashtable_remove_fast(&node->names, &name->hash, ockam_name_params);
	name->listed = false;
}

int ockam_name_replace(struct ockam_node *node, struct ockam_name *old,
		       struct ockam_name *new)
{
	int err;

	err = rhashtable_replace_fast(&node->names, &old->hash, &new->hash,
				      ockam_name_params);
	if (err)
		return err;

	old->listed = false;
	new->listed = true;
	return 0;
}

struct ockam_name *ockam_name_lookup(struct ockam_node *node, const u8 *hop)
{
	return rhashtable_lookup(&node->names, hop, ockam_name_params);
}

void ockam_name_random(u8 key[2 + OCKAM_RANDOM_LEN])
{
	u8 raw[OCKAM_RANDOM_LEN / 2];

	get_random_bytes(raw, sizeof(raw));
	key[0] = OCKAM_TYPE_LOCAL;
	key[1] = OCKAM_RANDOM_LEN;
	bin2hex((char *)key + 2, raw, sizeof(raw));
}

bool ockam_name_is_random(const u8 *key)
{
	unsigned int i;

	if (key[0] != OCKAM_TYPE_LOCAL || key[1] != OCKAM_RANDOM_LEN)
		return false;
	for (i = 0; i < OCKAM_RANDOM_LEN; i++) {
		u8 c = key[2 + i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

bool ockam_name_is_reserved(const struct ockam_node *node, const u8 *key)
{
	unsigned int i;

	if (key[0] != OCKAM_TYPE_LOCAL)
		return false;
	for (i = 0; i < ARRAY_SIZE(ockam_reserved); i++)
		if (strlen(ockam_reserved[i]) == key[1] &&
		    !memcmp(ockam_reserved[i], key + 2, key[1]))
			return true;
	return false;
}
