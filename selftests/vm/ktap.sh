# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# For shell tests: `. /ockam/ktap.sh`, `plan N`, then per test `ok TEXT`,
# `not_ok TEXT` or `skip TEXT REASON`, or `check TEXT COMMAND...`; last `finished`.

ktap_num=0
ktap_planned=0
ktap_failed=0

plan() { ktap_planned=$1; echo "TAP version 13"; echo "1..$1"; }
ok() { ktap_num=$((ktap_num + 1)); echo "ok $ktap_num $*"; }
not_ok() {
	ktap_num=$((ktap_num + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_num $*"
}
skip() { ktap_num=$((ktap_num + 1)); echo "ok $ktap_num $1 # SKIP $2"; }

# check TEXT COMMAND...: ok if the command succeeds; its output as comment.
check() {
	ktap_text=$1
	shift
	if ktap_out=$("$@" 2>&1); then
		ok "$ktap_text"
	else
		echo "# $* gave $?"
		printf '%s\n' "$ktap_out" | sed 's/^/# /'
		not_ok "$ktap_text"
	fi
}

finished() {
	[ "$ktap_failed" -eq 0 ] && [ "$ktap_num" -eq "$ktap_planned" ]
	exit
}
