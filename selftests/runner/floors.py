#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""floors.py FLOORS OBJECTS [SOURCES]: do calls run one way?

FLOORS lists the rooms (object files without .o), a floor a line, the ground
first; "up A B" excuses the calls from A to B. OBJECTS is the directory with the
built objects, SOURCES the one with what they were made of, if that is another.
Prints each call that runs upwards, each room without a floor and each excuse that
nothing needs; exit status 1 if there was any.
"""
import pathlib
import subprocess
import sys


def symbols(obj):
    """The global symbols that an object has, and those that it wants."""
    out = subprocess.run(["nm", "-P", obj], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    lines = [line.split() for line in out.splitlines()]
    return ({name for name, kind, *_ in lines if kind.isupper() and kind != "U"},
            {name for name, kind, *_ in lines if kind == "U"})


def read_floors(path):
    floor, excused = {}, set()
    for number, line in enumerate(open(path, encoding="ascii")):
        words = line.split("#")[0].split()
        if words[:1] == ["up"]:
            excused.add(tuple(words[1:]))
        else:
            floor.update((room, number) for room in words)
    return floor, excused


def main():
    floor, excused = read_floors(sys.argv[1])
    built = pathlib.Path(sys.argv[2])
    sources = pathlib.Path(sys.argv[-1])
    # What an earlier build left of a file that is gone has no source.
    objects = {o.stem: symbols(o) for o in built.rglob("*.o")
               if (sources / o.relative_to(built)).with_suffix(".c").exists()
               and not o.stem.endswith(".mod")}
    home = {name: room for room, (has, _) in objects.items() for name in has}
    wrong = [f"{room}: has no floor" for room in objects if room not in floor]
    wrong += [f"{room}: there is no such room" for room in floor
              if room not in objects]
    for room, (_, wants) in sorted(objects.items()):
        for name in sorted(wants & home.keys()):
            to = home[name]
            if floor.get(room, 0) >= floor.get(to, 0) or (room, to) in excused:
                continue
            wrong.append(f"{room} -> {to}: {name}() is on a floor above")
    wrong += unused(excused, objects, home)
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong or not objects else 0


def unused(excused, objects, home):
    calls = {(room, home[name]) for room, (_, wants) in objects.items()
             for name in wants & home.keys()}
    return [f"up {' '.join(pair)}: nothing needs that any more"
            for pair in sorted(excused - calls)]


if __name__ == "__main__":
    sys.exit(main())
