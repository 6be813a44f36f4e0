#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# UDP between a stock node and ours: sockets of either for one peer and for any,
# messages of many pieces, channels, pieces that come in another order, twice or
# never, sockets that begin anew.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

seed=${SEED:-$(($(od -An -N3 -tu4 /dev/urandom) + 1))}
count=$((300 / share + 10)) max=1048576

# Datagrams are lost where a queue is full, and a stock node's socket has the
# system's default.  With two processors, they overtake each other when their sender
# moves to the other one, and to stock nodes that is a loss, too.  All of this is for
# the whole machine, which is a VM of this test's own.
sysctl -q -w net.core.rmem_default=$((64 << 20)) net.core.netdev_max_backlog=100000
[ ! -e /sys/devices/system/cpu/cpu1/online ] || echo 0 >/sys/devices/system/cpu/cpu1/online

# In a and b are a stock node and one of ours.
row
echo "# seed $seed"
rust_start a b
rust_a=$(rust a identity me)
rust_b=$(rust b identity me)

# udp NODE NAME KIND...: a link of ours, patient on a slow machine
udp() {
	local at=$1 name=$2

	shift 2
	on "$at" ockamctl link add "$@" kind udp name "$name" frame-ms 20000 >/dev/null
}
cat >a.conf <<-CONF
	state = "$dir/a.keys"
	identity "ours" { create = true }
CONF
cat >b.conf <<-CONF
	state = "$dir/b.keys"
	identity "ours" { create = true }
	listener "api" { identity = "ours" trust = {"anyone"} }
CONF
check "our daemon starts at a" start a
check "and at b" start b
ours_b=$(identifier b ours)
ours_a=$(identifier a ours)
echo_at a echo both
echo_at b echo both
for node in a b; do
	check "a stock socket for any peer at $node" rust $node udp any 0.0.0.0:5000
	rust $node echo echo >/dev/null
	rust $node echoer echoer >/dev/null
	rust $node listener api me anyone >/dev/null
done
check "one of ours for any peer at a" udp a any listen 0.0.0.0:4000
check "and at b" udp b any listen 0.0.0.0:4000
check "ours for one stock peer" udp a one connect 10.2.0.1:5000 local 10.1.0.1:4001
check "a stock one for one peer of ours" rust a udp one 10.1.0.1:5001 10.2.0.1:4000
check "both for one peer: a stock one" rust b udp two 10.2.0.1:5002 10.1.0.1:4002
check "and ours" udp a two connect 10.2.0.1:5002 local 10.1.0.1:4002

# ---- plain messages ----

# As one names the other: for one, for any, and with both bound to each other.
for way in 'one' 'any => 2#10.2.0.1:5000' 'two'; do
	check "a string comes back: $way" ours_asks a "$way => echoer" 'Hello Ockam!'
	check "$count messages of up to 1 MiB: $way" \
		on a lib_interop burst "$way => echo" $count $max "$seed" 4 any-order
done
for way in 'one' 'any=>2#10.2.0.1:4000'; do
	check "a string of a stock node comes back: $way" is Hello rust a ask "$way=>echo" Hello 20
	check "$count messages of up to 1 MiB: $way" \
		rust a burst "$way=>echo" $count $max "$seed" 4 any-order
done
check "a stock node for one peer to ours for one" is Hello rust b ask 'two=>echo' Hello 20
refuse "and to no other" 'error' rust a ask 'one=>2#10.2.0.1:5000=>echo' Hello 2

# ---- channels ----

for way in 'one' 'any => 2#10.2.0.1:5000'; do
	check "a channel to a stock node: $way" channel_to a "$way => api" "$rust_b"
	check "carries $count messages of up to 1 MiB" \
		on a lib_interop burst "$ch => echo" $count $max "$seed" 4 any-order
done
ours=$ch ours_id=$ch_id
made=0
for way in 'one' 'any=>2#10.2.0.1:4000'; do
	made=$((made + 1))
	check "a channel of a stock node: $way" \
		is "$ours_b" rust a channel ch$made me "$way=>api" "$ours_b" 30
	check "carries $count messages of up to 1 MiB" \
		rust a burst "ch$made=>echo" $count $max "$seed" 4 any-order
done
had=$(rust b peers | awk '{ print $1 }')
check "we end a channel" on a ockamctl secure-channel delete "$ours_id"
check "the stock responder ends it, too" until_true rust_has b $((had - 1))
refuse "it is gone" 'lib_echo' on a lib_echo ask "$ours => echoer" x
had=$(on b ockamctl -j channel list | grep -c '"id"')
check "a stock initiator ends its channel" rust a close ch2
check "we end it, too" until_true ours_has b $((had - 1))

# ---- networks that shuffle, double and lose ----

# middle PORT: a network to that port of b; then "is ok net PORT there shuffle"
declare -A net_in net_out
middle() {
	local in out

	mkfifo "net$1.in" "net$1.out"
	ip netns exec m lib_datagrams "10.1.0.2:$1" "10.2.0.1:$1" "$seed" \
		<"net$1.in" >"net$1.out" 2>"net$1.log" &
	pids="$pids $!"
	exec {in}>"net$1.in" {out}<"net$1.out"
	net_in[$1]=$in net_out[$1]=$out
	read -r -t 20 _ <&"$out"
}
net() {
	local port=$1 line

	shift
	echo "$*" >&"${net_in[$port]}"
	read -r -t 20 line <&"${net_out[$port]}" && echo "$line"
}
drops()		{ on "$1" ockamctl stats | awk -v r="$2" '$2 == r { n = $3 } END { print n + 0 }'; }
more_drops()	{ [ "$(drops "$1" "$2")" -gt "$3" ]; }
long=$(head -c 3000 /dev/zero | tr '\0' x)

check "a network in front of us" middle 4000
check "a channel through it, of a stock node" \
	is "$ours_b" rust a channel bad me 'any=>2#10.1.0.2:4000=>api' "$ours_b" 30
check "it shuffles what comes to us" is ok net 4000 there shuffle
before=$(drops b piece-twice)
# Each alone, so that nothing else changes places.
check "100 messages of up to 30000 bytes come all the same" \
	rust a burst 'bad=>echo' 100 30000 "$seed" 1
echo "# moved, doubled, lost: $(net 4000 counts)"
check "pieces that came twice are counted" more_drops b piece-twice "$before"
check "it loses a piece of what comes to us" is ok net 4000 there lose
before=$(drops b piece-lost)
refuse "the message does not come" 'error' rust a ask 'bad=>echo' "$long" 2
check "one of a single piece does" is Hello rust a ask 'bad=>echo' Hello 20
# Much more than 64 messages later, or after frame-ms.
check "it is well again" is ok net 4000 there plain
check "and so is the channel" rust a burst 'bad=>echo' 100 30000 "$seed" 4 any-order
check "the lost piece is counted" until_true more_drops b piece-lost "$before"

check "a network in front of the stock node" middle 5000
check "a link to that" udp a bad connect 10.1.0.2:5000
check "a channel through it, of ours" channel_to a 'bad => api' "$rust_b"
check "20 messages" on a lib_interop burst "$ch => echo" 20 30000 "$seed" 4 any-order
for mode in reverse double lose; do
	check "pieces on the way to the stock node: $mode" is ok net 5000 there $mode
	check "a message of one piece comes" ours_asks a "$ch => echoer" one
	refuse "one of several does not" 'no answer' on a lib_echo ask "$ch => echo" "$long"
	check "another one of one piece does" ours_asks a "$ch => echoer" another
	check "it is well again" is ok net 5000 there plain
	check "so is the channel" on a lib_interop burst "$ch => echo" 20 30000 "$seed" 4 any-order
done
check "pieces on the way back are shuffled" is ok net 5000 back shuffle
check "20 answers come all the same" on a lib_interop burst "$ch => echo" 20 30000 "$seed" 1

# ---- sockets that begin anew, with another number ----

# A few messages may be late for a stock node, Documentation/protocol.rst.

again=1
for i in 1 2 3 4 5 6; do
	on a ockamctl link del one >/dev/null &&
	udp a one connect 10.2.0.1:5000 local 10.1.0.1:4001 &&
	on a lib_echo flood 'one => echo' 33 1 >/dev/null &&
	ours_asks a 'one => echoer' "again $i" >>again.out 2>&1 || again=0
done
check "a stock node hears our new socket at the old place" [ $again -eq 1 ]
[ $again -eq 1 ] || sed 's/^/# /' again.out
again=1
for i in 1 2 3 4 5 6; do
	# The socket is closed a little after the answer.
	rust a udp-end any >/dev/null &&
	until_true rust a udp any 0.0.0.0:5000 &&
	is "$i" rust a ask 'any=>2#10.2.0.1:4000=>echo' "$i" 20 >>again.out 2>&1 || again=0
done
check "and we hear a stock one" [ $again -eq 1 ]
[ $again -eq 1 ] || sed 's/^/# /' again.out
done_testing
