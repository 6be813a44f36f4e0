#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The headers in C++, of several years, and libockam for 32 bits: both compile without
# a warning. (helpers/lib_m32.c runs.)

top=$(cd "$(dirname "$0")/../../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
# shellcheck source=selftests/runner/ktap.sh
. "$top/selftests/runner/ktap.sh"

# A program that names every function.
functions=$(sed -n 's/^[a-z].*[ *]\(ockam_[a-z_]*\)(.*/\1/p' \
	"$top/include/ockam/ockam.h" | sort -u)
{
	echo '#include <ockam/ockam.h>'
	echo '#include <linux/ockam_netlink.h>'
	echo 'extern void take(...);'
	echo 'int main() {'
	for f in $functions; do echo "	take((void *)&$f);"; done
	echo '}'
} >"$tmp/all.cc"
compiles() {	# standard
	g++ "-std=$1" -Wall -Wextra -Werror -I"$top/include" -I"$top/include/uapi" \
		-c -o "$tmp/all.o" "$tmp/all.cc"
}
# By the names that C has for them, not C++.
linked() {
	local n

	n=$(nm "$tmp/all.o" | grep -c '^ *U ockam_')
	[ "$n" -gt 20 ] && [ "$n" -eq "$(echo "$functions" | wc -w)" ]
}
for std in c++11 c++17 c++20; do
	check "the headers in $std" compiles $std
done
check "its functions are C's" linked
for f in "$top"/userspace/lib/*.c; do
	check "-m32: ${f##*/}" gcc -m32 -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE \
		-I"$top/include" -I"$top/include/uapi" -fsyntax-only "$f"
done
echo "1..$n"
exit $failed
