#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# usage: bench.sh [containers|flood]
#
# Costs of one boot, side by side.  Under --icount a nanosecond of the guest is
# an instruction, so the figures repeat within 1 %.  Prints a table, and leaves
# it in /ockam/out.

set -eu
PATH=/ockam/bin:/ockam/tests:$PATH
BENCH=bench
OUT=/ockam/out/bench.txt
mkdir -p /ockam/out
: >"$OUT"

for m in tls aesni_intel ghash_clmulni_intel gcm ctr veth; do
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

# measure VARIABLE LABEL ARGUMENTS...
measure() {
	var=$1 label=$2
	shift 2
	value=$("$BENCH" "$@") || { say "# $label: failed"; exit 1; }
	eval "$var=$value"
	say "$(printf '%-44s %8d' "$label" "$value")"
}

# ratio LABEL A B TARGET
ratio() {
	say "$(awk -v l="$1" -v a="$2" -v b="$3" -v t="$4" \
		'BEGIN { printf "%-44s %8.2f   target %s", l, a / b, t }')"
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
quiet node a link add connect 10.2.0.2:4000 name tom
quiet node m link add connect 10.3.0.2:4000 name tob
quiet node m node set forward link-link
wait_for "up a tob"
wait_for "up a tom"
wait_for "up m tob"

# A channel a => b with fixed keys, installed at both ends.
umask 077
printf 'fixed key of the benchmark, no. 1' | head -c 32 >/tmp/k1
printf 'fixed key of the benchmark, no. 2' | tail -c 32 >/tmp/k2
printf 'fixed key of the benchmark, no. 3' | tail -c 32 >/tmp/k3
printf 'fixed key of the benchmark, no. 4' | tail -c 32 >/tmp/k4
id=I$(printf '%064d' 7)
back=$(node b -j link list mode accepted |
	sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | head -n 1)
back=${back#0#}
quiet node a channel add role initiator route "tob => bdec" encryptor chan \
	decryptor adec tx-key-file /tmp/k1 rx-key-file /tmp/k2 identifier "$id"
quiet node b channel add role responder route "$back => adec" encryptor nahc \
	decryptor bdec tx-key-file /tmp/k2 rx-key-file /tmp/k1 identifier "$id"

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
all) ;;
containers) containers ;;
*) say "# usage: bench.sh [containers|flood]"; finish 2 ;;
esac

say "# guest instructions per round trip, kernel $(uname -r)"
measure unix	"AF_UNIX datagrams, 64 B"		unix 64
measure worker	"worker to worker, 64 B"		ockam 64 - -
measure hops	"worker to worker, 10 hops there and back"	ockam 64 a a $hops
measure local	"channel on one node, 64 B"		ockam 64 a a loce
measure tcp	"TCP, 64 B"				tcp 64 a b 10.1.0.2
measure link	"plain TCP link, 64 B"			ockam 64 a b tob
measure chan	"channel over a TCP link, 64 B"		ockam 64 a b chan
measure ktls	"kTLS 1.3 AES-256-GCM, 64 B"		ktls 64 a b 10.1.0.2
measure chan13	"channel over a TCP link, 1300 B"	ockam 1300 a b chan
measure ktls13	"kTLS, 1300 B"				ktls 1300 a b 10.1.0.2
measure via	"plain TCP links through a node, 64 B"	ockam 64 a b tom tob
measure rtcp	"TCP through a read/write relay, 64 B"	relay 64 a m 10.2.0.2 b 10.3.0.2

say "# guest instructions per message one way, 16 KiB"
measure btcp	"TCP, 16 KiB writes"			tcp-bulk 16384 a b 10.1.0.2
measure bktls	"kTLS, 16 KiB writes"			ktls-bulk 16384 a b 10.1.0.2
measure blink	"plain TCP link, 16 KiB"		ockam-bulk 16384 a b tob
measure bchan	"channel over a TCP link, 16 KiB"	ockam-bulk 16384 a b chan

say "# one send and one receive of 64 B, split (half of a round trip)"
step=$(((hops - worker) / 20))
say "$(printf '%-44s %8d' "route: one look-up and one step" $step)"
say "$(printf '%-44s %8d' "socket: system calls, copies, wake-up" \
	$((worker / 2 - step)))"
say "$(printf '%-44s %8d' "channel: codec, ratchet, AEAD, both ends" \
	$(((local - worker) / 2)))"
say "$(printf '%-44s %8d' "link: framing, TCP, both ends" $(((link - worker) / 2)))"
say "$(printf '%-44s %8d' "  of which TCP itself, less AF_UNIX" $(((tcp - unix) / 2)))"

say "# ratios"
ratio "worker to worker / AF_UNIX"		$worker $unix "1.10"
ratio "channel over TCP / kTLS, 64 B"		$chan $ktls "0.95"
ratio "channel over TCP / kTLS, 1300 B"		$chan13 $ktls13 "-"
ratio "bulk 16 KiB, channel / kTLS"		$bchan $bktls "1.00"
ratio "forwarding in a node / TCP relay, 64 B" \
	$(((via - link) / 2)) $(((rtcp - tcp) / 2)) "0.80"

finish 0
