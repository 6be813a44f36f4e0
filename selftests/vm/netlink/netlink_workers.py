#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""The list of workers: all of them for root, one's own for a user."""
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys

AF_OCKAM = 18
libc = ctypes.CDLL(None, use_errno=True)
done = []


def check(good, what):
    done.append(good)
    print(f'{"ok" if good else "not ok"} {len(done)} {what}')


def worker(name):
    sock = socket.socket(AF_OCKAM, socket.SOCK_DGRAM, 0)
    addr = struct.pack('=HBBBB', AF_OCKAM, 0, 1, 0, len(name)) + name
    if libc.bind(sock.fileno(), addr, len(addr)):
        sys.exit(f'bind: {os.strerror(ctypes.get_errno())}')
    return sock


def listed(uid):
    out = subprocess.run(['ockamctl', '-j', 'worker', 'list'], check=True,
                         capture_output=True, user=uid).stdout
    return [w for w in json.loads(out)
            if w['address'].startswith('0#listed-')]


def main():
    print('TAP version 13')
    roots = [worker(b'listed-root-%d' % i + b'x' * 90) for i in range(400)]
    os.seteuid(1000)
    mine = [worker(b'listed-user-%d' % i) for i in range(30)]
    os.seteuid(0)
    names = [w['address'] for w in listed(0)]
    check(len(names) == 430 and len(set(names)) == 430,
          f'root sees every worker once ({len(names)})')
    seen = listed(1000)
    check(len(seen) == 30 and all(w['uid'] == 1000 for w in seen),
          f'a user sees its own ({len(seen)})')
    inodes = {os.fstat(s.fileno()).st_ino for s in mine}
    check({w['inode'] for w in seen} == inodes, 'inodes are those of the fds')
    check(all(w['scope'] == ['local'] for w in seen), 'scope')
    show = ['ockamctl', 'worker', 'show', 'listed-user-3']
    check(subprocess.run(show, user=1000, capture_output=True).returncode == 0,
          'a user may look at its own')
    show[-1] = '0#listed-root-3' + 'x' * 90
    other = subprocess.run(show, user=1000, capture_output=True)
    check(other.returncode == 1 and b'no such worker' in other.stderr,
          "somebody else's is not there")
    for s in roots + mine:
        s.close()
    left = listed(0)
    check(left and all('held-ms' in w for w in left),
          'none is left, but names that are held for who had them')
    print(f'1..{len(done)}')
    sys.exit(not all(done))


main()
