/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internet addresses as Ockam's own nodes write them: "10.0.0.2:4000",
 * "[2001:db8::2]:4000", "[fe80::2%3]:4000".
 */
#ifndef _OCKAM_ENDPOINT_H
#define _OCKAM_ENDPOINT_H

#include <compat.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/types.h>

#define OCKAM_ENDPOINT_LEN	64	/* bytes of text at most */

union ockam_endpoint {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

/* As binding and connecting want it. */
static inline struct sockaddr_unsized *
ockam_endpoint_addr(union ockam_endpoint *ep)
{
	return (struct sockaddr_unsized *)&ep->sa;
}

static inline int ockam_endpoint_size(const union ockam_endpoint *ep)
{
	return ep->sa.sa_family == AF_INET6 ? sizeof(ep->in6) : sizeof(ep->in);
}

/* The address of @type for it, in flat form. */
void ockam_endpoint_key(u8 key[2 + OCKAM_ENDPOINT_LEN], u8 type,
			const union ockam_endpoint *ep);

/* 0, or -EINVAL if @text is nothing of that kind. */
int ockam_endpoint_parse(union ockam_endpoint *ep, const u8 *text, u32 len);

/* The same host and port? */
static inline bool ockam_endpoint_same(const union ockam_endpoint *a,
				       const union ockam_endpoint *b)
{
	if (a->sa.sa_family != b->sa.sa_family ||
	    a->in.sin_port != b->in.sin_port)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
		       sizeof(a->in6.sin6_addr));
}

/*
 * A keyed hash of host and port, never 0: what @link of a message's origin is for
 * links, this is for those who share one.
 */
u64 ockam_endpoint_print(const union ockam_endpoint *ep);

/* One host's address, with a port? */
bool ockam_endpoint_unicast(const union ockam_endpoint *ep);

#endif /* _OCKAM_ENDPOINT_H */
