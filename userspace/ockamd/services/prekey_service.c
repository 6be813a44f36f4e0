// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The prekey service: boxes (postbox.c) behind a worker, kept in the key store. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "config/policy.h"
#include "core/clock.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/rate.h"
#include "core/source.h"
#include "core/wanted.h"
#include "core/who.h"
#include "handshake/x3dh_socket.h"
#include "services/prekey_service.h"
#include "identity.h"
#include "keystore.h"
#include "ocbor.h"
#include "peer.h"
#include "postbox.h"

#define FILE_MAX	(16U << 20)
#define EXPIRE_MS	60000

static struct postbox *boxes;
static uint64_t next_expiry;

static void readable(struct watch *w, uint32_t events);
static struct watch worker = { .fd = -1, .fn = readable };

/* ---- files ---- */

static int save(void *ctx, const uint8_t id[IDENT_ID_LEN], const uint8_t *buf,
		size_t len)
{
	int err = keystore_box_save(the.keys, id, buf, len);

	(void)ctx;
	if (err)
		log_error("prekey service: box of %s: %s", id_text(id),
			  strerror(-err));
	return err;
}

static int save_letter(void *ctx, const uint8_t id[IDENT_ID_LEN],
		       uint64_t number, const uint8_t *buf, size_t len)
{
	int err = keystore_letter_save(the.keys, id, number, buf, len);

	(void)ctx;
	if (err)
		log_error("prekey service: a message in the box of %s: %s",
			  id_text(id), strerror(-err));
	return err;
}

static void restore(void *ctx, const struct keystore_box *b)
{
	int err;

	(void)ctx;
	if (b->err == -EPERM) {
		log_error("prekey service: box %s is not taken: a file of ockamd's user that nobody else may read (mode 0600, one link) is expected",
			  b->name);
		return;
	}
	if (b->err) {
		log_error("prekey service: box %s cannot be read: %s", b->name,
			  strerror(-b->err));
		return;
	}
	err = b->letter ?
	      postbox_restore_letter(boxes, b->id, b->buf, b->len) :
	      postbox_restore(boxes, b->buf, b->len);
	if (err)
		log_error("prekey service: box %s: %s", b->name,
			  err == POSTBOX_E_REQUEST ? "damaged" :
						     postbox_strerror(err));
}

/* ---- requests ---- */

/*
 * A request counts for the channel's peer when his own node wrote it: what
 * another one sent through that node has a longer return route.
 */
static const uint8_t *asker(const struct ockam_info *info)
{
	const struct conf_prekeys *conf = &the.config->prekeys;
	const uint8_t *id = info->channels[0].identifier;

	if (info->peer.origin != OCKAM_ORIGIN_CHANNEL || info->peer.flags ||
	    info->peer.nchannels != 1 || info->ret.nhops != 2 ||
	    !trust_policy_allows(&conf->policy->trust, id))
		return NULL;
	return id;
}

/* A bundle and its one-time prekeys have up to 200 signatures. */
static bool may_ask(const struct ockam_info *info, const uint8_t *buf,
		    size_t len)
{
	int op = postbox_peek(buf, len);
	struct source src;

	if (op != POSTBOX_PUBLISH && op != POSTBOX_FETCH)
		return true;
	/* Is refused for nothing. */
	if (op == POSTBOX_PUBLISH && !asker(info))
		return true;
	source_of(info, &src);
	if (rate_allows(&src, op == POSTBOX_PUBLISH ? 4 : 1))
		return true;
	if (may_log())
		log_info("prekey service: too many requests of %s",
			 source_text(&src));
	return false;
}

/* Identities cost nothing where anybody is allowed; where they come from does. */
static void digest(const struct ockam_info *info,
		   uint8_t out[POSTBOX_SOURCE_LEN])
{
	crypto_generichash_state st;
	struct source src;

	source_of(info, &src);
	crypto_generichash_init(&st, NULL, 0, POSTBOX_SOURCE_LEN);
	crypto_generichash_update(&st, &src.kind, sizeof(src.kind));
	crypto_generichash_update(&st, (const uint8_t *)&src.id,
				  sizeof(src.id));
	crypto_generichash_update(&st, src.ip, sizeof(src.ip));
	crypto_generichash_final(&st, out, POSTBOX_SOURCE_LEN);
}

static void readable(struct watch *w, uint32_t events)
{
	static uint8_t in[X3DH_MESSAGE_MAX], out[X3DH_MESSAGE_MAX + BUNDLE_MAX];
	static struct ockam_info info;
	uint8_t source[POSTBOX_SOURCE_LEN];
	struct postbox_asker who = { .source = source };
	struct ocb_writer ans;
	ssize_t n;
	int err;

	(void)events;
	n = ockam_recv(w->fd, in, sizeof(in), &info, 0);
	if (n < 0 || !info.has_peer || !info.has_ret || !info.ret.nhops ||
	    info.flags & (MSG_TRUNC | MSG_CTRUNC))
		return;
	/* Who asks does so again. */
	if (clock_is_wrong() || !may_ask(&info, in, n))
		return;
	ocb_writer_init(&ans, out, sizeof(out));
	if (postbox_peek(in, n) == POSTBOX_FETCH &&
	    x3dh_wants_cookie(&info, in, n, &ans)) {
		if (ans.len)
			ockam_send_path(w->fd, &info.ret, out, ans.len);
		return;
	}
	digest(&info, source);
	who.id = asker(&info);
	who.route = info.ret.hops;
	who.route_len = info.ret.len;
	err = postbox_serve(boxes, &who, in, n, now_seconds(), &ans);
	if (err && err != POSTBOX_E_EMPTY)
		log_debug("prekey service: a request of %s is refused: %s",
			  who.id ? who_text(who.id) : "nobody",
			  postbox_strerror(err));
	if (ockam_send_path(w->fd, &info.ret, out, ans.len) < 0)
		log_debug("prekey service: an answer could not be sent: %s",
			  strerror(errno));
}

/* ---- configuration ---- */

static void service_end(void)
{
	x3dh_unwatch(&worker);
	postbox_free(boxes);
	boxes = NULL;
	keystore_boxes_close(the.keys);
}

static int begin(const struct config *c)
{
	const struct postbox_store store = {
		.save = save,
		.letter = save_letter,
	};
	const unsigned int want = 1U << OCKAM_RECV_RETURN |
				  1U << OCKAM_RECV_PEER;
	int fd, err;

	boxes = postbox_new(&store, c->prekeys.max, 0);
	err = boxes ? keystore_boxes_open(the.keys) : -ENOMEM;
	if (!err)
		err = keystore_boxes_read(the.keys, FILE_MAX, restore, NULL);
	if (err) {
		errno = -err;
		return -1;
	}
	fd = socket(ockam_family(),
		    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	x3dh_watch(&worker, fd, readable);
	if (worker.fd < 0 ||
	    ockam_accept(fd, OCKAM_ACCEPT_LINKS | OCKAM_ACCEPT_CHANNELS, NULL,
			 0) ||
	    ockam_want(fd, want) || ockam_bind(fd, PREKEY_WORKER))
		return -1;
	return 0;
}

static int service_make(struct wanted *w)
{
	int err;

	(void)w;
	if (worker.fd >= 0)
		return 0;
	errno = 0;
	if (!begin(the.config)) {
		log_info("prekey service: at " PREKEY_WORKER);
		return 0;
	}
	err = errno ? -errno : -EIO;
	service_end();
	return err;
}

static const struct wanted_kind service_kind = {
	"prekey-service", service_make
};
static struct wanted service;
static bool is_wanted;

void prekey_service_apply(const struct config *c)
{
	if (c->prekeys.enabled && !is_wanted)
		wanted_add(&service, &service_kind, PREKEY_WORKER);
	else if (!c->prekeys.enabled && is_wanted)
		wanted_remove(&service);
	is_wanted = c->prekeys.enabled;
	if (is_wanted)
		wanted_now(&service);
	else
		service_end();
}

void prekey_service_end(void)
{
	if (is_wanted)
		wanted_remove(&service);
	is_wanted = false;
	service_end();
}

void prekey_service_tick(void)
{
	if (!boxes || now_ms() < next_expiry || clock_is_wrong())
		return;
	next_expiry = now_ms() + EXPIRE_MS;
	postbox_expire(boxes, now_seconds());
}
