/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef OCKAM_LIB_ERROR_H
#define OCKAM_LIB_ERROR_H

/* Sets errno and the text of ockam_error(); returns -1. */
int ockam_fail(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* OCKAM_LIB_ERROR_H */
