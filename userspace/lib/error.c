// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* What went wrong last, for each thread. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <ockam/ockam.h>

#include "error.h"

static _Thread_local char text[512];

int ockam_fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errno = err;
	return -1;
}

const char *ockam_error(void)
{
	return text;
}
