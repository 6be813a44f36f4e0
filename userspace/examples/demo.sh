#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The guide's nine steps, one after the other, with the way each message took.
# `make demo` runs it in a VM. It wants root, the module, the programs in PATH, a
# user (DEMO_USER), and makes the namespaces node, app, middle and responder. V=1
# shows each step of each message and what others saw of it. Exit status 0 if
# everything was as it should be.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Full paths: busybox, where it is nsenter, prefers its own ones.
ip=$(command -v ip)
setpriv=$(command -v setpriv)
tracing=/sys/kernel/tracing
user=${DEMO_USER:-user}
as_user="$setpriv --reuid=$user --regid=$user --clear-groups --no-new-privs"
V=${V:-0}
work=$(mktemp -d /tmp/ockam-demo.XXXXXX) || exit 1
chmod 755 "$work"
passed=0
failed=0
good=
pids=
nodes=
numbers=

# ---- results ----

say() { printf '%s\n' "$*"; }
# detail COMMAND...: what is shown with V=1 only
detail() { [ "$V" = 0 ] || "$@"; }

# The checks of a step that passed, in as few lines as they take.
say_checks() {
	[ -z "$good" ] || say "ok: $good" | fold -s -w 100
	good=
}

heading() {
	say_checks
	printf '\n=== %s ===\n' "$*"
	detail say ''
}

# check TEXT COMMAND...
check() {
	check_text=$1
	shift
	if "$@" >"$work/check" 2>&1; then
		passed=$((passed + 1))
		if [ "$V" = 0 ]; then
			good="$good${good:+; }$check_text"
		else
			say "ok: $check_text"
		fi
	else
		failed=$((failed + 1))
		say "FAILED: $check_text ($*)"
		sed 's/^/  /' "$work/check"
	fi
}

is() { [ "$1" = "$2" ] || { say "'$1' instead of '$2'"; false; }; }

# ---- nodes ----

# on NODE COMMAND...: like `ip netns exec`, but without mounts of its own
on() {
	on_node=$1
	shift
	nsenter --net="/run/netns/$on_node" "$@"
}

make_node() {
	"$ip" netns add "$1" && on "$1" "$ip" link set lo up || exit 1
	numbers="$numbers $1=$(stat -L -c %i "/run/netns/$1")"
	nodes="$nodes $1"
}

# cable NODE ADDRESS NODE ADDRESS: an Ethernet between two nodes
cable() {
	"$ip" link add "to-$3" netns "$1" type veth peer name "to-$1" netns "$3" &&
		on "$1" "$ip" addr add "$2/24" dev "to-$3" &&
		on "$3" "$ip" addr add "$4/24" dev "to-$1" &&
		on "$1" "$ip" link set "to-$3" up &&
		on "$3" "$ip" link set "to-$1" up || exit 1
}

# start LOG NODE COMMAND...: in the background, until the step ends
start() {
	start_log=$work/$1
	start_node=$2
	shift 2
	# Here, not by who is started: what an earlier one wrote must not be waited for.
	: >"$start_log"
	nsenter --net="/run/netns/$start_node" "$@" >"$start_log" 2>&1 &
	pids="$pids $!"
}

# until_ok COMMAND...: for at most 60 s
until_ok() {
	tries=600
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || {
			failed=$((failed + 1))
			say "FAILED: not in time: $*"
			tail -n 3 "$work/responder" "$work"/*.ockamd
			return 1
		}
		sleep 0.1
	done
}

worker() { until_ok on "$1" ockamctl worker show "$2"; }
link_is_up() { on "$1" ockamctl link show "$2" | grep -q '\<up\>'; }
link() { until_ok link_is_up "$1" "$2"; }

# daemon NODE [IDENTITY USER]...: ockamd with these identities, and what else is
# in $work/NODE.more
daemon() {
	daemon_node=$1
	shift
	{
		echo "state = \"$work/$daemon_node.state\""
		while [ $# -gt 0 ]; do
			echo "identity \"$1\" { create = true allow-uid = {\"$2\"} }"
			shift 2
		done
		cat "$work/$daemon_node.more" 2>/dev/null
	} >"$work/$daemon_node.conf"
	start "$daemon_node.ockamd" "$daemon_node" \
		ockamd -f "$work/$daemon_node.conf"
	until_ok grep -q ready "$work/$daemon_node.ockamd" ||
		cat "$work/$daemon_node.ockamd"
}

# The identifier that the daemon of NODE logged for IDENTITY.
identifier() {
	sed -n "s/.*identity $2 is \(I[0-9a-f]*\).*/\1/p" "$work/$1.ockamd"
}

stop_programs() {
	for pid in $pids; do kill "$pid" 2>/dev/null; done
	for pid in $pids; do wait "$pid" 2>/dev/null; done
	pids=
}

# end_step NODE...: nothing of the step is left on these
end_step() {
	stop_programs
	for node; do on "$node" ockamctl flush; done
}

# ---- what is seen of it ----

trace_start() {
	: >$tracing/trace
	echo 1 >$tracing/tracing_on
}

# Prints what moved, without requests to the daemon, and keeps it in $work/flow.
trace_end() {
	echo 0 >$tracing/tracing_on
	# shellcheck disable=SC2086
	flow -x ockamd $numbers <$tracing/trace >"$work/flow"
	if [ "$V" = 0 ]; then
		in_one_line <"$work/flow"
	else
		cat "$work/flow"
	fi
}

# The flow in short: workers by name, other nodes in brackets. Of a handshake, and of
# what is very long, less.
in_one_line() {
	awk '
		function add(what) {
			if (what != item[n])
				item[++n] = what
		}
		function first(text) {
			sub(/[] ].*/, "", text)
			sub(/^[0-9]*#/, "", text)
			return length(text) > 10 ? substr(text, 1, 8) ".." : text
		}
		function begin(text) {
			before = n > 1 ? "a handshake, then " : ""
			n = 0
			app = first(text)
			add("app")
		}
		{
			what = $2 == "link" ? $3 : $2
			to = back = $0
			sub(/.*  to \[/, "", to)
			sub(/.*  back \[/, "", back)
		}
		NR == 1				{ begin(back) }
		what == "encrypts" && !sealed++	{ begin(back) }
		what == "encrypts"		{ add("encrypted") }
		what == "decrypts"		{ add("decrypted") }
		what == "delivers"		{ to = first(to); add(to == app ? "app" : to) }
		what == "in"			{ add("[" $1 "]") }
		what == "DROPS"			{ add("DROPPED at " $1) }
		END {
			for (i = 1; i <= n; i++)
				if (n <= 24 || item[i] ~ /^\[|DROP/ && item[i] != last)
					line = line (line ? " > " : "") (last = item[i])
			print before line
		}'
}

# app NODE PROGRAM ARGUMENTS...: one message, its flow, and what came back
app() {
	app_node=$1
	shift
	trace_start
	# shellcheck disable=SC2086
	timeout 60 nsenter --net="/run/netns/$app_node" \
		$as_user "$@" >"$work/app" 2>&1
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
		$2 == "delivers" && index($0, "to [0#" w[i]) ||
		$2 == "link" && $3 == "out" && $1 == w[i] { i++ }
		END { exit i <= n }' "$work/flow"
}

occurs() { capture -s "$2" "$1"; }

seen() {	# FILE TEXT PLACE
	check "$3: '$2'" test "$(occurs "$1" "$2")" -gt 0
}

# Nor would nothing be found, nowhere.
in_none() {	# FILE WORD...
	none_file=$1
	shift
	for word; do
		test -s "$none_file" -a ${#word} -ge 16 -a \
			"$(occurs "$none_file" "$word")" -eq 0 || return 1
	done
}

random_word() {
	head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# ---- one node ----

step_1() {
	heading '1. A worker'
	start echoer node $as_user echoer
	worker node echoer
	app node 01-worker
	received 'Hello Ockam!'
	passes echoer
	end_step node
}

hops() {
	for h; do start "$h" node $as_user hop "$h"; done
	for h; do worker node "$h"; done
}

step_2() {
	heading '2. Routing over one hop'
	start echoer node $as_user echoer
	hops h1
	worker node echoer
	app node 02-routing
	received 'Hello Ockam!'
	passes h1 echoer h1
	end_step node
}

step_3() {
	heading '3. Routing over many hops'
	start echoer node $as_user echoer
	hops h1 h2 h3
	worker node echoer
	app node 03-routing-many-hops
	received 'Hello Ockam!'
	passes h1 h2 h3 echoer h3 h2 h1
	detail say 'What h1 saw:'
	detail cat "$work/h1"
	seen "$work/h1" 'Hello Ockam!' 'h1 saw'
	seen "$work/h1" echoer 'h1 saw'
	end_step node
}

# start_bob NODE ARGUMENTS...: the responder, as an ordinary user
start_bob() {
	responder_node=$1
	shift
	# shellcheck disable=SC2086
	start responder "$responder_node" $as_user responder "$@"
	responder_pid=${pids##* }
}

# The app's own address, as the kernel made it up: the last delivery was there.
app_address() {
	flow -l -x ockamd <$tracing/trace |
		sed -n 's/.* delivers .*to \[0#\([0-9a-f]*\)\].*/\1/p' | tail -n 1
}

random_names() {
	listener=l$(random_word)
	echoer=e$(random_word)
	text=$(random_word)
}

# hidden FILE PLACE: who reads this learns nothing of what the channel carried
hidden() {
	check "$2 neither the echoer's name nor the app's address nor the text" \
		in_none "$1" "$echoer" "$address" "$text"
}

# ciphertext HOP: the handshake, the word that confirms the channel and its answer,
# request and reply, and no more
ciphertext() {
	detail say "What $1 saw:"
	detail sed 's/\(.\{160\}\).*/\1.../' "$work/$1"
	check "$1 saw seven messages: handshake, confirmation, request, reply" \
		is "$(grep -c '^Address: ' "$work/$1")" 7
	# The listener's name has to be readable: so the search does find names.
	seen "$work/$1" "$listener" 'it saw'
	hidden "$work/$1" 'it saw'
}

step_4() {
	heading '4. A secure channel'
	daemon node alice "$user" bob "$user"
	start_bob node
	worker node echoer
	app node 04-secure-channel
	received 'Hello Ockam!'
	passes bob_listener echoer

	heading '4, again: random names, and a hop that looks at what passes'
	random_names
	start_bob node "$listener" "$echoer"
	hops tap
	worker node "$echoer"
	app node 04-secure-channel "tap => $listener" "$echoer" "$text"
	address=$(app_address)
	received "$text"
	seen "$work/responder" "$text" 'the responder saw'
	ciphertext tap
	end_step node
}

step_5() {
	heading '5. A secure channel over many hops'
	daemon node alice "$user" bob "$user"
	start_bob node
	hops h1 h2 h3
	worker node echoer
	app node 05-secure-channel-many-hops
	received 'Hello Ockam!'
	passes h1 h2 h3 bob_listener h3 h2 h1 h1 h2 h3 echoer h3 h2 h1

	heading '5, again: random names, and what the hops saw'
	random_names
	h1=h$(random_word)
	h2=h$(random_word)
	h3=h$(random_word)
	start_bob node "$listener" "$echoer"
	hops "$h1" "$h2" "$h3"
	worker node "$echoer"
	app node 05-secure-channel-many-hops "$h1" "$h2" "$h3" "$listener" \
		"$echoer" "$text"
	address=$(app_address)
	received "$text"
	seen "$work/responder" "$text" 'the responder saw'
	for hop in "$h1" "$h2" "$h3"; do ciphertext "$hop"; done
	end_step node
}

# ---- many nodes ----

step_6() {
	heading '6. Routing over a transport'
	on responder ockamctl link add listen 10.0.3.2:4000 name tcp >/dev/null
	on app ockamctl link add connect 10.0.3.2:4000 name responder >/dev/null
	start echoer responder $as_user echoer -l
	worker responder echoer
	link app responder
	app app 06-routing-over-transport
	received 'Hello Ockam!'
	passes app echoer responder
	end_step app responder
}

# What an operator does. The node in the middle needs no program at all.
two_transports() {
	on responder ockamctl link add listen 10.0.2.2:4000 name tcp >/dev/null
	on middle ockamctl link add connect 10.0.2.2:4000 name responder >/dev/null
	on middle ockamctl link add listen 10.0.1.2:4000 name tcp >/dev/null
	on middle ockamctl node set forward link-link >/dev/null
	on app ockamctl link add connect 10.0.1.2:4000 name middle >/dev/null
	link middle responder
	link app middle
}

start_capture() {
	start capture middle capture "$work/wire"
	capture_pid=${pids##* }
	until_ok grep -q capturing "$work/capture"
}

end_capture() {
	kill "$capture_pid"
	wait "$capture_pid"
	check 'the capture on the middle node is complete' test $? -eq 0
	detail say 'What crossed the middle node:'
	detail grep frames "$work/capture"
}

# carried FROM TO FRAMES TEXT
carried() {
	check "$1 sent $2 $4" is "$(sed -n \
		"s/^$1 > $2: \([0-9]*\) frames.*/\1/p" "$work/capture")" "$3"
}

step_7() {
	heading '7. Routing over many transport hops'
	two_transports
	start_capture
	start echoer responder $as_user echoer -l
	worker responder echoer
	app app 07-routing-over-transport-hops
	received 'Hello Ockam!'
	passes app middle echoer responder middle
	end_capture
	seen "$work/wire" 'Hello Ockam!' 'there is in it'
	seen "$work/wire" echoer 'there is in it'
	end_step app middle responder
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
	two_transports
	daemon app alice "$user"
	daemon responder bob "$user"
	alice=$(identifier app alice)
	bob=$(identifier responder bob)
	start_bob responder -t "$alice"
	worker responder echoer
	check "the responder runs as $user, without privilege" is_unprivileged
	app app 08-secure-channel-over-transport-hops -t "$bob"
	received 'Hello Ockam!'
	passes app middle responder middle app middle echoer responder middle

	heading '8, again: random names, and what crossed the middle node'
	random_names
	start_bob responder -t "$alice" "$listener" "$echoer"
	start_capture
	worker responder "$echoer"
	check "the responder runs as $user, without privilege" is_unprivileged
	app app 08-secure-channel-over-transport-hops -t "$bob" middle responder \
		"$listener" "$echoer" "$text"
	address=$(app_address)
	received "$text"
	seen "$work/responder" "$text" 'the responder saw'
	end_capture
	carried 10.0.1.1 10.0.1.2 4 'the handshake, a confirmation and one request'
	carried 10.0.1.2 10.0.1.1 3 'the handshake, a confirmation and one reply'
	carried 10.0.2.1 10.0.2.2 4 'the handshake, a confirmation and one request'
	carried 10.0.2.2 10.0.2.1 3 'the handshake, a confirmation and one reply'
	seen "$work/wire" "$listener" 'the wire had'
	hidden "$work/wire" 'the wire had'
	end_step app middle responder
}

# The middle node keeps keys and messages for who is away; it need not be trusted
# with what is in them. Alice and Bob have a channel to it, which stays.
post_office() {
	cat >"$work/middle.more" <<-CONF
		forward = {channel-channel}
		link "tcp" { listen = "0.0.0.0:4000" }
		listener "post_listener" { identity = "post" trust = {"anyone"} }
		prekey-service { allow = {"anyone"} }
	CONF
	daemon middle post "$user"
	post=$(identifier middle post)
	to_post app alice 10.0.1.2
	daemon app alice "$user"
	alice=$(identifier app alice)
	to_post responder bob 10.0.2.1
	cat >>"$work/responder.more" <<-CONF
		listener "bob_listener" {
			identity = "bob"
			handshake = "x3dh"
			trust = {"$alice"}
			prekeys = "post => prekeys"
		}
	CONF
}

# to_post NODE IDENTITY IP
to_post() {
	cat >"$work/$1.more" <<-CONF
		link "middle" { connect = "$3:4000" }
		channel "post" {
			identity = "$2"
			route = "middle => post_listener"
			trust = {"$post"}
			owner = "$user"
		}
	CONF
}

# Bob publishes his keys, and goes away.
leave() {
	daemon responder bob "$user"
	bob=$(identifier responder bob)
	until_ok grep -q 'service has bundle' "$work/responder.ockamd"
	kill "${pids##* }"
	wait "${pids##* }"
	on responder ockamctl flush
	check 'the responder is away' is "$(on responder ockamctl link list)" ''
}

in_boxes() { find "$work/middle.state/boxes" -type f -exec cat {} +; }
boxes_grew() { [ "$(in_boxes | wc -c)" -gt "$boxes" ]; }

# away ECHOER TEXT: the app sends to Bob, who comes back later
away() {
	leave
	until_ok grep -q 'channel .* is up' "$work/app.ockamd"
	boxes=$(in_boxes | wc -c)
	trace_start
	start app app $as_user 09-peer-that-is-away -t "$bob" \
		'post => prekeys' "$1" "$2"
	until_ok grep -q 'App Sent' "$work/app"
	until_ok boxes_grew
	trace_end
	cat "$work/app"
	check 'the node in the middle keeps it' boxes_grew

	in_boxes >"$work/boxes"

	detail say 'The responder comes back:'
	start responder responder $as_user echoer -c "$1"
	worker responder "$1"
	trace_start
	daemon responder bob "$user"
	until_ok grep -q 'App Received' "$work/app"
	trace_end
	tail -n 1 "$work/app"
	check 'the app received its message' \
		is "$(tail -n 1 "$work/app")" "App Received: $2"
	check 'the responder received it once' \
		is "$(grep -c "Received: $2" "$work/responder")" 1
}

step_9() {
	heading '9. A peer that is away'
	post_office
	away echoer 'Hello Ockam!'
	stop_programs

	heading '9, again: random names, and what the node in the middle had'
	random_names
	end_step app middle responder
	daemon middle post "$user"
	daemon app alice "$user"
	start_capture
	away "$echoer" "$text"
	# Others were delivered to as well.
	# shellcheck disable=SC2086
	address=$(flow -l -x ockamd $numbers <$tracing/trace | sed -n \
		's/^  app .* delivers .*to \[0#\([0-9a-f]*\)\].*/\1/p' | tail -n 1)
	end_capture
	hidden "$work/wire" 'the wire had'
	hidden "$work/boxes" 'the boxes have'
	rm -f "$work"/*.more
	end_step app middle responder
}

finish() {
	echo 0 >$tracing/events/ockam/enable
	stop_programs
	for node in $nodes; do "$ip" netns del "$node"; done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

make_node node
make_node app
make_node middle
make_node responder
cable app 10.0.1.1 middle 10.0.1.2
cable middle 10.0.2.1 responder 10.0.2.2
cable app 10.0.3.1 responder 10.0.3.2

echo global >$tracing/trace_clock
echo 1024 >$tracing/buffer_size_kb
echo 1 >$tracing/events/ockam/enable

for step in ${DEMO_STEPS:-1 2 3 4 5 6 7 8 9}; do
	"step_$step"
done
say_checks
say ""
say "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
