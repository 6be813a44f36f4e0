# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
limits_userns_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
limits_userns_CFLAGS := -I$(TOP)/userspace/lib
limits_userns_LDLIBS := -lmnl
