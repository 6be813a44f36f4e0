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
# 30 s for one test are few for a debug kernel, in whatever time; the runner bounds
# each program anyway.
sed 's/^\(#define TEST_TIMEOUT_DEFAULT\) 30$/\1 200/' \
	"$src"/tools/testing/selftests/kselftest_harness.h \
	>"$dir/kselftest_harness.h"
grep -q 'TEST_TIMEOUT_DEFAULT 200' "$dir/kselftest_harness.h" ||
	die "kselftest_harness.h is not what it was"
