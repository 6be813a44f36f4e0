#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""draw.py TEXT: an SVG, on standard output, of a picture drawn with characters.

+ - | are the corners and sides of boxes, > < ^ v are the heads of arrows whose
shafts are - = |, and everything else is text.
"""
import re
import sys
from html import escape

CELL_X, CELL_Y, PAD = 8, 16, 12


def x(col):
    return PAD + col * CELL_X + CELL_X / 2


def y(row):
    return PAD + row * CELL_Y + CELL_Y / 2


def boxes(rows):
    """Each pair of equal lines +---+ below each other, the nearest ones."""
    for top, line in enumerate(rows):
        for edge in re.finditer(r"\+-+\+", line):
            left, right = edge.start(), edge.end()
            if top and rows[top - 1][left:left + 1] == "|":
                continue
            for bottom in range(top + 1, len(rows)):
                if rows[bottom][left:right] == edge.group():
                    yield top, left, bottom, right - 1
                    break


def blank(rows, row, start, end):
    rows[row] = rows[row][:start] + " " * (end - start) + rows[row][end:]


def draw(text):
    rows = text.rstrip("\n").split("\n")
    width = max(map(len, rows))
    rows = [row.ljust(width) for row in rows]
    out = []

    for top, left, bottom, right in list(boxes(rows)):
        out.append(f'<rect x="{x(left)}" y="{y(top)}" width="{x(right) - x(left)}" '
                   f'height="{y(bottom) - y(top)}" rx="5"/>')
        for row in range(top, bottom + 1):
            if row in (top, bottom):
                blank(rows, row, left, right + 1)
            else:
                blank(rows, row, left, left + 1)
                blank(rows, row, right, right + 1)

    # Sideways: a shaft of two at least, with a head or two.
    for n, row in enumerate(list(rows)):
        for m in re.finditer(r"<?[-=]{2,}>?", row):
            heads = "".join(
                f' marker-{where}="url(#a)"' for where, char in
                (("start", m.group()[0]), ("end", m.group()[-1]))
                if char in "<>")
            if not heads:
                continue
            wide = ' class="wide"' if "=" in m.group() else ""
            out.append(f'<path{wide}{heads} d="M{x(m.start()) - 2} {y(n)}'
                       f'H{x(m.end() - 1) + 2}"/>')
            blank(rows, n, m.start(), m.end())

    # Upwards and downwards.
    for col in range(width):
        n = 0
        while n < len(rows):
            run = n
            while run < len(rows) and rows[run][col] in "|^v" and \
                    rows[run][col - 1:col].strip() == "" and \
                    rows[run][col + 1:col + 2].strip() == "":
                run += 1
            shaft = "".join(rows[k][col] for k in range(n, run))
            if run - n >= 2 and ("^" in shaft or "v" in shaft) and \
                    "|" in shaft:
                start, end = (run - 1, n) if "^" in shaft else (n, run - 1)
                sign = 5 if end > start else -5
                out.append(f'<path marker-end="url(#a)" d="M{x(col)} '
                           f'{y(start) - sign}V{y(end) + sign}"/>')
                for k in range(n, run):
                    blank(rows, k, col, col + 1)
            n = max(run, n + 1)

    for n, row in enumerate(rows):
        for m in re.finditer(r"\S+(?: \S+)*", row):
            out.append(f'<text x="{x(m.start()) - CELL_X / 2}" y="{y(n) + 4}" '
                       f'textLength="{len(m.group()) * CELL_X}">'
                       f'{escape(m.group())}</text>')

    w, h = 2 * PAD + width * CELL_X, 2 * PAD + len(rows) * CELL_Y
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" '
        f'width="{w}" height="{h}">',
        "<!-- SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause -->",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" '
        'orient="auto-start-reverse"><path class="head" d="M0 0L8 4L0 8z"/>'
        "</marker></defs>",
        "<style>svg{background:#fff}rect{fill:#eef4fb;stroke:#345}"
        "path{fill:none;stroke:#345;stroke-width:1.5}.wide{stroke-width:3}"
        ".head{fill:#345;stroke:none}"
        "text{font:13px monospace;fill:#123}</style>",
        *out, "</svg>", ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as f:
        sys.stdout.write(draw(f.read()))
