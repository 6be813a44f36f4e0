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
 * @presented: who was refused last
 */
struct policy {
	unsigned int refs;
	struct trust_policy trust;
	struct ident_check check;
	uint8_t presented[IDENT_ID_LEN];
};

struct policy *policy_new(void);
struct policy *policy_get(struct policy *p);
void policy_put(struct policy *p);

/*
 * Words for an error of a check by the policy; of a refusal by trust also who
 * came and who was wanted.  Valid until the next call.
 */
const char *policy_error(const struct policy *p, int err);

/* Is it a rule about credentials, among the words of a trust policy? */
bool is_rule(const char *word);

#endif /* OCKAMD_POLICY_H */
