#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""
Netlink echoes a request that it refuses. One with keys must come back without
them, whoever refuses it: policy, permission or the code behind.
"""
import os
import random
import socket
import struct
import sys

NLM_F_REQUEST = 1
NLM_F_ACK = 4
NLMSG_ERROR = 2
GENL_ID_CTRL = 0x10
CTRL_CMD_GETFAMILY = 3

# From ockam_netlink.h, given by the caller: names to numbers.
ENUM = {}


def read_enums(path):
    """Every enumerator of a generated uapi header."""
    value = 0
    for line in open(path):
        line = line.strip().rstrip(',')
        if line.startswith('enum'):
            value = 0
        elif line.startswith(('OCKAM_', '__OCKAM_')):
            name, _, given = line.partition(' = ')
            if given.isdigit():
                value = int(given)
            elif given:
                continue
            ENUM[name] = value
            value += 1


def attr(number, data):
    pad = b'\0' * (-len(data) % 4)
    return struct.pack('=HH', 4 + len(data), number) + data + pad


def transact(sock, family, cmd, attrs, reserved=0):
    """What the kernel answers: (error, the whole message)."""
    body = struct.pack('=BBH', cmd, 1, reserved) + attrs
    sock.send(struct.pack('=IHHII', 16 + len(body), family,
                          NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
    answer = sock.recv(65536)
    kind, = struct.unpack_from('=H', answer, 4)
    if kind != NLMSG_ERROR:
        return 0, answer
    error, = struct.unpack_from('=i', answer, 16)
    return error, answer


def find_family(sock):
    _, answer = transact(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
                         attr(2, b'ockam\0'))
    sock.recv(65536)    # the acknowledgement
    at = 20
    while at + 4 <= len(answer):
        size, number = struct.unpack_from('=HH', answer, at)
        if number == 1:
            return struct.unpack_from('=H', answer, at + 4)[0]
        at += (size + 3) & ~3
    sys.exit('no family')


def main():
    read_enums(sys.argv[1])
    seed = int(os.environ.get('SEED') or random.randrange(1 << 32))
    print(f'TAP version 13\n# SEED={seed}')
    rng = random.Random(seed)
    tx, rx = rng.randbytes(32), rng.randbytes(32)
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    family = find_family(sock)
    new = ENUM['OCKAM_CMD_CHANNEL_NEW']
    a = lambda name, data: attr(ENUM['OCKAM_A_CHANNEL_' + name], data)
    keys = a('TX_KEY', tx) + a('RX_KEY', rx)
    role = a('ROLE', struct.pack('=I', 1))
    tests = []

    def refused(what, attrs, **more):
        error, answer = transact(sock, family, new, attrs, **more)
        size = len(attrs)
        # The echo is there, so that there was something to look into.
        good = error < 0 and len(answer) >= 36 + 4 + size and \
            tx[:8] not in answer and rx[:8] not in answer
        tests.append((good, what))

    error, answer = transact(sock, family, ENUM['OCKAM_CMD_HOP_NEW'],
                             attr(ENUM['OCKAM_A_HOP_ADDRESS'], tx))
    tests.append((error < 0 and tx in answer, 'other requests are echoed'))
    refused('refused by code', keys)
    refused('refused by code, late', keys + role + a('IDENTIFIER', tx) +
            a('DECRYPTOR', b'\0\1d') + a('ROUTE', b'\0\1x') +
            a('MODE', struct.pack('=I', 0o111)))
    refused('refused by policy', keys + a('ROLE', struct.pack('=I', 77)))
    refused('key too short', a('TX_KEY', tx[:31]) + a('RX_KEY', rx))
    refused('key too long', a('TX_KEY', tx + b'x') + a('RX_KEY', rx))
    refused('keys twice', keys + keys)
    refused('unknown attribute', keys + attr(999, b'1234'))
    refused('not attributes at all', tx + rx)
    refused('attribute cut off', keys + struct.pack('=HH', 99, 1) + rx)
    refused('reserved bytes', keys, reserved=1)
    os.setresuid(1000, 1000, 1000)
    sock.close()
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    error, answer = transact(sock, family, new, keys)
    tests.append((error == -1, 'without permission: EPERM'))
    refused('refused for lack of permission', keys)

    for i, (good, what) in enumerate(tests, 1):
        print(f'{"ok" if good else "not ok"} {i} {what}')
    print(f'1..{len(tests)}')
    sys.exit(not all(good for good, _ in tests))


main()
