#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# One key store, one daemon, whatever network namespaces they are in; files about
# another namespace's channels are not believed; nothing of the kernel's is lost for
# good because its reports were.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

many=120
case ${OCKAM_VM_KERNEL:-} in debug*) many=40 ;; esac

channels()	{ on "$1" ockamctl -j channel list | grep -c '"id"'; }
has()		{ [ "$(channels "$1")" -eq "$2" ]; }

echo "TAP version 13"
nodes one two peer
join one peer 1
join two peer 2
for ns in one two; do
	cat >$ns.conf <<-CONF
		state = "$dir/shared.keys"
		identity "id" { create = true }
		listener "api" { identity = "id" trust = {"anyone"} }
		link "door" { listen = "0.0.0.0:4000" }
		channel "kept" { identity = "id" route = "nowhere" trust = {"anyone"} }
	CONF
done
cat >peer.conf <<-CONF
	state = "$dir/peer.keys"
	identity "peer" { create = true }
	link "up" { connect = "10.1.0.1:4000" }
CONF

# ---- one store, one daemon ----

check "a daemon starts" start one
on two ockamd -f two.conf >two.log 2>&1
status=$?
check "a second one with its key store, in another namespace, does not ($status)" \
	[ $status -ne 0 ]
check "and says why" grep -q 'another ockamd works with it' two.log

# ---- files about another namespace ----

kill "$pid_one" && wait "$pid_one"
check "somebody has a hop where the first one had a channel" eval '
	on two ockamctl hop add kept'
: >two.log
check "when the first one has ended the second one starts" start two
check "and leaves that hop alone" eval '
	until_true logged two "somebody else" && on two ockamctl hop show kept'
kill "$pid_two" && wait "$pid_two"

# ---- reports that are lost ----

cp /proc/sys/net/core/rmem_default rmem
echo 32768 >/proc/sys/net/core/rmem_default
check "the first one starts again" start one
cat rmem >/proc/sys/net/core/rmem_default
check "so does its peer" eval 'start peer && until_true is_up peer up'
i=0
while [ $i -lt $many ]; do
	on peer ockamctl secure-channel create 'up => api' identity peer \
		trust anyone timeout-ms 20000 >/dev/null
	i=$((i + 1))
done
check "there are $many channels" until_true has one $many
kill -STOP "$pid_one"
on peer ockamctl channel flush
sleep 2
kill -CONT "$pid_one"
check "when all were closed while the daemon did not listen, none stays" \
	until_true has one 0
check "and the daemon knows" until_true eval '
	on one ockamctl listener list | grep "^channels of peers 0 "'

echo "1..$n"
exit $failed
