#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Does the dissector of userspace/wireshark show what was sent?

Makes captures of messages as protocol.rst has them, with the Noise messages of
selftests/vectors, and compares what tshark says of them.  A capture that is named
on the command line is only looked at: nothing in it may be malformed.  After
--interop it is the one of wire_interop.sh, of which more is known.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LUA = os.path.join(TOP, "userspace/wireshark/ockam.lua")
VECTORS = os.path.join(TOP, "selftests/vectors/noise-xx.json")

tests = 0
failed = 0


def check(what, got, want):
    global tests, failed
    tests += 1
    good = got == want
    failed += not good
    print(f"{'ok' if good else 'not ok'} {tests} - {what}")
    if not good:
        print(f"#      got {got!r}\n# expected {want!r}")


# ---- CBOR ----

def head(major, n):
    for info, size in ((24, 1), (25, 2), (26, 4)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def bstr(b):
    return head(2, len(b)) + b


def route(*names):
    return head(4, len(names)) + b"".join(
        b"\x82" + head(0, kind) + bstr(name)
        for kind, name in (n if isinstance(n, tuple) else (0, n) for n in names))


def message(onward, ret, payload, tracing=None):
    m = head(4, 3 if tracing is None else 4) + route(*onward) + route(*ret)
    m += bstr(payload)
    return m if tracing is None else m + head(3, len(tracing)) + tracing


def frame(m):
    return struct.pack(">I", len(m)) + m


# ---- captures ----

def ipv4(proto, data, back=False):
    a, b = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, proto,
                       0) + (b + a if back else a + b) + data


class Capture:
    def __init__(self, port=4000):
        self.packets, self.port, self.seq = [], port, [1, 1]

    def tcp(self, data, back=False):
        ports = (self.port, 50000) if back else (50000, self.port)
        header = struct.pack(">HHIIBBHHH", *ports, self.seq[back],
                             self.seq[not back], 0x50, 0x18, 65535, 0, 0)
        self.seq[back] += len(data)
        self.packets.append(ipv4(6, header + data, back))

    def udp(self, data):
        self.packets.append(ipv4(17, struct.pack(
            ">HHHH", 50000, self.port, 8 + len(data), 0) + data))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 17, 101))
            for i, p in enumerate(self.packets):
                f.write(struct.pack("<IIII", 1700000000, i, len(p), len(p)) + p)


def tshark(path, *args):
    r = subprocess.run(["tshark", "-n", "-r", path, "-X", "lua_script:" + LUA, *args],
                       capture_output=True, text=True, check=False)
    lua = [l for l in r.stderr.splitlines() if "lua" in l.lower() or "Error" in l]
    if r.returncode or lua:
        print("# " + "\n# ".join(r.stderr.splitlines()))
        check("tshark runs the script", "no", "yes")
    if "Lua Error" in r.stdout:
        check("the script has no error", r.stdout[:400], "")
    return r.stdout.splitlines()


def rows(capture, *fields):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "c.pcap")
        capture.write(path)
        args = ["-2", "-T", "fields", "-E", "aggregator=;"]
        for f in fields:
            args += ["-e", f]
        return [tuple(l.split("\t")) for l in tshark(path, *args)]


# ---- the cases ----

RANDOM = b"00112233445566778899aabbccddeeff"
OTHER = b"ffeeddccbbaa99887766554433221100"
HELLO = b"\x0cHello Ockam!"
# Written out by hand, not by this file's functions.
EXAMPLE = bytes.fromhex("0000002083818200466563686f6572818200436170704d0c48656c"
                        "6c6f204f636b616d21")
TRACED = bytes.fromhex("8481820043617070804d0c48656c6c6f204f636b616d21627b7d")


def test_tcp():
    check("the frame is the one of the examples",
          frame(message([b"echoer"], [b"app"], HELLO)).hex(), EXAMPLE.hex())
    c = Capture()
    c.tcp(b"\x01")
    c.tcp(b"\x01" + EXAMPLE, back=True)
    c.tcp(EXAMPLE + frame(TRACED))
    c.tcp(EXAMPLE[:2])
    c.tcp(EXAMPLE[2:30])
    c.tcp(EXAMPLE[30:] + frame(message([], [], b"")))
    got = rows(c, "ockam.version", "ockam.onward", "ockam.return", "ockam.payload",
               "ockam.tracing", "ockam.heartbeat", "ockam.length")
    one = HELLO.hex()
    check("a version alone", got[0], ("1", "", "", "", "", "", ""))
    check("a version with a frame", got[1],
          ("1", "0#echoer", "0#app", one, "", "", "32"))
    check("two frames in a segment", got[2],
          ("", "0#echoer;0#app", "0#app;", f"{one};{one}", "{}", "", "32;26"))
    check("half a frame", [r[1] for r in got[3:5]], ["", ""])
    check("its end, and a heartbeat", got[5][1:3] + got[5][5:],
          ("0#echoer;", "0#app;", "1", "32;4"))


def test_addresses():
    c = Capture()
    c.tcp(b"\x01" + frame(message([(2, b"1.2.3.4:5"), b"\xff\x00"], [b"a", b"b"], b"")))
    c.tcp(frame(b"\x83\x81\x82\x00\x46ech"))
    c.tcp(struct.pack(">I", 0x2000000) + bytes(8))
    c.tcp(bytes(4))
    got = rows(c, "ockam.onward", "ockam.return", "_ws.malformed", "ockam.bad")
    check("other types, and bytes that are no text", got[0][:2],
          ("2#1.2.3.4:5 => 0#0xff00", "0#a => 0#b"))
    check("a message that ends in the middle is named", bool(got[1][3]), True)
    check("so is a frame that is too long", bool(got[2][3]), True)
    check("and an empty one", bool(got[3][3]), True)


def test_heuristic():
    c = Capture(port=12345)
    c.tcp(b"\x01" + EXAMPLE)
    c.tcp(EXAMPLE)
    c.tcp(b"GET / HTTP/1.1\r\n\r\n")
    got = rows(c, "ockam.onward")
    check("another port is recognised", [r[0] for r in got[:2]], ["0#echoer"] * 2)


def datagram(number, offset, last, piece):
    return (b"\x85\x01" + head(0, number) + head(0, offset) +
            (b"\xf5" if last else b"\xf4") + bstr(piece))


def test_udp():
    one = message([b"echoer"], [b"app"], HELLO, b"{}")
    big = message([b"echoer"], [b"app"], bytes(980), b"{}")
    c = Capture()
    c.udp(datagram(0x1234, 0, True, one))
    check("the datagram is the one of the examples", c.packets[0][28:48].hex(),
          "850119123400f5582384818200466563686f6572")
    for at in 0, 493, 986:
        c.udp(datagram(65535, at, at == 986, big[at:at + 493]))
    c.udp(datagram(0, 0, False, big[:493]))
    c.udp(datagram(0, 986, True, big[986:]))
    got = rows(c, "ockam.udp.number", "ockam.udp.offset", "ockam.udp.last",
               "ockam.onward", "ockam.payload", "ockam.lost")
    check("one piece", got[0][:5],
          ("4660", "0", "1", "0#echoer", HELLO.hex()))
    check("three pieces", [r[:4] for r in got[1:4]],
          [("65535", "0", "0", ""), ("65535", "493", "0", ""),
           ("65535", "986", "1", "0#echoer")])
    check("put together", got[3][4], bytes(980).hex())
    check("one that is lost", (got[5][3], bool(got[5][5])), ("", True))


def noise():
    with open(VECTORS, encoding="ascii") as f:
        for v in json.load(f)["vectors"]:
            if v["protocol_name"] == "Noise_XX_25519_AESGCM_SHA256":
                return [bytes.fromhex(m["ciphertext"]) for m in v["messages"]]
    raise SystemExit("no vector")


def test_channel():
    m = noise()
    m1, m2, m3 = m[0][:32], m[1], m[2]
    data = struct.pack(">Q", 70) + m[3]
    c = Capture()
    c.tcp(b"\x01" + frame(message([b"api"], [RANDOM], m1)))
    c.tcp(b"\x01" + frame(message([RANDOM], [OTHER], m2)), back=True)
    c.tcp(frame(message([OTHER], [RANDOM], m3)))
    c.tcp(frame(message([OTHER], [], data)))
    c.tcp(frame(message([b"echoer"], [], data)))
    got = rows(c, "ockam.channel.step", "ockam.channel.ephemeral",
               "ockam.channel.static", "ockam.channel.identity",
               "ockam.channel.nonce", "ockam.channel.generation",
               "ockam.channel.ciphertext", "ockam.channel.tag")
    check("message 1", got[0], ("1", m1.hex(), "", "", "", "", "", ""))
    check("message 2", got[1], ("2", m2[:32].hex(), m2[32:80].hex(),
                                m2[80:].hex(), "", "", "", ""))
    check("message 3", got[2], ("3", "", m3[:48].hex(), m3[48:].hex(), "", "", "",
                                ""))
    check("what is encrypted", got[3], ("4", "", "", "", "70", "2",
                                        m[3][:-16].hex(), m[3][-16:].hex()))
    check("what is not", got[4][0], "")
    c = Capture()
    c.tcp(frame(message([OTHER], [], data)))
    got = rows(c, "ockam.channel.step", "ockam.guess")
    check("without a handshake it is called a guess", (got[0][0], bool(got[0][1])),
          ("4", True))


def test_capture(path):
    """One that was made elsewhere, with a channel in it."""
    out = [l.split("\t") for l in tshark(
        path, "-2", "-Y", "ockam", "-T", "fields", "-E", "aggregator=;", "-e",
        "ockam.channel.step", "-e", "ockam.bad", "-e", "ockam.onward")]
    check(f"{path}: there are Ockam's messages", bool(out), True)
    check(f"{path}: none is malformed", [r for r in out if r[1]], [])
    steps = ";".join(r[0] for r in out).split(";")
    for step in "1234":
        check(f"{path}: step {step} is found", step in steps, True)


def test_interop(path):
    """Stock nodes and ours: all is understood, from both."""
    fields = ("tcp.stream", "tcp.dstport", "udp.dstport", "udp.srcport",
              "ockam.channel.step", "ockam.guess",
              "ockam.bad", "ockam.onward", "ockam.tracing", "ockam.version",
              "ockam.channel.identity", "ockam.udp.number", "ockam.lost")
    args = [a for f in fields for a in ("-e", f)]
    out = [dict(zip(fields, l.split("\t"))) for l in tshark(
        path, "-2", "-d", "tcp.port==5000,ockam", "-d", "udp.port==5000,ockam",
        "-Y", "ockam", "-T", "fields", "-E", "aggregator=;", *args)]
    check("none is malformed", [r for r in out if r["ockam.bad"]], [])
    check("no message of a channel is guessed",
          [r for r in out if r["ockam.guess"]], [])
    for port, who, other in (("4000", "a stock node", "us"),
                             ("5000", "we", "a stock node")):
        to = [r for r in out if r["tcp.dstport"] == port]
        streams = {r["tcp.stream"] for r in to}
        back = [r for r in out if r["tcp.stream"] in streams and r not in to]

        def all_of(field, rows):
            return [v for r in rows for v in r[field].split(";") if v]

        check(f"{who} to {other}: one connection", len(streams), 1)
        check("a version each", all_of("ockam.version", to + back), ["1", "1"])
        check("ten messages to a worker in clear",
              all_of("ockam.onward", to).count("0#echo"), 10)
        check("a handshake", [sorted(set(all_of("ockam.channel.step", rows)) - {"4"})
                              for rows in (to, back)], [["1", "3"], ["2"]])
        check("who the two are is in it, encrypted",
              [len(all_of("ockam.channel.identity", rows)) for rows in (to, back)],
              [1, 1])
        check("what goes through the channel, both ways",
              [all_of("ockam.channel.step", rows).count("4") >= 100
               for rows in (to, back)], [True, True])
        stock, ours = (to, back) if port == "4000" else (back, to)
        check("a tracing context in what a stock node sends",
              set(all_of("ockam.tracing", stock)), {"{}"})
        check("and in nothing of ours", all_of("ockam.tracing", ours), [])
        to = [r for r in out if r["udp.dstport"] == port]
        back = [r for r in out if r["udp.srcport"] == port]
        check(f"{who} to {other}, over UDP: all eight are put together",
              all_of("ockam.onward", to).count("0#echo"), 8)
        check("and were in pieces",
              len(to) > len(set(all_of("ockam.udp.number", to))), True)
        stock = to if port == "4000" else back
        check("a tracing context in what a stock node sends there",
              set(all_of("ockam.tracing", stock)), {"{}"})
    check("no datagram is missing", [r for r in out if r["ockam.lost"]], [])


def main():
    print("TAP version 13")
    if sys.argv[1:2] == ["--interop"]:
        test_interop(sys.argv[2])
    elif len(sys.argv) > 1:
        for path in sys.argv[1:]:
            test_capture(path)
    else:
        for test in (test_tcp, test_addresses, test_heuristic, test_udp,
                     test_channel):
            test()
    print(f"1..{tests}")
    return 1 if failed else 0


sys.exit(main())
