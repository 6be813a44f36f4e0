#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The inside of vmfork.sh: a channel under traffic, until it is gone.  Says on the
# console whenever messages have passed.

say() {
	echo "vmfork: $*" >/dev/kmsg
}

n=0
check() {	# what, command...
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $n $what"
	else
		sed 's/^/# /' events
		echo "not ok $n $what"
	fi
}

key() {
	head -c 32 /dev/urandom >"$1"
}

channel() {	# ROLE ROUTE ENCRYPTOR DECRYPTOR TX RX
	ockamctl channel add role "$1" route "$2" encryptor "$3" decryptor "$4" \
		tx-key-file "$5" rx-key-file "$6" \
		identifier "I$(printf '%064d' 7)" >/dev/null
}

passes() {
	[ "$(lib_echo ask "$1 => echoer" there 2>/dev/null)" = there ]
}

both_gone() {
	[ "$(ockamctl -j channel list | grep -c '"id"')" = 0 ]
}

told() {
	[ "$(grep -c '  channel gone  .*vm-fork' events)" = "$1" ]
}

until_true() {
	for _ in $(seq 600); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

echo TAP version 13
echo 1..6
umask 077
key k1
key k2
channel initiator d2 e1 d1 k1 k2 && channel responder d1 e2 d2 k2 k1
# Another node, which nobody asks anything.
ip netns add other
ip netns exec other ip link set lo up
key k3
key k4
ip netns exec other sh -c "$(cat <<-SH
	ockamctl channel add role initiator route d2 encryptor e1 decryptor d1 \
		tx-key-file k3 rx-key-file k4 \
		identifier I$(printf '%064d' 7) >/dev/null
	SH
)"
ockamctl monitor channel >events 2>&1 &
monitor=$!
ip netns exec other ockamctl monitor channel >events.other 2>&1 &
other=$!
lib_echo serve echoer channels >/dev/null &
server=$!
check "a message passes the channel" until_true passes e1
# Both monitors listen: they have heard of a change that does not matter.
heard() {
	ockamctl channel set e1 mode 438
	ip netns exec other ockamctl channel set e1 mode 438
	[ -s events ] && [ -s events.other ]
}
until_true heard
say ready

# It may be late once.
while passes e1 || passes e1 || passes e1; do
	say alive
	sleep 0.2
done
say "the channel is gone"

check "both ends are gone" until_true both_gone
check "which was told, with the reason" until_true told 2
both_gone_there() {
	[ "$(ip netns exec other ockamctl -j channel list | grep -c '"id"')" = 0 ]
}
check "also in another node" until_true both_gone_there
told_there() {
	[ "$(grep -c '  channel gone  .*vm-fork' events.other)" = 1 ]
}
check "where it was told as well" until_true told_there
key k1
key k2
again() {
	channel initiator d2 e1 d1 k1 k2 &&
		channel responder d1 e2 d2 k2 k1 && until_true passes e1
}
check "new channels can be made" again
kill $monitor $other $server
ockamctl flush
ip netns exec other ockamctl flush
ip netns del other
