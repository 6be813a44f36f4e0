#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Peers that make all the channels they can, and vanish without a word: others get
# theirs all the same, and what the configuration names has its own room.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

room=24	# of the node; of that 21 for peers

create() { # create NODE IDENTITY
	on "$1" ockamctl secure-channel create 'up => api' identity "$2" \
		trust anyone timeout-ms 9000
}
channels()	{ on vic ockamctl -j channel list | grep -c '"id"'; }
accepted() {
	on vic ockamctl listener list | sed -n 's/.*accepted \([0-9]*\).*/\1/p'
}
has_accepted()	{ [ "$(accepted)" -ge "$1" ]; }

echo "TAP version 13"
nodes vic evil good
join vic evil 1
join vic good 2
for ns in evil good; do
	net=$([ $ns = evil ] && echo 1 || echo 2)
	cat >$ns.conf <<-CONF
		state = "$dir/$ns.keys"
		identity "$ns" { create = true }
		identity "second" { create = true }
		listener "api" { identity = "$ns" trust = {"anyone"} }
		link "up" { connect = "10.$net.0.1:4000" }
		link "door" { listen = "0.0.0.0:4000" }
	CONF
done
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
check "nodes start" eval '
	start vic && start evil && start good &&
	until_true is_up evil up && until_true is_up good up'
check "the node has room for $room channels" on vic ockamctl node set max-channels $room

# ---- one peer takes all ----

i=0
while [ $i -lt $room ]; do
	create evil evil >/dev/null 2>&1
	i=$((i + 1))
done
most=$(channels)
check "one peer has some of it, not all ($most)" [ "$most" -ge 8 -a "$most" -lt $room ]
kill -9 "$pid_evil"
check "somebody else gets a channel" create good good
check "and it is accepted" until_true logged vic 'it makes room for another'
before=$(accepted)
for i in 1 2 3 4; do
	create good good >/dev/null
done
check "and some more" until_true has_accepted $((before + 4))
on vic lib_echo serve echoer channels >echo.out &
pids="$pids $!"
check "and what he sends comes" eval '
	ch=$(create good second | awk "{ print \$1 }") &&
	until_true on good lib_echo ask "$ch => echoer" hello'
check "there are no more channels than before" [ "$(channels)" -le $((most + 1)) ]

# ---- what the configuration names ----

cat >>vic.conf <<-CONF
	link "out" { connect = "10.2.0.2:4000" }
	channel "kept" { identity = "victim" route = "out => api" trust = {"anyone"} }
CONF
kill -HUP "$pid_vic"
kept_is_up() {
	on vic ockamctl secure-channel list | grep 'kept' | grep -q 'state up'
}
check "a channel of the configuration has room" until_true kept_is_up

# ---- after a restart ----

kill "$pid_vic" && wait "$pid_vic"
check "the daemon starts anew" start vic
before=$(accepted)
create good good >/dev/null
check "and counts those that are there" until_true has_accepted $((before + 1))
check "there are no more channels than before" [ "$(channels)" -le $((most + 3)) ]

echo "1..$n"
exit $failed
