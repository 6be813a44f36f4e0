/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef UNIT_VECTORS_H
#define UNIT_VECTORS_H

#include <jansson.h>

/* A file of selftests/vectors, parsed; dies if it is not there. */
json_t *load_vectors(const char *name);

#endif
