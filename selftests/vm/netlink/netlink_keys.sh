#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A refused request with keys comes back without them.
exec python3 /ockam/tests/netlink_echo.py /ockam/include/ockam_netlink.h
