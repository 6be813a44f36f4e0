#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The node is what its configuration says, at last: addresses, names and objects
# that come later, go, or are another one's for a while.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

link()		{ on n ockamctl link show "$1" | sed -n "s/^ *$2 *//p"; }
has_link()	{ on n ockamctl link show "$1" >/dev/null 2>&1; }
is_up()		{ link "$1" state | grep -qw up; }
has_hop()	{ on n ockamctl hop show "$1" >/dev/null 2>&1; }
status()	{ on n ockamctl status | grep "^wanted *$1: "; }
missing()	{ status "$1" | grep 'missing for .* s, attempts .*, the next in .* s: .*'"$2"; }
there()		{ status "$1" | grep 'there for'; }
readings()	{ grep -c 'configuration is in force' n.log; }
more_readings()	{ [ "$(readings)" -gt "$1" ]; }
reload() {
	before=$(readings)
	kill -HUP "$pid_n"
	until_true more_readings "$before"
}
hosts()		{ printf '%s\n' '127.0.0.1 localhost' "$@" >/etc/hosts; }

echo 'hosts: files' >/etc/nsswitch.conf
hosts
at_end()	{ hosts; rm -f /etc/nsswitch.conf; }

echo "TAP version 13"
nodes n

cat >n.conf <<-CONF
	state = "$dir/n.keys"
	forward = {link-link}
	identity "one" { create = true }
	listener "api" { identity = "one" trust = {"anyone"} }
	link "gate" { listen = "127.0.0.1:4001" }
	link "late" { listen = "10.7.0.1:4000" }
	link "late6" { listen = "[fd07::1]:4000" }
	link "named" { connect = "peer.example:4001" }
	link "other" { connect = "other.example:4001" }
	hop "h" { route = "named => api" }
	outlet "out" { connect = "peer.example:4001" allow = {"anyone"} }
	inlet "in" { listen = "in.example:8001" anywhere = true route = "0#nowhere" }
CONF

# ---- what is not there yet ----

check "names that nobody knows are no error" on n ockamd -t -f n.conf
check "the daemon starts without its network" start n
check "what needs nothing is there" eval 'has_link gate && has_hop h'
refuse "a link that listens is not, without its address" o on n ockamctl link show late
refuse "nor one to a name" o on n ockamctl link show named
check "the status says so" eval '
	missing "link late" "assign" && missing "link late6" "assign" &&
	until_true missing "link named" "peer.example: "'
check "for both names" until_true missing "link other" "other.example: "
check "and for an outlet" until_true missing "outlet out" "peer.example: "
check "and for an inlet" until_true missing "inlet in" "in.example: "
check "and what is there" eval 'there "link gate" && there "hop h" && there "node forward"'
check "as JSON, too" eval '
	on n ockamctl -j status >status.json
	grep -q "\"there\": false" status.json && grep -q "\"next-try-ms\"" status.json'
check "only an administrator sees it" eval '! as 1000 n ockamctl status | grep "^wanted"'
check "each failure is logged once" eval '
	sleep 3
	[ "$(grep -c "error: link late:" n.log)" -eq 1 ] &&
	[ "$(grep -c "error: link named:" n.log)" -eq 1 ]'

# ---- it comes ----

ip link add dm0 netns n type dummy
on n ip link set dm0 up
on n ip addr add 10.7.0.1/24 dev dm0
check "with the address comes the link" until_true has_link late
on n ip addr add fd07::1/64 dev dm0 nodad
check "with that of IPv6, too" until_true has_link late6
hosts '127.0.0.1 peer.example' '127.0.0.1 in.example'
check "with the name comes the link to it" until_true is_up named
check "and the outlet" until_true there "outlet out"
check "and the inlet" until_true there "inlet in"
check "the other name is still missing" missing "link other" "other.example: "

# ---- it goes ----

on n ockamctl link del gate
check "a link that was deleted comes back" until_true there "link gate"
check "in the kernel, too" until_true has_link gate
on n ockamctl hop del h
check "a hop likewise" until_true has_hop h
on n ockamctl hop set h scope local,links
check "one that was changed is what it was" until_true eval \
	'on n ockamctl hop show h | grep scope | grep -qv links'
on n ockamctl flush
check "after a flush everything is there again" until_true eval \
	'has_link gate && has_link late && has_link late6 && is_up named && has_hop h'

# ---- a name that means something else ----

on n ip addr add 10.7.0.2/24 dev dm0
was=$(link named id)
hosts '10.7.0.2 peer.example' '127.0.0.1 in.example'
sed -i 's/^link "gate".*/link "gate" { listen = "10.7.0.2:4001" }/' n.conf
check "the peer moves to another address" reload
check "the link follows its name" until_true eval '
	link named endpoint | grep -q 10.7.0.2 && is_up named'

# ---- a section says less ----

sed -i 's/^link "gate".*/link "gate" { listen = "10.7.0.2:4001" max-accepted = 7 dead-ms = 5000 }/
	s/^link "named".*/link "named" { connect = "peer.example:4001" reconnect-max-ms = 900 }/' n.conf
check "limits" reload
check "are those of the section" eval '
	[ "$(link gate max-accepted)" = 7 ] && [ "$(link gate dead-ms)" = 5000 ] &&
	[ "$(link named reconnect-max-ms)" = 900 ]'
id=$(link gate id)
sed -i 's/ max-accepted = 7 dead-ms = 5000//; s/ reconnect-max-ms = 900//' n.conf
check "without them" reload
check "they are the defaults" eval '
	[ "$(link gate max-accepted)" = 1024 ] &&
	[ "$(link named reconnect-max-ms)" = 30000 ]'
check "and it is the link that it was" [ "$(link gate id)" = "$id" ]

# ---- addresses that are the same but for the interface ----

ip link add dm1 netns n type dummy
on n ip link set dm1 up
for dev in dm0 dm1; do
	on n ip addr add fe80::7/64 dev $dev nodad
done
echo 'link "local" { listen = "[fe80::7%dm0]:4002" }' >>n.conf
check "a link of one interface" reload
check "listens there" until_true there "link local"
was=$(link local id)
sed -i 's/%dm0/%dm1/' n.conf
check "the same of another one" reload
check "listens at the other one" until_true eval '[ "$(link local id)" -gt "$was" ]'
sed -i 's/%dm1/%dm2/' n.conf
check "an interface that is not there" reload
check "is waited for" until_true missing "link local" dm2

# ---- names that are another one's for a while ----

# hold NAME: a program has it
hold() {
	ip netns exec n lib_echo serve "$1" local >"$1.out" 2>&1 &
	eval "holder_$1=$!"
	until_true grep -q ready "$1.out"
}
let_go()	{ eval "kill \$holder_$1; wait \$holder_$1"; }
on n ockamctl node set hold-ms 0
for name in forwarding_service static_forwarding_service prekeys ear; do
	hold $name
done
cat >>n.conf <<-CONF
	relay { allow = {"anyone"} }
	prekey-service { allow = {"anyone"} }
	listener "ear" { identity = "one" trust = {"anyone"} }
CONF
check "services whose names are taken" reload
check "are missing" eval '
	missing "relay forwarding_service" "use" &&
	missing "relay static_forwarding_service" "use" &&
	missing "prekey-service prekeys" "use" && missing "listener ear" .'
for name in forwarding_service static_forwarding_service prekeys ear; do
	let_go $name
done
check "until the names are free" eval '
	until_true there "relay forwarding_service" &&
	until_true there "relay static_forwarding_service" &&
	until_true there "prekey-service prekeys" && until_true there "listener ear"'
is_worker()	{ on n ockamctl worker | grep -q "$1"; }
check "and they are" eval '
	is_worker " *\(0#\)\?forwarding_service" && is_worker static_forwarding_service &&
	is_worker prekeys && is_worker ear'

# ---- names that somebody takes out of the node's list ----

reserved()	{ on n ockamctl node | sed -n 's/0#//g; s/.*reserved *\([^ ]*\).*/\1/p'; }
reserves()	{ case ,$(reserved), in *,$1,*) ;; *) false ;; esac; }
check "the name of a hop is reserved" reserves h
on n ockamctl node set reserved mine
check "taken out, it comes back" until_true reserves h
check "and the new one stays" reserves mine

# ---- a kept channel ----

cat >>n.conf <<-CONF
	channel "kept" { identity = "one" route = "named => api" trust = {"anyone"} }
	channel "none" { identity = "one" route = "other => api" trust = {"anyone"} retry-max-ms = 500 }
CONF
check "two channels, of which one has no link" reload
check "one is there" until_true there "channel kept"
check "the other one is missing" until_true missing "channel none" .

# ---- signals that come too early ----

kill "$pid_n"
wait "$pid_n"
early() {
	for try in 1 2 3 4 5; do
		: >early.log
		ip netns exec n ockamd -f n.conf 2>early.log &
		pid_n=$!
		until_true grep -q ockamd "/proc/$pid_n/comm"
		kill -HUP "$pid_n"
		until_true grep -q ': ready' early.log || return 1
		until_true grep -q 'configuration is in force' early.log || return 1
		kill "$pid_n"
		wait "$pid_n" || return 1
	done
}
check "SIGHUP before it is ready is a reload" early

# ---- a list that is longer than an answer ----

many=500
long=0123456789012345678901234567890123456789012345678901234567890123456789
i=0
while [ $i -lt $many ]; do
	i=$((i + 1))
	echo "hop \"$long.$i\" { route = \"nowhere\" }"
done >>n.conf
start n
listed()	{ [ "$(on n ockamctl status | grep -c "^wanted *hop $long")" -eq $many ]; }
check "all of a long list is told" listed
check "in JSON too" [ "$(on n ockamctl -j status | grep -o "\"name\": \"$long\.[0-9]*\"" | \
	sort -u | wc -l)" -eq $many ]

echo "1..$n"
[ $failed -eq 0 ] || { sed 's/^/# /' n.log; on n ockamctl status | sed 's/^/# /'; }
exit $failed
