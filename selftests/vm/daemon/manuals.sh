#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The examples of manuals and pages, as they stand there, and the manners of the
# example programs. guide.sh is about the guide, readme.sh about README.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

doc=/ockam/doc
echo "TAP version 13"

# ---- ockamctl(8): "here# COMMAND" is root's in that node, "here$ COMMAND" a user's ----

nodes here there
ip link add to_there netns here type veth peer name to_here netns there
on here ip addr add 10.0.3.1/24 dev to_there
on there ip addr add 10.0.3.2/24 dev to_here
on here ip link set to_there up
on there ip link set to_here up
on there echoer -l >echoer.log 2>&1 &
pids=$!
until_true on there ockamctl worker show echoer
# The text has a channel "hq" to there.
cat >there.conf <<-CONF
	state = "$dir/there.keys"
	identity "default" { create = true }
	listener "api" { identity = "default" trust = { "anyone" } }
CONF
cat >here.conf <<-CONF
	state = "$dir/here.keys"
	identity "default" { create = true }
	channel "hq" {
		identity = "default"
		route = "there => api"
		trust = { "anyone" }
	}
CONF
start there
start here
date >original

awk '/^\.Sh/ { at = /EXAMPLES/ } /^\.Ed/ { on = 0 } at && on; /^\.Bd/ { on = 1 }' \
	$doc/ockamctl.8 >examples
check "ockamctl(8) has examples" [ "$(wc -l <examples)" -ge 6 ]
while IFS= read -r line; do
	case $line in
	[a-z]*'# '*) echo "ip netns exec ${line%%#*} ${line#*# }" ;;
	[a-z]*'$ '*) echo "ip netns exec ${line%%\$*} setpriv --reuid user" \
		"--regid user --clear-groups ${line#*\$ }" ;;
	*) echo "ip netns exec here $line" ;;
	esac >command
	case $line in
	*' recv '*)
		# It ends with what the next line sends.
		sh ./command &
		recv=$!
		check "ockamctl(8): $line: waits" on there ockamctl wait worker files up
		continue ;;
	esac
	check "ockamctl(8): $line" sh ./command
	# Who types is slower than a connection.
	case $line in
	*connect*) until_true on here ockamctl wait link there up
		check "channel hq" on here ockamctl wait channel hq up ;;
	esac
done <examples
# What they made does what the text says.
check "the relay leads there" on here ockamctl ping to_echoer count 1
check "what was sent was received" wait "$recv"
check "as it was" cmp original copy

# ---- configurations ----

awk '/^\.Sh/ { at = /EXAMPLES/ } /^\.Ed/ { on = 0 } at && on; /^\.Bd/ { on = 1 }' \
	$doc/ockamd.conf.5 | sed "1i state = \"$dir/state\"" >conf.5
check "ockamd.conf(5) has an example" grep -q listener conf.5
check "it is a configuration" ockamd -t -f conf.5

id=I$(printf '%064d' 0)
for who in alice bob; do
	awk -v head="	# $who" '$0 == head { on = 1 } /^[^\t]/ { on = 0 } on' \
		$doc/portal.rst | sed "s/I<[a-z]*>/$id/; 1i state = \"$dir/state\"" >$who.conf
	check "portal.rst: $who has one" grep -q identity $who.conf
	check "it is a configuration, too" ockamd -t -f $who.conf
done

# ---- the example programs ----

# manners PROGRAM
manners() {
	"$1" --help >help 2>err && grep -q "^usage: $1" help && [ ! -s err ] || {
		echo "--help:"; cat help err; return 1; }
	"$1" -h >help.2 2>&1 && cmp help help.2 || return 1
	"$1" --nonsense >out 2>err </dev/null
	[ $? -eq 2 ] && [ ! -s out ] && grep -q '^usage: ' err || {
		echo "--nonsense:"; cat out err; return 1; }
	"$1" 1 2 3 4 5 6 7 8 9 >out 2>err </dev/null
	[ $? -eq 2 ] && [ ! -s out ] || { echo "too many names:"; cat out err; return 1; }
}
for p in 01-worker 02-routing 03-routing-many-hops 04-secure-channel \
		05-secure-channel-many-hops 06-routing-over-transport \
		07-routing-over-transport-hops 08-secure-channel-over-transport-hops \
		09-peer-that-is-away echoer hop responder capture; do
	check "$p: help, and what it does not understand" manners $p
done
check "flow: help" sh -c 'flow --help | grep -q "^usage: flow"'

# A worker that takes and never answers: a hop at the end of the route.
on here hop deaf >hop.log 2>&1 &
pids="$pids $!"
until_true on here ockamctl worker show deaf
refuse "no answer: it ends, and says so" 'No answer in 1 s' on here 01-worker -w 1 deaf
refuse "no worker: it says who to ask" 'ockamctl worker' on here 01-worker nobody
refuse "no link: likewise" 'ockamctl' on here 06-routing-over-transport nowhere
refuse "a name that is taken: likewise" 'ockamctl worker' on here echoer deaf

echo "1..$n"
exit $failed
