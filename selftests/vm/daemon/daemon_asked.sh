#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Listeners that programs have asked for, against the configuration: who may not have
# one any more loses it, what the configuration names is not theirs, and asking often
# fills neither the log nor the disk's time.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

reloads()	{ grep -c 'configuration is in force' bob.log; }
more()	{ [ "$(reloads)" -gt "$1" ]; }
reload() {
	before=$(reloads)
	kill -HUP "$pid_bob"
	until_true more "$before"
}
end() {
	kill "$pid_bob"
	wait "$pid_bob"
}
listens()	{ on bob ockamctl listener list | grep "^\(0#\)\{0,1\}$1 identity bob uid $2 "; }
create() { # create UID GID NAME
	on bob setpriv --reuid "$1" --regid "$2" --clear-groups \
		ockamctl listener create "$3" identity bob trust anyone
}
is_outlet()	{ on bob ockamctl outlet | grep "^\(0#\)\{0,1\}$1 .* state up"; }
configure() { # configure UIDS [SECTIONS]
	cat >bob.conf <<-CONF
		state = "$dir/bob.keys"
		identity "bob" { create = true allow-uid = {$1} allow-gid = {"2000"} }
		$2
	CONF
}
web='outlet "web" { connect = "127.0.0.1:80" allow = {"anyone"} }'
later='outlet "later" { connect = "127.0.0.1:80" allow = {"anyone"} }'
way='hop "way" { route = "0#elsewhere" }'

echo "TAP version 13"
nodes bob

configure '"1000", "1001"'
check "the daemon starts" start bob
check "uid 1000 has a listener" create 1000 1000 first
check "who may by a gid has one" create 1002 2000 second
check "who may neither has none" eval '! create 1002 1002 third'
for name in web later way; do
	check "uid 1001 has one at $name" create 1001 1001 $name
done
end
check "the daemon starts again" start bob
check "the first is there again" listens first 1000
check "that of the gid, too" listens second 1002

configure '"1001"'
check "uid 1000 may not any more" reload
check "its listener is gone" eval '! listens first 1000'
check "the log says why" logged bob \
	'listener 0#first of uid 1000 ends: its owner may not use the identity'
check "that of the gid is not" listens second 1002

configure '"1001"' "$web $way"
check "the configuration gives addresses to others" reload
check "the outlet has its own" is_outlet web
check "the hop, too" on bob ockamctl hop show way
check "the listeners are gone" eval '! listens web 1001 && ! listens way 1001'
check "another one is not" listens later 1001
refuse "they cannot be had again" 'may not listen' create 1001 1001 web
end
configure '"1001"' "$web $way $later"
check "a start with another configuration" start bob
check "the outlet has its address" is_outlet later
check "it is said why" logged bob \
	'listener 0#later of uid 1001 is gone: the configuration gives its address'

lines()	{ grep -c '0#often' bob.log; }
writes()	{ grep -c 'listeners: written' bob.log; }
since=$(date +%s)
lines=$(lines) writes=$(writes)
# shellcheck disable=SC2016
as 1001 bob sh -c 'i=0
	while [ $i -lt 30 ]; do
		ockamctl listener create often identity bob trust anyone
		ockamctl listener delete often
		i=$((i + 1))
	done' >/dev/null
took=$(($(date +%s) - since + 1))
check "sixty requests of one user are a few lines" eval \
	'echo "$(($(lines) - lines)) lines in $took s"; [ $(($(lines) - lines)) -le $((30 + took)) ]'
check "and a few writes" eval \
	'echo "$(($(writes) - writes)) in $took s"; [ $(($(writes) - writes)) -le $((took + 2)) ]'
create 1001 1001 last >/dev/null
end
check "the last request is in the file" start bob
check "and is there again" listens last 1001

echo "1..$n"
[ $failed -eq 0 ] || { tail -n 60 bob.log | sed 's/^/# /'; on bob ockamctl listener list; }
exit $failed
