# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# A helper of daemon_restart.sh.
lib_stream_LDLIBS := -lcbor -lmnl
