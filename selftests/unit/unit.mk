# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Unit tests, which run on this machine: kmod, of the module's ground rooms; lib, of
# libockam; identity, of what reads a peer's bytes in user space; ctl, of ockamctl's
# completion, in the shells, and of what it prints; runner, of what runs tests. Those in C
# have tap.h.

UNIT_CFLAGS = $(BASE_CFLAGS) $(SANITIZE) $(USER_CFLAGS) -I$(TOP)/kmod \
	-I$(TOP)/userspace/lib -I$(SRCDIR)/unit -I$(SRCDIR)/unit/identity \
	-DVECTORS_DIR='"$(SRCDIR)/vectors"'
UNIT_LDLIBS := -lsodium -lcrypto -lcbor -ljansson

# Common to them: of user space, and for tests.
UNIT_PARTS := $(foreach s,$(call sources,unit,*.c), \
	$(if $(filter test_%,$(notdir $(s))),,$(s)))
$(foreach s,$(USER_SRCS) $(UNIT_PARTS),$(eval $(call object,UNIT,unit,$(s),$(CC))))
UNIT_LIB := $(O)/unit/libuser.a
$(UNIT_LIB): $(patsubst %.c,$(O)/unit/obj/%.o,$(USER_SRCS) $(UNIT_PARTS))
	@rm -f $@ && $(AR) rcs $@ $^

# test_codec includes codec.c.
test_route_SRCS := kmod/ground/route.c
test_window_SRCS := kmod/ground/window.c
test_pieces_SRCS := kmod/ground/pieces.c kmod/ground/codec.c kmod/ground/route.c
test_keyring_SRCS := kmod/ground/keyring.c kmod/ground/window.c
test_text_SRCS := userspace/lib/text.c

test_metrics_SRCS := userspace/ockamctl/metrics.c userspace/lib/nl_names.c \
	userspace/lib/text.c
test_metrics_CFLAGS := -I$(TOP)/userspace/ockamctl

UNIT_SRCS := $(call sources,unit,test_*.c)
PART_SRCS += $(UNIT_PARTS)
$(foreach s,$(UNIT_SRCS),$(eval $(call program,UNIT,unit,$(s),$(CC),$(UNIT_LIB))))
HOST_TESTS := $(addprefix $(O)/unit/,$(call name,$(UNIT_SRCS))) \
	$(wildcard $(SRCDIR)/unit/*/test_*.sh) \
	$(wildcard $(SRCDIR)/vectors/*.py)	# computes them anew by itself
