#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Messages in clear between nodes of the stock crate and of ours, over TCP: both
# ways, through hops and relays of either, of 0 bytes to 1 MiB.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

seed=${SEED:-$(($(od -An -N3 -tu4 /dev/urandom) + 1))}
count=$((1500 / share)) max=1048576

row
echo "# seed $seed"
rust_start a m b
check "a stock node listens at b" rust b listen 0.0.0.0:5000
check "and has an echo worker" rust b echo echo
check "and one for strings" rust b echoer echoer
check "a stock node listens at m" rust m listen 0.0.0.0:5000
check "with a hop" rust m hop hop
on m ockamctl link add listen 0.0.0.0:4000 name door >/dev/null
on b ockamctl link add listen 0.0.0.0:4000 name door >/dev/null
echo_at b echo links

# ---- over one connection ----

on m ockamctl link add connect 10.2.0.1:5000 name rust-b >/dev/null
check "we connect to a stock node" link_up m rust-b
check "a string comes back from its worker" ours_asks m 'rust-b => echoer' 'Hello Ockam!'
check "so do $count messages of up to 1 MiB" \
	on m lib_interop burst 'rust-b => echo' $count $max "$seed" 16

check "a stock node connects to us" rust m connect our-b 10.2.0.1:4000
check "a string comes back from our worker" is Hello-Ockam! \
	rust m ask 'our-b=>echo' Hello-Ockam! 60
check "so do $count messages of up to 1 MiB" \
	rust m burst 'our-b=>echo' $count $max "$seed" 16

# ---- our node in the middle ----

on m ockamctl node set forward link-link >/dev/null
on m ockamctl hop add h1 scope links >/dev/null
on m ockamctl relay add to_rust 'rust-b' scope links >/dev/null
on a ockamctl link add connect 10.1.0.2:4000 name m >/dev/null
link_up a m
check "ours, our hop, stock" ours_asks a 'm => h1 => rust-b => echoer' one
check "ours, our relay, stock" ours_asks a 'm => to_rust => echoer' two
check "a stock node connects to m" rust a connect m 10.1.0.2:4000
check "stock, our hop, stock" is three rust a ask 'm=>h1=>rust-b=>echoer' three 60
check "stock, our relay, stock" is four rust a ask 'm=>to_rust=>echoer' four 60
check "many through the hop" rust a burst 'm=>h1=>rust-b=>echo' 300 $max "$seed" 8

# ---- a stock node in the middle ----

to_b=$(rust m connect to-b 10.2.0.1:4000)
check "with a relay to our node" rust m onward fwd "$to_b"
on a ockamctl link add connect 10.1.0.2:5000 name rust-m >/dev/null
link_up a rust-m
check "ours, stock hop, ours" ours_asks a "rust-m => hop => $to_b => echo" five
check "ours, stock relay, ours" ours_asks a 'rust-m => fwd => echo' six
check "a stock node connects to the one at m" rust a connect rust-m 10.1.0.2:5000
check "stock, stock hop, ours" is seven rust a ask "rust-m=>hop=>$to_b=>echo" seven 60
check "many through the hop" on a lib_interop burst \
	"rust-m => hop => $to_b => echo" 300 $max "$seed" 8

# ---- who is not reached ----

ip netns exec b lib_echo serve closed local >closed.out 2>&1 &
pids="$pids $!"
until_true grep -q ready closed.out
before=$(dropped b)
refuse "a worker that takes no links hears nothing of a stock node" 'error' \
	rust m ask 'our-b=>closed' x 2
check "it heard nothing" sh -c '! grep -q got closed.out'
refuse "one that does not exist neither" 'error' rust m ask 'our-b=>nobody' x 2
check "both were dropped, and counted" [ "$(dropped b)" -ge $((before + 2)) ]
check "the connection is still good" is eight rust m ask 'our-b=>echo' eight 60

# ---- connections that end ----

check "a stock node disconnects" rust m disconnect our-b
check "and connects again" rust m connect our-b 10.2.0.1:4000
check "and goes on" is nine rust m ask 'our-b=>echo' nine 60
done_testing
