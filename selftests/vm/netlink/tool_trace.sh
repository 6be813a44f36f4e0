#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl trace, top and monitor: what is seen of messages on their way, in this
# namespace and in another one, through a link and a channel.

. /ockam/tests/lib_tool.sh

jobs=
user() {
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
		--bounding-set=-all "$@"
}
far() { ip netns exec far "$@"; }

ip netns add far
ip link set lo up
far ip link set lo up
ip link add near type veth peer name near netns far
ip addr add 10.7.0.1/24 dev near
far ip addr add 10.7.0.2/24 dev near
ip link set near up
far ip link set near up
far ockamctl link add listen 10.7.0.2:4000 >/dev/null
ockamctl link add connect 10.7.0.2:4000 name far >/dev/null
ockamctl wait link far up timeout 600
far ockamctl hop add h1 scope links >/dev/null
far ockamctl echo echoer accept links >/dev/null 2>&1 &
jobs="$jobs $!"
far ockamctl echo closed >/dev/null 2>&1 &
jobs="$jobs $!"
far ockamctl wait worker echoer up timeout 600
far ockamctl wait worker closed up timeout 600
ockamctl hop add here1 scope links >/dev/null

echo TAP version 13

# ---- trace ----
says "trace: over a link" \
	"1  0#far|link 1, up|2  0#echoer|answered after|sent to 0#far|leaves by link 1|far          link|0#echoer has it" \
	ockamctl trace 'far => echoer'
ockamctl -j trace 'far => h1 => echoer' >"$tmp/out" 2>"$tmp/err"
for w in '"point": "hop"' '"node": "far"' '"point": "deliver"' '"hops"'; do
	grep -qF "$w" "$tmp/out" || { echo "no $w" >>"$tmp/err"; false; } || break
done
good "trace: in JSON, through a hop"
fails "trace: nobody there" "dropped, no-worker, on the way to 0#nobody (far)" \
	ockamctl trace 'far => nobody' wait-ms 300
fails "trace: one that does not listen" "dropped, scope-worker, on the way to 0#h1 => 0#closed (far)" \
	ockamctl trace 'far => h1 => closed' wait-ms 300
fails "trace: nobody here" "no worker, hop or channel '0#nobody'" \
	ockamctl trace nobody
fails "trace: without the right to look" "no answer within 300 ms|nobody on the way" \
	user ockamctl trace 'far => nobody' wait-ms 300
far ockamctl echo echo accept links >/dev/null 2>&1 &
jobs="$jobs $!"
far ockamctl wait worker echo up timeout 600
fails "trace: the last one that answers" "the node behind '0#h1' answers" \
	user ockamctl trace 'far => h1 => nobody' wait-ms 2000
says "trace: another echo service" "1  0#far" \
	ockamctl trace 'far => echoer' echo echoer
wrong "trace: no route" "a route is missing" ockamctl trace

# A channel with keys by hand, here and there.
head -c 32 /dev/urandom >"$tmp/one"
head -c 32 /dev/urandom >"$tmp/two"
id=I$(printf '0%.0s' $(seq 64))
far ockamctl channel add role responder route 'back => dec' encryptor enc \
	decryptor in identifier "$id" tx-key-file "$tmp/one" \
	rx-key-file "$tmp/two" >/dev/null
ockamctl channel add role initiator route 'far => in' encryptor hq decryptor dec \
	identifier "$id" tx-key-file "$tmp/two" rx-key-file "$tmp/one" >/dev/null
far ockamctl echo inner accept channels >/dev/null 2>&1 &
jobs="$jobs $!"
far ockamctl wait worker inner up timeout 600
says "trace: through a channel" \
	"0#hq|channel 1, up, to I000|channel 1 encrypts it|leaves by link 1|brings it, for 0#in|0#inner has it|brings it, for 0#dec|answered after" \
	ockamctl trace 'hq => inner'

# ---- monitor ----
ockamctl monitor drop worker hop >"$tmp/events" 2>&1 &
mon=$!
ockamctl -j monitor all >"$tmp/json" 2>&1 &
mon="$mon $!"
both() {	# command...
	for _ in $(seq 300); do
		"$@"
		grep -q "$want" "$tmp/events" && grep -q "$wantj" "$tmp/json" &&
			return
		sleep 0.2
	done
	cat "$tmp/events" "$tmp/json" >"$tmp/out"
	return 1
}
nobody() { ockamctl send nobody text lost 2>/dev/null; }
want='^20[0-9-]* [0-9:.]*  drop  reason no-worker  bytes 4  route 0#nobody'
wantj='"object":"drop","drop":{"reason":"no-worker"'
both nobody
good "monitor: a drop, and when"
ockamctl recv newcomer >/dev/null &
new=$!
want='worker  address 0#newcomer' wantj='"object":"worker","gone":false'
both true
good "monitor: a worker came"
kill $new
want='worker gone  address 0#newcomer' wantj='"object":"worker","gone":true'
both true
good "monitor: it is gone"
ockamctl hop add later >/dev/null
want='hop  id' wantj='"time":'
both true
good "monitor: a hop beside them"
# shellcheck disable=SC2086
kill $mon
wrong "monitor: what" "drop or all, not 'drops'" ockamctl monitor drops
fails "monitor: drops are not for users" "drops: |root" user ockamctl monitor drop

# ---- top ----
(while [ ! -e "$tmp/enough" ]; do
	ockamctl send 'far => echoer' text 123456789 wait-ms 60000 >/dev/null
	ockamctl send 'here1 => far => echoer' text 1 wait-ms 60000 >/dev/null
	ockamctl send 'hq => inner' text 1 wait-ms 60000 >/dev/null
	ockamctl send nobody text 1 2>/dev/null
	sleep 0.2
done) &
load=$!
says "top: what passes, by rate" \
	"NAME|link     0#far|hop      0#here1|channel  0#hq|drop     no-worker|worker " \
	ockamctl top count 1 every-ms 1500
ockamctl -j top count 2 every-ms 1000 >"$tmp/out" 2>"$tmp/err"
[ "$(grep -c '"object":"link","name":"0#far","in-messages":' "$tmp/out")" -eq 2 ]
good "top: in JSON, a line each time"
says "top: rows" NAME ockamctl top count 1 every-ms 500 rows 1
[ "$(wc -l <"$tmp/out")" -le 3 ]
good "top: no more than that"
touch "$tmp/enough"
wait $load
fails "top: not for users" "top: |root" user ockamctl top count 1
wrong "top: never" "every-ms: at least 1" ockamctl top every-ms 0

# shellcheck disable=SC2086
kill $jobs
wait
far ockamctl flush
ockamctl flush
ip netns del far
tool_end
