/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Who comes by an invitation. */
#ifndef OCKAMD_INVITED_H
#define OCKAMD_INVITED_H

#include <stdbool.h>

struct permit;
struct trust_rule;

/* Is a channel permitted, if it is so by an invitation?  NULL, or why not. */
const char *invited_refusal(const struct permit *p);
/*
 * It is about to be installed: then the invitation was used, and that is on the disk.
 * NULL, or why it may not be.
 */
const char *invited_use(const struct permit *p);
/* Is it one of an invitation?  It lets somebody in, and is no reason for more. */
bool invited_is_rule(const struct trust_rule *rule);

#endif /* OCKAMD_INVITED_H */
