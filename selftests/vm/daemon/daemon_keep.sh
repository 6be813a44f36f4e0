#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A channel that ockamd keeps up: app and resp with a node in between.  Closed,
# stalled, its link dead, its daemon killed, its section changed or removed: the
# address stays, a new channel comes beside the old one, and nothing is left.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# What the daemon says of a kept channel: field ADDRESS NAME
field() {
	on app ockamctl secure-channel list | awk -v a="$1" -v n="$2" '
		$1 == "0#" a { for (i = 2; i < NF; i += 2) if ($i == n) print $(i + 1) }'
}
is()		{ [ "$(field "$1" "$2")" = "$3" ]; }
is_not()	{ v=$(field "$1" "$2"); [ -n "$v" ] && [ "$v" != "$3" ]; }
up()		{ is "$1" state up; }
# renewed ADDRESS ID: another channel than ID is up
renewed()	{ up "$1" && is_not "$1" channel "$2"; }
hop_there()	{ on app ockamctl hop show "$1"; }
answers()	{ [ "$(as 1000 app lib_echo ask "$1 => echoer" hello)" = hello ]; }
# What a node has dropped for a reason.
drops() {
	on "$1" ockamctl stats | awk -v r="$2" '
		$1 == "drop" && $2 == r { n = $3 } END { print n + 0 }'
}
far_link_up()	{ on mid ockamctl link show far | grep -q 'state.*up'; }
near_link_up()	{ on app ockamctl link show up | grep -q 'state.*up'; }
near_link_down() { ! near_link_up; }
# The connection that mid has from app.
accepted() {
	on mid ockamctl -j link list | tr -d ' \n' | sed 's/},{/}\n{/g' |
		grep '"accepted"' | sed 's/.*"id":\([0-9]*\).*/\1/'
}
# Lines of a log behind the first N.
behind()	{ tail -n "+$(($2 + 1))" "$1.log"; }
said()		{ behind "$1" "$2" | grep -q -- "$3"; }
lines()		{ wc -l <"$1.log"; }

# section NAME WORD...: a channel section, with other words
section() {
	title=$1
	shift
	cat <<-CONF
		channel "$title" {
			identity = "app"
			owner = "1000"
			timeout-ms = 3000
			retry-min-ms = 100
			retry-max-ms = 1000
			$*
		}
	CONF
}

# The application's configuration: what is always there, and sections.
configure() {
	cat >app.conf <<-CONF
		state = "$dir/app.keys"
		identity "app" { create = true }
		link "up" {
			connect = "10.1.0.2:4000"
			reconnect-min-ms = 100
			reconnect-max-ms = 500
		}
		$*
	CONF
}

runner=
echo "TAP version 13"
echo "1..66"

nodes app mid resp
star mid app resp

cat >resp.conf <<-CONF
	user = "ockam"
	state = "$dir/resp.keys"
	identity "responder" { create = true }
	identity "other" { create = true }
	listener "api" {
		identity = "responder"
		trust = {"anyone"}
	}
	listener "api2" {
		identity = "responder"
		trust = {"anyone"}
	}
	link "door" { listen = "10.2.0.1:4000" }
CONF
listen()	{ on mid ockamctl link add listen 10.1.0.2:4000 name door; }

check "the responder's daemon starts" start resp
resp_id=$(identifier resp responder)
other_id=$(identifier resp other)
check "the node in between forwards" on mid ockamctl node set forward link-link
check "and listens" listen
check "and has a link to the responder" on mid ockamctl link add \
	connect 10.2.0.1:4000 name far
check "which comes up" until_true far_link_up
ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
ip netns exec resp lib_stream echo stream >stream.out 2>&1 &
echoer=$!
pids="$pids $echoer"
check "workers are there" until_true sh -c \
	'grep -q ready echo.out && grep -q ready stream.out'

# ---- the section ----

refused_section() {
	configure "$2"
	refuse "$1" "$3" ockamd -t -f app.conf
}
refused_section "a channel needs a trust policy" \
	"$(section home 'route = "up"')" 'has no trust policy'
refused_section "and a route" "$(section home 'trust = {"anyone"}')" 'no route'
refused_section "its identity has a section" "$(section home 'route = "up"
	trust = {"anyone"}' | sed 's/"app"/"nobody"/')" 'there is no section'
refused_section "the shortest pause is the shorter one" "$(section home 'route = "up"
	trust = {"anyone"}' | sed 's/max-ms = 1000/max-ms = 50/')" 'is more than'
refused_section "no hop has its address" "$(section home 'route = "up"
	trust = {"anyone"}') hop \"home\" {}" 'that of another section'

home() {
	section home "route = \"up => far => ${1:-api}\"" "
			trust = {\"${2:-$resp_id}\"}"
}
watched() {
	section watched 'route = "up => far => api"
			probe = "echoer"' "
			trust = {\"$resp_id\"}"
}

# ---- up ----

configure "$(home) $(watched)"
check "the application's daemon starts" start app
check "the channel comes up" until_true up home
check "and the one with a probe" until_true up watched
check "which is verified without anybody's message" is watched verified yes
check "its user reaches the peer by its address" answers home
refuse "another one does not" 'Permission denied' \
	as 1001 app lib_echo ask 'home => echoer' x
check "what came back has verified it" is home verified yes
check "it is listed as JSON" sh -c "ip netns exec app ockamctl -j secure-channel list |
	tr -d ' \\n' | grep -q '\"address\":\"0#home\".*\"attempts\":1'"
check "to its user only what is its own" [ -z "$(as 1001 app ockamctl \
	secure-channel list)" ]

# ---- closed by the peer ----

ch=$(field home channel) enc=$(field home encryptor)
check "the peer closes all channels" on resp ockamctl channel flush
check "another one is made" until_true renewed home "$ch"
check "another encryptor" is_not home encryptor "$enc"
check "behind the same address" answers home
check "the one with the probe as well" until_true up watched
check "and nothing of the old ones is left" until_true has_channels app 2

# ---- its link ----

ch=$(field home channel)
on mid ockamctl link del "$(accepted)"
check "after its link went down, a new one is made" until_true renewed home "$ch"
check "the old one stays until the new one has verified something" is home old "$ch"
check "the new one works" answers home
check "then the old one ends" until_true is home old 0

mark=$(lines app)
on mid ockamctl link del door
check "with the peer out of reach" until_true near_link_down
many() {
	[ "$(behind app "$mark" | grep -c 'channel home: attempt')" -ge 8 ]
}
check "it is tried again and again" until_true many
behind app "$mark" | sed -n 's/.*channel home: attempt.* in \([0-9]*\) ms$/\1/p' \
	>pauses
check "with pauses that become longer, up to a limit" awk '
	$1 > 1000 { exit 1 }
	NR > 5 && $1 < 500 { exit 1 }
	END { exit NR < 8 }' pauses
ch=$(field home channel)
check "the peer can be reached again" listen
check "and there is a new one" until_true renewed home "$ch"
check "that works" answers home

# ---- the peer is gone and comes back ----

kill -KILL "$pid_resp"
wait "$pid_resp" 2>/dev/null
on resp ockamctl channel flush
check "without the peer's daemon there is none" until_true is home state wanted
refuse "what is sent is refused" 'No route to host' \
	as 1000 app lib_echo ask 'home => echoer' x
check "the peer's daemon comes back" start resp
check "and so does the channel" until_true up home
check "it works" until_true answers home

# ---- stalled ----

until_true is home old 0
ch=$(field home channel) gone=$(drops mid forward-link-link)
# The responder's side of it: its decryptor ends our route.
dec=$(on app ockamctl -j channel show "$ch" | grep '"route"' |
	grep -oE '[0-9a-f]{32}' | tail -n 1)
enc=$(on resp ockamctl -j channel list | tr -d ' \n' | sed 's/},{/}\n{/g' |
	grep "\"decryptor\":\"[^\"]*$dec" |
	sed 's/.*"encryptor":"\([^"]*\)".*/\1/')
on mid ockamctl node set forward none
on resp lib_echo flood "$enc => nobody" 66000 1
check "more messages are lost than a channel follows" until_true sh -c \
	"[ \$(ip netns exec mid ockamctl stats | awk '
		\$2 == \"forward-link-link\" { print \$3 }') -ge $((gone + 66000)) ]"
on mid ockamctl node set forward link-link
on resp lib_echo flood "$enc => nobody" 20 1
check "it stalls" until_true logged app "channel home: stalled"
check "and a new one is made beside it" until_true renewed home "$ch"
check "that works" answers home

# ---- the daemon ----

ch=$(field home channel)
kill -KILL "$pid_app"
wait "$pid_app" 2>/dev/null
check "the address works without the daemon" answers home
mark=$(lines app)
check "which comes back" start app
check "and goes on with the same channel" is home channel "$ch"
check "it has made none" [ -z "$(behind app "$mark" | grep 'home: leads')" ]

# ---- the configuration ----

ip netns exec app lib_stream run 'home => stream' >run.out 2>&1 &
runner=$!
pids="$pids $runner"
until_true grep -q ready run.out
configure "$(home api2) $(watched)"
kill -HUP "$pid_app"
check "another route leads to another channel" until_true renewed home "$ch"
kill -TERM $runner
wait $runner
check "nothing under way was lost" [ $? -eq 0 ]
kill -TERM $echoer
wait $echoer

# ---- what a killed daemon leaves ----

old=$(field home channel)
on mid ockamctl link del "$(accepted)"
check "its link goes down: another one" until_true renewed home "$old"
check "beside the old one" is home old "$old"
ch=$(field home channel)
kill -KILL "$pid_app"
wait "$pid_app" 2>/dev/null
configure "$(home) $(watched)"
check "the daemon comes back, the route is another one" start app
check "and so is the channel" until_true renewed home "$ch"
check "nothing is left of the two that it had" until_true has_channels app 2

configure "$(home api2 "$other_id") $(watched)"
kill -HUP "$pid_app"
check "a peer that is not trusted any more loses the channel" \
	until_true is home channel 0
check "and gets no other" until_true logged app 'home: attempt.*trust'
configure
kill -HUP "$pid_app"
check "without a section there is none" until_true has_channels app 0
check "nor its address" sh -c '! ip netns exec app ockamctl hop show home'
check "and the peer has none left" until_true has_channels resp 0
check "no file is left either" [ ! -e app.keys/channels ]

# ---- the address is somebody else's ----

on app ockamctl relay add home 'up => nobody' scope local >/dev/null
configure "$(home)"
kill -HUP "$pid_app"
check "an address that somebody has is left to him" \
	until_true is home state address-taken
check "it leads where it did" sh -c \
	'ip netns exec app ockamctl hop show home | grep -q nobody'
check "and there is no channel for nothing" has_channels app 0
on app ockamctl relay del home
check "when it is free, the channel comes up" until_true up home

[ $failed -eq 0 ] || { sed 's/^/# /' run.out stream.out
	echo "# app:"; tail -n 120 app.log | sed 's/^/# /'
	echo "# resp:"; tail -n 40 resp.log | sed 's/^/# /'
	for ns in app mid resp; do on $ns ockamctl stats | sed 's/^/# /'; done; }
exit $failed
