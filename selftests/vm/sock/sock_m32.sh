#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# 32-bit programs, where the kernel runs any.

lib_m32
status=$?
if [ $status -eq 126 ] || [ $status -eq 127 ]; then
	echo "TAP version 13"
	echo "1..0 # SKIP this kernel runs no 32-bit programs"
	exit 0
fi
exit $status
