// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Which user ockamd runs as. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ockam/ockam.h>

#include "daemon.h"
#include "error.h"

#define LINE_MAX_LEN	64
#define ENTRY_MAX	16384
#define OVERFLOW_UID	65534	/* of whom the user namespace does not have */

static const char *const places[] = {
	"/etc/ockam/daemon-user",
	"/usr/lib/ockam/daemon-user",
	"/usr/local/lib/ockam/daemon-user",
};

/* Whom there is not nobody can be: root alone is left. */
static void uid_of(const char *name, uid_t *uid)
{
	struct passwd pw, *found = NULL;
	char entry[ENTRY_MAX], *end;
	unsigned long n;

	if (!getpwnam_r(name, &pw, entry, sizeof(entry), &found) && found) {
		*uid = found->pw_uid;
		return;
	}
	errno = 0;
	n = strtoul(name, &end, 10);
	if (!errno && !*end && end != name && n < (uid_t)-1)
		*uid = n;
}

static int read_place(const char *path, int fd, uid_t *uid)
{
	char line[LINE_MAX_LEN];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return ockam_fail(errno, "%s: %s", path, strerror(errno));
	/* Perhaps the machine's root, who is nobody here. */
	if (st.st_uid == OVERFLOW_UID)
		return 0;
	if (!S_ISREG(st.st_mode) || st.st_uid || st.st_mode & 022)
		return ockam_fail(EPERM, "%s is not believed: it has to be a file of root's that nobody else can write to",
				  path);
	n = read(fd, line, sizeof(line) - 1);
	if (n < 0)
		return ockam_fail(errno, "%s: %s", path, strerror(errno));
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	uid_of(line, uid);
	return 0;
}

int daemon_uid(uid_t *uid)
{
	size_t i;
	int fd, ret;

	*uid = OCKAM_DAEMON_ROOT;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fd = open(places[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (fd < 0)
			return ockam_fail(errno, "%s: %s", places[i],
					  strerror(errno));
		ret = read_place(places[i], fd, uid);
		close(fd);
		return ret;
	}
	return 0;
}
