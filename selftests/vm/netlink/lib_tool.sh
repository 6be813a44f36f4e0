# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=sh
#
# For the tests of ockamctl, which source it: what a command's exit status is and what
# it says.  They end with tool_end.

# In a node of their own: whose links are counted from 1, and whose settings and names
# are not those that other tests have left.
if [ -z "${TOOL_NODE:-}" ]; then
	TOOL_NODE=1 exec unshare --net "$0" "$@"
fi
ip link set lo up

num=0
failed=0
tmp=$(mktemp -d)

result() {	# status, what
	num=$((num + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $num $2"
	else
		echo "not ok $num $2"
		sed 's/^/# /' "$tmp/out" "$tmp/err"
		failed=$((failed + 1))
	fi
}

# Status, and words with | between that standard output or error have to hold.
run() {	# what, status, out|err, words, command...
	what=$1 want=$2 stream=$3 words=$4
	shift 4
	"$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	good=0
	[ $status -eq "$want" ] || { good=1; echo "status $status" >>"$tmp/err"; }
	old=$IFS
	IFS='|'
	for w in $words; do
		grep -qF -- "$w" "$tmp/$stream" || {
			good=1
			echo "no '$w'" >>"$tmp/err"
		}
	done
	IFS=$old
	result $good "$what"
}
says() { what=$1 words=$2; shift 2; run "$what" 0 out "$words" "$@"; }
fails() { what=$1 words=$2; shift 2; run "$what" 1 err "$words" "$@"; }
wrong() { what=$1 words=$2; shift 2; run "$what" 2 err "$words" "$@"; }
# After a command: the last output is $tmp/out and $tmp/err.
good() { result $? "$1"; }

# until_says WORDS COMMAND...: within a minute
until_says() {
	words=$1
	shift
	for _ in $(seq 600); do
		"$@" 2>&1 | grep -qF -- "$words" && return
		sleep 0.1
	done
	return 1
}

tool_end() {
	rm -r "$tmp"
	echo "1..$num"
	[ $failed -eq 0 ]
	exit
}
