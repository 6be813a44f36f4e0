#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# For run.sh: a channel of two ockamd and messages through it, and all packets of
# that in /ockam/out/channel.pcap, for the dissector.

# shellcheck source=selftests/vm/lib_daemon.sh
. "$(dirname "$0")/lib_daemon.sh"

echo "TAP version 13"
nodes app resp
join app resp 1
cat >resp.conf <<-CONF
	state = "$dir/resp.keys"
	identity "responder" { create = true }
	listener "api" { identity = "responder" trust = {"anyone"} }
	link "door" { listen = "10.1.0.2:4000" }
CONF
cat >app.conf <<-CONF
	state = "$dir/app.keys"
	identity "app" { create = true }
	link "up" { connect = "10.1.0.2:4000" }
CONF
# Packets without Ethernet's header, as a capture of link type 101 has them.
cat >capture.py <<'PY'
import os, signal, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
f = open("/ockam/out/channel.pcap", "wb")
f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 17, 101))
def end(*_):
    f.close()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
n = 0
while True:
    p, where = s.recvfrom(1 << 17)
    # Once, not for lo's two sides; nothing but IPv4.
    if where[1] == 0x800:
        n += 1
        f.write(struct.pack("<IIII", 1700000000, n, len(p), len(p)) + p)
PY
ip netns exec resp python3 capture.py >capture.out &
capture=$!
pids="$pids $capture"
check "packets are captured" until_true grep -q ready capture.out
check "the responder's daemon starts" start resp
check "the application's daemon starts" start app
ip netns exec resp lib_echo serve echoer channels >echo.out 2>&1 &
pids="$pids $!"
until_true grep -q ready echo.out
until_true eval 'on app ockamctl link show up | grep -q "state.*up"'
ch=$(on app ockamctl secure-channel create 'up => api' identity app trust anyone \
	timeout-ms 20000 | awk '{ print $1 }')
for i in 1 2 3; do
	check "message $i" [ "$(on app lib_echo ask "$ch => echoer" "hello $i")" = "hello $i" ]
done
kill $capture
wait $capture
check "there is a capture" [ -s /ockam/out/channel.pcap ]
echo "1..$n"
exit $failed
