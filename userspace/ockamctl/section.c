// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Sections of ockamd's configuration that are made at run time: the words of the
 * command line in the form of the file.  What they mean, and whether they are right,
 * ockamd says.
 */
#include <stdio.h>
#include <string.h>

#include <ockam/ockam.h>

#include "ockamctl.h"
#include "section.h"
#include "words.h"

static void put(struct section *s, const char *p)
{
	const size_t n = strlen(p);

	if (n > REQUEST_SECTION_MAX - s->used) {
		s->bad = true;
		return;
	}
	memcpy(s->text + s->used, p, n + 1);
	s->used += n;
}

/* In quotes, inside which nothing but these two means anything. */
static void put_quoted(struct section *s, const char *p)
{
	char c[3];

	put(s, "'");
	for (; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			s->bad = true;
		snprintf(c, sizeof(c), *p == '\'' || *p == '\\' ? "\\%c" : "%c",
			 *p);
		put(s, c);
	}
	put(s, "'");
}

void section_more(struct section *s, const char *kind, const char *name)
{
	put(s, kind);
	put(s, " ");
	put_quoted(s, name);
	put(s, " {");
}

void section_begin(struct section *s, const char *kind, const char *name)
{
	memset(s, 0, sizeof(*s));
	section_more(s, kind, name);
}

void section_put(struct section *s, const char *option, const char *value)
{
	put(s, " ");
	put(s, option);
	put(s, " = ");
	put_quoted(s, value);
}

void section_end(struct section *s)
{
	put(s, " } ");
}

static const struct section_word *find(const struct section_word *words,
				       const char *word)
{
	for (; words->name; words++)
		if (!strcmp(words->name, word))
			return words;
	return NULL;
}

/* "name = 'value'", and once more for each further one of a list. */
static int put_option(struct section *s, const struct section_word *w, int argc,
		      char **argv)
{
	const char *value = w->form == SECTION_FLAG ? "true" : argv[1];
	char head[64];

	if (w->form != SECTION_FLAG && argc < 2)
		return ctl_usage("'%s' needs a value", argv[0]);
	snprintf(head, sizeof(head), " %s %s ", w->name,
		 w->form == SECTION_LIST ? "+= {" : "=");
	put(s, head);
	put_quoted(s, value);
	if (w->form == SECTION_LIST)
		put(s, "}");
	return CTL_OK;
}

static int put_options(struct section *s, const char *kind,
		       const struct section_word *words, int argc, char **argv,
		       struct ockam_secure_channel_options *opt)
{
	const struct section_word *w;
	int i, err = 0;

	for (i = 0; i < argc && !err; i++) {
		if (!strcmp(argv[i], "daemon-uid") && i + 1 < argc) {
			err = words_user(argv[i], argv[i + 1],
					 &opt->daemon_uid);
			i++;
			continue;
		}
		w = find(words, argv[i]);
		if (!w)
			return ctl_usage("%s add: unknown word '%s', see ockamctl %s add --help",
					 kind, argv[i], kind);
		err = put_option(s, w, argc - i, argv + i);
		i += w->form != SECTION_FLAG;
	}
	return err;
}

int section_change(const struct ctl *ctl, const struct section *s, bool add,
		   const struct ockam_secure_channel_options *opt)
{
	if (s->bad)
		return ctl_usage("a control character in a word, or more than %d bytes",
				 REQUEST_SECTION_MAX);
	if (request_change(s->text, add, opt))
		return ctl_fail(ctl, "%s", ockam_error());
	return CTL_OK;
}

int section_add(struct ctl *ctl, const char *kind,
		const struct section_word *words, int argc, char **argv)
{
	struct ockam_secure_channel_options opt = {};
	struct section s;
	int err;

	if (argc < 1)
		return ctl_usage("%s add: a name is missing", kind);
	section_begin(&s, kind, argv[0]);
	err = put_options(&s, kind, words, argc - 1, argv + 1, &opt);
	section_end(&s);
	return err ? err : section_change(ctl, &s, true, &opt);
}

int section_delete(struct ctl *ctl, const char *kind, int argc, char **argv)
{
	struct channel_words w;
	struct section s;
	int err;

	if (argc < 1)
		return ctl_usage("%s delete: a name is missing", kind);
	err = words_channel(&w, argc - 1, argv + 1);
	if (err)
		return err;
	section_begin(&s, kind, argv[0]);
	return section_change(ctl, &s, false, &w.opt);
}
