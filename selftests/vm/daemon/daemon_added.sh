#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Inlets and outlets that are made at run time: by whom, what is refused and changes
# nothing, and what a reload, a restart and the configuration's own do to them.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

inlets()	{ on alice ockamctl inlet list; }
outlets()	{ on bob ockamctl outlet list; }
listens()	{ on alice ss -Hltn | grep -q "127.0.0.1:$1 "; }
# runs PORT: bytes go through and come back
runs()		{ on alice lib_portal run "$1" 1000 1; }
file()		{ cat alice.keys/added.conf 2>/dev/null; }
# same WHAT WORDS COMMAND...: it is refused, and nothing has changed
same() {
	name=$1 words=$2
	shift 2
	before=$(inlets | sed 's/ open.*//'; outlets | sed 's/ open.*//'; file)
	refuse "$name" "$words" "$@"
	after=$(inlets | sed 's/ open.*//'; outlets | sed 's/ open.*//'; file)
	check "and nothing has changed" [ "$before" = "$after" ]
	check "nor is anything left" eval '! ls alice.keys bob.keys | grep "added.conf.new"'
}

alice_conf() {
	cat >alice.conf <<-CONF
		state = "$dir/alice.keys"
		user = "ockam"
		identity "alice" { create = true }
		link "up" { connect = "10.1.0.2:4000" }
		channel "hq" { identity = "alice" route = "up => api" trust = {"anyone"} }
		inlet "conf" { listen = "8000" route = "hq => conf" }
		$*
	CONF
}

# Whose answers count beside root's.
mkdir -p /etc/ockam && echo ockam >/etc/ockam/daemon-user
at_end()	{ rm -f /etc/ockam/daemon-user; }

echo "TAP version 13"
nodes alice bob
join alice bob 1
alice_conf
cat >bob.conf <<-CONF
	state = "$dir/bob.keys"
	identity "bob" { create = true }
	listener "api" { identity = "bob" trust = {"anyone"} }
	link "door" { listen = "10.1.0.2:4000" }
CONF
check "bob's daemon starts" start bob
check "alice's starts" start alice
alice=$(identifier alice alice)
on bob lib_portal echo 9000 >echo.out 2>&1 &
pids="$pids $!"
until_true grep -q ready echo.out
check "there is a channel" until_true is_kept alice hq

# ---- made ----

check "bob makes an outlet" on bob ockamctl outlet add echo connect 127.0.0.1:9000 \
	allow "$alice" allow Iee57273615fdb7f4e1fba5a2ae0a9fe10cc25f21303c3db7d7a5dc7469ec14f0
check "alice an inlet" on alice ockamctl inlet add web listen 8001 route 'hq => echo'
check "which is there when the answer comes" listens 8001
check "bytes go through" runs 8001
check "it is said how it was made" eval 'inlets | grep -q "^web .* added yes" &&
	! inlets | grep -q "^conf .*added"'
check "in JSON, too" eval 'on alice ockamctl -j inlet list | grep -q "\"added\": \"yes\""'
check "the daemon's user may do so as well" as "$(id -u ockam)" alice \
	ockamctl inlet add own listen 8002 route 'hq => echo' max 3
check "the file is that user's" [ "$(stat -c %U:%a alice.keys/added.conf)" = ockam:600 ]
check "an outlet for everybody" on bob ockamctl outlet add all connect 127.0.0.1:9000 \
	allow anyone proxy-protocol counters no max-peer 2
check "with what was said of it" eval 'grep -q "proxy-protocol = .true" bob.keys/added.conf'

# ---- refused ----

same "another user may not" 'uid 1000 may not make' \
	as 1000 alice ockamctl inlet add x listen 8009 route 'hq => echo'
same "nor delete" 'uid 1000 may not make or delete anything' as 1000 alice ockamctl inlet delete web
same "a name is had once" 'made at run time' \
	on alice ockamctl inlet add web listen 8009 route 'hq => echo'
same "and not that of the configuration" 'inlet "conf": the configuration has a section' \
	on alice ockamctl inlet add conf listen 8009 route 'hq => echo'
same "a port is a port" 'ockamctl: listen = "70000": the port is not' \
	on alice ockamctl inlet add x listen 70000 route 'hq => echo'
same "a route is a route" 'route' on alice ockamctl inlet add x listen 8009 route 'hq =>'
same "other machines are asked for" 'anywhere = true' \
	on alice ockamctl inlet add x listen 0.0.0.0:8009 route 'hq => echo'
same "a number is a number" 'max' on alice ockamctl inlet add x listen 8009 route 'hq' max many
same "a word is one that there is" "unknown word 'color'" \
	on alice ockamctl inlet add x listen 8009 color red
same "something is missing" 'has no route' on alice ockamctl inlet add x listen 8009
same "who may use an outlet is said" 'nobody may use it' \
	on bob ockamctl outlet add x connect 127.0.0.1:9000
same "an outlet has an address that is free" 'outlet "api": the configuration has' \
	on bob ockamctl outlet add api connect 127.0.0.1:9000 allow anyone
same "what the configuration has is deleted there" 'none of this name was made at run time' \
	on alice ockamctl inlet delete conf
same "what there is not is not deleted" 'none of this name' on alice ockamctl inlet delete nope
same "no line is broken" 'control character' \
	on alice ockamctl inlet add x listen '8009
' route 'hq'
check "a quote is only a quote" on alice ockamctl inlet add "a'}\\" listen 8003 route 'hq => echo'
check "and one may be rid of it" on alice ockamctl inlet delete "a'}\\"
check "of it alone" eval 'listens 8001 && ! listens 8003'

# ---- what happens else ----

{ printf x; sleep 100; } | on alice nc 127.0.0.1 8001 >stays.out 2>&1 &
pids="$pids $!"
until_true grep -q x stays.out
open()	{ inlets | sed -n "s/^$1 .* open \([0-9]*\).*/\1/p"; }
check "several are made at once" eval '
	made=; for i in 1 2 3 4 5; do
		on alice ockamctl inlet add "n$i" listen "810$i" route "hq => echo" &
		made="$made $!"
	done; for p in $made; do wait $p || break; done &&
	listens 8101 && listens 8102 && listens 8103 && listens 8104 && listens 8105'
check "a connection stays" [ "$(open web)" = 1 ]
check "the configuration is read again" on alice ockamctl reload
check "and it is still there" [ "$(open web)" = 1 ]
kill -KILL "$pid_alice"
wait "$pid_alice" 2>/dev/null
check "the daemon comes back" start alice
check "with what was made" eval 'listens 8001 && listens 8002 && listens 8105'
check "which works" until_true runs 8001
check "one is deleted" on alice ockamctl inlet delete web
check "and not there" eval '! listens 8001'
alice_conf 'inlet "own" { listen = "8200" route = "hq => echo" }'
check "the configuration has the name of one now" on alice ockamctl reload
check "and is first" eval 'listens 8200 && ! listens 8002 && logged alice "\"own\", which was made at run time, is left out"'
alice_conf
check "when it has it no more" on alice ockamctl reload
check "the other is there again" eval '! listens 8200 && listens 8002'

# ---- beside a file that somebody is writing ----

cp alice.conf whole.conf
echo 'channel "half' >>alice.conf
check "one is made while the file is half written" on alice ockamctl inlet add half \
	listen 8300 route 'hq => echo'
check "and is there" listens 8300
refuse "which a reload does not take" 'old configuration stays' on alice ockamctl reload
check "one is deleted beside it" on alice ockamctl inlet delete half
check "and gone" eval '! listens 8300'
cp whole.conf alice.conf

# ---- its file ----

kill -TERM "$pid_alice"
wait "$pid_alice" 2>/dev/null
mv alice.keys/added.conf there
ln -s "$dir/there" alice.keys/added.conf
check "through a link nothing is read" start alice
check "the log says so" eval 'tail -n 40 alice.log | grep -q "added.conf: Too many levels"'
check "the rest is there" eval 'listens 8000 && ! listens 8002'
echo "1..$n"
exit $failed
