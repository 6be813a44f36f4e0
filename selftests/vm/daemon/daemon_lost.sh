#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The kernel tells of channels that have ended faster than a daemon that is stopped
# for a while reads it, and drops what does not fit: none of them stays for that, and
# those that have not ended do.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

many=40

create() {
	on peer ockamctl secure-channel create 'up => api' identity peer trust anyone
}
mine()		{ on peer ockamctl -j channel list | sed -n 's/.*"id": *\([0-9]*\).*/\1/p'; }
# Messages that its sockets for netlink have lost.
lost() {
	on vic cat /proc/net/netlink | awk -v pid="$pid_vic" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == "Drops") d = i }
		NR > 1 { n += $d } END { print n + 0 }'
}

echo "TAP version 13"
nodes vic peer
join vic peer 1
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
cat >peer.conf <<-CONF
	state = "$dir/peer.keys"
	identity "peer" { create = true }
	link "up" { connect = "10.1.0.1:4000" }
CONF
usual=$(cat /proc/sys/net/core/rmem_default)
echo 8192 >/proc/sys/net/core/rmem_default
check "a daemon whose sockets hold little starts" start vic
echo "$usual" >/proc/sys/net/core/rmem_default
check "its peer starts" eval 'start peer && until_true is_up peer up'
for i in $(seq $many); do
	create >/dev/null
done
check "there are $many channels" until_true has_channels vic $many
before=$(lost)
kill -STOP "$pid_vic"
for id in $(mine | head -n $((many - 3))); do
	on peer ockamctl secure-channel delete "$id"
done
sleep 2
check "events of the daemon that is stopped are lost" [ "$(lost)" -gt "$before" ]
kill -CONT "$pid_vic"
check "all channels that ended are gone" until_true has_channels vic 3
sleep 3
check "the others are there" has_channels vic 3
check "and new ones are made" eval 'create && until_true has_channels vic 4'

echo "1..$n"
exit $failed
