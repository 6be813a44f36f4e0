# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
channel_early_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
channel_early_CFLAGS := -I$(TOP)/userspace/lib
channel_early_LDLIBS := -lcbor -lmnl
