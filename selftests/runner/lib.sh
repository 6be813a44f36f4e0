# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Sourced by the scripts of this directory: where things are, how to say what
# is going on.

set -euo pipefail
export LC_ALL=C

VMDIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$VMDIR/../.." && pwd)
BUILD=${OCKAM_BUILD:-$TOP/build}
CACHE=${OCKAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/af_ockam}
JOBS=${JOBS:-$(nproc)}
# What KERNEL may be: Debian's, those with PREEMPT_RT, and those with checks.
KERNELS="6.1 6.12 7.3 6.1-rt 6.12-rt 7.3-rt debug debug-rt"

say() { printf '  %-8s %s\n' "$1" "${*:2}" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# One holder of a named lock at a time, across all checkouts of this user.
cache_lock() {
	mkdir -p "$CACHE"
	exec {cache_lock_fd}>"$CACHE/.lock-$1"
	if ! flock -n "$cache_lock_fd"; then
		say WAIT "another run is preparing $1"
		flock "$cache_lock_fd"
	fi
}
cache_unlock() { exec {cache_lock_fd}>&-; }

# mawk waits for a full buffer unless told not to.
live_awk() {
	case $(awk -W version 2>&1 </dev/null | head -n 1) in
	mawk*) awk -W interactive "$@" ;;
	*) awk "$@" ;;
	esac
}

# Long builds: one line now and then instead of thousands or silence.
# progress TITLE LOGFILE: reads lines, keeps all in LOGFILE.
progress() {
	live_awk -v t="$1" -v log_file="$2" '
		BEGIN { t0 = last = systime() }
		{ print > log_file; fflush(log_file); n++ }
		systime() - last >= 15 {
			last = systime()
			printf "  %-8s %d s, %d steps, %s\n", \
				t, last - t0, n, $0 > "/dev/stderr"
		}'
}

# The VM tests by name, one a line.
vm_tests() {
	find "$TOP/selftests/vm" -mindepth 2 -type f ! -name 'lib*' -printf '%f\n' |
		sed -n 's/\.c$//p; /\.sh$/p' | sort
}

# test_setting TEST KEY DEFAULT: what selftests/vm/settings says, lines of
# "TEST|* key=value...", the last wins.
test_setting() {
	local value

	value=$(awk -v t="$1" -v k="$2" '
		$1 == t || $1 == "*" {
			for (i = 2; i <= NF; i++)
				if (index($i, k "=") == 1)
					v = substr($i, length(k) + 2)
		} END { print v }' "$TOP/selftests/vm/settings")
	echo "${value:-$3}"
}

# finish NAME SUMS: add up lines of "passed failed skipped", say so, keep the sum
# for check.sh, and end with the status that follows.
finish() {
	local sum passed failed skipped

	sum=$(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$2")
	read -r passed failed skipped <<<"$sum"
	mkdir -p "$BUILD/results"
	echo "$sum" >"$BUILD/results/$1"
	printf '# %s: %d passed, %d failed, %d skipped\n' \
		"$1" "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] || exit 1
	exit 0
}
