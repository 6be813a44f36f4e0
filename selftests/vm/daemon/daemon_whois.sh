#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The target of an outlet learns who connects: by the PROXY protocol, and by asking.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

up()	{ on alice ockamctl secure-channel list | grep -q 'verified yes'; }
# What alice says through an inlet, and goes on saying nothing.
say()	{ # say PORT TEXT
	{ printf %s "$2"; sleep 100; } | on alice nc 127.0.0.1 "$1" >/dev/null 2>&1 &
	pids="$pids $!"
}
# serve PORT FILE: takes one connection, as user 1000, and never says that it has said all
serve() {
	sleep 100 | as 1000 bob nc -l -p "$1" >"$2" 2>&1 &
	pids="$pids $!"
	until_true eval "on bob ss -Hltn | grep -q ':$1 '"
}
# from PORT: where its connection comes from, which a socket for IPv6 writes otherwise
from()	{
	on bob ss -Htn state established "sport = :$1" |
		awk '{ gsub(/\[::ffff:|\]/, "", $4); print $4; exit }'
}
id()	{ sed 's/ .*//' check.out; }

nodes alice bob
join alice bob 1
cat >bob.conf <<-CONF
	state = "$dir/bob.keys"
	identity "bob" { create = true }
	listener "api" { identity = "bob" trust = {"anyone"} }
	link "door" { listen = "10.1.0.2:4000" }
	outlet "told" { connect = "127.0.0.1:9001" allow = {"anyone"} proxy-protocol = true }
	outlet "plain" { connect = "127.0.0.1:9002" allow = {"anyone"} }
CONF
cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "hq" { identity = "alice" route = "up => api" trust = {"anyone"} }
	inlet "told" { listen = "8001" route = "hq => told" }
	inlet "plain" { listen = "8002" route = "hq => plain" }
CONF
echo "TAP version 13"
start bob
start alice
alice=$(identifier alice alice)
check "a channel" until_true up

serve 9001 got
say 8001 "hello, service"
check "the service hears what alice says" until_true grep -aq "hello, service" got
check "behind a header of the PROXY protocol" eval '
	head -c 14 got | od -An -tx1 | tr -d " \n" |
		grep -q "^0d0a0d0a000d0a515549540a2111\$"'
len=$(head -c 16 got | tail -c 2 | od -An -tu1 | awk '{ print $1 * 256 + $2 }')
check "as long as it says" eval '
	[ "$(tail -c +$((len + 17)) got)" = "hello, service" ]'
check "with alice in both fields" [ "$(grep -ao "$alice" got | wc -l)" -eq 2 ]
# The port in it is the one that the service sees.
port=$(head -c 26 got | tail -c 2 | od -An -tu1 | awk '{ print $1 * 256 + $2 }')
check "and the address that it comes from" [ "127.0.0.1:$port" = "$(from 9001)" ]

serve 9002 got2
say 8002 "no header"
check "without proxy-protocol there is none" until_true eval \
	'[ "$(cat got2)" = "no header" ]'
addr=$(from 9002)
check "root asks who it is" on bob ockamctl whois "$addr"
check "it is alice" [ "$(id)" = "$alice" ]
check "the service asks" as 1000 bob ockamctl whois "$addr"
check "it is still alice" [ "$(id)" = "$alice" ]
check "in JSON" eval 'on bob ockamctl -j whois "$addr" | grep -q "\"outlet\": \"0#plain\""'
refuse "nobody else" 'no connection .* uid 1001' as 1001 bob ockamctl whois "$addr"
refuse "a connection that there is not" 'no connection of an outlet' \
	on bob ockamctl whois 127.0.0.1:1
refuse "what is no address" 'no connection of an outlet comes from bob' \
	on bob ockamctl whois bob
echo "1..$n"
exit $failed
