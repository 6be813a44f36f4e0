#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Two nodes with a channel under steady traffic, whose daemons are killed and
# started again: the channel does not notice, and new ones can be made.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# Nobody gets to say goodbye.
murder() {
	for ns; do
		eval "pid=\$pid_$ns"
		kill -KILL "$pid"
		wait "$pid" 2>/dev/null
	done
}

# The sum of a node's drop counters.
drops() {
	on "$1" ockamctl stats >stats.out || echo failed
	awk '$1 == "drop" { sum += $3 } END { print sum + 0 }' stats.out
}

# moves: some more round trips happen
so_far() {
	kill -USR1 "$runner"
	sleep 0.2
	awk '/^so far/ { n = $3 } END { print n + 0 }' run.out
}
moved()	{ [ "$(so_far)" -gt "$1" ]; }
moves()	{ kill -0 "$runner" && until_true moved $(($(so_far) + ${1:-50})); }

# channel ROUTE: a new one, and a message through it
channel() {
	made=$(on app ockamctl secure-channel create "$1" identity app \
		trust "$resp_id" timeout-ms 20000 |
		awk '{ print $1 }')
	[ -n "$made" ] || return 1
	[ "$(on app lib_echo ask "$made => echoer" "Hello $made")" = "Hello $made" ]
}

link_id()	{ on "$1" ockamctl link show "$2" | grep -w 'id'; }

runner= echoer=
rounds=6
case ${OCKAM_VM_KERNEL:-} in debug*) rounds=3 ;; esac

echo "TAP version 13"
echo "1..$((14 + 5 * rounds))"

nodes app resp
join app resp 1

cat >resp.conf <<-CONF
	user = "ockam"
	state = "$dir/resp.keys"
	identity "responder" { create = true }
	listener "api" {
		identity = "responder"
		trust = {"anyone"}
	}
	link "door" { listen = "10.1.0.2:4000" }
CONF
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
CONF

check "the responder's daemon starts" start resp
check "the application's daemon starts" start app
check "the link comes up" until_true sh -c \
	"ip netns exec app ockamctl link show up | grep -q 'state.*up'"
resp_id=$(sed -n 's/.*identity responder is //p' resp.log | head -n 1)

ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
ip netns exec resp lib_stream echo stream >stream.out 2>&1 &
echoer=$!
pids="$pids $echoer"
check "workers are there" until_true sh -c 'grep -q ready echo.out && grep -q ready stream.out'
check "a channel can be made" channel 'up => api'
under_traffic=$made

ip netns exec app lib_stream run "$under_traffic => stream" >run.out 2>&1 &
runner=$!
pids="$pids $runner"
check "traffic flows" until_true grep -q ready run.out
check "and goes on" moves
drops_app=$(drops app) drops_resp=$(drops resp)
link=$(link_id app up)

round=0
while [ $round -lt $rounds ]; do
	case $((round % 3)) in
	0)	who="resp" ;;
	1)	who="app" ;;
	2)	who="app resp" ;;
	esac
	# Not always at the same point of its life.
	[ $((round % 2)) -eq 0 ] || sleep 0.3
	# shellcheck disable=SC2086
	murder $who
	check "round $round: traffic goes on without the daemon of $who" moves
	good=1
	for ns in $who; do
		start "$ns" || good=0
	done
	check "round $round: started again" [ $good -eq 1 ]
	check "round $round: traffic goes on" moves
	check "round $round: a new channel can be made" channel 'up => api'
	check "round $round: the link is the same" [ "$link" = "$(link_id app up)" ]
	round=$((round + 1))
done

check "the runner has seen nothing wrong" kill -TERM $runner
wait $runner
check "all that was sent came back in order" [ $? -eq 0 ]
kill -TERM $echoer
wait $echoer
check "and went there in order" [ $? -eq 0 ]
sent=$(sed -n 's/^returned //p' run.out)
echoed=$(sed -n 's/^echoed //p' stream.out)
echo "# $sent round trips"
check "as often there as back" [ "${sent:-0}" -gt 0 -a "${sent:-0}" = "${echoed:-1}" ]
check "the application's node dropped nothing" [ "$(drops app)" = "$drops_app" ]
check "nor did the responder's" [ "$(drops resp)" = "$drops_resp" ]
check "all channels are there on both sides" [ \
	"$(channels app)" = $((rounds + 1)) -a "$(channels resp)" = $((rounds + 1)) ]

[ $failed -eq 0 ] || { sed 's/^/# /' run.out stream.out
	echo "# app:"; tail -n 40 app.log | sed 's/^/# /'
	echo "# resp:"; tail -n 40 resp.log | sed 's/^/# /'
	for ns in app resp; do on $ns ockamctl stats | sed 's/^/# /'; done; }
exit $failed
