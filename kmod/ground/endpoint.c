// SPDX-License-Identifier: GPL-2.0
/* Internet addresses as text. */
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <net/ipv6.h>

#include "ground/endpoint.h"

void ockam_endpoint_key(u8 key[2 + OCKAM_ENDPOINT_LEN], u8 type,
			const union ockam_endpoint *ep)
{
	char *text = key + 2;
	int n;

	if (ep->sa.sa_family == AF_INET)
		n = scnprintf(text, OCKAM_ENDPOINT_LEN, "%pI4:%u",
			      &ep->in.sin_addr, ntohs(ep->in.sin_port));
	else if (ep->in6.sin6_scope_id)
		n = scnprintf(text, OCKAM_ENDPOINT_LEN, "[%pI6c%%%u]:%u",
			      &ep->in6.sin6_addr, ep->in6.sin6_scope_id,
			      ntohs(ep->in6.sin6_port));
	else
		n = scnprintf(text, OCKAM_ENDPOINT_LEN, "[%pI6c]:%u",
			      &ep->in6.sin6_addr, ntohs(ep->in6.sin6_port));
	key[0] = type;
	key[1] = n;
}

/* Decimal digits only, and nothing after them. */
static int parse_number(const char *s, u32 max, u32 *v)
{
	if (*s < '0' || *s > '9' || kstrtou32(s, 10, v) || *v > max)
		return -EINVAL;
	return 0;
}

static int parse_in6(union ockam_endpoint *ep, char *host)
{
	char *scope = strchr(host, '%');
	u32 id = 0;

	if (scope) {
		*scope++ = '\0';
		if (parse_number(scope, INT_MAX, &id))
			return -EINVAL;
	}
	if (!in6_pton(host, -1, ep->in6.sin6_addr.s6_addr, -1, NULL))
		return -EINVAL;
	ep->in6.sin6_family = AF_INET6;
	ep->in6.sin6_scope_id = id;
	return 0;
}

int ockam_endpoint_parse(union ockam_endpoint *ep, const u8 *text, u32 len)
{
	char buf[OCKAM_ENDPOINT_LEN + 1];
	char *port;
	u32 v;

	memset(ep, 0, sizeof(*ep));
	if (len > OCKAM_ENDPOINT_LEN || memchr(text, 0, len) ||
	    memchr(text, '\n', len))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = '\0';

	port = strrchr(buf, ':');
	if (!port || parse_number(port + 1, U16_MAX, &v))
		return -EINVAL;
	*port = '\0';
	if (buf[0] == '[') {
		if (port - buf < 2 || port[-1] != ']')
			return -EINVAL;
		port[-1] = '\0';
		if (parse_in6(ep, buf + 1))
			return -EINVAL;
		ep->in6.sin6_port = htons(v);
		return 0;
	}
	if (!in4_pton(buf, -1, (u8 *)&ep->in.sin_addr, -1, NULL))
		return -EINVAL;
	ep->in.sin_family = AF_INET;
	ep->in.sin_port = htons(v);
	return 0;
}

u64 ockam_endpoint_print(const union ockam_endpoint *ep)
{
	static siphash_aligned_key_t secret;
	struct {
		struct in6_addr	host;
		u32		scope;
		u32		port;
	} __aligned(8) id = { .port = ntohs(ep->in.sin_port) };

	if (ep->sa.sa_family == AF_INET) {
		ipv6_addr_set_v4mapped(ep->in.sin_addr.s_addr, &id.host);
	} else {
		id.host = ep->in6.sin6_addr;
		/* Elsewhere it says nothing, and datagrams come without it. */
		if (__ipv6_addr_needs_scope_id(__ipv6_addr_type(&id.host)))
			id.scope = ep->in6.sin6_scope_id;
	}
	get_random_once(&secret, sizeof(secret));
	return siphash(&id, sizeof(id), &secret) ?: 1;
}

bool ockam_endpoint_unicast(const union ockam_endpoint *ep)
{
	if (ep->sa.sa_family == AF_INET)
		return ep->in.sin_port &&
		       !ipv4_is_multicast(ep->in.sin_addr.s_addr) &&
		       !ipv4_is_lbcast(ep->in.sin_addr.s_addr) &&
		       !ipv4_is_zeronet(ep->in.sin_addr.s_addr);
	return ep->in6.sin6_port && !ipv6_addr_any(&ep->in6.sin6_addr) &&
	       !ipv6_addr_is_multicast(&ep->in6.sin6_addr) &&
	       !ipv6_addr_v4mapped(&ep->in6.sin6_addr);
}
