#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# uid 1000 answers himself when he asks ockamd for a channel, and the way back that
# his answers name leads through a channel of uid 1001, or will once the name of his
# own program is that of a hop.  Nothing of his comes through.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"


reloads()	{ grep -c 'configuration is in force' vic.log; }
reload_more()	{ [ "$(reloads)" -gt "$1" ]; }
reload() {
	before=$(reloads)
	kill -HUP "$pid_vic"
	until_true reload_more "$before"
}
create() { # create UID ROUTE WORD...: prints the address
	uid=$1 route=$2
	shift 2
	as "$uid" vic ockamctl secure-channel create "$route" identity own \
		trust anyone timeout-ms 8000 "$@"
}
heard()		{ grep -c "got" far.out; }
heard_is()	{ [ "$(heard)" -eq "$1" ]; }
honest()	{ as 1001 vic lib_echo tell 'hq => admin' honest && until_true heard_is "$1"; }
# his PROGRAM WORD...: runs as uid 1000, until "end"
his() {
	: >"$1.out"
	ip netns exec vic setpriv --reuid 1000 --regid 1000 --clear-groups \
		"$@" >"$1.out" 2>&1 &
	his=$!
}
end() {
	kill "$his"
	wait "$his" 2>/dev/null
}

echo "TAP version 13"
nodes far vic
join far vic 1

cat >far.conf <<-CONF
	state = "$dir/far.keys"
	identity "far" { create = true }
	listener "api" { identity = "far" trust = {"anyone"} }
	link "door" { listen = "10.1.0.1:4000" }
CONF
conf() {
	cat >vic.conf <<-CONF
		state = "$dir/vic.keys"
		identity "vic" { create = true }
		identity "own" { create = true allow-uid = {1000} }
		link "up" { connect = "10.1.0.1:4000" }
		listener "strict" { identity = "vic" trust = {"anyone"} handshake = "both" }
		channel "hq" {
			identity = "vic"
			owner = "1001"
			route = "up => api"
			trust = {"anyone"}
		}
		$1
	CONF
}
conf
check "the far daemon starts" start far
check "the daemon starts" start vic
on far lib_echo serve admin channels >far.out 2>&1 &
pids=$!
check "the kept channel of uid 1001 leads there" eval '
	until_true grep -q ready far.out && until_true honest 1'
refuse "uid 1000 may not send through it" 'Permission denied' \
	as 1000 vic lib_echo tell 'hq => admin' x

# ---- X3DH: the answer says where it came from ----

hq=$(on vic ockamctl secure-channel list | sed -n 's/.*encryptor \([^ ]*\) .*/\1/p')
for way in 'hq => admin' "$hq => admin" 'later => admin'; do
	# Another identity each time: its bundles would be of the same second.
	store=$(mktemp -d "$dir/bait.XXXXXX")
	chown 1000:1000 "$store"
	his lib_x3dh answer bait "$store" "$way"
	check "$way: he waits as a responder" until_true grep -q ready lib_x3dh.out
	check "$way: he gets a channel to himself" eval 'create 1000 bait handshake x3dh >ch'
	ch=$(awk '{ print $1 }' ch)
	before=$(grep -c 'x3dh for uid 1000 failed' vic.log)
	as 1000 vic lib_echo tell "$ch => x" first
	check "$way: which ends with his answer" eval '
		until_true grep -q answered lib_x3dh.out &&
		until_true eval "[ \$(grep -c \"x3dh for uid 1000 failed\" vic.log) -gt $before ]" &&
		grep "x3dh for uid 1000 failed" vic.log | tail -n 1 |
		grep "program of this node wrote the way back"'
	refuse "$way: nothing can be sent through it" . \
		as 1000 vic lib_echo tell "$ch => x" second
	end
done
check "an honest message comes, and none of his" honest 2

# ---- XX: passed on by a program whose name is given up ----

his lib_xx pass later admin
check "he waits as a responder behind a name of his" until_true grep -q ready lib_xx.out
check "he gets a channel through his own program" eval '
	create 1000 later >ch && grep "passed on" lib_xx.out'
ch=$(awk '{ print $1 }' ch)
on vic ockamctl node set hold-ms 0
end
conf 'hop "later" { route = "hq" }'
check "the name becomes a hop to the channel of uid 1001" eval '
	reload && on vic ockamctl hop show later'
check "his channel ends" until_true logged vic \
	'is closed: it leads through a channel of another user now'
refuse "nothing can be sent through it" . \
	as 1000 vic lib_echo tell "$ch => x" second
check "another honest message comes, and none of his" honest 3
conf
reload
his lib_xx pass later2 admin2
until_true grep -q ready lib_xx.out
refuse "the daemon takes no answer that another user has passed on" \
	'begins at a program of another user' \
	on vic ockamctl secure-channel create later2 identity own trust anyone \
	timeout-ms 8000
end

# ---- a listener of the daemon's ----

refused()	{ on vic ockamctl listener list | sed -n 's/ why .*//; s/.*strict .* refused \([0-9]*\).*/\1/p'; }
refused_is()	{ [ "$(refused)" -eq "$1" ]; }
his hop bait
until_true on vic ockamctl worker show bait
as 1000 vic lib_echo tell 'bait => strict' x
check "a first message that another user has passed on is refused" eval '
	until_true refused_is 1 && grep "refused: " vic.log | tail -n 1 |
	grep "begins at a program of another user"'
end

echo "1..$n"
[ $failed -eq 0 ] || { cat far.out lib_xx.out lib_x3dh.out hop.out | sed 's/^/# /'
	grep -v 'debug: request' vic.log | tail -n 60 | sed 's/^/# /'; }
exit $failed
