#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""gate.py ROWS RECORDED RELEASE: does a row cost more than what is recorded?

Prints TAP, a test a row of ours; one fails that is more than 3 % above RECORDED, a
file of bench-record. Where the kernel is not that of the record, what is allowed
grows as the rivals that both have: not our doing, either.
"""
import json
import sys

from targets import read_rows

ALLOWED = 1.03
# What is not ours, and has to be in each run.
RIVALS = ("unix", "tcp_rt_64", "udp_rt_64")


def main():
    """See above."""
    rows = read_rows(sys.argv[1])
    with open(sys.argv[2], encoding="ascii") as record:
        record = json.load(record)
    ours = [name for name in rows if name not in RIVALS]
    scale = 1.0
    if record["release"] != sys.argv[3]:
        scale = max(1.0, max(rows[r] / record["rows"][r] for r in RIVALS))
        print(f"# recorded of {record['release']}, this is {sys.argv[3]}: "
              f"times {scale:.3f}")
    failed = 0
    for num, name in enumerate(ours, 1):
        if name not in record["rows"]:
            print(f"not ok {num} {name}: not recorded; make bench-record")
            failed += 1
            continue
        limit = record["rows"][name] * scale * ALLOWED
        good = rows[name] <= limit
        failed += not good
        print(f"{'ok' if good else 'not ok'} {num} {name}: {rows[name]}, recorded "
              f"{record['rows'][name]}, at most {limit:.0f}")
    print(f"1..{len(ours)}")
    print(f"{len(ours) - failed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
