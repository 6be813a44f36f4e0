#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# TCP through a channel: an inlet of alice's ockamd, an outlet of bob's, programs
# that know nothing of it, and how each kind of end reaches the other side.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

bulk=52428800
case ${OCKAM_VM_KERNEL:-} in debug*) bulk=1048576 ;; esac

portal() { # portal NODE NAME FIELD
	{ on "$1" ockamctl inlet; on "$1" ockamctl outlet; } | sed -n "s/^[0-9#]*$2 .* $3 \([0-9a-z]*\).*/\1/p"
}
is()	{ [ "$(portal "$1" "$2" "$3")" = "$4" ]; }
none_open()	{ is alice in open 0 && is bob out open 0; }
lines()	{ [ "$(grep -c "$1" "$2")" -ge "$3" ]; }
up()	{ on alice ockamctl secure-channel list | grep -q '^0\{0,1\}#\{0,1\}hq .*state up'; }
memory()	{ eval "sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/\$pid_$1/status"; }

echo "TAP version 13"

nodes alice bob
join alice bob 1
cat >bob.conf <<-CONF
	state = "$dir/bob.keys"
	identity "bob" { create = true }
	listener "api" { identity = "bob" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
CONF
cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "hq" { identity = "alice" route = "up => api" trust = {"anyone"} }
	inlet "in" { listen = "8000" route = "hq => out" timeout-ms = 20000 }
	inlet "source" { listen = "127.0.0.1:8001" route = "hq => source" }
	inlet "nobody" { listen = "8002" route = "hq => nobody" }
	inlet "lost" { listen = "8003" route = "away => out" }
CONF
check "alice's daemon starts" start alice
alice_id=$(identifier alice alice)
cat >>bob.conf <<-CONF
	outlet "out" { connect = "127.0.0.1:9000" allow = {"$alice_id"} }
	outlet "source" { connect = "127.0.0.1:9001" allow = {"$alice_id"} }
	outlet "nobody" { connect = "127.0.0.1:9" allow = {"$alice_id"} }
CONF
check "bob's starts" start bob
on bob lib_portal echo 9000 >echo.out 2>&1 &
pids=$!
on bob lib_portal source 9001 8388608 >source.out 2>&1 &
pids="$pids $!"
check "the channel comes up" until_true up
check "servers wait" until_true eval 'grep -q ready echo.out && grep -q ready source.out'

check "inlets listen at the loopback address only" eval '
	on alice netstat -ltn; on alice netstat -ltn | grep -q "127.0.0.1:8000 " &&
	! on alice netstat -ltn | grep -q "0.0.0.0:8\|:::8"'
check "five bytes go and come" on alice lib_portal run 8000 5 1
check "their end reaches the server" until_true grep -q 'end after 5' echo.out
check "nothing is left of it" until_true none_open
check "$bulk bytes go and come" on alice lib_portal run 8000 $bulk 1
check "its end, too" until_true grep -q "end after $bulk" echo.out
check "60 connections at once" on alice lib_portal run 8000 65536 60
check "all end" until_true lines 'end after 65536' echo.out 60
check "and leave nothing" until_true none_open
check "the counters know" eval 'on alice ockamctl inlet
	is alice in opened 62 && is bob out opened 62 && is alice in refused 0'

check "a client resets" on alice lib_portal reset 8000
check "the server sees an end" until_true lines 'after 5$' echo.out 2
check "nothing is left of that" until_true none_open
check "the server ends: all of it comes, and then the end" \
	on alice lib_portal late 8001 8388608 0
refuse "no target: the client is told" 'reset\|Broken\|the end' on alice lib_portal run 8002 5 1
refuse "no route: likewise" 'reset\|Broken\|the end' on alice lib_portal run 8003 5 1

# A reader that pauses, for less than the node's patience.
was=$(memory alice)
check "a reader that pauses gets all" on alice lib_portal late 8001 8388608 3000
check "the daemon's memory stays" [ $(($(memory alice) - was)) -le 1024 ]
# One that pauses for too long: a reset, never a hole.
on alice ockamctl node set stall-ms 4000
refuse "a reader that takes nothing loses its connection" 'reset' \
	sh -c 'ip netns exec alice lib_portal late 8001 8388608 9000 2>&1; exit 1'
check "because of that" logged alice 'has taken nothing for'
check "the channel goes on" on alice lib_portal run 8000 1000 2

# Reload: what stays has its connections, what goes loses them.
ip netns exec alice lib_portal hold 8000 3 >hold.out 2>&1 &
hold=$!
check "three are held" until_true is bob out open 3
sed -i 's/route = "hq => source"/route = "hq => out"/' alice.conf
kill -HUP "$pid_alice"
check "alice reloads" until_true logged alice 'configuration is in force'
check "the three stay" is bob out open 3
check "a changed route is used" on alice lib_portal run 8001 70000 2
sed -i "/outlet \"out\"/s/$alice_id/$(identifier bob bob)/" bob.conf
kill -HUP "$pid_bob"
check "bob reloads: alice may not any more" until_true logged bob 'configuration is in force'
check "which ends them" until_true none_open
check "she gets no other one" eval '! on alice timeout 3 lib_portal run 8000 5 1'
kill $hold 2>/dev/null

# The channel goes, and with it what went through it.
sed -i "/outlet \"out\"/s/$(identifier bob bob)/$alice_id/" bob.conf
kill -HUP "$pid_bob"
check "bob allows her again" until_true on alice timeout 20 lib_portal run 8000 5 1
ip netns exec alice lib_portal hold 8000 2 >hold.out 2>&1 &
hold=$!
check "two are held" until_true is bob out open 2
on bob ockamctl channel flush
check "without a channel they end at both sides" until_true none_open
kill $hold 2>/dev/null
check "the channel is made again" until_true on alice timeout 20 lib_portal run 8000 5 1

# Mistakes in the configuration.
bad() { # bad NAME PATTERN SECTION
	echo "$3" >bad.conf
	refuse "$1" "$2" ockamd -t -f bad.conf
}
bad "a port for other machines has to be asked for" 'anywhere = true' \
	'inlet "x" { listen = "0.0.0.0:80" route = "a" }'
bad "an inlet needs a route" 'no route' 'inlet "x" { listen = "80" }'
bad "a port is no word" 'not a number' 'inlet "x" { listen = "http" route = "a" }'
bad "an outlet needs a target" 'no target' 'outlet "x" { allow = {"anyone"} }'
bad "and somebody who may use it" 'nobody may use it' 'outlet "x" { connect = "127.0.0.1:80" }'
bad "whom credentials do not name" 'credentials do not count' \
	"outlet \"x\" { connect = \"127.0.0.1:80\" allow = {\"authority $alice_id a=b\"} }"

echo "1..$n"
[ $failed -eq 0 ] || { tail -n 40 alice.log bob.log | sed 's/^/# /'
	sed 's/^/# /' hold.out; }
exit $failed
