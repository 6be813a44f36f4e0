#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Names of peers: which channel they lead to, at both ends, for whom, and what becomes
# of them when channels come and go, at reloads, restarts and beside others' addresses.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# field NODE PEER NAME: what the daemon says of a peer
field() {
	on "$1" ockamctl peer list | awk -v p="$2" -v n="$3" '
		$1 == p { for (i = 2; i < NF; i += 2) if ($i == n) print $(i + 1) }'
}
is()		{ [ "$(field "$1" "$2" "$3")" = "$4" ]; }
is_not()	{ v=$(field "$1" "$2" "$3"); [ -n "$v" ] && [ "$v" != "$4" ]; }
# reaches UID NODE PEER: the echo comes back
reaches()	{ [ "$(as "$1" "$2" lib_echo ask "$3 => echoer" hello)" = hello ]; }
reload()	{ on "$1" ockamctl reload; }
rights()	{ on alice ockamctl -j channel show "$1" | tr -d ' \n' |
			sed 's/.*"owner":\([0-9]*\),"mode":\([0-9]*\).*/\1 \2/'; }

# alice_conf SECTION...
alice_conf() {
	cat >alice.conf <<-CONF
		state = "$dir/alice.keys"
		identity "alice" { create = true allow-uid = {"1000"} }
		listener "api" { identity = "alice" trust = {"anyone"} }
		link "door" { listen = "10.1.0.1:4000" }
		outlet "tcp" { connect = "127.0.0.1:9002" allow = {"anyone"} }
		$*
	CONF
}
# bob_conf SECTION...
bob_conf() {
	cat >bob.conf <<-CONF
		state = "$dir/bob.keys"
		identity "bob" { create = true allow-uid = {"1000"} }
		link "up" { connect = "10.1.0.1:4000" }
		$*
	CONF
}
channel() {
	cat <<-CONF
		channel "$1" { identity = "bob" route = "up => api" trust = {"$alice"}
			owner = "1000" retry-min-ms = 100 retry-max-ms = 1000 }
	CONF
}
peer()		{ echo "peer \"$1\" { identifier = \"$2\" $3 }"; }
refused()	{ # refused WHAT WORDS SECTION...
	alice_conf "$3"
	refuse "$1" "$2" ockamd -t -f alice.conf
}

echo "TAP version 13"
nodes alice bob
join alice bob 1
alice_conf
bob_conf
check "alice's daemon starts" start alice
check "bob's too" start bob
alice=$(identifier alice alice)
bob=$(identifier bob bob)
for ns in alice bob; do
	ip netns exec $ns lib_echo serve echoer channels >$ns.echo 2>&1 &
	pids="$pids $!"
	until_true grep -q ready $ns.echo
done

# ---- the section ----

refused "a peer has an identifier" 'has no identifier' 'peer "bob" { }'
refused "that is one" 'is not "I" and 64' 'peer "bob" { identifier = "I12" }'
refused "its name is a word" 'a name is wanted' "$(peer 'bo b' "$bob")"
refused "and not one that means everybody" 'a name is wanted' "$(peer anyone "$bob")"
refused "a listener has another address" 'that of another section' "$(peer api "$bob")"
refused "an identifier has one name" 'is that of peer "bob"' \
	"$(peer bob "$bob") $(peer robert "$bob")"
refused "its owner is a user" 'no user "nobody-here"' \
	"$(peer bob "$bob" 'owner = "nobody-here"')"

# ---- away, and there ----

alice_conf "$(peer bob "$bob" 'owner = "1000"')"
check "alice gives bob a name" reload alice
check "who is away" is alice bob state away
refuse "nothing is sent to somebody else" 'No route to host' \
	as 1000 alice lib_echo ask 'bob => echoer' x
refuse "nobody may have the address" 'reserved\|in use\|Permission' \
	as 1001 alice lib_echo serve bob channels

bob_conf "$(channel hq) $(peer alice "$alice")"
check "bob makes a channel, and gives alice a name" reload bob
check "which follows the channel" until_true is bob alice state up
check "alice's name for bob too, though he has made it" until_true is alice bob state up
check "alice's user reaches bob by it" until_true reaches 1000 alice bob
check "bob's reaches alice" until_true reaches 1000 bob alice
refuse "another user does not" 'Permission denied' \
	as 1001 alice lib_echo ask 'bob => echoer' x

# ---- where the name is seen ----

check "the list of channels has it in the place of the identifier" eval \
	'on alice ockamctl channel list | grep -q " bob " &&
	 ! on alice ockamctl channel list | grep -q "$bob"'
check "JSON has both" eval 'on alice ockamctl -j channel list | tr -d " \n" |
	grep -q "\"identifier\":\"$bob\".*\"peer\":\"bob\""'
check "the status too" eval 'on alice ockamctl status | grep -q "^peer *bob identifier $bob state up"'
check "and that in JSON" eval 'on alice ockamctl -j status | tr -d " \n" |
	grep -q "\"peer\":\[{\"name\":\"bob\""'
check "the log names him" logged alice "channel [0-9]* to bob ($bob) is up"
check "bob's kept channel names alice" eval \
	'on bob ockamctl secure-channel list | grep -q "peer-name alice"'
check "one may wait for it" on alice ockamctl wait channel bob up timeout 10
check "its user sees the name" eval '[ -n "$(as 1000 alice ockamctl peer list)" ]'
check "others do not" eval '[ -z "$(as 1001 alice ockamctl peer list)" ]'
sleep 100 | on alice nc -l -p 9002 >/dev/null 2>&1 &
pids="$pids $!"
until_true eval 'on alice ss -Hltn | grep -q :9002'
bob_conf "$(channel hq) $(peer alice "$alice")
	inlet \"in\" { listen = \"8001\" route = \"alice => tcp\" }"
check "an inlet leads through a name" reload bob
{ printf hello; sleep 100; } | on bob nc 127.0.0.1 8001 >/dev/null 2>&1 &
pids="$pids $!"
from() { on alice ss -Htn state established "sport = :9002" |
	awk '{ gsub(/\[::ffff:|\]/, "", $4); print $4; exit }'; }
until_true eval '[ -n "$(from)" ]'
check "whois names bob" eval 'on alice ockamctl whois "$(from)" | grep -q " name bob"'

# ---- several channels ----

first=$(field alice bob channel)
bob_conf "$(channel hq) $(channel second) $(peer alice "$alice")"
check "bob makes another channel" reload bob
check "the newest one has the name" until_true is_not alice bob channel "$first"
until_true is_kept bob second
check "at both ends" until_true reaches 1000 bob alice
bob_conf "$(channel hq) $(peer alice "$alice")"
check "it ends" reload bob
check "the name goes back to the first" until_true is alice bob channel "$first"
check "which works" reaches 1000 alice bob
own=$(as 1000 bob ockamctl -j secure-channel create 'up => api' identity bob \
	trust "$alice" | sed -n 's/.*"id": \([0-9]*\).*/\1/p')
check "a user of bob's node has a channel of his own" [ -n "$own" ]
check "bob's name for alice does not follow it" is_not bob alice channel "$own"
check "it ends" as 1000 bob ockamctl secure-channel delete "$own"
check "alice's name for bob leads to one that works" until_true reaches 1000 alice bob

# ---- restarts ----

kill -KILL "$pid_alice"
wait "$pid_alice" 2>/dev/null
check "the name works without the daemon" reaches 1000 alice bob
check "which comes back" start alice
check "and finds its name" is alice bob state up
check "that works" reaches 1000 alice bob

# ---- rights ----

alice_conf "$(peer bob "$bob" 'owner = "1001"')"
check "the name is another user's" reload alice
check "who reaches bob" reaches 1001 alice bob
refuse "the first one does not any more" 'Permission denied' \
	as 1000 alice lib_echo ask 'bob => echoer' x
alice_conf "$(peer bob "$bob" 'shared = true')"
check "everybody's" reload alice
check "so both do" eval 'reaches 1000 alice bob && reaches 1001 alice bob'
ch=$(field alice bob channel)
alice_conf "$(peer robert "$bob")"
check "bob is called otherwise" reload alice
check "by that name root reaches him" reaches 0 alice robert
check "the other one is gone" eval '! on alice ockamctl hop show bob 2>/dev/null'
check "and so are its rights" eval '[ "$(rights "$ch")" = "0 384" ]'
alice_conf "$(peer robert "$bob" 'shared = true')"
reload alice
kill -KILL "$pid_alice"
wait "$pid_alice" 2>/dev/null
check "a killed daemon leaves rights" eval '[ "$(rights "$ch")" = "0 438" ]'
alice_conf
check "without the section it takes them back" start alice
check "at its start" eval '[ "$(rights "$ch")" = "0 384" ]'
check "and the name" eval '! on alice ockamctl hop show robert 2>/dev/null'

# ---- an address that is somebody else's ----

on alice ockamctl relay add bob 'door => nobody' scope local >/dev/null
alice_conf "$(peer bob "$bob")"
check "an administrator's hop has the address" reload alice
check "so the name is not there" is alice bob state address-taken
check "and the hop is as it was" eval 'on alice ockamctl hop show bob | grep -q nobody'
check "the status says why" eval 'on alice ockamctl status |
	grep -q "wanted *peer bob: missing.*somebody else"'
on alice ockamctl relay del bob
check "when it is gone, the name is there" until_true is alice bob state up

# ---- away again ----

bob_conf
check "bob ends his channel" reload bob
check "alice's name leads nowhere" until_true is alice bob state away
refuse "which is what programs hear" 'No route to host' \
	on alice lib_echo ask 'bob => echoer' x
echo "1..$n"
exit $failed
