#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# X3DH between daemons: with a peer that is there, and with one that is away and
# has left its prekeys with a service.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# create ROUTE WORD...: writes the address
create() {
	route=$1
	shift
	on app ockamctl secure-channel create "$route" identity app "$@" >ch &&
		awk '{ print $1 }' ch
}
count()	{ grep -c "$2" "$1"; }
has()	{ [ "$(count "$1" "$2")" -ge "$3" ]; }
box_size()	{ cat svc.keys/boxes/????* | wc -c; }
box_is()	{ [ "$(box_size)" -"$1" "$2" ]; }

echo "TAP version 13"
echo "1..32"

nodes app svc resp
star svc app resp
join resp app 9
net=1
for ns in app resp; do
	{ service_user $ns $net; service_channel s $ns; } >$ns.conf
	net=$((net + 1))
done
echo 'link "resp" { connect = "10.9.0.1:4000" }' >>app.conf
prekey_service both >svc.conf
echo 'link "door" { listen = "10.9.0.1:4000" }' >>resp.conf
prekey_listener bob resp >>resp.conf
check "the service starts" start svc
start app
check "the responder starts" start resp
svc_id=$(identifier svc svc)
resp_id=$(identifier resp resp)

# ---- a peer that is there ----

ip netns exec svc lib_echo serve echoer channels >svc.out 2>&1 &
pids="$pids $!"
until_true grep -q ready svc.out
until_true sh -c "ip netns exec app ockamctl link show up | grep -q 'state.*up'"
before=$(channels svc)
refuse "a peer that is not trusted is refused" trust create 'up => api' \
	handshake x3dh trust "$resp_id"
check "and hears nothing: it makes no channel" [ "$before" -eq "$(channels svc)" ]
refuse "an unknown handshake is refused" 'unknown handshake' \
	create 'up => api' handshake x4dh trust anyone
ch=$(create 'up => api' handshake x3dh trust "$svc_id")
check "a channel by X3DH can send at once" [ -n "$ch" ]
check "a message goes there and back" says app "$ch => echoer" first
check "it came as early data" grep -q 'got 5 channel .* early' svc.out
check "without a one-time prekey" logged svc 'x3dh without a one-time prekey'
check "the answer makes it an ordinary channel" until_true logged app 'is up: initiator, x3dh'
check "which goes on under the same address" says app "$ch => echoer" second
check "and is not early any more" sh -c "grep 'got 6 channel' svc.out | grep -qv early"

# ---- one that is away ----

check "the responder has published" until_true logged resp \
	'service has bundle .* and [34][0-9] one-time prekeys'
kill $pid_resp
wait $pid_resp 2>/dev/null
on resp ockamctl flush
until_true logged app 'channel .* to .* is up: initiator, identity app'
refuse "a mailbox needs the name of its owner" 'exactly one' \
	create 's => prekeys' handshake x3dh-mailbox trust anyone
refuse "nothing is kept for somebody else" 'nothing is kept' \
	create 's => prekeys' handshake x3dh-mailbox trust "$svc_id"
ch=$(create 's => prekeys' handshake x3dh-one-time trust "$resp_id")
check "there is a channel to a peer that is away" [ -n "$ch" ]
old=$(box_size)
on app lib_echo tell "$ch => echoer" 'while you were away'
on app lib_echo tell "$ch => echoer" 'I sent this too'
check "what it is sent goes to the service" until_true box_is gt $((old + 400))
check "which cannot read it" sh -c "! grep -q 'you were away' svc.keys/boxes/????*"
kill -KILL $pid_svc
wait $pid_svc 2>/dev/null
cp -r svc.keys/boxes boxes.old
check "the service is killed and comes back" start svc

ip netns exec resp lib_echo serve echoer channels >resp.out 2>&1 &
pids="$pids $!"
until_true grep -q ready resp.out
check "the responder comes back" start resp
check "and gets what was sent, marked as early" until_true has resp.out \
	'got 1[59] channel .* early' 2
check "the initiator hears of it" until_true has app.log 'is up: initiator, x3dh' 2
check "the channel goes on with final keys" says app "$ch => echoer" 'now we talk'

# The service gives out again what it was told to forget.
until_true box_is lt $((old + 400))
kill -KILL $pid_svc
wait $pid_svc 2>/dev/null
cp boxes.old/* svc.keys/boxes/
start svc
check "what comes again is refused" until_true logged resp \
	'out of the mailbox is refused: '
check "and was delivered once" [ "$(count resp.out 'got 1[59] channel')" -eq 2 ]

# ---- a worker that does not read ----

wmem=/proc/sys/net/core/wmem_default
link_up()	{ on app ockamctl link show resp | grep -q 'state.*up'; }
kill $pid_resp
wait $pid_resp 2>/dev/null
on resp ockamctl flush
ip netns exec resp lib_echo hold stuck >stuck.out 2>&1 &
pids="$pids $!"
until_true grep -q ready stuck.out
ch=$(create 's => prekeys' handshake x3dh-mailbox trust "$resp_id")
old=$(box_size)
on app lib_echo tell "$ch => stuck" "$(head -c 8000 /dev/zero | tr '\0' x)" 12
check "early data for a worker that does not read is left" \
	until_true box_is gt $((old + 96000))
was=$(cat $wmem)
echo 32768 >$wmem
start resp
check "it fills its way" until_true logged resp \
	'stays in the mailbox: early data is still waiting'
echo "$was" >$wmem
until_true link_up
check "meanwhile there are channels by XX" on resp ockamctl secure-channel \
	create 'up => api' identity resp trust "$svc_id" timeout-ms 5000
ch=$(create 'resp => bob' handshake x3dh trust "$resp_id")
check "and others are answered and delivered" says app "$ch => echoer" 'not held up'
mailbox()	{ on resp ockamctl status | grep "^wanted *mailbox bob: $1"; }
check "the status says that the service has its bundle" until_true mailbox 'there for'
kill "$pid_svc"
check "and that it does not answer" until_true mailbox 'missing.*no answer along 0#s => 0#prekeys'
start svc
check "until it does" until_true mailbox 'there for'

[ $failed -eq 0 ] || for ns in app svc resp; do
	echo "# $ns:"
	tail -n 40 $ns.log | sed 's/^/# /'
	cat $ns.out 2>/dev/null | sed 's/^/# /'
done
exit $failed
