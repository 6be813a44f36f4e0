// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The configuration file as text, before libconfuse gets to see it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_parts.h"
#include "core/log.h"

#define DEPTH_MAX	16	/* there are two */

/* Not through a link, nor from something that is no file. */
static FILE *open_ours(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		f = fdopen(fd, "r");
	else
		errno = EINVAL;
	if (!f)
		close(fd);
	return f;
}

static char *read_file(const char *path, bool ours, size_t *len)
{
	FILE *f = ours ? open_ours(path) : fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	if (!f)
		return NULL;
	errno = 0;
	n = getdelim(&text, &size, 0, f);
	/* Nothing at all is a file, too; one with a zero is not. */
	if (n < 0 && feof(f)) {
		free(text);
		text = must(strdup("\n"));
		n = 1;
	} else if (n < 0 || !text[n - 1]) {
		errno = errno ? errno : EINVAL;
		free(text);
		text = NULL;
	}
	*len = text ? n : 0;
	fclose(f);
	return text;
}

static bool begins_token(const char *text, const char *p)
{
	return p == text || strchr(" \t\r\n={},()+\"'", p[-1]);
}

/* End of a comment at @p; @p if it has none, NULL if there is no comment. */
static char *comment_end(const char *text, char *p)
{
	char *end;

	if (*p == '#' || (!strncmp(p, "//", 2) && begins_token(text, p)))
		return p + strcspn(p, "\n");
	if (strncmp(p, "/*", 2) || !begins_token(text, p))
		return NULL;
	end = strstr(p + 2, "*/");
	return end ? end + 2 : p;
}

/**
 * struct open - what has no end
 * @what: words for it
 * @at: where it begins
 */
struct open {
	const char *what;
	const char *at;
};

/*
 * libconfuse counts lines twice in comments, so that everything behind one would
 * be reported for a wrong line, and takes one without an end, and a section without
 * one, for the end of the file.  It gets to see blanks.
 *
 * Return: false if something has no end, or has one without a beginning.
 */
static bool blank_comments(char *text, struct open *open)
{
	const char *begins[DEPTH_MAX];
	size_t depth = 0;
	char quote = 0;
	char *p, *end;

	for (p = text; *p; p++) {
		if (quote) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == quote)
				quote = 0;
			continue;
		}
		open->at = p;
		switch (*p) {
		case '"':
		case '\'':
			quote = *p;
			continue;
		case '{':
			open->what = "too many sections in each other";
			if (depth == DEPTH_MAX)
				return false;
			begins[depth++] = p;
			continue;
		case '}':
			open->what = "there is no '{' that this '}' ends";
			if (!depth--)
				return false;
			continue;
		}
		end = comment_end(text, p);
		if (!end)
			continue;
		open->what = "a comment has no end";
		if (end == p)
			return false;
		for (; p < end; p++)
			if (*p != '\n')
				*p = ' ';
		p--;
	}
	if (!depth || quote)
		return true;
	open->what = "the '{' here has no '}': is the end of the file missing?";
	open->at = begins[depth - 1];
	return false;
}

static int line_of(const char *text, const char *p)
{
	int line = 1;

	while (p-- > text)
		line += *p == '\n';
	return line;
}

char *file_text(const char *path, bool ours)
{
	size_t len;

	return read_file(path, ours, &len);
}

int parse_text(cfg_t *cfg, const char *path, const char *raw)
{
	int err = CFG_FILE_ERROR;
	struct open open;
	char *text;
	FILE *f;

	text = must(strdup(raw));
	if (!strncmp(text, "\xef\xbb\xbf", 3)) {
		log_error("%s, line 1: there is a byte order mark in front; save the file without it, as plain UTF-8",
			  path);
		free(text);
		return CFG_PARSE_ERROR;
	}
	if (!blank_comments(text, &open)) {
		log_error("%s, line %d: %s", path, line_of(text, open.at),
			  open.what);
		free(text);
		return CFG_PARSE_ERROR;
	}
	f = fmemopen(text, strlen(text), "r");
	if (f) {
		cfg->filename = must(strdup(path));
		err = cfg_parse_fp(cfg, f);
		fclose(f);
	}
	free(text);
	return err;
}
