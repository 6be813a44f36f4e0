#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ockamctl stats, also as Prometheus reads it.

. /ockam/tests/lib_tool.sh

cr=$(printf '\r')
request() { printf '%s\r\n' "$@" '' | ockamctl stats --prometheus --http; }

ip link set lo up
ockamctl link add listen 127.0.0.1:4001 name lst >/dev/null
ockamctl link add connect 127.0.0.1:4001 name near >/dev/null
ockamctl wait link near up timeout 600
ockamctl send nobody text x 2>/dev/null

echo TAP version 13
says "what happened" "no-worker" ockamctl stats
says "in JSON" '"drops"' ockamctl -j stats
says "for Prometheus" '# TYPE ockam_drops_total counter|ockam_drops_total{reason="no-worker"}|ockam_link_up{link="0#near",kind="tcp",mode="connect"} 1' \
	ockamctl stats --prometheus
request 'GET /metrics HTTP/1.1' 'Host: x' >"$tmp/out"
grep -q "^HTTP/1.0 200 OK$cr" "$tmp/out" && grep -q '^ockam_links 3$' "$tmp/out"
good "as the answer to a request"
len=$(sed -n "s/^Content-Length: \([0-9]*\)$cr/\1/p" "$tmp/out")
[ "$(sed "1,/^$cr\$/d" "$tmp/out" | wc -c)" -eq "$len" ]
good "with its right length"
request 'POST / HTTP/1.1' >"$tmp/out"
grep -q '400 Bad Request' "$tmp/out" && ! grep -q ockam_ "$tmp/out"
good "no other request"
head -c 100000 /dev/zero | tr '\0' x | ockamctl stats --prometheus --http >"$tmp/out"
grep -q '400 Bad Request' "$tmp/out"
good "one without an end"
run "one of nothing" 0 out "400 Bad Request" ockamctl stats prometheus http </dev/null
wrong "http alone" "http is for prometheus" ockamctl stats http
wrong "a word that is none" "'all', there are prometheus, http" ockamctl stats all
fails "not for users" "CAP_NET_ADMIN" setpriv --reuid 1000 --regid 1000 \
	--clear-groups --inh-caps=-all --bounding-set=-all ockamctl stats prometheus
ockamctl flush
tool_end
