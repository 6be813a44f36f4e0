/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Words of the command line for commands that speak with ockamd. */
#ifndef OCKAMCTL_WORDS_H
#define OCKAMCTL_WORDS_H

#include <stdbool.h>

#include <jansson.h>
#include <ockam/ockam.h>

struct ctl;

/**
 * struct word - a word that a value follows, as "dir DIR" or "--dir DIR", or that
 *	stands for itself
 * @name: the word
 * @value: set to what follows, if not NULL
 * @flag: otherwise set to true
 */
struct word {
	const char	*name;
	const char	**value;
	bool		*flag;
};

/* 0 or an exit status. */
int words_parse(const struct word *words, int argc, char **argv);

#define WORDS_TRUST_MAX	256

/**
 * struct channel_words - options of secure channels and listeners
 * @opt: the options
 * @trust: what @opt.trust points to
 * @n_trust: its length
 */
struct channel_words {
	struct ockam_secure_channel_options opt;
	const char	*trust[WORDS_TRUST_MAX + 1];
	size_t		n_trust;
};

/* The uid of a user, by name or number; 0 or an exit status. */
int words_user(const char *name, const char *value, uid_t *uid);

int words_channel(struct channel_words *w, int argc, char **argv);

/* A line of ockamd's, "NAME key value ... [why WORDS]", as JSON; it is changed. */
json_t *words_object(char *line, const char *name);

/**
 * words_list() - print what ockamd lists: its lines, or a JSON array
 * @ctl: the call
 * @argc: number of words
 * @argv: the words
 * @request: asks ockamd for lines
 * @object: makes JSON of a line, which it may change
 *
 * Return: an exit status.
 */
int words_list(struct ctl *ctl, int argc, char **argv,
	       int (*request)(const struct ockam_secure_channel_options *opt,
			      char **text),
	       json_t *(*object)(char *line));

#endif /* OCKAMCTL_WORDS_H */
