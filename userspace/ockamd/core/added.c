// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The file with the sections that were made at run time, a line each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "core/added.h"
#include "core/log.h"
#include "core/state.h"

#define SECTIONS_MAX	1024

#define TRIED		CONFIG_ADDED ".new"	/* what is being read */
#define NOW		CONFIG_ADDED ".now"	/* without asking anybody */

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
	char *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *from;

	*n = 0;
	from = state_read(CONFIG_ADDED);
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

static bool stale, replaced;

static int try(const char *section, bool add, const char **why)
{
	size_t len = head_of(section), n;
	int err, found;
	FILE *f;

	*why = "not a section of one line";
	if (!len || strpbrk(section, "\n\r"))
		return -EINVAL;
	f = state_create(TRIED);
	*why = "the file with what was made at run time cannot be written";
	if (!f)
		return -errno;
	stale = false;
	found = copy(section, len, f, &n);
	if (add)
		fprintf(f, "%s\n", section);
	err = state_finish(f);
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
		added_drop();
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

int added_replace(const char *head, const char *section)
{
	int err, found;
	size_t n;
	FILE *f;

	f = state_create(NOW);
	if (!f)
		return -errno;
	found = copy(head, strlen(head), f, &n);
	fprintf(f, "%s\n", section);
	err = state_finish(f);
	if (found < 0)
		err = found;
	else if (!err && !found)
		err = -ENOENT;
	if (err) {
		state_remove(NOW);
		return err;
	}
	err = state_replace(NOW, CONFIG_ADDED);
	state_remove(NOW);
	/* Whatever came of it: to look again does no harm. */
	stale = true;
	replaced = true;
	return err;
}

int added_take(void)
{
	int err = state_replace(TRIED, CONFIG_ADDED);

	if (err)
		log_error(CONFIG_ADDED ": %s: the next process will not know of it",
			  strerror(-err));
	return err;
}

void added_drop(void)
{
	state_remove(TRIED);
}
