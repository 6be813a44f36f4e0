// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* ockamd: start, privileges, signals, reload. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>
#include <sodium.h>

#include "services/links.h"
#include "handshake/permits.h"
#include "services/reserve.h"

#define CONFIG_DEFAULT	"/etc/ockam/ockamd.conf"
#define LOCKED_BYTES	(64UL << 20)
#define FILES_MAX	1048576	/* fs.nr_open, unless somebody has changed it */

struct daemon the = { .tx = -1 };

static const char *config_path = CONFIG_DEFAULT;

static void usage(FILE *to)
{
	fputs("usage: ockamd [-f FILE] [-d] [-s] [-t]\n"
	      "  -f FILE  configuration (" CONFIG_DEFAULT ")\n"
	      "  -d       debug messages\n"
	      "  -s       log to syslog\n"
	      "  -t       only check the configuration\n"
	      "  -V       version\n", to);
}

/* ---- privileges ---- */

static void raise_limit(int what, rlim_t want)
{
	struct rlimit r;

	if (getrlimit(what, &r) || r.rlim_cur >= want)
		return;
	r.rlim_cur = want;
	if (r.rlim_max < want)
		r.rlim_max = want;
	if (!setrlimit(what, &r))
		return;
	/* Not allowed to raise the maximum. */
	getrlimit(what, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(what, &r);
}

/* To be raised by a reload, without the right to. */
static void raise_hard_limit(int what, rlim_t want)
{
	struct rlimit r;

	if (getrlimit(what, &r) || r.rlim_max >= want)
		return;
	r.rlim_max = want;
	setrlimit(what, &r);
}

static void allow_files(const struct config *c)
{
	const rlim_t want = c->max_handshakes + 1024 + portals_files(c);
	struct rlimit r;

	raise_limit(RLIMIT_NOFILE, want);
	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < want)
		log_warn("%llu files may be open, %llu may be needed: fewer connections than configured",
			 (unsigned long long)r.rlim_cur,
			 (unsigned long long)want);
}

static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* root makes the directory for the user that the daemon is going to be. */
static int make_state(const char *dir, uid_t uid, gid_t gid)
{
	if (mkdir(dir, 0700)) {
		if (errno == EEXIST)
			return 0;
		log_error("%s: %s", dir, strerror(errno));
		return -1;
	}
	if (chown(dir, uid, gid)) {
		log_error("%s: %s", dir, strerror(errno));
		rmdir(dir);
		return -1;
	}
	return 0;
}

static int find_user(const struct config *c, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;
	const struct group *gr;
	char *end;

	*uid = geteuid();
	*gid = getegid();
	if (c->user) {
		pw = getpwnam(c->user);
		if (!pw)
			pw = getpwuid(strtoul(c->user, &end, 10));
		if (!pw) {
			log_error("user %s has no entry", c->user);
			return -1;
		}
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
	if (c->group) {
		gr = getgrnam(c->group);
		*gid = gr ? gr->gr_gid : strtoul(c->group, &end, 10);
	}
	return 0;
}

/* What is left: netlink changes, and binding reserved names. */
static int drop_privileges(const struct config *c)
{
	uid_t uid;
	gid_t gid;
	int err;

	if (find_user(c, &uid, &gid))
		return -1;
	if (make_state(c->state, uid, gid))
		return -1;
	if (geteuid()) {
		if (uid == geteuid())
			return 0;
		log_error("only root can become user %s", c->user);
		return -1;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
		      CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, -1);
	if (uid)
		err = capng_change_id(uid, gid, CAPNG_DROP_SUPP_GRP |
				      CAPNG_CLEAR_BOUNDING);
	else
		err = capng_apply(CAPNG_SELECT_BOTH);
	if (err)
		log_error("dropping privileges failed (%d)", err);
	return err;
}

/* Nothing to do for a daemon that does not have it. */
static int bind_service(capng_act_t act)
{
	if (capng_get_caps_process())
		return -EPERM;
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE))
		return 0;
	capng_update(act, CAPNG_EFFECTIVE, CAP_NET_BIND_SERVICE);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int bind_as_anyone(int fd, const struct ockam_path *address)
{
	int err;

	if (bind_service(CAPNG_DROP))
		return -EPERM;
	err = setsockopt(fd, SOL_OCKAM, OCKAM_BIND, address->hops,
			 address->len) ? -errno : 0;
	if (bind_service(CAPNG_ADD))
		log_error("CAP_NET_BIND_SERVICE is lost");
	return err;
}

/* ---- configuration ---- */

#define OLD_STAYS \
	"serving; the last reload failed (see the log), the old configuration stays"

/**
 * struct loading - a configuration that is being read
 * @thread: reads it: names are looked up, which may take long
 * @watch: readable when that is done
 * @config: what came of it
 * @running: there is a thread
 * @again: somebody has asked for another reload meanwhile
 */
static struct loading {
	pthread_t thread;
	struct watch watch;
	struct config *config;
	bool running;
	bool again;
} loading = { .watch.fd = -1 };

/* Everything that can fail comes first; then nothing is half done. */
static bool put_in_force(struct config *c)
{
	struct config *old = the.config;
	char *state;

	if (!c || keys_reload(c)) {
		config_free(c);
		log_error("the old configuration stays");
		return false;
	}
	if (strcmp(c->state, old->state) ||
	    c->max_handshakes != old->max_handshakes)
		log_warn("state and max-handshakes take effect with the next start");
	/* Until then the one that was checked is used. */
	state = c->state;
	c->state = old->state;
	old->state = state;
	the.config = c;
	allow_files(c);
	reserve_apply(c);
	listeners_yield(c);
	links_apply(c, old);
	listeners_apply(c);
	relay_apply(c);
	prekey_service_apply(c);
	mail_apply(c);
	keeps_apply(c);
	permits_recheck();
	portals_apply(c);
	config_free(old);
	log_info("configuration is in force");
	return true;
}

/* Touches nothing that the event loop uses. */
static void *load(void *arg)
{
	const uint64_t one = 1;

	(void)arg;
	loading.config = config_load(config_path);
	if (write(loading.watch.fd, &one, sizeof(one)) < 0)
		log_error("reload: %s", strerror(errno));
	return NULL;
}

static void reload(void)
{
	manager_reloading();
	loading.again = loading.running;
	if (loading.running)
		return;
	log_info("reading %s again", config_path);
	loading.running = !pthread_create(&loading.thread, NULL, load, NULL);
	if (loading.running)
		return;
	log_error("no thread; the old configuration stays");
	manager_ready(OLD_STAYS);
}

static void loaded(struct watch *w, uint32_t events)
{
	bool new;
	uint64_t n;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	pthread_join(loading.thread, NULL);
	loading.running = false;
	new = put_in_force(loading.config);
	if (loading.again)
		reload();
	else
		manager_ready(new ? "serving" : OLD_STAYS);
}

static int reload_init(void)
{
	loading.watch.fn = loaded;
	loading.watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return loading.watch.fd < 0 ? -errno :
				      loop_add(&loading.watch, EPOLLIN);
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

static int signals_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0)
		return -errno;
	return loop_add(&signals, EPOLLIN);
}

/* ---- start ---- */

static void tick(void)
{
	sessions_tick();
	channels_tick();
	permits_tick();
	keeps_tick();
	relay_tick();
	portals_tick();
	x3dh_begin_tick();
	x3dh_accept_tick();
	mail_tick();
	prekey_service_tick();
	listeners_tick();
	asked_tick();
	own_prekeys_tick();
}

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

static int start(void)
{
	const struct config *c = the.config;

	harden();
	raise_hard_limit(RLIMIT_NOFILE, FILES_MAX);
	allow_files(c);
	raise_limit(RLIMIT_MEMLOCK, LOCKED_BYTES);
	if (drop_privileges(c))
		return -1;
	/* Changing the uid may have set it again. */
	prctl(PR_SET_DUMPABLE, 0);
	if (sodium_init() < 0 || sessions_init(c->max_handshakes)) {
		log_error("no memory for secrets");
		return -1;
	}
	if (loop_init() || signals_init() || reload_init()) {
		log_error("event loop: %s", strerror(errno));
		return -1;
	}
	if (keys_init(c->state) || keys_reload(c) || open_kernel() ||
	    requests_init() || channels_init() || keeps_init())
		return -1;
	reserve_apply(c);
	/* Without either, channels would be there that nobody looks after. */
	if (left_begin() || permits_load()) {
		log_error("what the process before knew of channels is not taken over: not started");
		return -1;
	}
	/* A link that cannot be made now is no reason to serve nobody. */
	links_apply(c, NULL);
	listeners_apply(c);
	relay_apply(c);
	prekey_service_apply(c);
	mail_apply(c);
	keeps_apply(the.config);
	permits_recheck();
	portals_apply(c);
	return 0;
}

/* Without a word to the kernel about channels and links. */
static void end(void)
{
	sessions_end();
	portals_end();
	x3dh_begin_end();
	x3dh_accept_end();
	mail_end();
	prekey_service_end();
	left_end();
	own_prekeys_end();
	keeps_end();
	relay_end();
	listeners_end();
	requests_end();
	channels_end();
	permits_end();
	ockam_nl_close(the.nl);
	keystore_close(the.keys);
	config_free(the.config);
}

int main(int argc, char **argv)
{
	enum log_level level = LOG_LVL_INFO;
	bool to_syslog = false;
	bool check = false;
	int opt, err;

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
	the.config = config_load(config_path);
	if (!the.config)
		return 1;
	if (check) {
		config_free(the.config);
		return 0;
	}
	if (start())
		return 1;
	log_info("ready");
	manager_ready("serving");
	err = loop_run(tick);
	if (err)
		log_error("event loop: %s", strerror(-err));
	end();
	return err ? 1 : 0;
}
