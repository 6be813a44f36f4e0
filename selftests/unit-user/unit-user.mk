# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Host tests of the user-space protocol code (userspace/noise,
# userspace/identity and userspace/portal), built with ASan and UBSan.
#
#   make -f unit-user.mk unit-user         build
#   make -f unit-user.mk unit-user-check   run all, TAP on stdout
#   make -f unit-user.mk unit-user-fuzz    libFuzzer targets (clang), bounded run
#
# Needs libsodium-dev, libssl-dev, libcbor-dev and libjansson-dev.

UU_DIR := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
UU_TOP := $(abspath $(UU_DIR)/../..)
UU_OUT ?= $(UU_TOP)/build/unit-user
UU_SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
UU_FUZZ_CC ?= clang
UU_FUZZ_SECONDS ?= 20

UU_NOISE := $(UU_TOP)/userspace/noise
UU_IDENT := $(UU_TOP)/userspace/identity
UU_PORTAL := $(UU_TOP)/userspace/portal
UU_CPPFLAGS := -D_GNU_SOURCE -I$(UU_NOISE) -I$(UU_IDENT) -I$(UU_PORTAL) \
	-I$(UU_DIR) \
	-DVECTORS_DIR='"$(abspath $(UU_DIR)/../vectors)"'
UU_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -fno-omit-frame-pointer
UU_LIBS := -lsodium -lcrypto -lcbor -ljansson

UU_SRCS := $(filter-out %_test.c,$(wildcard $(UU_NOISE)/*.c)) \
	$(wildcard $(UU_IDENT)/*.c $(UU_PORTAL)/*.c)
UU_HDRS := $(wildcard $(UU_NOISE)/*.h $(UU_IDENT)/*.h $(UU_PORTAL)/*.h \
	$(UU_DIR)/*.h)
UU_TESTS := test_noise test_identity test_xx test_x3dh test_postbox test_keystore \
	test_portal
UU_HELP := $(UU_NOISE)/noise_test.c $(UU_DIR)/tap.c $(UU_DIR)/exchange.c

UU_OBJS := $(patsubst $(UU_TOP)/%.c,$(UU_OUT)/%.o,$(UU_SRCS) $(UU_HELP))

unit-user: $(addprefix $(UU_OUT)/,$(UU_TESTS))

$(UU_OUT)/%.o: $(UU_TOP)/%.c $(UU_HDRS)
	@mkdir -p $(dir $@)
	$(CC) $(UU_CPPFLAGS) $(UU_CFLAGS) $(UU_SAN) $(CFLAGS) -c $< -o $@

$(addprefix $(UU_OUT)/,$(UU_TESTS)): $(UU_OUT)/%: $(UU_DIR)/%.c $(UU_OBJS)
	$(CC) $(UU_CPPFLAGS) $(UU_CFLAGS) $(UU_SAN) $(CFLAGS) $< $(UU_OBJS) \
		$(LDFLAGS) $(UU_LIBS) -o $@

unit-user-check: unit-user
	@set -e; for t in $(UU_TESTS); do \
		echo "# $$t"; $(UU_OUT)/$$t; \
	done

$(UU_OUT)/fuzz_%: $(UU_DIR)/fuzz_%.c $(UU_SRCS) $(UU_HDRS)
	@mkdir -p $(UU_OUT)
	$(UU_FUZZ_CC) $(UU_CPPFLAGS) $(UU_CFLAGS) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$< $(UU_SRCS) -lsodium -lcrypto -lcbor -o $@

unit-user-fuzz: $(UU_OUT)/fuzz_identity $(UU_OUT)/fuzz_x3dh \
		$(UU_OUT)/fuzz_portal
	@set -e; cd $(UU_OUT); for f in identity x3dh portal; do \
		mkdir -p corpus-$$f; \
		./fuzz_$$f -max_total_time=$(UU_FUZZ_SECONDS) \
			-max_len=4096 -timeout=5 -rss_limit_mb=1024 \
			-print_final_stats=1 corpus-$$f $(UU_DIR)/corpus-$$f; \
	done

unit-user-clean:
	rm -rf $(UU_OUT)

.PHONY: unit-user unit-user-check unit-user-fuzz unit-user-clean
