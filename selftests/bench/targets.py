#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""targets.py ROWS JSON RELEASE [PREFIX]: hold the rows of a benchmark against their targets.

ROWS has "NAME INSTRUCTIONS" a line, as bench.sh leaves it; RELEASE is the kernel's; PREFIX
comes in front of what is printed.
Prints "target NAME: RATIO (limit L) met|missed" for each target, and writes all to
JSON. The exit status is 0: what is missed is a figure to report, not a failure.
"""
import json
import sys

# What, beside what, at most: rows of one boot.
TARGETS = [
    ("udp-round-trip-64", "uchan_rt_64", "wg_rt_64", 0.45),
    ("udp-round-trip-1300", "uchan_rt_1300", "wg_rt_1300", 0.45),
    ("udp-round-trip-16384", "uchan_rt_16384", "wg_rt_16384", 0.35),
    ("udp-one-way-64", "uchan_ow_64", "wg_ow_64", 0.60),
    ("udp-one-way-1300", "uchan_ow_1300", "wg_ow_1300", 0.50),
    ("tcp-round-trip-64", "chan_rt_64", "ktls_rt_64", 0.95),
    ("tcp-round-trip-1300", "chan_rt_1300", "ktls_rt_1300", 0.95),
    ("tcp-round-trip-64-no-pad", "chan_rt_64", "nopad_rt_64", 1.00),
    ("tcp-round-trip-1300-no-pad", "chan_rt_1300", "nopad_rt_1300", 1.00),
    ("tcp-round-trip-16384-no-pad", "chan_rt_16384", "nopad_rt_16384", 0.95),
    ("tcp-one-way-64", "chan_ow_64", "nopad_ow_64", 0.80),
    ("tcp-one-way-1300", "chan_ow_1300", "nopad_ow_1300", 0.90),
    ("tcp-one-way-16384", "chan_ow_16384", "nopad_ow_16384", 0.95),
    ("tcp-one-way-sendmmsg-64", "chan_mm_64", "nopad_ow_64", 0.80),
    ("tcp-one-way-sendmmsg-1300", "chan_mm_1300", "nopad_ow_1300", 0.90),
    ("tcp-link-64", "link", "tcp_rt_64", 1.25),
    ("udp-link-64", "ulink", "udp_rt_64", 1.25),
    ("worker", "worker", "unix", 0.95),
    ("channels-100000", "scale", "chan_rt_64", 1.05),
    # The operations that are needed are at least 0.80 of the whole.
    ("xx-handshake", "xx_first", "xx_needed", 1 / 0.80),
    ("xx-handshake-of-known-peers", "xx_known", "xx_needed", 1 / 0.80),
]

# What has a limit of its own: instructions a message, bytes.
ABSOLUTE = [
    ("ratchet", "ratchet", 300),
    ("idle-channel", "idle", 4096),
]

# What a node, or a relay, in the middle adds: (through it - without it) of both.
FORWARDING = [
    ("tcp-forwarding", "via", "link", "rtcp", "tcp_rt_64", 0.70),
    ("udp-forwarding", "uvia", "ulink", "rudp", "udp_rt_64", 0.40),
]


def read_rows(path):
    """Rows by name."""
    with open(path, encoding="ascii") as lines:
        rows = {name: int(value) for name, value in map(str.split, lines)}
    if not rows:
        sys.exit(f"{path}: no rows")
    return rows


def found(rows):
    """Name, ratio and limit of each target that the rows say something of."""
    for name, ours, theirs, limit in TARGETS:
        if ours in rows and theirs in rows:
            yield name, rows[ours] / rows[theirs], limit
    for name, row, limit in ABSOLUTE:
        if row in rows:
            yield name, rows[row] / limit, 1.0
    if "side_by_side" in rows:
        yield "parallel-senders", 2 * rows["alone"] / rows["side_by_side"], 1 / 0.85
    for name, via, bare, relay, direct, limit in FORWARDING:
        if not {via, bare, relay, direct} - set(rows):
            yield name, ((rows[via] - rows[bare]) /
                         (rows[relay] - rows[direct])), limit


def main():
    """See above."""
    rows = read_rows(sys.argv[1])
    prefix = sys.argv[4] if len(sys.argv) > 4 else ""
    targets = list(found(rows))
    for name, ratio, limit in targets:
        print(f"target {prefix}{name}: {ratio:.2f} (limit {limit:.2f}) "
              f"{'met' if ratio <= limit else 'missed'}")
    with open(sys.argv[2], "w", encoding="ascii") as out:
        json.dump({"release": sys.argv[3], "rows": rows, "targets": [
            {"name": n, "ratio": round(r, 3), "limit": l, "met": r <= l}
            for n, r, l in targets]}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
