# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
core_review_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
core_review_CFLAGS := -I$(TOP)/userspace/lib
core_review_LDLIBS := -lmnl
