#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The relay service of ockamd: bob registers a name through a channel, alice
# reaches his worker by it over a plain link; who else may have the name.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# says NODE ROUTE TEXT ANSWER: the answer comes
says()	{ [ "$(on "$1" lib_echo ask "$2" "$3")" = "$4" ]; }
silent()	{ out=$(on "$1" lib_echo ask "$2" "$3" 2>&1); echo "$out"; echo "$out" | grep -q 'no answer'; }
channel()	{ on "$1" ockamctl secure-channel create 'up => api' identity "$1" \
	trust anyone | awk '{ print $1 }'; }

echo "TAP version 13"
echo "1..13"

nodes relay alice bob
star relay alice bob
net=1
for ns in alice bob; do
	cat >$ns.conf <<-CONF
		state = "$dir/$ns.keys"
		identity "$ns" { create = true }
		link "up" { connect = "10.$net.0.2:4000" }
	CONF
	net=$((net + 1))
done
start alice
start bob
bob_id=$(sed -n 's/.*identity bob is //p' bob.log | head -n 1)
alice_id=$(sed -n 's/.*identity alice is //p' alice.log | head -n 1)

cat >relay.conf <<-CONF
	state = "$dir/relay.keys"
	forward = {link-channel, channel-link}
	identity "relay" { create = true }
	listener "api" { identity = "relay" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	relay { allow = {"$bob_id", "$alice_id"} max = 2 }
CONF
check "the relay's daemon starts" start relay
for ns in alice bob; do
	until_true sh -c "ip netns exec $ns ockamctl link show up | grep -q 'state.*up'"
done

bob=$(channel bob)
alice=$(channel alice)
name=$(printf '\003bob')
ack=$(printf '\016forward_to_bob')

check "bob registers a name" says bob "$bob => static_forwarding_service" "$name" "$ack"
ip netns exec bob lib_echo serve echoer channels >echo.out 2>&1 &
pids=$!
until_true grep -q ready echo.out
check "alice reaches his worker by it" says alice "up => forward_to_bob => echoer" \
	'Hello Ockam!' 'Hello Ockam!'
check "which got it through his channel" grep -q 'got 12 channel' echo.out
check "alice cannot take the name" silent alice "$alice => static_forwarding_service" "$name"
check "it still leads to bob" says alice "up => forward_to_bob => echoer" two two
check "nobody registers over a plain link" silent alice "up => static_forwarding_service" \
	"$(printf '\005alice')"
check "bob may register again" says bob "$bob => static_forwarding_service" "$name" "$ack"
check "a name with bytes behind it is refused" silent bob \
	"$bob => static_forwarding_service" "${name}x"

kill -KILL $pid_relay
wait $pid_relay 2>/dev/null
check "the name works without the daemon" says alice "up => forward_to_bob => echoer" three three
start relay
check "after a restart it is still bob's" silent alice \
	"$alice => static_forwarding_service" "$name"
check "who may register it again" says bob "$bob => static_forwarding_service" "$name" "$ack"
check "and it leads to him" says alice "up => forward_to_bob => echoer" four four

[ $failed -eq 0 ] || for ns in relay alice bob; do
	echo "# $ns:"
	tail -n 30 $ns.log | sed 's/^/# /'
done
exit $failed
