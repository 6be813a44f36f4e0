#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# A daemon that runs as a user of its own, as the installed unit has it: programs that
# do not say so know it from a file of root's, and who sits in its place does not even
# get their requests.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

user=/etc/ockam/daemon-user
at_end()	{ rm -f $user /usr/lib/ockam/daemon-user; }
list()		{ as 1000 node ockamctl listener list "$@"; }

echo "TAP version 13"
nodes node

cat >node.conf <<-CONF
	user = "ockam"
	state = "$dir/node.keys"
	identity "default" { create = true allow-uid = {1000} }
CONF
check "the daemon starts, as a user of its own" start node
refuse "who expects root refuses it" 'uid 990 answered in the place of ockamd' list
check "by its uid it is known" list daemon-uid 990
check "by its name, too" list daemon-uid ockam
refuse "not by a name that nobody has" "no user 'ockamx'" list daemon-uid ockamx
mkdir -p /etc/ockam /usr/lib/ockam
echo ockam >/usr/lib/ockam/daemon-user
check "a file of the system names it" list
check "what it allows works" as 1000 node ockamctl listener create mine trust anyone
check "and is there" eval 'list | grep mine'
check "the library's functions, too" as 1000 node ockamctl listener delete mine
echo nobody >$user
refuse "the administrator's file comes first" 'uid 990 answered in the place' list
echo 990 >$user
check "which may have a uid" list
echo ockamx >$user
refuse "of a user that does not exist only root is left" \
	'uid 990 answered in the place of ockamd' list
echo 99x >$user
refuse "and of what is no uid" 'uid 990 answered in the place of ockamd' list
echo ockam >$user
chown 1000 $user
refuse "and is not believed if it is another user's" 'is not believed' list
chown 0 $user
chmod 666 $user
refuse "nor if others can write to it" 'is not believed' list
chmod 644 $user
check "otherwise it is" list
# There uid 990 is nobody, and so is the file's owner.
refuse "in a user namespace of one's own only its root is believed" \
	'answered in the place of ockamd' as 1000 node unshare -Ur \
	ockamctl listener list

kill "$pid_node"
wait "$pid_node" 2>/dev/null

# ---- root's daemon ----

cat >node.conf <<-CONF
	state = "$dir/root.keys"
	identity "default" { create = true allow-uid = {1000} }
CONF
check "a daemon of root's starts" start node
echo ockamx >$user
check "it is believed where the file's user does not exist" list
echo ockam >$user
kill "$pid_node"
wait "$pid_node" 2>/dev/null

# ---- an impostor ----

ip netns exec node setpriv --reuid 1001 --regid 1001 --clear-groups \
	--inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
	lib_echo wrong-daemon >wrong.out 2>&1 &
pids=$!
until_true grep -q ready wrong.out
refuse "who is in its place is found out" 'uid 1001 answered in the place of ockamd' \
	as 1000 node ockamctl listener create a-secret-name trust anyone
check "and gets no request" eval '
	cat wrong.out; [ "$(grep -c got wrong.out)" -eq 1 ] &&
	[ "$(sed -n "s/^got //p" wrong.out)" -le 48 ]'

echo "1..$n"
[ $failed -eq 0 ] || sed 's/^/# /' node.log
exit $failed
