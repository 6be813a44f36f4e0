#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A peer that lies in the handshake (lib_xx), against a real ockamd, in both roles:
# no M3 for it, no channel, nothing in the key store, and the reason is told.  The
# same peer without a lie gets its channel.  Then 10^5 first messages on its link,
# while an honest peer makes channels over another one.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

handshakes=64
flood=100000
case ${OCKAM_VM_KERNEL:-} in debug*) flood=20000 ;; esac

# What a peer may change only when it is believed. The time of a file only says when
# it was read last.
state() {
	on vic ockamctl -j channel list | grep -E '"(id|identifier)"'
	stat -c '%A %u %s %n' vic.keys/peers/* 2>&1
	cat vic.keys/peers/* 2>/dev/null | md5sum
}
unchanged()	{ state >is.state; cmp was.state is.state; }

make()	{ on vic ockamctl secure-channel create "$@" identity victim daemon-uid 990; }
counted() { # counted LISTENER accepted|refused|too-long
	on vic ockamctl listener list daemon-uid 990 |
		sed -n "s/ why .*//; s/^[0-9#]*$1 .* $2 \([0-9]*\).*/\1/p"
}
at_least()	{ [ "$(counted "$1" "$2")" -ge "$3" ]; }
refusals()	{ grep -c "handshake from link [0-9]*.* refused: .*$1" vic.log; }
tell()	{ [ "$(on evil lib_echo ask evil "lie $1")" = "$1" ]; }
report()	{ on vic lib_echo ask 'up => evil' report; }

# initiator LIE PATTERN: the victim's daemon is the initiator and refuses.  What
# it sent came to the liar before the question for the report did.
initiator() {
	state >was.state
	tell "$1" || { not_ok "initiator: $1: the liar does not lie"; return; }
	refuse "initiator: $1" "$2" make 'up => evil' trust anyone \
		timeout-ms ${3:-20000}
	got=$(report)
	check "initiator: $1: no M3, nothing changed" eval \
		'echo "$got"; [ "$got" = "m1 1 m3 0 other 0 " ] && unchanged'
}

# responder LIE PATTERN [LISTENER]: it is the responder
responder() {
	lie=$1 why=$2 at=${3:-api}
	state >was.state
	before=$(counted "$at" refused) accepted=$(counted "$at" accepted)
	said=$(refusals "$why") heard=$(wc -l <echo.out)
	# ockamd tells of ten refusals a second, and counts the rest.
	sleep 0.5
	check "responder: $lie is sent" on evil lib_xx attack "up => $at" "$lie" echoer
	check "responder: $lie: refused" until_true at_least "$at" refused $((before + 1))
	check "responder: $lie: for this reason, nothing changed" eval '
		grep refused vic.log | tail -n 1
		[ "$(refusals "$why")" -eq $((said + 1)) ] &&
		[ "$(counted "$at" refused)" -eq $((before + 1)) ] &&
		[ "$(counted "$at" accepted)" -eq "$accepted" ] &&
		[ "$(wc -l <echo.out)" -eq "$heard" ] && unchanged'
}

# The lie is no message of the handshake at all: it is waited for the true one.
responder_ignores() {
	check "responder: $1 is sent" on evil lib_xx attack "up => api" "$1" echoer
}

heard_more()	{ [ "$(grep -c "channel [0-9]* $evil_id" echo.out)" -gt "$1" ]; }

# believed LIE: both roles take it
believed() {
	tell "$1"
	make 'up => evil' trust anyone timeout-ms 20000 >made 2>&1
	got=$(report)
	check "initiator: $1 gets a channel and M3" eval '
		cat made; echo "$got"; grep -q "$evil_id" made &&
		[ "$got" = "m1 1 m3 1 other 0 $vic_id" ]'
	heard=$(grep -c "channel [0-9]* $evil_id" echo.out)
	accepted=$(counted api accepted)
	check "responder: $1 is sent" on evil lib_xx attack 'up => api' "$1" echoer
	check "responder: what it sends through the channel is delivered" \
		until_true heard_more "$heard"
	check "responder: one channel more" [ "$(counted api accepted)" -eq $((accepted + 1)) ]
}

memory()	{ sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$pid_vic/status"; }

echo "TAP version 13"

nodes vic evil good
join vic evil 1
join vic good 2
cat >good.conf <<-CONF
	state = "$dir/good.keys"
	identity "good" { create = true }
	link "up" { connect = "10.2.0.1:4000" }
CONF
check "an honest peer's daemon starts" start good
good_id=$(identifier good good)
cat >vic.conf <<-CONF
	user = "ockam"
	state = "$dir/vic.keys"
	max-handshakes = $handshakes
	identity "victim" { create = true allow-uid = {1000} }
	listener "api" { identity = "victim" trust = {"anyone"} }
	listener "strict" { identity = "victim" trust = {"$good_id"} }
	link "door" { listen = "0.0.0.0:4000" }
	link "up" { connect = "10.1.0.2:4001" }
CONF
check "the victim's daemon starts" start vic
vic_id=$(identifier vic victim)
evil_id=$(lib_xx id)
on evil ockamctl link add listen 10.1.0.2:4001 name door >/dev/null
on evil ockamctl link add connect 10.1.0.1:4000 name up >/dev/null
check "links come up" eval \
	'until_true is_up vic up && until_true is_up evil up && until_true is_up good up'
on evil lib_xx serve evil >evil.out 2>&1 &
pids=$!
on vic lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
check "the liar and a worker wait" until_true sh -c \
	'grep -q ready evil.out && grep -q ready echo.out'

# ---- lies, to a victim that knows nobody ----

check "the victim knows nobody" [ -z "$(ls vic.keys/peers)" ]
# Only the byte of any-byte is random.
while read -r lie pattern; do
	initiator "$lie" "$pattern"
	responder "$lie" "$pattern"
done <<-LIES
	static-key attested key is not the handshake
	subject purpose key of another identity
	signer bad signature of a purpose key
	signature bad signature of a purpose key
	old-key purpose key not under the latest change
	kind wrong kind of purpose key
	expired expired
	future created in the future
	history-33 too many changes
	history-280 too many changes
	trailing bytes after the data
	cut malformed identity data
	empty malformed identity data
	nested malformed identity data
	any-byte [a-z]
	any-byte [a-z]
	any-byte [a-z]
LIES

state >was.state
tell none
refuse "initiator: one who is not trusted, by name" \
	"trust policy: it presents $evil_id, wanted is $good_id" \
	make 'up => evil' trust "$good_id"
got=$(report)
check "initiator: hears nothing, nothing changed" eval \
	'echo "$got"; [ "$got" = "m1 1 m3 0 other 0 " ] && unchanged'
responder none "trust policy: it presents $evil_id, wanted is $good_id" strict
check "status says so" eval 'on vic ockamctl status daemon-uid 990 |
	grep -q "listener .*strict .* why .*it presents $evil_id, wanted is $good_id"'
check "in JSON, too" eval 'on vic ockamctl -j status daemon-uid 990 |
	grep -q "\"why\": \"refused by the trust policy: it presents $evil_id"'

# What is not even a message of the handshake is waited out.
for lie in flip zero short million; do
	initiator $lie 'answered nothing that could be used' 6000
	responder_ignores $lie
done
check "the victim still knows nobody" [ -z "$(ls vic.keys/peers)" ]
check "and has no channel" [ -z "$(on vic ockamctl -j channel list | grep '"id"')" ]
check "no worker has heard anything" [ "$(wc -l <echo.out)" -eq 1 ]
check "what was not finished expires" until_true none_half_open vic

# ---- the same without a lie, and what the victim then knows ----

believed none
believed flip-first
initiator stolen 'attested key is not the handshake'
responder stolen 'attested key is not the handshake'
believed newer
initiator none 'older than the known one'
responder none 'older than the known one'
initiator fork 'differs from the known one'
responder fork 'differs from the known one'
check "the victim knows two, no more" [ "$(ls vic.keys/peers | wc -l)" -eq 1 ]

# ---- a million arrays in one another, to whatever takes messages ----

before=$(counted api too-long)
check "a million arrays come to a listener" on evil lib_xx nest 'up => api' 1000000
check "which counts them apart" until_true eval \
	'[ "$(counted api too-long)" -eq $((before + 1)) ]'
refuse "and to the daemon itself, where no link leads" 'no answer' \
	on evil lib_echo ask 'up => ockamd' x
check "by a user they do" as 1000 vic lib_xx nest ockamd 1000000
check "and those that fit" as 1000 vic lib_xx nest ockamd 4000
check "the daemon answers as before" on vic ockamctl listener list daemon-uid 990

# ---- 10^5 first messages ----

until_true none_half_open vic
before=$(memory VmHWM)
on evil lib_echo flood 'up => api' $flood 32 >flood.out 2>&1 &
flooder=$!
until_true logged vic 'too many half open'
good=0 bad=0 most=0
while kill -0 $flooder 2>/dev/null || [ $((good + bad)) -lt 3 ]; do
	if on good ockamctl secure-channel create 'up => api' identity good \
		trust "$vic_id" timeout-ms 20000 >>good.out 2>&1; then
		good=$((good + 1))
	else
		bad=$((bad + 1))
	fi
	now=$(half_open vic)
	[ "$now" -le $most ] || most=$now
done
wait $flooder
check "$flood first messages are sent" [ $? -eq 0 ]
tail -n 1 good.out | sed 's/^/# /'
check "all of $((good + bad)) honest handshakes meanwhile succeed" [ $bad -eq 0 ]
check "at most a quarter is half open for the flood's link ($most of $handshakes)" \
	[ "$most" -le $((handshakes / 4 + 1)) ]
after=$(memory VmHWM)
check "the daemon's memory stays (from $before to $after kB at most)" \
	[ $((after - before)) -le 4096 ]
check "most were not begun" eval 'half_open vic >/dev/null
	grep "not begun because" vic.log | tail -n 1 | sed "s/.* expired, //"
	[ "$(sed -n "s/.* \([0-9]*\) of [0-9]* not begun.*/\1/p" vic.log |
	tail -n 1)" -ge $((flood / 2)) ]'
check "they expire" until_true none_half_open vic
believed newer
check "the daemon is the one that was started" kill -0 "$pid_vic"

echo "1..$n"
[ $failed -eq 0 ] || { grep -v ' expired$' vic.log | tail -n 60 | sed 's/^/# /'
	sed 's/^/# /' evil.out flood.out; }
exit $failed
