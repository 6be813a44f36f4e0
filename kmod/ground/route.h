/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Routes in flat form: hops one after another, each a type byte, a length
 * byte and that many bytes, plus a hop count kept beside them.  User space
 * hands routes over in this form and the router works on it.
 */
#ifndef OCKAM_ROUTE_H
#define OCKAM_ROUTE_H

#include "ground/ground.h"

#define OCKAM_ROUTE_MAX_HOPS	64	/* addresses in one route */
#define OCKAM_ROUTE_MAX_BYTES	4096	/* bytes of one route, flat */
#define OCKAM_ADDR_MAX_BYTES	255	/* bytes in one address */
#define OCKAM_HOP_HEAD		2	/* type and length */

#define OCKAM_ADDR_LOCAL	0	/* the type of a local address */

/**
 * struct ockam_addr - a view of one address; owns nothing
 * @type: transport type, 0 is local
 * @len: bytes in the address
 * @bytes: the address
 */
struct ockam_addr {
	u8 type;
	u8 len;
	const u8 *bytes;
};

/**
 * ockam_route_next() - look at the first hop of a flat route
 * @p: the route
 * @len: bytes in it
 * @a: set to the hop; left alone on failure
 *
 * Return: bytes that the hop takes (at least 2), -EINVAL if the route is
 * empty or ends within the hop.
 */
static __always_inline int ockam_route_next(const u8 *p, u32 len,
					    struct ockam_addr *a)
{
	if (unlikely(len < OCKAM_HOP_HEAD))
		return -EINVAL;
	if (unlikely(len - OCKAM_HOP_HEAD < p[1]))
		return -EINVAL;

	a->type = p[0];
	a->len = p[1];
	a->bytes = p + OCKAM_HOP_HEAD;
	return OCKAM_HOP_HEAD + p[1];
}

/**
 * ockam_addr_size() - bytes that an address takes as a hop of a flat route
 * @a: the address
 */
static __always_inline u32 ockam_addr_size(const struct ockam_addr *a)
{
	return OCKAM_HOP_HEAD + (u32)a->len;
}

/**
 * ockam_addr_eq() - are two addresses the same?
 * @a: one
 * @b: the other
 */
static __always_inline bool ockam_addr_eq(const struct ockam_addr *a,
					  const struct ockam_addr *b)
{
	return a->type == b->type && a->len == b->len &&
	       !memcmp(a->bytes, b->bytes, a->len);
}

/**
 * ockam_addr_put() - write an address as a hop
 * @dst: room for ockam_addr_size() bytes; may not overlap the address
 * @a: the address
 *
 * Return: the end of what was written.
 */
static __always_inline u8 *ockam_addr_put(u8 *dst, const struct ockam_addr *a)
{
	dst[0] = a->type;
	dst[1] = a->len;
	memcpy(dst + OCKAM_HOP_HEAD, a->bytes, a->len);
	return dst + OCKAM_HOP_HEAD + a->len;
}

/**
 * ockam_route_check() - is this a route that a program may send on?
 * @p: the route, flat; may be NULL if @len is 0
 * @len: bytes in it
 * @nhops: hops that it is said to have
 *
 * A local address of no bytes names nothing and is refused here.  Routes off
 * the wire may hold one: they are only looked up, and found nowhere.
 *
 * Return: 0; -EMSGSIZE if it is longer than any route may be; -EINVAL if it
 * is malformed or has another number of hops.  An empty route is 0 here.
 */
int ockam_route_check(const u8 *p, u32 len, u32 nhops);

/**
 * ockam_route_count() - check a flat route and count its hops
 * @p: the route; may be NULL if @len is 0
 * @len: bytes in it
 *
 * Return: the number of hops, 0 to 64; -EINVAL or -EMSGSIZE as
 * ockam_route_check() has it.
 */
int ockam_route_count(const u8 *p, u32 len);

#endif /* OCKAM_ROUTE_H */
