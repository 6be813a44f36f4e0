# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=sh
#
# For the tests of ockamd, which source it: TAP, nodes, daemons.  A daemon NAME
# runs in the network namespace NAME with NAME.conf and writes to NAME.log.

n=0
failed=0
ok()	{ n=$((n + 1)); echo "ok $n - $1"; }
not_ok()	{ n=$((n + 1)); failed=1; echo "not ok $n - $1"; }

# check NAME COMMAND...: the command succeeds
check() {
	what=$1
	shift
	"$@" >check.out 2>&1
	rc=$?
	if [ $rc -eq 0 ]; then
		ok "$what"
	else
		not_ok "$what"
		echo "# status $rc"
		sed 's/^/# /' check.out
	fi
}

# refuse NAME PATTERN COMMAND...: it fails, and says why
refuse() {
	what=$1 pattern=$2
	shift 2
	if out=$("$@" 2>&1); then
		not_ok "$what: was allowed"
		echo "# $out"
	elif echo "$out" | grep -q -- "$pattern"; then
		ok "$what"
	else
		not_ok "$what: other reason"
		echo "# $out"
	fi
}

# until_true COMMAND...: within twenty seconds
until_true() {
	i=0
	while ! "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt $((200 * ${OCKAM_VM_SLOW:-1})) ] || return 1
		sleep 0.1
	done
}

on()	{ ip netns exec "$@"; }

# as UID NODE COMMAND...
as() {
	uid=$1 node=$2
	shift 2
	ip netns exec "$node" setpriv --reuid "$uid" --regid "$uid" \
		--clear-groups "$@"
}

logged()	{ grep -q -- "$2" "$1.log"; }
identifier()	{ sed -n "s/.*identity $2 is //p" "$1.log" | head -n 1; }

# How often a daemon has said that it is ready.
readies()	{ grep -c ': ready' "$1.log"; }
ready_more()	{ [ "$(readies "$1")" -gt "$2" ]; }

# start NAME: returns when it is ready; its process is pid_NAME
start() {
	: >>"$1.log"
	before=$(readies "$1")
	ip netns exec "$1" ockamd -d -f "$1.conf" >>"$1.log" 2>&1 &
	eval "pid_$1=$!"
	until_true ready_more "$1" "$before"
}
