# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Programs for the VM: tests (kselftest), helpers of shell tests, benchmarks. All are
# linked with libockam, of which they may use what it does not export.

LIBOCKAM := $(O)/userspace/lib/libockam.a
# The harness itself is not clean under -Wextra.
VM_CFLAGS = $(BASE_CFLAGS) -Wno-sign-compare -Wno-missing-field-initializers \
	-I$(TOP)/userspace/lib -I$(SRCDIR)/vm
VM_LDLIBS := -lmnl -lcbor -lsodium -lcrypto -lpthread

# Peers that lie have what makes the true ones.
LIARS := $(USER_SRCS:userspace/portal/%=) selftests/unit/identity/exchange.c \
	selftests/unit/tap.c
lib_x3dh_SRCS := $(LIARS)
lib_x3dh_CFLAGS := $(USER_CFLAGS) -I$(SRCDIR)/unit -I$(SRCDIR)/unit/identity
lib_x3dh_LDLIBS := -ljansson
lib_xx_SRCS := $(filter-out %/keystore.c %/keystore_peers.c %/keystore_boxes.c,$(LIARS))
lib_xx_CFLAGS := $(lib_x3dh_CFLAGS)
lib_xx_LDLIBS := -ljansson

# Both sides of a handshake in one process, for the benchmark.
handshake_SRCS := $(lib_xx_SRCS)
handshake_CFLAGS := $(USER_CFLAGS) -I$(SRCDIR)/unit -I$(SRCDIR)/unit/identity
handshake_LDLIBS := -ljansson

# The tests' helpers, without their main().
crowd_CFLAGS := -Wno-unused-function
many_CFLAGS := -Wno-unused-function

# Preloaded into ockamd.
PRELOADED := selftests/helpers/lib_kill.c
$(O)/selftests/%.so: $(SRCDIR)/helpers/%.c
	@mkdir -p $(@D)
	$(call say,CC,selftests/helpers/$*.c)
	@$(CC) $(BASE_CFLAGS) -shared -fPIC -o $@ $< -ldl

# A program of 32 bits, with what of libockam needs no other library.
M32 := selftests/helpers/lib_m32.c
M32_LIB := $(patsubst %,$(TOP)/userspace/lib/%.c,sock path text error)
$(O)/selftests/lib_m32: $(TOP)/$(M32) $(M32_LIB)
	@mkdir -p $(@D)
	$(call say,CC,'$(M32) -m32')
	@$(CC) $(VM_CFLAGS) -m32 -static -MMD -MP -MF $@.dep -o $@ $^

VM_SRCS := $(filter-out $(PRELOADED) $(M32),$(call sources,vm helpers bench,*.c))
PART_SRCS += $(PRELOADED)
VM_SRCS += $(M32)
$(foreach s,$(filter-out $(M32),$(VM_SRCS)),$(eval $(call program,VM,selftests,$(s),$(CC),$(LIBOCKAM))))
VMTESTS := $(addprefix $(O)/selftests/,$(call name,$(VM_SRCS))) \
	$(patsubst selftests/helpers/%.c,$(O)/selftests/%.so,$(PRELOADED))
