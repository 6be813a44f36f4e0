#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl policy, and the two programs that it brings: an echoer that is reached
# through two channels of two identifiers, and by users of the node.

. /ockam/ktap.sh

plan 42
tmp=$(mktemp -d)
cd "$tmp" || exit 1
ida=I$(printf 'aa%.0s' $(seq 32))
idb=I$(printf 'bb%.0s' $(seq 32))

user() {
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
		--bounding-set=-all "$@"
}

# Fails, and says all of the words with | between.
fails() {
	words=$1
	shift
	"$@" >out 2>&1 && return 1
	cat out
	old=$IFS
	IFS='|'
	for w in $words; do
		grep -qF -- "$w" out || { IFS=$old; return 1; }
	done
	IFS=$old
}

says() {
	words=$1
	shift
	"$@" >out 2>&1
	cat out
	grep -qF -- "$words" out
}

until_true() {
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 100 ] || return 1
		sleep 0.1
	done
}

# Remembers the id: tests run in shells of their own.
add() {
	ockamctl policy add "$@" >added || return 1
	sed -n 's/^id  *//p' added >id
	[ -s id ]
}

# FIELD VALUE of the policy that was added last
is() {
	ockamctl policy show "$(cat id)" >shown 2>&1
	cat shown
	[ "$(sed -n "s/^$1  *//p" shown)" = "$2" ]
}

drops() { ockamctl -j stats | sed -n 's/^ *"policy": \([0-9]*\).*/\1/p'; }
heard() { grep -c '^got' served; }

pair() {	# name, identifier of the one who asks
	head -c 32 /dev/urandom >k1
	head -c 32 /dev/urandom >k2
	ockamctl channel add role initiator encryptor "E$1" decryptor "d$1" \
		route "0#D$1" identifier "$ida" tx-key-file k1 rx-key-file k2 &&
	ockamctl channel add role responder encryptor "F$1" decryptor "D$1" \
		route "0#d$1" identifier "$2" tx-key-file k2 rx-key-file k1
}

lib=/ockam/tests/lib_echo
$lib serve echoer channels >served 2>&1 &
server=$!
until_true grep -q ready served
check "channel of a" pair a "$ida"
check "channel of b" pair b "$idb"
check "a is heard" $lib ask "Ea => echoer" hello
check "b is heard" $lib ask "Eb => echoer" hello
check "local senders are heard" user $lib ask echoer hello

# allow
check "list: empty" sh -c '[ -z "$(ockamctl policy)" ]'
check "allow a" add worker echoer allow "$ida"
check "show: where" is worker "0#echoer"
check "show: a tag" sh -c "ockamctl policy show \$(cat id) | grep -qE 'tag +[0-9a-f]{16}\$'"
check "list" says "worker 0#echoer" ockamctl policy list
check "JSON" says '"drops": 0' ockamctl -j policy
check "a is heard still" $lib ask "Ea => echoer" hello
before=$(heard)
check "b is not: the sender does not learn it" $lib flood "Eb => echoer" 3 10
check "but the counter says so" until_true is drops 3
check "nor are local senders, who learn it" \
	fails "Permission denied" user $lib ask echoer hello
check "nor root" fails "Permission denied" $lib ask echoer hello
check "the echoer heard nothing" [ "$(heard)" = "$before" ]
check "the node counts them" says 5 drops

check "one at a time" fails "already" \
	ockamctl policy add worker echoer allow "$idb"
check "replace: local, and b" add worker echoer replace allow local "$idb"
check "local senders are heard" user $lib ask echoer hello
check "b is heard" $lib ask "Eb => echoer" hello
check "a is not" sh -c "$lib flood 'Ea => echoer' 2 10"
check "a is counted" until_true is drops 2

# rate
check "rate" add worker echoer replace rate 1/h burst 5
before=$(heard)
check "fifty of a" $lib flood "Ea => echoer" 50 10
check "45 too many" until_true is drops 45
check "b has a rate of his own" $lib ask "Eb => echoer" hello
for i in 1 2 3 4 5; do
	user $lib ask echoer "$i" >/dev/null 2>&1 || echo "# lost $i"
done
check "a user has 5, then no more" \
	fails "Permission denied" user $lib ask echoer 6
check "root has his own" $lib ask echoer hello
check "all counted" is drops 46
check "twelve were heard" until_true sh -c "[ \$(grep -c ^got served) -eq $((before + 12)) ]"
check "faster" add worker echoer replace rate 100/s
check "comes again with time" sh -c "$lib flood 'Ea => echoer' 20 10; i=0
	until $lib ask 'Ea => echoer' x; do i=\$((i + 1)); [ \$i -lt 20 ] || exit 1; done"

# other places, other programs
check "at a channel" add channel Ea rate 1/h
ockamctl policy del "$(cat id)"
ockamctl link add listen 127.0.0.1:0 name door >/dev/null
check "at a link" add link door program /ockam/lib/rate.bpf.o
check "deleted with the link" sh -c "ockamctl link del door &&
	! ockamctl policy show \$(cat id)"
check "unset maps drop" sh -c "ockamctl policy add worker echoer replace \
	program /ockam/lib/rate.bpf.o && ! $lib ask echoer hello"
check "nobody there" fails "no such worker" \
	ockamctl policy add worker nobody rate 1/s
check "not for users" fails "ermitted" user ockamctl policy list
check "not a program" fails "/etc/passwd" \
	ockamctl policy add worker echoer replace program /etc/passwd
check "words" sh -c '
	bad() { "$@" >/dev/null 2>&1; [ $? -eq 2 ]; }
	bad ockamctl policy add && bad ockamctl policy add worker echoer &&
	bad ockamctl policy add hop x rate 1/s &&
	bad ockamctl policy add worker echoer rate 5 &&
	bad ockamctl policy add worker echoer rate 0/s &&
	bad ockamctl policy add worker echoer rate 1/s burst 0 &&
	bad ockamctl policy add worker echoer rate 1/d &&
	bad ockamctl policy add worker echoer allow &&
	bad ockamctl policy add worker echoer allow Iaa &&
	bad ockamctl policy del && bad ockamctl policy del x &&
	bad ockamctl policy what'

kill $server
ockamctl flush
cd / && rm -r "$tmp"
finished
