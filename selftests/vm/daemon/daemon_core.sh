#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The keys in ockamd's memory stay there: nobody but root looks into it, not even its
# own uid, and when it is made to crash it leaves no core, neither as a file nor for
# a program that collects them.  Another process of that uid shows that it would.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

other=
pattern=$(cat /proc/sys/kernel/core_pattern)
at_end() {
	echo "$pattern" >/proc/sys/kernel/core_pattern
	[ -z "$other" ] || kill "$other"
}

echo TAP version 13
echo 1..17
nodes one
mkdir cores
chmod 1777 cores
cat >one.conf <<-CONF
	user = "ockam"
	state = "$dir/one.keys"
	identity "one" { create = true }
CONF
# Who collects cores.
cat >collect <<-SH
	#!/bin/sh
	exec cat >$dir/cores/collected.\$1
SH
chmod 755 collect
ulimit -c unlimited

cores() { find cores -type f | wc -l; }
is() { [ "$("$1")" = "$2" ]; }

other() {
	setpriv --reuid 990 --regid 990 --clear-groups sleep 1000 &
	other=$!
	until_true grep -q '^Uid:.990' /proc/$other/status
}

# abort PID: gone, with whatever it leaves
abort() {
	kill -ABRT "$1"
	wait "$1" 2>/dev/null
	[ ! -e "/proc/$1" ]
}

# PID: can its uid open its memory?
memory() {
	setpriv --reuid 990 --regid 990 --clear-groups \
		dd if="/proc/$1/mem" count=0
}

check "the daemon starts" start one
check "it is another uid's" grep -q '^Uid:.990.990.990' /proc/$pid_one/status
check "which may not have a core" grep -q '^Max core file size *0 *0 ' \
	/proc/$pid_one/limits
check "another process of that uid starts" other
check "its memory can be read" memory $other
refuse "not the daemon's" 'denied' memory $pid_one
refuse "nor its environment, nor where it maps what" 'denied' \
	setpriv --reuid 990 --regid 990 --clear-groups cat \
	/proc/$pid_one/environ /proc/$pid_one/maps

echo "$dir/cores/core.%p" >/proc/sys/kernel/core_pattern
check "the other process ends" abort $other
check "with a core" is cores 1
check "the daemon ends" abort $pid_one
check "without one" is cores 1
rm -f cores/*

echo "|$dir/collect %p" >/proc/sys/kernel/core_pattern
check "the daemon starts again" start one
check "another process of its uid, too" other
check "that ends" abort $other
check "and a core is collected" until_true is cores 1
check "the daemon ends again" abort $pid_one
sleep 1
check "and none is collected" is cores 1
pid_one= other=

[ $failed -eq 0 ] || sed 's/^/# /' one.log
exit $failed
