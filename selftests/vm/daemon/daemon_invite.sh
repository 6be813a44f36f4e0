#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Invitations: one word lets one node join, once, until a time; no server is asked.  A
# second use, one that is late, changed or withdrawn is refused.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

reaches()	{ says "$1" "$2 => echoer" hello; }
peer()		{ on alice ockamctl peer list | sed -n "s/^$1 .*state \([a-z]*\).*/\1/p"; }
is()		{ [ "$(peer "$1")" = "$2" ]; }
invite()	{ on alice ockamctl invite "$1" at 10.1.0.1:4000 dir alice.keys $2; }
# join NODE NAME WORD: at once or not at all
join_by()	{ printf '%s\n' "$3" | on "$1" ockamctl join "$2" identity "$1" dir "$1.keys"; }
# not_in NODE WORD: it is refused, and leaves nothing
not_in() {
	name=$1 words=$2
	shift 2
	refuse "$name" "$words" join_by "$@"
	check "and nothing is left" eval '! grep -q . '"$1"'.keys/added.conf 2>/dev/null &&
		[ -z "$(on '"$1"' ockamctl secure-channel list)" ]'
}
nodes alice bob carol
join alice bob 1
join alice carol 2
on carol ip route add 10.1.0.0/24 via 10.2.0.1

conf() {
	cat >"$1.conf" <<-CONF
		state = "$dir/$1.keys"
		identity "$1" { create = true }
		$2
	CONF
}
echo "TAP version 13"
conf alice 'listener "api" { identity = "alice" trust = {"invited", "anyone"} }'
refuse "anyone and the invited are not one list" 'trust' ockamd -t -f alice.conf
conf alice 'channel "x" { identity = "alice" route = "y" trust = {"invited"} }'
refuse "channels are not for the invited" 'is for listeners' ockamd -t -f alice.conf
conf alice 'listener "api" { identity = "alice" trust = {"invited"} }
	listener "closed" { identity = "alice" trust = {"Iee57273615fdb7f4e1fba5a2ae0a9fe10cc25f21303c3db7d7a5dc7469ec14f0"} }
	link "door" { listen = "10.1.0.1:4000" }'
conf bob ''
conf carol ''
for ns in alice bob carol; do
	check "$ns's daemon starts" start $ns
done
bob=$(identifier bob bob)
alice=$(identifier alice alice)
ip netns exec alice lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
ip netns exec bob lib_echo serve echoer channels >echob.out 2>&1 &
pids="$pids $!"
until_true eval 'grep -q ready echo.out && grep -q ready echob.out'

# ---- one joins ----

check "alice invites bob" invite bob
word=$(cat check.out)
check "it is one word" eval '[ "$(echo "$word" | wc -w)" -eq 1 ] && [ ${#word} -lt 200 ]'
check "she knows of the invitation" is bob invited
check "bob joins" join_by bob alice "$word"
joined=$(cat check.out)
check "his channel leads to alice" eval '[ "$joined" = "alice: a channel to $alice" ] && reaches bob alice'
check "alice calls him so" until_true is bob up
check "by the identifier that he has" eval 'on alice ockamctl peer list | grep -q "^bob identifier $bob .*invited-to api"'
check "and reaches him" until_true reaches alice bob
check "nothing of the word is in files, logs or lists" eval '
	! grep -rq "$word" . --exclude=check.out --exclude-dir=proc'
check "his identity shows no credential any more" eval '
	on bob ockamctl identity show bob full dir bob.keys && on bob ockamctl reload'

# ---- and nobody else by the same word ----

check "another node reaches alice" on carol ping -c 1 -W 5 10.1.0.1
refused=$(grep -c "trust" alice.log)

not_in "a second use is refused" 'did not let us in' carol alice "$word"
check "the log says why" eval '[ "$(grep -c trust alice.log)" -gt "$refused" ]'
check "bob's channel is as it was" reaches bob alice

# ---- what else is refused ----

word=$(invite late 'expires 2')
sleep 3
not_in "a late one is, by who joins" 'has expired' carol alice "$word"
changed=$(echo "$word" | sed 's/^\(.\{40\}\)\(.\)/\1/')
not_in "one that lost a letter" 'not the word' carol alice "$changed"
changed=$(echo "$word" | tr 'A-Z' 'B-ZA')
not_in "one that was changed" 'not the word' carol alice "$changed"
not_in "no word" 'wanted on standard input' carol alice ''
word=$(invite gone)
check "alice withdraws one" on alice ockamctl invite delete gone
not_in "so it is refused" 'did not let us in' carol alice "$word"
check "nor is there a trace of it" eval '! on alice ockamctl peer list | grep -q gone'
refuse "a listener that takes nobody invites nobody" 'no trust = { "invited" }' \
	on alice ockamctl invite carol at 10.1.0.1:4000 listener closed dir alice.keys
refuse "nor one that there is not" 'no listener' \
	on alice ockamctl invite carol at 10.1.0.1:4000 listener nope dir alice.keys
refuse "a name is had once" 'section of this name' invite bob
refuse "where it leads to is said" 'HOST:PORT is missing' on alice ockamctl invite carol
refuse "another user invites nobody" 'yours\|may not\|denied' \
	as 1000 alice ockamctl invite carol at 10.1.0.1:4000 dir alice.keys

# ---- restarts ----

word=$(invite carol)
for ns in alice bob; do
	eval "kill -KILL \$pid_$ns; wait \$pid_$ns" 2>/dev/null
	check "$ns's daemon comes back" start $ns
done
check "bob is who he was" until_true is bob up
check "and his channel works" until_true reaches bob alice
check "an invitation is good after a restart, too" join_by carol alice "$word"
check "carol is in" until_true reaches carol alice

# ---- no more ----

check "alice wants no more of bob" on alice ockamctl invite delete bob
check "his channel ends" until_true eval 'on alice ockamctl channel list | grep -vq " $bob "'
check "and he gets none" until_true eval '! on bob ockamctl secure-channel list | grep -q "state up"'
check "carol ends hers" on carol ockamctl join delete alice
check "and nothing is left" eval '[ -z "$(on carol ockamctl secure-channel list)" ] &&
	! on carol ockamctl link show j.alice 2>/dev/null'
echo "1..$n"
exit $failed
