#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# usage: bench.sh [all|wall|containers|flood]
#
# With ROWS in the environment only the rows of these names, and those that they
# match as patterns ("chan_* link").  With PROFILE a row is marked for a profiler.
#
# Costs of one boot, side by side.  Under --icount a nanosecond of the guest is
# an instruction, so the figures repeat within 1 %.  Prints a table, and leaves
# it in /ockam/out, with the rows by name for targets.py.
#
# wall: of a boot with two processors, whose nanoseconds are those of the host's
# clock: only ratios mean anything, and these little on a busy host.

set -eu
PATH=/ockam/bin:/ockam/tests:$PATH
BENCH=bench
OUT=/ockam/out/bench.txt
NAMED=/ockam/out/rows
MANY=${MANY:-100000}
mkdir -p /ockam/out
: >"$OUT"
: >"$NAMED"

for m in tls wireguard aesni_intel ghash_clmulni_intel gcm ctr veth; do
	modprobe "$m" 2>/dev/null || true
done

say() {
	printf '%s\n' "$*" | tee -a "$OUT"
}

# What forged nonces cost the honest messages of a channel, see flood.c.
if [ "${1:-}" = flood ]; then
	say "# guest instructions for an honest message, kernel $(uname -r)"
	status=0
	flood >>"$OUT" 2>&1 || status=$?
	sed 1d "$OUT"
	exit $status
fi

# wanted ROW: not left out by ROWS?
wanted() {
	[ -n "${ROWS:-}" ] || return 0
	set -f
	for pattern in $ROWS; do
		# shellcheck disable=SC2254
		case $1 in
		$pattern) set +f; return 0 ;;
		esac
	done
	set +f
	return 1
}

# measure VARIABLE LABEL ARGUMENTS...
measure() {
	var=$1 label=$2
	shift 2
	wanted "$var" || return 0
	set -- ${PROFILE:+-p} ${QUICK:+-q} "$@"
	value=$("$BENCH" "$@") || { say "# $label: failed"; exit 1; }
	eval "$var=$value"
	echo "$var $value" >>"$NAMED"
	say "$(printf '%-48s %8d' "$label" "$value")"
}

# rows PROGRAM: what it prints is rows, "NAME INSTRUCTIONS" a line
rows() {
	printed=$("$@") || { say "# $*: failed"; exit 1; }
	printf '%s\n' "$printed" >>"$NAMED"
	while read -r name value; do
		eval "$name=$value"
	done <<-ROWS
		$printed
	ROWS
}

# wait_for COMMAND: until it succeeds, 10 s at most
wait_for() {
	i=0
	until eval "$1"; do
		i=$((i + 1))
		[ $i -lt 100 ] || { say "# timeout: $1"; exit 1; }
		sleep 0.1
	done
}

pair() {	# NS_A NS_B NET
	ip link add "v$1$2" netns "$1" type veth peer name "v$2$1" netns "$2"
	ip -n "$1" addr add "$3.1/24" dev "v$1$2"
	ip -n "$2" addr add "$3.2/24" dev "v$2$1"
	ip -n "$1" link set "v$1$2" up
	ip -n "$2" link set "v$2$1" up
}

for ns in a b m; do
	ip netns add $ns
	ip -n $ns link set lo up
done
pair a b 10.1.0
pair a m 10.2.0
pair m b 10.3.0

node() {	# NS COMMAND...
	ns=$1
	shift
	ip netns exec "$ns" ockamctl "$@"
}

quiet() {
	"$@" >/dev/null
}

up() {	# NS NAME
	node "$1" link show "$2" 2>/dev/null | grep -qiw up
}

# a => b directly, and a => m => b
quiet node b link add listen 0.0.0.0:4000 name listener
quiet node m link add listen 0.0.0.0:4000 name listener
quiet node a link add connect 10.1.0.2:4000 name tob
quiet node a link add connect 10.1.0.2:4001 local 10.1.0.1:4001 kind udp udp-form native name utob
quiet node b link add connect 10.1.0.1:4001 local 10.1.0.2:4001 kind udp udp-form native name utoa
quiet node a link add connect 10.2.0.2:4001 local 10.2.0.1:4001 kind udp name utom
quiet node m link add connect 10.2.0.1:4001 local 10.2.0.2:4001 kind udp name utoa
quiet node m link add connect 10.3.0.2:4001 local 10.3.0.1:4001 kind udp name utob
quiet node b link add connect 10.3.0.1:4001 local 10.3.0.2:4001 kind udp name utom
quiet node a link add connect 10.2.0.2:4000 name tom
quiet node m link add connect 10.3.0.2:4000 name tob
quiet node m node set forward link-link
wait_for "up a tob"
wait_for "up a tom"
wait_for "up m tob"

# Channels a => b with fixed keys, installed at both ends.
umask 077
for i in 1 2 3 4 5 6 7 8; do
	printf 'fixed key of the benchmark, no. %d' $i | tail -c 32 >/tmp/k$i
done
id=I$(printf '%064d' 7)
back=$(node b -j link list mode accepted |
	sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | head -n 1)
back=${back#0#}
quiet node a channel add role initiator route "tob => bdec" encryptor chan \
	decryptor adec tx-key-file /tmp/k1 rx-key-file /tmp/k2 identifier "$id"
quiet node b channel add role responder route "$back => adec" encryptor nahc \
	decryptor bdec tx-key-file /tmp/k2 rx-key-file /tmp/k1 identifier "$id"

# A second one beside it, over the same link.
quiet node a channel add role initiator route "tob => bdec2" encryptor chan2 \
	decryptor adec2 tx-key-file /tmp/k7 rx-key-file /tmp/k8 identifier "$id"
quiet node b channel add role responder route "$back => adec2" encryptor nahc2 \
	decryptor bdec2 tx-key-file /tmp/k8 rx-key-file /tmp/k7 identifier "$id"

quiet node a channel add role initiator route "utob => ubdec" encryptor uchan \
	decryptor uadec tx-key-file /tmp/k5 rx-key-file /tmp/k6 identifier "$id"
quiet node b channel add role responder route "utoa => uadec" encryptor unahc \
	decryptor ubdec tx-key-file /tmp/k6 rx-key-file /tmp/k5 identifier "$id"

# WireGuard beside it: 10.9.0.1 and 10.9.0.2.
wireguard() {
	for ns in a b; do
		ip -n $ns link add wg0 type wireguard
		wg genkey >/tmp/wg.$ns
		wg pubkey </tmp/wg.$ns >/tmp/wg.$ns.pub
	done
	ip netns exec a wg set wg0 listen-port 5000 private-key /tmp/wg.a \
		peer "$(cat /tmp/wg.b.pub)" allowed-ips 10.9.0.2/32 \
		endpoint 10.1.0.2:5000
	ip netns exec b wg set wg0 listen-port 5000 private-key /tmp/wg.b \
		peer "$(cat /tmp/wg.a.pub)" allowed-ips 10.9.0.1/32 \
		endpoint 10.1.0.1:5000
	ip -n a addr add 10.9.0.1/24 dev wg0
	ip -n b addr add 10.9.0.2/24 dev wg0
	ip -n a link set wg0 up
	ip -n b link set wg0 up
}

# On one node: ten hops in a row, and a channel from node a to itself.
hops=
for i in 1 2 3 4 5 6 7 8 9 10; do
	quiet node a hop add "h$i"
	hops="$hops h$i"
done
quiet node a channel add role initiator route "locd" encryptor loce \
	decryptor locx tx-key-file /tmp/k3 rx-key-file /tmp/k4 identifier "$id"
quiet node a channel add role responder route "locx" encryptor locf \
	decryptor locd tx-key-file /tmp/k4 rx-key-file /tmp/k3 identifier "$id"

# finish STATUS: links pin the module, so leave none
finish() {
	[ -z "${PROFILE:-}" ] || cat /proc/kallsyms >/ockam/out/kallsyms
	for ns in a b m; do
		node $ns flush
		ip netns del $ns
	done
	exit "$1"
}

# What the host pays while a container of uid 1000 has all it may have in 100
# namespaces: at most a tenth more per message than before.
containers() {
	p=/sys/module/ockam/parameters
	echo 2000 >$p/user_sockets
	echo 1000 >$p/user_links
	echo 1000 >$p/user_channels
	echo 1000 >$p/user_hops
	echo 16777216 >$p/user_buffer
	failed=0

	say "# guest instructions per round trip of the host, kernel $(uname -r)"
	measure worker	"worker to worker, 64 B"	ockam 64 - -
	measure local	"channel on one node, 64 B"	ockam 64 a a loce
	measure link	"plain TCP link, 64 B"		ockam 64 a b tob
	measure chan	"channel over a TCP link, 64 B"	ockam 64 a b chan

	crowd 2000 1000 1000 1000 >/tmp/crowd 2>&1 &
	crowd=$!
	i=0
	until grep -q full /tmp/crowd 2>/dev/null; do
		i=$((i + 1))
		if [ $i -gt 600 ] || ! kill -0 $crowd; then
			say "# the container did not get that far:" \
				"$(tail -n 1 /tmp/crowd)"
			finish 1
		fi
		sleep 1
	done
	say "# beside a container: $(cat /tmp/crowd)"
	say "# $(grep '^uid 1000' $p/users)"
	beside "$worker"	"worker to worker, 64 B"	ockam 64 - -
	beside "$local"	"channel on one node, 64 B"	ockam 64 a a loce
	beside "$link"	"plain TCP link, 64 B"		ockam 64 a b tob
	beside "$chan"	"channel over a TCP link, 64 B"	ockam 64 a b chan
	kill -KILL $crowd
	finish $failed
}

# beside BEFORE LABEL ARGUMENTS...: measures again, and judges
beside() {
	before=$1
	shift
	measure now "$@"
	[ $((now * 10)) -le $((before * 11)) ] || {
		say "# that is more than 1.10 of $before"
		failed=1
	}
}

case ${1:-all} in
all|wall) ;;
containers) containers ;;
*) say "# usage: bench.sh [all|wall|containers|flood]"; finish 2 ;;
esac
wireguard

# round_trips SIZE, one_way SIZE BATCH: all transports at one size; BATCH datagrams are never too many
# for a receive buffer.
round_trips() {
	measure "udp_rt_$1"	"UDP, $1 B"			udp "$1" a b 10.1.0.2
	measure "wg_rt_$1"	"UDP through WireGuard, $1 B"	udp "$1" a b 10.9.0.2
	measure "uchan_rt_$1"	"channel over a UDP link, $1 B"	ockam "$1" a b uchan
	measure "tcp_rt_$1"	"TCP, $1 B"			tcp "$1" a b 10.1.0.2
	measure "ktls_rt_$1"	"kTLS 1.3 AES-256-GCM, $1 B"	ktls "$1" a b 10.1.0.2
	measure "nopad_rt_$1"	"kTLS without padding, $1 B"	nopad "$1" a b 10.1.0.2
	measure "chan_rt_$1"	"channel over a TCP link, $1 B"	ockam "$1" a b chan
}

one_way() {
	measure "udp_ow_$1"	"UDP, $1 B"		-o -b "$2" udp "$1" a b 10.1.0.2
	measure "wg_ow_$1"	"UDP through WireGuard, $1 B" \
		-o -b "$2" udp "$1" a b 10.9.0.2
	measure "uchan_ow_$1"	"channel over a UDP link, $1 B" \
		-o -b "$2" ockam "$1" a b uchan
	measure "tcp_ow_$1"	"TCP, $1 B"		-o tcp "$1" a b 10.1.0.2
	measure "ktls_ow_$1"	"kTLS, $1 B"		-o ktls "$1" a b 10.1.0.2
	measure "nopad_ow_$1"	"kTLS without padding, $1 B" \
		-o nopad "$1" a b 10.1.0.2
	measure "chan_ow_$1"	"channel over a TCP link, $1 B" -o ockam "$1" a b chan
	[ "$1" -le 1300 ] || return 0
	# kTLS takes no sendmmsg(): beside its plain sends.
	measure "chan_mm_$1"	"channel over a TCP link, sendmmsg, $1 B" \
		-o -m ockam "$1" a b chan
}

if [ "${1:-all}" = wall ]; then
	# A busy host takes milliseconds for what takes tens of microseconds.
	QUICK=1
	say "# nanoseconds of a round trip, kernel $(uname -r)"
	round_trips 64
	round_trips 1300
	say "# nanoseconds of a message one way"
	one_way 64 64
	rows parallel a b chan chan2
	say "# messages a second of a sender alone, and of two on two processors"
	say "$(printf '%-48s %8d' "a channel of a TCP link" "$alone")"
	say "$(printf '%-48s %8d' "two channels of one TCP link" "$side_by_side")"
	finish 0
fi

say "# guest instructions per round trip, kernel $(uname -r)"
measure unix	"AF_UNIX datagrams, 64 B"		unix 64
measure worker	"worker to worker, 64 B"		ockam 64 - -
measure hops	"worker to worker, 10 hops there and back"	ockam 64 a a $hops
measure local	"channel on one node, 64 B"		ockam 64 a a loce
measure link	"plain TCP link, 64 B"			ockam 64 a b tob
measure ulink	"plain UDP link, 64 B"			ockam 64 a b utob
round_trips 64
round_trips 1300
round_trips 16384
measure via	"plain TCP links through a node, 64 B"	ockam 64 a b tom tob
measure rtcp	"TCP through a read/write relay, 64 B" \
	tcp-relay 64 a 10.2.0.1 m 10.2.0.2 b 10.3.0.2
measure uvia	"plain UDP links through a node, 64 B"	ockam 64 a b utom utob
measure rudp	"UDP through a read/write relay, 64 B" \
	udp-relay 64 a 10.2.0.1 m 10.2.0.2 b 10.3.0.2

say "# guest instructions per message one way"
one_way 64 64
one_way 1300 32
one_way 16384 4

say "# of a message, on average"
measure ratchet	"ratchet of a channel, both ends"	-r ockam 64 a b chan

# Last: they stay.
if wanted scale; then
	say "# beside $MANY idle channels"
	idle=$(many a "$MANY" tob) || { say "# many: failed"; finish 1; }
	echo "idle $idle" >>"$NAMED"
	measure scale	"channel over a TCP link, 64 B"	ockam 64 a b chan
	say "$(printf '%-48s %8d' "an idle channel, bytes of Slab, one end" "$idle")"
fi

if wanted xx_known; then
	say "# a handshake, both sides"
	rows handshake
	say "$(printf '%-48s %8d' "XX, who have not met" "$xx_first")"
	say "$(printf '%-48s %8d' "XX, who know each other" "$xx_known")"
	say "$(printf '%-48s %8d' "2 key pairs, 6 DH, 4 signatures" "$xx_needed")"
fi

[ -z "${ROWS:-}" ] || finish 0
say "# one send and one receive of 64 B, split (half of a round trip)"
step=$(((hops - worker) / 20))
say "$(printf '%-48s %8d' "route: one look-up and one step" $step)"
say "$(printf '%-48s %8d' "socket: system calls, copies, wake-up" \
	$((worker / 2 - step)))"
say "$(printf '%-48s %8d' "channel: codec, ratchet, AEAD, both ends" \
	$(((local - worker) / 2)))"
say "$(printf '%-48s %8d' "link: framing, TCP, both ends" $(((link - worker) / 2)))"
say "$(printf '%-48s %8d' "  of which TCP itself, less AF_UNIX" \
	$(((tcp_rt_64 - unix) / 2)))"

finish 0
