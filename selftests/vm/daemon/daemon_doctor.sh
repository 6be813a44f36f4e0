#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl doctor, on a node that is well, and one on which each of the things is
# wrong that it knows.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

finds() {	# what, grade, check, words
	on "$3" ockamctl doctor >out 2>&1
	check "$1" eval "grep -q '^$2 *$4 .*$5' out || { cat out; false; }"
}

# at_end: the machine's own configuration and store are the doctor's
at_end() { rm -rf /etc/ockam /var/lib/ockam; }

nodes well ill
join well ill 1
mkdir -p /etc/ockam
cat >well.conf <<-CONF
	state = "$dir/well.keys"
	identity "well" { create = true }
	listener "api" { identity = "well" trust = {"anyone"} }
	link "door" { listen = "10.1.0.1:4000" }
CONF
echo "TAP version 13"
check "a daemon" start well
well=$(identifier well well)
cp well.conf /etc/ockam/ockamd.conf
mkdir -m 700 -p /var/lib/ockam
check "nothing bad" on well ockamctl doctor
on well ockamctl doctor >out
check "the daemon answers" grep -q '^ok *daemon .*root.*answers' out
check "the configuration is right" grep -q '^ok *config .*ockamd.conf' out
check "links are up" grep -q '^ok *link .*all of them up' out
check "in JSON" eval 'on well ockamctl -j doctor | grep -q "\"grade\": \"ok\""'

cat >ill.conf <<-CONF
	state = "$dir/ill.keys"
	identity "ill" { create = true }
	listener "strict" { identity = "ill" trust = {"$well"} }
	link "up" { connect = "10.1.0.1:4000" }
	link "closed" { connect = "10.1.0.1:4999" }
	channel "hq" { route = "up => api" identity = "ill" trust = {"I$(printf '7%.0s' $(seq 64))"} }
CONF
check "another daemon" start ill
ill=$(identifier ill ill)
has_why() { on ill ockamctl secure-channel list | grep -q ' why '; }
until_true has_why
check "status says why a channel is not there" eval '
	on ill ockamctl status | grep -q "^kept .*hq .* why refused by the trust policy: it presents $well, wanted is I7777"'
finds "so does the doctor" bad ill kept "hq: refused by the trust policy: it presents $well"
closed() { on ill ockamctl link show closed | grep -q refused; }
until_true closed
finds "a link that nobody listens for" bad ill link 'closed is not up, refused: nobody listens'
on ill ockamctl secure-channel create strict identity ill trust anyone \
	timeout-ms 15000 >/dev/null 2>&1
refused() { on ill ockamctl listener list | grep -q "why .*it presents $ill"; }
until_true refused
finds "whom a listener refused" note ill listener "strict refused 1 handshakes, the last one: .*it presents $ill, wanted is $well"
on ill ockamctl send nobody text x 2>/dev/null
finds "what was dropped" note ill drops '(no-worker) for addresses that nobody has'
on ill ockamctl node set max-links 2
finds "limits" note ill limits '2 of 2 links: ockamctl node set max-links'
check "so something is bad" eval '! on ill ockamctl doctor >/dev/null'

chmod 755 /var/lib/ockam
finds "a store that is open" bad ill store 'chmod 700'
chmod 700 /var/lib/ockam
echo >/var/lib/ockam/x.identity
chmod 644 /var/lib/ockam/x.identity
finds "keys that are open" bad ill store 'x.identity is open to others: chmod 600'
echo 'nonsense = 1' >/etc/ockam/ockamd.conf
finds "a configuration that is wrong" bad ill config 'nonsense'
rm /etc/ockam/ockamd.conf
finds "none at all" note ill config 'there is no .*ockamd.conf'
sed 's/well.keys/second.keys/' well.conf >second.conf
refuse "a second daemon says who is there" 'held by uid 0: another ockamd' \
	on well ockamd -f second.conf
refuse "no such listener: where it was looked for, and what to do" \
	'did not answer in time along 0#up => 0#nosuch: is its listener called so' \
	on ill ockamctl secure-channel create 'up => nosuch' identity ill \
	trust anyone timeout-ms 1000
kill "$pid_well"
wait "$pid_well" 2>/dev/null
finds "no daemon" note well daemon 'no ockamd here'
echo "1..$n"
exit $failed
