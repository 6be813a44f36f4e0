#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Write a small seed corpus for each fuzzer below the directory named."""

import pathlib
import random
import sys

ADDR = "820043617070"
ECHO = "8200466563686f6572"
HELLO = "4d0c48656c6c6f204f636b616d21"

WIRE = [
    "8381" + ECHO + "81" + ADDR + HELLO,
    "8481" + ECHO + "80" + HELLO + "627b7d",
    "83808040",
    "8481" + ECHO + "81" + ADDR + HELLO + "f6",
    "9f9f9f0043617070ffff804100f6ff",
    "8381821900005b000000000000000361707080580100",
    "86" + "8080" + "40" + "f6" + "a101c1f93c00" + "5f4100ff",
    "84" + "8080" + "40" + "64f09f9880",
    "838198030043617070f4" + "80" + "40",
]

CHAN = ["82820081" + m + "40" for m in WIRE] + [
    "8282028040",
    "8282018182430102038040",
    "9f82019f9f4301020380fff6ff420000ff",
    "83820281004100f5",
]

ROUTE = [
    "",
    "0003617070",
    "0003617070010e3132372e302e302e313a34303030",
    "0000",
    "0100",
    "000161" * 64,
    "000161" * 65,
    "00ff" + "61" * 255,
]


PIECES = [
    "850119123400f5582384818200466563686f6572818200436170704d0c48656c"
    "6c6f204f636b616d21627b7d",
    "850119ffff1901edf45901ed",
    "9f010000f54161ff",
    "00050300" + "01050301" + "02050301",
]


def ring():
    """Sequences of steps as fuzz_ring.c reads them."""
    rng = random.Random(1)
    for keep in (0, 1):
        for mix in ("0", "001", "0013", "00134", "0012345", "01234567"):
            steps = bytes([keep])
            for _ in range(200):
                steps += bytes([int(rng.choice(mix))]) + rng.randbytes(2)
            yield steps


def main():
    top = pathlib.Path(sys.argv[1])
    for name, seeds in (
        ("wire", map(bytes.fromhex, WIRE)),
        ("chan", map(bytes.fromhex, CHAN)),
        ("route", map(bytes.fromhex, ROUTE)),
        ("ring", ring()),
        ("pieces", map(bytes.fromhex, PIECES)),
    ):
        where = top / f"fuzz_{name}"
        where.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds):
            (where / f"seed-{i:02}").write_bytes(seed)


if __name__ == "__main__":
    main()
