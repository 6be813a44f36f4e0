/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Log lines. */
#ifndef OCKAMD_LOG_H
#define OCKAMD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ockam/ockam.h>

#include "identity.h"

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

void log_setup(enum log_level level, bool to_syslog);
/* What this thread has said last of that weight. */
const char *log_last_error(void);
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define log_error(...)	log_line(LOG_LVL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...)	log_line(LOG_LVL_DEBUG, __VA_ARGS__)

/*
 * About what a user of this node has asked for: so many lines for each, so that none
 * fills the log.
 */
void log_user(uid_t uid, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Text of a route, for one log line; four may be in use at once. */
const char *route_text(const struct ockam_path *path);
const char *id_text(const uint8_t id[IDENT_ID_LEN]);

/*
 * Strangers and users must not fill the log: some lines a second, and a sum of
 * those that were left out.
 */
bool may_log(void);
/* The same for lines of one kind, each of which has its own number of them. */
bool may_log_of(const char *kind);

#endif /* OCKAMD_LOG_H */
