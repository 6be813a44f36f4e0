#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A relay between two nodes keeps every frame of a handshake and of the channel
# after it, and sends all of it again when the daemons were started anew, and when
# the channel is gone: over the same link, another one, and turned round.  Nothing
# is delivered, nothing changes, and there is no new channel.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# More than a generation of keys.
rounds=40
# Beside them a word by which the channel is confirmed, and the answer.
msgs=$((rounds + 1))

# middle COMMAND...: prints what the relay says
middle() {
	lines=$(wc -l <middle.out)
	echo "$@" >&3
	until_true eval '[ "$(wc -l <middle.out)" -gt "$lines" ]' || return 1
	sed -n "$((lines + 1))p" middle.out
}

# Of the one channel: FIELD
field()		{ on "$1" ockamctl -j channel list | sed -n "s/.*\"$2\": *\"*\([^\",]*\).*/\1/p"; }
# What nothing that is refused may change.
state() {
	for ns in app resp; do
		on $ns ockamctl -j channel list | grep -E \
			'"(id|identifier|state|route|encryptor|decryptor|owner|mode|[rt]x-nonce|[rt]x-msgs|carrier|derivations)"'
		cat $ns.keys/peers/* | md5sum
	done
	wc -l <echo.out
}
unchanged()	{ state >is.state; diff was.state is.state; }

dropped()	{ on "$1" ockamctl stats | awk -v why="$2" \
	'$1 == "drop" && (why == "" || $2 == why) { sum += $3 } END { print sum + 0 }'; }
has_dropped()	{ [ "$(dropped "$1" "$2")" -ge "$3" ]; }
ask()		{ [ "$(on app lib_echo ask "$ch => echoer" "$1")" = "$1" ]; }
accepted()	{ on resp ockamctl listener list | sed -n 's/.* accepted \([0-9]*\).*/\1/p'; }

# M1 that this daemon has answered or refused so far
begun() {
	half_open resp >/dev/null
	sed -n 's/.* of \([0-9]*\) not begun.*/\1/p' resp.log | tail -n 1
}
has_begun()		{ [ "$(begun)" -eq "$1" ]; }

echo "TAP version 13"

nodes app mid resp
star mid app resp
cat >resp.conf <<-CONF
	state = "$dir/resp.keys"
	identity "responder" { create = true }
	listener "api" { identity = "responder" trust = {"anyone"} }
	link "door" { listen = "10.2.0.1:4000" }
CONF
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
CONF
check "the responder's daemon starts" start resp
mkfifo commands
: >middle.out
ip netns exec mid lib_middle 10.1.0.2:4000 10.2.0.1:4000 <commands >middle.out &
pids=$!
exec 3>commands
check "the relay is there" until_true grep -q ready middle.out
check "the application's daemon starts" start app
check "its link is up" until_true is_up app up
# The relay's connection 1, for what does not come by the channel's link.
on app ockamctl link add connect 10.1.0.2:4000 name side >/dev/null
check "and another one" until_true is_up app side
ip netns exec resp lib_echo serve echoer channels 3>&- >echo.out 2>&1 &
pids="$pids $!"
until_true grep -q ready echo.out

resp_id=$(identifier resp responder)
ch=$(on app ockamctl secure-channel create 'up => api' identity app \
	trust "$resp_id" timeout-ms 20000 | awk '{ print $1 }')
i=0
while [ $i -lt $rounds ] && ask "message $i"; do
	i=$((i + 1))
done
asked=$i
check "$rounds messages go there and back" [ "$asked" -eq $rounds ]
frames=$(middle freeze)
there=${frames% *} back=${frames#* }
# M1 and M3 on one way, M2 on the other.
check "the relay has all of them: $frames" [ "$frames" = "$((msgs + 2)) $((msgs + 1))" ]
open=$(middle open)

# again HOW: the daemons are ended by the signal HOW and started anew
again() {
	kill -"$1" "$pid_app" "$pid_resp"
	wait "$pid_app" "$pid_resp" 2>/dev/null
	check "$1: the daemons start again" eval 'start resp && start app'
	state >was.state
	resp_before=$(dropped resp) app_before=$(dropped app)
	resp_seen=$(dropped resp replayed) app_seen=$(dropped app replayed)

	check "$1: what went there goes there again, by three links" [ \
		"$(middle there 0) $(middle there 1) $(middle there "$open")" = \
		"$there $there $there" ]
	# M1 reaches the listener, all else is refused.
	check "$1: each is refused as seen" until_true has_dropped resp replayed \
		$((resp_seen + 3 * msgs))
	check "$1: all but M1 are refused" until_true has_dropped resp '' \
		$((resp_before + 3 * (msgs + 1)))
	check "$1: M1 was heard" until_true has_begun 3

	check "$1: what came back comes again, by two links, and turned round" [ \
		"$(middle back 0) $(middle back 1) $(middle turned 0)" = \
		"$back $back $there" ]
	check "$1: each is refused as seen" until_true has_dropped app replayed \
		$((app_seen + msgs))
	# Each way M2 and the messages; turned round M1 to nobody, M3 and
	# messages to nobody.
	check "$1: all are refused" until_true has_dropped app '' \
		$((app_before + 2 * back + there))

	check "$1: nothing is delivered, nothing has changed" unchanged
	check "$1: no new channel" [ "$(accepted)" -eq 0 ]
	check "$1: refused as seen were the messages, no more" [ \
		"$(dropped resp replayed)" -eq $((resp_seen + 3 * msgs)) -a \
		"$(dropped app replayed)" -eq $((app_seen + msgs)) ]
	check "$1: what M1 began expires" until_true none_half_open resp
	check "$1: still no new channel" unchanged
	check "$1: the channel works" ask "after $1"
}
again TERM
again KILL

# ---- when the channel is gone ----

id=$(field app id)
check "the channel is deleted" on app ockamctl secure-channel delete "$id"
check "at both ends" until_true eval '[ -z "$(field app id)$(field resp id)" ]'
heard=$(wc -l <echo.out)
resp_before=$(dropped resp)
check "all goes there again" [ "$(middle there 0) $(middle there "$open")" = "$there $there" ]
check "it is refused" until_true has_dropped resp '' $((resp_before + 2 * (msgs + 1)))
check "M1 was heard" until_true has_begun 5
check "what it began expires" until_true none_half_open resp
check "nothing was delivered, and no channel made" [ \
	"$(wc -l <echo.out)" -eq "$heard" -a -z "$(field resp id)" -a "$(accepted)" -eq 0 ]
ch=$(on app ockamctl secure-channel create 'up => api' identity app \
	trust "$resp_id" timeout-ms 20000 | awk '{ print $1 }')
check "a new channel works" ask new
before=$(dropped resp replayed) m1=$(begun)
check "all of the old one goes there again" [ "$(middle there 0)" = "$there" ]
check "M1 was heard" until_true has_begun $((m1 + 1))
check "what it began expires" until_true none_half_open resp
check "none of it counts as seen by the new one" [ "$(dropped resp replayed)" -eq "$before" ]
check "which works" ask newer

echo "1..$n"
[ $failed -eq 0 ] || { sed 's/^/# /' middle.out
	for ns in app resp; do echo "# $ns:"; tail -n 40 $ns.log | sed 's/^/# /'
		on $ns ockamctl stats | sed 's/^/# /'
		on $ns ockamctl -j channel list | sed 's/^/# /'; done; }
exit $failed
