#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A node that is reached by a name at a relay: bob's daemon registers it, through a
# channel or over a plain link, and again whenever the way there is another one.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

reach()		{ says alice "$1" hello; }
names()		{ on bob ockamctl relay names; }
registered()	{ names | grep -q "^$1 state registered name 0#$2 "; }
# How many registrations the relay took.
taken()		{ on relay ockamctl listener list | sed -n 's/^relay service .* accepted \([0-9]*\) refused.*/\1/p'; }
took_more()	{ [ "$(taken)" -gt "$1" ]; }
accepted() {
	on relay ockamctl -j link list | tr -d ' \n' | sed 's/},{/}\n{/g' |
		grep '"accepted"' | grep '10.2.0.1' | sed 's/.*"id":\([0-9]*\).*/\1/'
}

# bob_conf SECTION...
bob_conf() {
	cat >bob.conf <<-CONF
		state = "$dir/bob.keys"
		identity "bob" { create = true }
		identity "other" { create = true }
		listener "api" { identity = "bob" trust = {"anyone"} }
		link "up" { connect = "10.2.0.2:4000" reconnect-min-ms = 100 reconnect-max-ms = 200 }
		channel "hub" { identity = "bob" route = "up => api" trust = {"anyone"}
			retry-min-ms = 100 retry-max-ms = 500 }
		$*
	CONF
}
refused()	{ # refused WHAT WORDS SECTION
	bob_conf "$3"
	refuse "$1" "$2" ockamd -t -f bob.conf
}

echo "TAP version 13"
nodes relay alice bob
star relay alice bob

refused "a relay is somewhere" 'no route' 'relay-at "hub" { name = "bob" }'
refused "there is a name to ask for" 'has no name' 'relay-at "hub" { route = "hub" }'
refused "whose identity the channel shows" 'does not begin with a channel that shows' \
	'relay-at "hub" { route = "hub" identity = "other" }'
refused "and not a link" 'does not begin with a channel that shows' \
	'relay-at "hub" { route = "up" identity = "bob" }'
refused "its title is a word" 'without blanks' 'relay-at "the hub" { route = "hub" name = "bob" }'

bob_conf 'relay-at "hub" { route = "hub" identity = "bob" }'
check "bob's daemon starts" start bob
bob=$(identifier bob bob)
check "he has no name while there is no relay" eval 'names | grep -q "^hub state wanted name -"'
check "the status says why" until_true eval 'on bob ockamctl status |
	grep -q "wanted *relay-at hub: missing.*out of reach"'
relay_conf() {
	cat >relay.conf <<-CONF
		state = "$dir/relay.keys"
		forward = {link-channel, channel-link, link-link}
		identity "relay" { create = true }
		listener "api" { identity = "relay" trust = {"anyone"} }
		link "door" { listen = "0.0.0.0:4000" }
		relay { allow = {"$bob"} $1 }
	CONF
}
relay_conf
check "the relay's starts" start relay
cat >alice.conf <<-CONF
	state = "$dir/alice.keys"
	identity "alice" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
	channel "bob" { identity = "alice" route = "up => forward_to_bob => api" trust = {"$bob"}
		retry-min-ms = 100 retry-max-ms = 500 }
CONF
check "bob has a name there" until_true registered hub forward_to_bob
check "the status knows it" eval 'on bob ockamctl -j status | tr -d " \n" |
	grep -q "\"relay-at\":\[{\"name\":.*forward_to_bob"'
check "JSON has it" eval 'on bob ockamctl -j relay names | tr -d " \n" |
	grep -q "\"relay-at\":\"hub\",\"state\":\"registered\",\"name\":\"0#forward_to_bob\""'
refuse "not for everybody" 'may not see' as 1000 bob ockamctl relay names
check "alice's daemon starts" start alice
ip netns exec bob lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
until_true grep -q ready echo.out
check "alice makes a channel to bob by his name" until_true is_kept alice bob
check "and reaches his worker" reach 'bob => echoer'

# ---- another channel to the relay ----

had=$(taken)
on relay ockamctl channel flush
check "bob's channel to the relay is another one" until_true took_more "$had"
check "so he has registered again" until_true registered hub forward_to_bob
check "and alice reaches him" until_true reach 'up => forward_to_bob => echoer'

# ---- restarts ----

had=$(taken)
kill -KILL "$pid_bob"
wait "$pid_bob" 2>/dev/null
check "the name works without bob's daemon" reach 'up => forward_to_bob => echoer'
check "which comes back" start bob
check "and knows its name" until_true registered hub forward_to_bob
check "without asking again" [ "$(taken)" = "$had" ]
kill -KILL "$pid_relay"
wait "$pid_relay" 2>/dev/null
on relay ockamctl flush
rm -f relay.keys/relays
check "a relay that knows nothing any more" start relay
check "is told" until_true took_more 0
check "so alice reaches bob" until_true reach 'up => forward_to_bob => echoer'

# ---- who may not ----

bob_conf 'channel "hub2" { identity = "other" route = "up => api" trust = {"anyone"} }
	relay-at "hub" { route = "hub" identity = "bob" }
	relay-at "two" { route = "hub2" name = "bob" }'
check "another identity asks for the name" on bob ockamctl reload
check "it is not given" until_true eval 'on bob ockamctl status |
	grep -q "wanted *relay-at two: missing.*no answer"'
check "the first has it still" eval 'registered hub forward_to_bob && reach "up => forward_to_bob => echoer"'

# ---- over a plain link ----

relay_conf 'plain-links = true'
check "the relay takes names over links, too" on relay ockamctl reload
bob_conf 'relay-at "plain" { route = "up" name = "plain" }'
on bob ockamctl reload
check "bob has one" until_true registered plain forward_to_plain
check "the other section is gone" eval '! names | grep -q "^hub"'
ip netns exec bob lib_echo serve open links >open.out 2>&1 &
pids="$pids $!"
until_true grep -q ready open.out
check "alice reaches bob over links" reach 'up => forward_to_plain => open'
had=$(taken)
on relay ockamctl link del "$(accepted)"
check "his connection is another one: he registers again" until_true took_more "$had"
check "alice reaches him" until_true reach 'up => forward_to_plain => open'
echo "1..$n"
exit $failed
