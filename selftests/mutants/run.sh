#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh [MUTANT...]: builds that are broken on purpose, MUTANT_JOBS at a time (one
# for each processor), each of which the tests have to catch.  One that survives is a
# failure, as is one that cannot be made any more.  See README.md beside this file.

. "$(dirname "$0")/../runner/lib.sh"

here=$TOP/selftests/mutants
all=$BUILD/mutants
kernel=${KERNEL:-6.1}
# Of this machine's time: only against hanging.
limit=${MUTANT_TIMEOUT:-3600}
workers=${MUTANT_JOBS:-$(nproc)}
sums=$all/sums

# of_worker NUMBER: where it works
of_worker() {
	work=$all/$1
	tree=$work/tree
	export OCKAM_BUILD=$work/build
}

# What a mutant's file says of it: "Host: test...", "VM: test...".
said() { sed -n "/^--- /q; s/^$2: //p" "$here/$1.patch"; }
what() { sed -n '2p' "$here/$1.patch"; }

# A tree of its own, with the user programs and tests that are built already: what
# a mutant does not touch is not built again.
prepare() {
	rm -rf "$tree" "$OCKAM_BUILD/userspace" "$OCKAM_BUILD/selftests"
	mkdir -p "$tree" "$OCKAM_BUILD"
	# All of it newer than what an earlier run has built, of its last mutant.
	(cd "$TOP" && tar -c --exclude=./build --exclude=./.git .) |
		tar -xm -C "$tree"
	cp -a "$BUILD/userspace" "$OCKAM_BUILD/"
	cp -al "$BUILD/selftests" "$OCKAM_BUILD/"
	# Written in place, and for other paths.
	find "$OCKAM_BUILD/selftests" -name '*.dep' -delete
	cp -a "$BUILD/kselftest" "$OCKAM_BUILD/" 2>/dev/null || true
	user=
}

# User space, from the first mutant of it on: from then on also for others, which
# have to be without its fault.  And the named tests in C: libockam is in them.
user_space() {
	local t

	[ -n "$user" ] || return 0
	make -s -C "$tree/userspace" O="$OCKAM_BUILD/userspace" -j"$JOBS" || return
	for t; do
		[ "${t%.sh}" = "$t" ] || continue
		make -s -C "$tree/selftests" O="$OCKAM_BUILD" \
			"$OCKAM_BUILD/selftests/$t" || return
	done
}

# Those in the shell are run where they lie.
host_test() {
	local t prog

	for t; do
		prog=$(find "$tree/selftests/unit" -name "$t.sh")
		if [ -z "$prog" ]; then
			prog=$OCKAM_BUILD/unit/$t
			make -s -C "$tree/selftests" O="$OCKAM_BUILD" "$prog" ||
				return 2
		fi
		timeout -k 5 "$limit" "$prog" </dev/null || return 1
	done
}

# One failure is enough; a kernel that complains has failed.  Tests that are about
# several processors get them.
vm_run() {
	local pid t rc=0 append="panic_on_warn=1 oops=panic" smp=1

	for t; do
		[ "$(test_setting "$t" parallel '')" != 1 ] || smp=2
	done
	[ $smp -eq 1 ] || append="$append preempt=full"
	setsid "$tree/selftests/runner/run.sh" --kernel "$kernel" --name mutant \
		--mem 512M --smp $smp --append "$append" \
		--timeout "$limit" "$@" &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		if grep -q '^\(# \)*not ok' "$log"; then
			sleep 1
			kill -TERM -- -$pid 2>/dev/null || true
		fi
		sleep 1
	done
	wait $pid || rc=$?
	return $rc
}

# A machine that does not come up, on a busy host, says nothing of the mutant.
vm_test() {
	local rc i

	{
		"$tree/selftests/runner/module.sh" "$kernel" \
			"$OCKAM_BUILD/kmod-$kernel" -j"$JOBS" -s &&
			user_space "$@"
	} >"$work/build.log" 2>&1 || return 2
	for i in 1 2 3; do
		: >"$log"
		rc=0
		vm_run "$@" >>"$log" 2>&1 || rc=$?
		! grep -q '^ok 1 vm: modules load' "$log" || break
		rc=3
	done
	case $rc in 0|3) return $rc ;; *) return 1 ;; esac
}

# The tests that failed in a log.
failures() {
	sed -n 's/^\(# \)*not ok [0-9]* *\(- \)*//p; /^not ok vm:/p; s/^.*ERROR: AddressSanitizer/AddressSanitizer/p' \
		"$1" | grep -v '^vm: the VM ended' | sort -u | paste -sd, | sed 's/,/, /g' |
		cut -c 1-150
}

# try NAME HOST-TESTS VM-TESTS: what failed; nothing: all passed.  2: not built.
try() {
	local log=$work/$1.log rc=0

	: >"$log"
	if [ -n "$2" ]; then
		# shellcheck disable=SC2086
		host_test $2 >>"$log" 2>&1 || rc=$?
		[ $rc -ne 2 ] || return 2
		[ $rc -eq 0 ] || { failures "$log" | grep . || echo "$2: status $rc"; return 0; }
	fi
	[ -n "$3" ] || return 0
	# shellcheck disable=SC2086
	vm_test $3 || rc=$?
	[ $rc -lt 2 ] || return $rc
	[ $rc -eq 0 ] || { failures "$log" | grep . || echo "the VM: status $rc"; }
}

# Files that a mutant touches.
files() { sed -n 's,^+++ b/\([^	]*\).*,\1,p' "$here/$1.patch"; }

restore() {
	local f

	for f in $(files "$1"); do
		cp "$TOP/$f" "$tree/$f"		# and newer than what was built
	done
}

result() {	# ok|not ok, text
	local sum='0 1 0'

	[ "$1" != ok ] || sum='1 0 0'
	(
		flock 9
		echo "$sum" >>"$sums"
		printf '%s %d - %s\n' "$1" "$(wc -l <"$sums")" "$2"
	) 9>"$all/.number"
}

mutant() {
	local m=$1 caught rc=0

	if [ ! -e "$here/$m.patch" ]; then
		result "not ok" "$m: there is no such mutant"
		return
	fi
	if ! patch -d "$tree" -p1 -F0 -s --no-backup-if-mismatch \
			<"$here/$m.patch" >"$work/patch.log" 2>&1; then
		result "not ok" "$m: does not apply, bring it up to date"
		sed 's/^/# /' "$work/patch.log"
		restore "$m"
		return
	fi
	! files "$m" | grep -q '^userspace/' || user=1
	caught=$(try "$m" "$(said "$m" Host)" "$(said "$m" VM)") || rc=$?
	if [ $rc -eq 2 ]; then
		result "not ok" "$m: does not build"
		tail -qn 20 "$work/build.log" "$work/$m.log" 2>&1 | sed 's/^/# /' || true
	elif [ $rc -eq 3 ]; then
		result "not ok" "$m: the VM does not start"
	elif [ -z "$caught" ]; then
		result "not ok" "$m: SURVIVED $(said "$m" Host) $(said "$m" VM)"
		echo "# $(what "$m")"
	else
		result ok "$m: $caught"
	fi
	restore "$m"
}

# Without a fault all these tests pass, else the rest would prove nothing.
sound() {
	local hosts vms caught rc=0

	hosts=$(for m; do said "$m" Host; done | tr ' ' '\n' | sort -u | paste -sd' ')
	vms=$(for m; do said "$m" VM; done | tr ' ' '\n' | sort -u | paste -sd' ')
	caught=$(try sound "$hosts" "$vms") || rc=$?
	if [ $rc -ne 0 ] || [ -n "$caught" ]; then
		result "not ok" "without a fault: ${caught:-does not build}"
		return 1
	fi
	result ok "without a fault all pass: $hosts $vms"
}

# worker NUMBER MUTANT...: those that no other worker has begun with
worker() {
	local m

	of_worker "$1"
	shift
	prepare
	for m; do
		! mkdir "$all/taken/$m" 2>/dev/null || mutant "$m"
	done
}

mkdir -p "$all"
exec {work_lock_fd}>"$all/.lock"
flock -n "$work_lock_fd" || die "another run is under way"
[ $# -gt 0 ] ||
	# shellcheck disable=SC2046
	set -- $(cd "$here" && printf '%s\n' *.patch | sed 's/\.patch$//')
rm -rf "$all/taken"
mkdir "$all/taken"
: >"$sums"
echo 'TAP version 13'
[ -n "${MUTANT_QUICK:-}" ] && echo "1..$#" || echo "1..$(($# + 1))"
if [ -z "${MUTANT_QUICK:-}" ]; then
	of_worker 1
	prepare
	sound "$@" || OCKAM_BUILD=$BUILD finish mutants "$sums"
fi
for ((i = 1; i <= workers && i <= $#; i++)); do
	worker "$i" "$@" </dev/null &
done
wait
# Whatever has no result, its worker has failed.
num=$(wc -l <"$sums")
[ -n "${MUTANT_QUICK:-}" ] || num=$((num - 1))
[ "$num" -eq $# ] || { echo "not ok - $(($# - num)) have no result"; echo 0 1 0 >>"$sums"; }
OCKAM_BUILD=$BUILD finish mutants "$sums"
