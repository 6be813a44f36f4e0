// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Trust policies, shared by listeners, handshakes and channels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/policy.h"
#include "core/daemon.h"
#include "core/who.h"
#include "ident_err.h"
#include "peer.h"
#include "request.h"

#define WANTED_MAX	700

struct policy *policy_new(void)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->check.policy = &p->trust;
	p->check.store = &the.store;
	p->check.presented = p->presented;
	return p;
}

struct policy *policy_get(struct policy *p)
{
	p->refs++;
	return p;
}

void policy_put(struct policy *p)
{
	if (!p || --p->refs)
		return;
	trust_policy_clear(&p->trust);
	free(p);
}

/* The first of those whom it wants, and how many more there are. */
static void print_wanted(const struct trust_policy *t, char *text, size_t size)
{
	char word[TRUST_WORD_MAX];
	size_t more = t->n + t->n_rules;
	size_t len, used = 0;

	if (t->n) {
		used = snprintf(text, size, "%s", who_text(t->ids[0]));
	} else if (t->n_rules) {
		len = trust_rule_print(&t->rules[0], word, sizeof(word));
		used = snprintf(text, size, "one with a credential of %.*s",
				(int)len, word);
	} else {
		snprintf(text, size, "nobody");
		return;
	}
	if (more > 1 && used < size)
		snprintf(text + used, size - used, " or %zu more", more - 1);
}

const char *policy_error(const struct policy *p, int err)
{
	static char text[WANTED_MAX + 160];
	char wanted[WANTED_MAX];

	if (err != IDENT_E_UNTRUSTED)
		return ident_strerror(err);
	print_wanted(&p->trust, wanted, sizeof(wanted));
	snprintf(text, sizeof(text), "%s: it presents %s, wanted is %s",
		 ident_strerror(err), who_text(p->presented), wanted);
	return text;
}

bool is_rule(const char *word)
{
	return !strncmp(word, REQUEST_RULE_WORD, strlen(REQUEST_RULE_WORD));
}
