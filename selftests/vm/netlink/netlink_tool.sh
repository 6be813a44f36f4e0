#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Netlink in the VM: ockamctl, and the kernel's YNL tool with our spec.

. /ockam/ktap.sh

tmp=$(mktemp -d)

result() {	# status, what
	if [ "$1" -eq 0 ]; then
		ok "$2"
	else
		not_ok "$2"
		sed 's/^/# /' "$tmp/out"
	fi
}

good() {	# what, command...
	what=$1
	shift
	"$@" >"$tmp/out" 2>&1
	result $? "$what"
}

# The command fails, and its words hold all of the given ones.
bad() {	# what, words with | between, command...
	what=$1
	words=$2
	shift 2
	if "$@" >"$tmp/out" 2>&1; then
		result 1 "$what"
		return
	fi
	old=$IFS
	IFS='|'
	for w in $words; do
		grep -qF -- "$w" "$tmp/out" || {
			IFS=$old
			result 1 "$what"
			return
		}
	done
	IFS=$old
	result 0 "$what"
}

says() {	# what, words, command...
	what=$1
	words=$2
	shift 2
	"$@" >"$tmp/out" 2>&1 && grep -qF -- "$words" "$tmp/out"
	result $? "$what"
}

silent() {	# what, words that must not come, command...
	what=$1
	words=$2
	shift 2
	"$@" >"$tmp/out" 2>&1 && ! grep -qF -- "$words" "$tmp/out"
	result $? "$what"
}

user() {
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
		--bounding-set=-all "$@"
}

id32=I$(printf '0%.0s' $(seq 64))
head -c 32 /dev/urandom >"$tmp/tx"
head -c 32 /dev/urandom >"$tmp/rx"
head -c 31 /dev/urandom >"$tmp/short"

echo TAP version 13

# node
says "node: settings" stall-ms ockamctl node
says "node: family in JSON" '"family": 18' ockamctl -j node
good "node set" ockamctl node set stall-ms 1234 forward link-link,channel-link
says "node set: is there" 1234 ockamctl node
says "node show: reserved names" "0#ockamd,0#ockamd.credentials,0#api," ockamctl node
good "node set: reserved names" ockamctl node set reserved 'a,b\x2cc'
says "node set: names are there" "0#a,0#b,c" ockamctl node
bad "node set: not local" "reserved" ockamctl node set reserved 1#a
good "node set: no names" ockamctl node set reserved none
good "node set: hold-ms" ockamctl node set hold-ms 5000
says "node set: flags are there" link-link,channel-link ockamctl node
bad "node set: too small" "stall-ms|range" ockamctl node set stall-ms 1
bad "node set: too large" "max-msg|range" ockamctl node set max-msg 16777217
says "node set: nothing changed" 1234 ockamctl node
bad "node set: not for users" "ermitted" user ockamctl node set stall-ms 99
silent "node: no counters for users" '"drops"' user ockamctl -j node
good "stats" ockamctl stats
good "node set: back" ockamctl node set stall-ms 10000 forward none

# hops
good "hop add" ockamctl hop add h1
good "hop add with a scope" ockamctl hop add h2 scope links,channels
good "relay add" ockamctl relay add r1 '1#10.0.0.2:4000 => 0#relay => echoer'
bad "hop add: taken" "taken|address" ockamctl hop add h1
bad "hop add: identifiers" "identifiers|scope" ockamctl hop add h3 scope ids
bad "hop add: type 1" "type 0|address" ockamctl hop add 1#x
bad "hop add: like a random one" "random" \
	ockamctl hop add 0123456789abcdef0123456789abcdef
says "hop show" "local,links,channels" ockamctl hop show h2
says "relay list" "1#10.0.0.2:4000 => 0#relay => 0#echoer" ockamctl relay list
silent "relay list: no plain hop" h1 ockamctl relay list
good "hop del" ockamctl hop del h1
bad "hop del: gone" "no such hop|address" ockamctl hop del h1
bad "hop del: no such id" "no such hop|id" ockamctl hop del 77
bad "hop list: not for users" "ermitted" user ockamctl hop list
# Long routes, so that a few of them fill more than one datagram.
big=$(printf 'x%.0s' $(seq 250))
route="$big => $big => $big => $big => $big => $big => $big => $big"
route="$route => $big => $big => $big => $big => $big => $big => y"
for i in $(seq 12); do
	ockamctl hop add "many$i" route "$route" >/dev/null
done
ockamctl hop list >"$tmp/out" 2>&1
[ "$(grep -c many "$tmp/out")" -eq 12 ]
result $? "hop list: all of a dump of several datagrams"
good "node set max-hops" ockamctl node set max-hops 5
bad "hop add: limit" "as many hops" ockamctl hop add h9
good "hop flush" ockamctl hop flush
silent "hop flush: none left" many ockamctl hop list
good "node set max-hops: back" ockamctl node set max-hops 1024

# links
says "link add listen" local-port ockamctl link add listen 127.0.0.1:0 name lst
bad "link add: name taken" "name" ockamctl link add listen 127.0.0.1:0 name lst
says "link add connect" id ockamctl link add connect 127.0.0.1:9 name con \
	reconnect-min-ms 1000
says "link list" "0#con" ockamctl link list
silent "link list: by mode" "0#con" ockamctl link list mode listen
says "link show" listening ockamctl link show lst
good "link set" ockamctl link set con reconnect-max-ms 2000
says "link set: is there" 2000 ockamctl link show con
bad "link set: wrong order" "reconnect-max-ms" \
	ockamctl link set con reconnect-min-ms 5000 reconnect-max-ms 2000
good "link set: send lists" \
	ockamctl link set con send-uids 1000,2000-2999 send-gids 5
says "link set: users are there" "1000,2000-2999" ockamctl link show con
says "link set: groups are there" "send-gids         5" ockamctl link show con
bad "link set: a range backwards" "send-uids" \
	ockamctl link set con send-uids 5-4
bad "link set: no ids" "send-gids" ockamctl link set con send-gids alice
good "link set: anybody" ockamctl link set con send-uids any
silent "link set: no list" "send-" ockamctl link show con
says "link add: send list" id \
	ockamctl link add listen 127.0.0.1:0 name lst2 send-gids 7-8
says "link add: it is there" "7-8" ockamctl link show lst2
bad "link add: name too long" "too long|name" \
	ockamctl link add listen 127.0.0.1:0 name 12345678901234567
bad "link add: not a socket" "descriptor|fd" ockamctl link add fd 99
bad "link del: unknown" "no such link|name" ockamctl link del nobody
good "link del" ockamctl link del con
good "link flush" ockamctl link flush
silent "link flush: none left" lst ockamctl link list

# channels
chan() {
	ockamctl channel add role initiator route '0#peer' identifier "$id32" \
		tx-key-file "$tmp/tx" rx-key-file "$tmp/rx" "$@"
}
says "channel add" encryptor chan decryptor dec encryptor enc
says "channel show" "0#peer" ockamctl channel show enc
silent "channel show: no keys" key ockamctl -j channel show enc
bad "channel add: key too short" "32 bytes" ockamctl channel add \
	role initiator route x tx-key-file "$tmp/short"
bad "channel add: no key" "tx-key|missing" ockamctl channel add \
	role initiator route x decryptor d2
bad "channel add: no identifier" "identifier|missing" ockamctl channel add \
	role initiator route x decryptor d2 tx-key-file "$tmp/tx" \
	rx-key-file "$tmp/rx"
bad "channel add: no decryptor" "decryptor" chan
bad "channel add: not for users" "CAP_NET_ADMIN" user ockamctl channel add \
	role initiator route x decryptor d2
good "channel set" ockamctl channel set enc route '0#other' pinned yes mode 438
says "channel set: is there" "0#other" ockamctl channel show enc
bad "channel set: mode" "mode" ockamctl channel set enc mode 73
says "channel list: by state" "0#enc" ockamctl channel list state up
silent "channel list: by role" "0#enc" ockamctl channel list role responder
good "channel del" ockamctl channel del enc quiet
bad "channel del: gone" "no such channel|encryptor" ockamctl channel del enc

# events
ockamctl -j monitor >"$tmp/events" 2>&1 &
monitor=$!
heard() { # heard PATTERN [COMMAND...]: within twenty seconds, and COMMAND each time
	pattern=$1
	shift
	for _ in $(seq 200); do
		"$@"
		! grep -q "$pattern" "$tmp/events" || return 0
		sleep 0.1
	done
}
heard '"object":"node"' ockamctl node set stall-ms 10000
ockamctl hop add ev >/dev/null
ockamctl hop del ev
heard '"object":"hop","gone":true' true
kill $monitor
cp "$tmp/events" "$tmp/out"
grep -q '"object":"hop","gone":false' "$tmp/events"
result $? "monitor: a hop was made"
grep -q '"object":"hop","gone":true' "$tmp/events"
result $? "monitor: a hop is gone"
grep -q '"object":"node"' "$tmp/events"
result $? "monitor: settings"
bad "monitor: not for users" "ermitted" user ockamctl monitor

# another namespace is another node
ip netns add other
ockamctl hop add here >/dev/null
silent "namespaces are apart" here ip netns exec other ockamctl hop list
good "namespace: own hop" ip netns exec other ockamctl hop add here
ip netns del other
ockamctl flush

# the kernel's tool
cli=/ockam/ynl/tools/net/ynl/cli.py
if [ -e $cli ]; then
	ynl() {
		python3 $cli $schema --spec \
			/ockam/ynl/Documentation/netlink/specs/ockam.yaml "$@"
	}
	# Checking the spec is slow; once is enough.
	schema=
	says "ynl: node-get" "'family': 18" ynl --do node-get --json '{}'
	schema=--no-schema
	says "ynl: counters" "'drops'" ynl --do node-get --json '{}'
	good "ynl: node-set" ynl --do node-set --json '{"stall-ms": 4321}'
	says "ynl: node-set is there" 4321 ynl --do node-get --json '{}'
	says "ynl: hop-new" "'id'" ynl --do hop-new \
		--json '{"address": "000179", "scope": ["links"]}'
	says "ynl: hop-get" links ynl --dump hop-get --json '{}'
	says "ynl: link-new" "'id'" ynl --do link-new \
		--json '{"mode": "listen", "local-ip": "7f000001", "local-port": 0}'
	says "ynl: link-get" listening ynl --dump link-get --json '{}'
	says "ynl: channel-get" "[]" ynl --dump channel-get --json '{}'
	says "ynl: worker-get" "[]" ynl --dump worker-get --json '{}'
	bad "ynl: extack" "no such hop" ynl --do hop-del --json '{"id": 99}'
	good "ynl: flush" ynl --do hop-flush --json '{}'
	good "ynl: flush links" ynl --do link-flush --json '{}'
else
	skip ynl "not in this VM"
fi
ockamctl node set stall-ms 10000

rm -r "$tmp"
echo "1..$n"
[ $failed -eq 0 ]
