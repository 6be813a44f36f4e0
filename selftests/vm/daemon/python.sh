#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# python3-ockam: python_test.py beside this file, at a node with a daemon, and the
# program in README.md.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

nodes one
cat >one.conf <<-CONF
	state = "$dir/one.keys"
	identity "alice" { create = true }
	identity "bob" { create = true }
CONF
start one || { cat one.log; echo "Bail out! no daemon"; exit 1; }
awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' /ockam/README.md >readme.py
on one python3 -B /ockam/tests/python_test.py readme.py
exit
