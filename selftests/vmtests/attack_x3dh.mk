# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
lib_x3dh_SRCS := selftests/unit-user/exchange.c selftests/unit-user/tap.c \
	$(filter-out %_test.c,$(patsubst $(TOP)/%,%, \
	$(wildcard $(TOP)/userspace/identity/*.c $(TOP)/userspace/noise/*.c)))
lib_x3dh_CFLAGS := -I$(TOP)/selftests/unit-user -I$(TOP)/userspace/identity \
	-I$(TOP)/userspace/noise
lib_x3dh_LDLIBS := -ljansson

# Preloaded into ockamd.
NOT_PROGRAMS += selftests/vmtests/lib_kill.c
VMTESTS += $(O)/selftests/lib_kill.so
$(O)/selftests/lib_kill.so: $(TOP)/selftests/vmtests/lib_kill.c | $(O)/selftests
	@printf '  %-8s %s\n' CC selftests/vmtests/lib_kill.c
	@$(CC) $(BASE_CFLAGS) -shared -fPIC -o $@ $< -ldl
