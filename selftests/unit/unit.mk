# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Tests of the module's ground rooms.  test_codec includes codec.c.

test_route_SRCS := kmod/route.c
test_window_SRCS := kmod/window.c
test_pieces_SRCS := kmod/pieces.c kmod/codec.c kmod/route.c
test_keyring_SRCS := kmod/keyring.c kmod/window.c
test_keyring_LDLIBS := -lsodium

test_route_CFLAGS := -I$(TOP)/kmod
test_codec_CFLAGS := -I$(TOP)/kmod
test_window_CFLAGS := -I$(TOP)/kmod
test_keyring_CFLAGS := -I$(TOP)/kmod
test_pieces_CFLAGS := -I$(TOP)/kmod
