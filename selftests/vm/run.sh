#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh [options] TEST...: tests of this folder in a VM, see ../runner/README.md

exec "$(dirname "$0")/../runner/run.sh" "$@"
