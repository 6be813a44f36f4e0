#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# README.md does what it says: its program was compiled from its text, and its three
# configurations carry TCP through a relay that has no keys.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

echo "TAP version 13"

nodes one
cat >one.conf <<-CONF
	state = "$dir/one.keys"
	identity "alice" { create = true }
	identity "bob" { create = true }
CONF
check "a daemon with the guide's identities" start one
said() { on one readme >said.out 2>&1; grep -qx 'App Received: Hello Ockam!' said.out; }
check "README's program gets its reply" said

# conf NODE HEADING: what README has under it, for here
conf() {
	awk -v head="# $2" '
		index($0, head) == 1 { on = 1; next }
		/^$|^```/ { on = 0 } on' /ockam/README.md |
		sed -e "s/10\.0\.0\.3/10.2.0.2/; s/10\.0\.0\.2/10.1.0.2/" \
			-e "s/I<client>/${client:-I}/; s/I<service>/${service:-I}/" \
			-e 's/127\.0\.0\.1:80"/127.0.0.1:9000"/' >"$1.readme"
	{
		echo "state = \"$dir/$1.keys\""
		[ "$1" = relay ] || echo 'identity "default" { create = true }'
	} >"$1.conf"
}
nodes client relay service
join client relay 1
join relay service 2
# First their identifiers, then what is said about them.
for node in client service; do
	conf $node $node
	check "$node has an identity" start $node
	eval "$node=\$(identifier $node default)"
done
for node in client relay service; do
	conf $node $node
	cat $node.readme >>$node.conf
	check "$node: README's lines are a configuration" \
		ockamd -t -f $node.conf
done
cat client.readme relay.readme service.readme | sed 's/^/# /'
check "there are at most ten lines" \
	[ "$(cat client.readme relay.readme service.readme | wc -l)" -le 10 ]
check "the relay starts" start relay
check "the relay has no key" sh -c "! ls $dir/relay.keys/*.identity"
kill -HUP "$pid_service" "$pid_client"
on service lib_portal echo 9000 >echo.out 2>&1 &
pids=$!
up() { on client ockamctl secure-channel list | grep -q 'state up'; }
check "the channel comes up" until_true up
check "the service waits" until_true grep -q ready echo.out
# A portal ends with either direction: say nothing more, but do not hang up.
get() {
	{ printf 'Hello\n'; sleep 3; } |
		on client busybox nc -w 20 127.0.0.1 8080 >got
	grep -q Hello got
}
check "TCP through the relay" until_true get

echo "1..$n"
exit $failed
