#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Secure channels between a stock node and ours, each as initiator and as
# responder: many messages, relays of either in the middle, channels in channels,
# who is trusted, the end of a channel, the end of the connection under one.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

seed=${SEED:-$(($(od -An -N3 -tu4 /dev/urandom) + 1))}
# Through relays not the whole 1 MiB: what those of either kind in the middle add to
# a message is to fit, too.
count=$((3000 / share)) most=1048576 max=$((1048576 - 16384))
few=$((100 / share + 10))

count_rust() { rust b peers | awk '{ print $1 }'; }
count_ours() { on b ockamctl -j channel list | grep -c '"id"'; }

# In a are a stock node and one of ours that begin; in b two that answer; in m
# two that forward.
row
echo "# seed $seed"
rust_start a m b
rust_a=$(rust a identity me)
rust_b=$(rust b identity me)
stranger=$(rust b identity stranger)
rust m listen 0.0.0.0:5000 >/dev/null
rust b listen 0.0.0.0:5000 >/dev/null

cat >a.conf <<-CONF
	state = "$dir/a.keys"
	identity "ours" { create = true }
	link "rust-b" { connect = "10.2.0.1:5000" reconnect-max-ms = 1000 }
	link "rust-m" { connect = "10.1.0.2:5000" reconnect-max-ms = 1000 }
	link "m" { connect = "10.1.0.2:4000" reconnect-max-ms = 1000 }
CONF
cat >b.conf <<-CONF
	state = "$dir/b.keys"
	identity "ours" { create = true }
	listener "api" { identity = "ours" trust = {"anyone"} }
	listener "friend" { identity = "ours" trust = {"$rust_a"} }
	listener "picky" { identity = "ours" trust = {"$stranger"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
on m ockamctl link add listen 0.0.0.0:4000 name door >/dev/null
on m ockamctl link add connect 10.2.0.1:4000 name our-b >/dev/null
on m ockamctl link add connect 10.2.0.1:5000 name rust-b >/dev/null
on m ockamctl node set forward link-link >/dev/null
on m ockamctl relay add to-rust rust-b scope links >/dev/null
on m ockamctl relay add to-ours our-b scope links >/dev/null
on m ockamctl hop add hop scope links >/dev/null
check "our daemon starts at a" start a
check "and at b" start b
ours_a=$(identifier a ours)
ours_b=$(identifier b ours)
for link in rust-b rust-m m; do
	check "link $link is up" link_up a $link
done
echo_at b echo channels
rust b echo echo >/dev/null
rust b echoer echoer >/dev/null
rust b listener api me anyone >/dev/null
rust b listener friend me "$ours_a" >/dev/null
rust b listener picky me "$stranger" >/dev/null

# ---- the stock node answers ----

check "a channel to a stock node" channel_to a 'rust-b => api' "$rust_b"
first=$ch first_id=$ch_id
check "which knows us" until_true is "1 $ours_a" rust b peers
check "a string comes back through it" ours_asks a "$first => echoer" 'Hello Ockam!'
check "so do $count messages of up to 1 MiB" \
	on a lib_interop burst "$first => echo" $count $most "$seed" 16
check "a channel to a listener that trusts only us" channel_to a 'rust-b => friend' "$rust_b"
check "works" ours_asks a "$ch => echoer" two
refuse "a stock node that is not the one expected is refused" 'trust' \
	channel_to a 'rust-b => api' "$stranger"
had=$(count_rust)
# The stock node says nothing; we believe that there is a channel.
channel_to a 'rust-b => picky' "$rust_b" >/dev/null
refuse "a stock node that does not trust us does not answer" 'no answer' \
	on a lib_echo ask "$ch => echoer" x
check "it has no channel more than before" rust_has b "$had"
on a ockamctl channel del "$ch" >/dev/null

# ---- we answer ----

check "a stock node connects" rust a connect b 10.2.0.1:4000
check "and has a channel to us" is "$ours_b" rust a channel ch me 'b=>api' "$ours_b" 90
check "we know it" until_true logged b "to $rust_a is up: responder"
check "a string comes back through it" is Hello rust a ask 'ch=>echo' Hello 60
check "so do $count messages of up to 1 MiB" \
	rust a burst 'ch=>echo' $count $most "$seed" 16
check "a channel to a listener that trusts only it" \
	is "$ours_b" rust a channel ch2 me 'b=>friend' "$ours_b" 90
check "works" is two rust a ask 'ch2=>echo' two 60
refuse "it refuses us if we are not the one expected" 'error' \
	rust a channel bad me 'b=>api' "$stranger" 10
rust a channel deaf me 'b=>picky' anyone 30 >/dev/null
check "we refuse it if it is not trusted" until_true logged b 'handshake from .* refused'
refuse "and do not answer" 'error' rust a ask 'deaf=>echo' x 2
rust a close deaf >/dev/null

# ---- others in the middle ----

rust_hop_b=$(rust m connect to-rust 10.2.0.1:5000)
ours_hop_b=$(rust m connect to-ours 10.2.0.1:4000)
rust m onward to-rust-b "$rust_hop_b" >/dev/null
rust m onward to-ours-b "$ours_hop_b" >/dev/null
rust m hop hop >/dev/null
rust a connect rust-m 10.1.0.2:5000 >/dev/null
rust a connect m 10.1.0.2:4000 >/dev/null

through() {
	channel_to a "$1 => api" "$2" &&
	on a lib_interop burst "$ch => $3" $few $max "$seed" 8 &&
	on a ockamctl secure-channel delete "$ch_id"
}
rust_through() {
	rust a channel via me "$1=>api" "$2" 90 &&
	rust a burst "via=>$3" $few $max "$seed" 8 &&
	rust a close via
}
for peer in rust ours; do
	eval "id=\$${peer}_b far=\$${peer}_hop_b"
	check "ours to $peer, over a stock relay" through "rust-m => to-$peer-b" "$id" echo
	check "ours to $peer, over a stock hop" through "rust-m => hop => $far" "$id" echo
	check "ours to $peer, over our relay" through "m => to-$peer" "$id" echo
	check "ours to $peer, over our hop" through "m => hop => $(
		[ $peer = rust ] && echo rust-b || echo our-b)" "$id" echo
done
check "stock to ours, over a stock relay" rust_through 'rust-m=>to-ours-b' "$ours_b" echo
check "stock to ours, over a stock hop" rust_through "rust-m=>hop=>$ours_hop_b" "$ours_b" echo
check "stock to ours, over our relay" rust_through 'm=>to-ours' "$ours_b" echo
check "stock to ours, over our hop" rust_through 'm=>hop=>our-b' "$ours_b" echo
check "stock to stock, over our relay" rust_through 'm=>to-rust' "$rust_b" echo
check "stock to stock, over our hop" rust_through 'm=>hop=>rust-b' "$rust_b" echo

# ---- channels in channels ----

check "a channel in a channel to a stock node" channel_to a "$first => api" "$rust_b"
inner=$ch
check "carries $few messages" on a lib_interop burst "$inner => echo" $few $max "$seed" 8
check "and a third in that" channel_to a "$inner => api" "$rust_b"
check "works, too" ours_asks a "$ch => echoer" three
check "a channel in a stock node's channel to us" \
	is "$ours_b" rust a channel inner me 'ch=>api' "$ours_b" 90
check "carries $few messages" rust a burst 'inner=>echo' $few $max "$seed" 8

# ---- connections that end ----

# All of them: what is lost in them is not known to be.
check "the connection to the stock node is gone" on a ockamctl link del rust-b
check "the daemon makes another, which is up" link_up a rust-b
check "the channel goes on over it" ours_asks a "$first => echoer" again
check "many times" on a lib_interop burst "$first => echo" $few $max "$seed" 8
check "and so does the one inside it" ours_asks a "$inner => echoer" again

check "the stock node's connection to us is gone" rust a disconnect b
check "it makes another" rust a connect b2 10.2.0.1:4000
check "and moves its channel there" rust a reroute ch b2
check "which goes on" is again rust a ask 'ch=>echo' again 60
check "many times" rust a burst 'ch=>echo' $few $max "$seed" 8
check "and so does the one inside it" is again rust a ask 'inner=>echo' again 60

# ---- the end of channels ----

had=$(count_rust)
check "we end a channel" on a ockamctl secure-channel delete "$first_id"
check "the stock responder ends it, too" until_true rust_has b $((had - 1))
check "one more to the stock node" channel_to a 'rust-b => api' "$rust_b"
check "works" ours_asks a "$ch => echoer" last
check "the stock responder ends all that we have made" rust b hangup "$ours_a"
check "at least that one" [ "$(cat check.out)" -gt 0 ]
check "we end it, too" until_true logged a "channel $ch_id was closed by its peer"
had=$(count_ours)
check "a stock channel moves to a connection that is there" rust a reroute ch2 b2
check "a stock initiator ends its channel" rust a close ch2
check "we end it, too" until_true ours_has b $((had - 1))
check "because the peer did" logged b 'was closed by its peer'
done_testing
