#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl send, recv and echo, on a node and over a link.

. /ockam/tests/lib_tool.sh

jobs=
worker() {	# command... in the background; ready when its address is bound
	ockamctl "$@" >"$tmp/worker" 2>&1 &
	jobs="$jobs $!"
	ockamctl wait worker "$2" up timeout 600
}

ip link set lo up
echo TAP version 13

worker recv box count 1
printf 'no newline' >"$tmp/in"
run "send: standard input" 0 out "" ockamctl send box <"$tmp/in"
# shellcheck disable=SC2086
wait $jobs
cmp -s "$tmp/in" "$tmp/worker"
good "recv: the payload as it is, then the end"
jobs=

worker recv box2 lines
printf 'one\ntwo\n\nfour\n' >"$tmp/in"
run "send lines" 0 out "" ockamctl send box2 lines <"$tmp/in"
until_says four cat "$tmp/worker"
[ "$(tr '\n' , <"$tmp/worker")" = one,two,,four, ]
good "recv lines: a line for each message"

worker echo ekko
says "send: and its answer" "hello" ockamctl send ekko text hello wait-ms 60000
grep -q "5 bytes from 0#[0-9a-f]* (local)" "$tmp/worker"
good "echo: says what came"
says "send: answers in JSON" '"text":"hi"|"from":"0#ekko"|"origin":"local"|"uid":0' \
	ockamctl -j send ekko text hi wait-ms 60000
head -c 1000000 /dev/urandom >"$tmp/big"
ockamctl send ekko wait-ms 60000 <"$tmp/big" | cmp -s - "$tmp/big"
good "a million bytes there and back"
printf '\377\000' >"$tmp/bytes"
ockamctl -j send ekko wait-ms 60000 <"$tmp/bytes" | grep -q '"hex":"ff00"'
good "bytes that are no text, in JSON"
says "words with dashes" "x" ockamctl send ekko --text x --wait-ms 60000

# Over a link: only who says so is reached.
ockamctl link add listen 127.0.0.1:4001 name lst >/dev/null
ockamctl link add connect 127.0.0.1:4001 name near >/dev/null
ockamctl wait link near up timeout 600
worker echo open accept links
says "over a link, to a worker that accepts that" "far" \
	ockamctl send 'near => open' text far wait-ms 60000
grep -q '(link)' "$tmp/worker"
good "where it came from"
fails "over a link, to one that does not" "no answer within 200 ms|ockamctl trace" \
	ockamctl send 'near => ekko' text far wait-ms 200
says "the drop is counted" "scope-worker" ockamctl stats

# ---- errors ----
fails "send: nobody there" "0#nobody|ockamctl status" ockamctl send nobody text x
wrong "send: no route" "a route is missing" ockamctl send
wrong "send: bad route" "byte" ockamctl send 'a => ' text x
wrong "send: a word that is none" "'foo'|text, from, wait-ms, lines, away" \
	ockamctl send ekko foo
wrong "send: no number" "'soon' is not a number" \
	ockamctl send ekko text x wait-ms soon
head -c 2000000 /dev/zero >"$tmp/big"
ockamctl send ekko <"$tmp/big" >"$tmp/out" 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "max-msg" "$tmp/err"
good "send: too large"
fails "recv: address taken" "somebody else has the address 'ekko'" \
	ockamctl recv ekko
fails "recv: nothing comes" "nothing came within 100 ms" \
	ockamctl recv quiet wait-ms 100
wrong "recv: accept whom" "unknown word 'friends'|links, channels" \
	ockamctl recv x accept friends
fails "recv: a reserved name" "reserved" setpriv --reuid 1000 --regid 1000 \
	--clear-groups --inh-caps=-all --bounding-set=-all ockamctl recv api

# shellcheck disable=SC2086
kill $jobs
ockamctl flush
tool_end
