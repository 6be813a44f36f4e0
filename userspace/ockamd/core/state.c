// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Files of the state directory with what the next process has to know. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"

#define PATH_MAX_LEN	4096
#define BOOT_LEN	36
#define PLACE_LEN	(BOOT_LEN + 32)

static void state_path(char *path, const char *name, const char *suffix)
{
	snprintf(path, PATH_MAX_LEN, "%s/%s%s", the.config->state, name, suffix);
}

static FILE *state_open(const char *path, int flags, const char *mode)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, mode);

	if (!f && fd >= 0)
		close(fd);
	return f;
}

/* The number of a network namespace, which no other one has before the next boot. */
static uint64_t network(void)
{
	socklen_t len = sizeof(uint64_t);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	close(fd);
	return cookie;
}

/* What the kernel has is of one start of the machine, and of one namespace. */
static void place(char text[PLACE_LEN])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	char id[BOOT_LEN + 1];

	if (!f || !fgets(id, sizeof(id), f))
		strcpy(id, "-");
	if (f)
		fclose(f);
	snprintf(text, PLACE_LEN, "%s.%" PRIu64 "\n", id, network());
}

static void put_place(FILE *f)
{
	char text[PLACE_LEN];

	place(text);
	fputs(text, f);
}

bool state_same_boot(FILE *f)
{
	char here[PLACE_LEN], line[PLACE_LEN];

	place(here);
	return fgets(line, sizeof(line), f) && !strcmp(line, here);
}

FILE *state_read(const char *name)
{
	char path[PATH_MAX_LEN];

	state_path(path, name, "");
	return state_open(path, O_RDONLY, "r");
}

FILE *state_create(const char *name)
{
	char path[PATH_MAX_LEN];

	state_path(path, name, "");
	return state_open(path, O_WRONLY | O_CREAT | O_TRUNC, "w");
}

FILE *state_write(const char *name)
{
	char path[PATH_MAX_LEN];
	FILE *f;

	state_path(path, name, ".new");
	f = state_open(path, O_WRONLY | O_CREAT | O_TRUNC, "w");
	if (f)
		put_place(f);
	else
		log_error("%s: %s", path, strerror(errno));
	return f;
}

int state_finish(FILE *f)
{
	int err = 0;

	if (fflush(f) || fsync(fileno(f)))
		err = -errno;
	else if (ferror(f))
		err = -EIO;
	fclose(f);
	return err;
}

void state_commit(FILE *f, const char *name)
{
	char path[PATH_MAX_LEN], new[PATH_MAX_LEN];
	int err = state_finish(f);

	state_path(path, name, "");
	state_path(new, name, ".new");
	if (!err && rename(new, path))
		err = -errno;
	if (err)
		log_error("%s: %s", new, strerror(-err));
	else
		log_debug("%s: written", path);
}

/* That the file has its name, too, is on the disk then. */
static int sync_directory(void)
{
	int fd = open(the.config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

int state_replace(const char *from, const char *to)
{
	char path[PATH_MAX_LEN], new[PATH_MAX_LEN];

	state_path(path, to, "");
	state_path(new, from, "");
	return rename(new, path) ? -errno : sync_directory();
}

FILE *state_swap(FILE *f, const char *name)
{
	char path[PATH_MAX_LEN], new[PATH_MAX_LEN];

	state_path(path, name, "");
	state_path(new, name, ".new");
	if (!fflush(f) && !ferror(f) && !rename(new, path))
		return f;
	log_error("%s: %s", new, strerror(errno));
	fclose(f);
	return NULL;
}

void state_remove(const char *name)
{
	char path[PATH_MAX_LEN];

	state_path(path, name, "");
	unlink(path);
}
