#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Relay services: a stock node registers at ours, and ours at a stock one, over
# plain links and through channels; others reach them by the names that they get.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

# as_bare TEXT: a string as Ockam writes it (up to 127 bytes)
as_bare()	{ printf "\\$(printf %03o "${#1}")%s" "$1"; }

# b registers, m has the services, a asks for the names.
row
rust_start a m b
rust_b=$(rust b identity me)
rust b identity other >/dev/null
rust a identity me >/dev/null
rust_m=$(rust m identity me)
rust b echo echo >/dev/null
rust b listener api me anyone >/dev/null

for node in a b; do
	[ $node = a ] && net=1 || net=2
	cat >$node.conf <<-CONF
		state = "$dir/$node.keys"
		identity "ours" { create = true }
		listener "api" { identity = "ours" trust = {"anyone"} }
		link "m" { connect = "10.$net.0.2:4000" reconnect-max-ms = 1000 }
		link "rust-m" { connect = "10.$net.0.2:5000" reconnect-max-ms = 1000 }
	CONF
done
cat >m.conf <<-CONF
	state = "$dir/m.keys"
	forward = {link-link, link-channel, channel-link}
	identity "ours" { create = true }
	listener "api" { identity = "ours" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	relay { allow = {"$rust_b"} plain-links = true }
CONF
for node in a m b; do
	check "our daemon starts at $node" start $node
done
ours_b=$(identifier b ours)
ours_m=$(identifier m ours)
rust m listen 0.0.0.0:5000 >/dev/null
rust m listener api me anyone >/dev/null
check "a stock relay service" rust m relays forward_to_
for node in a b; do
	for link in m rust-m; do
		check "link $link of $node is up" link_up $node $link
	done
done
echo_at b echo both

# ---- a stock node at our service ----

rust b connect m 10.2.0.2:4000 >/dev/null
rust a connect m 10.1.0.2:4000 >/dev/null
check "a stock node registers over a link" is forward_to_plain rust b register m plain
check "we reach it by its name" ours_asks a 'm => forward_to_plain => echo' one
check "so does a stock node" is two rust a ask 'm=>forward_to_plain=>echo' two 20
check "it registers without a name" rust b register m
random=$(cat check.out)
check "and is reached by the one that it got" ours_asks a "m => $random => echo" three

check "it makes a channel to the relay's node" is "$ours_m" \
	rust b channel relay me 'm=>api' "$ours_m" 30
check "and registers through that" is forward_to_inner rust b register relay inner
check "we reach it by its name" ours_asks a 'm => forward_to_inner => echo' four
check "so does a stock node" is five rust a ask 'm=>forward_to_inner=>echo' five 20
check "we make a channel to it over the relay" channel_to a 'm => forward_to_inner => api' "$rust_b"
check "which works" on a lib_interop burst "$ch => echo" 200 100000 7 8
check "a stock node makes one, too" is "$rust_b" \
	rust a channel far me 'm=>forward_to_inner=>api' "$rust_b" 30
check "which works" rust a burst 'far=>echo' 200 100000 7 8

rust b channel stranger other 'm=>api' "$ours_m" 30 >/dev/null
before=$(on m ockamctl hop list | grep -c forward_to_)
refuse "another identity does not get the name" 'error' \
	rust b ask 'stranger=>static_forwarding_service' inner 2
check "nor any other" [ "$(on m ockamctl hop list | grep -c forward_to_)" -eq "$before" ]
check "it still leads to the first" ours_asks a 'm => forward_to_inner => echo' six
rust b connect m2 10.2.0.2:4000 >/dev/null
rust b channel relay2 me 'm2=>api' "$ours_m" 30 >/dev/null
check "and has its name back" is forward_to_inner rust b register relay2 inner
rust b disconnect m
check "which leads there" ours_asks a 'm => forward_to_inner => echo' seven

# ---- our node at a stock service ----

registers() { is "$(as_bare "forward_to_$3")" on "$1" lib_echo ask "$2" "$(as_bare "$3")"; }
rust a connect rust-m 10.1.0.2:5000 >/dev/null
check "we register over a link" registers b 'rust-m => static_forwarding_service' ours
check "a stock node reaches us by the name" is one rust a ask 'rust-m=>forward_to_ours=>echo' one 20
check "so do we" ours_asks a 'rust-m => forward_to_ours => echo' two
check "we make a channel over it" channel_to a 'rust-m => forward_to_ours => api' "$ours_b"
check "which works" on a lib_interop burst "$ch => echo" 200 100000 7 8
check "a stock node makes one" is "$ours_b" \
	rust a channel over me 'rust-m=>forward_to_ours=>api' "$ours_b" 30
check "which works" rust a burst 'over=>echo' 200 100000 7 8
check "we make a channel to the stock relay's node" channel_to b 'rust-m => api' "$rust_m"
check "and register through that" registers b "$ch => static_forwarding_service" secret
check "a stock node reaches us by the name" is three rust a ask 'rust-m=>forward_to_secret=>echo' three 20
check "so do we" ours_asks a 'rust-m => forward_to_secret => echo' four
done_testing
