# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# A helper of daemon_portal.sh and attack_portal.sh.
lib_portal_LDLIBS := -lcbor -lmnl
