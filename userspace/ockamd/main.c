// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamd: start, privileges, signals. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <sodium.h>

#include "config/config.h"
#include "core/base.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/network.h"
#include "core/privileges.h"
#include "core/resolve.h"
#include "core/service.h"
#include "core/service_manager.h"
#include "core/turns.h"
#include "core/wanted.h"
#include "handshake/channels.h"
#include "handshake/confirm.h"
#include "handshake/keys.h"
#include "handshake/permits.h"
#include "handshake/refresh.h"
#include "handshake/session.h"
#include "handshake/x3dh_accept.h"
#include "handshake/x3dh_initiate.h"
#include "handshake/x3dh_keys.h"
#include "handshake/x3dh_left.h"
#include "handshake/x3dh_mail.h"
#include "services/asked.h"
#include "services/keep.h"
#include "services/links.h"
#include "services/listener.h"
#include "services/peers.h"
#include "services/portal_gate.h"
#include "services/prekey_service.h"
#include "services/relay.h"
#include "services/relay_at.h"
#include "services/requests.h"
#include "services/reserve.h"
#include "reload.h"
#include "keystore.h"
#include "nl.h"

#define CONFIG_DEFAULT	"/etc/ockam/ockamd.conf"

static void usage(FILE *to)
{
	fputs("usage: ockamd [-f FILE] [-d] [-s] [-t]\n"
	      "  -f FILE  configuration (" CONFIG_DEFAULT ")\n"
	      "  -d       debug messages\n"
	      "  -s       log to syslog\n"
	      "  -t       only check the configuration\n"
	      "  -V       version\n", to);
}

/* ---- signals ---- */

static void signal_readable(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	if (read(w->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	switch (si.ssi_signo) {
	case SIGHUP:
		reload();
		break;
	case SIGUSR1:
		sessions_log();
		break;
	default:
		log_info("ending; channels and links stay");
		manager_stopping();
		loop_stop();
	}
}

static struct watch signals = { .fd = -1, .fn = signal_readable };

static void signals_of(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
}

/* Before anything else: what comes until there is a loop is done then. */
static void signals_hold(int how)
{
	sigset_t set;

	signals_of(&set);
	sigprocmask(how, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int signals_init(void)
{
	sigset_t set;

	signals_of(&set);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0)
		return -errno;
	return loop_add(&signals, EPOLLIN);
}

/* ---- start ---- */

/* Without either, channels would be there that nobody looks after. */
static int take_over(void)
{
	int err = left_begin() ?: permits_load();

	if (err)
		log_error("what the process before knew of channels is not taken over: not started");
	return err;
}

/* Who stands on what: begin in this order, end in the other one. */
static const struct service services[] = {
	{ .name = "turns", .init = turns_init, .end = turns_end },
	{ .name = "names", .init = reserve_init, .release = reserve_apply,
	  .object_event = reserve_event },
	/* Nothing that the kernel reports is missed by those behind it. */
	{ .name = "channels", .init = channels_init, .tick = channels_tick,
	  .end = channels_end },
	{ .name = "what was left", .end = left_end },
	{ .name = "permits", .init = take_over, .tick = permits_tick,
	  .channel_gone = permits_gone, .check = permits_check,
	  .end = permits_end },
	{ .name = "confirmation", .init = confirm_init,
	  .tick = confirm_tick, .channel_event = confirm_event,
	  .channel_gone = confirm_done, .end = confirm_end },
	{ .name = "what is wanted", .tick = wanted_tick,
	  .check = wanted_check },
	{ .name = "network", .init = network_init, .end = network_end },
	{ .name = "requests", .init = requests_init, .end = requests_end },
	{ .name = "names of hosts", .init = resolve_init, .end = resolve_end },
	{ .name = "links", .release = links_release, .apply = links_apply,
	  .object_event = links_event, .end = links_end },
	{ .name = "listeners", .release = listeners_release,
	  .apply = listeners_apply, .end = listeners_end },
	{ .name = "programs' listeners", .tick = asked_tick },
	{ .name = "relay", .apply = relay_apply, .tick = relay_tick,
	  .end = relay_end },
	{ .name = "kept channels", .init = keeps_init,
	  .release = keeps_release, .apply = keeps_apply,
	  .tick = keeps_tick, .channel_event = keep_channel_event,
	  .channel_lost = keeps_lost, .channel_gone = keeps_gone,
	  .object_event = keeps_object_event, .check = keeps_check,
	  .end = keeps_end },
	{ .name = "names of peers", .init = peers_init,
	  .release = peers_release, .apply = peers_apply,
	  .channel_event = peers_channel_event,
	  .channel_gone = peers_channel_gone,
	  .channel_used = peers_channel_used, .check = peers_check_rights,
	  .object_event = peers_object_event, .end = peers_end },
	{ .name = "names at relays", .release = relays_at_release,
	  .apply = relays_at_apply, .channel_used = relays_at_channel_used,
	  .object_event = relays_at_object_event, .end = relays_at_end },
	{ .name = "own prekeys", .tick = own_prekeys_tick,
	  .end = own_prekeys_end },
	{ .name = "prekey service", .apply = prekey_service_apply,
	  .tick = prekey_service_tick, .end = prekey_service_end },
	{ .name = "mailboxes", .apply = mail_apply, .tick = mail_tick,
	  .end = mail_end },
	{ .name = "x3dh, responder", .tick = x3dh_accept_tick,
	  .channel_event = x3dh_accept_event,
	  .channel_gone = x3dh_accept_gone, .check = x3dh_accept_check,
	  .end = x3dh_accept_end },
	{ .name = "x3dh, initiator", .tick = x3dh_begin_tick,
	  .channel_gone = x3dh_begin_gone, .check = x3dh_begin_check,
	  .end = x3dh_begin_end },
	{ .name = "handshakes", .tick = sessions_tick, .end = sessions_end },
	/* When listeners and kept channels are what they shall be. */
	{ .name = "what permits depend on", .apply = permits_apply },
	{ .name = "credentials", .init = refresh_init, .apply = refresh_apply,
	  .tick = refresh_tick, .end = refresh_end },
	{ .name = "what was made at run time", .tick = reload_tick },
	{ .name = "portals", .release = portals_release,
	  .apply = portals_apply, .tick = portals_tick,
	  .channel_gone = portals_lost, .check = portals_check,
	  .end = portals_end },
};

static int open_kernel(void)
{
	int err = ockam_nl_open(&the.nl);

	if (err) {
		log_error("%s", err == -ENOENT ?
			  "the kernel module ockam is not loaded" :
			  strerror(-err));
		return err;
	}
	the.tx = socket(ockam_family(),
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (the.tx < 0 || ockam_bind(the.tx, NULL)) {
		log_error("no AF_OCKAM socket: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static int start(const char *config_path)
{
	const struct config *c = the.config;

	privileges_harden();
	reload_allow_files(c);
	if (privileges_drop(c))
		return -1;
	if (sodium_init() < 0 || sessions_init(c->max_handshakes)) {
		log_error("no memory for secrets");
		return -1;
	}
	if (loop_init() || signals_init() || reload_init(config_path)) {
		log_error("event loop: %s", strerror(errno));
		return -1;
	}
	config_own(the.config, geteuid());
	services_set(services, ARRAY_SIZE(services));
	requests_on_reload(reload_asked, change_asked);
	if (keys_init(c->state) || keys_reload(c) || open_kernel() ||
	    services_init())
		return -1;
	services_apply(c);
	return 0;
}

/* Without a word to the kernel about channels and links. */
static void end(void)
{
	services_end();
	ockam_nl_close(the.nl);
	keystore_close(the.keys);
	config_free(the.config);
}

int main(int argc, char **argv)
{
	const char *config_path = CONFIG_DEFAULT;
	enum log_level level = LOG_LVL_INFO;
	bool to_syslog = false;
	bool check = false;
	int opt, err;

	signals_hold(SIG_BLOCK);
	while ((opt = getopt(argc, argv, "f:dstVh")) != -1) {
		switch (opt) {
		case 'f':
			config_path = optarg;
			break;
		case 'd':
			level = LOG_LVL_DEBUG;
			break;
		case 's':
			to_syslog = true;
			break;
		case 't':
			check = true;
			break;
		case 'V':
			puts("ockamd " OCKAM_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	setvbuf(stderr, NULL, _IOLBF, 0);
	log_setup(level, to_syslog);
	if (check)
		signals_hold(SIG_UNBLOCK);
	the.config = config_load(config_path, NULL, NULL, false);
	if (!the.config)
		return 1;
	if (check) {
		keys_test(the.config);
		config_free(the.config);
		return 0;
	}
	if (start(config_path))
		return 1;
	log_info("ready");
	manager_ready("serving");
	err = loop_run(services_tick);
	if (err)
		log_error("event loop: %s", strerror(-err));
	end();
	return err ? 1 : 0;
}
