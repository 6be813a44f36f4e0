#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# X3DH between daemons, when things go wrong: floods, a full disk, no room for
# channels, a service that forgets; and early keys, which go.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

# create ROUTE WORD...: writes the address
create() {
	route=$1
	shift
	on app ockamctl secure-channel create "$route" identity app "$@" >ch &&
		awk '{ print $1 }' ch
}
ids()	{ on resp ockamctl -j channel list | grep -o '"id": *[0-9]*' | sort; }
one_more()	{ [ "$(ids | wc -l)" -eq $((had + 1)) ]; }
count()	{ grep -c -- "$2" "$1.log"; }

at_end() {
	kill $pid_resp 2>/dev/null
	umount -l resp.keys
	[ $failed -eq 0 ] || for ns in app svc resp; do
		echo "# $ns:"
		tail -n 40 $ns.log | cut -c 1-200 | sed 's/^/# /'
	done
}

echo "TAP version 13"
echo "1..33"

nodes app svc resp
mkdir -m 700 resp.keys
mount -t tmpfs -o size=1m,mode=700 tmpfs resp.keys
star svc app resp
net=1
for ns in app resp; do
	{ service_user $ns $net; service_channel s $ns; } >$ns.conf
	net=$((net + 1))
done
prekey_service both >svc.conf
prekey_listener bob resp >>resp.conf
start svc
start app
start resp
svc_id=$(identifier svc svc)
resp_id=$(identifier resp resp)
ip netns exec svc lib_echo serve echoer channels >svc.out 2>&1 &
pids="$pids $!"
until_true grep -q ready svc.out
check "the responder has published" until_true logged resp \
	'service has bundle .* and [34][0-9] one-time prekeys'
check "the initiator has its channel" until_true logged app \
	'is up: initiator, identity app'

# ---- the early key goes when there are others ----

early()	{ on "$1" ockamctl -j channel list | grep -c early-of; }
no_early()	{ [ "$(early "$1")" -eq 0 ]; }
ch=$(create 'up => api' handshake x3dh trust "$svc_id")
says app "$ch => echoer" first
check "the responder has a channel for early data" [ "$(early svc)" -eq 1 ]
until_true logged app 'is up: initiator, x3dh'
says app "$ch => echoer" second
check "which goes when messages come under the final keys" \
	until_true no_early svc
check "at the initiator as well" until_true no_early app
check "and the channel stays" says app "$ch => echoer" third

# The responder knows the initiator from now on.
ch=$(create 's => prekeys' handshake x3dh-mailbox trust "$resp_id")
on app lib_echo tell "$ch => echoer" hello
until_true logged resp 'is up: responder, x3dh'

# ---- a user who sends more early data than can go anywhere ----

kill "$pid_resp"
wait "$pid_resp" 2>/dev/null
on resp ockamctl flush
ch=$(create 's => prekeys' handshake x3dh-mailbox trust "$resp_id")
check "there is a channel to a peer that is away" [ -n "$ch" ]
on app lib_echo flood "$ch => nobody" 1 65400
check "a first message that is too long ends its channel" until_true logged \
	app 'failed: its first message is too long'
ch=$(create 's => prekeys' handshake x3dh-mailbox trust "$resp_id")
away=$ch
on app lib_echo tell "$ch => nobody" short
# With its header each of them is too long.
before=$(date +%s)
ip netns exec app lib_echo flood "$ch => nobody" 1000000000 65400 &
flood=$!
until_true logged app 'early data is lost'
check "who floods it does not keep the daemon from its work" \
	on app ockamctl listener list
kill $flood
wait $flood 2>/dev/null
check "nor fills the log" [ "$(count app 'early data is lost')" \
	-le $((12 * ($(date +%s) - before + 2))) ]

# ---- a peer that is there, but not at this moment ----

ch=$(create 'up => api' handshake x3dh trust "$svc_id")
dead=$(create 'up => api' handshake x3dh trust "$svc_id" \
	timeout-ms 2000)
kill -KILL "$pid_svc"
wait "$pid_svc" 2>/dev/null
on app lib_echo tell "$ch => echoer" 'to a closed door'
on app lib_echo tell "$dead => echoer" never
check "a channel whose peer does not answer ends" until_true logged app \
	'failed: the peer never answered'
start svc
check "a first message that nobody heard is sent again" until_true \
	grep -q 'got 16 channel .* early' svc.out

# ---- strangers who make others compute ----

# A request for a bundle: name, [1, [1, [32 bytes]]]
ask=$(printf 'OCKAM_X3DH_25519_AESGCM_SHA256_1\202\001\202\001\201\130\040%s' \
	"$resp_id" | head -c 71)
on app lib_echo tell 'up => api' "$ask" 3000
check "a flood of requests is cut off" until_true logged svc \
	'handshake from link .* refused: too many requests'

sed 's/prekeys = .*/prekeys = "somebody"/' resp.conf >bad.conf
refuse "no other worker of a node is its prekey service" 'only "prekeys" is' \
	ockamd -t -f bad.conf

# ---- the service forgets ----

away() {
	create 's => prekeys' handshake x3dh-mailbox trust "$resp_id"
}
again() {
	kill -KILL "$pid_svc"
	wait "$pid_svc" 2>/dev/null
	"$@"
	start svc
}
# Once the link's share of requests, which the flood has used up, is there again.
made()	{ made=$(away) && [ -n "$made" ]; }
check "a channel is made after the flood" until_true made
lost=$made
check "and another one" until_true made
late=$made
# Its channels stay, as the kernel has them.
again mv svc.keys/boxes boxes.old
on app lib_echo tell "$lost => echoer" 'nobody keeps it'
check "a channel ends when its first message is refused" \
	until_true logged app 'failed: nothing is kept for that identity'
refuse "and takes nothing more" '.' on app lib_echo tell "$lost => echoer" more

kill -KILL "$pid_svc"
wait "$pid_svc" 2>/dev/null
on app lib_echo tell "$late => echoer" 'sent to nobody'
rm -r svc.keys/boxes
mv boxes.old svc.keys/boxes
size=$(cat svc.keys/boxes/* | wc -c)
box_grew()	{ [ "$(cat svc.keys/boxes/* | wc -c)" -gt $((size + 200)) ]; }
start svc
check "a first message that was lost is sent again" until_true box_grew
again chmod 644 svc.keys/boxes/????*
check "a box that others may read is not taken" logged svc \
	'is not taken: a file of ockamd.s user'
closed() {
	on svc ockamctl status | grep 'prekey-service prekeys: missing.*not permitted'
}
again chmod 755 svc.keys/boxes
check "nor is such a directory" until_true closed
chmod 700 svc.keys/boxes
again chmod 600 svc.keys/boxes/????*

# ---- the responder has no room ----

ip netns exec resp lib_echo serve echoer channels >resp.out 2>&1 &
pids="$pids $!"
until_true grep -q ready resp.out
# It would be removed, and make room.
rm -f resp.keys/x3dh-unanswered
dd if=/dev/zero of=resp.keys/filler bs=1k 2>/dev/null
# What permits its channels could not be kept, so it has none to fetch by.
check "the responder does not start on a full disk" eval '! start resp'
on resp ockamctl node set max-channels 1
rm resp.keys/filler
check "but then" start resp
check "it leaves the message where it is without room for channels" until_true logged resp \
	'stays in the mailbox: .*as many channels'
check "nothing has arrived" [ "$(grep -c got resp.out)" -eq 0 ]
# One of the two channels that it needs: made again, its nonces would come twice.
had=$(ids | wc -l)
on resp ockamctl node set max-channels $((had + 1))
check "with room for one of its channels that one is made" until_true one_more
ids=$(ids)
sleep 3
check "and it is not made again" [ "$ids" = "$(ids)" ]
check "though there is still no room" [ "$(grep -c got resp.out)" -eq 0 ]
on resp ockamctl node set max-channels 1000
check "then it arrives" until_true grep -q 'got 14 channel .* early' resp.out
check "once" [ "$(grep -c got resp.out)" -eq 1 ]
says app "$late => echoer" 'now we talk' || says app "$late => echoer" 'again'
# It has the answer by now, and shows that.
on app lib_echo tell "$away => nobody" more
check "the early keys go when the mailbox is empty" until_true no_early resp

# ---- the initiator's daemon is killed before there is an answer ----

kill "$pid_resp"
wait "$pid_resp" 2>/dev/null
left=$(away)
kill -KILL "$pid_app"
wait "$pid_app" 2>/dev/null
start app
check "what a killed daemon leaves is deleted by the next one" logged app \
	'is deleted: its handshake ended with the process before'
refuse "and does not look alive" '.' on app lib_echo tell "$left => echoer" more

exit $failed
