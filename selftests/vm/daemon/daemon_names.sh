#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Names that the configuration uses are nobody else's: not before what they are for is
# made, not while it is made anew or changes its kind, and not when a listener has
# given one up.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"


reloads()	{ grep -c 'configuration is in force' relay.log; }
reload_more()	{ [ "$(reloads)" -gt "$1" ]; }
reload() {
	before=$(reloads)
	kill -HUP "$pid_relay"
	until_true reload_more "$before"
}
stop() {
	kill "$pid_relay"
	wait "$pid_relay" 2>/dev/null
}
bare()	{ printf "\\$(printf %03o ${#1})%s" "$1"; }
gets() { # gets CHANNEL NAME: it registers
	[ "$(on peer lib_echo ask "$1 => static_forwarding_service" "$(bare "$2")")" = "$(bare "$2")" ]
}
hop_to()	{ on relay ockamctl hop show "$1" | grep -q "$2"; }
# squat NAME: uid 1000 binds it, and gives it up again
squat() {
	ip netns exec relay setpriv --reuid 1000 --regid 1000 --clear-groups \
		lib_echo serve "$1" >squat.out 2>&1 &
	squatter=$!
	sleep 1
	kill $squatter 2>/dev/null
	wait $squatter 2>/dev/null
	cat squat.out
	grep -q ready squat.out
}
ask()		{ as "$1" relay ockamctl listener create "$2" identity relay trust anyone; }
# conf SECTION...
conf() {
	cat >relay.conf <<-CONF
		state = "$dir/relay.keys"
		forward = {link-channel, channel-link}
		identity "relay" { create = true allow-uid = {1000, 1001} }
		listener "api" { identity = "relay" trust = {"anyone"} }
		link "door" { listen = "0.0.0.0:4000" }
		relay { allow = {"anyone"} prefix = "" }
		$*
	CONF
}
hq='channel "hq" { identity = "relay" route = "up => api" trust = {"anyone"} }'
way='hop "way" { route = "0#elsewhere" }'

echo "TAP version 13"
nodes relay peer
join peer relay 1
cat >peer.conf <<-CONF
	state = "$dir/peer.keys"
	identity "peer" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
CONF
conf "$hq" "$way" 'link "out" { connect = "10.1.0.1:4000" }'
check "the daemons start" eval 'start relay && start peer && until_true is_up peer up'

# ---- before they are made ----

stop
on relay ockamctl flush
for name in hq way out door api; do
	refuse "the daemon away, nobody else has $name" 'Permission denied\|reserved' squat $name
done
check "the daemon starts again" eval 'start relay && until_true is_up peer up'
check "and has them all" eval 'hop_to way elsewhere && on relay ockamctl hop show hq'
conf
check "without them in the configuration" reload
on relay ockamctl node set hold-ms 0
check "names are free" squat hq
on relay ockamctl node set hold-ms 120000

# ---- from one kind to another ----

conf "$hq"
check "a kept channel" eval 'reload && on relay ockamctl hop show hq'
conf 'hop "hq" { route = "0#elsewhere" }'
check "becomes a hop, which stays" eval 'reload && hop_to hq elsewhere'
on relay ockamctl monitor >monitor.out 2>&1 &
pids=$!
sleep 1
conf 'hop "hq" { route = "0#there" }'
check "which leads elsewhere then" eval 'reload && hop_to hq there'
ch=$(on peer ockamctl secure-channel create 'up => api' identity peer trust anyone \
	timeout-ms 20000 | awk '{ print $1 }')
check "a relay is registered" gets "$ch" shop
check "and again" gets "$ch" shop
conf 'hop "hq" { route = "0#there" } hop "shop" { route = "0#there" }'
check "and then its name is a hop of the configuration" eval 'reload && hop_to shop there'
check "and stays one" hop_to shop there
sleep 1
check "no hop was gone in between" eval '
	grep hop monitor.out; grep -q "hop.*shop" monitor.out &&
	! grep "^hop gone" monitor.out'

# ---- listeners that are given up ----

check "uid 1000 has a listener" ask 1000 mine
as 1000 relay ockamctl listener delete mine
refuse "when it is gone, uid 1001 does not get its name by asking" \
	'kept for who had it' ask 1001 mine
check "uid 1000 does" ask 1000 mine

echo "1..$n"
[ $failed -eq 0 ] || { cat monitor.out | sed 's/^/# /'
	grep -v 'debug: request' relay.log | tail -n 60 | sed 's/^/# /'; }
exit $failed
