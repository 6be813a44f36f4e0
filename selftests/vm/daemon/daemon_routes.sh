#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A kept channel with several routes: the first that works is used, the next one when it
# does not any more, and the first again when it is back.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# What the daemon says of the kept channel "home".
field() {
	on app ockamctl secure-channel list | awk -v n="$1" '
		$1 == "0#home" { for (i = 2; i < NF; i += 2) if ($i == n) print $(i + 1) }'
}
is()		{ [ "$(field "$1")" = "$2" ]; }
up_by()		{ is state up && is verified yes && is route "$1"; }
answers()	{ says app 'home => echoer' hello; }
until_long()	{ until_true "$@" || until_true "$@" || until_true "$@" || until_true "$@"; }
open()		{ on resp ockamctl link add listen "$1" name "$2" >/dev/null; }
link_down()	{ ! is_up app "$1"; }

# configure ROUTES WORDS...
configure() {
	routes=$1
	shift
	cat >app.conf <<-CONF
		state = "$dir/app.keys"
		identity "app" { create = true }
		link "one" { connect = "10.1.0.2:4000" reconnect-min-ms = 100 reconnect-max-ms = 200 }
		link "two" { connect = "10.2.0.2:4000" reconnect-min-ms = 100 reconnect-max-ms = 200 }
		link "udp" { kind = "udp" connect = "10.1.0.2:4001" }
		channel "home" { identity = "app" trust = {"anyone"} route = $routes
			retry-min-ms = 100 retry-max-ms = 500 timeout-ms = 1000 $* }
	CONF
}

echo "TAP version 13"
nodes app resp
ip link add one netns app type veth peer name one netns resp
ip link add two netns app type veth peer name two netns resp
i=0
for dev in one two; do
	i=$((i + 1))
	on app ip addr add 10.$i.0.1/24 dev $dev
	on resp ip addr add 10.$i.0.2/24 dev $dev
	on app ip link set $dev up
	on resp ip link set $dev up
done
cat >resp.conf <<-CONF
	state = "$dir/resp.keys"
	identity "resp" { create = true }
	listener "api" { identity = "resp" trust = {"anyone"} }
	link "udp" { kind = "udp" listen = "10.1.0.2:4001" }
CONF
check "the responder's daemon starts" start resp
check "it can be reached by two links" eval 'open 10.1.0.2:4000 door1 && open 10.2.0.2:4000 door2'
ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
until_true grep -q ready echo.out

configure '{"one => api", "one =>"}'
refuse "each of the routes has to be one" 'line 6' ockamd -t -f app.conf
configure '{"a","a","a","a","a","a","a","a","a"}'
refuse "nine are too many" 'more than 8 routes' ockamd -t -f app.conf
configure '{}'
refuse "none is too few" 'no route' ockamd -t -f app.conf

# ---- the first, the next, and back ----

configure '{"one => api", "two => api"}'
check "the application's starts" start app
check "the channel is up by the first" until_true up_by 1
check "it says how many there are" is routes 2
check "and works" answers
on resp ockamctl link del door1
check "the first is lost: the second is taken" until_true up_by 2
check "which works" answers
check "the log says which, and why" logged app 'home: attempt.*by 0#one => 0#api: .*next route'
check "the first is back, and taken again" eval \
	'open 10.1.0.2:4000 door1 && until_true up_by 1'
check "it works" answers
check "nothing is left of the other" until_true has_channels app 1
check "nor at the peer" until_true has_channels resp 1

# ---- none, and one of them ----

on resp ockamctl link del door1
on resp ockamctl link del door2
check "both are lost" until_true eval 'link_down one && link_down two'
until_true is state wanted
refuse "what is sent is refused" 'No route to host\|unreachable' \
	on app lib_echo ask 'home => echoer' x
check "the second is back" open 10.2.0.2:4000 door2
check "and taken" until_true up_by 2

# ---- a restart, a reload ----

id=$(field channel)
kill -KILL "$pid_app"
wait "$pid_app" 2>/dev/null
check "the daemon comes back" start app
check "with the same channel by the same route" eval 'is channel "$id" && is route 2'
check "which works" answers
check "the first is back" open 10.1.0.2:4000 door1
check "and taken" until_true up_by 1
configure '{"two => api", "one => api"}'
check "the order is another one" on app ockamctl reload
check "so is the channel" until_true eval 'is old 0 && up_by 1 &&
	on app ockamctl -j channel list | grep -q "0#two =>"'
configure '"one => api"'
check "one alone needs no braces" on app ockamctl reload
check "and is taken" until_true eval 'up_by 1 && is routes 1 && is old 0'

# ---- without a word of the transport ----

configure '{"udp => api", "two => api"}' 'probe = "echoer"'
check "UDP goes before TCP" on app ockamctl reload
check "and is taken" until_true eval 'up_by 1 && on app ockamctl -j channel list |
	grep -q "0#udp =>"'
on resp ip link set one down
check "when nothing comes by it, TCP is" until_long up_by 2
check "which works" answers
on resp ip link set one up
check "then UDP again" until_long up_by 1
check "which works" answers
echo "1..$n"
exit $failed
