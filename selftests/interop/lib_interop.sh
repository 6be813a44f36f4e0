# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=bash
#
# For the interop tests, which source it: three namespaces a - m - b in a row.
# In each there can be a node of the stock crate (rust-peer, port 5000) and one of
# ours (port 4000).

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# Who has little time, such as CI, wants this part of the messages only.
share=${INTEROP_SHARE:-1}
before_it=0

# What takes long is told.
ok() {
	n=$((n + 1))
	echo "ok $n - $1"
	[ $((SECONDS - before_it)) -lt 5 ] || echo "# after $((SECONDS - before_it)) s"
	before_it=$SECONDS
}
declare -A rust_in rust_out

# row: a is 10.1.0.1, m 10.1.0.2 and 10.2.0.2, b 10.2.0.1.  As far as IP goes, a
# and b reach each other.
row() {
	nodes a m b
	star m a b
	on a ip route add default via 10.1.0.2
	on b ip route add default via 10.2.0.2
	on m sysctl -q -w net.ipv4.ip_forward=1
	[ -z "${INTEROP_CAPTURE:-}" ] || capture
	echo "TAP version 13"
}

# capture: all that passes m, for whoever wants to look at it
capture() {
	ip netns exec m tcpdump -i any -s 1500 -U -Z root \
		-w "/ockam/out/$(basename "$0" .sh).pcap" 2>tcpdump.out &
	pids="$pids $!"
	until_true grep -q listening tcpdump.out || sed 's/^/# /' tcpdump.out
}

# rust_start NODE...: the stock nodes there begin to take commands
rust_start() {
	local at in out

	for at; do
		mkfifo "$at.in" "$at.out"
		ip netns exec "$at" rust-peer "$at.out" <"$at.in" >"$at.rust" 2>&1 &
		pids="$pids $!"
		exec {in}>"$at.in"
		rust_in[$at]=$in
	done
	# They take their time, so all at once.
	for at; do
		exec {out}<"$at.out"
		rust_out[$at]=$out
	done
}

# rust NODE COMMAND...: prints what it says, and fails if that is an error
rust() {
	local node=$1 line

	shift
	echo "$*" >&"${rust_in[$node]}" || return 1
	if ! read -r -t 150 line <&"${rust_out[$node]}"; then
		echo "no answer to: $*"
		return 1
	fi
	case $line in
	ok*) line=${line#ok}; echo "${line# }" ;;
	*) echo "$line"; return 1 ;;
	esac
}

# Our link is up.
link_up() { until_true sh -c "ip netns exec $1 ockamctl link show $2 | grep -q 'state.*up'"; }

# echo_at NODE ADDRESS SCOPE: a worker of ours that sends back what it gets
echo_at() {
	ip netns exec "$1" lib_interop echo "$2" "$3" >"$1.$2" 2>&1 &
	pids="$pids $!"
	until_true grep -q ready "$1.$2"
}

# is TEXT COMMAND...: that is what the command prints
is() {
	local want=$1 got

	shift
	got=$("$@") || { echo "$got"; return 1; }
	[ "$got" = "$want" ] || { echo "'$got' instead of '$want'"; return 1; }
}

# ours_asks NODE ROUTE TEXT: a string as Ockam writes it (up to 127 bytes) comes back
ours_asks() {
	local message

	message=$(printf "\\$(printf %03o "${#3}")%s" "$3")
	is "$message" on "$1" lib_echo ask "$2" "$message"
}

# channel_to NODE ROUTE TRUST: our daemon there makes one; its encryptor and id are
# then in $ch and $ch_id
channel_to() {
	on "$1" ockamctl secure-channel create "$2" identity ours trust "$3" \
		timeout-ms 20000 >made.out 2>&1 || { cat made.out; return 1; }
	ch=$(awk '{ print $1 }' made.out)
	ch_id=$(awk '{ print $3 }' made.out)
	[ "$(awk '{ print $5 }' made.out)" = "$3" ] || [ "$3" = anyone ]
}

# How many channels there are: ours at NODE, the stock node's at NODE.
ours_has()	{ [ "$(on "$1" ockamctl -j channel list | grep -c '"id"')" -eq "$2" ]; }
rust_has()	{ [ "$(rust "$1" peers | awk '{ print $1 }')" -eq "$2" ]; }

# How many messages our node there has dropped.
dropped() { on "$1" ockamctl stats | awk '$1 == "drop" { n += $3 } END { print n + 0 }'; }

# The last words of a test.
done_testing() {
	echo "1..$n"
	if [ $failed -ne 0 ]; then
		for f in *.log *.rust; do
			[ -s "$f" ] || continue
			echo "# $f:"
			grep -v ' expired$\|slow statement' "$f" | tail -n 40 |
				cut -c 1-300 | sed 's/^/# /'
		done
	fi
	exit $failed
}
