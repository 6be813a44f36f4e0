// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What the daemon may do, and what it gives up. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>

#include "config/config.h"
#include "core/log.h"
#include "core/privileges.h"

#define LOCKED_BYTES	(64UL << 20)
#define FILES_MAX	1048576	/* fs.nr_open, unless somebody has changed it */

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

void privileges_allow_files(size_t want)
{
	struct rlimit r;

	raise_limit(RLIMIT_NOFILE, want);
	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < want)
		log_warn("%llu files may be open, %zu may be needed: fewer connections than configured",
			 (unsigned long long)r.rlim_cur, want);
}

void privileges_harden(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_hard_limit(RLIMIT_NOFILE, FILES_MAX);
	raise_limit(RLIMIT_MEMLOCK, LOCKED_BYTES);
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
int privileges_drop(const struct config *c)
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
	/* Changing the uid may have set it again. */
	prctl(PR_SET_DUMPABLE, 0);
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

