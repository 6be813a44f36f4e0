#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# For run.sh: stock nodes and ours, each way once, in clear and through a channel over
# TCP, and in clear over UDP, and all packets of that in /ockam/out/interop.pcap, for
# the dissector.  Ours listen at port 4000, stock nodes at 5000.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

echo "TAP version 13"
nodes a b
join a b 1
ip netns exec b tcpdump -i to_a -s 0 -U -Z root -w /ockam/out/interop.pcap \
	'tcp or udp' 2>tcpdump.out &
capture=$!
pids="$pids $capture"
check "packets are captured" until_true grep -q listening tcpdump.out
rust_start a b
rust a identity me >/dev/null
rust_b=$(rust b identity me)
rust b listen 0.0.0.0:5000 >/dev/null
rust b listener api me anyone >/dev/null
rust b echo echo >/dev/null
cat >b.conf <<-CONF
	state = "$dir/b.keys"
	identity "ours" { create = true }
	listener "api" { identity = "ours" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
cat >a.conf <<-CONF
	state = "$dir/a.keys"
	identity "ours" { create = true }
	link "rust-b" { connect = "10.1.0.2:5000" reconnect-max-ms = 1000 }
CONF
check "our daemon starts at b" start b
check "and at a" start a
ours_b=$(identifier b ours)
check "our link is up" link_up a rust-b
echo_at b echo both
rust a connect b 10.1.0.2:4000 >/dev/null

check "a stock node, in clear" rust a burst 'b=>echo' 10 3000 7 2
check "a stock node makes a channel" is "$ours_b" rust a channel hq me 'b=>api' "$ours_b" 30
check "and uses it" rust a burst 'hq=>echo' 100 3000 7 4
check "and closes it" rust a close hq
check "we, in clear" on a lib_interop burst 'rust-b => echo' 10 3000 7 2
check "we make a channel" channel_to a 'rust-b => api' "$rust_b"
check "and use it" on a lib_interop burst "$ch => echo" 100 3000 7 4
# Eight messages of more than one datagram each, and their answers.
rust b udp any 0.0.0.0:5000 >/dev/null
check "we, over UDP" on a ockamctl link add connect 10.1.0.2:5000 kind udp name udp \
	frame-ms 20000
check "and have answers" on a lib_interop burst 'udp => echo' 8 3000 7 1 any-order
check "ours, for any" on b ockamctl link add listen 0.0.0.0:4000 kind udp name any \
	frame-ms 20000
rust a udp one 10.1.0.1:5001 10.1.0.2:4000 >/dev/null
check "a stock node, over UDP" rust a burst 'one=>echo' 8 3000 7 1 any-order
# What tcpdump has not read yet is lost with it.
on a bash -c 'echo the-last-packet >/dev/udp/10.1.0.2/9'
check "all of it is written" until_true grep -q the-last-packet /ockam/out/interop.pcap
kill $capture
wait $capture
check "there is a capture" [ -s /ockam/out/interop.pcap ]
done_testing
