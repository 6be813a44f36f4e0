#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What permits a channel is asked when it is installed: a first message that has waited
# for room makes none if its sender's key is known to be an older one by then.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

channels()	{ on vic ockamctl -j channel list | grep -c '"id"'; }
create() { # create IDENTITY: of good
	on good ockamctl secure-channel create 'up => api' identity "$1" trust anyone \
		handshake x3dh timeout-ms 20000 | awk '{ print $1 }'
}
waits()		{ logged vic 'refused: .*as many channels'; }

echo "TAP version 13"
nodes vic good
join vic good 1
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} handshake = "both" }
	link "door" { listen = "0.0.0.0:4000" }
CONF
cat >good.conf <<-CONF
	state = "$dir/good.keys"
	identity "good" { create = true }
	identity "plain" { create = true }
	link "up" { connect = "10.1.0.1:4000" }
CONF
check "nodes start" eval 'start vic && start good && until_true is_up good up'
on vic lib_echo serve echoer channels >echo.out &
pids="$pids $!"
cp -r good.keys newer.keys
check "one has another key, which nobody knows yet" eval '
	ockamctl identity rotate good dir newer.keys >/dev/null &&
	ockamctl identity export good dir newer.keys >newer.history'

# wait_for_room IDENTITY: its first message waits
wait_for_room() {
	: >vic.log
	on vic ockamctl node set max-channels 1
	ch=$(create "$1")
	on good lib_echo tell "$ch => echoer" hello
	until_true waits
}
check "a first message waits for room" wait_for_room plain
on vic ockamctl node set max-channels 1000
check "when there is, it is delivered" until_true grep -q 'got 5 channel' echo.out
heard=$(wc -l <echo.out)
on vic ockamctl channel flush
check "another one waits" wait_for_room good
check "meanwhile its sender's newer key is known" eval '
	ockamctl identity import-peer dir "$dir/vic.keys" <newer.history'
on vic ockamctl node set max-channels 1000
check "when there is room it is refused" until_true logged vic 'the peer has another key since'
sleep 5
check "nothing is delivered" [ "$(wc -l <echo.out)" -eq "$heard" ]
check "and there is no channel" [ "$(channels)" -eq 0 ]

echo "1..$n"
exit $failed
