#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# X3DH between daemons: users who keep the daemon busy, early keys that go.

# shellcheck source=selftests/vmtests/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

says()	{ [ "$(on "$1" lib_echo ask "$2" "$3")" = "$3" ]; }
# create ROUTE WORD...: writes the address
create() {
	route=$1
	shift
	on app ockamctl secure-channel create "$route" identity app "$@" >ch &&
		awk '{ print $1 }' ch
}
count()	{ grep -c -- "$2" "$1.log"; }

at_end() {
	[ $failed -eq 0 ] || for ns in app svc resp; do
		echo "# $ns:"
		tail -n 40 $ns.log | cut -c 1-200 | sed 's/^/# /'
	done
}

echo "TAP version 13"
echo "1..9"

nodes app svc resp
star svc app resp
net=1
for ns in app resp; do
	cat >$ns.conf <<-CONF
		state = "$dir/$ns.keys"
		identity "$ns" { create = true }
		link "up" { connect = "10.$net.0.2:4000" }
		channel "s" {
			identity = "$ns"
			route = "up => api"
			trust = {"anyone"}
			retry-min-ms = 200
			retry-max-ms = 1000
		}
	CONF
	net=$((net + 1))
done
cat >svc.conf <<-CONF
	state = "$dir/svc.keys"
	forward = {channel-channel}
	identity "svc" { create = true }
	listener "api" {
		identity = "svc"
		handshake = "both"
		trust = {"anyone"}
	}
	link "door" { listen = "0.0.0.0:4000" }
	prekey-service { allow = {"anyone"} }
CONF
cat >>resp.conf <<-CONF
	listener "bob" {
		identity = "resp"
		handshake = "x3dh"
		trust = {"anyone"}
		prekeys = "s => prekeys"
	}
CONF
start svc
start app
start resp
svc_id=$(identifier svc svc)
resp_id=$(identifier resp resp)
ip netns exec svc lib_echo serve echoer channels >svc.out 2>&1 &
pids="$pids $!"
until_true grep -q ready svc.out
check "the responder has published" until_true logged resp \
	'service has bundle .* and [34][0-9] one-time prekeys'
check "the initiator has its channel" until_true logged app \
	'is up: initiator, identity app'

# ---- the early key goes when there are others ----

early()	{ on "$1" ockamctl -j channel list | grep -c early-of; }
no_early()	{ [ "$(early "$1")" -eq 0 ]; }
ch=$(create 'up => api' handshake x3dh trust "$svc_id")
says app "$ch => echoer" first
check "the responder has a channel for early data" [ "$(early svc)" -eq 1 ]
until_true logged app 'is up: initiator, x3dh'
says app "$ch => echoer" second
check "which goes when messages come under the final keys" \
	until_true no_early svc
check "at the initiator as well" until_true no_early app
check "and the channel stays" says app "$ch => echoer" third

# ---- a user who sends more early data than can go anywhere ----

kill "$pid_resp"
wait "$pid_resp" 2>/dev/null
on resp ockamctl flush
ch=$(create 's => prekeys' handshake x3dh-mailbox trust "$resp_id")
check "there is a channel to a peer that is away" [ -n "$ch" ]
# With its header each of them is too long.
before=$(date +%s)
ip netns exec app lib_echo flood "$ch => nobody" 1000000000 65400 &
flood=$!
until_true logged app 'early data is lost'
check "who floods it does not keep the daemon from its work" \
	on app ockamctl listener list
kill $flood
wait $flood 2>/dev/null
check "nor fills the log" [ "$(count app 'early data is lost')" \
	-le $((12 * ($(date +%s) - before + 2))) ]

exit $failed
