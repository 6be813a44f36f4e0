# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# A helper of shell tests; libockam needs these.
lib_echo_LDLIBS := -lcbor -lmnl
