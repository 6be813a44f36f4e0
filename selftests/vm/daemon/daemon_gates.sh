#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Inlets and outlets that cannot be opened, and what a reload does to those that are
# open: names and ports that are somebody else's for a while.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

gate()	{ # gate NAME: state and what it is to do
	{ on alice ockamctl inlet; on alice ockamctl outlet; } |
		sed -n "s/^[0-9#]*$1 kind [a-z]* [a-z]* \([^ ]*\) state \([a-z]*\) .*/\2 \1/p"
}
is()	{ [ "$(gate "$1")" = "$2" ]; }
listens()	{ on alice ockamctl listener list | grep "^\(0#\)\{0,1\}ear "; }
reloads()	{ grep -c 'configuration is in force' alice.log; }
more()	{ [ "$(reloads)" -gt "$1" ]; }
reload() {
	before=$(reloads)
	kill -HUP "$pid_alice"
	until_true more "$before"
}

echo "TAP version 13"
nodes alice

cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	listener "ear" { identity = "alice" trust = {"anyone"} }
	inlet "one" { listen = "8001" route = "0#nowhere" }
	inlet "two" { listen = "8002" route = "0#nowhere" }
	outlet "out" { connect = "127.0.0.1:9000" allow = {"anyone"} }
CONF

# ---- somebody else has it ----

ip netns exec alice lib_portal echo 8001 >port.out 2>&1 &
port=$!
ip netns exec alice lib_echo serve out local >name.out 2>&1 &
name=$!
ip netns exec alice lib_echo serve ear local >ear.out 2>&1 &
ear=$!
pids="$port $name $ear"
check "a port and two names are taken" until_true eval \
	'grep -q ready port.out && grep -q ready name.out && grep -q ready ear.out'
check "the daemon starts all the same" start alice
check "the inlet has failed" is one 'failed 8001'
check "the outlet, too" is out 'failed 127.0.0.1:9000'
check "another one has not" is two 'up 8002'
check "there is no listener" eval '! listens'
kill $port $name $ear
check "when the port is free, it is opened" until_true is one 'up 8001'
check "when the name is free, likewise" until_true is out 'up 127.0.0.1:9000'
check "the listener, too" until_true listens
check "the log has told of each failure once" eval '
	[ "$(grep -c "error: inlet one" alice.log)" -eq 1 ] &&
	[ "$(grep -c "error: outlet out" alice.log)" -eq 1 ] &&
	[ "$(grep -c "error: listener ear" alice.log)" -eq 1 ]'

# ---- a reload in which two inlets change their ports ----

sed -i -e 's/"one" { listen = "8001"/"one" { listen = "8002"/' \
	-e 's/"two" { listen = "8002"/"two" { listen = "8001"/' alice.conf
failures=$(grep -c 'in use' alice.log)
check "two inlets change their ports" reload
check "the first has the second's" is one 'up 8002'
check "the second has the first's" is two 'up 8001'
check "without a failure" [ "$(grep -c 'in use' alice.log)" -eq "$failures" ]

# ---- a reload that needs more files ----

files()	{ sed -n 's/^Max open files *\([0-9]*\) .*/\1/p' "/proc/$pid_alice/limits"; }
was=$(files)
echo 'inlet "many" { listen = "8003" route = "0#nowhere" max = 16384 }' >>alice.conf
check "an inlet for many connections" reload
check "more files may be open" [ "$(files)" -ge $((was + 2 * 16384)) ]

# ---- names stay reserved while the daemon is away ----

end() {
	kill "$pid_alice"
	wait "$pid_alice"
}
reserved()	{ on alice ockamctl node | sed -n 's/0#//g; s/.*reserved *\([^ ]*\).*/\1/p'; }
has()	{ case ,$(reserved), in *,$1,*) ;; *) false ;; esac; }
serve()	{ as 1000 alice timeout 5 lib_echo serve "$1" local; }

check "the name of an outlet is reserved" has out
was=$(reserved)
on alice ockamctl node set reserved "mine,$was" hold-ms 0
end
refuse "while the daemon is away no user can take it" 'ermission' serve out
check "nor has the end changed the list" [ "$(reserved)" = "mine,$was" ]
sed -i 's/^outlet "out"/outlet "mine" { connect = "127.0.0.1:9000" allow = {"anyone"} }\n&/' alice.conf
check "the daemon starts again" start alice
check "the list is as it was" [ "$(reserved)" = "mine,$was" ]
sed -i '/^outlet/d' alice.conf
check "a reload takes the outlets away" reload
check "their names, too, are free, but not the administrator's" eval \
	'reserved; ! has out && has mine && has ockamd'
ip netns exec alice setpriv --reuid 1000 --regid 1000 --clear-groups \
	lib_echo serve out local >user.out 2>&1 &
pids="$pids $!"
check "a user can have it" until_true grep -q ready user.out

# ---- a reload that looks up a name which nobody answers for ----

resolv=/etc/netns/alice
mkdir -p $resolv
printf 'nameserver 10.1.0.77\noptions timeout:30 attempts:5\n' >$resolv/resolv.conf
[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
at_end()	{ rm -rf /etc/netns/alice; }
nodes bob
join alice bob 1
# Bob forwards nothing: what is for another address is lost there.
on alice ip neigh add 10.1.0.77 lladdr "$(on bob cat /sys/class/net/to_alice/address)" dev to_bob
end
check "a daemon with a name server that is silent" start alice
echo 'outlet "slow" { connect = "host.example.org:80" allow = {"anyone"} }' >>alice.conf
begun=$(grep -c 'reading .* again' alice.log)
begins()	{ [ "$(grep -c 'reading .* again' alice.log)" -gt "$begun" ]; }
kill -HUP "$pid_alice"
check "it reads its configuration" until_true begins
check "it answers meanwhile" on alice ockamctl inlet
check "the name is still looked up" eval '! grep "host.example.org" alice.log'
kill "$pid_alice"
ended()	{ ! grep '^State:' "/proc/$pid_alice/status" | grep -v '[ZX]'; }
check "and it ends meanwhile" until_true ended

echo "1..$n"
[ $failed -eq 0 ] || { sed 's/^/# /' alice.log name.out user.out port.out; on alice ockamctl inlet; }
exit $failed
