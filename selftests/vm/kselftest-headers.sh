#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# kselftest-headers.sh DIR: the kernel's test harness, from the kernel source
# package, in DIR.

. "$(dirname "$0")/lib.sh"

dir=${1:?directory}
[ ! -e "$dir/kselftest_harness.h" ] || exit 0

src=$("$VMDIR/kernel-source.sh" 6.1)
mkdir -p "$dir"
cp "$src"/tools/testing/selftests/kselftest.h "$dir/"
cp "$src"/tools/testing/selftests/kselftest_harness.h "$dir/"
