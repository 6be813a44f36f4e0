# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# The tests' helpers, without their main().
crowd_SRCS := userspace/lib/nl.c userspace/lib/nl_names.c
crowd_CFLAGS := -I$(TOP)/userspace/lib -Wno-unused-function
crowd_LDLIBS := -lmnl
