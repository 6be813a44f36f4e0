#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# fresh.sh: what somebody meets who has just cloned the tree. See usage.

. "$(dirname "$0")/lib.sh"
. "$VMDIR/debroot.sh"

usage() {
	cat <<-USAGE
	usage: fresh.sh [options] ["TARGET [VARIABLE=VALUE]..."]...

	Makes a Debian root directory with nothing but make and git, clones this tree's
	last commit into it, and runs make TARGET there, one after the other ("demo").
	Wants root, and about 5 GB in build/.

	  --beside       keep the processors busy with another build meanwhile
	  --cache        with the kernels and sources of this machine's cache
	  --set VAR=VAL  for make, with each target (repeatable)
	  --suite NAME   another release (bookworm)
	  --keep         leave the root directory, and go on in one that was left
	USAGE
}

beside= cache= suite=bookworm keep= variables=()
while [ $# -gt 0 ]; do
	case $1 in
	--beside) beside=1 ;;
	--cache) cache=1 ;;
	--set)
		case $2 in
		[A-Z]*=*) ;;
		*) die "--set '$2': it is VARIABLE=VALUE" ;;
		esac
		variables+=("$2")
		shift ;;
	--suite) suite=$2; shift ;;
	--keep) keep=1 ;;
	-h|--help) usage; exit 0 ;;
	-*) usage >&2; die "unknown option $1" ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || set -- demo

root=$BUILD/fresh/$suite
mkdir -p "${root%/*}"
exec {fresh_lock_fd}>"$root.lock"
flock -n "$fresh_lock_fd" || die "another run uses $root"

other=
finished() {
	# Which is unshare, that lets nothing else end it.
	[ -z "$other" ] || pkill -KILL -P "$other" || true
	[ -z "$other" ] || wait "$other" 2>/dev/null || true
	[ -n "$keep" ] || rm -rf --one-file-system "$root" "$root.log"
}
trap finished EXIT
trap 'exit 1' INT TERM

if [ -z "$keep" ] || [ ! -e "$root/src" ]; then
	rm -rf --one-file-system "$root"
	root_make "$root" "$suite" make,git
	git clone -q --no-hardlinks "$TOP" "$root/src"
fi
BIND=
if [ -n "$cache" ]; then
	mkdir -p "$CACHE"
	# Scripts ask HOME where it is.
	home=$root/root
	mkdir -p "$home/.cache"
	ln -sfn "$CACHE" "$home/.cache/af_ockam"
	BIND=$CACHE
fi
export BIND

# in_fresh TARGET...: make in the root directory
in_fresh() {
	local started=$SECONDS rc=0

	set -- "$@" ${variables[@]+"${variables[@]}"}
	say FRESH "make $*"
	root_run "$root" make -C /src --no-print-directory "$@" </dev/null || rc=$?
	say FRESH "make $*: status $rc after $((SECONDS - started)) s"
	return $rc
}

passed=0 failed=0
if ! in_fresh deps; then
	echo "not ok fresh: make deps"
	failed=1
	set --
elif [ -n "$beside" ]; then
	# As somebody's editor, browser and compiler would: more work than processors.
	git clone -q --no-hardlinks "$TOP" "$root/beside" 2>/dev/null || true
	root_run "$root" sh -c 'cd /beside && while :; do
		make clean; make userspace JOBS=$(($(nproc) * 2)); done' \
		>"$root/beside.log" 2>&1 </dev/null &
	other=$!
fi
for target; do
	# shellcheck disable=SC2086
	if in_fresh $target; then
		passed=$((passed + 1))
		echo "ok fresh $suite: make $target${variables[*]:+ ${variables[*]}}"
	else
		failed=$((failed + 1))
		echo "not ok fresh $suite: make $target${variables[*]:+ ${variables[*]}}"
	fi
done
echo
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
