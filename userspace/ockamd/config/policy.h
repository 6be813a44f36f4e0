/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Trust policies, shared by listeners, handshakes and channels. */
#ifndef OCKAMD_POLICY_H
#define OCKAMD_POLICY_H

#include <stdbool.h>

#include "peer.h"

/**
 * struct policy - a trust policy with what checks of a peer need beside it
 * @refs: references
 * @trust: the policy
 * @check: points to @trust
 */
struct policy {
	unsigned int refs;
	struct trust_policy trust;
	struct ident_check check;
};

struct policy *policy_new(void);
struct policy *policy_get(struct policy *p);
void policy_put(struct policy *p);

/* Is it a rule about credentials, among the words of a trust policy? */
bool is_rule(const char *word);

#endif /* OCKAMD_POLICY_H */
