#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# X3DH against a real ockamd: a prekey service that lies to an initiator in every
# way, first messages that were changed, cut or sent again to a responder, and
# somebody who wants all one-time prekeys or all room of a mailbox.  Each is refused
# for its reason, and nothing has changed.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# What a lie must not change. The time of a file only says when it was read last.
state() {
	on vic ockamctl -j channel list | grep -E '"(id|identifier)"'
	stat -c '%A %u %s %n' vic.keys/peers/* vic.keys/bundles/* 2>&1
	find vic.keys/peers vic.keys/bundles vic.keys/*.prekeys -type f \
		-exec md5sum {} + | sort
	grep -c got echo.out
}
unchanged()	{ state >is.state; diff was.state is.state; }

tell()		{ [ "$(on evil lib_echo ask post "lie $1")" = "$1" ]; }
report()	{ on evil lib_echo ask post report; }
create() {
	on vic ockamctl secure-channel create 'evil => post' identity vic \
		handshake "$@" trust "$target" timeout-ms ${ms:-20000}
}
evil()		{ on evil lib_x3dh "$@"; }
counted() { # counted accepted|refused
	on vic ockamctl listener list | sed -n "s/ why .*//; s/.* $1 \([0-9]*\).*/\1/p"
}
at_least()	{ [ "$(counted "$1")" -ge "$2" ]; }
refusals()	{ grep -c "handshake from link [0-9]*.* refused: .*$1" vic.log; }
heard()		{ [ "$(grep -c "got $1 .*early" echo.out)" -ge "$2" ]; }
prekeys()	{ lib_x3dh prekeys vic.keys vic; }
box()		{ find svc.keys/boxes -type f -exec md5sum {} + | sort | md5sum; }

# liar LIE HOW PATTERN: it is believed nothing
liar() {
	lie=$1 how=$2
	shift 2
	tell "$lie" || { not_ok "$lie: the service does not lie"; return; }
	refuse "service: $lie" "$*" create "$how"
	liars=$((liars + 1))
}

begin_liars() {
	report >/dev/null
	liars=0
	state >was.state
}

end_liars() {
	got=$(report)
	check "service: nothing is left there, nothing changed" eval \
		'echo "$got"; [ "$got" = "asked $liars left 0" ] && unchanged'
}

has_left() {
	case $(report) in
	*' left 0')	return 1 ;;
	esac
}

# believed LIE HOW PATTERN: there is a channel, which can send
believed() {
	form=$3
	tell "$1"
	ch=$(create "$2" | awk '{ print $1 }')
	check "service: $1, $2: there is a channel" [ -n "$ch" ]
	check "service: $1, $2: of the form" eval \
		'grep "may send early data" vic.log | tail -n 1 | grep "x3dh $form"'
	on vic lib_echo tell "$ch => echoer" early
	check "service: $1, $2: and what it sends comes there" until_true has_left
	on vic ockamctl secure-channel delete "$(on vic ockamctl -j channel list |
		sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | sort -n | tail -n 1)"
}

# first LIE PATTERN FILE: a first message in which something is wrong
first() {
	lie=$1 why=$2
	said=$(refusals "$why") all=$(refusals '')
	if [ "$lie" = again ]; then
		cp "$3.first" bad
	else
		lib_x3dh lie "$lie" "$3.first" bad
	fi
	# The log takes ten refusals a second.
	sleep 0.2
	evil send 'vic => api' bad 1 >/dev/null
	check "responder: $3: $lie" eval '
		until_true refused_more
		grep refused: vic.log | tail -n 1
		[ "$(refusals "$why")" -eq $((said + 1)) ] &&
		[ "$(refusals "")" -eq $((all + 1)) ]'
	firsts=$((firsts + 1))
}
refused_more()	{ [ "$(refusals '')" -gt "$all" ]; }

begin_firsts() {
	firsts=0 refused=$(counted refused) accepted=$(counted accepted)
	state >was.state
}

end_firsts() {
	check "responder: $1: all were counted, nothing changed" eval '
		[ "$(counted refused)" -eq $((refused + firsts)) ] &&
		[ "$(counted accepted)" -eq "$accepted" ] && unchanged'
}

# one_of_each FILE: every field, and what is around them
one_of_each() {
	begin_firsts
	while read -r lie pattern; do
		first "$lie" "$pattern" "$1"
	done <<-LIES
		name not the handshake of this listener
		parts malformed identity data
		ek $dec
		ek-zero Diffie-Hellman result is zero
		prekey unknown or destroyed signed prekey
		one-time $dec
		sealed $dec
		sealed-tag $dec
		nonce handshake step out of turn
		data $dec
		tag $dec
		cut $dec
		half malformed identity data
		header bad handshake message length
		trailing $dec
		twice $dec
	LIES
	end_firsts "$1"
}

# again FILE PATTERN: it comes once more
again() {
	begin_firsts
	first again "$2" "$1"
	end_firsts "$1"
}

# taken FILE LENGTH: the true one; the text has LENGTH
taken() {
	accepted=$(counted accepted) length=$2
	got=$(evil send 'vic => api' "$1.first" 10000)
	check "responder: $1: the true one is answered" [ "$got" = 'answer of 48' ]
	check "responder: $1: and delivered, once" eval \
		'until_true heard "$length" 1 && [ "$(counted accepted)" -eq $((accepted + 1)) ]'
}

end_channels() {
	for id in $(on vic ockamctl -j channel list | tr -d '\n' | tr '{' '\n' |
			grep "$me" | sed -n 's/.*"id": *\([0-9]*\).*/\1/p'); do
		on vic ockamctl secure-channel delete "$id" 2>/dev/null
	done
}

echo "TAP version 13"

nodes svc vic evil
star svc vic evil
join vic evil 9
prekey_service >svc.conf
{
	service_user vic 1
	echo 'link "door" { listen = "10.9.0.1:4000" }'
	echo 'link "evil" { connect = "10.9.0.2:4001" }'
	service_channel s vic
	prekey_listener api vic
} >vic.conf
{
	service_user evil 2
	echo 'link "vic" { connect = "10.9.0.1:4000" }'
	echo 'link "door" { listen = "10.9.0.2:4001" }'
	service_channel evil evil
	service_channel sybil sybil
} >evil.conf
check "the service starts" start svc
check "the victim starts" start vic
check "the attacker starts" start evil
vic_id=$(identifier vic vic)
mkdir own
chmod 700 own
target=$(lib_x3dh id "$dir/own" target)
me=$(lib_x3dh id "$dir/own" me)
on evil lib_x3dh serve post "$dir/own" >post.out 2>&1 &
pids="$pids $!"
on vic lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
check "a lying service and a worker wait" until_true sh -c \
	'grep -q ready post.out && grep -q ready echo.out'
check "the victim has published" until_true logged vic \
	'service has bundle .* and [34][0-9] one-time prekeys'
check "links and channels of the attacker are up" eval '
	until_true is_up vic evil && until_true is_up evil vic &&
	until_true logged evil "channel .* to .* is up: initiator, identity evil" &&
	until_true logged evil "channel .* to .* is up: initiator, identity sybil"'

# ---- a service that lies ----

begin_liars
sig='bad signature of a prekey bundle'
one='bad signature of a one-time prekey'
while read -r lie how pattern; do
	liar "$lie" "$how" "$pattern"
done <<-LIES
	nonsense x3dh-mailbox not understood
	another x3dh-mailbox unexpected identifier
	posing x3dh-mailbox purpose key of another identity
	resigned x3dh-mailbox $sig
	expired x3dh-mailbox expired
	future x3dh-mailbox created in the future
	identifier x3dh-mailbox unexpected identifier
	latest x3dh-mailbox not under the latest change
	x25519 x3dh-mailbox names another key than attested
	number x3dh-mailbox $sig
	prekey x3dh-mailbox $sig
	sequence x3dh-mailbox $sig
	created x3dh-mailbox $sig
	expires x3dh-mailbox $sig
	hash x3dh-mailbox came with other identity data
	signature x3dh-mailbox $sig
	payload x3dh-mailbox came with other identity data
	cut x3dh-mailbox malformed identity data
	trailing x3dh-mailbox bytes after the data
	twice x3dh-mailbox bytes after the data
	empty x3dh-mailbox malformed identity data
	one-none x3dh-one-time a one-time prekey is required
	one-another x3dh-mailbox one-time prekey of another bundle
	one-older x3dh-one-time one-time prekey of another bundle
	one-posing x3dh-one-time $one
	one-key x3dh-mailbox $one
	one-signature x3dh-one-time $one
	one-cut x3dh-mailbox malformed identity data
	one-trailing x3dh-mailbox bytes after the data
LIES
ms=1500
liar silence x3dh-mailbox 'nobody answered'
ms=
end_liars
check "the victim has taken no bundle" [ "$(ls vic.keys/bundles | wc -l)" -eq 0 ]
believed none x3dh-one-time 'with a one-time prekey'
believed one-none x3dh-mailbox 'without a one-time prekey'
begin_liars
liar older x3dh-mailbox 'older than the known one'
liar conflict x3dh-mailbox 'differs from the known one'
end_liars

# ---- first messages without a one-time prekey ----

check "the listener gives its bundle" eval \
	'evil listener "vic => api" three | grep "one-time none"'
dec='authentication failed'
check "a first message is made" lib_x3dh first own me three echoer 'three parts'
one_of_each three
taken three 11
again three 'first message seen before'
sleep 6
check "responder: three: who has lost its answer gets it again" [ \
	"$(evil send 'vic => api' three.first 10000)" = 'answer of 48' ]
end_channels
again three 'first message seen before'
for signal in TERM KILL; do
	kill -$signal "$pid_vic"
	wait "$pid_vic" 2>/dev/null
	check "$signal: the victim starts again" start vic
	until_true is_up evil vic
	again three 'first message seen before'
done

# ---- with one, and who gets them ----

check "over a plain link there is none" eval \
	'evil fetch "up => prekeys" "$vic_id" plain | grep "one-time none"'
for i in 1 2 3 4; do
	check "one-time prekey $i of 4" eval \
		'evil fetch "evil => prekeys" "$vic_id" four$i | grep "one-time [0-9]"'
done
check "they differ" [ "$(cat four?.one | wc -c)" -gt 0 -a \
	"$(md5sum four?.one | awk '{ print $1 }' | sort -u | wc -l)" -eq 4 ]
before=$(box)
check "no fifth for the same one" eval \
	'evil fetch "evil => prekeys" "$vic_id" fifth | grep "one-time none"'
check "nothing is used up for that" [ "$(box)" = "$before" ]
check "but for somebody else" eval \
	'evil fetch "sybil => prekeys" "$vic_id" sybil | grep "one-time [0-9]"'
refuse "nothing of who has published nothing" 'nothing is kept' \
	on evil lib_x3dh fetch 'evil => prekeys' "$me" none

lib_x3dh first own me four1 echoer 'with four parts'
state >was.state
before=$(counted refused)
check "garbage for each of 48 one-time prekeys is sent" \
	evil drain 'vic => api' three.first 48
check "it is refused" \
	until_true at_least refused $((before + 48))
check "it uses up none" unchanged
sleep 1
begin_firsts
while read -r lie pattern; do
	first "$lie" "$pattern" four1
done <<-LIES
	one-time $dec
	ek $dec
	sealed $dec
	data $dec
LIES
end_firsts four1
taken four1 15
left=$(prekeys | head -n 1)
check "one one-time prekey is gone: $left" [ "${left#*one-time 47 }" != "$left" ]
again four1 'first message seen before'
end_channels
again four1 'unknown or used one-time prekey'
kill -KILL "$pid_vic"
wait "$pid_vic" 2>/dev/null
check "the victim starts again" start vic
until_true is_up evil vic
again four1 'unknown or used one-time prekey'

# ---- the mailbox ----

kill "$pid_vic"
wait "$pid_vic" 2>/dev/null
lib_x3dh first own me sybil echoer 'for the mailbox'
before=$(box)
alone='only through a channel'
for way in up evil; do
	refuse "$way: nobody collects somebody else's" \
		"$([ $way = up ] && echo "$alone" || echo 'nothing is kept')" \
		on evil lib_x3dh collect "$way => prekeys"
	refuse "$way: nor acknowledges it" \
		"$([ $way = up ] && echo "$alone" || echo 'nothing is kept')" \
		on evil lib_x3dh acknowledge "$way => prekeys" 0
	refuse "$way: nor publishes for him" "$alone" \
		on evil lib_x3dh publish "$way => prekeys" three
done
refuse "nobody leaves a message over a plain link" "$alone" \
	on evil lib_x3dh deposit 'up => prekeys' "$vic_id" four1.first 1
check "none of it changed a box" [ "$(box)" = "$before" ]
lib_x3dh lie data sybil.first junk
check "sixteen messages of one sender are kept" \
	evil deposit 'evil => prekeys' "$vic_id" junk 16
before=$(box)
refuse "not another one" 'too many messages or bytes of one sender' \
	on evil lib_x3dh deposit 'evil => prekeys' "$vic_id" junk 1
check "for which nothing changed" [ "$(box)" = "$before" ]
check "somebody else's is" evil deposit 'sybil => prekeys' "$vic_id" sybil.first 1
check "and a replayed one" evil deposit 'sybil => prekeys' "$vic_id" four1.first 1
was=$(prekeys | head -n 1)
said=$(grep -c 'out of the mailbox is refused' vic.log)
check "the victim starts again" start vic
check "and delivers the true one" until_true heard 15 2
check "the mailbox empties" until_true letters_are 0
check "the others were refused" eval \
	'[ "$(grep -c "out of the mailbox is refused" vic.log)" -eq $((said + 17)) ] &&
	[ "$(grep -c "out of the mailbox is refused: $dec" vic.log)" -eq 16 ]'
check "one one-time prekey was used up" eval \
	'echo "$was"; prekeys; prekeys | head -n 1 | grep "one-time 46 "'
check "each of three was delivered once" [ "$(grep -c got echo.out)" -eq 3 ]

echo "1..$n"
[ $failed -eq 0 ] || for ns in svc vic evil; do
	echo "# $ns:"
	tail -n 60 $ns.log | sed 's/^/# /'
	cat post.out echo.out | sed 's/^/# /'
done
exit $failed
