#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A clock that is wrong: nothing is made in 1970, nothing is destroyed then, and what
# has an age does not follow the clock's steps.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

began=$(date +%s)
up_s()		{ awk '{ print int($1) }' /proc/uptime; }
began_up=$(up_s)
# The right time, and N seconds beside it.
set_clock() {
	date -u -s "@$((began + $(up_s) - began_up + ${1:-0}))" >/dev/null
}
at_end()	{ set_clock; }
long_ago()	{ date -u -s @1000 >/dev/null; }
kept() { # kept NAME
	on app ockamctl secure-channel list | sed -n "s/^[^ ]*#kept .*\\b$1 \\([^ ]*\\).*/\\1/p"
}
is()		{ [ "$(kept "$1")" = "$2" ]; }
files()		{ cat resp.keys/*.identity resp.keys/*.prekeys | md5sum; }
create() {
	on app ockamctl secure-channel create 'up => api' identity app trust anyone \
		timeout-ms 9000 handshake "$1"
}

echo "TAP version 13"
nodes app resp
join app resp 1
cat >resp.conf <<-CONF
	state = "$dir/resp.keys"
	identity "resp" { create = true }
	listener "api" { identity = "resp" trust = {"anyone"} handshake = "both" }
	link "door" { listen = "10.1.0.2:4000" }
	relay { allow = {"anyone"} lifetime = 600 }
CONF
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "kept" { identity = "app" route = "up => api" trust = {"anyone"}
		max-age = 3600 }
CONF

# ---- long ago ----

long_ago
on resp ockamd -f resp.conf >early.log 2>&1
status=$?
check "long ago no identity is made ($status)" eval '
	[ $status -ne 0 ] && ! ls resp.keys/*.identity'
check "and it is said why" grep -q 'not made before the clock is right' early.log
set_clock
check "when the clock is right it is" start resp
check "the other node starts" start app
check "a channel by X3DH, so that there are prekeys" create x3dh
kill "$pid_resp" && wait "$pid_resp"
files >was
long_ago
check "long ago it starts with what there is" start resp
check "and says that the clock is wrong" logged resp 'the clock is wrong'
sleep 130
check "nothing was destroyed or made anew" eval 'files | cmp - was'
set_clock
check "when the clock is right there are handshakes again" create xx
check "of X3DH, too" create x3dh

# ---- far ahead ----

files >was
kill "$pid_resp" && wait "$pid_resp"
set_clock $((20 * 365 * 86400))
: >resp.log
check "twenty years later it starts" start resp
check "and does not believe that yet" logged resp 'the clock is wrong'
sleep 130
check "nothing was destroyed or made anew" eval 'files | cmp - was'
set_clock
check "when the clock is right there are handshakes again" create xx

# ---- steps ----

check "a kept channel is up" until_true is state up
made=$(kept made)
relayed=$(on app lib_echo ask "kept => static_forwarding_service" "$(printf '\004name')")
check "a relay has a name ($relayed)" eval '
	until_true on resp ockamctl hop show forward_to_name'
set_clock 86000
sleep 25
check "a day later by the clock the channel is not old" is made "$made"
check "nor is the relay's name" on resp ockamctl hop show forward_to_name
set_clock -86000
sleep 25
check "nor a day earlier" is made "$made"
check "nor that name" on resp ockamctl hop show forward_to_name

echo "1..$n"
exit $failed
