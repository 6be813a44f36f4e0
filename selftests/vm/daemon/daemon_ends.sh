#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Ends of connections through a portal that come late, or when nobody listens: none
# stays open at one side only, and nothing that was sent before is lost.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

portal() { # portal NODE NAME FIELD
	{ on "$1" ockamctl inlet; on "$1" ockamctl outlet; } |
		sed -n "s/^[0-9#]*$2 .* $3 \([0-9a-z]*\).*/\1/p"
}
is()	{ [ "$(portal "$1" "$2" "$3")" = "$4" ]; }
up()	{ on alice ockamctl secure-channel list | grep -q 'hq .*state up'; }

echo "TAP version 13"
nodes alice bob
star bob alice

cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "hq" { identity = "alice" route = "up => api" trust = {"anyone"} }
	inlet "source" { listen = "8001" route = "hq => source" }
	inlet "in" { listen = "8000" route = "hq => out" timeout-ms = 1000 }
	inlet "none" { listen = "8002" route = "hq => none" timeout-ms = 500 max = 1 }
CONF
check "alice's daemon starts" start alice
cat >bob.conf <<-CONF
	state = "$dir/bob.keys"
	identity "bob" { create = true }
	listener "api" { identity = "bob" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	outlet "out" { connect = "127.0.0.1:9000" allow = {"anyone"} }
	outlet "source" { connect = "127.0.0.1:9001" allow = {"anyone"} }
CONF
check "bob's starts" start bob
ip netns exec bob lib_portal echo 9000 >echo.out 2>&1 &
pids=$!
ip netns exec bob lib_portal source 9001 524288 >source.out 2>&1 &
pids="$pids $!"
check "the channel comes up" until_true up
check "servers wait" until_true eval 'grep -q ready echo.out && grep -q ready source.out'

# What the client says when the server has ended already is not read by anybody.
check "a client that talks after the server's end gets all of it, and the end" \
	on alice lib_portal talk 8001 524288 1000
check "nothing is left of that" until_true eval 'is alice source open 0 && is bob source open 0 &&
	is alice source ending 0 && is bob source ending 0'

# The outlet answers when the inlet has given up.
kill -STOP "$pid_bob"
refuse "without an answer the client is told in time" 'reset\|Broken\|the end' \
	on alice timeout 60 lib_portal run 8000 5 1
check "the inlet waits for it still" is alice in ending 1
kill -CONT "$pid_bob"
check "a late answer connects to the target" until_true grep -q accepted echo.out
check "and ends it" until_true grep -q 'end after 0' echo.out
check "at both sides" until_true eval 'is alice in ending 0 && is bob out open 0 &&
	is bob out ending 0'

# What is waited for does not keep others out.
for i in first second third; do
	refuse "no outlet: the $i is told" 'reset\|Broken\|the end' \
		on alice timeout 60 lib_portal run 8002 5 1
done
check "one is waited for" is alice none ending 1

echo "1..$n"
[ $failed -eq 0 ] || { tail -n 40 alice.log bob.log | sed 's/^/# /'; on alice ockamctl inlet
	on bob ockamctl outlet; sed 's/^/# /' echo.out source.out; }
exit $failed
