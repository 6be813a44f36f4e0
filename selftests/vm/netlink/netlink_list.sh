#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Root lists all workers, a user its own.
exec python3 /ockam/tests/netlink_workers.py
