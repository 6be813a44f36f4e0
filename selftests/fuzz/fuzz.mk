# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# libFuzzer targets. Their seeds lie in corpus/, or are made by mkcorpus.py.

FUZZ_CFLAGS = $(BASE_CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link $(USER_CFLAGS) -I$(TOP)/kmod \
	-I$(TOP)/userspace/lib -I$(SRCDIR)/unit/kmod -I$(SRCDIR)/unit/identity
FUZZ_LDLIBS := -fsanitize=fuzzer -lsodium -lcrypto -lcbor

$(foreach s,$(USER_SRCS),$(eval $(call object,FUZZ,fuzz,$(s),$(FUZZ_CC))))
FUZZ_LIB := $(O)/fuzz/libuser.a
$(FUZZ_LIB): $(patsubst %.c,$(O)/fuzz/obj/%.o,$(USER_SRCS))
	@rm -f $@ && $(AR) rcs $@ $^

# fuzz_wire and fuzz_chan include codec.c.
fuzz_route_SRCS := kmod/ground/route.c kmod/ground/codec.c
fuzz_ring_SRCS := kmod/ground/keyring.c kmod/ground/window.c
fuzz_pieces_SRCS := kmod/ground/pieces.c kmod/ground/codec.c kmod/ground/route.c
fuzz_request_SRCS := userspace/lib/request.c

FUZZ_SRCS := $(call sources,fuzz,fuzz_*.c)
$(foreach s,$(FUZZ_SRCS),$(eval $(call program,FUZZ,fuzz,$(s),$(FUZZ_CC),$(FUZZ_LIB))))
FUZZERS := $(addprefix $(O)/fuzz/,$(call name,$(FUZZ_SRCS)))

# Seeds go where new inputs are kept.
fuzzers: $(O)/fuzz/corpus/seeds
$(O)/fuzz/corpus/seeds: $(SRCDIR)/fuzz/mkcorpus.py
	@mkdir -p $(@D)
	@$< $(@D) && touch $@
