#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Who asks by datagrams may have written a victim's address on them: what is sent there
# is no more than what came from there, times three, and a little.  Nodes of this kind
# and stock ones have their handshakes and bundles all the same.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# bytes NODE DEVICE rx|tx
bytes() {
	on "$1" cat /proc/net/dev | tr ':' ' ' |
		awk -v d="$2" -v n="$([ "$3" = rx ] && echo 2 || echo 10)" '$1 == d { print $n }'
}
# amplified COMMAND...: bytes that came back, and were sent, while it ran
amplified() {
	got=$(bytes evil to_vic rx) sent=$(bytes evil to_vic tx)
	"$@"
	sleep 2
	got=$(($(bytes evil to_vic rx) - got)) sent=$(($(bytes evil to_vic tx) - sent))
	echo "# $got bytes for $sent"
}

echo "TAP version 13"
nodes vic evil good
join vic evil 1
join vic good 2
cat >vic.conf <<-CONF
	state = "$dir/vic.keys"
	identity "victim" { create = true }
	listener "api" { identity = "victim" trust = {"anyone"} handshake = "both" }
	prekey-service { allow = {"anyone"} }
	link "door" { kind = "udp" listen = "0.0.0.0:4000" }
CONF
cat >good.conf <<-CONF
	state = "$dir/good.keys"
	identity "good" { create = true }
	link "up" { kind = "udp" connect = "10.2.0.1:4000" }
CONF
check "nodes start" eval 'start vic && start good'
on evil ockamctl link add connect 10.1.0.1:4000 kind udp name up >/dev/null

amplified on evil lib_echo flood 'up => api' 200 32
check "M1 brings no more than three times its bytes, and 8 KiB" \
	[ "$sent" -gt 0 -a "$got" -le $((3 * sent + 8192)) ]
check "in fact less than was sent ($got of $sent)" [ "$got" -le "$sent" ]

# A request for a bundle: the name, [1, [1, [32 bytes]]].
fetch=$(printf '\202\001\202\001\201\130\040aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
amplified on evil lib_echo tell 'up => api' "OCKAM_X3DH_25519_AESGCM_SHA256_1$fetch" 100
check "a request for a bundle brings no bundle ($got for $sent)" [ "$got" -le $((2 * sent)) ]
amplified on evil lib_echo tell 'up => prekeys' "$fetch" 100
check "nor does one to a prekey service ($got for $sent)" [ "$got" -le $((2 * sent)) ]

check "a node of this kind has its handshake" \
	on good ockamctl secure-channel create 'up => api' identity good trust anyone
check "and a bundle" on good ockamctl secure-channel create 'up => api' \
	identity good trust anyone handshake x3dh
check "which was asked for again, with a cookie" eval '
	on evil lib_echo ask "up => api" "OCKAM_X3DH_25519_AESGCM_SHA256_1$fetch" |
		tr -d "\n" | wc -c | { read -r n && [ "$n" -le 64 ]; }'

echo "1..$n"
exit $failed
