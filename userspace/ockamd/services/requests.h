/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Requests of programs. */
#ifndef OCKAMD_REQUESTS_H
#define OCKAMD_REQUESTS_H

#include <stdint.h>

#include <ockam/ockam.h>

#include "core/asker.h"

struct answer;

/**
 * struct ask - a request that waits for its answer
 */
struct ask {
	struct ockam_path to;
	uint64_t id;
	struct asker who;
};

int requests_init(void);
/*
 * Called when somebody who may do so asks for the configuration to be read again, or
 * for another section; they answer.
 */
void requests_on_reload(void (*reload)(const struct ask *ask),
			void (*change)(const struct ask *ask,
				       const char *section, bool add));
void requests_end(void);
void answer_ask(const struct ask *ask, const struct answer *ans);
void answer_error(const struct ask *ask, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* OCKAMD_REQUESTS_H */
