/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Sections of ockamd's configuration that are made at run time. */
#ifndef OCKAMCTL_SECTION_H
#define OCKAMCTL_SECTION_H

struct ctl;

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
