#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Names that are not for everybody, asked for through ockamd, which has the right
# to all of them: by users of the node, and by registration at the relay service.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

channel() {
	on peer ockamctl secure-channel create 'up => api' identity "$1" \
		trust anyone timeout-ms 20000 | awk '{ print $1 }'
}
# A BARE string of less than 128 bytes.
bare()	{ printf "\\$(printf %03o ${#1})%s" "$1"; }
says()	{ [ "$(on "$1" lib_echo ask "$2" "$3")" = "$4" ]; }
gets()	{ says peer "$1 => static_forwarding_service" "$(bare "$2")" "$(bare "$3")"; }
taken()	{ on relay ockamctl -j hop list | grep '"address"'; }
said()	{ grep -c "registration refused: $1" relay.log; }
said_more()	{ [ "$(said "$1")" -gt "$2" ]; }

# no_name CHANNEL NAME REASON: the service refuses it, and makes nothing
no_name() {
	taken >was.taken
	before=$(said "$3")
	on peer lib_echo tell "$1 => static_forwarding_service" "$(bare "$2")"
	if until_true said_more "$3" "$before" && taken >is.taken; cmp was.taken is.taken; then
		ok "no relay is called $2: $3"
	else
		not_ok "no relay is called $2: $3"
		grep 'relay' relay.log | tail -n 3 | sed 's/^/# /'
	fi
}
user()	{ as "$1" relay ockamctl listener create "$2" identity relay trust anyone; }

echo "TAP version 13"
nodes relay peer
join peer relay 1

cat >peer.conf <<-CONF
	state = "$dir/peer.keys"
	identity "alice" { create = true }
	identity "bob" { create = true }
	identity "carol" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
CONF
check "the peers' daemon starts" start peer
alice_id=$(identifier peer alice)
bob_id=$(identifier peer bob)

# conf RELAY-OPTIONS: without a prefix names can be any
conf() {
	cat >relay.conf <<-CONF
		state = "$dir/relay.keys"
		forward = {link-channel, channel-link}
		identity "relay" { create = true allow-uid = {1000, 1001} }
		listener "api" { identity = "relay" trust = {"anyone"} }
		address "later" { allow-uid = {1000} }
		link "door" { listen = "0.0.0.0:4000" }
		relay { $1 }
	CONF
}
both="allow = {\"$bob_id\", \"$alice_id\"}"
conf "$both prefix = \"\" max = 3"
check "the relay's daemon starts" start relay
check "the link is up" until_true eval \
	'on peer ockamctl link show up | grep -q "state.*up"'
alice=$(channel alice) bob=$(channel bob) carol=$(channel carol)
encryptor=$(on relay ockamctl channel list | grep -o '0#[^ ]*' | head -n 1)
on relay lib_echo serve echoer >echo.out 2>&1 &
pids=$!
on relay ockamctl node set hold-ms 3600000
as 1000 relay lib_echo serve just-now >gone.out 2>&1 &
gone=$!
until_true grep -q ready echo.out
until_true grep -q ready gone.out
kill $gone
wait $gone 2>/dev/null
on relay ockamctl node set reserved ockamd,api,forwarding_service,static_forwarding_service,secret

# ---- users of the node ----

check "uid 1000 may listen" user 1000 mine
refuse "not at a name that the node reserves" 'the address is reserved' user 1000 secret
refuse "nor at one of the daemon's" 'may not listen' user 1000 static_forwarding_service
refuse "nor at one that another uid has just left" 'kept for who had it' user 1001 just-now
refuse "nor where a worker is" 'taken' user 1001 echoer
refuse "nor where another uid listens" 'taken' user 1001 mine
refuse "nor at an address of the form of random ones" 'reserved' \
	user 1000 0123456789abcdef0123456789abcdef
refuse "nor at one that is promised to another uid" 'may not listen' user 1001 later
check "whom it is promised to may" user 1000 later
as 1000 relay ockamctl listener delete later
refuse "an administrator where a service is, is told" 'taken' \
	on relay ockamctl listener create static_forwarding_service identity relay trust anyone
check "the daemon binds what is its own after that" eval '
	kill -HUP $pid_relay && until_true logged relay "configuration is in force" &&
	on relay ockamctl listener create secret identity relay trust anyone &&
	on relay ockamctl listener delete secret'

# ---- the relay service ----

check "bob gets a name" gets "$bob" shop shop
no_name "$alice" shop 'the name belongs to another'
for name in ockamd api forwarding_service static_forwarding_service later door; do
	no_name "$bob" $name 'not a name for a relay'
done
for name in secret just-now echoer mine "${encryptor#0#}" \
	0123456789abcdef0123456789abcdef; do
	no_name "$bob" "$name" 'the name is taken'
done
no_name "$carol" stall 'not allowed'
no_name up stall 'not allowed'
check "the worker is still who answers" says relay echoer hello hello
check "alice gets a name" gets "$alice" stall stall
check "and bob another one" gets "$bob" inn inn
no_name "$alice" house 'too many relays'
no_name "$bob" inn2 'too many relays'
check "who has one has it again" gets "$bob" shop shop
check "a name with a relay cannot be bound" eval \
	'! as 1000 relay lib_echo serve shop 2>&1'

# ---- after a restart, with less room ----

kill -KILL "$pid_relay"
wait "$pid_relay" 2>/dev/null
conf "$both prefix = \"\" max = 1"
check "the daemon starts again, for one name" start relay
check "all three are there" [ "$(taken | wc -l)" -eq 3 ]
no_name "$alice" shop 'the name belongs to another'
no_name "$bob" stall 'the name belongs to another'
no_name "$bob" new 'too many relays'
check "who has one has it again" gets "$alice" stall stall

# ---- who is not allowed any more; for how long ----

conf "allow = {\"$bob_id\"} prefix = \"\" max = 4 lifetime = 2"
before=$(readies relay)
kill -HUP "$pid_relay"
check "alice is not allowed any more, and her name is free" until_true eval \
	'logged relay "stall is not allowed any more" && [ "$(taken | wc -l)" -eq 2 ]'
check "bob gets it, for two seconds" gets "$bob" stall stall
check "then it goes" until_true eval '! taken | grep -q stall'
check "the others stay as long as was said" [ "$(taken | wc -l)" -eq 2 ]
conf "allow = {\"$bob_id\"} prefix = \"p_\" max = 4 lifetime = 600"
kill -HUP "$pid_relay"
check "with a prefix" until_true gets "$bob" api p_api
conf "$both prefix = \"p_\" max = 6 lifetime = 600"
kill -HUP "$pid_relay"
for name in a b c d e f; do
	on peer lib_echo tell "$bob => static_forwarding_service" "$(bare $name)"
done
no_name "$bob" too-many 'too many relays'
check "bob has all there may be" eval '[ "$(taken | wc -l)" -eq 6 ]'
check "alice gets one all the same" until_true gets "$alice" fair p_fair
check "and another one" gets "$alice" fair2 p_fair2
check "there are no more than before" eval '[ "$(taken | wc -l)" -eq 6 ]'
sed -i '/relay {/d' relay.conf
kill -HUP "$pid_relay"
check "without the service there are no names" until_true eval '[ -z "$(taken)" ]'
check "the daemon is the one that was started" kill -0 "$pid_relay"

echo "1..$n"
[ $failed -eq 0 ] || tail -n 80 relay.log | sed 's/^/# /'
exit $failed
