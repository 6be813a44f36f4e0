#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What a stranger can hold at ockamd is shared by what costs him something: his
# connections, not the channels inside them.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

handshakes=64
channels=6

create() { # create NODE IDENTITY: prints the address
	on "$1" ockamctl secure-channel create 'up => api' identity "$2" \
		trust anyone timeout-ms 20000 | awk '{ print $1 }'
}

echo "TAP version 13"
nodes vic evil good
join vic evil 1
join vic good 2
for ns in evil good; do
	net=$([ $ns = evil ] && echo 1 || echo 2)
	cat >$ns.conf <<-CONF
		state = "$dir/$ns.keys"
		identity "$ns" { create = true }
		link "up" { connect = "10.$net.0.1:4000" }
	CONF
	check "$ns starts" start $ns
done
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	max-handshakes = $handshakes
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
check "the victim starts, links come up" eval '
	start vic && until_true is_up evil up && until_true is_up good up'

# ---- first messages through many channels over one link ----

i=0
while [ $i -lt $channels ]; do
	create evil evil >>evil.channels
	i=$((i + 1))
done
check "one has $channels channels over one link" \
	[ "$(grep -c '0#' evil.channels)" -eq $channels ]
while read -r ch; do
	on evil lib_echo flood "$ch => api" 40 32
done <evil.channels
most=$(half_open vic)
check "all of them get a quarter together ($most of $handshakes)" \
	[ "$most" -gt 0 -a "$most" -le $((handshakes / 4 + 1)) ]
check "somebody else gets his channel" [ -n "$(create good good)" ]

# ---- who has less inside the same link ----

first=$(head -n 1 evil.channels) last=$(tail -n 1 evil.channels)
until_true none_half_open vic
on evil lib_echo flood "$first => api" 100 32
full=$(half_open vic)
check "one of the channels takes most of the share ($full)" [ "$full" -ge $((handshakes / 8)) ]
check "another one has its handshake all the same" eval '
	on evil ockamctl secure-channel create "$last => api" identity evil \
		trust anyone timeout-ms 9000'

echo "1..$n"
[ $failed -eq 0 ] || grep -v 'debug: request' vic.log | tail -n 60 | sed 's/^/# /'
exit $failed
