#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Identities and credentials between a stock node and ours: histories in both
# directions, keys that change, P-256 keys, what authorities of either say.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

# a begins channels, b answers them; in both are a stock node and ours.
row
rust_start a b
cat >a.conf <<-CONF
	state = "$dir/a.keys"
	identity "ours" { create = true }
	link "rust-b" { connect = "10.2.0.1:5000" reconnect-max-ms = 1000 }
CONF
b_conf() {
	cat >b.conf <<-CONF
		state = "$dir/b.keys"
		identity "ours" { create = true }
		listener "api" { identity = "ours" trust = {"anyone"} }
		$1
		link "door" { listen = "0.0.0.0:4000" }
	CONF
}
b_conf
check "our daemon starts at a" start a
check "and at b" start b
ours_a=$(identifier a ours)
ours_b=$(identifier b ours)
echo_at b echo channels
rust b listen 0.0.0.0:5000 >/dev/null
rust b echo echo >/dev/null
rust a connect b 10.2.0.1:4000 >/dev/null
check "the link is up" link_up a rust-b

# ours_channel LISTENER IDENTIFIER: from a to the stock node at b, and a message
ours_channel() {
	channel_to a "rust-b => $1" "$2" &&
	is hi on a lib_echo ask "$ch => echo" hi
}
# rust_channel IDENTITY: from the stock node at a to us, and a message
number=0
rust_channel() {
	number=$((number + 1))
	is "$ours_b" rust a channel c$number "$1" "b=>${2:-api}" "$ours_b" 30 - ${3:+"$3"} &&
	is hi rust a ask "c$number=>echo" hi 20
}
reloaded()	{ [ "$(grep -c 'configuration is in force' "$1.log")" -gt "$2" ]; }
reload() {
	local before

	before=$(grep -c 'configuration is in force' "$1.log")
	eval "kill -HUP \$pid_$1"
	until_true reloaded "$1" "$before"
}
history()	{ ockamctl identity export "${2:-ours}" dir "$dir/$1.keys"; }
import()	{ ockamctl identity import-peer dir "$dir/$1.keys"; }
to_ours()	{ rust "$1" export "$2" >history && import "$3" <history; }
refused()	{ [ "$(grep -c 'handshake from .* refused' b.log)" -gt "$1" ]; }
refusals()	{ grep -c 'handshake from .* refused' b.log; }

# ---- histories ----

rust_b=$(rust b identity me)
rust_a=$(rust a identity me)
check "we import what a stock node exports" is "$rust_b" to_ours b me a
check "a stock node imports what we export" is "$ours_a" rust b import "$(history a)"
rust b export me >first
rust b listener listener me anyone >/dev/null
check "a channel to the first key" ours_channel listener "$rust_b"
check "a channel by the first key" rust_channel me

for kind in ed25519 p256 ed25519; do
	check "the stock nodes' keys change to $kind" rust b rotate me $kind
	check "at a, too" rust a rotate me $kind
	check "the identifier stays: a channel to the new key" \
		ours_channel listener "$rust_b"
	check "a channel by the new key" rust_channel me
done
check "we know the four changes" sh -c "[ \$(wc -c <'$dir/a.keys/peers/$rust_b') -gt 700 ]"
refuse "and refuse the first alone, now" 'older\|shorter' import a <first
check "we import the four at once" to_ours a me b

history a >old
for i in 1 2; do
	check "our key changes at a" ockamctl identity rotate ours dir "$dir/a.keys"
	check "the daemon has it" reload a
	check "a channel by the new key" ours_channel listener "$rust_b"
	check "our key changes at b" ockamctl identity rotate ours dir "$dir/b.keys"
	check "the daemon has it" reload b
	check "a channel to the new key" rust_channel me
done
refuse "a stock node that knows the new history refuses the old" 'error' \
	rust b import "$(cat old)"
check "and takes the new" is "$ours_a" rust b import "$(history a)"

# ---- P-256 ----

p256_b=$(rust b identity p256 p256)
p256_a=$(rust a identity p256 p256)
rust b listener p256 p256 anyone >/dev/null
check "a channel to a P-256 identity" ours_channel p256 "$p256_b"
check "a channel by a P-256 identity" rust_channel p256
check "whom we know by its identifier" logged b "to $p256_a is up: responder"

# ---- credentials of a stock authority ----

auth=$(rust b identity authority)
rust b import "$(history a)" >/dev/null
rust a export me >rust_a.history
rust b import "$(cat rust_a.history)" >/dev/null
rust b export authority | import b >/dev/null
rust b listener members me anyone authority >/dev/null

check "a stock authority says who we are" rust b issue authority "$ours_a" role=member 3600
cp check.out ours.cred
check "we keep that" ockamctl identity add-credential ours file ours.cred dir "$dir/a.keys"
check "and present it" reload a
check "a stock node with this authority gets a channel" ours_channel members "$rust_b"
check "and knows it" is role=member rust b attributes "$ours_a" authority

b_conf "listener \"members\" { identity = \"ours\" trust = {\"authority $auth role=member\"} }"
check "we trust the authority's members" reload b
before=$(refusals)
rust a channel none me 'b=>members' anyone 20 >/dev/null
check "a stock node without a credential is refused" until_true refused "$before"
check "the authority says who it is" rust b issue authority "$rust_a" role=member 3600
member=$(cat check.out)
check "with that it has a channel" rust_channel me members "$member"

# cred_refused WHAT CREDENTIAL: a stock node at a that presents it
cred_refused() {
	before=$(refusals)
	rust a channel none$((++number)) me 'b=>members' anyone 20 - "$2" >made.out ||
		{ not_ok "$1: no handshake"; sed 's/^/# /' made.out; return; }
	check "$1" until_true refused "$before"
}
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
cred_refused "one about another role is refused" "$(rust b issue authority "$rust_a" role=guest 3600)"
cred_refused "one about somebody else is refused" "$(cat ours.cred)"
rust b identity pretender >/dev/null
cred_refused "one of another authority is refused" "$(rust b issue pretender "$rust_a" role=member 3600)"
guest=$(rust b issue authority "$rust_a" role=memoir 3600)
cred_refused "one that was changed afterwards is refused" \
	"${guest/$(hex memoir)/$(hex member)}"
short=$(rust b issue authority "$rust_a" role=member 1)
sleep 3
cred_refused "one that has expired is refused" "$short"
check "a good one is still accepted" rust_channel me members "$member"

# ---- credentials of an authority of ours ----

our_auth=$(ockamctl identity create authority dir "$dir/auth.keys")
history auth authority >auth.history
issue() { ockamctl identity issue authority attribute "$1" file "$2" valid "$3" dir "$dir/auth.keys"; }
check "a stock node knows an authority of ours" is "$our_auth" rust b import "$(cat auth.history)"
rust b listener ours-members me anyone "$our_auth" >/dev/null
check "we know it, too" sh -c "ockamctl identity import-peer dir '$dir/b.keys' <auth.history"
b_conf "listener \"members\" { identity = \"ours\" trust = {\"authority $our_auth role=member\"} }"
check "and trust its members" reload b
ours_says=$(issue role=member rust_a.history 3600)
check "a stock node with a credential of ours has a channel to us" \
	rust_channel me members "$ours_says"
cred_refused "with one of the other authority not" "$member"

# presents FILE ATTRIBUTES: we show it to the stock node, which then believes them
presents() {
	ockamctl identity drop-credentials ours dir "$dir/a.keys" &&
	ockamctl identity add-credential ours file "$1" dir "$dir/a.keys" &&
	reload a && ours_channel ours-members "$rust_b" &&
	is "$2" rust b attributes "$ours_a" "$our_auth"
}
history a >ours_a.history
issue role=memoir ours_a.history 3600 >good
sed "s/$(hex memoir)/$(hex member)/" good >forged
issue role=member ours_a.history 1 >expired
sleep 3
check "a stock node believes nothing that was changed" presents forged ''
check "nor what has expired" presents expired ''
check "but what our authority said" presents good role=memoir
done_testing
