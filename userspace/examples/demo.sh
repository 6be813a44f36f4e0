#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The guide's eight steps, one after the other, with the way each message took.
# Wants root, the module loaded, and namespaces of its own names: `make demo`
# runs it in a VM. Exit status 0 if everything was as it should be.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
PATH=$(cd "$(dirname "$0")" && pwd)/bin:$PATH
tracing=/sys/kernel/tracing
user=${DEMO_USER:-user}
slow=${OCKAM_VM_SLOW:-1}
work=$(mktemp -d /tmp/ockam-demo.XXXXXX) || exit 1
chmod 755 "$work"
passed=0
failed=0
pids=
nodes=

# ---- results ----

heading() { printf '\n=== %s ===\n\n' "$*"; }
say() { printf '%s\n' "$*"; }

# check TEXT COMMAND...
check() {
	check_text=$1
	shift
	if "$@" >"$work/check" 2>&1; then
		passed=$((passed + 1))
		say "ok: $check_text"
	else
		failed=$((failed + 1))
		say "FAILED: $check_text ($*)"
		sed 's/^/  /' "$work/check"
	fi
}

is() { [ "$1" = "$2" ] || { say "'$1' instead of '$2'"; false; }; }

# ---- nodes ----

on() {	# NODE COMMAND...: in the node's network namespace
	on_node=$1
	shift
	ip netns exec "$on_node" "$@"
}

make_node() {
	ip netns add "$1" && on "$1" ip link set lo up || exit 1
	nodes="$nodes $1"
}

# cable NODE ADDRESS NODE ADDRESS: an Ethernet between two nodes
cable() {
	ip link add "to-$3" netns "$1" type veth peer name "to-$1" netns "$3" &&
		on "$1" ip addr add "$2/24" dev "to-$3" &&
		on "$3" ip addr add "$4/24" dev "to-$1" &&
		on "$1" ip link set "to-$3" up &&
		on "$3" ip link set "to-$1" up || exit 1
}

# start LOG COMMAND...: in the background, until the step ends
start() {
	start_log=$work/$1
	shift
	"$@" >"$start_log" 2>&1 &
	pids="$pids $!"
}

# until_ok COMMAND...: for at most 10 s
until_ok() {
	tries=$((100 * slow))
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { say "FAILED: not in time: $*"; return 1; }
		sleep 0.1
	done
}

worker() { until_ok on "$1" ockamctl worker show "$2"; }
link_is_up() { on "$1" ockamctl link show "$2" | grep -q '\<up\>'; }
link() { until_ok link_is_up "$1" "$2"; }

# daemon NODE [IDENTITY USER]...: ockamd with these identities
daemon() {
	daemon_node=$1
	shift
	{
		echo "state = \"$work/$daemon_node.state\""
		while [ $# -gt 0 ]; do
			echo "identity \"$1\" { create = true allow-uid = {\"$2\"} }"
			shift 2
		done
	} >"$work/$daemon_node.conf"
	start "$daemon_node.ockamd" on "$daemon_node" \
		ockamd -f "$work/$daemon_node.conf"
	until_ok grep -q ready "$work/$daemon_node.ockamd" ||
		cat "$work/$daemon_node.ockamd"
}

# The identifier that the daemon of NODE logged for IDENTITY.
identifier() {
	sed -n "s/.*identity $2 is \(I[0-9a-f]*\).*/\1/p" "$work/$1.ockamd"
}

end_step() {
	for pid in $pids; do kill "$pid" 2>/dev/null; done
	for pid in $pids; do wait "$pid" 2>/dev/null; done
	for node in $nodes; do ip netns del "$node"; done
	pids=
	nodes=
}

# ---- what is seen of it ----

trace_start() {
	echo global >$tracing/trace_clock
	echo 4096 >$tracing/buffer_size_kb
	: >$tracing/trace
	echo 1 >$tracing/events/ockam/enable
	echo 1 >$tracing/tracing_on
}

netns_number() {
	on "$1" readlink /proc/self/ns/net | tr -cd 0-9
}

# Prints what moved, without requests to the daemon, and keeps it in $work/flow.
trace_end() {
	echo 0 >$tracing/events/ockam/enable
	names=
	for node in $nodes; do names="$names $node=$(netns_number "$node")"; done
	# shellcheck disable=SC2086
	flow -x ockamd $names <$tracing/trace >"$work/flow"
	cat "$work/flow"
}

# app NODE PROGRAM ARGUMENTS...: one message, its flow, and what came back
app() {
	app_node=$1
	shift
	trace_start
	timeout $((15 * slow)) ip netns exec "$app_node" "$@" >"$work/app" 2>&1
	trace_end
	cat "$work/app"
}

received() {	# TEXT
	check "the app received its message" \
		is "$(cat "$work/app")" "App Received: $1"
	check "nothing was dropped" is "$(grep -c DROPS "$work/flow")" 0
}

# passes WORKER...: delivered to these in this order
passes() {
	check "the message came by ${*}" awk -v want="$*" '
		BEGIN { n = split(want, w, " "); i = 1 }
		$2 == "delivers" && index($0, "to [" w[i]) ||
		$2 == "link" && $3 == "out" && $1 == w[i] { i++ }
		END { exit i <= n }' "$work/flow"
}

times() { capture -s "$1" "$2"; }

seen() {	# FILE TEXT
	check "'$2' is found there" test "$(times "$1" "$2")" -gt 0
}

unseen() {	# FILE TEXT
	check "'$2' is not found there" is "$(times "$1" "$2")" 0
}

random_word() {
	head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# ---- one node ----

step_1() {
	heading '1. A worker'
	make_node node
	start echoer on node echoer
	worker node echoer
	app node 01-worker
	received 'Hello Ockam!'
	passes echoer
	end_step
}

step_2() {
	heading '2. Routing over one hop'
	make_node node
	start echoer on node echoer
	start h1 on node hop h1
	worker node echoer
	worker node h1
	app node 02-routing
	received 'Hello Ockam!'
	passes h1 echoer h1
	end_step
}

three_hops() {
	for h; do
		start "$h" on node hop "$h"
		worker node "$h"
	done
}

step_3() {
	heading '3. Routing over many hops'
	make_node node
	start echoer on node echoer
	worker node echoer
	three_hops h1 h2 h3
	app node 03-routing-many-hops
	received 'Hello Ockam!'
	passes h1 h2 h3 echoer h3 h2 h1
	say 'What h1 saw:'
	cat "$work/h1"
	seen "$work/h1" 'Hello Ockam!'
	end_step
}

# ciphertext FILE TEXT...: M1, M2, M3, request and reply, and none of the texts
ciphertext() {
	hop_log=$1
	shift
	say "What $(basename "$hop_log") saw:"
	sed 's/\(.\{100\}\).*/\1.../' "$hop_log"
	check 'three messages of the handshake, one request, one reply' \
		is "$(grep -c '^Address: ' "$hop_log")" 5
	for text; do unseen "$hop_log" "$text"; done
}

# The app's own address, as the kernel made it up.
app_address() {
	sed -n 's/.* onward=.* return=0020\([0-9a-f]\{64\}\)$/\1/p' \
		$tracing/trace | tail -n 1
}

local_channel() {	# [LISTENER ECHOER]
	make_node node
	daemon node alice root bob "$user"
	start responder on node setpriv --reuid="$user" --regid="$user" \
		--clear-groups --no-new-privs "$(command -v responder)" "$@"
}

step_4() {
	heading '4. A secure channel'
	local_channel
	worker node echoer
	app node 04-secure-channel
	received 'Hello Ockam!'
	end_step

	heading '4, again: random names, and a hop that looks at what passes'
	echoer=e$(random_word)
	text=$(random_word)
	local_channel bob_listener "$echoer"
	worker node "$echoer"
	three_hops tap
	app node 04-secure-channel 'tap => bob_listener' "$echoer" "$text"
	received "$text"
	seen "$work/responder" "$text"
	ciphertext "$work/tap" "$echoer" "$text"
	end_step
}

step_5() {
	heading '5. A secure channel over many hops'
	local_channel
	worker node echoer
	three_hops h1 h2 h3
	app node 05-secure-channel-many-hops
	received 'Hello Ockam!'
	end_step

	heading '5, again: random names, and what the hops saw'
	echoer=e$(random_word)
	text=$(random_word)
	h1=h$(random_word)
	h2=h$(random_word)
	h3=h$(random_word)
	local_channel bob_listener "$echoer"
	worker node "$echoer"
	three_hops "$h1" "$h2" "$h3"
	app node 05-secure-channel-many-hops "$h1" "$h2" "$h3" bob_listener \
		"$echoer" "$text"
	received "$text"
	seen "$work/responder" "$text"
	for h in "$h1" "$h2" "$h3"; do
		ciphertext "$work/$h" "$echoer" "$text"
	done
	end_step
}

# ---- many nodes ----

# What an operator does. The nodes in the middle need no program at all.
two_nodes() {
	make_node app
	make_node responder
	cable app 10.0.1.1 responder 10.0.1.2
	on responder ockamctl link add listen 10.0.1.2:4000 name tcp >/dev/null
	on app ockamctl link add connect 10.0.1.2:4000 name responder >/dev/null
	link app responder
}

three_nodes() {
	make_node app
	make_node middle
	make_node responder
	cable app 10.0.1.1 middle 10.0.1.2
	cable middle 10.0.2.1 responder 10.0.2.2
	start capture on middle capture "$work/wire"
	until_ok grep -q capturing "$work/capture"
	capture_pid=${pids##* }
	on responder ockamctl link add listen 10.0.2.2:4000 name tcp >/dev/null
	on middle ockamctl link add connect 10.0.2.2:4000 name responder >/dev/null
	on middle ockamctl link add listen 10.0.1.2:4000 name tcp >/dev/null
	on middle ockamctl node set forward link-link >/dev/null
	on app ockamctl link add connect 10.0.1.2:4000 name middle >/dev/null
	link middle responder
	link app middle
}

end_capture() {
	kill "$capture_pid"
	wait "$capture_pid"
	check 'the capture on the middle node is complete' test $? -eq 0
	say 'What crossed the middle node:'
	grep frames "$work/capture"
}

# frames FROM TO: frames in this direction
frames() { sed -n "s/^$1 > $2: \([0-9]*\) frames.*/\1/p" "$work/capture"; }

step_6() {
	heading '6. Routing over a transport'
	two_nodes
	start echoer on responder echoer -l
	worker responder echoer
	app app 06-routing-over-transport
	received 'Hello Ockam!'
	passes app echoer responder
	end_step
}

step_7() {
	heading '7. Routing over many transport hops'
	three_nodes
	start echoer on responder echoer -l
	worker responder echoer
	app app 07-routing-over-transport-hops
	received 'Hello Ockam!'
	passes app middle echoer responder middle
	end_capture
	seen "$work/wire" 'Hello Ockam!'
	seen "$work/wire" echoer
	end_step
}

# [LISTENER ECHOER]: Alice on the app's node, Bob, for a user, at the other end
far_channel() {
	three_nodes
	daemon app alice root
	daemon responder bob "$user"
	alice=$(identifier app alice)
	bob=$(identifier responder bob)
	start responder on responder setpriv --reuid="$user" --regid="$user" \
		--clear-groups --no-new-privs "$(command -v responder)" \
		-t "$alice" "$@"
	responder_pid=${pids##* }
}

# All four uids, and no capability.
is_unprivileged() {
	awk -v uid="$(id -u "$user")" '
		$1 == "Uid:" { n = $2 == uid && $3 == uid && $4 == uid && $5 == uid }
		$1 == "CapEff:" || $1 == "CapPrm:" { c += $2 ~ /^0+$/ }
		END { exit !(n && c == 2) }' "/proc/$responder_pid/status"
}

step_8() {
	heading '8. A secure channel over many transport hops'
	far_channel
	worker responder echoer
	check "the responder runs as $user, without privilege" is_unprivileged
	app app 08-secure-channel-over-transport-hops -t "$bob"
	received 'Hello Ockam!'
	passes app middle responder middle app middle app middle echoer \
		responder middle
	end_step

	heading '8, again: random names, and what crossed the middle node'
	echoer=e$(random_word)
	text=$(random_word)
	far_channel bob_listener "$echoer"
	worker responder "$echoer"
	check "the responder runs as $user, without privilege" is_unprivileged
	app app 08-secure-channel-over-transport-hops -t "$bob" middle responder \
		bob_listener "$echoer" "$text"
	received "$text"
	seen "$work/responder" "$text"
	end_capture
	for side in '10.0.1.1 10.0.1.2' '10.0.2.1 10.0.2.2'; do
		# shellcheck disable=SC2086
		set -- $side
		check "M1, M3 and the request went from $1 to $2" \
			is "$(frames "$1" "$2")" 3
		check "M2 and the reply went from $2 to $1" \
			is "$(frames "$2" "$1")" 2
	done
	# The listener's name has to be readable: so the search does find names.
	seen "$work/wire" bob_listener
	unseen "$work/wire" "$echoer"
	unseen "$work/wire" "$text"
	end_step
}

finish() {
	end_step
	echo 0 >$tracing/events/ockam/enable
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

for step in ${DEMO_STEPS:-1 2 3 4 5 6 7 8}; do
	"step_$step"
done
say
say "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
