# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Fuzzers of the module's ground rooms.  fuzz_wire and fuzz_chan include
# codec.c.

fuzz_route_SRCS := kmod/route.c kmod/codec.c
fuzz_ring_SRCS := kmod/keyring.c kmod/window.c
fuzz_pieces_SRCS := kmod/pieces.c kmod/codec.c kmod/route.c

fuzz_wire_CFLAGS := -I$(TOP)/kmod
fuzz_chan_CFLAGS := -I$(TOP)/kmod
fuzz_route_CFLAGS := -I$(TOP)/kmod
fuzz_ring_CFLAGS := -I$(TOP)/kmod
fuzz_pieces_CFLAGS := -I$(TOP)/kmod

# Seeds go where new inputs are kept.
fuzzers: $(O)/fuzz/corpus/seeds
$(O)/fuzz/corpus/seeds: $(TOP)/selftests/fuzz/mkcorpus.py
	@mkdir -p $(@D)
	@$< $(@D) && touch $@
