#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What makes a channel permitted is asked when it is installed and again when it may
# have changed: policies and rights that a reload withdraws in the middle of a
# handshake, at both roles; listeners that are removed; newer keys of either side;
# and the same over a restart.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"


reloads()	{ grep -c 'configuration is in force' "$1.log"; }
reload_more()	{ [ "$(reloads "$1")" -gt "$2" ]; }
reload() {
	before=$(reloads "$1")
	eval "kill -HUP \$pid_$1"
	until_true reload_more "$1" "$before"
}
stop() { # stop NAME SIGNAL
	eval "kill -$2 \$pid_$1; wait \$pid_$1" 2>/dev/null
}
restart() {
	stop "$1" "${2:-TERM}"
	start "$1" && until_true is_up good up && until_true is_up vic up
}
rejected()	{ grep -c 'refused: ' vic.log; }
rejected_more()	{ [ "$(rejected)" -gt "$1" ]; }
tell()		{ on evil lib_echo ask evil "$1"; }
# create IDENTITY LISTENER: of good, as an initiator
create() {
	on good ockamctl secure-channel create "up => $2" identity "$1" \
		trust anyone timeout-ms 20000
}
# gone REASON: vic says why it has closed one, and has none
gone()	{ until_true logged vic "is closed: $1" && until_true has_channels vic 0; }

echo "TAP version 13"
nodes vic evil good
join vic evil 1
join vic good 2

cat >good.conf <<-CONF
	state = "$dir/good.keys"
	identity "one" { create = true }
	identity "two" { create = true }
	link "up" { connect = "10.2.0.1:4000" }
CONF
check "a peer's daemon starts" start good
one=$(identifier good one)
evil_id=$(lib_xx id)

# conf TRUST UIDS [SECTIONS]
conf() {
	cat >vic.conf <<-CONF
		state = "$dir/vic.keys"
		identity "victim" { create = true allow-uid = {$2} }
		link "door" { listen = "0.0.0.0:4000" }
		link "up" { connect = "10.1.0.2:4001" }
		listener "api" { identity = "victim" trust = {$1} }
		$3
	CONF
}
conf "\"$evil_id\"" 1000
check "the daemon starts" start vic
on evil ockamctl link add listen 10.1.0.2:4001 name door >/dev/null
on evil ockamctl link add connect 10.1.0.1:4000 name up >/dev/null
on evil lib_xx serve evil >evil.out 2>&1 &
pids=$!
on vic lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
check "links come up, a liar and a worker wait" eval '
	until_true is_up vic up && until_true is_up evil up &&
	until_true is_up good up &&
	until_true sh -c "grep -q ready evil.out && grep -q ready echo.out"'

# ---- a reload in the middle of a handshake ----

# late: an initiator with whom M3 can be waited for
late() {
	rm -f go late.out
	mkfifo go
	on evil lib_xx late 'up => api' echoer <go >late.out 2>&1 &
	late_pid=$!
	exec 9>go
	until_true grep -q m2 late.out
}
go_on() {
	echo >&9
	exec 9>&-
	wait $late_pid
}

check "M1 and M2 pass" late
check "and M3: a channel" eval 'go_on && until_true has_channels vic 1'
on vic ockamctl channel flush
check "M1 and M2 of another one pass" late
conf '"'"$one"'"' 1000
check "its trust is withdrawn meanwhile" reload vic
before=$(rejected)
check "M3 is sent" go_on
check "responder: no channel for one who is not trusted any more" eval '
	until_true rejected_more $before
	grep "refused: " vic.log | tail -n 1 | grep "not trusted any more" &&
	has_channels vic 0'

# user: uid 1000 asks for a channel whose M2 has to wait
user() {
	tell 'lie none' && tell hold && as 1000 vic ockamctl secure-channel create \
		'up => evil' identity victim trust anyone \
		timeout-ms 20000 >user.out 2>&1 &
	user_pid=$!
	until_true eval '[ "$(on vic lib_echo ask "up => evil" report | cut -c 1-4)" = "m1 1" ]'
}
check "uid 1000 begins one" user
check "M2 comes" eval '[ "$(tell go)" = "m1 1" ] && wait $user_pid && until_true has_channels vic 1'
on vic ockamctl channel flush
check "uid 1000 begins another one" user
conf '"'"$one"'"' 1001
check "its right is withdrawn meanwhile" reload vic
tell go >/dev/null
check "initiator: no channel for who may not have one any more" eval '
	! wait $user_pid; cat user.out; has_channels vic 0 &&
	grep "may not use the identity any more" user.out'

# ---- listeners ----

conf '"anyone"' 1000 'listener "second" { identity = "victim" trust = {"anyone"} }'
check "another listener" reload vic
check "a channel by it" eval 'create one second && until_true has_channels vic 1'
conf '"anyone"' 1000
check "the listener is removed" reload vic
check "and its channel with it" gone 'its listener is gone'

check "uid 1000 has a listener" as 1000 vic ockamctl listener create mine \
	identity victim trust anyone
check "a channel by it" eval 'create one mine && until_true has_channels vic 1'
check "which is not for who is not trusted any more" eval '
	as 1000 vic ockamctl listener create mine identity victim trust "'"$evil_id"'" &&
	gone "the peer is not trusted any more"'
as 1000 vic ockamctl listener create mine identity victim trust anyone
check "another one" eval 'create one mine && until_true has_channels vic 1'
check "restarted, the daemon has the listener and the channel" eval '
	restart vic && has_channels vic 1'
check "which goes with the listener" eval '
	as 1000 vic ockamctl listener delete mine && until_true has_channels vic 0'

# ---- while the daemon is away ----

for signal in TERM KILL; do
	conf '"anyone"' 1000
	reload vic
	check "$signal: a channel" eval 'create one api && until_true has_channels vic 1'
	stop vic $signal
	check "$signal: the next process looks after it" eval '
		start vic && until_true is_up good up && has_channels vic 1'
	stop vic $signal
	conf "\"$evil_id\"" 1000
	: >vic.log
	check "$signal: but not after its peer has lost the trust" eval '
		start vic && gone "the peer is not trusted any more"'
done

conf '"anyone"' 1000
reload vic
until_true is_up good up
check "what is permitted cannot be read: no daemon, and it stays written" eval '
	create one api && until_true has_channels vic 1 && stop vic TERM &&
	mv vic.keys/permits kept && mkdir vic.keys/permits &&
	! on vic ockamd -d -f vic.conf >>vic.log 2>&1 &&
	logged vic "permits: cannot be read: Is a directory" &&
	logged vic "is not taken over: not started" && [ -d vic.keys/permits ]'
rmdir vic.keys/permits
mv kept vic.keys/permits
conf "\"$evil_id\"" 1000
: >vic.log
check "the next one has it" eval '
	start vic && gone "the peer is not trusted any more"'
conf '"anyone"' 1000
reload vic
until_true is_up good up
check "the file is lost: the log says what is not looked after" eval '
	create one api && until_true has_channels vic 1 && { stop vic KILL
	rm vic.keys/permits; } && start vic && has_channels vic 1 &&
	logged vic "1 channels to identities are not looked after"'
on vic ockamctl channel flush
check "and nothing of what is" eval '
	: >vic.log; restart vic && ! logged vic "not looked after"'
check "what uid 1000 asked for is there" eval '
	tell go >/dev/null; tell "lie none" >/dev/null
	as 1000 vic ockamctl secure-channel create "up => evil" identity victim \
		trust anyone && has_channels vic 1'
stop vic TERM
conf '"anyone"' 1001
: >vic.log
check "and not when it may not have it any more" eval '
	start vic && gone "its owner may not use the identity any more"'

# ---- newer keys ----

conf '"anyone"' 1000
reload vic
until_true is_up good up
check "a channel of one, and one of two" eval '
	create one api && create two api && until_true has_channels vic 2'
ockamctl identity rotate one dir "$dir/good.keys" >/dev/null
check "one has another key" reload good
check "its own channel ends: the other is there" eval '
	until_true has_channels good 1 &&
	logged good "is closed: our identity has another key since"'
until_true has_channels vic 1
check "one more, with the new key" eval 'create one api && until_true has_channels vic 2'
check "the peer of which has the key stolen" eval '
	stop good TERM
	ockamctl identity export one dir "$dir/good.keys" >old.history
	ockamctl identity rotate one dir "$dir/good.keys" >/dev/null
	ockamctl identity export one dir "$dir/good.keys" >new.history
	! cmp -s old.history new.history'
: >vic.log
check "vic learns of the newer one" eval '
	ockamctl identity import-peer dir "$dir/vic.keys" <new.history'
check "the older channel ends" eval '
	until_true logged vic "is closed: the peer has another key since" &&
	until_true has_channels vic 1'
check "good starts, with the new key" eval 'start good && until_true is_up good up'
ockamctl identity rotate victim dir "$dir/vic.keys" >/dev/null
: >vic.log
check "ours is another one, too" reload vic
check "all of ours end" gone 'our identity has another key since'

check "a channel of two" eval 'create two api && until_true has_channels vic 1'
ockamctl identity rotate two dir "$dir/good.keys" >/dev/null
stop good KILL
# It shall not end it itself.
rm good.keys/permits
: >vic.log
check "a handshake with the newer key" eval '
	start good && until_true is_up good up && create two api'
check "ends the older channel" eval '
	until_true logged vic "is closed: the peer has another key since" &&
	until_true has_channels vic 1'

echo "1..$n"
[ $failed -eq 0 ] || for ns in vic good; do
	echo "# $ns:"
	tail -n 60 $ns.log | sed 's/^/# /'
done
exit $failed
