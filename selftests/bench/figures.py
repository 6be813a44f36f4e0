#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""figures.py RECORDED DIRECTORY: tables and charts of a recorded benchmark.

Writes DIRECTORY/figures.rst, and DIRECTORY/picture/bench-*.svg by matplotlib. The
same record gives the same bytes.
"""
import json
import os
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "ockam", "svg.fonttype": "none", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False})

# pylint: disable=wrong-import-position
from matplotlib import pyplot  # noqa: E402

OURS, THEIRS, BARE, STOCK = "#1f6f8b", "#c98a2b", "#bbbbbb", "#9c3d54"
SIZES = (("64", "64 B"), ("1300", "1300 B"), ("16384", "16 KiB"))

# Row without its size, what it is called, the colour of its bar.
UDP = (("uchan", "channel over a UDP link", OURS),
       ("wg", "UDP through WireGuard", THEIRS), ("udp", "UDP", BARE))
TCP = (("chan", "channel over a TCP link", OURS),
       ("ktls", "kTLS 1.3 AES-256-GCM", STOCK),
       ("nopad", "kTLS, TLS_RX_EXPECT_NO_PAD", THEIRS), ("tcp", "TCP", BARE))
SENDMMSG = (("chan_mm", "the same, sendmmsg()", None),)
# Name of the chart, its heading, what stands in it, the middle of a row's name.
GROUPS = (("udp-round-trip", "A round trip over UDP", UDP, "rt"),
          ("tcp-round-trip", "A round trip over TCP", TCP, "rt"),
          ("udp-one-way", "A message one way over UDP", UDP, "ow"),
          ("tcp-one-way", "A message one way over TCP", TCP, "ow"))
# What an encrypted round trip of 64 B costs: README's picture.
HEADLINE = (("stock_rt_64", "Ockam in user space, over TCP", STOCK),
            ("wg_rt_64", "UDP through WireGuard", THEIRS),
            ("ktls_rt_64", "kTLS 1.3 AES-256-GCM", THEIRS),
            ("chan_rt_64", "AF_OCKAM over TCP", OURS),
            ("uchan_rt_64", "AF_OCKAM over UDP", OURS))
OTHERS = (("worker", "worker to worker", "unix", "AF_UNIX datagrams"),
          ("link", "plain TCP link", "tcp_rt_64", "TCP"),
          ("ulink", "plain UDP link", "udp_rt_64", "UDP"),
          ("via", "TCP links through a node", "rtcp", "TCP, read/write relay"),
          ("uvia", "UDP links through a node", "rudp", "UDP, read/write relay"),
          ("scale", "channel beside 100,000 others", "chan_rt_64",
           "beside one other"),
          ("xx_first", "XX handshake, both sides", "xx_needed",
           "2 key pairs, 6 DH, 4 signatures"),
          ("xx_known", "XX, who have met before", "xx_needed", "the same"))


def save(figure, directory, name):
    """Without a date and a version, so that it changes with the record only."""
    figure.savefig(os.path.join(directory, "picture", f"bench-{name}.svg"),
                   metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    pyplot.close(figure)


def headline(rows, directory):
    """Bars on their side, the longest on top."""
    bars = [(rows[r], name, colour) for r, name, colour in HEADLINE if r in rows]
    figure, axes = pyplot.subplots(figsize=(6.4, 0.36 * len(bars) + 0.5))
    shown = axes.barh([b[1] for b in bars], [b[0] / 1000 for b in bars],
                      color=[b[2] for b in bars])
    axes.bar_label(shown, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("thousand instructions, encrypted round trip of 64 B, both ends")
    save(figure, directory, "headline")


def group(rows, directory, name, title, series, middle):
    """A chart of three sizes, each by what is cheapest at that size without crypto."""
    figure, many = pyplot.subplots(1, len(SIZES), figsize=(7.2, 2.3))
    for axes, (size, label) in zip(many, SIZES):
        bars = [(rows[f"{s}_{middle}_{size}"] / 1000, text, colour)
                for s, text, colour in series if f"{s}_{middle}_{size}" in rows]
        shown = axes.bar(range(len(bars)), [b[0] for b in bars],
                         color=[b[2] for b in bars])
        axes.bar_label(shown, fmt="%.0f", padding=2)
        axes.set_ylim(top=1.15 * max(b[0] for b in bars))
        axes.set_xticks([])
        axes.set_xlabel(label)
    many[0].set_ylabel("thousand instructions")
    figure.suptitle(title)
    figure.legend(shown.patches, [b[1] for b in bars], loc="lower center",
                  ncol=2, bbox_to_anchor=(0.5, -0.22), frameon=False)
    save(figure, directory, name)


def table(head, lines):
    """A simple table in reST."""
    cells = [head] + lines
    widths = [max(len(c[i]) for c in cells) for i in range(len(head))]
    rule = " ".join("=" * w for w in widths)
    text = [" ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
            for line in cells]
    return "\n".join([rule, text[0], rule] + text[1:] + [rule, ""])


def number(rows, name):
    """As people write it."""
    return f"{rows[name]:,}" if name in rows else "."


def heading(text, line="="):
    """With its line."""
    return f"{text}\n{line * len(text)}\n"


def page(record):
    """figures.rst."""
    rows = record["rows"]
    part = [".. SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause\n"
            ".. Made by make bench-figures: do not edit.\n",
            f"{'=' * 7}\n{heading('Figures')}",
            f"Of one boot of Debian's {record['release']}, in guest instructions of\n"
            "both ends together: how that is measured, and what stands in the way where\n"
            "a target is missed, is in performance.rst. ``make bench`` prints them anew,\n"
            "``make bench-record`` and ``make bench-figures`` make this page, and ``make\n"
            "bench-check`` fails where a row costs 3 % more than here.\n",
            ".. image:: picture/bench-headline.svg\n"]
    for name, title, series, middle in GROUPS:
        if series is TCP and middle == "ow":
            series = TCP[:1] + SENDMMSG + TCP[1:]
        part += [heading(title), f".. image:: picture/bench-{name}.svg\n",
                 table(["", *(label for _, label in SIZES)],
                       [[text, *(number(rows, f"{s}_{size}" if s == "chan_mm" else
                                        f"{s}_{middle}_{size}")
                                 for size, _ in SIZES)]
                        for s, text, _ in series])]
    part += [heading("Others"),
             table(["workload, of 64 B", "cost", "beside", "cost "],
                   [[text, number(rows, ours), beside, number(rows, theirs)]
                    for ours, text, theirs, beside in OTHERS if ours in rows])]
    if "idle" in rows:
        part.append(f"An idle channel takes {number(rows, 'idle')} bytes of Slab at each "
                    "end. The ratchet costs\n"
                    f"{number(rows, 'ratchet')} instructions a message, both ends, on "
                    "average.\n")
    part += [heading("Targets"),
             "At most the limit is met.\n",
             table(["target", "ratio", "limit", ""],
                   [[t["name"], f"{t['ratio']:.2f}", f"{t['limit']:.2f}",
                     "met" if t["met"] else "missed"] for t in record["targets"]])]
    return "\n".join(part)


def main():
    """See above."""
    with open(sys.argv[1], encoding="ascii") as record:
        record = json.load(record)
    directory = sys.argv[2]
    headline(record["rows"], directory)
    for name, title, series, middle in GROUPS:
        group(record["rows"], directory, name, title, series, middle)
    with open(os.path.join(directory, "figures.rst"), "w", encoding="ascii") as out:
        out.write(page(record))


if __name__ == "__main__":
    main()
