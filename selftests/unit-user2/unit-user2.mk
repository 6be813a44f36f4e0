# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Host tests of libockam's parts that need no kernel module.
#
#   make -f unit-user2.mk unit-user2-check   build and run, TAP on stdout

UU2_DIR := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
UU2_TOP := $(abspath $(UU2_DIR)/../..)
UU2_OUT ?= $(UU2_DIR)/build
UU2_SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
UU2_LIB := $(UU2_TOP)/userspace/lib

$(UU2_OUT)/test_text: $(UU2_DIR)/test_text.c $(UU2_LIB)/text.c $(UU2_LIB)/text.h
	@mkdir -p $(UU2_OUT)
	$(CC) -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror $(UU2_SAN) \
		-I$(UU2_LIB) -I$(UU2_TOP)/include/uapi $(CFLAGS) \
		$(filter %.c,$^) $(LDFLAGS) -o $@

unit-user2: $(UU2_OUT)/test_text

unit-user2-check: unit-user2
	$(UU2_OUT)/test_text

unit-user2-clean:
	rm -rf $(UU2_OUT)

.PHONY: unit-user2 unit-user2-check unit-user2-clean
