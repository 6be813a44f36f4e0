# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
local_user_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
local_user_CFLAGS := -I$(TOP)/userspace/lib
local_user_LDLIBS := -lmnl
