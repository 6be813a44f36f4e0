# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
channel_links_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
channel_links_CFLAGS := -I$(TOP)/userspace/lib
channel_links_LDLIBS := -lmnl
