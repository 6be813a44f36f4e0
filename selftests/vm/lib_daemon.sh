# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=sh
#
# For the tests of ockamd, which source it: TAP, nodes, daemons.  A daemon NAME
# runs in the network namespace NAME with NAME.conf and writes to NAME.log.  The
# test is in a directory of its own ("$dir"), which goes with the namespaces, the
# daemons and the processes of $pids when it ends.

. /ockam/ktap.sh

on()	{ ip netns exec "$@"; }

pids=
monitors=
spaces=

# What a test has to undo before the rest; it may define its own.
at_end()	{ :; }

# What there is to know of a test that failed: of each node its counters, the last
# events, and the last words of its daemon.
tell_failed() {
	for ns in $spaces; do
		{
			echo "$ns: counters:"
			on "$ns" ockamctl stats 2>&1 | awk '$NF != 0'
			echo "$ns: last events:"
			tail -n 20 "$ns.events"
			echo "$ns: log:"
			tail -n 20 "$ns.log"
		} 2>/dev/null | cut -c 1-200 | sed 's/^/# /'
	done
}

cleanup() {
	[ "$failed" -eq 0 ] || tell_failed
	at_end
	for ns in $spaces; do
		eval "pids=\"\$pids \${pid_$ns:-}\""
	done
	# shellcheck disable=SC2086
	kill $pids $monitors 2>/dev/null
	# shellcheck disable=SC2086
	wait $pids $monitors 2>/dev/null
	for ns in $spaces; do
		on "$ns" ockamctl flush 2>/dev/null
		ip netns del "$ns"
	done
	cd / && rm -rf "$dir"
}

# The directory.  Users' processes can read what is public in it.
dir=$(mktemp -d) && cd "$dir" || exit 1
chmod 755 .
trap cleanup EXIT

# nodes NAME...: a network namespace for each
nodes() {
	for ns; do
		ip netns add "$ns" || exit 1
		spaces="$spaces $ns"
		on "$ns" ip link set lo up
		: >"$ns.log"
		# Only for who reads of a failure.
		ip netns exec "$ns" ockamctl monitor >"$ns.events" 2>&1 &
		monitors="$monitors $!"
	done
}

# join A B NET: A is 10.NET.0.1, B is 10.NET.0.2
join() {
	ip link add "to_$2" netns "$1" type veth peer name "to_$1" netns "$2"
	on "$1" ip addr add "10.$3.0.1/24" dev "to_$2"
	on "$2" ip addr add "10.$3.0.2/24" dev "to_$1"
	on "$1" ip link set "to_$2" up
	on "$2" ip link set "to_$1" up
}

# star HUB NODE...: the first is 10.1.0.1, the second 10.2.0.1 and so on, and HUB
# is .2 in each of these networks
star() {
	hub=$1 net=0
	shift
	for ns; do
		net=$((net + 1))
		join "$ns" "$hub" $net
	done
}

# as UID NODE COMMAND...
as() {
	uid=$1 node=$2
	shift 2
	ip netns exec "$node" setpriv --reuid "$uid" --regid "$uid" \
		--clear-groups "$@"
}

logged()	{ grep -q -- "$2" "$1.log"; }
identifier()	{ sed -n "s/.*identity $2 is //p" "$1.log" | head -n 1; }

# How often a daemon has said that it is ready.
readies()	{ grep -c ': ready' "$1.log"; }
ready_more()	{ [ "$(readies "$1")" -gt "$2" ]; }

# start NAME: returns when it is ready; its process is pid_NAME
start() {
	: >>"$1.log"
	before=$(readies "$1")
	ip netns exec "$1" ockamd -d -f "$1.conf" >>"$1.log" 2>&1 &
	eval "pid_$1=$!"
	until_true ready_more "$1" "$before"
}

# ---- what several of them ask ----

is_up()		{ on "$1" ockamctl link show "$2" | grep -q 'state.*up'; }
# Handshakes of a daemon that are under way.
half_open() {
	lines=$(grep -c 'half open$' "$1.log")
	eval "kill -USR1 \"\$pid_$1\""
	until_true eval '[ "$(grep -c "half open$" '"$1"'.log)" -gt "$lines" ]' || return 1
	sed -n 's/.* \([0-9]*\) half open$/\1/p' "$1.log" | tail -n 1
}
none_half_open()	{ [ "$(half_open "$1")" -eq 0 ]; }
channels()	{ on "$1" ockamctl -j channel list | grep -c '"id"'; }
has_channels()	{ [ "$(channels "$1")" -eq "$2" ]; }
# is_kept NODE NAME [STATE]: a kept channel, which its peer has confirmed
is_kept() {
	on "$1" ockamctl secure-channel list |
		grep -q "^0#$2 state ${3:-up} .*verified yes"
}

# says NODE ROUTE TEXT: the echo comes back
says()	{ [ "$(on "$1" lib_echo ask "$2" "$3")" = "$3" ]; }

# ---- prekeys: sections of configurations, on stdout ----

# prekey_service [HANDSHAKE]: of the node svc, where others' prekeys are
prekey_service() {
	cat <<-CONF
		state = "$dir/svc.keys"
		forward = {channel-channel}
		identity "svc" { create = true }
		listener "api" {
			identity = "svc"
			handshake = "${1:-xx}"
			trust = {"anyone"}
		}
		link "door" { listen = "0.0.0.0:4000" }
		prekey-service { allow = {"anyone"} }
	CONF
}

# service_user NODE NET: of a node, whose link to svc is "up"
service_user() {
	cat <<-CONF
		state = "$dir/$1.keys"
		link "up" { connect = "10.$2.0.2:4000" }
	CONF
}

# service_channel NAME IDENTITY: an identity, and its channel to the service
service_channel() {
	cat <<-CONF
		identity "$2" { create = true }
		channel "$1" {
			identity = "$2"
			route = "up => api"
			trust = {"anyone"}
			retry-min-ms = 200
			retry-max-ms = 1000
		}
	CONF
}

# prekey_listener NAME IDENTITY: whose prekeys are there by the channel "s"
prekey_listener() {
	cat <<-CONF
		listener "$1" {
			identity = "$2"
			handshake = "x3dh"
			trust = {"anyone"}
			prekeys = "s => prekeys"
		}
	CONF
}

# First messages in the service's boxes
letters() {
	cat svc.keys/boxes/* svc.keys/boxes/*/* 2>/dev/null |
		grep -a -o OCKAM_X3DH_25519 | wc -l
}
letters_are()	{ [ "$(letters)" -eq "$1" ]; }
