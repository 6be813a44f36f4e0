#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Portals through a channel: a stock inlet at our outlet, and ours at a stock one.
# Programs that know nothing of it, every byte of 50 MB each way, both kinds of end
# from either side, many at once, and who may not.

# shellcheck source=selftests/interop/lib_interop.sh
. "$(dirname "$0")/lib_interop.sh"

bulk=$((52428800 / share))
case ${OCKAM_VM_KERNEL:-} in debug*) bulk=4194304 ;; esac
source=4194304
many=60

portal() { # portal NODE inlet|outlet NAME FIELD
	on "$1" ockamctl "$2" | sed -n "s/^\(0#\)\{0,1\}$3 .* $4 \([0-9a-z]*\).*/\2/p"
}
all_open()	{ on "$1" ockamctl "$2" | awk '{ for (i = 1; i < NF; i++) if ($i == "open") n += $(i + 1) } END { print n + 0 }'; }
open_is()	{ [ "$(all_open "$1" "$2")" -eq "$3" ]; }
lines()		{ [ "$(grep -c "$1" "$2")" -ge "$3" ]; }
kept_up()	{ on a ockamctl secure-channel list | grep -q 'hq .*state up'; }
accepted()	{ cat ./*.serve | grep -c accepted; }

# What is there at 127.0.0.1 of b: a web server, and four of lib_portal.
serve() {
	local i

	mkdir -p www/cgi-bin
	# No zero bytes: wget's --post-file takes text.  No two parts are the same.
	head -c 1052672 /dev/urandom | tr '\000' x >part
	for i in $(seq $((bulk / 1048576))); do
		echo "part $i"
		cat part
	done >www/big
	sum=$(sha256sum <www/big)
	printf '#!/bin/sh\necho "Content-Type: text/plain"\necho\nexec sha256sum\n' >www/cgi-bin/sum
	chmod -R a+rX www
	chmod 755 www/cgi-bin/sum
	ip netns exec b httpd -f -p 127.0.0.1:9000 -h "$dir/www" >httpd.out 2>&1 &
	pids="$pids $!"
	ip netns exec b lib_portal echo 9001 >echo.serve 2>&1 &
	pids="$pids $!"
	ip netns exec b lib_portal source 9002 $source >source.serve 2>&1 &
	pids="$pids $!"
	ip netns exec b lib_portal source 9003 4000000000 >endless.serve 2>&1 &
	pids="$pids $!"
	ip netns exec b lib_portal slam 9004 >slam.serve 2>&1 &
	pids="$pids $!"
	until_true eval '[ "$(cat ./*.serve | grep -c ready)" -eq 4 ] &&
		on b netstat -ltn | grep -q ":9000 "'
}

down() { on a wget -q -O - "http://127.0.0.1:$1/big" | sha256sum; }
up() { on a wget -q -O - --post-file www/big "http://127.0.0.1:$1/cgi-bin/sum"; }

# unreached SECONDS PORT: the client gets nothing, and nobody is connected to
unreached() {
	local was

	was=$(accepted)
	! on a timeout "$1" lib_portal run "$2" 5 1 && [ "$(accepted)" -eq "$was" ]
}

# programs BASE WHOSE: through the inlets at BASE and above, in the servers' order
programs() {
	local base=$1 was

	check "$2: $bulk bytes to a client" is "$sum" down "$base"
	check "$2: $bulk bytes to a server, and its answer" is "$sum" up "$base"
	was=$(grep -c 'end after 65536$' echo.serve)
	check "$2: $many connections at once" on a lib_portal run $((base + 1)) 65536 $many
	check "$2: the server sees the end of each" \
		until_true lines 'end after 65536$' echo.serve $((was + many))
	check "$2: the server ends: all of it comes, and then the end" \
		on a lib_portal late $((base + 2)) $source 0
	was=$(grep -c 'reset after' endless.serve)
	check "$2: a client resets while a server sends" on a lib_portal reset $((base + 3))
	check "$2: the server notices" until_true lines 'reset after' endless.serve $((was + 1))
	check "$2: a server resets" refuse_run $((base + 4))
}

# The client is still sending, and sees that it ends.
refuse_run() {
	if on a lib_portal run "$1" 8388608 1 2>run.out; then
		return 1
	fi
	cat run.out
	grep -q 'reset\|Broken\|the end' run.out
}

row
rust_start a b
rust_a=$(rust a identity me)
other=$(rust a identity other)
rust_b=$(rust b identity me)
rust b listen 0.0.0.0:5000 >/dev/null
rust b listener api me anyone >/dev/null
check "servers wait" serve

cat >b.conf <<-CONF
	state = "$dir/b.keys"
	identity "ours" { create = true }
	listener "api" { identity = "ours" trust = {"anyone"} }
	link "door" { listen = "0.0.0.0:4000" }
	outlet "web" { connect = "127.0.0.1:9000" allow = {"$rust_a"} }
	outlet "echo" { connect = "127.0.0.1:9001" allow = {"$rust_a"} }
	outlet "source" { connect = "127.0.0.1:9002" allow = {"$rust_a"} }
	outlet "endless" { connect = "127.0.0.1:9003" allow = {"$rust_a"} }
	outlet "slam" { connect = "127.0.0.1:9004" allow = {"$rust_a"} }
	outlet "nobody" { connect = "127.0.0.1:9" allow = {"$rust_a"} }
	outlet "private" { connect = "127.0.0.1:9001" allow = {"$other"} }
CONF
cat >a.conf <<-CONF
	state = "$dir/a.keys"
	identity "ours" { create = true }
	link "rust-b" { connect = "10.2.0.1:5000" reconnect-max-ms = 1000 }
	channel "hq" { identity = "ours" route = "rust-b => api" trust = {"$rust_b"}
		timeout-ms = 20000 }
	inlet "web" { listen = "8000" route = "hq => web" }
	inlet "echo" { listen = "8001" route = "hq => echo" }
	inlet "source" { listen = "8002" route = "hq => source" }
	inlet "endless" { listen = "8003" route = "hq => endless" }
	inlet "slam" { listen = "8004" route = "hq => slam" }
	inlet "nobody" { listen = "8005" route = "hq => nobody" timeout-ms = 2000 }
	inlet "private" { listen = "8006" route = "hq => private" timeout-ms = 2000 }
CONF
check "our daemon starts at b" start b
check "and at a" start a
ours_a=$(identifier a ours)
ours_b=$(identifier b ours)
check "our channel to the stock node comes up" until_true kept_up

# ---- our inlets, stock outlets ----

outlet() { rust b outlet "$1" "127.0.0.1:$2" "$3"; }
check "stock outlets" eval 'outlet web 9000 $ours_a && outlet echo 9001 $ours_a &&
	outlet source 9002 $ours_a && outlet endless 9003 $ours_a &&
	outlet slam 9004 $ours_a &&
	outlet nobody 9 $ours_a && outlet private 9001 $other'
programs 8000 "our inlet"
check "our inlet: nothing is left" until_true open_is a inlet 0
was=$(grep -c 'after 5$' echo.serve)
check "our inlet: a client resets, who is idle then" on a lib_portal reset 8001
check "the server sees an end" until_true lines 'after 5$' echo.serve $((was + 1))
check "a stock outlet says nothing of a target that is not there: we give up" \
	refuse_run 8005
check "nor does it serve us under another's name" unreached 20 8006
check "we have counted that" is 1 portal a inlet private refused

# ---- stock inlets, our outlets ----

check "a stock node makes a channel" is "$ours_b" eval 'rust a connect b 10.2.0.1:4000 >/dev/null &&
	rust a channel hq me "b=>api" $ours_b 30'
check "another one as somebody else" is "$ours_b" rust a channel stranger other 'b=>api' "$ours_b" 30
inlet() { is "127.0.0.1:$1" rust a inlet "127.0.0.1:$1" "$2" "$3"; }
check "stock inlets" eval 'inlet 8100 "hq=>web" $ours_b && inlet 8101 "hq=>echo" $ours_b &&
	inlet 8102 "hq=>source" $ours_b && inlet 8103 "hq=>endless" $ours_b &&
	inlet 8104 "hq=>slam" $ours_b &&
	inlet 8105 "hq=>nobody" $ours_b && inlet 8106 "hq=>private" $ours_b &&
	inlet 8107 "stranger=>echo" $ours_b && inlet 8108 "b=>echo" anyone &&
	inlet 8109 "hq=>echo" $other'
programs 8100 "a stock inlet"
check "a stock inlet: nothing is left" until_true open_is b outlet 0
check "its client is told of a target that is not there" refuse_run 8105
was=$(dropped b)
check "we do not serve it under another's name" unreached 3 8106
check "nor somebody else" unreached 3 8107
check "nor a plain link" unreached 3 8108
check "the kernel has counted that" until_true eval '[ "$(dropped b)" -ge $((was + 3)) ]'
check "it does not take an answer of another identity than it was told" \
	eval '! on a timeout 3 lib_portal run 8109 5 1'
check "so our outlet has one that nobody uses" until_true open_is b outlet 1
ip netns exec a lib_portal hold 8101 2 >hold.out 2>&1 &
pids="$pids $!"
check "and two that are held" until_true open_is b outlet 3
check "the stock node closes the channel" rust a close hq
check "with which all three end" until_true open_is b outlet 0
done_testing
