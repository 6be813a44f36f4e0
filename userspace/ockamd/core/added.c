// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The file with the sections that were made at run time, a line each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "core/added.h"
#include "core/daemon.h"
#include "core/log.h"

#define PATH_MAX_LEN	4096
#define SECTIONS_MAX	1024

static FILE *file_open(const char *suffix, int flags, const char *mode,
		       char path[PATH_MAX_LEN])
{
	FILE *f;
	int fd;

	snprintf(path, PATH_MAX_LEN, "%s/" CONFIG_ADDED "%s",
		 the.config->state, suffix);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, mode);
	if (!f && fd >= 0)
		close(fd);
	return f;
}

/* "inlet 'name' {", which is how the line begins. */
static size_t head_of(const char *section)
{
	const char *p = strchr(section, '\'');

	while (p && *++p && *p != '\'')
		p += *p == '\\' && p[1];
	return p && !strncmp(p, "' {", 3) ? (size_t)(p - section) + 3 : 0;
}

/**
 * copy() - all sections but one into the new file
 * @head: how that one begins
 * @len: bytes of @head
 * @to: the new file
 * @n: how many were written
 *
 * Return: whether it was there, or a negative errno.
 */
static int copy(const char *head, size_t len, FILE *to, size_t *n)
{
	char path[PATH_MAX_LEN], *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *from;

	*n = 0;
	from = file_open("", O_RDONLY, "r", path);
	if (!from)
		return errno == ENOENT ? 0 : -errno;
	while (getline(&line, &size, from) > 0) {
		if (!strncmp(line, head, len)) {
			found = 1;
			continue;
		}
		++*n;
		fputs(line, to);
	}
	/* What cannot be read must not be lost by that. */
	if (!feof(from))
		found = -EIO;
	free(line);
	fclose(from);
	return found;
}

static int written(FILE *f)
{
	int err = fflush(f) || ferror(f) || fsync(fileno(f)) ? -errno : 0;

	fclose(f);
	return err;
}

static bool stale, replaced;

static int try(const char *section, bool add, const char **why)
{
	size_t len = head_of(section), n;
	char path[PATH_MAX_LEN];
	int err, found;
	FILE *f;

	*why = "not a section of one line";
	if (!len || strpbrk(section, "\n\r"))
		return -EINVAL;
	f = file_open(".new", O_WRONLY | O_CREAT | O_TRUNC, "w", path);
	*why = "the file with what was made at run time cannot be written";
	if (!f)
		return -errno;
	stale = false;
	found = copy(section, len, f, &n);
	if (add)
		fprintf(f, "%s\n", section);
	err = written(f);
	if (found < 0)
		err = found;
	if (!err && add == (bool)found) {
		*why = add ? "there is one of this name, which was made at run time" :
			     "none of this name was made at run time";
		err = add ? -EEXIST : -ENOENT;
	}
	if (!err && add && n >= SECTIONS_MAX) {
		*why = "too many were made at run time";
		err = -ENOSPC;
	}
	if (err)
		unlink(path);
	return err;
}

int added_try_add(const char *section, const char **why)
{
	return try(section, true, why);
}

int added_try_delete(const char *section, const char **why)
{
	return try(section, false, why);
}

static void paths(char new[PATH_MAX_LEN], char path[PATH_MAX_LEN])
{
	snprintf(new, PATH_MAX_LEN, "%s/" CONFIG_ADDED ".new",
		 the.config->state);
	snprintf(path, PATH_MAX_LEN, "%s/" CONFIG_ADDED, the.config->state);
}

bool added_is_stale(void)
{
	return stale;
}

bool added_is_new(void)
{
	return replaced;
}

void added_seen(void)
{
	replaced = false;
}

void added_unseen(void)
{
	replaced = true;
}

/* That the file has its name, too, is on the disk then. */
static int sync_dir(void)
{
	int fd = open(the.config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

int added_replace(const char *head, const char *section)
{
	char new[PATH_MAX_LEN], path[PATH_MAX_LEN];
	int err, found;
	size_t n;
	FILE *f;

	f = file_open(".now", O_WRONLY | O_CREAT | O_TRUNC, "w", new);
	if (!f)
		return -errno;
	found = copy(head, strlen(head), f, &n);
	fprintf(f, "%s\n", section);
	err = written(f);
	if (found < 0)
		err = found;
	else if (!err && !found)
		err = -ENOENT;
	snprintf(path, sizeof(path), "%s/" CONFIG_ADDED, the.config->state);
	if (!err && rename(new, path))
		err = -errno;
	if (err) {
		unlink(new);
		return err;
	}
	stale = true;
	replaced = true;
	return sync_dir();
}

int added_take(void)
{
	char new[PATH_MAX_LEN], path[PATH_MAX_LEN];
	int err;

	paths(new, path);
	err = rename(new, path) ? -errno : sync_dir();
	if (err)
		log_error("%s: %s: the next process will not know of it", path,
			  strerror(-err));
	return err;
}

void added_drop(void)
{
	char new[PATH_MAX_LEN], path[PATH_MAX_LEN];

	paths(new, path);
	unlink(new);
}
