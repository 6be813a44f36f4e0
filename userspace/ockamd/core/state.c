// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Files of the state directory with what the next process has to know. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/daemon.h"
#include "core/log.h"
#include "core/state.h"

#define PATH_MAX_LEN	4096
#define BOOT_LEN	36

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

/* 36 characters, which change with each start of the machine. */
static void boot_id(char id[BOOT_LEN + 1])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(id, BOOT_LEN + 1, f))
		strcpy(id, "-");
	if (f)
		fclose(f);
}

void state_put_boot(FILE *f)
{
	char id[BOOT_LEN + 1];

	boot_id(id);
	fprintf(f, "%s\n", id);
}

bool state_same_boot(FILE *f)
{
	char id[BOOT_LEN + 1], line[BOOT_LEN + 2];

	boot_id(id);
	return fgets(line, sizeof(line), f) &&
	       strlen(line) == strlen(id) + 1 &&
	       !strncmp(line, id, strlen(id));
}

FILE *state_read(const char *name)
{
	char path[PATH_MAX_LEN];

	state_path(path, name, "");
	return state_open(path, O_RDONLY, "r");
}

FILE *state_write(const char *name)
{
	char path[PATH_MAX_LEN];
	FILE *f;

	state_path(path, name, ".new");
	f = state_open(path, O_WRONLY | O_CREAT | O_TRUNC, "w");
	if (!f)
		log_error("%s: %s", path, strerror(errno));
	return f;
}

void state_commit(FILE *f, const char *name)
{
	char path[PATH_MAX_LEN], new[PATH_MAX_LEN];

	state_path(path, name, "");
	state_path(new, name, ".new");
	if (fflush(f) || ferror(f) || fsync(fileno(f)) || rename(new, path))
		log_error("%s: %s", new, strerror(errno));
	else
		log_debug("%s: written", path);
	fclose(f);
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
