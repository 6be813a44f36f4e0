#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl's words: help of every command, abbreviations, options, completion, and
# errors that name the object, what is wrong and what would be right.

. /ockam/tests/lib_tool.sh

jobs=

echo TAP version 13

# ---- help ----
bad=
for group in $(ockamctl complete-words | cut -f 1); do
	for h in help --help -h; do
		ockamctl "$group" $h >"$tmp/out" 2>"$tmp/err" &&
			[ ! -s "$tmp/err" ] &&
			grep -q "^ockamctl $group" "$tmp/out" || bad="$bad $group,$h"
	done
	for word in $(ockamctl complete-words "$group" | cut -f 1); do
		# What the group itself takes is no command of it.
		grep -q "^ockamctl $group $word" "$tmp/out" || continue
		case $group in
		monitor|ping|wait|status|send|recv|echo|trace|top|stats) continue ;;
		esac
		for h in help --help -h; do
			ockamctl "$group" "$word" $h >"$tmp/one" 2>"$tmp/err" &&
				[ ! -s "$tmp/err" ] &&
				grep -q "^ockamctl $group $word" "$tmp/one" ||
				bad="$bad $group,$word,$h"
		done
	done
done
echo "$bad" >"$tmp/out"
[ -z "$bad" ]
result $? "every command prints its help to standard output"
says "help" "usage: ockamctl|secure-channel|doctor" ockamctl help
says "help of a command" "ockamctl link add connect" ockamctl help link add
says "-h" "usage: ockamctl" ockamctl -h
says "help beside other words" "ockamctl channel set" \
	ockamctl channel set 1 --help
wrong "no command" "usage: ockamctl" ockamctl
wrong "unknown command" "unknown command 'nonsense'|secure-channel" \
	ockamctl nonsense
wrong "unknown word" "link: unknown word 'nonsense'|list, show, add" \
	ockamctl link nonsense
says "-V" "ockamctl 0." ockamctl -V

# ---- abbreviations ----
says "a word cut short" "family" ockamctl no sh
wrong "one that is not clear" "'li' may mean link, listener" ockamctl li
wrong "nor in a command" "link: 's' may mean show, set" ockamctl link s
wrong "nothing is no abbreviation" "unknown command ''" ockamctl ''

# ---- options ----
wrong "JSON: wrong word" '{"error":"link: unknown word' ockamctl -j link nonsense
wrong "JSON: missing value" '{"error":' ockamctl -j link set x frame-ms
wrong "JSON: no command" '{"error":"a command is missing' ockamctl -j
wrong "JSON: unknown option" "{\"error\":\"unknown option '-x'" ockamctl -j -x
wrong "-n without a name" "a value is missing" ockamctl -n
ip netns add blue
says "-n" '"id"' ockamctl -j -n blue hop add inblue
says "-n: there" inblue ockamctl -n blue hop list
ockamctl hop list >"$tmp/out" 2>&1
! grep -q inblue "$tmp/out"
result $? "-n: not here"
fails "-n: no such namespace" "no network namespace 'red'|ip netns" \
	ockamctl -n red hop list
wrong "-n: a path" "is no name of a network namespace" \
	ockamctl -n ../net/blue hop list

# ---- completion ----
says "completion: commands" "link	transport|doctor	" ockamctl complete-words
says "completion: words of a command" "show	|flush	" \
	ockamctl complete-words link
says "completion: what it takes" "scope	|route	" \
	ockamctl complete-words hop add h1
ockamctl complete-words hop add h1 scope local >"$tmp/out"
! grep -q ^scope "$tmp/out"
result $? "completion: not what was given"
says "completion: values" "tcp	|udp	" \
	ockamctl complete-words link add connect x kind
says "completion: objects" "0#inblue	" \
	ockamctl -n blue complete-words hop show
ip netns del blue

# ---- errors ----
ockamctl hop add h1 >/dev/null
fails "ping: nobody" "no worker, hop or channel '0#nosuch'|ockamctl status" \
	ockamctl ping nosuch
fails "ping: a hop alone" "'0#h1' only passes messages on|'0#h1 => echoer'" \
	ockamctl ping h1
fails "ping: no link" "1#10.0.0.9:1" ockamctl ping '1#10.0.0.9:1 => echoer'
fails "hop add twice" "h1|taken" ockamctl hop add h1
wrong "link list: a state that is none" \
	"state: unknown word 'foo'|down, connecting, up, listening" \
	ockamctl link list state foo
wrong "link add: port 0" "10.0.0.1:0|port 0" \
	ockamctl link add connect 10.0.0.1:0
wrong "link add: a word that is none" "unknown word 'bar'|frame-ms" \
	ockamctl link add connect 10.0.0.1:1 bar 1
fails "link del: which one" "link del nobody|no such link" \
	ockamctl link del nobody
head -c 32 /dev/urandom >"$tmp/key"
head -c 32 /dev/urandom >"$tmp/key2"
ockamctl channel add role initiator route '0#p' decryptor dec encryptor enc \
	identifier "I$(printf '0%.0s' $(seq 64))" tx-key-file "$tmp/key" \
	rx-key-file "$tmp/key2" >/dev/null
run "channel set: an octal mode" 0 out "" ockamctl channel set enc mode 0600
says "channel set: it is there" 0600 ockamctl channel show enc
says "users by name" "(root)" ockamctl channel show enc
wrong "channel set: not octal" "'0680' is no octal number" \
	ockamctl channel set enc mode 0680

store=$tmp/store
mkdir -m 700 "$store"
says "identity" I ockamctl identity create alice dir "$store"
says "identity: dates" "key-expires       20| UTC" \
	ockamctl identity show alice full dir "$store"
fails "identity: taken" "'alice'|there is one already" \
	ockamctl identity create alice dir "$store"
fails "identity: no name" "'a b'|letters, digits" \
	ockamctl identity create "a b" dir "$store"
fails "identity: not there" "'bob'|no such identity" \
	ockamctl identity show bob dir "$store"
chmod 644 "$store/alice.identity"
fails "identity: open to others" "'alice'|0600|chmod 600" \
	ockamctl identity show alice dir "$store"
chmod 600 "$store/alice.identity"
echo junk >>"$store/alice.identity"
fails "identity: damaged" "'alice'|damaged" \
	ockamctl identity show alice dir "$store"
printf 'state = "%s"\nidentity "a b" { create = true }\n' "$store" >"$tmp/conf"
run "ockamd: a name that is none" 1 err 'identity "a b"|letters, digits' \
	ockamd -t -f "$tmp/conf"
printf 'state = "%s"\nlink "x" { connect = "10.0.0.1:0" }\n' "$store" >"$tmp/conf"
run "ockamd: port 0" 1 err 'port 0' ockamd -t -f "$tmp/conf"

# ---- tables ----
says "hop list: a head" "ADDRESS|ACCEPTS|0#h1" ockamctl hop list
ockamctl hop list >"$tmp/out"
! grep -q ROUTE "$tmp/out"
good "no column in which nothing is"
says "channel list: who owns it, and how much passed" "OWNER|0 (root)|0 B" \
	ockamctl channel list
says "channel list in JSON: the whole object" '"decryptor": "0#dec"' \
	ockamctl -j channel list

# ---- wait and status ----
says "wait: a hop that is there" "" ockamctl wait hop h1 up
fails "wait: one that is not" "hop h2: after 0 s it is not there" \
	ockamctl wait hop h2 up timeout 0
fails "wait: one that does not go" "hop h1: after 0 s it is up" \
	ockamctl wait hop h1 gone timeout 0
wrong "wait: for what" "up or gone, not 'down'" ockamctl wait hop h1 down
ockamctl link add listen 127.0.0.1:4001 name lst >/dev/null
ockamctl link add connect 127.0.0.1:4001 name con >/dev/null
says "wait: a link comes up" "" ockamctl wait link con up timeout 600
ockamctl wait link con gone timeout 600 >"$tmp/out" 2>"$tmp/err" &
jobs=$!
ockamctl link del con
wait $jobs
result $? "wait: a link goes"
ip link set lo up
ockamctl link add connect 127.0.0.1:4002 name no >/dev/null
refused() {
	for _ in $(seq 600); do
		ockamctl link show no | grep -q refused && return
		sleep 0.1
	done
}
refused
fails "wait: says what the link is" "link no: after 0 s it is|refused" \
	ockamctl wait link no up timeout 0
says "link list: why it is not up, and where it would lead" \
	"WHY|refused|1#127.0.0.1:4002" ockamctl link list
# Names that are held: a user sees his own.
held() {
	setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all \
		--bounding-set=-all ockamctl echo "$2" >/dev/null 2>&1 &
	jobs=$!
	ockamctl wait worker "$2" up timeout 600
	kill -KILL $jobs
	wait $jobs 2>/dev/null
	ockamctl wait worker "$2" gone timeout 600
}
held 1000 mine
held 1001 others
worker_list() {
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all \
		--bounding-set=-all ockamctl "$@" worker
}
says "worker: names that are held, for their user" "HELD|mine" worker_list
says "worker: the same in JSON" '"address": "0#mine"|"held-ms"' worker_list -j
worker_list >"$tmp/out"
! grep -q others "$tmp/out"
result $? "worker: not those of others"
says "worker: root sees both" "mine|others" ockamctl worker
says "link list: where it listens" "127.0.0.1:4001" ockamctl link list
says "wait: a channel" "" ockamctl wait channel enc up
says "status" "node      family 18|daemon    none|hop |0#h1|reason refused" \
	ockamctl status
says "status in JSON" '"daemon"|"hop"|"link"' ockamctl -j status
says "status for users" "for CAP_NET_ADMIN" setpriv --reuid 1000 --regid 1000 \
	--clear-groups --inh-caps=-all --bounding-set=-all ockamctl status
# Up, it is not said any more why it was not.
ockamctl link add listen 127.0.0.1:4002 name late >/dev/null
says "wait: it comes up" "" ockamctl wait link no up timeout 600
ockamctl status >"$tmp/out"
grep -q "name 0#no .*state up" "$tmp/out" && ! grep "name 0#no .*reason" "$tmp/out"
result $? "status: no reason of a link that is up"

ockamctl flush
tool_end
