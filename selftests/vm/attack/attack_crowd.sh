#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Who is charged for handshakes that are begun and not ended: an address, however
# many connections it has, and the program that passes them on, not who it has them
# from.  Whoever comes behind a crowd of somebody else's does not wait for it.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

handshakes=64
links=16
ahead=5120
case ${OCKAM_VM_KERNEL:-} in debug*) ahead=1024 ;; esac

create() { # create NODE: prints the address
	on "$1" ockamctl secure-channel create 'up => api' identity "$1" \
		trust anyone timeout-ms 60000
}
now_ms()	{ awk '{ print int($1 * 1000) }' /proc/uptime; }

echo "TAP version 13"
nodes vic evil good
join vic evil 1
join vic good 2
cat >good.conf <<-CONF
	state = "$dir/good.keys"
	identity "good" { create = true }
	link "up" { connect = "10.2.0.1:4000" }
CONF
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	max-handshakes = $handshakes
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} handshake = "both" }
	link "door" { listen = "0.0.0.0:4000" }
CONF
check "the victim and an honest node start" eval 'start vic && start good'
i=0
while [ $i -lt $links ]; do
	on evil ockamctl link add connect 10.1.0.1:4000 name "l$i" >/dev/null
	i=$((i + 1))
done
check "links come up" eval \
	'until_true is_up evil "l$((links - 1))" && until_true is_up good up'

# ---- one address, many connections ----

i=0
while [ $i -lt $links ]; do
	on evil lib_echo flood "l$i => api" 16 32
	i=$((i + 1))
done
sleep 1
most=$(half_open vic)
check "$links connections of one address get a quarter together ($most of $handshakes)" \
	[ "$most" -gt 0 -a "$most" -le $((handshakes / 4 + 1)) ]
check "somebody else gets his channel" create good
check "what was begun expires" until_true none_half_open vic

# ---- requests for bundles ----

fetch=$(printf '\202\001\202\001\201\130\040aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
i=0
while [ $i -lt $links ]; do
	on evil lib_echo tell "l$i => api" "OCKAM_X3DH_25519_AESGCM_SHA256_1$fetch" 60
	i=$((i + 1))
done
check "$((60 * links)) requests for a bundle leave somebody else his" eval '
	on good ockamctl secure-channel create "up => api" identity good trust anyone \
		handshake x3dh timeout-ms 3000'

# ---- a crowd ahead ----

on evil lib_echo flood 'l0 => api' $ahead 32
before=$(now_ms)
check "somebody else gets his channel behind $ahead first messages" create good
took=$(($(now_ms) - before))
check "and soon ($took ms)" [ "$took" -le 3000 ]
check "what was begun expires" until_true none_half_open vic

# ---- who passes on ----

as 1000 vic lib_echo pass user 200 32 >pass.out &
pids="$pids $!"
check "a user's program waits" until_true grep -q ready pass.out
on good lib_echo tell 'up => user => api' x
check "and passes on first messages, as if they came from that link" \
	until_true grep -q passed pass.out
check "they are on the account of such programs" until_true logged vic \
	'handshake from a program that passes on refused: too many'
before=$(now_ms)
check "whose link it is gets a channel" create good
took=$(($(now_ms) - before))
check "and soon ($took ms)" [ "$took" -le 3000 ]

echo "1..$n"
[ $failed -eq 0 ] || grep refused vic.log | tail -n 60 | sed 's/^/# /'
exit $failed
