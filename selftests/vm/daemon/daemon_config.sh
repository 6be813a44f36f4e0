#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamd.conf: what is wrong is refused with file and line, what is right reaches
# the kernel; reading it again keeps what is there, and takes away what is not
# named any more.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

identifier=Iee57273615fdb7f4e1fba5a2ae0a9fe10cc25f21303c3db7d7a5dc7469ec14f0

# bad LINE PATTERN TEXT...: a file of these lines is refused, for that line
bad() {
	line=$1 why=$2
	shift 2
	printf '%s\n' "$@" >bad.conf
	refuse "refused: $(echo "$*" | cut -c -60)" "bad.conf, line $line: .*$why" \
		ockamd -t -f bad.conf
}
good() {
	printf '%s\n' "$@" >good.conf
	check "taken: $(echo "$*" | cut -c -60)" ockamd -t -f good.conf
}

# The setting FIELD of the node, the link's FIELD
node()		{ on n ockamctl node | sed -n "s/^ *$1 *//p" | tr , ' '; }
link()		{ on n ockamctl link show "$1" | sed -n "s/^ *$2 *//p"; }
readings()	{ grep -c 'configuration is in force' n.log; }
more_readings()	{ [ "$(readings)" -gt "$1" ]; }
errors()	{ grep -c 'old configuration stays' n.log; }
more_errors()	{ [ "$(errors)" -gt "$1" ]; }
reload() {
	before=$(readings)
	kill -HUP "$pid_n"
	until_true more_readings "$before"
}
# A reload that must be refused.
reload_bad() {
	before=$(errors)
	kill -HUP "$pid_n"
	until_true more_errors "$before"
}

# conf LINES...: the basic configuration and these
conf() {
	cat >n.conf <<-CONF
		state = "$dir/n.keys"
		identity "one" { create = true }
		listener "api" { identity = "one" trust = {"anyone"} }
		link "way" { connect = "127.0.0.1:4001" }
		link "gate" { listen = "127.0.0.1:4001" }
	CONF
	printf '%s\n' "$@" >>n.conf
}
try_send()	{ as "$1" n lib_echo tell 'up => sink' hello; }

echo "TAP version 13"
nodes n

# ---- the file ----

bad 2 'no such option' '# a comment' 'colour = "red"'
bad 5 'no such option' '// a "comment' '/* of' '  lines */ # and' 'state = "x#//" # y' \
	'colour = "red"'
bad 2 'a comment has no end' 'state = "/*"' '/* and' 'colour = "red"'
bad 2 'premature end' 'user = "root'
bad 1 'forward: "link" is none of' 'forward = {link-link, link}'
bad 3 'forward: "all" is none of' 'forward = {' 'link-link,' 'all}'
good 'forward = {}'
good 'forward = {link-link, channel-link, link-channel, channel-channel}'
bad 1 'no user "nobody-there"' 'user = "nobody-there"'
bad 1 'no group "nobody-there"' 'group = "nobody-there"'
bad 1 'not from 1 to 16384' 'max-handshakes = 0'
bad 1 'not from 1 to 16384' 'max-handshakes = 16385'
bad 1 'not from 1 to 1048576' 'max-channels = 0'
bad 1 'invalid integer' 'max-handshakes = many'
for ids in -1 -1-5 5- 5-4 5--7 1-4294967295 4294967296-4294967297 4294967295 \
	99999999999999999999 99999999999999999999-99999999999999999999 \
	'1 - 2' ' 1-2' 1-2x 0x10 nobody-there ''; do
	bad 1 "send-uids: .* neither a user nor a range" \
		"link \"l\" { connect = \"10.9.0.1:1\" send-uids = {\"$ids\"} }"
	bad 2 "send-gids: .* neither a group nor a range" \
		'link "l" { connect = "10.9.0.1:1"' "send-gids = {7, \"$ids\"} }"
done
good 'link "l" { connect = "10.9.0.1:1" send-uids = {0, 7-7, 2000-2999, 4294967294, nobody} send-gids = {nogroup, 5-4294967294} }'
good 'link "l" { connect = "10.9.0.1:1" send-uids = {} }'
# shellcheck disable=SC2046
good "link \"l\" { connect = \"10.9.0.1:1\" send-uids = {$(echo $(seq 64) | tr ' ' ,)} }"
# shellcheck disable=SC2046
bad 1 'send-uids: more than 64' \
	"link \"l\" { connect = \"10.9.0.1:1\" send-uids = {$(echo $(seq 65) | tr ' ' ,)} }"
bad 1 'needs either connect or listen' 'link "l" { send-uids = {7} }'
bad 3 'needs either connect or listen' 'link "l" { connect = "10.9.0.1:1"' \
	'listen = "10.9.0.1:1"' '}'
bad 1 'kind is tcp or udp' 'link "l" { kind = "ip" connect = "10.9.0.1:1" }'
bad 1 'max-accepted is for TCP only' 'link "l" { kind = "udp" listen = "10.9.0.1:1" max-accepted = 1 }'
bad 1 'HOST:PORT' 'link "l" { connect = "10.9.0.1" }'
bad 1 'a number up to 65535' 'link "l" { listen = "10.9.0.1:65536" }'
bad 1 'a number up to 65535' 'link "l" { listen = "10.9.0.1:http" }'
bad 1 'listen = "10.9.0.1:70000"' 'link "l" { listen = "10.9.0.1:70000" }'
bad 1 "']' is missing" 'link "l" { listen = "[::1:4000" }'
bad 1 'out of range' 'link "l" { connect = "10.9.0.1:1" reconnect-min-ms = -5 }'
bad 1 'one local address' 'link "1#x" { connect = "10.9.0.1:1" }'
bad 1 'one local address' 'link "a => b" { connect = "10.9.0.1:1" }'
bad 1 'of at most 16 bytes' 'link "12345678901234567" { connect = "10.9.0.1:1" }'
bad 2 'duplicate title' 'link "l" { connect = "10.9.0.1:1" }' \
	'link "l" { connect = "10.9.0.1:2" }'
bad 2 'is that of another section, in line 1' 'link "l" { connect = "10.9.0.1:1" }' \
	'hop "0#l" { }'
bad 1 'has no identity' 'listener "l" { trust = {"anyone"} }'
bad 1 'has no trust policy' 'listener "l" { identity = "i" }'
bad 1 'has no trust policy' 'listener "l" { identity = "i" trust = {} }'
bad 1 'only word "anyone"' "listener \"l\" { identity = \"i\" trust = {\"anyone\", \"$identifier\"} }"
bad 1 'neither an identifier' "listener \"l\" { identity = \"i\" trust = {\"${identifier}0\"} }"
bad 2 'names identity "i"' '' 'listener "l" { identity = "i" trust = {"anyone"} }'
bad 3 'is that of another section, in line 2' 'identity "i" { }' \
	'listener "l" { identity = "i" trust = {"anyone"} }' \
	'listener "\\x6c" { identity = "i" trust = {"anyone"} }'
bad 1 'scope: "everybody" is none of' 'hop "h" { scope = {everybody} }'
bad 1 'nobody may register' 'relay { max = 2 }'
bad 1 'credentials do not count here' "relay { allow = {\"authority $identifier a=b\"} }"
bad 1 'prefix has more than' "relay { plain-links = true prefix = \"$(seq -s '' 90)\" }"
bad 1 'no user "nobody-there"' 'identity "i" { allow-uid = {nobody-there} }'
bad 1 'no group "-1"' 'identity "i" { allow-gid = {"-1"} }'

# Cut off anywhere inside a section, it is not taken for all of it.
cat >whole.conf <<-CONF
	state = "$dir/n.keys" # a { comment
	identity "one" { create = true }
	hop "h{" { route = "l => '}'" scope = {links, channels} }
	link "l" {
		connect = "10.9.0.1:1"
		send-uids = {1, 2}
		dead-ms = 5
	}
CONF
check "a whole file is taken" ockamd -t -f whole.conf
# inside SIZE: so long a beginning ends inside a section
inside() {
	head -c "$1" whole.conf | sed "s/#.*//; s/\"[^\"]*\"//g; s/\"[^\"]*$//" |
		awk '{ d += gsub(/[{]/, "") - gsub(/[}]/, "") } END { exit d == 0 }'
}
cut_files() {
	size=$(wc -c <whole.conf) inside=0
	for i in $(seq $((size - 1))); do
		inside "$i" || continue
		inside=$((inside + 1))
		head -c "$i" whole.conf >cut.conf
		ockamd -t -f cut.conf 2>/dev/null || continue
		echo "taken: the first $i bytes"
		return 1
	done
	echo "$inside of $size"
	[ "$inside" -gt 100 ]
}
check "cut off inside a section it is refused" cut_files
bad 2 "has no '}'" 'user = "root"' 'link "l" { connect = "10.9.0.1:1"' '# }'
bad 3 "no '{' that this '}' ends" 'link "l" {' 'connect = "10.9.0.1:1" }' '}'
bad 1 'a byte order mark' "$(printf '\357\273\277user = "root"')"
bad 1 'a blank in an address' 'hop "h" { route = "up = api" }'
bad 1 'a blank in an address' 'hop "h" { route = "up => my api => x" }'
good 'hop "h" { route = "up=>api" } hop "i" { route = " up  =>  api " }'
good 'hop "h" { route = "my\\x20up => api" }'

# warns LINE PATTERN TEXT...: it is taken, and the log says what may be wrong
warns() {
	line=$1 why=$2
	shift 2
	printf '%s\n' "$@" >good.conf
	check "warned of: $(echo "$*" | cut -c -60)" eval '
		ockamd -t -f good.conf 2>warned && grep "line $line: .*$why" warned'
}
warns 1 'no section makes the first address' 'hop "h" { route = "upp => api" }'
warns 2 'no section makes the first address' 'link "up" { connect = "10.9.0.1:1" }' \
	'inlet "i" { listen = "8001" route = "upp => out" }'
printf '%s\n' 'link "up" { connect = "10.9.0.1:1" }' 'hop "h" { route = "up => api" }' \
	'hop "g" { route = "h => api" }' >good.conf
check "but not of what there is" eval '! ockamd -t -f good.conf 2>&1 | grep warning'
cat >good.conf <<-CONF
	state = "$dir/none.keys"
	identity "i" { }
	listener "l" { identity = "i" trust = {"authority $identifier a=b"} }
CONF
check "warned of an authority that nobody knows" eval '
	ockamd -t -f good.conf 2>warned && grep "authority $identifier is not known" warned'
bad 1 'nor the name of a host' 'link "l" { connect = "10.9.0.300:1" }'
bad 1 'nor the name of a host' 'link "l" { connect = "no host:1" }'
good 'link "l" { connect = "nobody.knows.example:1" } outlet "o" { connect = "nor-this:80" allow = {"anyone"} }'
bad 1 'no loopback address' 'inlet "i" { listen = "host.example:80" route = "0#x" }'

printf 'state = "a\0b"\n' >bad.conf
refuse "a file with a zero byte" 'bad.conf: Invalid argument' ockamd -t -f bad.conf
good ''
refuse "a file that is not there" 'there.conf: No such file' ockamd -t -f there.conf

# ---- what reaches the kernel ----

conf 'forward = {link-link, channel-link}' \
	'link "up" { connect = "127.0.0.1:4000" send-uids = {1000, 2000-2999} send-gids = {nogroup} }' \
	'link "door" { listen = "127.0.0.1:4000" send-uids = {1000} max-accepted = 7 }'
check "the daemon starts" start n
check "two switches are on" eval '
	node forward
	[ "$(node forward)" = "link-link channel-link" ]'
is_up()	{ on n ockamctl link show "$1" | grep -q 'state.*up'; }
check "the links are up" eval 'until_true is_up up && until_true is_up way'
check "it has its lists" eval '
	on n ockamctl link show up
	[ "$(link up send-uids)" = "1000,2000-2999" -a "$(link up send-gids)" = 65534 ]'
check "so has the listening one, and its limit" eval '
	on n ockamctl link show door
	[ "$(link door send-uids)" = 1000 -a "$(link door max-accepted)" = 7 ]'
check "uid 1000 sends through it" try_send 1000
refuse "uid 1001 may not" 'Permission denied' try_send 1001

# ---- reading it again ----

on n lib_echo serve echoer channels >echo.out 2>&1 &
pids=$!
until_true grep -q ready echo.out
ch=$(on n ockamctl secure-channel create 'way => api' identity one trust anyone |
	awk '{ print $1 }')
ask()	{ [ "$(on n lib_echo ask "$ch => echoer" "$1")" = "$1" ]; }
check "a channel over it works" ask one
kept() {
	on n ockamctl -j channel list | grep -E '"(id|encryptor|decryptor)"'
	on n ockamctl -j link list | grep -E '"(id|state|name)"'
}
kept >kept.1
up_id=$(link up id)

check "the same again" reload
kept >kept.2
check "keeps links and channels" cmp kept.1 kept.2
check "and the channel works" ask two

conf 'forward = {}' \
	'link "up" { connect = "127.0.0.1:4000" send-uids = {1001} }' \
	'link "door" { listen = "127.0.0.1:4000" }' \
	'link "more" { connect = "127.0.0.1:4000" }' \
	'link "dgate" { kind = "udp" listen = "127.0.0.1:4000" }' \
	'link "dgram" { kind = "udp" connect = "127.0.0.1:4000" }' \
	'hop "h" { route = "up => api" scope = {links} }'
check "others are read" reload
check "an empty list turns all switches off" [ "$(node forward)" = none -o -z "$(node forward)" ]
check "the list of senders is another" eval '
	on n ockamctl link show up
	[ "$(link up send-uids)" = 1001 -a "$(link up send-gids)" != 65534 ]'
check "uid 1001 sends now" try_send 1001
refuse "and uid 1000 does not" 'Permission denied' try_send 1000
check "the link is the one that it was" [ "$(link up id)" = "$up_id" ]
check "the channel works" ask three
check "links over UDP are up" eval '
	is_up dgate && is_up dgram && [ "$(link dgram kind)" = udp ]'
tcp_ch=$ch
ch=$(on n ockamctl secure-channel create 'dgram => api' identity one trust anyone |
	awk '{ print $1 }')
check "and carry a channel" ask datagrams
ch=$tcp_ch
check "a hop is there" on n ockamctl hop show h

# Without a word about it a switch stays as somebody set it.
conf 'link "up" { connect = "127.0.0.1:4000" }' 'link "door" { listen = "127.0.0.1:4000" }'
on n ockamctl node set forward link-channel
check "less is read" reload
check "switches that are not named stay" [ "$(node forward)" = link-channel ]
refuse "the link that is not named is gone" 'o' on n ockamctl link show more
refuse "and the hop" 'o' on n ockamctl hop show h
check "everybody sends again" try_send 1000
check "the channel works" ask four

kept >kept.1
conf 'link "up" { connect = "127.0.0.1:4000" send-uids = {5-4} }'
check "a bad one is not read" reload_bad
check "the error names file and line" logged n \
	'n.conf, line 6: send-uids: "5-4" is neither'
kept >kept.2
check "nothing has changed" cmp kept.1 kept.2
check "everybody still sends" try_send 1001
rm n.conf
check "nor one that is gone" reload_bad
refuse "who asks for it hears why" 'the old configuration stays: .*n.conf' \
	on n ockamctl reload
printf 'nonsense = 1\n' >n.conf
refuse "and which line is wrong" 'the old configuration stays: .*line 1.*nonsense' \
	on n ockamctl reload
refuse "who may not ask for it, too" 'uid 1000 may not' \
	as 1000 n ockamctl reload
kept >kept.2
check "nothing has changed" cmp kept.1 kept.2
check "the channel works" ask five

# An identity that is not allowed any more takes its channels with it.
sed 's/one/two/' >n.conf <<-CONF
	state = "$dir/n.keys"
	identity "one" { create = true }
	listener "api" { identity = "one" trust = {"anyone"} }
	link "up" { connect = "127.0.0.1:4000" }
	link "door" { listen = "127.0.0.1:4000" }
CONF
sed -i 's/identity = "one"/identity = "two"/' n.conf
check "another identity is read" on n ockamctl reload
check "channels of the one that is gone are closed" until_true eval \
	'! on n ockamctl -j channel list | grep -q "\"id\""'
check "the link is not" is_up up

echo "1..$n"
[ $failed -eq 0 ] || { tail -n 60 n.log | sed 's/^/# /'
	on n ockamctl node | sed 's/^/# /'; }
exit $failed
