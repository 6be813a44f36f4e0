// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Trust policies, shared by listeners, handshakes and channels. */
#include <stdlib.h>
#include <string.h>

#include "config/policy.h"
#include "core/daemon.h"
#include "peer.h"
#include "request.h"

struct policy *policy_new(void)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->check.policy = &p->trust;
	p->check.store = &the.store;
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

bool is_rule(const char *word)
{
	return !strncmp(word, REQUEST_RULE_WORD, strlen(REQUEST_RULE_WORD));
}
