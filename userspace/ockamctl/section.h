/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Sections of ockamd's configuration that are made at run time. */
#ifndef OCKAMCTL_SECTION_H
#define OCKAMCTL_SECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

struct ctl;
struct ockam_secure_channel_options;

/**
 * struct section - the text of one
 * @text: of it
 * @used: bytes
 * @bad: something cannot be written, or is too long
 */
struct section {
	char	text[REQUEST_SECTION_MAX + 1];
	size_t	used;
	bool	bad;
};

void section_begin(struct section *s, const char *kind, const char *name);
/* Another one behind it, that comes and goes with it. */
void section_more(struct section *s, const char *kind, const char *name);
void section_put(struct section *s, const char *option, const char *value);
void section_end(struct section *s);
/* Asks ockamd; an exit status. */
int section_change(const struct ctl *ctl, const struct section *s, bool add,
		   const struct ockam_secure_channel_options *opt);

enum section_form { SECTION_VALUE, SECTION_FLAG, SECTION_LIST };

/**
 * struct section_word - an option that the section may have
 * @name: the word, and the option; NULL at the end
 * @form: a value follows, it stands for "true", or it may come several times
 */
struct section_word {
	const char		*name;
	enum section_form	form;
};

/* argv[0] is the name; an exit status. */
int section_add(struct ctl *ctl, const char *kind,
		const struct section_word *words, int argc, char **argv);
int section_delete(struct ctl *ctl, const char *kind, int argc, char **argv);

#endif /* OCKAMCTL_SECTION_H */
