#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Kept channels whose last handshake message was lost, or not taken: they are not
# believed in, and become right by themselves.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

field() { # field NODE CHANNEL NAME
	on "$1" ockamctl secure-channel list |
		sed -n "s/^[^ ]*#$2 .*\\b$3 \\([^ ]*\\).*/\\1/p"
}
is()		{ [ "$(field "$1" "$2" "$3")" = "$4" ]; }
at_least()	{ [ "$(field "$1" "$2" "$3")" -ge "$4" ]; }
answers()	{ [ "$(on app lib_echo ask "$1 => echoer" hello)" = hello ]; }
net() {
	echo "$*" >&3
	read -r line <&4 && [ "$line" = ok ]
}
responder() { # responder TRUST
	cat >resp.conf <<-CONF
		state = "$dir/resp.keys"
		identity "resp" { create = true }
		listener "api" { identity = "resp" trust = {"anyone"} }
		listener "choosy" { identity = "resp" trust = {"$1"} }
		link "door" { kind = "udp" listen = "10.1.0.2:4000" }
		link "gate" { listen = "10.1.0.2:4001" }
	CONF
}

echo "TAP version 13"
nodes app resp
join app resp 1
responder Iaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
mkfifo in out
ip netns exec app lib_datagrams 127.0.0.1:4000 10.1.0.2:4000 1 <in >out 2>net.log &
pids="$pids $!"
exec 3>in 4<out
check "a network" eval 'read -r line <&4 && [ "$line" = ready ]'
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true }
	link "wet" { kind = "udp" connect = "127.0.0.1:4000" }
	link "dry" { connect = "10.1.0.2:4001" }
	channel "lossy" { identity = "app" route = "wet => api" trust = {"anyone"} }
	channel "choosy" { identity = "app" route = "dry => choosy" trust = {"anyone"}
		retry-max-ms = 1000 }
	channel "plain" { identity = "app" route = "dry => api" trust = {"anyone"} }
CONF
check "the responder starts" start resp
ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"

# ---- a datagram is lost ----

# The first is M1, the second M3.
check "every other datagram to it is lost" net there every-other
check "the other node starts" start app
check "a channel comes up, though its M3 was lost" until_true is app lossy state up
net there plain
check "which works" until_true answers lossy
check "and is the first one" is app lossy made 1

# ---- nothing is lost ----

check "without loss it is confirmed, though no program has sent anything" \
	until_true is app plain verified yes
check "and is the first one" is app plain attempts 1
listed() {
	on resp ockamctl -j channel list | tr -d ' \n' | sed 's/},{/}\n{/g' |
		grep -c '"rx-msgs":1,'
}
check "the responder has heard so" until_true eval '[ "$(listed)" -ge 1 ]'

# ---- trust comes later ----

check "who is not trusted is not up" until_true is app choosy state unconfirmed
check "and tries again" until_true at_least app choosy attempts 3
check "with pauses" eval '! at_least app choosy attempts 20'
check "which are counted" at_least app choosy fails 2
responder "$(identifier app app)"
kill -HUP "$pid_resp"
check "when the trust comes it is up" until_true is app choosy state up
check "and works" until_true answers choosy
check "and nothing is left of the others" until_true is app choosy old 0

echo "1..$n"
exit $failed
