// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Routes for programs: the text form around struct ockam_path. */
#include <errno.h>
#include <string.h>

#include <ockam/ockam.h>

#include "error.h"
#include "text.h"

int ockam_path_append(struct ockam_path *path, const char *text)
{
	struct ockam_text_error bad = { 0 };
	size_t room, len;
	int hops;

	room = sizeof(path->hops) - path->len;
	hops = ockam_text_parse_route(text, path->hops + path->len, room, &len,
				      &bad);
	if (hops < 0)
		return ockam_fail(-hops, "route \"%.200s\", byte %zu: %s", text,
				  bad.at, bad.what);
	if (path->nhops + hops > OCKAM_HOPS_MAX)
		return ockam_fail(EMSGSIZE, "more than %d addresses in a route",
				  OCKAM_HOPS_MAX);
	path->len += len;
	path->nhops += hops;
	return 0;
}

int ockam_path_parse(struct ockam_path *path, const char *text)
{
	path->len = 0;
	path->nhops = 0;
	return ockam_path_append(path, text);
}

int ockam_path_join(struct ockam_path *path, const struct ockam_path *tail)
{
	if (path->nhops + tail->nhops > OCKAM_HOPS_MAX ||
	    path->len + tail->len > OCKAM_ROUTE_MAX)
		return ockam_fail(EMSGSIZE, "the route becomes too long");
	memcpy(path->hops + path->len, tail->hops, tail->len);
	path->len += tail->len;
	path->nhops += tail->nhops;
	return 0;
}

int ockam_path_print(const struct ockam_path *path, char *text, size_t size)
{
	int n = ockam_text_print_route(path->hops, path->len, text, size);

	if (n < 0)
		return ockam_fail(EINVAL, "this is no route");
	return n;
}

int ockam_sockaddr(struct sockaddr_ockam *addr, const char *text)
{
	struct ockam_path path;

	if (ockam_path_parse(&path, text))
		return -1;
	if (path.len > sizeof(addr->sok_hops))
		return ockam_fail(EMSGSIZE,
				  "the route does not fit in a socket address");
	memset(addr, 0, sizeof(*addr));
	addr->sok_family = ockam_family();
	addr->sok_nhops = path.nhops;
	memcpy(addr->sok_hops, path.hops, path.len);
	return 0;
}

int ockam_identifier_parse(const char *text, uint8_t id[OCKAM_IDENTIFIER_LEN])
{
	if (ockam_text_parse_identifier(text, id))
		return ockam_fail(EINVAL, "\"%.80s\" is no identifier", text);
	return 0;
}

void ockam_identifier_print(const uint8_t id[OCKAM_IDENTIFIER_LEN],
			    char text[OCKAM_IDENTIFIER_TEXT])
{
	ockam_text_print_identifier(id, text);
}
