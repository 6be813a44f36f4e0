#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The life of prekeys in ockamd: one-time prekeys that were given away are made
# anew, a signed prekey is replaced after a week and destroyed after two (the
# machine's clock is set), and when what was accepted cannot be remembered, or is
# lost, what was made for it is refused and there is another signed prekey.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

fetchers="1 2 3 4 5 6 7 8 9"
shift_days=0

at_end() {
	[ $shift_days -eq 0 ] || later -$shift_days
	kill "$pid_svc" 2>/dev/null
	umount -l svc.keys
}
# later DAYS: the clock goes on by so many
later() {
	date -u -s "@$(($(date +%s) + $1 * 86400))" >/dev/null
	shift_days=$((shift_days + $1))
}
far()		{ on far lib_x3dh "$@"; }
prekeys()	{ lib_x3dh prekeys "$dir/resp.keys" resp; }
newest()	{ prekeys | sed -n '1s/signed \([0-9]*\) .*/\1/p'; }
newer()		{ [ "$(newest)" -gt "$1" ]; }
signed()	{ prekeys | grep -q "^signed $1 "; }
published()	{ logged resp "service has bundle $1 and [1-9]"; }
counted()	{ on resp ockamctl listener list | sed -n "s/ why .*//; s/.* $1 \([0-9]*\).*/\1/p"; }
at_least()	{ [ "$(counted "$1")" -ge "$2" ]; }
heard()		{ [ "$(grep -c "got $1 .*early" echo.out)" -ge "$2" ]; }
# first FILE TEXT: for the bundle that the listener gives now
first() {
	far listener 'resp => bob' "$1" &&
		lib_x3dh first "$dir/own" me "$1" echoer "$2"
}

# taken FILE LENGTH
taken() {
	check "$1: is answered" [ "$(far send 'resp => bob' "$1.first" \
		10000)" = 'answer of 48' ]
	check "$1: and delivered" until_true heard "$2" 1
}

# refused FILE PATTERN
refused() {
	why=$2
	before=$(counted refused) accepted=$(counted accepted) was=$(prekeys)
	far send 'resp => bob' "$1.first" 1 >/dev/null
	check "$1: is refused: $2" eval 'until_true at_least refused $((before + 1)) &&
		grep refused: resp.log | tail -n 1 | grep "$why"'
	check "$1: changes nothing" eval \
		'[ "$(counted accepted)" -eq "$accepted" ] && [ "$(prekeys)" = "$was" ]'
}

stop() {
	kill "$pid_resp"
	wait "$pid_resp" 2>/dev/null
}

echo "TAP version 13"

nodes svc resp far
mkdir -m 700 svc.keys
mount -t tmpfs -o size=1m,mode=700 tmpfs svc.keys
star svc resp far
join resp far 9
prekey_service >svc.conf
{
	service_user resp 1
	echo 'link "door" { listen = "10.9.0.1:4000" }'
	service_channel s resp
	prekey_listener bob resp
} >resp.conf
{
	service_user far 2
	echo 'link "resp" { connect = "10.9.0.1:4000" }'
	for i in $fetchers; do
		service_channel "f$i" "f$i"
	done
} >far.conf
check "the daemons start" eval 'start svc && start resp && start far'
resp_id=$(identifier resp resp)
mkdir -m 700 own
me=$(lib_x3dh id "$dir/own" me)
on resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
check "a worker waits for $me" until_true grep -q ready echo.out
until_true eval '[ -n "$(newest)" ]'
spk=$(newest)
check "the responder has published" until_true logged resp \
	"service has bundle $spk and 48 one-time prekeys"
all_up() {
	[ "$(grep -c 'is up: initiator, identity f' far.log)" -ge 9 ] && is_up far resp
}
check "links and channels are up" until_true all_up

# ---- one-time prekeys are made anew ----

stop
given=0
for i in $fetchers; do
	for j in 1 2 3 4; do
		far fetch "f$i => prekeys" "$resp_id" "one$i$j" |
			grep -q 'one-time [0-9]' && given=$((given + 1))
	done
done
check "36 one-time prekeys are given away, each once" [ $given -eq 36 -a \
	"$(md5sum one??.one | awk '{ print $1 }' | sort -u | wc -l)" -eq 36 ]
lib_x3dh first "$dir/own" me one11 echoer 'refill the box'
check "a message is left" far deposit 'f1 => prekeys' "$resp_id" one11.first 1
again() { [ "$(grep -c "service has bundle $spk and 48 one-time" resp.log)" -ge 2 ]; }
unpublished() { [ "$(grep -c 'the prekey service says: ' resp.log)" -ge "$1" ]; }
before=$(grep -c 'the prekey service says: ' resp.log)
dd if=/dev/zero of=svc.keys/filler bs=1k 2>/dev/null
start resp
check "a service with a full disk takes no one-time prekeys" \
	until_true unpublished $((before + 1))
check "nor later" until_true unpublished $((before + 2))
check "what is in the mailbox is delivered all the same" until_true heard 14 1
rm svc.keys/filler
check "and the service has 48 again" until_true again
check "made once: the responder has all that are out, but one" eval \
	'prekeys; prekeys | grep "^signed $spk one-time 83 "'

# ---- a signed prekey is replaced and destroyed ----

first soon soon >/dev/null
first late late! >/dev/null
later 8
check "after a week there is another signed prekey" until_true newer "$spk"
new=$(newest)
check "which is published" until_true published "$new"
check "fetchers get it" eval \
	'far fetch "f2 => prekeys" "$resp_id" new | grep "bundle $new "'
check "the one before is kept" signed "$spk"
taken soon 4
later 7
check "after two weeks it is destroyed" until_true eval '! signed "$spk"'
refused late 'unknown or destroyed signed prekey'

# ---- no room to remember ----

first full 'full' >/dev/null
spk=$(newest)
stop
lib_x3dh fill "$dir/resp.keys" resp
check "with records full it starts" start resp
until_true is_up far resp
refused full 'too many first messages for one signed prekey'
check "peers do not bring about another signed prekey" [ "$(newest)" -eq "$spk" ]
later 2
check "after a day they do" until_true newer "$spk"
check "and it is published" until_true published "$(newest)"
first room room12 >/dev/null
taken room 6

# ---- what was remembered is lost ----

last=room
for how in removed cut noise; do
	spk=$(newest)
	stop
	file=resp.keys/resp.prekeys
	case $how in
	removed)	rm $file ;;
	cut)		truncate -s 1000 $file ;;
	noise)	head -c 3000 /dev/urandom >garbage
			cat garbage >$file ;;
	esac
	sleep 1
	check "$how: it starts" start resp
	until_true is_up far resp
	check "$how: there is another signed prekey" until_true newer "$spk"
	check "$how: and published" until_true published "$(newest)"
	refused $last 'unknown or destroyed signed prekey'
	last=$how
	first $how "$how" >/dev/null
	taken $how ${#how}
done
check "each was delivered once" until_true eval \
	'[ "$(grep -c got echo.out)" -eq 6 ]'

echo "1..$n"
[ $failed -eq 0 ] || for ns in svc resp far; do
	echo "# $ns:"
	tail -n 60 $ns.log | sed 's/^/# /'
	sed 's/^/# /' echo.out
done
exit $failed
