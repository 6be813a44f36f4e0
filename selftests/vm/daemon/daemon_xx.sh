#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Two nodes (network namespaces), a TCP link, an ockamd on each: Noise XX, a
# message through the channel, who may do what, restart and reload of the daemon.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

echo "TAP version 13"
echo "1..56"

nodes app resp
join app resp 1

# Few handshakes, so that all are in use before the first expires.
cat >resp.conf <<-CONF
	user = "ockam"
	state = "$dir/resp.keys"
	max-handshakes = 64
	identity "responder" { create = true }
	identity "bob" { create = true allow-uid = {1000} }
	listener "api" {
		identity = "responder"
		trust = {"anyone"}
	}
	link "door" { listen = "10.1.0.2:4000" }
CONF
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true allow-uid = {1000} }
	link "up" { connect = "10.1.0.2:4000" }
	link "side" { connect = "10.1.0.2:4000" }
CONF

check "the responder's daemon starts" start resp
check "the application's daemon starts" start app
check "the link comes up" until_true sh -c \
	"ip netns exec app ockamctl link show up | grep -q 'state.*up'"

check "the responder's daemon is not root" grep -q '^Uid:.990.990.990' \
	/proc/$pid_resp/status
check "and can only do what it must" grep -q '^CapPrm:.0*1400$' \
	/proc/$pid_resp/status
check "its keys are its own" [ "$(stat -c '%u %a' resp.keys)" = '990 700' ]

app_id=$(sed -n 's/.*identity app is //p' app.log | head -n 1)
resp_id=$(sed -n 's/.*identity responder is //p' resp.log | head -n 1)
bob_id=$(sed -n 's/.*identity bob is //p' resp.log | head -n 1)

ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
check "a worker waits for messages from channels" until_true grep -q ready echo.out

# ---- the channel ----

on app setpriv --reuid 1000 --regid 1000 --clear-groups ockamctl \
	secure-channel create 'up => api' identity app trust "$resp_id" \
	>ch1 2>&1
if [ "$(awk '{ print $5 }' ch1)" = "$resp_id" ]; then
	ok "uid 1000 has a channel to the responder it trusts"
else
	not_ok "uid 1000 has a channel to the responder it trusts"
	sed 's/^/# /' ch1 app.log resp.log
fi
ch=$(awk '{ print $1 }' ch1)
id=$(awk '{ print $3 }' ch1)

check "the responder has it too" until_true logged resp "to $app_id is up: responder"
check "a message goes there and back" sh -c \
	"[ \"\$(ip netns exec app setpriv --reuid 1000 --regid 1000 --clear-groups \
	lib_echo ask '$ch => echoer' 'Hello Ockam!')\" = 'Hello Ockam!' ]"
check "it came from the application's identifier" grep -q "got 12 channel [0-9]* $app_id" echo.out
refuse "another uid may not use the channel" 'Permission denied' \
	on app setpriv --reuid 1001 --regid 1001 --clear-groups lib_echo ask "$ch => echoer" x
refuse "nor have the daemon go through it" 'channel of another user' \
	on app setpriv --reuid 1000 --regid 1000 --clear-groups sh -c \
	'ockamctl secure-channel create "$1 => api" identity app trust anyone' \
	sh "$(on app ockamctl secure-channel create 'up => api' identity app \
		trust anyone | awk '{ print $1 }')"
refuse "another uid may not use the identity" 'may not use identity' \
	on app setpriv --reuid 1001 --regid 1001 --clear-groups ockamctl \
	secure-channel create 'up => api' identity app trust anyone
refuse "nor end the channel" 'has no channel' \
	on app setpriv --reuid 1001 --regid 1001 --clear-groups ockamctl \
	secure-channel delete "$id"
refuse "nobody is trusted without being named" 'no trust policy' \
	on app ockamctl secure-channel create 'up => api' identity app

refuse "an answer from a daemon of an unexpected uid is refused" 'uid 990 answered' \
	on resp setpriv --reuid 1000 --regid 1000 --clear-groups \
	ockamctl listener list
check "a request with borrowed origin is sent" on app setpriv --reuid 1001 \
	--regid 1001 --clear-groups lib_echo borrow
check "and refused" until_true logged app 'passed on is refused'
check "a request by root through another uid's socket is refused" sh -c \
	'ip netns exec app lib_echo lent | grep "opened by another user"'

# ---- trust ----

before=$(on resp ockamctl -j channel list | grep -c '"id"')
refuse "a responder that is not trusted is refused" 'trust' \
	on app ockamctl secure-channel create 'up => api' identity app trust "$bob_id"
check "and hears nothing: it makes no channel" [ \
	"$before" -eq "$(on resp ockamctl -j channel list | grep -c '"id"')" ]
refuse "a listener that does not exist times out" 'did not answer' \
	on app ockamctl secure-channel create 'up => nobody' identity app \
	trust anyone timeout-ms 1500
refuse "a link that does not exist is an error at once" 'up2' \
	on app ockamctl secure-channel create 'up2 => api' identity app trust anyone

# ---- listeners of programs ----

check "uid 1000 makes a listener" on resp setpriv --reuid 1000 --regid 1000 \
	--clear-groups ockamctl listener create bobs identity bob trust "$app_id" \
	trust "$resp_id" daemon-uid 990
check "and again, as after a restart of its own" on resp setpriv --reuid 1000 \
	--regid 1000 --clear-groups ockamctl listener create bobs identity bob \
	trust "$app_id" trust "$resp_id" daemon-uid 990
check "and another one" as 1000 resp ockamctl listener create other identity bob \
	trust anyone daemon-uid 990
refuse "which is not for others" 'taken' \
	on resp ockamctl listener create bobs identity bob trust anyone \
	daemon-uid 990
refuse "but not at a reserved address" 'may not listen' \
	on resp setpriv --reuid 1000 --regid 1000 --clear-groups ockamctl \
	listener create forwarding_service identity bob trust anyone \
	daemon-uid 990
refuse "nor where another one is" 'taken' \
	on resp setpriv --reuid 1000 --regid 1000 --clear-groups ockamctl \
	listener create echoer identity bob trust anyone daemon-uid 990
on app ockamctl secure-channel create 'up => bobs' identity app trust "$bob_id" >ch2 2>&1
check "a peer that it trusts gets a channel" grep -q "$bob_id" ch2
check "which belongs to uid 1000" until_true sh -c \
	"ip netns exec resp ockamctl -j channel list | grep -q '\"owner\": 1000,'"

check "a channel between two identities of one node" on resp ockamctl \
	secure-channel create bobs identity responder trust "$bob_id" \
	daemon-uid 990

# A second identity of the application, which bob does not trust.
cat >>app.conf <<-CONF
	identity "stranger" { create = true }
CONF
kill -HUP $pid_app
check "a reload brings a new identity" until_true logged app 'configuration is in force'
on app ockamctl secure-channel create 'up => bobs' identity stranger trust anyone >/dev/null 2>&1
check "the listener refuses whom it does not trust" until_true logged resp \
	'handshake from link [0-9]*.* refused'

# ---- junk ----

check "junk at the listener does no harm" on app lib_echo flood 'up => api' 600 32
check "half-open handshakes of a link are bounded" until_true logged resp 'too many half open'
check "and another link gets its handshake at once" on app ockamctl \
	secure-channel create 'side => api' identity app trust "$resp_id" \
	timeout-ms 8000
sleep 11
again() {
	on app ockamctl secure-channel create 'up => api' identity app trust "$resp_id" >ch3 2>&1
	grep -q "$resp_id" ch3
}
check "after they expired handshakes work again" until_true again

# ---- reload and restart ----

echo 'listener "x" { identity = "responder" }' >>resp.conf
kill -HUP $pid_resp
check "a bad configuration leaves the old one" until_true logged resp 'old configuration stays'
check "and the error names the line" logged resp 'line 11: listener "x" has no trust policy'
sed -i '$d' resp.conf

kill -KILL $pid_app
check "its owner kills the daemon" as 990 resp sh -c "kill -KILL $pid_resp"
wait $pid_app $pid_resp 2>/dev/null
refuse "but may not sit in its place" 'Permission denied\|reserved' \
	as 990 resp lib_echo wrong-daemon
refuse "nor at its listener" 'Permission denied\|reserved' as 990 resp lib_echo serve api links
refuse "other users at none that it had" 'in use\|taken\|held' \
	as 1001 resp lib_echo serve bobs links
check "without daemons the channel works" sh -c \
	"[ \"\$(ip netns exec app setpriv --reuid 1000 --regid 1000 --clear-groups \
	lib_echo ask '$ch => echoer' again)\" = again ]"
refuse "but nobody makes new ones" 'not running' \
	on app ockamctl secure-channel create 'up => api' identity app trust anyone

ip netns exec app setpriv --reuid 1001 --regid 1001 --clear-groups \
	--inh-caps=+net_bind_service --ambient-caps=+net_bind_service lib_echo wrong-daemon >wrong.out 2>&1 &
wrong=$!
until_true grep -q ready wrong.out
refuse "an impostor in the daemon's place is refused" 'in the place of ockamd' \
	on app ockamctl secure-channel create 'up => api' identity app trust anyone
refuse "and the daemon says who is in its place" 'held by uid 1001' \
	on app ockamd -f app.conf
kill $wrong
wait $wrong 2>/dev/null

echo 'listener "other" { identity = "responder" trust = {"anyone"} }' >>resp.conf
start resp
start app
bobs() { as 1000 resp ockamctl listener list daemon-uid 990; }
check "the listener that a program asked for is there again" [ \
	"$(bobs | sed -n 's/ accepted.*//p')" = '0#bobs identity bob uid 1000' ]
check "of one that is not, it is said why" logged resp \
	'listener 0#other of uid 1000 is gone: the configuration has one'
until_true sh -c "ip netns exec app ockamctl link show up | grep -q 'state.*up'"
check "it accepts whom it did" on app ockamctl secure-channel create \
	'up => bobs' identity app trust "$bob_id"
on app ockamctl secure-channel create 'up => bobs' identity stranger trust anyone >/dev/null 2>&1
check "and nobody else" until_true eval 'bobs | grep -q "accepted 1 refused 1 "'
check "the channel works after the restart" sh -c \
	"[ \"\$(ip netns exec app setpriv --reuid 1000 --regid 1000 --clear-groups \
	lib_echo ask '$ch => echoer' third)\" = third ]"

check "its owner ends the channel" on app setpriv --reuid 1000 --regid 1000 \
	--clear-groups ockamctl secure-channel delete "$id"
check "the responder's daemon removes it" until_true logged resp 'was closed by its peer'

[ $failed -eq 0 ] || { echo "# app:"; grep -v ' expired$' app.log | tail -n 40 | sed 's/^/# /'
	echo "# resp:"; grep -v ' expired$' resp.log | tail -n 40 | sed 's/^/# /'; }
exit $failed
