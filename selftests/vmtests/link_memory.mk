# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
link_memory_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
link_memory_CFLAGS := -I$(TOP)/userspace/lib
link_memory_LDLIBS := -lmnl
