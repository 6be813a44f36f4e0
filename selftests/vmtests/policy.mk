# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
policy_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
policy_CFLAGS := -I$(TOP)/userspace/lib
policy_LDLIBS := -lmnl
