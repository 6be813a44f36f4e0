# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
flood_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
flood_CFLAGS := -I$(TOP)/userspace/lib
flood_LDLIBS := -lmnl
