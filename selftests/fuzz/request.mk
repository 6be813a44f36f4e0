# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# What programs of a node send to ockamd, and what it answers.
fuzz_request_SRCS := userspace/lib/request.c
fuzz_request_CFLAGS := -I$(TOP)/userspace/lib
fuzz_request_LDLIBS := -lcbor
