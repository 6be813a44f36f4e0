#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Trust by credentials: who an authority says is a member gets a channel, on both
# sides, and loses it with the credential or the rule.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

echo "TAP version 13"
echo "1..40"

nodes app resp
join app resp 1

auth="$dir/auth.keys"
auth_id=$(ockamctl identity create authority dir "$auth")
other_id=$(ockamctl identity create other dir "$auth")
ockamctl identity create app dir "$dir/app.keys" >app.id
ockamctl identity create resp dir "$dir/resp.keys" >resp.id
app_id=$(cat app.id)
history() { ockamctl identity export "$1" dir "$2"; }

# issue AUTHORITY NAME ATTRIBUTE SECONDS: to the identity NAME
issue() {
	history "$2" "$dir/$2.keys" >"$2.history" &&
	ockamctl identity issue "$1" attribute "$3" file "$2.history" \
		valid "$4" dir "$auth" >"$2.cred" &&
	ockamctl identity add-credential "$2" file "$2.cred" \
		dir "$dir/$2.keys"
}

# known NAME: NAME's daemon knows the history of the authority
known() {
	history authority "$auth" |
		ockamctl identity import-peer dir "$dir/$1.keys"
}

reload() {
	before=$(grep -c 'configuration is in force' "$1.log")
	eval "kill -HUP \$pid_$1"
	until_true reloaded "$1" "$before"
}
reloaded()	{ [ "$(grep -c 'configuration is in force' "$1.log")" -gt "$2" ]; }

create() {
	on app ockamctl secure-channel create 'up => api' identity app \
		timeout-ms 8000 "$@"
}
# The daemon looks every ten seconds.
later()	{ until_true "$@" || until_true "$@" || until_true "$@" || until_true "$@"; }
refused()	{ [ "$(grep -c 'handshake from .* refused' resp.log)" -ge "$1" ]; }

conf() {
	cat >resp.conf <<-CONF
		state = "$dir/resp.keys"
		identity "resp" { }
		listener "api" {
			identity = "resp"
			trust = {"authority $auth_id $1"}
		}
		link "door" { listen = "10.1.0.2:4000" }
	CONF
}
conf role=member
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { }
	link "up" { connect = "10.1.0.2:4000" }
CONF
check "a rule that is none is refused" sh -c "sed 's/role=member/role/' \
	resp.conf >bad.conf; ockamd -t -f bad.conf 2>&1 | grep 'authority IDENTIFIER'"
check "and one for who may register relays" sh -c "(cat resp.conf; echo \
	'relay { allow = {\"authority $auth_id a=b\"} }') >bad.conf; \
	ockamd -t -f bad.conf 2>&1 | grep 'credentials do not count'"
check "the responder's daemon starts" start resp
check "the application's daemon starts" start app
check "the link comes up" until_true sh -c \
	"ip netns exec app ockamctl link show up | grep -q 'state.*up'"

# The initiator believes that it has a channel; the responder makes none.
create trust anyone >/dev/null 2>&1
check "without a credential there is no channel" until_true refused 1
check "a credential is issued" issue authority app role=member 3600
check "the daemon reads it" reload app
create trust anyone >/dev/null 2>&1
check "that of an authority that is not known counts for nothing" \
	until_true refused 2
check "no channel so far" has_channels resp 0
check "the authority becomes known" known resp
check "now there is a channel" create trust anyone
check "at the responder too" until_true logged resp "to $app_id is up: responder"

# ---- the rule goes ----

conf role=admin
check "the rule changes" reload resp
check "and the channel goes" until_true has_channels resp 0
conf role=member
check "the rule is back" reload resp

# ---- the other side ----

refuse "an initiator can ask for one too" 'trust' \
	create trust "authority $auth_id kind=server"
known app >/dev/null
issue authority resp kind=server 3600 && reload resp
check "and gets it" create trust "authority $auth_id kind=server"
refuse "but not by another authority" 'trust' \
	create trust "authority $other_id kind=server"

# ---- time ----

on resp ockamctl channel flush
on app ockamctl channel flush
ockamctl identity drop-credentials app dir "$dir/app.keys"
check "a credential for a short time" issue authority app role=member \
	40
reload app
check "brings a channel" create trust anyone
check "which ends with it" later logged resp "the peer's credential has expired"

# ---- new ones in channels that are up ----

shown()	{ [ "$(grep -c 'its peer has shown new credentials' "$1.log")" -ge "$2" ]; }
# The VM's clock jumps over it.
wait_out()	{ sleep "$1"; }
renew() {
	ockamctl identity drop-credentials "$2" dir "$dir/$2.keys" &&
	issue "$1" "$2" "$3" "$4" && reload "$2"
}

on resp ockamctl channel flush
on app ockamctl channel flush
check "a credential for a minute" renew authority app role=member 60
check "brings a channel again" create trust anyone
echo "# of another authority, which the peer does not ask"
check "a new one of another authority" renew other app role=member 3600
check "is refused" until_true logged resp 'new credentials of its peer are refused'
check "a new one in time" renew authority app role=member 110
check "is taken note of" until_true shown resp 1
wait_out 80
check "and the channel lives on" has_channels resp 1
eval "kill \"\$pid_resp\"; wait \"\$pid_resp\""
check "the daemon starts again" start resp
check "and knows of it" has_channels resp 1
check "what ends at last ends the channel" later has_channels resp 0

# The responder's, for a channel that the initiator keeps.
on app ockamctl channel flush
check "the responder has one for two minutes" renew authority resp kind=server 120
cat >>app.conf <<-CONF
	channel "kept" {
		identity = "app"
		route = "up => api"
		trust = {"authority $auth_id kind=server"}
	}
CONF
issue authority app role=member 3600
reload app
check "a kept channel comes up" until_true sh -c \
	"ip netns exec app ockamctl secure-channel list | grep -q 'verified yes'"
renew authority resp kind=server 3600
check "is permitted for longer" until_true shown app 1
wait_out 100
check "and need not be made again" sh -c \
	"ip netns exec app ockamctl secure-channel list | grep -q ' made 1 '"

# One whose permit says nothing of a rule any more, when the daemon is gone.
sed -i "s/trust = {\"authority $auth_id kind=server\"}/trust = {\"authority $auth_id kind=server\", \"$(cat resp.id)\"}/" app.conf
reload app
was=$(channels app)
ockamctl identity drop-credentials resp dir "$dir/resp.keys" &&
	issue other resp kind=client 3600 && reload resp
check "trusted by its name, it is permitted for longer still" until_true shown app 2
kill -KILL "$pid_app"
wait "$pid_app" 2>/dev/null
check "killed, the daemon starts again" start app
sleep 15
check "stays" kill -0 "$pid_app"
check "and has the channel" has_channels app "$was"

[ $failed -eq 0 ] || { echo "# app:"; tail -n 40 app.log | sed 's/^/# /'
	echo "# resp:"; tail -n 40 resp.log | sed 's/^/# /'; }
exit $failed
