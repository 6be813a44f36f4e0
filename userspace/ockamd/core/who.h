/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Peers by the names that the configuration gives them. */
#ifndef OCKAMD_WHO_H
#define OCKAMD_WHO_H

#include "identity.h"

/* Of the configuration in force; NULL: it has none. */
const char *who_name(const uint8_t id[IDENT_ID_LEN]);
/* For one log line: "bob (I12...)", or the identifier; four may be in use at once. */
const char *who_text(const uint8_t id[IDENT_ID_LEN]);

#endif /* OCKAMD_WHO_H */
