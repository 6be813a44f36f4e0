#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Attacks on an outlet and on a connection through it: by who is not listed, over a
# plain link, from the outlet's own node, by a flood of Pings, and into the connection
# of another, with a channel of one's own.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

portal() { # portal NAME FIELD
	on bob ockamctl outlet | sed -n "s/^[0-9#]*$1 .* $2 \([0-9a-z]*\).*/\1/p"
}
is()	{ [ "$(portal "$1" "$2")" = "$3" ]; }
least()	{ [ "$(portal "$1" "$2")" -ge "$3" ]; }
accepted()	{ grep -c accepted echo.out; }
up()	{ on "$1" ockamctl secure-channel list | grep -q "$2 state up"; }
drops()	{ on bob ockamctl stats | awk '/^drop *scope/ { sum += $NF } END { print sum + 0 }'; }
memory()	{ sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid_bob/status; }
workers()	{ on bob ockamctl worker | grep -o '[0-9a-f]\{32\}' | sort; }
# quiet NODE ROUTE: a Ping there is not answered, and nobody is connected to
quiet() {
	seen=$(accepted)
	out=$(on "$1" lib_portal ping "$2" 3 1000 2>&1)
	echo "$out"
	[ -z "$out" ] && [ "$(accepted)" -eq "$seen" ]
}

echo "TAP version 13"

nodes bob alice evil
star bob alice evil
cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "hq" { probe = "echoer" identity = "alice" route = "up => api" trust = {"anyone"} }
	inlet "in" { listen = "8000" route = "hq => out" }
CONF
# carol may use the outlets, evil may not; both are who attacks.
cat >evil.conf <<-CONF
	state = "$dir/evil.keys"
	identity "evil" { create = true }
	identity "carol" { create = true }
	link "up" { connect = "10.2.0.2:4000" }
	channel "as-evil" { probe = "echoer" identity = "evil" route = "up => api" trust = {"anyone"} }
	channel "as-carol" { probe = "echoer" identity = "carol" route = "up => api" trust = {"anyone"} }
CONF
check "alice's daemon starts" start alice
check "the attacker's, too" start evil
alice_id=$(identifier alice alice)
carol_id=$(identifier evil carol)
cat >bob.conf <<-CONF
	state = "$dir/bob.keys"
	identity "bob" { create = true }
	listener "api" { identity = "bob" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	outlet "out" { connect = "127.0.0.1:9000" allow = {"$alice_id", "$carol_id"}
		max = 12 max-peer = 6 rate = 10 }
CONF
check "and bob's" start bob
on bob lib_portal echo 9000 >echo.out 2>&1 &
pids=$!
on bob lib_echo serve echoer channels >probes.out 2>&1 &
pids="$pids $!"
check "channels come up" eval 'until_true up alice hq && until_true up evil as-evil &&
	until_true up evil as-carol && until_true grep -q ready echo.out'

# ---- who may not ----

was=$(drops)
check "one who is not listed is not answered" quiet evil 'as-evil => out'
check "nor is a plain link" quiet evil 'up => out'
check "the kernel has counted both" until_true eval '[ "$(drops)" -ge $((was + 6)) ]'
check "nor is a program of bob's node" quiet bob out
check "which the daemon has counted" until_true is out refused 3
check "one that writes a return route of its own" eval \
	'! on bob lib_portal mark out 00; [ "$(accepted)" -eq 0 ]'
check "what is no Ping connects nothing" eval '
	for m in 01 02 0300 0301 ff ""; do on evil lib_portal say "as-carol => out" "$m"; done
	until_true least out refused 9 && [ "$(accepted)" -eq 0 ]'

# ---- a flood of those who may ----

rss=$(memory)
check "2000 Pings at once" eval \
	'on evil lib_portal ping "as-carol => out" 2000 5000 >pongs; [ "$(wc -l <pongs)" -ge 1 ]'
check "few are answered" [ "$(grep -c 'kind 1' pongs)" -le 6 ]
check "as many connections" [ "$(accepted)" -le 6 ]
check "the others are counted" until_true least out refused 1900
check "bob's memory stays" [ $(($(memory) - rss)) -le 1024 ]
check "alice gets through meanwhile" on alice lib_portal run 8000 1000 2

# ---- into the connection of another ----

until_true eval '[ "$(accepted)" -ge 3 ]'
workers >workers.was
ip netns exec alice lib_portal hold 8000 1 >hold.out 2>&1 &
hold=$!
check "alice has a connection" until_true eval '[ "$(workers | grep -vxFf workers.was | wc -l)" -eq 1 ]'
victim=$(workers | grep -vxFf workers.was)
open=$(portal out open)
was=$(drops)
for message in 0301780100 030178 02 01 ff; do
	on evil lib_portal say "as-carol => $victim" $message
	on evil lib_portal say "as-evil => $victim" $message
	on evil lib_portal say "up => $victim" $message
done
check "by others it is not reached" until_true eval '[ "$(drops)" -ge $((was + 15)) ]'
refused=$(portal out refused)
for message in 0301780100 02; do
	on bob lib_portal say "$victim" $message
done
check "nor by programs of bob's node" until_true least out refused $((refused + 2))
refuse "nor with a return route of their making" 'ermission' on bob lib_portal mark "$victim" 02
check "it goes on" eval 'is out open $open && ! grep -q "end after 1$" echo.out'
kill $hold
check "until its client ends it" until_true grep -q 'end after 0' echo.out
check "of which not a byte was another's" eval '! grep "after 1$" echo.out'

# ---- a peer that says what it likes, in a connection of its own ----

route=$(sed -n 's/kind 1 from //p' pongs | head -n 1)
own=${route##* }
open=$(portal out open)
on evil lib_portal say "as-carol => $own" 03017803
check "data that is no message any more ends it" eval 'on evil lib_portal say "as-carol => $own" 0380
	until_true eval "[ \"\$(portal out open)\" -lt $open ]"'
check "the daemon is the one that was started" kill -0 "$pid_bob"
check "and serves" on alice lib_portal run 8000 1000 2

echo "1..$n"
[ $failed -eq 0 ] || { tail -n 40 bob.log | cut -c 1-200 | sed 's/^/# /'
	on bob ockamctl stats | sed 's/^/# /'; sed 's/^/# /' echo.out; }
exit $failed
