// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* X3DH: sockets, and the messages of a prekey service. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base.h"
#include "core/daemon.h"
#include "core/loop.h"
#include "handshake/amplify.h"
#include "handshake/x3dh_socket.h"
#include "nl.h"
#include "ocbor.h"
#include "postbox.h"

#define UNFOLD_MAX	8

static int set_up(int fd, bool handshake, unsigned int scope,
		  struct ockam_path *own)
{
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;
	socklen_t len = sizeof(own->hops);
	int on = 1;

	if (ockam_accept(fd, scope, NULL, 0) || ockam_want(fd, want) ||
	    ockam_bind(fd, NULL) ||
	    (handshake && setsockopt(fd, SOL_OCKAM, OCKAM_HANDSHAKE, &on,
				     sizeof(on))) ||
	    getsockopt(fd, SOL_OCKAM, OCKAM_BIND, own->hops, &len))
		return -errno;
	own->len = len;
	own->nhops = 1;
	return 0;
}

int x3dh_socket(bool handshake, unsigned int scope, struct ockam_path *own)
{
	int fd, err;

	fd = socket(ockam_family(),
		    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = set_up(fd, handshake, scope, own);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int x3dh_path(struct ockam_path *path, const uint8_t *route, size_t len)
{
	size_t used;

	memset(path, 0, sizeof(*path));
	if (len > sizeof(path->hops))
		return -EMSGSIZE;
	for (used = 0; used < len; path->nhops++) {
		if (len - used < 2 || len - used - 2 < route[used + 1] ||
		    path->nhops == OCKAM_HOPS_MAX)
			return -EINVAL;
		used += 2 + route[used + 1];
	}
	if (len)
		memcpy(path->hops, route, len);
	path->len = len;
	return 0;
}

void x3dh_watch(struct watch *w, int fd, void (*fn)(struct watch *, uint32_t))
{
	w->fd = fd;
	w->fn = fn;
	if (fd >= 0 && loop_add(w, EPOLLIN)) {
		close(fd);
		w->fd = -1;
	}
}

void x3dh_unwatch(struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_del(w);
	close(w->fd);
	w->fd = -1;
}

void x3dh_unfold(struct ockam_path *path)
{
	static struct ockam_nl_hop hop;
	struct ockam_path to, rest;
	size_t first;
	int i;

	for (i = 0; i < UNFOLD_MAX && path->nhops; i++) {
		first = path_first(path);
		memset(&hop, 0, sizeof(hop));
		ockam_nl_mark(&hop, OCKAM_A_HOP_ADDRESS);
		hop.address.len = first;
		memcpy(hop.address.data, path->hops, first);
		if (ockam_nl_hop_get(the.nl, &hop) || !hop.route.len)
			return;
		memset(&rest, 0, sizeof(rest));
		rest.nhops = path->nhops - 1;
		rest.len = path->len - first;
		memcpy(rest.hops, path->hops + first, rest.len);
		if (x3dh_path(&to, hop.route.data, hop.route.len) ||
		    ockam_path_join(&to, &rest))
			return;
		*path = to;
	}
}

void x3dh_ask(struct ocb_writer *w, uint64_t number, enum postbox_op op,
	      size_t fields)
{
	ocb_put_array(w, 2);
	ocb_put_uint(w, number);
	ocb_put_array(w, 2);
	ocb_put_uint(w, op);
	ocb_put_array(w, fields);
}

int x3dh_reply(const uint8_t *buf, size_t len, uint64_t number,
	       struct ocb_reader *r, uint64_t *result, struct ocb_list *l)
{
	struct ocb_list outer;
	uint64_t n;

	ocb_reader_init(r, buf, len);
	if (ocb_skip(r) || r->left)
		return -EBADMSG;
	ocb_reader_init(r, buf, len);
	if (ocb_list_begin(r, &outer) || ocb_list_need(r, &outer) ||
	    ocb_get_uint(r, &n) || n != number || ocb_list_need(r, &outer) ||
	    ocb_enum_begin(r, result, l) || *result >= POSTBOX_E_END)
		return -EBADMSG;
	return 0;
}

/* ---- cookies ---- */

#define HEAD_2		0x82	/* CBOR: an array of two, of three, 16 bytes */
#define HEAD_3		0x83
#define HEAD_COOKIE	(0x40 | AMPLIFY_COOKIE_LEN)

const uint8_t *x3dh_cookie(const uint8_t *buf, size_t len)
{
	if (len <= 1 + AMPLIFY_COOKIE_LEN || buf[0] != HEAD_3 ||
	    buf[len - AMPLIFY_COOKIE_LEN - 1] != HEAD_COOKIE)
		return NULL;
	return buf + len - AMPLIFY_COOKIE_LEN;
}

void x3dh_add_cookie(struct ocb_writer *w, size_t start, const uint8_t *cookie)
{
	if (!w->full && w->buf[start] == HEAD_2)
		w->buf[start] = HEAD_3;
	ocb_put_bytes(w, cookie, AMPLIFY_COOKIE_LEN);
}

bool x3dh_wants_cookie(const struct ockam_info *info, const uint8_t *buf,
		       size_t len, struct ocb_writer *w)
{
	const uint8_t *cookie = x3dh_cookie(buf, len);
	uint8_t mine[AMPLIFY_COOKIE_LEN];
	struct ocb_list outer;
	struct ocb_reader r;
	uint64_t number;

	if (!amplify_is_open(info) ||
	    (cookie && amplify_knows(&info->ret, cookie)))
		return false;
	ocb_reader_init(&r, buf, len);
	if (ocb_list_begin(&r, &outer) || ocb_list_need(&r, &outer) ||
	    ocb_get_uint(&r, &number))
		return true;
	amplify_cookie(&info->ret, mine);
	ocb_put_array(w, 2);
	ocb_put_uint(w, number);
	ocb_put_array(w, 2);
	ocb_put_uint(w, POSTBOX_E_COOKIE);
	ocb_put_array(w, 1);
	ocb_put_bytes(w, mine, sizeof(mine));
	if (w->len > len)
		w->len = 0;
	return true;
}
