// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Who is behind a TCP connection of an outlet, for its target. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/portal_who.h"

/* haproxy's doc/proxy-protocol.txt, section 2.2 */
#define PROXY_COMMAND	0x21	/* version 2, PROXY */
#define PROXY_TCP4	0x11
#define PROXY_TCP6	0x21
#define PROXY_AUTHORITY	0x02
#define PROXY_OCKAM	0xe0	/* the first of those for local use */

static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";

static uint8_t *put(uint8_t *p, const void *data, size_t len)
{
	memcpy(p, data, len);
	return p + len;
}

static uint8_t *put_field(uint8_t *p, uint8_t type, const char *text)
{
	size_t len = strlen(text);

	*p++ = type;
	*p++ = len >> 8;
	*p++ = len;
	return put(p, text, len);
}

static bool both_ends(int fd, struct sockaddr_storage *own,
		      struct sockaddr_storage *peer)
{
	socklen_t own_len = sizeof(*own), peer_len = sizeof(*peer);

	return !getsockname(fd, (struct sockaddr *)own, &own_len) &&
	       !getpeername(fd, (struct sockaddr *)peer, &peer_len);
}

size_t proxy_header(int fd, const uint8_t id[IDENT_ID_LEN], uint8_t *buf)
{
	struct sockaddr_storage own, peer;
	const struct sockaddr_in *in = (void *)&own, *to = (void *)&peer;
	const struct sockaddr_in6 *in6 = (void *)&own, *to6 = (void *)&peer;
	char text[IDENT_ID_TEXT_LEN + 1];
	uint8_t *p, *len;

	if (!both_ends(fd, &own, &peer))
		return 0;
	p = put(buf, signature, sizeof(signature) - 1);
	*p++ = PROXY_COMMAND;
	*p++ = own.ss_family == AF_INET ? PROXY_TCP4 : PROXY_TCP6;
	len = p;
	p += 2;
	if (own.ss_family == AF_INET) {
		p = put(p, &in->sin_addr, sizeof(in->sin_addr));
		p = put(p, &to->sin_addr, sizeof(to->sin_addr));
		p = put(p, &in->sin_port, sizeof(in->sin_port));
		p = put(p, &to->sin_port, sizeof(to->sin_port));
	} else {
		p = put(p, &in6->sin6_addr, sizeof(in6->sin6_addr));
		p = put(p, &to6->sin6_addr, sizeof(to6->sin6_addr));
		p = put(p, &in6->sin6_port, sizeof(in6->sin6_port));
		p = put(p, &to6->sin6_port, sizeof(to6->sin6_port));
	}
	ident_id_print(id, text);
	p = put_field(p, PROXY_AUTHORITY, text);
	p = put_field(p, PROXY_OCKAM, text);
	len[0] = (p - len - 2) >> 8;
	len[1] = p - len - 2;
	return p - buf;
}

/* IPv4 in IPv6 is IPv4. */
static void plain(struct sockaddr_storage *a)
{
	struct sockaddr_in6 *in6 = (void *)a;
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return;
	in.sin_port = in6->sin6_port;
	memcpy(&in.sin_addr, in6->sin6_addr.s6_addr + 12, 4);
	memset(a, 0, sizeof(*a));
	memcpy(a, &in, sizeof(in));
}

static bool same(const struct sockaddr_storage *a,
		 const struct sockaddr_storage *b)
{
	const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
	const struct sockaddr_in6 *v = (const void *)a, *w = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return x->sin_port == y->sin_port &&
		       x->sin_addr.s_addr == y->sin_addr.s_addr;
	return v->sin6_port == w->sin6_port &&
	       !memcmp(&v->sin6_addr, &w->sin6_addr, sizeof(v->sin6_addr));
}

bool is_own_address(int fd, const struct sockaddr_storage *address)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);

	return !getsockname(fd, (struct sockaddr *)&own, &len) &&
	       same(&own, address);
}

/* An address of /proc/net/tcp: words as they lie in memory, then the port. */
static bool proc_address(const char *text, struct sockaddr_storage *a)
{
	struct sockaddr_in6 *in6 = (void *)a;
	struct sockaddr_in *in = (void *)a;
	unsigned int w[4], port;

	memset(a, 0, sizeof(*a));
	if (sscanf(text, "%8x%8x%8x%8x:%x", &w[0], &w[1], &w[2], &w[3],
		   &port) == 5) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, w, sizeof(w));
		plain(a);
		return true;
	}
	if (sscanf(text, "%8x:%x", &w[0], &port) != 2)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, w, sizeof(w[0]));
	return true;
}

static bool has_uid(const char *path, const struct sockaddr_storage *local,
		    const struct sockaddr_storage *remote, uid_t uid)
{
	struct sockaddr_storage a, b;
	char line[512], from[64], to[64];
	bool found = false;
	unsigned int who;
	FILE *f;

	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %63s %63s %*s %*s %*s %*s %u", from,
			       to, &who) == 3 &&
			who == uid && proc_address(from, &a) &&
			proc_address(to, &b) && same(&a, local) &&
			same(&b, remote);
	if (f)
		fclose(f);
	return found;
}

bool is_target_of(int fd, uid_t uid)
{
	struct sockaddr_storage own, peer;

	if (!both_ends(fd, &own, &peer))
		return false;
	plain(&own);
	plain(&peer);
	return has_uid("/proc/net/tcp", &peer, &own, uid) ||
	       has_uid("/proc/net/tcp6", &peer, &own, uid);
}

bool address_parse(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *in6 = (void *)address;
	struct sockaddr_in *in = (void *)address;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	unsigned long port;
	char *end;
	size_t len;

	memset(address, 0, sizeof(*address));
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port > UINT16_MAX)
		return false;
	len = colon - text;
	memcpy(host, text, len);
	host[len] = 0;
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return false;
		plain(address);
		return true;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}
