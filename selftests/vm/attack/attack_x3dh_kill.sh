#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The responder's daemon is killed before each call with which it does something
# that others see, while it takes a first message out of its mailbox: before and
# after the prekey is used up on disk, the channels are installed, the answer is
# sent, the data delivered, the message acknowledged (lib_kill).  Then it starts
# again.  The data is delivered once at most, and once if the prekey was there
# still; the prekey is gone; no channel is left of which the other side has no half.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# lib_kill.so and this script are in one directory.
shim=$(readlink -f "$(dirname "$0")")/lib_kill.so
most=40

prekeys()	{ md5sum <resp.keys/resp.prekeys; }
# One-time prekeys and records of the only signed prekey
left()	{ lib_x3dh prekeys "$dir/resp.keys" resp | sed -n "s/.* $1 \([0-9]*\).*/\1/p"; }
delivered()	{ grep -c "got $1 channel" resp.out; }
at_least()	{ [ "$(delivered $length)" -ge $least ]; }
ended()	{ [ "$(grep -c 'killed' kill.log)" -gt 0 ] || letters_are 0; }

# start_killed N: the responder, to be killed before its N-th step
start_killed() {
	rm -f kill.log
	: >kill.log
	LD_PRELOAD=$shim KILL_AT=$1 KILL_LOG=$dir/kill.log \
		ip netns exec resp ockamd -d -f resp.conf >>resp.log 2>&1 &
	pid_resp=$!
}

# Channels by X3DH that the responder has, and those that the initiator has and was
# not told the end of
channels() {
	on resp ockamctl -j channel list | tr -d ' \n' | tr '{' '\n' |
		grep '"identifier"' | grep -v "$svc_id" | grep -vc '"early-of":[1-9]'
}
answered() {
	echo $(($(grep -c 'is up: initiator, x3dh' app.log) -
		$(grep -c 'was closed by its peer' app.log)))
}
both()		{ [ "$(channels)" -eq "$(answered)" ]; }

echo "TAP version 13"

nodes app svc resp
star svc app resp
# The service gives four one-time prekeys to each initiator.
{
	service_user app 1
	for who in a0 a1 a2 a3 a4; do
		service_channel "to-$who" $who
	done
} >app.conf
{
	service_user resp 2
	service_channel s resp
	prekey_listener bob resp
} >resp.conf
prekey_service >svc.conf
check "three daemons start" eval 'start svc && start app && start resp'
svc_id=$(identifier svc svc)
resp_id=$(identifier resp resp)
on resp lib_echo serve echoer channels >resp.out 2>&1 &
pids="$pids $!"
check "a worker waits" until_true grep -q ready resp.out
check "the responder has published" until_true logged resp \
	'service has bundle .* and 48 one-time prekeys'
all_up()	{ [ "$(grep -c 'is up: initiator, identity a' app.log)" -ge 5 ]; }
check "the initiators have channels to the service" until_true all_up
kill "$pid_resp"
wait "$pid_resp" 2>/dev/null

# round STEP FORM WHO: false when the message had been acknowledged before it
round() {
	length=$((2 * $1 + 100))
	[ "$2" = x3dh-mailbox ] || length=$((length + 1))
	text=$(head -c $length /dev/zero | tr '\0' x)
	one_time=$(left one-time) records=$(left records)
	was=$(prekeys)
	ch=$(on app ockamctl secure-channel create "to-$3 => prekeys" \
		identity "$3" handshake "$2" trust "$resp_id" \
		timeout-ms 20000 | awk '{ print $1 }')
	on app lib_echo tell "$ch => echoer" "$text"
	if ! until_true letters_are 1; then
		not_ok "$2, step $1: a message is in the mailbox"
		return 1
	fi
	start_killed "$1"
	until_true ended
	grep -q killed kill.log || kill "$pid_resp"
	wait "$pid_resp" 2>/dev/null
	at="$2: $(tail -n 1 kill.log)"
	left=$(letters)
	least=0
	# Nothing had happened, so all of it is still to come.
	[ "$was" != "$(prekeys)" ] || least=1
	check "$at: it starts again" start resp
	check "$at: the mailbox empties" until_true letters_are 0
	check "$at: delivered once$([ $least -eq 1 ] || echo ' at most')" eval '
		until_true at_least && [ "$(delivered $length)" -le 1 ]'
	[ "$2" = x3dh-mailbox ] && records=$((records + 1)) ||
		one_time=$((one_time - 1))
	check "$at: one is used up" [ \
		"$(left one-time) $(left records)" = "$one_time $records" ]
	check "$at: nothing half-written is left" eval \
		'! ls -A resp.keys | grep tmp'
	check "$at: both sides have their channel, or none" \
		until_true both
	kill "$pid_resp"
	wait "$pid_resp" 2>/dev/null
	[ "$left" -gt 0 ]
}

step=1
while [ $step -lt $most ] && 
		round $step x3dh-one-time a$(((step - 1) / 4)); do
	step=$((step + 1))
done
check "with a one-time prekey there are $step steps" [ $step -ge 10 -a $step -lt $most ]
sed 's/^/# /' kill.log
# What differs without one is in the file of prekeys: before it has its name, and
# after that.
round 2 x3dh-mailbox a0
round 4 x3dh-mailbox a0

# All are there that ever will be.
check "nothing was delivered twice" [ -z "$(sed -n 's/got \([0-9]*\) .*/\1/p' \
	resp.out | sort | uniq -d)" ]

echo "1..$n"
[ $failed -eq 0 ] || for ns in app svc resp; do
	echo "# $ns:"
	tail -n 60 $ns.log | sed 's/^/# /'
	cat $ns.out 2>/dev/null | sed 's/^/# /'
done
exit $failed
