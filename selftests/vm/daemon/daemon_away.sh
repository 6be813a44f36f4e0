#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl send --away: a message for a node that is off, kept by a prekey service.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

nodes app post bob
star post app bob
net=1
for ns in app bob; do
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
cat >post.conf <<-CONF
	state = "$dir/post.keys"
	forward = {channel-channel}
	identity "post" { create = true }
	listener "api" { identity = "post" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	prekey-service { allow = {"anyone"} }
CONF
cat >>bob.conf <<-CONF
	listener "bob" {
		identity = "bob"
		handshake = "x3dh"
		trust = {"anyone"}
		prekeys = "s => prekeys"
	}
CONF
echo "TAP version 13"
start post
start app
check "bob puts his keys into the mailbox" start bob
bob=$(identifier bob bob)
up()	{ on app ockamctl secure-channel list | grep -q 'verified yes'; }
until_true up
away()	{ on app ockamctl send inbox text "$1" away 's => prekeys' identity app peer "$bob"; }
published() { logged bob 'the prekey service has bundle'; }
check "he does" until_true published

kill "$pid_bob"
wait "$pid_bob" 2>/dev/null
on bob ockamctl flush
check "bob is off, a message is taken" until_true away "see you later"
refuse "whose mailbox is it?" 'peer IDENTIFIER is missing' \
	on app ockamctl send inbox text x away 's => prekeys'
on bob ockamctl recv inbox accept channels count 1 wait-ms 600000 >got 2>&1 &
recv=$!
check "bob comes back" start bob
wait $recv
check "and has it" eval 'grep -q "see you later" got || { cat got; false; }'
echo "1..$n"
exit $failed
