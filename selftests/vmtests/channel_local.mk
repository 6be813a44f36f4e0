# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
channel_local_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
channel_local_CFLAGS := -I$(TOP)/userspace/lib
channel_local_LDLIBS := -lmnl
